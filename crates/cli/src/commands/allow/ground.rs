//! Which lines of which files below a directory are bait.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lapwing_core::Canary;
use lapwing_core::bounded::{MAX_FILE, read_file};

use crate::context::Context;
use crate::planting::stands;

/// Values shorter than this may stand in lines of the owner's.
const SHORTEST: usize = 8;
/// So many letters and digits of a line must be left beside the values for a pattern to mean that line.
const LITERAL: usize = 4;

/// The files with bait below a directory.
pub(super) struct Ground {
    root: PathBuf,
    /// By their real paths.
    pub(super) files: BTreeMap<PathBuf, Baited>,
    /// Files, relative, of which some line has no pattern.
    pub(super) unmatched: Vec<String>,
}

/// One file with bait in it.
pub(super) struct Baited {
    /// Relative to the directory.
    pub(super) relative: String,
    /// Lines with our values, from 1, and what a pattern can do for each.
    pub(super) lines: BTreeMap<usize, Line>,
}

/// A line with bait.
pub(super) enum Line {
    /// This pattern means it, and no other.
    Pattern(String),
    /// It goes on with a value that began further up.
    Goes,
    /// No pattern fits.
    Bare,
}

impl Ground {
    pub(super) fn read(context: &Context, root: &Path) -> anyhow::Result<Self> {
        let (ledger, catalog) = (context.ledger()?, context.catalog()?);
        let mut ground = Self {
            root: root.to_owned(),
            files: BTreeMap::new(),
            unmatched: Vec::new(),
        };
        for placement in ledger.placements()?.iter().filter(|it| stands(it)) {
            // A row of a database is nothing that scanners of files read line by line.
            if placement.target.starts_with("sqlite:") {
                continue;
            }
            let Some(canary) = ledger.canary(placement.canary)? else {
                continue;
            };
            let kind = catalog.kind(&canary.kind);
            let tells = |name: &str| {
                name.starts_with("beacon.")
                    || kind
                        .and_then(|kind| kind.field(name))
                        .is_none_or(|field| field.handle || field.secret)
            };
            for path in lapwing_plant::files(placement) {
                ground.add(&path, &canary, &tells);
            }
        }
        ground.files.retain(|_, file| !file.lines.is_empty());
        for file in ground.files.values() {
            if file.lines.values().any(|line| matches!(line, Line::Bare)) {
                ground.unmatched.push(file.relative.clone());
            }
        }
        Ok(ground)
    }

    fn add(&mut self, path: &Path, canary: &Canary, tells: &dyn Fn(&str) -> bool) {
        let (Ok(relative), Ok(bytes)) = (path.strip_prefix(&self.root), read_file(path, MAX_FILE))
        else {
            return;
        };
        let text = String::from_utf8_lossy(&bytes);
        let file = self.files.entry(path.to_owned()).or_insert_with(|| Baited {
            relative: relative.to_string_lossy().into_owned(),
            lines: BTreeMap::new(),
        });
        let all: Vec<&str> = canary.fields.values().map(String::as_str).collect();
        let fields = canary.fields.iter();
        for (_, value) in fields.filter(|(name, value)| tells(name) && value.len() >= SHORTEST) {
            for (at, _) in text.match_indices(value.trim_end()) {
                let first = text[..at].matches('\n').count() + 1;
                let rest = value.trim_end().matches('\n').count();
                let line = text.lines().nth(first - 1).unwrap_or_default();
                file.lines
                    .insert(first, pattern(line, &all).map_or(Line::Bare, Line::Pattern));
                // What follows of a value of several lines is the value itself.
                for line in first + 1..=first + rest {
                    file.lines.entry(line).or_insert(Line::Goes);
                }
            }
        }
    }

    /// Whether a finding of a scanner is ours: a file as the scanner names it, and a line.
    pub(super) fn holds(&self, file: &str, line: u64) -> bool {
        let path = self.root.join(file);
        let path = std::fs::canonicalize(&path).unwrap_or(path);
        let line = usize::try_from(line).unwrap_or(0);
        self.files
            .get(&path)
            .is_some_and(|file| file.lines.contains_key(&line))
    }
}

/// A regular expression (RE2) for a line, any characters in the place of our values; `None` if too little
/// is left to tell the line by.
fn pattern(line: &str, values: &[&str]) -> Option<String> {
    let mut pieces: Vec<Result<&str, usize>> = vec![Ok(line)];
    // The longest first: one value may be part of another.
    let mut values: Vec<&str> = values.iter().filter_map(|it| it.lines().next()).collect();
    values.retain(|value| value.len() >= SHORTEST || is_mixed(value));
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    for value in values {
        pieces = pieces
            .into_iter()
            .flat_map(|piece| match piece {
                Ok(text) => split(text, value),
                Err(length) => vec![Err(length)],
            })
            .collect();
    }
    let literal: usize = pieces
        .iter()
        .filter_map(|piece| piece.as_ref().ok())
        .map(|text| text.chars().filter(|c| c.is_ascii_alphanumeric()).count())
        .sum();
    let masked = pieces.iter().any(Result::is_err);
    (masked && literal >= LITERAL).then(|| {
        let pieces = pieces.into_iter().map(|piece| match piece {
            Ok(text) => escape(text),
            // RE2 counts to 1000.
            Err(length @ ..=1000) => format!(".{{{length}}}"),
            Err(_) => ".+".to_owned(),
        });
        pieces.collect()
    })
}

/// Whether a short value is drawn and no word of a setting.
fn is_mixed(value: &str) -> bool {
    value.len() >= 4
        && value.chars().any(|c| c.is_ascii_digit())
        && value.chars().any(|c| c.is_ascii_alphabetic())
}

/// A text around each occurrence of a value, of which the length stays.
fn split<'a>(text: &'a str, value: &str) -> Vec<Result<&'a str, usize>> {
    let mut pieces = Vec::new();
    for (number, piece) in text.split(value).enumerate() {
        if number > 0 {
            pieces.push(Err(value.chars().count()));
        }
        if !piece.is_empty() {
            pieces.push(Ok(piece));
        }
    }
    pieces
}

/// A text as a regular expression that means it.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii_punctuation()
            && !matches!(character, '_' | '-' | '/' | '=' | ':' | '"')
        {
            out.push('\\');
        }
        out.push(character);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_means_a_line_and_holds_no_value() {
        let check = |line: &str, values: &[&str], expect: Option<&str>| {
            assert_eq!(pattern(line, values).as_deref(), expect, "{line}");
        };
        check(
            "SMS_LEGACY_TOKEN=\"0123456789abcdef\"",
            &["0123456789abcdef"],
            Some("SMS_LEGACY_TOKEN=\".{16}\""),
        );
        check(
            "url: https://ab12cd34.corp.org/ab12cd34/x?a=1",
            &["ab12cd34", "https://ab12cd34.corp.org/ab12cd34/x"],
            Some("url: .{36}\\?a=1"),
        );
        check("0123456789abcdef", &["0123456789abcdef"], None);
        check("NAME=production", &["0123456789abcdef"], None);
        check(
            "KEY=\"-----BEGIN KEY-----",
            &["-----BEGIN KEY-----\nsecret\n"],
            None,
        );
    }
}
