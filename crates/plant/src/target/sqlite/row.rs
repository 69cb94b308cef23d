//! One row: its values and its references, reading it back, finding it again.

use rusqlite::{Connection, OptionalExtension as _, params_from_iter};

use super::Address;
use super::schema::{Table, quote};
use crate::Options;
use crate::bait::Wish;
use crate::error::PlantError;
use crate::table::draw::{self, Drawn};
use crate::table::learn::Learned;
use crate::table::{Cell, Column, Foreign, Value};

/// A value as SQLite takes it.
pub(super) fn sql(value: &Value) -> rusqlite::types::Value {
    match value {
        Value::Null => rusqlite::types::Value::Null,
        Value::Integer(number) => rusqlite::types::Value::Integer(*number),
        Value::Real(number) => rusqlite::types::Value::Real(*number),
        Value::Text(text) => rusqlite::types::Value::Text(text.clone()),
        Value::Blob(bytes) => rusqlite::types::Value::Blob(bytes.clone()),
    }
}

/// A value as SQLite gives it.
fn value(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<Value> {
    Ok(match row.get(at)? {
        rusqlite::types::Value::Null => Value::Null,
        rusqlite::types::Value::Integer(number) => Value::Integer(number),
        rusqlite::types::Value::Real(number) => Value::Real(number),
        rusqlite::types::Value::Text(text) => Value::Text(text),
        rusqlite::types::Value::Blob(bytes) => Value::Blob(bytes),
    })
}

/// Values for a row, and what came of fitting them to the neighbours.
pub(super) struct Row {
    pub cells: Vec<Cell>,
    pub drawn: Drawn,
}

/// How many neighbours are looked at.
const NEIGHBOURS: usize = 3_000;

/// Reads the newest rows, a value for each writable column; long values are cut.
pub(super) fn sample(connection: &Connection, table: &Table) -> rusqlite::Result<Vec<Vec<Value>>> {
    let columns: Vec<String> = table
        .columns
        .iter()
        .map(|column| {
            let name = quote(&column.name);
            format!(
                "CASE WHEN typeof({name}) IN ('text', 'blob') AND length({name}) > 4096
                 THEN substr({name}, 1, 4096) ELSE {name} END"
            )
        })
        .collect();
    let order = if table.without_rowid {
        let keys: Vec<String> = table
            .primary
            .iter()
            .map(|key| format!("{} DESC", quote(key)))
            .collect();
        keys.join(", ")
    } else {
        format!("{} DESC", rowid(table))
    };
    let sql = format!(
        "SELECT {} FROM {} ORDER BY {order} LIMIT {NEIGHBOURS}",
        columns.join(", "),
        quote(&table.name)
    );
    let count = table.columns.len();
    let mut statement = connection.prepare(&sql)?;
    let rows = statement
        .query_map([], |row| (0..count).map(|at| value(row, at)).collect())?
        .collect::<rusqlite::Result<_>>()?;
    Ok(rows)
}

/// The name by which a table's rowid can be had: one that no column bears.
fn rowid(table: &Table) -> &'static str {
    let free = |name: &&&str| {
        !table
            .columns
            .iter()
            .any(|c| c.name.eq_ignore_ascii_case(name))
    };
    ["rowid", "_rowid_", "oid"]
        .iter()
        .find(free)
        .copied()
        .unwrap_or("rowid")
}

/// A column as SQL writes it; the names of the rowid must stand bare.
fn written(column: &str) -> String {
    if ["rowid", "_rowid_", "oid"].contains(&column) {
        column.to_owned()
    } else {
        quote(column)
    }
}

/// Draws a row: the canary's values where columns ask for them, the rest like the neighbours'.
pub(super) fn draw(
    connection: &Connection,
    address: &Address,
    table: &Table,
    learned: &Learned<'_>,
    wish: &Wish,
    options: &Options,
) -> Result<Row, PlantError> {
    let mut drawn = draw::draw(learned, wish, options)
        .map_err(|problem| PlantError::Refused(address.problem(problem.0).hint(problem.1)))?;
    let mut cells = Vec::with_capacity(table.columns.len());
    for (at, column) in table.columns.iter().enumerate() {
        if let (false, Some(foreign)) = (drawn.canary[at], table.reference(column)) {
            let template = drawn.values[at]
                .take()
                .filter(|value| *value != Value::Null);
            drawn.values[at] = parent(connection, address, column, foreign, template)?;
        }
        if let Some(value) = &drawn.values[at] {
            cells.push(Cell::new(&column.name, value.clone(), drawn.canary[at]));
        }
    }
    Ok(Row { cells, drawn })
}

/// A row that a reference can lead to: the neighbour's, or another that nobody refers to yet.
fn parent(
    connection: &Connection,
    address: &Address,
    column: &Column,
    foreign: &Foreign,
    template: Option<Value>,
) -> Result<Option<Value>, PlantError> {
    if !column.unique && template.is_some() {
        return Ok(template);
    }
    if !column.not_null {
        return Ok(None);
    }
    let failed = address.database("look for a row to refer to");
    let position = foreign.columns.iter().position(|name| *name == column.name);
    let to = match position.and_then(|at| foreign.to.get(at)) {
        Some(to) => to.clone(),
        None => connection
            .query_row(
                "SELECT name FROM pragma_table_info(?1) WHERE pk = 1",
                [&foreign.table],
                |row| row.get(0),
            )
            .map_err(&failed)?,
    };
    let (parent, to, table, from) = (
        quote(&foreign.table),
        quote(&to),
        quote(&address.table),
        quote(&column.name),
    );
    let unused = if column.unique {
        format!("WHERE {to} NOT IN (SELECT {from} FROM {table} WHERE {from} IS NOT NULL)")
    } else {
        String::new()
    };
    let found: Option<Value> = connection
        .query_row(
            &format!("SELECT {to} FROM {parent} {unused} LIMIT 1"),
            [],
            |row| value(row, 0),
        )
        .optional()
        .map_err(&failed)?;
    found.map(Some).ok_or_else(|| {
        PlantError::Refused(
            address
                .problem(format!(
                    "the column {} needs a row in {} to refer to",
                    column.name, foreign.table
                ))
                .hint("choose another table"),
        )
    })
}

/// Which row was just inserted.
pub(super) fn key_of(
    connection: &Connection,
    table: &Table,
    cells: &[Cell],
    inserted: i64,
) -> rusqlite::Result<Vec<Cell>> {
    if table.without_rowid {
        let known: Option<Vec<Cell>> = table
            .primary
            .iter()
            .map(|name| cells.iter().find(|cell| cell.column == *name).cloned())
            .collect();
        let key = known.map(|mut key| {
            key.iter_mut().for_each(|cell| cell.canary = false);
            key
        });
        return match key {
            Some(key) => Ok(key),
            None => find(connection, table, cells)?.ok_or(rusqlite::Error::QueryReturnedNoRows),
        };
    }
    let by_rowid = vec![Cell::new(rowid(table), Value::Integer(inserted), false)];
    if table.primary.is_empty() {
        return Ok(by_rowid);
    }
    let columns: Vec<Cell> = table
        .primary
        .iter()
        .map(|name| Cell::name_only(name))
        .collect();
    let values = read(connection, table, &by_rowid, &columns)?
        .ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    if values.contains(&Value::Null) {
        return Ok(by_rowid);
    }
    let key = table.primary.iter().zip(values);
    Ok(key
        .map(|(name, value)| Cell::new(name, value, false))
        .collect())
}

/// `a IS ?1 AND b IS ?2` and its values.
pub(super) fn wheres(cells: &[Cell]) -> (String, Vec<rusqlite::types::Value>) {
    let wheres: Vec<String> = cells
        .iter()
        .enumerate()
        .map(|(at, cell)| format!("{} IS ?{}", written(&cell.column), at + 1))
        .collect();
    (
        wheres.join(" AND "),
        cells.iter().map(|cell| sql(&cell.value)).collect(),
    )
}

/// The values of some columns of one row; `None` if there is no such row.
pub(super) fn read(
    connection: &Connection,
    table: &Table,
    key: &[Cell],
    cells: &[Cell],
) -> rusqlite::Result<Option<Vec<Value>>> {
    let columns: Vec<String> = cells.iter().map(|cell| written(&cell.column)).collect();
    let (wheres, values) = wheres(key);
    let sql = format!(
        "SELECT {} FROM {} WHERE {wheres}",
        columns.join(", "),
        quote(&table.name)
    );
    connection
        .query_row(&sql, params_from_iter(values), |row| {
            (0..cells.len()).map(|at| value(row, at)).collect()
        })
        .optional()
}

/// Whether a remembered key still names columns of the table.
pub(super) fn fits(table: &Table, key: &[Cell]) -> bool {
    !key.is_empty()
        && key.iter().all(|cell| {
            let rowid = !table.without_rowid && cell.column == rowid(table);
            rowid || table.column(&cell.column).is_some()
        })
}

/// The one row that holds all of the canary's values.
pub(super) fn find(
    connection: &Connection,
    table: &Table,
    cells: &[Cell],
) -> rusqlite::Result<Option<Vec<Cell>>> {
    let canary: Vec<Cell> = cells.iter().filter(|cell| cell.canary).cloned().collect();
    if canary.is_empty() {
        return Ok(None);
    }
    let rowid = [rowid(table).to_owned()];
    let columns: &[String] = if table.primary.is_empty() {
        &rowid
    } else {
        &table.primary
    };
    let names: Vec<String> = columns.iter().map(|column| written(column)).collect();
    let (wheres, values) = wheres(&canary);
    let sql = format!(
        "SELECT {} FROM {} WHERE {wheres} LIMIT 2",
        names.join(", "),
        quote(&table.name)
    );
    let mut statement = connection.prepare(&sql)?;
    let mut rows: Vec<Vec<Cell>> = statement
        .query_map(params_from_iter(values), |row| {
            let cell =
                |(at, column): (usize, &String)| Ok(Cell::new(column, value(row, at)?, false));
            columns.iter().enumerate().map(cell).collect()
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(if rows.len() == 1 { rows.pop() } else { None })
}

/// Asks SQLite whether every reference of the table leads somewhere; rows that did not before are
/// the owner's affair, so only an enforced violation counts, which the insertion itself reports.
pub(super) fn foreign_keys_hold(connection: &Connection, table: &Table) -> rusqlite::Result<()> {
    if table.foreign.is_empty() {
        return Ok(());
    }
    // Deferred references are checked at commit; the rehearsal never commits, so ask now.
    let deferred: i64 = connection.query_row(
        "SELECT count(*) FROM pragma_foreign_key_check(?1) WHERE rowid = last_insert_rowid()",
        [&table.name],
        |row| row.get(0),
    )?;
    if deferred == 0 || table.without_rowid {
        return Ok(());
    }
    Err(rusqlite::Error::SqliteFailure(
        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CONSTRAINT_FOREIGNKEY),
        Some("a reference would lead nowhere".to_owned()),
    ))
}
