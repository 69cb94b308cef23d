//! What is concluded from trips. Every conclusion can be derived again from the evidence, and says
//! which data and rules it came from.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::id::{ActorId, CanaryId, IncidentId, MuteId, TripId};
use crate::link::{Confidence, Group};
use crate::network::{Agreement, TorExit};
use crate::phrase::network as phrase;
use crate::time::Timestamp;

/// What a trip probably is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Someone who has the bait used it.
    Intruder,
    /// A crawler, scanner or other program that follows what it finds.
    Automated,
    /// A link preview or mail gateway.
    Preview,
    /// A later repetition of something already seen, by a resolver or security vendor.
    Echo,
    /// From one of the operator's own addresses. A compromised host of ours is the likeliest
    /// intruder, so it alerts too.
    Own,
    /// Announced by the operator beforehand.
    Drill,
}

impl Verdict {
    /// All of them, in the order they are shown.
    pub const ALL: [Self; 6] = [
        Self::Intruder,
        Self::Own,
        Self::Automated,
        Self::Preview,
        Self::Echo,
        Self::Drill,
    ];

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Intruder => "intruder",
            Self::Automated => "automated",
            Self::Preview => "preview",
            Self::Echo => "echo",
            Self::Own => "own",
            Self::Drill => "drill",
        }
    }
}

/// A verdict with its reasons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// Why, a sentence each. Never holds text the peer chose.
    pub reasons: Vec<String>,
    /// Version of the rules that gave it.
    pub rules: u32,
}

/// What is known of the network an address belongs to. Describes an endpoint, never a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkFacts {
    /// ISO 3166-1 alpha-2 country.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// City, where a source gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// Latitude and longitude in millionths of a degree, where a source gives them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coordinates: Option<(i64, i64)>,
    /// How far off the place may be, in kilometres; `None` for a whole country.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub radius_km: Option<u32>,
    /// Number of the autonomous system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asn: Option<u32>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_name: Option<String>,
    /// Why there is no place: `loopback`, `private`, `documentation`, `reserved`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub special: Option<String>,
    /// The published lists the address is in, the narrowest network first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lists: Vec<Listed>,
    /// Why no city, coordinates or radius are given, although a source may have them: who uses the address need
    /// not be where its machine is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unplaced_because: Option<String>,
    /// Whether its line is known to be a fixed or a mobile one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<NetworkLine>,
    /// How far the sources agree about the country.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<Agreement>,
    /// Whether it was an exit of the Tor network at the time of the trip; `None` where there are no lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tor_exit: Option<TorExit>,
    /// The databases that were asked and answered: name and date, `DB-IP country lite 2026-06-01`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// True where the place comes from made-up data for a demonstration.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exercise: bool,
}

impl NetworkFacts {
    /// The lists it is in, in words: `scanner (Censys)`.
    #[must_use]
    pub fn listed(&self) -> Vec<String> {
        let words = |listed: &Listed| format!("{} ({})", listed.class.word(), listed.name);
        self.lists.iter().map(words).collect()
    }

    /// How well founded the country is, as a place of whoever used the address. Low where that is not where the
    /// machine stands.
    #[must_use]
    pub fn confidence(&self) -> Confidence {
        match (&self.country, &self.agreement) {
            (None, _) => Confidence::None,
            (Some(_), _) if self.unplaced_because.is_some() => Confidence::Low,
            (Some(_), Some(agreement)) => agreement.confidence(),
            (Some(_), None) => Confidence::Moderate,
        }
    }

    /// Whether it is in a list of this class.
    #[must_use]
    pub fn is_listed(&self, class: NetworkClass) -> bool {
        self.lists.iter().any(|listed| listed.class == class)
    }
}

/// What sort of line an address is at the end of, as a source has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkLine {
    /// Cable, DSL, fibre, an office.
    Fixed,
    /// A cellular network: its addresses are given out far from where they are used.
    Mobile,
}

/// What a network is used for, as a published list has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkClass {
    /// Scans the whole internet, for research or sale.
    Scanner,
    /// Follows every link.
    Crawler,
    /// Shows what is behind links in messages.
    Preview,
    /// Carries mail, and looks at links in it.
    Mail,
    /// Companies' people go out through it.
    Gateway,
    /// Rents out machines.
    Cloud,
    /// Serves others' content, and fetches it.
    Content,
    /// Hides its customers' addresses.
    Vpn,
    /// Hides its users' addresses, as part of a device.
    Relay,
    /// Asks name servers for others.
    Resolver,
    /// Leads out of the Tor network.
    Tor,
    /// Hides whoever uses it, in some other way.
    Proxy,
    /// Announced in many places at once.
    Anycast,
    /// Reached by satellite.
    Satellite,
    /// Held by criminals, as a list has it that networks drop all traffic by.
    Drop,
}

impl NetworkClass {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Scanner,
        Self::Crawler,
        Self::Preview,
        Self::Mail,
        Self::Gateway,
        Self::Cloud,
        Self::Content,
        Self::Vpn,
        Self::Relay,
        Self::Resolver,
        Self::Tor,
        Self::Proxy,
        Self::Anycast,
        Self::Satellite,
        Self::Drop,
    ];

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Scanner => "scanner",
            Self::Crawler => "crawler",
            Self::Preview => "preview",
            Self::Mail => "mail",
            Self::Gateway => "gateway",
            Self::Cloud => "cloud",
            Self::Content => "content",
            Self::Vpn => "vpn",
            Self::Relay => "relay",
            Self::Resolver => "resolver",
            Self::Tor => "tor",
            Self::Proxy => "proxy",
            Self::Anycast => "anycast",
            Self::Satellite => "satellite",
            Self::Drop => "drop",
        }
    }

    /// Why a machine in such a network says nothing of where its user is; `None` where it may.
    #[must_use]
    pub const fn hides_place(self) -> Option<&'static str> {
        match self {
            Self::Tor => Some(phrase::TOR_HIDES.en),
            Self::Vpn => Some(phrase::VPN_HIDES.en),
            Self::Relay => Some(phrase::RELAY_HIDES.en),
            Self::Proxy => Some(phrase::PROXY_HIDES.en),
            Self::Anycast => Some(phrase::ANYCAST_HIDES.en),
            Self::Satellite => Some(phrase::SATELLITE_HIDES.en),
            Self::Cloud => Some(phrase::CLOUD_HIDES.en),
            Self::Content => Some(phrase::CONTENT_HIDES.en),
            Self::Gateway => Some(phrase::GATEWAY_HIDES.en),
            Self::Resolver => Some(phrase::RESOLVER_HIDES.en),
            Self::Scanner | Self::Crawler | Self::Preview | Self::Mail | Self::Drop => None,
        }
    }
}

/// One published list that an address is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// What its networks are used for.
    pub class: NetworkClass,
    /// Whose they are, `Censys`.
    pub name: String,
}

/// How much a piece of evidence can carry (after the Admiralty code): source, then information.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Grade {
    /// Seen by the station itself: a socket address, a key that was minted for one place.
    A1,
    /// Seen by the station, but shared by many: a network, a program's habits.
    B3,
    /// Only the peer's word.
    E4,
}

/// One reason why a trip is linked to an actor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Which signal: `address`, `fingerprint`, `first`.
    pub signal: String,
    /// What was equal, in words fit to print.
    pub detail: String,
    /// The earlier trip it links to; `None` for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<TripId>,
    /// How much it carries.
    pub grade: Grade,
    /// What sort of evidence it is, where it was weighed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Group>,
    /// Its weight in hundredths of a bit: for one hand, or against it where negative. 0: nothing was weighed, or
    /// something else of its group counts.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub centibits: i32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_zero(number: &i32) -> bool {
    *number == 0
}

/// Which program a trip was probably made with. Derived from the trip alone, each time it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// Its name; of several that look the same all, `curl or git`. `None`: in no table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The known program that it says it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed: Option<String>,
    /// Whether what was seen contradicts what it says.
    pub contradicts: bool,
    /// Why, a sentence each. Never holds text the peer chose.
    pub reasons: Vec<String>,
    /// Version of the rules and tables that gave it.
    pub rules: u32,
}

/// Everything concluded about one trip.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conclusion {
    /// Which trip.
    pub trip: TripId,
    /// Its network.
    pub network: NetworkFacts,
    /// What it probably is.
    pub judgement: Judgement,
    /// The incident it was folded into.
    pub incident: IncidentId,
    /// The actor it was linked to.
    pub actor: ActorId,
    /// Why that actor.
    pub evidence: Vec<Evidence>,
    /// The session it belongs to, by its first trip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<TripId>,
    /// The operator's mute that covers it, if one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mute: Option<MuteId>,
}

/// Whether an incident still wants somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IncidentState {
    /// New.
    Open,
    /// Somebody has seen it.
    Acknowledged,
    /// Done with.
    Closed,
}

/// What of an incident is still to be told, because it came while its trips were muted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Untold {
    /// All that was worth an alert was told.
    #[default]
    Nothing,
    /// All of it: no trip so far came unmuted.
    All,
    /// That it went on, or grew graver.
    More,
}

impl Untold {
    /// Whether there is nothing.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::Nothing
    }
}

/// Trips folded together for a person to act on: one canary, one actor, one stretch of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Its name.
    pub id: IncidentId,
    /// Which canary.
    pub canary: CanaryId,
    /// Which actor.
    pub actor: ActorId,
    /// The gravest verdict among its trips.
    pub verdict: Verdict,
    /// Time of the first trip.
    pub first: Timestamp,
    /// Time of the last trip.
    pub last: Timestamp,
    /// How many uses.
    pub count: u64,
    /// The newest trip.
    pub latest: TripId,
    /// Whether it still wants somebody.
    pub state: IncidentState,
    /// What mutes kept back.
    #[serde(default, skip_serializing_if = "Untold::is_nothing")]
    pub untold: Untold,
}

/// Trips judged to be one hand. Holds network facts and programs, never a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// Its name.
    pub id: ActorId,
    /// Time of the first trip.
    pub first: Timestamp,
    /// Time of the last trip.
    pub last: Timestamp,
    /// How many uses.
    pub count: u64,
    /// Source addresses, first seen first, at most 64.
    pub addresses: Vec<IpAddr>,
    /// Client fingerprints, first seen first, at most 64.
    pub fingerprints: Vec<String>,
    /// Canaries touched, in order, at most 64.
    pub canaries: Vec<CanaryId>,
    /// The newest trip.
    pub latest: TripId,
}
