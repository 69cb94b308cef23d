//! `lapwing plant`, `places`, `uproot`.
//!
//! Planting records its intent, writes, then confirms: a crash at any step is visible to `check`.

use anstyle::AnsiColor;
use inquire::Confirm;
use lapwing_catalog::Kind;
use lapwing_core::{Canary, Clock as _, Placement, PlacementState, SystemClock};
use lapwing_plant::{Bait, Condition, Diff, Line, Options, Sign};
use lapwing_store::Ledger;
use serde_json::json;

use super::mint::{Minter, handles, mail_domain};
use crate::args::{Global, Plant, Uproot};
use crate::context::{Context, resolve};
use crate::failure::{Advice, Exit};
use crate::output::{self, colour};

pub(crate) fn plant(global: &Global, args: &Plant) -> anyhow::Result<Exit> {
    let Plant {
        kind,
        target,
        fresh,
        dry_run,
        format,
        key,
        role,
        show,
        yes,
        danger_default,
        danger_trigger,
    } = args;
    let context = Context::open_or_create(global)?;
    let catalog = context.catalog()?;
    let ledger = context.ledger()?;
    let kind = catalog.require(kind)?;
    let minter = Minter::new(&context, &catalog, &ledger, kind, fresh)?;
    let mut canary = minter.one()?;
    let options = Options {
        format: format.clone(),
        key: key.clone(),
        role: role.clone(),
        danger_default: *danger_default,
        show: *show,
        mail_domain: mail_domain(&context, None),
        kept: minter.kept(),
        danger_triggers: danger_trigger.iter().cloned().collect(),
    };
    let plan = lapwing_plant::plan(
        target,
        &Bait {
            kind,
            canary: &canary,
        },
        &options,
    )?;
    canary.fields.extend(plan.refined().clone());
    let placement = plan.placement().clone();
    if !context.json {
        print_diff(plan.diff())?;
    }
    for note in plan.notes() {
        output::say(&format!("note: {note}"));
    }
    if *dry_run {
        if context.json {
            output::json(&json!({"target": placement.target, "diff": diff_text(plan.diff())}))?;
        }
        output::say("dry run: nothing was minted or written");
        return Ok(Exit::Fine);
    }
    if !yes && !context.json && output::can_ask() && !confirm("Plant this?")? {
        output::say("nothing was minted or written");
        return Ok(Exit::Fine);
    }
    minter.bind(&ledger)?;
    ledger.add(&canary, &known_by(kind, &canary))?;
    ledger.place_add(&placement)?;
    let planted = match plan.apply(SystemClock.now()) {
        Ok(planted) => planted,
        Err(error) => {
            give_up(&ledger, placement)?;
            return Err(error.into());
        }
    };
    ledger.place_update(&planted)?;
    if context.json {
        output::json(&summary(&planted))?;
    } else {
        output::say(&format!(
            "planted {} ({}) in {}",
            canary.id, kind.id, planted.target
        ));
    }
    Ok(Exit::Fine)
}

/// A canary's handles. An address fitted to neighbours in capitals also comes back in small letters.
fn known_by(kind: &Kind, canary: &Canary) -> Vec<(String, String)> {
    let mut known = handles(kind, canary);
    let small: Vec<(String, String)> = known
        .iter()
        .filter(|(_, value)| value.contains('@'))
        .map(|(field, value)| (field.clone(), value.to_lowercase()))
        .filter(|small| !known.contains(small))
        .collect();
    known.extend(small);
    known
}

/// The target could not be written: nothing of ours is in it, and the record says so.
fn give_up(ledger: &Ledger, mut placement: Placement) -> anyhow::Result<()> {
    if !matches!(lapwing_plant::check(&placement), Ok(Condition::HalfPlanted)) {
        placement.state = PlacementState::Abandoned;
        ledger.place_update(&placement)?;
    }
    ledger.retire(placement.canary, SystemClock.now())?;
    Ok(())
}

fn confirm(question: &str) -> anyhow::Result<bool> {
    Ok(Confirm::new(question).with_default(false).prompt()?)
}

pub(super) fn print_diff(diff: &Diff) -> std::io::Result<()> {
    for Line { sign, text } in &diff.lines {
        let style = match sign {
            Sign::Added => colour(AnsiColor::Green),
            Sign::Removed => colour(AnsiColor::Red),
            Sign::Header => colour(AnsiColor::Cyan),
            Sign::Context => anstyle::Style::new(),
        };
        output::line(&format!("{style}{}{text}{style:#}", prefix(*sign)))?;
    }
    Ok(())
}

pub(super) fn diff_text(diff: &Diff) -> String {
    diff.lines
        .iter()
        .map(|line| format!("{}{}\n", prefix(line.sign), line.text))
        .collect()
}

fn prefix(sign: Sign) -> &'static str {
    match sign {
        Sign::Added => "+",
        Sign::Removed => "-",
        Sign::Header => "",
        Sign::Context => " ",
    }
}

/// A placement without the bytes that were planted.
fn summary(placement: &Placement) -> serde_json::Value {
    json!({
        "id": placement.id, "canary": placement.canary, "target": placement.target,
        "target_kind": placement.target_kind, "state": placement.state,
        "intended": placement.intended.to_string(),
        "planted": placement.planted.map(|at| at.to_string()),
        "uprooted": placement.uprooted.map(|at| at.to_string()),
    })
}

pub(crate) fn places(global: &Global) -> anyhow::Result<Exit> {
    let context = Context::open(global)?;
    let ledger = context.ledger()?;
    let placements = ledger.placements()?;
    if context.json {
        output::json(&placements.iter().map(summary).collect::<Vec<_>>())?;
        return Ok(Exit::Fine);
    }
    let mut table = output::table(&["canary", "kind", "state", "since", "place"]);
    for placement in &placements {
        let kind = ledger
            .canary(placement.canary)?
            .map_or_else(String::new, |canary| canary.kind);
        table.add_row([
            placement.canary.to_string(),
            kind,
            state(placement).to_owned(),
            placement
                .planted
                .unwrap_or(placement.intended)
                .to_seconds_string(),
            placement.target.clone(),
        ]);
    }
    output::print_table(&table)?;
    Ok(Exit::Fine)
}

fn state(placement: &Placement) -> &'static str {
    match placement.state {
        PlacementState::Intended => "half-planted",
        PlacementState::Planted => "planted",
        PlacementState::Uprooted => "uprooted",
        PlacementState::Abandoned => "abandoned",
    }
}

pub(super) fn stands(placement: &Placement) -> bool {
    matches!(
        placement.state,
        PlacementState::Planted | PlacementState::Intended
    )
}

/// Standing placements of a canary, or in a target.
pub(super) fn chosen(ledger: &Ledger, what: &str) -> anyhow::Result<Vec<Placement>> {
    let target = lapwing_plant::canonical_target(what).ok();
    let mut found: Vec<Placement> = ledger
        .placements()?
        .into_iter()
        .filter(|placement| stands(placement) && Some(&placement.target) == target.as_ref())
        .collect();
    if found.is_empty()
        && let Ok(id) = ledger.resolve(what)
    {
        let placements = ledger.placements_of(id)?;
        found = placements.into_iter().filter(stands).collect();
    }
    if found.is_empty() {
        return Err(Advice::error(
            format!("nothing is planted under {what:?}"),
            "`lapwing places` lists what is planted where",
        ));
    }
    Ok(found)
}

pub(crate) fn uproot(global: &Global, args: &Uproot) -> anyhow::Result<Exit> {
    let Uproot { what, force, yes } = args;
    let context = Context::open(global)?;
    let ledger = context.ledger()?;
    let mut done = Vec::new();
    // The last planted first: each then finds the target as it left it.
    for placement in chosen(&ledger, what)?.into_iter().rev() {
        let ask = !yes && !context.json && output::can_ask();
        if ask
            && !confirm(&format!(
                "Uproot {} from {}?",
                placement.canary, placement.target
            ))?
        {
            continue;
        }
        if *force && matches!(lapwing_plant::check(&placement), Ok(Condition::Missing)) {
            done.push(summary(&abandon(&ledger, placement)?));
            continue;
        }
        let uprooted = lapwing_plant::uproot(&placement, *force, SystemClock.now())?;
        ledger.place_update(&uprooted.placement)?;
        if !context.json {
            print_diff(&uprooted.diff)?;
            output::say(&format!(
                "uprooted {} from {}",
                placement.canary, placement.target
            ));
        }
        done.push(summary(&uprooted.placement));
    }
    if context.json {
        output::json(&done)?;
    }
    Ok(Exit::Fine)
}

/// Nothing of it stands there any more: it is no longer looked for.
fn abandon(ledger: &Ledger, mut placement: Placement) -> anyhow::Result<Placement> {
    placement.state = PlacementState::Abandoned;
    ledger.place_update(&placement)?;
    output::say(&format!(
        "gave up {}: nothing of it stands in {} any more",
        placement.canary, placement.target
    ));
    Ok(placement)
}

/// Reads a canary that the operator named.
pub(crate) fn canary(ledger: &Ledger, text: &str) -> anyhow::Result<lapwing_core::Canary> {
    let id = resolve(ledger, text)?;
    ledger
        .canary(id)?
        .ok_or_else(|| Advice::error(format!("no canary {id}"), "`lapwing canaries` lists them"))
}
