//! Files of ten megabytes, made here: planting, checking and uprooting are in proportion to the size, or this does not end.

use std::fmt::Write as _;

use super::*;
use crate::{Condition, check, uproot};

const SIZE: usize = 10 << 20;

/// Lines until the size is reached, between a head and a tail.
fn filled(head: &str, tail: &str, line: impl Fn(&mut String, usize)) -> String {
    let mut text = String::with_capacity(SIZE + 1024);
    text.push_str(head);
    for at in 0.. {
        if text.len() + tail.len() >= SIZE {
            break;
        }
        line(&mut text, at);
    }
    text.push_str(tail);
    text
}

/// Plants, checks and uproots, with an edit of the owner's in between.
fn goes_in_and_out(name: &'static str, text: String) {
    let bench = Bench::with(name, text.as_bytes());
    let placement = bench
        .plant(&Options::default())
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    // The owner's edit makes every part of the search run.
    let edited = [&bench.bytes(), &b"\n"[..]].concat();
    std::fs::write(&bench.file, &edited).expect("written");
    assert_eq!(
        check(&placement).expect("checked"),
        Condition::Moved,
        "{name}"
    );
    uproot(&placement, false, NOW).expect("uprooted");
    assert!(bench.bytes() == [text.as_bytes(), b"\n"].concat(), "{name}");
}

#[test]
fn env() {
    goes_in_and_out(
        "a.env",
        filled("", "", |text, at| {
            let _ = writeln!(
                text,
                "SETTING_NUMBER_{at}=\"some value of no interest, {at}\""
            );
        }),
    );
}

#[test]
fn ini() {
    goes_in_and_out(
        "a.ini",
        filled("", "", |text, at| {
            let _ = writeln!(
                text,
                "[section{at}]\nkey = some value of no interest, {at}\n"
            );
        }),
    );
}

#[test]
fn json() {
    goes_in_and_out(
        "a.json",
        filled("{\n", "  \"last\": null\n}\n", |text, at| {
            let _ = writeln!(
                text,
                "  \"settingNumber{at}\": {{\"value\": [{at}, true]}},"
            );
        }),
    );
    goes_in_and_out(
        "b.json",
        filled("{", "\"last\":null}", |text, at| {
            let _ = write!(text, "\"settingNumber{at}\":\"it's {at}\",");
        }),
    );
}

#[test]
fn yaml() {
    goes_in_and_out(
        "a.yml",
        filled("", "", |text, at| {
            let _ = writeln!(
                text,
                "setting_number_{at}:\n  value: some value, {at}\n  more: [1, 2]"
            );
        }),
    );
}

#[test]
fn toml() {
    goes_in_and_out(
        "a.toml",
        filled("", "", |text, at| {
            let _ = writeln!(text, "[section{at}]\nkey = \"some value, {at}\"\n");
        }),
    );
}

#[test]
fn xml() {
    goes_in_and_out(
        "web.config",
        filled(
            "<configuration>\n  <appSettings>\n",
            "  </appSettings>\n</configuration>\n",
            |text, at| {
                let _ = writeln!(
                    text,
                    "    <add key=\"setting{at}\" value=\"some value, {at}\" />"
                );
            },
        ),
    );
}

#[test]
fn csv() {
    goes_in_and_out(
        "export.csv",
        filled("name,url,username,password\n", "", |text, at| {
            let _ = writeln!(
                text,
                "shop {at},https://shop{at}.example,\"user, {at}\",secret{at}"
            );
        }),
    );
}

#[test]
fn history() {
    goes_in_and_out(
        ".bash_history",
        filled("", "", |text, at| {
            let _ = writeln!(text, "#{}\nls -la /srv/shop/{at}", 1_700_000_000 + at);
        }),
    );
    goes_in_and_out(
        "fish_history",
        filled("", "", |text, at| {
            let _ = writeln!(text, "- cmd: ls {at}\n  when: {}", 1_700_000_000 + at);
        }),
    );
}

#[test]
fn kubeconfig() {
    let list = |text: &mut String, name: &str, content: &str| {
        let _ = writeln!(text, "{name}s:");
        for at in 0..12_000 {
            let _ = writeln!(text, "- {name}:\n    {content}\n  name: a{at}");
        }
    };
    let mut text = "apiVersion: v1\nkind: Config\n".to_owned();
    list(&mut text, "cluster", "server: https://10.0.0.1:6443");
    list(&mut text, "context", "cluster: a\n    user: b");
    list(&mut text, "user", "token: hollow");
    goes_in_and_out("kubeconfig", text);
}
