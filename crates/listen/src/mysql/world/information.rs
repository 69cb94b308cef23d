//! `information_schema`.

use super::{Mysql, text};
use crate::sql::{Table, Type, Value};

/// Tables of `information_schema` that are there and have nothing in them for this account.
const EMPTY: &[&str] = &[
    "routines",
    "triggers",
    "views",
    "events",
    "partitions",
    "files",
    "parameters",
    "referential_constraints",
    "schema_privileges",
    "table_privileges",
    "column_privileges",
    "plugins",
    "tablespaces",
    "optimizer_trace",
    "check_constraints",
    "applicable_roles",
    "enabled_roles",
    "user_attributes",
    "innodb_trx",
    "profiling",
];

impl Mysql {
    pub(super) fn information(&self, name: &str) -> Option<Table> {
        let table = match name {
            "schemata" => {
                let row = |name: String| {
                    vec![
                        text("def"),
                        text(name),
                        text("utf8mb4"),
                        text(self.collation()),
                        Value::Null,
                    ]
                };
                let columns = "CATALOG_NAME SCHEMA_NAME DEFAULT_CHARACTER_SET_NAME DEFAULT_COLLATION_NAME SQL_PATH";
                Table::system(
                    "SCHEMATA",
                    columns,
                    self.databases().into_iter().map(row).collect(),
                )
            }
            "tables" => self.table_list(),
            "columns" => self.column_list(),
            "statistics" | "key_column_usage" | "table_constraints" => self.key_list(name),
            "user_privileges" => {
                let grantee = text(format!("'{}'@'%'", self.user));
                Table::system(
                    "USER_PRIVILEGES",
                    "GRANTEE TABLE_CATALOG PRIVILEGE_TYPE IS_GRANTABLE",
                    vec![vec![grantee, text("def"), text("USAGE"), text("NO")]],
                )
            }
            "engines" => Table::system(
                "ENGINES",
                "ENGINE SUPPORT COMMENT TRANSACTIONS XA SAVEPOINTS",
                vec![vec![
                    text("InnoDB"),
                    text("DEFAULT"),
                    text("Supports transactions, row-level locking, and foreign keys"),
                    text("YES"),
                    text("YES"),
                    text("YES"),
                ]],
            ),
            "processlist" => {
                let row = vec![
                    Value::Int(self.thread.into()),
                    text(&self.user),
                    text(&self.host),
                    self.database.clone().map_or(Value::Null, text),
                    text("Query"),
                    Value::Int(0),
                    text(""),
                ];
                Table::system(
                    "PROCESSLIST",
                    "ID:big USER HOST DB COMMAND TIME:int STATE",
                    vec![row],
                )
            }
            "global_variables" | "session_variables" => {
                let rows = self
                    .variables
                    .iter()
                    .map(|(name, value)| vec![text(name.to_uppercase()), text(value)]);
                Table::system(name, "VARIABLE_NAME VARIABLE_VALUE", rows.collect())
            }
            name if EMPTY.contains(&name) => Table::system(name, "", Vec::new()),
            _ => return None,
        };
        Some(table)
    }

    fn table_list(&self) -> Table {
        let own = self.own.name.as_str();
        let row = |table: &Table| {
            let bytes = 16_384 * (1 + table.rows.len() as i64 / 90);
            vec![
                text("def"),
                text(own),
                text(&table.name),
                text("BASE TABLE"),
                text("InnoDB"),
                Value::Int(10),
                text("Dynamic"),
                Value::count(table.rows.len()),
                Value::Int(bytes),
                Value::Int(Self::next_id(table)),
                text(self.collation()),
                text(""),
            ]
        };
        let columns = "TABLE_CATALOG TABLE_SCHEMA TABLE_NAME TABLE_TYPE ENGINE VERSION:big ROW_FORMAT TABLE_ROWS:big \
                               DATA_LENGTH:big AUTO_INCREMENT:big TABLE_COLLATION TABLE_COMMENT";
        Table::system("TABLES", columns, self.own.tables.iter().map(row).collect())
    }

    pub(super) fn column_list(&self) -> Table {
        let mut rows = Vec::new();
        for table in &self.own.tables {
            for (number, column) in (1i64..).zip(&table.columns) {
                let full = self.column_type(column);
                let data = full.split('(').next().unwrap_or_default().to_owned();
                let most = match column.kind {
                    Type::Text(Some(most)) => Value::Int(most.into()),
                    _ => Value::Null,
                };
                rows.push(vec![
                    text("def"),
                    text(&self.own.name),
                    text(&table.name),
                    text(&column.name),
                    Value::Int(number),
                    Value::Null,
                    text(if column.nullable { "YES" } else { "NO" }),
                    text(data),
                    most,
                    text(full),
                    text(Self::key_of(column)),
                    text(if column.key { "auto_increment" } else { "" }),
                    text("select,insert,update,references"),
                    text(""),
                ]);
            }
        }
        let columns = "TABLE_CATALOG TABLE_SCHEMA TABLE_NAME COLUMN_NAME ORDINAL_POSITION:big COLUMN_DEFAULT IS_NULLABLE \
                       DATA_TYPE CHARACTER_MAXIMUM_LENGTH:big COLUMN_TYPE COLUMN_KEY EXTRA PRIVILEGES COLUMN_COMMENT";
        Table::system("COLUMNS", columns, rows)
    }

    pub(super) fn key_list(&self, name: &str) -> Table {
        let mut rows = Vec::new();
        for table in &self.own.tables {
            for column in table
                .columns
                .iter()
                .filter(|column| column.key || column.unique)
            {
                let (index, kind) = if column.key {
                    ("PRIMARY", "PRIMARY KEY")
                } else {
                    (column.name.as_str(), "UNIQUE")
                };
                rows.push(vec![
                    text("def"),
                    text(&self.own.name),
                    text(&table.name),
                    Value::Int(0),
                    text(&self.own.name),
                    text(index),
                    text(index),
                    Value::Int(1),
                    Value::Int(1),
                    text(&column.name),
                    text(kind),
                    text("BTREE"),
                    Value::count(table.rows.len()),
                ]);
            }
        }
        let columns = "TABLE_CATALOG TABLE_SCHEMA TABLE_NAME NON_UNIQUE:big CONSTRAINT_SCHEMA INDEX_NAME CONSTRAINT_NAME \
                       SEQ_IN_INDEX:big ORDINAL_POSITION:big COLUMN_NAME CONSTRAINT_TYPE INDEX_TYPE CARDINALITY:big";
        Table::system(name, columns, rows)
    }
}
