//! Bait on a host that is reached through ssh, by the system's own client and a real sshd.

use std::fs;

use lapwing_tests::Home;
use serde_json::Value;

use crate::other::{Files, Sshd, hosts, text_of};
use crate::stage::home_with;

fn state_of(home: &Home) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let places = home.json(&["places"]);
    let places = places.as_array().unwrap();
    places
        .iter()
        .map(|place| (text(&place["target"]), text(&place["state"])))
        .collect()
}

fn condition(home: &Home) -> (String, i32) {
    let ran = home.run(&["check", "--json"]);
    let said: Value = serde_json::from_str(&ran.stdout).unwrap();
    (said[0]["condition"].as_str().unwrap().to_owned(), ran.code)
}

#[test]
fn plants_checks_and_uproots_through_ssh() {
    let files = Files::new();
    let sshd = Sshd::start(&files);
    let home = home_with(&hosts(&sshd.client()));
    let file = files.write("app.env", "APP_NAME=shop\nDB_HOST=localhost\n");
    let path = file.to_str().unwrap();
    let dry = home.ok(&["plant", "twilio", path, "--host", "other", "--dry-run"]);
    assert!(dry.contains("+") && dry.contains("ACCOUNT_SID"), "{dry}");
    assert_eq!(text_of(&file), "APP_NAME=shop\nDB_HOST=localhost\n");
    assert!(home.json(&["canaries"]).as_array().unwrap().is_empty());

    let placed = home.json(&["plant", "twilio", path, "--host", "other"]);
    let target = format!("ssh://other{path}");
    assert_eq!(placed["target"], target.as_str());
    assert_eq!(state_of(&home), [(target.clone(), "planted".to_owned())]);
    assert!(files.is_clean(), "nothing stays there but the bait");
    // What stands there is what is recognised here.
    assert_eq!(home.run(&["scan", path]).code, 6);
    assert_eq!(condition(&home), ("unchanged".to_owned(), 0));
    let planted = text_of(&file);
    fs::write(&file, planted.replace("shop", "store")).unwrap();
    assert_eq!(condition(&home), ("present".to_owned(), 0));
    home.ok(&["uproot", &target]);
    assert_eq!(text_of(&file), "APP_NAME=store\nDB_HOST=localhost\n");
    assert_eq!(state_of(&home), [(target.clone(), "uprooted".to_owned())]);
    // The target may name the host itself, once.
    let placed = home.json(&["plant", "twilio", &target]);
    assert_eq!(placed["target"], target.as_str());
    assert_eq!(condition(&home), ("unchanged".to_owned(), 0));
    home.ok(&["uproot", &target]);
    assert_eq!(
        home.run(&["plant", "twilio", &target, "--host", "other"])
            .code,
        1
    );
    assert!(files.is_clean());
}

#[test]
fn what_fails_there_is_said_here() {
    let files = Files::new();
    let sshd = Sshd::start(&files);
    let home = home_with(&hosts(&sshd.client()));
    let none = files.path().join("srv/none.env");
    let ran = home.run(&["plant", "twilio", none.to_str().unwrap(), "--host", "other"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("does not exist"), "{}", ran.stderr);
    let file = files.write("app.env", "A=1\n");
    let path = file.to_str().unwrap();
    let ran = home.run(&["plant", "twilio", path, "--host", "nobody"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("hint:"), "{}", ran.stderr);
    let ran = home.run(&["plant", "twilio", path, "--host=-oProxyCommand=touch x"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("is no host"), "{}", ran.stderr);
    assert!(home.json(&["canaries"]).as_array().unwrap().is_empty());
    assert!(state_of(&home).is_empty());
    // A host that is gone is not taken for one where nothing stands.
    home.ok(&["plant", "twilio", path, "--host", "other", "--yes"]);
    drop(sshd);
    assert_eq!(condition(&home), ("unreadable".to_owned(), 3));
    assert_eq!(state_of(&home)[0].1, "planted");
    assert!(files.is_clean());
}
