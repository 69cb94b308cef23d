//! The host keys, made from the station's seed so that they are the same after a restart, and the keys that
//! clients offer. (RFC 4253 section 6.6, RFC 5656, RFC 8332, RFC 8709)

use std::fmt;
use std::sync::OnceLock;

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd, Resize as _};
use data_encoding::{BASE64, BASE64_NOPAD};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use ring::digest;
use ring::signature::{self as verify, Ed25519KeyPair, KeyPair as _, RsaPublicKeyComponents};
use sha2::{Digest as _, Sha256};

use super::wire::{Message, Reader};
use crate::system::System;

/// Bits of the RSA key, as `ssh-keygen` makes them.
const RSA_BITS: u32 = 3072;

/// The three keys that OpenSSH's packages make when they are installed.
pub(crate) struct HostKeys {
    ed25519: Ed25519KeyPair,
    ecdsa: SigningKey,
    /// Takes a while to make: made when one first asks for it.
    rsa: OnceLock<Option<Rsa>>,
    seed: [u8; 32],
}

struct Rsa {
    modulus: BoxedUint,
    exponent: BoxedUint,
    public: Vec<u8>,
}

/// Without the keys.
impl fmt::Debug for HostKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostKeys").finish_non_exhaustive()
    }
}

impl HostKeys {
    /// `None` only if a key cannot be made of the seed, which chance does not bring about.
    pub(crate) fn of(system: &System) -> Option<Self> {
        let ed25519 =
            Ed25519KeyPair::from_seed_unchecked(&system.bytes("ssh host key ed25519")).ok()?;
        let ecdsa = SigningKey::from_slice(&system.bytes("ssh host key ecdsa")).ok()?;
        Some(Self {
            ed25519,
            ecdsa,
            rsa: OnceLock::new(),
            seed: system.bytes("ssh host key rsa"),
        })
    }

    /// The public key for a signature algorithm. Of RSA it may take a second, once.
    pub(super) fn public(&self, algorithm: &str) -> Option<Vec<u8>> {
        let message = match algorithm {
            "ssh-ed25519" => Message::default()
                .string("ssh-ed25519")
                .string(self.ed25519.public_key()),
            "ecdsa-sha2-nistp256" => Message::default()
                .string("ecdsa-sha2-nistp256")
                .string("nistp256")
                .string(self.ecdsa.verifying_key().to_sec1_point(false).as_bytes()),
            _ => return Some(self.rsa()?.public.clone()),
        };
        Some(message.0)
    }

    /// A signature, with its algorithm's name. Takes milliseconds for RSA.
    pub(super) fn sign(&self, algorithm: &str, message: &[u8]) -> Option<Vec<u8>> {
        let signature = match algorithm {
            "ssh-ed25519" => self.ed25519.sign(message).as_ref().to_vec(),
            "ecdsa-sha2-nistp256" => {
                let signature: Signature = self.ecdsa.sign(message);
                let bytes = signature.to_bytes();
                let (r, s) = bytes.split_at(32);
                Message::default().mpint(r).mpint(s).0
            }
            _ => self.rsa()?.sign(algorithm, message)?,
        };
        Some(Message::default().string(algorithm).string(signature).0)
    }

    fn rsa(&self) -> Option<&Rsa> {
        let made = self.rsa.get_or_init(|| {
            let mut rng = StdRng::from_seed(self.seed);
            let key = lapwing_catalog::rsa_key(RSA_BITS, &mut rng)?;
            let parts = Numbers::read(&key)?;
            Some(Rsa {
                public: Message::default()
                    .string("ssh-rsa")
                    .mpint(parts.0[2])
                    .mpint(parts.0[1])
                    .0,
                modulus: BoxedUint::from_be_slice_truncated(parts.0[1], RSA_BITS),
                exponent: BoxedUint::from_be_slice_truncated(parts.0[3], RSA_BITS),
            })
        });
        made.as_ref()
    }
}

impl Rsa {
    /// RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2). SHA-1 too: old releases offer it, and no library we use still makes it.
    fn sign(&self, algorithm: &str, message: &[u8]) -> Option<Vec<u8>> {
        let (digest, prefix): (_, &[u8]) = match algorithm {
            "rsa-sha2-512" => (
                &digest::SHA512,
                b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40",
            ),
            "rsa-sha2-256" => (
                &digest::SHA256,
                b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20",
            ),
            "ssh-rsa" => (
                &digest::SHA1_FOR_LEGACY_USE_ONLY,
                b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14",
            ),
            _ => return None,
        };
        let digest = digest::digest(digest, message);
        let size = RSA_BITS as usize / 8;
        let fill = size.checked_sub(3 + prefix.len() + digest.as_ref().len())?;
        let padded = [
            &[0, 1],
            &vec![0xff; fill][..],
            &[0],
            prefix,
            digest.as_ref(),
        ]
        .concat();
        let number = BoxedUint::from_be_slice(&padded, RSA_BITS).ok()?;
        Some(
            power(&number, &self.exponent, &self.modulus)?
                .to_be_bytes()
                .into(),
        )
    }
}

/// `base` to the power of `exponent` modulo an odd number; all as wide as that.
pub(super) fn power(
    base: &BoxedUint,
    exponent: &BoxedUint,
    modulus: &BoxedUint,
) -> Option<BoxedUint> {
    let odd: Odd<BoxedUint> = Odd::new(modulus.clone()).into_option()?;
    let params = BoxedMontyParams::new_vartime(odd);
    let base = base.clone().resize(modulus.bits_precision());
    let form = BoxedMontyForm::new(base, &params);
    Some(form.pow(exponent).retrieve())
}

/// The numbers of a PKCS#1 private key (RFC 8017 appendix A.1.2): version, modulus, exponents, ...
struct Numbers<'a>([&'a [u8]; 4]);

impl<'a> Numbers<'a> {
    fn read(der: &'a [u8]) -> Option<Self> {
        let mut rest = element(&mut { der }, 0x30)?;
        let mut numbers = [&[][..]; 4];
        for number in &mut numbers {
            *number = element(&mut rest, 0x02)?;
        }
        for number in &mut numbers[1..] {
            let zeroes = number.iter().take_while(|byte| **byte == 0).count();
            *number = &number[zeroes..];
        }
        Some(Self(numbers))
    }
}

/// Takes a DER element of this tag.
fn element<'a>(rest: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    let [found, length, after @ ..] = *rest else {
        return None;
    };
    (*found == tag).then_some(())?;
    let long = usize::from(length & 0x7f);
    let (length, after) = if *length < 0x80 {
        (long, after)
    } else {
        let (digits, after) = after.split_at_checked(long)?;
        let length = digits.iter().fold(0, |sum, it| sum << 8 | usize::from(*it));
        (length, after)
    };
    let (inside, after) = after.split_at_checked(length)?;
    *rest = after;
    Some(inside)
}

/// A key that a client offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offered<'a> {
    pub(super) algorithm: String,
    pub(super) blob: &'a [u8],
}

impl Offered<'_> {
    /// The key in base 64, as `authorized_keys` has it.
    pub(super) fn digits(&self) -> String {
        BASE64.encode(self.blob)
    }

    /// As `ssh-keygen -l` shows it.
    pub(super) fn fingerprint(&self) -> String {
        format!("SHA256:{}", BASE64_NOPAD.encode(&Sha256::digest(self.blob)))
    }

    /// Whether the signature, with its algorithm's name, is one of this key over the message.
    pub(super) fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        self.check(message, signature).is_some()
    }

    fn check(&self, message: &[u8], signature: &[u8]) -> Option<()> {
        let (mut key, mut signature) = (Reader(self.blob), Reader(signature));
        let (kind, algorithm) = (key.string()?, signature.string()?);
        let bytes = signature.string()?;
        (algorithm == self.algorithm.as_bytes()).then_some(())?;
        let against = |algorithm: &'static dyn verify::VerificationAlgorithm, key: &[u8]| {
            verify::UnparsedPublicKey::new(algorithm, key)
                .verify(message, bytes)
                .ok()
        };
        match kind {
            b"ssh-ed25519" => against(&verify::ED25519, key.string()?),
            b"ecdsa-sha2-nistp256" => {
                key.string()?;
                let mut numbers = Reader(bytes);
                let mut fixed = Vec::with_capacity(64);
                for _ in 0..2 {
                    let number = numbers.string()?;
                    let zeroes = number.iter().take_while(|byte| **byte == 0).count();
                    let number = &number[zeroes..];
                    fixed.resize(fixed.len() + 32_usize.checked_sub(number.len())?, 0);
                    fixed.extend_from_slice(number);
                }
                let verifier = &verify::ECDSA_P256_SHA256_FIXED;
                let key = verify::UnparsedPublicKey::new(verifier, key.string()?);
                key.verify(message, &fixed).ok()
            }
            b"ssh-rsa" => {
                let trim = |it: &'_ [u8]| {
                    it.iter()
                        .skip_while(|byte| **byte == 0)
                        .copied()
                        .collect::<Vec<_>>()
                };
                let (e, n) = (trim(key.string()?), trim(key.string()?));
                let verifier = match algorithm {
                    b"rsa-sha2-256" => &verify::RSA_PKCS1_2048_8192_SHA256,
                    b"rsa-sha2-512" => &verify::RSA_PKCS1_2048_8192_SHA512,
                    _ => return None,
                };
                RsaPublicKeyComponents { n, e }
                    .verify(verifier, message, bytes)
                    .ok()
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A client that knew the host before an update would be warned of another host.
    #[test]
    fn host_keys_stay_the_same() {
        let keys = HostKeys::of(&System::from_seed(&[7; 32])).unwrap();
        let fingerprints =
            ["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512"].map(|algorithm| {
                let blob = keys.public(algorithm).unwrap();
                let offered = Offered {
                    algorithm: algorithm.to_owned(),
                    blob: &blob,
                };
                let signature = keys.sign(algorithm, b"message").unwrap();
                assert!(offered.signed(b"message", &signature), "{algorithm}");
                assert!(!offered.signed(b"massage", &signature), "{algorithm}");
                offered.fingerprint()
            });
        let expect = [
            "SHA256:Ty0W95YvwCgnAiql5piWu2r1MgR3sHaWhLgWKj+pb8A",
            "SHA256:dUp28k2elEjCKeeUiQFUeW5vqlEDejuStENDobEtXx4",
            "SHA256:4KnLvTf6K0McOti8rYKYFqPcuBSUFqazO5WZo/s8IOk",
        ];
        assert_eq!(fingerprints, expect);
    }

    proptest! {
        #[test]
        fn any_bytes_are_no_signature(blob in prop::collection::vec(any::<u8>(), 0..80), kind in 0usize..3, signature in prop::collection::vec(any::<u8>(), 0..80)) {
            let kind = ["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"][kind];
            let blob = Message::default().string(kind).raw(&blob).0;
            let offered = Offered { algorithm: kind.to_owned(), blob: &blob };
            let signature = Message::default().string(kind).raw(&signature).0;
            prop_assert!(!offered.signed(b"message", &signature));
        }
    }
}
