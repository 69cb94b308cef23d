//! SQL that decoy databases understand: enough of it for the statements that clients and people begin with.
//!
//! A statement of a peer is read here and nowhere else: no database engine ever has it. Reading and answering
//! are bounded in depth, steps and rows; nothing that is written is kept.

mod call;
mod evaluate;
mod parse;
mod syntax;
mod token;
mod value;

pub(crate) use call::like;
pub(crate) use evaluate::{Budget, Run, World};
pub(crate) use parse::{Part, Statement, statements};
pub(crate) use token::Token;
pub(crate) use value::{Column, Table, Type, Value, micros};

/// Whose SQL it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Postgres,
    Mysql,
    Mssql,
}

/// Why there is no answer to a statement. Positions are bytes from the beginning of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// It is not understood from here on; no text: at its end.
    Syntax { near: String, at: usize },
    /// A literal has no end.
    Open { at: usize },
    /// There is no such table.
    Table {
        schema: Option<String>,
        name: String,
        at: usize,
    },
    /// There is no such column.
    Column {
        table: Option<String>,
        name: String,
        at: usize,
    },
    /// There is no such function.
    Function {
        name: String,
        arguments: Vec<Type>,
        at: usize,
    },
    /// Numbers divided by nothing.
    Zero,
    /// More than is answered.
    TooMuch,
}

/// Columns and rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Answer {
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Vec<Value>>,
}

impl Answer {
    /// About how many bytes it takes to keep or to send.
    pub(crate) fn size(&self) -> usize {
        let columns = self.columns.iter().map(|column| column.name.len() + 32);
        let values = self.rows.iter().flatten().map(|value| value.size() + 8);
        columns.sum::<usize>() + values.sum::<usize>() + self.rows.len() * 8
    }
}

#[cfg(test)]
mod tests;
