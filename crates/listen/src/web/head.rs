//! The head of an HTTP/1 request: found in the stream, judged as strictly as the servers we look
//! like judge it (RFC 9112), or, where it is bad, read leniently for what can be searched.

use std::mem::MaybeUninit;

use lapwing_core::Timestamp;

use crate::limits::HEADER_COUNT;
use crate::web::framing::Framing;

/// Longest run of letters taken for a method before the line is refused.
const METHOD_BYTES: usize = 32;

/// Which HTTP was spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    Http10,
    Http11,
    Http2,
}

impl Version {
    /// As in `Observed::protocol`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Http10 => "http/1.0",
            Self::Http11 => "http/1.1",
            Self::Http2 => "http/2",
        }
    }
}

/// A request without its body.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) method: String,
    pub(crate) target: String,
    /// `Some` for HTTP/2, where it is a field of its own.
    pub(crate) authority: Option<String>,
    pub(crate) version: Version,
    /// Name and value, as sent, in order; without HTTP/2's pseudo-fields.
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) framing: Framing,
    /// The peer wants no further request on this connection.
    pub(crate) close: bool,
    /// The peer waits for a `100 Continue` before it sends the body.
    pub(crate) expect: bool,
    /// When its first byte was there.
    pub(crate) started: Timestamp,
}

impl Head {
    /// The first value of a header, as sent.
    pub(crate) fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_slice())
    }

    /// The host it names, as sent: an absolute target's, the authority, or the Host field.
    pub(crate) fn host(&self) -> String {
        if let Some(authority) = &self.authority {
            return authority.clone();
        }
        if let Some((scheme, rest)) = self.target.split_once("://")
            && !scheme.is_empty()
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())
        {
            return rest
                .split(['/', '?', '#'])
                .next()
                .unwrap_or(rest)
                .to_owned();
        }
        self.header("host")
            .map(|value| String::from_utf8_lossy(value).trim().to_owned())
            .unwrap_or_default()
    }
}

/// What makes a request one that no handler sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Not HTTP, or HTTP that servers refuse.
    Malformed,
    /// The request line alone is over the cap.
    TargetTooLong,
    /// The header is over the cap.
    HeaderTooLarge,
    /// A transfer coding other than chunked.
    UnknownCoding,
    /// The peer took too long.
    TooSlow,
    /// The peer went away before the end.
    Gone,
}

/// What the bytes so far are.
#[derive(Debug)]
pub(crate) enum Judged {
    /// Nothing to say yet.
    Partial,
    /// A good head, and how many bytes it takes.
    Whole(Box<Head>, usize),
    /// None that is answered by a handler.
    Bad(Fault),
}

/// Judges the start of a stream of requests. `scanned` is how far earlier calls came with the same
/// bytes; start with 0.
pub(crate) fn judge(bytes: &[u8], scanned: &mut usize, limit: usize) -> Judged {
    let blank = blank_lines(bytes);
    if blank == bytes.len() {
        return if blank > limit {
            Judged::Bad(Fault::Malformed)
        } else {
            Judged::Partial
        };
    }
    match end(bytes, blank, scanned) {
        Some(end) if end > limit => Judged::Bad(too_large(&bytes[blank..], limit)),
        Some(end) => match parse(&bytes[..end]) {
            Ok(head) => Judged::Whole(Box::new(head), end),
            Err(fault) => Judged::Bad(fault),
        },
        None if !plausible(&bytes[blank..]) => Judged::Bad(Fault::Malformed),
        None if bytes.len() >= limit => Judged::Bad(too_large(&bytes[blank..], limit)),
        None => Judged::Partial,
    }
}

/// How many bytes of line ends stand before a request line (RFC 9112, 2.2: to be ignored).
pub(crate) fn blank_lines(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take_while(|byte| matches!(byte, b'\r' | b'\n'))
        .count()
}

/// Where the head ends: behind the first empty line.
fn end(bytes: &[u8], blank: usize, scanned: &mut usize) -> Option<usize> {
    let mut at = (*scanned).max(blank);
    while let Some(found) = bytes[at..].iter().position(|byte| *byte == b'\n') {
        let line_end = at + found;
        match &bytes[line_end + 1..] {
            [b'\n', ..] => return Some(line_end + 2),
            [b'\r', b'\n', ..] => return Some(line_end + 3),
            // The next line has not shown its first bytes: look at this line end again.
            [] | [b'\r'] => {
                *scanned = line_end;
                return None;
            }
            _ => at = line_end + 1,
        }
    }
    *scanned = bytes.len();
    None
}

/// Whether an unfinished head may still become a good one, so that what is plainly not HTTP (a TLS
/// greeting, a PROXY header, another protocol) is answered at once instead of at the deadline.
fn plausible(bytes: &[u8]) -> bool {
    let line_end = bytes.iter().position(|byte| *byte == b'\n');
    let line = &bytes[..line_end.unwrap_or(bytes.len())];
    let method = line.iter().position(|byte| *byte == b' ');
    let name = &line[..method.unwrap_or(line.len())];
    if name.is_empty() || name.len() > METHOD_BYTES || !name.iter().all(|byte| is_token(*byte)) {
        return line_end.is_none() && name == b"\r";
    }
    if line_end.is_none() {
        return true;
    }
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    line.ends_with(b" HTTP/1.1") || line.ends_with(b" HTTP/1.0")
}

const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

fn too_large(bytes: &[u8], limit: usize) -> Fault {
    let line = &bytes[..bytes.len().min(limit)];
    if line.contains(&b'\n') {
        Fault::HeaderTooLarge
    } else {
        Fault::TargetTooLong
    }
}

/// Parses a whole head.
fn parse(bytes: &[u8]) -> Result<Head, Fault> {
    let mut fields = [MaybeUninit::uninit(); HEADER_COUNT];
    let mut request = httparse::Request::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_request_with_uninit_headers(
        &mut request,
        bytes,
        &mut fields,
    );
    match parsed {
        Ok(httparse::Status::Complete(length)) if length == bytes.len() => {}
        Err(httparse::Error::TooManyHeaders) => return Err(Fault::HeaderTooLarge),
        _ => return Err(Fault::Malformed),
    }
    let version = match request.version {
        Some(0) => Version::Http10,
        _ => Version::Http11,
    };
    let mut head = Head {
        method: request.method.unwrap_or_default().to_owned(),
        target: request.path.unwrap_or_default().to_owned(),
        authority: None,
        version,
        headers: request
            .headers
            .iter()
            .map(|field| (field.name.to_owned(), field.value.to_vec()))
            .collect(),
        framing: Framing::Length(0),
        close: version == Version::Http10,
        expect: false,
        started: Timestamp::from_micros(0),
    };
    read_fields(&mut head)?;
    Ok(head)
}

/// Takes from the fields what frames the message, and refuses what contradicts itself.
fn read_fields(head: &mut Head) -> Result<(), Fault> {
    let (mut length, mut chunked, mut hosts) = (None, false, 0);
    let (mut close, mut expect) = (head.close, false);
    for (name, value) in &head.headers {
        if name.eq_ignore_ascii_case("host") {
            hosts += 1;
            if value
                .iter()
                .any(|byte| matches!(byte, 0..=b' ' | 0x7f | b'/'))
            {
                return Err(Fault::Malformed);
            }
        } else if name.eq_ignore_ascii_case("content-length") {
            if length.replace(digits(value)?).is_some() {
                return Err(Fault::Malformed);
            }
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            if chunked || head.version == Version::Http10 {
                return Err(Fault::Malformed);
            }
            if !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Fault::UnknownCoding);
            }
            chunked = true;
        } else if name.eq_ignore_ascii_case("connection") {
            for word in value.split(|byte| *byte == b',') {
                let word = word.trim_ascii();
                if word.eq_ignore_ascii_case(b"close") {
                    close = true;
                } else if word.eq_ignore_ascii_case(b"keep-alive") {
                    close = false;
                }
            }
        } else if name.eq_ignore_ascii_case("expect") {
            expect = value.eq_ignore_ascii_case(b"100-continue");
        }
    }
    let needs_host = head.version == Version::Http11;
    if hosts > 1 || (needs_host && hosts == 0) || (chunked && length.is_some()) {
        return Err(Fault::Malformed);
    }
    head.framing = match length {
        _ if chunked => Framing::chunked(),
        length => Framing::Length(length.unwrap_or(0)),
    };
    head.close = close;
    head.expect = expect && needs_host;
    Ok(())
}

fn digits(value: &[u8]) -> Result<u64, Fault> {
    if value.is_empty() || value.len() > 18 || !value.iter().all(u8::is_ascii_digit) {
        return Err(Fault::Malformed);
    }
    Ok(value
        .iter()
        .fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

/// Reads what is not good HTTP for what it may hold: lines, words, names and values, and the rest
/// as a body. Whatever comes out is only ever searched.
pub(crate) fn lenient(bytes: &[u8]) -> (Head, Vec<u8>) {
    let mut rest = &bytes[blank_lines(bytes)..];
    let line = take_line(&mut rest).unwrap_or_default();
    let text = String::from_utf8_lossy(line);
    let mut words = text.splitn(2, ' ');
    let method = words.next().unwrap_or_default().to_owned();
    let tail = words.next().unwrap_or_default().trim();
    let (target, version) = match tail.rsplit_once(' ') {
        Some((target, version)) if version.starts_with("HTTP/") => (target.trim(), version),
        _ => (tail, ""),
    };
    let mut headers = Vec::new();
    while let Some(line) = take_line(&mut rest) {
        if line.is_empty() {
            break;
        }
        if headers.len() == 4 * HEADER_COUNT {
            continue;
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let (name, value) = line.split_at(colon.unwrap_or(0));
        let value = value.strip_prefix(b":").unwrap_or(value).trim_ascii();
        let name = String::from_utf8_lossy(name).trim().to_owned();
        headers.push((name, value.to_vec()));
    }
    let head = Head {
        method,
        target: target.to_owned(),
        authority: None,
        version: if version == "HTTP/1.0" {
            Version::Http10
        } else {
            Version::Http11
        },
        headers,
        framing: Framing::Length(0),
        close: true,
        expect: false,
        started: Timestamp::from_micros(0),
    };
    (head, rest.to_vec())
}

fn take_line<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    if rest.is_empty() {
        return None;
    }
    let end = rest.iter().position(|byte| *byte == b'\n');
    let (line, after) = match end {
        Some(end) => (&rest[..end], &rest[end + 1..]),
        None => (*rest, &rest[rest.len()..]),
    };
    *rest = after;
    Some(line.strip_suffix(b"\r").unwrap_or(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8]) -> Judged {
        judge(bytes, &mut 0, 1 << 10)
    }

    #[test]
    fn good_heads_keep_case_and_order() {
        let bytes = b"\r\nPOST /a?b HTTP/1.1\r\nHoSt: h\r\nX-b: 1\r\nx-A:  2 \r\nContent-Length: 3\r\n\r\nabc";
        let Judged::Whole(head, end) = check(bytes) else {
            panic!("not whole")
        };
        assert_eq!(end, bytes.len() - 3);
        let names: Vec<_> = head.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["HoSt", "X-b", "x-A", "Content-Length"]);
        assert_eq!(head.headers[2].1, b"2");
        assert_eq!(head.framing, Framing::Length(3));
        assert_eq!(head.host(), "h");
    }

    #[test]
    fn every_prefix_of_a_good_head_is_partial() {
        let bytes = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
        let mut scanned = 0;
        for end in 0..bytes.len() {
            let judged = judge(&bytes[..end], &mut scanned, 1 << 10);
            assert!(matches!(judged, Judged::Partial), "{end}: {judged:?}");
        }
        assert!(matches!(
            judge(bytes, &mut scanned, 1 << 10),
            Judged::Whole(..)
        ));
    }

    #[test]
    fn bad_heads_are_known_at_once() {
        for bytes in [
            &b"\x16\x03\x01\x02\x00\x01\x00"[..],
            b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
            b"GET /\r\n",
            b" GET / HTTP/1.1\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            b"GET / HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nx y: 1\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nx: \x00\r\n\r\n",
            b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nXX",
        ] {
            assert!(
                matches!(check(bytes), Judged::Bad(Fault::Malformed)),
                "{}: {:?}",
                bytes.escape_ascii(),
                check(bytes)
            );
        }
    }

    #[test]
    fn lenient_reading_finds_what_there_is() {
        let (head, body) = lenient(b"PoST  /a b\xff HTTP/1.1\nX : y\nnothing\r\n\r\nrest\n");
        assert_eq!(head.method, "PoST");
        assert_eq!(head.target, "/a b\u{fffd}");
        assert_eq!(head.headers[0], ("X".to_owned(), b"y".to_vec()));
        assert_eq!(head.headers[1], (String::new(), b"nothing".to_vec()));
        assert_eq!(body, b"rest\n");
        let _ = lenient(b"");
    }
}
