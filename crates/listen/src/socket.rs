//! Sockets of a door. They are bound before there is a runtime or a thread, by who may bind ports below 1024;
//! what serves them runs as somebody else by then. Some are not bound here at all but passed by the system.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use crate::door::Door;
use crate::error::ListenError;
use crate::protocol::{Protocol, Serve};

/// Connections the system holds for us before they are accepted.
const BACKLOG: i32 = 4096;

/// How often a port that the system chose for one transport is tried for the other.
const TRIES: usize = 16;

/// What is bound for one door.
#[derive(Debug, Default)]
pub struct Sockets {
    /// Listens for connections.
    pub connections: Option<TcpListener>,
    /// Takes datagrams.
    pub datagrams: Option<UdpSocket>,
}

/// What a protocol is carried by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carried {
    /// By connections.
    pub connections: bool,
    /// By datagrams.
    pub datagrams: bool,
}

impl Protocol {
    /// What carries it at a door. What comes inside TLS comes over connections: where there are none, nothing does.
    #[must_use]
    pub fn carried(&self, tls: bool) -> Carried {
        match self.serve {
            Serve::Datagrams { talk, .. } => Carried {
                connections: talk.is_some(),
                datagrams: !tls,
            },
            Serve::Web | Serve::Stream { .. } => Carried {
                connections: true,
                datagrams: false,
            },
        }
    }
}

impl Sockets {
    /// Whether nothing is bound.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.connections.is_none() && self.datagrams.is_none()
    }

    /// Binds what the protocol needs at a door and is not there yet.
    ///
    /// # Errors
    /// [`ListenError::Bind`] if the system refuses.
    pub fn complete(mut self, protocol: &Protocol, door: Door) -> Result<Self, ListenError> {
        let Door { address, tls } = door;
        let carried = protocol.carried(tls);
        let connections = carried.connections && self.connections.is_none();
        let datagrams = carried.datagrams && self.datagrams.is_none();
        let bound = match (connections, datagrams) {
            (true, true) => both(address).map(|(connections, datagrams)| {
                self.connections = Some(connections);
                self.datagrams = Some(datagrams);
            }),
            (true, false) => listen(address).map(|socket| self.connections = Some(socket)),
            (false, true) => UdpSocket::bind(address).map(|socket| self.datagrams = Some(socket)),
            (false, false) => Ok(()),
        };
        bound.map_err(|source| ListenError::Bind { address, source })?;
        Ok(self)
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    rustix::net::bind(&socket, &address)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(socket.into())
}

/// Both transports on one port.
fn both(address: SocketAddr) -> io::Result<(TcpListener, UdpSocket)> {
    for _ in 0..TRIES {
        let connections = listen(address)?;
        match UdpSocket::bind(connections.local_addr()?) {
            Err(error) if address.port() == 0 && error.kind() == io::ErrorKind::AddrInUse => {}
            datagrams => return Ok((connections, datagrams?)),
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}
