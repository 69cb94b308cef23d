//! Placements: where canaries stand.

use lapwing_core::{Canary, CanaryId, Placement, PlacementId, PlacementState, Timestamp};

use super::Ledger;
use crate::StoreError;
use crate::db::{Row, Session, args};

/// A canary that is about to be planted.
#[derive(Clone, Debug)]
pub struct Intent<'a> {
    /// The canary, new to the ledger.
    pub canary: &'a Canary,
    /// Its handles: field, value as it will be looked up.
    pub handles: Vec<(String, String)>,
    /// Where it will stand.
    pub placement: &'a Placement,
}

impl Ledger {
    /// Records what is about to be planted: all of it or nothing, canary and placement together, so
    /// that a canary stands in one place at most. On disk when this returns, and
    /// [`Ledger::generation`] has changed.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if a canary is known already or an id is taken; otherwise as for any
    /// write.
    pub fn intend(&self, intents: &[Intent<'_>]) -> Result<(), StoreError> {
        let mut prepared = Vec::with_capacity(intents.len());
        for Intent {
            canary,
            handles,
            placement,
        } in intents
        {
            let sealed = self.seal("placement", &placement.id.bytes(), placement)?;
            prepared.push((self.prepare(canary, handles)?, placement, sealed));
        }
        self.change(|session| {
            for (canary, placement, sealed) in &prepared {
                self.add_prepared(session, canary)?;
                session.execute(
                    "INSERT INTO placements (id, canary, state, intended, planted, uprooted, sealed)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                    args![
                        &placement.id.bytes(),
                        &placement.canary.bytes(),
                        state_number(placement.state),
                        placement.intended.micros(),
                        placement.planted.map(Timestamp::micros),
                        placement.uprooted.map(Timestamp::micros),
                        sealed.as_slice()
                    ],
                )?;
            }
            Ok(())
        })
    }

    /// Replaces a placement by what it has become. On disk when this returns.
    ///
    /// # Errors
    /// As [`Ledger::settle`].
    pub fn place_update(&self, placement: &Placement) -> Result<(), StoreError> {
        self.settle(std::slice::from_ref(placement), &[], placement.intended)
    }

    /// Replaces placements by what they have become and retires canaries as of `at`, all or nothing.
    /// On disk when this returns.
    ///
    /// # Errors
    /// [`StoreError::Missing`] if there is no placement of that id; otherwise as for any write.
    pub fn settle(
        &self,
        placements: &[Placement],
        retired: &[CanaryId],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        if placements.is_empty() && retired.is_empty() {
            return Ok(());
        }
        let mut sealed = Vec::with_capacity(placements.len());
        for placement in placements {
            sealed.push(self.seal("placement", &placement.id.bytes(), placement)?);
        }
        self.db.write(|session| {
            for (placement, sealed) in placements.iter().zip(&sealed) {
                self.replace_placement(session, placement, sealed)?;
            }
            for canary in retired {
                session.execute(
                    "UPDATE canaries SET retired = ?2 WHERE id = ?1 AND retired IS NULL",
                    args![&canary.bytes(), at.micros()],
                )?;
            }
            Ok(())
        })?;
        if !retired.is_empty() {
            self.generation.bump()?;
        }
        Ok(())
    }

    fn replace_placement(
        &self,
        session: &Session<'_>,
        placement: &Placement,
        sealed: &[u8],
    ) -> Result<(), StoreError> {
        let changed = session.execute(
            "UPDATE placements SET canary = ?2, state = ?3, intended = ?4, planted = ?5,
                 uprooted = ?6, sealed = ?7
             WHERE id = ?1",
            args![
                &placement.id.bytes(),
                &placement.canary.bytes(),
                state_number(placement.state),
                placement.intended.micros(),
                placement.planted.map(Timestamp::micros),
                placement.uprooted.map(Timestamp::micros),
                sealed
            ],
        )?;
        if changed == 0 {
            return Err(StoreError::Missing {
                path: self.db.path().to_owned(),
                what: format!("placement {}", placement.id),
            });
        }
        Ok(())
    }

    /// The placement with this id.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn placement(&self, id: PlacementId) -> Result<Option<Placement>, StoreError> {
        self.db.read(|session| {
            session.one(
                "SELECT id, sealed FROM placements WHERE id = ?1",
                args![&id.bytes()],
                |row| self.read_placement(row),
            )
        })
    }

    /// All placements, oldest first.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn placements(&self) -> Result<Vec<Placement>, StoreError> {
        self.db.read(|session| {
            session.all(
                "SELECT id, sealed FROM placements ORDER BY id",
                &[],
                |row| self.read_placement(row),
            )
        })
    }

    /// The placements of one canary, oldest first.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn placements_of(&self, canary: CanaryId) -> Result<Vec<Placement>, StoreError> {
        self.db.read(|session| {
            session.all(
                "SELECT id, sealed FROM placements WHERE canary = ?1 ORDER BY id",
                args![&canary.bytes()],
                |row| self.read_placement(row),
            )
        })
    }

    fn read_placement(&self, row: &Row<'_>) -> Result<Placement, StoreError> {
        self.unseal("placement", row.bytes(0)?, row, 1)
    }
}

fn state_number(state: PlacementState) -> i64 {
    match state {
        PlacementState::Intended => 0,
        PlacementState::Planted => 1,
        PlacementState::Uprooted => 2,
        PlacementState::Abandoned => 3,
    }
}
