//! Controls: the scanners that check checksums drop a spoilt one, and tell a naive minter from ours.

use std::collections::BTreeSet;

use lapwing_tests::Home;

use crate::samples;
use crate::scanners::{Findings, SCANNERS};

/// Kinds whose last characters are a checksum, the field that has it, and who checks it.
const CHECKED: &[(&str, &str, &[&str])] = &[
    ("github-pat", "token", &["kingfisher1", "credsweeper"]),
    ("github-oauth", "token", &["kingfisher1", "credsweeper"]),
    ("github-refresh", "token", &["kingfisher1"]),
    ("npm", "token", &["kingfisher1", "credsweeper"]),
    ("gitlab-routable", "token", &["kingfisher1"]),
    ("vercel", "token", &["kingfisher1"]),
    ("confluent", "api_secret", &["kingfisher1"]),
    ("atlassian", "token", &["kingfisher1", "credsweeper"]),
    ("bitbucket-app", "password", &["kingfisher1", "credsweeper"]),
    ("grafana-sa", "token", &["credsweeper"]),
    ("cloudflare-user", "token", &["credsweeper"]),
];

const SAMPLES: usize = 12;

/// The last character, another one of the same sort.
fn spoil(value: &str) -> String {
    let last = value.chars().next_back().unwrap();
    let other = match last {
        '0'..='8' | 'a'..='e' | 'A'..='E' => char::from(last as u8 + 1),
        '9' => '0',
        'f' => 'a',
        'F' => 'A',
        'g'..='z' => 'h',
        _ => 'H',
    };
    let other = if other == last { 'k' } else { other };
    format!("{}{other}", &value[..value.len() - 1])
}

/// As long, of the same sorts of characters at the same places, and nothing else.
fn naive(value: &str) -> String {
    let prefix = value.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(0) + 1;
    let draw = |c: char| match c {
        '0'..='9' => char::from(b'0' + rand::random_range(0..10)),
        'a'..='z' => char::from(b'a' + rand::random_range(0..26)),
        'A'..='Z' => char::from(b'A' + rand::random_range(0..26)),
        other => other,
    };
    let (head, tail) = value.split_at(prefix.min(value.len()));
    head.chars().chain(tail.chars().map(draw)).collect()
}

/// The rules that find every sample of ours. Others may meet one by chance: a shape of twenty characters
/// that ends where the next one happens to be a dash.
fn rules<'f>(found: &'f Findings, name: &str) -> BTreeSet<&'f str> {
    let of = |number| -> BTreeSet<&'f str> {
        let file = format!("{name}/{number}/.env");
        let here = found.iter().filter(|(at, _)| *at == file);
        here.map(|(_, rule)| rule.as_str()).collect()
    };
    (0..SAMPLES)
        .map(of)
        .reduce(|all, here| &all & &here)
        .unwrap_or_default()
}

fn count(found: &Findings, name: &str, rules: &BTreeSet<&str>) -> usize {
    (0..SAMPLES)
        .filter(|number| {
            let file = format!("{name}/{number}/.env");
            let mut here = found.iter().filter(|(at, _)| *at == file);
            here.any(|(_, rule)| rules.contains(rule.as_str()))
        })
        .count()
}

fn line(home: &Home, kind: &str, field: &str) -> (String, String) {
    let minted = home.mint(kind, &[]);
    let value = minted.field(field).to_owned();
    // No name beside it: only the value's own shape can tell.
    (format!("V={value}\n"), value)
}

#[test]
fn a_spoilt_checksum_and_a_naive_minter_are_told_from_ours() {
    let home = samples::home();
    let directory = home.path().join("controls");
    for (kind, field, _) in CHECKED {
        for number in 0..SAMPLES {
            let (good, value) = line(&home, kind, field);
            samples::write(&directory, &format!("good/{kind}/{number}"), &good);
            let spoilt = format!("V={}\n", spoil(&value));
            samples::write(&directory, &format!("spoilt/{kind}/{number}"), &spoilt);
            let naive = format!("V={}\n", naive(&value));
            samples::write(&directory, &format!("naive/{kind}/{number}"), &naive);
        }
    }
    for (scanner, run) in SCANNERS {
        let checks = |it: &&(&str, &str, &[&str])| it.2.contains(scanner);
        if !CHECKED.iter().any(|it| checks(&it)) {
            continue;
        }
        let found = run(&directory, home.path());
        for (kind, _, _) in CHECKED.iter().filter(checks) {
            let good = rules(&found, &format!("good/{kind}"));
            assert!(!good.is_empty(), "{scanner}: no rule finds each {kind}");
            let spoilt = count(&found, &format!("spoilt/{kind}"), &good);
            let naive = count(&found, &format!("naive/{kind}"), &good);
            println!("{scanner}: {kind}: spoilt {spoilt}, naive {naive} of {SAMPLES}, by {good:?}");
            assert_eq!(spoilt, 0, "{scanner}: {kind}, spoilt checksum");
            assert!(naive <= 1, "{scanner}: {kind}, naive: {naive}");
        }
    }
}
