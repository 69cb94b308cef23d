//! Legal holds: what they cover is left by everything that erases.

use lapwing_tests::{Beacon, Home, trips};
use serde_json::Value;

use crate::scene::{erased, home, ids, open, trip, verified};

/// Two canaries that were each used twice, and nothing that runs.
fn used(home: &Home) -> ([Beacon; 2], Vec<String>) {
    let beacons = [(); 2].map(|()| Beacon::of(&home.mint("url", &[])));
    let station = home.listen(&[]);
    for beacon in [&beacons[0], &beacons[1], &beacons[0], &beacons[1]] {
        open(station.address(), beacon);
    }
    trips(home, 4);
    station.stop();
    let ids = ids(home, 4);
    (beacons, ids)
}

fn hold(home: &Home, more: &[&str]) -> String {
    let set = ["hold", "--reason", "order of the court", "--by", "ana"];
    let said = home.json(&[&set, more].concat());
    said[0]["hold"].as_str().expect("an id").to_owned()
}

fn has_raw(home: &Home, id: &str) -> bool {
    trip(home, id)["raw"].is_string()
}

#[test]
fn whatever_a_hold_names_it_covers() {
    let home = home("");
    let (beacons, trip_ids) = used(&home);
    let rows = home.json(&["trips"]);
    let row = |id: &str| {
        let rows = rows.as_array().unwrap().iter();
        let mut rows = rows.filter(|row| row["trip"]["id"] == id);
        rows.next().expect("the trip").clone()
    };
    let concluded = |name: &str| {
        row(&trip_ids[0])["conclusion"][name]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let (incident, actor) = (concluded("incident"), concluded("actor"));
    let of = |name: &str, value: &str| {
        let same = |id: &&String| row(id)["conclusion"][name] == value;
        trip_ids.iter().filter(same).count() as u64
    };
    for (more, kept) in [
        (vec!["--trip", &trip_ids[0]], 1),
        (vec!["--trip", &trip_ids[0], "--trip", &trip_ids[1]], 2),
        (vec!["--canary", &beacons[0].id], 2),
        (vec!["--incident", &incident], of("incident", &incident)),
        (vec!["--actor", &actor], of("actor", &actor)),
        (vec!["--all"], 4),
    ] {
        let first = hold(&home, &more);
        let looked = home.json(&["purge", "--older-than", "0s", "--class", "raw", "--dry-run"]);
        assert_eq!(looked["parts"], 4 - kept, "{more:?}: {looked}");
        let held: u64 = (looked["held"].as_object().unwrap().values())
            .map(|count| count.as_u64().unwrap())
            .sum();
        assert_eq!(held, kept, "{more:?}: {looked}");
        let words = home.ok(&["purge", "--older-than", "0s", "--dry-run"]);
        assert!(words.contains(&format!("hold {first} on")), "{words}");
        assert!(words.contains("by ana: order of the court"), "{words}");
        for hold in home.json(&["holds"]).as_array().unwrap() {
            home.ok(&["unhold", hold["hold"].as_str().unwrap()]);
        }
    }
    assert_eq!(home.json(&["holds"]), Value::Array(Vec::new()));
    assert_eq!(home.json(&["holds", "--all"]).as_array().unwrap().len(), 7);
}

#[test]
fn what_is_held_stays_until_the_hold_ends() {
    let home = home("");
    let (beacons, trip_ids) = used(&home);
    let id = hold(&home, &["--canary", &beacons[0].id]);
    let station = home.listen(&[]);
    let done = home.json(&["purge", "--older-than", "0s", "--yes"]);
    assert!(done["parts"].as_u64().unwrap() >= 4, "{done}");
    assert!(done["held"][&id].as_u64().unwrap() >= 4, "{done}");
    let kept: Vec<bool> = trip_ids.iter().map(|id| has_raw(&home, id)).collect();
    assert_eq!(kept, [true, false, true, false]);
    let refused = home.run(&["redact", &trip_ids[0], "--reason", "asked", "--yes"]);
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains(&format!("under hold {id}")),
        "{}",
        refused.stderr
    );
    assert!(has_raw(&home, &trip_ids[0]));
    home.ok(&["unhold", &id, "--by", "bo"]);
    home.ok(&["purge", "--older-than", "0s", "--yes"]);
    assert!(!has_raw(&home, &trip_ids[0]));
    station.stop();
    assert_eq!(erased(&home, "retention", "raw"), 4);
}

#[test]
fn a_hold_lapses_when_it_says_so_and_names_what_there_is() {
    let home = home("");
    let (_, trip_ids) = used(&home);
    hold(&home, &["--trip", &trip_ids[0], "--until", "1s"]);
    let looked = || {
        let looked = home.json(&["purge", "--older-than", "0s", "--class", "raw", "--dry-run"]);
        looked["parts"].as_u64().unwrap()
    };
    std::thread::sleep(std::time::Duration::from_millis(1200));
    assert_eq!(looked(), 4);
    for (args, code) in [
        (&["--reason", "x"][..], 2),
        (&["--all"], 2),
        (&["--trip", "00000000-9", "--reason", "x"], 1),
        (&["--incident", "i00000000-9", "--reason", "x"], 1),
        (&["--all", "--reason", "x", "--until", "2020-01-01"], 1),
        (&["--all", "--reason", "\u{7}"], 1),
    ] {
        let ran = home.run(&[&["hold"], args].concat());
        assert_eq!(ran.code, code, "{args:?}: {}", ran.stderr);
    }
    assert_eq!(home.run(&["unhold", "00000000"]).code, 1);
    verified(&home);
}
