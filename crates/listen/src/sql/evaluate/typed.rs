//! Names and types of an answer's columns.

use super::{Bound, MOST_COLUMNS, Run, Scope, kind_of};
use crate::sql::syntax::{Expression, Item};
use crate::sql::value::{Column, Type, Value};
use crate::sql::{Dialect, Wrong, call};

impl Run<'_> {
    pub(super) fn columns(
        &self,
        items: &[Item],
        bound: &[Bound],
        parent: Option<&Scope<'_>>,
    ) -> Result<Vec<Column>, Wrong> {
        let nothing = vec![None; bound.len()];
        let scope = Scope {
            bound,
            at: &nothing,
            group: None,
            parent,
        };
        let mut columns = Vec::new();
        for item in items {
            if let Expression::Star(of) = &item.what {
                let fits = |own: &&Bound| {
                    of.as_ref()
                        .is_none_or(|of| of.eq_ignore_ascii_case(&own.alias))
                };
                for own in bound.iter().filter(fits) {
                    fits_answer(columns.len() + own.table.columns.len())?;
                    self.spend(own.table.columns.len())?;
                    columns.extend(own.table.columns.iter().cloned());
                }
                continue;
            }
            fits_answer(columns.len() + 1)?;
            let mut column = self.typed(&item.what, &scope)?;
            column.name = match &item.alias {
                Some(alias) => alias.clone(),
                None => match (&item.what, self.world.dialect()) {
                    (Expression::Column { path, .. }, _) => {
                        path.last().cloned().unwrap_or_default()
                    }
                    (what, Dialect::Postgres) => name_of(what),
                    (_, Dialect::Mysql) => item.text.clone(),
                    (_, Dialect::Mssql) => String::new(),
                },
            };
            columns.push(column);
        }
        Ok(columns)
    }

    /// A column of the type that an expression has, and no name.
    pub(super) fn typed(&self, what: &Expression, scope: &Scope<'_>) -> Result<Column, Wrong> {
        let kind = match what {
            Expression::Column { path, at } => {
                return self.find(path, *at, scope).map(|found| found.1);
            }
            Expression::Value(value) => match value {
                Value::Text(_) | Value::Null => Type::Unknown,
                value => kind_of(value),
            },
            Expression::Parameter(_) => Type::Text(None),
            Expression::Not(_)
            | Expression::Any(..)
            | Expression::In(..)
            | Expression::InQuery(..)
            | Expression::Exists(_)
            | Expression::Like { .. }
            | Expression::Between(..)
            | Expression::IsNull(_)
            | Expression::Is(..) => Type::Bool,
            Expression::Binary("||" | "->" | "->>" | "[", ..) => Type::Text(None),
            Expression::Binary(
                "+" | "-" | "*" | "/" | "%" | "DIV" | "&" | "|" | "<<" | ">>" | "#",
                one,
                two,
            ) => match (self.typed(one, scope)?.kind, self.typed(two, scope)?.kind) {
                (Type::Int, Type::Int) => Type::Int,
                (Type::Big | Type::Int, Type::Big | Type::Int) => Type::Big,
                (Type::Moment, _) => Type::Moment,
                _ => Type::Amount,
            },
            Expression::Binary(..) => Type::Bool,
            Expression::Minus(inner) => self.typed(inner, scope)?.kind,
            Expression::Case {
                when, otherwise, ..
            } => {
                let first = when.first().map(|pair| &pair.1);
                let mut kind = Type::Text(None);
                for branch in first.into_iter().chain(otherwise.as_deref()) {
                    kind = match self.typed(branch, scope)?.kind {
                        Type::Unknown => continue,
                        other => other,
                    };
                }
                kind
            }
            Expression::Cast(_, name) => cast_kind(name),
            Expression::Scalar(query) => {
                let answer = self.query(query, Some(scope));
                answer
                    .ok()
                    .and_then(|answer| answer.columns.first().map(|it| it.kind))
                    .unwrap_or(Type::Text(None))
            }
            Expression::Array(_) | Expression::ArrayQuery(_) => Type::Array,
            Expression::Variable(name) => self
                .world
                .variable(name)
                .map_or(Type::Text(None), |it| kind_of(&it)),
            Expression::Star(_) => Type::Text(None),
            Expression::Call {
                name, arguments, ..
            } => match name.as_str() {
                "count" => Type::Big,
                "min" | "max" | "coalesce" | "ifnull" | "nullif" | "greatest" | "least"
                | "isnull" => match arguments.first() {
                    Some(first) => self.typed(first, scope)?.kind,
                    None => Type::Text(None),
                },
                name => self.world.kind(name).unwrap_or_else(|| call::kind(name)),
            },
        };
        Ok(Column::new("", kind))
    }
}

/// Whether an answer may have so many columns.
fn fits_answer(columns: usize) -> Result<(), Wrong> {
    if columns > MOST_COLUMNS {
        Err(Wrong::TooMuch)
    } else {
        Ok(())
    }
}

fn cast_kind(name: &str) -> Type {
    match name {
        "int" | "int4" | "integer" | "int2" | "smallint" => Type::Int,
        "int8" | "bigint" | "signed" | "unsigned" | "signed integer" | "unsigned integer" => {
            Type::Big
        }
        "bool" | "boolean" => Type::Bool,
        "numeric" | "decimal" | "money" => Type::Amount,
        "float" | "float8" | "double precision" | "real" => Type::Double,
        "oid" => Type::Oid,
        "name" => Type::Name,
        "date" => Type::Date,
        "timestamp" | "timestamptz" | "datetime" => Type::Moment,
        _ => Type::Text(None),
    }
}

/// The name PostgreSQL gives a column that has none.
fn name_of(what: &Expression) -> String {
    match what {
        Expression::Column { path, .. } => path.last().cloned().unwrap_or_default(),
        Expression::Call { name, .. } => name.clone(),
        Expression::Cast(inner, kind) => match name_of(inner) {
            name if name == "?column?" => match kind.as_str() {
                "int" | "integer" => "int4".to_owned(),
                "boolean" => "bool".to_owned(),
                other => other.trim_end_matches("[]").to_owned(),
            },
            name => name,
        },
        Expression::Case { .. } => "case".to_owned(),
        Expression::Exists(_) => "exists".to_owned(),
        Expression::Array(_) | Expression::ArrayQuery(_) => "array".to_owned(),
        Expression::Scalar(query) => match query.first.items.first() {
            Some(item) => item.alias.clone().unwrap_or_else(|| name_of(&item.what)),
            None => "?column?".to_owned(),
        },
        Expression::Value(Value::Bool(_)) => "bool".to_owned(),
        _ => "?column?".to_owned(),
    }
}
