//! YAML 1.2 as far as `yaml-edit` reads it: block and flow mappings, many documents, anchors, merge
//! keys, block scalars. Positions come from `yaml-edit`; proof from libyaml (`yaml_serde`).

mod kubeconfig;
mod layout;
mod outline;

use std::ops::Range;
use std::path::Path;

use serde::Deserialize as _;
use yaml_serde::Value;

use self::layout::Style;
use self::outline::Outline;
use super::tree;
use crate::Options;
use crate::bait::Wish;
use crate::error::PlantError;
use crate::mask::{Mask, Syntax};
use crate::text::{Draft, File, Format, Found, Ours, Request, Sheet};

pub(super) use self::kubeconfig::Kubeconfig;

/// The format.
pub(crate) struct Yaml;

impl Format for Yaml {
    fn name(&self) -> &'static str {
        "yaml"
    }

    fn claims_name(&self, name: &str, path: &Path) -> bool {
        let within = path.parent().and_then(Path::file_name);
        (name == "credentials" && within.is_some_and(|directory| directory == ".gem"))
            || name.ends_with(".yml")
            || name.ends_with(".yaml")
            || name.ends_with(".eyaml")
    }

    fn claims_content(&self, head: &[u8]) -> bool {
        let Ok(text) = std::str::from_utf8(head) else {
            return false;
        };
        let key = |line: &str| {
            line.split_once(':').is_some_and(|(name, rest)| {
                let name_like = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
                !name.is_empty()
                    && name.chars().all(name_like)
                    && (rest.is_empty() || rest.starts_with(' '))
            })
        };
        let mut lines = text
            .lines()
            .filter(|line| !line.trim().is_empty() && !line.starts_with(['#', ' ', '-', '%']))
            .peekable();
        lines.peek().is_some() && lines.all(key)
    }

    fn any_bytes(&self) -> bool {
        false
    }

    fn sheets(&self, path: &Path, wish: &Wish, _: &Options) -> Result<Vec<Sheet>, PlantError> {
        Ok(vec![tree::sheet(self.name(), path, wish)?])
    }

    fn style(&self, file: &File<'_>, request: &Request<'_>) -> Result<Vec<Ours>, PlantError> {
        readable(file)?;
        let outline = Outline::of(file.text).map_err(|what| file.syntax(0, what))?;
        let mut asked = tree::path(request.options.key.as_deref());
        if let Some(at) = tree::home::at(file.path).filter(|_| asked.is_empty()) {
            let there = outline.holds(&at);
            if let Some(ours) = tree::home::entries(file.path, request, there) {
                return Ok(ours);
            }
            if outline.place(&at).is_some() {
                asked = at;
            }
        }
        if outline.list(&asked).is_some() && !request.wish.env.is_empty() {
            let one =
                |role: &String| tree::flat_ours(asked.clone(), &request.wish.env, role, false);
            return Ok(request.roles.iter().map(one).collect());
        }
        let view = outline
            .view(&asked)
            .ok_or_else(|| tree::no_mapping(file, &asked))?;
        tree::style(file, request, &view)
    }

    fn taken(&self, text: &str, ours: &Ours) -> Option<String> {
        let names = ours.names();
        if names.iter().all(|name| !text.contains(*name)) {
            return None;
        }
        let documents = documents(text).ok()?;
        let taken = |name: &&&str| {
            documents.iter().any(|document| {
                let there = ours
                    .at
                    .iter()
                    .try_fold(document, |value, part| child(value, part));
                there.is_some_and(|there| match there {
                    Value::Sequence(items) => items.iter().any(|item| names_variable(item, name)),
                    there => there.get(**name).is_some(),
                })
            })
        };
        names.iter().find(taken).map(|name| (*name).to_owned())
    }

    fn drafts(&self, file: &File<'_>, ours: &Ours) -> Result<Vec<Draft>, PlantError> {
        let outline = Outline::of(file.text).map_err(|what| file.syntax(0, what))?;
        let style = Style::of(file);
        if let Some(items) = outline.list(&ours.at) {
            let draft = style.in_list(file.text, &items, ours);
            return draft
                .map(|draft| vec![draft])
                .ok_or_else(|| tree::no_mapping(file, &ours.at));
        }
        let Some(place) = outline.place(ours.stem()) else {
            if ours.stem().is_empty() && outline.empty() {
                return Ok(vec![style.alone(file.text, ours)]);
            }
            return Err(tree::no_mapping(file, &ours.at));
        };
        let drafts = if place.flow {
            style.in_flow(file.text, &place, ours)
        } else {
            style.in_block(file.text, &place, ours)
        };
        if drafts.is_empty() {
            return Err(tree::no_mapping(file, &ours.at));
        }
        Ok(drafts)
    }

    fn proves(&self, before: &str, after: &str, ours: &Ours) -> Result<(), String> {
        let (mut before, mut after) = (documents(before)?, documents(after)?);
        if before.is_empty() && after.len() == 1 {
            before.push(Value::Null);
        }
        if before.len() != after.len() {
            return Err("documents would come or go".to_owned());
        }
        let changed: Vec<usize> = (0..before.len())
            .filter(|at| before[*at] != after[*at])
            .collect();
        let [at] = changed.as_slice() else {
            return Err("not just one document would change".to_owned());
        };
        let document = &mut after[*at];
        take_ours(document, ours)?;
        let emptied = document
            .as_mapping()
            .is_some_and(yaml_serde::Mapping::is_empty);
        let bare = before[*at].is_null() && emptied && ours.stem().is_empty();
        if before[*at] == *document || bare {
            Ok(())
        } else {
            Err("other values would change".to_owned())
        }
    }

    fn find(&self, text: &str, ours: &Ours) -> Found {
        let Ok(documents) = documents(text) else {
            return Found::Absent;
        };
        let Ok(outline) = Outline::of(text) else {
            return Found::Absent;
        };
        if let Some(items) = outline.list(&ours.at) {
            return find_items(text, &items, ours);
        }
        let Some(place) = outline.place(&ours.at) else {
            return Found::Absent;
        };
        let names = ours.names();
        let spans: Vec<Range<usize>> = (0..place.keys.len())
            .filter(|at| names.contains(&place.keys[*at].name.as_str()))
            .map(|at| place.span(text, at))
            .collect();
        if spans.is_empty() {
            return Found::Absent;
        }
        let whole = documents
            .into_iter()
            .any(|mut document| take_ours(&mut document, ours).is_ok());
        let found = if whole {
            Found::Whole(spans)
        } else {
            Found::Partly(spans)
        };
        let ours_only = |key: &outline::Key| names.contains(&key.name.as_str());
        let (Some(made), true) = (
            ours.at.last(),
            ours.made && place.keys.iter().all(ours_only),
        ) else {
            return found;
        };
        let stem = outline.place(ours.stem());
        found.within(stem.and_then(|stem| {
            let at = stem.keys.iter().position(|key| key.name == *made)?;
            Some(vec![stem.span(text, at)])
        }))
    }

    fn mask(&self, text: &str) -> Mask {
        Mask {
            syntax: Syntax::Plain,
            opaque: blocks(text),
        }
    }
}

/// Removes ours from a document, if it is there as it was meant.
fn take_ours(document: &mut Value, ours: &Ours) -> Result<(), String> {
    let emptied = take_entries(document, ours)?;
    if let Some((made, stem)) = ours.at.split_last().filter(|_| ours.made && emptied) {
        let parent = stem
            .iter()
            .try_fold(document, |value, part| child_mut(value, part));
        if let Some(parent) = parent.and_then(Value::as_mapping_mut) {
            parent.shift_remove(made.as_str());
        }
    }
    Ok(())
}

/// Removes the entries, and says whether their mapping is empty then.
fn take_entries(document: &mut Value, ours: &Ours) -> Result<bool, String> {
    let there = ours
        .at
        .iter()
        .try_fold(document, |value, part| child_mut(value, part))
        .ok_or("the mapping it goes into is gone")?;
    if let Some(items) = there.as_sequence_mut() {
        return take_items(items, ours).map(|()| false);
    }
    let there = there
        .as_mapping_mut()
        .ok_or("the mapping it goes into is gone")?;
    let wrong = |name: &str| format!("{name} does not read back as it was meant");
    let entries = ours
        .entries
        .iter()
        .map(|(name, value)| (Value::from(name.as_str()), Value::from(value.as_str())));
    if let Some(key) = &ours.key {
        let wanted = Value::Mapping(entries.collect());
        if there.shift_remove(key.as_str()) == Some(wanted) {
            return Ok(there.is_empty());
        }
        return Err(wrong(key));
    }
    for (name, value) in entries {
        if there.shift_remove(&name) != Some(value) {
            return Err(wrong(name.as_str().unwrap_or_default()));
        }
    }
    Ok(there.is_empty())
}

/// Removes variables from a list of them.
fn take_items(items: &mut Vec<Value>, ours: &Ours) -> Result<(), String> {
    for (name, value) in &ours.entries {
        let wanted = Value::from(variable(name, value));
        let at = items.iter().position(|item| *item == wanted);
        let at = at.ok_or_else(|| format!("{name} does not read back as it was meant"))?;
        items.remove(at);
    }
    Ok(())
}

/// An item of a list of variables, as Compose has them.
fn variable(name: &str, value: &str) -> String {
    format!("{name}={value}")
}

/// Whether an item of a list sets a variable, or hands it on.
fn names_variable(item: &Value, name: &str) -> bool {
    let item = item.as_str().unwrap_or_default();
    item.split('=').next() == Some(name)
}

fn find_items(text: &str, items: &[outline::Key], ours: &Ours) -> Found {
    let (mut spans, mut same) = (Vec::new(), 0);
    for item in items {
        let name = item.name.split('=').next();
        let Some((name, value)) = ours
            .entries
            .iter()
            .find(|(own, _)| Some(own.as_str()) == name)
        else {
            continue;
        };
        same += usize::from(item.name == variable(name, value));
        let end = text[item.start..]
            .find('\n')
            .map_or(text.len(), |end| item.start + end + 1);
        spans.push(outline::line_start(text, item.start)..end);
    }
    match (
        spans.is_empty(),
        same == ours.entries.len() && same == spans.len(),
    ) {
        (true, _) => Found::Absent,
        (_, true) => Found::Whole(spans),
        _ => Found::Partly(spans),
    }
}

fn child<'a>(value: &'a Value, part: &str) -> Option<&'a Value> {
    match value {
        Value::Sequence(items) => items.get(part.parse::<usize>().ok()?),
        other => other.get(part),
    }
}

fn child_mut<'a>(value: &'a mut Value, part: &str) -> Option<&'a mut Value> {
    match value {
        Value::Sequence(items) => items.get_mut(part.parse::<usize>().ok()?),
        other => other.get_mut(part),
    }
}

/// The second reading: every document.
fn documents(text: &str) -> Result<Vec<Value>, String> {
    yaml_serde::Deserializer::from_str(text)
        .map(|document| Value::deserialize(document).map_err(|error| error.to_string()))
        .collect()
}

/// Refuses what libyaml does not read, with the line.
fn readable(file: &File<'_>) -> Result<(), PlantError> {
    for document in yaml_serde::Deserializer::from_str(file.text) {
        if let Err(error) = Value::deserialize(document) {
            let offset = error.location().map_or(0, |at| at.index());
            let mut offset = offset.min(file.text.len());
            while !file.text.is_char_boundary(offset) {
                offset -= 1;
            }
            return Err(file.syntax(offset, format!("is not YAML: {error}")));
        }
    }
    Ok(())
}

/// Stretches of text that are the inside of block scalars.
fn blocks(text: &str) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut open: Option<(usize, usize)> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let body = line.trim_start_matches(' ');
        let indent = line.len() - body.len();
        if let Some((header, from)) = open {
            if body.trim().is_empty() || indent > header {
                continue;
            }
            out.push(from..start);
            open = None;
        }
        let uncommented = body.split(" #").next().unwrap_or(body).trim_end();
        let last = uncommented.rsplit(' ').next().unwrap_or_default();
        if last.starts_with(['|', '>']) && last.len() <= 3 {
            open = Some((indent, at.saturating_sub(1)));
        }
    }
    out.extend(open.map(|(_, from)| from..text.len()));
    out
}
