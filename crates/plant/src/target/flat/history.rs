//! Histories of shells and of database clients: one plausible command, at a time between two others
//! where the file has times. Bash writes `#seconds` above a command, zsh `: seconds:duration;` in
//! front of it, fish an entry of two lines; libedit begins the file with a mark and writes blanks and
//! backslashes in octal.

use std::path::Path;

use super::words::{escape, unescape};
use super::{Dialect, Flat, Page, Slot, Unit};
use crate::bait::{Values, Wish};
use crate::login::{Login, Place};
use crate::names;
use crate::text::{LITERAL, Ours, Request};

/// The dialect of shells' histories.
pub(in crate::target) struct History;

/// Histories of bash, zsh and others.
pub(in crate::target) const HISTORY: Flat<History> = Flat(History);

const FILES: [&str; 11] = [
    ".psql_history",
    ".mysql_history",
    ".mariadb_history",
    ".sqlite_history",
    ".python_history",
    "fish_history",
    ".bash_history",
    ".zsh_history",
    ".sh_history",
    ".ash_history",
    ".histfile",
];

/// How a command and its time are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Times {
    None,
    Above,
    InFront,
    /// As fish does: `- cmd: ` and the command, `  when: ` and the time.
    Entry,
    /// As libedit does: no time, and the command in octal where it needs it.
    Octal,
}

/// What libedit begins a history with.
const MARK: &str = "_HiStOrY_V2_";
const COMMAND: &str = "- cmd: ";
const WHEN: &str = "  when: ";

impl Dialect for History {
    fn name(&self) -> &'static str {
        "history"
    }

    fn claims_name(&self, name: &str, _path: &Path) -> bool {
        FILES.contains(&name)
    }

    fn values(&self, wish: &Wish) -> Values {
        command(wish, "old").map_or_else(Vec::new, |command| vec![(command, String::new())])
    }

    /// The command, and its time as the value.
    fn ours(&self, page: &Page<'_>, request: &Request<'_>, role: &str) -> Ours {
        let command = match page.file.path.file_name().and_then(|name| name.to_str()) {
            Some(".psql_history") => {
                reconnection(request.wish).or_else(|| statement(request.wish, role))
            }
            Some(".mysql_history" | ".mariadb_history" | ".sqlite_history") => {
                statement(request.wish, role)
            }
            Some(".python_history") => call(request.wish, role),
            _ => command(request.wish, role),
        };
        let command = command.unwrap_or_default();
        let (_, time) = place(page);
        Ours {
            at: Vec::new(),
            key: None,
            entries: vec![(command, format!("{LITERAL}{time}"))],
            made: false,
        }
    }

    fn units(&self, text: &str) -> Result<Vec<Unit>, usize> {
        let times = times(text);
        let mut units: Vec<Unit> = Vec::new();
        let (mut at, mut open) = (0, false);
        for line in text.split_inclusive('\n') {
            let span = at..at + line.len();
            at = span.end;
            let begins = match times {
                Times::Above => above(line).is_some(),
                Times::Entry => line.starts_with(COMMAND),
                Times::InFront | Times::None | Times::Octal => !open,
            };
            match units.last_mut() {
                Some(last) if !begins => last.span.end = span.end,
                _ => units.push(Unit {
                    name: String::new(),
                    value: String::new(),
                    span,
                    top: true,
                }),
            }
            open = times == Times::InFront && line.trim_end_matches(['\n', '\r']).ends_with('\\');
        }
        for unit in &mut units {
            let record = &text[unit.span.clone()];
            let (time, command) = match times {
                // What stands ahead of the first time has none.
                Times::Above => {
                    let (first, rest) = record.split_once('\n').unwrap_or((record, ""));
                    above(first).map_or(("", record), |time| (time, rest))
                }
                Times::InFront => front(record).unwrap_or(("", record)),
                Times::Entry => entry(record).unwrap_or(("", record)),
                Times::None | Times::Octal => ("", record),
            };
            unit.name = times.plain(command.trim_end());
            unit.value = time.trim().to_owned();
        }
        Ok(units)
    }

    fn read(&self, text: &str) -> Vec<(String, String)> {
        let times = times(text);
        let mut out: Vec<(String, String)> = Vec::new();
        let mut joined = false;
        if times == Times::Entry {
            return read_entries(text);
        }
        for line in text.lines() {
            let time = above(line).filter(|_| times == Times::Above);
            match (time, out.last_mut()) {
                (Some(time), _) => out.push((String::new(), time.to_owned())),
                (None, Some((command, _))) if times == Times::Above || joined => {
                    if !command.is_empty() {
                        command.push('\n');
                    }
                    command.push_str(line);
                }
                _ => {
                    let split = front(line).filter(|_| times == Times::InFront);
                    let (time, command) = split.unwrap_or(("", line));
                    out.push((command.to_owned(), time.to_owned()));
                }
            }
            joined = times == Times::InFront && line.ends_with('\\');
        }
        out.iter_mut()
            .for_each(|(command, _)| *command = times.plain(command.trim_end()));
        out
    }

    fn block(&self, page: &Page<'_>, ours: &Ours) -> Result<String, String> {
        let (command, time) = ours.entries.first().ok_or_else(String::new)?;
        if command.is_empty() || command.contains(['\n', '\r']) || command.ends_with('\\') {
            return Err("the command".to_owned());
        }
        Ok(match times(page.file.text) {
            Times::Above => format!("#{time}{}{command}", page.file.eol()),
            Times::InFront => format!(": {time}:0;{command}"),
            Times::Entry => {
                let command = escape(command, "\\", true);
                let when = (!time.is_empty()).then(|| format!("{}{WHEN}{time}", page.file.eol()));
                format!("{COMMAND}{command}{}", when.unwrap_or_default())
            }
            Times::Octal => octal(command),
            Times::None => command.clone(),
        })
    }

    fn slots(&self, page: &Page<'_>, _: &Ours) -> Vec<Slot> {
        let (offset, _) = place(page);
        vec![Slot::at(offset), Slot::at(page.file.text.len())]
    }

    fn secret_lines(&self) -> bool {
        true
    }
}

impl Times {
    /// A command as it was typed.
    fn plain(self, written: &str) -> String {
        match self {
            Self::Octal => from_octal(written),
            Self::Entry => unescape(written, "\\", true),
            _ => written.to_owned(),
        }
    }
}

/// Blanks and backslashes in octal, as vis(3) writes them with the flag for white space.
fn octal(command: &str) -> String {
    command
        .replace('\\', "\\134")
        .replace(' ', "\\040")
        .replace('\t', "\\011")
}

fn from_octal(written: &str) -> String {
    let mut out = String::with_capacity(written.len());
    let mut rest = written;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let digits = rest.get(at + 1..at + 4);
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match byte.filter(u8::is_ascii) {
            Some(byte) => {
                out.push(char::from(byte));
                rest = &rest[at + 4..];
            }
            None => {
                out.push('\\');
                rest = &rest[at + 1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// Time and command of an entry of fish's.
fn entry(record: &str) -> Option<(&str, &str)> {
    let mut lines = record.lines();
    let command = lines.next()?.strip_prefix(COMMAND)?;
    let time = lines.find_map(|line| line.strip_prefix(WHEN));
    Some((time.unwrap_or_default(), command))
}

/// The second reading of fish's entries. What else stands in one (paths) is kept as an entry of its own.
fn read_entries(text: &str) -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        let line = line.trim_end();
        if let Some(command) = line.strip_prefix(COMMAND) {
            out.push((Times::Entry.plain(command), String::new()));
        } else if let (Some(time), Some((_, value))) = (line.strip_prefix(WHEN), out.last_mut())
            && value.is_empty()
        {
            time.trim().clone_into(value);
        } else {
            out.push((line.to_owned(), "-".to_owned()));
        }
    }
    out
}

fn times(text: &str) -> Times {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    match lines.next() {
        Some(line) if line.trim_end() == MARK => Times::Octal,
        Some(line) if line.starts_with(COMMAND) => Times::Entry,
        Some(line) if above(line).is_some() => Times::Above,
        Some(line) if front(line).is_some() => Times::InFront,
        _ => Times::None,
    }
}

fn is_time(text: &str) -> bool {
    (9..=11).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn above(line: &str) -> Option<&str> {
    line.trim_end()
        .strip_prefix('#')
        .filter(|time| is_time(time))
}

fn front(record: &str) -> Option<(&str, &str)> {
    let (time, rest) = record.strip_prefix(": ")?.split_once(':')?;
    let (duration, command) = rest.split_once(';')?;
    let whole = duration.bytes().all(|byte| byte.is_ascii_digit());
    (whole && is_time(time)).then_some((time, command))
}

/// Behind which command ours goes, and its time: neither among the oldest, which are dropped first,
/// nor the last one, which is looked at first.
fn place(page: &Page<'_>) -> (usize, String) {
    let units = &page.units;
    let at = units.len() * 4 / 5;
    let Some(before) = units.get(at.min(units.len().saturating_sub(2))) else {
        return (0, String::new());
    };
    let next = units.iter().find(|unit| unit.span.start >= before.span.end);
    let time = |unit: &Unit| unit.value.parse::<u64>().ok();
    let between = match (time(before), next.and_then(time)) {
        (Some(first), Some(second)) => first + second.saturating_sub(first) / 2,
        (Some(first), None) => first + 41,
        (None, _) => return (before.span.end, String::new()),
    };
    (before.span.end, between.to_string())
}

/// What somebody would have typed in psql to go to another server.
fn reconnection(wish: &Wish) -> Option<String> {
    let address = |value: &&String| {
        let schemes = ["postgres://", "postgresql://"];
        schemes.iter().any(|scheme| value.starts_with(scheme))
            && !value.contains(['\'', '\n', '\r', '\\', ' '])
    };
    let url = wish.fields.values().find(address)?;
    Some(format!("\\c '{url}'"))
}

/// What somebody would have typed in a database client: settings with the bait's names and values.
/// MySQL's client keeps nothing in its history that speaks of passwords.
fn statement(wish: &Wish, role: &str) -> Option<String> {
    let row = |(name, field): &(String, String)| {
        let value = wish.fields.get(field)?;
        let name = names::fill(name, role).to_lowercase();
        let simple = !value.contains(['\'', '\n', '\r', '\\', '\t']);
        simple.then(|| format!("('{}', '{value}')", name.replace("password", "pass")))
    };
    let rows: Vec<String> = wish.env.iter().filter_map(row).collect();
    let statement = format!(
        "INSERT INTO settings (name, value) VALUES {};",
        rows.join(", ")
    );
    (!rows.is_empty()).then_some(statement)
}

/// What somebody would have typed at a prompt of Python's.
fn call(wish: &Wish, role: &str) -> Option<String> {
    let login = Login::of(wish);
    let simple = |text: &str| !text.is_empty() && !text.contains(['"', '\'', '\n', '\r', '\\']);
    let web = |at: &&Place| matches!(at.scheme.as_str(), "http" | "https");
    let address = login.at.as_ref().filter(web).map(|at| at.url(None));
    let secret = login.secret.as_deref().filter(|secret| simple(secret));
    match (
        address.filter(|address| simple(address)),
        &login.user,
        secret,
    ) {
        (Some(address), Some(user), Some(secret)) if simple(user) => Some(format!(
            "requests.get('{address}', auth=('{user}', '{secret}')).status_code"
        )),
        (Some(address), None, Some(secret)) => Some(format!(
            "requests.get('{address}', headers={{'Authorization': 'Bearer {secret}'}}).json()"
        )),
        _ => {
            let mut values = wish.env.iter();
            let (name, value) = values.find_map(|(name, field)| {
                Some((name, wish.fields.get(field).filter(|value| simple(value))?))
            })?;
            Some(format!(
                "{} = '{value}'",
                names::fill(name, role).to_lowercase()
            ))
        }
    }
}

/// What somebody would have typed to use it.
fn command(wish: &Wish, role: &str) -> Option<String> {
    let login = Login::of(wish);
    let simple = |text: &str| !text.is_empty() && !text.contains(['\'', '\n', '\r', '\\']);
    let Some(at) = &login.at else {
        let (name, value) = wish.env.iter().find_map(|(name, field)| {
            Some((name, wish.fields.get(field).filter(|value| simple(value))?))
        })?;
        return Some(format!("export {}='{value}'", names::fill(name, role)));
    };
    let secret = login.secret.as_deref();
    let address = at.url(None);
    if !simple(&address) || !secret.is_none_or(simple) || !login.user.as_deref().is_none_or(simple)
    {
        return None;
    }
    let port = |flag: &str| {
        at.port
            .as_ref()
            .map_or_else(String::new, |port| format!(" {flag} {port}"))
    };
    let full = at.url(secret.map(|secret| (login.who(), secret)));
    let program = at.scheme.split('+').next().unwrap_or_default();
    Some(match (program, &login.user, secret) {
        ("postgres" | "postgresql", _, _) => format!("psql '{full}'"),
        ("redis" | "rediss", _, _) => format!("redis-cli -u '{full}' ping"),
        ("mongodb", _, _) => format!("mongosh '{full}'"),
        ("ftp" | "ftps" | "sftp", _, _) => format!("lftp '{full}'"),
        ("mysql" | "mariadb", Some(user), Some(secret)) => {
            let database = at.path.trim_start_matches('/');
            format!(
                "mysql -h {}{} -u {user} -p'{secret}' {database}",
                at.host,
                port("-P")
            )
            .trim_end()
            .to_owned()
        }
        ("ldap" | "ldaps", Some(user), Some(secret)) => {
            format!("ldapsearch -H {address} -D '{user}' -w '{secret}'")
        }
        ("http" | "https", Some(user), Some(secret)) => {
            format!("curl -s -u '{user}:{secret}' '{address}'")
        }
        ("http" | "https", None, Some(secret)) => {
            format!("curl -s -H 'Authorization: Bearer {secret}' '{address}'")
        }
        ("http" | "https", _, None) => format!("curl -sO '{address}'"),
        _ => format!("nc -vz {}{}", at.host, port("")),
    })
}
