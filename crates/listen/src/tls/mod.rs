//! TLS: the ClientHello is read and kept as sent, then rustls has it.

mod certificate;
mod challenges;
mod client;
mod hello;
mod prints;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::server::ResolvesServerCert;
use tokio_rustls::rustls::server::{NoServerSessionStorage, ProducesTickets};
use tokio_rustls::rustls::version::TLS12;

use crate::connection::Place;
use crate::stream::{More, Replay, Stream, read_more};
use crate::visit::FREE;
use hello::{Hello, LONGEST, Records, first_message};

pub use certificate::{Certificate, CertificateError};
pub use challenges::Challenges;
pub(crate) use client::ClientCertificate;

/// What the station shows where TLS is asked for. Certificates can change while it runs.
#[derive(Default)]
pub struct Tls {
    configs: RwLock<Option<Configs>>,
    challenges: Challenges,
}

/// With the names of HTTP's versions to agree on one, and without.
struct Configs {
    web: Arc<ServerConfig>,
    /// As `web`, and clients are asked for a certificate.
    asking: Arc<ServerConfig>,
    other: Arc<ServerConfig>,
    /// TLS 1.2 alone, and nothing to resume: what a handshake in packets of another protocol has room for.
    packed: Arc<ServerConfig>,
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
        let shown: Arc<dyn ResolvesServerCert> = Arc::new(shown);
        let config = |clients: Clients, protocols: &[&[u8]]| {
            let mut config = server_config(Arc::clone(&shown), clients);
            if let Some(tickets) = &tickets {
                config.ticketer = Arc::clone(tickets);
            }
            config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
            Arc::new(config)
        };
        let protocols: &[&[u8]] = &[b"h2", b"http/1.1"];
        *configs = Some(Configs {
            web: config(Clients::Nobody, protocols),
            asking: config(Clients::Anybody, protocols),
            other: config(Clients::Nobody, &[]),
            packed: Arc::new(packed_config(Arc::clone(&shown))),
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

    fn config(&self, purpose: Purpose<'_>, hello: Option<&Hello>) -> Option<Arc<ServerConfig>> {
        let configs = self.configs.read().unwrap_or_else(PoisonError::into_inner);
        let configs = configs.as_ref()?;
        let name = hello.and_then(|hello| hello.server_name.as_deref());
        Some(Arc::clone(match purpose {
            Purpose::Web(asks) if asks(name) => &configs.asking,
            Purpose::Web(_) => &configs.web,
            Purpose::Other => &configs.other,
            Purpose::Packed => &configs.packed,
        }))
    }
}

/// What a connection is taken into TLS for.
#[derive(Clone, Copy)]
pub(crate) enum Purpose<'a> {
    /// HTTP, and whether a server of this name, or of none, would ask for a certificate.
    Web(&'a (dyn Fn(Option<&[u8]>) -> bool + Send + Sync)),
    /// Any other protocol.
    Other,
    /// One whose handshake comes in packets.
    Packed,
}

/// Who is asked for a certificate.
enum Clients {
    Nobody,
    Anybody,
}

fn server_config(certificates: Arc<dyn ResolvesServerCert>, clients: Clients) -> ServerConfig {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has the ciphers of TLS 1.2 and 1.3");
    match clients {
        Clients::Nobody => builder.with_no_client_auth(),
        Clients::Anybody => builder.with_client_cert_verifier(Arc::new(client::AnyClient)),
    }
    .with_cert_resolver(certificates)
}

fn packed_config(certificates: Arc<dyn ResolvesServerCert>) -> ServerConfig {
    let provider = Arc::new(ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS12])
        .expect("ring has the ciphers of TLS 1.2")
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config
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
    /// The certificate that the client showed, if one was asked for.
    pub(crate) certificate: Option<Arc<ClientCertificate>>,
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
    purpose: Purpose<'_>,
    mut replay: Replay,
    deadline: Instant,
    place: &Place,
) -> Handshake {
    let mut handshake = Handshake::default();
    let mut room = place.gate.hold(&place.bell);
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
        if read_more(&mut replay, &mut read, deadline, &place.bell).await == More::End
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
    let Some(config) = expected.or_else(|| tls.config(purpose, hello.as_ref())) else {
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
        Ok(Ok(stream)) => {
            let shown = stream.get_ref().1.peer_certificates();
            handshake.certificate = (shown.and_then(<[_]>::first))
                .map(|certificate| ClientCertificate::read(certificate));
            handshake.stream = Some(Stream::Secure(Box::new(stream)));
        }
        Ok(Err(error)) => tracing::debug!(%error, "no TLS came of it"),
        Err(_) => {}
    }
    handshake
}
