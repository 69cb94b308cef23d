//! What a MySQL decoy says to queries: its functions and variables, and the tables of its databases.

mod information;

use std::sync::Arc;

use lapwing_core::Timestamp;

use crate::database::Database;
use crate::sql::{Column, Dialect, Table, Type, Value, World};
use crate::system::System;

/// Variables that are the same everywhere.
const FIXED: &[(&str, &str)] = &[
    ("version_compile_machine", "x86_64"),
    ("port", "3306"),
    ("socket", "/run/mysqld/mysqld.sock"),
    ("basedir", "/usr"),
    ("datadir", "/var/lib/mysql/"),
    ("tmpdir", "/tmp"),
    ("plugin_dir", "/usr/lib/mysql/plugin/"),
    ("autocommit", "1"),
    ("character_set_client", "utf8mb4"),
    ("character_set_connection", "utf8mb4"),
    ("character_set_results", "utf8mb4"),
    ("character_set_database", "utf8mb4"),
    ("character_set_server", "utf8mb4"),
    ("character_set_system", "utf8mb3"),
    ("max_connections", "151"),
    ("lower_case_table_names", "0"),
    ("time_zone", "SYSTEM"),
    ("system_time_zone", "UTC"),
    ("wait_timeout", "28800"),
    ("interactive_timeout", "28800"),
    ("net_read_timeout", "30"),
    ("net_write_timeout", "60"),
    ("net_buffer_length", "16384"),
    ("auto_increment_increment", "1"),
    ("auto_increment_offset", "1"),
    ("init_connect", ""),
    ("license", "GPL"),
    ("read_only", "0"),
    ("server_id", "1"),
    ("general_log", "0"),
    ("default_storage_engine", "InnoDB"),
    ("foreign_key_checks", "1"),
    ("unique_checks", "1"),
    ("sql_select_limit", "18446744073709551615"),
    ("sql_quote_show_create", "1"),
    ("have_ssl", "YES"),
];

/// What one connection sees.
pub(super) struct Mysql {
    pub(super) system: System,
    pub(super) user: String,
    /// The client as the server names it.
    pub(super) host: String,
    pub(super) own: Arc<Database>,
    /// The database in use.
    pub(super) database: Option<String>,
    pub(super) thread: u32,
    pub(super) now: Timestamp,
    pub(super) variables: Vec<(String, String)>,
}

fn text(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}

impl Mysql {
    pub(super) fn mariadb(&self) -> bool {
        super::is_mariadb(&self.system)
    }

    pub(super) fn collation(&self) -> &'static str {
        if self.mariadb() {
            "utf8mb4_general_ci"
        } else {
            "utf8mb4_0900_ai_ci"
        }
    }

    /// The variables of the release's server, as its package configures it.
    pub(super) fn variables(system: &System, hostname: &str) -> Vec<(String, String)> {
        let release = system.release;
        let mariadb = super::is_mariadb(system);
        let collation = if mariadb {
            "utf8mb4_general_ci"
        } else {
            "utf8mb4_0900_ai_ci"
        };
        let short = hostname.split('.').next().unwrap_or("db");
        let comment = match (mariadb, release.distribution) {
            (true, "Debian") => format!(
                "Debian {}",
                if release.pretty.contains("12") {
                    12
                } else {
                    11
                }
            ),
            _ => format!("({})", release.distribution),
        };
        let mode = if mariadb {
            "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_CREATE_USER,NO_ENGINE_SUBSTITUTION"
        } else {
            "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,\
             NO_ENGINE_SUBSTITUTION"
        };
        let isolation = if mariadb {
            "tx_isolation"
        } else {
            "transaction_isolation"
        };
        let mut variables = FIXED.to_vec();
        variables.extend([
            ("version", release.mysql),
            ("version_comment", comment.as_str()),
            (
                "version_compile_os",
                if mariadb { "debian-linux-gnu" } else { "Linux" },
            ),
            (
                "innodb_version",
                release.mysql.split('-').next().unwrap_or_default(),
            ),
            ("hostname", short),
            (
                "secure_file_priv",
                if mariadb { "" } else { "/var/lib/mysql-files/" },
            ),
            ("sql_mode", mode),
            (isolation, "REPEATABLE-READ"),
            ("collation_connection", collation),
            ("collation_database", collation),
            ("collation_server", collation),
            (
                "max_allowed_packet",
                if mariadb { "16777216" } else { "67108864" },
            ),
            ("performance_schema", if mariadb { "0" } else { "1" }),
            ("log_bin", if mariadb { "0" } else { "1" }),
            ("local_infile", if mariadb { "1" } else { "0" }),
        ]);
        if mariadb {
            variables.extend([("query_cache_size", "1048576"), ("query_cache_type", "OFF")]);
        } else {
            variables.extend([
                ("default_authentication_plugin", "caching_sha2_password"),
                ("transaction_read_only", "0"),
            ]);
        }
        let mut variables: Vec<(String, String)> = variables
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        variables.sort();
        variables
    }

    /// The database of this name: its tables, `None` if it is none of this account's.
    pub(super) fn tables(&self, database: &str) -> Option<&[Table]> {
        (database == self.own.name).then_some(self.own.tables.as_slice())
    }

    /// The tables of the database in use.
    pub(super) fn here(&self) -> &[Table] {
        self.database
            .as_deref()
            .and_then(|name| self.tables(name))
            .unwrap_or_default()
    }

    /// The databases that the account sees.
    pub(super) fn databases(&self) -> Vec<String> {
        let mut names = vec!["information_schema".to_owned(), self.own.name.clone()];
        if !self.mariadb() {
            names.push("performance_schema".to_owned());
        }
        names.sort();
        names
    }

    /// `2025-03-31 14:05:59`
    pub(super) fn moment(&self, at: Timestamp) -> String {
        at.to_string().replace('T', " ").chars().take(19).collect()
    }

    /// A column's type as `SHOW COLUMNS` has it.
    pub(super) fn column_type(&self, column: &Column) -> String {
        match column.kind {
            Type::Int | Type::Bool if self.mariadb() && column.kind == Type::Int => {
                "int(11)".to_owned()
            }
            Type::Int => "int".to_owned(),
            Type::Bool => "tinyint(1)".to_owned(),
            Type::Big => "bigint".to_owned(),
            Type::Double => "double".to_owned(),
            Type::Amount => "decimal(12,2)".to_owned(),
            Type::Moment | Type::Zoned => "datetime".to_owned(),
            Type::Date => "date".to_owned(),
            Type::Text(Some(most)) => format!("varchar({most})"),
            _ => "text".to_owned(),
        }
    }

    /// `PRI`, `UNI` or nothing.
    pub(super) fn key_of(column: &Column) -> &'static str {
        match (column.key, column.unique) {
            (true, _) => "PRI",
            (_, true) => "UNI",
            _ => "",
        }
    }

    /// The number the next row would have.
    pub(super) fn next_id(table: &Table) -> i64 {
        let key = table
            .columns
            .iter()
            .position(|column| column.key)
            .unwrap_or(0);
        let ids = table
            .rows
            .iter()
            .filter_map(|row| row.get(key).and_then(Value::as_int));
        ids.max().unwrap_or(0) + 1
    }
}

impl World for Mysql {
    fn dialect(&self) -> Dialect {
        Dialect::Mysql
    }

    fn table(&self, path: &[String]) -> Option<Table> {
        let name = path.last()?;
        let database = match path.len().checked_sub(2).map(|at| path[at].as_str()) {
            Some(database) => database,
            None if name.eq_ignore_ascii_case("dual") => {
                return Some(Table::system("dual", "dummy", vec![vec![text("X")]]));
            }
            None => self.database.as_deref()?,
        };
        if database.eq_ignore_ascii_case("information_schema") {
            return self.information(&name.to_ascii_lowercase());
        }
        self.tables(database)?
            .iter()
            .find(|table| table.name == *name)
            .cloned()
    }

    fn call(&self, name: &str, values: &[Value]) -> Option<Value> {
        let first = values.first();
        Some(match name {
            "version" => text(self.system.release.mysql),
            "database" | "schema" => self.database.clone().map_or(Value::Null, text),
            "user" | "session_user" | "system_user" => text(format!("{}@{}", self.user, self.host)),
            "current_user" => text(format!("{}@%", self.user)),
            "current_role" => Value::Null,
            "connection_id" => Value::Int(self.thread.into()),
            "now" | "sysdate" | "current_timestamp" | "localtime" | "localtimestamp"
            | "utc_timestamp" => text(self.moment(self.now)),
            "curdate" | "current_date" | "utc_date" => {
                text(self.moment(self.now).chars().take(10).collect::<String>())
            }
            "curtime" | "current_time" => {
                text(self.moment(self.now).chars().skip(11).collect::<String>())
            }
            "unix_timestamp" => Value::Int(self.now.micros() / 1_000_000),
            "found_rows" | "last_insert_id" | "row_count" | "sleep" | "benchmark" => Value::Int(0),
            "load_file" => Value::Null,
            "charset" => text("utf8mb4"),
            "collation" => text(self.collation()),
            "hex" => match first? {
                Value::Int(number) => text(format!("{number:X}")),
                other => text(data_encoding::HEXUPPER.encode(other.show().as_bytes())),
            },
            "unhex" | "binary" => first?.clone(),
            "md5" => {
                use md5::Digest as _;
                text(data_encoding::HEXLOWER.encode(&md5::Md5::digest(first?.show())))
            }
            "date" => text(first?.show().chars().take(10).collect::<String>()),
            "date_format" => first?.clone(),
            "year" => text(first?.show())
                .show()
                .get(..4)?
                .parse()
                .map(Value::Int)
                .ok()?,
            "values" => first?.clone(),
            "convert" | "cast" => first?.clone(),
            _ => return None,
        })
    }

    fn variable(&self, name: &str) -> Option<Value> {
        let name = name.strip_prefix("@@")?;
        let lower = name.to_ascii_lowercase();
        let lower = ["session.", "global.", "local."]
            .iter()
            .find_map(|scope| lower.strip_prefix(scope))
            .unwrap_or(&lower);
        let known = self.variables.iter().find(|(known, _)| known == lower)?;
        Some(known.1.parse().map_or_else(|_| text(&known.1), Value::Int))
    }

    fn kind(&self, name: &str) -> Option<Type> {
        Some(match name {
            "now" | "sysdate" | "current_timestamp" | "localtime" | "localtimestamp"
            | "utc_timestamp" => Type::Moment,
            "connection_id" | "unix_timestamp" | "found_rows" | "last_insert_id" | "row_count" => {
                Type::Big
            }
            "sleep" | "benchmark" | "year" => Type::Int,
            "curdate" | "current_date" | "utc_date" | "date" => Type::Date,
            _ => return None,
        })
    }
}
