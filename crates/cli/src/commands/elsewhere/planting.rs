//! Planting on a host that is reached through ssh: planned there, recorded here, then written there.

use lapwing_core::{Clock as _, Placement, PlacementState, Site, SystemClock, text};

use super::{Session, checked, plain, prepare};
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
    let (id, canary_id) = (planting.id, canary.id);
    let recorded = |said: Option<Placement>| {
        let said = said.ok_or_else(|| anyhow::anyhow!("{login}: no placement in the answer"))?;
        anyhow::Ok(Placement {
            id,
            canary: canary_id,
            target: site.target(&plain(said.target.clone())?),
            asked: order.asked.clone(),
            ..said
        })
    };
    let mut session = Session::open(planter.context(), login)?;
    let planned = checked(session.task(&Task::Plant(Box::new(planting)))?)?;
    let intended = Placement {
        state: PlacementState::Intended,
        ..recorded(planned.placement)?
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
    ledger.add(&canary, &known_by(kind, &canary))?;
    ledger.place_add(&intended)?;
    // If the conversation breaks off here, the record says what may stand there.
    let mut outcome = session.go()?;
    let planted = outcome.placement.take();
    let planted = planted.map(|it| recorded(Some(it))).transpose()?;
    if let Some(planted) = &planted {
        ledger.place_update(planted)?;
    }
    if outcome.error.is_some() {
        ledger.retire(canary.id, SystemClock.now())?;
        checked(outcome)?;
    }
    Ok(Some(planted.unwrap_or(intended)))
}
