//! The clients of the examples against a real station, and the filter file against their readers.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lapwing_tests::{Home, finish, repository, trips};

use crate::stage::{asked, home_with};

/// Each client as a program.
fn clients(home: &Home) -> Vec<(&'static str, Command)> {
    let examples = repository().join("examples/check-client");
    let mut python = Command::new("python3");
    python.arg(examples.join("python/check_client.py"));
    let mut node = Command::new("node");
    node.arg(examples.join("node/check_client.mjs"));
    let rust = Command::new(compiled(home, &examples.join("rust/check_client.rs")));
    vec![("python", python), ("node", node), ("rust", rust)]
}

/// The program of a source file without dependencies.
fn compiled(home: &Home, source: &Path) -> PathBuf {
    let program = home.path().join("check_client");
    let mut rustc = Command::new("rustc");
    rustc
        .args(["--edition", "2024", "-o"])
        .arg(&program)
        .arg(source);
    let ran = finish(&mut rustc);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    program
}

/// What a client prints for these lines.
fn answers(client: &mut Command, args: &[&str], lines: &[&str]) -> Vec<String> {
    let mut child = client
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the client starts; tests/run installs it");
    let mut input = child.stdin.take().unwrap();
    input
        .write_all((lines.join("\n") + "\n").as_bytes())
        .unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let printed = String::from_utf8(output.stdout).unwrap();
    printed.lines().map(str::to_owned).collect()
}

#[test]
fn clients_ask_and_fail_open() {
    let home = home_with("");
    let canary = home.mint("github-pat", &[]);
    let (station, secret) = asked(&home);
    let desk = station.desk().to_string();
    let lines = [
        "an \"ordinary\" \\ value",
        canary.field("token"),
        "",
        "naïve ☂",
    ];
    let mut asked_by = Vec::new();
    for (name, mut client) in clients(&home) {
        let at = if name == "rust" {
            desk.clone()
        } else {
            format!("http://{desk}")
        };
        let said = answers(&mut client, &[&at, &secret], &lines);
        assert_eq!(said, ["-", "canary", "-", "-"], "{name}");
        asked_by.push(name);
    }
    assert_eq!(trips(&home, 3).len(), asked_by.len());
    home.ok(&["credential", "revoke", "shop"]);
    for (name, mut client) in clients(&home) {
        let at = if name == "rust" {
            desk.clone()
        } else {
            format!("http://{desk}")
        };
        assert_eq!(
            answers(&mut client, &[&at, &secret], &lines),
            ["-"; 4],
            "{name}"
        );
    }
    station.stop();
    for (name, mut client) in clients(&home) {
        let at = if name == "rust" {
            desk.clone()
        } else {
            format!("http://{desk}")
        };
        assert_eq!(
            answers(&mut client, &[&at, &secret], &lines),
            ["-"; 4],
            "{name}"
        );
    }
}

#[test]
fn a_filter_is_asked_without_a_network() {
    let home = home_with("");
    home.ok(&["mint", "customer", "--count", "2000", "--out", "json"]);
    let canary = home.mint("github-pat", &[]);
    let mail = home.mint("email-address", &[]);
    home.ok(&["retire", &canary.id]);
    let file = home.path().join("values.filter");
    let made = home.json(&["filter", "--out", file.to_str().unwrap()]);
    assert!(made["values"].as_u64().unwrap() >= 2002, "{made}");
    let strangers: Vec<String> = (0..5000)
        .map(|n| format!("stranger-{n}@example.com"))
        .collect();
    let mut lines = vec![canary.field("token"), mail.field("email")];
    lines.extend(strangers.iter().map(String::as_str));
    for (name, mut client) in clients(&home) {
        if name == "rust" {
            continue; // It has no reader of filters.
        }
        let said = answers(&mut client, &["--filter", file.to_str().unwrap()], &lines);
        assert_eq!(said[..2], ["canary", "canary"], "{name}");
        // One in a million is taken for bait: of five thousand hardly ever two.
        let wrong = said[2..].iter().filter(|word| *word == "canary").count();
        assert!(wrong <= 2, "{name}: {wrong}");
    }
    // Written again: the same key, a new file; another key knows nothing.
    let later = home.mint("github-pat", &[]);
    home.ok(&["filter", "--out", file.to_str().unwrap()]);
    let (_, mut python) = clients(&home).swap_remove(0);
    let said = answers(
        &mut python,
        &["--filter", file.to_str().unwrap()],
        &[later.field("token")],
    );
    assert_eq!(said, ["canary"]);
    std::fs::write(home.path().join("values.filter.key"), "00".repeat(32)).unwrap();
    let (_, mut python) = clients(&home).swap_remove(0);
    let said = answers(
        &mut python,
        &["--filter", file.to_str().unwrap()],
        &lines[..2],
    );
    assert_eq!(said, ["-", "-"]);
}
