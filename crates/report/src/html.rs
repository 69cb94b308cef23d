//! HTML: one self-contained page (`templates/report.html`) that loads nothing, prints well and reads
//! in light and dark. The template engine escapes every value.

use askama::Template;

use crate::findings::{CanaryFinding, Findings, TripFinding, clock, plural, thousands};
use crate::timeline::{self, Timeline};
use crate::world::{self, Map};
use crate::{Format, Profile, Report, ReportError};

/// The format.
pub(crate) const FORMAT: Format = Format {
    name: "html",
    summary: "one self-contained page, for people; prints well",
    extension: "html",
    render,
};

/// Lines of a table that a page shows; JSON and CSV hold all.
const LINES: usize = 100;
/// Trips that a page lists, newest first.
const TRIPS: usize = 200;
/// Raw requests that a page shows, newest first, and how much of each, in characters.
const RAWS: usize = 40;
const RAW: usize = 4_000;

/// What the template sees.
#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    all: &'a Findings,
    title: String,
    used: Vec<&'a CanaryFinding>,
    unused: Vec<&'a CanaryFinding>,
    timeline: Option<Timeline>,
    map: Option<Map>,
    trips: Vec<&'a TripFinding>,
    raws: Vec<(&'a TripFinding, String)>,
    off_map: Vec<String>,
    figures: Vec<(String, &'static str)>,
    size: (u32, u32),
    lines: usize,
}

fn render(report: &Report, profile: Profile) -> Result<Vec<u8>, ReportError> {
    let findings = Findings::derive(report, profile);
    Ok(Page::new(&findings).render()?.into_bytes())
}

impl<'a> Page<'a> {
    fn new(all: &'a Findings) -> Self {
        let (used, unused) = all.canaries.iter().partition(|canary| canary.uses > 0);
        let raw = |trip: &'a TripFinding| {
            let raw = trip.full.as_ref()?.raw.as_ref()?;
            Some((trip, cut(raw)))
        };
        Self {
            all,
            title: title(all),
            used,
            unused,
            timeline: timeline::draw(all),
            map: world::draw(&all.countries),
            trips: all.trips.iter().rev().take(TRIPS).collect(),
            raws: all.trips.iter().rev().filter_map(raw).take(RAWS).collect(),
            off_map: off_map(all),
            figures: figures(all),
            size: world::SIZE,
            lines: LINES,
        }
    }

    fn uses(&self, count: &u64) -> String {
        plural(*count, "use", "uses")
    }

    fn clock(&self, time: &str) -> String {
        clock(time)
    }

    fn number(&self, count: &u64) -> String {
        thousands(*count)
    }

    /// `, 12 more in JSON and CSV` where a list is cut.
    fn more(&self, all: usize) -> Option<String> {
        let more = all.checked_sub(LINES).filter(|more| *more > 0)?;
        Some(format!(
            "{} more are in the JSON report.",
            thousands(more as u64)
        ))
    }
}

/// Names the report in a line.
pub(crate) fn title(all: &Findings) -> String {
    let totals = &all.totals;
    if totals.canaries_used == 0 {
        return "No bait was used".to_owned();
    }
    let bait = plural(totals.canaries, "piece", "pieces");
    let verb = if totals.canaries_used == 1 {
        "was"
    } else {
        "were"
    };
    format!(
        "{} of {bait} of bait {verb} used",
        thousands(totals.canaries_used)
    )
}

fn figures(all: &Findings) -> Vec<(String, &'static str)> {
    let totals = &all.totals;
    // Drills are told of apart, unless there is nothing else.
    let uses = match totals.uses - totals.drills {
        0 => totals.uses,
        others => others,
    };
    let mut out = vec![
        (
            format!(
                "{} of {}",
                thousands(totals.canaries_used),
                thousands(totals.canaries)
            ),
            "pieces of bait used",
        ),
        (thousands(uses), if uses == 1 { "use" } else { "uses" }),
        (
            thousands(totals.addresses),
            if totals.addresses == 1 {
                "network address"
            } else {
                "network addresses"
            },
        ),
        (
            thousands(totals.actors),
            if totals.actors == 1 {
                "actor told apart"
            } else {
                "actors told apart"
            },
        ),
    ];
    if let Some(sms) = &all.intent.messages {
        out.push((thousands(sms.messages), "texts ordered, none sent"));
    }
    out
}

/// Countries and ranges that the map cannot show, in words.
fn off_map(all: &Findings) -> Vec<String> {
    let small = all.countries.iter().filter(|country| !country.on_map);
    let small = small.map(|one| {
        format!(
            "{} (too small for this map): {}",
            one.name,
            plural(one.uses, "use", "uses")
        )
    });
    let rest = all.unplaced.iter();
    let rest = rest.map(|one| format!("{}: {}", one.why, plural(one.uses, "use", "uses")));
    small.chain(rest).collect()
}

fn cut(raw: &str) -> String {
    match raw.char_indices().nth(RAW) {
        Some((end, _)) => format!("{}\n… (cut here; the JSON report has more)", &raw[..end]),
        None => raw.to_owned(),
    }
}
