//! Comments, where a file has no place for values that nothing reads: `robots.txt`, `/etc/hosts`,
//! gateway settings that would take effect, HTML, Markdown and source files. A line of ours is a
//! comment with a name and a value in it, as settings look that somebody has switched off.

use std::path::Path;

use super::lexis::{self, Lexis};
use super::words::is_identifier;
use super::{Dialect, Flat, Page, Slot, Unit};
use crate::bait::{Values, Wish};
use crate::names;
use crate::text::{Ours, Request};

/// A language by its comments.
pub(in crate::target) struct Comment {
    name: &'static str,
    files: &'static [&'static str],
    endings: &'static [&'static str],
    /// Directories all of whose files are such.
    directories: &'static [&'static str],
    open: &'static str,
    close: &'static str,
    stands: Stands,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// Lines of their own anywhere.
    Lines,
    /// In front of everything else: what may go on over lines there is known for certain.
    Head,
    /// Outside of tags, scripts and blocks of code.
    Markup,
}

/// Files whose comments are lines with a hash in front.
pub(in crate::target) const HASH: Flat<Comment> = Flat(Comment {
    name: "hash-comment",
    files: &[
        "robots.txt",
        "hosts",
        "known_hosts",
        "authorized_keys",
        "sshd_config",
        "crontab",
        "kannel.conf",
        "smskannel.conf",
        "opensmppbox.conf",
        "smb.conf",
        "rsyncd.conf",
        "jail.conf",
        "jail.local",
        "krb5.conf",
        ".gitignore",
        ".dockerignore",
    ],
    endings: &[".kannel", ".hcl"],
    // A section of these is a share, a module, a jail or a peer, and would be one at once.
    directories: &[".well-known", "cron.d", "wireguard", "jail.d"],
    open: "# ",
    close: "",
    stands: Stands::Lines,
});
/// Files whose sections take effect, and whose comments are lines with a semicolon in front.
pub(in crate::target) const SEMICOLONS: Flat<Comment> = Flat(Comment {
    name: "semicolon-comment",
    files: &["php-fpm.conf"],
    endings: &[],
    directories: &["pool.d", "php-fpm.d", "asterisk"],
    open: "; ",
    close: "",
    stands: Stands::Lines,
});
/// Source files whose comments begin with two slashes.
pub(in crate::target) const SLASHES: Flat<Comment> = Flat(Comment {
    name: "slash-comment",
    files: &[],
    endings: &[
        ".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx", ".go", ".java", ".kt", ".scala", ".groovy",
        ".gradle", ".swift", ".cs", ".rs",
    ],
    directories: &[],
    open: "// ",
    close: "",
    stands: Stands::Head,
});
/// HTML and Markdown.
pub(in crate::target) const MARKUP: Flat<Comment> = Flat(Comment {
    name: "markup-comment",
    files: &[],
    endings: &[".html", ".htm", ".xhtml", ".md", ".markdown", ".svg"],
    directories: &[],
    open: "<!-- ",
    close: " -->",
    stands: Stands::Markup,
});

const LINES: Lexis = Lexis {
    comments: &[],
    trailing: false,
    block: None,
    quotes: &[],
    brackets: false,
    joined: false,
    here: true,
};

impl Dialect for Comment {
    fn name(&self) -> &'static str {
        self.name
    }

    fn claims_name(&self, name: &str, path: &Path) -> bool {
        let within = path.parent().and_then(Path::file_name);
        self.files.contains(&name)
            || self.endings.iter().any(|ending| name.ends_with(ending))
            || self
                .directories
                .iter()
                .any(|directory| within.is_some_and(|within| within == *directory))
    }

    fn values(&self, wish: &Wish) -> Values {
        wish.env.clone()
    }

    fn ours(&self, _: &Page<'_>, request: &Request<'_>, role: &str) -> Ours {
        let one = |(name, field): &(String, String)| (names::fill(name, role), field.clone());
        Ours {
            at: Vec::new(),
            key: None,
            entries: request.wish.env.iter().map(one).collect(),
            made: false,
        }
    }

    fn units(&self, text: &str) -> Result<Vec<Unit>, usize> {
        let spans = match self.stands {
            Stands::Lines => lexis::statements(text, &LINES)?,
            _ => {
                let mut at = 0;
                let span = |line: &str| {
                    at += line.len();
                    at - line.len()..at
                };
                text.split_inclusive('\n').map(span).collect()
            }
        };
        let unit = |span: std::ops::Range<usize>| {
            let line = &text[span.clone()];
            let (name, value) = self.entry(line.trim()).unwrap_or_default();
            Unit {
                name,
                value,
                top: !line.starts_with([' ', '\t']),
                span,
            }
        };
        Ok(spans.into_iter().map(unit).collect())
    }

    fn read(&self, text: &str) -> Vec<(String, String)> {
        let pieces = match self.stands {
            Stands::Lines => lexis::read(text, &LINES),
            Stands::Head => head(text),
            Stands::Markup => markup(text),
        };
        pieces
            .into_iter()
            .filter(|piece| !piece.trim().is_empty())
            .map(|piece| {
                let entry = self.entry(piece.trim());
                entry.unwrap_or_else(|| (piece.trim_end().to_owned(), String::new()))
            })
            .collect()
    }

    fn block(&self, page: &Page<'_>, ours: &Ours) -> Result<String, String> {
        let mut lines = Vec::with_capacity(ours.entries.len());
        for (name, value) in &ours.entries {
            let bad = value.contains(['\n', '\r']) || value.trim() != value;
            if bad || (!self.close.is_empty() && (value.contains("--") || value.ends_with('-'))) {
                return Err(name.clone());
            }
            lines.push(format!("{}{name}={value}{}", self.open, self.close));
        }
        Ok(lines.join(page.file.eol()))
    }

    fn slots(&self, page: &Page<'_>, ours: &Ours) -> Vec<Slot> {
        let text = page.file.text;
        match self.stands {
            Stands::Lines => page.usual_slots(ours),
            Stands::Head => vec![Slot::at(head_end(text)), Slot::at(start(text))],
            Stands::Markup => {
                let closes = |mark: &str| {
                    let lower = |unit: &&Unit| {
                        let line = text[unit.span.clone()].trim_start();
                        line.get(..mark.len())
                            .is_some_and(|word| word.eq_ignore_ascii_case(mark))
                    };
                    page.units
                        .iter()
                        .rev()
                        .find(lower)
                        .map(|unit| Slot::at(unit.span.start))
                };
                let marks = ["</body", "</html", "</head", "</svg"];
                let mut slots: Vec<Slot> = marks.iter().filter_map(|mark| closes(mark)).collect();
                slots.push(page.end());
                slots
            }
        }
    }

    fn secret_lines(&self) -> bool {
        self.stands != Stands::Lines
    }
}

impl Comment {
    /// Name and value in a comment that has them.
    fn entry(&self, comment: &str) -> Option<(String, String)> {
        let body = comment.strip_prefix(self.open.trim_end())?;
        let body = match self.close.trim_start() {
            "" => body,
            close => body.strip_suffix(close)?,
        };
        let (name, value) = body.trim().split_once('=')?;
        is_identifier(name).then(|| (name.to_owned(), value.to_owned()))
    }
}

/// Behind the `#!` line, if there is one.
fn start(text: &str) -> usize {
    if text.starts_with("#!") {
        text.find('\n').map_or(text.len(), |at| at + 1)
    } else {
        0
    }
}

/// Behind the comment lines a file begins with.
fn head_end(text: &str) -> usize {
    let mut at = start(text);
    for line in text[at..].split_inclusive('\n') {
        if !line.trim_start().starts_with("//") {
            break;
        }
        at += line.len();
    }
    at
}

/// The comments a source file begins with, one by one, and all the rest in one.
fn head(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut rest = text;
    if text.starts_with("#!") {
        let end = text.find('\n').map_or(text.len(), |at| at + 1);
        out.push(text[..end].to_owned());
        rest = &text[end..];
    }
    loop {
        rest = rest.trim_start();
        if !rest.starts_with("//") {
            break;
        }
        let end = rest.find('\n').unwrap_or(rest.len());
        out.push(rest[..end].trim_end().to_owned());
        rest = &rest[end..];
    }
    out.push(rest.to_owned());
    out
}

/// Elements whose inside is not markup.
const RAW: [&str; 8] = [
    "script",
    "style",
    "textarea",
    "title",
    "xmp",
    "iframe",
    "noscript",
    "plaintext",
];

/// Markup cut at its comments: each comment is a piece, what is between two is one. Comments that only
/// look like some, in scripts, tags or blocks of code, are not cut out.
fn markup(text: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut rest = text;
    let mut line_start = true;
    while let Some(c) = rest.chars().next() {
        let length = if rest.starts_with("<!--") {
            let end = rest.find("-->").map_or(rest.len(), |at| at + 3);
            out.push(rest[..end].to_owned());
            out.push(String::new());
            rest = rest[end..].strip_prefix('\r').unwrap_or(&rest[end..]);
            rest = rest.strip_prefix('\n').unwrap_or(rest);
            line_start = true;
            continue;
        } else if c == '<' {
            tag(rest)
        } else if line_start && (rest.starts_with("```") || rest.starts_with("~~~")) {
            fence(rest)
        } else {
            c.len_utf8()
        };
        line_start = rest[..length].ends_with('\n') || (line_start && c == ' ');
        if let Some(last) = out.last_mut() {
            last.push_str(&rest[..length]);
        }
        rest = &rest[length..];
    }
    // A line end in front of a comment that is gone belongs to neither side.
    let mut joined: Vec<String> = Vec::new();
    for piece in out {
        let comment = piece.starts_with("<!--");
        match joined.last_mut() {
            Some(last) if !comment && !last.starts_with("<!--") => last.push_str(&piece),
            _ => joined.push(piece),
        }
    }
    joined
}

/// The length of a tag, with the inside of an element that holds no markup.
fn tag(rest: &str) -> usize {
    let mut quote = None;
    let name: String = rest[1..]
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .collect();
    if name.is_empty()
        && !rest.starts_with("</")
        && !rest.starts_with("<!")
        && !rest.starts_with("<?")
    {
        return 1;
    }
    let mut end = rest.len();
    for (at, c) in rest.char_indices().skip(1) {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '>') => {
                end = at + 1;
                break;
            }
            _ => {}
        }
    }
    let name = name.to_ascii_lowercase();
    if !RAW.contains(&name.as_str()) || rest[..end].ends_with("/>") {
        return end;
    }
    let close = format!("</{name}");
    let closes = |at: &usize| {
        let word = rest.get(*at..at + close.len());
        word.is_some_and(|word| word.eq_ignore_ascii_case(&close))
    };
    let mut marks = rest[end..].match_indices("</").map(|(at, _)| end + at);
    marks.find(closes).unwrap_or(rest.len())
}

/// The length of a block of code between fences.
fn fence(rest: &str) -> usize {
    let mark = &rest[..3];
    let mut at = 0;
    for (number, line) in rest.split_inclusive('\n').enumerate() {
        at += line.len();
        if number > 0 && line.trim_start().starts_with(mark) {
            return at;
        }
    }
    rest.len()
}
