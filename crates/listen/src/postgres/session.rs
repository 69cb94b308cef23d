//! A connection that is logged in: its statements, simple and prepared, each recorded before it is answered.

use std::collections::BTreeMap;
use std::sync::Arc;

use lapwing_core::Carrier;
use rand::RngExt as _;

use super::Startup;
use super::command::Done;
use super::encode;
use super::fault::{self, Fault};
use super::wire::{self, Bind, Out, Parse};
use super::world::Postgres;
use crate::database;
use crate::sql::{Answer, Budget, Dialect, Part, Value, statements};
use crate::visit::{Account, Act, Ended, Visit};

/// Statements and portals that one connection may keep, and bytes of their texts.
const MOST_KEPT: usize = 64;
const LONGEST_KEPT: usize = 256 << 10;
/// Bytes of all that one connection keeps, with the values and the rows of its portals.
const MOST_BYTES_KEPT: usize = 1 << 20;
/// Bytes of what was asked that wait for a `Sync` to be recorded.
const MOST_WAITING: usize = 64 << 10;
/// Bytes of a statement that are recorded beside the raw bytes.
const LONGEST_SHOWN: usize = 16 << 10;

/// A statement that was prepared.
pub(super) struct Prepared {
    text: String,
    /// None: an empty one.
    part: Option<Part>,
    types: Vec<u32>,
}

/// A prepared statement with its parameters.
struct Portal {
    prepared: Arc<Prepared>,
    values: Vec<Value>,
    formats: Vec<u16>,
    /// What it gave, and how many rows of it were sent.
    done: Option<(Done, usize)>,
}

impl Prepared {
    fn size(&self) -> usize {
        self.text.len() + self.types.len() * 4
    }
}

impl Portal {
    /// With its statement, which it keeps when that is closed.
    fn size(&self) -> usize {
        let values: usize = self.values.iter().map(|value| value.size() + 32).sum();
        let done = self
            .done
            .as_ref()
            .and_then(|(done, _)| done.answer.as_ref());
        self.prepared.size() + values + self.formats.len() * 2 + done.map_or(0, Answer::size)
    }
}

pub(super) struct Session {
    pub(super) world: Postgres,
    startup: Startup,
    account: Account,
    /// `I`: idle; `T`: in a transaction; `E`: in one that has failed.
    pub(super) status: u8,
    statements: BTreeMap<String, Arc<Prepared>>,
    portals: BTreeMap<String, Portal>,
    /// After an error nothing is answered up to the next `Sync`.
    skipping: bool,
    out: Out,
    /// What was asked since the last notice, and with which parameters.
    asked: Vec<String>,
    parameters: Vec<String>,
    /// What else came since then, to look for bait in: whole messages, and names.
    heard: Vec<String>,
    executed: bool,
    /// What is left for the statements of this message.
    pub(super) budget: Budget,
}

impl Session {
    /// Greets who is logged in, unless the database is none of ours.
    pub(super) async fn open(
        visit: &mut Visit,
        startup: &Startup,
        account: Account,
    ) -> Result<Option<Self>, Ended> {
        let own = database::open(visit.station(), &account).await;
        let mut databases: Vec<String> = ["postgres", "template0", "template1"]
            .map(str::to_owned)
            .into();
        databases.push(own.name.clone());
        databases.sort();
        databases.dedup();
        let database = startup.database().to_owned();
        let mut out = Out::default();
        if !databases.contains(&database) || database == "template0" {
            fault::no_database(&database).write("FATAL", &mut out);
            visit.send(&out.0).await?;
            return Ok(None);
        }
        let station = visit.station();
        let system = station.system.clone();
        let mut settings = Postgres::settings(&system, false);
        for (name, value) in &startup.parameters {
            let value = if name == "client_encoding" {
                encoding(value)
            } else {
                value.clone()
            };
            if let Some(known) = settings
                .iter_mut()
                .find(|(known, _)| known.eq_ignore_ascii_case(name))
            {
                known.1 = value;
            }
        }
        let pid = 700 + rand::rng().random_range(0..60_000);
        let session = Self {
            world: Postgres {
                user: startup.user().to_owned(),
                database,
                databases,
                own,
                settings,
                pid,
                now: station.clock.now(),
                peer: visit.place.peer,
                local: visit.place.local,
                system,
            },
            startup: startup.clone(),
            account,
            status: b'I',
            statements: BTreeMap::new(),
            portals: BTreeMap::new(),
            skipping: false,
            out,
            asked: Vec::new(),
            parameters: Vec::new(),
            heard: Vec::new(),
            executed: false,
            budget: Budget::default(),
        };
        let greeting = session.greeting();
        visit.send(&greeting.0).await?;
        Ok(Some(session))
    }

    /// The settings that a server reports, in its release's order; the key to cancel with; that it is ready.
    fn greeting(&self) -> Out {
        const SORTED: &[&str] = &[
            "application_name",
            "client_encoding",
            "DateStyle",
            "default_transaction_read_only",
            "in_hot_standby",
            "integer_datetimes",
            "IntervalStyle",
            "is_superuser",
            "server_encoding",
            "server_version",
            "session_authorization",
            "standard_conforming_strings",
            "TimeZone",
        ];
        // From 16 on they come in the order of a hash table.
        const HASHED: &[&str] = &[
            "in_hot_standby",
            "integer_datetimes",
            "TimeZone",
            "IntervalStyle",
            "is_superuser",
            "application_name",
            "default_transaction_read_only",
            "scram_iterations",
            "DateStyle",
            "standard_conforming_strings",
            "session_authorization",
            "client_encoding",
            "server_version",
            "server_encoding",
        ];
        let major = Postgres::major(&self.world.system);
        let mut out = Out::default();
        for name in if major >= 16 { HASHED } else { SORTED } {
            let new = matches!(*name, "default_transaction_read_only" | "in_hot_standby");
            if new && major < 14 {
                continue;
            }
            match *name {
                "session_authorization" => out.status(name, &self.world.user),
                name => out.status(name, self.world.setting(name).unwrap_or_default()),
            }
        }
        out.message(b'K', |out| {
            out.extend_from_slice(&self.world.pid.to_be_bytes());
            out.extend_from_slice(&rand::rng().random::<[u8; 4]>());
        });
        out.ready(self.status);
        out
    }

    /// Serves it to its end.
    pub(super) async fn run(mut self: Box<Self>, visit: &mut Visit) -> Result<(), Ended> {
        loop {
            let Some((kind, body)) = wire::message(visit).await? else {
                return Ok(());
            };
            self.world.now = visit.station().clock.now();
            self.budget = Budget::default();
            match kind {
                b'X' => return Ok(()),
                b'Q' => {
                    let text = wire::Reader(&body).text().unwrap_or_default();
                    self.asked.push(text.clone());
                    self.executed = true;
                    self.simple(&text);
                    self.skipping = false;
                    self.out.ready(self.status);
                    self.deliver(visit, "QUERY").await?;
                }
                b'S' => {
                    self.skipping = false;
                    if self.status == b'I' {
                        self.portals.clear();
                    }
                    self.out.ready(self.status);
                    self.flush(visit).await?;
                }
                b'H' => self.flush(visit).await?,
                // What was left of a COPY that was refused.
                b'd' | b'c' | b'f' => {
                    self.hear(&body);
                    self.relieve(visit).await?;
                }
                b'P' | b'B' | b'D' | b'E' | b'C' => {
                    if self.skipping {
                        self.hear(&body);
                    } else if let Err(fault) = self.extended(kind, &body) {
                        // Whatever of it was not understood is recorded all the same.
                        self.hear(&body);
                        fault.write("ERROR", &mut self.out);
                        self.skipping = true;
                        self.fail();
                    }
                    self.relieve(visit).await?;
                }
                kind => {
                    self.hear(&body);
                    let fault = fault::violation(&format!("invalid frontend message type {kind}"));
                    fault.write("FATAL", &mut self.out);
                    self.deliver(visit, "GARBAGE").await?;
                    return Ok(());
                }
            }
        }
    }

    /// Keeps a message to look for bait in, with what is not kept of it elsewhere.
    fn hear(&mut self, body: &[u8]) {
        if !body.is_empty() {
            self.heard.push(String::from_utf8_lossy(body).into_owned());
        }
    }

    /// Answers and records wait for `Sync`, but not without end.
    async fn relieve(&mut self, visit: &mut Visit) -> Result<(), Ended> {
        let waiting = self.asked.iter().chain(&self.parameters).chain(&self.heard);
        // Empty ones take room, too.
        let waiting: usize = waiting.map(|text| text.len() + 32).sum();
        if self.out.0.len() > 1 << 20 || waiting > MOST_WAITING {
            self.flush(visit).await?;
        }
        Ok(())
    }

    async fn flush(&mut self, visit: &mut Visit) -> Result<(), Ended> {
        if self.asked.is_empty() && self.parameters.is_empty() && self.heard.is_empty() {
            let out = std::mem::take(&mut self.out);
            return visit.send(&out.0).await;
        }
        let method = match (self.executed, self.asked.is_empty()) {
            (true, _) => "EXECUTE",
            (false, false) => "PARSE",
            (false, true) => "BIND",
        };
        self.deliver(visit, method).await
    }

    /// Records what was asked; then sends what there is to say to it.
    async fn deliver(&mut self, visit: &mut Visit, method: &str) -> Result<(), Ended> {
        let asked = std::mem::take(&mut self.asked);
        let parameters = std::mem::take(&mut self.parameters);
        let heard = std::mem::take(&mut self.heard);
        let parts = asked
            .iter()
            .chain(&parameters)
            .chain(&heard)
            .map(|text| (Carrier::Message, text.as_bytes()));
        let found = visit.recognise(&parts.collect::<Vec<_>>());
        let mut act: Act = self.startup.act(method);
        act.agent = self
            .world
            .setting("application_name")
            .unwrap_or_default()
            .to_owned();
        for text in &asked {
            act.capture("sql.statement", shown(text));
        }
        for text in parameters {
            act.capture("sql.parameter", text);
        }
        act.decoy = Some(self.account.decoy(true, method, 0));
        self.executed = false;
        visit.notice(found, act).await;
        let out = std::mem::take(&mut self.out);
        visit.send(&out.0).await
    }

    fn fail(&mut self) {
        if self.status == b'T' {
            self.status = b'E';
        }
    }

    /// A simple query: all its statements up to the first that fails.
    fn simple(&mut self, text: &str) {
        let parts = match statements(text, Dialect::Postgres) {
            Ok(parts) => parts,
            Err(wrong) => {
                let aborted = self.status == b'E';
                let fault = if aborted {
                    fault::aborted()
                } else {
                    fault::of(wrong, text)
                };
                fault.write("ERROR", &mut self.out);
                return self.fail();
            }
        };
        if parts.is_empty() {
            return self.out.empty(b'I');
        }
        for part in parts {
            match self.perform(&part, text, &[]) {
                Ok(done) => {
                    if let Some(answer) = &done.answer {
                        encode::description(&answer.columns, &[], &mut self.out);
                        encode::rows(answer, &[], 0, usize::MAX, &mut self.out);
                    }
                    self.complete(&done);
                }
                Err(fault) => {
                    fault.write("ERROR", &mut self.out);
                    return self.fail();
                }
            }
        }
    }

    fn complete(&mut self, done: &Done) {
        self.out.complete(&done.tag);
        for (name, value) in &done.reported {
            self.out.status(name, value);
        }
    }

    fn extended(&mut self, kind: u8, body: &[u8]) -> Result<(), Fault> {
        let malformed = || fault::violation("invalid message format");
        let mut reader = wire::Reader(body);
        match kind {
            b'P' => self.parse(wire::parse(body).ok_or_else(malformed)?),
            b'B' => self.bind(wire::bind(body).ok_or_else(malformed)?),
            b'D' => {
                let kind = reader.byte().ok_or_else(malformed)?;
                let name = reader.text().ok_or_else(malformed)?;
                self.describe(kind, &name)
            }
            b'E' => {
                let name = reader.text().ok_or_else(malformed)?;
                let most = reader.long().ok_or_else(malformed)? as usize;
                self.execute(&name, if most == 0 { usize::MAX } else { most })
            }
            _ => {
                let kind = reader.byte().ok_or_else(malformed)?;
                let name = reader.text().ok_or_else(malformed)?;
                let known = if kind == b'S' {
                    self.statements.remove(&name).is_some()
                } else {
                    self.portals.remove(&name).is_some()
                };
                // Closing what is not there is no error. A name that was not yet recorded could be bait.
                if !known {
                    self.hear(name.as_bytes());
                }
                self.out.empty(b'3');
                Ok(())
            }
        }
    }

    fn parse(&mut self, parse: Parse) -> Result<(), Fault> {
        let Parse { name, text, types } = parse;
        self.asked.push(text.clone());
        self.hear(name.as_bytes());
        let mut parts =
            statements(&text, Dialect::Postgres).map_err(|wrong| fault::of(wrong, &text))?;
        if parts.len() > 1 {
            let message = "cannot insert multiple commands into a prepared statement";
            return Err(Fault::new(
                "42601",
                message,
                ("postgres.c", 1437, "exec_parse_message"),
            ));
        }
        if !name.is_empty() && self.statements.contains_key(&name) {
            let message = format!("prepared statement \"{name}\" already exists");
            return Err(Fault::new(
                "42P05",
                message,
                ("prepare.c", 408, "StorePreparedStatement"),
            ));
        }
        let kept: usize = self.statements.values().map(|it| it.text.len()).sum();
        if self.statements.len() >= MOST_KEPT
            || kept + text.len() > LONGEST_KEPT
            || self.kept() + name.len() + text.len() > MOST_BYTES_KEPT
        {
            return Err(out_of_memory());
        }
        let part = parts.pop();
        if let Some(part) = &part {
            // What does not hold for any parameters is told at once.
            self.answer(part, &text, &[])?;
        }
        self.statements
            .insert(name, Arc::new(Prepared { text, part, types }));
        self.out.empty(b'1');
        Ok(())
    }

    fn bind(&mut self, bind: Bind) -> Result<(), Fault> {
        let Bind {
            portal,
            statement,
            values,
            formats,
        } = bind;
        self.hear(portal.as_bytes());
        let prepared = self.prepared(&statement)?;
        let wanted = prepared.part.as_ref().map_or(0, |part| part.parameters);
        if wanted > values.len() {
            let message = format!(
                "bind message supplies {} parameters, but prepared statement \"{statement}\" requires {wanted}",
                values.len()
            );
            return Err(Fault::new(
                "08P01",
                message,
                ("postgres.c", 1708, "exec_bind_message"),
            ));
        }
        // Its place is free for the new one.
        self.portals.remove(&portal);
        let value = |(at, (format, bytes)): (usize, &(u16, Option<Vec<u8>>))| {
            let oid = prepared.types.get(at).copied().unwrap_or(0);
            encode::parameter(*format, bytes.as_deref(), oid)
        };
        let values: Vec<Value> = values.iter().enumerate().map(value).collect();
        self.parameters
            .extend(values.iter().take(64).map(|value| shown(&value.show())));
        let new = Portal {
            prepared,
            values,
            formats,
            done: None,
        };
        if self.portals.len() >= MOST_KEPT
            || self.kept() + portal.len() + new.size() > MOST_BYTES_KEPT
        {
            return Err(out_of_memory());
        }
        self.portals.insert(portal, new);
        self.out.empty(b'2');
        Ok(())
    }

    /// About how many bytes statements and portals take.
    fn kept(&self) -> usize {
        let statements = self.statements.iter();
        let statements = statements.map(|(name, it)| name.len() + it.size());
        let portals = self.portals.iter();
        let portals = portals.map(|(name, it)| name.len() + it.size());
        statements.sum::<usize>() + portals.sum::<usize>()
    }

    fn prepared(&self, name: &str) -> Result<Arc<Prepared>, Fault> {
        self.statements.get(name).cloned().ok_or_else(|| {
            let message = match name {
                "" => "unnamed prepared statement does not exist".to_owned(),
                name => format!("prepared statement \"{name}\" does not exist"),
            };
            Fault::new(
                "26000",
                message,
                ("prepare.c", 451, "FetchPreparedStatement"),
            )
        })
    }

    fn describe(&mut self, kind: u8, name: &str) -> Result<(), Fault> {
        let (prepared, formats, values) = if kind == b'S' {
            (self.prepared(name)?, Vec::new(), Vec::new())
        } else {
            let portal = self.portals.get(name).ok_or_else(|| no_portal(name))?;
            (
                Arc::clone(&portal.prepared),
                portal.formats.clone(),
                portal.values.clone(),
            )
        };
        if kind == b'S' {
            let wanted = prepared
                .part
                .as_ref()
                .map_or(0, |part| part.parameters)
                .max(prepared.types.len())
                .min(wire::MOST_PARAMETERS);
            self.out.message(b't', |out| {
                out.extend_from_slice(&u16::try_from(wanted).unwrap_or(u16::MAX).to_be_bytes());
                for at in 0..wanted {
                    let oid = prepared
                        .types
                        .get(at)
                        .copied()
                        .filter(|oid| *oid != 0)
                        .unwrap_or(25);
                    out.extend_from_slice(&oid.to_be_bytes());
                }
            });
        }
        let answer = match &prepared.part {
            Some(part) => self.answer(part, &prepared.text, &values)?,
            None => None,
        };
        match answer {
            Some(answer) => encode::description(&answer.columns, &formats, &mut self.out),
            None => self.out.empty(b'n'),
        }
        Ok(())
    }

    fn execute(&mut self, name: &str, most: usize) -> Result<(), Fault> {
        let mut portal = self.portals.remove(name).ok_or_else(|| no_portal(name))?;
        let prepared = Arc::clone(&portal.prepared);
        let Some(part) = &prepared.part else {
            self.out.empty(b'I');
            return Ok(());
        };
        if !self.asked.contains(&prepared.text) {
            self.asked.push(prepared.text.clone());
        }
        self.executed = true;
        let (done, sent) = match portal.done.take() {
            Some(done) => done,
            None => (self.perform(part, &prepared.text, &portal.values)?, 0),
        };
        let all = done.answer.as_ref().map_or(0, |answer| answer.rows.len());
        if let Some(answer) = &done.answer {
            encode::rows(answer, &portal.formats, sent, most, &mut self.out);
        }
        if all - sent > most {
            self.out.empty(b's');
            portal.done = Some((done, sent + most));
            if self.kept() + name.len() + portal.size() > MOST_BYTES_KEPT {
                return Err(out_of_memory());
            }
            self.portals.insert(name.to_owned(), portal);
        } else {
            self.complete(&done);
            portal.done = Some((
                Done {
                    answer: done.answer.map(|_| Answer::default()),
                    ..done
                },
                0,
            ));
            self.portals.insert(name.to_owned(), portal);
        }
        Ok(())
    }
}

fn out_of_memory() -> Fault {
    Fault::new("53200", "out of memory", ("mcxt.c", 1112, "palloc"))
}

fn no_portal(name: &str) -> Fault {
    Fault::new(
        "34000",
        format!("portal \"{name}\" does not exist"),
        ("postgres.c", 2073, "exec_execute_message"),
    )
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

/// An encoding's name as the server reports it.
pub(super) fn encoding(name: &str) -> String {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    match plain.to_ascii_uppercase().as_str() {
        "UTF8" | "UNICODE" => "UTF8".to_owned(),
        "LATIN1" | "ISO88591" => "LATIN1".to_owned(),
        "SQLASCII" => "SQL_ASCII".to_owned(),
        other => other.to_owned(),
    }
}
