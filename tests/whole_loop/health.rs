//! `check` in depth, and `schedule`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use lapwing_tests::{Home, finish, trips, venv};
use serde_json::Value;

use crate::bait::{home, home_with, text_of};
use crate::planting::write;

/// The first row of `check`, and the exit code.
fn look(home: &Home, args: &[&str]) -> (Value, i32) {
    let ran = home.run(&[&["check", "--json"], args].concat());
    let rows: Value = serde_json::from_str(&ran.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}\n{}", ran.stdout, ran.stderr));
    (rows[0].clone(), ran.code)
}

fn rules(row: &Value) -> Vec<&str> {
    let odd = row["odd"].as_array().unwrap();
    odd.iter().map(|it| it["rule"].as_str().unwrap()).collect()
}

const SETTINGS: &str =
    "APP_ENV=production\nLOG_LEVEL=info\nTZ=Europe/Berlin\nWORKERS=4\nCACHE=redis\n";

#[test]
fn what_turned_around_bait_is_reported_until_it_is_accepted() {
    let home = home();
    let path = write(&home, "app/.env", SETTINGS);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    home.ok(&["plant", "twilio", path.to_str().unwrap(), "--yes"]);
    assert_eq!(look(&home, &[]).1, 0, "{}", look(&home, &[]).0);
    // Everybody may read it now.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let (row, code) = look(&home, &[]);
    assert_eq!((code, rules(&row)), (3, vec!["readable"]), "{row}");
    assert_eq!(row["condition"], "unchanged");
    let ran = home.run(&["check"]);
    assert!(ran.stdout.contains("0640") && ran.stdout.contains("what to do:"));
    home.ok(&["check", "--accept"]);
    assert_eq!(look(&home, &[]).1, 0, "it was accepted");
    // The owner quotes every value, and ours stands out.
    let turned: String = text_of(&path)
        .lines()
        .map(|line| match line.split_once('=') {
            Some((name, value)) if SETTINGS.contains(line) => format!("{name}=\"{value}\"\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    fs::write(&path, turned).unwrap();
    let (row, code) = look(&home, &[]);
    assert_eq!((code, rules(&row)[0]), (3, "neighbours"), "{row}");
    assert_eq!(row["condition"], "present");
}

#[test]
fn a_file_touched_long_after_its_neighbours_is_odd_and_an_edited_one_is_not() {
    let home = home();
    let path = write(&home, "app/.env", SETTINGS);
    let old = SystemTime::now() - Duration::from_secs(90 * 86_400);
    for (number, name) in ["a.toml", "b.toml", "c.toml"].iter().enumerate() {
        let other = write(&home, &format!("app/{name}"), "a = 1\n");
        let time = old + Duration::from_secs(number as u64 * 3600);
        fs::File::open(other).unwrap().set_modified(time).unwrap();
    }
    fs::File::open(&path).unwrap().set_modified(old).unwrap();
    home.ok(&["plant", "twilio", path.to_str().unwrap(), "--yes"]);
    assert_eq!(look(&home, &[]).1, 0, "{}", look(&home, &[]).0);
    let now = SystemTime::now();
    fs::File::open(&path).unwrap().set_modified(now).unwrap();
    let (row, code) = look(&home, &[]);
    assert_eq!((code, rules(&row)), (3, vec!["times"]), "{row}");
    let text = text_of(&path) + "MORE=1\n";
    fs::write(&path, text).unwrap();
    assert_eq!(look(&home, &[]).1, 0, "the owner's edit explains the time");
}

#[test]
fn reach_asks_our_own_address_without_a_trip() {
    let home = home_with("");
    let path = write(&home, "app/.env", SETTINGS);
    for kind in ["twilio", "url", "openai"] {
        home.ok(&["plant", kind, path.to_str().unwrap(), "--yes"]);
    }
    let station = home.listen(&[]);
    let via = station.address().to_string();
    let said = home.json(&["check", "--reach", "--via", &via]);
    let rows = said.as_array().unwrap();
    assert_eq!(rows.len(), 3);
    for row in rows {
        assert_eq!(row["reached"]["result"], "yes", "{row}");
        assert_eq!(row["well"], true, "{row}");
    }
    // Another station, with another key, is not ours.
    let other = self::home();
    other.mint("url", &[]);
    let stranger = other.listen(&[]);
    let ran = home.run(&[
        "check",
        "--reach",
        "--json",
        "--via",
        &stranger.address().to_string(),
    ]);
    assert_eq!(ran.code, 3, "{}", ran.stdout);
    assert!(
        ran.stdout.contains("not as this station does"),
        "{}",
        ran.stdout
    );
    // Without being asked, nobody is.
    assert_eq!(look(&home, &[]).1, 0);
    assert!(look(&home, &[]).0.get("reached").is_none());
    station.stop();
    let ran = home.run(&["check", "--reach", "--via", &via]);
    assert_eq!(ran.code, 3, "nobody listens: {}", ran.stdout);
    assert!(ran.stdout.contains("cannot be reached"), "{}", ran.stdout);
    assert!(trips(&home, 0).is_empty(), "no trip came of any of it");
}

#[test]
fn a_host_without_a_network_raises_no_false_alarm() {
    let home = home();
    let path = write(&home, "app/.env", SETTINGS);
    home.ok(&["plant", "twilio", path.to_str().unwrap(), "--yes"]);
    // A network namespace of its own holds no route at all.
    let mut alone = Command::new("unshare");
    home.scrub(&mut alone);
    alone.args(["--net", "--map-root-user"]);
    alone.arg(lapwing_tests::binary());
    let ran = finish(alone.args(["check", "--reach", "--json"]));
    assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
    let rows: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(rows[0]["reached"]["result"], "unknown", "{rows}");
}

fn files(directory: &Path) -> BTreeMap<String, String> {
    fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, text_of(&path))
        })
        .collect()
}

#[test]
fn schedules_are_what_systemd_and_cron_take() {
    let home = home();
    let units = home.path().join("units");
    fs::create_dir(&units).unwrap();
    let directory = units.to_str().unwrap();
    home.ok(&["schedule", "--write", directory, "--name", "nightly"]);
    let written = files(&units);
    let names: Vec<&str> = written.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "nightly-check.service",
            "nightly-check.timer",
            "nightly-drill.service",
            "nightly-drill.timer",
            "nightly-rotate.service",
            "nightly-rotate.timer",
            "nightly.cron",
        ]
    );
    let units: Vec<_> = names[..6].iter().map(|name| units.join(name)).collect();
    let judged = finish(Command::new("systemd-analyze").arg("verify").args(&units));
    assert_eq!(judged.code, 0, "{}", judged.stderr);
    for line in judged.stderr.lines() {
        assert!(!line.contains("nightly"), "{line}");
    }
    for name in names.iter().filter(|name| name.ends_with("service")) {
        let text = &written[*name];
        assert!(text.contains(home.data().to_str().unwrap()), "{text}");
        let writes = name.contains("rotate");
        assert_eq!(text.contains("ProtectSystem=strict"), !writes, "{text}");
        assert!(!text.contains("AmbientCapabilities") || !writes, "{text}");
        // 50 is where systemd's scale goes from "ok" to "medium".
        let mut analyze = Command::new("systemd-analyze");
        analyze.args(["security", "--offline=true", "--threshold=49"]);
        let judged = finish(analyze.arg(home.path().join("units").join(name)));
        assert_eq!(judged.code, 0, "{name}: {}{}", judged.stdout, judged.stderr);
        assert!(!text.contains("canar") && !text.contains("bait"), "{text}");
    }
    let script = "import sys; from cronsim import CronSim; from datetime import datetime\n\
                  for line in open(sys.argv[1]):\n  \
                  if not line.startswith('#'):\n    \
                  print(next(CronSim(' '.join(line.split()[:5]), datetime(2026, 1, 1))))";
    let cron = home.path().join("units/nightly.cron");
    let parsed = finish(
        Command::new(venv().join("bin/python"))
            .args(["-c", script])
            .arg(&cron),
    );
    assert_eq!(parsed.code, 0, "{}", parsed.stderr);
    assert_eq!(parsed.stdout.lines().count(), 2, "{}", parsed.stdout);
    // What stands in the crontab runs as it stands there, what is optional too once it is no comment.
    let lines = |word: &str| {
        let mut lines = written["nightly.cron"].lines();
        let line = lines.find(|line| line.contains(word)).unwrap();
        let command = line.splitn(7, ' ').nth(6).unwrap().replace("\\%", "%");
        let mut shell = Command::new("sh");
        home.scrub(&mut shell);
        (
            line.starts_with('#'),
            finish(shell.env_remove("LAPWING_DATA_DIR").args(["-c", &command])),
        )
    };
    for (word, optional, says) in [
        (" check ", false, "nothing is planted"),
        (" rotate ", true, "nothing is due"),
    ] {
        let (comment, ran) = lines(word);
        assert_eq!((comment, ran.code), (optional, 0), "{}", ran.stderr);
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
    }
    let again = home.run(&["schedule", "--write", directory, "--name", "nightly"]);
    assert_eq!(again.code, 1, "nothing is replaced");
    assert!(again.stderr.contains("hint:"));
}
