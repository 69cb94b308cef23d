//! `apply`, `rotate` and `destroy`, killed on entering each of the calls by which they reach the disk:
//! nothing of ours stands that the ledger does not know, and the next run finishes what was begun.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lapwing_core::bounded::{self, MAX_FILE};
use lapwing_tests::{Home, binary, finish, repository};
use serde_json::Value;

/// Whatever makes a write last or changes a name.
const CALLS: &str = "fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink,unlinkat";
/// Bait in the declarations below.
const BAIT: usize = 7;
const DATABASE: &str = "gateway.db";
const COUNT: &str = "SELECT count(*) FROM subscribers";
/// The owner's rows.
const ROWS: usize = 8;

const DECLARED: &str = "version: 1
name: killed
bait:
  - {name: one, kind: twilio, target: .env}
  - {name: two, kind: openai, target: .env}
  - {name: three, kind: jasmin-http, target: gateway.yaml}
  - {name: four, kind: aws-access-key, target: aws/credentials}
  - {name: rows, kind: person, target: 'sqlite:gateway.db?table=subscribers', count: 3}
";

/// A home with a service in `app`, nothing planted yet.
fn service() -> Home {
    let home = crate::home();
    let app = home.path().join("app");
    fs::create_dir_all(app.join("aws")).expect("a directory");
    let example = repository().join("examples/sms-gateway");
    for (from, to) in [(".env", ".env"), ("config/gateway.yaml", "gateway.yaml")] {
        fs::copy(example.join(from), app.join(to)).expect("a copy");
    }
    let credentials = "[production]\naws_access_key_id = AKIAXXXXXXXXEXAMPLE\n";
    fs::write(app.join("aws/credentials"), credentials).expect("written");
    fs::write(app.join("deception.yaml"), DECLARED).expect("written");
    let schema = format!(".read {}", example.join("schema.sql").display());
    sql(&home, &schema);
    home
}

fn sql(home: &Home, statement: &str) -> String {
    let database = home.path().join("app").join(DATABASE);
    let ran = finish(Command::new("sqlite3").arg(database).arg(statement));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran.stdout
}

fn copy(from: &Path, to: &Path) {
    let ran = finish(Command::new("cp").arg("-a").arg(from).arg(to));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

/// Every file of the service and what it holds; of the database, its rows.
fn state(home: &Home) -> BTreeMap<PathBuf, Vec<u8>> {
    let app = home.path().join("app");
    // First: what a killed process left of a transaction is rolled back by whoever opens it.
    let rows = sql(home, ".dump subscribers");
    let mut found = BTreeMap::from([(app.join(DATABASE), rows.into_bytes())]);
    for directory in [app.clone(), app.join("aws")] {
        for entry in fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_file() && !path.ends_with(DATABASE) {
                let bytes = bounded::read_file(&path, MAX_FILE).expect("a file");
                found.insert(path, bytes);
            }
        }
    }
    found
}

const FILE: [&str; 2] = ["--file", "app/deception.yaml"];

/// Runs a command that is killed on entering the `nth` such call. False if it ended before.
fn killed(home: &Home, command: &[&str], nth: usize) -> bool {
    let mut strace = Command::new("strace");
    home.scrub(&mut strace);
    strace.args(["-f", "-qq", "-o", "/dev/null", "-e"]);
    strace.arg(format!("trace={CALLS}"));
    strace.arg("-e");
    strace.arg(format!("inject={CALLS}:signal=SIGKILL:when={nth}"));
    let ran = finish(strace.arg(binary()).args(command));
    assert!(matches!(ran.code, 0 | 137), "{nth}: {}", ran.stderr);
    ran.code != 0
}

/// The canaries whose values stand in the files of the service, by file.
fn found(home: &Home) -> BTreeMap<String, BTreeSet<String>> {
    let ran = home.run(&["scan", "app", "--json"]);
    assert!(matches!(ran.code, 0 | 6), "{}", ran.stderr);
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in ran.stdout.lines() {
        let finding: Value = serde_json::from_str(line).expect("a finding");
        let text = |key: &str| finding[key].as_str().expect("a text").to_owned();
        found
            .entry(text("file"))
            .or_default()
            .insert(text("canary"));
    }
    found
}

/// Whatever differs from the service as it was holds canaries that the ledger knows, and each of
/// them has a record of standing there.
fn assert_known(home: &Home, original: &BTreeMap<PathBuf, Vec<u8>>, nth: usize) {
    let now = state(home);
    let found = found(home);
    let places = home.json(&["places"]);
    let recorded: Vec<(&str, &str)> = places
        .as_array()
        .expect("a list")
        .iter()
        .filter(|place| place["state"] == "intended" || place["state"] == "planted")
        .map(|place| {
            let text = |key: &str| place[key].as_str().expect("a text");
            (text("canary"), text("target"))
        })
        .collect();
    let rows: usize = sql(home, COUNT).trim().parse().expect("a number");
    let of_rows = recorded
        .iter()
        .filter(|(_, target)| target.starts_with("sqlite:"));
    assert!(rows - ROWS <= of_rows.count(), "{nth}: a row has no record");
    for (file, bytes) in now {
        let name = file.file_name().expect("a name").to_str().expect("UTF-8");
        // Between two names a file may be there twice.
        if name.starts_with(DATABASE) || original.values().any(|known| *known == bytes) {
            continue;
        }
        let canaries: BTreeSet<&String> = found
            .iter()
            .filter(|(path, _)| path.ends_with(name))
            .flat_map(|(_, canaries)| canaries)
            .collect();
        // Beside `credentials`, with a region and an address that other bait shares.
        let beside = |(_, target): &(&str, &str)| target.ends_with("aws/credentials");
        let known = !canaries.is_empty() || name.contains("config") && recorded.iter().any(beside);
        assert!(known, "{nth}: {name} holds what nobody knows");
        for canary in canaries {
            let known = recorded.iter().any(|(recorded, _)| recorded == canary);
            assert!(known, "{nth}: {canary} in {name} has no record");
        }
    }
}

/// Everything declared stands once, and nothing else.
fn assert_applied(home: &Home, nth: usize) {
    let planned = home.run(&[&["plan"], &FILE[..]].concat());
    assert_eq!(
        planned.code, 0,
        "{nth}: {}{}",
        planned.stdout, planned.stderr
    );
    let checked = home.run(&["check", "--json"]);
    assert_eq!(checked.code, 0, "{nth}: {}", checked.stdout);
    let rows: Value = serde_json::from_str(&checked.stdout).expect("JSON");
    assert_eq!(
        rows.as_array().expect("a list").len(),
        BAIT,
        "{nth}: {rows}"
    );
    let standing: BTreeSet<&str> = rows
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|row| row["canary"].as_str())
        .collect();
    // A database keeps deleted rows in free space, and in its journal what was cut short: its rows are
    // counted instead.
    for (file, canaries) in found(home)
        .into_iter()
        .filter(|(file, _)| !file.contains(DATABASE))
    {
        for canary in canaries {
            assert!(
                standing.contains(canary.as_str()),
                "{nth}: {canary} is left in {file}"
            );
        }
    }
    assert_eq!(sql(home, COUNT).trim(), (ROWS + 3).to_string(), "{nth}");
}

/// Kills `command` at each of its calls, every time from the state in which `home` is now, and calls
/// `after`. Says how often it was killed.
fn each_kill(home: &Home, command: &[&str], after: &dyn Fn(usize)) -> usize {
    let snapshot = home.path().join("snapshot");
    fs::create_dir(&snapshot).expect("a directory");
    let parts = ["data", "app"];
    for part in parts {
        copy(&home.path().join(part), &snapshot.join(part));
    }
    for nth in 1.. {
        for part in parts {
            fs::remove_dir_all(home.path().join(part)).expect("removed");
            copy(&snapshot.join(part), &home.path().join(part));
        }
        if !killed(home, command, nth) {
            return nth - 1;
        }
        after(nth);
    }
    unreachable!("a command ends")
}

/// Enough calls that intent, write and confirmation of several rounds are among them.
const ENOUGH: usize = 20;

#[test]
fn apply_killed_at_every_step_is_finished_by_the_next() {
    let home = service();
    let original = state(&home);
    let apply = [&["apply"], &FILE[..]].concat();
    let kills = each_kill(&home, &apply, &|nth| {
        assert_known(&home, &original, nth);
        home.ok(&apply);
        assert_applied(&home, nth);
        home.ok(&[&["destroy"], &FILE[..]].concat());
        assert_eq!(state(&home), original, "{nth}: every byte is back");
    });
    crate::note(&format!("apply, killed at each of {kills} steps"));
    assert!(kills > ENOUGH, "{kills}");
}

#[test]
fn rotate_killed_at_every_step_is_finished_by_the_next() {
    let home = service();
    let original = state(&home);
    home.ok(&[&["apply"], &FILE[..]].concat());
    let destroy = [&["destroy"], &FILE[..]].concat();
    let kills = each_kill(&home, &["rotate", "--older-than", "0s"], &|nth| {
        assert_known(&home, &original, nth);
        // Nothing is so old: it only finishes what was begun.
        home.ok(&["rotate", "--older-than", "30d"]);
        home.ok(&[&["apply"], &FILE[..]].concat());
        assert_applied(&home, nth);
        home.ok(&destroy);
        assert_eq!(state(&home), original, "{nth}: every byte is back");
    });
    crate::note(&format!("rotate, killed at each of {kills} steps"));
    assert!(kills > ENOUGH, "{kills}");
}

#[test]
fn destroy_killed_at_every_step_is_finished_by_the_next() {
    let home = service();
    let original = state(&home);
    home.ok(&[&["apply"], &FILE[..]].concat());
    let destroy = [&["destroy"], &FILE[..]].concat();
    let kills = each_kill(&home, &destroy, &|nth| {
        assert_known(&home, &original, nth);
        home.ok(&destroy);
        assert_eq!(state(&home), original, "{nth}: every byte is back");
    });
    crate::note(&format!("destroy, killed at each of {kills} steps"));
    assert!(kills > ENOUGH, "{kills}");
}
