//! Values as languages write them: read back, and written so that they read back.

/// A value as it stands: decoded, and the quotation around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub value: String,
    pub quote: Option<char>,
}

impl Word {
    pub(super) fn raw(text: &str) -> Self {
        Self {
            value: text.trim().to_owned(),
            quote: None,
        }
    }
}

/// The quoted word at the start of `text`: its inside, and what follows it.
pub(super) fn quoted(text: &str, quote: char, escapes: bool) -> Option<(&str, &str)> {
    let body = text.strip_prefix(quote)?;
    let mut escaped = false;
    for (at, c) in body.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if escapes => escaped = true,
            c if c == quote => return Some((&body[..at], &body[at + quote.len_utf8()..])),
            _ => {}
        }
    }
    None
}

/// Undoes backslashes in front of `plain` characters and those that stand for a control character,
/// where `controls` says that the language has them.
pub(super) fn unescape(text: &str, plain: &str, controls: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match characters.next() {
            Some('n') if controls => out.push('\n'),
            Some('r') if controls => out.push('\r'),
            Some('t') if controls => out.push('\t'),
            Some(other) if plain.contains(other) => out.push(other),
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    out
}

/// The other way: backslashes before `plain` characters and, with `controls`, for line ends and tabs.
pub(super) fn escape(text: &str, plain: &str, controls: bool) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' if controls => out.push_str("\\n"),
            '\r' if controls => out.push_str("\\r"),
            '\t' if controls => out.push_str("\\t"),
            c if plain.contains(c) => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

/// Whether the rest of a statement says nothing: blank, a comment, or the end mark in front of one.
pub(super) fn ends(rest: &str, marks: &[char], comments: &[&str]) -> bool {
    let rest = rest.trim_start_matches(marks).trim();
    rest.is_empty() || comments.iter().any(|mark| rest.starts_with(mark))
}

/// A name of letters, digits and underscores that does not begin with a digit.
pub(super) fn is_identifier(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Whether a value needs no quotation anywhere.
pub(super) fn is_bare(value: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./:@%+,=-".contains(c);
    !value.is_empty() && value.chars().all(plain)
}
