//! Ledger and index: what only the operator can restore, and what can be derived again.
//!
//! The [`Ledger`] holds canaries, placements, deliveries, bindings and decisions. Everything in it
//! that would tell a thief of the data directory what is bait is sealed; handles are kept as keyed
//! digests only. The [`Index`] holds trips in query form and what was concluded from them; it may be
//! deleted at any time and is filled again from the journals. [`Known`] says in memory, without
//! asking the ledger, which digests cannot be ours.
//!
//! One domain layer stands on a thin database layer (`db`): portable SQL, `?1` placeholders,
//! integers, text and bytes only, numbered forward migrations. The engine is SQLite; everything that
//! only SQLite has stays in `db/sqlite.rs` and `db/session.rs`.
//!
//! All calls block. Every error names the file and says what to do next.

mod bloom;
mod db;
mod error;
mod index;
mod known;
mod ledger;

pub use error::StoreError;
pub use index::{
    ActorFilter, Batch, CanaryStats, Cursor, Followed, Forgotten, IncidentFilter, Index, Page,
    Seen, Signal, Tally, TripFilter, TripRow,
};
pub use known::Known;
pub use ledger::{Found, Intent, Ledger, Minted};
