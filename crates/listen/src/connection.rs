//! A connection before it is known what it speaks: its PROXY header, if one may come, and its first
//! bytes.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;

use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::frames::PREFACE;
use crate::gate::{Bell, Gate, Pass};
use crate::proxy::{self, Announced};
use crate::station::Station;
use crate::{h1, h2};

/// Where a connection comes from, and what it may use.
pub(crate) struct Place {
    pub(crate) station: Arc<Station>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) bell: Arc<Bell>,
    pub(crate) peer: SocketAddr,
    pub(crate) forwarded: Option<SocketAddr>,
    pub(crate) local: SocketAddr,
}

/// What reading brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum More {
    /// More bytes.
    Bytes,
    /// None: the end, the deadline, or the station stops.
    End,
}

/// Serves a connection from its first byte.
pub(crate) async fn serve(
    mut stream: TcpStream,
    station: Arc<Station>,
    gate: Arc<Gate>,
    mut pass: Pass,
    peer: SocketAddr,
) {
    let Ok(local) = stream.local_addr() else {
        return;
    };
    let mut place = Place {
        station,
        gate,
        bell: Arc::clone(&pass.bell),
        peer,
        forwarded: None,
        local,
    };
    let mut inbox = Vec::new();
    if proxy::trusted(&place.station.proxies, peer.ip()) {
        let Some(client) = read_proxy(&mut stream, &mut inbox, &place).await else {
            return;
        };
        if !pass.name(client.unwrap_or(peer).ip()) {
            return;
        }
        place.forwarded = client;
    }
    let place = Arc::new(place);
    if speaks_http2(&mut stream, &mut inbox, &place).await {
        h2::serve(stream, place, inbox).await;
    } else {
        h1::serve(stream, place, inbox).await;
    }
}

/// Takes the PROXY header off. A configured proxy that sends none speaks for itself. `None` if
/// nothing came.
async fn read_proxy(
    stream: &mut TcpStream,
    inbox: &mut Vec<u8>,
    place: &Place,
) -> Option<Option<SocketAddr>> {
    let deadline = Instant::now() + place.station.limits.header_deadline;
    loop {
        if !inbox.is_empty() {
            match proxy::read(inbox) {
                Announced::Partial => {}
                Announced::None => return Some(None),
                Announced::Header(length, client) => {
                    inbox.drain(..length.min(inbox.len()));
                    return Some(client);
                }
            }
        }
        if read_more(stream, inbox, deadline, &place.bell).await == More::End {
            return None;
        }
    }
}

/// Whether the connection begins with HTTP/2's preface; reads no more than it takes to know.
async fn speaks_http2(stream: &mut TcpStream, inbox: &mut Vec<u8>, place: &Place) -> bool {
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

/// Reads what is there, waiting until the deadline. Holds no buffer while it waits.
pub(crate) async fn read_more(
    stream: &mut TcpStream,
    inbox: &mut Vec<u8>,
    deadline: Instant,
    bell: &Bell,
) -> More {
    let mut stop = poll_fn(|cx| match bell.poll(cx.waker()) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    });
    loop {
        tokio::select! {
            biased;
            ready = stream.readable() => if ready.is_err() { return More::End },
            () = &mut stop => return More::End,
            () = tokio::time::sleep_until(deadline) => return More::End,
        }
        let mut space = [0; 4096];
        match stream.try_read(&mut space) {
            Ok(0) => return More::End,
            Ok(count) => {
                inbox.extend_from_slice(&space[..count]);
                return More::Bytes;
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return More::End,
        }
    }
}
