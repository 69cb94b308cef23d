//! Where a canary stands, and the record of its being put there.

use serde::{Deserialize, Serialize};

use crate::id::{CanaryId, PlacementId};
use crate::time::Timestamp;

/// How far a placement has come. Intent is recorded before the target is written, so that a crash
/// at any step is visible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlacementState {
    /// About to be written: after a crash the target may or may not hold it.
    Intended,
    /// Written, re-read and confirmed.
    Planted,
    /// Taken out again.
    Uprooted,
    /// Never written, or given up.
    Abandoned,
}

/// The record of a canary put in a place: our bytes and digests, never the owner's content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// Its name.
    pub id: PlacementId,
    /// What was put there.
    pub canary: CanaryId,
    /// Where, in the form the operator types: an absolute path, or `sqlite:/path?table=users`.
    pub target: String,
    /// Which sort of target wrote it (`env`, `ini`, `json`, `yaml`, `sqlite`).
    pub target_kind: String,
    /// What only that sort of target understands: our bytes, keys, row and primary key. Holds
    /// plaintext bait, so it is sealed wherever it is stored.
    pub detail: serde_json::Value,
    /// SHA-256 of the file before, lower hex; empty where that has no meaning (a database row).
    pub before: String,
    /// SHA-256 of the file after, lower hex; empty where that has no meaning.
    pub after: String,
    /// How far it has come.
    pub state: PlacementState,
    /// When the intent was recorded.
    pub intended: Timestamp,
    /// When it was confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planted: Option<Timestamp>,
    /// When it was last seen there as it was put.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked: Option<Timestamp>,
    /// When it was taken out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uprooted: Option<Timestamp>,
}
