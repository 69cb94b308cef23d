//! `lapwing protocols`: what the station can listen for.

use lapwing_catalog::Catalog;
use lapwing_listen::{PROTOCOLS, Protocol};
use serde_json::{Value, json};

use crate::args::Global;
use crate::context::data_dir;
use crate::failure::Exit;
use crate::output;

pub(crate) fn run(global: &Global) -> anyhow::Result<Exit> {
    let catalog = Catalog::load(Some(&data_dir(global)?.join("canaries")))?;
    if global.json {
        let as_json = |protocol: &Protocol| -> Value {
            json!({
                "name": protocol.name, "summary": protocol.summary, "port": protocol.port,
                "kinds": kinds(&catalog, protocol),
            })
        };
        output::json(&PROTOCOLS.iter().map(as_json).collect::<Vec<_>>())?;
        return Ok(Exit::Fine);
    }
    let mut table = output::table(&["protocol", "port", "what it is", "kinds that log in"]);
    for protocol in PROTOCOLS {
        table.add_row([
            protocol.name,
            &protocol.port.to_string(),
            protocol.summary,
            &kinds(&catalog, protocol).join(", "),
        ]);
    }
    output::print_table(&table)?;
    output::say("\nlapwing listen --on PROTOCOL=ADDRESS, or listen.protocols in lapwing.toml");
    Ok(Exit::Fine)
}

/// The kinds whose login is one there.
fn kinds<'a>(catalog: &'a Catalog, protocol: &Protocol) -> Vec<&'a str> {
    let logs_in = |name: &String| name == protocol.name;
    (catalog.kinds())
        .filter(|kind| (kind.login.iter()).any(|login| login.protocols.iter().any(logs_in)))
        .map(|kind| kind.id.as_str())
        .collect()
}
