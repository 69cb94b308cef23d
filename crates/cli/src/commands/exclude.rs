//! `lapwing exclude`: what is planted in databases, as predicates and views that leave it out. For mailings,
//! counts and invoices of the owner's own; read from the ledger, nothing is asked of a database.

use lapwing_core::Placement;
use lapwing_plant::Exclusion;
use serde_json::json;

use crate::args::{Exclude, Global};
use crate::context::Context;
use crate::failure::{Advice, Exit};
use crate::output;
use crate::planting::stands;

pub(crate) fn run(global: &Global, args: &Exclude) -> anyhow::Result<Exit> {
    let Exclude { target } = args;
    let context = Context::open(global)?;
    let placements = standing(context.ledger()?.placements()?);
    let found = lapwing_plant::exclusions(&placements, target.as_deref())?;
    if let (Some(target), true) = (target, found.is_empty()) {
        return Err(Advice::error(
            format!("no row is planted under {target:?}"),
            "`lapwing places` lists what is planted where",
        ));
    }
    if context.json {
        output::json(&found.iter().map(described).collect::<Vec<_>>())?;
        return Ok(Exit::Fine);
    }
    let mut database = "";
    for one in &found {
        if one.database != database {
            database = &one.database;
            output::line(&format!("-- {database}"))?;
        }
        let rows = match (&one.view, one.rows) {
            (Some(_), 1) => "row",
            (Some(_), _) => "rows",
            (None, 1) => "key",
            (None, _) => "keys",
        };
        output::line(&format!(
            "-- {}: {} {rows}; {}",
            one.table, one.rows, one.predicate
        ))?;
        if let Some(view) = &one.view {
            output::line(view)?;
        }
    }
    if found.is_empty() {
        output::say("no rows are planted in tables that your jobs read");
    } else {
        output::say(
            "note: this names every planted row: whoever can read it, or a view made of it, knows them",
        );
    }
    Ok(Exit::Fine)
}

/// What leaves out the rows of one placement, and what else is planted in their tables.
pub(crate) fn of(
    placements: Vec<Placement>,
    placement: &Placement,
) -> anyhow::Result<Vec<Exclusion>> {
    if !placement.target.contains("table=") {
        return Ok(Vec::new());
    }
    let placements = standing(placements);
    Ok(lapwing_plant::exclusions(
        &placements,
        Some(&placement.target),
    )?)
}

pub(crate) fn described(one: &Exclusion) -> serde_json::Value {
    json!({
        "database": one.database, "table": one.table, "rows": one.rows,
        "predicate": one.predicate, "view": one.view,
    })
}

fn standing(mut placements: Vec<Placement>) -> Vec<Placement> {
    placements.retain(stands);
    placements
}
