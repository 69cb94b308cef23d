//! Streamlined NTRU Prime 761, as far as a server needs it: the encapsulation of a secret under a client's key
//! (draft-josefsson-ntruprime-streamlined; NIST PQC round 3 submission, parameter set `sntrup761`).

use rand::Rng as _;
use sha2::{Digest as _, Sha512};

const P: usize = 761;
const Q: i32 = 4591;
const HALF: i32 = (Q - 1) / 2;
const WEIGHT: usize = 286;

/// Bytes of a public key.
pub(super) const PUBLIC: usize = 1158;
/// Bytes of a ciphertext.
#[cfg(test)]
const CIPHERTEXT: usize = 1039;

/// Ciphertext and secret for a public key; `None` if it has not the right length.
pub(super) fn encapsulate(public: &[u8]) -> Option<(Vec<u8>, [u8; 32])> {
    if public.len() != PUBLIC {
        return None;
    }
    let mut numbers = vec![0; P];
    decode(&mut { public }, &[4591; P], &mut numbers)?;
    let key: Vec<i32> = numbers.iter().map(|it| i32::from(*it) - HALF).collect();
    let secret = short();
    let rounded: Vec<u16> = product(&key, &secret).into_iter().map(third).collect();
    let mut ciphertext = Vec::with_capacity(1039);
    encode(rounded, vec![1531; P], &mut ciphertext);
    let inner = hash(3, &[&trits(&secret)]);
    let confirm = hash(2, &[&inner, &hash(4, &[public])]);
    ciphertext.extend_from_slice(&confirm);
    let session = hash(1, &[&inner, &ciphertext]);
    Some((ciphertext, session))
}

/// Random, of -1, 0 and 1, so many of them not 0.
fn short() -> Vec<i8> {
    let mut rng = rand::rng();
    let mut drawn: Vec<u32> = (0..P).map(|_| rng.next_u32()).collect();
    for (at, number) in drawn.iter_mut().enumerate() {
        *number = if at < WEIGHT {
            *number & !1
        } else {
            (*number & !3) | 1
        };
    }
    drawn.sort_unstable();
    let small = |number: u32| i8::try_from(number & 3).unwrap_or_default() - 1;
    drawn.into_iter().map(small).collect()
}

/// In the ring modulo x^761 - x - 1 and 4591, from -2295 to 2295.
fn product(key: &[i32], small: &[i8]) -> Vec<i32> {
    let mut sums = vec![0i32; 2 * P - 1];
    for (at, factor) in small.iter().enumerate() {
        let factor = i32::from(*factor);
        for (sum, other) in sums[at..].iter_mut().zip(key) {
            *sum += factor * other;
        }
    }
    for at in (P..2 * P - 1).rev() {
        let high = sums[at] % Q;
        sums[at - P] += high;
        sums[at - P + 1] += high;
    }
    let middle = |it: i32| (it + HALF).rem_euclid(Q) - HALF;
    sums[..P].iter().map(|it| middle(*it)).collect()
}

/// Rounded to a multiple of three, and which one that is.
fn third(number: i32) -> u16 {
    let rest = (number + 1).rem_euclid(3) - 1;
    u16::try_from((number - rest + HALF) / 3).unwrap_or_default()
}

fn trits(small: &[i8]) -> Vec<u8> {
    let byte = |four: &[i8]| {
        let digits = four.iter().enumerate();
        digits.fold(0, |byte, (at, trit)| {
            byte | u8::try_from(trit + 1).unwrap_or_default() << (2 * at)
        })
    };
    small.chunks(4).map(byte).collect()
}

fn hash(prefix: u8, parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha512::new();
    hash.update([prefix]);
    for part in parts {
        hash.update(part);
    }
    let whole: [u8; 64] = hash.finalize().into();
    whole.first_chunk().copied().unwrap_or_default()
}

/// Numbers below their moduli as bytes: pairs become one number, whose low bytes go out, until one is left.
fn encode(mut numbers: Vec<u16>, mut moduli: Vec<u16>, out: &mut Vec<u8>) {
    let mut low = |number: &mut u32, modulus: &mut u32, least: u32| {
        while *modulus >= least {
            out.push(number.to_le_bytes()[0]);
            *number >>= 8;
            *modulus = modulus.div_ceil(256);
        }
    };
    let fit = |number: u32| u16::try_from(number).unwrap_or_default();
    while numbers.len() > 1 {
        let pairs = numbers.chunks(2).zip(moduli.chunks(2));
        let halved = pairs.map(|(numbers, moduli)| match (numbers, moduli) {
            ([one, two], [first, second]) => {
                let mut number = u32::from(*one) + u32::from(*two) * u32::from(*first);
                let mut modulus = u32::from(*second) * u32::from(*first);
                low(&mut number, &mut modulus, 16_384);
                (fit(number), fit(modulus))
            }
            _ => (numbers[0], moduli[0]),
        });
        (numbers, moduli) = halved.unzip();
    }
    let (mut number, mut modulus) = (u32::from(numbers[0]), u32::from(moduli[0]));
    low(&mut number, &mut modulus, 2);
}

/// The reverse of [`encode`]; `None` if bytes are missing. What is not below its modulus is brought there.
fn decode(bytes: &mut &[u8], moduli: &[u16], out: &mut [u16]) -> Option<()> {
    let mut take = || {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        Some(u32::from(*byte))
    };
    if let [modulus] = moduli {
        let modulus = u32::from(*modulus);
        let mut number = 0;
        if modulus > 1 {
            number = take()?;
        }
        if modulus > 256 {
            number += take()? << 8;
        }
        out[0] = u16::try_from(number % modulus).ok()?;
        return Some(());
    }
    let mut bottoms = Vec::with_capacity(moduli.len() / 2);
    let mut halved = Vec::with_capacity(moduli.len().div_ceil(2));
    for pair in moduli.chunks(2) {
        let [first, second] = pair else {
            halved.push(pair[0]);
            continue;
        };
        let mut modulus = u32::from(*first) * u32::from(*second);
        let (mut bottom, mut scale) = (0, 1);
        while modulus >= 16_384 {
            bottom += take()? * scale;
            scale *= 256;
            modulus = modulus.div_ceil(256);
        }
        bottoms.push((bottom, scale));
        halved.push(u16::try_from(modulus).ok()?);
    }
    let mut tops = vec![0; halved.len()];
    decode(bytes, &halved, &mut tops)?;
    for (at, top) in tops.iter().enumerate() {
        let Some((bottom, scale)) = bottoms.get(at) else {
            out[2 * at] = *top;
            continue;
        };
        let number = bottom + scale * u32::from(*top);
        let (first, second) = (u32::from(moduli[2 * at]), u32::from(moduli[2 * at + 1]));
        out[2 * at] = u16::try_from(number % first).ok()?;
        out[2 * at + 1] = u16::try_from(number / first % second).ok()?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_secret_is_short() {
        let drawn = short();
        assert_eq!(drawn.iter().filter(|it| **it != 0).count(), WEIGHT);
        assert_eq!(drawn.len(), P);
    }

    proptest! {
        #[test]
        fn numbers_come_back(numbers in prop::collection::vec(0u16..4591, P)) {
            let mut bytes = Vec::new();
            encode(numbers.clone(), vec![4591; P], &mut bytes);
            prop_assert_eq!(bytes.len(), PUBLIC);
            let mut back = vec![0; P];
            decode(&mut &bytes[..], &[4591; P], &mut back).unwrap();
            prop_assert_eq!(back, numbers);
        }

        #[test]
        fn any_bytes_are_a_key(bytes in prop::collection::vec(any::<u8>(), PUBLIC)) {
            let (ciphertext, _) = encapsulate(&bytes).unwrap();
            prop_assert_eq!(ciphertext.len(), CIPHERTEXT);
        }
    }
}
