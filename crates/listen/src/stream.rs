//! A connection's bytes: in the clear, or out of TLS.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::server::TlsStream;

use crate::gate::Bell;
use crate::packets::Packets;

/// Bytes read at once.
const READ: usize = 4096;

/// A connection.
pub(crate) enum Stream {
    Plain(Replay),
    Secure(Box<TlsStream<Replay>>),
}

/// A socket of which some bytes were read already; they come again first.
pub(crate) struct Replay {
    pub(crate) bytes: Vec<u8>,
    pub(crate) socket: TcpStream,
    /// What a handshake comes in, while it does.
    pub(crate) packets: Option<Box<Packets>>,
}

/// What reading brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum More {
    /// More bytes.
    Bytes,
    /// None: the end, the deadline, or the station stops.
    End,
}

/// Reads what is there, waiting until the deadline. Holds no buffer while it waits.
pub(crate) async fn read_more<S: AsyncRead + Unpin>(
    stream: &mut S,
    inbox: &mut Vec<u8>,
    deadline: Instant,
    bell: &Bell,
) -> More {
    let reading = poll_fn(|cx| match poll_once(stream, inbox, cx) {
        Poll::Pending if bell.poll(cx.waker()) => Poll::Ready(More::End),
        other => other,
    });
    timeout_at(deadline, reading).await.unwrap_or(More::End)
}

/// Reads once, what is there.
pub(crate) fn poll_once<S: AsyncRead + Unpin>(
    stream: &mut S,
    inbox: &mut Vec<u8>,
    cx: &mut Context<'_>,
) -> Poll<More> {
    let mut space = [MaybeUninit::uninit(); READ];
    let mut buffer = ReadBuf::uninit(&mut space);
    Pin::new(stream)
        .poll_read(cx, &mut buffer)
        .map(|read| match read {
            Ok(()) if !buffer.filled().is_empty() => {
                inbox.extend_from_slice(buffer.filled());
                More::Bytes
            }
            // A reset is an end like any other.
            _ => More::End,
        })
}

impl AsyncRead for Replay {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.bytes.is_empty() {
            return match &mut this.packets {
                Some(packets) => packets.poll_read(&mut this.socket, cx, out),
                None => Pin::new(&mut this.socket).poll_read(cx, out),
            };
        }
        let count = this.bytes.len().min(out.remaining());
        out.put_slice(&this.bytes[..count]);
        this.bytes.drain(..count);
        if this.bytes.is_empty() {
            this.bytes = Vec::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Replay {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match &mut this.packets {
            Some(packets) => packets.poll_write(&mut this.socket, cx, bytes),
            None => Pin::new(&mut this.socket).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let Some(packets) = &mut this.packets else {
            return Pin::new(&mut this.socket).poll_write_vectored(cx, parts);
        };
        let first = parts.iter().find(|part| !part.is_empty());
        packets.poll_write(&mut this.socket, cx, first.map_or(&[][..], |part| part))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(packets) = &mut this.packets {
            ready!(packets.poll_drain(&mut this.socket, cx))?;
        }
        Pin::new(&mut this.socket).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(cx)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, out),
            Self::Secure(stream) => Pin::new(stream).poll_read(cx, out),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Secure(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, parts),
            Self::Secure(stream) => Pin::new(stream).poll_write_vectored(cx, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Secure(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Secure(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
