//! A private certificate authority, as many organisations have one for their inner hosts, for stations whose
//! names no public authority can check, or that want to stand in no public log. Its name is drawn once; nothing
//! in a certificate says what issued it.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lapwing_core::bounded;
use rand::RngExt as _;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SerialNumber,
};
use zeroize::Zeroizing;

use super::{Origin, file_of, is_host_name};
use crate::DaemonError;
use crate::directory::{make_private_directory, replace_private, write_private};

const DAY: u64 = 86_400;

/// What the authority's certificate is valid for.
const YEARS: u64 = 10 * 365 * DAY;

/// Where it has no better name: common ones for such things.
const ORGANISATIONS: &[&str] = &[
    "Infrastructure",
    "IT Operations",
    "Platform Services",
    "Corporate IT",
    "Network Operations",
    "Systems Engineering",
];

/// What follows the organisation's name.
const ROLES: &[&str] = &[
    "Internal CA",
    "Internal Root CA",
    "Private CA",
    "Root CA 01",
    "Issuing CA G1",
    "Services CA",
    "Infrastructure CA",
];

/// Where the authority's certificate is.
#[must_use]
pub fn certificate_file(root: &Path) -> PathBuf {
    root.join("tls").join("ca.pem")
}

fn key_file(root: &Path) -> PathBuf {
    root.join("tls").join("ca.key")
}

/// Makes the authority, if there is none yet, and gives its certificate in PEM. `organisation` is what it calls
/// itself; without one it is drawn. Whether it was made now is the second value.
///
/// # Errors
/// The data directory cannot be written.
pub fn ensure(root: &Path, organisation: Option<&str>) -> Result<(String, bool), DaemonError> {
    let path = certificate_file(root);
    if path.exists() {
        let text = bounded::read_text(&path, super::LONGEST);
        let text = text.map_err(|source| failed(&path, "cannot read it", source))?;
        return Ok((text, false));
    }
    make_private_directory(&root.join("tls"))?;
    let organisation = organisation.unwrap_or_else(|| pick(ORGANISATIONS));
    let mut subject = DistinguishedName::new();
    subject.push(DnType::OrganizationName, organisation);
    subject.push(
        DnType::CommonName,
        format!("{organisation} {}", pick(ROLES)),
    );
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = subject;
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    // One that began when its first host was put up would be told from one that is in use.
    let age = rand::rng().random_range(90 * DAY..900 * DAY);
    set_validity(&mut parameters, age, YEARS);
    parameters.serial_number = Some(serial());
    let key = KeyPair::generate().map_err(cannot_sign)?;
    let certificate = parameters.self_signed(&key).map_err(cannot_sign)?;
    let write = |path: &Path, text: &str| {
        write_private(path, text.as_bytes()).map_err(|source| failed(path, "cannot write", source))
    };
    write(&key_file(root), &Zeroizing::new(key.serialize_pem()))?;
    write(&path, &certificate.pem())?;
    Ok((certificate.pem(), true))
}

/// Issues one certificate for these names, valid for so many days, and gives its file. It takes the place of
/// one with the same first name.
///
/// # Errors
/// A name that is none; there is no authority, or it cannot be read; the directory cannot be written.
pub fn issue(root: &Path, names: &[String], days: u32) -> Result<PathBuf, DaemonError> {
    let wrong = |what: String| DaemonError::Setting {
        key: "host name".to_owned(),
        what,
    };
    let names: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
    let first = names
        .first()
        .ok_or_else(|| wrong("a certificate is for at least one".to_owned()))?;
    if let Some(name) = names.iter().find(|name| !is_host_name(name)) {
        let what = format!("{name:?} is none; write `www.example.org` or `*.example.org`");
        return Err(wrong(what));
    }
    let issuer = issuer(root)?;
    let mut parameters = CertificateParams::new(names.clone()).map_err(cannot_sign)?;
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, first.as_str());
    parameters.distinguished_name = subject;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    parameters.use_authority_key_identifier_extension = true;
    let age = rand::rng().random_range(600..3 * DAY);
    set_validity(&mut parameters, age, u64::from(days) * DAY + age);
    parameters.serial_number = Some(serial());
    let key = KeyPair::generate().map_err(cannot_sign)?;
    let certificate = parameters.signed_by(&key, &issuer).map_err(cannot_sign)?;
    let path = file_of(root, Origin::Issued, first);
    save(&path, &key.serialize_pem(), &certificate.pem())?;
    Ok(path)
}

/// Writes key and chain into one file, all at once.
pub(crate) fn save(path: &Path, key: &str, chain: &str) -> Result<(), DaemonError> {
    if let Some(parent) = path.parent() {
        make_private_directory(parent)?;
    }
    let text = Zeroizing::new(format!("{key}{chain}"));
    replace_private(path, text.as_bytes()).map_err(|source| failed(path, "cannot write", source))
}

fn issuer(root: &Path) -> Result<Issuer<'static, KeyPair>, DaemonError> {
    let read = |path: &Path| {
        let text = bounded::read_text(path, super::LONGEST).map(Zeroizing::new);
        text.map_err(|source| {
            let what = "cannot read it; `lapwing tls ca` makes the authority";
            failed(path, what, source)
        })
    };
    let certificate = read(&certificate_file(root))?;
    let key = KeyPair::from_pem(&read(&key_file(root))?).map_err(cannot_sign)?;
    Issuer::from_ca_cert_pem(&certificate, key).map_err(cannot_sign)
}

/// Valid from so many seconds ago on, for so many seconds.
fn set_validity(parameters: &mut CertificateParams, age: u64, length: u64) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default().as_secs();
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let begin = now.saturating_sub(age);
    parameters.not_before = epoch + Duration::from_secs(begin);
    parameters.not_after = epoch + Duration::from_secs(begin + length);
}

/// Random, positive and of 127 bits at most: authorities draw theirs (CA/Browser Forum, 7.1: 64 bits at least).
fn serial() -> SerialNumber {
    let mut bytes: [u8; 16] = rand::random();
    bytes[0] = bytes[0] & 0x7f | 0x40;
    SerialNumber::from_slice(&bytes)
}

fn pick(words: &[&'static str]) -> &'static str {
    words[rand::rng().random_range(0..words.len())]
}

fn failed(path: &Path, what: &str, source: std::io::Error) -> DaemonError {
    DaemonError::Directory {
        path: path.to_owned(),
        what: format!("{what}: {source}"),
        source: Some(source),
    }
}

fn cannot_sign(error: rcgen::Error) -> DaemonError {
    DaemonError::Certificate(error)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::super::Source;
    use super::*;

    #[test]
    fn issues_what_can_be_shown() {
        let root = tempfile::tempdir().unwrap();
        let names =
            |names: &[&str]| -> Vec<String> { names.iter().map(|it| (*it).into()).collect() };
        let early = issue(root.path(), &names(&["a.example"]), 90).unwrap_err();
        assert!(early.to_string().contains("lapwing tls ca"), "{early}");
        let (first, made) = ensure(root.path(), Some("Example Ltd")).unwrap();
        assert!(made);
        let (again, made) = ensure(root.path(), None).unwrap();
        assert!(!made && first == again);
        let wanted = names(&["*.Example.org", "example.org"]);
        let path = issue(root.path(), &wanted, 90).unwrap();
        assert!(path.ends_with("tls/issued/_.example.org.pem"));
        let source = Source {
            origin: Origin::Issued,
            certificate: path.clone(),
            key: path.clone(),
        };
        let certificate = source.load().unwrap();
        assert_eq!(certificate.names, ["*.example.org", "example.org"]);
        assert!(certificate.issuer.starts_with("Example Ltd "));
        let days = (certificate.not_after - certificate.not_before) / 86_400;
        assert!((90..94).contains(&days), "{days}");
        for file in [path, certificate_file(root.path()), key_file(root.path())] {
            let mode = std::fs::metadata(file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        // In the place of the first.
        let path = issue(root.path(), &wanted, 30).unwrap();
        let files = std::fs::read_dir(path.parent().unwrap()).unwrap();
        assert_eq!(files.count(), 1);
        for bad in ["", "a b", "*", "*.*.example", "-/..", "a..b"] {
            assert!(issue(root.path(), &names(&[bad]), 90).is_err(), "{bad}");
        }
    }
}
