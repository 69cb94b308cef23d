//! What a trip looks like in the journal: observed facts in the body, raw bytes and claims as parts.
//!
//! The body holds no bait value. `summary` records stand for the uses past a quota: how many, when,
//! and the first 16 hex digits of each raw request's SHA-256.

use data_encoding::HEXLOWER;
use lapwing_core::{
    CanaryId, Claims, DecoyRecord, MatchedField, Observed, Timestamp, Trip, TripId,
};
use lapwing_journal::{Entry, Record};
use lapwing_listen::Sighting;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The part that holds the request's bytes as sent.
pub const RAW: &str = "raw";
/// The part that holds what the peer said, as JSON of [`Claims`].
pub const CLAIMS: &str = "claims";

#[derive(Serialize, Deserialize)]
struct Body {
    r#type: Type,
    canary: CanaryId,
    kind: String,
    fields: Vec<MatchedField>,
    /// Epoch of the key under which the handle was found.
    epoch: u32,
    observed: Observed,
    decoy: DecoyRecord,
    /// Set when the trip waited in memory for a failed disk.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    late: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    times: Vec<Timestamp>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    requests: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Type {
    Trip,
    Summary,
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
    let claims = serde_json::to_vec(&sighting.claims).expect("claims are plain data");
    Entry {
        body: value(&body),
        parts: vec![(RAW, sighting.raw.clone()), (CLAIMS, claims)],
    }
}

/// A summary of uses past the quota; `sighting` is the first of them.
#[must_use]
pub fn summary_entry(sighting: &Sighting, epoch: u32, repeats: &[Repeat]) -> Entry {
    let mut body = body(sighting, epoch, Type::Summary);
    body.times = repeats.iter().map(|repeat| repeat.time).collect();
    body.requests = repeats
        .iter()
        .map(|repeat| repeat.request.clone())
        .collect();
    Entry {
        body: value(&body),
        parts: Vec::new(),
    }
}

fn body(sighting: &Sighting, epoch: u32, r#type: Type) -> Body {
    Body {
        r#type,
        canary: sighting.canary.id,
        kind: sighting.canary.kind.clone(),
        fields: sighting.fields.clone(),
        epoch,
        observed: sighting.observed.clone(),
        decoy: sighting.decoy.clone(),
        late: false,
        times: Vec::new(),
        requests: Vec::new(),
    }
}

fn value(body: &Body) -> serde_json::Value {
    serde_json::to_value(body).expect("a plain struct serialises")
}

/// Reads a trip back; `None` for records of other types (gap, unmatched, erasure, ...).
#[must_use]
pub fn trip(record: &Record) -> Option<Trip> {
    let r#type = record.body.get("type")?.as_str()?;
    if r#type != "trip" && r#type != "summary" {
        return None;
    }
    let body = Body::deserialize(&record.body).ok()?;
    let claims: Option<Claims> = record
        .parts
        .get(CLAIMS)
        .and_then(|bytes| serde_json::from_slice(bytes).ok());
    Some(Trip {
        id: TripId {
            station: record.station,
            sequence: record.sequence,
        },
        canary: body.canary,
        kind: body.kind,
        fields: body.fields,
        observed: body.observed,
        claims,
        decoy: body.decoy,
        count: (body.times.len() as u64).max(1),
        times: body.times,
    })
}
