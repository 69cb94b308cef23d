//! The index holds keyed digests of what was said, to compare trips by. What is erased leaves none of them: not in a
//! row, not in the bytes of its files.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use data_encoding::BASE64;
use lapwing_core::bounded;
use lapwing_store::Index;
use lapwing_tests::{Beacon, Home, Minted, get, post, trips};

use crate::scene::{NUMBER, home, host, ids, verified};

/// What stands for words in notes on values, by the signals that are of words.
const SAID: [&str; 5] = ["agent", "family", "language", "payload", "call"];

/// Has the relay send a text, by a program of this name.
fn send(station: SocketAddr, twilio: &Minted, agent: &str, text: &str) {
    let sid = twilio.field("account_sid");
    let login = format!("{sid}:{}", twilio.field("auth_token"));
    let login = format!("Basic {}", BASE64.encode(login.as_bytes()));
    let target = format!("/2010-04-01/Accounts/{sid}/Messages.json");
    let form = format!("To=%2B1{NUMBER}&From=%2B1&Body={text}");
    let headers = [
        ("User-Agent", agent),
        ("Accept-Language", "xx-YY, zz"),
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Authorization", login.as_str()),
    ];
    let answer = post(station, &host(twilio), &target, &headers, form.as_bytes());
    assert_eq!(answer.status, 201, "{}", answer.head);
}

/// Enough for pages of the index to be full and split.
const USES: u32 = 150;

/// Digests of words that notes on values are named by.
fn digests(home: &Home) -> BTreeSet<String> {
    let index = Index::open(&home.data()).expect("it opens");
    let notes = index.notes("v/", "", 100_000).expect("it is read");
    let names = notes.iter().filter_map(|(name, _)| {
        let (signal, value) = name.strip_prefix("v/")?.split_once('/')?;
        SAID.contains(&signal).then(|| value.to_owned())
    });
    names.collect()
}

/// Whether one of these stands in a note; says in which.
fn found_in_notes(home: &Home, digests: &BTreeSet<String>) -> Option<String> {
    let index = Index::open(&home.data()).expect("it opens");
    let notes = index.notes("", "", 100_000).expect("it is read");
    let mut found = notes.into_iter().filter(|(name, note)| {
        let text = format!("{name} {note}");
        digests.iter().any(|digest| text.contains(digest))
    });
    found.next().map(|(name, _)| name)
}

/// Whether one of these stands anywhere in the files of the index; says which.
fn found_in_files(home: &Home, digests: &BTreeSet<String>) -> Option<String> {
    for name in ["index.db", "index.db-wal"] {
        let file = home.data().join(name);
        let bytes = bounded::read_file(&file, 1 << 30).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some(digest) = digests.iter().find(|digest| text.contains(*digest)) {
            return Some(format!("{digest} in {name}"));
        }
    }
    None
}

fn redact(home: &Home, id: &str) {
    home.ok(&["redact", id, "--reason", "asked for", "--yes"]);
}

#[test]
fn a_redaction_leaves_no_digest_in_the_index() {
    let home = home("");
    let twilio = home.mint("twilio", &[]);
    let station = home.listen(&[]);
    let long = "a+text+of+somebody,+with+their+number+20255501";
    send(station.address(), &twilio, "mine/1.0", &format!("{long}42"));
    send(
        station.address(),
        &twilio,
        "yours/7.1",
        &format!("{long}43"),
    );
    trips(&home, 2);
    let trip_ids = ids(&home, 2);
    let before = digests(&home);
    redact(&home, &trip_ids[0]);
    let after = digests(&home);
    let gone: BTreeSet<String> = before.difference(&after).cloned().collect();
    // What it calls itself, that without a version, the text: the number is the other's too, and so is the language.
    assert_eq!((before.len(), gone.len()), (9, 3), "{before:?} {after:?}");
    assert_eq!(found_in_notes(&home, &gone), None);
    assert_eq!(found_in_files(&home, &gone), None);
    assert!(found_in_files(&home, &after).is_some());
    station.stop();
    assert_eq!(found_in_notes(&home, &gone), None);
    assert_eq!(found_in_files(&home, &gone), None);

    redact(&home, &trip_ids[1]);
    assert_eq!(digests(&home), BTreeSet::new());
    assert_eq!(found_in_files(&home, &before), None);
    // It is what an index comes to that is built again.
    let linked = home.json(&["trips"]);
    home.ok(&["reindex"]);
    assert_eq!(digests(&home), BTreeSet::new());
    assert_eq!(home.json(&["trips"])[0]["trip"], linked[0]["trip"]);
    verified(&home);
}

#[test]
fn by_age_the_digests_of_a_full_index_go_too() {
    let home = home("");
    let beacon = Beacon::of(&home.mint("url", &[]));
    let station = home.listen(&[]);
    let open = |number: u32| {
        let agent = format!("program-{}/{number}", "x".repeat(number as usize % 50));
        let language = format!("x{number}");
        let said = [
            ("User-Agent", agent.as_str()),
            ("Accept-Language", &language),
        ];
        get(station.address(), &beacon.host, &beacon.target, &said);
    };
    (0..USES).for_each(open);
    trips(&home, USES as usize);
    let before = digests(&home);
    assert!(before.len() > 2 * USES as usize, "{}", before.len());
    let first = ids(&home, USES as usize).remove(0);
    home.ok(&["hold", "--trip", &first, "--reason", "x"]);
    home.ok(&["purge", "--older-than", "0s", "--class", "claims", "--yes"]);
    let after = digests(&home);
    assert_eq!(after.len(), 3, "what is held says: {after:?}");
    let gone: BTreeSet<String> = before.difference(&after).cloned().collect();
    assert_eq!(found_in_notes(&home, &gone), None);
    assert_eq!(found_in_files(&home, &gone), None);
    // The station goes on with it.
    open(USES);
    trips(&home, USES as usize + 1);
    assert!(digests(&home).len() > 3);
    station.stop();
    verified(&home);
}
