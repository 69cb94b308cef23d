//! JSON web tokens (RFC 7519), verified as their header says (RFC 7518): HMAC with a secret, RSA or
//! ECDSA with the public half of a key in PEM. A token that names no algorithm never stands.

use data_encoding::{BASE64, BASE64URL_NOPAD};
use lapwing_core::Timestamp;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use p256::pkcs8::DecodePrivateKey as _;
use ring::{hmac, signature};
use serde_json::Value;

use crate::credential::Fault;
use crate::request::decode_base64;

/// Longest token looked at, in bytes.
const LONGEST: usize = 16 << 10;
/// How far a signer's clock may be ahead, in seconds.
const SKEW: i64 = 60;

/// A token, taken apart.
pub(crate) struct Token {
    algorithm: String,
    /// What it says.
    pub(crate) claims: Value,
    signed: String,
    signature: Vec<u8>,
}

impl Token {
    /// Takes a token apart; `None` if it is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let (signed, signature) = text.trim().rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let part = |text: &str| -> Option<Value> {
            serde_json::from_slice(&BASE64URL_NOPAD.decode(text.as_bytes()).ok()?).ok()
        };
        let header = part(header)?;
        let claims = part(claims)?;
        claims.is_object().then_some(())?;
        Some(Self {
            algorithm: header.get("alg")?.as_str()?.to_owned(),
            claims,
            signed: signed.to_owned(),
            signature: BASE64URL_NOPAD
                .decode(signature.as_bytes())
                .unwrap_or_default(),
        })
    }

    /// Verifies signature and times. `key` is a secret, or a private or public key in PEM. With a key
    /// of the wrong sort the work is done as with a right one.
    pub(crate) fn verify(&self, key: &str, now: Timestamp) -> Result<(), Fault> {
        let pem = der(key);
        let stands = match self.algorithm.as_str() {
            "HS256" => pem.is_none() & self.by_secret(hmac::HMAC_SHA256, key),
            "HS384" => pem.is_none() & self.by_secret(hmac::HMAC_SHA384, key),
            "HS512" => pem.is_none() & self.by_secret(hmac::HMAC_SHA512, key),
            "RS256" => self.by_rsa(&signature::RSA_PKCS1_2048_8192_SHA256, pem.as_deref()),
            "RS384" => self.by_rsa(&signature::RSA_PKCS1_2048_8192_SHA384, pem.as_deref()),
            "RS512" => self.by_rsa(&signature::RSA_PKCS1_2048_8192_SHA512, pem.as_deref()),
            "PS256" => self.by_rsa(&signature::RSA_PSS_2048_8192_SHA256, pem.as_deref()),
            "ES256" => self.by_curve(key, pem.as_deref()),
            _ => false,
        };
        if !stands {
            return Err(Fault::Mismatch);
        }
        let time = |name: &str| self.claims.get(name).and_then(Value::as_f64);
        #[expect(
            clippy::cast_precision_loss,
            reason = "a time in seconds is far below 2^52"
        )]
        let now = now.seconds() as f64;
        #[expect(clippy::cast_precision_loss, reason = "a minute")]
        let skew = SKEW as f64;
        match (time("exp"), time("nbf").or_else(|| time("iat"))) {
            (Some(end), _) if end < now => Err(Fault::Expired),
            (_, Some(start)) if start > now + skew => Err(Fault::Skewed),
            _ => Ok(()),
        }
    }

    /// The secret as it is written, and as the bytes it may be base 64 of.
    fn by_secret(&self, algorithm: hmac::Algorithm, secret: &str) -> bool {
        let verified = |secret: &[u8]| {
            let key = hmac::Key::new(algorithm, secret);
            hmac::verify(&key, self.signed.as_bytes(), &self.signature).is_ok()
        };
        verified(secret.as_bytes())
            || decode_base64(secret.as_bytes()).is_some_and(|secret| verified(&secret))
    }

    fn by_rsa(&self, algorithm: &signature::RsaParameters, der: Option<&[u8]>) -> bool {
        let key = der.and_then(|der| rsa(der, 0));
        let known = key.is_some();
        let (modulus, exponent) = key.unwrap_or((&[0xa5; 256], &[1, 0, 1]));
        let key = signature::RsaPublicKeyComponents {
            n: modulus,
            e: exponent,
        };
        let verified = key.verify(algorithm, self.signed.as_bytes(), &self.signature);
        verified.is_ok() && known
    }

    fn by_curve(&self, pem: &str, der: Option<&[u8]>) -> bool {
        let point = der.and_then(|der| point(pem, der));
        let known = point.is_some();
        let point = point.unwrap_or_else(|| {
            let base = p256::AffinePoint::GENERATOR.to_sec1_point(false);
            base.as_bytes().to_vec()
        });
        let key = signature::UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point);
        let verified = key.verify(self.signed.as_bytes(), &self.signature);
        verified.is_ok() && known
    }
}

/// The bytes of the first block of a PEM text; `None` if it is none.
fn der(text: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (_, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once("-----END")?;
    let body: String = body
        .replace("\\n", "")
        .chars()
        .filter(|c| !c.is_whitespace())
        .collect();
    BASE64.decode(body.as_bytes()).ok()
}

/// One value of DER: its tag, its content, and what follows.
fn value(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match usize::from(*first) {
        short @ 0..=0x7f => (short, rest),
        long @ 0x81..=0x83 => {
            let (length, rest) = rest.split_at_checked(long - 0x80)?;
            let length = length
                .iter()
                .fold(0, |length, byte| length << 8 | usize::from(*byte));
            (length, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

/// Modulus and exponent of an RSA key: PKCS#1 or wrapped (PKCS#8, SPKI), private or public.
fn rsa(der: &[u8], depth: u8) -> Option<(&[u8], &[u8])> {
    const INTEGER: u8 = 0x02;
    const BITS: u8 = 0x03;
    const OCTETS: u8 = 0x04;
    const SEQUENCE: u8 = 0x30;
    let (SEQUENCE, inside, _) = value(der)? else {
        return None;
    };
    let mut parts = Vec::new();
    let mut rest = inside;
    while parts.len() < 3
        && let Some((tag, content, after)) = value(rest)
    {
        parts.push((tag, content));
        rest = after;
    }
    fn number(bytes: &[u8]) -> &[u8] {
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        &bytes[zeros..]
    }
    match parts.as_slice() {
        [(INTEGER, [0]), (INTEGER, modulus), (INTEGER, exponent)] => {
            Some((number(modulus), number(exponent)))
        }
        [(INTEGER, modulus), (INTEGER, exponent)] => Some((number(modulus), number(exponent))),
        [(INTEGER, [0]), (SEQUENCE, _), (OCTETS, inner)] if depth == 0 => rsa(inner, 1),
        [(SEQUENCE, _), (BITS, [0, inner @ ..])] if depth == 0 => rsa(inner, 1),
        _ => None,
    }
}

/// The public point of a P-256 key: SEC1, PKCS#8 or SPKI.
fn point(pem: &str, der: &[u8]) -> Option<Vec<u8>> {
    if pem.contains("PUBLIC KEY") {
        // The point is what an SPKI ends with.
        let start = der.len().checked_sub(65)?;
        return (der[start] == 4).then(|| der[start..].to_vec());
    }
    let key = p256::SecretKey::from_sec1_der(der)
        .or_else(|_| p256::SecretKey::from_pkcs8_der(der).map_err(|_| p256::elliptic_curve::Error))
        .ok()?;
    Some(key.public_key().to_sec1_point(false).as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RsaKeyPair};

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn unsigned(algorithm: &str, claims: &str) -> String {
        let header = format!("{{\"alg\":\"{algorithm}\"}}");
        let part = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
        format!("{}.{}", part(&header), part(claims))
    }

    fn pem(words: &str, der: &[u8]) -> String {
        let body = BASE64.encode(der);
        format!("-----BEGIN {words}-----\n{body}\n-----END {words}-----\n")
    }

    #[test]
    fn keys_of_both_sorts_sign_tokens_that_stand() {
        let random = SystemRandom::new();
        let claims = "{\"sub\":\"x\",\"exp\":2000}";
        let mut rng = rand::rng();
        let mut dice = crate::dice::Dice::new(&mut rng);
        let rsa_pem = std::iter::repeat_with(|| crate::keys::rsa::draw(2048, &mut dice))
            .find_map(|key| crate::keys::rsa::pkcs8_pem(&key?))
            .expect("drawn");
        let rsa = RsaKeyPair::from_pkcs8(&der(&rsa_pem).expect("PEM")).expect("a key");
        let text = unsigned("RS256", claims);
        let mut signed = vec![0; rsa.public().modulus_len()];
        rsa.sign(
            &signature::RSA_PKCS1_SHA256,
            &random,
            text.as_bytes(),
            &mut signed,
        )
        .expect("signs");
        let rsa_token = format!("{text}.{}", BASE64URL_NOPAD.encode(&signed));
        let ec_pem = std::iter::repeat_with(|| crate::keys::ec::draw(&mut dice))
            .find_map(|key| crate::keys::ec::pkcs8_pem(&key?))
            .expect("drawn");
        let curve = EcdsaKeyPair::from_pkcs8(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &der(&ec_pem).expect("PEM"),
            &random,
        )
        .expect("a key");
        let text = unsigned("ES256", claims);
        let signed = curve.sign(&random, text.as_bytes()).expect("signs");
        let ec_token = format!("{text}.{}", BASE64URL_NOPAD.encode(signed.as_ref()));
        let public = pem("RSA PUBLIC KEY", rsa.public().as_ref());
        for (token, right, wrong) in [
            (&rsa_token, &rsa_pem, &ec_pem),
            (&rsa_token, &public, &ec_pem),
            (&ec_token, &ec_pem, &rsa_pem),
        ] {
            let token = Token::parse(token).expect("a token");
            assert_eq!(token.claims["sub"], "x");
            assert_eq!(token.verify(right, at(1000)), Ok(()));
            assert_eq!(token.verify(right, at(3000)), Err(Fault::Expired));
            assert_eq!(token.verify(wrong, at(1000)), Err(Fault::Mismatch));
            assert_eq!(token.verify("", at(1000)), Err(Fault::Mismatch));
        }
        let changed = rsa_token.replace(&unsigned("RS256", claims), &unsigned("RS256", "{}"));
        let changed = Token::parse(&changed).expect("a token");
        assert_eq!(changed.verify(&rsa_pem, at(1000)), Err(Fault::Mismatch));
    }

    #[test]
    fn a_public_key_is_no_secret() {
        let public = pem("PUBLIC KEY", &[0x30; 80]);
        let text = unsigned("HS256", "{}");
        let key = hmac::Key::new(hmac::HMAC_SHA256, public.as_bytes());
        let signed = BASE64URL_NOPAD.encode(hmac::sign(&key, text.as_bytes()).as_ref());
        let token = Token::parse(&format!("{text}.{signed}")).expect("a token");
        assert_eq!(token.verify(&public, at(0)), Err(Fault::Mismatch));
    }

    #[test]
    fn what_is_no_token_is_none() {
        for text in ["", ".", "..", "a.b.c", "e30.e30", "e30.W10.x", "e30.e30.x"] {
            assert!(Token::parse(text).is_none(), "{text}");
        }
    }
}
