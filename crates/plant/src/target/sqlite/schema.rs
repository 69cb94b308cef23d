//! What a table is: columns, keys, references, triggers, all read from the database itself.

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::table::dialect::Dialect;
use crate::table::session::{Child, Counter, Described};
use crate::table::triggers::{Event, Trigger};
use crate::table::{Column, Foreign, Sort, Table};

/// Reads a table; `None` if there is none of that name.
pub(super) fn describe(
    connection: &Connection,
    table: &str,
) -> rusqlite::Result<Option<Described>> {
    let found: Option<(String, String, bool)> = connection
        .query_row(
            "SELECT name, type, wr FROM pragma_table_list
             WHERE schema = 'main' AND name = ?1 COLLATE NOCASE",
            [table],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .optional()?;
    let Some((name, kind, without_rowid)) = found else {
        return Ok(None);
    };
    let system = name.to_lowercase().starts_with("sqlite_");
    if kind != "table" || system {
        let what =
            format!("is a {kind} of SQLite's or of other tables, where no row can be planted");
        return Ok(Some(Described {
            table: Table {
                name,
                ..Table::default()
            },
            triggers: Vec::new(),
            notes: Vec::new(),
            refusal: Some((what, "name an ordinary table".to_owned())),
        }));
    }
    let sql = statement(connection, &name)?;
    let (mut columns, primary) = columns(connection, &name)?;
    let unique = unique_columns(connection, &name)?;
    for column in &mut columns {
        column.unique = unique.contains(&column.name) || (column.primary && primary.len() == 1);
        // Only this spelling makes a column another name of the row's number.
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
    Ok(Some(Described {
        triggers: triggers(connection, &name)?,
        table: Table {
            columns,
            primary,
            foreign: foreign(connection, &name)?,
            keys: keys(connection, &name)?,
            name,
            ..Table::default()
        },
        notes: Vec::new(),
        refusal: None,
    }))
}

/// The statement that made a table.
pub(super) fn statement(connection: &Connection, table: &str) -> rusqlite::Result<String> {
    connection.query_row(
        "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?1",
        [table],
        |row| row.get(0),
    )
}

/// Columns that can be written, and their types in the letters they were written in.
pub(super) fn declarations(
    connection: &Connection,
    table: &str,
) -> rusqlite::Result<Vec<(String, String)>> {
    connection
        .prepare("SELECT name, type FROM pragma_table_xinfo(?1) WHERE hidden = 0 ORDER BY cid")?
        .query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// Whether a table's rows have no number of their own.
pub(super) fn without_rowid(connection: &Connection, table: &str) -> rusqlite::Result<bool> {
    connection.query_row(
        "SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = ?1",
        [table],
        |row| row.get(0),
    )
}

/// A name as SQL writes it.
pub(super) fn quote(name: &str) -> String {
    Dialect::Sqlite.quote(name)
}

/// How far a table with AUTOINCREMENT has counted; others count by what is in them.
pub(super) fn counters(connection: &Connection, table: &Table) -> rusqlite::Result<Vec<Counter>> {
    let counts = words(&statement(connection, &table.name)?).contains(&"AUTOINCREMENT".to_owned());
    if !counts {
        return Ok(Vec::new());
    }
    let counted: Option<i64> = connection
        .query_row(
            "SELECT seq FROM sqlite_sequence WHERE name = ?1",
            [&table.name],
            |row| row.get(0),
        )
        .optional()?;
    Ok(vec![Counter {
        name: table.name.clone(),
        value: counted.unwrap_or_default(),
        called: counted.is_some(),
    }])
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

/// Columns that must be unique together; an index of some rows or of expressions says nothing of that.
fn keys(connection: &Connection, table: &str) -> rusqlite::Result<Vec<Vec<String>>> {
    let mut statement = connection.prepare(
        "SELECT list.name, info.name FROM pragma_index_list(?1) AS list, pragma_index_info(list.name) AS info
         WHERE list.\"unique\" = 1 AND list.partial = 0 ORDER BY list.seq, info.seqno",
    )?;
    let mut rows = statement.query([table])?;
    let mut keys: Vec<(String, Vec<Option<String>>)> = Vec::new();
    while let Some(row) = rows.next()? {
        let (index, column): (String, Option<String>) = (row.get(0)?, row.get(1)?);
        match keys.last_mut() {
            Some((last, columns)) if *last == index => columns.push(column),
            _ => keys.push((index, vec![column])),
        }
    }
    let keys = keys.into_iter().filter(|(_, columns)| columns.len() > 1);
    Ok(keys
        .filter_map(|(_, columns)| columns.into_iter().collect())
        .collect())
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

fn triggers(connection: &Connection, table: &str) -> rusqlite::Result<Vec<Trigger>> {
    let mut statement = connection.prepare(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE",
    )?;
    let found = statement.query_map([table], |row| {
        let (name, sql): (String, String) = (row.get(0)?, row.get(1)?);
        Ok(event(&sql).map(|event| Trigger {
            name,
            event,
            language: "sql".to_owned(),
            body: body(&sql).to_owned(),
        }))
    })?;
    found.filter_map(Result::transpose).collect()
}

/// What a `CREATE TRIGGER` statement waits for; `None` for an update. When in doubt, an insertion.
fn event(sql: &str) -> Option<Event> {
    let words = words(sql);
    let start = words.iter().position(|word| word == "TRIGGER");
    let mut rest = words[start.unwrap_or_default()..].iter();
    rest.find_map(|word| match word.as_str() {
        "INSERT" => Some(Some(Event::Insert)),
        "UPDATE" => Some(None),
        "DELETE" => Some(Some(Event::Delete)),
        _ => None,
    })
    .unwrap_or(Some(Event::Insert))
}

/// What it runs: all behind its event and its BEGIN, or everything if there is no telling.
fn body(sql: &str) -> &str {
    let lower = sql.to_ascii_lowercase();
    let mut begins = lower.match_indices("begin").filter(|(at, word)| {
        let edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '_');
        let after = lower[at + word.len()..].chars().next();
        edge(lower[..*at].chars().next_back()) && edge(after)
    });
    match (begins.next(), begins.next()) {
        (Some((at, word)), None) => &sql[at + word.len()..],
        _ => sql,
    }
}

/// Bare words of a statement, upper case; quoted names and comments are left out.
pub(super) fn words(sql: &str) -> Vec<String> {
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
                Some(Event::Delete),
            ),
            (
                "CREATE TRIGGER a /* DELETE */ INSERT ON t BEGIN DELETE FROM x; END",
                Some(Event::Insert),
            ),
            (
                "create temp trigger if not exists x after update of a on t begin select 1; end",
                None,
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
