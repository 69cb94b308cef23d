//! What every database server is asked, in SQL put together from an engine's own words for names,
//! values and comparisons. Values travel as text, so that any type of column takes and gives them.

use super::address::Said;
use super::dialect::Dialect;
use super::draw::is_beginning;
use super::making::{Login, Making, View};
use super::triggers::Trigger;
use super::{Cell, Column, Sort, Table, Value};

/// A field as the server sends it.
pub(crate) type Raw = Option<Vec<u8>>;

/// A table and what has to be known before writing to it.
pub(crate) struct Described {
    pub table: Table,
    pub triggers: Vec<Trigger>,
    /// What the operator should know (replication, partitions).
    pub notes: Vec<String>,
    /// Why no row may be planted there: what, and what to do next.
    pub refusal: Option<(String, String)>,
}

/// A reference from another table to this one.
pub(crate) struct Child {
    pub table: String,
    pub columns: Vec<String>,
    pub parent: Vec<String>,
}

/// How far an engine has counted.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Counter {
    /// The sequence, or the table.
    pub name: String,
    pub value: i64,
    /// Whether the value was given out.
    pub called: bool,
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

/// A connection to a database.
pub(crate) trait Session {
    /// The engine's way of writing.
    fn dialect(&self) -> Dialect;
    /// A name as SQL writes it.
    fn quote(&self, name: &str) -> String {
        self.dialect().quote(name)
    }
    /// A table's name as SQL writes it.
    fn quote_table(&self, name: &str) -> String {
        self.dialect().quote_table(name)
    }
    /// A column, to be read.
    fn shown(&self, column: &Column) -> String;
    /// The place of value number `at` (from 1) for a column.
    fn mark(&self, column: &Column, at: usize) -> String;
    /// Whether the column has value number `at`, NULL being equal to NULL.
    fn same(&self, column: &Column, at: usize) -> String;
    /// A column, to be read for a sample.
    fn sampled(&self, column: &Column) -> String {
        self.shown(column)
    }
    /// What the newest rows of a table come first by: names as SQL writes them, of the table itself. A key
    /// that nobody counts (a UUID) says nothing of that; when a row came into being does.
    fn newest(&mut self, table: &Table) -> Result<Vec<String>, Said> {
        let mut columns = table.columns.iter();
        let counted = columns.clone().find(|column| column.counted);
        let dates = |column: &Column| matches!(column.sort, Sort::Time | Sort::Integer);
        let dated = || columns.find(|c| c.not_null && dates(c) && is_beginning(&c.name));
        let keys = counted
            .or_else(dated)
            .map_or(table.primary.as_slice(), |column| {
                std::slice::from_ref(&column.name)
            });
        Ok(keys.iter().map(|key| self.quote(key)).collect())
    }
    /// Begins a transaction that may write.
    fn begin(&mut self) -> Result<(), Said> {
        self.run("BEGIN", &[]).map(drop)
    }
    fn run(&mut self, sql: &str, values: &[Value]) -> Result<u64, Said>;
    fn rows(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Vec<Raw>>, Said>;
    /// Rows of these columns, each as what the column holds.
    fn values(
        &mut self,
        sql: &str,
        columns: &[&Column],
        values: &[Value],
    ) -> Result<Vec<Vec<Value>>, Said> {
        let rows = self.rows(sql, values)?;
        let one = |(column, raw): (&&Column, Raw)| value(column, self.received(column, raw));
        Ok(rows
            .into_iter()
            .map(|row| columns.iter().zip(row).map(one).collect())
            .collect())
    }
    /// Reads the schema; `None` if there is no such table.
    fn describe(&mut self, table: &str) -> Result<Option<Described>, Said>;
    fn tables(&mut self) -> Result<Vec<String>, Said>;
    fn children(&mut self, table: &Table) -> Result<Vec<Child>, Said>;
    /// A field of a column as it was before it was put in a form to travel in.
    fn received(&self, column: &Column, raw: Raw) -> Raw;
    /// Inserts, and gives the primary key as the engine made it.
    fn insert(&mut self, table: &Table, cells: &[Cell]) -> Result<Vec<Cell>, Said>;
    /// A number that the engine has not counted and will not count, for a rehearsal.
    fn uncounted(&mut self, table: &Table, column: &Column) -> Result<i64, Said>;
    /// How far the engine has counted for a table, held still until the transaction ends where that
    /// can be done.
    fn counters(&mut self, table: &Table) -> Result<Vec<Counter>, Said>;
    /// Counts back to `before` if nobody has counted past `after`. Within the transaction.
    fn count_back(&mut self, table: &Table, before: &Counter, after: &Counter) -> Result<(), Said>;
    /// Whether tables and views that are made go again when their transaction is rolled back.
    fn undoes_making(&self) -> bool {
        true
    }
    /// What makes an empty table like another one, owned by whom and open to whom that one is.
    fn table_like(&mut self, name: &str, like: &Described) -> Result<Making, Said>;
    /// What makes a view of one row; where the engine can, one that tells the server's log who reads it.
    fn view(&mut self, view: &View<'_>) -> Result<Making, Said>;
    /// What the engine says a view is; `None` if there is none of that name.
    fn view_text(&mut self, name: &str) -> Result<Option<String>, Said>;
    /// What makes a login that may do nothing.
    fn login(&mut self, login: &Login<'_>) -> Result<Making, Said>;
    /// What the engine says a login is; `None` if there is none of that name.
    fn login_text(&mut self, name: &str) -> Result<Option<String>, Said>;
    /// As `count_back`, for engines that can only do it once the transaction has ended.
    fn count_back_late(&mut self, before: &Counter, after: &Counter) -> Result<(), Said>;
}

/// The value of a column.
pub(crate) fn value(column: &Column, raw: Raw) -> Value {
    let Some(bytes) = raw else {
        return Value::Null;
    };
    if column.sort == Sort::Binary {
        return Value::Blob(bytes);
    }
    match String::from_utf8(bytes) {
        Ok(text) if column.sort == Sort::Integer => {
            text.parse().map_or(Value::Text(text), Value::Integer)
        }
        Ok(text) => Value::Text(text),
        Err(error) => Value::Blob(error.into_bytes()),
    }
}

/// The newest rows.
pub(crate) fn sample(
    session: &mut dyn Session,
    table: &Table,
    limit: usize,
) -> Result<Vec<Vec<Value>>, Said> {
    let columns: Vec<&Column> = table.columns.iter().collect();
    let shown: Vec<String> = columns.iter().map(|c| session.sampled(c)).collect();
    let keys = session.newest(table)?;
    // Of the table: a bare name would be the column as it is read, which is text.
    let keys: Vec<String> = keys
        .iter()
        .map(|key| format!("ordered.{key} DESC"))
        .collect();
    let order = if keys.is_empty() {
        String::new()
    } else {
        format!(" ORDER BY {}", keys.join(", "))
    };
    let sql = format!(
        "SELECT {} FROM {} AS ordered{order} LIMIT {limit}",
        shown.join(", "),
        session.quote_table(&table.name)
    );
    session.values(&sql, &columns, &[])
}

/// The columns of some cells, in their order; cells whose column is gone are left out.
fn columns<'a>(table: &'a Table, names: impl Iterator<Item = &'a str>) -> Vec<&'a Column> {
    names.filter_map(|name| table.column(name)).collect()
}

/// `a = 1 AND b = 2` and its values.
fn wheres(session: &dyn Session, table: &Table, cells: &[Cell]) -> (String, Vec<Value>) {
    let known: Vec<(&Cell, &Column)> = cells
        .iter()
        .filter_map(|cell| Some((cell, table.column(&cell.column)?)))
        .collect();
    let wheres: Vec<String> = known
        .iter()
        .enumerate()
        .map(|(at, (_, column))| session.same(column, at + 1))
        .collect();
    let values = known.iter().map(|(cell, _)| cell.value.clone()).collect();
    (wheres.join(" AND "), values)
}

/// The values of some columns of the rows that these cells name, two rows at most.
pub(crate) fn read(
    session: &mut dyn Session,
    table: &Table,
    key: &[Cell],
    names: &[&str],
) -> Result<Vec<Vec<Cell>>, Said> {
    if key.is_empty() || key.iter().any(|cell| table.column(&cell.column).is_none()) {
        return Ok(Vec::new());
    }
    let columns = columns(table, names.iter().copied());
    let shown: Vec<String> = columns.iter().map(|c| session.shown(c)).collect();
    let (wheres, values) = wheres(session, table, key);
    let sql = format!(
        "SELECT {} FROM {} WHERE {wheres} LIMIT 2",
        shown.join(", "),
        session.quote_table(&table.name)
    );
    let rows = session.values(&sql, &columns, &values)?;
    let cells = |row: Vec<Value>| {
        let cells = columns.iter().zip(row);
        cells
            .map(|(column, value)| Cell::new(&column.name, value, false))
            .collect()
    };
    Ok(rows.into_iter().map(cells).collect())
}

/// The statement that inserts these cells, without its end, and its values.
pub(crate) fn insertion(
    session: &dyn Session,
    table: &Table,
    cells: &[Cell],
    between: &str,
) -> (String, Vec<Value>) {
    let mut names = Vec::with_capacity(cells.len());
    let mut marks = Vec::with_capacity(cells.len());
    for (at, cell) in cells.iter().enumerate() {
        names.push(session.quote(&cell.column));
        let column = table.column(&cell.column);
        marks.push(column.map_or_else(String::new, |column| session.mark(column, at + 1)));
    }
    let sql = format!(
        "INSERT INTO {} ({}){between} VALUES ({})",
        session.quote_table(&table.name),
        names.join(", "),
        marks.join(", ")
    );
    (sql, cells.iter().map(|cell| cell.value.clone()).collect())
}

/// Deletes the rows that these cells name; says how many.
pub(crate) fn delete(session: &mut dyn Session, table: &Table, key: &[Cell]) -> Result<u64, Said> {
    let (wheres, values) = wheres(session, table, key);
    let name = session.quote_table(&table.name);
    session.run(&format!("DELETE FROM {name} WHERE {wheres}"), &values)
}

/// How many rows of a child refer to a row.
pub(crate) fn referring(
    session: &mut dyn Session,
    child: &Child,
    values: &[Value],
) -> Result<u64, Said> {
    let Some(described) = session.describe(&child.table)? else {
        return Ok(0);
    };
    let cells: Vec<Cell> = child
        .columns
        .iter()
        .zip(values)
        .map(|(column, value)| Cell::new(column, value.clone(), false))
        .collect();
    let (wheres, values) = wheres(session, &described.table, &cells);
    let name = session.quote_table(&child.table);
    let rows = session.rows(
        &format!("SELECT CAST(count(*) AS char(20)) FROM {name} WHERE {wheres}"),
        &values,
    )?;
    let count = rows.first().and_then(|row| row.first()?.clone());
    Ok(count
        .and_then(|bytes| String::from_utf8(bytes).ok()?.trim().parse().ok())
        .unwrap_or(0))
}
