//! What happened in an incident, in order: uses, alerts, and what was decided. Many uses are folded by the
//! hour, so that a flood is a line.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use lapwing_core::{
    Decision, Delivery, DeliveryState, Incident, Timestamp, TripId, Verb, Verdict, text,
};
use lapwing_store::{TripFilter, TripRow};
use serde_json::{Value, json};

use crate::commands::trips::Desk;

/// More trips than this are folded by the hour.
const ALONE: usize = 30;
/// Trips asked for at once.
const PAGE: usize = 1000;
/// Addresses counted in an hour at most.
const ADDRESSES: usize = 1000;
/// Seconds of an hour.
const HOUR: i64 = 3600;

/// One line of it.
pub(super) struct Line {
    pub(super) time: Timestamp,
    /// For people, printable.
    pub(super) words: String,
    /// `trip`, `trips`, `alert` or `decision`.
    what: &'static str,
    facts: Value,
}

impl Line {
    /// For programs.
    pub(super) fn as_json(&self) -> Value {
        let mut value = self.facts.clone();
        value["time"] = json!(self.time.to_string());
        value["what"] = json!(self.what);
        value
    }
}

/// The lines, in the order of their times.
pub(super) fn timeline(
    desk: &Desk,
    incident: &Incident,
    decisions: &[&Decision],
) -> anyhow::Result<Vec<Line>> {
    let mut lines = trips(desk, incident)?;
    let deliveries = desk.ledger.deliveries_of(&format!("{}/", incident.id))?;
    lines.extend(deliveries.iter().map(alert));
    lines.extend(decisions.iter().filter_map(|decision| decided(decision)));
    lines.sort_by_key(|line| line.time);
    Ok(lines)
}

fn trips(desk: &Desk, incident: &Incident) -> anyhow::Result<Vec<Line>> {
    let mut alone = Vec::new();
    let mut hours: BTreeMap<i64, Hour> = BTreeMap::new();
    let mut count = 0;
    let mut before = None;
    loop {
        let page = desk.index.trips(&TripFilter {
            incident: Some(incident.id),
            limit: PAGE,
            before: before.take(),
            ..TripFilter::default()
        })?;
        for row in page.rows {
            count += 1;
            let hour = row.time.seconds().div_euclid(HOUR);
            hours
                .entry(hour)
                .or_insert_with(|| Hour::of(&row))
                .add(&row);
            if alone.len() <= ALONE {
                alone.push(row);
            }
        }
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    if count <= ALONE {
        return Ok(alone.iter().map(trip).collect());
    }
    Ok(hours.into_values().map(Hour::into_line).collect())
}

/// The trips of an hour.
struct Hour {
    first: TripId,
    from: Timestamp,
    last: Timestamp,
    trips: u64,
    uses: u64,
    addresses: BTreeSet<IpAddr>,
    verdicts: BTreeMap<&'static str, u64>,
}

impl Hour {
    fn of(row: &TripRow) -> Self {
        Self {
            first: row.id(),
            from: row.time,
            last: row.time,
            trips: 0,
            uses: 0,
            addresses: BTreeSet::new(),
            verdicts: BTreeMap::new(),
        }
    }

    fn add(&mut self, row: &TripRow) {
        if (row.time, row.id()) < (self.from, self.first) {
            (self.from, self.first) = (row.time, row.id());
        }
        self.last = self.last.max(row.time);
        self.trips += 1;
        self.uses += row.count.max(1);
        if self.addresses.len() < ADDRESSES {
            self.addresses.insert(row.source.ip().to_canonical());
        }
        let verdict: Verdict = row.conclusion.judgement.verdict;
        *self.verdicts.entry(verdict.word()).or_default() += row.count.max(1);
    }

    fn into_line(self) -> Line {
        let Self {
            first,
            from,
            last,
            trips,
            uses,
            addresses,
            verdicts,
        } = self;
        let (known, only) = (addresses.len(), addresses.first());
        let whence = match (known, only) {
            (1, Some(address)) => address.to_string(),
            (ADDRESSES.., _) => format!("{ADDRESSES} addresses or more"),
            _ => format!("{known} addresses"),
        };
        let last_time = last.to_seconds_string();
        Line {
            time: from,
            words: format!(
                "{uses} uses ({trips} trips) until {last_time} from {whence}, first trip {first}"
            ),
            what: "trips",
            facts: json!({
                "first": first, "until": last.to_string(), "trips": trips, "uses": uses,
                "addresses": known, "verdicts": verdicts,
            }),
        }
    }
}

fn trip(row: &TripRow) -> Line {
    let verdict = row.conclusion.judgement.verdict.word();
    let uses = match row.count {
        0 | 1 => String::new(),
        many => format!(", {many} uses"),
    };
    let address = row.source.ip();
    Line {
        time: row.time,
        words: format!("trip {} from {address}: {verdict}{uses}", row.id()),
        what: "trip",
        facts: json!({
            "trip": row.id(), "address": address, "verdict": verdict, "uses": row.count.max(1),
            "session": row.conclusion.session, "mute": row.conclusion.mute,
        }),
    }
}

fn alert(delivery: &Delivery) -> Line {
    let Delivery {
        channel,
        occasion,
        queued,
        attempts,
        state,
        delivered,
        error,
        ..
    } = delivery;
    let shown = text::escape_short(channel.as_bytes(), 80);
    let how = match (state, delivered) {
        (DeliveryState::Delivered, Some(time)) => format!("delivered {}", time.to_seconds_string()),
        (DeliveryState::Delivered, None) => "delivered".to_owned(),
        (DeliveryState::Pending, _) => format!("on its way, tried {attempts} times"),
        (DeliveryState::Dead, _) => {
            let error = text::escape_short(error.as_bytes(), 120);
            format!("given up after {attempts} attempts: {error}")
        }
    };
    Line {
        time: *queued,
        words: format!("alert ({occasion}) to {shown}: {how}"),
        what: "alert",
        facts: json!({
            "channel": channel, "occasion": occasion, "state": state, "attempts": attempts,
            "delivered": delivered.map(|time| time.to_string()), "error": error,
        }),
    }
}

fn decided(decision: &Decision) -> Option<Line> {
    let (word, by, said) = match &decision.verb {
        Verb::Acknowledge { by, .. } => ("acknowledged", by, None),
        Verb::Close { reason, by, .. } => ("closed", by, Some(reason.clone())),
        Verb::Reopen { reason, by, .. } => ("reopened", by, Some(reason.clone())),
        Verb::Note { text, by, .. } => ("note", by, Some(text.clone())),
        Verb::Assign { to, by, .. } => match to {
            Some(to) => ("assigned", by, Some(to.clone())),
            None => ("assigned to nobody", by, None),
        },
        _ => return None,
    };
    let mut words = word.to_owned();
    if !by.is_empty() {
        words.push_str(&format!(" by {by}"));
    }
    if let Some(said) = said {
        words.push_str(&format!(": {said}"));
    }
    let mut facts = json!(decision);
    // The time as all lines have it is put in its place.
    if let Some(facts) = facts.as_object_mut() {
        facts.remove("time");
    }
    Some(Line {
        time: decision.time,
        words: text::escape(words.as_bytes()),
        what: "decision",
        facts,
    })
}
