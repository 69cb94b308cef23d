//! `lapwing init`: the data directory and the address that bait carries.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use inquire::Text;
use lapwing_catalog::Address;
use lapwing_core::bounded;
use lapwing_daemon::KeySource;
use serde_json::json;
use toml_edit::{Array, DocumentMut, value};

use crate::args::{Global, Init};
use crate::context::Context;
use crate::failure::{Advice, Exit};
use crate::output;

pub(crate) fn run(global: &Global, args: &Init) -> anyhow::Result<Exit> {
    let context = Context::open_or_create(global)?;
    let Init {
        address,
        mail_domain,
        operator,
    } = ask_for_missing(&context, args)?;
    let mut addresses = context.settings().addresses.clone();
    for text in address {
        let address = Address::parse(&text).map_err(|error| {
            Advice::error(error.to_string(), "write https://host or https://*.zone")
        })?;
        if !addresses.contains(&address.to_string()) {
            addresses.push(address.to_string());
        }
    }
    let file = global
        .config
        .clone()
        .unwrap_or_else(|| context.directory.settings_file());
    write_settings(
        &file,
        &addresses,
        mail_domain.as_deref(),
        operator.as_deref(),
    )?;
    let root = context.directory.root().display();
    let key = context.directory.key_source();
    if context.json {
        output::json(&json!({
            "data_dir": context.directory.root(),
            "station": context.directory.station(),
            "settings": file,
            "key": key.path(),
            "addresses": addresses,
        }))?;
        return Ok(Exit::Fine);
    }
    let done = if context.directory.fresh() {
        "set up"
    } else {
        "already set up"
    };
    output::line(&format!("data directory  {root} ({done})"))?;
    output::line(&format!("station         {}", context.directory.station()))?;
    output::line(&format!("settings        {}", file.display()))?;
    output::line(&format!("master key      {}", key.path().display()))?;
    output::line(&format!("addresses       {}", addresses.join(", ")))?;
    if matches!(key, KeySource::DataDirectory(_)) {
        output::say(
            "note: the key lies in the data directory, so a thief of the directory has it too; \
             see docs/OPERATING.md for a systemd credential",
        );
    }
    output::say("next: lapwing kinds, then lapwing plant KIND TARGET, then lapwing listen");
    Ok(Exit::Fine)
}

fn ask_for_missing(context: &Context, args: &Init) -> anyhow::Result<Init> {
    let Init {
        address,
        mail_domain,
        operator,
    } = args;
    let mut answers = Init {
        address: address.clone(),
        mail_domain: mail_domain.clone(),
        operator: operator.clone(),
    };
    if !answers.address.is_empty() || !context.settings().addresses.is_empty() {
        return Ok(answers);
    }
    if !output::can_ask() {
        return Err(Advice::error(
            "no public address for bait to carry",
            "lapwing init --address 'https://*.your-domain' (or --address https://host)",
        ));
    }
    let address = Text::new("Public address that bait will carry:")
        .with_help_message("https://*.your-domain gives each kind a host of its own")
        .prompt()?;
    answers.address.push(address);
    if answers.mail_domain.is_none() {
        let domain = Text::new("Domain of yours for e-mail addresses in decoy records:")
            .with_help_message("may be left empty")
            .prompt()?;
        answers.mail_domain = Some(domain).filter(|domain| !domain.is_empty());
    }
    Ok(answers)
}

const HEAD: &str = "# Settings of this station. `lapwing config` shows every one with its value.\n";

/// Changes only what is given; comments and order stay.
fn write_settings(
    file: &Path,
    addresses: &[String],
    mail_domain: Option<&str>,
    operator: Option<&str>,
) -> anyhow::Result<()> {
    let old = if file.exists() {
        bounded::read_text(file, 1 << 20)?
    } else {
        String::new()
    };
    let mut document: DocumentMut = old
        .parse()
        .with_context(|| format!("cannot read {}", file.display()))?;
    document["addresses"] = value(addresses.iter().collect::<Array>());
    for (key, text) in [("mail_domain", mail_domain), ("operator", operator)] {
        if let Some(text) = text {
            document[key] = value(text);
        }
    }
    let temporary = file.with_extension("toml.new");
    let write = || -> std::io::Result<()> {
        let mut options = fs::OpenOptions::new();
        let mut new = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        let head = if old.is_empty() { HEAD } else { "" };
        new.write_all(format!("{head}{document}").as_bytes())?;
        new.sync_all()?;
        fs::rename(&temporary, file)
    };
    write().with_context(|| format!("cannot write {}", file.display()))
}
