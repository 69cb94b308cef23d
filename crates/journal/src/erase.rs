//! Taking parts out of a closed segment. The line of each is replaced by a blank one of the same length,
//! so every other line keeps its place, and the file is replaced as a whole: whoever reads it at the time
//! reads it as it was.
//!
//! What goes is on record before it goes. A process that dies in between leaves a record of an erasure
//! that was not done, which is no fault, and a copy without a name of ours, which the next one removes.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use lapwing_core::{Keyring, StationId, Timestamp};
use serde_json::{Value, json};

use crate::disk::{Disk as _, FileSystem, private};
use crate::error::{Broken, JournalError};
use crate::line::{MAX_LINE, PartLine, erased_line};
use crate::reader::find;
use crate::segment::{Unit, Units, segment_name, segment_path, segments};
use crate::state::DurableFile;

/// Parts named in one record of an erasure, at most: some 50 kB.
pub(crate) const TOGETHER: usize = 1000;

/// A part that is there and can be erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandingPart {
    /// Of which record.
    pub record: u64,
    /// Its name.
    pub name: String,
    /// Length of its line, in bytes.
    pub bytes: u64,
    /// What the caller wants to stand in the record of the erasure beside it, in the clear: a word.
    pub note: Option<String>,
    /// Where its line is in the segment.
    offset: u64,
}

/// A record as [`Survey`] sees it.
#[derive(Clone, Debug)]
pub struct Surveyed {
    /// Whose journal.
    pub station: StationId,
    /// Its number.
    pub sequence: u64,
    /// When it was appended.
    pub time: Timestamp,
    /// As [`Record::body`](crate::Record).
    pub body: Value,
    /// The parts that are there.
    pub parts: Vec<StandingPart>,
    /// Names of those that are erased.
    pub erased: Vec<String>,
}

/// Goes through the durable records of one segment without opening their parts.
pub struct Survey {
    units: Units,
    limit: u64,
    next: u64,
    unit: Option<Unit>,
}

impl Survey {
    /// The first records of all segments, by which they are named, in order.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn segments(directory: &Path) -> Result<Vec<u64>, JournalError> {
        segments(directory)
    }

    /// Opens the segment that begins with record `segment`.
    ///
    /// # Errors
    /// If there is none, or it cannot be read.
    pub fn open(directory: &Path, segment: u64) -> Result<Self, JournalError> {
        let durable = DurableFile::open(directory).and_then(|file| file.read());
        let limit = match durable {
            Some(durable) if durable.segment == segment => durable.offset,
            Some(durable) if durable.segment < segment => 0,
            _ => u64::MAX,
        };
        Ok(Self {
            units: Units::open(directory, segment, 0, 0)?,
            limit,
            next: segment,
            unit: None,
        })
    }

    /// The next record; `None` after the last.
    ///
    /// # Errors
    /// [`JournalError::Broken`] if it is not what was written.
    #[expect(clippy::should_implement_trait, reason = "it can fail")]
    pub fn next(&mut self) -> Result<Option<Surveyed>, JournalError> {
        self.unit = None;
        if self.limit == 0 {
            return Ok(None);
        }
        let Some(unit) = self.units.next(self.limit, self.next)? else {
            return Ok(None);
        };
        let envelope = &unit.envelope;
        let broken = |what: String| self.units.broken(0, self.next, what);
        if envelope.sequence != self.next {
            return Err(broken(format!("holds sequence {}", envelope.sequence)).into());
        }
        let body = envelope.body_value(self.units.bytes(&unit.line));
        let mut surveyed = Surveyed {
            station: envelope.station,
            sequence: envelope.sequence,
            time: envelope.time,
            body: body.map_err(|what| broken(what.to_owned()))?,
            parts: Vec::new(),
            erased: Vec::new(),
        };
        for (part, range) in envelope.parts.iter().zip(&unit.parts) {
            let state = part.check(self.units.bytes(range));
            match state.map_err(|what| broken(format!("{what} ({})", part.name)))? {
                PartLine::Erased => surveyed.erased.push(part.name.clone()),
                PartLine::Present => surveyed.parts.push(StandingPart {
                    record: envelope.sequence,
                    name: part.name.clone(),
                    bytes: range.len() as u64,
                    note: None,
                    offset: unit.offset + range.start as u64,
                }),
            }
        }
        self.next += 1;
        self.unit = Some(unit);
        Ok(Some(surveyed))
    }

    /// Opens a part of the record that [`Survey::next`] gave last; `None` if it has none of that name, or
    /// it is erased.
    ///
    /// # Errors
    /// [`JournalError::Broken`] if it does not open with these keys.
    pub fn open_part(&self, name: &str, keys: &Keyring) -> Result<Option<Vec<u8>>, JournalError> {
        let Some(unit) = &self.unit else {
            return Ok(None);
        };
        let parts = unit.envelope.parts.iter().zip(&unit.parts);
        let Some((part, range)) = parts.into_iter().find(|(part, _)| part.name == name) else {
            return Ok(None);
        };
        let line = self.units.bytes(range);
        let broken = |what: &str| {
            let what = format!("{what} ({name})");
            self.units.broken(0, unit.envelope.sequence, what)
        };
        if part.check(line).map_err(broken)? == PartLine::Erased {
            return Ok(None);
        }
        let (_, plain) = part.open(line, keys).map_err(broken)?;
        Ok(Some(plain))
    }
}

/// The segment that holds a record and one part of it that is there.
pub(crate) fn standing(
    directory: &Path,
    sequence: u64,
    part: &str,
) -> Result<(u64, StandingPart), JournalError> {
    let (units, unit) = find(directory, sequence)?.ok_or(JournalError::NoRecord(sequence))?;
    let parts = &unit.envelope.parts;
    let index = parts
        .iter()
        .position(|known| known.name == part)
        .ok_or_else(|| no_part(sequence, part))?;
    let range = &unit.parts[index];
    let state = parts[index]
        .check(units.bytes(range))
        .map_err(|what| units.broken(0, sequence, what))?;
    if state == PartLine::Erased {
        return Err(no_part(sequence, part));
    }
    let found = StandingPart {
        record: sequence,
        name: part.to_owned(),
        bytes: range.len() as u64,
        note: None,
        offset: unit.offset + range.start as u64,
    };
    Ok((units.first(), found))
}

/// The body of the record that says that these parts are erased, and why: a word, `retention`.
pub(crate) fn body(cause: &str, parts: &[StandingPart]) -> Value {
    let parts: Vec<Value> = parts
        .iter()
        .map(|part| {
            let mut about = json!({"bytes": part.bytes, "part": part.name, "record": part.record});
            if let Some(note) = &part.note {
                about["note"] = json!(note);
            }
            about
        })
        .collect();
    json!({"cause": cause, "parts": parts, "type": "erasure"})
}

/// Whether a segment is the one that is written.
pub(crate) fn is_last(directory: &Path, segment: u64) -> Result<bool, JournalError> {
    Ok(segments(directory)?.last() == Some(&segment))
}

/// Writes a segment anew without these parts, which must be in the order of their places. The segment must
/// be closed, and the erasure on record. What is erased already may be among them.
pub(crate) fn rewrite(
    directory: &Path,
    segment: u64,
    parts: &[StandingPart],
) -> Result<(), JournalError> {
    let path = segment_path(directory, segment);
    let new = path.with_extension(NEW);
    FileSystem
        .remove(&new)
        .map_err(JournalError::io("remove", &new))?;
    let copied = copy(&path, &new, parts).map_err(JournalError::io("rewrite", &path))?;
    if let Err(record) = copied {
        let _ = FileSystem.remove(&new);
        return Err(Broken {
            segment: segment_name(segment),
            line: 0,
            sequence: Some(record),
            what: "the part to erase does not stand where it was; nothing was erased".to_owned(),
        }
        .into());
    }
    std::fs::rename(&new, &path)
        .and_then(|()| FileSystem.sync_directory(directory))
        .map_err(JournalError::io("rewrite", &path))
}

/// Ending of the name of a segment that is being rewritten.
const NEW: &str = "new";

/// Removes what a process left behind that died while it rewrote a segment.
pub(crate) fn sweep(directory: &Path) -> Result<(), JournalError> {
    let failed = || JournalError::io("list", directory);
    for entry in std::fs::read_dir(directory).map_err(failed())? {
        let path: PathBuf = entry.map_err(failed())?.path();
        if path.extension().is_some_and(|extension| extension == NEW) {
            FileSystem
                .remove(&path)
                .map_err(JournalError::io("remove", &path))?;
        }
    }
    Ok(())
}

/// Copies the segment with blanks in the place of parts; gives the record of a part that is not where it
/// should be.
fn copy(from: &Path, to: &Path, parts: &[StandingPart]) -> io::Result<Result<(), u64>> {
    let mut source = File::open(from)?;
    let mut target = private(OpenOptions::new().write(true).truncate(true), to)?;
    let mut at = 0;
    for part in parts {
        let fits = part.offset >= at && part.bytes <= MAX_LINE as u64;
        let Some(blank) = blank(part).filter(|_| fits) else {
            return Ok(Err(part.record));
        };
        pass(&mut source, &mut target, part.offset - at)?;
        // With its line feed: only a whole line is replaced.
        let line = lapwing_core::bounded::read(
            Read::by_ref(&mut source).take(part.bytes + 1),
            part.bytes + 1,
        )?;
        let Some((b'\n', content)) = line.split_last() else {
            return Ok(Err(part.record));
        };
        if content != blank && !is_part(content, &part.name) {
            return Ok(Err(part.record));
        }
        target.write_all(&blank)?;
        target.write_all(b"\n")?;
        at = part.offset + part.bytes + 1;
    }
    source.seek(SeekFrom::Start(at))?;
    io::copy(&mut source, &mut target)?;
    target.sync_all()?;
    Ok(Ok(()))
}

fn pass(source: &mut File, target: &mut File, bytes: u64) -> io::Result<()> {
    if io::copy(&mut source.take(bytes), target)? == bytes {
        Ok(())
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

fn blank(part: &StandingPart) -> Option<Vec<u8>> {
    erased_line(&part.name, usize::try_from(part.bytes).ok()?)
}

/// Whether a line is that of a part with this name.
fn is_part(line: &[u8], name: &str) -> bool {
    let head = &line[..line.len().min(64 + name.len())];
    let named = format!(",\"part\":\"{name}\",\"sealed\":\"");
    line.starts_with(b"{\"epoch\":") && head.windows(named.len()).any(|it| it == named.as_bytes())
}

fn no_part(sequence: u64, part: &str) -> JournalError {
    JournalError::NoPart {
        sequence,
        part: part.to_owned(),
    }
}
