//! Packets of TDS around a TLS handshake: SQL Server takes a connection into TLS within messages of its own, and
//! leaves them away once that is done. ([MS-TDS] section 2.2.6.5)

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes of a packet's header: kind, status, length of it all (big-endian), channel, number, window.
const HEADER: usize = 8;
/// Most content of a packet that is sent.
const MOST: usize = 4096 - HEADER;
/// The last packet of its message.
const LAST: u8 = 1;

/// What is being read and written.
pub(crate) struct Packets {
    /// The kind of all of them.
    kind: u8,
    /// Read before, and not yet taken out of its packets.
    pub(crate) early: Vec<u8>,
    header: Vec<u8>,
    /// What is left of the packet in hand.
    left: usize,
    /// In packets, and not yet written.
    out: Vec<u8>,
    number: u8,
}

impl Packets {
    pub(crate) fn new(kind: u8, early: Vec<u8>) -> Self {
        Self {
            kind,
            early,
            header: Vec::with_capacity(HEADER),
            left: 0,
            out: Vec::new(),
            number: 0,
        }
    }

    /// Reads content. Nothing past the packet in hand is read from the socket.
    pub(crate) fn poll_read(
        &mut self,
        socket: &mut (impl AsyncRead + Unpin),
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut space = [0; 1024];
        while self.left == 0 {
            let wanted = HEADER - self.header.len();
            let count = ready!(self.poll_raw(socket, cx, &mut space[..wanted]))?;
            if count == 0 {
                return Poll::Ready(Ok(()));
            }
            self.header.extend_from_slice(&space[..count]);
            if let Some([kind, _, high, low, ..]) = self.header.first_chunk::<HEADER>() {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                if *kind != self.kind || length < HEADER {
                    return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
                }
                self.left = length - HEADER;
                self.header.clear();
            }
        }
        let wanted = self.left.min(out.remaining()).min(space.len());
        let count = ready!(self.poll_raw(socket, cx, &mut space[..wanted]))?;
        out.put_slice(&space[..count]);
        self.left -= count;
        Poll::Ready(Ok(()))
    }

    fn poll_raw(
        &mut self,
        socket: &mut (impl AsyncRead + Unpin),
        cx: &mut Context<'_>,
        space: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if !self.early.is_empty() {
            let count = self.early.len().min(space.len());
            space[..count].copy_from_slice(&self.early[..count]);
            self.early.drain(..count);
            return Poll::Ready(Ok(count));
        }
        let mut buffer = ReadBuf::new(space);
        ready!(Pin::new(socket).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    pub(crate) fn poll_write(
        &mut self,
        socket: &mut (impl AsyncWrite + Unpin),
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_drain(socket, cx))?;
        let bytes = &bytes[..bytes.len().min(MOST)];
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let [high, low] = ((bytes.len() + HEADER) as u16).to_be_bytes();
        let header = [self.kind, LAST, high, low, 0, 0, self.number, 0];
        self.number = self.number.wrapping_add(1);
        self.out.extend_from_slice(&header);
        self.out.extend_from_slice(bytes);
        // What the socket does not take now goes with the next, or when it is flushed.
        if let Poll::Ready(Err(error)) = self.poll_drain(socket, cx) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(bytes.len()))
    }

    /// Writes what waits.
    pub(crate) fn poll_drain(
        &mut self,
        socket: &mut (impl AsyncWrite + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.out.is_empty() {
            let count = ready!(Pin::new(&mut *socket).poll_write(cx, &self.out))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.out.drain(..count);
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    fn run<T>(work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let mut runtime = runtime;
        runtime.build().unwrap().block_on(work)
    }

    async fn read(
        packets: &mut Packets,
        socket: &mut (impl AsyncRead + Unpin),
    ) -> io::Result<Vec<u8>> {
        let mut space = [0; 64];
        poll_fn(|cx| {
            let mut buffer = ReadBuf::new(&mut space);
            let read = packets.poll_read(socket, cx, &mut buffer);
            read.map_ok(|()| buffer.filled().to_vec())
        })
        .await
    }

    #[test]
    fn what_is_written_is_read_and_nothing_past_it() {
        run(async {
            let (mut near, mut far) = duplex(1 << 16);
            let mut packets = Packets::new(0x12, Vec::new());
            let count = poll_fn(|cx| packets.poll_write(&mut near, cx, b"hello")).await;
            assert_eq!(count.unwrap(), 5);
            near.write_all(b"raw").await.unwrap();
            let mut reader = Packets::new(0x12, Vec::new());
            assert_eq!(read(&mut reader, &mut far).await.unwrap(), b"hello");
            let mut rest = [0; 3];
            far.read_exact(&mut rest).await.unwrap();
            assert_eq!(&rest, b"raw");
        });
    }

    proptest! {
        #[test]
        fn whatever_comes_it_ends(bytes in prop::collection::vec(any::<u8>(), 0..200), split in 0_usize..200) {
            run(async {
                let (mut near, mut far) = duplex(1 << 16);
                let (early, late) = bytes.split_at(split.min(bytes.len()));
                near.write_all(late).await.unwrap();
                drop(near);
                let mut packets = Packets::new(0x12, early.to_vec());
                let mut all = 0;
                while let Ok(some) = read(&mut packets, &mut far).await {
                    if some.is_empty() {
                        break;
                    }
                    all += some.len();
                }
                assert!(all <= bytes.len());
            });
        }
    }
}
