//! `plant --host`: planned on the other host, shown here, then recorded here and written there.

use lapwing_core::Placement;

use crate::commands::plant::{Go, print_text};
use crate::output;
use crate::planting::{Order, Planter};

/// Plants on the host `login`; `None` if it stays at the plan.
pub(crate) fn plant(
    planter: &Planter<'_>,
    login: &str,
    order: &Order<'_>,
    go: Go,
) -> anyhow::Result<Option<Placement>> {
    let held = planter.hold(login, order)?;
    if !go.json {
        print_text(held.diff())?;
    }
    for note in held.notes() {
        output::say(&format!("note: {note}"));
    }
    if !go.on(held.target(), held.diff())? {
        return Ok(None);
    }
    planter.plant_held(held).map(Some)
}
