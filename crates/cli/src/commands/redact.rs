//! `lapwing redact`: erases a third party's data of one trip, or of all from an address with what was looked up
//! about that.

use std::net::IpAddr;

use lapwing_core::{Delivery, DeliveryState, Erase, EraseId, Part, Trip, TripId, What};
use lapwing_daemon::record;
use lapwing_store::TripRow;
use serde_json::json;

use super::forget::{Forgetting, as_json};
use super::trips::{Desk, parse_trip};
use crate::args::{self, Global};
use crate::failure::{Advice, Exit};
use crate::operator::{said, who};
use crate::output;

/// How far around a trip it is looked for others of the same request.
const AROUND: u64 = 16;

pub(crate) fn run(global: &Global, args: &args::Redact) -> anyhow::Result<Exit> {
    if let Ok(address) = args.id.parse::<IpAddr>() {
        return of_address(global, args, address.to_canonical());
    }
    let reason = said("reason", &args.reason)?;
    let by = who(&args.by)?;
    let desk = Desk::open(global)?;
    let id = parse_trip(&desk, &args.id)?;
    let row = desk
        .index
        .trip(id)?
        .ok_or_else(|| Advice::error(format!("no trip {id}"), "`lapwing trips` lists them"))?;
    if id.station != desk.context.directory.station() {
        return Err(Advice::error(
            format!("trip {id} is in another station's log"),
            "redact it there",
        ));
    }
    let parts = parts(args);
    let trip = desk.trip(&row)?;
    known(&trip, &parts)?;
    let forgetting = Forgetting::open(global)?;
    let erase = Erase {
        erase: EraseId::new(rand::random()),
        what: What::Trip { trip: id, parts },
        reason,
        by,
    };
    let looked = forgetting.look(&erase.what)?;
    let json = forgetting.context.json;
    if !json {
        forgetting.say(&looked)?;
    }
    if let Some(hold) = looked.held.keys().next() {
        return Err(Advice::error(
            format!("trip {id} is under hold {hold}, and nothing of it is erased"),
            format!("if the hold may end: lapwing unhold {hold}"),
        ));
    }
    let same = same_request(&desk, &row, &trip)?;
    let sent = sent(&desk, &row)?;
    if !json {
        tell(&same, &sent);
    }
    if args.dry_run || looked.parts == 0 {
        if json {
            let mut value = as_json(None, &looked, None);
            value["same_request"] = json!(same);
            output::json(&value)?;
        } else if looked.parts == 0 {
            output::say("there is nothing of that to erase");
        } else {
            output::say("nothing was erased");
        }
        return Ok(Exit::Fine);
    }
    if !forgetting.may(
        args.yes,
        &format!("Erase {} parts of trip {id} for good?", looked.parts),
    )? {
        output::say("nothing was erased");
        return Ok(Exit::Fine);
    }
    let done = forgetting.erase(&erase)?;
    if json {
        let mut value = as_json(Some(&erase), &looked, Some(&done));
        value["same_request"] = json!(same);
        value["alerts"] = json!(sent.len());
        output::json(&value)?;
        return Ok(Exit::Fine);
    }
    forgetting.report(&erase, &looked, &done)
}

/// What is to go of a trip.
fn parts(args: &args::Redact) -> Vec<Part> {
    match args.part.as_slice() {
        [] => vec![Part::Raw, Part::Claims],
        parts => parts.to_vec(),
    }
}

/// Erases parts of all trips from an address, and what was looked up about it.
fn of_address(global: &Global, args: &args::Redact, address: IpAddr) -> anyhow::Result<Exit> {
    let erase = Erase {
        erase: EraseId::new(rand::random()),
        what: What::Address {
            address,
            parts: parts(args),
        },
        reason: said("reason", &args.reason)?,
        by: who(&args.by)?,
    };
    let forgetting = Forgetting::open(global)?;
    let looked = forgetting.look(&erase.what)?;
    let json = forgetting.context.json;
    if !json {
        forgetting.say(&looked)?;
    }
    let holds = looked.held.keys().chain(looked.lookups.held.keys()).next();
    if let Some(hold) = holds {
        return Err(Advice::error(
            format!("trips from {address} are under hold {hold}, and nothing of it is erased"),
            format!(
                "redact the trips that are not, each by its id; if the hold may end: lapwing unhold {hold}"
            ),
        ));
    }
    let sure = (args.dry_run, args.yes);
    let Some(done) = forgetting.if_wanted(&erase, &looked, sure, &format!(" of {address}"))? else {
        return Ok(Exit::Fine);
    };
    if !json {
        output::say(
            "the records keep the address itself, as a part of the log that others hold checkpoints of",
        );
    }
    forgetting.report(&erase, &looked, &done)
}

/// Whether the trip has the captures that are named; what is erased already is not looked for.
fn known(trip: &Trip, parts: &[Part]) -> anyhow::Result<()> {
    let Some(claims) = &trip.claims else {
        return Ok(());
    };
    for part in parts {
        let Part::Captured(name) = part else {
            continue;
        };
        if !claims.captured.contains_key(name) {
            let names: Vec<&str> = claims.captured.keys().map(String::as_str).collect();
            return Err(Advice::error(
                format!("trip {} has no capture {name:?}", trip.id),
                match names.as_slice() {
                    [] => "it has none; --part raw and --part claims are the rest".to_owned(),
                    names => format!("it has {}", names.join(", ")),
                },
            ));
        }
    }
    Ok(())
}

/// Other trips that keep the same request: it showed more than one canary.
fn same_request(desk: &Desk, row: &TripRow, trip: &Trip) -> anyhow::Result<Vec<TripId>> {
    let id = row.id();
    let mut same = Vec::new();
    for sequence in id.sequence.saturating_sub(AROUND)..=id.sequence + AROUND {
        let other = TripId { sequence, ..id };
        let found = desk.index.trip(other)?;
        let Some(found) = found.filter(|it| it.id() != id && it.time == row.time) else {
            continue;
        };
        let record = desk.record(&found)?;
        let one = record::trip(&record).is_some_and(|it| it.observed.peer == trip.observed.peer);
        if one && !record.parts.is_empty() {
            same.push(other);
        }
    }
    Ok(same)
}

/// Alerts that were made of this very trip.
fn sent(desk: &Desk, row: &TripRow) -> anyhow::Result<Vec<Delivery>> {
    let stem = format!("{}/", row.conclusion.incident);
    let id = row.id().to_string();
    let mut deliveries = desk.ledger.deliveries_of(&stem)?;
    deliveries.retain(|it| it.message.pointer("/incident/trip/id") == Some(&json!(id)));
    Ok(deliveries)
}

fn tell(same: &[TripId], sent: &[Delivery]) {
    for id in same {
        output::say(&format!(
            "note: trip {id} keeps the same request, which showed another canary too: lapwing redact {id}"
        ));
    }
    let out = sent
        .iter()
        .filter(|it| it.state == DeliveryState::Delivered);
    let mut channels: Vec<&str> = out.map(|it| it.channel.as_str()).collect();
    channels.sort_unstable();
    channels.dedup();
    let waiting = sent
        .iter()
        .filter(|it| it.state == DeliveryState::Pending)
        .count();
    if !channels.is_empty() || waiting > 0 {
        output::say(&format!(
            "note: alerts of this trip went to {} and {waiting} are on their way. They hold its address, time and \
             what its program calls itself, nothing that was captured, and cannot be taken back",
            if channels.is_empty() {
                "nobody yet".to_owned()
            } else {
                channels.join(", ")
            }
        ));
    }
}
