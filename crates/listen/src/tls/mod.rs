//! TLS: the ClientHello is read and kept as sent, then rustls has it.

mod certificate;
mod challenges;
mod hello;
mod prints;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::server::ProducesTickets;
use tokio_rustls::rustls::server::ResolvesServerCert;

use crate::connection::Place;
use crate::stream::{More, Replay, Stream, read_more};
use crate::visit::FREE;
use hello::{Hello, LONGEST, Records, first_message};

pub use certificate::{Certificate, CertificateError};
pub use challenges::Challenges;

/// What the station shows where TLS is asked for. Certificates can change while it runs.
#[derive(Default)]
pub struct Tls {
    configs: RwLock<Option<Configs>>,
    challenges: Challenges,
}

/// With the names of HTTP's versions to agree on one, and without.
struct Configs {
    web: Arc<ServerConfig>,
    other: Arc<ServerConfig>,
    /// Outlives the certificates: a client may resume what it began under the last.
    tickets: Option<Arc<dyn ProducesTickets>>,
}

impl Tls {
    /// Shows these from the next connection on, in the order of their precedence; the first also to who asks
    /// for no name, or for none that is here. None: no TLS.
    pub fn show(&self, certificates: &[Certificate]) {
        let mut configs = self.configs.write().unwrap_or_else(PoisonError::into_inner);
        let Some(shown) = certificate::Shown::new(certificates) else {
            *configs = None;
            return;
        };
        let tickets = configs.take().and_then(|configs| configs.tickets);
        // As servers do; without, resuming costs memory for each client.
        let tickets = tickets.or_else(|| ring::Ticketer::new().ok());
        let mut other = server_config(Arc::new(shown));
        if let Some(tickets) = &tickets {
            other.ticketer = Arc::clone(tickets);
        }
        let mut web = other.clone();
        web.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        *configs = Some(Configs {
            web: Arc::new(web),
            other: Arc::new(other),
            tickets,
        });
    }

    /// Whether there is a certificate to show, or somebody is expected who asks for TLS all the same.
    #[must_use]
    pub fn is_set(&self) -> bool {
        let configs = self.configs.read().unwrap_or_else(PoisonError::into_inner);
        configs.is_some() || self.challenges.in_tls()
    }

    /// What is answered to who checks whether a name is ours.
    #[must_use]
    pub fn challenges(&self) -> &Challenges {
        &self.challenges
    }

    fn config(&self, web: bool) -> Option<Arc<ServerConfig>> {
        let configs = self.configs.read().unwrap_or_else(PoisonError::into_inner);
        let configs = configs.as_ref()?;
        Some(Arc::clone(if web { &configs.web } else { &configs.other }))
    }
}

fn server_config(certificates: Arc<dyn ResolvesServerCert>) -> ServerConfig {
    let provider = Arc::new(ring::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has the ciphers of TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_cert_resolver(certificates)
}

/// What a handshake brought.
#[derive(Default)]
pub(crate) struct Handshake {
    /// The ClientHello as sent, with its record headers; empty if none came.
    pub(crate) hello: Vec<u8>,
    /// What it tells of the client.
    pub(crate) signals: BTreeMap<String, String>,
    /// The part of that which stays the same between connections of one program.
    pub(crate) lasting: String,
    /// The host that was asked for.
    pub(crate) host: Option<String>,
    /// None if it came to nothing.
    pub(crate) stream: Option<Stream>,
}

/// Whether these first bytes are the start of a TLS handshake: `None` if more are needed.
pub(crate) fn begins(bytes: &[u8]) -> Option<bool> {
    match bytes {
        [] | [0x16] => None,
        [0x16, major, ..] => Some(*major == 3),
        _ => Some(false),
    }
}

/// Takes a connection into TLS.
pub(crate) async fn accept(
    tls: &Tls,
    web: bool,
    mut replay: Replay,
    deadline: Instant,
    place: &Place,
) -> Handshake {
    let mut handshake = Handshake::default();
    let mut room = place.gate.hold();
    let mut read = std::mem::take(&mut replay.bytes);
    let (message, length) = loop {
        match first_message(&read) {
            Records::Whole(message, length) => break (message, length),
            Records::Partial if read.len() < LONGEST => {}
            Records::Partial | Records::None => {
                // rustls says what is wrong with it, as servers do.
                break (Vec::new(), read.len());
            }
        }
        if read_more(&mut replay.socket, &mut read, deadline, &place.bell).await == More::End
            || !room.of(read.len().saturating_sub(FREE))
        {
            handshake.hello = read;
            return handshake;
        }
    };
    let hello = Hello::parse(&message);
    let expected = hello
        .as_ref()
        .and_then(|hello| tls.challenges.config(hello));
    let Some(config) = expected.or_else(|| tls.config(web)) else {
        return handshake;
    };
    handshake.hello = read[..length].to_vec();
    if let Some(hello) = hello {
        handshake.signals = prints::signals(&hello);
        let name = hello.server_name.as_deref();
        handshake.host = name.map(|name| String::from_utf8_lossy(name).to_ascii_lowercase());
        handshake.lasting = prints::ja4(&hello.lasting(), 't');
    }
    replay.bytes = read;
    let accepting = TlsAcceptor::from(config).accept(replay);
    match timeout_at(deadline, accepting).await {
        Ok(Ok(stream)) => handshake.stream = Some(Stream::Secure(Box::new(stream))),
        Ok(Err(error)) => tracing::debug!(%error, "no TLS came of it"),
        Err(_) => {}
    }
    handshake
}
