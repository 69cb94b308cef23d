//! DNS: the authority for the operator's zones, as BIND answers for its own with `recursion no`,
//! `allow-transfer none` and `minimal-any` (RFC 1034, RFC 1035, RFC 8482). What it says was compared with BIND 9.18.
//!
//! A look-up of a canary's name, of whatever type and in whatever case, is a use of it. Who asks is a
//! resolver as a rule, on behalf of somebody who is not seen here.

mod answer;
mod data;
mod query;
mod zone;

use lapwing_core::{Carrier, DecoyOutcome, DecoyRecord};
use sha2::{Digest as _, Sha256};

use crate::datagram::{Considered, Message};
use crate::station::{Recognised, Station};
use crate::visit::{Act, Ended, Visit};
use answer::{Answer, Code, Data, Manner, Record, Soa, UDP_SIZE};
use query::{Edns, Header, Query, Question, Read, code};
use zone::Bound;

pub use zone::{AcmeTexts, ZoneSettings, Zones};

/// A datagram of a client that says nothing of its size (RFC 1035 section 2.3.4).
const PLAIN_SIZE: u16 = 512;

/// Serves a connection: messages with their length in front (RFC 7766).
pub(crate) async fn talk(visit: &mut Visit) -> Result<(), Ended> {
    let way = if visit.is_secure() { "tls" } else { "tcp" };
    loop {
        let length = visit.exact(2).await?;
        let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
        let bytes = visit.exact(length).await?;
        let message = Message {
            bytes: &bytes,
            peer: visit.place.peer,
            way,
        };
        let Considered {
            found, act, answer, ..
        } = consider(visit.station(), &message);
        visit.notice(found, act).await;
        let Some(answer) = answer else {
            return Ok(());
        };
        let mut framed = Vec::with_capacity(answer.len() + 2);
        framed.extend(u16::try_from(answer.len()).unwrap_or(0).to_be_bytes());
        framed.extend_from_slice(&answer);
        visit.send(&framed).await?;
    }
}

/// The name a query asks for, in lower case.
pub(crate) fn asked_for(bytes: &[u8]) -> Option<String> {
    match query::read(bytes) {
        Read::Query(query) => query.question.map(|question| question.name()),
        Read::Silence | Read::Malformed(_) => None,
    }
}

/// What is found in a message, and what is said to it.
pub(crate) fn consider(station: &Station, message: &Message<'_>) -> Considered {
    let mut act = Act {
        protocol: format!("dns/{}", message.way),
        ..Act::default()
    };
    let query = match query::read(message.bytes) {
        Read::Query(query) => query,
        Read::Silence => return odd(station, message, act, None),
        Read::Malformed(header) => {
            return odd(station, message, act, Some(answer::malformed(header)));
        }
    };
    let found = find(station, &query, message.bytes);
    describe(&mut act, &query);
    let answer = respond(station, &query, message);
    if let Some(first) = found.first() {
        // The answer is the same for whatever stands there: nothing is let in or refused.
        act.decoy = Some(DecoyRecord {
            kind: first.canary.kind.clone(),
            outcome: match answer.answers.is_empty() {
                true => DecoyOutcome::Unknown,
                false => DecoyOutcome::Accepted,
            },
            rule: act.method.clone(),
            status: answer.code as u16,
        });
        let question = query.question.as_ref();
        let carried = question.map_or_else(String::new, |it| carried(it, &found));
        if !carried.is_empty() {
            act.about.push(("data".to_owned(), carried.clone()));
            act.capture("dns.data", carried);
        }
    }
    let manner = Manner {
        bytes: message.bytes,
        limit: limit(&query, message.way),
        cookie: cookie(station, &query, message),
    };
    let answer = answer::write(&query, &answer, &manner);
    Considered {
        answer: Some(answer),
        ..Considered::silent(found, act)
    }
}

/// What is no query: searched as text.
fn odd(station: &Station, message: &Message<'_>, act: Act, answer: Option<Vec<u8>>) -> Considered {
    let found = station.recognise(&[(Carrier::Message, message.bytes)]);
    Considered {
        answer,
        ..Considered::silent(found, act)
    }
}

/// Canaries in the labels of the name, in what the labels carry if one of them is a canary's, and in the rest of a
/// message that has more than a question.
fn find(station: &Station, query: &Query, bytes: &[u8]) -> Vec<Recognised> {
    let Some(question) = &query.question else {
        return station.recognise(&[(Carrier::Message, bytes)]);
    };
    let parts: Vec<(Carrier, &[u8])> = (question.labels.iter())
        .map(|label| (Carrier::Name, &label[..]))
        .collect();
    let mut found = station.recognise(&parts);
    let carried = carried(question, &found);
    if !carried.is_empty() {
        found.extend(station.recognise(&[(Carrier::Message, carried.as_bytes())]));
    }
    if found.is_empty() && query.header.opcode != 0 {
        found = station.recognise(&[(Carrier::Message, bytes)]);
    }
    found
}

/// What stands in front of the label that is a canary's.
fn carried(question: &Question, found: &[Recognised]) -> String {
    let own = found.iter().filter(|it| it.carrier == Carrier::Name);
    let own: Vec<&[u8]> = own
        .filter_map(|it| Some(it.canary.fields.get(&it.field)?.as_bytes()))
        .collect();
    let at = (question.labels.iter())
        .position(|label| own.iter().any(|own| own.eq_ignore_ascii_case(label)));
    at.map_or_else(String::new, |at| data::carried(&question.labels[..at]))
}

/// What the record says of the query.
fn describe(act: &mut Act, query: &Query) {
    let Header { opcode, rd, cd, .. } = query.header;
    act.method = match (&query.question, opcode) {
        (Some(question), 0) => type_name(question.kind),
        (_, 1) => "IQUERY".to_owned(),
        (_, 2) => "STATUS".to_owned(),
        (_, 4) => "NOTIFY".to_owned(),
        (_, 5) => "UPDATE".to_owned(),
        (_, 0) => "QUERY".to_owned(),
        (_, other) => format!("OPCODE{other}"),
    };
    let mut about = |name: &str, value: String| act.about.push((name.to_owned(), value));
    let mut flags = Vec::new();
    flags.extend(rd.then_some("rd"));
    flags.extend(cd.then_some("cd"));
    if let Some(edns) = &query.edns {
        flags.extend(edns.dnssec.then_some("do"));
        about("edns", edns.size.to_string());
        if edns.cookie.is_some() {
            flags.push("cookie");
        }
    }
    if !flags.is_empty() {
        about("flags", flags.join(" "));
    }
    let Some(question) = &query.question else {
        return;
    };
    if question.class != code::IN {
        about("class", question.class.to_string());
    }
    act.target = question.as_sent();
    act.host = question.name();
    if act.target != act.host {
        // Drawn by the resolver (0x20), or written so by whoever copied the name.
        about("case", "mixed".to_owned());
    }
    act.capture("dns.name", act.target.clone());
    if let Some(subnet) = query.edns.as_ref().and_then(|edns| edns.subnet.as_ref()) {
        let network = format!("{}/{}", subnet.address, subnet.prefix);
        act.about
            .push(("client-subnet".to_owned(), network.clone()));
        act.capture("dns.client_subnet", network);
    }
}

fn type_name(kind: u16) -> String {
    let known = match kind {
        code::A => "A",
        code::NS => "NS",
        5 => "CNAME",
        code::SOA => "SOA",
        12 => "PTR",
        code::MX => "MX",
        code::TXT => "TXT",
        code::AAAA => "AAAA",
        33 => "SRV",
        43 => "DS",
        48 => "DNSKEY",
        64 => "SVCB",
        65 => "HTTPS",
        code::IXFR => "IXFR",
        code::AXFR => "AXFR",
        code::ANY => "ANY",
        code::CAA => "CAA",
        other => return format!("TYPE{other}"),
    };
    known.to_owned()
}

/// What is said to a query.
fn respond(station: &Station, query: &Query, message: &Message<'_>) -> Answer {
    let question = query.question.as_ref().filter(|_| query.questions == 1);
    match query.header.opcode {
        0 => {}
        4 | 5 => return Answer::of(command(station, question)),
        _ => return Answer::of(Code::NotImp),
    }
    if query.edns.as_ref().is_some_and(|edns| edns.version > 0) {
        return Answer::of(Code::BadVers);
    }
    let Some(question) = question else {
        // A client without a question may want a cookie (RFC 7873 section 5.4).
        let cookie = query
            .edns
            .as_ref()
            .is_some_and(|edns| edns.cookie.is_some());
        return Answer::of(match cookie && query.questions == 0 {
            true => Code::NoError,
            false => Code::FormErr,
        });
    };
    if query.signed {
        return Answer::of(Code::NotAuth);
    }
    match (question.class, question.kind) {
        (code::CHAOS, _) => chaos(station, question),
        (code::ANY, _) => Answer::of(Code::FormErr),
        (code::IN, code::AXFR) if message.way == "udp" => Answer::of(Code::FormErr),
        (code::IN, code::AXFR | code::IXFR) => Answer::of(Code::Refused),
        (code::IN, code::MAILA | code::MAILB) => Answer::of(Code::NotImp),
        (code::IN, code::OPT | 128..=250) => Answer::of(Code::FormErr),
        (code::IN, kind) => {
            let bound = |name: &str| bound(station, name);
            let mut answer = station.zones.answer(&question.name(), kind, bound);
            if kind == code::ANY && message.way == "udp" {
                // One of them is enough (RFC 8482 section 4.1).
                let first = answer.answers.first().map(|record| record.data.kind());
                answer.answers.retain(|it| Some(it.data.kind()) == first);
            }
            answer
        }
        _ => Answer {
            // BIND's view of that class lets nobody in.
            extended: Some(18),
            ..Answer::of(Code::Refused)
        },
    }
}

/// What is said to NOTIFY and UPDATE, which are about a zone.
fn command(station: &Station, question: Option<&Question>) -> Code {
    match question {
        Some(zone) if zone.kind == code::SOA && zone.class == code::IN => {
            let name = zone.name();
            let ours = station.zones.answer(&name, code::SOA, |_| Bound::No);
            match ours.answers.is_empty() {
                true => Code::NotAuth,
                false => Code::Refused,
            }
        }
        _ => Code::FormErr,
    }
}

/// What bait makes of a host name.
fn bound(station: &Station, name: &str) -> Bound {
    let kinds = station.recogniser.bound(name);
    let names = kinds.iter().any(|kind| {
        let address = station
            .catalog
            .kind(kind)
            .and_then(|kind| kind.address.as_ref());
        address.is_some_and(|address| address.names)
    });
    match (kinds.is_empty(), names) {
        (true, _) => Bound::No,
        (false, false) => Bound::Host,
        (false, true) => Bound::Parent,
    }
}

/// What a server tells of itself: BIND's view of class CHAOS.
fn chaos(station: &Station, question: &Question) -> Answer {
    let name = question.name();
    let text = match name.as_str() {
        "version.bind" => Some(station.system.release.bind.to_owned()),
        "hostname.bind" => Some(station.hostname.clone()),
        // Not set unless the operator of a BIND sets it.
        "id.server" => None,
        _ => return Answer::of(Code::Refused),
    };
    let record = |ttl, data| Record {
        owner: name.clone(),
        class: code::CHAOS,
        ttl,
        data,
    };
    let mut answer = Answer {
        authoritative: true,
        ..Answer::default()
    };
    match text {
        Some(text) if matches!(question.kind, code::TXT | code::ANY) => {
            answer.answers.push(record(0, Data::Txt(text)));
        }
        _ => {
            let soa = Soa {
                server: name.clone(),
                contact: format!("hostmaster.{name}"),
                serial: 0,
                refresh: 28_800,
                retry: 7200,
                expire: 604_800,
                minimum: 86_400,
            };
            answer
                .authority
                .push(record(86_400, Data::Soa(Box::new(soa))));
        }
    }
    answer
}

/// Longest answer: never longer than the client asks for, so that a forged address is not flooded.
fn limit(query: &Query, way: &str) -> usize {
    let size = query.edns.as_ref().map_or(PLAIN_SIZE, |edns| {
        let Edns { size, .. } = *edns;
        size.clamp(PLAIN_SIZE, UDP_SIZE)
    });
    match way {
        "udp" => usize::from(size),
        _ => usize::from(u16::MAX),
    }
}

/// Our part of a cookie, as RFC 9018 lays it out; the digest is our own business.
fn cookie(station: &Station, query: &Query, message: &Message<'_>) -> Option<[u8; 16]> {
    let theirs = query.edns.as_ref()?.cookie.as_ref()?;
    let seconds = station.clock.now().micros() / 1_000_000;
    let seconds = u32::try_from(seconds & 0xffff_ffff).unwrap_or_default();
    let mut cookie = [0; 16];
    cookie[0] = 1;
    cookie[4..8].copy_from_slice(&seconds.to_be_bytes());
    let mut hash = Sha256::new();
    hash.update(b"dns cookie\n");
    hash.update(station.seed);
    hash.update(theirs.get(..8)?);
    hash.update(&cookie[..8]);
    hash.update(message.peer.ip().to_string());
    cookie[8..].copy_from_slice(&hash.finalize()[..8]);
    Some(cookie)
}
