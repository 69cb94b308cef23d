//! Whether an authority signed a time stamp: the one signature of its token (RFC 5652, section 5.4; RFC 3161, section
//! 2.4.2, with RFC 5816), and the way from the certificate that it names to one that the receiver holds from the
//! authority (RFC 5280), at the time that was stamped. A certificate that expired since does not undo a stamp.

use std::time::Duration;

use lapwing_core::Timestamp;
use ring::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512, digest};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, Error, KeyUsage, anchor_from_trusted_cert};

use super::der::{BOOLEAN, Der, FIRST, FOURTH, INTEGER, OCTETS, OID, SEQUENCE, SET};
use super::stamp::{self, TST_INFO, Token};

/// `1.3.6.1.5.5.7.3.8`, what a certificate for time stamps is for.
const TIME_STAMPING: &[u8] = b"\x2b\x06\x01\x05\x05\x07\x03\x08";
/// `2.5.29.37`, the extension that says so.
const PURPOSES: &[u8] = b"\x55\x1d\x25";
/// `1.2.840.113549.1.9.3`, `.4`: which content was signed, and its digest.
const CONTENT_TYPE: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03";
const MESSAGE_DIGEST: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04";
/// `1.2.840.113549.1.9.16.2.12`, `.47`: with which certificate; by SHA-1, and by another digest.
const CERTIFICATE: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x0c";
const CERTIFICATE_2: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x2f";
/// `2.16.840.1.101.3.4.2.1`, `.2`, `.3`.
const DIGESTS: [(&[u8], &Algorithm); 3] = [
    (b"\x60\x86\x48\x01\x65\x03\x04\x02\x01", &SHA256),
    (b"\x60\x86\x48\x01\x65\x03\x04\x02\x02", &SHA384),
    (b"\x60\x86\x48\x01\x65\x03\x04\x02\x03", &SHA512),
];

const UNREAD: &str = "its signature cannot be read (DER of RFC 5652, with SHA-256, -384 or -512)";

/// Certificates that were got from a time stamp authority.
#[derive(Clone, Debug)]
pub struct Authorities(Vec<CertificateDer<'static>>);

impl Authorities {
    /// Reads them from PEM.
    ///
    /// # Errors
    /// There is none, or what is there is no certificate.
    pub fn parse(pem: &[u8]) -> Result<Self, &'static str> {
        let read = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
        let read = read.map_err(|_| "it is not PEM")?;
        if read.is_empty() {
            return Err("there is no certificate in it (BEGIN CERTIFICATE)");
        }
        if read.iter().any(|it| anchor_from_trusted_cert(it).is_err()) {
            return Err("a certificate in it cannot be read");
        }
        Ok(Self(read))
    }

    /// Whether one of them stands behind an answer.
    pub(super) fn signed(&self, answer: &[u8]) -> Result<(), &'static str> {
        let token = stamp::token(answer)?;
        let time = time(&token.stamp()?.time).ok_or("its time cannot be read")?;
        let signed = Signed::read(token).ok_or(UNREAD)?;
        if !signed.is_of(token.content) {
            return Err("what it signs is another content than it holds");
        }
        let came: Vec<CertificateDer<'_>> = certificates(token.certificates);
        let mut known = came.iter().chain(&self.0);
        let certificate = known
            .find(|one| signed.names(one))
            .ok_or("the certificate that it names is neither in it nor among those given")?;
        if for_stamps(certificate) != Some(true) {
            return Err("the certificate is not for time stamps alone");
        }
        let certificate = EndEntityCert::try_from(certificate)
            .map_err(|_| "the authority's certificate cannot be read")?;
        if !signed.by(&certificate) {
            return Err("its signature is not by the certificate that it names");
        }
        self.lead_to(&certificate, &came, time)
    }

    fn lead_to(
        &self,
        certificate: &EndEntityCert<'_>,
        came: &[CertificateDer<'_>],
        time: UnixTime,
    ) -> Result<(), &'static str> {
        let anchors = self.0.iter().map(anchor_from_trusted_cert);
        let anchors: Vec<_> = anchors.filter_map(Result::ok).collect();
        // What is between may be for anything, as `for_stamps` says of the last.
        let usage = KeyUsage::required_if_present(TIME_STAMPING);
        let led = certificate.verify_for_usage(
            ALL_VERIFICATION_ALGS,
            &anchors,
            came,
            time,
            usage,
            None,
            None,
        );
        led.map(drop).map_err(|error| match error {
            Error::CertExpired { .. } | Error::CertNotValidYet { .. } => {
                "a certificate was not valid at the time that it says"
            }
            _ => "the authority's certificate does not lead to one of those given",
        })
    }
}

/// `20261129001500Z`, also with fractions of a second.
fn time(text: &str) -> Option<UnixTime> {
    let (whole, _) = text.strip_suffix('Z')?.split_at_checked(14)?;
    whole.bytes().all(|b| b.is_ascii_digit()).then_some(())?;
    let pair = |at: usize| whole.get(at..at + 2);
    let iso = format!(
        "{}-{}-{}T{}:{}:{}Z",
        whole.get(..4)?,
        pair(4)?,
        pair(6)?,
        pair(8)?,
        pair(10)?,
        pair(12)?
    );
    let seconds = Timestamp::parse(&iso)?.micros() / 1_000_000;
    let seconds = u64::try_from(seconds).ok()?;
    Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
}

/// Whether a certificate says that it is for time stamps and nothing else, as it must (RFC 3161, section 2.3).
fn for_stamps(certificate: &[u8]) -> Option<bool> {
    let mut body = Der(certificate).inside(SEQUENCE)?.inside(SEQUENCE)?;
    let mut extensions = loop {
        match body.inside(FOURTH) {
            Some(mut it) => break it.inside(SEQUENCE)?,
            None => body.skip()?,
        }
    };
    while let Some(mut one) = extensions.inside(SEQUENCE) {
        if one.take(OID)? == PURPOSES {
            let critical = one.take(BOOLEAN) == Some(&[0xff]);
            let mut purposes = Der(one.take(OCTETS)?).inside(SEQUENCE)?;
            let stamps = purposes.take(OID) == Some(TIME_STAMPING);
            return Some(critical && stamps && purposes.0.is_empty());
        }
    }
    Some(false)
}

fn certificates(mut list: Der<'_>) -> Vec<CertificateDer<'_>> {
    std::iter::from_fn(|| list.whole(SEQUENCE).map(CertificateDer::from)).collect()
}

/// The `SignerInfo` of a token (RFC 5652, section 5.3).
struct Signed<'a> {
    digest: &'static Algorithm,
    attributes: Der<'a>,
    /// What the signature is over: the attributes, as a set of their own.
    message: Vec<u8>,
    signature: &'a [u8],
}

impl<'a> Signed<'a> {
    /// `None` if it cannot be read, or if not exactly one signed.
    fn read(token: Token<'a>) -> Option<Self> {
        let mut signers = token.signers;
        let mut signer = signers.inside(SEQUENCE).filter(|_| signers.0.is_empty())?;
        signer.take(INTEGER)?;
        // By issuer and number or by key: the signed attribute says more.
        signer.take(SEQUENCE).or_else(|| signer.take(0x80))?;
        let digest = algorithm(signer.inside(SEQUENCE)?)?;
        let mut message = { signer }.whole(FIRST)?.to_vec();
        *message.first_mut()? = SET;
        let attributes = signer.inside(FIRST)?;
        signer.take(SEQUENCE)?;
        Some(Self {
            digest,
            attributes,
            message,
            signature: signer.take(OCTETS)?,
        })
    }

    /// The value of an attribute that is there once.
    fn attribute(&self, oid: &[u8]) -> Option<Der<'a>> {
        let mut attributes = self.attributes;
        let mut found = None;
        while let Some(mut one) = attributes.inside(SEQUENCE) {
            if one.take(OID)? == oid && found.replace(one.inside(SET)?).is_some() {
                return None;
            }
        }
        found.filter(|_| attributes.0.is_empty())
    }

    fn is_of(&self, content: &[u8]) -> bool {
        let kind = self.attribute(CONTENT_TYPE).and_then(|mut it| it.take(OID));
        let said = self
            .attribute(MESSAGE_DIGEST)
            .and_then(|mut it| it.take(OCTETS));
        kind == Some(TST_INFO) && said == Some(digest(self.digest, content).as_ref())
    }

    /// Whether this is the certificate that was signed with.
    fn names(&self, certificate: &CertificateDer<'_>) -> bool {
        let first = |it: Der<'a>| {
            let mut list = { it }.inside(SEQUENCE)?.inside(SEQUENCE)?;
            list.inside(SEQUENCE)
        };
        let named = if let Some(value) = self.attribute(CERTIFICATE_2) {
            first(value).and_then(|mut one| {
                let by = match one.inside(SEQUENCE) {
                    Some(it) => algorithm(it)?,
                    None => &SHA256,
                };
                Some((by, one.take(OCTETS)?))
            })
        } else {
            self.attribute(CERTIFICATE)
                .and_then(first)
                .and_then(|mut one| Some((&SHA1_FOR_LEGACY_USE_ONLY, one.take(OCTETS)?)))
        };
        named.is_some_and(|(by, said)| digest(by, certificate).as_ref() == said)
    }

    fn by(&self, certificate: &EndEntityCert<'_>) -> bool {
        let methods = methods(self.digest).iter();
        methods.into_iter().any(|method| {
            let held = certificate.verify_signature(*method, &self.message, self.signature);
            held.is_ok()
        })
    }
}

/// Ways to sign that begin with a digest; the certificate's key has to fit.
fn methods(digest: &Algorithm) -> &'static [&'static dyn SignatureVerificationAlgorithm] {
    use webpki::ring as by;
    static SHORT: [&dyn SignatureVerificationAlgorithm; 4] = [
        by::RSA_PKCS1_2048_8192_SHA256,
        by::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
        by::ECDSA_P256_SHA256,
        by::ECDSA_P384_SHA256,
    ];
    static MIDDLE: [&dyn SignatureVerificationAlgorithm; 4] = [
        by::RSA_PKCS1_2048_8192_SHA384,
        by::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
        by::ECDSA_P256_SHA384,
        by::ECDSA_P384_SHA384,
    ];
    static LONG: [&dyn SignatureVerificationAlgorithm; 3] = [
        by::RSA_PKCS1_2048_8192_SHA512,
        by::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
        by::ED25519,
    ];
    match digest.output_len() {
        32 => &SHORT,
        48 => &MIDDLE,
        _ => &LONG,
    }
}

/// The digest that an `AlgorithmIdentifier` means.
fn algorithm(mut identifier: Der<'_>) -> Option<&'static Algorithm> {
    let oid = identifier.take(OID)?;
    let mut known = DIGESTS.iter();
    known.find(|(name, _)| *name == oid).map(|(_, it)| *it)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_times() {
        let seconds = |text| time(text).map(|it| it.as_secs());
        assert_eq!(seconds("20261129001500Z"), Some(1_795_911_300));
        assert_eq!(seconds("20261129001500.25Z"), Some(1_795_911_300));
        for bad in [
            "",
            "Z",
            "20261129001500",
            "2026112900150Z",
            "20261329001500Z",
            "2026é129001500Z",
        ] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_file_without_a_certificate_is_refused() {
        for bad in [
            &b""[..],
            b"station-0a1b2c3d\n9\n",
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ] {
            assert!(Authorities::parse(bad).is_err());
        }
    }
}
