//! Certificates (RFC 5280), byte for byte as OpenSSL (easy-rsa) and Go (kubeadm) write them. What one says is
//! JSON in a field, so that it is a kind's own; extensions are worded as in OpenSSL's x509v3_config(5) and keep
//! their order.

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use lapwing_core::Timestamp;
use p256::pkcs8::ObjectIdentifier;
use p256::pkcs8::der::asn1::AnyRef;
use p256::pkcs8::der::pem::{self, LineEnding};
use p256::pkcs8::der::{Decode as _, Encode as _, Reader as _, SliceReader};
use ring::digest;
use serde::Deserialize;

use super::{Private, ec, rsa};

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT: u8 = 0x06;
const UTF8: u8 = 0x0c;
const PRINTABLE: u8 = 0x13;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const TRUE: &[u8] = &[0x01, 0x01, 0xff];
const DAY: i64 = 86_400;

/// Attributes of a name (RFC 4519 section 2), by what OpenSSL calls them.
const ATTRIBUTES: &[(&str, &str)] = &[
    ("C", "2.5.4.6"),
    ("ST", "2.5.4.8"),
    ("L", "2.5.4.7"),
    ("O", "2.5.4.10"),
    ("OU", "2.5.4.11"),
    ("CN", "2.5.4.3"),
];
/// What a key may be used for: the bits of section 4.2.1.3, in order.
const USAGES: &[&str] = &[
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
];
/// Purposes (section 4.2.1.12).
const PURPOSES: &[(&str, &str)] = &[
    ("serverAuth", "1.3.6.1.5.5.7.3.1"),
    ("clientAuth", "1.3.6.1.5.5.7.3.2"),
];

/// What a certificate says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    /// `/O=ops/CN=ann`.
    subject: String,
    /// In hexadecimal.
    serial: String,
    /// How many seconds ago it was made.
    age: i64,
    /// How many days after that it ends.
    days: i64,
    /// How many seconds before it was made it begins.
    #[serde(default)]
    early: i64,
    /// Whether it begins with its issuer's instead.
    #[serde(default)]
    with_issuer: bool,
    /// Whether names are PrintableString, as Go writes them; else UTF8String.
    #[serde(default)]
    printable: bool,
    /// `keyUsage=critical,digitalSignature`.
    extensions: Vec<String>,
}

/// Who signs, as far as a certificate says so.
struct Authority {
    /// Its name.
    name: Vec<u8>,
    /// The name of who signed its own certificate.
    above: Vec<u8>,
    serial: Vec<u8>,
    key_id: Vec<u8>,
    start: Vec<u8>,
}

/// A certificate in PEM for a private key, signed by an authority's (its certificate, its private key) or by
/// itself. `None` if the description is none, or a key cannot sign.
pub(crate) fn certificate(
    about: &str,
    key: &str,
    authority: Option<(&str, &str)>,
    now: Timestamp,
) -> Option<String> {
    let about: About = serde_json::from_str(about).ok()?;
    let public = public(key)?;
    let subject = name(&about)?;
    let serial = tlv(INTEGER, &positive(&about.serial)?);
    let made = now.seconds() - about.age;
    let (authority, signer) = match authority {
        Some((certificate, key)) => (Authority::read(certificate)?, key),
        None => (
            Authority {
                name: subject.clone(),
                above: subject.clone(),
                serial: serial.clone(),
                key_id: key_id(&public)?,
                start: time(made - about.early)?,
            },
            key,
        ),
    };
    let start = if about.with_issuer {
        authority.start.clone()
    } else {
        time(made - about.early)?
    };
    let extensions = (about.extensions.iter())
        .map(|text| extension(text, &public, &authority))
        .collect::<Option<Vec<_>>>()?;
    let signer = Private::read(signer)?;
    let algorithm = algorithm(&signer)?;
    let body = sequence(&[
        &tlv(0xa0, &[INTEGER, 1, 2]),
        &serial,
        &algorithm,
        &authority.name,
        &sequence(&[&start, &time(made + about.days * DAY)?]),
        &subject,
        &public,
        &tlv(0xa3, &tlv(SEQUENCE, &extensions.concat())),
    ]);
    let signature = [&[0], &*sign(&signer, &body)?].concat();
    let all = sequence(&[&body, &algorithm, &tlv(BIT_STRING, &signature)]);
    pem::encode_string("CERTIFICATE", LineEnding::LF, &all).ok()
}

impl Authority {
    fn read(certificate: &str) -> Option<Self> {
        let (_, bytes) = pem::decode_vec(certificate.trim().as_bytes()).ok()?;
        let body = AnyRef::from_der(&bytes).ok()?;
        let body = *parts(body.value())?.first()?;
        // Version, serial, algorithm, issuer, validity, subject, key (section 4.1).
        let parts_of_body = parts(body.value())?;
        let part = |at: usize| parts_of_body.get(at).and_then(|part| part.to_der().ok());
        let validity = parts(parts_of_body.get(4)?.value())?;
        Some(Self {
            name: part(5)?,
            above: part(3)?,
            serial: part(1)?,
            key_id: key_id(&part(6)?)?,
            start: validity.first()?.to_der().ok()?,
        })
    }
}

/// SHA-256, in lower hex, of a certificate in PEM, or of the public key in it.
pub(crate) fn digest_of(certificate: &str, key: bool) -> Option<String> {
    let (_, bytes) = pem::decode_vec(certificate.trim().as_bytes()).ok()?;
    let part = if key {
        let body = AnyRef::from_der(&bytes).ok()?;
        let body = *parts(body.value())?.first()?;
        parts(body.value())?.get(6)?.to_der().ok()?
    } else {
        bytes
    };
    let digest = digest::digest(&digest::SHA256, &part);
    Some(HEXLOWER.encode(digest.as_ref()))
}

/// One extension out of `name=critical,value,value`.
fn extension(text: &str, public: &[u8], authority: &Authority) -> Option<Vec<u8>> {
    let (kind, value) = text.split_once('=')?;
    let (critical, value) = match value.strip_prefix("critical,") {
        Some(value) => (TRUE, value),
        None => (&[][..], value),
    };
    let mut words = value.split(',');
    let (id, inner) = match kind {
        "basicConstraints" => (
            "2.5.29.19",
            match value {
                "CA:TRUE" => tlv(SEQUENCE, TRUE),
                "CA:FALSE" => tlv(SEQUENCE, &[]),
                _ => return None,
            },
        ),
        "subjectKeyIdentifier" => ("2.5.29.14", tlv(OCTET_STRING, &key_id(public)?)),
        "authorityKeyIdentifier" => ("2.5.29.35", authority_key_id(value, authority)?),
        "keyUsage" => ("2.5.29.15", usages(words)?),
        "extendedKeyUsage" => {
            let purposes = words.map(|word| object(PURPOSES, word));
            let purposes = purposes.collect::<Option<Vec<_>>>()?;
            ("2.5.29.37", tlv(SEQUENCE, &purposes.concat()))
        }
        "subjectAltName" => {
            let names = words.try_fold(Vec::new(), |mut out, word| {
                out.extend(tlv(0x82, word.strip_prefix("DNS:")?.as_bytes()));
                Some(out)
            });
            ("2.5.29.17", tlv(SEQUENCE, &names?))
        }
        _ => return None,
    };
    let id = ObjectIdentifier::new(id).ok()?;
    Some(sequence(&[
        &tlv(OBJECT, id.as_bytes()),
        critical,
        &tlv(OCTET_STRING, &inner),
    ]))
}

/// `keyid`, `issuer` or both (section 4.2.1.1).
fn authority_key_id(value: &str, authority: &Authority) -> Option<Vec<u8>> {
    let mut inner = Vec::new();
    for word in value.split(',') {
        match word.trim_end_matches(":always") {
            "keyid" => inner.extend(tlv(0x80, &authority.key_id)),
            "issuer" => {
                inner.extend(tlv(0xa1, &tlv(0xa4, &authority.above)));
                let serial = AnyRef::from_der(&authority.serial).ok()?;
                inner.extend(tlv(0x82, serial.value()));
            }
            _ => return None,
        }
    }
    Some(tlv(SEQUENCE, &inner))
}

/// The bits of a key's uses, without zeros at their end.
fn usages<'a>(words: impl Iterator<Item = &'a str>) -> Option<Vec<u8>> {
    let mut bits = 0u8;
    for word in words {
        let at = USAGES.iter().position(|known| *known == word)?;
        bits |= 0x80 >> at;
    }
    let unused = u8::try_from(bits.trailing_zeros()).ok()?;
    (bits != 0).then(|| tlv(BIT_STRING, &[unused, bits]))
}

/// A name out of `/O=ops/CN=ann`.
fn name(about: &About) -> Option<Vec<u8>> {
    let tag = |attribute| {
        let printable = about.printable || attribute == "C";
        if printable { PRINTABLE } else { UTF8 }
    };
    let mut out = Vec::new();
    for part in about.subject.strip_prefix('/')?.split('/') {
        let (attribute, value) = part.split_once('=')?;
        let value = tlv(tag(attribute), value.as_bytes());
        out.extend(tlv(
            SET,
            &sequence(&[&object(ATTRIBUTES, attribute)?, &value]),
        ));
    }
    Some(tlv(SEQUENCE, &out))
}

fn object(known: &[(&str, &str)], word: &str) -> Option<Vec<u8>> {
    let (_, id) = known.iter().find(|(name, _)| *name == word)?;
    Some(tlv(OBJECT, ObjectIdentifier::new(id).ok()?.as_bytes()))
}

/// A moment; four digits of the year from 2050 on (section 4.1.2.5).
fn time(seconds: i64) -> Option<Vec<u8>> {
    let at = jiff::Timestamp::from_second(seconds).ok()?;
    let text = at.strftime("%Y%m%d%H%M%SZ").to_string();
    Some(match text.get(..4)?.parse() {
        Ok(1950..=2049) => tlv(UTC_TIME, &text.as_bytes()[2..]),
        _ => tlv(GENERALIZED_TIME, text.as_bytes()),
    })
}

/// A number as an INTEGER holds it: no zeros in front but one before a set highest bit.
fn positive(hex: &str) -> Option<Vec<u8>> {
    let padded = if hex.len().is_multiple_of(2) {
        hex.to_owned()
    } else {
        format!("0{hex}")
    };
    let bytes = HEXLOWER_PERMISSIVE.decode(padded.as_bytes()).ok()?;
    let from = bytes.iter().position(|byte| *byte != 0)?;
    let zero = &[0][..usize::from(bytes[from] >> 7)];
    Some([zero, &bytes[from..]].concat())
}

/// The SubjectPublicKeyInfo of a private key.
fn public(key: &str) -> Option<Vec<u8>> {
    let text = Private::read(key)?.public_pem()?;
    Some(pem::decode_vec(text.as_bytes()).ok()?.1)
}

/// SHA-1 of the key's bits (section 4.2.1.2): a name, not a proof.
fn key_id(public: &[u8]) -> Option<Vec<u8>> {
    let info = AnyRef::from_der(public).ok()?;
    let bits = *parts(info.value())?.get(1)?;
    let id = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bits.value().get(1..)?);
    Some(id.as_ref().to_vec())
}

/// SHA-256 with RSA (RFC 4055) or ECDSA (RFC 5758).
fn algorithm(signer: &Private) -> Option<Vec<u8>> {
    let (id, parameters) = match signer {
        Private::Rsa(_) => ("1.2.840.113549.1.1.11", &[5, 0][..]),
        Private::Ec(_) => ("1.2.840.10045.4.3.2", &[][..]),
        Private::OpenSsh(_) => return None,
    };
    let id = ObjectIdentifier::new(id).ok()?;
    Some(sequence(&[&tlv(OBJECT, id.as_bytes()), parameters]))
}

fn sign(signer: &Private, body: &[u8]) -> Option<Vec<u8>> {
    match signer {
        Private::Rsa(key) => rsa::sign(key, body),
        Private::Ec(key) => Some(ec::sign_der(key, body)),
        Private::OpenSsh(_) => None,
    }
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(SEQUENCE, &parts.concat())
}

/// Tag, length and content (X.690 section 8.1).
fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let bytes = length.to_be_bytes();
    let short = &bytes[bytes.len() - 1..];
    let long = &bytes[bytes.iter().position(|byte| *byte != 0).unwrap_or(0)..];
    let mut out = vec![tag];
    if length >= 0x80 {
        out.push(0x80 | u8::try_from(long.len()).unwrap_or(0));
        out.extend(long);
    } else {
        out.extend(short);
    }
    out.extend(content);
    out
}

/// What stands side by side in a content.
fn parts(content: &[u8]) -> Option<Vec<AnyRef<'_>>> {
    let mut reader = SliceReader::new(content).ok()?;
    let mut out = Vec::new();
    while !reader.is_finished() {
        out.push(AnyRef::decode(&mut reader).ok()?);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_lengths_are_as_short_as_they_can_be() {
        assert_eq!(positive("00f2"), Some(vec![0, 0xf2]));
        assert_eq!(positive("7"), Some(vec![7]));
        assert_eq!(positive("0"), None, "a serial number is not nought");
        assert_eq!(tlv(4, &[1; 0x7f])[..2], [4, 0x7f]);
        assert_eq!(tlv(4, &[1; 0x80])[..3], [4, 0x81, 0x80]);
        assert_eq!(tlv(4, &[1; 0x100])[..4], [4, 0x82, 1, 0]);
        assert_eq!(
            usages(["keyCertSign", "cRLSign"].into_iter()),
            Some(vec![3, 2, 1, 6])
        );
        assert_eq!(usages(["flying"].into_iter()), None);
    }

    #[test]
    fn years_from_2050_on_have_four_digits() {
        assert_eq!(time(0).map(|time| time[0]), Some(UTC_TIME));
        assert_eq!(time(2_524_607_999), Some(tlv(UTC_TIME, b"491231235959Z")));
        assert_eq!(
            time(2_524_608_000),
            Some(tlv(GENERALIZED_TIME, b"20500101000000Z"))
        );
    }

    #[test]
    fn what_is_no_description_makes_no_certificate() {
        let mut rng = rand::rng();
        let key = ec::draw(&mut crate::dice::Dice::new(&mut rng)).expect("a key");
        let key = ec::pkcs8_pem(&key).expect("PEM");
        let make = |about: &str| certificate(about, &key, None, Timestamp::from_micros(0));
        let about = r#"{"subject":"/CN=a","serial":"1f","age":0,"days":9,"extensions":["x"]}"#;
        assert!(make(&about.replace("\"x\"", "")).is_some());
        for (from, to) in [
            ("\"x\"", "\"x\""),
            ("\"x\"", "\"keyUsage=flying\""),
            ("\"x\"", "\"basicConstraints=perhaps\""),
            ("/CN", "CN"),
            ("/CN", "/XX"),
            ("1f", "zz"),
            ("\"age\"", "\"ages\""),
        ] {
            let about = about.replace(from, to);
            let about = if from == "\"x\"" {
                about
            } else {
                about.replace("\"x\"", "")
            };
            assert_eq!(make(&about), None, "{about}");
        }
        assert_eq!(make("no JSON"), None);
    }
}
