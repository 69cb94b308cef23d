//! Geography that is brought up to date, and look-ups that are asked for: with publishers, registries and name servers
//! on loopback, written by others where there are such. Nobody else is ever asked.

#![expect(
    clippy::unwrap_used,
    reason = "these are tests: what is not there fails them"
)]

mod exits;
mod looking;
mod publisher;
mod updating;
