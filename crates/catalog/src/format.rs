//! Formats: `ghp_{base62:30}{crc32-base62:6}`. Compiled once, drawn many times, and matched.
//!
//! Pieces: literals; `{alphabet:n}` or `{alphabet:n-m}` with the alphabets of [`ALPHABETS`];
//! `{words:n}` or `{words:n-m}` (joined by `-`); `{uuid}`; `{date:%Y/%m/%d}` (in the two years
//! before minting); `{pick:list}`; `{row:table.column}` (the same row for the whole canary, its cell a
//! format of its own); `{field:name}` and `{field:name|lower}` (also `slug`, `initial`); `{url}` (our
//! address); `{mail-domain}`; `{aws-account}`; `{aws-key:account-field}`; `{crc32-base62:6}` over what
//! was drawn since the last literal.

use std::fmt::Write as _;

use lapwing_core::Timestamp;

use crate::dice::Dice;
use crate::fit::{self, Fit};
use crate::words::PATH_WORDS;
use crate::{aws, kind::Tables};

pub(crate) const BASE62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Alphabets by name.
pub(crate) const ALPHABETS: &[(&str, &[u8])] = &[
    ("hex", b"0123456789abcdef"),
    ("upper-hex", b"0123456789ABCDEF"),
    ("digits", b"0123456789"),
    ("nonzero", b"123456789"),
    ("lower", b"abcdefghijklmnopqrstuvwxyz"),
    ("upper", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    ("alnum", b"0123456789abcdefghijklmnopqrstuvwxyz"),
    ("base32", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
    (
        "base58",
        b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz",
    ),
    ("base62", BASE62),
    (
        "base64",
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    ),
    (
        "base64url",
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
    ),
];

/// Longest value a format may give, in bytes: the longest candidate a request is searched for.
const LONGEST: usize = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filter {
    Plain,
    Lower,
    Slug,
    Initial,
}

#[derive(Clone, Debug)]
pub(crate) enum Piece {
    Literal(Box<str>),
    Draw {
        alphabet: &'static [u8],
        min: usize,
        max: usize,
    },
    Words {
        min: usize,
        max: usize,
    },
    Uuid,
    Date(Box<str>),
    Pick(usize),
    Row {
        table: usize,
        column: usize,
    },
    Field {
        index: usize,
        filter: Filter,
    },
    Url,
    MailDomain,
    AwsAccount,
    AwsKey {
        account: usize,
    },
    Crc32Base62 {
        width: usize,
    },
}

/// A compiled format.
#[derive(Clone, Debug)]
pub(crate) struct Format {
    pub(crate) text: String,
    pub(crate) pieces: Vec<Piece>,
}

/// What a format may refer to while it is compiled.
#[derive(Clone, Copy)]
pub(crate) struct Names<'a> {
    pub(crate) fields: &'a [String],
    pub(crate) tables: &'a Tables,
}

/// What a format draws from.
pub(crate) struct Drawing<'a> {
    pub(crate) dice: Dice<'a>,
    pub(crate) tables: &'a Tables,
    pub(crate) rows: Vec<Option<usize>>,
    pub(crate) values: Vec<String>,
    pub(crate) url: Option<String>,
    pub(crate) mail_domain: Option<String>,
    pub(crate) now: Timestamp,
}

impl Format {
    /// Compiles a format; an error is what is wrong, in words.
    pub(crate) fn compile(text: &str, names: Names<'_>) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            if open > 0 {
                pieces.push(Piece::Literal(rest[..open].into()));
            }
            let close = rest[open..].find('}').ok_or("a `{` without its `}`")? + open;
            pieces.push(piece(&rest[open + 1..close], names)?);
            rest = &rest[close + 1..];
        }
        if rest.contains('}') {
            return Err("a `}` without its `{`".to_owned());
        }
        if !rest.is_empty() {
            pieces.push(Piece::Literal(rest.into()));
        }
        let longest: usize = pieces
            .iter()
            .map(|piece| match piece {
                Piece::Literal(text) => text.len(),
                Piece::Draw { max, .. } => *max,
                _ => 0,
            })
            .sum();
        if pieces.is_empty() || longest > LONGEST {
            return Err(format!("it has to give 1 to {LONGEST} characters"));
        }
        Ok(Self {
            text: text.to_owned(),
            pieces,
        })
    }

    /// Draws a value into `out`, noting which stretches of it are random. False: draw again.
    pub(crate) fn draw(
        &self,
        drawing: &mut Drawing<'_>,
        out: &mut String,
        drawn: &mut Vec<(usize, usize)>,
    ) -> bool {
        let mut literal_end = out.len();
        for piece in &self.pieces {
            let start = out.len();
            match piece {
                Piece::Literal(text) => {
                    out.push_str(text);
                    literal_end = out.len();
                    continue;
                }
                Piece::Crc32Base62 { width } => {
                    let sum = crc32_base62(&out.as_bytes()[literal_end..], *width);
                    // A sum with a leading zero is rejected by a widespread decoder.
                    if sum.first() == Some(&b'0') {
                        return false;
                    }
                    out.extend(sum.iter().map(|byte| char::from(*byte)));
                }
                _ => self.draw_piece(piece, drawing, out),
            }
            // The first half of an AWS key id is the account: not chance, and not to be thrown back.
            let start = match piece {
                Piece::Draw { .. } | Piece::Crc32Base62 { .. } => start,
                Piece::AwsKey { .. } => out.len() - 8,
                _ => continue,
            };
            match drawn.last_mut() {
                Some((_, end)) if *end == start => *end = out.len(),
                _ => drawn.push((start, out.len())),
            }
        }
        true
    }

    fn draw_piece(&self, piece: &Piece, drawing: &mut Drawing<'_>, out: &mut String) {
        match piece {
            Piece::Draw { alphabet, min, max } => {
                for _ in 0..drawing.dice.between(*min, *max) {
                    out.push(char::from(alphabet[drawing.dice.below(alphabet.len())]));
                }
            }
            Piece::Words { min, max } => {
                for number in 0..drawing.dice.between(*min, *max) {
                    if number > 0 {
                        out.push('-');
                    }
                    out.push_str(drawing.dice.pick(PATH_WORDS).copied().unwrap_or_default());
                }
            }
            Piece::Uuid => {
                let id = uuid::Builder::from_random_bytes(drawing.dice.bytes()).into_uuid();
                let _ = write!(out, "{id}");
            }
            Piece::Date(format) => push_date(format, drawing, out),
            Piece::Pick(list) => {
                let tables = drawing.tables;
                out.push_str(
                    drawing
                        .dice
                        .pick(&tables.lists[*list].1)
                        .map_or("", String::as_str),
                );
            }
            Piece::Row { table, column } => {
                let tables = drawing.tables;
                let rows = &tables.tables[*table].rows;
                let row = drawing.rows[*table].unwrap_or_else(|| drawing.dice.below(rows.len()));
                drawing.rows[*table] = Some(row);
                rows[row][*column].draw(drawing, out, &mut Vec::new());
            }
            Piece::Field { index, filter } => push_filtered(&drawing.values[*index], *filter, out),
            Piece::Url => out.push_str(drawing.url.as_deref().unwrap_or_default()),
            Piece::MailDomain => out.push_str(drawing.mail_domain.as_deref().unwrap_or_default()),
            Piece::AwsAccount => {
                let _ = write!(out, "{:012}", aws::draw_account(&mut drawing.dice));
            }
            Piece::AwsKey { account } => {
                let account = drawing.values[*account].parse().unwrap_or_default();
                out.push_str(&aws::draw_key_body(account, &mut drawing.dice));
            }
            Piece::Literal(_) | Piece::Crc32Base62 { .. } => {}
        }
    }

    /// How a text fits.
    pub(crate) fn fit(&self, text: &str) -> Fit {
        if text.len() > LONGEST || !text.is_ascii() && self.is_ascii() {
            return Fit::No;
        }
        let mut budget = 100_000;
        fit::fit(&self.pieces, text, 0, 0, &mut budget)
    }

    /// Least bits of chance a value holds.
    pub(crate) fn bits(&self, tables: &Tables) -> f64 {
        self.pieces
            .iter()
            .map(|piece| match piece {
                Piece::Draw { alphabet, min, .. } => *min as f64 * (alphabet.len() as f64).log2(),
                Piece::Words { min, .. } => *min as f64 * (PATH_WORDS.len() as f64).log2(),
                Piece::Uuid => 122.0,
                Piece::Pick(list) => (tables.lists[*list].1.len() as f64).log2(),
                Piece::Row { table, .. } => (tables.tables[*table].rows.len() as f64).log2(),
                Piece::AwsKey { .. } => 39.0,
                _ => 0.0,
            })
            .sum()
    }

    /// Whether values are told by their shape alone: a checksum, or literals of two and more
    /// letters and digits. Only such formats can be said to claim a sample.
    pub(crate) fn is_distinctive(&self) -> bool {
        let literal: usize = self
            .pieces
            .iter()
            .map(|piece| match piece {
                Piece::Literal(text) => text.bytes().filter(u8::is_ascii_alphanumeric).count(),
                Piece::Crc32Base62 { .. } | Piece::AwsKey { .. } => 3,
                _ => 0,
            })
            .sum();
        literal >= 2
            && !self.uses(|piece| {
                matches!(
                    piece,
                    Piece::Url
                        | Piece::Field { .. }
                        | Piece::Row { .. }
                        | Piece::Pick(_)
                        | Piece::Words { .. }
                )
            })
    }

    pub(crate) fn has_checksum(&self) -> bool {
        self.uses(|piece| {
            matches!(
                piece,
                Piece::Crc32Base62 { .. } | Piece::AwsKey { .. } | Piece::AwsAccount
            )
        })
    }

    pub(crate) fn uses(&self, is: impl Fn(&Piece) -> bool) -> bool {
        self.pieces.iter().any(is)
    }

    fn is_ascii(&self) -> bool {
        !self.uses(|piece| {
            matches!(
                piece,
                Piece::Pick(_)
                    | Piece::Row { .. }
                    | Piece::Field { .. }
                    | Piece::Url
                    | Piece::MailDomain
            )
        })
    }
}

fn piece(inner: &str, names: Names<'_>) -> Result<Piece, String> {
    let (name, argument) = inner.split_once(':').unwrap_or((inner, ""));
    if let Some((_, alphabet)) = ALPHABETS.iter().find(|(known, _)| *known == name) {
        let (min, max) = range(argument)?;
        return Ok(Piece::Draw { alphabet, min, max });
    }
    let known_field = |name: &str| {
        names
            .fields
            .iter()
            .position(|field| field == name)
            .ok_or_else(|| format!("it refers to field {name:?}, which is not declared above it"))
    };
    Ok(match name {
        "words" => {
            let (min, max) = range(argument)?;
            Piece::Words { min, max }
        }
        "word" => Piece::Words { min: 1, max: 1 },
        "uuid" => Piece::Uuid,
        "date" => Piece::Date(date_format(argument)?.into()),
        "pick" => Piece::Pick(
            names
                .tables
                .list(argument)
                .ok_or_else(|| format!("there is no [list] {argument:?}"))?,
        ),
        "row" => {
            let (table, column) = argument
                .split_once('.')
                .ok_or("`{row:..}` wants table.column")?;
            let (table, column) = names
                .tables
                .column(table, column)
                .ok_or_else(|| format!("there is no column {argument:?} in a [[table]]"))?;
            Piece::Row { table, column }
        }
        "field" => {
            let (field, filter) = argument.split_once('|').unwrap_or((argument, ""));
            Piece::Field {
                index: known_field(field)?,
                filter: filter_named(filter)?,
            }
        }
        "url" => Piece::Url,
        "mail-domain" => Piece::MailDomain,
        "aws-account" => Piece::AwsAccount,
        "aws-key" => Piece::AwsKey {
            account: known_field(argument)?,
        },
        "crc32-base62" => {
            let (width, _) = range(argument)?;
            if width > 11 {
                return Err("a checksum is at most 11 characters wide".to_owned());
            }
            Piece::Crc32Base62 { width }
        }
        _ => {
            let alphabets: Vec<&str> = ALPHABETS.iter().map(|(name, _)| *name).collect();
            return Err(format!(
                "`{{{inner}}}` is no piece of a format; alphabets are {}",
                alphabets.join(", ")
            ));
        }
    })
}

fn range(argument: &str) -> Result<(usize, usize), String> {
    let (min, max) = argument.split_once('-').unwrap_or((argument, argument));
    match (min.parse(), max.parse()) {
        (Ok(min), Ok(max)) if min <= max && (1..=LONGEST).contains(&max) => Ok((min, max)),
        _ => Err(format!("{argument:?} is no length; write 32 or 20-26")),
    }
}

fn filter_named(name: &str) -> Result<Filter, String> {
    Ok(match name {
        "" => Filter::Plain,
        "lower" => Filter::Lower,
        "slug" => Filter::Slug,
        "initial" => Filter::Initial,
        _ => {
            return Err(format!(
                "{name:?} is no filter; there are lower, slug and initial"
            ));
        }
    })
}

fn date_format(format: &str) -> Result<&str, String> {
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        if !rest[at + 1..].starts_with(['Y', 'm', 'd', 'H', 'M', 'S', 'q']) {
            return Err("a date has only %Y %m %d %H %M %S".to_owned());
        }
        rest = &rest[at + 2..];
    }
    if format.contains('%') {
        Ok(format)
    } else {
        Err("a date wants a form, {date:%Y-%m}".to_owned())
    }
}

fn push_date(format: &str, drawing: &mut Drawing<'_>, out: &mut String) {
    const TWO_YEARS: usize = 730 * 86_400;
    let back = i64::try_from(drawing.dice.below(TWO_YEARS)).unwrap_or_default();
    if let Ok(at) = jiff::Timestamp::from_second(drawing.now.seconds() - back) {
        let _ = write!(out, "{}", at.strftime(format));
    }
}

fn push_filtered(value: &str, filter: Filter, out: &mut String) {
    match filter {
        Filter::Plain => out.push_str(value),
        Filter::Lower => out.extend(value.chars().flat_map(char::to_lowercase)),
        Filter::Initial => out.extend(
            value
                .chars()
                .next()
                .iter()
                .flat_map(|first| first.to_lowercase()),
        ),
        Filter::Slug => out.extend(value.chars().filter_map(|c| match c {
            c if c.is_ascii_alphanumeric() => Some(c.to_ascii_lowercase()),
            ' ' | '-' | '.' => Some('-'),
            _ => None,
        })),
    }
}

/// CRC-32 (ISO-HDLC) of `body` in base 62, padded with `0` on the left to `width`.
pub(crate) fn crc32_base62(body: &[u8], width: usize) -> Vec<u8> {
    let mut sum = crc32fast::hash(body) as usize;
    let mut out = vec![b'0'; width];
    for digit in out.iter_mut().rev() {
        *digit = BASE62[sum % 62];
        sum /= 62;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compile(text: &str) -> Result<Format, String> {
        let tables = Tables::default();
        Format::compile(
            text,
            Names {
                fields: &["account".to_owned()],
                tables: &tables,
            },
        )
    }

    #[test]
    fn matches_shapes_and_checksums() {
        let check = |format: &str, text: &str, expect: Fit| {
            assert_eq!(
                compile(format).expect(format).fit(text),
                expect,
                "{format} {text}"
            );
        };
        check("AC{hex:4}", "AC01af", Fit::Full);
        check("AC{hex:4}", "AC01aF", Fit::No);
        check("AC{hex:4}", "AC01af0", Fit::No);
        check("{lower:2-4}{digits:2}x", "abcd12x", Fit::Full);
        check("{alnum:2-4}{digits:2}", "ab1212", Fit::Full);
        check("{alnum:2-4}{digits:2}", "ab12121", Fit::No);
        let sum = String::from_utf8(crc32_base62(b"abc", 6)).expect("ASCII");
        check(
            "p_{lower:3}{crc32-base62:6}",
            &format!("p_abc{sum}"),
            Fit::Full,
        );
        check(
            "p_{lower:3}{crc32-base62:6}",
            &format!("p_abd{sum}"),
            Fit::Shape,
        );
        check(
            "{uuid}.png",
            "00000000-0000-4000-8000-000000000000.png",
            Fit::Full,
        );
        check("{words:1-2}/x", "invoice-report/x", Fit::Full);
        check(
            "{base62:1-340}{base62:1-340}{base62:1-340}!",
            &"a".repeat(1000),
            Fit::No,
        );
    }

    #[test]
    fn says_what_is_wrong_with_a_format() {
        for (format, part) in [
            ("a{hex:3", "without its"),
            ("a}b", "without its"),
            ("{hax:3}", "alphabets are"),
            ("{hex:9-3}", "no length"),
            ("{hex:x}", "no length"),
            ("{field:later}", "not declared above"),
            ("{row:a.b}", "no column"),
            ("", "1 to 1024"),
            ("{hex:1000}{hex:1000}", "1 to 1024"),
        ] {
            let error = compile(format).expect_err(format);
            assert!(error.contains(part), "{format}: {error}");
        }
    }

    #[test]
    fn the_checksum_is_githubs() {
        // CRC-32 of "123456789" is the standard's check value 0xcbf43926 = 3421780262.
        let sum = crc32_base62(b"123456789", 6);
        let back = sum.iter().fold(0u64, |n, c| {
            n * 62 + BASE62.iter().position(|b| b == c).expect("base62") as u64
        });
        assert_eq!(back, 0xcbf4_3926);
    }
}
