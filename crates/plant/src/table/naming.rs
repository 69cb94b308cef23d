//! The words of a table's names: how often each is borne, and which a newcomer would bear. Names are taken
//! apart into words and put together again, so that frequencies hold and nobody is copied.

use std::collections::BTreeMap;

use rand::RngExt as _;
use rand::seq::{IndexedRandom as _, IteratorRandom as _};

use super::habit::{is_particle, joined, parts, stems, units};
use super::learn::ratio;
use super::people::{Case, Order, Person};

/// A word that more rows bear is drawn as it is.
const FEW: usize = 4;
/// In a table with fewer words a reader sees each of them: a minted one serves better there.
const TELLING: usize = 100;
/// How many pairs of words are tried to make a new one.
const PAIRS: usize = 400;
/// How many are spelt out to find one that fits.
const SPELT: usize = 50;
/// Words of one sort, and who bears them.
#[derive(Default)]
pub(crate) struct Words {
    /// By the word in small letters: how many bear it, and how it is written at its best.
    known: BTreeMap<String, (usize, String)>,
    /// Once for each who bears it.
    borne: Vec<String>,
}

impl Words {
    pub(crate) fn add(&mut self, name: &str) {
        for (_, unit) in parts(name) {
            let key = unit.to_lowercase();
            let (count, form) = self.known.entry(key.clone()).or_default();
            *count += 1;
            if form.is_empty() || Case::of(form) != Case::Mixed {
                *form = unit;
            }
            self.borne.push(key);
        }
    }

    fn count(&self, key: &str) -> usize {
        self.known.get(key).map_or(0, |(count, _)| *count)
    }

    /// A word as anybody's.
    pub(crate) fn any(&self, fresh: &mut Vec<String>) -> Option<String> {
        let word = self.borne.choose(&mut rand::rng())?;
        Some(self.like(word, fresh))
    }

    /// A word as rare as another is for the one who bears it. A word that `r` rows have is one that
    /// `r - 1` had when its last bearer came, and one that a single row has was new (Good and Turing): so
    /// new and rare names come as often as they do, and no rare one is used more than it is.
    pub(crate) fn like(&self, word: &str, fresh: &mut Vec<String>) -> String {
        let key = word.to_lowercase();
        let count = self.count(&key);
        let mut random = rand::rng();
        if count <= 1
            && let Some(new) = self.new_word(&key, fresh)
        {
            return new;
        }
        // Of a frequent word one bearer more or less is nothing.
        let rarer = match count {
            // It would have been new, and got company: one of those that have.
            0 | 1 => random.random_range(1..=2),
            count => count - 1,
        };
        let shifted = count <= FEW || random.random_bool(ratio(FEW, count));
        let alike = self.known.iter().filter(|(_, (of, _))| *of == rarer);
        let alike = alike.map(|(rarer, _)| rarer);
        let chosen = if shifted {
            alike.choose(&mut random)
        } else {
            None
        };
        self.written(chosen.unwrap_or(&key))
    }

    /// A word that no row has. Those that will stay alone are rare ones, made here; what gets company is
    /// common, as minted ones are.
    fn new_word(&self, key: &str, fresh: &mut Vec<String>) -> Option<String> {
        if self.borne.len() < TELLING {
            return self.minted(fresh);
        }
        if rand::rng().random_bool(self.lasting()) {
            return self.made(key).or_else(|| self.minted(fresh));
        }
        self.minted(fresh)
    }

    /// How many of the words that are new now are still alone when the table has grown to twice its size,
    /// as half the table and all of it show.
    fn lasting(&self) -> f64 {
        let half = &self.borne[..self.borne.len() / 2];
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for word in half {
            *counts.entry(word).or_default() += 1;
        }
        let alone = |counts: &mut dyn Iterator<Item = usize>| counts.filter(|of| *of == 1).count();
        let then = ratio(alone(&mut counts.into_values()), half.len());
        let now = ratio(
            alone(&mut self.known.values().map(|(of, _)| *of)),
            self.borne.len(),
        );
        if then > 0.0 {
            (now / then).clamp(0.0, 1.0)
        } else {
            1.0
        }
    }

    fn written(&self, key: &str) -> String {
        let form = self.known.get(key).map_or(key, |(_, form)| form.as_str());
        if Case::of(form) == Case::Mixed {
            form.to_owned()
        } else {
            capitalised(&form.to_lowercase())
        }
    }

    /// A minted word that no row has.
    fn minted(&self, fresh: &mut Vec<String>) -> Option<String> {
        let unseen = |minted: &String| self.count(&minted.to_lowercase()) == 0;
        std::iter::from_fn(|| fresh.pop()).find(unseen)
    }

    /// A word that no row has, about as long as the one it is for: made of two rare ones, or of their
    /// letters as they follow each other.
    fn made(&self, like: &str) -> Option<String> {
        let rare: Vec<Vec<char>> = self
            .known
            .iter()
            .filter(|(key, (count, _))| *count <= FEW && key.chars().all(char::is_alphabetic))
            .map(|(key, _)| key.chars().collect())
            .collect();
        let length = like.chars().count();
        let mut random = rand::rng();
        // The more two words share, the more the third is like them.
        for (joint, apart) in [(3, 0), (2, 0), (2, 1)] {
            for _ in 0..PAIRS {
                let (one, other) = (rare.choose(&mut random)?, rare.choose(&mut random)?);
                let made =
                    blended(one, other, joint).filter(|made| self.is_new(made, length, apart));
                if made.is_some() {
                    return made.map(|made| capitalised(&made));
                }
            }
            // Short words share too little.
            let spelt = std::iter::repeat_with(|| spelt(&rare))
                .take(if joint < 3 { SPELT } else { 0 })
                .flatten();
            let mut fitting = spelt.filter(|made| self.is_new(made, length, apart));
            if let Some(made) = fitting.next() {
                return Some(capitalised(&made));
            }
        }
        None
    }

    /// Whether no row has a word, which is so long or so much longer or shorter.
    fn is_new(&self, word: &str, length: usize, apart: usize) -> bool {
        word.chars().count().abs_diff(length) <= apart && self.count(word) == 0
    }
}

/// A word each of whose letters follows the two before it as it does in one of these words.
fn spelt(words: &[Vec<char>]) -> Option<String> {
    let mut random = rand::rng();
    let mut made: Vec<char> = words.choose(&mut random)?.iter().take(2).copied().collect();
    loop {
        let [.., one, two] = made.as_slice() else {
            return None;
        };
        let follows = |word: &Vec<char>| {
            let pairs = word
                .windows(2)
                .enumerate()
                .filter(|(_, pair)| pair == &[*one, *two]);
            let next: Vec<Option<char>> = pairs.map(|(at, _)| word.get(at + 2).copied()).collect();
            next
        };
        let next: Vec<Option<char>> = words.iter().flat_map(follows).collect();
        match next.choose(&mut random)? {
            Some(letter) => made.push(*letter),
            None => return Some(made.into_iter().collect()),
        }
    }
}

/// The head of one word and the tail of another, joined at so many letters that both have: `Holloway` and
/// `Halladay` give `Holladay`.
fn blended(one: &[char], other: &[char], joint: usize) -> Option<String> {
    let ends = |at: usize| {
        let meets = move |to: &usize| {
            one[at + 1 - joint..=at] == other[to + 1 - joint..=*to] && at.abs_diff(*to) <= 2
        };
        let joins = (joint..other.len().saturating_sub(2)).filter(meets);
        joins.map(move |to| (at, to))
    };
    let joins = (joint..one.len().saturating_sub(2)).flat_map(ends);
    let (at, to) = joins.choose(&mut rand::rng())?;
    let made: String = one[..=at].iter().chain(&other[to + 1..]).collect();
    let same = |word: &[char]| made.chars().eq(word.iter().copied());
    (!same(one) && !same(other)).then_some(made)
}

fn capitalised(name: &str) -> String {
    let word = |word: &str| {
        if is_particle(word) {
            return word.to_owned();
        }
        let mut letters = word.chars();
        let first = letters.next().into_iter().flat_map(char::to_uppercase);
        first.chain(letters).collect()
    };
    let words: Vec<String> = name.split(' ').map(word).collect();
    words.join(" ")
}

/// Which words of whole names begin them, and which end them.
#[derive(Default)]
pub(crate) struct Places {
    first: BTreeMap<String, usize>,
    last: BTreeMap<String, usize>,
}

impl Places {
    pub(crate) fn add(&mut self, whole: &str) {
        if let [first, .., last] = units(whole).as_slice() {
            *self.first.entry(first.to_lowercase()).or_default() += 1;
            *self.last.entry(last.to_lowercase()).or_default() += 1;
        }
    }

    /// Given names and family names of a whole name: words in the middle are what they mostly are at an end.
    pub(crate) fn person(&self, whole: &str) -> Person {
        if whole.contains(", ") {
            return Person::parse(whole);
        }
        let units = units(whole);
        let count = |of: &BTreeMap<String, usize>, unit: &String| {
            of.get(&unit.to_lowercase()).copied().unwrap_or(0)
        };
        let middle = units.iter().skip(1).take(units.len().saturating_sub(2));
        let given = middle.take_while(|unit| count(&self.first, unit) > count(&self.last, unit));
        let (given, family) = units.split_at((1 + given.count()).min(units.len()));
        Person {
            given: given.join(" "),
            family: family.join(" "),
        }
    }
}

/// Puts a new name together: given names like somebody's, family names as others have them.
pub(crate) fn newcomer(
    own: &Person,
    other: &Person,
    (given, family): (&Words, &Words),
    minted: Option<&Person>,
) -> Person {
    let fresh =
        |name: fn(&Person) -> &String| minted.map_or_else(Vec::new, |m| stems(name(m)).collect());
    let mut fresh_given = fresh(|person| &person.given);
    let mut fresh_family = fresh(|person| &person.family);
    let case = Case::of(&own.whole(Order::GivenFirst));
    let alike =
        |(before, part): (&'static str, String)| (before, given.like(&part, &mut fresh_given));
    let first = joined(parts(&own.given).into_iter().map(alike));
    let builds = if own.family.is_empty() {
        ""
    } else {
        &other.family
    };
    let anybodys =
        |(before, _): (&'static str, String)| Some((before, family.any(&mut fresh_family)?));
    let last = joined(parts(builds).into_iter().filter_map(anybodys));
    Person {
        given: case.write(&first),
        family: case.write(&last),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_names_come_apart_as_their_table_shows() {
        let mut places = Places::default();
        for name in [
            "José Peña",
            "Ana López",
            "Ana María Ruiz López",
            "María de la Cruz",
            "Luis Peña",
        ] {
            places.add(name);
        }
        for (whole, given, family) in [
            ("Ana María Ruiz López", "Ana María", "Ruiz López"),
            ("ana maría de la cruz peña", "ana maría", "de la cruz peña"),
            ("José López Peña", "José", "López Peña"),
            ("José", "José", ""),
            ("", "", ""),
        ] {
            let person = places.person(whole);
            assert_eq!(
                (person.given.as_str(), person.family.as_str()),
                (given, family),
                "{whole}"
            );
        }
    }

    #[test]
    fn rare_words_make_new_ones_and_frequent_ones_stay() {
        let mut words = Words::default();
        for name in [
            "Holloway", "Halladay", "smith", "Smith", "Smith", "Smith", "Smith",
        ] {
            words.add(name);
        }
        assert_eq!(words.like("SMITH", &mut Vec::new()), "Smith");
        let fresh = words.like("Holloway", &mut vec!["Okafor".to_owned()]);
        assert_eq!(fresh, "Okafor");
        for _ in 0..20 {
            let made = words.made("holloway").unwrap_or_default();
            assert!(["Holladay", "Halloway"].contains(&made.as_str()), "{made}");
        }
    }
}
