//! Fresh values of the build of others: characters for characters of their class, words from two
//! neighbours. Nothing is made up that could be somebody's: telephone numbers are from reserved ranges.

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use uuid::Uuid;

/// Fresh characters of the same classes, from `keep` on: digit for digit, letter for letter, hex for
/// hex; whatever else stays.
pub(crate) fn shaped(text: &str, keep: usize) -> String {
    let keep = if text.is_char_boundary(keep) { keep } else { 0 };
    let (head, tail) = text.split_at(keep);
    let hex = tail.len() >= 8 && tail.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    let hex = hex && tail.bytes().any(|byte| byte.is_ascii_alphabetic());
    let upper = tail.bytes().any(|byte| byte.is_ascii_uppercase());
    let mut random = rand::rng();
    let mut pick = |letters: &[u8]| char::from(letters[random.random_range(0..letters.len())]);
    let fresh = tail.chars().map(|c| match c {
        '-' => '-',
        _ if hex && upper => pick(b"0123456789ABCDEF"),
        _ if hex => pick(b"0123456789abcdef"),
        c if c.is_ascii_digit() => pick(b"0123456789"),
        c if c.is_ascii_lowercase() => pick(b"abcdefghijklmnopqrstuvwxyz"),
        c if c.is_ascii_uppercase() => pick(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        c => c,
    });
    format!("{head}{}", fresh.collect::<String>())
}

/// As [`shaped`], keeping what neighbours begin with too, and the parameters of a password hash.
pub(super) fn shaped_like(template: &str, texts: &[&str]) -> String {
    if template.starts_with('$') {
        let parts: Vec<String> = template
            .split('$')
            .map(|part| {
                if part.len() >= 16 && !part.contains('=') {
                    shaped(part, 0)
                } else {
                    part.to_owned()
                }
            })
            .collect();
        return parts.join("$");
    }
    if let Some((head, last)) = template
        .rsplit_once('$')
        .filter(|(head, _)| head.contains('$'))
    {
        let (scheme, salt) = head.rsplit_once('$').unwrap_or((head, ""));
        return format!("{scheme}${}${}", shaped(salt, 0), shaped(last, 0));
    }
    let common = match texts.len() {
        0 | 1 => prefix_length(template),
        2..20 => shared_by_all(template, texts),
        _ => shared_by_some(template, texts),
    };
    let fresh = shaped(template, if common == template.len() { 0 } else { common });
    if texts.len() < 20 {
        return fresh;
    }
    in_letters_of(&fresh, template, texts)
}

/// How much of a text all others begin with.
fn shared_by_all(template: &str, texts: &[&str]) -> usize {
    let shared = |text: &&str| {
        let pairs = template.bytes().zip(text.bytes());
        pairs.take_while(|(a, b)| a == b).count()
    };
    texts.iter().map(shared).min().unwrap_or(0)
}

/// How much of a text enough others begin with that it must mean something (a district, a series).
fn shared_by_some(template: &str, texts: &[&str]) -> usize {
    let enough = (texts.len() / 50).max(4);
    let shared = |length: &usize| {
        let head = template.get(..*length);
        let alike = |text: &&&str| head.is_some_and(|head| text.starts_with(head));
        texts.iter().filter(alike).count() >= enough
    };
    (0..=template.len())
        .take_while(|at| !template.is_char_boundary(*at) || shared(at))
        .last()
        .unwrap_or(0)
}

/// Characters that no neighbour has (`0` and `l` in keys to be read aloud) are drawn again from those
/// they have.
fn in_letters_of(fresh: &str, template: &str, texts: &[&str]) -> String {
    let mut random = rand::rng();
    let seen: std::collections::BTreeSet<char> =
        texts.iter().flat_map(|text| text.chars()).collect();
    let class = |c: char| {
        (
            c.is_ascii_digit(),
            c.is_ascii_lowercase(),
            c.is_ascii_uppercase(),
        )
    };
    let drawn = fresh.chars().zip(template.chars()).map(|(c, own)| {
        if seen.contains(&c) {
            return c;
        }
        let alike: Vec<char> = seen
            .iter()
            .copied()
            .filter(|other| class(*other) == class(c))
            .collect();
        alike.choose(&mut random).copied().unwrap_or(own)
    });
    drawn.collect()
}

/// Length of a leading `word_` or `word-`.
fn prefix_length(text: &str) -> usize {
    text.rfind(['_', '-'])
        .filter(|at| *at < 10)
        .map_or(0, |at| at + 1)
}

/// The first word of one neighbour and the rest of another with as many: like them, and like none.
/// Figures are drawn anew.
pub(super) fn blended_words(template: &str, texts: &[&str]) -> String {
    let mut random = rand::rng();
    let count = template.split(' ').count();
    let alike: Vec<&str> = texts
        .iter()
        .copied()
        .filter(|text| text.split(' ').count() == count)
        .collect();
    let other = alike.choose(&mut random).copied().unwrap_or(template);
    let head = template.split_once(' ').map_or(template, |(head, _)| head);
    let tail = other.split_once(' ').map_or("", |(_, tail)| tail);
    digits_anew(format!("{head} {tail}").trim_end())
}

/// The text with other figures: as many, the first of a number never nought. `4th` stays.
pub(super) fn digits_anew(text: &str) -> String {
    let mut random = rand::rng();
    let mut fresh = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let end = rest[at..].find(|c: char| !c.is_ascii_digit());
        let (number, behind) = rest[at..].split_at(end.unwrap_or(rest.len() - at));
        fresh.push_str(&rest[..at]);
        let ordinal = ["st", "nd", "rd", "th"]
            .iter()
            .any(|end| behind.starts_with(end));
        if ordinal {
            fresh.push_str(number);
        } else {
            for (place, figure) in number.chars().enumerate() {
                let first = place == 0;
                let drawn = char::from(b'0' + random.random_range(u8::from(first)..10));
                fresh.push(if first && figure == '0' { '0' } else { drawn });
            }
        }
        rest = behind;
    }
    fresh + rest
}

/// A word nobody has yet: a neighbour's letters with two figures behind it.
pub(super) fn blended_word(texts: &[&str]) -> String {
    let mut random = rand::rng();
    let word = texts.choose(&mut random).copied().unwrap_or("service");
    let letters = word.trim_end_matches(|c: char| c.is_ascii_digit());
    format!("{letters}{}", random.random_range(10..100))
}

/// A number reserved for fiction, in the neighbours' country: NANP 555-0100 to 0199, Ofcom
/// 07700 900000 to 900999, Bundesnetzagentur 030 23125000 to 23125999. It is written with the template's separators where the digits fit.
pub(super) fn reserved_number(template: &str, texts: &[&str]) -> String {
    let british = texts.iter().filter(|text| text.starts_with("+44")).count() * 2 > texts.len();
    let mut random = rand::rng();
    if british {
        let number = format!("447700900{:03}", random.random_range(0..1_000));
        return written_as(template, &number).unwrap_or(format!("+{number}"));
    }
    let german = texts.iter().filter(|text| text.starts_with("+49")).count() * 2 > texts.len();
    if german {
        let ending = random.random_range(0..1_000);
        let blank = if template.contains(' ') { " " } else { "" };
        return format!("+49{blank}30{blank}23125{ending:03}");
    }
    let foreign = template.starts_with('+') && !template.starts_with("+1");
    let area = texts
        .iter()
        .find_map(|text| {
            text.strip_prefix("+1")?
                .get(..3)
                .filter(|a| a.bytes().all(|b| b.is_ascii_digit()))
        })
        .unwrap_or("202");
    let number = format!("1{area}55501{:02}", random.random_range(0..100));
    let alike = || written_as(template, &number).or_else(|| written_as(template, &number[1..]));
    let written = if foreign { None } else { alike() };
    written.unwrap_or(format!("+{number}"))
}

/// The digits in the places of another number's digits, if there are as many.
fn written_as(template: &str, digits: &str) -> Option<String> {
    let places = template.bytes().filter(u8::is_ascii_digit).count();
    if places != digits.len() {
        return None;
    }
    let mut digits = digits.chars();
    let put = template.chars().map(|c| {
        if c.is_ascii_digit() {
            digits.next().unwrap_or(c)
        } else {
            c
        }
    });
    Some(put.collect())
}

pub(super) fn random_blob(like: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; like.len()];
    rand::fill(&mut bytes[..]);
    if let (16, Ok(uuid)) = (like.len(), Uuid::from_slice(like))
        && uuid.get_variant() == uuid::Variant::RFC4122
    {
        return fresh(&uuid).into_bytes().to_vec();
    }
    bytes
}

fn fresh(like: &Uuid) -> Uuid {
    if like.get_version_num() == 7 {
        Uuid::now_v7()
    } else {
        Uuid::new_v4()
    }
}

pub(super) fn fresh_uuid(like: &Uuid, written: &str) -> String {
    let uuid = fresh(like);
    let text = if written.contains('-') {
        uuid.hyphenated().to_string()
    } else {
        uuid.simple().to_string()
    };
    if written.bytes().any(|byte| byte.is_ascii_uppercase()) {
        text.to_uppercase()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_separators() {
        let written = reserved_number("(415) 555-1234", &["(415) 555-1234"]);
        assert!(written.starts_with("(202) 555-01"), "{written}");
        let british = reserved_number("+44 20 7946 0958", &["+44 20 7946 0958"]);
        assert!(british.starts_with("+44 77 0090 0"), "{british}");
    }

    #[test]
    fn figures_are_drawn_anew_and_ordinals_stay() {
        assert_eq!(digits_anew("no digits"), "no digits");
        assert!(!digits_anew("1 Road").starts_with('0'));
        assert!(digits_anew("8120 4th Street").ends_with(" 4th Street"));
    }
}
