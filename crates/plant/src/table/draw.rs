//! Drawing a row like its neighbours. One neighbour is the template: what belongs together (city and
//! country, plan and price, what is NULL) is taken over from it as a whole, so that frequencies and
//! correlations hold. Names come from two neighbours, or are new as often as the table's are; times
//! keep the neighbours' hours; what must be unique is fresh. The canary's values go where its kind
//! says; what only fits a person (name, city) yields to what the neighbours have.

mod amounts;
mod moments;
mod places;

use std::cell::OnceCell;
use std::collections::BTreeMap;

use jiff::Timestamp;
use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use uuid::Uuid;

use self::amounts::Amounts;
use self::moments::Moments;
use super::fill::{
    blended_word, blended_words, digits_anew, fresh_uuid, next_integer, random_blob,
    reserved_number, shaped, shaped_like,
};
use super::learn::{Learned, Role, ratio};
use super::naming::newcomer;
use super::people::{Case, Part, Person};
use super::{Column, Sort, Value};
use crate::bait::Wish;
use crate::{Options, names};

/// What is wrong and what to do about it.
pub(crate) type Problem = (String, String);

/// One drawn row.
pub(crate) struct Drawn {
    /// A value for each column; `None` leaves it to the engine.
    pub values: Vec<Option<Value>>,
    /// Which of them are the canary's own.
    pub canary: Vec<bool>,
    /// Fields of the canary that now have another value.
    pub refined: BTreeMap<String, String>,
    /// What the operator should know.
    pub notes: Vec<String>,
    /// How likely it is, and how likely it had to be.
    pub score: Option<(f64, f64)>,
}

/// Columns that hold what a row may do: rare values of these are not given to bait.
const RIGHTS: [&str; 8] = [
    "role",
    "admin",
    "staff",
    "superuser",
    "permission",
    "permissions",
    "privilege",
    "owner",
];
/// A value rarer than this is a right that few have.
const FEW: f64 = 0.1;
/// How often a template or a name is drawn again.
const TRIES: usize = 16;

/// Draws one row.
///
/// # Errors
/// A column must have a value, and nothing tells what.
pub(crate) fn draw(
    learned: &Learned<'_>,
    wish: &Wish,
    options: &Options,
) -> Result<Drawn, Problem> {
    let mut drawing = Drawing::among(learned, wish, options);
    for _ in 1..TRIES {
        if drawing.settle() == Settled::Free {
            return drawing.row();
        }
        // Somebody else has that name or address: all of it is drawn again, as a newcomer would differ.
        drawing = Drawing::among(learned, wish, options);
    }
    drawing.settle();
    drawing.row()
}

/// Whether a row's name and address are still nobody's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Settled {
    Free,
    Taken,
}

/// A neighbour to take after; none that has rights few have.
fn template<'a>(learned: &Learned<'a>) -> Option<&'a Vec<Value>> {
    let mut random = rand::rng();
    let mut chosen = learned.rows.choose(&mut random);
    for _ in 0..TRIES {
        let Some(row) = chosen else { break };
        let privileged = (0..row.len()).any(|at| {
            let column = &learned.columns[at];
            let name = names::snake(&learned.table.columns[at].name);
            let rights = name.split('_').any(|word| RIGHTS.contains(&word));
            let count = column.counts.get(&row[at].token()).copied().unwrap_or(1);
            rights && column.role == Role::Category && ratio(count, column.filled) < FEW
        });
        if !privileged {
            break;
        }
        chosen = learned.rows.choose(&mut random);
    }
    chosen
}

struct Drawing<'a> {
    learned: &'a Learned<'a>,
    wish: &'a Wish,
    options: &'a Options,
    template: Option<&'a Vec<Value>>,
    person: Option<Person>,
    /// What stands before the @ of the row's address.
    local: Option<String>,
    moments: Moments,
    amounts: OnceCell<Amounts<'a>>,
    notes: Vec<String>,
}

impl<'a> Drawing<'a> {
    fn among(learned: &'a Learned<'a>, wish: &'a Wish, options: &'a Options) -> Self {
        let template = template(learned);
        Self {
            learned,
            wish,
            options,
            template,
            person: None,
            local: None,
            moments: Moments::of(learned, template),
            amounts: OnceCell::new(),
            notes: Vec::new(),
        }
    }

    fn row(mut self) -> Result<Drawn, Problem> {
        let mapped = self.learned.table.mapped(self.wish);
        let count = self.learned.table.columns.len();
        let (mut values, mut canary) = (Vec::with_capacity(count), vec![false; count]);
        let mut refined = BTreeMap::new();
        for (at, own) in canary.iter_mut().enumerate() {
            let field = mapped.iter().find(|(to, _)| *to == at).map(|(_, f)| *f);
            let Some(field) = field else {
                values.push(self.value(at)?);
                continue;
            };
            let given = &self.wish.fields[field];
            let free = self.wish.free.contains(field);
            if free && self.learned.columns[at].role == Role::Mail && given.contains('@') {
                let mail = self.own_mail(given);
                refined.insert(field.to_owned(), mail.clone());
                values.push(Some(Value::Text(mail)));
                *own = true;
            } else if free && self.wish.yields(field) && self.knows(at) {
                let value = self.value(at)?;
                if let Some(Value::Text(text)) = &value {
                    refined.insert(field.to_owned(), text.clone());
                }
                values.push(value);
            } else {
                values.push(Some(Value::Text(given.clone())));
                *own = true;
            }
        }
        self.refine_names(&mut refined);
        Ok(Drawn {
            values,
            canary,
            refined,
            notes: self.notes,
            score: None,
        })
    }

    /// Whether the neighbours tell what a column holds.
    fn knows(&self, at: usize) -> bool {
        let phone = self.learned.columns[at].role == Role::Phone;
        self.learned.columns[at].filled > 0 && !phone
    }

    /// Names that stand in no column still belong to the address.
    fn refine_names(&self, refined: &mut BTreeMap<String, String>) {
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
    fn settle(&mut self) -> Settled {
        let field = |name: &str| self.wish.fields.get(name).cloned();
        let minted = match (field("first_name"), field("last_name"), field("name")) {
            (Some(given), Some(family), _) => Some(Person { given, family }),
            (_, _, Some(whole)) => Some(Person::parse(&whole)),
            _ => None,
        };
        let fields = ["first_name", "last_name", "name"];
        let firm =
            |name: &str| self.wish.fields.contains_key(name) && !self.wish.free.contains(name);
        let own = self.template.and_then(|row| self.learned.person(row));
        let Some(own) = own.filter(|_| !fields.iter().any(|name| firm(name))) else {
            self.person = minted;
            return Settled::Free;
        };
        let person = self.somebody(&own, minted.as_ref());
        self.local = self.local(Some(&person));
        let address_taken = self
            .local
            .as_deref()
            .is_some_and(|local| self.is_taken(local));
        let namesakes = self.learned.rows.iter().zip(&self.learned.people);
        let mut namesakes = namesakes.filter(|(_, theirs)| theirs.as_ref() == Some(&person));
        let rare = !self.learned.has_namesakes();
        let copied =
            namesakes.any(|(row, _)| rare || self.learned.local(row) == self.local.as_deref());
        self.person = Some(person);
        if address_taken || copied {
            if address_taken {
                self.local = None;
            }
            return Settled::Taken;
        }
        Settled::Free
    }

    /// Somebody new: like the template, with family names as others have them.
    fn somebody(&self, own: &Person, minted: Option<&Person>) -> Person {
        let other = self.learned.people.choose(&mut rand::rng());
        let other = other.and_then(Option::as_ref);
        let words = (&self.learned.given, &self.learned.family);
        newcomer(own, other.unwrap_or(own), words, minted)
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
    fn own_mail(&mut self, given: &str) -> String {
        let (minted, domain) = given.split_once('@').unwrap_or((given, ""));
        if self.local.is_none() {
            let drawn = (0..TRIES).filter_map(|_| self.local(self.person.as_ref()));
            self.local = drawn.into_iter().find(|local| !self.is_taken(local));
        }
        if let Some(local) = &self.local {
            return format!("{local}@{domain}");
        }
        let case = self.template.and_then(|row| self.learned.local(row));
        let local = case.map_or(minted.to_owned(), |local| Case::of(local).write(minted));
        format!("{local}@{domain}")
    }

    /// A local part like the template's, else like any neighbour's.
    fn local(&self, person: Option<&Person>) -> Option<String> {
        let mut random = rand::rng();
        let template = self.template?;
        let others = (0..TRIES).filter_map(|_| self.learned.rows.choose(&mut random));
        for row in std::iter::once(template).chain(others) {
            let Some(local) = self.learned.local(row) else {
                continue;
            };
            let pattern = self.learned.pattern(row, local);
            let written = match (pattern, person) {
                (Some(pattern), Some(person)) => self.learned.by_pattern(&pattern, person),
                _ => self.recombined(local),
            };
            if written.is_some() {
                return written;
            }
        }
        None
    }

    /// The head of one local part and the tail of another built alike.
    fn recombined(&self, local: &str) -> Option<String> {
        let mark = ['.', '_', '-'];
        // Of those that come from no name: a name of one and a nickname's tail are nobody's.
        let named = |row: &&Vec<Value>| {
            let theirs = self.learned.local(row);
            theirs.is_some_and(|theirs| self.learned.pattern(row, theirs).is_some())
        };
        let rows = self.learned.rows.iter().filter(|row| !named(row));
        let locals: Vec<&str> = rows.filter_map(|row| self.learned.local(row)).collect();
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

    /// A value for a column that is not the canary's; `None` leaves it to its default.
    fn value(&mut self, at: usize) -> Result<Option<Value>, Problem> {
        let column = &self.learned.table.columns[at];
        let role = self.learned.columns[at].role;
        if role == Role::Counted {
            return Ok(None);
        }
        let Some(template) = self.template.map(|row| &row[at]) else {
            return self.without_neighbours(column);
        };
        if role == Role::Reference {
            return Ok(Some(template.clone()));
        }
        if !column.not_null && !column.primary && *template == Value::Null {
            return Ok(Some(Value::Null));
        }
        let values = self.learned.values(at);
        let template = if *template == Value::Null {
            values.first().copied().unwrap_or(template)
        } else {
            template
        };
        let texts: Vec<&str> = values.iter().filter_map(|value| value.text()).collect();
        let value = match role {
            Role::Mail | Role::Phone | Role::Internet => {
                return self.personal(at, role, template, &values);
            }
            Role::Time(clock) => self.moments.write(at, clock, template),
            Role::Name(part) => self.named(part, template),
            Role::Login => self.login(template),
            Role::Number if column.unique => Value::Integer(next_integer(&values)),
            Role::Number => {
                let amounts = || Amounts::of(self.learned, self.template);
                self.amounts.get_or_init(amounts).write(at, template)
            }
            Role::Blob => match template {
                Value::Blob(bytes) => Value::Blob(random_blob(bytes)),
                other => other.clone(),
            },
            Role::Verbatim => self.template.map_or_else(
                || template.clone(),
                |own| places::like(self.learned, own, at, template),
            ),
            Role::Category | Role::Empty | Role::Reference | Role::Counted => template.clone(),
            _ => template.text().map_or_else(
                || template.clone(),
                |text| Value::Text(text_like(role, column, text, &texts)),
            ),
        };
        Ok(Some(cut(value, column)))
    }

    fn named(&self, part: Part, template: &Value) -> Value {
        let text = self.person.as_ref().map(|person| match part {
            Part::Given => person.given.clone(),
            Part::Family => person.family.clone(),
            Part::Whole => person.whole(self.learned.order),
        });
        text.map_or_else(|| template.clone(), Value::Text)
    }

    fn login(&self, template: &Value) -> Value {
        let (Some(row), Some(text)) = (self.template, template.text()) else {
            return template.clone();
        };
        if let (Some(local), true) = (&self.local, self.learned.local(row) == Some(text)) {
            return Value::Text(local.clone());
        }
        let pattern = self.learned.pattern(row, text);
        let written = match (pattern, &self.person) {
            (Some(pattern), Some(person)) => self.learned.by_pattern(&pattern, person),
            _ => self.local(self.person.as_ref()),
        };
        Value::Text(written.unwrap_or_else(|| blended_word(&[text])))
    }

    /// Addresses and numbers that must be nobody's.
    fn personal(
        &mut self,
        at: usize,
        role: Role,
        template: &Value,
        values: &[&Value],
    ) -> Result<Option<Value>, Problem> {
        let column = &self.learned.table.columns[at];
        let texts: Vec<&str> = values.iter().filter_map(|value| value.text()).collect();
        // As often as the neighbours have none, neither has ours; where little is known, it has none.
        let few = self.learned.rows.len() < 20;
        if !column.not_null && (role == Role::Mail || few) {
            return Ok(Some(Value::Null));
        }
        match role {
            Role::Mail => self.mail(column).map(Some),
            Role::Phone => {
                self.note(format!(
                    "{} holds a number from a range reserved for fiction, which somebody who knows such ranges can tell",
                    column.name
                ));
                let written = template.text().unwrap_or_default();
                let number = reserved_number(written, &texts);
                let numeric = values.iter().any(|v| matches!(v, Value::Integer(_)));
                let digits = number.trim_start_matches('+').parse();
                Ok(Some(match digits {
                    Ok(digits) if numeric => Value::Integer(digits),
                    _ => cut(Value::Text(number), column),
                }))
            }
            _ => {
                self.note(format!(
                    "{} holds an address from a range reserved for documentation",
                    column.name
                ));
                let address = format!("203.0.113.{}", rand::rng().random_range(2..250));
                Ok(Some(Value::Text(address)))
            }
        }
    }

    fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// An address that is not the canary's.
    fn mail(&self, column: &Column) -> Result<Value, Problem> {
        let Some(domain) = &self.options.mail_domain else {
            return Err((
                format!(
                    "the column {} wants an e-mail address, and a made-up one may be somebody's",
                    column.name
                ),
                "set the operator's own mail domain".to_owned(),
            ));
        };
        let local = self.local(self.person.as_ref());
        let local = local.unwrap_or_else(|| blended_word(&[]));
        Ok(Value::Text(format!("{local}@{domain}")))
    }

    fn without_neighbours(&self, column: &Column) -> Result<Option<Value>, Problem> {
        if !column.primary && (column.default.is_some() || !column.not_null) {
            return Ok(None);
        }
        if let Sort::Listed(values) = &column.sort
            && let Some(first) = values.first()
        {
            return Ok(Some(
                first
                    .parse()
                    .map_or_else(|_| Value::Text(first.clone()), Value::Integer),
            ));
        }
        let name = names::snake(&column.name);
        let timely = column.sort == Sort::Time
            || name.ends_with("_at")
            || name.contains("date")
            || name.contains("time");
        let now = Timestamp::now();
        let value = match column.sort {
            Sort::Integer if timely => Value::Integer(now.as_second()),
            _ if timely => Value::Text(now.strftime("%Y-%m-%d %H:%M:%S").to_string()),
            Sort::Integer => Value::Integer(1),
            Sort::Number => Value::Integer(0),
            Sort::Binary => Value::Blob(random_blob(&[0; 16])),
            _ if column.unique => Value::Text(Uuid::new_v4().to_string()),
            _ if name.contains("mail") => self.mail(column)?,
            _ => {
                return Err((
                    format!(
                        "the table is empty, so nothing tells what the column {} should hold",
                        column.name
                    ),
                    "plant in a table that is in use".to_owned(),
                ));
            }
        };
        Ok(Some(value))
    }
}

/// A fresh text of a role that has no meaning beyond its shape.
fn text_like(role: Role, column: &Column, template: &str, texts: &[&str]) -> String {
    match role {
        Role::Uuid => Uuid::parse_str(template)
            .map_or_else(|_| template.to_owned(), |uuid| fresh_uuid(&uuid, template)),
        Role::Link => template.rsplit_once('/').map_or_else(
            || template.to_owned(),
            |(base, last)| format!("{base}/{}", shaped(last, 0)),
        ),
        Role::Code if template.len() >= 3 => shaped_like(template, texts),
        Role::Words if template.contains(' ') => blended_words(template, texts),
        _ if column.unique => blended_word(texts),
        _ => template.to_owned(),
    }
}

/// No longer than the column takes.
fn cut(value: Value, column: &Column) -> Value {
    match (value, column.length) {
        (Value::Text(text), Some(length)) if text.chars().count() > length => {
            Value::Text(text.chars().take(length).collect())
        }
        (value, _) => value,
    }
}
