//! Names and what is made of them: a table's columns for names, the ways in which logins and the
//! local parts of e-mail addresses are built from them, and letters in the neighbours' case.

use rand::RngExt as _;

use super::Table;
use crate::names;

/// A person's two names; either may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Person {
    pub given: String,
    pub family: String,
}

/// Which part of a name a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Given,
    Family,
    Whole,
}

impl Part {
    /// What a column holds by its name.
    pub(crate) fn of(name: &str) -> Option<Self> {
        match names::snake(name).as_str() {
            "first_name" | "firstname" | "given_name" | "forename" | "fname" | "first" => {
                Some(Self::Given)
            }
            "last_name" | "lastname" | "surname" | "family_name" | "lname" | "last" => {
                Some(Self::Family)
            }
            "full_name" | "fullname" | "display_name" | "customer_name" | "contact_name"
            | "name" => Some(Self::Whole),
            _ => None,
        }
    }
}

/// How a whole name is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    GivenFirst,
    FamilyFirst,
}

/// Where a table keeps a person's name.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NameColumns {
    pub given: Option<usize>,
    pub family: Option<usize>,
    pub whole: Option<usize>,
}

impl NameColumns {
    pub(crate) fn of(table: &Table) -> Self {
        let find = |part: Part| {
            let named = |column: &super::Column| Part::of(&column.name) == Some(part);
            table.columns.iter().position(named)
        };
        Self {
            given: find(Part::Given),
            family: find(Part::Family),
            whole: find(Part::Whole),
        }
    }
}

impl Person {
    /// Somebody else from the same country, as far as lists of names go; the same person otherwise.
    pub(crate) fn or_another(self) -> Self {
        let another = lapwing_catalog::somebody_else(&self.given);
        another.map_or(self, |(given, family)| Self {
            given: given.to_owned(),
            family,
        })
    }

    /// The person a whole name is of.
    pub(crate) fn parse(whole: &str) -> Self {
        let (given, family) = match whole.split_once(", ") {
            Some((family, given)) => (given, family),
            None => whole.split_once(' ').unwrap_or((whole, "")),
        };
        Self {
            given: given.to_owned(),
            family: family.to_owned(),
        }
    }

    /// The person whose names stand in the local part of an address: `frank.thomas30`.
    pub(crate) fn in_local(local: &str) -> Option<Self> {
        let bare = local.trim_end_matches(|c: char| c.is_ascii_digit());
        let (given, family) = bare.split_once(['.', '_', '-'])?;
        let name = |text: &str| text.len() >= 2 && text.chars().all(char::is_alphabetic);
        let capital = |text: &str| {
            let mut letters = text.chars();
            let first = letters.next().into_iter().flat_map(char::to_uppercase);
            first.chain(letters).collect()
        };
        (name(given) && name(family)).then(|| Self {
            given: capital(given),
            family: capital(family),
        })
    }

    pub(crate) fn whole(&self, order: Order) -> String {
        match order {
            _ if self.family.is_empty() => self.given.clone(),
            Order::GivenFirst => format!("{} {}", self.given, self.family),
            Order::FamilyFirst => format!("{}, {}", self.family, self.given),
        }
    }
}

/// The case of letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    Lower,
    Upper,
    /// As it is written.
    Mixed,
}

impl Case {
    pub(crate) fn of(text: &str) -> Self {
        let lower = text.chars().any(char::is_lowercase);
        let upper = text.chars().any(char::is_uppercase);
        match (lower, upper) {
            (true, false) => Self::Lower,
            (false, true) if text.chars().filter(|c| c.is_alphabetic()).count() > 1 => Self::Upper,
            _ => Self::Mixed,
        }
    }

    pub(crate) fn write(self, text: &str) -> String {
        match self {
            Self::Lower => text.to_lowercase(),
            Self::Upper => text.to_uppercase(),
            Self::Mixed => text.to_owned(),
        }
    }
}

/// A piece of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Piece {
    Given,
    Family,
    GivenInitial,
    FamilyInitial,
}

/// How a login is built from a name: pieces, what stands between, figures behind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pattern {
    pieces: Vec<Piece>,
    between: String,
    /// What stands before the figures.
    before: String,
    figures: String,
    upper: bool,
}

/// What may stand between two pieces.
const BETWEEN: [&str; 4] = ["", ".", "_", "-"];
const FORMS: [&[Piece]; 8] = [
    &[Piece::Given, Piece::Family],
    &[Piece::Family, Piece::Given],
    &[Piece::GivenInitial, Piece::Family],
    &[Piece::Family, Piece::GivenInitial],
    &[Piece::Given, Piece::FamilyInitial],
    &[Piece::GivenInitial, Piece::FamilyInitial],
    &[Piece::Given],
    &[Piece::Family],
];

impl Pattern {
    /// The pattern by which a login comes from a person's name, if it does.
    pub(crate) fn of(login: &str, person: &Person) -> Option<Self> {
        let upper = Case::of(login) == Case::Upper;
        let plain = login.to_lowercase();
        let stem = plain.trim_end_matches(|c: char| c.is_ascii_digit());
        let figures = plain[stem.len()..].to_owned();
        let word = stem.trim_end_matches(['.', '_', '-']);
        let before = if figures.is_empty() {
            String::new()
        } else {
            stem[word.len()..].to_owned()
        };
        let (given, family) = (self::login(&person.given), self::login(&person.family));
        for pieces in FORMS {
            let parts = || pieces.iter().map(|piece| piece.of(&given, &family));
            if parts().any(str::is_empty) {
                continue;
            }
            let betweens: &[&str] = if pieces.len() > 1 { &BETWEEN } else { &[""] };
            let built = |between: &&&str| -> bool {
                let mut rest = Some(word);
                for (at, part) in parts().enumerate() {
                    let joint = if at > 0 { **between } else { "" };
                    rest = rest.and_then(|rest| rest.strip_prefix(joint)?.strip_prefix(part));
                }
                rest == Some("")
            };
            if let Some(between) = betweens.iter().find(built) {
                return Some(Self {
                    pieces: pieces.to_vec(),
                    between: (*between).to_owned(),
                    before,
                    figures,
                    upper,
                });
            }
        }
        None
    }

    /// Whether it differs in its figures only.
    pub(crate) fn is_built_as(&self, other: &Self) -> bool {
        self.pieces == other.pieces && self.between == other.between && self.before == other.before
    }

    /// The figures behind it.
    pub(crate) fn figures(&self) -> &str {
        &self.figures
    }

    /// The login of another person, with figures as others have them, or fresh ones.
    pub(crate) fn write(&self, person: &Person, figures: Option<String>) -> Option<String> {
        let (given, family) = (self::login(&person.given), self::login(&person.family));
        let parts = self.pieces.iter().map(|piece| piece.of(&given, &family));
        let parts: Vec<&str> = parts.collect();
        if parts.iter().any(|part| part.is_empty()) {
            return None;
        }
        let login = format!(
            "{}{}{}",
            parts.join(&self.between),
            self.before,
            figures.unwrap_or_else(|| self.fresh_figures())
        );
        Some(if self.upper {
            login.to_uppercase()
        } else {
            login
        })
    }

    /// As many figures; years stay years.
    fn fresh_figures(&self) -> String {
        let (year, rest) = self.figures.split_at(self.figures.len().min(4));
        if let (4, Ok(year @ 1930..=2035)) = (year.len(), year.parse::<i32>()) {
            let year = year + rand::rng().random_range(-4..=4);
            return format!("{year}{}", super::fill::digits_anew(rest));
        }
        super::fill::digits_anew(&self.figures)
    }
}

impl Piece {
    /// The piece, of names as logins have them (letters of ASCII).
    fn of<'a>(self, given: &'a str, family: &'a str) -> &'a str {
        match self {
            Self::Given => given,
            Self::Family => family,
            Self::GivenInitial => given.get(..1).unwrap_or_default(),
            Self::FamilyInitial => family.get(..1).unwrap_or_default(),
        }
    }
}

/// Letters of a name as a login has them.
pub(crate) fn login(name: &str) -> String {
    let fold = |c: char| match c {
        'ä' | 'á' | 'à' | 'â' | 'ã' | 'å' | 'ą' | 'ă' => 'a',
        'é' | 'è' | 'ê' | 'ë' | 'ę' | 'ě' | 'ė' => 'e',
        'í' | 'ì' | 'î' | 'ï' | 'ı' => 'i',
        'ö' | 'ó' | 'ò' | 'ô' | 'õ' | 'ø' | 'ő' => 'o',
        'ü' | 'ú' | 'ù' | 'û' | 'ů' | 'ű' => 'u',
        'ñ' | 'ń' | 'ň' => 'n',
        'ç' | 'ć' | 'č' => 'c',
        'ş' | 'ś' | 'š' | 'ș' => 's',
        'ź' | 'ż' | 'ž' => 'z',
        'ğ' => 'g',
        'ł' => 'l',
        'ř' => 'r',
        'ť' | 'ț' => 't',
        'ď' => 'd',
        'ý' | 'ÿ' => 'y',
        other => other,
    };
    name.to_lowercase()
        .replace('ß', "ss")
        .chars()
        .map(fold)
        .filter(char::is_ascii_alphanumeric)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_understood_and_written() {
        let mary = Person::parse("Mary O'Neil");
        let jose = Person {
            given: "José".into(),
            family: "Peña".into(),
        };
        for (login, expect) in [
            ("mary.oneil", "jose.pena"),
            ("MARY.ONEIL", "JOSE.PENA"),
            ("moneil", "jpena"),
            ("oneilm", "penaj"),
            ("mary_oneil", "jose_pena"),
            ("mary", "jose"),
        ] {
            let pattern = Pattern::of(login, &mary).expect(login);
            assert_eq!(pattern.write(&jose, None).as_deref(), Some(expect));
        }
        let pattern = Pattern::of("mary.oneil-84", &mary).expect("a pattern");
        let written = pattern.write(&jose, None).expect("written");
        assert!(written.starts_with("jose.pena-") && written.len() == 12);
        assert_eq!(Pattern::of("sales", &mary), None);
        assert_eq!(
            Person::parse("Doe, Jane").whole(Order::FamilyFirst),
            "Doe, Jane"
        );
    }
}
