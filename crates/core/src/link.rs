//! How trips hang together: sessions, the weighed links between them, and what an actor rests on.
//!
//! Weights are in hundredths of a bit: log2 of how much likelier a likeness is if both are one hand than if they
//! are two. They add up, with a stated prior, to the odds that two sessions are one hand. Likelihood is told in
//! the words of ICD 203 (US Intelligence Community Directive 203, 2015), confidence in others, and never both in one
//! sentence.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::conclusion::Evidence;
use crate::decision::{Decision, Verb};
use crate::id::{ActorId, CanaryId, TripId};
use crate::time::Timestamp;

/// What sort of evidence a likeness is. Likenesses of one group come from one cause, so only the strongest of a
/// group counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// Source address, its neighbourhood, its autonomous system.
    Network,
    /// The client program: handshake, way to speak the protocol, name for itself.
    Program,
    /// What stands for one person or machine: a public key, a user of the client's system, a host name.
    Identity,
    /// What was sent along: recipients, texts, statements.
    Payload,
    /// Which bait, and from which place.
    Bait,
    /// How soon one follows the other.
    Pace,
    /// Language and time zone.
    Locale,
    /// Addresses that the client says it forwards for.
    Claim,
    /// The operator's word.
    Decision,
}

impl Group {
    /// All of them, in the order they are shown.
    pub const ALL: [Self; 9] = [
        Self::Decision,
        Self::Identity,
        Self::Network,
        Self::Program,
        Self::Payload,
        Self::Bait,
        Self::Pace,
        Self::Locale,
        Self::Claim,
    ];

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Program => "program",
            Self::Identity => "identity",
            Self::Payload => "payload",
            Self::Bait => "bait",
            Self::Pace => "pace",
            Self::Locale => "locale",
            Self::Claim => "claim",
            Self::Decision => "decision",
        }
    }

    /// Whether it rests on nothing but what the client chose to say.
    #[must_use]
    pub const fn is_said(self) -> bool {
        matches!(self, Self::Locale | Self::Claim | Self::Payload)
    }
}

/// How likely something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Likelihood(u16);

impl Likelihood {
    /// From odds in hundredths of a bit: 0 is even.
    #[must_use]
    pub fn of_centibits(centibits: i32) -> Self {
        let against = f64::exp2(f64::from(centibits) / -100.0);
        // Never more certain than evidence of this sort can be.
        Self((1000.0 / (1.0 + against)).round().clamp(1.0, 990.0) as u16)
    }

    /// In thousandths, 1 to 990.
    #[must_use]
    pub const fn per_mille(self) -> u16 {
        self.0
    }

    /// The words of ICD 203.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self.0 {
            0..50 => "almost no chance",
            50..200 => "very unlikely",
            200..450 => "unlikely",
            450..550 => "roughly even chance",
            550..800 => "likely",
            800..950 => "very likely",
            _ => "almost certain",
        }
    }
}

impl fmt::Display for Likelihood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// How well founded a likelihood is: by how many independent sorts of evidence, and of which grade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Nothing is claimed.
    None,
    /// One sort of evidence, or nothing but the client's word.
    Low,
    /// Two sorts, one of them seen by the station.
    Moderate,
    /// Three sorts or more, two of them seen by the station.
    High,
}

impl Confidence {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Low => "low",
            Self::Moderate => "moderate",
            Self::High => "high",
        }
    }
}

/// One link between two sessions, with all that was weighed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// The earlier session, by its first trip.
    pub to: TripId,
    /// Whose that was then.
    pub actor: ActorId,
    /// The odds that both are one hand, in hundredths of a bit, prior and caps included.
    pub centibits: i32,
    /// What was weighed, for and against, the heaviest first.
    pub evidence: Vec<Evidence>,
    /// Whether the session was linked by it. What was weighed and not taken is an alternative.
    pub taken: bool,
}

impl Edge {
    /// How likely it is that both are one hand.
    #[must_use]
    pub fn likelihood(&self) -> Likelihood {
        Likelihood::of_centibits(self.centibits)
    }
}

/// Trips that one program made from one network with one bait in one go: what is linked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Named by its first trip.
    pub id: TripId,
    /// Whose it was found to be.
    pub actor: ActorId,
    /// The session before it of the same actor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<TripId>,
    /// Which bait.
    pub canary: CanaryId,
    /// Time of its first trip.
    pub first: Timestamp,
    /// What it is compared by: signal and value.
    pub traits: Vec<(String, String)>,
    /// What a published list says of its network; rules decay by it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<crate::NetworkClass>,
    /// Links to earlier sessions, the strongest first, those not taken too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edges: Vec<Edge>,
    /// Actors that were found to be one by this session, beside its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joins: Vec<ActorId>,
    /// Whether nothing is ever linked to it: drills and echoes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub apart: bool,
}

/// A link without which an actor falls into two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bridge {
    /// The later session.
    pub from: TripId,
    /// The earlier one.
    pub to: TripId,
    /// How likely it is that it holds.
    pub likelihood: Likelihood,
    /// How many sessions are on the side of `from`, and how many on that of `to`.
    pub sides: (u64, u64),
}

/// What an actor rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// Whose.
    pub actor: ActorId,
    /// How many sessions were looked at, and whether there are more.
    pub sessions: u64,
    /// Older sessions that were not looked at.
    pub left_out: bool,
    /// How likely it is that all of it is one hand: that of the weakest link which holds it together. `None` if
    /// there is but one session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub likelihood: Option<Likelihood>,
    /// How well that is founded.
    pub confidence: Confidence,
    /// The prior, in hundredths of a bit.
    pub prior: i32,
    /// The links that hold it together, the weakest first.
    pub links: Vec<(TripId, Edge)>,
    /// Those of them that nothing else stands in for.
    pub bridges: Vec<Bridge>,
    /// The likeliest links to others that were not taken.
    pub rivals: Vec<(TripId, Edge)>,
    /// What else could explain it, a sentence each.
    pub alternatives: Vec<String>,
    /// What would change the verdict, a sentence each.
    pub would_change: Vec<String>,
    /// What the operator decided of it: when, and what, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<(Timestamp, String)>,
}

impl Case {
    /// The prior as odds against one: 32 where any two sessions are one hand in 1 case to 32.
    #[must_use]
    pub fn odds_against(&self) -> u64 {
        f64::exp2(f64::from(self.prior) / -100.0).round() as u64
    }
}

/// Which actors are one, by evidence found later or by the operator's word, and which sessions the operator took
/// out of one. What a trip was linked to when it came is never rewritten: this is laid over it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hands {
    joined: BTreeMap<ActorId, ActorId>,
    /// The same the other way round.
    younger: BTreeMap<ActorId, Vec<ActorId>>,
    moved: BTreeMap<TripId, ActorId>,
    apart: BTreeSet<(ActorId, ActorId)>,
}

impl Hands {
    /// What evidence and the decisions up to `until` come to.
    #[must_use]
    pub fn new(
        joins: impl IntoIterator<Item = (ActorId, ActorId)>,
        decisions: &[Decision],
        until: Option<Timestamp>,
    ) -> Self {
        let mut hands = Self::default();
        for decision in decisions {
            if until.is_some_and(|until| decision.time > until) {
                continue;
            }
            match &decision.verb {
                Verb::Merge { actors, .. } => hands.merge(actors),
                Verb::Split {
                    actor, sessions, ..
                } => hands.split(*actor, sessions),
                _ => {}
            }
        }
        for (one, other) in joins {
            hands.join(one, other);
        }
        hands
    }

    /// Notes that evidence makes two actors one, unless the operator said that they are not.
    pub fn join(&mut self, one: ActorId, other: ActorId) -> bool {
        let (one, other) = (self.root(one), self.root(other));
        if one == other || self.are_apart(one, other) {
            return false;
        }
        let (older, younger) = (one.min(other), one.max(other));
        self.joined.insert(younger, older);
        self.younger.entry(older).or_default().push(younger);
        true
    }

    fn merge(&mut self, actors: &[ActorId]) {
        for pair in actors.windows(2) {
            let said = (self.root(pair[0]), self.root(pair[1]));
            let apart = std::mem::take(&mut self.apart);
            let is_said = |pair: &(ActorId, ActorId)| {
                let pair = (self.root(pair.0), self.root(pair.1));
                pair == said || (pair.1, pair.0) == said
            };
            self.apart = { apart.into_iter() }
                .filter(|pair| !is_said(pair))
                .collect();
            self.join(said.0, said.1);
        }
    }

    /// What is taken out goes by its first session; by another one if the actor itself goes by that. If an actor
    /// that was joined to this one began with it, that actor is taken out again as a whole.
    fn split(&mut self, actor: ActorId, sessions: &[TripId]) {
        let old = self.root(actor);
        let Some(first) = { sessions.iter() }.filter(|one| **one != old.0).min() else {
            return;
        };
        let new = ActorId(*first);
        if let Some(younger) = { self.joined.remove(&new) }.and_then(|of| self.younger.get_mut(&of))
        {
            younger.retain(|one| *one != new);
        }
        self.moved
            .extend(sessions.iter().map(|session| (*session, new)));
        self.apart.insert((old.min(new), old.max(new)));
    }

    fn root(&self, mut actor: ActorId) -> ActorId {
        while let Some(older) = self.joined.get(&actor) {
            actor = *older;
        }
        actor
    }

    /// Whether the operator said that these are two.
    #[must_use]
    pub fn are_apart(&self, one: ActorId, other: ActorId) -> bool {
        let (one, other) = (self.root(one), self.root(other));
        self.apart.iter().any(|(first, second)| {
            let (first, second) = (self.root(*first), self.root(*second));
            (first, second) == (one, other) || (second, first) == (one, other)
        })
    }

    /// Whose a session is now that was linked to `actor` when it came.
    #[must_use]
    pub fn of(&self, actor: ActorId, session: Option<TripId>) -> ActorId {
        let moved = session.and_then(|session| self.moved.get(&session));
        self.root(moved.copied().unwrap_or(actor))
    }

    /// The actors under which trips of `actor` may have been put when they came, itself first.
    #[must_use]
    pub fn parts(&self, actor: ActorId) -> Vec<ActorId> {
        let mut parts = vec![self.root(actor)];
        let mut at = 0;
        while let Some(part) = parts.get(at) {
            parts.extend(self.younger.get(part).into_iter().flatten());
            at += 1;
        }
        parts.sort_unstable();
        parts
    }

    /// The sessions that the operator moved, and to whom.
    pub fn moved(&self) -> impl Iterator<Item = (TripId, ActorId)> {
        self.moved
            .iter()
            .map(|(session, actor)| (*session, self.root(*actor)))
    }

    /// The actors that the operator said an actor is not.
    pub fn apart_from(&self, actor: ActorId) -> impl Iterator<Item = ActorId> {
        let root = self.root(actor);
        self.apart.iter().filter_map(move |(one, other)| {
            let (one, other) = (self.root(*one), self.root(*other));
            match (one == root, other == root) {
                (true, false) => Some(other),
                (false, true) => Some(one),
                _ => None,
            }
        })
    }

    /// Whether sessions were moved out of or into an actor.
    #[must_use]
    pub fn touches(&self, actor: ActorId) -> bool {
        self.apart_from(actor).next().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StationId;

    fn trip(sequence: u64) -> TripId {
        TripId {
            station: StationId::new(1),
            sequence,
        }
    }

    fn actor(sequence: u64) -> ActorId {
        ActorId(trip(sequence))
    }

    fn decided(seconds: i64, verb: Verb) -> Decision {
        Decision {
            time: Timestamp::from_micros(0).plus_seconds(seconds),
            verb,
        }
    }

    fn merge(seconds: i64, actors: &[u64]) -> Decision {
        let actors = actors.iter().map(|one| actor(*one)).collect();
        decided(
            seconds,
            Verb::Merge {
                actors,
                reason: "the same mistake in both".to_owned(),
                by: "admin".to_owned(),
            },
        )
    }

    fn split(seconds: i64, from: u64, sessions: &[u64]) -> Decision {
        decided(
            seconds,
            Verb::Split {
                actor: actor(from),
                sessions: sessions.iter().map(|one| trip(*one)).collect(),
                reason: "a shared exit".to_owned(),
                by: "admin".to_owned(),
            },
        )
    }

    #[test]
    fn words_of_likelihood_are_those_of_the_directive() {
        for (centibits, words) in [
            (-900, "almost no chance"),
            (-300, "very unlikely"),
            (-100, "unlikely"),
            (0, "roughly even chance"),
            (100, "likely"),
            (300, "very likely"),
            (500, "almost certain"),
            (i32::MAX, "almost certain"),
            (i32::MIN, "almost no chance"),
        ] {
            assert_eq!(Likelihood::of_centibits(centibits).words(), words);
        }
    }

    #[test]
    fn joined_actors_go_by_the_oldest() {
        let hands = Hands::new([(actor(5), actor(9)), (actor(9), actor(2))], &[], None);
        for one in [2, 5, 9] {
            assert_eq!(hands.of(actor(one), None), actor(2));
        }
        assert_eq!(hands.parts(actor(9)), [actor(2), actor(5), actor(9)]);
        assert_eq!(hands.of(actor(7), None), actor(7));
    }

    #[test]
    fn what_the_operator_took_apart_no_evidence_joins() {
        let decisions = [split(10, 2, &[6, 4])];
        let mut hands = Hands::new([], &decisions, None);
        assert_eq!(hands.of(actor(2), Some(trip(6))), actor(4));
        assert_eq!(hands.of(actor(2), Some(trip(3))), actor(2));
        assert!(!hands.join(actor(4), actor(2)));
        assert!(hands.join(actor(4), actor(8)));
        assert!(!hands.join(actor(8), actor(2)), "nor by way of a third");
        assert_eq!(hands.of(actor(2), Some(trip(6))), actor(4));
        let before = Hands::new([], &decisions, Some(Timestamp::from_micros(0)));
        assert_eq!(before, Hands::default());
    }

    #[test]
    fn the_operators_later_word_counts() {
        let decisions = [split(10, 2, &[4]), merge(20, &[2, 4])];
        let hands = Hands::new([], &decisions, None);
        assert_eq!(hands.of(actor(2), Some(trip(4))), actor(2));
        let decisions = [merge(10, &[2, 4]), split(20, 2, &[4])];
        let hands = Hands::new([], &decisions, None);
        assert_eq!(hands.of(actor(4), Some(trip(4))), actor(4));
        assert_eq!(hands.parts(actor(4)), [actor(4)]);
        assert_eq!(hands.parts(actor(2)), [actor(2)]);
        // an actor's own first session leaves under another's name
        let hands = Hands::new([], &[split(10, 2, &[2, 6])], None);
        assert_eq!(hands.of(actor(2), Some(trip(2))), actor(6));
        assert_eq!(hands.of(actor(2), Some(trip(3))), actor(2));
    }
}
