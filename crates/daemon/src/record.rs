//! What a trip looks like in the journal: observed facts in the body, raw bytes and claims as parts.
//!
//! The body holds no bait value. `summary` records stand for the uses past a quota: how many, when,
//! and the first 16 hex digits of each raw request's SHA-256.

use std::borrow::Cow;
use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use lapwing_core::{
    CanaryId, Claimed, Claims, DecoyRecord, MatchedField, Observed, Timestamp, Trip, TripId,
};
use lapwing_journal::{Entry, Record};
use lapwing_listen::Sighting;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The part that holds the request's bytes as sent.
pub const RAW: &str = "raw";
/// The part that holds what the peer said, as JSON of [`Claims`]; in it no capture that has a part of its
/// own. Older records have all of them there.
pub const CLAIMS: &str = "claims";
/// The parts that hold what decoys captured, a capture each, the last one all that are left: JSON of
/// [`Claims::captured`]. They are apart so that a third party's data can go and the rest stays.
pub const CAPTURED: [&str; 8] = [
    "captured_0",
    "captured_1",
    "captured_2",
    "captured_3",
    "captured_4",
    "captured_5",
    "captured_6",
    "captured_7",
];
/// The parts that conclusions are drawn from.
pub const CONCLUDED_FROM: [&str; 9] = {
    let mut names = [CLAIMS; 9];
    let mut at = 0;
    while at < CAPTURED.len() {
        names[at + 1] = CAPTURED[at];
        at += 1;
    }
    names
};

/// The part that holds the connection's ClientHello as sent, if it came through TLS.
pub const HELLO: &str = "hello";

/// Members in the order of their names, as [`lapwing_journal::Body::sorted`] wants them.
#[derive(Serialize, Deserialize)]
struct Body<'a> {
    canary: CanaryId,
    decoy: Cow<'a, DecoyRecord>,
    /// Epoch of the key under which the handle was found.
    epoch: u32,
    fields: Cow<'a, [MatchedField]>,
    kind: Cow<'a, str>,
    /// Set when the trip waited in memory for a failed disk.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    late: bool,
    observed: Cow<'a, Observed>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    requests: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    times: Vec<Timestamp>,
    r#type: Type,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Type {
    Trip,
    Summary,
}

/// Whether conclusions are drawn from a part of this name.
#[must_use]
pub fn is_concluded_from(part: &str) -> bool {
    CONCLUDED_FROM.contains(&part)
}

/// Whether a trip is written when it happened or after an outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// Before its answer.
    InTime,
    /// After the disk came back.
    Late,
}

/// One use past the quota.
#[derive(Clone, Debug)]
pub struct Repeat {
    /// When.
    pub time: Timestamp,
    /// Start of the raw request's SHA-256, 16 hex digits.
    pub request: String,
}

impl Repeat {
    /// Of a sighting.
    #[must_use]
    pub fn of(sighting: &Sighting) -> Self {
        let digest = Sha256::digest(&sighting.raw);
        Self {
            time: sighting.observed.time,
            request: HEXLOWER.encode(&digest[..8]),
        }
    }
}

/// A full record of one sighting.
#[must_use]
pub fn trip_entry(sighting: &Sighting, epoch: u32, written: Written) -> Entry {
    let mut body = body(sighting, epoch, Type::Trip);
    body.late = written == Written::Late;
    Entry {
        body: lapwing_journal::Body::sorted("trip", &body),
        parts: parts(sighting),
        via: sighting.observed.listener.clone(),
    }
}

/// What a full record has and a summary has not: its parts, under a body that says nothing.
#[must_use]
pub fn parts_entry(sighting: &Sighting) -> Entry {
    #[derive(Serialize)]
    struct Bare {
        r#type: Type,
    }
    let r#type = Type::Trip;
    Entry {
        body: lapwing_journal::Body::sorted("trip", &Bare { r#type }),
        parts: parts(sighting),
        via: String::new(),
    }
}

fn parts(sighting: &Sighting) -> Vec<(&'static str, Vec<u8>)> {
    // Room at once for what the claims repeat of the request.
    let mut claims = Vec::with_capacity(512 + 2 * sighting.raw.len());
    serde_json::to_writer(&mut claims, &Uncaptured::of(&sighting.claims))
        .expect("claims are plain data");
    let mut parts = vec![(RAW, sighting.raw.clone()), (CLAIMS, claims)];
    parts.extend(captured(&sighting.claims.captured));
    if let Some(hello) = &sighting.hello {
        parts.push((HELLO, hello.to_vec()));
    }
    parts
}

/// [`Claims`] without what was captured.
#[derive(Serialize)]
struct Uncaptured<'a> {
    method: &'a Claimed<String>,
    target: &'a Claimed<String>,
    host: &'a Claimed<String>,
    agent: &'a Claimed<String>,
    forwarding: &'a [(String, Claimed<String>)],
    headers: &'a [(String, Claimed<String>)],
}

impl<'a> Uncaptured<'a> {
    fn of(claims: &'a Claims) -> Self {
        let Claims {
            method,
            target,
            host,
            agent,
            forwarding,
            headers,
            captured: _,
        } = claims;
        Self {
            method,
            target,
            host,
            agent,
            forwarding,
            headers,
        }
    }
}

/// What was captured, by the name of its capture.
type Captures = BTreeMap<String, Claimed<Vec<String>>>;

fn captured(captures: &Captures) -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    let alone = CAPTURED.len() - 1;
    let write = |group: &BTreeMap<&String, &Claimed<Vec<String>>>| {
        serde_json::to_vec(group).expect("captures are plain data")
    };
    let mut groups: Vec<BTreeMap<_, _>> = Vec::new();
    for (at, (name, values)) in captures.iter().enumerate() {
        if at <= alone {
            groups.push(BTreeMap::new());
        }
        groups[at.min(alone)].insert(name, values);
    }
    let named = CAPTURED.into_iter().zip(groups);
    named.map(move |(part, group)| (part, write(&group)))
}

/// Reads the captures that a part holds.
#[must_use]
pub fn captures(bytes: &[u8]) -> Option<BTreeMap<String, Claimed<Vec<String>>>> {
    serde_json::from_slice(bytes).ok()
}

/// A summary of uses past the quota; `sighting` is the first of them.
#[must_use]
pub fn summary_entry(
    sighting: &Sighting,
    epoch: u32,
    repeats: &[Repeat],
    written: Written,
) -> Entry {
    let mut body = body(sighting, epoch, Type::Summary);
    body.late = written == Written::Late;
    body.times = repeats.iter().map(|repeat| repeat.time).collect();
    body.requests = repeats
        .iter()
        .map(|repeat| repeat.request.clone())
        .collect();
    Entry {
        body: lapwing_journal::Body::sorted("summary", &body),
        parts: Vec::new(),
        via: sighting.observed.listener.clone(),
    }
}

fn body(sighting: &Sighting, epoch: u32, r#type: Type) -> Body<'_> {
    Body {
        canary: sighting.canary.id,
        decoy: Cow::Borrowed(&sighting.decoy),
        epoch,
        fields: Cow::Borrowed(&sighting.fields),
        kind: Cow::Borrowed(&sighting.canary.kind),
        late: false,
        observed: Cow::Borrowed(&sighting.observed),
        requests: Vec::new(),
        times: Vec::new(),
        r#type,
    }
}

/// The trip that a sighting has become, under the name it has in the journal.
#[must_use]
pub fn trip_of(sighting: Sighting, id: TripId) -> Trip {
    Trip {
        id,
        canary: sighting.canary.id,
        kind: sighting.canary.kind.clone(),
        fields: sighting.fields,
        observed: sighting.observed,
        claims: Some(sighting.claims),
        decoy: sighting.decoy,
        count: 1,
        times: Vec::new(),
    }
}

/// Reads a trip back; `None` for records of other types (gap, unmatched, erasure, ...).
#[must_use]
pub fn trip(record: &Record) -> Option<Trip> {
    let r#type = record.body.get("type")?.as_str()?;
    if r#type != "trip" && r#type != "summary" {
        return None;
    }
    let body = Body::deserialize(&record.body).ok()?;
    let mut claims: Option<Claims> = record
        .parts
        .get(CLAIMS)
        .and_then(|bytes| serde_json::from_slice(bytes).ok());
    let parts = CAPTURED.iter().filter_map(|name| record.parts.get(*name));
    let captured: Captures = parts
        .filter_map(|bytes| captures(bytes))
        .flatten()
        .collect();
    // Captures may be left where the rest was erased.
    if !captured.is_empty() {
        claims.get_or_insert_default().captured.extend(captured);
    }
    Some(Trip {
        id: TripId {
            station: record.station,
            sequence: record.sequence,
        },
        canary: body.canary,
        kind: body.kind.into_owned(),
        fields: body.fields.into_owned(),
        observed: body.observed.into_owned(),
        claims,
        decoy: body.decoy.into_owned(),
        count: (body.times.len() as u64).max(1),
        times: body.times,
    })
}

/// Some use of a canary with this number.
#[cfg(test)]
pub(crate) fn sample(canary: u8, address: &str) -> Sighting {
    use lapwing_core::{Canary, Carrier, DecoyOutcome};

    let canary = Canary {
        id: CanaryId::from_bytes([canary; 16]),
        kind: "twilio \" \\ \u{1} \u{20ac}".to_owned(),
        memo: String::new(),
        labels: [].into(),
        fields: [].into(),
        minted: Timestamp::from_micros(1),
        retired: None,
    };
    Sighting {
        canary: std::sync::Arc::new(canary),
        fields: vec![MatchedField {
            field: "token".to_owned(),
            carrier: Carrier::Bearer,
        }],
        observed: Observed {
            signals: [("ja4".to_owned(), "t13d".to_owned())].into(),
            fingerprint: "\u{7f}".to_owned(),
            forwarded: None,
            listener: "http".to_owned(),
            observer: None,
            local: "192.0.2.1:80".parse().expect("an address"),
            peer: std::net::SocketAddr::new(address.parse().expect("an address"), 4711),
            protocol: "http/1.1".to_owned(),
            size: 7,
            time: Timestamp::from_micros(1_700_000_000_000_000),
            truncated: true,
        },
        claims: Claims::default(),
        raw: b"GET /".to_vec(),
        hello: None,
        decoy: DecoyRecord {
            kind: "twilio".to_owned(),
            outcome: DecoyOutcome::BadSignature,
            rule: "GET /{x}".to_owned(),
            status: 401,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captures_have_parts_of_their_own_and_are_read_back() {
        for count in [0, 1, 3, CAPTURED.len(), CAPTURED.len() + 3] {
            let mut sighting = sample(1, "192.0.2.7");
            let name = |at: usize| format!("sms.{at:02}");
            sighting.claims.captured = (0..count)
                .map(|at| (name(at), Claimed::new(vec![format!("+1 555 01{at}")])))
                .collect();
            let entry = trip_entry(&sighting, 1, Written::InTime);
            let parts: BTreeMap<String, Vec<u8>> = (entry.parts.iter())
                .map(|(name, bytes)| ((*name).to_owned(), bytes.clone()))
                .collect();
            assert_eq!(parts.len(), 2 + count.min(CAPTURED.len()));
            let claims = String::from_utf8_lossy(&parts[CLAIMS]).into_owned();
            assert!(!claims.contains("555"), "{claims}");
            let record = Record {
                station: lapwing_core::StationId::new(1),
                sequence: 0,
                time: sighting.observed.time,
                body: serde_json::to_value(body(&sighting, 1, Type::Trip)).unwrap(),
                position: lapwing_journal::Position {
                    segment: 0,
                    offset: 0,
                },
                parts,
                salts: BTreeMap::new(),
                erased: Vec::new(),
                leaf: [0; 32],
            };
            assert_eq!(trip(&record).unwrap().claims, Some(sighting.claims));
        }
    }

    #[test]
    fn bodies_are_written_in_canonical_form() {
        let mut sighting = sample(1, "2001:db8::7");
        for forwarded in [None, Some("203.0.113.7:40000".parse().unwrap())] {
            sighting.observed.forwarded = forwarded;
            for written in [Written::InTime, Written::Late] {
                assert!(trip_entry(&sighting, 1, written).body.is_canonical());
                let repeats = [Repeat::of(&sighting), Repeat::of(&sighting)];
                let summary = summary_entry(&sighting, 1, &repeats, written);
                assert!(summary.body.is_canonical());
            }
        }
    }
}
