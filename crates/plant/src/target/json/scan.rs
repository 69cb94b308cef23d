//! A reader of JSON that knows where everything stands: keys, values, commas.

use std::ops::Range;

use crate::error::PlantError;
use crate::text::File;

/// A value and where it stands.
pub(in crate::target) struct Node {
    pub span: Range<usize>,
    pub kind: Kind,
}

/// What a value is.
pub(in crate::target) enum Kind {
    Object(Vec<Member>),
    Array(Vec<Node>),
    Single,
}

/// A member of an object.
pub(in crate::target) struct Member {
    pub key: String,
    /// Start and end of the key, quotes included.
    pub start: usize,
    pub key_end: usize,
    pub value: Node,
    /// Where its comma is, if it has one.
    pub comma: Option<usize>,
}

impl Node {
    /// The value a path leads to; the last of several equal keys counts.
    pub(in crate::target) fn follow(&self, path: &[String]) -> Option<&Self> {
        path.iter().try_fold(self, |node, part| match &node.kind {
            Kind::Object(members) => members.iter().rfind(|m| m.key == *part).map(|m| &m.value),
            Kind::Array(items) => items.get(part.parse::<usize>().ok()?),
            Kind::Single => None,
        })
    }

    /// With its members, if it is an object.
    pub(in crate::target) fn object(&self) -> Option<(&Self, &[Member])> {
        match &self.kind {
            Kind::Object(members) => Some((self, members)),
            _ => None,
        }
    }

    /// How many objects have a comma behind their last member.
    pub(in crate::target) fn loose_ends(&self) -> usize {
        match &self.kind {
            Kind::Object(members) => {
                let own = members.last().is_some_and(|last| last.comma.is_some());
                let inner = members.iter().map(|member| member.value.loose_ends());
                usize::from(own) + inner.sum::<usize>()
            }
            Kind::Array(items) => items.iter().map(Self::loose_ends).sum(),
            Kind::Single => 0,
        }
    }

    /// Keys of the upper levels, for their style.
    pub(in crate::target) fn names(&self, depth: usize, out: &mut Vec<String>) {
        if depth > 3 || out.len() > 500 {
            return;
        }
        match &self.kind {
            Kind::Object(members) => {
                for member in members {
                    out.push(member.key.clone());
                    member.value.names(depth + 1, out);
                }
            }
            Kind::Array(items) => items.iter().for_each(|item| item.names(depth + 1, out)),
            Kind::Single => {}
        }
    }
}

/// Deepest nesting that is read.
const DEPTH: usize = 100;

/// Reads a file.
pub(in crate::target) fn scan(file: &File<'_>) -> Result<Node, PlantError> {
    let mut scanner = Scanner {
        text: file.text,
        at: 0,
    };
    let result = scanner
        .blank()
        .and_then(|()| scanner.node(0))
        .and_then(|node| {
            scanner.blank()?;
            if scanner.at == file.text.len() {
                Ok(node)
            } else {
                Err("there is more after the value")
            }
        });
    result.map_err(|what| file.syntax(scanner.at, format!("is not JSON: {what}")))
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Over blanks and comments.
    fn blank(&mut self) -> Result<(), &'static str> {
        loop {
            let rest = &self.text[self.at..];
            let trimmed = rest.trim_start_matches([' ', '\t', '\r', '\n']);
            self.at += rest.len() - trimmed.len();
            if trimmed.starts_with("//") {
                self.at += trimmed.find('\n').unwrap_or(trimmed.len());
            } else if let Some(comment) = trimmed.strip_prefix("/*") {
                self.at += comment.find("*/").ok_or("a comment is never closed")? + 4;
            } else {
                return Ok(());
            }
        }
    }

    fn node(&mut self, depth: usize) -> Result<Node, &'static str> {
        if depth > DEPTH {
            return Err("it is nested too deeply");
        }
        let start = self.at;
        let kind = match self.peek() {
            Some(b'{') => Kind::Object(self.object(depth)?),
            Some(b'[') => Kind::Array(self.array(depth)?),
            Some(b'"') => {
                self.string()?;
                Kind::Single
            }
            Some(c) if c.is_ascii_alphanumeric() || c == b'-' => {
                let rest = &self.text[self.at..];
                let word = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
                self.at += rest.find(|c| !word(c)).unwrap_or(rest.len());
                Kind::Single
            }
            Some(_) => return Err("a value was expected here"),
            None => return Err("it ends before it is complete"),
        };
        Ok(Node {
            span: start..self.at,
            kind,
        })
    }

    fn string(&mut self) -> Result<(), &'static str> {
        let bytes = self.text.as_bytes();
        self.at += 1;
        loop {
            match bytes.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => self.at += 2,
                Some(b'\n') | None => return Err("a string is never closed"),
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        Ok(())
    }

    fn object(&mut self, depth: usize) -> Result<Vec<Member>, &'static str> {
        let mut members: Vec<Member> = Vec::new();
        self.at += 1;
        loop {
            self.blank()?;
            match self.peek() {
                Some(b'}') => break,
                Some(b'"') if members.last().is_none_or(|last| last.comma.is_some()) => {}
                Some(b'"') => return Err("a comma is missing"),
                _ => return Err("a key was expected here"),
            }
            let start = self.at;
            self.string()?;
            let key_end = self.at;
            let key = serde_json::from_str(&self.text[start..key_end])
                .map_err(|_| "a key is malformed")?;
            self.blank()?;
            if self.peek() != Some(b':') {
                return Err("a colon was expected here");
            }
            self.at += 1;
            self.blank()?;
            let value = self.node(depth + 1)?;
            let comma = self.comma()?;
            members.push(Member {
                key,
                start,
                key_end,
                value,
                comma,
            });
        }
        self.at += 1;
        Ok(members)
    }

    fn array(&mut self, depth: usize) -> Result<Vec<Node>, &'static str> {
        let mut items = Vec::new();
        self.at += 1;
        let mut comma = true;
        loop {
            self.blank()?;
            match self.peek() {
                Some(b']') => break,
                _ if comma => {}
                _ => return Err("a comma is missing"),
            }
            items.push(self.node(depth + 1)?);
            comma = self.comma()?.is_some();
        }
        self.at += 1;
        Ok(items)
    }

    fn comma(&mut self) -> Result<Option<usize>, &'static str> {
        self.blank()?;
        if self.peek() != Some(b',') {
            return Ok(None);
        }
        self.at += 1;
        Ok(Some(self.at - 1))
    }
}
