//! The Merkle tree over record lines, RFC 6962 section 2.1, kept as its frontier: the roots of the
//! perfect subtrees that cover the leaves so far, one for each bit set in their number.

use sha2::{Digest, Sha256};

/// A SHA-256 value.
pub(crate) type Hash = [u8; 32];

/// A tree that only grows; memory is one hash for each bit of its size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Frontier {
    size: u64,
    /// Largest subtree first.
    nodes: Vec<Hash>,
}

impl Frontier {
    /// From what [`Frontier::nodes`] gave; `None` if the number of nodes does not fit the size.
    pub(crate) fn from_parts(size: u64, nodes: Vec<Hash>) -> Option<Self> {
        (nodes.len() == size.count_ones() as usize).then_some(Self { size, nodes })
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn nodes(&self) -> &[Hash] {
        &self.nodes
    }

    /// Adds a leaf by its hash.
    pub(crate) fn push(&mut self, leaf: Hash) {
        self.push_telling(leaf, |_| ());
    }

    /// Adds a leaf and tells the root of each perfect subtree that it completes, itself first.
    pub(crate) fn push_telling(&mut self, leaf: Hash, mut told: impl FnMut(&Hash)) {
        let mut node = leaf;
        told(&node);
        for _ in 0..self.size.trailing_ones() {
            let left = self.nodes.pop().expect("one node for each bit set");
            node = node_hash(&left, &node);
            told(&node);
        }
        self.nodes.push(node);
        self.size += 1;
    }

    /// The Merkle tree hash of the leaves so far.
    pub(crate) fn root(&self) -> Hash {
        let mut nodes = self.nodes.iter().rev();
        match nodes.next() {
            None => Sha256::digest(b"").into(),
            Some(last) => nodes.fold(*last, |right, left| node_hash(left, &right)),
        }
    }
}

/// Hash of a leaf: SHA-256 over a zero byte and the record's line, without line feed.
#[must_use]
pub fn leaf_hash(line: &[u8]) -> [u8; 32] {
    Sha256::new()
        .chain_update([0])
        .chain_update(line)
        .finalize()
        .into()
}

pub(crate) fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new()
        .chain_update([1])
        .chain_update(left)
        .chain_update(right)
        .finalize()
        .into()
}

/// The leaf ranges whose roots make up the audit path of leaf `index` in a tree of `size` leaves
/// (section 2.1.1), from the leaf upwards.
pub(crate) fn path_ranges(index: u64, size: u64) -> Vec<(u64, u64)> {
    let (mut start, mut end) = (0, size);
    let mut ranges = Vec::new();
    while end - start > 1 {
        let half = (end - start).next_power_of_two() / 2;
        let middle = start + half;
        if index < middle {
            ranges.push((middle, end));
            end = middle;
        } else {
            ranges.push((start, middle));
            start = middle;
        }
    }
    ranges.reverse();
    ranges
}

/// For each hash of an audit path, from the leaf upwards, whether it stands to the left; `None` if the
/// leaf is outside.
#[must_use]
pub fn path_sides(index: u64, size: u64) -> Option<Vec<bool>> {
    let ranges = path_ranges(index, size);
    (index < size).then(|| ranges.iter().map(|range| range.0 < index).collect())
}

/// The root an audit path leads to from leaf `index` of `size`; `None` if the path has the wrong
/// length or the leaf is outside.
#[must_use]
pub fn root_of_path(leaf: [u8; 32], index: u64, size: u64, path: &[[u8; 32]]) -> Option<[u8; 32]> {
    if index >= size {
        return None;
    }
    let ranges = path_ranges(index, size);
    if ranges.len() != path.len() {
        return None;
    }
    let climb = ranges.iter().zip(path).fold(leaf, |node, (range, side)| {
        if range.0 > index {
            node_hash(&node, side)
        } else {
            node_hash(side, &node)
        }
    });
    Some(climb)
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::HEXLOWER;

    // Leaves and roots of the certificate-transparency reference implementation's Merkle tests.
    const LEAVES: [&str; 8] = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ];
    const ROOTS: [&str; 8] = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    fn leaves() -> Vec<Hash> {
        LEAVES
            .iter()
            .map(|hex| leaf_hash(&HEXLOWER.decode(hex.as_bytes()).unwrap()))
            .collect()
    }

    fn root_of(leaves: &[Hash]) -> Hash {
        let mut tree = Frontier::default();
        leaves.iter().for_each(|leaf| tree.push(*leaf));
        tree.root()
    }

    #[test]
    fn known_roots() {
        assert_eq!(
            HEXLOWER.encode(&Frontier::default().root()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        for (count, root) in (1..).zip(ROOTS) {
            assert_eq!(HEXLOWER.encode(&root_of(&leaves()[..count])), root);
        }
    }

    #[test]
    fn known_paths() {
        // Paths of the same reference tests: (leaf, size, path).
        let known: [(u64, u64, &[&str]); 3] = [
            (0, 1, &[]),
            (
                0,
                8,
                &[
                    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
                ],
            ),
            (
                1,
                5,
                &[
                    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                ],
            ),
        ];
        let leaves = leaves();
        for (index, size, path) in known {
            let ours: Vec<String> = path_ranges(index, size)
                .into_iter()
                .map(|(a, b)| HEXLOWER.encode(&root_of(&leaves[a as usize..b as usize])))
                .collect();
            assert_eq!(ours, path, "leaf {index} of {size}");
        }
    }

    #[test]
    fn every_path_leads_to_the_root_and_no_other_leaf_does() {
        let leaves: Vec<Hash> = (0_u8..40).map(|n| leaf_hash(&[n])).collect();
        for size in 1..=leaves.len() {
            let root = root_of(&leaves[..size]);
            for index in 0..size {
                let path: Vec<Hash> = path_ranges(index as u64, size as u64)
                    .into_iter()
                    .map(|(a, b)| root_of(&leaves[a as usize..b as usize]))
                    .collect();
                let from = |leaf| root_of_path(leaf, index as u64, size as u64, &path);
                assert_eq!(from(leaves[index]), Some(root));
                assert_ne!(from(leaf_hash(b"other")), Some(root));
            }
        }
        assert_eq!(root_of_path(leaves[0], 3, 3, &[]), None);
        assert_eq!(root_of_path(leaves[0], 0, 3, &[]), None);
    }
}
