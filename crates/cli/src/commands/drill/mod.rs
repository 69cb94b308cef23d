//! `lapwing drill`: trips canaries on purpose and follows each alert to its arrival.
//!
//! The drill is announced in the ledger by a one-time nonce, then a real request goes to the address
//! the canary carries (or `--via`), with the canary's handle and the nonce in a header.

mod fleet;
mod request;
mod tally;

use std::time::{Duration, Instant};

use lapwing_core::{Clock as _, Decision, Delivery, DeliveryState, SystemClock, TripId, Verb};
use lapwing_daemon::announcer::drill_key;
use lapwing_daemon::drills::trip_of;
use serde_json::json;

use self::request::Request;
use super::plant::canary;
use super::trips::Desk;
use crate::args::{Drill, Global};
use crate::failure::{Advice, Exit};
use crate::output;

/// How often the index and the outbox are looked at.
const POLL: Duration = Duration::from_millis(50);

pub(crate) fn run(global: &Global, args: &Drill) -> anyhow::Result<Exit> {
    let Drill {
        ids,
        all,
        planted: _,
        parallel: _,
        via,
        timeout,
    } = args;
    let desk = Desk::open(global)?;
    let [id] = ids.as_slice() else {
        return fleet::run(&desk, args);
    };
    debug_assert!(!all, "clap refuses an id beside --all");
    let canary = canary(&desk.ledger, id)?;
    let nonce = uuid::Uuid::new_v4().simple().to_string();
    let request = Request::new(&desk.context.catalog()?, &canary, nonce.clone())
        .map_err(|reason| Advice::error(format!("{} {reason}", canary.id), "drill another one"))?;
    let begun = SystemClock.now();
    let wait = i64::try_from(*timeout).unwrap_or(i64::MAX);
    desk.ledger.decide(&Decision {
        time: begun,
        verb: Verb::Drill {
            canary: canary.id,
            nonce: nonce.clone(),
            until: begun.plus_seconds(wait),
        },
    })?;
    let clock = Instant::now();
    let limit = Duration::from_secs(*timeout);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let client = request::client(limit)?;
    let status = runtime
        .block_on(request.send(&client, *via))
        .map_err(|error| {
            Advice::error(
                format!("the address {} cannot be reached: {error}", request.url),
                "look at DNS, proxy and station; `--via 127.0.0.1:PORT` asks the listener directly",
            )
        })?;
    let answered = clock.elapsed();
    let deadline = clock + Duration::from_secs(*timeout);
    let trip = wait_for(deadline, || Ok(trip_of(&desk.index, &nonce)?))?;
    let Some(trip) = trip else {
        return Err(Advice::error(
            format!("the request was answered ({status}), but no trip came of it in {timeout} s"),
            "is the station running, and does the address lead to it? `lapwing listen`, `--via`",
        ));
    };
    let indexed = clock.elapsed();
    let deliveries = follow_alerts(&desk, trip, deadline)?;
    let arrived = deliveries
        .iter()
        .all(|delivery| delivery.state == DeliveryState::Delivered);
    report(&desk, trip, status, (answered, indexed), &deliveries, begun)?;
    Ok(if arrived {
        Exit::Fine
    } else {
        Exit::Undelivered
    })
}

fn wait_for<T>(
    deadline: Instant,
    mut look: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<Option<T>> {
    loop {
        if let Some(found) = look()? {
            return Ok(Some(found));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        std::thread::sleep(POLL);
    }
}

/// Waits until every channel took the drill's alert, or time is up.
fn follow_alerts(desk: &Desk, trip: TripId, deadline: Instant) -> anyhow::Result<Vec<Delivery>> {
    let keys: Vec<String> = desk
        .context
        .settings()
        .alert
        .channels
        .keys()
        .map(|channel| drill_key(trip, channel))
        .collect();
    let look = || -> anyhow::Result<Vec<Delivery>> {
        let found: Result<Vec<_>, _> = keys.iter().map(|key| desk.ledger.delivery(key)).collect();
        Ok(found?.into_iter().flatten().collect())
    };
    wait_for(deadline, || {
        let deliveries = look()?;
        let all = deliveries.len() == keys.len();
        let settled = deliveries
            .iter()
            .all(|delivery| delivery.state != DeliveryState::Pending);
        Ok((all && settled).then_some(()))
    })?;
    look()
}

fn report(
    desk: &Desk,
    trip: TripId,
    status: u16,
    (answered, indexed): (Duration, Duration),
    deliveries: &[Delivery],
    begun: lapwing_core::Timestamp,
) -> anyhow::Result<()> {
    let millis = |at: lapwing_core::Timestamp| (at.micros() - begun.micros()) / 1000;
    if desk.context.json {
        let deliveries: Vec<_> = deliveries
            .iter()
            .map(|delivery| {
                json!({
                    "channel": delivery.channel, "state": delivery.state, "alert": delivery.key,
                    "milliseconds": delivery.delivered.map(millis), "error": delivery.error,
                })
            })
            .collect();
        output::json(&json!({
            "trip": trip, "status": status, "answered_ms": answered.as_millis(),
            "indexed_ms": indexed.as_millis(), "deliveries": deliveries,
        }))?;
        return Ok(());
    }
    output::line(&format!(
        "answered   {status} after {} ms",
        answered.as_millis()
    ))?;
    output::line(&format!(
        "recorded   trip {trip} (on disk before the answer)"
    ))?;
    output::line(&format!(
        "indexed    after {} ms, verdict drill",
        indexed.as_millis()
    ))?;
    for delivery in deliveries {
        let line = match delivery.delivered {
            Some(at) => format!("taken after {} ms as {}", millis(at), delivery.key),
            None => format!("NOT taken: {}", delivery.error),
        };
        output::line(&format!("{:<10} {line}", delivery.channel))?;
    }
    if deliveries.is_empty() {
        output::say("no alert channel is set: nobody was told (`lapwing alert channels`)");
    }
    Ok(())
}
