//! `lapwing network`: what is known of an address and what was looked up about it, look-ups when they are asked for,
//! and the list of whatever went outward.

use lapwing_core::{Clock as _, Found, Snapshot, SystemClock};
use lapwing_daemon::outward::{List, Outward, dns, rdap, snapshots};
use serde_json::json;

use crate::args::{Ask, Global, Network};
use crate::context::Context;
use crate::failure::{Advice, Exit};
use crate::output;

/// Where the system's resolvers are.
const RESOLVERS: &str = "/etc/resolv.conf";

pub(crate) fn run(global: &Global, args: &Network) -> anyhow::Result<Exit> {
    let Network { ip, lookup } = args;
    let context = Context::open_or_create(global)?;
    let root = context.directory.root();
    let outward = Outward::of(root);
    let Some(address) = *ip else {
        return list(&context, &outward);
    };
    let geography = lapwing_daemon::geography::geography(&context.settings().geo)?;
    let facts = geography.lookup_at(address, SystemClock.now());
    if let Some(special) = facts.special.as_ref().filter(|_| !lookup.is_empty()) {
        return Err(Advice::error(
            format!("{address} is a {special} address: nobody outside knows it"),
            "look up public addresses only",
        ));
    }
    for ask in lookup {
        let snapshot = asked(&context, *ask, address, &outward)?;
        let path = snapshots::keep(root, &snapshot)?;
        output::say(&format!("kept in {}", path.display()));
    }
    let snapshots = snapshots::of(root, address)?;
    if context.json {
        output::json(&json!({"address": address, "network": facts, "lookups": snapshots}))?;
        return Ok(Exit::Fine);
    }
    output::line(&format!("address   {address}"))?;
    super::geo::show(&facts)?;
    for snapshot in &snapshots {
        show(snapshot)?;
    }
    if snapshots.is_empty() {
        output::say(
            "nothing was looked up about it; --lookup rdns and --lookup rdap ask, which its owner may notice",
        );
    }
    output::say("an address and its place describe a network endpoint, not a person");
    Ok(Exit::Fine)
}

fn asked(
    context: &Context,
    ask: Ask,
    address: std::net::IpAddr,
    outward: &Outward,
) -> anyhow::Result<Snapshot> {
    let settings = &context.settings().lookup;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Ok(match ask {
        Ask::Rdns => {
            let resolvers = match settings.resolver.is_empty() {
                true => dns::system_resolvers(RESOLVERS.as_ref()),
                false => settings.resolver.clone(),
            };
            runtime.block_on(dns::reverse(address, &resolvers, outward))?
        }
        Ask::Rdap => {
            let kept = snapshots::prepare(context.directory.root())?;
            let registries = rdap::Registries {
                bootstrap: &settings.rdap_bootstrap,
                roots: &settings.roots,
                kept: &kept,
            };
            runtime.block_on(rdap::ask(address, &registries, outward))?
        }
    })
}

fn show(snapshot: &Snapshot) -> std::io::Result<()> {
    let asked = snapshot.asked.join(", ");
    output::line("")?;
    output::line(&format!(
        "{} of {}, by {asked}",
        snapshot.found.word(),
        snapshot.taken.to_seconds_string()
    ))?;
    let item = |name: &str, value: &str| output::line(&format!("  {name:<13} {value}"));
    match &snapshot.found {
        Found::Rdns { names } if names.is_empty() => item("name", "none"),
        Found::Rdns { names } => names.iter().try_for_each(|name| {
            let word = match name.confirmed {
                true => "leads back to it",
                false => "does not lead back: only the word of whoever owns the address",
            };
            item("name", &format!("{} ({word})", name.name))
        }),
        Found::Rdap(record) => {
            let range = record
                .range
                .map(|(first, last)| format!("{first} to {last}"));
            let lines = [
                ("network", &record.name),
                ("range", &range),
                ("handle", &record.handle),
                ("sort", &record.sort),
                ("country", &record.country),
                ("changed", &record.changed),
            ];
            for (name, value) in lines {
                if let Some(value) = value {
                    item(name, value)?;
                }
            }
            record
                .organisations
                .iter()
                .try_for_each(|name| item("organisation", name))?;
            record
                .abuse
                .iter()
                .try_for_each(|mail| item("abuse mailbox", mail))
        }
    }
}

/// Whatever went outward, oldest first.
fn list(context: &Context, outward: &Outward) -> anyhow::Result<Exit> {
    let List { removed, asked } = outward.list()?;
    if context.json {
        let lines = { removed.iter() }.map(|removed| json!(removed));
        let lines: Vec<_> = lines.chain(asked.iter().map(|one| json!(one))).collect();
        output::json(&lines)?;
        return Ok(Exit::Fine);
    }
    let mut table = output::table(&["time", "why", "who was asked", "about"]);
    for one in &asked {
        table.add_row([
            one.time.to_seconds_string(),
            one.purpose.clone(),
            one.to.clone(),
            one.about
                .map(|address| address.to_string())
                .unwrap_or_default(),
        ]);
    }
    output::print_table(&table)?;
    if let Some(removed) = removed {
        output::say(&format!(
            "{} lines were erased, the last on {}: `lapwing erasures` says why",
            removed.removed,
            removed.time.to_seconds_string()
        ));
    } else if asked.is_empty() {
        output::say(
            "nothing went outward: geography is fetched and addresses are looked up only when asked for",
        );
    }
    Ok(Exit::Fine)
}
