//! `lapwing allow`: keeps the owner's own secret scanners quiet about bait, and about nothing else.
//!
//! What is written names files, lines, fingerprints and patterns, never a value. It is a map to the bait
//! all the same: it belongs where the scanner runs, and not on the hosts it is about.

mod ground;
mod reports;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use lapwing_core::bounded::{MAX_FILE, read_text};
use lapwing_daemon::directory::write_private;
use serde_json::Value;

use self::ground::{Ground, Line};
use crate::args::{Allow, Global, Scanner};
use crate::context::Context;
use crate::failure::{Advice, Exit};
use crate::output;

pub(crate) fn run(global: &Global, args: &Allow) -> anyhow::Result<Exit> {
    let Allow {
        format,
        root,
        report,
        out,
    } = args;
    let context = Context::open(global)?;
    let root =
        std::fs::canonicalize(root.as_deref().unwrap_or(Path::new("."))).map_err(|error| {
            Advice::error(
                format!("--root: {error}"),
                "name the directory that the scanner is run in",
            )
        })?;
    let ground = Ground::read(&context, &root)?;
    if ground.files.is_empty() {
        return Err(Advice::error(
            format!("nothing is planted in a file below {}", root.display()),
            "name another --root; `lapwing places` lists what is planted where",
        ));
    }
    let report = report.as_deref().map(read_report).transpose()?;
    let text = match (format, report) {
        (Scanner::Gitleaks, None) => patterns(&ground)?,
        (Scanner::Gitleaks, Some(report)) => reports::gitleaks(&ground, &report)?,
        (Scanner::DetectSecrets, Some(report)) => reports::detect_secrets(&ground, report)?,
        (Scanner::Kingfisher, Some(report)) => reports::kingfisher(&ground, &report)?,
        (Scanner::Sarif, Some(report)) => reports::sarif(&ground, report)?,
        (Scanner::Trufflehog, None) => paths(&ground),
        (Scanner::Trufflehog, Some(_)) => {
            return Err(Advice::error(
                "TruffleHog takes no list of findings",
                "leave --report away: it gets the paths of files with bait",
            ));
        }
        (Scanner::DetectSecrets, None) => {
            return Err(wants_report("detect-secrets scan > report.json"));
        }
        (Scanner::Kingfisher, None) => {
            return Err(wants_report(
                "kingfisher scan . --no-dedup -f json -o report.json",
            ));
        }
        (Scanner::Sarif, None) => return Err(wants_report("the scanner with its SARIF output")),
    };
    match out {
        Some(path) => write_private(path, text.as_bytes()).map_err(|error| {
            Advice::error(
                format!("cannot write {}: {error}", path.display()),
                "name a file in a directory that exists with --out",
            )
        })?,
        None => std::io::stdout().lock().write_all(text.as_bytes())?,
    }
    warn(&ground, out.as_deref(), &root);
    Ok(Exit::Fine)
}

fn wants_report(how: &str) -> anyhow::Error {
    Advice::error(
        "this format marks findings of the scanner's own report",
        format!("in the directory of --root, run: {how}; then give it with --report"),
    )
}

fn read_report(path: &Path) -> anyhow::Result<Value> {
    let text = read_text(path, MAX_FILE)
        .map_err(|error| Advice::error(format!("--report {}: {error}", path.display()), HOW))?;
    // kingfisher writes one document a line, the findings in the second.
    let mut documents = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
    let mut best = None;
    for document in &mut documents {
        let document = document
            .map_err(|error| Advice::error(format!("--report {}: {error}", path.display()), HOW))?;
        if best.is_none() || document["findings"].is_array() {
            best = Some(document);
        }
    }
    best.ok_or_else(|| Advice::error(format!("--report {}: it is empty", path.display()), HOW))
}

const HOW: &str = "it must be the JSON (or SARIF) report of the scanner that --format names";

fn warn(ground: &Ground, out: Option<&Path>, root: &Path) {
    output::say(&format!(
        "warning: this tells where bait is in {} files. Keep it where the scanner runs, and off the hosts \
         and out of the repositories that hold the bait",
        ground.files.len()
    ));
    let inside = out
        .and_then(|path| std::fs::canonicalize(path).ok())
        .is_some_and(|path| path.starts_with(root));
    if inside {
        output::say(
            "warning: it was written into the tree that it is about: move it away before anybody reads it",
        );
    }
    for file in &ground.unmatched {
        output::say(&format!(
            "note: {file} holds bait in a form that no pattern fits; use --report"
        ));
    }
}

/// A configuration for gitleaks: lines as they were planted, any value in the place of ours. A path beside
/// the pattern would make it skip the whole file (seen with 8.30), and other secrets in it.
fn patterns(ground: &Ground) -> anyhow::Result<String> {
    let mut regexes: Vec<&String> = ground
        .files
        .values()
        .flat_map(|file| file.lines.values())
        .filter_map(|line| match line {
            Line::Pattern(pattern) => Some(pattern),
            Line::Goes | Line::Bare => None,
        })
        .collect();
    regexes.sort();
    regexes.dedup();
    if regexes.is_empty() {
        return Err(Advice::error(
            "no line with bait has a name that a pattern could hold on to",
            "run gitleaks with -f json -r report.json and give it with --report",
        ));
    }
    let text = toml::to_string(&toml::Table::from_iter([
        ("title".to_owned(), "known findings".into()),
        (
            "extend".to_owned(),
            toml::Table::from_iter([("useDefault".to_owned(), true.into())]).into(),
        ),
        (
            "allowlists".to_owned(),
            vec![toml::Value::Table(toml::Table::from_iter([
                ("description".to_owned(), "known lines".into()),
                ("regexTarget".to_owned(), "line".into()),
                (
                    "regexes".to_owned(),
                    regexes.into_iter().cloned().collect::<Vec<String>>().into(),
                ),
            ]))]
            .into(),
        ),
    ]))?;
    Ok(text)
}

/// Regular expressions of paths, one a line.
fn paths(ground: &Ground) -> String {
    output::say(
        "warning: TruffleHog can leave out whole files only: what else is in them is not looked at. Scan \
         them with another scanner too",
    );
    ground.files.values().fold(String::new(), |mut text, file| {
        let _ = writeln!(text, "(^|/){}$", ground::escape(&file.relative));
        text
    })
}
