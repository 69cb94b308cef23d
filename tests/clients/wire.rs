//! A wire between clients and the station: passes everything on, and keeps what clients sent, byte by
//! byte. What the station recorded is held against that.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// Longest silence on a wire.
const IDLE: Duration = Duration::from_secs(60);

/// What was sent on each connection, by the address the station sees as its peer.
type Sent = Arc<Mutex<BTreeMap<SocketAddr, Vec<u8>>>>;

/// A wire with an address of its own.
#[derive(Debug)]
pub(crate) struct Wire {
    address: SocketAddr,
    station: Arc<OnceLock<SocketAddr>>,
    sent: Sent,
}

impl Wire {
    /// Lays a wire from a free port of this address; it leads nowhere until [`Wire::connect`].
    pub(crate) fn lay(address: Ipv4Addr) -> Self {
        let listener = TcpListener::bind((address, 0)).expect("loopback has free ports");
        let address = listener.local_addr().expect("an address");
        let station = Arc::<OnceLock<SocketAddr>>::default();
        let sent = Sent::default();
        let (to, keep) = (Arc::clone(&station), Arc::downgrade(&sent));
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Some(sent), Some(to)) = (client, keep.upgrade(), to.get()) else {
                    return;
                };
                let server = TcpStream::connect(to).expect("the station listens");
                let name = server.local_addr().expect("an address");
                for socket in [&client, &server] {
                    socket
                        .set_read_timeout(Some(IDLE))
                        .expect("a timeout can be set");
                    socket.set_nodelay(true).expect("an option can be set");
                }
                let back = [&server, &client].map(|socket| socket.try_clone().expect("cloned"));
                std::thread::spawn(move || {
                    pass(client, server, |bytes| {
                        let mut sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
                        sent.entry(name).or_default().extend_from_slice(bytes);
                    });
                });
                let [server, client] = back;
                std::thread::spawn(move || pass(server, client, |_| ()));
            }
        });
        Self {
            address,
            station,
            sent,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it leads to.
    pub(crate) fn connect(&self, station: SocketAddr) {
        self.station.set(station).expect("a wire is connected once");
    }

    /// What was sent on each connection so far.
    pub(crate) fn sent(&self) -> BTreeMap<SocketAddr, Vec<u8>> {
        self.sent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Passes bytes on until one side ends.
fn pass(mut from: TcpStream, mut to: TcpStream, mut keep: impl FnMut(&[u8])) {
    let mut buffer = [0; 16 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        // Before it goes on: what the station recorded is here as well by then.
        keep(&buffer[..read]);
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    // Err: that side is closed already.
    let _ = to.shutdown(Shutdown::Write);
}

/// The bytes of each stream of an HTTP/2 connection, frame by frame (RFC 9113, section 4.1). What comes
/// before the first request (preface, settings, windows) is a part of each.
pub(crate) fn streams_of(connection: &[u8]) -> BTreeMap<u32, Vec<u8>> {
    const PREFACE: usize = 24;
    let (preface, mut rest) = connection.split_at(PREFACE.min(connection.len()));
    let mut before = preface.to_vec();
    let mut streams = BTreeMap::<u32, Vec<u8>>::new();
    while rest.len() >= 9 {
        let length = usize::from(rest[0]) << 16 | usize::from(rest[1]) << 8 | usize::from(rest[2]);
        let id = u32::from_be_bytes([rest[5], rest[6], rest[7], rest[8]]) & 0x7fff_ffff;
        let (frame, more) = rest.split_at((9 + length).min(rest.len()));
        match id {
            0 if streams.is_empty() => before.extend_from_slice(frame),
            0 => {}
            id => {
                let stream = streams.entry(id).or_insert_with(|| before.clone());
                stream.extend_from_slice(frame);
            }
        }
        rest = more;
    }
    streams
}
