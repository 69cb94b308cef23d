//! The texts of a file: itself; the members of an office document (ZIP, APPNOTE 4.4); the streams of a
//! PDF (ISO 32000, 7.3.8). Bounded in number and size, free of panics for any bytes.

use std::borrow::Cow;

use flate2::read::{DeflateDecoder, ZlibDecoder};
use lapwing_core::bounded;

/// Most members or streams that are looked at.
const MOST: usize = 1000;
/// Longest member or stream, in bytes.
const LONGEST: u64 = 16 << 20;

/// A text of a file.
pub(super) struct Part<'a> {
    /// Empty for a plain file.
    pub(super) name: String,
    pub(super) bytes: Cow<'a, [u8]>,
    /// Whether it is a part of a document, where any address is looked at.
    pub(super) document: bool,
}

/// The texts of a file.
pub(super) fn parts(bytes: &[u8]) -> Vec<Part<'_>> {
    if bytes.starts_with(b"PK\x03\x04") {
        return members(bytes);
    }
    let mut parts = vec![Part {
        name: String::new(),
        bytes: Cow::Borrowed(bytes),
        document: false,
    }];
    if bytes.starts_with(b"%PDF-") {
        parts.extend(streams(bytes));
    }
    parts
}

/// Members by the central directory, which has their sizes where the local headers may not.
fn members(bytes: &[u8]) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = bytes;
    while let Some(at) = find(rest, b"PK\x01\x02") {
        let entry = &rest[at..];
        rest = &rest[at + 4..];
        if parts.len() == MOST {
            break;
        }
        parts.extend(member(bytes, entry));
    }
    parts
}

fn member<'a>(bytes: &'a [u8], entry: &[u8]) -> Option<Part<'a>> {
    let method = short(entry, 10)?;
    let size = long(entry, 20)?;
    let name = entry.get(46..46 + short(entry, 28)?)?;
    let local = bytes.get(long(entry, 42)?..)?;
    let start = 30 + short(local, 26)? + short(local, 28)?;
    let packed = local.get(start..start.checked_add(size)?)?;
    let plain = match method {
        0 => Cow::Borrowed(packed),
        8 => Cow::Owned(bounded::read(DeflateDecoder::new(packed), LONGEST).ok()?),
        _ => return None,
    };
    Some(Part {
        name: String::from_utf8_lossy(name).into_owned(),
        bytes: plain,
        document: true,
    })
}

fn streams(bytes: &[u8]) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = bytes;
    while let Some(at) = find(rest, b"stream") {
        let body = &rest[at + 6..];
        let body = body.strip_prefix(b"\r").unwrap_or(body);
        let body = body.strip_prefix(b"\n").unwrap_or(body);
        rest = &rest[at + 6..];
        if parts.len() == MOST {
            break;
        }
        // `endstream` ends with the same letters, and nothing that unpacks follows it.
        if let Ok(plain) = bounded::read(ZlibDecoder::new(body), LONGEST) {
            parts.push(Part {
                name: format!("stream {}", parts.len() + 1),
                bytes: Cow::Owned(plain),
                document: true,
            });
        }
    }
    parts
}

fn find(bytes: &[u8], mark: &[u8]) -> Option<usize> {
    bytes.windows(mark.len()).position(|window| window == mark)
}

fn short(bytes: &[u8], at: usize) -> Option<usize> {
    let [low, high] = bytes.get(at..at + 2)?.try_into().ok()?;
    Some(usize::from(u16::from_le_bytes([low, high])))
}

fn long(bytes: &[u8], at: usize) -> Option<usize> {
    let four = bytes.get(at..at + 4)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(four)).ok()
}
