//! Taking one part out of a closed segment. Its line is replaced by a blank one of the same
//! length, so every other line keeps its place, and the file is replaced as a whole.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use crate::disk::{Disk as _, FileSystem, private};
use crate::error::JournalError;
use crate::line::{PartLine, erased_line};
use crate::reader::find;
use crate::segment::segment_path;

/// Where a part's line is.
struct Place {
    segment: u64,
    offset: u64,
    length: usize,
    state: PartLine,
}

/// Length of the line of a part that is there.
pub(crate) fn part_bytes(directory: &Path, sequence: u64, part: &str) -> Result<u64, JournalError> {
    let place = place(directory, sequence, part)?;
    match place.state {
        PartLine::Present => Ok(place.length as u64),
        PartLine::Erased => Err(no_part(sequence, part)),
    }
}

/// Writes the segment anew without the part. The segment must be closed.
pub(crate) fn rewrite(directory: &Path, sequence: u64, part: &str) -> Result<(), JournalError> {
    let place = place(directory, sequence, part)?;
    let blank = erased_line(part, place.length).ok_or_else(|| no_part(sequence, part))?;
    let path = segment_path(directory, place.segment);
    let new = path.with_extension("new");
    FileSystem
        .remove(&new)
        .and_then(|()| copy(&path, &new, place.offset, &blank))
        .and_then(|()| std::fs::rename(&new, &path))
        .and_then(|()| FileSystem.sync_directory(directory))
        .map_err(JournalError::io("rewrite", &path))
}

fn copy(from: &Path, to: &Path, offset: u64, blank: &[u8]) -> io::Result<()> {
    let mut source = File::open(from)?;
    let mut target = private(OpenOptions::new().write(true), to)?;
    io::copy(&mut Read::by_ref(&mut source).take(offset), &mut target)?;
    target.write_all(blank)?;
    source.seek(SeekFrom::Start(offset + blank.len() as u64))?;
    io::copy(&mut source, &mut target)?;
    target.sync_all()
}

fn place(directory: &Path, sequence: u64, part: &str) -> Result<Place, JournalError> {
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
    Ok(Place {
        segment: units.first(),
        offset: unit.offset + range.start as u64,
        length: range.len(),
        state,
    })
}

fn no_part(sequence: u64, part: &str) -> JournalError {
    JournalError::NoPart {
        sequence,
        part: part.to_owned(),
    }
}
