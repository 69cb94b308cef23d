//! Requests that no honest client sends. Each carries a beacon of its own.

use lapwing_tests::Beacon;

/// What may come of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// An error, or the connection ends without a word.
    Refused,
    /// That, or an answer as to any request.
    Either,
}

/// One of them.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) fate: Fate,
    pub(crate) bytes: fn(&Beacon) -> Vec<u8>,
}

const fn refused(name: &'static str, bytes: fn(&Beacon) -> Vec<u8>) -> Case {
    Case {
        name,
        fate: Fate::Refused,
        bytes,
    }
}

const fn either(name: &'static str, bytes: fn(&Beacon) -> Vec<u8>) -> Case {
    Case {
        name,
        fate: Fate::Either,
        bytes,
    }
}

/// A GET with more header lines.
fn get(beacon: &Beacon, lines: &[u8]) -> Vec<u8> {
    let Beacon { host, target, .. } = beacon;
    let start = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n");
    [start.as_bytes(), lines, b"\r\n\r\n"].concat()
}

/// A POST with more header lines and a body.
fn post(beacon: &Beacon, lines: &str, body: &[u8]) -> Vec<u8> {
    let Beacon { host, target, .. } = beacon;
    let head = format!("POST {target} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

fn chunked(beacon: &Beacon, body: &[u8]) -> Vec<u8> {
    post(beacon, "Transfer-Encoding: chunked", body)
}

/// A first line of one's own.
fn line(beacon: &Beacon, line: &[u8]) -> Vec<u8> {
    let host = format!("\r\nHost: {}\r\n\r\n", beacon.host);
    [line, host.as_bytes()].concat()
}

/// The station is to be run with `listen.header_bytes` 16384 and `listen.body_bytes` 65536.
pub(crate) const OVERSIZED: &[Case] = &[
    refused("a header field of 20 kB", |b| {
        get(b, format!("X-Long: {}", "a".repeat(20_000)).as_bytes())
    }),
    refused("a header that never ends", |b| {
        let whole = get(b, format!("X-Long: {}", "a".repeat(1 << 20)).as_bytes());
        whole[..whole.len() - 4].to_vec()
    }),
    refused("300 header fields", |b| {
        get(b, "X-Many: 1\r\n".repeat(300).trim_end().as_bytes())
    }),
    refused("a target of 20 kB", |b| {
        line(
            b,
            format!("GET {}?{} HTTP/1.1", b.target, "a".repeat(20_000)).as_bytes(),
        )
    }),
    either("a method of 2 kB", |b| {
        line(
            b,
            format!("{} {} HTTP/1.1", "A".repeat(2_000), b.target).as_bytes(),
        )
    }),
    refused("a body over the cap", |b| {
        post(b, "Content-Length: 200000", &vec![b'a'; 200_000])
    }),
    refused("a chunked body over the cap", |b| {
        chunked(
            b,
            &[&b"1000\r\n"[..], &vec![b'a'; 4096], b"\r\n"]
                .concat()
                .repeat(40),
        )
    }),
    refused("one chunk of 16 exabytes", |b| {
        chunked(b, b"FFFFFFFFFFFFFFFF\r\naaaa")
    }),
    refused("a length of 2^64 - 1", |b| {
        post(b, "Content-Length: 18446744073709551615", b"aaaa")
    }),
    refused("a length past 2^64", |b| {
        post(b, "Content-Length: 99999999999999999999999", b"aaaa")
    }),
    refused("a chunk extension without end", |b| {
        chunked(
            b,
            &[&b"4;x="[..], &vec![b'a'; 200_000], b"\r\naaaa\r\n0\r\n\r\n"].concat(),
        )
    }),
    refused("trailers without end", |b| {
        chunked(
            b,
            format!(
                "0\r\n{}\r\n",
                "X-Trailer: aaaaaaaaaaaaaaaa\r\n".repeat(10_000)
            )
            .as_bytes(),
        )
    }),
];

/// Bad framing, bad lines, bytes that are no text.
pub(crate) const MALFORMED: &[Case] = &[
    refused("a chunk size that is no number", |b| {
        chunked(b, b"zz\r\naaaa\r\n0\r\n\r\n")
    }),
    refused("a negative chunk size", |b| {
        chunked(b, b"-4\r\naaaa\r\n0\r\n\r\n")
    }),
    refused("a chunk size in C's words", |b| {
        chunked(b, b"0x4\r\naaaa\r\n0\r\n\r\n")
    }),
    refused("a chunk size of 17 digits", |b| {
        chunked(b, b"FFFFFFFFFFFFFFFFF\r\naaaa\r\n0\r\n\r\n")
    }),
    refused("a chunk longer than it says", |b| {
        chunked(b, b"4\r\naaaaaaaa\r\n0\r\n\r\n")
    }),
    refused("chunks that break off", |b| chunked(b, b"4\r\naa")),
    refused("no last chunk", |b| chunked(b, b"4\r\naaaa\r\n")),
    refused("a negative length", |b| {
        post(b, "Content-Length: -4", b"aaaa")
    }),
    refused("a length with a sign", |b| {
        post(b, "Content-Length: +4", b"aaaa")
    }),
    refused("two lengths", |b| {
        post(b, "Content-Length: 4\r\nContent-Length: 5", b"aaaaa")
    }),
    refused("a list of lengths", |b| {
        post(b, "Content-Length: 4, 5", b"aaaaa")
    }),
    refused("a body that breaks off", |b| {
        post(b, "Content-Length: 40", b"aaaa")
    }),
    refused("an unknown coding", |b| {
        post(b, "Transfer-Encoding: xchunked", b"0\r\n\r\n")
    }),
    refused("a coding after chunked", |b| {
        post(b, "Transfer-Encoding: chunked, gzip", b"0\r\n\r\n")
    }),
    either("length and chunks", |b| {
        post(
            b,
            "Content-Length: 4\r\nTransfer-Encoding: chunked",
            b"0\r\n\r\n",
        )
    }),
    refused("a blank in a header's name", |b| get(b, b"X Name: 1")),
    refused("a blank before the colon", |b| get(b, b"X-Name : 1")),
    either("a folded header", |b| get(b, b"X-Name: 1\r\n folded")),
    refused("a header without colon", |b| get(b, b"X-Name")),
    refused("a header without name", |b| get(b, b": 1")),
    refused("NUL in a header", |b| get(b, b"X-Name: a\0b")),
    refused("a bare CR in a header", |b| get(b, b"X-Name: a\rb")),
    refused("an escape in a header", |b| get(b, b"X-Name: \x1b[31m")),
    refused("NUL in a header's name", |b| get(b, b"X\0Name: 1")),
    either("bytes that are no UTF-8 in a header", |b| {
        get(b, b"X-Name: \xff\xfe\xc3\x28")
    }),
    either("bytes that are no UTF-8 in the target", |b| {
        line(
            b,
            &[b"GET ", b.target.as_bytes(), b"?\xff\xfe\xc3\x28 HTTP/1.1"].concat(),
        )
    }),
    refused("NUL in the target", |b| {
        line(b, &[b"GET ", b.target.as_bytes(), b"?\0 HTTP/1.1"].concat())
    }),
    either("a target with blanks", |b| {
        line(b, format!("GET {} a b HTTP/1.1", b.target).as_bytes())
    }),
    refused("HTTP/9.9", |b| {
        line(b, format!("GET {} HTTP/9.9", b.target).as_bytes())
    }),
    refused("http/1.1 in lower case", |b| {
        line(b, format!("GET {} http/1.1", b.target).as_bytes())
    }),
    refused("no version", |b| {
        line(b, format!("GET {}", b.target).as_bytes())
    }),
    refused("a method with an escape", |b| {
        line(b, format!("G\x1bT {} HTTP/1.1", b.target).as_bytes())
    }),
    either("lines ended by LF alone", |b| {
        format!("GET {} HTTP/1.1\nHost: {}\n\n", b.target, b.host).into_bytes()
    }),
    either("no Host", |b| {
        format!("GET {} HTTP/1.1\r\n\r\n", b.target).into_bytes()
    }),
    either("two Hosts", |b| get(b, b"Host: other.example.org")),
    either("a head that breaks off", |b| {
        format!("GET {} HTTP/1.1\r\nHost: {}\r\nX-Na", b.target, b.host).into_bytes()
    }),
    either("CONNECT", |b| {
        line(b, format!("CONNECT {}:443 HTTP/1.1", b.segment).as_bytes())
    }),
    either("an absolute target", |b| {
        line(
            b,
            format!("GET http://{}{} HTTP/1.1", b.host, b.target).as_bytes(),
        )
    }),
    either("dots in the path", |b| {
        line(
            b,
            format!("GET /../../etc/passwd/..{} HTTP/1.1", b.target).as_bytes(),
        )
    }),
    either("a hundred requests in one piece", |b| {
        get(b, b"X-Name: 1").repeat(100)
    }),
];
