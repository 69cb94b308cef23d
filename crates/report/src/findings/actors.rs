//! Trips judged to be one hand, with the evidence for it. Never a person.

use std::collections::{BTreeMap, BTreeSet};

use lapwing_core::{ActorId, Grade, Tool};
use serde::Serialize;

use super::{Context, at, last_of, uses_of};
use crate::{Report, ReportTrip};

/// One actor.
#[derive(Debug, Serialize)]
pub(crate) struct ActorFinding {
    /// `Actor A`: only good within this report.
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) first: String,
    pub(crate) last: String,
    pub(crate) trips: u64,
    pub(crate) uses: u64,
    /// Uses on record in all, where the report covers only some of them.
    pub(crate) uses_on_record: Option<u64>,
    pub(crate) sources: Vec<String>,
    pub(crate) programs: Vec<String>,
    pub(crate) fingerprints: Vec<String>,
    /// Programs that its trips were probably made with.
    pub(crate) tools: Vec<String>,
    /// JA4 of their handshakes.
    pub(crate) handshakes: Vec<String>,
    pub(crate) canaries: Vec<String>,
    pub(crate) evidence: Vec<EvidenceFinding>,
    /// `none` (nothing was linked), `low` or `moderate`.
    pub(crate) confidence: &'static str,
    pub(crate) basis: String,
}

/// One sort of evidence that links trips.
#[derive(Debug, Serialize)]
pub(crate) struct EvidenceFinding {
    pub(crate) signal: String,
    pub(crate) detail: String,
    pub(crate) grade: Grade,
    pub(crate) grade_meaning: &'static str,
    /// How many trips it links to an earlier one.
    pub(crate) trips: u64,
}

/// Derives a finding for each actor with a trip in the report, in order of first trip.
pub(super) fn derive(context: &Context<'_>, report: &Report) -> Vec<ActorFinding> {
    let mut of: BTreeMap<ActorId, Vec<&ReportTrip>> = BTreeMap::new();
    for one in &context.trips {
        of.entry(one.conclusion.actor).or_default().push(one);
    }
    let on_record: BTreeMap<ActorId, u64> = report
        .actors
        .iter()
        .map(|actor| (actor.id, actor.count))
        .collect();
    let mut groups: Vec<_> = of.into_iter().collect();
    groups.sort_by_key(|(_, trips)| (trips[0].trip.observed.time, trips[0].trip.id));
    groups
        .into_iter()
        .map(|(id, trips)| finding(context, id, &trips, on_record.get(&id).copied()))
        .collect()
}

fn finding(
    context: &Context<'_>,
    id: ActorId,
    trips: &[&ReportTrip],
    on_record: Option<u64>,
) -> ActorFinding {
    let show = context.show;
    let uses = trips.iter().map(|one| uses_of(one)).sum();
    let evidence = evidence(context, trips);
    let signals: BTreeSet<&str> = evidence.iter().map(|one| one.signal.as_str()).collect();
    let (confidence, basis) = confidence(&signals);
    let prints = trips
        .iter()
        .map(|one| one.trip.observed.fingerprint.as_str());
    ActorFinding {
        name: context.actor(id),
        id: id.to_string(),
        first: at(trips[0].trip.observed.time),
        last: trips
            .iter()
            .map(|one| last_of(one))
            .max()
            .map_or_else(String::new, at),
        trips: trips.len() as u64,
        uses,
        uses_on_record: on_record.filter(|count| *count != uses),
        sources: unique(
            trips
                .iter()
                .filter(|one| !one.trip.observed.is_relayed())
                .map(|one| show.address(one.trip.observed.source().ip())),
        ),
        programs: unique(context.programs(trips)),
        fingerprints: unique(
            prints
                .filter(|text| !text.is_empty())
                .map(|text| show.own(&short(text))),
        ),
        tools: unique(
            trips
                .iter()
                .filter_map(|one| tool_words(one.tool.as_ref()?)),
        ),
        handshakes: unique(
            trips
                .iter()
                .filter_map(|one| one.trip.observed.signals.get("ja4"))
                .map(|ja4| show.own(ja4)),
        ),
        canaries: unique(trips.iter().map(|one| context.title(one.trip.canary))),
        evidence,
        confidence,
        basis,
    }
}

impl Context<'_> {
    fn programs<'b>(&'b self, trips: &'b [&'b ReportTrip]) -> impl Iterator<Item = String> + 'b {
        trips
            .iter()
            .filter_map(|one| super::trips::program(self.show, one))
    }
}

fn evidence(context: &Context<'_>, trips: &[&ReportTrip]) -> Vec<EvidenceFinding> {
    let mut out: BTreeMap<(String, String), (Grade, u64)> = BTreeMap::new();
    for link in trips.iter().flat_map(|one| &one.conclusion.evidence) {
        if link.to.is_none() {
            continue;
        }
        let key = (
            context.show.own(&link.signal),
            context.show.note(&link.detail),
        );
        out.entry(key).or_insert((link.grade, 0)).1 += 1;
    }
    let mut out: Vec<_> = out
        .into_iter()
        .map(|((signal, detail), (grade, trips))| EvidenceFinding {
            signal,
            detail,
            grade,
            grade_meaning: grade_meaning(grade),
            trips,
        })
        .collect();
    out.sort_by(|a, b| b.trips.cmp(&a.trips).then_with(|| a.detail.cmp(&b.detail)));
    out
}

fn confidence(signals: &BTreeSet<&str>) -> (&'static str, String) {
    match signals.len() {
        0 => ("none", "A single trip, or trips that nothing links: not a claim that they are one hand.".to_owned()),
        1 => ("low", "One independent signal. An address can be shared and a program is common: other hands remain possible.".to_owned()),
        count => ("moderate", format!("{count} independent signals agree. Each can be shared or imitated.")),
    }
}

pub(super) fn grade_meaning(grade: Grade) -> &'static str {
    match grade {
        Grade::A1 => "seen by the station itself",
        Grade::B3 => "seen by the station, shared by many",
        Grade::E4 => "only the peer's word",
    }
}

/// `curl, which says that it is Chrome`
fn tool_words(tool: &Tool) -> Option<String> {
    let name = tool.name.as_deref();
    match &tool.claimed {
        Some(claimed) if tool.contradicts => Some(format!(
            "{}, which says that it is {claimed}",
            name.unwrap_or("an unknown program")
        )),
        _ => name.map(str::to_owned),
    }
}

fn short(fingerprint: &str) -> String {
    fingerprint.chars().take(16).collect()
}

/// First seen first.
fn unique(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    texts.filter(|text| seen.insert(text.clone())).collect()
}
