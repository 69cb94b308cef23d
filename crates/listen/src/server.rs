//! The accept loop: one task a connection, counted by the gate, all of them told when the
//! station stops.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use crate::connection::{self, Accepted};
use crate::datagram::Datagrams;
use crate::door::Door;
use crate::error::ListenError;
use crate::gate::Pass;
use crate::protocol::{Protocol, Serve};
use crate::proxy;
use crate::socket::Sockets;
use crate::station::Station;
use crate::syn;

/// Pause after an accept failed for want of descriptors or memory.
const PAUSE: Duration = Duration::from_millis(50);

/// A protocol that is listened for at an address.
#[derive(Debug)]
pub struct Listener {
    protocol: &'static Protocol,
    tls: bool,
    socket: Option<TcpListener>,
    datagrams: Option<Datagrams>,
}

impl Listener {
    /// Listens. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`ListenError::Bind`] if the system refuses.
    pub fn bind(protocol: &'static Protocol, door: Door) -> Result<Self, ListenError> {
        Self::new(protocol, door, Sockets::default().complete(protocol, door)?)
    }

    /// Listens at what is bound already. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`ListenError::Bind`] if the system refuses.
    pub fn new(
        protocol: &'static Protocol,
        door: Door,
        sockets: Sockets,
    ) -> Result<Self, ListenError> {
        let Door { address, tls } = door;
        let Sockets {
            connections,
            datagrams,
        } = sockets;
        let listening = || -> io::Result<Self> {
            Ok(Self {
                protocol,
                tls,
                socket: connections.map(taken).transpose()?,
                datagrams: datagrams.map(Datagrams::new).transpose()?,
            })
        };
        listening().map_err(|source| ListenError::Bind { address, source })
    }

    /// What is spoken there.
    #[must_use]
    pub fn protocol(&self) -> &'static Protocol {
        self.protocol
    }

    /// Where, with the port the system chose.
    ///
    /// # Errors
    /// The system does not say.
    pub fn door(&self) -> io::Result<Door> {
        let address = match (&self.socket, &self.datagrams) {
            (Some(socket), _) => socket.local_addr()?,
            (None, Some(datagrams)) => datagrams.address()?,
            (None, None) => return Err(io::ErrorKind::NotConnected.into()),
        };
        Ok(Door {
            address,
            tls: self.tls,
        })
    }

    /// Serves until `stop` turns true (or its sender is gone); returns when what is under way is
    /// answered, at the latest after `Limits::drain`.
    pub async fn serve(self, station: Arc<Station>, stop: watch::Receiver<bool>) {
        let Self {
            protocol,
            tls,
            socket,
            datagrams,
        } = self;
        let (of, halted) = (Arc::clone(&station), stop.clone());
        let datagrams = async move {
            if let (Some(datagrams), Serve::Datagrams { open, .. }) = (datagrams, protocol.serve) {
                let server = open(&of);
                datagrams.serve(protocol.name, server, of, halted).await;
            }
        };
        let connections = async move {
            if let Some(socket) = socket {
                accept(socket, protocol, tls, station, stop).await;
            }
        };
        // Each in a task of its own: both have work for a processor.
        let datagrams = tokio::spawn(datagrams);
        connections.await;
        let _ = datagrams.await;
    }
}

fn taken(socket: std::net::TcpListener) -> io::Result<TcpListener> {
    socket.set_nonblocking(true)?;
    syn::keep(&socket);
    TcpListener::from_std(socket)
}

/// Accepts connections until `stop` turns true, and waits for those under way.
async fn accept(
    socket: TcpListener,
    protocol: &'static Protocol,
    tls: bool,
    station: Arc<Station>,
    mut stop: watch::Receiver<bool>,
) {
    let mut tasks = JoinSet::new();
    {
        let mut stopped = std::pin::pin!(async { drop(stop.wait_for(|stop| *stop).await) });
        loop {
            tokio::select! {
                _ = &mut stopped => break,
                Some(_) = tasks.join_next() => {}
                accepted = next(&socket, &station) => match accepted {
                    Ok((socket, peer)) => {
                        let pass = admit(&station, &socket, peer);
                        let accepted = Accepted {
                            socket,
                            peer,
                            protocol,
                            tls,
                            pass,
                        };
                        tasks.spawn(connection::serve(accepted, Arc::clone(&station)));
                    }
                    Err(error) => rest(&error, &station).await,
                },
            }
        }
    }
    drop(socket);
    station.gate.ring();
    let deadline = Instant::now() + station.limits.drain;
    while let Ok(Some(_)) = timeout_at(deadline, tasks.join_next()).await {}
}

/// The next connection, as soon as there is a place for it.
async fn next(socket: &TcpListener, station: &Station) -> io::Result<(TcpStream, SocketAddr)> {
    station.gate.relieved().await;
    socket.accept().await
}

fn admit(station: &Station, stream: &TcpStream, peer: SocketAddr) -> Pass {
    let many = proxy::trusted(&station.proxies, peer.ip()) || station.forwarders.has(peer.ip());
    let counted = !many;
    let pass = station.gate.enter(counted.then_some(peer.ip()));
    // An answer is one write: waiting for more would only delay it. Harmless if it fails.
    let _ = stream.set_nodelay(true);
    pass
}

/// After a failed accept: a connection that went away is nothing. For want of means some who are idle have to
/// leave, and it takes a pause.
async fn rest(error: &io::Error, station: &Station) {
    let gone = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    );
    if !gone {
        // Said aloud by whoever watches the gate; here it would fill the log.
        tracing::debug!(%error, "cannot accept connections");
        station.gate.starve();
        sleep(PAUSE).await;
    }
}
