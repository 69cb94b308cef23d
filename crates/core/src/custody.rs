//! Who was given evidence, and when: the operator's record of each bundle that was handed out.

use serde::{Deserialize, Serialize};

use crate::decision::{Decision, Verb};
use crate::time::Timestamp;

/// A bundle of evidence that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handout {
    /// Who made it, in the operator's words.
    pub by: String,
    /// Whom it is for, in the operator's words; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub to: String,
    /// Which records were asked for, as on the command line.
    pub what: String,
    /// How many records are in it.
    pub records: u64,
    /// How many records the checkpoint is over that they are proven under.
    pub size: u64,
    /// SHA-256 of the bundle's list of files, 64 lower hex digits. That list names every file.
    pub manifest: String,
}

/// All handouts and when they were made, oldest first.
#[must_use]
pub fn handouts(decisions: &[Decision]) -> Vec<(Timestamp, Handout)> {
    let handouts = decisions
        .iter()
        .filter_map(|decision| match &decision.verb {
            Verb::Handout(handout) => Some((decision.time, handout.clone())),
            _ => None,
        });
    handouts.collect()
}
