//! One flow for the packages of all gateways: a good, a retired and a strange key, run through a script.

use lapwing_tests::Minted;
use serde_json::{Value, json};

use crate::stage::{Stage, keys};

pub(crate) const TO: &str = "+15005550006";
pub(crate) const OTHER: &str = "+15005550009";
pub(crate) const FROM: &str = "+15005550001";
pub(crate) const BODY: &str = "Hallo \"Wörld\" \u{1f600} & <b>\\n 100 %+";
pub(crate) const CALLBACK: &str = "http://192.0.2.7/cb?x=1&y=2";
pub(crate) const MAIL: &str = "someone@mail.example.org";
pub(crate) const OTHER_MAIL: &str = "second@mail.example.org";
pub(crate) const SENDER: &str = "desk@mail.example.org";
pub(crate) const SUBJECT: &str = "Ihr \"Paket\" wartet";

const WORDS: &[(&str, &str)] = &[
    ("TO", TO),
    ("OTHER", OTHER),
    ("FROM", FROM),
    ("BODY", BODY),
    ("CALLBACK", CALLBACK),
    ("MAIL", MAIL),
    ("OTHER_MAIL", OTHER_MAIL),
    ("SENDER", SENDER),
    ("SUBJECT", SUBJECT),
];

/// Runs a script with keys of a kind; compares what the package made of the answers, and the trips.
/// In their lines `<TO>` stands for that constant and `<region>` for that field of the canary.
pub(crate) fn flow(net: u8, kind: &'static str, script: &str, said: &Value, trips: &[&str]) {
    let mut stage = Stage::new(net, &[kind]);
    let good = stage.mint("good", kind);
    let retired = stage.retired(kind);
    let stranger = stage.stranger(kind);
    let answers = stage.python(
        script,
        &json!({
            "good": keys(&good), "retired": keys(&retired), "stranger": keys(&stranger),
            "to": TO, "other": OTHER, "from": FROM, "body": BODY, "callback": CALLBACK,
            "mail": MAIL, "other mail": OTHER_MAIL, "sender": SENDER, "subject": SUBJECT,
        }),
    );
    assert_eq!(
        &answers, said,
        "left as the package said, right as expected"
    );
    let lines: Vec<String> = trips
        .iter()
        .map(|line| {
            let of = if line.starts_with("retired") {
                &retired
            } else {
                &good
            };
            filled(line, of)
        })
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    stage.assert_trips(&lines);
}

fn filled(line: &str, of: &Minted) -> String {
    let mut line = line.to_owned();
    for (name, value) in WORDS {
        let quoted = json!(value).to_string();
        line = line.replace(&format!("<{name}>"), &quoted[1..quoted.len() - 1]);
    }
    for (name, value) in &of.fields {
        line = line.replace(&format!("<{name}>"), value);
    }
    line
}
