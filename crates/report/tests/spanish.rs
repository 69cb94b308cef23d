//! A Spanish report holds no English but what it quotes: in every format that people read, and in the texts of JSON.

#![allow(clippy::unwrap_used, reason = "test helpers outside test functions")]

mod golden;

use lapwing_report::{FORMATS, Profile, Report, ReportError};
use serde_json::Value;

/// Words that no Spanish sentence has.
const ENGLISH: &[&str] = &[
    "about", "after", "all", "an", "and", "are", "at", "bait", "be", "before", "but", "by", "came",
    "can", "could", "each", "else", "from", "further", "had", "have", "in", "is", "it", "its",
    "known", "many", "may", "more", "not", "nothing", "of", "on", "only", "or", "other", "others",
    "same", "seen", "session", "sessions", "that", "the", "these", "they", "this", "to", "trip",
    "trips", "unknown", "used", "uses", "was", "were", "what", "when", "where", "whether", "which",
    "who", "whom", "whose", "with", "without", "would",
];

/// Reports whose own words are all ours; the others hold text of peers in every field.
fn reports() -> Vec<(&'static str, Report)> {
    let quoting = ["hostile", "long"];
    let all = golden::all().into_iter();
    all.filter(|(case, _)| !quoting.contains(case))
        .map(|(case, report)| (case, golden::spanish(report)))
        .collect()
}

fn bytes(name: &str, report: &Report, profile: Profile) -> Option<Vec<u8>> {
    let format = FORMATS.iter().find(|format| format.name == name).unwrap();
    match (format.render)(report, profile) {
        Ok(bytes) => Some(bytes),
        Err(
            ReportError::LetterMasked | ReportError::LetterExercise | ReportError::LetterNobody,
        ) => None,
        Err(error) => panic!("{name}: {error}"),
    }
}

/// The English words of a text, each with what stands around it.
fn english(text: &str) -> Vec<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let is_english = |word: &str| {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        // `CC BY` is a name.
        bare != bare.to_uppercase() && ENGLISH.contains(&bare.to_lowercase().as_str())
    };
    let around = |at: usize| words[at.saturating_sub(6)..words.len().min(at + 7)].join(" ");
    let found = (0..words.len()).filter(|at| is_english(words[*at]));
    found.map(around).collect()
}

/// What a page shows: without markup, style, and what it says is in English.
fn shown(html: &str) -> String {
    let mut out = String::new();
    let mut rest = html;
    while let Some((text, tag)) = rest.split_once('<') {
        out.push_str(text);
        out.push(' ');
        let (name, behind) = tag.split_once('>').unwrap_or((tag, ""));
        let end = match name {
            "style" => "</style>",
            name if name.starts_with("p lang=\"en\"") => "</p>",
            _ => "",
        };
        rest = behind.split_once(end).map_or(behind, |(_, rest)| rest);
        if end.is_empty() {
            rest = behind;
        }
    }
    out + rest
}

/// The texts of people in a JSON value: those of several words.
fn texts(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::String(text) if text.contains(' ') => out.push(text.clone()),
        Value::Array(all) => all.iter().for_each(|one| texts(one, out)),
        Value::Object(all) => all.values().for_each(|one| texts(one, out)),
        _ => {}
    }
}

/// What a person reads of a report in a format.
fn read(name: &str, bytes: &[u8]) -> String {
    if name == "pdf" {
        let document = lopdf::Document::load_mem(bytes).unwrap();
        let pages: Vec<u32> = document.get_pages().into_keys().collect();
        return document.extract_text(&pages).unwrap();
    }
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    match name {
        "html" | "svg" => shown(&text),
        // Names of columns are for programs.
        "csv" => text.split_once("\r\n").unwrap().1.replace([',', '"'], " "),
        "json" => {
            let mut all = Vec::new();
            texts(&serde_json::from_str(&text).unwrap(), &mut all);
            all.join("\n")
        }
        // Not the lines that part the messages.
        "letter" => {
            let lines = text.lines().filter(|line| !line.starts_with("From - "));
            lines.collect::<Vec<_>>().join("\n")
        }
        "dot" => text.replace("\\n", " ").replace('"', " "),
        _ => text,
    }
}

#[test]
fn a_spanish_report_has_no_english_sentence() {
    let (mut checked, mut found) = (0, Vec::new());
    for (case, report) in reports() {
        for name in ["html", "md", "pdf", "letter", "svg", "dot", "json", "csv"] {
            for profile in [Profile::Masked, Profile::Full] {
                let Some(bytes) = bytes(name, &report, profile) else {
                    continue;
                };
                let each = english(&read(name, &bytes)).into_iter();
                found.extend(each.map(|text| format!("{case}, {name}: {text}")));
                checked += 1;
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
    assert!(checked > 80, "{checked}");
}

#[test]
fn english_is_found_where_it_is() {
    let report = golden::concluded();
    for name in ["html", "md", "pdf", "letter", "svg", "dot", "json", "csv"] {
        let bytes = bytes(name, &report, Profile::Full).unwrap();
        assert!(!english(&read(name, &bytes)).is_empty(), "{name}");
    }
}

#[test]
fn what_other_parts_conclude_is_said_in_spanish() {
    let report = golden::spanish(golden::concluded());
    let html = read("html", &bytes("html", &report, Profile::Full).unwrap());
    for text in [
        "la misma dirección 203.0.113.77; débil: una salida que oculta a muchos",
        "no comparten el mismo saludo TLS (JA4)",
        "4 sesiones, unidas por",
        "a una proporción inicial de 1 a 32",
        "El programa dice ser una vista previa de enlaces (Slack)",
        "2 de 3 fuentes coinciden; otras dicen DE",
        "en listas como VPN (una VPN comercial), nube (Microsoft Azure en China)",
        "una salida de la red Tor en ese momento",
        "curl, git u otros, que dice ser Chromium sin interfaz",
        "ana sacó 2 sesiones de a0a1b2c3d-1: prueba nuestra",
        "Cuenta de Twilio",
        "lo que dijo el cliente, la petición tal como se envió",
    ] {
        assert!(html.contains(text), "{text} is not in\n{html}");
    }
    let masked = read("html", &bytes("html", &report, Profile::Masked).unwrap());
    assert!(masked.contains("la misma dirección 203.0.113.0/24; débil:"));
    assert!(!masked.contains("203.0.113.77"));
}

#[test]
fn programs_are_told_the_same_in_every_language() {
    let report = golden::concluded();
    let spanish = golden::spanish(report.clone());
    for name in [
        "stix",
        "misp",
        "xarf",
        "ocsf",
        "ecs",
        "cef",
        "ioc",
        "ioc-plain",
    ] {
        let Some(format) = FORMATS.iter().find(|format| format.name == name) else {
            panic!("no format {name}");
        };
        for profile in [Profile::Masked, Profile::Full] {
            let (one, other) = (
                (format.render)(&report, profile),
                (format.render)(&spanish, profile),
            );
            assert_eq!(one.ok(), other.ok(), "{name}");
        }
    }
}
