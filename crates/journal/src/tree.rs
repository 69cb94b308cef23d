//! The Merkle tree of a journal, kept in a file of its own as records are read: with it a few records are
//! proven without reading all others. It can be thrown away at any time, and nobody need believe it: a
//! path out of it leads to the root that a checkpoint signs, or proves nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::checkpoints::Tail;
use crate::error::JournalError;
use crate::journal::saved_frontier;
use crate::merkle::{leaf_hash, root_of_path};
use crate::nodes::Nodes;
use crate::reader::Position;
use crate::segment::{Lines, RECORD, segment_path, segments};
use crate::walk::walk;

/// The tree of a journal that grows, 64 bytes a record.
pub struct Tree {
    directory: PathBuf,
    path: PathBuf,
    nodes: Nodes,
    /// Where the record comes whose leaf is not in it yet, once that is known.
    next: Option<Position>,
}

impl Tree {
    /// What is kept in a file of the journal in `directory`; it need not exist. One writes it at a time.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn open(directory: &Path, path: &Path) -> Result<Self, JournalError> {
        Ok(Self {
            directory: directory.to_owned(),
            path: path.to_owned(),
            nodes: Nodes::open(path).map_err(JournalError::io("open", path))?,
            next: None,
        })
    }

    /// How many records are in it.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.nodes.size()
    }

    /// Reads on until the tree has `records` leaves. `end` is a position, up to which the journal stands
    /// as it is.
    ///
    /// # Errors
    /// The journal cannot be read or the file not written: then it is to be opened anew.
    pub fn follow(&mut self, records: u64, end: Position) -> Result<(), JournalError> {
        while self.nodes.size() < records {
            let at = match self.next {
                Some(at) => at,
                None => self.seek()?,
            };
            self.next = Some(self.segment(at, records, end)?);
        }
        let failed = JournalError::io("write", &self.path);
        self.nodes.flush().map_err(failed)
    }

    /// The segment of the record that comes next, from its start: those before it are counted on the way.
    fn seek(&self) -> Result<Position, JournalError> {
        let list = segments(&self.directory)?;
        let size = self.nodes.size();
        let first = list.iter().rfind(|first| **first <= size);
        let segment = *first.ok_or(JournalError::NoRecord(size))?;
        Ok(Position { segment, offset: 0 })
    }

    /// Takes the records of one segment from `at` on. Gives where the next one comes.
    fn segment(
        &mut self,
        at: Position,
        records: u64,
        end: Position,
    ) -> Result<Position, JournalError> {
        let path = segment_path(&self.directory, at.segment);
        let failed = || JournalError::io("read", &path);
        let mut lines = Lines::open(&path, at.offset).map_err(failed())?;
        let mut known = match at.offset {
            0 => self.nodes.size() - at.segment,
            _ => 0,
        };
        let limit = if at.segment == end.segment {
            end.offset
        } else {
            u64::MAX
        };
        let mut offset = at.offset;
        while self.nodes.size() < records {
            let Some(range) = lines.next(limit).map_err(failed())? else {
                let segment = self.nodes.size();
                if segment == at.segment || !segment_path(&self.directory, segment).exists() {
                    return Err(JournalError::NoRecord(segment));
                }
                return Ok(Position { segment, offset: 0 });
            };
            let line = lines.bytes(&range);
            if line.starts_with(RECORD) {
                match known.checked_sub(1) {
                    Some(fewer) => known = fewer,
                    None => self.nodes.push(leaf_hash(line)).map_err(failed())?,
                }
            }
            offset += line.len() as u64 + 1;
            lines.commit();
        }
        let segment = at.segment;
        Ok(Position { segment, offset })
    }
}

/// What was found of chosen records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// Records in the journal.
    pub records: u64,
    /// The newest checkpoint, a signed note.
    pub checkpoint: String,
}

/// Whether records stand unchanged in their places: `leaves` has the number of each and the hash of its
/// line ([`Record::leaf`](crate::Record)). The journal is not read but for what came after the newest
/// checkpoint that has a saved state, and that is checked on the way. `None`: it cannot be shown like this,
/// because [`Tree`] in `tree` is behind, or because something is not as written. Verify the whole journal
/// then.
///
/// # Errors
/// [`JournalError::Broken`] if a checkpoint is not signed with this key.
pub fn prove_records(
    directory: &Path,
    public_key: &[u8; 32],
    tree: &Path,
    leaves: &BTreeMap<u64, [u8; 32]>,
) -> Result<Option<Proven>, JournalError> {
    let tail = Tail::read(directory, Some(public_key))?;
    let (Some(start), Ok(nodes)) = (saved_frontier(directory, &tail), Nodes::read(tree)) else {
        return Ok(None);
    };
    let (size, root) = (start.frontier.size(), start.frontier.root());
    for (sequence, leaf) in leaves.range(..size) {
        let stands = nodes.size() >= size
            && nodes
                .path(*sequence, size)
                .is_ok_and(|path| root_of_path(*leaf, *sequence, size, &path) == Some(root));
        if !stands {
            return Ok(None);
        }
    }
    let mut later = leaves.range(size..).count();
    let mut notes = tail.notes.iter().filter(|note| note.size > size).peekable();
    let list = segments(directory)?;
    let walked = walk(directory, &list, start, None, &mut |step| {
        let line = step.units.bytes(&step.unit.line);
        if leaves.get(&step.unit.envelope.sequence) == Some(&leaf_hash(line)) {
            later -= 1;
        }
        let frontier = &step.after.frontier;
        if let Some(note) = notes.next_if(|note| note.size == frontier.size())
            && note.root != frontier.root()
        {
            return Err(step.broken("the checkpoint up to here is of other records"));
        }
        Ok(())
    });
    let Ok(end) = walked else { return Ok(None) };
    let newest = tail.newest().map(|note| note.text.clone());
    let proven = Proven {
        records: end.start.frontier.size(),
        checkpoint: newest.unwrap_or_default(),
    };
    Ok((later == 0 && notes.peek().is_none()).then_some(proven))
}
