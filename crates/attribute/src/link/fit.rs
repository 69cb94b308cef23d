//! Which earlier sessions a new one is held against, and which actors it fits as a whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use lapwing_core::{ActorId, Evidence, Session, TripId};

use super::notes::{EXAMPLES, Had};
use super::scored::{LINK, Step, Traits};
use super::signals::{self, CANARY, PLACE};
use super::weigh::{self, Scales, Weighed};

/// From these odds on two actors are joined.
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
    /// What was weighed; else what is known otherwise.
    pub(super) weighed: Result<Weighed, Vec<Evidence>>,
}

impl Candidate {
    pub(super) fn evidence(&self, later: &Session) -> Vec<Evidence> {
        match &self.weighed {
            Ok(weighed) => weigh::explain(weighed, later, &self.session),
            Err(said) => said.clone(),
        }
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
        shared.sort_by_key(|(id, (count, _))| std::cmp::Reverse((*count, *id)));
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
                weighed: Ok(weighed),
            })
        };
        let mut candidates: Vec<_> = shared.into_iter().filter_map(weigh).collect();
        candidates.sort_by_key(|one| std::cmp::Reverse((one.centibits, one.raw, one.session.id)));
        candidates
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

    /// Which of these actors turn out to be the same as `actor`: they are likely alone, rest on two sorts of
    /// evidence, and fit as a whole.
    pub(super) fn joins(
        &self,
        session: &Session,
        actor: ActorId,
        choices: &[&Candidate],
    ) -> Vec<(ActorId, ActorId)> {
        let mut joins = Vec::new();
        for choice in choices {
            let strong = choice.centibits >= JOIN && choice.supports > 1;
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

/// Whether the odds come to enough on average.
fn average(weighed: impl Iterator<Item = Weighed>) -> bool {
    let (mut sum, mut count) = (0_i64, 0_i64);
    for one in weighed {
        sum += i64::from(one.raw.clamp(-EACH, EACH));
        count += 1;
    }
    count == 0 || sum >= i64::from(AVERAGE) * count
}
