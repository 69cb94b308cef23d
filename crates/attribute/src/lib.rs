//! Attribution: where a network is said to be, what a trip probably is, and which trips look like
//! one hand.
//!
//! Works on trips as they were recorded and on data files; opens no socket, asks nobody, and does
//! not know how trips are stored. Whatever it concludes comes with its source, its date or its
//! reason, and can be concluded again from the same trip.

pub mod crawlers;
pub mod exits;
mod facts;
mod geography;
mod link;
pub mod lists;
mod lookup;
mod programs;
#[cfg(test)]
mod said;
#[cfg(test)]
mod samples;
mod special;
mod systems;
mod tools;
mod verdict;

pub use crawlers::Crawlers;
pub use exits::{ExitList, Exits, ExitsError};
pub use facts::TripFacts;
pub use geography::{
    Announced, Comparison, Coverage, Geography, GeographyError, Pair, Source, compare,
    verify_location,
};
pub use link::{
    Forgetting, Linked, Linker, Memory, SESSIONS, Scored, Seen, Signals, actor_name, case_of,
    fingerprints, is_said, newest_session, session, session_name,
};
pub use lists::Lists;
pub use lookup::{Earlier, NAMED, named};
pub use special::special;
pub use tools::tool;
pub use verdict::{RULES_VERSION, Rules, judge};
