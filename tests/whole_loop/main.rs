//! The whole loop through the built binary: init, mint, plant, listen, trip, alert, report, uproot,
//! as an operator and an intruder meet it. One module a theme; `bait` holds what they share.

#![expect(
    clippy::unwrap_used,
    reason = "these are tests: what is not there fails them"
)]

mod alerts;
mod bait;
mod bundles;
mod databases;
mod declared;
mod decoys;
mod demo;
mod drills;
mod evidence;
mod exclusions;
mod feeds;
mod fleet;
mod formats;
mod geography;
mod health;
mod likeness;
mod minting;
mod orphans;
mod planting;
mod publishing;
mod recommending;
mod records;
mod redis;
mod reports;
mod rotating;
mod scanning;
mod servers;
mod setup;
mod thief;
mod tripping;
