//! The search tree: a binary trie over 128 bits in which equal subtrees are stored once.

use std::collections::HashMap;

/// What both sources say of an address: indices of the country and of the autonomous system.
pub(crate) type Value = (Option<u32>, Option<u32>);

/// A stretch of addresses, both ends included, about which the sources say one thing.
pub(crate) struct Segment {
    pub(crate) start: u128,
    pub(crate) end: u128,
    pub(crate) value: Value,
}

/// Where a branch of a node leads.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Branch {
    /// Nothing is known.
    Nothing,
    /// A record, by its index in [`Tree::values`].
    Record(u32),
    /// A node, by its index in [`Tree::nodes`].
    Node(u32),
}

/// The finished tree. Children come before their parents; the root is the last node.
#[derive(Default)]
pub(crate) struct Tree {
    pub(crate) nodes: Vec<[Branch; 2]>,
    pub(crate) values: Vec<Value>,
    known_nodes: HashMap<[Branch; 2], u32>,
    known_values: HashMap<Value, u32>,
}

/// Builds the tree of sorted segments that do not overlap.
pub(crate) fn build(segments: &[Segment]) -> Tree {
    let mut tree = Tree::default();
    tree.branch(0, 128, segments);
    tree
}

impl Tree {
    /// The subtree of the `bits` low bits from `start` on; `segments` are those that touch it.
    fn branch(&mut self, start: u128, bits: u32, segments: &[Segment]) -> Branch {
        let last = start | 1_u128.checked_shl(bits).unwrap_or(0).wrapping_sub(1);
        match segments {
            [] => return Branch::Nothing,
            [one] if one.start <= start && one.end >= last => return self.record(one.value),
            _ => {}
        }
        let middle = start | (1 << (bits - 1));
        let left_end = segments.partition_point(|segment| segment.start < middle);
        let right_start = segments.partition_point(|segment| segment.end < middle);
        let pair = [
            self.branch(start, bits - 1, &segments[..left_end]),
            self.branch(middle, bits - 1, &segments[right_start..]),
        ];
        if pair[0] == pair[1] && !matches!(pair[0], Branch::Node(_)) {
            return pair[0];
        }
        let nodes = &mut self.nodes;
        Branch::Node(*self.known_nodes.entry(pair).or_insert_with(|| {
            nodes.push(pair);
            u32::try_from(nodes.len() - 1).expect("fewer nodes than the format can number")
        }))
    }

    fn record(&mut self, value: Value) -> Branch {
        let values = &mut self.values;
        Branch::Record(*self.known_values.entry(value).or_insert_with(|| {
            values.push(value);
            u32::try_from(values.len() - 1).expect("fewer records than nodes")
        }))
    }
}
