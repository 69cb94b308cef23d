//! `lapwing orphans`: bait in a tree that no placement knows of, because the ledger came out of an older
//! backup, a file was copied, or somebody put it there by hand.
//!
//! What can be found is what the ledger still holds: handles have no mark of their own, so a canary that
//! no ledger remembers looks like any genuine value. All that tells of one then is an address of ours.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use lapwing_catalog::Address;
use lapwing_core::text::escape;
use lapwing_core::{CanaryId, Placement, PlacementState};
use lapwing_store::Ledger;
use serde_json::{Value, json};

use super::scan::search::{Place, Search, Seen};
use super::scan::{Known, Owner};
use crate::args::{Global, Orphans};
use crate::context::Context;
use crate::failure::{Advice, Exit};
use crate::output;
use crate::planting::stands;

/// An address so near to a known value, in bytes, belongs to that canary.
const NEAR: u64 = 2048;

pub(crate) fn run(global: &Global, args: &Orphans) -> anyhow::Result<Exit> {
    let Orphans { paths, address } = args;
    let context = Context::open(global)?;
    let ledger = context.ledger()?;
    let addresses = if address.is_empty() {
        &context.settings().addresses
    } else {
        address
    };
    let hosts = hosts(addresses)?;
    let empty = ledger.canary_count()? == 0;
    if empty {
        output::say(NOTHING_LEFT);
        if hosts.is_empty() {
            return Err(Advice::error(
                "neither the ledger nor the settings say what to look for",
                "restore a backup (`lapwing restore FILE`), or name the address that bait carried: \
                 --address 'https://*.your-domain'",
            ));
        }
    }
    let known = Known::read(&ledger, &context.catalog()?, &hosts)?;
    let mut files = BTreeMap::<String, Vec<(Place, Owner)>>::new();
    let mut sink = |seen: &Seen<'_>| {
        if let Some(owner) = known.owner(seen.sighting.tag) {
            let found = files.entry(seen.name.to_owned()).or_default();
            found.push((seen.place, owner));
        }
        Ok(())
    };
    let mut search = Search::new(&known.needles, &mut sink);
    search.all(paths)?;
    let unreadable = search.unreadable;
    known.tell_skipped();
    let mut orphans = Vec::new();
    for (file, found) in &files {
        in_file(&ledger, &hosts, file, found, &mut orphans)?;
    }
    conclude(&orphans, unreadable, context.json)
}

/// Said where no ledger is left.
const NOTHING_LEFT: &str = "the ledger holds no canary. Handles have no mark of their own, by design: without \
    the ledger nobody, we included, can tell bait from a genuine value, and the key alone does not help. What \
    is listed are files that name an address of ours. The journal still names canaries that were used (`lapwing \
    trips`); a backup of the ledger tells of all";

/// The hosts of addresses; of a wildcard what all its hosts end with.
fn hosts(addresses: &[String]) -> anyhow::Result<Vec<String>> {
    let mut hosts = BTreeSet::new();
    for text in addresses {
        let address = Address::parse(text)?;
        hosts.insert(address.host().trim_start_matches("*.").to_owned());
    }
    Ok(hosts.into_iter().collect())
}

/// Bait where it should not be, or what may be some.
struct Orphan {
    file: String,
    line: u64,
    /// `None`: only an address of ours.
    canary: Option<(CanaryId, String, String)>,
    what: String,
    next: String,
}

/// Judges what was seen in one file.
fn in_file(
    ledger: &Ledger,
    hosts: &[String],
    file: &str,
    found: &[(Place, Owner)],
    orphans: &mut Vec<Orphan>,
) -> anyhow::Result<()> {
    let path = std::fs::canonicalize(file).unwrap_or_else(|_| PathBuf::from(file));
    let mut canaries = BTreeMap::<CanaryId, Place>::new();
    for (place, owner) in found {
        if let Owner::Canary(id, _) = owner {
            canaries.entry(*id).or_insert(*place);
        }
    }
    for (id, place) in canaries {
        let Some(canary) = ledger.canary(id)? else {
            continue;
        };
        if let Some((what, next)) = judge(&ledger.placements_of(id)?, &path, id) {
            orphans.push(Orphan {
                file: file.to_owned(),
                line: place.line,
                canary: Some((id, canary.kind, canary.memo)),
                what,
                next,
            });
        }
    }
    let values: Vec<u64> = found
        .iter()
        .filter(|(_, owner)| matches!(owner, Owner::Canary(..)))
        .map(|(place, _)| place.offset)
        .collect();
    let mut told = BTreeSet::new();
    for (place, owner) in found {
        let Owner::Host(number) = owner else {
            continue;
        };
        let explained = values.iter().any(|at| at.abs_diff(place.offset) < NEAR);
        if explained || !told.insert(place.line) {
            continue;
        }
        orphans.push(Orphan {
            file: file.to_owned(),
            line: place.line,
            canary: None,
            what: format!(
                "names {}, an address of yours, beside no value that the ledger knows",
                hosts.get(*number).map_or("", String::as_str)
            ),
            next: "if it is bait, it was minted after the backup that the ledger came from: nobody will \
                   notice its use; restore a newer backup, or take it out by hand"
                .to_owned(),
        });
    }
    Ok(())
}

/// What is wrong with a canary's being in this file, and what to do; `None` if it should be there.
fn judge(placements: &[Placement], path: &Path, id: CanaryId) -> Option<(String, String)> {
    let here = |placement: &&Placement| {
        lapwing_plant::files(placement).iter().any(|it| it == path)
            || Path::new(&placement.target) == path
    };
    if placements
        .iter()
        .filter(|it| stands(it))
        .any(|it| here(&it))
    {
        return None;
    }
    if let Some(past) = placements.iter().rfind(here) {
        let what = match (past.state, past.uprooted) {
            (PlacementState::Uprooted, Some(at)) => format!(
                "was uprooted on {}, and stands there (again)",
                at.to_seconds_string()
            ),
            _ => "was given up as not standing there any more, and does".to_owned(),
        };
        let next =
            format!("find out who put it back; take it out by hand, then `lapwing retire {id}`");
        return Some((what, next));
    }
    if let Some(elsewhere) = placements.iter().find(|it| stands(it)) {
        let what = format!(
            "is recorded in {} and nowhere else: this is a copy",
            escape(elsewhere.target.as_bytes())
        );
        let next =
            "find out who copied it (a backup, an export, somebody who reads files); a use of it \
                    no longer says which place was read"
                .to_owned();
        return Some((what, next));
    }
    let what = "no placement says that it stands anywhere".to_owned();
    let next = format!(
        "it is watched all the same (`lapwing drill {id}` shows that); if nobody put it there by hand, \
         the record was lost: take it out by hand, then `lapwing retire {id}`, and plant anew"
    );
    Some((what, next))
}

fn conclude(orphans: &[Orphan], unreadable: u64, as_json: bool) -> anyhow::Result<Exit> {
    if as_json {
        output::json(&orphans.iter().map(as_value).collect::<Vec<_>>())?;
    } else {
        for orphan in orphans {
            let Orphan {
                file,
                line,
                canary,
                what,
                next,
            } = orphan;
            let who = canary.as_ref().map_or(String::new(), |(id, kind, memo)| {
                let memo = escape(memo.as_bytes());
                let memo = if memo.is_empty() {
                    memo
                } else {
                    format!(" \"{memo}\"")
                };
                format!("{id} {kind}{memo} ")
            });
            output::line(&format!("{file}:{line}: {who}{what}"))?;
            output::line(&format!("  what to do: {next}"))?;
        }
    }
    let (known, maybe): (Vec<_>, Vec<_>) = orphans.iter().partition(|it| it.canary.is_some());
    output::say(&format!(
        "{} canaries stand where no placement says so; {} lines may hold more; no trip was recorded",
        known.len(),
        maybe.len()
    ));
    match (orphans.is_empty(), unreadable) {
        (true, 0) => Ok(Exit::Fine),
        (true, count) => Err(Advice::error(
            format!("{count} files or directories could not be read"),
            "run it as a user who may read them",
        )),
        (false, _) => Ok(Exit::Found),
    }
}

fn as_value(orphan: &Orphan) -> Value {
    let canary = orphan.canary.as_ref();
    json!({
        "file": orphan.file, "line": orphan.line, "canary": canary.map(|(id, _, _)| id),
        "kind": canary.map(|(_, kind, _)| kind), "memo": canary.map(|(_, _, memo)| memo),
        "what": orphan.what, "next": orphan.next,
    })
}
