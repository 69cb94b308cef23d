//! What a PostgreSQL decoy says to queries: its functions and settings, and the tables of the database.

use std::sync::Arc;

use lapwing_core::Timestamp;

use super::catalog::{Catalog, OWNER, SUPERUSER};
use super::fault::type_name;
use crate::database::Database;
use crate::sql::{Dialect, Table, Type, Value, World};
use crate::system::System;

/// What one connection is connected to.
pub(super) struct Postgres {
    pub(super) system: System,
    pub(super) user: String,
    /// The database that was asked for.
    pub(super) database: String,
    pub(super) databases: Vec<String>,
    pub(super) own: Arc<Database>,
    pub(super) settings: Vec<(String, String)>,
    pub(super) pid: u32,
    pub(super) now: Timestamp,
    pub(super) peer: std::net::SocketAddr,
    pub(super) local: std::net::SocketAddr,
}

impl Postgres {
    /// The number of the release, 15.
    pub(super) fn major(system: &System) -> u32 {
        let version = system.release.postgres.0;
        version
            .split('.')
            .next()
            .and_then(|major| major.parse().ok())
            .unwrap_or(15)
    }

    /// `15.13 (Debian 15.13-0+deb12u1)`.
    pub(super) fn version(system: &System) -> String {
        let release = system.release;
        format!(
            "{} ({} {})",
            release.postgres.0, release.distribution, release.postgres.1
        )
    }

    /// The settings that a connection begins with, by the names that `SHOW` knows.
    pub(super) fn settings(system: &System, superuser: bool) -> Vec<(String, String)> {
        let major = Self::major(system);
        let mut settings = vec![
            ("application_name", ""),
            ("client_encoding", "UTF8"),
            ("DateStyle", "ISO, MDY"),
            ("default_transaction_read_only", "off"),
            ("in_hot_standby", "off"),
            ("integer_datetimes", "on"),
            ("IntervalStyle", "postgres"),
            ("is_superuser", if superuser { "on" } else { "off" }),
            ("server_encoding", "UTF8"),
            ("standard_conforming_strings", "on"),
            ("TimeZone", "Etc/UTC"),
            ("scram_iterations", "4096"),
            ("search_path", "\"$user\", public"),
            ("transaction_isolation", "read committed"),
            ("default_transaction_isolation", "read committed"),
            ("transaction_read_only", "off"),
            ("max_connections", "100"),
            ("shared_buffers", "128MB"),
            ("work_mem", "4MB"),
            ("max_identifier_length", "63"),
            ("statement_timeout", "0"),
            ("lock_timeout", "0"),
            ("extra_float_digits", "1"),
            ("bytea_output", "hex"),
            ("client_min_messages", "notice"),
            ("lc_collate", "en_US.UTF-8"),
            ("lc_ctype", "en_US.UTF-8"),
            ("lc_monetary", "en_US.UTF-8"),
            ("port", "5432"),
            ("listen_addresses", "*"),
            ("ssl", "on"),
            ("wal_level", "replica"),
            ("block_size", "8192"),
            ("row_security", "on"),
            (
                "password_encryption",
                if major >= 14 { "scram-sha-256" } else { "md5" },
            ),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect::<Vec<_>>();
        let number: String = system
            .release
            .postgres
            .0
            .split('.')
            .nth(1)
            .unwrap_or("0")
            .to_owned();
        settings.push(("server_version".to_owned(), Self::version(system)));
        settings.push((
            "server_version_num".to_owned(),
            format!("{major}{number:0>4}"),
        ));
        settings
    }

    /// A setting's value.
    pub(super) fn setting(&self, name: &str) -> Option<&str> {
        let known = self
            .settings
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        known.map(|(_, value)| value.as_str())
    }

    /// The tables of the database that was asked for.
    pub(super) fn tables(&self) -> &[Table] {
        if self.database == self.own.name {
            &self.own.tables
        } else {
            &[]
        }
    }

    fn catalog(&self) -> Catalog<'_> {
        Catalog {
            tables: self.tables(),
            database: &self.database,
            databases: &self.databases,
            owner: &self.user,
            major: Self::major(&self.system),
        }
    }

    /// `2025-03-31 14:05:59.123456+00`
    fn moment(&self, micros: i64) -> String {
        let at = Timestamp::from_micros(micros);
        let text = at.to_string();
        let text = text.trim_end_matches('Z').replace('T', " ");
        format!("{text}+00")
    }

    /// When the server was started: some weeks ago, at a moment that stays.
    fn started(&self) -> i64 {
        let period = 50 * 86_400_000_000;
        let offset = self.system.number("postgres start", 0, 50 * 86_400) as i64 * 1_000_000;
        let micros = self.now.micros();
        micros - (micros + offset) % period - 3_600_000_000
    }

    fn privileged(name: &str) -> bool {
        name.starts_with("has_")
            || name.ends_with("_is_visible")
            || name == "pg_relation_is_publishable"
    }

    /// Functions over numbers of things.
    fn about(&self, name: &str, values: &[Value]) -> Option<Value> {
        let catalog = self.catalog();
        let oid = values.first().and_then(|value| match value {
            Value::Text(text) => catalog.oid(text).or_else(|| text.parse().ok()),
            other => other.as_int(),
        });
        let found = |text: Option<String>| text.map_or(Value::Null, Value::Text);
        Some(match name {
            "pg_get_userbyid" => match oid? {
                SUPERUSER => Value::text("postgres"),
                OWNER => Value::text(self.user.clone()),
                6171 => Value::text(if Self::major(&self.system) >= 14 {
                    "pg_database_owner"
                } else {
                    "postgres"
                }),
                other => Value::Text(format!("unknown (OID={other})")),
            },
            "pg_encoding_to_char" => Value::text(if oid? == 6 { "UTF8" } else { "SQL_ASCII" }),
            "pg_size_pretty" => Value::Text(pretty(values.first()?.as_int()?)),
            "pg_table_size" | "pg_relation_size" | "pg_total_relation_size" | "pg_indexes_size" => {
                Value::Int(catalog.size(oid?))
            }
            "pg_database_size" => {
                let tables: usize = self
                    .own
                    .tables
                    .iter()
                    .map(|table| table.rows.len() * 300)
                    .sum();
                Value::Int(7_750_000 + tables as i64)
            }
            "format_type" => Value::Text(format_type(oid?, values.get(1).and_then(Value::as_int))),
            "pg_get_expr" => values.first()?.clone(),
            "pg_get_indexdef" => found(catalog.index_text(oid?, values.len() == 1)),
            "pg_get_constraintdef" => found(catalog.constraint_text(oid?)),
            "pg_get_serial_sequence" => Value::Text(format!(
                "public.{}_{}_seq",
                values.first()?.show(),
                values.get(1)?.show()
            )),
            "to_regclass" | "::regclass" => match values.first()? {
                Value::Text(text) => match catalog.oid(text) {
                    Some(oid) => Value::Int(oid),
                    None => text
                        .parse()
                        .ok()
                        .and_then(|oid| catalog.name(oid))
                        .map_or(Value::Null, Value::Text),
                },
                other => found(catalog.name(other.as_int()?)),
            },
            "::regtype" => match values.first()? {
                Value::Int(oid) => Value::Text(format_type(*oid, None)),
                other => other.clone(),
            },
            "::regnamespace" => match values.first()? {
                Value::Int(2200) => Value::text("public"),
                Value::Int(11) => Value::text("pg_catalog"),
                other => other.clone(),
            },
            "::regrole" => return self.about("pg_get_userbyid", values),
            _ => return None,
        })
    }
}

impl World for Postgres {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn table(&self, path: &[String]) -> Option<Table> {
        let name = path.last()?;
        let schema = path.len().checked_sub(2).map(|at| path[at].as_str());
        if schema.is_none_or(|schema| schema == "public")
            && let Some(table) = self.tables().iter().find(|table| table.name == *name)
        {
            return Some(table.clone());
        }
        if schema.is_none_or(|schema| schema == "pg_catalog") {
            match name.as_str() {
                "pg_settings" => {
                    let rows = self.settings.iter().map(|(name, value)| {
                        vec![Value::text(name), Value::text(value), Value::text(value)]
                    });
                    return Some(Table::system(
                        "pg_settings",
                        "name setting reset_val",
                        rows.collect(),
                    ));
                }
                "pg_stat_activity" => return Some(self.activity()),
                "pg_stat_database" => {
                    let rows = self
                        .databases
                        .iter()
                        .map(|name| vec![Value::text(name), Value::Int(0)]);
                    return Some(Table::system(
                        "pg_stat_database",
                        "datname:name numbackends:int",
                        rows.collect(),
                    ));
                }
                _ => {}
            }
        }
        self.catalog().table(schema, name)
    }

    fn call(&self, name: &str, values: &[Value]) -> Option<Value> {
        let text = |text: &str| Some(Value::text(text));
        if Self::privileged(name) {
            return Some(Value::Bool(true));
        }
        match name {
            "version" => {
                let release = self.system.release;
                Some(Value::Text(format!(
                    "PostgreSQL {} on x86_64-pc-linux-gnu, compiled by {}",
                    Self::version(&self.system),
                    release.compiler
                )))
            }
            "current_database" | "current_catalog" => text(&self.database),
            "current_schema" => text("public"),
            "current_schemas" => {
                let system = values.first().and_then(Value::truth) == Some(true);
                text(if system {
                    "{pg_catalog,public}"
                } else {
                    "{public}"
                })
            }
            "current_user" | "session_user" | "user" | "current_role" => text(&self.user),
            "pg_backend_pid" => Some(Value::Int(self.pid.into())),
            "inet_client_addr" => Some(Value::Text(self.peer.ip().to_string())),
            "inet_client_port" => Some(Value::Int(self.peer.port().into())),
            "inet_server_addr" => Some(Value::Text(self.local.ip().to_string())),
            "inet_server_port" => Some(Value::Int(5432)),
            "now"
            | "current_timestamp"
            | "transaction_timestamp"
            | "statement_timestamp"
            | "clock_timestamp"
            | "localtimestamp" => Some(Value::Text(self.moment(self.now.micros()))),
            "current_date" => Some(Value::Text(
                self.moment(self.now.micros()).chars().take(10).collect(),
            )),
            "pg_postmaster_start_time" | "pg_conf_load_time" => {
                Some(Value::Text(self.moment(self.started())))
            }
            "pg_is_in_recovery" => Some(Value::Bool(false)),
            "pg_my_temp_schema" => Some(Value::Int(0)),
            "txid_current" => Some(Value::Int(700 + self.now.micros() / 1_000_000 % 9000)),
            "current_setting" => {
                let name = values.first()?.show();
                Some(self.setting(&name).map_or(Value::Null, Value::text))
            }
            "set_config" => Some(values.get(1)?.clone()),
            "quote_ident" | "quote_literal" | "pg_sleep" | "pg_advisory_lock" | "pg_notify" => {
                Some(if name.starts_with("pg_") {
                    Value::text("")
                } else {
                    values.first()?.clone()
                })
            }
            "obj_description"
            | "col_description"
            | "shobj_description"
            | "pg_tablespace_location"
            | "pg_get_viewdef"
            | "pg_get_functiondef"
            | "pg_get_statisticsobjdef_columns"
            | "pg_get_function_result"
            | "pg_get_function_arguments"
            | "pg_get_partkeydef"
            | "pg_get_triggerdef" => Some(Value::Null),
            name => self.about(name, values),
        }
    }

    fn variable(&self, _: &str) -> Option<Value> {
        None
    }

    fn kind(&self, name: &str) -> Option<Type> {
        Some(match name {
            "now"
            | "current_timestamp"
            | "transaction_timestamp"
            | "statement_timestamp"
            | "clock_timestamp"
            | "pg_postmaster_start_time"
            | "pg_conf_load_time" => Type::Zoned,
            "current_date" => Type::Date,
            "current_database"
            | "current_catalog"
            | "current_user"
            | "session_user"
            | "user"
            | "current_schema"
            | "pg_get_userbyid"
            | "pg_encoding_to_char"
            | "current_role" => Type::Name,
            "pg_backend_pid" | "inet_client_port" | "inet_server_port" => Type::Int,
            "pg_table_size"
            | "pg_relation_size"
            | "pg_total_relation_size"
            | "pg_database_size"
            | "txid_current"
            | "pg_indexes_size" => Type::Big,
            "pg_is_in_recovery" => Type::Bool,
            "current_schemas" => Type::Array,
            name if Self::privileged(name) => Type::Bool,
            _ => return None,
        })
    }
}

impl Postgres {
    /// Only this connection: a role without privileges sees no other's.
    fn activity(&self) -> Table {
        let name = self.setting("application_name").unwrap_or_default();
        let row = vec![
            Value::text(&self.database),
            Value::Int(self.pid.into()),
            Value::text(&self.user),
            Value::text(name),
            Value::Text(self.peer.ip().to_string()),
            Value::Int(self.peer.port().into()),
            Value::text("active"),
            Value::text("client backend"),
        ];
        let columns = "datname:name pid:int usename:name application_name client_addr client_port:int state backend_type";
        Table::system("pg_stat_activity", columns, vec![row])
    }
}

/// `format_type`: a type's name with its measures.
fn format_type(oid: i64, modifier: Option<i64>) -> String {
    let measure = modifier.filter(|modifier| *modifier > 4);
    match oid {
        16 => type_name(Type::Bool),
        18 => type_name(Type::Char),
        19 => type_name(Type::Name),
        20 => type_name(Type::Big),
        23 => type_name(Type::Int),
        25 => type_name(Type::Text(None)),
        26 => type_name(Type::Oid),
        701 => type_name(Type::Double),
        1009 => type_name(Type::Array),
        1043 => match measure {
            Some(modifier) => format!("character varying({})", modifier - 4),
            None => "character varying".to_owned(),
        },
        1082 => type_name(Type::Date),
        1114 => type_name(Type::Moment),
        1184 => type_name(Type::Zoned),
        1700 => match measure {
            Some(modifier) => format!(
                "numeric({},{})",
                (modifier - 4) >> 16,
                (modifier - 4) & 0xffff
            ),
            None => "numeric".to_owned(),
        },
        0 => "-".to_owned(),
        _ => "???".to_owned(),
    }
}

/// `pg_size_pretty`
fn pretty(bytes: i64) -> String {
    let (mut size, mut unit) = (bytes, "bytes");
    for next in ["kB", "MB", "GB"] {
        if size < 10_240 {
            break;
        }
        size = size.saturating_add(512) / 1024;
        unit = next;
    }
    format!("{size} {unit}")
}
