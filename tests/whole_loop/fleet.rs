//! Drills of many canaries at once: every alert is accounted for, and the operator is not flooded.

use std::collections::{BTreeMap, BTreeSet};

use lapwing_tests::{Hook, MailCatcher, WebhookCatcher};
use serde_json::Value;

use crate::bait::{home_with, text_of};
use crate::planting::{TARGETS, write};

/// Trips that the messages of drills stand for, and how many messages those are.
fn told(hooks: &[Hook]) -> (BTreeSet<String>, usize) {
    let drills: Vec<&Hook> = hooks
        .iter()
        .filter(|hook| hook.body["type"] == "drill")
        .collect();
    let mut trips = BTreeSet::new();
    for hook in &drills {
        assert!(hook.signed);
        trips.extend(
            hook.body["incident"]["trip"]["id"]
                .as_str()
                .map(str::to_owned),
        );
        let folded = hook.body["trips"].as_array().into_iter().flatten();
        trips.extend(folded.map(|trip| trip.as_str().unwrap().to_owned()));
    }
    (trips, drills.len())
}

#[test]
fn a_thousand_canaries_are_drilled_and_every_alert_is_accounted_for() {
    let (mail, hook) = (MailCatcher::start(), WebhookCatcher::start());
    let home = home_with(&[mail.channel("mail"), hook.channel("hook")].concat());
    for target in &TARGETS {
        let path = write(&home, target.file, target.content);
        home.ok(&["plant", target.kind, path.to_str().unwrap(), "--yes"]);
    }
    home.ok(&["mint", "url", "--count", "700", "--out", "csv"]);
    home.ok(&["mint", "twilio", "--count", "293", "--out", "csv"]);
    // Nobody asks us about these two.
    home.mint("generic-password", &[]);
    home.mint("django-secret", &[]);
    let station = home.listen(&[]);
    let via = station.address().to_string();
    let said = home.json(&["drill", "--all", "--via", &via, "--timeout", "120"]);
    assert_eq!(said["canaries"], 1000);
    assert_eq!(said["arrived"], 998, "{}", said["latency_ms"]);
    assert_eq!(
        (&said["not_arrived"], &said["not_drilled"]),
        (&0.into(), &2.into())
    );
    let drills = said["drills"].as_array().unwrap();
    let canaries: BTreeSet<&str> = drills
        .iter()
        .map(|drill| drill["canary"].as_str().unwrap())
        .collect();
    assert_eq!(canaries.len(), 1000, "each canary has its row");
    let (told, messages) = told(&hook.hooks());
    let mut proven = BTreeSet::new();
    for drill in drills {
        if drill["result"] == "not-drilled" {
            let reason = drill["reason"].as_str().unwrap();
            assert!(reason.contains("only its vendor sees a use"), "{reason}");
            continue;
        }
        proof(drill);
        proven.insert(drill["trip"].as_str().unwrap().to_owned());
    }
    assert_eq!(proven.len(), 998, "each with a trip of its own");
    assert_eq!(told, proven, "what was received is what is claimed");
    assert_eq!(said["messages"]["hook"], messages);
    assert!(messages < 100, "{messages} messages are a flood");
    assert!(mail.mails().len() < 100, "{}", mail.mails().len());
    for stage in ["answered", "queued", "taken"] {
        for share in ["p50", "p95", "p99"] {
            assert!(said["latency_ms"][stage][share].is_u64(), "{stage} {share}");
        }
    }
    // An announcement holds once: nothing is taken for a drill that is none.
    let verdicts = verdicts(&home.json(&["trips", "--limit", "2000"]));
    assert_eq!(verdicts, BTreeMap::from([("drill".to_owned(), 998)]));
    station.stop();
    home.ok(&["reindex"]);
    let again = self::verdicts(&home.json(&["trips", "--limit", "2000"]));
    assert_eq!(again, verdicts, "also when indexed again");
}

/// Both channels took it, and say in which message.
fn proof(drill: &Value) {
    let alerts = drill["alerts"].as_array().unwrap();
    assert_eq!(alerts.len(), 2, "{drill}");
    for alert in alerts {
        assert_eq!(alert["state"], "delivered", "{drill}");
        assert!(alert["milliseconds"].is_i64(), "{drill}");
        let channel = alert["channel"].as_str().unwrap();
        let with = alert["with"].as_str().unwrap_or(channel);
        assert!(with.ends_with(channel), "{drill}");
    }
}

fn verdicts(trips: &Value) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for trip in trips.as_array().unwrap() {
        let verdict = trip["conclusion"]["judgement"]["verdict"].as_str().unwrap();
        *counts.entry(verdict.to_owned()).or_default() += 1;
    }
    counts
}

#[test]
fn several_are_drilled_by_their_ids_and_the_words_name_what_did_not_arrive() {
    let hook = WebhookCatcher::start();
    let home = home_with(&format!(
        "[alert]\nretry_seconds = 1\n{}",
        hook.channel("hook")
    ));
    let ids: Vec<String> = ["url", "twilio", "generic-password"]
        .iter()
        .map(|kind| home.mint(kind, &[]).id)
        .collect();
    let station = home.listen(&[]);
    let via = station.address().to_string();
    let all: Vec<&str> = [
        "drill",
        &ids[0],
        &ids[1],
        &ids[2],
        "--via",
        &via,
        "--timeout",
    ]
    .to_vec();
    let ran = home.run(&[all.as_slice(), &["30"]].concat());
    assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains(&ids[2]), "named: {}", ran.stdout);
    assert!(!ran.stdout.contains(&ids[0]), "well: {}", ran.stdout);
    assert!(ran.stderr.contains("2 arrived, 0 did not, 1 cannot be"));
    // Again, within the incident that the first drill opened: it is told of again.
    let ran = home.run(&[all.as_slice(), &["30"]].concat());
    assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
    assert_eq!(told(&hook.hooks()).0.len(), 4);
    hook.fail(true);
    let ran = home.run(&[all.as_slice(), &["10"]].concat());
    assert_eq!(ran.code, 5, "{}\n{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains(&ids[0]) && ran.stdout.contains(&ids[1]));
    assert!(ran.stdout.contains("hook"), "{}", ran.stdout);
    station.stop();
    let ran = home.run(&[all.as_slice(), &["2"]].concat());
    assert_eq!(ran.code, 5, "nobody listens: {}", ran.stderr);
    assert!(
        ran.stdout.contains("cannot be reached") && ran.stderr.contains("0 arrived, 2 did not"),
        "{}\n{}",
        ran.stdout,
        ran.stderr
    );
}

#[test]
fn only_what_stands_is_drilled_if_that_is_asked() {
    let home = home_with("");
    let path = write(&home, TARGETS[0].file, TARGETS[0].content);
    home.ok(&["plant", "twilio", path.to_str().unwrap(), "--yes"]);
    assert!(text_of(&path).contains("hunter2"));
    home.mint("url", &[]);
    let station = home.listen(&[]);
    let via = station.address().to_string();
    let said = home.json(&["drill", "--all", "--planted", "--via", &via]);
    assert_eq!(
        (&said["canaries"], &said["arrived"]),
        (&1.into(), &1.into())
    );
    assert_eq!(said["drills"][0]["place"], path.to_str().unwrap());
    let empty = home_with("");
    empty.mint("url", &[]);
    let ran = empty.run(&["drill", "--all", "--planted"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("no canary to drill") && ran.stderr.contains("hint:"));
}
