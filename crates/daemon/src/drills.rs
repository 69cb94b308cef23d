//! Drills the operator announced: each nonce holds once, for its canary, within its window.

use std::collections::HashMap;

use lapwing_core::{CanaryId, Timestamp, Trip, Verb};
use lapwing_store::{Ledger, Seen, StoreError};

/// Signal under which a drill's nonce is remembered once it was used.
pub(crate) const NONCE: &str = "nonce";

/// The announced drills, as far as the ledger was followed.
#[derive(Default)]
pub(crate) struct Drills {
    generation: Option<u64>,
    announced: HashMap<CanaryId, Vec<Announced>>,
}

/// A drill the operator announced.
struct Announced {
    nonce: String,
    from: Timestamp,
    until: Timestamp,
}

impl Drills {
    /// Takes in what was announced since. Cheap if nothing was.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub(crate) fn follow(&mut self, ledger: &Ledger) -> Result<(), StoreError> {
        let generation = ledger.generation();
        if self.generation == Some(generation) {
            return Ok(());
        }
        self.announced.clear();
        for decision in ledger.decisions()? {
            match decision.verb {
                Verb::Drill {
                    canary,
                    nonce,
                    until,
                } => {
                    let drill = Announced {
                        nonce,
                        from: decision.time,
                        until,
                    };
                    self.announced.entry(canary).or_default().push(drill);
                }
                // States of incidents are laid over them when they are read.
                Verb::Acknowledge { .. } | Verb::Close { .. } => {}
            }
        }
        self.generation = Some(generation);
        Ok(())
    }

    /// The nonce of an announced drill that this trip carries, if no other trip has `used` it.
    ///
    /// # Errors
    /// What `used` says.
    pub(crate) fn nonce(
        &self,
        trip: &Trip,
        used: impl Fn(&str) -> Result<Option<Seen>, StoreError>,
    ) -> Result<Option<String>, StoreError> {
        let (Some(drills), Some(claims)) = (self.announced.get(&trip.canary), &trip.claims) else {
            return Ok(None);
        };
        let time = trip.observed.time;
        for drill in drills {
            let carried = claims.headers.iter().any(|(_, value)| {
                value.open("compared with the nonce the operator drew") == &drill.nonce
            });
            if carried
                && drill.from <= time
                && time <= drill.until
                && used(&drill.nonce)?.is_none_or(|seen| seen.trip == trip.id)
            {
                return Ok(Some(drill.nonce.clone()));
            }
        }
        Ok(None)
    }
}
