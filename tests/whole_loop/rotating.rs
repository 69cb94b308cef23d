//! Rotation: fresh bait in the place of what is old or was used, in files and tables; the old one is
//! recognised for ever.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use lapwing_tests::{Home, Minted, finish, trips};
use serde_json::Value;

use crate::bait::{account, home, text_of};

fn plant(home: &Home, kind: &str, target: &str) -> String {
    let placed = home.json(&["plant", kind, target, "--memo", "the old one"]);
    placed["canary"].as_str().unwrap().to_owned()
}

/// Names and values of an env file.
fn env(home: &Home, file: &str) -> BTreeMap<String, String> {
    let text = text_of(&home.path().join(file));
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The twilio canary that stands in an env file.
fn twilio(home: &Home, file: &str) -> Minted {
    let pairs = env(home, file);
    let value = |end: &str| {
        let ours = |name: &str| name.starts_with("TWILIO_") && name.ends_with(end);
        let mut found = pairs.iter().filter(|(name, _)| ours(name));
        found.next().expect("a variable").1.clone()
    };
    let fields = [
        ("account_sid", value("ACCOUNT_SID")),
        ("auth_token", value("AUTH_TOKEN")),
        ("beacon.url", value("URL")),
    ];
    Minted {
        id: String::new(),
        fields: fields.map(|(name, value)| (name.to_owned(), value)).into(),
    }
}

fn standing(home: &Home) -> Vec<Value> {
    let places = home.json(&["places"]);
    let planted = |place: &&Value| place["state"] == "planted";
    places
        .as_array()
        .unwrap()
        .iter()
        .filter(planted)
        .cloned()
        .collect()
}

#[test]
fn a_file_gets_new_values_under_the_old_names_in_one_step() {
    let home = home();
    let original = "APP=shop\nB=2\n";
    fs::write(home.path().join(".env"), original).unwrap();
    let old = plant(&home, "twilio", ".env");
    let others = plant(&home, "openai", ".env");
    let (before, was) = (env(&home, ".env"), twilio(&home, ".env"));

    let dry = home.ok(&["rotate", &old, "--dry-run"]);
    assert!(dry.contains("\n+") && dry.contains("\n-"), "{dry}");
    assert_eq!(env(&home, ".env"), before);
    let rotated = home.json(&["rotate", &old]);
    assert_eq!(rotated[0]["old"], old.as_str());
    let after = env(&home, ".env");
    assert_eq!(
        after.keys().collect::<Vec<_>>(),
        before.keys().collect::<Vec<_>>(),
        "names stay"
    );
    let is = twilio(&home, ".env");
    assert_ne!(is.field("account_sid"), was.field("account_sid"));
    assert_ne!(is.field("auth_token"), was.field("auth_token"));
    assert_eq!(home.run(&["check"]).code, 0);
    let places = standing(&home);
    assert_eq!(places.len(), 2);
    assert!(
        places
            .iter()
            .any(|place| place["canary"] == others.as_str())
    );
    let canaries = home.json(&["canaries"]);
    let of = |id: &Value| {
        let mut all = canaries.as_array().unwrap().iter();
        all.find(|canary| canary["id"] == *id).unwrap().clone()
    };
    assert!(of(&old.into())["retired"].is_string());
    let fresh = of(&rotated[0]["new"]["canary"]);
    assert!(fresh["retired"].is_null());
    assert_eq!(fresh["memo"], "the old one");

    // Both are recognised; the old one as the vendor answers to what was revoked.
    let station = home.listen(&[]);
    assert_eq!(account(station.address(), &is).status, 200);
    assert_ne!(account(station.address(), &was).status, 200);
    let seen = trips(&home, 2);
    let used: Vec<&Value> = seen.iter().map(|trip| &trip["trip"]["canary"]).collect();
    assert!(used.contains(&&fresh["id"]), "{seen:?}");
    station.stop();

    home.ok(&["rotate", "--older-than", "0s"]);
    for place in standing(&home) {
        home.ok(&["uproot", place["canary"].as_str().unwrap()]);
    }
    assert_eq!(
        text_of(&home.path().join(".env")),
        original,
        "every byte is back"
    );
}

#[test]
fn what_was_used_is_rotated_and_what_was_not_is_left() {
    let home = home();
    for file in ["a.env", "b.env"] {
        fs::write(home.path().join(file), "A=1\n").unwrap();
    }
    let (used, quiet) = (
        plant(&home, "twilio", "a.env"),
        plant(&home, "twilio", "b.env"),
    );
    let untouched = text_of(&home.path().join("b.env"));
    let station = home.listen(&[]);
    account(station.address(), &twilio(&home, "a.env"));
    trips(&home, 1);
    let rotated = home.json(&["rotate", "--tripped", "--older-than", "90d"]);
    assert_eq!(rotated.as_array().unwrap().len(), 1, "{rotated}");
    assert_eq!(rotated[0]["old"], used.as_str());
    assert_eq!(text_of(&home.path().join("b.env")), untouched);
    assert!(
        standing(&home)
            .iter()
            .any(|place| place["canary"] == quiet.as_str())
    );
    let again = home.json(&["rotate", "--tripped"]);
    assert_eq!(again, serde_json::json!([]), "the fresh one was not used");
    assert_eq!(home.run(&["rotate"]).code, 2, "it says what it takes");
    station.stop();
}

#[test]
fn a_declared_rotation_follows_a_use() {
    let home = home();
    fs::write(home.path().join("a.env"), "A=1\n").unwrap();
    let bait = "{name: a, kind: twilio, target: a.env, rotation: after-trip}";
    let file = home.path().join("deception.yaml");
    fs::write(file, format!("version: 1\nname: some\nbait:\n  - {bait}\n")).unwrap();
    home.ok(&["apply"]);
    assert_eq!(home.run(&["plan"]).code, 0);
    let old = twilio(&home, "a.env");
    let station = home.listen(&[]);
    account(station.address(), &old);
    trips(&home, 1);
    assert_eq!(home.run(&["plan"]).code, 7);
    assert_eq!(home.run(&["drift"]).code, 0, "what is due has not drifted");
    home.ok(&["apply"]);
    assert_ne!(
        twilio(&home, "a.env").field("auth_token"),
        old.field("auth_token")
    );
    assert_eq!(home.run(&["plan"]).code, 0);
    // A rotation by hand leaves it bound to its declaration.
    home.ok(&["rotate", "a.env"]);
    assert_eq!(home.run(&["plan"]).code, 0);
    station.stop();
}

#[test]
fn a_table_gets_another_row_before_the_old_one_goes() {
    let home = home();
    let sql = |statement: &str| {
        let database = home.path().join("shop.db");
        let ran = finish(Command::new("sqlite3").arg(database).arg(statement));
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        ran.stdout
    };
    sql(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT UNIQUE NOT NULL, \
         profile_url TEXT); INSERT INTO users (name, email) VALUES ('Ann Bee', 'ann@shop.example'), \
         ('Cy Dee', 'cy@shop.example'); CREATE TABLE log (what TEXT); \
         CREATE TRIGGER come AFTER INSERT ON users BEGIN INSERT INTO log VALUES ('come'); END;",
    );
    let target = "sqlite:shop.db?table=users";
    home.ok(&["plant", "person", target, "--danger-trigger", "come"]);
    let before = sql("SELECT email FROM users ORDER BY id");
    home.ok(&["rotate", target]);
    let after = sql("SELECT email FROM users ORDER BY id");
    assert_eq!(after.lines().count(), 3, "{after}");
    assert_ne!(after, before, "with the trigger allowed as it was at first");
    assert_eq!(home.run(&["check"]).code, 0);
    assert_eq!(standing(&home).len(), 1);
}
