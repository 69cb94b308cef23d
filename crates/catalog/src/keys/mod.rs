//! Keys that every program takes for real, because they are: drawn with a real prime search or on a real
//! curve, and written as OpenSSL, OpenSSH and WireGuard write them.

pub(crate) mod ec;
pub(crate) mod openssh;
pub(crate) mod rclone;
pub(crate) mod rsa;
pub(crate) mod token;
pub(crate) mod wireguard;
pub(crate) mod x509;

use data_encoding::{BASE64, BASE64_NOPAD};
use p256::pkcs8::DecodePrivateKey as _;
use p256::pkcs8::EncodePublicKey as _;
use p256::pkcs8::der::pem::{self, LineEnding};
use sha2::{Digest as _, Sha256};

/// An RSA key of 2048, 3072 or 4096 bits as its PKCS#1 structure in DER, always the same for the same numbers.
#[must_use]
pub fn rsa_key(bits: u32, rng: &mut dyn rand::Rng) -> Option<Vec<u8>> {
    rsa::SIZES.contains(&bits).then_some(())?;
    let mut dice = crate::dice::Dice::new(rng);
    (0..8).find_map(|_| rsa::draw(bits, &mut dice))
}

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

    /// The digits of that line.
    pub(crate) fn public_blob(&self) -> Option<String> {
        let line = self.public_line()?;
        line.split(' ').nth(1).map(str::to_owned)
    }

    /// `SHA256:` and the digest of the public half (`sshkey_fingerprint`).
    pub(crate) fn fingerprint(&self) -> Option<String> {
        let blob = BASE64.decode(self.public_blob()?.as_bytes()).ok()?;
        Some(format!(
            "SHA256:{}",
            BASE64_NOPAD.encode(&Sha256::digest(blob))
        ))
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
