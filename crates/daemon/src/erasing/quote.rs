//! Whether claims say again what a decoy captured: a telephone number in the query of the target, a mail
//! address in a header. Where that is in doubt they do.

use lapwing_core::Claims;

/// Why claims are opened here.
const COMPARED: &str = "compared with what is to be erased; nothing is shown";

/// Values shorter than this, in characters, are looked for as a word only: they are in everything.
const SHORT: usize = 4;
/// A number with so many digits is looked for by them, however it is written.
const DIGITS: usize = 6;

/// Whether one of `values` stands in the claims outside of what was captured.
pub(super) fn quotes(claims: &Claims, values: &[String]) -> bool {
    let Claims {
        method,
        target,
        host,
        agent,
        forwarding,
        headers,
        captured: _,
    } = claims;
    let named = forwarding.iter().chain(headers).map(|(_, value)| value);
    let said = [method, target, host, agent].into_iter().chain(named);
    let said: Vec<String> = said
        .map(|claim| decoded(claim.open(COMPARED)).to_lowercase())
        .collect();
    values.iter().any(|value| {
        said.iter()
            .any(|text| is_in(value.replace('+', " ").trim().to_lowercase().as_str(), text))
    })
}

fn is_in(value: &str, text: &str) -> bool {
    if value.is_empty() {
        return false;
    }
    if value.chars().count() < SHORT {
        let mut words = text.split(|c: char| !c.is_alphanumeric());
        return words.any(|word| word == value)
            || text.split(['=', '&', '?']).any(|it| it == value);
    }
    let number = digits(value);
    text.contains(value) || (number.len() >= DIGITS && digits(text).contains(&number))
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Percent signs of a query taken away, as often as they were put on, at most thrice, and a plus sign taken for a
/// blank.
fn decoded(text: &str) -> String {
    let mut text = text.to_owned();
    for _ in 0..3 {
        let next = once(&text);
        if next == text {
            break;
        }
        text = next;
    }
    text.replace('+', " ")
}

fn once(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten();
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use lapwing_core::Claimed;

    fn target(text: &str) -> Claims {
        Claims {
            target: Claimed::new(text.to_owned()),
            ..Claims::default()
        }
    }

    #[test]
    fn a_value_is_found_however_a_target_writes_it() {
        let values = |value: &str| vec![value.to_owned()];
        for (said, value) in [
            ("/send?to=%2B49%20170%201234567", "+491701234567"),
            ("/send?to=49-170-1234567", "+49 170 1234567"),
            ("/send?text=Dear%2BAna", "dear ana"),
            ("/send?text=Dear+Ana", "Dear Ana"),
            ("/send?to=ana%2540example.org", "ana@example.org"),
            ("/send?code=77&x=1", "77"),
        ] {
            assert!(quotes(&target(said), &values(value)), "{said} {value}");
        }
        for (said, value) in [
            ("/send?to=%2B49%20170%207654321", "+491701234567"),
            ("/send?id=1772", "77"),
            ("/send", ""),
            ("/%zz%", "+491701234567"),
        ] {
            assert!(!quotes(&target(said), &values(value)), "{said} {value}");
        }
    }

    #[test]
    fn headers_are_looked_through() {
        let mut claims = target("/");
        let header = |value: &str| ("x-to".to_owned(), Claimed::new(value.to_owned()));
        claims.headers.push(header("ana@example.org"));
        assert!(quotes(&claims, &["Ana@Example.org".to_owned()]));
        assert!(!quotes(&claims, &["bo@example.org".to_owned()]));
    }
}
