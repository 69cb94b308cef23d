//! SQLite rows, `sqlite:PATH?table=NAME`: the same life as in a server, in a file that nothing but SQLite
//! itself writes. Functions of the schema's own are not trusted, and references are enforced.

mod making;
mod schema;

use std::path::{Path, PathBuf};
use std::time::Duration;

use lapwing_core::Placement;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params_from_iter};

use super::sealed::Planting;
use super::{Target, with_table};
use crate::bait::Wish;
use crate::diff::Diff;
use crate::error::{PlantError, Problem};
use crate::table::address::{Named, Object, Said};
use crate::table::dialect::Dialect;
use crate::table::life::{self, Site, decoy};
use crate::table::making::{Login, Making, View};
use crate::table::session::{self, Access, Child, Counter, Described, Raw, Session};
use crate::table::{Cell, Column, Table, Value};
use crate::text::shapeless;
use crate::{Condition, Listed, Options, Plan, Run, disk};

/// The target.
pub(crate) struct Sqlite;

const SCHEME: &str = "sqlite:";
/// How long another program may hold the database.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest text or blob that is looked at in a sample.
const LONGEST: usize = 4096;

/// A target in its parts.
#[derive(Clone, Debug)]
struct Address {
    path: PathBuf,
    named: Named,
}

impl Address {
    fn parse(target: &str) -> Result<Self, PlantError> {
        let bad = |what: &str| {
            PlantError::Target(Problem::new(target, what).hint("write sqlite:PATH?table=NAME"))
        };
        let body = target.strip_prefix(SCHEME).unwrap_or(target);
        let body = body.strip_prefix("//").unwrap_or(body);
        let (path, query) = body.rsplit_once('?').ok_or_else(|| bad("names no table"))?;
        let parameter = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            let pair = pairs.find(|(key, value)| *key == name && !value.is_empty());
            pair.map(|(_, value)| value.to_owned())
        };
        let named =
            Named::read(parameter).ok_or_else(|| bad("names no table, or more than one thing"))?;
        if path.is_empty() {
            return Err(bad("names no database"));
        }
        Ok(Self {
            path: path.into(),
            named,
        })
    }

    fn place(&self) -> String {
        let Named { name, .. } = &self.named;
        let (path, parameter) = (self.path.display(), self.named.parameter());
        format!("{SCHEME}{path}?{parameter}={name}")
    }

    /// Opens the database, which must exist.
    fn open(&self, access: Access) -> Result<Box<dyn Session>, PlantError> {
        disk::database(&self.path)?;
        let flags = match access {
            Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
            Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE,
        };
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let open = || {
            let connection = Connection::open_with_flags(&self.path, flags)?;
            connection.busy_timeout(PATIENCE)?;
            connection.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA foreign_keys = ON;")?;
            Ok(connection)
        };
        let connection = open().map_err(|source: rusqlite::Error| PlantError::Database {
            place: self.place(),
            doing: "open the database",
            source: Box::new(source),
        })?;
        Ok(Box::new(Base { connection }))
    }

    fn site(self) -> Site {
        Site {
            place: self.place(),
            object: self.named.object,
            table: self.named.name.clone(),
            like: self.named.like.clone(),
            open: Box::new(move |access| self.open(access)),
        }
    }
}

impl Target for Sqlite {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn summary(&self) -> &'static str {
        "a row in a table of a SQLite database"
    }

    fn example(&self) -> &'static str {
        "sqlite:/srv/app/app.db?table=users"
    }
}

impl Planting for Sqlite {
    fn claims(&self, target: &str, head: Option<&[u8]>) -> bool {
        match head {
            None => target.starts_with(SCHEME),
            Some(head) => head.starts_with(b"SQLite format 3\0"),
        }
    }

    fn canonical(&self, target: &str) -> Option<Result<String, PlantError>> {
        if !target.starts_with(SCHEME) {
            return None;
        }
        Some(Address::parse(target).and_then(|mut address| {
            address.path = disk::resolve(&address.path)?;
            let place = address.place();
            address.path.to_str().map(|_| place.clone()).ok_or_else(|| {
                PlantError::Target(Problem::new(place, "has a name that is not UTF-8"))
            })
        }))
    }

    fn dialect(&self) -> Option<Dialect> {
        Some(Dialect::Sqlite)
    }

    fn plan(&self, target: &str, wish: &Wish, options: &Options) -> Result<Plan, PlantError> {
        let mut address = Address::parse(target)?;
        if wish.row.is_empty() {
            return Err(shapeless(wish, self.name(), Path::new(target)));
        }
        address.path = disk::resolve(&address.path)?;
        let site = address.site();
        match site.object {
            Object::Row | Object::NewTable => life::plan(site, self.name(), wish, options),
            Object::View => decoy::plan_view(site, self.name(), wish, options),
            Object::Role => decoy::plan_role(site, self.name(), wish, ""),
        }
    }

    fn check(&self, placement: &Placement) -> Result<Condition, PlantError> {
        let address = Address::parse(&placement.target)?;
        if !address.path.exists() {
            return Ok(Condition::Missing);
        }
        let site = address.site();
        match site.object {
            Object::Row | Object::NewTable => life::check(&site, placement),
            Object::View | Object::Role => decoy::check(&site, placement),
        }
    }

    fn uproot(&self, placement: &Placement, force: bool, run: Run) -> Result<Diff, PlantError> {
        let address = Address::parse(&placement.target)?;
        let site = address.site();
        match site.object {
            Object::Row | Object::NewTable => life::uproot(&site, placement, force, run),
            Object::View | Object::Role => decoy::uproot(&site, placement, force, run),
        }
    }

    fn tables(&self, database: &str) -> Option<Result<Vec<Listed>, PlantError>> {
        let address = Address::parse(&with_table(database, "none"));
        Some(
            address.and_then(|address| {
                life::listed(&address.site(), |name| with_table(database, name))
            }),
        )
    }
}

/// An open database.
struct Base {
    connection: Connection,
}

/// SQLite's message, which quotes no values.
fn said(error: rusqlite::Error) -> Said {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(why)) => Said(why),
        other => Said(other.to_string()),
    }
}

/// A value as SQLite takes it.
fn sql(value: &Value) -> rusqlite::types::Value {
    match value {
        Value::Null => rusqlite::types::Value::Null,
        Value::Integer(number) => rusqlite::types::Value::Integer(*number),
        Value::Real(number) => rusqlite::types::Value::Real(*number),
        Value::Text(text) => rusqlite::types::Value::Text(text.clone()),
        Value::Blob(bytes) => rusqlite::types::Value::Blob(bytes.clone()),
    }
}

/// A value as SQLite gives it: a column holds what was put in, whatever it was declared as.
fn value(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<Value> {
    Ok(match row.get(at)? {
        rusqlite::types::Value::Null => Value::Null,
        rusqlite::types::Value::Integer(number) => Value::Integer(number),
        rusqlite::types::Value::Real(number) => Value::Real(number),
        rusqlite::types::Value::Text(text) => Value::Text(text),
        rusqlite::types::Value::Blob(bytes) => Value::Blob(bytes),
    })
}

impl Base {
    fn ask<T>(
        &self,
        sql: &str,
        values: &[Value],
        one: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, Said> {
        let mut statement = self.connection.prepare(sql).map_err(said)?;
        let values = params_from_iter(values.iter().map(self::sql));
        let rows = statement.query_map(values, one).map_err(said)?;
        rows.collect::<rusqlite::Result<_>>().map_err(said)
    }

    /// Whether each row of a table has a number, and the name by which that can be had: one that no
    /// column bears.
    fn rowid(&self, table: &Table) -> Result<Option<&'static str>, Said> {
        let without: Option<bool> = self
            .connection
            .query_row(
                "SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = ?1",
                [&table.name],
                |row| row.get(0),
            )
            .optional()
            .map_err(said)?;
        let free = |name: &&&str| {
            let mut columns = table.columns.iter();
            !columns.any(|column| column.name.eq_ignore_ascii_case(name))
        };
        let name = ["rowid", "_rowid_", "oid"].iter().find(free).copied();
        Ok(name.filter(|_| without == Some(false)))
    }

    /// Which row was just inserted; nothing for a row that only its values name.
    fn key_of(&self, table: &Table, cells: &[Cell]) -> Result<Vec<Cell>, Said> {
        let Some(rowid) = self.rowid(table)? else {
            let known = table.primary.iter().map(|name| {
                let cell = cells.iter().find(|cell| cell.column == *name)?;
                Some(Cell::new(name, cell.value.clone(), false))
            });
            return Ok(known.collect::<Option<Vec<Cell>>>().unwrap_or_default());
        };
        if table.primary.is_empty() {
            return Ok(Vec::new());
        }
        let columns: Vec<String> = table.primary.iter().map(|name| self.quote(name)).collect();
        let sql = format!(
            "SELECT {} FROM {} WHERE {rowid} = last_insert_rowid()",
            columns.join(", "),
            self.quote(&table.name)
        );
        let count = columns.len();
        let values = self.ask(&sql, &[], |row| {
            (0..count).map(|at| value(row, at)).collect()
        })?;
        let values: Vec<Value> = values.into_iter().next().unwrap_or_default();
        if values.contains(&Value::Null) {
            return Ok(Vec::new());
        }
        let cells = table.primary.iter().zip(values);
        Ok(cells
            .map(|(name, value)| Cell::new(name, value, false))
            .collect())
    }

    /// A rehearsal never commits, and deferred references are only looked at then: ask now. Rows that
    /// lead nowhere already are the owner's affair.
    fn references_hold(&self, table: &Table) -> Result<(), Said> {
        if table.foreign.is_empty() || self.rowid(table)?.is_none() {
            return Ok(());
        }
        let astray: i64 = self
            .connection
            .query_row(
                "SELECT count(*) FROM pragma_foreign_key_check(?1) WHERE rowid = last_insert_rowid()",
                [&table.name],
                |row| row.get(0),
            )
            .map_err(said)?;
        if astray == 0 {
            return Ok(());
        }
        Err(Said("a reference would lead nowhere".to_owned()))
    }
}

impl Session for Base {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn shown(&self, column: &Column) -> String {
        self.quote(&column.name)
    }

    fn sampled(&self, column: &Column) -> String {
        let name = self.quote(&column.name);
        format!(
            "CASE WHEN typeof({name}) IN ('text', 'blob') AND length({name}) > {LONGEST}
             THEN substr({name}, 1, {LONGEST}) ELSE {name} END"
        )
    }

    fn newest(&mut self, table: &Table) -> Result<Vec<String>, Said> {
        if let Some(rowid) = self.rowid(table)? {
            return Ok(vec![rowid.to_owned()]);
        }
        Ok(table.primary.iter().map(|key| self.quote(key)).collect())
    }

    fn mark(&self, _column: &Column, at: usize) -> String {
        format!("?{at}")
    }

    fn same(&self, column: &Column, at: usize) -> String {
        format!("{} IS ?{at}", self.quote(&column.name))
    }

    /// Locked from its beginning, so that what was read is still so when it writes.
    fn begin(&mut self) -> Result<(), Said> {
        self.run("BEGIN IMMEDIATE", &[]).map(drop)
    }

    fn run(&mut self, sql: &str, values: &[Value]) -> Result<u64, Said> {
        let values = params_from_iter(values.iter().map(self::sql));
        let changed = self.connection.execute(sql, values).map_err(said)?;
        Ok(u64::try_from(changed).unwrap_or(u64::MAX))
    }

    fn rows(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Vec<Raw>>, Said> {
        self.ask(sql, values, |row| {
            let text = |at| Ok(row.get::<_, Option<String>>(at)?.map(String::into_bytes));
            (0..row.as_ref().column_count()).map(text).collect()
        })
    }

    fn values(
        &mut self,
        sql: &str,
        columns: &[&Column],
        values: &[Value],
    ) -> Result<Vec<Vec<Value>>, Said> {
        self.ask(sql, values, |row| {
            (0..columns.len()).map(|at| value(row, at)).collect()
        })
    }

    fn describe(&mut self, table: &str) -> Result<Option<Described>, Said> {
        schema::describe(&self.connection, table).map_err(said)
    }

    fn tables(&mut self) -> Result<Vec<String>, Said> {
        schema::tables(&self.connection).map_err(said)
    }

    fn children(&mut self, table: &Table) -> Result<Vec<Child>, Said> {
        schema::children(&self.connection, table).map_err(said)
    }

    fn received(&self, _column: &Column, raw: Raw) -> Raw {
        raw
    }

    fn insert(&mut self, table: &Table, cells: &[Cell]) -> Result<Vec<Cell>, Said> {
        let (sql, values) = session::insertion(self, table, cells, "");
        // A constraint may say REPLACE, which would delete a row of the owner's.
        self.run(&sql.replacen("INSERT", "INSERT OR ABORT", 1), &values)?;
        self.references_hold(table)?;
        self.key_of(table, cells)
    }

    fn uncounted(&mut self, table: &Table, column: &Column) -> Result<i64, Said> {
        let (name, from) = (self.quote(&column.name), self.quote(&table.name));
        let sql = format!("SELECT max({name}) FROM {from}");
        let most: Option<i64> = self
            .connection
            .query_row(&sql, [], |row| row.get(0))
            .map_err(said)?;
        Ok(most.unwrap_or_default().saturating_add(1))
    }

    fn counters(&mut self, table: &Table) -> Result<Vec<Counter>, Said> {
        schema::counters(&self.connection, table).map_err(said)
    }

    fn count_back(&mut self, table: &Table, before: &Counter, after: &Counter) -> Result<(), Said> {
        if !self.counters(table)?.contains(after) {
            return Ok(());
        }
        let name = Value::Text(before.name.clone());
        if before.called {
            let sql = "UPDATE sqlite_sequence SET seq = ?2 WHERE name = ?1";
            return self
                .run(sql, &[name, Value::Integer(before.value)])
                .map(drop);
        }
        let sql = "DELETE FROM sqlite_sequence WHERE name = ?1";
        self.run(sql, &[name]).map(drop)
    }

    fn count_back_late(&mut self, _before: &Counter, _after: &Counter) -> Result<(), Said> {
        Ok(())
    }

    fn table_like(&mut self, name: &str, like: &Described) -> Result<Making, Said> {
        making::table_like(&self.connection, name, &like.table).map_err(said)
    }

    fn view(&mut self, view: &View<'_>) -> Result<Making, Said> {
        Ok(making::view(view))
    }

    fn view_text(&mut self, name: &str) -> Result<Option<String>, Said> {
        let sql = "SELECT sql FROM sqlite_schema WHERE type = 'view' AND name = ?1";
        let found = self.ask(sql, &[Value::Text(name.to_owned())], |row| row.get(0))?;
        Ok(found.into_iter().next())
    }

    fn login(&mut self, _login: &Login<'_>) -> Result<Making, Said> {
        Err(Said("SQLite has no logins".to_owned()))
    }

    fn login_text(&mut self, _name: &str) -> Result<Option<String>, Said> {
        Ok(None)
    }
}
