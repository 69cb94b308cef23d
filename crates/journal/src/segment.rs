//! Segment files by name, and reading them: lines with a length limit, grouped into a record and
//! the lines of its parts. Reading may stop at the end of a growing file and go on later.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::error::{Broken, JournalError};
use crate::line::{Envelope, MAX_LINE, MAX_UNIT};

/// What the line of a record starts with, and that of a part does not.
pub(crate) const RECORD: &[u8] = b"{\"body\":";
/// What one read from a file asks for, in bytes.
const READ: usize = 128 << 10;

/// The file name of the segment that starts with this record.
pub(crate) fn segment_name(first: u64) -> String {
    format!("{first:020}.jsonl")
}

pub(crate) fn segment_path(directory: &Path, first: u64) -> PathBuf {
    directory.join(segment_name(first))
}

/// The first records of all segments in a directory, in order.
pub(crate) fn segments(directory: &Path) -> Result<Vec<u64>, JournalError> {
    let failed = || JournalError::io("list", directory);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed())? {
        let name = entry.map_err(failed())?.file_name();
        if let Some(first) = name.to_str().and_then(first_of) {
            found.push(first);
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn first_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".jsonl")?;
    let plain = digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

/// Lines of a file. What was read since the last [`Lines::commit`] can be read again; ranges are
/// counted from there.
pub(crate) struct Lines {
    file: File,
    buffer: Vec<u8>,
    /// Where in `buffer` the uncommitted bytes start, and their offset in the file.
    start: usize,
    offset: u64,
    /// How far lines were handed out, from `start`.
    cursor: usize,
}

impl Lines {
    pub(crate) fn open(path: &Path, offset: u64) -> io::Result<Self> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(offset))?;
        Ok(Self {
            file,
            buffer: Vec::new(),
            start: 0,
            offset,
            cursor: 0,
        })
    }

    /// The next line that ends before `limit` (an offset in the file), without its line feed.
    pub(crate) fn next(&mut self, limit: u64) -> io::Result<Option<Range<usize>>> {
        let mut searched = self.cursor;
        loop {
            if let Some(found) = find_line_feed(&self.buffer[self.start + searched..]) {
                let line = self.cursor..searched + found;
                self.cursor = line.end + 1;
                return Ok(Some(line));
            }
            searched = self.buffer.len() - self.start;
            if searched - self.cursor > MAX_LINE || searched > MAX_UNIT + READ {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "a line is longer than the limit",
                ));
            }
            if self.fill(limit)? == 0 {
                return Ok(None);
            }
        }
    }

    /// Reads on, but not past `limit`. Gives the number of bytes.
    fn fill(&mut self, limit: u64) -> io::Result<usize> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let have = self.buffer.len();
        let room = limit.saturating_sub(self.offset + have as u64);
        let want = usize::try_from(room).unwrap_or(READ).min(READ);
        self.buffer.resize(have + want, 0);
        let read = self.file.read(&mut self.buffer[have..]);
        self.buffer
            .truncate(have + read.as_ref().map_or(0, |read| *read));
        read
    }

    pub(crate) fn bytes(&self, range: &Range<usize>) -> &[u8] {
        &self.buffer[self.start + range.start..self.start + range.end]
    }

    /// Gives up the lines handed out so far; ranges into them are void.
    pub(crate) fn commit(&mut self) {
        self.offset += self.cursor as u64;
        self.start += self.cursor;
        self.cursor = 0;
    }

    /// Hands out again what came since the last commit.
    pub(crate) fn rewind(&mut self) {
        self.cursor = 0;
    }

    /// Bytes read that are no complete line.
    pub(crate) fn rest(&self) -> u64 {
        (self.buffer.len() - self.start - self.cursor) as u64
    }
}

/// `contains` on bytes is vectorised in `std`, `position` is not.
fn find_line_feed(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    for chunk in bytes.chunks(256) {
        if chunk.contains(&b'\n') {
            return chunk.iter().position(|b| *b == b'\n').map(|i| at + i);
        }
        at += chunk.len();
    }
    None
}

/// A record with its part lines, as read. Ranges are into the [`Units`] it came from.
pub(crate) struct Unit {
    pub(crate) offset: u64,
    /// Line number of the record in the segment, from 1.
    pub(crate) line_number: u64,
    pub(crate) line: Range<usize>,
    pub(crate) envelope: Envelope,
    pub(crate) parts: Vec<Range<usize>>,
}

/// Reads a segment record by record.
pub(crate) struct Units {
    lines: Lines,
    first: u64,
    /// Whether the lines still hold a unit that was handed out.
    consumed: bool,
    /// Complete lines before the next unit.
    line_number: u64,
}

impl Units {
    pub(crate) fn open(
        directory: &Path,
        first: u64,
        offset: u64,
        line_number: u64,
    ) -> Result<Self, JournalError> {
        let path = segment_path(directory, first);
        let lines = Lines::open(&path, offset).map_err(JournalError::io("open", &path))?;
        Ok(Self {
            lines,
            first,
            consumed: false,
            line_number,
        })
    }

    /// The first record of this segment.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// Offset of the next unit, and how many lines are before it.
    pub(crate) fn position(&self) -> (u64, u64) {
        let pending = if self.consumed { self.lines.cursor } else { 0 };
        (self.lines.offset + pending as u64, self.line_number)
    }

    /// Bytes after the last unit that are no complete unit.
    pub(crate) fn rest(&self) -> u64 {
        self.lines.rest()
    }

    pub(crate) fn bytes(&self, range: &Range<usize>) -> &[u8] {
        self.lines.bytes(range)
    }

    /// The next record whose line and part lines all end before `limit`. `expected` is the record
    /// that should come, to name it if something else does.
    pub(crate) fn next(&mut self, limit: u64, expected: u64) -> Result<Option<Unit>, Broken> {
        self.drop_consumed();
        let Some(line) = self.line(limit, 0, expected)? else {
            return Ok(None);
        };
        let envelope = Envelope::parse(self.lines.bytes(&line))
            .map_err(|what| self.broken(0, expected, what))?;
        let mut parts = Vec::with_capacity(envelope.parts.len());
        for index in 0..envelope.parts.len() {
            let Some(part) = self.line(limit, 1 + index as u64, expected)? else {
                self.lines.rewind();
                return Ok(None);
            };
            parts.push(part);
        }
        let unit = Unit {
            offset: self.lines.offset,
            line_number: self.line_number + 1,
            line,
            envelope,
            parts,
        };
        self.line_number += 1 + unit.parts.len() as u64;
        self.consumed = true;
        Ok(Some(unit))
    }

    /// Skips a record and its part lines, looking only at how lines start. False, and nothing
    /// skipped, if no other record follows: then only reading tells whether it is complete.
    pub(crate) fn skip(&mut self, limit: u64, expected: u64) -> Result<bool, Broken> {
        self.drop_consumed();
        let mut lines = 0;
        loop {
            let before = self.lines.cursor;
            let Some(line) = self.line(limit, lines, expected)? else {
                self.lines.rewind();
                return Ok(false);
            };
            if lines > 0 && self.lines.bytes(&line).starts_with(RECORD) {
                self.lines.cursor = before;
                self.lines.commit();
                self.line_number += lines;
                return Ok(true);
            }
            lines += 1;
        }
    }

    pub(crate) fn broken(&self, ahead: u64, sequence: u64, what: impl Into<String>) -> Broken {
        Broken {
            segment: segment_name(self.first),
            line: self.line_number + 1 + ahead,
            sequence: Some(sequence),
            what: what.into(),
        }
    }

    fn drop_consumed(&mut self) {
        if self.consumed {
            self.lines.commit();
            self.consumed = false;
        }
    }

    fn line(
        &mut self,
        limit: u64,
        ahead: u64,
        expected: u64,
    ) -> Result<Option<Range<usize>>, Broken> {
        self.lines
            .next(limit)
            .map_err(|error| self.broken(ahead, expected, error.to_string()))
    }
}
