//! What was looked up about addresses, and the list of what went outward: both hold addresses, and are forgotten as
//! what intruders sent is.

use std::fs;

use lapwing_core::bounded;
use lapwing_tests::{Beacon, Home, eventually, trips};
use serde_json::{Value, json};

use crate::scene::{erased, home, ids, open, trip, verified};

/// Where the trips of these tests come from, and an address that nothing came from.
const USED: &str = "127.0.0.1";
const OTHER: &str = "192.0.2.9";

/// What was looked up two years ago about [`USED`], [`OTHER`] and fetched beside that, and a canary that was used
/// twice.
fn looked_up(home: &Home) -> Beacon {
    let lookups = home.data().join("lookups");
    fs::create_dir(&lookups).expect("it is made");
    let mut list = String::new();
    for address in [USED, OTHER] {
        let snapshot = json!({
            "address": address, "taken": 1_730_419_200_000_000_i64, "asked": ["the resolver 192.0.2.53:53"],
            "found": {"lookup": "rdns", "names": []},
        });
        let name = format!("rdns-{address}-1730419200000000.json");
        fs::write(lookups.join(name), snapshot.to_string()).expect("it is written");
        list.push_str(&line("rdns", json!(address)));
    }
    list.push_str(&line("geo update ipfire", Value::Null));
    fs::write(home.data().join("outward.jsonl"), list).expect("it is written");
    let beacon = Beacon::of(&home.mint("url", &[]));
    let station = home.listen(&[]);
    open(station.address(), &beacon);
    open(station.address(), &beacon);
    trips(home, 2);
    station.stop();
    beacon
}

fn line(purpose: &str, about: Value) -> String {
    let mut line = json!({"time": 1_730_419_200_000_000_i64, "purpose": purpose, "to": "x"});
    if !about.is_null() {
        line["about"] = about;
    }
    format!("{line}\n")
}

/// How many answers there are about an address.
fn answers(home: &Home, address: &str) -> usize {
    let told = home.json(&["network", address]);
    told["lookups"].as_array().expect("a list").len()
}

/// Whether any file of look-ups names an address.
fn is_named(home: &Home, address: &str) -> bool {
    let list =
        bounded::read_text(&home.data().join("outward.jsonl"), 1 << 20).expect("it is there");
    let mut files = fs::read_dir(home.data().join("lookups")).expect("it is there");
    list.contains(address)
        || files.any(|file| {
            let name = file.expect("a file").file_name();
            name.to_string_lossy().contains(address)
        })
}

#[test]
fn by_age_an_answer_stays_as_long_as_trips_from_its_address() {
    let home = home("");
    looked_up(&home);
    let by_age = ["purge", "--older-than", "365d", "--class", "lookups"];
    let looked = home.json(&[&by_age[..], &["--dry-run"]].concat());
    assert_eq!(looked["erased"], false);
    let expected = json!({"snapshots": 1, "lines": 3, "referred": 1, "held": {}, "waiting": 0});
    assert_eq!(looked["lookups"], expected, "{looked}");
    assert!(is_named(&home, OTHER), "a look erases nothing");
    let done = home.json(&[&by_age[..], &["--yes"]].concat());
    assert_eq!((&done["parts"], &done["erased"]), (&json!(0), &json!(true)));
    assert_eq!((answers(&home, USED), answers(&home, OTHER)), (1, 0));
    assert!(!is_named(&home, OTHER));
    let list = home.json(&["network"]);
    assert_eq!(
        (list[0]["removed"].as_u64(), list.as_array().unwrap().len()),
        (Some(3), 1)
    );
    assert!(
        home.run(&["network"])
            .stderr
            .contains("3 lines were erased")
    );

    // What is evidence of nothing any more refers to nothing.
    let done = home.json(&["purge", "--older-than", "0s", "--yes", "--reason", "over"]);
    assert_eq!(done["lookups"]["snapshots"], 1, "{done}");
    assert_eq!(answers(&home, USED), 0);
    let told = home.json(&["erasures"]);
    assert_eq!(told.as_array().unwrap().len(), 2, "{told}");
    assert_eq!(
        (&told[0]["done"]["snapshots"], &told[0]["done"]["lines"]),
        (&json!(1), &json!(3))
    );
    assert_eq!(told[1]["reason"], "over");
    let words = home.ok(&["erasures"]);
    assert!(
        words.contains("lookups before") && words.contains("over"),
        "{words}"
    );
    verified(&home);
}

#[test]
fn what_a_hold_covers_keeps_its_look_ups() {
    let home = home("");
    let beacon = looked_up(&home);
    let hold = home.json(&["hold", "--canary", &beacon.id, "--reason", "x"]);
    let hold = hold[0]["hold"].as_str().unwrap();
    let done = home.json(&["purge", "--older-than", "0s", "--yes"]);
    assert_eq!(done["lookups"]["held"][hold], 2, "{done}");
    assert!(is_named(&home, USED) && !is_named(&home, OTHER));
    let refused = home.run(&["redact", USED, "--reason", "x", "--yes"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains(hold), "{}", refused.stderr);
    home.ok(&["unhold", hold]);
    home.ok(&["hold", "--all", "--reason", "x"]);
    fs::write(
        home.data().join("outward.jsonl"),
        line("geo update", Value::Null),
    )
    .unwrap();
    let done = home.json(&["purge", "--older-than", "0s", "--yes"]);
    assert_eq!(done["lookups"]["lines"], 0, "{done}");
    assert!(is_named(&home, USED));
}

#[test]
fn an_address_is_redacted_with_all_trips_from_there() {
    let home = home("");
    looked_up(&home);
    let station = home.listen(&[]);
    let redact = [
        "redact",
        USED,
        "--reason",
        "asked for by its owner",
        "--yes",
    ];
    let done = home.json(&redact);
    assert_eq!(
        (&done["lookups"]["snapshots"], &done["lookups"]["lines"]),
        (&json!(1), &json!(1)),
        "{done}"
    );
    station.stop();
    assert!(!is_named(&home, USED) && is_named(&home, OTHER));
    assert_eq!(erased(&home, "redaction", "raw"), 2);
    for id in ids(&home, 2) {
        let shown = trip(&home, &id);
        assert_eq!(shown["raw"], Value::Null);
        assert!(
            shown["erased_because"]
                .as_str()
                .unwrap()
                .contains("by its owner"),
            "{shown}"
        );
    }
    let words = home.ok(&["erasures"]);
    assert!(words.contains("all from 127.0.0.1"), "{words}");
}

#[test]
fn a_station_forgets_look_ups_by_its_settings() {
    let home = home("");
    looked_up(&home);
    let station = home.listen(&["--setting", "retention.lookups_days=30"]);
    eventually("it erases", || (!is_named(&home, OTHER)).then_some(()));
    let told = eventually("it says so", || {
        let told = home.json(&["erasures"]);
        told[0]["done"].is_object().then_some(told)
    });
    station.stop();
    assert_eq!(
        (&told[0]["by"], &told[0]["done"]["lines"]),
        (&json!("retention"), &json!(3))
    );
    assert_eq!(answers(&home, USED), 1, "trips from there are kept");
}
