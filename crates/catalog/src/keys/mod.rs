//! Keys that every program takes for real, because they are: drawn with a real prime search or on a real
//! curve, and written as OpenSSL, OpenSSH and WireGuard write them.

pub(crate) mod ec;
pub(crate) mod openssh;
pub(crate) mod rsa;
pub(crate) mod token;
pub(crate) mod wireguard;
pub(crate) mod x509;

use p256::pkcs8::DecodePrivateKey as _;
use p256::pkcs8::EncodePublicKey as _;
use p256::pkcs8::der::pem::{self, LineEnding};

/// A private key as it was read out of another field.
pub(crate) enum Private {
    /// RSA, its PKCS#1 structure.
    Rsa(Vec<u8>),
    /// On P-256.
    Ec(Box<p256::SecretKey>),
    /// OpenSSH's container with an Ed25519 key.
    OpenSsh(Box<openssh::Pair>),
}

impl Private {
    /// Reads a key in any form this catalogue writes.
    pub(crate) fn read(text: &str) -> Option<Self> {
        if let Some(pair) = openssh::Pair::read(text) {
            return Some(Self::OpenSsh(Box::new(pair)));
        }
        let (label, bytes) = pem::decode_vec(text.trim().as_bytes()).ok()?;
        match label {
            "RSA PRIVATE KEY" => Some(Self::Rsa(bytes)),
            "EC PRIVATE KEY" => {
                let key = p256::SecretKey::from_sec1_der(&bytes).ok()?;
                Some(Self::Ec(Box::new(key)))
            }
            _ => match p256::SecretKey::from_pkcs8_der(&bytes) {
                Ok(key) => Some(Self::Ec(Box::new(key))),
                Err(_) => rsa::inside(&bytes).map(Self::Rsa),
            },
        }
    }

    /// Its public half as a SubjectPublicKeyInfo in PEM (RFC 5280 section 4.1).
    pub(crate) fn public_pem(&self) -> Option<String> {
        match self {
            Self::Rsa(key) => rsa::public_pem(key),
            Self::Ec(key) => key.public_key().to_public_key_pem(LineEnding::LF).ok(),
            Self::OpenSsh(_) => None,
        }
    }

    /// Its public half on one line of `authorized_keys`.
    pub(crate) fn public_line(&self) -> Option<String> {
        match self {
            Self::OpenSsh(pair) => Some(pair.public_line()),
            Self::Rsa(key) => {
                let (modulus, exponent) = rsa::public(key)?;
                Some(openssh::rsa_line(&modulus, &exponent))
            }
            Self::Ec(_) => None,
        }
    }
}
