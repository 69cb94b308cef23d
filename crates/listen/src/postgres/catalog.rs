//! The system tables of a decoy: what clients read to list databases, tables and columns.
//! (<https://www.postgresql.org/docs/current/catalogs.html>)

mod information;
mod keys;
mod shared;

use super::encode::type_of;
use crate::sql::{Table, Type, Value};

/// The first number that is not the system's own.
const FIRST: i64 = 16_385;
/// `pg_catalog`, `public`, `information_schema`.
const SYSTEM: i64 = 11;
pub(super) const PUBLIC: i64 = 2200;
const INFORMATION: i64 = 13_212;
/// `postgres`, and the role that owns the tables.
pub(super) const SUPERUSER: i64 = 10;
pub(super) const OWNER: i64 = 16_384;

/// System tables that are there and have nothing in them that anybody asks for.
const EMPTY: &[&str] = &[
    "pg_policy",
    "pg_policies",
    "pg_statistic_ext",
    "pg_publication",
    "pg_publication_namespace",
    "pg_publication_rel",
    "pg_publication_tables",
    "pg_inherits",
    "pg_trigger",
    "pg_rewrite",
    "pg_depend",
    "pg_description",
    "pg_shdescription",
    "pg_foreign_table",
    "pg_foreign_server",
    "pg_foreign_data_wrapper",
    "pg_user_mapping",
    "pg_auth_members",
    "pg_enum",
    "pg_range",
    "pg_locks",
    "pg_matviews",
    "pg_proc",
    "pg_operator",
    "pg_seclabel",
    "pg_event_trigger",
    "pg_largeobject_metadata",
    "pg_db_role_setting",
    "pg_partitioned_table",
    "pg_subscription",
    "pg_sequence",
    "pg_default_acl",
    "pg_conversion",
    "pg_cast",
    "pg_ts_config",
    "pg_ts_dict",
    "pg_ts_parser",
    "pg_ts_template",
    "pg_aggregate",
    "pg_opclass",
    "pg_opfamily",
    "pg_amop",
    "pg_amproc",
    "pg_stat_replication",
    "pg_stat_user_functions",
    "pg_prepared_statements",
    "pg_cursors",
    "pg_prepared_xacts",
    "pg_rules",
    "pg_replication_slots",
    "pg_stat_ssl",
    "pg_stat_gssapi",
    "pg_shdepend",
    "pg_transform",
    "routines",
    "parameters",
    "triggers",
    "views",
    "view_table_usage",
    "sequences",
    "referential_constraints",
    "check_constraints",
    "domains",
    "user_defined_types",
    "role_table_grants",
    "table_privileges",
    "column_privileges",
    "element_types",
    "constraint_column_usage",
];

/// What the system tables tell of.
pub(super) struct Catalog<'a> {
    pub(super) tables: &'a [Table],
    /// The database that is connected to, and the others.
    pub(super) database: &'a str,
    pub(super) databases: &'a [String],
    /// Whether the tables are in this database.
    pub(super) owner: &'a str,
    pub(super) major: u32,
}

/// A relation: its number, name, and what it belongs to.
struct Relation<'a> {
    oid: i64,
    name: String,
    kind: char,
    table: &'a Table,
    table_oid: i64,
}

fn int(number: i64) -> Value {
    Value::Int(number)
}

fn text(text: &str) -> Value {
    Value::text(text)
}

const fn truth(truth: bool) -> Value {
    Value::Bool(truth)
}

impl<'a> Catalog<'a> {
    /// The number of a table.
    pub(super) fn oid(&self, name: &str) -> Option<i64> {
        let name = name
            .strip_prefix("public.")
            .unwrap_or(name)
            .trim_matches('"');
        self.relations()
            .into_iter()
            .find(|relation| relation.name == name)
            .map(|relation| relation.oid)
    }

    /// The name of a relation.
    pub(super) fn name(&self, oid: i64) -> Option<String> {
        self.relations()
            .into_iter()
            .find(|relation| relation.oid == oid)
            .map(|relation| relation.name)
    }

    /// Bytes that a table takes.
    pub(super) fn size(&self, oid: i64) -> i64 {
        let relations = self.relations();
        let Some(relation) = relations.iter().find(|relation| relation.oid == oid) else {
            return 0;
        };
        let rows = relation.table.rows.len() as i64;
        let pages = match relation.kind {
            'r' => 1 + rows * 190 / 8192,
            _ => 2 + rows / 300,
        };
        pages * 8192 + if relation.kind == 'r' { 32_768 } else { 0 }
    }

    /// A sequence, a table, and the index of its key, in the order in which `CREATE TABLE` makes them.
    fn relations(&self) -> Vec<Relation<'a>> {
        let mut relations = Vec::new();
        for (number, table) in (0i64..).zip(self.tables) {
            let oid = FIRST + number * 8;
            let key = table.columns.iter().find(|column| column.key);
            let key = key.map(|column| column.name.as_str());
            let mut add = |offset: i64, name: String, kind| {
                relations.push(Relation {
                    oid: oid + offset,
                    name,
                    kind,
                    table,
                    table_oid: oid + 1,
                });
            };
            if let Some(key) = key {
                add(0, format!("{}_{key}_seq", table.name), 'S');
            }
            add(1, table.name.clone(), 'r');
            if key.is_some() {
                add(5, format!("{}_pkey", table.name), 'i');
            }
            // One is enough: there are no more numbers.
            if let Some(column) = table.columns.iter().find(|column| column.unique) {
                add(7, format!("{}_{}_key", table.name, column.name), 'i');
            }
        }
        relations
    }

    /// The table of this name, if it is one of the system's.
    pub(super) fn table(&self, schema: Option<&str>, name: &str) -> Option<Table> {
        if let Some("information_schema") = schema {
            return self.information(name);
        }
        if schema.is_some_and(|schema| schema != "pg_catalog") {
            return None;
        }
        let table = match name {
            "pg_database" => self.databases(),
            "pg_namespace" => Self::namespaces(),
            "pg_class" => self.classes(),
            "pg_attribute" => self.attributes(),
            "pg_attrdef" => self.defaults(),
            "pg_index" => self.indexes(),
            "pg_constraint" => self.constraints(),
            "pg_type" => Self::types(),
            "pg_roles" | "pg_user" => self.roles(name),
            "pg_tables" => self.list("pg_tables", "schemaname tablename tableowner tablespace hasindexes:bool hasrules:bool hastriggers:bool rowsecurity:bool", |table| {
                vec![text("public"), text(&table.name), text(self.owner), Value::Null, truth(true), truth(false), truth(false), truth(false)]
            }),
            "pg_stat_user_tables" | "pg_stat_all_tables" => self.list(name, "relid:oid schemaname relname seq_scan:big n_live_tup:big n_dead_tup:big", |table| {
                let rows = Value::count(table.rows.len());
                vec![int(self.oid(&table.name).unwrap_or(0)), text("public"), text(&table.name), int(41), rows, int(0)]
            }),
            "pg_indexes" => self.index_list(),
            "pg_am" => Table::system("pg_am", "oid:oid amname:name", vec![vec![int(2), text("heap")], vec![int(403), text("btree")]]),
            "pg_tablespace" => Table::system("pg_tablespace", "oid:oid spcname:name spcowner:oid", vec![
                vec![int(1663), text("pg_default"), int(SUPERUSER)], vec![int(1664), text("pg_global"), int(SUPERUSER)],
            ]),
            "pg_extension" | "pg_available_extensions" => Table::system(name, "oid:oid extname:name extowner:oid extnamespace:oid extversion name default_version installed_version", vec![
                vec![int(13_560), text("plpgsql"), int(SUPERUSER), int(SYSTEM), text("1.0"), text("plpgsql"), text("1.0"), text("1.0")],
            ]),
            "pg_language" => Table::system("pg_language", "oid:oid lanname:name lanpltrusted:bool", vec![
                vec![int(12), text("internal"), truth(false)], vec![int(14), text("sql"), truth(true)], vec![int(13_563), text("plpgsql"), truth(true)],
            ]),
            "pg_collation" => Table::system("pg_collation", "oid:oid collname:name", vec![
                vec![int(100), text("default")], vec![int(950), text("C")], vec![int(951), text("POSIX")],
            ]),
            name if EMPTY.contains(&name) => Table::system(name, "oid:oid", Vec::new()),
            _ => return None,
        };
        Some(table)
    }

    fn list(&self, name: &str, columns: &str, row: impl Fn(&Table) -> Vec<Value>) -> Table {
        Table::system(name, columns, self.tables.iter().map(row).collect())
    }

    fn classes(&self) -> Table {
        let columns = "oid:oid relname:name relnamespace:oid relowner:oid relam:oid relkind:char relnatts:int relchecks:int \
                       relhasindex:bool relhasrules:bool relhastriggers:bool relrowsecurity:bool \
                       relforcerowsecurity:bool relispartition:bool relpersistence:char relreplident:char \
                       reltablespace:oid reloftype:oid reltoastrelid:oid reltuples:big relpages:int relhassubclass:bool \
                       relispopulated:bool relisshared:bool relhasoids:bool reltype:oid relfilenode:oid relacl:array";
        let row = |relation: Relation<'_>| {
            let method = match relation.kind {
                'r' => 2,
                'i' => 403,
                _ => 0,
            };
            let table = relation.kind == 'r';
            let rows = if table { relation.table.rows.len() } else { 1 };
            vec![
                int(relation.oid),
                text(&relation.name),
                int(PUBLIC),
                int(OWNER),
                int(method),
                text(&relation.kind.to_string()),
                Value::count(if table {
                    relation.table.columns.len()
                } else {
                    1
                }),
                int(0),
                truth(table),
                truth(false),
                truth(false),
                truth(false),
                truth(false),
                truth(false),
                text("p"),
                text(if table { "d" } else { "n" }),
                int(0),
                int(0),
                int(0),
                Value::count(rows),
                int(self.size(relation.oid) / 8192),
                truth(false),
                truth(true),
                truth(false),
                truth(false),
                int(0),
                int(relation.oid),
                Value::Null,
            ]
        };
        Table::system(
            "pg_class",
            columns,
            self.relations().into_iter().map(row).collect(),
        )
    }

    fn attributes(&self) -> Table {
        let columns = "attrelid:oid attname:name atttypid:oid attlen:int attnum:int atttypmod:int attnotnull:bool \
                       atthasdef:bool attidentity:char attgenerated:char attisdropped:bool attstorage:char \
                       attcollation:oid attcompression:char attstattarget:int attndims:int attislocal:bool atthasmissing:bool";
        let mut rows = Vec::new();
        for relation in self
            .relations()
            .iter()
            .filter(|relation| relation.kind == 'r')
        {
            for (number, column) in (1i64..).zip(&relation.table.columns) {
                let (oid, size, modifier) = type_of(column.kind);
                let storage = match column.kind {
                    Type::Text(_) => "x",
                    Type::Amount => "m",
                    _ => "p",
                };
                let collation = if matches!(column.kind, Type::Text(_)) {
                    100
                } else {
                    0
                };
                rows.push(vec![
                    int(relation.oid),
                    text(&column.name),
                    int(oid.into()),
                    int(size.into()),
                    int(number),
                    int(modifier.into()),
                    truth(!column.nullable),
                    truth(column.key),
                    text(""),
                    text(""),
                    truth(false),
                    text(storage),
                    int(collation),
                    text(""),
                    int(-1),
                    int(0),
                    truth(true),
                    truth(false),
                ]);
            }
        }
        Table::system("pg_attribute", columns, rows)
    }
}
