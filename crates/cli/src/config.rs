//! Settings in layers: defaults, `lapwing.toml`, `LAPWING_*`, flags; the later wins, and each value
//! remembers where it came from.
//!
//! `LAPWING_LISTEN__HTTP=127.0.0.1:8080,[::1]:8080` sets `listen.http`: two underscores between
//! levels, commas between list items.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use lapwing_core::bounded;
use lapwing_daemon::Settings;
use serde::Deserialize as _;
use toml::{Table, Value};

use crate::failure::Advice;

/// Variables that are not settings.
const NOT_SETTINGS: [&str; 3] = ["LAPWING_DATA_DIR", "LAPWING_CONFIG", "LAPWING_LOG"];

/// Settings with where each came from.
#[derive(Debug)]
pub(crate) struct Config {
    /// The values.
    pub(crate) settings: Settings,
    /// Every leaf that was ever set: its value as text and where it came from.
    pub(crate) origins: BTreeMap<String, (Value, String)>,
}

/// Reads all layers; `variables` is the environment. `file` may be missing unless it was asked for by
/// name.
pub(crate) fn load(
    file: &Path,
    asked_for: bool,
    variables: impl Iterator<Item = (String, String)>,
    flags: &[String],
) -> anyhow::Result<Config> {
    let defaults = Table::try_from(Settings::default()).context("default settings")?;
    let mut layers = Layers {
        merged: defaults.clone(),
        origins: BTreeMap::new(),
        defaults,
    };
    layers.remember(&[], &layers.merged.clone(), "default");
    let unset = (Value::String("(none)".to_owned()), "default".to_owned());
    layers.origins.insert("key_file".to_owned(), unset);
    if asked_for || file.exists() {
        layers.add_file(file)?;
    }
    for (name, text) in variables {
        if name.starts_with("LAPWING_") && !NOT_SETTINGS.contains(&name.as_str()) {
            let key = name["LAPWING_".len()..].to_lowercase().replace("__", ".");
            layers.set(&key, &text, &format!("environment variable {name}"))?;
        }
    }
    for flag in flags {
        let (key, text) = flag.split_once('=').ok_or_else(|| {
            Advice::error(
                format!("--setting {flag}: no value"),
                "write --setting KEY=VALUE",
            )
        })?;
        layers.set(key, text, &format!("flag --setting {key}"))?;
    }
    let settings = Settings::deserialize(Value::Table(layers.merged))
        .map_err(|error| Advice::error(format!("settings: {}", error.message()), HINT))?;
    Ok(Config {
        settings,
        origins: layers.origins,
    })
}

const HINT: &str = "`lapwing config` lists every setting; LAPWING_A__B=... sets a.b";

/// Where a settings file is expected.
pub(crate) fn default_file(data_dir: &Path) -> PathBuf {
    data_dir.join("lapwing.toml")
}

struct Layers {
    merged: Table,
    origins: BTreeMap<String, (Value, String)>,
    defaults: Table,
}

impl Layers {
    fn add_file(&mut self, file: &Path) -> anyhow::Result<()> {
        let text = bounded::read_text(file, 1 << 20)
            .with_context(|| format!("cannot read the settings file {}", file.display()))?;
        // Read on its own first: only so do errors name line and column.
        toml::from_str::<Settings>(&text).map_err(|error| {
            let line = error
                .span()
                .map_or(1, |span| text[..span.start].matches('\n').count() + 1);
            Advice::error(
                format!("{}\n  --> {}:{line}", error.message(), file.display()),
                "`lapwing config` lists every setting",
            )
        })?;
        let table: Table = text.parse().context("settings file")?;
        self.remember(&[], &table, &file.display().to_string());
        merge(&mut self.merged, table);
        Ok(())
    }

    fn set(&mut self, key: &str, text: &str, origin: &str) -> anyhow::Result<()> {
        let path: Vec<&str> = key.split('.').collect();
        if !self.is_setting(&path) {
            return Err(Advice::error(
                format!("{origin}: there is no setting {key}"),
                HINT,
            ));
        }
        let value = parse(lookup(&self.merged, &path), text);
        let (leaf, parents) = path.split_last().context("empty key")?;
        let mut table = &mut self.merged;
        for part in parents {
            let next = table
                .entry(*part)
                .or_insert_with(|| Value::Table(Table::new()));
            table = next.as_table_mut().ok_or_else(|| {
                Advice::error(format!("{origin}: {part} is not a group of settings"), HINT)
            })?;
        }
        table.insert((*leaf).to_owned(), value.clone());
        self.origins
            .insert(key.to_owned(), (value, origin.to_owned()));
        Ok(())
    }

    fn is_setting(&self, path: &[&str]) -> bool {
        path.starts_with(&["alert", "channels"]) && path.len() > 3
            || path == ["key_file"]
            || lookup(&self.defaults, path).is_some_and(|value| !value.is_table())
    }

    fn remember(&mut self, prefix: &[&str], table: &Table, origin: &str) {
        for (key, value) in table {
            let path: Vec<&str> = prefix.iter().copied().chain([key.as_str()]).collect();
            match value {
                Value::Table(inner) => self.remember(&path, inner, origin),
                leaf => {
                    self.origins
                        .insert(path.join("."), (leaf.clone(), origin.to_owned()));
                }
            }
        }
    }
}

fn lookup<'a>(table: &'a Table, path: &[&str]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    let value = table.get(*first)?;
    if rest.is_empty() {
        Some(value)
    } else {
        lookup(value.as_table()?, rest)
    }
}

fn merge(into: &mut Table, from: Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Table(old)), Value::Table(new)) => merge(old, new),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

/// Text from outside as the sort of value that stands there now.
fn parse(now: Option<&Value>, text: &str) -> Value {
    let word = |text: &str| Value::String(text.to_owned());
    let literal = |text: &str| {
        format!("v = {text}")
            .parse::<Table>()
            .ok()
            .and_then(|mut table| table.remove("v"))
    };
    match now {
        Some(Value::String(_)) => word(text),
        Some(Value::Array(_)) => match literal(text) {
            Some(array @ Value::Array(_)) => array,
            _ => Value::Array(
                text.split(',')
                    .map(str::trim)
                    .filter(|item| !item.is_empty())
                    .map(word)
                    .collect(),
            ),
        },
        _ => literal(text).unwrap_or_else(|| word(text)),
    }
}

/// Whether a setting's value must not be shown.
pub(crate) fn is_secret(key: &str) -> bool {
    let leaf = key.rsplit('.').next().unwrap_or(key);
    key.starts_with("alert.channels.")
        && (["password", "secret", "token"]
            .iter()
            .any(|word| leaf.contains(word))
            && !leaf.ends_with("_file")
            || key.contains(".headers."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_text(text: &str, flags: &[&str]) -> anyhow::Result<Config> {
        let directory = tempfile::tempdir()?;
        let file = directory.path().join("lapwing.toml");
        std::fs::write(&file, text)?;
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        load(&file, true, std::iter::empty(), &flags)
    }

    #[test]
    fn later_layers_win_and_are_remembered() {
        let config = load_text(
            "operator = \"Us\"\n[quota]\ntrips = 7\n",
            &["quota.trips=9", "listen.http=127.0.0.1:1,[::1]:2"],
        )
        .expect("loads");
        assert_eq!(config.settings.quota.trips, 9);
        assert_eq!(config.settings.listen.http.len(), 2);
        assert_eq!(
            config.origins["quota.trips"].1,
            "flag --setting quota.trips"
        );
        assert!(config.origins["operator"].1.ends_with("lapwing.toml"));
        assert_eq!(config.origins["quota.seconds"].1, "default");
    }

    #[test]
    fn mistakes_are_named() {
        let error = load_text("[quota]\ntrip = 7\n", &[])
            .expect_err("unknown key")
            .to_string();
        assert!(
            error.contains("trip") && error.contains("lapwing.toml:2"),
            "{error}"
        );
        let error = load_text("", &["quota.trip=7"])
            .expect_err("unknown flag")
            .to_string();
        assert!(error.contains("no setting quota.trip"), "{error}");
    }

    #[test]
    fn channel_secrets_are_secret() {
        assert!(is_secret("alert.channels.mail.password"));
        assert!(is_secret("alert.channels.hook.headers.Authorization"));
        assert!(!is_secret("alert.channels.mail.password_file"));
        assert!(!is_secret("alert.channels.mail.host"));
    }
}
