//! The desk: a door of its own, for the operator's applications and other hosts, never for intruders.
//!
//! An application asks whether a value it was shown is bait ([`check`](Question)); another host reports
//! what was planted on it; a job has bait minted for itself; a collector of figures asks how the station is
//! ([`Monitor`]). Each holds a credential that lets it do one of these and nothing else. Nothing here reads or lists bait, and nothing here knows the listeners or the
//! catalogue: what a question leads to is the [`Examiner`]'s business, which records before it answers,
//! and what is minted is the [`Minter`]'s.
//!
//! The protocol is in `docs/APPS.md`, `docs/FLEETS.md` and `docs/OPERATING.md`.

mod answer;
mod auth;
mod check;
mod metrics;
mod mint;
mod monitor;
mod reports;
mod server;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use lapwing_core::{CanaryId, Clock, Timestamp};
use lapwing_store::Ledger;

pub use metrics::{Family, Kind, Sample};
pub use mint::MINTED_BY;
pub use monitor::{Monitor, Reason};
pub use reports::{Report, ReportError, take};
pub use server::{bind, serve};

/// Longest body of a request, in bytes.
pub const BODY_LIMIT: usize = 256 << 10;
/// Most values in one question.
pub const VALUES_LIMIT: usize = 32;

/// What the desk works on.
pub struct Desk {
    /// Who may speak to it, and what they report.
    pub ledger: Arc<Ledger>,
    /// Who knows what is bait.
    pub examiner: Arc<dyn Examiner>,
    /// Who makes bait.
    pub minter: Arc<dyn Minter>,
    /// Who knows how the station is.
    pub monitor: Arc<dyn Monitor>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Says whether what an application was shown is bait.
pub trait Examiner: Send + Sync + 'static {
    /// Looks, records each use as a trip, and resolves to whether there was one once that is durable. A
    /// question that finds nothing takes as much work and as long.
    fn examine(&self, question: Question) -> BoxFuture<'static, bool>;
}

/// Makes bait for who may have it made.
pub trait Minter: Send + Sync + 'static {
    /// Mints one canary, and resolves once it is on disk and recognised. The same key under the same
    /// credential gives the same canary again for a while.
    fn mint(&self, wanted: Wanted) -> BoxFuture<'static, Result<Minted, NotMinted>>;
}

/// Bait that somebody asks for.
pub struct Wanted {
    /// The name of the asker's credential.
    pub credential: String,
    /// The kind's id.
    pub kind: String,
    /// The asker's words on it.
    pub memo: String,
    /// The asker's labels.
    pub labels: BTreeMap<String, String>,
    /// Fields with fixed values.
    pub set: BTreeMap<String, String>,
    /// `Idempotency-Key` of the request.
    pub key: Option<String>,
}

/// What was minted. Its values are shown this once, and never logged.
pub struct Minted {
    /// The canary.
    pub id: CanaryId,
    /// Its values.
    pub fields: BTreeMap<String, String>,
}

/// Why nothing was minted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotMinted {
    /// This cannot be minted.
    #[error("{what}")]
    Refused {
        /// What is wrong.
        what: String,
        /// What to do about it.
        hint: String,
    },
    /// The key came with another request.
    #[error("the key came with another request")]
    KeyReused,
    /// The credential has had its share.
    #[error("{limit} within an hour")]
    TooMany {
        /// How many it may have in an hour.
        limit: u32,
        /// How long to wait, in seconds.
        wait: u64,
    },
    /// The station failed.
    #[error("{0}")]
    Failed(String),
}

/// What an application was shown, and what it says of who showed it.
#[derive(Clone, Debug)]
pub struct Question {
    /// The name of the application's credential.
    pub observer: String,
    /// What it was shown.
    pub shown: Shown,
    /// What it says of that.
    pub context: Context,
    /// The question as it came: the request's body, or its head where that is what was asked about.
    pub raw: Vec<u8>,
    /// The application's end of the socket.
    pub peer: SocketAddr,
    /// The desk's end.
    pub local: SocketAddr,
    /// When it asked.
    pub time: Timestamp,
    /// `POST /v1/check` or `/v1/auth`.
    pub endpoint: &'static str,
}

/// What an application was shown.
#[derive(Clone, Debug)]
pub enum Shown {
    /// Values: a login, a key, an e-mail address, a token.
    Values(Vec<String>),
    /// A whole request, that a proxy asks about before it lets it through.
    Request(Box<http::request::Parts>, Vec<u8>),
}

/// What an application says of a use. It is taken at its word for nothing but `client`.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Context {
    /// The client's address, `198.51.100.7` or with a port.
    pub client: String,
    /// Its User-Agent.
    pub agent: String,
    /// The method of its request.
    pub method: String,
    /// The path it asked for.
    pub path: String,
    /// The host it asked for.
    pub host: String,
    /// Who it says it is.
    pub user: String,
    /// The application's own number for the request.
    pub request: String,
}

impl Context {
    /// The client's address; port 0 if it was not told.
    #[must_use]
    pub fn client(&self) -> Option<SocketAddr> {
        let text = self.client.trim();
        let bare = text.trim_start_matches('[').trim_end_matches(']');
        text.parse()
            .ok()
            .or_else(|| Some(SocketAddr::new(bare.parse().ok()?, 0)))
    }
}

/// What keeps the desk from opening.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConsoleError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address} for the desk")]
    Bind {
        /// Which.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_an_address_with_or_without_a_port() {
        for (said, read) in [
            ("198.51.100.7", Some("198.51.100.7:0")),
            ("198.51.100.7:4711", Some("198.51.100.7:4711")),
            (" 2001:db8::1 ", Some("[2001:db8::1]:0")),
            ("[2001:db8::1]", Some("[2001:db8::1]:0")),
            ("[2001:db8::1]:5", Some("[2001:db8::1]:5")),
            ("unknown", None),
            ("", None),
        ] {
            let context = Context {
                client: said.to_owned(),
                ..Context::default()
            };
            assert_eq!(
                context.client(),
                read.map(|text| text.parse().unwrap()),
                "{said}"
            );
        }
    }
}
