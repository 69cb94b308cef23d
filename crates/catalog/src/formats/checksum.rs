//! Checksums that vendors put into their tokens, each over what stands before it (reference: realism,
//! section 3). The CRC is CRC-32/ISO-HDLC throughout.

use data_encoding::{BASE32_NOPAD, BASE64_NOPAD, HEXLOWER, HEXUPPER};
use sha2::{Digest as _, Sha256};

use crate::format::BASE62;

/// A checksum of known name and width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sum {
    /// CRC in base 62, `0-9A-Za-z`, padded on the left; over what was drawn since the last literal.
    Base62 { width: usize },
    /// The CRC of all before, in base 36, seven wide (GitLab's routable tokens).
    GitLab,
    /// The CRC of all before but a last `_`, its bytes little-endian in hex (Grafana).
    Grafana,
    /// The CRC of all before in upper-case hex (Atlassian, Bitbucket).
    Atlassian,
    /// The CRC of what was drawn since the last literal, little-endian in base 64 (Confluent).
    Confluent,
    /// The CRC of what was drawn since the last literal in lower-case hex (Cloudflare).
    Cloudflare,
    /// The start of SHA-256 of all before in base 32 (GitHub's fine-grained tokens).
    GitHubFine,
    /// The CRC of all before in base 62, six wide: the end of the same tokens.
    GitHubTail,
}

/// Checksums by the name in `{checksum:NAME}`.
pub(crate) const SUMS: &[(&str, Sum)] = &[
    ("atlassian", Sum::Atlassian),
    ("cloudflare", Sum::Cloudflare),
    ("confluent", Sum::Confluent),
    ("github-fine", Sum::GitHubFine),
    ("github-tail", Sum::GitHubTail),
    ("gitlab", Sum::GitLab),
    ("grafana", Sum::Grafana),
    ("vercel", Sum::Base62 { width: 6 }),
];

/// The checksum of this name.
pub(crate) fn named(name: &str) -> Result<Sum, String> {
    let known = SUMS.iter().find(|(known, _)| *known == name);
    known.map(|(_, sum)| *sum).ok_or_else(|| {
        let names: Vec<&str> = SUMS.iter().map(|(name, _)| *name).collect();
        format!("{name:?} is no checksum; there are {}", names.join(", "))
    })
}

impl Sum {
    /// Its length in characters.
    pub(crate) fn width(self) -> usize {
        match self {
            Self::Base62 { width } => width,
            Self::GitLab => 7,
            Self::GitHubTail | Self::Confluent => 6,
            Self::Grafana | Self::Atlassian | Self::Cloudflare | Self::GitHubFine => 8,
        }
    }

    /// The checksum that belongs behind `before`; what was drawn starts at `drawn`.
    pub(crate) fn of(self, before: &[u8], drawn: usize) -> String {
        let body = &before[drawn.min(before.len())..];
        let crc = |bytes: &[u8]| crc32fast::hash(bytes);
        match self {
            Self::Base62 { width } => radix(crc(body), BASE62, width),
            Self::GitHubTail => radix(crc(before), BASE62, 6),
            Self::GitLab => radix(crc(before), b"0123456789abcdefghijklmnopqrstuvwxyz", 7),
            Self::Grafana => {
                let text = before.strip_suffix(b"_").unwrap_or(before);
                HEXLOWER.encode(&crc(text).to_le_bytes())
            }
            Self::Atlassian => HEXUPPER.encode(&crc(before).to_be_bytes()),
            Self::Confluent => BASE64_NOPAD.encode(&crc(body).to_le_bytes()),
            Self::Cloudflare => HEXLOWER.encode(&crc(body).to_be_bytes()),
            Self::GitHubFine => {
                let mut text = BASE32_NOPAD.encode(&Sha256::digest(before));
                text.truncate(8);
                text
            }
        }
    }

    /// Whether `text` has the letters of such a checksum, right or wrong.
    pub(crate) fn has_shape(self, text: &str) -> bool {
        text.len() == self.width()
            && text.bytes().all(|byte| match self {
                Self::Base62 { .. } | Self::GitHubTail => byte.is_ascii_alphanumeric(),
                Self::GitLab => byte.is_ascii_digit() || byte.is_ascii_lowercase(),
                Self::Grafana | Self::Cloudflare => {
                    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
                }
                Self::Atlassian => byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte),
                Self::Confluent => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'),
                Self::GitHubFine => byte.is_ascii_uppercase() || (b'2'..=b'7').contains(&byte),
            })
    }

    /// Whether a widespread decoder takes it: one rejects sums in base 62 with a leading zero.
    pub(crate) fn is_liked(self, sum: &str) -> bool {
        !matches!(self, Self::Base62 { .. } | Self::GitHubTail) || !sum.starts_with('0')
    }
}

/// A number in the digits of an alphabet, padded on the left to `width`.
fn radix(number: u32, alphabet: &[u8], width: usize) -> String {
    let mut left = number as usize;
    let mut out = vec![alphabet[0]; width];
    for digit in out.iter_mut().rev() {
        *digit = alphabet[left % alphabet.len()];
        left /= alphabet.len();
    }
    out.into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back(digits: &str, alphabet: &[u8]) -> u64 {
        digits.bytes().fold(0, |number, digit| {
            let value = alphabet.iter().position(|known| *known == digit);
            number * alphabet.len() as u64 + value.expect("a digit") as u64
        })
    }

    /// CRC-32 of "123456789" is the standard's check value, 0xcbf43926.
    #[test]
    fn every_sum_writes_the_standards_check_value_its_own_way() {
        let text = b"123456789";
        let check = |sum: Sum, expect: &str| {
            assert_eq!(sum.of(text, 0), expect, "{sum:?}");
            assert!(sum.has_shape(expect) && sum.width() == expect.len());
        };
        check(Sum::Cloudflare, "cbf43926");
        check(Sum::Atlassian, "CBF43926");
        check(Sum::Grafana, "2639f4cb");
        check(Sum::Confluent, "Jjn0yw");
        let sum = Sum::Base62 { width: 6 }.of(text, 0);
        assert_eq!(back(&sum, BASE62), 0xcbf4_3926);
        assert_eq!(Sum::GitHubTail.of(text, 5), sum, "over all of it");
        let sum = Sum::GitLab.of(text, 0);
        assert_eq!(sum.len(), 7);
        assert_eq!(
            back(&sum, b"0123456789abcdefghijklmnopqrstuvwxyz"),
            0xcbf4_3926
        );
    }

    #[test]
    fn what_a_sum_is_taken_over() {
        assert_eq!(
            Sum::Cloudflare.of(b"cfut_123456789", 5),
            "cbf43926",
            "the drawn part only"
        );
        assert_eq!(
            Sum::Grafana.of(b"123456789_", 0),
            "2639f4cb",
            "without the last underscore"
        );
        // SHA-256 of the empty text begins e3b0c44298; five bytes are eight letters.
        assert_eq!(Sum::GitHubFine.of(b"", 0), "4OYMIQUY");
        assert!(!Sum::Base62 { width: 6 }.is_liked("012345"));
    }
}
