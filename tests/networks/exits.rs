//! Exits of the Tor network, at the time of a trip: lists are added to those before, and a running station knows them.

use data_encoding::BASE64;
use lapwing_tests::{Home, exchange, trips, within};
use serde_json::{Value, json};

use crate::publisher::{File, Publisher};

const ADDRESS: &str = "193.0.6.139";

fn home(publisher: &Publisher) -> Home {
    let home = Home::new();
    home.settings(&format!(
        "[[geo.sources]]\nname = \"tor\"\nkind = \"tor-exits\"\nurl = {:?}\n",
        publisher.url("/exits")
    ));
    home
}

fn publish(publisher: &Publisher, modified: &str, body: &str) {
    let mut file = File::of(body);
    file.headers = vec![("last-modified", modified.to_owned())];
    publisher.publish("/exits", file);
}

fn was(home: &Home, at: &str) -> Value {
    home.json(&["geo", ADDRESS, "--at", at])["tor_exit"]["was"].clone()
}

#[test]
fn an_address_was_an_exit_at_a_time_or_nobody_knows() {
    let publisher = Publisher::plain();
    let home = home(&publisher);
    assert_eq!(was(&home, "2026-11-10"), Value::Null, "no lists, no answer");
    publish(
        &publisher,
        "Tue, 10 Nov 2026 12:00:00 GMT",
        &format!("{ADDRESS}\n192.0.2.2\n192.0.2.3\n"),
    );
    home.ok(&["geo", "update"]);
    // A list of another form, a week later, without it.
    publish(
        &publisher,
        "Wed, 18 Nov 2026 12:00:00 GMT",
        "ExitNode 63BA28370F543D175173E414D5450590D73E22DC\nPublished 2026-11-17 10:12:00\nLastStatus 2026-11-17 \
         11:00:00\nExitAddress 192.0.2.2 2026-11-17 12:00:00\nExitAddress 192.0.2.3 2026-11-17 11:00:00\n",
    );
    let done = home.json(&["geo", "update"]);
    assert_eq!(
        (&done[0]["new"], &done[0]["before"]),
        (&json!(true), &json!("2026-11-10")),
        "{done}"
    );
    for (at, expected) in [
        ("2026-11-10T15:00:00Z", "yes"),
        ("2026-11-17T15:00:00Z", "no"),
        ("2026-11-14T15:00:00Z", "unknown"),
        ("2026-11-25T15:00:00Z", "unknown"),
    ] {
        assert_eq!(was(&home, at), expected, "{at}");
    }
    let shown = home.ok(&["geo", ADDRESS, "--at", "2026-11-10T15:00:00Z"]);
    assert!(
        shown.contains("tor exit  yes (list of 2026-11-10T12:00:00Z)"),
        "{shown}"
    );
    assert!(
        shown.contains("listed as tor (Tor exit list)") && shown.contains("no place"),
        "{shown}"
    );
    // The same list again adds nothing; a page that is none, or a tenth of the exits, is refused.
    assert_eq!(home.json(&["geo", "update"])[0]["new"], false);
    publish(
        &publisher,
        "Thu, 19 Nov 2026 12:00:00 GMT",
        "<html>busy</html>",
    );
    let ran = home.run(&["geo", "update"]);
    assert!(
        ran.code == 1 && ran.stderr.contains("line 1 is none of a list of exits"),
        "{}",
        ran.stderr
    );
    assert_eq!(was(&home, "2026-11-10T15:00:00Z"), "yes");
}

#[test]
fn a_running_station_takes_up_a_new_list() {
    let publisher = Publisher::plain();
    let home = home(&publisher);
    home.ok(&["init", "--address", "http://*.example.org"]);
    let canary = home.mint("twilio", &[]);
    let (url, sid) = (canary.field("beacon.url"), canary.field("account_sid"));
    let login = format!("{sid}:{}", canary.field("auth_token"));
    let login = BASE64.encode(login.as_bytes());
    let host = url.trim_start_matches("http://").split('/').next().unwrap();
    let request = format!(
        "PROXY TCP4 {ADDRESS} 127.0.0.1 40312 80\r\nGET /2010-04-01/Accounts/{sid}.json HTTP/1.1\r\nHost: {host}\r\nAuthorization: Basic {login}\r\n\
         Connection: close\r\n\r\n"
    );
    let station = home.listen(&["--proxy", "127.0.0.1/32"]);
    exchange(station.address(), request.as_bytes());
    let before = trips(&home, 1).remove(0);
    assert_eq!(
        before["conclusion"]["network"]["tor_exit"],
        Value::Null,
        "{before}"
    );
    publish(&publisher, "", &format!("{ADDRESS}\n"));
    home.ok(&["geo", "update"]);
    let mut sent = 1;
    let found = within(
        std::time::Duration::from_secs(40),
        "the new list is used",
        || {
            std::thread::sleep(std::time::Duration::from_millis(1500));
            exchange(station.address(), request.as_bytes());
            sent += 1;
            let newest = trips(&home, sent).remove(0);
            let network = newest["conclusion"]["network"].clone();
            (network["tor_exit"]["was"] == "yes").then_some(newest)
        },
    );
    station.stop();
    assert_eq!(
        found["conclusion"]["network"]["lists"][0]["class"], "tor",
        "{found}"
    );
    assert!(found["conclusion"]["network"]["unplaced_because"].is_string());
    let reasons = found["conclusion"]["judgement"]["reasons"].to_string();
    assert!(reasons.contains("led out of the Tor network"), "{reasons}");
    // For what came before, the index is built again.
    home.ok(&["reindex"]);
    let all = trips(&home, sent);
    assert!(
        all.iter()
            .all(|trip| trip["conclusion"]["network"]["tor_exit"]["was"] == "yes"),
        "{all:?}"
    );
}
