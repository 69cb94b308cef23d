//! SMTP: a Postfix that takes mail for its own domain, and from whoever logs in (RFC 5321, RFC 3030, RFC 4954). Its words are those
//! of smtpd.c and smtpd_check.c; its mailboxes are the ones that bait names, everybody else is unknown to it.
//!
//! A recipient that is bait is recorded when it is named, before it is taken: whoever only asks whether a
//! mailbox is there has used it. The message is recorded again at its end, whole, before it is taken. No mail
//! goes anywhere.

mod command;
mod login;
mod message;

use lapwing_core::{Carrier, DecoyOutcome, DecoyRecord, Timestamp};

use crate::connection::Place;
use crate::gate::Hold;
use crate::station::Recognised;
use crate::system::System;
use crate::visit::{Account, Act, Ended, Visit};
use command::{Command, Path, Wrong};

/// Postfix: `line_length_limit`, `message_size_limit`, `smtpd_hard_error_limit`, `smtpd_recipient_limit`.
const LONGEST_LINE: usize = 2048;
const LONGEST_MESSAGE: usize = 10_240_000;
const MOST_ERRORS: u32 = 20;
const MOST_RECIPIENTS: usize = 1000;

/// Recipients whose addresses are kept with a message.
const KEPT: usize = 50;

/// A piece of a message that is read at once.
const PIECE: usize = 64 << 10;

/// Commands that no mail client sends; whoever does speaks HTTP (`smtpd_forbidden_commands`).
const FORBIDDEN: &[&str] = &["CONNECT", "GET", "POST"];

/// Serves a connection.
pub(crate) async fn talk(visit: &mut Visit) -> Result<(), Ended> {
    let station = visit.station();
    let mut session = Session {
        system: station.system.clone(),
        host: station.hostname.clone(),
        domain: station.mail_domain.clone(),
        offers_tls: station.tls.is_set(),
        secure: visit.is_secure(),
        hello: None,
        extended: false,
        account: None,
        sender: None,
        recipients: Vec::new(),
        tried: false,
        body: None,
        parameters: Vec::new(),
        errors: 0,
    };
    let distribution = match session.system.release.distribution {
        "Debian" => "Debian/GNU",
        other => other,
    };
    let greeting = format!("220 {} ESMTP Postfix ({distribution})\r\n", session.host);
    visit.send(greeting.as_bytes()).await?;
    loop {
        let line = visit.line(LONGEST_LINE).await?;
        let whole = line.ends_with(b"\n");
        let mut rest = whole;
        while !rest {
            rest = visit.line(LONGEST_LINE).await?.ends_with(b"\n");
        }
        let command = command::read(&line).filter(|_| whole);
        let Next { mut reply, then } = session.step(visit, command).await?;
        if reply.starts_with(['4', '5']) {
            session.errors += 1;
        }
        let over = session.errors > MOST_ERRORS;
        if over {
            reply = format!("421 4.7.0 {} Error: too many errors", session.host);
        }
        visit.send(format!("{reply}\r\n").as_bytes()).await?;
        match then {
            _ if over => return Ok(()),
            Then::On => {}
            Then::End => return Ok(()),
            Then::Secure => {
                visit.secure().await?;
                session.secured();
            }
        }
    }
}

/// What is said to a command, and what comes after.
struct Next {
    reply: String,
    then: Then,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    On,
    End,
    Secure,
}

struct Session {
    system: System,
    host: String,
    /// Whose mail is taken.
    domain: String,
    offers_tls: bool,
    secure: bool,
    /// The name the client gave itself.
    hello: Option<String>,
    /// Whether it said EHLO.
    extended: bool,
    /// Who is logged in.
    account: Option<Account>,
    sender: Option<String>,
    recipients: Vec<Recipient>,
    /// Whether any recipient was named.
    tried: bool,
    /// A message that comes in chunks.
    body: Option<Body>,
    /// Of MAIL, as sent.
    parameters: Vec<(String, String)>,
    errors: u32,
}

struct Recipient {
    address: String,
    found: Vec<Recognised>,
}

impl Session {
    /// Records a command; gives what is then said to it.
    async fn step(&mut self, visit: &mut Visit, command: Option<Command>) -> Result<Next, Ended> {
        let Some(Command { verb, rest }) = command else {
            self.count(visit, "", "", 500).await;
            return Ok(on("500 5.5.2 Error: bad syntax"));
        };
        let reply = match verb.as_str() {
            "MAIL" => self.mail(visit, &rest).await,
            "RCPT" => self.recipient(visit, &rest).await,
            "VRFY" => self.verify(visit, &rest).await,
            "DATA" => self.data(visit, &rest).await?,
            "BDAT" => self.chunk(visit, &rest).await?,
            "AUTH" => self.log_in(visit, &rest).await?,
            _ => {
                let next = self.simple(&verb, &rest);
                let code = next.reply.get(..3).and_then(|code| code.parse().ok());
                self.count(visit, &verb, &rest, code.unwrap_or(0)).await;
                return Ok(next);
            }
        };
        Ok(on(&reply))
    }

    /// Commands that carry nothing.
    fn simple(&mut self, verb: &str, rest: &str) -> Next {
        let reply = match verb {
            "HELO" | "EHLO" => self.greet(verb, rest),
            "RSET" if !rest.is_empty() => "501 5.5.4 Syntax: RSET".to_owned(),
            "RSET" => {
                self.reset();
                "250 2.0.0 Ok".to_owned()
            }
            "NOOP" => "250 2.0.0 Ok".to_owned(),
            "QUIT" => return next("221 2.0.0 Bye", Then::End),
            "STARTTLS" if !self.offers_tls => "502 5.5.1 Error: command not implemented".to_owned(),
            "STARTTLS" if !rest.is_empty() => "501 5.5.4 Syntax: STARTTLS".to_owned(),
            "STARTTLS" if self.secure => "554 5.5.1 Error: TLS already active".to_owned(),
            "STARTTLS" => return next("220 2.0.0 Ready to start TLS", Then::Secure),
            "ETRN" if rest.is_empty() => "500 Syntax: ETRN domain".to_owned(),
            "ETRN" => format!("459 <{rest}>: service unavailable"),
            _ if FORBIDDEN.contains(&verb) || verb.ends_with(':') => {
                return next(
                    "221 2.7.0 Error: I can break rules, too. Goodbye.",
                    Then::End,
                );
            }
            _ => "502 5.5.2 Error: command not recognized".to_owned(),
        };
        on(&reply)
    }

    fn greet(&mut self, verb: &str, rest: &str) -> String {
        if rest.is_empty() {
            return format!("501 Syntax: {verb} hostname");
        }
        self.reset();
        self.hello = Some(rest.to_owned());
        self.extended = verb == "EHLO";
        if !self.extended {
            return format!("250 {}", self.host);
        }
        let mut lines = vec![
            self.host.clone(),
            "PIPELINING".to_owned(),
            format!("SIZE {LONGEST_MESSAGE}"),
            "VRFY".to_owned(),
            "ETRN".to_owned(),
        ];
        if self.offers_tls && !self.secure {
            lines.push("STARTTLS".to_owned());
        }
        lines.push("AUTH PLAIN LOGIN CRAM-MD5".to_owned());
        lines.extend(
            [
                "ENHANCEDSTATUSCODES",
                "8BITMIME",
                "DSN",
                "SMTPUTF8",
                "CHUNKING",
            ]
            .map(str::to_owned),
        );
        let last = lines.len() - 1;
        let lines = lines.into_iter().enumerate().map(|(at, line)| {
            let joint = if at == last { ' ' } else { '-' };
            format!("250{joint}{line}")
        });
        lines.collect::<Vec<_>>().join("\r\n")
    }

    async fn mail(&mut self, visit: &mut Visit, rest: &str) -> String {
        let (path, reply) = match command::path(rest, "FROM") {
            _ if self.sender.is_some() => (None, "503 5.5.1 Error: nested MAIL command".to_owned()),
            Err(Wrong::Syntax) => (None, "501 5.5.4 Syntax: MAIL FROM:<address>".to_owned()),
            Err(Wrong::Address) => (None, "501 5.1.7 Bad sender address syntax".to_owned()),
            Ok(path) => match unknown(&path, &["SIZE", "BODY", "AUTH", "RET", "ENVID", "SMTPUTF8"])
            {
                Some(reply) => (None, reply),
                None if too_big(&path) => (None, TOO_BIG.to_owned()),
                None => (Some(path), "250 2.1.0 Ok".to_owned()),
            },
        };
        let found;
        let mut act = self.act("MAIL", code_of(&reply));
        act.target = rest.to_owned();
        if let Some(Path {
            address,
            parameters,
        }) = path
        {
            found = visit.recognise(&[(Carrier::Mailbox, address.as_bytes())]);
            act.capture("mail.from", address.clone());
            self.sender = Some(address);
            self.parameters = parameters;
        } else {
            found = visit.recognise(&[(Carrier::Message, rest.as_bytes())]);
        }
        Self::note_decoy(&mut act, &found, code_of(&reply));
        visit.notice(found, act).await;
        reply
    }

    async fn recipient(&mut self, visit: &mut Visit, rest: &str) -> String {
        let mut found = Vec::new();
        let (address, reply) = match command::path(rest, "TO") {
            _ if self.sender.is_none() => (None, "503 5.5.1 Error: need MAIL command".to_owned()),
            Err(Wrong::Syntax) => (None, "501 5.5.4 Syntax: RCPT TO:<address>".to_owned()),
            Ok(path) if path.address.is_empty() => (None, BAD_RECIPIENT.to_owned()),
            Err(Wrong::Address) => (None, BAD_RECIPIENT.to_owned()),
            Ok(path) => match unknown(&path, &["NOTIFY", "ORCPT"]) {
                Some(reply) => (None, reply),
                None => {
                    self.tried = true;
                    found = mailbox(visit, &path.address);
                    let reply = self.admits(&path.address, &found);
                    (
                        Some(path.address),
                        reply.unwrap_or_else(|| "250 2.1.5 Ok".to_owned()),
                    )
                }
            },
        };
        let mut act = self.act("RCPT", code_of(&reply));
        act.target = match &address {
            Some(address) => self.told(rest, address, &found),
            // Not taken, which does not tell whose it is.
            None => {
                found = visit.recognise(&[(Carrier::Message, rest.as_bytes())]);
                self.told(rest, rest.trim_end_matches('>'), &found)
            }
        };
        if let Some(address) = address {
            act.capture("mail.to", self.shown(&address, &found));
            if reply.starts_with('2') {
                let found = found.clone();
                self.recipients.push(Recipient { address, found });
            }
        }
        Self::note_decoy(&mut act, &found, code_of(&reply));
        visit.notice(found, act).await;
        reply
    }

    /// Why a recipient is not taken.
    fn admits(&self, address: &str, found: &[Recognised]) -> Option<String> {
        if self.recipients.len() >= MOST_RECIPIENTS {
            return Some("452 4.5.3 Error: too many recipients".to_owned());
        }
        if self.account.is_some() || !found.is_empty() {
            return None;
        }
        Some(match address.rsplit_once('@') {
            Some((_, domain)) if !self.is_ours(domain) => {
                format!("454 4.7.1 <{address}>: Relay access denied")
            }
            _ => format!(
                "550 5.1.1 <{address}>: Recipient address rejected: User unknown in local recipient table"
            ),
        })
    }

    fn is_ours(&self, domain: &str) -> bool {
        [&self.domain, &self.host]
            .into_iter()
            .any(|own| own.eq_ignore_ascii_case(domain))
    }

    async fn verify(&mut self, visit: &mut Visit, rest: &str) -> String {
        let address = rest.trim_start_matches('<').trim_end_matches('>');
        let found = mailbox(visit, address);
        let reply = match address {
            "" => "501 5.5.4 Syntax: VRFY address".to_owned(),
            _ => (self.admits(address, &found)).unwrap_or_else(|| format!("252 2.0.0 {address}")),
        };
        let mut act = self.act("VRFY", code_of(&reply));
        act.target = self.told(rest, address, &found);
        act.capture("mail.to", self.shown(address, &found));
        Self::note_decoy(&mut act, &found, code_of(&reply));
        visit.notice(found, act).await;
        reply
    }

    /// Why no message may come now.
    fn untimely(&self) -> Option<&'static str> {
        match (self.recipients.is_empty(), self.tried) {
            (false, _) => None,
            (true, true) => Some("554 5.5.1 Error: no valid recipients"),
            (true, false) => Some("503 5.5.1 Error: need RCPT command"),
        }
    }

    async fn data(&mut self, visit: &mut Visit, rest: &str) -> Result<String, Ended> {
        let refusal = match self.untimely() {
            _ if !rest.is_empty() => Some("501 5.5.4 Syntax: DATA"),
            None if self.body.is_some() => Some("503 5.5.1 Error: DATA after BDAT"),
            untimely => untimely,
        };
        if let Some(refusal) = refusal {
            self.count(visit, "DATA", rest, code_of(refusal)).await;
            return Ok(refusal.to_owned());
        }
        self.count(visit, "DATA", "", 354).await;
        visit
            .send(b"354 End data with <CR><LF>.<CR><LF>\r\n")
            .await?;
        let mut body = Body::default();
        let mut fresh = true;
        loop {
            let line = visit.line(PIECE).await?;
            let ended = line.ends_with(b"\n");
            if fresh && matches!(&line[..], b".\r\n" | b".\n") {
                break;
            }
            // RFC 5321 section 4.5.2.
            let stuffed = usize::from(fresh && line.first() == Some(&b'.'));
            body.push(visit, &line[stuffed..]);
            fresh = ended;
        }
        Ok(self.message(visit, body).await)
    }

    /// RFC 3030.
    async fn chunk(&mut self, visit: &mut Visit, rest: &str) -> Result<String, Ended> {
        let mut words = rest.split_ascii_whitespace();
        let size = words.next().and_then(|size| size.parse::<usize>().ok());
        let last = words.next().map(|word| word.eq_ignore_ascii_case("LAST"));
        let (Some(mut left), Some(true) | None, None) = (size, last, words.next()) else {
            self.count(visit, "BDAT", rest, 501).await;
            return Ok("501 5.5.4 Syntax: BDAT count [LAST]".to_owned());
        };
        let size = left;
        let mut body = self.body.take().unwrap_or_default();
        while left > 0 {
            let piece = visit.exact(left.min(PIECE)).await?;
            left -= piece.len();
            body.push(visit, &piece);
        }
        if let Some(refusal) = self.untimely() {
            self.count(visit, "BDAT", rest, code_of(refusal)).await;
            return Ok(refusal.to_owned());
        }
        if last.is_some() {
            return Ok(self.message(visit, body).await);
        }
        self.body = Some(body);
        self.count(visit, "BDAT", rest, 250).await;
        Ok(format!("250 2.0.0 Ok: {size} bytes"))
    }

    /// Records a message with its envelope, then takes it or says why not.
    async fn message(&mut self, visit: &mut Visit, body: Body) -> String {
        let reply = match body.trouble {
            Some(Trouble::Long) => "552 5.3.4 Error: message file too big".to_owned(),
            Some(Trouble::Room) => "451 4.3.0 Error: queue file write error".to_owned(),
            None => format!(
                "250 2.0.0 Ok: queued as {}",
                queue_id(visit.station().clock.now())
            ),
        };
        let described = message::describe(&body.bytes);
        let mut found: Vec<Recognised> = Vec::new();
        for recipient in &self.recipients {
            found.extend(recipient.found.iter().cloned());
        }
        found.extend(visit.recognise(&[(Carrier::Message, &body.bytes)]));
        let mut act = self.act("MESSAGE", code_of(&reply));
        act.target = self.sender.clone().unwrap_or_default();
        act.capture("mail.from", act.target.clone());
        for recipient in self.recipients.iter().take(KEPT) {
            act.capture("mail.to", self.shown(&recipient.address, &recipient.found));
        }
        act.capture("mail.recipients", self.recipients.len().to_string());
        act.capture("mail.size", body.size.to_string());
        for (name, value) in described.captured {
            act.capture(name, value);
        }
        if !described.agent.is_empty() {
            act.agent = described.agent;
        }
        act.about.extend(described.headers);
        act.traits = described.traits;
        Self::note_decoy(&mut act, &found, code_of(&reply));
        visit.notice(found, act).await;
        self.reset();
        reply
    }

    /// A recipient as it is shown: of others' no more than is needed.
    fn shown(&self, address: &str, found: &[Recognised]) -> String {
        let ours = address
            .rsplit_once('@')
            .is_some_and(|(_, domain)| self.is_ours(domain));
        match ours || !found.is_empty() {
            true => address.to_owned(),
            false => command::masked(address),
        }
    }

    /// What stood behind a verb: as sent, if the address in it may be shown; else that address masked, without the
    /// parameters, which may name it again.
    fn told(&self, rest: &str, address: &str, found: &[Recognised]) -> String {
        let shown = self.shown(address, found);
        if shown == address || !rest.contains('@') {
            return rest.to_owned();
        }
        shown
    }

    /// A command that carries nothing: searched as text.
    async fn count(&self, visit: &mut Visit, verb: &str, rest: &str, status: u16) {
        let found = visit.recognise(&[(Carrier::Message, rest.as_bytes())]);
        let mut act = self.act(verb, status);
        act.target = rest.to_owned();
        Self::note_decoy(&mut act, &found, status);
        visit.notice(found, act).await;
    }

    fn act(&self, verb: &str, status: u16) -> Act {
        let way = if self.extended { "esmtp" } else { "smtp" };
        let secure = if self.secure { "s" } else { "" };
        let own = self.account.as_ref();
        let mut about = Vec::new();
        about.extend(self.hello.clone().map(|name| ("helo".to_owned(), name)));
        about.extend(
            (self.parameters.iter()).map(|(name, value)| (name.to_lowercase(), value.clone())),
        );
        Act {
            protocol: format!("{way}{secure}"),
            method: verb.to_owned(),
            agent: self.hello.clone().unwrap_or_default(),
            about,
            decoy: own.map(|own| own.decoy(status < 400, verb, status)),
            ..Act::default()
        }
    }

    /// Says what was made of a canary that is no login.
    fn note_decoy(act: &mut Act, found: &[Recognised], status: u16) {
        if let (Some(first), None) = (found.first(), &act.decoy) {
            act.decoy = Some(DecoyRecord {
                kind: first.canary.kind.clone(),
                outcome: match status {
                    ..400 => DecoyOutcome::Accepted,
                    _ => DecoyOutcome::Unknown,
                },
                rule: act.method.clone(),
                status,
            });
        }
    }

    fn reset(&mut self) {
        self.sender = None;
        self.recipients.clear();
        self.parameters.clear();
        self.tried = false;
        self.body = None;
    }

    /// After STARTTLS all is forgotten (RFC 3207 section 4.2).
    fn secured(&mut self) {
        self.reset();
        self.secure = true;
        self.hello = None;
        self.extended = false;
    }

    fn short_host(&self) -> &str {
        self.host.split('.').next().unwrap_or_default()
    }
}

const BAD_RECIPIENT: &str = "501 5.1.3 Bad recipient address syntax";
const TOO_BIG: &str = "552 5.3.4 Message size exceeds fixed limit";

/// A message as far as it is held.
#[derive(Default)]
struct Body {
    bytes: Vec<u8>,
    size: usize,
    trouble: Option<Trouble>,
    held: Option<Hold>,
}

#[derive(Clone, Copy)]
enum Trouble {
    /// Longer than any message may be.
    Long,
    /// All messages together take too much.
    Room,
}

impl Body {
    fn push(&mut self, visit: &Visit, piece: &[u8]) {
        self.size = self.size.saturating_add(piece.len());
        if self.trouble.is_some() {
            return;
        }
        if self.size > LONGEST_MESSAGE {
            self.trouble = Some(Trouble::Long);
            return;
        }
        let Place { gate, bell, .. } = &visit.place;
        let held = self.held.get_or_insert_with(|| gate.hold(bell));
        if !held.of(self.bytes.len() + piece.len()) {
            self.trouble = Some(Trouble::Room);
            return;
        }
        self.bytes.extend_from_slice(piece);
    }
}

/// Whose mailbox it is; with what stands behind a `+` and without (`recipient_delimiter`).
fn mailbox(visit: &Visit, address: &str) -> Vec<Recognised> {
    let plain = address.split_once('+').and_then(|(user, rest)| {
        let (_, domain) = rest.rsplit_once('@')?;
        Some(format!("{user}@{domain}"))
    });
    let mut parts = vec![(Carrier::Mailbox, address.as_bytes())];
    parts.extend(
        plain
            .as_ref()
            .map(|plain| (Carrier::Mailbox, plain.as_bytes())),
    );
    visit.recognise(&parts)
}

/// Postfix names the first parameter it does not know.
fn unknown(path: &Path, known: &[&str]) -> Option<String> {
    let first = path
        .parameters
        .iter()
        .find(|(name, _)| !known.contains(&name.as_str()));
    first.map(|(name, value)| {
        let joint = if value.is_empty() { "" } else { "=" };
        format!("555 5.5.4 Unsupported option: {name}{joint}{value}")
    })
}

fn too_big(path: &Path) -> bool {
    let size = path.parameters.iter().find(|(name, _)| name == "SIZE");
    size.is_some_and(|(_, size)| {
        size.parse::<usize>()
            .is_ok_and(|size| size > LONGEST_MESSAGE)
    })
}

fn code_of(reply: &str) -> u16 {
    reply
        .get(..3)
        .and_then(|code| code.parse().ok())
        .unwrap_or(0)
}

/// Microseconds and a file's number, both in hex (`enable_long_queue_ids = no`).
fn queue_id(now: Timestamp) -> String {
    let micros = now.micros() % 1_000_000;
    format!(
        "{micros:05X}{:X}",
        rand::random_range(0x2_0000_u32..0x30_0000)
    )
}

fn on(reply: &str) -> Next {
    next(reply, Then::On)
}

fn next(reply: &str, then: Then) -> Next {
    Next {
        reply: reply.to_owned(),
        then,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queue_ids_look_like_postfix() {
        let id = queue_id(Timestamp::from_micros(1_700_000_000_123_456));
        assert!(id.starts_with("1E240"), "{id}");
        assert!((10..=11).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
}
