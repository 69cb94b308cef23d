//! Many canaries at once: one announcement, requests in parallel, and every alert accounted for.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use lapwing_core::{
    Canary, CanaryId, Clock as _, Decision, Delivery, DeliveryState, PlacementState, SystemClock,
    Timestamp, TripId, Verb, drill_nonce,
};
use lapwing_daemon::announcer::drill_key;
use lapwing_daemon::drills::trip_of;
use tokio::task::JoinSet;

use super::super::plant::canary;
use super::super::trips::Desk;
use super::request::{self, Request};
use super::tally;
use crate::args::Drill;
use crate::failure::{Advice, Exit};
use crate::output;

/// How often index and outbox are looked at.
const POLL: Duration = Duration::from_millis(200);
/// Canaries read from the ledger at once.
const STRIDE: usize = 4096;
/// Most canaries of one drill: each is an incident of its own that stays in the index.
const MOST: usize = 20_000;

/// One canary on its way.
pub(super) struct One {
    pub(super) canary: CanaryId,
    pub(super) kind: String,
    pub(super) place: Option<String>,
    pub(super) outcome: Outcome,
    nonce: String,
}

/// How far it came.
pub(super) enum Outcome {
    /// Nothing was sent, for this reason.
    Undrillable(String),
    /// Nothing was answered, for this reason.
    Unanswered(String),
    Answered(Answered),
}

/// A request that was answered, and what came of it.
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) sent: Timestamp,
    pub(super) took: Duration,
    pub(super) trip: Option<TripId>,
    /// One for each channel once they are queued.
    pub(super) deliveries: Vec<Delivery>,
}

impl One {
    /// Whether the alert came to every channel; without channels, whether the trip was indexed.
    pub(super) fn arrived(&self, channels: usize) -> bool {
        let Outcome::Answered(Answered {
            trip: Some(_),
            deliveries,
            ..
        }) = &self.outcome
        else {
            return false;
        };
        let delivered = |delivery: &&Delivery| delivery.state == DeliveryState::Delivered;
        deliveries.iter().filter(delivered).count() == channels
    }
}

pub(super) fn run(desk: &Desk, args: &Drill) -> anyhow::Result<Exit> {
    let Drill {
        ids,
        all: _,
        planted,
        parallel,
        via,
        timeout,
    } = args;
    let places = places(desk)?;
    let canaries = chosen(desk, ids, planted.then_some(&places))?;
    let seed = uuid::Uuid::new_v4().simple().to_string();
    let catalog = desk.context.catalog()?;
    let (mut fleet, mut requests) = (Vec::new(), Vec::new());
    for canary in &canaries {
        let nonce = drill_nonce(&seed, canary.id);
        let request = Request::new(&catalog, canary, nonce.clone());
        let outcome = match request {
            Ok(request) => {
                requests.push((fleet.len(), request));
                Outcome::Unanswered("not sent".to_owned())
            }
            Err(reason) => Outcome::Undrillable(reason),
        };
        fleet.push(One {
            canary: canary.id,
            kind: canary.kind.clone(),
            place: places.get(&canary.id).cloned(),
            outcome,
            nonce,
        });
    }
    let begun = SystemClock.now();
    // Long enough even if every request takes as long as it may.
    let rounds = requests.len().div_ceil(usize::from(*parallel)) as u64 + 1;
    let window = i64::try_from(timeout.saturating_mul(rounds)).unwrap_or(i64::MAX);
    desk.ledger.decide(&Decision {
        time: begun,
        verb: Verb::Drills {
            seed,
            until: begun.plus_seconds(window),
        },
    })?;
    let limit = Duration::from_secs(*timeout);
    let bar = output::progress(requests.len() as u64, "tripping");
    let answers = send(requests, usize::from(*parallel), *via, limit, &bar)?;
    for (index, outcome) in answers {
        fleet[index].outcome = outcome;
    }
    follow(desk, &mut fleet, Instant::now() + limit, &bar)?;
    bar.finish_and_clear();
    let channels = desk.context.settings().alert.channels.len();
    tally::print(&fleet, channels, begun, desk.context.json)
}

/// Where each canary stands.
fn places(desk: &Desk) -> anyhow::Result<BTreeMap<CanaryId, String>> {
    let placements = desk.ledger.placements()?;
    let standing = placements.into_iter().filter(|placement| {
        matches!(
            placement.state,
            PlacementState::Planted | PlacementState::Intended
        )
    });
    Ok(standing
        .map(|placement| (placement.canary, placement.target))
        .collect())
}

/// The canaries that were named; or all in use, of `places` only if that is given.
fn chosen(
    desk: &Desk,
    ids: &[String],
    places: Option<&BTreeMap<CanaryId, String>>,
) -> anyhow::Result<Vec<Canary>> {
    if !ids.is_empty() {
        let mut named = ids
            .iter()
            .map(|id| canary(&desk.ledger, id))
            .collect::<anyhow::Result<Vec<_>>>()?;
        named.sort_by_key(|canary| canary.id);
        named.dedup_by_key(|canary| canary.id);
        return Ok(named);
    }
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let canaries = desk.ledger.canaries(after, STRIDE)?;
        let Some(last) = canaries.last() else {
            break;
        };
        after = Some(last.id);
        found.extend(canaries.into_iter().filter(|canary| {
            canary.retired.is_none() && places.is_none_or(|places| places.contains_key(&canary.id))
        }));
        if found.len() > MOST {
            return Err(Advice::error(
                format!("more than {MOST} canaries are in use"),
                "drill those that stand in a place (--planted), or name some",
            ));
        }
    }
    if found.is_empty() {
        return Err(Advice::error(
            "there is no canary to drill",
            "`lapwing plant` puts one into a file; `lapwing canaries` lists them",
        ));
    }
    Ok(found)
}

/// Sends all requests, `parallel` at once; what came of each, by its index.
fn send(
    requests: Vec<(usize, Request)>,
    parallel: usize,
    via: Option<std::net::SocketAddr>,
    limit: Duration,
    bar: &ProgressBar,
) -> anyhow::Result<Vec<(usize, Outcome)>> {
    let client = request::client(limit)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let (mut under_way, mut done) = (JoinSet::new(), Vec::with_capacity(requests.len()));
        for (index, request) in requests {
            if under_way.len() >= parallel
                && let Some(ended) = under_way.join_next().await
            {
                done.push(ended?);
                bar.inc(1);
            }
            let client = client.clone();
            under_way.spawn(async move {
                let (sent, clock) = (SystemClock.now(), Instant::now());
                let outcome = match request.send(&client, via).await {
                    Ok(status) => Outcome::Answered(Answered {
                        status,
                        sent,
                        took: clock.elapsed(),
                        trip: None,
                        deliveries: Vec::new(),
                    }),
                    Err(error) => Outcome::Unanswered(unreachable(&error)),
                };
                (index, outcome)
            });
        }
        while let Some(ended) = under_way.join_next().await {
            done.push(ended?);
            bar.inc(1);
        }
        Ok(done)
    })
}

/// Why nothing was answered, down to the system's own reason.
fn unreachable(error: &anyhow::Error) -> String {
    let reason = error.root_cause();
    format!("its address cannot be reached: {reason}")
}

/// Looks for trips and deliveries until every alert was taken or given up, or time is up.
fn follow(
    desk: &Desk,
    fleet: &mut [One],
    deadline: Instant,
    bar: &ProgressBar,
) -> anyhow::Result<()> {
    let channels: Vec<&String> = desk.context.settings().alert.channels.keys().collect();
    bar.set_message("alerts");
    loop {
        let mut settled = 0;
        for one in &mut *fleet {
            let Outcome::Answered(answered) = &mut one.outcome else {
                continue;
            };
            if answered.trip.is_none() {
                answered.trip = trip_of(&desk.index, &one.nonce)?;
            }
            let Some(trip) = answered.trip else {
                continue;
            };
            let pending = |delivery: &Delivery| delivery.state == DeliveryState::Pending;
            if answered.deliveries.len() < channels.len() || answered.deliveries.iter().any(pending)
            {
                answered.deliveries.clear();
                for channel in &channels {
                    let delivery = desk.ledger.delivery(&drill_key(trip, channel))?;
                    answered.deliveries.extend(delivery);
                }
            }
            if answered.deliveries.len() == channels.len()
                && !answered.deliveries.iter().any(pending)
            {
                settled += 1;
            }
        }
        let answered = fleet
            .iter()
            .filter(|one| matches!(one.outcome, Outcome::Answered(_)))
            .count();
        bar.set_position(settled);
        if settled == answered as u64 || Instant::now() >= deadline {
            return Ok(());
        }
        std::thread::sleep(POLL);
    }
}
