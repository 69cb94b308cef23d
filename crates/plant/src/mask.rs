//! Hiding the owner's values in a diff. Keys and structure stay; whatever may be a value becomes an
//! ellipsis. When in doubt it is hidden.

use std::ops::Range;

/// How lines of a file are masked.
pub(crate) struct Mask {
    pub syntax: Syntax,
    /// Stretches that are the middle of a value (a block of text over many lines).
    pub opaque: Vec<Range<usize>>,
}

/// What may be shown of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Syntax {
    /// Names in front of `=` and `:`, sections, plain comments.
    Plain,
    /// Keys and punctuation of JSON.
    Json,
    /// Its indentation: any word may be a secret (commands, records, markup).
    Hidden,
}

impl Mask {
    /// One line, or part of one, of `text` with its values hidden.
    pub(crate) fn line(&self, text: &str, range: Range<usize>) -> String {
        let line = &text[range.clone()];
        let inside = |span: &Range<usize>| span.start < range.start && range.start < span.end;
        if self.opaque.iter().any(inside) {
            return hidden(line);
        }
        match self.syntax {
            Syntax::Plain => plain(line),
            Syntax::Json => json(line),
            Syntax::Hidden => hidden(line),
        }
    }
}

/// Indentation, and nothing else of it.
fn hidden(line: &str) -> String {
    let body = line.trim_start();
    if body.is_empty() {
        return line.to_owned();
    }
    format!("{}…", &line[..line.len() - body.len()])
}

fn plain(line: &str) -> String {
    let body = line.trim_start();
    let indent = &line[..line.len() - body.len()];
    if let Some(comment) = ["#", ";", "//"]
        .iter()
        .find(|mark| body.starts_with(**mark))
    {
        let words = body.trim_start_matches(['#', ';', '/']);
        let mark = &body[..(body.len() - words.len()).max(comment.len())];
        return format!("{indent}{mark}{}", comment_words(words));
    }
    let structural = body.chars().all(|c| "{}[],-.&|> ".contains(c));
    let section = body.starts_with('[') && body.trim_end().ends_with(']') && !body.contains(',');
    if structural {
        return line.to_owned();
    }
    if section && body.len() <= 80 {
        return format!("{indent}{}", header(body));
    }
    let Some(at) = body.find(['=', ':']) else {
        return hidden(line);
    };
    let (key, value) = (&body[..at], &body[at + 1..]);
    if !is_key(key) {
        return hidden(line);
    }
    let blank = &value[..value.len() - value.trim_start().len()];
    let shown = if value.trim().is_empty() {
        value.to_owned()
    } else {
        format!("{blank}…")
    };
    format!("{indent}{key}{}{shown}", &body[at..=at])
}

/// A section's header; of one that holds a login or a key, as git's `[url "..."]` may, its first word.
fn header(body: &str) -> String {
    if !is_doubtful(body) {
        return body.to_owned();
    }
    match body.split_once(['"', ' ', '\t']) {
        Some((first, _)) if !is_doubtful(first) => format!("{first} …]"),
        _ => "[…]".to_owned(),
    }
}

/// Whether a name may hold a login in front of a host, or a word as long and mixed as keys are.
fn is_doubtful(name: &str) -> bool {
    let mixed = |word: &str| {
        let digits = word.bytes().any(|byte| byte.is_ascii_digit());
        digits && word.len() >= 12 || word.len() >= 24
    };
    let login = name.contains(['@', '?']) || name.contains("%40");
    login || name.split(|c: char| !c.is_alphanumeric()).any(mixed)
}

/// Whether this can be a name rather than a piece of a secret.
fn is_key(text: &str) -> bool {
    let text = text
        .trim()
        .trim_start_matches("- ")
        .trim_start_matches("export ");
    let name = text.trim().trim_matches(['"', '\'']);
    let simple = |c: char| c.is_alphanumeric() || "_-./@<>$ ".contains(c);
    name.len() <= 48 && name.chars().all(simple)
}

/// A comment's words, up to where a value may begin.
fn comment_words(words: &str) -> String {
    const TELLING: [&str; 6] = ["pass", "secret", "token", "key", "login", "user"];
    let mut out = String::new();
    let mut telling = false;
    for word in words.split_inclusive(char::is_whitespace) {
        let bare = word.trim_end();
        let digits = bare.chars().any(|c| c.is_ascii_digit());
        let letters = bare.chars().any(char::is_alphabetic);
        let named = bare.find(['=', ':']).filter(|at| {
            let name = &bare[..*at];
            *at < 40 && !name.bytes().any(|byte| byte.is_ascii_digit())
        });
        if let (false, Some(at)) = (telling, named) {
            return format!("{out}{}…", &bare[..=at]);
        }
        if telling || bare.len() > 24 || (digits && letters) {
            return format!("{out}…");
        }
        out.push_str(word);
        let lower = bare.to_lowercase();
        telling = TELLING.iter().any(|tell| lower.contains(tell));
    }
    out
}

/// Keys and punctuation of JSON; every value becomes an ellipsis.
fn json(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        if let Some(words) = rest.strip_prefix("//") {
            return format!("{out}//{}", comment_words(words));
        }
        if rest.starts_with("/*") || rest.starts_with('*') {
            return format!("{out}…");
        }
        let length = match first {
            '"' => string_length(rest),
            c if c.is_whitespace() || "{}[],:".contains(c) => c.len_utf8(),
            _ => rest
                .find(|c: char| c.is_whitespace() || "{}[],:\"".contains(c))
                .unwrap_or(rest.len()),
        };
        let (token, after) = rest.split_at(length.max(first.len_utf8()));
        let key = first == '"' && after.trim_start().starts_with(':') && is_key(token);
        let punctuation = token
            .chars()
            .all(|c| c.is_whitespace() || "{}[],:".contains(c));
        out.push_str(if key || punctuation { token } else { "…" });
        rest = after;
    }
    out
}

/// Length of a string token, quotes included.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(json: bool, line: &str) -> String {
        let mask = Mask {
            syntax: if json { Syntax::Json } else { Syntax::Plain },
            opaque: Vec::new(),
        };
        mask.line(line, 0..line.len())
    }

    #[test]
    fn keys_stay_and_values_go() {
        for (line, expect) in [
            ("DB_PASS=hunter2", "DB_PASS=…"),
            ("export A = \"x y\"", "export A = …"),
            ("  password: hunter2", "  password: …"),
            ("  services:", "  services:"),
            ("  - https://u:p@host/", "  - https:…"),
            ("[default]", "[default]"),
            ("[remote \"origin\"]", "[remote \"origin\"]"),
            (
                "  [url \"https://github.com/\"]",
                "  [url \"https://github.com/\"]",
            ),
            (
                "[url \"https://oauth2:s3cr3tTOKEN9@github.com/\"]",
                "[url …]",
            ),
            ("[url \"https://:pw%40host/\"]", "[url …]"),
            (
                "[http \"https://a.example/hooks/k3j9x2v8q1w7\"]",
                "[http …]",
            ),
            ("[https://u:p@a.example/]", "[…]"),
            (
                "[[registries.\"https://u:p@a.example\"]]",
                "[[registries. …]",
            ),
            ("# old password hunter2", "# old password …"),
            ("# DB_PASS=hunter2", "# DB_PASS=…"),
            ("# Settings for mail", "# Settings for mail"),
            (
                "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJ=",
                "…",
            ),
            ("", ""),
        ] {
            assert_eq!(masked(false, line), expect, "{line}");
        }
        assert_eq!(
            masked(true, r#"  "a": "se\"cret", "b": [1, true], // note x1y2"#),
            r#"  "a": …, "b": […, …], // note …"#
        );
    }

    #[test]
    fn the_middle_of_a_value_is_hidden_whole() {
        let text = "k: |\n  user: root\nz: 1";
        let mask = Mask {
            syntax: Syntax::Plain,
            opaque: std::iter::once(0..17).collect(),
        };
        assert_eq!(mask.line(text, 5..17), "  …");
    }
}
