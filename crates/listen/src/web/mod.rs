//! HTTP: `h1` and `h2` drive hyper over a stream that records (`tee`, `frames`); `exchange` matches,
//! records and answers.

pub(crate) mod answer;
pub(crate) mod date;
pub(crate) mod exchange;
pub(crate) mod fingerprint;
pub(crate) mod forwarding;
pub(crate) mod frames;
pub(crate) mod framing;
pub(crate) mod h1;
pub(crate) mod h2;
pub(crate) mod head;
pub(crate) mod hpack;
pub(crate) mod huffman;
pub(crate) mod range;
pub(crate) mod reply;
pub(crate) mod tee;

use std::sync::Arc;

use tokio::time::Instant;

use crate::connection::Place;
use crate::stream::{More, Stream, read_more};
use frames::PREFACE;

/// Serves a connection, in the version it begins with.
pub(crate) async fn serve(mut stream: Stream, place: Arc<Place>) {
    let mut inbox = Vec::new();
    if speaks_http2(&mut stream, &mut inbox, &place).await {
        h2::serve(stream, place, inbox).await;
    } else {
        h1::serve(stream, place, inbox).await;
    }
}

/// Whether the connection begins with HTTP/2's preface; reads no more than it takes to know.
async fn speaks_http2(stream: &mut Stream, inbox: &mut Vec<u8>, place: &Place) -> bool {
    let limits = &place.station.limits;
    let idle = Instant::now() + limits.idle;
    let mut deadline = idle;
    loop {
        let known = inbox.len().min(PREFACE.len());
        if inbox[..known] != PREFACE[..known] {
            return false;
        }
        if known == PREFACE.len() {
            return true;
        }
        if known > 0 && deadline == idle {
            deadline = Instant::now() + limits.header_deadline;
        }
        // What is left undecided goes the way of HTTP/1, which ends it in the same manner.
        if read_more(stream, inbox, deadline, &place.bell).await == More::End {
            return false;
        }
    }
}
