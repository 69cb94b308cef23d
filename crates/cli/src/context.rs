//! What commands work on: data directory, settings, catalogue, ledger, index.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lapwing_catalog::Catalog;
use lapwing_core::{CanaryId, Clock as _, SystemClock, Timestamp};
use lapwing_daemon::{Directory, Settings};
use lapwing_store::{Index, Ledger};

use crate::args::Global;
use crate::config::{self, Config};
use crate::failure::Advice;

/// An opened installation.
pub(crate) struct Context {
    pub(crate) directory: Directory,
    pub(crate) config: Config,
    pub(crate) json: bool,
}

/// Where the data directory is, before it is opened.
pub(crate) fn data_dir(global: &Global) -> anyhow::Result<PathBuf> {
    if let Some(path) = &global.data_dir {
        return Ok(std::path::absolute(path)?);
    }
    let from = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(path) = from("STATE_DIRECTORY") {
        return Ok(path.into());
    }
    if let Some(path) = from("XDG_STATE_HOME") {
        return Ok(PathBuf::from(path).join("lapwing"));
    }
    let home = from("HOME").ok_or_else(|| {
        Advice::error(
            "no data directory: HOME is not set",
            "name one with --data-dir DIR",
        )
    })?;
    Ok(PathBuf::from(home).join(".local/state/lapwing"))
}

/// Settings as file, environment and flags give them.
pub(crate) fn load_config(global: &Global) -> anyhow::Result<(PathBuf, Config)> {
    let Global {
        data_dir: _,
        config,
        setting,
        geo_db,
        json: _,
        no_color: _,
    } = global;
    let root = data_dir(global)?;
    let file = config
        .clone()
        .unwrap_or_else(|| config::default_file(&root));
    let mut config = config::load(&file, config.is_some(), variables(), setting)?;
    if !geo_db.is_empty() {
        config.settings.geo.files = geo_db.clone();
        let shown = geo_db
            .iter()
            .map(|file| file.display().to_string().into())
            .collect();
        let origin = "flag --geo-db".to_owned();
        config
            .origins
            .insert("geo.files".to_owned(), (toml::Value::Array(shown), origin));
    }
    let geo = &mut config.settings.geo;
    geo.directory = root.join(lapwing_daemon::geography::kept::DIRECTORY);
    for (name, key, setting) in [
        (LISTS, "geo.lists", &mut geo.lists),
        (CRAWLERS, "geo.crawlers", &mut geo.crawlers),
    ] {
        let file = root.join(name);
        if setting.as_os_str().is_empty() && file.exists() {
            let shown = file.display().to_string().into();
            let origin = "data directory".to_owned();
            config.origins.insert(key.to_owned(), (shown, origin));
            *setting = file;
        }
    }
    Ok((root, config))
}

/// Lists of networks that the operator built, in the data directory.
pub(crate) const LISTS: &str = "lists.bin";
/// Names of crawlers, the same.
pub(crate) const CRAWLERS: &str = "crawlers.tsv";

/// The environment, as far as it is text.
fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// How long a command waits for the index to have what is on disk, in all and while nothing is added.
const CATCH_UP: Duration = Duration::from_secs(5);
const STANDSTILL: Duration = Duration::from_secs(1);

impl Context {
    /// Opens what `init` or `listen` set up.
    pub(crate) fn open(global: &Global) -> anyhow::Result<Self> {
        let (root, config) = load_config(global)?;
        let directory = Directory::open(&root, config.settings.key_file.as_deref())?;
        Ok(Self {
            directory,
            config,
            json: global.json,
        })
    }

    /// Opens it, or sets it up.
    pub(crate) fn open_or_create(global: &Global) -> anyhow::Result<Self> {
        let (root, config) = load_config(global)?;
        let directory = Directory::open_or_create(&root, config.settings.key_file.as_deref())?;
        Ok(Self {
            directory,
            config,
            json: global.json,
        })
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.config.settings
    }

    pub(crate) fn catalog(&self) -> anyhow::Result<Catalog> {
        Ok(Catalog::load(Some(&self.directory.canaries()))?)
    }

    pub(crate) fn ledger(&self) -> anyhow::Result<Arc<Ledger>> {
        Ok(self.directory.ledger()?)
    }

    /// The index, once a running station has taken into it what is on disk now: what an intruder has
    /// been answered is shown.
    pub(crate) fn index(&self) -> anyhow::Result<Index> {
        let index = Index::open(self.directory.root())?;
        let journal = self.directory.journal();
        let Some(records) = lapwing_journal::durable_records(&journal) else {
            return Ok(index);
        };
        let begun = Instant::now();
        let (mut before, mut moved) = (None, begun);
        while begun.elapsed() < CATCH_UP {
            let position = index.position(self.directory.station())?;
            let indexed = position.map_or(0, |followed| followed.sequence + 1);
            if before != Some(indexed) {
                (before, moved) = (Some(indexed), Instant::now());
            }
            // After a crash nobody indexes until the next start.
            if indexed >= records || moved.elapsed() >= STANDSTILL {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(index)
    }
}

/// A canary by its id or the beginning of it.
pub(crate) fn resolve(ledger: &Ledger, text: &str) -> anyhow::Result<CanaryId> {
    ledger.resolve(text).map_err(|error| {
        Advice::error(
            error.to_string(),
            "`lapwing canaries` and `lapwing places` list them",
        )
    })
}

/// `2026-11-23`, RFC 3339, or so long ago: `90m`, `36h`, `7d`.
pub(crate) fn parse_since(text: &str) -> anyhow::Result<Timestamp> {
    parse_time(text, -1, "so long ago")
}

/// `2026-11-23`, RFC 3339, or from now on: `90m`, `36h`, `7d`.
pub(crate) fn parse_until(text: &str) -> anyhow::Result<Timestamp> {
    parse_time(text, 1, "so long from now")
}

fn parse_time(text: &str, sign: i64, relative: &str) -> anyhow::Result<Timestamp> {
    let away = || {
        let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => return None,
        };
        let number: i64 = number.parse().ok().filter(|number| *number >= 0)?;
        Some(
            SystemClock
                .now()
                .plus_seconds(number.checked_mul(sign * seconds)?),
        )
    };
    away().or_else(|| Timestamp::parse(text)).ok_or_else(|| {
        Advice::error(
            format!("not a time: {text:?}"),
            format!("write 2026-11-23, 2026-11-23T10:00:00Z, or {relative}: 90m, 36h, 7d"),
        )
    })
}

/// `KEY=VALUE` arguments as a map.
pub(crate) fn pairs(
    what: &str,
    arguments: &[String],
) -> anyhow::Result<std::collections::BTreeMap<String, String>> {
    arguments
        .iter()
        .map(|argument| {
            let (key, value) = argument.split_once('=').ok_or_else(|| {
                Advice::error(
                    format!("--{what} {argument}: no value"),
                    format!("write --{what} KEY=VALUE"),
                )
            })?;
            Ok((key.to_owned(), value.to_owned()))
        })
        .collect()
}
