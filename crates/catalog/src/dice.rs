//! Randomness, drawn in blocks: one call to the generator serves many characters.

use rand::Rng;

/// An unbiased source of small numbers over a generator that was handed in.
pub(crate) struct Dice<'a> {
    rng: &'a mut dyn Rng,
    block: [u8; 64],
    left: usize,
}

impl<'a> Dice<'a> {
    pub(crate) fn new(rng: &'a mut dyn Rng) -> Self {
        Self {
            rng,
            block: [0; 64],
            left: 0,
        }
    }

    fn byte(&mut self) -> u8 {
        if self.left == 0 {
            self.rng.fill_bytes(&mut self.block);
            self.left = self.block.len();
        }
        self.left -= 1;
        self.block[self.left]
    }

    /// A number in `0..bound`, every one as likely; 0 if `bound` is 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        if bound <= 1 {
            return 0;
        }
        let mask = bound.next_power_of_two() - 1;
        loop {
            let mut number = 0;
            let mut rest = mask;
            while rest != 0 {
                number = (number << 8) | usize::from(self.byte());
                rest >>= 8;
            }
            if number & mask < bound {
                return number & mask;
            }
        }
    }

    /// A number in `low..=high`.
    pub(crate) fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// A number in `low..=high` of 64 bits.
    pub(crate) fn number(&mut self, low: u64, high: u64) -> u64 {
        let Some(bound) = (high - low).checked_add(1) else {
            return u64::from_be_bytes(self.bytes());
        };
        let mask = u64::MAX >> (bound - 1).leading_zeros().min(63);
        loop {
            let number = u64::from_be_bytes(self.bytes()) & mask;
            if number < bound {
                return low + number;
            }
        }
    }

    pub(crate) fn pick<'t, T>(&mut self, items: &'t [T]) -> Option<&'t T> {
        items.get(self.below(items.len()))
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.byte())
    }
}
