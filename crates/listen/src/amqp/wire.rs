//! AMQP 0-9-1's frames, arguments and tables. (<https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf>,
//! sections 2.3 and 4.2.)

/// Largest frame taken, as RabbitMQ offers it (`frame_max`).
pub(super) const LARGEST: usize = 131_072;
/// Most entries of a table that are read, and how deep.
const MOST_ENTRIES: usize = 64;
const DEEPEST: u8 = 4;

pub(super) const METHOD: u8 = 1;
pub(super) const HEADER: u8 = 2;
pub(super) const BODY: u8 = 3;
pub(super) const HEARTBEAT: u8 = 8;
const END: u8 = 0xce;

/// Where a frame ends and what it is; `Ok(None)`: more bytes are needed; `Err`: it is none.
pub(super) fn frame(bytes: &[u8]) -> Result<Option<(u8, u16, usize)>, ()> {
    let Some([kind, c1, c2, s1, s2, s3, s4]) = bytes.first_chunk::<7>() else {
        return Ok(None);
    };
    let size = u32::from_be_bytes([*s1, *s2, *s3, *s4]) as usize;
    if !matches!(*kind, METHOD | HEADER | BODY | HEARTBEAT) || size > LARGEST {
        return Err(());
    }
    let end = 7 + size;
    match bytes.get(end) {
        None => Ok(None),
        Some(&END) => Ok(Some((*kind, u16::from_be_bytes([*c1, *c2]), end + 1))),
        Some(_) => Err(()),
    }
}

/// A frame to send.
pub(super) fn write(kind: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
    let size = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let mut out = Vec::with_capacity(payload.len() + 8);
    out.push(kind);
    out.extend_from_slice(&channel.to_be_bytes());
    out.extend_from_slice(&size.to_be_bytes());
    out.extend_from_slice(payload);
    out.push(END);
    out
}

/// A method to send.
pub(super) fn method(channel: u16, class: u16, method: u16, arguments: &[u8]) -> Vec<u8> {
    let payload = [&class.to_be_bytes()[..], &method.to_be_bytes(), arguments].concat();
    write(METHOD, channel, &payload)
}

pub(super) fn short(text: &str) -> Vec<u8> {
    let bytes = &text.as_bytes()[..text.len().min(255)];
    let mut out = vec![u8::try_from(bytes.len()).unwrap_or(255)];
    out.extend_from_slice(bytes);
    out
}

pub(super) fn long(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], bytes].concat()
}

/// A value of a table to send.
pub(super) enum Value<'a> {
    Text(&'a str),
    Flag(bool),
    Table(&'a [(&'a str, Value<'a>)]),
}

pub(super) fn table(entries: &[(&str, Value<'_>)]) -> Vec<u8> {
    let mut inner = Vec::new();
    for (name, value) in entries {
        inner.extend(short(name));
        match value {
            Value::Text(text) => {
                inner.push(b'S');
                inner.extend(long(text.as_bytes()));
            }
            Value::Flag(flag) => inner.extend([b't', u8::from(*flag)]),
            Value::Table(entries) => {
                inner.push(b'F');
                inner.extend(table(entries));
            }
        }
    }
    long(&inner)
}

/// What is left of arguments.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        Some(self.bytes(1)?[0])
    }

    pub(super) fn number(&mut self) -> Option<u16> {
        let bytes = self.bytes(2)?;
        Some(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    pub(super) fn short(&mut self) -> Option<String> {
        let length = usize::from(self.byte()?);
        Some(String::from_utf8_lossy(self.bytes(length)?).into_owned())
    }

    pub(super) fn long(&mut self) -> Option<&'a [u8]> {
        let head = self.bytes(4)?;
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
        self.bytes(usize::try_from(length).ok()?)
    }

    /// The texts of a table by their names, those of inner tables behind a dot; all else is passed over.
    pub(super) fn table(&mut self) -> Option<Vec<(String, String)>> {
        let mut out = Vec::new();
        texts(&mut Reader(self.long()?), "", DEEPEST, &mut out);
        Some(out)
    }
}

fn texts(
    table: &mut Reader<'_>,
    prefix: &str,
    depth: u8,
    out: &mut Vec<(String, String)>,
) -> Option<()> {
    while !table.0.is_empty() && out.len() < MOST_ENTRIES {
        let name = format!("{prefix}{}", table.short()?);
        match table.byte()? {
            b'S' => {
                let text = String::from_utf8_lossy(table.long()?).into_owned();
                out.push((name, text));
            }
            b'F' => {
                let inner = table.long()?;
                if depth > 0 {
                    texts(&mut Reader(inner), &format!("{name}."), depth - 1, out);
                }
            }
            b'A' | b'x' => drop(table.long()?),
            b't' | b'b' | b'B' => drop(table.bytes(1)?),
            b's' | b'u' | b'U' => drop(table.bytes(2)?),
            b'I' | b'i' | b'f' => drop(table.bytes(4)?),
            b'D' => drop(table.bytes(5)?),
            b'l' | b'L' | b'd' | b'T' => drop(table.bytes(8)?),
            b'V' => {}
            _ => return None,
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tables_come_back() {
        let inner = [
            ("basic.nack", Value::Flag(true)),
            ("deep", Value::Text("x")),
        ];
        let written = table(&[
            ("product", Value::Text("pika")),
            ("capabilities", Value::Table(&inner)),
        ]);
        let pair = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        let read = Reader(&written).table().unwrap();
        assert_eq!(
            read,
            [pair("product", "pika"), pair("capabilities.deep", "x")]
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = frame(&bytes);
            let _ = Reader(&bytes).table();
            let whole = long(&bytes);
            let _ = Reader(&whole).table();
        }
    }
}
