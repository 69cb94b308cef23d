//! Taking out of the notes what stands for words that are erased, so that they are as if nobody had ever said them.
//! What was concluded stays: links that rested on it, with their weights, but not what was compared.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use lapwing_core::{Hands, NetworkFacts, Session, Trip, TripId};

use super::notes::{Going, Had, RECENT, Value, going_name, pairs_name, session_name, value_name};
use super::scored::{Scored, key};
use super::signals;
use crate::facts::TripFacts;
use crate::lookup::Earlier;

/// The signals whose values stand for words of the peer.
const SAID: &[&str] = &[
    "agent",
    signals::FAMILY,
    "language",
    "machine",
    "forwarded",
    "key",
    "call",
    "payload",
];

/// Whether values of this signal stand for words of the peer.
#[must_use]
pub fn is_said(signal: &str) -> bool {
    SAID.contains(&signal)
}

impl Scored {
    /// Signals and values that stand for the words of a trip, as far as these are kept.
    #[must_use]
    pub fn said(&self, trip: &Trip) -> Vec<(String, String)> {
        let facts = TripFacts {
            trip,
            network: &NetworkFacts::default(),
            canary_class: "",
            drill: false,
            earlier: Earlier::default(),
            place: None,
        };
        let mut traits = signals::traits(&facts, &*self.digest);
        traits.retain(|(signal, _)| is_said(signal));
        traits
    }
}

/// A signal and its value.
type Pair = (String, String);

/// Values that are taken out of notes.
#[derive(Debug, Default)]
pub struct Forgetting {
    /// Of each session the values that none of its trips shows any more.
    gone: BTreeMap<TripId, BTreeSet<Pair>>,
    /// Of each of these values the sessions that still show it.
    left: HashMap<Pair, Vec<Had>>,
    /// Names of notes that such a session goes on under.
    going: BTreeSet<String>,
}

impl Forgetting {
    /// Nothing so far.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether nothing is to be taken out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.gone.is_empty()
    }

    /// Takes these values out of a session; `trip` is one of it.
    pub fn take_out(&mut self, session: TripId, values: BTreeSet<Pair>, trip: &Trip) {
        for pair in &values {
            self.left.entry(pair.clone()).or_default();
        }
        self.going.insert(going_name(&key(trip)));
        self.gone.entry(session).or_default().extend(values);
    }

    /// Has to see the note on every session there is, after all is said that goes.
    pub fn see(&mut self, note: &str) {
        let Ok(session) = serde_json::from_str::<Session>(note) else {
            return;
        };
        let gone = self.gone.get(&session.id);
        for pair in &session.traits {
            if gone.is_some_and(|gone| gone.contains(pair)) {
                continue;
            }
            if let Some(left) = self.left.get_mut(pair) {
                left.push(Had(session.id, session.actor, session.first));
            }
        }
    }

    /// The notes that change, by name, each with what stands there from now on: nothing where `None`. `note` looks
    /// them up as they are now.
    ///
    /// # Errors
    /// Those of `note`.
    pub fn notes<E>(
        &self,
        hands: &Hands,
        note: impl Fn(&str) -> Result<Option<String>, E>,
    ) -> Result<Vec<(String, Option<String>)>, E> {
        let mut changed = Vec::new();
        for (id, gone) in &self.gone {
            let name = session_name(*id);
            if let Some(mut session) = read::<Session>(note(&name)?) {
                session.traits.retain(|pair| !gone.contains(pair));
                changed.push((name, Some(written(&session))));
            }
        }
        let mut fewer: BTreeMap<&str, u32> = BTreeMap::new();
        for ((signal, value), left) in &self.left {
            let name = value_name(signal, value);
            let Some(known) = read::<Value>(note(&name)?) else {
                continue;
            };
            let before = known.hands;
            let value = self.value((signal, value), known, left, hands);
            let after = value.as_ref().map_or(0, |value| value.hands);
            *fewer.entry(signal).or_default() += before.saturating_sub(after);
            changed.push((name, value.as_ref().map(written)));
        }
        for (signal, fewer) in fewer {
            let name = pairs_name(signal);
            if let Some(pairs) = read::<u32>(note(&name)?) {
                changed.push((name, Some(written(&pairs.saturating_sub(fewer)))));
            }
        }
        for name in &self.going {
            if let Some(mut going) = read::<Going>(note(name)?)
                && self.gone.contains_key(&going.session)
            {
                // Another digest than any: the next trip is looked into again.
                going.traits = 0;
                changed.push((name.clone(), Some(written(&going))));
            }
        }
        Ok(changed)
    }

    /// What is left of the note on a value; `None`: nothing.
    fn value(
        &self,
        (signal, value): (&str, &str),
        known: Value,
        left: &[Had],
        hands: &Hands,
    ) -> Option<Value> {
        let pair = (signal.to_owned(), value.to_owned());
        let is_gone = |id: &TripId| self.gone.get(id).is_some_and(|gone| gone.contains(&pair));
        // Sessions that came since the others were seen stand in the note alone.
        let recent = known.recent.into_iter().filter(|Had(id, ..)| !is_gone(id));
        let mut newest: BTreeMap<_, Had> = BTreeMap::new();
        for had in left.iter().copied().chain(recent) {
            let Had(id, actor, time) = had;
            let hand = newest.entry(hands.of(actor, Some(id))).or_insert(had);
            if (hand.2, hand.0) < (time, id) {
                *hand = had;
            }
        }
        let count = u32::try_from(newest.len()).unwrap_or(u32::MAX);
        let mut recent: Vec<Had> = newest.into_values().collect();
        recent.sort_unstable_by_key(|had| (had.2, had.0));
        recent.drain(..recent.len().saturating_sub(RECENT));
        (count > 0).then_some(Value {
            hands: count.min(known.hands),
            stock: known.stock,
            recent,
        })
    }
}

fn read<T: serde::de::DeserializeOwned>(note: Option<String>) -> Option<T> {
    serde_json::from_str(&note?).ok()
}

fn written<T: serde::Serialize>(note: &T) -> String {
    serde_json::to_string(note).expect("notes are plain data")
}

#[cfg(test)]
mod tests;
