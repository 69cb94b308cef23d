//! The stream between an HTTP/1 peer and hyper. It reads ahead of hyper, keeps the bytes of each
//! request exactly as they came, and hands hyper one good request at a time: the next one stays here
//! until the answer to the last is made, a bad one never gets through. So a handler is never dropped
//! because its peer went away, and nothing is answered that was not recorded.
//!
//! On the way out it gives header names the case the imitated server writes them in.

use std::borrow::Cow;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use lapwing_core::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::connection::Place;
use crate::gate::Hold;
use crate::visit::FREE;
use crate::web::framing::Framing;
use crate::web::head::{Fault, Head, Judged, blank_lines, judge};

/// Bytes read from the socket at once.
const READ: usize = 8 << 10;

/// What the handler and the stream share about the request in hand.
#[derive(Default)]
pub(crate) struct Link(Mutex<Slot>);

#[derive(Default)]
struct Slot {
    head: Option<Box<Head>>,
    /// Whether hyper gave the request to the handler.
    arrived: bool,
    evidence: Evidence,
    answered: bool,
    names: Option<Vec<Cow<'static, str>>>,
}

/// A request's bytes, and how they ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    pub(crate) raw: Vec<u8>,
    pub(crate) size: u64,
    /// Why the body ended early.
    pub(crate) fault: Option<Fault>,
    /// HTTP/2: what the connection began with, for the fingerprint.
    pub(crate) prelude: String,
    /// HTTP/2: the same in the notation of the signal `h2`.
    pub(crate) print: String,
}

impl Evidence {
    pub(crate) fn push(&mut self, bytes: &[u8], limit: usize) {
        self.size += bytes.len() as u64;
        let room = limit.saturating_sub(self.raw.len()).min(bytes.len());
        self.raw.extend_from_slice(&bytes[..room]);
    }

    pub(crate) fn truncated(&self) -> bool {
        (self.raw.len() as u64) < self.size
    }
}

impl Link {
    fn lock(&self) -> MutexGuard<'_, Slot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// hyper has a request: the handler will answer, whatever comes.
    pub(crate) fn arrive(&self) {
        self.lock().arrived = true;
    }

    /// The head of the request that arrived.
    pub(crate) fn head(&self) -> Option<Box<Head>> {
        self.lock().head.take()
    }

    /// The bytes, once the body is read.
    pub(crate) fn evidence(&self) -> Evidence {
        std::mem::take(&mut self.lock().evidence)
    }

    /// The answer is made: these are its header names, and the next request may come.
    pub(crate) fn answered(&self, names: Vec<Cow<'static, str>>) {
        let mut slot = self.lock();
        slot.answered = true;
        slot.names = Some(names);
    }
}

/// A request no handler sees.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) fault: Fault,
    pub(crate) evidence: Evidence,
    pub(crate) started: Timestamp,
}

/// Where in a request the stream is.
enum Phase {
    /// Before the end of a head.
    Head,
    /// In a body.
    Body { framing: Framing, deadline: Instant },
    /// Behind a request that is not answered yet.
    Behind,
    /// The body ended badly; nothing more comes.
    Broken,
    /// No further request comes.
    Ended,
}

/// A deadline that is set rarely and asked often.
#[derive(Default)]
pub(crate) struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, at: Instant) -> Poll<()> {
        let sleep = self
            .0
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if sleep.deadline() != at {
            sleep.as_mut().reset(at);
        }
        sleep.as_mut().poll(cx)
    }
}

/// The recording stream.
pub(crate) struct Tee<S> {
    stream: S,
    place: Arc<Place>,
    link: Arc<Link>,
    /// Bytes read and not yet handed on, from `at`; the first `ready` of them may be.
    inbox: Vec<u8>,
    at: usize,
    ready: usize,
    scanned: usize,
    phase: Phase,
    /// When the first byte of the request in hand came, on both clocks.
    started: Option<(Timestamp, Instant)>,
    idle_since: Instant,
    born: Instant,
    refused: Option<Fault>,
    read_timer: Timer,
    write_timer: Timer,
    /// Since when the peer takes nothing.
    stalled: Option<Instant>,
    waiting: Option<Waker>,
    outbox: Vec<u8>,
    flushed: bool,
    /// Room for what is held of the request in hand.
    room: Hold,
}

impl<S> Tee<S> {
    /// Wraps a stream whose first bytes have been read already.
    pub(crate) fn new(stream: S, place: Arc<Place>, inbox: Vec<u8>) -> (Self, Arc<Link>) {
        let link = Arc::new(Link::default());
        let now = Instant::now();
        let tee = Self {
            stream,
            room: place.gate.hold(&place.bell),
            place,
            link: Arc::clone(&link),
            inbox,
            at: 0,
            ready: 0,
            scanned: 0,
            phase: Phase::Head,
            started: None,
            idle_since: now,
            born: now,
            refused: None,
            read_timer: Timer::default(),
            write_timer: Timer::default(),
            stalled: None,
            waiting: None,
            outbox: Vec::new(),
            flushed: true,
        };
        (tee, link)
    }

    /// Takes the stream apart: the socket, and the request that no handler saw, if there is one.
    pub(crate) fn into_parts(mut self) -> (S, Option<Refused>) {
        let refused = self.unanswered();
        (self.stream, refused)
    }

    fn unanswered(&mut self) -> Option<Refused> {
        let mut slot = self.link.lock();
        let started = self.started.map(|(time, _)| time);
        if !slot.arrived && slot.head.is_some() {
            return Some(Refused {
                fault: self.refused.unwrap_or(Fault::Gone),
                evidence: std::mem::take(&mut slot.evidence),
                started: started?,
            });
        }
        drop(slot);
        // Behind an answer that ends the connection, what else was sent is searched, not answered.
        let rest = match self.phase {
            Phase::Head | Phase::Ended | Phase::Behind => &self.inbox[self.at + self.ready..],
            Phase::Body { .. } | Phase::Broken => return None,
        };
        if blank_lines(rest) == rest.len() {
            return None;
        }
        let mut evidence = Evidence::default();
        evidence.push(rest, self.place.station.limits.raw_bytes);
        Some(Refused {
            fault: self.refused.unwrap_or(Fault::Gone),
            evidence,
            started: started.unwrap_or_else(|| self.place.station.clock.now()),
        })
    }

    /// Hands on what is ready. `true` if there was something.
    fn hand_on(&mut self, out: &mut ReadBuf<'_>) -> bool {
        let count = self.ready.min(out.remaining());
        if self.ready == 0 {
            return false;
        }
        out.put_slice(&self.inbox[self.at..self.at + count]);
        self.at += count;
        self.ready -= count;
        if self.at == self.inbox.len() {
            // An idle connection holds no buffer.
            self.inbox = Vec::new();
            self.at = 0;
        }
        true
    }

    /// Looks for the next head in what was read; `false` if more is needed.
    fn find_head(&mut self) -> bool {
        if self.at == self.inbox.len() {
            return false;
        }
        let station = &self.place.station;
        let limits = &station.limits;
        let started = *self
            .started
            .get_or_insert_with(|| (station.clock.now(), Instant::now()));
        let bytes = &self.inbox[self.at..];
        match judge(bytes, &mut self.scanned, limits.header_bytes) {
            Judged::Partial => return false,
            Judged::Bad(fault) => {
                self.refused = Some(fault);
                self.phase = Phase::Ended;
            }
            Judged::Whole(mut head, length) => {
                head.started = started.0;
                let framing = head.framing.clone();
                let mut slot = self.link.lock();
                slot.evidence.push(&bytes[..length], limits.raw_bytes);
                slot.head = Some(head);
                drop(slot);
                self.flushed = false;
                self.ready = length;
                self.phase = if framing.done() {
                    Phase::Behind
                } else {
                    Phase::Body {
                        framing,
                        deadline: Instant::now() + limits.body_deadline,
                    }
                };
            }
        }
        true
    }

    /// Cuts the body's part off what was read.
    fn cut_body(&mut self) {
        let Phase::Body { framing, .. } = &mut self.phase else {
            return;
        };
        let bytes = &self.inbox[self.at..];
        let limit = self.place.station.limits.raw_bytes;
        let advanced = framing.advance(bytes);
        // Bad chunks go on to hyper too: it hands over what was good before, then finds them bad.
        let taken = *advanced.as_ref().unwrap_or(&bytes.len());
        self.link.lock().evidence.push(&bytes[..taken], limit);
        self.ready = taken;
        if advanced.is_err() {
            self.break_off(Fault::Malformed);
        } else if framing.done() {
            self.phase = Phase::Behind;
        }
    }

    fn break_off(&mut self, fault: Fault) {
        self.link.lock().evidence.fault = Some(fault);
        self.phase = Phase::Broken;
    }

    /// Goes on to the next request if the last is answered and the answer is out.
    fn next_request(&mut self) -> bool {
        if !self.flushed {
            return false;
        }
        *self.link.lock() = Slot::default();
        self.room.of(self.inbox.len().saturating_sub(FREE));
        self.phase = Phase::Head;
        self.scanned = 0;
        self.started = None;
        self.idle_since = Instant::now();
        true
    }

    /// When the peer has to have sent the next byte.
    fn read_deadline(&self) -> Instant {
        let limits = &self.place.station.limits;
        match (&self.phase, self.started) {
            (Phase::Body { deadline, .. }, _) => {
                (*deadline).min(self.idle_since + limits.body_progress)
            }
            (_, Some((_, started))) => started + limits.header_deadline,
            _ => (self.idle_since + limits.idle).min(self.born + limits.lifetime),
        }
    }

    fn over(&self) -> bool {
        self.place.station.limits.lifetime <= self.born.elapsed()
    }
}

impl<S: AsyncRead + Unpin> Tee<S> {
    /// Reads more into the inbox: 0 at the end of the stream, `TimedOut` behind the deadline.
    fn fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut space = [MaybeUninit::uninit(); READ];
        let mut buffer = ReadBuf::uninit(&mut space);
        match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
            Poll::Ready(Ok(())) => {
                let bytes = buffer.filled();
                if self.at > 0 {
                    self.inbox.drain(..self.at);
                    self.at = 0;
                }
                self.inbox.extend_from_slice(bytes);
                if matches!(self.phase, Phase::Body { .. }) {
                    self.idle_since = Instant::now();
                }
                let count = bytes.len();
                let held = self.inbox.len() + self.link.lock().evidence.raw.len();
                // Where there is no room for more of it, nothing more comes.
                let room = self.room.of(held.saturating_sub(FREE));
                Poll::Ready(Ok(if room { count } else { 0 }))
            }
            // A reset is an end like any other.
            Poll::Ready(Err(_)) => Poll::Ready(Ok(0)),
            Poll::Pending if self.place.bell.shown_out() => Poll::Ready(Ok(0)),
            Poll::Pending => {
                let deadline = self.read_deadline();
                ready!(self.read_timer.poll(cx, deadline));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }

    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while !self.find_head() {
            if self.started.is_none() && self.over() {
                self.phase = Phase::Ended;
                break;
            }
            let fault = match ready!(self.fill(cx)) {
                Ok(0) => Fault::Gone,
                Ok(_) => continue,
                Err(_) => Fault::TooSlow,
            };
            self.refused = Some(fault);
            self.phase = Phase::Ended;
            break;
        }
        Poll::Ready(())
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.at == self.inbox.len() {
            match ready!(self.fill(cx)) {
                Ok(0) => self.break_off(Fault::Gone),
                Ok(_) => {}
                Err(_) => self.break_off(Fault::TooSlow),
            }
        }
        self.cut_body();
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tee<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.hand_on(out) {
                return Poll::Ready(Ok(()));
            }
            match this.phase {
                Phase::Head => ready!(this.poll_head(cx)),
                Phase::Body { .. } => ready!(this.poll_body(cx)),
                Phase::Behind => {
                    if !this.next_request() {
                        this.waiting = Some(cx.waker().clone());
                        return Poll::Pending;
                    }
                }
                Phase::Ended if !this.flushed => {
                    // What was answered before goes out first.
                    this.waiting = Some(cx.waker().clone());
                    return Poll::Pending;
                }
                Phase::Broken | Phase::Ended => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> Tee<S> {
    /// Before anything goes out: what is kept back is written first, and hyper's own refusal of a
    /// request it did not hand over is stopped. `true` if an answer's head comes next.
    fn before_write(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Option<Vec<Cow<'static, str>>>>> {
        ready!(self.poll_outbox(cx))?;
        let mut slot = self.link.lock();
        if slot.head.is_some() && !slot.arrived {
            drop(slot);
            self.refused = Some(Fault::Malformed);
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let names = slot.names.take();
        Poll::Ready(Ok(names))
    }

    fn poll_outbox(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.outbox.is_empty() {
            let written = Pin::new(&mut self.stream).poll_write(cx, &self.outbox);
            match ready!(self.timed(cx, written))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count if count == self.outbox.len() => self.outbox = Vec::new(),
                count => drop(self.outbox.drain(..count)),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Puts a deadline on a write that waits.
    fn timed<T>(&mut self, cx: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.stalled = None;
            return poll;
        }
        let since = *self.stalled.get_or_insert_with(Instant::now);
        let deadline = since + self.place.station.limits.write_deadline;
        if self.place.bell.shown_out() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        ready!(self.write_timer.poll(cx, deadline));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tee<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let Some(names) = ready!(this.before_write(cx))? else {
            let written = Pin::new(&mut this.stream).poll_write_vectored(cx, parts);
            return this.timed(cx, written);
        };
        let count = parts.iter().map(|part| part.len()).sum();
        this.outbox.reserve(count);
        for part in parts {
            this.outbox.extend_from_slice(part);
        }
        restore_case(&mut this.outbox, &names);
        match this.poll_outbox(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            // What could not be written yet goes out with the flush that hyper waits for.
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(count)),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_outbox(cx))?;
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        ready!(this.timed(cx, flushed))?;
        let slot = this.link.lock();
        this.flushed |= slot.answered && slot.names.is_none();
        drop(slot);
        if let Some(waker) = this.waiting.take() {
            waker.wake();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

/// Writes the header names of the answer at the start of `bytes` in the case they were given in, and
/// the version as servers do who speak 1.1, also to a peer that speaks 1.0.
fn restore_case(bytes: &mut [u8], names: &[Cow<'static, str>]) {
    if let Some(minor) = bytes.get_mut(7).filter(|byte| **byte == b'0') {
        *minor = b'1';
    }
    let mut at = match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) => end + 1,
        None => return,
    };
    let mut rest = names.iter();
    while let Some(length) = bytes[at..].iter().position(|byte| *byte == b'\n') {
        let line = &mut bytes[at..at + length];
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            return;
        };
        let written = &mut line[..colon];
        // In their order, except that hyper puts fields of one name together.
        let same = |name: &&Cow<'static, str>| written.eq_ignore_ascii_case(name.as_bytes());
        let mut ahead = rest.clone();
        if let Some(name) = ahead.find(same) {
            written.copy_from_slice(name.as_bytes());
            rest = ahead;
        } else if let Some(name) = names.iter().find(same) {
            written.copy_from_slice(name.as_bytes());
        }
        at += length + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_get_their_case_back() {
        let mut bytes =
            b"HTTP/1.0 200 OK\r\nDate: d\r\nEtag: e\r\nX-Amzn-Requestid: r\r\n\r\nEtag: body"
                .to_vec();
        let names = [
            "Date".into(),
            "Gone".into(),
            "ETag".into(),
            "x-amzn-RequestId".into(),
        ];
        restore_case(&mut bytes, &names[..1]);
        restore_case(&mut bytes, &[names[2].clone(), names[3].clone()]);
        assert_eq!(
            bytes.escape_ascii().to_string(),
            "HTTP/1.1 200 OK\\r\\nDate: d\\r\\nETag: e\\r\\nx-amzn-RequestId: r\\r\\n\\r\\nEtag: body"
        );
    }
}
