//! Zip archives, byte for byte as office programs write them (PKWARE APPNOTE 6.3.10, sections 4.3 and
//! 4.4): written here because the bytes of the headers tell which program wrote a file, and because
//! members of somebody else's archive have to stay as they are, headers included.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use lapwing_core::Timestamp;

/// Largest member that is unpacked, in bytes.
const LARGEST: u64 = 64 << 20;
/// Most members of an archive.
const MOST: usize = 20_000;
const LOCAL: &[u8] = b"PK\x03\x04";
const DESCRIPTOR: &[u8] = b"PK\x07\x08";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";

/// How a program fills the headers of its archives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// `version made by`: the upper byte is the system.
    pub(crate) made_by: u16,
    /// General purpose flags; bit 3 puts sizes behind the data.
    pub(crate) flags: u16,
    /// External attributes.
    pub(crate) attributes: u32,
}

/// LibreOffice: version 2.0, names in UTF-8, sizes behind the data.
pub(crate) const LIBREOFFICE: Manner = Manner {
    made_by: 20,
    flags: 0x0808,
    attributes: 0,
};

/// Windows Explorer's "compressed folder".
pub(crate) const EXPLORER: Manner = Manner {
    made_by: 20,
    flags: 0,
    attributes: 0x20,
};

/// Writes an archive of these members, all of one moment.
pub(crate) fn write(members: &[(String, Vec<u8>)], manner: Manner, at: Timestamp) -> Vec<u8> {
    let stamp = dos_time(at);
    let mut out = Vec::new();
    let mut central = Vec::new();
    for (name, data) in members {
        let header = Header {
            made_by: manner.made_by,
            needs: 20,
            flags: manner.flags,
            method: if name.ends_with('/') { 0 } else { 8 },
            stamp,
            attributes: if name.ends_with('/') {
                0x10
            } else {
                manner.attributes
            },
            name: name.clone().into_bytes(),
            ..Header::default()
        };
        central.extend(header.append(data, &mut out));
    }
    finish(out, &central, members.len(), b"")
}

/// The time as DOS keeps it: two seconds, no zone (section 4.4.6).
fn dos_time(at: Timestamp) -> u32 {
    let Ok(at) = jiff::Timestamp::from_second(at.seconds()) else {
        return 0x0021_0000;
    };
    let at = at.to_zoned(jiff::tz::TimeZone::UTC);
    let part = |number: i8| u32::from(number.unsigned_abs());
    let year = u32::from(at.year().clamp(1980, 2107).unsigned_abs()) - 1980;
    (year << 25)
        | (part(at.month()) << 21)
        | (part(at.day()) << 16)
        | (part(at.hour()) << 11)
        | (part(at.minute()) << 5)
        | (part(at.second()) / 2)
}

/// What local and central header of a member share.
#[derive(Clone, Debug, Default)]
struct Header {
    made_by: u16,
    needs: u16,
    flags: u16,
    method: u16,
    stamp: u32,
    internal: u16,
    attributes: u32,
    name: Vec<u8>,
    local_extra: Vec<u8>,
    central_extra: Vec<u8>,
    comment: Vec<u8>,
}

impl Header {
    /// Writes a member to the end of `out`; gives its central header.
    fn append(&self, data: &[u8], out: &mut Vec<u8>) -> Vec<u8> {
        let packed = if self.method == 8 {
            deflate(data)
        } else {
            data.to_vec()
        };
        let offset = length(out.len());
        let behind = self.flags & 8 != 0;
        let sums = [
            crc32fast::hash(data),
            length(packed.len()),
            length(data.len()),
        ];
        out.extend_from_slice(LOCAL);
        self.shared(if behind { [0; 3] } else { sums }, out);
        out.extend(short(self.local_extra.len()));
        out.extend_from_slice(&self.name);
        out.extend_from_slice(&self.local_extra);
        out.extend_from_slice(&packed);
        if behind {
            out.extend_from_slice(DESCRIPTOR);
            sums.iter().for_each(|sum| out.extend(sum.to_le_bytes()));
        }
        self.central(sums, offset)
    }

    fn shared(&self, sums: [u32; 3], out: &mut Vec<u8>) {
        for number in [self.needs, self.flags, self.method] {
            out.extend(number.to_le_bytes());
        }
        out.extend(self.stamp.to_le_bytes());
        sums.iter().for_each(|sum| out.extend(sum.to_le_bytes()));
        out.extend(short(self.name.len()));
    }

    fn central(&self, sums: [u32; 3], offset: u32) -> Vec<u8> {
        let mut out = CENTRAL.to_vec();
        out.extend(self.made_by.to_le_bytes());
        self.shared(sums, &mut out);
        out.extend(short(self.central_extra.len()));
        out.extend(short(self.comment.len()));
        out.extend([0, 0]);
        out.extend(self.internal.to_le_bytes());
        out.extend(self.attributes.to_le_bytes());
        out.extend(offset.to_le_bytes());
        for part in [&self.name, &self.central_extra, &self.comment] {
            out.extend_from_slice(part);
        }
        out
    }
}

fn finish(mut out: Vec<u8>, central: &[u8], count: usize, comment: &[u8]) -> Vec<u8> {
    let offset = length(out.len());
    out.extend_from_slice(central);
    out.extend_from_slice(END);
    out.extend([0; 4]);
    out.extend(short(count));
    out.extend(short(count));
    out.extend(length(central.len()).to_le_bytes());
    out.extend(offset.to_le_bytes());
    out.extend(short(comment.len()));
    out.extend_from_slice(comment);
    out
}

fn deflate(data: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    let written = encoder.write_all(data).and_then(|()| encoder.finish());
    written.expect("memory takes all that is written")
}

fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn short(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes()
}

/// Somebody else's archive, opened to change a few members and keep the others as they are.
#[derive(Debug)]
pub(crate) struct Archive<'a> {
    bytes: &'a [u8],
    entries: Vec<Entry>,
    /// Where the central directory starts.
    central: usize,
    comment: Vec<u8>,
}

#[derive(Debug)]
struct Entry {
    name: String,
    header: Header,
    sums: [u32; 3],
    offset: usize,
}

impl<'a> Archive<'a> {
    /// Reads the directory of an archive; says why it cannot.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, &'static str> {
        const DAMAGED: &str = "it is no zip archive, or a damaged one";
        let tail = bytes.len().saturating_sub(22 + 65_535);
        let end = (tail..bytes.len().saturating_sub(21))
            .rev()
            .find(|at| bytes[*at..].starts_with(END))
            .ok_or(DAMAGED)?;
        let count = usize::from(u16_at(bytes, end + 10).ok_or(DAMAGED)?);
        let central = u32_at(bytes, end + 16).ok_or(DAMAGED)? as usize;
        if count == 0xffff || central == 0xffff_ffff || count > MOST {
            return Err("it is a zip64 archive or holds too many members");
        }
        let mut at = central;
        let mut entries = Vec::with_capacity(count);
        for _ in 0..count {
            let (entry, next) = Entry::read(bytes, at).ok_or(DAMAGED)?;
            entries.push(entry);
            at = next;
        }
        Ok(Self {
            bytes,
            entries,
            central,
            comment: bytes.get(end + 22..).unwrap_or_default().to_vec(),
        })
    }

    /// The members' names, in the order of the directory.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.name.as_str())
    }

    /// A member, unpacked.
    pub(crate) fn get(&self, name: &str) -> Option<Vec<u8>> {
        let entry = self.entries.iter().find(|entry| entry.name == name)?;
        let packed = self.bytes.get(entry.data(self.bytes)?..)?;
        let packed = packed.get(..entry.sums[1] as usize)?;
        match entry.header.method {
            0 => Some(packed.to_vec()),
            8 => {
                let mut data = Vec::new();
                #[expect(clippy::disallowed_methods, reason = "limited by `take`")]
                DeflateDecoder::new(packed)
                    .take(LARGEST)
                    .read_to_end(&mut data)
                    .ok()?;
                (crc32fast::hash(&data) == entry.sums[0]).then_some(data)
            }
            _ => None,
        }
    }

    /// A member that is text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        String::from_utf8(self.get(name)?).ok()
    }

    /// The archive with some members changed, and new ones behind the last; the others keep every
    /// byte, and new ones look like their neighbours.
    pub(crate) fn with(&self, changed: &[(String, Vec<u8>)]) -> Result<Vec<u8>, &'static str> {
        const DAMAGED: &str = "its members overlap";
        let mut by_place: Vec<usize> = (0..self.entries.len()).collect();
        by_place.sort_by_key(|index| self.entries[*index].offset);
        let mut out = Vec::with_capacity(self.bytes.len() + 4096);
        let mut headers = vec![Vec::new(); self.entries.len()];
        for (nth, index) in by_place.iter().enumerate() {
            let entry = &self.entries[*index];
            let end = by_place
                .get(nth + 1)
                .map_or(self.central, |next| self.entries[*next].offset);
            if nth == 0 {
                out.extend_from_slice(self.bytes.get(..entry.offset).ok_or(DAMAGED)?);
            }
            headers[*index] = match changed.iter().find(|(name, _)| *name == entry.name) {
                Some((_, data)) => entry.header.append(data, &mut out),
                None => {
                    let offset = length(out.len());
                    let member = self.bytes.get(entry.offset..end).ok_or(DAMAGED)?;
                    out.extend_from_slice(member);
                    entry.header.central(entry.sums, offset)
                }
            };
        }
        let neighbour = by_place.last().map(|index| &self.entries[*index].header);
        for (name, data) in changed {
            if self.entries.iter().all(|entry| entry.name != *name) {
                let header = Header {
                    name: name.clone().into_bytes(),
                    method: 8,
                    local_extra: Vec::new(),
                    central_extra: Vec::new(),
                    ..neighbour.cloned().unwrap_or_default()
                };
                headers.push(header.append(data, &mut out));
            }
        }
        let count = headers.len();
        Ok(finish(out, &headers.concat(), count, &self.comment))
    }
}

impl Entry {
    fn read(bytes: &[u8], at: usize) -> Option<(Self, usize)> {
        let field = |offset: usize| u16_at(bytes, at + offset);
        let wide = |offset: usize| u32_at(bytes, at + offset);
        if !bytes.get(at..)?.starts_with(CENTRAL) {
            return None;
        }
        let sizes = [field(28)?, field(30)?, field(32)?].map(usize::from);
        let mut next = at + 46;
        let mut take = |size: usize| {
            let part = bytes.get(next..next + size)?.to_vec();
            next += size;
            Some(part)
        };
        let (name, central_extra, comment) = (take(sizes[0])?, take(sizes[1])?, take(sizes[2])?);
        let offset = wide(42)? as usize;
        if !bytes.get(offset..)?.starts_with(LOCAL) {
            return None;
        }
        let extra = offset + 30 + usize::from(u16_at(bytes, offset + 26)?);
        let extra_size = usize::from(u16_at(bytes, offset + 28)?);
        let entry = Self {
            name: String::from_utf8_lossy(&name).into_owned(),
            sums: [wide(16)?, wide(20)?, wide(24)?],
            offset,
            header: Header {
                made_by: field(4)?,
                needs: field(6)?,
                flags: field(8)?,
                method: field(10)?,
                stamp: wide(12)?,
                internal: field(36)?,
                attributes: wide(38)?,
                name,
                local_extra: bytes.get(extra..extra + extra_size)?.to_vec(),
                central_extra,
                comment,
            },
        };
        Some((entry, next))
    }

    /// Where its data starts.
    fn data(&self, bytes: &[u8]) -> Option<usize> {
        let name = usize::from(u16_at(bytes, self.offset + 26)?);
        let extra = usize::from(u16_at(bytes, self.offset + 28)?);
        Some(self.offset + 30 + name + extra)
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unchanged_members_keep_every_byte() {
        let at = Timestamp::parse("2026-03-04").expect("a date");
        let members: Vec<(String, Vec<u8>)> = (0..5)
            .map(|n| {
                (
                    format!("m{n}.xml"),
                    format!("<a>{n}</a>").repeat(50).into_bytes(),
                )
            })
            .collect();
        for manner in [LIBREOFFICE, EXPLORER] {
            let before = write(&members, manner, at);
            let archive = Archive::read(&before).expect("an archive");
            let changed = [
                ("m2.xml".to_owned(), b"<b/>".to_vec()),
                ("new.xml".to_owned(), b"<c/>".to_vec()),
            ];
            let after = archive.with(&changed).expect("changed");
            let read = Archive::read(&after).expect("an archive");
            assert_eq!(read.get("m2.xml").as_deref(), Some(&b"<b/>"[..]));
            assert_eq!(read.get("new.xml").as_deref(), Some(&b"<c/>"[..]));
            assert_eq!(read.names().count(), 6);
            for name in ["m0.xml", "m1.xml", "m3.xml", "m4.xml"] {
                assert_eq!(archive.get(name), read.get(name));
                assert!(archive.get(name).is_some());
            }
            let first = archive.entries[2].offset;
            assert_eq!(before[..first], after[..first]);
        }
    }

    #[test]
    fn damaged_archives_are_refused_without_a_panic() {
        let at = Timestamp::parse("2026-03-04").expect("a date");
        let whole = write(&[("a".to_owned(), b"abc".repeat(9))], LIBREOFFICE, at);
        for at in 0..whole.len() {
            for bit in [1, 0x80] {
                let mut bytes = whole.clone();
                bytes[at] ^= bit;
                if let Ok(archive) = Archive::read(&bytes) {
                    let _ = archive.get("a");
                    let _ = archive.with(&[("a".to_owned(), Vec::new())]);
                }
            }
            assert!(Archive::read(&whole[..at]).is_err(), "{at}");
        }
    }
}
