//! `~/.ssh/config`: a `Host` block that leads to our address, in the manner of the file's own. It is
//! asked for by its name only. Kinds that no host of theirs tells are comments, as in other files.
//! <https://man.openbsd.org/ssh_config>

use std::ops::Range;
use std::path::Path;

use super::env::{end_of_content, whole_lines};
use super::flat;
use crate::Options;
use crate::bait::Wish;
use crate::error::PlantError;
use crate::mask::{Mask, Syntax};
use crate::names::Case;
use crate::text::{Draft, File, Format, Found, LITERAL, Ours, Request, Sheet};

/// The format.
pub(crate) struct SshConfig;

/// A `Host` or `Match` line and what belongs to it; the first has none.
struct Block<'a> {
    /// What stands behind `Host`, or the whole `Match` line.
    name: &'a str,
    /// Keywords as written, and their arguments.
    options: Vec<(&'a str, &'a str)>,
    /// From its line's start to the end of its last option's line.
    span: Range<usize>,
}

impl Format for SshConfig {
    fn name(&self) -> &'static str {
        "ssh-config"
    }

    fn claims_name(&self, name: &str, path: &Path) -> bool {
        let within = path.parent().and_then(Path::file_name);
        name == "ssh_config"
            || within.is_some_and(|directory| {
                (directory == ".ssh" && name == "config")
                    || ((directory == "config.d" || directory == "ssh_config.d")
                        && name.ends_with(".conf")
                        && path.to_string_lossy().contains("ssh"))
            })
    }

    fn claims_content(&self, _head: &[u8]) -> bool {
        false
    }

    fn any_bytes(&self) -> bool {
        true
    }

    fn sheets(
        &self,
        path: &Path,
        wish: &Wish,
        options: &Options,
    ) -> Result<Vec<Sheet>, PlantError> {
        if options_of(wish, "old").is_none() {
            return flat::HASH.sheets(path, wish, options);
        }
        Ok(vec![Sheet {
            path: path.to_owned(),
            key: None,
            values: Vec::new(),
            create: false,
        }])
    }

    fn style(&self, file: &File<'_>, request: &Request<'_>) -> Result<Vec<Ours>, PlantError> {
        if options_of(request.wish, "old").is_none() {
            return flat::HASH.style(file, request);
        }
        let one = |role: &String| {
            let name = format!("{}-gw", Case::Kebab.write(role));
            let entries = options_of(request.wish, role)?;
            Some(Ours {
                at: Vec::new(),
                key: Some(request.options.key.clone().unwrap_or(name)),
                entries: entries
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), format!("{LITERAL}{value}")))
                    .collect(),
                made: false,
            })
        };
        Ok(request.roles.iter().filter_map(one).collect())
    }

    fn taken(&self, text: &str, ours: &Ours) -> Option<String> {
        let Some(key) = &ours.key else {
            return flat::HASH.taken(text, ours);
        };
        let named = |block: &Block<'_>| {
            block
                .name
                .split_whitespace()
                .any(|name| name == key.as_str())
        };
        blocks(text).iter().any(named).then(|| key.clone())
    }

    fn drafts(&self, file: &File<'_>, ours: &Ours) -> Result<Vec<Draft>, PlantError> {
        let Some(key) = &ours.key else {
            return flat::HASH.drafts(file, ours);
        };
        let text = file.text;
        let found = blocks(text);
        let manner = Manner::of(text, &found);
        let block = manner.block(key, ours, file.eol());
        let apart = |end: usize| match end {
            0 => String::new(),
            _ if manner.apart => file.eol().to_owned(),
            _ => String::new(),
        };
        // What is for all hosts stands last, and ours in front of it.
        let general = found
            .last()
            .filter(|last| last.name == "*" && found.len() > 2);
        let before = general.and_then(|_| found.get(found.len() - 2));
        let last = end_of_content(text);
        let ends = before.map(|block| block.span.end).into_iter().chain([last]);
        Ok(ends
            .map(|end| whole_lines(text, end, &format!("{}{block}", apart(end)), file.eol()))
            .collect())
    }

    fn proves(&self, before: &str, after: &str, ours: &Ours) -> Result<(), String> {
        let Some(key) = &ours.key else {
            return flat::HASH.proves(before, after, ours);
        };
        let (before, mut after) = (read(before), read(after));
        let wanted = (format!("host {key}"), lowered(ours));
        let at = after
            .iter()
            .position(|block| *block == wanted)
            .ok_or("the bait does not read back as it was meant")?;
        after.remove(at);
        if before == after {
            Ok(())
        } else {
            Err("options would come to other hosts".to_owned())
        }
    }

    fn find(&self, text: &str, ours: &Ours) -> Found {
        let Some(key) = &ours.key else {
            return flat::HASH.find(text, ours);
        };
        let wanted = lowered(ours);
        let mut spans = Vec::new();
        let mut whole = false;
        for block in blocks(text)
            .into_iter()
            .filter(|block| block.name == key.as_str())
        {
            let options = block.options.iter();
            let same = options.map(|(name, value)| (name.to_lowercase(), (*value).to_owned()));
            whole = same.eq(wanted.iter().cloned());
            spans.push(block.span);
        }
        match (spans.len(), whole) {
            (0, _) => Found::Absent,
            (1, true) => Found::Whole(spans),
            _ => Found::Partly(spans),
        }
    }

    fn mask(&self, _text: &str) -> Mask {
        Mask {
            syntax: Syntax::Hidden,
            opaque: Vec::new(),
        }
    }
}

/// What the block says, for a kind that is known by a host asked of its proxy.
fn options_of(wish: &Wish, role: &str) -> Option<Vec<(&'static str, String)>> {
    let host = wish.fields.get("beacon.segment")?;
    let proxy = wish.fields.get("proxy")?;
    let label = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !host.chars().all(label) || host.len() > 63 {
        return None;
    }
    let role = Case::Snake.write(role);
    Some(vec![
        ("HostName", format!("{host}.internal")),
        ("User", "deploy".to_owned()),
        ("IdentityFile", format!("~/.ssh/id_ed25519_{role}")),
        ("ProxyCommand", format!("nc -X connect -x {proxy} %h %p")),
    ])
}

fn lowered(ours: &Ours) -> Vec<(String, String)> {
    let entries = ours.entries.iter();
    entries
        .map(|(name, value)| (name.to_lowercase(), value.clone()))
        .collect()
}

/// Keyword and arguments of a line that has them: `Keyword arguments` or `Keyword=arguments`.
fn option(line: &str) -> Option<(&str, &str)> {
    let body = line.trim();
    if body.is_empty() || body.starts_with('#') {
        return None;
    }
    let end = body.find(|c: char| c.is_whitespace() || c == '=');
    let (keyword, rest) = body.split_at(end.unwrap_or(body.len()));
    let rest = rest.trim_start();
    Some((keyword, rest.strip_prefix('=').unwrap_or(rest).trim_start()))
}

fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut out = vec![Block {
        name: "",
        options: Vec::new(),
        span: 0..0,
    }];
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let span = at..at + line.len();
        at = span.end;
        let Some((keyword, arguments)) = option(line) else {
            continue;
        };
        let host = keyword.eq_ignore_ascii_case("host");
        if host || keyword.eq_ignore_ascii_case("match") {
            let name = if host { arguments } else { line.trim() };
            out.push(Block {
                name,
                options: Vec::new(),
                span,
            });
        } else if let Some(block) = out.last_mut() {
            block.options.push((keyword, arguments));
            block.span.end = span.end;
        }
    }
    out
}

/// The second reading: each block's line and what it says, by lines alone.
fn read(text: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut out = vec![(String::new(), Vec::new())];
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut words = line.splitn(2, |c: char| c.is_whitespace() || c == '=');
        let keyword = words.next().unwrap_or_default().to_lowercase();
        let rest = words.next().unwrap_or_default();
        let rest = rest.trim_start_matches(|c: char| c.is_whitespace());
        let rest = rest.strip_prefix('=').map_or(rest, str::trim_start);
        if keyword == "host" || keyword == "match" {
            out.push((format!("{keyword} {rest}"), Vec::new()));
        } else if let Some((_, options)) = out.last_mut() {
            options.push((keyword, rest.to_owned()));
        }
    }
    out
}

/// How the file's blocks are written.
struct Manner {
    indent: String,
    between: &'static str,
    /// Keywords in small letters.
    small: bool,
    /// A blank line stands between blocks.
    apart: bool,
}

impl Manner {
    fn of(text: &str, found: &[Block<'_>]) -> Self {
        let lines = || {
            found.iter().skip(1).flat_map(|block| {
                let lines = text[block.span.clone()].lines().skip(1);
                lines.filter(|line| option(line).is_some())
            })
        };
        let indent = lines()
            .next()
            .map_or("    ", |line| &line[..line.len() - line.trim_start().len()]);
        let equals = lines().filter(|line| {
            let body = line.trim_start();
            let end = body.find(|c: char| !c.is_ascii_alphanumeric());
            end.is_some_and(|end| body[end..].starts_with('='))
        });
        let small =
            lines().filter(|line| line.trim_start().starts_with(|c: char| c.is_lowercase()));
        let count = lines().count();
        let gaps = found.windows(2).filter(|pair| {
            let between = &text[pair[0].span.end..pair[1].span.start];
            between.lines().any(|line| line.trim().is_empty())
        });
        Self {
            indent: indent.to_owned(),
            between: if equals.count() * 2 > count { "=" } else { " " },
            small: small.count() * 2 > count,
            apart: found.len() < 3 || gaps.count() * 2 >= found.len() - 1,
        }
    }

    fn block(&self, name: &str, ours: &Ours, eol: &str) -> String {
        let keyword = |name: &str| {
            if self.small {
                name.to_lowercase()
            } else {
                name.to_owned()
            }
        };
        let mut lines = vec![format!("{} {name}", keyword("Host"))];
        lines.extend(ours.entries.iter().map(|(name, value)| {
            format!("{}{}{}{value}", self.indent, keyword(name), self.between)
        }));
        lines.join(eol)
    }
}
