//! Bundles: one file that plants on a host which is not reached from here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use lapwing_core::bounded;
use lapwing_tests::{Home, WebhookCatcher, eventually, free};
use serde_json::{Value, json};

use crate::other::{Files, program, text_of};
use crate::stage::{credential, home_with, send};

fn bundle(home: &Home, args: &[&str]) -> PathBuf {
    let out = home.path().join("plant.sh");
    let more = [
        "--out",
        out.to_str().unwrap(),
        "--binary",
        program().to_str().unwrap(),
    ];
    home.ok(&[&["bundle"], args, &more].concat());
    out
}

fn states(home: &Home) -> Vec<String> {
    let places = home.json(&["places"]);
    let places = places.as_array().unwrap();
    places
        .iter()
        .map(|place| {
            let word = |key: &str| place[key].as_str().unwrap().to_owned();
            format!("{} {}", word("target"), word("state"))
        })
        .collect()
}

#[test]
fn plants_without_a_network_and_removes_itself() {
    let home = home_with("");
    let files = Files::new();
    let env = files.write("app.env", "APP_NAME=shop\n");
    let yaml = files.write("app.yml", "name: shop\n");
    let none = files.path().join("srv/none.env");
    let what = [
        format!("twilio:{}", env.display()),
        format!("github-pat:{}", yaml.display()),
        format!("openai:{}", none.display()),
    ];
    let made = bundle(&home, &[&what[0], &what[1], &what[2], "--host", "web1"]);
    let mode = fs::metadata(&made).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0);
    let bytes = bounded::read_file(&made, 1 << 30).unwrap();
    let key = text_of(&home.data().join("key"));
    let key = key.trim().as_bytes();
    assert!(
        !bytes.windows(key.len()).any(|it| it == key),
        "no key travels"
    );
    assert!(
        states(&home)
            .iter()
            .all(|state| state.ends_with("intended"))
    );

    let ran = files.run(&made, &[]);
    assert_eq!(
        ran.code, 3,
        "one of three cannot be planted: {}",
        ran.stderr
    );
    assert!(ran.stderr.contains("none.env"), "{}", ran.stderr);
    assert!(
        !made.exists() && files.is_clean(),
        "nothing stays but the bait"
    );
    assert_ne!(text_of(&env), "APP_NAME=shop\n");
    for file in [&env, &yaml] {
        assert_eq!(home.run(&["scan", file.to_str().unwrap()]).code, 6);
    }
    let line = ran.stdout.trim().to_owned();
    assert_eq!(
        home.run(&["placements", "import", &line[..line.len() - 9]])
            .code,
        1
    );
    home.ok(&["placements", "import", &line]);
    let word = |file: &PathBuf, state: &str| format!("host://web1{} {state}", file.display());
    assert_eq!(
        states(&home),
        [
            word(&env, "planted"),
            word(&yaml, "planted"),
            word(&none, "abandoned")
        ]
    );
    let again = home.run(&["placements", "import", &line]);
    assert_eq!(again.code, 1, "its credential is spent");
    let checked = home.json(&["check"]);
    assert_eq!(checked.as_array().unwrap().len(), 2);
    assert_eq!(checked[0]["condition"], "unchanged");
    let target = format!("host://web1{}", env.display());
    let ran = home.run(&["uproot", &target]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("bundle"), "{}", ran.stderr);
    // Nobody but the bundle changes it: a timer leaves it, and who names it is told.
    let all = home.run(&["rotate", "--older-than", "0s"]);
    assert_eq!(all.code, 0, "{}", all.stderr);
    assert!(all.stderr.contains("nothing is due"), "{}", all.stderr);
    let named = home.run(&["rotate", &target]);
    assert_eq!(named.code, 8, "{}", named.stderr);
    assert!(named.stderr.contains("bundle"), "{}", named.stderr);
    home.ok(&["uproot", &target, "--force"]);
    assert_eq!(states(&home)[0], word(&env, "abandoned"));
}

#[test]
fn does_not_run_where_it_cannot() {
    let home = home_with("");
    let files = Files::new();
    let env = files.write("app.env", "A=1\n");
    let made = bundle(
        &home,
        &[&format!("twilio:{}", env.display()), "--host", "web1"],
    );
    let text = bounded::read_file(&made, 1 << 30).unwrap();
    // As it was made for another architecture.
    let other = String::from_utf8_lossy(&text[..1600]).replace("Linux/x86_64", "Linux/mips00");
    let bad = files.path().join("bad.sh");
    fs::write(&bad, other).unwrap();
    let ran = files.run(&bad, &[]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("made for"), "{}", ran.stderr);
    // Cut short on its way.
    fs::write(&bad, &text[..text.len() - 100]).unwrap();
    let ran = files.run(&bad, &[]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("hint"), "{}", ran.stderr);
    assert_eq!(text_of(&env), "A=1\n");
    assert!(files.is_clean());
    for args in [
        &["bundle", "twilio:app.env", "--host", "web1"][..],
        &["bundle", "twilio", "--host", "web1"],
        &["bundle", "twilio:/a.env", "--host", "web 1"],
        &["bundle", "twilio:/a.env", "--host", "web1", "--every", "1h"],
    ] {
        let out = home.path().join("other.sh");
        let ran = home.run(&[args, &["--out", out.to_str().unwrap()]].concat());
        assert_eq!(ran.code, 1, "{args:?}");
        assert!(ran.stderr.contains("hint"), "{args:?}: {}", ran.stderr);
    }
    assert!(!home.path().join("other.sh").exists());
    assert_eq!(states(&home).len(), 1);
}

/// Alarms about hosts: the words that tell them apart.
fn alarms(hook: &WebhookCatcher, word: &str) -> Vec<String> {
    let hooks = hook.hooks().into_iter();
    hooks
        .map(|hook| hook.body["text"].as_str().unwrap().to_owned())
        .filter(|text| text.contains(word))
        .collect()
}

#[test]
fn a_host_that_falls_silent_is_alerted_once_and_so_is_its_return() {
    let (desk, hook) = (free(), WebhookCatcher::start());
    let home = home_with(&hook.channel("hook"));
    let setting = format!("desk.listen={desk}");
    let listen = || home.listen(&["--setting", &setting]);
    let station = listen();
    let files = Files::new();
    let env = files.write("app.env", "APP_NAME=shop\n");
    let url = format!("http://{desk}");
    let what = format!("twilio:{}", env.display());
    let made = bundle(
        &home,
        &[&what, "--host", "web1", "--every", "2s", "--report", &url],
    );
    let ran = files.run(&made, &[]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{}", ran.stderr);
    assert!(
        made.exists() && files.is_clean(),
        "it stays, to be run again"
    );
    assert_eq!(
        states(&home),
        [format!("host://web1{} planted", env.display())]
    );
    let silent = eventually("the alarm", || alarms(&hook, "is silent").pop());
    assert!(silent.contains("web1"), "{silent}");
    let listed = home.run(&["hosts", "--json"]);
    let said: Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!((listed.code, &said[0]["state"]), (3, &json!("silent")));
    // A crash, and nothing is announced again.
    station.kill();
    let station = listen();
    let ran = files.run(&made, &["check"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    eventually("the return", || alarms(&hook, "reports again").pop());
    let planted = text_of(&env);
    fs::write(&env, "APP_NAME=shop\n").unwrap();
    assert_eq!(files.run(&made, &["check"]).code, 3);
    let listed = home.run(&["hosts", "--json"]).stdout;
    assert!(listed.contains("missing"), "{listed}");
    fs::write(&env, planted).unwrap();
    let ran = files.run(&made, &["uproot"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(text_of(&env), "APP_NAME=shop\n");
    assert!(!made.exists(), "and is gone");
    assert_eq!(
        states(&home),
        [format!("host://web1{} uprooted", env.display())]
    );
    let used = home.json(&["credential", "list"]);
    assert!(used[0]["revoked"].is_string(), "{used}");
    station.stop();
    // One that was sent in the moment of the crash may come again, under the same id.
    let told: BTreeMap<String, String> = hook
        .hooks()
        .into_iter()
        .map(|hook| {
            let text = hook.body["text"].as_str().unwrap().to_owned();
            (hook.headers["webhook-id"].clone(), text)
        })
        .collect();
    let words: BTreeSet<&String> = told.values().collect();
    assert_eq!(told.len(), words.len(), "each is announced once: {told:?}");
    home.ok(&["hosts", "--forget", "web1"]);
    assert!(home.json(&["hosts"]).as_array().unwrap().is_empty());
}

#[test]
fn a_host_speaks_for_itself_only() {
    let home = home_with("");
    let file = home.path().join("here.env");
    fs::write(&file, "A=1\n").unwrap();
    let placed = home.json(&["plant", "twilio", file.to_str().unwrap()]);
    let secret = credential(&home, &["web1", "--may", "plant", "--host", "web1"]);
    let station = home.listen(&[]);
    let id = placed["id"].as_str().unwrap();
    let condition = json!({"conditions": {id: "missing"}});
    let placement = json!({"placements": [{
        "id": id, "canary": placed["canary"], "target": "/etc/passwd", "target_kind": "env",
        "detail": null, "before": "", "after": "", "state": "abandoned", "intended": 0,
    }]});
    for report in [condition, placement] {
        let answer = send(
            station.desk(),
            "/v1/report",
            &secret,
            report.to_string().as_bytes(),
        );
        assert_eq!(answer.status, 403, "{report}: {}", answer.text());
    }
    let fine = send(station.desk(), "/v1/report", &secret, b"{}");
    assert_eq!(fine.status, 200, "{}", fine.text());
    assert!(states(&home)[0].ends_with("planted"));
    let odd = send(station.desk(), "/v1/report", &secret, b"{\"list\": true}");
    assert_eq!(odd.status, 400);
}
