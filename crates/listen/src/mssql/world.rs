//! What a SQL Server decoy says to queries: its functions and variables, and its databases' tables.

use std::sync::Arc;

use lapwing_core::Timestamp;

use super::wire::Login;
use crate::database::Database;
use crate::sql::{Dialect, Table, Type, Value, World};

/// SQL Server 2022, CU 19 of the release's table of builds
/// (<https://learn.microsoft.com/en-us/troubleshoot/sql/releases/sqlserver-2022/build-versions>).
pub(super) const BUILD: [u16; 4] = [16, 0, 4195, 2];
const VERSION: &str = "Microsoft SQL Server 2022 (RTM-CU19) (KB5054531) - 16.0.4195.2 (X64) \n\tApr 18 2025 13:42:14 \n\t\
                       Copyright (C) 2022 Microsoft Corporation\n\tStandard Edition (64-bit) on Linux (Ubuntu 22.04.5 LTS) <X64>";
const SYSTEM: &[&str] = &["master", "tempdb", "model", "msdb"];
/// Views that are there and have nothing in them for this login.
const EMPTY: &[&str] = &[
    "procedures",
    "views",
    "triggers",
    "foreign_keys",
    "configurations",
    "linked_logins",
    "synonyms",
    "sequences",
    "extended_properties",
    "routines",
    "parameters",
    "dm_exec_connections",
    "dm_exec_requests",
    "credentials",
    "assemblies",
    "check_constraints",
    "default_constraints",
    "sysusers",
    "referential_constraints",
    "key_column_usage",
    "table_constraints",
];

/// What one connection sees.
pub(super) struct Mssql {
    pub(super) login: Login,
    pub(super) own: Arc<Database>,
    pub(super) database: String,
    pub(super) server: String,
    pub(super) spid: i64,
    pub(super) now: Timestamp,
}

fn text(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}

impl Mssql {
    pub(super) fn databases(&self) -> Vec<String> {
        let system = SYSTEM.iter().map(|name| (*name).to_owned());
        system.chain([self.own.name.clone()]).collect()
    }

    fn tables(&self) -> &[Table] {
        if self.database.eq_ignore_ascii_case(&self.own.name) {
            &self.own.tables
        } else {
            &[]
        }
    }

    fn number(at: usize) -> i64 {
        901_578_250 + 16 * i64::try_from(at).unwrap_or(0)
    }

    fn kind_of(kind: Type) -> (&'static str, i64, Value) {
        match kind {
            Type::Bool => ("bit", 104, Value::Null),
            Type::Int | Type::Oid => ("int", 56, Value::Null),
            Type::Big => ("bigint", 127, Value::Null),
            Type::Double => ("float", 62, Value::Null),
            Type::Amount => ("decimal", 106, Value::Null),
            Type::Moment | Type::Zoned => ("datetime", 61, Value::Null),
            Type::Date => ("date", 40, Value::Null),
            Type::Text(Some(most)) => ("nvarchar", 231, Value::Int(most.into())),
            _ => ("nvarchar", 231, Value::Int(-1)),
        }
    }

    /// A view of `sys`.
    fn view(&self, name: &str) -> Option<Table> {
        let found = self.server_view(name).or_else(|| self.table_view(name));
        let found = found.or_else(|| self.login_view(name));
        found.or_else(|| {
            EMPTY
                .contains(&name)
                .then(|| Table::system(name, "", Vec::new()))
        })
    }

    /// Views of what the server has.
    fn server_view(&self, name: &str) -> Option<Table> {
        let moment = || text(self.moment());
        Some(match name {
            "databases" | "sysdatabases" => {
                let row = |(number, name): (i64, String)| {
                    vec![
                        text(name),
                        Value::Int(number),
                        Value::Int(160),
                        text("SQL_Latin1_General_CP1_CI_AS"),
                        text("ONLINE"),
                        Value::Int(number),
                        moment(),
                    ]
                };
                let columns = "name database_id:int compatibility_level:int collation_name state_desc dbid:int create_date";
                Table::system(
                    name,
                    columns,
                    (1i64..).zip(self.databases()).map(row).collect(),
                )
            }
            "schemas" => Table::system(
                "schemas",
                "name schema_id:int principal_id:int",
                vec![
                    vec![text("dbo"), Value::Int(1), Value::Int(1)],
                    vec![text("sys"), Value::Int(4), Value::Int(4)],
                ],
            ),
            "types" | "systypes" => {
                let kinds = [
                    ("int", 56),
                    ("bigint", 127),
                    ("bit", 104),
                    ("decimal", 106),
                    ("datetime", 61),
                    ("date", 40),
                    ("nvarchar", 231),
                    ("float", 62),
                ];
                let rows = kinds
                    .iter()
                    .map(|(name, id)| vec![text(*name), Value::Int(*id), Value::Int(*id)]);
                Table::system(
                    name,
                    "name system_type_id:int user_type_id:int",
                    rows.collect(),
                )
            }
            _ => return None,
        })
    }

    /// Views of who is there.
    fn login_view(&self, name: &str) -> Option<Table> {
        Some(match name {
            "server_principals" | "syslogins" | "sql_logins" => Table::system(
                name,
                "name principal_id:int type_desc is_disabled:bool",
                vec![
                    vec![
                        text("sa"),
                        Value::Int(1),
                        text("SQL_LOGIN"),
                        Value::Bool(true),
                    ],
                    vec![
                        text(&self.login.user),
                        Value::Int(259),
                        text("SQL_LOGIN"),
                        Value::Bool(false),
                    ],
                ],
            ),
            "database_principals" => Table::system(
                name,
                "name principal_id:int type_desc",
                vec![
                    vec![text("dbo"), Value::Int(1), text("SQL_USER")],
                    vec![text(&self.login.user), Value::Int(5), text("SQL_USER")],
                ],
            ),
            "dm_exec_sessions" | "sysprocesses" => Table::system(
                name,
                "session_id:int login_name host_name program_name spid:int",
                vec![vec![
                    Value::Int(self.spid),
                    text(&self.login.user),
                    text(&self.login.host),
                    text(&self.login.program),
                    Value::Int(self.spid),
                ]],
            ),
            "servers" => Table::system(
                "servers",
                "server_id:int name product is_linked:bool",
                vec![vec![
                    Value::Int(0),
                    text(&self.server),
                    text("SQL Server"),
                    Value::Bool(false),
                ]],
            ),
            _ => return None,
        })
    }

    /// Views of the tables in the database in use.
    fn table_view(&self, name: &str) -> Option<Table> {
        let tables = || self.tables().iter().enumerate();
        Some(match name {
            "tables" | "objects" | "sysobjects" | "all_objects" => {
                let row = |(at, table): (usize, &Table)| {
                    let number = Value::Int(Self::number(at));
                    vec![
                        text(&table.name),
                        number.clone(),
                        Value::Int(1),
                        text("U"),
                        text("USER_TABLE"),
                        number,
                        text("U"),
                        Value::Bool(false),
                    ]
                };
                let columns = "name object_id:int schema_id:int type type_desc id:int xtype is_ms_shipped:bool";
                Table::system(name, columns, tables().map(row).collect())
            }
            "columns" | "all_columns" | "syscolumns" => {
                let row = |(at, table): (usize, &Table)| -> Vec<Vec<Value>> {
                    let columns = (1i64..).zip(&table.columns);
                    columns
                        .map(|(number, column)| {
                            let (_, id, most) = Self::kind_of(column.kind);
                            vec![
                                Value::Int(Self::number(at)),
                                text(&column.name),
                                Value::Int(number),
                                Value::Int(id),
                                most,
                                Value::Bool(column.nullable),
                                Value::Bool(column.key),
                                Value::Int(id),
                            ]
                        })
                        .collect()
                };
                let columns = "object_id:int name column_id:int system_type_id:int max_length:int is_nullable:bool is_identity:bool user_type_id:int";
                Table::system(name, columns, tables().flat_map(row).collect())
            }
            "partitions" | "dm_db_partition_stats" => {
                let row = |(at, table): (usize, &Table)| {
                    let rows = Value::count(table.rows.len());
                    vec![
                        Value::Int(Self::number(at)),
                        Value::Int(1),
                        rows.clone(),
                        rows,
                    ]
                };
                Table::system(
                    name,
                    "object_id:int index_id:int rows:big row_count:big",
                    tables().map(row).collect(),
                )
            }
            "indexes" | "sysindexes" => {
                let row = |(at, table): (usize, &Table)| {
                    vec![
                        Value::Int(Self::number(at)),
                        text(format!("PK_{}", table.name)),
                        Value::Int(1),
                        text("CLUSTERED"),
                        Value::Bool(true),
                    ]
                };
                Table::system(
                    name,
                    "object_id:int name index_id:int type_desc is_primary_key:bool",
                    tables().map(row).collect(),
                )
            }
            _ => return None,
        })
    }

    fn information(&self, name: &str) -> Option<Table> {
        Some(match name {
            "tables" => {
                let row = |table: &Table| {
                    vec![
                        text(&self.database),
                        text("dbo"),
                        text(&table.name),
                        text("BASE TABLE"),
                    ]
                };
                let columns = "TABLE_CATALOG TABLE_SCHEMA TABLE_NAME TABLE_TYPE";
                Table::system("TABLES", columns, self.tables().iter().map(row).collect())
            }
            "columns" => {
                let row = |table: &Table| -> Vec<Vec<Value>> {
                    let columns = (1i64..).zip(&table.columns);
                    columns
                        .map(|(number, column)| {
                            let (kind, _, most) = Self::kind_of(column.kind);
                            vec![
                                text(&self.database),
                                text("dbo"),
                                text(&table.name),
                                text(&column.name),
                                Value::Int(number),
                                text(if column.nullable { "YES" } else { "NO" }),
                                text(kind),
                                most,
                            ]
                        })
                        .collect()
                };
                let columns = "TABLE_CATALOG TABLE_SCHEMA TABLE_NAME COLUMN_NAME ORDINAL_POSITION:int IS_NULLABLE DATA_TYPE CHARACTER_MAXIMUM_LENGTH:int";
                Table::system(
                    "COLUMNS",
                    columns,
                    self.tables().iter().flat_map(row).collect(),
                )
            }
            "schemata" => Table::system(
                "SCHEMATA",
                "CATALOG_NAME SCHEMA_NAME SCHEMA_OWNER",
                vec![vec![text(&self.database), text("dbo"), text("dbo")]],
            ),
            name if EMPTY.contains(&name) => Table::system(name, "", Vec::new()),
            _ => return None,
        })
    }

    /// `SERVERPROPERTY`
    fn property(&self, name: &str) -> Value {
        match name {
            "productversion" => text(BUILD.map(|part| part.to_string()).join(".")),
            "productlevel" => text("RTM"),
            "productupdatelevel" => text("CU19"),
            "edition" => text("Standard Edition (64-bit)"),
            "engineedition" => Value::Int(2),
            "machinename" | "servername" | "computernamephysicalnetbios" => text(&self.server),
            "productmajorversion" => text(BUILD[0].to_string()),
            "isintegratedsecurityonly" | "isclustered" | "ishadrenabled" => Value::Int(0),
            "collation" => text("SQL_Latin1_General_CP1_CI_AS"),
            _ => Value::Null,
        }
    }

    fn moment(&self) -> String {
        self.now
            .to_string()
            .replace('T', " ")
            .chars()
            .take(19)
            .collect()
    }
}

impl World for Mssql {
    fn dialect(&self) -> Dialect {
        Dialect::Mssql
    }

    fn table(&self, path: &[String]) -> Option<Table> {
        let name = path.last()?.to_lowercase();
        let schema = path.len().checked_sub(2).map(|at| path[at].to_lowercase());
        let database = path.len().checked_sub(3).map(|at| path[at].to_lowercase());
        match schema.as_deref() {
            Some("sys") => self.view(&name),
            Some("information_schema") => self.information(&name),
            None | Some("dbo") => {
                let tables = match database {
                    Some(database) if database != self.own.name.to_lowercase() => &[],
                    Some(_) => self.own.tables.as_slice(),
                    None => self.tables(),
                };
                let found = tables
                    .iter()
                    .find(|table| table.name.to_lowercase() == name)
                    .cloned();
                found.or_else(|| self.view(&name).filter(|_| name.starts_with("sys")))
            }
            _ => None,
        }
    }

    fn call(&self, name: &str, values: &[Value]) -> Option<Value> {
        let first = || values.first().map(Value::show).unwrap_or_default();
        Some(match name {
            "db_name" => match values.first().and_then(Value::as_int) {
                Some(number) => usize::try_from(number - 1)
                    .ok()
                    .and_then(|at| self.databases().get(at).cloned())
                    .map_or(Value::Null, text),
                None => text(&self.database),
            },
            "db_id" => {
                let wanted = if values.is_empty() {
                    self.database.clone()
                } else {
                    first()
                };
                let at = self
                    .databases()
                    .iter()
                    .position(|name| name.eq_ignore_ascii_case(&wanted));
                at.map_or(Value::Null, |at| Value::count(at + 1))
            }
            "suser_name" | "suser_sname" | "system_user" | "original_login" | "user_name"
            | "current_user" | "session_user" | "user" => text(&self.login.user),
            "schema_name" => text("dbo"),
            "host_name" => text(&self.login.host),
            "app_name" | "program_name" => text(&self.login.program),
            "getdate" | "sysdatetime" | "current_timestamp" | "getutcdate" => text(self.moment()),
            "is_srvrolemember" | "is_member" | "is_rolemember" => {
                Value::Int(i64::from(first().eq_ignore_ascii_case("public")))
            }
            "has_dbaccess" => Value::Int(1),
            "object_id" => {
                let name = first().to_lowercase();
                let name = name
                    .rsplit('.')
                    .next()
                    .unwrap_or_default()
                    .trim_matches(['[', ']'])
                    .to_owned();
                let at = self.tables().iter().position(|table| table.name == name);
                at.map_or(Value::Null, |at| Value::Int(Self::number(at)))
            }
            "object_name" => {
                let number = values.first().and_then(Value::as_int)?;
                let table = self
                    .tables()
                    .iter()
                    .enumerate()
                    .find(|(at, _)| Self::number(*at) == number);
                table.map_or(Value::Null, |(_, table)| text(&table.name))
            }
            "type_name" => {
                let id = values.first().and_then(Value::as_int)?;
                let kinds = [
                    Type::Bool,
                    Type::Int,
                    Type::Big,
                    Type::Double,
                    Type::Amount,
                    Type::Moment,
                    Type::Date,
                    Type::Text(None),
                ];
                let found = kinds
                    .into_iter()
                    .map(Self::kind_of)
                    .find(|kind| kind.1 == id);
                found.map_or(Value::Null, |kind| text(kind.0))
            }
            "serverproperty" => self.property(&first().to_lowercase()),
            "newid" => text("00000000-0000-0000-0000-000000000000"),
            "databasepropertyex" => text("ONLINE"),
            _ => return None,
        })
    }

    fn variable(&self, name: &str) -> Option<Value> {
        Some(match name.to_ascii_lowercase().as_str() {
            "@@version" => text(VERSION),
            "@@servername" => text(&self.server),
            "@@servicename" => text("MSSQLSERVER"),
            "@@spid" => Value::Int(self.spid),
            "@@trancount" | "@@rowcount" | "@@error" | "@@nestlevel" | "@@options" => Value::Int(0),
            "@@language" => text("us_english"),
            "@@microsoftversion" => Value::Int(i64::from(BUILD[0]) << 24 | i64::from(BUILD[2])),
            "@@max_connections" => Value::Int(32_767),
            "@@textsize" => Value::Int(4096),
            _ => return None,
        })
    }

    fn kind(&self, name: &str) -> Option<Type> {
        Some(match name {
            "getdate" | "sysdatetime" | "current_timestamp" | "getutcdate" => Type::Moment,
            "db_id" | "is_srvrolemember" | "is_member" | "has_dbaccess" | "object_id" => Type::Int,
            _ => return None,
        })
    }
}
