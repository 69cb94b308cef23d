//! `lapwing hosts`: which other hosts report, when they last did, and how they found their bait.

use std::collections::BTreeMap;

use lapwing_core::{Clock as _, Host, SystemClock};
use serde_json::json;

use crate::args::{Global, Hosts};
use crate::context::Context;
use crate::failure::{Advice, Exit};
use crate::output;

pub(crate) fn run(global: &Global, args: &Hosts) -> anyhow::Result<Exit> {
    let context = Context::open(global)?;
    let ledger = context.ledger()?;
    if let Some(name) = &args.forget {
        if !ledger.host_forget(name)? {
            return Err(Advice::error(
                format!("no host {name:?} has reported"),
                "`lapwing hosts` lists them",
            ));
        }
        output::say(&format!("{name} is not waited for any more"));
        return Ok(Exit::Fine);
    }
    let hosts = ledger.hosts()?;
    if context.json {
        let rows: Vec<_> = hosts.iter().map(as_json).collect();
        output::json(&rows)?;
    } else {
        let mut table = output::table(&["host", "heard", "every", "state", "bait"]);
        for host in &hosts {
            let every = match host.every {
                0 => "-".to_owned(),
                every => format!("{every} s"),
            };
            table.add_row([
                host.name.clone(),
                host.heard.to_seconds_string(),
                every,
                state(host).to_owned(),
                counted(host),
            ]);
        }
        output::print_table(&table)?;
        if hosts.is_empty() {
            output::say("no other host has reported; `lapwing bundle` makes one that does");
        }
    }
    let fine = |host: &Host| state(host) != "silent" && !is_drifted(host);
    Ok(if hosts.iter().all(fine) {
        Exit::Fine
    } else {
        Exit::Drift
    })
}

fn as_json(host: &Host) -> serde_json::Value {
    json!({
        "host": host.name, "heard": host.heard.to_string(), "every": host.every,
        "state": state(host), "conditions": host.conditions,
    })
}

/// `once`: it does not report regularly.
fn state(host: &Host) -> &'static str {
    if host.is_overdue(SystemClock.now()) {
        "silent"
    } else if host.every == 0 {
        "once"
    } else {
        "reports"
    }
}

fn is_drifted(host: &Host) -> bool {
    let fine = |word: &String| matches!(word.as_str(), "unchanged" | "present");
    !host.conditions.values().all(fine)
}

/// `3 unchanged, 1 missing`
fn counted(host: &Host) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for word in host.conditions.values() {
        *counts.entry(word).or_default() += 1;
    }
    let parts: Vec<String> = counts
        .iter()
        .map(|(word, count)| format!("{count} {word}"))
        .collect();
    parts.join(", ")
}
