//! HTML: one self-contained page (`templates/report.html`) that loads nothing, prints well and reads
//! in light and dark. The template engine escapes every value.

use askama::Template;

use crate::findings::{CanaryFinding, Findings, TripFinding, clock};
use crate::outline;
use crate::route::{self, Listed};
use crate::timeline::{self, Timeline};
use crate::words::{Words, fill};
use crate::world::{self, Circle, Map};
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
    w: &'static Words,
    title: String,
    meta: Vec<(&'static str, String)>,
    used: Vec<&'a CanaryFinding>,
    unused: Vec<&'a CanaryFinding>,
    timeline: Option<Timeline>,
    map: Option<Map>,
    circles: Vec<Circle>,
    route: Option<route::Drawing>,
    route_list: Vec<Listed>,
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
            Some((trip, cut(raw, all.words)))
        };
        Self {
            all,
            w: all.words,
            title: outline::title(all),
            meta: meta(all),
            used,
            unused,
            timeline: timeline::draw(all),
            map: world::draw(&all.countries, all.words),
            circles: world::circles(&all.networks),
            route: route::draw(all),
            route_list: route::lines(all),
            trips: all.trips.iter().rev().take(TRIPS).collect(),
            raws: all.trips.iter().rev().filter_map(raw).take(RAWS).collect(),
            off_map: world::off_map(all),
            figures: figures(all),
            size: world::SIZE,
            lines: LINES,
        }
    }

    fn uses(&self, count: &u64) -> String {
        self.w.count(*count, self.w.uses_count)
    }

    fn clock(&self, time: &str) -> String {
        clock(time)
    }

    fn number(&self, count: &u64) -> String {
        self.w.number(*count)
    }

    fn count(&self, count: &u64, text: &str) -> String {
        self.w.count(*count, text)
    }

    /// `2 of 5 uses` where drills are told apart.
    fn used_of(&self, one: &CanaryFinding) -> String {
        let uses = self.w.count(one.uses, self.w.uses_count);
        match one.drills {
            0 => uses,
            all if all == one.uses => {
                format!("{uses}, {}", self.w.form(all, self.w.announced))
            }
            some => format!("{uses}, {}", self.w.count(some, self.w.of_them_announced)),
        }
    }

    /// Texts ordered through a gateway, in a sentence.
    fn ordered(&self, sms: &crate::findings::MessageFinding) -> String {
        let numbers = self.w.count(sms.numbers, self.w.different_numbers);
        let text = self.w.count(sms.messages, self.w.texts_ordered_to);
        fill(&text, &[("numbers", &numbers)])
    }

    fn erased(&self, erased: &crate::findings::ErasedFinding) -> String {
        erased.words(self.w)
    }

    fn hidden(&self, rows: &usize) -> String {
        self.w.count(*rows as u64, self.w.rows_not_drawn)
    }

    fn country_line(&self, one: &crate::findings::CountryFinding) -> String {
        world::country_line(self.w, one)
    }

    fn port(&self, port: &u16) -> String {
        fill(self.w.port, &[("port", port)])
    }

    fn newest(&self) -> String {
        let counts: [(&str, &dyn std::fmt::Display); 2] = [
            ("shown", &self.w.number(self.trips.len() as u64)),
            ("all", &self.w.number(self.all.totals.trips)),
        ];
        if self.trips.len() < self.all.trips.len() {
            fill(self.w.newest_of, &counts)
        } else {
            fill(self.w.all_trips, &counts)
        }
    }

    fn footer(&self) -> String {
        let values: [(&str, &dyn std::fmt::Display); 2] = [
            ("software", &self.all.software),
            ("station", &self.all.station),
        ];
        fill(self.w.footer, &values)
    }

    /// `12 more are in the JSON report` where a list is cut.
    fn more(&self, all: usize) -> Option<String> {
        let more = all.checked_sub(LINES).filter(|more| *more > 0)?;
        Some(self.w.count(more as u64, self.w.more_in_json))
    }
}

/// The line under the title.
fn meta(all: &Findings) -> Vec<(&'static str, String)> {
    let words = all.words;
    let from = all.range.from.as_deref().map(clock);
    let from = from.unwrap_or_else(|| words.the_beginning.to_owned());
    let until = clock(all.range.until.as_deref().unwrap_or(&all.generated));
    let period: [(&str, &dyn std::fmt::Display); 2] = [("from", &from), ("until", &until)];
    let mut out = vec![(words.period, fill(words.from_until, &period))];
    if !all.operator.is_empty() {
        out.push((words.published_by, all.operator.clone()));
    }
    out.push((words.made, format!("{} UTC", clock(&all.generated))));
    out.push((words.station, all.station.clone()));
    if let Some(id) = all.correction {
        out.push((words.correction_id, id.to_string()));
    }
    out
}

fn figures(all: &Findings) -> Vec<(String, &'static str)> {
    let (words, totals) = (all.words, &all.totals);
    // Drills are told of apart, unless there is nothing else.
    let uses = match totals.uses - totals.drills {
        0 => totals.uses,
        others => others,
    };
    let of: [(&str, &dyn std::fmt::Display); 2] = [
        ("some", &words.number(totals.canaries_used)),
        ("all", &words.number(totals.canaries)),
    ];
    let mut out = vec![
        (fill(words.some_of_all, &of), words.figure_pieces),
        (words.number(uses), words.form(uses, words.figure_uses)),
        (
            words.number(totals.addresses),
            words.form(totals.addresses, words.figure_addresses),
        ),
        (
            words.number(totals.actors),
            words.form(totals.actors, words.figure_actors),
        ),
    ];
    if let Some(sms) = &all.intent.messages {
        let label = words.form(sms.messages, words.figure_texts);
        out.push((words.number(sms.messages), label));
    }
    out
}

fn cut(raw: &str, words: &Words) -> String {
    match raw.char_indices().nth(RAW) {
        Some((end, _)) => format!("{}\n{}", &raw[..end], words.cut_here),
        None => raw.to_owned(),
    }
}
