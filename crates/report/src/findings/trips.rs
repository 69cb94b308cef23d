//! The trips themselves, and the timeline they fold into.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use lapwing_core::{ActorId, CanaryId, Carrier, Claims, DecoyOutcome, Timestamp, Tool, Verdict};
use serde::Serialize;

use super::show::{self, Show};
use super::{Context, at, canaries, clock, intent, last_of, networks, uses_of};
use crate::words::{Words, fill};
use crate::{ReportTrip, world};

/// Trips of one actor, canary and call that follow each other within this many seconds are one line
/// of the timeline.
const EPISODE_GAP: i64 = 1_800;

/// One record.
#[derive(Debug, Serialize)]
pub(crate) struct TripFinding {
    pub(crate) id: String,
    pub(crate) time: String,
    /// Last use a flood summary stands for.
    pub(crate) last: String,
    pub(crate) uses: u64,
    pub(crate) canary: String,
    pub(crate) title: String,
    pub(crate) kind: String,
    /// The handles presented, `auth_token (basic)`.
    pub(crate) presented: Vec<String>,
    pub(crate) verdict: Verdict,
    pub(crate) reasons: Vec<String>,
    pub(crate) actor: String,
    pub(crate) actor_name: String,
    pub(crate) incident: String,
    pub(crate) source: String,
    /// `ipv4` or `ipv6`.
    pub(crate) family: &'static str,
    pub(crate) country: Option<String>,
    pub(crate) country_name: Option<String>,
    pub(crate) asn: Option<u32>,
    pub(crate) as_name: Option<String>,
    pub(crate) special: Option<String>,
    /// What published lists say the network is used for.
    pub(crate) listed: Vec<String>,
    pub(crate) data: Vec<String>,
    pub(crate) caution: &'static str,
    pub(crate) listener: String,
    /// What carried it: `tcp` or `udp`.
    pub(crate) transport: &'static str,
    /// The operator's own application that reported it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) observer: Option<String>,
    /// Whether the source is a resolver, which asked on behalf of somebody.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) resolver: bool,
    pub(crate) protocol: String,
    pub(crate) call: String,
    pub(crate) outcome: DecoyOutcome,
    pub(crate) status: u16,
    pub(crate) size: u64,
    pub(crate) fingerprint: String,
    /// Its handshake and its way to speak HTTP: `ja3`, `ja4`, `h2`, `h1`.
    pub(crate) signals: BTreeMap<String, String>,
    /// The program it was probably made with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tool: Option<Tool>,
    /// What the peer calls its program; only a plain `name/version` in the masked profile.
    pub(crate) program: Option<String>,
    /// What only the full profile has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) full: Option<FullTrip>,
    /// What of it was erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) erased: Option<ErasedFinding>,
    /// Where the canary stands; in JSON it is with the canary.
    #[serde(skip)]
    pub(crate) place: Option<String>,
    #[serde(skip)]
    pub(crate) chart: Chart,
    /// `time` and `last` in milliseconds since 1970; whole seconds in the masked profile.
    #[serde(skip)]
    pub(crate) millis: (i64, i64),
    /// Whether a credential was presented, rather than an address opened or a name given.
    #[serde(skip)]
    pub(crate) credential: bool,
}

impl TripFinding {
    /// Its JA4, if that is one.
    pub(crate) fn ja4(&self) -> Option<&str> {
        let plain = |text: &&String| {
            (1..=64).contains(&text.len())
                && (text.bytes()).all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        self.signals.get("ja4").filter(plain).map(String::as_str)
    }

    /// Its JA3, if that is one.
    pub(crate) fn ja3(&self) -> Option<&str> {
        let md5 =
            |text: &&String| text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        self.signals.get("ja3").filter(md5).map(String::as_str)
    }
}

/// What only the full profile shows.
#[derive(Debug, Serialize)]
pub(crate) struct FullTrip {
    /// UTC with microseconds: what a network operator needs beside address and port.
    pub(crate) time_precise: String,
    pub(crate) source_port: u16,
    /// The other end of the socket, where a configured proxy stood between.
    pub(crate) proxy: Option<String>,
    pub(crate) local: String,
    pub(crate) method: Option<String>,
    pub(crate) host: Option<String>,
    pub(crate) target: Option<String>,
    pub(crate) forwarding: Vec<String>,
    pub(crate) captured: BTreeMap<String, Vec<String>>,
    /// Times of all uses in a summary.
    pub(crate) times: Vec<String>,
    /// The request as lines, control characters escaped, links taken apart.
    pub(crate) raw: Option<String>,
    /// SHA-256 of the kept bytes, first 16 hex digits.
    pub(crate) raw_digest: Option<String>,
    /// The whole of it.
    pub(crate) raw_sha256: Option<String>,
    pub(crate) raw_truncated: bool,
    /// `local` taken apart.
    #[serde(skip)]
    pub(crate) socket: SocketAddr,
}

impl ErasedFinding {
    /// `erased: raw, 2026-12-01 10:00:00: asked for by whom it concerns`.
    pub(crate) fn words(&self, words: &Words) -> String {
        let parts: Vec<&str> = self.parts.iter().map(|part| words.part(part)).collect();
        let mut text = fill(words.erased_parts, &[("parts", &parts.join(", "))]);
        if let Some(time) = &self.time {
            text.push_str(&format!(", {} UTC", clock(time)));
        }
        if let Some(reason) = &self.reason {
            text.push_str(&format!(": {reason}"));
        }
        text
    }
}

/// What the timeline drawing needs.
#[derive(Debug)]
pub(crate) struct Chart {
    pub(crate) canary: CanaryId,
    pub(crate) actor: ActorId,
    pub(crate) times: (Timestamp, Timestamp),
}

/// What of a trip was erased.
#[derive(Debug, Serialize)]
pub(crate) struct ErasedFinding {
    /// The names of the parts in the log.
    pub(crate) parts: Vec<String>,
    /// When that was asked for, if the ledger says so.
    pub(crate) time: Option<String>,
    /// The operator's reason; full profile only.
    pub(crate) reason: Option<String>,
}

fn gone(show: Show, erased: &crate::Erased) -> ErasedFinding {
    let crate::Erased { parts, why } = erased;
    ErasedFinding {
        parts: parts.iter().map(|part| show.own(part)).collect(),
        time: why.as_ref().map(|why| at(why.time)),
        reason: { why.as_ref() }
            .filter(|_| show.full())
            .map(|why| show.own(&why.reason)),
    }
}

/// Trips that belong together in the timeline.
#[derive(Debug, Serialize)]
pub(crate) struct Episode {
    pub(crate) first: String,
    pub(crate) last: String,
    pub(crate) actor: String,
    pub(crate) canary: String,
    pub(crate) title: String,
    pub(crate) call: String,
    pub(crate) verdict: Verdict,
    pub(crate) sources: u64,
    pub(crate) trips: u64,
    pub(crate) uses: u64,
    /// Whether a record in it is the summary of a flood.
    pub(crate) flood: bool,
}

/// Derives the records in order of time.
pub(super) fn derive(context: &Context<'_>) -> Vec<TripFinding> {
    context
        .trips
        .iter()
        .map(|one| finding(context, one))
        .collect()
}

fn finding(context: &Context<'_>, one: &ReportTrip) -> TripFinding {
    let show = context.show;
    let (trip, conclusion) = (&one.trip, &one.conclusion);
    let network = &conclusion.network;
    let country = network.country.as_deref().and_then(world::country);
    TripFinding {
        id: trip.id.to_string(),
        time: at(trip.observed.time),
        last: at(last_of(one)),
        uses: uses_of(one),
        canary: trip.canary.to_string(),
        title: context.title(trip.canary),
        kind: show.own(&trip.kind),
        presented: trip
            .fields
            .iter()
            .map(|field| show.own(&canaries::presented(field, context.words)))
            .collect(),
        verdict: conclusion.judgement.verdict,
        reasons: conclusion
            .judgement
            .reasons
            .iter()
            .map(|reason| show.said(reason))
            .collect(),
        actor: conclusion.actor.to_string(),
        actor_name: context.actor(conclusion.actor),
        incident: conclusion.incident.to_string(),
        source: show.address(trip.observed.source().ip()),
        family: match trip.observed.source().ip().to_canonical() {
            IpAddr::V4(_) => "ipv4",
            IpAddr::V6(_) => "ipv6",
        },
        country: country.map(|country| country.code.to_owned()),
        country_name: country.map(|country| country.name_in(context.words.language).to_owned()),
        asn: network.asn,
        as_name: network.as_name.as_deref().map(|name| show.own(name)),
        special: network.special.as_deref().map(|why| show.own(why)),
        listed: networks::listed(show, network),
        data: network
            .sources
            .iter()
            .map(|text| show.source(text))
            .collect(),
        caution: context.words.caution,
        listener: show.own(&trip.observed.listener),
        transport: transport(&trip.observed.protocol),
        observer: trip.observed.observer.as_deref().map(|name| show.own(name)),
        resolver: trip.observed.is_relayed(),
        protocol: show.own(&trip.observed.protocol),
        call: intent::call_name(context, &trip.decoy.rule),
        outcome: trip.decoy.outcome,
        status: trip.decoy.status,
        size: trip.observed.size,
        fingerprint: show.own(
            &trip
                .observed
                .fingerprint
                .chars()
                .take(64)
                .collect::<String>(),
        ),
        signals: (trip.observed.signals.iter())
            .map(|(name, value)| (show.own(name), show.own(value)))
            .collect(),
        tool: one.tool.as_ref().map(|tool| context.words.tool(tool)),
        program: program(show, one),
        full: show.full().then(|| full(show, one)),
        erased: context
            .erased
            .get(&trip.id)
            .map(|erased| gone(show, erased)),
        place: context.places.get(&trip.canary).cloned(),
        chart: Chart {
            canary: trip.canary,
            actor: conclusion.actor,
            times: (trip.observed.time, last_of(one)),
        },
        millis: (millis(show, trip.observed.time), millis(show, last_of(one))),
        credential: trip.fields.iter().any(|field| is_credential(field.carrier)),
    }
}

fn millis(show: Show, time: Timestamp) -> i64 {
    if show.full() {
        time.micros().div_euclid(1_000)
    } else {
        time.seconds().saturating_mul(1_000)
    }
}

fn is_credential(carrier: Carrier) -> bool {
    match carrier {
        Carrier::Header
        | Carrier::Basic
        | Carrier::Bearer
        | Carrier::Sigv4
        | Carrier::Cookie
        | Carrier::Form
        | Carrier::Json
        | Carrier::Body
        | Carrier::User
        | Carrier::Password
        | Carrier::Key
        | Carrier::Certificate => true,
        Carrier::Host
        | Carrier::Path
        | Carrier::Query
        | Carrier::Name
        | Carrier::Mailbox
        | Carrier::Message => false,
    }
}

/// What carries a protocol of a listener's.
fn transport(protocol: &str) -> &'static str {
    if protocol.starts_with("wireguard") || protocol == "dns/udp" {
        "udp"
    } else {
        "tcp"
    }
}

fn full(show: Show, one: &ReportTrip) -> FullTrip {
    let trip = &one.trip;
    let hosts = hosts(one);
    let claims = trip.claims.as_ref();
    let peer =
        |pick: fn(&Claims) -> &str| claims.and_then(|claims| show.peer(pick(claims), &hosts));
    let captured = claims.into_iter().flat_map(|claims| &claims.captured);
    FullTrip {
        time_precise: trip.observed.time.to_string(),
        source_port: trip.observed.source().port(),
        proxy: trip
            .observed
            .forwarded
            .map(|_| trip.observed.peer.to_string()),
        local: trip.observed.local.to_string(),
        method: peer(|claims| claims.method.open("shown escaped")),
        host: peer(|claims| claims.host.open("shown escaped")),
        target: peer(|claims| claims.target.open("shown escaped")),
        forwarding: claims
            .into_iter()
            .flat_map(|claims| &claims.forwarding)
            .filter_map(|(name, value)| {
                show.peer(&format!("{name}: {}", value.open("shown escaped")), &hosts)
            })
            .collect(),
        captured: captured
            .map(|(name, values)| {
                let values = values.open("shown escaped").iter();
                (
                    show.own(name),
                    values
                        .filter_map(|value| show.peer(value, &hosts))
                        .collect(),
                )
            })
            .collect(),
        times: trip.times.iter().map(|time| at(*time)).collect(),
        raw: one.raw.as_deref().and_then(|raw| show.raw(raw, &hosts)),
        raw_digest: one.raw.as_deref().map(show::short_digest),
        raw_sha256: one.raw.as_deref().map(show::digest),
        raw_truncated: trip.observed.truncated,
        socket: trip.observed.local,
    }
}

fn hosts(one: &ReportTrip) -> Vec<String> {
    let claimed = one
        .trip
        .claims
        .as_ref()
        .map(|claims| claims.host.open("to take it apart").as_str());
    show::hosts(claimed, one.raw.as_deref())
}

/// What the peer calls its program. A handle that came in a header may stand in that very header,
/// so then it is left out of the masked profile.
pub(super) fn program(show: Show, one: &ReportTrip) -> Option<String> {
    let hidden = one
        .trip
        .fields
        .iter()
        .any(|field| field.carrier == Carrier::Header);
    if hidden && !show.full() {
        return None;
    }
    let agent = one.trip.claims.as_ref()?.agent.open("shown escaped");
    show.program(agent, &hosts(one))
}

/// Folds trips into the lines of the timeline, in order of first use.
pub(super) fn episodes(context: &Context<'_>) -> Vec<Episode> {
    let mut open: BTreeMap<(ActorId, CanaryId, &str, Verdict), usize> = BTreeMap::new();
    let mut out: Vec<(
        Episode,
        Timestamp,
        std::collections::BTreeSet<std::net::IpAddr>,
    )> = Vec::new();
    for one in &context.trips {
        let verdict = one.conclusion.judgement.verdict;
        let key = (
            one.conclusion.actor,
            one.trip.canary,
            one.trip.decoy.rule.as_str(),
            verdict,
        );
        let time = one.trip.observed.time;
        let joins = open
            .get(&key)
            .copied()
            .filter(|index| time.seconds_since(out[*index].1) <= EPISODE_GAP);
        let index = joins.unwrap_or_else(|| {
            out.push((
                episode(context, one),
                time,
                std::collections::BTreeSet::new(),
            ));
            out.len() - 1
        });
        open.insert(key, index);
        let (episode, last, addresses) = &mut out[index];
        *last = last_of(one).max(*last);
        addresses.insert(one.trip.observed.source().ip().to_canonical());
        episode.last = at(*last);
        episode.sources = addresses.len() as u64;
        episode.trips += 1;
        episode.uses += uses_of(one);
        episode.flood |= one.trip.count > 1;
    }
    out.into_iter().map(|(episode, ..)| episode).collect()
}

fn episode(context: &Context<'_>, one: &ReportTrip) -> Episode {
    Episode {
        first: at(one.trip.observed.time),
        last: at(one.trip.observed.time),
        actor: context.actor(one.conclusion.actor),
        canary: one.trip.canary.to_string(),
        title: context.title(one.trip.canary),
        call: intent::call_name(context, &one.trip.decoy.rule),
        verdict: one.conclusion.judgement.verdict,
        sources: 0,
        trips: 0,
        uses: 0,
        flood: false,
    }
}
