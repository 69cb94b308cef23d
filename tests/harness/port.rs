//! Ports for what is bound later, or bound again.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};

/// Below the ports that a system gives to whoever asks for any, from a round number on.
const FIRST: u32 = 20_000;
const COUNT: u32 = 12_000;

/// An address on loopback that nobody has, over TCP or UDP, and nobody gets meanwhile: the system does not give
/// its port away, and it comes once in a process.
///
/// # Panics
/// If all of these ports are taken.
pub fn free() -> SocketAddr {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    // Elsewhere for each process, for there may be several.
    let start = std::process::id().wrapping_mul(251);
    (0..COUNT)
        .map(|_| start.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed)) % COUNT + FIRST)
        .map(|port| SocketAddr::from(([127, 0, 0, 1], u16::try_from(port).expect("below 32,768"))))
        .find(|address| TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok())
        .expect("a free port")
}
