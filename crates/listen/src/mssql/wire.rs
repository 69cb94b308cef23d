//! TDS: packets, what a client says before and with its login, and what a server says back.
//! (<https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-tds/>, [MS-TDS])

use crate::sql::{Answer, Type, Value, micros};
use crate::visit::{Ended, LONGEST, Visit};

/// Packets of one message: a login and the batches that people type fit into a few.
const MOST_PACKETS: usize = 64;
/// Size of the packets that are sent.
const SIZE: usize = 4096;
/// `Latin1_General_CI_AS`, sort order 52: `SQL_Latin1_General_CP1_CI_AS`.
pub(super) const COLLATION: [u8; 5] = [0x09, 0x04, 0xd0, 0x00, 0x34];

pub(super) const BATCH: u8 = 0x01;
pub(super) const RPC: u8 = 0x03;
const REPLY: u8 = 0x04;
pub(super) const ATTENTION: u8 = 0x06;
pub(super) const TRANSACTION: u8 = 0x0e;
pub(super) const LOGIN: u8 = 0x10;
pub(super) const PRELOGIN: u8 = 0x12;

/// A message, put together from its packets. `None`: that is none.
pub(super) async fn message(visit: &mut Visit) -> Result<Option<(u8, Vec<u8>)>, Ended> {
    let (mut kind, mut body) = (0, Vec::new());
    for number in 0..MOST_PACKETS {
        visit.at_least(8).await?;
        let [own, status, high, low] = *visit.peek().first_chunk::<4>().ok_or(Ended)?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length < 8 || number > 0 && own != kind || body.len() + length > LONGEST {
            return Ok(None);
        }
        kind = own;
        let packet = visit.exact(length).await?;
        body.extend_from_slice(&packet[8..]);
        if status & 1 != 0 {
            return Ok(Some((kind, body)));
        }
    }
    Ok(None)
}

/// What the client says of encryption: `ENCRYPT_OFF` 0, `ON` 1, `NOT_SUP` 2, `REQ` 3.
pub(super) fn encryption(body: &[u8]) -> Option<u8> {
    let mut at = 0;
    loop {
        let option = body.get(at..at + 5)?;
        if option[0] == 0xff {
            return None;
        }
        if option[0] == 1 {
            let offset = usize::from(u16::from_be_bytes([option[1], option[2]]));
            return body.get(offset).copied();
        }
        at += 5;
    }
}

/// Whether a message could be a `PRELOGIN`: its options end.
pub(super) fn is_prelogin(body: &[u8]) -> bool {
    body.iter().step_by(5).take(12).any(|token| *token == 0xff)
}

/// The answer to `PRELOGIN`: version, encryption, no instance, thread, no MARS.
pub(super) fn prelogin(version: [u8; 6], encryption: u8) -> Vec<u8> {
    let values: [(u8, &[u8]); 5] = [
        (0, &version),
        (1, &[encryption]),
        (2, &[0]),
        (3, &[]),
        (4, &[0]),
    ];
    let mut offset = values.len() * 5 + 1;
    let (mut head, mut data) = (Vec::new(), Vec::new());
    for (token, value) in values {
        head.push(token);
        head.extend_from_slice(&(offset as u16).to_be_bytes());
        head.extend_from_slice(&(value.len() as u16).to_be_bytes());
        data.extend_from_slice(value);
        offset += value.len();
    }
    head.push(0xff);
    head.extend_from_slice(&data);
    packets(&head)
}

/// `LOGIN7`: who logs in, with what, from where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) version: u32,
    pub(super) program_version: u32,
    pub(super) pid: u32,
    pub(super) locale: u32,
    pub(super) host: String,
    pub(super) user: String,
    pub(super) password: String,
    pub(super) program: String,
    pub(super) server: String,
    pub(super) library: String,
    pub(super) language: String,
    pub(super) database: String,
    /// By default the address of the client's network card.
    pub(super) client: [u8; 6],
    /// Whether it logs in as a user of Windows.
    pub(super) windows: bool,
}

pub(super) fn login(body: &[u8]) -> Option<Login> {
    let long = |at: usize| Some(u32::from_le_bytes(*body.get(at..)?.first_chunk()?));
    let short = |at: usize| {
        Some(usize::from(u16::from_le_bytes(
            *body.get(at..)?.first_chunk()?,
        )))
    };
    let bytes = |at: usize| {
        let (from, count) = (short(at)?, short(at + 2)?);
        body.get(from..from + 2 * count)
    };
    let text = |at: usize| bytes(at).map(wide);
    let password: Vec<u8> = bytes(44)?
        .iter()
        .map(|byte| (byte ^ 0xa5).rotate_left(4))
        .collect();
    Some(Login {
        version: long(4)?,
        program_version: long(12)?,
        pid: long(16)?,
        locale: long(32)?,
        windows: body.get(25)? & 0x80 != 0,
        host: text(36)?,
        user: text(40)?,
        password: wide(&password),
        program: text(48)?,
        server: text(52)?,
        library: text(60)?,
        language: text(64)?,
        database: text(68)?,
        client: *body.get(72..)?.first_chunk()?,
    })
}

/// UTF-16, little end first.
pub(super) fn wide(bytes: &[u8]) -> String {
    let units: Vec<u16> = bytes
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    String::from_utf16_lossy(&units)
}

/// The text of a batch, behind its headers.
pub(super) fn batch(body: &[u8]) -> String {
    let headers = body
        .first_chunk()
        .map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize);
    // TDS 7.1 and before have none.
    let rest = if (4..=body.len().min(1024)).contains(&headers) {
        &body[headers..]
    } else {
        body
    };
    wide(rest)
}

/// The statement of an `sp_executesql`, `sp_prepare` or `sp_prepexec`: its first parameter that is wide text. Or the
/// name of the procedure.
pub(super) fn call(body: &[u8]) -> (String, Option<String>) {
    let headers = body
        .first_chunk()
        .map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize);
    let rest = body.get(headers..).unwrap_or_default();
    let length = rest
        .first_chunk()
        .map_or(0, |bytes| u16::from_le_bytes(*bytes));
    let (name, rest) = if length == 0xffff {
        let number = rest
            .get(2..)
            .and_then(|rest| rest.first_chunk())
            .map_or(0, |bytes| u16::from_le_bytes(*bytes));
        let name = match number {
            10 => "sp_executesql",
            11 => "sp_prepare",
            12 => "sp_execute",
            13 => "sp_prepexec",
            15 => "sp_unprepare",
            2 => "sp_cursoropen",
            _ => "sp_cursor",
        };
        (name.to_owned(), rest.get(6..).unwrap_or_default())
    } else {
        let end = 2 + 2 * usize::from(length);
        (
            wide(rest.get(2..end).unwrap_or_default()),
            rest.get(end + 2..).unwrap_or_default(),
        )
    };
    (name, first_text(rest))
}

/// The first parameter of type NVARCHAR, long or short.
fn first_text(mut rest: &[u8]) -> Option<String> {
    for _ in 0..4 {
        let name = usize::from(*rest.first()?);
        rest = rest.get(2 + 2 * name..)?;
        match *rest.first()? {
            0xe7 => {
                let most = u16::from_le_bytes(*rest.get(1..)?.first_chunk()?);
                let rest = rest.get(8..)?;
                if most != 0xffff {
                    let length = usize::from(u16::from_le_bytes(*rest.first_chunk()?));
                    return rest.get(2..2 + length).map(wide);
                }
                let (mut rest, mut bytes) = (rest.get(8..)?, Vec::new());
                loop {
                    let length = u32::from_le_bytes(*rest.first_chunk()?) as usize;
                    if length == 0 {
                        return Some(wide(&bytes));
                    }
                    bytes.extend_from_slice(rest.get(4..4 + length)?);
                    rest = rest.get(4 + length..)?;
                }
            }
            0x63 => {
                let rest = rest.get(10..)?;
                let length = u32::from_le_bytes(*rest.first_chunk()?) as usize;
                return rest.get(4..4 + length).map(wide);
            }
            // INTN: the handle that is to be filled in.
            0x26 => {
                let length = usize::from(*rest.get(2)?);
                rest = rest.get(3 + length..)?;
            }
            _ => return None,
        }
    }
    None
}

/// A message in packets.
pub(super) fn packets(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let chunks: Vec<&[u8]> = if body.is_empty() {
        vec![body]
    } else {
        body.chunks(SIZE - 8).collect()
    };
    for (number, chunk) in chunks.iter().enumerate() {
        let last = u8::from(number + 1 == chunks.len());
        let [high, low] = u16::try_from(chunk.len() + 8).unwrap_or(0).to_be_bytes();
        out.extend_from_slice(&[REPLY, last, high, low, 0, 52, (number + 1) as u8, 0]);
        out.extend_from_slice(chunk);
    }
    out
}

/// Tokens of an answer.
#[derive(Default)]
pub(super) struct Out(pub(super) Vec<u8>);

fn units(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

impl Out {
    /// A text behind the number of its letters, in one byte.
    fn short_text(&mut self, text: &str) {
        let units = units(text);
        let units = &units[..units.len().min(510)];
        self.0.push((units.len() / 2) as u8);
        self.0.extend_from_slice(units);
    }

    fn long_text(&mut self, text: &str) {
        let units = units(text);
        let units = &units[..units.len().min(8000)];
        self.0
            .extend_from_slice(&((units.len() / 2) as u16).to_le_bytes());
        self.0.extend_from_slice(units);
    }

    /// A token with its length in front.
    fn token(&mut self, token: u8, write: impl FnOnce(&mut Self)) {
        self.0.extend_from_slice(&[token, 0, 0]);
        let at = self.0.len();
        write(self);
        let length = u16::try_from(self.0.len() - at)
            .unwrap_or(u16::MAX)
            .to_le_bytes();
        self.0[at - 2..at].copy_from_slice(&length);
    }

    /// `ENVCHANGE` with texts: database 1, language 2, packet size 4.
    pub(super) fn changed(&mut self, what: u8, new: &str, old: &str) {
        self.token(0xe3, |out| {
            out.0.push(what);
            out.short_text(new);
            out.short_text(old);
        });
    }

    pub(super) fn collation(&mut self) {
        self.token(0xe3, |out| {
            out.0.extend_from_slice(&[7, 5]);
            out.0.extend_from_slice(&COLLATION);
            out.0.push(0);
        });
    }

    /// `INFO`, or `ERROR` from class 11 on.
    pub(super) fn said(&mut self, number: i32, state: u8, class: u8, text: &str, server: &str) {
        self.token(if class > 10 { 0xaa } else { 0xab }, |out| {
            out.0.extend_from_slice(&number.to_le_bytes());
            out.0.extend_from_slice(&[state, class]);
            out.long_text(text);
            out.short_text(server);
            out.short_text("");
            out.0.extend_from_slice(&1u32.to_le_bytes());
        });
    }

    pub(super) fn acknowledged(&mut self, version: [u8; 4]) {
        self.token(0xad, |out| {
            out.0.extend_from_slice(&[1, 0x74, 0, 0, 4]);
            out.short_text("Microsoft SQL Server");
            out.0.extend_from_slice(&version);
        });
    }

    /// `DONE`, with these flags and the number of rows.
    pub(super) fn done(&mut self, flags: u16, command: u16, rows: usize) {
        self.0.push(0xfd);
        self.0.extend_from_slice(&flags.to_le_bytes());
        self.0.extend_from_slice(&command.to_le_bytes());
        self.0.extend_from_slice(&(rows as u64).to_le_bytes());
    }

    /// `COLMETADATA` and rows.
    pub(super) fn answer(&mut self, answer: &Answer) {
        self.0.push(0x81);
        self.0
            .extend_from_slice(&(answer.columns.len() as u16).to_le_bytes());
        for column in &answer.columns {
            let flags: u16 = u16::from(column.nullable) | if column.key { 0x10 } else { 8 };
            self.0.extend_from_slice(&[0; 4]);
            self.0.extend_from_slice(&flags.to_le_bytes());
            match column.kind {
                Type::Bool => self.0.extend_from_slice(&[0x68, 1]),
                Type::Int | Type::Oid => self.0.extend_from_slice(&[0x26, 4]),
                Type::Big => self.0.extend_from_slice(&[0x26, 8]),
                Type::Double => self.0.extend_from_slice(&[0x6d, 8]),
                Type::Amount => self.0.extend_from_slice(&[0x6c, 9, 12, 2]),
                Type::Moment | Type::Zoned => self.0.extend_from_slice(&[0x6f, 8]),
                Type::Date => self.0.push(0x28),
                kind => {
                    let most = match kind {
                        Type::Text(Some(most)) => most.saturating_mul(2).min(8000),
                        _ => 8000,
                    };
                    self.0.push(0xe7);
                    self.0.extend_from_slice(&most.to_le_bytes());
                    self.0.extend_from_slice(&COLLATION);
                }
            }
            self.short_text(&column.name);
        }
        for row in &answer.rows {
            self.0.push(0xd1);
            for (value, column) in row.iter().zip(&answer.columns) {
                self.value(value, column.kind);
            }
        }
    }

    fn value(&mut self, value: &Value, kind: Type) {
        let text = matches!(
            kind,
            Type::Text(_) | Type::Unknown | Type::Name | Type::Char | Type::Array
        );
        if value.is_null() {
            return self
                .0
                .extend_from_slice(if text { &[0xff, 0xff] } else { &[0] });
        }
        let int = value.as_int().unwrap_or(0);
        let mut counted = |bytes: &[u8]| {
            self.0.push(bytes.len() as u8);
            self.0.extend_from_slice(bytes);
        };
        match kind {
            Type::Bool => counted(&[u8::from(value.truth() == Some(true))]),
            Type::Int | Type::Oid => counted(&(int as u32).to_le_bytes()),
            Type::Big => counted(&int.to_le_bytes()),
            Type::Double => counted(&value.as_number().unwrap_or(0.0).to_le_bytes()),
            Type::Amount => {
                let cents = (value.as_number().unwrap_or(0.0) * 100.0).round();
                let sign = u8::from(cents >= 0.0);
                counted(&[&[sign], &(cents.abs() as u64).to_le_bytes()[..]].concat());
            }
            Type::Moment | Type::Zoned => {
                let at = micros(&value.show());
                // Days since 1900, and three-hundredths of a second.
                let days = at.div_euclid(86_400_000_000) + 36_524;
                let rest = at.rem_euclid(86_400_000_000) * 300 / 1_000_000;
                counted(&[(days as i32).to_le_bytes(), (rest as u32).to_le_bytes()].concat());
            }
            Type::Date => {
                let days = micros(&value.show()).div_euclid(86_400_000_000) + 730_119;
                counted(&(days as u32).to_le_bytes()[..3]);
            }
            _ => {
                let units = units(&value.show());
                let units = &units[..units.len().min(8000)];
                self.0
                    .extend_from_slice(&(units.len() as u16).to_le_bytes());
                self.0.extend_from_slice(units);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_password_is_read() {
        // "a" and "Z", as clients disguise them.
        let hidden: Vec<u8> = [0x61u8, 0, 0x5a, 0]
            .iter()
            .map(|byte| byte.rotate_left(4) ^ 0xa5)
            .collect();
        let mut body = vec![0; 94];
        body[44..48].copy_from_slice(&[94, 0, 2, 0]);
        body.extend_from_slice(&hidden);
        assert_eq!(login(&body).unwrap().password, "aZ");
    }

    proptest! {
        #[test]
        fn nothing_breaks_the_readers(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            login(&bytes);
            encryption(&bytes);
            is_prelogin(&bytes);
            batch(&bytes);
            call(&bytes);
        }
    }
}
