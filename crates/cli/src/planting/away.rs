//! Planting on a host that is reached through ssh: planned there, recorded here, then written there.

use lapwing_catalog::Kind;
use lapwing_core::{Canary, Clock as _, Placement, PlacementState, Site, SystemClock, text};
use lapwing_daemon::mint::Minter;
use lapwing_store::Intent;
use std::rc::Rc;

use super::{Minted, Order, Planter, known_by, take_out, uprooted};
use crate::commands::agent::{Outcome, Task};
use crate::commands::elsewhere::{checked, plain, prepare, there};

/// A planting that another host has worked out, and does when it is told to before anything else.
/// Nothing is stored or written yet.
pub(crate) struct Held<'a> {
    login: String,
    minter: Rc<Minter<'a>>,
    kind: &'a Kind,
    canary: Canary,
    intended: Placement,
    old: Option<Placement>,
    diff: String,
    notes: Vec<String>,
}

impl Held<'_> {
    /// What would change, as the host tells it.
    pub(crate) fn diff(&self) -> &str {
        &self.diff
    }

    pub(crate) fn notes(&self) -> &[String] {
        &self.notes
    }

    pub(crate) fn target(&self) -> &str {
        &self.intended.target
    }
}

impl<'a> Planter<'a> {
    /// Mints, and has a host plan. Touches nothing.
    pub(crate) fn hold(&self, login: &str, order: &Order<'_>) -> anyhow::Result<Held<'a>> {
        let Minted {
            minter,
            kind,
            mut canary,
            mut options,
        } = self.mint(order)?;
        let site = Site::Ssh(login.to_owned());
        let target = Site::of(order.target).map_or(order.target.to_owned(), |(_, there)| there);
        if let Some(old) = order.replaces
            && Site::of(&old.target).is_some_and(|(its, _)| its == site)
            && self.sites.canonical(&site.target(&target))? == old.target
        {
            options.replaces = Some(there(old));
        }
        let joint = options.replaces.is_some();
        let planting = prepare(kind, &canary, &target, options);
        let announced = planting.placement(PlacementState::Intended);
        let planned = checked(self.sites.task(login, &Task::Plant(Box::new(planting)))?)?;
        let said = planned
            .placement
            .ok_or_else(|| anyhow::anyhow!("{login}: no placement in the answer"))?;
        // What happens there is taken from the host; what it is for is said here.
        let intended = Placement {
            target: site.target(&plain(said.target)?),
            target_kind: said.target_kind,
            detail: said.detail,
            before: said.before,
            after: said.after,
            supersedes: joint && said.supersedes,
            asked: order.asked.clone(),
            declared: order.declared.clone(),
            replaces: order.replaces.map(|old| old.id),
            ..announced
        };
        canary.labels = self.labels(order, &intended.target);
        let notes = planned.notes.iter();
        Ok(Held {
            login: login.to_owned(),
            minter,
            kind,
            canary,
            intended,
            old: order.replaces.cloned(),
            diff: planned.diff,
            notes: notes
                .map(|note| text::escape_short(note.as_bytes(), 400))
                .collect(),
        })
    }

    /// Intent, the word to go ahead, confirmation. If the conversation breaks off in between, the next run
    /// asks what stands there.
    pub(crate) fn plant_held(&self, held: Held<'a>) -> anyhow::Result<Placement> {
        let Held {
            login,
            minter,
            kind,
            canary,
            intended,
            old,
            diff: _,
            notes: _,
        } = held;
        minter.bind(self.ledger)?;
        self.ledger.intend(&[Intent {
            canary: &canary,
            handles: known_by(kind, &canary),
            placement: &intended,
        }])?;
        let outcome = self.sites.go(&login)?;
        let now = SystemClock.now();
        let after = became(&intended, &outcome);
        if after.state != PlacementState::Planted {
            self.ledger.settle(&[after], &[canary.id], now)?;
            checked(outcome)?;
            anyhow::bail!("{login}: it was not planted, and the answer does not say why");
        }
        let (mut settled, mut retired) = (vec![after.clone()], Vec::new());
        if let Some(old) = old.as_ref().filter(|_| intended.supersedes) {
            settled.push(uprooted(old, now));
            retired.push(old.canary);
        }
        self.ledger.settle(&settled, &retired, now)?;
        if let Some(old) = old.filter(|_| !intended.supersedes) {
            take_out(
                self.ledger,
                &self.sites,
                &old,
                PlacementState::Uprooted,
                false,
            )?;
        }
        Ok(after)
    }
}

/// What an intent has become by the word of its host, which is taken for what it knows alone: its bytes,
/// and whether they stand.
fn became(intended: &Placement, outcome: &Outcome) -> Placement {
    let Some(said) = &outcome.placement else {
        return intended.clone();
    };
    let planted = outcome.error.is_none() && said.state == PlacementState::Planted;
    let state = match said.state {
        PlacementState::Planted if planted => PlacementState::Planted,
        PlacementState::Abandoned => PlacementState::Abandoned,
        _ => PlacementState::Intended,
    };
    Placement {
        detail: said.detail.clone(),
        before: said.before.clone(),
        after: said.after.clone(),
        state,
        planted: planted.then(|| SystemClock.now()),
        ..intended.clone()
    }
}
