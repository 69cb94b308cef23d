//! Which actors are one or apart, as the linker is to see it when a trip comes: by what it found before, and by what the
//! operator had decided by then.

use lapwing_core::{ActorId, Decision, Hands, Timestamp, Verb};
use lapwing_store::{Index, Ledger};

use crate::DaemonError;

/// Joins and decisions, as far as they hold.
#[derive(Default)]
pub(crate) struct Joined {
    is_read: bool,
    joins: Vec<(ActorId, ActorId)>,
    decisions: Vec<Decision>,
    /// How many of the decisions had been taken by the newest trip.
    taken: usize,
    hands: Hands,
}

impl Joined {
    /// What index and ledger hold.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub(crate) fn read(index: &Index, ledger: &Ledger) -> Result<Self, DaemonError> {
        let mut decisions = ledger.decisions()?;
        decisions
            .retain(|decision| matches!(decision.verb, Verb::Merge { .. } | Verb::Split { .. }));
        let joins = index.joins()?;
        Ok(Self {
            is_read: true,
            hands: Hands::new(joins.iter().copied(), &[], None),
            joins,
            decisions,
            taken: 0,
        })
    }

    /// Whether it was read since the last failure.
    pub(crate) fn is_read(&self) -> bool {
        self.is_read
    }

    /// How it stood at this time. Times come as trips do, so a decision once taken stays.
    pub(crate) fn at(&mut self, time: Timestamp) -> &Hands {
        let before = self.taken;
        while { self.decisions.get(self.taken) }.is_some_and(|decision| decision.time <= time) {
            self.taken += 1;
        }
        if self.taken > before {
            let joins = self.joins.iter().copied();
            self.hands = Hands::new(joins, &self.decisions[..self.taken], None);
        }
        &self.hands
    }

    /// Evidence makes two actors one.
    pub(crate) fn join(&mut self, one: ActorId, other: ActorId) {
        self.joins.push((one, other));
        self.hands.join(one, other);
    }
}
