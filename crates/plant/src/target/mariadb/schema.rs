//! What a MariaDB or MySQL table is, from `information_schema`: types, auto-increment, keys, references,
//! triggers, and whether its engine can take a rehearsal back.

use super::{Connection, number};
use crate::table::address::Said;
use crate::table::session::{Child, Counter, Described, Raw, Session as _};
use crate::table::triggers::{Event, Trigger};
use crate::table::{Column, Foreign, Sort, Table, Value};

pub(super) fn text(raw: &Raw) -> String {
    let bytes = raw.as_deref().unwrap_or_default();
    String::from_utf8_lossy(bytes).into_owned()
}

pub(super) fn argument(text: &str) -> [Value; 1] {
    [Value::Text(text.to_owned())]
}

pub(super) fn tables(session: &mut Connection) -> Result<Vec<String>, Said> {
    let rows = session.rows(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = database()
         AND table_type = 'BASE TABLE' ORDER BY 1 LIMIT 50",
        &[],
    )?;
    Ok(rows.iter().map(|row| text(&row[0])).collect())
}

pub(super) fn describe(session: &mut Connection, table: &str) -> Result<Option<Described>, Said> {
    let found = session.rows(
        "SELECT table_name, table_type, engine, create_options FROM information_schema.tables
         WHERE table_schema = database() AND table_name = ?",
        &argument(table),
    )?;
    let Some(row) = found.first() else {
        return Ok(None);
    };
    let (name, sort, engine) = (text(&row[0]), text(&row[1]), text(&row[2]));
    let refusal = if sort != "BASE TABLE" {
        let what = "is no table, so no row can be planted in it";
        Some((what.to_owned(), "name an ordinary table".to_owned()))
    } else if engine.eq_ignore_ascii_case("innodb") {
        None
    } else {
        let what = format!("its engine {engine} cannot take back a rehearsal");
        Some((what, "choose a table of the engine InnoDB".to_owned()))
    };
    let mut notes = Vec::new();
    let logged = session.rows("SELECT CAST(@@log_bin AS CHAR)", &[])?;
    if number(&logged) == Some(1) {
        notes.push("this server writes a binary log: the row goes to its replicas too".to_owned());
    }
    if text(&row[3]).contains("partitioned") {
        notes.push(format!(
            "{name} is partitioned: the row goes where its values lead"
        ));
    }
    let (primary, uniques) = keys(session, &name)?;
    let checks = checks(session, &name)?;
    let mut columns = columns(session, &name)?;
    for column in &mut columns {
        column.unique = uniques.iter().any(|key| *key == [column.name.clone()]);
        column.primary = primary.contains(&column.name);
        let listed = listed(&checks, &column.name);
        if !listed.is_empty() {
            column.sort = Sort::Listed(listed);
        }
    }
    Ok(Some(Described {
        table: Table {
            columns,
            primary,
            foreign: foreign(session, &name)?,
            name: name.clone(),
            keys: several(uniques),
            ..Table::default()
        },
        triggers: triggers(session, &name)?,
        notes,
        refusal,
    }))
}

/// Columns that can be written; generated ones cannot.
fn columns(session: &mut Connection, table: &str) -> Result<Vec<Column>, Said> {
    let rows = session.rows(
        "SELECT column_name, column_type, data_type, CAST(character_maximum_length AS CHAR), is_nullable, column_default, extra
         FROM information_schema.columns WHERE table_schema = database() AND table_name = ?
         AND extra NOT LIKE '%GENERATED%' AND extra NOT LIKE '%VIRTUAL%' AND extra NOT LIKE '%PERSISTENT%' ORDER BY ordinal_position",
        &argument(table),
    )?;
    Ok(rows
        .iter()
        .map(|row| {
            let (declared, kind) = (text(&row[1]), text(&row[2]));
            let default = row[5].as_ref().map(|_| text(&row[5]));
            Column {
                name: text(&row[0]),
                sort: sort(&kind, &declared),
                declared,
                length: text(&row[3]).parse().ok().filter(|length| *length < 65_536),
                not_null: text(&row[4]) == "NO",
                default: default.filter(|default| default != "NULL"),
                unique: false,
                counted: text(&row[6]).contains("auto_increment"),
                primary: false,
            }
        })
        .collect())
}

fn sort(kind: &str, declared: &str) -> Sort {
    match kind {
        "enum" => Sort::Listed(quoted(declared)),
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" => Sort::Integer,
        "decimal" | "float" | "double" => Sort::Number,
        "date" | "datetime" | "timestamp" | "time" => Sort::Time,
        "year" => Sort::Integer,
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "uuid" => Sort::Text,
        "json" | "set" | "inet4" | "inet6" => Sort::Other,
        _ => Sort::Binary,
    }
}

/// Texts between quotes; a quote in one is doubled.
fn quoted(list: &str) -> Vec<String> {
    let parts = list.replace("''", "\u{1}");
    let texts = parts.split('\'').skip(1).step_by(2);
    texts.map(|text| text.replace('\u{1}', "'")).collect()
}

/// The table's checks; servers that list none have none to list.
fn checks(session: &mut Connection, table: &str) -> Result<Vec<String>, Said> {
    let rows = session
        .rows(
            "SELECT check_clause FROM information_schema.check_constraints
             WHERE constraint_schema = database() AND table_name = ?",
            &argument(table),
        )
        .unwrap_or_default();
    Ok(rows.iter().map(|row| text(&row[0])).collect())
}

/// Values that `column in ('a','b')` leaves.
fn listed(checks: &[String], column: &str) -> Vec<String> {
    let start = format!("`{column}` in (");
    let list = checks.iter().find_map(|check| check.split_once(&start));
    list.map_or_else(Vec::new, |(_, list)| {
        quoted(list.split_once(')').map_or(list, |(list, _)| list))
    })
}

/// Those of several columns.
fn several(uniques: Vec<Vec<String>>) -> Vec<Vec<String>> {
    let several = uniques.into_iter().filter(|key| key.len() > 1);
    several.collect()
}

/// The primary key, and everything that must be unique.
fn keys(session: &mut Connection, table: &str) -> Result<(Vec<String>, Vec<Vec<String>>), Said> {
    let rows = session.rows(
        "SELECT index_name, column_name FROM information_schema.statistics
         WHERE table_schema = database() AND table_name = ? AND non_unique = 0 ORDER BY index_name, seq_in_index",
        &argument(table),
    )?;
    let mut keys: Vec<(String, Vec<String>)> = Vec::new();
    for row in &rows {
        let (index, column) = (text(&row[0]), text(&row[1]));
        match keys.last_mut() {
            Some((last, columns)) if *last == index => columns.push(column),
            _ => keys.push((index, vec![column])),
        }
    }
    let primary = keys.iter().find(|(index, _)| index == "PRIMARY");
    let primary = primary.map_or_else(Vec::new, |(_, columns)| columns.clone());
    Ok((
        primary,
        keys.into_iter().map(|(_, columns)| columns).collect(),
    ))
}

fn foreign(session: &mut Connection, table: &str) -> Result<Vec<Foreign>, Said> {
    let rows = session.rows(
        "SELECT constraint_name, column_name, referenced_table_name, referenced_column_name FROM information_schema.key_column_usage
         WHERE table_schema = database() AND table_name = ? AND referenced_table_name IS NOT NULL ORDER BY constraint_name, ordinal_position",
        &argument(table),
    )?;
    let mut out: Vec<(String, Foreign)> = Vec::new();
    for row in &rows {
        let name = text(&row[0]);
        if out.last().is_none_or(|(last, _)| *last != name) {
            let foreign = Foreign {
                table: text(&row[2]),
                ..Foreign::default()
            };
            out.push((name, foreign));
        }
        if let Some((_, foreign)) = out.last_mut() {
            foreign.columns.push(text(&row[1]));
            foreign.to.push(text(&row[3]));
        }
    }
    Ok(out.into_iter().map(|(_, foreign)| foreign).collect())
}

pub(super) fn children(session: &mut Connection, table: &Table) -> Result<Vec<Child>, Said> {
    let rows = session.rows(
        "SELECT table_name, constraint_name, column_name, referenced_column_name FROM information_schema.key_column_usage
         WHERE table_schema = database() AND referenced_table_schema = database() AND referenced_table_name = ?
         ORDER BY table_name, constraint_name, ordinal_position",
        &argument(&table.name),
    )?;
    let mut out: Vec<(String, Child)> = Vec::new();
    for row in &rows {
        let name = format!("{}.{}", text(&row[0]), text(&row[1]));
        if out.last().is_none_or(|(last, _)| *last != name) {
            let child = Child {
                table: text(&row[0]),
                columns: Vec::new(),
                parent: Vec::new(),
            };
            out.push((name, child));
        }
        if let Some((_, child)) = out.last_mut() {
            child.columns.push(text(&row[2]));
            child.parent.push(text(&row[3]));
        }
    }
    Ok(out.into_iter().map(|(_, child)| child).collect())
}

fn triggers(session: &mut Connection, table: &str) -> Result<Vec<Trigger>, Said> {
    let rows = session.rows(
        "SELECT trigger_name, event_manipulation, action_statement FROM information_schema.triggers
         WHERE event_object_schema = database() AND event_object_table = ? ORDER BY trigger_name",
        &argument(table),
    )?;
    let event = |word: &str| match word {
        "INSERT" => Some(Event::Insert),
        "DELETE" => Some(Event::Delete),
        _ => None,
    };
    Ok(rows
        .iter()
        .filter_map(|row| {
            Some(Trigger {
                name: text(&row[0]),
                event: event(&text(&row[1]))?,
                language: "sql".to_owned(),
                body: text(&row[2]),
            })
        })
        .collect())
}

pub(super) fn counters(session: &mut Connection, table: &Table) -> Result<Vec<Counter>, Said> {
    if !table.columns.iter().any(|column| column.counted) {
        return Ok(Vec::new());
    }
    Ok(counter(session, &table.name)?.into_iter().collect())
}

/// The number the next row would get.
pub(super) fn counter(session: &mut Connection, table: &str) -> Result<Option<Counter>, Said> {
    let rows = session.rows(
        "SELECT CAST(auto_increment AS CHAR) FROM information_schema.tables
         WHERE table_schema = database() AND table_name = ?",
        &argument(table),
    )?;
    Ok(number(&rows).map(|value| Counter {
        name: table.to_owned(),
        value,
        called: false,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_an_enum_and_of_a_check() {
        assert_eq!(quoted("enum('G','it''s')"), ["G", "it's"]);
        let checks = ["`state` in ('new','old')".to_owned()];
        assert_eq!(listed(&checks, "state"), ["new", "old"]);
        assert!(listed(&checks, "other").is_empty());
    }
}
