//! `lapwing backup` and `restore`: ledger, journal, settings, own kinds, certificates and key in one tar file.
//!
//! The index is not in it: `restore` builds it again. The backup may be taken while the station
//! runs: the ledger is copied consistently, and the journal is append-only (a record cut at the end
//! of the copy is one whose answer was not out yet when the copy began).

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Component, Path, PathBuf};

use anyhow::Context as _;
use lapwing_daemon::KeySource;
use lapwing_daemon::erasing::Still;
use lapwing_daemon::geography::kept::{self, Kept};
use lapwing_daemon::outward::snapshots;
use lapwing_daemon::settings::GeoKind;
use serde_json::json;

use crate::args::{Backup, Global, Restore};
use crate::context::{Context, data_dir};
use crate::failure::{Advice, Exit};
use crate::output;

/// What a backup holds, below the data directory.
const FILES: [&str; 5] = [
    "station.json",
    "lapwing.toml",
    "key",
    "generation",
    "outward.jsonl",
];
/// Files of the journal that are of no use elsewhere.
const NOT_SAVED: [&str; 2] = ["lock", "scratch"];
const DIRECTORIES: [&str; 2] = ["journal", "canaries"];
/// Certificates and their keys, and what was looked up about addresses, where there are some.
const OPTIONAL: [&str; 2] = ["tls", snapshots::DIRECTORY];

pub(crate) fn backup(global: &Global, args: &Backup) -> anyhow::Result<Exit> {
    let context = Context::open(global)?;
    let root = context.directory.root();
    let out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&args.file)
        .with_context(|| {
            format!(
                "cannot write {} (it must not exist yet)",
                args.file.display()
            )
        })?;
    let mut tar = tar::Builder::new(out);
    tar.mode(tar::HeaderMode::Deterministic);
    // Journal first: whatever the ledger has decided about it is then in the ledger's copy too. Nothing is erased
    // meanwhile: the copy would have the gap and not the record of it.
    let still = Still::hold(root)?;
    for name in DIRECTORIES {
        add_directory(&mut tar, root, Path::new(name))?;
    }
    drop(still);
    for name in OPTIONAL {
        if root.join(name).exists() {
            add_directory(&mut tar, root, Path::new(name))?;
        }
    }
    // Of what was fetched only what nobody publishes any more: who was an exit when.
    for source in &context.settings().geo.sources {
        let kept = Kept::of(Path::new(kept::DIRECTORY), source).path;
        if source.kind == GeoKind::TorExits && root.join(&kept).exists() {
            add_file(&mut tar, &root.join(&kept), &kept)?;
        }
    }
    let copy = Scratch(root.join(format!("ledger.backup-{}", std::process::id())));
    context.ledger()?.backup(&copy.0)?;
    tar.append_path_with_name(&copy.0, "ledger.db")?;
    drop(copy);
    for name in FILES {
        let path = root.join(name);
        if path.exists() {
            tar.append_path_with_name(&path, name)?;
        }
    }
    tar.into_inner()?.sync_all()?;
    let key = context.directory.key_source();
    let with_key = matches!(key, KeySource::DataDirectory(_));
    if context.json {
        output::json(&json!({"file": args.file, "holds_key": with_key}))?;
        return Ok(Exit::Fine);
    }
    output::line(&format!("saved {}", args.file.display()))?;
    if with_key {
        output::say("it holds the master key: keep it where no intruder comes");
    } else {
        let path = key.path().display();
        output::say(&format!(
            "it does not hold the master key: save {path} elsewhere"
        ));
    }
    Ok(Exit::Fine)
}

/// Removed again whatever happens.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn add_directory(tar: &mut tar::Builder<File>, root: &Path, below: &Path) -> anyhow::Result<()> {
    let mut entries: Vec<_> = fs::read_dir(root.join(below))?.collect::<io::Result<_>>()?;
    // Segments last: what says how far they go (`durable`, `checkpoints`) is then never ahead.
    entries.sort_by_key(|entry| {
        let name = entry.file_name();
        (
            name.to_string_lossy()
                .starts_with(|c: char| c.is_ascii_digit()),
            name,
        )
    });
    for entry in entries {
        let name = below.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            add_directory(tar, root, &name)?;
        } else if kind.is_file() && is_saved(&entry.file_name()) {
            add_file(tar, &root.join(&name), &name)?;
        }
    }
    Ok(())
}

/// Whether a file is of use elsewhere. What a process that died left half copied is not.
fn is_saved(name: &OsStr) -> bool {
    let half = Path::new(name)
        .extension()
        .is_some_and(|extension| extension == "new");
    !half && !NOT_SAVED.iter().any(|other| name == *other)
}

/// A file that may grow meanwhile: as long as it was when it was opened.
fn add_file(tar: &mut tar::Builder<File>, path: &Path, name: &Path) -> anyhow::Result<()> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let mut header = tar::Header::new_gnu();
    header.set_metadata_in_mode(&metadata, tar::HeaderMode::Deterministic);
    header.set_mode(0o600);
    header.set_size(metadata.len());
    tar.append_data(&mut header, name, file.take(metadata.len()))?;
    Ok(())
}

pub(crate) fn restore(global: &Global, args: &Restore) -> anyhow::Result<Exit> {
    let root = data_dir(global)?;
    if root.join("station.json").exists() {
        return Err(Advice::error(
            format!("{} is already a data directory", root.display()),
            "restore into an empty one: --data-dir DIR",
        ));
    }
    let file = File::open(&args.file)
        .with_context(|| format!("cannot read the backup {}", args.file.display()))?;
    let mut archive = tar::Archive::new(file);
    for directory in DIRECTORIES {
        fs::create_dir_all(root.join(directory))?;
    }
    // The station's name last: only a complete restore is a data directory.
    let mut station = None;
    for entry in archive.entries()? {
        let mut entry = entry.context("not a backup of lapwing's")?;
        let name = entry.path()?.into_owned();
        let plain = name
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        if !plain || !entry.header().entry_type().is_file() {
            return Err(Advice::error(
                format!(
                    "the backup holds an entry that no backup has: {}",
                    name.display()
                ),
                "nothing more was restored; use another backup",
            ));
        }
        let path = root.join(&name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        if name == Path::new("station.json") {
            station = Some(lapwing_core::bounded::read(&mut entry, 4096)?);
            continue;
        }
        let mut out = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        io::copy(&mut entry, &mut out)?;
        out.sync_all()?;
    }
    let station = station.context("the backup is incomplete: it has no station.json")?;
    lapwing_daemon::directory::write_private(&root.join("station.json"), &station)?;
    output::say(&format!("restored into {}", root.display()));
    super::reindex::run(global)
}
