//! What the operator decided beforehand about trips to come: drills and mutes.

use lapwing_core::{Mute, MuteId, Timestamp, Trip, Verb, Verdict, mutes};
use lapwing_store::{Ledger, StoreError};

use crate::drills::Drills;

/// Decisions, as far as the ledger was followed.
#[derive(Default)]
pub(crate) struct Decided {
    generation: Option<u64>,
    pub(crate) drills: Drills,
    mutes: Vec<(Timestamp, Mute)>,
}

impl Decided {
    /// Takes in what was decided since. Cheap if nothing was.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub(crate) fn follow(&mut self, ledger: &Ledger) -> Result<(), StoreError> {
        let generation = ledger.generation();
        if self.generation == Some(generation) {
            return Ok(());
        }
        let decisions = ledger.decisions()?;
        self.mutes = mutes(&decisions);
        self.drills = Drills::default();
        for decision in decisions {
            let from = decision.time;
            match decision.verb {
                Verb::Drill {
                    canary,
                    nonce,
                    until,
                } => self.drills.add(canary, nonce, from, until),
                Verb::Drills { seed, until } => self.drills.add_fleet(seed, from, until),
                // States of incidents are laid over them when they are read.
                Verb::Mute(_)
                | Verb::Unmute { .. }
                | Verb::Acknowledge { .. }
                | Verb::Close { .. } => {}
            }
        }
        self.generation = Some(generation);
        Ok(())
    }

    /// The first mute that covers a trip.
    pub(crate) fn mute(&self, trip: &Trip, verdict: Verdict) -> Option<MuteId> {
        let mut mutes = self.mutes.iter();
        let covers = |(from, mute): &&(Timestamp, Mute)| {
            *from <= trip.observed.time && mute.covers(trip, verdict)
        };
        mutes.find(covers).map(|(_, mute)| mute.mute)
    }
}
