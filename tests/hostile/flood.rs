//! While one canary is flooded, the first use of any other is announced at once: under the quota, and
//! without one, when the index lags.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use lapwing_tests::{Beacon, Home, Line, MailCatcher, Minted, get, within};

use crate::{home, note};

/// Connections that flood.
const FLOOD: usize = 8;
/// Canaries used once meanwhile.
const OTHERS: usize = 20;
/// The bar is 2 s; a machine that runs other tests meanwhile gets more.
const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn a_flood_does_not_hold_up_other_alerts() {
    let summed = flood(&[]);
    assert!(summed.rows < summed.uses, "it is summed up");
}

#[test]
fn first_uses_go_ahead_of_a_backlog() {
    let full = flood(&["--setting", "quota.trips=4000000000"]);
    assert_eq!(full.rows, full.uses, "each is a record of its own");
}

/// What is recorded of a flood.
struct Flooded {
    rows: u64,
    uses: u64,
}

/// Floods one canary, uses others once meanwhile, and looks how long their alerts take.
fn flood(options: &[&str]) -> Flooded {
    let home = home();
    let mails = MailCatcher::start();
    let flooded = Beacon::of(&home.mint("url", &["--memo", "flooded"]));
    let minted = home.ok(&[
        "mint",
        "url",
        "--count",
        &OTHERS.to_string(),
        "--out",
        "json",
    ]);
    let others: Vec<Beacon> = minted
        .lines()
        .map(|line| Beacon::of(&Minted::parse(line)))
        .collect();
    home.settings(&format!(
        "addresses = [\"http://*.example.org\"]\n{}",
        mails.channel("mail")
    ));
    let station = home.listen(options);
    let address = station.address();
    let (stop, count) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut latencies: Vec<Duration> = std::thread::scope(|scope| {
        for _ in 0..FLOOD {
            scope.spawn(|| {
                let mut line = Line::open(address);
                let Beacon { host, target, .. } = &flooded;
                let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
                while !stop.load(Ordering::Relaxed) {
                    line.ask(request.as_bytes());
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        within(LIMIT, "the flood", || {
            (count.load(Ordering::Relaxed) > 500).then_some(())
        });
        let latencies = others
            .iter()
            .map(|other| first_alert(address, other, &mails))
            .collect();
        stop.store(true, Ordering::Relaxed);
        latencies
    });
    latencies.sort_unstable();
    let flood = count.load(Ordering::Relaxed);
    note(&format!(
        "first alert at the mail catcher under a flood ({flood} uses): p50 {:?}, p99 {:?}",
        latencies[OTHERS / 2],
        latencies[OTHERS - 1]
    ));
    station.stop();
    let trips = home.json(&["trips", "--limit", "1000000", "--canary", &flooded.id]);
    let rows = trips.as_array().expect("a list");
    let recorded: u64 = rows
        .iter()
        .map(|row| row["trip"]["count"].as_u64().expect("a count"))
        .sum();
    assert_eq!(recorded, flood, "none of the flood is dropped");
    assert_announced_once(&home, &mails, &others);
    Flooded {
        rows: rows.len() as u64,
        uses: flood,
    }
}

/// Each of the others has one alert, of an incident that is in the index.
fn assert_announced_once(home: &Home, mails: &MailCatcher, others: &[Beacon]) {
    let incidents = home.json(&["incidents", "--limit", "1000"]);
    let text = |value: &'_ serde_json::Value| value.as_str().expect("a text").to_owned();
    let known: BTreeSet<(String, String)> = (incidents.as_array().expect("a list").iter())
        .map(|it| (text(&it["id"]), text(&it["canary"])))
        .collect();
    let mails = mails.mails();
    for other in others {
        let about: Vec<_> = (mails.iter())
            .filter(|mail| mail.raw.contains(&other.id))
            .collect();
        assert_eq!(about.len(), 1, "alerts of {}", other.id);
        let mut named = known.iter().filter(|(_, canary)| *canary == other.id);
        let raw = &about[0].raw;
        assert!(named.any(|(id, _)| raw.contains(id.as_str())), "{raw}");
    }
}

/// Uses a canary once; the time until its alert is in the mail.
fn first_alert(address: std::net::SocketAddr, canary: &Beacon, mails: &MailCatcher) -> Duration {
    let begun = Instant::now();
    assert_ne!(get(address, &canary.host, &canary.target, &[]).status, 0);
    let arrived = within(LIMIT, "the alert", || {
        let mails = mails.mails();
        mails
            .iter()
            .find(|mail| mail.raw.contains(&canary.id))
            .map(|mail| mail.arrived)
    });
    arrived.saturating_duration_since(begun)
}
