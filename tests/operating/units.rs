//! The units and rules of `examples/`, judged by the programs they are for.

use std::fs;
use std::process::Command;

use lapwing_core::bounded;
use lapwing_tests::{Ran, binary, finish, repository};

/// The worst exposure that `systemd-analyze security` may find, in tenths: 0 is none, 100 all; what systemd calls
/// "ok" begins at 20.
const EXPOSURE: &str = "15";

/// The units in a directory, with the built program in the place of the installed one.
fn units() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for name in ["lapwing.service", "lapwing.socket"] {
        let from = repository().join("examples/systemd").join(name);
        let text = bounded::read_text(&from, 1 << 20).unwrap();
        let text = text.replace("/usr/local/bin/lapwing", &binary().display().to_string());
        fs::write(directory.path().join(name), text).unwrap();
    }
    directory
}

fn analyze(arguments: &[&str], units: &tempfile::TempDir, names: &[&str]) -> Ran {
    let mut analyze = Command::new("systemd-analyze");
    analyze.args(arguments);
    finish(analyze.args(names.iter().map(|name| units.path().join(name))))
}

#[test]
fn systemd_takes_the_units_and_finds_little_exposed() {
    let units = units();
    let verified = analyze(&["verify"], &units, &["lapwing.service", "lapwing.socket"]);
    assert_eq!(verified.code, 0, "{}", verified.stderr);
    for line in verified.stderr.lines() {
        assert!(!line.contains("lapwing"), "{line}");
    }
    let threshold = format!("--threshold={EXPOSURE}");
    let security = ["security", "--offline=true", &threshold];
    let judged = analyze(&security, &units, &["lapwing.service"]);
    assert_eq!(judged.code, 0, "{}{}", judged.stdout, judged.stderr);
}

fn promtool(arguments: &[&str]) -> Ran {
    let examples = repository().join("examples/prometheus");
    finish(
        Command::new("promtool")
            .args(arguments)
            .current_dir(examples),
    )
}

#[test]
fn prometheus_takes_the_rules_and_the_scrape() {
    let ran = promtool(&["check", "rules", "alerts.yml"]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("10 rules found"), "{}", ran.stdout);
    let ran = promtool(&["check", "config", "--syntax-only", "prometheus.yml"]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
}
