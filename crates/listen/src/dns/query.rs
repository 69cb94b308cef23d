//! A DNS message as a server reads it: header, question, EDNS (RFC 1035 section 4, RFC 6891, RFC 7871,
//! RFC 7873). Anything may come; what does not parse is told apart by what a server says to it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

/// Bytes of a header.
pub(super) const HEADER: usize = 12;
/// Questions of a message that is read at all; none has more than one.
const MOST_QUESTIONS: u16 = 16;

/// Types and classes by number (IANA "Domain Name System Parameters").
pub(super) mod code {
    pub(in crate::dns) const A: u16 = 1;
    pub(in crate::dns) const NS: u16 = 2;
    pub(in crate::dns) const SOA: u16 = 6;
    pub(in crate::dns) const MX: u16 = 15;
    pub(in crate::dns) const TXT: u16 = 16;
    pub(in crate::dns) const AAAA: u16 = 28;
    pub(in crate::dns) const OPT: u16 = 41;
    pub(in crate::dns) const TSIG: u16 = 250;
    pub(in crate::dns) const IXFR: u16 = 251;
    pub(in crate::dns) const AXFR: u16 = 252;
    pub(in crate::dns) const MAILB: u16 = 253;
    pub(in crate::dns) const MAILA: u16 = 254;
    pub(in crate::dns) const ANY: u16 = 255;
    pub(in crate::dns) const CAA: u16 = 257;
    pub(in crate::dns) const IN: u16 = 1;
    pub(in crate::dns) const CHAOS: u16 = 3;
    /// EDNS options.
    pub(in crate::dns) const SUBNET: u16 = 8;
    pub(in crate::dns) const COOKIE: u16 = 10;
}

/// A question to answer, or what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// Nobody answers this: too short for a header, or an answer itself.
    Silence,
    /// It does not parse behind its header.
    Malformed(Header),
    Query(Query),
}

/// The first four bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) id: u16,
    pub(super) opcode: u8,
    /// Recursion desired.
    pub(super) rd: bool,
    /// Checking disabled.
    pub(super) cd: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) header: Header,
    /// How many there are.
    pub(super) questions: u16,
    /// The first.
    pub(super) question: Option<Question>,
    pub(super) edns: Option<Edns>,
    /// Whether it is signed with a key (RFC 8945): we know none.
    pub(super) signed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    /// Where it stands in the message.
    pub(super) bytes: Range<usize>,
    /// Its labels, in the case they came in.
    pub(super) labels: Vec<Vec<u8>>,
    pub(super) kind: u16,
    pub(super) class: u16,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Edns {
    /// Longest datagram the client takes.
    pub(super) size: u16,
    pub(super) version: u8,
    /// DNSSEC OK.
    pub(super) dnssec: bool,
    pub(super) cookie: Option<Vec<u8>>,
    /// Whose question it is, as a resolver says.
    pub(super) subnet: Option<Subnet>,
}

/// EDNS Client Subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subnet {
    /// The option's data as sent: it is given back with scope 0.
    pub(super) data: Vec<u8>,
    pub(super) address: IpAddr,
    pub(super) prefix: u8,
}

impl Question {
    /// The name in lower case, without the dot at its end; empty for the root. A dot within a label is
    /// written `\046`, as are other bytes that no host name has, so that each dot of the text parts labels.
    pub(super) fn name(&self) -> String {
        text(&self.labels).to_ascii_lowercase()
    }

    /// The name as sent.
    pub(super) fn as_sent(&self) -> String {
        text(&self.labels)
    }
}

/// Reads a message.
pub(super) fn read(bytes: &[u8]) -> Read {
    let mut at = Cursor { bytes, at: 0 };
    let (Some(id), Some(flags)) = (at.short(), at.short()) else {
        return Read::Silence;
    };
    if bytes.len() < HEADER || flags & 0x8000 != 0 {
        return Read::Silence;
    }
    let header = Header {
        id,
        opcode: (flags >> 11 & 15) as u8,
        rd: flags & 0x0100 != 0,
        cd: flags & 0x0010 != 0,
    };
    match sections(header, &mut at) {
        Some(query) => Read::Query(query),
        None => Read::Malformed(header),
    }
}

fn sections(header: Header, at: &mut Cursor<'_>) -> Option<Query> {
    let counts = [at.short()?, at.short()?, at.short()?, at.short()?];
    let mut query = Query {
        header,
        questions: counts[0],
        question: None,
        edns: None,
        signed: false,
    };
    if counts[0] > MOST_QUESTIONS {
        return None;
    }
    for number in 0..counts[0] {
        let start = at.at;
        if number > 0 {
            at.skip_name()?;
            at.take(4)?;
            continue;
        }
        query.question = Some(Question {
            labels: at.name()?,
            kind: at.short()?,
            class: at.short()?,
            bytes: start..at.at,
        });
    }
    for (section, count) in counts.iter().enumerate().skip(1) {
        for _ in 0..*count {
            record(&mut query, at, section == 3)?;
        }
    }
    Some(query)
}

fn record(query: &mut Query, at: &mut Cursor<'_>, additional: bool) -> Option<()> {
    let root = at.skip_name()?;
    let (kind, class) = (at.short()?, at.short()?);
    let (high, low) = (at.short()?, at.short()?);
    let length = usize::from(at.short()?);
    let data = at.take(length)?;
    match kind {
        // One, for the root, among the additional records.
        code::OPT if !additional || !root || query.edns.is_some() => return None,
        code::OPT => {
            let mut edns = Edns {
                size: class,
                version: (high & 0xff) as u8,
                dnssec: low & 0x8000 != 0,
                ..Edns::default()
            };
            options(&mut edns, data)?;
            query.edns = Some(edns);
        }
        code::TSIG => query.signed = true,
        _ => {}
    }
    Some(())
}

fn options(edns: &mut Edns, data: &[u8]) -> Option<()> {
    let mut at = Cursor { bytes: data, at: 0 };
    while at.at < data.len() {
        let option = at.short()?;
        let length = usize::from(at.short()?);
        let value = at.take(length)?;
        match option {
            code::COOKIE if !matches!(length, 8 | 16..=40) => return None,
            code::COOKIE => edns.cookie = Some(value.to_vec()),
            code::SUBNET => edns.subnet = Some(subnet(value)?),
            _ => {}
        }
    }
    Some(())
}

/// RFC 7871 section 6: as many bytes of the address as the prefix needs, the rest zero.
fn subnet(data: &[u8]) -> Option<Subnet> {
    let [high, low, prefix, scope, bytes @ ..] = data else {
        return None;
    };
    let most = match u16::from_be_bytes([*high, *low]) {
        1 => 32,
        2 => 128,
        _ => return None,
    };
    if *prefix > most || *scope != 0 || bytes.len() != usize::from(prefix.div_ceil(8)) {
        return None;
    }
    let unused = u32::from(8 - (prefix % 8)) % 8;
    if bytes
        .last()
        .is_some_and(|last| last.trailing_zeros() < unused)
    {
        return None;
    }
    let mut whole = [0; 16];
    whole[..bytes.len()].copy_from_slice(bytes);
    let address = if most == 32 {
        let [a, b, c, d, ..] = whole;
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    } else {
        IpAddr::V6(Ipv6Addr::from(whole))
    };
    Some(Subnet {
        data: data.to_vec(),
        address,
        prefix: *prefix,
    })
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(count)?)?;
        self.at += count;
        Some(taken)
    }

    fn short(&mut self) -> Option<u16> {
        let [high, low] = *self.take(2)? else {
            return None;
        };
        Some(u16::from_be_bytes([high, low]))
    }

    fn name(&mut self) -> Option<Vec<Vec<u8>>> {
        let mut labels = Vec::new();
        self.walk(|label| labels.push(label.to_vec()))?;
        Some(labels)
    }

    /// Goes past a name of which nothing is kept; whether it is the root. A message has room for thousands of pointers
    /// to one long name.
    fn skip_name(&mut self) -> Option<bool> {
        let mut root = true;
        self.walk(|_| root = false)?;
        Some(root)
    }

    /// A name, label by label. Pointers lead backwards only, so that none goes in a circle.
    fn walk(&mut self, mut each: impl FnMut(&'a [u8])) -> Option<()> {
        let mut length = 1;
        let (mut at, mut start, mut after) = (self.at, self.at, None);
        loop {
            let first = *self.bytes.get(at)?;
            match first {
                0 => break,
                1..=63 => {
                    let end = at + 1 + usize::from(first);
                    let label = self.bytes.get(at + 1..end)?;
                    length += label.len() + 1;
                    if length > 255 {
                        return None;
                    }
                    each(label);
                    at = end;
                }
                0xc0.. => {
                    let low = *self.bytes.get(at + 1)?;
                    after.get_or_insert(at + 2);
                    at = usize::from(first & 0x3f) << 8 | usize::from(low);
                    // Before all that was read of this name.
                    if at >= start {
                        return None;
                    }
                    start = at;
                }
                _ => return None,
            }
        }
        self.at = after.unwrap_or(at + 1);
        Some(())
    }
}

fn text(labels: &[Vec<u8>]) -> String {
    let mut out = String::with_capacity(64);
    for label in labels {
        if !out.is_empty() {
            out.push('.');
        }
        for byte in label {
            match byte {
                b'\\' => out.push_str(r"\\"),
                0x21..=0x7e if *byte != b'.' => out.push(char::from(*byte)),
                other => out.push_str(&format!("\\{other:03}")),
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `id`, flags, counts, and what follows.
    fn message(flags: u16, counts: [u16; 4], rest: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x12, 0x34];
        bytes.extend(flags.to_be_bytes());
        bytes.extend(counts.iter().flat_map(|count| count.to_be_bytes()));
        bytes.extend(rest);
        bytes
    }

    #[test]
    fn a_question_with_everything_is_read() {
        let mut rest = b"\x02wW\x04BaIt\x00\x00\x01\x00\x01".to_vec();
        rest.extend(b"\0\0\x29\x04\xd0\0\0\x80\0\0\x17");
        rest.extend(b"\0\x08\0\x07\0\x01\x18\0\xc6\x33\x64");
        rest.extend(b"\0\x0a\0\x08abcdefgh");
        let Read::Query(query) = read(&message(0x0110, [1, 0, 0, 1], &rest)) else {
            panic!("it is in order");
        };
        let question = query.question.unwrap();
        assert_eq!(question.name(), "ww.bait");
        assert_eq!(question.as_sent(), "wW.BaIt");
        assert_eq!((question.kind, question.class), (1, 1));
        assert_eq!(question.bytes, 12..25);
        let edns = query.edns.unwrap();
        assert_eq!((edns.size, edns.dnssec), (1232, true));
        assert_eq!(edns.cookie.as_deref(), Some(&b"abcdefgh"[..]));
        let subnet = edns.subnet.unwrap();
        assert_eq!(
            (subnet.address.to_string().as_str(), subnet.prefix),
            ("198.51.100.0", 24)
        );
        assert!(query.header.rd && query.header.cd);
    }

    #[test]
    fn odd_messages_are_told_apart() {
        assert_eq!(read(b"\0\0"), Read::Silence);
        assert_eq!(read(&message(0x8000, [0; 4], b"")), Read::Silence);
        let malformed = |bytes: &[u8]| matches!(read(bytes), Read::Malformed(_));
        assert!(malformed(&message(0, [1, 0, 0, 0], b"\x05abc")));
        // A pointer to itself, and two that lead to each other.
        assert!(malformed(&message(
            0,
            [1, 0, 0, 0],
            b"\xc0\x0c\0\x01\0\x01"
        )));
        assert!(malformed(&message(
            0,
            [1, 0, 0, 0],
            b"\xc0\x0e\xc0\x0c\0\x01\0\x01"
        )));
        assert!(malformed(&message(0, [1, 0, 0, 0], b"\x40a\0\0\x01\0\x01")));
        let two = b"\0\0\x29\x04\xd0\0\0\0\0\0\0".repeat(2);
        assert!(malformed(&message(0, [0, 0, 0, 2], &two)));
        let cookie = b"\0\0\x29\x04\xd0\0\0\0\0\0\x07\0\x0a\0\x03abc";
        assert!(malformed(&message(0, [0, 0, 0, 1], cookie)));
    }

    #[test]
    fn of_many_questions_the_first_is_kept_and_too_many_are_malformed() {
        let mut rest = b"\x01a\0\0\x01\0\x01".to_vec();
        rest.extend(b"\xc0\x0c\0\x10\0\x01".repeat(usize::from(MOST_QUESTIONS)));
        let Read::Query(query) = read(&message(0, [MOST_QUESTIONS, 0, 0, 0], &rest)) else {
            panic!("it is in order");
        };
        assert_eq!(query.questions, MOST_QUESTIONS);
        let question = query.question.unwrap();
        assert_eq!((question.name().as_str(), question.kind), ("a", 1));
        let more = message(0, [MOST_QUESTIONS + 1, 0, 0, 0], &rest);
        assert!(matches!(read(&more), Read::Malformed(_)));
    }

    #[test]
    fn names_are_written_so_that_they_are_one_line() {
        let labels = [b"a.b".to_vec(), b"\n\xff".to_vec()];
        assert_eq!(text(&labels), r"a\046b.\010\255");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_to_an_end(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = read(&bytes);
        }

        #[test]
        fn any_sections_are_read_to_an_end(
            counts in prop::array::uniform4(0u16..4),
            rest in prop::collection::vec(prop_oneof![Just(0xc0u8), 0u8..64, any::<u8>()], 0..300),
        ) {
            let _ = read(&message(0, counts, &rest));
        }
    }
}
