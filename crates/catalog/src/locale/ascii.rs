//! Names in the letters of an e-mail address, as people of a country write them there: `Müller` is
//! `mueller` in German, `Özgür` is `ozgur` in Turkish, `Щукин` is `shchukin`.

use serde::Deserialize;

/// How letters beyond ASCII are written in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Spelling {
    /// The letter without its mark.
    #[default]
    Plain,
    /// `ä` is `ae`, `ß` is `ss`.
    German,
    /// Cyrillic letters by sound.
    Russian,
}

/// Lower-case ASCII letters and digits; spaces, dots and hyphens become `-`, the rest is dropped.
pub(crate) fn slug(text: &str, spelling: Spelling, out: &mut String) {
    for c in text.chars().flat_map(char::to_lowercase) {
        match c {
            c if c.is_ascii_alphanumeric() => out.push(c),
            ' ' | '-' | '.' => out.push('-'),
            c => out.push_str(spelt(c, spelling)),
        }
    }
}

/// The first word as a slug, without hyphens: what people put into their address.
pub(crate) fn login(text: &str, spelling: Spelling, out: &mut String) {
    let word = text.split([' ', '-']).find(|word| word.len() > 2);
    let mut whole = String::new();
    slug(word.unwrap_or(text), spelling, &mut whole);
    out.extend(whole.chars().filter(|c| *c != '-'));
}

fn spelt(c: char, spelling: Spelling) -> &'static str {
    let by_country = match spelling {
        Spelling::German => match c {
            'ä' => "ae",
            'ö' => "oe",
            'ü' => "ue",
            _ => "",
        },
        Spelling::Russian => russian(c),
        Spelling::Plain => "",
    };
    if by_country.is_empty() {
        plain(c)
    } else {
        by_country
    }
}

fn plain(c: char) -> &'static str {
    match c {
        'á' | 'à' | 'â' | 'ä' | 'ã' | 'å' | 'ą' => "a",
        'ç' | 'ć' | 'č' => "c",
        'é' | 'è' | 'ê' | 'ë' | 'ę' => "e",
        'ğ' => "g",
        'í' | 'ì' | 'î' | 'ï' | 'ı' => "i",
        'ł' => "l",
        'ñ' | 'ń' => "n",
        'ó' | 'ò' | 'ô' | 'ö' | 'õ' | 'ø' => "o",
        'ś' | 'ş' | 'š' => "s",
        'ß' => "ss",
        'ú' | 'ù' | 'û' | 'ü' => "u",
        'ý' | 'ÿ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        'æ' => "ae",
        'œ' => "oe",
        _ => "",
    }
}

fn russian(c: char) -> &'static str {
    match c {
        'а' => "a",
        'б' => "b",
        'в' => "v",
        'г' => "g",
        'д' => "d",
        'е' | 'ё' | 'э' => "e",
        'ж' => "zh",
        'з' => "z",
        'и' => "i",
        'й' | 'ы' => "y",
        'к' => "k",
        'л' => "l",
        'м' => "m",
        'н' => "n",
        'о' => "o",
        'п' => "p",
        'р' => "r",
        'с' => "s",
        'т' => "t",
        'у' => "u",
        'ф' => "f",
        'х' => "kh",
        'ц' => "ts",
        'ч' => "ch",
        'ш' => "sh",
        'щ' => "shch",
        'ю' => "yu",
        'я' => "ya",
        _ => "",
    }
}
