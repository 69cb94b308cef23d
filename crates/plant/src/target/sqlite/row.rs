//! One row: drawing its values, reading it back, finding it again.

use std::collections::BTreeMap;

use lapwing_core::text::escape_short;
use rand::seq::IndexedRandom as _;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, params_from_iter};
use serde::{Deserialize, Serialize};

use super::Address;
use super::schema::{Column, Foreign, Table, quote};
use super::shape::Shaping;
use crate::bait::Wish;
use crate::error::PlantError;
use crate::{Options, names};

/// A value as a placement remembers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Stored {
    Null,
    Integer(i64),
    /// The bits, so that it reads back exactly.
    Real(u64),
    Text(String),
    Blob(Vec<u8>),
}

/// A column of our row and its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cell {
    pub column: String,
    value: Stored,
    /// It is the canary's own, not filling.
    #[serde(default)]
    pub canary: bool,
}

impl Cell {
    fn new(column: &str, value: Value, canary: bool) -> Self {
        let mut cell = Self {
            canary,
            ..Self::name_only(column)
        };
        cell.keep(value);
        cell
    }

    /// A column without a value, to be read.
    pub(super) fn name_only(column: &str) -> Self {
        Self {
            column: column.to_owned(),
            value: Stored::Null,
            canary: false,
        }
    }

    pub(super) fn value(&self) -> Value {
        match &self.value {
            Stored::Null => Value::Null,
            Stored::Integer(number) => Value::Integer(*number),
            Stored::Real(bits) => Value::Real(f64::from_bits(*bits)),
            Stored::Text(text) => Value::Text(text.clone()),
            Stored::Blob(bytes) => Value::Blob(bytes.clone()),
        }
    }

    /// Takes a value over.
    pub(super) fn keep(&mut self, value: Value) {
        self.value = match value {
            Value::Null => Stored::Null,
            Value::Integer(number) => Stored::Integer(number),
            Value::Real(number) => Stored::Real(number.to_bits()),
            Value::Text(text) => Stored::Text(text),
            Value::Blob(bytes) => Stored::Blob(bytes),
        };
    }

    /// Whether a value read from the table is this one. Text that the column's affinity has made a
    /// number is the same value.
    pub(super) fn alike(&self, read: &Value) -> bool {
        match (&self.value(), read) {
            (Value::Text(ours), Value::Integer(read)) => {
                let whole = ours.strip_suffix(".00").unwrap_or(ours);
                whole == read.to_string()
            }
            // Money: `12.50` becomes 12.5.
            (Value::Text(ours), Value::Real(read)) => {
                let digits = ours
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || byte == b'.');
                digits && ours.parse() == Ok(*read)
            }
            (Value::Real(ours), Value::Real(read)) => ours.to_bits() == read.to_bits(),
            (ours, read) => ours == read,
        }
    }

    /// As it is shown in a diff.
    pub(super) fn printed(&self) -> String {
        match &self.value {
            Stored::Null => "NULL".to_owned(),
            Stored::Integer(number) => number.to_string(),
            Stored::Real(bits) => f64::from_bits(*bits).to_string(),
            Stored::Text(text) => format!("'{}'", escape_short(text.as_bytes(), 200)),
            Stored::Blob(bytes) => format!("blob of {} bytes", bytes.len()),
        }
    }
}

/// Values for a row.
pub(super) struct Drawn {
    pub cells: Vec<Cell>,
    pub notes: Vec<String>,
}

/// The newest rows, a value for each writable column.
pub(super) struct Sample {
    rows: Vec<Vec<Value>>,
}

/// How many neighbours are looked at.
const NEIGHBOURS: usize = 200;

/// Reads the newest rows; long values are cut.
pub(super) fn sample(connection: &Connection, table: &Table) -> rusqlite::Result<Sample> {
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
        .query_map([], |row| (0..count).map(|at| row.get(at)).collect())?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Sample { rows })
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
    sample: &Sample,
    wish: &Wish,
    options: &Options,
) -> Result<Drawn, PlantError> {
    let mapped = mapped(table, wish);
    if mapped.is_empty() || !wish.recognisable(mapped.values().copied()) {
        return Err(unmapped(address, table, wish));
    }
    let template = sample.rows.choose(&mut rand::rng());
    let mut shaping = Shaping::new(table, &sample.rows, template, options);
    let mut cells = Vec::with_capacity(table.columns.len());
    for (at, column) in table.columns.iter().enumerate() {
        if let Some(field) = mapped.get(&at) {
            let value = Value::Text(wish.fields[*field].clone());
            cells.push(Cell::new(&column.name, value, true));
            continue;
        }
        if column.rowid {
            continue; // SQLite gives the next one, as it does to the neighbours
        }
        let foreign = table
            .foreign
            .iter()
            .find(|foreign| foreign.column.eq_ignore_ascii_case(&column.name));
        let value = match foreign {
            Some(foreign) => parent(connection, address, column, foreign, shaping.template(at))?,
            None => shaping.value(at).map_err(|problem| {
                PlantError::Refused(address.problem(problem.0).hint(problem.1))
            })?,
        };
        if let Some(value) = value {
            cells.push(Cell::new(&column.name, value, false));
        }
    }
    Ok(Drawn {
        cells,
        notes: shaping.notes,
    })
}

/// Column number and field, by the names a kind says a column may have.
fn mapped<'a>(table: &Table, wish: &'a Wish) -> BTreeMap<usize, &'a str> {
    let mut mapped = BTreeMap::new();
    for hint in &wish.row {
        if !wish.fields.contains_key(&hint.field) {
            continue;
        }
        let column = hint.names.iter().find_map(|name| {
            let named = |column: &Column| names::snake(&column.name) == names::snake(name);
            table
                .columns
                .iter()
                .position(|column| named(column) && !column.rowid)
                .filter(|at| !mapped.contains_key(at))
        });
        if let Some(at) = column {
            mapped.insert(at, hint.field.as_str());
        }
    }
    mapped
}

fn unmapped(address: &Address, table: &Table, wish: &Wish) -> PlantError {
    let columns: Vec<&str> = table
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    let wanted: Vec<&str> = wish
        .row
        .iter()
        .filter(|hint| wish.tells(&hint.field))
        .flat_map(|hint| hint.names.iter().map(String::as_str))
        .collect();
    PlantError::Shape(
        address
            .problem(format!(
                "has no column that can hold what {} is recognised by (its columns: {})",
                wish.kind,
                columns.join(", ")
            ))
            .hint(format!("choose a table with one of: {}", wanted.join(", "))),
    )
}

/// A row that a reference can lead to: the neighbour's, or another that nobody refers to yet.
fn parent(
    connection: &Connection,
    address: &Address,
    column: &Column,
    foreign: &Foreign,
    template: Option<&Value>,
) -> Result<Option<Value>, PlantError> {
    if !column.unique
        && let Some(value) = template
    {
        return Ok(Some(value.clone()));
    }
    if !column.not_null {
        return Ok(None);
    }
    let failed = address.database("look for a row to refer to");
    let to = match &foreign.to {
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
            |row| row.get(0),
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
pub(super) fn wheres(cells: &[Cell]) -> (String, Vec<Value>) {
    let wheres: Vec<String> = cells
        .iter()
        .enumerate()
        .map(|(at, cell)| format!("{} IS ?{}", written(&cell.column), at + 1))
        .collect();
    (
        wheres.join(" AND "),
        cells.iter().map(Cell::value).collect(),
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
            (0..cells.len()).map(|at| row.get(at)).collect()
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
            let cell = |(at, column): (usize, &String)| Ok(Cell::new(column, row.get(at)?, false));
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

/// Shapes of a column need its neighbours' values.
pub(super) fn column_values(rows: &[Vec<Value>], at: usize) -> Vec<&Value> {
    rows.iter()
        .map(|row| &row[at])
        .filter(|value| **value != Value::Null)
        .collect()
}
