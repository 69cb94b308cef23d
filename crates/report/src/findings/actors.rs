//! Trips judged to be one hand, with the evidence for it. Never a person.

use std::collections::{BTreeMap, BTreeSet};

use lapwing_core::{ActorId, Case, Grade, Likelihood};
use serde::Serialize;

use super::{Context, at, last_of, uses_of};
use crate::words::{Words, fill};
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
    /// How likely it is that all of it is one hand (ICD 203); `None` if nothing was linked.
    pub(crate) likelihood: Option<&'static str>,
    /// How well founded that is: `none` (nothing was linked), `low`, `moderate` or `high`.
    pub(crate) confidence: &'static str,
    pub(crate) basis: String,
    /// Links without which it falls into two.
    pub(crate) bridges: u64,
    pub(crate) alternatives: Vec<String>,
    pub(crate) would_change: Vec<String>,
    /// What the operator decided of it.
    pub(crate) decisions: Vec<String>,
}

/// One sort of evidence that links trips.
#[derive(Debug, Serialize)]
pub(crate) struct EvidenceFinding {
    pub(crate) signal: String,
    pub(crate) detail: String,
    pub(crate) grade: Grade,
    pub(crate) grade_meaning: &'static str,
    /// How many links rest on it.
    pub(crate) trips: u64,
    /// What it weighs at most, in bits; negative where it speaks against one hand.
    pub(crate) bits: f64,
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
    let cases: BTreeMap<ActorId, &Case> = { report.cases.iter() }
        .map(|case| (case.actor, case))
        .collect();
    let mut groups: Vec<_> = of.into_iter().collect();
    groups.sort_by_key(|(_, trips)| (trips[0].trip.observed.time, trips[0].trip.id));
    groups
        .into_iter()
        .map(|(id, trips)| {
            let case = cases.get(&id).copied();
            finding(context, id, &trips, on_record.get(&id).copied(), case)
        })
        .collect()
}

fn finding(
    context: &Context<'_>,
    id: ActorId,
    trips: &[&ReportTrip],
    on_record: Option<u64>,
    case: Option<&Case>,
) -> ActorFinding {
    let show = context.show;
    let uses = trips.iter().map(|one| uses_of(one)).sum();
    let note = |texts: &[String]| texts.iter().map(|text| show.said(text)).collect();
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
                .filter_map(|one| context.words.tool_name(one.tool.as_ref()?)),
        ),
        handshakes: unique(
            trips
                .iter()
                .filter_map(|one| one.trip.observed.signals.get("ja4"))
                .map(|ja4| show.own(ja4)),
        ),
        canaries: unique(trips.iter().map(|one| context.title(one.trip.canary))),
        evidence: case.map(|case| evidence(context, case)).unwrap_or_default(),
        likelihood: { case.and_then(|case| case.likelihood) }.map(Likelihood::words),
        confidence: case.map_or("none", |case| case.confidence.word()),
        basis: case.map_or_else(String::new, |case| basis(context.words, case)),
        bridges: case.map_or(0, |case| case.bridges.len() as u64),
        alternatives: case
            .map(|case| note(&case.alternatives))
            .unwrap_or_default(),
        would_change: case
            .map(|case| note(&case.would_change))
            .unwrap_or_default(),
        decisions: { case.into_iter().flat_map(|case| &case.decisions) }
            .map(|(time, said)| {
                let said = context.words.say(said);
                format!("{}: {}", at(*time), show.own(&said))
            })
            .collect(),
    }
}

impl Context<'_> {
    fn programs<'b>(&'b self, trips: &'b [&'b ReportTrip]) -> impl Iterator<Item = String> + 'b {
        trips
            .iter()
            .filter_map(|one| super::trips::program(self.show, one))
    }
}

/// What the links that hold an actor together rest on, each sort of evidence once, the heaviest first.
fn evidence(context: &Context<'_>, case: &Case) -> Vec<EvidenceFinding> {
    let mut out: BTreeMap<(&str, String), (Grade, u64, i32)> = BTreeMap::new();
    for one in case.links.iter().flat_map(|(_, edge)| &edge.evidence) {
        let key = (one.signal.as_str(), timeless(&one.detail));
        let (_, links, most) = out.entry(key).or_insert((one.grade, 0, 0));
        *links += 1;
        if one.centibits.abs() > most.abs() {
            *most = one.centibits;
        }
    }
    let mut out: Vec<_> = out
        .into_iter()
        .map(|((signal, detail), (grade, links, most))| EvidenceFinding {
            signal: signal.to_owned(),
            detail: context.show.said(&detail),
            grade,
            grade_meaning: context.words.grade_meaning(grade),
            trips: links,
            bits: f64::from(most) / 100.0,
        })
        .collect();
    out.sort_by(|a, b| {
        let weight = |one: &EvidenceFinding| one.bits.abs() * one.trips as f64;
        weight(b)
            .total_cmp(&weight(a))
            .then_with(|| a.detail.cmp(&b.detail))
    });
    out
}

/// Without when and which trip: `same address 198.51.100.7, 42 seconds after trip 0a1b2c3d-5; weak: ...`.
fn timeless(detail: &str) -> String {
    let Some(end) = detail
        .find(" after trip ")
        .or_else(|| detail.find(" before trip "))
    else {
        return detail.to_owned();
    };
    let start = detail[..end].rfind(", ").unwrap_or(end);
    let rest = detail[end..]
        .find("; ")
        .map_or("", |place| &detail[end + place..]);
    format!("{}{rest}", &detail[..start])
}

fn basis(words: &Words, case: &Case) -> String {
    if case.likelihood.is_none() {
        return words.basis_single.to_owned();
    }
    let evidence = case.links.iter().flat_map(|(_, edge)| &edge.evidence);
    let groups: BTreeSet<&str> = evidence
        .filter(|one| one.centibits > 0)
        .filter_map(|one| one.group)
        .map(|group| words.group(group))
        .collect();
    let groups: Vec<&str> = groups.into_iter().collect();
    let groups = words.list(&groups, groups.len());
    fill(
        &words.count(case.sessions, words.basis_linked),
        &[("groups", &groups), ("odds", &case.odds_against())],
    )
}

fn short(fingerprint: &str) -> String {
    fingerprint.chars().take(16).collect()
}

/// First seen first.
fn unique(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    texts.filter(|text| seen.insert(text.clone())).collect()
}
