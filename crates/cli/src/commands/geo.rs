//! `lapwing geo`: geography sources with licences and dates, or what is known of an address; `update` and `restore`
//! of what the operator's sources give, and `check` of how far they agree.

mod check;
mod update;

use lapwing_core::{Clock as _, NetworkFacts, SystemClock, TorExit};
use lapwing_daemon::geography::kept::Kept;
use serde_json::json;

use crate::args::{Geo, GeoAction, Global};
use crate::context::{load_config, parse_since};
use crate::failure::Exit;
use crate::output;

pub(crate) fn run(global: &Global, args: &Geo) -> anyhow::Result<Exit> {
    let Geo { ip, at, action } = args;
    match action {
        Some(GeoAction::Update { sources, force }) => {
            return update::update(global, sources, *force);
        }
        Some(GeoAction::Restore { source }) => return update::restore(global, source),
        Some(GeoAction::Check(measure)) => return check::run(global, measure),
        None => {}
    }
    let (_, config) = load_config(global)?;
    let settings = &config.settings.geo;
    let geography = lapwing_daemon::geography::geography(settings)?;
    if let Some(address) = *ip {
        let at = at.as_deref().map(parse_since).transpose()?;
        let at = at.unwrap_or_else(|| SystemClock.now());
        let facts = geography.lookup_at(address, at);
        if global.json {
            output::json(&facts)?;
            return Ok(Exit::Fine);
        }
        output::line(&format!("address   {address}"))?;
        show(&facts)?;
        output::say("an address and its place describe a network endpoint, not a person");
        return Ok(Exit::Fine);
    }
    let waiting = settings.sources.iter();
    let waiting = waiting.filter(|source| !Kept::of(&settings.directory, source).exists());
    let waiting: Vec<&str> = waiting.map(|source| source.name.as_str()).collect();
    list(global, geography.sources())?;
    if !waiting.is_empty() {
        let waiting = waiting.join(", ");
        output::say(&format!(
            "not fetched yet: {waiting} (`lapwing geo update`)"
        ));
    }
    Ok(Exit::Fine)
}

fn list(global: &Global, sources: &[lapwing_attribute::Source]) -> anyhow::Result<()> {
    if global.json {
        let sources: Vec<_> = sources
            .iter()
            .map(|source| {
                json!({
                    "name": source.name, "file": source.file, "kind": source.kind,
                    "date": source.date, "licence": source.licence,
                    "attribution": source.attribution, "fields": source.fields,
                })
            })
            .collect();
        return output::json(&sources);
    }
    let mut table = output::table(&["source", "file", "date", "licence", "attribution"]);
    for source in sources {
        table.add_row([
            source.name.clone(),
            source
                .file
                .as_ref()
                .map_or("embedded".to_owned(), |file| file.display().to_string()),
            source.date.to_string(),
            source.licence.to_string(),
            source.attribution.to_string(),
        ]);
    }
    Ok(output::print_table(&table)?)
}

/// Prints what is known of an address.
pub(crate) fn show(facts: &NetworkFacts) -> std::io::Result<()> {
    output::line(&format!("place     {}", super::trips::place(facts)))?;
    for (name, value) in how_sure(facts) {
        output::line(&format!("{name:<9} {value}"))?;
    }
    output::line(&format!("network   {}", super::trips::network(facts)))?;
    if let Some(listed) = super::trips::listed(facts) {
        output::line(&format!("listed as {listed}"))?;
    }
    for source in &facts.sources {
        output::line(&format!("source    {source}"))?;
    }
    Ok(())
}

/// How sure a place is, in words: what a reader has to know beside it.
pub(crate) fn how_sure(facts: &NetworkFacts) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if let Some(radius) = facts.radius_km {
        lines.push(("radius", format!("{radius} km")));
    }
    if let Some(why) = &facts.unplaced_because {
        lines.push((
            "no place",
            format!("closer than the machine's country: {why}"),
        ));
    }
    if let Some(agreement) = &facts.agreement {
        let confidence = facts.confidence().word();
        lines.push((
            "country",
            format!("{} (confidence {confidence})", agreement.words()),
        ));
    }
    if let Some(TorExit { was, list }) = facts.tor_exit {
        let list = list.map_or_else(
            || "no list within a day of that time".to_owned(),
            |list| format!("list of {}", list.to_seconds_string()),
        );
        lines.push(("tor exit", format!("{} ({list})", was.word())));
    }
    lines
}
