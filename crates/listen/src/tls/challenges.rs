//! What a certificate authority is answered when it checks whether a name is ours (ACME): a file over HTTP
//! (RFC 8555, 8.3), or a certificate inside TLS (RFC 8737). A check by DNS is answered by the zones.
//!
//! Each answer is there only while a check is under way. Whoever asks is treated like everybody else: asking
//! is counted, and answered at the next tick.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

use super::certificate::CertificateError;
use super::hello::Hello;
use super::{Clients, server_config};

/// Where the file is asked for.
const WELL_KNOWN: &str = "/.well-known/acme-challenge/";

/// The protocol such a check agrees on.
const PROTOCOL: &[u8] = b"acme-tls/1";

/// The answers that are due.
#[derive(Default)]
pub struct Challenges(RwLock<Due>);

#[derive(Default)]
struct Due {
    /// By the name of the file.
    files: HashMap<String, String>,
    /// By host name.
    certificates: HashMap<String, Arc<ServerConfig>>,
}

impl Challenges {
    /// Answers a request for this file, at any host.
    pub fn file(&self, name: &str, content: &str) {
        self.write(|due| due.files.insert(name.to_owned(), content.to_owned()));
    }

    /// Shows this certificate (DER; its key PKCS#8) to who asks for `host` and would speak `acme-tls/1`.
    ///
    /// # Errors
    /// The key is of a kind that is not known.
    pub fn certificate(
        &self,
        host: &str,
        certificate: CertificateDer<'static>,
        key: PrivatePkcs8KeyDer<'static>,
    ) -> Result<(), CertificateError> {
        let key = ring::default_provider()
            .key_provider
            .load_private_key(key.into())?;
        // Not compared with the certificate, which has an extension that is read by nobody but who checks.
        let shown = CertifiedKey::new(vec![certificate], key);
        let mut config = server_config(Arc::new(One(Arc::new(shown))), Clients::Nobody);
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        let host = host.to_ascii_lowercase();
        self.write(|due| due.certificates.insert(host, Arc::new(config)));
        Ok(())
    }

    /// The check is over: nothing of it is answered any more.
    pub fn clear(&self) {
        self.write(|due| *due = Due::default());
    }

    /// What a request for a path is to be answered with.
    pub(crate) fn asked(&self, path: &str) -> Option<String> {
        let name = path.strip_prefix(WELL_KNOWN)?;
        self.read(|due| due.files.get(name).cloned())
    }

    /// Whether a check inside TLS is under way.
    pub(super) fn in_tls(&self) -> bool {
        self.read(|due| !due.certificates.is_empty())
    }

    /// What such a check is shown.
    pub(super) fn config(&self, hello: &Hello) -> Option<Arc<ServerConfig>> {
        let wanted = hello.protocols.iter().any(|name| name == PROTOCOL);
        let host = hello.server_name.as_deref().filter(|_| wanted)?;
        let host = std::str::from_utf8(host).ok()?.to_ascii_lowercase();
        self.read(|due| due.certificates.get(&host).cloned())
    }

    fn read<T>(&self, look: impl FnOnce(&Due) -> T) -> T {
        look(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, change: impl FnOnce(&mut Due) -> T) {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner));
    }
}

/// One certificate, whoever asks.
#[derive(Debug)]
struct One(Arc<CertifiedKey>);

impl ResolvesServerCert for One {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}
