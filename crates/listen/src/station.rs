//! What a listener is given: whom to ask, whom to tell, and how to look.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use ipnet::IpNet;
use lapwing_catalog::{Candidate, Catalog, Kind, candidates};
use lapwing_core::{Canary, Carrier, Claims, Clock, DecoyRecord, MatchedField, Observed};

use crate::dns::Zones;
use crate::gate::Gate;
use crate::limits::Limits;
use crate::persona::Persona;
use crate::system::System;
use crate::tls::Tls;
use crate::web::forwarding::Forwarders;

/// Knows which values are handles of canaries, and which hosts are bound to which kinds.
pub trait Recogniser: Send + Sync + 'static {
    /// The handles among the candidates, in the order of the candidates.
    fn recognise(&self, candidates: &[Candidate<'_>]) -> Vec<Recognised>;
    /// Some canary, looked up as a match is. A request that matches nothing is treated like one of
    /// it, so that it takes as long; `None` while there is no canary to match.
    fn stand_in(&self) -> Option<Recognised>;
    /// Shows canaries, retired ones too, in the order they were minted from `mark` on, so many as may be read while a
    /// peer waits. Gives where to go on; the same mark if there are no more.
    fn browse(&self, mark: Mark, see: &mut dyn FnMut(&Canary)) -> Mark;
    /// The kinds bound to a host name (lower case, no port); empty for the persona only.
    fn bound(&self, host: &str) -> Arc<[String]>;
}

/// How far canaries were browsed; the default is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// The last that was shown.
    pub serial: i64,
    /// As of which state of the ledger that was the last there is.
    pub whole: Option<u64>,
}

/// One handle found.
#[derive(Clone, Debug)]
pub struct Recognised {
    /// Whose handle it is.
    pub canary: Arc<Canary>,
    /// Which field.
    pub field: String,
    /// Where in the request it was.
    pub carrier: Carrier,
}

/// What was found, by canary in the order in which they were: each of its handles once.
#[must_use]
pub fn by_canary(found: Vec<Recognised>) -> Vec<(Arc<Canary>, Vec<MatchedField>)> {
    let mut canaries: Vec<(Arc<Canary>, Vec<MatchedField>)> = Vec::new();
    for Recognised {
        canary,
        field,
        carrier,
    } in found
    {
        let field = MatchedField { field, carrier };
        match canaries.iter_mut().find(|(known, _)| known.id == canary.id) {
            Some((_, fields)) if fields.contains(&field) => {}
            Some((_, fields)) => fields.push(field),
            None => canaries.push((canary, vec![field])),
        }
    }
    canaries
}

/// One use of one canary, about to be recorded.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// Which canary was used.
    pub canary: Arc<Canary>,
    /// Which of its handles were found, and where; without repetitions.
    pub fields: Vec<MatchedField>,
    /// What the station saw.
    pub observed: Observed,
    /// What the peer said.
    pub claims: Claims,
    /// The request's bytes as sent, at most `Limits::raw_bytes`. HTTP/2: the connection's preface
    /// and SETTINGS, then the frames of the request's stream.
    pub raw: Vec<u8>,
    /// The connection's ClientHello as sent, with its record headers, if it came through TLS.
    pub hello: Option<Arc<[u8]>>,
    /// The answer that is sent once this is recorded.
    pub decoy: DecoyRecord,
}

/// Where sightings go. Both futures resolve when the group is durable, or known not to be; the
/// answer is sent after.
pub trait TripSink: Send + Sync + 'static {
    /// Records one request's sightings, never none.
    fn record(&self, sightings: Vec<Sighting>) -> BoxFuture<'static, ()>;
    /// Counts a request of `size` bytes to `listener` that matched nothing, with as much work as recording
    /// `like` would take; nothing of it is kept.
    fn unmatched(
        &self,
        listener: &str,
        size: usize,
        like: Option<Sighting>,
    ) -> BoxFuture<'static, ()>;
}

/// All that a listener needs.
pub struct Station {
    /// The decoys.
    pub catalog: Arc<Catalog>,
    /// Whom to ask about handles and hosts.
    pub recogniser: Arc<dyn Recogniser>,
    /// Whom to tell.
    pub sink: Arc<dyn TripSink>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Secret of the station, for made-up identifiers that stay the same.
    pub seed: [u8; 32],
    /// Caps and deadlines.
    pub limits: Limits,
    /// Who is connected.
    pub gate: Arc<Gate>,
    /// Peers whose PROXY protocol header is believed.
    pub proxies: Vec<IpNet>,
    /// Reverse proxies whose header names the client.
    pub forwarders: Forwarders,
    /// What hosts without a decoy look like.
    pub persona: Persona,
    /// The system all of its servers belong to.
    pub system: System,
    /// What it calls itself in greetings.
    pub hostname: String,
    /// Whose mail it takes; empty: nobody's but its own host's.
    pub mail_domain: String,
    /// What it answers for over DNS.
    pub zones: Zones,
    /// Certificates, if it has some.
    pub tls: Tls,
}

impl Station {
    /// Looks values up.
    pub(crate) fn recognise(&self, parts: &[(Carrier, &[u8])]) -> Vec<Recognised> {
        let parts: Vec<_> = parts
            .iter()
            .map(|(carrier, value)| (*carrier, Cow::Borrowed(*value)))
            .collect();
        self.recogniser.recognise(&candidates(&parts))
    }

    /// Whether what answers at a host would ask for a client's certificate. A client that names no host reached for an
    /// address of ours.
    pub(crate) fn asks_for_certificate(&self, name: Option<&[u8]>, local: IpAddr) -> bool {
        let host = match (name, local.to_canonical()) {
            (Some(name), _) => String::from_utf8_lossy(name).to_ascii_lowercase(),
            (None, IpAddr::V4(local)) => local.to_string(),
            (None, IpAddr::V6(local)) => format!("[{local}]"),
        };
        let kinds = self.recogniser.bound(&host);
        let kinds = kinds.iter().filter_map(|kind| self.catalog.kind(kind));
        kinds.into_iter().any(Kind::asks_for_certificate)
    }
}
