//! Signatures as `ssh-keygen -Y sign` makes them: SSHSIG (OpenSSH, PROTOCOL.sshsig), with the station's
//! Ed25519 key and SHA-512, in the one form that is written here and no other that OpenSSH would accept.

use data_encoding::{BASE64, BASE64_NOPAD};
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest as _, Sha256};

use crate::note::SigningSeed;

const MAGIC: &[u8] = b"SSHSIG";
const KEY_TYPE: &[u8] = b"ssh-ed25519";
const HASH: &[u8] = b"sha512";
const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----\n";
const END: &str = "-----END SSH SIGNATURE-----\n";
/// Characters of a line, as OpenSSH writes them.
const WIDTH: usize = 70;

/// The signature over a message with this SHA-512, for one namespace, as a file's text.
#[must_use]
pub fn sign(seed: &SigningSeed, namespace: &str, digest: &[u8; 64]) -> String {
    let signature = seed.sign(&signed_data(namespace, digest));
    armoured(&seed.public_key(), namespace, &signature)
}

/// Whether `text` is, byte for byte, what [`sign`] writes for the holder of this key.
#[must_use]
pub fn holds(text: &[u8], public_key: &[u8; 32], namespace: &str, digest: &[u8; 64]) -> bool {
    let Some(signature) = signature_of(text) else {
        return false;
    };
    armoured(public_key, namespace, &signature).as_bytes() == text
        && is_signed(public_key, &signed_data(namespace, digest), &signature)
}

/// The public key as a line of OpenSSH has it: `ssh-ed25519 AAAA...`.
#[must_use]
pub fn key_text(public_key: &[u8; 32]) -> String {
    format!("ssh-ed25519 {}", BASE64.encode(&key_blob(public_key)))
}

/// The key in what [`key_text`] wrote.
#[must_use]
pub fn parse_key(text: &str) -> Option<[u8; 32]> {
    let encoded = text.strip_prefix("ssh-ed25519 ")?;
    let blob = BASE64.decode(encoded.as_bytes()).ok()?;
    let key: [u8; 32] = blob.get(blob.len().checked_sub(32)?..)?.try_into().ok()?;
    (key_blob(&key) == blob).then_some(key)
}

/// The fingerprint as `ssh-keygen -l` shows it: `SHA256:` and base 64 without padding.
#[must_use]
pub fn fingerprint(public_key: &[u8; 32]) -> String {
    let digest = Sha256::digest(key_blob(public_key));
    format!("SHA256:{}", BASE64_NOPAD.encode(&digest))
}

/// Whether an Ed25519 signature (RFC 8032) over `message` is by this key.
pub(crate) fn is_signed(public_key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    VerifyingKey::from_bytes(public_key)
        .and_then(|key| key.verify_strict(message, &Signature::from_bytes(signature)))
        .is_ok()
}

/// What is signed: never the message itself, so that nothing signed for another end passes.
fn signed_data(namespace: &str, digest: &[u8; 64]) -> Vec<u8> {
    let mut data = MAGIC.to_vec();
    for field in [namespace.as_bytes(), b"", HASH, digest] {
        string(field, &mut data);
    }
    data
}

fn armoured(public_key: &[u8; 32], namespace: &str, signature: &[u8; 64]) -> String {
    let mut blob = MAGIC.to_vec();
    blob.extend_from_slice(&1_u32.to_be_bytes());
    for field in [&key_blob(public_key), namespace.as_bytes(), b"", HASH] {
        string(field, &mut blob);
    }
    let mut inner = Vec::new();
    string(KEY_TYPE, &mut inner);
    string(signature, &mut inner);
    string(&inner, &mut blob);
    let encoded = BASE64.encode(&blob);
    let mut text = BEGIN.to_owned();
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(WIDTH));
        text.push_str(line);
        text.push('\n');
        rest = more;
    }
    text.push_str(END);
    text
}

/// The last 64 bytes of what is in the armour: whether the rest fits, its caller sees.
fn signature_of(text: &[u8]) -> Option<[u8; 64]> {
    let text = str::from_utf8(text).ok()?;
    let lines = text.strip_prefix(BEGIN)?.strip_suffix(END)?;
    let encoded: String = lines.split('\n').collect();
    let blob = BASE64.decode(encoded.as_bytes()).ok()?;
    blob.get(blob.len().checked_sub(64)?..)?.try_into().ok()
}

fn key_blob(public_key: &[u8; 32]) -> Vec<u8> {
    let mut blob = Vec::with_capacity(51);
    string(KEY_TYPE, &mut blob);
    string(public_key, &mut blob);
    blob
}

/// RFC 4251 section 5: length and bytes.
fn string(value: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(value.len()).expect("a field is short");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::Sha512;

    #[test]
    fn no_changed_byte_passes() {
        let seed = SigningSeed::from([7; 32]);
        let key = seed.public_key();
        let digest: [u8; 64] = Sha512::digest(b"message").into();
        let text = sign(&seed, "test", &digest);
        assert!(holds(text.as_bytes(), &key, "test", &digest));
        assert!(!holds(text.as_bytes(), &key, "other", &digest));
        assert!(!holds(text.as_bytes(), &key, "test", &[0; 64]));
        let other = SigningSeed::from([8; 32]).public_key();
        assert!(!holds(text.as_bytes(), &other, "test", &digest));
        for at in 0..text.len() {
            for bit in 0..8 {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                assert!(!holds(&bytes, &key, "test", &digest), "byte {at} bit {bit}");
            }
            assert!(!holds(&text.as_bytes()[..at], &key, "test", &digest));
        }
    }

    /// A key of somebody's, its fingerprint as `ssh-keygen -l` printed it.
    #[test]
    fn keys_are_written_and_named_as_openssh_does() {
        let text =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL2KbJ9TjkQT2Wq9OVSMRK5QmPwtU7uytDLueUz0aI0L";
        let key = parse_key(text).unwrap();
        assert_eq!(key_text(&key), text);
        let named = "SHA256:HYam/j2VwbSa2T4tsxmhz0Tt874d/sKABeSYuWO8DIE";
        assert_eq!(fingerprint(&key), named);
        assert_eq!(parse_key(&text[1..]), None);
        assert_eq!(parse_key("ssh-ed25519 AAAA"), None);
    }
}
