//! What people read: the first finding, the route, the PDF, letters, languages, corrections.

#![allow(clippy::unwrap_used, reason = "test helpers outside test functions")]

mod golden;

use std::collections::BTreeSet;

use lapwing_core::{Publication, Published, ReportId, Timestamp};
use lapwing_report::{
    FORMATS, Language, Profile, Report, ReportError, Withdrawal, letters, withdrawal,
};
use serde_json::{Value, json};

fn bytes(name: &str, report: &Report, profile: Profile) -> Vec<u8> {
    let format = FORMATS.iter().find(|format| format.name == name).unwrap();
    (format.render)(report, profile).unwrap()
}

fn text(name: &str, report: &Report, profile: Profile) -> String {
    String::from_utf8(bytes(name, report, profile)).unwrap()
}

/// What a PDF shows, lines joined.
fn shown(pdf: &[u8]) -> String {
    let document = lopdf::Document::load_mem(pdf).unwrap();
    let pages: Vec<u32> = document.get_pages().into_keys().collect();
    let text = document.extract_text(&pages).unwrap();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn findings(report: &Report) -> Value {
    serde_json::from_str(&text("json", report, Profile::Masked)).unwrap()
}

/// A use of canary 1 or 2 by an actor, so many seconds after the start.
fn touch(number: u64, canary: u8, actor: u64, seconds: i64) -> Value {
    let mut one = golden::trip(number, "203.0.113.77:50412");
    let id = format!("019a2b{canary:02x}-0506-7f08-8a0a-0b0c0d0e0f{canary:02x}");
    one["trip"]["canary"] = json!(id);
    one["trip"]["observed"]["time"] = json!(1_790_000_000_000_000 + seconds * 1_000_000);
    one["conclusion"]["actor"] = json!(format!("a0a1b2c3d-{actor}"));
    one
}

#[test]
fn the_copy_that_leaked_is_the_first_finding() {
    let report = golden::plain();
    let statement = "The first to be used was “Key 1” (Twilio account). The copy that leaked is the one at /srv/app1/.env. It left after 21 September 2026, 13:56:40 UTC and before 21 September 2026, 14:13:27 UTC.";
    let all = findings(&report);
    assert_eq!(all["leaks"][0]["place"], "/srv/app1/.env");
    assert_eq!(all["leaks"][0]["after"], "2026-09-21T13:56:40Z");
    assert_eq!(all["leaks"][0]["before"], "2026-09-21T14:13:27Z");
    assert!(all["summary"][0].as_str().unwrap().starts_with(statement));
    let md = text("md", &report, Profile::Masked);
    let section = md.split("\n## ").nth(1).unwrap();
    assert!(section.starts_with("Which copy got out"), "{section}");
    assert!(section.contains("between when"));
    let html = text("html", &report, Profile::Masked);
    let body = html.split("<div class=\"summary\">").nth(1).unwrap();
    assert!(
        body.split("</p>").next().unwrap().contains(statement),
        "{body:.400}"
    );
    let pdf = shown(&bytes("pdf", &report, Profile::Masked));
    assert!(
        pdf.find(statement).unwrap() < pdf.find("What was touched").unwrap(),
        "{pdf:.900}"
    );
}

#[test]
fn a_drill_is_no_leak_and_no_step() {
    let all = findings(&golden::drills());
    // The operator's own use is one: it may be a host in other hands.
    assert_eq!(all["route"]["actors"][0]["uses"], 1);
    let mut only = golden::drills();
    only.trips.truncate(1);
    let all = findings(&only);
    assert_eq!(all["leaks"], json!([]));
    assert_eq!(all["route"], json!({"nodes": [], "actors": []}));
    assert!(
        all["summary"][0]
            .as_str()
            .unwrap()
            .contains("announced drill")
    );
}

#[test]
fn a_route_counts_ways_and_measures_them() {
    let report = golden::report(vec![
        touch(1, 1, 1, 0),
        touch(2, 1, 1, 10),
        touch(3, 2, 1, 70),
        touch(4, 2, 9, 75),
        touch(5, 1, 1, 100),
        touch(6, 2, 1, 101),
        touch(7, 1, 1, 3_701),
    ]);
    let route = &findings(&report)["route"];
    let (first, second) = (&route["nodes"][0], &route["nodes"][1]);
    assert_eq!(first["sort"], "gateway", "texts were ordered through it");
    let actor = &route["actors"][0];
    assert_eq!(actor["uses"], 6);
    assert_eq!(actor["steps"][0]["after_seconds"], Value::Null);
    assert_eq!(actor["steps"][1]["canary"], second["canary"]);
    assert_eq!(actor["steps"][1]["after_seconds"], 70);
    let there = &actor["edges"][0];
    assert_eq!(
        (&there["from"], &there["to"]),
        (&first["canary"], &second["canary"])
    );
    assert_eq!(
        (&there["times"], &there["shortest_seconds"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(
        there["longest_seconds"], 60,
        "from the last use, not from the first"
    );
    let back = &actor["edges"][1];
    assert_eq!(
        (&back["times"], &back["longest_seconds"]),
        (&json!(2), &json!(3_600))
    );
    assert_eq!(route["actors"][1]["edges"], json!([]));
    let md = text("md", &report, Profile::Masked);
    assert!(md.contains(", 1 min 10 s later: `/srv/app2/.env`"), "{md}");
    assert!(md.contains("It went back and forth 3 more times"), "{md}");
    let dot = text("dot", &report, Profile::Masked);
    assert!(dot.contains("a0_0 -> a0_1 [label=\"2 ×, 1 s\"]"), "{dot}");
    let svg = text("svg", &report, Profile::Masked);
    assert!(svg.contains("↓2 ↑2 1 s"), "{svg}");
}

#[test]
fn a_route_of_a_thousand_trips_is_folded() {
    let trips = (0..1_000).map(|number| {
        let number = number as u64;
        touch(
            number + 1,
            1 + (number % 2) as u8,
            1 + number % 30,
            number as i64 * 9,
        )
    });
    let mut report = golden::report(trips.collect());
    let svg = text("svg", &report, Profile::Masked);
    assert!(svg.len() < 20_000, "{} bytes", svg.len());
    assert!(svg.contains("22 further actors are not shown"), "{svg}");
    let first = report.trips[0].conclusion.actor;
    for one in &mut report.trips {
        one.conclusion.actor = first;
    }
    let svg = text("svg", &report, Profile::Masked);
    assert!(svg.contains("↓500 ↑499 9 s"), "{svg}");
    assert!(svg.matches("<circle").count() == 2, "{svg}");
}

#[test]
fn drawings_load_nothing_and_hold_no_markup_of_a_peer() {
    for (case, report) in golden::all() {
        for profile in [Profile::Masked, Profile::Full] {
            let svg = text("svg", &report, profile);
            for bad in [
                "<script",
                "<img",
                "href",
                "url(",
                "<image",
                "<foreignObject",
                "\u{1b}",
            ] {
                assert!(!svg.contains(bad), "{case}: {bad}");
            }
            assert_eq!(svg.matches("<svg").count(), 1, "{case}");
        }
    }
}

#[test]
fn a_pdf_is_the_same_each_time_and_numbers_its_pages() {
    for (case, report) in golden::all() {
        let pdf = bytes("pdf", &report, Profile::Full);
        assert!(pdf == bytes("pdf", &report, Profile::Full), "{case}");
        let document = lopdf::Document::load_mem(&pdf).unwrap();
        let pages = document.get_pages().len();
        assert!(pages >= 2, "{case}: {pages}");
        let text = shown(&pdf);
        for page in 1..=pages {
            assert!(
                text.contains(&format!("{page} / {pages}")),
                "{case}: {page}"
            );
        }
        assert!(text.contains("not a person"), "{case}");
        for mark in [
            &b"/JavaScript"[..],
            b"/URI",
            b"/Launch",
            b"/OpenAction",
            b"/EmbeddedFile",
        ] {
            assert!(
                !pdf.windows(mark.len()).any(|window| window == mark),
                "{case}"
            );
        }
    }
}

#[test]
fn what_the_fonts_lack_comes_out_escaped() {
    let mut report = golden::plain();
    report.canaries[0].title = "鍵 (clé) €".to_owned();
    let text = shown(&bytes("pdf", &report, Profile::Masked));
    assert!(text.contains("\\u{9375} (clé) €"), "{text}");
}

#[test]
fn nothing_of_third_parties_is_in_what_is_published() {
    let (report, seeds) = golden::seeded();
    for language in Language::ALL {
        let mut report = report.clone();
        report.language = *language;
        let drawn = [
            shown(&bytes("pdf", &report, Profile::Masked)),
            text("svg", &report, Profile::Masked),
            text("dot", &report, Profile::Masked),
            text("html", &report, Profile::Masked),
            text("md", &report, Profile::Masked),
        ];
        for seed in &seeds {
            // A port may be part of another number.
            let word = |text: &str| {
                let mut words = text.split(|c: char| !c.is_alphanumeric());
                words.any(|word| word == seed)
            };
            for text in &drawn {
                let found = if seed.len() > 5 {
                    text.contains(seed.as_str())
                } else {
                    word(text)
                };
                assert!(!found, "{language:?}: {seed}");
            }
        }
    }
}

#[test]
fn a_letter_goes_to_each_network_an_intruder_came_from() {
    let report = golden::plain();
    let all = letters(&report, Profile::Full).unwrap();
    let names: Vec<&str> = all.iter().map(|letter| letter.network.as_str()).collect();
    assert_eq!(names, ["AS64500"]);
    let letter = String::from_utf8(all[0].message.clone()).unwrap();
    assert!(letter.starts_with("Subject: "), "{letter:.80}");
    for line in letter.lines() {
        assert!(line.len() <= 998);
    }
    let flat = letter.split_whitespace().collect::<Vec<_>>().join(" ");
    for seen in [
        "2026-09-21T14:13:27.000123Z: from 203.0.113.77 port 50412 to 198.51.100.80:8080, http/1.1",
        "with the time in UTC",
        "not a person",
        "We accuse nobody",
        "abuse@relay.example",
    ] {
        assert!(flat.contains(seen), "{seen} is not in\n{flat}");
    }
    // Crawlers, previews, repetitions, our own, drills, private networks.
    for other in ["203.0.117.", "10.0.0.7"] {
        assert!(!letter.contains(other), "{other}");
    }
    assert!(!letter.contains("To: ") && !letter.contains("From: "));
}

#[test]
fn networks_without_a_number_are_told_apart_by_what_is_routed() {
    let mut report = golden::plain();
    for one in &mut report.trips {
        one.conclusion.network.asn = None;
        one.conclusion.network.as_name = None;
    }
    let all = letters(&report, Profile::Full).unwrap();
    let names: BTreeSet<String> = all.into_iter().map(|letter| letter.network).collect();
    let expected = [
        "2001_db8_77__-48",
        "203.0.113.0-24",
        "203.0.114.0-24",
        "203.0.115.0-24",
        "203.0.116.0-24",
    ];
    assert_eq!(
        names.iter().map(String::as_str).collect::<Vec<_>>(),
        expected
    );
}

#[test]
fn no_letter_where_there_is_nobody_to_write_to() {
    let error = |report: &Report, profile| letters(report, profile).err().unwrap();
    let plain = golden::plain();
    assert!(matches!(
        error(&plain, Profile::Masked),
        ReportError::LetterMasked
    ));
    assert!(matches!(
        error(&golden::exercise(), Profile::Full),
        ReportError::LetterExercise
    ));
    assert!(matches!(
        error(&golden::drills(), Profile::Full),
        ReportError::LetterNobody
    ));
    let message = error(&plain, Profile::Masked).to_string();
    assert!(message.contains("whole addresses and ports"), "{message}");
}

#[test]
fn a_letter_tells_a_network_nothing_of_others() {
    let (report, seeds) = golden::seeded();
    let mbox = text("letter", &report, Profile::Full);
    let own: BTreeSet<String> = report
        .trips
        .iter()
        .flat_map(|one| {
            let source = one.trip.observed.source();
            [source.ip().to_string(), source.port().to_string()]
        })
        .collect();
    for seed in seeds.iter().filter(|seed| !own.contains(*seed)) {
        assert!(!mbox.contains(seed.as_str()), "{seed}");
    }
    let hostile = text("letter", &golden::hostile(), Profile::Full);
    for line in hostile.lines() {
        assert!(
            !line.starts_with("From ") || line.starts_with("From - "),
            "{line}"
        );
        assert!(
            !line.chars().any(lapwing_core::text::is_unprintable),
            "{line:?}"
        );
    }
}

/// The fixed texts of English, by name.
fn english() -> Vec<(String, String)> {
    let source = include_str!("../src/words/en.rs");
    let mut out = Vec::new();
    let mut open: Option<String> = None;
    for line in source.lines() {
        let line = line.trim();
        if let Some((name, rest)) = line.split_once(": \"") {
            out.push((name.to_owned(), rest.trim_end_matches("\",").to_owned()));
        } else if let Some(name) = line.strip_suffix(':') {
            open = Some(name.to_owned());
        } else if let (Some(name), Some(text)) = (open.take(), line.strip_prefix('"')) {
            out.push((name, text.trim_end_matches("\",").to_owned()));
        }
    }
    out
}

#[test]
fn a_spanish_report_has_no_english_of_ours() {
    let texts = english();
    assert!(texts.len() > 250, "{}", texts.len());
    let mut checked = 0;
    for (case, mut report) in golden::all() {
        report.language = Language::Es;
        let html = text("html", &report, Profile::Full);
        assert!(html.contains("<html lang=\"es\">"), "{case}");
        let pdf = shown(&bytes("pdf", &report, Profile::Full));
        for (name, text) in &texts {
            for piece in text.split(['{', '}', '|']).filter(|piece| piece.len() > 22) {
                checked += 1;
                let piece = piece.trim();
                assert!(
                    !html.contains(piece),
                    "{case}: {name} is in English: {piece}"
                );
            }
        }
        assert!(pdf.contains("Qué copia salió"), "{case}");
    }
    assert!(checked > 1_000);
}

#[test]
fn a_spanish_report_counts_as_spanish_does() {
    let mut report = golden::flood();
    report.language = Language::Es;
    let summary = findings(&report)["summary"].to_string();
    assert!(summary.contains("5098 veces en total"), "{summary}");
    assert!(summary.contains("Países Bajos"), "{summary}");
    assert!(
        summary.contains("21 de septiembre de 2026 a las 14:13:27 UTC"),
        "{summary}"
    );
    let mut one = golden::plain();
    one.trips.truncate(1);
    one.language = Language::Es;
    let summary = findings(&one)["summary"].to_string();
    assert!(
        summary.contains("se usó 1 de 2 señuelos, una vez en total"),
        "{summary}"
    );
    assert!(summary.contains("desde 1 dirección de red"), "{summary}");
}

#[test]
fn a_published_report_names_its_id() {
    let mut report = golden::plain();
    for format in ["html", "md", "json"] {
        assert!(
            !text(format, &report, Profile::Masked).contains("0badcafe"),
            "{format}"
        );
    }
    report.correction = Some(ReportId::new(0x0bad_cafe));
    for format in ["html", "md", "json", "svg"] {
        assert!(
            text(format, &report, Profile::Masked).contains("0badcafe"),
            "{format}"
        );
    }
    let pdf = shown(&bytes("pdf", &report, Profile::Masked));
    assert!(pdf.contains("0badcafe"), "{pdf:.400}");
}

#[test]
fn a_correction_names_what_it_withdraws_and_why() {
    let time = |text: &str| Timestamp::parse(text).unwrap();
    for (format, language, extension) in [
        ("html", Language::En, "html"),
        ("md", Language::Es, "md"),
        ("pdf", Language::En, "pdf"),
        ("json", Language::Es, "txt"),
    ] {
        let published = Published {
            time: time("2026-11-21T09:00:00Z"),
            publication: Publication {
                report: ReportId::new(0x0bad_cafe),
                digest: "ab".repeat(32),
                format: format.to_owned(),
                language: language.code().to_owned(),
                filter: Vec::new(),
                trips: 9,
            },
            withdrawn: None,
        };
        let (named, bytes) = withdrawal(&Withdrawal {
            published: &published,
            time: time("2026-11-22T10:00:00Z"),
            reason: "An address was ours <script>",
            operator: "Example",
            language,
        })
        .unwrap();
        assert_eq!(named, extension);
        let text = match format {
            "pdf" => shown(&bytes),
            _ => String::from_utf8(bytes).unwrap(),
        };
        for part in [
            "0badcafe",
            &"ab".repeat(32),
            "An address was ours",
            "2026",
            "Example",
        ] {
            assert!(text.contains(part), "{format}: {part}\n{text}");
        }
        assert!(
            !matches!(format, "html" | "md") || !text.contains("<script"),
            "{format}"
        );
        let word = match language {
            Language::En => "withdrawn",
            Language::Es => "retir",
        };
        assert!(text.contains(word), "{format}");
    }
}

#[test]
fn reasons_stand_as_the_rules_give_them() {
    let mut report = golden::report(vec![golden::trip(1, "203.0.113.77:50412")]);
    let reasons = ["Opened.", "Called by name.", "Confidence is low."];
    report.trips[0].conclusion.judgement.reasons = reasons.map(str::to_owned).to_vec();
    let all = findings(&report);
    let said = all["verdicts"][0]["reasons"].as_array().unwrap();
    let said: Vec<&Value> = said.iter().map(|one| &one["text"]).collect();
    assert_eq!(said, reasons);
    let md = text("md", &report, Profile::Masked);
    assert!(
        md.contains("Opened. (1); Called by name. (1); Confidence is low. (1)"),
        "{md}"
    );
}

#[test]
fn a_list_says_whether_it_is_whole() {
    let md = |report: &Report| text("md", report, Profile::Masked);
    let plain = md(&golden::plain());
    assert!(plain.contains("All 14 on record"), "{plain}");
    assert!(plain.contains("| Twilio account | `POST /2010"), "{plain}");
    let flood = md(&golden::flood());
    assert!(flood.contains("The newest 100 of 119 trips"), "{flood}");
    let spanish = md(&golden::spanish(golden::seeded().0));
    assert!(spanish.contains(" valores: omitidos"), "{spanish}");
}
