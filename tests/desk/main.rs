//! The desk through the built binary: the operator's applications ask, other hosts report, jobs have bait
//! minted; judged with nginx, sshd and the clients of the examples.

#![expect(
    clippy::unwrap_used,
    reason = "these are tests: what is not there fails them"
)]

mod bundles;
mod checks;
mod clients;
mod declared;
mod minting;
mod other;
mod proxies;
mod ssh;
mod stage;
