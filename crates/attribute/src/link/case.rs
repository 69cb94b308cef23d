//! What an actor rests on: the links that hold its sessions together, the weakest of them, and those that nothing else
//! stands in for.

use std::collections::{BTreeMap, BTreeSet};

use lapwing_core::phrase::{Phrase, link as say};
use lapwing_core::{
    ActorId, Bridge, Case, Confidence, Edge, Evidence, Group, Hands, Session, TripId,
};

use super::network;
use super::scored::LINK;
use super::weigh::{self, PRIOR};

/// Links to others that are shown.
const RIVALS: usize = 5;

/// Makes the case for an actor from its sessions as they are now (see [`Hands`]); `left_out` says that there are
/// more. Decisions are left to the caller.
#[must_use]
pub fn case_of(actor: ActorId, sessions: &[Session], hands: &Hands, left_out: bool) -> Case {
    let graph = Graph::new(sessions);
    let tree = graph.tree();
    let mut links: Vec<(TripId, Edge)> = { tree.iter() }
        .map(|link| (sessions[link.from].id, link.edge.clone()))
        .collect();
    links.sort_by_key(|(from, edge)| (edge.centibits, *from));
    let weakest = links.first().map(|(_, edge)| edge.likelihood());
    let confidence = { links.iter() }
        .map(|(_, edge)| weigh::confidence(edge))
        .min()
        .unwrap_or(Confidence::None);
    let bridges = graph.bridges(&tree);
    Case {
        actor,
        sessions: sessions.len() as u64,
        left_out,
        likelihood: weakest,
        confidence,
        prior: PRIOR,
        alternatives: alternatives(&links),
        would_change: would_change(&links, &bridges),
        bridges,
        rivals: rivals(actor, sessions, hands),
        links,
        decisions: Vec::new(),
    }
}

/// Sessions as nodes, likely links between them as edges.
struct Graph<'a> {
    sessions: &'a [Session],
    links: Vec<Link<'a>>,
}

#[derive(Clone, Copy)]
struct Link<'a> {
    from: usize,
    to: usize,
    edge: &'a Edge,
}

impl<'a> Graph<'a> {
    fn new(sessions: &'a [Session]) -> Self {
        let places: BTreeMap<TripId, usize> = { sessions.iter().enumerate() }
            .map(|(place, session)| (session.id, place))
            .collect();
        let mut links = Vec::new();
        for (from, session) in sessions.iter().enumerate() {
            for edge in { session.edges.iter() }.filter(|edge| edge.centibits >= LINK) {
                if let Some(to) = places.get(&edge.to) {
                    links.push(Link {
                        from,
                        to: *to,
                        edge,
                    });
                }
            }
        }
        links.sort_by_key(|link| std::cmp::Reverse((link.edge.centibits, link.to)));
        Self { sessions, links }
    }

    /// The strongest links that hold together what is held together (Kruskal).
    fn tree(&self) -> Vec<Link<'a>> {
        let mut sets = Sets::new(self.sessions.len());
        let mut tree = self.links.clone();
        tree.retain(|link| sets.join(link.from, link.to));
        tree
    }

    /// The links of the tree that no other link stands in for, those that part most first. Removing a link of the
    /// tree parts it in two; a link beside the tree that crosses the gap covers every link of the tree between its
    /// ends.
    fn bridges(&self, tree: &[Link<'a>]) -> Vec<Bridge> {
        let forest = Forest::new(self.sessions.len(), tree);
        let in_tree: BTreeSet<(usize, usize)> =
            tree.iter().map(|link| (link.from, link.to)).collect();
        // Of each node: how many links beside the tree lead over the link to its parent.
        let mut over = vec![0_i64; self.sessions.len()];
        for link in &self.links {
            if !in_tree.contains(&(link.from, link.to)) {
                over[link.from] += 1;
                over[link.to] += 1;
                over[forest.meet(link.from, link.to)] -= 2;
            }
        }
        for node in forest.leaves_first() {
            if let Some(parent) = forest.parent[node] {
                over[parent] += over[node];
            }
        }
        let mut bridges: Vec<Bridge> = tree
            .iter()
            .filter_map(|link| {
                let below = forest.lower(link.from, link.to);
                (over[below] == 0).then(|| self.bridge(link, &forest, below))
            })
            .collect();
        bridges.sort_by_key(|one| std::cmp::Reverse((one.sides.0.min(one.sides.1), one.from)));
        bridges
    }

    fn bridge(&self, link: &Link<'_>, forest: &Forest, below: usize) -> Bridge {
        let small = forest.size[below];
        let large = forest.size[forest.root(below)] - small;
        let sides = if below == link.from {
            (small, large)
        } else {
            (large, small)
        };
        Bridge {
            from: self.sessions[link.from].id,
            to: self.sessions[link.to].id,
            likelihood: link.edge.likelihood(),
            sides,
        }
    }
}

/// The tree with a root for each part.
struct Forest {
    parent: Vec<Option<usize>>,
    depth: Vec<usize>,
    size: Vec<u64>,
    order: Vec<usize>,
}

impl Forest {
    fn new(nodes: usize, tree: &[Link<'_>]) -> Self {
        let mut near = vec![Vec::new(); nodes];
        for link in tree {
            near[link.from].push(link.to);
            near[link.to].push(link.from);
        }
        let mut forest = Self {
            parent: vec![None; nodes],
            depth: vec![0; nodes],
            size: vec![1; nodes],
            order: Vec::with_capacity(nodes),
        };
        let mut seen = vec![false; nodes];
        for root in 0..nodes {
            if std::mem::replace(&mut seen[root], true) {
                continue;
            }
            let mut next = forest.order.len();
            forest.order.push(root);
            while let Some(node) = forest.order.get(next).copied() {
                next += 1;
                for other in &near[node] {
                    if !std::mem::replace(&mut seen[*other], true) {
                        forest.parent[*other] = Some(node);
                        forest.depth[*other] = forest.depth[node] + 1;
                        forest.order.push(*other);
                    }
                }
            }
        }
        for node in forest.order.iter().rev() {
            if let Some(parent) = forest.parent[*node] {
                forest.size[parent] += forest.size[*node];
            }
        }
        forest
    }

    fn leaves_first(&self) -> impl Iterator<Item = usize> {
        self.order.iter().rev().copied()
    }

    fn lower(&self, one: usize, other: usize) -> usize {
        if self.depth[one] > self.depth[other] {
            one
        } else {
            other
        }
    }

    fn root(&self, mut node: usize) -> usize {
        while let Some(parent) = self.parent[node] {
            node = parent;
        }
        node
    }

    /// Where the ways from two nodes to their root meet. Both are of one part.
    fn meet(&self, mut one: usize, mut other: usize) -> usize {
        while one != other {
            let node = self.lower(one, other);
            let Some(parent) = self.parent[node] else {
                return node;
            };
            if node == one {
                one = parent;
            } else {
                other = parent;
            }
        }
        one
    }
}

/// Disjoint sets.
struct Sets(Vec<usize>);

impl Sets {
    fn new(count: usize) -> Self {
        Self((0..count).collect())
    }

    fn find(&mut self, mut one: usize) -> usize {
        while self.0[one] != one {
            self.0[one] = self.0[self.0[one]];
            one = self.0[one];
        }
        one
    }

    /// Whether they were two.
    fn join(&mut self, one: usize, other: usize) -> bool {
        let (one, other) = (self.find(one), self.find(other));
        self.0[one] = other;
        one != other
    }
}

/// The likeliest links to sessions of others.
fn rivals(actor: ActorId, sessions: &[Session], hands: &Hands) -> Vec<(TripId, Edge)> {
    let ours: BTreeSet<TripId> = sessions.iter().map(|session| session.id).collect();
    let mut rivals: Vec<(TripId, Edge)> = Vec::new();
    for session in sessions {
        let others = { session.edges.iter() }.filter(|edge| !ours.contains(&edge.to));
        for edge in others {
            let other = hands.of(edge.actor, Some(edge.to));
            if other != actor {
                let actor = other;
                let edge = edge.clone();
                rivals.push((session.id, Edge { actor, ..edge }));
            }
        }
    }
    rivals.sort_by_key(|(from, edge)| std::cmp::Reverse((edge.centibits, *from)));
    let mut seen = BTreeSet::new();
    rivals.retain(|(_, edge)| seen.insert(edge.actor));
    rivals.truncate(RIVALS);
    rivals
}

/// What speaks for the links, each once.
fn weighing(links: &[(TripId, Edge)]) -> impl Iterator<Item = &Evidence> {
    let evidence = links.iter().flat_map(|(_, edge)| &edge.evidence);
    evidence.filter(|one| one.centibits > 0)
}

fn alternatives(links: &[(TripId, Edge)]) -> Vec<String> {
    let has = |group| weighing(links).any(|one| one.group == Some(group));
    let weak = weighing(links).any(|one| one.detail.contains(network::WEAK));
    let copied = [Group::Payload, Group::Locale, Group::Claim];
    let all: [(bool, Phrase); 6] = [
        (weak, say::ELSE_EXIT),
        (!weak && has(Group::Network), say::ELSE_ADDRESS),
        (has(Group::Program), say::ELSE_TOOL),
        (has(Group::Bait), say::ELSE_BAIT),
        (has(Group::Identity), say::ELSE_ACCOUNT),
        (copied.into_iter().any(has), say::ELSE_COPIED),
    ];
    let fitting = all.into_iter().filter(|(fits, _)| *fits);
    fitting.map(|(_, text)| text.text()).collect()
}

fn would_change(links: &[(TripId, Edge)], bridges: &[Bridge]) -> Vec<String> {
    if links.is_empty() {
        return vec![say::CHANGE_RARE.text()];
    }
    let mut out = Vec::new();
    let parting = bridges
        .iter()
        .filter(|one| one.sides.0.min(one.sides.1) > 1);
    for bridge in parting.take(3) {
        out.push(say::CHANGE_PARTING.with(&[
            ("from", &bridge.from),
            ("to", &bridge.to),
            ("one", &bridge.sides.0),
            ("other", &bridge.sides.1),
        ]));
    }
    let has = |group| weighing(links).any(|one| one.group == Some(group));
    if has(Group::Network) {
        out.push(say::CHANGE_NETWORK.text());
    }
    if !has(Group::Identity) {
        out.push(say::CHANGE_IDENTITY.text());
    }
    out.push(say::CHANGE_BAIT.text());
    out
}
