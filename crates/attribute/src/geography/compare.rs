//! How far databases agree, measured over addresses: each source's coverage, each pair's agreement, and how often all
//! that answer say the same country. Drawn evenly over addresses, the shares are weighted by address.

use std::net::IpAddr;

use serde::Serialize;

use super::Geography;
use crate::special::{plain, special};

/// The measure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Addresses asked about: public ones that at least one source knows a country or a system of.
    pub addresses: u64,
    /// Addresses of which two sources or more name a country.
    pub comparable: u64,
    /// Of those, where all that name one name the same.
    pub unanimous: u64,
    /// Each source that gives a country.
    pub sources: Vec<Coverage>,
    /// Each pair of them, about the country.
    pub pairs: Vec<Pair>,
    /// Each pair of those that give AS numbers, about the number.
    pub systems: Vec<Pair>,
}

/// How much a source knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Its name and date.
    pub source: String,
    /// Addresses of which it names a country.
    pub known: u64,
    /// Of the addresses of which others name one too: where it says what most say. A tie is on nobody's side.
    pub with_most: u64,
    /// How many those are.
    pub judged: u64,
}

/// How two sources agree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pair {
    /// One, by name and date.
    pub a: String,
    /// The other.
    pub b: String,
    /// Addresses of which both say something.
    pub both: u64,
    /// Of those, where they say the same.
    pub same: u64,
}

/// Asks every source about every address.
#[must_use]
pub fn compare(geography: &Geography, addresses: impl IntoIterator<Item = IpAddr>) -> Comparison {
    let sources = geography.sources();
    let giving = |field: &str| -> Vec<usize> {
        let gives = |index: &usize| sources[*index].fields.iter().any(|it| it == field);
        (0..sources.len()).filter(gives).collect()
    };
    let (placing, numbering) = (giving("country"), giving("asn"));
    let label = |index: usize| sources[index].label();
    let mut made = Comparison {
        addresses: 0,
        comparable: 0,
        unanimous: 0,
        sources: (placing.iter())
            .map(|index| Coverage {
                source: label(*index),
                known: 0,
                with_most: 0,
                judged: 0,
            })
            .collect(),
        pairs: pairs(&placing, label),
        systems: pairs(&numbering, label),
    };
    for address in addresses {
        let address = plain(address);
        if special(address).is_some() {
            continue;
        }
        let answers = geography.each(address);
        let countries: Vec<Option<&str>> = placing
            .iter()
            .map(|index| answers[*index].country.as_deref())
            .collect();
        let numbers: Vec<Option<u32>> = numbering.iter().map(|index| answers[*index].asn).collect();
        if countries.iter().all(Option::is_none) && numbers.iter().all(Option::is_none) {
            continue;
        }
        made.addresses += 1;
        count(&mut made.pairs, &countries);
        count(&mut made.systems, &numbers);
        judge(&mut made, &countries);
    }
    made
}

/// Every pair, in the order in which [`count`] goes through them.
fn pairs(indices: &[usize], label: impl Fn(usize) -> String) -> Vec<Pair> {
    let pair = |(a, b): (usize, usize)| Pair {
        a: label(a),
        b: label(b),
        both: 0,
        same: 0,
    };
    each_pair(indices).map(pair).collect()
}

fn each_pair<T: Copy>(of: &[T]) -> impl Iterator<Item = (T, T)> {
    (of.iter().enumerate()).flat_map(|(index, a)| of[index + 1..].iter().map(|b| (*a, *b)))
}

fn count<T: PartialEq + Copy>(pairs: &mut [Pair], said: &[Option<T>]) {
    for (pair, (a, b)) in pairs.iter_mut().zip(each_pair(said)) {
        if a.is_some() && b.is_some() {
            pair.both += 1;
            pair.same += u64::from(a == b);
        }
    }
}

/// Whether all agree, and who is with most.
fn judge(made: &mut Comparison, countries: &[Option<&str>]) {
    let named: Vec<&str> = countries.iter().flatten().copied().collect();
    let votes = |country: &str| named.iter().filter(|other| **other == country).count();
    let is_comparable = named.len() > 1;
    if is_comparable {
        made.comparable += 1;
        made.unanimous += u64::from(votes(named[0]) == named.len());
    }
    for (coverage, country) in made.sources.iter_mut().zip(countries) {
        let Some(country) = country else { continue };
        coverage.known += 1;
        if is_comparable {
            coverage.judged += 1;
            coverage.with_most += u64::from(votes(country) * 2 > named.len());
        }
    }
}
