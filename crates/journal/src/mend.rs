//! Whether a kept tree is as it was written: a power cut leaves holes, pages of zeros and ends that were never written.
//! What is damaged is thrown away, and grows again from the records.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read as _};
use std::path::Path;

use crate::checkpoints::Tail;
use crate::error::JournalError;
use crate::journal::saved_frontier;
use crate::merkle::{Frontier, Hash};
use crate::nodes::{NODE, nodes_before};

/// What a look through the file of a tree came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mended {
    /// Every node is made of those below it, and this many records are those that checkpoints are over. What came
    /// behind is cut off: it grows again.
    Whole(u64),
    /// Something is not as it was written. The file is gone.
    Removed,
    /// There is none.
    Missing,
}

/// Looks through the tree in the file `tree` of the journal in `directory`, 64 bytes a record. Nobody may write it
/// meanwhile.
///
/// # Errors
/// The file or the checkpoints cannot be read.
pub fn mend(directory: &Path, tree: &Path) -> Result<Mended, JournalError> {
    let file = match File::open(tree) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Mended::Missing),
        Err(error) => return Err(JournalError::io("open", tree)(error)),
    };
    let failed = || JournalError::io("write", tree);
    let signed = signed_roots(directory)?;
    match look_through(file, &signed).map_err(JournalError::io("read", tree))? {
        Some(size) => {
            let file = OpenOptions::new().write(true).open(tree);
            let length = nodes_before(size) * NODE;
            file.and_then(|file| file.set_len(length))
                .map_err(failed())?;
            Ok(Mended::Whole(size))
        }
        None => {
            std::fs::remove_file(tree).map_err(failed())?;
            Ok(Mended::Removed)
        }
    }
}

/// Roots by how many records they are over: of the newest checkpoints, and of the saved state.
fn signed_roots(directory: &Path) -> Result<BTreeMap<u64, Hash>, JournalError> {
    let tail = Tail::read(directory, None)?;
    let mut roots: BTreeMap<u64, Hash> = { tail.notes.iter() }
        .map(|note| (note.size, note.root))
        .collect();
    if let Some(start) = saved_frontier(directory, &tail) {
        roots.insert(start.frontier.size(), start.frontier.root());
    }
    Ok(roots)
}

/// Of how many leaves a checkpoint says that they are right; `None` if something is not.
fn look_through(file: File, signed: &BTreeMap<u64, Hash>) -> io::Result<Option<u64>> {
    let mut reader = BufReader::with_capacity(256 << 10, file);
    let mut frontier = Frontier::default();
    let mut vouched = 0;
    let mut expected = Vec::new();
    loop {
        let mut node = Hash::default();
        if !fill(&mut reader, &mut node)? {
            return Ok(Some(vouched));
        }
        expected.clear();
        frontier.push_telling(node, |node| expected.push(*node));
        for expected in &expected[1..] {
            // One that was being written when the power went.
            if !fill(&mut reader, &mut node)? {
                return Ok(Some(vouched));
            }
            if node != *expected {
                return Ok(None);
            }
        }
        let size = frontier.size();
        match signed.get(&size) {
            Some(root) if *root == frontier.root() => vouched = size,
            Some(_) => return Ok(None),
            None => {}
        }
    }
}

/// Reads a node; whether there was a whole one.
fn fill(reader: &mut BufReader<File>, node: &mut Hash) -> io::Result<bool> {
    match reader.read_exact(node) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
