//! The formats for programs: what a masked one never holds, what may become an indicator, and that
//! nothing a peer said can end a line, a value or a document.

#![allow(clippy::unwrap_used, reason = "test helpers outside test functions")]

mod golden;

use std::collections::BTreeSet;

use data_encoding::{BASE64, HEXLOWER};
use lapwing_core::text::is_unprintable;
use lapwing_report::{FORMATS, Profile, Report, ReportError};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const BOTH: [Profile; 2] = [Profile::Masked, Profile::Full];
/// The formats made of lines of text, which a log or a terminal may show.
const TEXTS: [&str; 10] = [
    "ndjson",
    "csv",
    "stix",
    "misp",
    "xarf",
    "ocsf",
    "ecs",
    "cef",
    "ioc",
    "ioc-plain",
];

fn bytes(name: &str, report: &Report, profile: Profile) -> Result<Vec<u8>, ReportError> {
    let format = FORMATS.iter().find(|format| format.name == name).unwrap();
    (format.render)(report, profile)
}

/// What a format writes; `None` if it is one that has to be in full, and is not asked to be.
fn written(name: &str, report: &Report, profile: Profile) -> Option<String> {
    match bytes(name, report, profile) {
        Ok(bytes) => Some(String::from_utf8(bytes).unwrap()),
        Err(ReportError::XarfMasked) if profile == Profile::Masked => None,
        Err(error) => panic!("{name}: {error}"),
    }
}

fn full(name: &str, report: &Report) -> String {
    written(name, report, Profile::Full).unwrap()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn each(check: impl Fn(&str, &Report, Profile, &str, &str)) {
    for (case, report) in golden::all() {
        for profile in BOTH {
            for name in TEXTS {
                if let Some(text) = written(name, &report, profile) {
                    check(case, &report, profile, name, &text);
                }
            }
        }
    }
}

#[test]
fn no_masked_format_holds_a_third_party() {
    let (report, seeds) = golden::seeded();
    assert!(seeds.len() > 50);
    for format in FORMATS {
        let Ok(bytes) = (format.render)(&report, Profile::Masked) else {
            // Those that have to be in full say so, and write nothing.
            continue;
        };
        let text = String::from_utf8_lossy(&bytes);
        let text = text.replace("[.]", ".").replace("[:]", ":");
        for seed in &seeds {
            assert!(!text.contains(seed), "{}: {seed}", format.name);
        }
    }
    let shown = full("json", &report).replace("[.]", ".");
    for seed in &seeds {
        assert!(
            shown.contains(seed),
            "{seed}: is nowhere, so nothing hides it"
        );
    }
}

#[test]
fn the_same_report_gives_the_same_bytes() {
    for (case, report) in golden::all() {
        let mut turned = report.clone();
        turned.trips.reverse();
        for profile in BOTH {
            for name in TEXTS {
                let [one, other] = [&report, &turned].map(|report| written(name, report, profile));
                assert!(one == other, "{case} {profile:?} {name}");
            }
        }
    }
}

#[test]
fn the_documentation_lists_the_formats() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/FEEDS.md");
    let text = lapwing_core::bounded::read_text(&path, 1 << 20).unwrap();
    for format in FORMATS.iter().filter(|format| TEXTS.contains(&format.name)) {
        let row = format!("| `{}` | {} |", format.name, format.summary);
        assert!(text.contains(&row), "docs/FEEDS.md lacks {row}");
    }
}

#[test]
fn files_of_two_formats_do_not_collide() {
    let names: BTreeSet<_> = FORMATS.iter().map(|format| format.extension).collect();
    assert_eq!(names.len(), FORMATS.len());
}

#[test]
fn what_is_written_is_printable() {
    each(|case, _, profile, name, text| {
        let odd = text
            .chars()
            .find(|c| is_unprintable(*c) && !"\n\t".contains(*c) && !(name == "csv" && *c == '\r'));
        assert_eq!(odd, None, "{case} {profile:?} {name}");
    });
}

#[test]
fn a_trip_is_a_line_and_a_line_is_a_trip() {
    each(|case, report, profile, name, text| {
        let trips = report.trips.len();
        match name {
            "ocsf" | "ecs" => assert_eq!(lines(text).len(), trips, "{case} {profile:?} {name}"),
            "cef" => {
                let starts = text
                    .lines()
                    .filter(|line| line.starts_with("CEF:0|lapwing|lapwing|"));
                assert_eq!(
                    (starts.count(), text.lines().count()),
                    (trips, trips),
                    "{case}"
                );
            }
            "ndjson" => {
                let found = lines(text)
                    .iter()
                    .filter(|line| line.get("trip").is_some())
                    .count();
                assert_eq!(found, trips, "{case}");
            }
            _ => {}
        }
    });
}

#[test]
fn lines_put_together_are_the_json_report() {
    for (case, report) in golden::all() {
        for profile in BOTH {
            let mut lines = lines(&written("ndjson", &report, profile).unwrap()).into_iter();
            let mut whole = lines.next().unwrap()["report"].take();
            for (list, one) in [
                ("canaries", "canary"),
                ("timeline", "episode"),
                ("actors", "actor"),
                ("networks", "network"),
                ("indicators", "indicator"),
                ("incidents", "incident"),
                ("trips", "trip"),
            ] {
                let of = lines
                    .clone()
                    .filter_map(|mut line| Some(line.get_mut(one)?.take()));
                whole[list] = of.collect();
            }
            let json: Value =
                serde_json::from_str(&written("json", &report, profile).unwrap()).unwrap();
            assert!(whole == json, "{case} {profile:?}");
        }
    }
}

fn listed(report: &Report, profile: Profile) -> Vec<String> {
    let text = written("ioc-plain", report, profile).unwrap();
    let entries = text.lines().filter(|line| !line.starts_with('#'));
    entries.map(str::to_owned).collect()
}

#[test]
fn only_sources_that_an_intruder_used_are_indicators() {
    let plain = golden::plain();
    assert_eq!(
        listed(&plain, Profile::Full),
        [
            "203.0.113.77",
            "203.0.114.9",
            "203.0.115.7",
            "2001:db8:77:1::9",
            "203.0.113.78"
        ]
    );
    assert_eq!(
        listed(&plain, Profile::Masked),
        [
            "203.0.113.0/24",
            "203.0.114.0/24",
            "203.0.115.0/24",
            "2001:db8:77::/48"
        ]
    );
    let head = written("ioc", &plain, Profile::Masked).unwrap();
    for words in [
        "# TLP:CLEAR",
        "not a person",
        "Not for blocking",
        "not listed: an announced drill (uses: 1)",
        "not listed: from the operator's own addresses (uses: 1)",
        "not listed: from a special range: private (uses: 1)",
        "203[.]0[.]114[.]0/24",
        "2001[:]db8[:]77[:][:]/48",
        "shared: vpn (Example VPN)",
    ] {
        assert!(head.contains(words), "{words}\n{head}");
    }
    assert!(full("ioc", &plain).starts_with("# TLP:AMBER"));
    for report in [golden::drills(), golden::exercise()] {
        for profile in BOTH {
            assert_eq!(listed(&report, profile), [""; 0]);
        }
    }
    assert!(full("ioc", &golden::exercise()).contains("EXERCISE"));
}

/// The objects of a bundle by type.
fn stix(report: &Report, profile: Profile, kind: &str) -> Vec<Value> {
    let bundle: Value = serde_json::from_str(&written("stix", report, profile).unwrap()).unwrap();
    let objects = bundle["objects"].as_array().unwrap().iter();
    objects.filter(|one| one["type"] == kind).cloned().collect()
}

#[test]
fn stix_says_what_was_seen_and_nothing_of_drills() {
    let plain = golden::plain();
    let patterns = |profile| -> Vec<String> {
        let found = stix(&plain, profile, "indicator");
        found
            .iter()
            .map(|one| one["pattern"].as_str().unwrap().to_owned())
            .collect()
    };
    assert!(patterns(Profile::Full).contains(&"[ipv6-addr:value = '2001:db8:77:1::9']".to_owned()));
    assert!(
        patterns(Profile::Masked)
            .contains(&"[ipv4-addr:value ISSUBSET '203.0.113.0/24']".to_owned())
    );
    let traffic = stix(&plain, Profile::Full, "network-traffic");
    assert!(
        traffic
            .iter()
            .any(|one| one["src_port"] == 50_412 && one["dst_port"] == 8080)
    );
    assert_eq!(stix(&plain, Profile::Masked, "network-traffic").len(), 0);
    for profile in BOTH {
        let count = |report: &Report, kind| stix(report, profile, kind).len();
        assert_eq!(count(&plain, "indicator"), count(&plain, "sighting"));
        assert_eq!(count(&golden::drills(), "indicator"), 0);
        assert_eq!(count(&golden::drills(), "observed-data"), 0);
        let staged = golden::exercise();
        assert_eq!(
            (count(&staged, "indicator"), count(&staged, "sighting")),
            (0, 0)
        );
        for one in stix(&staged, profile, "observed-data") {
            assert_eq!(one["labels"], json!(["exercise"]));
        }
        for actor in stix(&plain, profile, "intrusion-set") {
            assert!(actor["name"].as_str().unwrap().starts_with("Actor "));
            assert_eq!(actor["confidence"], 15);
        }
        assert!(
            stix(&plain, profile, "threat-actor").is_empty(),
            "nobody is accused"
        );
        for link in stix(&plain, profile, "relationship") {
            if link["relationship_type"] == "located-at" {
                assert!(
                    link["source_ref"]
                        .as_str()
                        .unwrap()
                        .starts_with("infrastructure"),
                    "{link}"
                );
            }
        }
    }
}

#[test]
fn stix_refers_to_what_is_there() {
    for (case, report) in golden::all() {
        for profile in BOTH {
            let text = written("stix", &report, profile).unwrap();
            let bundle: Value = serde_json::from_str(&text).unwrap();
            let objects = bundle["objects"].as_array().unwrap();
            let ids: BTreeSet<&str> = objects
                .iter()
                .map(|one| one["id"].as_str().unwrap())
                .collect();
            assert_eq!(ids.len(), objects.len(), "{case}: an id twice");
            let refers = |name: &str| name.ends_with("_ref") || name.ends_with("_refs");
            for one in objects {
                for (name, value) in one
                    .as_object()
                    .unwrap()
                    .iter()
                    .filter(|(name, _)| refers(name))
                {
                    let all = value
                        .as_array()
                        .cloned()
                        .unwrap_or_else(|| vec![value.clone()]);
                    for id in all {
                        assert!(ids.contains(id.as_str().unwrap()), "{case}: {name} {id}");
                    }
                }
            }
        }
    }
}

#[test]
fn no_feed_has_a_point_or_a_city() {
    for profile in BOTH {
        for name in [
            "stix",
            "misp",
            "ocsf",
            "ecs",
            "cef",
            "ioc",
            "ioc-plain",
            "xarf",
        ] {
            let Some(text) = written(name, &golden::plain(), profile) else {
                continue;
            };
            for place in [
                "Zaltbommel",
                "51.81",
                "5.24",
                "51812345",
                "latitude",
                "\"lat\"",
            ] {
                assert!(!text.contains(place), "{name}: {place}");
            }
        }
    }
}

#[test]
fn misp_marks_only_whole_addresses_that_are_not_shared() {
    let marked = |report: &Report, profile| -> Vec<String> {
        let event: Value =
            serde_json::from_str(&written("misp", report, profile).unwrap()).unwrap();
        let objects = event["Event"]["Object"].as_array().unwrap().clone();
        let attributes = objects
            .iter()
            .flat_map(|one| one["Attribute"].as_array().unwrap().clone());
        attributes
            .filter(|one| one["to_ids"] == true)
            .map(|one| one["value"].as_str().unwrap().to_owned())
            .collect()
    };
    let plain = golden::plain();
    assert_eq!(
        marked(&plain, Profile::Full),
        [
            "203.0.113.77",
            "203.0.115.7",
            "2001:db8:77:1::9",
            "203.0.113.78"
        ]
    );
    assert_eq!(marked(&plain, Profile::Masked), [""; 0]);
    assert_eq!(marked(&golden::exercise(), Profile::Full), [""; 0]);
    assert!(full("misp", &plain).contains("tlp:amber"));
    assert!(
        written("misp", &plain, Profile::Masked)
            .unwrap()
            .contains("tlp:clear")
    );
}

#[test]
fn an_abuse_report_is_for_one_address_and_only_in_full() {
    let plain = golden::plain();
    let error = bytes("xarf", &plain, Profile::Masked).unwrap_err();
    assert!(error.to_string().contains("whole addresses"), "{error}");
    let reports = lines(&full("xarf", &plain));
    let sources: Vec<_> = reports
        .iter()
        .map(|one| one["source_identifier"].as_str().unwrap())
        .collect();
    assert_eq!(sources, listed(&plain, Profile::Full));
    for (index, (kind, port)) in [
        ("login_attack", json!(50_412)),
        ("login_attack", json!(50_111)),
        ("reconnaissance", Value::Null),
        ("reconnaissance", json!(42_100)),
        ("login_attack", json!(50_999)),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(
            (&reports[index]["type"], &reports[index]["source_port"]),
            (&json!(kind), &port)
        );
    }
    let text = full("xarf", &golden::seeded().0);
    for hidden in ["sms", "To=", "POST /"] {
        assert!(
            !text.contains(hidden),
            "{hidden}: a request is in the evidence and nowhere else"
        );
    }
    let test = json!("lifecycle:test");
    for one in lines(&full("xarf", &golden::exercise())) {
        assert!(one["tags"].as_array().unwrap().contains(&test), "{one}");
    }
    assert!(!full("xarf", &plain).contains("lifecycle:test"));
    assert_eq!(full("xarf", &golden::drills()), "");
}

/// Sort, size and content of each piece of evidence.
fn pieces(report: &Value) -> Vec<(String, Vec<u8>)> {
    let each = |one: &Value| {
        let content = BASE64
            .decode(one["payload"].as_str().unwrap().as_bytes())
            .unwrap();
        let digest = format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(&content)));
        assert_eq!(
            (one["hash"].as_str(), one["size"].as_u64()),
            (Some(digest.as_str()), Some(content.len() as u64))
        );
        (one["content_type"].as_str().unwrap().to_owned(), content)
    };
    report["evidence"]
        .as_array()
        .unwrap()
        .iter()
        .map(each)
        .collect()
}

#[test]
fn an_abuse_report_holds_requests_as_they_were_sent_as_far_as_there_is_room() {
    let plain = golden::plain();
    let raw = plain.trips[0].raw.clone().unwrap();
    assert!(raw.contains(&0xff), "bytes that are no text");
    let found = pieces(&lines(&full("xarf", &plain))[0]);
    let sorts: Vec<&str> = found.iter().map(|(sort, _)| sort.as_str()).collect();
    assert_eq!(
        sorts,
        ["text/csv", "message/http"],
        "one request, sent twice, is there once"
    );
    assert_eq!(found[1].1, raw);
    let digest = HEXLOWER.encode(&Sha256::digest(&raw));
    assert!(
        String::from_utf8(found[0].1.clone())
            .unwrap()
            .contains(&digest)
    );
    // Sixty requests, each another; and then such as are too large.
    let trips = (1..=60).map(|number| {
        let mut one = golden::trip(number, "203.0.113.77:50412");
        one["raw"] = json!(format!("GET /{number} HTTP/1.1\r\n\r\n").into_bytes());
        one["trip"]["observed"]["protocol"] = json!("smpp");
        one
    });
    let mut report = golden::report(trips.collect());
    let found = pieces(&lines(&full("xarf", &report))[0]);
    assert_eq!(found.len(), 50, "as many as the schema allows");
    assert_eq!(
        found[1],
        (
            "application/octet-stream".to_owned(),
            b"GET /1 HTTP/1.1\r\n\r\n".to_vec()
        )
    );
    report.trips.truncate(4);
    for (number, one) in (0_u8..).zip(&mut report.trips) {
        one.raw = Some(vec![number; 5_242_880 + usize::from(number == 0)]);
    }
    let found = pieces(&lines(&full("xarf", &report))[0]);
    let sizes: Vec<usize> = found[1..]
        .iter()
        .map(|(_, content)| content.len())
        .collect();
    assert_eq!(
        sizes, [5_242_880; 2],
        "none is cut, and all is not too much for a mail"
    );
    report.trips.iter_mut().for_each(|one| one.raw = None);
    assert_eq!(
        pieces(&lines(&full("xarf", &report))[0]).len(),
        1,
        "the table"
    );
}

#[test]
fn an_abuse_report_needs_somebody_to_answer_to() {
    for contact in [
        "",
        "nobody",
        "a@b",
        "a b@c.example",
        "a@-c.example",
        "a@c..example",
        "x@y.example\r\nBcc: z",
    ] {
        let mut report = golden::plain();
        report.contact = contact.to_owned();
        let error = bytes("xarf", &report, Profile::Full).unwrap_err();
        assert!(
            matches!(error, ReportError::Contact { .. }),
            "{contact}: {error}"
        );
    }
}

/// An extension of CEF taken apart, by its rules: keys end at `=`, values at the blank before the next.
fn extension(line: &str) -> Vec<(String, String)> {
    let header_end = line.match_indices('|').nth(6).expect("seven bars").0;
    let text: Vec<char> = line[header_end + 1..].chars().collect();
    let (mut parts, mut current, mut position) = (Vec::new(), String::new(), 0);
    while position < text.len() {
        match text[position] {
            '\\' => {
                let next = text[position + 1];
                assert!("\\=".contains(next), "no such escape: {next}");
                current.push(next);
                position += 1;
            }
            '=' => {
                let key = current.rsplit(' ').next().unwrap().to_owned();
                let value = current[..current.len() - key.len()]
                    .trim_end_matches(' ')
                    .to_owned();
                parts.push(value);
                parts.push(key);
                current = String::new();
            }
            plain => current.push(plain),
        }
        position += 1;
    }
    parts.push(current);
    parts[1..]
        .chunks(2)
        .map(|pair| (pair[0].clone(), pair[1].clone()))
        .collect()
}

#[test]
fn cef_comes_apart_into_what_was_put_in() {
    const KEYS: [&str; 40] = [
        "externalId",
        "rt",
        "start",
        "end",
        "cnt",
        "cat",
        "act",
        "proto",
        "app",
        "dvchost",
        "src",
        "spt",
        "dst",
        "dpt",
        "dhost",
        "requestMethod",
        "request",
        "requestClientApplication",
        "reason",
        "msg",
        "c6a2",
        "c6a2Label",
        "c6a3",
        "c6a3Label",
        "cs1",
        "cs1Label",
        "cs2",
        "cs2Label",
        "cs3",
        "cs3Label",
        "cs4",
        "cs4Label",
        "cs5",
        "cs5Label",
        "cs6",
        "cs6Label",
        "cn1",
        "cn1Label",
        "flexString1",
        "flexString1Label",
    ];
    for (case, report) in golden::all() {
        for profile in BOTH {
            for line in written("cef", &report, profile).unwrap().lines() {
                let fields = extension(line);
                let keys: BTreeSet<_> = fields.iter().map(|(key, _)| key.as_str()).collect();
                assert_eq!(keys.len(), fields.len(), "{case}: a key twice\n{line}");
                for key in keys {
                    assert!(
                        !key.is_empty() && KEYS.contains(&key),
                        "{case}: {key:?}\n{line}"
                    );
                }
            }
        }
    }
    let line = full("cef", &golden::hostile())
        .lines()
        .nth(5)
        .unwrap()
        .to_owned();
    let fields = extension(&line);
    let reason = fields.iter().find(|(key, _)| key == "reason").unwrap();
    assert_eq!(reason.1, "+1\\t-1\\x00 a=b\\\\ c|d rt=0 cs1=x");
}
