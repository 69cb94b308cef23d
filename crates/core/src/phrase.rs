//! What is said in words before anybody knows in which language it will be read: reasons of verdicts, details of
//! evidence, other explanations. It is written and stored in English; a report recognises the sentence by its
//! template and says it in its own language. A sentence that no template makes is shown as it is.
//!
//! A template holds `{name}` placeholders, and may have two forms parted by `|`: for one, and for any other number.
//! What a placeholder stands for:
//!
//! | placeholder | stands for |
//! |---|---|
//! | `{n}` | a number, which chooses the form |
//! | `{number}` | a number |
//! | `{address}`, `{trip}` | one word |
//! | `{names}` | `a, b or c` |
//! | of capitals, `{LAPSE}` | another phrase |
//! | any other | a value: a phrase, or what is the same in every language |

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt::Display;
use std::sync::LazyLock;

use crate::language::Language;

/// Defines phrases, each with its English template and its Spanish one, and the list of all.
macro_rules! phrases {
    ($($name:ident: $en:literal, $es:literal;)*) => {
        use crate::phrase::Phrase;

        $(
            #[doc = $en]
            pub const $name: Phrase = Phrase { en: $en, es: $es };
        )*

        pub(super) const ALL: &[Phrase] = &[$($name),*];
    };
}

pub mod link;
pub mod network;
pub mod program;
pub mod tool;
pub mod verdict;

/// Longest text that is looked at, in bytes: no phrase is longer.
const LONGEST: usize = 2_000;
/// How often a text, and what may be phrases in it, is looked up: enough for every phrase, and an end for a text that
/// is none.
const LOOKS: u32 = 500;

static TABLE: LazyLock<Table> = LazyLock::new(Table::new);

/// A template in every language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phrase {
    /// The English one, which is what is stored.
    pub en: &'static str,
    /// The Spanish one.
    pub es: &'static str,
}

impl Phrase {
    /// All there are.
    pub fn all() -> impl Iterator<Item = Self> {
        let modules = [
            verdict::ALL,
            program::ALL,
            link::ALL,
            network::ALL,
            tool::ALL,
        ];
        modules.into_iter().flatten().copied()
    }

    /// The template of a language.
    #[must_use]
    pub const fn template(self, language: Language) -> &'static str {
        match language {
            Language::En => self.en,
            Language::Es => self.es,
        }
    }

    /// A phrase without placeholders.
    #[must_use]
    pub fn text(self) -> String {
        self.en.to_owned()
    }

    /// The English sentence with these values.
    #[must_use]
    pub fn with(self, values: &[(&str, &dyn Display)]) -> String {
        fill(self.en, values)
    }

    /// The English sentence for a number, with these other values.
    #[must_use]
    pub fn count(self, number: i64, values: &[(&str, &dyn Display)]) -> String {
        let text = form(number.unsigned_abs(), self.en);
        let mut all: Vec<(&str, &dyn Display)> = vec![("n", &number)];
        all.extend(values);
        fill(text, &all)
    }
}

/// Says an English sentence in a language; `None` if no template made it.
#[must_use]
pub fn translate(text: &str, language: Language) -> Option<String> {
    Some(Reader::new(language).say(text)?.text)
}

/// Says `a, b or c` in a language, the names that are phrases too.
#[must_use]
pub fn names(text: &str, language: Language) -> String {
    Reader::new(language).names(text).text
}

/// The form of a text for a number.
#[must_use]
pub fn form(number: u64, text: &str) -> &str {
    match text.split_once('|') {
        Some((one, _)) if number == 1 => one,
        Some((_, many)) => many,
        None => text,
    }
}

/// Puts values in the place of `{name}`. What a value holds is never taken for a placeholder.
#[must_use]
pub fn fill(text: &str, values: &[(&str, &dyn Display)]) -> String {
    let mut out = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let (name, behind) = after.split_once('}').unwrap_or((after, ""));
        match values.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => out.push_str(&value.to_string()),
            None => out.push_str(&format!("{{{name}}}")),
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

/// A piece of a template.
enum Piece {
    Text(&'static str),
    Hole(&'static str),
}

/// A template's form, taken apart.
struct Form {
    phrase: Phrase,
    pieces: Vec<Piece>,
    /// Bytes that are its own, and no value's.
    own: usize,
}

/// All phrases, to be found by what they say in English.
struct Table {
    fixed: HashMap<&'static str, Phrase>,
    forms: Vec<Form>,
}

/// What was read of a text.
struct Said {
    /// In the language asked for.
    text: String,
    /// Bytes of it that are templates' own: of two ways to read it, the one with more is meant.
    own: usize,
}

/// Values by the names of their placeholders.
type Values = Vec<(&'static str, Said)>;

impl Table {
    fn new() -> Self {
        let (mut fixed, mut forms) = (HashMap::new(), Vec::<Form>::new());
        for phrase in Phrase::all() {
            if phrase.en.contains('{') {
                let each = phrase.en.split('|');
                forms.extend(each.map(|text| Form::new(phrase, text)));
            } else {
                fixed.insert(phrase.en, phrase);
            }
        }
        Self { fixed, forms }
    }
}

/// Reads one text, and says it in a language.
struct Reader {
    language: Language,
    looks: Cell<u32>,
}

impl Reader {
    fn new(language: Language) -> Self {
        Self {
            language,
            looks: Cell::new(LOOKS),
        }
    }

    fn say(&self, text: &str) -> Option<Said> {
        self.looks.set(self.looks.get().checked_sub(1)?);
        if text.len() > LONGEST {
            return None;
        }
        if let Some(phrase) = TABLE.fixed.get(text) {
            let said = phrase.template(self.language).to_owned();
            return Some(Said::new(said, text.len()));
        }
        let each = TABLE.forms.iter().filter_map(|form| {
            let mut values = Values::new();
            self.read(&form.pieces, text, &mut values)
                .then(|| form.say(&values, self.language))
        });
        each.reduce(|best, next| if next.own > best.own { next } else { best })
    }

    /// Reads a text by a template's pieces; its values come from the last to the first.
    fn read(&self, pieces: &[Piece], text: &str, values: &mut Values) -> bool {
        match pieces {
            [] => text.is_empty(),
            [Piece::Text(own), rest @ ..] => {
                let text = text.strip_prefix(own);
                text.is_some_and(|text| self.read(rest, text, values))
            }
            [Piece::Hole(name)] => {
                let value = self.value(name, text);
                let found = value.is_some();
                values.extend(value.map(|value| (*name, value)));
                found
            }
            [Piece::Hole(name), rest @ ..] => {
                let Some(Piece::Text(own)) = rest.first() else {
                    return false;
                };
                text.match_indices(own).any(|(end, _)| {
                    // What comes behind is mostly sooner told than what a value is.
                    let known = values.len();
                    let read = self.read(rest, &text[end..], values);
                    let value = read.then(|| self.value(name, &text[..end])).flatten();
                    let found = value.is_some();
                    values.extend(value.map(|value| (*name, value)));
                    if !found {
                        values.truncate(known);
                    }
                    found
                })
            }
        }
    }

    /// What a placeholder's value is in the language; `None` if it cannot stand there.
    fn value(&self, name: &str, text: &str) -> Option<Said> {
        if text.is_empty() {
            return None;
        }
        let same = || Said::new(text.to_owned(), 0);
        match name {
            "n" | "number" => {
                let digits = text.strip_prefix('-').unwrap_or(text);
                let number = digits.bytes().all(|byte| byte.is_ascii_digit());
                (number && !digits.is_empty()).then(same)
            }
            "address" | "trip" => (!text.contains(char::is_whitespace)).then(same),
            "names" => Some(self.names(text)),
            _ if name.bytes().all(|byte| byte.is_ascii_uppercase()) => self.say(text),
            _ => Some(self.say(text).unwrap_or_else(same)),
        }
    }

    fn names(&self, text: &str) -> Said {
        let name = |name: &str| {
            let said = self.say(name);
            said.unwrap_or_else(|| Said::new(name.to_owned(), 0))
        };
        let Some((before, last)) = text.rsplit_once(" or ") else {
            return name(text);
        };
        let before: Vec<Said> = before.split(", ").map(name).collect();
        let last = name(last);
        let or = or(self.language, &last.text);
        let own = last.own + before.iter().map(|one| one.own).sum::<usize>();
        let before: Vec<String> = before.into_iter().map(|one| one.text).collect();
        Said::new(format!("{} {or} {}", before.join(", "), last.text), own)
    }
}

impl Said {
    fn new(text: String, own: usize) -> Self {
        Self { text, own }
    }
}

impl Form {
    fn new(phrase: Phrase, text: &'static str) -> Self {
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once('{') {
            if !before.is_empty() {
                pieces.push(Piece::Text(before));
            }
            let (name, behind) = after.split_once('}').unwrap_or((after, ""));
            pieces.push(Piece::Hole(name));
            rest = behind;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest));
        }
        let own = |piece: &Piece| match piece {
            Piece::Text(text) => text.len(),
            Piece::Hole(_) => 0,
        };
        let own = pieces.iter().map(own).sum();
        Self {
            phrase,
            pieces,
            own,
        }
    }

    fn say(&self, values: &Values, language: Language) -> Said {
        let number = values.iter().find(|(name, _)| *name == "n");
        let number = number.and_then(|(_, said)| said.text.trim_start_matches('-').parse().ok());
        let text = form(number.unwrap_or(0), self.phrase.template(language));
        let own = self.own + values.iter().map(|(_, said)| said.own).sum::<usize>();
        let values: Vec<(&str, &dyn Display)> = { values.iter() }
            .map(|(name, said)| (*name, &said.text as &dyn Display))
            .collect();
        Said::new(fill(text, &values), own)
    }
}

/// The word before the last of several; Spanish has another one before the same vowel.
fn or(language: Language, next: &str) -> &'static str {
    let next = next.to_lowercase();
    match language {
        Language::En => "or",
        Language::Es if next.starts_with('o') || next.starts_with("ho") => "u",
        Language::Es => "o",
    }
}

#[cfg(test)]
mod tests;
