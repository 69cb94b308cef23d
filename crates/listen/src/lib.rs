//! The protocols that intruders reach.
//!
//! A listener reads what a peer sends under deadlines and caps, keeps the bytes exactly as they came,
//! looks for handles of canaries in them and answers as the catalogue or the persona says. The rule
//! it keeps: **record, then answer**. No byte of an answer leaves before the [`TripSink`] says that
//! what was seen is durable, whether it matched anything or not.
//!
//! Life of a connection: `server` accepts it (`gate` counts it), `connection` takes a PROXY header off
//! (`proxy`) and takes it into TLS if it asks for that (`tls`); then its protocol has it (`protocol`):
//! HTTP in `web`, every other in a file of its own, as a visit (`visit`). Protocols of datagrams are `datagram`'s.

mod amqp;
mod connection;
mod database;
mod datagram;
mod dns;
mod door;
mod error;
mod ftp;
mod gate;
mod ldap;
mod limits;
mod mongodb;
mod mssql;
mod mysql;
mod notice;
mod packets;
mod persona;
mod postgres;
mod protocol;
mod proxy;
mod redis;
mod scram;
mod server;
mod smpp;
mod smtp;
mod socket;
mod sql;
mod squid;
mod ssh;
mod station;
mod stream;
mod syn;
mod system;
mod tick;
mod tls;
mod visit;
mod web;
mod wireguard;

#[cfg(test)]
mod tests;

pub use dns::{AcmeTexts, ZoneSettings, Zones};
pub use door::Door;
pub use error::ListenError;
pub use gate::{Gate, network};
pub use limits::Limits;
pub use persona::Persona;
pub use protocol::{PROTOCOLS, Protocol, protocol};
pub use server::Listener;
pub use socket::{Carried, Sockets};
pub use station::{Mark, Recognised, Recogniser, Sighting, Station, TripSink, by_canary};
pub use system::System;
pub use tick::next as next_tick;
pub use tls::{Certificate, CertificateError, Challenges, Tls};
pub use web::forwarding::Forwarders;
