//! Reading a group before a key goes into it, and refusing groups in which bait would not last or not be
//! believed.

use super::address::Address;
use super::beside::{self, Index, Numbers};
use super::group::{self, Pattern};
use super::neighbours::{Neighbours, most};
use super::server::{Names, Server};
use crate::bait::Wish;
use crate::error::PlantError;

/// How many neighbours are looked at.
const NEIGHBOURS: usize = 3_000;

/// A group and what stands beside it.
pub(super) struct Group {
    pub neighbours: Neighbours,
    pub numbers: Option<Numbers>,
    pub indexes: Vec<Index>,
    pub notes: Vec<String>,
}

impl Group {
    pub(super) fn read(
        server: &mut Server,
        address: &Address,
        pattern: &Pattern,
        names: &Names,
        wish: &Wish,
    ) -> Result<Self, PlantError> {
        let (members, beside) = beside::apart(names, pattern);
        if members.is_empty() {
            return Err(no_group(server, address, pattern)?);
        }
        let named: Vec<(&str, &str)> = members
            .iter()
            .filter_map(|key| Some((*key, pattern.parts(key)?.pop()?)))
            .collect();
        let ids: Vec<&str> = named.iter().map(|(_, id)| *id).collect();
        let numbers = beside::numbers(server, names, &ids, &beside)?;
        let below = numbers.as_ref().and_then(|numbers| numbers.below);
        let number = |id: &str| id.parse::<i64>().unwrap_or(0);
        let mut chosen = named.clone();
        if numbers.is_some() {
            chosen.retain(|(_, id)| below.is_none_or(|below| number(id) < below));
            chosen.sort_by_key(|(_, id)| std::cmp::Reverse(number(id)));
        }
        chosen.truncate(NEIGHBOURS);
        let keys: Vec<&str> = chosen.iter().map(|(key, _)| *key).collect();
        let read = server.read(&keys)?;
        if let (true, Some(said)) = (read.found.is_empty(), &read.denied) {
            return Err(server.refusal("read the keys of the group", said));
        }
        require_lasting(address, pattern, read.found.len(), read.expiring)?;
        let count = read.found.len();
        let Some(form) = most(&read.found).filter(|_| read.found.len() >= read.passed) else {
            let what = format!(
                "the keys of {} are no hashes and no short strings",
                pattern.text()
            );
            let hint = "only those are written; `lapwing recommend` on the database says what else is there";
            return Err(PlantError::Refused(address.problem(what).hint(hint)));
        };
        let neighbours = Neighbours::of(pattern, form, read.found, numbers.is_some(), wish);
        if !neighbours.are_alike() {
            let what = format!(
                "the keys of {} hold different things each: nothing tells what one more would",
                pattern.text()
            );
            let hint = "choose a group of keys that are alike, or plant a credential as a key of its own (leave table= out)";
            return Err(PlantError::Refused(address.problem(what).hint(hint)));
        }
        let (indexes, mut notes) = beside::indexes(server, &named, &beside)?;
        if !names.all {
            notes.push("the server holds more keys than were looked at".to_owned());
        }
        if read.expiring > 0 {
            notes.push(format!(
                "{} of the {} keys looked at expire, and ours does not",
                read.expiring,
                read.expiring + count + read.passed
            ));
        }
        Ok(Self {
            neighbours,
            numbers,
            indexes,
            notes,
        })
    }
}

/// A key that expires takes the bait with it, and one that does not would be told by that.
fn require_lasting(
    address: &Address,
    pattern: &Pattern,
    lasting: usize,
    expiring: usize,
) -> Result<(), PlantError> {
    if expiring <= lasting * 4 {
        return Ok(());
    }
    let what = format!(
        "the keys of {} expire ({expiring} of {}): bait among them would be gone in as long, or, kept, be told by lasting",
        pattern.text(),
        expiring + lasting
    );
    let hint = "choose a group of keys that last, or plant the credential as a key of its own (leave table= out)";
    Err(PlantError::Refused(address.problem(what).hint(hint)))
}

/// The error for a group without keys; says which groups there are.
fn no_group(
    server: &mut Server,
    address: &Address,
    pattern: &Pattern,
) -> Result<PlantError, PlantError> {
    let what = format!("no key of {} is there", pattern.text());
    Ok(PlantError::Target(
        address.problem(what).hint(groups_of(server)?),
    ))
}

/// The groups there are, for hints.
pub(super) fn groups_of(server: &mut Server) -> Result<String, PlantError> {
    let names = server.names(None)?;
    let groups = group::groups(&names.keys);
    let texts: Vec<String> = groups
        .iter()
        .take(12)
        .map(|(pattern, _)| pattern.text())
        .collect();
    Ok(if texts.is_empty() {
        "no groups of keys are in this database".to_owned()
    } else {
        format!("groups of keys here: {}", texts.join(", "))
    })
}

/// A word without the s of many.
pub(super) fn singular(word: &str) -> &str {
    word.strip_suffix('s')
        .filter(|word| word.len() > 2)
        .unwrap_or(word)
}

/// The groups of a database that bait could go into, with their fields.
pub(super) fn listed(address: &Address) -> Result<Vec<(String, Vec<String>)>, PlantError> {
    /// How many groups, and how many keys of each, are read.
    const GROUPS: usize = 48;
    const KEYS: usize = 16;
    let mut server = Server::open(address)?;
    let Names { keys, .. } = server.names(None)?;
    let mut listed = Vec::new();
    for (pattern, members) in group::groups(&keys).into_iter().take(GROUPS) {
        let some = &members[..members.len().min(KEYS)];
        let read = server.read(some)?;
        let Some(form) = most(&read.found) else {
            continue;
        };
        let nothing = Wish::nothing();
        let neighbours = Neighbours::of(&pattern, form, read.found, false, &nothing);
        let columns = neighbours
            .table
            .columns
            .into_iter()
            .map(|column| column.name);
        let columns: Vec<String> = columns.filter(|name| !name.starts_with('*')).collect();
        listed.push((pattern.text(), columns));
    }
    Ok(listed)
}
