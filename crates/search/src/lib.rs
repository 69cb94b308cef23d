//! Finds known values in any text, however they were written down: plain, in another case, split by
//! blanks, quotes or line ends, backwards, in base 64, hexadecimal or escapes, one inside another.
//!
//! Rule: the cost follows the text. Letters and digits of the text, in one case and without all that
//! stands between them, pass by once; six of them at a time are looked up in a small filter that says
//! whether some value has those six at its most telling place, and only then is the whole compared, by
//! keyed hash. Text that decodes to something readable is searched in the same way, to a bounded depth
//! and size. No value is kept, only six characters of each and hashes under a key of this run.

mod decode;
mod escape;
mod needles;

pub use needles::{Gatherer, Needles, SHORTEST_NEEDLE};

use needles::{GRAM, Grams};

/// How deep values may be wrapped: base 64 in escapes in base 64 is three.
const DEEPEST: usize = 4;
/// Decoded bytes that are searched, for each byte of the text.
const MOST_DECODED: usize = 24;

/// One way in which a value was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Encoding {
    /// Base 64, either alphabet, any alignment.
    Base64,
    /// Hexadecimal, either case, with or without `0x` and colons.
    Hex,
    /// Escapes: `%41`, `\u0041`, `\x41`, `&#65;`, terminal colours, tags in between.
    Escaped,
    /// Quoted-printable, as in mail.
    QuotedPrintable,
    /// Last character first.
    Reversed,
    /// With blanks, quotes, punctuation or line ends in between.
    Split,
    /// Upper and lower case changed.
    Case,
}

impl Encoding {
    /// Its name.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Base64 => "base64",
            Self::Hex => "hex",
            Self::Escaped => "escaped",
            Self::QuotedPrintable => "quoted-printable",
            Self::Reversed => "reversed",
            Self::Split => "split",
            Self::Case => "case changed",
        }
    }
}

/// A known value that was found in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// What the value was added with.
    pub tag: u32,
    /// Where in the text it, or what it is wrapped in, begins: bytes from 0.
    pub start: usize,
    /// How it was written, the outermost first; empty if plain.
    pub encodings: Vec<Encoding>,
}

/// What came of one text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sightings {
    /// What was found, by place; each value once for a place, in its simplest reading.
    pub found: Vec<Sighting>,
    /// The text held so much that decodes to more text that not all of it was followed.
    pub cut: bool,
}

impl Needles {
    /// Searches a text. Bounded and free of panics for any bytes; at most 4 GiB at once.
    #[must_use]
    pub fn search(&self, text: &[u8]) -> Sightings {
        let mut search = Search {
            needles: self,
            budget: text.len().saturating_mul(MOST_DECODED) + (1 << 20),
            wrapped: Vec::new(),
            depth: 0,
            out: Sightings::default(),
        };
        if !self.is_empty() {
            search.look(text, Places::Same);
        }
        let mut out = search.out;
        out.found
            .sort_by_key(|found| (found.tag, found.start, found.encodings.len()));
        // `%67%68` is hexadecimal too, a character further on: two readings of one writing.
        out.found.dedup_by(|next, found| {
            next.tag == found.tag && next.start - found.start < SHORTEST_NEEDLE
        });
        out.found.sort_by_key(|found| (found.start, found.tag));
        out
    }
}

/// Where the bytes of a text were in the text it came out of.
#[derive(Clone, Copy)]
pub(crate) enum Places<'a> {
    /// It is that text.
    Same,
    /// One place a byte.
    At(&'a [u32]),
}

impl Places<'_> {
    fn of(self, index: usize) -> u32 {
        match self {
            Self::Same => u32::try_from(index).unwrap_or(u32::MAX),
            Self::At(places) => places.get(index).copied().unwrap_or(u32::MAX),
        }
    }
}

struct Search<'a> {
    needles: &'a Needles,
    /// Decoded bytes that may still be searched.
    budget: usize,
    /// What the present text is wrapped in, the outermost first.
    wrapped: Vec<Encoding>,
    depth: usize,
    out: Sightings,
}

impl Search<'_> {
    fn look(&mut self, text: &[u8], places: Places<'_>) {
        self.match_needles(text, places);
        if self.depth >= DEEPEST || text.len() < SHORTEST_NEEDLE * 4 / 3 {
            return;
        }
        for (encoding, decode) in decode::DECODERS {
            decode(text, &mut |plain, from, backwards| {
                let ways = [Encoding::Reversed, *encoding];
                self.enter(&ways[usize::from(!backwards)..], plain, from, places);
            });
        }
        escape::unescape(text, &mut |plain, from| {
            self.enter(&[Encoding::Escaped], plain, from, places);
        });
        escape::unquote(text, &mut |plain, from| {
            self.enter(&[Encoding::QuotedPrintable], plain, from, places);
        });
    }

    /// Searches what a stretch decodes to; `from` says where in the stretch each byte was.
    fn enter(&mut self, ways: &[Encoding], plain: &[u8], from: &[u32], places: Places<'_>) {
        let Some(left) = self.budget.checked_sub(plain.len()) else {
            self.out.cut = true;
            return;
        };
        self.budget = left;
        self.depth += 1;
        self.wrapped.extend_from_slice(ways);
        match places {
            Places::Same => self.look(plain, Places::At(from)),
            Places::At(_) => {
                let from: Vec<u32> = from.iter().map(|at| places.of(*at as usize)).collect();
                self.look(plain, Places::At(&from));
            }
        }
        self.wrapped.truncate(self.wrapped.len() - ways.len());
        self.depth -= 1;
    }

    fn match_needles(&mut self, text: &[u8], places: Places<'_>) {
        let (tight, at) = needles::tighten(text);
        let mut grams = Grams::default();
        for (last, character) in tight.iter().enumerate() {
            let gram = grams.push(*character);
            if self.needles.possibly(gram) && last + 1 >= GRAM {
                self.compare(text, places, (&tight, &at), last + 1 - GRAM, gram);
            }
        }
    }

    /// Compares whole values around six characters that one of them has at `start`.
    fn compare(
        &mut self,
        text: &[u8],
        places: Places<'_>,
        (tight, at): (&[u8], &[u32]),
        start: usize,
        gram: u64,
    ) {
        for (offset, length) in self.needles.lengths(gram) {
            for backwards in [false, true] {
                let before = if backwards {
                    length - offset - GRAM
                } else {
                    offset
                };
                let Some(first) = start.checked_sub(before) else {
                    continue;
                };
                let Some(stretch) = tight.get(first..first + length) else {
                    continue;
                };
                let (from, to) = (at[first] as usize, at[first + length - 1] as usize);
                let written = &text[from..=to];
                for (tag, ways) in self.needles.matches(stretch, written, backwards) {
                    let mut encodings = self.wrapped.clone();
                    encodings.extend(ways);
                    let start = places.of(from).min(places.of(to)) as usize;
                    self.out.found.push(Sighting {
                        tag,
                        start,
                        encodings,
                    });
                }
            }
        }
    }
}
