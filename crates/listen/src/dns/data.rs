//! What the labels in front of a canary's name carry: text as it is, or in hex, base 32 or base 64.

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};

/// Longest text that is taken for one, in bytes: no name is longer.
const LONGEST: usize = 255;

/// The text that labels carry together, decoded if they look like it; empty if they carry none. Some
/// resolvers put `_` in front while they find their way down (RFC 9156 section 2.3).
pub(super) fn carried(labels: &[Vec<u8>]) -> String {
    let labels: Vec<&[u8]> = (labels.iter().map(Vec::as_slice))
        .filter(|label| *label != b"_")
        .collect();
    let joined: Vec<u8> = labels.concat();
    if joined.is_empty() || joined.len() > LONGEST {
        return String::new();
    }
    decoded(&joined).unwrap_or_else(|| {
        let labels: Vec<String> = (labels.iter())
            .map(|label| String::from_utf8_lossy(label).into_owned())
            .collect();
        labels.join(".")
    })
}

/// What looks like an encoding and holds text. Words of the language are not taken for it: of four letters
/// most are valid base 64, and few of those hold text.
fn decoded(joined: &[u8]) -> Option<String> {
    if joined.len() < 8 {
        return None;
    }
    let upper = joined.to_ascii_uppercase();
    let ways = [
        HEXLOWER_PERMISSIVE.decode(joined),
        BASE32_NOPAD.decode(&upper),
        BASE64URL_NOPAD.decode(joined),
    ];
    ways.into_iter().flatten().find_map(|bytes| {
        let text = String::from_utf8(bytes).ok()?;
        let plain = text.chars().all(|c| !c.is_control() || c.is_whitespace());
        let ascii = text.bytes().filter(u8::is_ascii).count();
        (plain && 2 * ascii > text.len()).then_some(text)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(name: &str) -> String {
        let labels: Vec<_> = name
            .split('.')
            .map(|label| label.as_bytes().to_vec())
            .collect();
        carried(&labels)
    }

    #[test]
    fn text_is_decoded_where_it_is_encoded() {
        assert_eq!(of("web-01"), "web-01");
        assert_eq!(of("web-01.corp"), "web-01.corp");
        assert_eq!(of("726f6f7440776562"), "root@web");
        assert_eq!(of("726F6F74.40776562"), "root@web");
        assert_eq!(of("OJXW65CAO5SWE"), "root@web");
        assert_eq!(of("ojxw65cao5swe"), "root@web");
        assert_eq!(of("cm9vdEB3ZWI"), "root@web");
        assert_eq!(of("_"), "");
        assert_eq!(of("_.web-01"), "web-01");
        assert_eq!(of("production"), "production");
    }

    proptest! {
        #[test]
        fn any_labels_carry_something_bounded(
            labels in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..64), 0..8),
        ) {
            let _ = carried(&labels);
        }

        #[test]
        fn what_is_put_in_comes_out(text in "[ -~]{6,60}") {
            let hex = data_encoding::HEXLOWER.encode(text.as_bytes());
            let labels: Vec<_> = hex.as_bytes().chunks(60).map(<[u8]>::to_vec).collect();
            prop_assert_eq!(carried(&labels), text);
        }
    }
}
