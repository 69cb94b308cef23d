//! A blocked Bloom filter over digests: twelve bits a digest, one cache line a look-up, and under
//! one percent of unknown digests taken for known. Digests are keyed hashes already, so their own
//! bits pick the block and the bits in it; nobody without the key can aim at a block.

use std::sync::atomic::{AtomicU64, Ordering};

use lapwing_core::Digest;

const BITS_PER_DIGEST: u64 = 12;
const BLOCK_BITS: u64 = 512;
/// Bits set for a digest; 9 bits of it choose each.
const PROBES: u32 = 7;

/// 512 bits on one cache line.
#[repr(align(64))]
#[derive(Default)]
struct Block([AtomicU64; 8]);

/// A filter for a given number of digests. More may be added; it then says "maybe" more often.
pub(crate) struct Bloom {
    blocks: Box<[Block]>,
}

impl Bloom {
    pub(crate) fn for_digests(capacity: u64) -> Self {
        let blocks = (capacity * BITS_PER_DIGEST).div_ceil(BLOCK_BITS).max(1);
        Self {
            blocks: (0..blocks).map(|_| Block::default()).collect(),
        }
    }

    pub(crate) fn insert(&self, digest: &Digest) {
        let (block, bits) = self.place(digest);
        for (word, bit) in probes(bits) {
            block.0[word].fetch_or(bit, Ordering::Release);
        }
    }

    /// False only if the digest was never inserted.
    pub(crate) fn may_contain(&self, digest: &Digest) -> bool {
        let (block, bits) = self.place(digest);
        probes(bits).all(|(word, bit)| block.0[word].load(Ordering::Acquire) & bit != 0)
    }

    fn place(&self, digest: &Digest) -> (&Block, u64) {
        let whole = u128::from_le_bytes(digest.0);
        #[expect(clippy::cast_possible_truncation, reason = "the halves are meant")]
        let (low, high) = (whole as u64, (whole >> 64) as u64);
        // Maps the low half evenly onto the blocks without a division.
        let index = (u128::from(low) * self.blocks.len() as u128) >> 64;
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        (&self.blocks[index.min(self.blocks.len() - 1)], high)
    }
}

/// Word and bit of each probe.
fn probes(bits: u64) -> impl Iterator<Item = (usize, u64)> {
    (0..PROBES).map(move |probe| {
        let chosen = (bits >> (9 * probe)) & 511;
        (usize::from(chosen as u16 >> 6), 1 << (chosen & 63))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_it_was_told_and_little_else() {
        let bloom = Bloom::for_digests(10_000);
        let digests: Vec<Digest> = (0..20_000).map(|_| Digest(rand::random())).collect();
        let (told, others) = digests.split_at(10_000);
        told.iter().for_each(|digest| bloom.insert(digest));
        assert!(told.iter().all(|digest| bloom.may_contain(digest)));
        let wrong = others
            .iter()
            .filter(|digest| bloom.may_contain(digest))
            .count();
        assert!(wrong < 200, "{wrong} of 10,000 taken for known");
    }
}
