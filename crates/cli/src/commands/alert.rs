//! `lapwing alert`: try the channels, look at deliveries.

use std::sync::Arc;
use std::time::Instant;

use lapwing_alert::{CHANNELS, Message};
use lapwing_core::{Clock as _, SystemClock};
use lapwing_daemon::station;
use serde_json::json;

use crate::args::{Alert, Global, List};
use crate::context::Context;
use crate::failure::{Advice, Exit};
use crate::output;

pub(crate) fn run(global: &Global, args: &Alert) -> anyhow::Result<Exit> {
    match args {
        Alert::Test { channel } => test(global, channel.as_deref()),
        Alert::Deliveries(list) => deliveries(global, list),
        Alert::Channels => channels(global),
    }
}

fn test(global: &Global, only: Option<&str>) -> anyhow::Result<Exit> {
    let context = Context::open(global)?;
    let mut channels = station::channels(context.settings())?;
    channels.retain(|channel| only.is_none_or(|only| channel.name() == only));
    if channels.is_empty() {
        return Err(Advice::error(
            only.map_or("no alert channel is set".to_owned(), |only| {
                format!("no channel {only:?}")
            }),
            "add one to lapwing.toml: `lapwing alert channels` shows how",
        ));
    }
    let message = Message::test(context.directory.station(), SystemClock.now(), "");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut results = Vec::new();
    for channel in channels {
        let channel: Arc<dyn lapwing_alert::Channel> = channel.into();
        let key = format!("test-{}", SystemClock.now().micros());
        let begun = Instant::now();
        let sent = runtime.block_on(channel.send(&message, &key));
        results.push((channel.name().to_owned(), begun.elapsed().as_millis(), sent));
    }
    let failed = results.iter().any(|(_, _, sent)| sent.is_err());
    if context.json {
        let rows: Vec<_> = results
            .iter()
            .map(|(name, ms, sent)| {
                let error = sent.as_ref().err().map(ToString::to_string);
                json!({"channel": name, "milliseconds": ms, "delivered": sent.is_ok(), "error": error})
            })
            .collect();
        output::json(&rows)?;
    } else {
        for (name, ms, sent) in &results {
            match sent {
                Ok(()) => output::line(&format!("{name}: taken after {ms} ms"))?,
                Err(error) => {
                    output::line(&format!("{name}: failed after {ms} ms: {error}"))?;
                    output::line(&format!("  {}", error.hint()))?;
                }
            }
        }
    }
    Ok(if failed {
        Exit::Undelivered
    } else {
        Exit::Fine
    })
}

fn deliveries(global: &Global, list: &List) -> anyhow::Result<Exit> {
    let context = Context::open(global)?;
    let deliveries = context.ledger()?.deliveries(list.limit)?;
    if context.json {
        output::json(&deliveries)?;
        return Ok(Exit::Fine);
    }
    let mut table = output::table(&[
        "queued", "channel", "occasion", "state", "attempts", "alert", "error",
    ]);
    for delivery in deliveries {
        table.add_row([
            delivery.queued.to_seconds_string(),
            delivery.channel,
            delivery.occasion.to_string(),
            json!(delivery.state)
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            delivery.attempts.to_string(),
            delivery.key,
            delivery.error,
        ]);
    }
    output::print_table(&table)?;
    Ok(Exit::Fine)
}

fn channels(global: &Global) -> anyhow::Result<Exit> {
    if global.json {
        let kinds: Vec<_> = CHANNELS
            .iter()
            .map(
                |kind| json!({"kind": kind.name, "summary": kind.summary, "example": kind.example}),
            )
            .collect();
        output::json(&kinds)?;
        return Ok(Exit::Fine);
    }
    for kind in CHANNELS {
        output::line(&format!("{}: {}\n", kind.name, kind.summary))?;
        for line in kind.example.lines() {
            output::line(&format!("    {line}"))?;
        }
        output::line("")?;
    }
    Ok(Exit::Fine)
}
