//! What goes over a PostgreSQL connection. (<https://www.postgresql.org/docs/current/protocol-message-formats.html>)

use crate::visit::{Ended, LONGEST, Visit};

/// PostgreSQL: `MAX_STARTUP_PACKET_LENGTH`.
const LONGEST_STARTUP: usize = 10_000;
/// Parameters of one startup message, and of one statement, that are read.
const MOST_PAIRS: usize = 64;
pub(super) const MOST_PARAMETERS: usize = 1000;

/// What a connection begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    Tls,
    Gss,
    Cancel,
    Startup {
        major: u16,
        minor: u16,
        parameters: Option<Vec<(String, String)>>,
    },
}

/// Reads what a connection begins with. `None`: it is no PostgreSQL, and a server hangs up.
pub(super) async fn opening(visit: &mut Visit) -> Result<Option<Opening>, Ended> {
    visit.at_least(4).await?;
    let Some(length) = number(visit.peek(), 0) else {
        return Ok(None);
    };
    let length = length as usize;
    if !(8..=LONGEST_STARTUP).contains(&length) {
        return Ok(None);
    }
    let packet = visit.exact(length).await?;
    Ok(Some(read_opening(&packet[4..])))
}

/// The version, or the code of a request, and what follows.
fn read_opening(packet: &[u8]) -> Opening {
    let version = number(packet, 0).unwrap_or(0);
    match version {
        80_877_103 => return Opening::Tls,
        80_877_104 => return Opening::Gss,
        80_877_102 => return Opening::Cancel,
        _ => {}
    }
    let [a, b, c, d] = version.to_be_bytes();
    let (major, minor) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    let rest = packet.get(4..).unwrap_or_default();
    Opening::Startup {
        major,
        minor,
        parameters: pairs(rest),
    }
}

/// Names and values, each with its end; `None`: the list has none.
fn pairs(bytes: &[u8]) -> Option<Vec<(String, String)>> {
    let mut reader = Reader(bytes);
    let mut pairs = Vec::new();
    loop {
        let name = reader.text()?;
        if name.is_empty() {
            return reader.0.is_empty().then_some(pairs);
        }
        let value = reader.text()?;
        if pairs.len() < MOST_PAIRS {
            pairs.push((name, value));
        }
    }
}

/// A message behind the opening: its kind and its body. `None`: its length is none.
pub(super) async fn message(visit: &mut Visit) -> Result<Option<(u8, Vec<u8>)>, Ended> {
    visit.at_least(5).await?;
    let length = number(visit.peek(), 1).unwrap_or(0) as usize;
    if !(4..LONGEST).contains(&length) {
        return Ok(None);
    }
    let message = visit.exact(length + 1).await?;
    Ok(Some((message[0], message[5..].to_vec())))
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Reads a message's body.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.bytes(1).map(|bytes| bytes[0])
    }

    pub(super) fn short(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(*self.bytes(2)?.first_chunk()?))
    }

    pub(super) fn long(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(*self.bytes(4)?.first_chunk()?))
    }

    /// A text up to its zero.
    pub(super) fn text(&mut self) -> Option<String> {
        let end = self.0.iter().position(|byte| *byte == 0)?;
        let text = self.bytes(end)?;
        self.byte()?;
        Some(String::from_utf8_lossy(text).into_owned())
    }
}

/// `Parse`: a statement's name, its text, and the types of its parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parse {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) types: Vec<u32>,
}

pub(super) fn parse(body: &[u8]) -> Option<Parse> {
    let mut reader = Reader(body);
    let (name, text) = (reader.text()?, reader.text()?);
    let count = usize::from(reader.short()?).min(MOST_PARAMETERS);
    let types = (0..count).map_while(|_| reader.long()).collect();
    Some(Parse { name, text, types })
}

/// `Bind`: which portal, which statement, its parameters with their formats, and the formats of the answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bind {
    pub(super) portal: String,
    pub(super) statement: String,
    pub(super) values: Vec<(u16, Option<Vec<u8>>)>,
    pub(super) formats: Vec<u16>,
}

pub(super) fn bind(body: &[u8]) -> Option<Bind> {
    let mut reader = Reader(body);
    let (portal, statement) = (reader.text()?, reader.text()?);
    let shorts = |reader: &mut Reader<'_>| -> Option<Vec<u16>> {
        let count = usize::from(reader.short()?);
        (0..count).map(|_| reader.short()).collect()
    };
    let formats = shorts(&mut reader)?;
    let count = usize::from(reader.short()?);
    let mut values = Vec::new();
    for at in 0..count {
        let format = *formats
            .get(at)
            .or(formats.first().filter(|_| formats.len() == 1))
            .unwrap_or(&0);
        let length = reader.long()?;
        let value = match length {
            u32::MAX => None,
            length => Some(reader.bytes(length as usize)?.to_vec()),
        };
        if values.len() < MOST_PARAMETERS {
            values.push((format, value));
        }
    }
    let formats = shorts(&mut reader)?;
    Some(Bind {
        portal,
        statement,
        values,
        formats,
    })
}

/// Messages to be sent.
#[derive(Default)]
pub(super) struct Out(pub(super) Vec<u8>);

impl Out {
    /// A message of this kind, its body written by `write`.
    pub(super) fn message(&mut self, kind: u8, write: impl FnOnce(&mut Vec<u8>)) {
        self.0.push(kind);
        let at = self.0.len();
        self.0.extend_from_slice(&[0; 4]);
        write(&mut self.0);
        let length = u32::try_from(self.0.len() - at).unwrap_or(u32::MAX);
        self.0[at..at + 4].copy_from_slice(&length.to_be_bytes());
    }

    pub(super) fn empty(&mut self, kind: u8) {
        self.message(kind, |_| {});
    }

    /// `AuthenticationSASL` and its like.
    pub(super) fn authentication(&mut self, code: u32, rest: &[u8]) {
        self.message(b'R', |out| {
            out.extend_from_slice(&code.to_be_bytes());
            out.extend_from_slice(rest);
        });
    }

    pub(super) fn status(&mut self, name: &str, value: &str) {
        self.message(b'S', |out| {
            text(out, name);
            text(out, value);
        });
    }

    pub(super) fn complete(&mut self, tag: &str) {
        self.message(b'C', |out| text(out, tag));
    }

    pub(super) fn ready(&mut self, status: u8) {
        self.message(b'Z', |out| out.push(status));
    }
}

/// A text and its zero. A zero within would end it.
pub(super) fn text(out: &mut Vec<u8>, text: &str) {
    out.extend(text.bytes().filter(|byte| *byte != 0));
    out.push(0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_breaks_the_readers(bytes in prop::collection::vec(any::<u8>(), 0..200), small in prop::collection::vec(0u8..4, 0..60)) {
            for bytes in [&bytes, &small] {
                read_opening(bytes);
                parse(bytes);
                bind(bytes);
            }
        }
    }

    #[test]
    fn a_startup_message_is_read() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let packet = b"\0\x03\0\x02user\0a\0database\0b\0\0";
        let parameters = Some(vec![pair("user", "a"), pair("database", "b")]);
        assert_eq!(
            read_opening(packet),
            Opening::Startup {
                major: 3,
                minor: 2,
                parameters
            }
        );
        let open = Opening::Startup {
            major: 3,
            minor: 0,
            parameters: None,
        };
        assert_eq!(read_opening(b"\0\x03\0\0user\0a"), open);
        assert_eq!(read_opening(&80_877_103u32.to_be_bytes()), Opening::Tls);
    }
}
