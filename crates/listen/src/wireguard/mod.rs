//! WireGuard, as Linux answers for an interface with one peer: a right first message gets its answer, anything else
//! nothing at all. (<https://www.wireguard.com/protocol/>, `drivers/net/wireguard` in Linux)
//!
//! Each canary is a server of its own, with a key pair of its own. What comes through a tunnel is opened to see where it
//! was to go, and goes nowhere.

mod inner;
mod noise;
mod servers;
mod session;

#[cfg(test)]
pub(crate) use inner::tests::datagram;
#[cfg(test)]
pub(crate) use noise::client;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use data_encoding::BASE64;
use lapwing_core::{Carrier, DecoyOutcome, DecoyRecord, Timestamp};
use tokio::time::Instant;

use crate::datagram::{Considered, Considers, Later, Message};
use crate::gate::network;
use crate::station::{Recognised, Station};
use crate::visit::Act;
use noise::{INITIATION, Initiation, Proof, TAG};
use servers::Servers;
use session::{MOST_OF_SERVER, Session, Sessions};

/// `Keepalive-Timeout`: data that got no answer so long gets an empty one.
const KEEPALIVE: Duration = Duration::from_secs(10);
/// A client may begin so often (`INITIATIONS_PER_SECOND` in Linux).
const SHORTEST: Duration = Duration::from_millis(20);
/// TAI64 of 1970-01-01T00:00:00Z, as WireGuard counts: without the leap seconds since.
const EPOCH: u64 = 0x4000_0000_0000_000a;

/// The tunnels of one socket.
pub(crate) struct Tunnels(Mutex<State>);

struct State {
    servers: Servers,
    sessions: Sessions,
}

/// Starts serving one socket. What there is to read of the ledger is read meanwhile.
pub(crate) fn open(station: &Arc<Station>, protocol: &'static str) -> Arc<dyn Considers> {
    let tunnels = Arc::new(Tunnels(Mutex::new(State {
        servers: Servers::new(&station.catalog, protocol),
        sessions: Sessions::default(),
    })));
    let (reader, recogniser) = (Arc::downgrade(&tunnels), Arc::clone(&station.recogniser));
    let spawned = std::thread::Builder::new()
        .name("tunnels".to_owned())
        .spawn(move || {
            while let Some(tunnels) = reader.upgrade()
                && tunnels.lock().servers.follow(&*recogniser)
            {}
        });
    if let Err(error) = spawned {
        // Then it is read as messages come, a part with each.
        tracing::error!(%error, "no thread to read the keys of tunnels");
    }
    tunnels
}

impl Considers for Tunnels {
    fn consider(self: Arc<Self>, station: &Station, message: &Message<'_>) -> Considered {
        match message.bytes {
            [1, 0, 0, 0, ..] if let Ok(bytes) = message.bytes.try_into() => {
                self.lock().begin(station, bytes, message.peer)
            }
            [4, 0, 0, 0, a, b, c, d, rest @ ..]
                if let Some((counter, sealed)) = rest.split_first_chunk::<8>()
                    && sealed.len() >= TAG =>
            {
                let name = u32::from_le_bytes([*a, *b, *c, *d]);
                let counter = u64::from_le_bytes(*counter);
                self.pass(station, name, counter, sealed, message.peer)
            }
            _ => stray(station, message.bytes),
        }
    }
}

/// What is no message of a client, or none that means anything here: counted.
fn stray(station: &Station, bytes: &[u8]) -> Considered {
    Considered::silent(station.recognise(&[(Carrier::Message, bytes)]), act(""))
}

fn act(method: &str) -> Act {
    Act {
        protocol: "wireguard/1".to_owned(),
        method: method.to_owned(),
        ..Act::default()
    }
}

impl State {
    /// A first message: who has a configuration wants in.
    fn begin(
        &mut self,
        station: &Station,
        message: &[u8; INITIATION],
        peer: SocketAddr,
    ) -> Considered {
        let now = Instant::now();
        self.servers.follow(&*station.recogniser);
        let Some(at) = self.servers.find(message, network(peer.ip()), now) else {
            return Considered::silent(Vec::new(), act(""));
        };
        let entry = self.servers.get(at);
        let Initiation { client, proof } = entry.server.read(message);
        let [client, server] = [client.as_ref(), Some(&entry.server.public)]
            .map(|key| key.map_or_else(String::new, |key| BASE64.encode(key)));
        let found = station.recognise(&[
            (Carrier::Key, client.as_bytes()),
            (Carrier::Key, server.as_bytes()),
        ]);
        let own =
            (proof.is_some()).then(|| found.iter().find(|it| self.is_client(station, at, it)));
        let own = own.flatten().cloned();
        let mut act = act("HANDSHAKE");
        if own.is_none() && !client.is_empty() {
            act.capture("wireguard.key", client);
        }
        if let Some(proof) = &proof {
            describe_clock(&mut act, &proof.stamp, station.clock.now());
        }
        let outcome = match (&own, &proof) {
            (Some(own), _) if own.canary.retired.is_some() => DecoyOutcome::Revoked,
            (Some(_), Some(proof)) if self.is_fresh(at, proof, now) => DecoyOutcome::Accepted,
            _ => DecoyOutcome::Refused,
        };
        let kind = own.as_ref().or(found.first());
        let kind = kind.map_or_else(String::new, |it| it.canary.kind.clone());
        act.decoy = Some(decoy(&kind, outcome, "HANDSHAKE"));
        let answer = match (outcome, proof) {
            (DecoyOutcome::Accepted, Some(proof)) => self.answer(at, proof, now, |keys| {
                Session::new(keys, found.clone(), kind, peer, now)
            }),
            _ => None,
        };
        Considered {
            answer,
            ..Considered::silent(found, act)
        }
    }

    /// Whether a key that was found is that of the one client of a server.
    fn is_client(&mut self, station: &Station, at: usize, found: &Recognised) -> bool {
        let Some(login) =
            (station.catalog.kind(&found.canary.kind)).and_then(|it| it.login.as_ref())
        else {
            return false;
        };
        let private = login.server_key.as_ref();
        let private = private.and_then(|field| found.canary.fields.get(field));
        let private = private.and_then(|it| BASE64.decode(it.as_bytes()).ok());
        let private = private.and_then(|it| it.try_into().ok());
        login.key.as_ref() == Some(&found.field)
            && private.is_some_and(|it| self.servers.get(at).server.has(&it))
    }

    /// Whether a first message was not sent before, and does not come too soon after the last.
    fn is_fresh(&mut self, at: usize, proof: &Proof, now: Instant) -> bool {
        let entry = self.servers.get(at);
        let soon = (entry.last).is_some_and(|last| now.saturating_duration_since(last) < SHORTEST);
        if soon || proof.stamp <= entry.stamp {
            return false;
        }
        entry.stamp = proof.stamp;
        entry.last = Some(now);
        true
    }

    /// The answer to a first message; keeps the session that comes of it.
    fn answer(
        &mut self,
        at: usize,
        proof: Proof,
        now: Instant,
        session: impl FnOnce(noise::Keys) -> Session,
    ) -> Option<Vec<u8>> {
        let mut name: u32 = rand::random();
        while self.sessions.has(name) {
            name = rand::random();
        }
        let (answer, keys) = proof.answer(name, rand::random())?;
        let entry = self.servers.get(at);
        entry.last = Some(now);
        entry.sessions.push_back(name);
        if entry.sessions.len() > MOST_OF_SERVER
            && let Some(oldest) = entry.sessions.pop_front()
        {
            self.sessions.drop(oldest);
        }
        self.sessions.put(name, session(keys));
        Some(answer.to_vec())
    }
}

impl Tunnels {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What comes through a tunnel.
    fn pass(
        self: Arc<Self>,
        station: &Station,
        name: u32,
        counter: u64,
        sealed: &[u8],
        peer: SocketAddr,
    ) -> Considered {
        let nothing = || Considered::silent(Vec::new(), act(""));
        let mut state = self.lock();
        let Some(session) = state.sessions.get(name, Instant::now()) else {
            return nothing();
        };
        let Some(plain) = session.open(counter, sealed, peer) else {
            return nothing();
        };
        let packet = inner::read(&plain);
        let news = packet.as_ref().is_some_and(|it| session.is_news(it.flow));
        let first = !std::mem::replace(&mut session.confirmed, true);
        let mut considered = if first || news {
            let mut act = act(if first { "SESSION" } else { "PACKET" });
            let mut found = session.found.clone();
            if let Some(packet) = packet.filter(|_| news) {
                describe(&mut act, &packet);
                found.extend(station.recognise(&[(Carrier::Message, packet.rest())]));
            }
            act.decoy = Some(decoy(&session.kind, DecoyOutcome::Accepted, &act.method));
            Considered::silent(found, act)
        } else {
            Considered {
                told: true,
                ..nothing()
            }
        };
        // As Linux does: no data goes back that would say that this came.
        if !plain.is_empty() {
            if session.due {
                session.another = true;
            } else {
                session.due = true;
                considered.later = Some(Arc::clone(&self).later(name));
            }
        }
        considered
    }

    fn later(self: Arc<Self>, name: u32) -> Later {
        Later {
            after: KEEPALIVE,
            then: Box::new(move || self.keep_alive(name)),
        }
    }

    /// Says that data came, after telling how much.
    fn keep_alive(self: Arc<Self>, name: u32) -> Option<(SocketAddr, Considered)> {
        let mut state = self.lock();
        let session = state.sessions.get(name, Instant::now())?;
        session.due = std::mem::take(&mut session.another);
        let tally = std::mem::take(&mut session.tally);
        let mut act = act("TRAFFIC");
        act.capture("tunnel.packets", tally.packets.to_string());
        act.capture("tunnel.bytes", tally.bytes.to_string());
        for flow in &tally.flows {
            act.capture("tunnel.to", flow.to_string());
        }
        act.decoy = Some(decoy(&session.kind, DecoyOutcome::Accepted, "TRAFFIC"));
        let considered = Considered {
            answer: Some(session.keep_alive()),
            later: (session.due).then(|| Arc::clone(&self).later(name)),
            ..Considered::silent(session.found.clone(), act)
        };
        Some((session.peer, considered))
    }
}

fn decoy(kind: &str, outcome: DecoyOutcome, rule: &str) -> DecoyRecord {
    DecoyRecord {
        kind: kind.to_owned(),
        outcome,
        rule: rule.to_owned(),
        status: 0,
    }
}

/// What the client's clock says, and how far that is from ours. Linux and wireguard-go round it down to 17 ms.
fn describe_clock(act: &mut Act, stamp: &[u8; 12], now: Timestamp) {
    let [a, b, c, d, e, f, g, h, nanos @ ..] = *stamp;
    let seconds = u64::from_be_bytes([a, b, c, d, e, f, g, h]).wrapping_sub(EPOCH);
    let micros = i64::from(u32::from_be_bytes(nanos) / 1000);
    let seconds = seconds.cast_signed();
    let Some(theirs) = (seconds.checked_mul(1_000_000)).and_then(|it| it.checked_add(micros))
    else {
        return;
    };
    act.capture(
        "wireguard.clock",
        Timestamp::from_micros(theirs).to_string(),
    );
    let ahead = theirs.saturating_sub(now.micros()) / 1000;
    let sign = if ahead < 0 { '-' } else { '+' };
    let ahead = ahead.unsigned_abs();
    let offset = format!("{sign}{}.{:03} s", ahead / 1000, ahead % 1000);
    act.capture("wireguard.offset", offset);
}

fn describe(act: &mut Act, packet: &inner::Packet<'_>) {
    act.target = packet.flow.to_string();
    act.about.push(("from".to_owned(), packet.from.to_string()));
    act.capture("tunnel.to", packet.flow.to_string());
    if let Some(name) = packet.name() {
        act.capture("tunnel.name", name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clients_clock_is_told_with_its_offset() {
        let told = |seconds: u64, nanos: u32, now: i64| {
            let mut stamp = [0; 12];
            stamp[..8].copy_from_slice(&EPOCH.wrapping_add(seconds).to_be_bytes());
            stamp[8..].copy_from_slice(&nanos.to_be_bytes());
            let mut act = Act::default();
            describe_clock(&mut act, &stamp, Timestamp::from_micros(now));
            let captured = act.captured.into_values().flatten();
            captured.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            told(1_795_401_540, 500_000_000, 1_795_401_540_000_000),
            "2026-11-23T02:39:00.500000Z +0.500 s"
        );
        assert_eq!(
            told(1_795_401_540, 0, 1_795_401_601_250_000),
            "2026-11-23T02:39:00.000000Z -61.250 s"
        );
        assert_eq!(told(u64::MAX / 2, 0, 0), "");
    }
}
