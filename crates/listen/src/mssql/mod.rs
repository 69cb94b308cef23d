//! Microsoft SQL Server: a login, and behind it a decoy database.
//!
//! With a certificate the login is encrypted, and the rest too if the client wants that; without one the server says that it
//! has no encryption, and clients that insist on it go no further than their first packet.

mod wire;
mod world;

use data_encoding::HEXLOWER;
use lapwing_core::Carrier;

use crate::database;
use crate::sql::{Budget, Dialect, Run, Statement, World as _, Wrong, statements};
use crate::visit::{Account, Act, Ended, Visit};
use wire::{Login, Out};
use world::{BUILD, Mssql};

/// Bytes of a statement that are recorded beside the raw bytes.
const LONGEST_SHOWN: usize = 16 << 10;
/// `DONE` flags: more to come, an error, rows were counted, attention.
const MORE: u16 = 1;
const ERROR: u16 = 2;
const COUNT: u16 = 0x10;
const ATTENTION: u16 = 0x20;

/// What is agreed on: `ENCRYPT_OFF`, that is for the login only, `ON` and `NOT_SUP`.
const LOGIN_ONLY: u8 = 0;
const ALL: u8 = 1;
const NO_ENCRYPTION: u8 = 2;

/// What comes of what a client wants ([MS-TDS] section 2.2.6.5), by a server that does not insist.
fn agree(client: Option<u8>, able: bool) -> u8 {
    match client {
        Some(0) if able => LOGIN_ONLY,
        // `ON` and `REQ`.
        Some(1 | 3) if able => ALL,
        _ => NO_ENCRYPTION,
    }
}

/// An error: its number, state, class and words.
struct Fault(i32, u8, u8, String);

/// Serves a connection.
pub(crate) async fn talk(visit: &mut Visit) -> Result<(), Ended> {
    let Some((kind, body)) = wire::message(visit).await? else {
        return Ok(());
    };
    let mut encryption = None;
    let (kind, body) = if kind == wire::PRELOGIN && wire::is_prelogin(&body) {
        encryption = wire::encryption(&body);
        let [major, minor, build, _] = BUILD;
        let [high, low] = build.to_be_bytes();
        let version = [major as u8, minor as u8, high, low, 0, 0];
        let agreed = agree(encryption, visit.station().tls.is_set());
        // It has no name in it: there is nothing to record yet.
        visit.send(&wire::prelogin(version, agreed)).await?;
        if agreed != NO_ENCRYPTION {
            visit.secure_in_packets(wire::PRELOGIN).await?;
        }
        let Some(message) = wire::message(visit).await? else {
            return Ok(());
        };
        if agreed == LOGIN_ONLY {
            visit.expose();
        }
        message
    } else {
        (kind, body)
    };
    if kind != wire::LOGIN {
        return Ok(());
    }
    let Some(login) = wire::login(&body) else {
        return Ok(());
    };
    let Some(account) = enter(visit, &login, encryption).await? else {
        return Ok(());
    };
    let session = Session::open(visit, login, account, encryption).await?;
    match session {
        Some(session) => Box::new(session).run(visit).await,
        None => Ok(()),
    }
}

impl Login {
    /// What every record of the connection says.
    fn act(&self, method: &str, encryption: Option<u8>) -> Act {
        let about = [
            ("workstation", self.host.clone()),
            ("library", self.library.clone()),
            ("program", self.program.clone()),
            ("server", self.server.clone()),
            ("language", self.language.clone()),
            ("pid", self.pid.to_string()),
            ("locale", format!("{:#06x}", self.locale)),
            ("client_id", HEXLOWER.encode(&self.client)),
        ];
        let about = about.into_iter().filter(|(_, value)| !value.is_empty());
        Act {
            protocol: format!("tds/{}.{}", self.version >> 28, (self.version >> 24) & 0xf),
            method: method.to_owned(),
            target: self.database.clone(),
            agent: self.program.clone(),
            about: about
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            traits: format!(
                "{:08x},{:08x},{},{encryption:?}",
                self.version, self.program_version, self.library
            ),
            ..Act::default()
        }
    }
}

/// Lets in who has the password of a canary that is in use.
async fn enter(
    visit: &mut Visit,
    login: &Login,
    encryption: Option<u8>,
) -> Result<Option<Account>, Ended> {
    let parts = [
        (Carrier::User, login.user.as_bytes()),
        (Carrier::Password, login.password.as_bytes()),
        (Carrier::Name, login.database.as_bytes()),
        (Carrier::Name, login.server.as_bytes()),
        (Carrier::Message, login.program.as_bytes()),
    ];
    let found = visit.recognise(&parts);
    let by_user = visit.recognise(&parts[..1]);
    let account = visit.account(&by_user);
    let mut act = login.act("LOGIN", encryption);
    act.capture("login.user", login.user.clone());
    act.capture("login.database", login.database.clone());
    let right = account
        .as_ref()
        .is_some_and(|account| account.knows(login.password.as_bytes()));
    let accepted = account
        .as_ref()
        .is_some_and(|account| account.opens(login.password.as_bytes()));
    act.decoy = account
        .as_ref()
        .map(|account| account.decoy(right, "LOGIN", 0));
    visit.notice(found, act).await;
    if accepted {
        visit.remember(&by_user);
        return Ok(account);
    }
    let mut out = Out::default();
    let (number, words) = if login.windows {
        (18452, "Login failed. The login is from an untrusted domain and cannot be used with Integrated authentication.".to_owned())
    } else {
        (18456, format!("Login failed for user '{}'.", login.user))
    };
    out.said(number, 1, 14, &words, &server(visit));
    out.done(ERROR, 0, 0);
    visit.send(&wire::packets(&out.0)).await?;
    Ok(None)
}

/// The host's name, as SQL Server has it.
fn server(visit: &Visit) -> String {
    let name = visit
        .station()
        .hostname
        .split('.')
        .next()
        .unwrap_or_default();
    name.chars().take(15).collect()
}

struct Session {
    world: Mssql,
    account: Account,
    encryption: Option<u8>,
    /// What is left for the statements of this batch.
    budget: Budget,
}

impl Session {
    async fn open(
        visit: &mut Visit,
        login: Login,
        account: Account,
        encryption: Option<u8>,
    ) -> Result<Option<Self>, Ended> {
        let own = database::open(visit.station(), &account).await;
        let station = visit.station();
        let wanted = if login.database.is_empty() {
            own.name.clone()
        } else {
            login.database.clone()
        };
        let world = Mssql {
            login,
            own,
            database: wanted.clone(),
            server: server(visit),
            spid: i64::try_from(station.system.number("mssql spid", 52, 70)).unwrap_or(52),
            now: station.clock.now(),
        };
        let session = Self {
            world,
            account,
            encryption,
            budget: Budget::default(),
        };
        let known = session
            .world
            .databases()
            .iter()
            .any(|name| name.eq_ignore_ascii_case(&wanted));
        let (server, mut out) = (&session.world.server, Out::default());
        if known {
            out.changed(1, &wanted, "master");
            out.said(
                5701,
                2,
                0,
                &format!("Changed database context to '{wanted}'."),
                server,
            );
            out.collation();
            out.changed(2, "us_english", "");
            out.said(
                5703,
                1,
                0,
                "Changed language setting to us_english.",
                server,
            );
            let [major, minor, build, _] = BUILD;
            let [high, low] = build.to_be_bytes();
            out.acknowledged([major as u8, minor as u8, high, low]);
            out.changed(4, "4096", "4096");
            out.done(0, 0, 0);
        } else {
            let user = &session.world.login.user;
            let words = format!(
                "Cannot open database \"{wanted}\" requested by the login. The login failed."
            );
            out.said(4060, 1, 11, &words, server);
            out.said(
                18456,
                1,
                14,
                &format!("Login failed for user '{user}'."),
                server,
            );
            out.done(ERROR, 0, 0);
        }
        visit.send(&wire::packets(&out.0)).await?;
        Ok(known.then_some(session))
    }

    async fn run(mut self: Box<Self>, visit: &mut Visit) -> Result<(), Ended> {
        loop {
            let Some((kind, body)) = wire::message(visit).await? else {
                return Ok(());
            };
            self.world.now = visit.station().clock.now();
            self.budget = Budget::default();
            let mut out = Out::default();
            let (method, asked) = match kind {
                wire::BATCH => ("BATCH", Some(wire::batch(&body))),
                wire::RPC => {
                    let (name, statement) = wire::call(&body);
                    (
                        "CALL",
                        Some(statement.unwrap_or_else(|| format!("EXEC {name}"))),
                    )
                }
                wire::ATTENTION => ("ATTENTION", None),
                wire::TRANSACTION => ("TRANSACTION", None),
                _ => return Ok(()),
            };
            match &asked {
                Some(text) => self.batch(text, &mut out),
                None => out.done(
                    if kind == wire::ATTENTION {
                        ATTENTION
                    } else {
                        0
                    },
                    0,
                    0,
                ),
            }
            let found = visit.recognise(&[(
                Carrier::Message,
                asked.as_deref().unwrap_or_default().as_bytes(),
            )]);
            let mut act = self.world.login.act(method, self.encryption);
            act.target.clone_from(&self.world.database);
            if let Some(text) = asked {
                let end = (0..=text.len().min(LONGEST_SHOWN))
                    .rev()
                    .find(|at| text.is_char_boundary(*at));
                act.capture("sql.statement", &text[..end.unwrap_or(0)]);
            }
            act.decoy = Some(self.account.decoy(true, method, 0));
            visit.notice(found, act).await;
            visit.send(&wire::packets(&out.0)).await?;
        }
    }

    /// Answers the statements of a batch as if they were done, up to the first that fails.
    fn batch(&mut self, text: &str, out: &mut Out) {
        let parts = match statements(text, Dialect::Mssql) {
            Ok(parts) => parts,
            Err(wrong) => return self.failed(&fault(wrong), out),
        };
        if parts.is_empty() {
            return out.done(0, 0, 0);
        }
        let last = parts.len() - 1;
        for (number, part) in parts.iter().enumerate() {
            let more = if number < last { MORE } else { 0 };
            if let Err(fault) = self.perform(&part.statement, more, out) {
                return self.failed(&fault, out);
            }
        }
    }

    fn failed(&self, fault: &Fault, out: &mut Out) {
        out.said(fault.0, fault.1, fault.2, &fault.3, &self.world.server);
        out.done(ERROR, 0, 0);
    }

    fn perform(&mut self, statement: &Statement, more: u16, out: &mut Out) -> Result<(), Fault> {
        match statement {
            Statement::Query(query) => {
                let answer = Run::new(&self.world, &[], &self.budget)
                    .answer(query)
                    .map_err(fault)?;
                out.answer(&answer);
                out.done(COUNT | more, 0xc1, answer.rows.len());
            }
            Statement::Insert { path, rows, at } => {
                if self.world.table(path).is_none() {
                    let name = path.last().cloned().unwrap_or_default();
                    return Err(fault(Wrong::Table {
                        schema: None,
                        name,
                        at: *at,
                    }));
                }
                out.done(COUNT | more, 0xc3, *rows);
            }
            Statement::Change { verb, rows, .. } => {
                let answer = Run::new(&self.world, &[], &self.budget)
                    .answer(rows)
                    .map_err(fault)?;
                out.done(
                    COUNT | more,
                    if *verb == "DELETE" { 0xc4 } else { 0xc5 },
                    answer.rows.len(),
                );
            }
            Statement::Other(words) => self.other(words, more, out)?,
        }
        Ok(())
    }

    fn other(&mut self, words: &[String], more: u16, out: &mut Out) -> Result<(), Fault> {
        let word = |at: usize| words.get(at).map_or("", String::as_str);
        match word(0) {
            "USE" => {
                let name = word(1).trim_matches(['[', ']', '"']).to_owned();
                let known = self
                    .world
                    .databases()
                    .into_iter()
                    .find(|known| known.eq_ignore_ascii_case(&name));
                let Some(name) = known else {
                    let words = format!(
                        "Database '{}' does not exist. Make sure that the name is entered correctly.",
                        name.to_lowercase()
                    );
                    return Err(Fault(911, 1, 16, words));
                };
                out.changed(1, &name, &self.world.database);
                out.said(
                    5701,
                    1,
                    0,
                    &format!("Changed database context to '{name}'."),
                    &self.world.server,
                );
                self.world.database = name;
            }
            "EXEC" | "EXECUTE" => execute(words)?,
            "RECONFIGURE" | "SHUTDOWN" | "BACKUP" | "RESTORE" | "KILL" | "BULK" => {
                return Err(Fault(
                    5812,
                    1,
                    14,
                    format!(
                        "You do not have permission to run the {} statement.",
                        word(0)
                    ),
                ));
            }
            "SET" | "BEGIN" | "COMMIT" | "ROLLBACK" | "IF" | "DECLARE" | "PRINT" | "CREATE"
            | "DROP" | "ALTER" | "TRUNCATE" | "GRANT" | "REVOKE" | "DENY" | "GO" | "SAVE"
            | "WAITFOR" | "MERGE" | "CHECKPOINT" => {}
            other => {
                return Err(Fault(
                    2812,
                    62,
                    16,
                    format!(
                        "Could not find stored procedure '{}'.",
                        other.to_lowercase()
                    ),
                ));
            }
        }
        out.done(more, 0, 0);
        Ok(())
    }
}

/// A procedure: those that keep a connection are done, the others are not for this login, or not there.
fn execute(words: &[String]) -> Result<(), Fault> {
    let procedure = words.iter().rev().find(|word| {
        word.to_lowercase().starts_with("xp_") || word.to_lowercase().starts_with("sp_")
    });
    let name = procedure
        .or(words.get(1))
        .map_or("", String::as_str)
        .to_lowercase();
    if matches!(
        name.as_str(),
        "sp_reset_connection" | "sp_unprepare" | "sp_execute" | "sp_cursor"
    ) {
        return Ok(());
    }
    if name.starts_with("xp_")
        || matches!(
            name.as_str(),
            "sp_configure" | "sp_oacreate" | "sp_addsrvrolemember"
        )
    {
        let words = format!(
            "The EXECUTE permission was denied on the object '{name}', database 'mssqlsystemresource', schema 'sys'."
        );
        return Err(Fault(229, 5, 14, words));
    }
    Err(Fault(
        2812,
        62,
        16,
        format!("Could not find stored procedure '{name}'."),
    ))
}

/// What is wrong, in SQL Server's words.
fn fault(wrong: Wrong) -> Fault {
    match wrong {
        Wrong::Syntax { near, .. } => Fault(102, 1, 15, format!("Incorrect syntax near '{near}'.")),
        Wrong::Open { .. } => Fault(
            105,
            1,
            15,
            "Unclosed quotation mark after the character string ''.".to_owned(),
        ),
        Wrong::Table { schema, name, .. } => {
            let full = schema.map_or(name.clone(), |schema| format!("{schema}.{name}"));
            Fault(208, 1, 16, format!("Invalid object name '{full}'."))
        }
        Wrong::Column { name, .. } => Fault(207, 1, 16, format!("Invalid column name '{name}'.")),
        Wrong::Function { name, .. } => Fault(
            195,
            10,
            15,
            format!("'{name}' is not a recognized built-in function name."),
        ),
        Wrong::Zero => Fault(8134, 1, 16, "Divide by zero error encountered.".to_owned()),
        Wrong::TooMuch => Fault(
            8623,
            1,
            16,
            "The query processor ran out of internal resources and could not produce a query plan."
                .to_owned(),
        ),
    }
}
