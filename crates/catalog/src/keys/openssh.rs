//! OpenSSH's own container for private keys (its PROTOCOL.key), unencrypted, and its public lines.

use data_encoding::BASE64;
use ed25519_dalek::{Signer as _, SigningKey};

use crate::dice::Dice;

const BEGIN: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
const END: &str = "-----END OPENSSH PRIVATE KEY-----\n";
const MAGIC: &[u8] = b"openssh-key-v1\0";
const ED25519: &[u8] = b"ssh-ed25519";
/// Base 64 digits on a line: OpenSSH writes 70, others 64.
const WIDTH: usize = 70;

/// An Ed25519 key and its comment.
pub(crate) struct Pair {
    key: SigningKey,
    comment: String,
}

impl Pair {
    pub(crate) fn draw(dice: &mut Dice<'_>, comment: &str) -> Self {
        Self {
            key: SigningKey::from_bytes(&dice.bytes()),
            comment: comment.to_owned(),
        }
    }

    /// The file `ssh-keygen -t ed25519 -N ''` writes. `check` is the number that tells a right
    /// passphrase, any one here.
    pub(crate) fn private_pem(&self, check: [u8; 4]) -> String {
        let public = self.public_blob();
        let mut inner = [check, check].concat();
        text(&mut inner, ED25519);
        text(&mut inner, self.key.verifying_key().as_bytes());
        text(&mut inner, &self.key.to_keypair_bytes());
        text(&mut inner, self.comment.as_bytes());
        inner.extend((1..=7).take((8 - inner.len() % 8) % 8));
        let mut all = MAGIC.to_vec();
        for part in [&b"none"[..], b"none", b""] {
            text(&mut all, part);
        }
        all.extend(1u32.to_be_bytes());
        text(&mut all, &public);
        text(&mut all, &inner);
        let digits = BASE64.encode(&all);
        let mut out = BEGIN.to_owned();
        for at in (0..digits.len()).step_by(WIDTH) {
            out.push_str(&digits[at..digits.len().min(at + WIDTH)]);
            out.push('\n');
        }
        out + END
    }

    /// Reads what [`Pair::private_pem`] wrote.
    pub(crate) fn read(pem: &str) -> Option<Self> {
        let body = pem
            .trim_start()
            .strip_prefix(BEGIN)?
            .split("-----")
            .next()?;
        let digits: String = body.split_whitespace().collect();
        let all = BASE64.decode(digits.as_bytes()).ok()?;
        let mut rest = all.strip_prefix(MAGIC)?;
        for _ in 0..3 {
            take(&mut rest)?;
        }
        rest = rest.get(4..)?;
        take(&mut rest)?;
        let mut inner = take(&mut rest)?.get(8..)?;
        (take(&mut inner)? == ED25519).then_some(())?;
        take(&mut inner)?;
        let both: [u8; 64] = take(&mut inner)?.try_into().ok()?;
        let comment = String::from_utf8(take(&mut inner)?.to_vec()).ok()?;
        let key = SigningKey::from_keypair_bytes(&both).ok()?;
        Some(Self { key, comment })
    }

    /// The line of its `.pub` file, without the line's end.
    pub(crate) fn public_line(&self) -> String {
        let line = format!(
            "ssh-ed25519 {} {}",
            BASE64.encode(&self.public_blob()),
            self.comment
        );
        line.trim_end().to_owned()
    }

    /// A signature (RFC 8032), as a JWS of algorithm EdDSA wants it.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.key.sign(message).to_bytes().to_vec()
    }

    fn public_blob(&self) -> Vec<u8> {
        let mut out = Vec::new();
        text(&mut out, ED25519);
        text(&mut out, self.key.verifying_key().as_bytes());
        out
    }
}

/// The public line of an RSA key (RFC 4253 section 6.6).
pub(crate) fn rsa_line(modulus: &[u8], exponent: &[u8]) -> String {
    let mut out = Vec::new();
    text(&mut out, b"ssh-rsa");
    for number in [exponent, modulus] {
        // Positive numbers: a zero before a set highest bit.
        let padded = [&[0][..usize::from(number[0] >> 7)], number].concat();
        text(&mut out, &padded);
    }
    format!("ssh-rsa {}", BASE64.encode(&out))
}

/// Appends a length and the bytes (RFC 4251 section 5).
fn text(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(u32::try_from(bytes.len()).unwrap_or(0).to_be_bytes());
    out.extend(bytes);
}

/// Takes such bytes off the front.
fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (bytes, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    *rest = after;
    Some(bytes)
}
