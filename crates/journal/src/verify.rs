//! Checking a whole journal against its station's public key, in one pass and bounded memory.

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use data_encoding::HEXLOWER;
use lapwing_core::Keyring;
use serde_json::Value;

use crate::checkpoints::Notes;
use crate::error::{Broken, JournalError};
use crate::line::PartLine;
use crate::merkle::Frontier;
use crate::note::Note;
use crate::segment::{segment_name, segments};
use crate::state::{DurableFile, Start};
use crate::walk::{Step, walk};

/// Records between two calls of the progress function.
const STRIDE: u64 = 1024;

/// A journal that is what its station wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Complete records.
    pub records: u64,
    /// Segment files.
    pub segments: u64,
    /// Records under the newest checkpoint.
    pub size: u64,
    /// Root of the newest checkpoint, 64 hex digits.
    pub root_hex: String,
    /// The newest checkpoint, a signed note.
    pub checkpoint: String,
    /// Parts whose line was checked; with keys they were opened too.
    pub parts_checked: u64,
    /// Parts that were erased, each with a record of it.
    pub parts_erased: u64,
    /// How many of them by why they went and what they are called: `("retention", "raw")`. Older
    /// journals do not say why.
    pub erased: BTreeMap<(String, String), u64>,
    /// Bytes of an unfinished record after the last: a station cuts them when it starts.
    pub torn_bytes: u64,
}

/// Verifies all records, parts and checkpoints. Every line must be as written and in its place;
/// all that a checkpoint or the `durable` file counts must be there; an erased part needs a record
/// of its erasure. With `keys` each part is opened and compared with its digest, too. `progress`
/// is called with the number of records now and then, and at the end.
///
/// A directory in which no station has run yet holds no records and is fine.
///
/// What cannot be seen from inside: a journal cut back together with its checkpoints, or written
/// anew by who has the signing key. Compare [`Verified::checkpoint`] with one held elsewhere.
///
/// # Errors
/// The first thing that is not as written. A file that cannot be read is that, too.
pub fn verify(
    directory: &Path,
    public_key: &[u8; 32],
    keys: Option<&Keyring>,
    progress: &mut dyn FnMut(u64),
) -> Result<Verified, Broken> {
    verify_all(directory, public_key, keys, progress).map_err(|error| match error {
        JournalError::Broken(broken) => broken,
        other => Broken {
            segment: directory.display().to_string(),
            line: 0,
            sequence: None,
            what: other.to_string(),
        },
    })
}

fn verify_all(
    directory: &Path,
    public_key: &[u8; 32],
    keys: Option<&Keyring>,
    progress: &mut dyn FnMut(u64),
) -> Result<Verified, JournalError> {
    // Before the segments are listed, so that what a running station adds meanwhile is not missed.
    let durable = DurableFile::open(directory).and_then(|file| file.read());
    let list = segments(directory)?;
    if list.is_empty() && !Notes::exist(directory) && durable.is_none() {
        return Ok(Verified::default());
    }
    let mut check = Check::new(Notes::open(directory, public_key)?, keys)?;
    let mut visit = |step: &Step<'_>| {
        if step.unit.envelope.sequence.is_multiple_of(STRIDE) {
            progress(step.unit.envelope.sequence);
        }
        check.record(step)
    };
    let mut end = walk(directory, &list, Start::default(), None, &mut visit)?;
    // A running station may have erased what was not read yet. That is on record before it is done, at the
    // end, which has grown then.
    let mut list = list;
    while !check.erased.is_empty() {
        let before = end.start.frontier.size();
        list = segments(directory)?;
        let mut visit = |step: &Step<'_>| check.record(step);
        end = walk(directory, &list, end.start, None, &mut visit)?;
        if end.start.frontier.size() == before {
            break;
        }
    }
    let records = end.start.frontier.size();
    progress(records);
    let counted = durable.map_or(0, |durable| durable.next);
    check.complete(&end.start, counted)?;
    Ok(Verified {
        records,
        segments: list.len() as u64,
        size: check.newest.size,
        root_hex: HEXLOWER.encode(&check.newest.root),
        checkpoint: check.newest.text,
        parts_checked: check.parts_checked,
        parts_erased: check.gone.values().sum(),
        erased: check.gone,
        torn_bytes: end.torn,
    })
}

/// What is carried from record to record.
struct Check<'a> {
    notes: Notes,
    keys: Option<&'a Keyring>,
    newest: Note,
    /// The note that comes next.
    coming: Option<Note>,
    /// Erased parts whose erasure has not been met, by record and name of the part.
    erased: BTreeMap<(u64, Rc<str>), Unexplained>,
    /// The names among them; there are few.
    names: Vec<Rc<str>>,
    parts_checked: u64,
    /// Erased parts whose erasure was met, by its cause and their names.
    gone: BTreeMap<(String, String), u64>,
}

/// Where an erased part was, as long as no record says so. There may be millions.
struct Unexplained {
    /// Length of its line.
    bytes: u64,
    segment: u64,
    line: u64,
}

impl Unexplained {
    fn broken(&self, record: u64, part: &str) -> Broken {
        Broken {
            segment: segment_name(self.segment),
            line: self.line,
            sequence: Some(record),
            what: format!("a part is gone without a record of its erasure ({part})"),
        }
    }
}

impl<'a> Check<'a> {
    fn new(mut notes: Notes, keys: Option<&'a Keyring>) -> Result<Self, Broken> {
        let newest = match notes.next()? {
            Some(first) if first.root == Frontier::default().root() => first,
            _ => return Err(notes.broken("the first one, of the empty journal, is missing")),
        };
        Ok(Self {
            coming: notes.next()?,
            notes,
            keys,
            newest,
            erased: BTreeMap::new(),
            names: Vec::new(),
            parts_checked: 0,
            gone: BTreeMap::new(),
        })
    }

    fn record(&mut self, step: &Step<'_>) -> Result<(), Broken> {
        self.parts(step)?;
        let line = step.units.bytes(&step.unit.line);
        if step.unit.envelope.may_be_erasure(line) {
            self.erasure(step, line)?;
        }
        let frontier = &step.after.frontier;
        if let Some(note) = self.coming.take_if(|note| note.size == frontier.size()) {
            if note.root != frontier.root() {
                return Err(step.broken("the checkpoint up to here is of other records"));
            }
            self.newest = note;
            self.coming = self.notes.next()?;
        }
        Ok(())
    }

    fn parts(&mut self, step: &Step<'_>) -> Result<(), Broken> {
        let envelope = &step.unit.envelope;
        for (index, part) in envelope.parts.iter().enumerate() {
            let line = step.units.bytes(&step.unit.parts[index]);
            let broken = |what: &str| {
                let mut broken = step.broken(format!("{what} ({})", part.name));
                broken.line += 1 + index as u64;
                broken
            };
            if step.parts[index] == PartLine::Erased {
                let unexplained = Unexplained {
                    bytes: line.len() as u64,
                    segment: step.units.first(),
                    line: step.unit.line_number + 1 + index as u64,
                };
                let key = (envelope.sequence, self.name(&part.name));
                self.erased.insert(key, unexplained);
                continue;
            }
            if let Some(keys) = self.keys {
                part.open(line, keys).map_err(broken)?;
            }
            self.parts_checked += 1;
        }
        Ok(())
    }

    fn erasure(&mut self, step: &Step<'_>, line: &[u8]) -> Result<(), Broken> {
        let body = step.unit.envelope.body_value(line);
        let body = body.map_err(|what| step.broken(what))?;
        if body["type"] != "erasure" {
            return Ok(());
        }
        let cause = body["cause"].as_str().unwrap_or_default();
        let parts = match &body["parts"] {
            Value::Array(parts) => parts.as_slice(),
            // One part alone, as it was written once.
            _ => std::slice::from_ref(&body),
        };
        for part in parts {
            self.explained(step, cause, part)?;
        }
        Ok(())
    }

    /// A record says that a part was erased.
    fn explained(&mut self, step: &Step<'_>, cause: &str, about: &Value) -> Result<(), Broken> {
        let named = about["record"].as_u64().zip(about["part"].as_str());
        let (record, part) = named.ok_or_else(|| step.broken("an erasure of nothing"))?;
        let key = (record, self.name(part));
        match self.erased.remove(&key) {
            Some(missing) if about["bytes"].as_u64() != Some(missing.bytes) => {
                Err(missing.broken(record, part))
            }
            Some(_) => {
                *self
                    .gone
                    .entry((cause.to_owned(), part.to_owned()))
                    .or_default() += 1;
                Ok(())
            }
            // Recorded, but interrupted before the part was taken out; or on record twice therefore.
            None => Ok(()),
        }
    }

    /// The name as it is kept once.
    fn name(&mut self, name: &str) -> Rc<str> {
        if let Some(known) = self.names.iter().find(|known| &***known == name) {
            return Rc::clone(known);
        }
        let new: Rc<str> = name.into();
        self.names.push(Rc::clone(&new));
        new
    }

    fn complete(&mut self, end: &Start, counted: u64) -> Result<(), Broken> {
        let records = end.frontier.size();
        let covered = self.coming.as_ref().map_or(0, |note| note.size);
        if covered.max(counted) > records {
            return Err(Broken {
                segment: segment_name(end.segment),
                line: end.lines + 1,
                sequence: Some(records),
                what: format!(
                    "missing or incomplete, though {} records were on disk",
                    covered.max(counted)
                ),
            });
        }
        match self.erased.pop_first() {
            Some(((record, part), missing)) => Err(missing.broken(record, &part)),
            None => Ok(()),
        }
    }
}
