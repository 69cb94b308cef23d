//! Whether programs that others wrote take our credentials for real ones: secret scanners recognise each
//! kind as they recognise the genuine format, and a spoilt checksum or a naive minter is told from ours.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests, on files of their own"
)]

#[path = "allow.rs"]
mod allow;
#[path = "auditor.rs"]
mod auditor;
#[path = "controls.rs"]
mod controls;
#[path = "live.rs"]
mod live;
#[path = "recognition.rs"]
mod recognition;
#[path = "samples.rs"]
mod samples;
#[path = "scanners.rs"]
mod scanners;
