//! Statements, rows and errors of the SQLite engine.

use std::path::Path;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, ToSql};

use super::{Arg, Layout, args};
use crate::StoreError;

/// Statements on one connection.
pub(crate) struct Session<'a> {
    pub(super) connection: &'a Connection,
    pub(super) path: &'a Path,
    pub(super) layout: &'static Layout,
}

impl Session<'_> {
    pub(crate) fn path(&self) -> &Path {
        self.path
    }

    /// What was found is not what we wrote.
    pub(crate) fn damaged(&self, what: impl Into<String>) -> StoreError {
        damaged(self.path, self.layout, what)
    }

    /// The file belongs to something else.
    pub(super) fn not_ours(&self) -> StoreError {
        StoreError::NotOurs {
            path: self.path.to_owned(),
            store: self.layout.store,
            next: self.layout.remedy,
        }
    }

    /// Runs a statement; gives the number of rows changed.
    pub(crate) fn execute(&self, sql: &'static str, args: &[Arg<'_>]) -> Result<u64, StoreError> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(rusqlite::params_from_iter(args)))
            .map(|changed| changed as u64)
            .map_err(|error| failed(self.path, self.layout, error))
    }

    /// Runs a query and hands over each row.
    pub(crate) fn query(
        &self,
        sql: &'static str,
        args: &[Arg<'_>],
        mut each: impl FnMut(&Row<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let failed = |error| failed(self.path, self.layout, error);
        let mut statement = self.connection.prepare_cached(sql).map_err(failed)?;
        let mut rows = statement
            .query(rusqlite::params_from_iter(args))
            .map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            each(&Row { row, session: self })?;
        }
        Ok(())
    }

    /// Runs a query and reads its first row, if there is one.
    pub(crate) fn one<T>(
        &self,
        sql: &'static str,
        args: &[Arg<'_>],
        read: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let failed = |error| failed(self.path, self.layout, error);
        let mut statement = self.connection.prepare_cached(sql).map_err(failed)?;
        let mut rows = statement
            .query(rusqlite::params_from_iter(args))
            .map_err(failed)?;
        match rows.next().map_err(failed)? {
            Some(row) => read(&Row { row, session: self }).map(Some),
            None => Ok(None),
        }
    }

    /// Runs a query and collects its rows.
    pub(crate) fn all<T>(
        &self,
        sql: &'static str,
        args: &[Arg<'_>],
        mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut all = Vec::new();
        self.query(sql, args, |row| {
            all.push(read(row)?);
            Ok(())
        })?;
        Ok(all)
    }

    /// Runs schema statements, put into SQLite's words.
    pub(super) fn schema(&self, sql: &str) -> Result<(), StoreError> {
        let ours = sql
            .replace("BIGINT PRIMARY KEY", "INTEGER PRIMARY KEY")
            .replace(") CLUSTERED", ") WITHOUT ROWID");
        self.connection
            .execute_batch(&ours)
            .map_err(|error| failed(self.path, self.layout, error))
    }

    /// Writes a table anew and gives its pages back. What is deleted is overwritten, but rows that are moved within a
    /// page or to another leave copies where nothing stands now; so this is what leaves none.
    pub(crate) fn rewrite(&self, table: &str) -> Result<(), StoreError> {
        let made = self.one(
            "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?1",
            args![table],
            |row| Ok(row.text(0)?.to_owned()),
        )?;
        let columns = made
            .as_ref()
            .and_then(|sql| sql.find('(').map(|at| &sql[at..]));
        let columns = columns.ok_or_else(|| self.damaged(format!("no table {table}")))?;
        self.connection
            .execute_batch(&format!(
                "CREATE TABLE {table}_anew {columns};
                 INSERT INTO {table}_anew SELECT * FROM {table};
                 DROP TABLE {table};
                 ALTER TABLE {table}_anew RENAME TO {table}"
            ))
            .map_err(|error| failed(self.path, self.layout, error))
    }

    pub(super) fn table_exists(&self, name: &str) -> Result<bool, StoreError> {
        self.one(
            "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1",
            args![name],
            |_| Ok(()),
        )
        .map(|row| row.is_some())
    }

    pub(super) fn is_empty(&self) -> Result<bool, StoreError> {
        self.one("SELECT 1 FROM sqlite_schema LIMIT 1", &[], |_| Ok(()))
            .map(|row| row.is_none())
    }
}

/// One row of a result. Columns are numbered from 0.
pub(crate) struct Row<'a> {
    row: &'a rusqlite::Row<'a>,
    session: &'a Session<'a>,
}

impl Row<'_> {
    pub(crate) fn int(&self, column: usize) -> Result<i64, StoreError> {
        match self.value(column)? {
            ValueRef::Integer(value) => Ok(value),
            _ => Err(self.unexpected(column)),
        }
    }

    /// An integer that is a count, sequence or the like.
    pub(crate) fn count(&self, column: usize) -> Result<u64, StoreError> {
        u64::try_from(self.int(column)?).map_err(|_| self.unexpected(column))
    }

    pub(crate) fn optional_int(&self, column: usize) -> Result<Option<i64>, StoreError> {
        match self.value(column)? {
            ValueRef::Null => Ok(None),
            _ => self.int(column).map(Some),
        }
    }

    pub(crate) fn text(&self, column: usize) -> Result<&str, StoreError> {
        match self.value(column)? {
            ValueRef::Text(value) => {
                std::str::from_utf8(value).map_err(|_| self.unexpected(column))
            }
            _ => Err(self.unexpected(column)),
        }
    }

    pub(crate) fn bytes(&self, column: usize) -> Result<&[u8], StoreError> {
        match self.value(column)? {
            ValueRef::Blob(value) => Ok(value),
            _ => Err(self.unexpected(column)),
        }
    }

    pub(crate) fn array<const N: usize>(&self, column: usize) -> Result<[u8; N], StoreError> {
        self.bytes(column)?
            .try_into()
            .map_err(|_| self.unexpected(column))
    }

    /// The row does not hold what we write.
    pub(crate) fn damaged(&self, what: impl Into<String>) -> StoreError {
        self.session.damaged(what)
    }

    fn unexpected(&self, column: usize) -> StoreError {
        let name = self.row.as_ref().column_name(column).unwrap_or("?");
        self.session
            .damaged(format!("column {name} does not hold what we write"))
    }

    fn value(&self, column: usize) -> Result<ValueRef<'_>, StoreError> {
        self.row
            .get_ref(column)
            .map_err(|error| failed(self.session.path, self.session.layout, error))
    }
}

impl ToSql for Arg<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Bytes(value) => ValueRef::Blob(value),
        }))
    }
}

/// What was found is not what we wrote.
pub(super) fn damaged(path: &Path, layout: &Layout, what: impl Into<String>) -> StoreError {
    StoreError::Damaged {
        path: path.to_owned(),
        what: what.into(),
        next: layout.remedy,
    }
}

/// An error of the engine in our words.
pub(super) fn failed(path: &Path, layout: &Layout, error: rusqlite::Error) -> StoreError {
    let path_owned = path.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            StoreError::Locked { path: path_owned }
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            damaged(path, layout, error.to_string())
        }
        Some(ErrorCode::ConstraintViolation) => StoreError::Exists {
            path: path_owned,
            what: "a row with this key".to_owned(),
        },
        _ => StoreError::Database {
            path: path_owned,
            source: Box::new(error),
        },
    }
}
