//! Checkpoints: C2SP tlog-checkpoint bodies (origin, size, base64 root) in C2SP signed notes with
//! one Ed25519 signature. In the file `checkpoints` each note takes exactly five lines.

use data_encoding::BASE64;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::error::JournalError;
use crate::merkle::Hash;

/// Lines of one note in the `checkpoints` file.
pub(crate) const NOTE_LINES: usize = 5;

/// Signature type of Ed25519 in a signed note's key id.
const ED25519: u8 = 1;

/// The 32 secret bytes a station's Ed25519 key is made from. Wiped from memory when dropped.
#[derive(Clone)]
pub struct SigningSeed(Zeroizing<[u8; 32]>);

impl SigningSeed {
    /// From the seed's bytes (RFC 8032 section 5.1.5, the private key).
    #[must_use]
    pub fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// The Ed25519 public key, 32 bytes.
    #[must_use]
    pub fn public_key(&self) -> [u8; 32] {
        SigningKey::from_bytes(&self.0).verifying_key().to_bytes()
    }

    /// Signs other things of the station (an evidence bundle's SSHSIG): 64 bytes.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        SigningKey::from_bytes(&self.0).sign(message).to_bytes()
    }
}

impl From<Zeroizing<[u8; 32]>> for SigningSeed {
    fn from(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }
}

impl From<[u8; 32]> for SigningSeed {
    fn from(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl std::fmt::Debug for SigningSeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningSeed")
    }
}

/// Signs checkpoints for one origin.
pub(crate) struct NoteSigner {
    origin: String,
    key: SigningKey,
    id: [u8; 4],
}

impl NoteSigner {
    pub(crate) fn new(origin: &str, seed: &SigningSeed) -> Result<Self, JournalError> {
        let usable = !origin.is_empty()
            && origin.len() <= 200
            && origin.bytes().all(|b| b.is_ascii_graphic() && b != b'+');
        if !usable {
            return Err(JournalError::Origin(origin.to_owned()));
        }
        let key = SigningKey::from_bytes(&seed.0);
        let id = key_id(origin, key.verifying_key().as_bytes());
        let origin = origin.to_owned();
        Ok(Self { origin, key, id })
    }

    pub(crate) fn public_key(&self) -> [u8; 32] {
        self.key.verifying_key().to_bytes()
    }

    /// The signed note for a tree.
    pub(crate) fn sign(&self, size: u64, root: &Hash) -> String {
        let body = body(&self.origin, size, root);
        let signature = self.key.sign(body.as_bytes());
        let line = signature_line(&self.origin, self.id, &signature.to_bytes());
        format!("{body}\n{line}")
    }
}

/// A checkpoint whose signature was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) size: u64,
    pub(crate) root: Hash,
    pub(crate) text: String,
}

impl Note {
    /// Reads one note, which must be byte for byte what [`NoteSigner::sign`] writes, and checks
    /// its signature.
    pub(crate) fn parse(bytes: &[u8], public_key: &[u8; 32]) -> Result<Self, &'static str> {
        Self::read(bytes, Some(public_key))
    }

    /// As [`Note::parse`]; without a key the signature is left unchecked.
    pub(crate) fn read(bytes: &[u8], public_key: Option<&[u8; 32]>) -> Result<Self, &'static str> {
        let text = str::from_utf8(bytes).map_err(|_| "not UTF-8")?;
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let [origin, size, root, _, signature] = lines[..] else {
            return Err("not the five lines of a checkpoint");
        };
        let origin = origin.trim_end_matches('\n');
        let size: u64 = size.trim_end().parse().map_err(|_| "bad size")?;
        let root = BASE64
            .decode(root.trim_end().as_bytes())
            .ok()
            .and_then(|bytes| Hash::try_from(bytes).ok())
            .ok_or("bad root")?;
        let blob = signature
            .trim_end()
            .rsplit_once(' ')
            .and_then(|(_, encoded)| BASE64.decode(encoded.as_bytes()).ok())
            .ok_or("bad signature line")?;
        let (id, signature) = blob.split_first_chunk::<4>().ok_or("bad signature line")?;
        let signature: [u8; 64] = signature.try_into().map_err(|_| "bad signature line")?;
        let id = public_key.map_or(*id, |key| key_id(origin, key));
        let body = body(origin, size, &root);
        if text != format!("{body}\n{}", signature_line(origin, id, &signature)) {
            return Err("not signed with this station's key, or not in canonical form");
        }
        if let Some(key) = public_key {
            let signature = Signature::from_bytes(&signature);
            VerifyingKey::from_bytes(key)
                .and_then(|key| key.verify_strict(body.as_bytes(), &signature))
                .map_err(|_| "the signature does not fit")?;
        }
        Ok(Self {
            size,
            root,
            text: text.to_owned(),
        })
    }
}

fn body(origin: &str, size: u64, root: &Hash) -> String {
    format!("{origin}\n{size}\n{}\n", BASE64.encode(root))
}

fn signature_line(origin: &str, id: [u8; 4], signature: &[u8; 64]) -> String {
    let mut blob = [0; 68];
    blob[..4].copy_from_slice(&id);
    blob[4..].copy_from_slice(signature);
    format!("\u{2014} {origin} {}\n", BASE64.encode(&blob))
}

/// C2SP signed-note: the first four bytes of SHA-256 over name, line feed, type and key.
fn key_id(origin: &str, public_key: &[u8; 32]) -> [u8; 4] {
    let hash = Sha256::new()
        .chain_update(origin)
        .chain_update([b'\n', ED25519])
        .chain_update(public_key)
        .finalize();
    [hash[0], hash[1], hash[2], hash[3]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hand_parsed_note_verifies() {
        let seed = SigningSeed::from([7; 32]);
        let signer = NoteSigner::new("station-0a1b2c3d", &seed).unwrap();
        let note = signer.sign(42, &[9; 32]);
        let lines: Vec<&str> = note.split('\n').collect();
        assert_eq!(lines.len(), 6);
        assert_eq!(lines[0], "station-0a1b2c3d");
        assert_eq!(lines[1], "42");
        assert_eq!(lines[2], "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=");
        assert_eq!((lines[3], lines[5]), ("", ""));
        let encoded = lines[4].strip_prefix("\u{2014} station-0a1b2c3d ").unwrap();
        let blob = BASE64.decode(encoded.as_bytes()).unwrap();
        let mut named = b"station-0a1b2c3d\n\x01".to_vec();
        named.extend_from_slice(&seed.public_key());
        assert_eq!(blob[..4], Sha256::digest(&named)[..4]);
        let signed = format!("{}\n{}\n{}\n", lines[0], lines[1], lines[2]);
        VerifyingKey::from_bytes(&seed.public_key())
            .unwrap()
            .verify_strict(
                signed.as_bytes(),
                &Signature::from_bytes(blob[4..].try_into().unwrap()),
            )
            .unwrap();
    }

    #[test]
    fn no_changed_byte_passes() {
        let seed = SigningSeed::from([7; 32]);
        let key = seed.public_key();
        let note = NoteSigner::new("o", &seed).unwrap().sign(42, &[9; 32]);
        assert_eq!(Note::parse(note.as_bytes(), &key).unwrap().size, 42);
        for at in 0..note.len() {
            for bit in [0, 5, 7] {
                let mut bytes = note.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                assert!(Note::parse(&bytes, &key).is_err(), "byte {at} bit {bit}");
            }
            assert!(Note::parse(&note.as_bytes()[..at], &key).is_err());
        }
        let other = SigningSeed::from([8; 32]).public_key();
        assert!(Note::parse(note.as_bytes(), &other).is_err());
        assert!(NoteSigner::new("a b", &seed).is_err());
    }
}
