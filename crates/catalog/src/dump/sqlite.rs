//! A table as `.dump` of SQLite's shell writes it: the statement that made it as the application wrote
//! it, then a statement a row.

use std::fmt::Write as _;

use super::{Cell, Sort, Table};
use crate::dice::Dice;

/// How the application wrote its table.
#[derive(Debug)]
pub(super) struct Program {
    /// `"users"`, as mappers write it, or `users`.
    quoted: bool,
    /// `varchar(190)` and `datetime`, or SQLite's own words.
    foreign: bool,
    counted: bool,
    lines: bool,
}

impl Program {
    pub(super) fn draw(dice: &mut Dice<'_>) -> Self {
        Self {
            quoted: dice.below(2) == 0,
            foreign: dice.below(2) == 0,
            counted: dice.below(3) > 0,
            lines: dice.below(2) == 0,
        }
    }

    pub(super) fn head(&self, table: &Table) -> String {
        let columns: Vec<String> = table
            .columns
            .iter()
            .map(|column| {
                let rest = match column {
                    column if column.sort == Sort::Serial => {
                        return format!("{} {}", self.name(&column.name), self.key());
                    }
                    column if column.unique => " NOT NULL",
                    _ => "",
                };
                format!(
                    "{} {}{rest}",
                    self.name(&column.name),
                    self.sort(column.sort)
                )
            })
            .collect();
        let (begin, between, end) = if self.lines {
            ("\n    ", ",\n    ", "\n")
        } else {
            ("", ", ", "")
        };
        format!(
            "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE {} ({begin}{}{end});\n",
            self.table_name(&table.name),
            columns.join(between)
        )
    }

    fn key(&self) -> &'static str {
        match (self.counted, self.foreign) {
            (true, true) => "integer primary key autoincrement not null",
            (true, false) => "INTEGER PRIMARY KEY AUTOINCREMENT",
            (false, true) => "integer primary key not null",
            (false, false) => "INTEGER PRIMARY KEY",
        }
    }

    fn sort(&self, sort: Sort) -> String {
        match (sort, self.foreign) {
            (Sort::Text(Some(most)), true) => format!("varchar({most})"),
            (Sort::Text(None), true) => "text".to_owned(),
            // Money is counted in cents: SQLite has no decimal numbers.
            (Sort::Serial | Sort::Integer | Sort::Amount, true) => "integer".to_owned(),
            (Sort::Boolean, true) => "bool".to_owned(),
            (Sort::Date, true) => "date".to_owned(),
            (Sort::Timestamp, true) => "datetime".to_owned(),
            (Sort::Text(_) | Sort::Date | Sort::Timestamp, false) => "TEXT".to_owned(),
            (Sort::Serial | Sort::Integer | Sort::Amount | Sort::Boolean, false) => {
                "INTEGER".to_owned()
            }
        }
    }

    fn name(&self, name: &str) -> String {
        if self.quoted || !is_plain(name) {
            format!("\"{}\"", name.replace('"', "\"\""))
        } else {
            name.to_owned()
        }
    }

    fn table_name(&self, name: &str) -> String {
        self.name(name)
    }

    pub(super) fn row(&self, table: &Table, cells: &[Cell]) -> String {
        // The shell quotes a table's name only where it has to.
        let name = if is_plain(&table.name) {
            table.name.clone()
        } else {
            format!("\"{}\"", table.name.replace('"', "\"\""))
        };
        let mut out = format!("INSERT INTO {name} VALUES(");
        for (at, cell) in cells.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            match cell {
                Cell::Null => out.push_str("NULL"),
                Cell::Number(number) => out.push_str(&number.replace('.', "")),
                Cell::Truth(truth) => out.push(if *truth { '1' } else { '0' }),
                Cell::Moment(text) | Cell::Text(text) => {
                    let _ = write!(out, "'{}'", text.replace('\'', "''"));
                }
            }
        }
        out.push_str(");\n");
        out
    }

    pub(super) fn tail(&self, table: &Table, last: u64) -> String {
        let mut out = String::new();
        if self.counted && table.key().is_some() {
            let _ = write!(
                out,
                "DELETE FROM sqlite_sequence;\nINSERT INTO sqlite_sequence VALUES('{}',{last});\n",
                table.name.replace('\'', "''")
            );
        }
        for column in table.unique_columns() {
            let _ = writeln!(
                out,
                "CREATE UNIQUE INDEX {} ON {} ({});",
                self.name(&format!("ix_{}_{}", table.name, column.name)),
                self.table_name(&table.name),
                self.name(&column.name)
            );
        }
        out.push_str("COMMIT;\n");
        out
    }
}

fn is_plain(name: &str) -> bool {
    const WORDS: [&str; 6] = ["user", "order", "table", "group", "index", "references"];
    name.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && !WORDS.contains(&name)
}
