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
    /// Takes in what was decided since, and says whether the ledger changed. Cheap if it did not.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub(crate) fn follow(&mut self, ledger: &Ledger) -> Result<bool, StoreError> {
        let generation = ledger.generation();
        if self.generation == Some(generation) {
            return Ok(false);
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
                | Verb::Merge { .. }
                | Verb::Split { .. }
                | Verb::Acknowledge { .. }
                | Verb::Close { .. }
                | Verb::Reopen { .. }
                | Verb::Assign { .. }
                | Verb::Note { .. }
                | Verb::Hold(_)
                | Verb::Unhold { .. }
                | Verb::Erase(_)
                | Verb::Erased(_)
                | Verb::Handout(_)
                | Verb::Publish(_)
                | Verb::Withdraw { .. } => {}
            }
        }
        self.generation = Some(generation);
        Ok(true)
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
