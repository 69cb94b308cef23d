//! A station as an operator runs it: privileges given up, locked in, started by systemd, watched by Prometheus;
//! judged from outside, with gdb, systemd's and Prometheus' own programs.

#![expect(
    clippy::unwrap_used,
    reason = "these are tests: what is not there fails them"
)]

mod gdb;
mod monitoring;
mod privileges;
mod sandbox;
mod status;
mod supervised;
mod units;
