//! What the operator decided. Decisions are the operator's alone: they live in the ledger, bind to
//! trips, and are replayed on top of whatever is concluded again.

use serde::{Deserialize, Serialize};

use crate::id::{CanaryId, IncidentId};
use crate::time::Timestamp;

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "lowercase")]
pub enum Verb {
    /// Trips of this canary from now until `until` that carry the nonce are a drill.
    Drill {
        /// The canary that will be tripped.
        canary: CanaryId,
        /// One-time nonce, 32 lower hex digits, sent along with the drill's request.
        nonce: String,
        /// When the announcement lapses.
        until: Timestamp,
    },
    /// The operator has seen this incident.
    Acknowledge {
        /// Which.
        incident: IncidentId,
    },
    /// The operator is done with this incident.
    Close {
        /// Which.
        incident: IncidentId,
        /// Why.
        reason: String,
    },
}

/// A decision and when it was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// When.
    pub time: Timestamp,
    /// What.
    #[serde(flatten)]
    pub verb: Verb,
}
