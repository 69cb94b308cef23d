//! The station's master key and what is derived from it: keyed digests of handles, and sealing of
//! everything that would tell a thief of the data directory what is bait.
//!
//! HKDF-SHA-256 (RFC 5869) derives one key a purpose; digests are HMAC-SHA-256 cut to 16 bytes;
//! sealing is XChaCha20-Poly1305 with a random 24-byte nonce in front.

use std::fmt;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Keyed digest of one handle value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 16]);

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

/// Something sealed could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot open sealed data: another key, or damaged")]
pub struct SealError;

/// The 32 secret bytes everything else is derived from. Wiped from memory when dropped.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

impl MasterKey {
    /// A fresh key from the system's random source.
    #[must_use]
    pub fn generate() -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        rand::fill(&mut bytes[..]);
        Self(bytes)
    }

    /// From 64 hex digits, blanks around them ignored.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let bytes = data_encoding::HEXLOWER_PERMISSIVE
            .decode(text.trim().as_bytes())
            .ok()?;
        Some(Self(Zeroizing::new(bytes.try_into().ok()?)))
    }

    /// As 64 hex digits.
    #[must_use]
    pub fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(data_encoding::HEXLOWER.encode(&self.0[..]))
    }

    /// Derives 32 bytes for one purpose.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        let mut out = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(None, &self.0[..])
            .expand(purpose.as_bytes(), &mut out[..])
            .expect("32 bytes is a valid HKDF-SHA-256 length");
        out
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey")
    }
}

/// Digests and seals under keys derived from a [`MasterKey`].
#[derive(Clone)]
pub struct Keyring {
    epoch: u32,
    digest: Hmac<Sha256>,
    seal: XChaCha20Poly1305,
}

impl Keyring {
    /// The keys of one epoch; the epoch number is written beside what depends on it.
    #[must_use]
    pub fn new(master: &MasterKey, epoch: u32) -> Self {
        let digest = master.derive(&format!("digest {epoch}"));
        let seal = master.derive(&format!("seal {epoch}"));
        Self {
            epoch,
            digest: <Hmac<Sha256> as KeyInit>::new_from_slice(&digest[..])
                .expect("HMAC takes keys of any length"),
            seal: XChaCha20Poly1305::new((&*seal).into()),
        }
    }

    /// Which epoch the digests belong to.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Keyed digest of one value.
    #[must_use]
    pub fn digest(&self, value: &[u8]) -> Digest {
        let mut mac = self.digest.clone();
        mac.update(value);
        let full = mac.finalize().into_bytes();
        let mut cut = [0; 16];
        cut.copy_from_slice(&full[..16]);
        Digest(cut)
    }

    /// Seals `plain`; `context` names what it is and must be given again to open it.
    #[must_use]
    pub fn seal(&self, context: &[u8], plain: &[u8]) -> Vec<u8> {
        let mut nonce = [0; 24];
        rand::fill(&mut nonce);
        let sealed = self
            .seal
            .encrypt(
                &XNonce::from(nonce),
                Payload {
                    msg: plain,
                    aad: context,
                },
            )
            .expect("sealing fails only past 256 GiB");
        let mut out = Vec::with_capacity(24 + sealed.len());
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&sealed);
        out
    }

    /// Opens what [`Keyring::seal`] made.
    ///
    /// # Errors
    /// Another key, another context, or damaged bytes.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let (nonce, body) = sealed.split_at_checked(24).ok_or(SealError)?;
        let nonce: [u8; 24] = nonce.try_into().map_err(|_| SealError)?;
        self.seal
            .decrypt(
                &XNonce::from(nonce),
                Payload {
                    msg: body,
                    aad: context,
                },
            )
            .map_err(|_| SealError)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring(epoch {})", self.epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_with_the_same_key_and_context() {
        let master = MasterKey::generate();
        let keys = Keyring::new(&master, 1);
        let sealed = keys.seal(b"canary", b"value");
        assert_eq!(keys.open(b"canary", &sealed).as_deref(), Ok(&b"value"[..]));
        assert_eq!(keys.open(b"placement", &sealed), Err(SealError));
        assert_eq!(keys.open(b"canary", &sealed[..20]), Err(SealError));
        let other = Keyring::new(&MasterKey::generate(), 1);
        assert_eq!(other.open(b"canary", &sealed), Err(SealError));
        assert_ne!(keys.digest(b"value"), other.digest(b"value"));
        assert_ne!(
            keys.digest(b"value"),
            Keyring::new(&master, 2).digest(b"value")
        );
    }

    #[test]
    fn master_key_survives_hex() {
        let master = MasterKey::generate();
        let again = MasterKey::from_hex(&format!(" {}\n", *master.to_hex())).expect("reads back");
        assert_eq!(master.derive("x"), again.derive("x"));
        assert!(MasterKey::from_hex("abcd").is_none());
    }
}
