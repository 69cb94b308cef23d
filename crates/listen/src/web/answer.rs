//! The one handler, whatever the path: reads a request's body under its caps, has it matched and
//! recorded, and gives the answer to hyper.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;

use http::request::Parts;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use crate::connection::Place;
use crate::gate::Gate;
use crate::web::exchange::{self, Ending};
use crate::web::framing::Framing;
use crate::web::h2::StreamLink;
use crate::web::head::{Fault, Head, Version};
use crate::web::reply::Response;
use crate::web::tee::Link;

/// Room made for a body before its first byte is there, at most.
const FIRST_ROOM: u64 = 16 << 10;

/// The recording stream a request came through.
pub(crate) enum Wire {
    Http1(Arc<Link>),
    Http2(StreamLink),
}

/// Answers a request that came in at `place`.
pub(crate) async fn answer(
    request: http::Request<Incoming>,
    place: Arc<Place>,
    wire: Wire,
) -> Result<Response, Infallible> {
    let (parts, body) = request.into_parts();
    Ok(match wire {
        Wire::Http1(link) => {
            let head = link.head().unwrap_or_else(|| from_parts(&place, &parts));
            let mut held = Held::new(&place);
            let ending = held.read(body, &head, None).await;
            let evidence = link.evidence();
            let ending = match (ending, evidence.fault) {
                (Ending::Broken(_), Some(fault)) => Ending::Broken(fault),
                (ending, _) => ending,
            };
            let bytes = std::mem::take(&mut held.bytes);
            let reply = exchange::exchange(&place, *head, bytes, evidence, ending).await;
            let reply = reply.unwrap_or_else(|| silent(&place));
            link.answered(reply.headers.iter().map(|(name, _)| name.clone()).collect());
            reply.into_http1()
        }
        Wire::Http2(link) => {
            let head = link.head().unwrap_or_else(|| from_parts(&place, &parts));
            let head_only = head.method == "HEAD";
            let mut held = Held::new(&place);
            let deadline = Instant::now() + place.station.limits.body_deadline;
            let ending = held.read(body, &head, Some(deadline)).await;
            let bytes = std::mem::take(&mut held.bytes);
            let reply = exchange::exchange(&place, *head, bytes, link.evidence(), ending).await;
            reply
                .unwrap_or_else(|| silent(&place))
                .into_http2(head_only)
        }
    })
}

/// What a handler says where nothing is to be said: it cannot hang up by itself.
fn silent(place: &Place) -> crate::web::reply::Reply {
    let station = &place.station;
    station.persona.closing(400, station.clock.now()).closed()
}

/// A body as far as it was read. Its room is given back when it is done with.
struct Held<'a> {
    place: &'a Place,
    bytes: Vec<u8>,
    taken: usize,
}

impl<'a> Held<'a> {
    fn new(place: &'a Place) -> Self {
        Self {
            place,
            bytes: Vec::new(),
            taken: 0,
        }
    }

    fn gate(&self) -> &Gate {
        &self.place.gate
    }

    /// Reads a body to its end or to the cap. HTTP/1 has its deadlines in the stream below.
    async fn read(&mut self, mut body: Incoming, head: &Head, deadline: Option<Instant>) -> Ending {
        if head.version != Version::Http2 && head.framing.done() {
            return Ending::Whole;
        }
        let limits = &self.place.station.limits;
        let announced = head.framing.announced().unwrap_or(0);
        if head.expect && announced > limits.body_bytes as u64 {
            // It asked first: no need to let it send.
            return Ending::TooLarge;
        }
        let room = announced.min(FIRST_ROOM).min(limits.body_bytes as u64);
        self.bytes
            .reserve(usize::try_from(room).unwrap_or_default());
        loop {
            let frame = body.frame();
            let frame = match deadline {
                None => frame.await,
                Some(total) => {
                    let next = total.min(Instant::now() + limits.body_progress);
                    match within(next, frame).await {
                        Some(frame) => frame,
                        None => return Ending::Broken(Fault::TooSlow),
                    }
                }
            };
            let data = match frame {
                None => return Ending::Whole,
                Some(Err(_)) => return Ending::Broken(Fault::Malformed),
                Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
            };
            let room = limits.body_bytes.saturating_sub(self.bytes.len());
            let part = &data[..data.len().min(room)];
            if !self.gate().take(&self.place.bell, part.len()) {
                return Ending::TooLarge;
            }
            self.taken += part.len();
            self.bytes.extend_from_slice(part);
            if data.len() > room {
                return Ending::TooLarge;
            }
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.gate().give(&self.place.bell, self.taken);
    }
}

async fn within<T>(deadline: Instant, future: impl Future<Output = T>) -> Option<T> {
    timeout_at(deadline, future).await.ok()
}

/// A head as hyper has it, where the stream below has none.
fn from_parts(place: &Place, parts: &Parts) -> Box<Head> {
    let headers = parts
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect();
    let path = parts.uri.path_and_query();
    Box::new(Head {
        method: parts.method.as_str().to_owned(),
        target: path.map_or_else(String::new, |path| path.as_str().to_owned()),
        authority: parts.uri.authority().map(|it| it.as_str().to_owned()),
        version: match parts.version {
            http::Version::HTTP_2 => Version::Http2,
            http::Version::HTTP_10 => Version::Http10,
            _ => Version::Http11,
        },
        headers,
        framing: Framing::chunked(),
        close: false,
        expect: false,
        started: place.station.clock.now(),
    })
}
