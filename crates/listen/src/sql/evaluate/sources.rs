//! Where rows come from: tables, queries and series, joined and grouped.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Bound, MOST_ROWS, Places, Run, Scope, cell, kind_of};
use crate::sql::syntax::{Expression, From, Select, Source};
use crate::sql::value::{Column, Table, Type, Value};
use crate::sql::{Wrong, call};

impl Run<'_> {
    pub(super) fn bind(
        &self,
        from: &[Source],
        parent: Option<&Scope<'_>>,
    ) -> Result<Vec<Bound>, Wrong> {
        let bind = |source: &Source| {
            Ok(Bound {
                alias: source.alias.clone(),
                table: self.source(source, parent)?,
            })
        };
        from.iter().map(bind).collect()
    }

    pub(super) fn source(
        &self,
        source: &Source,
        parent: Option<&Scope<'_>>,
    ) -> Result<Arc<Table>, Wrong> {
        match &source.what {
            From::Table { path, at } => {
                if let Some(table) = self.tables.borrow().get(path) {
                    return Ok(Arc::clone(table));
                }
                let Some(table) = self.world.table(path) else {
                    let name = path.last().cloned().unwrap_or_default();
                    let schema = path.len().checked_sub(2).map(|at| path[at].clone());
                    return Err(Wrong::Table {
                        schema,
                        name,
                        at: *at,
                    });
                };
                let table = Arc::new(table);
                self.tables
                    .borrow_mut()
                    .insert(path.clone(), Arc::clone(&table));
                Ok(table)
            }
            From::Query(query) => {
                let answer = self.query(query, parent)?;
                let table = Table {
                    name: source.alias.clone(),
                    columns: answer.columns,
                    rows: answer.rows,
                    lenient: false,
                };
                Ok(Arc::new(table))
            }
            From::Call { name, arguments } => {
                let scope = Scope::empty(parent);
                let values = arguments
                    .iter()
                    .map(|it| self.value(it, &scope))
                    .collect::<Result<Vec<_>, _>>()?;
                Ok(Arc::new(self.series(name, &values, &source.alias)))
            }
        }
    }

    /// A function in place of a table.
    pub(super) fn series(&self, name: &str, values: &[Value], alias: &str) -> Table {
        let rows = match name {
            "generate_series" => {
                let bound = |at: usize| values.get(at).and_then(Value::as_int);
                match (bound(0), bound(1)) {
                    (Some(low), Some(high)) => (low..=high)
                        .take(MOST_ROWS)
                        .map(|number| vec![Value::Int(number)])
                        .collect(),
                    _ => Vec::new(),
                }
            }
            "unnest" => values
                .first()
                .map(call::members)
                .unwrap_or_default()
                .into_iter()
                .map(|it| vec![it])
                .collect(),
            _ => self
                .world
                .call(name, values)
                .map(|value| vec![vec![value]])
                .unwrap_or_default(),
        };
        let kind = rows
            .first()
            .and_then(|row| row.first())
            .map_or(Type::Text(None), kind_of);
        Table {
            name: name.to_owned(),
            columns: vec![Column::new(alias, kind)],
            rows,
            lenient: true,
        }
    }

    pub(super) fn join(
        &self,
        select: &Select,
        bound: &[Bound],
        at: &mut Places,
        depth: usize,
        parent: Option<&Scope<'_>>,
        out: &mut Vec<Places>,
    ) -> Result<(), Wrong> {
        if depth == bound.len() {
            if let Some(filter) = &select.filter {
                let scope = Scope {
                    bound,
                    at,
                    group: None,
                    parent,
                };
                if self.value(filter, &scope)?.truth() != Some(true) {
                    return Ok(());
                }
            }
            if out.len() >= MOST_ROWS * 4 {
                return Err(Wrong::TooMuch);
            }
            out.push(at.clone());
            return Ok(());
        }
        let source = &select.from[depth];
        let mut partner = false;
        for row in 0..bound[depth].table.rows.len() {
            self.step()?;
            at[depth] = Some(row);
            let scope = Scope {
                bound,
                at,
                group: None,
                parent,
            };
            if let Some(on) = &source.on
                && self.value(on, &scope)?.truth() != Some(true)
            {
                continue;
            }
            if !source.using.iter().all(|name| same(&scope, depth, name)) {
                continue;
            }
            partner = true;
            self.join(select, bound, at, depth + 1, parent, out)?;
        }
        at[depth] = None;
        if source.left && !partner {
            self.join(select, bound, at, depth + 1, parent, out)?;
        }
        Ok(())
    }

    /// Rows that agree in what they are grouped by.
    pub(super) fn groups(
        &self,
        select: &Select,
        bound: &[Bound],
        places: Vec<Places>,
        parent: Option<&Scope<'_>>,
    ) -> Result<Vec<Vec<Places>>, Wrong> {
        if select.group.is_empty() {
            return Ok(vec![places]);
        }
        let mut groups: BTreeMap<Vec<String>, (usize, Vec<Places>)> = BTreeMap::new();
        for at in places {
            let scope = Scope {
                bound,
                at: &at,
                group: None,
                parent,
            };
            let mut key = Vec::new();
            for by in &select.group {
                // `GROUP BY 1`, and by an alias.
                let item = match by {
                    Expression::Value(Value::Int(number)) => usize::try_from(*number - 1)
                        .ok()
                        .and_then(|at| select.items.get(at)),
                    Expression::Column { path, .. } => {
                        let name = path.last();
                        select
                            .items
                            .iter()
                            .find(|item| item.alias.is_some() && item.alias.as_ref() == name)
                    }
                    _ => None,
                };
                let value = self.value(item.map_or(by, |item| &item.what), &scope)?;
                key.push(format!("{}{}", u8::from(value.is_null()), value.show()));
            }
            let next = groups.len();
            groups.entry(key).or_insert((next, Vec::new())).1.push(at);
        }
        let mut groups: Vec<_> = groups.into_values().collect();
        groups.sort_by_key(|group| group.0);
        Ok(groups.into_iter().map(|group| group.1).collect())
    }
}

/// Whether a column is the same in a source and in one before it.
fn same(scope: &Scope<'_>, depth: usize, name: &str) -> bool {
    let value = |index: usize| {
        let bound = &scope.bound[index];
        let column = bound
            .table
            .columns
            .iter()
            .position(|column| column.name.eq_ignore_ascii_case(name))?;
        Some(cell(bound, scope.at[index], column))
    };
    let Some(own) = value(depth) else {
        return false;
    };
    let before = (0..depth).find_map(value);
    before.is_some_and(|before| before.compare(&own, false) == Some(Ordering::Equal))
}
