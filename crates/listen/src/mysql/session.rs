//! A connection that is logged in: its commands, each recorded before it is answered.
//! (<https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_command_phase.html>)

mod command;
mod prepared;

use std::collections::BTreeMap;

use lapwing_core::Carrier;

use super::wire::{self, Hello, Out, Reader};
use super::world::Mysql;
use super::{Fault, host};
use crate::database;
use crate::sql::{
    Answer, Budget, Dialect, Part, Run, Statement, Token, Value, World as _, Wrong, statements,
};
use crate::visit::{Account, Ended, Visit};

/// Statements that one connection may keep, and bytes of their texts.
const MOST_KEPT: usize = 64;
const LONGEST_KEPT: usize = 256 << 10;
/// Bytes of a statement that are recorded beside the raw bytes.
const LONGEST_SHOWN: usize = 16 << 10;

const IN_TRANSACTION: u16 = 1;
const AUTOCOMMIT: u16 = 2;
const MORE_RESULTS: u16 = 8;

/// A statement that was prepared.
struct Prepared {
    text: String,
    part: Part,
    types: Vec<u16>,
}

/// A command's name, the statement it is about, and values bound to that.
type Obeyed = (&'static str, Option<String>, Vec<Value>);

/// What a statement gives.
enum Outcome {
    Rows(Answer),
    Done(usize),
}

pub(super) struct Session {
    world: Mysql,
    hello: Hello,
    account: Account,
    prepared: BTreeMap<u32, Prepared>,
    next: u32,
    status: u16,
    /// What is left for the statements of this command.
    budget: Budget,
}

impl Session {
    pub(super) async fn open(visit: &Visit, hello: Hello, account: Account, thread: u32) -> Self {
        let station = visit.station();
        let own = database::open(station, &account).await;
        let world = Mysql {
            variables: Mysql::variables(&station.system, &station.hostname),
            system: station.system.clone(),
            user: hello.user.clone(),
            host: host(visit),
            own,
            database: None,
            thread,
            now: station.clock.now(),
        };
        Self {
            world,
            hello,
            account,
            prepared: BTreeMap::new(),
            next: 1,
            status: AUTOCOMMIT,
            budget: Budget::default(),
        }
    }

    /// Serves it to its end. `number` is that of the last packet before.
    pub(super) async fn run(
        mut self: Box<Self>,
        visit: &mut Visit,
        number: u8,
    ) -> Result<(), Ended> {
        let mut out = Out::after(number, &self.hello);
        let refused = match self.hello.database.clone() {
            Some(name) => self.enter(&name).err(),
            None => None,
        };
        match &refused {
            Some(fault) => fault.write(&mut out),
            None => out.ok(0, self.status),
        }
        visit.send(&out.bytes).await?;
        if refused.is_some() {
            return Ok(());
        }
        loop {
            let Some((number, body)) = wire::packet(visit).await? else {
                return Ok(());
            };
            self.world.now = visit.station().clock.now();
            self.budget = Budget::default();
            let Some((command, rest)) = body.split_first() else {
                return Ok(());
            };
            let mut out = Out::after(number, &self.hello);
            let (method, asked, values) = self.obey(*command, rest, &mut out);
            if *command == 1 {
                return Ok(());
            }
            self.record(visit, method, asked, values).await;
            visit.send(&out.bytes).await?;
        }
    }

    /// Records a command. Those that only keep a connection are no statement.
    async fn record(
        &self,
        visit: &mut Visit,
        method: &str,
        asked: Option<String>,
        values: Vec<Value>,
    ) {
        let values: Vec<String> = values.iter().take(64).map(Value::show).collect();
        let parts = asked
            .iter()
            .chain(&values)
            .map(|text| (Carrier::Message, text.as_bytes()));
        let found = visit.recognise(&parts.collect::<Vec<_>>());
        let mut act = self.hello.act(method);
        act.target = self.world.database.clone().unwrap_or_default();
        if let Some(text) = asked {
            act.capture("sql.statement", shown(&text));
        }
        for value in values {
            act.capture("sql.parameter", shown(&value));
        }
        act.decoy = Some(self.account.decoy(true, method, 0));
        visit.notice(found, act).await;
    }

    /// Obeys a command: its name, the statement it is about, and values bound to that.
    fn obey(&mut self, command: u8, rest: &[u8], out: &mut Out) -> Obeyed {
        let whole = || String::from_utf8_lossy(rest).into_owned();
        match command {
            1 => ("QUIT", None, Vec::new()),
            2 => {
                let name = whole();
                match self.enter(&name) {
                    Ok(()) => out.ok(0, self.status),
                    Err(fault) => fault.write(out),
                }
                ("INIT_DB", Some(format!("USE {name}")), Vec::new())
            }
            3 => {
                let Some((text, values)) = wire::query(rest, self.hello.flags) else {
                    Fault(1835, "HY000", "Malformed communication packet.".to_owned()).write(out);
                    return ("QUERY", Some(whole()), Vec::new());
                };
                self.query(&text, out);
                ("QUERY", Some(text), values)
            }
            4 => {
                let mut reader = Reader(rest);
                let name = reader.text();
                self.fields(&name, out);
                (
                    "FIELD_LIST",
                    Some(format!("SHOW COLUMNS FROM {name}")),
                    Vec::new(),
                )
            }
            9 => {
                out.packet(self.world.statistics().as_bytes());
                ("STATISTICS", None, Vec::new())
            }
            14 => {
                out.ok(0, self.status);
                ("PING", None, Vec::new())
            }
            22 => {
                let text = whole();
                self.prepare(&text, out);
                ("PREPARE", Some(text), Vec::new())
            }
            23 => {
                let (text, values) = self.execute(rest, out);
                ("EXECUTE", text, values)
            }
            // They have no answer.
            24 => ("SEND_LONG_DATA", None, Vec::new()),
            25 => {
                if let Some(id) = Reader(rest).long() {
                    self.prepared.remove(&id);
                }
                ("CLOSE", None, Vec::new())
            }
            command => self.keep(command, rest, out),
        }
    }

    /// Obeys a command that keeps or changes the connection.
    fn keep(&mut self, command: u8, rest: &[u8], out: &mut Out) -> Obeyed {
        match command {
            26 | 31 => {
                if command == 31 {
                    self.prepared.clear();
                    self.status = AUTOCOMMIT;
                }
                out.ok(0, self.status);
                return ("RESET", None, Vec::new());
            }
            27 => {
                match Reader(rest).short() {
                    Some(0) => self.hello.flags |= wire::MULTI_STATEMENTS,
                    _ => self.hello.flags &= !wire::MULTI_STATEMENTS,
                }
                out.eof(self.status);
                return ("SET_OPTION", None, Vec::new());
            }
            17 => {
                let user = Reader(rest).text();
                let words = format!(
                    "Access denied for user '{user}'@'{}' (using password: YES)",
                    self.world.host
                );
                Fault(1045, "28000", words).write(out);
            }
            10 => {
                let outcome = self
                    .world
                    .show(&["SHOW".to_owned(), "PROCESSLIST".to_owned()]);
                match outcome {
                    Some(Ok(answer)) => out.answer(&answer, ("", ""), self.status, false),
                    _ => out.ok(0, self.status),
                }
                return ("PROCESS_INFO", None, Vec::new());
            }
            _ => Fault(1047, "08S01", "Unknown command".to_owned()).write(out),
        }
        let whole = String::from_utf8_lossy(rest).into_owned();
        ("COMMAND", Some(whole), Vec::new())
    }

    fn enter(&mut self, name: &str) -> Result<(), Fault> {
        if !self.world.databases().iter().any(|known| known == name) {
            return Err(self.world.no_database(name));
        }
        self.world.database = Some(name.to_owned());
        Ok(())
    }

    /// Where an answer's columns come from, as the definitions say it.
    fn origin(&self, part: &Part) -> (String, String) {
        let from = part.tokens.iter().position(
            |lexed| matches!(&lexed.token, Token::Word(word) if word.eq_ignore_ascii_case("from")),
        );
        let name = from
            .and_then(|at| part.tokens.get(at + 1))
            .map(|lexed| match &lexed.token {
                Token::Word(name) | Token::Name(name) => name.clone(),
                _ => String::new(),
            });
        match (name, &self.world.database) {
            (Some(name), Some(database))
                if self.world.here().iter().any(|table| table.name == name) =>
            {
                (database.clone(), name)
            }
            _ => (String::new(), String::new()),
        }
    }

    fn query(&mut self, text: &str, out: &mut Out) {
        let parts = match statements(text, Dialect::Mysql) {
            Ok(parts) => parts,
            Err(wrong) => return self.fault(wrong, text).write(out),
        };
        if parts.is_empty() {
            return Fault(1065, "42000", "Query was empty".to_owned()).write(out);
        }
        if parts.len() > 1 && self.hello.flags & wire::MULTI_STATEMENTS == 0 {
            let at = parts[1].tokens.first().map_or(0, |lexed| lexed.at);
            let line = text[..at].matches('\n').count() + 1;
            return self.world.wrong_syntax(&text[at..], line).write(out);
        }
        let last = parts.len() - 1;
        for (number, part) in parts.iter().enumerate() {
            let more = if number < last { MORE_RESULTS } else { 0 };
            let outcome = self.perform(part, text, &[]);
            match outcome {
                Ok(Outcome::Rows(answer)) => {
                    let (schema, table) = self.origin(part);
                    out.answer(&answer, (&schema, &table), self.status | more, false);
                }
                Ok(Outcome::Done(rows)) => out.ok(rows, self.status | more),
                Err(fault) => return fault.write(out),
            }
        }
    }

    /// Answers a statement as if it were done.
    fn perform(&mut self, part: &Part, text: &str, values: &[Value]) -> Result<Outcome, Fault> {
        match &part.statement {
            Statement::Query(query) => {
                let answer = Run::new(&self.world, values, &self.budget).answer(query);
                answer
                    .map(Outcome::Rows)
                    .map_err(|wrong| self.fault(wrong, text))
            }
            Statement::Insert { path, rows, at } => {
                if self.world.table(path).is_none() {
                    let schema = path.len().checked_sub(2).map(|at| path[at].clone());
                    let name = path.last().cloned().unwrap_or_default();
                    return Err(self.fault(
                        Wrong::Table {
                            schema,
                            name,
                            at: *at,
                        },
                        text,
                    ));
                }
                Ok(Outcome::Done(*rows))
            }
            Statement::Change { rows, .. } => {
                let answer = Run::new(&self.world, values, &self.budget)
                    .answer(rows)
                    .map_err(|wrong| self.fault(wrong, text))?;
                Ok(Outcome::Done(answer.rows.len()))
            }
            Statement::Other(words) => self.other(words, part, text),
        }
    }

    fn fields(&self, name: &str, out: &mut Out) {
        let Some(table) = self.world.here().iter().find(|table| table.name == name) else {
            let database = self.world.database.clone().unwrap_or_default();
            return self.world.no_table(&database, name).write(out);
        };
        let database = self.world.database.clone().unwrap_or_default();
        out.definitions(&table.columns, &database, &table.name, true);
        out.eof(self.status);
    }
}

/// A text as far as it is recorded.
fn shown(text: &str) -> String {
    let end = text.len().min(LONGEST_SHOWN);
    let end = (0..=end)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0);
    text[..end].to_owned()
}
