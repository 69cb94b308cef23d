//! The protocols that intruders reach.
//!
//! A listener reads what a peer sends under deadlines and caps, keeps the bytes exactly as they came,
//! looks for handles of canaries in them and answers as the catalogue or the persona says. The rule
//! it keeps: **record, then answer**. No byte of an answer leaves before the [`TripSink`] says that
//! what was seen is durable, whether it matched anything or not.
//!
//! Life of an HTTP connection: `server` accepts it (`gate` counts it), `connection` takes a PROXY header
//! off (`proxy`) and tells the versions apart; `h1` and `h2` drive hyper over a stream that records
//! (`tee`, `frames`); `exchange` matches, records and answers.

mod answer;
mod connection;
mod date;
mod error;
mod exchange;
mod fingerprint;
mod frames;
mod framing;
mod gate;
mod h1;
mod h2;
mod head;
mod hpack;
mod huffman;
mod limits;
mod persona;
mod proxy;
mod reply;
mod server;
mod station;
mod tee;
mod tick;

#[cfg(test)]
mod tests;

pub use error::ListenError;
pub use limits::Limits;
pub use persona::Persona;
pub use server::{bind, serve_http};
pub use station::{Recognised, Recogniser, Sighting, Station, TripSink, by_canary};
pub use tick::next as next_tick;

/// A protocol a station can listen for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// Its name in configuration and in `Observed::listener`.
    pub name: &'static str,
    /// What it is, one line.
    pub summary: &'static str,
}

/// Every protocol, in the order they are shown.
pub const PROTOCOLS: &[Protocol] = &[Protocol {
    name: "http",
    summary: "HTTP/1.0, HTTP/1.1 and HTTP/2 in the clear, on one port",
}];
