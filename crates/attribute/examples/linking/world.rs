//! Links a world as a station does, and holds what is stated against the truth.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use lapwing_attribute::{Earlier, Linker as _, Memory, Scored, Seen, Signals, TripFacts, session};
use lapwing_core::{ActorId, Hands, Session, Timestamp, TripId};
use sha2::{Digest as _, Sha256};

use crate::generate::Event;
use crate::metrics::Stated;

/// What came out of a world.
pub(crate) struct Answer {
    /// The actor of each trip, by number.
    pub(crate) actors: Vec<usize>,
    /// Hand and actor of each session.
    pub(crate) sessions: Vec<(u32, usize)>,
    pub(crate) stated: Stated,
}

/// A memory as the index keeps it.
#[derive(Default)]
pub(crate) struct Kept {
    notes: HashMap<String, String>,
    signals: HashMap<(String, String), Seen>,
    hands: Hands,
}

impl Signals for Kept {
    fn get(&self, signal: &str, value: &str) -> Option<Seen> {
        self.signals
            .get(&(signal.to_owned(), value.to_owned()))
            .copied()
    }
}

impl Memory for Kept {
    fn note(&self, name: &str) -> Option<String> {
        self.notes.get(name).cloned()
    }

    fn hands(&self) -> &Hands {
        &self.hands
    }
}

/// The linker under test.
pub(crate) fn linker() -> Scored {
    let known: RefCell<HashMap<String, String>> = RefCell::default();
    let known = std::sync::Mutex::new(known.into_inner());
    Scored::new(move |said| {
        let mut known = known.lock().expect("nothing panics while holding it");
        if let Some(digest) = known.get(said) {
            return digest.clone();
        }
        let digest = Sha256::digest(said);
        let digest: String = digest[..16]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        known.insert(said.to_owned(), digest.clone());
        digest
    })
}

impl Kept {
    /// Links one trip: its actor then, and its session.
    pub(crate) fn take(&mut self, event: &Event, linker: &Scored) -> (ActorId, TripId) {
        let facts = TripFacts {
            trip: &event.trip,
            network: &event.network,
            canary_class: "credential",
            drill: false,
            earlier: Earlier::of(&event.trip, self),
            place: Some(&event.place),
        };
        let linked = linker.link(&facts, self);
        self.notes.extend(linked.notes);
        let seen = Seen {
            actor: linked.actor,
            trip: linked.session,
            time: event.trip.observed.time,
        };
        for signal in linked.learn {
            self.signals.insert(signal, seen);
        }
        for (one, other) in linked.joins {
            self.hands.join(one, other);
        }
        (linked.actor, linked.session)
    }

    /// Bytes of what is kept, about.
    pub(crate) fn size(&self) -> usize {
        self.notes
            .iter()
            .map(|(name, note)| name.len() + note.len())
            .sum()
    }

    fn session(&self, id: TripId) -> Option<Session> {
        let note = |name: &str| Ok::<_, std::convert::Infallible>(self.notes.get(name).cloned());
        session(id, note).ok().flatten()
    }
}

pub(crate) fn link(events: &[Event]) -> Answer {
    let linker = linker();
    let mut kept = Kept::default();
    let linked: Vec<_> = events
        .iter()
        .map(|event| kept.take(event, &linker))
        .collect();
    let mut numbers: HashMap<ActorId, usize> = HashMap::new();
    let mut number = |actor: ActorId| {
        let next = numbers.len();
        *numbers.entry(actor).or_insert(next)
    };
    let mut sessions: BTreeMap<TripId, (u32, usize)> = BTreeMap::new();
    let mut actors = Vec::with_capacity(events.len());
    for (event, (actor, session)) in events.iter().zip(&linked) {
        let actor = number(kept.hands.of(*actor, Some(*session)));
        actors.push(actor);
        sessions.entry(*session).or_insert((event.hand, actor));
    }
    let stated = stated(&kept, &sessions);
    Answer {
        actors,
        sessions: sessions.into_values().collect(),
        stated,
    }
}

/// Every session's likeliest link against the truth, and pairs within an actor by their weakest link.
fn stated(kept: &Kept, sessions: &BTreeMap<TripId, (u32, usize)>) -> Stated {
    let mut stated = Stated::default();
    let mut links = Vec::new();
    for (id, (hand, actor)) in sessions {
        let Some(session) = kept.session(*id) else {
            continue;
        };
        if let Some(edge) = session.edges.first() {
            stated.link(edge.likelihood(), sessions[&edge.to].0 == *hand);
        }
        for edge in session.edges {
            if edge.centibits >= 0 && sessions[&edge.to].1 == *actor {
                links.push((edge.likelihood(), *id, edge.to));
            }
        }
    }
    links.sort_by_key(|(likelihood, ..)| std::cmp::Reverse(*likelihood));
    // Each link, from the strongest down, ties two groups: it is the weakest between any two of them.
    let mut groups: HashMap<TripId, TripId> = HashMap::new();
    let mut members: HashMap<TripId, HashMap<u32, f64>> = HashMap::new();
    for (id, (hand, _)) in sessions {
        members.insert(*id, [(*hand, 1.0)].into());
    }
    for (likelihood, one, other) in links {
        let (one, other) = (root(&groups, one), root(&groups, other));
        if one == other {
            continue;
        }
        let ours = members.remove(&one).unwrap_or_default();
        let theirs = members.entry(other).or_default();
        if likelihood.per_mille() >= 800 {
            let all = ours.values().sum::<f64>() * theirs.values().sum::<f64>();
            let same: f64 = { ours.iter() }
                .map(|(hand, count)| count * theirs.get(hand).unwrap_or(&0.0))
                .sum();
            stated.pairs(all, all - same);
        }
        for (hand, count) in ours {
            *theirs.entry(hand).or_default() += count;
        }
        groups.insert(one, other);
    }
    stated
}

fn root(groups: &HashMap<TripId, TripId>, mut one: TripId) -> TripId {
    while let Some(next) = groups.get(&one) {
        one = *next;
    }
    one
}

/// Moves a time, for worlds put one behind the other.
pub(crate) fn later(time: Timestamp, seconds: i64) -> Timestamp {
    time.plus_seconds(seconds)
}
