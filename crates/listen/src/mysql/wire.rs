//! What goes over a MySQL connection. (<https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html>,
//! <https://mariadb.com/kb/en/clientserver-protocol/>)

use crate::sql::{Answer, Column, Type, Value};
use crate::visit::{Ended, LONGEST, Visit};

pub(super) const CONNECT_WITH_DB: u32 = 1 << 3;
pub(super) const PROTOCOL_41: u32 = 1 << 9;
pub(super) const SSL: u32 = 1 << 11;
const SECURE_CONNECTION: u32 = 1 << 15;
pub(super) const MULTI_STATEMENTS: u32 = 1 << 16;
const PLUGIN_AUTH: u32 = 1 << 19;
const CONNECT_ATTRS: u32 = 1 << 20;
const PLUGIN_AUTH_LENENC: u32 = 1 << 21;
const DEPRECATE_EOF: u32 = 1 << 24;
/// Of MariaDB's own flags: definitions say more of a type; definitions that are known can be left out.
pub(super) const EXTENDED_METADATA: u32 = 1 << 3;
pub(super) const CACHE_METADATA: u32 = 1 << 4;
pub(super) const QUERY_ATTRIBUTES: u32 = 1 << 27;

/// Attributes of a connection, and parameters of a statement, that are read.
const MOST_ATTRIBUTES: usize = 64;
pub(super) const MOST_PARAMETERS: usize = 1000;

/// A packet and its number. `None`: it is longer than any that is taken.
pub(super) async fn packet(visit: &mut Visit) -> Result<Option<(u8, Vec<u8>)>, Ended> {
    visit.at_least(4).await?;
    let [a, b, c, number] = *visit.peek().first_chunk::<4>().ok_or(Ended)?;
    let length = u32::from_le_bytes([a, b, c, 0]) as usize;
    if length >= LONGEST - 4 {
        return Ok(None);
    }
    let packet = visit.exact(length + 4).await?;
    Ok(Some((number, packet[4..].to_vec())))
}

/// Reads a packet's body.
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
        Some(u16::from_le_bytes(*self.bytes(2)?.first_chunk()?))
    }

    pub(super) fn long(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(*self.bytes(4)?.first_chunk()?))
    }

    fn big(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(*self.bytes(8)?.first_chunk()?))
    }

    /// A number of 1, 3, 4 or 9 bytes.
    pub(super) fn packed(&mut self) -> Option<u64> {
        match self.byte()? {
            0xfc => self.short().map(u64::from),
            0xfd => {
                let bytes = self.bytes(3)?;
                Some(u64::from(u32::from_le_bytes([
                    bytes[0], bytes[1], bytes[2], 0,
                ])))
            }
            0xfe => self.big(),
            0xff | 0xfb => None,
            small => Some(u64::from(small)),
        }
    }

    /// Bytes behind their number.
    pub(super) fn counted(&mut self) -> Option<&'a [u8]> {
        let count = usize::try_from(self.packed()?).ok()?;
        self.bytes(count)
    }

    /// A text up to its zero, or to the end.
    pub(super) fn text(&mut self) -> String {
        let end = self.0.iter().position(|byte| *byte == 0);
        let text = &self.0[..end.unwrap_or(self.0.len())];
        self.0 = end.map_or(&[][..], |end| &self.0[end + 1..]);
        String::from_utf8_lossy(text).into_owned()
    }
}

/// What a client logs in with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Hello {
    pub(super) flags: u32,
    pub(super) charset: u8,
    /// Flags of MariaDB's own, which stand where MySQL has nothing.
    pub(super) more: u32,
    pub(super) user: String,
    pub(super) answer: Vec<u8>,
    pub(super) database: Option<String>,
    pub(super) plugin: Option<String>,
    pub(super) attributes: Vec<(String, String)>,
}

/// `HandshakeResponse41`. Past the user whatever is missing is not there.
pub(super) fn hello(body: &[u8]) -> Option<Hello> {
    let mut reader = Reader(body);
    let flags = reader.long()?;
    reader.long()?;
    let charset = reader.byte()?;
    reader.bytes(19)?;
    let more = reader.long()?;
    let user = reader.text();
    let answer = if flags & PLUGIN_AUTH_LENENC != 0 {
        reader.counted().unwrap_or_default().to_vec()
    } else if flags & SECURE_CONNECTION != 0 {
        let count = reader.byte().unwrap_or(0);
        reader.bytes(count.into()).unwrap_or_default().to_vec()
    } else {
        reader.text().into_bytes()
    };
    let database = (flags & CONNECT_WITH_DB != 0)
        .then(|| reader.text())
        .filter(|name| !name.is_empty());
    let plugin = (flags & PLUGIN_AUTH != 0)
        .then(|| reader.text())
        .filter(|name| !name.is_empty());
    let mut attributes = Vec::new();
    if flags & CONNECT_ATTRS != 0 {
        let mut pairs = Reader(reader.counted().unwrap_or_default());
        let mut text = || {
            pairs
                .counted()
                .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        };
        while let (Some(name), Some(value)) = (text(), text()) {
            attributes.push((name, value));
            if attributes.len() >= MOST_ATTRIBUTES {
                break;
            }
        }
    }
    Some(Hello {
        flags,
        charset,
        more: if flags & 1 == 0 { more } else { 0 },
        user,
        answer,
        database,
        plugin,
        attributes,
    })
}

/// Packets to be sent, numbered on from a client's.
pub(super) struct Out {
    pub(super) bytes: Vec<u8>,
    pub(super) number: u8,
    pub(super) flags: u32,
    pub(super) more: u32,
    pub(super) charset: u8,
}

impl Out {
    pub(super) fn after(number: u8, hello: &Hello) -> Self {
        Self {
            bytes: Vec::new(),
            number: number.wrapping_add(1),
            flags: hello.flags,
            more: hello.more,
            charset: hello.charset,
        }
    }

    pub(super) fn packet(&mut self, body: &[u8]) {
        let length = u32::try_from(body.len()).unwrap_or(0).to_le_bytes();
        self.bytes
            .extend_from_slice(&[length[0], length[1], length[2], self.number]);
        self.bytes.extend_from_slice(body);
        self.number = self.number.wrapping_add(1);
    }

    pub(super) fn ok(&mut self, rows: usize, status: u16) {
        let mut body = vec![0];
        pack(rows as u64, &mut body);
        body.push(0);
        body.extend_from_slice(&status.to_le_bytes());
        body.extend_from_slice(&[0, 0]);
        self.packet(&body);
    }

    fn end(&mut self, status: u16) {
        if self.flags & DEPRECATE_EOF != 0 {
            let [low, high] = status.to_le_bytes();
            return self.packet(&[0xfe, 0, 0, low, high, 0, 0]);
        }
        self.eof(status);
    }

    /// Whether the client wants no EOF packets behind definitions.
    pub(super) fn ends_without_eof(&self) -> bool {
        self.flags & DEPRECATE_EOF != 0
    }

    pub(super) fn eof(&mut self, status: u16) {
        let [low, high] = status.to_le_bytes();
        self.packet(&[0xfe, 0, 0, low, high]);
    }

    pub(super) fn definitions(
        &mut self,
        columns: &[Column],
        schema: &str,
        table: &str,
        defaults: bool,
    ) {
        for column in columns {
            let mut body = Vec::new();
            for text in [
                "def",
                schema,
                table,
                table,
                &column.name,
                if schema.is_empty() { "" } else { &column.name },
            ] {
                counted(text.as_bytes(), &mut body);
            }
            if self.more & EXTENDED_METADATA != 0 {
                body.push(0);
            }
            let (kind, length, decimals) = type_of(column.kind);
            let text = kind == 0xfd;
            let flags = u16::from(!column.nullable)
                | if column.key { 0x4202 } else { 0 }
                | if text { 0 } else { 0x80 };
            body.push(12);
            body.extend_from_slice(
                &(if text { u16::from(self.charset) } else { 63 }).to_le_bytes(),
            );
            body.extend_from_slice(&length.to_le_bytes());
            body.push(kind);
            body.extend_from_slice(&flags.to_le_bytes());
            body.extend_from_slice(&[decimals, 0, 0]);
            if defaults {
                body.push(0xfb);
            }
            self.packet(&body);
        }
    }

    /// Columns and rows.
    pub(super) fn answer(
        &mut self,
        answer: &Answer,
        from: (&str, &str),
        status: u16,
        binary: bool,
    ) {
        let mut count = Vec::new();
        pack(answer.columns.len() as u64, &mut count);
        if self.more & CACHE_METADATA != 0 {
            // The definitions follow.
            count.push(1);
        }
        self.packet(&count);
        self.definitions(&answer.columns, from.0, from.1, false);
        if self.flags & DEPRECATE_EOF == 0 {
            self.eof(status);
        }
        for row in &answer.rows {
            let body = if binary {
                binary_row(row, &answer.columns)
            } else {
                text_row(row)
            };
            self.packet(&body);
        }
        self.end(status);
    }
}

/// The number of a type, its length, and digits behind the point.
pub(super) fn type_of(kind: Type) -> (u8, u32, u8) {
    match kind {
        Type::Bool => (0x01, 1, 0),
        Type::Int => (0x03, 11, 0),
        Type::Big | Type::Oid => (0x08, 21, 0),
        Type::Double => (0x05, 17, 31),
        Type::Amount => (0xf6, 14, 2),
        Type::Moment | Type::Zoned => (0x0c, 19, 0),
        Type::Date => (0x0a, 10, 0),
        Type::Text(Some(most)) => (0xfd, u32::from(most) * 4, 0),
        _ => (0xfd, 1024, 39),
    }
}

fn text_row(row: &[Value]) -> Vec<u8> {
    let mut body = Vec::new();
    for value in row {
        match value {
            Value::Null => body.push(0xfb),
            value => counted(value.show().as_bytes(), &mut body),
        }
    }
    body
}

fn binary_row(row: &[Value], columns: &[Column]) -> Vec<u8> {
    let mut nulls = vec![0u8; (row.len() + 9) / 8];
    let mut values = Vec::new();
    for (at, value) in row.iter().enumerate() {
        if value.is_null() {
            nulls[(at + 2) / 8] |= 1 << ((at + 2) % 8);
            continue;
        }
        let int = value.as_int().unwrap_or(0);
        match type_of(
            columns
                .get(at)
                .map_or(Type::Text(None), |column| column.kind),
        )
        .0
        {
            0x01 => values.push(u8::from(value.truth() == Some(true))),
            0x03 => values.extend_from_slice(&(int as u32).to_le_bytes()),
            0x08 => values.extend_from_slice(&int.to_le_bytes()),
            0x05 => values.extend_from_slice(&value.as_number().unwrap_or(0.0).to_le_bytes()),
            0x0c | 0x0a => values.extend(moment(&value.show())),
            _ => counted(value.show().as_bytes(), &mut values),
        }
    }
    [&[0][..], &nulls, &values].concat()
}

/// `2025-03-31 14:05:59` in binary.
fn moment(text: &str) -> Vec<u8> {
    let numbers: Vec<u16> = text
        .split(|letter: char| !letter.is_ascii_digit())
        .map(|part| part.parse().unwrap_or(0))
        .collect();
    let small = |at: usize| u8::try_from(numbers.get(at).copied().unwrap_or(0)).unwrap_or(0);
    let [low, high] = numbers.first().copied().unwrap_or(0).to_le_bytes();
    if numbers.len() < 6 {
        return vec![4, low, high, small(1), small(2)];
    }
    vec![
        7,
        low,
        high,
        small(1),
        small(2),
        small(3),
        small(4),
        small(5),
    ]
}

/// Writes a number in 1, 3, 4 or 9 bytes.
pub(super) fn pack(number: u64, out: &mut Vec<u8>) {
    let bytes = number.to_le_bytes();
    match number {
        0..0xfb => out.push(bytes[0]),
        0xfb..0x1_0000 => out.extend_from_slice(&[&[0xfc], &bytes[..2]].concat()),
        0x1_0000..0x100_0000 => out.extend_from_slice(&[&[0xfd], &bytes[..3]].concat()),
        _ => out.extend_from_slice(&[&[0xfe], &bytes[..]].concat()),
    }
}

pub(super) fn counted(bytes: &[u8], out: &mut Vec<u8>) {
    pack(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// Values bound to a statement: null bits, types (with names where there are attributes), values.
pub(super) fn bound(
    reader: &mut Reader<'_>,
    count: usize,
    known: &mut Vec<u16>,
    names: bool,
) -> Option<Vec<Value>> {
    if count == 0 || count > MOST_PARAMETERS {
        return (count == 0).then(Vec::new);
    }
    let nulls = reader.bytes(count.div_ceil(8))?;
    if reader.byte()? != 0 {
        known.clear();
        for _ in 0..count {
            known.push(reader.short()?);
            if names {
                reader.counted()?;
            }
        }
    }
    let mut values = Vec::new();
    for at in 0..count {
        if nulls[at / 8] & (1 << (at % 8)) != 0 {
            values.push(Value::Null);
            continue;
        }
        values.push(value(reader, *known.get(at)?)?);
    }
    Some(values)
}

fn value(reader: &mut Reader<'_>, kind: u16) -> Option<Value> {
    let unsigned = kind & 0x8000 != 0;
    Some(match kind & 0xff {
        0x01 => {
            let byte = reader.byte()?;
            Value::Int(if unsigned {
                byte.into()
            } else {
                (byte as i8).into()
            })
        }
        0x02 | 0x0d => {
            let short = reader.short()?;
            Value::Int(if unsigned {
                short.into()
            } else {
                (short as i16).into()
            })
        }
        0x03 | 0x09 => {
            let long = reader.long()?;
            Value::Int(if unsigned {
                long.into()
            } else {
                (long as i32).into()
            })
        }
        0x08 => Value::Int(reader.big()? as i64),
        0x04 => Value::Float(f32::from_bits(reader.long()?).into()),
        0x05 => Value::Float(f64::from_bits(reader.big()?)),
        0x06 => Value::Null,
        0x07 | 0x0a | 0x0c => {
            let count = reader.byte()?;
            let mut part = Reader(reader.bytes(count.into())?);
            let year = part.short().unwrap_or(0);
            let mut next = || part.byte().unwrap_or(0);
            let (month, day, hour, minute, second) = (next(), next(), next(), next(), next());
            let date = format!("{year:04}-{month:02}-{day:02}");
            Value::Text(if count > 4 {
                format!("{date} {hour:02}:{minute:02}:{second:02}")
            } else {
                date
            })
        }
        0x0b => {
            let count = reader.byte()?;
            reader.bytes(count.into())?;
            Value::Null
        }
        _ => Value::Text(String::from_utf8_lossy(reader.counted()?).into_owned()),
    })
}

/// The text of `COM_QUERY`, behind its attributes if there are some.
pub(super) fn query(body: &[u8], flags: u32) -> Option<(String, Vec<Value>)> {
    let mut reader = Reader(body);
    let mut values = Vec::new();
    if flags & QUERY_ATTRIBUTES != 0 {
        let count = usize::try_from(reader.packed()?).ok()?;
        reader.packed()?;
        values = bound(&mut reader, count, &mut Vec::new(), true)?;
    }
    Some((String::from_utf8_lossy(reader.0).into_owned(), values))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_breaks_the_readers(bytes in prop::collection::vec(any::<u8>(), 0..200), flags: u32, count in 0usize..20) {
            hello(&bytes);
            query(&bytes, flags);
            bound(&mut Reader(&bytes), count, &mut Vec::new(), flags & 1 != 0);
        }

        #[test]
        fn numbers_are_packed_and_unpacked(number: u64) {
            let mut out = Vec::new();
            pack(number, &mut out);
            prop_assert_eq!(Reader(&out).packed(), Some(number));
        }
    }
}
