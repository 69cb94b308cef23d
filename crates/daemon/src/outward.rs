//! What goes outward because the operator asked for it: fetching geography, and look-ups about an address. Nothing here
//! is done by a running station, and nothing is asked that no setting or command names.
//!
//! Rule: whatever is contacted is on the list (`outward.jsonl` in the data directory) before it is contacted, and no
//! connection is ever made to the address that a look-up is about.

mod list;

pub mod client;
pub mod dns;
pub mod rdap;
pub mod snapshots;

pub use list::{Asked, List, Outward, Removed, Unlisted};
