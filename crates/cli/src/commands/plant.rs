//! `lapwing plant`, `places`, `uproot`.
//!
//! Planting records its intent, writes, then confirms: a crash at any step is visible to `check`.

use anstyle::AnsiColor;
use inquire::Confirm;
use lapwing_core::{Asked, Clock as _, Placement, PlacementState, Site, SystemClock, text};
use lapwing_plant::{Condition, Diff, Line, Sign};
use lapwing_store::Ledger;
use serde_json::json;

use super::elsewhere::{self, Sites};
use super::exclude;
use crate::args::{Fresh, Global, Plant, Uproot};
use crate::context::{Context, pairs, resolve};
use crate::failure::{Advice, Exit};
use crate::output::{self, colour};
use crate::planting::{Order, Planter, stands};

pub(crate) fn plant(global: &Global, args: &Plant) -> anyhow::Result<Exit> {
    let Plant {
        kind,
        target,
        count,
        fresh,
        host,
        dry_run,
        format,
        key,
        role,
        show,
        yes,
        danger_default,
        danger_trigger,
    } = args;
    let Fresh {
        memo,
        label,
        set,
        address,
        locale,
    } = fresh;
    let context = Context::open_or_create(global)?;
    let catalog = context.catalog()?;
    let ledger = context.ledger()?;
    let asked = Asked {
        format: format.clone(),
        key: key.clone(),
        role: role.clone(),
        address: address.clone(),
        locale: locale.clone(),
        set: pairs("set", set)?,
        danger_default: *danger_default,
        danger_triggers: danger_trigger.iter().cloned().collect(),
    };
    let labels = pairs("label", label)?;
    let planter = Planter::new(&context, &catalog, &ledger);
    let mut order = Order {
        kind,
        target,
        memo,
        labels: &labels,
        asked: &asked,
        declared: None,
        replaces: None,
        show: *show,
    };
    // The table that was made for the first takes the others.
    let later = target.replacen("new-table=", "table=", 1);
    let mut done = Vec::new();
    for _ in 0..*count {
        let go = Go {
            dry_run: *dry_run,
            ask: done.is_empty() && !yes && !context.json && output::can_ask(),
            json: context.json,
        };
        let planted = match away(host.as_ref(), order.target)? {
            Some(login) => elsewhere::plant(&planter, &login, &order, go)?,
            None => one(&planter, &order, go)?,
        };
        let Some(planted) = planted else {
            output::say(go.stayed());
            return Ok(Exit::Fine);
        };
        if !context.json {
            output::say(&format!(
                "planted {} ({kind}) in {}",
                planted.canary, planted.target
            ));
        }
        done.push(planted);
        order.target = &later;
    }
    tell_exclusions(&ledger, &done, context.json)?;
    Ok(Exit::Fine)
}

/// How far a planting is to go.
#[derive(Clone, Copy)]
pub(crate) struct Go {
    pub(crate) dry_run: bool,
    /// Whether the operator is asked before anything is written.
    pub(crate) ask: bool,
    pub(crate) json: bool,
}

impl Go {
    /// Whether what was planned is to be done.
    pub(crate) fn on(self, target: &str, diff: &str) -> anyhow::Result<bool> {
        if self.dry_run && self.json {
            output::json(&json!({"target": target, "diff": diff}))?;
        }
        Ok(!self.dry_run && (!self.ask || confirm("Plant this?")?))
    }

    const fn stayed(self) -> &'static str {
        if self.dry_run {
            "dry run: nothing was minted or written"
        } else {
            "nothing was minted or written"
        }
    }
}

/// The other host to plant on, by --host or in the target.
fn away(host: Option<&String>, target: &str) -> anyhow::Result<Option<String>> {
    let named = elsewhere::reached(target)?.map(|(_, login, _)| login);
    if let (Some(host), Some(named)) = (host, &named) {
        return Err(Advice::error(
            format!("--host {host}: the target names {named} already"),
            "leave --host out, or write the target as that host does",
        ));
    }
    Ok(host.cloned().or(named))
}

/// Plants one on this host; `None` if it stays at the plan.
fn one(planter: &Planter<'_>, order: &Order<'_>, go: Go) -> anyhow::Result<Option<Placement>> {
    let draft = planter.prepare(order)?;
    if !go.json {
        print_diff(draft.diff())?;
    }
    for note in draft.notes() {
        output::say(&format!("note: {note}"));
    }
    if !go.on(draft.target(), &diff_text(draft.diff()))? {
        return Ok(None);
    }
    planter.plant(draft).map(Some)
}

/// Says how the owner's own jobs leave out what was planted; as JSON, also what was planted.
fn tell_exclusions(ledger: &Ledger, done: &[Placement], json: bool) -> anyhow::Result<()> {
    let Some(last) = done.last() else {
        return Ok(());
    };
    let exclusions = exclude::of(ledger.placements()?, last)?;
    if json {
        let described: Vec<_> = exclusions.iter().map(exclude::described).collect();
        let mut summaries: Vec<_> = done.iter().map(summary).collect();
        for summary in &mut summaries {
            summary["exclude"] = described.clone().into();
        }
        match summaries.as_slice() {
            [only] => output::json(only)?,
            many => output::json(&many)?,
        }
        return Ok(());
    }
    for one in &exclusions {
        let more = if one.view.is_some() {
            "that and a view"
        } else {
            "that for all"
        };
        output::say(&format!(
            "note: your own jobs leave it out by {} in {}; `lapwing exclude` prints {more}",
            one.predicate, one.table
        ));
    }
    Ok(())
}

pub(crate) fn confirm(question: &str) -> anyhow::Result<bool> {
    Ok(Confirm::new(question).with_default(false).prompt()?)
}

pub(crate) fn print_diff(diff: &Diff) -> std::io::Result<()> {
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

/// A diff that another host made: its text acts on no terminal.
pub(crate) fn print_text(diff: &str) -> std::io::Result<()> {
    for line in text::escape_lines(diff.as_bytes()).lines() {
        let style = match line.bytes().next() {
            Some(b'+') => colour(AnsiColor::Green),
            Some(b'-') => colour(AnsiColor::Red),
            _ => anstyle::Style::new(),
        };
        output::line(&format!("{style}{line}{style:#}"))?;
    }
    Ok(())
}

/// An edit as it is shown: of this host, or as another host tells it.
pub(crate) enum Edit {
    Here(Diff),
    There(String),
}

impl Edit {
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Here(diff) => diff_text(diff),
            Self::There(text) => text.clone(),
        }
    }

    pub(crate) fn print(&self) -> std::io::Result<()> {
        match self {
            Self::Here(diff) => print_diff(diff),
            Self::There(text) => print_text(text),
        }
    }
}

pub(crate) fn diff_text(diff: &Diff) -> String {
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
pub(crate) fn summary(placement: &Placement) -> serde_json::Value {
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

/// Standing placements of a canary, or in a target.
pub(crate) fn chosen(ledger: &Ledger, what: &str) -> anyhow::Result<Vec<Placement>> {
    let target = match Site::of(what) {
        Some(_) => Some(what.to_owned()),
        None => lapwing_plant::canonical_target(what).ok(),
    };
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
    let sites = Sites::new(&context);
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
        if let Some((site, _)) = Site::of(&placement.target) {
            let (gone, edit) = elsewhere::uproot(&sites, &site, &placement, *force)?;
            ledger.place_update(&gone)?;
            if !context.json {
                edit.print()?;
                output::say(&format!("{} {}", state(&gone), gone.target));
            }
            done.push(summary(&gone));
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
