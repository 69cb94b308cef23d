//! RSA keys (RFC 8017): two primes of half the size with their two highest bits set, the exponent 65537,
//! and the numbers in the order and size OpenSSL writes them.

use crypto_bigint::{BoxedUint, ConcatenatingMul as _, NonZero, Resize as _};
use crypto_primes::hazmat::{SetBits, SmallFactorsSieveFactory};
use crypto_primes::{Flavor, is_prime, sieve_and_find};
use p256::pkcs8::der::asn1::{AnyRef, BitStringRef, OctetStringRef, UintRef};
use p256::pkcs8::der::pem::{self, LineEnding};
use p256::pkcs8::der::{Decode as _, Encode as _};
use p256::pkcs8::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfo};
use p256::pkcs8::{ObjectIdentifier, PrivateKeyInfoRef};
use pkcs1::{RsaPrivateKeyRef, RsaPublicKeyRef};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::dice::Dice;

/// The sizes keys are made in.
pub(crate) const SIZES: [u32; 3] = [2048, 3072, 4096];
const EXPONENT: u64 = 65_537;
const ALGORITHM: AlgorithmIdentifierRef<'static> = AlgorithmIdentifierRef {
    oid: ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1"),
    parameters: Some(AnyRef::NULL),
};

/// A fresh key as its PKCS#1 structure; `None`: draw again.
pub(crate) fn draw(bits: u32, dice: &mut Dice<'_>) -> Option<Vec<u8>> {
    let mut rng = StdRng::from_seed(dice.bytes());
    let (one, two) = (prime(bits / 2, &mut rng)?, prime(bits / 2, &mut rng)?);
    // OpenSSL calls the greater one p.
    let (p, q) = if one > two { (one, two) } else { (two, one) };
    let one = BoxedUint::one_with_precision(bits / 2);
    let (p1, q1) = (p.wrapping_sub(&one), q.wrapping_sub(&one));
    let exponent = BoxedUint::from(EXPONENT);
    let totient = p1.concatenating_mul(&q1);
    let lambda = totient
        .wrapping_div(&NonZero::new(greatest_divisor(&p1, &q1)?.resize(bits)).into_option()?);
    let d = exponent
        .clone()
        .resize(bits)
        .invert_mod(&NonZero::new(lambda).into_option()?)
        .into_option()?;
    let rest = |by: &BoxedUint| Some(d.rem(&NonZero::new(by.clone().resize(bits)).into_option()?));
    let coefficient = q.invert_odd_mod(&p.to_odd().into_option()?).into_option()?;
    let numbers = [
        &p.concatenating_mul(&q),
        &exponent,
        &d,
        &p,
        &q,
        &rest(&p1)?,
        &rest(&q1)?,
        &coefficient,
    ]
    .map(BoxedUint::to_be_bytes_trimmed_vartime);
    let number = |at: usize| UintRef::new(&numbers[at]).ok();
    let key = RsaPrivateKeyRef {
        modulus: number(0)?,
        public_exponent: number(1)?,
        private_exponent: number(2)?,
        prime1: number(3)?,
        prime2: number(4)?,
        exponent1: number(5)?,
        exponent2: number(6)?,
        coefficient: number(7)?,
        other_prime_infos: None,
    };
    key.to_der().ok()
}

/// In PEM as `openssl genrsa -traditional` writes it.
pub(crate) fn pkcs1_pem(key: &[u8]) -> Option<String> {
    pem::encode_string("RSA PRIVATE KEY", LineEnding::LF, key).ok()
}

/// In PEM as `openssl genpkey` writes it (RFC 5208).
pub(crate) fn pkcs8_pem(key: &[u8]) -> Option<String> {
    let info = PrivateKeyInfoRef::new(ALGORITHM, OctetStringRef::new(key).ok()?);
    pem::encode_string("PRIVATE KEY", LineEnding::LF, &info.to_der().ok()?).ok()
}

/// The PKCS#1 structure inside a PKCS#8 one.
pub(crate) fn inside(pkcs8: &[u8]) -> Option<Vec<u8>> {
    let info = PrivateKeyInfoRef::from_der(pkcs8).ok()?;
    (info.algorithm.oid == ALGORITHM.oid).then(|| info.private_key.as_bytes().to_vec())
}

/// Modulus and exponent.
pub(crate) fn public(key: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let key = RsaPrivateKeyRef::from_der(key).ok()?;
    let bytes = |number: UintRef<'_>| number.as_bytes().to_vec();
    Some((bytes(key.modulus), bytes(key.public_exponent)))
}

/// The public half in PEM.
pub(crate) fn public_pem(key: &[u8]) -> Option<String> {
    let (modulus, exponent) = public(key)?;
    let key = RsaPublicKeyRef {
        modulus: UintRef::new(&modulus).ok()?,
        public_exponent: UintRef::new(&exponent).ok()?,
    };
    let key = key.to_der().ok()?;
    let info = SubjectPublicKeyInfo {
        algorithm: ALGORITHM,
        subject_public_key: BitStringRef::from_bytes(&key).ok()?,
    };
    pem::encode_string("PUBLIC KEY", LineEnding::LF, &info.to_der().ok()?).ok()
}

/// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 section 8.2).
pub(crate) fn sign(key: &[u8], message: &[u8]) -> Option<Vec<u8>> {
    let pair = ring::signature::RsaKeyPair::from_der(key).ok()?;
    let mut out = vec![0; pair.public().modulus_len()];
    let random = ring::rand::SystemRandom::new();
    pair.sign(
        &ring::signature::RSA_PKCS1_SHA256,
        &random,
        message,
        &mut out,
    )
    .ok()?;
    Some(out)
}

/// A prime that the exponent does not divide one less than.
fn prime(bits: u32, rng: &mut StdRng) -> Option<BoxedUint> {
    let exponent = NonZero::new(crypto_bigint::Limb::from(EXPONENT)).into_option()?;
    let factory = SmallFactorsSieveFactory::new(Flavor::Any, bits, SetBits::TwoMsb).ok()?;
    let found = sieve_and_find(rng, factory, |_, candidate: &BoxedUint| {
        candidate.rem_limb(exponent).0 != 1 && is_prime(Flavor::Any, candidate)
    });
    found.ok().flatten()
}

/// Euclid's: small in all but rare cases, so few steps of it are costly.
fn greatest_divisor(one: &BoxedUint, two: &BoxedUint) -> Option<BoxedUint> {
    let (mut one, mut two) = (one.clone(), two.clone());
    while !bool::from(two.is_zero()) {
        let rest = one.rem_vartime(&NonZero::new(two.clone()).into_option()?);
        (one, two) = (two, rest);
    }
    Some(one)
}
