//! What is remembered between trips, as text under names. The caller stores it and knows nothing of it.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use lapwing_core::{ActorId, Edge, Session, Timestamp, TripId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Memory;

/// Hands that are remembered with a value at most, the newest.
pub(super) const RECENT: usize = 8;
/// Sessions that an actor is held against as a whole at most.
pub(super) const EXAMPLES: usize = 8;

/// A value of a signal.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Value {
    /// How many hands had it.
    pub(super) hands: u32,
    /// Whether it is a program's as it comes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) stock: bool,
    /// The newest session of each of the newest hands, newest last.
    pub(super) recent: Vec<Had>,
}

/// A session that had a value: which, whose, when.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Had(pub(super) TripId, pub(super) ActorId, pub(super) Timestamp);

/// A session that may still go on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Going {
    pub(super) session: TripId,
    pub(super) actor: ActorId,
    /// The newest trip of it, and when that was.
    pub(super) trip: TripId,
    pub(super) last: Timestamp,
    /// Digest of the newest trip's traits: in a flood they are all the same.
    pub(super) traits: u64,
    /// How often new traits were looked into.
    pub(super) looked: u8,
}

/// An actor.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Hand {
    /// Its newest session.
    pub(super) newest: Option<TripId>,
    /// Sessions that stand for it: the first ones and the newest ones.
    pub(super) examples: Vec<TripId>,
}

/// Sessions as they were read last, each with the text it was read from. The same ones are asked for again and again.
#[derive(Default)]
pub(super) struct Read(Mutex<HashMap<TripId, (String, Arc<Session>)>>);

/// Sessions kept so.
const KEPT: usize = 4096;

impl Read {
    fn session(&self, id: TripId, text: &str) -> Option<Arc<Session>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, session)) = kept.get(&id).filter(|(known, _)| known == text) {
            return Some(Arc::clone(session));
        }
        let session: Arc<Session> = serde_json::from_str(text).ok().map(Arc::new)?;
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(id, (text.to_owned(), Arc::clone(&session)));
        Some(session)
    }

    pub(super) fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = HashMap::new();
    }
}

/// Notes as types, with what was written over what was stored.
pub(super) struct Notes<'a> {
    memory: &'a dyn Memory,
    read: &'a Read,
    written: RefCell<BTreeMap<String, String>>,
    values: RefCell<HashMap<(String, String), Rc<Value>>>,
}

impl<'a> Notes<'a> {
    pub(super) fn new(memory: &'a dyn Memory, read: &'a Read) -> Self {
        Self {
            memory,
            read,
            written: RefCell::default(),
            values: RefCell::default(),
        }
    }

    /// What is to be stored.
    pub(super) fn written(&self) -> Vec<(String, String)> {
        self.written.take().into_iter().collect()
    }

    /// Whose a session is now.
    pub(super) fn hand_of(&self, actor: ActorId, session: TripId) -> ActorId {
        self.memory.hands().of(actor, Some(session))
    }

    /// Whether the operator said that these are two.
    pub(super) fn are_apart(&self, one: ActorId, other: ActorId) -> bool {
        self.memory.hands().are_apart(one, other)
    }

    pub(super) fn value(&self, signal: &str, value: &str) -> Rc<Value> {
        let key = (signal.to_owned(), value.to_owned());
        let mut values = self.values.borrow_mut();
        let load = || Rc::new(self.read(&value_name(signal, value)).unwrap_or_default());
        Rc::clone(values.entry(key).or_insert_with(load))
    }

    pub(super) fn put_value(&self, signal: &str, value: &str, note: Value) {
        self.write(value_name(signal, value), &note);
        let key = (signal.to_owned(), value.to_owned());
        self.values.borrow_mut().insert(key, Rc::new(note));
    }

    /// How many pairs of hand and value there are of a signal.
    pub(super) fn pairs(&self, signal: &str) -> u32 {
        self.read(&pairs_name(signal)).unwrap_or_default()
    }

    pub(super) fn put_pairs(&self, signal: &str, pairs: u32) {
        self.write(pairs_name(signal), &pairs);
    }

    /// A session without its edges.
    pub(super) fn session(&self, id: TripId) -> Option<Arc<Session>> {
        let name = session_name(id);
        let written = self.written.borrow();
        match written.get(&name) {
            Some(text) => self.read.session(id, text),
            None => self.read.session(id, &self.memory.note(&name)?),
        }
    }

    pub(super) fn edges(&self, id: TripId) -> Vec<Edge> {
        self.read(&edges_name(id)).unwrap_or_default()
    }

    /// Keeps a session, and its edges beside it: they are looked at by people only.
    pub(super) fn put_session(&self, session: &mut Session) {
        let edges = std::mem::take(&mut session.edges);
        self.write(session_name(session.id), session);
        if !edges.is_empty() {
            self.write(edges_name(session.id), &edges);
        }
        session.edges = edges;
    }

    pub(super) fn going(&self, key: &str) -> Option<Going> {
        self.read(&going_name(key))
    }

    pub(super) fn put_going(&self, key: &str, going: &Going) {
        self.write(going_name(key), going);
    }

    pub(super) fn hand(&self, actor: ActorId) -> Hand {
        self.read(&hand_name(actor)).unwrap_or_default()
    }

    pub(super) fn put_hand(&self, actor: ActorId, hand: &Hand) {
        self.write(hand_name(actor), hand);
    }

    /// A note that cannot be read is as good as none: the index is derived, and can be derived again.
    fn read<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let written = self.written.borrow();
        match written.get(name) {
            Some(text) => serde_json::from_str(text).ok(),
            None => serde_json::from_str(&self.memory.note(name)?).ok(),
        }
    }

    fn write<T: Serialize>(&self, name: String, note: &T) {
        let mut text = Vec::with_capacity(512);
        serde_json::to_writer(&mut text, note).expect("notes are plain data");
        let text = String::from_utf8(text).expect("JSON is UTF-8");
        self.written.borrow_mut().insert(name, text);
    }
}

/// The session with this name, out of the notes that `note` looks up by their names.
///
/// # Errors
/// Those of `note`.
pub fn session<E>(
    id: TripId,
    note: impl Fn(&str) -> Result<Option<String>, E>,
) -> Result<Option<Session>, E> {
    let read = note(&session_name(id))?;
    let Some(mut session) = read.and_then(|text| serde_json::from_str::<Session>(&text).ok())
    else {
        return Ok(None);
    };
    let edges = note(&edges_name(id))?;
    session.edges = edges
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    Ok(Some(session))
}

pub(super) fn value_name(signal: &str, value: &str) -> String {
    format!("v/{signal}/{value}")
}

pub(super) fn pairs_name(signal: &str) -> String {
    format!("n/{signal}")
}

pub(super) fn going_name(key: &str) -> String {
    format!("g/{key}")
}

/// How the names of notes on sessions begin.
pub const SESSIONS: &str = "s/";

/// The name under which a session is noted.
#[must_use]
pub fn session_name(id: TripId) -> String {
    format!("{SESSIONS}{id}")
}

/// Client fingerprints of a session.
pub fn fingerprints(session: &Session) -> impl Iterator<Item = &String> {
    let traits = session.traits.iter();
    traits
        .filter(|(signal, _)| signal == super::signals::FINGERPRINT)
        .map(|(_, value)| value)
}

fn edges_name(id: TripId) -> String {
    format!("e/{id}")
}

pub(super) fn hand_name(actor: ActorId) -> String {
    format!("a/{actor}")
}

/// The newest session of an actor, out of the note of this name.
#[must_use]
pub fn newest_session(note: &str) -> Option<TripId> {
    serde_json::from_str::<Hand>(note).ok()?.newest
}

/// The name under which an actor is noted.
#[must_use]
pub fn actor_name(actor: ActorId) -> String {
    hand_name(actor)
}
