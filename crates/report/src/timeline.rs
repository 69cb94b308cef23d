//! The timeline drawing: a row per canary and actor, uses binned over time, so that it reads as well
//! with one trip as with five thousand. Heights are logarithmic; a flood's summary is a band.

use std::collections::BTreeMap;

use lapwing_core::{ActorId, CanaryId, Timestamp, Verdict};

use crate::findings::{Findings, TripFinding};
use crate::words::{Words, fill};

/// Width of the drawing, and where the plot begins and ends.
const WIDTH: f64 = 960.0;
const LEFT: f64 = 236.0;
const RIGHT: f64 = 948.0;
const TOP: f64 = 10.0;
const ROW: f64 = 54.0;
const AXIS: f64 = 40.0;
/// Bins across the plot.
const BINS: usize = 178;
/// Tallest and lowest bar.
const TALL: f64 = 32.0;
const LOW: f64 = 9.0;
/// Rows that are drawn; more are told in words.
const ROWS: usize = 12;
/// Steps between ticks, in seconds.
const STEPS: [i64; 18] = [
    1, 5, 15, 60, 300, 900, 1800, 3600, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
    1_209_600, 2_592_000, 7_776_000, 31_536_000,
];
const DAY: i64 = 86_400;

/// A drawing, in user units of an SVG of `width` x `height`.
#[derive(Clone, Debug)]
pub(crate) struct Timeline {
    pub(crate) width: f64,
    pub(crate) height: f64,
    pub(crate) left: f64,
    pub(crate) right: f64,
    pub(crate) axis: f64,
    pub(crate) rows: Vec<Row>,
    pub(crate) ticks: Vec<Tick>,
    /// Canary and actor pairs that are not drawn.
    pub(crate) hidden: usize,
    /// What it shows, for those who do not see it.
    pub(crate) description: String,
}

/// A row.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) title: String,
    pub(crate) note: String,
    /// Base line.
    pub(crate) base: f64,
    /// Class of the bars: `hot` (intruder, own) or `cool`.
    pub(crate) class: &'static str,
    pub(crate) bars: Vec<Bar>,
    pub(crate) floods: Vec<Bar>,
    /// Where the first use stands.
    pub(crate) first: f64,
}

/// A bar or band.
#[derive(Clone, Debug)]
pub(crate) struct Bar {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
    pub(crate) title: String,
}

/// A tick with its date (only where it changes) and time.
#[derive(Clone, Debug)]
pub(crate) struct Tick {
    pub(crate) x: f64,
    pub(crate) upper: String,
    pub(crate) lower: String,
}

/// Draws the timeline; `None` without trips.
pub(crate) fn draw(findings: &Findings) -> Option<Timeline> {
    let (trips, words) = (&findings.trips, findings.words);
    let first = trips.iter().map(|trip| trip.chart.times.0).min()?;
    let last = trips.iter().map(|trip| trip.chart.times.1).max()?;
    let scale = Scale::new(first, last);
    let mut groups: BTreeMap<(CanaryId, ActorId), Vec<&TripFinding>> = BTreeMap::new();
    for trip in trips {
        groups
            .entry((trip.chart.canary, trip.chart.actor))
            .or_default()
            .push(trip);
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by_key(|trips| trips[0].chart.times.0);
    let hidden = groups.len().saturating_sub(ROWS);
    groups.truncate(ROWS);
    let counts: Vec<Vec<f64>> = groups.iter().map(|trips| scale.bins(trips)).collect();
    let most = counts.iter().flatten().copied().fold(1.0, f64::max);
    let rows: Vec<Row> = groups
        .iter()
        .zip(&counts)
        .enumerate()
        .map(|(index, (trips, counts))| row(words, &scale, index, (trips, counts), most))
        .collect();
    let axis = TOP + rows.len() as f64 * ROW;
    Some(Timeline {
        width: WIDTH,
        height: axis + AXIS,
        left: LEFT,
        right: RIGHT,
        axis,
        ticks: scale.ticks(),
        hidden,
        description: fill(
            &words.count(findings.totals.uses, words.timeline_shows),
            &[
                ("from", &words.said(&first.to_seconds_string())),
                ("until", &words.said(&last.to_seconds_string())),
                ("rows", &told(&rows)),
            ],
        ),
        rows,
    })
}

/// The rows in words.
fn told(rows: &[Row]) -> String {
    let each = |row: &Row| format!("{}, {}", row.title, row.note);
    rows.iter().map(each).collect::<Vec<_>>().join("; ")
}

fn row(
    words: &Words,
    scale: &Scale,
    index: usize,
    (trips, counts): (&[&TripFinding], &[f64]),
    most: f64,
) -> Row {
    let base = TOP + (index + 1) as f64 * ROW - 8.0;
    let uses = trips.iter().map(|trip| trip.uses).sum();
    let hot = trips
        .iter()
        .any(|trip| matches!(trip.verdict, Verdict::Intruder | Verdict::Own));
    let step = (RIGHT - LEFT) / BINS as f64;
    let bar = |(bin, count): (usize, &f64)| {
        let height = LOW + (TALL - LOW) * (1.0 + count).ln() / (1.0 + most).ln();
        (*count > 0.0).then(|| Bar {
            x: LEFT + bin as f64 * step,
            y: base - height,
            width: step,
            height,
            title: format!(
                "{}: {}",
                scale.bin_time(bin).to_seconds_string(),
                words.count(count.round().max(1.0) as u64, words.uses_count)
            ),
        })
    };
    let floods = trips
        .iter()
        .filter(|trip| trip.chart.times.0 < trip.chart.times.1);
    Row {
        title: shorten(&trips[0].title),
        note: format!(
            "{} · {}",
            trips[0].actor_name,
            words.count(uses, words.uses_count)
        ),
        base,
        class: if hot { "hot" } else { "cool" },
        bars: counts.iter().enumerate().filter_map(bar).collect(),
        floods: floods.map(|trip| flood(words, scale, base, trip)).collect(),
        first: scale.x(trips[0].chart.times.0),
    }
}

fn flood(words: &Words, scale: &Scale, base: f64, trip: &TripFinding) -> Bar {
    let (from, to) = (scale.x(trip.chart.times.0), scale.x(trip.chart.times.1));
    Bar {
        x: from,
        y: base,
        width: (to - from).max(4.0),
        height: 4.0,
        title: fill(
            &words.count(trip.uses, words.flood_of),
            &[("from", &trip.time), ("until", &trip.last)],
        ),
    }
}

fn shorten(title: &str) -> String {
    match title.char_indices().nth(31) {
        Some((end, _)) => format!("{}…", &title[..end]),
        None => title.to_owned(),
    }
}

/// Time to place.
struct Scale {
    from: i64,
    to: i64,
}

impl Scale {
    /// With some air at both ends, and at least a minute wide.
    fn new(first: Timestamp, last: Timestamp) -> Self {
        let span = (last.micros() - first.micros()).max(60_000_000);
        let air = span / 40;
        let middle_air = (span - (last.micros() - first.micros())) / 2;
        Self {
            from: first.micros() - air - middle_air,
            to: last.micros() + air + middle_air,
        }
    }

    fn share(&self, time: i64) -> f64 {
        (time - self.from) as f64 / (self.to - self.from) as f64
    }

    fn x(&self, time: Timestamp) -> f64 {
        LEFT + (RIGHT - LEFT) * self.share(time.micros())
    }

    fn bin(&self, time: Timestamp) -> usize {
        let bin = self.share(time.micros()) * BINS as f64;
        (bin.max(0.0) as usize).min(BINS - 1)
    }

    fn bin_time(&self, bin: usize) -> Timestamp {
        let width = (self.to - self.from) / BINS as i64;
        Timestamp::from_micros(self.from + width * bin as i64)
    }

    /// Uses per bin; a summary's uses are spread over its stretch.
    fn bins(&self, trips: &[&TripFinding]) -> Vec<f64> {
        let mut out = vec![0.0; BINS];
        for trip in trips {
            let (from, to) = (self.bin(trip.chart.times.0), self.bin(trip.chart.times.1));
            let share = trip.uses as f64 / (to - from + 1) as f64;
            for count in &mut out[from..=to] {
                *count += share;
            }
        }
        out
    }

    fn ticks(&self) -> Vec<Tick> {
        let span = (self.to - self.from) / 1_000_000;
        let step = STEPS.into_iter().find(|step| span / step <= 6);
        let step = step.unwrap_or(span / 6).max(1);
        let mut at = (self.from / 1_000_000).div_euclid(step) * step + step;
        let mut out: Vec<Tick> = Vec::new();
        let mut date = String::new();
        while at * 1_000_000 < self.to && out.len() < 12 {
            let time = Timestamp::from_micros(at * 1_000_000);
            let text = time.to_seconds_string();
            let day = text.get(..10).unwrap_or(&text).to_owned();
            let clock = text
                .get(11..if step < 60 { 19 } else { 16 })
                .unwrap_or("")
                .to_owned();
            let fresh = day != date;
            let (upper, lower) = match (step >= DAY, fresh) {
                (true, _) => (day.clone(), String::new()),
                (false, true) => (clock, day.clone()),
                (false, false) => (clock, String::new()),
            };
            date = day;
            let x = self.x(time);
            // A label needs room on both sides.
            if x > LEFT + 20.0 && x < RIGHT - 26.0 {
                out.push(Tick { x, upper, lower });
            } else if out.is_empty() {
                date.clear();
            }
            at += step;
        }
        out
    }
}
