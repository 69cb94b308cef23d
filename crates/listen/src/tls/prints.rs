//! Fingerprints of a TLS client, from its ClientHello: JA3 (Althouse, Atkinson, Atkins) and JA4 of TLS clients
//! (FoxIO, BSD 3-Clause), as `technical_details/JA4.md` of FoxIO's repository describes it. The other methods of
//! that family are under a licence that does not allow their use here, and are not implemented.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};

use data_encoding::HEXLOWER;
use md5::Md5;
use sha2::{Digest as _, Sha256};

use super::hello::Hello;

/// What a part of JA4 says where there is nothing to digest.
const NOTHING: &str = "000000000000";

const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;

/// What a trip says of the client.
pub(crate) fn signals(hello: &Hello) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("ja3".to_owned(), ja3(hello)),
        ("ja4".to_owned(), ja4(hello, 't')),
    ])
}

/// MD5 of [`ja3_text`], 32 hex digits.
pub(crate) fn ja3(hello: &Hello) -> String {
    HEXLOWER.encode(&Md5::digest(ja3_text(hello)))
}

/// Version, ciphers, extensions, groups and point formats in decimal, without GREASE.
fn ja3_text(hello: &Hello) -> String {
    let sent = |values: &[u16]| join('-', without_grease(values));
    [
        hello.version.to_string(),
        sent(&hello.ciphers),
        sent(&hello.extensions),
        sent(&hello.groups),
        join('-', hello.point_formats.iter()),
    ]
    .join(",")
}

/// `t13d1516h2_8daaf6152771_e5627efa2ab1`; `transport` is `t` for TCP, `q` for QUIC, `d` for DTLS.
pub(crate) fn ja4(hello: &Hello, transport: char) -> String {
    let ciphers: Vec<u16> = without_grease(&hello.ciphers).collect();
    let extensions: Vec<u16> = without_grease(&hello.extensions).collect();
    let mut print = format!(
        "{transport}{}{}{:02}{:02}{}",
        version(hello),
        if hello.names_host() { 'd' } else { 'i' },
        ciphers.len().min(99),
        extensions.len().min(99),
        alpn(hello.protocols.first().map_or(&[], Vec::as_slice)),
    );
    let _ = write!(print, "_{}", digest(&sorted(ciphers)));
    let listed = extensions
        .into_iter()
        .filter(|kind| ![SERVER_NAME, ALPN].contains(kind));
    let mut listed = sorted(listed.collect());
    let mut schemes = without_grease(&hello.signature_algorithms).peekable();
    if !listed.is_empty() && schemes.peek().is_some() {
        let schemes = join(',', schemes.map(hex));
        let _ = write!(listed, "_{schemes}");
    }
    let _ = write!(print, "_{}", digest(&listed));
    print
}

/// The highest version that is offered.
fn version(hello: &Hello) -> &'static str {
    let offered = without_grease(&hello.versions).max();
    match offered.unwrap_or(hello.version) {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        0xfeff => "d1",
        0xfefd => "d2",
        0xfefc => "d3",
        _ => "00",
    }
}

/// First and last character of the first protocol, or of its hex digits where one of the two is neither letter
/// nor digit.
fn alpn(protocol: &[u8]) -> String {
    let (Some(first), Some(last)) = (protocol.first(), protocol.last()) else {
        return "00".to_owned();
    };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [*first, *last].map(char::from).iter().collect();
    }
    let hex = HEXLOWER.encode(protocol);
    [&hex[..1], &hex[hex.len() - 1..]].concat()
}

fn sorted(mut values: Vec<u16>) -> String {
    values.sort_unstable();
    join(',', values.into_iter().map(hex))
}

fn hex(value: u16) -> String {
    format!("{value:04x}")
}

fn digest(text: &str) -> String {
    if text.is_empty() {
        return NOTHING.to_owned();
    }
    HEXLOWER.encode(&Sha256::digest(text)[..6])
}

/// Values that a client sends only to be ignored (RFC 8701) say nothing of it.
fn without_grease(values: &[u16]) -> impl Iterator<Item = u16> {
    let grease = |value: u16| value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff;
    values.iter().copied().filter(move |value| !grease(*value))
}

fn join(between: char, values: impl Iterator<Item = impl Display>) -> String {
    let mut text = String::new();
    for value in values {
        if !text.is_empty() {
            text.push(between);
        }
        let _ = write!(text, "{value}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the description: Chrome, with GREASE.
    fn chrome() -> Hello {
        Hello {
            version: 0x0303,
            ciphers: vec![
                0x2a2a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8,
                0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035,
            ],
            extensions: vec![
                0x0a0a, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005,
                0x0023, 0x0012, 0x002b, 0xff01, 0x000b, 0x000a, 0x0015, 0xdada,
            ],
            groups: vec![0x3a3a, 29, 23, 24],
            point_formats: vec![0],
            signature_algorithms: vec![
                0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601,
            ],
            versions: vec![0x8a8a, 0x0304, 0x0303],
            protocols: vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            server_name: None,
        }
    }

    #[test]
    fn the_published_example() {
        assert_eq!(ja4(&chrome(), 't'), "t13d1516h2_8daaf6152771_e5627efa2ab1");
        assert_eq!(ja4(&chrome(), 'q'), "q13d1516h2_8daaf6152771_e5627efa2ab1");
        let mut bare = chrome();
        bare.signature_algorithms.clear();
        assert!(ja4(&bare, 't').ends_with("_6d807ffa2a79"));
    }

    #[test]
    fn what_is_missing_is_zero() {
        let bare = Hello {
            version: 0x0303,
            ..Hello::default()
        };
        assert_eq!(ja4(&bare, 't'), "t12i000000_000000000000_000000000000");
        assert_eq!(ja3_text(&bare), "771,,,,");
        let named = Hello {
            extensions: vec![0, 16],
            ..bare
        };
        assert_eq!(ja4(&named, 't'), "t12d000200_000000000000_000000000000");
    }

    #[test]
    fn versions_and_counts() {
        for (legacy, offered, expect) in [
            (0x0303, &[][..], "12"),
            (0x0303, &[0x0304, 0x7f1c], "00"),
            (0x0302, &[], "11"),
            (0x0301, &[], "10"),
            (0x0300, &[], "s3"),
            (0x0002, &[], "s2"),
            (0xfefd, &[], "d2"),
            (0x0303, &[0xfefc], "d3"),
            (0x0303, &[0x0303, 0x0304], "13"),
        ] {
            let hello = Hello {
                version: legacy,
                versions: offered.to_vec(),
                ciphers: (1..=120).collect(),
                ..Hello::default()
            };
            let print = ja4(&hello, 't');
            assert_eq!(&print[..10], format!("t{expect}i990000"), "{offered:?}");
        }
    }

    #[test]
    fn protocols_that_are_no_words() {
        for (protocol, expect) in [
            (&b"h2"[..], "h2"),
            (b"http/1.1", "h1"),
            (b"", "00"),
            (b"x", "xx"),
            (b"\xab", "ab"),
            (b"\xab\xcd", "ad"),
            (b"0\xab", "3b"),
            (b"01\xab\xcd", "3d"),
            (b"0\xab\xcd1", "01"),
        ] {
            assert_eq!(alpn(protocol), expect, "{}", protocol.escape_ascii());
        }
    }

    #[test]
    fn ja3_is_what_its_authors_say() {
        // The example of the authors' README.
        let hello = Hello {
            version: 769,
            ciphers: vec![47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4],
            extensions: vec![0, 10, 11],
            groups: vec![23, 24, 25],
            point_formats: vec![0],
            ..Hello::default()
        };
        let text = "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0";
        assert_eq!(ja3_text(&hello), text);
        assert_eq!(ja3(&hello), "ada70206e40642a3e4461f35503241d5");
    }
}
