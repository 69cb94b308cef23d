//! Finishing what a process left half done when it died: an intent without its confirmation is
//! completed if ours stands whole, undone if it stands in part, given up if nothing of it is there;
//! what was to go for another is taken out.

use std::collections::HashSet;

use lapwing_core::{Clock as _, Placement, PlacementId, PlacementState, SystemClock};
use lapwing_plant::Condition;
use lapwing_store::Ledger;

use super::stands;
use crate::commands::elsewhere::Sites;
use crate::failure::{Advice, tell};
use crate::output;

/// What was settled, and what could not be.
#[derive(Default)]
pub(crate) struct Settling {
    /// Sentences on what was done.
    pub(crate) done: Vec<String>,
    /// What is left as it is, and why.
    pub(crate) failed: Vec<(Placement, anyhow::Error)>,
}

impl Settling {
    /// Settles those of all placements that `ours` chooses.
    pub(crate) fn run(
        ledger: &Ledger,
        sites: &Sites<'_>,
        ours: &dyn Fn(&Placement) -> bool,
    ) -> anyhow::Result<Self> {
        let mut settling = Self::default();
        let placements = ledger.placements()?;
        for placement in placements.iter().filter(|placement| ours(placement)) {
            if placement.state == PlacementState::Intended {
                let old = replaced_by(placement, &placements);
                settling.note(placement, finish(ledger, sites, placement, old));
            }
        }
        let placements = ledger.placements()?;
        for new in placements.iter().filter(|placement| ours(placement)) {
            if new.state == PlacementState::Planted
                && let Some(old) = replaced_by(new, &placements)
            {
                settling.note(old, make_room(ledger, sites, new, old));
            }
        }
        Ok(settling)
    }

    /// Tells the operator.
    pub(crate) fn say(&self) {
        for done in &self.done {
            output::say(&format!("resumed: {done}"));
        }
        for (_, error) in &self.failed {
            tell(error);
        }
    }

    fn note(&mut self, placement: &Placement, outcome: anyhow::Result<&str>) {
        match outcome {
            Ok(word) => self.done.push(format!(
                "{} in {}: {word}",
                placement.canary, placement.target
            )),
            Err(error) => self.failed.push((placement.clone(), error)),
        }
    }
}

/// Placements whose place another has taken.
pub(crate) fn replaced<'a>(
    placements: impl Iterator<Item = &'a Placement>,
) -> HashSet<PlacementId> {
    placements
        .filter(|placement| placement.state == PlacementState::Planted)
        .filter_map(|placement| placement.replaces)
        .collect()
}

/// The placement that is to go for this one, if it still stands.
fn replaced_by<'a>(new: &Placement, placements: &'a [Placement]) -> Option<&'a Placement> {
    let id = new.replaces?;
    placements.iter().find(|old| old.id == id && stands(old))
}

/// Completes or undoes an intent.
fn finish(
    ledger: &Ledger,
    sites: &Sites<'_>,
    intended: &Placement,
    old: Option<&Placement>,
) -> anyhow::Result<&'static str> {
    let now = SystemClock.now();
    let mut placement = Placement {
        state: PlacementState::Planted,
        planted: Some(now),
        ..intended.clone()
    };
    let mut condition = sites.check(&placement)?;
    if condition == Condition::Changed && intended.supersedes && whole(sites, old)? {
        // What bears its names is the one whose place it was to take.
        condition = Condition::Missing;
    }
    match condition {
        Condition::Present | Condition::Moved => {
            sites.sweep(&placement)?;
            ledger.settle(&[placement], &[], now)?;
            Ok("stood there unconfirmed; confirmed now")
        }
        Condition::HalfPlanted => {
            placement = sites.uproot(intended, false)?.0;
            ledger.settle(&[placement], &[intended.canary], now)?;
            Ok("stood there in part; taken out again")
        }
        Condition::Missing => {
            sites.sweep(&placement)?;
            placement.state = PlacementState::Abandoned;
            placement.planted = None;
            ledger.settle(&[placement], &[intended.canary], now)?;
            Ok("was never written; given up")
        }
        Condition::Changed => Err(altered(intended)),
    }
}

/// Whether a placement stands as it was planted.
fn whole(sites: &Sites<'_>, placement: Option<&Placement>) -> anyhow::Result<bool> {
    let Some(placement) = placement else {
        return Ok(false);
    };
    let condition = sites.check(placement)?;
    Ok(matches!(condition, Condition::Present | Condition::Moved))
}

/// Takes out what another has replaced. What went by the very write that brought the other is only
/// recorded: its names are the other's now.
fn make_room(
    ledger: &Ledger,
    sites: &Sites<'_>,
    new: &Placement,
    old: &Placement,
) -> anyhow::Result<&'static str> {
    if new.supersedes && !whole(sites, Some(old))? {
        let now = SystemClock.now();
        sites.sweep(old)?;
        ledger.settle(&[super::uprooted(old, now)], &[old.canary], now)?;
    } else {
        take_out(ledger, sites, old, PlacementState::Uprooted, false)?;
    }
    Ok("taken out: another stands in its place")
}

/// Takes a placement out and retires its canary. Where nothing of it is left, the record becomes
/// `gone`.
pub(crate) fn take_out(
    ledger: &Ledger,
    sites: &Sites<'_>,
    placement: &Placement,
    gone: PlacementState,
    force: bool,
) -> anyhow::Result<Placement> {
    let now = SystemClock.now();
    let after = match sites.check(placement)? {
        Condition::Missing => Placement {
            state: gone,
            uprooted: (gone == PlacementState::Uprooted).then_some(now),
            ..placement.clone()
        },
        Condition::Changed if !force => return Err(altered(placement)),
        _ => sites.uproot(placement, force)?.0,
    };
    ledger.settle(std::slice::from_ref(&after), &[placement.canary], now)?;
    Ok(after)
}

/// The error for a placement that somebody has altered: whoever that was, it is looked at first.
pub(crate) fn altered(placement: &Placement) -> anyhow::Error {
    Advice::error(
        format!("{}: what was planted has been altered", placement.target),
        format!(
            "look at it; `lapwing uproot {} --force` takes it out",
            placement.canary
        ),
    )
}
