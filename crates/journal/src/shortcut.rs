//! Proving chosen records by the kept tree instead of by reading all others. The tree need not be believed: each path
//! has to lead to the root that the checkpoint is signed over.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::error::JournalError;
use crate::line::PartLine;
use crate::merkle::{Hash, leaf_hash, root_of_path};
use crate::nodes::Nodes;
use crate::reader::find;

/// A journal up to this many records is read whole: it is soon done, and checks the others on the way.
pub(crate) const READ_WHOLE: u64 = 100_000;
/// So many records are looked up each by itself, which reads half a segment each.
const FEW: usize = 64;

/// Where the tree of the journal in `directory` is kept: beside it.
#[must_use]
pub fn tree_beside(directory: &Path) -> PathBuf {
    directory.with_file_name("tree")
}

/// The nodes of the tree, if they prove each of these records, whole with all its parts, under a root over `size`
/// records. `None`: read everything.
///
/// # Errors
/// The journal cannot be read.
pub(crate) fn shortcut(
    directory: &Path,
    (size, root): (u64, Hash),
    records: &BTreeSet<u64>,
    read_whole: u64,
) -> Result<Option<Nodes>, JournalError> {
    if size <= read_whole || records.is_empty() || records.len() > FEW {
        return Ok(None);
    }
    let nodes = Nodes::read(&tree_beside(directory));
    let Ok(nodes) = nodes else { return Ok(None) };
    if nodes.size() < size {
        return Ok(None);
    }
    for sequence in records {
        let Some((units, unit)) = find(directory, *sequence)? else {
            return Ok(None);
        };
        let leaf = leaf_hash(units.bytes(&unit.line));
        let path = nodes.path(*sequence, size);
        let leads = path.is_ok_and(|path| root_of_path(leaf, *sequence, size, &path) == Some(root));
        // Of a part that is erased somewhere behind it stands why.
        let mut parts = unit.envelope.parts.iter().zip(&unit.parts);
        let whole =
            parts.all(|(part, range)| part.check(units.bytes(range)) == Ok(PartLine::Present));
        if !leads || !whole {
            return Ok(None);
        }
    }
    Ok(Some(nodes))
}
