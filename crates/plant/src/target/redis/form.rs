//! What the value of a key is made of: the fields of a hash, the members of a JSON object, or one plain
//! text. A fresh value is written over a neighbour's, so that order, spacing and escapes are theirs.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

use super::super::json::scan::{Kind as Node, Member, scan};
use crate::text::File;

/// How a key holds what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Form {
    Hash,
    Json,
    Plain,
}

impl Form {
    /// The word for it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Hash => "hash",
            Self::Json => "string of JSON",
            Self::Plain => "string",
        }
    }
}

/// What a field holds, as JSON tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Text,
    Number,
    Flag,
    Null,
    /// A list, or an object without members.
    Other,
}

/// One field: `profile.city` where objects stand within each other.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    pub path: String,
    /// Its value; of a list as it is written.
    pub text: String,
    pub kind: Kind,
    /// Where it stands in the JSON.
    span: Range<usize>,
}

impl Leaf {
    /// A field of a hash, or a plain text.
    pub(super) fn plain(path: &str, text: &str) -> Self {
        let kind = if text.is_empty() {
            Kind::Null
        } else {
            Kind::Text
        };
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            kind,
            span: 0..0,
        }
    }
}

/// Deepest object whose members are fields of their own.
const DEPTH: usize = 4;
/// Most fields that are looked at.
pub(super) const FIELDS: usize = 256;

/// The fields of a JSON object, in its order; `None` if the text is none, or is ambiguous.
pub(super) fn leaves(text: &str) -> Option<Vec<Leaf>> {
    let object = text.trim_start().starts_with('{');
    if !object || serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() {
        return None;
    }
    let path = Path::new("");
    let root = scan(&File { path, text }).ok()?;
    let Node::Object(members) = &root.kind else {
        return None;
    };
    let mut out = Vec::new();
    collect(text, members, "", 0, &mut out)?;
    let distinct: BTreeSet<&str> = out.iter().map(|leaf| leaf.path.as_str()).collect();
    (distinct.len() == out.len() && !out.is_empty()).then_some(out)
}

fn collect(
    text: &str,
    members: &[Member],
    head: &str,
    depth: usize,
    out: &mut Vec<Leaf>,
) -> Option<()> {
    for member in members {
        let path = format!("{head}{}", member.key);
        let span = member.value.span.clone();
        let raw = &text[span.clone()];
        match &member.value.kind {
            Node::Object(inner) if depth < DEPTH && !inner.is_empty() => {
                collect(text, inner, &format!("{path}."), depth + 1, out)?;
                continue;
            }
            _ if out.len() >= FIELDS => return None,
            _ => {}
        }
        let (kind, value) = match raw.as_bytes().first()? {
            b'"' => (Kind::Text, serde_json::from_str(raw).ok()?),
            b'{' | b'[' => (Kind::Other, raw.to_owned()),
            b't' | b'f' => (Kind::Flag, raw.to_owned()),
            b'n' => (Kind::Null, raw.to_owned()),
            _ => (Kind::Number, raw.to_owned()),
        };
        out.push(Leaf {
            path,
            text: value,
            kind,
            span,
        });
    }
    Some(())
}

/// How a group writes JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Style {
    /// A blank behind colons and commas.
    pub spaced: bool,
    /// Letters beyond ASCII are escaped.
    ascii: bool,
    /// Slashes are escaped.
    slashes: bool,
}

impl Style {
    pub(super) fn of<'t>(texts: impl Iterator<Item = &'t str>) -> Self {
        let (mut style, mut raw, mut slash) = (Self::default(), false, false);
        for text in texts {
            style.spaced |= text.contains("\": ");
            style.ascii |= text.contains("\\u");
            style.slashes |= text.contains("\\/");
            raw |= !text.is_ascii();
            slash |= text.replace("\\/", "").contains('/');
        }
        // Python escapes unless told not to, and is known by its blanks.
        style.ascii = (style.ascii || style.spaced) && !raw;
        style.slashes &= !slash;
        style
    }

    /// A string.
    pub(super) fn string(self, text: &str) -> String {
        let mut out = serde_json::to_string(text).unwrap_or_default();
        if self.slashes {
            out = out.replace('/', "\\/");
        }
        if self.ascii && !out.is_ascii() {
            let escaped = out.chars().map(|c| {
                if c.is_ascii() {
                    return c.to_string();
                }
                let mut units = [0; 2];
                let units = c.encode_utf16(&mut units).iter();
                units.map(|unit| format!("\\u{unit:04x}")).collect()
            });
            out = escaped.collect();
        }
        out
    }

    /// A value for a field that holds what `kind` says in others.
    fn value(self, kind: Kind, text: &str) -> String {
        let bare = match kind {
            Kind::Text => false,
            Kind::Number | Kind::Null => text.parse::<f64>().is_ok_and(f64::is_finite),
            Kind::Flag => ["true", "false"].contains(&text),
            Kind::Other => true,
        };
        if bare {
            text.to_owned()
        } else {
            self.string(text)
        }
    }

    /// An object of strings.
    pub(super) fn object(self, fields: &[(String, String)]) -> String {
        let (colon, comma) = if self.spaced {
            (": ", ", ")
        } else {
            (":", ",")
        };
        let members: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{}{colon}{}", self.string(name), self.string(value)))
            .collect();
        format!("{{{}}}", members.join(comma))
    }

    /// A neighbour's text with other values. `kinds` says what a field holds that this neighbour leaves
    /// empty; a field without a value becomes null, one that is not named stays.
    pub(super) fn over(
        self,
        text: &str,
        leaves: &[Leaf],
        values: &BTreeMap<&str, Option<String>>,
        kinds: &BTreeMap<&str, Kind>,
    ) -> String {
        let (mut out, mut done) = (String::with_capacity(text.len()), 0);
        for leaf in leaves {
            let Some(value) = values.get(leaf.path.as_str()) else {
                continue;
            };
            out.push_str(&text[done..leaf.span.start]);
            done = leaf.span.end;
            let kind = match leaf.kind {
                Kind::Null => kinds.get(leaf.path.as_str()).copied().unwrap_or(Kind::Text),
                kind => kind,
            };
            match value {
                Some(value) => out.push_str(&self.value(kind, value)),
                None => out.push_str("null"),
            }
        }
        out.push_str(&text[done..]);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_and_written_over() {
        let text = r#"{"id": 7, "name": "Ana Pérez", "profile": {"city": "Bern", "tags": [1, 2]}, "seen": null, "ok": true}"#;
        let found = leaves(text).expect("an object");
        let paths: Vec<&str> = found.iter().map(|leaf| leaf.path.as_str()).collect();
        assert_eq!(
            paths,
            ["id", "name", "profile.city", "profile.tags", "seen", "ok"]
        );
        let values = BTreeMap::from([
            ("id", Some("8".to_owned())),
            ("name", Some("Åsa \"X\"".to_owned())),
            ("profile.city", None),
            ("seen", Some("3".to_owned())),
        ]);
        let kinds = BTreeMap::from([("seen", Kind::Number)]);
        let style = Style::of([text].into_iter());
        assert_eq!(
            style.over(text, &found, &values, &kinds),
            r#"{"id": 8, "name": "Åsa \"X\"", "profile": {"city": null, "tags": [1, 2]}, "seen": 3, "ok": true}"#
        );
        for none in [
            "[1]",
            "{}",
            "{\"a\": 1",
            "{\"a.b\": 1, \"a\": {\"b\": 2}}",
            "7",
            "{a: 1}",
            "{\"a\": 1,}",
        ] {
            assert!(leaves(none).is_none(), "{none}");
        }
    }

    #[test]
    fn strings_are_escaped_as_others_are() {
        let php = Style::of([r#"{"u":"https:\/\/a.example\/\u00e9"}"#].into_iter());
        assert_eq!(php.string("é/😀"), r#""\u00e9\/\ud83d\ude00""#);
        let node = Style::of([r#"{"u":"https://a.example/é"}"#].into_iter());
        assert_eq!(node.string("é/"), "\"é/\"");
        let fields = [
            ("a".to_owned(), "b".to_owned()),
            ("c".to_owned(), "d".to_owned()),
        ];
        assert_eq!(node.object(&fields), r#"{"a":"b","c":"d"}"#);
    }
}
