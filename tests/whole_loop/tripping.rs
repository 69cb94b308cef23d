//! The running station: recognises what other processes mint and plant before they return, what is
//! retired for ever; and what the operator then sees.

use std::fs::{self, File};
use std::process::{Child, Stdio};

use lapwing_tests::{Home, Minted, eventually, exchange, get, trips};
use serde_json::Value;

use crate::bait::{CURL, KINDS, account, basic, home, host, open, send_text, text_of, touch};

#[test]
fn a_running_station_knows_what_was_minted_before_the_command_returns() {
    let home = home();
    let station = home.listen(&[]);
    for round in 0..50 {
        let canary = home.mint("twilio", &[]);
        assert_eq!(
            account(station.address(), &canary).status,
            200,
            "round {round}"
        );
    }
    assert_eq!(trips(&home, 50).len(), 50);
    let again = home.mint("url", &["--memo", "last"]);
    open(station.address(), &again);
    assert_eq!(trips(&home, 51)[0]["trip"]["canary"], again.id.as_str());
}

#[test]
fn a_running_station_knows_what_was_planted_before_the_command_returns() {
    let home = home();
    let station = home.listen(&[]);
    for round in 0..10 {
        let file = home.path().join(format!("{round}.env"));
        fs::write(&file, "A=1\n").unwrap();
        let role = format!("branch{round}");
        home.ok(&[
            "plant",
            "jasmin-http",
            file.to_str().unwrap(),
            "--role",
            &role,
        ]);
        let text = text_of(&file);
        let value = |name: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once('='));
            lines
                .find(|(key, _)| key.ends_with(name))
                .unwrap()
                .1
                .trim_matches(['"', '\''])
                .to_owned()
        };
        let fields = [
            ("username", value("USERNAME")),
            ("password", value("PASSWORD")),
            ("beacon.url", value("URL")),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value)).into();
        let canary = Minted {
            id: String::new(),
            fields,
        };
        let answer = touch(station.address(), "jasmin-http", &canary);
        assert_eq!(answer.status, 200, "round {round}: {}", answer.text());
    }
    assert_eq!(trips(&home, 10).len(), 10);
}

#[test]
fn every_kind_fires_and_a_stopped_station_loses_nothing() {
    let home = home();
    let canaries = KINDS.map(|kind| (kind, home.mint(kind, &[])));
    let station = home.listen(&[]);
    for (kind, canary) in &canaries {
        touch(station.address(), kind, canary);
    }
    // Stopped at once: everything answered is indexed on the way down.
    let ran = station.stop();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let listed = home.json(&["trips"]);
    for (kind, canary) in &canaries {
        let trip = listed
            .as_array()
            .unwrap()
            .iter()
            .find(|trip| trip["trip"]["canary"] == canary.id.as_str())
            .unwrap_or_else(|| panic!("no trip of {kind}"));
        assert_eq!(trip["trip"]["kind"], *kind);
        assert_eq!(
            trip["conclusion"]["judgement"]["verdict"], "intruder",
            "{kind}"
        );
        assert!(
            !trip["trip"]["fields"].as_array().unwrap().is_empty(),
            "{kind}"
        );
    }
    assert_eq!(listed.as_array().unwrap().len(), KINDS.len());
}

#[test]
fn retired_bait_is_recognised_and_answered_as_revoked() {
    let home = home();
    let (twilio, link) = (home.mint("twilio", &[]), home.mint("url", &[]));
    let station = home.listen(&[]);
    let address = station.address();
    assert_eq!(account(address, &twilio).status, 200);
    let link_before = open(address, &link);
    home.ok(&["retire", &twilio.id]);
    home.ok(&["retire", &link.id]);
    let revoked = account(address, &twilio);
    assert_eq!(revoked.status, 401);
    assert!(revoked.text().contains("20003"), "{}", revoked.text());
    let mut stranger = twilio.clone();
    stranger
        .fields
        .insert("account_sid".to_owned(), format!("AC{}", "0".repeat(32)));
    stranger
        .fields
        .insert("auth_token".to_owned(), "0".repeat(32));
    assert_eq!(
        account(address, &stranger).status,
        401,
        "the unknown is refused"
    );
    let link_after = open(address, &link);
    assert_eq!(
        (link_before.status, &link_before.body),
        (link_after.status, &link_after.body),
        "a beacon answers alike, retired or not"
    );
    let rows = trips(&home, 4);
    assert_eq!(rows.len(), 4, "the stranger tripped nothing");
    let outcomes: Vec<&Value> = rows
        .iter()
        .filter(|row| row["trip"]["canary"] == twilio.id.as_str())
        .map(|row| &row["trip"]["decoy"]["outcome"])
        .collect();
    assert_eq!(outcomes, ["revoked", "accepted"], "newest first");
    let listed = home.ok(&["canaries"]);
    assert!(listed.contains("retired"), "{listed}");
}

#[test]
fn a_host_answers_only_as_the_kind_bound_to_it() {
    let home = home();
    let (twilio, openai) = (home.mint("twilio", &[]), home.mint("openai", &[]));
    assert_ne!(host(&twilio), host(&openai));
    let station = home.listen(&[]);
    let sid = twilio.field("account_sid");
    let login = basic(sid, twilio.field("auth_token"));
    let target = format!("/2010-04-01/Accounts/{sid}.json");
    let headers = [CURL, ("Authorization", login.as_str())];
    let elsewhere = get(station.address(), &host(&openai), &target, &headers);
    assert!(!elsewhere.text().contains(sid), "{}", elsewhere.text());
    let unbound = get(station.address(), "nobody.example.org", &target, &headers);
    let nothing = get(
        station.address(),
        "nobody.example.org",
        "/no/such/page",
        &[CURL],
    );
    assert_eq!(
        (unbound.status, &unbound.body),
        (nothing.status, &nothing.body),
        "the persona"
    );
    // Recorded all the same.
    assert_eq!(trips(&home, 2).len(), 2);
}

/// Three uses of a Twilio account, then one of a link.
fn used() -> (Home, Minted, Minted) {
    let home = home();
    let (twilio, link) = (
        home.mint("twilio", &["--memo", "old relay"]),
        home.mint("url", &[]),
    );
    let station = home.listen(&[]);
    for _ in 0..3 {
        account(station.address(), &twilio);
    }
    open(station.address(), &link);
    station.stop();
    (home, twilio, link)
}

fn count(home: &Home, args: &[&str]) -> usize {
    home.json(args).as_array().unwrap().len()
}

#[test]
fn trips_as_a_table_as_json_and_one_alone() {
    let (home, twilio, link) = used();
    let table = home.ok(&["trips"]);
    assert!(
        table.contains("old relay (twilio)") && table.contains("127.0.0.1"),
        "{table}"
    );
    assert_eq!(count(&home, &["trips"]), 4);
    assert_eq!(count(&home, &["trips", "--limit", "2"]), 2);
    assert_eq!(count(&home, &["trips", "--canary", &link.id]), 1);
    assert_eq!(count(&home, &["trips", "--since", "1h"]), 4);
    assert_eq!(count(&home, &["trips", "--since", "2099-01-01"]), 0);

    let rows = home.json(&["trips"]);
    let id = rows[3]["trip"]["id"].as_str().unwrap();
    let shown = home.ok(&["trip", id]);
    for words in [
        "intruder",
        "Observed",
        "Concluded",
        "Claimed by the peer",
        "old relay",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(
        shown.contains("GET /2010-04-01/Accounts/"),
        "the request as sent: {shown}"
    );
    assert!(shown.contains(&basic(
        twilio.field("account_sid"),
        twilio.field("auth_token")
    )));
    let json = home.json(&["trip", id]);
    assert!(
        json["raw"]
            .as_str()
            .unwrap()
            .starts_with("GET /2010-04-01/"),
        "{json}"
    );
    let number = id.rsplit('-').next().unwrap();
    assert_eq!(
        home.json(&["trip", number]),
        json,
        "the number alone will do"
    );
}

#[test]
fn trips_are_folded_into_incidents_and_linked_into_actors() {
    let (home, twilio, _) = used();
    let incidents = home.json(&["incidents"]);
    let incidents = incidents.as_array().unwrap();
    assert_eq!(incidents.len(), 2, "one for each canary");
    let folded = incidents
        .iter()
        .find(|row| row["canary"] == twilio.id.as_str())
        .unwrap();
    assert_eq!(
        (&folded["count"], &folded["state"]),
        (&3.into(), &"open".into())
    );
    let actors = home.json(&["actors"]);
    let actors = actors.as_array().unwrap();
    assert_eq!(actors.len(), 1, "one address and one program: one hand");
    assert_eq!(actors[0]["count"], 4);
    assert_eq!(actors[0]["addresses"], serde_json::json!(["127.0.0.1"]));
    let actor = actors[0]["id"].as_str().unwrap();
    assert_eq!(count(&home, &["trips", "--actor", actor]), 4);
    assert!(home.ok(&["actors"]).contains(actor));
    assert!(home.ok(&["incidents"]).contains("old relay"));
}

#[test]
fn decisions_on_incidents_are_kept_until_more_comes() {
    let home = home();
    let link = home.mint("url", &[]);
    let station = home.listen(&[]);
    open(station.address(), &link);
    trips(&home, 1);
    let state = || {
        let incidents = home.json(&["incidents"]);
        incidents[0]["state"].as_str().unwrap().to_owned()
    };
    let incidents = home.json(&["incidents"]);
    let id = incidents[0]["id"].as_str().unwrap();
    home.ok(&["incident", id, "--acknowledge"]);
    assert_eq!(state(), "acknowledged");
    home.ok(&["incident", id, "--close", "a colleague"]);
    assert_eq!(state(), "closed");
    open(station.address(), &link);
    trips(&home, 2);
    assert_eq!(state(), "open", "it opens again if more trips come");
}

/// `watch`, its output in a file; ended when dropped.
struct Watch(Child);

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn watch_prints_trips_as_they_come() {
    let home = home();
    let link = home.mint("url", &["--memo", "the wiki"]);
    let station = home.listen(&[]);
    open(station.address(), &link);
    trips(&home, 1);
    let start = |args: &[&str], name: &str| {
        let out = File::create(home.path().join(name)).unwrap();
        let said = home.path().join(format!("{name}.err"));
        let mut command = home.command(args);
        command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(File::create(&said).unwrap());
        let child = Watch(command.spawn().unwrap());
        eventually("watch waits", || {
            text_of(&said).contains("waiting for trips").then_some(())
        });
        child
    };
    let _text = start(&["watch"], "text");
    let _json = start(&["watch", "--json"], "json");
    for _ in 0..3 {
        open(station.address(), &link);
    }
    let lines = |name: &str| -> Vec<String> {
        eventually("three lines", || {
            let text = text_of(&home.path().join(name));
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            (lines.len() >= 3 && text.ends_with('\n')).then_some(lines)
        })
    };
    for line in lines("text") {
        assert!(
            line.contains("intruder the wiki (url) from 127.0.0.1"),
            "{line}"
        );
    }
    let ids: Vec<String> = lines("json")
        .iter()
        .map(|line| {
            let trip: Value = serde_json::from_str(line).expect("one object a line");
            trip["trip"]["id"].as_str().unwrap().to_owned()
        })
        .collect();
    let newest: Vec<String> = trips(&home, 4)
        .iter()
        .take(3)
        .rev()
        .map(|trip| trip["trip"]["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids, newest, "each once, oldest first, and none from before");
}

/// Bytes that would move a cursor, ring a bell, reorder a line or end one.
fn unprintable(text: &str) -> Option<char> {
    text.chars().find(|c| {
        c.is_control() && *c != '\n'
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    })
}

#[test]
fn nothing_an_intruder_sends_reaches_the_terminal_as_it_is() {
    let home = home();
    let (twilio, link) = (home.mint("twilio", &[]), home.mint("url", &[]));
    let station = home.listen(&[]);
    let nasty = "%1b%5b31mred%07%0d%0aline%c2%9b31m%e2%80%aeevil%00%ff";
    let form = format!("To=%2B12025550111&From={nasty}&Body={nasty}&StatusCallback={nasty}");
    send_text(station.address(), &twilio, &form);
    let url = link.field("beacon.url").strip_prefix("http://").unwrap();
    let (name, path) = url.split_once('/').unwrap();
    let raw = [
        format!("GET /{path} HTTP/1.1\r\nHost: {name}\r\nUser-Agent: a\t\u{9b}31m\u{202e}b\r\n"),
        format!("X-Forwarded-For: \u{9b}2J\r\nReferer: {nasty}\r\nConnection: close\r\n\r\n"),
    ];
    exchange(station.address(), raw.concat().as_bytes());
    let escape = format!("GET /{path} HTTP/1.1\r\nHost: {name}\r\nUser-Agent: \x1b[2J\x07\r\n\r\n");
    exchange(station.address(), escape.as_bytes());
    let rows = trips(&home, 2);
    let mut commands: Vec<Vec<String>> = [
        &["trips"][..],
        &["incidents"],
        &["actors"],
        &["report", "--format", "md", "--full"],
    ]
    .iter()
    .map(|words| words.iter().map(|word| (*word).to_owned()).collect())
    .collect();
    for row in &rows {
        commands.push(vec![
            "trip".to_owned(),
            row["trip"]["id"].as_str().unwrap().to_owned(),
        ]);
    }
    for command in commands {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let shown = home.ok(&words);
        assert_eq!(unprintable(&shown), None, "{words:?}:\n{shown:?}");
        let json = home.run(&[&words[..], &["--json"]].concat());
        assert_eq!(
            unprintable(&json.stdout),
            None,
            "{words:?} --json:\n{:?}",
            json.stdout
        );
    }
    let id = rows.last().unwrap()["trip"]["id"].as_str().unwrap();
    let shown = home.ok(&["trip", id]);
    assert!(
        shown.contains("\\x1b[31mred\\x07\\r\\nline"),
        "escaped, not dropped: {shown}"
    );
}
