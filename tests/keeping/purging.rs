//! Erasing by age: with and without a station, killed in the middle, by itself once a day.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

use lapwing_core::bounded;
use lapwing_tests::{Beacon, Home, Station, eventually, finish, repository, trips};
use serde_json::Value;

use crate::scene::{NUMBER, erased, home, ids, open, segments, send_text, trip, verified};

/// Trips of a beacon and of a relay, and nothing that runs.
fn used(home: &Home, each: usize, more: &[&str]) -> Vec<String> {
    let twilio = home.mint("twilio", &[]);
    let beacon = Beacon::of(&home.mint("url", &[]));
    let station = home.listen(more);
    for _ in 0..each {
        open(station.address(), &beacon);
        assert_eq!(send_text(station.address(), &twilio).status, 201);
    }
    trips(home, 2 * each);
    assert_eq!(station.stop().code, 0);
    ids(home, 2 * each)
}

#[test]
fn what_is_older_goes_and_the_log_verifies() {
    let home = home("");
    let trip_ids = used(&home, 3, &[]);
    let before = home.json(&["trips", "--limit", "100"]);
    let looked = home.json(&["purge", "--older-than", "0s", "--dry-run"]);
    assert_eq!(
        (&looked["erased"], &looked["by_part"]["raw"]),
        (&false.into(), &6.into())
    );
    assert_eq!(verified(&home)["parts_erased"], 0, "a look erases nothing");
    let refused = home.run(&["purge", "--older-than", "0s"]);
    assert_eq!(refused.code, 1, "nobody was asked");
    assert!(refused.stderr.contains("--yes"), "{}", refused.stderr);

    let done = home.json(&["purge", "--older-than", "0s", "--class", "raw", "--yes"]);
    assert_eq!(done["parts"], 6, "{done}");
    assert_eq!(erased(&home, "retention", "raw"), 6);
    for id in &trip_ids {
        let shown = trip(&home, id);
        assert_eq!(shown["raw"], Value::Null);
        assert_eq!(shown["trip"]["claims"]["agent"], "curl/8.5.0");
        assert!(
            shown["erased_because"]
                .as_str()
                .unwrap()
                .contains("purged by age"),
            "{shown}"
        );
    }
    let done = home.json(&[
        "purge",
        "--older-than",
        "0s",
        "--yes",
        "--reason",
        "a year is over",
    ]);
    assert!(done["parts"].as_u64().unwrap() > 6, "{done}");
    let after = home.json(&["trips", "--limit", "100"]);
    let strip = |rows: &Value| -> Vec<Value> {
        let rows = rows.as_array().unwrap().iter();
        rows.map(|row| row["conclusion"].clone()).collect()
    };
    assert_eq!(strip(&before), strip(&after), "what was concluded stays");
    assert_eq!(after[0]["trip"]["claims"], Value::Null);
    let shown = home.ok(&["trip", &trip_ids[0]]);
    assert!(
        shown.contains("erased on") && shown.contains("purged by age"),
        "{shown}"
    );
    let again = home.json(&["purge", "--older-than", "0s", "--yes"]);
    assert_eq!(again["parts"], 0, "{again}");
    // A station starts on it, and goes on.
    used(&home, 1, &[]);
    verified(&home);
}

#[test]
fn verdicts_are_kept_when_the_index_is_built_again() {
    let home = home("");
    let beacon = Beacon::of(&home.mint("url", &[]));
    let station = home.listen(&[]);
    let via = station.address().to_string();
    // Without a channel no alert arrives; the trip is what matters.
    home.run(&["drill", &beacon.id, "--via", &via, "--timeout", "30"]);
    open(station.address(), &beacon);
    trips(&home, 2);
    station.stop();
    let verdicts = || -> Vec<Value> {
        let rows = home.json(&["trips"]);
        let rows = rows.as_array().unwrap().iter();
        rows.map(|row| row["conclusion"]["judgement"]["verdict"].clone())
            .collect()
    };
    let before = verdicts();
    assert!(before.contains(&"drill".into()), "{before:?}");
    home.ok(&["purge", "--older-than", "0s", "--yes"]);
    home.ok(&["reindex"]);
    assert_eq!(verdicts(), before, "a drill is still one");
}

#[test]
fn captures_go_alone_and_take_the_bytes_as_sent_with_them() {
    let home = home("");
    used(&home, 2, &[]);
    let done = home.json(&[
        "purge",
        "--older-than",
        "0s",
        "--class",
        "captures",
        "--yes",
    ]);
    assert_eq!(done["by_part"]["raw"], 2, "only of the texts: {done}");
    let mut raws = 0;
    for row in home.json(&["trips"]).as_array().unwrap() {
        let shown = trip(&home, row["trip"]["id"].as_str().unwrap());
        assert_eq!(shown["trip"]["claims"]["agent"], "curl/8.5.0", "{shown}");
        assert!(!shown.to_string().contains(NUMBER), "{shown}");
        raws += usize::from(!shown["raw"].is_null());
    }
    assert_eq!(raws, 2, "the beacons' requests hold nobody's data");
    verified(&home);
}

#[test]
fn a_running_station_erases_what_a_command_asks_for_and_loses_nothing() {
    let home = home("[journal]\nsegment_bytes = 60000\n[quota]\ntrips = 1000000\n");
    let beacon = Beacon::of(&home.mint("url", &[]));
    let station = home.listen(&[]);
    let at = station.address();
    for _ in 0..200 {
        open(at, &beacon);
    }
    trips(&home, 200);
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let user = beacon.clone();
    let visitor = std::thread::spawn(move || {
        let mut count = 0;
        while stopped.try_recv().is_err() {
            open(at, &user);
            count += 1;
        }
        count
    });
    let mut gone = 0;
    for _ in 0..3 {
        let done = home.json(&["purge", "--older-than", "0s", "--yes"]);
        gone += done["parts"].as_u64().unwrap();
        verified(&home);
        // A backup that is taken meanwhile is whole.
        let (file, other) = (home.path().join("saved.tar"), Home::new());
        home.ok(&["backup", file.to_str().unwrap()]);
        other.ok(&["restore", file.to_str().unwrap()]);
        verified(&other);
        std::fs::remove_file(&file).expect("it is there");
    }
    stop.send(()).expect("it runs");
    let more: usize = visitor.join().expect("it ends");
    assert!(more > 0 && gone >= 400, "{more} {gone}");
    assert_eq!(station.stop().code, 0);
    assert_eq!(trips(&home, 200 + more).len(), 200 + more);
    assert!(erased(&home, "retention", "raw") >= 200);
    assert!(!leftovers(&home), "nothing half copied is left");
}

/// Whether a segment that was being written anew is left.
fn leftovers(home: &Home) -> bool {
    let files = std::fs::read_dir(home.data().join("journal")).expect("a journal");
    let mut files = files.map(|file| file.expect("a file").path());
    files.any(|file| file.extension().is_some_and(|end| end == "new"))
}

/// How every record is called and its digest, and how many parts of each sort are there.
fn records(home: &Home) -> (Vec<(u64, String)>, BTreeMap<bool, usize>) {
    let (mut records, mut parts) = (Vec::new(), BTreeMap::new());
    for file in segments(home) {
        let text = bounded::read_text(&file, 1 << 30).expect("a segment is text");
        for line in text.lines() {
            let value: Value = serde_json::from_str(line).expect("a line is JSON");
            if value["body"].is_null() {
                *parts.entry(value["erased"].is_string()).or_default() += 1;
            } else if value["body"]["type"] == "trip" {
                let digest = value["digest"].as_str().expect("a digest").to_owned();
                let sequence = value["sequence"].as_u64().expect("a number");
                records.push((sequence, digest));
            }
        }
    }
    (records, parts)
}

/// Rounds of being killed.
const ROUNDS: usize = 12;

#[test]
fn killed_at_any_moment_it_is_finished_by_the_next() {
    let home = home("[journal]\nsegment_bytes = 40000\n[quota]\ntrips = 1000000\n");
    used(&home, 100, &[]);
    let (before, _) = records(&home);
    let mut killed = 0;
    for round in 0..ROUNDS {
        let mut command = home.command(&["purge", "--older-than", "0s", "--yes"]);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        std::thread::sleep(Duration::from_millis(rand::random_range(20..500)));
        killed += usize::from(child.try_wait().expect("a child").is_none());
        // Err: it has ended.
        let _ = child.kill();
        child.wait().expect("a child");
        let said = verified(&home);
        assert_eq!(
            records(&home).0,
            before,
            "round {round}: no record is lost, {said}"
        );
    }
    assert!(killed > 0, "no kill met one at work");
    home.ok(&["purge", "--older-than", "0s", "--yes"]);
    let (after, parts) = records(&home);
    assert_eq!(after, before);
    assert_eq!(parts.get(&false), None, "all are gone: {parts:?}");
    assert!(!leftovers(&home));
    // A killed station's is taken up by the next one as well.
    used(&home, 30, &[]);
    let station = home.listen(&[]);
    let mut command = home.command(&["purge", "--older-than", "0s", "--yes", "--json"]);
    let asking = command.stdout(Stdio::null()).spawn().expect("it starts");
    std::thread::sleep(Duration::from_millis(rand::random_range(50..600)));
    station.kill();
    let mut asking = asking;
    // The command sees that nobody writes any more, and does it itself.
    assert!(asking.wait().expect("a child").success());
    verified(&home);
    let looked = home.json(&["purge", "--older-than", "0s", "--dry-run"]);
    assert_eq!(looked["parts"], 0, "{looked}");
}

#[test]
fn a_station_erases_what_its_settings_say_once_a_day_by_itself() {
    let home = home("");
    let wrong = home.path().join("wrong");
    let old = home.path().join("shim.so");
    compile_shim(&old);
    // Three days ago ...
    std::fs::write(&wrong, "-259200").expect("it is written");
    let twilio = home.mint("twilio", &[]);
    let mut command = home.command(&["listen", "--json", "--http", "127.0.0.1:0"]);
    command
        .env("LD_PRELOAD", &old)
        .env("CLOCK_SHIM_FILE", &wrong)
        .env("LAPWING_LISTEN__SANDBOX", "off");
    let station = Station::start(&mut command);
    send_text(station.address(), &twilio);
    send_text(station.address(), &twilio);
    trips(&home, 2);
    station.stop();
    // ... and today.
    let station = home.listen(&[]);
    send_text(station.address(), &twilio);
    trips(&home, 3);
    station.stop();
    let off = home.ok(&["config"]);
    assert!(off.contains("off, nothing is erased by age"), "{off}");
    assert_eq!(
        verified(&home)["parts_erased"],
        0,
        "nothing goes unless it is asked for"
    );

    let station = home.listen(&["--setting", "retention.raw_days=2"]);
    eventually("it erases", || {
        (erased(&home, "retention", "raw") == 2).then_some(())
    });
    let said = eventually("it says so", || {
        let said = home.run(&["status", "--json"]);
        let said: Value = serde_json::from_str(&said.stdout).expect("JSON");
        said["retention"]["last"]["parts"]
            .as_u64()
            .is_some()
            .then_some(said)
    });
    assert_eq!(said["retention"]["last"]["parts"], 2, "{said}");
    assert_eq!(said["retention"]["ages"]["raw_days"], 2);
    let words = home.run(&["status"]).stdout;
    assert!(words.contains("raw 2 days, claims kept"), "{words}");
    let log = station.stderr();
    assert!(log.contains("retention: raw 2 days"), "{log}");
    assert!(log.contains("retention: erased 2 parts"), "{log}");
    station.stop();
    assert_eq!(
        erased(&home, "retention", "raw"),
        2,
        "what is not so old stays"
    );
    assert_eq!(erased(&home, "retention", "claims"), 0);
    let shown: Vec<Value> = ids(&home, 3).iter().map(|id| trip(&home, id)).collect();
    assert!(
        shown[0]["erased_because"]
            .as_str()
            .unwrap()
            .contains("the ages in the settings")
    );
    assert!(shown[2]["raw"].is_string());
    // Once a day: not at the next start.
    let begun = Instant::now();
    let station = home.listen(&["--setting", "retention.claims_days=1"]);
    while begun.elapsed() < Duration::from_secs(3) {
        std::thread::sleep(Duration::from_millis(200));
    }
    station.stop();
    assert_eq!(erased(&home, "retention", "claims"), 0);
}

/// Builds the library that stands between a station and its clock.
fn compile_shim(library: &std::path::Path) {
    let mut compiler = std::process::Command::new("cc");
    compiler
        .args(["-shared", "-fPIC", "-O2", "-o"])
        .arg(library);
    let ran = finish(compiler.arg(repository().join("tests/shim/sync.c")));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}
