//! Which drawn values are thrown back: those that scanners and people take for samples, words or
//! patterns (reference: realism, sections 3 and 4).

use std::sync::LazyLock;

use crate::words::STOP_WORDS;

/// What a field asks of its values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    /// No stop words, runs or sequences, and no `-` or `_` at the end.
    pub(crate) clean: bool,
    /// Least Shannon entropy, bits a character.
    pub(crate) entropy: f64,
    /// Least number of digits in the drawn part.
    pub(crate) digits: u32,
    /// Least number of lower-case letters in the drawn part.
    pub(crate) lower: u32,
    /// Least number of upper-case letters in the drawn part.
    pub(crate) upper: u32,
}

impl Rules {
    /// Whether `value` may be used; `drawn` are the stretches of it that were drawn at random.
    pub(crate) fn accept(&self, value: &str, drawn: &[(usize, usize)]) -> bool {
        if self.clean {
            if value.ends_with(['-', '_']) {
                return false;
            }
            if drawn
                .iter()
                .any(|(start, end)| looks_made_up(&value.as_bytes()[*start..*end]))
            {
                return false;
            }
        }
        if self.entropy > 0.0 && entropy(value.as_bytes()) < self.entropy {
            return false;
        }
        let count = |is: fn(&u8) -> bool| {
            drawn
                .iter()
                .map(|(start, end)| {
                    value.as_bytes()[*start..*end]
                        .iter()
                        .filter(|byte| is(byte))
                        .count()
                })
                .sum::<usize>()
        };
        (self.digits == 0 || count(u8::is_ascii_digit) >= self.digits as usize)
            && (self.lower == 0 || count(u8::is_ascii_lowercase) >= self.lower as usize)
            && (self.upper == 0 || count(u8::is_ascii_uppercase) >= self.upper as usize)
    }
}

/// Shannon entropy in bits a byte.
pub(crate) fn entropy(bytes: &[u8]) -> f64 {
    static WEIGHTS: LazyLock<Vec<f64>> = LazyLock::new(|| {
        (0..=1024u32)
            .map(|count| f64::from(count) * f64::from(count.max(1)).log2())
            .collect()
    });
    let bytes = &bytes[..bytes.len().min(1024)];
    if bytes.is_empty() {
        return 0.0;
    }
    let mut counts = [0u16; 256];
    for byte in bytes {
        counts[usize::from(*byte)] += 1;
    }
    let weight: f64 = counts
        .iter()
        .filter(|count| **count > 1)
        .map(|count| WEIGHTS[usize::from(*count)])
        .sum();
    let length = bytes.len() as f64;
    length.log2() - weight / length
}

/// Whether a drawn stretch holds a run (`aaaa`), a sequence (`abcde`, `54321`) or a word.
pub(crate) fn looks_made_up(bytes: &[u8]) -> bool {
    let (mut same, mut up, mut down) = (1, 1, 1);
    for pair in bytes.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        same = if a == b { same + 1 } else { 1 };
        up = if b == a.wrapping_add(1) { up + 1 } else { 1 };
        down = if a == b.wrapping_add(1) { down + 1 } else { 1 };
        if same >= 4 || up >= 5 || down >= 5 {
            return true;
        }
    }
    holds_word(bytes)
}

/// The stop words by their first four letters, with a bit for each such start.
struct Starts {
    bits: Vec<u64>,
    words: Vec<(u32, &'static [u8])>,
}

fn start_of(letters: [u8; 4]) -> u32 {
    letters
        .iter()
        .fold(0, |code, letter| code * 26 + u32::from(letter - b'a'))
}

static STARTS: LazyLock<Starts> = LazyLock::new(|| {
    let mut starts = Starts {
        bits: vec![0; 26usize.pow(4).div_ceil(64)],
        words: Vec::new(),
    };
    for word in STOP_WORDS {
        let Some(Ok(letters)) = word.as_bytes().get(..4).map(<[u8; 4]>::try_from) else {
            continue;
        };
        let code = start_of(letters);
        starts.bits[code as usize / 64] |= 1 << (code % 64);
        starts.words.push((code, word.as_bytes()));
    }
    starts.words.sort_unstable();
    starts
});

fn holds_word(bytes: &[u8]) -> bool {
    let starts = &*STARTS;
    let (mut letters, mut code) = (0, 0u32);
    for (at, byte) in bytes.iter().enumerate() {
        let letter = byte.to_ascii_lowercase();
        if !letter.is_ascii_lowercase() {
            (letters, code) = (0, 0);
            continue;
        }
        letters += 1;
        code = (code * 26 + u32::from(letter - b'a')) % 26u32.pow(4);
        if letters >= 4 && starts.bits[code as usize / 64] >> (code % 64) & 1 == 1 {
            let rest = &bytes[at - 3..];
            let first = starts.words.partition_point(|(start, _)| *start < code);
            let found = starts.words[first..]
                .iter()
                .take_while(|(start, _)| *start == code)
                .any(|(_, word)| {
                    rest.get(..word.len())
                        .is_some_and(|head| head.eq_ignore_ascii_case(word))
                });
            if found {
                return true;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throws_back_what_looks_made_up() {
        for bad in [
            "x9aaaa7k",
            "q1abcde9",
            "k54321zz",
            "9xPasswordk",
            "zzDATA19",
            "7testQ",
        ] {
            assert!(looks_made_up(bad.as_bytes()), "{bad}");
        }
        for good in ["9fK2xQ7bLm3", "a81f0c77d92e", "T3BlbkFJ"] {
            assert!(!looks_made_up(good.as_bytes()), "{good}");
        }
    }

    #[test]
    fn entropy_is_shannons() {
        assert!((entropy(b"abcd") - 2.0).abs() < 1e-9);
        assert!(entropy(b"aaaa").abs() < 1e-9);
        assert!((entropy(b"aabb") - 1.0).abs() < 1e-9);
    }

    #[test]
    fn counts_only_what_was_drawn() {
        let rules = Rules {
            digits: 2,
            ..Rules::default()
        };
        assert!(!rules.accept("12ab3", &[(2, 5)]));
        assert!(rules.accept("12ab34", &[(2, 6)]));
    }
}
