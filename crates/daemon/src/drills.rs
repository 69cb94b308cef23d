//! Drills the operator announced: each nonce holds once, for its canary, within its window.

use std::collections::HashMap;

use lapwing_core::{CanaryId, Timestamp, Trip, TripId, Verb, drill_nonce};
use lapwing_store::{Index, Ledger, Seen, StoreError};

/// Signal under which a drill's nonce is remembered once it was used.
pub(crate) const NONCE: &str = "nonce";

/// The announced drills, as far as the ledger was followed.
#[derive(Default)]
pub(crate) struct Drills {
    generation: Option<u64>,
    /// Of one canary each, by their nonces.
    single: HashMap<CanaryId, Vec<Announced>>,
    /// Of many canaries, by their seeds.
    fleets: Vec<Announced>,
}

/// A drill the operator announced.
struct Announced {
    /// Nonce or seed.
    secret: String,
    from: Timestamp,
    until: Timestamp,
}

impl Announced {
    fn covers(&self, time: Timestamp) -> bool {
        self.from <= time && time <= self.until
    }
}

/// The trip that used a nonce as announced; `None` if none did (yet).
///
/// # Errors
/// The index cannot be read.
pub fn trip_of(index: &Index, nonce: &str) -> Result<Option<TripId>, StoreError> {
    Ok(index.signal(NONCE, nonce)?.map(|seen| seen.trip))
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
        self.single.clear();
        self.fleets.clear();
        for decision in ledger.decisions()? {
            let from = decision.time;
            let announced = |secret, until| Announced {
                secret,
                from,
                until,
            };
            match decision.verb {
                Verb::Drill {
                    canary,
                    nonce,
                    until,
                } => {
                    let drills = self.single.entry(canary).or_default();
                    drills.push(announced(nonce, until));
                }
                Verb::Drills { seed, until } => self.fleets.push(announced(seed, until)),
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
        let Some(claims) = &trip.claims else {
            return Ok(None);
        };
        let now = |drill: &&Announced| drill.covers(trip.observed.time);
        let single = self.single.get(&trip.canary).into_iter().flatten();
        let single = single.filter(now).map(|drill| drill.secret.clone());
        let fleets = self.fleets.iter().filter(now);
        let fleets = fleets.map(|drill| drill_nonce(&drill.secret, trip.canary));
        for nonce in single.chain(fleets) {
            let carried = claims.headers.iter().any(|(_, value)| {
                value.open("compared with the nonce the operator drew") == &nonce
            });
            if carried && used(&nonce)?.is_none_or(|seen| seen.trip == trip.id) {
                return Ok(Some(nonce));
            }
        }
        Ok(None)
    }
}
