//! The demonstration: ends with a report made from the run, with and without a terminal.

use std::path::PathBuf;
use std::process::Command;

use lapwing_tests::{Home, binary, finish};
use serde_json::Value;

use crate::bait::text_of;

/// Reports in every format, all marked as an exercise.
fn reports(directory: &std::path::Path) {
    let report = |end: &str| {
        let mut files = crate::bait::files_below(directory);
        files.retain(|file| file.extension().is_some_and(|extension| extension == end));
        assert_eq!(files.len(), 1, "one {end}: {files:?}");
        text_of(&files[0])
    };
    let page = report("html");
    assert!(
        page.contains("EXERCISE") && page.contains("<svg"),
        "marked, and drawn"
    );
    assert!(report("md").contains("EXERCISE"));
    assert!(report("csv").contains(",true,"));
    let json: Value = serde_json::from_str(&report("json")).unwrap();
    assert_eq!(json["exercise"], true);
    assert_eq!(json["integrity"]["verified"], true);
    assert!(
        json["totals"]["trips"].as_u64().unwrap() >= 10,
        "{}",
        json["totals"]
    );
    assert!(
        json["totals"]["canaries_used"].as_u64().unwrap() >= 4,
        "{}",
        json["totals"]
    );
    // Those of the drill are not counted among the intruder's.
    assert_eq!(json["totals"]["addresses"], 4, "{}", json["totals"]);
    // Both networks of the intruder's are told to be one hand; nobody else is taken for him.
    let his = ["198.51.100.0/24", "203.0.113.0/24"];
    let actors = json["actors"].as_array().unwrap().iter();
    let of_his: Vec<&Value> = actors
        .filter(|actor| {
            his.iter()
                .any(|one| actor["sources"].to_string().contains(one))
        })
        .collect();
    assert_eq!(of_his.len(), 1, "{of_his:#?}");
    assert_eq!(of_his[0]["sources"], serde_json::json!(his));
    assert_eq!(of_his[0]["likelihood"], "very likely", "{:#?}", of_his[0]);
    // Nothing but made-up addresses.
    for network in json["networks"].as_array().unwrap() {
        let source = network["source"].as_str().unwrap_or_default();
        let made_up = ["198.51.100.", "203.0.113.", "2001:db8", "127.0.0."];
        assert!(
            made_up.iter().any(|start| source.starts_with(start)),
            "{network}"
        );
    }
}

#[test]
fn the_demo_without_a_terminal() {
    let home = Home::new();
    let out = home.path().join("out");
    let mut command = home.command(&["demo", "--out", out.to_str().unwrap()]);
    let ran = finish(
        command
            .env("TMPDIR", home.path())
            .env_remove("LAPWING_DATA_DIR"),
    );
    assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
    let all = ran.stdout.clone() + &ran.stderr;
    assert!(
        !all.contains('\u{1b}'),
        "no colour where there is no terminal"
    );
    for words in [
        "signature right",
        "This was an exercise",
        "verdict drill",
        "verified",
    ] {
        assert!(all.contains(words), "{words}: {all}");
    }
    assert!(!all.contains("SIGNATURE WRONG"));
    let last = ran.stdout.lines().last().unwrap();
    assert_eq!(
        last,
        format!("report: {}", out.join("report.html").display())
    );
    reports(&out);
    assert!(
        !home.path().join(".local").exists(),
        "it keeps to its own directory"
    );
}

#[test]
fn the_demo_at_a_terminal() {
    let home = Home::new();
    let mut command = Command::new("script");
    home.scrub(&mut command);
    command
        .env("TMPDIR", home.path())
        .env("TERM", "xterm-256color");
    command.args([
        "-qefc",
        &format!("{} demo", binary().display()),
        "/dev/null",
    ]);
    let ran = finish(&mut command);
    assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains('\u{1b}'), "colour at a terminal");
    let line = ran
        .stdout
        .lines()
        .find_map(|line| line.trim().strip_prefix("report: "));
    let report = PathBuf::from(line.expect("it says where the report is"));
    assert!(report.starts_with(home.path()), "{}", report.display());
    reports(report.parent().unwrap());
}

/// Words that no Spanish sentence has.
const ENGLISH: [&str; 24] = [
    "the", "of", "is", "was", "were", "and", "with", "which", "that", "this", "from", "by", "an",
    "are", "not", "for", "has", "been", "who", "its", "same", "seen", "only", "uses",
];

#[test]
fn the_demos_report_in_spanish_has_no_english_sentence() {
    let home = Home::new();
    let out = home.path().join("out");
    let setting = "report.language=es";
    let mut command = home.command(&["demo", "--setting", setting, "--out", out.to_str().unwrap()]);
    let ran = finish(
        command
            .env("TMPDIR", home.path())
            .env_remove("LAPWING_DATA_DIR"),
    );
    assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
    let mut text = text_of(&out.join("report.md"));
    assert!(text.contains("EJERCICIO") && text.contains("Cuenta de Twilio"));
    assert!(text.contains("a una proporción inicial de 1 a 32"));
    // What the operator calls its bait and itself, and the attribution that licences ask for, are quoted.
    for quoted in [
        "SMS relay in the web app's .env",
        "SMS gateway in gateway.yaml",
        "Cloud key of the deploy user",
        "Subscriber row",
        "API key row",
        "Example alert service",
    ] {
        assert!(text.contains(quoted), "{quoted} is not in\n{text}");
        text = text.replace(quoted, "");
    }
    let ours = text.lines().filter(|line| !line.contains("https://"));
    for line in ours {
        let mut words = line.split(|c: char| !c.is_alphanumeric());
        let found = words.find(|word| ENGLISH.contains(&word.to_lowercase().as_str()));
        assert!(found.is_none(), "{found:?} in {line}");
    }
}
