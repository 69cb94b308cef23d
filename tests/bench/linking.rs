//! A million trips of simulated hands, linked: how long an index takes to be made of them, and what memory. Worlds of
//! every family of `examples/linking`, one behind the other.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lapwing_core::{Canary, SystemClock};
use lapwing_daemon::{Directory, record};
use lapwing_journal::{Journal, Settings, SigningSeed};
use lapwing_listen::Sighting;

use crate::Plan;
use crate::data::{Data, scratch};
use crate::figures::{Bar, bar, load};
use crate::generate::{self, Event};
use crate::scenario;
use crate::server::status;

/// Records that wait for one sync.
const GROUP: usize = 4096;
/// Trips of the hand that a report is made of.
const REPORTED: usize = 10_000;

pub(crate) fn run(plan: &Plan) {
    let trips: usize = if plan.quick { 50_000 } else { 1_000_000 };
    let directory = scratch();
    let path = directory.path().join("data");
    std::fs::create_dir(&path).unwrap();
    let (data, _) = Data::mint(plan, &path, 10);
    let written = write(&path, trips);
    let begun = Instant::now();
    let mut reindex = data.command(plan, &["reindex"]).spawn().unwrap();
    let mut resident: f64 = 0.0;
    while reindex.try_wait().unwrap().is_none() {
        resident = resident.max(status(reindex.id(), "VmHWM:"));
        std::thread::sleep(Duration::from_millis(50));
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{written} trips read, judged, folded and linked in {seconds:.1} s, {:.1} us each   (load {})",
        seconds * 1e6 / written as f64,
        load()
    );
    bar("resident memory", resident, &Bar::Below(500.0), " MB");
    report(plan, &data);
    let begun = Instant::now();
    let listed = data
        .command(plan, &["actors", "--json", "--limit", "5"])
        .output()
        .unwrap();
    assert!(listed.status.success());
    println!(
        "the newest actors were listed in {:.2} s",
        begun.elapsed().as_secs_f64()
    );
}

/// Makes a report of the newest trip's actor, who made the last ten thousand.
fn report(plan: &Plan, data: &Data) {
    let newest = data
        .command(plan, &["trips", "--json", "--limit", "1"])
        .output()
        .unwrap();
    let newest: serde_json::Value = serde_json::from_slice(&newest.stdout).unwrap();
    let actor = newest[0]["conclusion"]["actor"].as_str().unwrap();
    let out = data.path.join("report.html");
    let begun = Instant::now();
    let file = out.to_str().expect("a path of ours");
    let made = data
        .command(
            plan,
            &[
                "report", "--actor", actor, "--format", "html", "--out", file,
            ],
        )
        .output()
        .unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    assert!(made.status.success());
    println!("{}", String::from_utf8_lossy(&made.stderr).trim());
    bar("a report of that actor", seconds, &Bar::Below(3.0), " s");
}

/// Writes so many trips into the station's journal, and some of one hand at the end.
fn write(path: &Path, count: usize) -> usize {
    let directory = Directory::open(path, None).unwrap();
    let settings = Settings {
        directory: directory.journal(),
        station: directory.station(),
        origin: format!("station-{}", directory.station()),
        segment_bytes: 64 << 20,
        checkpoint_records: 100_000,
        checkpoint_seconds: 3600,
    };
    let seed = SigningSeed::new(directory.signing_seed());
    let (journal, _) =
        Journal::open(settings, seed, directory.keyring(), Arc::new(SystemClock)).unwrap();
    let families = lapwing_tests::repository().join("examples/linking");
    let families = scenario::read(&families).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let epoch = directory.keyring().epoch();
    let append = |events: &[Event]| {
        for group in events.chunks(GROUP) {
            let entry =
                |event| record::trip_entry(&sighting(event), epoch, record::Written::InTime);
            let appended: Vec<_> = group
                .iter()
                .map(|event| journal.append(entry(event)))
                .collect();
            for receipt in appended {
                runtime.block_on(receipt).unwrap();
            }
        }
    };
    let (mut written, mut seed, mut last) = (0, 1, Vec::new());
    while written < count {
        for (_, family) in &families {
            let mut events = generate::world(family, seed);
            for event in &mut events {
                let time = event.trip.observed.time;
                event.trip.observed.time = time.plus_seconds(i64::try_from(seed).unwrap() * 3600);
            }
            seed += 1;
            append(&events);
            written += events.len();
            last = events;
        }
    }
    let one = last.pop().expect("a world has trips");
    let many = (1..=REPORTED).map(|number| {
        let mut trip = one.trip.clone();
        let later = i64::try_from(number).expect("few") * 60;
        trip.observed.time = trip.observed.time.plus_seconds(later);
        Event {
            trip,
            network: one.network.clone(),
            place: one.place.clone(),
            hand: one.hand,
        }
    });
    append(&many.collect::<Vec<_>>());
    written + REPORTED
}

fn sighting(event: &Event) -> Sighting {
    let trip = &event.trip;
    Sighting {
        canary: Arc::new(Canary {
            id: trip.canary,
            kind: trip.kind.clone(),
            memo: String::new(),
            labels: [].into(),
            fields: [].into(),
            minted: trip.observed.time,
            retired: None,
        }),
        fields: trip.fields.clone(),
        observed: trip.observed.clone(),
        claims: trip.claims.clone().unwrap_or_default(),
        raw: b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        hello: None,
        decoy: trip.decoy.clone(),
    }
}
