//! What could not be recorded waits here, in bounded memory, until the disk takes it.
//!
//! A flood of one canary must not push another's use off the shelf: of each canary and address a few uses are
//! kept whole, of the others only what a summary says; and the first use of a canary makes room for itself.

use std::collections::{HashMap, VecDeque};
use std::mem;

use lapwing_core::{CanaryId, Claims};
use lapwing_listen::Sighting;

use crate::record::Repeat;
use crate::sink::{Source, source};

/// Uses kept whole of one canary from one address.
const FEW: usize = 32;
/// Uses kept whole in all, and their bytes.
const WHOLE: usize = 4096;
const BYTES: usize = 24 << 20;
/// Uses kept as a summary says them, and of how many canaries and addresses.
const REPEATS: usize = 100_000;
const SOURCES: usize = 10_000;

/// What waits.
#[derive(Default)]
pub(crate) struct Shelf {
    whole: VecDeque<Sighting>,
    bytes: usize,
    of: HashMap<Source, usize>,
    canaries: HashMap<CanaryId, usize>,
    repeats: HashMap<Source, (Sighting, Vec<Repeat>)>,
    repeated: usize,
}

/// Something that waited.
#[derive(Debug)]
pub(crate) enum Kept {
    Whole(Box<Sighting>),
    /// The first of them, without its bytes.
    Repeats(Box<Sighting>, Vec<Repeat>),
}

impl Shelf {
    /// How many uses wait.
    pub(crate) fn len(&self) -> usize {
        self.whole.len() + self.repeated
    }

    /// Keeps a use; `false` if there is no room, not even for what a summary says of it.
    pub(crate) fn put(&mut self, sighting: Sighting) -> bool {
        let canary = sighting.canary.id;
        let few = self.of.get(&source(&sighting)).copied().unwrap_or(0) < FEW;
        let room = self.has_room(&sighting)
            || !self.canaries.contains_key(&canary) && self.make_room(&sighting);
        if few && room {
            self.push(sighting);
            return true;
        }
        self.repeat(sighting)
    }

    /// Takes the oldest whole one; behind those, what a summary says.
    pub(crate) fn take(&mut self) -> Option<Kept> {
        if let Some(sighting) = self.whole.pop_front() {
            self.forget(&sighting);
            return Some(Kept::Whole(Box::new(sighting)));
        }
        let source = *self.repeats.keys().next()?;
        let (first, repeats) = self.repeats.remove(&source)?;
        self.repeated -= repeats.len();
        Some(Kept::Repeats(Box::new(first), repeats))
    }

    /// Puts back what was taken.
    pub(crate) fn put_back(&mut self, kept: Kept) {
        match kept {
            Kept::Whole(sighting) => {
                self.remember(&sighting);
                self.whole.push_front(*sighting);
            }
            Kept::Repeats(first, repeats) => {
                self.repeated += repeats.len();
                let known = self.repeats.entry(source(&first));
                let (_, known) = known.or_insert_with(|| (*first, Vec::new()));
                known.extend(repeats);
            }
        }
    }

    fn has_room(&self, sighting: &Sighting) -> bool {
        self.whole.len() < WHOLE && self.bytes + size(sighting) <= BYTES
    }

    /// Reduces the latest uses of whichever canary has most.
    fn make_room(&mut self, sighting: &Sighting) -> bool {
        while !self.has_room(sighting) {
            let most = self.canaries.iter().max_by_key(|(_, count)| **count);
            let Some((canary, 2..)) = most.map(|(canary, count)| (*canary, *count)) else {
                return false;
            };
            let last = self.whole.iter().rposition(|it| it.canary.id == canary);
            let Some(reduced) = last.and_then(|at| self.whole.remove(at)) else {
                return false;
            };
            self.forget(&reduced);
            if !self.repeat(reduced) {
                return false;
            }
        }
        true
    }

    fn push(&mut self, sighting: Sighting) {
        self.remember(&sighting);
        self.whole.push_back(sighting);
    }

    fn repeat(&mut self, mut sighting: Sighting) -> bool {
        let source = source(&sighting);
        let new = !self.repeats.contains_key(&source);
        if self.repeated >= REPEATS || new && self.repeats.len() >= SOURCES {
            return false;
        }
        let repeat = Repeat::of(&sighting);
        self.repeated += 1;
        let (_, repeats) = self.repeats.entry(source).or_insert_with(|| {
            mem::take(&mut sighting.raw);
            sighting.hello = None;
            sighting.claims = Claims::default();
            (sighting, Vec::new())
        });
        repeats.push(repeat);
        true
    }

    fn remember(&mut self, sighting: &Sighting) {
        self.bytes += size(sighting);
        *self.of.entry(source(sighting)).or_default() += 1;
        *self.canaries.entry(sighting.canary.id).or_default() += 1;
    }

    fn forget(&mut self, sighting: &Sighting) {
        self.bytes -= size(sighting);
        less(&mut self.of, source(sighting));
        less(&mut self.canaries, sighting.canary.id);
    }
}

fn less<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, usize>, key: K) {
    if let Some(count) = counts.get_mut(&key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&key);
        }
    }
}

/// About what it takes in memory: the claims repeat most of the bytes as sent.
fn size(sighting: &Sighting) -> usize {
    2048 + 3 * sighting.raw.len() + sighting.hello.as_ref().map_or(0, |hello| hello.len())
}

#[cfg(test)]
mod tests {
    use lapwing_core::Timestamp;

    use super::*;
    use crate::record::sample;

    fn used(canary: u8, host: u16, number: i64, raw: usize) -> Sighting {
        let mut sighting = sample(canary, &format!("192.0.{}.{}", host / 256, host % 256));
        sighting.observed.time = Timestamp::from_micros(number);
        sighting.raw = vec![b'x'; raw];
        sighting
    }

    fn drain(shelf: &mut Shelf) -> (Vec<Sighting>, usize) {
        let (mut whole, mut repeated) = (Vec::new(), 0);
        while let Some(kept) = shelf.take() {
            match kept {
                Kept::Whole(one) => whole.push(*one),
                Kept::Repeats(_, repeats) => repeated += repeats.len(),
            }
        }
        assert_eq!((shelf.len(), shelf.bytes), (0, 0));
        assert!(shelf.of.is_empty() && shelf.canaries.is_empty());
        (whole, repeated)
    }

    #[test]
    fn a_flood_is_summed_up_and_crowds_nobody_out() {
        let mut shelf = Shelf::default();
        for number in 0..20_000 {
            let host = u16::try_from(number % 300).unwrap();
            assert!(shelf.put(used(1, host, number, 4000)));
        }
        assert!(shelf.bytes <= BYTES);
        assert!(shelf.put(used(2, 1, 20_000, 60_000)));
        assert_eq!(shelf.len(), 20_001);
        let (whole, repeated) = drain(&mut shelf);
        assert_eq!(whole.len() + repeated, 20_001);
        assert_eq!(whole.last().map(|it| it.raw.len()), Some(60_000));
        assert!(whole.len() <= FEW * 300 + 1);
    }

    #[test]
    fn what_is_put_back_comes_first_again() {
        let mut shelf = Shelf::default();
        for number in 0..40 {
            shelf.put(used(1, 1, number, 10));
        }
        let first = shelf.take().unwrap();
        shelf.put_back(first);
        let (whole, repeated) = drain(&mut shelf);
        assert_eq!((whole.len(), repeated), (32, 8));
        assert_eq!(whole[0].observed.time, Timestamp::from_micros(0));
    }

    #[test]
    fn past_all_bounds_it_says_no() {
        let mut shelf = Shelf::default();
        let all = (0..i64::try_from(REPEATS + FEW).unwrap())
            .filter(|number| shelf.put(used(1, 1, *number, 10)))
            .count();
        assert_eq!(all, REPEATS + FEW);
        assert!(!shelf.put(used(1, 1, 0, 10)));
        assert!(shelf.put(used(3, 1, 0, 10)));
    }
}
