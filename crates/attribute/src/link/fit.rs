//! Which earlier sessions a new one is held against, and which actors it fits as a whole.

use std::borrow::Borrow;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::slice;
use std::sync::Arc;

use lapwing_core::phrase::link as say;
use lapwing_core::{ActorId, Evidence, Grade, Session, TripId};

use super::notes::{EXAMPLES, Had};
use super::scored::{LINK, Step, Traits};
use super::signals::{self, CANARY, KEY, PLACE};
use super::weigh::{self, LIKELY, Scales, Weighed};

/// From these odds on, before caps, two actors are joined.
const JOIN: i32 = 200;
/// What the odds against an actor's other sessions must come to on average.
const AVERAGE: i32 = -320;
/// One session weighs for or against an actor at most so much there.
const EACH: i32 = 600;
/// Sessions that a new one is held against at most.
const CANDIDATES: usize = 24;
/// A value that more hands share finds nobody.
const TOO_COMMON: u32 = 64;

/// An earlier session, whose it is now, and what it weighs.
pub(super) struct Candidate {
    pub(super) session: Arc<Session>,
    pub(super) actor: ActorId,
    pub(super) centibits: i32,
    pub(super) raw: i32,
    pub(super) supports: usize,
    /// How much less is stated because others are as likely, in hundredths of a bit.
    pub(super) rivals: i32,
    /// What was weighed; else what is known otherwise.
    pub(super) weighed: Result<Weighed, Vec<Evidence>>,
}

impl Candidate {
    pub(super) fn evidence(&self, later: &Session) -> Vec<Evidence> {
        let mut evidence = match &self.weighed {
            Ok(weighed) => weigh::explain(weighed, later, &self.session),
            Err(said) => said.clone(),
        };
        if self.rivals > 0 {
            evidence.push(Evidence {
                signal: "rivals".to_owned(),
                detail: say::RIVALS.text(),
                to: Some(self.session.id),
                grade: Grade::A1,
                group: None,
                centibits: -self.rivals,
            });
        }
        evidence
    }
}

impl Step<'_> {
    /// Earlier sessions that share a value by which sessions are found: those that share most, then the newest.
    pub(super) fn candidates(&self, session: &Session, by: &Traits) -> Vec<Candidate> {
        let mut shared: BTreeMap<TripId, (usize, ActorId)> = BTreeMap::new();
        for (name, value) in by {
            let found_by = signals::find(name).is_some_and(|signal| signal.found_by);
            if !found_by {
                continue;
            }
            let known = self.notes.value(name, value);
            if known.hands > TOO_COMMON && name != CANARY && name != PLACE {
                continue;
            }
            for Had(session, actor, _) in &known.recent {
                shared.entry(*session).or_insert((0, *actor)).0 += 1;
            }
        }
        shared.remove(&session.id);
        let mut shared: Vec<_> = shared.into_iter().collect();
        shared.sort_by_key(|(id, (count, _))| Reverse((*count, *id)));
        shared.truncate(CANDIDATES);
        let scales = Scales::new(self.notes, session);
        let weigh = |(id, (_, actor)): (TripId, (usize, ActorId))| {
            let earlier = self.notes.session(id)?;
            let weighed = scales.weigh(&earlier);
            let actor = self.notes.hand_of(actor, id);
            (!earlier.apart).then_some(Candidate {
                session: earlier,
                actor,
                centibits: weighed.centibits,
                raw: weighed.raw,
                supports: weighed.supports,
                rivals: 0,
                weighed: Ok(weighed),
            })
        };
        let mut candidates: Vec<_> = shared.into_iter().filter_map(weigh).collect();
        sort(&mut candidates);
        self.settle(session, &mut candidates);
        candidates
    }

    /// If a session may belong to several actors that are known to be different people, it is less likely any one's.
    fn settle(&self, session: &Session, candidates: &mut [Candidate]) {
        let mut likely = candidates.iter().filter(|one| one.centibits >= LINK);
        let first = likely.next().map(|one| one.actor);
        if likely.all(|one| Some(one.actor) == first) {
            return;
        }
        let choices = self.choices(session, candidates);
        let choices: Vec<_> = { choices.iter() }
            .map(|one| (one.actor, one.centibits, self.examples(one.actor)))
            .collect();
        for (actor, _, examples) in &choices {
            let rivals = { choices.iter() }.filter(|(_, _, other)| are_two(examples, other));
            let odds: f64 = rivals
                .map(|(_, centibits, _)| f64::exp2(f64::from(*centibits) / 100.0))
                .sum();
            let less = ((1.0 + odds).log2() * 100.0).round() as i32;
            for candidate in candidates.iter_mut().filter(|one| one.actor == *actor) {
                candidate.centibits -= less;
                candidate.rivals = less;
            }
        }
        sort(candidates);
    }

    /// Of each actor that a session may belong to the likeliest candidate, the likeliest first.
    pub(super) fn choices<'c>(
        &self,
        session: &Session,
        candidates: &'c [Candidate],
    ) -> Vec<&'c Candidate> {
        let scales = Scales::new(self.notes, session);
        let mut choices: Vec<&Candidate> = Vec::new();
        let mut seen: Vec<ActorId> = Vec::new();
        for candidate in { candidates.iter() }.take_while(|one| one.centibits >= LINK) {
            if seen.contains(&candidate.actor) {
                continue;
            }
            seen.push(candidate.actor);
            if self.fits(session, candidate.actor, &scales) {
                choices.push(candidate);
            }
        }
        choices
    }

    /// Whether a session fits an actor as a whole.
    fn fits(&self, session: &Session, actor: ActorId, scales: &Scales<'_>) -> bool {
        let examples = self.examples(actor);
        if are_two(slice::from_ref(session), &examples) {
            return false;
        }
        let each = examples.iter().filter(|one| one.id != session.id);
        average(each.map(|one| scales.weigh(one)))
    }

    fn examples(&self, actor: ActorId) -> Vec<Arc<Session>> {
        let hand = self.notes.hand(actor);
        let sessions = { hand.examples.iter() }.filter_map(|id| self.notes.session(*id));
        sessions
            .filter(|session| self.notes.hand_of(session.actor, session.id) == actor)
            .collect()
    }

    /// Which of these actors turn out to be the same as `actor`: what ties each is likely, rests on two sorts of
    /// evidence that weigh enough, and fits as a whole.
    pub(super) fn joins(
        &self,
        session: &Session,
        actor: ActorId,
        choices: &[&Candidate],
    ) -> Vec<(ActorId, ActorId)> {
        let mut joins = Vec::new();
        for choice in choices {
            let strong = choice.centibits >= LIKELY && choice.raw >= JOIN && choice.supports > 1;
            let apart = || self.notes.are_apart(actor, choice.actor);
            if strong && choice.actor != actor && !apart() && self.fit(session, actor, choice.actor)
            {
                joins.push((actor, choice.actor));
                self.merge_hands(actor, choice.actor);
            }
        }
        joins
    }

    /// Whether two actors, a new session of the first among them, fit each other as a whole.
    fn fit(&self, session: &Session, one: ActorId, other: ActorId) -> bool {
        let (mut ours, theirs) = (self.examples(one), self.examples(other));
        ours.retain(|known| known.id != session.id);
        ours.push(Arc::new(session.clone()));
        if are_two(&ours, &theirs) {
            return false;
        }
        let both = [(&ours, &theirs), (&theirs, &ours)];
        average(both.into_iter().flat_map(|(these, those)| {
            these.iter().flat_map(move |later| {
                let scales = Scales::new(self.notes, later);
                let is_earlier =
                    |one: &&Arc<Session>| (one.first, one.id) < (later.first, later.id);
                let weighed = those.iter().filter(is_earlier).map(|one| scales.weigh(one));
                weighed.collect::<Vec<_>>()
            })
        }))
    }

    /// The older actor stands for both from now on: its examples are both's. Its chain of sessions stays its own.
    pub(super) fn merge_hands(&self, one: ActorId, other: ActorId) {
        let (older, younger) = (one.min(other), one.max(other));
        let (mut hand, theirs) = (self.notes.hand(older), self.notes.hand(younger));
        hand.examples.truncate(EXAMPLES / 2);
        hand.examples
            .extend(theirs.examples.into_iter().take(EXAMPLES / 2));
        self.notes.put_hand(older, &hand);
    }
}

/// The likeliest first.
fn sort(candidates: &mut [Candidate]) {
    candidates.sort_by_key(|one| Reverse((one.centibits, one.raw, one.session.id)));
}

/// Whether both have shown public keys, and none in common: two people, or one who took care to be.
fn are_two(ours: &[impl Borrow<Session>], theirs: &[impl Borrow<Session>]) -> bool {
    fn keys(sessions: &[impl Borrow<Session>]) -> impl Iterator<Item = &str> {
        let traits = sessions.iter().flat_map(|one| &one.borrow().traits);
        traits
            .filter(|(name, _)| name == KEY)
            .map(|(_, key)| key.as_str())
    }
    let ours: Vec<&str> = keys(ours).collect();
    let mut theirs = keys(theirs).peekable();
    !ours.is_empty() && theirs.peek().is_some() && !theirs.any(|key| ours.contains(&key))
}

/// Whether the odds come to enough on average.
fn average(weighed: impl Iterator<Item = Weighed>) -> bool {
    let (mut sum, mut count) = (0_i64, 0_i64);
    for one in weighed {
        sum += i64::from(one.raw.clamp(-EACH, EACH));
        count += 1;
    }
    count == 0 || sum >= i64::from(AVERAGE) * count
}
