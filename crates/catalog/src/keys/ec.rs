//! Keys on P-256, as OpenSSL writes them (RFC 5915, RFC 5958).

use p256::SecretKey;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::elliptic_curve::pkcs8::der::pem::LineEnding;
use p256::pkcs8::EncodePrivateKey as _;

use crate::dice::Dice;

/// A fresh key; `None`: draw again.
pub(crate) fn draw(dice: &mut Dice<'_>) -> Option<SecretKey> {
    SecretKey::from_slice(&dice.bytes::<32>()).ok()
}

/// In PEM as `openssl ecparam -genkey -noout` writes it.
pub(crate) fn sec1_pem(key: &SecretKey) -> Option<String> {
    Some(key.to_sec1_pem(LineEnding::LF).ok()?.to_string())
}

/// In PEM as `openssl genpkey -algorithm EC` writes it.
pub(crate) fn pkcs8_pem(key: &SecretKey) -> Option<String> {
    Some(key.to_pkcs8_pem(LineEnding::LF).ok()?.to_string())
}

/// ECDSA with SHA-256, as certificates hold it (RFC 3279 section 2.2.3).
pub(crate) fn sign_der(key: &SecretKey, message: &[u8]) -> Vec<u8> {
    let signature: Signature = SigningKey::from(key).sign(message);
    signature.to_der().as_bytes().to_vec()
}

/// ECDSA with SHA-256, as the two numbers side by side (RFC 7518 section 3.4).
pub(crate) fn sign(key: &SecretKey, message: &[u8]) -> Vec<u8> {
    let signature: Signature = SigningKey::from(key).sign(message);
    signature.to_bytes().to_vec()
}
