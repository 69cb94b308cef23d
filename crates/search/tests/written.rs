//! Values are found however they were written, two layers deep, in any surroundings; and nothing is
//! found where none is.

use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use lapwing_search::{Encoding, Gatherer, Needles};
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

/// A way to write a value down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Plain,
    Base64,
    Base64Url,
    Base64Lines,
    Base64Utf16,
    HexLower,
    HexUpper,
    HexBytes,
    HexColons,
    Percent,
    JsonUnicode,
    JsonHex,
    HtmlDecimal,
    HtmlHex,
    Quoted,
    Reversed,
    Spaced,
    Concatenated,
    Lines,
    Upper,
}

const WAYS: &[Way] = &[
    Way::Plain,
    Way::Base64,
    Way::Base64Url,
    Way::Base64Lines,
    Way::Base64Utf16,
    Way::HexLower,
    Way::HexUpper,
    Way::HexBytes,
    Way::HexColons,
    Way::Percent,
    Way::JsonUnicode,
    Way::JsonHex,
    Way::HtmlDecimal,
    Way::HtmlHex,
    Way::Quoted,
    Way::Reversed,
    Way::Spaced,
    Way::Concatenated,
    Way::Lines,
    Way::Upper,
];

impl Way {
    /// Writes `text`; `padding` more characters around it shift the alignment.
    fn write(self, text: &str, padding: usize) -> String {
        let padded = format!("{}{text}{}", &"a: "[..padding], &"\n;z"[..padding]);
        let each = |write: fn(u8) -> String| text.bytes().map(write).collect::<String>();
        let pieces = |text: &str, size: usize, end: &str| -> String {
            let pieces = text.as_bytes().chunks(size);
            pieces
                .map(|piece| format!("{}{end}", String::from_utf8_lossy(piece)))
                .collect()
        };
        match self {
            Self::Plain => text.to_owned(),
            Self::Base64 => BASE64.encode(padded.as_bytes()),
            Self::Base64Url => BASE64URL_NOPAD.encode(padded.as_bytes()),
            Self::Base64Lines => pieces(&BASE64.encode(padded.as_bytes()), 20, "\\n"),
            Self::Base64Utf16 => {
                let wide: Vec<u8> = text.bytes().flat_map(|byte| [byte, 0]).collect();
                BASE64.encode(&wide)
            }
            Self::HexLower => HEXLOWER.encode(padded.as_bytes()),
            Self::HexUpper => HEXUPPER.encode(padded.as_bytes()),
            Self::HexBytes => each(|byte| format!("0x{byte:02x}, ")),
            Self::HexColons => each(|byte| format!("{byte:02X}:")),
            Self::Percent => each(|byte| format!("%{byte:02X}")),
            Self::JsonUnicode => each(|byte| format!("\\u{byte:04x}")),
            Self::JsonHex => each(|byte| match byte {
                b'0'..=b'9' => format!("\\x{byte:02x}"),
                _ => char::from(byte).to_string(),
            }),
            Self::HtmlDecimal => each(|byte| format!("&#{byte};")),
            Self::HtmlHex => each(|byte| format!("&#x{byte:X};")),
            Self::Quoted => pieces(&each(|byte| format!("={byte:02X}")), 60, "=\r\n"),
            Self::Reversed => text.chars().rev().collect(),
            Self::Spaced => each(|byte| format!("{} ", char::from(byte))),
            Self::Concatenated => format!("\"{}\"", pieces(text, 5, "\" + \"")),
            Self::Lines => pieces(text, 7, "\r\n"),
            Self::Upper => text.to_uppercase(),
        }
    }

    /// Whether something else can be written around it without destroying it.
    fn bears(self, outer: Self) -> bool {
        let escapes = matches!(
            self,
            Self::Percent
                | Self::JsonUnicode
                | Self::JsonHex
                | Self::HtmlDecimal
                | Self::HtmlHex
                | Self::Quoted
                | Self::Base64Lines
                | Self::HexBytes
        );
        match outer {
            Self::Reversed | Self::Spaced | Self::Concatenated | Self::Lines => !escapes,
            // Quotes and pluses of the inner one would be taken for base 64 by nobody.
            Self::Upper => {
                !escapes && !matches!(self, Self::Base64 | Self::Base64Url | Self::Base64Utf16)
            }
            _ => true,
        }
    }
}

fn needles(values: &[String]) -> Needles {
    let mut gatherer = Gatherer::default();
    for (tag, value) in (0..).zip(values) {
        assert!(gatherer.add(tag, value), "{value}");
    }
    gatherer.finish()
}

fn values() -> impl Strategy<Value = String> {
    prop_oneof![
        "AC[0-9a-f]{32}",
        "[0-9a-zA-Z]{24}",
        "zk-[0-9A-Za-z_-]{74}T3[0-9A-Za-z_-]{73}[0-9a-z]",
        "[A-Z2-7]{20}",
        "gw_[a-z0-9]{7}",
        "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}",
        "[a-z]{4,8}\\.[a-z]\\.[a-z]{5}[0-9]{4}@[a-z]{5}\\.example",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_value_is_found_two_layers_deep(
        values in proptest::collection::vec(values(), 1..20),
        inner in 0..WAYS.len(),
        outer in 0..WAYS.len(),
        padding in 0usize..4,
        // A tag or a backslash that begins before the value would swallow a part of it.
        before in "(?s)[^<\\\\]{0,80}",
        after in "(?s).{0,80}",
        quote in "[ \"'\n(=]",
    ) {
        let (inner, outer) = (WAYS[inner], WAYS[outer]);
        prop_assume!(inner.bears(outer));
        let written = outer.write(&inner.write(&values[0], padding), padding);
        let text = format!("{before}{quote}{written}{quote}{after}");
        let found = needles(&values).search(text.as_bytes());
        let ours = found.found.iter().find(|found| found.tag == 0);
        prop_assert!(ours.is_some(), "{inner:?} in {outer:?}: {text:?}");
        let end = before.len() + quote.len() + written.len();
        prop_assert!(ours.is_some_and(|found| found.start < end), "{ours:?}: {text:?}");
    }

    #[test]
    fn any_bytes_are_searched(text in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let values = ["gw_a1b2c3d".to_owned()];
        prop_assert_eq!(needles(&values).search(&text).found, []);
    }
}

#[test]
fn says_how_a_value_was_written() {
    use Encoding::{Base64, Case, Escaped, Hex, Reversed, Split};
    let value = "Qx7_aP3-k9Zm2Lw8".to_owned();
    let needles = needles(std::slice::from_ref(&value));
    let check = |text: &str, start: usize, expect: &[Encoding]| {
        let found = needles.search(text.as_bytes()).found;
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert_eq!(
            (found[0].start, &found[0].encodings[..]),
            (start, expect),
            "{text}"
        );
    };
    let base64 = BASE64.encode(value.as_bytes());
    check(&format!("key {value}."), 4, &[]);
    check(&format!("x{value}y"), 1, &[]);
    check("Qx7_aP3-k9Z m2Lw8", 0, &[Split]);
    check("Qx7_aP3-k9Z\u{200b}m2Lw8", 0, &[Split]);
    check("QX7_AP3-K9ZM2LW8", 0, &[Case]);
    check(" 8wL2mZ9k-3Pa_7xQ", 1, &[Reversed]);
    check(&format!("<{base64}>"), 1, &[Base64]);
    check(&BASE64.encode(base64.as_bytes()), 0, &[Base64, Base64]);
    check(&HEXLOWER.encode(base64.as_bytes()), 0, &[Hex, Base64]);
    let reversed: String = base64.chars().rev().collect();
    check(&reversed, 3, &[Reversed, Base64]);
    check("{\"a\":\"Qx7\\u005faP3-k9Zm\\u0032Lw8\"}", 6, &[Escaped]);
}

#[test]
fn digits_of_something_else_in_front_hide_nothing() {
    let value = "AC19c9f0e5d1b1f4a2".to_owned();
    let needles = needles(std::slice::from_ref(&value));
    let json = value.replace('9', "\\x39");
    for before in ["25", "5c", "2561", "3c62", "3d", "1b5b"] {
        for gap in ["\n", " ", "', '", "\\n"] {
            let text = format!("{before}{gap}{}", HEXLOWER.encode(json.as_bytes()));
            assert_eq!(needles.search(text.as_bytes()).found.len(), 1, "{text}");
        }
    }
}

#[test]
fn values_that_chance_would_find_are_not_taken() {
    let mut gatherer = Gatherer::default();
    assert!(!gatherer.add(0, "ab-12.c"));
    assert!(!gatherer.add(0, ""));
    assert!(!gatherer.add(0, &"k7".repeat(4000)));
    let needles = gatherer.finish();
    assert!(needles.is_empty());
    assert_eq!(needles.search(b"ab-12.c").found, []);
}

#[test]
fn text_that_unfolds_without_end_is_cut() {
    let values = ["gw_a1b2c3d".to_owned()];
    // Layers of base 64 of hex of base 64, many times over.
    let mut text = "4a4b4c4d4e4f".repeat(2000);
    for _ in 0..6 {
        text = BASE64.encode(text.as_bytes());
    }
    let begun = std::time::Instant::now();
    let found = needles(&values).search(text.as_bytes());
    assert_eq!(found.found, []);
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}

/// Fifty megabytes of what is found in logs and repositories, and of nothing at all.
#[test]
fn nothing_is_found_where_nothing_is() {
    const SIZE: usize = 50_000_000;
    let mut rng = StdRng::seed_from_u64(7);
    let values: Vec<String> = (0..20_000)
        .map(|at| match at % 3 {
            0 => token(&mut rng, b"0123456789abcdef", 32),
            1 => token(&mut rng, b"abcdefghijklmnopqrstuvwxyz0123456789", 10),
            _ => format!(
                "gw_{}",
                token(&mut rng, b"abcdefghijklmnopqrstuvwxyz0123456789", 8)
            ),
        })
        .collect();
    let needles = needles(&values);
    let (mut done, mut chunk) = (0, Vec::new());
    let code = include_str!("../src/lib.rs");
    while done < SIZE {
        chunk.clear();
        while chunk.len() < 1 << 20 {
            match rng.random_range(0..5) {
                0 => {
                    let mut bytes = [0; 700];
                    rng.fill_bytes(&mut bytes);
                    chunk.extend_from_slice(&bytes);
                }
                1 => {
                    let start = rng.random_range(0..code.len() - 3000);
                    chunk.extend_from_slice(&code.as_bytes()[start..start + 3000]);
                }
                2 => {
                    let mut bytes = [0; 600];
                    rng.fill_bytes(&mut bytes);
                    chunk.extend_from_slice(BASE64.encode(&bytes).as_bytes());
                    chunk.push(b'\n');
                }
                3 => {
                    let digest = token(&mut rng, b"0123456789abcdef", 64);
                    chunk.extend_from_slice(format!("{{\"id\":\"{digest}\"}}\n").as_bytes());
                }
                _ => {
                    let line = token(&mut rng, b"abcdefghijklmnopqrstuvwxyz0123456789 ./-%", 120);
                    chunk.extend_from_slice(line.as_bytes());
                }
            }
        }
        let found = needles.search(&chunk);
        assert_eq!(found.found, [], "after {done} bytes");
        assert!(!found.cut);
        done += chunk.len();
    }
}

fn token(rng: &mut StdRng, alphabet: &[u8], length: usize) -> String {
    (0..length)
        .map(|_| char::from(alphabet[rng.random_range(0..alphabet.len())]))
        .collect()
}
