//! `lapwing rotate`: a fresh canary in the place of one that is old or was used. The new one stands
//! before the old one goes: in a file by one and the same write, under the same names; in a table as
//! another row. The old one is retired, and recognised for ever.

use lapwing_core::{
    Canary, CanaryId, Clock as _, Placement, PlacementState, Site, SystemClock, Timestamp, Verdict,
};
use lapwing_store::{Index, Ledger, TripFilter};
use serde_json::json;

use super::plant::{self, confirm, summary};
use crate::args::{Global, Rotate};
use crate::context::{Context, parse_since};
use crate::failure::{Advice, Exit};
use crate::output;
use crate::planting::{Order, Planter, Settling, lock};

/// What is to be rotated, and why.
struct Due {
    placement: Placement,
    canary: Canary,
    why: String,
}

pub(crate) fn run(global: &Global, args: &Rotate) -> anyhow::Result<Exit> {
    let context = Context::open(global)?;
    let catalog = context.catalog()?;
    let ledger = context.ledger()?;
    let planter = Planter::new(&context, &catalog, &ledger);
    let mut failed = false;
    let _lock = if args.dry_run {
        None
    } else {
        let lock = lock(&context)?;
        failed |= resume(&ledger, &planter)?;
        Some(lock)
    };
    let due = due(&context, &ledger, args)?;
    let orders: Vec<Order<'_>> = due.iter().map(|due| due.order(args.show)).collect();
    if due.is_empty() {
        output::say("nothing is due");
    }
    if args.dry_run || asks(&context, args) && !due.is_empty() {
        failed |= show(&context, &planter, &due, &orders)?;
    }
    if args.dry_run {
        output::say("dry run: nothing was minted or written");
        return Ok(exit(failed));
    }
    if asks(&context, args) && !due.is_empty() && !confirm(&format!("Rotate {}?", due.len()))? {
        output::say("nothing was minted or written");
        return Ok(Exit::Fine);
    }
    let mut rows = vec![serde_json::Value::Null; due.len()];
    let bar = output::progress(due.len() as u64, "rotating");
    planter.plant_many(&orders, &mut |at, outcome| {
        bar.inc(1);
        let Due { placement, why, .. } = &due[at];
        failed |= outcome.is_err();
        rows[at] = match &outcome {
            Ok(new) => json!({"old": placement.canary, "why": why, "new": summary(new)}),
            Err(error) => json!({"old": placement.canary, "why": why, "error": error.to_string()}),
        };
        bar.suspend(|| match outcome {
            Ok(new) => output::say(&format!(
                "rotated {} to {} in {}: {why}",
                placement.canary, new.canary, new.target
            )),
            Err(error) => crate::failure::tell(&error),
        });
    })?;
    bar.finish_and_clear();
    if context.json {
        output::json(&rows)?;
    }
    Ok(exit(failed))
}

const fn exit(failed: bool) -> Exit {
    if failed { Exit::Partial } else { Exit::Fine }
}

fn asks(context: &Context, args: &Rotate) -> bool {
    !args.yes && !context.json && output::can_ask()
}

/// Finishes rotations that died on their way. Says whether one could not be.
fn resume(ledger: &Ledger, planter: &Planter<'_>) -> anyhow::Result<bool> {
    let settling = Settling::run(ledger, planter.sites(), &|placement| {
        placement.replaces.is_some()
    })?;
    settling.say();
    Ok(!settling.failed.is_empty())
}

fn due(context: &Context, ledger: &Ledger, args: &Rotate) -> anyhow::Result<Vec<Due>> {
    let Rotate {
        what,
        older_than,
        tripped,
        dry_run: _,
        show: _,
        yes: _,
    } = args;
    let before = older_than.as_deref().map(ago).transpose()?;
    let trips = tripped.then(|| Trips::open(context)).transpose()?;
    let chosen = match what {
        Some(what) => plant::chosen(ledger, what)?,
        None => ledger.placements()?.into_iter().filter(in_reach).collect(),
    };
    let mut due = Vec::new();
    for placement in chosen {
        if placement.state != PlacementState::Planted {
            continue;
        }
        let why = if before.is_none() && trips.is_none() {
            Some("asked for".to_owned())
        } else {
            let used = match &trips {
                Some(trips) => trips.of(placement.canary)?,
                None => false,
            };
            let old = before.and_then(|before| age(&placement, before));
            used.then(|| "it was used".to_owned()).or(old)
        };
        if let Some(why) = why {
            let canary = plant::canary(ledger, &placement.canary.to_string())?;
            due.push(Due {
                placement,
                canary,
                why,
            });
        }
    }
    Ok(due)
}

/// Whether it is rotated without being named: what a bundle planted only a bundle changes.
fn in_reach(placement: &Placement) -> bool {
    !matches!(Site::of(&placement.target), Some((Site::Host(_), _)))
}

/// Since when it stands, if that is before `before`.
pub(crate) fn age(placement: &Placement, before: Timestamp) -> Option<String> {
    let since = placement.planted.filter(|planted| *planted <= before)?;
    let days = (SystemClock.now().micros() - since.micros()) / 86_400_000_000;
    Some(format!("planted {days} days ago"))
}

/// Which canaries were used, by the index.
pub(crate) struct Trips(Index);

impl Trips {
    pub(crate) fn open(context: &Context) -> anyhow::Result<Self> {
        Ok(Self(context.index()?))
    }

    /// Whether it was used by anything but drills.
    pub(crate) fn of(&self, canary: CanaryId) -> anyhow::Result<bool> {
        let mut filter = TripFilter {
            canary: Some(canary),
            limit: 256,
            ..TripFilter::default()
        };
        loop {
            let page = self.0.trips(&filter)?;
            let drill = |verdict| verdict == Verdict::Drill;
            let mut verdicts = page.rows.iter().map(|row| row.conclusion.judgement.verdict);
            if verdicts.any(|verdict| !drill(verdict)) {
                return Ok(true);
            }
            match page.next {
                Some(next) => filter.before = Some(next),
                None => return Ok(false),
            }
        }
    }
}

impl Due {
    fn order(&self, show: bool) -> Order<'_> {
        Order {
            kind: &self.canary.kind,
            target: &self.placement.target,
            memo: &self.canary.memo,
            labels: &self.canary.labels,
            asked: &self.placement.asked,
            declared: self.placement.declared.clone(),
            replaces: Some(&self.placement),
            show,
        }
    }
}

/// Shows what would be done. Says whether something cannot be.
fn show(
    context: &Context,
    planter: &Planter<'_>,
    due: &[Due],
    orders: &[Order<'_>],
) -> anyhow::Result<bool> {
    let mut failed = false;
    let mut rows = Vec::new();
    for (Due { placement, why, .. }, order) in due.iter().zip(orders) {
        if !context.json {
            output::line(&format!(
                "~ {} in {}: {why}",
                placement.canary, placement.target
            ))?;
        }
        let edit = planter.preview(order);
        failed |= edit.is_err();
        match edit {
            Ok((edit, _)) if context.json => rows.push(json!({
                "old": placement.canary, "target": placement.target, "why": why,
                "diff": edit.text(),
            })),
            Ok((edit, _)) => edit.print()?,
            Err(error) if context.json => rows.push(json!({
                "old": placement.canary, "target": placement.target, "why": why,
                "error": error.to_string(),
            })),
            Err(error) => crate::failure::tell(&error),
        }
    }
    if context.json {
        output::json(&rows)?;
    }
    Ok(failed)
}

/// So long ago, as a rotation says it (`90d`, `36h`).
pub(crate) fn ago(age: &str) -> anyhow::Result<Timestamp> {
    let is_age = age.strip_suffix(['d', 'h', 'm', 's']);
    if is_age.is_none_or(|number| number.parse::<u32>().is_err()) {
        return Err(Advice::error(
            format!("not an age: {age:?}"),
            "write 90d or 36h",
        ));
    }
    parse_since(age)
}
