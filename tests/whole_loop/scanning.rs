//! `scan` finds what the ledger knows, in whatever form, and `audit` what gives bait away.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};
use lapwing_tests::{Home, Minted, Ran};
use serde_json::Value;

use crate::bait::home;

/// Findings of `scan --json`, a line each.
fn findings(ran: &Ran) -> Vec<Value> {
    let lines = ran.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn scan(home: &Home, text: &str) -> Ran {
    fs::write(home.path().join("text"), text).unwrap();
    home.run(&["scan", "text", "--json"])
}

#[test]
fn a_value_is_found_in_every_form() {
    let home = home();
    let canary = home.mint("github-pat", &["--memo", "the old laptop"]);
    let token = canary.field("token");
    let base64 = BASE64.encode(format!("token: {token}\n").as_bytes());
    let percent: String = token.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let unicode: String = token.bytes().map(|byte| format!("\\u{byte:04x}")).collect();
    let check = |written: &str, expect: &[&str]| {
        let ran = scan(&home, &format!("first line\n  {written} \nlast\n"));
        assert_eq!(ran.code, 6, "{written}: {}", ran.stderr);
        assert!(!ran.stdout.contains(token) && !ran.stderr.contains(token));
        let found = findings(&ran);
        assert_eq!(found.len(), 1, "{written}: {}", ran.stdout);
        assert_eq!(found[0]["canary"], canary.id.as_str());
        assert_eq!(found[0]["kind"], "github-pat");
        assert_eq!(found[0]["field"], "token");
        assert_eq!(found[0]["memo"], "the old laptop");
        assert_eq!(found[0]["line"], 2);
        assert_eq!(found[0]["encoding"], serde_json::json!(expect), "{written}");
    };
    check(token, &[]);
    check(&base64, &["base64"]);
    check(
        &BASE64URL_NOPAD.encode(base64.as_bytes()),
        &["base64", "base64"],
    );
    check(&HEXLOWER.encode(token.as_bytes()).to_uppercase(), &["hex"]);
    check(&percent, &["escaped"]);
    check(&unicode, &["escaped"]);
    check(&token.chars().rev().collect::<String>(), &["reversed"]);
    check(
        &token.chars().map(|c| format!("{c} ")).collect::<String>(),
        &["split"],
    );
    check(
        &format!("\"{}\" + \"{}\"", &token[..17], &token[17..]),
        &["split"],
    );
    check(&token.to_uppercase(), &["case changed"]);
}

#[test]
fn streams_directories_and_packed_files_are_searched() {
    let home = home();
    let canary = home.mint("twilio", &[]);
    let secret = canary.field("auth_token");
    let logs = home.path().join("logs");
    fs::create_dir_all(logs.join("old")).unwrap();
    // Across the border of what is read at once, with enough before it.
    let padding = "nothing of interest in this line\n".repeat(200_000);
    fs::write(
        logs.join("app.log"),
        format!("{padding}x={secret}\n{padding}"),
    )
    .unwrap();
    fs::write(logs.join("old/app.log"), secret).unwrap();
    let packed = Command::new("gzip")
        .arg(logs.join("old/app.log"))
        .status()
        .unwrap();
    assert!(packed.success());
    std::os::unix::fs::symlink("/", logs.join("everything")).unwrap();
    home.ok(&["retire", &canary.id]);
    let ran = home.run(&["scan", "logs", "--json"]);
    assert_eq!(ran.code, 6, "{}", ran.stderr);
    let places: Vec<String> = findings(&ran)
        .iter()
        .map(|found| {
            format!(
                "{} {}:{} {} {}",
                found["file"], found["line"], found["column"], found["encoding"], found["retired"]
            )
        })
        .collect();
    assert_eq!(
        places,
        [
            "\"logs/app.log\" 200001:3 [] true",
            "\"logs/old/app.log.gz\" 1:1 [\"gzip\"] true",
        ]
    );
    let ran = piped(&home, &format!("model says: {secret}"));
    assert_eq!(ran.0, 6);
    assert!(
        ran.1.starts_with(&format!(
            "-:1:13: {} twilio auth_token (plain, retired)",
            canary.id
        )),
        "{}",
        ran.1
    );
    // It reports; it records nothing.
    assert_eq!(home.json(&["trips"]), serde_json::json!([]));
}

/// Exit code and output of a scan of standard input.
fn piped(home: &Home, text: &str) -> (i32, String) {
    let mut command = home.command(&["scan", "-"]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code().unwrap(), text)
}

#[test]
fn nothing_is_found_where_nothing_is_and_names_are_escaped() {
    let home = home();
    let canary = home.mint("openai", &[]);
    assert_eq!(scan(&home, "sk-proj-nothing of ours\n").code, 0);
    assert_eq!(home.run(&["scan", "not-there"]).code, 1);
    let file = home.path().join("\u{1b}[31mred\n.log");
    fs::write(&file, canary.field("api_key")).unwrap();
    let ran = home.run(&["scan", file.to_str().unwrap()]);
    assert_eq!(ran.code, 6);
    assert!(
        ran.stdout.contains("\\x1b[31mred\\n.log:1:1: "),
        "{}",
        ran.stdout
    );
    assert!(!ran.stdout.contains('\u{1b}'));
}

/// A home with one canary planted in a lively file.
fn planted(env: &str) -> (Home, Minted) {
    let home = Home::new();
    home.ok(&["init", "--address", "http://*.acme-corp.net"]);
    fs::create_dir(home.path().join("app")).unwrap();
    fs::write(home.path().join("app/.env"), env).unwrap();
    let planted = home.json(&["plant", "twilio", "app/.env", "--yes"]);
    let id = planted["canary"].as_str().unwrap().to_owned();
    (
        home,
        Minted {
            id,
            fields: std::collections::BTreeMap::new(),
        },
    )
}

#[test]
fn what_is_planted_gives_nothing_away() {
    let (home, _) = planted("PORT=8080\nDB_HOST=db1\nLOG=info\nMODE=x\n");
    let ran = home.run(&["audit", "app", "--json"]);
    assert_eq!((ran.code, ran.stdout.trim()), (0, "[]"), "{}", ran.stderr);
    // The same file by its name: the owner's lines are looked at too.
    assert_eq!(home.run(&["audit", "app/.env"]).code, 0);
    // A directory in which nothing is planted.
    fs::create_dir(home.path().join("empty")).unwrap();
    assert_eq!(home.run(&["audit", "empty"]).code, 0);
    assert_eq!(home.run(&["audit", "not-there"]).code, 1);
}

#[test]
fn what_gives_bait_away_is_named_and_explained() {
    let (home, _) = planted("");
    fs::write(home.path().join("app/one"), "").unwrap();
    fs::write(home.path().join("app/two"), "").unwrap();
    let old = ["-d", "2021-01-01", "app/one", "app/two"];
    let touched = Command::new("touch")
        .args(old)
        .current_dir(home.path())
        .status()
        .unwrap();
    assert!(touched.success());
    let ran = home.run(&["audit", "app", "--json"]);
    assert_eq!(ran.code, 6, "{}", ran.stderr);
    let found: Value = serde_json::from_str(&ran.stdout).unwrap();
    let rules: Vec<&str> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|found| found["rule"].as_str().unwrap())
        .collect();
    assert_eq!(rules, ["times"]);
    fs::write(
        home.path().join("key.txt"),
        "# honeytoken\nALERT_BAIT=xyzEXAMPLEq7Zr0xW2mKp9s\n",
    )
    .unwrap();
    let ran = home.run(&["audit", "key.txt"]);
    assert_eq!(ran.code, 6);
    for words in [
        "key.txt:1: vendor-word",
        "key.txt:2: sample-word",
        "telling-name",
        "alone",
        "who looks:",
        "what to do:",
    ] {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.stdout);
    }
    assert!(
        !ran.stdout.contains("q7Zr0xW2mKp9s"),
        "no value is repeated"
    );
}
