//! Which parts of a record go with what is to be erased of it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use lapwing_core::{CanaryId, Claimed, Claims, Keyring, Part, What};
use lapwing_journal::{StandingPart, Survey, Surveyed};
use serde::Deserialize as _;

use super::quote::quotes;
use crate::DaemonError;
use crate::record::{self, CAPTURED, CLAIMS, HELLO, RAW};

/// Why claims are opened here.
const LOOKED_THROUGH: &str = "looked through for what is to be erased; nothing is shown";

/// The canary of a trip; `None` for records of other types.
pub(super) fn canary(record: &Surveyed) -> Option<CanaryId> {
    (record.body["type"] == "trip")
        .then(|| CanaryId::deserialize(&record.body["canary"]).ok())
        .flatten()
}

/// Where what a record is about came from; `None` for records that are about no use of a canary.
pub(super) fn source(record: &Surveyed) -> Option<IpAddr> {
    let observed = &record.body["observed"];
    let named = |name| SocketAddr::deserialize(&observed[name]).ok();
    let source = named("forwarded").or_else(|| named("peer"))?;
    Some(source.ip().to_canonical())
}

/// What of a record is asked for.
pub(super) fn wanted(what: &What, record: &Surveyed) -> Vec<Part> {
    match what {
        What::Older(ages) => ages.classes(record.time).collect(),
        What::Trip { trip, parts } if trip.sequence == record.sequence => parts.clone(),
        What::Address { address, parts } if source(record) == Some(*address) => parts.clone(),
        What::Trip { .. } | What::Address { .. } => Vec::new(),
    }
}

/// The parts of the record that `survey` gave last that go with `wanted`, in the order of their places.
///
/// # Errors
/// A part that cannot be opened.
pub(super) fn choose(
    survey: &Survey,
    record: Surveyed,
    wanted: &[Part],
    keys: &Keyring,
) -> Result<Vec<StandingPart>, DaemonError> {
    let mut going: BTreeSet<&str> = BTreeSet::new();
    for part in wanted {
        match part {
            Part::Raw => going.extend([RAW, HELLO]),
            Part::Claims => {
                going.insert(CLAIMS);
                going.extend(CAPTURED);
            }
            Part::Captures | Part::Captured(_) => {}
        }
    }
    for part in wanted {
        let only = match part {
            Part::Captures => None,
            Part::Captured(name) => Some(name.as_str()),
            Part::Raw | Part::Claims => continue,
        };
        with_captures(survey, &record, only, keys, &mut going)?;
    }
    let parts = record.parts.into_iter();
    Ok(parts
        .filter(|part| going.contains(part.name.as_str()))
        .collect())
}

/// Adds what holds these captures (all, or only one) or quotes them: the raw bytes always do, claims where
/// they are older than parts of their own, or where the target or a header says the same.
fn with_captures(
    survey: &Survey,
    record: &Surveyed,
    only: Option<&str>,
    keys: &Keyring,
    going: &mut BTreeSet<&str>,
) -> Result<(), DaemonError> {
    let stands = |name: &str| record.parts.iter().any(|part| part.name == name);
    let of_interest = |name: &String| only.is_none_or(|only| only == name);
    let mut values: Vec<String> = Vec::new();
    let mut found = false;
    for part in CAPTURED.into_iter().filter(|name| stands(name)) {
        let Some(bytes) = survey.open_part(part, keys)? else {
            continue;
        };
        let taken = take(record::captures(&bytes).unwrap_or_default(), of_interest);
        if !taken.is_empty() {
            found = true;
            going.insert(part);
            values.extend(taken);
        }
    }
    if !going.contains(CLAIMS)
        && let Some(bytes) = survey.open_part(CLAIMS, keys)?
    {
        let claims: Claims = serde_json::from_slice(&bytes).unwrap_or_default();
        let old = !take(claims.captured.clone(), of_interest).is_empty();
        if old || quotes(&claims, &values) {
            found = true;
            going.insert(CLAIMS);
        }
    }
    if found {
        going.insert(RAW);
    }
    Ok(())
}

/// The values of the captures that are of interest; an empty one is one too.
fn take(
    captures: BTreeMap<String, Claimed<Vec<String>>>,
    of_interest: impl Fn(&String) -> bool,
) -> Vec<String> {
    let taken = captures.into_iter().filter(|(name, _)| of_interest(name));
    taken
        .flat_map(|(_, values)| values.open(LOOKED_THROUGH).clone())
        .collect()
}
