//! Taking a key of ours out: only if it is still ours, with what was told of it, in one transaction.

use lapwing_core::Placement;

use super::address::Address;
use super::beside::{Count, Listing};
use super::record::{Detail, Standing, standing};
use super::server::Server;
use crate::Run;
use crate::diff::{Diff, Sign};
use crate::error::PlantError;

/// How often it is tried again when others write at the same time.
const TRIES: usize = 4;

/// The commands that take a key out.
pub(super) fn take_back<'a>(
    key: Option<&'a str>,
    counters: &[&'a Count],
    listings: &[&'a Listing],
) -> Vec<Vec<&'a str>> {
    let mut commands = Vec::new();
    commands.extend(key.map(|key| vec!["DEL", key]));
    for Listing { key, member } in listings {
        commands.push(vec!["SREM", key, member]);
    }
    for Count { key, .. } in counters {
        commands.push(vec!["DECR", key]);
    }
    commands
}

pub(super) fn uproot(
    address: &Address,
    placement: &Placement,
    force: bool,
    run: Run,
) -> Result<Diff, PlantError> {
    let detail = Detail::of(placement)?;
    let mut server = Server::open(address)?;
    for _ in 0..TRIES {
        if run == Run::Write {
            let words = std::iter::once("WATCH").chain(detail.touched());
            server.ask("watch the key", &words.collect::<Vec<_>>())?;
        }
        let found = standing(&mut server, placement, &detail)?;
        let listings = detail.listed(&mut server)?;
        require_ours(address, found, !listings.is_empty(), force)?;
        let key = (found != Standing::Absent).then_some(detail.key.as_str());
        let counters = detail.uncounted(&mut server)?;
        let commands = take_back(key, &counters, &listings);
        let diff = show(placement, &detail, &commands);
        if run == Run::Rehearse || server.run("take the key out", &commands)? {
            return Ok(diff);
        }
    }
    let problem = address.problem("others keep writing to its keys");
    Err(PlantError::Raced(problem.hint("run it again")))
}

/// Refuses to take out what is not there, or no longer ours.
fn require_ours(
    address: &Address,
    found: Standing,
    listed: bool,
    force: bool,
) -> Result<(), PlantError> {
    let refused =
        |what: &str, hint: &str| Err(PlantError::NotOurs(address.problem(what).hint(hint)));
    match found {
        Standing::Absent if !listed => refused(
            "nothing of this canary stands there any more",
            "`--force` gives the placement up",
        ),
        Standing::Touched | Standing::Altered if !force => refused(
            "the key has been changed since it was planted",
            "look at it, then take it out with --force",
        ),
        _ => Ok(()),
    }
}

fn show(placement: &Placement, detail: &Detail, commands: &[Vec<&str>]) -> Diff {
    let mut diff = Diff::default();
    diff.file(&placement.target, &placement.target);
    diff.push(Sign::Header, format!("@@ {} @@", detail.key));
    for kept in &detail.kept {
        if let Some(value) = &kept.canary {
            let name = if kept.column.is_empty() {
                "value"
            } else {
                &kept.column
            };
            diff.push(Sign::Removed, format!("{name} = {}", value.printed()));
        }
    }
    diff.push(Sign::Header, "@@ sent in one transaction @@");
    for command in commands {
        diff.push(Sign::Added, command.join(" "));
    }
    diff
}
