//! The ledger: what only the operator can restore.
//!
//! Rule: bait values, memos, labels, kinds, targets, host names, messages and decisions are sealed
//! before they reach the database layer, each under a context that names its row, so that a thief of
//! the file reads none of them and cannot swap two. Ids, times and states are plain, handles are
//! keyed digests.

mod bulk;
mod canaries;
mod decisions;
mod desk;
mod generation;
mod outbox;
mod placements;
mod schema;

use std::fmt;
use std::path::Path;

use lapwing_core::Keyring;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::StoreError;
use crate::db::{Db, Row, Session, args};
use generation::Generation;

pub use bulk::Minted;
pub use canaries::Found;
pub use placements::Intent;

/// What the key check seals. Opening it proves that the key is the one the ledger was made with.
const KEY_CHECK: &[u8] = b"the key of this ledger";
const KEY_CHECK_CONTEXT: &[u8] = b"ledger";

/// The ledger of one data directory. `Send` and `Sync`; several processes may have it open at once.
pub struct Ledger {
    db: Db,
    keys: Keyring,
    generation: Generation,
}

impl Ledger {
    /// Gives memory back that is kept for look-ups and writing: little of either is to come soon.
    pub fn shrink(&self) {
        self.db.shrink();
    }

    /// Opens `ledger.db` in `directory` (which must exist), made if missing.
    ///
    /// # Errors
    /// [`StoreError::WrongKey`] if it was made under another key, [`StoreError::NotOurs`],
    /// [`StoreError::Newer`], [`StoreError::Damaged`], [`StoreError::Locked`], or an I/O error.
    pub fn open(directory: &Path, keys: Keyring) -> Result<Self, StoreError> {
        let db = Db::open(directory, &schema::LAYOUT)?;
        check_key(&db, &keys)?;
        let generation = Generation::open(&directory.join("generation"))?;
        Ok(Self {
            db,
            keys,
            generation,
        })
    }

    /// A number that changes after every committed change to canaries, bindings and decisions, in
    /// whichever process it was made. Costs one read of 8 bytes.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.current()
    }

    /// Lets go of what [`Ledger::find`] keeps from call to call. To be called now and then: it also
    /// makes changes seen that were not announced, because who made them died before it could.
    pub fn rest(&self) {
        self.db.end_snapshots();
    }

    /// Whether anything at all was committed since this was last asked, announced or not, in whichever
    /// process; true the first time.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn changed(&self) -> Result<bool, StoreError> {
        self.db.changed()
    }

    /// Writes a consistent copy to the new file `to` (0600, synced) while others read and write.
    ///
    /// # Errors
    /// If `to` exists or cannot be written, or the ledger cannot be read.
    pub fn backup(&self, to: &Path) -> Result<(), StoreError> {
        self.db.copy_to(to)
    }

    /// Writes in one transaction, then tells the other processes.
    fn change<T>(
        &self,
        work: impl FnOnce(&Session<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let done = self.db.write(work)?;
        self.generation.bump()?;
        Ok(done)
    }

    /// Seals `value` for the row that `part` and `name` say.
    fn seal(
        &self,
        part: &'static str,
        name: &[u8],
        value: &impl Serialize,
    ) -> Result<Vec<u8>, StoreError> {
        let plain = serde_json::to_vec(value).map_err(StoreError::encode(part))?;
        Ok(self.keys.seal(&context(part, name), &plain))
    }

    /// Opens what [`Ledger::seal`] made, from a column of a row.
    fn unseal<T: DeserializeOwned>(
        &self,
        part: &'static str,
        name: &[u8],
        row: &Row<'_>,
        column: usize,
    ) -> Result<T, StoreError> {
        let plain = self
            .keys
            .open(&context(part, name), row.bytes(column)?)
            .map_err(|error| row.damaged(format!("a {part}: {error}")))?;
        serde_json::from_slice(&plain).map_err(|error| row.damaged(format!("a {part}: {error}")))
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ledger({})", self.db.path().display())
    }
}

fn context(part: &str, name: &[u8]) -> Vec<u8> {
    [part.as_bytes(), name].concat()
}

/// Compares the key with the one the ledger was made with; a new ledger takes this one.
fn check_key(db: &Db, keys: &Keyring) -> Result<(), StoreError> {
    if let Some(matches) = db.read(|session| key_matches(session, keys))? {
        return wrong_unless(matches, db);
    }
    let matches = db.write(|session| {
        // Another process may have been first.
        if let Some(matches) = key_matches(session, keys)? {
            return Ok(matches);
        }
        session.execute(
            "INSERT INTO facts (name, value) VALUES ('key check', ?1)",
            args![keys.seal(KEY_CHECK_CONTEXT, KEY_CHECK).as_slice()],
        )?;
        Ok(true)
    })?;
    wrong_unless(matches, db)
}

fn key_matches(session: &Session<'_>, keys: &Keyring) -> Result<Option<bool>, StoreError> {
    session.one(
        "SELECT value FROM facts WHERE name = 'key check'",
        &[],
        |row| {
            let opened = keys.open(KEY_CHECK_CONTEXT, row.bytes(0)?);
            Ok(opened.is_ok_and(|plain| plain == KEY_CHECK))
        },
    )
}

fn wrong_unless(matches: bool, db: &Db) -> Result<(), StoreError> {
    if matches {
        return Ok(());
    }
    Err(StoreError::WrongKey {
        path: db.path().to_owned(),
    })
}

/// Takes `many` numbers in order. The row stays locked until the commit, so that numbers become
/// visible in their order, also on engines that let several writers in at once. Returns the first.
fn take_numbers(session: &Session<'_>, name: &str, many: u64) -> Result<i64, StoreError> {
    let many = crate::db::int(many);
    let last = session.one(
        "UPDATE counters SET value = value + ?2 WHERE name = ?1 RETURNING value",
        args![name, many],
        |row| row.int(0),
    )?;
    let last = last.ok_or_else(|| session.damaged(format!("the counter {name} is missing")))?;
    Ok(last - many + 1)
}
