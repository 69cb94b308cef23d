//! Minting: how values are printed, that they differ, and that they are shown once.

use std::collections::BTreeSet;

use lapwing_tests::{Home, Minted};

use crate::bait::{KINDS, bytes_of, contains, files_below, home};

#[test]
fn kinds_that_carry_an_address_refuse_without_one_and_say_how_to_set_it() {
    let home = Home::new();
    let listed = home.json(&["kinds"]);
    let carrying: Vec<&str> = listed
        .as_array()
        .unwrap()
        .iter()
        .filter(|kind| kind["carries_address"] == true)
        .map(|kind| kind["id"].as_str().unwrap())
        .collect();
    assert!(KINDS.iter().all(|kind| carrying.contains(kind)));
    for kind in KINDS {
        let ran = home.run(&["mint", kind]);
        assert_eq!(ran.code, 1, "{kind}");
        assert_eq!(ran.stdout, "", "{kind}: nothing is minted");
        assert!(
            ran.stderr.contains("lapwing init --address"),
            "{kind}: {}",
            ran.stderr
        );
    }
    home.ok(&["init", "--address", "http://*.example.org"]);
    for kind in KINDS {
        assert!(
            home.mint(kind, &[])
                .field("beacon.url")
                .contains(".example.org"),
            "{kind}"
        );
    }
}

#[test]
fn one_canary_as_variables_table_and_object() {
    let home = home();
    let env = home.ok(&[
        "mint",
        "twilio",
        "--memo",
        "old relay",
        "--label",
        "team=ops",
    ]);
    let lines: Vec<&str> = env.lines().collect();
    assert!(lines[0].starts_with("# twilio "), "{env}");
    let names: Vec<&str> = lines[1..]
        .iter()
        .map(|line| line.split_once('=').unwrap().0)
        .collect();
    assert_eq!(
        names,
        [
            "TWILIO_LEGACY_ACCOUNT_SID",
            "TWILIO_LEGACY_AUTH_TOKEN",
            "TWILIO_LEGACY_RELAY_URL"
        ]
    );
    let csv = home.ok(&["mint", "twilio", "--out", "csv"]);
    let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows[0], ["id", "account_sid", "auth_token", "beacon.url"]);
    assert_eq!((rows.len(), rows[1].len()), (2, 4));
    assert!(
        rows[1][1].starts_with("AC") && rows[1][2].len() == 32,
        "{csv}"
    );
    let minted = home.json(&["mint", "twilio", "--label", "team=ops", "--label", "n=2"]);
    assert_eq!(minted["labels"]["team"], "ops");
    assert_eq!(minted["labels"]["n"], "2");

    let canaries = home.json(&["canaries"]);
    let canaries = canaries.as_array().unwrap();
    assert_eq!(canaries.len(), 3);
    let first = canaries
        .iter()
        .find(|canary| canary["memo"] == "old relay")
        .unwrap();
    assert_eq!(first["labels"]["team"], "ops");
    assert_eq!(
        lines[0],
        format!("# twilio {}", first["id"].as_str().unwrap())
    );
}

#[test]
fn twenty_thousand_in_one_command_are_all_different() {
    let home = home();
    let ran = home.run(&["mint", "url", "--count", "20000", "--label", "batch=1"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines.len(), 20_001, "a head and a row each");
    for column in 0..3 {
        let values: BTreeSet<&str> = lines[1..]
            .iter()
            .map(|line| line.split(',').nth(column).unwrap())
            .collect();
        assert_eq!(values.len(), 20_000, "column {column}");
    }
    assert!(ran.stderr.contains("20000"), "{}", ran.stderr);
    // All of them are known, the last as well as the first.
    let station = home.listen(&[]);
    for line in [lines[1], lines[10_000], lines[20_000]] {
        let mut columns = line.split(',');
        let (id, segment, url) = (
            columns.next().unwrap(),
            columns.next().unwrap(),
            columns.next().unwrap(),
        );
        let fields = [("beacon.segment", segment), ("beacon.url", url)];
        let fields = fields
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        crate::bait::open(
            station.address(),
            &Minted {
                id: id.to_owned(),
                fields,
            },
        );
    }
    let touched: BTreeSet<String> = lapwing_tests::trips(&home, 3)
        .iter()
        .map(|trip| trip["trip"]["canary"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(touched.len(), 3);
}

#[test]
fn values_are_shown_once() {
    let home = home();
    let canary = home.mint("twilio", &["--memo", "shown once"]);
    let secrets = [canary.field("account_sid"), canary.field("auth_token")];
    for command in [
        &["canaries"][..],
        &["canaries", "--json"],
        &["places"],
        &["config"],
        &["trips"],
        &["alert", "deliveries", "--json"],
        &["report", "--format", "json", "--full"],
        &["retire", &canary.id],
    ] {
        let ran = home.run(command);
        for secret in secrets {
            assert!(!ran.stdout.contains(secret), "{command:?} shows a value");
            assert!(!ran.stderr.contains(secret), "{command:?} shows a value");
        }
    }
    for file in files_below(&home.data()) {
        for secret in secrets {
            assert!(
                !contains(&bytes_of(&file), secret.as_bytes()),
                "{}",
                file.display()
            );
        }
    }
}

#[test]
fn fields_can_be_fixed_where_a_kind_allows_it() {
    let home = home();
    let person = home.mint(
        "person",
        &["--set", "first_name=Alice", "--set", "last_name=Adler"],
    );
    assert_eq!(person.field("name"), "Alice Adler");
    let ran = home.run(&["mint", "person", "--set", "beacon.segment=guessable"]);
    assert_eq!(ran.code, 1, "a handle cannot be chosen: {}", ran.stdout);
    let ran = home.run(&["mint", "person", "--set", "shoe_size=44"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("shoe_size"), "{}", ran.stderr);
}

/// A kind of the operator's own: a text file, with a value that only its answers use.
const NOTE: &str = r#"
id = "note"
name = "Note"
summary = "A note with a link"
trigger = "endpoint"
fires = "Somebody opens the link."
blind_spots = ["Reading the note."]
lives = ["desktops"]
[address]
labels = ["notes"]
[[field]]
name = "ticket"
format = "{base62:30}"
handle = true
hidden = true
[[field]]
name = "beacon.segment"
format = "{base62:30}"
handle = true
[[field]]
name = "beacon.url"
format = "{url}/{field:beacon.segment}"
[artifact]
format = "text"
file = ["note.txt"]
[[artifact.block]]
text = ["See {field:beacon.url}"]
[[example]]
field = "beacon.segment"
value = "000000000000000000000000000000"
[[counter_example]]
field = "beacon.segment"
value = "short"
"#;

#[test]
fn hidden_fields_are_not_printed() {
    let home = home();
    let kinds = home.data().join("canaries/document");
    std::fs::create_dir_all(&kinds).unwrap();
    std::fs::write(kinds.join("note.toml"), NOTE).unwrap();
    let file = home.path().join("note.txt");
    let written = home.json(&["mint", "note", "--output", file.to_str().unwrap()]);
    let plain = home.mint("note", &[]);
    for fields in [written["fields"].clone(), serde_json::json!(plain.fields)] {
        assert!(fields["beacon.url"].is_string(), "{fields}");
        assert!(fields["ticket"].is_null(), "{fields}");
    }
}
