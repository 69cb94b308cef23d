//! Standard SQL's tables of tables: `information_schema`.

use super::{Catalog, EMPTY, int, text};
use crate::postgres::encode::type_of;
use crate::postgres::fault::type_name;
use crate::sql::{Table, Type, Value};

impl Catalog<'_> {
    /// Standard SQL's tables of tables.
    pub(super) fn information(&self, name: &str) -> Option<Table> {
        let database = self.database;
        let table = match name {
            "tables" => self.list(
                "tables",
                "table_catalog table_schema table_name table_type is_insertable_into",
                |table| {
                    vec![
                        text(database),
                        text("public"),
                        text(&table.name),
                        text("BASE TABLE"),
                        text("YES"),
                    ]
                },
            ),
            "schemata" => {
                let row = |name: &str, owner: &str| vec![text(database), text(name), text(owner)];
                let rows = vec![
                    row("public", "pg_database_owner"),
                    row("information_schema", "postgres"),
                    row("pg_catalog", "postgres"),
                ];
                Table::system("schemata", "catalog_name schema_name schema_owner", rows)
            }
            "columns" => self.column_list(),
            "table_constraints" | "key_column_usage" => {
                let rows = self.indexed().into_iter().map(|(index, column, at)| {
                    let kind = if column.key { "PRIMARY KEY" } else { "UNIQUE" };
                    vec![
                        text(database),
                        text("public"),
                        text(&index.name),
                        text("public"),
                        text(&index.table.name),
                        text(kind),
                        text(&column.name),
                        int(at.min(1)),
                    ]
                });
                let columns = "constraint_catalog constraint_schema constraint_name table_schema table_name constraint_type \
                               column_name ordinal_position:int";
                Table::system(name, columns, rows.collect())
            }
            name if EMPTY.contains(&name) && !name.starts_with("pg_") => {
                Table::system(name, "", Vec::new())
            }
            _ => return None,
        };
        Some(table)
    }

    pub(super) fn column_list(&self) -> Table {
        let mut rows = Vec::new();
        for table in self.tables {
            for (number, column) in (1i64..).zip(&table.columns) {
                let (precision, scale) = match column.kind {
                    Type::Int => (int(32), int(0)),
                    Type::Amount => (int(12), int(2)),
                    _ => (Value::Null, Value::Null),
                };
                let most = match column.kind {
                    Type::Text(Some(most)) => int(most.into()),
                    _ => Value::Null,
                };
                let short = Self::types()
                    .rows
                    .into_iter()
                    .find(|row| row[0] == int(type_of(column.kind).0.into()));
                rows.push(vec![
                    text(self.database),
                    text("public"),
                    text(&table.name),
                    text(&column.name),
                    int(number),
                    self.default_of(table, column),
                    text(if column.nullable { "YES" } else { "NO" }),
                    text(&type_name(column.kind)),
                    most,
                    precision,
                    scale,
                    short.map_or(Value::Null, |row| row[1].clone()),
                ]);
            }
        }
        let columns = "table_catalog table_schema table_name column_name ordinal_position:int column_default is_nullable \
                       data_type character_maximum_length:int numeric_precision:int numeric_scale:int udt_name";
        Table::system("columns", columns, rows)
    }
}
