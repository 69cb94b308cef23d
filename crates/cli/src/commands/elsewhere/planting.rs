//! Planting on a host that is reached through ssh: planned there, recorded here, then written there.

use anyhow::Context as _;
use lapwing_core::{Clock as _, Placement, PlacementState, Site, SystemClock, text};
use lapwing_store::Intent;

use super::{Session, checked, here, prepare};
use crate::commands::agent::Task;
use crate::commands::plant::{Go, print_text};
use crate::output;
use crate::planting::{Minted, Order, Planter, known_by};

/// Plants on the host `login`; `None` if it stays at the plan.
pub(crate) fn plant(
    planter: &Planter<'_>,
    login: &str,
    order: &Order<'_>,
    go: Go,
) -> anyhow::Result<Option<Placement>> {
    let ledger = planter.ledger();
    let Minted {
        minter,
        kind,
        mut canary,
        options,
    } = planter.mint(order)?;
    let site = Site::Ssh(login.to_owned());
    let planting = prepare(kind, &canary, order.target, options);
    let mut session = Session::open(planter.context(), login)?;
    let announced = Placement {
        target: site.target(order.target),
        asked: order.asked.clone(),
        ..planting.placement(PlacementState::Intended)
    };
    let planned = checked(session.task(&Task::Plant(Box::new(planting)))?)?;
    let said = planned.placement.context("no placement in the answer")?;
    let intended = Placement {
        state: PlacementState::Intended,
        ..here(&site, announced, said)?
    };
    canary.labels = planter.labels(order, &intended.target);
    if !go.json {
        print_text(&planned.diff)?;
    }
    for note in &planned.notes {
        let note = text::escape_short(note.as_bytes(), 400);
        output::say(&format!("note: {note}"));
    }
    if !go.on(&intended.target, &planned.diff)? {
        return Ok(None);
    }
    minter.bind(ledger)?;
    ledger.intend(&[Intent {
        canary: &canary,
        handles: known_by(kind, &canary),
        placement: &intended,
    }])?;
    // If the conversation breaks off here, the record says what may stand there.
    let mut outcome = session.go()?;
    let planted = match outcome.placement.take() {
        Some(said) => here(&site, intended, said)?,
        None => intended,
    };
    ledger.place_update(&planted)?;
    if outcome.error.is_some() {
        ledger.retire(canary.id, SystemClock.now())?;
        checked(outcome)?;
    }
    Ok(Some(planted))
}
