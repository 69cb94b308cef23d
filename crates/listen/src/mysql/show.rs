//! `SHOW` and `DESCRIBE`.

mod about;

use super::Fault;
use super::world::Mysql;
use crate::sql::{Answer, Column, Table, Type, Value};

/// An answer of text columns.
fn table(columns: &[&str], rows: Vec<Vec<Value>>) -> Answer {
    let columns = columns
        .iter()
        .map(|name| Column::new(name, Type::Text(Some(64))));
    Answer {
        columns: columns.collect(),
        rows,
    }
}

fn text(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}

/// A word without its quotes.
fn bare(word: &str) -> String {
    let word = word.trim_matches(['`', '\'', '"']);
    word.to_owned()
}

/// What `LIKE '..'` says, if it is there.
fn like(words: &[String]) -> Option<String> {
    let at = words.iter().position(|word| word == "LIKE")?;
    words.get(at + 1).map(|pattern| bare(pattern))
}

fn matches(pattern: Option<&String>, name: &str) -> bool {
    pattern.is_none_or(|pattern| like_matches(pattern, name))
}

fn like_matches(pattern: &str, name: &str) -> bool {
    crate::sql::like(name, pattern, true)
}

/// What stands behind `FROM` or `IN` for the `nth` time, `a.b` as one.
fn from(words: &[String], nth: usize) -> Option<String> {
    let at = words
        .iter()
        .enumerate()
        .filter(|(_, word)| matches!(word.as_str(), "FROM" | "IN"))
        .nth(nth)?
        .0;
    let name = bare(words.get(at + 1)?);
    match words.get(at + 2).map(String::as_str) {
        Some(".") => Some(format!("{name}.{}", bare(words.get(at + 3)?))),
        _ => Some(name),
    }
}

impl Mysql {
    /// Answers one of them; `None`: it is none.
    pub(super) fn show(&self, words: &[String]) -> Option<Result<Answer, Fault>> {
        let word = |at: usize| words.get(at).map_or("", String::as_str);
        if word(0) != "SHOW" {
            return self.describe(words);
        }
        let full = word(1) == "FULL";
        let skip = 1 + usize::from(matches!(
            word(1),
            "FULL" | "GLOBAL" | "SESSION" | "EXTENDED"
        ));
        let pattern = like(words);
        let pattern = pattern.as_ref();
        Some(Ok(match (word(skip), word(skip + 1)) {
            ("DATABASES" | "SCHEMAS", _) => {
                let names = self
                    .databases()
                    .into_iter()
                    .filter(|name| matches(pattern, name));
                table(&["Database"], names.map(|name| vec![text(name)]).collect())
            }
            ("TABLES", _) => return Some(self.tables_of(words, full, pattern)),
            ("COLUMNS" | "FIELDS", _) => {
                let Some(name) = from(words, 0) else {
                    return Some(Err(self.syntax(words)));
                };
                let found = self.find(&name, from(words, 1).as_deref());
                return Some(found.map(|table| self.columns(table, full, pattern)));
            }
            ("CREATE", "TABLE") => {
                let name = match word(skip + 3) {
                    "." => format!("{}.{}", bare(word(skip + 2)), bare(word(skip + 4))),
                    _ => bare(word(skip + 2)),
                };
                return Some(self.find(&name, None).map(|found| {
                    table(
                        &["Table", "Create Table"],
                        vec![vec![text(&found.name), text(self.create(found))]],
                    )
                }));
            }
            ("CREATE", "DATABASE" | "SCHEMA") => {
                let name = bare(words.last().map_or("", String::as_str)).to_lowercase();
                let words = format!(
                    "CREATE DATABASE `{name}` /*!40100 DEFAULT CHARACTER SET utf8mb4 COLLATE {} */",
                    self.collation()
                );
                table(
                    &["Database", "Create Database"],
                    vec![vec![text(name), text(words)]],
                )
            }
            ("VARIABLES", _) => self.named(&self.variables, words, pattern),
            ("STATUS", _) => self.named(&self.status(), words, pattern),
            ("TABLE", "STATUS") => self.table_status(pattern),
            ("INDEX" | "INDEXES" | "KEYS", _) => {
                let Some(name) = from(words, 0) else {
                    return Some(Err(self.syntax(words)));
                };
                return Some(
                    self.find(&name, from(words, 1).as_deref())
                        .map(about::indexes),
                );
            }
            _ => return Some(self.show_server(words, skip)),
        }))
    }

    /// `DESCRIBE t` and `EXPLAIN`.
    fn describe(&self, words: &[String]) -> Option<Result<Answer, Fault>> {
        let word = |at: usize| words.get(at).map_or("", String::as_str);
        if matches!(word(0), "DESCRIBE" | "DESC")
            || word(0) == "EXPLAIN" && words.len() <= 4 && word(1) != "SELECT"
        {
            let name = match words.get(2).map(String::as_str) {
                Some(".") => format!("{}.{}", bare(word(1)), bare(word(3))),
                _ => bare(word(1)),
            };
            return Some(
                self.find(&name, None)
                    .map(|table| self.columns(table, false, None)),
            );
        }
        (word(0) == "EXPLAIN").then(|| Ok(self.plan(words)))
    }

    /// What is about the server, not about tables.
    fn show_server(&self, words: &[String], skip: usize) -> Result<Answer, Fault> {
        let word = |at: usize| words.get(at).map_or("", String::as_str);
        Ok(match (word(skip), word(skip + 1)) {
            ("GRANTS", _) => self.grants(),
            ("PROCESSLIST", _) => {
                let row = vec![
                    text(self.thread.to_string()),
                    text(&self.user),
                    text(&self.host),
                    self.database.clone().map_or(Value::Null, text),
                    text("Query"),
                    text("0"),
                    text("starting"),
                    text(words.join(" ")),
                ];
                table(
                    &[
                        "Id", "User", "Host", "db", "Command", "Time", "State", "Info",
                    ],
                    vec![row],
                )
            }
            ("WARNINGS" | "ERRORS", _) => table(&["Level", "Code", "Message"], Vec::new()),
            ("ENGINES", _) | ("STORAGE", "ENGINES") => table(
                &[
                    "Engine",
                    "Support",
                    "Comment",
                    "Transactions",
                    "XA",
                    "Savepoints",
                ],
                vec![vec![
                    text("InnoDB"),
                    text("DEFAULT"),
                    text("Supports transactions, row-level locking, and foreign keys"),
                    text("YES"),
                    text("YES"),
                    text("YES"),
                ]],
            ),
            ("MASTER" | "BINARY" | "SLAVE" | "REPLICA" | "BINLOG" | "RELAYLOG", _) => {
                let words = if self.mariadb() {
                    "Access denied; you need (at least one of) the BINLOG MONITOR privilege(s) for this operation"
                } else {
                    "Access denied; you need (at least one of) the SUPER, REPLICATION CLIENT privilege(s) for this operation"
                };
                return Err(Fault(1227, "42000", words.to_owned()));
            }
            _ => return self.show_rest(words, skip),
        })
    }

    /// Lists of which there is little here.
    fn show_rest(&self, words: &[String], skip: usize) -> Result<Answer, Fault> {
        Ok(match words.get(skip).map_or("", String::as_str) {
            "CHARACTER" | "CHARSET" => table(
                &["Charset", "Description", "Default collation", "Maxlen"],
                vec![vec![
                    text("utf8mb4"),
                    text("UTF-8 Unicode"),
                    text(self.collation()),
                    text("4"),
                ]],
            ),
            "COLLATION" => table(
                &[
                    "Collation",
                    "Charset",
                    "Id",
                    "Default",
                    "Compiled",
                    "Sortlen",
                ],
                vec![vec![
                    text(self.collation()),
                    text("utf8mb4"),
                    text(if self.mariadb() { "45" } else { "255" }),
                    text("Yes"),
                    text("Yes"),
                    text("1"),
                ]],
            ),
            "TRIGGERS" => table(
                &[
                    "Trigger",
                    "Event",
                    "Table",
                    "Statement",
                    "Timing",
                    "Created",
                ],
                Vec::new(),
            ),
            "EVENTS" => table(&["Db", "Name", "Definer", "Time zone", "Type"], Vec::new()),
            "FUNCTION" | "PROCEDURE" | "PACKAGE" => table(
                &["Db", "Name", "Type", "Definer", "Modified", "Created"],
                Vec::new(),
            ),
            "PLUGINS" => table(
                &["Name", "Status", "Type", "Library", "License"],
                Vec::new(),
            ),
            "OPEN" => table(&["Database", "Table", "In_use", "Name_locked"], Vec::new()),
            _ => return Err(self.syntax(words)),
        })
    }

    fn syntax(&self, words: &[String]) -> Fault {
        self.wrong_syntax(&words[1..].join(" ").to_lowercase(), 1)
    }

    /// A table by `name` or `database.name`.
    fn find(&self, name: &str, database: Option<&str>) -> Result<&Table, Fault> {
        let (database, name) = match name.split_once('.') {
            Some((database, name)) => (Some(database), name),
            None => (database.or(self.database.as_deref()), name),
        };
        let Some(database) = database else {
            return Err(Fault(1046, "3D000", "No database selected".to_owned()));
        };
        let database = database.to_lowercase();
        let tables = self.tables(&database).unwrap_or_default();
        let found = tables
            .iter()
            .find(|table| table.name.eq_ignore_ascii_case(name));
        found.ok_or_else(|| self.no_table(&database, &name.to_lowercase()))
    }

    fn tables_of(
        &self,
        words: &[String],
        full: bool,
        pattern: Option<&String>,
    ) -> Result<Answer, Fault> {
        let database = from(words, 0)
            .map(|name| name.to_lowercase())
            .or_else(|| self.database.clone());
        let Some(database) = database else {
            return Err(Fault(1046, "3D000", "No database selected".to_owned()));
        };
        let Some(tables) = self.tables(&database) else {
            if self.databases().contains(&database) {
                return Ok(table(&[&format!("Tables_in_{database}")], Vec::new()));
            }
            return Err(self.no_database(&database));
        };
        let names = tables
            .iter()
            .map(|table| table.name.as_str())
            .filter(|name| matches(pattern, name));
        let row = |name: &str| {
            let mut row = vec![text(name)];
            if full {
                row.push(text("BASE TABLE"));
            }
            row
        };
        let title = match pattern {
            Some(pattern) => format!("Tables_in_{database} ({pattern})"),
            None => format!("Tables_in_{database}"),
        };
        let columns: &[&str] = if full {
            &[&title, "Table_type"]
        } else {
            &[&title]
        };
        Ok(table(columns, names.map(row).collect()))
    }

    /// Variables or counters, by `LIKE` or by `WHERE Variable_name = ..`.
    fn named(
        &self,
        all: &[(String, String)],
        words: &[String],
        pattern: Option<&String>,
    ) -> Answer {
        let quoted = |word: &String| word.starts_with(['\'', '"']);
        let named: Vec<String> = if words.iter().any(|word| word == "WHERE") {
            words
                .iter()
                .filter(|word| quoted(word))
                .map(|word| bare(word))
                .collect()
        } else {
            Vec::new()
        };
        let fits = |name: &str| {
            matches(pattern, name)
                && (named.is_empty() || named.iter().any(|pattern| like_matches(pattern, name)))
        };
        let switch = |name: &str, value: &str| {
            let switch = matches!(
                name,
                "autocommit"
                    | "performance_schema"
                    | "read_only"
                    | "log_bin"
                    | "general_log"
                    | "local_infile"
                    | "foreign_key_checks"
                    | "unique_checks"
                    | "transaction_read_only"
                    | "sql_quote_show_create"
            );
            match (switch, value) {
                (true, "1") => "ON".to_owned(),
                (true, "0") => "OFF".to_owned(),
                (_, value) => value.to_owned(),
            }
        };
        let rows = all.iter().filter(|(name, _)| fits(name));
        table(
            &["Variable_name", "Value"],
            rows.map(|(name, value)| vec![text(name), text(switch(name, value))])
                .collect(),
        )
    }

    /// Seconds since the server was started: some weeks ago, at a moment that stays.
    pub(super) fn uptime(&self) -> u64 {
        let period = 55 * 86_400;
        let offset = self.system.number("mysql start", 0, period);
        4000 + (u64::try_from(self.now.micros() / 1_000_000).unwrap_or(0) + offset) % period
    }

    /// What `COM_STATISTICS` is answered.
    pub(super) fn statistics(&self) -> String {
        let up = self.uptime();
        let rate = self.system.number("mysql rate", 1, 9);
        format!(
            "Uptime: {up}  Threads: {}  Questions: {}  Slow queries: 0  Opens: {}  Open tables: {}  Queries per second avg: {rate}.{:03}",
            self.system.number("mysql threads", 1, 9),
            up * rate,
            self.system.number("mysql opens", 250, 900),
            self.system.number("mysql open", 60, 240),
            up % 1000
        )
    }

    fn status(&self) -> Vec<(String, String)> {
        let up = self.uptime();
        let pair = |name: &str, value: u64| (name.to_owned(), value.to_string());
        vec![
            pair("Aborted_clients", up / 90_000),
            pair("Connections", u64::from(self.thread)),
            pair(
                "Max_used_connections",
                self.system.number("mysql most", 4, 30),
            ),
            pair("Open_tables", self.system.number("mysql open", 60, 240)),
            pair("Questions", up * self.system.number("mysql rate", 1, 9)),
            pair("Slow_queries", 0),
            ("Ssl_cipher".to_owned(), String::new()),
            pair(
                "Threads_connected",
                self.system.number("mysql threads", 1, 9),
            ),
            pair("Threads_running", 1),
            pair("Uptime", up),
        ]
    }
}
