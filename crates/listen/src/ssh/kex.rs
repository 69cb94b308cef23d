//! Key exchange from the server's side: what it answers to a client's public value, and the keys that come of
//! it. (RFC 4253 sections 7 and 8, RFC 4419, RFC 5656, RFC 8268, RFC 8731, draft-ietf-sshm-ntruprime-ssh)

use crypto_bigint::BoxedUint;
use data_encoding::HEXUPPER;
use p521::elliptic_curve::ecdh::diffie_hellman;
use rand::Rng as _;
use ring::digest::{self, digest};
use ring::{agreement, rand as random};

use super::groups::{GROUP14, GROUP16, GROUP18};
use super::keys::power;
use super::sntrup;
use super::wire::Message;

/// A key exchange.
#[derive(Clone, Copy, Debug)]
pub(super) struct Method {
    pub(super) way: Way,
    hash: &'static digest::Algorithm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    X25519,
    Sntrup,
    Nist256,
    Nist384,
    Nist521,
    /// A prime in hex.
    Group(&'static str),
    /// The client says how large the group shall be.
    Asked,
}

/// The exchange of this name, if we offer it.
pub(super) fn method(name: &str) -> Option<Method> {
    let (way, hash) = match name {
        "curve25519-sha256" | "curve25519-sha256@libssh.org" => (Way::X25519, &digest::SHA256),
        "sntrup761x25519-sha512" | "sntrup761x25519-sha512@openssh.com" => {
            (Way::Sntrup, &digest::SHA512)
        }
        "ecdh-sha2-nistp256" => (Way::Nist256, &digest::SHA256),
        "ecdh-sha2-nistp384" => (Way::Nist384, &digest::SHA384),
        "ecdh-sha2-nistp521" => (Way::Nist521, &digest::SHA512),
        "diffie-hellman-group14-sha256" => (Way::Group(GROUP14), &digest::SHA256),
        "diffie-hellman-group16-sha512" => (Way::Group(GROUP16), &digest::SHA512),
        "diffie-hellman-group18-sha512" => (Way::Group(GROUP18), &digest::SHA512),
        "diffie-hellman-group-exchange-sha256" => (Way::Asked, &digest::SHA256),
        _ => return None,
    };
    Some(Method { way, hash })
}

/// The group for a client that takes no larger one than of so many bits: OpenSSH's choice where it has no
/// file of groups (`dh_new_group_fallback`).
pub(super) fn group(most: u32) -> &'static str {
    match most {
        ..3072 => GROUP14,
        3072..6144 => GROUP16,
        _ => GROUP18,
    }
}

/// A group's prime, big-endian.
pub(super) fn prime(group: &str) -> Vec<u8> {
    HEXUPPER.decode(group.as_bytes()).unwrap_or_default()
}

/// Our public value, and the secret as it goes into hashes.
pub(super) struct Response {
    pub(super) public: Vec<u8>,
    pub(super) secret: Vec<u8>,
}

/// The answer to a client's public value; `None` if that is none.
pub(super) fn respond(way: Way, theirs: &[u8]) -> Option<Response> {
    let number = |secret: &[u8]| Message::default().mpint(secret).0;
    let (public, secret) = match way {
        Way::X25519 => curve(&agreement::X25519, theirs)?,
        Way::Nist256 => curve(&agreement::ECDH_P256, theirs)?,
        Way::Nist384 => curve(&agreement::ECDH_P384, theirs)?,
        Way::Nist521 => wide_curve(theirs)?,
        Way::Sntrup => {
            let (lattice, point) = theirs.split_at_checked(sntrup::PUBLIC)?;
            let (ciphertext, first) = sntrup::encapsulate(lattice)?;
            let (public, second) = curve(&agreement::X25519, point)?;
            let both = digest(&digest::SHA512, &[&first[..], &second].concat());
            // Bytes here, no number.
            return Some(Response {
                public: [ciphertext, public].concat(),
                secret: Message::default().string(both).0,
            });
        }
        Way::Group(group) => classic(group, theirs)?,
        Way::Asked => return None,
    };
    Some(Response {
        public,
        secret: number(&secret),
    })
}

fn curve(algorithm: &'static agreement::Algorithm, theirs: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let ours =
        agreement::EphemeralPrivateKey::generate(algorithm, &random::SystemRandom::new()).ok()?;
    let public = ours.compute_public_key().ok()?.as_ref().to_vec();
    let theirs = agreement::UnparsedPublicKey::new(algorithm, theirs);
    let secret = agreement::agree_ephemeral(ours, &theirs, <[u8]>::to_vec).ok()?;
    Some((public, secret))
}

fn wide_curve(theirs: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let theirs = p521::PublicKey::from_sec1_bytes(theirs).ok()?;
    let mut bytes = [0; 66];
    rand::rng().fill_bytes(&mut bytes);
    // 521 bits; of those values only a vanishing part is none.
    bytes[0] &= 1;
    let ours = p521::SecretKey::from_slice(&bytes).ok()?;
    let secret = diffie_hellman(ours.to_nonzero_scalar(), theirs.as_affine());
    let public = ours.public_key().to_sec1_bytes().into_vec();
    Some((public, secret.raw_secret_bytes().to_vec()))
}

fn classic(group: &str, theirs: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let prime = prime(group);
    let bits = u32::try_from(prime.len()).ok()? * 8;
    let modulus = BoxedUint::from_be_slice(&prime, bits).ok()?;
    let zeroes = theirs.iter().take_while(|byte| **byte == 0).count();
    let theirs = BoxedUint::from_be_slice(&theirs[zeroes..], bits).ok()?;
    let one = BoxedUint::one_with_precision(bits);
    // RFC 4253 section 8: between 1 and p - 1.
    (theirs > one && theirs < modulus.wrapping_sub(&one)).then_some(())?;
    // Twice the bits of the longest key, as OpenSSH draws it.
    let mut bytes = [0; 128];
    rand::rng().fill_bytes(&mut bytes);
    let exponent = BoxedUint::from_be_slice(&bytes, 1024).ok()?;
    let two = BoxedUint::from_be_slice(&[2], bits).ok()?;
    let public = power(&two, &exponent, &modulus)?.to_be_bytes().into();
    let secret = power(&theirs, &exponent, &modulus)?.to_be_bytes().into();
    Some((public, secret))
}

/// Makes keys.
pub(super) struct Keys {
    hash: &'static digest::Algorithm,
    secret: Vec<u8>,
    pub(super) exchange: Vec<u8>,
}

impl Keys {
    /// `hashed`: everything that the exchange hash is over but the secret (RFC 4253 section 8).
    pub(super) fn new(method: Method, hashed: Message, secret: Vec<u8>) -> Self {
        let exchange = digest(method.hash, &hashed.raw(&secret).0);
        Self {
            hash: method.hash,
            exchange: exchange.as_ref().to_vec(),
            secret,
        }
    }

    /// A key (RFC 4253 section 7.2). `letter`: which.
    pub(super) fn key(&self, letter: u8, session: &[u8], length: usize) -> Vec<u8> {
        let base = [&self.secret[..], &self.exchange].concat();
        let first = digest(self.hash, &[&base, &[letter][..], session].concat());
        let mut key = first.as_ref().to_vec();
        while key.len() < length {
            let more = digest(self.hash, &[&base[..], &key].concat());
            key.extend_from_slice(more.as_ref());
        }
        key.truncate(length);
        key
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn any_bytes_are_answered_or_not(bytes in prop::collection::vec(any::<u8>(), 0..1400)) {
            for way in [Way::X25519, Way::Sntrup, Way::Nist256, Way::Nist384, Way::Nist521, Way::Group(GROUP14), Way::Asked] {
                let _ = respond(way, &bytes);
            }
        }
    }

    #[test]
    fn numbers_that_give_the_secret_away_are_refused() {
        let prime = prime(GROUP14);
        let mut less = prime.clone();
        *less.last_mut().unwrap() -= 1;
        for theirs in [
            &[][..],
            &[0],
            &[1],
            &prime,
            &less,
            &[vec![1], prime.clone()].concat(),
        ] {
            assert!(respond(Way::Group(GROUP14), theirs).is_none());
        }
        assert!(respond(Way::Group(GROUP14), &[2]).is_some());
        assert!(respond(Way::X25519, &[0; 32]).is_none());
    }
}
