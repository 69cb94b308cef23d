//! The benchmark's own measures against scikit-learn's, and its bars.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use lapwing_tests::{finish, finish_within, repository, venv};
use serde_json::Value;

/// The example, built as the tests are.
fn example() -> PathBuf {
    let this = std::env::current_exe().expect("a program knows its path");
    let directory = this.ancestors().nth(2).expect("target/<profile>/deps");
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args([
            "build",
            "--quiet",
            "--package",
            "lapwing-attribute",
            "--example",
            "linking",
        ])
        .current_dir(repository());
    if directory.ends_with("release") {
        cargo.arg("--release");
    }
    let built = finish_within(Duration::from_secs(1800), &mut cargo);
    assert_eq!(built.code, 0, "{}", built.stderr);
    directory.join("examples/linking")
}

fn lines(text: &str) -> Vec<Value> {
    let line = |line: &str| serde_json::from_str(line).expect("JSON lines");
    text.lines().map(line).collect()
}

fn pair(value: &Value) -> (f64, f64) {
    let number = |place: usize| value[place].as_f64().expect("a number");
    (number(0), number(1))
}

fn f1((precision, recall): (f64, f64)) -> f64 {
    2.0 * precision * recall / (precision + recall)
}

#[test]
fn measures_agree_with_scikit_learn_and_bars_are_met() {
    let directory = tempfile::tempdir().unwrap();
    let (labels, figures) = (
        directory.path().join("labels"),
        directory.path().join("figures"),
    );
    let ran = finish_within(
        Duration::from_secs(900),
        Command::new(example())
            .current_dir(repository())
            .args(["--directory", "examples/linking", "--seed", "7"])
            .args(["--labels".as_ref(), labels.as_os_str()])
            .args(["--figures".as_ref(), figures.as_os_str()]),
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let ours = lines(&lapwing_core::bounded::read_text(&figures, 1 << 20).unwrap());
    let judged = finish(
        Command::new(venv().join("bin/python"))
            .arg(repository().join("tests/actors/judge.py"))
            .arg(&labels),
    );
    assert_eq!(judged.code, 0, "{}", judged.stderr);
    let theirs = lines(&judged.stdout);
    assert_eq!(ours.len(), theirs.len());
    for one in &ours {
        let other = theirs.iter().find(|other| other["family"] == one["family"]);
        let other = other.expect("every family is judged");
        for measure in ["bcubed", "pairwise"] {
            let (one, other) = (pair(&one[measure]), pair(&other[measure]));
            let off = (one.0 - other.0).abs().max((one.1 - other.1).abs());
            assert!(off < 1e-9, "{measure}: {one:?} and {other:?}");
        }
        let off = one["rand"].as_f64().unwrap() - other["rand"].as_f64().unwrap();
        assert!(off.abs() < 1e-9, "{one} and {other}");
    }
    bars(&ours, "all", |_| true);
    bars(&ours, "held back", |one| one["tuned"] == false);
}

/// B-cubed F1 at least 0.90 and 0.15 above the best simple rule; of the pairs stated to be very likely one hand or more
/// at most one in two hundred false.
fn bars(families: &[Value], which: &str, chosen: impl Fn(&Value) -> bool) {
    let chosen: Vec<&Value> = families.iter().filter(|one| chosen(one)).collect();
    let number = |value: &Value| value.as_f64().expect("a number");
    let items: f64 = chosen.iter().map(|one| number(&one["items"])).sum();
    let mean = |of: &dyn Fn(&Value) -> (f64, f64)| {
        let mut sum = (0.0, 0.0);
        for one in &chosen {
            let (weight, (precision, recall)) = (number(&one["items"]) / items, of(one));
            sum = (sum.0 + weight * precision, sum.1 + weight * recall);
        }
        f1(sum)
    };
    let linked = mean(&|one| pair(&one["bcubed"]));
    let simple = |place: usize| mean(&|one| pair(&one["simple"][place]));
    let count = chosen[0]["simple"].as_array().expect("simple rules").len();
    let best = (0..count).map(simple).fold(0.0, f64::max);
    assert!(linked >= 0.90, "{which}: B-cubed F1 {linked:.3}");
    assert!(
        linked >= best + 0.15,
        "{which}: {linked:.3}, and {best:.3} by a simple rule"
    );
    let sum = |name: &str| chosen.iter().map(|one| number(&one[name])).sum::<f64>();
    let (wrong, stated) = (sum("false_merges"), sum("stated_pairs"));
    assert!(stated > 1000.0, "{which}: only {stated} pairs were stated");
    assert!(
        wrong <= 0.005 * stated,
        "{which}: {wrong} of {stated} are false"
    );
}

#[test]
fn a_scenario_that_is_not_understood_is_named() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(
        directory.path().join("odd.toml"),
        "about = \"x\"\ntuned = true\nhands = 3\n",
    )
    .unwrap();
    let ran = finish(
        Command::new(example()).args(["--directory".as_ref(), directory.path().as_os_str()]),
    );
    assert_ne!(ran.code, 0);
    assert!(ran.stderr.contains("odd.toml"), "{}", ran.stderr);
}
