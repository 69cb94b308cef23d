//! The station's master key and what is derived from it: keyed digests of handles, and sealing of
//! everything that would tell a thief of the data directory what is bait.
//!
//! HKDF-SHA-256 (RFC 5869) derives one key a purpose; digests are HMAC-SHA-256 cut to 16 bytes;
//! sealing is XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) with a random 24-byte nonce in front:
//! HChaCha20 makes a key of its own for each nonce, and the rest is RFC 8439, which `ring` does several
//! times faster than what knows the extended nonce by itself.

use std::fmt;

use chacha20::{R20, hchacha};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Bytes of nonce in front of what is sealed.
pub const NONCE: usize = 24;
/// Bytes of tag behind it.
const TAG: usize = 16;

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
    seal: Zeroizing<[u8; 32]>,
}

impl Keyring {
    /// The keys of one epoch; the epoch number is written beside what depends on it.
    #[must_use]
    pub fn new(master: &MasterKey, epoch: u32) -> Self {
        let digest = master.derive(&format!("digest {epoch}"));
        Self {
            epoch,
            digest: Hmac::new_from_slice(&digest[..]).expect("HMAC takes keys of any length"),
            seal: master.derive(&format!("seal {epoch}")),
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
        let mut out = Vec::with_capacity(NONCE + plain.len() + TAG);
        out.resize(NONCE, 0);
        out.extend_from_slice(plain);
        self.seal_in_place(context, &mut out);
        out
    }

    /// As [`Keyring::seal`], of what stands in `buffer` behind room for the nonce; leaves there what
    /// `seal` returns.
    ///
    /// # Panics
    /// If the buffer is shorter than [`NONCE`].
    pub fn seal_in_place(&self, context: &[u8], buffer: &mut Vec<u8>) {
        let (nonce, plain) = buffer
            .split_first_chunk_mut::<NONCE>()
            .expect("there is room for the nonce");
        rand::fill(nonce);
        let (key, nonce) = self.message_key(nonce);
        let tag = key
            .seal_in_place_separate_tag(nonce, Aad::from(context), plain)
            .expect("sealing fails only past 256 GiB");
        buffer.extend_from_slice(tag.as_ref());
    }

    /// Opens what [`Keyring::seal`] made.
    ///
    /// # Errors
    /// Another key, another context, or damaged bytes.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let (nonce, body) = sealed.split_first_chunk::<NONCE>().ok_or(SealError)?;
        let (key, nonce) = self.message_key(nonce);
        let mut plain = body.to_vec();
        let length = key
            .open_in_place(nonce, Aad::from(context), &mut plain)
            .map_err(|_| SealError)?
            .len();
        plain.truncate(length);
        Ok(plain)
    }

    /// Key and nonce of RFC 8439 for one extended nonce (section 2.3 of the draft).
    fn message_key(&self, nonce: &[u8; NONCE]) -> (LessSafeKey, Nonce) {
        let (first, last) = nonce.split_at(16);
        let first: &[u8; 16] = first.try_into().expect("just cut to 16 bytes");
        let key: Zeroizing<[u8; 32]> =
            Zeroizing::new(hchacha::<R20>((&*self.seal).into(), first.into()).into());
        let key = UnboundKey::new(&CHACHA20_POLY1305, &key[..]).expect("a key has 32 bytes");
        let mut short = [0; 12];
        short[4..].copy_from_slice(last);
        (LessSafeKey::new(key), Nonce::assume_unique_for_key(short))
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

    /// Appendix A.3.1 of draft-irtf-cfrg-xchacha-03.
    #[test]
    fn opens_what_others_sealed() {
        let hex = |text: &str| {
            data_encoding::HEXLOWER
                .decode(text.as_bytes())
                .expect("hex")
        };
        let mut keys = Keyring::new(&MasterKey::generate(), 1);
        *keys.seal = std::array::from_fn(|at| 0x80 + u8::try_from(at).expect("small"));
        let context = hex("50515253c0c1c2c3c4c5c6c7");
        let sealed = hex(concat!(
            "404142434445464748494a4b4c4d4e4f5051525354555657",
            "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440b",
            "f3a82f4eda7e39ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3f",
            "ac2bc369488f76b2383565d3fff921f9664c97637da9768812f615c68b13b52ec0875924c1c7987947",
            "deafd8780acf49"
        ));
        let plain = keys.open(&context, &sealed).expect("the key is right");
        assert!(plain.starts_with(b"Ladies and Gentlemen of the class of '99"));
    }

    #[test]
    fn master_key_survives_hex() {
        let master = MasterKey::generate();
        let again = MasterKey::from_hex(&format!(" {}\n", *master.to_hex())).expect("reads back");
        assert_eq!(master.derive("x"), again.derive("x"));
        assert!(MasterKey::from_hex("abcd").is_none());
    }
}
