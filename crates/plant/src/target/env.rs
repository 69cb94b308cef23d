//! `.env` files: `NAME=value` lines as dotenv libraries, Docker and shells read them; values bare,
//! in single or double quotes (which may run over lines), lines with or without `export`. A backslash at
//! a line's end goes on in the next (shells, systemd); where readers differ, ours stands where all agree.

use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;

use crate::bait::Wish;
use crate::error::{PlantError, Problem};
use crate::mask::{Mask, Syntax};
use crate::names::{self, Case};
use crate::text::{Draft, File, Format, Found, Ours, Request, Sheet, shapeless};
use crate::{Options, check_role};

/// The format.
pub(crate) struct Env;

/// One assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    name: String,
    /// The value with quotes and comment taken off.
    value: String,
    quote: Option<char>,
    export: bool,
    spaced: bool,
    /// From the start of its line to the end of its last line, line end included.
    span: Range<usize>,
    /// The value as written.
    raw: Range<usize>,
}

impl Format for Env {
    fn name(&self) -> &'static str {
        "env"
    }

    fn claims_name(&self, name: &str, _path: &Path) -> bool {
        const ENDINGS: [&str; 4] = [".env", "_env", "-env", ".environment"];
        name == "env"
            || name.starts_with(".env")
            || name.contains(".env.")
            || ENDINGS.iter().any(|ending| name.ends_with(ending))
    }

    fn claims_content(&self, head: &[u8]) -> bool {
        let Ok(text) = std::str::from_utf8(head) else {
            return false;
        };
        let mut open = false;
        let mut lines = text
            .lines()
            .filter(|line| !std::mem::replace(&mut open, goes_on(line)))
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .peekable();
        lines.peek().is_some()
            && lines.all(|line| {
                let line = line.strip_prefix("export ").unwrap_or(line);
                line.split_once('=')
                    .is_some_and(|(name, _)| is_name(name) && name.len() < 80)
            })
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
        let entries = parse(file.text);
        let lower = matches!(
            Case::most(entries.iter().map(|entry| entry.name.as_str())),
            Some(Case::Snake)
        );
        let asked = request
            .options
            .key
            .clone()
            .map(|key| vec![key.to_lowercase()]);
        if let (Some(key), None) = (&request.options.key, &request.options.role) {
            check_role(&file.path.display().to_string(), key)?;
        }
        let roles = match (&asked, &request.options.role) {
            (Some(key), None) => key,
            _ => request.roles,
        };
        let style = |template: &str, role: &str| {
            let name = names::fill(template, role);
            if lower { name.to_lowercase() } else { name }
        };
        let one = |role: &String| Ours {
            at: Vec::new(),
            key: None,
            entries: request
                .sheet
                .values
                .iter()
                .map(|(name, field)| (style(name, role), field.clone()))
                .collect(),
            made: false,
        };
        Ok(roles.iter().map(one).collect())
    }

    fn taken(&self, text: &str, ours: &Ours) -> Option<String> {
        // Line by line as well: not every reader takes a value over lines for one.
        let lines = text.lines().filter_map(|line| {
            let name = line.split_once('=')?.0.trim();
            Some(name.strip_prefix("export ").unwrap_or(name).trim())
        });
        let there: HashSet<String> = parse(text)
            .iter()
            .map(|entry| entry.name.as_str())
            .chain(lines)
            .map(str::to_uppercase)
            .collect();
        ours.names()
            .into_iter()
            .find(|name| there.contains(&name.to_uppercase()))
            .map(str::to_owned)
    }

    fn drafts(&self, file: &File<'_>, ours: &Ours) -> Result<Vec<Draft>, PlantError> {
        let entries = parse(file.text);
        let style = Style::of(file, &entries);
        let mut lines = Vec::with_capacity(ours.entries.len());
        for (name, value) in &ours.entries {
            let line = style.line(name, value);
            lines.push(line.ok_or_else(|| {
                let what = format!("the value of {name} has no form in an env file");
                let hint = "lines and quotes of every sort in one value: use `lapwing mint`, and a \
                            file of its own";
                PlantError::Shape(Problem::at(file.path, what).hint(hint))
            })?);
        }
        let block = lines.join(style.eol);
        let family = ours.entries.first().map(|(name, _)| names::family(name));
        let related = entries
            .iter()
            .rev()
            .find(|entry| Some(names::family(&entry.name)) == family);
        let mut drafts = Vec::new();
        if let Some(entry) = related {
            let end = settled(file.text, entry.span.end);
            drafts.push(whole_lines(file.text, end, &block, style.eol));
        }
        let end = settled(file.text, end_of_content(file.text));
        let apart = related.is_none() && style.blocks && end > 0;
        let lead = if apart { style.eol } else { "" };
        drafts.push(whole_lines(
            file.text,
            end,
            &format!("{lead}{block}"),
            style.eol,
        ));
        drafts.push(whole_lines(file.text, 0, &block, style.eol));
        Ok(drafts)
    }

    fn proves(&self, before: &str, after: &str, ours: &Ours) -> Result<(), String> {
        let meaning = |text: &str| -> Vec<(String, String, bool)> { read(text) };
        let (before, mut after) = (meaning(before), meaning(after));
        let at = after
            .windows(ours.entries.len())
            .position(|window| {
                window
                    .iter()
                    .zip(&ours.entries)
                    .all(|(read, ours)| (&read.0, &read.1) == (&ours.0, &ours.1))
            })
            .ok_or("the bait does not read back as it was meant")?;
        after.drain(at..at + ours.entries.len());
        if before == after {
            Ok(())
        } else {
            Err("other variables would change".to_owned())
        }
    }

    fn find(&self, text: &str, ours: &Ours) -> Found {
        let entries = parse(text);
        let mut spans = Vec::new();
        let mut same = 0;
        for entry in &entries {
            if let Some((_, value)) = ours.entries.iter().find(|(name, _)| *name == entry.name) {
                same += usize::from(*value == entry.value);
                spans.push(entry.span.clone());
            }
        }
        let all = same == ours.entries.len() && spans.len() == same;
        match (spans.is_empty(), all) {
            (true, _) => Found::Absent,
            (_, true) => Found::Whole(spans),
            _ => Found::Partly(spans),
        }
    }

    fn mask(&self, text: &str) -> Mask {
        Mask {
            syntax: Syntax::Plain,
            opaque: parse(text).into_iter().map(|entry| entry.raw).collect(),
        }
    }
}

/// How the file's lines are written.
struct Style {
    eol: &'static str,
    export: bool,
    spaced: bool,
    quote: Option<char>,
    /// Blank lines part groups.
    blocks: bool,
}

impl Style {
    fn of(file: &File<'_>, entries: &[Entry]) -> Self {
        let most = |count: usize| count * 2 > entries.len();
        let valued: Vec<&Entry> = entries
            .iter()
            .filter(|entry| !entry.raw.is_empty())
            .collect();
        let quoted = |quote| {
            valued
                .iter()
                .filter(|entry| entry.quote == Some(quote))
                .count()
        };
        let quote = ['"', '\'']
            .into_iter()
            .find(|quote| quoted(*quote) * 2 > valued.len());
        Self {
            eol: file.eol(),
            export: most(entries.iter().filter(|entry| entry.export).count()),
            spaced: most(entries.iter().filter(|entry| entry.spaced).count()),
            quote,
            blocks: file.text.trim().lines().any(|line| line.trim().is_empty()),
        }
    }

    /// `None` if no quoting can hold the value.
    fn line(&self, name: &str, value: &str) -> Option<String> {
        if value.contains('\n') {
            return self.lines(name, value);
        }
        let plain = value
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_./:@%+,=-?".contains(c));
        let holds = |quote: char| match quote {
            '\'' => !value.contains(['\'', '\n', '\r']),
            _ => !value.contains(['"', '`', '$', '\\', '\n', '\r']),
        };
        let quote = match self.quote {
            None if plain && !value.is_empty() => None,
            wanted => Some(
                wanted
                    .into_iter()
                    .chain(['"', '\''])
                    .find(|quote| holds(*quote))?,
            ),
        };
        let export = if self.export { "export " } else { "" };
        let equals = if self.spaced && !self.export {
            " = "
        } else {
            "="
        };
        let quote = quote.map_or_else(String::new, String::from);
        Some(format!("{export}{name}{equals}{quote}{value}{quote}"))
    }
}

impl Style {
    /// A value of several lines, a key in PEM for instance. Double quotes hold it: over lines in files
    /// that end theirs as the value does, else on one line with `\n`.
    fn lines(&self, name: &str, value: &str) -> Option<String> {
        let plain = |c: char| !c.is_control() || c == '\n';
        if value.contains(['"', '`', '$', '\\', '\r']) || !value.chars().all(plain) {
            return None;
        }
        let export = if self.export { "export " } else { "" };
        let value = if self.eol == "\n" {
            value.to_owned()
        } else {
            value.replace('\n', "\\n")
        };
        Some(format!("{export}{name}=\"{value}\""))
    }
}

/// Lines at a line's start, or after a last line that has no end.
pub(super) fn whole_lines(text: &str, offset: usize, block: &str, eol: &str) -> Draft {
    let starts = offset == 0 || text[..offset].ends_with('\n');
    let text = if starts {
        format!("{block}{eol}")
    } else {
        format!("{eol}{block}")
    };
    Draft { offset, text }
}

/// Behind the last line that is not blank, its line end included.
pub(super) fn end_of_content(text: &str) -> usize {
    let body = text.trim_end().len();
    text[body..]
        .find('\n')
        .map_or(text.len(), |at| body + at + 1)
}

/// Whether a line, its end included or not, goes on in the next: it ends in a backslash that none escapes.
fn goes_on(line: &str) -> bool {
    let body = line.trim_end_matches(['\n', '\r']);
    (body.len() - body.trim_end_matches('\\').len()) % 2 == 1
}

/// The line's end behind `from`, itself included, or that of the last line it goes on in. A comment does
/// not go on.
fn whole_end(text: &str, from: usize) -> usize {
    let mut at = from;
    loop {
        let end = text[at..].find('\n').map_or(text.len(), |n| at + n + 1);
        let line = &text[at..end];
        if end == text.len() || line.contains('#') || !goes_on(line) {
            return end;
        }
        at = end;
    }
}

/// A line's start at or behind `offset` that no line goes on in; in front of the last lines where those
/// are never finished.
fn settled(text: &str, offset: usize) -> usize {
    let above = |at: usize| &text.as_bytes()[..at.saturating_sub(1)];
    let before = |at: usize| {
        above(at)
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |n| n + 1)
    };
    let open = |at: usize| at > 0 && goes_on(&text[before(at)..at]);
    let mut end = offset;
    while open(end) && end < text.len() {
        end = text[end..].find('\n').map_or(text.len(), |n| end + n + 1);
    }
    while open(end) {
        end = before(end);
    }
    end
}

fn is_name(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}

/// Assignments with their places, line by line.
fn parse(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let end = text[at..].find('\n').map_or(text.len(), |n| at + n + 1);
        match entry(text, at, end) {
            Some(found) => {
                at = found.span.end;
                entries.push(found);
            }
            None => at = end,
        }
    }
    entries
}

fn entry(text: &str, start: usize, end: usize) -> Option<Entry> {
    let line = &text[start..end];
    let body = line.trim_start();
    if body.starts_with('#') {
        return None;
    }
    let exported = body
        .strip_prefix("export")
        .filter(|rest| rest.starts_with([' ', '\t']));
    let rest = exported.unwrap_or(body).trim_start();
    let (name, value) = rest.split_once('=')?;
    if !is_name(name) {
        return None;
    }
    let from = end - value.len();
    let skipped = value.len() - value.trim_start_matches([' ', '\t']).len();
    let from = from + skipped;
    let first = text[from..].chars().next();
    let quote = first.filter(|c| matches!(c, '"' | '\'' | '`'));
    let closed = quote.and_then(|quote| closing(text, from, quote));
    let (raw, value, span_end) = match (quote, closed) {
        (Some(quote), Some(close)) => {
            let inner = &text[from + 1..close];
            let value = if quote == '"' {
                unescape(inner)
            } else {
                inner.to_owned()
            };
            (from..close + 1, value, whole_end(text, close + 1))
        }
        _ => bare(text, from, end),
    };
    Some(Entry {
        name: name.trim().to_owned(),
        quote: closed.and(quote),
        value,
        export: exported.is_some(),
        spaced: name.ends_with(' ') && skipped > 0,
        span: start..span_end,
        raw,
    })
}

/// A value without quotes: to a comment or the end of the last line it goes on in; and where that is.
fn bare(text: &str, from: usize, end: usize) -> (Range<usize>, String, usize) {
    let from = from.min(end);
    let (mut at, mut end) = (from, end);
    let cut = loop {
        let line = &text[at..end];
        let comment = line
            .match_indices('#')
            .find(|(sign, _)| at == from && *sign == 0 || line[..*sign].ends_with([' ', '\t']));
        if let Some((sign, _)) = comment {
            break at + sign;
        }
        if end == text.len() || !goes_on(line) {
            break end;
        }
        at = end;
        end = text[at..].find('\n').map_or(text.len(), |n| at + n + 1);
    };
    let value = text[from..cut].trim_end();
    let joined = value.replace("\\\r\n", "").replace("\\\n", "");
    (from..from + value.len(), joined, end)
}

fn closing(text: &str, open: usize, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text[open + 1..].char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote == '"' => escaped = true,
            c if c == quote => return Some(open + 1 + at),
            _ => {}
        }
    }
    None
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match characters.next() {
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some(other @ ('"' | '\\' | '$' | '`')) => out.push(other),
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    out
}

/// The second reading, a state machine over characters that knows no lines of ours: name, value,
/// and whether it is exported, in order. Lines that assign nothing come out with an empty value, so
/// that they are compared as well; comments and blank lines do not.
fn read(text: &str) -> Vec<(String, String, bool)> {
    let mut out = Vec::new();
    let mut rest = text.chars().peekable();
    while rest.peek().is_some() {
        let mut name = String::new();
        while let Some(c) = rest.next_if(|c| !matches!(c, '=' | '\n' | '#')) {
            name.push(c);
            if c == '\\' {
                name.push_str(&joins(&mut rest));
            }
        }
        let name = name.trim();
        if rest.peek() == Some(&'#') && name.is_empty() {
            while rest.next_if(|c| *c != '\n').is_some() {}
            continue;
        }
        let export = name
            .strip_prefix("export")
            .filter(|n| n.starts_with([' ', '\t']));
        let (name, exported) = export.map_or((name, false), |name| (name.trim(), true));
        let assigns = rest.peek() == Some(&'=') && is_name(name);
        if rest.peek() == Some(&'\n') {
            rest.next();
            if !name.is_empty() {
                out.push((name.to_owned(), String::new(), exported));
            }
            continue;
        }
        let name = name.to_owned();
        let value = if assigns {
            rest.next();
            read_value(&mut rest)
        } else {
            read_bare(&mut rest)
        };
        if !name.is_empty() || !value.is_empty() {
            out.push((name, value, exported));
        }
    }
    out
}

type Characters<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn read_value(rest: &mut Characters<'_>) -> String {
    while rest.next_if(|c| matches!(c, ' ' | '\t')).is_some() {}
    let Some(quote) = rest
        .peek()
        .copied()
        .filter(|c| matches!(c, '"' | '\'' | '`'))
    else {
        return read_bare(rest);
    };
    let mut ahead = rest.clone();
    ahead.next();
    let mut raw = String::new();
    while let Some(c) = ahead.next() {
        if c == quote {
            while ahead.next_if(|c| *c != '\n').is_some() {}
            *rest = ahead;
            return if quote == '"' { unescape(&raw) } else { raw };
        }
        raw.push(c);
        if c == '\\' && quote == '"' {
            raw.extend(ahead.next());
        }
    }
    read_bare(rest) // never closed: an ordinary character
}

fn read_bare(rest: &mut Characters<'_>) -> String {
    let mut raw = String::new();
    while let Some(c) = rest.next_if(|c| *c != '\n') {
        if c == '#' && (raw.is_empty() || raw.ends_with([' ', '\t'])) {
            while rest.next_if(|c| *c != '\n').is_some() {}
            break;
        }
        raw.push(c);
        if c == '\\' {
            // Kept with what is escaped: only that nothing comes in between is of interest.
            raw.push_str(&joins(rest));
        }
    }
    raw.trim_end().to_owned()
}

/// What a backslash takes along: the line end behind it, or one more backslash.
fn joins(rest: &mut Characters<'_>) -> String {
    let mut taken = String::new();
    taken.extend(rest.next_if_eq(&'\\'));
    if taken.is_empty() {
        taken.extend(rest.next_if_eq(&'\r'));
        taken.extend(rest.next_if_eq(&'\n'));
    }
    taken
}
