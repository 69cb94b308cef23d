//! What statements other than queries are answered: that they are done. Nothing of them is.

use super::fault::{self, Fault};
use super::session::{Session, encoding};
use crate::sql::{Answer, Column, Part, Run, Statement, Token, Type, Value, World as _};

/// What a statement gave.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) answer: Option<Answer>,
    pub(super) tag: String,
    /// Settings that were changed and that a server reports.
    pub(super) reported: Vec<(String, String)>,
}

/// Settings whose changes are reported.
const REPORTED: &[&str] = &[
    "application_name",
    "client_encoding",
    "DateStyle",
    "default_transaction_read_only",
    "IntervalStyle",
    "standard_conforming_strings",
    "TimeZone",
];

fn tag(tag: impl Into<String>) -> Result<Done, Fault> {
    Ok(Done {
        tag: tag.into(),
        ..Done::default()
    })
}

impl Session {
    /// What a statement that gives rows gives; nothing of it is done.
    pub(super) fn answer(
        &self,
        part: &Part,
        text: &str,
        values: &[Value],
    ) -> Result<Option<Answer>, Fault> {
        match &part.statement {
            Statement::Query(query) => {
                let answer = Run::new(&self.world, values, &self.budget).answer(query);
                answer.map(Some).map_err(|wrong| fault::of(wrong, text))
            }
            Statement::Other(words) => match words[0].as_str() {
                "SHOW" => self.show(words).map(Some),
                "EXPLAIN" => Ok(Some(self.explain(words))),
                _ => Ok(None),
            },
            _ => Ok(None),
        }
    }

    /// Answers a statement as if it were done.
    pub(super) fn perform(
        &mut self,
        part: &Part,
        text: &str,
        values: &[Value],
    ) -> Result<Done, Fault> {
        let first = match &part.statement {
            Statement::Other(words) => words[0].as_str(),
            _ => "",
        };
        if self.status == b'E' && !matches!(first, "COMMIT" | "ROLLBACK" | "END" | "ABORT") {
            return Err(fault::aborted());
        }
        match &part.statement {
            Statement::Query(_) => {
                let answer = self.answer(part, text, values)?;
                let rows = answer.as_ref().map_or(0, |answer| answer.rows.len());
                Ok(Done {
                    answer,
                    tag: format!("SELECT {rows}"),
                    ..Done::default()
                })
            }
            Statement::Insert { path, rows, at } => {
                if self.world.table(path).is_none() {
                    let position = fault::character(text, *at);
                    return Err(fault::no_relation(&path.join("."), position));
                }
                tag(format!("INSERT 0 {rows}"))
            }
            Statement::Change { verb, rows, .. } => {
                let answer = Run::new(&self.world, values, &self.budget)
                    .answer(rows)
                    .map_err(|wrong| fault::of(wrong, text))?;
                tag(format!("{verb} {}", answer.rows.len()))
            }
            Statement::Other(words) => self.other(words, part, text),
        }
    }

    fn other(&mut self, words: &[String], part: &Part, text: &str) -> Result<Done, Fault> {
        let word = |at: usize| words.get(at).map_or("", String::as_str);
        match word(0) {
            "BEGIN" | "START" => {
                self.status = b'T';
                tag(if word(0) == "START" {
                    "START TRANSACTION"
                } else {
                    "BEGIN"
                })
            }
            "COMMIT" | "END" | "ROLLBACK" | "ABORT" => {
                if word(1) == "TO" || word(2) == "TO" {
                    self.status = b'T';
                    return tag("ROLLBACK");
                }
                let kept = self.status != b'E' && matches!(word(0), "COMMIT" | "END");
                self.status = b'I';
                tag(if kept { "COMMIT" } else { "ROLLBACK" })
            }
            "SET" => self.set(part),
            "SHOW" => {
                let answer = Some(self.show(words)?);
                Ok(Done {
                    answer,
                    tag: "SHOW".to_owned(),
                    ..Done::default()
                })
            }
            "EXPLAIN" => Ok(Done {
                answer: Some(self.explain(words)),
                tag: "EXPLAIN".to_owned(),
                ..Done::default()
            }),
            "COPY" => Err(copy(words)),
            "CREATE" | "ALTER" | "DROP" => self.define(words),
            "TRUNCATE" => {
                let at = usize::from(word(1) == "TABLE") + 1;
                self.known(words, at)?;
                tag("TRUNCATE TABLE")
            }
            "LOCK" => tag("LOCK TABLE"),
            "DISCARD" => tag(format!("DISCARD {}", word(1))),
            "DEALLOCATE" => tag(if word(1) == "ALL" {
                "DEALLOCATE ALL"
            } else {
                "DEALLOCATE"
            }),
            "DECLARE" => tag("DECLARE CURSOR"),
            "CLOSE" => tag("CLOSE CURSOR"),
            "FETCH" | "MOVE" => tag(format!("{} 0", word(0))),
            "REFRESH" => tag("REFRESH MATERIALIZED VIEW"),
            "SECURITY" => tag("SECURITY LABEL"),
            "PREPARE" | "EXECUTE" | "RESET" | "SAVEPOINT" | "RELEASE" | "VACUUM" | "ANALYZE"
            | "CLUSTER" | "REINDEX" | "LISTEN" | "UNLISTEN" | "NOTIFY" | "GRANT" | "REVOKE"
            | "COMMENT" | "DO" | "CALL" | "CHECKPOINT" | "REASSIGN" | "IMPORT" | "MERGE" => {
                tag(word(0))
            }
            "LOAD" => Err(Fault::new(
                "42501",
                "access to library is not allowed",
                ("dfmgr.c", 180, "load_file"),
            )),
            _ => {
                let first = part.tokens.first();
                let near = first
                    .and_then(|lexed| text.get(lexed.at..lexed.end))
                    .unwrap_or_default()
                    .to_owned();
                let at = first.map_or(0, |lexed| lexed.at);
                Err(fault::of(crate::sql::Wrong::Syntax { near, at }, text))
            }
        }
    }

    /// `CREATE OR REPLACE VIEW ..`: the verb and what it is about.
    fn define(&self, words: &[String]) -> Result<Done, Fault> {
        const FILLERS: &[&str] = &[
            "OR",
            "REPLACE",
            "TEMP",
            "TEMPORARY",
            "UNLOGGED",
            "UNIQUE",
            "GLOBAL",
            "LOCAL",
        ];
        let verb = words[0].as_str();
        let mut about = words
            .iter()
            .skip(1)
            .skip_while(|word| FILLERS.contains(&word.as_str()));
        let what = about.next().map_or("", String::as_str);
        let denied =
            |message: &str| Err(Fault::new("42501", message, ("user.c", 300, "CreateRole")));
        match (verb, what) {
            ("CREATE", "ROLE" | "USER" | "GROUP") => {
                return denied("permission denied to create role");
            }
            ("CREATE", "DATABASE") => return denied("permission denied to create database"),
            ("CREATE", "EXTENSION") => return denied("permission denied to create extension"),
            ("DROP", "ROLE" | "USER" | "GROUP") => return denied("permission denied to drop role"),
            ("ALTER", "SYSTEM") => {
                return denied("must be superuser to execute ALTER SYSTEM command");
            }
            ("DROP" | "ALTER", "TABLE") => {
                let rest: Vec<_> = about.cloned().collect();
                if rest.first().map(String::as_str) != Some("IF") {
                    self.known_table(&rest, verb)?;
                }
            }
            ("ALTER", "USER") => return tag("ALTER ROLE"),
            ("CREATE" | "DROP" | "ALTER", "MATERIALIZED") => {
                return tag(format!("{verb} MATERIALIZED VIEW"));
            }
            _ => {}
        }
        tag(format!("{verb} {what}"))
    }

    fn known_table(&self, rest: &[String], verb: &str) -> Result<(), Fault> {
        match self.known(rest, 0) {
            Err(Fault { message, .. }) if verb == "DROP" => {
                let message = message.replacen("relation", "table", 1);
                Err(Fault::new(
                    "42P01",
                    message,
                    ("tablecmds.c", 1304, "DropErrorMsgNonExistent"),
                ))
            }
            other => other,
        }
    }

    /// Whether the table at this word is there.
    fn known(&self, words: &[String], at: usize) -> Result<(), Fault> {
        let Some(name) = words.get(at) else {
            return Ok(());
        };
        let name = match words.get(at + 1).map(String::as_str) {
            Some(".") => words.get(at + 2).unwrap_or(name),
            _ => name,
        };
        let name = name.trim_matches('"').to_lowercase();
        match self.world.table(std::slice::from_ref(&name)) {
            Some(_) => Ok(()),
            None => Err(fault::no_relation(&name, None)),
        }
    }

    /// `SET [SESSION | LOCAL] name {TO | =} value`.
    fn set(&mut self, part: &Part) -> Result<Done, Fault> {
        let mut tokens = part
            .tokens
            .iter()
            .skip(1)
            .map(|lexed| &lexed.token)
            .peekable();
        let is = |token: &Token, words: &[&str]| matches!(token, Token::Word(own) if words.iter().any(|it| own.eq_ignore_ascii_case(it)));
        tokens.next_if(|token| is(token, &["SESSION", "LOCAL"]));
        let Some(Token::Word(name) | Token::Name(name)) = tokens.next() else {
            return tag("SET");
        };
        if [
            "TRANSACTION",
            "CHARACTERISTICS",
            "ROLE",
            "TIME",
            "NAMES",
            "CONSTRAINTS",
            "AUTHORIZATION",
        ]
        .iter()
        .any(|it| name.eq_ignore_ascii_case(it))
        {
            return tag("SET");
        }
        tokens.next_if(|token| is(token, &["TO"]) || **token == Token::Symbol("="));
        let value: Vec<String> = tokens
            .filter_map(|token| match token {
                Token::Word(text) | Token::Name(text) | Token::Text(text) | Token::Number(text) => {
                    Some(text.clone())
                }
                _ => None,
            })
            .take(8)
            .collect();
        let value: String = value.join(", ").chars().take(128).collect();
        let value = if name.eq_ignore_ascii_case("client_encoding") {
            encoding(&value)
        } else {
            value
        };
        let Some(known) = self
            .world
            .settings
            .iter_mut()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
        else {
            if name.contains('.')
                || part
                    .tokens
                    .iter()
                    .any(|lexed| lexed.token == Token::Symbol("."))
                || is_other(name)
            {
                return tag("SET");
            }
            let message = format!("unrecognized configuration parameter \"{name}\"");
            return Err(Fault::new("42704", message, ("guc.c", 5872, "find_option")));
        };
        known.1.clone_from(&value);
        let name = known.0.clone();
        let mut done = Done {
            tag: "SET".to_owned(),
            ..Done::default()
        };
        if REPORTED.contains(&name.as_str()) {
            done.reported.push((name, value));
        }
        Ok(done)
    }

    fn show(&self, words: &[String]) -> Result<Answer, Fault> {
        let name = words.get(1).map_or("", String::as_str);
        if name == "ALL" {
            let columns =
                ["name", "setting", "description"].map(|name| Column::new(name, Type::Text(None)));
            let rows = self.world.settings.iter();
            let rows = rows
                .map(|(name, value)| vec![Value::text(name), Value::text(value), Value::text("")]);
            return Ok(Answer {
                columns: columns.into(),
                rows: rows.collect(),
            });
        }
        let name = match name {
            "TIME" => "TimeZone",
            "TRANSACTION" => "transaction_isolation",
            name => name,
        };
        let known = self
            .world
            .settings
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        let Some((name, value)) = known else {
            let message = format!(
                "unrecognized configuration parameter \"{}\"",
                name.to_lowercase()
            );
            return Err(Fault::new("42704", message, ("guc.c", 5872, "find_option")));
        };
        let column = Column::new(name, Type::Text(None));
        Ok(Answer {
            columns: vec![column],
            rows: vec![vec![Value::text(value)]],
        })
    }

    /// The plan of a scan of the first table that is named.
    fn explain(&self, words: &[String]) -> Answer {
        let tables = self.world.tables();
        let scanned = words.iter().find_map(|word| {
            tables
                .iter()
                .find(|table| table.name.eq_ignore_ascii_case(word))
        });
        let line = match scanned {
            Some(table) => {
                let (rows, width) = (table.rows.len(), table.columns.len() * 18);
                let cost = (rows / 40 + 1) as f64 + rows as f64 * 0.01;
                format!(
                    "Seq Scan on {}  (cost=0.00..{cost:.2} rows={rows} width={width})",
                    table.name
                )
            }
            None => "Result  (cost=0.00..0.01 rows=1 width=4)".to_owned(),
        };
        Answer {
            columns: vec![Column::new("QUERY PLAN", Type::Text(None))],
            rows: vec![vec![Value::Text(line)]],
        }
    }
}

/// Settings that are there and that nobody reads here.
fn is_other(name: &str) -> bool {
    [
        "enable_",
        "log_",
        "jit",
        "vacuum_",
        "geqo",
        "idle_",
        "from_",
        "join_",
        "lo_",
        "xml",
        "escape_",
        "backslash_",
        "synchronize_",
        "synchronous_",
        "quote_",
        "default_",
        "check_",
        "array_",
        "constraint_",
        "cursor_",
        "temp_",
        "maintenance_",
        "random_",
        "seq_",
        "effective_",
        "session_",
    ]
    .iter()
    .any(|start| name.to_ascii_lowercase().starts_with(start))
}

/// COPY reads or writes files and programs of the server, or gives a table to the client: this role may do neither.
fn copy(words: &[String]) -> Fault {
    let has = |wanted: &str| words.iter().any(|word| word == wanted);
    if has("PROGRAM") {
        let message = "must be superuser or have privileges of the pg_execute_server_program role to COPY to or from an external program";
        let fault = Fault::new("42501", message, ("copy.c", 80, "DoCopy"));
        return Fault {
            hint: Some(
                "Anyone can COPY to stdout or from stdin. psql's \\copy command also works for anyone.",
            ),
            ..fault
        };
    }
    if has("STDIN") || has("STDOUT") {
        let name = words.get(1).map_or("", String::as_str).to_lowercase();
        return fault::denied("table", if name == "(" { "" } else { &name });
    }
    let (role, verb) = if has("FROM") {
        ("read", "from")
    } else {
        ("write", "to")
    };
    let message = format!(
        "must be superuser or have privileges of the pg_{role}_server_files role to COPY {verb} a file"
    );
    let fault = Fault::new("42501", message, ("copy.c", 90, "DoCopy"));
    Fault {
        hint: Some(
            "Anyone can COPY to stdout or from stdin. psql's \\copy command also works for anyone.",
        ),
        ..fault
    }
}
