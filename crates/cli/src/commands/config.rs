//! `lapwing config`: every setting, its value and where it comes from.

use serde_json::json;

use crate::args::Global;
use crate::config::is_secret;
use crate::context::load_config;
use crate::failure::Exit;
use crate::output;
use lapwing_daemon::{Directory, KeySource};

pub(crate) fn run(global: &Global) -> anyhow::Result<Exit> {
    let (root, config) = load_config(global)?;
    let key = key_words(&root, config.settings.key_file.as_deref());
    let shown = |name: &str, value: &toml::Value| match value {
        _ if is_secret(name) => "(hidden)".to_owned(),
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if global.json {
        output::raw(as_json(global)?.as_bytes())?;
        return Ok(Exit::Fine);
    }
    output::line(&format!("data directory  {}", root.display()))?;
    output::line(&format!("master key      {key}"))?;
    let retention = config.settings.retention.words();
    output::line(&format!("retention       {retention}"))?;
    output::line("")?;
    let mut table = output::table(&["setting", "value", "from"]);
    for (name, (value, origin)) in &config.origins {
        table.add_row([name.clone(), shown(name, value), origin.clone()]);
    }
    output::print_table(&table)?;
    Ok(Exit::Fine)
}

/// What `lapwing config --json` prints: every setting, and of secrets only that they are there.
pub(crate) fn as_json(global: &Global) -> anyhow::Result<String> {
    let (root, config) = load_config(global)?;
    let key = key_words(&root, config.settings.key_file.as_deref());
    let settings: Vec<_> = config
        .origins
        .iter()
        .map(|(name, (value, origin))| {
            let value = if is_secret(name) {
                json!("(hidden)")
            } else {
                json!(value)
            };
            json!({"key": name, "value": value, "origin": origin})
        })
        .collect();
    output::json_text(&json!({"data_dir": root, "master_key": key, "settings": settings}))
}

fn key_words(root: &std::path::Path, key_file: Option<&std::path::Path>) -> String {
    match Directory::open(root, key_file) {
        Ok(directory) => {
            let source = directory.key_source();
            let from = match source {
                KeySource::Credential(_) => "systemd credential",
                KeySource::File(_) => "setting key_file",
                KeySource::DataDirectory(_) => "data directory",
            };
            format!("{} ({from})", source.path().display())
        }
        Err(error) => format!("none: {error}"),
    }
}
