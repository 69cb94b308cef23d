//! The one model that every format lays out.
//!
//! Masking and escaping happen here and nowhere else: what a profile must not show never gets into
//! [`Findings`]. Every string is printable on one line (checkpoint and raw requests keep their line
//! ends); formats still escape for their own syntax.

mod actors;
mod canaries;
mod confidence;
mod indicators;
mod intent;
mod networks;
mod route;
mod show;
mod summary;
mod trips;

use std::collections::{BTreeMap, BTreeSet};

use lapwing_core::text::{escape, escape_lines};
use lapwing_core::{ReportId, Timestamp, Verdict};
use serde::Serialize;

pub(crate) use actors::ActorFinding;
pub(crate) use canaries::{CanaryFinding, LeakFinding};
pub(crate) use confidence::ClaimFinding;
pub(crate) use indicators::IndicatorFinding;
pub(crate) use intent::{CallFinding, Intent, MessageFinding, TextFinding, outcome_word};
pub(crate) use networks::{CountryFinding, NetworkFinding, Unplaced};
pub(crate) use route::{ActorRoute, NodeSort, RouteEdge, RouteFinding, RouteNode};
pub(crate) use show::{at, clock};
pub(crate) use summary::Section;
pub(crate) use trips::{Episode, ErasedFinding, FullTrip, TripFinding};

use crate::words::{Words, fill};
use crate::{Integrity, Language, Profile, Report, ReportTrip};
use show::Show;

/// Name of the JSON layout; changes when a reader would have to.
const SCHEMA: &str = "lapwing-report/1";

/// Everything a report says.
#[derive(Debug, Serialize)]
pub(crate) struct Findings {
    pub(crate) schema: &'static str,
    pub(crate) software: &'static str,
    pub(crate) profile: Profile,
    pub(crate) language: Language,
    pub(crate) exercise: bool,
    /// The name under which it is published, and could be withdrawn.
    pub(crate) correction: Option<ReportId>,
    pub(crate) generated: String,
    /// Whom it may be passed on to, in the words of the Traffic Light Protocol 2.0: `TLP:CLEAR` (anyone) if
    /// masked, else `TLP:AMBER` (whoever needs to know, at the recipient and its clients).
    pub(crate) tlp: &'static str,
    pub(crate) operator: String,
    /// Mail address at which the operator answers for it; empty if none was given.
    pub(crate) contact: String,
    pub(crate) station: String,
    pub(crate) range: Range,
    pub(crate) caution: &'static str,
    /// The first finding: which copies left their place, and between when, in order of first use.
    pub(crate) leaks: Vec<LeakFinding>,
    /// The first page, in plain sentences.
    pub(crate) summary: Vec<String>,
    /// The same under the questions it answers.
    #[serde(skip)]
    pub(crate) first_page: Vec<Section>,
    /// The order in which canaries were touched, actor by actor.
    pub(crate) route: RouteFinding,
    pub(crate) totals: Totals,
    pub(crate) verdicts: Vec<VerdictFinding>,
    pub(crate) canaries: Vec<CanaryFinding>,
    pub(crate) timeline: Vec<Episode>,
    pub(crate) actors: Vec<ActorFinding>,
    pub(crate) networks: Vec<NetworkFinding>,
    /// What of it may be passed on to search for, or to complain about.
    pub(crate) indicators: Vec<IndicatorFinding>,
    /// Uses that are no ground for either, by reason.
    pub(crate) withheld: Vec<Counted>,
    pub(crate) countries: Vec<CountryFinding>,
    pub(crate) unplaced: Vec<Unplaced>,
    pub(crate) intent: Intent,
    pub(crate) confidence: Vec<ClaimFinding>,
    pub(crate) incidents: Vec<IncidentFinding>,
    pub(crate) integrity: IntegrityFinding,
    pub(crate) attribution: Vec<String>,
    pub(crate) trips: Vec<TripFinding>,
    /// The texts of its language.
    #[serde(skip)]
    pub(crate) words: &'static Words,
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
    /// Who looks after it; full profile only.
    pub(crate) assigned: Option<String>,
    /// The operator's reason for its state; full profile only.
    pub(crate) reason: Option<String>,
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
    /// Its state, and in the full profile why and who looks after it, in the operator's words.
    pub(crate) fn standing(&self, words: &Words) -> String {
        let mut text = words.state(self.state).to_owned();
        if let Some(reason) = &self.reason {
            text.push_str(&format!(": {reason}"));
        }
        if let Some(name) = &self.assigned {
            text.push_str(&format!(" ({name})"));
        }
        text
    }
}

impl Findings {
    /// Derives the findings of a report, masked for the profile.
    pub(crate) fn derive(report: &Report, profile: Profile) -> Self {
        Self::derive_in(report, profile, report.language)
    }

    /// The same for programs, which are told everything in English.
    pub(crate) fn for_programs(report: &Report, profile: Profile) -> Self {
        Self::derive_in(report, profile, Language::En)
    }

    fn derive_in(report: &Report, profile: Profile, language: Language) -> Self {
        let words = Words::of(language);
        let show = Show { profile, words };
        let context = Context::new(report, show, words);
        let networks = networks::derive(&context);
        let intent = intent::derive(&context);
        let canaries = canaries::derive(&context, report);
        let totals = totals(&context, &canaries, report);
        let verdicts = verdicts(&context);
        let integrity = integrity(&context, &report.integrity);
        let actors = actors::derive(&context, report);
        let trips = trips::derive(&context);
        let (indicators, withheld) = indicators::derive(&context, &trips, report.exercise);
        let mut findings = Self {
            schema: SCHEMA,
            software: concat!("lapwing ", env!("CARGO_PKG_VERSION")),
            profile,
            language,
            exercise: report.exercise,
            correction: report.correction,
            generated: at(report.generated),
            tlp: match profile {
                Profile::Masked => "TLP:CLEAR",
                Profile::Full => "TLP:AMBER",
            },
            contact: show.own(&report.contact),
            operator: show.own(&report.operator),
            station: report.station.to_string(),
            range: Range {
                from: report.range.0.map(at),
                until: report.range.1.map(at),
            },
            caution: words.caution,
            leaks: canaries::leaks(&canaries),
            summary: Vec::new(),
            first_page: Vec::new(),
            route: route::derive(&context, &canaries),
            totals,
            verdicts,
            canaries,
            timeline: trips::episodes(&context),
            countries: networks::countries(&context),
            unplaced: networks::unplaced(&context),
            confidence: Vec::new(),
            actors,
            networks,
            indicators,
            withheld,
            intent,
            incidents: incidents(&context, report),
            integrity,
            // Not taken apart: licences ask for their address as it is.
            attribution: report
                .sources
                .iter()
                .map(|text| escape(text.as_bytes()))
                .collect(),
            trips,
            words,
        };
        findings.confidence = confidence::derive(&findings);
        findings.first_page = summary::derive(&findings);
        let sections = findings.first_page.iter();
        findings.summary = sections.flat_map(|one| one.sentences.clone()).collect();
        findings
    }

    /// The canaries by their ids.
    pub(crate) fn canaries_by_id(&self) -> BTreeMap<&str, &CanaryFinding> {
        let canaries = self.canaries.iter();
        canaries.map(|one| (one.id.as_str(), one)).collect()
    }

    /// Whether everything is shown.
    pub(crate) fn full(&self) -> bool {
        self.profile == Profile::Full
    }
}

/// What the parts of the derivation share: trips in order of time, names of actors and canaries.
struct Context<'a> {
    show: Show,
    words: &'static Words,
    trips: Vec<&'a ReportTrip>,
    /// Display name by actor, `A`, `B`, ... in order of first trip.
    actor_names: BTreeMap<lapwing_core::ActorId, String>,
    titles: BTreeMap<lapwing_core::CanaryId, String>,
    places: BTreeMap<lapwing_core::CanaryId, String>,
    /// Kinds in words.
    kinds: BTreeMap<&'a str, &'a str>,
    erased: &'a BTreeMap<lapwing_core::TripId, crate::Erased>,
}

impl<'a> Context<'a> {
    fn new(report: &'a Report, show: Show, words: &'static Words) -> Self {
        let mut trips: Vec<&ReportTrip> = report.trips.iter().collect();
        trips.sort_by_key(|one| (one.trip.observed.time, one.trip.id));
        let mut actor_names = BTreeMap::new();
        let known = report.incidents.iter().map(|incident| incident.actor);
        for actor in trips.iter().map(|one| one.conclusion.actor).chain(known) {
            let next = actor_names.len();
            actor_names
                .entry(actor)
                .or_insert_with(|| fill(words.actor_name, &[("letters", &letters(next))]));
        }
        let titles = report
            .canaries
            .iter()
            .map(|canary| {
                let title = if canary.title.is_empty() {
                    canary.kind_name_in(words.language)
                } else {
                    canary.title.as_str()
                };
                (canary.canary_id, show.own(title))
            })
            .collect();
        Self {
            show,
            words,
            trips,
            actor_names,
            titles,
            erased: &report.erased,
            kinds: { report.canaries.iter() }
                .map(|one| (one.kind.as_str(), one.kind_name_in(words.language)))
                .collect(),
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

    /// A kind in words; its id if the report has none of it.
    fn kind_name(&self, kind: &str) -> String {
        self.show.own(self.kinds.get(kind).unwrap_or(&kind))
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
            meaning: context.words.meaning(verdict),
            trips: of(verdict).count() as u64,
            uses: of(verdict).map(|one| uses_of(one)).sum(),
            reasons: reasons(context, of(verdict)),
        })
        .collect()
}

/// The reasons of these trips, most frequent first; of equally frequent ones that which the rules give first.
fn reasons<'a>(
    context: &Context<'_>,
    trips: impl Iterator<Item = &'a &'a ReportTrip>,
) -> Vec<Counted> {
    let mut counts: BTreeMap<&str, (u64, usize)> = BTreeMap::new();
    for reason in trips.flat_map(|one| &one.conclusion.judgement.reasons) {
        let next = counts.len();
        counts.entry(reason).or_insert((0, next)).0 += 1;
    }
    let mut order: Vec<_> = counts.into_iter().collect();
    order.sort_by_key(|(_, (count, first))| (std::cmp::Reverse(*count), *first));
    let said = |(reason, (count, _)): (&str, (u64, usize))| Counted {
        text: context.show.said(reason),
        count,
    };
    order.into_iter().map(said).collect()
}

fn incidents(context: &Context<'_>, report: &Report) -> Vec<IncidentFinding> {
    let mut incidents: Vec<_> = report.incidents.iter().collect();
    incidents.sort_by_key(|incident| (incident.first, incident.id));
    incidents
        .into_iter()
        .map(|incident| {
            let handling = report.handling.get(&incident.id);
            let handling = handling.filter(|_| context.show.full());
            let ruling = handling.and_then(|it| it.ruling.as_ref());
            let reason = ruling
                .filter(|it| it.stands)
                .and_then(|it| it.reason.as_ref());
            IncidentFinding {
                id: incident.id.to_string(),
                canary: context.title(incident.canary),
                actor: context.actor(incident.actor),
                verdict: incident.verdict,
                first: at(incident.first),
                last: at(incident.last),
                uses: incident.count,
                state: incident.state,
                assigned: handling
                    .and_then(|it| it.assigned.as_ref())
                    .map(|name| context.show.own(name)),
                reason: reason.map(|reason| context.show.own(reason)),
            }
        })
        .collect()
}

fn integrity(context: &Context<'_>, integrity: &Integrity) -> IntegrityFinding {
    let (show, words) = (context.show, context.words);
    let mut statement = match (integrity.verified, integrity.proven) {
        (true, Some(proven)) => {
            let text = words.form(proven, words.proven_statement);
            let (one, all) = (words.number(proven), words.number(integrity.records));
            fill(text, &[("n", &one), ("all", &all)])
        }
        (true, None) => words.count(integrity.records, words.verified_statement),
        (false, _) => words.count(integrity.records, words.unverified_statement),
    };
    if !integrity.message.is_empty() {
        statement.push(' ');
        let said = show.own(&integrity.message);
        statement.push_str(&fill(words.verifier_said, &[("text", &said)]));
    }
    let judged = context.trips.iter().map(|one| &one.conclusion);
    let rules: BTreeSet<u32> = judged.clone().map(|one| one.judgement.rules).collect();
    let data: BTreeSet<String> = judged
        .flat_map(|one| one.network.sources.iter().map(|text| show.source(text)))
        .collect();
    IntegrityFinding {
        verified: integrity.verified,
        statement,
        limits: words.integrity_limits,
        how_to_verify: "lapwing evidence verify",
        records: integrity.records,
        checkpoint: escape_lines(integrity.checkpoint.trim_end().as_bytes()),
        public_key: show.own(&integrity.public_key),
        rules: rules.into_iter().collect(),
        data: data.into_iter().collect(),
    }
}
