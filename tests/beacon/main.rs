//! A beacon host answers what it knows, what it knew and what it never knew alike: in every byte but
//! the date, and in the time it takes. A target of its own: nothing else may run beside the clock.

mod samples;

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lapwing_tests::{Beacon, Home, Line, Minted, Station, exchange};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use samples::{kolmogorov_smirnov, quantiles};

/// Hits and misses timed, each.
const SAMPLE: usize = 2000;
/// Below this likelihood two samples are taken for different.
const ALPHA: f64 = 0.001;
/// So often in a row they must be, since one in a thousand equal ones is.
const TRIES: usize = 3;

/// One test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// For the reader of a test's output, whether it is captured or not.
fn note(text: &str) {
    // Nothing is tested by it.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

fn home() -> Home {
    let home = Home::new();
    home.ok(&["init", "--address", "http://*.example.org"]);
    home
}

/// Something of the same form that was never minted.
fn never_minted(beacon: &Beacon, rng: &mut StdRng) -> String {
    let mut pick = |from: &[u8]| char::from(from[rng.random_range(0..from.len())]);
    let segment: String = beacon
        .segment
        .chars()
        .map(|character| match character {
            '0'..='9' => pick(b"0123456789"),
            'a'..='f' => pick(b"abcdef"),
            'g'..='z' => pick(b"ghijklmnopqrstuvwxyz"),
            'A'..='Z' => pick(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
            other => other,
        })
        .collect();
    beacon.target.replace(&beacon.segment, &segment)
}

#[test]
fn known_retired_and_unknown_look_alike() {
    let _alone = alone();
    let home = home();
    let mut rng = StdRng::seed_from_u64(5);
    for kind in ["url", "image", "redirect"] {
        let minted = home.ok(&["mint", kind, "--count", "12", "--out", "json"]);
        let beacons: Vec<Beacon> = minted
            .lines()
            .map(|line| Beacon::of(&Minted::parse(line)))
            .collect();
        let station = home.listen(&[]);
        for (at, beacon) in beacons.iter().enumerate() {
            let miss = never_minted(beacon, &mut rng);
            assert_ne!(miss, beacon.target);
            for method in ["GET", "HEAD", "POST", "OPTIONS", "PUT"] {
                let answer = |target: &str| {
                    let host = &beacon.host;
                    let line = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n");
                    let rest = "Content-Length: 0\r\nConnection: close\r\n\r\n";
                    let answer = exchange(station.address(), format!("{line}{rest}").as_bytes());
                    assert_ne!(answer.status, 0, "{line}");
                    undated(&answer.raw)
                };
                let (known, unknown) = (answer(&beacon.target), answer(&miss));
                assert_eq!(known, unknown, "{kind} {method} {}", beacon.target);
                if method == "PUT" && at % 4 == 0 {
                    home.ok(&["retire", &beacon.id]);
                    let known = answer(&beacon.target);
                    assert_eq!(known, unknown, "retired: {kind} {method} {}", beacon.target);
                }
            }
        }
        station.stop();
    }
}

/// An answer without its Date, and without the miss's own path if it says it.
fn undated(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(raw);
    let lines = text.split_inclusive("\r\n");
    lines
        .filter(|line| !line.to_ascii_lowercase().starts_with("date:"))
        .collect()
}

#[test]
fn hits_take_as_long_as_misses() {
    assert_times_alike("quota.trips=200");
}

#[test]
fn hits_within_the_quota_take_as_long_as_misses() {
    assert_times_alike("quota.trips=1000000");
}

/// Answers leave sooner where many wait: that must not tell more.
#[test]
fn hits_take_as_long_as_misses_in_a_crowd() {
    let _alone = alone();
    let home = home();
    let beacon = Beacon::of(&home.mint("url", &[]));
    let station = home.listen(&["--setting", "quota.trips=200"]);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for number in 0..4 {
            let (address, beacon, over) = (station.address(), &beacon, &over);
            scope.spawn(move || crowd(address, beacon, over, number));
        }
        let _over = Over(&over);
        compare(&station, &beacon, "in a crowd");
    });
}

/// Ends the crowd, whatever came out.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Has 64 requests under way all the time for what was never minted.
fn crowd(address: SocketAddr, beacon: &Beacon, over: &AtomicBool, number: u64) {
    let mut rng = StdRng::seed_from_u64(number);
    let mut lines: Vec<Line> = (0..64).map(|_| Line::open(address)).collect();
    let mut send =
        |line: &mut Line| line.send(get(beacon, &never_minted(beacon, &mut rng)).as_bytes());
    lines.iter_mut().for_each(&mut send);
    while !over.load(Ordering::Relaxed) {
        for line in &mut lines {
            line.receive();
            send(line);
        }
    }
}

fn assert_times_alike(setting: &str) {
    let _alone = alone();
    let home = home();
    let beacon = Beacon::of(&home.mint("url", &[]));
    let station = home.listen(&["--setting", setting]);
    compare(&station, &beacon, setting);
}

fn compare(station: &Station, beacon: &Beacon, setting: &str) {
    let mut line = Line::open(station.address());
    let mut rng = StdRng::seed_from_u64(7);
    let mut told = Vec::new();
    for _ in 0..TRIES {
        let (hits, misses) = sample(&mut line, beacon, &mut rng);
        let (distance, likely) = kolmogorov_smirnov(&hits, &misses);
        note(&format!(
            "hit and miss, {setting}: D = {distance:.4}, p = {likely:.2e}; µs at 5 25 50 75 95 99 %: \
             hit {}, miss {}",
            quantiles(&hits),
            quantiles(&misses)
        ));
        if likely >= ALPHA {
            return;
        }
        told.push(distance);
    }
    panic!("hits and misses can be told apart by their time: D = {told:?}");
}

fn get(beacon: &Beacon, target: &str) -> String {
    let host = &beacon.host;
    format!(
        "GET {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: curl/8.14.1\r\nAccept: */*\r\n\r\n"
    )
}

/// Times of hits and misses in random order, on one connection.
fn sample(line: &mut Line, beacon: &Beacon, rng: &mut StdRng) -> (Vec<Duration>, Vec<Duration>) {
    let (mut hits, mut misses) = (Vec::new(), Vec::new());
    // Made beforehand: what the client does between an answer and the next request is part of the time in a crowd.
    let mut order: Vec<(bool, String)> = (0..2 * SAMPLE)
        .map(|at| match at % 2 == 0 {
            true => (true, get(beacon, &beacon.target)),
            false => (false, get(beacon, &never_minted(beacon, rng))),
        })
        .collect();
    order.shuffle(rng);
    for (hit, request) in order {
        let time = line.ask(request.as_bytes());
        if hit {
            hits.push(time)
        } else {
            misses.push(time)
        }
    }
    (hits, misses)
}
