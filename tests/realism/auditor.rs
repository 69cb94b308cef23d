//! A program that looks for honeypots does not take a bound host for one.

use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use lapwing_tests::{Home, finish_within};
use serde_json::Value;

use crate::scanners::packaged;

/// Its score, in percent, has to be below.
const SCORE: f64 = 10.0;

#[test]
fn an_auditor_does_not_take_the_station_for_a_honeypot() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    for kind in ["openai", "twilio", "url"] {
        let home = Home::new();
        home.ok(&["init", "--address", &format!("http://127.0.0.1:{port}")]);
        home.ok(&["mint", kind]);
        let station = home.listen(&["--http", &format!("127.0.0.1:{port}")]);
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
        println!("honeypot-auditor: {kind}: {score} %");
        assert!(
            score < SCORE,
            "{kind}: {score} %, by {}",
            report["triggered"]
        );
        station.stop();
    }
}
