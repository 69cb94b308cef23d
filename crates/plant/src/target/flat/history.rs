//! Histories of shells: one plausible command, at a time between two others where the file has times.
//! Bash writes `#seconds` above a command, zsh `: seconds:duration;` in front of it.

use std::path::Path;

use super::{Dialect, Flat, Page, Slot, Unit};
use crate::bait::{Values, Wish};
use crate::login::Login;
use crate::names;
use crate::text::{LITERAL, Ours, Request};

/// The dialect of shells' histories.
pub(in crate::target) struct History;

/// Histories of bash, zsh and others.
pub(in crate::target) const HISTORY: Flat<History> = Flat(History);

const FILES: [&str; 5] = [
    ".bash_history",
    ".zsh_history",
    ".sh_history",
    ".ash_history",
    ".histfile",
];

/// How a command's time is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Times {
    None,
    Above,
    InFront,
}

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
        let command = command(request.wish, role).unwrap_or_default();
        let (_, time) = place(page);
        Ours {
            at: Vec::new(),
            key: None,
            entries: vec![(command, format!("{LITERAL}{time}"))],
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
                Times::InFront | Times::None => !open,
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
                Times::None => ("", record),
            };
            unit.name = command.trim_end().to_owned();
            unit.value = time.trim().to_owned();
        }
        Ok(units)
    }

    fn read(&self, text: &str) -> Vec<(String, String)> {
        let times = times(text);
        let mut out: Vec<(String, String)> = Vec::new();
        let mut joined = false;
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
            .for_each(|(command, _)| command.truncate(command.trim_end().len()));
        out
    }

    fn block(&self, page: &Page<'_>, ours: &Ours) -> Result<String, String> {
        let (command, time) = ours.entries.first().ok_or_else(String::new)?;
        if command.is_empty() || command.contains(['\n', '\r', '\\']) {
            return Err("the command".to_owned());
        }
        Ok(match times(page.file.text) {
            Times::Above => format!("#{time}{}{command}", page.file.eol()),
            Times::InFront => format!(": {time}:0;{command}"),
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

fn times(text: &str) -> Times {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    match lines.next() {
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
