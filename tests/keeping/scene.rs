//! A home with bait that was used, and what can be asked of its evidence log.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use data_encoding::BASE64;
use lapwing_tests::{Answer, Beacon, Home, Minted, get, post, trips};
use serde_json::Value;

/// The number of somebody who has no part in it, as its last digits.
pub(crate) const NUMBER: &str = "2025550142";
/// What was to be written to them.
pub(crate) const TEXT: &str = "your parcel waits";

pub(crate) fn home(settings: &str) -> Home {
    let home = Home::new();
    home.settings(settings);
    home.ok(&["init", "--address", "http://*.example.org"]);
    home
}

/// Opens a beacon.
pub(crate) fn open(station: SocketAddr, beacon: &Beacon) {
    let answer = get(
        station,
        &beacon.host,
        &beacon.target,
        &[("User-Agent", "curl/8.5.0")],
    );
    assert_eq!(answer.status, 403, "{}", answer.head);
}

/// Has the relay send a text to [`NUMBER`].
pub(crate) fn send_text(station: SocketAddr, twilio: &Minted) -> Answer {
    let sid = twilio.field("account_sid");
    let login = format!("{sid}:{}", twilio.field("auth_token"));
    let login = format!("Basic {}", BASE64.encode(login.as_bytes()));
    let host = host(twilio);
    let target = format!("/2010-04-01/Accounts/{sid}/Messages.json");
    let form = format!("To=%2B1{NUMBER}&From=%2B1&Body={}", TEXT.replace(' ', "+"));
    let headers = [
        ("User-Agent", "curl/8.5.0"),
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Authorization", login.as_str()),
    ];
    post(station, &host, &target, &headers, form.as_bytes())
}

/// The host that a canary's address names.
pub(crate) fn host(canary: &Minted) -> String {
    let url = canary.field("beacon.url").strip_prefix("http://");
    let url = url.expect("an http: address");
    url.split('/').next().expect("a host").to_owned()
}

/// What `lapwing evidence verify` says; it must say that all is well.
pub(crate) fn verified(home: &Home) -> Value {
    let ran = home.run(&["evidence", "verify", "--json"]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    serde_json::from_str(&ran.stdout).expect("it is JSON")
}

/// Parts that are erased with a cause and a name.
pub(crate) fn erased(home: &Home, cause: &str, part: &str) -> u64 {
    let said = verified(home);
    let found = said["erased"].as_array().expect("a list").iter();
    let mut found = found.filter(|one| one["cause"] == cause && one["part"] == part);
    found
        .next()
        .map_or(0, |one| one["parts"].as_u64().expect("a number"))
}

/// The ids of trips, oldest first.
pub(crate) fn ids(home: &Home, count: usize) -> Vec<String> {
    let mut ids: Vec<String> = trips(home, count)
        .iter()
        .map(|row| row["trip"]["id"].as_str().expect("an id").to_owned())
        .collect();
    ids.reverse();
    ids
}

/// Everything `lapwing trip` says of one.
pub(crate) fn trip(home: &Home, id: &str) -> Value {
    home.json(&["trip", id])
}

/// The segments of the log, by name.
pub(crate) fn segments(home: &Home) -> Vec<PathBuf> {
    let entries = fs::read_dir(home.data().join("journal")).expect("a journal");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a file").path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "jsonl"));
    files.sort();
    files
}
