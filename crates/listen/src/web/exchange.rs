//! One request, from its bytes to its answer: candidates, matches, the decoy's or the persona's
//! answer, the record. The only place that speaks with the catalogue.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use lapwing_catalog::{Answer, Asked, Kind, Matched, Request};
use lapwing_core::{Claimed, Claims, DecoyOutcome, DecoyRecord, Observed, Timestamp};

use crate::connection::Place;
use crate::notice;
use crate::station::{Recognised, Station};
use crate::web::date;
use crate::web::fingerprint::{fingerprint, order};
use crate::web::head::{Fault, Head, Version};
use crate::web::range;
use crate::web::reply::Reply;
use crate::web::tee::Evidence;

/// Headers in which a proxy, or whoever claims to be one, names who is behind it.
const FORWARDING: &[&str] = &[
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "x-forwarded-server",
    "x-original-forwarded-for",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "true-client-ip",
    "client-ip",
    "cf-connecting-ip",
    "cf-ipcountry",
    "fastly-client-ip",
    "via",
];

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// As it should.
    Whole,
    /// Its body is over the cap.
    TooLarge,
    /// In the middle of its body: no decoy answers it.
    Broken(Fault),
    /// Badly, and no handler saw it.
    Refused(Fault),
}

/// Matches and records a request; when that is durable, gives the answer. `None`: nothing is said.
pub(crate) async fn exchange(
    place: &Place,
    head: Head,
    body: Vec<u8>,
    evidence: Evidence,
    ending: Ending,
) -> Option<Reply> {
    let station = &place.station;
    let now = station.clock.now();
    let mut seen = Seen::new(head, body);
    let certificate = place.certificate.as_deref();
    seen.request.scheme = place.scheme(&seen.host);
    seen.request.certificate = certificate.map(|it| it.shown.clone());
    let found = {
        let candidates = seen.request.candidates();
        station.recogniser.recognise(&candidates)
    };
    let decided = decide(place, &seen, &found, ending, now);
    let observed = observed(place, &seen, &evidence);
    let Decided {
        reply,
        record,
        mut captured,
    } = decided;
    for (name, value) in certificate.iter().flat_map(|it| &it.says) {
        captured.insert((*name).to_owned(), vec![value.clone()]);
    }
    let claims = claims(seen, &captured);
    let seen = notice::Seen {
        observed,
        claims,
        raw: evidence.raw,
        hello: place.hello.clone(),
        decoy: record,
    };
    match seen.decoy.outcome {
        // Its peer can tell.
        DecoyOutcome::Accepted => place.bell.admit(),
        _ => place.bell.hear(),
    }
    notice::notice(station, found, seen).await;
    // While the station stops, every answer is a connection's last.
    let last = place.bell.rung();
    reply.map(|mut reply| {
        reply.close |= last;
        reply.closed()
    })
}

/// A request as everything here reads it.
struct Seen {
    head: Head,
    request: Request,
    /// The host as sent.
    host: String,
}

impl Seen {
    /// Moves method, target, headers and body into the request; the head keeps the rest.
    fn new(mut head: Head, body: Vec<u8>) -> Self {
        let host = head.host();
        let request = Request::new(
            std::mem::take(&mut head.method),
            std::mem::take(&mut head.target),
            host_name(&host),
            std::mem::take(&mut head.headers),
            body,
        );
        Self {
            head,
            request,
            host,
        }
    }
}

/// A host without user, port and final dot, lower case.
fn host_name(host: &str) -> String {
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let end = match host.find(']') {
        Some(bracket) => bracket + 1,
        None => host.find(':').unwrap_or(host.len()),
    };
    let name = &host[..end];
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// The answer, and what the record says of it.
struct Decided {
    reply: Option<Reply>,
    record: DecoyRecord,
    captured: BTreeMap<String, Vec<String>>,
}

fn decide(
    place: &Place,
    seen: &Seen,
    found: &[Recognised],
    ending: Ending,
    now: Timestamp,
) -> Decided {
    let station = &place.station;
    let reply = match ending {
        Ending::Refused(fault) => station.persona.refuse(fault, now),
        Ending::Broken(Fault::TooSlow) => Some(station.persona.closing(408, now)),
        Ending::Broken(_) => Some(station.persona.closing(400, now)),
        Ending::TooLarge => Some(station.persona.closing(413, now)),
        // Before what is bound to the host: it is the host that is checked.
        Ending::Whole if let Some(reply) = challenge(place, seen, now) => Some(reply),
        Ending::Whole => match ask(place, seen, found, now) {
            Some(answer) => return decoy(station, seen, answer, now),
            None if reads(&seen.request) && place.is_stranger(&seen.request.host) => {
                Some(station.persona.error_of_site(404, seen.head.close, now))
            }
            None => Some(station.persona.answer(&seen.request, seen.head.close, now)),
        },
    };
    Decided {
        record: DecoyRecord {
            kind: String::new(),
            rule: String::new(),
            outcome: DecoyOutcome::Persona,
            status: reply.as_ref().map_or(0, |reply| reply.status),
        },
        reply,
        captured: BTreeMap::new(),
    }
}

/// The answer to a certificate authority, while it checks whether a name is ours.
fn challenge(place: &Place, seen: &Seen, now: Timestamp) -> Option<Reply> {
    let content = place.station.tls.challenges().asked(&seen.request.target)?;
    let reply = Reply {
        status: 200,
        reason: None,
        headers: vec![
            ("Server".into(), place.station.persona.server().to_owned()),
            ("Content-Type".into(), "application/octet-stream".to_owned()),
        ],
        body: Bytes::from(content),
        close: seen.head.close,
    };
    Some(reply.complete(&date::http(now)))
}

fn reads(request: &Request) -> bool {
    matches!(request.method.as_str(), "GET" | "HEAD")
}

impl Place {
    /// By which scheme a client came that asked for this host. In front of us somebody may end TLS: only who names a
    /// port, and not that of HTTPS, came in the clear.
    fn scheme(&self, host: &str) -> &'static str {
        let port = host
            .rsplit_once(':')
            .and_then(|(_, port)| port.parse::<u16>().ok());
        let clear = self.hello.is_none() && self.forwarded.is_none();
        match port {
            Some(port) if clear && port != 443 => "http",
            _ => "https",
        }
    }

    /// Whether a host name is nobody's here: the site answers to its address and to names that bait
    /// carries, and not to whatever name a prober thinks of.
    fn is_stranger(&self, host: &str) -> bool {
        let literal = host.trim_start_matches('[').trim_end_matches(']');
        !literal.is_empty()
            && literal.parse::<IpAddr>().is_err()
            && self.station.recogniser.bound(host).is_empty()
    }
}

/// Asks the catalogue, if kinds are bound to the host.
fn ask(place: &Place, seen: &Seen, found: &[Recognised], now: Timestamp) -> Option<Answer> {
    let station = &place.station;
    let kinds = station.recogniser.bound(&seen.request.host);
    // A tunnel is never opened: no decoy answers the method that asks for one.
    if kinds.is_empty() || seen.request.method == "CONNECT" {
        return None;
    }
    let matched: Vec<Matched<'_>> = found
        .iter()
        .map(|it| Matched {
            canary: &it.canary,
            field: it.field.clone(),
            carrier: it.carrier,
        })
        .collect();
    let asked = Asked {
        request: &seen.request,
        kinds: &kinds,
        matched: &matched,
        now,
        seed: &station.seed,
    };
    let answer = station.catalog.answer(&asked)?;
    (200..600).contains(&answer.status).then_some(answer)
}

/// A vendor's decoy answers as the vendor; a beacon is a file of the persona's site, so that it
/// says the persona's server name, and errors in the persona's words.
fn decoy(station: &Station, seen: &Seen, answer: Answer, now: Timestamp) -> Decided {
    let vendor = station.catalog.kind(&answer.kind).is_some_and(Kind::is_api);
    let reply = if !vendor && answer.status >= 400 && answer.body.is_empty() {
        station
            .persona
            .error_of_site(answer.status, seen.head.close, now)
    } else {
        let own = (!vendor).then(|| ("Server".into(), station.persona.server().to_owned()));
        let headers = answer.headers.into_iter();
        let mut reply = Reply {
            status: answer.status,
            reason: None,
            headers: own
                .into_iter()
                .chain(headers.map(|(name, value)| (Cow::Owned(name), value)))
                .collect(),
            body: Bytes::from(answer.body),
            close: seen.head.close,
        };
        range::cut(&seen.request, &mut reply);
        reply.complete(&date::http(now))
    };
    Decided {
        record: DecoyRecord {
            kind: answer.kind,
            rule: answer.rule,
            outcome: answer.outcome,
            status: reply.status,
        },
        reply: Some(reply),
        captured: answer.captured,
    }
}

/// The client, as a proxy of the operator's gives it: in its header, or before the connection's first byte.
fn forwarded(place: &Place, seen: &Seen) -> Option<SocketAddr> {
    let nearest = place.forwarded.unwrap_or(place.peer).ip();
    let forwarders = &place.station.forwarders;
    forwarders
        .client(nearest, &seen.request.headers)
        .or(place.forwarded)
}

fn observed(place: &Place, seen: &Seen, evidence: &Evidence) -> Observed {
    let version = seen.head.version;
    Observed {
        time: seen.head.started,
        peer: place.peer,
        forwarded: forwarded(place, seen),
        local: place.local,
        observer: None,
        listener: place.listener.to_owned(),
        protocol: version.name().to_owned(),
        size: evidence.size,
        truncated: evidence.truncated(),
        signals: signals(place, seen, evidence),
        fingerprint: fingerprint(
            version,
            &seen.request.headers,
            &evidence.prelude,
            &place.lasting,
        ),
    }
}

/// What tells of the client beside its words: of its handshake, and of its way to speak HTTP.
fn signals(place: &Place, seen: &Seen, evidence: &Evidence) -> BTreeMap<String, String> {
    let mut signals = place.signals.clone();
    let (name, value) = match seen.head.version {
        Version::Http2 => ("h2", evidence.print.clone()),
        _ => ("h1", order(&seen.request.headers)),
    };
    if !value.is_empty() {
        signals.insert(name.to_owned(), value);
    }
    signals
}

/// What the peer said. Most of it is moved, not copied.
fn claims(seen: Seen, captured: &BTreeMap<String, Vec<String>>) -> Claims {
    let Seen { request, host, .. } = seen;
    let headers: Vec<(String, Claimed<String>)> = (request.headers.into_iter())
        .map(|(name, value)| (name, Claimed::new(text(value))))
        .collect();
    let agent = (headers.iter()).find(|(name, _)| name.eq_ignore_ascii_case("user-agent"));
    let forwards = |name: &str| {
        FORWARDING
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known))
    };
    Claims {
        method: Claimed::new(request.method),
        target: Claimed::new(request.target),
        host: Claimed::new(host),
        agent: agent.map(|(_, value)| value.clone()).unwrap_or_default(),
        forwarding: (headers.iter())
            .filter(|(name, _)| forwards(name))
            .cloned()
            .collect(),
        headers,
        captured: (captured.iter())
            .map(|(name, values)| (name.clone(), Claimed::new(values.clone())))
            .collect(),
    }
}

/// Bytes as text; what is none is replaced.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_lose_what_is_not_the_name() {
        for (sent, name) in [
            ("Example.COM:8080", "example.com"),
            ("example.com.", "example.com"),
            ("[2001:DB8::1]:80", "[2001:db8::1]"),
            ("a:b@example.com", "example.com"),
            ("", ""),
            ("[", "["),
        ] {
            assert_eq!(host_name(sent), name, "{sent}");
        }
    }
}
