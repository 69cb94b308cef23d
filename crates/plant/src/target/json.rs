//! JSON (RFC 8259), with comments and trailing commas allowed as in `tsconfig.json` and editor
//! settings. The addition always brings its own comma, so that taking its bytes out restores the
//! file whatever the owner has added around it.

pub(super) mod scan;

use std::ops::Range;
use std::path::Path;

use jsonc_parser::{ParseOptions, parse_to_serde_value};
use serde_json::Value;

use self::scan::{Kind, Member, Node, scan};
use super::tree::{self, Container, View};
use crate::Options;
use crate::bait::Wish;
use crate::error::PlantError;
use crate::mask::{Mask, Syntax};
use crate::names;
use crate::text::{Branch, Draft, File, Format, Found, Ours, Request, Sheet};

/// The format.
pub(crate) struct Json;

impl Format for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn claims_name(&self, name: &str, _path: &Path) -> bool {
        const ENDINGS: [&str; 9] = [
            ".json",
            ".js.map",
            ".css.map",
            ".tfstate",
            ".tfstate.backup",
            ".jsonc",
            ".json5",
            ".code-workspace",
            ".webmanifest",
        ];
        ENDINGS.iter().any(|ending| name.ends_with(ending))
    }

    fn claims_content(&self, head: &[u8]) -> bool {
        let body = head.trim_ascii_start();
        body.starts_with(b"{") && body[1..].trim_ascii_start().starts_with(b"\"")
    }

    fn any_bytes(&self) -> bool {
        false
    }

    fn sheets(&self, path: &Path, wish: &Wish, _: &Options) -> Result<Vec<Sheet>, PlantError> {
        Ok(vec![tree::sheet(self.name(), path, wish)?])
    }

    fn style(&self, file: &File<'_>, request: &Request<'_>) -> Result<Vec<Ours>, PlantError> {
        let root = scan(file)?;
        let mut asked = tree::path(request.options.key.as_deref());
        if let Some(at) = tree::home::at(file.path).filter(|_| asked.is_empty()) {
            let there = root.follow(&at).is_some();
            if let Some(ours) = tree::home::entries(file.path, request, there) {
                view(&root, &at).ok_or_else(|| tree::no_mapping(file, &at))?;
                return Ok(ours);
            }
            if there {
                asked = at;
            }
        }
        let view = view(&root, &asked).ok_or_else(|| tree::no_mapping(file, &asked))?;
        tree::style(file, request, &view)
    }

    fn taken(&self, text: &str, ours: &Ours) -> Option<String> {
        // Most names stand nowhere. One in other letters (\u0061) is seen by the proof.
        if ours.names().iter().all(|name| !text.contains(*name)) {
            return None;
        }
        let value = value(text).ok()?;
        let there = ours
            .at
            .iter()
            .try_fold(&value, |value, part| child(value, part))?;
        ours.names()
            .into_iter()
            .find(|name| there.get(*name).is_some())
            .map(str::to_owned)
    }

    fn drafts(&self, file: &File<'_>, ours: &Ours) -> Result<Vec<Draft>, PlantError> {
        let root = scan(file)?;
        let object = root
            .follow(ours.stem())
            .filter(|node| matches!(node.kind, Kind::Object(_)))
            .ok_or_else(|| tree::no_mapping(file, &ours.at))?;
        let Kind::Object(members) = &object.kind else {
            unreachable!("filtered just now")
        };
        let layout = Layout::of(file, object, members, ours.stem().len());
        if members.is_empty() {
            return Ok(vec![layout.in_empty(file.text, object, ours)]);
        }
        let first = ours.branches().first().map(|(name, _)| names::family(name));
        let related = members
            .iter()
            .rposition(|member| Some(names::family(&member.key)) == first)
            .map(|at| at + 1)
            .filter(|at| *at < members.len());
        let slots = related.into_iter().chain([members.len() - 1, 0]);
        Ok(slots
            .map(|slot| layout.before(file.text, object, members, slot, ours))
            .collect())
    }

    fn proves(&self, before: &str, after: &str, ours: &Ours) -> Result<(), String> {
        let strict: Result<Value, _> = serde_json::from_str(before);
        if strict.is_ok() && serde_json::from_str::<Value>(after).is_err() {
            return Err("a strict reader would no longer take it".to_owned());
        }
        if loose_ends(before) > loose_ends(after) {
            return Err("a comma would be left over".to_owned());
        }
        let (before, mut after) = (value(before)?, value(after)?);
        let there = ours
            .at
            .iter()
            .try_fold(&mut after, |value, part| child_mut(value, part))
            .and_then(Value::as_object_mut)
            .ok_or("the mapping it went into is gone")?;
        let expected: serde_json::Map<String, Value> = ours
            .entries
            .iter()
            .map(|(name, value)| (name.clone(), Value::from(value.as_str())))
            .collect();
        match &ours.key {
            Some(key) => {
                if there.remove(key) != Some(Value::Object(expected)) {
                    return Err("the bait does not read back as it was meant".to_owned());
                }
            }
            None => {
                for (name, value) in expected {
                    if there.remove(&name) != Some(value) {
                        return Err(format!("{name} does not read back as it was meant"));
                    }
                }
            }
        }
        let emptied = there.is_empty();
        if let Some((made, stem)) = ours.at.split_last().filter(|_| ours.made && emptied) {
            let parent = stem
                .iter()
                .try_fold(&mut after, |value, part| child_mut(value, part));
            if let Some(parent) = parent.and_then(Value::as_object_mut) {
                parent.remove(made);
            }
        }
        if before == after {
            Ok(())
        } else {
            Err("other values would change".to_owned())
        }
    }

    fn find(&self, text: &str, ours: &Ours) -> Found {
        let file = File {
            path: Path::new(""),
            text,
        };
        let Ok(root) = scan(&file) else {
            return Found::Absent;
        };
        let Some((object, members)) = root.follow(&ours.at).and_then(Node::object) else {
            return Found::Absent;
        };
        let found = match &ours.key {
            Some(key) => find_key(text, members, key, ours),
            None => find_flat(text, members, ours),
        };
        let found = found.within(all_within(text, object, members, ours));
        let alone = ours.made && members.iter().all(|member| is_ours(&member.key, ours));
        let stem = root.follow(ours.stem()).map(|node| &node.kind);
        match (ours.at.last(), stem) {
            (Some(made), Some(Kind::Object(members))) if alone => {
                let at = members.iter().rposition(|member| member.key == *made);
                let whole = at.map(|at| vec![member_span(text, members, at)]);
                found.within(whole)
            }
            _ => found,
        }
    }

    fn mask(&self, _text: &str) -> Mask {
        Mask {
            syntax: Syntax::Json,
            opaque: Vec::new(),
        }
    }
}

/// The inside of an object that holds nothing but ours.
fn all_within(
    text: &str,
    object: &Node,
    members: &[Member],
    ours: &Ours,
) -> Option<Vec<Range<usize>>> {
    let inside = object.span.start + 1..object.span.end - 1;
    let mut from = inside.start;
    for member in members {
        let blank = text[from..member.start].trim_matches([' ', '\t', '\r', '\n', ',']);
        if !is_ours(&member.key, ours) || !blank.is_empty() {
            return None;
        }
        from = member.value.span.end;
    }
    let blank = text[from..inside.end].trim_matches([' ', '\t', '\r', '\n', ',']);
    (!members.is_empty() && blank.is_empty()).then(|| vec![inside])
}

/// How many objects have a comma behind their last member.
fn loose_ends(text: &str) -> usize {
    let path = Path::new("");
    scan(&File { path, text }).map_or(0, |root| root.loose_ends())
}

fn is_ours(name: &str, ours: &Ours) -> bool {
    ours.names().contains(&name)
}

fn find_key(text: &str, members: &[Member], key: &str, ours: &Ours) -> Found {
    let Some(at) = members.iter().position(|member| member.key == key) else {
        return Found::Absent;
    };
    let span = member_span(text, members, at);
    let values: serde_json::Map<String, Value> = ours
        .entries
        .iter()
        .map(|(name, value)| (name.clone(), Value::from(value.as_str())))
        .collect();
    let written = &text[members[at].value.span.clone()];
    if value(written) == Ok(Value::Object(values)) {
        Found::Whole(vec![span])
    } else {
        Found::Partly(vec![span])
    }
}

fn find_flat(text: &str, members: &[Member], ours: &Ours) -> Found {
    let mut spans = Vec::new();
    let mut same = 0;
    for (at, member) in members.iter().enumerate() {
        if let Some((_, wanted)) = ours.entries.iter().find(|(name, _)| *name == member.key) {
            let written = value(&text[member.value.span.clone()]);
            same += usize::from(written.is_ok_and(|v| v.as_str() == Some(wanted)));
            spans.push(member_span(text, members, at));
        }
    }
    match (spans.is_empty(), same == ours.entries.len()) {
        (true, _) => Found::Absent,
        (_, true) => Found::Whole(spans),
        _ => Found::Partly(spans),
    }
}

/// A member with the comma that has to go with it, and its whole lines if it has them to itself.
fn member_span(text: &str, members: &[Member], at: usize) -> Range<usize> {
    let member = &members[at];
    let mut span = member.start..member.value.span.end;
    match (member.comma, at.checked_sub(1)) {
        (Some(comma), _) => span.end = comma + 1,
        (None, Some(previous)) => span.start = members[previous].value.span.end,
        (None, None) => {}
    }
    if member.comma.is_some() {
        let line = line_start(text, span.start);
        let rest = &text[span.end..];
        let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\r']).len();
        let alone = text[line..span.start].trim().is_empty();
        if alone && rest[blank..].starts_with('\n') {
            return line..span.end + blank + 1;
        }
        span.end += rest.len() - rest.trim_start_matches([' ', '\t']).len();
    }
    span
}

fn options() -> ParseOptions {
    ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    }
}

/// The second reading.
fn value(text: &str) -> Result<Value, String> {
    parse_to_serde_value(text, &options()).map_err(|error| error.to_string())
}

fn child<'a>(value: &'a Value, part: &str) -> Option<&'a Value> {
    match value {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        other => other.get(part),
    }
}

fn child_mut<'a>(value: &'a mut Value, part: &str) -> Option<&'a mut Value> {
    match value {
        Value::Array(items) => items.get_mut(part.parse::<usize>().ok()?),
        other => other.get_mut(part),
    }
}

fn view(root: &Node, asked: &[String]) -> Option<View> {
    let (at, new_key, node) = match root.follow(asked) {
        Some(node) => (asked.to_vec(), None, node),
        None => {
            let (last, parents) = asked.split_last()?;
            (parents.to_vec(), Some(last.clone()), root.follow(parents)?)
        }
    };
    let Kind::Object(members) = &node.kind else {
        return None;
    };
    let mut all = Vec::new();
    root.names(0, &mut all);
    let Kind::Object(top) = &root.kind else {
        return None;
    };
    Some(View {
        top: top.iter().map(|member| member.key.clone()).collect(),
        container: Container {
            at,
            new_key,
            keys: members
                .iter()
                .map(|m| (m.key.clone(), matches!(m.value.kind, Kind::Single)))
                .collect(),
        },
        names: all,
    })
}

/// How members of an object are laid out.
struct Layout {
    eol: &'static str,
    /// Members stand on lines of their own.
    tall: bool,
    indent: String,
    unit: String,
    colon: String,
}

impl Layout {
    fn of(file: &File<'_>, object: &Node, members: &[Member], depth: usize) -> Self {
        let text = file.text;
        let unit = unit(text);
        let outer = line_indent(text, object.span.start);
        let first = members.first();
        let tall = first.map_or_else(
            || text.contains('\n') || members.is_empty() && depth == 0,
            |first| text[object.span.start..first.start].contains('\n'),
        );
        let own_line = |member: &&Member| {
            text[line_start(text, member.start)..member.start]
                .trim()
                .is_empty()
        };
        // On one long line each look back for its start would cost the whole line.
        let indent = members
            .iter()
            .rev()
            .take_while(|_| tall)
            .find(own_line)
            .map_or_else(
                || format!("{outer}{unit}"),
                |member| line_indent(text, member.start),
            );
        let colon = first.map_or(": ", |first| {
            let after = &text[first.key_end..first.value.span.start];
            if after.trim_end().len() == after.len() {
                ":"
            } else {
                ": "
            }
        });
        Self {
            eol: file.eol(),
            tall,
            indent,
            unit,
            colon: colon.to_owned(),
        }
    }

    /// Our members, without the last comma and without indentation in front.
    fn body(&self, ours: &Ours) -> String {
        self.members(&ours.branches(), &self.indent)
    }

    fn members(&self, branches: &[(&str, Branch<'_>)], indent: &str) -> String {
        let quoted = |text: &str| Value::from(text).to_string();
        let (eol, unit) = (self.eol, &self.unit);
        let one = |(name, branch): &(&str, Branch<'_>)| {
            let value = match branch {
                Branch::Value(value) => quoted(value),
                Branch::Mapping(inner) if self.tall => {
                    let deeper = format!("{indent}{unit}");
                    let inner = self.members(inner, &deeper);
                    format!("{{{eol}{deeper}{inner}{eol}{indent}}}")
                }
                Branch::Mapping(inner) => format!("{{{}}}", self.members(inner, indent)),
            };
            format!("{}{}{value}", quoted(name), self.colon)
        };
        let members: Vec<String> = branches.iter().map(one).collect();
        match (self.tall, self.colon.as_str()) {
            (true, _) => members.join(&format!(",{eol}{indent}")),
            (false, ": ") => members.join(", "),
            (false, _) => members.join(","),
        }
    }

    fn in_empty(&self, text: &str, object: &Node, ours: &Ours) -> Draft {
        let (eol, indent) = (self.eol, &self.indent);
        let close = object.span.end - 1;
        let line = line_start(text, close);
        let body = self.body(ours);
        if !self.tall {
            let offset = object.span.start + 1;
            return Draft { offset, text: body };
        }
        if line > object.span.start && text[line..close].trim().is_empty() {
            let text = format!("{indent}{body}{eol}");
            return Draft { offset: line, text };
        }
        let outer = line_indent(text, object.span.start);
        let text = format!("{eol}{indent}{body}{eol}{outer}");
        Draft {
            offset: close,
            text,
        }
    }

    /// Before the member at `slot`, on lines of its own where the neighbours have them.
    fn before(
        &self,
        text: &str,
        object: &Node,
        members: &[Member],
        slot: usize,
        ours: &Ours,
    ) -> Draft {
        let next = &members[slot];
        let after = match slot.checked_sub(1) {
            Some(previous) => members[previous]
                .comma
                .map_or(next.start, |comma| comma + 1),
            None => object.span.start + 1,
        };
        let body = self.body(ours);
        let line_end = text[after..next.start].find('\n').map(|n| after + n + 1);
        if let (true, Some(line)) = (self.tall, line_end)
            && only_comment(&text[after..line])
        {
            let text = format!("{}{body},{}", self.indent, self.eol);
            return Draft { offset: line, text };
        }
        let pad = if self.tall {
            format!("{}{}", self.eol, self.indent)
        } else if self.colon == ": " || text[after..next.start].starts_with(' ') {
            " ".to_owned()
        } else {
            String::new()
        };
        Draft {
            offset: next.start,
            text: format!("{body},{pad}"),
        }
    }
}

/// Whether the rest of a line is blank or a comment that ends on it.
fn only_comment(rest: &str) -> bool {
    let rest = rest.trim();
    rest.is_empty()
        || rest.starts_with("//")
        || (rest.starts_with("/*") && rest.find("*/") == Some(rest.len() - 2))
}

fn line_start(text: &str, offset: usize) -> usize {
    text[..offset].rfind('\n').map_or(0, |at| at + 1)
}

fn line_indent(text: &str, offset: usize) -> String {
    let line = &text[line_start(text, offset)..];
    line.chars()
        .take_while(|c| matches!(c, ' ' | '\t'))
        .collect()
}

/// One step of indentation: the first that is found.
fn unit(text: &str) -> String {
    text.lines()
        .take(1_000)
        .filter(|line| line.trim_start().starts_with('"'))
        .map(|line| line[..line.len() - line.trim_start().len()].to_owned())
        .find(|indent| !indent.is_empty())
        .unwrap_or_else(|| "  ".to_owned())
}
