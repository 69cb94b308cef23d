//! What a thief of the data directory finds without its key, and what the trap gives away: nothing.

use std::collections::BTreeMap;
use std::fs;

use data_encoding::{BASE64, HEXLOWER, HEXUPPER};
use lapwing_tests::{Answer, Home, MailCatcher, Minted, WebhookCatcher, exchange, get, trips};

use crate::bait::{
    CURL, KINDS, basic, bytes_of, contains, files_below, home, home_with, host, open, send_text,
    touch,
};

/// What is searched for: the value as it is, in hex, and in base64 at each of three alignments.
fn forms(value: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![
        value.as_bytes().to_vec(),
        value.to_uppercase().into_bytes(),
        HEXLOWER.encode(value.as_bytes()).into_bytes(),
        HEXUPPER.encode(value.as_bytes()).into_bytes(),
    ];
    for shift in 0..3 {
        let shifted = [&b"..."[..shift], value.as_bytes()].concat();
        let encoded = BASE64.encode(&shifted);
        // The characters that no neighbour has a part in.
        let from = (shift * 8).div_ceil(6);
        let until = shifted.len() * 8 / 6;
        forms.push(encoded.as_bytes()[from..until].to_vec());
    }
    forms
}

#[test]
fn the_forms_of_a_value_are_found_where_they_stand() {
    for text in [
        "--secretvalue--",
        "x secretvalue",
        "ab:secretvalue",
        "abc:secretvalue:",
    ] {
        let encoded = BASE64.encode(text.as_bytes());
        let found = forms("secretvalue")
            .iter()
            .any(|form| contains(encoded.as_bytes(), form));
        assert!(found, "{text}: {encoded}");
    }
}

/// Every handle and secret of a fresh canary of some kinds, by kind and field.
fn mint_all(home: &Home) -> (Vec<(String, Minted)>, BTreeMap<String, String>) {
    let (mut canaries, mut secrets) = (Vec::new(), BTreeMap::new());
    let kinds = home.json(&["kinds"]);
    for kind in kinds.as_array().unwrap() {
        let id = kind["id"].as_str().unwrap();
        if !KINDS.contains(&id) {
            continue;
        }
        let canary = home.mint(id, &["--memo", "the thief may read this"]);
        for field in kind["fields"].as_array().unwrap() {
            let name = field["name"].as_str().unwrap();
            // A hidden one is never shown, so there is nothing to compare with.
            let shown = field["hidden"] != true;
            if shown && (field["handle"] == true || field["secret"] == true) {
                secrets.insert(format!("{id} {name}"), canary.field(name).to_owned());
            }
        }
        canaries.push((id.to_owned(), canary));
    }
    (canaries, secrets)
}

/// Fails if any file but the key holds one of these values in any form.
fn look(home: &Home, secrets: &BTreeMap<String, String>, when: &str) {
    for file in files_below(&home.data()) {
        if file.ends_with("key") {
            continue;
        }
        // What is written beside a file is renamed over it meanwhile.
        if !file.exists() {
            continue;
        }
        let bytes = bytes_of(&file);
        for (name, value) in secrets {
            for form in forms(value) {
                let shown = String::from_utf8_lossy(&form).into_owned();
                let held = contains(&bytes, &form);
                assert!(!held, "{when}: {} holds {name} as {shown}", file.display());
            }
        }
    }
}

#[test]
fn a_thief_of_the_data_directory_finds_no_bait() {
    let (mail, hook) = (MailCatcher::start(), WebhookCatcher::start());
    let home = home_with(&[mail.channel("mail"), hook.channel("hook")].concat());
    let (canaries, mut secrets) = mint_all(&home);
    fs::write(home.path().join(".env"), "A=1\n").unwrap();
    home.ok(&["plant", "twilio", ".env"]);
    let planted = crate::bait::text_of(&home.path().join(".env"));
    for line in planted.lines().filter(|line| !line.contains("URL")).skip(1) {
        let (name, value) = line.split_once('=').unwrap();
        secrets.insert(format!("planted {name}"), value.to_owned());
    }
    secrets.insert("a text".to_owned(), "whatwastexted".to_owned());
    assert!(secrets.len() >= 15, "{secrets:?}");
    assert!(
        secrets.values().all(|value| value.len() >= 8),
        "{secrets:?}"
    );

    let station = home.listen(&[]);
    for (kind, canary) in &canaries {
        if KINDS.contains(&kind.as_str()) {
            touch(station.address(), kind, canary);
        }
        // Also where it is not expected.
        let one_line = |value: &&String| value.bytes().all(|byte| byte.is_ascii_graphic());
        let Some(value) = canary.fields.values().find(one_line) else {
            continue;
        };
        let address = canary.fields.contains_key("beacon.url");
        let at = if address {
            host(canary)
        } else {
            "192.0.2.1".to_owned()
        };
        get(
            station.address(),
            &at,
            &format!("/?q={value}"),
            &[("Cookie", value), CURL],
        );
    }
    let relay = &canaries
        .iter()
        .find(|(kind, _)| kind == "twilio")
        .unwrap()
        .1;
    send_text(
        station.address(),
        relay,
        "To=%2B12025550111&From=%2B1&Body=whatwastexted",
    );
    trips(&home, KINDS.len() + 1);
    home.ok(&["drill", &relay.id, "--via", &station.address().to_string()]);
    home.ok(&["retire", &relay.id]);
    home.ok(&["check"]);
    home.ok(&["report", "--format", "json"]);
    look(&home, &secrets, "running");
    station.stop();
    look(&home, &secrets, "stopped");
    home.ok(&["reindex"]);
    home.ok(&["uproot", ".env"]);
    look(&home, &secrets, "later");
    // It is all there, for who holds the key.
    let report = home.ok(&["report", "--format", "json", "--full"]);
    assert!(
        report.contains("whatwastexted"),
        "a full report has the text"
    );
}

#[test]
fn without_its_key_a_data_directory_opens_nothing() {
    let home = home();
    home.mint("twilio", &[]);
    fs::remove_file(home.data().join("key")).unwrap();
    for command in [
        &["canaries"][..],
        &["trips"],
        &["listen"],
        &["evidence", "verify"],
    ] {
        let ran = home.run(command);
        assert_eq!(ran.code, 1, "{command:?}");
        assert!(ran.stderr.contains("key"), "{command:?}: {}", ran.stderr);
    }
    assert!(
        !home.data().join("key").exists(),
        "none is drawn in its place"
    );
}

/// Words that would tell an intruder what answers here.
const TELLING: [&[u8]; 6] = [
    b"lapwing", b"canary", b"honeyt", b"honeyp", b"decoy", b"beacon",
];

fn harmless(what: &str, answer: &Answer) {
    let lower = answer.raw.to_ascii_lowercase();
    for word in TELLING {
        let word_text = String::from_utf8_lossy(word);
        let shown = String::from_utf8_lossy(&answer.raw);
        assert!(
            !contains(&lower, word),
            "{what}: says {word_text}:\n{shown}"
        );
    }
}

#[test]
fn nothing_the_trap_sends_names_the_product() {
    let home = home();
    let canaries = KINDS.map(|kind| (kind, home.mint(kind, &[])));
    let station = home.listen(&[]);
    let address = station.address();
    let mut answered = 0;
    let mut see = |what: &str, answer: Answer| {
        harmless(what, &answer);
        answered += usize::from(answer.status > 0);
    };
    for (kind, canary) in &canaries {
        let host = host(canary);
        see(kind, touch(address, kind, canary));
        for target in [
            "/",
            "/favicon.ico",
            "/robots.txt",
            "/no/such/page",
            "/.git/config",
            "/admin",
        ] {
            see(kind, get(address, &host, target, &[CURL]));
        }
        let wrong = basic("somebody", "wrong");
        see(
            kind,
            get(address, &host, "/user", &[("Authorization", &wrong)]),
        );
        for method in ["OPTIONS", "HEAD", "DELETE", "TRACE", "BREW"] {
            let raw = format!("{method} / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            see(kind, exchange(address, raw.as_bytes()));
        }
    }
    let long = "a".repeat(100_000);
    let broken: [(&str, Vec<u8>); 9] = [
        (
            "no host",
            b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n".to_vec(),
        ),
        ("old", b"GET / HTTP/1.0\r\n\r\n".to_vec()),
        ("older", b"GET /\r\n".to_vec()),
        ("newer", b"GET / HTTP/9.9\r\nHost: a\r\n\r\n".to_vec()),
        (
            "long head",
            format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n").into_bytes(),
        ),
        (
            "long target",
            format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes(),
        ),
        (
            "bad header",
            b"GET / HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n".to_vec(),
        ),
        (
            "tls",
            b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00\r\n\r\n".to_vec(),
        ),
        ("noise", vec![0xff; 64]),
    ];
    for (what, raw) in broken {
        see(what, exchange(address, &raw));
    }
    let two = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00\
        \x00\x00\x08\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00";
    see("http/2", exchange(address, two));
    assert!(answered > 100, "only {answered} answers");
    // A link that is retired says no more than one in use.
    let link = home.mint("url", &[]);
    home.ok(&["retire", &link.id]);
    harmless("retired", &open(address, &link));
}
