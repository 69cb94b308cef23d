//! LDAP's messages. (RFC 4511, section 4.)

use super::ber::{Reader, element, number};

/// How deep filters are read.
const DEEPEST: usize = 12;

/// What a client asks.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked<'a> {
    Bind {
        version: i64,
        name: &'a [u8],
        password: Option<&'a [u8]>,
        mechanism: &'a [u8],
    },
    Unbind,
    Search(Search<'a>),
    Extended {
        oid: &'a [u8],
    },
    Compare {
        name: &'a [u8],
    },
    /// Add, delete, modify, rename: the tag of the answer.
    Change {
        name: &'a [u8],
        answer: u8,
        verb: &'static str,
    },
    Abandon,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Search<'a> {
    pub(super) base: &'a [u8],
    pub(super) scope: i64,
    pub(super) limit: i64,
    pub(super) filter: Filter<'a>,
    pub(super) attributes: Vec<&'a [u8]>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Filter<'a> {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Equal(&'a [u8], &'a [u8]),
    /// The pieces that have to be there, in order.
    Has(&'a [u8], Vec<&'a [u8]>),
    Present(&'a [u8]),
    /// Comparisons and extensions: they match nothing here.
    Other,
}

/// Reads what is inside the message's sequence: its number and what it asks.
pub(super) fn read(contents: &[u8]) -> Option<(i64, Option<Asked<'_>>)> {
    let mut message = Reader(contents);
    let id = message.number()?;
    let (tag, body) = message.next()?;
    let mut body_reader = Reader(body);
    let asked = match tag {
        0x60 => bind(&mut body_reader),
        0x42 => Some(Asked::Unbind),
        0x63 => search(&mut body_reader).map(Asked::Search),
        0x77 => body_reader.take(0x80).map(|oid| Asked::Extended { oid }),
        0x6e => body_reader.take(4).map(|name| Asked::Compare { name }),
        0x50 => Some(Asked::Abandon),
        0x4a => Some(Asked::Change {
            name: body,
            answer: 0x6b,
            verb: "DELETE",
        }),
        0x66 | 0x68 | 0x6c => body_reader.take(4).map(|name| {
            let (answer, verb) = match tag {
                0x66 => (0x67, "MODIFY"),
                0x68 => (0x69, "ADD"),
                _ => (0x6d, "RENAME"),
            };
            Asked::Change { name, answer, verb }
        }),
        _ => None,
    };
    Some((id, asked))
}

fn bind<'a>(body: &mut Reader<'a>) -> Option<Asked<'a>> {
    let version = body.number()?;
    let name = body.take(4)?;
    let (tag, auth) = body.next()?;
    let mechanism = match tag {
        0xa3 => Reader(auth).take(4)?,
        _ => b"",
    };
    Some(Asked::Bind {
        version,
        name,
        password: (tag == 0x80).then_some(auth),
        mechanism,
    })
}

fn search<'a>(body: &mut Reader<'a>) -> Option<Search<'a>> {
    let base = body.take(4)?;
    let scope = body.number()?;
    body.number()?;
    let limit = body.number()?;
    body.number()?;
    body.take(1)?;
    let filter = filter(body.next()?, DEEPEST)?;
    let mut list = Reader(body.take(0x30)?);
    let mut attributes = Vec::new();
    while let Some(name) = list.take(4) {
        attributes.push(name);
    }
    Some(Search {
        base,
        scope,
        limit,
        filter,
        attributes,
    })
}

fn filter((tag, contents): (u8, &[u8]), depth: usize) -> Option<Filter<'_>> {
    let depth = depth.checked_sub(1)?;
    let mut inner = Reader(contents);
    Some(match tag {
        0xa0 | 0xa1 => {
            let mut all = Vec::new();
            while let Some(next) = inner.next() {
                all.push(filter(next, depth)?);
            }
            if tag == 0xa0 {
                Filter::And(all)
            } else {
                Filter::Or(all)
            }
        }
        0xa2 => Filter::Not(Box::new(filter(inner.next()?, depth)?)),
        0xa3 | 0xa8 => Filter::Equal(inner.take(4)?, inner.take(4)?),
        0xa4 => {
            let name = inner.take(4)?;
            let mut list = Reader(inner.take(0x30)?);
            let mut pieces = Vec::new();
            while let Some((_, piece)) = list.next() {
                pieces.push(piece);
            }
            Filter::Has(name, pieces)
        }
        0x87 => Filter::Present(contents),
        _ => Filter::Other,
    })
}

impl Filter<'_> {
    /// As RFC 4515 writes it, what is no text replaced.
    pub(super) fn text(&self) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let all = |list: &[Self]| list.iter().map(Self::text).collect::<String>();
        match self {
            Self::And(list) => format!("(&{})", all(list)),
            Self::Or(list) => format!("(|{})", all(list)),
            Self::Not(inner) => format!("(!{})", inner.text()),
            Self::Equal(name, value) => format!("({}={})", text(name), text(value)),
            Self::Has(name, pieces) => {
                let pieces: Vec<_> = pieces.iter().map(|piece| text(piece)).collect();
                format!("({}=*{}*)", text(name), pieces.join("*"))
            }
            Self::Present(name) => format!("({}=*)", text(name)),
            Self::Other => "(?)".to_owned(),
        }
    }

    /// The values it asks for.
    pub(super) fn values(&self) -> Vec<&[u8]> {
        match self {
            Self::And(list) | Self::Or(list) => list.iter().flat_map(Self::values).collect(),
            Self::Not(inner) => inner.values(),
            Self::Equal(_, value) => vec![value],
            Self::Has(_, pieces) => pieces.clone(),
            Self::Present(_) | Self::Other => Vec::new(),
        }
    }

    /// Whether an entry matches: attribute names without case, values without case too.
    pub(super) fn matches(&self, entry: &[(String, Vec<String>)]) -> bool {
        let values = |name: &[u8]| {
            let own =
                |(known, _): &&(String, Vec<String>)| known.as_bytes().eq_ignore_ascii_case(name);
            entry.iter().find(own).map(|(_, values)| values)
        };
        match self {
            Self::And(list) => list.iter().all(|it| it.matches(entry)),
            Self::Or(list) => list.iter().any(|it| it.matches(entry)),
            Self::Not(inner) => !inner.matches(entry),
            Self::Equal(name, value) => values(name).is_some_and(|all| {
                all.iter()
                    .any(|own| own.as_bytes().eq_ignore_ascii_case(value))
            }),
            Self::Has(name, pieces) => values(name).is_some_and(|all| {
                all.iter()
                    .any(|own| in_order(&own.to_ascii_lowercase(), pieces))
            }),
            Self::Present(name) => {
                name.eq_ignore_ascii_case(b"objectclass") || values(name).is_some()
            }
            Self::Other => false,
        }
    }
}

fn in_order(text: &str, pieces: &[&[u8]]) -> bool {
    let mut rest = text;
    pieces.iter().all(|piece| {
        let piece = String::from_utf8_lossy(piece).to_ascii_lowercase();
        let found = rest.find(&piece);
        if let Some(at) = found {
            rest = &rest[at + piece.len()..];
        }
        found.is_some()
    })
}

/// A result (4.1.9) under a tag.
pub(super) fn result(id: i64, tag: u8, code: u8, matched: &str, words: &str) -> Vec<u8> {
    let body = [
        element(0x0a, &[code]),
        element(4, matched.as_bytes()),
        element(4, words.as_bytes()),
    ];
    message(id, tag, &body.concat())
}

pub(super) fn message(id: i64, tag: u8, body: &[u8]) -> Vec<u8> {
    let inner = [element(2, &number(id)), element(tag, body)].concat();
    element(0x30, &inner)
}

/// An entry that was found, with the attributes that were asked for.
pub(super) fn entry(
    id: i64,
    name: &str,
    entry: &[(String, Vec<String>)],
    asked: &[&[u8]],
) -> Vec<u8> {
    let all = asked.is_empty() || asked.contains(&&b"*"[..]);
    let wanted = |name: &String| {
        all || asked
            .iter()
            .any(|it| it.eq_ignore_ascii_case(name.as_bytes()))
    };
    let mut attributes = Vec::new();
    for (name, values) in entry.iter().filter(|(name, _)| wanted(name)) {
        let values: Vec<u8> = values
            .iter()
            .flat_map(|it| element(4, it.as_bytes()))
            .collect();
        let pair = [element(4, name.as_bytes()), element(0x31, &values)].concat();
        attributes.extend(element(0x30, &pair));
    }
    let body = [element(4, name.as_bytes()), element(0x30, &attributes)].concat();
    message(id, 0x64, &body)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn person() -> Vec<(String, Vec<String>)> {
        let attribute = |name: &str, value: &str| (name.to_owned(), vec![value.to_owned()]);
        vec![
            attribute("uid", "ana.lopez"),
            attribute("objectClass", "inetOrgPerson"),
        ]
    }

    #[test]
    fn filters_match_as_a_directory_does() {
        let person = person();
        for (filter, expect) in [
            (Filter::Equal(b"UID", b"Ana.Lopez"), true),
            (Filter::Equal(b"uid", b"ana"), false),
            (Filter::Has(b"uid", vec![b"ana", b"pez"]), true),
            (Filter::Has(b"uid", vec![b"pez", b"ana"]), false),
            (Filter::Not(Box::new(Filter::Present(b"mail"))), true),
            (
                Filter::And(vec![Filter::Present(b"objectClass"), Filter::Other]),
                false,
            ),
        ] {
            assert_eq!(filter.matches(&person), expect, "{}", filter.text());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some((_, Some(Asked::Search(search)))) = read(&bytes) {
                search.filter.matches(&person());
            }
        }

        /// Sequences in sequences are read to a depth.
        #[test]
        fn deep_filters_do_no_harm(depth in 0usize..3000) {
            let mut filter = element(0x87, b"uid");
            for _ in 0..depth {
                filter = element(0xa2, &filter);
            }
            let body = [
                element(4, b""), element(0x0a, &[0]), element(0x0a, &[0]), element(2, &[0]),
                element(2, &[0]), element(1, &[0]), filter, element(0x30, &[]),
            ].concat();
            let contents = [element(2, &[1]), element(0x63, &body)].concat();
            let (_, asked) = read(&contents).unwrap();
            prop_assert_eq!(asked.is_some(), depth < DEEPEST);
        }
    }
}
