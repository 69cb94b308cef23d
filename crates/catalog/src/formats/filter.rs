//! Filters of `{field:name|filter}`: what another field's value becomes on its way into a format.

use std::fmt::Write as _;

use data_encoding::{BASE32_NOPAD, BASE64, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER};

use crate::locale::{self, Spelling};

/// A filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filter {
    /// Lower case.
    Lower,
    /// Upper case.
    Upper,
    /// Lower-case letters, digits and `-`, as the country spells them in addresses.
    Slug,
    /// The first word of it, without `-`.
    Login,
    /// The first letter of the slug.
    Initial,
    /// Base 64 with `=` at the end (RFC 4648 section 4).
    Base64,
    /// Base 64 without `=`.
    Base64NoPad,
    /// Base 64 of the address-safe alphabet, without `=` (RFC 4648 section 5).
    Base64Url,
    /// Percent-encoded: all but letters, digits and `-._~` (RFC 3986 section 2.3).
    Percent,
    /// Lower-case hexadecimal of its bytes.
    Hex,
    /// Escaped for the inside of a JSON string.
    Json,
    /// A decimal number below 2^32 as four bytes in base 32, without `=`.
    Base32U32,
}

/// Filters by name.
pub(crate) const FILTERS: &[(&str, Filter)] = &[
    ("lower", Filter::Lower),
    ("upper", Filter::Upper),
    ("slug", Filter::Slug),
    ("login", Filter::Login),
    ("initial", Filter::Initial),
    ("base64", Filter::Base64),
    ("base64-nopad", Filter::Base64NoPad),
    ("base64url", Filter::Base64Url),
    ("percent", Filter::Percent),
    ("hex", Filter::Hex),
    ("json", Filter::Json),
    ("base32-u32", Filter::Base32U32),
];

/// The filters of `a|b|c`, in order.
pub(crate) fn named(names: &str) -> Result<Box<[Filter]>, String> {
    names
        .split('|')
        .map(|name| {
            let known = FILTERS.iter().find(|(known, _)| *known == name);
            known.map(|(_, filter)| *filter).ok_or_else(|| {
                let names: Vec<&str> = FILTERS.iter().map(|(name, _)| *name).collect();
                format!("{name:?} is no filter; there are {}", names.join(", "))
            })
        })
        .collect()
}

/// The value after all filters.
pub(crate) fn apply(filters: &[Filter], value: &str, spelling: Spelling) -> String {
    filters.iter().fold(value.to_owned(), |value, filter| {
        filter.of(&value, spelling)
    })
}

/// Whether the country of a record decides what comes out.
pub(crate) fn is_local(filters: &[Filter]) -> bool {
    filters
        .iter()
        .any(|filter| matches!(filter, Filter::Slug | Filter::Login | Filter::Initial))
}

impl Filter {
    fn of(self, value: &str, spelling: Spelling) -> String {
        let bytes = value.as_bytes();
        let mut out = String::new();
        match self {
            Self::Lower => value.to_lowercase(),
            Self::Upper => value.to_uppercase(),
            Self::Initial => {
                locale::slug(value, spelling, &mut out);
                out.truncate(1);
                out
            }
            Self::Slug => {
                locale::slug(value, spelling, &mut out);
                out
            }
            Self::Login => {
                locale::login(value, spelling, &mut out);
                out
            }
            Self::Base64 => BASE64.encode(bytes),
            Self::Base64NoPad => BASE64_NOPAD.encode(bytes),
            Self::Base64Url => BASE64URL_NOPAD.encode(bytes),
            Self::Percent => crate::sigv4::encode(bytes, false),
            Self::Hex => HEXLOWER.encode(bytes),
            Self::Json => json(value),
            Self::Base32U32 => {
                BASE32_NOPAD.encode(&value.parse::<u32>().unwrap_or_default().to_be_bytes())
            }
        }
    }
}

/// The inside of a JSON string (RFC 8259 section 7).
fn json(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 16);
    for letter in value.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            letter if letter < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(letter));
            }
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_filter_does_what_its_name_says() {
        let check = |names: &str, value: &str, expect: &str| {
            let filters = named(names).expect(names);
            assert_eq!(apply(&filters, value, Spelling::Plain), expect, "{names}");
        };
        check("lower", "Ab", "ab");
        check("upper", "aB-1", "AB-1");
        check("slug", "Ana María.B", "ana-maria-b");
        check("initial", "Ana", "a");
        check("base64", "a:b?", "YTpiPw==");
        check("base64-nopad", "a:b?", "YTpiPw");
        check("base64url", "~~~?", "fn5-Pw");
        check("percent", "a b/é~", "a%20b%2F%C3%A9~");
        check("hex", "az", "617a");
        check("json", "a\"\\\n\u{1}", "a\\\"\\\\\\n\\u0001");
        check("base32-u32", "1", "AAAAAAI");
        check("upper|base64", "a", "QQ==");
        assert!(named("rot13").expect_err("none").contains("base64url"));
    }
}
