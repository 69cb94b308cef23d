//! Reverse DNS, asked of a resolver: the names of an address (PTR), and of each whether it leads back (A, AAAA).
//! A stub in the sense of RFC 1035: one question a message, over UDP, over TCP where the answer was cut.
//!
//! The resolver asks on, at last the name servers of whoever owns the address: they can see that it was asked about.
//! What comes back is hostile text. Nothing is sent to the address itself.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use lapwing_core::{Clock as _, Found, ReverseName, Snapshot, SystemClock, bounded, text};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::{Asked, Outward, Unlisted};

/// How long a resolver may take to answer once.
const PATIENCE: Duration = Duration::from_secs(4);
/// Resolvers that are tried.
const MOST_RESOLVERS: usize = 3;
/// Names of one address that are kept and led back.
const MOST_NAMES: usize = 16;
/// Records of one answer that are read.
const MOST_RECORDS: u16 = 256;
/// Bytes of a name, its dots counted (RFC 1035 section 2.3.4).
const LONGEST_NAME: usize = 255;

const A: u16 = 1;
const PTR: u16 = 12;
const AAAA: u16 = 28;
const IN: u16 = 1;

/// Why reverse DNS gave nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DnsError {
    /// There is no resolver to ask.
    #[error(
        "no resolver is known: /etc/resolv.conf names none; set lookup.resolver = [\"ADDRESS:53\"]"
    )]
    NoResolver,
    /// None of them answers.
    #[error("no resolver answered ({0}); look at /etc/resolv.conf, or set lookup.resolver")]
    Silent(String),
    /// The list of look-ups.
    #[error(transparent)]
    Unlisted(#[from] Unlisted),
}

/// The resolvers of the system, `nameserver` of resolv.conf(5).
#[must_use]
pub fn system_resolvers(file: &Path) -> Vec<SocketAddr> {
    let text = bounded::read_text(file, 1 << 16).unwrap_or_default();
    let named = text.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let address = words
            .next()
            .filter(|word| *word == "nameserver")
            .and(words.next())?;
        // A zone of a link-local address is nothing that is asked through.
        Some(SocketAddr::new(address.parse().ok()?, 53))
    });
    named.take(MOST_RESOLVERS).collect()
}

/// Asks for the names of an address and whether they lead back to it.
///
/// # Errors
/// No resolver, none that answers, or no list to put it on.
pub async fn reverse(
    address: IpAddr,
    resolvers: &[SocketAddr],
    outward: &Outward,
) -> Result<Snapshot, DnsError> {
    let address = address.to_canonical();
    let resolvers: Vec<SocketAddr> = resolvers
        .iter()
        .copied()
        .filter(|resolver| resolver.ip().to_canonical() != address)
        .take(MOST_RESOLVERS)
        .collect();
    if resolvers.is_empty() {
        return Err(DnsError::NoResolver);
    }
    let mut stub = Stub {
        resolvers,
        outward,
        about: address,
        asked: Vec::new(),
    };
    let mut names = Vec::new();
    let mut seen = HashSet::new();
    for record in stub.ask(&reverse_name(address), PTR).await? {
        let Data::Name(name) = record else { continue };
        if names.len() < MOST_NAMES && seen.insert(name.clone()) {
            let confirmed = stub.leads_back(&name).await?;
            let name = text::escape_short(&name.join(&b'.'), LONGEST_NAME);
            names.push(ReverseName { name, confirmed });
        }
    }
    Ok(Snapshot {
        address,
        taken: SystemClock.now(),
        asked: stub.asked,
        found: Found::Rdns { names },
    })
}

/// Labels of a name.
type Labels = Vec<Vec<u8>>;

/// `1.2.0.192.in-addr.arpa`, or its like for IPv6 (RFC 3596 section 2.5).
fn reverse_name(address: IpAddr) -> Labels {
    let (mut labels, zone): (Labels, _) = match address {
        IpAddr::V4(ip) => {
            let octets = ip.octets().into_iter().rev();
            (
                octets.map(|octet| octet.to_string().into_bytes()).collect(),
                "in-addr",
            )
        }
        IpAddr::V6(ip) => {
            let bits = ip.to_bits();
            let digit = |at: u32| format!("{:x}", bits >> (4 * at) & 15).into_bytes();
            ((0..32).map(digit).collect(), "ip6")
        }
    };
    labels.push(zone.as_bytes().to_vec());
    labels.push(b"arpa".to_vec());
    labels
}

struct Stub<'a> {
    resolvers: Vec<SocketAddr>,
    outward: &'a Outward,
    about: IpAddr,
    /// Who answered.
    asked: Vec<String>,
}

impl Stub<'_> {
    /// Whether a name leads to the address.
    async fn leads_back(&mut self, name: &Labels) -> Result<bool, DnsError> {
        let kind = if self.about.is_ipv4() { A } else { AAAA };
        let about = self.about;
        // A name that cannot be asked for leads nowhere.
        let found = match self.ask(name, kind).await {
            Err(DnsError::Silent(_)) => Vec::new(),
            found => found?,
        };
        Ok(found
            .iter()
            .any(|data| matches!(data, Data::Address(found) if *found == about)))
    }

    /// Asks one resolver after the other until one answers.
    async fn ask(&mut self, name: &Labels, kind: u16) -> Result<Vec<Data>, DnsError> {
        let mut why = String::new();
        for resolver in self.resolvers.clone() {
            self.outward.add(&Asked {
                time: SystemClock.now(),
                purpose: "rdns".to_owned(),
                to: format!("the resolver {resolver}"),
                about: Some(self.about),
            })?;
            match exchange(resolver, name, kind).await {
                Ok(found) => {
                    let said = format!("the resolver {resolver}");
                    if !self.asked.contains(&said) {
                        self.asked.push(said);
                    }
                    return Ok(found);
                }
                Err(error) => why = format!("{resolver}: {error}"),
            }
        }
        Err(DnsError::Silent(why))
    }
}

async fn exchange(resolver: SocketAddr, name: &Labels, kind: u16) -> io::Result<Vec<Data>> {
    let id: u16 = rand::random();
    let question = question(id, name, kind)?;
    match over_udp(resolver, &question, id, name, kind).await {
        Ok(Read::Cut) => {}
        Ok(read) => return read.found(),
        Err(error) => return Err(error),
    }
    let answer = timeout(PATIENCE, over_tcp(resolver, &question)).await??;
    let strange = || io::Error::new(io::ErrorKind::InvalidData, "an answer to something else");
    read(&answer, id, name, kind).ok_or_else(strange)?.found()
}

async fn over_udp(
    resolver: SocketAddr,
    question: &[u8],
    id: u16,
    name: &Labels,
    kind: u16,
) -> io::Result<Read> {
    let any: IpAddr = match resolver {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    // Only its datagrams are given to us then.
    socket.connect(resolver).await?;
    let mut buffer = vec![0; 4096];
    for _ in 0..2 {
        socket.send(question).await?;
        let waited = timeout(PATIENCE / 2, async {
            loop {
                let length = socket.recv(&mut buffer).await?;
                // A stray or forged datagram is no answer: go on waiting.
                if let Some(read) = read(&buffer[..length], id, name, kind) {
                    return io::Result::Ok(read);
                }
            }
        });
        if let Ok(read) = waited.await {
            return read;
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

async fn over_tcp(resolver: SocketAddr, question: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(resolver).await?;
    let length = u16::try_from(question.len()).map_err(io::Error::other)?;
    stream
        .write_all(&[&length.to_be_bytes()[..], question].concat())
        .await?;
    let mut answer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

/// A message that asks one thing, recursion desired.
fn question(id: u16, name: &Labels, kind: u16) -> io::Result<Vec<u8>> {
    let mut message = [id.to_be_bytes(), [1, 0], [0, 1], [0; 2], [0; 2], [0; 2]].concat();
    for label in name {
        let length = u8::try_from(label.len())
            .ok()
            .filter(|length| (1..64).contains(length));
        message.push(length.ok_or(io::ErrorKind::InvalidInput)?);
        message.extend(label);
    }
    message.push(0);
    message.extend(kind.to_be_bytes());
    message.extend(IN.to_be_bytes());
    Ok(message)
}

/// What a message that answers the question holds.
#[derive(Debug, PartialEq, Eq)]
enum Read {
    /// It was too long for a datagram.
    Cut,
    /// The resolver cannot or will not say, by its code (RFC 1035 section 4.1.1).
    Failed(u16),
    Answer(Vec<Data>),
}

impl Read {
    fn found(self) -> io::Result<Vec<Data>> {
        match self {
            Self::Answer(found) => Ok(found),
            Self::Failed(code) => Err(io::Error::other(format!("it answers with code {code}"))),
            Self::Cut => Err(io::Error::other("it cuts its answer over TCP too")),
        }
    }
}

/// What a record of the kind asked for holds.
#[derive(Debug, PartialEq, Eq)]
enum Data {
    Name(Labels),
    Address(IpAddr),
}

/// Reads a message; `None` if it does not answer this question, or is damaged.
fn read(message: &[u8], id: u16, name: &Labels, kind: u16) -> Option<Read> {
    let number = |at: usize| {
        Some(u16::from_be_bytes(
            message.get(at..at + 2)?.try_into().ok()?,
        ))
    };
    let flags = number(2)?;
    let is_answer = flags >> 15 == 1 && number(0)? == id && number(4)? == 1;
    let (asked, mut at) = take_name(message, 12)?;
    let is_same = asked.len() == name.len()
        && asked
            .iter()
            .zip(name)
            .all(|(a, b)| a.eq_ignore_ascii_case(b))
        && number(at)? == kind
        && number(at + 2)? == IN;
    if !is_answer || !is_same {
        return None;
    }
    if flags >> 9 & 1 == 1 {
        return Some(Read::Cut);
    }
    // That there is no such name is an answer.
    if !matches!(flags & 15, 0 | 3) {
        return Some(Read::Failed(flags & 15));
    }
    at += 4;
    let mut found = Vec::new();
    for _ in 0..number(6)?.min(MOST_RECORDS) {
        let (_, end) = take_name(message, at)?;
        let length = usize::from(number(end + 8)?);
        let data = message.get(end + 10..end + 10 + length)?;
        if number(end)? == kind && number(end + 2)? == IN {
            found.extend(match kind {
                PTR => take_name(message, end + 10).map(|(name, _)| Data::Name(name)),
                A => <[u8; 4]>::try_from(data)
                    .ok()
                    .map(|octets| Data::Address(octets.into())),
                _ => <[u8; 16]>::try_from(data)
                    .ok()
                    .map(|octets| Data::Address(octets.into())),
            });
        }
        at = end + 10 + length;
    }
    Some(Read::Answer(found))
}

/// A name and what stands behind it. Pointers lead backwards only (RFC 1035 section 4.1.4), so that it ends.
fn take_name(message: &[u8], start: usize) -> Option<(Labels, usize)> {
    let (mut at, mut end, mut lowest) = (start, None, start);
    let (mut labels, mut size) = (Labels::new(), 0);
    loop {
        let length = usize::from(*message.get(at)?);
        match length >> 6 {
            0 if length == 0 => return Some((labels, end.unwrap_or(at + 1))),
            0 => {
                let label = message.get(at + 1..at + 1 + length)?;
                size += length + 1;
                if size > LONGEST_NAME {
                    return None;
                }
                labels.push(label.to_vec());
                at += 1 + length;
            }
            3 => {
                let low = usize::from(*message.get(at + 1)?);
                end = end.or(Some(at + 2));
                at = (length & 0x3f) << 8 | low;
                if at >= lowest {
                    return None;
                }
                lowest = at;
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests;
