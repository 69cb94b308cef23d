//! Defaults, indexes and constraints of the tables.

use super::{Catalog, PUBLIC, Relation, int, text, truth};
use crate::sql::{Column, Table, Value};

impl<'a> Catalog<'a> {
    pub(super) fn keys(&self) -> Vec<(Relation<'a>, i64)> {
        let relations = self
            .relations()
            .into_iter()
            .filter(|relation| relation.kind == 'r');
        relations
            .filter_map(|relation| {
                let at = relation
                    .table
                    .columns
                    .iter()
                    .position(|column| column.key)?;
                Some((relation, at as i64 + 1))
            })
            .collect()
    }

    pub(super) fn default_of(&self, table: &Table, column: &Column) -> Value {
        if column.key {
            text(&format!(
                "nextval('{}_{}_seq'::regclass)",
                table.name, column.name
            ))
        } else {
            Value::Null
        }
    }

    pub(super) fn defaults(&self) -> Table {
        let rows = self.keys().into_iter().map(|(relation, at)| {
            let column = &relation.table.columns[at as usize - 1];
            vec![
                int(relation.oid + 2),
                int(relation.oid),
                int(at),
                self.default_of(relation.table, column),
            ]
        });
        Table::system(
            "pg_attrdef",
            "oid:oid adrelid:oid adnum:int adbin",
            rows.collect(),
        )
    }

    pub(super) fn indexed(&self) -> Vec<(Relation<'a>, &'a Column, i64)> {
        let indexes = self
            .relations()
            .into_iter()
            .filter(|relation| relation.kind == 'i');
        indexes
            .filter_map(|index| {
                let primary = index.name.ends_with("_pkey");
                let columns = &index.table.columns;
                let at = columns
                    .iter()
                    .position(|column| if primary { column.key } else { column.unique })?;
                Some((index, &columns[at], at as i64 + 1))
            })
            .collect()
    }

    pub(super) fn indexes(&self) -> Table {
        let columns = "indexrelid:oid indrelid:oid indnatts:int indnkeyatts:int indisunique:bool indisprimary:bool \
                       indisclustered:bool indisvalid:bool indisreplident:bool indisexclusion:bool indimmediate:bool indkey";
        let rows = self.indexed().into_iter().map(|(index, column, at)| {
            vec![
                int(index.oid),
                int(index.table_oid),
                int(1),
                int(1),
                truth(true),
                truth(column.key),
                truth(false),
                truth(true),
                truth(false),
                truth(false),
                truth(true),
                text(&at.to_string()),
            ]
        });
        Table::system("pg_index", columns, rows.collect())
    }

    /// `CREATE UNIQUE INDEX ..`.
    pub(in crate::postgres) fn index_text(&self, oid: i64, whole: bool) -> Option<String> {
        let (index, column, _) = self
            .indexed()
            .into_iter()
            .find(|(index, ..)| index.oid == oid)?;
        let schema = if whole { "public." } else { "" };
        let (name, table) = (&index.name, &index.table.name);
        Some(format!(
            "CREATE UNIQUE INDEX {name} ON {schema}{table} USING btree ({})",
            column.name
        ))
    }

    /// `PRIMARY KEY (id)`.
    pub(in crate::postgres) fn constraint_text(&self, oid: i64) -> Option<String> {
        let (_, column, _) = self
            .indexed()
            .into_iter()
            .find(|(index, ..)| index.oid + 1 == oid)?;
        Some(format!(
            "{} ({})",
            if column.key { "PRIMARY KEY" } else { "UNIQUE" },
            column.name
        ))
    }

    pub(super) fn constraints(&self) -> Table {
        let columns = "oid:oid conname:name connamespace:oid contype:char conrelid:oid conindid:oid confrelid:oid conkey:array \
                       condeferrable:bool condeferred:bool convalidated:bool conparentid:oid";
        let rows = self.indexed().into_iter().map(|(index, column, at)| {
            let kind = if column.key { "p" } else { "u" };
            vec![
                int(index.oid + 1),
                text(&index.name),
                int(PUBLIC),
                text(kind),
                int(index.table_oid),
                int(index.oid),
                int(0),
                text(&format!("{{{at}}}")),
                truth(false),
                truth(false),
                truth(true),
                int(0),
            ]
        });
        Table::system("pg_constraint", columns, rows.collect())
    }

    pub(super) fn index_list(&self) -> Table {
        let rows = self.indexed().into_iter().map(|(index, ..)| {
            let definition = self.index_text(index.oid, true).unwrap_or_default();
            vec![
                text("public"),
                text(&index.table.name),
                text(&index.name),
                Value::Null,
                text(&definition),
            ]
        });
        Table::system(
            "pg_indexes",
            "schemaname tablename indexname tablespace indexdef",
            rows.collect(),
        )
    }
}
