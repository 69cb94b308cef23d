//! What expressions come to.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::{Places, Run, Scope, cell};
use crate::sql::call::{self, AGGREGATES};
use crate::sql::syntax::Expression;
use crate::sql::value::{Column, Type, Value};
use crate::sql::{Dialect, Wrong};

impl Run<'_> {
    /// A column's value where the scope is, and the column.
    pub(super) fn find(
        &self,
        path: &[String],
        at: usize,
        scope: &Scope<'_>,
    ) -> Result<(Value, Column), Wrong> {
        let name = path.last().map(String::as_str).unwrap_or_default();
        let of = path.len().checked_sub(2).map(|at| path[at].as_str());
        let mut here = Some(scope);
        let mut lenient = false;
        while let Some(scope) = here {
            for (index, bound) in scope.bound.iter().enumerate() {
                if of.is_some_and(|of| !of.eq_ignore_ascii_case(&bound.alias)) {
                    continue;
                }
                let columns = &bound.table.columns;
                if let Some(column) = columns
                    .iter()
                    .position(|column| column.name.eq_ignore_ascii_case(name))
                {
                    return Ok((
                        cell(bound, scope.at[index], column),
                        columns[column].clone(),
                    ));
                }
                // A whole row, by the name of its table.
                if of.is_none() && bound.alias.eq_ignore_ascii_case(name) && columns.len() == 1 {
                    return Ok((cell(bound, scope.at[index], 0), columns[0].clone()));
                }
                lenient |= bound.table.lenient;
            }
            here = scope.parent;
        }
        if lenient {
            return Ok((Value::Null, Column::new(name, Type::Text(None))));
        }
        Err(Wrong::Column {
            table: of.map(str::to_owned),
            name: name.to_owned(),
            at,
        })
    }

    /// What an expression comes to.
    pub(super) fn value(&self, what: &Expression, scope: &Scope<'_>) -> Result<Value, Wrong> {
        self.step()?;
        // One of both, not one within the other: chains are as deep as they are long, and so is the stack.
        let value = match what {
            Expression::In(..)
            | Expression::InQuery(..)
            | Expression::Exists(_)
            | Expression::Scalar(_)
            | Expression::ArrayQuery(_)
            | Expression::Array(_)
            | Expression::Like { .. }
            | Expression::IsNull(_)
            | Expression::Is(..)
            | Expression::Cast(..) => self.among(what, scope)?,
            what => self.operate(what, scope)?,
        };
        if let Value::Text(text) = &value {
            self.charge(text.len())?;
        }
        Ok(value)
    }

    /// Patterns cost as much as both texts multiplied, expressions as much as it takes to read them.
    fn charge_match(&self, symbol: &str, one: &Value, two: &Value) -> Result<(), Wrong> {
        let (one, two) = (one.size(), two.size());
        match symbol {
            "~" | "!~" | "~*" | "!~*" => self.charge(20_000 + 64 * (one + two)),
            "~~" | "!~~" | "~~*" | "!~~*" | "LIKE" => self.charge(one.saturating_mul(two)),
            _ => Ok(()),
        }
    }

    fn operate(&self, what: &Expression, scope: &Scope<'_>) -> Result<Value, Wrong> {
        let bool = |truth: Option<bool>| truth.map_or(Value::Null, Value::Bool);
        Ok(match what {
            Expression::Value(value) => value.clone(),
            Expression::Column { path, at } => self.find(path, *at, scope)?.0,
            Expression::Star(_) => Value::Int(1),
            Expression::Parameter(at) => self.parameters.get(*at).cloned().unwrap_or(Value::Null),
            Expression::Variable(name) => self.world.variable(name).unwrap_or(Value::Null),
            Expression::Call {
                name,
                arguments,
                distinct,
                at,
            } => {
                if AGGREGATES.contains(&name.as_str())
                    && let Some(group) = scope.group
                {
                    return self.aggregate((name, *at), arguments, *distinct, group, scope);
                }
                return self.call(name, arguments, *at, scope);
            }
            Expression::Not(inner) => bool(self.value(inner, scope)?.truth().map(|truth| !truth)),
            Expression::Minus(inner) => match self.value(inner, scope)? {
                Value::Int(number) => Value::Int(number.wrapping_neg()),
                other => other
                    .as_number()
                    .map_or(Value::Null, |number| Value::Float(-number)),
            },
            Expression::Binary("AND", one, two) => match self.value(one, scope)?.truth() {
                Some(false) => Value::Bool(false),
                one => match (one, self.value(two, scope)?.truth()) {
                    (_, Some(false)) => Value::Bool(false),
                    (Some(true), two) => bool(two),
                    _ => Value::Null,
                },
            },
            Expression::Binary("OR", one, two) => match self.value(one, scope)?.truth() {
                Some(true) => Value::Bool(true),
                one => match (one, self.value(two, scope)?.truth()) {
                    (_, Some(true)) => Value::Bool(true),
                    (Some(false), two) => bool(two),
                    _ => Value::Null,
                },
            },
            Expression::Binary(symbol, one, two) => {
                let (one, two) = (self.value(one, scope)?, self.value(two, scope)?);
                self.charge_match(symbol, &one, &two)?;
                call::binary(symbol, &one, &two, self.world.dialect())?
            }
            Expression::Between(what, low, high) => return self.between(what, low, high, scope),
            Expression::Any(symbol, one, list) => {
                let one = self.value(one, scope)?;
                let list = self.value(list, scope)?;
                let mut any = Some(false);
                for member in call::members(&list) {
                    self.step()?;
                    self.charge_match(symbol, &one, &member)?;
                    if call::binary(symbol, &one, &member, self.world.dialect())?.truth()
                        == Some(true)
                    {
                        any = Some(true);
                    }
                }
                bool(any)
            }
            Expression::Case {
                of,
                when,
                otherwise,
            } => return self.case(of.as_deref(), when, otherwise.as_deref(), scope),
            // `among` has the others.
            _ => Value::Null,
        })
    }

    /// What an expression over a list, a query or a pattern comes to, and casts.
    fn among(&self, what: &Expression, scope: &Scope<'_>) -> Result<Value, Wrong> {
        let bool = |truth: Option<bool>| truth.map_or(Value::Null, Value::Bool);
        Ok(match what {
            Expression::In(one, list) => {
                let one = self.value(one, scope)?;
                for other in list {
                    let other = self.value(other, scope)?;
                    if one.compare(&other, self.fold()) == Some(Ordering::Equal) {
                        return Ok(Value::Bool(true));
                    }
                }
                bool((!one.is_null()).then_some(false))
            }
            Expression::InQuery(one, query) => {
                let one = self.value(one, scope)?;
                let answer = self.query(query, Some(scope))?;
                let mut firsts = answer.rows.iter().filter_map(|row| row.first());
                Value::Bool(
                    firsts.any(|other| one.compare(other, self.fold()) == Some(Ordering::Equal)),
                )
            }
            Expression::Exists(query) => {
                Value::Bool(!self.query(query, Some(scope))?.rows.is_empty())
            }
            Expression::Scalar(query) => {
                let answer = self.query(query, Some(scope))?;
                let first = answer
                    .rows
                    .into_iter()
                    .next()
                    .and_then(|row| row.into_iter().next());
                first.unwrap_or(Value::Null)
            }
            Expression::ArrayQuery(query) => {
                let answer = self.query(query, Some(scope))?;
                call::array(
                    answer
                        .rows
                        .into_iter()
                        .filter_map(|row| row.into_iter().next()),
                )
            }
            Expression::Array(list) => {
                let list = list.iter().map(|it| self.value(it, scope));
                call::array(list.collect::<Result<Vec<_>, _>>()?.into_iter())
            }
            Expression::Like {
                what,
                pattern,
                fold,
            } => {
                let (what, pattern) = (self.value(what, scope)?, self.value(pattern, scope)?);
                self.charge_match("LIKE", &what, &pattern)?;
                let known = !what.is_null() && !pattern.is_null();
                bool(known.then(|| call::like(&what.show(), &pattern.show(), *fold)))
            }
            Expression::IsNull(inner) => Value::Bool(self.value(inner, scope)?.is_null()),
            Expression::Is(inner, truth) => {
                Value::Bool(self.value(inner, scope)?.truth() == Some(*truth))
            }
            Expression::Cast(inner, name) => {
                let value = self.value(inner, scope)?;
                match self
                    .world
                    .call(&format!("::{name}"), std::slice::from_ref(&value))
                {
                    Some(value) => value,
                    None => call::cast(value, name),
                }
            }
            _ => Value::Null,
        })
    }

    fn between(
        &self,
        what: &Expression,
        low: &Expression,
        high: &Expression,
        scope: &Scope<'_>,
    ) -> Result<Value, Wrong> {
        let what = self.value(what, scope)?;
        let (low, high) = (self.value(low, scope)?, self.value(high, scope)?);
        let dialect = self.world.dialect();
        let over = call::binary(">=", &what, &low, dialect)?.truth();
        let under = call::binary("<=", &what, &high, dialect)?.truth();
        Ok(match (over, under) {
            (Some(false), _) | (_, Some(false)) => Value::Bool(false),
            (Some(true), Some(true)) => Value::Bool(true),
            _ => Value::Null,
        })
    }

    pub(super) fn fold(&self) -> bool {
        self.world.dialect() != Dialect::Postgres
    }

    pub(super) fn case(
        &self,
        of: Option<&Expression>,
        when: &[(Expression, Expression)],
        otherwise: Option<&Expression>,
        scope: &Scope<'_>,
    ) -> Result<Value, Wrong> {
        let of = of.map(|of| self.value(of, scope)).transpose()?;
        for (condition, result) in when {
            let condition = self.value(condition, scope)?;
            let holds = match &of {
                Some(of) => of.compare(&condition, self.fold()) == Some(Ordering::Equal),
                None => condition.truth() == Some(true),
            };
            if holds {
                return self.value(result, scope);
            }
        }
        otherwise.map_or(Ok(Value::Null), |otherwise| self.value(otherwise, scope))
    }

    /// What a function makes of all rows of a group.
    pub(super) fn aggregate(
        &self,
        (name, at): (&str, usize),
        arguments: &[Expression],
        distinct: bool,
        group: &[Places],
        scope: &Scope<'_>,
    ) -> Result<Value, Wrong> {
        let star = matches!(arguments.first(), None | Some(Expression::Star(_)));
        if name == "count" && star {
            return Ok(Value::count(group.len()));
        }
        let Some(first) = arguments.first() else {
            return Err(self.no_function(name, arguments, at, scope));
        };
        let mut values: Vec<Value> = Vec::new();
        let mut seen = BTreeSet::new();
        let mut joint = Value::text(",");
        for at in group {
            let scope = Scope {
                at,
                group: None,
                ..*scope
            };
            let value = self.value(first, &scope)?;
            if let Some(second) = arguments.get(1) {
                joint = self.value(second, &scope)?;
            }
            if !(value.is_null() || distinct && !seen.insert(value.show())) {
                values.push(value);
            }
        }
        Ok(call::aggregate(name, values, &joint.show(), self.fold()))
    }

    pub(super) fn call(
        &self,
        name: &str,
        arguments: &[Expression],
        at: usize,
        scope: &Scope<'_>,
    ) -> Result<Value, Wrong> {
        if matches!(name, "coalesce" | "ifnull" | "isnull") && arguments.len() > 1 {
            for argument in arguments {
                let value = self.value(argument, scope)?;
                if !value.is_null() {
                    return Ok(value);
                }
            }
            return Ok(Value::Null);
        }
        let values = arguments
            .iter()
            .map(|it| self.value(it, scope))
            .collect::<Result<Vec<_>, _>>()?;
        let own = self.world.call(name, &values);
        let value = own.or_else(|| call::call(name, &values));
        value.ok_or_else(|| self.no_function(name, arguments, at, scope))
    }

    /// There is no such function for such arguments.
    fn no_function(
        &self,
        name: &str,
        arguments: &[Expression],
        at: usize,
        scope: &Scope<'_>,
    ) -> Wrong {
        let kinds = arguments
            .iter()
            .map(|it| self.typed(it, scope).map_or(Type::Unknown, |it| it.kind));
        Wrong::Function {
            name: name.to_owned(),
            arguments: kinds.collect(),
            at,
        }
    }
}
