//! The protocols, one line each, and how each is served.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::datagram::{Consider, Considers};
use crate::station::Station;
use crate::visit::{Ended, Visit};
use crate::{
    amqp, dns, ftp, ldap, mongodb, mssql, mysql, postgres, redis, smpp, smtp, squid, ssh, wireguard,
};

/// A protocol a station can listen for.
#[derive(Debug)]
pub struct Protocol {
    /// Its name in configuration and in `Observed::listener`.
    pub name: &'static str,
    /// What it is, one line.
    pub summary: &'static str,
    /// The port its servers usually have.
    pub port: u16,
    pub(crate) serve: Serve,
}

/// How it is served.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Serve {
    /// HTTP, by hyper.
    Web,
    /// One visit a connection. Whether the client speaks first: then TLS is told by its first byte.
    Stream { client_first: bool, talk: Talk },
    /// One message after another, by datagrams; and over connections to the same port, if it talks there too.
    Datagrams { open: Open, talk: Option<Talk> },
}

/// Serves one connection, until its end or until there is nothing more to say.
pub(crate) type Talk = for<'a> fn(&'a mut Visit) -> BoxFuture<'a, Result<(), Ended>>;

/// Starts serving one socket.
pub(crate) type Open = fn(&Arc<Station>) -> Arc<dyn Considers>;

/// Every protocol, in the order they are shown.
pub const PROTOCOLS: &[Protocol] = &[
    Protocol {
        name: "http",
        summary: "HTTP/1.0, HTTP/1.1 and HTTP/2, in the clear and over TLS on one port",
        port: 8080,
        serve: Serve::Web,
    },
    Protocol {
        name: "mongodb",
        summary: "MongoDB: a login, then a decoy database",
        port: 27017,
        serve: Serve::Stream {
            client_first: true,
            talk: |visit| Box::pin(mongodb::talk(visit)),
        },
    },
    Protocol {
        name: "mssql",
        summary: "Microsoft SQL Server: a login, then a decoy database",
        port: 1433,
        serve: Serve::Stream {
            client_first: false,
            talk: |visit| Box::pin(mssql::talk(visit)),
        },
    },
    Protocol {
        name: "mysql",
        summary: "MySQL or MariaDB, as the release has it: a login, then a decoy database",
        port: 3306,
        serve: Serve::Stream {
            client_first: false,
            talk: |visit| Box::pin(mysql::talk(visit)),
        },
    },
    Protocol {
        name: "postgres",
        summary: "PostgreSQL: a login, then a decoy database",
        port: 5432,
        serve: Serve::Stream {
            client_first: true,
            talk: |visit| Box::pin(postgres::talk(visit)),
        },
    },
    Protocol {
        name: "redis",
        summary: "Redis: AUTH and HELLO, then a few keys to read",
        port: 6379,
        serve: Serve::Stream {
            client_first: true,
            talk: |visit| Box::pin(redis::talk(visit)),
        },
    },
    Protocol {
        name: "http-proxy",
        summary: "HTTP proxy: a login, and where somebody wanted to go; nobody gets there",
        port: 3128,
        serve: Serve::Stream {
            client_first: true,
            talk: |visit| Box::pin(squid::talk(visit)),
        },
    },
    Protocol {
        name: "ssh",
        summary: "SSH: keys and passwords that are tried, then a shell and files to read",
        port: 22,
        serve: Serve::Stream {
            client_first: false,
            talk: |visit| Box::pin(ssh::talk(visit)),
        },
    },
    Protocol {
        name: "ftp",
        summary: "FTP: a login, then files to read",
        port: 21,
        serve: Serve::Stream {
            client_first: false,
            talk: |visit| Box::pin(ftp::talk(visit)),
        },
    },
    Protocol {
        name: "ldap",
        summary: "LDAP: binds and searches; where look-ups of a log message arrive",
        port: 389,
        serve: Serve::Stream {
            client_first: true,
            talk: |visit| Box::pin(ldap::talk(visit)),
        },
    },
    Protocol {
        name: "amqp",
        summary: "AMQP 0-9-1: a login, and every message that is published",
        port: 5672,
        serve: Serve::Stream {
            client_first: true,
            talk: |visit| Box::pin(amqp::talk(visit)),
        },
    },
    Protocol {
        name: "smpp",
        summary: "SMPP 3.3 to 5.0: binds of an SMS centre, and every message that is submitted",
        port: 2775,
        serve: Serve::Stream {
            client_first: true,
            talk: |visit| Box::pin(smpp::talk(visit)),
        },
    },
    Protocol {
        name: "smtp",
        summary: "SMTP: mail to mailboxes that bait names, and logins; with STARTTLS",
        port: 25,
        serve: Serve::Stream {
            client_first: false,
            talk: |visit| Box::pin(smtp::talk(visit)),
        },
    },
    Protocol {
        name: "dns",
        summary: "DNS, over UDP and TCP on one port: the authority for your own zones",
        port: 53,
        serve: Serve::Datagrams {
            open: |_| Arc::new(dns::consider as Consider),
            talk: Some(|visit| Box::pin(dns::talk(visit))),
        },
    },
    Protocol {
        name: "wireguard",
        summary: "WireGuard: handshakes, and where what comes through a tunnel was to go",
        port: 51820,
        serve: Serve::Datagrams {
            open: |station| wireguard::open(station, "wireguard"),
            talk: None,
        },
    },
];

/// The protocol of this name.
#[must_use]
pub fn protocol(name: &str) -> Option<&'static Protocol> {
    PROTOCOLS.iter().find(|protocol| protocol.name == name)
}
