//! What stands beside a group and knows of it: the counter that gives its numbers out, sets that list its
//! keys. A key of ours is counted and listed as the owner's are, where that can be taken back exactly.

use std::collections::{BTreeSet, HashSet};

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use serde::{Deserialize, Serialize};

use super::group::{Pattern, is_id};
use super::neighbours::is_integer;
use super::server::{Names, Server};
use super::wire::Reply;
use crate::error::PlantError;

/// How many keys beside a group are looked at.
const BESIDE: usize = 64;
/// How many of its keys a set is asked for.
const ASKED: usize = 12;

/// A counter that gives a number of ours out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Count {
    pub key: String,
    pub before: i64,
    pub after: i64,
}

/// A set that lists a key of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Listing {
    pub key: String,
    pub member: String,
}

/// Where the next key of a numbered group gets its number.
pub(super) struct Numbers {
    /// As it is written.
    pub next: String,
    pub counters: Vec<Count>,
    /// Only keys below were there when this number was given out.
    pub below: Option<i64>,
    pub note: Option<String>,
}

/// A set that lists a group.
pub(super) struct Index {
    key: String,
    /// By whole keys; else by what names them.
    whole: bool,
}

impl Index {
    pub(super) fn listing(&self, key: &str, id: &str) -> Listing {
        Listing {
            key: self.key.clone(),
            member: if self.whole { key } else { id }.to_owned(),
        }
    }
}

/// A group's members among names that hold its word, and what may know of the group beside it.
pub(super) fn apart<'n>(names: &'n Names, pattern: &Pattern) -> (Vec<&'n str>, Vec<&'n str>) {
    let id = |key: &&str| {
        let parts = pattern.parts(key);
        parts.and_then(|parts| parts.last().map(|part| is_id(part))) == Some(true)
    };
    let keys = || names.keys.iter().map(String::as_str);
    let mut members: Vec<&str> = keys().filter(|key| pattern.parts(key).is_some()).collect();
    // `user:next_id` stands among `user:1` and `user:2`, and is none of them.
    let known = members.iter().filter(|key| id(key)).count();
    if known * 2 > members.len() {
        members.retain(id);
    }
    let inside: HashSet<&str> = members.iter().copied().collect();
    let of_one = |key: &str| {
        let mut parts = key.split(|c: char| !c.is_alphanumeric() && c != '-' && c != '@');
        parts.any(is_id)
    };
    let mut beside: Vec<&str> = keys()
        .filter(|key| !inside.contains(key) && !of_one(key))
        .collect();
    beside.sort_by_key(|key| key.len());
    beside.truncate(BESIDE);
    (members, beside)
}

/// The numbers of a group; `None` if its keys are not numbered.
pub(super) fn numbers(
    server: &mut Server,
    names: &Names,
    ids: &[&str],
    beside: &[&str],
) -> Result<Option<Numbers>, PlantError> {
    let width = ids.first().map_or(0, |id| id.len());
    let padded = ids.iter().any(|id| id.starts_with('0') && *id != "0");
    let figures = |id: &&str| id.bytes().all(|byte| byte.is_ascii_digit());
    let counted = if padded {
        ids.iter().all(|id| figures(id) && id.len() == width)
    } else {
        ids.iter().all(|id| figures(id) && is_integer(id))
    };
    let known: BTreeSet<i64> = ids.iter().filter_map(|id| id.parse().ok()).collect();
    let (Some(&least), Some(&most)) = (known.first(), known.last()) else {
        return Ok(None);
    };
    let span = most - least + 1;
    let count = i64::try_from(known.len()).unwrap_or(i64::MAX);
    if !counted || known.len() < 3 || span / count > 50 {
        return Ok(None);
    }
    let write = |number: i64| {
        if padded {
            format!("{number:0width$}")
        } else {
            number.to_string()
        }
    };
    let counters = counters(server, beside, most, span)?;
    if let Some(at) = counters.iter().map(|(_, at)| *at).max() {
        // One that holds the next number holds one that nobody has yet.
        let next = |(key, value): &(String, i64)| {
            *value == at && *value == most + 1 && key.to_lowercase().contains("next")
        };
        let number = if counters.iter().any(next) {
            at
        } else {
            at + 1
        };
        let counters = counters.into_iter().map(|(key, before)| Count {
            key,
            before,
            after: before + 1,
        });
        return Ok(Some(Numbers {
            next: write(number),
            counters: counters.collect(),
            below: None,
            note: None,
        }));
    }
    let gap = if names.all && count * 10 >= span * 9 {
        gap(&known)
    } else {
        None
    };
    let (number, note) = gap.map_or_else(
        || {
            let number = most + step(&known);
            let note = format!(
                "no counter of these keys is in sight: whatever gives their numbers out will come to {number} and may write over the bait; `check` then says so"
            );
            (number, Some(note))
        },
        |gap| (gap, None),
    );
    Ok(Some(Numbers {
        next: write(number),
        counters: Vec::new(),
        below: gap,
        note,
    }))
}

/// Keys that hold a number at or a little past the newest.
fn counters(
    server: &mut Server,
    beside: &[&str],
    most: i64,
    span: i64,
) -> Result<Vec<(String, i64)>, PlantError> {
    let mut counters = Vec::new();
    for (key, sort) in beside.iter().zip(server.types(beside)?) {
        if sort != "string" {
            continue;
        }
        let text = server.try_ask(&["GET", key]).and_then(Reply::text);
        let value = text
            .filter(|text| is_integer(text))
            .and_then(|text| text.parse().ok());
        let near = |value: &i64| (most..=most.saturating_add(span / 5 + 50)).contains(value);
        counters.extend(value.filter(near).map(|value| ((*key).to_owned(), value)));
    }
    Ok(counters)
}

/// A number of a key that is gone: nothing gives it out again. One of the newer half, so that there are
/// neighbours before it.
fn gap(known: &BTreeSet<i64>) -> Option<i64> {
    let numbers: Vec<i64> = known.iter().copied().collect();
    let newer = &numbers[numbers.len() / 2..];
    let between = |pair: &[i64]| (pair[1] - pair[0] > 1).then(|| pair[0] + 1);
    let gaps: Vec<i64> = newer.windows(2).filter_map(between).collect();
    gaps.choose(&mut rand::rng()).copied()
}

/// From the newest number to ours, as from others to the next.
fn step(known: &BTreeSet<i64>) -> i64 {
    let numbers: Vec<i64> = known.iter().copied().collect();
    let newer = &numbers[numbers.len() / 2..];
    let steps: Vec<i64> = newer.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let usual = steps.choose(&mut rand::rng()).copied().unwrap_or(1);
    // A little ahead of what is given out next.
    usual + rand::rng().random_range(1..=3)
}

/// Sets that list every key of a group, and notes on what else does.
pub(super) fn indexes(
    server: &mut Server,
    keys: &[(&str, &str)],
    beside: &[&str],
) -> Result<(Vec<Index>, Vec<String>), PlantError> {
    let (mut indexes, mut notes) = (Vec::new(), Vec::new());
    let mut random = rand::rng();
    let asked: Vec<&(&str, &str)> = keys.sample(&mut random, ASKED).collect();
    for (at, sort) in beside.iter().zip(server.types(beside)?) {
        let command = match sort.as_str() {
            "set" => "SISMEMBER",
            "zset" => "ZSCORE",
            "hash" => "HEXISTS",
            _ => continue,
        };
        let mut listed = |whole: bool| {
            asked.iter().all(|(key, id)| {
                let member = if whole { key } else { id };
                let reply = server.try_ask(&[command, at, member]);
                matches!(reply, Some(Reply::Integer(1) | Reply::Bulk(_)))
            })
        };
        let whole = if listed(false) {
            false
        } else if listed(true) {
            true
        } else {
            continue;
        };
        if sort == "set" && can_be_taken_back(server, at, whole) {
            let key = (*at).to_owned();
            indexes.push(Index { key, whole });
        } else {
            notes.push(format!(
                "{at} lists every key of the group, and ours is not put there"
            ));
        }
    }
    Ok((indexes, notes))
}

/// Whether a set that takes a member and loses it again is stored as before.
fn can_be_taken_back(server: &mut Server, key: &str, whole: bool) -> bool {
    let form = server.try_ask(&["OBJECT", "ENCODING", key]);
    let form = form.and_then(Reply::text).unwrap_or_default();
    let count = server.try_ask(&["SCARD", key]);
    let count = count.and_then(|reply| reply.integer()).unwrap_or(i64::MAX);
    match form.as_str() {
        "hashtable" => true,
        // Below the smallest limits in use, at which the form changes for good.
        "intset" => !whole && count < 500,
        "listpack" => count < 120,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_taken_before_the_newest() {
        let known: BTreeSet<i64> = (1..=100).filter(|number| *number != 80).collect();
        assert_eq!(gap(&known), Some(80));
        let whole: BTreeSet<i64> = (1..=100).collect();
        assert_eq!(gap(&whole), None);
        assert!((2..=4).contains(&step(&whole)));
    }

    #[test]
    fn counters_and_lists_are_looked_for_beside_a_group() {
        let names = Names {
            keys: [
                "user:1",
                "user:ids",
                "user:2",
                "user:3",
                "user:next_id",
                "user:2:cart",
                "users",
            ]
            .map(str::to_owned)
            .to_vec(),
            all: true,
        };
        let pattern = Pattern::parse("user:*").expect("a pattern");
        let (members, beside) = apart(&names, &pattern);
        assert_eq!(members, ["user:1", "user:2", "user:3"]);
        assert_eq!(beside, ["users", "user:ids", "user:next_id"]);
    }
}
