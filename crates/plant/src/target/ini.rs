//! INI files: `[section]` headers and `key = value` lines, `#` or `;` comments. Values may go on in
//! indented lines (Python's configparser), keys may stand alone (my.cnf), lines may be indented
//! (git). The AWS pair `credentials` and `config` is one target with two files.
//!
//! AWS: <https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html>

mod remote;

use std::path::Path;

use self::remote::{is_repository, remote};
use super::env::{end_of_content, whole_lines};
use crate::Options;
use crate::bait::{Section as Shape, Wish};
use crate::error::{PlantError, Problem};
use crate::mask::{Mask, Syntax};
use crate::names::{self, Case};
use crate::text::{Draft, File, Format, Found, LITERAL, Ours, Request, Sheet, shapeless};

/// The format.
pub(crate) struct Ini;

impl Format for Ini {
    fn name(&self) -> &'static str {
        "ini"
    }

    fn claims_name(&self, name: &str, path: &Path) -> bool {
        const ENDINGS: [&str; 10] = [
            ".ini",
            ".cnf",
            ".cfg",
            ".inf",
            ".s3cfg",
            ".boto",
            ".pypirc",
            ".databrickscfg",
            ".sentryclirc",
            "pip.conf",
        ];
        const NAMES: [&str; 3] = [".gitconfig", "gitconfig", "rclone.conf"];
        let directory = path.parent().and_then(Path::file_name);
        let aws = directory.is_some_and(|name| name == ".aws");
        ENDINGS.iter().any(|ending| name.ends_with(ending))
            || NAMES.contains(&name)
            || (aws && matches!(name, "credentials" | "config"))
            || is_repository(path)
    }

    fn claims_content(&self, head: &[u8]) -> bool {
        let mut lines = head
            .split(|byte| *byte == b'\n')
            .map(<[u8]>::trim_ascii)
            .filter(|line| !line.is_empty() && !line.starts_with(b"#") && !line.starts_with(b";"));
        lines.next().is_some_and(|line| {
            line.starts_with(b"[") && line.ends_with(b"]") && !line.contains(&b',')
        })
    }

    fn any_bytes(&self) -> bool {
        true
    }

    fn short_names(&self) -> bool {
        true
    }

    fn sheets(
        &self,
        path: &Path,
        wish: &Wish,
        options: &Options,
    ) -> Result<Vec<Sheet>, PlantError> {
        if let Some(sheet) = remote(path, wish, options) {
            return Ok(vec![sheet]);
        }
        // For that very file, and for no other; else it goes into a file beside the keys'.
        let apart = |section: &&Shape| wish.is_apart(section);
        let mut named = wish.ini.iter().filter(apart);
        let is_it = |section: &&Shape| path.ends_with(section.file.trim_start_matches("*/"));
        let own: Vec<&Shape> = match named.find(is_it) {
            Some(section) => vec![section],
            None => {
                let plain = |section: &&Shape| section.file.is_empty();
                wish.ini.iter().filter(plain).collect()
            }
        };
        let Some(first) = own.first() else {
            return Err(shapeless(wish, self.name(), path));
        };
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if wish
            .ini
            .iter()
            .any(|section| section.file == name && !apart(&section))
        {
            return Err(PlantError::Target(
                Problem::at(
                    path,
                    "is written together with the file beside it that holds the keys",
                )
                .hint("name that one (credentials), the pair is written as one"),
            ));
        }
        let mut sheets = vec![Sheet {
            path: path.to_owned(),
            key: Some(first.name.clone()),
            values: own
                .iter()
                .flat_map(|section| section.values.clone())
                .collect(),
            create: false,
        }];
        let aws = path
            .parent()
            .and_then(Path::file_name)
            .is_some_and(|name| name == ".aws");
        let pair = aws || name.ends_with("credentials");
        let beside = |section: &&Shape| !section.file.is_empty() && !apart(section);
        for section in wish.ini.iter().filter(beside) {
            if pair {
                sheets.push(Sheet {
                    path: path.with_file_name(&section.file),
                    key: Some(section.name.clone()),
                    values: section.values.clone(),
                    create: true,
                });
            } else {
                sheets[0].values.extend(section.values.clone());
            }
        }
        if let Some(key) = &options.key {
            for sheet in &mut sheets {
                let profile = sheet
                    .key
                    .as_deref()
                    .is_some_and(|name| name.starts_with("profile "));
                sheet.key = Some(if profile {
                    format!("profile {key}")
                } else {
                    key.clone()
                });
            }
        }
        Ok(sheets)
    }

    fn style(&self, file: &File<'_>, request: &Request<'_>) -> Result<Vec<Ours>, PlantError> {
        let sections = parse(file.text);
        let existing = sections.iter().skip(1).map(|section| section.name.as_str());
        let kebab = Case::most(existing) == Some(Case::Kebab);
        let keys = sections
            .iter()
            .flat_map(|s| s.keys.iter().map(|key| key.name.as_str()));
        let case = Case::most(keys).unwrap_or(Case::Snake);
        // Keys that SDKs know have one spelling; others follow the file. Git takes no underscores.
        let git = is_git(file, &sections);
        let fixed = request
            .wish
            .ini
            .iter()
            .any(|section| !section.file.is_empty());
        let key_name = |name: &str| match case {
            _ if git => Case::Kebab.write(name),
            Case::Kebab | Case::Camel | Case::Pascal if !fixed => case.write(name),
            _ => name.to_owned(),
        };
        let template = request.sheet.key.as_deref().unwrap_or_default();
        let one = |role: &String| {
            let role = if git || kebab || template.contains('-') {
                role.replace('_', "-")
            } else {
                role.clone()
            };
            Ours {
                at: Vec::new(),
                key: Some(names::fill(template, &role)),
                entries: request
                    .sheet
                    .values
                    .iter()
                    .map(|(name, field)| {
                        let field = match field.strip_prefix(LITERAL) {
                            Some(_) => names::fill(field, &role),
                            None => field.clone(),
                        };
                        (key_name(&names::fill(name, &role)), field)
                    })
                    .collect(),
                made: false,
            }
        };
        Ok(request.roles.iter().map(one).collect())
    }

    fn taken(&self, text: &str, ours: &Ours) -> Option<String> {
        let key = ours.key.as_deref()?;
        let bare = |name: &str| name.trim().trim_start_matches("profile ").to_lowercase();
        parse(text)
            .iter()
            .skip(1)
            .any(|section| bare(&section.name) == bare(key))
            .then(|| format!("[{key}]"))
    }

    fn drafts(&self, file: &File<'_>, ours: &Ours) -> Result<Vec<Draft>, PlantError> {
        let key = ours.key.as_deref().unwrap_or_default();
        if key.is_empty() || key.contains(['[', ']', '\n', '\r', '#', ';']) {
            return Err(file.syntax(0, format!("{key:?} cannot be the name of a section")));
        }
        let bad = |value: &str| value.contains(['\n', '\r', '"']) || value.trim() != value;
        if let Some((name, _)) = ours.entries.iter().find(|(_, value)| bad(value)) {
            let what = format!("the value of {name} has no form in an INI file");
            let hint = "lines or quotes in a value: use `lapwing mint`, and a file of its own";
            return Err(PlantError::Shape(Problem::at(file.path, what).hint(hint)));
        }
        let sections = parse(file.text);
        if let Some((name, _)) = { ours.entries.iter() }.find(|(_, value)| value.contains('%'))
            && { sections.iter().flat_map(|section| &section.keys) }.any(|key| fills_in(&key.value))
        {
            let what = format!("the value of {name} holds a %, which this file's reader fills in");
            let hint = "plant it in another file, or once more: a value drawn anew may hold none";
            return Err(PlantError::Shape(Problem::at(file.path, what).hint(hint)));
        }
        let loose = sections[0].keys.len();
        if sections.len() == 1 && loose > 0 {
            return Err(file.syntax(0, "has no sections, so a section would stand out"));
        }
        let style = Style::of(file, &sections);
        let block = style.block(key, &ours.entries);
        let family = names::family(key);
        let mut drafts = Vec::new();
        let related = sections
            .iter()
            .enumerate()
            .skip(1)
            .rev()
            .find(|(_, section)| names::family(&section.name) == family)
            .and_then(|(at, _)| sections.get(at + 1));
        if let Some(next) = related {
            let text = format!("{block}{}{}", style.eol, style.gap);
            drafts.push(Draft {
                offset: next.lead,
                text,
            });
        }
        let end = end_of_content(file.text);
        let gap = if end == 0 { "" } else { style.gap };
        drafts.push(whole_lines(
            file.text,
            end,
            &format!("{gap}{block}"),
            style.eol,
        ));
        if let Some(last) = sections.iter().skip(1).next_back() {
            let text = format!("{block}{}{}", style.eol, style.gap);
            drafts.push(Draft {
                offset: last.lead,
                text,
            });
        }
        Ok(drafts)
    }

    fn proves(&self, before: &str, after: &str, ours: &Ours) -> Result<(), String> {
        let (before, mut after) = (read(before), read(after));
        let key = ours.key.clone().unwrap_or_default();
        let at = after
            .iter()
            .position(|section| section.0 == key)
            .ok_or("the section does not read back")?;
        let section = after.remove(at);
        let meant = |(read, ours): (&(String, String), &(String, String))| {
            read.0 == ours.0 && bare(&read.1) == ours.1
        };
        let same = section.1.len() == ours.entries.len();
        if !same || !section.1.iter().zip(&ours.entries).all(meant) {
            return Err("the section does not read back as it was meant".to_owned());
        }
        if before == after {
            Ok(())
        } else {
            Err("another section would change".to_owned())
        }
    }

    fn find(&self, text: &str, ours: &Ours) -> Found {
        let key = ours.key.clone().unwrap_or_default();
        let sections = parse(text);
        let named: Vec<&Section> = sections.iter().skip(1).filter(|s| s.name == key).collect();
        let [section] = named.as_slice() else {
            return if named.is_empty() {
                Found::Absent
            } else {
                Found::Partly(Vec::new())
            };
        };
        let entries: Vec<(String, String)> = section
            .keys
            .iter()
            .map(|key| (key.name.clone(), bare(&key.value).to_owned()))
            .collect();
        let span = section.start..section.end;
        let foreign = entries
            .iter()
            .any(|(name, _)| !ours.entries.iter().any(|(n, _)| n == name));
        if entries == ours.entries {
            Found::Whole(vec![span])
        } else if foreign {
            // The owner has put keys of their own into it: those stay, and so does the header.
            let spans = section.keys.iter().filter(|key| {
                ours.entries
                    .iter()
                    .any(|(name, value)| *name == key.name && *value == bare(&key.value))
            });
            Found::Partly(spans.map(|key| key.span.clone()).collect())
        } else {
            Found::Partly(vec![span])
        }
    }

    fn mask(&self, text: &str) -> Mask {
        let sections = parse(text);
        let keys = sections.iter().flat_map(|section| &section.keys);
        Mask {
            syntax: Syntax::Plain,
            opaque: keys.map(|key| key.span.start..key.span.end).collect(),
        }
    }
}

/// Whether it is a configuration of git: by its name, or by a section such as `[remote "origin"]`.
fn is_git(file: &File<'_>, sections: &[Section]) -> bool {
    let path = file.path;
    let within = path.parent().and_then(Path::file_name);
    path.file_name()
        .is_some_and(|name| name == ".gitconfig" || name == "gitconfig")
        || within.is_some_and(|directory| directory == ".git")
        || sections
            .iter()
            .any(|section| section.name.ends_with('"') && section.name.contains(" \""))
}

/// Whether a value is one of a file whose reader fills in others (`%(home)s`), as Python's does, and in which a lone `%`
/// is an error.
fn fills_in(value: &str) -> bool {
    value.contains("%%") || value.contains("%(") && value.contains(")s")
}

/// A value without the double quotes around it.
fn bare(value: &str) -> &str {
    value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'))
        .unwrap_or(value)
}

/// One `[section]`; the first one is what stands before any header.
#[derive(Debug)]
struct Section {
    name: String,
    /// Start of the comment lines right above the header.
    lead: usize,
    /// Start of the header's line.
    start: usize,
    /// Behind its last line that is not blank or the next section's comment.
    end: usize,
    keys: Vec<Key>,
}

#[derive(Debug)]
struct Key {
    name: String,
    value: String,
    /// From the line's start to the end of its last continuation.
    span: std::ops::Range<usize>,
    /// Indentation and what stands between name and value.
    indent: String,
    between: String,
}

fn parse(text: &str) -> Vec<Section> {
    let mut sections = vec![Section::at(String::new(), 0, 0, 0)];
    let mut at = 0;
    let mut comment = None;
    for line in text.split_inclusive('\n') {
        let (start, end) = (at, at + line.len());
        at = end;
        let body = line.trim();
        let here = sections.len() - 1;
        if body.is_empty() {
            comment = None;
        } else if body.starts_with(['#', ';']) {
            comment.get_or_insert(start);
        } else if let Some(name) = header(body) {
            sections.push(Section::at(
                name,
                comment.take().unwrap_or(start),
                start,
                end,
            ));
        } else {
            comment = None;
            sections[here].add(line, start, end);
        }
    }
    sections
}

/// The name in a header line, a comment behind it allowed.
fn header(body: &str) -> Option<String> {
    let (name, rest) = body.strip_prefix('[')?.split_once(']')?;
    let rest = rest.trim();
    (rest.is_empty() || rest.starts_with(['#', ';'])).then(|| name.trim().to_owned())
}

impl Section {
    const fn at(name: String, lead: usize, start: usize, end: usize) -> Self {
        Self {
            name,
            lead,
            start,
            end,
            keys: Vec::new(),
        }
    }

    fn add(&mut self, line: &str, start: usize, end: usize) {
        self.end = end;
        let indent = &line[..line.len() - line.trim_start().len()];
        let continues = self
            .keys
            .last()
            .is_some_and(|key| indent.len() > key.indent.len() && !line.contains('='));
        if continues && let Some(key) = self.keys.last_mut() {
            key.span.end = end;
            key.value.push('\n');
            key.value.push_str(line.trim());
            return;
        }
        let body = line.trim();
        let (name, value) = match body.find(['=', ':']) {
            Some(at) => (&body[..at], &body[at + 1..]),
            None => (body, ""),
        };
        let bare = name.trim_end();
        let between = &body[bare.len()..body.len() - value.trim_start().len()];
        self.keys.push(Key {
            name: bare.to_owned(),
            value: value.trim().to_owned(),
            span: start..end,
            indent: indent.to_owned(),
            between: between.to_owned(),
        });
    }
}

struct Style {
    eol: &'static str,
    gap: &'static str,
    indent: String,
    between: String,
    /// Values of the file stand in double quotes: all of them, or those that need it.
    quotes: Quotes,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quotes {
    None,
    WhereNeeded,
    Always,
}

impl Style {
    fn of(file: &File<'_>, sections: &[Section]) -> Self {
        let eol = file.eol();
        let keys: Vec<&Key> = sections.iter().flat_map(|section| &section.keys).collect();
        let most = |of: fn(&Key) -> &str, otherwise: &str| {
            let mut votes = std::collections::BTreeMap::new();
            for key in &keys {
                *votes.entry(of(key)).or_insert(0_usize) += 1;
            }
            votes
                .into_iter()
                .max_by_key(|(_, count)| *count)
                .map_or_else(|| otherwise.to_owned(), |(text, _)| text.to_owned())
        };
        let packed = sections
            .iter()
            .skip(2)
            .filter(|section| {
                let above = file.text[..section.lead].trim_end_matches(['\r', ' ', '\t']);
                !above
                    .strip_suffix('\n')
                    .is_some_and(|above| above.trim_end_matches(['\r', ' ', '\t']).ends_with('\n'))
            })
            .count();
        let headers = sections.len().saturating_sub(2);
        let between = most(|key| &key.between, " = ");
        let sign = between.contains(['=', ':']);
        let quoted = keys
            .iter()
            .filter(|key| key.value.len() > 1 && bare(&key.value) != key.value);
        let quotes = match quoted.count() {
            0 => Quotes::None,
            count if count * 2 > keys.len() => Quotes::Always,
            _ => Quotes::WhereNeeded,
        };
        Self {
            eol,
            gap: if packed * 2 > headers { "" } else { eol },
            indent: most(|key| &key.indent, ""),
            between: if sign { between } else { " = ".to_owned() },
            quotes,
        }
    }

    fn block(&self, key: &str, entries: &[(String, String)]) -> String {
        let mut lines = vec![format!("[{key}]")];
        for (name, value) in entries {
            let plain = |c: char| c.is_ascii_alphanumeric() || "_./:+@-".contains(c);
            let quote = match self.quotes {
                Quotes::Always => "\"",
                Quotes::WhereNeeded if !value.chars().all(plain) => "\"",
                _ => "",
            };
            lines.push(format!(
                "{}{name}{}{quote}{value}{quote}",
                self.indent, self.between
            ));
        }
        lines.join(self.eol)
    }
}

type Read = Vec<(String, Vec<(String, String)>)>;

/// The second reading, by lines and no places: every section with its lines, in order. Lines of the
/// part before the first header are under an empty name.
fn read(text: &str) -> Read {
    let mut out: Read = vec![(String::new(), Vec::new())];
    for line in text.lines() {
        let line = line.trim_end();
        let body = line.trim_start();
        let first = body.chars().next();
        match first {
            None | Some('#' | ';') => {}
            Some('[') if body.contains(']') => {
                let name = &body[1..body.find(']').unwrap_or(1)];
                let rest = &body[body.find(']').unwrap_or(0) + 1..];
                if rest.trim().is_empty() || rest.trim().starts_with(['#', ';']) {
                    out.push((name.trim().to_owned(), Vec::new()));
                } else if let Some(last) = out.last_mut() {
                    last.1.push((body.to_owned(), String::new()));
                }
            }
            Some(_) => {
                let at = body.find(['=', ':']).unwrap_or(body.len());
                let value = body.get(at + 1..).unwrap_or_default();
                if let Some(last) = out.last_mut() {
                    last.1
                        .push((body[..at].trim().to_owned(), value.trim().to_owned()));
                }
            }
        }
    }
    out
}
