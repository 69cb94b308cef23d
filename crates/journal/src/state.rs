//! Two small files beside the segments, neither of them evidence: `durable` says how far the log
//! is known to be on disk, so that readers in any process stop there; `frontier` lets a station
//! start without reading all segments. Both carry a checksum; damaged or missing, they are ignored.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::disk::private;
use crate::line::hash_of;
use crate::merkle::{Frontier, Hash};

/// How far the log is on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Durable {
    /// Records.
    pub(crate) next: u64,
    /// The segment that is written.
    pub(crate) segment: u64,
    /// Its synced bytes.
    pub(crate) offset: u64,
}

/// Length of the file: three numbers of 20 digits, a checksum of 16, blanks and a line feed.
const LENGTH: usize = 3 * 21 + 17;

impl Durable {
    fn encode(&self) -> String {
        let numbers = format!(
            "{:020} {:020} {:020} ",
            self.next, self.segment, self.offset
        );
        let check = checksum(numbers.as_bytes());
        format!("{numbers}{check}\n")
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let text = str::from_utf8(bytes).ok()?;
        let mut words = text.split_ascii_whitespace();
        let mut number = || words.next()?.parse().ok();
        let durable = Self {
            next: number()?,
            segment: number()?,
            offset: number()?,
        };
        (durable.encode() == text).then_some(durable)
    }
}

/// The `durable` file. The writer overwrites it after each sync; it is never synced itself, so
/// what it says is true at any time but may be old after a power cut.
pub(crate) struct DurableFile(File);

impl DurableFile {
    pub(crate) fn create(directory: &Path) -> io::Result<Self> {
        let path = directory.join("durable");
        private(OpenOptions::new().read(true).write(true), &path).map(Self)
    }

    /// `None` if there is none (a copied journal).
    pub(crate) fn open(directory: &Path) -> Option<Self> {
        File::open(directory.join("durable")).ok().map(Self)
    }

    pub(crate) fn write(&self, durable: &Durable) -> io::Result<()> {
        self.0.write_all_at(durable.encode().as_bytes(), 0)
    }

    /// What it says. A read that meets a write is repeated.
    pub(crate) fn read(&self) -> Option<Durable> {
        for _ in 0..100 {
            let mut bytes = [0; LENGTH];
            match self.0.read_exact_at(&mut bytes, 0) {
                Ok(()) => {
                    if let Some(durable) = Durable::decode(&bytes) {
                        return Some(durable);
                    }
                }
                Err(_) => return None,
            }
            std::thread::yield_now();
        }
        None
    }
}

/// Where a scan of the log can start: the state after `frontier.size()` records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) frontier: Frontier,
    /// Digest of the last record.
    pub(crate) previous: Hash,
    pub(crate) segment: u64,
    pub(crate) offset: u64,
    /// Complete lines before `offset`.
    pub(crate) lines: u64,
}

impl Start {
    pub(crate) fn encode(&self) -> String {
        let mut text = format!(
            "{} {} {} {} {}",
            self.frontier.size(),
            self.segment,
            self.offset,
            self.lines,
            HEXLOWER.encode(&self.previous)
        );
        for node in self.frontier.nodes() {
            text.push(' ');
            text.push_str(&HEXLOWER.encode(node));
        }
        let check = checksum(text.as_bytes());
        format!("{text} {check}\n")
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let text = str::from_utf8(bytes).ok()?;
        let (content, check) = text.strip_suffix('\n')?.rsplit_once(' ')?;
        if checksum(content.as_bytes()) != check {
            return None;
        }
        let mut words = content.split(' ');
        let mut number = || words.next()?.parse().ok();
        let (size, segment, offset, lines) = (number()?, number()?, number()?, number()?);
        let previous = hash_of(words.next()?).ok()?;
        let nodes = words
            .map(|word| hash_of(word).ok())
            .collect::<Option<_>>()?;
        Some(Self {
            frontier: Frontier::from_parts(size, nodes)?,
            previous,
            segment,
            offset,
            lines,
        })
    }
}

fn checksum(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes)[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_back_or_ignored() {
        let durable = Durable {
            next: 7,
            segment: 3,
            offset: u64::MAX,
        };
        let text = durable.encode();
        assert_eq!(text.len(), LENGTH);
        assert_eq!(Durable::decode(text.as_bytes()), Some(durable));
        let mut frontier = Frontier::default();
        for leaf in 0..7 {
            frontier.push([leaf; 32]);
        }
        let start = Start {
            frontier,
            previous: [9; 32],
            segment: 1,
            offset: 2,
            lines: 3,
        };
        let long = start.encode();
        assert_eq!(Start::decode(long.as_bytes()), Some(start));
        for at in 0..long.len() {
            let mut bytes = long.clone().into_bytes();
            bytes[at] ^= 1;
            assert_eq!(Start::decode(&bytes), None);
            if at < text.len() {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1;
                assert_eq!(Durable::decode(&bytes), None);
            }
        }
    }
}
