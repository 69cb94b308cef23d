//! The one model that every format lays out.
//!
//! Masking and escaping happen here and nowhere else: what a profile must not show never gets into
//! [`Findings`]. Every string is printable on one line (checkpoint and raw requests keep their line
//! ends); formats still escape for their own syntax.

mod actors;
mod canaries;
mod confidence;
mod intent;
mod networks;
mod show;
mod summary;
mod trips;

use std::collections::{BTreeMap, BTreeSet};

use lapwing_core::text::{escape, escape_lines};
use lapwing_core::{Timestamp, Verdict};
use serde::Serialize;

pub(crate) use actors::ActorFinding;
pub(crate) use canaries::CanaryFinding;
pub(crate) use confidence::ClaimFinding;
pub(crate) use intent::outcome_word;
pub(crate) use intent::{CallFinding, Intent, TextFinding};
pub(crate) use networks::{CountryFinding, NetworkFinding, Unplaced};
use show::said;
pub(crate) use show::{at, clock, plural, thousands};
pub(crate) use trips::{Episode, FullTrip, TripFinding};

use crate::{Integrity, Profile, Report, ReportTrip};
use show::Show;

/// Stands at every geography: it is easily read as more than it is.
pub(crate) const CAUTION: &str =
    "An IP address and its place describe a network endpoint, not a person.";

/// Name of the JSON layout; changes when a reader would have to.
const SCHEMA: &str = "lapwing-report/1";

/// Everything a report says.
#[derive(Debug, Serialize)]
pub(crate) struct Findings {
    pub(crate) schema: &'static str,
    pub(crate) software: &'static str,
    pub(crate) profile: Profile,
    pub(crate) exercise: bool,
    pub(crate) generated: String,
    pub(crate) operator: String,
    pub(crate) station: String,
    pub(crate) range: Range,
    pub(crate) caution: &'static str,
    /// The first page, in plain sentences.
    pub(crate) summary: Vec<String>,
    pub(crate) totals: Totals,
    pub(crate) verdicts: Vec<VerdictFinding>,
    pub(crate) canaries: Vec<CanaryFinding>,
    pub(crate) timeline: Vec<Episode>,
    pub(crate) actors: Vec<ActorFinding>,
    pub(crate) networks: Vec<NetworkFinding>,
    pub(crate) countries: Vec<CountryFinding>,
    pub(crate) unplaced: Vec<Unplaced>,
    pub(crate) intent: Intent,
    pub(crate) confidence: Vec<ClaimFinding>,
    pub(crate) incidents: Vec<IncidentFinding>,
    pub(crate) integrity: IntegrityFinding,
    pub(crate) attribution: Vec<String>,
    pub(crate) trips: Vec<TripFinding>,
}

/// The stretch of time asked for.
#[derive(Debug, Serialize)]
pub(crate) struct Range {
    pub(crate) from: Option<String>,
    pub(crate) until: Option<String>,
}

/// Counts. A trip record stands for one use, or for many in a flood.
#[derive(Debug, Serialize)]
pub(crate) struct Totals {
    pub(crate) canaries: u64,
    /// Used otherwise than in a drill.
    pub(crate) canaries_used: u64,
    pub(crate) trips: u64,
    pub(crate) uses: u64,
    /// Uses that were announced drills.
    pub(crate) drills: u64,
    /// Without those of drills, unless there is nothing else.
    pub(crate) actors: u64,
    pub(crate) incidents: u64,
    /// As for `actors`.
    pub(crate) addresses: u64,
    pub(crate) first: Option<String>,
    pub(crate) last: Option<String>,
}

/// How many uses were judged what, and why.
#[derive(Debug, Serialize)]
pub(crate) struct VerdictFinding {
    pub(crate) verdict: Verdict,
    pub(crate) meaning: &'static str,
    pub(crate) trips: u64,
    pub(crate) uses: u64,
    /// Reason and number of trips it was given for, most frequent first.
    pub(crate) reasons: Vec<Counted>,
}

/// A text and how often it holds.
#[derive(Debug, Serialize)]
pub(crate) struct Counted {
    pub(crate) text: String,
    pub(crate) count: u64,
}

/// Trips folded together for a person to act on.
#[derive(Debug, Serialize)]
pub(crate) struct IncidentFinding {
    pub(crate) id: String,
    pub(crate) canary: String,
    pub(crate) actor: String,
    pub(crate) verdict: Verdict,
    pub(crate) first: String,
    pub(crate) last: String,
    pub(crate) uses: u64,
    pub(crate) state: lapwing_core::IncidentState,
}

/// What holds the evidence together.
#[derive(Debug, Serialize)]
pub(crate) struct IntegrityFinding {
    pub(crate) verified: bool,
    pub(crate) statement: String,
    pub(crate) limits: &'static str,
    pub(crate) how_to_verify: &'static str,
    pub(crate) records: u64,
    pub(crate) checkpoint: String,
    pub(crate) public_key: String,
    /// Versions of the rules that gave the verdicts.
    pub(crate) rules: Vec<u32>,
    /// Geography databases that were asked, with their dates.
    pub(crate) data: Vec<String>,
}

impl IncidentFinding {
    /// The word for its state.
    pub(crate) fn state(&self) -> &'static str {
        match self.state {
            lapwing_core::IncidentState::Open => "open",
            lapwing_core::IncidentState::Acknowledged => "acknowledged",
            lapwing_core::IncidentState::Closed => "closed",
        }
    }
}

impl Findings {
    /// Derives the findings of a report, masked for the profile.
    pub(crate) fn derive(report: &Report, profile: Profile) -> Self {
        let show = Show { profile };
        let context = Context::new(report, show);
        let networks = networks::derive(&context);
        let intent = intent::derive(&context);
        let canaries = canaries::derive(&context, report);
        let totals = totals(&context, &canaries, report);
        let verdicts = verdicts(&context);
        let integrity = integrity(&context, &report.integrity);
        let actors = actors::derive(&context, report);
        let mut findings = Self {
            schema: SCHEMA,
            software: concat!("lapwing ", env!("CARGO_PKG_VERSION")),
            profile,
            exercise: report.exercise,
            generated: at(report.generated),
            operator: show.own(&report.operator),
            station: report.station.to_string(),
            range: Range {
                from: report.range.0.map(at),
                until: report.range.1.map(at),
            },
            caution: CAUTION,
            summary: Vec::new(),
            totals,
            verdicts,
            canaries,
            timeline: trips::episodes(&context),
            countries: networks::countries(&context),
            unplaced: networks::unplaced(&context),
            confidence: Vec::new(),
            actors,
            networks,
            intent,
            incidents: incidents(&context, report),
            integrity,
            // Not taken apart: licences ask for their address as it is.
            attribution: report
                .sources
                .iter()
                .map(|text| escape(text.as_bytes()))
                .collect(),
            trips: trips::derive(&context),
        };
        findings.confidence = confidence::derive(&findings);
        findings.summary = summary::derive(&findings);
        findings
    }

    /// Whether everything is shown.
    pub(crate) fn full(&self) -> bool {
        self.profile == Profile::Full
    }
}

/// What the parts of the derivation share: trips in order of time, names of actors and canaries.
struct Context<'a> {
    show: Show,
    trips: Vec<&'a ReportTrip>,
    /// Display name by actor, `A`, `B`, ... in order of first trip.
    actor_names: BTreeMap<lapwing_core::ActorId, String>,
    titles: BTreeMap<lapwing_core::CanaryId, String>,
    places: BTreeMap<lapwing_core::CanaryId, String>,
}

impl<'a> Context<'a> {
    fn new(report: &'a Report, show: Show) -> Self {
        let mut trips: Vec<&ReportTrip> = report.trips.iter().collect();
        trips.sort_by_key(|one| (one.trip.observed.time, one.trip.id));
        let mut actor_names = BTreeMap::new();
        let known = report.incidents.iter().map(|incident| incident.actor);
        for actor in trips.iter().map(|one| one.conclusion.actor).chain(known) {
            let next = actor_names.len();
            actor_names
                .entry(actor)
                .or_insert_with(|| format!("Actor {}", letters(next)));
        }
        let titles = report
            .canaries
            .iter()
            .map(|canary| {
                let title = if canary.title.is_empty() {
                    &canary.kind_name
                } else {
                    &canary.title
                };
                (canary.canary_id, show.own(title))
            })
            .collect();
        Self {
            show,
            trips,
            actor_names,
            titles,
            places: report
                .canaries
                .iter()
                .filter_map(|one| Some((one.canary_id, show.own(one.place.as_deref()?))))
                .collect(),
        }
    }

    fn actor(&self, id: lapwing_core::ActorId) -> String {
        self.actor_names
            .get(&id)
            .cloned()
            .unwrap_or_else(|| id.to_string())
    }

    /// The operator's name for a canary; its id if the report does not list it.
    fn title(&self, id: lapwing_core::CanaryId) -> String {
        self.titles
            .get(&id)
            .cloned()
            .unwrap_or_else(|| id.to_string())
    }
}

/// Last time a record stands for.
fn last_of(one: &ReportTrip) -> Timestamp {
    let first = one.trip.observed.time;
    one.trip.times.iter().copied().fold(first, Timestamp::max)
}

/// How many uses a record stands for; a record is at least one.
fn uses_of(one: &ReportTrip) -> u64 {
    one.trip.count.max(1)
}

/// Spreadsheet-like letters: A ... Z, AA, AB ...
fn letters(mut number: usize) -> String {
    let mut out = Vec::new();
    loop {
        out.push(b'A' + u8::try_from(number % 26).unwrap_or(0));
        if number < 26 {
            break;
        }
        number = number / 26 - 1;
    }
    out.iter().rev().map(|byte| char::from(*byte)).collect()
}

/// Counts texts, most frequent first, then by text.
fn counted(texts: impl Iterator<Item = (String, u64)>) -> Vec<Counted> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for (text, count) in texts {
        *counts.entry(text).or_default() += count;
    }
    let mut out: Vec<Counted> = counts
        .into_iter()
        .map(|(text, count)| Counted { text, count })
        .collect();
    out.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.text.cmp(&b.text)));
    out
}

fn totals(context: &Context<'_>, canaries: &[CanaryFinding], report: &Report) -> Totals {
    let drill = |one: &&ReportTrip| one.conclusion.judgement.verdict == Verdict::Drill;
    let all = context.trips.iter().copied();
    let mut counted: Vec<&ReportTrip> = all.clone().filter(|one| !drill(one)).collect();
    if counted.is_empty() {
        counted = all.collect();
    }
    let addresses = counted.iter().map(|one| one.trip.observed.source().ip());
    let addresses: BTreeSet<_> = addresses.map(|ip| ip.to_canonical()).collect();
    let actors: BTreeSet<_> = counted.iter().map(|one| one.conclusion.actor).collect();
    Totals {
        canaries: canaries.len() as u64,
        canaries_used: canaries
            .iter()
            .filter(|canary| canary.uses > canary.drills)
            .count() as u64,
        trips: context.trips.len() as u64,
        uses: context.trips.iter().map(|one| uses_of(one)).sum(),
        drills: canaries.iter().map(|canary| canary.drills).sum(),
        actors: actors.len() as u64,
        incidents: report.incidents.len() as u64,
        addresses: addresses.len() as u64,
        first: context.trips.first().map(|one| at(one.trip.observed.time)),
        last: context.trips.iter().map(|one| last_of(one)).max().map(at),
    }
}

fn verdicts(context: &Context<'_>) -> Vec<VerdictFinding> {
    let of = |verdict| {
        context
            .trips
            .iter()
            .filter(move |one| one.conclusion.judgement.verdict == verdict)
    };
    Verdict::ALL
        .into_iter()
        .filter(|verdict| of(*verdict).next().is_some())
        .map(|verdict| VerdictFinding {
            verdict,
            meaning: meaning(verdict),
            trips: of(verdict).count() as u64,
            uses: of(verdict).map(|one| uses_of(one)).sum(),
            reasons: counted(of(verdict).flat_map(|one| {
                let reasons = &one.conclusion.judgement.reasons;
                reasons.iter().map(|reason| (context.show.note(reason), 1))
            })),
        })
        .collect()
}

fn meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Intruder => "someone who has the bait used it",
        Verdict::Own => "came from one of the operator's own addresses",
        Verdict::Automated => "a crawler, scanner or other program that follows what it finds",
        Verdict::Preview => "a link preview or mail gateway",
        Verdict::Echo => "a later repetition of something already seen",
        Verdict::Drill => "announced by the operator beforehand",
    }
}

fn incidents(context: &Context<'_>, report: &Report) -> Vec<IncidentFinding> {
    let mut incidents: Vec<_> = report.incidents.iter().collect();
    incidents.sort_by_key(|incident| (incident.first, incident.id));
    incidents
        .into_iter()
        .map(|incident| IncidentFinding {
            id: incident.id.to_string(),
            canary: context.title(incident.canary),
            actor: context.actor(incident.actor),
            verdict: incident.verdict,
            first: at(incident.first),
            last: at(incident.last),
            uses: incident.count,
            state: incident.state,
        })
        .collect()
}

fn integrity(context: &Context<'_>, integrity: &Integrity) -> IntegrityFinding {
    let show = context.show;
    let records = plural(integrity.records, "record", "records");
    let mut statement = if integrity.verified {
        format!(
            "The journal's {records} were checked when this report was made: none is missing, none was changed since it was signed."
        )
    } else {
        format!(
            "The journal ({records}) was NOT verified when this report was made. Until it is, treat what follows as unproven."
        )
    };
    if !integrity.message.is_empty() {
        statement.push(' ');
        statement.push_str(&show.own(&integrity.message));
    }
    let judged = context.trips.iter().map(|one| &one.conclusion);
    let rules: BTreeSet<u32> = judged.clone().map(|one| one.judgement.rules).collect();
    let data: BTreeSet<String> = judged
        .flat_map(|one| one.network.sources.iter().map(|text| show.own(text)))
        .collect();
    IntegrityFinding {
        verified: integrity.verified,
        statement,
        limits: "A station signs its own journal. That shows that nothing was altered after the signature, not that what was recorded is true; only a checkpoint that somebody else kept (every alert carries one) shows that the journal was not rewritten as a whole.",
        how_to_verify: "lapwing evidence verify",
        records: integrity.records,
        checkpoint: escape_lines(integrity.checkpoint.trim_end().as_bytes()),
        public_key: show.own(&integrity.public_key),
        rules: rules.into_iter().collect(),
        data: data.into_iter().collect(),
    }
}
