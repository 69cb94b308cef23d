//! A checkpoint as others hold it: the station's signed note, to which witnesses may have added lines of
//! their own (C2SP tlog-cosignature, `cosignature/v1` with Ed25519).

use data_encoding::{BASE64, HEXLOWER};
use sha2::{Digest as _, Sha256};

use crate::note::Note;
use crate::sshsig::is_signed;

/// Longest text that is read as one, in bytes.
const MAX_TEXT: usize = 64 << 10;
/// Signature type of a cosignature in a key id.
const COSIGNATURE: u8 = 4;
/// Bytes of an Ed25519 signature behind its key id, and of a cosignature: a time before it.
const PLAIN: usize = 4 + 64;
const TIMED: usize = 4 + 8 + 64;

/// A checkpoint that the station signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Whose log: `station-0a1b2c3d`.
    pub origin: String,
    /// How many records it is over.
    pub size: u64,
    /// Root of their Merkle tree.
    pub root: [u8; 32],
    /// The signed note, with all its signature lines.
    pub text: String,
    /// What witnesses added, in the order of the lines. Not checked: that takes their keys.
    pub cosignatures: Vec<Cosignature>,
}

/// A witness's word that it has seen a checkpoint, and none that contradicts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosignature {
    /// What the witness is called.
    pub name: String,
    /// Seconds since 1970 at which it signed, by its own clock.
    pub time: u64,
    /// What is signed: two lines, then the checkpoint's body.
    pub message: String,
    /// Ed25519 over `message`.
    pub signature: [u8; 64],
    key_id: [u8; 4],
}

impl Checkpoint {
    /// Reads a note that must be signed by the station's key. Blank lines around it, as mail programs add
    /// them, do not matter.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str, public_key: &[u8; 32]) -> Result<Self, &'static str> {
        if text.len() > MAX_TEXT {
            return Err("longer than a checkpoint");
        }
        let text = format!("{}\n", text.trim());
        let (body, signatures) = text
            .split_once("\n\n")
            .ok_or("no blank line between body and signatures")?;
        let origin = body.lines().next().unwrap_or_default();
        let mut own = None;
        let mut cosignatures = Vec::new();
        for line in signatures.lines() {
            let (name, blob) = signature(line).ok_or("a line that is no signature")?;
            if name == origin && blob.len() == PLAIN && own.is_none() {
                own = Some(line);
            } else {
                let cosignature = Cosignature::read(name, &blob, body);
                cosignatures.push(cosignature.ok_or("a signature that is no witness's")?);
            }
        }
        let own = own.ok_or("not signed by the station it names")?;
        let note = Note::parse(format!("{body}\n\n{own}\n").as_bytes(), public_key)?;
        Ok(Self {
            origin: origin.to_owned(),
            size: note.size,
            root: note.root,
            text,
            cosignatures,
        })
    }
}

impl Cosignature {
    fn read(name: &str, blob: &[u8], body: &str) -> Option<Self> {
        let blob: &[u8; TIMED] = blob.try_into().ok()?;
        let (key_id, rest) = blob.split_first_chunk::<4>()?;
        let (time, signature) = rest.split_first_chunk::<8>()?;
        let time = u64::from_be_bytes(*time);
        Some(Self {
            name: name.to_owned(),
            time,
            message: format!("cosignature/v1\ntime {time}\n{body}\n"),
            signature: signature.try_into().ok()?,
            key_id: *key_id,
        })
    }

    /// Whether it is by this witness.
    #[must_use]
    pub fn is_by(&self, witness: &WitnessKey) -> bool {
        self.name == witness.name
            && self.key_id == witness.key_id()
            && is_signed(&witness.key, self.message.as_bytes(), &self.signature)
    }
}

/// A witness's public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessKey {
    /// What the witness is called.
    pub name: String,
    key: [u8; 32],
}

impl WitnessKey {
    /// Reads `NAME+ID+KEY` (C2SP signed-note, verifier keys): a key for cosignatures.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, rest) = text.trim().split_once('+')?;
        let (id, encoded) = rest.split_once('+')?;
        let bytes = BASE64.decode(encoded.as_bytes()).ok()?;
        let (kind, key) = bytes.split_first()?;
        let key = Self {
            name: name.to_owned(),
            key: key.try_into().ok()?,
        };
        let known = *kind == COSIGNATURE && HEXLOWER.encode(&key.key_id()) == id;
        (known && !name.is_empty()).then_some(key)
    }

    fn key_id(&self) -> [u8; 4] {
        let hash = Sha256::new()
            .chain_update(&self.name)
            .chain_update([b'\n', COSIGNATURE])
            .chain_update(self.key)
            .finalize();
        [hash[0], hash[1], hash[2], hash[3]]
    }
}

/// The name and the bytes of a signature line.
fn signature(line: &str) -> Option<(&str, Vec<u8>)> {
    let (name, encoded) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
    let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    let blob = BASE64.decode(encoded.as_bytes()).ok()?;
    plain.then_some((name, blob))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::note::{NoteSigner, SigningSeed};

    fn witness(name: &str, seed: u8) -> (WitnessKey, String) {
        let key = WitnessKey {
            name: name.to_owned(),
            key: SigningSeed::from([seed; 32]).public_key(),
        };
        let bytes = [&[COSIGNATURE][..], &key.key].concat();
        let id = HEXLOWER.encode(&key.key_id());
        let text = format!("{name}+{id}+{}", BASE64.encode(&bytes));
        (key, text)
    }

    fn cosign(note: &str, key: &WitnessKey, seed: u8, time: u64) -> String {
        let body = note.split_once("\n\n").unwrap().0;
        let message = format!("cosignature/v1\ntime {time}\n{body}\n");
        let signature = SigningSeed::from([seed; 32]).sign(message.as_bytes());
        let blob = [&key.key_id()[..], &time.to_be_bytes(), &signature].concat();
        format!("{note}\u{2014} {} {}\n", key.name, BASE64.encode(&blob))
    }

    #[test]
    fn cosignatures_are_read_and_checked() {
        let seed = SigningSeed::from([7; 32]);
        let note = NoteSigner::new("station-0a1b2c3d", &seed)
            .unwrap()
            .sign(42, &[9; 32]);
        let (key, text) = witness("witness.example/one", 3);
        assert_eq!(WitnessKey::parse(&text), Some(key.clone()));
        assert_eq!(WitnessKey::parse(&text.replace("one", "two")), None);
        let cosigned = cosign(&note, &key, 3, 1_795_000_000);
        let read = Checkpoint::parse(&cosigned, &seed.public_key()).unwrap();
        assert_eq!((read.size, read.root), (42, [9; 32]));
        assert_eq!(read.origin, "station-0a1b2c3d");
        assert_eq!(read.text, cosigned);
        let [cosignature] = &read.cosignatures[..] else {
            panic!("one cosignature")
        };
        assert_eq!(cosignature.time, 1_795_000_000);
        assert!(cosignature.is_by(&key));
        assert!(!cosignature.is_by(&witness("witness.example/one", 4).0));
        assert!(!cosignature.is_by(&witness("witness.example/two", 3).0));
        let forged = cosign(&note, &key, 4, 1);
        let forged = Checkpoint::parse(&forged, &seed.public_key()).unwrap();
        assert!(!forged.cosignatures[0].is_by(&key));
        let plain = Checkpoint::parse(&format!("\n{note}\n\n"), &seed.public_key()).unwrap();
        assert_eq!((plain.text, plain.cosignatures.len()), (note.clone(), 0));
        let other = SigningSeed::from([8; 32]).public_key();
        assert!(Checkpoint::parse(&note, &other).is_err());
        assert!(Checkpoint::parse(&format!("{note}junk\n"), &seed.public_key()).is_err());
        let twice = format!("{note}{}\n", note.lines().last().unwrap());
        assert!(Checkpoint::parse(&twice, &seed.public_key()).is_err());
    }
}
