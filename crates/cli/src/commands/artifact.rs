//! `lapwing mint` of kinds that are files: writes new ones, or puts the beacon into a document of the
//! operator's own. No file is ever replaced. A canary is in the ledger before its file is written.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use lapwing_catalog::Kind;
use lapwing_core::{Canary, Clock as _, SystemClock, bounded};
use lapwing_daemon::mint::{Minter, handles};
use lapwing_store::Ledger;
use serde_json::json;

use crate::args::FileOptions;
use crate::failure::{Advice, Exit};
use crate::output;

/// Largest document of the operator's, in bytes.
const LARGEST: u64 = 256 << 20;
/// Most files written by one command.
const MOST: u64 = 100_000;

/// Whether this is for files: the kind is one, or the operator asked for one.
pub(crate) fn is_asked(kind: &Kind, options: &FileOptions) -> bool {
    kind.artifact().is_some() || options.output.is_some() || options.into.is_some()
}

/// Mints `count` of them.
pub(crate) fn mint(
    mint: &Minter<'_>,
    kind: &Kind,
    ledger: &Ledger,
    count: u64,
    options: &FileOptions,
    as_json: bool,
) -> anyhow::Result<Exit> {
    let FileOptions { output, into } = options;
    if kind.artifact().is_none() {
        return Err(Advice::error(
            format!("{} is no file, so there is nothing to write", kind.id),
            "`lapwing kinds` lists the documents; leave --output and --into away for other kinds",
        ));
    }
    if count > MOST {
        return Err(Advice::error(
            format!("{count} files are too many for one command"),
            format!("write {MOST} at most"),
        ));
    }
    let directory = output.as_deref().is_some_and(Path::is_dir);
    if count > 1 && (into.is_some() || output.is_some() && !directory) {
        return Err(Advice::error(
            format!("{count} files want a directory"),
            "name one that exists with --output DIR, or leave --output away; --into takes one",
        ));
    }
    for _ in 0..count {
        let (canary, file) = match into {
            Some(document) => insert(mint, kind, ledger, document, output.as_deref())?,
            None => write(mint, kind, ledger, output.as_deref())?,
        };
        tell(kind, &canary, &file, as_json)?;
    }
    Ok(Exit::Fine)
}

/// Writes a new file.
fn write(
    mint: &Minter<'_>,
    kind: &Kind,
    ledger: &Ledger,
    output: Option<&Path>,
) -> anyhow::Result<(Canary, PathBuf)> {
    let canary = mint.one()?;
    let written = kind
        .write(&mut rand::rng(), &canary.fields, SystemClock.now())
        .context("this kind is no file")?;
    ledger.add(&canary, &handles(kind, &canary))?;
    let time = SystemTime::UNIX_EPOCH
        + Duration::from_secs(u64::try_from(written.modified.seconds()).unwrap_or_default());
    let (path, exact) = match output {
        Some(path) if path.is_dir() => (path.join(&written.file), false),
        Some(path) => (path.to_owned(), true),
        None => (PathBuf::from(&written.file), false),
    };
    let (mut file, path) = if exact {
        (create(&path)?, path)
    } else {
        create_beside(&path)?
    };
    fill(&mut file, &path, &written.bytes, time)?;
    Ok((canary, path))
}

/// Puts the beacon into a document; the document itself stays as it is.
fn insert(
    mint: &Minter<'_>,
    kind: &Kind,
    ledger: &Ledger,
    document: &Path,
    output: Option<&Path>,
) -> anyhow::Result<(Canary, PathBuf)> {
    let bytes = bounded::read_file(document, LARGEST)
        .with_context(|| format!("cannot read {}", document.display()))?;
    let time = document.metadata()?.modified()?;
    let canary = mint.one()?;
    let inserted = kind
        .insert(&mut rand::rng(), &canary.fields, &bytes)
        .map_err(|error| {
            Advice::error(
                format!("{}: {error}", document.display()),
                "open it in its program, save it as a plain docx, xlsx, pptx or pdf, and try again",
            )
        })?;
    ledger.add(&canary, &handles(kind, &canary))?;
    let (mut file, path) = match output {
        Some(path) if path.is_dir() => {
            create_beside(&path.join(document.file_name().unwrap_or_default()))?
        }
        Some(path) => (create(path)?, path.to_owned()),
        None => create_beside(document)?,
    };
    fill(&mut file, &path, &inserted.bytes, time)?;
    output::say(&format!("changed: {}", inserted.changed.join(", ")));
    Ok((canary, path))
}

/// A new file of exactly this name.
fn create(path: &Path) -> anyhow::Result<File> {
    let created = OpenOptions::new().write(true).create_new(true).open(path);
    created.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Advice::error(
            format!("{} is there already", path.display()),
            "nothing is ever replaced: name another file with --output",
        ),
        _ => anyhow::Error::new(error).context(format!("cannot write {}", path.display())),
    })
}

/// A new file of this name, or with a number behind it as file managers do.
fn create_beside(path: &Path) -> anyhow::Result<(File, PathBuf)> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let extension = path
        .extension()
        .map(|extension| format!(".{}", extension.to_string_lossy()))
        .unwrap_or_default();
    let mut wanted = path.to_owned();
    for number in 2..10_000 {
        let created = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&wanted);
        match created {
            Ok(file) => return Ok((file, wanted)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                wanted = path.with_file_name(format!("{stem} ({number}){extension}"));
            }
            Err(error) => {
                return Err(
                    anyhow::Error::new(error).context(format!("cannot write {}", wanted.display()))
                );
            }
        }
    }
    anyhow::bail!("too many files are called {}", path.display())
}

fn fill(file: &mut File, path: &Path, bytes: &[u8], time: SystemTime) -> anyhow::Result<()> {
    file.write_all(bytes)
        .and_then(|()| file.set_modified(time))
        .and_then(|()| file.sync_all())
        .with_context(|| format!("cannot write {}", path.display()))
}

/// The file's path on standard output; who carries it on standard error.
fn tell(kind: &Kind, canary: &Canary, file: &Path, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        let line = json!({
            "id": canary.id, "kind": canary.kind, "memo": canary.memo,
            "labels": canary.labels, "minted": canary.minted.to_string(),
            "fields": kind.shown(&canary.fields), "file": file,
        });
        output::line(&output::printable(&line.to_string()))?;
    } else {
        output::line(&file.display().to_string())?;
        output::say(&format!("{} {}", kind.id, canary.id));
    }
    Ok(())
}
