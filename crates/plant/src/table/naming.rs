//! The words of a table's names: how often each is borne, and which a newcomer would bear. Names are taken
//! apart into words and put together again, so that frequencies hold and nobody is copied.

use std::collections::BTreeMap;

use rand::RngExt as _;
use rand::seq::{IndexedRandom as _, IteratorRandom as _};

use super::learn::ratio;
use super::people::{Case, Order, Person};

/// A word that more rows bear is drawn as it is.
const FEW: usize = 4;
/// In a table with fewer words a reader sees each of them: a minted one serves better there.
const TELLING: usize = 100;
/// How many pairs of words are tried to make a new one.
const PAIRS: usize = 400;
/// Words that belong to the one behind.
const PARTICLES: [&str; 19] = [
    "af", "al", "da", "de", "del", "della", "den", "der", "di", "dos", "du", "la", "las", "le",
    "los", "ten", "van", "von", "zu",
];

/// A name's words; particles stand with theirs (`de la Cruz`).
pub(crate) fn units(name: &str) -> Vec<String> {
    let mut units: Vec<String> = Vec::new();
    let mut open = false;
    for word in name.split_whitespace() {
        match units.last_mut() {
            Some(last) if open => {
                last.push(' ');
                last.push_str(word);
            }
            _ => units.push(word.to_owned()),
        }
        open = PARTICLES.contains(&word.to_lowercase().as_str());
    }
    units
}

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
        for unit in units(name) {
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
        if count <= 1 {
            // New words that stay alone are rare ones; what gets company is common, as minted ones are.
            let alone = self.borne.len() >= TELLING && random.random_bool(self.lasting());
            let made = || self.made(&key);
            let new = if alone {
                made().or_else(|| self.minted(fresh))
            } else {
                self.minted(fresh)
            };
            if let Some(new) = new {
                return new;
            }
        }
        let wanted = count.saturating_sub(1).max(1);
        let rarer = self.known.iter().filter(|(_, (of, _))| *of == wanted);
        let rarer = rarer.map(|(rarer, _)| rarer);
        let chosen = if count <= FEW {
            rarer.choose(&mut random)
        } else {
            None
        };
        self.written(chosen.unwrap_or(&key))
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

    /// A word made of two rare ones, about as long as the one it is for, that no row has.
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
        for joint in [3, 2] {
            for _ in 0..PAIRS {
                let (one, other) = (rare.choose(&mut random)?, rare.choose(&mut random)?);
                let made = blended(one, other, joint);
                let made = made.filter(|made| made.chars().count().abs_diff(length) <= 1);
                if let Some(made) = made.filter(|made| self.count(made) == 0) {
                    return Some(capitalised(&made));
                }
            }
        }
        None
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
        if PARTICLES.contains(&word) {
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

/// Which words of a name of several go into logins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Share {
    #[default]
    All,
    First,
    Last,
}

impl Share {
    fn of(self, name: &str) -> String {
        let units = units(name);
        let unit = match self {
            Self::All => None,
            Self::First => units.first(),
            Self::Last => units.last(),
        };
        unit.map_or_else(|| name.to_owned(), Clone::clone)
    }
}

/// What a table's logins take of given names, and of family names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Habit {
    pub given: Share,
    pub family: Share,
}

impl Habit {
    /// Every habit there is, the plainest first.
    pub(crate) fn every() -> impl Iterator<Item = Self> {
        let shares = [Share::All, Share::First, Share::Last];
        shares.into_iter().flat_map(move |family| {
            let given = [Share::All, Share::First];
            given.into_iter().map(move |given| Self { given, family })
        })
    }

    /// The part of a name that a login is made of.
    pub(crate) fn shortened(self, person: &Person) -> Person {
        Person {
            given: self.given.of(&person.given),
            family: self.family.of(&person.family),
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
    let fresh = |name: fn(&Person) -> &String| minted.map_or_else(Vec::new, |m| units(name(m)));
    let mut fresh_given = fresh(|person| &person.given);
    let mut fresh_family = fresh(|person| &person.family);
    let case = Case::of(&own.whole(Order::GivenFirst));
    let first: Vec<String> = units(&own.given)
        .iter()
        .map(|unit| given.like(unit, &mut fresh_given))
        .collect();
    let count = if own.family.is_empty() {
        0
    } else {
        units(&other.family).len().max(1)
    };
    let mut last: Vec<String> = Vec::new();
    for _ in 0..count {
        last.extend(family.any(&mut fresh_family));
    }
    Person {
        given: case.write(&first.join(" ")),
        family: case.write(&last.join(" ")),
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
