//! The linker: scores sessions against earlier ones and against actors as a whole.
//!
//! A session is what one program does with one bait from one network in one go. A new one is held against those that
//! share a value of a signal that sessions are found by, so a trip costs no more than its candidates. It joins the
//! actor of the likeliest, unless the actor as a whole does not fit (else a chain of weak likenesses would make one
//! actor of everybody); if it ties two actors together, they turn out to be one.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use lapwing_core::phrase::{Phrase, link as say};
use lapwing_core::{ActorId, Edge, Evidence, Grade, Group, Session, Trip, TripId};

use super::fit::Candidate;
use super::network;
use super::notes::{EXAMPLES, Going, Had, Notes, RECENT, Read, Value};
use super::signals::{self, Digest, Stock};
use super::weigh::{LIKELY, PRIOR};
use super::{Linked, Linker, Memory, Seen};
use crate::facts::TripFacts;
use crate::lookup;

/// Trips further apart are another session, in seconds.
const SESSION: i64 = 1800;
/// From these odds on a session is linked, in hundredths of a bit: more likely than not.
pub(super) const LINK: i32 = 30;
/// Links kept with a session at most, and how likely they must be.
const EDGES: usize = 8;
const WORTH_KEEPING: i32 = -200;
/// Traits of one session at most.
const TRAITS: usize = 64;
/// How often a session is looked into again because it shows something new.
const LOOKS: u8 = 8;

/// Links by scores.
pub struct Scored {
    pub(super) digest: Box<Digest>,
    read: Read,
}

impl Scored {
    /// `digest` turns what a peer said into what stands for it in notes, always the same: a keyed digest.
    pub fn new(digest: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Self {
            digest: Box::new(digest),
            read: Read::default(),
        }
    }
}

impl std::fmt::Debug for Scored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scored")
    }
}

impl Linker for Scored {
    fn link(&self, facts: &TripFacts<'_>, memory: &dyn Memory) -> Linked {
        let traits = signals::traits(facts, &*self.digest);
        let step = Step {
            facts,
            stock: Stock::of(facts),
            notes: &Notes::new(memory, &self.read),
        };
        let mut linked = if facts.drill {
            step.apart(traits, say::DRILL_APART)
        } else if lookup::echo_of(facts).is_some() {
            step.apart(traits, say::ECHO_APART)
        } else {
            step.link(traits)
        };
        if !facts.drill && lookup::echo_of(facts).is_none() {
            linked.learn.extend(lookup::learned(facts));
        }
        linked
    }

    fn rest(&self) {
        self.read.forget();
    }
}

pub(super) type Traits = Vec<(String, String)>;

/// One trip on its way.
pub(super) struct Step<'a> {
    facts: &'a TripFacts<'a>,
    stock: Stock,
    pub(super) notes: &'a Notes<'a>,
}

impl Step<'_> {
    fn link(&self, traits: Traits) -> Linked {
        let key = key(self.facts.trip);
        let now = self.facts.trip.observed.time;
        let going = self.notes.going(&key);
        match going.filter(|going| now.seconds_since(going.last).abs() <= SESSION) {
            Some(going) => self.go_on(&key, going, traits),
            None => self.begin(&key, traits),
        }
    }

    /// One more trip of a session.
    fn go_on(&self, key: &str, mut going: Going, traits: Traits) -> Linked {
        let trip = self.facts.trip;
        let before = going.trip;
        let seconds = trip.observed.time.seconds_since(going.last);
        let actor = self.notes.hand_of(going.actor, going.session);
        let mut joins = Vec::new();
        let digest = digest(&traits);
        if digest != going.traits && going.looked < LOOKS {
            going.looked += 1;
            joins = self.look_again(going.session, actor, traits);
        }
        going.traits = digest;
        going.trip = trip.id;
        going.last = going.last.max(trip.observed.time);
        self.notes.put_going(key, &going);
        let evidence = Evidence {
            signal: "session".to_owned(),
            detail: say::SESSION.with(&[("APART", &after(seconds, before))]),
            to: Some(before),
            grade: Grade::A1,
            group: None,
            centibits: 0,
        };
        Linked {
            actor,
            session: going.session,
            evidence: vec![evidence],
            learn: Vec::new(),
            notes: Vec::new(),
            joins,
        }
        .with(self.notes)
    }

    /// A session shows something new: does that tie its actor to another?
    fn look_again(&self, id: TripId, actor: ActorId, traits: Traits) -> Vec<(ActorId, ActorId)> {
        let Some(known) = self.notes.session(id) else {
            return Vec::new();
        };
        let mut session = Session::clone(&known);
        session.edges = self.notes.edges(id);
        let mut new: Traits = { traits.into_iter() }
            .filter(|one| !session.traits.contains(one))
            .collect();
        new.truncate(TRAITS.saturating_sub(session.traits.len()));
        if new.is_empty() {
            return Vec::new();
        }
        session.traits.extend(new.iter().cloned());
        session.traits.sort_unstable();
        let candidates = self.candidates(&session, &new);
        let choices = self.choices(&session, &candidates);
        let joins = self.joins(&session, actor, &choices);
        let taken = |one: &Candidate| {
            one.actor == actor || joins.iter().any(|(_, other)| *other == one.actor)
        };
        keep_edges(&mut session, candidates, taken);
        session.joins.extend(joins.iter().map(|(_, other)| *other));
        self.notes.put_session(&mut session);
        self.learn(&session, &new);
        joins
    }

    /// The first trip of a session.
    fn begin(&self, key: &str, traits: Traits) -> Linked {
        let mut session = self.session(traits.clone());
        let mut candidates = self.candidates(&session, &traits);
        let choices = self.choices(&session, &candidates);
        let mut joins = Vec::new();
        let mut evidence = Vec::new();
        if let Some(best) = choices.first() {
            session.actor = best.actor;
            evidence = best.evidence(&session);
            joins = self.joins(&session, best.actor, &choices[1..]);
        }
        if let Some(follows) = lookup::same_use(self.facts).and_then(|seen| self.follows(seen)) {
            evidence.extend(follows.evidence(&session));
            if choices.is_empty() {
                session.actor = follows.actor;
            } else if session.actor != follows.actor
                && !self.notes.are_apart(session.actor, follows.actor)
            {
                joins.push((session.actor, follows.actor));
                self.merge_hands(session.actor, follows.actor);
            }
            candidates.insert(0, follows);
        }
        if evidence.is_empty() {
            evidence.push(first(say::FIRST));
        }
        let actor = session.actor;
        let taken = |one: &Candidate| {
            one.actor == actor || joins.iter().any(|(_, other)| *other == one.actor)
        };
        keep_edges(&mut session, candidates, taken);
        session.joins = joins.iter().map(|(_, other)| *other).collect();
        self.join_hand(&mut session);
        self.notes.put_session(&mut session);
        self.learn(&session, &traits);
        let trip = self.facts.trip;
        self.notes.put_going(
            key,
            &Going {
                session: session.id,
                actor,
                trip: trip.id,
                last: trip.observed.time,
                traits: digest(&traits),
                looked: 0,
            },
        );
        linked(&session, evidence, joins).with(self.notes)
    }

    /// A session that nothing is ever linked to.
    fn apart(&self, traits: Traits, why: Phrase) -> Linked {
        let mut session = self.session(traits);
        session.apart = true;
        self.join_hand(&mut session);
        self.notes.put_session(&mut session);
        linked(&session, vec![first(why)], Vec::new()).with(self.notes)
    }

    fn session(&self, mut traits: Traits) -> Session {
        let trip = self.facts.trip;
        traits.truncate(TRAITS);
        Session {
            id: trip.id,
            actor: ActorId(trip.id),
            before: None,
            canary: trip.canary,
            first: trip.observed.time,
            traits,
            classes: network::classes(self.facts),
            edges: Vec::new(),
            joins: Vec::new(),
            apart: false,
        }
    }

    /// Notes a session with its actor.
    fn join_hand(&self, session: &mut Session) {
        let mut hand = self.notes.hand(session.actor);
        session.before = hand.newest;
        hand.newest = Some(session.id);
        if hand.examples.len() >= EXAMPLES {
            // The first ones stay: an actor must not drift.
            hand.examples.remove(EXAMPLES / 2);
        }
        hand.examples.push(session.id);
        self.notes.put_hand(session.actor, &hand);
    }

    /// Remembers who had these values.
    fn learn(&self, session: &Session, traits: &Traits) {
        for (name, value) in traits {
            let mut known = Value::clone(&self.notes.value(name, value));
            let is_ours = |Had(id, actor, _): &Had| {
                let same = self.notes.hand_of(*actor, *id) == session.actor;
                same || session.joins.contains(actor)
            };
            let before = known.recent.len();
            known.recent.retain(|had| !is_ours(had));
            if known.recent.len() == before {
                known.hands = known.hands.saturating_add(1);
                let pairs = self.notes.pairs(name).saturating_add(1);
                self.notes.put_pairs(name, pairs);
            }
            let had = Had(session.id, session.actor, session.first);
            known.recent.push(had);
            if known.recent.len() > RECENT {
                known.recent.remove(0);
            }
            known.stock |= self.stock.has(name);
            self.notes.put_value(name, value, known);
        }
    }

    /// The look-up or use that this is the same use as.
    fn follows(&self, seen: Seen) -> Option<Candidate> {
        let session = self.notes.session(seen.trip)?;
        let what = if self.facts.trip.observed.is_relayed() {
            say::LOOKED_UP
        } else {
            say::USED
        };
        let seconds = self.facts.trip.observed.time.seconds_since(seen.time);
        let evidence = Evidence {
            signal: lookup::LOOKUP.to_owned(),
            detail: what.with(&[("APART", &after(seconds, seen.trip))]),
            to: Some(seen.trip),
            grade: Grade::B3,
            group: Some(Group::Bait),
            centibits: LIKELY - PRIOR,
        };
        Some(Candidate {
            actor: self.notes.hand_of(session.actor, session.id),
            session,
            centibits: LIKELY,
            raw: LIKELY,
            supports: 1,
            rivals: 0,
            weighed: Err(vec![evidence]),
        })
    }
}

/// What is one session as long as it goes on.
pub(super) fn key(trip: &Trip) -> String {
    let observed = &trip.observed;
    let source = if observed.knows_source() || observed.is_relayed() {
        network::address(observed.source().ip())
    } else {
        // Nobody was seen: nothing says that it goes on.
        trip.id.to_string()
    };
    let (canary, print) = (trip.canary, &observed.fingerprint);
    format!("{canary}/{}/{source}/{print}", observed.listener)
}

impl Linked {
    fn with(mut self, notes: &Notes<'_>) -> Self {
        self.notes = notes.written();
        self
    }
}

fn linked(session: &Session, evidence: Vec<Evidence>, joins: Vec<(ActorId, ActorId)>) -> Linked {
    Linked {
        actor: session.actor,
        session: session.id,
        evidence,
        learn: Vec::new(),
        notes: Vec::new(),
        joins,
    }
}

/// Keeps the likeliest links with a session.
fn keep_edges(
    session: &mut Session,
    candidates: Vec<Candidate>,
    taken: impl Fn(&Candidate) -> bool,
) {
    let new = { candidates.into_iter() }
        .filter(|one| one.centibits >= WORTH_KEEPING)
        .map(|one| (one.centibits >= LINK && taken(&one), one));
    let mut new: Vec<(bool, Candidate)> = new.collect();
    new.sort_by_key(|(taken, one)| std::cmp::Reverse((*taken, one.centibits, one.session.id)));
    for (taken, one) in new.into_iter().take(EDGES) {
        let edge = Edge {
            to: one.session.id,
            actor: one.actor,
            centibits: one.centibits,
            taken,
            evidence: one.evidence(session),
        };
        session.edges.retain(|known| known.to != edge.to);
        session.edges.push(edge);
    }
    session
        .edges
        .sort_by_key(|edge| std::cmp::Reverse((edge.taken, edge.centibits, edge.to)));
    session.edges.truncate(EDGES);
}

fn digest(traits: &Traits) -> u64 {
    let mut hasher = DefaultHasher::new();
    traits.hash(&mut hasher);
    hasher.finish()
}

fn first(detail: Phrase) -> Evidence {
    Evidence {
        signal: "first".to_owned(),
        detail: detail.text(),
        to: None,
        grade: Grade::A1,
        group: None,
        centibits: 0,
    }
}

/// `42 seconds after trip 0a1b2c3d-17`
fn after(seconds: i64, trip: TripId) -> String {
    let lapse = say::SECONDS.count(seconds, &[]);
    say::AFTER.with(&[("LAPSE", &lapse), ("trip", &trip)])
}
