//! `lapwing drill`: trips a canary on purpose and follows the alert to its arrival.
//!
//! The drill is announced in the ledger by a one-time nonce, then a real request goes to the address
//! the canary carries (or `--via`), with the canary's handle and the nonce in a header.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use lapwing_core::{
    Canary, Clock as _, Decision, Delivery, DeliveryState, SystemClock, Verb, Verdict,
};
use lapwing_daemon::announcer::drill_key;
use lapwing_store::{TripFilter, TripRow};
use serde_json::json;

use super::mint::handles;
use super::plant::canary;
use super::trips::Desk;
use crate::args::{Drill, Global};
use crate::failure::{Advice, Exit};
use crate::output;

/// How often the index and the outbox are looked at.
const POLL: Duration = Duration::from_millis(50);

pub(crate) fn run(global: &Global, args: &Drill) -> anyhow::Result<Exit> {
    let Drill { id, via, timeout } = args;
    let desk = Desk::open(global)?;
    let canary = canary(&desk.ledger, id)?;
    let request = Request::new(&desk, &canary)?;
    let begun = SystemClock.now();
    let wait = i64::try_from(*timeout).unwrap_or(i64::MAX);
    desk.ledger.decide(&Decision {
        time: begun,
        verb: Verb::Drill {
            canary: canary.id,
            nonce: request.nonce.clone(),
            until: begun.plus_seconds(wait),
        },
    })?;
    let clock = Instant::now();
    let status = request.send(*via, Duration::from_secs(*timeout))?;
    let answered = clock.elapsed();
    let deadline = clock + Duration::from_secs(*timeout);
    let row = wait_for(deadline, || {
        let filter = TripFilter {
            since: Some(begun),
            canary: Some(canary.id),
            verdict: Some(Verdict::Drill),
            limit: 1,
            ..TripFilter::default()
        };
        Ok(desk.index.trips(&filter)?.rows.pop())
    })?;
    let Some(row) = row else {
        return Err(Advice::error(
            format!("the request was answered ({status}), but no trip came of it in {timeout} s"),
            "is the station running, and does the address lead to it? `lapwing listen`, `--via`",
        ));
    };
    let indexed = clock.elapsed();
    let deliveries = follow_alerts(&desk, &row, deadline)?;
    let arrived = deliveries
        .iter()
        .all(|delivery| delivery.state == DeliveryState::Delivered);
    report(&desk, &row, status, (answered, indexed), &deliveries, begun)?;
    Ok(if arrived {
        Exit::Fine
    } else {
        Exit::Undelivered
    })
}

struct Request {
    url: String,
    handle: String,
    nonce: String,
}

impl Request {
    fn new(desk: &Desk, canary: &Canary) -> anyhow::Result<Self> {
        let catalog = desk.context.catalog()?;
        let kind = catalog.require(&canary.kind)?;
        let url = canary.fields.get("beacon.url").cloned().ok_or_else(|| {
            Advice::error(
                format!(
                    "a canary of kind {} carries no address to drill",
                    canary.kind
                ),
                "drill one that does",
            )
        })?;
        let handle = handles(kind, canary)
            .into_iter()
            .next()
            .map(|(_, value)| value);
        let handle = handle.ok_or_else(|| anyhow::anyhow!("a canary without a handle"))?;
        let nonce = uuid::Uuid::new_v4().simple().to_string();
        Ok(Self { url, handle, nonce })
    }

    /// Sends it; the answer's status.
    fn send(&self, via: Option<SocketAddr>, timeout: Duration) -> anyhow::Result<u16> {
        let mut url = url::Url::parse(&self.url)?;
        let authority = url.authority().to_owned();
        let mut client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(timeout);
        if let Some(via) = via {
            // Straight to the listener, which speaks no TLS, under the name the canary carries.
            let _ = url.set_scheme("http");
            let _ = url.set_port(Some(via.port()));
            match url.host_str() {
                Some(name) if name.parse::<IpAddr>().is_err() => {
                    client = client.resolve(name, via);
                }
                _ => drop(url.set_ip_host(via.ip())),
            }
        }
        let mut request = client
            .build()?
            .get(url)
            .header("host", authority)
            .header("x-request-id", &self.nonce);
        if !self.url.contains(&self.handle) {
            request = request.bearer_auth(&self.handle);
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let answer = runtime.block_on(async { request.send().await }).map_err(|error| {
            Advice::error(
                format!("the address {} cannot be reached: {error}", self.url),
                "look at DNS, proxy and station; `--via 127.0.0.1:PORT` asks the listener directly",
            )
        })?;
        Ok(answer.status().as_u16())
    }
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
fn follow_alerts(desk: &Desk, row: &TripRow, deadline: Instant) -> anyhow::Result<Vec<Delivery>> {
    let Some(incident) = desk.index.incident(row.conclusion.incident)? else {
        return Ok(Vec::new());
    };
    let keys: Vec<String> = desk
        .context
        .settings()
        .alert
        .channels
        .keys()
        .map(|channel| drill_key(&incident, channel))
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
    row: &TripRow,
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
            "trip": row.id(), "status": status, "answered_ms": answered.as_millis(),
            "indexed_ms": indexed.as_millis(), "deliveries": deliveries,
        }))?;
        return Ok(());
    }
    output::line(&format!(
        "answered   {status} after {} ms",
        answered.as_millis()
    ))?;
    output::line(&format!(
        "recorded   trip {} (on disk before the answer)",
        row.id()
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
