//! What lets an application or another host speak to the desk: a random secret, shown once, that may do
//! one sort of thing.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// What a credential lets its holder do, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum May {
    /// Ask whether a value is bait. Each yes is a trip.
    Check,
    /// Report what was planted on one host, and that it still stands. Reads and lists nothing.
    Plant,
    /// Have fresh bait minted. Learns nothing of any other.
    Mint,
    /// Ask how the station is: its figures, and why it is not ready.
    Monitor,
}

impl May {
    /// The word for it, as serialised.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Plant => "plant",
            Self::Mint => "mint",
            Self::Monitor => "monitor",
        }
    }
}

impl fmt::Display for May {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A credential as the ledger knows it: without its secret, of which there is only a keyed digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// The operator's name for it; a trip that it reports carries this name.
    pub name: String,
    /// What it lets its holder do.
    pub may: May,
    /// The host whose placements it may report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The kinds it may have minted; empty: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
    /// When it was made.
    pub made: Timestamp,
    /// Since when it lets nobody do anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Timestamp>,
}
