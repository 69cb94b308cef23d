//! How a running station is, in plain numbers.

use std::sync::Arc;

use lapwing_journal::Journal;
use lapwing_listen::Gate;

use crate::sink::{Recorder, Unrecorded};

/// To be asked at any time, by anybody in this process: it never waits for a disk.
#[derive(Clone)]
pub struct Health {
    journal: Journal,
    recorder: Recorder,
    gate: Arc<Gate>,
}

impl Health {
    pub(crate) const fn new(journal: Journal, recorder: Recorder, gate: Arc<Gate>) -> Self {
        Self {
            journal,
            recorder,
            gate,
        }
    }

    /// Whether what comes is recorded before it is answered.
    #[must_use]
    pub fn recording(&self) -> bool {
        self.journal.healthy()
    }

    /// What was not recorded in time since the start.
    #[must_use]
    pub fn unrecorded(&self) -> Unrecorded {
        self.recorder.unrecorded()
    }

    /// Connections now, and how many there may be.
    #[must_use]
    pub fn connections(&self) -> (usize, usize) {
        (self.gate.count(), self.gate.most())
    }

    /// Connections that had to leave for others since the start.
    #[must_use]
    pub fn shown_out(&self) -> u64 {
        self.gate.shown_out()
    }

    /// How often descriptors ran out since the start.
    #[must_use]
    pub fn starved(&self) -> u64 {
        self.gate.starved()
    }

    /// Bytes of requests that are held now.
    #[must_use]
    pub fn held(&self) -> usize {
        self.gate.held()
    }
}
