//! MongoDB: a server that asks who it is (SCRAM-SHA-256 and SCRAM-SHA-1), and behind it the collections of a decoy
//! database. (<https://www.mongodb.com/docs/manual/reference/command/>)
//!
//! A user that is not there goes through the same exchange as one that is.

mod answer;
mod bson;
mod find;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use data_encoding::HEXLOWER;
use lapwing_core::Carrier;
use md5::{Digest as _, Md5};
use rand::RngExt as _;

use crate::database::{self, Database};
use crate::scram::{Exchange, Final, First, Hash};
use crate::visit::{Account, Act, Ended, Visit};
use answer::{Server, failed};
use bson::{Bson, Document, document, get};
use wire::Command;

/// MongoDB: `scramIterationCount` and `scramSHA256IterationCount`.
const ROUNDS_SHA1: u32 = 10_000;
const ROUNDS_SHA256: u32 = 15_000;
/// Longest time that a client that watches is kept waiting, as it asks to be.
const LONGEST_WAIT: u64 = 10_000;
/// Bytes of a command that are recorded beside the raw bytes.
const LONGEST_SHOWN: usize = 16 << 10;
/// Failed logins of one connection: each proof costs the computer as much as the client's costs it.
const MOST_FAILURES: u32 = 10;
/// Members of commands that hold secrets, or may.
const SECRET: &[&str] = &["pwd", "payload", "customData"];

/// Serves a connection.
pub(crate) async fn talk(visit: &mut Visit) -> Result<(), Ended> {
    let connection = i32::try_from(visit.station().system.next_thread()).unwrap_or(1);
    let mut session = Box::new(Session {
        server: Server::of(visit, connection),
        client: Document::new(),
        login: None,
        account: None,
        number: 1,
        failures: 0,
    });
    visit.at_least(4).await?;
    if visit.peek().starts_with(b"GET ") {
        return over_http(visit).await;
    }
    loop {
        let Some(command) = wire::command(visit).await? else {
            return Ok(());
        };
        session.server.now = visit.station().clock.now();
        let body = session.answer(visit, &command).await;
        session.wait(visit, &command).await;
        if !command.silent {
            let reply = wire::reply(&command, session.number, &body);
            session.number = session.number.wrapping_add(1);
            visit.send(&reply).await?;
        }
        if session.failures >= MOST_FAILURES {
            return Ok(());
        }
    }
}

/// What a server says to a browser.
async fn over_http(visit: &mut Visit) -> Result<(), Ended> {
    let line = visit.line(LONGEST_SHOWN).await?;
    let found = visit.recognise(&[(Carrier::Message, &line)]);
    let act = Act {
        protocol: "mongodb".to_owned(),
        method: "GET".to_owned(),
        ..Act::default()
    };
    visit.notice(found, act).await;
    let text =
        "It looks like you are trying to access MongoDB over HTTP on the native driver port.\r\n";
    let head =
        "HTTP/1.0 200 OK\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 85";
    visit.send(format!("{head}\r\n\r\n{text}").as_bytes()).await
}

/// A login under way.
struct Login {
    exchange: Exchange,
    user: String,
    /// Whether its proof was right; what is left is a message without content.
    accepted: bool,
    /// Whether the client skips that.
    short: bool,
}

struct Session {
    server: Server,
    /// What the client says of itself.
    client: Document,
    login: Option<Login>,
    account: Option<(Account, Arc<Database>)>,
    number: i32,
    /// Logins that failed.
    failures: u32,
}

impl Session {
    /// A client that watches the server asks to wait until something changes.
    async fn wait(&self, visit: &Visit, command: &Command) {
        let most = get(&command.body, "maxAwaitTimeMS").and_then(Bson::as_count);
        if let (Some(most), Some(_)) = (most, get(&command.body, "topologyVersion")) {
            let most = u64::try_from(most)
                .unwrap_or(LONGEST_WAIT)
                .min(LONGEST_WAIT);
            visit.pause(Duration::from_millis(most)).await;
        }
    }

    /// What every record of the connection says.
    fn act(&self, command: &Command, method: &str) -> Act {
        let part = |one: &str, two: &str| {
            let inner = get(&self.client, one).and_then(Bson::as_document)?;
            get(inner, two).and_then(Bson::as_text).map(str::to_owned)
        };
        let mut about = Vec::new();
        for (one, two) in [
            ("application", "name"),
            ("driver", "name"),
            ("driver", "version"),
            ("os", "type"),
            ("os", "name"),
            ("os", "architecture"),
            ("os", "version"),
        ] {
            about.extend(part(one, two).map(|value| (format!("{one}.{two}"), value)));
        }
        let platform = get(&self.client, "platform").and_then(Bson::as_text);
        about.extend(platform.map(|value| ("platform".to_owned(), value.to_owned())));
        let driver = format!(
            "{} {}",
            part("driver", "name").unwrap_or_default(),
            part("driver", "version").unwrap_or_default()
        );
        let driver = driver.trim().to_owned();
        Act {
            protocol: if command.old {
                "mongodb/op_query"
            } else {
                "mongodb/op_msg"
            }
            .to_owned(),
            method: method.to_owned(),
            target: command.database.clone(),
            agent: part("application", "name")
                .map_or(driver.clone(), |name| format!("{name} ({driver})")),
            traits: format!("{driver},{}", platform.unwrap_or_default()),
            about,
            ..Act::default()
        }
    }

    /// Records a command; gives what is then said to it.
    async fn answer(&mut self, visit: &mut Visit, command: &Command) -> Document {
        let name = command.name().to_owned();
        match name.as_str() {
            "hello" | "isMaster" | "ismaster" => return self.hello(visit, command).await,
            "saslStart" => {
                let (found, reply) = self.begin(visit, &command.body, &command.database);
                let mut act = self.act(command, "SASL_START");
                self.name_user(&mut act);
                visit.notice(found, act).await;
                return reply;
            }
            "saslContinue" => return self.go_on(visit, command).await,
            _ => {}
        }
        let known = ["buildInfo", "buildinfo", "getnonce", "authenticate"];
        if command.old && !known.contains(&name.as_str()) {
            let words = format!(
                "Unsupported OP_QUERY command: {name}. The client driver may require an upgrade. For more details see \
                 https://dochub.mongodb.org/core/legacy-opcode-removal"
            );
            let text = in_words(&public(&command.body));
            let found = visit.recognise(&[(Carrier::Message, text.as_bytes())]);
            visit.notice(found, self.act(command, "OP_QUERY")).await;
            return failed(352, "UnsupportedOpQueryCommand", &words);
        }
        let mut shown = public(&command.body);
        let found = visit.recognise(&[(Carrier::Message, in_words(&shown).as_bytes())]);
        veil(&mut shown);
        let text = in_words(&shown);
        let (own, reply) = match &self.account {
            Some((account, database)) => (
                Some(account),
                self.server.obey(&name, command, database, &account.canary),
            ),
            None => (None, self.server.refuse(&name)),
        };
        let mut act = self.act(command, &name.to_uppercase());
        act.capture("mongodb.command", text);
        act.decoy = own.map(|account| account.decoy(true, &name, 0));
        visit.notice(found, act).await;
        reply
    }

    fn name_user(&self, act: &mut Act) {
        if let Some(login) = &self.login {
            act.capture("login.user", login.user.clone());
        }
    }

    /// What a connection begins with; a login may begin in it.
    async fn hello(&mut self, visit: &mut Visit, command: &Command) -> Document {
        if let Some(Bson::Document(client)) = get(&command.body, "client") {
            self.client.clone_from(client);
            self.client.truncate(16);
        }
        let mut body = self.server.hello(command);
        let mut act = self.act(command, "HELLO");
        let mut found = Vec::new();
        if let Some(Bson::Document(start)) = get(&command.body, "speculativeAuthenticate") {
            let source = get(start, "db")
                .and_then(Bson::as_text)
                .unwrap_or("admin")
                .to_owned();
            let (recognised, reply) = self.begin(visit, start, &source);
            found = recognised;
            self.name_user(&mut act);
            if get(&reply, "payload").is_some() {
                let at = body.len() - 1;
                body.insert(
                    at,
                    ("speculativeAuthenticate".to_owned(), Bson::Document(reply)),
                );
            }
        }
        visit.notice(found, act).await;
        body
    }

    /// `saslStart`: the first message of SCRAM.
    fn begin(
        &mut self,
        visit: &Visit,
        start: &Document,
        _: &str,
    ) -> (Vec<crate::station::Recognised>, Document) {
        let hash = match get(start, "mechanism").and_then(Bson::as_text) {
            Some("SCRAM-SHA-256") => Hash::Sha256,
            Some("SCRAM-SHA-1") => Hash::Sha1,
            other => {
                let words = format!(
                    "Received authentication for mechanism {} which is not enabled",
                    other.unwrap_or_default()
                );
                return (
                    searched(visit, start),
                    failed(334, "MechanismUnavailable", &words),
                );
            }
        };
        let first = match get(start, "payload") {
            Some(Bson::Binary(bytes)) => First::parse(&String::from_utf8_lossy(bytes)),
            _ => None,
        };
        let Some(first) = first else {
            return (searched(visit, start), denied());
        };
        let user = first.user.clone();
        let found = visit.recognise(&[(Carrier::User, user.as_bytes())]);
        let salt = visit
            .station()
            .system
            .bytes(&format!("mongodb salt {hash:?} {user}"));
        let (length, rounds) = match hash {
            Hash::Sha1 => (16, ROUNDS_SHA1),
            Hash::Sha256 => (28, ROUNDS_SHA256),
        };
        let nonce: [u8; 24] = rand::rng().random();
        let exchange = Exchange::begin(hash, first, &salt[..length], rounds, &nonce);
        let options = get(start, "options").and_then(Bson::as_document);
        let short = options
            .and_then(|options| get(options, "skipEmptyExchange"))
            .is_some_and(Bson::truth);
        let reply = step(false, exchange.answer.as_bytes());
        self.login = Some(Login {
            exchange,
            user,
            accepted: false,
            short,
        });
        (found, reply)
    }

    /// `saslContinue`: the proof; and a message without content.
    async fn go_on(&mut self, visit: &mut Visit, command: &Command) -> Document {
        let Some(mut login) = self.login.take() else {
            visit
                .notice(Vec::new(), self.act(command, "SASL_CONTINUE"))
                .await;
            return failed(17, "ProtocolError", "No SASL session state found");
        };
        let mut act = self.act(
            command,
            if login.accepted {
                "SASL_CONTINUE"
            } else {
                "LOGIN"
            },
        );
        act.capture("login.user", login.user.clone());
        if login.accepted {
            visit.notice(Vec::new(), act).await;
            return step(true, b"");
        }
        let found = visit.recognise(&[(Carrier::User, login.user.as_bytes())]);
        let account = visit.account(&found);
        let password = account
            .as_ref()
            .and_then(|account| account.password.clone());
        // Nobody has this one, and checking it takes as long.
        let nobody = || HEXLOWER.encode(&visit.station().system.bytes("nobody"));
        let password = password.unwrap_or_else(nobody);
        let payload = match get(&command.body, "payload") {
            Some(Bson::Binary(bytes)) => Final::parse(&String::from_utf8_lossy(bytes)),
            _ => None,
        };
        let proof = match payload {
            Some(end) => {
                let password = login.secret(&password);
                login.exchange.clone().proved(end, password).await
            }
            None => None,
        };
        let right = proof.is_some() && account.is_some();
        let accepted = right
            && account
                .as_ref()
                .is_some_and(|account| account.canary.retired.is_none());
        act.decoy = account
            .as_ref()
            .map(|account| account.decoy(right, "LOGIN", 0));
        visit.notice(found.clone(), act).await;
        let (Some(account), Some(proof), true) = (account, proof, accepted) else {
            self.failures += 1;
            return denied();
        };
        visit.remember(&found);
        let own = database::open(visit.station(), &account).await;
        self.account = Some((account, own));
        login.accepted = true;
        let short = login.short;
        if !short {
            self.login = Some(login);
        }
        step(short, format!("v={proof}").as_bytes())
    }
}

impl Login {
    /// What stands for the password: SCRAM-SHA-1 is over the digest that older mechanisms kept.
    fn secret(&self, password: &str) -> String {
        if self.exchange.hash() == Hash::Sha256 {
            return password.to_owned();
        }
        HEXLOWER.encode(&Md5::digest(format!("{}:mongo:{password}", self.user)))
    }
}

/// A command without what drivers add to each.
fn public(body: &Document) -> Document {
    let private = |name: &str| {
        matches!(
            name,
            "lsid" | "$clusterTime" | "$db" | "$readPreference" | "txnNumber"
        )
    };
    let pairs = body.iter().filter(|(name, _)| !private(name));
    pairs.cloned().collect()
}

/// What is found in a login of a kind that is not spoken here: its words, and what its payload is made of
/// (RFC 4616 parts user and password by a zero byte, RFC 7628 its values by a one).
fn searched(visit: &Visit, start: &Document) -> Vec<crate::station::Recognised> {
    let words = in_words(start);
    let payload = match get(start, "payload") {
        Some(Bson::Binary(bytes)) => &bytes[..bytes.len().min(LONGEST_SHOWN)],
        _ => &[],
    };
    let values = payload.split(|byte| *byte <= 1);
    let mut parts: Vec<(Carrier, &[u8])> = values.map(|value| (Carrier::Message, value)).collect();
    parts.push((Carrier::Message, words.as_bytes()));
    visit.recognise(&parts)
}

/// A command as text, as far as it is shown.
fn in_words(body: &Document) -> String {
    let mut text = String::new();
    bson::show(body, &mut text);
    text.truncate(text.floor_char_boundary(LONGEST_SHOWN));
    text
}

/// Takes the secrets out, however deep they stand: passwords of others have no place in a record.
fn veil(body: &mut Document) {
    for (name, value) in body {
        match SECRET.contains(&name.as_str()) {
            true => *value = Bson::text("..."),
            false => veil_value(value),
        }
    }
}

fn veil_value(value: &mut Bson) {
    match value {
        Bson::Document(inner) => veil(inner),
        Bson::Array(list) => list.iter_mut().for_each(veil_value),
        _ => {}
    }
}

fn step(done: bool, payload: &[u8]) -> Document {
    document([
        ("conversationId", Bson::Int(1)),
        ("done", Bson::Bool(done)),
        ("payload", Bson::Binary(payload.to_vec())),
        ("ok", Bson::Double(1.0)),
    ])
}

fn denied() -> Document {
    failed(18, "AuthenticationFailed", "Authentication failed.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let inner = document([("pwd", Bson::text("hidden")), ("user", Bson::text("a"))]);
        let list = Bson::Array(vec![Bson::Document(inner.clone())]);
        let mut body = document([("x", Bson::Document(inner)), ("y", list)]);
        veil(&mut body);
        let text = in_words(&body);
        assert!(
            !text.contains("hidden") && text.matches("...").count() == 2,
            "{text}"
        );
    }
}
