//! Pieces that are made rather than drawn letter by letter: moments, numbers, keys and whole tokens.

use std::fmt::Write as _;

use data_encoding::BASE64URL_NOPAD;
use uuid::Uuid;

use crate::fit::Fit;
use crate::format::Drawing;
use crate::formats::azure::AzureKey;
use crate::keys::{Private, ec, openssh, rclone, rsa, token, wireguard, x509};

/// Where Discord's milliseconds start: 2015-01-01.
const DISCORD_EPOCH: i64 = 1_420_070_400_000;

/// Something made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Made {
    /// The canary's moment in seconds (10 digits) or milliseconds (13).
    Unix { digits: usize },
    /// A decimal number, every one as likely.
    Number { low: u64, high: u64 },
    /// Discord's id: milliseconds, worker, process, count.
    Snowflake,
    /// MongoDB's: seconds, then chance.
    ObjectId,
    /// RFC 9562 version 7, its time the canary's moment.
    Uuid7,
    /// Version 4, in upper case.
    UpperUuid,
    /// A key of an Azure service.
    Azure(AzureKey),
    /// `payload.01.length` of GitLab's routable tokens, for a user id in another field.
    GitLabRoutable { user: usize },
    /// A fresh RSA key in PEM.
    Rsa { bits: u32, pkcs8: bool },
    /// A fresh key on P-256 in PEM.
    Ec { pkcs8: bool },
    /// A fresh Ed25519 key in OpenSSH's container; the comment is another field's.
    OpenSsh { comment: Option<usize> },
    /// The public line of a key in another field.
    OpenSshPublic { key: usize },
    /// The digits of that line alone.
    OpenSshBlob { key: usize },
    /// Its fingerprint, as `ssh-keygen -l` and logs show it.
    OpenSshFingerprint { key: usize },
    /// The public half of a key in another field, in PEM.
    PublicPem { key: usize },
    /// A fresh WireGuard key.
    WireGuard,
    /// The public key of one in another field.
    WireGuardPublic { key: usize },
    /// A JSON web token over claims, signed with a key; both are other fields.
    Jwt {
        claims: usize,
        key: usize,
        header: Option<usize>,
    },
    /// A certificate for a key, as a description has it; signed by an authority, its certificate and its
    /// key, or by itself. All are other fields.
    X509 {
        about: usize,
        key: usize,
        authority: Option<(usize, usize)>,
    },
    /// A value of another field as `rclone obscure` writes it.
    RcloneObscured { value: usize },
    /// SHA-256, in lower hex, of a certificate in another field, or of the public key in it.
    X509Digest { certificate: usize, key: bool },
    /// What stands behind `pypi-`.
    PyPi,
    /// What stands behind `hvs.`.
    Vault,
    /// What stands behind `fm2_`.
    Fly,
}

impl Made {
    /// Reads what stands between the braces; `None` if it is none of these.
    pub(crate) fn parse(
        name: &str,
        argument: &str,
        field: impl Fn(&str) -> Result<usize, String>,
    ) -> Option<Result<Self, String>> {
        Some(match (name, argument) {
            ("unix", "10") => Ok(Self::Unix { digits: 10 }),
            ("unix", "13") => Ok(Self::Unix { digits: 13 }),
            ("unix", _) => Err("write {unix:10} or {unix:13}".to_owned()),
            ("number", _) => number(argument),
            ("snowflake", "discord") => Ok(Self::Snowflake),
            ("snowflake", _) => Err("write {snowflake:discord}".to_owned()),
            ("object-id", "") => Ok(Self::ObjectId),
            ("uuid7", "") => Ok(Self::Uuid7),
            ("upper-uuid", "") => Ok(Self::UpperUuid),
            ("gitlab-routable", _) => field(argument).map(|user| Self::GitLabRoutable { user }),
            ("ec-sec1", "p256") => Ok(Self::Ec { pkcs8: false }),
            ("ec-pkcs8", "p256") => Ok(Self::Ec { pkcs8: true }),
            ("rsa-pkcs1" | "rsa-pkcs8", bits) => match bits.parse() {
                Ok(bits) if rsa::SIZES.contains(&bits) => Ok(Self::Rsa {
                    bits,
                    pkcs8: name == "rsa-pkcs8",
                }),
                _ => Err("an RSA key has 2048, 3072 or 4096 bits".to_owned()),
            },
            ("openssh", "ed25519") => Ok(Self::OpenSsh {
                comment: field("comment").ok(),
            }),
            ("openssh-public", key) => field(key).map(|key| Self::OpenSshPublic { key }),
            ("openssh-blob", key) => field(key).map(|key| Self::OpenSshBlob { key }),
            ("openssh-fingerprint", key) => field(key).map(|key| Self::OpenSshFingerprint { key }),
            ("public-pem", key) => field(key).map(|key| Self::PublicPem { key }),
            ("wireguard-private", "") => Ok(Self::WireGuard),
            ("wireguard-public", key) => field(key).map(|key| Self::WireGuardPublic { key }),
            ("jwt", _) => jwt(argument, field),
            ("x509", _) => certificate(argument, field),
            ("x509-sha256" | "x509-key-sha256", other) => {
                field(other).map(|certificate| Self::X509Digest {
                    certificate,
                    key: name == "x509-key-sha256",
                })
            }
            ("rclone-obscured", other) => field(other).map(|value| Self::RcloneObscured { value }),
            ("pypi-macaroon", "") => Ok(Self::PyPi),
            ("vault-hvs", "") => Ok(Self::Vault),
            ("fly-macaroon", "") => Ok(Self::Fly),
            _ => return AzureKey::parse(name, argument).map(|key| key.map(Self::Azure)),
        })
    }

    /// Whether it is nothing but what other fields make it.
    pub(crate) fn is_derived(&self) -> bool {
        matches!(
            self,
            Self::OpenSshPublic { .. }
                | Self::OpenSshBlob { .. }
                | Self::OpenSshFingerprint { .. }
                | Self::PublicPem { .. }
                | Self::WireGuardPublic { .. }
                | Self::Jwt { .. }
                | Self::X509 { .. }
                | Self::X509Digest { .. }
        )
    }

    /// Whether one takes long enough to make that few are made for a check.
    pub(crate) fn is_costly(&self) -> bool {
        matches!(self, Self::Rsa { .. })
    }

    /// Appends one. False: draw again.
    pub(crate) fn draw(&self, drawing: &mut Drawing<'_>, out: &mut String) -> bool {
        let at = drawing.moment();
        let dice = &mut drawing.dice;
        match self {
            Self::Unix { digits: 10 } => push(out, at / 1000),
            Self::Unix { .. } => push(out, at),
            Self::Number { low, high } => push(out, dice.number(*low, *high)),
            Self::Snowflake => {
                let low = dice.below(32) << 17 | dice.below(8) << 12 | dice.below(64);
                push(out, ((at - DISCORD_EPOCH) as u64) << 22 | low as u64);
            }
            Self::ObjectId => {
                let random = u64::from_be_bytes(dice.bytes());
                let _ = write!(out, "{:08x}{random:016x}", at / 1000);
            }
            Self::Uuid7 => {
                let random = dice.bytes::<10>();
                push(
                    out,
                    uuid::Builder::from_unix_timestamp_millis(at as u64, &random).into_uuid(),
                );
            }
            Self::UpperUuid => {
                let id = uuid::Builder::from_random_bytes(dice.bytes()).into_uuid();
                let _ = write!(out, "{id:X}");
            }
            Self::Azure(key) => match key.draw(dice, at) {
                Some(text) => out.push_str(&text),
                None => return false,
            },
            Self::GitLabRoutable { user } => {
                let user = drawing.values[*user].parse().unwrap_or(1);
                let mut payload = format!("o:1\nu:{}", base36(user)).into_bytes();
                payload.extend(drawing.dice.bytes::<16>());
                payload.push(16);
                let payload = BASE64URL_NOPAD.encode(&payload);
                let length = base36(payload.len() as u64);
                let _ = write!(out, "{payload}.01.{length:0>2}");
            }
            _ => match self.key(drawing, at) {
                Some(text) => out.push_str(&text),
                None => return false,
            },
        }
        true
    }

    /// A key or a token; `None`: draw again.
    fn key(&self, drawing: &mut Drawing<'_>, at: i64) -> Option<String> {
        let Drawing {
            dice, values, now, ..
        } = drawing;
        let value = |field: usize| values.get(field).map(String::as_str);
        match self {
            Self::Rsa { bits, pkcs8 } => {
                let key = rsa::draw(*bits, dice)?;
                if *pkcs8 {
                    rsa::pkcs8_pem(&key)
                } else {
                    rsa::pkcs1_pem(&key)
                }
            }
            Self::Ec { pkcs8 } => {
                let key = ec::draw(dice)?;
                if *pkcs8 {
                    ec::pkcs8_pem(&key)
                } else {
                    ec::sec1_pem(&key)
                }
            }
            Self::OpenSsh { comment } => {
                let comment = comment.and_then(value).unwrap_or_default();
                let pair = openssh::Pair::draw(dice, comment);
                Some(pair.private_pem(dice.bytes()))
            }
            Self::OpenSshPublic { key } => Private::read(value(*key)?)?.public_line(),
            Self::OpenSshBlob { key } => Private::read(value(*key)?)?.public_blob(),
            Self::OpenSshFingerprint { key } => Private::read(value(*key)?)?.fingerprint(),
            Self::PublicPem { key } => Private::read(value(*key)?)?.public_pem(),
            Self::WireGuard => Some(wireguard::draw(dice)),
            Self::WireGuardPublic { key } => wireguard::public(value(*key)?),
            Self::Jwt {
                claims,
                key,
                header,
            } => token::jwt(value(*claims)?, value(*key)?, header.and_then(value)),
            Self::X509 {
                about,
                key,
                authority,
            } => {
                let authority = match authority {
                    Some((one, other)) => Some((value(*one)?, value(*other)?)),
                    None => None,
                };
                x509::certificate(value(*about)?, value(*key)?, authority, *now)
            }
            Self::RcloneObscured { value: plain } => {
                Some(rclone::obscured(value(*plain)?, dice.bytes()))
            }
            Self::X509Digest { certificate, key } => x509::digest_of(value(*certificate)?, *key),
            Self::PyPi => Some(token::pypi(dice)),
            Self::Vault => Some(token::vault(dice)),
            Self::Fly => Some(token::fly(dice, at)),
            _ => None,
        }
    }

    /// Least and greatest length; `None` if it is free text.
    pub(crate) fn lengths(&self) -> Option<(usize, usize)> {
        Some(match self {
            Self::Unix { digits } => (*digits, *digits),
            Self::Number { low, high } => (low.to_string().len(), high.to_string().len()),
            Self::Snowflake => (17, 20),
            Self::ObjectId => (24, 24),
            Self::Uuid7 | Self::UpperUuid => (36, 36),
            Self::Azure(key) => (key.length(), key.length()),
            Self::GitLabRoutable { .. } => (30, 60),
            Self::WireGuard | Self::WireGuardPublic { .. } => (44, 44),
            Self::PyPi => (174, 174),
            Self::Vault => (91, 91),
            _ => return None,
        })
    }

    /// How a text of such a length fits.
    pub(crate) fn fit(&self, text: &str) -> Fit {
        let digits = || text.bytes().all(|byte| byte.is_ascii_digit());
        let right = match self {
            Self::Unix { .. } | Self::Snowflake => digits(),
            Self::Number { low, high } => {
                digits()
                    && text
                        .parse()
                        .is_ok_and(|number| (*low..=*high).contains(&number))
            }
            Self::ObjectId => text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)),
            Self::Uuid7 => Uuid::try_parse(text).is_ok_and(|id| id.get_version_num() == 7),
            Self::UpperUuid => {
                Uuid::try_parse(text).is_ok() && !text.bytes().any(|byte| byte.is_ascii_lowercase())
            }
            Self::Azure(key) => return key.fit(text),
            Self::GitLabRoutable { .. } => {
                let mut parts = text.split('.');
                let payload = parts.next().unwrap_or_default();
                let length = format!("{:0>2}", base36(payload.len() as u64));
                BASE64URL_NOPAD.decode(payload.as_bytes()).is_ok()
                    && parts.next() == Some("01")
                    && parts.next() == Some(length.as_str())
                    && parts.next().is_none()
            }
            Self::WireGuard => wireguard::is_private(text),
            Self::WireGuardPublic { .. } => wireguard::is_key(text),
            Self::PyPi => text.starts_with("AgEIcHlwaS5vcmcC") && is_base64url(text),
            Self::Vault => {
                text.starts_with("CAESI")
                    && text.get(48..58) == Some("Gh4KHGh2cy")
                    && is_base64url(text)
            }
            _ => true,
        };
        if right { Fit::Full } else { Fit::No }
    }

    /// Least bits of chance.
    pub(crate) fn bits(&self) -> f64 {
        match self {
            Self::Unix { .. } => 0.0,
            Self::Number { low, high } => ((high - low) as f64 + 1.0).log2(),
            Self::Snowflake => 14.0,
            Self::ObjectId => 64.0,
            Self::Uuid7 => 74.0,
            Self::UpperUuid => 122.0,
            Self::Azure(AzureKey::Identifiable { bytes, .. }) => (*bytes as f64 - 8.0) * 8.0,
            Self::Azure(_) => 190.0,
            Self::GitLabRoutable { .. } => 128.0,
            _ if self.is_derived() => 0.0,
            _ => 128.0,
        }
    }

    /// Whether it holds a checksum.
    pub(crate) fn has_checksum(&self) -> bool {
        matches!(self, Self::Azure(_))
    }
}

fn is_base64url(text: &str) -> bool {
    BASE64URL_NOPAD.decode(text.as_bytes()).is_ok()
}

/// `claims:key` or `claims:key:header`, all of them fields.
fn jwt(argument: &str, field: impl Fn(&str) -> Result<usize, String>) -> Result<Made, String> {
    let mut parts = argument.split(':');
    let (Some(claims), Some(key)) = (parts.next(), parts.next()) else {
        return Err("write {jwt:CLAIMS-FIELD:KEY-FIELD}".to_owned());
    };
    Ok(Made::Jwt {
        claims: field(claims)?,
        key: field(key)?,
        header: parts.next().map(field).transpose()?,
    })
}

/// `about:key` or `about:key:ca:ca_key`, all of them fields.
fn certificate(
    argument: &str,
    field: impl Fn(&str) -> Result<usize, String>,
) -> Result<Made, String> {
    let parts: Vec<&str> = argument.split(':').collect();
    let authority = match parts[..] {
        [_, _] => None,
        [_, _, certificate, key] => Some((field(certificate)?, field(key)?)),
        _ => {
            return Err(
                "write {x509:ABOUT-FIELD:KEY-FIELD}, and :CA-FIELD:CA-KEY-FIELD behind it"
                    .to_owned(),
            );
        }
    };
    Ok(Made::X509 {
        about: field(parts[0])?,
        key: field(parts[1])?,
        authority,
    })
}

fn push(out: &mut String, what: impl std::fmt::Display) {
    let _ = write!(out, "{what}");
}

fn number(argument: &str) -> Result<Made, String> {
    let ends = argument.split_once('-');
    let ends = ends.and_then(|(low, high)| Some((low.parse().ok()?, high.parse().ok()?)));
    match ends {
        Some((low, high)) if low <= high => Ok(Made::Number { low, high }),
        _ => Err(format!(
            "{argument:?} is no range; write {{number:100-4999}}"
        )),
    }
}

/// A number in base 36, lower case.
fn base36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(b"0123456789abcdefghijklmnopqrstuvwxyz"[(number % 36) as usize]);
        number /= 36;
        if number == 0 {
            break;
        }
    }
    digits
        .iter()
        .rev()
        .map(|digit| char::from(*digit))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::{compile, draw};

    #[test]
    fn each_is_made_to_its_own_shape() {
        for (format, length) in [
            ("{unix:10}", 10..=10),
            ("{unix:13}", 13..=13),
            ("{number:7-1234}", 1..=4),
            ("{snowflake:discord}", 18..=19),
            ("{object-id}", 24..=24),
            ("{uuid7}", 36..=36),
            ("{upper-uuid}", 36..=36),
            ("x{gitlab-routable:account}{checksum:gitlab}", 45..=70),
        ] {
            let compiled = compile(format).expect(format);
            for _ in 0..50 {
                let value = draw(&compiled);
                assert!(length.contains(&value.len()), "{format} {value}");
                assert_eq!(compiled.fit(&value), Fit::Full, "{format} {value}");
            }
        }
        for (format, text) in [
            ("{number:7-1234}", "6"),
            ("{number:7-1234}", "12345"),
            ("{unix:10}", "12345678x0"),
            ("{uuid7}", "00000000-0000-4000-8000-000000000000"),
        ] {
            assert_eq!(compile(format).expect(format).fit(text), Fit::No, "{text}");
        }
    }

    #[test]
    fn one_canary_has_one_moment() {
        let compiled = compile("{unix:10} {unix:13} {object-id} {uuid7} {snowflake:discord}")
            .expect("compiles");
        let value = draw(&compiled);
        let parts: Vec<&str> = value.split(' ').collect();
        let seconds: i64 = parts[0].parse().expect("digits");
        assert_eq!(parts[1][..10], *parts[0]);
        assert_eq!(parts[2][..8], format!("{seconds:08x}"));
        let id = Uuid::try_parse(parts[3]).expect("a UUID");
        let (of_id, _) = id.get_timestamp().expect("a time").to_unix();
        assert_eq!(i64::try_from(of_id), Ok(seconds));
        let snowflake: i64 = parts[4].parse().expect("digits");
        assert_eq!(((snowflake >> 22) + DISCORD_EPOCH) / 1000, seconds);
        let now = crate::format::tests::NOW;
        assert!(seconds < now && seconds > now - 731 * 86_400);
    }

    #[test]
    fn numbers_in_base_36() {
        assert_eq!(base36(0), "0");
        assert_eq!(base36(35), "z");
        assert_eq!(base36(1295), "zz");
    }
}
