//! Scanners' own reports, of which the findings on bait are taken over.

use std::fmt::Write as _;

use jiff::fmt::rfc2822;
use lapwing_core::text::escape;
use serde_json::{Value, json};
use url::Url;

use super::ground::Ground;
use crate::failure::Advice;
use crate::output;

/// Lines for `.gitleaksignore` out of gitleaks' JSON: `file:rule:line`, with a commit before it for the
/// history of a repository.
pub(super) fn gitleaks(ground: &Ground, report: &Value) -> anyhow::Result<String> {
    let all = findings(report.as_array(), "gitleaks dir . -f json -r report.json")?;
    let mut lines = String::new();
    let mut taken = 0;
    for finding in all {
        let (file, line) = (text(finding, "/File"), number(finding, "/StartLine"));
        if ground.holds(file, line) {
            let _ = writeln!(lines, "{}", printable(text(finding, "/Fingerprint")));
            taken += 1;
        }
    }
    told(taken, all.len());
    Ok(lines)
}

/// A baseline of detect-secrets: its own settings, and of its results ours, marked as no secrets.
pub(super) fn detect_secrets(ground: &Ground, mut report: Value) -> anyhow::Result<String> {
    let results = report.get_mut("results").and_then(Value::as_object_mut);
    let results = results.ok_or_else(|| other("detect-secrets scan > report.json"))?;
    let (mut taken, mut all) = (0, 0);
    for (file, found) in &mut *results {
        let Some(found) = found.as_array_mut() else {
            continue;
        };
        all += found.len();
        found.retain_mut(|finding| {
            let ours = ground.holds(file, number(finding, "/line_number"));
            finding["is_secret"] = false.into();
            ours
        });
        taken += found.len();
    }
    results.retain(|_, found| found.as_array().is_some_and(|found| !found.is_empty()));
    told(taken, all);
    Ok(serde_json::to_string_pretty(&report)? + "\n")
}

/// A baseline of kingfisher, in the form that its releases 1 and 2 read.
pub(super) fn kingfisher(ground: &Ground, report: &Value) -> anyhow::Result<String> {
    let how = "kingfisher scan . --no-dedup -f json -o report.json";
    let all = findings(report["findings"].as_array(), how)?;
    let now = rfc2822::to_string(&jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::UTC))?;
    let mut lines = String::from("ExactFindings:\n  matches:\n");
    let mut taken = 0;
    for finding in all {
        let (file, line) = (
            text(finding, "/finding/path"),
            number(finding, "/finding/line"),
        );
        if !ground.holds(file, line) {
            continue;
        }
        let [file, fingerprint] = [file, text(finding, "/finding/fingerprint")].map(|it| json!(it));
        let _ = writeln!(
            lines,
            "  - filepath: {file}\n    fingerprint: {fingerprint}\n    linenum: {line}\n    lastupdated: {now:?}"
        );
        taken += 1;
    }
    if taken == 0 {
        lines = "ExactFindings:\n  matches: []\n".to_owned();
    }
    told(taken, all.len());
    Ok(lines)
}

/// SARIF 2.1.0 with suppressions (section 3.27.23) on findings that are ours, and their snippets left out.
pub(super) fn sarif(ground: &Ground, mut report: Value) -> anyhow::Result<String> {
    let runs = report.get_mut("runs").and_then(Value::as_array_mut);
    let runs = runs.ok_or_else(|| other("the scanner with its SARIF output"))?;
    let (mut taken, mut all) = (0, 0);
    for result in runs
        .iter_mut()
        .filter_map(|run| run.get_mut("results")?.as_array_mut())
        .flatten()
    {
        all += 1;
        let place = result.pointer("/locations/0/physicalLocation");
        let Some(place) = place else {
            continue;
        };
        let file = file_of(text(place, "/artifactLocation/uri"));
        if !ground.holds(&file, number(place, "/region/startLine")) {
            continue;
        }
        taken += 1;
        forget_snippets(result);
        result["suppressions"] = json!([{
            "kind": "external", "status": "accepted", "justification": "known finding",
        }]);
    }
    told(taken, all);
    Ok(serde_json::to_string_pretty(&report)? + "\n")
}

/// A SARIF address as a path: relative ones may be escaped, absolute ones begin with `file:`.
fn file_of(uri: &str) -> String {
    let relative = !uri.starts_with("file:") && !uri.starts_with('/');
    let url = match Url::parse("file:///") {
        Ok(base) => base.join(uri),
        Err(error) => Err(error),
    };
    let path = url.ok().and_then(|url| url.to_file_path().ok());
    let path = path.map_or_else(|| uri.to_owned(), |path| path.display().to_string());
    match (relative, path.strip_prefix('/')) {
        (true, Some(rest)) => rest.to_owned(),
        _ => path,
    }
}

/// A region's snippet holds the value itself.
fn forget_snippets(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.remove("snippet");
            map.values_mut().for_each(forget_snippets);
        }
        Value::Array(list) => list.iter_mut().for_each(forget_snippets),
        _ => {}
    }
}

fn findings<'a>(found: Option<&'a Vec<Value>>, how: &str) -> anyhow::Result<&'a [Value]> {
    found.map(Vec::as_slice).ok_or_else(|| other(how))
}

fn other(how: &str) -> anyhow::Error {
    Advice::error(
        "--report: it is no report of this scanner",
        format!("make one in the directory of --root: {how}"),
    )
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn number(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
}

/// One line of a list, whatever a report says.
fn printable(line: &str) -> String {
    escape(line.as_bytes())
}

fn told(taken: usize, all: usize) {
    output::say(&format!(
        "{taken} of {all} findings are on bait and were taken over; the others stay findings"
    ));
}
