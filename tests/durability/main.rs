//! Record, then answer: what was answered is on disk, whatever happens next. The station is killed,
//! loses what was not synced, is watched at its system calls, and gets a disk that fails. And what is
//! planted is on record, whenever the planting process dies.

mod load;
mod planting;
mod shim;
mod trace;
mod tree;

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lapwing_tests::{Beacon, Home, Station, WebhookCatcher, eventually, get, within};

use load::{MARK, Tally, bodies, faults, mark, segments};
use trace::Step;

const ROUNDS: usize = 20;
const LISTEN: [&str; 4] = ["listen", "--json", "--http", "127.0.0.1:0"];

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

/// Lets clients use canaries of their own for a while, then kills the station in the middle of it.
fn kill_under_load(home: &Home, station: Station, round: usize) -> Vec<Tally> {
    let clients = load::start(home, station.address(), round);
    std::thread::sleep(Duration::from_millis(rand::random_range(60..300)));
    station.kill();
    let tallies: Vec<Tally> = clients
        .into_iter()
        .map(|client| client.join().expect("a client ends"))
        .collect();
    let answered: usize = tallies.iter().map(|tally| tally.answered).sum();
    assert!(
        answered > 0,
        "round {round}: nothing was answered, so nothing could be lost"
    );
    tallies
}

fn assert_verified(home: &Home, round: usize) {
    let ran = home.run(&["evidence", "verify"]);
    assert_eq!(ran.code, 0, "round {round}: {}{}", ran.stdout, ran.stderr);
}

/// Half of the rounds go past the quota.
fn quota(round: usize) -> &'static str {
    if round.is_multiple_of(2) {
        "quota.trips=5"
    } else {
        "quota.trips=1000000"
    }
}

/// Holds everything against everything, once the station has stopped in order.
fn assert_accounted(home: &Home, tallies: &[Tally]) {
    let faults = faults(home, tallies);
    assert!(
        faults.is_empty(),
        "{} faults, first {:#?}",
        faults.len(),
        &faults[..faults.len().min(20)]
    );
    let bodies = bodies(home);
    let count = |kind| bodies.iter().filter(|body| body["type"] == kind).count();
    let answered: usize = tallies.iter().map(|tally| tally.answered).sum();
    let (trips, summaries) = (count("trip"), count("summary"));
    note(&format!(
        "  {answered} answered; {trips} trips and {summaries} summaries recorded"
    ));
    assert!(
        trips > 0 && summaries > 0,
        "both forms of record are meant to be tried"
    );
    assert_eq!(
        count("gap"),
        0,
        "nothing is said to be lost that never was there"
    );
}

#[test]
fn killed_twenty_times_under_load() {
    let home = home();
    let mut tallies = Vec::new();
    let mut ready = Vec::new();
    let mut station = home.listen(&["--setting", quota(0)]);
    for round in 0..ROUNDS {
        tallies.extend(kill_under_load(&home, station, round));
        let begun = Instant::now();
        station = home.listen(&["--setting", quota(round + 1)]);
        ready.push(begun.elapsed());
        assert_verified(&home, round);
    }
    assert_eq!(station.stop().code, 0);
    ready.sort();
    note(&format!(
        "kill -9, {ROUNDS} rounds: ready again within {:?} (median), {:?} (longest)",
        ready[ROUNDS / 2],
        ready[ROUNDS - 1]
    ));
    assert_accounted(&home, &tallies);
    assert_verified(&home, ROUNDS);
}

/// A station whose syncs are slow, so that a kill meets unsynced bytes, and written down.
fn on_slow_disk(home: &Home, more: &[&str]) -> Station {
    let mut command = home.command(&LISTEN);
    // Small segments: the change from one to the next is tried as well.
    command
        .args(["--setting", "journal.segment_bytes=100000"])
        .args(more);
    command.env("SYNC_SHIM_SLEEP_US", "10000");
    shim::preload(&mut command, &[("SYNC_SHIM_LOG", &sync_log(home))]);
    Station::start(&mut command)
}

fn sync_log(home: &Home) -> PathBuf {
    home.path().join("syncs")
}

/// Cuts a file anywhere in what was never synced, as a power cut may; says how much is gone.
fn lose_unsynced(home: &Home, file: &Path) -> u64 {
    let size = fs::metadata(file).expect("the file is there").len();
    let synced = shim::synced(&sync_log(home), file).min(size);
    let left = rand::random_range(synced..=size);
    cut(file, left);
    size - left
}

fn cut(file: &Path, length: u64) {
    let file = OpenOptions::new()
        .write(true)
        .open(file)
        .expect("a file to cut");
    file.set_len(length).expect("it can be cut");
}

#[test]
fn unsynced_bytes_discarded_twenty_times() {
    let home = home();
    let mut tallies = Vec::new();
    let mut lost = Vec::new();
    let durable = home.data().join("journal/durable");
    let mut station = on_slow_disk(&home, &["--setting", quota(0)]);
    for round in 0..ROUNDS {
        let old = lapwing_core::bounded::read_file(&durable, 4096).expect("the mark is there");
        tallies.extend(kill_under_load(&home, station, round));
        let segment = segments(&home).pop().expect("a segment");
        lost.push(lose_unsynced(&home, &segment));
        // The index may lose its last transactions in the same way ...
        lose_unsynced(&home, &home.data().join("index.db-wal"));
        if round % 4 < 2 {
            // ... and the mark of how far the journal is durable is never synced itself.
            fs::write(&durable, old).expect("the mark can be written");
        }
        station = on_slow_disk(&home, &["--setting", quota(round + 1)]);
        assert_verified(&home, round);
    }
    assert_eq!(station.stop().code, 0);
    let hit = lost.iter().filter(|lost| **lost > 0).count();
    note(&format!(
        "unsynced bytes, {ROUNDS} rounds: {hit} lost some, {} in all",
        lost.iter().sum::<u64>()
    ));
    assert!(
        hit >= ROUNDS / 4,
        "the kills meet no unsynced bytes: {lost:?}"
    );
    assert!(
        segments(&home).len() > 2,
        "the change of segments is meant to be tried"
    );
    assert_accounted(&home, &tallies);
    assert_verified(&home, ROUNDS);
}

#[test]
fn a_kill_is_on_record_once_and_a_start_that_fails_is_none() {
    let home = home();
    let breaks = || {
        let bodies = bodies(&home);
        bodies.iter().filter(|body| body["type"] == "break").count()
    };
    let fails = || {
        let wrong = ["--setting", "alert.channels.mail.kind=pigeon"];
        let ran = home.run(&[&LISTEN, &wrong[..]].concat());
        assert_ne!(ran.code, 0, "{}", ran.stdout);
        assert!(ran.stderr.contains("pigeon"), "{}", ran.stderr);
    };
    fails();
    let station = home.listen(&[]);
    assert_eq!(breaks(), 0, "there was no station before");
    station.kill();
    fails();
    fails();
    assert_eq!(home.listen(&[]).stop().code, 0);
    assert_eq!(breaks(), 1);
}

/// The check that the rounds above rely on, on a journal that did lose something.
#[test]
fn a_loss_would_be_noticed() {
    let home = home();
    let mut tallies = Vec::new();
    let mut lost = 0;
    for round in 0..ROUNDS {
        tallies.extend(kill_under_load(&home, home.listen(&[]), round));
        lost = lose_what_no_checkpoint_covers(&home);
        // Of fewer none may have been answered.
        if lost > 2 * load::CLIENTS {
            break;
        }
    }
    assert!(lost > 2 * load::CLIENTS, "the kills left nothing to lose");
    assert_eq!(home.listen(&[]).stop().code, 0);
    // The index knew the lost ones already, or it did not: either is found.
    home.ok(&["reindex"]);
    let faults = faults(&home, &tallies);
    assert!(
        faults.iter().any(|fault| fault.contains("is not recorded")),
        "{faults:#?}"
    );
    let gaps = bodies(&home)
        .into_iter()
        .filter(|body| body["type"] == "gap");
    let told: u64 = gaps
        .map(|gap| gap["lost"].as_u64().expect("a number"))
        .sum();
    assert!(told > 0, "the station itself says that records are gone");
}

/// Cuts the journal behind the last record that a checkpoint covers: losing more would be told from
/// a power cut. Says how many records are gone.
fn lose_what_no_checkpoint_covers(home: &Home) -> usize {
    let checkpoint = home.ok(&["evidence", "checkpoint"]);
    let covered = checkpoint.lines().nth(1).and_then(|size| size.parse().ok());
    let covered: usize = covered.expect("a checkpoint says how many records it is over");
    let lost = bodies(home).len() - covered;
    let segment = segments(home).pop().expect("a segment");
    let text = lapwing_core::bounded::read_text(&segment, 1 << 30).expect("a segment is text");
    let mut records = text.match_indices("{\"body\":").map(|(at, _)| at);
    if let Some(at) = records.nth(covered) {
        cut(&segment, at as u64);
    }
    lost
}

#[test]
fn the_sync_comes_before_the_answer() {
    let home = home();
    let Beacon { host, target, .. } = Beacon::of(&home.mint("url", &[]));
    let output = home.path().join("trace");
    let station = Station::start(&mut trace::command(&home, &output, &LISTEN));
    for (mark, target) in [
        ("first-hit", &*target),
        ("a-miss", "/nothing/here"),
        ("a-hit", &target),
    ] {
        let answer = get(station.address(), &host, target, &[(MARK, mark)]);
        assert_eq!(answer.status, 403, "{}", answer.head);
    }
    station.stop();
    // strace writes on for a moment after the station has ended.
    let steps = eventually("the end of the trace", || {
        let steps = trace::read(&output);
        steps
            .iter()
            .any(|step| step.text.contains("stopped"))
            .then_some(steps)
    });
    for (mark, file) in [
        ("first-hit", ".jsonl>"),
        ("a-miss", "/scratch>"),
        ("a-hit", ".jsonl>"),
    ] {
        let during = between_request_and_answer(&steps, mark);
        let written = during
            .iter()
            .find(|step| step.call == "write" && step.text.contains(file))
            .unwrap_or_else(|| panic!("{mark}: nothing is written to {file}: {during:#?}"));
        let synced = during.iter().find(|step| {
            step.call == "fdatasync" && step.text.contains(file) && step.begun > written.done
        });
        assert!(
            synced.is_some_and(|step| step.worked()),
            "{mark}: no sync: {during:#?}"
        );
        if mark == "first-hit" {
            let named = during.iter().any(|step| {
                step.call == "fsync" && step.text.contains("/journal>") && step.worked()
            });
            assert!(named, "the new segment's name is not synced: {during:#?}");
        }
    }
}

/// What was begun and done after the request with this mark was read, and before its answer went out.
fn between_request_and_answer<'a>(steps: &'a [Step], mark: &str) -> Vec<&'a Step> {
    let tcp = |step: &Step| step.text.contains("<TCP:");
    let asked = steps
        .iter()
        .find(|step| tcp(step) && step.call.starts_with("re") && step.text.contains(mark))
        .unwrap_or_else(|| panic!("{mark} is not in the trace"));
    let answered = steps
        .iter()
        .find(|step| tcp(step) && step.begun > asked.done && step.text.contains("HTTP/1.1 403"))
        .unwrap_or_else(|| panic!("the answer to {mark} is not in the trace"));
    let during = |step: &&Step| step.begun > asked.begun && step.done < answered.begun;
    steps.iter().filter(during).collect()
}

#[test]
fn a_failing_disk_is_told_and_caught_up_with() {
    let home = home();
    let hooks = WebhookCatcher::start();
    let Beacon { host, target, .. } = Beacon::of(&home.mint("url", &[]));
    let toml = "addresses = [\"http://*.example.org\"]\n";
    home.settings(&format!("{toml}{}", hooks.channel("hook")));
    let broken = home.path().join("broken");
    let mut command = home.command(&LISTEN);
    shim::preload(&mut command, &[("SYNC_SHIM_FAIL_FILE", &broken)]);
    let station = Station::start(&mut command);
    let uses = |mark: &str, count: usize| {
        for number in 0..count {
            let mark = format!("{mark}-{number}");
            let answer = get(station.address(), &host, &target, &[(MARK, &mark)]);
            assert_eq!(
                answer.status, 403,
                "{mark} is answered as ever: {}",
                answer.head
            );
        }
    };
    uses("before", 3);
    fs::write(&broken, "").expect("the disk breaks");
    uses("during", 7);
    let miss = get(station.address(), &host, "/nothing/here", &[]);
    assert_eq!(miss.status, 403, "{}", miss.head);
    let said = |text: &str| {
        let hooks = hooks.hooks();
        hooks
            .iter()
            .any(|hook| hook.signed && hook.body.to_string().contains(text))
            .then_some(())
    };
    eventually("the alarm", || said("cannot be recorded"));
    let stderr = station.stderr();
    assert!(stderr.contains("cannot be recorded"), "{stderr}");
    fs::remove_file(&broken).expect("the disk is mended");
    within(Duration::from_secs(60), "the all-clear", || {
        said("takes records again")
    });
    uses("after", 2);
    assert_eq!(station.stop().code, 0);

    assert_verified(&home, 0);
    let trips = home.json(&["trips", "--limit", "1000"]);
    let rows = trips.as_array().expect("a list");
    let mut marks: Vec<String> = rows.iter().filter_map(|row| mark(&row["trip"])).collect();
    marks.sort();
    let names = [("after", 2), ("before", 3), ("during", 7)];
    let expected: Vec<String> = names
        .iter()
        .flat_map(|(name, count)| (0..*count).map(move |number| format!("{name}-{number}")))
        .collect();
    assert_eq!(marks, expected, "each of them, once");
    let bodies = bodies(&home);
    let late = bodies.iter().filter(|body| body["late"] == true).count();
    assert_eq!(late, 7, "those of the outage are marked as written late");
    let gaps: Vec<_> = bodies.iter().filter(|body| body["type"] == "gap").collect();
    assert!(!gaps.is_empty(), "the outage itself is in the log");
    let lost: u64 = gaps
        .iter()
        .map(|gap| gap["lost"].as_u64().expect("a number"))
        .sum();
    assert_eq!(lost, 7, "{gaps:?}");
}
