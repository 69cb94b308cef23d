//! What is looked for: six characters of each value, and keyed hashes of the whole.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use crate::Encoding;

/// Characters that are looked up at a time.
pub(crate) const GRAM: usize = 6;
/// A value needs so many letters and digits to be looked for: fewer turn up by chance.
pub const SHORTEST_NEEDLE: usize = 7;
/// Longest value that is looked for, in letters and digits.
const LONGEST: usize = 4096;
/// Bits of the filter for each value.
const BITS_EACH: usize = 32;

const MASK: u64 = (1 << (8 * GRAM)) - 1;

/// Collects values.
#[derive(Debug, Default)]
pub struct Gatherer {
    key: RandomState,
    grams: Vec<Gram>,
    wholes: Vec<Whole>,
}

/// Values to be looked for, none of them in readable form.
#[derive(Debug)]
pub struct Needles {
    key: RandomState,
    filter: Box<[u64]>,
    shift: u32,
    multiplier: u64,
    grams: Box<[Gram]>,
    wholes: Box<[Whole]>,
}

/// Six characters that some value has, read in whichever direction sorts first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Gram {
    gram: u64,
    offset: u16,
    length: u16,
}

#[derive(Clone, Copy, Debug)]
struct Whole {
    /// Of letters and digits, in lower case.
    folded: u64,
    /// Of letters and digits as they are.
    tight: u32,
    /// From the first to the last letter or digit, in lower case.
    cased: u32,
    /// From the first to the last letter or digit, as it is.
    exact: u32,
    tag: u32,
}

impl Gatherer {
    /// Adds a value under a tag; several may have the same. False if it is too short or too long to be
    /// looked for.
    pub fn add(&mut self, tag: u32, value: &str) -> bool {
        let bytes = value.as_bytes();
        let (folded, at) = tighten(bytes);
        let length = folded.len();
        if !(SHORTEST_NEEDLE..=LONGEST).contains(&length) {
            return false;
        }
        let offset = most_telling(&folded);
        let mut grams = Grams::default();
        let gram = folded[offset..offset + GRAM]
            .iter()
            .fold(0, |_, byte| grams.push(*byte));
        let exact = &bytes[at[0] as usize..=at[length - 1] as usize];
        // Both fit: they are at most LONGEST.
        let short = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
        self.grams.push(Gram {
            gram,
            offset: short(offset),
            length: short(length),
        });
        self.wholes.push(Whole {
            folded: hash(&self.key, &folded),
            tight: half(hash(&self.key, &letters(exact))),
            cased: half(hash(&self.key, &exact.to_ascii_lowercase())),
            exact: half(hash(&self.key, exact)),
            tag,
        });
        true
    }

    /// Puts what was gathered in order.
    #[must_use]
    pub fn finish(self) -> Needles {
        let Self {
            key,
            mut grams,
            mut wholes,
        } = self;
        grams.sort_unstable();
        grams.dedup();
        wholes.sort_unstable_by_key(|whole| (whole.folded, whole.tag));
        let bits = (grams.len() * BITS_EACH).next_power_of_two().max(1 << 15);
        let mut needles = Needles {
            multiplier: key.hash_one(0) | 1,
            key,
            filter: vec![0; bits / 64].into(),
            shift: 64 - bits.trailing_zeros(),
            grams: grams.into(),
            wholes: wholes.into(),
        };
        for at in 0..needles.grams.len() {
            let (word, bit) = needles.place(needles.grams[at].gram);
            needles.filter[word] |= bit;
        }
        needles
    }
}

impl Needles {
    /// Whether there is nothing to look for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.wholes.is_empty()
    }

    /// How many values are looked for.
    #[must_use]
    pub fn len(&self) -> usize {
        self.wholes.len()
    }

    #[inline]
    fn place(&self, gram: u64) -> (usize, u64) {
        // The upper bits of a product depend on all bits of the gram; at most 63 of them are kept.
        let place = gram.wrapping_mul(self.multiplier) >> self.shift;
        (usize::try_from(place >> 6).unwrap_or(0), 1 << (place & 63))
    }

    /// False only if no value has these six characters at its place.
    #[inline]
    pub(crate) fn possibly(&self, gram: u64) -> bool {
        let (word, bit) = self.place(gram);
        self.filter.get(word).is_some_and(|bits| bits & bit != 0)
    }

    /// Where in values of which length these six characters stand.
    pub(crate) fn lengths(&self, gram: u64) -> impl Iterator<Item = (usize, usize)> + use<> {
        let first = self.grams.partition_point(|known| known.gram < gram);
        let count = self.grams[first..].partition_point(|known| known.gram == gram);
        let known: Vec<Gram> = self.grams[first..first + count].to_vec();
        known
            .into_iter()
            .map(|known| (usize::from(known.offset), usize::from(known.length)))
    }

    /// The values that `stretch` is, and how they were written.
    pub(crate) fn matches(
        &self,
        stretch: &[u8],
        written: &[u8],
        backwards: bool,
    ) -> Vec<(u32, Vec<Encoding>)> {
        let turned: Vec<u8>;
        let folded = if backwards {
            turned = stretch.iter().rev().copied().collect();
            hash(&self.key, &turned)
        } else {
            hash(&self.key, stretch)
        };
        let first = self.wholes.partition_point(|whole| whole.folded < folded);
        let found = self.wholes[first..]
            .iter()
            .take_while(|whole| whole.folded == folded);
        found
            .map(|whole| (whole.tag, self.ways(whole, written, backwards)))
            .collect()
    }

    fn ways(&self, whole: &Whole, written: &[u8], backwards: bool) -> Vec<Encoding> {
        let mut written = written.to_vec();
        let mut ways = Vec::new();
        if backwards {
            written.reverse();
            ways.push(Encoding::Reversed);
        }
        if half(hash(&self.key, &written)) == whole.exact {
            return ways;
        }
        if half(hash(&self.key, &written.to_ascii_lowercase())) != whole.cased {
            ways.push(Encoding::Split);
        }
        if half(hash(&self.key, &letters(&written))) != whole.tight {
            ways.push(Encoding::Case);
        }
        ways
    }
}

/// Six characters passing by, in both directions at once.
#[derive(Clone, Copy, Default)]
pub(crate) struct Grams {
    forward: u64,
    backward: u64,
}

impl Grams {
    /// Takes one more; the last six, in the direction that sorts first.
    #[inline]
    pub(crate) fn push(&mut self, byte: u8) -> u64 {
        self.forward = ((self.forward << 8) | u64::from(byte)) & MASK;
        self.backward = (self.backward >> 8) | (u64::from(byte) << (8 * (GRAM - 1)));
        self.forward.min(self.backward)
    }
}

/// Letters and digits in lower case, 0 for all others.
static FOLDED: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0u8;
    while byte < 128 {
        if byte.is_ascii_alphanumeric() {
            table[byte as usize] = byte.to_ascii_lowercase();
        }
        byte += 1;
    }
    table
};

/// The letters and digits of a text in lower case, and where they were.
pub(crate) fn tighten(text: &[u8]) -> (Vec<u8>, Vec<u32>) {
    let mut tight = vec![0; text.len()];
    let mut at = vec![0; text.len()];
    let mut count = 0;
    for (place, byte) in (0u32..).zip(text) {
        let folded = FOLDED[usize::from(*byte)];
        tight[count] = folded;
        at[count] = place;
        count += usize::from(folded != 0);
    }
    tight.truncate(count);
    at.truncate(count);
    (tight, at)
}

fn letters(text: &[u8]) -> Vec<u8> {
    let kept = text.iter().filter(|byte| byte.is_ascii_alphanumeric());
    kept.copied().collect()
}

fn hash(key: &RandomState, bytes: &[u8]) -> u64 {
    let mut hasher = key.build_hasher();
    hasher.write(bytes);
    hasher.finish()
}

#[expect(clippy::cast_possible_truncation, reason = "half of it is meant")]
fn half(hash: u64) -> u32 {
    hash as u32
}

/// Where the six characters begin that turn up least elsewhere: letters mixed with digits, few alike.
fn most_telling(folded: &[u8]) -> usize {
    let score = |window: &[u8]| {
        let digits = window.iter().filter(|byte| byte.is_ascii_digit()).count();
        let mut sorted = [0; GRAM];
        sorted.copy_from_slice(window);
        sorted.sort_unstable();
        let different = 1 + sorted.windows(2).filter(|pair| pair[0] != pair[1]).count();
        2 * different + 3 * digits.min(GRAM - digits)
    };
    let windows = folded.windows(GRAM).take(96).map(score).enumerate();
    // Of equals the last: what a format begins with is more often the same.
    windows
        .max_by_key(|(_, score)| *score)
        .map_or(0, |(at, _)| at)
}
