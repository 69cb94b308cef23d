//! As much of BER as LDAP uses (RFC 4511, 5.1): definite lengths, one octet tags.

/// Longest message, in bytes.
pub(super) const LONGEST: usize = 256 << 10;

/// What is left of a sequence.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

/// Tag, and where the contents begin and end; `Ok(None)`: more bytes are needed; `Err`: it is none, or
/// too long.
pub(super) fn frame(bytes: &[u8]) -> Result<Option<(u8, usize, usize)>, ()> {
    let (Some(tag), Some(first)) = (bytes.first(), bytes.get(1)) else {
        return Ok(None);
    };
    let (length, start) = match *first {
        short @ 0..=0x7f => (usize::from(short), 2),
        long @ 0x81..=0x84 => {
            let count = usize::from(long - 0x80);
            let Some(digits) = bytes.get(2..2 + count) else {
                return Ok(None);
            };
            let length = digits
                .iter()
                .fold(0, |all, digit| all << 8 | usize::from(*digit));
            (length, 2 + count)
        }
        _ => return Err(()),
    };
    if length > LONGEST {
        return Err(());
    }
    Ok(Some((*tag, start, start + length)))
}

impl<'a> Reader<'a> {
    /// The next element: tag and contents.
    pub(super) fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (tag, start, end) = frame(self.0).ok()??;
        let contents = self.0.get(start..end)?;
        self.0 = &self.0[end..];
        Some((tag, contents))
    }

    /// The next element's contents, if it has this tag.
    pub(super) fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (found, contents) = self.next()?;
        (found == tag).then_some(contents)
    }

    /// An integer or enumeration that fits.
    pub(super) fn number(&mut self) -> Option<i64> {
        let (tag, contents) = self.next()?;
        if !matches!(tag, 0x02 | 0x0a) || contents.is_empty() || contents.len() > 8 {
            return None;
        }
        let start = if contents[0] & 0x80 == 0 { 0 } else { -1 };
        Some(
            contents
                .iter()
                .fold(start, |all, byte| all << 8 | i64::from(*byte)),
        )
    }
}

/// An element.
pub(super) fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = contents.len();
    if let Ok(short @ 0..=0x7f) = u8::try_from(length) {
        out.push(short);
    } else {
        let digits = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
        let skip = digits.iter().take_while(|digit| **digit == 0).count();
        out.push(0x84 - u8::try_from(skip).unwrap_or(0));
        out.extend_from_slice(&digits[skip..]);
    }
    out.extend_from_slice(contents);
    out
}

/// A number as contents of an element.
pub(super) fn number(value: i64) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let spare = bytes.windows(2).take_while(|pair| {
        pair[0] == 0 && pair[1] & 0x80 == 0 || pair[0] == 0xff && pair[1] & 0x80 != 0
    });
    let skip = spare.count();
    bytes[skip..].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_lengths_come_back() {
        for value in [0, 1, 127, 128, 255, 256, -1, -128, -129, i64::MAX, i64::MIN] {
            let written = element(2, &number(value));
            assert_eq!(Reader(&written).number(), Some(value), "{written:?}");
        }
        for length in [0, 127, 128, 255, 256, 70_000] {
            let written = element(4, &vec![b'x'; length]);
            assert_eq!(
                frame(&written),
                Ok(Some((4, written.len() - length, written.len())))
            );
            assert_eq!(Reader(&written).take(4).map(<[u8]>::len), Some(length));
        }
    }
}
