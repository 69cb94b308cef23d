//! `lapwing canaries` and `lapwing retire`.

use lapwing_core::{Canary, Clock as _, SystemClock};
use serde_json::json;

use crate::args::{Global, List, One};
use crate::context::{Context, resolve};
use crate::failure::Exit;
use crate::output;

pub(crate) fn list(global: &Global, args: &List) -> anyhow::Result<Exit> {
    let context = Context::open(global)?;
    let ledger = context.ledger()?;
    let canaries = ledger.canaries(None, args.limit)?;
    let total = ledger.canary_count()?;
    if context.json {
        output::json(&canaries.iter().map(as_json).collect::<Vec<_>>())?;
        return Ok(Exit::Fine);
    }
    let mut table = output::table(&["canary", "kind", "minted", "state", "memo", "labels"]);
    for canary in &canaries {
        let state = if canary.retired.is_some() {
            "retired"
        } else {
            "in use"
        };
        table.add_row([
            canary.id.to_string(),
            canary.kind.clone(),
            canary.minted.to_seconds_string(),
            state.to_owned(),
            canary.memo.clone(),
            canary
                .labels
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect::<Vec<_>>()
                .join(" "),
        ]);
    }
    output::print_table(&table)?;
    if total > canaries.len() as u64 {
        output::say(&format!(
            "{} of {total}; --limit shows more",
            canaries.len()
        ));
    }
    Ok(Exit::Fine)
}

/// Without values: those are shown once, when minted.
fn as_json(canary: &Canary) -> serde_json::Value {
    json!({
        "id": canary.id, "kind": canary.kind, "memo": canary.memo, "labels": canary.labels,
        "minted": canary.minted.to_string(),
        "retired": canary.retired.map(|at| at.to_string()),
        "fields": canary.fields.keys().collect::<Vec<_>>(),
    })
}

pub(crate) fn retire(global: &Global, args: &One) -> anyhow::Result<Exit> {
    let context = Context::open(global)?;
    let ledger = context.ledger()?;
    let id = resolve(&ledger, &args.id)?;
    let changed = ledger.retire(id, SystemClock.now())?;
    let planted = ledger
        .placements_of(id)?
        .into_iter()
        .any(|placement| placement.state == lapwing_core::PlacementState::Planted);
    if context.json {
        output::json(&json!({"id": id, "retired": true, "changed": changed}))?;
        return Ok(Exit::Fine);
    }
    let word = if changed {
        "retired"
    } else {
        "was retired before"
    };
    output::line(&format!("{id} {word}; it stays recognised for ever"))?;
    if planted {
        output::say(&format!(
            "it is still planted; `lapwing uproot {id}` takes it out"
        ));
    }
    Ok(Exit::Fine)
}
