//! HTTP/2 in the clear (prior knowledge): hyper over a stream that keeps the frames.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::connection::Place;
use crate::stream::Stream;
use crate::web::answer::{Wire, answer};
use crate::web::exchange::{self, Ending};
use crate::web::frames::{Frames, Orphan, Overdue};
use crate::web::head::{Fault, Head};
use crate::web::tee::{Evidence, Timer};

/// Flow-control window of a stream and twice that of a connection, in bytes: bounds what a peer can
/// make us hold.
const WINDOW: u32 = 64 << 10;

/// The frames of a connection, shared with the handlers of its streams.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<Frames>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Frames> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request's part of them.
#[derive(Clone)]
pub(crate) struct StreamLink {
    shared: Shared,
    id: Option<u32>,
}

impl StreamLink {
    pub(crate) fn head(&self) -> Option<Box<Head>> {
        self.shared.lock().head(self.id?)
    }

    pub(crate) fn evidence(&self) -> Evidence {
        self.id
            .map(|id| self.shared.lock().finish(id))
            .unwrap_or_default()
    }
}

/// Serves a connection until it ends.
pub(crate) async fn serve(stream: Stream, place: Arc<Place>, inbox: Vec<u8>) {
    let frames = Frames::new(Arc::clone(&place.station.clock), &place.station.limits);
    let shared = Shared(Arc::new(Mutex::new(frames)));
    let recorder = Recorder {
        stream,
        inbox,
        shared: shared.clone(),
    };
    let (claims, at) = (shared.clone(), Arc::clone(&place));
    let service = service_fn(move |request: http::Request<Incoming>| {
        let path = request
            .uri()
            .path_and_query()
            .map_or("", |path| path.as_str());
        let id = claims.lock().claim(request.method().as_str(), path);
        let wire = Wire::Http2(StreamLink {
            shared: claims.clone(),
            id,
        });
        answer(request, Arc::clone(&at), wire)
    });
    let limits = &place.station.limits;
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .auto_date_header(false)
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(2 * WINDOW)
        .serve_connection(TokioIo::new(recorder), service);
    let mut connection = std::pin::pin!(connection);
    let mut watch = Watch::new(&place);
    loop {
        let orphans = poll_fn(|cx| {
            if watch.goodbye(cx, &shared) {
                connection.as_mut().graceful_shutdown();
            }
            if watch.left || connection.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Vec::new());
            }
            let orphans = shared.lock().orphans();
            if orphans.is_empty() {
                // The poll may have moved the deadline.
                if watch.poll_deadline(cx, &shared).is_ready() {
                    cx.waker().wake_by_ref();
                }
                return Poll::Pending;
            }
            Poll::Ready(orphans)
        })
        .await;
        if orphans.is_empty() {
            break;
        }
        record(&place, orphans).await;
    }
    let rest = shared.lock().rest();
    record(&place, rest).await;
}

/// Records requests that hyper answered by itself, with a reset.
async fn record(place: &Place, orphans: Vec<Orphan>) {
    for Orphan {
        head,
        body,
        evidence,
    } in orphans
    {
        let ending = Ending::Refused(Fault::Malformed);
        exchange::exchange(place, *head, body, evidence, ending).await;
    }
}

/// When to say goodbye to a connection, and when to leave it.
struct Watch<'a> {
    place: &'a Place,
    timer: Timer,
    lifetime: Instant,
    /// When it is left whatever it does, once goodbye is said.
    end: Option<Instant>,
    left: bool,
}

impl<'a> Watch<'a> {
    fn new(place: &'a Place) -> Self {
        Self {
            place,
            timer: Timer::default(),
            lifetime: Instant::now() + place.station.limits.lifetime,
            end: None,
            left: false,
        }
    }

    /// Whether to say goodbye now; only once. Sets `left` when patience is over.
    fn goodbye(&mut self, cx: &mut Context<'_>, shared: &Shared) -> bool {
        let stopping = self.place.bell.poll(cx.waker());
        let overdue = match self.poll_deadline(cx, shared) {
            Poll::Ready(overdue) => overdue,
            Poll::Pending => Overdue::Nothing,
        };
        let now = Instant::now();
        self.left |= self.place.bell.shown_out()
            || overdue == Overdue::Stuck
            || self.end.is_some_and(|end| end <= now);
        let goodbye = stopping || overdue == Overdue::Idle || self.lifetime <= now;
        if !goodbye || self.end.is_some() {
            return false;
        }
        self.end = Some(now + self.place.station.limits.drain);
        true
    }

    fn poll_deadline(&mut self, cx: &mut Context<'_>, shared: &Shared) -> Poll<Overdue> {
        let (mut deadline, mut overdue) = shared.lock().deadline(&self.place.station.limits);
        if self.end.is_some() && overdue == Overdue::Idle {
            overdue = Overdue::Nothing;
            deadline = self.lifetime;
        }
        let other = self.end.unwrap_or(self.lifetime);
        if other < deadline {
            (deadline, overdue) = (other, Overdue::Nothing);
        }
        ready!(self.timer.poll(cx, deadline));
        Poll::Ready(overdue)
    }
}

/// The stream that keeps the frames.
struct Recorder {
    stream: Stream,
    inbox: Vec<u8>,
    shared: Shared,
}

impl Recorder {
    fn timed<T>(&self, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        let mut frames = self.shared.lock();
        if poll.is_ready() {
            frames.stalled = None;
        } else {
            frames.stalled.get_or_insert_with(Instant::now);
        }
        poll
    }
}

impl AsyncRead for Recorder {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = out.filled().len();
        if this.inbox.is_empty() {
            ready!(Pin::new(&mut this.stream).poll_read(cx, out))?;
        } else {
            let count = this.inbox.len().min(out.remaining());
            out.put_slice(&this.inbox[..count]);
            this.inbox.drain(..count);
            this.inbox.shrink_to_fit();
        }
        this.shared.lock().feed(&out.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Recorder {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.timed(written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, parts);
        this.timed(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
