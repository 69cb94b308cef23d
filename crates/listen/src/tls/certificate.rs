//! A certificate to show, with its key, and which of several a client gets to see.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate, X509Name};

/// A certificate that cannot be shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// The file of the chain holds none.
    #[error("holds no certificate in PEM")]
    NoCertificate,
    /// The file of the key holds none.
    #[error("holds no private key in PEM (PKCS#8, PKCS#1 or SEC1, not encrypted)")]
    NoKey,
    /// The first certificate is not as X.509 says.
    #[error("the first certificate cannot be read")]
    Malformed,
    /// The two do not belong together, or the key is of a kind that is not known.
    #[error("certificate and key cannot be used together: {0}")]
    Key(#[from] tokio_rustls::rustls::Error),
}

/// A chain of certificates and the key of the first.
#[derive(Clone)]
pub struct Certificate {
    key: Arc<CertifiedKey>,
    /// Host names it is for, lower case; `*.example.org` stands for one label.
    pub names: Vec<String>,
    /// Common name of who issued it, or what it has instead.
    pub issuer: String,
    /// From when on it is valid, in seconds since 1970.
    pub not_before: i64,
    /// Until when it is valid, in seconds since 1970.
    pub not_after: i64,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("names", &self.names)
            .field("issuer", &self.issuer)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

impl Certificate {
    /// Reads a chain, the host's own certificate first, and its key, both in PEM.
    ///
    /// # Errors
    /// One of them is not there, cannot be read, or the two do not belong together.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<_, _>>()
            .map_err(|_| CertificateError::NoCertificate)?;
        let first = chain.first().ok_or(CertificateError::NoCertificate)?;
        let (_, first) =
            X509Certificate::from_der(first).map_err(|_| CertificateError::Malformed)?;
        let (names, issuer) = (names(&first), common_name(first.issuer()));
        let validity = first.validity();
        let (not_before, not_after) = (
            validity.not_before.timestamp(),
            validity.not_after.timestamp(),
        );
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| CertificateError::NoKey)?;
        let key = CertifiedKey::from_der(chain, key, &ring::default_provider())?;
        Ok(Self {
            key: Arc::new(key),
            names,
            issuer,
            not_before,
            not_after,
        })
    }
}

/// Subject alternative names that are host names; of a certificate without any, its common name.
fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let alternatives = certificate.subject_alternative_name().ok().flatten();
    let alternatives = alternatives.iter().flat_map(|it| &it.value.general_names);
    let names: Vec<String> = alternatives
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        })
        .collect();
    if !names.is_empty() {
        return names;
    }
    let common = certificate.subject().iter_common_name();
    common
        .filter_map(|name| name.as_str().ok().map(str::to_ascii_lowercase))
        .collect()
}

fn common_name(name: &X509Name<'_>) -> String {
    let common = name.iter_common_name().next();
    common
        .and_then(|common| common.as_str().ok())
        .map_or_else(|| name.to_string(), str::to_owned)
}

/// Which certificate is shown to whom.
#[derive(Debug)]
pub(super) struct Shown {
    /// By host name, and by the rest behind a wildcard.
    exact: HashMap<String, Vec<Arc<CertifiedKey>>>,
    wildcard: HashMap<String, Vec<Arc<CertifiedKey>>>,
    /// Where no name is asked for, or none that is here: as servers do with the first of their sites.
    default: Vec<Arc<CertifiedKey>>,
}

impl Shown {
    /// Of certificates in the order of their precedence. `None` of none.
    pub(super) fn new(certificates: &[Certificate]) -> Option<Self> {
        let first = certificates.first()?;
        let mut shown = Self {
            exact: HashMap::new(),
            wildcard: HashMap::new(),
            default: vec![Arc::clone(&first.key)],
        };
        for certificate in certificates {
            for name in &certificate.names {
                let list = match name.strip_prefix("*.") {
                    Some(rest) => shown.wildcard.entry(rest.to_owned()),
                    None => shown.exact.entry(name.clone()),
                };
                list.or_default().push(Arc::clone(&certificate.key));
            }
        }
        Some(shown)
    }

    /// The certificates for a name, in the order of their precedence; never none.
    fn of(&self, name: Option<&str>) -> &[Arc<CertifiedKey>] {
        let name = name.map(str::to_ascii_lowercase).unwrap_or_default();
        let wildcard = || self.wildcard.get(name.split_once('.')?.1);
        let found = self.exact.get(&name).or_else(wildcard);
        found.unwrap_or(&self.default)
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let listed = self.of(hello.server_name());
        // Of two keys for one name the client gets the one it can check.
        let usable = |key: &&Arc<CertifiedKey>| {
            let scheme = key.key.choose_scheme(hello.signature_schemes());
            scheme.is_some()
        };
        listed
            .iter()
            .find(usable)
            .or_else(|| listed.first())
            .cloned()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::*;

    /// Chain and key in PEM.
    fn pem(names: &[&str], common: &str) -> (String, String) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut parameters = CertificateParams::new(names).unwrap();
        let mut subject = rcgen::DistinguishedName::new();
        subject.push(DnType::CommonName, common);
        parameters.distinguished_name = subject;
        let key = KeyPair::generate().unwrap();
        (
            parameters.self_signed(&key).unwrap().pem(),
            key.serialize_pem(),
        )
    }

    fn certificate(names: &[&str]) -> Certificate {
        let (chain, key) = pem(names, names[0]);
        Certificate::from_pem(chain.as_bytes(), key.as_bytes()).unwrap()
    }

    #[test]
    fn a_name_gets_its_certificate() {
        let all = [
            certificate(&["www.example.org", "Example.org"]),
            certificate(&["*.example.org"]),
            certificate(&["mail.example.org"]),
        ];
        assert_eq!(all[0].names, ["www.example.org", "example.org"]);
        let shown = Shown::new(&all).unwrap();
        for (asked, expect) in [
            (Some("www.example.org"), 0),
            (Some("EXAMPLE.org"), 0),
            (Some("api.example.org"), 1),
            (Some("a.b.example.org"), 0),
            (Some("mail.example.org"), 2),
            (Some("other.example"), 0),
            (Some("org"), 0),
            (None, 0),
        ] {
            let got = &shown.of(asked)[0];
            assert!(Arc::ptr_eq(got, &all[expect].key), "{asked:?}");
        }
        assert!(Shown::new(&[]).is_none());
    }

    #[test]
    fn mistakes_are_told_apart() {
        let (chain, key) = pem(&["a.example"], "a.example");
        let (_, other) = pem(&["a.example"], "a.example");
        let read = |chain: &str, key: &str| Certificate::from_pem(chain.as_bytes(), key.as_bytes());
        let read_error = |chain: &str, key: &str| read(chain, key).unwrap_err().to_string();
        assert!(read(&format!("{chain}{chain}"), &key).is_ok());
        assert!(read_error("", &key).contains("no certificate"));
        assert!(read_error(&chain, &chain).contains("no private key"));
        assert!(read_error(&chain, &other).contains("cannot be used together"));
        let (chain, key) = pem(&[], "Old Host");
        assert_eq!(read(&chain, &key).unwrap().names, ["old host"]);
    }
}
