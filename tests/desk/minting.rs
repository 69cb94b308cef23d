//! Fresh bait for a job that asks for it: what it gets, that it is bait from then on, and that its
//! credential is good for nothing else.

use std::net::SocketAddr;

use lapwing_core::bounded;
use lapwing_tests::{Answer, Home, Minted, Station, get, post, trips};
use serde_json::{Value, json};

use crate::stage::{ask, credential, home_with, send};

/// Asks for bait, perhaps under a key.
fn mint(desk: SocketAddr, secret: &str, key: Option<&str>, body: &Value) -> Answer {
    let bearer = format!("Bearer {secret}");
    let mut headers = vec![("Authorization", bearer.as_str())];
    headers.extend(key.map(|key| ("Idempotency-Key", key)));
    post(
        desk,
        "desk",
        "/v1/mint",
        &headers,
        body.to_string().as_bytes(),
    )
}

/// What was minted.
fn minted(answer: &Answer) -> Minted {
    assert_eq!(answer.status, 201, "{}", answer.text());
    Minted::parse(&answer.text())
}

/// Why nothing was.
fn refused(answer: &Answer, status: u16) -> (String, String) {
    assert_eq!(answer.status, status, "{}", answer.text());
    let said: Value = serde_json::from_slice(&answer.body).unwrap();
    let text = |name: &str| said[name].as_str().unwrap().to_owned();
    (text("error"), text("hint"))
}

fn count(home: &Home) -> usize {
    home.json(&["canaries", "--limit", "1000"])
        .as_array()
        .unwrap()
        .len()
}

#[test]
fn what_a_job_is_given_trips_at_once() {
    let home = home_with("");
    let secret = credential(&home, &["ci", "--may", "mint"]);
    let listen = ["listen", "--json", "--http", "127.0.0.1:0"];
    let station = Station::start(home.command(&listen).env("LAPWING_LOG", "trace"));
    let wanted = json!({
        "kind": "github-pat", "memo": "image of the shop", "labels": {"host": "runner-7"},
    });
    let answer = mint(station.desk(), &secret, None, &wanted);
    let canary = minted(&answer);
    let token = canary.field("token");
    let said: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(said.as_object().unwrap().len(), 2, "id and fields, no more");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let bearer = format!("Bearer {token}");
    let used = get(
        station.address(),
        "git.example.org",
        "/api/v3/user",
        &[("Authorization", &bearer)],
    );
    assert_ne!(used.status, 0);
    let rows = trips(&home, 1);
    assert_eq!(rows[0]["trip"]["canary"], canary.id.as_str());
    let listed = home.json(&["canaries"]);
    assert_eq!(listed[0]["memo"], "image of the shop");
    assert_eq!(
        listed[0]["labels"],
        json!({"host": "runner-7", "minted-by": "ci"})
    );
    assert!(home.ok(&["canaries"]).contains("minted-by=ci"));
    let log = station.stop().stderr;
    assert!(
        log.contains("minted at the desk") && log.contains(&canary.id),
        "{log}"
    );
    for value in canary.fields.values().filter(|value| value.len() >= 16) {
        assert!(!log.contains(value.as_str()), "the log holds {value}");
    }
    assert!(!log.contains(&secret), "the log holds the credential");
}

#[test]
fn what_was_answered_survives_a_crash() {
    let home = home_with("");
    let secret = credential(&home, &["ci", "--may", "mint"]);
    let station = home.listen(&[]);
    let canary = minted(&mint(
        station.desk(),
        &secret,
        None,
        &json!({"kind": "generic-password"}),
    ));
    station.kill();
    let app = credential(&home, &["app", "--may", "check"]);
    let station = home.listen(&[]);
    let shown = json!({"value": canary.field("password")});
    let told = ask(station.desk(), &app, &shown);
    assert_eq!(told.text(), "{\"canary\": true}");
    for file in ["ledger.db", "ledger.db-wal"] {
        let path = home.data().join(file);
        if path.exists() {
            let bytes = bounded::read_file(&path, bounded::MAX_FILE).unwrap();
            let value = canary.field("password").as_bytes();
            let found = bytes.windows(value.len()).any(|it| it == value);
            assert!(!found, "the value is in {file}");
        }
    }
}

#[test]
fn each_credential_is_good_for_one_thing() {
    let home = home_with("");
    let may_mint = credential(&home, &["ci", "--may", "mint"]);
    let may_check = credential(&home, &["shop", "--may", "check"]);
    let may_plant = credential(&home, &["web1", "--may", "plant", "--host", "web1"]);
    let station = home.listen(&[]);
    let desk = station.desk();
    let wanted = json!({"kind": "generic-password"});
    for other in [&may_check, &may_plant] {
        refused(&mint(desk, other, None, &wanted), 403);
    }
    refused(&mint(desk, "wrong", None, &wanted), 401);
    assert_eq!(get(desk, "desk", "/v1/mint", &[]).status, 405);
    assert_eq!(count(&home), 0);
    let canary = minted(&mint(desk, &may_mint, None, &wanted));
    // Not even what was minted for it can be asked about.
    let question = json!({"value": canary.field("password")});
    refused(&ask(desk, &may_mint, &question), 403);
    refused(&send(desk, "/v1/report", &may_mint, b"{}"), 403);
    let header = [("X-Desk-Credential", may_mint.as_str())];
    assert_eq!(get(desk, "desk", "/v1/auth/x", &header).status, 403);
    home.ok(&["credential", "revoke", "ci"]);
    refused(&mint(desk, &may_mint, None, &wanted), 401);
    assert_eq!(count(&home), 1);
    station.stop();
    assert!(home.json(&["trips"]).as_array().unwrap().is_empty());
}

#[test]
fn a_credential_may_be_for_some_kinds_only() {
    let home = home_with("");
    let secret = credential(
        &home,
        &[
            "ci",
            "--may",
            "mint",
            "--kind",
            "github-pat",
            "--kind",
            "url",
        ],
    );
    let listed = home.json(&["credential", "list"]);
    assert_eq!(listed[0]["kinds"], json!(["github-pat", "url"]));
    let station = home.listen(&[]);
    minted(&mint(
        station.desk(),
        &secret,
        None,
        &json!({"kind": "url"}),
    ));
    for kind in ["twilio", "no-such-kind"] {
        let answer = mint(station.desk(), &secret, None, &json!({"kind": kind}));
        let (error, _) = refused(&answer, 403);
        assert!(error.contains("github-pat, url"), "{error}");
    }
    assert_eq!(count(&home), 1);
    for wrong in [
        &["credential", "add", "a", "--may", "check", "--kind", "url"][..],
        &[
            "credential",
            "add",
            "a",
            "--may",
            "mint",
            "--kind",
            "no-such-kind",
        ],
    ] {
        assert_eq!(home.run(wrong).code, 1, "{wrong:?}");
    }
    assert_eq!(
        home.json(&["credential", "list"]).as_array().unwrap().len(),
        1
    );
}

#[test]
fn a_kind_that_wants_an_address_says_so_as_the_command_does() {
    let home = Home::new();
    home.settings("[desk]\nlisten = [\"127.0.0.1:0\"]\n");
    let secret = credential(&home, &["ci", "--may", "mint"]);
    let station = home.listen(&[]);
    let answer = mint(station.desk(), &secret, None, &json!({"kind": "twilio"}));
    let (error, hint) = refused(&answer, 400);
    let cli = home.run(&["mint", "twilio"]).stderr;
    assert!(
        cli.contains(&error) && cli.contains(&hint),
        "{cli}\n{error}\n{hint}"
    );
    assert_eq!(count(&home), 0);
}

#[test]
fn what_cannot_be_minted_is_refused_with_a_hint() {
    let home = home_with("");
    let secret = credential(&home, &["ci", "--may", "mint"]);
    let station = home.listen(&[]);
    let no = |body: &Value| refused(&mint(station.desk(), &secret, None, body), 400);
    assert!(no(&json!({"kind": "twilioo"})).0.contains("twilio"));
    let (error, _) = no(&json!({"kind": "aws-access-key", "set": {"account": "4711-secret"}}));
    assert!(
        error.contains("account") && !error.contains("4711"),
        "{error}"
    );
    let long = "x".repeat(501);
    for body in [
        json!({}),
        json!({"kind": "generic-password", "count": 1000}),
        json!({"kind": "generic-password", "set": {"password": "chosen"}}),
        json!({"kind": "generic-password", "memo": long}),
        json!({"kind": "generic-password", "memo": "two\nlines"}),
        json!({"kind": "generic-password", "labels": {"minted-by": "another"}}),
        json!({"kind": "docx"}),
    ] {
        no(&body);
    }
    assert_eq!(count(&home), 0);
}

#[test]
fn an_hour_has_room_for_so_many() {
    let home = home_with("");
    let one = credential(&home, &["ci", "--may", "mint"]);
    let other = credential(&home, &["images", "--may", "mint"]);
    let station = home.listen(&["--setting", "desk.mints_per_hour=2"]);
    let wanted = json!({"kind": "generic-password"});
    for _ in 0..2 {
        minted(&mint(station.desk(), &one, None, &wanted));
    }
    for _ in 0..3 {
        let answer = mint(station.desk(), &one, None, &wanted);
        let (error, _) = refused(&answer, 429);
        assert!(error.contains('2'), "{error}");
        let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=3600).contains(&wait), "{wait}");
    }
    minted(&mint(station.desk(), &other, None, &wanted));
    assert_eq!(count(&home), 3);
    let log = station.stop().stderr;
    assert_eq!(log.matches("all that may be minted").count(), 1, "{log}");
}

#[test]
fn a_request_that_is_repeated_mints_once() {
    let home = home_with("");
    let one = credential(&home, &["ci", "--may", "mint"]);
    let other = credential(&home, &["images", "--may", "mint"]);
    let station = home.listen(&["--setting", "desk.mints_per_hour=2"]);
    let desk = station.desk();
    let wanted = json!({"kind": "github-pat", "labels": {"host": "runner-7"}});
    let first = mint(desk, &one, Some("8a1f"), &wanted);
    let again = mint(desk, &one, Some("8a1f"), &wanted);
    assert_eq!(minted(&first).fields, minted(&again).fields);
    assert_eq!(first.body, again.body);
    assert_eq!(count(&home), 1);
    refused(
        &mint(desk, &one, Some("8a1f"), &json!({"kind": "github-pat"})),
        422,
    );
    refused(&mint(desk, &one, Some(""), &wanted), 400);
    // A key is its credential's own; it hands out nothing of another's.
    let theirs = minted(&mint(desk, &other, Some("8a1f"), &wanted));
    assert_ne!(theirs.id, minted(&first).id);
    let second = minted(&mint(desk, &one, Some("8a20"), &wanted));
    assert_ne!(second.field("token"), minted(&first).field("token"));
    refused(&mint(desk, &one, Some("8a21"), &wanted), 429);
    assert_eq!(mint(desk, &one, Some("8a1f"), &wanted).body, first.body);
    assert_eq!(count(&home), 3);
    // Two at once are one, too.
    std::thread::scope(|scope| {
        let ask = || mint(desk, &other, Some("9c"), &wanted);
        let both = [scope.spawn(ask), scope.spawn(ask)];
        let [one, two] = both.map(|thread| thread.join().unwrap());
        assert_eq!(minted(&one).id, minted(&two).id);
    });
    assert_eq!(count(&home), 4);
}
