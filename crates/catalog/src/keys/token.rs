//! Tokens with a structure inside: JSON web tokens that verify, macaroons and Vault's.

use data_encoding::{BASE64, BASE64URL_NOPAD};
use ring::hmac;

use super::{Private, ec, rsa};
use crate::dice::Dice;
use crate::format::BASE62;

/// A JSON web token (RFC 7519) over claims, signed as the key's sort allows: HMAC with a secret, else RSA,
/// ECDSA or EdDSA. `header` is its JSON if it is to say more than algorithm and type.
pub(crate) fn jwt(claims: &str, key: &str, header: Option<&str>) -> Option<String> {
    let private = Private::read(key);
    let algorithm = match &private {
        None => "HS256",
        Some(Private::Rsa(_)) => "RS256",
        Some(Private::Ec(_)) => "ES256",
        Some(Private::OpenSsh(_)) => "EdDSA",
    };
    let usual = format!(r#"{{"alg":"{algorithm}","typ":"JWT"}}"#);
    let header = BASE64URL_NOPAD.encode(header.unwrap_or(&usual).as_bytes());
    let signed = format!("{header}.{}", BASE64URL_NOPAD.encode(claims.as_bytes()));
    let signature = match &private {
        None => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
            hmac::sign(&key, signed.as_bytes()).as_ref().to_vec()
        }
        Some(Private::Rsa(key)) => rsa::sign(key, signed.as_bytes())?,
        Some(Private::Ec(key)) => ec::sign(key, signed.as_bytes()),
        Some(Private::OpenSsh(pair)) => pair.sign(signed.as_bytes()),
    };
    Some(format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature)))
}

/// What stands behind `pypi-`: a macaroon of version 2 for the index it opens, bound to a user.
pub(crate) fn pypi(dice: &mut Dice<'_>) -> String {
    let mut uuid = || uuid::Builder::from_random_bytes(dice.bytes()).into_uuid();
    let (id, user) = (uuid().to_string(), uuid());
    let caveat = format!(r#"[3,"{user}"]"#);
    let mut out = vec![2];
    for (tag, bytes) in [(1, concat!("py", "pi.org")), (2, &*id)] {
        packet(&mut out, tag, bytes.as_bytes());
    }
    out.push(0);
    packet(&mut out, 2, caveat.as_bytes());
    out.extend([0, 0]);
    packet(&mut out, 6, &dice.bytes::<32>());
    BASE64URL_NOPAD.encode(&out)
}

/// A field of such a macaroon; all are shorter than 128 bytes.
fn packet(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.extend([tag, u8::try_from(bytes.len()).unwrap_or(0)]);
    out.extend(bytes);
}

/// What stands behind `hvs.`: a number, an HMAC, and the token inside, as protobuf.
pub(crate) fn vault(dice: &mut Dice<'_>) -> String {
    let mut out = vec![0x08, 0x01, 0x12, 0x20];
    out.extend(dice.bytes::<32>());
    out.extend([0x1a, 0x1e, 0x0a, 0x1c]);
    out.extend(b"hvs.");
    out.extend((0..24).map(|_| BASE62[dice.below(62)]));
    BASE64URL_NOPAD.encode(&out)
}

/// What stands behind `fm2_`: Fly's macaroon in MessagePack, valid for an organisation from a moment on.
pub(crate) fn fly(dice: &mut Dice<'_>, at: i64) -> String {
    let seconds = u32::try_from(at / 1000).unwrap_or(0);
    let organisation = u32::try_from(dice.between(40_000, 1_900_000)).unwrap_or(0);
    let mut out = vec![0x94, 0x93, 0xc4, 8];
    // The nonce: which key signed it, a random number, and that it is no proof.
    out.extend((dice.between(30_000, 90_000) as u64).to_be_bytes());
    out.extend([0xc4, 16]);
    out.extend(dice.bytes::<16>());
    out.push(0xc2);
    let location = b"https://api.fly.io/aaa/v1";
    out.push(0xa0 | location.len() as u8);
    out.extend(location);
    // Two caveats, type and body: when it is valid (twenty years from issue), and for whom.
    out.extend([0x94, 4, 0x92, 0xce]);
    out.extend(seconds.to_be_bytes());
    out.push(0xce);
    out.extend(seconds.saturating_add(20 * 365 * 86_400).to_be_bytes());
    out.extend([0, 0x92, 0xce]);
    out.extend(organisation.to_be_bytes());
    out.extend([0x1f, 0xc4, 32]);
    out.extend(dice.bytes::<32>());
    BASE64.encode(&out)
}
