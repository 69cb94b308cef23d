//! Reports: four formats, masked and full, valid by their published schema.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use lapwing_tests::{Home, Minted, finish, repository, trips, venv};
use serde_json::Value;

use crate::bait::{account, home_with, open, send_text};

const NUMBERS: [&str; 3] = ["12025550111", "12025550112", "12025550113"];
const TEXT: &str = "Your data was taken";
/// Markup, a formula, and a control character.
const NASTY: &str = "=HYPERLINK(\"https://evil.example\")<script>alert(1)</script>";
const NASTY_FORM: &str =
    "%3DHYPERLINK(%22https%3A%2F%2Fevil.example%22)%3Cscript%3Ealert(1)%3C%2Fscript%3E";

/// Two canaries used, one with texts to three numbers.
fn used() -> (Home, Minted, Minted) {
    let home = home_with("operator = \"Example service\"\n");
    let labels = ["--label", "host=hq-db-7", "--label", "team=edge crew"];
    let twilio = home.mint("twilio", &[&["--memo", "old relay"], &labels[..]].concat());
    let link = home.mint("url", &["--memo", "wiki"]);
    let station = home.listen(&["--proxy", "127.0.0.1/32"]);
    for number in NUMBERS {
        let form = format!("To=%2B{number}&From=%2B12025550100&Body=Your+data+was+taken");
        send_text(station.address(), &twilio, &form);
    }
    let form = format!("To={NASTY_FORM}&From=x&Body={NASTY_FORM}");
    send_text(station.address(), &twilio, &form);
    account(station.address(), &twilio);
    open(station.address(), &link);
    trips(&home, 6);
    station.stop();
    (home, twilio, link)
}

fn report(home: &Home, format: &str, more: &[&str]) -> String {
    home.ok(&[&["report", "--format", format], more].concat())
}

#[test]
fn masked_reports_hide_third_parties_and_full_ones_show_them() {
    let (home, twilio, link) = used();
    for format in ["html", "md", "json", "csv"] {
        let masked = report(&home, format, &[]);
        for hidden in NUMBERS.iter().chain(&[TEXT, "127.0.0.1"]) {
            assert!(
                !masked.contains(hidden),
                "{format}: masked, but shows {hidden}"
            );
        }
        let full = report(&home, format, &["--full"]);
        for shown in NUMBERS.iter().chain(&[TEXT, "127.0.0.1"]) {
            assert!(full.contains(shown), "{format}: full, but hides {shown}");
        }
        assert!(
            masked.contains("old relay") && masked.contains("wiki"),
            "{format}"
        );
        assert!(!masked.contains("hq-db-7"), "{format}: names a machine");
        if matches!(format, "html" | "json") {
            assert!(full.contains("hq-db-7"), "{format}");
            assert!(masked.contains("edge crew"), "{format}");
        }
        let caution = "not a person";
        assert!(
            masked.contains(caution) && full.contains(caution),
            "{format}"
        );
        // Bait that still stands is not given away to whoever reads what is published.
        for secret in [twilio.field("auth_token"), link.field("beacon.segment")] {
            assert!(!masked.contains(secret), "{format}: {secret}");
        }
    }
}

#[test]
fn the_page_is_one_file_without_scripts_or_outside_loads() {
    let (home, ..) = used();
    for more in [&[][..], &["--full"]] {
        let page = report(&home, "html", more);
        let lower = page.to_lowercase();
        assert!(lower.starts_with("<!doctype html>"), "{}", &page[..80]);
        for words in [
            "<svg",
            "prefers-color-scheme",
            "@media print",
            "example service",
        ] {
            assert!(lower.contains(words), "{words}");
        }
        let loads = [
            "<script",
            "<link",
            "<iframe",
            "<object",
            "<img",
            "<base",
            "src=",
            "@import",
            "url(http",
            "onload=",
            "onerror=",
            "javascript:",
        ];
        for load in loads {
            assert!(!lower.contains(load), "{load}");
        }
    }
}

#[test]
fn json_is_valid_by_the_published_schema() {
    let (home, twilio, _) = used();
    let schema = repository().join("crates/report/schema/report-1.json");
    let program = "import json, sys, jsonschema\n\
        schema = json.load(open(sys.argv[1]))\n\
        check = jsonschema.Draft202012Validator\n\
        check.check_schema(schema)\n\
        for name in sys.argv[2:]:\n    check(schema).validate(json.load(open(name)))\n";
    let empty = home_with("");
    let mut files = Vec::new();
    for (home, more) in [
        (&home, &[][..]),
        (&home, &["--full"]),
        (&home, &["--canary", &twilio.id]),
        (&home, &["--since", "2099-01-01"]),
        (&empty, &[]),
    ] {
        let file = home.path().join(format!("report-{}.json", files.len()));
        home.ok(&[
            &["report", "--format", "json", "-o", file.to_str().unwrap()],
            more,
        ]
        .concat());
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
        files.push(file);
    }
    let mut python = Command::new(venv().join("bin/python"));
    let ran = finish(python.args(["-c", program]).arg(&schema).args(&files));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    // The schema can say no.
    let wrong = fs::File::create(home.path().join("wrong.json")).unwrap();
    serde_json::to_writer(wrong, &serde_json::json!({"schema": "lapwing-report/1"})).unwrap();
    let mut python = Command::new(venv().join("bin/python"));
    python
        .args(["-c", program])
        .arg(&schema)
        .arg(home.path().join("wrong.json"));
    assert_ne!(finish(&mut python).code, 0);
}

#[test]
fn cells_are_no_formulas_and_markup_is_escaped() {
    let (home, ..) = used();
    let program = "import csv, sys\n\
        rows = list(csv.reader(open(sys.argv[1], newline='')))\n\
        assert len(rows) > 5 and len({len(row) for row in rows}) == 1, rows\n\
        bad = [cell for row in rows for cell in row if cell[:1] in '=+-@\\t\\r' and cell]\n\
        assert not bad, bad\n\
        assert any('HYPERLINK' in cell for row in rows for cell in row)\n";
    let file = home.path().join("report.csv");
    home.ok(&[
        "report",
        "--format",
        "csv",
        "--full",
        "-o",
        file.to_str().unwrap(),
    ]);
    let ran = finish(Command::new("python3").args(["-c", program]).arg(&file));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for format in ["html", "md"] {
        let full = report(&home, format, &["--full"]);
        assert!(!full.contains(NASTY), "{format}");
        assert!(full.contains("HYPERLINK"), "{format}: escaped, not dropped");
    }
    // A link of the intruder's is not to be followed by a click.
    assert!(!report(&home, "md", &["--full"]).contains("https://evil.example"));
    assert!(!report(&home, "html", &["--full"]).contains("href=\"https://evil"));
}

#[test]
fn a_report_can_be_narrowed() {
    let (home, twilio, link) = used();
    let parsed =
        |more: &[&str]| -> Value { serde_json::from_str(&report(&home, "json", more)).unwrap() };
    let uses = |more: &[&str]| parsed(more)["totals"]["uses"].as_u64().unwrap();
    assert_eq!(uses(&[]), 6);
    assert_eq!(uses(&["--canary", &twilio.id]), 5);
    assert_eq!(uses(&["--canary", &link.id]), 1);
    assert_eq!(uses(&["--since", "2099-01-01"]), 0);
    let actors = home.json(&["actors"]);
    let actor = actors[0]["id"].as_str().unwrap();
    assert_eq!(uses(&["--actor", actor]), 6);
    let whole = parsed(&[]);
    assert_eq!(whole["operator"], "Example service");
    assert_eq!(whole["integrity"]["verified"], true);
    assert_eq!(whole["exercise"], false);
    assert_eq!(whole["profile"], "masked");
}

#[test]
fn a_report_on_a_damaged_log_says_so() {
    let (home, _, link) = used();
    let segment = home.data().join("journal/00000000000000000000.jsonl");
    let mut bytes = crate::bait::bytes_of(&segment);
    // A digit of the first line's digest: what it says can still be read.
    let place = bytes
        .windows(10)
        .position(|window| window == b"\"digest\":\"")
        .unwrap()
        + 10;
    bytes[place] = if bytes[place] == b'0' { b'1' } else { b'0' };
    fs::write(&segment, bytes).unwrap();
    assert_eq!(home.run(&["evidence", "verify"]).code, 4);
    // What cannot be trusted is left out, aloud ...
    let ran = home.run(&["report", "--format", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("left out trip"), "{}", ran.stderr);
    assert!(ran.stderr.contains("record 0"), "{}", ran.stderr);
    let rest: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(rest["totals"]["uses"], 5);
    assert_eq!(rest["integrity"]["verified"], false);
    // ... and what stands beside it is given only with a warning.
    let only = ["--canary", link.id.as_str()];
    let findings: Value = serde_json::from_str(&report(&home, "json", &only)).unwrap();
    assert_eq!(findings["totals"]["uses"], 1);
    assert_eq!(findings["integrity"]["verified"], false);
    for format in ["html", "md"] {
        let page = report(&home, format, &only);
        assert!(
            page.contains("NOT verified"),
            "{format} says so to people, too"
        );
    }
}
