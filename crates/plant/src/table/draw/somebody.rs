//! Whose row it is to be: somebody new with a name as others have them, and the logins and addresses that are
//! made of it.

use std::collections::BTreeMap;

use rand::seq::IndexedRandom as _;

use super::{Drawing, Settled, TRIES, Whose};
use crate::table::Value;
use crate::table::fill::{blended_word, digits_anew};
use crate::table::learn::Role;
use crate::table::naming::{Words, newcomer};
use crate::table::people::{Case, Part, Person};

/// Fewer people than this have too few names.
const BEARERS: usize = 20;
impl<'a> Drawing<'a> {
    /// Names that stand in no column still belong to the address.
    pub(super) fn refine_names(&self, refined: &mut BTreeMap<String, String>) {
        let Some(person) = &self.person else { return };
        let parts = [
            ("first_name", person.given.clone()),
            ("last_name", person.family.clone()),
            ("name", person.whole(self.learned.order)),
        ];
        for (field, value) in parts {
            let free = self.wish.free.contains(field) && self.wish.yields(field);
            if free && self.wish.fields.contains_key(field) && !value.is_empty() {
                refined.entry(field.to_owned()).or_insert(value);
            }
        }
    }

    /// Decides whose row it is to be: like the neighbours, and none of them.
    pub(super) fn settle(&mut self, whose: Whose) -> Settled {
        let field = |name: &str| self.wish.fields.get(name).cloned();
        let minted = match (field("first_name"), field("last_name"), field("name")) {
            (Some(given), Some(family), _) => Some(Person { given, family }),
            (_, _, Some(whole)) => Some(Person::parse(&whole)),
            _ => None,
        };
        let fields = ["first_name", "last_name", "name"];
        let firm =
            |name: &str| self.wish.fields.contains_key(name) && !self.wish.free.contains(name);
        let own = self
            .template
            .as_ref()
            .and_then(|row| self.learned.person(row));
        let Some(own) = own.filter(|_| !fields.iter().any(|name| firm(name))) else {
            self.person = minted;
            self.local = self.settled_local();
            return Settled::Free;
        };
        let minted = minted.map(|minted| match whose {
            Whose::Minted => minted,
            Whose::Another => minted.or_another(),
        });
        let person = self.somebody(&own, minted.as_ref());
        self.local = self.local(Some(&person));
        let address_taken = self
            .local
            .as_deref()
            .is_some_and(|local| self.is_taken(local));
        let namesakes = self.learned.rows.iter().zip(&self.learned.people);
        let mut namesakes = namesakes.filter(|(_, theirs)| theirs.as_ref() == Some(&person));
        let rare = !self.learned.has_namesakes();
        let own = !self.learned.shares_locals();
        let same = |row| own && self.learned.local(row) == self.local.as_deref();
        let copied = namesakes.any(|(row, _)| rare || same(row));
        self.person = Some(person);
        if address_taken || copied || self.is_login_taken() {
            if address_taken {
                self.local = None;
            }
            return Settled::Taken;
        }
        Settled::Free
    }

    /// What stands before the @ of the address that the row will have, where its name does not tell: logins
    /// beside it are made of that too.
    fn settled_local(&self) -> Option<String> {
        let mail = self.learned.mail?;
        let mapped = self.learned.table.mapped(self.wish);
        let field = mapped.iter().find(|(at, _)| *at == mail);
        let given = field.map(|(_, field)| (*field, &self.wish.fields[*field]));
        if let Some((_, address)) = given.filter(|(field, _)| !self.wish.free.contains(*field)) {
            return Some(address.split_once('@')?.0.to_owned());
        }
        let mut drawn = (0..TRIES).filter_map(|_| self.local(self.person.as_ref()));
        drawn.find(|local| !self.is_taken(local))
    }

    /// Somebody new: like the template, with family names as others have them.
    fn somebody(&self, own: &Person, minted: Option<&Person>) -> Person {
        let names = &self.learned.names;
        let given = self.bearers(names.given.or(names.whole));
        let family = self.bearers(names.family.or(names.whole));
        let people = || self.learned.people.iter().flatten();
        let others: Vec<&Person> = family.clone().unwrap_or_else(|| people().collect());
        let other = others.choose(&mut rand::rng()).copied();
        let words = |of: Option<Vec<&Person>>, name: fn(&Person) -> &String| {
            let mut words = Words::default();
            of?.into_iter().for_each(|person| words.add(name(person)));
            Some(words)
        };
        // A minted name is anybody's: where names tell something, it may be the wrong one's.
        let minted = minted.filter(|_| given.is_none() && family.is_none());
        let given = words(given, |person| &person.given);
        let family = words(family, |person| &person.family);
        let words = (
            given.as_ref().unwrap_or(&self.learned.given),
            family.as_ref().unwrap_or(&self.learned.family),
        );
        newcomer(own, other.unwrap_or(own), words, minted)
    }

    /// Whose names are like the row's, where names hang together with something (a sex, a country); `None`
    /// where they do not, or too few have it.
    fn bearers(&self, names: Option<usize>) -> Option<Vec<&'a Person>> {
        let own = self.template.as_deref()?;
        let bound = self.learned.groups().bound(names?);
        let category = |at: &usize| self.learned.columns[*at].role == Role::Category;
        let bound: Vec<usize> = bound.filter(category).collect();
        let alike = |row: &Vec<Value>| bound.iter().all(|at| row[*at] == own[*at]);
        let rows = self.learned.rows.iter().zip(&self.learned.people);
        let bearers = rows.filter(|(row, _)| alike(row));
        let bearers: Vec<&Person> = bearers.filter_map(|(_, person)| person.as_ref()).collect();
        (!bound.is_empty() && bearers.len() >= BEARERS).then_some(bearers)
    }

    /// Whether an address at our domain is taken, or a login that must be unique.
    fn is_taken(&self, local: &str) -> bool {
        let mail = self.learned.mail;
        let domain = mail.and_then(|at| self.own_domain(at)).unwrap_or_default();
        let same_address = |row: &Vec<Value>| {
            let text = mail.and_then(|at| row[at].text());
            text.and_then(|text| text.split_once('@'))
                .is_some_and(|(theirs, at)| {
                    theirs.eq_ignore_ascii_case(local) && at.eq_ignore_ascii_case(&domain)
                })
        };
        let columns = self.learned.columns.iter().enumerate();
        let logins: Vec<usize> = columns
            .filter(|(at, column)| {
                column.role == Role::Login && self.learned.table.columns[*at].unique
            })
            .map(|(at, _)| at)
            .collect();
        let same_login = |row: &Vec<Value>| {
            let texts = logins.iter().filter_map(|at| row[*at].text());
            texts
                .into_iter()
                .any(|text| text.eq_ignore_ascii_case(local))
        };
        let rows = &self.learned.rows;
        rows.iter().any(|row| same_address(row) || same_login(row))
    }

    /// Whether a login that must be unique would be somebody's.
    fn is_login_taken(&self) -> bool {
        let Some(row) = self.template.as_deref() else {
            return false;
        };
        let columns = self.learned.columns.iter().enumerate();
        let mut logins = columns.filter(|(at, column)| {
            column.role == Role::Login && self.learned.table.columns[*at].unique
        });
        logins.any(|(at, column)| {
            column
                .counts
                .contains_key(&self.login(at, &row[at]).token())
        })
    }

    /// The domain that our address in a column has.
    fn own_domain(&self, at: usize) -> Option<String> {
        let mapped = self.learned.table.mapped(self.wish);
        let field = mapped
            .iter()
            .find(|(to, _)| *to == at)
            .map(|(_, field)| *field);
        let address = field.and_then(|field| self.wish.fields.get(field));
        let own = address.and_then(|address| address.split_once('@'));
        own.map(|(_, domain)| domain.to_owned())
            .or_else(|| self.options.mail_domain.clone())
    }

    /// The canary's address at its own domain, its local part built as the neighbours'.
    pub(super) fn own_mail(&mut self, given: &str) -> String {
        let (minted, domain) = given.split_once('@').unwrap_or((given, ""));
        if self.local.is_none() {
            let drawn = (0..TRIES).filter_map(|_| self.local(self.person.as_ref()));
            self.local = drawn.into_iter().find(|local| !self.is_taken(local));
        }
        if let Some(local) = &self.local {
            return format!("{local}@{domain}");
        }
        let case = self
            .template
            .as_ref()
            .and_then(|row| self.learned.local(row));
        let local = case.map_or(minted.to_owned(), |local| Case::of(local).write(minted));
        format!("{local}@{domain}")
    }

    /// A local part like the template's, else like any neighbour's.
    pub(super) fn local(&self, person: Option<&Person>) -> Option<String> {
        let mut random = rand::rng();
        let template = self.template.as_deref()?;
        let others = (0..TRIES).filter_map(|_| self.learned.rows.choose(&mut random));
        let mut rows = std::iter::once(template).chain(others);
        let mail = self.learned.mail?;
        rows.find_map(|row| self.login_like(mail, row, person))
    }

    /// A login as a row has one in a column: made of the name in the same way, or of others that are made of none.
    fn login_like(&self, at: usize, row: &[Value], person: Option<&Person>) -> Option<String> {
        let login = self.learned.login(at, row)?;
        let pattern = self.learned.pattern(row, login);
        let own = self.learned.person(row);
        match (pattern, person, own) {
            (Some(pattern), Some(person), _) => self.learned.by_pattern(at, &pattern, person),
            (None, Some(person), Some(own)) if self.learned.shows(&own, login) => {
                self.learned.reworded(&own, login, person)
            }
            _ => self.recombined(at, login),
        }
    }

    /// The head of one login and the tail of another built alike.
    fn recombined(&self, at: usize, local: &str) -> Option<String> {
        let mark = ['.', '_', '-'];
        // Of those that come from no name: a name of one and a nickname's tail are nobody's.
        let people = self.learned.people.iter().zip(self.learned.patterns(at));
        let rows = self.learned.rows.iter().zip(people);
        let nickname =
            |(row, (person, pattern)): (&'a Vec<Value>, (&Option<Person>, &Option<_>))| {
                let theirs = self.learned.login(at, row).filter(|_| pattern.is_none())?;
                let person = person.as_ref();
                let named = person.is_some_and(|person| self.learned.shows(person, theirs));
                (!named).then_some(theirs)
            };
        let locals: Vec<&str> = rows.filter_map(nickname).collect();
        let digits = |text: &str| text.bytes().any(|byte| byte.is_ascii_digit());
        if let Some((head, _)) = local.split_once(mark) {
            let alike = |other: &&&str| other.matches(mark).eq(local.matches(mark));
            let alike: Vec<&&str> = locals.iter().filter(alike).collect();
            let other = alike.choose(&mut rand::rng())?;
            let tail = &other[other.find(mark)?..];
            return Some(digits_anew(&format!("{head}{tail}")));
        }
        if digits(local) {
            return Some(digits_anew(local));
        }
        Some(blended_word(&locals))
    }

    pub(super) fn named(&self, part: Part, template: &Value) -> Value {
        let text = self.person.as_ref().map(|person| match part {
            Part::Given => person.given.clone(),
            Part::Family => person.family.clone(),
            Part::Whole => person.whole(self.learned.order),
        });
        text.map_or_else(|| template.clone(), Value::Text)
    }

    /// A login, and where it must be unique one that no row has, as far as there is one.
    pub(super) fn login(&self, at: usize, template: &Value) -> Value {
        let unique = self.learned.table.columns[at].unique;
        let counts = &self.learned.columns[at].counts;
        let mut drawn = (0..TRIES).map(|_| self.any_login(at, template));
        let free = drawn.find(|login| !unique || !counts.contains_key(&login.token()));
        let local = || self.local.clone().map(Value::Text);
        let local = || local().filter(|login| !counts.contains_key(&login.token()));
        free.or_else(local)
            .unwrap_or_else(|| self.any_login(at, template))
    }

    fn any_login(&self, at: usize, template: &Value) -> Value {
        let (Some(row), Some(text)) = (self.template.as_deref(), template.text()) else {
            return template.clone();
        };
        if let (Some(local), true) = (&self.local, self.learned.local(row) == Some(text)) {
            return Value::Text(local.clone());
        }
        let theirs = self.learned.local(row).unwrap_or_default();
        let (stem, figures) = in_two(text);
        let (their_stem, their_figures) = in_two(theirs);
        if let (Some(local), true) = (&self.local, stem == their_stem) {
            let stem = in_two(local).0;
            return Value::Text(format!("{stem}{}", digits_anew(figures)));
        }
        let written = self.login_like(at, row, self.person.as_ref());
        let written = written.unwrap_or_else(|| blended_word(&[text]));
        match &self.local {
            // The figures of the address, where the neighbour's are.
            Some(local) if !figures.is_empty() && figures == their_figures => {
                Value::Text(format!("{}{}", in_two(&written).0, in_two(local).1))
            }
            _ => Value::Text(written),
        }
    }
}

/// A login and the figures that end it.
fn in_two(login: &str) -> (&str, &str) {
    let stem = login.trim_end_matches(|c: char| c.is_ascii_digit());
    login.split_at(stem.len())
}
