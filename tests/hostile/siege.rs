//! Noise of every sort does not hold up a trip. Seconds of what `cargo bench -p lapwing-tests -- siege` does at
//! length, with bounds that a debug build on a busy machine keeps.

use std::time::Duration;

use lapwing_tests::siege::{
    Memory, Sources, connects, garbage, opening, raise_descriptors, say, slow,
};
use lapwing_tests::{Beacon, Minted, WebhookCatcher, eventually, get};

use crate::home;

/// One that the client begins, one that the server begins, one that is given up at once if it begins wrong, and HTTP,
/// which is served in its own way.
const PROTOCOLS: [&str; 4] = ["http", "redis", "ftp", "postgres"];
/// Most memory, in MB.
const MEMORY: f64 = 200.0;

#[test]
fn noise_crowds_nothing_out() {
    raise_descriptors();
    let home = home();
    let hooks = WebhookCatcher::start();
    let minted = home.ok(&["mint", "url", "--count", "32", "--out", "json"]);
    let mut bait: Vec<Beacon> = (minted.lines())
        .map(|line| Beacon::of(&Minted::parse(line)))
        .collect();
    let toml = "addresses = [\"http://*.example.org\"]\n";
    home.settings(&format!("{toml}{}", hooks.channel("hook")));
    let bounds = "listen.connections=300";
    let station = home.listen(&[
        "--on",
        "redis=127.0.0.1:0",
        "--on",
        "ftp=127.0.0.1:0",
        "--on",
        "postgres=127.0.0.1:0",
        "--setting",
        bounds,
    ]);
    let memory = Memory::watch(station.pid());
    for protocol in PROTOCOLS {
        let at = match protocol {
            "http" => station.address(),
            other => station.on(other),
        };
        let mut midst = || {
            let (web, own) = (bait.pop().expect("bait"), bait.pop().expect("bait"));
            // In a full house whoever is slow to speak may have to leave, and comes again.
            let answered =
                (0..3).any(|_| get(station.address(), &web.host, &web.target, &[]).status != 0);
            assert!(answered, "{protocol}: no answer in the midst");
            let said = (0..3).any(|_| say(protocol, at, &own.segment).is_ok());
            assert!(said, "{protocol}: no connection in the midst");
            for (id, over) in [(web.id, "http"), (own.id, protocol)] {
                eventually(
                    &format!("{protocol}: the alert of a trip over {over}"),
                    || {
                        let hooks = hooks.hooks();
                        let about =
                            |hook: &lapwing_tests::Hook| hook.body.to_string().contains(&id);
                        hooks.iter().any(about).then_some(())
                    },
                );
            }
        };
        let (bytes, hold) = (opening(protocol), Duration::from_millis(500));
        slow(at, bytes, (1000, Sources::Many), hold, &mut midst);
        slow(at, bytes, (1000, Sources::One), hold, &mut midst);
        connects(at, Sources::Many, hold, &mut midst);
        garbage(at, bytes, 8 << 20, &mut midst);
    }
    let peak = memory.peak();
    assert!(peak < MEMORY, "{peak} MB");
    assert_eq!(station.stop().code, 0);
}

/// A value said out of place is found at every door, whatever its protocol makes of the rest.
#[test]
fn what_anybody_says_is_searched_at_every_door() {
    let home = home();
    let protocols = home.json(&["protocols"]);
    let names: Vec<String> = { protocols.as_array().expect("a list").iter() }
        .filter_map(|it| it["name"].as_str().map(ToOwned::to_owned))
        .filter(|name| name != "wireguard")
        .collect();
    let count = names.len().to_string();
    let minted = home.ok(&["mint", "url", "--count", &count, "--out", "json"]);
    let bait: Vec<Beacon> = (minted.lines())
        .map(|line| Beacon::of(&Minted::parse(line)))
        .collect();
    let on: Vec<String> = { names.iter().filter(|name| *name != "http") }
        .flat_map(|name| ["--on".to_owned(), format!("{name}=127.0.0.1:0")])
        .collect();
    let station = home.listen(&on.iter().map(String::as_str).collect::<Vec<_>>());
    for (name, own) in names.iter().zip(&bait) {
        let at = match name.as_str() {
            "http" => station.address(),
            other => station.on(other),
        };
        say(name, at, &own.segment).expect("a connection");
    }
    for (name, own) in names.iter().zip(&bait) {
        eventually(&format!("the trip over {name}"), || {
            let trips = home.json(&["trips", "--canary", &own.id]);
            (trips.as_array().is_some_and(|trips| !trips.is_empty())).then_some(())
        });
    }
    assert_eq!(station.stop().code, 0);
}
