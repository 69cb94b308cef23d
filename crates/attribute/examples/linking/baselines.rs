//! What others do: trips are one hand if they are equal in one thing.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::generate::Event;

/// Name, and what must be equal.
type Baseline = (&'static str, fn(&Event) -> Option<String>);

pub(crate) const BASELINES: [Baseline; 5] = [
    ("address", |event| {
        Some(event.trip.observed.source().ip().to_string())
    }),
    ("/24", |event| match event.trip.observed.source().ip() {
        IpAddr::V4(ip) => Some(format!(
            "{}.{}.{}",
            ip.octets()[0],
            ip.octets()[1],
            ip.octets()[2]
        )),
        IpAddr::V6(ip) => Some(ip.to_string()),
    }),
    ("AS", |event| {
        event.network.asn.map(|number| number.to_string())
    }),
    ("fingerprint", |event| {
        Some(event.trip.observed.fingerprint.clone())
    }),
    ("bait", |event| Some(event.trip.canary.to_string())),
];

/// Which actor each trip is of.
pub(crate) fn link(events: &[Event], baseline: &Baseline) -> Vec<usize> {
    let mut known = HashMap::new();
    { events.iter().enumerate() }
        .map(|(number, event)| match (baseline.1)(event) {
            Some(value) => *known.entry(value).or_insert(number),
            None => number,
        })
        .collect()
}
