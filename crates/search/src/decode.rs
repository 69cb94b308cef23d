//! Base 64 and hexadecimal: stretches of a text that decode to something readable, whatever stands
//! between their characters and wherever they begin. (RFC 4648, sections 4, 5 and 8.)

use crate::{Encoding, SHORTEST_NEEDLE, escape};

/// Takes decoded bytes, for each where its first character was, and whether the text was read backwards.
type Emit<'a> = dyn FnMut(&[u8], &[u32], bool) + 'a;

/// Finds what a text decodes to.
type Decode = fn(&[u8], &mut Emit<'_>);

/// What undoes which encoding.
pub(crate) const DECODERS: &[(Encoding, Decode)] =
    &[(Encoding::Base64, base64), (Encoding::Hex, hex)];

const NONE: u8 = 0xff;

static SEXTET: [u8; 256] = {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut table = [NONE; 256];
    let mut value = 0;
    while value < 64 {
        table[alphabet[value as usize] as usize] = value;
        value += 1;
    }
    table[b'-' as usize] = 62;
    table[b'_' as usize] = 63;
    table
};

static NIBBLE: [u8; 256] = {
    let mut table = [NONE; 256];
    let mut value = 0;
    while value < 16 {
        table[b"0123456789abcdef"[value as usize] as usize] = value;
        table[b"0123456789ABCDEF"[value as usize] as usize] = value;
        value += 1;
    }
    table
};

/// Printable ASCII, blanks, line ends, the start of a terminal's escape, and NUL.
static READABLE: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0x20;
    while byte < 0x7f {
        table[byte] = true;
        byte += 1;
    }
    table[0] = true;
    table[b'\t' as usize] = true;
    table[b'\n' as usize] = true;
    table[b'\r' as usize] = true;
    table[0x1b] = true;
    table
};

#[inline]
fn is_readable(byte: u8) -> bool {
    READABLE[usize::from(byte)]
}

fn base64(text: &[u8], emit: &mut Emit<'_>) {
    let (mut sextets, mut at) = digits(text, &SEXTET);
    drop_where(&mut sextets, &mut at, |value, place| {
        value >= 62 && stands_alone(text, place)
    });
    if sextets.len() < SHORTEST_NEEDLE * 4 / 3 {
        return;
    }
    for backwards in [false, true] {
        let emit = &mut |plain: &[u8], from: &[u32]| emit(plain, from, backwards);
        for phase in 0..4 {
            runs::<3>(&sextets[phase..], &at[phase..], 4, unpack_sextets, emit);
        }
        sextets.reverse();
        at.reverse();
    }
}

fn hex(text: &[u8], emit: &mut Emit<'_>) {
    let (mut nibbles, mut at) = digits(text, &NIBBLE);
    drop_where(&mut nibbles, &mut at, |value, place| {
        value == 0 && is_prefix(text, place)
    });
    if nibbles.len() < SHORTEST_NEEDLE * 2 {
        return;
    }
    for backwards in [false, true] {
        let emit = &mut |plain: &[u8], from: &[u32]| emit(plain, from, backwards);
        for phase in 0..2 {
            runs::<1>(&nibbles[phase..], &at[phase..], 2, unpack_nibbles, emit);
        }
        nibbles.reverse();
        at.reverse();
    }
}

/// The digits of a text by a table, and where they were.
fn digits(text: &[u8], table: &[u8; 256]) -> (Vec<u8>, Vec<u32>) {
    let mut values = vec![0; text.len()];
    let mut at = vec![0; text.len()];
    let mut count = 0;
    for (place, byte) in (0u32..).zip(text) {
        let value = table[usize::from(*byte)];
        values[count] = value;
        at[count] = place;
        count += usize::from(value != NONE);
    }
    values.truncate(count);
    at.truncate(count);
    (values, at)
}

/// Takes out digits that are none where they stand.
fn drop_where(values: &mut Vec<u8>, at: &mut Vec<u32>, is_none: impl Fn(u8, usize) -> bool) {
    let pairs = || values.iter().zip(at.iter());
    let keep = |(value, place): (&u8, &u32)| !is_none(*value, *place as usize);
    if pairs().all(keep) {
        return;
    }
    let kept: Vec<bool> = pairs().map(keep).collect();
    let mut keep = kept.iter();
    values.retain(|_| keep.next().copied().unwrap_or(true));
    let mut keep = kept.iter();
    at.retain(|_| keep.next().copied().unwrap_or(true));
}

/// The zero of `0x41`.
fn is_prefix(text: &[u8], place: usize) -> bool {
    text[place] == b'0' && matches!(text.get(place + 1), Some(b'x' | b'X'))
}

/// The plus of `"abc" + "def"`.
fn stands_alone(text: &[u8], place: usize) -> bool {
    let is_digit = |place: usize| {
        text.get(place)
            .is_some_and(|byte| SEXTET[usize::from(*byte)] != NONE)
    };
    !is_digit(place + 1) && !place.checked_sub(1).is_some_and(is_digit)
}

#[inline]
fn unpack_sextets(group: &[u8]) -> [u8; 3] {
    let [a, b, c, d] = [group[0], group[1], group[2], group[3]];
    [(a << 2) | (b >> 4), (b << 4) | (c >> 2), (c << 6) | d]
}

#[inline]
fn unpack_nibbles(group: &[u8]) -> [u8; 1] {
    [(group[0] << 4) | group[1]]
}

/// Hands over each readable run of the bytes that `digits` decode to, groups of `size` giving `N` bytes.
/// A run that is long enough to hold a value has a group that is readable throughout, and a second one
/// next to it: only from there is it followed both ways.
#[inline]
fn runs<const N: usize>(
    digits: &[u8],
    at: &[u32],
    size: usize,
    unpack: fn(&[u8]) -> [u8; N],
    emit: &mut impl FnMut(&[u8], &[u32]),
) {
    let groups = digits.len() / size;
    let bytes = |group: usize| unpack(&digits[group * size..(group + 1) * size]);
    let readable = |group: usize| {
        bytes(group)
            .into_iter()
            .fold(true, |all, byte| all & is_readable(byte))
    };
    // Of seven readable bytes in a row, groups of three are whole at least once, groups of one seven times.
    let stride = if N == 1 { SHORTEST_NEEDLE } else { 1 };
    let mut done = 0;
    let mut group = stride - 1;
    while group < groups {
        if !readable(group) {
            group += stride;
            continue;
        }
        let mut first = group;
        while first > done && readable(first - 1) {
            first -= 1;
        }
        let mut end = group + 1;
        while end < groups && readable(end) {
            end += 1;
        }
        // Bytes of the run in the groups next to it.
        let before = first.checked_sub(1).map_or(0, |group| {
            let back = bytes(group).into_iter().rev();
            back.take_while(|byte| is_readable(*byte)).count()
        });
        let after = if end < groups {
            let on = bytes(end).into_iter();
            on.take_while(|byte| is_readable(*byte)).count()
        } else {
            N
        };
        if (end - first) * N + before + after >= SHORTEST_NEEDLE {
            let (first, end) = (first.saturating_sub(1), (end + 1).min(groups));
            hand_over(
                &digits[first * size..end * size],
                &at[first * size..end * size],
                size,
                unpack,
                emit,
            );
        }
        done = end;
        group = end + stride;
    }
    // A last group that is not full: base 64 without padding.
    let rest = &digits[groups * size..];
    if N == 3 && rest.len() >= 2 && groups > 0 {
        let mut last = [0; 4];
        last[..rest.len()].copy_from_slice(rest);
        let mut tail = groups;
        while tail > 0 && readable(tail - 1) {
            tail -= 1;
        }
        let tail = tail.saturating_sub(1);
        let mut padded = digits[tail * size..groups * size].to_vec();
        padded.extend_from_slice(&last);
        let mut places = at[tail * size..groups * size].to_vec();
        places.extend_from_slice(&[at[groups * size]; 4]);
        if (groups - tail) * N >= SHORTEST_NEEDLE {
            hand_over(&padded, &places, size, unpack, emit);
        }
    }
}

fn hand_over<const N: usize>(
    digits: &[u8],
    at: &[u32],
    size: usize,
    unpack: fn(&[u8]) -> [u8; N],
    emit: &mut impl FnMut(&[u8], &[u32]),
) {
    let groups = || digits.chunks_exact(size);
    let letters = groups().flat_map(unpack).filter(u8::is_ascii_alphanumeric);
    if letters.take(SHORTEST_NEEDLE).count() < SHORTEST_NEEDLE {
        return;
    }
    let mut plain = Vec::with_capacity(digits.len());
    let mut from = Vec::with_capacity(digits.len());
    for (group, places) in groups().zip(at.chunks_exact(size)) {
        // A byte begins in the digit of its own number. NUL is every other byte of UTF-16.
        let bytes = unpack(group).into_iter().zip(places);
        for (byte, place) in bytes.filter(|(byte, _)| *byte != 0) {
            plain.push(byte);
            from.push(*place);
        }
    }
    emit(&plain, &from);
    // `25\n4143` may be the end of one thing and the beginning of another, and `%AC` no escape.
    let joined = |pair: &[u32]| pair[0].abs_diff(pair[1]) <= 2;
    let parted = escape::part(&mut plain, |start, end| {
        !from[start..end].windows(2).all(joined)
    });
    if parted {
        emit(&plain, &from);
    }
}
