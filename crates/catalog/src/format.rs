//! Formats: `ghp_{base62:30}{crc32-base62:6}`. Compiled once, drawn many times, and matched. Every piece
//! is described in docs/KINDS.md; `{{` and `}}` are braces of the value itself.

use std::fmt::Write as _;

use lapwing_core::Timestamp;

use crate::dice::Dice;
use crate::fit::{self, Fit};
use crate::formats::checksum::Sum;
use crate::formats::filter::{self, Filter};
use crate::formats::made::Made;
use crate::formats::piece::piece;
use crate::locale::{self, Part};
use crate::words::PATH_WORDS;
use crate::{address::Address, aws, kind::Tables};

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
    ("upper-alnum", b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    (
        "letters",
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    ),
    ("base32", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
    ("lower-base32", b"abcdefghijklmnopqrstuvwxyz234567"),
    (
        "base58",
        b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz",
    ),
    ("base62", BASE62),
    (
        "base64",
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    ),
    // What `django-admin startproject` draws a SECRET_KEY from.
    (
        "django",
        b"abcdefghijklmnopqrstuvwxyz0123456789!@#$%^&*(-_=+)",
    ),
    (
        "base64url",
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
    ),
];

/// Longest handle, in bytes: the longest candidate a request is searched for.
pub(crate) const LONGEST_HANDLE: usize = crate::candidates::LONGEST;
/// Longest value of any field, in bytes: a key or a whole file.
pub(crate) const LONGEST: usize = 64 << 10;
/// How far back a canary's moment and made-up dates lie.
const TWO_YEARS: usize = 730 * 86_400;

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
        filters: Box<[Filter]>,
    },
    /// What depends on the locale, the person or the moment.
    Part(Part),
    /// Our address, as `[address]` chose it.
    Url,
    /// Its scheme, `https`.
    Scheme,
    /// Its host, without port.
    Host,
    /// Its port.
    Port,
    /// Its host, and its port if that is not the scheme's own.
    Authority,
    MailDomain,
    AwsAccount,
    AwsKey {
        account: usize,
    },
    Sum(Sum),
    Made(Made),
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
    pub(crate) address: Option<Address>,
    pub(crate) mail_domain: Option<String>,
    pub(crate) drawn: locale::Drawn<'a>,
    pub(crate) now: Timestamp,
    /// The moment the canary says it was made, once something asked for it: milliseconds.
    pub(crate) moment: Option<i64>,
}

impl Drawing<'_> {
    /// When the canary says it was made, in milliseconds: some time in the two years before now.
    pub(crate) fn moment(&mut self) -> i64 {
        let (now, dice) = (self.now, &mut self.dice);
        *self.moment.get_or_insert_with(|| {
            let back = dice.below(TWO_YEARS * 1000) as i64;
            now.seconds() * 1000 - back
        })
    }
}

impl Format {
    /// Compiles a format; an error is what is wrong, in words.
    pub(crate) fn compile(text: &str, names: Names<'_>) -> Result<Self, String> {
        let mut pieces = pieces(text, names)?;
        pieces.shrink_to_fit();
        let longest = longest(&pieces);
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
                Piece::Sum(sum) => {
                    let text = sum.of(out.as_bytes(), literal_end);
                    if !sum.is_liked(&text) {
                        return false;
                    }
                    out.push_str(&text);
                }
                Piece::Made(made) => {
                    if !made.draw(drawing, out) {
                        return false;
                    }
                }
                _ => self.draw_piece(piece, drawing, out),
            }
            // The first half of an AWS key id is the account: not chance, and not to be thrown back.
            let start = match piece {
                Piece::Draw { .. } | Piece::Sum(_) => start,
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
            Piece::Field { index, filters } => {
                let spelling = drawing.drawn.spelling();
                out.push_str(&filter::apply(filters, &drawing.values[*index], spelling));
            }
            Piece::Part(part) => part.draw(drawing, out),
            Piece::Port => {
                let port = drawing.address.as_ref().map_or("", Address::port);
                out.push_str(port);
            }
            Piece::Url | Piece::Scheme | Piece::Host | Piece::Authority => {
                let address = drawing.address.as_ref();
                out.push_str(address.map_or("", |address| part(address, piece)));
            }
            Piece::MailDomain => out.push_str(drawing.mail_domain.as_deref().unwrap_or_default()),
            Piece::AwsAccount => {
                let _ = write!(out, "{:012}", aws::draw_account(&mut drawing.dice));
            }
            Piece::AwsKey { account } => {
                let account = drawing.values[*account].parse().unwrap_or_default();
                out.push_str(&aws::draw_key_body(account, &mut drawing.dice));
            }
            Piece::Literal(_) | Piece::Sum(_) | Piece::Made(_) => {}
        }
    }

    /// How a text fits, whatever the fields it refers to are.
    pub(crate) fn fit(&self, text: &str) -> Fit {
        self.fit_with(text, None)
    }

    /// How a text fits, with the values of the fields above it if they are known.
    pub(crate) fn fit_with(&self, text: &str, values: Option<&[&str]>) -> Fit {
        if text.len() > LONGEST || !text.is_ascii() && self.is_ascii() {
            return Fit::No;
        }
        fit::Fitting::new(text, values).fit(&self.pieces, 0, 0)
    }

    /// Whether a value is nothing but what other fields, rows and our address make it: drawing it
    /// again would give the same.
    pub(crate) fn is_derived(&self) -> bool {
        !self.uses(|piece| {
            matches!(
                piece,
                Piece::Draw { .. }
                    | Piece::Words { .. }
                    | Piece::Uuid
                    | Piece::Date(_)
                    | Piece::Pick(_)
                    | Piece::AwsAccount
                    | Piece::AwsKey { .. }
                    | Piece::Part(_)
            ) || matches!(piece, Piece::Made(made) if !made.is_derived())
        })
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
                Piece::Made(made) => made.bits(),
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
                Piece::Sum(_) | Piece::AwsKey { .. } => 3,
                _ => 0,
            })
            .sum();
        literal >= 2
            && !self.uses(|piece| {
                matches!(
                    piece,
                    Piece::Url
                        | Piece::Scheme
                        | Piece::Host
                        | Piece::Port
                        | Piece::Authority
                        | Piece::Field { .. }
                        | Piece::Part(_)
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
                Piece::Sum(_) | Piece::AwsKey { .. } | Piece::AwsAccount
            ) || matches!(piece, Piece::Made(made) if made.has_checksum())
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
                    | Piece::Part(_)
                    | Piece::Url
                    | Piece::Host
                    | Piece::Authority
                    | Piece::MailDomain
            )
        })
    }
}

/// The pieces of a format, left to right.
fn pieces(text: &str, names: Names<'_>) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        literal.push_str(&rest[..at]);
        rest = &rest[at..];
        let brace = &rest[..1];
        if rest[1..].starts_with(brace) {
            literal.push_str(brace);
            rest = &rest[2..];
            continue;
        }
        if brace == "}" {
            return Err("a `}` without its `{`; write `}}` for the sign itself".to_owned());
        }
        let close = rest
            .find('}')
            .ok_or("a `{` without its `}`; write `{{` for the sign itself")?;
        if !literal.is_empty() {
            pieces.push(Piece::Literal(std::mem::take(&mut literal).into()));
        }
        pieces.push(piece(&rest[1..close], names)?);
        rest = &rest[close + 1..];
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal.into()));
    }
    Ok(pieces)
}

/// The longest value of pieces, as far as they alone decide it.
pub(crate) fn longest(pieces: &[Piece]) -> usize {
    pieces
        .iter()
        .map(|piece| match piece {
            Piece::Literal(text) => text.len(),
            Piece::Draw { max, .. } => *max,
            Piece::Made(made) => made.lengths().map_or(0, |(_, max)| max),
            _ => 0,
        })
        .sum()
}

/// The part of our address a piece asks for.
fn part<'a>(address: &'a Address, piece: &Piece) -> &'a str {
    match piece {
        Piece::Scheme => address.scheme(),
        Piece::Host => address.host(),
        Piece::Authority => address.authority(),
        _ => address.as_str(),
    }
}

fn push_date(format: &str, drawing: &mut Drawing<'_>, out: &mut String) {
    let back = i64::try_from(drawing.dice.below(TWO_YEARS)).unwrap_or_default();
    if let Ok(at) = jiff::Timestamp::from_second(drawing.now.seconds() - back) {
        let _ = write!(out, "{}", at.strftime(format));
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use rand::SeedableRng as _;

    use super::*;

    /// The time formats are drawn at in tests.
    pub(crate) const NOW: i64 = 1_780_000_000;

    /// A value of a format; the field `account` is `7304`.
    pub(crate) fn draw(format: &Format) -> String {
        let mut rng = rand::rngs::StdRng::from_rng(&mut rand::rng());
        let mut drawing = Drawing {
            dice: Dice::new(&mut rng),
            tables: &Tables::default(),
            rows: Vec::new(),
            values: vec!["7304".to_owned()],
            address: Address::parse("https://a.example.org:8443/x").ok(),
            mail_domain: None,
            drawn: locale::Scene::default().begin(0, Timestamp::from_micros(NOW * 1_000_000)),
            now: Timestamp::from_micros(NOW * 1_000_000),
            moment: None,
        };
        let mut out = String::new();
        while !format.draw(&mut drawing, &mut out, &mut Vec::new()) {
            out.clear();
        }
        out
    }

    pub(crate) fn compile(text: &str) -> Result<Format, String> {
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
        let sum = Sum::Base62 { width: 6 }.of(b"abc", 0);
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
            ("", "1 to 65536"),
            ("{hex:60000}{hex:60000}", "1 to 65536"),
            ("{field:account|rot13}", "no filter"),
            ("{checksum:none}", "no checksum"),
        ] {
            let error = compile(format).expect_err(format);
            assert!(error.contains(part), "{format}: {error}");
        }
    }

    #[test]
    fn braces_of_the_value_are_doubled() {
        let format = compile("{{\"id\":{field:account},\"u\":{{\"h\":\"{authority}\"}}}}")
            .expect("compiles");
        let value = draw(&format);
        assert_eq!(value, r#"{"id":7304,"u":{"h":"a.example.org:8443"}}"#);
        assert_eq!(format.fit(&value), Fit::Full);
        assert_eq!(format.fit_with(&value, Some(&["7304"])), Fit::Full);
        assert_eq!(format.fit_with(&value, Some(&["7305"])), Fit::No);
        assert_eq!(
            draw(&compile("{scheme} {host} {url}").expect("compiles")),
            "https a.example.org https://a.example.org:8443/x"
        );
    }
}
