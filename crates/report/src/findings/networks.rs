//! Network facts by source address. Every line carries the caution; a source that gives only a
//! country gives a country, never a point.

use std::collections::{BTreeMap, BTreeSet};

use lapwing_core::{NetworkClass, NetworkFacts, Timestamp, WasExit};
use serde::Serialize;

use super::show::Show;
use super::{Context, at, last_of, uses_of};
use crate::words::{Words, fill};
use crate::world;

/// One source address, or prefix in the masked profile.
#[derive(Debug, Serialize)]
pub(crate) struct NetworkFinding {
    pub(crate) source: String,
    /// How many addresses the line stands for.
    pub(crate) addresses: u64,
    pub(crate) country: Option<String>,
    pub(crate) country_name: Option<String>,
    pub(crate) city: Option<String>,
    /// Degrees, only beside a radius.
    pub(crate) latitude: Option<f64>,
    pub(crate) longitude: Option<f64>,
    pub(crate) radius_km: Option<u32>,
    /// How precise the place is, in words.
    pub(crate) precision: String,
    /// Why it has no city, although a source may name one: who uses the address need not be where its machine is.
    pub(crate) unplaced_because: Option<String>,
    /// How far sources agree about the country, in words.
    pub(crate) agreement: Option<String>,
    pub(crate) asn: Option<u32>,
    pub(crate) as_name: Option<String>,
    /// Why there is no place: `loopback`, `private`, `documentation`, `reserved`.
    pub(crate) special: Option<String>,
    /// What published lists say it is used for.
    pub(crate) listed: Vec<String>,
    /// Databases and their dates.
    pub(crate) data: Vec<String>,
    pub(crate) exercise: bool,
    pub(crate) trips: u64,
    pub(crate) uses: u64,
    pub(crate) first: String,
    pub(crate) last: String,
    pub(crate) actors: Vec<String>,
    pub(crate) caution: &'static str,
}

/// How many uses came from networks placed in a country.
#[derive(Debug, Serialize)]
pub(crate) struct CountryFinding {
    pub(crate) code: String,
    pub(crate) name: String,
    pub(crate) uses: u64,
    pub(crate) addresses: u64,
    /// Whether the map has a shape for it.
    pub(crate) on_map: bool,
}

/// Uses that have no country, and why.
#[derive(Debug, Serialize)]
pub(crate) struct Unplaced {
    pub(crate) why: String,
    pub(crate) uses: u64,
}

/// What a line of the table is made from.
struct Line<'a> {
    facts: &'a NetworkFacts,
    addresses: BTreeSet<std::net::IpAddr>,
    trips: u64,
    uses: u64,
    first: Timestamp,
    last: Timestamp,
    actors: Vec<String>,
}

/// Derives the table, most uses first.
pub(super) fn derive(context: &Context<'_>) -> Vec<NetworkFinding> {
    let mut lines: BTreeMap<(String, String), Line<'_>> = BTreeMap::new();
    for one in &context.trips {
        let address = one.trip.observed.source().ip().to_canonical();
        let facts = &one.conclusion.network;
        let key = (context.show.address(address), facts_key(facts));
        let time = one.trip.observed.time;
        let line = lines.entry(key).or_insert_with(|| Line {
            facts,
            addresses: BTreeSet::new(),
            trips: 0,
            uses: 0,
            first: time,
            last: time,
            actors: Vec::new(),
        });
        line.addresses.insert(address);
        line.trips += 1;
        line.uses += uses_of(one);
        line.last = line.last.max(last_of(one));
        let actor = context.actor(one.conclusion.actor);
        if !line.actors.contains(&actor) {
            line.actors.push(actor);
        }
    }
    let mut out: Vec<_> = lines
        .into_iter()
        .map(|((source, _), line)| finding(context, source, line))
        .collect();
    out.sort_by(|a, b| b.uses.cmp(&a.uses).then_with(|| a.source.cmp(&b.source)));
    out
}

/// Lines differ where what is shown of them differs.
fn facts_key(facts: &NetworkFacts) -> String {
    format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        facts.country,
        facts.city,
        facts.radius_km,
        facts.asn,
        facts.special,
        facts.lists,
        facts.sources,
        facts.unplaced_because,
        facts.agreement,
        facts.tor_exit.map(|exit| exit.was),
    )
}

fn finding(context: &Context<'_>, source: String, line: Line<'_>) -> NetworkFinding {
    let show = context.show;
    let facts = line.facts;
    let country = country(facts).map(|one| (one.code, one.name_in(context.words.language)));
    let city = facts.city.as_deref().filter(|_| show.full());
    let radius = facts.radius_km.filter(|_| show.full());
    let point = facts.coordinates.filter(|_| radius.is_some());
    NetworkFinding {
        source,
        addresses: line.addresses.len() as u64,
        country: country.map(|(code, _)| code.to_owned()),
        country_name: country.map(|(_, name)| name.to_owned()),
        city: city.map(|city| show.own(city)),
        latitude: point.map(|(latitude, _)| degrees(latitude)),
        longitude: point.map(|(_, longitude)| degrees(longitude)),
        radius_km: radius,
        precision: precision(context.words, country.is_some(), radius, facts),
        unplaced_because: facts.unplaced_because.as_deref().map(|why| show.said(why)),
        agreement: (facts.agreement.as_ref()).map(|agreement| show.said(&agreement.words())),
        asn: facts.asn,
        as_name: facts.as_name.as_deref().map(|name| show.own(name)),
        special: facts.special.as_deref().map(|why| show.own(why)),
        listed: listed(show, facts),
        data: facts.sources.iter().map(|text| show.source(text)).collect(),
        exercise: facts.exercise,
        trips: line.trips,
        uses: line.uses,
        first: at(line.first),
        last: at(line.last),
        actors: line.actors,
        caution: context.words.caution,
    }
}

/// What published lists say the network is used for, exits of the Tor network at the time among them.
pub(super) fn listed(show: Show, facts: &NetworkFacts) -> Vec<String> {
    let exit = (facts.tor_exit.as_ref()).is_some_and(|exit| exit.was == WasExit::Yes);
    let named = facts.is_listed(NetworkClass::Tor);
    let exit = (exit && !named).then(|| show.words.tor_exit.to_owned());
    let listed = { facts.lists.iter() }.map(|listed| show.words.listed(listed));
    listed.chain(exit).map(|text| show.own(&text)).collect()
}

fn degrees(millionths: i64) -> f64 {
    millionths as f64 / 1e6
}

fn precision(words: &Words, country: bool, radius: Option<u32>, facts: &NetworkFacts) -> String {
    match (radius, country, facts.special.is_some()) {
        (Some(radius), _, _) => fill(words.within_km, &[("radius", &radius)]),
        (None, true, _) => words.in_country.to_owned(),
        (None, false, true) => words.special_no_place.to_owned(),
        (None, false, false) => words.no_place.to_owned(),
    }
}

/// A valid country. Made-up places of an exercise count even in a special range.
fn country(facts: &NetworkFacts) -> Option<world::Country> {
    world::country(facts.country.as_deref()?)
}

/// Uses by country, most first.
pub(super) fn countries(context: &Context<'_>) -> Vec<CountryFinding> {
    let mut counts: BTreeMap<&str, (u64, BTreeSet<std::net::IpAddr>)> = BTreeMap::new();
    for one in &context.trips {
        if let Some(country) = country(&one.conclusion.network) {
            let entry = counts.entry(country.code).or_default();
            entry.0 += uses_of(one);
            entry
                .1
                .insert(one.trip.observed.source().ip().to_canonical());
        }
    }
    let mut out: Vec<_> = counts
        .into_iter()
        .filter_map(|(code, (uses, addresses))| {
            let country = world::country(code)?;
            Some(CountryFinding {
                code: code.to_owned(),
                name: country.name_in(context.words.language).to_owned(),
                uses,
                addresses: addresses.len() as u64,
                on_map: !country.path.is_empty(),
            })
        })
        .collect();
    out.sort_by(|a, b| b.uses.cmp(&a.uses).then_with(|| a.name.cmp(&b.name)));
    out
}

/// Uses without a country, by reason.
pub(super) fn unplaced(context: &Context<'_>) -> Vec<Unplaced> {
    let words = context.words;
    let without = context.trips.iter().filter_map(|one| {
        let facts = &one.conclusion.network;
        if country(facts).is_some() {
            return None;
        }
        let why = match (&facts.special, &facts.country) {
            (Some(special), _) => {
                let name = context.show.own(words.range(special));
                fill(words.special_range, &[("name", &name)])
            }
            (None, Some(code)) => fill(words.not_a_code, &[("code", &context.show.own(code))]),
            (None, None) => words.country_unknown.to_owned(),
        };
        Some((why, uses_of(one)))
    });
    super::counted(without)
        .into_iter()
        .map(|one| Unplaced {
            why: one.text,
            uses: one.count,
        })
        .collect()
}
