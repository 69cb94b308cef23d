//! Drills: announced, sent, recorded, delivered; and their nonce holds once.

use lapwing_tests::{MailCatcher, WebhookCatcher, eventually, get, trips};

use crate::bait::{home, home_with, host};

#[test]
fn a_drill_travels_to_every_channel_and_says_how_long_it_took() {
    let (mail, hook) = (MailCatcher::start(), WebhookCatcher::start());
    let home = home_with(&[mail.channel("mail"), hook.channel("hook")].concat());
    for kind in ["twilio", "url", "person", "aws-access-key"] {
        let canary = home.mint(kind, &["--memo", kind]);
        let station = home.listen(&[]);
        let via = station.address().to_string();
        let said = home.json(&["drill", &canary.id, "--via", &via]);
        let deliveries = said["deliveries"].as_array().unwrap();
        assert_eq!(deliveries.len(), 2, "{said}");
        for delivery in deliveries {
            assert_eq!(delivery["state"], "delivered", "{said}");
            assert!(delivery["milliseconds"].as_i64().unwrap() >= 0, "{said}");
        }
        let trip = said["trip"].as_str().unwrap();
        let listed = home.json(&["trip", trip]);
        assert_eq!(
            listed["conclusion"]["judgement"]["verdict"], "drill",
            "{kind}"
        );
        assert_eq!(listed["trip"]["canary"], canary.id.as_str());
        station.stop();
        let subjects: Vec<String> = hook
            .hooks()
            .iter()
            .filter(|hook| hook.body["type"] == "drill" && hook.signed)
            .map(|hook| hook.body["subject"].as_str().unwrap().to_owned())
            .collect();
        assert!(
            subjects.iter().any(|subject| subject.contains(kind)),
            "{subjects:?}"
        );
        assert!(
            mail.mails().iter().any(|mail| mail.raw.contains(kind)),
            "{kind}"
        );
    }
}

#[test]
fn the_nonce_of_a_drill_holds_once() {
    let home = home();
    let canary = home.mint("twilio", &[]);
    let station = home.listen(&[]);
    let via = station.address().to_string();
    home.ok(&["drill", &canary.id, "--via", &via]);
    let rows = trips(&home, 1);
    let headers = rows[0]["trip"]["claims"]["headers"].as_array().unwrap();
    let header = |name: &str| {
        let found = headers
            .iter()
            .find(|header| header[0] == name)
            .expect("a header");
        found[1].as_str().unwrap().to_owned()
    };
    let (nonce, login) = (header("x-request-id"), header("authorization"));
    // Whoever sees the drill and sends it again is not on a drill.
    let again = [
        ("x-request-id", nonce.as_str()),
        ("Authorization", login.as_str()),
    ];
    get(station.address(), &host(&canary), "/", &again);
    let rows = trips(&home, 2);
    let verdict = |row: usize| rows[row]["conclusion"]["judgement"]["verdict"].clone();
    assert_eq!(
        (verdict(0), verdict(1)),
        ("intruder".into(), "drill".into())
    );
    // A nonce that nobody announced is none.
    let made_up = [
        ("x-request-id", "0".repeat(32)),
        ("Authorization", login.clone()),
    ];
    let made_up = made_up
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    get(station.address(), &host(&canary), "/", &made_up);
    assert_eq!(
        trips(&home, 3)[0]["conclusion"]["judgement"]["verdict"],
        "intruder"
    );
    station.stop();
    home.ok(&["reindex"]);
    let verdicts: Vec<_> = trips(&home, 3)
        .iter()
        .map(|row| row["conclusion"]["judgement"]["verdict"].clone())
        .collect();
    assert_eq!(
        verdicts,
        ["intruder", "intruder", "drill"],
        "also when indexed again"
    );
}

#[test]
fn a_drill_whose_alert_does_not_arrive_says_so() {
    let hook = WebhookCatcher::start();
    hook.fail(true);
    let home = home_with(&format!(
        "[alert]\nretry_seconds = 1\n{}",
        hook.channel("hook")
    ));
    let canary = home.mint("url", &[]);
    let station = home.listen(&[]);
    let via = station.address().to_string();
    let ran = home.run(&["drill", &canary.id, "--via", &via, "--timeout", "10"]);
    assert_eq!(ran.code, 5, "{}\n{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("NOT taken"), "{}", ran.stdout);
    assert!(hook.refused() > 0);
    station.stop();
    let ran = home.run(&["drill", &canary.id, "--via", &via, "--timeout", "1"]);
    assert_eq!(ran.code, 1, "nobody listens");
    assert!(ran.stderr.contains("hint:"), "{}", ran.stderr);
    let station = home.listen(&[]);
    hook.fail(false);
    let taken = eventually("the drill's alert, late", || {
        hook.hooks()
            .into_iter()
            .find(|hook| hook.body["type"] == "drill")
    });
    assert!(taken.signed);
    drop(station);
}
