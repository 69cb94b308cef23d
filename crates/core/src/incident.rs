//! What the operator made of an incident: decisions, replayed in the order they were taken, laid over
//! what is concluded. Reports, pages and commands all ask here, so that none says otherwise than another.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::conclusion::{Incident, IncidentState};
use crate::decision::{Decision, Verb};
use crate::id::IncidentId;
use crate::time::Timestamp;

/// What the operator did last about the state of an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruling {
    /// The state it was put in.
    pub state: IncidentState,
    /// When.
    pub time: Timestamp,
    /// Who; empty in decisions that do not say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// Why; an acknowledgement needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether it still holds: it does not once more trips have come.
    pub stands: bool,
}

/// What the operator made of an incident so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handling {
    /// Who looks after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned: Option<String>,
    /// The last word on its state, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruling: Option<Ruling>,
    /// How many notes were written.
    #[serde(default)]
    pub notes: u64,
}

impl Handling {
    /// Why it is closed; `None` if it is not.
    #[must_use]
    pub fn close_reason(&self) -> Option<&str> {
        let ruling = self.ruling.as_ref()?;
        let closed = ruling.stands && ruling.state == IncidentState::Closed;
        ruling.reason.as_deref().filter(|_| closed)
    }
}

/// An incident with the operator's decisions laid over it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handled {
    /// The incident, in the state it is in after them.
    #[serde(flatten)]
    pub incident: Incident,
    /// What they say beside its state.
    #[serde(flatten)]
    pub handling: Handling,
}

/// Decisions by the incident they are about.
#[derive(Debug, Default)]
pub struct Handlings<'a>(HashMap<IncidentId, Vec<&'a Decision>>);

impl<'a> Handlings<'a> {
    /// Sorts them out; they come in the order they were taken.
    #[must_use]
    pub fn of(decisions: &'a [Decision]) -> Self {
        let mut sorted: HashMap<IncidentId, Vec<&Decision>> = HashMap::new();
        for decision in decisions {
            if let Some(incident) = about(&decision.verb) {
                sorted.entry(incident).or_default().push(decision);
            }
        }
        Self(sorted)
    }

    /// The decisions about one incident, in their order.
    #[must_use]
    pub fn about(&self, incident: IncidentId) -> &[&'a Decision] {
        self.0.get(&incident).map_or(&[], Vec::as_slice)
    }

    /// Lays them over an incident as it is concluded. What was acknowledged or closed holds for what had
    /// come by then: an incident that goes on afterwards is open again.
    #[must_use]
    pub fn lay_over(&self, mut incident: Incident) -> Handled {
        let mut handling = Handling::default();
        for decision in self.about(incident.id) {
            let stands = incident.last <= decision.time;
            handling.take(decision, stands);
        }
        if let Some(ruling) = &handling.ruling {
            incident.state = if ruling.stands {
                ruling.state
            } else {
                IncidentState::Open
            };
        }
        Handled { incident, handling }
    }
}

impl Handling {
    fn take(&mut self, decision: &Decision, stands: bool) {
        let mut rule = |state, by: &String, reason: Option<&String>| {
            self.ruling = Some(Ruling {
                state,
                time: decision.time,
                by: by.clone(),
                reason: reason.cloned(),
                stands,
            });
        };
        match &decision.verb {
            Verb::Acknowledge { by, .. } => rule(IncidentState::Acknowledged, by, None),
            Verb::Close { reason, by, .. } => rule(IncidentState::Closed, by, Some(reason)),
            Verb::Reopen { reason, by, .. } => rule(IncidentState::Open, by, Some(reason)),
            Verb::Assign { to, .. } => self.assigned.clone_from(to),
            Verb::Note { .. } => self.notes += 1,
            _ => {}
        }
    }
}

/// The incident a decision is about.
fn about(verb: &Verb) -> Option<IncidentId> {
    match verb {
        Verb::Acknowledge { incident, .. }
        | Verb::Close { incident, .. }
        | Verb::Reopen { incident, .. }
        | Verb::Assign { incident, .. }
        | Verb::Note { incident, .. } => Some(*incident),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conclusion::{Untold, Verdict};
    use crate::id::{ActorId, CanaryId, StationId, TripId};

    fn trip(sequence: u64) -> TripId {
        TripId {
            station: StationId::new(1),
            sequence,
        }
    }

    fn incident(last: i64) -> Incident {
        Incident {
            id: IncidentId(trip(7)),
            canary: CanaryId::from_bytes([1; 16]),
            actor: ActorId(trip(7)),
            verdict: Verdict::Intruder,
            first: Timestamp::from_micros(0),
            last: Timestamp::from_micros(last),
            count: 1,
            latest: trip(7),
            state: IncidentState::Open,
            untold: Untold::Nothing,
        }
    }

    fn at(time: i64, verb: Verb) -> Decision {
        Decision {
            time: Timestamp::from_micros(time),
            verb,
        }
    }

    fn close(time: i64, sequence: u64) -> Decision {
        at(
            time,
            Verb::Close {
                incident: IncidentId(trip(sequence)),
                reason: "rotated".to_owned(),
                by: "ana".to_owned(),
            },
        )
    }

    fn reopen(time: i64) -> Decision {
        at(
            time,
            Verb::Reopen {
                incident: IncidentId(trip(7)),
                reason: "again".to_owned(),
                by: String::new(),
            },
        )
    }

    fn laid(decisions: &[Decision], last: i64) -> Handled {
        Handlings::of(decisions).lay_over(incident(last))
    }

    #[test]
    fn the_last_word_counts() {
        let acknowledge = Verb::Acknowledge {
            incident: IncidentId(trip(7)),
            by: String::new(),
        };
        let decisions = [at(10, acknowledge), close(20, 7), reopen(30), close(40, 8)];
        let of = |count: usize| laid(&decisions[..count], 5);
        assert_eq!(of(0).incident.state, IncidentState::Open);
        assert_eq!(of(1).incident.state, IncidentState::Acknowledged);
        assert_eq!(of(2).incident.state, IncidentState::Closed);
        assert_eq!(of(2).handling.close_reason(), Some("rotated"));
        assert_eq!(of(3).incident.state, IncidentState::Open);
        assert_eq!(of(3).handling.close_reason(), None);
        // One about another incident changes nothing.
        assert_eq!(of(4), of(3));
    }

    #[test]
    fn a_closed_incident_that_goes_on_is_open() {
        let gone_on = laid(&[close(20, 7)], 21);
        assert_eq!(gone_on.incident.state, IncidentState::Open);
        assert_eq!(gone_on.handling.close_reason(), None);
        assert!(!gone_on.handling.ruling.expect("a ruling").stands);
        assert_eq!(
            laid(&[close(20, 7)], 20).incident.state,
            IncidentState::Closed
        );
    }

    #[test]
    fn notes_are_counted_and_the_last_to_be_assigned_has_it() {
        let assign = |time, to: Option<&str>| {
            at(
                time,
                Verb::Assign {
                    incident: IncidentId(trip(7)),
                    to: to.map(str::to_owned),
                    by: String::new(),
                },
            )
        };
        let note = at(
            3,
            Verb::Note {
                incident: IncidentId(trip(7)),
                text: "asked the host".to_owned(),
                by: "ana".to_owned(),
            },
        );
        let decisions = [
            assign(1, Some("bo")),
            assign(2, Some("ana")),
            note,
            assign(4, None),
        ];
        let of = |count: usize| laid(&decisions[..count], 0).handling;
        assert_eq!(of(3).assigned.as_deref(), Some("ana"));
        assert_eq!((of(4).assigned, of(4).notes), (None, 1));
    }

    #[test]
    fn decisions_of_older_ledgers_are_read() {
        let old = r#"{"time":1700000000000000,"decision":"acknowledge","incident":"i00000001-7"}"#;
        let read: Decision = serde_json::from_str(old).expect("it reads");
        let Verb::Acknowledge { by, .. } = &read.verb else {
            panic!("{read:?}");
        };
        assert!(by.is_empty());
        let written = serde_json::to_string(&read).expect("it is written");
        assert!(!written.contains("\"by\""), "{written}");
    }
}
