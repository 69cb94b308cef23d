//! Controls: the scanners that check checksums drop a spoilt one, and tell a naive minter from ours.

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

fn count(found: &Findings, name: &str) -> usize {
    (0..SAMPLES)
        .filter(|number| {
            let file = format!("{name}/{number}/.env");
            found.iter().any(|(at, _)| *at == file)
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
            let good = count(&found, &format!("good/{kind}"));
            let spoilt = count(&found, &format!("spoilt/{kind}"));
            let naive = count(&found, &format!("naive/{kind}"));
            println!("{scanner}: {kind}: ours {good}, spoilt {spoilt}, naive {naive} of {SAMPLES}");
            assert_eq!(good, SAMPLES, "{scanner}: {kind}");
            assert_eq!(spoilt, 0, "{scanner}: {kind}, spoilt checksum");
            assert!(naive <= 1, "{scanner}: {kind}, naive: {naive}");
        }
    }
}
