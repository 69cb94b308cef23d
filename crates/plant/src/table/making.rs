//! Statements that make tables, views and logins which exist for nothing but bait, and that take them
//! away again.

use super::{Column, Value};

/// What makes a thing of ours, and what removes it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Making {
    pub create: Vec<String>,
    /// In the order in which they are run.
    pub remove: Vec<String>,
    /// How a password is written in a statement, and the password, which is what is shown: it is ours.
    pub secret: Option<(String, String)>,
    /// What the operator should know.
    pub notes: Vec<String>,
}

impl Making {
    /// The statements as they are shown.
    pub(crate) fn shown(&self) -> impl Iterator<Item = String> {
        self.create.iter().map(|sql| match &self.secret {
            Some((written, password)) => sql.replace(written, password),
            None => sql.clone(),
        })
    }
}

/// A view of one row.
pub(crate) struct View<'a> {
    pub name: &'a str,
    /// The table it takes after.
    pub like: &'a str,
    pub row: Vec<(&'a Column, Value)>,
    /// What a line of the log is recognised by.
    pub handle: &'a str,
}

/// A login without rights.
pub(crate) struct Login<'a> {
    pub name: &'a str,
    pub password: &'a str,
    pub database: &'a str,
}
