//! Tar files that come out the same for the same content, and a reader that takes no others: what `tar`
//! would pass over in silence (padding, an owner, a second file of the same name) is found here.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::FileExt as _;

use sha2::{Digest as _, Sha256};
use tar::{EntryType, Header};

/// Tar counts in blocks.
const BLOCK: u64 = 512;
/// What a tar file ends with.
const END: u64 = 2 * BLOCK;
/// Most files that are looked at.
const MOST: usize = 20_000_000;

/// Writes one.
pub(super) struct Tape {
    out: BufWriter<File>,
    digest: Sha256,
    /// Directory that all files are in.
    top: String,
    /// Seconds since 1970 that all files are of.
    time: u64,
}

impl Tape {
    pub(super) fn new(out: File, top: String, time: u64) -> Self {
        Self {
            out: BufWriter::with_capacity(256 << 10, out),
            digest: Sha256::new(),
            top,
            time,
        }
    }

    /// Adds a file of `size` bytes.
    pub(super) fn add(&mut self, name: &str, size: u64, mut content: impl Read) -> io::Result<()> {
        self.put(&header(&self.top, name, size, self.time)?)?;
        let mut buffer = vec![0; 64 << 10];
        let mut left = size;
        while left > 0 {
            let want = usize::try_from(left).unwrap_or(usize::MAX);
            let most = want.min(buffer.len());
            let read = content.read(&mut buffer[..most])?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.put(&buffer[..read])?;
            left -= read as u64;
        }
        self.zeros(padding(size))
    }

    /// Ends it; gives its SHA-256.
    pub(super) fn finish(mut self) -> io::Result<[u8; 32]> {
        self.zeros(END)?;
        self.out.flush()?;
        self.out.get_ref().sync_all()?;
        Ok(self.digest.finalize().into())
    }

    fn zeros(&mut self, count: u64) -> io::Result<()> {
        let zeros = [0; 2 * BLOCK as usize];
        self.put(&zeros[..usize::try_from(count).expect("less than two blocks")])
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digest.update(bytes);
        self.out.write_all(bytes)
    }
}

fn padding(size: u64) -> u64 {
    size.next_multiple_of(BLOCK) - size
}

fn header(top: &str, name: &str, size: u64, time: u64) -> io::Result<[u8; 512]> {
    let mut header = Header::new_ustar();
    header.set_path(format!("{top}/{name}"))?;
    header.set_mode(0o600);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(size);
    header.set_mtime(time);
    header.set_entry_type(EntryType::Regular);
    header.set_cksum();
    Ok(*header.as_bytes())
}

/// Where the files of a tape are.
pub(super) struct Contents {
    /// By name: offset and size.
    pub(super) files: BTreeMap<String, (u64, u64)>,
    /// What is not as [`Tape`] writes it.
    pub(super) problems: Vec<String>,
}

/// Looks through a tar file. It ends at the first thing that is not as written, which is named.
pub(super) fn contents(file: &File) -> io::Result<Contents> {
    let length = file.metadata()?.len();
    let mut found = Contents {
        files: BTreeMap::new(),
        problems: Vec::new(),
    };
    let mut at = 0;
    let mut first = None;
    let mut last = "its beginning".to_owned();
    while at < length.saturating_sub(END) && found.files.len() < MOST {
        let mut block = [0; 512];
        file.read_exact_at(&mut block, at)?;
        let Some((top, name, size, time)) = parse(&block) else {
            found
                .problems
                .push(format!("the tar file is not as written behind {last}"));
            return Ok(found);
        };
        let (top_wanted, time_wanted) = first.get_or_insert_with(|| (top.clone(), time));
        let end = (at + BLOCK)
            .checked_add(size)
            .filter(|end| *end <= length - END);
        let fits =
            header(top_wanted, &name, size, *time_wanted).is_ok_and(|header| header == block);
        let Some(end) = end.filter(|_| fits && !found.files.contains_key(&name)) else {
            found.problems.push(format!(
                "{name}: its head in the tar file is not as written"
            ));
            return Ok(found);
        };
        if !all_zero(file, end, padding(size))? {
            found.problems.push(format!(
                "{name}: what follows it in the tar file is not as written"
            ));
        }
        found.files.insert(name.clone(), (at + BLOCK, size));
        at = end + padding(size);
        last = name;
    }
    if at + END != length || !all_zero(file, at, END)? {
        found
            .problems
            .push(format!("the tar file is not as written behind {last}"));
    }
    Ok(found)
}

/// Directory, name, size and time of an entry.
fn parse(block: &[u8; 512]) -> Option<(String, String, u64, u64)> {
    let mut header = Header::new_old();
    *header.as_mut_bytes() = *block;
    let path = header.path_bytes();
    let (top, name) = str::from_utf8(&path).ok()?.split_once('/')?;
    let plain = |text: &str| {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
        !text.is_empty() && text.bytes().all(known)
    };
    let named = (top.to_owned(), name.to_owned());
    (plain(top) && plain(name)).then_some(())?;
    Some((named.0, named.1, header.size().ok()?, header.mtime().ok()?))
}

fn all_zero(file: &File, from: u64, count: u64) -> io::Result<bool> {
    let mut bytes = vec![0; usize::try_from(count).unwrap_or_default()];
    file.read_exact_at(&mut bytes, from)?;
    Ok(bytes.iter().all(|byte| *byte == 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Seek as _;

    #[test]
    fn the_same_twice_and_no_changed_byte_passes() {
        let tape = || {
            let mut file = tempfile::tempfile().unwrap();
            let mut tape = Tape::new(file.try_clone().unwrap(), "top".to_owned(), 1_795_000_000);
            tape.add("a", 5, &b"hello"[..]).unwrap();
            tape.add("parts/b", 512, &[7; 512][..]).unwrap();
            tape.add("c", 0, &b""[..]).unwrap();
            let digest = tape.finish().unwrap();
            file.rewind().unwrap();
            let bytes = lapwing_core::bounded::read(&mut file, 1 << 20).unwrap();
            assert_eq!(digest[..], Sha256::digest(&bytes)[..]);
            bytes
        };
        let whole = tape();
        assert_eq!(whole, tape());
        let look = |bytes: &[u8]| {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(bytes).unwrap();
            contents(&file)
        };
        let found = look(&whole).unwrap();
        assert!(found.problems.is_empty(), "{:?}", found.problems);
        let names: Vec<&String> = found.files.keys().collect();
        assert_eq!(names, ["a", "c", "parts/b"]);
        let content = |at: usize| {
            let inside = |place: &(u64, u64)| (place.0..place.0 + place.1).contains(&(at as u64));
            found.files.values().any(inside)
        };
        for at in (0..whole.len()).filter(|at| !content(*at)) {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << (at % 8);
            let passes = look(&damaged).is_ok_and(|found| found.problems.is_empty());
            assert!(!passes, "byte {at}");
        }
        for cut in [1, 512, 1024, 1536, whole.len()] {
            let passes = look(&whole[..whole.len() - cut]);
            assert!(
                !passes.is_ok_and(|found| found.problems.is_empty()),
                "less {cut}"
            );
        }
        assert!(
            !look(&[&whole[..], &[0; 512]].concat())
                .unwrap()
                .problems
                .is_empty()
        );
    }
}
