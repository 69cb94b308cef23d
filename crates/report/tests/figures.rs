//! The drawings of a PDF: route, timeline and map, read from its own operators.

#![allow(clippy::unwrap_used, reason = "test helpers outside test functions")]

mod golden;

use lapwing_report::{FORMATS, Language, Profile, Report};
use serde_json::json;

/// The most used countries, a circle's outline, and bars of uses by intruders.
const DARKEST: &str = "0.54 0.14 0.09 rg";
const CIRCLE: &str = "0.54 0.35 0 RG 3 w";
const HOT: &str = "0.56 0.14 0.09 rg";

fn pdf(report: &Report, profile: Profile) -> Vec<u8> {
    let format = FORMATS.iter().find(|format| format.name == "pdf").unwrap();
    (format.render)(report, profile).unwrap()
}

/// The operators of each figure, in order.
fn figures(pdf: &[u8]) -> Vec<String> {
    let document = lopdf::Document::load_mem(pdf).unwrap();
    let mut out = Vec::new();
    for page in document.get_pages().into_values() {
        let content = document.get_page_content(page);
        let content = String::from_utf8(content).unwrap();
        let begun = content.split("/Figure <</Alt <FEFF").skip(1);
        out.extend(begun.map(|rest| rest.split("EMC").next().unwrap().to_owned()));
    }
    out
}

/// What a figure says of itself.
fn described(figure: &str) -> String {
    let units = figure.split('>').next().unwrap();
    let units: Vec<u16> = units
        .as_bytes()
        .chunks(4)
        .map(|unit| u16::from_str_radix(std::str::from_utf8(unit).unwrap(), 16).unwrap())
        .collect();
    String::from_utf16(&units).unwrap()
}

fn bars(figure: &str) -> usize {
    let bars = figure.lines().filter(|line| line.starts_with(HOT));
    bars.filter(|line| line.ends_with("re f")).count()
}

#[test]
fn a_pdf_has_the_route_the_timeline_and_the_map_of_the_page() {
    let mut report = golden::plain();
    for (language, uses) in [(Language::En, "uses"), (Language::Es, "usos")] {
        report.language = language;
        let bytes = pdf(&report, Profile::Full);
        let all = figures(&bytes);
        let [route @ .., timeline, map] = &all[..] else {
            panic!("{} figures", all.len());
        };
        assert!(!route.is_empty());
        for part in route {
            assert!(part.contains("h B"), "a canary is a dot: {part}");
            assert!(described(part).starts_with("Actor "), "{}", described(part));
        }
        assert!(bars(timeline) > 2, "{timeline}");
        assert!(
            described(timeline).contains(uses),
            "{}",
            described(timeline)
        );
        assert!(map.contains(DARKEST), "a country is shaded");
        let circles = map.split(CIRCLE).nth(1).expect("circles");
        let circles = circles.split('Q').next().unwrap();
        assert_eq!(circles.matches('m').count(), 1, "{circles}");
        assert_eq!(circles.matches('S').count(), 1, "an outline, not an area");
        assert!(map.matches(" m ").count() > 150, "the countries");
        assert!(described(map).contains(uses), "{}", described(map));
        assert!(bytes.len() < 90_000, "{} bytes", bytes.len());
    }
}

#[test]
fn what_is_published_has_no_circle_and_what_is_empty_no_figure() {
    let map = figures(&pdf(&golden::plain(), Profile::Masked))
        .pop()
        .unwrap();
    assert!(map.contains(DARKEST));
    assert!(
        !map.split(CIRCLE).nth(1).unwrap().contains("m"),
        "{map:.300}"
    );
    assert!(figures(&pdf(&golden::report(Vec::new()), Profile::Full)).is_empty());
    // A place that nobody knows has no map, and still a time.
    let mut trip = golden::trip(1, "203.0.113.77:50412");
    trip["conclusion"]["network"]["country"] = json!(null);
    let all = figures(&pdf(&golden::report(vec![trip]), Profile::Full));
    assert_eq!(all.len(), 2, "route and timeline");
}

#[test]
fn no_figure_leaves_its_page() {
    let trips = (0..400).map(|number| {
        let mut one = golden::trip(number, "203.0.113.77:50412");
        one["conclusion"]["actor"] = json!(format!("a0a1b2c3d-{}", number % 30));
        one["trip"]["canary"] = json!(format!(
            "019a2b{0:02x}-0506-7f08-8a0a-0b0c0d0e0f{0:02x}",
            1 + number % 2
        ));
        one
    });
    let all = figures(&pdf(&golden::report(trips.collect()), Profile::Full));
    assert_eq!(all.len(), 8 + 2, "eight actors are drawn");
    for figure in &all {
        for line in figure.lines().filter(|line| line.ends_with(" re f")) {
            let numbers: Vec<f32> = line.split(' ').filter_map(|it| it.parse().ok()).collect();
            let [.., x, y, width, height] = numbers[..] else {
                panic!("{line}");
            };
            assert!(x >= 50.0 && x + width <= 545.0, "{line}");
            assert!(y >= 58.0 && y + height <= 790.0, "{line}");
        }
    }
}
