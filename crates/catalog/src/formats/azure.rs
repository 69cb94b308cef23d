//! Keys of Azure services that say what they are: a signature in the middle and a Marvin32 checksum at
//! the end (Microsoft's Security.Utilities library, "identifiable" and "common annotated" keys).

use data_encoding::{BASE32_NOPAD, BASE64};
use jiff::tz::TimeZone;

use crate::dice::Dice;
use crate::fit::Fit;
use crate::format::BASE62;

/// Characters of client secrets, in the order their checksum counts them.
const SECRET_LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ1234567890.-_~";
const SECRET_SEED: [u8; 8] = *b"AadPwd00";
const ANNOTATED_SEED: [u8; 8] = *b"Default0";
/// What the CRC of a DevOps token is combined with.
const DEVOPS_MASK: u32 = 0xe0b9_692d;
/// Where its four bytes stand among the 32.
const DEVOPS_PLACES: [usize; 4] = [22, 8, 7, 2];

/// A kind of key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AzureKey {
    /// `bytes` in base 64; the signature stands before the last six digits, which are the checksum.
    Identifiable {
        bytes: usize,
        signature: Box<str>,
        seed: [u8; 8],
    },
    /// 84 letters and digits with `JQQJ99`, the month, and the provider's four letters.
    Annotated {
        provider: [u8; 4],
        /// What platform and provider put between the month and those letters.
        reserved: [u8; 16],
    },
    /// 40 characters with `8Q~` after the third.
    ClientSecret,
    /// 52 lower-case letters and digits of base 32.
    DevOps,
}

impl AzureKey {
    /// Reads what stands between the braces.
    pub(crate) fn parse(name: &str, argument: &str) -> Option<Result<Self, String>> {
        Some(match name {
            "azure-key" => identifiable(argument),
            "azure-cask" => annotation(argument).ok_or_else(|| {
                "write {azure-cask:AZDO}, the provider's four letters; behind a colon 16 more that stand before them"
                    .to_owned()
            }),
            "azure-sp" => Ok(Self::ClientSecret),
            "azure-devops" => Ok(Self::DevOps),
            _ => return None,
        })
    }

    /// Draws one; `None`: draw again. `at` is when it was made, in milliseconds.
    pub(crate) fn draw(&self, dice: &mut Dice<'_>, at: i64) -> Option<String> {
        match self {
            Self::Identifiable {
                bytes,
                signature,
                seed,
            } => {
                let random: Vec<u8> = (0..*bytes).map(|_| dice.bytes::<1>()[0]).collect();
                let mut text = BASE64.encode(&random).trim_end_matches('=').to_owned();
                let end = text.len() - 6;
                text.replace_range(end - 4..end, signature);
                // The last digit holds the bits that are left over, and they are zero.
                text.replace_range(end.., "AAAAAA");
                sealed(&text, *bytes, *seed)
            }
            Self::Annotated { provider, reserved } => annotated(dice, *provider, *reserved, at),
            Self::ClientSecret => {
                let mut text: String = (0..34).map(|_| letter(dice, SECRET_LETTERS)).collect();
                text.insert_str(3, "8Q~");
                let sum = secret_sum(text.as_bytes());
                Some(text + &sum)
            }
            Self::DevOps => Some(devops(dice.bytes::<32>())),
        }
    }

    /// Its length in characters.
    pub(crate) fn length(&self) -> usize {
        match self {
            Self::Identifiable { bytes, .. } => bytes.div_ceil(3) * 4,
            Self::Annotated { .. } => 84,
            Self::ClientSecret => 40,
            Self::DevOps => 52,
        }
    }

    /// How a text of that length fits.
    pub(crate) fn fit(&self, text: &str) -> Fit {
        match self.is_right(text) {
            None => Fit::No,
            Some(false) => Fit::Shape,
            Some(true) => Fit::Full,
        }
    }

    /// Whether the checksum is right; `None` if it is no such key at all.
    fn is_right(&self, text: &str) -> Option<bool> {
        match self {
            Self::Identifiable {
                bytes,
                signature,
                seed,
            } => {
                let all = BASE64.decode(text.as_bytes()).ok()?;
                let digits = text.trim_end_matches('=');
                let end = digits.len().checked_sub(6)?;
                (all.len() == *bytes && digits.get(end - 4..end) == Some(&**signature))
                    .then(|| sealed(digits, *bytes, *seed).as_deref() == Some(text))
            }
            Self::Annotated { provider, .. } => {
                let shaped = text.len() == 84
                    && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
                    && text.get(52..58) == Some("JQQJ99")
                    && text.as_bytes()[76..80] == *provider;
                shaped.then(|| annotated_sum(&text[..80]).as_deref() == text.get(80..))
            }
            Self::ClientSecret => {
                let shaped = text.len() == 40
                    && text.bytes().all(|byte| SECRET_LETTERS.contains(&byte))
                    && text.get(3..6) == Some("8Q~");
                shaped.then(|| secret_sum(&text.as_bytes()[..37]) == text[37..])
            }
            Self::DevOps => {
                let bytes = BASE32_NOPAD
                    .decode(text.to_ascii_uppercase().as_bytes())
                    .ok()?;
                let bytes: [u8; 32] = bytes.try_into().ok()?;
                let lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
                lower.then(|| devops(bytes) == text)
            }
        }
    }
}

fn letter(dice: &mut Dice<'_>, letters: &[u8]) -> char {
    char::from(letters[dice.below(letters.len())])
}

/// `64:+ASt:Default0`: bytes, signature, and the text the checksum starts from.
fn identifiable(argument: &str) -> Result<AzureKey, String> {
    let parts: Vec<&str> = argument.split(':').collect();
    let [bytes, signature, seed] = parts[..] else {
        return Err("write {azure-key:64:+ASt:Default0}".to_owned());
    };
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let bytes = bytes.parse().ok().filter(|bytes| (24..=96).contains(bytes));
    match (bytes, <[u8; 8]>::try_from(seed.as_bytes())) {
        (Some(bytes), Ok(seed)) if signature.len() == 4 && signature.bytes().all(is_base64) => {
            Ok(AzureKey::Identifiable {
                bytes,
                signature: signature.into(),
                seed,
            })
        }
        _ => Err("an Azure key has 24 to 96 bytes, a signature of 4 and a seed of 8".to_owned()),
    }
}

/// A key in base 64 with its last four bytes made the checksum of the others.
fn sealed(digits: &str, bytes: usize, seed: [u8; 8]) -> Option<String> {
    let mut padded = digits.to_owned();
    padded.extend(std::iter::repeat_n('=', (4 - digits.len() % 4) % 4));
    let mut all = BASE64.decode(padded.as_bytes()).ok()?;
    if all.len() != bytes {
        return None;
    }
    let sum = marvin32(&all[..bytes - 4], u64::from_be_bytes(seed));
    all[bytes - 4..].copy_from_slice(&sum.to_le_bytes());
    let text = BASE64.encode(&all);
    // The signature may share its last bits with the checksum's first byte: only some sums keep it.
    let end = text.trim_end_matches('=').len() - 6;
    (text.get(end - 4..end) == digits.get(end - 4..end)).then_some(text)
}

/// `AZDO` or `ACOG:ACYeBjFXJ3w3AAAB`: the provider, and what is reserved for platform and provider, which
/// is zero bytes unless the service has a use for them.
fn annotation(argument: &str) -> Option<AzureKey> {
    let (provider, reserved) = argument
        .split_once(':')
        .unwrap_or((argument, "AAAAAAAAAAAAAAAA"));
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (plain(provider) && plain(reserved)).then_some(AzureKey::Annotated {
        provider: provider.as_bytes().try_into().ok()?,
        reserved: reserved.as_bytes().try_into().ok()?,
    })
}

fn annotated(
    dice: &mut Dice<'_>,
    provider: [u8; 4],
    reserved: [u8; 16],
    at: i64,
) -> Option<String> {
    let made = jiff::Timestamp::from_millisecond(at)
        .ok()?
        .to_zoned(TimeZone::UTC);
    let upper = |number: i16| char::from(b'A' + u8::try_from(number.clamp(0, 25)).unwrap_or(0));
    let mut text: String = (0..52).map(|_| letter(dice, BASE62)).collect();
    text.push_str("JQQJ99");
    text.push(upper(made.year() - 2024));
    text.push(upper(i16::from(made.month()) - 1));
    text.extend(
        reserved
            .iter()
            .chain(&provider)
            .map(|byte| char::from(*byte)),
    );
    let sum = annotated_sum(&text)?;
    sum.bytes()
        .all(|byte| byte.is_ascii_alphanumeric())
        .then(|| text + &sum)
}

fn annotated_sum(text: &str) -> Option<String> {
    let bytes = BASE64.decode(text.as_bytes()).ok()?;
    let sum = marvin32(&bytes, u64::from_be_bytes(ANNOTATED_SEED)).to_le_bytes();
    Some(BASE64.encode(&sum[..3]))
}

/// The last three characters of a client secret: its checksum in base 66, least digits first.
fn secret_sum(text: &[u8]) -> String {
    let mut sum = marvin32(text, u64::from_be_bytes(SECRET_SEED)) as usize;
    (0..3)
        .map(|_| {
            let digit = SECRET_LETTERS[sum % SECRET_LETTERS.len()];
            sum /= SECRET_LETTERS.len();
            char::from(digit)
        })
        .collect()
}

/// 32 bytes in base 32 after four of them were made the checksum of the others.
fn devops(mut bytes: [u8; 32]) -> String {
    let rest: Vec<u8> = bytes
        .iter()
        .enumerate()
        .filter(|(at, _)| !DEVOPS_PLACES.contains(at))
        .map(|(_, byte)| *byte)
        .collect();
    let sum = (crc32fast::hash(&rest) ^ DEVOPS_MASK).to_le_bytes();
    for (place, byte) in DEVOPS_PLACES.into_iter().zip(sum) {
        bytes[place] = byte;
    }
    BASE32_NOPAD.encode(&bytes).to_ascii_lowercase()
}

/// Marvin32 as .NET has it, folded to 32 bits.
fn marvin32(bytes: &[u8], seed: u64) -> u32 {
    let (mut low, mut high) = (seed as u32, (seed >> 32) as u32);
    let mut mix = |word: u32| {
        low = low.wrapping_add(word);
        high ^= low;
        low = low.rotate_left(20).wrapping_add(high);
        high = high.rotate_left(9) ^ low;
        low = low.rotate_left(27).wrapping_add(high);
        high = high.rotate_left(19);
    };
    let (words, rest) = bytes.as_chunks::<4>();
    words.iter().for_each(|word| mix(u32::from_le_bytes(*word)));
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    last[rest.len()] = 0x80;
    mix(u32::from_le_bytes(last));
    mix(0);
    low ^ high
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_780_000_000_000;

    /// The .NET runtime's own vectors, folded as the keys fold them.
    #[test]
    fn marvin32_is_dot_nets() {
        for (bytes, expect) in [
            (&b"\xaf"[..], 0x48e7_3fc7_7d75_ddc1_u64),
            (b"\xe7\x0f", 0xb5f6_e1fc_485d_bff8),
            (b"\x37\xf4\x95", 0xf0b0_7c78_9b8c_f7e8),
            (b"\x15\x3f\xb7\x98\x26", 0xe6c0_8c6d_a2af_a997),
            (b"\xab\x42\x7e\xa8\xd1\x0f\xc7", 0xe118_47e4_f067_8c41),
        ] {
            let folded = (expect >> 32) as u32 ^ expect as u32;
            assert_eq!(marvin32(bytes, 0x004f_b61a_001b_dbcc), folded);
        }
    }

    #[test]
    fn every_key_fits_itself_and_not_when_changed() {
        let mut rng = rand::rng();
        let mut dice = Dice::new(&mut rng);
        for (name, argument, start, part) in [
            ("azure-key", "64:+ASt:Default0", 76, "+ASt"),
            ("azure-key", "32:+ASb:Send0000", 33, "+ASb"),
            ("azure-key", "39:AzSe:Query000", 42, "AzSe"),
            ("azure-cask", "AZDO", 52, "JQQJ99"),
            (
                "azure-cask",
                "ACOG:ACYeBjFXJ3w3AAAB",
                60,
                "ACYeBjFXJ3w3AAABACOG",
            ),
            ("azure-sp", "", 3, "8Q~"),
            ("azure-devops", "", 0, ""),
        ] {
            let key = AzureKey::parse(name, argument)
                .expect(name)
                .expect(argument);
            for _ in 0..50 {
                let text = (0..10_000)
                    .find_map(|_| key.draw(&mut dice, NOW))
                    .expect(argument);
                assert_eq!(text.len(), key.length(), "{text}");
                assert_eq!(key.fit(&text), Fit::Full, "{text}");
                assert_eq!(text.get(start..start + part.len()), Some(part), "{text}");
                let other = if text.starts_with('b') { "c" } else { "b" };
                let changed = format!("{other}{}", &text[1..]);
                assert_eq!(key.fit(&changed), Fit::Shape, "{changed}");
            }
        }
    }
}
