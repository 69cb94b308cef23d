//! Evidence bundles: chosen records of a journal with all that a stranger needs to check them without this
//! software. A bundle is for authorities: nothing in it is masked, parts are opened, and it holds what third
//! parties wrote. [`FORMATS`](crate::FORMATS) are for everybody else.
//!
//! | file | what |
//! |---|---|
//! | `records.jsonl` | the records, line by line the bytes that are leaves of the journal's Merkle tree |
//! | `parts/<record>.<name>` | salt (16 bytes) and plain bytes of a part: the record holds their SHA-256 |
//! | `proofs.tsv` | record, its leaf, its audit path (`L` or `R`: the side it stands on), parts that are not here |
//! | `index.tsv` | the records for a person: time, type, trip, canary, kind, parts |
//! | `checkpoint`, `checkpoint.sig` | the signed note that the proofs lead to, and its SSHSIG |
//! | `checkpoint.tsr` | an RFC 3161 time stamp of it, if there is one |
//! | `cosignature-<n>`, `cosignature-<n>.sig` | what a witness signed, and its signature, taken out of the note |
//! | `about.json` | station, program, digests of program and settings, what was asked for |
//! | `VERIFY.md`, `verify.py` | how to check all this, and a script that does |
//! | `certification.md`, `custody.md` | to be filled in by people, in copies |
//! | `allowed_signers` | the station's key, as `ssh-keygen -Y verify` wants it |
//! | `SHA256SUMS`, `SHA256SUMS.sig` | every other file, and the SSHSIG of that list |
//!
//! A station that signs its own log proves the order of records to itself alone: a bundle says so, and
//! names what a receiver has to hold from elsewhere.

mod authority;
mod check;
mod der;
mod pages;
mod shelf;
mod source;
mod stamp;
mod tape;
mod write;

use std::io;
use std::path::{Path, PathBuf};

use lapwing_core::{Handout, StationId, Timestamp};
use lapwing_journal::JournalError;

pub use authority::Authorities;
pub use check::{Checked, Told, Vouched, check};
pub use shelf::Staged;
pub use stamp::{Stamp, request, stamp};
pub use write::{Exported, Order, Raw, export};

/// The script that checks a bundle, as every bundle holds it.
pub const SCRIPT: &str = include_str!("bundle/verify.py");

/// What signatures over a bundle's files are made for: OpenSSH calls it a namespace.
pub const NAMESPACE: &str = "lapwing-evidence";

/// The list of all files.
const SUMS: &str = "SHA256SUMS";
/// Its signature.
const SUMS_SIGNATURE: &str = "SHA256SUMS.sig";
/// Where parts are.
const PARTS: &str = "parts";

/// What a bundle says of itself.
#[derive(Clone, Debug)]
pub struct About {
    /// Whose journal.
    pub station: StationId,
    /// When it was made.
    pub made: Timestamp,
    /// Which of the station's bundles, counted from 1.
    pub number: u64,
    /// The program and its version.
    pub tool: String,
    /// SHA-256 of the program's file, 64 hex digits; empty if that could not be read.
    pub executable: String,
    /// SHA-256 of the settings, 64 hex digits.
    pub settings: String,
    /// Who made it, for whom, and what was asked for, in the operator's words.
    pub by: String,
    /// See `by`; may be empty.
    pub to: String,
    /// See `by`.
    pub what: String,
    /// Bundles that were made before, oldest first.
    pub earlier: Vec<(Timestamp, Handout)>,
}

/// Why a bundle could not be made or read. That one does not verify is none of these.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// There is something already where it was to be written.
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    /// No record was chosen.
    #[error("no record was chosen, so there is nothing to put into a bundle")]
    Nothing,
    /// What is to be checked is no bundle.
    #[error("{} is no evidence bundle: {what}", path.display())]
    NoBundle {
        /// Which.
        path: PathBuf,
        /// What is missing or wrong.
        what: &'static str,
    },
    /// The answer of a time stamp authority cannot be used.
    #[error("the time stamp cannot be used: {0}")]
    Stamp(&'static str),
    /// A file could not be read or written.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A page of the bundle could not be written.
    #[error("a page of the bundle could not be written")]
    Page(#[from] askama::Error),
}

impl BundleError {
    fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}

/// Where in a bundle a part is.
fn part_path(record: u64, name: &str) -> String {
    format!("{PARTS}/{record:020}.{name}")
}
