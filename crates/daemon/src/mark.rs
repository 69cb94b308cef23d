//! What other processes can see of a running station even while its disk takes nothing: locks, which live in
//! the kernel's memory.
//!
//! `recording` in the journal's directory is locked while trips are recorded. `running` in the data directory is
//! there while a station runs; one that is found at a start was left by a station that did not end in order, and
//! says when it was last seen alive with all on record.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, UNIX_EPOCH};

use lapwing_core::{Timestamp, bounded};

/// How often a station says that it is alive.
const EVERY: Duration = Duration::from_secs(30);

/// The marks of this station.
pub(crate) struct Mark {
    recording: Option<File>,
    locked: bool,
    running: PathBuf,
    said: Option<Instant>,
}

/// What a data directory shows of its station.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Running {
    /// No station runs here.
    No,
    /// It runs, and records.
    Recording,
    /// It runs, and what comes is not recorded in time.
    NotRecording,
}

impl Mark {
    /// Sets the marks.
    pub(crate) fn set(root: &Path, now: Timestamp) -> Self {
        let path = root.join("journal/recording");
        let recording = private(&path).inspect_err(|error| {
            tracing::warn!(%error, "other processes cannot see whether trips are recorded");
        });
        let mut mark = Self {
            recording: recording.ok(),
            locked: false,
            running: root.join("running"),
            said: None,
        };
        mark.recording(true);
        mark.alive(now).into_iter().for_each(|say| say());
        // The first time so that it outlasts whatever comes; later ones may be late.
        let synced = File::open(&mark.running).and_then(|file| file.sync_all());
        let synced = synced.and_then(|()| File::open(root)?.sync_all());
        if let Err(error) = synced {
            tracing::warn!(%error, "cannot sync {}", mark.running.display());
        }
        mark
    }

    /// Shows whether trips are recorded.
    pub(crate) fn recording(&mut self, yes: bool) {
        let Some(file) = self.recording.as_ref().filter(|_| self.locked != yes) else {
            return;
        };
        let done = if yes {
            file.try_lock().map_err(io::Error::from)
        } else {
            file.unlock()
        };
        // Somebody may be looking: the next time, then.
        if done.is_ok() {
            self.locked = yes;
        }
    }

    /// Now and then, what says that it is alive: to be called where it may block.
    pub(crate) fn alive(&mut self, now: Timestamp) -> Option<impl FnOnce() + Send + use<>> {
        if self.said.is_some_and(|said| said.elapsed() < EVERY) {
            return None;
        }
        self.said = Some(Instant::now());
        let path = self.running.clone();
        Some(move || {
            let written = private(&path).and_then(|mut file| {
                // In place, and no longer than before: a full disk takes it.
                writeln!(file, "{:020}", now.micros())
            });
            if let Err(error) = written {
                tracing::warn!(%error, "cannot write {}", path.display());
            }
        })
    }
}

/// When a station was last seen alive that did not end in order, if one did not.
pub(crate) fn left_behind(root: &Path) -> Option<Timestamp> {
    let path = &root.join("running");
    let written = std::fs::metadata(path).and_then(|file| file.modified());
    let written = written.ok()?.duration_since(UNIX_EPOCH).ok()?;
    let text = bounded::read_text(path, 64).unwrap_or_default();
    let said = text.trim().parse().ok();
    let micros = said.or_else(|| i64::try_from(written.as_micros()).ok());
    micros.map(Timestamp::from_micros)
}

/// The station of this data directory has ended with all on record, or it is on record that it has not.
pub(crate) fn ended(root: &Path) {
    let path = root.join("running");
    if let Err(error) = std::fs::remove_file(&path) {
        tracing::warn!(%error, "cannot remove {}", path.display());
    }
}

/// Whether a station runs with this data directory, and records.
#[must_use]
pub fn running(root: &Path) -> Running {
    if !held(&root.join("journal/lock")) {
        return Running::No;
    }
    if held(&root.join("journal/recording")) {
        Running::Recording
    } else {
        Running::NotRecording
    }
}

/// Whether somebody has a lock on it.
fn held(path: &Path) -> bool {
    File::open(path)
        .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).truncate(false);
    options.mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_see_whether_it_records() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path();
        std::fs::create_dir(root.join("journal")).unwrap();
        assert_eq!(running(root), Running::No);
        let now = Timestamp::from_micros(1_700_000_000_000_000);
        assert_eq!(left_behind(root), None);
        let mut mark = Mark::set(root, now);
        let station = lapwing_journal::lock(&root.join("journal")).unwrap();
        assert_eq!(running(root), Running::Recording);
        mark.recording(false);
        assert_eq!(running(root), Running::NotRecording);
        mark.recording(true);
        assert_eq!(running(root), Running::Recording);
        drop((mark, station));
        assert_eq!(running(root), Running::No);
        assert_eq!(left_behind(root), Some(now));
        ended(root);
        assert_eq!(left_behind(root), None);
    }
}
