//! What can go wrong with a journal, and how a broken one is named.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why a journal could not be opened, written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// A file or directory of the journal could not be used.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// What was tried: "open", "read", ...
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process writes this journal.
    #[error("another station writes the journal in {}: stop it, or give this one a data directory of its own", .0.display())]
    Locked(PathBuf),
    /// The journal is not what was written.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// The record is not known to be on disk: its write or sync failed, or the journal is not healthy.
    #[error("not recorded: the disk refused the write or its sync")]
    NotDurable,
    /// The journal is closed.
    #[error("the journal is closed")]
    Closed,
    /// The entry cannot be written as canonical JSON within the limits.
    #[error("entry refused: {0}")]
    Entry(String),
    /// The checkpoint origin is not a usable signed-note key name.
    #[error("checkpoint origin {0:?} must be printable ASCII without blanks or '+'")]
    Origin(String),
    /// What was given for a checkpoint is none that this station signed.
    #[error("not a checkpoint of this station: {0}")]
    Checkpoint(String),
    /// No such record.
    #[error("the journal has no record {0}")]
    NoRecord(u64),
    /// The record has no such part, or it is erased.
    #[error("record {sequence} has no part {part:?}")]
    NoPart {
        /// Which record.
        sequence: u64,
        /// Which part.
        part: String,
    },
    /// No checkpoint covers the record yet.
    #[error("record {sequence} is past the newest checkpoint (size {size})")]
    NotCovered {
        /// Which record.
        sequence: u64,
        /// Records under the newest checkpoint.
        size: u64,
    },
}

impl JournalError {
    pub(crate) fn io(
        what: &'static str,
        path: &Path,
    ) -> impl FnOnce(io::Error) -> JournalError + use<> {
        let path = path.to_owned();
        move |source| JournalError::Io { what, path, source }
    }
}

/// The first place where a journal is not what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// File name of the segment, or `checkpoints`.
    pub segment: String,
    /// Line in that file, from 1; 0 if the file as a whole is meant.
    pub line: u64,
    /// The record concerned: the one the line belongs to, or should have been.
    pub sequence: Option<u64>,
    /// What is wrong, in words.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(sequence) = self.sequence {
            write!(f, "record {sequence} ")?;
        }
        write!(f, "({}", self.segment)?;
        if self.line > 0 {
            write!(f, ", line {}", self.line)?;
        }
        write!(f, "): {}", self.what)
    }
}

impl std::error::Error for Broken {}
