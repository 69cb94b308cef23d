//! What can go wrong with the ledger or the index. Every message names the file and what to do next.

use std::path::{Path, PathBuf};

use lapwing_core::CanaryId;

/// An error of the ledger or the index.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A file beside or of the database cannot be used.
    #[error("cannot {doing} {}: {source}; check that the directory exists, is yours and has space", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What was attempted, as a verb.
        doing: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// Another process kept the database locked for longer than we wait.
    #[error("{} is locked by another process (a backup, a large mint?); wait for it to finish and try again", path.display())]
    Locked {
        /// Which file.
        path: PathBuf,
    },
    /// The file is a database, but of something else.
    #[error("{} is not a lapwing {store}; {next}", path.display())]
    NotOurs {
        /// Which file.
        path: PathBuf,
        /// `ledger` or `index`.
        store: &'static str,
        /// What to do.
        next: &'static str,
    },
    /// The file was written by a newer version.
    #[error("{} has schema version {found}, this program knows {known}; install the newer lapwing that wrote it", path.display())]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Version found.
        found: i64,
        /// Newest version this program knows.
        known: i64,
    },
    /// The file's schema was not made by this program's migrations.
    #[error("schema step {version} of {} differs from this program's; {next}", path.display())]
    Altered {
        /// Which file.
        path: PathBuf,
        /// Which migration.
        version: i64,
        /// What to do.
        next: &'static str,
    },
    /// The ledger was sealed under another key.
    #[error("the key does not match {}: it was sealed under another one; use the key that belongs to this data directory (`lapwing config` says which key is used)", path.display())]
    WrongKey {
        /// Which file.
        path: PathBuf,
    },
    /// The file cannot be read as it should.
    #[error("{} is damaged ({what}); {next}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What was found.
        what: String,
        /// What to do.
        next: &'static str,
    },
    /// The engine refused for another reason.
    #[error("cannot use {}: {source}; check disk space and permissions", path.display())]
    Database {
        /// Which file.
        path: PathBuf,
        /// The engine's error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A row with this key is there already.
    #[error("{} already holds {what}; nothing was changed", path.display())]
    Exists {
        /// Which file.
        path: PathBuf,
        /// What is there.
        what: String,
    },
    /// A row that should be changed is not there.
    #[error("{} holds no {what}; nothing was changed", path.display())]
    Missing {
        /// Which file.
        path: PathBuf,
        /// What is not there.
        what: String,
    },
    /// No canary has this id or beginning of an id.
    #[error("no canary {text:?}; `lapwing canaries` lists them")]
    NoCanary {
        /// What was asked for.
        text: String,
    },
    /// What was given cannot be an id or the beginning of one.
    #[error("{text:?} is not a canary; give its id or at least the first 4 characters of it")]
    NotCanary {
        /// What was asked for.
        text: String,
    },
    /// More than one canary begins so.
    #[error("{text:?} could be {}, {} or others; give more characters", among[0], among[1])]
    Ambiguous {
        /// What was asked for.
        text: String,
        /// Two that begin so.
        among: [CanaryId; 2],
    },
    /// A value cannot be written as JSON.
    #[error("cannot write {what} as JSON: {source}; this is a defect, please report it")]
    Encode {
        /// What.
        what: &'static str,
        /// Why.
        source: serde_json::Error,
    },
}

impl StoreError {
    pub(crate) fn io(
        path: &Path,
        doing: &'static str,
    ) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io {
            path,
            doing,
            source,
        }
    }

    pub(crate) fn encode(what: &'static str) -> impl FnOnce(serde_json::Error) -> Self {
        move |source| Self::Encode { what, source }
    }
}
