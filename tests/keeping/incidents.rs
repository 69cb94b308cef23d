//! What people do about an incident, and what is seen of that.

use lapwing_tests::{Beacon, Home, WebhookCatcher, eventually, trips};
use serde_json::Value;

use crate::scene::{home, open};

/// An incident, and nothing that runs.
fn incident(home: &Home) -> (Beacon, String) {
    let beacon = Beacon::of(&home.mint("url", &["--memo", "front door"]));
    let station = home.listen(&[]);
    open(station.address(), &beacon);
    let rows = trips(home, 1);
    station.stop();
    let id = rows[0]["conclusion"]["incident"].as_str().expect("an id");
    (beacon, id.to_owned())
}

fn listed(home: &Home, more: &[&str]) -> usize {
    let rows = home.json(&[&["incidents"], more].concat());
    rows.as_array().expect("a list").len()
}

/// Words of the decisions in a time line, in their order.
fn decisions(shown: &Value) -> Vec<String> {
    let lines = shown["timeline"].as_array().expect("a list").iter();
    lines
        .filter(|line| line["what"] == "decision")
        .map(|line| {
            format!(
                "{} {}",
                line["decision"].as_str().expect("a word"),
                line["by"].as_str().expect("a name")
            )
        })
        .collect()
}

#[test]
fn an_incident_is_worked_on_and_all_of_it_is_kept() {
    let home = home("");
    let (_, id) = incident(&home);
    let id = id.as_str();
    let shown = home.json(&["incident", id]);
    assert_eq!(shown["state"], "open");
    home.ok(&[
        "incident",
        id,
        "--acknowledge",
        "--assign",
        "bo",
        "--by",
        "ana",
    ]);
    let note = "asked <b>the host</b>, \"no\" answer";
    home.ok(&["incident", id, "--note", note, "--by", "bo"]);
    home.ok(&["incident", id, "--close", "rotated the key", "--by", "bo"]);
    let shown = home.json(&["incident", id]);
    assert_eq!(shown["state"], "closed");
    assert_eq!(shown["assigned"], "bo");
    assert_eq!(shown["notes"], 1);
    assert_eq!(shown["ruling"]["reason"], "rotated the key");
    assert_eq!(shown["ruling"]["stands"], true);
    home.ok(&[
        "incident",
        id,
        "--reopen",
        "it was the wrong key",
        "--unassign",
        "--by",
        "ana",
    ]);
    let shown = home.json(&["incident", id]);
    assert_eq!(
        (&shown["state"], &shown["assigned"]),
        (&"open".into(), &Value::Null)
    );
    assert_eq!(
        decisions(&shown),
        [
            "assign ana",
            "acknowledge ana",
            "note bo",
            "close bo",
            "assign ana",
            "reopen ana"
        ]
    );
    let lines = shown["timeline"].as_array().expect("a list");
    assert_eq!(lines[0]["what"], "trip", "{shown}");
    let text = home.ok(&["incident", id]);
    assert!(text.contains(&format!("note by bo: {note}")), "{text}");
    assert!(
        text.contains("reopened") && text.contains("nobody looks after it"),
        "{text}"
    );
    // An index that is built again comes to the same.
    home.ok(&["reindex"]);
    assert_eq!(home.json(&["incident", id])["state"], "open");
}

#[test]
fn who_says_so_is_the_login_name_unless_said() {
    let home = home("");
    let (_, id) = incident(&home);
    let run = |name: &str, value: &str| {
        let mut command = home.command(&["incident", &id, "--note", "seen"]);
        assert_eq!(lapwing_tests::finish(command.env(name, value)).code, 0);
    };
    run("USER", "carla");
    run("SUDO_USER", "dan");
    home.ok(&["incident", &id, "--note", "seen"]);
    let words = decisions(&home.json(&["incident", &id]));
    assert_eq!(words[..2], ["note carla", "note dan"]);
    assert!(words[2].starts_with("note user "), "{words:?}");
}

#[test]
fn words_that_cannot_be_shown_and_contradictions_are_refused() {
    let home = home("");
    let (_, id) = incident(&home);
    for (args, code) in [
        (&["--note", "\u{1b}[31mred"][..], 1),
        (&["--close", "  "], 1),
        (&["--assign", "a\u{202e}b"], 1),
        (&["--close", "x", "--acknowledge"], 2),
        (&["--close", "x", "--reopen", "y"], 2),
        (&["--assign", "bo", "--unassign"], 2),
    ] {
        let ran = home.run(&[&["incident", &id], args].concat());
        assert_eq!(ran.code, code, "{args:?}: {}", ran.stderr);
    }
    assert!(decisions(&home.json(&["incident", &id])).is_empty());
    let ran = home.run(&["incident", "i00000000-9", "--note", "x"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("no incident"), "{}", ran.stderr);
}

#[test]
fn lists_are_filtered_by_what_was_decided() {
    let home = home("");
    let beacons: Vec<Beacon> = (0..4).map(|_| Beacon::of(&home.mint("url", &[]))).collect();
    let station = home.listen(&[]);
    beacons.iter().for_each(|it| open(station.address(), it));
    trips(&home, 4);
    station.stop();
    let rows = home.json(&["incidents"]);
    let ids: Vec<&str> = (rows.as_array().unwrap().iter())
        .map(|row| row["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), 4);
    home.ok(&["incident", ids[0], "--acknowledge", "--assign", "bo"]);
    home.ok(&["incident", ids[1], "--close", "done"]);
    home.ok(&["incident", ids[2], "--assign", "ana"]);
    assert_eq!(listed(&home, &["--state", "open"]), 2);
    assert_eq!(
        listed(&home, &["--state", "acknowledged", "--state", "closed"]),
        2
    );
    assert_eq!(listed(&home, &["--assigned", "bo"]), 1);
    assert_eq!(listed(&home, &["--assigned", "nobody"]), 2);
    assert_eq!(
        listed(&home, &["--assigned", "nobody", "--state", "closed"]),
        1
    );
    assert_eq!(listed(&home, &["--canary", &beacons[0].id]), 1);
    assert_eq!(listed(&home, &["--since", "1h"]), 4);
    assert_eq!(listed(&home, &["--since", "2999-01-01"]), 0);
    assert_eq!(listed(&home, &["--limit", "3"]), 3);
    let actor = rows[0]["actor"].as_str().unwrap();
    assert!(listed(&home, &["--actor", actor]) >= 1);
    assert_eq!(home.run(&["incidents", "--state", "gone"]).code, 2);
}

#[test]
fn a_closed_incident_that_goes_on_opens_again() {
    let home = home("");
    let beacon = Beacon::of(&home.mint("url", &[]));
    let station = home.listen(&[]);
    open(station.address(), &beacon);
    trips(&home, 1);
    let rows = home.json(&["incidents"]);
    let id = rows[0]["id"].as_str().unwrap().to_owned();
    home.ok(&["incident", &id, "--close", "seen"]);
    assert_eq!(home.json(&["incident", &id])["state"], "closed");
    open(station.address(), &beacon);
    trips(&home, 2);
    let shown = home.json(&["incident", &id]);
    assert_eq!(
        (&shown["state"], &shown["ruling"]["stands"]),
        (&"open".into(), &false.into())
    );
    assert!(home.ok(&["incident", &id]).contains("it went on since"));
}

#[test]
fn the_time_line_has_alerts_and_folds_many_uses() {
    let hooks = WebhookCatcher::start();
    let home = home(&hooks.channel("hook"));
    let beacon = Beacon::of(&home.mint("url", &[]));
    let station = home.listen(&[]);
    for _ in 0..60 {
        open(station.address(), &beacon);
    }
    trips(&home, 60);
    let rows = home.json(&["incidents"]);
    let id = rows[0]["id"].as_str().unwrap();
    let shown = eventually("the alert is delivered", || {
        let shown = home.json(&["incident", id]);
        let lines = shown["timeline"].as_array().unwrap().iter();
        let mut alerts = lines.filter(|line| line["what"] == "alert");
        alerts
            .any(|line| line["state"] == "delivered")
            .then_some(shown)
    });
    let lines = shown["timeline"].as_array().unwrap();
    let folded: Vec<&Value> = lines
        .iter()
        .filter(|line| line["what"] == "trips")
        .collect();
    assert!((1..=2).contains(&folded.len()), "an hour or two: {shown}");
    let trips: u64 = folded
        .iter()
        .map(|line| line["trips"].as_u64().unwrap())
        .sum();
    assert_eq!(trips, 60);
    assert_eq!(folded[0]["addresses"], 1);
    let text = home.ok(&["incident", id]);
    assert!(text.contains("alert (opened) to hook: delivered"), "{text}");
}

#[test]
fn reports_show_what_was_made_of_it_in_full_alone() {
    let home = home("");
    let (_, id) = incident(&home);
    let reason = "<script>alert(1)</script> & bo's \"key\"";
    home.ok(&["incident", &id, "--assign", "bo <x>", "--close", reason]);
    let of = |more: &[&str]| {
        let printed = home.ok(&[&["report", "--format", "json"], more].concat());
        serde_json::from_str::<Value>(&printed).expect("JSON")["incidents"][0].clone()
    };
    let masked = of(&[]);
    assert_eq!(masked["state"], "closed");
    assert_eq!(
        (&masked["assigned"], &masked["reason"]),
        (&Value::Null, &Value::Null)
    );
    let full = of(&["--full"]);
    assert_eq!(full["assigned"], "bo <x>");
    assert!(full["reason"].as_str().unwrap().contains("key"), "{full}");
    let page = home.ok(&["report", "--full", "--out", "/dev/stdout"]);
    assert!(
        !page.contains("<script>alert"),
        "the operator's words are escaped"
    );
    assert!(page.contains("&#60;script&#62;") || page.contains("&lt;script&gt;"));
}
