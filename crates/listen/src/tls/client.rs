//! The certificate that a client shows, where the server of a kind would ask for one: any is taken, and by the handshake
//! the client has its key (RFC 8446, 4.4.2 and 4.4.3). No authority vouches for it; which one it is says enough.

use std::sync::{Arc, LazyLock};

use data_encoding::HEXLOWER;
use lapwing_catalog::ShownCertificate;
use sha2::{Digest as _, Sha256};
use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::crypto::{
    CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Longest name that is kept of a certificate, in characters.
const LONGEST: usize = 500;

static PROVIDER: LazyLock<CryptoProvider> = LazyLock::new(ring::default_provider);

/// Asks for a certificate, and takes any or none.
#[derive(Debug)]
pub(super) struct AnyClient;

impl ClientCertVerifier for AnyClient {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    /// None: clients that look here show what they have to whoever names nobody.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &PROVIDER.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &PROVIDER.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        PROVIDER
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// A certificate that a client showed.
#[derive(Debug)]
pub(crate) struct ClientCertificate {
    /// What it is known by.
    pub(crate) shown: ShownCertificate,
    /// What it says, as records name it.
    pub(crate) says: Vec<(&'static str, String)>,
}

impl ClientCertificate {
    pub(super) fn read(der: &[u8]) -> Arc<Self> {
        let digest = |bytes: &[u8]| HEXLOWER.encode(&Sha256::digest(bytes));
        let mut shown = ShownCertificate {
            sha256: digest(der),
            key_sha256: String::new(),
        };
        let mut says = vec![("certificate.sha256", shown.sha256.clone())];
        if let Ok((_, read)) = X509Certificate::from_der(der) {
            shown.key_sha256 = digest(read.public_key().raw);
            let short = |text: String| text.chars().take(LONGEST).collect();
            says.extend([
                ("certificate.subject", short(read.subject().to_string())),
                ("certificate.issuer", short(read.issuer().to_string())),
                (
                    "certificate.serial",
                    short(HEXLOWER.encode(read.raw_serial())),
                ),
            ]);
        }
        Arc::new(Self { shown, says })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::*;

    fn certificate() -> Vec<u8> {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.serial_number = Some(vec![0x4a, 1, 2].into());
        let name = &mut parameters.distinguished_name;
        name.push(DnType::OrganizationName, "ops");
        name.push(DnType::CommonName, "ann");
        let key = KeyPair::generate().unwrap();
        parameters.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn a_certificate_is_known_by_itself_and_by_its_key() {
        let read = ClientCertificate::read(&certificate());
        let said = |name| read.says.iter().find(|(known, _)| *known == name);
        let subject = said("certificate.subject").map(|(_, value)| value.as_str());
        assert!(subject.unwrap().contains("O=ops"), "{subject:?}");
        assert_eq!(said("certificate.serial").unwrap().1, "4a0102");
        assert_eq!(read.shown.key_sha256.len(), 64);
        assert_ne!(read.shown.key_sha256, read.shown.sha256);
    }

    proptest! {
        #[test]
        fn whatever_is_shown_is_kept(at in 0_usize..300, byte: u8, cut in 0_usize..400) {
            let mut der = certificate();
            if let Some(one) = der.get_mut(at) {
                *one = byte;
            }
            der.truncate(cut);
            prop_assert_eq!(ClientCertificate::read(&der).shown.sha256.len(), 64);
        }
    }
}
