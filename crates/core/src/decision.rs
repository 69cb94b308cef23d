//! What the operator decided. Decisions are the operator's alone: they live in the ledger, bind to
//! trips, and are replayed on top of whatever is concluded again.

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::id::{CanaryId, IncidentId};
use crate::time::Timestamp;

/// The one-time nonce, 32 lower hex digits, that the drill of this canary carries under a seed. Whoever
/// sees one cannot tell those of other canaries from it.
#[must_use]
pub fn drill_nonce(seed: &str, canary: CanaryId) -> String {
    let digest = Sha256::digest(format!("drill\n{seed}\n{canary}"));
    HEXLOWER.encode(&digest[..16])
}

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
    /// Trips from now until `until` that carry the [`drill_nonce`] of their canary under this seed are
    /// a drill: one announcement for as many canaries as the operator likes.
    Drills {
        /// Random, 32 lower hex digits. Never sent.
        seed: String,
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
