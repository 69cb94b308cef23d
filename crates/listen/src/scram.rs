//! SCRAM, the server's side (RFC 5802, RFC 7677): who knows the password proves it without sending it.
//!
//! The server knows the password itself, and derives what it needs. It does that for users that are not there too,
//! with a password that nobody has: the same messages, the same work.

use std::num::NonZeroU32;

use data_encoding::BASE64;
use ring::{digest, hmac, pbkdf2};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;

/// Proofs that are checked at once, on all connections: each takes a processor for milliseconds, for anybody who asks.
static PROVING: Semaphore = Semaphore::const_new(4);

/// The hash it is built on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha1,
    Sha256,
}

/// What a client began with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct First {
    /// `n,,`
    pub(crate) header: String,
    pub(crate) user: String,
    nonce: String,
    bare: String,
}

/// An exchange under way.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    hash: Hash,
    first: First,
    nonce: String,
    salt: Vec<u8>,
    rounds: u32,
    /// What was answered.
    pub(crate) answer: String,
}

/// What a client ended with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Final {
    proof: Vec<u8>,
    without: String,
    nonce: String,
    binding: String,
}

impl First {
    /// Reads `n,,n=user,r=nonce`. `None`: it is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let flag = text.split(',').next()?;
        if !matches!(flag, "n" | "y") && !flag.starts_with("p=") {
            return None;
        }
        let bare_at = flag.len() + 1 + text.get(flag.len() + 1..)?.find(',')? + 1;
        let (header, bare) = text.split_at(bare_at);
        let mut parts = bare.split(',');
        let user = parts.next()?.strip_prefix("n=")?;
        let nonce = parts.next()?.strip_prefix("r=")?;
        let printable = nonce.bytes().all(|byte| (0x21..0x7f).contains(&byte));
        (printable && !nonce.is_empty() && nonce.len() <= 256).then(|| Self {
            header: header.to_owned(),
            user: user.replace("=2C", ",").replace("=3D", "="),
            nonce: nonce.to_owned(),
            bare: bare.to_owned(),
        })
    }
}

impl Final {
    /// Reads `c=biws,r=nonce,p=proof`. `None`: it is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let at = text.rfind(",p=")?;
        let (without, proof) = text.split_at(at);
        let mut parts = without.split(',');
        let binding = parts.next()?.strip_prefix("c=")?;
        let nonce = parts.next()?.strip_prefix("r=")?;
        Some(Self {
            proof: BASE64.decode(&proof.as_bytes()[3..]).ok()?,
            without: without.to_owned(),
            nonce: nonce.to_owned(),
            binding: binding.to_owned(),
        })
    }
}

impl Exchange {
    /// Begins one, with a nonce made of so many random bytes.
    pub(crate) fn begin(hash: Hash, first: First, salt: &[u8], rounds: u32, nonce: &[u8]) -> Self {
        let nonce = format!("{}{}", first.nonce, BASE64.encode(nonce));
        let answer = format!("r={nonce},s={},i={rounds}", BASE64.encode(salt));
        Self {
            hash,
            first,
            nonce,
            salt: salt.to_vec(),
            rounds,
            answer,
        }
    }

    /// The hash it is built on.
    pub(crate) const fn hash(&self) -> Hash {
        self.hash
    }

    /// Whether the end belongs to the beginning.
    pub(crate) fn continues(&self, end: &Final) -> bool {
        end.nonce == self.nonce && end.binding == BASE64.encode(self.first.header.as_bytes())
    }

    /// Whether it proves this password; then what proves to the client that the server has it, in base 64. Takes
    /// milliseconds: not for a thread that serves connections.
    pub(crate) fn prove(&self, end: &Final, password: &str) -> Option<String> {
        let (pbkdf, mac, hash) = match self.hash {
            Hash::Sha1 => (
                pbkdf2::PBKDF2_HMAC_SHA1,
                hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
                &digest::SHA1_FOR_LEGACY_USE_ONLY,
            ),
            Hash::Sha256 => (
                pbkdf2::PBKDF2_HMAC_SHA256,
                hmac::HMAC_SHA256,
                &digest::SHA256,
            ),
        };
        let rounds = NonZeroU32::new(self.rounds)?;
        let mut salted = vec![0; hash.output_len()];
        pbkdf2::derive(pbkdf, rounds, &self.salt, password.as_bytes(), &mut salted);
        let sign = |key: &[u8], text: &[u8]| hmac::sign(&hmac::Key::new(mac, key), text);
        let client = sign(&salted, b"Client Key");
        let stored = digest::digest(hash, client.as_ref());
        let about = format!("{},{},{}", self.first.bare, self.answer, end.without);
        let signature = sign(stored.as_ref(), about.as_bytes());
        let key: Vec<u8> = end
            .proof
            .iter()
            .zip(signature.as_ref())
            .map(|(one, two)| one ^ two)
            .collect();
        let right = end.proof.len() == hash.output_len()
            && bool::from(digest::digest(hash, &key).as_ref().ct_eq(stored.as_ref()))
            && self.continues(end);
        let server = sign(&salted, b"Server Key");
        right.then(|| BASE64.encode(sign(server.as_ref(), about.as_bytes()).as_ref()))
    }

    /// The same on a thread that may take its time.
    pub(crate) async fn proved(self, end: Final, password: String) -> Option<String> {
        let turn = PROVING.acquire().await.ok()?;
        let proving = tokio::task::spawn_blocking(move || {
            // Held until it is done, whether or not somebody still waits for it.
            let _turn = turn;
            self.prove(&end, &password)
        });
        proving.await.ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 7677, 3, and RFC 5802, 5.
    #[test]
    fn the_examples_of_the_standards_are_proved() {
        for (hash, first, salt, nonce, end, signature) in [
            (
                Hash::Sha256,
                "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
                "W22ZaJ0SNY7soEsUEjb6gQ==",
                "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
                "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
                "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
            ),
            (
                Hash::Sha1,
                "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
                "QSXCR+Q6sek8bf92",
                "3rfcNHYJY1ZVvWVs7j",
                "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
                "rmF9pqV8S7suAoZWja4dJRkFsKQ=",
            ),
        ] {
            let first = First::parse(first).unwrap();
            assert_eq!(first.user, "user");
            let salt = BASE64.decode(salt.as_bytes()).unwrap();
            let mut exchange = Exchange::begin(hash, first.clone(), &salt, 4096, b"");
            // The nonces of the examples are not all base 64.
            exchange.nonce = format!("{}{nonce}", first.nonce);
            exchange.answer = format!("r={},s={},i=4096", exchange.nonce, BASE64.encode(&salt));
            let end = Final::parse(end).unwrap();
            assert_eq!(exchange.prove(&end, "pencil").as_deref(), Some(signature));
            assert_eq!(exchange.prove(&end, "pencils"), None);
        }
    }

    proptest! {
        #[test]
        fn nothing_breaks_the_parsers(text in "\\PC{0,80}", short in "[npry,=c]{0,20}") {
            for text in [&text, &short] {
                let _ = First::parse(text);
                let _ = Final::parse(text);
            }
        }
    }
}
