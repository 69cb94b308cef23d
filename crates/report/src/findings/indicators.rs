//! What of a report may be passed on as an indicator or an abuse report: sources from which someone
//! who has the bait used it. Drills, the operator's own use, crawlers, previews and repetitions never
//! are, nor an address that only asked on somebody's behalf, nor one that the internet does not
//! route. What is held back is counted, with the reason.

use std::collections::{BTreeMap, BTreeSet};

use lapwing_core::{Timestamp, Verdict};
use serde::Serialize;

use super::trips::TripFinding;
use super::{Context, Counted, at, last_of, uses_of};
use crate::ReportTrip;
use crate::words::{Words, fill};

/// Addresses change hands: past so many days after the last use one should not be relied on.
const GOOD_FOR_DAYS: i64 = 30;

/// One source address, or prefix in the masked profile.
#[derive(Debug, Serialize)]
pub(crate) struct IndicatorFinding {
    pub(crate) source: String,
    /// `ipv4` or `ipv6`.
    pub(crate) family: &'static str,
    /// Whether the source is a prefix, of which most addresses have nothing to do with it.
    pub(crate) prefix: bool,
    /// How many addresses it stands for.
    pub(crate) addresses: u64,
    pub(crate) first: String,
    pub(crate) last: String,
    /// When it should not be relied on any more.
    pub(crate) until: String,
    pub(crate) trips: u64,
    pub(crate) uses: u64,
    pub(crate) actors: Vec<String>,
    /// Kinds of bait that were used.
    pub(crate) kinds: Vec<String>,
    /// JA4 of its handshakes.
    pub(crate) handshakes: Vec<String>,
    pub(crate) country: Option<String>,
    pub(crate) country_name: Option<String>,
    pub(crate) asn: Option<u32>,
    pub(crate) as_name: Option<String>,
    /// What published lists say it is used for: many may share it.
    pub(crate) listed: Vec<String>,
    /// Staged: nothing to search or block for.
    pub(crate) exercise: bool,
    pub(crate) caution: &'static str,
    /// Its trips, by their positions among all.
    #[serde(skip)]
    pub(crate) members: Vec<usize>,
}

/// What is passed on, in order of first use, and how many uses are not, by reason.
pub(super) fn derive(
    context: &Context<'_>,
    trips: &[TripFinding],
    exercise: bool,
) -> (Vec<IndicatorFinding>, Vec<Counted>) {
    let mut order: BTreeMap<&str, usize> = BTreeMap::new();
    let mut lines: Vec<Line<'_>> = Vec::new();
    let mut withheld: Vec<(String, u64)> = Vec::new();
    for (position, (one, finding)) in context.trips.iter().zip(trips).enumerate() {
        let staged = exercise || one.conclusion.network.exercise;
        if let Some(why) = held_back(context.words, one, staged) {
            withheld.push((context.show.own(&why), uses_of(one)));
            continue;
        }
        let index = *order.entry(&finding.source).or_insert_with(|| {
            lines.push(Line::default());
            lines.len() - 1
        });
        lines[index].add(position, one, staged);
    }
    let caution = context.words.caution;
    let indicators = lines.iter().map(|line| line.finding(trips, caution));
    (indicators.collect(), super::counted(withheld.into_iter()))
}

/// Why a use is no ground to accuse its source, if it is none.
fn held_back(words: &Words, one: &ReportTrip, staged: bool) -> Option<String> {
    let why = match one.conclusion.judgement.verdict {
        Verdict::Intruder => {
            if !one.trip.observed.knows_source() {
                return Some(words.held_observer.to_owned());
            }
            // The addresses of an exercise are from ranges kept for examples.
            let special = one.conclusion.network.special.as_deref();
            let name = words.range(special.filter(|_| !staged)?);
            return Some(fill(words.held_special, &[("name", &name)]));
        }
        Verdict::Own => words.held_own,
        Verdict::Automated => words.held_automated,
        Verdict::Preview => words.preview_means,
        Verdict::Echo => words.held_echo,
        Verdict::Drill => words.held_drill,
    };
    Some(why.to_owned())
}

/// What an indicator is made from.
#[derive(Default)]
struct Line<'a> {
    members: Vec<usize>,
    addresses: BTreeSet<std::net::IpAddr>,
    trips: Vec<&'a ReportTrip>,
    exercise: bool,
}

impl<'a> Line<'a> {
    fn add(&mut self, position: usize, one: &'a ReportTrip, staged: bool) {
        self.members.push(position);
        self.addresses
            .insert(one.trip.observed.source().ip().to_canonical());
        self.trips.push(one);
        self.exercise |= staged;
    }

    /// The newest trip says what is known of the network.
    fn finding(&self, trips: &[TripFinding], caution: &'static str) -> IndicatorFinding {
        let members = || self.members.iter().map(|position| &trips[*position]);
        let newest = members().next_back().expect("a line is made for a trip");
        let last = self.trips.iter().map(|one| last_of(one)).max();
        let last = last.unwrap_or(Timestamp::from_micros(0));
        let handshakes = members().filter_map(|trip| trip.ja4().map(str::to_owned));
        IndicatorFinding {
            source: newest.source.clone(),
            family: newest.family,
            prefix: newest.full.is_none(),
            addresses: self.addresses.len() as u64,
            first: at(self.trips[0].trip.observed.time),
            last: at(last),
            until: at(last.plus_seconds(GOOD_FOR_DAYS * 86_400)),
            trips: self.members.len() as u64,
            uses: self.trips.iter().map(|one| uses_of(one)).sum(),
            actors: unique(members().map(|trip| trip.actor_name.clone())),
            kinds: unique(members().map(|trip| trip.kind.clone())),
            handshakes: unique(handshakes),
            country: newest.country.clone(),
            country_name: newest.country_name.clone(),
            asn: newest.asn,
            as_name: newest.as_name.clone(),
            listed: newest.listed.clone(),
            exercise: self.exercise,
            caution,
            members: self.members.clone(),
        }
    }
}

/// First seen first.
fn unique(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    texts.filter(|text| seen.insert(text.clone())).collect()
}
