//! Drills the operator announced: each nonce holds once, for its canary, within its window.

use std::collections::HashMap;

use lapwing_core::{CanaryId, Timestamp, Trip, TripId, drill_nonce};
use lapwing_store::{Index, Seen, StoreError};

/// Signal under which a drill's nonce is remembered once it was used.
pub(crate) const NONCE: &str = "nonce";

/// The announced drills.
#[derive(Default)]
pub(crate) struct Drills {
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
    /// One drill of one canary.
    pub(crate) fn add(
        &mut self,
        canary: CanaryId,
        nonce: String,
        from: Timestamp,
        until: Timestamp,
    ) {
        let drills = self.single.entry(canary).or_default();
        drills.push(Announced {
            secret: nonce,
            from,
            until,
        });
    }

    /// One drill of a fleet.
    pub(crate) fn add_fleet(&mut self, seed: String, from: Timestamp, until: Timestamp) {
        self.fleets.push(Announced {
            secret: seed,
            from,
            until,
        });
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
