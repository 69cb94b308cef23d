//! The types SSH messages are made of (RFC 4251 section 5).

/// What is left of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        Some(self.byte()? != 0)
    }

    pub(super) fn number(&mut self) -> Option<u32> {
        let (bytes, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*bytes))
    }

    pub(super) fn long(&mut self) -> Option<u64> {
        let (bytes, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_be_bytes(*bytes))
    }

    /// A `string`.
    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.bytes(usize::try_from(length).ok()?)
    }

    /// A `string` to be shown.
    pub(super) fn text(&mut self) -> Option<String> {
        Some(String::from_utf8_lossy(self.string()?).into_owned())
    }
}

/// A message being written.
#[derive(Clone, Debug, Default)]
pub(super) struct Message(pub(super) Vec<u8>);

impl Message {
    /// One of this number.
    pub(super) fn new(number: u8) -> Self {
        Self(vec![number])
    }

    pub(super) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn flag(self, flag: bool) -> Self {
        self.raw(&[u8::from(flag)])
    }

    pub(super) fn number(self, number: u32) -> Self {
        self.raw(&number.to_be_bytes())
    }

    pub(super) fn long(self, number: u64) -> Self {
        self.raw(&number.to_be_bytes())
    }

    pub(super) fn string(self, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        // No message of ours has 4 GiB.
        let length = u32::try_from(bytes.len()).unwrap_or_default();
        self.number(length).raw(bytes)
    }

    /// A positive `mpint` of these big-endian bytes.
    pub(super) fn mpint(self, bytes: &[u8]) -> Self {
        let zeroes = bytes.iter().take_while(|byte| **byte == 0).count();
        let digits = &bytes[zeroes..];
        match digits.first() {
            Some(first) if *first >= 0x80 => self.string([&[0], digits].concat()),
            _ => self.string(digits),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 4251 section 5, as far as they are positive.
    #[test]
    fn numbers_are_as_short_as_they_can_be() {
        for (bytes, expect) in [
            (&[][..], &[0, 0, 0, 0][..]),
            (&[0, 0], &[0, 0, 0, 0]),
            (&[0x80], &[0, 0, 0, 2, 0, 0x80]),
            (&[0, 0x7f], &[0, 0, 0, 1, 0x7f]),
        ] {
            assert_eq!(Message::default().mpint(bytes).0, expect);
        }
    }
}
