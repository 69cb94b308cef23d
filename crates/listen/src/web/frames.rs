//! HTTP/2 frames on their way to hyper (RFC 9113, 4): kept per stream as they came, with the fields
//! decoded beside hyper. hyper says neither which stream a request came on nor in which order its
//! fields stood, and drops what it refuses without telling.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use lapwing_core::Clock;
use tokio::time::Instant;

use crate::limits::Limits;
use crate::web::framing::Framing;
use crate::web::head::{Head, Version};
use crate::web::hpack::{Decoder, Field};
use crate::web::tee::Evidence;

/// What every HTTP/2 connection begins with (3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes kept of what comes before the first request.
const CONTEXT: usize = 1 << 10;

/// The largest frame we allow: we announce no other (4.2).
const FRAME: usize = 16 << 10;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY_FRAME: u8 = 2;
const SETTINGS: u8 = 4;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;

/// One request as it comes in.
struct Stream {
    head: Option<Box<Head>>,
    order: String,
    evidence: Evidence,
    /// The body as far as no handler reads it.
    data: Vec<u8>,
    claimed: bool,
}

/// A request that hyper gave to no handler.
pub(crate) struct Orphan {
    pub(crate) head: Box<Head>,
    pub(crate) body: Vec<u8>,
    pub(crate) evidence: Evidence,
}

/// The frames of one connection.
pub(crate) struct Frames {
    clock: Arc<dyn Clock>,
    header_bytes: usize,
    raw_bytes: usize,
    seen: usize,
    header: [u8; 9],
    have: usize,
    left: usize,
    payload: Vec<u8>,
    context: Vec<u8>,
    /// SETTINGS and the first WINDOW_UPDATE, for the fingerprint.
    settings: String,
    opening: Opening,
    decoder: Option<Decoder>,
    block: Vec<u8>,
    block_since: Option<Instant>,
    streams: BTreeMap<u32, Stream>,
    last: u32,
    kept: usize,
    idle_since: Instant,
    /// Since when the peer takes nothing of what is written.
    pub(crate) stalled: Option<Instant>,
}

impl Frames {
    pub(crate) fn new(clock: Arc<dyn Clock>, limits: &Limits) -> Self {
        Self {
            clock,
            header_bytes: limits.header_bytes,
            raw_bytes: limits.raw_bytes,
            seen: 0,
            header: [0; 9],
            have: 0,
            left: 0,
            payload: Vec::new(),
            context: Vec::new(),
            settings: String::new(),
            opening: Opening::default(),
            decoder: Some(Decoder::default()),
            block: Vec::new(),
            block_since: None,
            streams: BTreeMap::new(),
            last: 0,
            kept: 0,
            idle_since: Instant::now(),
            stalled: None,
        }
    }

    /// Takes what was read.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) {
        if self.seen < PREFACE.len() {
            let (preface, rest) = bytes.split_at(bytes.len().min(PREFACE.len() - self.seen));
            self.seen += preface.len();
            self.context.extend_from_slice(preface);
            bytes = rest;
        }
        while !bytes.is_empty() {
            if self.have < self.header.len() {
                let count = bytes.len().min(self.header.len() - self.have);
                self.header[self.have..self.have + count].copy_from_slice(&bytes[..count]);
                self.have += count;
                bytes = &bytes[count..];
                if self.have == self.header.len() {
                    self.begin();
                }
            } else {
                let (part, rest) = bytes.split_at(bytes.len().min(self.left));
                self.left -= part.len();
                self.take(part);
                bytes = rest;
            }
            if self.have == self.header.len() && self.left == 0 {
                self.end();
                self.have = 0;
            }
        }
    }

    fn kind(&self) -> u8 {
        self.header[3]
    }

    fn flags(&self) -> u8 {
        self.header[4]
    }

    fn id(&self) -> u32 {
        let [.., a, b, c, d] = self.header;
        u32::from_be_bytes([a & 0x7f, b, c, d])
    }

    fn begin(&mut self) {
        let [a, b, c, ..] = self.header;
        self.left = u32::from_be_bytes([0, a, b, c]) as usize;
        self.payload.clear();
        if self.kind() == HEADERS && self.id() > self.last {
            self.last = self.id();
            let stream = Stream {
                head: None,
                order: String::new(),
                evidence: Evidence::default(),
                data: Vec::new(),
                claimed: false,
            };
            self.streams.insert(self.last, stream);
        }
        self.keep(&self.header.clone());
    }

    fn take(&mut self, part: &[u8]) {
        self.keep(part);
        let collected = matches!(
            self.kind(),
            HEADERS | PRIORITY_FRAME | CONTINUATION | SETTINGS | WINDOW_UPDATE
        );
        if collected && self.payload.len() + part.len() <= FRAME {
            self.payload.extend_from_slice(part);
        }
        let id = self.id();
        if self.kind() == DATA
            && let Some(stream) = self.streams.get_mut(&id)
            && !stream.claimed
        {
            let room = self.raw_bytes.saturating_sub(stream.data.len());
            stream.data.extend_from_slice(&part[..part.len().min(room)]);
        }
    }

    /// Keeps bytes with their stream, or with the connection's beginning.
    fn keep(&mut self, bytes: &[u8]) {
        let id = self.id();
        if id == 0 {
            let room = CONTEXT.saturating_sub(self.context.len()).min(bytes.len());
            if self.last == 0 {
                self.context.extend_from_slice(&bytes[..room]);
            }
        } else if let Some(stream) = self.streams.get_mut(&id) {
            // All streams of a connection together keep no more than four may alone.
            let room = (4 * self.raw_bytes).saturating_sub(self.kept);
            let before = stream.evidence.raw.len();
            stream
                .evidence
                .push(bytes, self.raw_bytes.min(before + room));
            self.kept += stream.evidence.raw.len() - before;
        }
    }

    fn end(&mut self) {
        match self.kind() {
            HEADERS => {
                let block = header_block(&self.payload, self.flags()).to_vec();
                self.block = block;
                self.block_since = Some(Instant::now());
                self.end_block();
            }
            CONTINUATION if self.block_since.is_some() => {
                if self.block.len() + self.payload.len() <= 2 * self.header_bytes {
                    self.block.extend_from_slice(&self.payload);
                } else {
                    self.decoder = None;
                }
                self.end_block();
            }
            SETTINGS if self.last == 0 && self.flags() & 1 == 0 => {
                for entry in self.payload.chunks_exact(6).take(32) {
                    let name = u16::from_be_bytes([entry[0], entry[1]]);
                    let value = u32::from_be_bytes([entry[2], entry[3], entry[4], entry[5]]);
                    let _ = write!(self.settings, "{name}:{value};");
                    self.opening.settings.push((name, value));
                }
                self.opening.settings.truncate(MOST);
            }
            WINDOW_UPDATE if self.last == 0 && self.settings.len() < 1024 => {
                if let [a, b, c, d] = self.payload[..] {
                    let grant = u32::from_be_bytes([a, b, c, d]);
                    let _ = write!(self.settings, "w{grant};");
                    if self.id() == 0 {
                        self.opening.grant.get_or_insert(grant);
                    }
                }
            }
            PRIORITY_FRAME if self.last == 0 && self.opening.priorities.len() < MOST => {
                if let Some(priority) = priority(self.id(), &self.payload) {
                    self.opening.priorities.push(priority);
                }
            }
            _ => {}
        }
    }

    /// Decodes the header block if it is whole.
    fn end_block(&mut self) {
        if self.flags() & END_HEADERS == 0 {
            return;
        }
        self.block_since = None;
        let fields = self.decode();
        let id = self.id();
        let started = self.clock.now();
        if let Some(stream) = self.streams.get_mut(&id)
            && stream.head.is_none()
            && !stream.claimed
        {
            let (mut head, order) = head(fields);
            head.started = started;
            stream.head = Some(Box::new(head));
            stream.order = order;
        }
    }

    fn decode(&mut self) -> Vec<Field> {
        let mut fields = Vec::new();
        let block = std::mem::take(&mut self.block);
        if let Some(decoder) = &mut self.decoder
            && decoder
                .decode(&block, 2 * self.header_bytes, &mut fields)
                .is_none()
        {
            self.decoder = None;
        }
        fields
    }

    /// Finds the stream a request came on, that hyper has just accepted: the first of its like. hyper
    /// may have rewritten the path, and where fields could not be decoded the order has to do.
    pub(crate) fn claim(&mut self, method: &str, path: &str) -> Option<u32> {
        let same = |head: &Head| head.method == method;
        let open = || self.streams.iter().filter(|(_, stream)| !stream.claimed);
        let like = |test: &dyn Fn(Option<&Head>) -> bool| {
            let mut found = open().filter(|(_, stream)| test(stream.head.as_deref()));
            found.next().map(|(id, _)| *id)
        };
        let id = like(&|head| head.is_some_and(|head| same(head) && head.target == path))
            .or_else(|| like(&|head| head.is_some_and(same)))
            .or_else(|| like(&|head| head.is_none()))?;
        let stream = self.streams.get_mut(&id)?;
        stream.claimed = true;
        stream.data = Vec::new();
        Some(id)
    }

    /// The fields of a claimed stream.
    pub(crate) fn head(&mut self, id: u32) -> Option<Box<Head>> {
        self.streams.get_mut(&id)?.head.take()
    }

    /// The bytes of a claimed stream, once its body is read; the stream is forgotten.
    pub(crate) fn finish(&mut self, id: u32) -> Evidence {
        let Some(stream) = self.streams.remove(&id) else {
            return Evidence::default();
        };
        if self.streams.is_empty() {
            self.idle_since = Instant::now();
        }
        self.evidence(stream.evidence, &stream.order)
    }

    fn evidence(&mut self, stream: Evidence, order: &str) -> Evidence {
        self.kept -= stream.raw.len();
        let mut raw = self.context.clone();
        raw.extend_from_slice(&stream.raw);
        Evidence {
            size: stream.size + self.context.len() as u64,
            raw,
            fault: None,
            prelude: format!("{}|{order}", self.settings),
            print: self.opening.print(order),
        }
    }

    /// The whole requests that no handler has: asked when hyper has accepted all it will. While the
    /// peer takes nothing, hyper may not have come to them yet.
    pub(crate) fn orphans(&mut self) -> Vec<Orphan> {
        if self.stalled.is_some() {
            return Vec::new();
        }
        self.unclaimed()
    }

    fn unclaimed(&mut self) -> Vec<Orphan> {
        let lost = |stream: &Stream| !stream.claimed && stream.head.is_some();
        if !self.streams.values().any(lost) {
            return Vec::new();
        }
        let ids: Vec<u32> = (self.streams.iter())
            .filter(|(_, stream)| lost(stream))
            .map(|(id, _)| *id)
            .collect();
        ids.into_iter().filter_map(|id| self.orphan(id)).collect()
    }

    fn orphan(&mut self, id: u32) -> Option<Orphan> {
        let stream = self.streams.remove(&id)?;
        Some(Orphan {
            head: stream.head?,
            body: stream.data,
            evidence: self.evidence(stream.evidence, &stream.order),
        })
    }

    /// What is left when the connection has ended, unfinished header blocks included.
    pub(crate) fn rest(&mut self) -> Vec<Orphan> {
        if self.block_since.take().is_some() {
            let (mut head, order) = head(self.decode());
            head.started = self.clock.now();
            let last = self.last;
            if let Some(stream) = self.streams.get_mut(&last)
                && !stream.claimed
            {
                stream.head.get_or_insert(Box::new(head));
                stream.order = order;
            }
        }
        self.unclaimed()
    }

    /// When the peer has to have gone on: with a header block, with taking what is written, or with
    /// a request.
    pub(crate) fn deadline(&self, limits: &Limits) -> (Instant, Overdue) {
        let after = |since: Option<Instant>, by: Duration| since.map(|since| since + by);
        let block = after(self.block_since, limits.header_deadline);
        let stalled = after(self.stalled, limits.write_deadline);
        let idle = (self.streams.is_empty()).then(|| self.idle_since + limits.idle);
        let dead = [block, stalled].into_iter().flatten().min();
        match (dead, idle) {
            (Some(dead), Some(idle)) if idle < dead => (idle, Overdue::Idle),
            (Some(dead), _) => (dead, Overdue::Stuck),
            (None, Some(idle)) => (idle, Overdue::Idle),
            // A handler is at work; it has deadlines of its own.
            (None, None) => (Instant::now() + limits.idle, Overdue::Nothing),
        }
    }
}

/// Settings and priorities that are kept of a connection's beginning.
const MOST: usize = 32;

/// What a connection begins with before its first request.
#[derive(Default)]
struct Opening {
    settings: Vec<(u16, u32)>,
    /// What the first WINDOW_UPDATE of the connection adds.
    grant: Option<u32>,
    /// PRIORITY frames: stream, exclusive, the stream it depends on, weight.
    priorities: Vec<(u32, u8, u32, u16)>,
}

impl Opening {
    /// In Akamai's notation (Shuster, Segal: Passive Fingerprinting of HTTP/2 Clients, 2017):
    /// `1:65536;4:131072|12517377|3:0:0:201|m,p,a,s`.
    fn print(&self, order: &str) -> String {
        let settings = self.settings.iter();
        let settings: Vec<_> = settings
            .map(|(id, value)| format!("{id}:{value}"))
            .collect();
        let priorities = self.priorities.iter();
        let mut priorities: Vec<_> = priorities
            .map(|(id, exclusive, on, weight)| format!("{id}:{exclusive}:{on}:{weight}"))
            .collect();
        if priorities.is_empty() {
            priorities.push("0".to_owned());
        }
        // What is none of the four may be anything.
        let order = order.chars().map(|one| match one {
            'm' | 'a' | 's' | 'p' => one,
            _ => '*',
        });
        let order: Vec<_> = order.map(String::from).collect();
        let grant = self.grant;
        format!(
            "{}|{}|{}|{}",
            settings.join(";"),
            grant.map_or_else(|| "00".to_owned(), |grant| grant.to_string()),
            priorities.join(","),
            order.join(",")
        )
    }
}

/// What a PRIORITY frame says (RFC 9113, 6.3).
fn priority(id: u32, payload: &[u8]) -> Option<(u32, u8, u32, u16)> {
    let [a, b, c, d, weight] = *payload else {
        return None;
    };
    let on = u32::from_be_bytes([a & 0x7f, b, c, d]);
    Some((id, a >> 7, on, u16::from(weight) + 1))
}

/// What a passed deadline means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overdue {
    /// No request for long: say goodbye.
    Idle,
    /// The peer is stuck in the middle of something: leave.
    Stuck,
    /// Look again.
    Nothing,
}

/// The header block of a HEADERS frame, without padding and priority (6.2).
fn header_block(payload: &[u8], flags: u8) -> &[u8] {
    let (mut block, mut padding) = (payload, 0);
    if flags & PADDED != 0 {
        let Some((first, rest)) = block.split_first() else {
            return &[];
        };
        (padding, block) = (usize::from(*first), rest);
    }
    if flags & PRIORITY != 0 {
        block = block.get(5..).unwrap_or_default();
    }
    &block[..block.len().saturating_sub(padding)]
}

/// A request's head from its fields, and the order of its pseudo-fields (`m,a,s,p`).
fn head(fields: Vec<Field>) -> (Head, String) {
    let mut head = Head {
        method: String::new(),
        target: String::new(),
        authority: None,
        version: Version::Http2,
        headers: Vec::with_capacity(fields.len()),
        framing: Framing::Length(0),
        close: false,
        expect: false,
        started: lapwing_core::Timestamp::from_micros(0),
    };
    let mut order = String::new();
    for (name, value) in fields {
        let name = String::from_utf8_lossy(&name).into_owned();
        let text = || String::from_utf8_lossy(&value).into_owned();
        match name.as_str() {
            ":method" => head.method = text(),
            ":path" => head.target = text(),
            ":authority" => head.authority = Some(text()),
            _ if name.starts_with(':') => {}
            "expect" => {
                head.expect = value.eq_ignore_ascii_case(b"100-continue");
                head.headers.push((name, value));
                continue;
            }
            "content-length" => {
                let length = text().parse().unwrap_or(0);
                head.framing = Framing::Length(length);
                head.headers.push((name, value));
                continue;
            }
            _ => {
                head.headers.push((name, value));
                continue;
            }
        }
        if order.len() < 32 {
            order.extend(name.chars().nth(1));
        }
    }
    (head, order)
}

#[cfg(test)]
mod tests {
    use lapwing_core::SystemClock;

    use super::*;

    fn frame(kind: u8, flags: u8, id: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).unwrap();
        [&[0, 0, length, kind, flags, 0, 0, 0, id], payload].concat()
    }

    #[test]
    fn a_connection_is_told_by_its_beginning() {
        let mut frames = Frames::new(Arc::new(SystemClock), &Limits::default());
        // As Firefox once began: SETTINGS, WINDOW_UPDATE, PRIORITY, HEADERS.
        let sent = [
            PREFACE.to_vec(),
            frame(SETTINGS, 0, 0, &[0, 1, 0, 1, 0, 0, 0, 4, 0, 2, 0, 0]),
            frame(WINDOW_UPDATE, 0, 0, &[0, 0xbf, 0, 1]),
            frame(PRIORITY_FRAME, 0, 3, &[0, 0, 0, 0, 200]),
            frame(PRIORITY_FRAME, 0, 5, &[0x80, 0, 0, 3, 0]),
            frame(HEADERS, 5, 7, &[0x82, 0x84, 0x41, 1, b'a', 0x87]),
            frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 9]),
        ];
        for part in sent.concat().chunks(7) {
            frames.feed(part);
        }
        let id = frames.claim("GET", "/").unwrap();
        let print = "1:65536;4:131072|12517377|3:0:0:201,5:1:3:1|m,p,a,s";
        assert_eq!(frames.finish(id).print, print);
    }

    #[test]
    fn what_is_missing_has_its_own_words() {
        let opening = Opening::default();
        assert_eq!(opening.print(""), "|00|0|");
        assert_eq!(opening.print("mx"), "|00|0|m,*");
    }
}
