//! Whether the time an answer waits tells a recorded request from an unmatched one: samples of
//! both in random order, compared by a two-sample Kolmogorov-Smirnov test.
//!
//! `cargo run --release -p lapwing-journal --example latency [samples]`
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Instant;

use lapwing_core::{Keyring, MasterKey, StationId, SystemClock};
use lapwing_journal::{Entry, Journal, Settings, SigningSeed};
use rand::RngExt as _;
use serde_json::json;

/// Largest distance between the two empirical distributions.
fn distance(a: &[u64], b: &[u64]) -> f64 {
    let share = |all: &[u64], at: u64| all.partition_point(|x| *x <= at) as f64 / all.len() as f64;
    let ends = a.iter().chain(b);
    ends.map(|at| (share(a, *at) - share(b, *at)).abs())
        .fold(0.0, f64::max)
}

#[tokio::main]
async fn main() {
    let samples: usize = std::env::args()
        .nth(1)
        .map_or(2000, |text| text.parse().unwrap());
    let home = tempfile::tempdir_in(".").unwrap();
    let settings = Settings {
        directory: home.path().join("journal"),
        station: StationId::new(1),
        origin: "latency".to_owned(),
        segment_bytes: 64 << 20,
        checkpoint_records: 1000,
        checkpoint_seconds: 10,
    };
    let keys = Keyring::new(&MasterKey::generate(), 1);
    let seed = SigningSeed::from([1; 32]);
    let (journal, _) = Journal::open(settings, seed, keys, Arc::new(SystemClock)).unwrap();
    let (mut hits, mut misses) = (Vec::new(), Vec::new());
    while hits.len() < samples || misses.len() < samples {
        let hit = rand::rng().random_bool(0.5);
        let begin = Instant::now();
        if hit {
            let body = json!({"type": "trip", "text": "x".repeat(500)});
            let parts = vec![("raw", vec![b'x'; 700])];
            journal
                .append(Entry {
                    body: body.into(),
                    parts,
                    via: String::new(),
                })
                .await
                .unwrap();
        } else {
            journal.pass(700, "http").await.unwrap();
        }
        let took = u64::try_from(begin.elapsed().as_nanos()).unwrap();
        let side = if hit { &mut hits } else { &mut misses };
        if side.len() < samples {
            side.push(took);
        }
    }
    journal.close().await;
    hits.sort_unstable();
    misses.sort_unstable();
    for (name, side) in [("recorded", &hits), ("unmatched", &misses)] {
        let at = |share: usize| side[side.len() * share / 100] as f64 / 1000.0;
        println!(
            "{name:9}: p10 {:.0} p50 {:.0} p90 {:.0} us",
            at(10),
            at(50),
            at(90)
        );
    }
    let critical = 1.358 * (2.0 / samples as f64).sqrt();
    let distance = distance(&hits, &misses);
    println!("distance {distance:.4}; told apart at 5 % if above {critical:.4}");
}
