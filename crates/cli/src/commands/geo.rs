//! `lapwing geo`: geography sources with licences and dates, or what is known of an address.

use serde_json::json;

use crate::args::{Geo, Global};
use crate::context::load_config;
use crate::failure::Exit;
use crate::output;

pub(crate) fn run(global: &Global, args: &Geo) -> anyhow::Result<Exit> {
    let (_, config) = load_config(global)?;
    let geography = lapwing_daemon::geography::geography(&config.settings.geo)?;
    if let Some(address) = args.ip {
        let facts = geography.lookup(address);
        if global.json {
            output::json(&facts)?;
            return Ok(Exit::Fine);
        }
        output::line(&format!("address   {address}"))?;
        output::line(&format!("place     {}", super::trips::place(&facts)))?;
        output::line(&format!("network   {}", super::trips::network(&facts)))?;
        if let Some(listed) = super::trips::listed(&facts) {
            output::line(&format!("listed as {listed}"))?;
        }
        if let Some(radius) = facts.radius_km {
            output::line(&format!("radius    {radius} km"))?;
        }
        for source in &facts.sources {
            output::line(&format!("source    {source}"))?;
        }
        output::say("an address and its place describe a network endpoint, not a person");
        return Ok(Exit::Fine);
    }
    let sources = geography.sources();
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
        output::json(&sources)?;
        return Ok(Exit::Fine);
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
    output::print_table(&table)?;
    Ok(Exit::Fine)
}
