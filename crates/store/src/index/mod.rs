//! The index: trips in query form, and what was concluded from them.
//!
//! Nothing here is the only copy: `lapwing reindex` derives it all again from journals and ledger,
//! so commits need not reach the disk. It holds no bait and no kinds.
//!
//! Trips lie in the order of their journals, (station, sequence), under no other index: a second,
//! random order would halve the rate at a few million. Instead each trip points to the one before it
//! of the same canary, incident and actor, and every stretch of 4,096 sequences has a span that says
//! which times it covers.

mod batch;
mod cache;
mod conclusions;
mod filter;
mod flush;
mod forget;
mod hands;
mod rows;
mod schema;
mod trips;

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use lapwing_core::{StationId, Verdict};

use crate::StoreError;
use crate::db::{Db, Session, args, sync_file_and_directory};

pub use batch::Batch;
pub use filter::{ActorFilter, Cursor, IncidentFilter, Page, TripFilter};
pub use forget::Forgotten;
pub use rows::{CanaryStats, Followed, Seen, Signal, Tally, TripRow};

/// Endings of an index's files: of its log, and all of them.
const LOG: &[&str] = &["-wal", "-shm"];
const FILES: &[&str] = &["-wal", "-shm", ""];
/// Where an index is made anew.
const ANEW: &str = "reindexing";

/// The index of one data directory. `Send` and `Sync`.
pub struct Index {
    db: Db,
}

impl Index {
    /// Opens `index.db` in `directory` (which must exist), made if missing.
    ///
    /// # Errors
    /// [`StoreError::NotOurs`], [`StoreError::Newer`], [`StoreError::Damaged`] (after
    /// [`Index::destroy`] it opens, empty), [`StoreError::Locked`], or an I/O error.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        Db::open(directory, &schema::LAYOUT).map(|db| Self { db })
    }

    /// Starts an index beside the one in `directory`, of no use before [`Index::put_in_place`]: what a power cut or a
    /// kill leaves of it is nothing.
    ///
    /// # Errors
    /// As [`Index::open`].
    pub fn anew(directory: &Path) -> Result<Self, StoreError> {
        Self::remove_unfinished(directory)?;
        let beside = directory.join(ANEW);
        let made = fs::DirBuilder::new().mode(0o700).create(&beside);
        made.map_err(StoreError::io(&beside, "create"))?;
        Db::open_unsafely(&beside, &schema::LAYOUT).map(|db| Self { db })
    }

    /// Puts the index that [`Index::anew`] started in the place of the one in `directory`, which nobody may write.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn put_in_place(directory: &Path) -> Result<(), StoreError> {
        let beside = directory.join(ANEW);
        let (from, to) = (
            beside.join(schema::LAYOUT.file),
            directory.join(schema::LAYOUT.file),
        );
        sync_file_and_directory(&from).map_err(StoreError::io(&from, "sync"))?;
        // A log must not stay beside another file than its own. The file stays until it is replaced, so that nobody who
        // reads makes an empty one.
        let folded = Self::open(directory).and_then(|old| old.db.fold_log());
        let whole = folded.is_ok_and(|folded| folded);
        remove(directory, if whole { LOG } else { FILES })?;
        fs::rename(&from, &to).map_err(StoreError::io(&to, "create"))?;
        sync_file_and_directory(&to).map_err(StoreError::io(&to, "sync"))?;
        Self::remove_unfinished(directory)
    }

    /// Deletes what is left of an index that [`Index::anew`] started and nobody finished. No process may have it open.
    ///
    /// # Errors
    /// Any I/O error but that there is none.
    pub fn remove_unfinished(directory: &Path) -> Result<(), StoreError> {
        let beside = directory.join(ANEW);
        match fs::remove_dir_all(&beside) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other.map_err(StoreError::io(&beside, "delete")),
        }
    }

    /// Deletes the files of the index in `directory`, whatever state they are in. No process may
    /// have it open.
    ///
    /// # Errors
    /// Any I/O error but that there is none.
    pub fn destroy(directory: &Path) -> Result<(), StoreError> {
        remove(directory, FILES)
    }

    /// Empties the index, positions included. Others may have it open.
    ///
    /// # Errors
    /// As for any write.
    pub fn wipe(&self) -> Result<(), StoreError> {
        self.db.write(|session| {
            for sql in schema::WIPE {
                session.execute(sql, &[])?;
            }
            Ok(())
        })
    }

    /// Starts a batch: one write transaction, abandoned unless committed. Waits for any other batch.
    ///
    /// # Errors
    /// [`StoreError::Locked`] if another process holds the lock for too long.
    pub fn batch(&self) -> Result<Batch<'_>, StoreError> {
        self.db.begin().map(Batch::new)
    }

    /// Gives memory back that is kept for batches: none is to come soon.
    pub fn shrink(&self) {
        self.db.shrink();
    }

    /// How far this station's journal is indexed; `None` if not at all.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn position(&self, station: StationId) -> Result<Option<Followed>, StoreError> {
        self.db.read(|session| position(session, station))
    }

    /// How far each journal is indexed.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn positions(&self) -> Result<Vec<Followed>, StoreError> {
        self.db.read(|session| {
            session.all(
                "SELECT station, sequence, segment, place FROM positions ORDER BY station",
                &[],
                rows::read_followed,
            )
        })
    }

    /// How many trips and uses each verdict has, in the order of [`Verdict::ALL`].
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn counts(&self) -> Result<Vec<(Verdict, Tally)>, StoreError> {
        let found = self.db.read(|session| {
            session.all("SELECT verdict, trips, uses FROM verdicts", &[], |row| {
                Ok((row.int(0)?, rows::read_tally(row, 1)?))
            })
        })?;
        let counted = Verdict::ALL.into_iter().map(|verdict| {
            let number = rows::verdict_number(verdict);
            let tally = found.iter().find(|(known, _)| *known == number);
            (verdict, tally.map_or(Tally::default(), |(_, tally)| *tally))
        });
        Ok(counted.collect())
    }

    /// The note of this name that is committed.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn note(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.db.read(|session| batch::load_note(session, name))
    }

    /// A fact about the index itself, such as the version of the rules it was made with.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn fact(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.db.read(|session| {
            session.one(
                "SELECT value FROM facts WHERE name = ?1",
                args![name],
                |row| row.text(0).map(ToOwned::to_owned),
            )
        })
    }
}

fn remove(directory: &Path, suffixes: &[&str]) -> Result<(), StoreError> {
    for suffix in suffixes {
        let path = directory.join(format!("{}{suffix}", schema::LAYOUT.file));
        match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => other.map_err(StoreError::io(&path, "delete"))?,
        }
    }
    Ok(())
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Index({})", self.db.path().display())
    }
}

fn position(session: &Session<'_>, station: StationId) -> Result<Option<Followed>, StoreError> {
    session.one(
        "SELECT station, sequence, segment, place FROM positions WHERE station = ?1",
        args![i64::from(station.number())],
        rows::read_followed,
    )
}
