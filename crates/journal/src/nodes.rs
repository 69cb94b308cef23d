//! All nodes of a Merkle tree in a file, so that after one pass over the leaves any number of audit
//! paths can be had, in memory for one path.
//!
//! Each leaf is written when it comes, and behind it the perfect subtrees that it completes, from the
//! smallest up. Before a leaf stand two nodes for each leaf before it, less one for each subtree that
//! is still without a sibling: that is where a node is found again.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use crate::disk::private;
use crate::merkle::{Frontier, Hash, node_hash, path_ranges};

/// Nodes are written in pieces of so many bytes.
const WRITE: usize = 256 << 10;
/// Bytes of a node.
pub(crate) const NODE: u64 = 32;

/// The nodes of a tree that only grows.
pub(crate) struct Nodes {
    file: File,
    /// What is not written yet.
    pending: Vec<u8>,
    frontier: Frontier,
}

impl Nodes {
    /// Of the empty tree, in a file that must not exist yet and has no name any more afterwards.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create_new(true).mode(0o600);
        let file = options.open(path)?;
        std::fs::remove_file(path)?;
        Ok(Self {
            file,
            pending: Vec::new(),
            frontier: Frontier::default(),
        })
    }

    /// Those whose leaves are in a file with all that they complete; what is behind them is cut off. A
    /// file that is not there is made.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = private(OpenOptions::new().read(true).write(true), path)?;
        let mut nodes = Self::of(file)?;
        let length = nodes_before(nodes.size()) * NODE;
        nodes.file.set_len(length)?;
        nodes.file.seek(SeekFrom::Start(length))?;
        Ok(nodes)
    }

    /// The same to look at, with nothing cut off.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        Self::of(File::open(path)?)
    }

    fn of(file: File) -> io::Result<Self> {
        let there = file.metadata()?.len() / NODE;
        // A leaf has at most 64 subtrees less than two nodes.
        let mut size = there / 2 + 32;
        while nodes_before(size) > there {
            size -= 1;
        }
        let mut nodes = Self {
            file,
            pending: Vec::new(),
            frontier: Frontier::default(),
        };
        let perfect = subtrees(0, size).map(|(level, number)| nodes.node(level, number));
        let perfect = perfect.collect::<io::Result<_>>()?;
        nodes.frontier = Frontier::from_parts(size, perfect).expect("a node for each bit");
        Ok(nodes)
    }

    /// Adds a leaf by its hash.
    pub(crate) fn push(&mut self, leaf: Hash) -> io::Result<()> {
        let pending = &mut self.pending;
        self.frontier
            .push_telling(leaf, |node| pending.extend_from_slice(node));
        if self.pending.len() >= WRITE {
            self.flush()?;
        }
        Ok(())
    }

    /// To be called after the last leaf, before paths are asked for.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.pending)?;
        self.pending = Vec::new();
        Ok(())
    }

    /// How many leaves there are.
    pub(crate) fn size(&self) -> u64 {
        self.frontier.size()
    }

    pub(crate) fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// The audit path of leaf `index` in the tree of the first `size` leaves, from the leaf upwards.
    pub(crate) fn path(&self, index: u64, size: u64) -> io::Result<Vec<Hash>> {
        path_ranges(index, size)
            .into_iter()
            .map(|(start, end)| self.root_of(start, end))
            .collect()
    }

    /// The root over the leaves of a range of [`path_ranges`]: its perfect subtrees, the largest first.
    fn root_of(&self, start: u64, end: u64) -> io::Result<Hash> {
        let nodes = subtrees(start, end).map(|(level, number)| self.node(level, number));
        let mut nodes: Vec<Hash> = nodes.collect::<io::Result<_>>()?;
        let last = nodes.pop().expect("a range holds a leaf");
        let fold = |right, left: &Hash| node_hash(left, &right);
        Ok(nodes.iter().rev().fold(last, fold))
    }

    /// The root of the perfect subtree over the leaves from `number << level` on.
    fn node(&self, level: u32, number: u64) -> io::Result<Hash> {
        let last_leaf = ((number + 1) << level) - 1;
        let mut node = Hash::default();
        let place = (nodes_before(last_leaf) + u64::from(level)) * NODE;
        self.file.read_exact_at(&mut node, place)?;
        Ok(node)
    }
}

/// Nodes in a file of so many leaves.
pub(crate) fn nodes_before(leaves: u64) -> u64 {
    2 * leaves - u64::from(leaves.count_ones())
}

/// The perfect subtrees over these leaves, the largest first: level and number of each.
fn subtrees(start: u64, end: u64) -> impl Iterator<Item = (u32, u64)> {
    let mut at = start;
    std::iter::from_fn(move || {
        let level = (end - at).checked_ilog2()?;
        let number = at >> level;
        at += 1 << level;
        Some((level, number))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::{leaf_hash, root_of_path};

    #[test]
    fn every_path_leads_to_the_root() {
        let directory = tempfile::tempdir().unwrap();
        for size in (1_u64..70).chain([127, 128, 129, 1000]) {
            let mut nodes = Nodes::create(&directory.path().join("nodes")).unwrap();
            for leaf in 0..size {
                nodes.push(leaf_hash(&leaf.to_be_bytes())).unwrap();
            }
            nodes.flush().unwrap();
            for index in 0..size {
                let path = nodes.path(index, size).unwrap();
                let root = root_of_path(leaf_hash(&index.to_be_bytes()), index, size, &path);
                assert_eq!(root, Some(nodes.root()), "leaf {index} of {size}");
            }
        }
        assert!(
            std::fs::read_dir(directory.path())
                .unwrap()
                .next()
                .is_none()
        );
    }
}
