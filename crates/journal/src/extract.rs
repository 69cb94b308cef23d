//! Taking chosen records out of a journal, with what proves each of them to somebody who has nothing
//! else of it: one pass that checks everything on the way, in memory for one record. A few out of many are taken
//! without that pass where the kept tree proves them.

use std::collections::BTreeSet;
use std::path::Path;

use lapwing_core::{Keyring, StationId, Timestamp};
use serde_json::Value;

use crate::checkpoints::Tail;
use crate::cosigned::Checkpoint;
use crate::error::{Broken, JournalError};
use crate::line::PartLine;
use crate::merkle::leaf_hash;
use crate::nodes::Nodes;
use crate::reader::find;
use crate::segment::segments;
use crate::shortcut::{READ_WHOLE, shortcut};
use crate::state::Start;
use crate::walk::{Step, walk};

/// Records between two calls of the progress function.
const STRIDE: u64 = 1024;

/// Out of which journal.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// Its directory.
    pub directory: &'a Path,
    /// The station's key.
    pub public_key: &'a [u8; 32],
    /// What its parts are sealed with.
    pub keys: &'a Keyring,
    /// A file that does not exist yet, for 64 bytes a record; gone again at once, its room afterwards.
    pub scratch: &'a Path,
}

/// Which records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Those with these sequences. What says that a part of one of them was erased comes along.
    Records(BTreeSet<u64>),
    /// Those appended from the first of these times on and before the second; `None` is open.
    Times(Option<Timestamp>, Option<Timestamp>),
}

/// One of them.
#[derive(Debug)]
pub struct Taken<'a> {
    /// Its number.
    pub sequence: u64,
    /// When it was appended.
    pub time: Timestamp,
    /// By which station.
    pub station: StationId,
    /// The leaf: its line without line feed.
    pub line: &'a [u8],
    /// What [`Entry::body`](crate::Entry::body) was.
    pub body: Value,
    /// Its parts, in the order of their names.
    pub parts: Vec<TakenPart>,
}

/// A part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenPart {
    /// What it is called.
    pub name: String,
    /// SHA-256 over salt and plain bytes, as the record has it.
    pub digest: [u8; 32],
    /// The salt, 16 bytes, and the plain bytes; `None` if it was erased.
    pub salted: Option<Vec<u8>>,
}

/// What the records taken are proven by.
pub struct Extraction {
    /// Under which checkpoint they are.
    pub checkpoint: Checkpoint,
    nodes: Nodes,
}

impl Extraction {
    /// The audit path of a record under the checkpoint (RFC 6962 section 2.1.1), from its leaf upwards.
    ///
    /// # Errors
    /// [`JournalError::NotCovered`]; the scratch file cannot be read.
    pub fn path(&self, sequence: u64) -> Result<Vec<[u8; 32]>, JournalError> {
        let size = self.checkpoint.size;
        if sequence >= size {
            return Err(JournalError::NotCovered { sequence, size });
        }
        self.nodes
            .path(sequence, size)
            .map_err(JournalError::io("read", Path::new("the scratch file")))
    }
}

/// Why a walk was stopped before its end.
enum Stopped<E> {
    /// All that the checkpoint is over was read.
    Covered,
    Failed(E),
}

/// Gives the chosen records, in order, to `take`. `checkpoint` is a signed note that was kept or cosigned
/// elsewhere, `None` the newest; what came after it is not read. `progress` is called now and then with
/// how many records were read, and out of how many.
///
/// # Errors
/// What `take` returns; [`JournalError::Checkpoint`] if that is not one of this station's;
/// [`JournalError::NotCovered`] if it is not over a record that was chosen by its number, or over none at
/// all; [`JournalError::Broken`]: the journal is not what was signed.
pub fn extract<E: From<JournalError>>(
    source: &Source<'_>,
    checkpoint: Option<&str>,
    choice: &Choice,
    take: &mut dyn FnMut(Taken<'_>) -> Result<(), E>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Extraction, E> {
    let checkpoint = find_checkpoint(source, checkpoint)?;
    let size = checkpoint.size;
    let last = match choice {
        Choice::Records(records) => records.last().copied(),
        Choice::Times(..) => None,
    };
    if let Some(sequence) = last.or((size == 0).then_some(0)).filter(|it| *it >= size) {
        return Err(JournalError::NotCovered { sequence, size }.into());
    }
    if let Choice::Records(records) = choice {
        let root = (size, checkpoint.root);
        if let Some(nodes) = shortcut(source.directory, root, records, READ_WHOLE)? {
            take_few(source, choice, records, take)?;
            progress(size, size);
            return Ok(Extraction { checkpoint, nodes });
        }
    }
    let failed = || JournalError::io("write", source.scratch);
    let mut nodes = Nodes::create(source.scratch).map_err(failed())?;
    let mut chooser = Chooser {
        choice,
        keys: source.keys,
        erased: BTreeSet::new(),
    };
    let mut stopped = None;
    let list = segments(source.directory)?;
    let walked = walk(
        source.directory,
        &list,
        Start::default(),
        None,
        &mut |step| {
            let sequence = step.unit.envelope.sequence;
            let line = step.units.bytes(&step.unit.line);
            let taken = chooser.choose(step, line)?.map_or(Ok(()), &mut *take);
            let pushed = nodes.push(leaf_hash(line)).map_err(failed());
            if let Err(error) = taken.and(pushed.map_err(E::from)) {
                stopped = Some(Stopped::Failed(error));
                return Err(step.broken("not gone on with"));
            }
            if sequence.is_multiple_of(STRIDE) || sequence + 1 == size {
                progress(sequence + 1, size);
            }
            if sequence + 1 == size {
                stopped = Some(Stopped::Covered);
                return Err(step.broken("not gone on with"));
            }
            Ok(())
        },
    );
    match stopped {
        Some(Stopped::Failed(error)) => return Err(error),
        Some(Stopped::Covered) => {}
        None => {
            walked?;
            return Err(JournalError::from(shorter(nodes.size(), size)).into());
        }
    }
    nodes.flush().map_err(failed())?;
    if nodes.root() != checkpoint.root {
        return Err(JournalError::from(other_records(size)).into());
    }
    Ok(Extraction { checkpoint, nodes })
}

/// Takes records that are proven already, each from where it lies.
fn take_few<E: From<JournalError>>(
    source: &Source<'_>,
    choice: &Choice,
    records: &BTreeSet<u64>,
    take: &mut dyn FnMut(Taken<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut chooser = Chooser {
        choice,
        keys: source.keys,
        erased: BTreeSet::new(),
    };
    for sequence in records {
        let (units, unit) =
            find(source.directory, *sequence)?.ok_or(JournalError::NoRecord(*sequence))?;
        let parts = vec![PartLine::Present; unit.parts.len()];
        let step = Step {
            units: &units,
            unit: &unit,
            parts: &parts,
            after: &Start::default(),
        };
        let taken = chooser.choose(&step, units.bytes(&unit.line));
        if let Some(taken) = taken.map_err(JournalError::from)? {
            take(taken)?;
        }
    }
    Ok(())
}

fn find_checkpoint(source: &Source<'_>, given: Option<&str>) -> Result<Checkpoint, JournalError> {
    let newest;
    let text = match given {
        Some(text) => text,
        None => {
            let tail = Tail::read(source.directory, Some(source.public_key))?;
            let nothing = JournalError::NotCovered {
                sequence: 0,
                size: 0,
            };
            newest = tail.newest().ok_or(nothing)?.text.clone();
            &newest
        }
    };
    Checkpoint::parse(text, source.public_key)
        .map_err(|what| JournalError::Checkpoint(what.to_owned()))
}

/// Decides, record by record, whether it is taken.
struct Chooser<'a> {
    choice: &'a Choice,
    keys: &'a Keyring,
    /// Erased parts of records that were taken, until the record of their erasure comes.
    erased: BTreeSet<(u64, String)>,
}

impl Chooser<'_> {
    fn choose<'s>(
        &mut self,
        step: &'s Step<'_>,
        line: &'s [u8],
    ) -> Result<Option<Taken<'s>>, Broken> {
        let envelope = &step.unit.envelope;
        let broken = |what: &str| step.broken(what);
        let wanted = match self.choice {
            Choice::Records(records) => records.contains(&envelope.sequence),
            Choice::Times(from, until) => {
                from.is_none_or(|from| envelope.time >= from)
                    && until.is_none_or(|until| envelope.time < until)
            }
        };
        let explains = !self.erased.is_empty() && envelope.may_be_erasure(line);
        if !wanted && !explains {
            return Ok(None);
        }
        let body = envelope.body_value(line).map_err(broken)?;
        if !(self.explain(&body) || wanted) {
            return Ok(None);
        }
        let mut parts = Vec::with_capacity(envelope.parts.len());
        for ((part, range), state) in envelope.parts.iter().zip(&step.unit.parts).zip(step.parts) {
            let salted = match state {
                PartLine::Erased => {
                    self.erased.insert((envelope.sequence, part.name.clone()));
                    None
                }
                PartLine::Present => {
                    let (salt, plain) = part
                        .open(step.units.bytes(range), self.keys)
                        .map_err(broken)?;
                    Some([&salt[..], &plain].concat())
                }
            };
            parts.push(TakenPart {
                name: part.name.clone(),
                digest: part.digest,
                salted,
            });
        }
        Ok(Some(Taken {
            sequence: envelope.sequence,
            time: envelope.time,
            station: envelope.station,
            line,
            body,
            parts,
        }))
    }

    /// Whether this is the record of the erasure of a part that is missed.
    fn explain(&mut self, body: &Value) -> bool {
        if body["type"] != "erasure" {
            return false;
        }
        let parts = match &body["parts"] {
            Value::Array(parts) => parts.as_slice(),
            _ => std::slice::from_ref(body),
        };
        let mut explains = false;
        for part in parts {
            if let Some((record, name)) = part["record"].as_u64().zip(part["part"].as_str()) {
                explains |= self.erased.remove(&(record, name.to_owned()));
            }
        }
        explains
    }
}

fn shorter(records: u64, size: u64) -> Broken {
    Broken {
        segment: "checkpoint".to_owned(),
        line: 0,
        sequence: Some(records),
        what: format!("missing, though the checkpoint is over {size} records"),
    }
}

fn other_records(size: u64) -> Broken {
    Broken {
        segment: "checkpoint".to_owned(),
        line: 0,
        sequence: size.checked_sub(1),
        what: "the checkpoint was signed over other records up to here".to_owned(),
    }
}
