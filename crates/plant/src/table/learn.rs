//! What a table's rows have in common, learnt from a sample: what each column holds, how often it
//! is empty, which values repeat, how logins come from names.

use std::collections::BTreeMap;

use rand::seq::IndexedRandom as _;
use uuid::Uuid;

use super::clock::Clock;
use super::naming::{Habit, Places, Words};
use super::people::{NameColumns, Order, Part, Pattern, Person};
use super::{Column, Sort, Table, Value};
use crate::names;

/// What a column's values are, and so how another is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The engine counts it.
    Counted,
    /// It refers to another table.
    Reference,
    /// Nothing is known: the sample has no value.
    Empty,
    Time(Clock),
    /// Few values that repeat.
    Category,
    Mail,
    Phone,
    Internet,
    Name(Part),
    /// A login made of the name or of the e-mail address.
    Login,
    Number,
    Uuid,
    /// No words: keys, hashes, codes.
    Code,
    Link,
    Words,
    Word,
    Blob,
    /// Taken over as it is.
    Verbatim,
}

/// What was learnt of one column.
pub(crate) struct Learnt {
    pub role: Role,
    /// Rows of the sample in which it is not NULL.
    pub filled: usize,
    /// How often each value occurs.
    pub counts: BTreeMap<String, usize>,
}

/// A share, nought of nothing.
pub(crate) fn ratio(part: usize, whole: usize) -> f64 {
    let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    if whole == 0 {
        0.0
    } else {
        number(part) / number(whole)
    }
}

/// A table and what its sample taught.
pub(crate) struct Learned<'a> {
    pub table: &'a Table,
    pub rows: &'a [Vec<Value>],
    pub columns: Vec<Learnt>,
    pub names: NameColumns,
    pub order: Order,
    /// The column with the e-mail address.
    pub mail: Option<usize>,
    /// Whose row each is.
    pub people: Vec<Option<Person>>,
    /// Words of given names and of family names.
    pub given: Words,
    pub family: Words,
    places: Places,
    habit: Habit,
}

/// How many names show the table's habit.
const HABITUAL: usize = 200;

impl<'a> Learned<'a> {
    /// Learns from a sample: a value for each column of the table in every row.
    pub(crate) fn of(table: &'a Table, rows: &'a [Vec<Value>]) -> Self {
        let mut learned = Self {
            table,
            rows,
            columns: Vec::with_capacity(table.columns.len()),
            names: NameColumns::of(table),
            order: Order::GivenFirst,
            mail: None,
            people: Vec::new(),
            given: Words::default(),
            family: Words::default(),
            places: Places::default(),
            habit: Habit::default(),
        };
        for at in 0..table.columns.len() {
            let values = learned.values(at);
            let mut counts = BTreeMap::new();
            for value in &values {
                *counts.entry(value.token()).or_insert(0) += 1;
            }
            let role = role(table, &table.columns[at], &values, counts.len());
            let filled = values.len();
            learned.columns.push(Learnt {
                role,
                filled,
                counts,
            });
        }
        learned.mail = (0..table.columns.len()).find(|at| learned.columns[*at].role == Role::Mail);
        learned.settle_names();
        learned.learn_names();
        for at in 0..table.columns.len() {
            if learned.is_login(at) {
                learned.columns[at].role = Role::Login;
            }
        }
        learned
    }

    /// The values of a column that are not NULL.
    pub(crate) fn values(&self, at: usize) -> Vec<&'a Value> {
        let rows: &'a [Vec<Value>] = self.rows;
        rows.iter()
            .map(|row| &row[at])
            .filter(|value| **value != Value::Null)
            .collect()
    }

    /// Whose row it is.
    pub(crate) fn person(&self, row: &[Value]) -> Option<Person> {
        let text = |at: Option<usize>| at.and_then(|at| row[at].text()).map(str::to_owned);
        match (text(self.names.given), text(self.names.family)) {
            (None, None) => text(self.names.whole).map(|whole| self.places.person(&whole)),
            (given, family) => Some(Person {
                given: given.unwrap_or_default(),
                family: family.unwrap_or_default(),
            }),
        }
    }

    /// Takes the names apart, and sees what logins take of those that have several words.
    fn learn_names(&mut self) {
        if let (None, None, Some(whole)) = (self.names.given, self.names.family, self.names.whole) {
            for value in self.values(whole) {
                self.places.add(value.text().unwrap_or_default());
            }
        }
        self.people = self.rows.iter().map(|row| self.person(row)).collect();
        for person in self.people.iter().flatten() {
            self.given.add(&person.given);
            self.family.add(&person.family);
        }
        let several = |person: &Person| person.given.contains(' ') || person.family.contains(' ');
        let telling: Vec<(&str, &Person)> = (self.rows.iter().zip(&self.people))
            .filter_map(|(row, person)| Some((self.local(row)?, person.as_ref()?)))
            .filter(|(_, person)| several(person))
            .take(HABITUAL)
            .collect();
        let explained = |habit: &Habit| {
            let made = |(local, person): &&(&str, &Person)| {
                Pattern::of(local, &habit.shortened(person)).is_some()
            };
            telling.iter().filter(made).count()
        };
        // Of equals the first: nothing shows another.
        let habits = Habit::every().map(|habit| (explained(&habit), habit));
        self.habit = habits
            .reduce(|best, next| if next.0 > best.0 { next } else { best })
            .map_or_else(Habit::default, |(_, habit)| habit);
    }

    /// Whether it is nothing rare here that two rows bear one name: one row in fifty does.
    pub(crate) fn has_namesakes(&self) -> bool {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for person in self.people.iter().flatten() {
            *counts.entry(person.whole(Order::GivenFirst)).or_default() += 1;
        }
        let shared: usize = counts.values().filter(|count| **count > 1).sum();
        shared * 50 > self.rows.len()
    }

    /// The pattern by which a text of a row comes from its name.
    pub(crate) fn pattern(&self, row: &[Value], login: &str) -> Option<Pattern> {
        Pattern::of(login, &self.habit.shortened(&self.person(row)?))
    }

    /// A login by a pattern for somebody new.
    pub(crate) fn by_pattern(&self, pattern: &Pattern, person: &Person) -> Option<String> {
        pattern.write(&self.habit.shortened(person), self.figures(pattern))
    }

    /// Figures that others have behind logins built alike; `None` where few have.
    fn figures(&self, pattern: &Pattern) -> Option<String> {
        let wanted = pattern.figures().len();
        if wanted == 0 {
            return None;
        }
        let alike = |(row, person): (&Vec<Value>, &Option<Person>)| {
            let local = self.local(row)?;
            let figures = local.len() - local.trim_end_matches(|c: char| c.is_ascii_digit()).len();
            let person = person.as_ref().filter(|_| figures == wanted)?;
            let theirs = Pattern::of(local, &self.habit.shortened(person))?;
            theirs
                .is_built_as(pattern)
                .then(|| theirs.figures().to_owned())
        };
        let all: Vec<String> = self
            .rows
            .iter()
            .zip(&self.people)
            .filter_map(alike)
            .collect();
        if all.len() < 5 {
            return None;
        }
        all.choose(&mut rand::rng()).cloned()
    }

    /// A column named `name` may hold anything: it is a person's where two capitals begin two words.
    fn settle_names(&mut self) {
        let Some(at) = self.names.whole else { return };
        let values = self.values(at);
        let personal = |value: &&&Value| {
            let Some(text) = value.text() else {
                return false;
            };
            let words: Vec<&str> = text.split(' ').collect();
            (2..=4).contains(&words.len()) && !text.bytes().any(|byte| byte.is_ascii_digit())
        };
        let sure = names::snake(&self.table.columns[at].name) != "name";
        if !sure && values.iter().filter(personal).count() * 5 < values.len() * 4 {
            self.names.whole = None;
            let column = &self.table.columns[at];
            let distinct = self.columns[at].counts.len();
            self.columns[at].role = plain(column, &values, distinct);
        }
        let comma = |value: &&&Value| value.text().is_some_and(|text| text.contains(", "));
        if values.iter().filter(comma).count() * 2 > values.len() {
            self.order = Order::FamilyFirst;
        }
    }

    fn is_login(&self, at: usize) -> bool {
        let role = self.columns[at].role;
        if !matches!(role, Role::Word | Role::Code) || self.columns[at].filled == 0 {
            return false;
        }
        let explained = self.rows.iter().filter(|row| {
            let Some(text) = row[at].text() else {
                return false;
            };
            self.local(row).is_some_and(|local| local == text) || self.pattern(row, text).is_some()
        });
        explained.count() * 5 >= self.columns[at].filled * 3
    }

    /// The part before the @ of a row's e-mail address.
    pub(crate) fn local<'r>(&self, row: &'r [Value]) -> Option<&'r str> {
        let text = row[self.mail?].text()?;
        text.split_once('@').map(|(local, _)| local)
    }
}

fn role(table: &Table, column: &Column, values: &[&Value], distinct: usize) -> Role {
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
    if let Some(clock) = Clock::of(column, values).filter(|_| !repeats) {
        return Role::Time(clock);
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

/// What a column is that is nobody's name.
fn plain(column: &Column, values: &[&Value], distinct: usize) -> Role {
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
    if some(&is_mail) || (name.contains("email") && column.sort == Sort::Text) {
        return Some(Role::Mail);
    }
    let phone = ["phone", "msisdn", "mobile", "telephone", "cell", "fax"];
    if phone.iter().any(|word| has(word)) {
        return Some(Role::Phone);
    }
    some(&|text| text.parse::<std::net::IpAddr>().is_ok()).then_some(Role::Internet)
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
    let times = if amounts { 8 } else { 2 };
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
