//! Hostile input is data: whatever peers send, the station lives, stays small, records what bait is
//! in it, believes nothing, and tells nobody anything.

mod corpus;
mod flood;
mod malformed;
mod mutate;
mod siege;
mod text;
mod wire;

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use lapwing_core::bounded;
use lapwing_tests::{Beacon, Home, Minted, Station, eventually, get, trips};

use malformed::{Case, Fate, MALFORMED, OVERSIZED};
use wire::{connect_from, read_to_end, send};

/// How long an answer may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

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

/// No character that a terminal acts upon or that turns text around; line ends are fine.
fn clean(what: &str, text: &str) {
    let bad = |c: &char| {
        (c.is_control() && *c != '\n')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
    };
    if let Some((at, c)) = text.char_indices().find(|(_, c)| bad(c)) {
        let line = text[..at].lines().count();
        let around: String = text[..at]
            .chars()
            .rev()
            .take(60)
            .collect::<Vec<_>>()
            .iter()
            .rev()
            .collect();
        panic!("{what}: {c:?} in line {line}, after {around:?}");
    }
}

/// The station answers an honest request.
fn assert_alive(station: &Station, after: &str) {
    let answer = get(station.address(), "192.0.2.1", "/", &[]);
    assert_eq!(answer.status, 200, "after {after}: {}", station.stderr());
}

/// Nothing that reaches a peer names this product.
fn assert_nameless(what: &str, said: &str) {
    assert!(
        !said.to_ascii_lowercase().contains("lapwing"),
        "{what}: {said}"
    );
}

fn assert_sound(home: &Home, station: Station) {
    let ended = station.stop();
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    let ran = home.run(&["evidence", "verify"]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
}

/// Sends each case with a beacon of its own; all of them are answered as they should and recorded.
fn assert_cases(cases: &[Case], settings: &[&str]) {
    let home = home();
    let minted = home.ok(&[
        "mint",
        "url",
        "--count",
        &cases.len().to_string(),
        "--out",
        "json",
    ]);
    let beacons: Vec<Beacon> = minted
        .lines()
        .map(|line| Beacon::of(&Minted::parse(line)))
        .collect();
    let station = home.listen(settings);
    for (case, beacon) in cases.iter().zip(&beacons) {
        let said = send(station.address(), &(case.bytes)(beacon), PATIENCE);
        assert!(
            said.ended,
            "{}: the connection is left open; {}",
            case.name,
            said.text()
        );
        assert_nameless(case.name, &said.text());
        let status = said.status();
        let refused = said.bytes.is_empty() || (status >= 400 && status != 403);
        if case.fate == Fate::Refused {
            assert!(refused, "{}: answered {}", case.name, said.text());
        }
        assert!(
            status == 0 || (200..600).contains(&status),
            "{}: {}",
            case.name,
            said.text()
        );
        assert_alive(&station, case.name);
    }
    // The index is whole once the station has stopped.
    assert_sound(&home, station);
    let rows = trips(&home, 0);
    let used = |beacon: &Beacon| rows.iter().any(|row| row["trip"]["canary"] == *beacon.id);
    let cases = cases.iter().zip(&beacons);
    let missing: Vec<&str> = cases
        .filter(|(_, beacon)| !used(beacon))
        .map(|(case, _)| case.name)
        .collect();
    assert!(missing.is_empty(), "not recorded: {missing:?}");
}

#[test]
fn oversized_requests_are_refused_and_recorded() {
    let limits = [
        "listen.header_bytes=16384",
        "listen.body_bytes=65536",
        "listen.header_seconds=3",
    ];
    let settings: Vec<&str> = limits
        .iter()
        .flat_map(|limit| ["--setting", limit])
        .collect();
    assert_cases(OVERSIZED, &settings);
}

#[test]
fn malformed_requests_are_refused_and_recorded() {
    assert_cases(MALFORMED, &["--setting", "listen.header_seconds=3"]);
}

#[test]
fn slow_peers_are_ended_and_hold_nobody_up() {
    const DRIPS: usize = 30;
    let home = home();
    let beacon = Beacon::of(&home.mint("url", &[]));
    let Beacon {
        host, target, id, ..
    } = &beacon;
    let seconds = [
        "listen.header_seconds=2",
        "listen.body_seconds=2",
        "listen.idle_seconds=2",
    ];
    let settings: Vec<&str> = seconds
        .iter()
        .flat_map(|limit| ["--setting", limit])
        .collect();
    let station = home.listen(&settings);
    let address = station.address();
    let head = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nX-Slow: ");
    let body = format!("POST {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 100000\r\n\r\n");
    let starts = [head.as_str(), body.as_str(), ""];
    std::thread::scope(|scope| {
        for number in 0..DRIPS {
            let start = starts[number % starts.len()];
            scope.spawn(move || assert_drip_ends(address, start));
        }
        let mut longest = Duration::ZERO;
        for _ in 0..20 {
            let begun = Instant::now();
            assert_alive(&station, "slow peers");
            longest = longest.max(begun.elapsed());
        }
        note(&format!(
            "beside {DRIPS} slow peers an answer takes at most {longest:?}"
        ));
        assert!(longest < Duration::from_secs(10), "{longest:?}");
    });
    let slow = DRIPS / starts.len() * 2;
    eventually("the trips of those that were cut off", || {
        let rows = trips(&home, slow);
        let used = rows.iter().filter(|row| row["trip"]["canary"] == **id);
        (used.count() == slow).then_some(())
    });
    assert_sound(&home, station);
}

/// Sends a byte at a time, each well within any silence that could be allowed; the station ends it.
fn assert_drip_ends(address: SocketAddr, start: &str) {
    let mut stream = TcpStream::connect(address).expect("the station listens");
    stream
        .write_all(start.as_bytes())
        .expect("the connection is fresh");
    let begun = Instant::now();
    loop {
        // Nothing at all is sent on a connection that began with nothing.
        if !start.is_empty() && stream.write_all(b"a").is_err() {
            return;
        }
        let said = read_to_end(&mut stream, Duration::from_millis(100));
        assert_nameless("slow", &said.text());
        if said.ended {
            return;
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "a slow peer is never ended: {start:?}"
        );
    }
}

#[test]
fn two_thousand_mutations_leave_it_alive_and_small() {
    const THREADS: u64 = 8;
    const EACH: usize = 250;
    let home = home();
    let beacon = Beacon::of(&home.mint("url", &[]));
    let limits = [
        "listen.header_seconds=2",
        "listen.body_seconds=2",
        "listen.idle_seconds=2",
    ];
    let settings: Vec<&str> = limits
        .iter()
        .flat_map(|limit| ["--setting", limit])
        .collect();
    let station = home.listen(&settings);
    let address = station.address();
    let before = memory(&station, "VmRSS");
    std::thread::scope(|scope| {
        for seed in 0..THREADS {
            let beacon = &beacon;
            scope.spawn(move || {
                for (number, bytes) in mutate::requests(beacon, seed, EACH).iter().enumerate() {
                    let said = send(address, bytes, PATIENCE);
                    let what = || {
                        format!(
                            "seed {seed}, request {number}: {:?}",
                            String::from_utf8_lossy(bytes)
                        )
                    };
                    assert!(said.ended, "{} is left open", what());
                    assert_nameless(&what(), &said.text());
                }
            });
        }
    });
    assert_alive(&station, "the mutations");
    let peak = memory(&station, "VmHWM");
    note(&format!(
        "2,000 mutations: {} MB resident before, {} MB at most",
        before >> 10,
        peak >> 10
    ));
    assert!(
        peak - before < 100 << 10,
        "grows from {before} kB to {peak} kB"
    );
    let recorded = trips(&home, 200).len();
    note(&format!(
        "  {recorded} of them still carried the bait and are recorded"
    ));
    assert_sound(&home, station);
}

/// A figure of the station's memory, in kB.
fn memory(station: &Station, name: &str) -> u64 {
    let path = format!("/proc/{}/status", station.pid());
    let status = bounded::read_text(path.as_ref(), 64 << 10).expect("the station runs");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .expect("a figure");
    line.trim_matches([':', ' ', '\t', 'k', 'B'])
        .parse()
        .expect("a number")
}

#[test]
fn connections_are_capped_per_address_and_in_all() {
    let home = home();
    let caps = ["listen.connections=30", "listen.connections_per_address=20"];
    let settings: Vec<&str> = caps.iter().flat_map(|cap| ["--setting", cap]).collect();
    let station = home.listen(&settings);
    let address = station.address();
    let one = Ipv4Addr::LOCALHOST;
    let mut held = hold(address, one, 25);
    eventually("20 from one address", || {
        (open(&mut held) == 20).then_some(())
    });
    assert_eq!(open(&mut held[..5]), 0, "the longest silent left");
    let mut more = hold(address, Ipv4Addr::new(127, 0, 0, 2), 15);
    eventually("30 in all", || {
        (open(&mut held) + open(&mut more) == 30).then_some(())
    });
    assert_eq!(open(&mut more), 15, "newcomers are let in");
    assert!(
        served(connect_from(one, address)).is_some(),
        "so is one with its share"
    );
    station.stop();
}

/// Opens so many connections, each of which gets an answer.
fn hold(to: SocketAddr, from: Ipv4Addr, count: usize) -> Vec<TcpStream> {
    let served = (0..count).map(|_| served(connect_from(from, to)).expect("an answer"));
    served.collect()
}

/// How many the station has not closed.
fn open(held: &mut [TcpStream]) -> usize {
    let is_open = |stream: &mut TcpStream| {
        stream.set_nonblocking(true).expect("it can be set");
        loop {
            match std::io::Read::read(stream, &mut [0; 4096]) {
                Ok(0) => return false,
                Ok(_) => {}
                Err(error) => return error.kind() == std::io::ErrorKind::WouldBlock,
            }
        }
    };
    held.iter_mut().map(is_open).filter(|open| *open).count()
}

/// The connection, if it gets an answer.
fn served(mut stream: TcpStream) -> Option<TcpStream> {
    let asked = stream.write_all(b"GET / HTTP/1.1\r\nHost: www.example.org\r\n\r\n");
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("a timeout can be set");
    let mut first = [0; 8];
    let answered = asked.is_ok() && std::io::Read::read_exact(&mut stream, &mut first).is_ok();
    answered.then_some(stream)
}

#[test]
fn only_a_configured_proxy_is_believed() {
    const CLAIM: &str = "203.0.113.7";
    let home = home();
    let canaries: Vec<Beacon> = (0..3).map(|_| Beacon::of(&home.mint("url", &[]))).collect();
    let header = format!("PROXY TCP4 {CLAIM} 203.0.113.8 4711 80\r\n");
    let request = |beacon: &Beacon, first: &str| {
        let Beacon { host, target, .. } = beacon;
        let forwarded =
            format!("X-Forwarded-For: {CLAIM}\r\nForwarded: for={CLAIM}\r\nX-Real-IP: {CLAIM}");
        let rest = format!("Host: {host}\r\n{forwarded}\r\nConnection: close\r\n\r\n");
        format!("{first}GET {target} HTTP/1.1\r\n{rest}").into_bytes()
    };
    let station = home.listen(&[]);
    let said = send(station.address(), &request(&canaries[0], &header), PATIENCE);
    assert_eq!(
        said.status(),
        400,
        "a PROXY header is a bad request: {}",
        said.text()
    );
    let said = send(station.address(), &request(&canaries[1], ""), PATIENCE);
    assert_eq!(said.status(), 403, "{}", said.text());
    station.stop();
    let station = home.listen(&["--proxy", "127.0.0.0/8"]);
    let said = send(station.address(), &request(&canaries[2], &header), PATIENCE);
    assert_eq!(said.status(), 403, "{}", said.text());
    station.stop();

    let rows = trips(&home, 3);
    let observed = |beacon: &Beacon| {
        let row = rows.iter().find(|row| row["trip"]["canary"] == *beacon.id);
        let row = row.expect("it is recorded, believed or not");
        (
            row["trip"]["observed"]["peer"].to_string(),
            row["trip"]["observed"]["forwarded"].to_string(),
        )
    };
    for beacon in &canaries {
        assert!(
            observed(beacon).0.contains("127.0.0.1:"),
            "the socket's address is always kept"
        );
    }
    assert_eq!(
        observed(&canaries[0]).1,
        "null",
        "an unknown peer's PROXY header"
    );
    assert_eq!(
        observed(&canaries[1]).1,
        "null",
        "a header anyone can write"
    );
    assert_eq!(
        observed(&canaries[2]).1,
        format!("\"{CLAIM}:4711\""),
        "a configured proxy's"
    );
    let actors = home.json(&["actors"]);
    let listed = actors.to_string().matches(CLAIM).count();
    assert_eq!(listed, 1, "one actor has that address: {actors}");
}
