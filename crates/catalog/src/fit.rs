//! Matching a text against a format: shape first, then checksums.

use crate::aws;
use crate::format::Piece;
use crate::formats::filter;
use crate::formats::made::Made;
use crate::locale::Spelling;

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

/// Most steps of one match: backtracking stops there, and nothing fits.
const BUDGET: u32 = 100_000;

/// One text being matched.
pub(crate) struct Fitting<'a> {
    text: &'a str,
    /// The values of the fields above the one that is matched, if they are known.
    values: Option<&'a [&'a str]>,
    budget: u32,
}

impl<'a> Fitting<'a> {
    pub(crate) fn new(text: &'a str, values: Option<&'a [&'a str]>) -> Self {
        Self {
            text,
            values,
            budget: BUDGET,
        }
    }

    /// Matches the rest of the pieces against `text[at..]`. What was drawn last starts at `drawn`.
    pub(crate) fn fit(&mut self, pieces: &[Piece], at: usize, drawn: usize) -> Fit {
        let left = &self.text[at..];
        let Some((piece, rest)) = pieces.split_first() else {
            return if left.is_empty() { Fit::Full } else { Fit::No };
        };
        if let Piece::Literal(literal) = piece {
            let after = at + literal.len();
            return if left.starts_with(&**literal) {
                self.fit(rest, after, after)
            } else {
                Fit::No
            };
        }
        if self.budget == 0 {
            return Fit::No;
        }
        self.budget -= 1;
        match piece {
            Piece::Draw { alphabet, min, max } => {
                let run = left
                    .bytes()
                    .take(*max)
                    .take_while(|byte| alphabet.contains(byte))
                    .count();
                self.best(rest, at, drawn, (*min..=run).rev())
            }
            Piece::Sum(sum) => {
                let Some(text) = left.get(..sum.width()).filter(|text| sum.has_shape(text)) else {
                    return Fit::No;
                };
                let right = sum.of(&self.text.as_bytes()[..at], drawn) == text;
                let found = if right { Fit::Full } else { Fit::Shape };
                self.after(rest, at + text.len(), drawn, found)
            }
            Piece::Made(made) => self.made(made, rest, at, drawn),
            Piece::AwsKey { .. } => {
                let found = left.get(..16).map_or(Fit::No, aws::fit_key_body);
                self.after(rest, at + 16, drawn, found)
            }
            Piece::AwsAccount => {
                let found = left.get(..12).map_or(Fit::No, aws::fit_account);
                self.after(rest, at + 12, drawn, found)
            }
            Piece::Uuid => {
                let is_one = |text: &str| uuid::Uuid::try_parse(text).is_ok();
                let found = left.get(..36).is_some_and(is_one);
                self.after(
                    rest,
                    at + 36,
                    drawn,
                    if found { Fit::Full } else { Fit::No },
                )
            }
            Piece::Field { index, filters }
                if self.values.is_some() && !filter::is_local(filters) =>
            {
                let values = self.values.unwrap_or_default();
                let value = values.get(*index).unwrap_or(&"");
                let value = filter::apply(filters, value, Spelling::Plain);
                let found = left.starts_with(&value);
                let found = if found { Fit::Full } else { Fit::No };
                self.after(rest, at + value.len(), drawn, found)
            }
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
                self.best(rest, at, drawn, (1..=run).rev())
            }
            _ => self.free(rest, at, drawn),
        }
    }

    fn made(&mut self, made: &Made, rest: &[Piece], at: usize, drawn: usize) -> Fit {
        let left = &self.text[at..];
        let Some((min, max)) = made.lengths() else {
            return self.free(rest, at, drawn);
        };
        let mut best = Fit::No;
        for length in (min..=max.min(left.len())).rev() {
            let Some(text) = left.get(..length) else {
                continue;
            };
            let found = made.fit(text);
            best = best.max(self.after(rest, at + length, drawn, found));
            if best == Fit::Full {
                break;
            }
        }
        best
    }

    /// Free text: the shortest stretch that lets the rest fit.
    fn free(&mut self, rest: &[Piece], at: usize, drawn: usize) -> Fit {
        let text = self.text;
        let left = &text[at..];
        if rest.is_empty() {
            return if left.is_empty() { Fit::No } else { Fit::Full };
        }
        let lengths = (1..=left.len()).filter(move |end| text[at..].is_char_boundary(*end));
        self.best(rest, at, drawn, lengths)
    }

    /// The rest behind a piece that fits as `found`.
    fn after(&mut self, rest: &[Piece], at: usize, drawn: usize, found: Fit) -> Fit {
        match found {
            Fit::No => Fit::No,
            _ => self.fit(rest, at, drawn).min(found),
        }
    }

    /// The best of several lengths a piece may have.
    fn best(
        &mut self,
        rest: &[Piece],
        at: usize,
        drawn: usize,
        lengths: impl Iterator<Item = usize>,
    ) -> Fit {
        let mut best = Fit::No;
        for length in lengths {
            best = best.max(self.fit(rest, at + length, drawn));
            if best == Fit::Full {
                break;
            }
        }
        best
    }
}
