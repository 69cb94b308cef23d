//! `lapwing erasures`: what was erased by age or on request, when, by whom and why.

use lapwing_core::{Ages, Erasure, What, erasures};

use super::trips::Desk;
use crate::args::Global;
use crate::failure::Exit;
use crate::output;

pub(crate) fn list(global: &Global) -> anyhow::Result<Exit> {
    let desk = Desk::open(global)?;
    let found = erasures(&desk.ledger.decisions()?);
    if desk.context.json {
        output::json(&found)?;
        return Ok(Exit::Fine);
    }
    let mut table = output::table(&["erasure", "asked", "by", "what", "why", "came to"]);
    for erasure in &found {
        table.add_row([
            erasure.erase.erase.to_string(),
            erasure.asked.to_seconds_string(),
            erasure.erase.by.clone(),
            what(&erasure.erase.what),
            erasure.erase.reason.clone(),
            came_to(erasure),
        ]);
    }
    output::print_table(&table)?;
    if found.is_empty() {
        output::say("nothing was ever erased");
    }
    Ok(Exit::Fine)
}

/// What was to go, in words.
fn what(what: &What) -> String {
    let named = |parts: &[lapwing_core::Part]| {
        let names: Vec<String> = parts.iter().map(ToString::to_string).collect();
        names.join(", ")
    };
    match what {
        What::Trip { trip, parts } => format!("trip {trip}: {}", named(parts)),
        What::Address { address, parts } => {
            format!("all from {address}: {}, look-ups", named(parts))
        }
        What::Older(Ages {
            raw,
            claims,
            captures,
            lookups,
        }) => {
            let classes = [
                ("raw", raw),
                ("claims", claims),
                ("captures", captures),
                ("lookups", lookups),
            ];
            let classes: Vec<String> = { classes.into_iter() }
                .filter_map(|(class, before)| {
                    Some(format!("{class} before {}", (*before)?.to_seconds_string()))
                })
                .collect();
            classes.join(", ")
        }
    }
}

/// What came of it, in words.
fn came_to(erasure: &Erasure) -> String {
    let Some(done) = &erasure.done else {
        return "waits for a station, or the next purge".to_owned();
    };
    let erased = &done.erased;
    if let Some(failed) = &erased.failed {
        return format!("nothing: {failed}");
    }
    let mut words = vec![format!("{} parts, {} bytes", erased.parts, erased.bytes)];
    for (count, name) in [
        (erased.snapshots, "answers to look-ups"),
        (erased.lines, "lines of what went outward"),
        (erased.held, "left to holds"),
    ] {
        if count > 0 {
            words.push(format!("{count} {name}"));
        }
    }
    words.join(", ")
}
