//! Every format over one battery of reports: nothing hostile passes, nothing masked shows, and all
//! formats say the same.

#![allow(clippy::unwrap_used, reason = "test helpers outside test functions")]

use std::collections::BTreeMap;

use lapwing_core::{
    Actor, ActorId, CanaryId, Carrier, Claimed, Claims, Conclusion, DecoyOutcome, DecoyRecord,
    Evidence, Grade, Incident, IncidentId, IncidentState, Judgement, MatchedField, NetworkFacts,
    Observed, StationId, Timestamp, Tool, Trip, TripId, Untold, Verdict,
};
use lapwing_report::{
    FORMATS, Integrity, Language, Profile, Report, ReportCanary, ReportError, ReportTrip,
};
use serde_json::Value;

/// What a masked report must not hold: numbers, texts, ports, bait, mail, whole addresses, hosts.
const SECRETS: [&str; 12] = [
    "12025550142",
    "2025550100",
    "zanzibar",
    "54321",
    "sekrit-bait-value",
    "alice@corp.example",
    "203.0.113.77",
    "2001:db8:77:1::9",
    "bait.example",
    "cb.example",
    "X-Raw-Header",
    "eu-secret-7",
];

/// What no report may hold as it is.
const HOSTILE: [&str; 9] = [
    "<script",
    "<img",
    "onerror=\"",
    "](javascript",
    "\u{202e}",
    "\u{7}",
    "\u{1b}",
    "http://bait.example",
    "https://cb.example",
];

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_790_000_000_000_000).plus_seconds(seconds)
}

fn trip_id(sequence: u64) -> TripId {
    TripId {
        station: StationId::new(7),
        sequence,
    }
}

fn canary(number: u8) -> CanaryId {
    CanaryId::from_bytes([number; 16])
}

fn claimed(texts: &[&str]) -> Claimed<Vec<String>> {
    Claimed::new(texts.iter().map(|&text| text.to_owned()).collect())
}

fn report(trips: Vec<ReportTrip>) -> Report {
    Report {
        generated: at(90_000),
        station: StationId::new(7),
        range: (None, None),
        exercise: false,
        operator: "Example".to_owned(),
        contact: "abuse@operator.example".to_owned(),
        canaries: (1..=3).map(report_canary).collect(),
        trips,
        incidents: Vec::new(),
        handling: std::collections::BTreeMap::new(),
        erased: std::collections::BTreeMap::new(),
        actors: Vec::new(),
        cases: Vec::new(),
        integrity: Integrity {
            verified: true,
            proven: None,
            records: 9,
            checkpoint: "station-00000007\n9\nAAAA\n\n— station-00000007 BBBB\n".to_owned(),
            public_key: "station-00000007+exercise".to_owned(),
            message: String::new(),
        },
        sources: vec!["Made-up data, CC BY 4.0".to_owned()],
        language: Language::En,
        correction: None,
    }
}

fn report_canary(number: u8) -> ReportCanary {
    ReportCanary {
        canary_id: canary(number),
        kind: "twilio".to_owned(),
        kind_name: "Twilio account".to_owned(),
        kind_names: [(Language::Es, "Cuenta de Twilio".to_owned())].into(),
        title: format!("Key {number}"),
        labels: BTreeMap::from([("host".to_owned(), "web-1".to_owned())]),
        place: (number != 3).then(|| format!("/srv/app{number}/.env")),
        planted: Some(at(-1000)),
        last_checked: Some(at(-10)),
        uprooted: None,
        minted: at(-1001),
        retired: None,
        first_used: None,
        attack: vec!["T1552.001".to_owned()],
    }
}

fn found(field: &str, carrier: Carrier) -> MatchedField {
    MatchedField {
        field: field.to_owned(),
        carrier,
    }
}

fn tool() -> Tool {
    Tool {
        name: Some("Wget".to_owned()),
        claimed: Some("curl".to_owned()),
        contradicts: true,
        reasons: vec!["Its TLS handshake is that of Wget.".to_owned()],
        rules: 1,
    }
}

fn trip(sequence: u64) -> ReportTrip {
    let addresses = ["[2001:db8:77:1::9]:54321", "203.0.113.77:54321"];
    let address = addresses[usize::from(!sequence.is_multiple_of(2))];
    ReportTrip {
        tool: Some(tool()),
        trip: Trip {
            id: trip_id(sequence),
            canary: canary(1),
            kind: "twilio".to_owned(),
            fields: vec![found("auth_token", Carrier::Basic)],
            observed: Observed {
                time: at(i64::try_from(sequence).unwrap() * 7),
                peer: address.parse().unwrap(),
                forwarded: None,
                observer: None,
                local: "192.0.2.1:8080".parse().unwrap(),
                listener: "http".to_owned(),
                protocol: "http/1.1".to_owned(),
                size: 300,
                truncated: false,
                signals: [("ja4".to_owned(), "t13d3112h2_a_b".to_owned())].into(),
                fingerprint: "0123456789abcdef".to_owned(),
            },
            claims: Some(Claims {
                method: Claimed::new("POST".to_owned()),
                target: Claimed::new("/sekrit-bait-value?n=12025550142".to_owned()),
                host: Claimed::new("bait.example".to_owned()),
                agent: Claimed::new("curl/8.14.1 (alice@corp.example)".to_owned()),
                captured: BTreeMap::from([
                    ("sms.to".to_owned(), claimed(&["+12025550142"])),
                    ("sms.from".to_owned(), claimed(&["+12025550100"])),
                    ("sms.body".to_owned(), claimed(&["We met in zanzibar, see https://cb.example/a"])),
                    ("sms.callback".to_owned(), claimed(&["https://cb.example/x"])),
                    ("s3.bucket".to_owned(), claimed(&["eu-secret-7"])),
                ]),
                ..Claims::default()
            }),
            decoy: DecoyRecord {
                kind: "twilio".to_owned(),
                rule: "POST /2010-04-01/Accounts/{account_sid}/Messages.json".to_owned(),
                outcome: DecoyOutcome::Accepted,
                status: 201,
            },
            count: 1,
            times: Vec::new(),
        },
        conclusion: Conclusion {
            trip: trip_id(sequence),
            network: NetworkFacts {
                country: Some("DE".to_owned()),
                city: Some("Berlin".to_owned()),
                coordinates: Some((52_500_000, 13_400_000)),
                asn: Some(64_500),
                as_name: Some("Example".to_owned()),
                sources: vec!["DB 2026-06-01".to_owned()],
                ..NetworkFacts::default()
            },
            judgement: Judgement {
                verdict: Verdict::Intruder,
                reasons: vec!["secret presented from 203.0.113.77".to_owned()],
                rules: 1,
            },
            incident: IncidentId(trip_id(1)),
            actor: ActorId(trip_id(1)),
            evidence: vec![Evidence {
                signal: "address".to_owned(),
                detail: "same address 203.0.113.77".to_owned(),
                to: (sequence > 1).then(|| trip_id(1)),
                grade: Grade::A1,
            group: Some(lapwing_core::Group::Network),
            centibits: 850,
            }],
 session: Some(trip_id(1)),
 mute: None,
        },
        raw: Some(
            b"POST /sekrit-bait-value HTTP/1.1\r\nHost: bait.example\r\nX-Raw-Header: \x07\x1b[31m\r\n\r\nhttp://bait.example/x"
                .to_vec(),
        ),
    }
}

fn flood() -> Report {
    let mut one = trip(9);
    one.trip.count = 4_980;
    one.trip.times = (0..100).map(|step| at(63 + step * 10)).collect();
    one.trip.claims = None;
    one.raw = None;
    let mut all = report(vec![trip(1), one]);
    all.incidents.push(Incident {
        id: IncidentId(trip_id(1)),
        canary: canary(1),
        actor: ActorId(trip_id(1)),
        verdict: Verdict::Intruder,
        first: at(7),
        last: at(1053),
        count: 4_981,
        latest: trip_id(9),
        state: IncidentState::Open,
        untold: Untold::Nothing,
    });
    all.actors.push(Actor {
        id: ActorId(trip_id(1)),
        first: at(7),
        last: at(1053),
        count: 6_000,
        addresses: Vec::new(),
        fingerprints: Vec::new(),
        canaries: vec![canary(1)],
        latest: trip_id(9),
    });
    all
}

/// Hostile text in every field that a peer, a database or a careless operator can fill.
fn hostile() -> Report {
    let evil = [
        "<script>alert(1)</script>",
        "=HYPERLINK(\"http://bait.example/x\",\"a\")",
        "[x](javascript:alert(1)) | `code` ![](https://cb.example/i.png) ```",
        "\u{1b}]0;title\u{7}\u{202e}gpj.exe\r\n# heading",
        "@everyone \"><img src=x onerror=\"alert(1)\">",
        "+1\t-1\u{0}",
    ];
    let trips = (0..evil.len() as u64).map(|index| {
        let text = evil[usize::try_from(index).unwrap()];
        let mut one = trip(index + 1);
        let names = ["sms.to", "sms.body", "sms.from", "sms.callback", text];
        one.trip.claims = Some(Claims {
            method: Claimed::new(text.to_owned()),
            target: Claimed::new(text.to_owned()),
            host: Claimed::new(text.to_owned()),
            agent: Claimed::new(text.to_owned()),
            forwarding: vec![(text.to_owned(), Claimed::new(text.to_owned()))],
            headers: vec![(text.to_owned(), Claimed::new(text.to_owned()))],
            captured: names
                .iter()
                .map(|&name| (name.to_owned(), claimed(&[text, evil[0]])))
                .collect(),
        });
        one.trip.kind = text.to_owned();
        one.trip.fields[0].field = text.to_owned();
        one.trip.decoy.rule = text.to_owned();
        one.trip.observed.fingerprint = text.to_owned();
        one.trip.observed.signals = ["ja4", "h1"]
            .map(|it| (it.to_owned(), text.to_owned()))
            .into();
        one.conclusion.network.country = Some(text.to_owned());
        one.conclusion.network.as_name = Some(text.to_owned());
        one.conclusion.network.special = Some(text.to_owned());
        one.conclusion.network.sources = vec![text.to_owned()];
        one.conclusion.judgement.reasons = vec![text.to_owned()];
        one.conclusion.evidence[0].detail = text.to_owned();
        one.raw = Some(text.as_bytes().to_vec());
        one
    });
    let mut all = report(trips.collect());
    all.operator = evil[4].to_owned();
    all.canaries[0].title = evil[2].to_owned();
    all.canaries[0].place = Some(evil[0].to_owned());
    all.canaries[1].title = evil[3].to_owned();
    all.integrity.message = evil[0].to_owned();
    all
}

fn battery() -> Vec<(&'static str, Report)> {
    let mut exercise = report(vec![trip(1), trip(2)]);
    exercise.exercise = true;
    exercise.range = (Some(at(0)), Some(at(5000)));
    let mut drill = trip(1);
    drill.conclusion.judgement.verdict = Verdict::Drill;
    let mut nowhere = trip(1);
    nowhere.conclusion.network = NetworkFacts {
        special: Some("loopback".to_owned()),
        ..NetworkFacts::default()
    };
    nowhere.trip.canary = canary(200);
    let mut broken = report(vec![trip(1)]);
    broken.integrity.verified = false;
    let mut proven = report(vec![trip(1)]);
    (proven.integrity.proven, proven.integrity.records) = (Some(1), 1_000_000);
    vec![
        ("empty", report(Vec::new())),
        ("single", report(vec![trip(1)])),
        ("many", report((1..=700).map(trip).collect())),
        ("flood", flood()),
        ("exercise", exercise),
        ("drill", report(vec![drill])),
        ("unlisted canary, no country", report(vec![nowhere])),
        ("unverified", broken),
        ("proven without the rest", proven),
        ("hostile", hostile()),
    ]
}

fn render(name: &str, report: &Report, profile: Profile) -> String {
    let format = FORMATS.iter().find(|format| format.name == name).unwrap();
    String::from_utf8((format.render)(report, profile).unwrap()).unwrap()
}

/// As [`render`]; `None` from a format that has to be in full, and is not asked to be.
fn written(name: &str, report: &Report, profile: Profile) -> Option<String> {
    let format = FORMATS.iter().find(|format| format.name == name).unwrap();
    match (format.render)(report, profile) {
        Ok(bytes) if name == "pdf" => Some(text_of(&bytes)),
        Ok(bytes) => Some(String::from_utf8(bytes).unwrap()),
        Err(ReportError::XarfMasked | ReportError::LetterMasked) if profile == Profile::Masked => {
            None
        }
        Err(ReportError::LetterNobody | ReportError::LetterExercise) => None,
        Err(error) => panic!("{name}: {error}"),
    }
}

/// What a PDF shows.
fn text_of(bytes: &[u8]) -> String {
    let document = lopdf::Document::load_mem(bytes).unwrap();
    let pages: Vec<u32> = document.get_pages().into_keys().collect();
    document.extract_text(&pages).unwrap()
}

fn json(report: &Report, profile: Profile) -> Value {
    serde_json::from_str(&render("json", report, profile)).unwrap()
}

fn each(check: impl Fn(&str, &Report, Profile, &str, &str)) {
    for (case, report) in battery() {
        for profile in [Profile::Masked, Profile::Full] {
            for format in FORMATS {
                if let Some(text) = written(format.name, &report, profile) {
                    check(case, &report, profile, format.name, &text);
                }
            }
        }
    }
}

/// Markdown without its code spans, in which nothing has a meaning.
fn outside_code(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('`') {
        out.push_str(&rest[..start]);
        let fence = rest[start..]
            .bytes()
            .take_while(|byte| *byte == b'`')
            .count();
        if out.ends_with('\\') {
            rest = &rest[start + 1..];
            continue;
        }
        let mark = "`".repeat(fence);
        let mut from = start + fence;
        let end = loop {
            let found = from + rest[from..].find(&mark).expect("every fence is closed");
            let run = rest[found..]
                .bytes()
                .take_while(|byte| *byte == b'`')
                .count();
            if run == fence {
                break found + run;
            }
            from = found + run;
        };
        rest = &rest[end..];
    }
    out + rest
}

#[test]
fn nothing_hostile_passes() {
    each(|case, _, profile, format, text| {
        let text = if format == "md" {
            outside_code(text).replace("\\]", "")
        } else {
            text.to_owned()
        };
        for marker in HOSTILE {
            // What has a meaning in one syntax is text like any other in the next.
            let tag = marker.starts_with('<') || marker.contains("onerror");
            let inert = match format {
                "md" => marker.contains("onerror"),
                "html" | "svg" => marker.contains("]("),
                _ => tag || marker.contains("]("),
            };
            assert!(
                inert || !text.contains(marker),
                "{case} {profile:?} {format}: {marker:?}"
            );
        }
    });
}

#[test]
fn masked_shows_no_secret() {
    for (case, report) in battery().into_iter().filter(|(case, _)| *case != "hostile") {
        for format in FORMATS {
            let text = written(format.name, &report, Profile::Masked).unwrap_or_default();
            for secret in SECRETS {
                assert!(!text.contains(secret), "{case} {}: {secret}", format.name);
            }
        }
        if case == "single" {
            let full = json(&report, Profile::Full).to_string();
            for secret in [
                "12025550142",
                "zanzibar",
                "54321",
                "sekrit-bait-value",
                "203.0.113.77",
            ] {
                assert!(full.contains(secret), "the full profile lacks {secret}");
            }
            assert!(full.contains("hxxps://cb[.]example/x"));
        }
    }
}

#[test]
fn a_country_is_never_a_point() {
    let all = report(vec![trip(1)]);
    for profile in [Profile::Masked, Profile::Full] {
        let network = &json(&all, profile)["networks"][0];
        assert_eq!(
            network["latitude"],
            Value::Null,
            "coordinates without a radius are a centroid"
        );
        assert_eq!(network["precision"], "somewhere in the country");
    }
    let mut precise = trip(1);
    precise.conclusion.network.radius_km = Some(50);
    let all = report(vec![precise]);
    assert_eq!(
        json(&all, Profile::Masked)["networks"][0]["city"],
        Value::Null
    );
    assert_eq!(json(&all, Profile::Full)["networks"][0]["radius_km"], 50);
}

#[test]
fn formats_agree() {
    for (case, report) in battery() {
        for profile in [Profile::Masked, Profile::Full] {
            let json = json(&report, profile);
            let trips = json["trips"].as_array().unwrap();
            let uses = json["totals"]["uses"].as_u64().unwrap();
            assert_eq!(trips.len(), report.trips.len(), "{case}");
            assert_eq!(
                trips
                    .iter()
                    .map(|one| one["uses"].as_u64().unwrap())
                    .sum::<u64>(),
                uses
            );
            let table = render("csv", &report, profile);
            let mut reader = csv::Reader::from_reader(table.as_bytes());
            let column = reader
                .headers()
                .unwrap()
                .iter()
                .position(|name| name == "uses")
                .unwrap();
            let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
            assert_eq!(rows.len(), trips.len(), "{case}");
            assert_eq!(
                rows.iter()
                    .map(|row| row[column].parse::<u64>().unwrap())
                    .sum::<u64>(),
                uses,
                "{case}"
            );
            let (html, md) = (
                render("html", &report, profile),
                render("md", &report, profile),
            );
            for sentence in json["summary"].as_array().unwrap() {
                let start: String = sentence
                    .as_str()
                    .unwrap()
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || " ,:".contains(*c))
                    .collect();
                assert!(
                    html.contains(&start) && md.contains(&start),
                    "{case}: {start}"
                );
            }
            if !trips.is_empty() {
                let caution = json["caution"].as_str().unwrap();
                assert!(
                    [&html, &md, &table]
                        .iter()
                        .all(|text| text.contains(caution)),
                    "{case}"
                );
            }
        }
    }
}

#[test]
fn no_heading_and_no_fact_is_empty() {
    for (case, mut report) in battery() {
        for language in [Language::En, Language::Es] {
            report.language = language;
            let md = render("md", &report, Profile::Masked);
            let mut lines = md.lines().filter(|line| !line.is_empty()).peekable();
            while let Some(line) = lines.next() {
                assert!(
                    !(line.starts_with("- ") && line.ends_with(": ")),
                    "{case}: {line}"
                );
                let level = |line: &str| line.bytes().take_while(|byte| *byte == b'#').count();
                if level(line) > 0 {
                    let below = lines.peek().map_or(1, |next| level(next));
                    assert!(below == 0 || below > level(line), "{case}: {line}");
                }
            }
        }
    }
}

#[test]
fn every_format_names_the_tool_and_what_it_belies() {
    let report = report(vec![trip(1)]);
    for profile in [Profile::Masked, Profile::Full] {
        for format in ["html", "md", "json", "csv"] {
            let text = render(format, &report, profile);
            assert!(text.contains("Wget"), "{format}");
            assert!(text.contains("t13d3112h2_a_b"), "{format}");
        }
        for format in ["html", "md"] {
            let text = render(format, &report, profile);
            assert!(
                text.contains("Wget, which says that it is curl"),
                "{format}"
            );
        }
    }
}

#[test]
fn json_keeps_its_schema() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/report-1.json");
    let text = lapwing_core::bounded::read_text(&path, 1 << 20).unwrap();
    let schema: Value = serde_json::from_str(&text).unwrap();
    for (case, report) in battery() {
        for profile in [Profile::Masked, Profile::Full] {
            valid(&schema, &schema, &json(&report, profile), case);
        }
    }
}

/// The part of JSON Schema that the file uses, patterns apart.
fn valid(root: &Value, schema: &Value, value: &Value, path: &str) {
    if let Some(name) = schema["$ref"].as_str() {
        return valid(
            root,
            root.pointer(&name[1..]).expect("a definition"),
            value,
            path,
        );
    }
    if let Some(options) = schema["oneOf"].as_array() {
        let option = if value.is_null() {
            &options[1]
        } else {
            &options[0]
        };
        return valid(root, option, value, path);
    }
    if let Some(constant) = schema.get("const") {
        assert_eq!(constant, value, "{path}");
    }
    if let Some(options) = schema["enum"].as_array() {
        assert!(options.contains(value), "{path}: {value}");
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => return,
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_u64() || number.is_i64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    assert!(kinds.contains(&kind), "{path}: {kind} is not {kinds:?}");
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        valid(root, &schema["items"], item, &format!("{path}[{index}]"));
    }
    let Some(object) = value.as_object() else {
        return;
    };
    for name in schema["required"].as_array().into_iter().flatten() {
        assert!(
            object.contains_key(name.as_str().unwrap()),
            "{path}: no {name}"
        );
    }
    for (name, item) in object {
        let inner = schema["properties"]
            .get(name)
            .unwrap_or(&schema["additionalProperties"]);
        assert!(inner.is_object(), "{path}: {name} is not in the schema");
        valid(root, inner, item, &format!("{path}.{name}"));
    }
}

#[test]
fn html_loads_nothing() {
    each(|case, _, _, format, text| {
        if format != "html" {
            return;
        }
        assert!(text.contains("default-src 'none'"), "{case}");
        for load in [
            " src=", " href=", "@import", "url(", "<script", "<link", "<iframe", "<form", "<image",
        ] {
            // Escaped text of a peer may hold the bare words, never a tag.
            let found = text.match_indices(load).any(|(place, _)| {
                let tag = text[..place].rfind('<').unwrap_or(0);
                load.starts_with('<')
                    || load.starts_with('@')
                    || load == "url("
                    || !text[tag..place].contains('>')
            });
            assert!(!found, "{case}: {load}");
        }
    });
}

#[test]
fn csv_has_no_formula() {
    for (case, report) in battery() {
        let table = render("csv", &report, Profile::Full);
        assert!(table.contains("\r\n"));
        let mut reader = csv::Reader::from_reader(table.as_bytes());
        for row in reader.records().map(Result::unwrap) {
            for cell in &row {
                assert!(
                    !cell.starts_with(['=', '+', '-', '@', '\t', '\r']),
                    "{case}: {cell}"
                );
            }
        }
    }
}

#[test]
fn an_exercise_says_so_everywhere() {
    let (_, report) = battery().swap_remove(4);
    assert!(report.exercise);
    let html = render("html", &report, Profile::Masked);
    assert!(
        html.matches("EXERCISE").count() >= 4,
        "title, banner, watermark, map"
    );
    assert!(
        render("md", &report, Profile::Masked)
            .matches("EXERCISE")
            .count()
            >= 10
    );
    assert_eq!(json(&report, Profile::Masked)["exercise"], true);
    assert!(render("csv", &report, Profile::Masked).contains(",true,"));
    let (_, plain) = battery().swap_remove(1);
    assert!(!render("html", &plain, Profile::Masked).contains("EXERCISE"));
}

#[test]
fn tells_which_copy_leaked() {
    let canary = &json(&report(vec![trip(1)]), Profile::Masked)["canaries"][0];
    assert_eq!(
        canary["left_after"], canary["planted"],
        "a check does not narrow the window"
    );
    assert_eq!(canary["left_before"], canary["first_use"]);
    assert!(
        canary["statement"]
            .as_str()
            .unwrap()
            .starts_with("The copy that leaked is the one at /srv/app1/.env.")
    );
    let (_, drill) = battery().swap_remove(5);
    let all = json(&drill, Profile::Masked);
    assert_eq!(
        all["canaries"][0]["left_before"],
        Value::Null,
        "a drill is no leak"
    );
    assert_eq!(all["totals"]["canaries_used"], 0);
}

#[test]
fn counts_what_was_tried() {
    let intent = &json(&flood(), Profile::Masked)["intent"];
    assert_eq!(intent["messages"]["messages"], 1);
    assert_eq!(intent["messages"]["uses_without_content"], 4_980);
    assert_eq!(intent["messages"]["number_list"][0]["text"], "+1…42");
    assert_eq!(intent["messages"]["texts"][0]["shown"], "W… m… i… z… s… h…");
    assert_eq!(intent["callbacks"]["distinct"], 1);
    assert_eq!(intent["calls"][0]["uses"], 4_981);
}

#[test]
fn a_page_caps_its_listing_and_says_so() {
    let (_, many) = battery().swap_remove(2);
    let html = render("html", &many, Profile::Full);
    assert!(html.contains("The newest 200 of 700 trips; the JSON and CSV reports hold all."));
    assert!(html.len() < 600_000, "{} bytes", html.len());
}

#[test]
fn what_was_not_read_is_said() {
    let cases = battery();
    let (_, proven) = cases
        .iter()
        .find(|(case, _)| case.starts_with("proven"))
        .unwrap();
    let mut proven = proven.clone();
    for (language, said) in [
        (
            Language::En,
            "in the signed journal of 1,000,000. The others were not read",
        ),
        (
            Language::Es,
            "del diario firmado, que tiene 1\u{a0}000\u{a0}000. Las demás no se leyeron",
        ),
    ] {
        proven.language = language;
        for format in ["html", "md"] {
            let page = render(format, &proven, Profile::Masked);
            assert!(page.contains(said), "{format}, {language:?}");
        }
    }
}
