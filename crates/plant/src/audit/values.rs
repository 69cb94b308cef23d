//! What a line holds: keys, hosts, dates, and its style.

use std::fmt;

/// Shortest text that is taken for a key, in characters.
const SHORTEST_KEY: usize = 20;

/// How a setting is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    /// It stands in a directive that takes assignments (`Environment=NAME=value`).
    within: bool,
    quote: Option<char>,
    /// What it holds could not stand without quotes.
    needed: bool,
    exported: bool,
    capitals: bool,
    blanks: bool,
}

/// What the language of a file settles, whoever writes it.
#[derive(Clone, Copy)]
pub(super) struct Language {
    /// Texts always stand in quotes; what does not is a number or a reference.
    quoted: bool,
    /// Names in capitals are constants or the environment's, others are something else.
    constants: bool,
}

impl Language {
    /// By the name of a file.
    pub(super) fn of(name: &str) -> Self {
        let file = name.rsplit(['/', '\\']).next().unwrap_or_default();
        let ends = |endings: &[&str]| endings.iter().any(|ending| file.ends_with(ending));
        let shell = [
            ".sh", ".bash", ".zsh", ".ksh", "rc", "profile", ".zshenv", "_login", "_aliases",
        ];
        Self {
            quoted: ends(&[".toml", ".tf", ".tfvars", ".py"]),
            constants: ends(&[".py"]) || ends(&shell),
        }
    }
}

impl Style {
    /// Whether the other tells how this one would be written.
    pub(super) fn compares(&self, other: &Self, language: Language) -> bool {
        self.within == other.within
            && (!language.quoted || other.quote.is_some())
            && (!language.constants || self.capitals == other.capitals)
    }

    /// Whether it is written as the other is, as far as what it holds lets it.
    pub(super) fn follows(&self, other: &Self) -> bool {
        let rest = |style: &Self| (style.exported, style.capitals, style.blanks);
        (self.needed || self.quote == other.quote) && rest(self) == rest(other)
    }

    /// Whether both are written alike, whatever they hold.
    pub(super) fn equals(&self, other: &Self) -> bool {
        self.quote == other.quote && self.follows(other)
    }
}

impl fmt::Display for Style {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quotes = match self.quote {
            Some('"') => "in double quotes",
            Some(_) => "in single quotes",
            None => "without quotes",
        };
        let name = if self.capitals {
            "capitals"
        } else {
            "small letters"
        };
        write!(f, "{quotes}, its name in {name}")?;
        if self.exported {
            f.write_str(", exported")?;
        }
        if self.blanks {
            f.write_str(", with blanks around the sign")?;
        }
        Ok(())
    }
}

/// The style of `NAME=value`; `None` for anything else.
pub(super) fn style(line: &str) -> Option<Style> {
    let line = line.trim();
    let (exported, line) = match line.strip_prefix("export ") {
        Some(rest) => (true, rest),
        None => (false, line),
    };
    let (name, value) = named(line)?;
    let inner = name.trim_end() == "Environment";
    let (inside, bare) = (value.trim_start(), value.trim().trim_matches(['"', '\'']));
    let (within, name, held) = match named(bare).filter(|_| inner) {
        Some((name, held)) => (true, name, held),
        None => (false, name, bare),
    };
    let quote = inside.chars().next().filter(|c| matches!(c, '"' | '\''));
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./:@%+,=-".contains(c);
    let bare = name.trim_end();
    Some(Style {
        within,
        quote,
        needed: quote.is_some() && !held.chars().all(plain),
        exported,
        capitals: !bare.chars().any(|c| c.is_ascii_lowercase()),
        blanks: bare.len() < name.len(),
    })
}

/// A name, with the blanks behind it, and what is assigned to it.
fn named(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once('=')?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let bare = name.trim_end();
    (!bare.is_empty() && bare.chars().all(is_name)).then_some((name, value))
}

/// The settings and elements of JSON, YAML's flow style or XML that stands on one line; what only names
/// a mapping or list is none.
pub(super) fn pieces(line: &str) -> Vec<&str> {
    let line = line.trim_start_matches('\u{feff}').trim();
    if !line.starts_with(['{', '[', '<']) {
        return vec![line];
    }
    let (mut quote, mut escaped, mut last) = (None, false, '{');
    let parts = |c: char| {
        // Within a word it is an apostrophe.
        let opens = "{[,:=".contains(last);
        if !c.is_whitespace() {
            last = c;
        }
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = quote == Some('"');
        } else if quote == Some(c) {
            quote = None;
        } else if quote.is_none() {
            quote = Some(c).filter(|c| opens && matches!(c, '"' | '\''));
            return "{}[],<>".contains(c);
        }
        false
    };
    let says =
        |piece: &&str| piece.contains(char::is_alphanumeric) && !piece.trim_end().ends_with(':');
    line.split(parts).filter(says).collect()
}

/// What looks like keys.
pub(super) fn keys(line: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '/' | '-');
    line.split(move |c| !is_part(c))
        .map(|text| text.trim_matches(['/', '-', '+', '_']))
        .filter(|text| text.len() >= SHORTEST_KEY && is_key(text))
}

/// Letters and digits mixed, as drawn: not a path, not words.
pub(super) fn is_key(text: &str) -> bool {
    let count = |is: fn(&u8) -> bool| text.bytes().filter(is).count();
    count(u8::is_ascii_digit) >= 2
        && count(u8::is_ascii_alphabetic) >= 2
        && text.split(['/', '-', '_']).any(|piece| piece.len() >= 12)
}

/// Whether a key with this prefix stands in the line.
pub(super) fn begins_key(line: &str, prefix: &str) -> bool {
    line.match_indices(prefix).any(|(at, _)| {
        let rest = &line[at + prefix.len()..];
        let key = rest
            .bytes()
            .take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        key.count() >= 20
    })
}

/// Hosts of addresses and of `user@host`, in a line of small letters.
pub(super) fn hosts(line: &str) -> Vec<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    let starts = line.match_indices("://").map(|(at, mark)| at + mark.len());
    let starts = starts.chain(line.match_indices('@').map(|(at, _)| at + 1));
    starts
        .map(|start| {
            // What stands before an @ is a user, and the host comes again.
            let rest = &line[start..];
            let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
            rest[..end].trim_end_matches('.')
        })
        .filter(|host| host.contains('.'))
        .collect()
}

/// Small letters and digits between `/`, `.` and `@`.
pub(super) fn segments(line: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let edges = |c: Option<char>| c.is_some_and(|c| matches!(c, '/' | '.' | '@'));
    let mut from = 0;
    std::iter::from_fn(move || {
        while let Some(start) = line[from..].find(is_part) {
            let start = from + start;
            let end = line[start..]
                .find(|c| !is_part(c))
                .map_or(line.len(), |end| start + end);
            from = end;
            if edges(line[..start].chars().next_back()) {
                return Some(&line[start..end]);
            }
        }
        None
    })
}

/// `2021-04-05` and its like.
pub(super) fn dates(line: &str) -> Vec<&str> {
    let is_date = |text: &&str| {
        text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        }) && (text.starts_with("19") || text.starts_with("20"))
    };
    (0..line.len().saturating_sub(9))
        .filter_map(|at| line.get(at..at + 10))
        .filter(is_date)
        .collect()
}

/// One character ten times in a row.
pub(super) fn has_run(value: &str) -> bool {
    value
        .as_bytes()
        .windows(10)
        .any(|ten| ten.iter().all(|byte| *byte == ten[0]))
}

/// Shannon entropy in bits a byte.
pub(super) fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0u32; 256];
    for byte in bytes {
        counts[usize::from(*byte)] += 1;
    }
    let length = bytes.len() as f64;
    let share = |count: &u32| f64::from(*count) / length;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| -share(count) * share(count).log2())
        .sum()
}
