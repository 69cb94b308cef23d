//! Each scanner finds our credentials as often as it finds genuine ones. `scanners.tsv` says how often
//! that is; a rule that asks for a name beside the value, not for the value's shape, is printed and not
//! judged.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use lapwing_tests::{Home, repository};

use crate::samples::{self, SAMPLES};
use crate::scanners::SCANNERS;

/// Rules that go by names, or by chance alone.
const GENERIC: &[&str] = &[
    "generic-api-key",
    "generic-password",
    "generic-credential-uri",
    "kingfisher.generic.2",
    "kingfisher.generic.4",
    "betterleaks.generic-api-key",
    "betterleaks.generic-credential-uri",
    "Secret Keyword",
    "Base64 High Entropy String",
    "Hex High Entropy String",
    "API",
    "Auth",
    "Key",
    "Password",
    "Secret",
    "Token",
    "UUID",
];

/// A difference that comes by chance this seldom is none.
const CHANCE: f64 = 1e-6;

/// Kind, and for each scanner how many of the samples its own rules find.
fn table() -> BTreeMap<String, Vec<Option<usize>>> {
    let path = repository().join("tests/realism/scanners.tsv");
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    let head: Vec<&str> = lines.next().unwrap().split('\t').skip(1).collect();
    let names: Vec<&str> = SCANNERS.iter().map(|(name, _)| *name).collect();
    assert_eq!(head, names);
    lines
        .map(|line| {
            let mut cells = line.split('\t');
            let kind = cells.next().unwrap().to_owned();
            (kind, cells.map(expected).collect())
        })
        .collect()
}

/// `rule, other rule (8/12)`: the most that a rule for this very format finds.
fn expected(cell: &str) -> Option<usize> {
    cell.split(", ")
        .filter_map(|entry| {
            let (rule, share) = entry.split_once(" (").unwrap_or((entry, "12/12)"));
            let count = share.split('/').next()?.parse().ok()?;
            (rule != "-" && !GENERIC.contains(&rule)).then_some(count)
        })
        .max()
}

fn kinds(home: &Home) -> Vec<String> {
    let all = home.json(&["kinds"]);
    let kinds = all.as_array().unwrap().iter();
    kinds
        .map(|kind| kind["id"].as_str().unwrap().to_owned())
        .collect()
}

/// Chance that at most `found` of `SAMPLES` are found where `expected` of as many were.
fn tail(found: usize, expected: usize) -> f64 {
    let share = (expected as f64 + 0.5) / (SAMPLES as f64 + 1.0);
    let mut term = (1.0 - share).powi(i32::try_from(SAMPLES).unwrap());
    let mut sum = term;
    for k in 0..found {
        term *= (SAMPLES - k) as f64 / (k + 1) as f64 * share / (1.0 - share);
        sum += term;
    }
    sum
}

#[test]
fn scanners_take_ours_for_genuine() {
    let home = samples::home();
    let (table, kinds) = (table(), kinds(&home));
    let absent: Vec<&String> = table.keys().filter(|kind| !kinds.contains(kind)).collect();
    assert!(absent.is_empty(), "no such kinds: {absent:?}");
    let directory = home.path().join("projects");
    samples::write(&directory, "plain", "");
    for kind in table.keys() {
        let minted = samples::mint(&home, kind, SAMPLES);
        assert_eq!(minted.len(), SAMPLES, "{kind}");
        for (number, lines) in minted.iter().enumerate() {
            samples::write(&directory, &format!("{kind}/{number}"), lines);
        }
    }
    let known = repository().join("tests/realism/gaps.tsv");
    let known = std::fs::read_to_string(known).unwrap();
    let mut bad = String::new();
    for (column, (scanner, run)) in SCANNERS.iter().enumerate() {
        let found = run(&directory, home.path());
        assert!(
            !found.iter().any(|(file, _)| file.starts_with("plain/")),
            "{scanner} finds something in the file without a credential"
        );
        let (mut recognised, mut by_shape) = (0, 0);
        for (kind, cells) in &table {
            let count = (0..SAMPLES)
                .filter(|number| {
                    let file = format!("{kind}/{number}/.env");
                    found.iter().any(|(name, _)| *name == file)
                })
                .count();
            recognised += usize::from(count > 0);
            let Some(expected) = cells[column] else {
                continue;
            };
            by_shape += 1;
            let gap = known
                .lines()
                .any(|line| line == format!("{scanner}\t{kind}"));
            let told = tail(count, expected) < CHANCE;
            if told && !gap {
                let _ = writeln!(
                    bad,
                    "{scanner}: {kind}: {count} of {SAMPLES}, genuine {expected}"
                );
            }
            if gap && !told {
                println!("{scanner}: {kind} is recognised now: take it off gaps.tsv");
            }
        }
        println!(
            "{scanner}: recognises {recognised} of {} kinds, {by_shape} by their shape",
            table.len()
        );
    }
    assert!(bad.is_empty(), "not taken for genuine:\n{bad}");
}
