//! The parts of a message about an incident. What is left out here is left out of every channel:
//! target, headers, body and captured values never get this far.

use std::collections::BTreeMap;
use std::net::IpAddr;

use lapwing_core::{
    ActorId, CanaryId, DecoyOutcome, IncidentId, NetworkFacts, Trip, TripId, Verdict, text,
};
use serde::{Deserialize, Serialize};

use crate::message::IncidentFacts;
use crate::scrub::Scrub;

/// The incident a message is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentPart {
    /// Its name.
    pub id: IncidentId,
    /// Which actor.
    pub actor: ActorId,
    /// The gravest verdict among its trips.
    pub verdict: Verdict,
    /// Why the newest trip was judged as it was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// Version of the rules that judged.
    pub rules: u32,
    /// Time of the first trip.
    pub first: String,
    /// Time of the last trip.
    pub last: String,
    /// How many uses.
    pub uses: u64,
    /// What was used.
    pub bait: BaitPart,
    /// The newest trip.
    pub trip: TripPart,
    /// Where it came from.
    pub network: NetworkPart,
}

/// What was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaitPart {
    /// Which canary.
    pub canary: CanaryId,
    /// Its kind (`twilio`).
    pub kind: String,
    /// The kind's name (`Twilio account`).
    pub kind_name: String,
    /// The operator's words on it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub memo: String,
    /// The operator's labels, at most 10.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Where it stands; missing if it was never planted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// One trip, as far as it may leave the station.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TripPart {
    /// Its name.
    pub id: TripId,
    /// When.
    pub time: String,
    /// How many uses its record stands for.
    pub uses: u64,
    /// The protocol spoken.
    pub protocol: String,
    /// The method, if it is a known one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// What the program called itself: only its word, masked and escaped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Which handles were found where, `account_sid (basic)`.
    pub found: Vec<String>,
    /// The operator's own application that was shown the value, by the name of its credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observer: Option<String>,
    /// Whether a DNS resolver asked, on behalf of somebody who is not seen.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resolver: bool,
    /// The decoy's rule: from the catalogue, without values.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rule: String,
    /// What the decoy made of it.
    pub outcome: DecoyOutcome,
    /// The status sent.
    pub status: u16,
}

/// The network endpoint a trip came from. Never a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkPart {
    /// Source address.
    pub address: IpAddr,
    /// The configured proxy that vouched for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<IpAddr>,
    /// ISO 3166-1 alpha-2 country.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// City.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// How far off the place may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub radius_km: Option<u32>,
    /// Autonomous system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asn: Option<u32>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_name: Option<String>,
    /// Why there is no place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub special: Option<String>,
    /// What published lists say it is used for, at most 4: `scanner (Censys)`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listed: Vec<String>,
    /// Which data say so, at most 6.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// Whether the place is made up for a demonstration.
    #[serde(default)]
    pub exercise: bool,
}

impl IncidentPart {
    pub(crate) fn new(facts: &IncidentFacts<'_>) -> Self {
        let scrub = Scrub::new(facts.canary);
        let incident = facts.incident;
        let mut reasons: Vec<String> = Vec::new();
        if facts.judgement.verdict != incident.verdict {
            reasons.push(format!(
                "by an earlier use; the newest looks {}",
                facts.judgement.verdict.word()
            ));
        }
        let said = facts.judgement.reasons.iter().take(10);
        reasons.extend(said.map(|reason| scrub.line(reason, 200)));
        let labels = facts.canary.labels.iter().take(10);
        Self {
            id: incident.id,
            actor: incident.actor,
            verdict: incident.verdict,
            reasons,
            rules: facts.judgement.rules,
            first: incident.first.to_string(),
            last: incident.last.to_string(),
            uses: incident.count,
            bait: BaitPart {
                canary: facts.canary.id,
                kind: scrub.line(&facts.canary.kind, 80),
                kind_name: scrub.line(facts.kind_name, 80),
                memo: scrub.line(&facts.canary.memo, 200),
                labels: labels
                    .map(|(key, value)| (scrub.line(key, 40), scrub.line(value, 80)))
                    .collect(),
                place: facts.place.map(|place| scrub.line(place, 400)),
            },
            trip: TripPart::new(facts.trip, &scrub),
            network: NetworkPart::new(facts.trip, facts.network),
        }
    }
}

impl TripPart {
    fn new(trip: &Trip, scrub: &Scrub) -> Self {
        let claims = trip.claims.as_ref();
        let method = claims.and_then(|claims| {
            let said = claims.method.open("shown only if it is a known one");
            // Other listeners have their own words for what was done.
            let ours = !matches!(trip.observed.listener.as_str(), "http" | "desk");
            (ours || METHODS.contains(&said.as_str()))
                .then(|| text::escape_short(said.as_bytes(), 40))
        });
        let agent = claims.and_then(|claims| {
            let said = claims
                .agent
                .open("shown masked and escaped, as the peer's word");
            (!said.is_empty()).then(|| scrub.hostile_line(said, 120))
        });
        let fields = trip.fields.iter().take(12);
        Self {
            id: trip.id,
            time: trip.observed.time.to_string(),
            uses: trip.count.max(1),
            protocol: scrub.line(&trip.observed.protocol, 40),
            method,
            agent,
            found: fields
                .map(|found| {
                    let carrier = found.carrier.word();
                    format!("{} ({carrier})", scrub.line(&found.field, 60))
                })
                .collect(),
            observer: trip
                .observed
                .observer
                .as_ref()
                .map(|name| scrub.line(name, 80)),
            resolver: trip.observed.is_relayed(),
            rule: scrub.line(&trip.decoy.rule, 160),
            outcome: trip.decoy.outcome,
            status: trip.decoy.status,
        }
    }
}

impl NetworkPart {
    fn new(trip: &Trip, facts: &NetworkFacts) -> Self {
        let line = |text: &Option<String>| {
            text.as_ref()
                .map(|text| text::escape_short(text.as_bytes(), 80))
        };
        let sources = facts.sources.iter().take(6);
        let observed = &trip.observed;
        Self {
            address: observed.source().ip(),
            via: observed.forwarded.map(|_| observed.peer.ip()),
            country: line(&facts.country),
            city: line(&facts.city),
            radius_km: facts.radius_km,
            asn: facts.asn,
            as_name: line(&facts.as_name),
            special: line(&facts.special),
            listed: (facts.listed().iter().take(4))
                .map(|listed| text::escape_short(listed.as_bytes(), 80))
                .collect(),
            sources: sources
                .map(|source| text::escape_short(source.as_bytes(), 120))
                .collect(),
            exercise: facts.exercise,
        }
    }
}

/// Methods that are shown: RFC 9110 section 9, RFC 5789, RFC 4918; types of DNS. Any other word is the
/// peer's.
const METHODS: &[&str] = &[
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "PROPFIND",
    "A", "AAAA", "ANY", "CAA", "CNAME", "HTTPS", "MX", "NS", "PTR", "SOA", "SRV", "TXT",
];
