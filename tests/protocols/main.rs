//! Every protocol but HTTP, TLS below all of them, and what comes before any, through the built binary, judged by
//! clients that others wrote: the right canary trips, is recorded before it is answered, and the client accepts
//! the answer.

#![expect(
    clippy::unwrap_used,
    reason = "these are tests: what is not there fails them"
)]

mod acme;
mod amqp;
mod certificates;
mod dns;
mod first_packet;
mod forwarded;
mod ftp;
mod ldap;
mod mongodb;
mod mssql;
mod mysql;
mod postgres;
mod redis;
mod smpp;
mod smtp;
mod squid;
mod ssh;
mod stage;
mod tls;
mod webdav;
mod wireguard;
