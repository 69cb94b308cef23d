//! What `SHOW` says of one table, and the errors in the server's words.

use super::{bare, matches, table, text};
use crate::mysql::Fault;
use crate::mysql::world::Mysql;
use crate::sql::{Answer, Column, Table, Type, Value};

impl Mysql {
    pub(super) fn columns(&self, found: &Table, full: bool, pattern: Option<&String>) -> Answer {
        let row = |column: &Column| {
            let mut row = vec![
                text(&column.name),
                text(self.column_type(column)),
                text(if column.nullable { "YES" } else { "NO" }),
                text(Self::key_of(column)),
                Value::Null,
                text(if column.key { "auto_increment" } else { "" }),
            ];
            if full {
                let collation =
                    matches!(column.kind, Type::Text(_)).then(|| text(self.collation()));
                row.insert(2, collation.unwrap_or(Value::Null));
                row.extend([text("select,insert,update,references"), text("")]);
            }
            row
        };
        let names: &[&str] = if full {
            &[
                "Field",
                "Type",
                "Collation",
                "Null",
                "Key",
                "Default",
                "Extra",
                "Privileges",
                "Comment",
            ]
        } else {
            &["Field", "Type", "Null", "Key", "Default", "Extra"]
        };
        let columns = found
            .columns
            .iter()
            .filter(|column| matches(pattern, &column.name));
        table(names, columns.map(row).collect())
    }

    /// `CREATE TABLE ..` as the server writes it.
    pub(super) fn create(&self, table: &Table) -> String {
        let mut lines: Vec<String> = Vec::new();
        for column in &table.columns {
            let rest = match (column.key, column.nullable) {
                (true, _) => " NOT NULL AUTO_INCREMENT",
                (_, false) => " NOT NULL",
                _ => " DEFAULT NULL",
            };
            lines.push(format!(
                "  `{}` {}{rest}",
                column.name,
                self.column_type(column)
            ));
        }
        for column in &table.columns {
            if column.key {
                lines.push(format!("  PRIMARY KEY (`{}`)", column.name));
            } else if column.unique {
                lines.push(format!("  UNIQUE KEY `{0}` (`{0}`)", column.name));
            }
        }
        format!(
            "CREATE TABLE `{}` (\n{}\n) ENGINE=InnoDB AUTO_INCREMENT={} DEFAULT CHARSET=utf8mb4 COLLATE={}",
            table.name,
            lines.join(",\n"),
            Self::next_id(table),
            self.collation()
        )
    }

    pub(super) fn table_status(&self, pattern: Option<&String>) -> Answer {
        let row = |table: &Table| {
            let rows = table.rows.len();
            let bytes = 16_384 * (1 + rows / 90);
            vec![
                text(&table.name),
                text("InnoDB"),
                text("10"),
                text("Dynamic"),
                Value::count(rows),
                Value::count(bytes / rows.max(1)),
                Value::count(bytes),
                Value::Int(0),
                Value::Int(0),
                Value::Int(0),
                Value::Int(Self::next_id(table)),
                Value::Null,
                Value::Null,
                Value::Null,
                text(self.collation()),
                Value::Null,
                text(""),
                text(""),
            ]
        };
        let names = [
            "Name",
            "Engine",
            "Version",
            "Row_format",
            "Rows",
            "Avg_row_length",
            "Data_length",
            "Max_data_length",
            "Index_length",
            "Data_free",
            "Auto_increment",
            "Create_time",
            "Update_time",
            "Check_time",
            "Collation",
            "Checksum",
            "Create_options",
            "Comment",
        ];
        table(
            &names,
            self.here()
                .iter()
                .filter(|table| matches(pattern, &table.name))
                .map(row)
                .collect(),
        )
    }

    pub(super) fn grants(&self) -> Answer {
        let (user, own) = (&self.user, &self.own.name);
        let title = format!("Grants for {user}@%");
        let rows = [
            format!("GRANT USAGE ON *.* TO `{user}`@`%`"),
            format!("GRANT ALL PRIVILEGES ON `{own}`.* TO `{user}`@`%`"),
        ];
        table(
            &[&title],
            rows.into_iter().map(|row| vec![text(row)]).collect(),
        )
    }

    /// The plan of a scan of the first table that is named.
    pub(super) fn plan(&self, words: &[String]) -> Answer {
        let scanned = words.iter().find_map(|word| {
            self.here()
                .iter()
                .find(|table| table.name.eq_ignore_ascii_case(&bare(word)))
        });
        let rows = scanned.map_or(Value::Null, |table| Value::count(table.rows.len()));
        let name = scanned.map_or(Value::Null, |table| text(&table.name));
        let row = vec![
            text("1"),
            text("SIMPLE"),
            name,
            text("ALL"),
            Value::Null,
            Value::Null,
            Value::Null,
            Value::Null,
            rows,
            text(""),
        ];
        table(
            &[
                "id",
                "select_type",
                "table",
                "type",
                "possible_keys",
                "key",
                "key_len",
                "ref",
                "rows",
                "Extra",
            ],
            vec![row],
        )
    }

    pub(in crate::mysql) fn no_table(&self, database: &str, name: &str) -> Fault {
        Fault(
            1146,
            "42S02",
            format!("Table '{database}.{name}' doesn't exist"),
        )
    }

    /// A database that is not there and one that is not for this account are the same to it.
    pub(in crate::mysql) fn no_database(&self, name: &str) -> Fault {
        Fault(
            1044,
            "42000",
            format!(
                "Access denied for user '{}'@'%' to database '{name}'",
                self.user
            ),
        )
    }

    pub(in crate::mysql) fn wrong_syntax(&self, near: &str, line: usize) -> Fault {
        let server = if self.mariadb() { "MariaDB" } else { "MySQL" };
        let near: String = near.chars().take(80).collect();
        Fault(
            1064,
            "42000",
            format!(
                "You have an error in your SQL syntax; check the manual that corresponds to your {server} server version for \
                 the right syntax to use near '{near}' at line {line}"
            ),
        )
    }
}

pub(super) fn indexes(found: &Table) -> Answer {
    let row = |column: &Column| {
        let name = if column.key { "PRIMARY" } else { &column.name };
        vec![
            text(&found.name),
            Value::Int(0),
            text(name),
            Value::Int(1),
            text(&column.name),
            text("A"),
            Value::count(found.rows.len()),
            Value::Null,
            Value::Null,
            text(""),
            text("BTREE"),
            text(""),
            text(""),
        ]
    };
    let names = [
        "Table",
        "Non_unique",
        "Key_name",
        "Seq_in_index",
        "Column_name",
        "Collation",
        "Cardinality",
        "Sub_part",
        "Packed",
        "Null",
        "Index_type",
        "Comment",
        "Index_comment",
    ];
    table(
        &names,
        found
            .columns
            .iter()
            .filter(|column| column.key || column.unique)
            .map(row)
            .collect(),
    )
}
