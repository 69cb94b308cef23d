//! Drawing a row like its neighbours. One neighbour is the template: what belongs together (city and
//! country, plan and price, what is NULL) is taken over from it as a whole, so that frequencies and
//! correlations hold. Names come from two neighbours, or are new as often as the table's are; times
//! keep the neighbours' hours; what must be unique is fresh. The canary's values go where its kind
//! says; what only fits a person (name, city) yields to what the neighbours have.

mod amounts;
mod apart;
mod moments;
mod places;
mod somebody;
mod template;

use std::collections::BTreeMap;
use std::rc::Rc;

use jiff::Timestamp;
use rand::RngExt as _;
use uuid::Uuid;

use self::amounts::Amounts;
pub(crate) use self::apart::counting;
use self::apart::{fresh_text, keep_apart, next_integer};
use self::moments::Moments;
pub(crate) use self::moments::{in_order, is_beginning, lead};
use self::template::{takes_over, template};
use super::fill::{
    blended_word, blended_words, fresh_uuid, random_blob, reserved_number, shaped, shaped_like,
};
use super::learn::{Learned, Role};
use super::people::Person;
use super::roles::is_postcode;
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

/// How often a template or a name is drawn again.
const TRIES: usize = 16;

/// Draws one row; `whose` is for the first try.
///
/// # Errors
/// A column must have a value, and nothing tells what.
pub(crate) fn draw(
    learned: &Learned<'_>,
    wish: &Wish,
    options: &Options,
    mut whose: Whose,
) -> Result<Drawn, Problem> {
    let mut drawing = Drawing::among(learned, wish, options);
    for _ in 1..TRIES {
        if drawing.settle(whose) == Settled::Free {
            return drawing.row();
        }
        // Somebody else has that name or address: all of it is drawn again, as a newcomer would differ.
        drawing = Drawing::among(learned, wish, options);
        whose = Whose::Another;
    }
    drawing.settle(whose);
    drawing.row()
}

/// Which new name a row may get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// That of the canary.
    Minted,
    /// Another of its sort: that one is taken, or too rare among the neighbours.
    Another,
}

/// Whether a row's name and address are still nobody's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Settled {
    Free,
    Taken,
}

struct Drawing<'a> {
    learned: &'a Learned<'a>,
    wish: &'a Wish,
    options: &'a Options,
    template: Option<Rc<Vec<Value>>>,
    person: Option<Person>,
    /// What stands before the @ of the row's address.
    local: Option<String>,
    moments: Moments,
    /// By the first of the columns that hang together.
    amounts: BTreeMap<usize, Amounts<'a>>,
    notes: Vec<String>,
}

impl<'a> Drawing<'a> {
    fn among(learned: &'a Learned<'a>, wish: &'a Wish, options: &'a Options) -> Self {
        let own = |(at, field): &(usize, &str)| {
            let given = wish.fields[*field].contains('@');
            let mail = learned.columns[*at].role == Role::Mail && given;
            mail || !takes_over(learned, wish, *at, field)
        };
        let mapped = learned.table.mapped(wish);
        let wanted: Vec<usize> = mapped
            .iter()
            .filter(|mapped| own(mapped))
            .map(|(at, _)| *at)
            .collect();
        let template = template(learned, &wanted);
        Self {
            learned,
            wish,
            options,
            person: None,
            local: None,
            moments: Moments::of(learned, template.as_ref()),
            template: template.map(Rc::new),
            amounts: BTreeMap::new(),
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
            } else if takes_over(self.learned, self.wish, at, field) {
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
        keep_apart(self.learned, &mut values, &canary);
        self.refine_names(&mut refined);
        Ok(Drawn {
            values,
            canary,
            refined,
            notes: self.notes,
            score: None,
        })
    }

    /// A value for a column that is not the canary's; `None` leaves it to its default.
    fn value(&mut self, at: usize) -> Result<Option<Value>, Problem> {
        let column = &self.learned.table.columns[at];
        let role = self.learned.columns[at].role;
        if role == Role::Counted {
            return Ok(None);
        }
        let Some(own) = self.template.clone() else {
            return self.without_neighbours(column);
        };
        let template = &own[at];
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
            Role::Login => self.login(at, template),
            Role::Number if column.unique => Value::Integer(next_integer(&values)),
            Role::Number => {
                let with = self.learned.groups().with(at);
                let amounts = || Amounts::of(self.learned, Some(&own), with);
                let amounts = self.amounts.entry(with[0]).or_insert_with(amounts);
                amounts.write(at, template)
            }
            Role::Blob => match template {
                Value::Blob(bytes) => Value::Blob(random_blob(bytes)),
                other => other.clone(),
            },
            Role::Verbatim => places::like(self.learned, &own, at, template),
            Role::Category if is_postcode(column) => places::like(self.learned, &own, at, template),
            Role::Category | Role::Empty | Role::Reference | Role::Counted => template.clone(),
            _ => template.text().map_or_else(
                || template.clone(),
                |text| Value::Text(fresh_text(self.learned, at, text, &texts)),
            ),
        };
        Ok(Some(cut(value, column)))
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
        _ if column.unique && are_coded(texts) => shaped(template, 0),
        _ if column.unique => blended_word(texts),
        _ => template.to_owned(),
    }
}

/// Whether texts are as long as each other and have no small letters, as codes are and words are not.
fn are_coded(texts: &[&str]) -> bool {
    let length = texts.first().map(|text| text.len());
    let coded = |text: &&str| !text.contains(char::is_lowercase) && Some(text.len()) == length;
    texts.iter().all(coded)
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
