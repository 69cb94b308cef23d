//! `lapwing geo check`: how far the sources at hand agree, over addresses drawn or over those of trips. IPv4 and IPv6
//! are measured each by itself: what they are drawn from differs.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use lapwing_attribute::{Announced, Comparison, Geography, Pair, compare};
use lapwing_store::TripFilter;
use serde_json::json;

use super::super::trips::Desk;
use crate::args::{Global, Measure};
use crate::context::load_config;
use crate::failure::Exit;
use crate::output;

/// Trips that are looked at, the newest.
const TRIPS: usize = 100_000;
/// Addresses that are drawn for one that is routed, at most.
const DRAWS: u64 = 100;

pub(super) fn run(global: &Global, args: &Measure) -> anyhow::Result<Exit> {
    let Measure {
        addresses,
        seed,
        trips,
    } = args;
    let (_, config) = load_config(global)?;
    let geography = lapwing_daemon::geography::geography(&config.settings.geo)?;
    let (older, newer) = if *trips {
        let (older, addresses) = of_trips(global)?.into_iter().partition(IpAddr::is_ipv4);
        let newer = Announced {
            addresses,
            ..Announced::default()
        };
        (older, newer)
    } else {
        let newer = geography.announced(*addresses as usize, &mut bits(*seed));
        (drawn(&geography, *addresses, *seed), newer)
    };
    let of_older = compare(&geography, older);
    let of_newer = compare(&geography, newer.addresses.iter().copied());
    if global.json {
        let mut value = serde_json::to_value(&of_older)?;
        value["ipv6"] = serde_json::to_value(&of_newer)?;
        (value["drawn_by"], value["ipv6"]["drawn_by"]) = match trips {
            true => (json!("trips"), json!("trips")),
            false => (
                json!({ "seed": seed }),
                json!({ "seed": seed, "networks": newer.networks, "databases": newer.databases }),
            ),
        };
        output::json(&value)?;
        return Ok(Exit::Fine);
    }
    let how = match trips {
        true => ["of trips".to_owned(), "of trips".to_owned()],
        false => [
            "routed, drawn evenly over addresses".to_owned(),
            format!(
                "one each in announced networks, drawn evenly over the {} in {}",
                newer.networks,
                newer.databases.join(" and ")
            ),
        ],
    };
    show("IPv4", &how[0], &of_older)?;
    output::line("")?;
    show("IPv6", &how[1], &of_newer)?;
    if of_older.comparable + of_newer.comparable == 0 {
        output::say(
            "there is only one source of countries: name others in geo.files or geo.sources to compare",
        );
    }
    output::say(
        "sources copy from each other and from the registries: to agree is not to be right",
    );
    Ok(Exit::Fine)
}

/// Random bits by a seed.
fn bits(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        // SplitMix64 (Steele, Lea, Flood 2014): the same on every machine and in every version.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// So many public IPv4 addresses of which a source knows the system, each as likely as any other.
fn drawn(geography: &Geography, count: u32, seed: u64) -> Vec<IpAddr> {
    let mut bits = bits(seed);
    let mut draw = || IpAddr::from(Ipv4Addr::from_bits((bits() >> 32) as u32));
    let bar = output::progress(count.into(), "drawing addresses");
    let mut found = Vec::new();
    for _ in 0..DRAWS * u64::from(count) {
        let address = draw();
        if geography.lookup(address).asn.is_some() {
            found.push(address);
            bar.inc(1);
        }
        if found.len() == count as usize {
            break;
        }
    }
    bar.finish_and_clear();
    found
}

/// The addresses that trips came from, each once.
fn of_trips(global: &Global) -> anyhow::Result<Vec<IpAddr>> {
    let desk = Desk::open(global)?;
    let filter = TripFilter {
        limit: TRIPS,
        ..TripFilter::default()
    };
    let rows = desk.index.trips(&filter)?.rows;
    if rows.len() == TRIPS {
        output::say(&format!(
            "note: only the newest {TRIPS} trips are looked at"
        ));
    }
    let addresses: BTreeSet<IpAddr> = rows
        .iter()
        .map(|row| row.source.ip().to_canonical())
        .collect();
    Ok(addresses.into_iter().collect())
}

/// Shows the measure of a family, and how its addresses were come by.
fn show(family: &str, how: &str, made: &Comparison) -> anyhow::Result<()> {
    output::line(&format!("{family}: {} addresses, {how}", made.addresses))?;
    if made.addresses == 0 {
        return Ok(());
    }
    let mut table = output::table(&["source", "knows a country of", "says what most say"]);
    for source in &made.sources {
        table.add_row([
            source.source.clone(),
            share(source.known, made.addresses),
            share(source.with_most, source.judged),
        ]);
    }
    output::print_table(&table)?;
    pairs("countries of", &made.pairs)?;
    pairs("AS numbers of", &made.systems)?;
    output::line("")?;
    output::line(&format!(
        "all that name a country agree: {} (of {} addresses of which two sources or more name one)",
        share(made.unanimous, made.comparable),
        made.comparable
    ))?;
    Ok(())
}

fn pairs(what: &str, pairs: &[Pair]) -> anyhow::Result<()> {
    if pairs.is_empty() {
        return Ok(());
    }
    output::line("")?;
    let mut table = output::table(&[what, "and", "both know", "agree"]);
    for pair in pairs {
        table.add_row([
            pair.a.clone(),
            pair.b.clone(),
            pair.both.to_string(),
            share(pair.same, pair.both),
        ]);
    }
    Ok(output::print_table(&table)?)
}

/// A share in percent, `97.3 %`.
fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    let tenths = (part * 1000 + whole / 2) / whole;
    format!("{}.{} %", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_routed_addresses() {
        let geography = Geography::embedded().unwrap();
        let first = drawn(&geography, 50, 7);
        assert_eq!(first, drawn(&geography, 50, 7));
        assert_ne!(first, drawn(&geography, 50, 8));
        assert_eq!(first.len(), 50);
        assert!(
            first
                .iter()
                .all(|address| geography.lookup(*address).special.is_none())
        );
    }

    #[test]
    fn shares_are_rounded() {
        for (part, whole, text) in [
            (0, 0, "-"),
            (1, 3, "33.3 %"),
            (2, 3, "66.7 %"),
            (3, 3, "100.0 %"),
        ] {
            assert_eq!(share(part, whole), text);
        }
    }
}
