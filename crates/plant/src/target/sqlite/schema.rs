//! What a table is: columns, keys, references, triggers, all read from the database itself.

use std::ops::Deref;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::Address;
use crate::error::PlantError;
use crate::table::{Column, Foreign, Sort, Table as Plain};

/// An ordinary table, and what only SQLite has.
#[derive(Debug)]
pub(super) struct Table {
    pub plain: Plain,
    pub without_rowid: bool,
    /// Names and events.
    pub triggers: Vec<(String, Event)>,
}

impl Deref for Table {
    type Target = Plain;

    fn deref(&self) -> &Plain {
        &self.plain
    }
}

/// A reference from another table to this one.
#[derive(Debug)]
pub(super) struct Child {
    pub table: String,
    pub columns: Vec<String>,
    pub parent: Vec<String>,
}

/// What a trigger waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Insert,
    Update,
    Delete,
}

/// A name as SQL writes it.
pub(super) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Table {
    /// Reads the table; anything else of that name is refused.
    pub(super) fn read(connection: &Connection, address: &Address) -> Result<Self, PlantError> {
        if let Some(table) = Self::find(connection, address)? {
            return Ok(table);
        }
        let names = tables(connection).map_err(address.database("list the tables"))?;
        let hint = if names.is_empty() {
            "it has no tables".to_owned()
        } else {
            format!("its tables: {}", names.join(", "))
        };
        Err(PlantError::Target(
            address.problem("is not a table of the database").hint(hint),
        ))
    }

    /// The table, or `None` if there is none of that name.
    pub(super) fn find(
        connection: &Connection,
        address: &Address,
    ) -> Result<Option<Self>, PlantError> {
        let failed = address.database("read the schema");
        let found: Option<(String, String, bool)> = connection
            .query_row(
                "SELECT name, type, wr FROM pragma_table_list
                 WHERE schema = 'main' AND name = ?1 COLLATE NOCASE",
                [&address.table],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )
            .optional()
            .map_err(&failed)?;
        let Some((name, kind, without_rowid)) = found else {
            return Ok(None);
        };
        let system = name.to_lowercase().starts_with("sqlite_");
        if kind != "table" || system {
            let what = format!("is a {kind} table, where no row can be planted");
            return Err(PlantError::Target(
                address.problem(what).hint("name an ordinary table"),
            ));
        }
        Self::describe(connection, name, without_rowid)
            .map(Some)
            .map_err(failed)
    }

    fn describe(
        connection: &Connection,
        name: String,
        without_rowid: bool,
    ) -> rusqlite::Result<Self> {
        let sql: String = connection.query_row(
            "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?1",
            [&name],
            |row| row.get(0),
        )?;
        let (mut columns, primary) = columns(connection, &name)?;
        let unique = unique_columns(connection, &name)?;
        for column in &mut columns {
            column.unique = unique.contains(&column.name) || (column.primary && primary.len() == 1);
            column.counted = !without_rowid
                && primary.len() == 1
                && column.primary
                && column.declared == "INTEGER"
                && !unique.contains(&column.name);
            let listed = listed_values(&sql, &column.name);
            if !listed.is_empty() {
                column.sort = Sort::Listed(listed);
            }
        }
        Ok(Self {
            without_rowid,
            triggers: triggers(connection, &name)?,
            plain: Plain {
                columns,
                primary,
                foreign: foreign(connection, &name)?,
                name,
            },
        })
    }
}

pub(super) fn tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare(
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'
             AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name LIMIT 50",
        )?
        .query_map([], |row| row.get(0))?
        .collect()
}

/// Columns that can be written (generated ones cannot), and the primary key in its order.
pub(super) fn columns(
    connection: &Connection,
    table: &str,
) -> rusqlite::Result<(Vec<Column>, Vec<String>)> {
    let mut primary: Vec<(i64, String)> = Vec::new();
    let mut columns = Vec::new();
    let mut statement = connection.prepare(
        "SELECT name, upper(type), \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo(?1)",
    )?;
    let mut rows = statement.query([table])?;
    while let Some(row) = rows.next()? {
        let (name, pk, hidden): (String, i64, i64) = (row.get(0)?, row.get(4)?, row.get(5)?);
        if pk > 0 {
            primary.push((pk, name.clone()));
        }
        if hidden != 0 {
            continue;
        }
        let declared: String = row.get(1)?;
        columns.push(Column {
            name,
            sort: sort(&declared),
            declared,
            length: None,
            not_null: row.get(2)?,
            default: row.get(3)?,
            unique: false,
            counted: false,
            primary: pk > 0,
        });
    }
    primary.sort();
    Ok((columns, primary.into_iter().map(|(_, name)| name).collect()))
}

/// What a column holds by its declared type, as SQLite derives the affinity.
fn sort(declared: &str) -> Sort {
    let has = |word: &str| declared.contains(word);
    if has("INT") {
        Sort::Integer
    } else if has("CHAR") || has("CLOB") || has("TEXT") {
        Sort::Text
    } else if has("BLOB") {
        Sort::Binary
    } else if ["REAL", "FLOA", "DOUB", "NUM", "DEC"]
        .iter()
        .any(|word| has(word))
    {
        Sort::Number
    } else {
        Sort::Text
    }
}

/// Columns with a unique index of their own.
fn unique_columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare(
            "SELECT max(info.name) FROM pragma_index_list(?1) AS list, pragma_index_info(list.name) AS info
             WHERE list.\"unique\" = 1 GROUP BY list.name HAVING count(*) = 1 AND max(info.name) IS NOT NULL",
        )?
        .query_map([table], |row| row.get(0))?
        .collect()
}

fn foreign(connection: &Connection, table: &str) -> rusqlite::Result<Vec<Foreign>> {
    let mut out: Vec<(i64, Foreign)> = Vec::new();
    let mut statement = connection.prepare(
        "SELECT id, \"table\", \"from\", \"to\" FROM pragma_foreign_key_list(?1) ORDER BY id, seq",
    )?;
    let mut rows = statement.query([table])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        if out.last().is_none_or(|(last, _)| *last != id) {
            let foreign = Foreign {
                table: row.get(1)?,
                ..Foreign::default()
            };
            out.push((id, foreign));
        }
        if let Some((_, foreign)) = out.last_mut() {
            foreign.columns.push(row.get(2)?);
            foreign.to.extend(row.get::<_, Option<String>>(3)?);
        }
    }
    Ok(out.into_iter().map(|(_, foreign)| foreign).collect())
}

/// Every reference to a table, from any table, itself included.
pub(super) fn children(connection: &Connection, table: &Table) -> rusqlite::Result<Vec<Child>> {
    let mut out: Vec<(String, i64, Child)> = Vec::new();
    let mut statement = connection.prepare(
        "SELECT list.name, key.id, key.\"from\", key.\"to\", key.seq
         FROM pragma_table_list AS list, pragma_foreign_key_list(list.name) AS key
         WHERE list.schema = 'main' AND list.type = 'table' AND key.\"table\" = ?1 COLLATE NOCASE
         ORDER BY list.name, key.id, key.seq",
    )?;
    let mut rows = statement.query(params![table.name])?;
    while let Some(row) = rows.next()? {
        let (name, id, from): (String, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (to, at): (Option<String>, u32) = (row.get(3)?, row.get(4)?);
        let to = to.or_else(|| table.primary.get(at as usize).cloned());
        let Some(to) = to else { continue };
        match out.last_mut() {
            Some((last, number, child)) if *last == name && *number == id => {
                child.columns.push(from);
                child.parent.push(to);
            }
            _ => out.push((
                name.clone(),
                id,
                Child {
                    table: name,
                    columns: vec![from],
                    parent: vec![to],
                },
            )),
        }
    }
    Ok(out.into_iter().map(|(_, _, child)| child).collect())
}

fn triggers(connection: &Connection, table: &str) -> rusqlite::Result<Vec<(String, Event)>> {
    connection
        .prepare(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE
             UNION ALL
             SELECT name, sql FROM sqlite_temp_schema WHERE type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE",
        )?
        .query_map([table], |row| {
            let sql: String = row.get(1)?;
            Ok((row.get(0)?, event(&sql)))
        })?
        .collect()
}

/// What a `CREATE TRIGGER` statement waits for. When in doubt, an insertion.
fn event(sql: &str) -> Event {
    let words = words(sql);
    let start = words
        .iter()
        .position(|word| word == "TRIGGER")
        .unwrap_or_default();
    words[start..]
        .iter()
        .find_map(|word| match word.as_str() {
            "INSERT" => Some(Event::Insert),
            "UPDATE" => Some(Event::Update),
            "DELETE" => Some(Event::Delete),
            _ => None,
        })
        .unwrap_or(Event::Insert)
}

/// Bare words of a statement, upper case; quoted names and comments are left out.
fn words(sql: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |at| at + 2),
            '"' | '\'' | '`' => rest[1..].find(first).map_or(rest.len(), |at| at + 2),
            '[' => rest.find(']').map_or(rest.len(), |at| at + 1),
            c if c.is_alphanumeric() || c == '_' => {
                let word = |c: char| c.is_alphanumeric() || c == '_';
                let length = rest.find(|c| !word(c)).unwrap_or(rest.len());
                out.push(rest[..length].to_uppercase());
                length
            }
            c => c.len_utf8(),
        };
        rest = &rest[length..];
    }
    out
}

/// Values a column is limited to by `CHECK (column IN (...))` in the table's statement.
pub(super) fn listed_values(sql: &str, column: &str) -> Vec<String> {
    let lower = sql.to_ascii_lowercase();
    let column = column.to_ascii_lowercase();
    for (at, _) in lower.match_indices(&column) {
        let rest = lower[at + column.len()..].trim_start_matches(['"', '`', ']', ' ', '\n', '\t']);
        let Some(list) = rest
            .strip_prefix("in")
            .map(str::trim_start)
            .and_then(|r| r.strip_prefix('('))
        else {
            continue;
        };
        let offset = lower.len() - list.len();
        let Some(original) = sql.get(offset..) else {
            continue;
        };
        let end = original.find(')').unwrap_or(original.len());
        return original[..end]
            .split(',')
            .map(|item| item.trim().trim_matches('\'').to_owned())
            .collect();
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trigger_events_are_read_past_names_and_comments() {
        for (sql, expect) in [
            (
                "CREATE TRIGGER \"insert\" AFTER DELETE ON t BEGIN SELECT 1; END",
                Event::Delete,
            ),
            (
                "CREATE TRIGGER a /* DELETE */ INSERT ON t BEGIN DELETE FROM x; END",
                Event::Insert,
            ),
            (
                "create temp trigger if not exists x after update of a on t begin select 1; end",
                Event::Update,
            ),
        ] {
            assert_eq!(event(sql), expect, "{sql}");
        }
    }

    #[test]
    fn lists_of_a_check() {
        let sql = "CREATE TABLE t (status TEXT NOT NULL CHECK (status IN ('active', 'pending')))";
        assert_eq!(listed_values(sql, "status"), ["active", "pending"]);
        assert!(listed_values(sql, "name").is_empty());
    }
}
