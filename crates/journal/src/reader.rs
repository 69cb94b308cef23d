//! Reading records: following the journal as it grows, or one by position or sequence.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lapwing_core::{Keyring, StationId, Timestamp};
use serde_json::Value;

use crate::error::{Broken, JournalError};
use crate::line::{PartLine, SALT};
use crate::merkle::leaf_hash;
use crate::segment::{Unit, Units, segment_path, segments};
use crate::state::{Durable, DurableFile};

/// Where a record is: stays so for ever, also past erasures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Sequence of the first record in its segment.
    pub segment: u64,
    /// Bytes before it in that file.
    pub offset: u64,
}

/// One record as read.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Whose journal.
    pub station: StationId,
    /// Its number, counted from 0.
    pub sequence: u64,
    /// When it was appended.
    pub time: Timestamp,
    /// What the caller gave as [`Entry::body`](crate::Entry::body), or a record of the journal's
    /// own: `{"type":"gap",..}`, `{"type":"unmatched",..}`, `{"type":"erasure",..}`.
    pub body: Value,
    /// Where it is.
    pub position: Position,
    /// Its parts in plain, by name; erased ones are absent.
    pub parts: BTreeMap<String, Vec<u8>>,
    /// The salt of each of `parts`: SHA-256 over salt and plain bytes is in the record's line.
    pub salts: BTreeMap<String, [u8; 16]>,
    /// Names of the parts that are erased.
    pub erased: Vec<String>,
    /// The hash of its line as a leaf of the journal's tree.
    pub leaf: [u8; 32],
}

/// Reads records in order and follows the journal as it grows, in this or another process.
pub struct Reader {
    directory: PathBuf,
    keys: Keyring,
    durable: Option<DurableFile>,
    known: Durable,
    /// The record to return next.
    wanted: u64,
    /// The segment being read, and the sequence of its next record.
    units: Option<(Units, u64)>,
    /// Which parts are opened; `None` for all.
    opened: Option<&'static [&'static str]>,
}

impl Reader {
    /// Reads from the record after `after`, or from the first.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn open(
        directory: &Path,
        keys: &Keyring,
        after: Option<u64>,
    ) -> Result<Self, JournalError> {
        segments(directory)?;
        Ok(Self {
            directory: directory.to_owned(),
            keys: keys.clone(),
            durable: None,
            known: Durable::default(),
            wanted: after.map_or(0, |after| after.saturating_add(1)),
            units: None,
            opened: None,
        })
    }

    /// Opens only the parts of these names; the others are checked, but absent in the records.
    #[must_use]
    pub fn opening(mut self, parts: &'static [&'static str]) -> Self {
        self.opened = Some(parts);
        self
    }

    /// The next record that is known to be on disk; `None` if there is none yet: call again.
    ///
    /// # Errors
    /// I/O errors; [`JournalError::Broken`] if the record is not what was written, or a part does
    /// not open with these keys.
    #[expect(clippy::should_implement_trait, reason = "None is not the end")]
    pub fn next(&mut self) -> Result<Option<Record>, JournalError> {
        loop {
            if self.units.is_none() && !self.seek()? {
                return Ok(None);
            }
            let limit = self.limit();
            let Some((units, at)) = &mut self.units else {
                return Ok(None);
            };
            if limit > 0 {
                if *at < self.wanted && units.skip(limit, *at)? {
                    *at += 1;
                    continue;
                }
                if let Some(unit) = units.next(limit, *at)? {
                    *at += 1;
                    if *at <= self.wanted {
                        continue;
                    }
                    let record = record(units, &unit, &self.keys, self.wanted, self.opened)?;
                    self.wanted += 1;
                    return Ok(Some(record));
                }
            }
            let next = *at;
            if next == units.first() || !segment_path(&self.directory, next).exists() {
                return Ok(None);
            }
            if self.known.segment < next && self.durable.is_some() && self.limit_of(next) == 0 {
                return Ok(None);
            }
            self.units = Some((Units::open(&self.directory, next, 0, 0)?, next));
        }
    }

    /// The position behind the record that came last: up to there the journal stands as it is.
    #[must_use]
    pub fn end(&self) -> Option<Position> {
        let (units, _) = self.units.as_ref()?;
        let (offset, _) = units.position();
        let segment = units.first();
        Some(Position { segment, offset })
    }

    /// Opens the segment that holds, or will hold, the wanted record.
    fn seek(&mut self) -> Result<bool, JournalError> {
        let list = segments(&self.directory)?;
        let after = list.partition_point(|first| *first <= self.wanted);
        let Some(first) = after.checked_sub(1).map(|index| list[index]) else {
            return Ok(false);
        };
        self.units = Some((Units::open(&self.directory, first, 0, 0)?, first));
        Ok(true)
    }

    /// How far the present segment may be read.
    fn limit(&mut self) -> u64 {
        let Some((first, at)) = self.units.as_ref().map(|(units, at)| (units.first(), *at)) else {
            return 0;
        };
        if self.durable.is_none() {
            self.durable = DurableFile::open(&self.directory);
        }
        if at >= self.known.next
            && let Some(durable) = &self.durable
        {
            match durable.read() {
                Some(known) => self.known = known,
                // Damaged: as good as absent until a station writes it anew.
                None => return u64::MAX,
            }
        }
        self.limit_of(first)
    }

    fn limit_of(&self, segment: u64) -> u64 {
        match segment.cmp(&self.known.segment) {
            _ if self.durable.is_none() => u64::MAX,
            std::cmp::Ordering::Less => u64::MAX,
            std::cmp::Ordering::Equal => self.known.offset,
            std::cmp::Ordering::Greater => 0,
        }
    }
}

/// Reads the record of this sequence, which is at a position.
///
/// # Errors
/// I/O errors; [`JournalError::Broken`] if what is there is not that record as it was written.
pub fn read_at(
    directory: &Path,
    keys: &Keyring,
    position: Position,
    sequence: u64,
) -> Result<Record, JournalError> {
    let mut units = Units::open(directory, position.segment, position.offset, 0)?;
    let unit = units.next(u64::MAX, sequence).map_err(JournalError::from);
    let read = unit.and_then(|unit| match unit {
        Some(unit) => record(&units, &unit, keys, sequence, None),
        None => Err(JournalError::NoRecord(sequence)),
    });
    read.map_err(|error| match error {
        // Nobody counted the lines before it.
        JournalError::Broken(broken) => JournalError::Broken(Broken {
            line: 0,
            what: format!("{} (at byte {})", broken.what, position.offset),
            ..broken
        }),
        other => other,
    })
}

/// Reads a record by its sequence; `None` if there is none (yet).
///
/// # Errors
/// I/O errors; [`JournalError::Broken`] if it is not what was written.
pub fn read_sequence(
    directory: &Path,
    keys: &Keyring,
    sequence: u64,
) -> Result<Option<Record>, JournalError> {
    find(directory, sequence)?
        .map(|(units, unit)| record(&units, &unit, keys, sequence, None))
        .transpose()
}

/// Finds a record by its sequence: its segment by name, then line by line.
pub(crate) fn find(directory: &Path, sequence: u64) -> Result<Option<(Units, Unit)>, JournalError> {
    let list = segments(directory)?;
    let after = list.partition_point(|first| *first <= sequence);
    let Some(first) = after.checked_sub(1).map(|index| list[index]) else {
        return Ok(None);
    };
    let mut units = Units::open(directory, first, 0, 0)?;
    for at in first..sequence {
        if !units.skip(u64::MAX, at)? {
            return Ok(None);
        }
    }
    let Some(unit) = units.next(u64::MAX, sequence)? else {
        return Ok(None);
    };
    if unit.envelope.sequence != sequence {
        let what = format!("holds sequence {}", unit.envelope.sequence);
        return Err(units.broken(0, sequence, what).into());
    }
    Ok(Some((units, unit)))
}

fn record(
    units: &Units,
    unit: &Unit,
    keys: &Keyring,
    expected: u64,
    opened: Option<&[&str]>,
) -> Result<Record, JournalError> {
    let envelope = &unit.envelope;
    let broken = |what: String| {
        let mut broken = units.broken(0, expected, what);
        broken.line = unit.line_number;
        broken
    };
    if envelope.sequence != expected {
        return Err(broken(format!("holds sequence {}", envelope.sequence)).into());
    }
    let line = units.bytes(&unit.line);
    let body = envelope.body_value(line);
    let leaf = leaf_hash(line);
    let mut parts = BTreeMap::new();
    let mut salts: BTreeMap<String, [u8; SALT]> = BTreeMap::new();
    let mut erased = Vec::new();
    for (part, range) in envelope.parts.iter().zip(&unit.parts) {
        let line = units.bytes(range);
        let name = |what| broken(format!("{what} ({})", part.name));
        if part.check(line).map_err(name)? == PartLine::Erased {
            erased.push(part.name.clone());
            continue;
        }
        if opened.is_some_and(|opened| !opened.contains(&part.name.as_str())) {
            continue;
        }
        let (salt, plain) = part.open(line, keys).map_err(name)?;
        salts.insert(part.name.clone(), salt);
        parts.insert(part.name.clone(), plain);
    }
    Ok(Record {
        station: envelope.station,
        sequence: envelope.sequence,
        time: envelope.time,
        body: body.map_err(|what| broken(what.to_owned()))?,
        position: Position {
            segment: units.first(),
            offset: unit.offset,
        },
        parts,
        salts,
        erased,
        leaf,
    })
}
