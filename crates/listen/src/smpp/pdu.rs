//! SMPP's packets, versions 3.3 to 5.0. (<https://smpp.org/SMPP_v3_4_Issue1_2.pdf>, sections 3.2, 4 and 5.)

use super::text;

/// Length of a header.
pub(super) const HEADER: usize = 16;
/// Longest packet: a message payload of 64 KiB, and what is around it.
pub(super) const LONGEST: usize = 70 << 10;
/// Bit of an answer's command.
pub(super) const ANSWER: u32 = 0x8000_0000;
/// Most destinations of one message that are read (5.2.24: 254).
const MOST_DESTINATIONS: usize = 254;

pub(super) const MESSAGE_PAYLOAD: u16 = 0x0424;
pub(super) const INTERFACE_VERSION: u16 = 0x0210;

/// A header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) length: usize,
    pub(super) command: u32,
    pub(super) sequence: u32,
}

/// Reads a header; `None` if its length cannot be one.
pub(super) fn header(bytes: &[u8; HEADER]) -> Option<Header> {
    let number =
        |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let length = number(0) as usize;
    (HEADER..=LONGEST).contains(&length).then_some(Header {
        length,
        command: number(4),
        sequence: number(12),
    })
}

/// A packet to send.
pub(super) fn packet(command: u32, status: u32, sequence: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER + body.len()).unwrap_or(u32::MAX);
    let mut out = Vec::with_capacity(HEADER + body.len());
    for number in [length, command, status, sequence] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    out.extend_from_slice(body);
    out
}

/// What is left of a body.
pub(super) struct Body<'a>(pub(super) &'a [u8]);

impl<'a> Body<'a> {
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// A string that ends in NUL.
    pub(super) fn text(&mut self) -> Option<&'a [u8]> {
        let end = self.0.iter().position(|byte| *byte == 0)?;
        let text = &self.0[..end];
        self.0 = &self.0[end + 1..];
        Some(text)
    }

    /// An address without its type and plan.
    fn address(&mut self) -> Option<String> {
        self.byte()?;
        self.byte()?;
        Some(String::from_utf8_lossy(self.text()?).into_owned())
    }

    /// The value of an optional parameter.
    fn option(&self, wanted: u16) -> Option<&'a [u8]> {
        let mut rest = Body(self.0);
        loop {
            let head = rest.bytes(4)?;
            let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
            let value = rest.bytes(length)?;
            if u16::from_be_bytes([head[0], head[1]]) == wanted {
                return Some(value);
            }
        }
    }
}

/// What a bind says (4.1).
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Bind<'a> {
    pub(super) system: &'a [u8],
    pub(super) password: &'a [u8],
    pub(super) kind: &'a [u8],
    pub(super) version: u8,
}

pub(super) fn bind(body: &[u8]) -> Option<Bind<'_>> {
    let mut body = Body(body);
    Some(Bind {
        system: body.text()?,
        password: body.text()?,
        kind: body.text()?,
        version: body.byte()?,
    })
}

/// A message that is to be sent (4.4, 4.5, 4.7).
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) from: String,
    pub(super) to: Vec<String>,
    pub(super) text: String,
}

/// Which packet a message comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Submit,
    Several,
    Data,
}

pub(super) fn message(form: Form, body: &[u8]) -> Option<Message> {
    let mut body = Body(body);
    body.text()?;
    let from = body.address()?;
    let to = match form {
        Form::Submit | Form::Data => vec![body.address()?],
        Form::Several => destinations(&mut body)?,
    };
    let class = body.byte()?;
    let (coding, short) = if form == Form::Data {
        body.byte()?;
        (body.byte()?, &[][..])
    } else {
        body.bytes(2)?;
        body.text()?;
        body.text()?;
        body.bytes(2)?;
        let coding = body.byte()?;
        body.byte()?;
        let length = usize::from(body.byte()?);
        (coding, body.bytes(length)?)
    };
    let bytes = match body.option(MESSAGE_PAYLOAD) {
        Some(payload) if short.is_empty() => payload,
        _ => short,
    };
    Some(Message {
        from,
        to,
        text: text::decode(bytes, coding, class & 0x40 != 0),
    })
}

fn destinations(body: &mut Body<'_>) -> Option<Vec<String>> {
    let count = usize::from(body.byte()?).min(MOST_DESTINATIONS);
    let mut all = Vec::with_capacity(count);
    for _ in 0..count {
        all.push(match body.byte()? {
            1 => body.address()?,
            _ => format!("list {}", String::from_utf8_lossy(body.text()?)),
        });
    }
    Some(all)
}

/// The id of the message that a query, cancellation or replacement is about.
pub(super) fn message_id(body: &[u8], command: u32) -> Option<String> {
    let mut body = Body(body);
    if command == 8 {
        body.text()?;
    }
    Some(String::from_utf8_lossy(body.text()?).into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_message_is_read() {
        let mut body =
            b"\0\x01\x0110658\0\x01\x01+15550100\0\x00\x00\x00\0\0\x01\x00\x00\x00\x05".to_vec();
        body.extend_from_slice(b"H\x02 \x1be");
        let message = message(Form::Submit, &body).unwrap();
        assert_eq!(message.from, "10658");
        assert_eq!(message.to, ["+15550100"]);
        assert_eq!(message.text, "H$ €");
    }

    #[test]
    fn a_payload_is_read_and_several_destinations() {
        let mut body = b"\0\x01\x01me\0\x03\x01\x01\x01a\0\x02list\0\x01\x01\x01b\0".to_vec();
        body.extend_from_slice(
            b"\x00\x00\x00\0\0\x01\x00\x08\x00\x00\x04\x24\x00\x04\x04\x1f\x04\x40",
        );
        let message = message(Form::Several, &body).unwrap();
        assert_eq!(message.to, ["a", "list list", "b"]);
        assert_eq!(message.text, "Пр");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = bind(&bytes);
            let _ = message_id(&bytes, 8);
            for form in [Form::Submit, Form::Several, Form::Data] {
                let _ = message(form, &bytes);
            }
        }
    }
}
