//! Placements: where canaries stand.

use lapwing_core::{CanaryId, Placement, PlacementId, PlacementState, Timestamp};

use super::Ledger;
use crate::StoreError;
use crate::db::{Row, args};

impl Ledger {
    /// Adds a placement. On disk when this returns.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if its id is taken; otherwise as for any write.
    pub fn place_add(&self, placement: &Placement) -> Result<(), StoreError> {
        let sealed = self.seal("placement", &placement.id.bytes(), placement)?;
        self.db.write(|session| {
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
            )
        })?;
        Ok(())
    }

    /// Replaces a placement by what it has become. On disk when this returns.
    ///
    /// # Errors
    /// [`StoreError::Missing`] if there is none with this id; otherwise as for any write.
    pub fn place_update(&self, placement: &Placement) -> Result<(), StoreError> {
        let sealed = self.seal("placement", &placement.id.bytes(), placement)?;
        let changed = self.db.write(|session| {
            session.execute(
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
                    sealed.as_slice()
                ],
            )
        })?;
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
