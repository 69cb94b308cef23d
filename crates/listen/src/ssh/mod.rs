//! SSH: the OpenSSH of the station's release, with a small host behind a planted key or login. What is offered to get
//! in, and everything that is typed, fetched or asked for after it, is recorded first. (RFC 4251 to 4254)
//!
//! The transport is ours: no library we know offers, and can do, exactly what OpenSSH offers, and a server whose lists are
//! not OpenSSH's is told by one look at them.

mod auth;
mod channel;
mod cipher;
mod clock;
mod commands;
mod grammar;
mod groups;
mod kex;
mod keys;
mod line;
mod offer;
mod session;
mod sftp;
mod shell;
mod sntrup;
mod transport;
mod tree;
mod umac;
mod wire;

use std::time::Duration;

use lapwing_core::Carrier;
use tokio::time::timeout;

pub(crate) use keys::HostKeys;
use session::Session;
use transport::Transport;

use crate::visit::{Act, Ended, Visit};

/// Longest line of a greeting, as OpenSSH's `SSH_MAX_BANNER_LEN`.
const LONGEST_LINE: usize = 8192;

/// OpenSSH's `LoginGraceTime`: until one is in.
const GRACE: Duration = Duration::from_secs(120);

/// Serves a connection.
pub(crate) async fn talk(visit: &mut Visit) -> Result<(), Ended> {
    let ours = format!("SSH-2.0-{}", visit.station().system.release.openssh);
    visit.send(format!("{ours}\r\n").as_bytes()).await?;
    let line = visit.line(LONGEST_LINE).await?;
    let theirs = line.trim_ascii_end();
    let act = Act {
        protocol: "ssh".to_owned(),
        method: "GREETING".to_owned(),
        agent: String::from_utf8_lossy(theirs).into_owned(),
        ..Act::default()
    };
    let found = visit.recognise(&[(Carrier::Message, theirs)]);
    visit.notice(found, act).await;
    if !line.ends_with(b"\n") || !theirs.starts_with(b"SSH-") {
        return visit.send(b"Invalid SSH identification string.\r\n").await;
    }
    if !theirs.starts_with(b"SSH-2.") && !theirs.starts_with(b"SSH-1.99-") {
        return visit.send(b"Protocol major versions differ.\r\n").await;
    }
    let theirs = theirs.to_vec();
    // What a connection that stalls before this holds is a visit and no more.
    Box::pin(converse(visit, theirs, ours.into_bytes())).await
}

async fn converse(visit: &mut Visit, theirs: Vec<u8>, ours: Vec<u8>) -> Result<(), Ended> {
    let mut transport = Transport::new(visit, theirs, ours);
    let entering = async {
        transport.open().await?;
        Box::pin(auth::log_in(&mut transport)).await
    };
    let (user, account) = timeout(GRACE, entering).await.map_err(|_| Ended)??;
    Box::pin(Session::new(transport, user, account).serve()).await
}
