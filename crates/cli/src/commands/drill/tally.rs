//! What a drill of many canaries came to.

use std::collections::{BTreeMap, BTreeSet};

use lapwing_core::{Delivery, DeliveryState, Timestamp};
use serde_json::{Value, json};

use super::fleet::{Answered, One, Outcome};
use crate::failure::Exit;
use crate::output;

pub(super) fn print(
    fleet: &[One],
    channels: usize,
    begun: Timestamp,
    as_json: bool,
) -> anyhow::Result<Exit> {
    let tally = Tally::of(fleet, channels);
    if as_json {
        let drills: Vec<Value> = fleet.iter().map(|one| row(one, channels)).collect();
        output::json(&json!({
            "announced": begun.to_string(), "canaries": fleet.len(), "arrived": tally.arrived,
            "not_arrived": tally.lost, "not_drilled": tally.undrillable,
            "messages": tally.messages, "latency_ms": tally.latency(), "drills": drills,
        }))?;
    } else {
        kinds(fleet, channels)?;
        tally.lines()?;
        problems(fleet, channels)?;
    }
    if channels == 0 {
        output::say("no alert channel is set: nobody was told (`lapwing alert channels`)");
    }
    output::say(&format!(
        "{} canaries: {} arrived, {} did not, {} cannot be drilled",
        fleet.len(),
        tally.arrived,
        tally.lost,
        tally.undrillable
    ));
    Ok(if tally.lost == 0 {
        Exit::Fine
    } else {
        Exit::Undelivered
    })
}

/// Counts and times over all canaries.
struct Tally {
    arrived: usize,
    lost: usize,
    undrillable: usize,
    /// Messages that each channel took for them.
    messages: BTreeMap<String, usize>,
    /// Milliseconds from the request to its answer, to the alerts being queued, to the last channel's
    /// taking it; sorted.
    answered: Vec<i64>,
    queued: Vec<i64>,
    taken: Vec<i64>,
}

impl Tally {
    fn of(fleet: &[One], channels: usize) -> Self {
        let (mut answered, mut queued, mut taken) = (Vec::new(), Vec::new(), Vec::new());
        let mut messages = BTreeMap::<String, BTreeSet<&str>>::new();
        let (mut arrived, mut lost, mut undrillable) = (0, 0, 0);
        for one in fleet {
            match &one.outcome {
                Outcome::Undrillable(_) => undrillable += 1,
                _ if one.arrived(channels) => arrived += 1,
                _ => lost += 1,
            }
            let Outcome::Answered(drill) = &one.outcome else {
                continue;
            };
            answered.push(i64::try_from(drill.took.as_millis()).unwrap_or(i64::MAX));
            let after = |at: Timestamp| millis(drill, at);
            queued.extend(drill.deliveries.iter().map(|it| after(it.queued)).max());
            let last = drill.deliveries.iter().filter_map(|it| it.delivered).max();
            taken.extend(last.filter(|_| one.arrived(channels)).map(after));
            for delivery in &drill.deliveries {
                if delivery.state == DeliveryState::Delivered {
                    let keys = messages.entry(delivery.channel.clone()).or_default();
                    keys.insert(delivery.folded.as_ref().unwrap_or(&delivery.key));
                }
            }
        }
        for times in [&mut answered, &mut queued, &mut taken] {
            times.sort_unstable();
        }
        Self {
            arrived,
            lost,
            undrillable,
            messages: messages
                .into_iter()
                .map(|(channel, keys)| (channel, keys.len()))
                .collect(),
            answered,
            queued,
            taken,
        }
    }

    /// Stages that were reached at all, with their times.
    fn stages(&self) -> impl Iterator<Item = (&'static str, &[i64])> {
        let stages = [
            ("answered", self.answered.as_slice()),
            ("queued", &self.queued),
            ("taken", &self.taken),
        ];
        stages.into_iter().filter(|(_, times)| !times.is_empty())
    }

    fn latency(&self) -> Value {
        self.stages()
            .map(|(stage, times)| {
                let [p50, p95, p99] = [50, 95, 99].map(|share| percentile(times, share));
                let max = times.last();
                (
                    stage.to_owned(),
                    json!({"p50": p50, "p95": p95, "p99": p99, "max": max}),
                )
            })
            .collect::<serde_json::Map<_, _>>()
            .into()
    }

    fn lines(&self) -> std::io::Result<()> {
        let mut table = output::table(&["milliseconds", "p50", "p95", "p99", "longest"]);
        for (stage, times) in self.stages() {
            let said = match stage {
                "answered" => "request answered",
                "queued" => "alert queued",
                _ => "alert taken by the last channel",
            };
            let [p50, p95, p99] = [50, 95, 99].map(|share| percentile(times, share).to_string());
            let longest = times.last().copied().unwrap_or_default().to_string();
            table.add_row([said.to_owned(), p50, p95, p99, longest]);
        }
        output::line("")?;
        output::print_table(&table)?;
        for (channel, count) in &self.messages {
            let word = if *count == 1 { "message" } else { "messages" };
            output::line(&format!("{channel}: taken in {count} {word}"))?;
        }
        Ok(())
    }
}

/// How each kind fared.
fn kinds(fleet: &[One], channels: usize) -> std::io::Result<()> {
    let mut kinds = BTreeMap::<&str, [usize; 4]>::new();
    for one in fleet {
        let counts = kinds.entry(&one.kind).or_default();
        counts[0] += 1;
        let column = match &one.outcome {
            Outcome::Undrillable(_) => 3,
            _ if one.arrived(channels) => 1,
            _ => 2,
        };
        counts[column] += 1;
    }
    let mut table = output::table(&["kind", "canaries", "arrived", "not arrived", "not drilled"]);
    for (kind, counts) in kinds {
        let [all, arrived, lost, undrillable] = counts.map(|count| count.to_string());
        table.add_row([kind.to_owned(), all, arrived, lost, undrillable]);
    }
    output::print_table(&table)
}

/// Every canary whose alert did not arrive or that cannot be drilled, with the reason.
fn problems(fleet: &[One], channels: usize) -> std::io::Result<()> {
    for one in fleet.iter().filter(|one| !one.arrived(channels)) {
        let place = one.place.as_deref().unwrap_or("no recorded place");
        let place = lapwing_core::text::escape(place.as_bytes());
        output::line(&format!(
            "{} {} ({place}): {}",
            one.canary,
            one.kind,
            reason(one, channels)
        ))?;
    }
    Ok(())
}

/// Why an alert did not arrive, and what to look at next.
fn reason(one: &One, channels: usize) -> String {
    let drill = match &one.outcome {
        Outcome::Undrillable(reason) => return reason.clone(),
        Outcome::Unanswered(reason) => {
            return format!("{reason}; look at DNS, proxy and station (--via asks the listener)");
        }
        Outcome::Answered(drill) => drill,
    };
    if drill.trip.is_none() {
        return format!(
            "answered ({}), but no trip came of it in time; does the address lead to this station?",
            drill.status
        );
    }
    if drill.deliveries.len() < channels {
        return "recorded, but no alert was queued in time; is the station running?".to_owned();
    }
    let open: Vec<String> = drill
        .deliveries
        .iter()
        .filter(|delivery| delivery.state != DeliveryState::Delivered)
        .map(|delivery| match delivery.error.as_str() {
            "" => format!("{} has not taken it yet", delivery.channel),
            error => format!("{} did not take it: {error}", delivery.channel),
        })
        .collect();
    format!(
        "{}; `lapwing alert test` tries the channel",
        open.join(", ")
    )
}

fn row(one: &One, channels: usize) -> Value {
    let (result, why) = match &one.outcome {
        Outcome::Undrillable(reason) => ("not-drilled", Some(reason.clone())),
        _ if one.arrived(channels) => ("arrived", None),
        _ => ("not-arrived", Some(reason(one, channels))),
    };
    let mut row = json!({
        "canary": one.canary, "kind": one.kind, "place": one.place, "result": result, "reason": why,
    });
    if let Outcome::Answered(drill) = &one.outcome {
        row["status"] = drill.status.into();
        row["trip"] = json!(drill.trip);
        row["answered_ms"] = json!(drill.took.as_millis());
        let alerts: Vec<Value> = drill.deliveries.iter().map(|it| alert(drill, it)).collect();
        row["alerts"] = alerts.into();
    }
    row
}

/// The proof of one alert: when the channel took it, and in which message.
fn alert(drill: &Answered, delivery: &Delivery) -> Value {
    json!({
        "channel": delivery.channel, "state": delivery.state, "alert": delivery.key,
        "with": delivery.folded, "queued_ms": millis(drill, delivery.queued),
        "milliseconds": delivery.delivered.map(|at| millis(drill, at)), "error": delivery.error,
    })
}

fn millis(drill: &Answered, at: Timestamp) -> i64 {
    (at.micros() - drill.sent.micros()) / 1000
}

/// The nearest-rank percentile of sorted times; 0 of none.
fn percentile(sorted: &[i64], share: usize) -> i64 {
    let rank = (sorted.len() * share).div_ceil(100);
    sorted
        .get(rank.saturating_sub(1))
        .copied()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let check = |sorted: &[i64], share, expect| assert_eq!(percentile(sorted, share), expect);
        let hundred: Vec<i64> = (1..=100).collect();
        check(&hundred, 50, 50);
        check(&hundred, 99, 99);
        check(&[7], 50, 7);
        check(&[1, 2], 95, 2);
        check(&[], 50, 0);
    }
}
