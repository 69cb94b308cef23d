//! A kubeconfig: a cluster, a user and a context of ours behind the owner's, each an item of its own
//! list. `current-context` stays what it is, so that no program goes to our address unasked.
//! <https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/>

use std::ops::Range;
use std::path::Path;

use yaml_serde::{Mapping, Value};

use super::super::env::whole_lines;
use super::layout::Style;
use super::outline::block_end;
use super::{Yaml, documents, readable};
use crate::Options;
use crate::bait::Wish;
use crate::error::{PlantError, Problem};
use crate::mask::Mask;
use crate::names::Case;
use crate::text::{Draft, File, Format, Found, LITERAL, Ours, Request, Sheet, shapeless};

/// The format.
pub(in crate::target) struct Kubeconfig;

/// The lists, and what an item of each holds beside its name.
const LISTS: [(&str, &str); 3] = [
    ("clusters", "cluster"),
    ("contexts", "context"),
    ("users", "user"),
];

impl Format for Kubeconfig {
    fn name(&self) -> &'static str {
        "kubeconfig"
    }

    fn claims_name(&self, name: &str, path: &Path) -> bool {
        let within = path.parent().and_then(Path::file_name);
        let within = |directory: &str| within.is_some_and(|name| name == directory);
        let json = name.ends_with(".json");
        !json
            && (name.contains("kubeconfig")
                || matches!(name, "k3s.yaml" | "rke2.yaml")
                || (within(".kube") && name.starts_with("config"))
                || (within("kubernetes") && name.ends_with(".conf")))
    }

    fn claims_content(&self, head: &[u8]) -> bool {
        std::str::from_utf8(head).is_ok_and(|text| {
            let line = |wanted: &str| text.lines().any(|line| line.trim_end() == wanted);
            line("kind: Config") && line("clusters:")
        })
    }

    fn any_bytes(&self) -> bool {
        false
    }

    fn sheets(&self, path: &Path, wish: &Wish, _: &Options) -> Result<Vec<Sheet>, PlantError> {
        Sample::of(wish).ok_or_else(|| shapeless(wish, self.name(), path))?;
        let sheet = |(list, _): &(&str, &str)| Sheet {
            path: path.to_owned(),
            key: Some((*list).to_owned()),
            values: Vec::new(),
            create: false,
        };
        Ok(LISTS.iter().map(sheet).collect())
    }

    fn style(&self, file: &File<'_>, request: &Request<'_>) -> Result<Vec<Ours>, PlantError> {
        readable(file)?;
        let list = request.sheet.key.as_deref().unwrap_or_default();
        let sample = Sample::of(request.wish)
            .ok_or_else(|| shapeless(request.wish, self.name(), file.path))?;
        let key = request.options.key.as_deref();
        let joined = joined_names(file.text);
        let ours = |role: &String| sample.ours(list, role, key, joined);
        Ok(request.roles.iter().filter_map(ours).collect())
    }

    fn taken(&self, text: &str, ours: &Ours) -> Option<String> {
        let documents = documents(text).ok()?;
        let items = documents.first()?.get(ours.at.first()?)?.as_sequence()?;
        let name = ours.key.as_ref()?;
        let taken = items.iter().any(|item| name_of(item) == Some(name));
        taken.then(|| name.clone())
    }

    fn drafts(&self, file: &File<'_>, ours: &Ours) -> Result<Vec<Draft>, PlantError> {
        let name = ours.at.first().map_or("", String::as_str);
        let Some(list) = List::of(file.text, name) else {
            return Err(PlantError::Target(
                Problem::at(
                    file.path,
                    format!("has no list {name} with items on lines of their own"),
                )
                .hint("mint a kubeconfig as a file of its own, with `lapwing mint`"),
            ));
        };
        let style = Style::of(file);
        let block = list.block(file.text, &style, ours);
        let ends = list.slots(file.text, ours);
        Ok(ends
            .into_iter()
            .map(|end| whole_lines(file.text, end, &block, style.eol))
            .collect())
    }

    fn proves(&self, before: &str, after: &str, ours: &Ours) -> Result<(), String> {
        let (before, mut after) = (documents(before)?, documents(after)?);
        let items = after
            .first_mut()
            .zip(ours.at.first())
            .and_then(|(document, list)| document.get_mut(list))
            .and_then(Value::as_sequence_mut)
            .ok_or("the list it goes into is gone")?;
        let wanted = item(ours);
        let at = items
            .iter()
            .position(|item| *item == wanted)
            .ok_or("the bait does not read back as it was meant")?;
        items.remove(at);
        if before == after {
            Ok(())
        } else {
            Err("other values would change".to_owned())
        }
    }

    fn find(&self, text: &str, ours: &Ours) -> Found {
        let list = ours.at.first().and_then(|name| List::of(text, name));
        let Some(list) = list else {
            return Found::Absent;
        };
        let (mut spans, mut whole) = (Vec::new(), false);
        for span in list.items {
            let read: Option<Vec<Value>> = yaml_serde::from_str(&text[span.clone()]).ok();
            let Some(value) = read.and_then(|mut items| items.pop()) else {
                continue;
            };
            if name_of(&value) == ours.key.as_deref() {
                whole = value == item(ours);
                spans.push(span);
            }
        }
        match (spans.len(), whole) {
            (0, _) => Found::Absent,
            (1, true) => Found::Whole(spans),
            _ => Found::Partly(spans),
        }
    }

    fn mask(&self, text: &str) -> Mask {
        Yaml.mask(text)
    }
}

/// An item's name.
fn name_of(item: &Value) -> Option<&str> {
    item.get("name")?.as_str()
}

/// What an item of a list holds beside its name.
fn content_of(list: &str) -> &'static str {
    let found = LISTS.iter().find(|(name, _)| *name == list);
    found.map_or("", |(_, content)| content)
}

/// Ours as a reader sees it.
fn item(ours: &Ours) -> Value {
    let text = |text: &String| Value::from(text.as_str());
    let entries = ours.entries.iter();
    let content: Mapping = entries
        .map(|(name, value)| (text(name), text(value)))
        .collect();
    let list = ours.at.first().map_or("", String::as_str);
    let mut item = Mapping::new();
    item.insert(Value::from(content_of(list)), Value::Mapping(content));
    item.insert(
        Value::from("name"),
        Value::from(ours.key.as_deref().unwrap_or_default()),
    );
    Value::Mapping(item)
}

/// Whether the file's contexts are named `user@cluster`.
fn joined_names(text: &str) -> bool {
    let documents = documents(text).unwrap_or_default();
    let items = documents
        .first()
        .and_then(|document| document.get("contexts"));
    let items = items.and_then(Value::as_sequence);
    let (mut joined, mut all) = (0, 0);
    for name in items.into_iter().flatten().filter_map(name_of) {
        joined += usize::from(name.contains('@'));
        all += 1;
    }
    joined * 2 > all
}

/// What the kind's own kubeconfig holds: a cluster, a user and a context.
struct Sample {
    document: Value,
}

impl Sample {
    fn of(wish: &Wish) -> Option<Self> {
        let document = yaml_serde::from_str(wish.kubeconfig()?).ok()?;
        let sample = Self { document };
        let complete = |(list, _): &(&str, &str)| sample.first(list).is_some();
        LISTS.iter().all(complete).then_some(sample)
    }

    /// Name and content of a list's first item.
    fn first(&self, list: &str) -> Option<(&str, &Mapping)> {
        let item = self.document.get(list)?.as_sequence()?.first()?;
        let content = item.get(content_of(list))?.as_mapping()?;
        Some((name_of(item)?, content))
    }

    /// The item for a list, under a name that has the role in it. All three refer to one another.
    fn ours(&self, list: &str, role: &str, key: Option<&str>, joined: bool) -> Option<Ours> {
        let named = |list| {
            let role = Case::Kebab.write(role);
            Some(format!("{}-{role}", self.first(list)?.0))
        };
        let (user, cluster) = (named("users")?, named("clusters")?);
        let cluster = key.map_or(cluster, str::to_owned);
        let context = if joined && key.is_none() {
            format!("{user}@{cluster}")
        } else {
            cluster.clone()
        };
        let entry = |(name, value): (&Value, &Value)| {
            let name = name.as_str()?;
            let value = match (list, name) {
                ("contexts", "cluster") => cluster.as_str(),
                ("contexts", "user") => user.as_str(),
                _ => value.as_str()?,
            };
            Some((name.to_owned(), format!("{LITERAL}{value}")))
        };
        let (_, content) = self.first(list)?;
        let entries = content.iter().map(entry).collect::<Option<_>>()?;
        Some(Ours {
            at: vec![list.to_owned()],
            key: Some(match list {
                "clusters" => cluster,
                "users" => user,
                _ => context,
            }),
            entries,
            made: false,
        })
    }
}

/// A list at the top whose items stand on lines of their own.
struct List {
    /// Behind the line of its key.
    start: usize,
    /// Whole lines of each item, without comments and blank lines behind it.
    items: Vec<Range<usize>>,
    indent: usize,
}

impl List {
    fn of(text: &str, name: &str) -> Option<Self> {
        let start = key_line(text, name)?;
        let end = block_end(text, start, 0);
        let mut items: Vec<Range<usize>> = Vec::new();
        let mut indent = None;
        let mut at = start;
        for (number, line) in text[start..end].split_inclusive('\n').enumerate() {
            let from = at;
            at += line.len();
            if number == 0 {
                continue;
            }
            let body = line.trim_start_matches(' ');
            let column = line.len() - body.len();
            let first = body.starts_with("- ") || body.trim_end() == "-";
            if first && *indent.get_or_insert(column) == column {
                items.push(from..at);
            } else if !body.trim().is_empty() && !body.starts_with('#') {
                items.last_mut()?.end = at;
            }
        }
        Some(Self {
            start: start + text[start..].find('\n')? + 1,
            indent: indent?,
            items,
        })
    }

    /// Where ours may stand: in the order of names where the items have one, else last.
    fn slots(&self, text: &str, ours: &Ours) -> Vec<usize> {
        let names: Vec<String> = self
            .items
            .iter()
            .filter_map(|item| {
                let items: Vec<Value> = yaml_serde::from_str(&text[item.clone()]).ok()?;
                Some(name_of(items.first()?)?.to_owned())
            })
            .collect();
        let sorted = names.len() == self.items.len() && names.is_sorted() && names.len() > 1;
        let last = self.items.last().map(|item| item.end);
        let before = names
            .iter()
            .take_while(|name| Some(*name) < ours.key.as_ref());
        let in_order = match before.count() {
            0 => Some(self.start),
            count => self.items.get(count - 1).map(|item| item.end),
        };
        in_order
            .filter(|_| sorted)
            .into_iter()
            .chain(last)
            .collect()
    }

    /// Our item as the others are written, without the last line end.
    fn block(&self, text: &str, style: &Style, ours: &Ours) -> String {
        let list = ours.at.first().map_or("", String::as_str);
        let content = content_of(list);
        let item = self.items.last().map_or("", |item| &text[item.clone()]);
        let mut lines = item.lines();
        let first = lines.next().unwrap_or_default().trim_start();
        let first = first.strip_prefix('-').unwrap_or(first);
        let gap = (first.len() - first.trim_start_matches(' ').len()).max(1);
        let column = self.indent + 1 + gap;
        let deeper = lines
            .map(|line| line.len() - line.trim_start_matches(' ').len())
            .find(|indent| *indent > column)
            .unwrap_or(column + 2);
        let opening = item.trim_start().trim_start_matches('-').trim_start();
        let name = format!(
            "name: {}",
            style.scalar(ours.key.as_deref().unwrap_or_default())
        );
        let mut body = vec![format!("{content}:")];
        let entries = ours.entries.iter();
        body.extend(entries.map(|(name, value)| {
            format!(
                "{}{name}: {}",
                " ".repeat(deeper - column),
                style.scalar(value)
            )
        }));
        if opening.starts_with("name:") {
            body.insert(0, name);
        } else {
            body.push(name);
        }
        let lead = format!("{}-{}", " ".repeat(self.indent), " ".repeat(gap));
        let pad = " ".repeat(column);
        let line = |(at, line): (usize, String)| match at {
            0 => format!("{lead}{line}"),
            _ => format!("{pad}{line}"),
        };
        let lines: Vec<String> = body.into_iter().enumerate().map(line).collect();
        lines.join(style.eol)
    }
}

/// Where the line of a key at the top begins that has nothing behind it but a comment.
fn key_line(text: &str, name: &str) -> Option<usize> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let rest = line
            .strip_prefix(name)
            .and_then(|rest| rest.strip_prefix(':'));
        if rest.is_some_and(|rest| rest.trim().is_empty() || rest.trim_start().starts_with('#')) {
            return Some(at);
        }
        at += line.len();
    }
    None
}
