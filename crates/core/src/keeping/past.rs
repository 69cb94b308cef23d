//! What was erased, as the decisions tell it.

use serde::Serialize;

use super::{Erase, Erased};
use crate::decision::{Decision, Verb};
use crate::time::Timestamp;

/// An erasure that was asked for, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Erasure {
    /// When it was asked for.
    pub asked: Timestamp,
    /// What, why and by whom.
    #[serde(flatten)]
    pub erase: Erase,
    /// When it was done, and what that came to; `None`: it waits for whoever writes the journal.
    pub done: Option<Done>,
}

/// When an erasure was done, and what it came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Done {
    /// When.
    pub time: Timestamp,
    /// What it came to.
    #[serde(flatten)]
    pub erased: Erased,
}

/// Every erasure that was asked for, by a person or by the ages of the settings, oldest first.
#[must_use]
pub fn erasures(decisions: &[Decision]) -> Vec<Erasure> {
    let mut found: Vec<Erasure> = Vec::new();
    for Decision { time, verb } in decisions {
        match verb {
            Verb::Erase(erase) => found.push(Erasure {
                asked: *time,
                erase: erase.clone(),
                done: None,
            }),
            Verb::Erased(erased) => {
                let mut same = found.iter_mut().filter(|it| it.erase.erase == erased.erase);
                if let Some(erasure) = same.next() {
                    erasure.done = Some(Done {
                        time: *time,
                        erased: erased.clone(),
                    });
                }
            }
            _ => {}
        }
    }
    found
}
