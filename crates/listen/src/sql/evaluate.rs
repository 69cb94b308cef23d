//! Answers queries over tables that are made up.

mod expression;
mod sources;
mod typed;

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU32, AtomicUsize};

use super::call::AGGREGATES;
use super::syntax::{Expression, Query, Select};
use super::value::{Column, Table, Type, Value};
use super::{Answer, Dialect, Wrong};

/// Expressions that the statements of one text may evaluate. It takes milliseconds.
const MOST_STEPS: u32 = 400_000;
/// Bytes of what they give, all together.
const MOST_BYTES: usize = 4 << 20;
/// Columns of an answer. (PostgreSQL: `MaxTupleAttributeNumber`)
const MOST_COLUMNS: usize = 1664;
/// Rows of an answer.
const MOST_ROWS: usize = 5_000;

/// What a statement is asked of.
pub(crate) trait World {
    fn dialect(&self) -> Dialect;
    /// The table of this name.
    fn table(&self, path: &[String]) -> Option<Table>;
    /// What a function of the server's own gives.
    fn call(&self, name: &str, arguments: &[Value]) -> Option<Value>;
    /// A variable, its name as written.
    fn variable(&self, name: &str) -> Option<Value>;
    /// What such a function's answer is.
    fn kind(&self, _name: &str) -> Option<Type> {
        None
    }
}

/// What the statements of one text have cost: a text may have many of them, and each run shares what is left.
/// Atomic only because sessions that keep it wait on other threads; one run at a time counts.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    steps: AtomicU32,
    bytes: AtomicUsize,
}

/// One statement's evaluation.
pub(crate) struct Run<'a> {
    pub(super) world: &'a dyn World,
    parameters: &'a [Value],
    budget: &'a Budget,
    tables: RefCell<BTreeMap<Vec<String>, Arc<Table>>>,
}

/// A source with its rows.
struct Bound {
    alias: String,
    table: Arc<Table>,
}

/// The row of each source, none where an outer join found no partner.
type Places = Vec<Option<usize>>;

/// What names stand for.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    bound: &'a [Bound],
    at: &'a [Option<usize>],
    /// The rows of the group, where there are groups.
    group: Option<&'a [Places]>,
    parent: Option<&'a Scope<'a>>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(world: &'a dyn World, parameters: &'a [Value], budget: &'a Budget) -> Self {
        Self {
            world,
            parameters,
            budget,
            tables: RefCell::default(),
        }
    }

    /// Answers a query.
    pub(crate) fn answer(&self, query: &Query) -> Result<Answer, Wrong> {
        let answer = self.query(query, None)?;
        let bytes = self.budget.bytes.load(Relaxed);
        let bytes = bytes.saturating_add(answer.size());
        self.budget.bytes.store(bytes, Relaxed);
        if bytes > MOST_BYTES {
            return Err(Wrong::TooMuch);
        }
        Ok(answer)
    }

    fn step(&self) -> Result<(), Wrong> {
        self.charge(0)
    }

    /// Counts a step, and one more for so many bytes that it handles.
    fn charge(&self, bytes: usize) -> Result<(), Wrong> {
        self.spend((bytes / 64).saturating_add(1))
    }

    fn spend(&self, steps: usize) -> Result<(), Wrong> {
        let more = u32::try_from(steps).unwrap_or(u32::MAX);
        let steps = self.budget.steps.load(Relaxed).saturating_add(more);
        self.budget.steps.store(steps, Relaxed);
        if steps > MOST_STEPS {
            Err(Wrong::TooMuch)
        } else {
            Ok(())
        }
    }

    pub(super) fn query(&self, query: &Query, parent: Option<&Scope<'_>>) -> Result<Answer, Wrong> {
        for (name, query) in &query.with {
            let answer = self.query(query, parent)?;
            let table = Table {
                name: name.clone(),
                columns: answer.columns,
                rows: answer.rows,
                lenient: false,
            };
            self.tables
                .borrow_mut()
                .insert(vec![name.clone()], Arc::new(table));
        }
        let mut answer = Answer::default();
        let mut rows = Vec::new();
        self.select(query, &query.first, parent, &mut answer.columns, &mut rows)?;
        for (all, select) in &query.more {
            let mut columns = Vec::new();
            self.select(query, select, parent, &mut columns, &mut rows)?;
            if !all {
                distinct(&mut rows);
            }
        }
        let first = self.world.dialect() != Dialect::Postgres;
        rows.sort_by(|one, two| {
            let pairs = one.1.iter().zip(&two.1).zip(&query.order);
            let mut orders = pairs.map(|((one, two), order)| {
                let sorted = one.sorted(two, first);
                if order.descending {
                    sorted.reverse()
                } else {
                    sorted
                }
            });
            orders
                .find(|order| *order != Ordering::Equal)
                .unwrap_or(Ordering::Equal)
        });
        let count = |limit: &Option<Expression>| -> Result<Option<usize>, Wrong> {
            let Some(limit) = limit else { return Ok(None) };
            let value = self.value(limit, &Scope::empty(parent))?;
            Ok(value
                .as_int()
                .map(|number| usize::try_from(number).unwrap_or(0)))
        };
        let skip = count(&query.offset)?.unwrap_or(0);
        let take = count(&query.limit)?.unwrap_or(usize::MAX);
        answer.rows = rows
            .into_iter()
            .skip(skip)
            .take(take)
            .map(|row| row.0)
            .collect();
        Ok(answer)
    }

    /// Adds a select's rows, each with what it is sorted by.
    fn select(
        &self,
        query: &Query,
        select: &Select,
        parent: Option<&Scope<'_>>,
        columns: &mut Vec<Column>,
        rows: &mut Vec<(Vec<Value>, Vec<Value>)>,
    ) -> Result<(), Wrong> {
        if !select.values.is_empty() {
            return self.values(query, select, parent, columns, rows);
        }
        let bound = self.bind(&select.from, parent)?;
        *columns = self.columns(&select.items, &bound, parent)?;
        let mut places = Vec::new();
        self.join(
            select,
            &bound,
            &mut vec![None; bound.len()],
            0,
            parent,
            &mut places,
        )?;
        let grouped =
            !select.group.is_empty() || select.items.iter().any(|item| is_aggregate(&item.what));
        if !grouped {
            for at in &places {
                let scope = Scope {
                    bound: &bound,
                    at,
                    group: None,
                    parent,
                };
                self.row(query, select, &scope, columns, rows)?;
            }
        } else {
            for group in self.groups(select, &bound, places, parent)? {
                let nothing = vec![None; bound.len()];
                let at = group.first().unwrap_or(&nothing);
                let scope = Scope {
                    bound: &bound,
                    at,
                    group: Some(&group),
                    parent,
                };
                if let Some(having) = &select.having
                    && self.value(having, &scope)?.truth() != Some(true)
                {
                    continue;
                }
                self.row(query, select, &scope, columns, rows)?;
            }
        }
        if select.distinct {
            distinct(rows);
        }
        Ok(())
    }

    fn values(
        &self,
        query: &Query,
        select: &Select,
        parent: Option<&Scope<'_>>,
        columns: &mut Vec<Column>,
        rows: &mut Vec<(Vec<Value>, Vec<Value>)>,
    ) -> Result<(), Wrong> {
        let scope = Scope::empty(parent);
        for (number, row) in select.values.iter().enumerate() {
            let row = row
                .iter()
                .map(|it| self.value(it, &scope))
                .collect::<Result<Vec<_>, _>>()?;
            if number == 0 {
                let names = row.iter().enumerate();
                *columns = names
                    .map(|(at, value)| Column::new(&format!("column{}", at + 1), kind_of(value)))
                    .collect();
            }
            let keys = query
                .order
                .iter()
                .map(|order| ordinal(&order.by, &row).unwrap_or(Value::Null))
                .collect();
            rows.push((row, keys));
        }
        Ok(())
    }

    fn row(
        &self,
        query: &Query,
        select: &Select,
        scope: &Scope<'_>,
        columns: &[Column],
        rows: &mut Vec<(Vec<Value>, Vec<Value>)>,
    ) -> Result<(), Wrong> {
        if rows.len() >= MOST_ROWS {
            return Err(Wrong::TooMuch);
        }
        let mut row = Vec::with_capacity(columns.len());
        for item in &select.items {
            match &item.what {
                Expression::Star(of) => {
                    for (index, bound) in scope.bound.iter().enumerate() {
                        if of
                            .as_ref()
                            .is_none_or(|of| of.eq_ignore_ascii_case(&bound.alias))
                        {
                            let at = scope.at[index];
                            for column in 0..bound.table.columns.len() {
                                let value = cell(bound, at, column);
                                self.charge(value.size())?;
                                row.push(value);
                            }
                        }
                    }
                }
                what => row.push(self.value(what, scope)?),
            }
        }
        let mut keys = Vec::with_capacity(query.order.len());
        for order in &query.order {
            keys.push(match ordinal(&order.by, &row) {
                Some(value) => value,
                None => self.key(&order.by, scope, columns, &row)?,
            });
        }
        rows.push((row, keys));
        Ok(())
    }

    /// What a row is sorted by: a column of the answer, or else of its sources.
    fn key(
        &self,
        by: &Expression,
        scope: &Scope<'_>,
        columns: &[Column],
        row: &[Value],
    ) -> Result<Value, Wrong> {
        if let Expression::Column { path, .. } = by
            && let [name] = path.as_slice()
            && let Some(at) = columns
                .iter()
                .position(|column| column.name.eq_ignore_ascii_case(name))
        {
            return Ok(row.get(at).cloned().unwrap_or(Value::Null));
        }
        self.value(by, scope)
    }
}

impl<'a> Scope<'a> {
    fn empty(parent: Option<&'a Scope<'a>>) -> Self {
        Scope {
            bound: &[],
            at: &[],
            group: None,
            parent,
        }
    }
}

fn cell(bound: &Bound, at: Option<usize>, column: usize) -> Value {
    let row = at.and_then(|at| bound.table.rows.get(at));
    row.and_then(|row| row.get(column))
        .cloned()
        .unwrap_or(Value::Null)
}

fn distinct(rows: &mut Vec<(Vec<Value>, Vec<Value>)>) {
    let mut seen = std::collections::BTreeSet::new();
    rows.retain(|row| {
        let key: Vec<_> = row
            .0
            .iter()
            .map(|value| format!("{}{}", u8::from(value.is_null()), value.show()))
            .collect();
        seen.insert(key)
    });
}

/// `ORDER BY 2`.
fn ordinal(by: &Expression, row: &[Value]) -> Option<Value> {
    match by {
        Expression::Value(Value::Int(number)) => usize::try_from(*number - 1)
            .ok()
            .and_then(|at| row.get(at))
            .cloned(),
        _ => None,
    }
}

pub(super) fn kind_of(value: &Value) -> Type {
    match value {
        Value::Bool(_) => Type::Bool,
        Value::Int(number) if i32::try_from(*number).is_ok() => Type::Int,
        Value::Int(_) => Type::Big,
        Value::Float(_) => Type::Double,
        Value::Null | Value::Text(_) => Type::Text(None),
    }
}

/// Whether it holds a function over all rows. Queries inside have their own.
fn is_aggregate(what: &Expression) -> bool {
    match what {
        Expression::Call {
            name, arguments, ..
        } => AGGREGATES.contains(&name.as_str()) || arguments.iter().any(is_aggregate),
        Expression::Not(inner)
        | Expression::Minus(inner)
        | Expression::IsNull(inner)
        | Expression::Is(inner, _)
        | Expression::Cast(inner, _) => is_aggregate(inner),
        Expression::Binary(_, one, two) | Expression::Any(_, one, two) => {
            is_aggregate(one) || is_aggregate(two)
        }
        Expression::Between(one, low, high) => {
            is_aggregate(one) || is_aggregate(low) || is_aggregate(high)
        }
        Expression::Case {
            when, otherwise, ..
        } => {
            when.iter()
                .any(|(one, two)| is_aggregate(one) || is_aggregate(two))
                || otherwise.as_deref().is_some_and(is_aggregate)
        }
        _ => false,
    }
}
