//! Escapes: what they stand for, put in their place. Only the surroundings of escapes are handed over;
//! the rest was searched as it is.

/// Takes the text without escapes and, for each byte, where it was.
type Emit<'a> = dyn FnMut(&[u8], &[u32]) + 'a;

/// How far around an escape a value may reach, in bytes.
const REACH: usize = 4096;

/// An escape: where it stands, how long it is, and up to four bytes it stands for.
struct Escape {
    start: usize,
    length: usize,
    plain: [u8; 4],
    plain_length: usize,
}

/// Undoes `%41`, `\n`, `\x41`, `\u0041`, `\u{41}`, `\101`, `&#65;`, `&amp;`; drops terminal colours, tags
/// and backslashes at line ends.
pub(crate) fn unescape(text: &[u8], emit: &mut Emit<'_>) {
    replace(text, begins_escape, escape_at, emit);
}

/// Blanks the first character of each escape whose bytes, from and to, do not belong together.
pub(crate) fn part(text: &mut [u8], is_apart: impl Fn(usize, usize) -> bool) -> bool {
    let mut parted = false;
    for at in 0..text.len() {
        let escape = match text[at] {
            b'=' => quoted_at(&text[at..]),
            byte if begins_escape(byte) => escape_at(&text[at..]),
            _ => None,
        };
        if escape.is_some_and(|(length, _)| is_apart(at, at + length)) {
            text[at] = b'\n';
            parted = true;
        }
    }
    parted
}

fn begins_escape(byte: u8) -> bool {
    matches!(byte, b'%' | b'\\' | b'&' | 0x1b | b'<')
}

/// Undoes quoted-printable (RFC 2045, section 6.7). Only text that has its soft line breaks or `=3D` is
/// taken for such.
pub(crate) fn unquote(text: &[u8], emit: &mut Emit<'_>) {
    let marks = |pair: &[u8]| matches!(pair, b"=\r" | b"=\n");
    let is_quoted = text.windows(2).any(marks) || text.windows(3).any(|three| three == b"=3D");
    if is_quoted {
        replace(text, |byte| byte == b'=', quoted_at, emit);
    }
}

fn replace(
    text: &[u8],
    begins: fn(u8) -> bool,
    read: fn(&[u8]) -> Option<(usize, Plain)>,
    emit: &mut Emit<'_>,
) {
    let mut near: Vec<Escape> = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let escape = if begins(text[at]) {
            read(&text[at..])
        } else {
            None
        };
        let Some((length, plain)) = escape else {
            at += 1;
            continue;
        };
        if near.last().is_some_and(|last| at - last.start > 2 * REACH) {
            hand_over(text, &near, emit);
            near.clear();
        }
        near.push(Escape {
            start: at,
            length,
            plain: plain.bytes,
            plain_length: plain.length,
        });
        at += length.max(1);
    }
    if !near.is_empty() {
        hand_over(text, &near, emit);
    }
}

fn hand_over(text: &[u8], escapes: &[Escape], emit: &mut Emit<'_>) {
    let (Some(first), Some(last)) = (escapes.first(), escapes.last()) else {
        return;
    };
    let mut from = first.start.saturating_sub(REACH);
    let end = (last.start + last.length + REACH).min(text.len());
    let mut plain = Vec::with_capacity(end - from);
    let mut places = Vec::with_capacity(end - from);
    let copy = |from: usize, to: usize, plain: &mut Vec<u8>, places: &mut Vec<u32>| {
        plain.extend_from_slice(&text[from..to]);
        places.extend((from..to).map(|place| u32::try_from(place).unwrap_or(u32::MAX)));
    };
    for escape in escapes {
        copy(from, escape.start, &mut plain, &mut places);
        let place = u32::try_from(escape.start).unwrap_or(u32::MAX);
        plain.extend_from_slice(&escape.plain[..escape.plain_length]);
        places.extend(std::iter::repeat_n(place, escape.plain_length));
        from = escape.start + escape.length;
    }
    copy(from, end, &mut plain, &mut places);
    emit(&plain, &places);
}

/// Up to four bytes.
#[derive(Clone, Copy, Default)]
struct Plain {
    bytes: [u8; 4],
    length: usize,
}

impl Plain {
    fn byte(byte: u8) -> Self {
        Self {
            bytes: [byte, 0, 0, 0],
            length: 1,
        }
    }

    fn character(code: u32) -> Option<Self> {
        let mut bytes = [0; 4];
        let length = char::from_u32(code)?.encode_utf8(&mut bytes).len();
        Some(Self { bytes, length })
    }
}

fn escape_at(text: &[u8]) -> Option<(usize, Plain)> {
    match text[0] {
        b'%' => percent(text),
        b'\\' => backslash(text),
        b'&' => entity(text),
        0x1b => terminal(text),
        _ => tag(text),
    }
}

fn percent(text: &[u8]) -> Option<(usize, Plain)> {
    if matches!(text.get(1), Some(b'u')) {
        return Some((6, Plain::character(number(text.get(2..6)?, 16)?)?));
    }
    let byte = number(text.get(1..3)?, 16)?;
    Some((3, Plain::byte(u8::try_from(byte).ok()?)))
}

fn backslash(text: &[u8]) -> Option<(usize, Plain)> {
    let byte = *text.get(1)?;
    let one = |byte| Some((2, Plain::byte(byte)));
    match byte {
        b'n' | b'r' | b't' | b'b' | b'f' | b'v' => one(b'\n'),
        b'\n' => Some((2, Plain::default())),
        b'x' => {
            let byte = number(text.get(2..4)?, 16)?;
            Some((4, Plain::byte(u8::try_from(byte).ok()?)))
        }
        b'u' if text.get(2) == Some(&b'{') => {
            let end = text.iter().take(11).position(|byte| *byte == b'}')?;
            Some((end + 1, Plain::character(number(&text[3..end], 16)?)?))
        }
        b'u' => Some((6, Plain::character(number(text.get(2..6)?, 16)?)?)),
        b'U' => Some((10, Plain::character(number(text.get(2..10)?, 16)?)?)),
        b'0'..=b'3' => {
            let byte = number(text.get(1..4)?, 8)?;
            Some((4, Plain::byte(u8::try_from(byte).ok()?)))
        }
        byte if byte.is_ascii_punctuation() => one(byte),
        _ => None,
    }
}

fn entity(text: &[u8]) -> Option<(usize, Plain)> {
    let end = text.iter().take(12).position(|byte| *byte == b';')?;
    let name = &text[1..end];
    let code = match name {
        [b'#', b'x' | b'X', hex @ ..] => number(hex, 16)?,
        [b'#', decimal @ ..] => number(decimal, 10)?,
        b"amp" => u32::from(b'&'),
        b"lt" => u32::from(b'<'),
        b"gt" => u32::from(b'>'),
        b"quot" => u32::from(b'"'),
        b"apos" => u32::from(b'\''),
        b"nbsp" | b"shy" | b"ensp" | b"emsp" | b"thinsp" | b"zwnj" | b"zwj" => u32::from(b' '),
        b"lowbar" => u32::from(b'_'),
        b"hyphen" | b"dash" => u32::from(b'-'),
        b"plus" => u32::from(b'+'),
        b"sol" => u32::from(b'/'),
        b"equals" => u32::from(b'='),
        b"period" => u32::from(b'.'),
        b"commat" => u32::from(b'@'),
        b"colon" => u32::from(b':'),
        _ => return None,
    };
    Some((end + 1, Plain::character(code)?))
}

/// `ESC [ 31 m` and its like (ECMA-48, section 5.4).
fn terminal(text: &[u8]) -> Option<(usize, Plain)> {
    if text.get(1) != Some(&b'[') {
        return None;
    }
    let end = text[2..]
        .iter()
        .take(32)
        .position(|byte| !matches!(byte, b'0'..=b'9' | b';' | b':' | b'?'))?;
    text[end + 2]
        .is_ascii_alphabetic()
        .then(|| (end + 3, Plain::default()))
}

/// A tag in the middle of a value: `<b>`, `</span>`, `<wbr>`.
fn tag(text: &[u8]) -> Option<(usize, Plain)> {
    let name = *text.get(1)?;
    if name != b'/' && !name.is_ascii_alphabetic() {
        return None;
    }
    let end = text.iter().take(256).position(|byte| *byte == b'>')?;
    Some((end + 1, Plain::default()))
}

fn quoted_at(text: &[u8]) -> Option<(usize, Plain)> {
    match text {
        [_, b'\n', ..] => Some((2, Plain::default())),
        [_, b'\r', b'\n', ..] => Some((3, Plain::default())),
        _ => {
            let byte = number(text.get(1..3)?, 16)?;
            Some((3, Plain::byte(u8::try_from(byte).ok()?)))
        }
    }
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    // A sign would be taken too.
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_alphanumeric) {
        return None;
    }
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()
}
