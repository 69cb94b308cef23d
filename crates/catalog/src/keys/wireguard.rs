//! WireGuard keys: Curve25519, clamped as `wg genkey` clamps them, in base 64.

use curve25519_dalek::MontgomeryPoint;
use data_encoding::BASE64;

use crate::dice::Dice;

/// A fresh private key.
pub(crate) fn draw(dice: &mut Dice<'_>) -> String {
    let mut key = dice.bytes::<32>();
    key[0] &= 248;
    key[31] = key[31] & 127 | 64;
    BASE64.encode(&key)
}

/// Whether a text is a clamped private key.
pub(crate) fn is_private(text: &str) -> bool {
    bytes(text).is_some_and(|key| key[0] & 7 == 0 && key[31] & 192 == 64)
}

/// Whether a text is 32 bytes.
pub(crate) fn is_key(text: &str) -> bool {
    bytes(text).is_some()
}

/// The public key of a private one.
pub(crate) fn public(private: &str) -> Option<String> {
    let point = MontgomeryPoint::mul_base_clamped(bytes(private)?);
    Some(BASE64.encode(&point.to_bytes()))
}

fn bytes(text: &str) -> Option<[u8; 32]> {
    BASE64.decode(text.as_bytes()).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7748 section 5.2, after one iteration: base point and scalar are 9.
    #[test]
    fn the_public_key_is_the_standards() {
        let base64 = |hex: &str| {
            let bytes = data_encoding::HEXLOWER.decode(hex.as_bytes());
            BASE64.encode(&bytes.expect("hex"))
        };
        let private = base64("0900000000000000000000000000000000000000000000000000000000000000");
        let expect = base64("422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
        assert_eq!(public(&private), Some(expect));
    }

    #[test]
    fn drawn_keys_are_clamped() {
        let mut rng = rand::rng();
        let key = draw(&mut Dice::new(&mut rng));
        assert!(is_private(&key) && is_key(&key), "{key}");
        assert!(!is_private(&format!("B{}", &key[1..])));
    }
}
