//! What a statement is made of.

use super::value::Value;

/// A query, and how its rows are put in order and cut.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Query {
    /// `WITH name AS (query)`.
    pub(super) with: Vec<(String, Query)>,
    pub(super) first: Select,
    /// What is joined to it by UNION, and whether with rows that are there already.
    pub(super) more: Vec<(bool, Select)>,
    pub(super) order: Vec<Order>,
    pub(super) limit: Option<Expression>,
    pub(super) offset: Option<Expression>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Order {
    pub(super) by: Expression,
    pub(super) descending: bool,
}

/// `SELECT .. FROM .. WHERE .. GROUP BY .. HAVING`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Select {
    pub(super) distinct: bool,
    pub(super) items: Vec<Item>,
    pub(super) from: Vec<Source>,
    pub(super) filter: Option<Expression>,
    pub(super) group: Vec<Expression>,
    pub(super) having: Option<Expression>,
    /// `VALUES (..), (..)` in its stead.
    pub(super) values: Vec<Vec<Expression>>,
}

/// An expression of the list behind SELECT.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    pub(super) what: Expression,
    pub(super) alias: Option<String>,
    /// As it was written.
    pub(super) text: String,
}

/// Something behind FROM.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Source {
    pub(super) what: From,
    pub(super) alias: String,
    /// Whether rows without a partner stay.
    pub(super) left: bool,
    pub(super) on: Option<Expression>,
    pub(super) using: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum From {
    Table {
        path: Vec<String>,
        at: usize,
    },
    Query(Box<Query>),
    Call {
        name: String,
        arguments: Vec<Expression>,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    Value(Value),
    Column {
        path: Vec<String>,
        at: usize,
    },
    /// `*` or `table.*`.
    Star(Option<String>),
    Parameter(usize),
    Variable(String),
    Call {
        name: String,
        arguments: Vec<Expression>,
        distinct: bool,
        at: usize,
    },
    Not(Box<Expression>),
    Minus(Box<Expression>),
    Binary(&'static str, Box<Expression>, Box<Expression>),
    /// `= ANY (..)`.
    Any(&'static str, Box<Expression>, Box<Expression>),
    Case {
        of: Option<Box<Expression>>,
        when: Vec<(Expression, Expression)>,
        otherwise: Option<Box<Expression>>,
    },
    In(Box<Expression>, Vec<Expression>),
    InQuery(Box<Expression>, Box<Query>),
    Exists(Box<Query>),
    Scalar(Box<Query>),
    /// `ARRAY(SELECT ..)`.
    ArrayQuery(Box<Query>),
    Array(Vec<Expression>),
    Like {
        what: Box<Expression>,
        pattern: Box<Expression>,
        fold: bool,
    },
    /// What is between what two.
    Between(Box<Expression>, Box<Expression>, Box<Expression>),
    IsNull(Box<Expression>),
    Is(Box<Expression>, bool),
    Cast(Box<Expression>, String),
}
