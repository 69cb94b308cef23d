//! Fuzzes wireguard: with one datagram, or, if the input begins with `>`, with what goes through a tunnel.

#![no_main]

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

use boringtun::noise::{Tunn, TunnResult};
use boringtun::x25519::{PublicKey, StaticSecret};
use lapwing_fuzz::{CLIENT_KEY, SERVER_KEY, SILENCE, Target};
use tokio::net::UdpSocket;
use tokio::time::timeout;

/// How long a tunnel is used.
const LIFE: Duration = Duration::from_secs(60);
/// Longest wait for the answer to its first message.
const PATIENCE: Duration = Duration::from_secs(10);

static TARGET: LazyLock<Target> = LazyLock::new(|| Target::new("wireguard", false));
static TUNNEL: Mutex<Option<Tunnel>> = Mutex::new(None);

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| match bytes {
    [b'>', inner @ ..] => pass(inner),
    _ => TARGET.run(bytes),
});

fn pass(inner: &[u8]) {
    let mut tunnel = TUNNEL.lock().expect("no run has failed");
    TARGET.during(async |address| {
        let known = tunnel.take().filter(|it| it.since.elapsed() < LIFE);
        let known = match known {
            Some(known) => known,
            None => Tunnel::open(address).await?,
        };
        tunnel.insert(known).send(inner).await
    });
}

/// A tunnel as its client has it.
struct Tunnel {
    noise: Tunn,
    socket: UdpSocket,
    since: Instant,
}

impl Tunnel {
    async fn open(at: SocketAddr) -> io::Result<Self> {
        let server = PublicKey::from(&StaticSecret::from(SERVER_KEY));
        let mut noise = Tunn::new(CLIENT_KEY.into(), server, None, None, 1, None);
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        socket.connect(at).await?;
        let (mut sent, mut heard) = ([0; 2048], [0; 2048]);
        let first = noise.format_handshake_initiation(&mut sent, true);
        let TunnResult::WriteToNetwork(first) = first else {
            return Err(io::Error::other(format!("no first message: {first:?}")));
        };
        socket.send(first).await?;
        let length = timeout(PATIENCE, socket.recv(&mut heard)).await??;
        match noise.decapsulate(None, &heard[..length], &mut sent) {
            TunnResult::WriteToNetwork(confirmed) => socket.send(confirmed).await?,
            other => return Err(io::Error::other(format!("a wrong answer: {other:?}"))),
        };
        Ok(Self {
            noise,
            socket,
            since: Instant::now(),
        })
    }

    async fn send(&mut self, inner: &[u8]) -> io::Result<()> {
        let mut sealed = vec![0; inner.len() + 148];
        if let TunnResult::WriteToNetwork(sealed) = self.noise.encapsulate(inner, &mut sealed) {
            self.socket.send(sealed).await?;
            let _ = timeout(SILENCE, self.socket.recv(&mut [0; 2048])).await;
        }
        Ok(())
    }
}
