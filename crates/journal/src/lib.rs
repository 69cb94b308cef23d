//! The append-only evidence log: group sync, hash chain, Merkle tree, checkpoints, verification.
//!
//! # Files of a journal's directory (0700, files 0600)
//!
//! | file | what |
//! |---|---|
//! | `<first sequence, 20 digits>.jsonl` | a segment: record lines, each followed by the lines of its parts |
//! | `checkpoints` | signed notes (C2SP tlog-checkpoint), five lines each, the first of size 0 |
//! | `durable` | how far the segments are synced; a hint for readers, no evidence |
//! | `frontier` | where a start can begin to read; a hint, checked against a checkpoint |
//! | `scratch` | where groups of only unmatched requests are written |
//! | `lock` | held by the one station that writes |
//!
//! # Lines
//!
//! Lines are canonical JSON (RFC 8785) ended by a line feed. Sequences count from 0, times are
//! microseconds since 1970. A record, here broken into several lines:
//!
//! ```text
//! {"body":{..},"digest":"<64 hex>","parts":{"raw":{"digest":"<64 hex>","line":"<64 hex>"}},
//!  "previous":"<64 hex>","sequence":17,"station":"0a1b2c3d","time":1795401540000000,"version":1}
//! ```
//!
//! - `digest` is SHA-256 over the line's bytes, without line feed, with the member
//!   `"digest":"<64 hex>",` taken out; the member's place is right after the value of `body`.
//! - `previous` is the `digest` of the record before, 64 zeros in the first.
//! - The leaf of the Merkle tree (RFC 6962) is SHA-256 over a zero byte and the whole line, without
//!   line feed. The index of the leaf is the sequence.
//! - `parts.<name>.digest` is SHA-256 over a random salt of 16 bytes and the part's plain bytes;
//!   `parts.<name>.line` is SHA-256 over the part's own line, without line feed.
//!
//! The part lines follow in the order of their names: `{"epoch":1,"part":"raw","sealed":"<base64>"}`.
//! Sealed is salt and plain bytes together, under the context `part <name> <digest, 32 bytes>`: who
//! has the directory but not the key can neither read a part nor test a guess. An erased part's
//! line is `{"erased":"raw","pad":"000.."}` of the same length, and a later record says so, one for as
//! many parts as went together: `{"cause":"retention","parts":[{"bytes":..,"note":..,"part":"raw",
//! "record":17}],"type":"erasure"}`. `bytes` is the length of the line, `note` a word of the caller's and
//! may be missing. Older journals have one record a part, `{"bytes":..,"part":"raw","record":17,
//! "type":"erasure"}`.
//!
//! # A failing disk
//!
//! If a write or sync fails, all of its group are told so, and nothing is taken until what may not
//! be on disk is cut, a new segment is started and a record of the gap is synced in it:
//!
//! ```text
//! {"began":..,"ended":..,"from":..,"listeners":{"http":{"early":0,"lost":7,"unmatched":2}},"lost":7,
//!  "to":..,"type":"gap"}
//! ```
//!
//! It began when the disk failed and ended when this was written. `lost` records, the first and last of
//! them at `from` and `to`, never had a sequence, so the log stays without holes; `early` ones were
//! answered before their sync had come, and are on record if it came. If a disk does not answer at all,
//! those who wait say so ([`Journal::answered_early`]); nothing is taken then until it does.

mod canonical;
mod checkpoints;
mod cosigned;
mod disk;
mod erase;
mod error;
mod extract;
mod gap;
mod group;
mod journal;
mod line;
mod mend;
mod merkle;
mod nodes;
mod note;
mod prove;
mod queue;
mod reader;
mod segment;
mod shortcut;
pub mod sshsig;
mod state;
mod tree;
mod verify;
mod walk;
mod witness;
mod writer;

#[cfg(test)]
mod tests;

pub use canonical::write_canonical;
pub use cosigned::{Checkpoint, Cosignature, WitnessKey};
pub use erase::{StandingPart, Survey, Surveyed};
pub use error::{Broken, JournalError};
pub use extract::{Choice, Extraction, Source, Taken, TakenPart, extract};
pub use group::{Appending, Passing, Receipt};
pub use journal::{Journal, Recovery, Settings, durable_records, lock};
pub use line::{Body, Entry};
pub use mend::{Mended, mend};
pub use merkle::{leaf_hash, path_sides, root_of_path};
pub use note::SigningSeed;
pub use prove::{Proof, prove};
pub use reader::{Position, Reader, Record, read_at, read_sequence};
pub use shortcut::tree_beside;
pub use tree::{Proven, Tree, prove_records};
pub use verify::{Verified, verify};
pub use witness::{newest_checkpoint, verify_against};
