//! What all databases of a server share, and what is the same in every one: names of databases, roles, schemas, types.

use super::{Catalog, INFORMATION, OWNER, PUBLIC, SUPERUSER, SYSTEM, int, text, truth};
use crate::sql::{Table, Value};

impl Catalog<'_> {
    pub(super) fn types() -> Table {
        let types = [
            (16, "bool", 1, "B", 1000),
            (17, "bytea", -1, "U", 1001),
            (18, "char", 1, "Z", 1002),
            (19, "name", 64, "S", 1003),
            (20, "int8", 8, "N", 1016),
            (21, "int2", 2, "N", 1005),
            (23, "int4", 4, "N", 1007),
            (25, "text", -1, "S", 1009),
            (26, "oid", 4, "N", 1028),
            (114, "json", -1, "U", 199),
            (700, "float4", 4, "N", 1021),
            (701, "float8", 8, "N", 1022),
            (869, "inet", -1, "I", 1041),
            (1042, "bpchar", -1, "S", 1014),
            (1043, "varchar", -1, "S", 1015),
            (1082, "date", 4, "D", 1182),
            (1083, "time", 8, "D", 1183),
            (1114, "timestamp", 8, "D", 1115),
            (1184, "timestamptz", 8, "D", 1185),
            (1186, "interval", 16, "T", 1187),
            (1700, "numeric", -1, "N", 1231),
            (2950, "uuid", 16, "U", 2951),
            (3802, "jsonb", -1, "U", 3807),
            (705, "unknown", -2, "X", 0),
        ];
        let row = |(oid, name, size, category, array): &(i64, &str, i64, &str, i64)| {
            let collation = if matches!(*name, "text" | "varchar" | "bpchar") {
                100
            } else {
                0
            };
            vec![
                int(*oid),
                text(name),
                int(SYSTEM),
                int(SUPERUSER),
                int(*size),
                text("b"),
                text(category),
                int(*array),
                int(0),
                int(0),
                int(0),
                int(collation),
                text(","),
                truth(true),
            ]
        };
        let columns = "oid:oid typname:name typnamespace:oid typowner:oid typlen:int typtype:char typcategory:char \
                       typarray:oid typelem:oid typrelid:oid typbasetype:oid typcollation:oid typdelim:char typisdefined:bool";
        Table::system("pg_type", columns, types.iter().map(row).collect())
    }

    pub(super) fn roles(&self, name: &str) -> Table {
        let row = |oid: i64, role: &str| {
            let all = truth(oid == SUPERUSER);
            let can = |truth: &Value| truth.clone();
            vec![
                int(oid),
                text(role),
                can(&all),
                truth(true),
                can(&all),
                can(&all),
                truth(true),
                int(-1),
                Value::Null,
                can(&all),
                can(&all),
                text(role),
                int(oid),
                can(&all),
                can(&all),
                text("********"),
            ]
        };
        let columns = "oid:oid rolname:name rolsuper:bool rolinherit:bool rolcreaterole:bool rolcreatedb:bool \
                       rolcanlogin:bool rolconnlimit:int rolvaliduntil:moment rolreplication:bool rolbypassrls:bool \
                       usename:name usesysid:oid usesuper:bool usecreatedb:bool passwd";
        Table::system(
            name,
            columns,
            vec![row(SUPERUSER, "postgres"), row(OWNER, self.owner)],
        )
    }

    pub(super) fn databases(&self) -> Table {
        let row = |(number, name): (i64, &String)| {
            let template = name.starts_with("template");
            let (oid, owner) = match name.as_str() {
                "postgres" => (if self.major >= 15 { 5 } else { 13_761 }, SUPERUSER),
                "template1" => (1, SUPERUSER),
                "template0" => (if self.major >= 15 { 4 } else { 13_760 }, SUPERUSER),
                _ => (16_383 + number * 64, OWNER),
            };
            let access = if template {
                text("{=c/postgres,postgres=CTc/postgres}")
            } else {
                Value::Null
            };
            let provider = if self.major >= 15 {
                text("c")
            } else {
                Value::Null
            };
            vec![
                int(oid),
                text(name),
                int(owner),
                int(6),
                text("en_US.UTF-8"),
                text("en_US.UTF-8"),
                Value::Null,
                provider,
                access,
                int(1663),
                truth(template),
                truth(name != "template0"),
                int(-1),
            ]
        };
        let columns = "oid:oid datname:name datdba:oid encoding:int datcollate datctype daticulocale datlocprovider:char \
                       datacl:array dattablespace:oid datistemplate:bool datallowconn:bool datconnlimit:int";
        Table::system(
            "pg_database",
            columns,
            (1i64..).zip(self.databases).map(row).collect(),
        )
    }

    pub(super) fn namespaces() -> Table {
        let rows = [
            (99, "pg_toast"),
            (SYSTEM, "pg_catalog"),
            (PUBLIC, "public"),
            (INFORMATION, "information_schema"),
        ];
        let rows = rows.iter().map(|(oid, name)| {
            vec![
                int(*oid),
                text(name),
                int(if *name == "public" { 6171 } else { SUPERUSER }),
                Value::Null,
            ]
        });
        Table::system(
            "pg_namespace",
            "oid:oid nspname:name nspowner:oid nspacl:array",
            rows.collect(),
        )
    }
}
