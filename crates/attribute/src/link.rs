//! Which trips look like one hand.
//!
//! A [`Linker`] is given a trip and a [`Memory`] of earlier ones, and nothing else; it answers with an actor, the
//! evidence for it, and what to remember. So a better rule can replace it without anything around it changing.

mod case;
mod fit;
mod forget;
mod network;
mod notes;
mod scored;
mod signals;
mod weigh;

use lapwing_core::{ActorId, Evidence, Hands, Timestamp, TripId};

use crate::facts::TripFacts;

pub use case::case_of;
pub use forget::{Forgetting, is_said};
pub(crate) use network::address;
pub use notes::{SESSIONS, actor_name, fingerprints, newest_session, session, session_name};
pub use scored::Scored;

/// The newest trip with a certain signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The actor that trip was linked to.
    pub actor: ActorId,
    /// The session it belongs to, by its first trip.
    pub trip: TripId,
    /// When it happened.
    pub time: Timestamp,
}

/// What is remembered of earlier trips. The caller stores, after each trip, every pair in
/// [`Linked::learn`] with that trip's session, its actor and its time.
pub trait Signals {
    /// The newest trip that taught this value of this signal.
    fn get(&self, signal: &str, value: &str) -> Option<Seen>;
}

/// What a linker remembers beside that, and what was decided of actors.
pub trait Memory: Signals {
    /// The text that was stored last under this name.
    fn note(&self, name: &str) -> Option<String>;

    /// Which actors are one or apart, as far as known when the trip came.
    fn hands(&self) -> &Hands;
}

/// What a linker makes of a trip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linked {
    /// Whose it is; named by this very trip if nobody's yet.
    pub actor: ActorId,
    /// The session it belongs to, by its first trip.
    pub session: TripId,
    /// Why, the strongest first; never empty.
    pub evidence: Vec<Evidence>,
    /// Signals (name, value) to remember of it.
    pub learn: Vec<(String, String)>,
    /// Notes (name, text) to store, each in place of the one of that name.
    pub notes: Vec<(String, String)>,
    /// Actors that turn out to be one.
    pub joins: Vec<(ActorId, ActorId)>,
}

/// A rule by which trips are linked into actors. Gives the same answer for the same trip and the
/// same memory.
pub trait Linker: Send + Sync {
    /// Links one trip. Trips come in the order of their journals.
    fn link(&self, facts: &TripFacts<'_>, memory: &dyn Memory) -> Linked;

    /// Gives back what is kept only so that trips which come close together are linked faster.
    fn rest(&self) {}
}

#[cfg(test)]
mod tests;
