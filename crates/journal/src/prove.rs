//! Proofs that one record is under a checkpoint (RFC 6962 section 2.1.1), to be shown without the
//! rest of the journal.

use std::path::Path;

use crate::checkpoints::Tail;
use crate::error::JournalError;
use crate::merkle::{Frontier, leaf_hash, path_ranges, root_of_path};
use crate::note::Note;
use crate::reader::find;
use crate::segment::segments;
use crate::shortcut::{READ_WHOLE, shortcut, tree_beside};
use crate::state::Start;
use crate::walk::walk;

/// A record line with its audit path to a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Which record; also the index of its leaf.
    pub sequence: u64,
    /// Records under the checkpoint.
    pub size: u64,
    /// The record's line without its line feed: the leaf is SHA-256 over a zero byte and this.
    pub line: Vec<u8>,
    /// The audit path from the leaf upwards, SHA-256 values.
    pub path: Vec<[u8; 32]>,
    /// The checkpoint, a signed note.
    pub checkpoint: String,
}

impl Proof {
    /// Whether line and path lead to the checkpoint's root and the checkpoint is signed with this
    /// key.
    #[must_use]
    pub fn holds(&self, public_key: &[u8; 32]) -> bool {
        let root = root_of_path(leaf_hash(&self.line), self.sequence, self.size, &self.path);
        Note::parse(self.checkpoint.as_bytes(), public_key)
            .is_ok_and(|note| note.size == self.size && Some(note.root) == root)
    }
}

/// Proves a record against the newest checkpoint: by the kept tree where that leads to its root, else reading all
/// segments.
///
/// # Errors
/// [`JournalError::NotCovered`] if the checkpoint is older than the record; I/O errors;
/// [`JournalError::Broken`].
pub fn prove(directory: &Path, sequence: u64) -> Result<Proof, JournalError> {
    let tail = Tail::read(directory, None)?;
    let size = tail.newest().map_or(0, |note| note.size);
    let Some(newest) = tail.newest().filter(|note| sequence < note.size) else {
        return Err(JournalError::NotCovered { sequence, size });
    };
    let newest_root = (size, newest.root);
    if let Some(nodes) = shortcut(directory, newest_root, &[sequence].into(), READ_WHOLE)?
        && let Some((units, unit)) = find(directory, sequence)?
    {
        let path = nodes.path(sequence, size);
        return Ok(Proof {
            sequence,
            size,
            line: units.bytes(&unit.line).to_owned(),
            path: path.map_err(JournalError::io("read", &tree_beside(directory)))?,
            checkpoint: newest.text.clone(),
        });
    }
    let ranges = path_ranges(sequence, size);
    let mut sides = vec![Frontier::default(); ranges.len()];
    let mut line = Vec::new();
    let list = segments(directory)?;
    walk(directory, &list, Start::default(), None, &mut |step| {
        let at = step.unit.envelope.sequence;
        let bytes = step.units.bytes(&step.unit.line);
        if at == sequence {
            bytes.clone_into(&mut line);
        }
        let side = ranges
            .iter()
            .position(|range| (range.0..range.1).contains(&at));
        if let Some(side) = side {
            sides[side].push(leaf_hash(bytes));
        }
        Ok(())
    })?;
    if line.is_empty() {
        return Err(JournalError::NoRecord(sequence));
    }
    Ok(Proof {
        sequence,
        size,
        line,
        path: sides.iter().map(Frontier::root).collect(),
        checkpoint: newest.text.clone(),
    })
}
