//! Showing text that an intruder chose. Nothing from outside reaches a terminal, a mail or a page
//! without passing here (and, in HTML, the template's own escaping).

use std::fmt::Write as _;

/// Makes bytes from outside printable on one line: control characters, bidirectional overrides and
/// invalid UTF-8 come out as `\n`, `\x1b`, `\u{202e}`, `\xff`; a backslash as `\\`.
#[must_use]
pub fn escape(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                c if c.is_ascii_control() => {
                    let _ = write!(out, "\\x{:02x}", u32::from(c));
                }
                c if is_unprintable(c) => {
                    let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
                }
                c => out.push(c),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

/// As [`escape`], cut to `limit` characters with an ellipsis.
#[must_use]
pub fn escape_short(bytes: &[u8], limit: usize) -> String {
    let full = escape(bytes);
    match full.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", &full[..end]),
        None => full,
    }
}

/// As [`escape`], but keeps line ends, so that a raw request can be read as lines.
#[must_use]
pub fn escape_lines(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let (body, end) = match line {
            [body @ .., b'\r', b'\n'] => (body, "\n"),
            [body @ .., b'\n'] => (body, "\n"),
            body => (body, ""),
        };
        out.push_str(&escape(body));
        out.push_str(end);
    }
    out
}

/// Hides the middle of a value, keeping what is needed to tell two apart: `+1 202 555 0142` comes
/// out as `+1…42`, short ones as `…`.
#[must_use]
pub fn mask(value: &str) -> String {
    let characters: Vec<char> = value.chars().collect();
    if characters.len() < 8 {
        return "…".to_owned();
    }
    let head: String = characters[..2].iter().collect();
    let tail: String = characters[characters.len() - 2..].iter().collect();
    format!("{head}…{tail}")
}

/// Characters that a terminal or page would not show as themselves, or that reorder their line.
#[must_use]
pub fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_unprintable_passes() {
        assert_eq!(
            escape(b"a\x1b[31m\r\nb\xff\\"),
            "a\\x1b[31m\\r\\nb\\xff\\\\"
        );
        assert_eq!(
            escape("\u{202e}evil\u{9b}".as_bytes()),
            "\\u{202e}evil\\u{9b}"
        );
        assert_eq!(escape_lines(b"GET /\r\n\x07x\n"), "GET /\n\\x07x\n");
        assert_eq!(escape_short(b"abcdef", 3), "abc…");
    }

    #[test]
    fn masks() {
        assert_eq!(mask("+12025550142"), "+1…42");
        assert_eq!(mask("short"), "…");
    }
}
