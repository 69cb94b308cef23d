//! Where canaries stand: bait from one file or database tells of one break-in.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use lapwing_core::{CanaryId, PlacementState};
use lapwing_store::Ledger;

use crate::DaemonError;

/// Canaries whose place is remembered.
const PLACES: usize = 4096;

/// Where canaries stand, as far as it was asked.
#[derive(Default)]
pub(crate) struct Places(HashMap<CanaryId, Option<String>>);

impl Places {
    /// The file or database of a canary, if it was planted.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub(crate) fn of(
        &mut self,
        ledger: &Ledger,
        canary: CanaryId,
    ) -> Result<Option<&str>, DaemonError> {
        if self.0.len() >= PLACES {
            self.0.clear();
        }
        let place = match self.0.entry(canary) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(vacant) => {
                let planted = { ledger.placements_of(canary)?.into_iter() }
                    .rfind(|placement| placement.state != PlacementState::Abandoned);
                // Of a database, all its tables.
                let file = |target: &str| target.split('?').next().map(str::to_owned);
                vacant.insert(planted.and_then(|placement| file(&placement.target)))
            }
        };
        Ok(place.as_deref())
    }
}
