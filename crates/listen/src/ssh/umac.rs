//! UMAC with tags of 64 and 128 bits (RFC 4418), which OpenSSH's clients prefer where a cipher needs a MAC.

use aes::Aes128;
use aes::cipher::{Array, BlockCipherEncrypt as _, KeyInit as _};

/// Bytes hashed under one key of the first layer.
const BLOCK: usize = 1024;
/// 2^64 - 59, the prime of the second layer.
const P64: u128 = (1 << 64) - 59;
/// 2^36 - 5, the prime of the third.
const P36: u64 = (1 << 36) - 5;

pub(super) struct Umac {
    pad: Aes128,
    layers: Vec<Layer>,
}

/// One of the hashes whose results stand side by side: each gives four bytes.
struct Layer {
    first: Vec<u32>,
    second: u64,
    third: [u64; 8],
    last: u32,
}

impl Umac {
    /// `length`: of the tag, 8 or 16 bytes.
    pub(super) fn new(key: [u8; 16], length: usize) -> Self {
        let count = length / 4;
        let cipher = Aes128::new(&Array(key));
        let first = derive(&cipher, 1, BLOCK + (count - 1) * 16);
        let second = derive(&cipher, 2, count * 24);
        let third = derive(&cipher, 3, count * 64);
        let last = derive(&cipher, 4, count * 4);
        let layers = (0..count).map(|at| Layer {
            first: words(&first[at * 16..at * 16 + BLOCK]),
            second: long(&second[at * 24..]) & 0x01ff_ffff_01ff_ffff,
            third: std::array::from_fn(|i| long(&third[at * 64 + i * 8..]) % P36),
            last: words(&last[at * 4..at * 4 + 4])[0],
        });
        let layers = layers.collect();
        let pad: [u8; 16] = derive(&cipher, 0, 16).try_into().unwrap_or_default();
        Self {
            pad: Aes128::new(&Array(pad)),
            layers,
        }
    }

    /// Of the tag.
    pub(super) fn length(&self) -> usize {
        self.layers.len() * 4
    }

    pub(super) fn tag(&self, nonce: u64, message: &[u8]) -> Vec<u8> {
        let short = self.layers.len() == 2;
        let mut block = [0; 16];
        // Two tags of 64 bits come out of one block of the pad.
        let low = if short { nonce & 1 } else { 0 };
        block[..8].copy_from_slice(&(nonce ^ low).to_be_bytes());
        let mut pad = Array(block);
        self.pad.encrypt_block(&mut pad);
        let pad = if low == 1 { &pad[8..] } else { &pad[..] };
        let hash = self.layers.iter().flat_map(|it| it.hash(message));
        hash.zip(pad).map(|(hash, pad)| hash ^ pad).collect()
    }
}

impl Layer {
    fn hash(&self, message: &[u8]) -> [u8; 4] {
        let sum = if message.len() <= BLOCK {
            u128::from(self.block(message))
        } else {
            let blocks = message.chunks(BLOCK).map(|it| self.block(it));
            blocks.fold(1, |sum, next| self.polynomial(sum, next))
        };
        let digits = sum.to_be_bytes();
        let digits = digits
            .chunks_exact(2)
            .map(|it| u64::from(u16::from_be_bytes([it[0], it[1]])));
        let sum: u64 = digits.zip(self.third).map(|(it, key)| it * key % P36).sum();
        let [.., a, b, c, d] = (sum % P36).to_be_bytes();
        (u32::from_be_bytes([a, b, c, d]) ^ self.last).to_be_bytes()
    }

    /// NH, and the length in bits.
    fn block(&self, bytes: &[u8]) -> u64 {
        let mut sum = bytes.len() as u64 * 8;
        let mut padded = bytes.to_vec();
        padded.resize(bytes.len().max(1).next_multiple_of(32), 0);
        for (eight, key) in padded.chunks_exact(32).zip(self.first.chunks_exact(8)) {
            let word = |at: usize| {
                let bytes = eight[at * 4..].first_chunk().copied().unwrap_or_default();
                u64::from(u32::from_le_bytes(bytes).wrapping_add(key[at]))
            };
            for at in 0..4 {
                sum = sum.wrapping_add(word(at).wrapping_mul(word(at + 4)));
            }
        }
        sum
    }

    fn polynomial(&self, sum: u128, next: u64) -> u128 {
        let step = |sum: u128, add: u128| (u128::from(self.second) * sum + add) % P64;
        // What the prime cannot hold is marked and brought down.
        if next >= 0xffff_ffff_0000_0000 {
            step(step(sum, P64 - 1), u128::from(next) - 59)
        } else {
            step(sum, u128::from(next))
        }
    }
}

/// RFC 4418 section 3.2.
fn derive(cipher: &Aes128, index: u8, length: usize) -> Vec<u8> {
    let blocks = (1..=length.div_ceil(16) as u64).flat_map(|count| {
        let mut block = [0; 16];
        block[7] = index;
        block[8..].copy_from_slice(&count.to_be_bytes());
        let mut block = Array(block);
        cipher.encrypt_block(&mut block);
        block.0
    });
    blocks.take(length).collect()
}

fn words(bytes: &[u8]) -> Vec<u32> {
    let word = |it: &[u8]| u32::from_be_bytes([it[0], it[1], it[2], it[3]]);
    bytes.chunks_exact(4).map(word).collect()
}

fn long(bytes: &[u8]) -> u64 {
    u64::from_be_bytes(bytes.first_chunk().copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXUPPER;

    use super::*;

    /// RFC 4418 appendix, whose key is "abcdefghijklmnop" and whose nonce is "bcdefghi".
    #[test]
    fn tags_are_those_of_the_standard() {
        let umac = Umac::new(*b"abcdefghijklmnop", 8);
        let nonce = u64::from_be_bytes(*b"bcdefghi");
        for (message, expect) in [
            (Vec::new(), "6E155FAD26900BE1"),
            (b"aaa".to_vec(), "44B5CB542F220104"),
            (vec![b'a'; 1 << 10], "26BF2F5D60118BD9"),
            (vec![b'a'; 1 << 15], "27F8EF643B0D118D"),
            (vec![b'a'; 1 << 20], "A4477E87E9F55853"),
            (b"abc".to_vec(), "D4D7B9F6BD4FBFCF"),
            (b"abc".repeat(500), "D4CF26DDEFD5C01A"),
        ] {
            assert_eq!(HEXUPPER.encode(&umac.tag(nonce, &message)), expect);
        }
    }
}
