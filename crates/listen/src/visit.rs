//! A connection of a protocol of our own: what its server reads, says and records.
//!
//! The rule of every listener is kept here: [`Visit::notice`] resolves when what was seen is durable, and a
//! server says nothing to it before. Reading has deadlines and bounds; what was read and led to nothing is
//! searched for bait when the connection ends.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::HEXLOWER;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use lapwing_core::{
    Canary, Carrier, Claimed, Claims, DecoyOutcome, DecoyRecord, Observed, Timestamp,
};
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;
use tokio::time::{Instant, sleep, timeout};

use crate::connection::Place;
use crate::datagram::Message;
use crate::notice::{self, Seen};
use crate::packets::Packets;
use crate::station::{Recognised, Station};
use crate::stream::{More, Stream, read_more};

/// Bytes of one message, at most; of one from somebody who has not logged in, `LONGEST_OF_STRANGERS`.
pub(crate) const LONGEST: usize = 1 << 20;
const LONGEST_OF_STRANGERS: usize = 128 << 10;
/// Bytes that a connection may hold before they count against all that are held (`Limits::body_bytes_total`).
pub(crate) const FREE: usize = 4 << 10;

/// The connection is over: its end, a deadline, a bound, or the station stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ended;

/// A connection.
pub(crate) struct Visit {
    pub(crate) place: Place,
    /// None only while it is taken into TLS.
    stream: Option<Stream>,
    /// Read and not yet taken.
    inbox: Vec<u8>,
    tape: Tape,
    born: Instant,
    /// Whether anything was recorded or counted.
    noticed: bool,
    /// Whose login it is, once there was one: all that follows is theirs too.
    bearers: Vec<Recognised>,
    /// Bytes that were counted against all that are held.
    held: usize,
    /// When the message in hand began.
    begun: Option<Instant>,
    /// How long it may be silent, if that is not what the limits say.
    patience: Option<Duration>,
}

/// What was taken since the last notice, as sent.
#[derive(Default)]
struct Tape {
    raw: Vec<u8>,
    size: u64,
    started: Option<Timestamp>,
}

/// What a client did, as the record has it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Act {
    /// The protocol and its version, `postgresql/3.0`.
    pub(crate) protocol: String,
    /// `LOGIN`, `QUERY`, ...
    pub(crate) method: String,
    /// What it is about.
    pub(crate) target: String,
    /// The name of the host that was asked for, if one was.
    pub(crate) host: String,
    /// What the client calls itself.
    pub(crate) agent: String,
    /// What else it says of itself, in order.
    pub(crate) about: Vec<(String, String)>,
    /// What is worth reading of it, under names that alerts and reports know: `login.user`,
    /// `sql.statement`, `sms.to`, ...
    pub(crate) captured: BTreeMap<String, Vec<String>>,
    /// What stays the same between connections of one client program; the fingerprint is its digest.
    pub(crate) traits: String,
    /// What was made of it; `None`: nothing here answers to it.
    pub(crate) decoy: Option<DecoyRecord>,
}

impl Act {
    /// Keeps a value under a name.
    pub(crate) fn capture(&mut self, name: &str, value: impl Into<String>) {
        let values = self.captured.entry(name.to_owned()).or_default();
        values.push(value.into());
    }
}

/// The account a canary pretends to be, at this listener.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) canary: Arc<Canary>,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) database: Option<String>,
}

impl Account {
    /// The record of an answer to it. A retired canary is never let in.
    pub(crate) fn decoy(&self, accepted: bool, rule: &str, status: u16) -> DecoyRecord {
        DecoyRecord {
            kind: self.canary.kind.clone(),
            outcome: match (accepted, self.canary.retired) {
                (true, None) => DecoyOutcome::Accepted,
                (true, Some(_)) => DecoyOutcome::Revoked,
                (false, _) => DecoyOutcome::Refused,
            },
            rule: rule.to_owned(),
            status,
        }
    }

    /// Whether it is let in with this password.
    pub(crate) fn opens(&self, password: &[u8]) -> bool {
        self.canary.retired.is_none() && self.knows(password)
    }

    /// Whether this is its user; true where it has none. Whoever has the password alone is refused.
    pub(crate) fn is_user(&self, user: &[u8]) -> bool {
        self.user.as_ref().is_none_or(|own| own.as_bytes() == user)
    }

    /// Whether this is its password.
    pub(crate) fn knows(&self, password: &[u8]) -> bool {
        self.password
            .as_ref()
            .is_some_and(|own| own.as_bytes() == password)
    }
}

impl Visit {
    pub(crate) fn new(stream: Stream, place: Place) -> Self {
        Self {
            place,
            stream: Some(stream),
            inbox: Vec::new(),
            tape: Tape::default(),
            born: Instant::now(),
            noticed: false,
            bearers: Vec::new(),
            held: 0,
            begun: None,
            patience: None,
        }
    }

    /// Lets a server talk, then sees to what it did not understand.
    pub(crate) async fn run(
        mut self,
        talk: impl for<'a> FnOnce(&'a mut Self) -> BoxFuture<'a, Result<(), Ended>>,
    ) {
        // A server that fails loses its connection, and nothing of what came over it.
        let talking = AssertUnwindSafe(talk(&mut self)).catch_unwind().await;
        let failed = talking.is_err();
        let left = std::mem::take(&mut self.inbox);
        self.tape.push(&left, &self.place.station);
        if self.tape.size == 0 {
            self.hang_up().await;
            return;
        }
        let found = self.recognise_taken();
        // Of a connection that was noticed already, only more bait is news.
        if !found.is_empty() || !self.noticed || failed {
            let act = Act {
                protocol: self.place.listener.to_owned(),
                method: if failed { "FAILED" } else { "" }.to_owned(),
                ..Act::default()
            };
            self.notice(found, act).await;
        }
        self.hang_up().await;
    }

    async fn hang_up(&mut self) {
        if let Some(stream) = &mut self.stream {
            let _ = timeout(self.place.station.limits.write_deadline, stream.shutdown()).await;
        }
    }

    /// The station.
    pub(crate) fn station(&self) -> &Station {
        &self.place.station
    }

    /// Whether the connection is inside TLS.
    pub(crate) fn is_secure(&self) -> bool {
        matches!(self.stream, Some(Stream::Secure(_)))
    }

    /// What was read and not taken.
    pub(crate) fn peek(&self) -> &[u8] {
        &self.inbox
    }

    /// Reads more: waits as long as a peer may be silent.
    pub(crate) async fn more(&mut self) -> Result<(), Ended> {
        let limits = &self.place.station.limits;
        // In the middle of a message it may be silent less long.
        let patience = if self.inbox.is_empty() {
            self.patience.unwrap_or(limits.idle)
        } else {
            limits.header_deadline
        };
        let mut deadline = (Instant::now() + patience).min(self.born + limits.lifetime);
        if let Some(begun) = self.begun {
            deadline = deadline.min(begun + limits.body_deadline);
        }
        let longest = if self.bearers.is_empty() {
            LONGEST_OF_STRANGERS
        } else {
            LONGEST
        };
        if self.inbox.len() > longest {
            return Err(Ended);
        }
        let stream = self.stream.as_mut().ok_or(Ended)?;
        let read = read_more(stream, &mut self.inbox, deadline, &self.place.bell).await;
        if read == More::End || !self.hold() {
            return Err(Ended);
        }
        self.begun.get_or_insert_with(Instant::now);
        Ok(())
    }

    /// Counts what is held against all that are; `false` if there is no more room.
    fn hold(&mut self) -> bool {
        let gate = &self.place.gate;
        let holds = (self.inbox.len() + self.tape.raw.len()).saturating_sub(FREE);
        if holds > self.held {
            if !gate.take(&self.place.bell, holds - self.held) {
                return false;
            }
        } else {
            gate.give(&self.place.bell, self.held - holds);
        }
        self.held = holds;
        true
    }

    /// Reads until there are so many bytes to take.
    pub(crate) async fn at_least(&mut self, count: usize) -> Result<(), Ended> {
        if count > LONGEST {
            return Err(Ended);
        }
        while self.inbox.len() < count {
            self.more().await?;
        }
        Ok(())
    }

    /// Takes bytes that were read: at most as many as there are.
    pub(crate) fn take(&mut self, count: usize) -> Vec<u8> {
        let count = count.min(self.inbox.len());
        let rest = self.inbox.split_off(count);
        let taken = std::mem::replace(&mut self.inbox, rest);
        self.tape.push(&taken, &self.place.station);
        self.begun = (!self.inbox.is_empty()).then(Instant::now);
        taken
    }

    /// Takes exactly so many bytes.
    pub(crate) async fn exact(&mut self, count: usize) -> Result<Vec<u8>, Ended> {
        self.at_least(count).await?;
        Ok(self.take(count))
    }

    /// Takes a line with its end. One longer than `limit` comes in pieces of that length.
    pub(crate) async fn line(&mut self, limit: usize) -> Result<Vec<u8>, Ended> {
        let mut searched = 0;
        loop {
            let end = self.inbox[searched..]
                .iter()
                .position(|byte| *byte == b'\n');
            let length = match end {
                Some(end) => searched + end + 1,
                None if self.inbox.len() >= limit => limit,
                None => {
                    searched = self.inbox.len();
                    self.more().await?;
                    continue;
                }
            };
            return Ok(self.take(length.min(limit)));
        }
    }

    /// Sends bytes.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<(), Ended> {
        let stream = self.stream.as_mut().ok_or(Ended)?;
        let sending = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        let sending = timeout(self.place.station.limits.write_deadline, sending);
        tokio::select! {
            biased;
            sent = sending => match sent {
                Ok(Ok(())) => Ok(()),
                _ => Err(Ended),
            },
            () = self.place.bell.leave() => Err(Ended),
        }
    }

    /// Takes the connection into TLS: what was read and not taken is the start of it.
    pub(crate) async fn secure(&mut self) -> Result<(), Ended> {
        let Some(Stream::Plain(mut replay)) = self.stream.take() else {
            return Err(Ended);
        };
        replay.bytes.splice(0..0, std::mem::take(&mut self.inbox));
        let stream = self.place.secure(replay, false).await;
        self.stream = Some(stream.ok_or(Ended)?);
        Ok(())
    }

    /// As [`Visit::secure`], with a handshake that comes in packets of this kind.
    pub(crate) async fn secure_in_packets(&mut self, kind: u8) -> Result<(), Ended> {
        let Some(Stream::Plain(mut replay)) = self.stream.take() else {
            return Err(Ended);
        };
        let mut early = std::mem::take(&mut replay.bytes);
        early.append(&mut self.inbox);
        replay.packets = Some(Box::new(Packets::new(kind, early)));
        let mut stream = self.place.secure(replay, false).await.ok_or(Ended)?;
        if let Stream::Secure(secure) = &mut stream {
            let replay = secure.get_mut().0;
            let packets = replay.packets.take();
            replay
                .bytes
                .extend(packets.map(|it| it.early).unwrap_or_default());
        }
        self.stream = Some(stream);
        Ok(())
    }

    /// Leaves TLS again without a word: what follows is in the clear.
    pub(crate) fn expose(&mut self) {
        self.stream = self.stream.take().map(|stream| match stream {
            Stream::Secure(secure) => Stream::Plain(secure.into_inner().0),
            plain @ Stream::Plain(_) => plain,
        });
    }

    /// Looks values up.
    pub(crate) fn recognise(&self, parts: &[(Carrier, &[u8])]) -> Vec<Recognised> {
        self.station().recognise(parts)
    }

    /// Looks up what was taken since the last notice, as text.
    pub(crate) fn recognise_taken(&self) -> Vec<Recognised> {
        self.recognise(&[(Carrier::Message, &self.tape.raw)])
    }

    /// The first of what was found that is an account at this listener.
    pub(crate) fn account(&self, found: &[Recognised]) -> Option<Account> {
        found.iter().find_map(|it| {
            let kind = self.station().catalog.kind(&it.canary.kind)?;
            let login = kind.login.as_ref()?;
            let here = login.protocols.iter();
            here.clone().find(|name| **name == self.place.listener)?;
            let value = |field: &Option<String>| it.canary.fields.get(field.as_ref()?).cloned();
            Some(Account {
                canary: Arc::clone(&it.canary),
                user: value(&login.user),
                password: value(&login.password),
                key: value(&login.key),
                database: value(&login.database),
            })
        })
    }

    /// From here on the connection is theirs whose handles these are.
    pub(crate) fn remember(&mut self, found: &[Recognised]) {
        self.bearers = found.to_vec();
        if !found.is_empty() {
            self.place.bell.admit();
        }
    }

    /// Holds the next answer back, as the server we look like does.
    pub(crate) async fn pause(&self, time: Duration) {
        sleep(time.min(self.place.station.limits.pause)).await;
    }

    /// From here on it may be silent as long as it may last: someone is thinking.
    pub(crate) fn patient(&mut self) {
        self.patience = Some(self.place.station.limits.lifetime);
    }

    /// Records what the client did since the last time, with the bytes it took; counts it if there is no
    /// bait in it.
    pub(crate) async fn notice(&mut self, mut found: Vec<Recognised>, act: Act) {
        self.noticed = true;
        self.place.bell.hear();
        found.extend(self.bearers.iter().cloned());
        let tape = std::mem::take(&mut self.tape);
        self.hold();
        let station = Arc::clone(&self.place.station);
        let Tape { raw, size, started } = tape;
        let seen = seen_by(&self.place, act, raw, size, started);
        notice::notice(&station, found, seen).await;
    }
}

/// What was seen on a connection: the bytes that are kept, of how many, and since when.
pub(crate) fn seen_by(
    place: &Place,
    act: Act,
    raw: Vec<u8>,
    size: u64,
    started: Option<Timestamp>,
) -> Seen {
    let observed = Observed {
        fingerprint: fingerprint(&act),
        forwarded: place.forwarded,
        listener: place.listener.to_owned(),
        local: place.local,
        observer: None,
        peer: place.peer,
        protocol: act.protocol.clone(),
        signals: place.signals.clone(),
        size,
        time: started.unwrap_or_else(|| place.station.clock.now()),
        truncated: (raw.len() as u64) < size,
    };
    seen(observed, act, raw, place.hello.clone())
}

/// What was seen of a message that came as a datagram.
pub(crate) fn seen_datagram(
    station: &Station,
    listener: &'static str,
    message: Message<'_>,
    local: SocketAddr,
    act: Act,
) -> Seen {
    let Message { bytes, peer, .. } = message;
    let kept = bytes.len().min(station.limits.raw_bytes);
    let observed = Observed {
        fingerprint: fingerprint(&act),
        forwarded: None,
        listener: listener.to_owned(),
        local,
        observer: None,
        peer,
        protocol: act.protocol.clone(),
        signals: BTreeMap::new(),
        size: bytes.len() as u64,
        time: station.clock.now(),
        truncated: kept < bytes.len(),
    };
    seen(observed, act, bytes[..kept].to_vec(), None)
}

fn seen(observed: Observed, act: Act, raw: Vec<u8>, hello: Option<Arc<[u8]>>) -> Seen {
    let claim = |pairs: Vec<(String, String)>| {
        let claimed = |(name, value)| (name, Claimed::new(value));
        pairs.into_iter().map(claimed).collect()
    };
    let claims = Claims {
        method: Claimed::new(act.method),
        target: Claimed::new(act.target),
        host: Claimed::new(act.host),
        agent: Claimed::new(act.agent),
        forwarding: Vec::new(),
        headers: claim(act.about),
        captured: (act.captured.into_iter())
            .map(|(name, values)| (name, Claimed::new(values)))
            .collect(),
    };
    let decoy = act.decoy.unwrap_or(DecoyRecord {
        kind: String::new(),
        outcome: DecoyOutcome::Unknown,
        rule: String::new(),
        status: 0,
    });
    Seen {
        observed,
        claims,
        raw,
        hello,
        decoy,
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.place.gate.give(&self.place.bell, self.held);
    }
}

/// The first 32 hex digits of SHA-256 over what stays the same.
fn fingerprint(act: &Act) -> String {
    if act.traits.is_empty() {
        return String::new();
    }
    let digest = Sha256::digest(format!("{}\n{}", act.protocol, act.traits));
    HEXLOWER.encode(&digest[..16])
}

impl Tape {
    fn push(&mut self, bytes: &[u8], station: &Station) {
        if bytes.is_empty() {
            return;
        }
        self.started.get_or_insert_with(|| station.clock.now());
        self.size += bytes.len() as u64;
        let room = station.limits.raw_bytes.saturating_sub(self.raw.len());
        self.raw.extend_from_slice(&bytes[..room.min(bytes.len())]);
    }
}
