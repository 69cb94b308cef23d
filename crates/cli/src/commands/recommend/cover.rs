//! The fewest places that most sweeps come by: a greedy cover. Every sweep counts by its weight, once in all
//! and half as much again in each part of the tree.

use std::collections::BTreeSet;

/// A place to be chosen or not.
pub(super) struct Spot {
    /// The sweep that finds it.
    pub sweep: &'static str,
    pub weight: u32,
    /// The part of the tree, or the database, that it is in.
    pub part: String,
}

/// What is covered, in twice the weights.
#[derive(Default)]
pub(super) struct Cover {
    sweeps: BTreeSet<&'static str>,
    parts: BTreeSet<(&'static str, String)>,
    /// The weight that is covered.
    pub covered: u32,
}

impl Cover {
    /// What a place would add.
    pub(super) fn gain(&self, spot: &Spot) -> u32 {
        let sweep = if self.sweeps.contains(spot.sweep) {
            0
        } else {
            2
        };
        let part = self.parts.contains(&(spot.sweep, spot.part.clone()));
        spot.weight * (sweep + u32::from(!part))
    }

    pub(super) fn add(&mut self, spot: &Spot) {
        self.covered += self.gain(spot);
        self.sweeps.insert(spot.sweep);
        self.parts.insert((spot.sweep, spot.part.clone()));
    }

    /// What all places cover together.
    pub(super) fn of<'a>(spots: impl Iterator<Item = &'a Spot>) -> u32 {
        let mut spots: Vec<&Spot> = spots.collect();
        spots.sort_by_key(|spot| std::cmp::Reverse(spot.weight));
        let mut cover = Self::default();
        for spot in spots {
            cover.add(spot);
        }
        cover.covered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_sweep_counts_most_and_a_second_beside_it_nothing() {
        let spot = |sweep, weight, part: &str| Spot {
            sweep,
            weight,
            part: part.to_owned(),
        };
        let mut cover = Cover::default();
        assert_eq!(cover.gain(&spot("a", 10, "x")), 30);
        cover.add(&spot("a", 10, "x"));
        assert_eq!(cover.gain(&spot("a", 10, "x")), 0);
        assert_eq!(cover.gain(&spot("a", 10, "y")), 10);
        assert_eq!(cover.gain(&spot("b", 4, "x")), 12);
    }
}
