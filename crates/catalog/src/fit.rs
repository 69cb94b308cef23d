//! Matching a text against a format: shape first, then checksums.

use crate::aws;
use crate::format::{BASE62, Piece, crc32_base62};

/// How a text fits a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fit {
    /// Not at all.
    No,
    /// Its shape does, its checksum does not.
    Shape,
    /// Wholly.
    Full,
}

/// Matches the rest of the pieces against `text[at..]`, with backtracking kept within `budget`.
pub(crate) fn fit(
    pieces: &[Piece],
    text: &str,
    at: usize,
    literal_end: usize,
    budget: &mut u32,
) -> Fit {
    if *budget == 0 {
        return Fit::No;
    }
    *budget -= 1;
    let Some((piece, rest)) = pieces.split_first() else {
        return if at == text.len() { Fit::Full } else { Fit::No };
    };
    let left = &text[at..];
    let mut follow =
        |length: usize, literal_end: usize| fit(rest, text, at + length, literal_end, budget);
    match piece {
        Piece::Literal(literal) if left.starts_with(&**literal) => {
            follow(literal.len(), at + literal.len())
        }
        Piece::Literal(_) => Fit::No,
        Piece::Draw { alphabet, min, max } => {
            let run = left
                .bytes()
                .take(*max)
                .take_while(|byte| alphabet.contains(byte))
                .count();
            best((*min..=run).rev().map(|length| follow(length, literal_end)))
        }
        Piece::Crc32Base62 { width } => {
            let Some(sum) = left
                .get(..*width)
                .filter(|sum| sum.bytes().all(|byte| BASE62.contains(&byte)))
            else {
                return Fit::No;
            };
            let right = crc32_base62(&text.as_bytes()[literal_end..at], *width) == sum.as_bytes();
            follow(*width, literal_end).min(if right { Fit::Full } else { Fit::Shape })
        }
        Piece::AwsKey { .. } => match left.get(..16).map(aws::fit_key_body) {
            Some(found) => follow(16, literal_end).min(found),
            None => Fit::No,
        },
        Piece::AwsAccount => match left.get(..12).map(aws::fit_account) {
            Some(found) => follow(12, literal_end).min(found),
            None => Fit::No,
        },
        Piece::Uuid => match left.get(..36).map(uuid::Uuid::try_parse) {
            Some(Ok(_)) => follow(36, literal_end),
            _ => Fit::No,
        },
        // Free text at the end takes all that is left.
        _ if rest.is_empty() && !left.is_empty() => Fit::Full,
        Piece::Words { .. } | Piece::Date(_) => {
            let run = left
                .bytes()
                .take_while(|byte| {
                    byte.is_ascii_lowercase()
                        || byte.is_ascii_digit()
                        || matches!(byte, b'-' | b'/')
                })
                .count();
            best((1..=run).rev().map(|length| follow(length, literal_end)))
        }
        // Free text: the shortest stretch that lets the rest fit.
        _ => best(
            (1..=left.len())
                .filter(|end| left.is_char_boundary(*end))
                .map(|length| follow(length, literal_end)),
        ),
    }
}

fn best(fits: impl Iterator<Item = Fit>) -> Fit {
    let mut best = Fit::No;
    for fit in fits {
        best = best.max(fit);
        if best == Fit::Full {
            break;
        }
    }
    best
}
