//! The log as evidence: damage is found and named, a rewritten log is caught by a checkpoint kept
//! elsewhere, and the index, a backup or another directory give the same results.

use std::fs;
use std::path::PathBuf;

use lapwing_tests::{Home, Minted, WebhookCatcher, trips};
use serde_json::Value;

use crate::bait::{account, bytes_of, files_below, home, home_with, open, send_text, text_of};

/// A home with a stopped station that saw a few trips of several canaries.
fn seen_something(home: &Home) -> (Minted, Minted) {
    let (twilio, link) = (
        home.mint("twilio", &["--memo", "relay"]),
        home.mint("url", &[]),
    );
    let station = home.listen(&[]);
    for round in 0..6 {
        account(station.address(), &twilio);
        open(station.address(), &link);
        send_text(
            station.address(),
            &twilio,
            &format!("To=%2B1202555011{round}&From=%2B1&Body=x"),
        );
    }
    let ran = station.stop();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    (twilio, link)
}

fn segments(home: &Home) -> Vec<PathBuf> {
    let mut files = files_below(&home.data().join("journal"));
    files.retain(|file| file.extension().is_some_and(|end| end == "jsonl"));
    assert!(!files.is_empty());
    files
}

#[test]
fn a_whole_log_verifies() {
    let home = home();
    seen_something(&home);
    let said = home.json(&["evidence", "verify"]);
    assert_eq!(said["verified"], true);
    assert!(said["records"].as_u64().unwrap() >= 18, "{said}");
    let public = said["public_key"].as_str().unwrap();
    assert!(home.ok(&["evidence", "verify"]).contains(public));
    let checkpoint = home.ok(&["evidence", "checkpoint"]);
    assert!(
        checkpoint.contains("\n— station-"),
        "a signed note: {checkpoint}"
    );
}

#[test]
fn a_log_that_nothing_was_written_to_yet_is_whole() {
    let home = home();
    let ran = home.run(&["evidence", "verify"]);
    assert_eq!(ran.code, 0, "before the first start: {}", ran.stdout);
    home.listen(&[]).stop();
    assert_eq!(
        home.run(&["evidence", "verify"]).code,
        0,
        "before the first trip"
    );
}

#[test]
fn a_byte_changed_anywhere_is_found_and_its_record_named() {
    let home = home();
    seen_something(&home);
    let [segment] = &segments(&home)[..] else {
        panic!("one segment")
    };
    let whole = bytes_of(segment);
    let places: Vec<usize> = (0..100)
        .map(|_| rand::random_range(0..whole.len()))
        .chain([0, whole.len() - 1])
        .collect();
    for place in places {
        let mut damaged = whole.clone();
        damaged[place] ^= 1 << rand::random_range(0..8);
        fs::write(segment, &damaged).unwrap();
        let ran = home.run(&["evidence", "verify"]);
        assert_eq!(ran.code, 4, "byte {place}: {}", ran.stdout);
        let line = 1 + whole[..place].iter().filter(|byte| **byte == b'\n').count();
        let named = ran.stdout.contains("BROKEN: record ")
            && (ran.stdout.contains(&format!("line {line})"))
                // A line end that is none joins two lines.
                || whole[place] == b'\n' || damaged[place] == b'\n');
        assert!(named, "byte {place} in line {line}: {}", ran.stdout);
        let json = home.run(&["evidence", "verify", "--json"]);
        let said: Value = serde_json::from_str(&json.stdout).unwrap();
        assert_eq!(said["verified"], false);
    }
    fs::write(segment, &whole).unwrap();
    home.ok(&["evidence", "verify"]);
}

#[test]
fn a_log_cut_short_or_without_a_line_is_found() {
    let home = home();
    seen_something(&home);
    let [segment] = &segments(&home)[..] else {
        panic!("one segment")
    };
    let text = text_of(segment);
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let without = |gone: usize| {
        let kept = lines.iter().enumerate().filter(|(line, _)| *line != gone);
        kept.map(|(_, line)| *line).collect::<String>()
    };
    let cut = text[..text.len() / 2].to_owned();
    let whole_lines = lines[..lines.len() / 3 * 2].concat();
    for damaged in [
        without(0),
        without(7),
        without(lines.len() - 1),
        cut,
        whole_lines,
        String::new(),
    ] {
        fs::write(segment, &damaged).unwrap();
        let ran = home.run(&["evidence", "verify"]);
        assert_eq!(
            ran.code,
            4,
            "{} of {} bytes: {}",
            damaged.len(),
            text.len(),
            ran.stdout
        );
    }
    fs::remove_file(segment).unwrap();
    assert_eq!(home.run(&["evidence", "verify"]).code, 4, "gone altogether");
}

#[test]
fn a_log_written_anew_is_caught_by_a_checkpoint_kept_elsewhere() {
    let hook = WebhookCatcher::start();
    let home = home_with(&hook.channel("hook"));
    let (twilio, _) = seen_something(&home);
    let kept = home.path().join("kept");
    fs::write(&kept, home.ok(&["evidence", "checkpoint"])).unwrap();
    let kept = kept.to_str().unwrap();
    home.ok(&["evidence", "verify", "--checkpoint", kept]);
    let alerted = hook.hooks().pop().unwrap().body["checkpoint"]
        .as_str()
        .unwrap()
        .to_owned();
    let mailed = home.path().join("alerted");
    fs::write(&mailed, alerted).unwrap();
    home.ok(&[
        "evidence",
        "verify",
        "--checkpoint",
        mailed.to_str().unwrap(),
    ]);

    // Who holds the key writes the log from scratch, longer than it was.
    for file in files_below(&home.data().join("journal")) {
        fs::remove_file(file).unwrap();
    }
    for file in ["index.db", "index.db-wal", "index.db-shm"] {
        let _ = fs::remove_file(home.data().join(file));
    }
    let station = home.listen(&[]);
    for _ in 0..30 {
        account(station.address(), &twilio);
    }
    station.stop();
    assert_eq!(
        home.run(&["evidence", "verify"]).code,
        0,
        "it is whole in itself"
    );
    let ran = home.run(&["evidence", "verify", "--checkpoint", kept]);
    assert_eq!(ran.code, 4, "{}", ran.stdout);
    assert!(ran.stdout.contains("BROKEN"), "{}", ran.stdout);
    let missing = home.run(&["evidence", "verify", "--checkpoint", "none"]);
    assert_eq!(missing.code, 1);
}

/// Everything that is concluded, as an operator reads it.
fn conclusions(home: &Home) -> [Value; 3] {
    [
        &["trips", "--limit", "100000"][..],
        &["incidents", "--limit", "1000"],
        &["actors", "--limit", "1000"],
    ]
    .map(|command| home.json(command))
}

#[test]
fn reindex_brings_everything_back_and_sends_nothing() {
    let hook = WebhookCatcher::start();
    let home = home_with(&hook.channel("hook"));
    let (twilio, link) = seen_something(&home);
    let station = home.listen(&[]);
    home.ok(&["drill", &link.id, "--via", &station.address().to_string()]);
    home.ok(&["retire", &twilio.id]);
    account(station.address(), &twilio);
    trips(&home, 20);
    let running = home.run(&["reindex"]);
    assert_eq!(running.code, 1, "not while the station follows its index");
    station.stop();
    let incidents = home.json(&["incidents"]);
    let id = |row: usize| incidents[row]["id"].as_str().unwrap();
    home.ok(&["incident", id(0), "--close", "a drill"]);
    home.ok(&["incident", id(1), "--acknowledge"]);
    let before = conclusions(&home);
    let deliveries = home.json(&["alert", "deliveries"]);
    let sent = hook.hooks().len();
    assert!(sent >= 3, "two incidents and a drill");

    for file in ["index.db", "index.db-wal", "index.db-shm"] {
        let _ = fs::remove_file(home.data().join(file));
    }
    home.ok(&["reindex"]);
    for (after, before) in conclusions(&home).into_iter().zip(before.clone()) {
        assert_eq!(after, before);
    }
    // A station that finds no index at all builds it too.
    fs::remove_file(home.data().join("index.db")).unwrap();
    let station = home.listen(&[]);
    trips(&home, 20);
    station.stop();
    assert_eq!(conclusions(&home), before);
    assert_eq!(
        home.json(&["alert", "deliveries"]),
        deliveries,
        "nothing was queued"
    );
    assert_eq!(hook.hooks().len(), sent, "nothing was sent");
}

#[test]
fn a_backup_restored_elsewhere_gives_the_same_results() {
    let home = home();
    let (twilio, link) = seen_something(&home);
    fs::write(home.path().join(".env"), "A=1\n").unwrap();
    home.ok(&["plant", "jasmin-http", ".env"]);
    let station = home.listen(&[]);
    account(station.address(), &twilio);
    trips(&home, 19);
    let file = home.path().join("backup.tar");
    home.ok(&["backup", file.to_str().unwrap()]);
    assert_eq!(
        home.run(&["backup", file.to_str().unwrap()]).code,
        1,
        "never over a file"
    );
    let taken = conclusions(&home);
    open(station.address(), &link);
    trips(&home, 20);
    station.stop();

    let again = home.run(&["restore", file.to_str().unwrap()]);
    assert_eq!(again.code, 1, "never over a data directory");
    let other = Home::new();
    other.ok(&["restore", file.to_str().unwrap()]);
    assert_eq!(conclusions(&other), taken);
    assert_eq!(other.json(&["places"]), home.json(&["places"]));
    assert_eq!(other.json(&["canaries"]), home.json(&["canaries"]));
    other.ok(&["evidence", "verify"]);
    assert_eq!(other.run(&["check"]).code, 0);
    let station = other.listen(&[]);
    assert_eq!(
        account(station.address(), &twilio).status,
        200,
        "still recognised"
    );
    assert_eq!(trips(&other, 20).len(), 20);
    let third = Home::new();
    let junk = home.path().join("junk");
    fs::write(&junk, "no backup").unwrap();
    assert_eq!(third.run(&["restore", junk.to_str().unwrap()]).code, 1);
}
