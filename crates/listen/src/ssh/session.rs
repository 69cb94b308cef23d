//! What is done after a login: channels, commands, files, and what is asked to be forwarded, which never is.
//! (RFC 4254; OpenSSH's PROTOCOL)

use std::collections::BTreeMap;

use lapwing_core::Carrier;

use super::channel::{Channel, PACKET, Program, WINDOW};
use super::line::Typed;
use super::sftp::Sftp;
use super::shell::{Awaits, Shell};
use super::transport::Transport;
use super::tree::Tree;
use super::wire::{Message, Reader};
use crate::visit::{Account, Act, Ended};

const GLOBAL_REQUEST: u8 = 80;
const REQUEST_SUCCESS: u8 = 81;
const REQUEST_FAILURE: u8 = 82;
const CHANNEL_OPEN: u8 = 90;
const OPEN_CONFIRMATION: u8 = 91;
const OPEN_FAILURE: u8 = 92;
const WINDOW_ADJUST: u8 = 93;
const DATA: u8 = 94;
const EXTENDED_DATA: u8 = 95;
const EOF: u8 = 96;
const CLOSE: u8 = 97;
const CHANNEL_REQUEST: u8 = 98;

/// OpenSSH's `MaxSessions`.
const MOST_CHANNELS: usize = 10;
/// What is kept of a text that is said of the client's, in bytes.
const KEPT: usize = 16 << 10;

/// Reasons why a channel is not opened (RFC 4254 section 5.1).
const PROHIBITED: u32 = 1;
const CONNECT_FAILED: u32 = 2;

pub(super) struct Session<'v> {
    transport: Transport<'v>,
    user: String,
    account: Account,
    channels: BTreeMap<u32, Channel>,
    began: i64,
}

impl<'v> Session<'v> {
    pub(super) fn new(transport: Transport<'v>, user: String, account: Account) -> Self {
        let began = transport.visit.station().clock.now().seconds();
        Self {
            transport,
            user,
            account,
            channels: BTreeMap::new(),
            began,
        }
    }

    /// Until the connection ends; then what was typed and not entered is recorded too.
    pub(super) async fn serve(mut self) -> Result<(), Ended> {
        let ended = self.talk().await;
        for channel in std::mem::take(&mut self.channels).into_values() {
            if let Program::Shell(mut shell) = channel.program {
                self.unfinished(&mut shell).await;
            }
        }
        ended
    }

    async fn talk(&mut self) -> Result<(), Ended> {
        self.announce_keys().await?;
        loop {
            let packet = self.transport.packet().await?;
            self.handle(&packet).await?;
            self.channels
                .retain(|_, channel| !(channel.closed && channel.forgotten));
            for channel in self.channels.values_mut() {
                if !channel.pump(&mut self.transport) {
                    return Err(Ended);
                }
            }
            self.transport.flush().await?;
        }
    }

    async fn handle(&mut self, packet: &[u8]) -> Result<(), Ended> {
        let mut reader = Reader(packet);
        match reader.byte().ok_or(Ended)? {
            GLOBAL_REQUEST => self.global(reader).await,
            // Answers to what we asked, which is nothing.
            REQUEST_SUCCESS | REQUEST_FAILURE => Ok(()),
            CHANNEL_OPEN => self.open(reader).await,
            WINDOW_ADJUST => {
                let (id, more) = (reader.number().ok_or(Ended)?, reader.number().ok_or(Ended)?);
                self.channel(id)?.widen(more);
                Ok(())
            }
            number @ (DATA | EXTENDED_DATA) => {
                let id = reader.number().ok_or(Ended)?;
                if number == EXTENDED_DATA {
                    reader.number().ok_or(Ended)?;
                }
                let bytes = reader.string().ok_or(Ended)?;
                self.data(id, bytes).await
            }
            EOF => self.end_of_input(reader.number().ok_or(Ended)?).await,
            CLOSE => {
                let id = reader.number().ok_or(Ended)?;
                if let Program::Shell(mut shell) = self.program(id)? {
                    self.unfinished(&mut shell).await;
                }
                let channel = self.channels.get_mut(&id).ok_or(Ended)?;
                channel.close(&mut self.transport);
                channel.forgotten = true;
                Ok(())
            }
            CHANNEL_REQUEST => self.request(reader).await,
            _ => self.transport.unimplemented().await,
        }
    }

    fn act(&self, method: &str, name: &str, what: &str) -> Act {
        let mut act = self.transport.act(method);
        act.target.clone_from(&self.user);
        act.decoy = Some(self.account.decoy(true, method, 0));
        let end = what.floor_char_boundary(KEPT);
        act.capture(name, &what[..end]);
        act
    }

    /// Records what was said, with any bait in it.
    async fn notice(&mut self, act: Act, what: &str) {
        let visit = &mut *self.transport.visit;
        let found = visit.recognise(&[(Carrier::Message, what.as_bytes())]);
        visit.notice(found, act).await;
    }

    async fn note(&mut self, method: &str, name: &str, what: &str) {
        let act = self.act(method, name, what);
        self.notice(act, what).await;
    }

    fn channel(&mut self, id: u32) -> Result<&mut Channel, Ended> {
        self.channels.get_mut(&id).ok_or(Ended)
    }

    /// Takes a channel's program out of it.
    fn program(&mut self, id: u32) -> Result<Program, Ended> {
        Ok(std::mem::replace(
            &mut self.channel(id)?.program,
            Program::None,
        ))
    }

    /// The host keys, so that a client that knows one learns the others (`UpdateHostKeys`).
    async fn announce_keys(&mut self) -> Result<(), Ended> {
        let keys = self.transport.host_keys().await?;
        let message = Message::new(GLOBAL_REQUEST)
            .string("hostkeys-00@openssh.com")
            .flag(false);
        let message = keys
            .iter()
            .fold(message, |message, (_, key)| message.string(key));
        self.transport.push(&message.0);
        self.transport.flush().await
    }

    async fn global(&mut self, mut reader: Reader<'_>) -> Result<(), Ended> {
        let name = reader.text().ok_or(Ended)?;
        let wanted = reader.flag().ok_or(Ended)?;
        let mut reply = Message::new(REQUEST_FAILURE);
        match name.as_str() {
            "tcpip-forward" | "cancel-tcpip-forward" => {
                let (host, port) = (reader.text().ok_or(Ended)?, reader.number().ok_or(Ended)?);
                self.note("FORWARD", "ssh.forward", &format!("{name} {host}:{port}"))
                    .await;
            }
            "streamlocal-forward@openssh.com" | "cancel-streamlocal-forward@openssh.com" => {
                let path = reader.text().ok_or(Ended)?;
                self.note("FORWARD", "ssh.forward", &format!("{name} {path}"))
                    .await;
            }
            "hostkeys-prove-00@openssh.com" => {
                self.note("REQUEST", "ssh.request", &name).await;
                if let Some(signatures) = self.prove(reader).await? {
                    reply = signatures;
                }
            }
            _ => self.note("REQUEST", "ssh.request", &name).await,
        }
        if wanted {
            self.transport.push(&reply.0);
        }
        Ok(())
    }

    async fn prove(&mut self, mut reader: Reader<'_>) -> Result<Option<Message>, Ended> {
        let known = self.transport.host_keys().await?;
        let mut reply = Message::new(REQUEST_SUCCESS);
        // Each of ours once.
        for _ in 0..known.len() {
            let Some(blob) = reader.string() else { break };
            let Some((algorithm, _)) = known.iter().find(|(_, key)| key == blob) else {
                return Ok(None);
            };
            let message = Message::default()
                .string("hostkeys-prove-00@openssh.com")
                .string(&self.transport.session)
                .string(blob);
            reply = reply.string(self.transport.sign(algorithm, message.0).await?);
        }
        Ok(Some(reply))
    }

    async fn open(&mut self, mut reader: Reader<'_>) -> Result<(), Ended> {
        let kind = reader.text().ok_or(Ended)?;
        let theirs = reader.number().ok_or(Ended)?;
        let (window, longest) = (reader.number().ok_or(Ended)?, reader.number().ok_or(Ended)?);
        let mut reason = PROHIBITED;
        match kind.as_str() {
            "session" => {
                self.note("CHANNEL", "ssh.request", &kind).await;
                if self.channels.len() < MOST_CHANNELS {
                    let id = (0..)
                        .find(|id| !self.channels.contains_key(id))
                        .ok_or(Ended)?;
                    self.channels
                        .insert(id, Channel::new(theirs, window, longest));
                    let message = Message::new(OPEN_CONFIRMATION).number(theirs).number(id);
                    self.transport
                        .push(&message.number(WINDOW).number(PACKET).0);
                    return Ok(());
                }
                reason = CONNECT_FAILED;
            }
            // Nothing is ever connected.
            "direct-tcpip" => {
                let (host, port) = (reader.text().ok_or(Ended)?, reader.number().ok_or(Ended)?);
                self.note("FORWARD", "ssh.forward", &format!("{kind} {host}:{port}"))
                    .await;
            }
            "direct-streamlocal@openssh.com" => {
                let path = reader.text().ok_or(Ended)?;
                self.note("FORWARD", "ssh.forward", &format!("{kind} {path}"))
                    .await;
            }
            _ => {
                self.note("FORWARD", "ssh.forward", &kind).await;
                reason = CONNECT_FAILED;
            }
        }
        let message = Message::new(OPEN_FAILURE).number(theirs).number(reason);
        self.transport
            .push(&message.string("open failed").string("").0);
        Ok(())
    }

    async fn request(&mut self, mut reader: Reader<'_>) -> Result<(), Ended> {
        let id = reader.number().ok_or(Ended)?;
        let name = reader.text().ok_or(Ended)?;
        let wanted = reader.flag().ok_or(Ended)?;
        self.channel(id)?;
        let mut done = false;
        match name.as_str() {
            "pty-req" => {
                let terminal = reader.text().ok_or(Ended)?;
                let (columns, rows) =
                    (reader.number().ok_or(Ended)?, reader.number().ok_or(Ended)?);
                self.note(
                    "PTY",
                    "ssh.terminal",
                    &format!("{terminal} {columns}x{rows}"),
                )
                .await;
                self.channel(id)?.terminal = true;
                done = true;
            }
            "env" => {
                let (name, value) = (reader.text().ok_or(Ended)?, reader.text().ok_or(Ended)?);
                self.note("ENV", "ssh.environment", &format!("{name}={value}"))
                    .await;
                // Debian's `AcceptEnv`.
                done = name == "LANG" || name.starts_with("LC_");
            }
            "shell" | "exec" | "subsystem" => {
                let what = reader.text().unwrap_or_default();
                done = self.start(id, &name, &what, wanted).await?;
                if done {
                    return Ok(());
                }
            }
            "x11-req" | "auth-agent-req@openssh.com" => {
                self.note("FORWARD", "ssh.forward", &name).await;
            }
            "window-change" | "signal" | "eow@openssh.com" => done = true,
            _ => self.note("REQUEST", "ssh.request", &name).await,
        }
        if wanted {
            let channel = self.channels.get_mut(&id).ok_or(Ended)?;
            channel.reply(done, &mut self.transport);
        }
        Ok(())
    }

    /// Starts a program in a channel, and answers the request; `false`: it does not.
    async fn start(
        &mut self,
        id: u32,
        name: &str,
        what: &str,
        wanted: bool,
    ) -> Result<bool, Ended> {
        let method = name.to_ascii_uppercase();
        let act = match name {
            "shell" => self.act(&method, "ssh.request", name),
            "exec" => self.act(&method, "ssh.command", what),
            _ => self.act(&method, "ssh.request", what),
        };
        self.notice(act, what).await;
        let free = matches!(self.channel(id)?.program, Program::None);
        if !free || name == "subsystem" && what != "sftp" {
            return Ok(false);
        }
        let now = self.now();
        let place = &self.transport.visit.place;
        let from = place.forwarded.unwrap_or(place.peer);
        let end = |it: std::net::SocketAddr| (it.ip().to_canonical().to_string(), it.port());
        let (from, to) = (end(from), end(place.local));
        let station = self.transport.visit.station();
        let tree = Tree::of(&station.system, &station.hostname, &self.user, now);
        let release = station.system.release;
        let began = self.began;
        let channel = self.channels.get_mut(&id).ok_or(Ended)?;
        if wanted {
            channel.reply(true, &mut self.transport);
        }
        if name == "subsystem" {
            channel.program = Program::Sftp(Box::new(Sftp::new(tree, release, now)));
            return Ok(true);
        }
        let mut shell = Box::new(Shell::new(tree, from, to, began));
        shell.terminal = channel.terminal;
        if name == "shell" {
            if shell.terminal {
                channel.say(false, lines(&(shell.greet() + &shell.prompt()), true));
            }
            channel.program = Program::Shell(shell);
            return Ok(true);
        }
        let said = shell.execute(what, now);
        let terminal = shell.terminal;
        channel.say(false, lines(&said.out, terminal));
        channel.say(!terminal, lines(&said.err, terminal));
        if shell.awaits == Awaits::Command {
            channel.exit(said.status);
        } else {
            // A password is asked for, and the command is over once it was wrong often enough.
            channel.say(false, lines(&shell.prompt(), terminal));
            shell.single = true;
            channel.program = Program::Shell(shell);
        }
        Ok(true)
    }

    async fn data(&mut self, id: u32, bytes: &[u8]) -> Result<(), Ended> {
        match self.program(id)? {
            Program::Shell(shell) => self.typed(id, shell, bytes).await?,
            Program::Sftp(sftp) => self.files(id, sftp, bytes).await?,
            other => self.channel(id)?.program = other,
        }
        let channel = self.channels.get_mut(&id).ok_or(Ended)?;
        channel.took(bytes.len(), &mut self.transport);
        Ok(())
    }

    async fn typed(&mut self, id: u32, mut shell: Box<Shell>, bytes: &[u8]) -> Result<(), Ended> {
        let mut status = None;
        for byte in bytes {
            let shown = shell.terminal && shell.awaits == Awaits::Command;
            match shell.line.key(*byte, shown) {
                Typed::Echo(bytes) => self.channel(id)?.say(false, bytes),
                Typed::Line(line) => status = Some(self.entered(id, &mut shell, &line).await?),
                Typed::Interrupt(line) => {
                    self.line(&shell, "ssh.interrupted", &line).await;
                    shell.awaits = Awaits::Command;
                    let text = format!("^C\n{}", shell.prompt());
                    let terminal = shell.terminal;
                    self.channel(id)?.say(false, lines(&text, terminal));
                    shell.over |= shell.single;
                }
                Typed::End => {
                    self.note("COMMAND", "ssh.command", "").await;
                    shell.over = true;
                    let text = if shell.terminal { "logout\r\n" } else { "" };
                    self.channel(id)?.say(false, text.into());
                }
            }
            if shell.over {
                self.channel(id)?.exit(status.unwrap_or_default());
                return Ok(());
            }
        }
        self.channel(id)?.program = Program::Shell(shell);
        Ok(())
    }

    /// Records a line, then answers it.
    async fn entered(&mut self, id: u32, shell: &mut Shell, line: &str) -> Result<u8, Ended> {
        let name = match shell.awaits {
            Awaits::Command => "ssh.command",
            _ => "ssh.input",
        };
        self.line(shell, name, line).await;
        let said = shell.enter(line, self.now());
        shell.over |= shell.single && shell.awaits == Awaits::Command;
        let terminal = shell.terminal;
        let channel = self.channel(id)?;
        if terminal {
            channel.say(false, b"\r\n".to_vec());
        }
        channel.say(false, lines(&said.out, terminal));
        channel.say(!terminal, lines(&said.err, terminal));
        if !shell.over {
            channel.say(false, lines(&shell.prompt(), terminal));
        }
        self.relieve(id).await?;
        Ok(said.status)
    }

    /// Sends early what is much: a single packet may hold thousands of commands, and all of their answers would
    /// wait for its end.
    async fn relieve(&mut self, id: u32) -> Result<(), Ended> {
        let channel = self.channels.get_mut(&id).ok_or(Ended)?;
        if !channel.is_full() {
            return Ok(());
        }
        if !channel.pump(&mut self.transport) {
            return Err(Ended);
        }
        self.transport.flush().await
    }

    /// Records a line. What was typed where a password is asked for is looked up, and no more than its length is
    /// kept: it may be a password that is no bait.
    async fn line(&mut self, shell: &Shell, name: &str, line: &str) {
        if shell.awaits == Awaits::Command {
            return self.note("COMMAND", name, line).await;
        }
        let length = format!("{} characters", line.chars().count());
        let act = self.act("COMMAND", name, &length);
        let visit = &mut *self.transport.visit;
        let found = visit.recognise(&[(Carrier::Password, line.as_bytes())]);
        visit.notice(found, act).await;
    }

    async fn files(&mut self, id: u32, mut sftp: Box<Sftp>, bytes: &[u8]) -> Result<(), Ended> {
        let Some(requests) = sftp.feed(bytes) else {
            self.note("SFTP", "sftp.command", "request too long").await;
            self.channel(id)?.exit(11);
            return Ok(());
        };
        if !requests.is_empty() {
            let described: Vec<String> = requests.iter().map(|it| sftp.describe(it)).collect();
            let mut act = self.act("SFTP", "sftp.command", &described[0]);
            for request in &described[1..] {
                act.capture("sftp.command", request.as_str());
            }
            self.notice(act, &described.join("\n")).await;
            for request in &requests {
                let answer = sftp.answer(request);
                self.channel(id)?.say(false, answer);
                self.relieve(id).await?;
            }
        }
        self.channel(id)?.program = Program::Sftp(sftp);
        Ok(())
    }

    async fn end_of_input(&mut self, id: u32) -> Result<(), Ended> {
        match self.program(id)? {
            Program::Shell(mut shell) if !shell.terminal => {
                let mut status = 0;
                let line = shell.line.take();
                if !line.is_empty() {
                    status = self.entered(id, &mut shell, &line).await?;
                }
                self.channel(id)?.exit(status);
            }
            Program::Sftp(_) => self.channel(id)?.exit(0),
            other => self.channel(id)?.program = other,
        }
        Ok(())
    }

    async fn unfinished(&mut self, shell: &mut Shell) {
        let line = shell.line.take();
        if !line.is_empty() {
            self.line(shell, "ssh.unfinished", &line).await;
        }
    }

    fn now(&self) -> i64 {
        self.transport.visit.station().clock.now().seconds()
    }
}

/// A text as a terminal gets it, or a file.
fn lines(text: &str, terminal: bool) -> Vec<u8> {
    if terminal {
        text.replace('\n', "\r\n").into_bytes()
    } else {
        text.as_bytes().to_vec()
    }
}
