//! `lapwing geo update`, one source: fetched or copied beside the file in use, unpacked, judged, and put in its place
//! all at once. Until then nothing changes; what fails leaves nothing behind.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use lapwing_attribute::exits::read_exit_lists;
use lapwing_attribute::{Exits, ExitsError};
use lapwing_core::{Timestamp, text};

use super::fetch::{address, create, fetch};
use super::judge::{Refused, judge, shrunken};
use super::kept::{DIRECTORY, Kept, Provenance, is_name};
use super::unpack::{Wanted, unpack};
use crate::DaemonError;
use crate::directory::make_private_directory;
use crate::outward::client::FetchError;
use crate::settings::{GeoKind, GeoSource};

/// Largest file that is fetched, and what it may come to unpacked, in bytes.
pub(super) const LARGEST: u64 = 1 << 30;
/// The same of lists of exits.
pub(super) const LARGEST_LIST: u64 = 64 << 20;
/// How a source was brought up to date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Updated {
    /// The file in use.
    pub path: PathBuf,
    /// Whether it is a new one.
    pub taken: Taken,
    /// Where it came from.
    pub provenance: Provenance,
    /// What it holds, in words.
    pub holds: String,
    /// The day of the one before, where there is one.
    pub before: Option<String>,
}

/// What became of what was fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is in use now.
    New,
    /// It is what is in use already.
    Unchanged,
}

/// Why a source is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpdateError {
    /// Its settings.
    #[error("geo.sources, {name:?}: {what}")]
    Setting {
        /// Its name.
        name: String,
        /// What is wrong, and what to do.
        what: String,
    },
    /// It could not be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// What was fetched is not what its publisher says it is.
    #[error(
        "what was fetched has the SHA-256 {is}, and {wanted} is said of it: nothing was taken; fetch it again, and ask its publisher if it stays so"
    )]
    Digest {
        /// Its own.
        is: String,
        /// What it should be.
        wanted: String,
    },
    /// It could not be unpacked.
    #[error(
        "what was fetched cannot be unpacked: {0}; look whether the URL leads to the file itself"
    )]
    Unpack(#[source] io::Error),
    /// It is not fit to be used.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Lists of exits.
    #[error(transparent)]
    Exits(#[from] ExitsError),
    /// The data directory.
    #[error("cannot write in {}: {source}", path.display())]
    Write {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The data directory.
    #[error(transparent)]
    Daemon(#[from] DaemonError),
}

/// Is told how many bytes are there, and of how many, if that is known.
pub type Progress<'a> = &'a mut dyn FnMut(u64, Option<u64>);

/// Brings a source up to date. `force` takes what is older or much smaller than what is in use.
///
/// # Errors
/// It cannot be fetched, or is refused; what was in use stays in use.
pub async fn update(
    root: &Path,
    source: &GeoSource,
    force: bool,
    progress: Progress<'_>,
) -> Result<Updated, UpdateError> {
    check(source)?;
    let directory = root.join(DIRECTORY);
    make_private_directory(&directory)?;
    let kept = Kept::of(&directory, source);
    let part = Scratch(kept.temporary("part"));
    let new = Scratch(kept.temporary("new"));
    let Some(fetched) = fetch(root, source, &kept, &part.0, progress).await? else {
        return unchanged(&kept, source);
    };
    let before = kept.provenance().filter(|_| kept.exists());
    let is_same = before
        .as_ref()
        .is_some_and(|it| it.sha256 == fetched.sha256);
    if is_same && source.kind != GeoKind::TorExits {
        return unchanged(&kept, source);
    }
    unpack_into(&part.0, &new.0, source.kind)?;
    let Some((date, holds)) = judged(&new.0, &kept, source, &fetched, force)? else {
        return unchanged(&kept, source);
    };
    let provenance = Provenance { date, ..fetched };
    let replaced = kept.replace(&new.0, &provenance);
    replaced.map_err(|error| write_failed(&kept.path, error))?;
    Ok(Updated {
        path: kept.path,
        taken: Taken::New,
        provenance,
        holds,
        before: before.map(|it| it.date),
    })
}

/// Looks at what a source is called and where it is, before anything is asked.
///
/// # Errors
/// What is wrong with its settings.
pub fn check(source: &GeoSource) -> Result<(), UpdateError> {
    let wrong = |what: &str| UpdateError::Setting {
        name: text::escape_short(source.name.as_bytes(), 40),
        what: what.to_owned(),
    };
    if !is_name(&source.name) {
        return Err(wrong(
            "a name is of small letters, digits and hyphens, at most 32",
        ));
    }
    if source.url.is_empty() == source.file.as_os_str().is_empty() {
        return Err(wrong("set either `url` or `file`"));
    }
    if !source.key_file.as_os_str().is_empty() && !source.key_env.is_empty() {
        return Err(wrong("set either `key_file` or `key_env`"));
    }
    let has_key = !source.key_file.as_os_str().is_empty() || !source.key_env.is_empty();
    if has_key == source.user.is_empty() {
        return Err(wrong("`user` and `key_file` (or `key_env`) go together"));
    }
    if !source.signing_key.as_os_str().is_empty() && source.kind != GeoKind::Location {
        return Err(wrong(
            "only a source of the kind \"location\" is signed; use sha256_url",
        ));
    }
    for url in [&source.url, &source.sha256_url] {
        if !url.is_empty() {
            address(source, url)?;
        }
    }
    Ok(())
}

fn unpack_into(part: &Path, new: &Path, kind: GeoKind) -> Result<(), UpdateError> {
    let (wanted, limit) = match kind {
        GeoKind::Mmdb => (Wanted::Ending(".mmdb"), LARGEST),
        GeoKind::Location => (Wanted::Ending(".db"), LARGEST),
        GeoKind::TorExits => (Wanted::All, LARGEST_LIST),
    };
    let mut out = create(new).map_err(|error| write_failed(new, error))?;
    unpack(part, &mut out, wanted, limit).map_err(UpdateError::Unpack)?;
    Ok(())
}

/// Judges what is in `new`, or makes of it what is to be kept: its day and what it holds; `None` if nothing in it
/// is new.
fn judged(
    new: &Path,
    kept: &Kept,
    source: &GeoSource,
    fetched: &Provenance,
    force: bool,
) -> Result<Option<(String, String)>, UpdateError> {
    if source.kind != GeoKind::TorExits {
        let is = judge(new, kept, source, force)?;
        let holds = format!(
            "{}: {}, {} records",
            is.kind,
            is.fields.join(", "),
            is.records
        );
        return Ok(Some((is.date, holds)));
    }
    let made = fetched.modified.as_deref().and_then(moment);
    let lists = read_exit_lists(new, made.unwrap_or_else(|| fetched.at()))?;
    let newest = lists.iter().max_by_key(|list| list.time);
    let size = newest.map_or(0, |list| list.addresses.len());
    let old = match kept.exists() {
        true => Exits::open(&kept.path)?,
        false => Exits::default(),
    };
    let grown = old.with(lists);
    if grown.count() == old.count() {
        return Ok(None);
    }
    if !force {
        shrunken("exits", size as u64, old.newest_size() as u64)?;
    }
    fs::remove_file(new).map_err(|error| write_failed(new, error))?;
    let written = create(new).and_then(|mut out| out.write_all(grown.to_text().as_bytes()));
    written.map_err(|error| write_failed(new, error))?;
    // What could not be read again must not take the place of what can.
    let grown = Exits::open(new)?;
    Ok(Some(words(&grown)))
}

/// The day of the newest list, and how many there are.
fn words(exits: &Exits) -> (String, String) {
    let day = |time: Timestamp| time.to_seconds_string()[..10].to_owned();
    let Some((first, last)) = exits.span() else {
        return (String::new(), "no lists".to_owned());
    };
    let holds = format!(
        "{} lists of exits, {} to {}, {} exits in the newest",
        exits.count(),
        first.to_seconds_string(),
        last.to_seconds_string(),
        exits.newest_size()
    );
    (day(last), holds)
}

/// What is in use, as it is.
fn unchanged(kept: &Kept, source: &GeoSource) -> Result<Updated, UpdateError> {
    let provenance = kept.provenance().unwrap_or_default();
    let holds = match source.kind {
        GeoKind::TorExits => words(&Exits::open(&kept.path)?).1,
        _ => String::new(),
    };
    Ok(Updated {
        path: kept.path.clone(),
        taken: Taken::Unchanged,
        before: Some(provenance.date.clone()),
        provenance,
        holds,
    })
}

/// `Sat, 28 Nov 2026 12:00:00 GMT`, or RFC 3339 as local files' times are written.
fn moment(text: &str) -> Option<Timestamp> {
    let http = jiff::fmt::rfc2822::parse(text).ok();
    let http = http.map(|at| Timestamp::from_micros(at.timestamp().as_microsecond()));
    http.or_else(|| Timestamp::parse(text))
}

pub(super) fn write_failed(path: &Path, source: io::Error) -> UpdateError {
    UpdateError::Write {
        path: path.to_owned(),
        source,
    }
}

/// Removed again whatever happens.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
