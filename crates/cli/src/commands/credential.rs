//! `lapwing credential`: who may speak to the desk.
//!
//! A secret is 32 random bytes. It is printed once; the ledger has a keyed digest of it.

use data_encoding::BASE64URL_NOPAD;
use lapwing_core::{Clock as _, Credential, May, Site, SystemClock};
use lapwing_store::Ledger;
use serde_json::json;

use crate::args::{Credential as Args, Global};
use crate::context::Context;
use crate::failure::{Advice, Exit};
use crate::output;

pub(crate) fn run(global: &Global, args: &Args) -> anyhow::Result<Exit> {
    match args {
        Args::Add {
            name,
            may,
            host,
            kind,
        } => add(global, name, (*may).into(), host.as_deref(), kind),
        Args::List => list(global),
        Args::Revoke { name } => revoke(global, name),
    }
}

/// Makes a credential and gives its secret, which nobody can tell again.
pub(crate) fn make(
    ledger: &Ledger,
    name: &str,
    may: May,
    host: Option<&str>,
    kinds: &[String],
) -> anyhow::Result<String> {
    let plain = |text: &str| {
        if Site::is_name(text) {
            return Ok(());
        }
        Err(Advice::error(
            format!("{text:?} cannot be a name"),
            "use letters, digits, dots and dashes, at most 255 of them",
        ))
    };
    plain(name)?;
    host.map_or(Ok(()), plain)?;
    let secret = BASE64URL_NOPAD.encode(&rand::random::<[u8; 32]>());
    let credential = Credential {
        name: name.to_owned(),
        may,
        host: host.map(str::to_owned),
        kinds: kinds.to_vec(),
        made: SystemClock.now(),
        revoked: None,
    };
    ledger.credential_add(&secret, &credential)?;
    Ok(secret)
}

fn add(
    global: &Global,
    name: &str,
    may: May,
    host: Option<&str>,
    kinds: &[String],
) -> anyhow::Result<Exit> {
    let context = Context::open_or_create(global)?;
    if may != May::Mint && !kinds.is_empty() {
        return Err(Advice::error(
            format!("--kind: a credential that may {may} mints nothing"),
            "leave it out, or add --may mint",
        ));
    }
    if !kinds.is_empty() {
        let catalog = context.catalog()?;
        for kind in kinds {
            catalog.require(kind)?;
        }
    }
    let secret = make(&*context.ledger()?, name, may, host, kinds)?;
    if context.json {
        output::json(&json!({
            "name": name, "may": may, "host": host, "kinds": kinds, "secret": secret}))?;
        return Ok(Exit::Fine);
    }
    output::line(&secret)?;
    output::say(&format!(
        "this is the only time it is shown; it may {may}, and `lapwing credential revoke {name}` ends that"
    ));
    if context.settings().desk.listen.is_empty() {
        output::say("there is no desk yet: set desk.listen to an address such as 127.0.0.1:8090");
    }
    Ok(Exit::Fine)
}

fn list(global: &Global) -> anyhow::Result<Exit> {
    let context = Context::open(global)?;
    let credentials = context.ledger()?.credentials()?;
    if context.json {
        let rows: Vec<_> = credentials
            .iter()
            .map(|it| {
                json!({"name": it.name, "may": it.may, "host": it.host, "kinds": it.kinds,
                       "made": it.made.to_string(),
                       "revoked": it.revoked.map(|at| at.to_string())})
            })
            .collect();
        output::json(&rows)?;
        return Ok(Exit::Fine);
    }
    let mut table = output::table(&["name", "may", "for", "made", "state"]);
    for credential in credentials {
        let state = match credential.revoked {
            Some(at) => format!("revoked {}", at.to_seconds_string()),
            None => "in use".to_owned(),
        };
        table.add_row([
            credential.name,
            credential.may.to_string(),
            credential
                .host
                .unwrap_or_else(|| credential.kinds.join(", ")),
            credential.made.to_seconds_string(),
            state,
        ]);
    }
    output::print_table(&table)?;
    Ok(Exit::Fine)
}

fn revoke(global: &Global, name: &str) -> anyhow::Result<Exit> {
    let context = Context::open(global)?;
    if !context
        .ledger()?
        .credential_revoke(name, SystemClock.now())?
    {
        return Err(Advice::error(
            format!("no credential named {name:?} is in use"),
            "`lapwing credential list` lists them",
        ));
    }
    if context.json {
        output::json(&json!({"name": name, "revoked": true}))?;
    } else {
        output::line(&format!("{name} is revoked"))?;
    }
    Ok(Exit::Fine)
}
