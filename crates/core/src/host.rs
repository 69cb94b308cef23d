//! Another host on which bait stands and which says so from time to time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::PlacementId;
use crate::time::Timestamp;

/// How many intervals a host may stay away before it counts as silent.
const PATIENCE: i64 = 2;

/// What is known of a host from its reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Its name, as in `host://name/path`.
    pub name: String,
    /// How often it reports, in seconds; 0: not regularly.
    pub every: u32,
    /// When it last did.
    pub heard: Timestamp,
    /// The report after which it fell silent, while that is announced and not yet over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent: Option<Timestamp>,
    /// What it last said of each placement: `unchanged`, `present`, `changed`, `missing`, ...
    #[serde(default)]
    pub conditions: BTreeMap<PlacementId, String>,
}

impl Host {
    /// Whether a report is overdue: two intervals have passed without one.
    #[must_use]
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.every > 0 && now.seconds_since(self.heard) > PATIENCE * i64::from(self.every)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_two_intervals() {
        let heard = Timestamp::from_micros(1_700_000_000_000_000);
        let host = |every| Host {
            name: "web1".to_owned(),
            every,
            heard,
            silent: None,
            conditions: BTreeMap::new(),
        };
        assert!(!host(60).is_overdue(heard.plus_seconds(120)));
        assert!(host(60).is_overdue(heard.plus_seconds(121)));
        assert!(!host(0).is_overdue(heard.plus_seconds(1_000_000)));
    }
}
