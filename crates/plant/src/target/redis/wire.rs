//! RESP2, the protocol of Redis (redis.io, "Redis serialization protocol specification"), as a client of
//! few words speaks it. What the server sends is not trusted: every reply is bounded in bytes, elements,
//! depth and time.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use lapwing_core::text::escape_short;

use crate::table::address::Said;

/// How long the server may take to accept the connection.
const CONNECT: Duration = Duration::from_secs(5);
/// How long it may be silent, and how long one reply may take in all.
const SILENCE: Duration = Duration::from_secs(10);
const WHOLE: Duration = Duration::from_secs(60);
/// Longest line, without its end.
const LINE: u64 = 16 << 10;
/// Longest string that is kept, and longest that is read past: what the protocol allows.
const KEPT: u64 = 1 << 20;
const LONGEST: u64 = 512 << 20;
/// Elements of one reply, those of lists within lists counted.
const ELEMENTS: usize = 1 << 20;
/// Bytes of one reply that are kept.
const BYTES: u64 = 64 << 20;
const DEPTH: usize = 8;
/// Commands that are sent before their replies are read.
const PIPELINE: usize = 64;

/// What the server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Status(String),
    Error(String),
    Integer(i64),
    Bulk(Vec<u8>),
    /// A string too long to be kept, by its length.
    Long(u64),
    Nil,
    List(Vec<Reply>),
}

impl Reply {
    /// Its text, if it is one.
    pub(super) fn text(self) -> Option<String> {
        match self {
            Self::Status(text) => Some(text),
            Self::Bulk(bytes) => String::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    pub(super) const fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn list(self) -> Option<Vec<Self>> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }
}

/// What is left of the bounds of one reply.
struct Budget {
    elements: usize,
    bytes: u64,
}

fn malformed(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Reads one reply.
fn reply(from: &mut impl BufRead) -> io::Result<Reply> {
    let mut budget = Budget {
        elements: ELEMENTS,
        bytes: BYTES,
    };
    element(from, &mut budget, 0)
}

fn element(from: &mut impl BufRead, budget: &mut Budget, depth: usize) -> io::Result<Reply> {
    budget.elements = budget
        .elements
        .checked_sub(1)
        .ok_or_else(|| malformed("the reply has too many elements"))?;
    let line = line(from)?;
    let (sort, rest) = line
        .split_first()
        .ok_or_else(|| malformed("a line is empty where a reply should be"))?;
    let said = || escape_short(rest, 400);
    match sort {
        b'+' => Ok(Reply::Status(String::from_utf8_lossy(rest).into_owned())),
        b'-' => Ok(Reply::Error(said())),
        b':' => Ok(Reply::Integer(number(rest)?)),
        b'$' => match u64::try_from(number(rest)?) {
            Ok(length) => bulk(from, budget, length),
            Err(_) => Ok(Reply::Nil),
        },
        b'*' => match usize::try_from(number(rest)?) {
            Ok(count) => list(from, budget, count, depth),
            Err(_) => Ok(Reply::Nil),
        },
        _ => Err(malformed("it does not speak the protocol of Redis")),
    }
}

fn bulk(from: &mut impl BufRead, budget: &mut Budget, length: u64) -> io::Result<Reply> {
    if length > LONGEST {
        return Err(malformed("a string is longer than the protocol allows"));
    }
    if length > KEPT {
        let past = io::copy(&mut from.take(length), &mut io::sink())?;
        if past != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        end(from)?;
        return Ok(Reply::Long(length));
    }
    budget.bytes = budget
        .bytes
        .checked_sub(length)
        .ok_or_else(|| malformed("the reply is too long"))?;
    let mut bytes = vec![0; usize::try_from(length).map_err(|_| malformed("too long"))?];
    from.read_exact(&mut bytes)?;
    end(from)?;
    Ok(Reply::Bulk(bytes))
}

fn list(
    from: &mut impl BufRead,
    budget: &mut Budget,
    count: usize,
    depth: usize,
) -> io::Result<Reply> {
    if depth >= DEPTH {
        return Err(malformed("the reply is nested too deeply"));
    }
    if count > budget.elements {
        return Err(malformed("the reply has too many elements"));
    }
    let mut items = Vec::with_capacity(count.min(1024));
    for _ in 0..count {
        items.push(element(from, budget, depth + 1)?);
    }
    Ok(Reply::List(items))
}

/// A line without its end.
fn line(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    from.take(LINE + 2).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    if line.ends_with(b"\r\n") {
        line.truncate(line.len() - 2);
        return Ok(line);
    }
    Err(malformed("a line does not end"))
}

fn end(from: &mut impl BufRead) -> io::Result<()> {
    let mut end = [0; 2];
    from.read_exact(&mut end)?;
    if end == *b"\r\n" {
        Ok(())
    } else {
        Err(malformed("a string does not end where it should"))
    }
}

fn number(bytes: &[u8]) -> io::Result<i64> {
    let text = std::str::from_utf8(bytes).ok();
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| malformed("a number was expected"))
}

/// A command as it is sent.
fn written(words: &[&str], to: &mut Vec<u8>) {
    to.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        to.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        to.extend_from_slice(word.as_bytes());
        to.extend_from_slice(b"\r\n");
    }
}

/// Where a server listens.
pub(super) enum Door<'a> {
    Socket(&'a Path),
    Port(&'a [SocketAddr]),
}

enum Stream {
    Socket(UnixStream),
    Port(TcpStream),
}

/// A stream that is given up at a moment, however slowly it trickles.
struct Patient {
    stream: Stream,
    until: Instant,
}

impl Read for Patient {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if Instant::now() > self.until {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match &mut self.stream {
            Stream::Socket(stream) => stream.read(buffer),
            Stream::Port(stream) => stream.read(buffer),
        }
    }
}

/// A connection.
pub(super) struct Client {
    from: BufReader<Patient>,
}

/// An error as the operator reads it.
fn said(error: &io::Error) -> Said {
    Said(match error.kind() {
        io::ErrorKind::UnexpectedEof => "the server closed the connection".to_owned(),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
            "the server does not answer".to_owned()
        }
        _ => error.to_string(),
    })
}

impl Client {
    pub(super) fn connect(door: &Door<'_>) -> Result<Self, Said> {
        let stream = Self::open(door).map_err(|error| said(&error))?;
        let until = Instant::now() + WHOLE;
        Ok(Self {
            from: BufReader::new(Patient { stream, until }),
        })
    }

    fn open(door: &Door<'_>) -> io::Result<Stream> {
        match door {
            Door::Socket(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(SILENCE))?;
                stream.set_write_timeout(Some(SILENCE))?;
                Ok(Stream::Socket(stream))
            }
            Door::Port(addresses) => {
                let mut failed = io::Error::from(io::ErrorKind::AddrNotAvailable);
                for address in *addresses {
                    match TcpStream::connect_timeout(address, CONNECT) {
                        Ok(stream) => {
                            stream.set_read_timeout(Some(SILENCE))?;
                            stream.set_write_timeout(Some(SILENCE))?;
                            stream.set_nodelay(true)?;
                            return Ok(Stream::Port(stream));
                        }
                        Err(error) => failed = error,
                    }
                }
                Err(failed)
            }
        }
    }

    /// Sends a command and reads its reply.
    pub(super) fn ask(&mut self, words: &[&str]) -> Result<Reply, Said> {
        let mut bytes = Vec::new();
        written(words, &mut bytes);
        self.send(&bytes)
            .and_then(|()| self.receive())
            .map_err(|error| said(&error))
    }

    /// Sends commands, several before their replies are read, and gives the replies in order.
    pub(super) fn ask_all(&mut self, commands: &[Vec<&str>]) -> Result<Vec<Reply>, Said> {
        let mut replies = Vec::with_capacity(commands.len());
        for some in commands.chunks(PIPELINE) {
            let mut bytes = Vec::new();
            for words in some {
                written(words, &mut bytes);
            }
            self.send(&bytes).map_err(|error| said(&error))?;
            for _ in some {
                replies.push(self.receive().map_err(|error| said(&error))?);
            }
        }
        Ok(replies)
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.from.get_mut().stream {
            Stream::Socket(stream) => stream.write_all(bytes),
            Stream::Port(stream) => stream.write_all(bytes),
        }
    }

    fn receive(&mut self) -> io::Result<Reply> {
        self.from.get_mut().until = Instant::now() + WHOLE;
        reply(&mut self.from)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> io::Result<Reply> {
        reply(&mut io::Cursor::new(bytes))
    }

    #[test]
    fn replies_of_every_sort() {
        let bytes = b"*6\r\n+OK\r\n-ERR no\r\n:-7\r\n$3\r\na\r\n\r\n$-1\r\n*-1\r\n";
        let text = |text: &str| text.to_owned();
        assert_eq!(
            read(bytes).expect("read"),
            Reply::List(vec![
                Reply::Status(text("OK")),
                Reply::Error(text("ERR no")),
                Reply::Integer(-7),
                Reply::Bulk(b"a\r\n".to_vec()),
                Reply::Nil,
                Reply::Nil,
            ])
        );
        assert_eq!(
            read(b"-\x1b[31m\r\n").expect("read"),
            Reply::Error(text("\\x1b[31m"))
        );
    }

    #[test]
    fn what_is_too_long_to_keep_is_read_past() {
        let length = usize::try_from(KEPT).expect("small") + 1;
        let mut bytes = format!("*2\r\n${length}\r\n").into_bytes();
        bytes.resize(bytes.len() + length, b'x');
        bytes.extend_from_slice(b"\r\n:1\r\n");
        let read = read(&bytes).expect("read");
        assert_eq!(
            read,
            Reply::List(vec![Reply::Long(KEPT + 1), Reply::Integer(1)])
        );
    }

    #[test]
    fn hostile_replies_are_refused() {
        let nested = "*1\r\n".repeat(10_000);
        let many = "*1048575\r\n".repeat(3);
        let long = format!("+{}\r\n", "x".repeat(1 << 20));
        let full: String = (0..70)
            .map(|_| format!("$1048576\r\n{}\r\n", "x".repeat(1 << 20)))
            .collect();
        let full = format!("*70\r\n{full}");
        for bytes in [
            "$999999999999\r\n",
            "$99999999999999999999\r\n",
            "$536870913\r\n",
            "*2147483648\r\n",
            "*9\r\n:1\r\n",
            "$5\r\nab\r\n",
            "$2\r\nabc\r\n",
            "$-\r\n",
            ":\r\n",
            ":1e3\r\n",
            "\r\n",
            "",
            "+OK",
            "+OK\n",
            "HTTP/1.1 200 OK\r\n",
            "$2000000\r\nab",
            nested.as_str(),
            many.as_str(),
            long.as_str(),
            full.as_str(),
        ] {
            assert!(
                read(bytes.as_bytes()).is_err(),
                "{}",
                &bytes[..bytes.len().min(40)]
            );
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(bytes: Vec<u8>) {
            let _ = read(&bytes);
        }

        #[test]
        fn nor_does_what_looks_like_a_reply(parts in proptest::collection::vec(
            "[+:$*-]-?[0-9]{0,12}\r\n|[a-z]{0,8}\r\n|[+:$*-][a-z0-9]{0,4}", 0..12,
        )) {
            let _ = read(parts.concat().as_bytes());
        }

        #[test]
        fn what_is_sent_reads_back(words in proptest::collection::vec(".{0,40}", 1..6)) {
            let mut bytes = Vec::new();
            written(&words.iter().map(String::as_str).collect::<Vec<_>>(), &mut bytes);
            let read: Vec<String> = read(&bytes).expect("read").list().expect("a list")
                .into_iter().filter_map(Reply::text).collect();
            prop_assert_eq!(read, words);
        }
    }
}
