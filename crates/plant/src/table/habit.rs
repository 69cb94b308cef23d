//! Names taken apart, and a table's habits in making logins of them: which words of several it takes, what
//! becomes of particles and of letters with two dots.

use super::people::Person;

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
        open = is_particle(word);
    }
    units
}

pub(super) fn is_particle(word: &str) -> bool {
    PARTICLES.contains(&word.to_lowercase().as_str())
}

/// As [`units`], double names taken apart (`Weber-Koch`), each with what stands before it.
pub(super) fn parts(name: &str) -> Vec<(&'static str, String)> {
    let double = |unit: String| {
        let names: Vec<String> = unit.split('-').map(str::to_owned).collect();
        let whole = names.iter().any(|name| name.chars().count() < 3);
        if whole { vec![unit] } else { names }
    };
    let mut parts = Vec::new();
    for unit in units(name) {
        for (at, name) in double(unit).into_iter().enumerate() {
            parts.push((if at > 0 { "-" } else { " " }, name));
        }
    }
    parts
}

/// The words of a name that logins are made of, without particles.
pub(crate) fn stems(name: &str) -> impl Iterator<Item = String> {
    let bare = |(_, part): (&str, String)| bare(&part);
    parts(name).into_iter().map(bare)
}

/// A word without its particles.
fn bare(unit: &str) -> String {
    let words = unit.split(' ').skip_while(|word| is_particle(word));
    let words: Vec<&str> = words.collect();
    if words.is_empty() {
        unit.to_owned()
    } else {
        words.join(" ")
    }
}

/// Parts put together again.
pub(super) fn joined(parts: impl Iterator<Item = (&'static str, String)>) -> String {
    let joined: String = parts
        .flat_map(|(before, part)| [before.to_owned(), part])
        .collect();
    joined.trim_start().to_owned()
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
        let parts = parts(name);
        let part = match self {
            Self::All => None,
            Self::First => parts.first(),
            Self::Last => parts.last(),
        };
        part.map_or_else(|| name.to_owned(), |(_, part)| part.clone())
    }
}

/// What a table's logins take of given names, and of family names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Habit {
    pub given: Share,
    pub family: Share,
    pub umlauts: Umlauts,
    pub particles: Particles,
}

/// What becomes of `von`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Particles {
    #[default]
    Kept,
    Dropped,
}

impl Particles {
    fn of(self, name: String) -> String {
        if self == Self::Kept {
            return name;
        }
        let bare = parts(&name)
            .into_iter()
            .map(|(before, part)| (before, bare(&part)));
        joined(bare)
    }
}

/// What becomes of `ü` where letters are plain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Umlauts {
    /// `u`.
    #[default]
    Bare,
    /// `ue`.
    Spelt,
}

impl Umlauts {
    /// Letters that have two plain forms.
    pub(crate) const LETTERS: [(char, &str); 8] = [
        ('ä', "ae"),
        ('ö', "oe"),
        ('ü', "ue"),
        ('ø', "oe"),
        ('å', "aa"),
        ('Ä', "Ae"),
        ('Ö', "Oe"),
        ('Ü', "Ue"),
    ];

    pub(crate) fn of(self, name: String) -> String {
        if self == Self::Bare || name.is_ascii() {
            return name;
        }
        let letters = Self::LETTERS.into_iter();
        letters.fold(name, |name, (letter, spelt)| name.replace(letter, spelt))
    }
}

impl Habit {
    /// What is next to this habit: another share of each name, or another way with a letter.
    pub(crate) fn others(self) -> impl Iterator<Item = Self> {
        let shares = [Share::All, Share::First, Share::Last];
        let families = shares.into_iter().flat_map(move |family| {
            let givens = [Share::All, Share::First].into_iter();
            givens.map(move |given| Self {
                given,
                family,
                ..self
            })
        });
        let umlauts = Umlauts::Spelt;
        let particles = Particles::Dropped;
        families.chain([Self { umlauts, ..self }, Self { particles, ..self }])
    }

    /// The part of a name that a login is made of.
    pub(crate) fn shortened(self, person: &Person) -> Person {
        Person {
            given: self.umlauts.of(self.given.of(&person.given)),
            family: self
                .umlauts
                .of(self.particles.of(self.family.of(&person.family))),
        }
    }
}
