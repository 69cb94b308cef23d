//! The words of lapwing as types: canaries, places, trips and what is concluded from them.
//!
//! This crate does no network or database I/O, knows no async runtime, no SQL and no HTTP. The
//! clock, randomness and keys come in as arguments. Every other crate speaks in these types.

pub mod bounded;
pub mod canary;
pub mod conclusion;
pub mod credential;
pub mod custody;
pub mod decision;
pub mod delivery;
pub mod host;
pub mod id;
pub mod incident;
pub mod keeping;
pub mod language;
pub mod link;
pub mod network;
pub mod phrase;
pub mod place;
pub mod secret;
pub mod text;
pub mod time;
pub mod trip;

pub use canary::{Canary, Trigger};
pub use conclusion::{
    Actor, Conclusion, Evidence, Grade, Incident, IncidentState, Judgement, Listed, NetworkClass,
    NetworkFacts, NetworkLine, Tool, Untold, Verdict,
};
pub use credential::{Credential, May};
pub use custody::{Handout, handouts};
pub use decision::{Decision, Mute, Publication, Published, Verb, drill_nonce, mutes, published};
pub use delivery::{Delivery, DeliveryState, Occasion};
pub use host::Host;
pub use id::{
    ActorId, CanaryId, EraseId, HoldId, IdError, IncidentId, MuteId, PlacementId, ReportId,
    StationId, TripId,
};
pub use incident::{Handled, Handling, Handlings, Ruling};
pub use keeping::{
    Ages, Cover, Erase, Erased, Erasure, Hold, HoldOn, Holds, Part, What, Why, erasures, holds,
    pending, why_erased,
};
pub use language::Language;
pub use link::{Bridge, Case, Confidence, Edge, Group, Hands, Likelihood, Session};
pub use network::{
    Agreement, Dissent, Found, Registration, ReverseName, Snapshot, TorExit, WasExit,
};
pub use place::{Asked, Declared, Placement, PlacementState, Site};
pub use secret::{Digest, Keyring, MasterKey, SealError};
pub use time::{Clock, SystemClock, Timestamp};
pub use trip::{Carrier, Claimed, Claims, DecoyOutcome, DecoyRecord, MatchedField, Observed, Trip};
