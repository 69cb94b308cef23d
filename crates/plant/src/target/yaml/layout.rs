//! Writing an addition as the rest of a YAML file is written, and where it may go.

use super::super::env::{end_of_content, whole_lines};
use super::outline::{Key, Place, block_end, is_marker, line_start};
use crate::text::{Branch, Draft, File, Ours};

/// How the file's mappings are written.
pub(super) struct Style {
    pub(super) eol: &'static str,
    unit: usize,
    quote: Option<char>,
}

impl Style {
    pub(super) fn of(file: &File<'_>) -> Self {
        let quoted = |quote: &str| file.text.matches(quote).count();
        let (double, single) = (quoted(": \""), quoted(": '"));
        let plain = file
            .text
            .lines()
            .filter_map(|line| line.split_once(": "))
            .filter(|(_, value)| value.starts_with(|c: char| c.is_alphabetic()))
            .count();
        let quote = if double > plain && double >= single {
            Some('"')
        } else if single > plain {
            Some('\'')
        } else {
            None
        };
        Self {
            eol: file.eol(),
            unit: unit(file.text),
            quote,
        }
    }

    pub(super) fn scalar(&self, value: &str) -> String {
        let quote = match self.quote {
            None if is_plain(value) => return value.to_owned(),
            Some(quote) => quote,
            None if value.contains('\'') => '"',
            None => '\'',
        };
        let simple = value.chars().all(|c| !c.is_control());
        if quote == '\'' && simple {
            return format!("'{}'", value.replace('\'', "''"));
        }
        serde_json::Value::from(value).to_string()
    }

    /// Our lines at an indentation, without the last line end.
    fn block(&self, indent: &str, ours: &Ours) -> String {
        self.lines(indent, &ours.branches()).join(self.eol)
    }

    fn lines(&self, indent: &str, branches: &[(&str, Branch<'_>)]) -> Vec<String> {
        let mut lines = Vec::new();
        for (name, branch) in branches {
            let name = key_text(name);
            match branch {
                Branch::Value(value) => {
                    lines.push(format!("{indent}{name}: {}", self.scalar(value)));
                }
                Branch::Mapping(inner) => {
                    lines.push(format!("{indent}{name}:"));
                    let deeper = format!("{indent}{}", " ".repeat(self.unit));
                    lines.extend(self.lines(&deeper, inner));
                }
            }
        }
        lines
    }

    /// Behind the last item of a list, each item on a line of its own.
    pub(super) fn in_list(&self, text: &str, items: &[Key], ours: &Ours) -> Option<Draft> {
        let last = items.last()?;
        let lead = &text[line_start(text, last.start)..last.start];
        if lead.trim() != "-" {
            return None;
        }
        let quote = text[last.start..]
            .chars()
            .next()
            .filter(|c| matches!(c, '"' | '\''));
        let style = Self { quote, ..*self };
        let line = |(name, value): &(String, String)| {
            format!("{lead}{}", style.scalar(&super::variable(name, value)))
        };
        let lines: Vec<String> = ours.entries.iter().map(line).collect();
        let end = text[last.start..]
            .find('\n')
            .map_or(text.len(), |end| last.start + end + 1);
        Some(whole_lines(text, end, &lines.join(self.eol), self.eol))
    }

    /// Into a file without any content.
    pub(super) fn alone(&self, text: &str, ours: &Ours) -> Draft {
        let end = end_of_content(text);
        whole_lines(text, end, &self.block("", ours), self.eol)
    }

    pub(super) fn in_block(&self, text: &str, place: &Place, ours: &Ours) -> Vec<Draft> {
        let count = place.keys.len();
        let own_line = |key: &&Key| {
            text[line_start(text, key.start)..key.start]
                .trim()
                .is_empty()
        };
        let Some(first) = place.keys.iter().rfind(own_line) else {
            return Vec::new();
        };
        let indent = text[line_start(text, first.start)..first.start].to_owned();
        let block = self.block(&indent, ours);
        let gaps = (1..count)
            .filter(|at| {
                let lead = lead(text, place.keys[*at].start);
                text[..lead].trim_end_matches([' ', '\r']).ends_with("\n\n")
                    || text[..lead].ends_with("\r\n\r\n")
            })
            .count();
        let gap = if count > 1 && gaps * 2 >= count - 1 {
            self.eol
        } else {
            ""
        };
        let before = |slot: usize| {
            let key = place.keys.get(slot).filter(own_line)?;
            Some(Draft {
                offset: lead(text, key.start),
                text: format!("{block}{}{gap}", self.eol),
            })
        };
        let end = self.at_end(text, place, &indent, gap, &block);
        let plain = |slot: usize| {
            let key = place.keys.get(slot).filter(own_line)?;
            let text_ours = format!("{block}{}", self.eol);
            Some(Draft {
                offset: line_start(text, key.start),
                text: text_ours,
            })
        };
        let family = place.family_slot(ours).and_then(before);
        let fallback = [count - 1, 0]
            .into_iter()
            .flat_map(|slot| [before(slot), plain(slot)]);
        family
            .into_iter()
            .chain(end)
            .chain(fallback.flatten())
            .collect()
    }

    /// Behind the last entry.
    fn at_end(
        &self,
        text: &str,
        place: &Place,
        indent: &str,
        gap: &str,
        block: &str,
    ) -> Option<Draft> {
        let last = place.keys.last()?;
        let mut end = block_end(text, last.start, indent.len());
        if place.top {
            // Comments that close the document stay in front.
            let rest = &text[end..];
            let next = rest
                .split_inclusive('\n')
                .scan(0, |at, line| {
                    let start = *at;
                    *at += line.len();
                    Some((start, line.trim_end()))
                })
                .find(|(_, line)| is_marker(line))
                .map_or(text.len(), |(at, _)| end + at);
            let closing = &text[end..next];
            if !closing.trim().is_empty() {
                end += end_of_content(closing);
            }
        }
        let lead = if text[..end].ends_with("\n\n") {
            ""
        } else {
            gap
        };
        Some(whole_lines(text, end, &format!("{lead}{block}"), self.eol))
    }

    pub(super) fn in_flow(&self, text: &str, place: &Place, ours: &Ours) -> Vec<Draft> {
        let json = place
            .keys
            .first()
            .is_some_and(|key| text[key.start..].starts_with('"'));
        let key = |name: &str| {
            if json {
                format!("\"{name}\"")
            } else {
                key_text(name)
            }
        };
        let scalar = |value: &str| {
            if json || value.contains([',', '[', ']', '{', '}']) {
                serde_json::Value::from(value).to_string()
            } else {
                self.scalar(value)
            }
        };
        let body = flow(&ours.branches(), &key, &scalar);
        let Some(last) = place.keys.last() else {
            let open = text[place.span.clone()].find('{');
            let offset = open.map(|at| place.span.start + at + 1);
            return offset
                .map(|offset| Draft { offset, text: body })
                .into_iter()
                .collect();
        };
        let line = line_start(text, last.start);
        let alone = text[line..last.start].trim().is_empty();
        let pad = if alone {
            format!("{}{}", self.eol, &text[line..last.start])
        } else {
            " ".to_owned()
        };
        vec![Draft {
            offset: last.start,
            text: format!("{body},{pad}"),
        }]
    }
}

/// Ours within curly brackets.
fn flow(
    branches: &[(&str, Branch<'_>)],
    key: &dyn Fn(&str) -> String,
    scalar: &dyn Fn(&str) -> String,
) -> String {
    let one = |(name, branch): &(&str, Branch<'_>)| match branch {
        Branch::Value(value) => format!("{}: {}", key(name), scalar(value)),
        Branch::Mapping(inner) => format!("{}: {{{}}}", key(name), flow(inner, key, scalar)),
    };
    let members: Vec<String> = branches.iter().map(one).collect();
    members.join(", ")
}

/// The start of a key's line, or of the comment lines right above it.
fn lead(text: &str, key: usize) -> usize {
    let mut start = line_start(text, key);
    let indent = key - start;
    while start > 0 {
        let above = line_start(text, start - 1);
        let line = &text[above..start];
        let body = line.trim_start_matches(' ');
        if !body.starts_with('#') || line.len() - body.len() != indent {
            break;
        }
        start = above;
    }
    start
}

/// The first step of indentation found.
fn unit(text: &str) -> usize {
    let mut previous: Option<(usize, bool)> = None;
    for line in text.lines().take(2_000) {
        let body = line.trim_start_matches(' ');
        if body.is_empty() || body.starts_with('#') {
            continue;
        }
        let indent = line.len() - body.len();
        if let Some((above, true)) = previous
            && indent > above
            && !body.starts_with('-')
        {
            return (indent - above).min(8);
        }
        previous = Some((indent, body.trim_end().ends_with(':')));
    }
    2
}

fn key_text(name: &str) -> String {
    if is_plain(name) {
        name.to_owned()
    } else {
        serde_json::Value::from(name).to_string()
    }
}

/// Whether a string can stand without quotes and stay a string in every YAML version.
fn is_plain(value: &str) -> bool {
    const WORDS: [&str; 11] = [
        "y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf",
    ];
    value.starts_with(|c: char| c.is_ascii_alphabetic())
        && value
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_./:@+-?=&%".contains(c))
        && !value.ends_with(':')
        && !WORDS.contains(&value.to_lowercase().as_str())
}
