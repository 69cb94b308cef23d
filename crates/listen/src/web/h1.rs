//! HTTP/1: hyper over the recording stream, and what is done with requests hyper never gets.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout, timeout_at};

use crate::connection::Place;
use crate::stream::{More, Stream, poll_once, read_more};
use crate::web::answer::{Wire, answer};
use crate::web::exchange::{self, Ending};
use crate::web::head::lenient;
use crate::web::tee::{Evidence, Refused, Tee};

/// How long, and for how many bytes, a peer may go on sending after our last word. Closing at once
/// would make its system throw our answer away.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 256 << 10;

/// Serves a connection until it ends.
pub(crate) async fn serve(stream: Stream, place: Arc<Place>, inbox: Vec<u8>) {
    let (tee, link) = Tee::new(stream, Arc::clone(&place), inbox);
    let at = Arc::clone(&place);
    let service = service_fn(move |request| {
        link.arrive();
        // hyper wants to move it.
        Box::pin(answer(
            request,
            Arc::clone(&at),
            Wire::Http1(Arc::clone(&link)),
        ))
    });
    let buffer = (place.station.limits.header_bytes + (16 << 10)).max(64 << 10);
    // No timer: the recording stream has the deadlines, hyper never sees half a head.
    let mut connection = http1::Builder::new()
        .half_close(true)
        .title_case_headers(true)
        .auto_date_header(false)
        .header_read_timeout(None)
        .max_buf_size(buffer)
        .serve_connection(TokioIo::new(tee), service);
    let mut told = false;
    let ended = poll_fn(|cx| {
        if place.bell.poll(cx.waker()) && !told {
            told = true;
            Pin::new(&mut connection).graceful_shutdown();
        }
        connection.poll_without_shutdown(cx)
    })
    .await;
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
    let (mut stream, refused) = connection.into_parts().io.into_inner().into_parts();
    if let Some(refused) = refused {
        answer_refused(&mut stream, &place, refused).await;
    }
    linger(stream, &place).await;
}

/// Takes in what of a refused request has come meanwhile: bait may be in it too.
fn read_rest(stream: &mut Stream, evidence: &mut Evidence, limit: usize) {
    let mut rest = Vec::new();
    let mut cx = Context::from_waker(Waker::noop());
    while evidence.raw.len() < limit {
        if poll_once(stream, &mut rest, &mut cx) != Poll::Ready(More::Bytes) {
            return;
        }
        evidence.push(&rest, limit);
        rest.clear();
    }
}

/// Records a request that no handler saw, then answers it as the persona does.
async fn answer_refused(stream: &mut Stream, place: &Place, mut refused: Refused) {
    let limit = place.station.limits.raw_bytes;
    read_rest(stream, &mut refused.evidence, limit);
    let (mut head, body) = lenient(&refused.evidence.raw);
    head.started = refused.started;
    let ending = Ending::Refused(refused.fault);
    let reply = exchange::exchange(place, head, body, refused.evidence, ending).await;
    if let Some(reply) = reply {
        let bytes = reply.to_wire();
        let written = timeout(
            place.station.limits.write_deadline,
            stream.write_all(&bytes),
        )
        .await;
        tracing::debug!(ok = matches!(written, Ok(Ok(()))), "refused a request");
    }
}

/// Ends the connection so that the peer gets to read our last word.
async fn linger(mut stream: Stream, place: &Place) {
    let deadline = Instant::now() + LINGER;
    if !matches!(timeout_at(deadline, stream.shutdown()).await, Ok(Ok(()))) {
        return;
    }
    let (mut sink, mut count) = (Vec::new(), 0);
    while count < LINGER_BYTES {
        match read_more(&mut stream, &mut sink, deadline, &place.bell).await {
            More::Bytes => count += sink.len(),
            More::End => return,
        }
        sink.clear();
    }
}
