//! PROXY protocol, versions 1 and 2: the address of the client that a configured proxy vouches for.
//! Never looked for from any other peer: there it is a bad request like any other.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use ppp::{HeaderResult, PartialResult, v1, v2};

/// Longest header taken: version 2 may carry TLVs (certificates' names); the rest is a bad request.
pub(crate) const LONGEST: usize = 4096;

const V1: &[u8] = b"PROXY ";

/// Longest version 1 header (its specification, 2.1).
const V1_LONGEST: usize = 107;

/// What the first bytes of a connection from a proxy are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Announced {
    /// The start of a header, perhaps.
    Partial,
    /// Not a header: the proxy speaks for itself.
    None,
    /// A header of so many bytes, and the client it names, if it names one.
    Header(usize, Option<SocketAddr>),
}

/// Whether a peer is one of the configured proxies.
pub(crate) fn trusted(proxies: &[IpNet], peer: IpAddr) -> bool {
    let peer = peer.to_canonical();
    proxies.iter().any(|network| network.contains(&peer))
}

/// Reads a header off the first bytes.
pub(crate) fn read(bytes: &[u8]) -> Announced {
    let starts = |prefix: &[u8]| bytes.starts_with(prefix) || prefix.starts_with(bytes);
    if !starts(V1) && !starts(v2::PROTOCOL_PREFIX) {
        return Announced::None;
    }
    if bytes.len() < V1.len() {
        return Announced::Partial;
    }
    if bytes.starts_with(V1) && !bytes.contains(&b'\n') {
        return if bytes.len() < V1_LONGEST {
            Announced::Partial
        } else {
            Announced::None
        };
    }
    let header = HeaderResult::parse(bytes);
    if header.is_incomplete() {
        return if bytes.len() < LONGEST {
            Announced::Partial
        } else {
            Announced::None
        };
    }
    match header {
        HeaderResult::V1(Ok(header)) => Announced::Header(header.header.len(), v1_client(&header)),
        HeaderResult::V2(Ok(header)) => Announced::Header(header.len(), v2_client(&header)),
        HeaderResult::V1(Err(_)) | HeaderResult::V2(Err(_)) => Announced::None,
    }
}

fn v1_client(header: &v1::Header<'_>) -> Option<SocketAddr> {
    match header.addresses {
        v1::Addresses::Tcp4(it) => Some((it.source_address, it.source_port).into()),
        v1::Addresses::Tcp6(it) => Some((it.source_address, it.source_port).into()),
        v1::Addresses::Unknown => None,
    }
}

fn v2_client(header: &v2::Header<'_>) -> Option<SocketAddr> {
    if header.command == v2::Command::Local {
        return None;
    }
    match header.addresses {
        v2::Addresses::IPv4(it) => Some((it.source_address, it.source_port).into()),
        v2::Addresses::IPv6(it) => Some((it.source_address, it.source_port).into()),
        v2::Addresses::Unix(_) | v2::Addresses::Unspecified => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_and_neither() {
        let client: SocketAddr = "203.0.113.7:4711".parse().unwrap();
        let v1 = b"PROXY TCP4 203.0.113.7 192.0.2.1 4711 80\r\nGET /";
        let mut v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c".to_vec();
        v2.extend_from_slice(&[203, 0, 113, 7, 192, 0, 2, 1, 0x12, 0x67, 0, 80]);
        assert_eq!(read(v1), Announced::Header(v1.len() - 5, Some(client)));
        assert_eq!(read(&v2), Announced::Header(v2.len(), Some(client)));
        for end in 0..v1.len() - 5 {
            assert_eq!(read(&v1[..end]), Announced::Partial, "{end}");
        }
        for end in 0..v2.len() {
            assert_eq!(read(&v2[..end]), Announced::Partial, "{end}");
        }
        v2[12] = 0x20;
        assert_eq!(read(&v2), Announced::Header(v2.len(), None));
        assert_eq!(read(b"PROXY UNKNOWN\r\n"), Announced::Header(15, None));
        assert_eq!(read(b"POST / HTTP/1.1\r\n"), Announced::None);
        assert_eq!(read(b"PROXY TCP4 x y z\r\n"), Announced::None);
    }
}
