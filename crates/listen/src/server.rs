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

use crate::connection;
use crate::error::ListenError;
use crate::gate::Gate;
use crate::proxy;
use crate::station::Station;

/// Connections the system holds for us before they are accepted.
const BACKLOG: u32 = 4096;

/// Pause after an accept failed for want of descriptors or memory.
const PAUSE: Duration = Duration::from_millis(50);

/// Listens on an address, for [`serve_http`].
///
/// # Errors
/// [`ListenError::Bind`] if the system refuses.
pub fn bind(address: SocketAddr) -> Result<TcpListener, ListenError> {
    let listen = || {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listen().map_err(|source| ListenError::Bind { address, source })
}

/// Serves HTTP/1.0, HTTP/1.1 and HTTP/2 in the clear until `stop` turns true (or its sender is gone);
/// returns when requests in flight are answered, at the latest after `Limits::drain`.
///
/// # Errors
/// [`ListenError::Socket`] if the listener is not one.
pub async fn serve_http(
    listener: TcpListener,
    station: Arc<Station>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), ListenError> {
    listener
        .local_addr()
        .map_err(|source| ListenError::Socket { source })?;
    let limits = &station.limits;
    let gate = Gate::new(
        limits.connections,
        limits.connections_per_address,
        limits.body_bytes_total,
    );
    let mut tasks = JoinSet::new();
    {
        let mut stopped = std::pin::pin!(async { drop(stop.wait_for(|stop| *stop).await) });
        loop {
            tokio::select! {
                _ = &mut stopped => break,
                Some(_) = tasks.join_next() => {}
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        let Some(pass) = admit(&gate, &station, &stream, peer) else { continue };
                        tasks.spawn(connection::serve(
                            stream,
                            Arc::clone(&station),
                            Arc::clone(&gate),
                            pass,
                            peer,
                        ));
                    }
                    Err(error) => rest(&error).await,
                },
            }
        }
    }
    drop(listener);
    gate.ring();
    let deadline = Instant::now() + station.limits.drain;
    while let Ok(Some(_)) = timeout_at(deadline, tasks.join_next()).await {}
    Ok(())
}

fn admit(
    gate: &Arc<Gate>,
    station: &Station,
    stream: &TcpStream,
    peer: SocketAddr,
) -> Option<crate::gate::Pass> {
    let counted = !proxy::trusted(&station.proxies, peer.ip());
    let pass = gate.enter(counted.then_some(peer.ip()));
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
