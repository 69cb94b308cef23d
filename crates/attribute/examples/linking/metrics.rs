//! How well a partition agrees with the truth.

use std::collections::{BTreeMap, BTreeSet};

/// Counts that add up over worlds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Score {
    /// Pairs of items: together in both, in the answer, in the truth.
    both: f64,
    answered: f64,
    true_pairs: f64,
    /// Sums over items of B-cubed precision and recall.
    precision: f64,
    recall: f64,
    items: f64,
    /// Adjusted Rand index, summed over worlds.
    rand: f64,
    worlds: f64,
    /// Hands that came once, and how many of them were left alone.
    singles: f64,
    alone: f64,
}

/// A world's items as (hand, actor), one each.
pub(crate) fn score(pairs: &[(u32, usize)]) -> Score {
    let (mut cells, mut hands, mut actors) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for (hand, actor) in pairs {
        *cells.entry((*hand, *actor)).or_insert(0.0) += 1.0;
        *hands.entry(*hand).or_insert(0.0) += 1.0;
        *actors.entry(*actor).or_insert(0.0) += 1.0;
    }
    let two = |count: &f64| count * (count - 1.0) / 2.0;
    let both: f64 = cells.values().map(two).sum();
    let true_pairs: f64 = hands.values().map(two).sum();
    let answered: f64 = actors.values().map(two).sum();
    let (mut precision, mut recall) = (0.0, 0.0);
    for ((hand, actor), count) in &cells {
        precision += count * count / actors[actor];
        recall += count * count / hands[hand];
    }
    Score {
        both,
        answered,
        true_pairs,
        precision,
        recall,
        items: pairs.len() as f64,
        rand: adjusted_rand(both, true_pairs, answered, pairs.len() as f64),
        worlds: 1.0,
        ..Score::default()
    }
}

fn adjusted_rand(both: f64, one: f64, other: f64, items: f64) -> f64 {
    let all = items * (items - 1.0) / 2.0;
    let expected = if all > 0.0 { one * other / all } else { 0.0 };
    let most = (one + other) / 2.0;
    if (most - expected).abs() < 1e-12 {
        return 1.0;
    }
    (both - expected) / (most - expected)
}

impl Score {
    /// Notes hands that came in one session, as (hand, actor) of all sessions.
    pub(crate) fn singles(&mut self, sessions: &[(u32, usize)]) {
        let mut of_hand: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        let mut of_actor: BTreeMap<usize, BTreeSet<u32>> = BTreeMap::new();
        for (hand, actor) in sessions {
            of_hand.entry(*hand).or_default().push(*actor);
            of_actor.entry(*actor).or_default().insert(*hand);
        }
        for actors in of_hand.values().filter(|actors| actors.len() == 1) {
            self.singles += 1.0;
            if of_actor[&actors[0]].len() == 1 {
                self.alone += 1.0;
            }
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.both += other.both;
        self.answered += other.answered;
        self.true_pairs += other.true_pairs;
        self.precision += other.precision;
        self.recall += other.recall;
        self.items += other.items;
        self.rand += other.rand;
        self.worlds += other.worlds;
        self.singles += other.singles;
        self.alone += other.alone;
    }

    pub(crate) fn pairwise(&self) -> (f64, f64) {
        (
            share(self.both, self.answered),
            share(self.both, self.true_pairs),
        )
    }

    pub(crate) fn bcubed(&self) -> (f64, f64) {
        (
            share(self.precision, self.items),
            share(self.recall, self.items),
        )
    }

    pub(crate) fn rand(&self) -> f64 {
        share(self.rand, self.worlds)
    }

    pub(crate) fn singleton_recall(&self) -> f64 {
        share(self.alone, self.singles)
    }
}

pub(crate) fn f1((precision, recall): (f64, f64)) -> f64 {
    share(2.0 * precision * recall, precision + recall)
}

fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 1.0 }
}

/// What was stated against what is true, by stated likelihood.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stated {
    /// Upper end in thousandths, how many, how many true, sum of what was stated.
    bands: BTreeMap<&'static str, (f64, f64, f64)>,
    brier: f64,
    count: f64,
    /// Pairs of sessions in one actor whose weakest link states at least "very likely": how many, and how many false.
    pairs: f64,
    false_pairs: f64,
}

impl Stated {
    /// One link was stated to be so likely, and is true or not.
    pub(crate) fn link(&mut self, likelihood: lapwing_core::Likelihood, is: bool) {
        let stated = f64::from(likelihood.per_mille()) / 1000.0;
        let truth = f64::from(u8::from(is));
        let band = self.bands.entry(likelihood.words()).or_default();
        band.0 += 1.0;
        band.1 += truth;
        band.2 += stated;
        self.brier += (stated - truth).powi(2);
        self.count += 1.0;
    }

    pub(crate) fn pairs(&mut self, all: f64, wrong: f64) {
        self.pairs += all;
        self.false_pairs += wrong;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (words, band) in &other.bands {
            let sum = self.bands.entry(words).or_default();
            sum.0 += band.0;
            sum.1 += band.1;
            sum.2 += band.2;
        }
        self.brier += other.brier;
        self.count += other.count;
        self.pairs += other.pairs;
        self.false_pairs += other.false_pairs;
    }

    pub(crate) fn brier(&self) -> f64 {
        share(self.brier, self.count)
    }

    /// False pairs among those stated to be very likely or more, and how many there are.
    pub(crate) fn false_merges(&self) -> (f64, f64) {
        let rate = if self.pairs > 0.0 {
            self.false_pairs / self.pairs
        } else {
            0.0
        };
        (rate, self.pairs)
    }

    /// Words, links, mean of what was stated, share that is true.
    pub(crate) fn bands(&self) -> Vec<(&'static str, f64, f64, f64)> {
        let mut bands: Vec<_> = { self.bands.iter() }
            .map(|(words, (count, truth, stated))| (*words, *count, stated / count, truth / count))
            .collect();
        bands.sort_by(|one, other| one.2.total_cmp(&other.2));
        bands
    }
}
