//! Takes what was fetched out of what it is packed in: gzip, xz, and a tar archive within. Streams; nothing is held
//! in memory, no name in an archive becomes a path, and what comes out has a bound.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Write};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use lzma_rust2::XzReader;

/// Packings within packings.
const DEEPEST: usize = 3;
/// Memory that unpacking xz may take, in KiB: its largest usual dictionary is 64 MiB.
const XZ_KIB: u32 = 192 << 10;
/// Of an archive, what may lie beside what is wanted however small that is, in bytes.
const PASSED_OVER: u64 = 1 << 20;
/// Where a tar archive says that it is one.
const TAR: std::ops::Range<usize> = 257..262;

/// What to take out of an archive.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted {
    /// The first file whose name ends so.
    Ending(&'static str),
    /// All files, one behind the other.
    All,
}

/// Unpacks a file into another, at most `limit` bytes; says how many.
pub(super) fn unpack(
    from: &Path,
    into: &mut impl Write,
    wanted: Wanted,
    limit: u64,
) -> io::Result<u64> {
    let mut reader: Box<dyn Read> = Box::new(BufReader::new(File::open(from)?));
    for _ in 0..DEEPEST {
        let (head, whole) = peek(reader, 6)?;
        reader = if head.starts_with(&[0x1f, 0x8b]) {
            Box::new(MultiGzDecoder::new(whole))
        } else if head == *b"\xfd7zXZ\0" {
            Box::new(XzReader::new_mem_limit(whole, true, XZ_KIB))
        } else {
            reader = whole;
            break;
        };
    }
    // What is passed over of an archive counts too.
    let most = limit.saturating_mul(2).saturating_add(PASSED_OVER);
    let (head, whole) = peek(Box::new(reader.take(most)), TAR.end)?;
    if head.get(TAR).is_some_and(|magic| magic == b"ustar") {
        return from_archive(whole, into, wanted, limit);
    }
    copy(whole, into, limit)
}

fn from_archive(
    reader: impl Read,
    into: &mut impl Write,
    wanted: Wanted,
    limit: u64,
) -> io::Result<u64> {
    let mut archive = tar::Archive::new(reader);
    let (mut written, mut found) = (0, false);
    for entry in archive.entries()? {
        let entry = entry?;
        let is_file = entry.header().entry_type().is_file();
        let is_wanted = match wanted {
            Wanted::Ending(end) => entry.path_bytes().ends_with(end.as_bytes()),
            Wanted::All => true,
        };
        if !is_file || !is_wanted {
            continue;
        }
        found = true;
        written += copy(entry, into, limit - written)?;
        match wanted {
            Wanted::Ending(_) => return Ok(written),
            Wanted::All => into.write_all(b"\n")?,
        }
    }
    if found {
        return Ok(written);
    }
    let what = match wanted {
        Wanted::Ending(end) => format!("no file in the archive ends in {end}"),
        Wanted::All => "no file is in the archive".to_owned(),
    };
    Err(io::Error::new(io::ErrorKind::InvalidData, what))
}

fn copy(from: impl Read, into: &mut impl Write, limit: u64) -> io::Result<u64> {
    let copied = io::copy(&mut from.take(limit.saturating_add(1)), into)?;
    if copied > limit {
        let what = format!("unpacked it has more than {limit} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
    }
    Ok(copied)
}

/// The first bytes, as far as there are so many, and a reader that begins with them.
fn peek(mut reader: Box<dyn Read>, bytes: usize) -> io::Result<(Vec<u8>, Box<dyn Read>)> {
    let mut head = vec![0; bytes];
    let mut have = 0;
    while have < bytes {
        match reader.read(&mut head[have..]) {
            Ok(0) => break,
            Ok(more) => have += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    head.truncate(have);
    Ok((head.clone(), Box::new(Cursor::new(head).chain(reader))))
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use lzma_rust2::{XzOptions, XzWriter};
    use proptest::prelude::*;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }

    fn xz(bytes: &[u8]) -> Vec<u8> {
        let mut packer = XzWriter::new(Vec::new(), XzOptions::with_preset(1)).unwrap();
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }

    fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for (name, bytes) in files {
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, name, *bytes).unwrap();
        }
        archive.into_inner().unwrap()
    }

    fn unpacked(bytes: &[u8], wanted: Wanted, limit: u64) -> io::Result<Vec<u8>> {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("x");
        std::fs::write(&path, bytes).unwrap();
        let mut out = Vec::new();
        unpack(&path, &mut out, wanted, limit)?;
        Ok(out)
    }

    #[test]
    fn every_packing_is_undone() {
        let mmdb = Wanted::Ending(".mmdb");
        let archive = tar(&[
            ("GeoLite2-City_2026/LICENSE.txt", b"terms"),
            ("GeoLite2-City_2026/x.mmdb", b"data"),
        ]);
        for packed in [
            b"data".to_vec(),
            gzip(b"data"),
            xz(b"data"),
            archive.clone(),
            gzip(&archive),
            xz(&archive),
            gzip(&xz(b"data")),
        ] {
            assert_eq!(unpacked(&packed, mmdb, 100).unwrap(), b"data");
        }
        let lists = xz(&tar(&[("exit-lists/a", b"one"), ("exit-lists/b", b"two")]));
        assert_eq!(unpacked(&lists, Wanted::All, 100).unwrap(), b"one\ntwo\n");
        assert!(unpacked(&tar(&[("readme", b"x")]), mmdb, 100).is_err());
        assert_eq!(unpacked(b"", mmdb, 100).unwrap(), b"");
    }

    #[test]
    fn what_swells_is_stopped() {
        let much = vec![0; 1 << 20];
        for packed in [gzip(&much), xz(&much), xz(&gzip(&much))] {
            let error = unpacked(&packed, Wanted::All, 1000).unwrap_err();
            assert!(
                packed.len() < 10_000 && error.to_string().contains("more than 1000 bytes"),
                "{error}"
            );
        }
        let more = vec![0; 4 << 20];
        let hidden = gzip(&tar(&[("readme", &more), ("x.mmdb", b"data")]));
        assert!(unpacked(&hidden, Wanted::Ending(".mmdb"), 1000).is_err());
    }

    proptest! {
        #[test]
        fn damage_is_survived(which in 0usize..4, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12), cut in any::<prop::sample::Index>()) {
            let data: Vec<u8> = (0u32..600).flat_map(u32::to_le_bytes).collect();
            let archive = tar(&[("a/x.mmdb", &data)]);
            let mut bytes = match which {
                0 => gzip(&data),
                1 => xz(&data),
                2 => xz(&archive),
                _ => archive,
            };
            for (place, byte) in changes {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            bytes.truncate(cut.index(bytes.len()).max(bytes.len() / 2));
            let _ = unpacked(&bytes, Wanted::Ending(".mmdb"), 10_000);
        }
    }
}
