//! A share over WebDAV (RFC 4918), as Apache's `mod_dav_fs` shows a directory that the server may not write to: what is
//! there, which properties it has, and what is in the files. What it says was compared with Apache 2.4.
//!
//! Each canary has files of its own, drawn from those its kind names.

mod lock;
mod properties;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::tz::TimeZone;
use minijinja::Value;

use crate::decoy::{Compiler, Text};
use crate::error::CatalogError;
use crate::kind::Field;
use crate::render::{Escape, write_markup};
use crate::schema::DavTable;
use crate::smart::Files;

pub(crate) use lock::lock;

const DAV: &str = "DAV:";

/// A part of a share that an answer gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DavPart {
    /// What `PROPFIND` asks for of a resource and, with depth 1, of what it holds.
    Properties,
    /// The content of a file.
    Content,
    /// The lock that `LOCK` made.
    Lock,
}

/// What a rule wants the path to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Wanted {
    /// A file or a collection.
    Any,
    File,
    Collection,
    /// A collection without the slash behind its name.
    Bare,
}

impl DavPart {
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "dav-properties" => Some(Self::Properties),
            "dav-content" => Some(Self::Content),
            "dav-lock" => Some(Self::Lock),
            _ => None,
        }
    }

    /// That of a file is its own.
    pub(crate) const fn content_type(self) -> Option<&'static str> {
        match self {
            Self::Properties | Self::Lock => Some("text/xml; charset=\"utf-8\""),
            Self::Content => None,
        }
    }
}

/// `[dav]`, compiled.
#[derive(Debug)]
pub(crate) struct Share {
    /// The field that is the first segment of its path.
    pub(crate) root: String,
    files: Vec<File>,
}

#[derive(Debug)]
struct File {
    path: Text,
    body: Text,
    /// Days before the canary was minted.
    days: u32,
    /// Of 100 canaries, so many have it.
    chance: u32,
}

/// What one canary's share holds, by path below its root; the root itself is the empty path.
pub(crate) struct Tree {
    root: String,
    all: BTreeMap<String, Resource>,
}

struct Resource {
    /// None of a collection.
    content: Option<Vec<u8>>,
    /// When it was written last, in microseconds.
    modified: i64,
}

impl Share {
    pub(crate) fn compile(
        table: &DavTable,
        fields: &[Field],
        compiler: &mut Compiler<'_>,
    ) -> Result<Self, CatalogError> {
        let DavTable { root, file } = table;
        let root = root.get_ref();
        if !fields.iter().any(|field| field.name == *root) {
            let what = format!("[dav] names the field {root:?}, which is not declared");
            return Err(compiler.wrong_dav(&what, "declare it under [[field]]"));
        }
        if file.is_empty() {
            return Err(compiler.wrong_dav("[dav] has no files", "add [[dav.file]]"));
        }
        let bad = |part: &str| matches!(part, "" | "." | "..");
        if let Some(file) = file.iter().find(|file| file.path.split('/').any(bad)) {
            let what = format!("{:?} is no path of a share", file.path);
            return Err(
                compiler.wrong_dav(&what, "write it without a slash in front or at its end")
            );
        }
        let mut tables = Vec::new();
        let mut text = |text: &str| compiler.text(text, 0, Escape::Text, &mut tables);
        let files = file.iter().map(|file| File {
            path: text(&file.path),
            body: text(&file.body),
            days: file.days,
            chance: file.chance.unwrap_or(100),
        });
        Ok(Self {
            root: root.clone(),
            files: files.collect(),
        })
    }

    /// The share of one canary; `None` if a template of it fails.
    pub(crate) fn tree(&self, files: &Files<'_>) -> Option<Tree> {
        let context = files.context();
        let root = files.fields.and_then(|fields| fields.get(&self.root))?;
        let minted = files.made.minted.micros();
        let mut tree = Tree {
            root: root.clone(),
            all: BTreeMap::new(),
        };
        let collection = |modified| Resource {
            content: None,
            modified,
        };
        for (number, file) in self.files.iter().enumerate() {
            let draw =
                |what: &str, low, high| files.made.number(&format!("{what}{number}"), low, high);
            if draw("davchance", 1, 100) > u64::from(file.chance) {
                continue;
            }
            let path = String::from_utf8(files.text(&file.path, &context)?).ok()?;
            let mut content = files.text(&file.body, &context)?.trim_ascii_end().to_vec();
            content.push(b'\n');
            // In working hours, to the microsecond.
            let within = i64::try_from(draw("davtime", 28_800_000_000, 64_800_000_000)).ok()?;
            let day = minted.div_euclid(86_400_000_000) - i64::from(file.days) - 1;
            let modified = day * 86_400_000_000 + within;
            // A directory is as new as what was put there last.
            for at in std::iter::once(0).chain(path.match_indices('/').map(|(at, _)| at)) {
                let holder = tree.all.entry(path[..at].to_owned());
                let holder = holder.or_insert_with(|| collection(modified));
                holder.modified = holder.modified.max(modified);
            }
            let content = Some(content);
            tree.all.insert(path, Resource { content, modified });
        }
        Some(tree)
    }
}

impl Tree {
    /// What is named by the segments behind the root: its path, without a slash at its end, and whether it is what is
    /// wanted.
    pub(crate) fn find(&self, segments: &[Cow<'_, str>], wanted: Wanted) -> Option<&str> {
        let path = segments.join("/");
        let (path, slash) = match path.strip_suffix('/') {
            Some(path) => (path, true),
            None => (path.as_str(), segments.len() == 1 && path.is_empty()),
        };
        let (known, resource) = self.all.get_key_value(path)?;
        let fits = match (wanted, &resource.content) {
            (Wanted::Any | Wanted::File, Some(_)) => !slash,
            (Wanted::Any | Wanted::Collection, None) => slash,
            (Wanted::Bare, None) => !slash,
            _ => false,
        };
        fits.then_some(known)
    }

    pub(crate) fn content(&self, path: &str) -> Option<Vec<u8>> {
        self.all.get(path)?.content.clone()
    }

    /// What templates may say of a resource.
    pub(crate) fn value(&self, path: &str) -> Value {
        let Some(resource) = self.all.get(path) else {
            return Value::UNDEFINED;
        };
        Value::from_pairs([
            ("href", Value::from(self.href(path, resource))),
            ("type", Value::from(content_type(path, resource))),
            ("etag", Value::from(resource.etag())),
            ("modified", Value::from(resource.at("%a, %d %b %Y %T GMT"))),
        ])
    }

    /// Its path on the server, escaped as a URL is.
    fn href(&self, path: &str, resource: &Resource) -> String {
        let mut href = format!("/{}", self.root);
        if !path.is_empty() {
            href.push('/');
            href.push_str(path);
        }
        if resource.content.is_none() {
            href.push('/');
        }
        let mut out = String::with_capacity(href.len());
        for byte in href.bytes() {
            match byte {
                b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => out.push(char::from(byte)),
                _ if b"$-_.+!*'(),:@&=/~".contains(&byte) => out.push(char::from(byte)),
                _ => {
                    let _ = write!(out, "%{byte:02x}");
                }
            }
        }
        out
    }
}

impl Resource {
    /// As `FileETag MTime Size` makes it.
    fn etag(&self) -> String {
        let size = self.content.as_ref().map_or(4096, Vec::len);
        format!("\"{size:x}-{:x}\"", self.modified)
    }

    fn at(&self, format: &str) -> String {
        let at = jiff::Timestamp::from_microsecond(self.modified).unwrap_or_default();
        at.to_zoned(TimeZone::UTC).strftime(format).to_string()
    }
}

/// By the name, as Debian's list of types has it.
fn content_type(path: &str, resource: &Resource) -> &'static str {
    if resource.content.is_none() {
        return "httpd/unix-directory";
    }
    match path.rsplit_once('.').map_or("", |(_, end)| end) {
        "csv" => "text/csv",
        "html" => "text/html",
        "json" => "application/json",
        "md" => "text/markdown",
        "sh" => "application/x-sh",
        "sql" => "application/sql",
        "xml" => "application/xml",
        _ => "text/plain",
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let _ = write_markup(&mut out, text);
    out
}
