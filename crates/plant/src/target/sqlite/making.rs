//! Tables and views of ours in SQLite. A table is written anew from what the schema says of the one it takes
//! after, without references: with those it would hold the owner's rows.

use rusqlite::Connection;

use super::schema::{self, quote};
use crate::table::Table;
use crate::table::dialect::Dialect;
use crate::table::making::{Making, View};

const SQL: Dialect = Dialect::Sqlite;

/// An empty table like another.
pub(super) fn table_like(
    connection: &Connection,
    name: &str,
    like: &Table,
) -> rusqlite::Result<Making> {
    let written = schema::statement(connection, &like.name)?;
    let plain = |name: &str| {
        // As the other table writes it: in quotes where it has to be.
        let quoted = ["\"", "`", "["]
            .iter()
            .any(|mark| written.contains(&format!("{mark}{name}")));
        if quoted
            || !name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            quote(name)
        } else {
            name.to_owned()
        }
    };
    let words = schema::words(&written);
    let has = |word: &str| words.iter().any(|found| found == word);
    let mut parts = Vec::new();
    for (column, declared) in schema::declarations(connection, &like.name)? {
        let known = like.column(&column);
        let mut part = format!("{} {declared}", plain(&column))
            .trim_end()
            .to_owned();
        if like.primary.len() == 1 && like.primary[0] == column {
            part.push_str(" PRIMARY KEY");
            if has("AUTOINCREMENT") {
                part.push_str(" AUTOINCREMENT");
            }
        }
        if known.is_some_and(|known| known.not_null) {
            part.push_str(" NOT NULL");
        }
        if known.is_some_and(|known| known.unique && !known.primary) {
            part.push_str(" UNIQUE");
        }
        if let Some(default) = known.and_then(|known| known.default.as_ref()) {
            part.push_str(&format!(" DEFAULT {}", bracketed(default)));
        }
        parts.push(part);
    }
    if like.primary.len() > 1 {
        let names: Vec<String> = like.primary.iter().map(|name| plain(name)).collect();
        parts.push(format!("PRIMARY KEY ({})", names.join(", ")));
    }
    let mut options = Vec::new();
    if has("STRICT") {
        options.push("STRICT");
    }
    if schema::without_rowid(connection, &like.name)? {
        options.push("WITHOUT ROWID");
    }
    let options = options.join(", ");
    let create = format!(
        "CREATE TABLE {} (\n  {}\n) {options}",
        plain(name),
        parts.join(",\n  ")
    );
    Ok(Making {
        create: vec![create.trim_end().to_owned()],
        remove: vec![format!("DROP TABLE {}", quote(name))],
        secret: None,
        notes: Vec::new(),
    })
}

/// A default as a definition takes it: anything but a number, a text or a word in brackets.
fn bracketed(default: &str) -> String {
    let simple = default
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"_+-.".contains(&byte));
    let inner = default
        .strip_prefix('\'')
        .and_then(|rest| rest.strip_suffix('\''));
    let text = inner.is_some_and(|inner| !inner.replace("''", "").contains('\''));
    if simple || text || default.starts_with('(') {
        default.to_owned()
    } else {
        format!("({default})")
    }
}

/// A view of one row. Nothing tells who reads it.
pub(super) fn view(view: &View<'_>) -> Making {
    let values: Vec<String> = view
        .row
        .iter()
        .map(|(column, value)| format!("{} AS {}", SQL.literal(value), quote(&column.name)))
        .collect();
    let name = quote(view.name);
    Making {
        create: vec![format!(
            "CREATE VIEW {name} AS SELECT {}",
            values.join(", ")
        )],
        remove: vec![format!("DROP VIEW {name}")],
        secret: None,
        notes: Vec::new(),
    }
}
