//! Records of who logs in where: `.netrc`, `.git-credentials`, `.pgpass`, `.npmrc`. The address is
//! always ours, so that no record changes what a program does with an address of the owner's.

use std::path::Path;

use super::{Dialect, Flat, Page, Slot, Unit};
use crate::bait::{Values, Wish};
use crate::login::Login;
use crate::text::{LITERAL, Ours, Request};

/// GNU inetutils' file, as curl, git and Python read it.
pub(in crate::target) const NETRC: Flat<Netrc> = Flat(Netrc);
/// Git's `store` helper.
pub(in crate::target) const GIT_CREDENTIALS: Flat<Lines> = Flat(Lines {
    name: "git-credentials",
    files: &[".git-credentials", "git-credentials"],
    comments: &[],
    make: git_credentials,
    parse: git_credential,
    write: |_, value| value.to_owned(),
});
/// libpq's password file.
pub(in crate::target) const PGPASS: Flat<Lines> = Flat(Lines {
    name: "pgpass",
    files: &[".pgpass", "pgpass", "pgpass.conf"],
    comments: &["#"],
    make: pgpass,
    parse: pgpass_line,
    write: |name, value| format!("{name}:{}", value.replace('\\', "\\\\").replace(':', "\\:")),
});
/// npm's settings: a registry for one scope, and its token.
pub(in crate::target) const NPMRC: Flat<Lines> = Flat(Lines {
    name: "npmrc",
    files: &[".npmrc", "npmrc"],
    comments: &["#", ";"],
    make: npmrc,
    parse: npmrc_line,
    write: |name, value| format!("{name}={value}"),
});

/// Records of one line each.
pub(in crate::target) struct Lines {
    name: &'static str,
    files: &'static [&'static str],
    comments: &'static [&'static str],
    make: fn(&Login, &str) -> Option<Values>,
    parse: fn(&str) -> Option<(String, String)>,
    write: fn(&str, &str) -> String,
}

/// Records of several words, on one line or more.
pub(in crate::target) struct Netrc;

/// A login as entries; empty if the kind has not what they need.
fn made(make: fn(&Login, &str) -> Option<Values>, wish: &Wish, role: &str) -> Values {
    let literal = |(name, value)| (name, format!("{LITERAL}{value}"));
    make(&Login::of(wish), role)
        .unwrap_or_default()
        .into_iter()
        .map(literal)
        .collect()
}

fn alone(entries: Values) -> Ours {
    Ours {
        at: Vec::new(),
        key: None,
        entries,
        made: false,
    }
}

impl Dialect for Lines {
    fn name(&self) -> &'static str {
        self.name
    }

    fn claims_name(&self, name: &str, _path: &Path) -> bool {
        self.files.contains(&name)
    }

    fn values(&self, wish: &Wish) -> Values {
        made(self.make, wish, "old")
    }

    fn ours(&self, _: &Page<'_>, request: &Request<'_>, role: &str) -> Ours {
        alone(made(self.make, request.wish, role))
    }

    fn units(&self, text: &str) -> Result<Vec<Unit>, usize> {
        let mut at = 0;
        let unit = |line: &str| {
            let span = at..at + line.len();
            at = span.end;
            let (name, value) = self.record(line).unwrap_or_default();
            Unit {
                name,
                value,
                span,
                top: true,
            }
        };
        Ok(text.split_inclusive('\n').map(unit).collect())
    }

    fn read(&self, text: &str) -> Vec<(String, String)> {
        text.lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| {
                let kept = || (line.trim_end().to_owned(), String::new());
                self.record(line).unwrap_or_else(kept)
            })
            .collect()
    }

    fn block(&self, page: &Page<'_>, ours: &Ours) -> Result<String, String> {
        let mut lines = Vec::with_capacity(ours.entries.len());
        for (name, value) in &ours.entries {
            let line = (self.write)(name, value);
            let read = self.record(&line);
            if line.contains(['\n', '\r']) || read.as_ref() != Some(&(name.clone(), value.clone()))
            {
                return Err(name.clone());
            }
            lines.push(line);
        }
        Ok(lines.join(page.file.eol()))
    }

    fn secret_lines(&self) -> bool {
        true
    }
}

impl Lines {
    fn record(&self, line: &str) -> Option<(String, String)> {
        let body = line.trim();
        if body.is_empty() || self.comments.iter().any(|mark| body.starts_with(mark)) {
            return None;
        }
        (self.parse)(body)
    }
}

/// Git asks for the host; the path is left out, as git itself does.
fn git_credentials(login: &Login, _: &str) -> Option<Values> {
    let (at, secret) = (login.at.as_ref()?, login.secret.as_deref()?);
    let mut host = at.clone();
    host.path.clear();
    let web = matches!(at.scheme.as_str(), "http" | "https");
    web.then(|| vec![(host.url(None), host.url(Some((login.who(), secret))))])
}

fn git_credential(line: &str) -> Option<(String, String)> {
    let (scheme, rest) = line.split_once("://")?;
    let (_, host) = rest.rsplit_once('@')?;
    Some((format!("{scheme}://{host}"), line.to_owned()))
}

fn pgpass(login: &Login, _: &str) -> Option<Values> {
    let (at, secret) = (login.at.as_ref()?, login.secret.as_deref()?);
    let port = at.port.as_deref().unwrap_or("5432");
    let postgres = at.scheme.starts_with("postgres");
    let database = at.path.trim_start_matches('/');
    let database = database
        .split(['?', '/'])
        .next()
        .filter(|name| !name.is_empty() && postgres);
    let name = format!(
        "{}:{port}:{}:{}",
        at.host,
        database.unwrap_or("*"),
        login.user.as_deref()?
    );
    let simple = name.matches(':').count() == 3 && !name.contains('\\');
    simple.then(|| vec![(name, secret.to_owned())])
}

fn pgpass_line(line: &str) -> Option<(String, String)> {
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        let last = fields.last_mut()?;
        match c {
            '\\' => last.extend(characters.next()),
            ':' => fields.push(String::new()),
            c => last.push(c),
        }
    }
    let password = fields.pop()?;
    (fields.len() == 4).then(|| (fields.join(":"), password))
}

/// A registry that only packages of its own scope would come from.
fn npmrc(login: &Login, role: &str) -> Option<Values> {
    let (at, secret) = (login.at.as_ref()?, login.secret.as_deref()?);
    if !matches!(at.scheme.as_str(), "http" | "https") {
        return None;
    }
    let mut registry = at.clone();
    let end = registry
        .path
        .find(['?', '#'])
        .unwrap_or(registry.path.len());
    registry.path.truncate(end);
    if !registry.path.ends_with('/') {
        registry.path.push('/');
    }
    let key = format!("//{}{}:_authToken", registry.authority(), registry.path);
    let scope = format!("@{}:registry", role.replace('_', "-"));
    Some(vec![(scope, registry.url(None)), (key, secret.to_owned())])
}

fn npmrc_line(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once('=')?;
    Some((name.trim().to_owned(), value.trim().to_owned()))
}

const STARTS: [&str; 3] = ["machine", "default", "macdef"];

impl Dialect for Netrc {
    fn name(&self) -> &'static str {
        "netrc"
    }

    fn claims_name(&self, name: &str, _path: &Path) -> bool {
        matches!(name, ".netrc" | "netrc" | "_netrc")
    }

    fn values(&self, wish: &Wish) -> Values {
        made(netrc, wish, "old")
    }

    fn ours(&self, _: &Page<'_>, request: &Request<'_>, role: &str) -> Ours {
        alone(made(netrc, request.wish, role))
    }

    fn units(&self, text: &str) -> Result<Vec<Unit>, usize> {
        let mut units: Vec<Unit> = Vec::new();
        let (mut at, mut open, mut macro_open) = (0, false, false);
        for line in text.split_inclusive('\n') {
            let span = at..at + line.len();
            at = span.end;
            let first = line.split_whitespace().next();
            let begins = first.is_some_and(|word| STARTS.contains(&word)) && !macro_open;
            let blank = first.is_none();
            let comment = first.is_some_and(|word| word.starts_with('#')) && !macro_open;
            match units.last_mut() {
                Some(last) if open && !begins && !blank && !comment => last.span.end = span.end,
                _ => units.push(Unit {
                    name: String::new(),
                    value: String::new(),
                    top: first != Some("macdef"),
                    span,
                }),
            }
            macro_open = !blank && (macro_open || first == Some("macdef"));
            open = begins || (open && !blank && !comment);
        }
        for unit in &mut units {
            let words: Vec<&str> = text[unit.span.clone()].split_whitespace().collect();
            match words.as_slice() {
                ["machine", name, rest @ ..] => {
                    unit.name = format!("machine {name}");
                    unit.value = rest.join(" ");
                }
                // What stands behind it is never reached.
                ["default", ..] => unit.top = false,
                _ => {}
            }
        }
        // An entry may go on behind blank lines and comments.
        let mut begins = true;
        for unit in units.iter_mut().rev() {
            let first = text[unit.span.clone()].split_whitespace().next();
            unit.top &= begins;
            if let Some(word) = first.filter(|word| !word.starts_with('#')) {
                begins = STARTS.contains(&word);
            }
        }
        Ok(units)
    }

    fn read(&self, text: &str) -> Vec<(String, String)> {
        let mut out: Vec<(String, Vec<String>)> = Vec::new();
        let mut in_macro = false;
        for line in text.lines() {
            let mut words = line.split_whitespace().peekable();
            in_macro = in_macro && words.peek().is_some();
            if in_macro || words.peek().is_some_and(|word| word.starts_with('#')) {
                let at = out.len().saturating_sub(1);
                match out.get_mut(at) {
                    Some((_, rest)) if in_macro => rest.push(line.to_owned()),
                    _ => out.push((line.to_owned(), vec!["#".to_owned()])),
                }
                continue;
            }
            while let Some(word) = words.next() {
                match (word, out.last_mut()) {
                    ("machine", _) => {
                        let name = words.next().unwrap_or_default();
                        out.push((format!("machine {name}"), Vec::new()));
                    }
                    ("default", _) => out.push(("default".to_owned(), Vec::new())),
                    ("macdef", _) => {
                        in_macro = true;
                        out.push((
                            format!("macdef {}", words.next().unwrap_or_default()),
                            Vec::new(),
                        ));
                    }
                    // Its value may be any word, `default` too.
                    ("login" | "password" | "account", Some((_, rest))) => {
                        rest.push(word.to_owned());
                        rest.extend(words.next().map(str::to_owned));
                    }
                    (word, Some((_, rest))) => rest.push(word.to_owned()),
                    (word, None) => out.push((word.to_owned(), Vec::new())),
                }
            }
        }
        out.into_iter()
            .map(|(name, rest)| (name, rest.join(" ")))
            .collect()
    }

    fn block(&self, page: &Page<'_>, ours: &Ours) -> Result<String, String> {
        let (name, value) = ours.entries.first().ok_or_else(String::new)?;
        let words: Vec<&str> = value.split(' ').collect();
        let ["login", user, "password", secret] = words.as_slice() else {
            return Err(name.clone());
        };
        let own = |unit: &&Unit| !unit.name.is_empty();
        let last = page
            .units
            .iter()
            .rev()
            .find(own)
            .map(|unit| &page.file.text[unit.span.clone()]);
        let second = last.map_or(Some("  login"), |text| text.trim_end().lines().nth(1));
        let gap = match second {
            Some(line) => {
                let indent = &line[..line.len() - line.trim_start().len()];
                format!("{}{indent}", page.file.eol())
            }
            None => " ".to_owned(),
        };
        Ok(format!("{name}{gap}login {user}{gap}password {secret}"))
    }

    fn slots(&self, page: &Page<'_>, _: &Ours) -> Vec<Slot> {
        let text = page.file.text;
        let closing = page
            .units
            .iter()
            .find(|unit| text[unit.span.clone()].split_whitespace().next() == Some("default"));
        let mut slots: Vec<Slot> = match closing {
            Some(unit) => vec![Slot::at(unit.span.start)],
            None => vec![page.end()],
        };
        slots.extend(page.last_named());
        slots.push(Slot::at(0));
        slots
    }

    fn secret_lines(&self) -> bool {
        true
    }
}

fn netrc(login: &Login, _: &str) -> Option<Values> {
    let (at, secret) = (login.at.as_ref()?, login.secret.as_deref()?);
    let user = login.who();
    let worded = |text: &str| {
        !text.is_empty() && !text.contains(char::is_whitespace) && !text.contains(['"', '\\', '#'])
    };
    (worded(user) && worded(secret)).then(|| {
        let name = format!("machine {}", at.host);
        vec![(name, format!("login {user} password {secret}"))]
    })
}
