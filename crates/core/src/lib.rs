//! The words of lapwing as types: canaries, places, trips and what is concluded from them.
//!
//! This crate does no network or database I/O, knows no async runtime, no SQL and no HTTP. The
//! clock, randomness and keys come in as arguments. Every other crate speaks in these types.

pub mod bounded;
pub mod canary;
pub mod conclusion;
pub mod credential;
pub mod decision;
pub mod delivery;
pub mod host;
pub mod id;
pub mod place;
pub mod secret;
pub mod text;
pub mod time;
pub mod trip;

pub use canary::{Canary, Trigger};
pub use conclusion::{
    Actor, Conclusion, Evidence, Grade, Incident, IncidentState, Judgement, Listed, NetworkClass,
    NetworkFacts, Tool, Untold, Verdict,
};
pub use credential::{Credential, May};
pub use decision::{Decision, Mute, Verb, drill_nonce, mutes};
pub use delivery::{Delivery, DeliveryState, Occasion};
pub use host::Host;
pub use id::{ActorId, CanaryId, IdError, IncidentId, MuteId, PlacementId, StationId, TripId};
pub use place::{Asked, Declared, Placement, PlacementState, Site};
pub use secret::{Digest, Keyring, MasterKey, SealError};
pub use time::{Clock, SystemClock, Timestamp};
pub use trip::{Carrier, Claimed, Claims, DecoyOutcome, DecoyRecord, MatchedField, Observed, Trip};
