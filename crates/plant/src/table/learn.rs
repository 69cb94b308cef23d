//! What a table's rows have in common, learnt from a sample: what each column holds, how often it
//! is empty, which values repeat, how logins come from names.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use rand::seq::IndexedRandom as _;

use super::clock::Clock;
use super::depend::Groups;
use super::draw::counting;
use super::habit::{Habit, Umlauts, stems};
use super::naming::{Places, Words};
use super::people::{Case, NameColumns, Order, Part, Pattern, Person, login};
use super::roles::{plain, role};
use super::{Table, Value};
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
    /// Whether names stand in the addresses, and in no column.
    named_by_mail: bool,
    /// Whose row each is.
    pub people: Vec<Option<Person>>,
    /// Words of given names and of family names.
    pub given: Words,
    pub family: Words,
    places: Places,
    habit: Habit,
    groups: OnceCell<Groups>,
    /// By column.
    patterns: Vec<OnceCell<Vec<Option<Pattern>>>>,
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
            named_by_mail: false,
            people: Vec::new(),
            given: Words::default(),
            family: Words::default(),
            places: Places::default(),
            habit: Habit::default(),
            groups: OnceCell::new(),
            patterns: vec![OnceCell::new(); table.columns.len()],
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
        let mails = |at: &usize| learned.columns[*at].role == Role::Mail;
        let named = |at: &usize| Some(&table.columns[*at].name) == table.mail.as_ref();
        let mut columns = 0..table.columns.len();
        let first = columns.clone().find(mails);
        learned.mail = columns.find(|at| named(at) && mails(at)).or(first);
        learned.settle_names();
        learned.named_by_mail = learned.has_names_in_mail();
        learned.learn_names();
        for at in 0..table.columns.len() {
            if learned.is_login(at) {
                learned.columns[at].role = Role::Login;
            }
        }
        for names in &table.keys {
            // It repeats, but is none of a few: the next one comes.
            if let Some(at) = counting(&learned, names) {
                learned.columns[at].role = Role::Number;
            }
        }
        learned
    }

    /// Which columns hang together.
    pub(crate) fn groups(&self) -> &Groups {
        self.groups.get_or_init(|| Groups::of(self))
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
            (None, None) if self.named_by_mail => Person::in_local(self.local(row)?),
            (None, None) => text(self.names.whole).map(|whole| self.places.person(&whole)),
            (given, family) => Some(Person {
                given: given.unwrap_or_default(),
                family: family.unwrap_or_default(),
            }),
        }
    }

    /// Whether the addresses of most rows are made of names that no column has.
    fn has_names_in_mail(&self) -> bool {
        let names = &self.names;
        let locals: Vec<&str> = self.rows.iter().filter_map(|row| self.local(row)).collect();
        let named = locals
            .iter()
            .filter(|local| Person::in_local(local).is_some());
        let elsewhere = [names.given, names.family, names.whole]
            .iter()
            .any(Option::is_some);
        !elsewhere && !locals.is_empty() && named.count() * 2 > locals.len()
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
        let two_forms =
            |c: char| " -".contains(c) || Umlauts::LETTERS.iter().any(|(of, _)| *of == c);
        let several = |p: &Person| p.given.contains(two_forms) || p.family.contains(two_forms);
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
        // Of equals the first: nothing shows another. What is found in one step is kept in the next.
        for _ in 0..2 {
            let best = explained(&self.habit);
            let others = self.habit.others().map(|habit| (explained(&habit), habit));
            let better = others.filter(|(made, _)| *made > best);
            let Some((_, habit)) =
                better.reduce(|best, next| if next.0 > best.0 { next } else { best })
            else {
                break;
            };
            self.habit = habit;
        }
    }

    /// What a login becomes that holds words of its bearer's name in a way of its own, with somebody else's
    /// words in their place.
    pub(crate) fn reworded(&self, own: &Person, login: &str, person: &Person) -> Option<String> {
        let plain = login.to_lowercase();
        let mut reworded = plain.clone();
        for (from, to) in [(&own.given, &person.given), (&own.family, &person.family)] {
            let to: Vec<String> = self.stems(to).collect();
            for (at, word) in self.stems(from).enumerate() {
                let new = to.get(at).or(to.last()).filter(|_| word.len() >= 3);
                if let (Some(new), true) = (new, plain.contains(&word)) {
                    reworded = reworded.replacen(&word, new, 1);
                }
            }
        }
        (reworded != plain).then(|| Case::of(login).write(&super::fill::digits_anew(&reworded)))
    }

    /// Whether a login holds a word of its bearer's name.
    pub(crate) fn shows(&self, person: &Person, login: &str) -> bool {
        let plain = login.to_lowercase();
        let mut words = self.stems(&person.given).chain(self.stems(&person.family));
        words.any(|word| word.len() >= 3 && plain.contains(&word))
    }

    /// The words of a name as logins have them.
    fn stems(&self, name: &str) -> impl Iterator<Item = String> {
        stems(name).map(|word| login(&self.habit.umlauts.of(word)))
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

    /// The login that a row has in a column, or what stands before the @ of its address.
    pub(crate) fn login<'r>(&self, at: usize, row: &'r [Value]) -> Option<&'r str> {
        if self.mail == Some(at) {
            self.local(row)
        } else {
            row[at].text()
        }
    }

    /// The patterns of the rows' logins in a column.
    pub(crate) fn patterns(&self, at: usize) -> &[Option<Pattern>] {
        let rows = || self.rows.iter().zip(&self.people);
        let pattern = |(row, person): (&Vec<Value>, &Option<Person>)| {
            Pattern::of(
                self.login(at, row)?,
                &self.habit.shortened(person.as_ref()?),
            )
        };
        self.patterns[at].get_or_init(|| rows().map(pattern).collect())
    }

    /// Whether it is nothing rare here that addresses differ in what stands behind the @ only.
    pub(crate) fn shares_locals(&self) -> bool {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for local in self.rows.iter().filter_map(|row| self.local(row)) {
            *counts.entry(local).or_default() += 1;
        }
        let shared: usize = counts.values().filter(|count| **count > 1).sum();
        shared * 50 > self.rows.len()
    }

    /// A login by a pattern for somebody new.
    pub(crate) fn by_pattern(
        &self,
        at: usize,
        pattern: &Pattern,
        person: &Person,
    ) -> Option<String> {
        pattern.write(&self.habit.shortened(person), self.figures(at, pattern))
    }

    /// Figures that others have behind logins built alike; `None` where few have.
    fn figures(&self, at: usize, pattern: &Pattern) -> Option<String> {
        let wanted = pattern.figures().len();
        if wanted == 0 {
            return None;
        }
        let theirs = self.patterns(at).iter().flatten();
        let alike = theirs.filter(|of| of.figures().len() == wanted && of.is_built_as(pattern));
        let all: Vec<&str> = alike.map(Pattern::figures).collect();
        if all.len() < 5 {
            return None;
        }
        all.choose(&mut rand::rng())
            .map(|figures| (*figures).to_owned())
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
            let bare = |text: &str| {
                text.trim_end_matches(|c: char| c.is_ascii_digit())
                    .to_owned()
            };
            self.local(row)
                .is_some_and(|local| bare(local) == bare(text))
                || self.pattern(row, text).is_some()
        });
        explained.count() * 5 >= self.columns[at].filled * 3
    }

    /// The part before the @ of a row's e-mail address.
    pub(crate) fn local<'r>(&self, row: &'r [Value]) -> Option<&'r str> {
        let text = row[self.mail?].text()?;
        text.split_once('@').map(|(local, _)| local)
    }
}
