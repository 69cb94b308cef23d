//! What was touched: which copy leaked, and between when.
//!
//! The window runs from the planting to the first use. A check that found the bait in place says
//! nothing about who had read it by then, so it is told as a fact of its own and never narrows the
//! window.

use std::collections::{BTreeMap, BTreeSet};

use lapwing_core::{CanaryId, MatchedField, Timestamp, Verdict};
use serde::Serialize;

use super::{Context, at, last_of, uses_of};
use crate::words::{Words, fill};
use crate::{Report, ReportCanary, ReportTrip};

/// One canary and what became of it.
#[derive(Debug, Serialize)]
pub(crate) struct CanaryFinding {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) kind: String,
    pub(crate) kind_name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) place: Option<String>,
    pub(crate) minted: String,
    pub(crate) planted: Option<String>,
    pub(crate) last_checked: Option<String>,
    pub(crate) uprooted: Option<String>,
    pub(crate) retired: Option<String>,
    pub(crate) attack: Vec<String>,
    pub(crate) trips: u64,
    pub(crate) uses: u64,
    /// Uses that were announced drills.
    pub(crate) drills: u64,
    /// First use that was no drill.
    pub(crate) first_use: Option<String>,
    pub(crate) last_use: Option<String>,
    /// What the first use was judged to be.
    pub(crate) first_verdict: Option<Verdict>,
    /// The handles that were presented and where in the request, `auth_token (basic)`.
    pub(crate) presented: Vec<String>,
    /// Earliest and latest time at which the copy can have left its place.
    pub(crate) left_after: Option<String>,
    pub(crate) left_before: Option<String>,
    /// The same in a sentence or two.
    pub(crate) statement: String,
    /// The first of them.
    #[serde(skip)]
    pub(crate) left: String,
}

/// A copy that left its place.
#[derive(Debug, Serialize)]
pub(crate) struct LeakFinding {
    pub(crate) canary: String,
    pub(crate) title: String,
    pub(crate) kind_name: String,
    pub(crate) place: Option<String>,
    /// The window in which it left.
    pub(crate) after: Option<String>,
    pub(crate) before: Option<String>,
    /// What its first use was judged to be.
    pub(crate) first_verdict: Option<Verdict>,
    /// The same in a sentence.
    pub(crate) statement: String,
}

/// The copies that left their place, in order of first use.
pub(super) fn leaks(canaries: &[CanaryFinding]) -> Vec<LeakFinding> {
    let mut leaked: Vec<&CanaryFinding> = canaries
        .iter()
        .filter(|one| one.left_before.is_some() && one.uses > one.drills)
        .collect();
    leaked.sort_by(|a, b| a.first_use.cmp(&b.first_use));
    let leak = |one: &CanaryFinding| LeakFinding {
        canary: one.id.clone(),
        title: one.title.clone(),
        kind_name: one.kind_name.clone(),
        place: one.place.clone(),
        after: one.left_after.clone(),
        before: one.left_before.clone(),
        first_verdict: one.first_verdict,
        statement: one.left.clone(),
    };
    leaked.into_iter().map(leak).collect()
}

/// Derives a finding for each canary: used ones first, in order of first use.
pub(super) fn derive(context: &Context<'_>, report: &Report) -> Vec<CanaryFinding> {
    let mut of: BTreeMap<CanaryId, Vec<&ReportTrip>> = BTreeMap::new();
    for one in &context.trips {
        of.entry(one.trip.canary).or_default().push(one);
    }
    let mut out: Vec<_> = report
        .canaries
        .iter()
        .map(|canary| {
            let trips = of.remove(&canary.canary_id).unwrap_or_default();
            (order(&trips), finding(context, canary, &trips))
        })
        .collect();
    for (id, trips) in of {
        let canary = unlisted(id, &trips[0].trip.kind);
        out.push((order(&trips), finding(context, &canary, &trips)));
    }
    out.sort_by_key(|(order, _)| *order);
    out.into_iter().map(|(_, finding)| finding).collect()
}

/// Used ones first, by first use; then those used in drills only; then the others.
fn order(trips: &[&ReportTrip]) -> (u8, Option<Timestamp>) {
    let real = trips
        .iter()
        .find(|one| one.conclusion.judgement.verdict != Verdict::Drill);
    match (real, trips.first()) {
        (Some(one), _) => (0, Some(one.trip.observed.time)),
        (None, Some(one)) => (1, Some(one.trip.observed.time)),
        (None, None) => (2, None),
    }
}

/// A canary that trips name and the report does not describe.
fn unlisted(id: CanaryId, kind: &str) -> ReportCanary {
    ReportCanary {
        canary_id: id,
        kind: kind.to_owned(),
        kind_name: kind.to_owned(),
        kind_names: BTreeMap::new(),
        title: id.to_string(),
        labels: BTreeMap::new(),
        place: None,
        planted: None,
        last_checked: None,
        uprooted: None,
        minted: Timestamp::from_micros(0),
        retired: None,
        first_used: None,
        attack: Vec::new(),
    }
}

/// Labels that name the owner's machines and projects: not for publication.
const WHEREABOUTS: [&str; 2] = ["host", "repository"];

fn finding(context: &Context<'_>, canary: &ReportCanary, trips: &[&ReportTrip]) -> CanaryFinding {
    let show = context.show;
    let drill = |one: &&&ReportTrip| one.conclusion.judgement.verdict == Verdict::Drill;
    let first = trips.iter().find(|one| !drill(one));
    let first_here = first.map(|one| one.trip.observed.time);
    let first_use = first_here.into_iter().chain(canary.first_used).min();
    let presented: BTreeSet<String> = trips
        .iter()
        .flat_map(|one| &one.trip.fields)
        .map(|field| show.own(&presented(field, context.words)))
        .collect();
    let known = canary.minted.micros() != 0;
    let window = Window {
        minted: known.then_some(canary.minted),
        planted: canary.planted,
        first_use,
        uprooted: canary.uprooted,
        last_checked: canary.last_checked,
        place: canary.place.as_deref().map(|place| show.own(place)),
        drills_only: first_use.is_none() && !trips.is_empty(),
    };
    let (after, before) = window.bounds();
    CanaryFinding {
        id: canary.canary_id.to_string(),
        title: context.title(canary.canary_id),
        kind: show.own(&canary.kind),
        kind_name: show.own(canary.kind_name_in(context.words.language)),
        labels: canary
            .labels
            .iter()
            .filter(|(name, _)| show.full() || !WHEREABOUTS.contains(&name.as_str()))
            .map(|(name, value)| (show.own(name), show.own(value)))
            .collect(),
        minted: if known {
            at(canary.minted)
        } else {
            String::new()
        },
        planted: canary.planted.map(at),
        last_checked: canary.last_checked.map(at),
        uprooted: canary.uprooted.map(at),
        retired: canary.retired.map(at),
        attack: canary.attack.iter().map(|id| show.own(id)).collect(),
        trips: trips.len() as u64,
        uses: trips.iter().map(|one| uses_of(one)).sum(),
        drills: trips.iter().filter(drill).map(|one| uses_of(one)).sum(),
        first_use: first_use.map(at),
        last_use: trips
            .iter()
            .filter(|one| !drill(one))
            .map(|one| last_of(one))
            .max()
            .map(at),
        first_verdict: first.map(|one| one.conclusion.judgement.verdict),
        presented: presented.into_iter().collect(),
        left_after: after.map(at),
        left_before: before.map(at),
        statement: window.statement(context.words),
        left: window.left(context.words),
        place: window.place,
    }
}

/// A field and where in the request it stood: `auth_token (basic)`.
pub(super) fn presented(field: &MatchedField, words: &Words) -> String {
    format!("{} ({})", field.field, words.carrier(field.carrier))
}

/// The times that bound when a copy left its place.
struct Window {
    minted: Option<Timestamp>,
    planted: Option<Timestamp>,
    first_use: Option<Timestamp>,
    uprooted: Option<Timestamp>,
    last_checked: Option<Timestamp>,
    place: Option<String>,
    drills_only: bool,
}

impl Window {
    fn bounds(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        let Some(used) = self.first_use else {
            return (None, None);
        };
        let after = self
            .planted
            .filter(|planted| *planted <= used)
            .or(self.minted);
        let before = self.uprooted.filter(|gone| self.planted <= Some(*gone));
        (after, Some(before.map_or(used, |gone| gone.min(used))))
    }

    /// When it left, and what is known of its place.
    fn statement(&self, words: &Words) -> String {
        let mut text = self.left(words);
        let early = self.planted > self.first_use;
        if let (Some(checked), Some(_), false) = (self.last_checked, self.first_use, early) {
            let checked = words.said(&at(checked));
            text.push(' ');
            text.push_str(&fill(words.checked, &[("time", &checked)]));
        }
        text
    }

    fn left(&self, words: &Words) -> String {
        let say = |time: Timestamp| words.said(&at(time));
        let Some(used) = self.first_use else {
            let text = if self.drills_only {
                words.drills_only
            } else {
                words.not_used
            };
            return text.to_owned();
        };
        let (after, before) = self.bounds();
        let before = say(before.unwrap_or(used));
        let after = after.map_or_else(String::new, |after| {
            fill(words.after_and, &[("time", &say(after))])
        });
        let early = self.planted.is_some_and(|planted| planted > used);
        let text = match &self.place {
            Some(_) if early => words.left_early,
            Some(_) => words.left_place,
            None => words.left_unplaced,
        };
        let place = self.place.as_deref().unwrap_or_default();
        fill(
            text,
            &[
                ("used", &say(used)),
                ("place", &place),
                ("after", &after),
                ("before", &before),
            ],
        )
    }
}
