//! Alerts: the first at once, the rest folded; retries, dead letters, alarms, signs of life.

use std::time::{Duration, Instant};

use lapwing_tests::{Home, MailCatcher, WebhookCatcher, eventually, trips};
use serde_json::Value;

use crate::bait::{account, home, home_with, open};

#[test]
fn the_first_use_is_announced_at_once_and_further_ones_are_counted() {
    let (mail, hook) = (MailCatcher::start(), WebhookCatcher::start());
    let home = home_with(&[mail.channel("mail"), hook.channel("hook")].concat());
    let canary = home.mint("twilio", &["--memo", "old relay"]);
    let station = home.listen(&[]);
    let begun = Instant::now();
    account(station.address(), &canary);
    let first = eventually("the first alert", || hook.hooks().first().cloned());
    let by_mail = eventually("the first mail", || mail.mails().first().cloned());
    for arrived in [first.arrived, by_mail.arrived] {
        let after = arrived.duration_since(begun);
        assert!(after < Duration::from_secs(30), "after {after:?}");
    }
    assert!(first.signed, "signed after Standard Webhooks");
    assert!(first.headers["webhook-id"].starts_with("msg_"));
    assert_eq!(first.body["type"], "opened");
    assert_eq!(first.body["incident"]["bait"]["memo"], "old relay");
    assert!(
        first.body["checkpoint"]
            .as_str()
            .unwrap()
            .starts_with("station-"),
        "{}",
        first.body
    );
    assert!(
        first.body["caution"]
            .as_str()
            .unwrap()
            .contains("not a person")
    );
    for _ in 0..24 {
        account(station.address(), &canary);
    }
    trips(&home, 25);
    station.stop();
    let kinds: Vec<Value> = hook
        .hooks()
        .iter()
        .map(|hook| hook.body["type"].clone())
        .collect();
    assert_eq!(kinds, ["opened", "continued"], "the 1st and the 10th");
    assert_eq!(mail.mails().len(), 2);
    let continued = hook.hooks().pop().unwrap();
    assert_eq!(continued.body["incident"]["uses"], 10);
    assert!(hook.hooks().iter().all(|hook| hook.signed));
    // No alert carries a bait value or a live address.
    for secret in [
        canary.field("account_sid"),
        canary.field("auth_token"),
        canary.field("beacon.url"),
    ] {
        for hook in hook.hooks() {
            assert!(!hook.body.to_string().contains(secret), "{}", hook.body);
        }
        for mail in mail.mails() {
            assert!(
                !mail.raw.replace("=\n", "").contains(secret),
                "{}",
                mail.raw
            );
        }
    }
}

#[test]
fn another_canary_is_announced_while_one_is_flooded() {
    let hook = WebhookCatcher::start();
    let home = home_with(&hook.channel("hook"));
    let (loud, quiet) = (
        home.mint("url", &[]),
        home.mint("url", &["--memo", "quiet"]),
    );
    let station = home.listen(&[]);
    for _ in 0..300 {
        open(station.address(), &loud);
    }
    open(station.address(), &quiet);
    let announced = eventually("the quiet one's alert", || {
        hook.hooks()
            .into_iter()
            .find(|hook| hook.body["incident"]["bait"]["memo"] == "quiet")
    });
    assert_eq!(announced.body["type"], "opened");
    // Past the quota of 200 uses are summarised, and none is lost.
    let uses: u64 = eventually("all uses", || {
        let rows = home.json(&["trips", "--canary", &loud.id, "--limit", "1000"]);
        let uses = rows
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["trip"]["count"].as_u64().unwrap());
        let uses: u64 = uses.sum();
        (uses >= 300).then_some(uses)
    });
    assert_eq!(uses, 300);
}

#[test]
fn what_is_muted_is_recorded_and_told_of_afterwards() {
    let hook = WebhookCatcher::start();
    let home = home_with(&hook.channel("hook"));
    let canary = home.mint("twilio", &["--memo", "old relay"]);
    let other = home.mint("twilio", &["--memo", "another"]);
    let mute = |selector: &[&str]| {
        let why = [
            "--owner",
            "anna",
            "--reason",
            "a test of ours",
            "--until",
            "1h",
        ];
        home.json(&[&["mute"][..], selector, &why].concat())["mute"].clone()
    };
    let unused = mute(&["--network", "198.51.100.0/24"]);
    let id = mute(&["--network", "127.0.0.1", "--canary", &canary.id]);
    let station = home.listen(&[]);
    account(station.address(), &canary);
    let trip = &trips(&home, 1)[0];
    assert_eq!(trip["conclusion"]["mute"], id);
    let shown = home.ok(&["trip", trip["trip"]["id"].as_str().unwrap()]);
    assert!(
        shown.contains("muted by anna") && shown.contains("a test of ours"),
        "{shown}"
    );
    assert!(home.ok(&["incidents"]).contains("open, muted"));
    // Somebody else's is told of: the channel works.
    account(station.address(), &other);
    let memo = |number: usize| {
        let told = eventually("an alert", || hook.hooks().get(number).cloned()).body;
        assert_eq!(told["type"], "opened");
        (
            told["incident"]["bait"]["memo"].clone(),
            told["incident"]["uses"].clone(),
        )
    };
    assert_eq!(memo(0), ("another".into(), 1.into()));
    home.ok(&["unmute", id.as_str().unwrap()]);
    account(station.address(), &canary);
    assert_eq!(memo(1), ("old relay".into(), 2.into()));
    trips(&home, 3);
    station.stop();
    assert_eq!(hook.hooks().len(), 2);
    let listed = |args: &[&str]| home.json(args).as_array().unwrap().clone();
    assert_eq!(listed(&["mutes"]).len(), 1);
    let all = listed(&["mutes", "--all"]);
    assert_eq!((&all[0]["mute"], &all[1]["ended"]), (&unused, &true.into()));
    // Drawn again from the evidence and the decisions, it comes out the same.
    let before = home.json(&["incidents"]);
    home.ok(&["reindex"]);
    assert_eq!(home.json(&["incidents"]), before);
}

#[test]
fn a_mute_says_of_what_by_whom_why_and_how_long() {
    let home = home();
    for bad in [
        &["--owner", "anna", "--reason", "noise", "--until", "7d"][..],
        &["--network", "::1", "--reason", "noise", "--until", "7d"],
        &["--network", "::1", "--owner", "anna", "--until", "7d"],
        &[
            "--network",
            "::1",
            "--owner",
            "anna",
            "--reason",
            " ",
            "--until",
            "7d",
        ],
        &[
            "--network",
            "::1",
            "--owner",
            "anna",
            "--reason",
            "noise",
            "--until",
            "2020-01-01",
        ],
        &[
            "--network",
            "::1",
            "--owner",
            "anna",
            "--reason",
            "noise",
            "--until",
            "500d",
        ],
        &[
            "--network",
            "nets",
            "--owner",
            "anna",
            "--reason",
            "noise",
            "--until",
            "7d",
        ],
    ] {
        let ran = home.run(&[&["mute"][..], bad].concat());
        assert_ne!(ran.code, 0, "{bad:?}");
        assert!(!ran.stderr.is_empty(), "{bad:?}");
    }
    assert_eq!(home.json(&["mutes"]), Value::Array(Vec::new()));
}

fn states(home: &Home, channel: &str) -> Vec<(String, String, u64)> {
    let deliveries = home.json(&["alert", "deliveries"]);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let rows = deliveries
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["channel"] == channel);
    rows.map(|row| {
        (
            text(&row["occasion"]),
            text(&row["state"]),
            row["attempts"].as_u64().unwrap(),
        )
    })
    .collect()
}

#[test]
fn a_failing_webhook_is_tried_again_until_it_works_also_after_a_restart() {
    let hook = WebhookCatcher::start();
    hook.fail(true);
    let home = home_with(&format!(
        "[alert]\nretry_seconds = 1\n{}",
        hook.channel("hook")
    ));
    let canary = home.mint("url", &[]);
    let station = home.listen(&[]);
    open(station.address(), &canary);
    eventually("two attempts", || {
        let (_, state, attempts) = states(&home, "hook").into_iter().next()?;
        (state == "pending" && attempts >= 2).then_some(())
    });
    station.kill();
    let station = home.listen(&[]);
    hook.fail(false);
    let taken = eventually("the alert", || hook.hooks().first().cloned());
    assert!(taken.signed && taken.body["type"] == "opened");
    let (_, state, attempts) = eventually("its state", || {
        states(&home, "hook")
            .into_iter()
            .find(|(_, state, _)| state == "delivered")
    });
    assert!(attempts >= 3, "{state} after {attempts}");
    station.stop();
    assert_eq!(hook.hooks().len(), 1, "once");
}

#[test]
fn a_dead_letter_is_shouted_about_through_the_other_channel() {
    let (mail, hook) = (MailCatcher::start(), WebhookCatcher::start());
    hook.fail(true);
    let settings = "[alert]\nretry_seconds = 1\nattempts = 2\n".to_owned();
    let home = home_with(&(settings + &mail.channel("mail") + &hook.channel("hook")));
    let canary = home.mint("url", &[]);
    let station = home.listen(&[]);
    open(station.address(), &canary);
    eventually("the dead letter", || {
        states(&home, "hook")
            .contains(&("opened".to_owned(), "dead".to_owned(), 2))
            .then_some(())
    });
    eventually("an alarm by mail", || {
        mail.mails()
            .iter()
            .any(|mail| mail.raw.contains("`hook`"))
            .then_some(())
    });
    assert!(
        states(&home, "mail")
            .iter()
            .any(|(occasion, _, _)| occasion == "alarm")
    );
    drop(station);
}

#[test]
fn alert_test_says_which_channel_works() {
    let home = home();
    assert_eq!(
        home.run(&["alert", "test"]).code,
        1,
        "no channel is an error"
    );
    let (mail, hook) = (MailCatcher::start(), WebhookCatcher::start());
    let home = home_with(&[mail.channel("mail"), hook.channel("hook")].concat());
    let said = home.ok(&["alert", "test"]);
    assert!(
        said.contains("mail: taken") && said.contains("hook: taken"),
        "{said}"
    );
    assert_eq!((mail.mails().len(), hook.hooks().len()), (1, 1));
    assert_eq!(hook.hooks()[0].body["type"], "test");
    assert!(hook.hooks()[0].signed);
    hook.fail(true);
    let ran = home.run(&["alert", "test", "--json"]);
    assert_eq!(ran.code, 5, "{}", ran.stdout);
    let rows: Value = serde_json::from_str(&ran.stdout).unwrap();
    for row in rows.as_array().unwrap() {
        assert_eq!(row["delivered"], row["channel"] == "mail", "{row}");
    }
    assert_eq!(home.run(&["alert", "test", "hook"]).code, 5);
    assert_eq!(home.run(&["alert", "test", "mail"]).code, 0);
    assert_eq!(home.run(&["alert", "test", "pigeon"]).code, 1);
    let ran = home.run(&["alert", "channels"]);
    assert!(ran.stdout.contains("kind = \"email\"") && ran.stdout.contains("kind = \"webhook\""));
}

#[test]
fn private_receivers_are_refused_unless_allowed() {
    let hook = WebhookCatcher::start();
    let channel = hook.channel("hook").replace("allow_private = true\n", "");
    let home = Home::new();
    home.settings(&channel);
    home.run(&["init", "--address", "http://*.example.org"]);
    let ran = home.run(&["alert", "test"]);
    assert_eq!(ran.code, 1, "{}", ran.stdout);
    assert!(ran.stderr.contains("allow_private"), "{}", ran.stderr);
    assert!(hook.hooks().is_empty());
}

#[test]
fn signs_of_life_go_to_the_channels_that_ask_for_them() {
    let (mail, hook) = (MailCatcher::start(), WebhookCatcher::start());
    let settings = "[alert]\nheartbeat_seconds = 2\n".to_owned();
    let home = home_with(
        &(settings + &mail.channel("mail") + &hook.channel("hook") + "heartbeat = true\n"),
    );
    let station = home.listen(&[]);
    let beats = eventually("two signs of life", || {
        let hooks = hook.hooks();
        (hooks.len() >= 2).then_some(hooks)
    });
    assert!(
        beats
            .iter()
            .all(|beat| beat.signed && beat.body["type"] == "heartbeat")
    );
    assert!(mail.mails().is_empty(), "mail did not ask");
    drop(station);
}
