//! Writing an answer: sections, names compressed (RFC 1035 section 4.1.4), EDNS, and no byte more than the
//! client takes.

use std::net::IpAddr;

use super::query::{Edns, HEADER, Header, Query, code};

/// What we take and send over UDP at most: fragments get lost, and forged (DNS flag day 2020).
pub(super) const UDP_SIZE: u16 = 1232;

/// Response codes (RFC 1035 section 4.1.1, RFC 2136, RFC 6891).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Code {
    #[default]
    NoError = 0,
    FormErr = 1,
    NxDomain = 3,
    NotImp = 4,
    Refused = 5,
    NotAuth = 9,
    BadVers = 16,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Data {
    Address(IpAddr),
    Ns(String),
    Soa(Box<Soa>),
    Mx(u16, String),
    Txt(String),
    /// `issue`, and who may.
    Caa(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Soa {
    pub(super) server: String,
    /// The mailbox, its `@` written as a dot.
    pub(super) contact: String,
    pub(super) serial: u32,
    pub(super) refresh: u32,
    pub(super) retry: u32,
    pub(super) expire: u32,
    /// How long a negative answer is kept (RFC 2308).
    pub(super) minimum: u32,
}

impl Data {
    pub(super) const fn kind(&self) -> u16 {
        match self {
            Self::Address(IpAddr::V4(_)) => code::A,
            Self::Address(IpAddr::V6(_)) => code::AAAA,
            Self::Ns(_) => code::NS,
            Self::Soa(_) => code::SOA,
            Self::Mx(..) => code::MX,
            Self::Txt(_) => code::TXT,
            Self::Caa(_) => code::CAA,
        }
    }
}

/// A record of a section; its owner in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) owner: String,
    pub(super) class: u16,
    pub(super) ttl: u32,
    pub(super) data: Data,
}

/// An answer in its parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) code: Code,
    /// Whether we are the authority for it.
    pub(super) authoritative: bool,
    pub(super) answers: Vec<Record>,
    pub(super) authority: Vec<Record>,
    pub(super) additional: Vec<Record>,
    /// Why, for who can read it (RFC 8914).
    pub(super) extended: Option<u16>,
}

impl Answer {
    pub(super) fn of(code: Code) -> Self {
        Self {
            code,
            ..Self::default()
        }
    }
}

/// What goes with every answer to a query.
pub(super) struct Manner<'a> {
    /// The message that is answered.
    pub(super) bytes: &'a [u8],
    /// Longest answer, in bytes.
    pub(super) limit: usize,
    /// Our part of a cookie.
    pub(super) cookie: Option<[u8; 16]>,
}

/// Says that a message does not parse.
pub(super) fn malformed(header: Header) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER);
    head(&mut out, header, &Answer::of(Code::FormErr), [0; 4], false);
    out
}

/// Writes an answer to `query`. What does not fit is left out whole, and the client told so.
pub(super) fn write(query: &Query, answer: &Answer, manner: &Manner<'_>) -> Vec<u8> {
    let whole = attempt(query, answer, manner, false);
    if whole.len() <= manner.limit {
        return whole;
    }
    attempt(query, answer, manner, true)
}

fn attempt(query: &Query, answer: &Answer, manner: &Manner<'_>, cut: bool) -> Vec<u8> {
    let mut out = Writer {
        bytes: Vec::with_capacity(256),
        names: Vec::with_capacity(8),
    };
    // Whoever asks something that is no query gets no question back, as there is none.
    let question = query.question.as_ref().filter(|_| query.questions == 1);
    let question = question.filter(|_| matches!(query.header.opcode, 0 | 4 | 5));
    let sections: [&[Record]; 3] = if cut {
        [&[], &[], &[]]
    } else {
        [&answer.answers, &answer.authority, &answer.additional]
    };
    let count = |records: &[Record]| u16::try_from(records.len()).unwrap_or(u16::MAX);
    let counts = [
        u16::from(question.is_some()),
        count(sections[0]),
        count(sections[1]),
        count(sections[2]) + u16::from(query.edns.is_some()),
    ];
    head(&mut out.bytes, query.header, answer, counts, cut);
    if let Some(question) = question {
        // Byte for byte: a resolver looks for the case it wrote.
        let (name, start) = (question.name(), out.bytes.len());
        match manner.bytes.get(question.bytes.clone()) {
            Some(bytes) if question.bytes.len() == wire_length(&question.labels) + 4 => {
                out.bytes.extend_from_slice(bytes);
                out.remember(&name, start);
            }
            // It was written with a pointer, which would lead elsewhere here.
            _ => {
                out.labels(&question.labels);
                out.remember(&name, start);
                out.short(question.kind);
                out.short(question.class);
            }
        }
    }
    for records in sections {
        records.iter().for_each(|record| out.record(record));
    }
    if let Some(edns) = &query.edns {
        out.edns(edns, answer, manner);
    }
    out.bytes
}

fn wire_length(labels: &[Vec<u8>]) -> usize {
    labels.iter().map(|label| label.len() + 1).sum::<usize>() + 1
}

fn head(out: &mut Vec<u8>, header: Header, answer: &Answer, counts: [u16; 4], cut: bool) {
    let bit = |set: bool, place: u16| u16::from(set) << place;
    // Recursion desired is given back by queries alone.
    let rd = header.rd && header.opcode == 0;
    let flags = bit(true, 15)
        | u16::from(header.opcode) << 11
        | bit(answer.authoritative, 10)
        | bit(cut, 9)
        | bit(rd, 8)
        | bit(header.cd && header.opcode == 0, 4)
        | answer.code as u16 & 15;
    out.extend(header.id.to_be_bytes());
    out.extend(flags.to_be_bytes());
    out.extend(counts.iter().flat_map(|count| count.to_be_bytes()));
}

struct Writer {
    bytes: Vec<u8>,
    /// Names written so far, lower case, and where.
    names: Vec<(String, u16)>,
}

impl Writer {
    fn short(&mut self, value: u16) {
        self.bytes.extend(value.to_be_bytes());
    }

    fn long(&mut self, value: u32) {
        self.bytes.extend(value.to_be_bytes());
    }

    /// Notes that `name` and all it ends with stand from `start` on. A name that had to be escaped is noted whole
    /// only, as its text is longer than its labels.
    fn remember(&mut self, name: &str, start: usize) {
        let mut at = start;
        let mut rest = name;
        while !rest.is_empty() {
            let Ok(place) = u16::try_from(at) else { return };
            if place >= 0x4000 {
                return;
            }
            if !self.names.iter().any(|(known, _)| known == rest) {
                self.names.push((rest.to_owned(), place));
            }
            if rest.contains('\\') {
                return;
            }
            let length = rest.find('.').unwrap_or(rest.len());
            at += length + 1;
            rest = rest.get(length + 1..).unwrap_or_default();
        }
    }

    fn labels(&mut self, labels: &[Vec<u8>]) {
        for label in labels {
            self.bytes.push(u8::try_from(label.len()).unwrap_or(63));
            self.bytes.extend_from_slice(label);
        }
        self.bytes.push(0);
    }

    /// A name of ours, as short as can be.
    fn name(&mut self, name: &str) {
        let start = self.bytes.len();
        let mut rest = name;
        while !rest.is_empty() {
            if let Some((_, place)) = self.names.iter().find(|(known, _)| known == rest) {
                self.bytes.extend((0xc000 | place).to_be_bytes());
                self.remember(name, start);
                return;
            }
            let (label, more) = rest.split_once('.').unwrap_or((rest, ""));
            self.bytes.push(u8::try_from(label.len()).unwrap_or(63));
            self.bytes.extend_from_slice(label.as_bytes());
            rest = more;
        }
        self.bytes.push(0);
        self.remember(name, start);
    }

    fn record(&mut self, record: &Record) {
        self.name(&record.owner);
        self.short(record.data.kind());
        self.short(record.class);
        self.long(record.ttl);
        let length = self.bytes.len();
        self.short(0);
        self.data(&record.data);
        let size = u16::try_from(self.bytes.len() - length - 2).unwrap_or(u16::MAX);
        self.bytes[length..length + 2].copy_from_slice(&size.to_be_bytes());
    }

    fn data(&mut self, data: &Data) {
        match data {
            Data::Address(IpAddr::V4(address)) => self.bytes.extend(address.octets()),
            Data::Address(IpAddr::V6(address)) => self.bytes.extend(address.octets()),
            Data::Ns(name) => self.name(name),
            Data::Mx(preference, name) => {
                self.short(*preference);
                self.name(name);
            }
            Data::Soa(soa) => {
                self.name(&soa.server);
                self.name(&soa.contact);
                for value in [soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum] {
                    self.long(value);
                }
            }
            Data::Txt(text) => {
                // Strings of 255 bytes at most, one after the other (RFC 7208 section 3.3).
                let mut pieces = text.as_bytes().chunks(255).peekable();
                if pieces.peek().is_none() {
                    self.bytes.push(0);
                }
                for piece in pieces {
                    self.bytes.push(u8::try_from(piece.len()).unwrap_or(255));
                    self.bytes.extend_from_slice(piece);
                }
            }
            // RFC 8659 section 4.1: flags, tag, value.
            Data::Caa(issuer) => {
                self.bytes.extend_from_slice(b"\0\x05issue");
                self.bytes.extend_from_slice(issuer.as_bytes());
            }
        }
    }

    fn edns(&mut self, edns: &Edns, answer: &Answer, manner: &Manner<'_>) {
        self.bytes.push(0);
        self.short(code::OPT);
        self.short(UDP_SIZE);
        self.bytes.push((answer.code as u16 >> 4) as u8);
        self.bytes.push(0);
        self.short(u16::from(edns.dnssec) << 15);
        let length = self.bytes.len();
        self.short(0);
        if let (Some(theirs), Some(ours)) = (&edns.cookie, &manner.cookie) {
            self.short(code::COOKIE);
            self.short(24);
            self.bytes.extend_from_slice(&theirs[..8.min(theirs.len())]);
            self.bytes.extend_from_slice(ours);
        }
        if let Some(subnet) = &edns.subnet {
            self.short(code::SUBNET);
            self.short(u16::try_from(subnet.data.len()).unwrap_or_default());
            self.bytes.extend_from_slice(&subnet.data);
        }
        if let Some(why) = answer.extended {
            self.short(15);
            self.short(2);
            self.short(why);
        }
        let size = u16::try_from(self.bytes.len() - length - 2).unwrap_or_default();
        self.bytes[length..length + 2].copy_from_slice(&size.to_be_bytes());
    }
}
