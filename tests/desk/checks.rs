//! Questions about values: what is answered, what is recorded, who may ask.

use lapwing_core::bounded;
use lapwing_tests::{WebhookCatcher, eventually, get, trips};
use serde_json::{Value, json};

use crate::stage::{ask, asked, credential, home_with, send};

#[test]
fn a_hit_is_a_trip_with_the_word_of_the_application() {
    let hook = WebhookCatcher::start();
    let home = home_with(&hook.channel("hook"));
    let canary = home.mint("generic-password", &["--memo", "old admin login"]);
    let (station, secret) = asked(&home);
    let password = canary.field("password");
    let question = json!({"value": password, "context": {
        "client": "198.51.100.7:4711", "agent": "Mozilla/5.0 (X11)", "method": "POST",
        "path": "/login?next=/", "host": "shop.example.org", "user": "maria", "request": "r-17",
    }});
    let answer = ask(station.desk(), &secret, &question);
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (200, "{\"canary\": true}")
    );
    let rows = trips(&home, 1);
    let trip = &rows[0]["trip"];
    assert_eq!(trip["canary"], canary.id.as_str());
    assert_eq!(trip["observed"]["observer"], "shop");
    assert_eq!(trip["observed"]["listener"], "desk");
    assert_eq!(trip["observed"]["forwarded"], "198.51.100.7:4711");
    assert_eq!(trip["decoy"]["outcome"], "told");
    assert_eq!(trip["claims"]["agent"], "Mozilla/5.0 (X11)");
    assert_eq!(trip["claims"]["captured"]["app.user"], json!(["maria"]));
    assert_eq!(rows[0]["conclusion"]["judgement"]["verdict"], "intruder");
    let alert = eventually("the alert", || hook.hooks().first().cloned());
    let said = alert.body["text"].as_str().unwrap();
    assert!(
        said.contains("shown to your application \"shop\""),
        "{said}"
    );
    assert!(said.contains("198.51.100.7"), "{said}");
    assert!(!alert.body.to_string().contains(password));
    let shown = home.ok(&["trip", trip["id"].as_str().unwrap()]);
    assert!(shown.contains("by the word of the application"), "{shown}");
    let report = home.json(&["report", "--format", "json"]);
    assert!(report.to_string().contains("\"observer\":\"shop\""));
    assert_eq!(home.run(&["evidence", "verify"]).code, 0);
}

#[test]
fn a_miss_looks_like_a_hit_and_leaves_nothing() {
    let home = home_with("");
    let canary = home.mint("generic-password", &[]);
    let (station, secret) = asked(&home);
    let hit = ask(
        station.desk(),
        &secret,
        &json!({"value": canary.field("password")}),
    );
    let miss = ask(
        station.desk(),
        &secret,
        &json!({"value": "correct horse battery"}),
    );
    assert_eq!(miss.text(), "{\"canary\":false}");
    let head = |answer: &lapwing_tests::Answer| {
        let dated = |line: &&str| !line.to_lowercase().starts_with("date:");
        answer
            .head
            .lines()
            .filter(dated)
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert_eq!(head(&hit), head(&miss));
    assert_eq!(hit.raw.len(), miss.raw.len());
    station.stop();
    assert_eq!(trips(&home, 1).len(), 1);
}

#[test]
fn values_are_recognised_however_an_application_sees_them() {
    let home = home_with("");
    let token = home.mint("github-pat", &[]);
    let mail = home.mint("email-address", &[]);
    let (station, secret) = asked(&home);
    let address = mail.field("email").to_uppercase();
    let bearer = format!("Bearer {}", token.field("token"));
    for value in [
        json!(bearer),
        json!([token.field("token"), "else"]),
        json!(["nothing", address]),
        json!(format!(" {} ", mail.field("email"))),
    ] {
        let answer = ask(station.desk(), &secret, &json!({"value": value}));
        assert_eq!(answer.text(), "{\"canary\": true}", "{value}");
    }
    // Without a client's address the socket is the application's, which links nothing.
    let rows = trips(&home, 4);
    let mut actors: Vec<&Value> = rows.iter().map(|row| &row["conclusion"]["actor"]).collect();
    actors.dedup();
    assert_eq!(actors.len(), 4, "{actors:?}");
    let listed = home.json(&["actors"]);
    assert_eq!(listed[0]["addresses"], json!([]));
}

#[test]
fn a_client_that_is_no_address_stays_a_claim() {
    let home = home_with("");
    let canary = home.mint("github-pat", &[]);
    let (station, secret) = asked(&home);
    let question = json!({"value": canary.field("token"), "context": {"client": "nonsense"}});
    assert_eq!(
        ask(station.desk(), &secret, &question).text(),
        "{\"canary\": true}"
    );
    let rows = trips(&home, 1);
    assert_eq!(rows[0]["conclusion"]["judgement"]["verdict"], "intruder");
    assert_eq!(rows[0]["trip"]["observed"]["forwarded"], Value::Null);
    assert_eq!(
        rows[0]["trip"]["claims"]["forwarding"],
        json!([["client", "nonsense"]])
    );
}

#[test]
fn only_who_may_ask_is_answered() {
    let home = home_with("");
    let canary = home.mint("github-pat", &[]);
    let (station, secret) = asked(&home);
    let plant = credential(&home, &["web1", "--may", "plant", "--host", "web1"]);
    let question = json!({"value": canary.field("token")});
    for (held, status) in [("wrong", 401), (plant.as_str(), 403)] {
        let answer = ask(station.desk(), held, &question);
        assert_eq!(answer.status, status, "{}", answer.text());
        let said: Value = serde_json::from_slice(&answer.body).unwrap();
        assert!(said["hint"].as_str().unwrap().contains("credential add"));
    }
    assert_eq!(get(station.desk(), "desk", "/v1/check", &[]).status, 405);
    assert_eq!(
        send(station.desk(), "/v1/report", &secret, b"{}").status,
        403
    );
    assert_eq!(
        home.run(&["credential", "add", "shop", "--may", "check"])
            .code,
        1
    );
    assert_eq!(
        home.run(&["credential", "add", "x", "--may", "plant"]).code,
        2
    );
    home.ok(&["credential", "revoke", "shop"]);
    assert_eq!(ask(station.desk(), &secret, &question).status, 401);
    assert_eq!(home.run(&["credential", "revoke", "shop"]).code, 1);
    let listed = home.json(&["credential", "list"]);
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert!(!listed.to_string().contains(&secret));
    station.stop();
    assert!(home.json(&["trips"]).as_array().unwrap().is_empty());
    for file in ["ledger.db", "ledger.db-wal"] {
        let path = home.data().join(file);
        if path.exists() {
            let bytes = bounded::read_file(&path, bounded::MAX_FILE).unwrap();
            let found = bytes
                .windows(secret.len())
                .any(|it| it == secret.as_bytes());
            assert!(!found, "the secret is in {file}");
        }
    }
}

#[test]
fn what_is_no_question_is_refused_with_a_hint() {
    let home = home_with("");
    let (station, secret) = asked(&home);
    let long = json!({"value": "x".repeat(300 << 10)}).to_string();
    let many = json!({"value": vec!["x"; 33]}).to_string();
    for (body, status) in [
        ("", 400),
        ("{}", 400),
        ("{\"value\": 7}", 400),
        ("{\"value\": \"x\", \"client\": \"198.51.100.7\"}", 400),
        (
            "{\"value\": \"x\", \"context\": {\"ip\": \"198.51.100.7\"}}",
            400,
        ),
        ("[[[[", 400),
        (many.as_str(), 400),
        (long.as_str(), 413),
    ] {
        let answer = send(station.desk(), "/v1/check", &secret, body.as_bytes());
        let short: String = body.chars().take(60).collect();
        assert_eq!(answer.status, status, "{short}: {}", answer.text());
        assert!(answer.text().contains("hint"), "{}", answer.text());
    }
    assert_eq!(get(station.desk(), "desk", "/", &[]).status, 404);
}

#[test]
fn trap_and_desk_are_two_doors() {
    let home = home_with("");
    let station = home.listen(&[]);
    // The trap knows nothing of the desk's paths.
    let at_trap = get(station.address(), "x.example.org", "/v1/check", &[]);
    assert!(!at_trap.text().contains("credential"), "{}", at_trap.text());
    let port = station.address().port();
    station.stop();
    let setting = format!("desk.listen=127.0.0.1:{port}");
    let http = format!("0.0.0.0:{port}");
    let ran = home.run(&["listen", "--http", &http, "--setting", &setting]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("desk.listen"), "{}", ran.stderr);
}
