//! What a column holds, by its name, its type and its values.

use uuid::Uuid;

use super::clock::Clock;
use super::layout::is_mixed;
use super::learn::Role;
use super::people::Part;
use super::{Column, Sort, Table, Value};
use crate::names;

/// What a column's values are.
pub(super) fn role(table: &Table, column: &Column, values: &[&Value], distinct: usize) -> Role {
    if column.counted {
        return Role::Counted;
    }
    if table.reference(column).is_some() {
        return Role::Reference;
    }
    if values.is_empty() {
        return Role::Empty;
    }
    if let Some(personal) = personal(column, values) {
        return personal;
    }
    if column.sort == Sort::Other {
        return Role::Verbatim;
    }
    // A handful of moments that repeat is no clock.
    let repeats = distinct <= 3 && values.len() > 2 * distinct;
    let clock = Clock::of(column, values).filter(|_| !repeats);
    let hour = |clock: &Clock| !clock.is_dated() && is_category(column, values, distinct);
    if let Some(clock) = clock.filter(|clock| !hour(clock)) {
        return Role::Time(clock);
    }
    if !column.unique && column.sort != Sort::Integer && is_mixed(values) {
        return Role::Verbatim;
    }
    if let Some(part) = Part::of(&column.name)
        && values.iter().all(|value| value.text().is_some())
    {
        return Role::Name(part);
    }
    plain(column, values, distinct)
}

/// Columns that say where somebody lives: a city and a postcode fit together only as a neighbour has them.
const PLACE: [&str; 12] = [
    "city", "town", "postcode", "postal", "zip", "zipcode", "plz", "region", "province", "county",
    "district", "country",
];

/// Whether a column says where somebody lives.
pub(crate) fn is_place(column: &Column) -> bool {
    let name = names::snake(&column.name);
    name.split('_').any(|word| PLACE.contains(&word))
}

/// Whether a column holds postcodes.
pub(crate) fn is_postcode(column: &Column) -> bool {
    let name = names::snake(&column.name);
    let words = ["postcode", "postal", "zip", "zipcode", "plz"];
    name.split('_').any(|word| words.contains(&word))
}

/// What a column is that is nobody's name.
pub(super) fn plain(column: &Column, values: &[&Value], distinct: usize) -> Role {
    if is_category(column, values, distinct) {
        return Role::Category;
    }
    if !column.unique && is_place(column) {
        return Role::Verbatim;
    }
    let Some(template) = values.iter().find_map(|value| value.text()) else {
        return match values[0] {
            Value::Blob(_) => Role::Blob,
            _ => Role::Number,
        };
    };
    if column.sort == Sort::Time {
        return Role::Verbatim;
    }
    if column.sort == Sort::Number || values.iter().all(|value| value.number().is_some()) {
        let plain = values.iter().all(|value| {
            value
                .text()
                .is_none_or(|text| !text.starts_with('0') || text.starts_with("0.") || text == "0")
        });
        return if plain && column.sort != Sort::Text {
            Role::Number
        } else {
            Role::Code
        };
    }
    let uuid = |value: &&Value| value.text().is_some_and(is_uuid);
    if values.iter().all(uuid) {
        return Role::Uuid;
    }
    if template.contains("://") {
        return Role::Link;
    }
    if template.starts_with(['{', '[']) {
        return Role::Verbatim;
    }
    let name = names::snake(&column.name);
    let secret = [
        "password", "hash", "token", "secret", "salt", "digest", "key",
    ]
    .iter()
    .any(|word| name.contains(word));
    let coded = |value: &&&Value| {
        value.text().is_some_and(|text| {
            let digits = text.bytes().any(|byte| byte.is_ascii_digit());
            !text.contains(' ') && digits && text.len() >= 5
        })
    };
    let share = |what: &dyn Fn(&&&Value) -> bool| values.iter().filter(what).count() * 2;
    if secret || share(&coded) > values.len() {
        return Role::Code;
    }
    let spaced = |value: &&&Value| value.text().is_some_and(|text| text.contains(' '));
    if share(&spaced) >= values.len() {
        Role::Words
    } else {
        Role::Word
    }
}

/// Addresses, numbers and the like, which must not be somebody's.
fn personal(column: &Column, values: &[&Value]) -> Option<Role> {
    let name = names::snake(&column.name);
    let has = |word: &str| name.split('_').any(|part| part == word);
    let some = |test: &dyn Fn(&str) -> bool| {
        let texts = values.iter().filter_map(|value| value.text());
        texts.filter(|text| test(text)).count() * 4 > values.len()
    };
    if some(&is_mail) || (names_mail(&column.name) && column.sort == Sort::Text) {
        return Some(Role::Mail);
    }
    let phone = ["phone", "msisdn", "mobile", "telephone", "cell", "fax"];
    if phone.iter().any(|word| has(word)) {
        return Some(Role::Phone);
    }
    some(&|text| text.parse::<std::net::IpAddr>().is_ok()).then_some(Role::Internet)
}

/// What e-mail is called, one word each: `E-Mail` is two, and put together.
const MAIL: [&str; 13] = [
    "email", "mail", "emails", "mails", "correo", "correio", "courriel", "epost", "eposta",
    "posta", "mel", "emailid", "mailid",
];
/// What may follow it.
const ADDRESS: [&str; 13] = [
    "address",
    "addr",
    "adresse",
    "adress",
    "adres",
    "direccion",
    "endereco",
    "indirizzo",
    "electronico",
    "eletronico",
    "elettronica",
    "normalized",
    "canonical",
];
/// With one of these in front it says something about an address.
const ABOUT: [&str; 16] = [
    "has",
    "is",
    "no",
    "send",
    "sent",
    "wants",
    "allow",
    "allows",
    "receive",
    "receives",
    "opt",
    "notify",
    "last",
    "use",
    "enable",
    "subscribed",
];

/// Whether a column's name says that e-mail addresses are in it: `user_email`, `eMail`, `E-Mail-Adresse`,
/// `correo`; `email_verified` and `has_email` say something else.
pub(crate) fn names_mail(name: &str) -> bool {
    let plain: String = name.chars().map(unaccented).collect();
    let snake = names::snake(&plain);
    let mut words: Vec<&str> = snake.split('_').filter(|word| !word.is_empty()).collect();
    let about = |word: &&str| ABOUT.contains(word);
    let extra = |word: &&str| ADDRESS.contains(word) || word.bytes().all(|b| b.is_ascii_digit());
    let first = words.len();
    while words.len() > 1 && words.last().is_some_and(extra) {
        words.pop();
    }
    let Some(last) = words.last().filter(|_| !words.iter().any(about)) else {
        return false;
    };
    let joined = ADDRESS
        .iter()
        .find_map(|end| last.strip_suffix(end))
        .filter(|_| first == words.len())
        .unwrap_or(last);
    let post = joined == "post" && words.len() > 1 && words[words.len() - 2] == "e";
    MAIL.contains(&joined) || joined.ends_with("email") || post
}

const fn unaccented(c: char) -> char {
    match c {
        'á' | 'à' | 'â' | 'Á' => 'a',
        'é' | 'è' | 'ê' | 'É' => 'e',
        'í' => 'i',
        'ó' | 'ô' | 'Ó' => 'o',
        'ú' => 'u',
        'ç' => 'c',
        c => c,
    }
}

/// The column with e-mail addresses: most of its values are some, or it has none yet and its name says so.
pub(crate) fn mail_column(table: &Table, rows: &[Vec<Value>]) -> Option<String> {
    let holds = |at: &usize| {
        let column = &table.columns[*at];
        let values = rows.iter().map(|row| &row[*at]);
        let filled = values
            .clone()
            .filter(|value| **value != Value::Null)
            .count();
        let mails = values
            .filter(|value| value.text().is_some_and(is_mail))
            .count();
        let empty = filled == 0 && column.sort == Sort::Text && names_mail(&column.name);
        let free = !column.counted && table.reference(column).is_none();
        free && (empty || mails * 4 > filled * 3)
    };
    let found: Vec<usize> = (0..table.columns.len()).filter(holds).collect();
    let named = |at: &&usize| names_mail(&table.columns[**at].name);
    let at = found.iter().find(named).or(found.first())?;
    Some(table.columns[*at].name.clone())
}

/// A UUID of a version that there is: thirty-two random hexadecimal figures are none.
fn is_uuid(text: &str) -> bool {
    Uuid::parse_str(text).is_ok_and(|uuid| {
        uuid.get_variant() == uuid::Variant::RFC4122 && (1..=8).contains(&uuid.get_version_num())
    })
}

pub(crate) fn is_mail(text: &str) -> bool {
    text.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && domain.contains('.') && !text.contains(' ')
    })
}

fn is_category(column: &Column, values: &[&Value], distinct: usize) -> bool {
    if column.unique {
        return false;
    }
    let count = values.len();
    let listed = matches!(column.sort, Sort::Listed(_));
    let few = distinct <= 12 && (distinct * 2 <= count || distinct == 1);
    // Amounts repeat as well: nought, and what things cost. Numbers that name something are no amounts.
    let amounts = matches!(column.sort, Sort::Integer | Sort::Number) && !names_something(column);
    // Towns have many postcodes, and a newcomer may have one that nobody has.
    let times = if amounts || is_postcode(column) { 8 } else { 2 };
    let repeating = count >= 20 && distinct * times <= count;
    listed || few || repeating
}

/// Whether a number is a name for something, so that one in between would name nothing.
fn names_something(column: &Column) -> bool {
    let words = [
        "id", "ref", "code", "type", "kind", "status", "state", "level", "group", "category",
        "class", "year", "month", "version", "number", "no", "flags",
    ];
    let name = names::snake(&column.name);
    name.split('_').any(|word| words.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_mail_are_known_in_any_form() {
        for name in [
            "email",
            "user_email",
            "e_mail",
            "E-Mail",
            "eMail",
            "E-Mail-Adresse",
            "correo",
            "correo_electrónico",
            "Correo electrónico",
            "courriel",
            "emailAddress",
            "Email Address",
            "Mail",
            "EMail",
            "EMAIL",
            "mailadresse",
            "useremail",
            "contact_mail",
            "email_1",
            "e-post",
            "work_email_address",
        ] {
            assert!(names_mail(name), "{name}");
        }
        for name in [
            "email_verified",
            "has_email",
            "email_sent_at",
            "address",
            "mailing_list",
            "email_hash",
            "emailed",
            "melody",
            "last_mail",
            "1",
            "",
            "gmail",
        ] {
            assert!(!names_mail(name), "{name}");
        }
    }
}
