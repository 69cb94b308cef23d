//! A trip: one observed use of a canary, as it was recorded.
//!
//! What the station saw for itself is [`Observed`]; what the peer said is [`Claimed`] and has to be
//! opened with a reason. In a journal record the observed facts are the body; the raw bytes and the
//! claims are parts (salted digests in the body, content beside it).

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::id::{CanaryId, TripId};
use crate::time::Timestamp;

/// What the station saw for itself. Members in the order of their names: so they stand in a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// Digest (lower hex) over what stays the same between requests of one client program: header
    /// names, their order and case, HTTP/2 settings, and the program's own name for itself. Empty
    /// if the protocol gives none.
    #[serde(default)]
    pub fingerprint: String,
    /// The client's address as a configured proxy gave it, in a PROXY protocol header or in the header of
    /// its requests, or, where
    /// there is an `observer`, as that application says. Port 0: not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forwarded: Option<SocketAddr>,
    /// Which listener: an entry of `PROTOCOLS` (`http`), or `desk` where an application asked.
    pub listener: String,
    /// Our end of the socket.
    pub local: SocketAddr,
    /// The operator's own application that was shown the value and asked what it is, by the name of
    /// its credential. The socket is then that application's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observer: Option<String>,
    /// The other end of the socket.
    pub peer: SocketAddr,
    /// The protocol spoken: `http/1.0`, `http/1.1`, `http/2`, or the listener's name and a version.
    pub protocol: String,
    /// What tells the client's program or system apart, read off the bytes as sent, by the name of the
    /// scheme: `ja3`, `ja4`, `h2`, `hassh`, `syn`, ...
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub signals: BTreeMap<String, String>,
    /// How many bytes the request had on the wire, as far as it was read.
    pub size: u64,
    /// When the first byte of the request was there.
    pub time: Timestamp,
    /// Whether the raw bytes kept are fewer than that.
    #[serde(default)]
    pub truncated: bool,
}

impl Observed {
    /// Where it came from: the address a configured proxy vouches for, else the socket's.
    #[must_use]
    pub fn source(&self) -> SocketAddr {
        self.forwarded.unwrap_or(self.peer)
    }

    /// Whether the source is whoever used the bait. It is not where an application reports a use and
    /// does not say from where: the socket is then the application's own. Nor where a resolver asks.
    #[must_use]
    pub fn knows_source(&self) -> bool {
        (self.observer.is_none() || self.forwarded.is_some()) && !self.is_relayed()
    }

    /// Whether the source asked on behalf of somebody who is not seen: DNS is spoken by resolvers.
    #[must_use]
    pub fn is_relayed(&self) -> bool {
        self.listener == "dns"
    }
}

/// Something the peer said. Anyone can say anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Claimed<T>(T);

impl<T> Claimed<T> {
    /// Marks a value as said by the peer.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Uses it although only claimed; the reason is for the reader of the code.
    pub const fn open(&self, _reason: &'static str) -> &T {
        &self.0
    }
}

/// What the peer said, all of it hostile text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// `POST`; of other protocols the command: `LOGIN`, `QUERY`, ...
    pub method: Claimed<String>,
    /// The request target as sent, `/a?b=c`; of other protocols what the command is about: a user, a
    /// database, a name.
    pub target: Claimed<String>,
    /// Host header or authority.
    pub host: Claimed<String>,
    /// User-Agent, or what the client calls itself.
    pub agent: Claimed<String>,
    /// Forwarded, X-Forwarded-For, Via and the like, in order: name and value.
    #[serde(default)]
    pub forwarding: Vec<(String, Claimed<String>)>,
    /// Decoded headers, or what else the client says of itself, in order, as far as kept.
    #[serde(default)]
    pub headers: Vec<(String, Claimed<String>)>,
    /// What the kind asks to be captured, by its name for it: `sms.to`, `sms.body`, ...
    #[serde(default)]
    pub captured: BTreeMap<String, Claimed<Vec<String>>>,
}

/// In which part of a request a handle was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Carrier {
    /// A label of the host name.
    Host,
    /// A path segment.
    Path,
    /// A query parameter.
    Query,
    /// A header.
    Header,
    /// Authorization: Basic, user or password.
    Basic,
    /// Authorization: Bearer or another token scheme.
    Bearer,
    /// The credential of an AWS Signature Version 4.
    Sigv4,
    /// A cookie.
    Cookie,
    /// A form field.
    Form,
    /// A string in a JSON body.
    Json,
    /// The body as a whole, or text in it.
    Body,
    /// The user of a login.
    User,
    /// The password of a login, or what was offered in its place.
    Password,
    /// A public key that was offered.
    Key,
    /// The certificate that a client showed within TLS, or the key in it.
    Certificate,
    /// A name that was asked for or given: of a host (DNS, TLS), a database, a repository, a queue.
    Name,
    /// The mail address of an envelope or a header.
    Mailbox,
    /// The text of a statement, command or message.
    Message,
}

impl Carrier {
    /// Its name, as records have it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
            Self::Basic => "basic",
            Self::Bearer => "bearer",
            Self::Sigv4 => "sigv4",
            Self::Cookie => "cookie",
            Self::Form => "form",
            Self::Json => "json",
            Self::Body => "body",
            Self::User => "user",
            Self::Password => "password",
            Self::Key => "key",
            Self::Certificate => "certificate",
            Self::Name => "name",
            Self::Mailbox => "mailbox",
            Self::Message => "message",
        }
    }

    /// What it is, for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Host => "host name",
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
            Self::Basic => "basic authorization",
            Self::Bearer => "bearer authorization",
            Self::Sigv4 => "AWS signature",
            Self::Cookie => "cookie",
            Self::Form => "form field",
            Self::Json => "JSON body",
            Self::Body => "body",
            Self::User => "user name",
            Self::Password => "password",
            Self::Key => "public key",
            Self::Certificate => "client certificate",
            Self::Name => "name",
            Self::Mailbox => "mail address",
            Self::Message => "message",
        }
    }
}

/// One handle found in a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchedField {
    /// Where it was.
    pub carrier: Carrier,
    /// The field of the canary.
    pub field: String,
}

/// What a decoy made of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DecoyOutcome {
    /// Answered as the vendor answers a valid credential.
    Accepted,
    /// Credential known but not valid for this (a wrong secret beside a right identifier).
    Refused,
    /// The vendor's answer to a revoked credential, because the canary is retired.
    Revoked,
    /// A signed scheme whose signature does not verify.
    BadSignature,
    /// No credential of ours; the vendor's answer to an unknown one.
    Unknown,
    /// No decoy at this host or path: the persona's default site.
    Persona,
    /// No decoy: the operator's own application asked whether it is bait, and was told.
    Told,
}

/// Which decoy answered, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecoyRecord {
    /// The kind whose decoy answered; empty for the persona.
    pub kind: String,
    /// What it made of the request.
    pub outcome: DecoyOutcome,
    /// The rule, `POST /2010-04-01/Accounts/{account_sid}/Messages.json`; empty for the persona.
    pub rule: String,
    /// The status sent, of protocols that have such numbers; else 0.
    pub status: u16,
}

/// A trip as read back from a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trip {
    /// Its name.
    pub id: TripId,
    /// Which canary was used.
    pub canary: CanaryId,
    /// Its kind.
    pub kind: String,
    /// Which handles were found, and where.
    pub fields: Vec<MatchedField>,
    /// What the station saw.
    pub observed: Observed,
    /// What the peer said; `None` if erased or in a summary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims: Option<Claims>,
    /// The answer.
    pub decoy: DecoyRecord,
    /// How many uses this record stands for: 1, or more in a summary of a flood.
    pub count: u64,
    /// Times of all uses in a summary (the first is `observed.time`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub times: Vec<Timestamp>,
}
