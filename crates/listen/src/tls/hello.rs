//! The ClientHello as far as fingerprints need it (RFC 8446, 4.1.2; RFC 5246, 7.4.1.2), read beside rustls,
//! which tells neither the order of extensions nor those it does not know.

/// Longest ClientHello taken, with its record headers.
pub(crate) const LONGEST: usize = 24 << 10;

const SERVER_NAME: u16 = 0;
const GROUPS: u16 = 10;
const POINT_FORMATS: u16 = 11;
const SIGNATURE_ALGORITHMS: u16 = 13;
const ALPN: u16 = 16;
const PADDING: u16 = 21;
const PRE_SHARED_KEY: u16 = 41;
const EARLY_DATA: u16 = 42;
const SUPPORTED_VERSIONS: u16 = 43;

/// What comes of looking for the first handshake message in records.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Records {
    /// The message, with its header, and where in the records it ends.
    Whole(Vec<u8>, usize),
    /// More is needed.
    Partial,
    /// It is no ClientHello.
    None,
}

/// Takes the first handshake message out of its records: it may lie in several (RFC 8446, 5.1).
pub(crate) fn first_message(bytes: &[u8]) -> Records {
    let (mut at, mut message) = (0, Vec::new());
    loop {
        let Some(header) = bytes.get(at..at + 5) else {
            return Records::Partial;
        };
        if header[0] != 0x16 {
            return Records::None;
        }
        let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
        let Some(part) = bytes.get(at + 5..at + 5 + length) else {
            return Records::Partial;
        };
        message.extend_from_slice(part);
        at += 5 + length;
        if let [kind, high, middle, low, ..] = message[..] {
            let length = u32::from_be_bytes([0, high, middle, low]) as usize;
            if kind != 1 || length > LONGEST {
                return Records::None;
            }
            if message.len() >= 4 + length {
                message.truncate(4 + length);
                return Records::Whole(message, at);
            }
        } else if length == 0 {
            return Records::None;
        }
    }
}

/// A ClientHello. Values are in the order in which they were sent, GREASE (RFC 8701) included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hello {
    /// `legacy_version`.
    pub(crate) version: u16,
    pub(crate) ciphers: Vec<u16>,
    /// Types of the extensions.
    pub(crate) extensions: Vec<u16>,
    pub(crate) groups: Vec<u16>,
    pub(crate) point_formats: Vec<u8>,
    pub(crate) signature_algorithms: Vec<u16>,
    /// `supported_versions`.
    pub(crate) versions: Vec<u16>,
    /// What the client would like to speak.
    pub(crate) protocols: Vec<Vec<u8>>,
    /// The host it asks for.
    pub(crate) server_name: Option<Vec<u8>>,
}

impl Hello {
    /// Reads a message with its header. `None` if it is not one from end to end; an extension whose content
    /// is bad counts as sent and empty.
    pub(crate) fn parse(message: &[u8]) -> Option<Self> {
        let (header, body) = message.split_at_checked(4)?;
        let length = u32::from_be_bytes([0, header[1], header[2], header[3]]);
        if header[0] != 1 || length as usize != body.len() {
            return None;
        }
        let mut message = Cursor(body);
        let mut hello = Self {
            version: message.number()?,
            ..Self::default()
        };
        message.take(32)?;
        message.short_block()?;
        hello.ciphers = numbers(message.block()?)?;
        message.short_block()?;
        if message.0.is_empty() {
            return Some(hello);
        }
        let mut extensions = Cursor(message.block()?);
        while !extensions.0.is_empty() {
            let kind = extensions.number()?;
            let content = extensions.block()?;
            hello.extensions.push(kind);
            hello.extension(kind, content);
        }
        message.0.is_empty().then_some(hello)
    }

    fn extension(&mut self, kind: u16, content: &[u8]) {
        let mut content = Cursor(content);
        match kind {
            SERVER_NAME => self.server_name = server_name(content),
            GROUPS => self.groups = content.block().and_then(numbers).unwrap_or_default(),
            POINT_FORMATS => {
                self.point_formats = content.short_block().unwrap_or_default().to_vec();
            }
            SIGNATURE_ALGORITHMS => {
                self.signature_algorithms = content.block().and_then(numbers).unwrap_or_default();
            }
            SUPPORTED_VERSIONS => {
                self.versions = content.short_block().and_then(numbers).unwrap_or_default();
            }
            ALPN => {
                let mut names = Cursor(content.block().unwrap_or_default());
                while let Some(name) = names.short_block() {
                    self.protocols.push(name.to_vec());
                }
            }
            _ => {}
        }
    }

    /// Whether it names a host.
    pub(crate) fn names_host(&self) -> bool {
        self.extensions.contains(&SERVER_NAME)
    }

    /// The same without what comes and goes between connections of one program: the name, padding, and
    /// what resumes a session.
    pub(crate) fn lasting(mut self) -> Self {
        let passing = [SERVER_NAME, PADDING, PRE_SHARED_KEY, EARLY_DATA];
        self.extensions.retain(|kind| !passing.contains(kind));
        self
    }
}

/// The first host name of a list of names (RFC 6066, 3).
fn server_name(mut content: Cursor<'_>) -> Option<Vec<u8>> {
    let mut list = Cursor(content.block()?);
    while let [kind, ..] = *list.take(1)? {
        let name = list.block()?;
        if kind == 0 {
            return Some(name.to_vec());
        }
    }
    None
}

fn numbers(bytes: &[u8]) -> Option<Vec<u16>> {
    let pairs = bytes.chunks_exact(2);
    let whole = pairs.remainder().is_empty();
    whole.then(|| {
        pairs
            .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
            .collect()
    })
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u16> {
        let bytes = self.take(2)?;
        Some(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// What a length of two bytes stands before.
    fn block(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.take(usize::from(length))
    }

    /// What a length of one byte stands before.
    fn short_block(&mut self) -> Option<&'a [u8]> {
        let length = self.take(1)?[0];
        self.take(usize::from(length))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_hello_may_come_in_several_records() {
        let whole = [
            &[0x16, 3, 1, 0, 3, 1, 0, 0][..],
            &[0x16, 3, 1, 0, 4, 3, 9, 9, 9],
        ]
        .concat();
        for end in 0..whole.len() {
            assert_eq!(first_message(&whole[..end]), Records::Partial, "{end}");
        }
        let more = [&whole[..], b"more"].concat();
        let message = vec![1, 0, 0, 3, 9, 9, 9];
        assert_eq!(first_message(&more), Records::Whole(message, 17));
        assert_eq!(first_message(b"GET / HTTP/1.1"), Records::None);
        assert_eq!(first_message(&[0x16, 3, 1, 0, 0]), Records::None);
    }

    /// A message with these extensions, each with its content.
    fn message(ciphers: &[u16], extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
        let block = |bytes: Vec<u8>| [&(bytes.len() as u16).to_be_bytes()[..], &bytes].concat();
        let ciphers = ciphers.iter().flat_map(|it| it.to_be_bytes()).collect();
        let extensions = extensions
            .iter()
            .flat_map(|(kind, content)| {
                [kind.to_be_bytes().to_vec(), block(content.clone())].concat()
            })
            .collect();
        let body = [
            vec![3, 3],
            vec![7; 32],
            vec![0],
            block(ciphers),
            vec![1, 0],
            block(extensions),
        ]
        .concat();
        let length = (body.len() as u32).to_be_bytes();
        [&[1], &length[1..], &body].concat()
    }

    #[test]
    fn reads_what_was_sent_in_its_order() {
        let name = b"\0\x0b\0\0\x08bait.org".to_vec();
        let protocols = b"\0\x0c\x02h2\x08http/1.1".to_vec();
        let sent = message(
            &[0x1301, 0x0a0a],
            &[
                (16, protocols),
                (0, name),
                (10, vec![0, 2, 0, 29]),
                (13, vec![9]),
            ],
        );
        let hello = Hello::parse(&sent).expect("a good one");
        assert_eq!(hello.version, 0x0303);
        assert_eq!(hello.ciphers, [0x1301, 0x0a0a]);
        assert_eq!(hello.extensions, [16, 0, 10, 13]);
        assert_eq!(hello.groups, [29]);
        assert!(hello.signature_algorithms.is_empty());
        assert_eq!(hello.protocols, [&b"h2"[..], b"http/1.1"]);
        assert_eq!(hello.server_name.as_deref(), Some(&b"bait.org"[..]));
        assert_eq!(hello.lasting().extensions, [16, 10, 13]);
        for end in 0..sent.len() {
            assert_eq!(Hello::parse(&sent[..end]), None, "{end}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_no_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..600),
            extensions in prop::collection::vec(
                (0_u16..48, prop::collection::vec(any::<u8>(), 0..40)), 0..12),
        ) {
            let _ = first_message(&bytes);
            let _ = first_message(&[&[0x16, 3, 1, 0, 200, 1, 0, 0], &bytes[..]].concat());
            let _ = Hello::parse(&bytes);
            let sent = message(&[0x1301], &extensions);
            let hello = Hello::parse(&sent).expect("it is whole");
            prop_assert_eq!(hello.extensions.len(), extensions.len());
            let _ = super::super::prints::signals(&hello);
        }
    }
}
