//! Smart HTTP of `git` (gitprotocol-http(5), gitprotocol-v2(5), gitprotocol-pack(5)) over the small
//! repository a kind describes: what `git clone`, `fetch` and `ls-remote` ask, in protocol 0 and 2.
//! Nothing can be pushed.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use minijinja::Value;

use crate::context::fields_value;
use crate::decoy::{Compiler, Text};
use crate::error::CatalogError;
use crate::git::{Change, History, Id};
use crate::render::{Escape, LARGEST_BODY, Made, render};
use crate::request::Request;
use crate::schema::{GitTable, Pairs};
use crate::templates::Templates;

/// Most lines of a request that are read.
const MOST_LINES: usize = 4096;
/// Most bytes of a pack in one line.
const LARGEST_LINE: usize = 65_515;
const AGENT: &str = "agent=git/2.39.5";

/// A part of a repository that an answer gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GitPart {
    /// `info/refs?service=git-upload-pack`.
    Refs,
    /// `git-upload-pack`.
    Pack,
}

impl GitPart {
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "git-refs" => Some(Self::Refs),
            "git-pack" => Some(Self::Pack),
            _ => None,
        }
    }

    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Refs => "application/x-git-upload-pack-advertisement",
            Self::Pack => "application/x-git-upload-pack-result",
        }
    }
}

/// `[git]`, compiled.
#[derive(Debug)]
pub(crate) struct Repository {
    branch: String,
    commits: Vec<Commit>,
}

#[derive(Debug)]
struct Commit {
    author: Text,
    message: Text,
    /// Days before the canary was minted.
    days: u32,
    /// Path and content; an empty content removes the file.
    files: Vec<(String, Text)>,
}

/// What the files of one canary's repository are made of. Only what stays the same is given: the names
/// of objects must not change between two requests.
pub(crate) struct Files<'a> {
    pub(crate) environment: &'a Templates,
    pub(crate) fields: Option<&'a BTreeMap<String, String>>,
    pub(crate) made: Made,
}

impl Repository {
    pub(crate) fn compile(
        table: &GitTable,
        compiler: &mut Compiler<'_>,
    ) -> Result<Self, CatalogError> {
        let GitTable {
            branch,
            files,
            author,
            message,
            commit,
        } = table;
        let Some(author) = author else {
            return Err(compiler.wrong_git("[git] names no `author`", "write `Name <address>`"));
        };
        let mut commits = Vec::new();
        if !files.0.is_empty() {
            let message = message.as_deref().unwrap_or("Initial commit");
            let days = commit.iter().map(|commit| commit.days).max().unwrap_or(0) + 30;
            commits.push(compiled(compiler, author, message, days, files)?);
        }
        for change in commit {
            let author = change.author.as_ref().unwrap_or(author);
            let files = &change.files;
            commits.push(compiled(
                compiler,
                author,
                &change.message,
                change.days,
                files,
            )?);
        }
        if commits.is_empty() {
            return Err(compiler.wrong_git("[git] has no files", "add `files` or [[git.commit]]"));
        }
        commits.sort_by_key(|commit| std::cmp::Reverse(commit.days));
        Ok(Self {
            branch: branch.clone().unwrap_or_else(|| "main".to_owned()),
            commits,
        })
    }

    /// The body of an answer; `None` if a template of it fails.
    pub(crate) fn serve(
        &self,
        part: GitPart,
        request: &Request,
        files: &Files<'_>,
    ) -> Option<Vec<u8>> {
        let history = History::of(&self.changes(files)?);
        let second = (request.header("git-protocol"))
            .is_some_and(|parameters| parameters.split(':').any(|one| one == "version=2"));
        let lines = || lines(request.plain_body());
        Some(match part {
            GitPart::Refs if second => capabilities(),
            GitPart::Refs => self.refs(&history)?,
            GitPart::Pack if second => self.second(&history, &lines())?,
            GitPart::Pack => first(&history, &lines())?,
        })
    }

    fn changes(&self, files: &Files<'_>) -> Option<Vec<Change>> {
        let context = files.context();
        let text = |text: &Text| files.text(text, &context);
        let mut now: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let mut changes = Vec::new();
        for (number, commit) in self.commits.iter().enumerate() {
            for (path, content) in &commit.files {
                let content = text(content)?;
                if content.is_empty() {
                    now.remove(path);
                } else {
                    now.insert(path.clone(), content);
                }
            }
            // In working hours, and later than the one before by a day at least.
            let within = files
                .made
                .number(&format!("commit{number}"), 28_800, 64_800);
            let day = files.made.minted.seconds().div_euclid(86_400) - i64::from(commit.days) - 1;
            changes.push(Change {
                author: String::from_utf8(text(&commit.author)?).ok()?,
                message: String::from_utf8(text(&commit.message)?).ok()?,
                time: day * 86_400 + i64::try_from(within).unwrap_or_default(),
                files: now.clone(),
            });
        }
        Some(changes)
    }

    /// References as protocol 0 shows them at once.
    fn refs(&self, history: &History) -> Option<Vec<u8>> {
        let head = HEXLOWER.encode(history.commits.last()?);
        let branch = &self.branch;
        let mut out = Vec::new();
        line("# service=git-upload-pack\n", &mut out);
        out.extend_from_slice(b"0000");
        line(
            &format!(
                "{head} HEAD\0side-band-64k ofs-delta shallow no-progress symref=HEAD:refs/heads/{branch} object-format=sha1 {AGENT}\n"
            ),
            &mut out,
        );
        line(&format!("{head} refs/heads/{branch}\n"), &mut out);
        out.extend_from_slice(b"0000");
        Some(out)
    }

    /// A command of protocol 2.
    fn second(&self, history: &History, lines: &[String]) -> Option<Vec<u8>> {
        let has = |wanted: &str| lines.iter().any(|line| line == wanted);
        let mut out = Vec::new();
        if has("command=ls-refs") {
            let head = HEXLOWER.encode(history.commits.last()?);
            let prefixes: Vec<&str> = lines
                .iter()
                .filter_map(|line| line.strip_prefix("ref-prefix "))
                .collect();
            let asked = |name: &str| {
                prefixes.is_empty() || prefixes.iter().any(|prefix| name.starts_with(prefix))
            };
            let branch = format!("refs/heads/{}", self.branch);
            if asked("HEAD") {
                let target = if has("symrefs") {
                    format!(" symref-target:{branch}")
                } else {
                    String::new()
                };
                line(&format!("{head} HEAD{target}\n"), &mut out);
            }
            if asked(&branch) {
                line(&format!("{head} {branch}\n"), &mut out);
            }
            out.extend_from_slice(b"0000");
            return Some(out);
        }
        if !has("command=fetch") {
            line("ERR unknown command", &mut out);
            return Some(out);
        }
        let asked = Asked::read(lines, history);
        if let Some(stranger) = &asked.stranger {
            line(
                &format!("ERR upload-pack: not our ref {stranger}"),
                &mut out,
            );
            return Some(out);
        }
        if !asked.done && (asked.wants == 0 || !asked.haves.is_empty()) {
            line("acknowledgments\n", &mut out);
            if asked.common.is_empty() {
                line("NAK\n", &mut out);
                out.extend_from_slice(b"0000");
                return Some(out);
            }
            for id in &asked.common {
                line(&format!("ACK {}\n", HEXLOWER.encode(id)), &mut out);
            }
            line("ready\n", &mut out);
            out.extend_from_slice(b"0001");
        }
        if let Some(edge) = asked.edge(history) {
            line("shallow-info\n", &mut out);
            line(&format!("shallow {}\n", HEXLOWER.encode(edge)), &mut out);
            out.extend_from_slice(b"0001");
        }
        line("packfile\n", &mut out);
        asked.pack(history, &mut out);
        Some(out)
    }
}

fn compiled(
    compiler: &mut Compiler<'_>,
    author: &str,
    message: &str,
    days: u32,
    files: &Pairs,
) -> Result<Commit, CatalogError> {
    let mut tables = Vec::new();
    let mut text = |text: &str| {
        // Templates lose their last line end.
        let kept = format!("{text}\n");
        let written = if text.ends_with('\n') && text.contains("{{") {
            &kept
        } else {
            text
        };
        compiler.text(written, 0, Escape::Text, &mut tables)
    };
    let (author, message) = (text(author), text(message));
    let files: Vec<(String, Text)> = (files.0.iter())
        .map(|(path, content)| (path.clone(), text(content)))
        .collect();
    for (path, _) in &files {
        let bad = |part: &str| matches!(part, "" | "." | "..") || part.eq_ignore_ascii_case(".git");
        if path.split('/').any(bad) {
            let what = format!("{path:?} is no path of a repository");
            return Err(compiler.wrong_git(&what, "write it as `git ls-files` does"));
        }
    }
    Ok(Commit {
        author,
        message,
        days,
        files,
    })
}

impl Files<'_> {
    pub(crate) fn context(&self) -> Value {
        let functions = self.made.functions().into_iter();
        let lasts = |name: &str| {
            ["stable", "server", "minted"]
                .iter()
                .any(|it| name.starts_with(it))
        };
        let lasting = functions.filter(|(name, _)| lasts(name));
        let fields = self.fields.map(fields_value).unwrap_or_default();
        Value::from_pairs(lasting.chain([("field", fields)]).collect::<Vec<_>>())
    }

    pub(crate) fn text(&self, text: &Text, context: &Value) -> Option<Vec<u8>> {
        match text {
            Text::Fixed(bytes) => Some(bytes.clone()),
            Text::Template(name) => render(self.environment, name, context, LARGEST_BODY)
                .ok()
                .map(String::into_bytes),
            Text::Git(_) | Text::Dav(_) => None,
        }
    }
}

/// What a fetch asks for.
struct Asked {
    wants: usize,
    haves: Vec<Id>,
    /// Of those it has, what we have too.
    common: Vec<Id>,
    /// A wanted object that is no commit of ours.
    stranger: Option<String>,
    depth: Option<usize>,
    done: bool,
    quiet: bool,
}

impl Asked {
    fn read(lines: &[String], history: &History) -> Self {
        let mut asked = Self {
            wants: 0,
            haves: Vec::new(),
            common: Vec::new(),
            stranger: None,
            depth: None,
            done: false,
            quiet: false,
        };
        for line in lines {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            let name = rest.split(' ').next().unwrap_or_default();
            let id = || -> Option<Id> {
                let bytes = HEXLOWER.decode(name.as_bytes()).ok()?;
                bytes.try_into().ok()
            };
            match word {
                "want" => {
                    asked.wants += 1;
                    if !id().is_some_and(|id| history.commits.contains(&id)) {
                        asked.stranger = Some(name.chars().take(64).collect());
                    }
                    asked.quiet |= rest.contains("no-progress");
                }
                "have" => {
                    if let Some(id) = id() {
                        asked.haves.push(id);
                        if history.commits.contains(&id) {
                            asked.common.push(id);
                        }
                    }
                }
                "deepen" => asked.depth = name.parse().ok().filter(|depth| *depth > 0),
                "done" => asked.done = true,
                "no-progress" => asked.quiet = true,
                _ => {}
            }
        }
        asked
    }

    /// The commit at which a shallow history ends.
    fn edge<'h>(&self, history: &'h History) -> Option<&'h Id> {
        let first = history.commits.len().checked_sub(self.depth?)?;
        (first > 0).then(|| &history.commits[first])
    }

    /// The pack, in lines of the first side band.
    fn pack(&self, history: &History, out: &mut Vec<u8>) {
        let pack = history.pack(self.depth.unwrap_or(usize::MAX), &self.common);
        if !self.quiet {
            let count = pack.objects;
            let said = format!(
                "Enumerating objects: {count}, done.\nCounting objects: 100% ({count}/{count}), done.\n"
            );
            band(2, said.as_bytes(), out);
        }
        for part in pack.bytes.chunks(LARGEST_LINE - 1) {
            band(1, part, out);
        }
        if !self.quiet {
            let count = pack.objects;
            let said =
                format!("Total {count} (delta 0), reused {count} (delta 0), pack-reused 0\n");
            band(2, said.as_bytes(), out);
        }
        out.extend_from_slice(b"0000");
    }
}

/// A request of protocol 0.
fn first(history: &History, lines: &[String]) -> Option<Vec<u8>> {
    let asked = Asked::read(lines, history);
    let mut out = Vec::new();
    if let Some(stranger) = &asked.stranger {
        line(
            &format!("ERR upload-pack: not our ref {stranger}"),
            &mut out,
        );
        return Some(out);
    }
    if asked.wants == 0 {
        return Some(out);
    }
    if asked.depth.is_some() {
        if let Some(edge) = asked.edge(history) {
            line(&format!("shallow {}\n", HEXLOWER.encode(edge)), &mut out);
        }
        out.extend_from_slice(b"0000");
    }
    if !asked.done && asked.haves.is_empty() {
        return Some(out);
    }
    match asked.common.last() {
        Some(id) => line(&format!("ACK {}\n", HEXLOWER.encode(id)), &mut out),
        None => line("NAK\n", &mut out),
    }
    if !asked.done {
        return Some(out);
    }
    asked.pack(history, &mut out);
    Some(out)
}

/// What protocol 2 shows first.
fn capabilities() -> Vec<u8> {
    let mut out = Vec::new();
    line("# service=git-upload-pack\n", &mut out);
    out.extend_from_slice(b"0000");
    for capability in [
        "version 2",
        AGENT,
        "ls-refs",
        "fetch=shallow",
        "object-format=sha1",
    ] {
        line(&format!("{capability}\n"), &mut out);
    }
    out.extend_from_slice(b"0000");
    out
}

/// A line with its length in front.
fn line(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{:04x}{text}", text.len() + 4).as_bytes());
}

fn band(number: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{:04x}", bytes.len() + 5).as_bytes());
    out.push(number);
    out.extend_from_slice(bytes);
}

/// The lines of a request, without their ends and what only separates them.
fn lines(mut body: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    while found.len() < MOST_LINES
        && let Some((length, rest)) = body.split_at_checked(4)
    {
        let length = std::str::from_utf8(length).ok();
        let length = length.and_then(|length| usize::from_str_radix(length, 16).ok());
        match length {
            Some(0..4) => body = rest,
            Some(length) => {
                let Some((text, after)) = rest.split_at_checked(length - 4) else {
                    break;
                };
                found.push(String::from_utf8_lossy(text).trim_end().to_owned());
                body = after;
            }
            None => break,
        }
    }
    found
}
