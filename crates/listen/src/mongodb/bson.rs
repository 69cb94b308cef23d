//! BSON, as far as commands and documents need it. (<https://bsonspec.org/spec.html>)

use std::fmt::Write as _;

use data_encoding::{BASE64, HEXLOWER};

/// How deep documents may stand in each other.
const DEEPEST: usize = 24;
/// Values of one document, in all.
const MOST: usize = 20_000;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Bson {
    Double(f64),
    Text(String),
    Document(Document),
    Array(Vec<Bson>),
    Binary(Vec<u8>),
    Id([u8; 12]),
    Bool(bool),
    /// Milliseconds since 1970.
    Date(i64),
    Null,
    Int(i32),
    Long(i64),
    Regex(String),
    /// Anything else, which nobody asks for here.
    Other,
}

/// Names and values, in order.
pub(super) type Document = Vec<(String, Bson)>;

/// Reads one document, and gives what follows it.
pub(super) fn read(bytes: &[u8]) -> Option<(Document, &[u8])> {
    let mut reader = Reader { left: MOST };
    let (pairs, rest) = reader.document(bytes, 0)?;
    Some((pairs, rest))
}

struct Reader {
    left: usize,
}

impl Reader {
    fn document<'a>(&mut self, bytes: &'a [u8], depth: usize) -> Option<(Document, &'a [u8])> {
        let length = usize::try_from(i32::from_le_bytes(*bytes.first_chunk()?)).ok()?;
        if length < 5 || depth > DEEPEST {
            return None;
        }
        let (own, rest) = bytes.split_at_checked(length)?;
        let mut inner = &own[4..length - 1];
        let mut pairs = Vec::new();
        while let Some((kind, after)) = inner.split_first() {
            self.left = self.left.checked_sub(1)?;
            let (name, after) = text(after)?;
            let (value, after) = self.value(*kind, after, depth)?;
            pairs.push((name, value));
            inner = after;
        }
        Some((pairs, rest))
    }

    fn value<'a>(&mut self, kind: u8, bytes: &'a [u8], depth: usize) -> Option<(Bson, &'a [u8])> {
        let fixed = |count: usize| bytes.split_at_checked(count);
        let counted = |extra: usize| {
            let length = usize::try_from(i32::from_le_bytes(*bytes.first_chunk()?)).ok()?;
            bytes.get(4..)?.split_at_checked(length.checked_add(extra)?)
        };
        Some(match kind {
            0x01 => (
                Bson::Double(f64::from_le_bytes(*bytes.first_chunk()?)),
                fixed(8)?.1,
            ),
            0x02 | 0x0d | 0x0e => {
                let (own, rest) = counted(0)?;
                let (_, own) = own.split_last()?;
                (Bson::Text(String::from_utf8_lossy(own).into_owned()), rest)
            }
            0x03 => {
                let (document, rest) = self.document(bytes, depth + 1)?;
                (Bson::Document(document), rest)
            }
            0x04 => {
                let (document, rest) = self.document(bytes, depth + 1)?;
                (
                    Bson::Array(document.into_iter().map(|pair| pair.1).collect()),
                    rest,
                )
            }
            0x05 => {
                let (own, rest) = counted(1)?;
                (Bson::Binary(own[1..].to_vec()), rest)
            }
            0x07 => (Bson::Id(*bytes.first_chunk()?), fixed(12)?.1),
            0x08 => (Bson::Bool(*bytes.first()? != 0), fixed(1)?.1),
            0x09 => (
                Bson::Date(i64::from_le_bytes(*bytes.first_chunk()?)),
                fixed(8)?.1,
            ),
            0x06 | 0x0a => (Bson::Null, bytes),
            0x0b => {
                let (pattern, rest) = text(bytes)?;
                let (_, rest) = text(rest)?;
                (Bson::Regex(pattern), rest)
            }
            0x10 => (
                Bson::Int(i32::from_le_bytes(*bytes.first_chunk()?)),
                fixed(4)?.1,
            ),
            0x12 => (
                Bson::Long(i64::from_le_bytes(*bytes.first_chunk()?)),
                fixed(8)?.1,
            ),
            0x11 => (Bson::Other, fixed(8)?.1),
            0x13 => (Bson::Other, fixed(16)?.1),
            0x7f | 0xff => (Bson::Other, bytes),
            _ => return None,
        })
    }
}

/// A text up to its zero.
pub(super) fn text(bytes: &[u8]) -> Option<(String, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some((
        String::from_utf8_lossy(&bytes[..end]).into_owned(),
        &bytes[end + 1..],
    ))
}

/// Appends a document.
pub(super) fn write(document: &Document, out: &mut Vec<u8>) {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    for (name, value) in document {
        write_value(name, value, out);
    }
    out.push(0);
    let length = i32::try_from(out.len() - at).unwrap_or(i32::MAX);
    out[at..at + 4].copy_from_slice(&length.to_le_bytes());
}

fn write_value(name: &str, value: &Bson, out: &mut Vec<u8>) {
    let kind = match value {
        Bson::Double(_) => 0x01,
        Bson::Text(_) => 0x02,
        Bson::Document(_) => 0x03,
        Bson::Array(_) => 0x04,
        Bson::Binary(_) => 0x05,
        Bson::Id(_) => 0x07,
        Bson::Bool(_) => 0x08,
        Bson::Date(_) => 0x09,
        Bson::Null | Bson::Other => 0x0a,
        Bson::Regex(_) => 0x0b,
        Bson::Int(_) => 0x10,
        Bson::Long(_) => 0x12,
    };
    out.push(kind);
    out.extend(name.bytes().filter(|byte| *byte != 0));
    out.push(0);
    let counted = |length: usize| i32::try_from(length).unwrap_or(i32::MAX).to_le_bytes();
    match value {
        Bson::Double(number) => out.extend_from_slice(&number.to_le_bytes()),
        Bson::Text(text) => {
            out.extend_from_slice(&counted(text.len() + 1));
            out.extend_from_slice(text.as_bytes());
            out.push(0);
        }
        Bson::Document(document) => write(document, out),
        Bson::Array(items) => {
            let numbered = items.iter().enumerate();
            write(
                &numbered
                    .map(|(at, item)| (at.to_string(), item.clone()))
                    .collect(),
                out,
            );
        }
        Bson::Binary(bytes) => {
            out.extend_from_slice(&counted(bytes.len()));
            out.push(0);
            out.extend_from_slice(bytes);
        }
        Bson::Id(id) => out.extend_from_slice(id),
        Bson::Bool(truth) => out.push(u8::from(*truth)),
        Bson::Date(millis) => out.extend_from_slice(&millis.to_le_bytes()),
        Bson::Null | Bson::Other => {}
        Bson::Regex(pattern) => {
            out.extend(pattern.bytes().filter(|byte| *byte != 0));
            out.extend_from_slice(&[0, 0]);
        }
        Bson::Int(number) => out.extend_from_slice(&number.to_le_bytes()),
        Bson::Long(number) => out.extend_from_slice(&number.to_le_bytes()),
    }
}

impl Bson {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn count(count: usize) -> Self {
        Self::Int(i32::try_from(count).unwrap_or(i32::MAX))
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn as_number(&self) -> Option<f64> {
        match self {
            Self::Double(number) => Some(*number),
            Self::Int(number) => Some(f64::from(*number)),
            Self::Long(number) => Some(*number as f64),
            _ => None,
        }
    }

    pub(super) fn as_count(&self) -> Option<usize> {
        let number = self.as_number().filter(|number| *number >= 0.0)?;
        Some(number as usize)
    }

    pub(super) fn truth(&self) -> bool {
        match self {
            Self::Bool(truth) => *truth,
            Self::Null => false,
            other => other.as_number().is_none_or(|number| number != 0.0),
        }
    }

    pub(super) fn as_document(&self) -> Option<&Document> {
        match self {
            Self::Document(document) => Some(document),
            _ => None,
        }
    }

    pub(super) fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    /// As JSON, for people to read.
    pub(super) fn show(&self, out: &mut String) {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        match self {
            Self::Text(text) | Self::Regex(text) => out.push_str(&quoted(text)),
            Self::Document(document) => show(document, out),
            Self::Array(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    item.show(out);
                }
                out.push(']');
            }
            Self::Binary(bytes) => {
                let _ = write!(out, "\"{}\"", BASE64.encode(bytes));
            }
            Self::Id(id) => {
                let _ = write!(out, "\"{}\"", HEXLOWER.encode(id));
            }
            Self::Double(number) => {
                let _ = write!(out, "{number}");
            }
            Self::Int(number) => {
                let _ = write!(out, "{number}");
            }
            Self::Long(number) | Self::Date(number) => {
                let _ = write!(out, "{number}");
            }
            Self::Bool(truth) => {
                let _ = write!(out, "{truth}");
            }
            Self::Null | Self::Other => out.push_str("null"),
        }
    }
}

/// A document as JSON.
pub(super) fn show(document: &Document, out: &mut String) {
    out.push('{');
    for (at, (name, value)) in document.iter().enumerate() {
        out.push_str(if at > 0 { "," } else { "" });
        out.push_str(&serde_json::Value::from(name.as_str()).to_string());
        out.push(':');
        value.show(out);
    }
    out.push('}');
}

/// The value of this name.
pub(super) fn get<'a>(document: &'a Document, name: &str) -> Option<&'a Bson> {
    document
        .iter()
        .find(|(known, _)| known == name)
        .map(|(_, value)| value)
}

/// A document of these.
pub(super) fn document<const N: usize>(pairs: [(&str, Bson); N]) -> Document {
    pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_written_is_read() {
        let inner = document([(
            "a",
            Bson::Array(vec![Bson::Int(1), Bson::Null, Bson::text("x")]),
        )]);
        let all = document([
            ("d", Bson::Double(1.5)),
            ("t", Bson::text("é")),
            ("in", Bson::Document(inner)),
            ("b", Bson::Binary(vec![1, 2])),
            ("i", Bson::Id([7; 12])),
            ("y", Bson::Bool(true)),
            ("when", Bson::Date(-5)),
            ("l", Bson::Long(1 << 40)),
            ("r", Bson::Regex("^a".to_owned())),
        ]);
        let mut bytes = Vec::new();
        write(&all, &mut bytes);
        bytes.push(9);
        assert_eq!(read(&bytes), Some((all, &[9][..])));
    }

    #[test]
    fn what_is_too_deep_is_none() {
        let mut deep = Document::new();
        for _ in 0..200 {
            deep = document([("a", Bson::Document(deep))]);
        }
        let mut bytes = Vec::new();
        write(&deep, &mut bytes);
        assert_eq!(read(&bytes), None);
    }

    proptest! {
        #[test]
        fn nothing_breaks_the_reader(mut bytes in prop::collection::vec(any::<u8>(), 4..200), whole: bool) {
            if whole {
                let length = i32::try_from(bytes.len()).unwrap();
                bytes[..4].copy_from_slice(&length.to_le_bytes());
                *bytes.last_mut().unwrap() = 0;
            }
            read(&bytes);
        }
    }
}
