//! The accept loop: one task a connection, counted by the gate, all of them told when the station
//! stops.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use crate::connection::{self, Accepted};
use crate::door::Door;
use crate::error::ListenError;
use crate::gate::Pass;
use crate::protocol::Protocol;
use crate::proxy;
use crate::station::Station;

/// Connections the system holds for us before they are accepted.
const BACKLOG: u32 = 4096;

/// Pause after an accept failed for want of descriptors or memory.
const PAUSE: Duration = Duration::from_millis(50);

/// A protocol that is listened for at an address.
#[derive(Debug)]
pub struct Listener {
    protocol: &'static Protocol,
    tls: bool,
    socket: TcpListener,
}

impl Listener {
    /// Listens. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`ListenError::Bind`] if the system refuses.
    pub fn bind(protocol: &'static Protocol, door: Door) -> Result<Self, ListenError> {
        let address = door.address;
        let listen = || {
            let socket = match address {
                SocketAddr::V4(_) => TcpSocket::new_v4()?,
                SocketAddr::V6(_) => TcpSocket::new_v6()?,
            };
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            socket.listen(BACKLOG)
        };
        let socket = listen().map_err(|source| ListenError::Bind { address, source })?;
        Ok(Self {
            protocol,
            tls: door.tls,
            socket,
        })
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
        Ok(Door {
            address: self.socket.local_addr()?,
            tls: self.tls,
        })
    }

    /// Serves until `stop` turns true (or its sender is gone); returns when what is under way is
    /// answered, at the latest after `Limits::drain`.
    pub async fn serve(self, station: Arc<Station>, mut stop: watch::Receiver<bool>) {
        let mut tasks = JoinSet::new();
        {
            let mut stopped = std::pin::pin!(async { drop(stop.wait_for(|stop| *stop).await) });
            loop {
                tokio::select! {
                    _ = &mut stopped => break,
                    Some(_) = tasks.join_next() => {}
                    accepted = self.socket.accept() => match accepted {
                        Ok((socket, peer)) => {
                            let Some(pass) = admit(&station, &socket, peer) else { continue };
                            let accepted = Accepted {
                                socket,
                                peer,
                                protocol: self.protocol,
                                tls: self.tls,
                                pass,
                            };
                            tasks.spawn(connection::serve(accepted, Arc::clone(&station)));
                        }
                        Err(error) => rest(&error).await,
                    },
                }
            }
        }
        drop(self.socket);
        station.gate.ring();
        let deadline = Instant::now() + station.limits.drain;
        while let Ok(Some(_)) = timeout_at(deadline, tasks.join_next()).await {}
    }
}

fn admit(station: &Station, stream: &TcpStream, peer: SocketAddr) -> Option<Pass> {
    let many = proxy::trusted(&station.proxies, peer.ip()) || station.forwarders.has(peer.ip());
    let counted = !many;
    let pass = station.gate.enter(counted.then_some(peer.ip()));
    if pass.is_none() {
        tracing::debug!("too many connections");
    }
    // An answer is one write: waiting for more would only delay it. Harmless if it fails.
    let _ = stream.set_nodelay(true);
    pass
}

/// After a failed accept: a connection that went away is nothing, a lack of means takes a pause.
async fn rest(error: &io::Error) {
    let gone = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    );
    if !gone {
        tracing::warn!(%error, "cannot accept connections");
        sleep(PAUSE).await;
    }
}
