//! A canary: one minted bait, with the values it carries.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::CanaryId;
use crate::time::Timestamp;

/// How a kind fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trigger {
    /// It names our listener.
    Endpoint,
    /// It is shown to the owner's own application, which asks us.
    Inbound,
    /// It is seen in place.
    Local,
    /// Only a vendor sees it.
    Provider,
}

/// One minted bait. Holds plaintext: it lives in memory and sealed in the ledger, nowhere else.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canary {
    /// Its name.
    pub id: CanaryId,
    /// The kind (`twilio`): the stem of a file in `canaries/`.
    pub kind: String,
    /// The operator's words on it.
    #[serde(default)]
    pub memo: String,
    /// The operator's labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Every value it carries, by field name (`account_sid`; the beacon as `beacon.url`, ...).
    pub fields: BTreeMap<String, String>,
    /// When it was minted.
    pub minted: Timestamp,
    /// Since when it is no longer in use. It stays recognised for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired: Option<Timestamp>,
}

impl Canary {
    /// What a person calls it: the memo, or the kind if there is none.
    #[must_use]
    pub fn title(&self) -> &str {
        if self.memo.is_empty() {
            &self.kind
        } else {
            &self.memo
        }
    }
}

impl fmt::Debug for Canary {
    /// Never prints a value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canary")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("fields", &self.fields.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
