//! Which trips are under a hold, by the ledger's decisions and what was concluded.

use lapwing_core::{
    ActorId, CanaryId, Clock as _, Conclusion, Cover, Hands, HoldId, Holds, SystemClock, TripId,
};
use lapwing_store::{Index, Ledger, TripRow};

use crate::DaemonError;

/// The holds, as of now.
pub(super) struct Covered {
    holds: Holds,
    hands: Hands,
}

impl Covered {
    /// Reads ledger and index.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub(super) fn read(ledger: &Ledger, index: &Index) -> Result<Self, DaemonError> {
        let decisions = ledger.decisions()?;
        Ok(Self {
            holds: Holds::at(&decisions, SystemClock.now()),
            hands: Hands::new(index.joins()?, &decisions, None),
        })
    }

    /// The hold on everything.
    pub(super) fn everything(&self) -> Option<HoldId> {
        self.holds.on_everything()
    }

    /// Whether a trip is covered. `row` is asked for only where it matters.
    ///
    /// # Errors
    /// What `row` fails with.
    pub(super) fn cover(
        &self,
        trip: TripId,
        canary: CanaryId,
        row: impl FnOnce() -> Result<Option<TripRow>, DaemonError>,
    ) -> Result<Cover, DaemonError> {
        if !self.holds.ask_conclusions() {
            return Ok(self.holds.cover(trip, canary, None));
        }
        let row = row()?;
        let concluded = row.map(|row| {
            let incident = row.conclusion.incident;
            (incident, self.actors(&row.conclusion))
        });
        let concluded = concluded
            .as_ref()
            .map(|(incident, actors)| (*incident, actors.as_slice()));
        Ok(self.holds.cover(trip, canary, concluded))
    }

    /// The actors whose trip it is, or was when it came.
    fn actors(&self, conclusion: &Conclusion) -> Vec<ActorId> {
        let Conclusion { actor, session, .. } = conclusion;
        let mut actors = self.hands.parts(self.hands.of(*actor, *session));
        actors.push(*actor);
        actors
    }
}

/// The row of a trip in the index.
pub(super) fn row(index: &Index, trip: TripId) -> Result<Option<TripRow>, DaemonError> {
    Ok(index.trip(trip)?)
}
