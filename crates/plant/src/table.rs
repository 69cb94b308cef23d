//! What every database's rows have in common: a table as its schema tells it, values, cells of a row
//! of ours, and the learner that draws rows like their neighbours. Knows no engine; engines read a
//! schema into [`Table`] and write what [`draw`] gives.

pub(crate) mod address;
pub(crate) mod clock;
pub(crate) mod depend;
pub(crate) mod dialect;
pub(crate) mod draw;
pub(crate) mod exclude;
pub(crate) mod fill;
pub(crate) mod habit;
pub(crate) mod layout;
pub(crate) mod learn;
pub(crate) mod life;
pub(crate) mod likely;
pub(crate) mod making;
pub(crate) mod naming;
pub(crate) mod people;
pub(crate) mod planning;
pub(crate) mod roles;
pub(crate) mod session;
pub(crate) mod triggers;
pub(crate) mod value;

pub(crate) use self::value::{Cell, Value};

use crate::bait::Wish;
use crate::names;

/// A table of whatever engine.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    /// As the engine lists it.
    pub name: String,
    /// Columns that can be written: generated ones are left out.
    pub columns: Vec<Column>,
    /// Names of the primary key's columns in order; empty if there is none.
    pub primary: Vec<String>,
    pub foreign: Vec<Foreign>,
    /// Columns that must be unique together, the primary key's among them.
    pub keys: Vec<Vec<String>>,
    /// The column that holds e-mail addresses, where its name is none that a kind knows.
    pub mail: Option<String>,
}

/// What a column holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sort {
    #[default]
    Text,
    Integer,
    /// Decimal or floating; written as text or real.
    Number,
    /// Date, time or both.
    Time,
    /// One of these and nothing else (an enum, a boolean, a list in a CHECK).
    Listed(Vec<String>),
    Binary,
    /// Structured values (JSON, arrays, geometry), which are only ever taken over.
    Other,
}

/// A column that can be written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Column {
    pub name: String,
    /// The type as the engine writes it.
    pub declared: String,
    pub sort: Sort,
    /// Most characters it takes, if limited.
    pub length: Option<usize>,
    pub not_null: bool,
    pub default: Option<String>,
    /// It alone must be unique.
    pub unique: bool,
    /// The engine counts it up by itself (rowid, serial, identity, auto-increment).
    pub counted: bool,
    pub primary: bool,
}

/// A reference to another table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Foreign {
    pub columns: Vec<String>,
    pub table: String,
    /// The columns referred to; empty means its primary key.
    pub to: Vec<String>,
}

impl Table {
    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The reference a column is part of.
    pub(crate) fn reference(&self, column: &Column) -> Option<&Foreign> {
        self.foreign.iter().find(|foreign| {
            foreign
                .columns
                .iter()
                .any(|name| name.eq_ignore_ascii_case(&column.name))
        })
    }

    /// Column number and field, by the names a kind says a column may have.
    pub(crate) fn mapped<'a>(&self, wish: &'a Wish) -> Vec<(usize, &'a str)> {
        let mut mapped: Vec<(usize, &str)> = Vec::new();
        for hint in &wish.row {
            if !wish.fields.contains_key(&hint.field) {
                continue;
            }
            let open = |named: &dyn Fn(&Column) -> bool| {
                self.columns
                    .iter()
                    .position(|column| named(column) && !column.counted)
                    .filter(|at| !mapped.iter().any(|(taken, _)| taken == at))
            };
            let known = hint
                .names
                .iter()
                .find_map(|name| open(&|column| names::snake(&column.name) == names::snake(name)));
            let mail = hint.takes_mail().then_some(self.mail.as_ref()).flatten();
            let mail = || open(&|column| Some(&column.name) == mail);
            if let Some(at) = known.or_else(mail) {
                mapped.push((at, hint.field.as_str()));
            }
        }
        mapped.sort_unstable();
        mapped
    }

    /// The names of its columns, for messages.
    pub(crate) fn listing(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|c| c.name.as_str()).collect();
        names.join(", ")
    }
}
