//! What other processes see of erasing without a key, also while the ledger is busy: `erasing.json` in the
//! data directory. A hint; what was erased stands in the journal, what is to be in the ledger.

use std::path::Path;

use lapwing_core::{EraseId, Timestamp, bounded};
use serde::{Deserialize, Serialize};

use super::Outcome;
use crate::directory::replace_private;
use crate::settings::Retention;

const FILE: &str = "erasing.json";

/// The erasing under way, and what it came to the last time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The ages that the station which ran last was started with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ages: Option<Retention>,
    /// Under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<Progress>,
    /// When the station last looked for what is too old, and what that came to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Ended>,
    /// The last erasure that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Ended>,
}

/// How far an erasure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Which; `None`: the station looks for what is too old.
    pub erase: Option<EraseId>,
    /// Segments of the journal that were gone through, ...
    pub segment: u64,
    /// ... of so many.
    pub segments: u64,
    /// Parts that are gone so far.
    pub parts: u64,
}

/// How an erasure ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// When.
    pub time: Timestamp,
    /// What it came to.
    #[serde(flatten)]
    pub outcome: Outcome,
}

impl Account {
    /// What stands there; nothing if it cannot be read.
    #[must_use]
    pub fn read(root: &Path) -> Self {
        let text = bounded::read_text(&root.join(FILE), 64 << 10).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Writes it. That it cannot be written is logged: nothing depends on it.
    pub fn write(&self, root: &Path) {
        let text = serde_json::to_vec(self).expect("an account is plain data");
        if let Err(error) = replace_private(&root.join(FILE), &text) {
            tracing::warn!(%error, "others cannot see how far erasing is");
        }
    }
}
