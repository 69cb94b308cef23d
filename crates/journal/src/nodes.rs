//! All nodes of a Merkle tree in a scratch file, so that after one pass over the leaves any number of
//! audit paths can be had, in memory for one path.
//!
//! Each leaf is written when it comes, and behind it the perfect subtrees that it completes, from the
//! smallest up. Before a leaf stand two nodes for each leaf before it, less one for each subtree that
//! is still without a sibling: that is where a node is found again.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use crate::merkle::{Frontier, Hash, node_hash, path_ranges};

/// Nodes are written in pieces of so many bytes.
const WRITE: usize = 256 << 10;
/// Bytes of a node.
const NODE: u64 = 32;

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
            pending: Vec::with_capacity(WRITE + 64 * 32),
            frontier: Frontier::default(),
        })
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

    /// To be called once after the last leaf.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.pending)?;
        self.pending.clear();
        Ok(())
    }

    /// How many leaves there are.
    pub(crate) fn size(&self) -> u64 {
        self.frontier.size()
    }

    pub(crate) fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// The audit path of leaf `index` in the tree of all leaves, from the leaf upwards.
    pub(crate) fn path(&self, index: u64) -> io::Result<Vec<Hash>> {
        path_ranges(index, self.size())
            .into_iter()
            .map(|(start, end)| self.root_of(start, end))
            .collect()
    }

    /// The root over the leaves of a range of [`path_ranges`]: its perfect subtrees, the largest first.
    fn root_of(&self, start: u64, end: u64) -> io::Result<Hash> {
        let mut subtrees = Vec::new();
        let mut at = start;
        while at < end {
            let level = (end - at).ilog2();
            subtrees.push(self.node(level, at >> level)?);
            at += 1 << level;
        }
        let last = subtrees.pop().expect("a range holds a leaf");
        let fold = |right, left: &Hash| node_hash(left, &right);
        Ok(subtrees.iter().rev().fold(last, fold))
    }

    /// The root of the perfect subtree over the leaves from `number << level` on.
    fn node(&self, level: u32, number: u64) -> io::Result<Hash> {
        let last_leaf = ((number + 1) << level) - 1;
        let before = 2 * last_leaf - u64::from(last_leaf.count_ones());
        let mut node = Hash::default();
        let place = (before + u64::from(level)) * NODE;
        self.file.read_exact_at(&mut node, place)?;
        Ok(node)
    }
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
                let path = nodes.path(index).unwrap();
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
