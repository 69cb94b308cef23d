//! As much of DER (ITU-T X.690) as time stamps and certificates are read with.

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTETS: u8 = 0x04;
pub(super) const OID: u8 = 0x06;
pub(super) const TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;
/// `[0]`, `[1]` and `[3]`, constructed.
pub(super) const FIRST: u8 = 0xa0;
pub(super) const SECOND: u8 = 0xa1;
pub(super) const FOURTH: u8 = 0xa3;

/// DER that is read from its front.
#[derive(Clone, Copy)]
pub(super) struct Der<'a>(pub(super) &'a [u8]);

impl<'a> Der<'a> {
    /// The content of the next value, if that has this tag; else nothing is taken.
    pub(super) fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (&[first, length], rest) = self.0.split_first_chunk::<2>()?;
        (first == tag).then_some(())?;
        let (length, rest) = match length {
            0..=0x7f => (usize::from(length), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
                let length = bytes
                    .iter()
                    .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
                (length, rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(content)
    }

    /// The same, to read on in it.
    pub(super) fn inside(&mut self, tag: u8) -> Option<Self> {
        self.take(tag).map(Self)
    }

    /// Takes the next value, whatever it is.
    pub(super) fn skip(&mut self) -> Option<()> {
        let tag = *self.0.first()?;
        self.take(tag).map(drop)
    }

    /// The next value with its tag and length.
    pub(super) fn whole(&mut self, tag: u8) -> Option<&'a [u8]> {
        let before = self.0;
        self.take(tag)?;
        before.get(..before.len() - self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_is_asked_for_and_nothing_else() {
        let mut der = Der(b"\x02\x01\x07\x30\x03\x04\x01x\x05");
        assert_eq!(der.take(SEQUENCE), None);
        assert_eq!(der.whole(INTEGER), Some(&b"\x02\x01\x07"[..]));
        assert_eq!(der.inside(SEQUENCE).unwrap().take(OCTETS), Some(&b"x"[..]));
        assert_eq!((der.take(0x05), der.0), (None, &b"\x05"[..]));
        let mut long = Der(b"\x04\x82\x00\x01x");
        assert_eq!(long.take(OCTETS), Some(&b"x"[..]));
        assert_eq!(Der(b"\x04\x80x\0\0").take(OCTETS), None);
    }
}
