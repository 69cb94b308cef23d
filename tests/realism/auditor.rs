//! A program that looks for honeypots does not take a bound host for one.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use lapwing_tests::{Home, Station, exchange, finish_within, free};
use serde_json::Value;

use crate::scanners::packaged;

/// Its score, in percent, has to be below.
const SCORE: f64 = 10.0;

#[test]
fn an_auditor_does_not_take_the_station_for_a_honeypot() {
    for kind in ["openai", "twilio"] {
        let (home, station, port) = station(kind);
        audit(kind, &home, port);
        station.stop();
    }
}

/// A host without a decoy shows one of several sites: each sort of server is looked at.
#[test]
fn an_auditor_does_not_take_any_site_for_a_honeypot() {
    let mut left = BTreeSet::from(["nginx", "Apache", "Caddy"]);
    for _ in 0..300 {
        let (home, station, port) = station("url");
        let request = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
        let answer =
            String::from_utf8_lossy(&exchange(station.address(), request).raw).into_owned();
        let server = left
            .iter()
            .copied()
            .find(|name| answer.contains(&format!("Server: {name}")));
        if let Some(server) = server {
            left.remove(server);
            audit(server, &home, port);
        }
        station.stop();
        if left.is_empty() {
            return;
        }
    }
    panic!("no station shows {left:?}");
}

/// A station with one canary, on a port that is free.
fn station(kind: &str) -> (Home, Station, u16) {
    let port = free().port();
    let home = Home::new();
    home.ok(&["init", "--address", &format!("http://127.0.0.1:{port}")]);
    home.ok(&["mint", kind]);
    let station = home.listen(&["--http", &format!("127.0.0.1:{port}")]);
    (home, station, port)
}

fn audit(name: &str, home: &Home, port: u16) {
    let report = home.path().join("report.json");
    let ran = finish_within(
        Duration::from_secs(300),
        Command::new(packaged("scanners", "../../../bin/honeypot-auditor"))
            .env_clear()
            .env("HOME", home.path())
            .env("PATH", "/usr/bin:/bin")
            .args(["--target", "127.0.0.1", "--ports", &format!("http={port}")])
            .args([
                "--confirm-authorized",
                "--deep",
                "--format",
                "json",
                "--output",
            ])
            .arg(&report),
    );
    let report: Value = serde_json::from_slice(&std::fs::read(&report).unwrap()).unwrap();
    let indicators = report["indicators"].as_array().unwrap();
    let http = |it: &&Value| {
        it["protocol"]
            .as_str()
            .is_some_and(|name| name.starts_with("http"))
    };
    let judged = indicators
        .iter()
        .filter(http)
        .filter(|it| it["skipped"] == false)
        .count();
    assert!(
        judged >= 5,
        "it looked at nothing: {}\n{report}",
        ran.stderr
    );
    let score = report["score"].as_f64().unwrap();
    println!("honeypot-auditor: {name}: {score} %");
    assert!(
        score < SCORE,
        "{name}: {score} %, by {}",
        report["triggered"]
    );
}
