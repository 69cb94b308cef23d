//! XML: a setting in `web.config`, a key in `nuget.config`, a server in Maven's `settings.xml`, and a
//! comment in any other. Places come from a scanner of tags, proof from `quick-xml`.

mod scan;

use std::ops::Range;
use std::path::Path;

use quick_xml::events::{BytesStart, Event};

use self::scan::{Node, scan};
use super::env::{end_of_content, whole_lines};
use crate::Options;
use crate::bait::Wish;
use crate::error::{PlantError, Problem};
use crate::login::Login;
use crate::mask::{Mask, Syntax};
use crate::names;
use crate::text::{Draft, File, Format, Found, LITERAL, Ours, Request, Sheet, shapeless};

/// The format.
pub(crate) struct Xml;

/// What ours looks like.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `<add key="NAME" value="VALUE" />` in `appSettings`.
    Settings,
    /// The same in `apikeys`, the name being an address.
    Keys,
    /// `<server>` with an id in `servers`.
    Servers,
    /// `<!-- NAME=VALUE -->` in front of the end.
    Comment,
}

impl Form {
    const fn home(self) -> &'static [&'static str] {
        match self {
            Self::Settings => &["configuration", "appSettings"],
            Self::Keys => &["configuration", "apikeys"],
            Self::Servers => &["settings", "servers"],
            Self::Comment => &[],
        }
    }

    fn of(file: &File<'_>, nodes: &[Node]) -> Self {
        let has = |name: &str| nodes.iter().any(|node| node.name == name);
        match nodes.first().map(|root| root.name.as_str()) {
            Some("configuration") if has("packageSources") => Self::Keys,
            Some("configuration") if has("property") => Self::Comment,
            Some("configuration") => Self::Settings,
            Some("settings") if has("servers") || file.text.contains("maven") => Self::Servers,
            _ => Self::Comment,
        }
    }

    fn of_ours(ours: &Ours) -> Self {
        match ours.at.last().map(String::as_str) {
            Some("appSettings") => Self::Settings,
            Some("apikeys") => Self::Keys,
            Some("servers") => Self::Servers,
            _ => Self::Comment,
        }
    }
}

impl Format for Xml {
    fn name(&self) -> &'static str {
        "xml"
    }

    fn claims_name(&self, name: &str, _path: &Path) -> bool {
        const NAMES: [&str; 3] = ["web.config", "app.config", "nuget.config"];
        const ENDINGS: [&str; 7] = [
            ".xml",
            ".csproj",
            ".props",
            ".targets",
            ".plist",
            ".xsd",
            ".exe.config",
        ];
        NAMES.contains(&name) || ENDINGS.iter().any(|ending| name.ends_with(ending))
    }

    fn claims_content(&self, head: &[u8]) -> bool {
        head.trim_ascii_start().starts_with(b"<?xml")
    }

    fn any_bytes(&self) -> bool {
        true
    }

    fn sheets(&self, path: &Path, wish: &Wish, _: &Options) -> Result<Vec<Sheet>, PlantError> {
        if wish.env.is_empty() {
            return Err(shapeless(wish, self.name(), path));
        }
        Ok(vec![Sheet {
            path: path.to_owned(),
            key: None,
            values: wish.env.clone(),
            create: false,
        }])
    }

    fn style(&self, file: &File<'_>, request: &Request<'_>) -> Result<Vec<Ours>, PlantError> {
        let nodes = nodes(file)?;
        let form = Form::of(file, &nodes);
        let login = Login::of(request.wish);
        let literal = |name: &str, value: &str| (name.to_owned(), format!("{LITERAL}{value}"));
        let shapeless = || shapeless(request.wish, self.name(), file.path);
        let one = |role: &String| {
            let named = |(name, field): &(String, String)| (names::fill(name, role), field.clone());
            let (key, entries) = match form {
                Form::Settings | Form::Comment => {
                    (None, request.wish.env.iter().map(named).collect())
                }
                Form::Keys => {
                    let at = login.at.as_ref().ok_or_else(shapeless)?;
                    let secret = login.secret.as_deref().ok_or_else(shapeless)?;
                    (None, vec![literal(&at.url(None), secret)])
                }
                Form::Servers => {
                    let secret = login.secret.as_deref().ok_or_else(shapeless)?;
                    let at = login.at.as_ref().ok_or_else(shapeless)?;
                    let tree = request.wish.tree.as_ref().ok_or_else(shapeless)?;
                    let id = names::Case::Kebab.write(&names::fill(&tree.0, role));
                    let entries = vec![
                        literal("username", login.who()),
                        literal("password", secret),
                        literal("url", &at.url(None)),
                    ];
                    (Some(request.options.key.clone().unwrap_or(id)), entries)
                }
            };
            let at = form.home().iter().map(|part| (*part).to_owned()).collect();
            Ok(Ours {
                at,
                key,
                entries,
                made: false,
            })
        };
        request.roles.iter().map(one).collect()
    }

    fn taken(&self, text: &str, ours: &Ours) -> Option<String> {
        let names = ours.names();
        match Form::of_ours(ours) {
            Form::Comment => names
                .into_iter()
                .find(|name| text.contains(&format!("<!-- {name}=")))
                .map(str::to_owned),
            Form::Servers => {
                let key = ours.key.as_deref()?;
                text.contains(&format!("<id>{}</id>", escape(key)))
                    .then(|| key.to_owned())
            }
            _ => names
                .into_iter()
                .find(|name| text.contains(&format!("\"{}\"", escape(name))))
                .map(str::to_owned),
        }
    }

    fn drafts(&self, file: &File<'_>, ours: &Ours) -> Result<Vec<Draft>, PlantError> {
        let nodes = nodes(file)?;
        let form = Form::of_ours(ours);
        for (name, value) in &ours.entries {
            let kept = |c: char| !c.is_control() || c == '\n' && form == Form::Servers;
            let comment = form == Form::Comment && (value.contains("--") || value.ends_with('-'));
            if comment || value.trim() != value || !value.chars().all(kept) {
                let what = format!("the value of {name} has no form in this XML file");
                let hint = "use `lapwing mint`, and a file of its own";
                return Err(PlantError::Shape(Problem::at(file.path, what).hint(hint)));
            }
        }
        let root = nodes.first().filter(|root| root.close > root.open.end);
        let Some(root) = root else {
            return Err(file.syntax(0, "has no element with anything in it"));
        };
        let layout = Layout::of(file, &nodes);
        let home = form.home().last().and_then(|name| {
            nodes
                .iter()
                .find(|node| node.parent == Some(0) && node.name == *name)
        });
        let mut drafts = Vec::new();
        match (home, form) {
            (Some(home), _) if home.close > home.open.end => {
                let indent = layout.within(file.text, &nodes, home);
                let lines = layout.lines(form, ours, &indent);
                drafts.push(before(file, home.close, &lines, &indent));
            }
            (Some(home), _) => {
                let what = format!("has an empty {} written as one tag", home.name);
                return Err(file.syntax(home.open.start, what));
            }
            (None, Form::Comment) => {
                let indent = layout.within(file.text, &nodes, root);
                let lines = layout.lines(form, ours, &indent);
                drafts.push(before(file, root.close, &lines, &indent));
                let end = end_of_content(file.text);
                drafts.push(whole_lines(
                    file.text,
                    end,
                    &lines.join(layout.eol),
                    layout.eol,
                ));
            }
            (None, _) => {
                let name = form.home().last().copied().unwrap_or_default();
                let indent = layout.within(file.text, &nodes, root);
                let inner = format!("{indent}{}", layout.unit);
                let mut lines = vec![format!("{indent}<{name}>")];
                lines.extend(layout.lines(form, ours, &inner));
                lines.push(format!("{indent}</{name}>"));
                drafts.push(before(file, root.close, &lines, &indent));
            }
        }
        Ok(drafts)
    }

    fn proves(&self, before: &str, after: &str, ours: &Ours) -> Result<(), String> {
        let (before, after) = (events(before)?, events(after)?);
        let layout = Layout {
            eol: "\n",
            unit: " ".to_owned(),
            apart: true,
        };
        let form = Form::of_ours(ours);
        let lines = layout.lines(form, ours, "").concat();
        let home = form.home().last();
        let wrapped = home.map(|name| format!("<{name}>{lines}</{name}>"));
        for text in std::iter::once(lines).chain(wrapped) {
            let meant = events(&text)?;
            let common = before
                .iter()
                .zip(&after)
                .take_while(|(a, b)| a == b)
                .count();
            let grown = before.len() + meant.len() == after.len();
            // Where ours begins like what follows it, it may seem to begin later than it does.
            let start = common.saturating_sub(meant.len());
            let fits = |at: usize| {
                after[at..].starts_with(&meant)
                    && before[..at] == after[..at]
                    && before[at..] == after[at + meant.len()..]
            };
            if grown && (start..=common.min(before.len())).any(fits) {
                return Ok(());
            }
        }
        Err("more than the bait would change".to_owned())
    }

    fn find(&self, text: &str, ours: &Ours) -> Found {
        let Ok(nodes) = scan(text) else {
            return Found::Absent;
        };
        let mut spans = Vec::new();
        let mut same = 0;
        match Form::of_ours(ours) {
            Form::Comment => {
                for (name, value) in &ours.entries {
                    for (at, _) in text.match_indices(&format!("<!-- {name}=")) {
                        let end = text[at..]
                            .find("-->")
                            .map_or(text.len(), |end| at + end + 3);
                        same += usize::from(text[at..end] == format!("<!-- {name}={value} -->"));
                        spans.push(lines_of(text, at..end));
                    }
                }
            }
            Form::Servers => {
                let key = format!(
                    "<id>{}</id>",
                    escape(ours.key.as_deref().unwrap_or_default())
                );
                let holds = |node: &&Node| {
                    node.name == "server" && text[node.open.start..node.end].contains(&key)
                };
                for node in nodes.iter().filter(holds) {
                    let inside = &text[node.open.start..node.end];
                    let values = ours.entries.iter().all(|(name, value)| {
                        inside.contains(&format!("<{name}>{}</{name}>", escape(value)))
                    });
                    same += if values { ours.entries.len() } else { 0 };
                    spans.push(lines_of(text, node.open.start..node.end));
                }
                same = if spans.len() > 1 { 0 } else { same };
                return found(spans, same == ours.entries.len());
            }
            Form::Settings | Form::Keys => {
                for node in nodes.iter().filter(|node| node.name == "add") {
                    let tag = &text[node.open.clone()];
                    let one = |name: &str, value: &str| {
                        tag.contains(&format!("{name}=\"{}\"", escape(value)))
                    };
                    if let Some((_, value)) = ours.entries.iter().find(|(name, _)| one("key", name))
                    {
                        same += usize::from(one("value", value));
                        spans.push(lines_of(text, node.open.start..node.end));
                    }
                }
            }
        }
        let all = same == ours.entries.len() && spans.len() == same;
        spans.sort_by_key(|span| span.start);
        found(spans, all)
    }

    fn mask(&self, _text: &str) -> Mask {
        Mask {
            syntax: Syntax::Hidden,
            opaque: Vec::new(),
        }
    }
}

fn found(spans: Vec<Range<usize>>, all: bool) -> Found {
    match (spans.is_empty(), all) {
        (true, _) => Found::Absent,
        (_, true) => Found::Whole(spans),
        _ => Found::Partly(spans),
    }
}

fn nodes(file: &File<'_>) -> Result<Vec<Node>, PlantError> {
    events(file.text).map_err(|what| file.syntax(0, format!("is not XML: {what}")))?;
    scan(file.text).map_err(|at| file.syntax(at, "opens something here that is never closed"))
}

/// How the file's elements are laid out.
struct Layout {
    eol: &'static str,
    unit: String,
    /// A blank in front of `/>`.
    apart: bool,
}

impl Layout {
    fn of(file: &File<'_>, nodes: &[Node]) -> Self {
        let text = file.text;
        let first = nodes.iter().find(|node| node.parent == Some(0));
        let unit = first
            .map(|node| indent_at(text, node.open.start))
            .unwrap_or_default();
        Self {
            eol: file.eol(),
            unit: if unit.is_empty() {
                "  ".to_owned()
            } else {
                unit
            },
            apart: text.matches(" />").count() * 2 >= text.matches("/>").count(),
        }
    }

    /// The indentation of what stands in an element.
    fn within(&self, text: &str, nodes: &[Node], parent: &Node) -> String {
        let inside = |node: &&Node| node.parent.is_some_and(|at| nodes[at].open == parent.open);
        match nodes.iter().rev().find(inside) {
            Some(child) => indent_at(text, child.open.start),
            None => format!("{}{}", indent_at(text, parent.open.start), self.unit),
        }
    }

    fn lines(&self, form: Form, ours: &Ours, indent: &str) -> Vec<String> {
        let blank = if self.apart { " " } else { "" };
        let inner = format!("{indent}{}", self.unit);
        if form == Form::Servers {
            let id = ours.key.as_deref().unwrap_or_default();
            let mut lines = vec![
                format!("{indent}<server>"),
                format!("{inner}<id>{}</id>", escape(id)),
            ];
            for (name, value) in &ours.entries {
                let element = format!("<{name}>{}</{name}>", escape(value));
                if name == "url" {
                    lines.push(format!("{inner}<configuration>"));
                    lines.push(format!("{inner}{}{element}", self.unit));
                    lines.push(format!("{inner}</configuration>"));
                } else {
                    lines.push(format!("{inner}{element}"));
                }
            }
            lines.push(format!("{indent}</server>"));
            return lines;
        }
        let line = |(name, value): &(String, String)| match form {
            Form::Comment => format!("{indent}<!-- {name}={value} -->"),
            _ => format!(
                "{indent}<add key=\"{}\" value=\"{}\"{blank}/>",
                escape(name),
                escape(value)
            ),
        };
        ours.entries.iter().map(line).collect()
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// In front of a closing tag: whole lines if it has one to itself.
fn before(file: &File<'_>, close: usize, lines: &[String], indent: &str) -> Draft {
    let eol = file.eol();
    let line = line_start(file.text, close);
    let block = lines.join(eol);
    if file.text[line..close].trim().is_empty() && line > 0 {
        return Draft {
            offset: line,
            text: format!("{block}{eol}"),
        };
    }
    Draft {
        offset: close,
        text: block.trim_start_matches(indent).replace(eol, ""),
    }
}

fn line_start(text: &str, offset: usize) -> usize {
    text[..offset].rfind('\n').map_or(0, |at| at + 1)
}

fn indent_at(text: &str, offset: usize) -> String {
    let before = &text[line_start(text, offset)..offset];
    if before.trim().is_empty() {
        before.to_owned()
    } else {
        String::new()
    }
}

/// The whole lines of a stretch that has them to itself.
fn lines_of(text: &str, span: Range<usize>) -> Range<usize> {
    let start = line_start(text, span.start);
    let rest = &text[span.end..];
    let end = rest.find('\n').map(|at| span.end + at + 1);
    match end {
        Some(end)
            if text[start..span.start].trim().is_empty()
                && text[span.end..end].trim().is_empty() =>
        {
            start..end
        }
        _ => span,
    }
}

/// The second reading: everything but blank text, in order.
fn events(text: &str) -> Result<Vec<String>, String> {
    let mut reader = quick_xml::Reader::from_str(text);
    let mut out = Vec::new();
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(tag) => out.push(opening(&tag)?),
            Event::Empty(tag) => {
                out.push(opening(&tag)?);
                out.push(format!("</{}", tag.name().as_ref()));
            }
            Event::End(tag) => out.push(format!("</{}", tag.name().as_ref())),
            Event::Text(text) => {
                let text = text.into_inner();
                if !text.trim().is_empty() {
                    out.push(format!("text {}", text.trim()));
                }
            }
            Event::Comment(text) => out.push(format!("<!-- {}", text.into_inner().trim())),
            Event::Eof => return Ok(out),
            other => out.push(format!("{other:?}")),
        }
    }
}

fn opening(tag: &BytesStart<'_>) -> Result<String, String> {
    let mut out = format!("<{}", tag.name().as_ref());
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let value =
            quick_xml::escape::unescape(&attribute.value).map_err(|error| error.to_string())?;
        out.push_str(&format!(" {}={value:?}", attribute.key.as_ref()));
    }
    Ok(out)
}
