//! `lapwing hold`, `holds` and `unhold`: what is not erased, and who answers for that.

use lapwing_core::{Clock as _, Decision, Hold, HoldId, HoldOn, SystemClock, Verb, holds};
use lapwing_daemon::erasing::Still;
use serde_json::json;

use super::incidents::parse_incident;
use super::trips::{Desk, parse_actor, parse_trip};
use crate::args::{self, Global};
use crate::context::{parse_until, resolve};
use crate::failure::{Advice, Exit};
use crate::operator::{said, who};
use crate::output;

pub(crate) fn add(global: &Global, args: &args::Hold) -> anyhow::Result<Exit> {
    let reason = said("reason", &args.reason)?;
    let by = who(&args.by)?;
    let now = SystemClock.now();
    let until = args.until.as_deref().map(parse_until).transpose()?;
    if until.is_some_and(|until| until <= now) {
        return Err(Advice::error(
            format!(
                "--until {}: not in the future",
                args.until.as_deref().unwrap_or_default()
            ),
            "write 90d or a date to come, or leave it out: the hold then lasts until `unhold`",
        ));
    }
    let desk = Desk::open(global)?;
    let holds: Vec<Hold> = things(&desk, args)?
        .into_iter()
        .map(|on| Hold {
            hold: HoldId::new(rand::random()),
            on,
            by: by.clone(),
            reason: reason.clone(),
            until,
        })
        .collect();
    // Once this is had nothing is being erased, and whatever comes next sees the hold.
    let still = Still::hold(desk.context.directory.root())?;
    for hold in &holds {
        desk.ledger.decide(&Decision {
            time: now,
            verb: Verb::Hold(hold.clone()),
        })?;
    }
    drop(still);
    if desk.context.json {
        output::json(&holds)?;
        return Ok(Exit::Fine);
    }
    for hold in &holds {
        output::line(&format!("{}  {} until {}", hold.hold, hold.on, ends(hold)))?;
    }
    output::say("nothing of it is erased: not by age, not by purge, not by redact");
    output::say("what was erased before is gone; a backup that is older may hold it");
    Ok(Exit::Fine)
}

/// What is to be held; each must be there.
fn things(desk: &Desk, args: &args::Hold) -> anyhow::Result<Vec<HoldOn>> {
    let args::Hold {
        incident,
        actor,
        canary,
        trip,
        all,
        reason: _,
        until: _,
        by: _,
    } = args;
    let mut things = Vec::new();
    for text in incident {
        let id = parse_incident(text)?;
        let found = desk.index.incident(id)?;
        let found = found.ok_or_else(|| missing("incident", text, "incidents"))?;
        things.push(HoldOn::Incident(found.id));
    }
    for text in actor {
        let id = parse_actor(text)?;
        let found = desk.index.actor_as(id, desk.hands()?)?;
        let found = found.ok_or_else(|| missing("actor", text, "actors"))?;
        things.push(HoldOn::Actor(found.id));
    }
    for text in canary {
        things.push(HoldOn::Canary(resolve(&desk.ledger, text)?));
    }
    for text in trip {
        let id = parse_trip(desk, text)?;
        let found = desk.index.trip(id)?;
        let found = found.ok_or_else(|| missing("trip", text, "trips"))?;
        things.push(HoldOn::Trip(found.id()));
    }
    if *all {
        things.push(HoldOn::All);
    }
    Ok(things)
}

fn missing(what: &str, text: &str, command: &str) -> anyhow::Error {
    Advice::error(
        format!("no {what} {text}"),
        format!("`lapwing {command}` lists them"),
    )
}

/// When it ends, in words.
fn ends(hold: &Hold) -> String {
    match hold.until {
        Some(until) => until.to_seconds_string(),
        None => format!("lapwing unhold {}", hold.hold),
    }
}

pub(crate) fn list(global: &Global, args: &args::Holds) -> anyhow::Result<Exit> {
    let args::Holds { all } = args;
    let desk = Desk::open(global)?;
    let now = SystemClock.now();
    let ended = |hold: &Hold| hold.until.is_some_and(|until| until <= now);
    let mut rows = holds(&desk.ledger.decisions()?);
    rows.retain(|(_, hold)| *all || !ended(hold));
    if desk.context.json {
        let rows = rows.iter().map(|(since, hold)| {
            let mut row = json!(hold);
            row["since"] = json!(since);
            row["ended"] = json!(ended(hold));
            row
        });
        output::json(&rows.collect::<Vec<_>>())?;
        return Ok(Exit::Fine);
    }
    let mut table = output::table(&["hold", "covers", "by", "why", "since", "until"]);
    for (since, hold) in &rows {
        table.add_row([
            hold.hold.to_string(),
            hold.on.to_string(),
            hold.by.clone(),
            hold.reason.clone(),
            since.to_seconds_string(),
            ends(hold),
        ]);
    }
    output::print_table(&table)?;
    if rows.is_empty() {
        output::say("nothing is under a hold");
    }
    Ok(Exit::Fine)
}

pub(crate) fn end(global: &Global, args: &args::Unhold) -> anyhow::Result<Exit> {
    let hint = "`lapwing holds` lists them";
    let id: HoldId = args
        .id
        .parse()
        .map_err(|error| Advice::error(format!("{error}"), hint))?;
    let by = who(&args.by)?;
    let desk = Desk::open(global)?;
    let now = SystemClock.now();
    let known = holds(&desk.ledger.decisions()?);
    let Some((_, hold)) = known.iter().find(|(_, hold)| hold.hold == id) else {
        return Err(Advice::error(format!("no hold {id}"), hint));
    };
    let ended = hold.until.filter(|until| *until <= now);
    if ended.is_none() {
        desk.ledger.decide(&Decision {
            time: now,
            verb: Verb::Unhold { hold: id, by },
        })?;
    }
    let until = ended.unwrap_or(now);
    if desk.context.json {
        output::json(&json!({"hold": id, "until": until}))?;
        return Ok(Exit::Fine);
    }
    let word = if ended.is_some() { "had ended" } else { "ends" };
    output::line(&format!("{id} {word} {}", until.to_seconds_string()))?;
    if ended.is_none() {
        output::say("what it covered and is older than its age goes with the next purge");
    }
    Ok(Exit::Fine)
}
