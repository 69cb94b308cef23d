//! What can go wrong for the operator. What a peer does wrong is a finding, not an error.

use std::io;
use std::net::SocketAddr;

/// Why a listener cannot run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}; {}", hint(.source))]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program has that port: choose another one, or stop that program (`ss -ltnp` names it)"
        }
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 are root's: choose a higher one, start as root with listen.user set, or let systemd open the port"
        }
        io::ErrorKind::AddrNotAvailable => {
            "no interface has that address: use 0.0.0.0 or [::] for all of them"
        }
        _ => "choose another address",
    }
}
