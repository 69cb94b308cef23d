//! Channels against servers written for the test, and the dispatcher against channels that fail.

#![allow(clippy::unwrap_used, reason = "a test's helpers are tests")]

mod dispatch;
mod email;
mod webhook;

use lapwing_alert::{AlertError, CHANNELS, Channel, Message};
use lapwing_core::{StationId, Timestamp};
use serde_json::{Value, json};

/// 2026-11-23T02:39:00Z.
const TIME: Timestamp = Timestamp::from_micros(1_795_401_540_000_000);
const STATION: StationId = StationId::new(0x0a1b_2c3d);

fn build(kind: &str, config: &Value) -> Result<Box<dyn Channel>, AlertError> {
    let kind = CHANNELS.iter().find(|entry| entry.name == kind).unwrap();
    (kind.build)("c", config)
}

/// What an error of `build` says, and what next.
fn refusal(kind: &str, config: &Value) -> String {
    match build(kind, config) {
        Ok(_) => panic!("accepted: {config}"),
        Err(error) => format!("{error} / {}", error.hint()),
    }
}

/// A message about an incident of one canary, as the outbox would hold it.
fn incident(occasion: &str, canary: u8) -> Message {
    let canary = format!("{canary:032x}")
        .parse::<lapwing_core::CanaryId>()
        .unwrap();
    Message::from_json(&json!({
        "version": 1, "type": occasion, "timestamp": TIME.to_string(), "station": STATION,
        "subject": "Bait used: 日本\u{7f}", "text": "Bait was used.",
        "incident": {
            "id": "i0a1b2c3d-17", "actor": "a0a1b2c3d-17", "verdict": "intruder", "rules": 1,
            "first": "x", "last": "x", "uses": 1,
            "bait": {"canary": canary, "kind": "url", "kind_name": "URL"},
            "trip": {"id": "0a1b2c3d-17", "time": "x", "uses": 1, "protocol": "http/1.1",
                "found": [], "outcome": "accepted", "status": 200},
            "network": {"address": "198.51.100.7"},
        },
        "checkpoint": "station\n1\nAAAA\n",
    }))
    .unwrap()
}

#[test]
fn examples_are_toml_that_name_their_kind() {
    for kind in CHANNELS {
        assert!(kind.example.contains(&format!("kind = \"{}\"", kind.name)));
        assert!(kind.example.starts_with("[alert.channels."));
        assert!(!kind.summary.is_empty());
    }
}
