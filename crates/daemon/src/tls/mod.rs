//! The certificates a station shows: those of the settings, those a public authority gave it, and those it
//! issued itself. Where they lie, and what each of them is; [`authority`] issues, `keeper` watches.
//!
//! ```text
//! tls/ca.pem       certificate of the private authority
//! tls/ca.key       its key
//! tls/issued/      key and chain in one file for each certificate it issued
//! tls/acme/        the same for each certificate from a public authority, and account.json
//! ```

mod acme;
pub mod authority;
mod keeper;

use std::fs;
use std::path::{Path, PathBuf};

use lapwing_core::bounded;
use lapwing_listen::Certificate;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::{DaemonError, Settings};

pub(crate) use acme::Obtainer;
pub use keeper::Reload;
pub(crate) use keeper::{End, Ends, Keeper};

/// Bytes of a file of certificates or of a key, at most.
const LONGEST: u64 = 1 << 20;

/// Where a certificate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// `tls.certificates` in the settings.
    Settings,
    /// A public authority, by `tls.acme`.
    Acme,
    /// The private authority of this data directory.
    Issued,
}

impl Origin {
    /// Its name, as it is shown.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Acme => "acme",
            Self::Issued => "issued",
        }
    }
}

/// Files of a certificate; the two may be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Where it comes from.
    pub origin: Origin,
    /// The chain, the host's own certificate first.
    pub certificate: PathBuf,
    /// The key.
    pub key: PathBuf,
}

impl Source {
    /// Reads it.
    ///
    /// # Errors
    /// A file cannot be read, or what it holds cannot be used; the error names it.
    pub fn load(&self) -> Result<Certificate, DaemonError> {
        let read = |path: &Path| {
            bounded::read_file(path, LONGEST).map_err(|source| DaemonError::Directory {
                path: path.to_owned(),
                what: format!("cannot read it: {source}"),
                source: Some(source),
            })
        };
        let (chain, key) = (read(&self.certificate)?, Zeroizing::new(read(&self.key)?));
        Certificate::from_pem(&chain, &key).map_err(|error| DaemonError::Directory {
            path: match error {
                lapwing_listen::CertificateError::NoKey => self.key.clone(),
                _ => self.certificate.clone(),
            },
            what: error.to_string(),
            source: None,
        })
    }
}

/// The certificates of a station in the order of their precedence: the first is shown to who asks for no name,
/// or for one that none of them has.
#[must_use]
pub fn sources(root: &Path, settings: &Settings) -> Vec<Source> {
    let configured = settings.tls.certificates.iter().map(|files| Source {
        origin: Origin::Settings,
        certificate: files.certificate.clone(),
        key: files.key.clone(),
    });
    let own = |origin| {
        let directory = directory_of(root, origin);
        pem_files(&directory).into_iter().map(move |path| Source {
            origin,
            certificate: path.clone(),
            key: path,
        })
    };
    configured
        .chain(own(Origin::Acme))
        .chain(own(Origin::Issued))
        .collect()
}

/// Where certificates of this origin are kept, below the data directory.
pub(crate) fn directory_of(root: &Path, origin: Origin) -> PathBuf {
    root.join("tls").join(match origin {
        Origin::Settings => "",
        Origin::Acme => "acme",
        Origin::Issued => "issued",
    })
}

/// The file of a certificate whose first name this is.
pub(crate) fn file_of(root: &Path, origin: Origin, name: &str) -> PathBuf {
    directory_of(root, origin).join(format!("{}.pem", name.replace('*', "_")))
}

fn pem_files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|it| it == "pem"))
        .collect();
    paths.sort();
    paths
}

/// Whether a text can stand in a certificate as a host name: `www.example.org`, `*.example.org`.
#[must_use]
pub fn is_host_name(name: &str) -> bool {
    let label = |label: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        !label.is_empty() && label.len() <= 63 && label.bytes().all(plain)
    };
    let rest = name.strip_prefix("*.").unwrap_or(name);
    rest.len() <= 240 && rest.split('.').all(label)
}
