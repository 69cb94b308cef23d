//! A line being typed at a terminal: what is echoed, and when it is whole.

/// Longest line; a terminal takes no more.
const LONGEST: usize = 4095;

/// What a key leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// Bytes to echo.
    Echo(Vec<u8>),
    /// The line is whole.
    Line(String),
    /// Ctrl-C, and what stood there.
    Interrupt(String),
    /// Ctrl-D on an empty line.
    End,
}

/// The line so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    bytes: Vec<u8>,
    escape: Escape,
    /// A line feed after a carriage return is no second line.
    returned: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Escape {
    #[default]
    No,
    Begun,
    Sequence,
}

impl Line {
    /// A key. `shown`: whether what is typed is echoed.
    pub(super) fn key(&mut self, byte: u8, shown: bool) -> Typed {
        let after_return = std::mem::replace(&mut self.returned, byte == b'\r');
        match (self.escape, byte) {
            (Escape::Begun, b'[' | b'O') => {
                self.escape = Escape::Sequence;
                return Typed::Echo(Vec::new());
            }
            (Escape::Sequence, 0x20..=0x3f) => return Typed::Echo(Vec::new()),
            (Escape::Begun | Escape::Sequence, _) => {
                self.escape = Escape::No;
                return Typed::Echo(Vec::new());
            }
            (Escape::No, _) => {}
        }
        let echo = |bytes: &[u8]| Typed::Echo(if shown { bytes.to_vec() } else { Vec::new() });
        match byte {
            b'\n' if after_return => Typed::Echo(Vec::new()),
            b'\r' | b'\n' => Typed::Line(self.take()),
            0x03 => Typed::Interrupt(self.take()),
            0x04 if self.bytes.is_empty() => Typed::End,
            0x7f | 0x08 => {
                let mut gone = false;
                while let Some(byte) = self.bytes.pop() {
                    gone = true;
                    // The rest of a character of several bytes goes with its first.
                    if byte & 0xc0 != 0x80 {
                        break;
                    }
                }
                echo(if gone { b"\x08 \x08" } else { b"" })
            }
            0x15 => {
                let count = self.take().chars().count();
                echo(&b"\x08 \x08".repeat(count))
            }
            0x1b => {
                self.escape = Escape::Begun;
                Typed::Echo(Vec::new())
            }
            0..0x20 => Typed::Echo(Vec::new()),
            _ if self.bytes.len() >= LONGEST => Typed::Echo(Vec::new()),
            _ => {
                self.bytes.push(byte);
                echo(&[byte])
            }
        }
    }

    /// What stands there, which is nothing then.
    pub(super) fn take(&mut self) -> String {
        let bytes = std::mem::take(&mut self.bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn typed(keys: &[u8]) -> (Vec<u8>, Vec<String>) {
        let (mut line, mut echoed, mut lines) = (Line::default(), Vec::new(), Vec::new());
        for key in keys {
            match line.key(*key, true) {
                Typed::Echo(bytes) => echoed.extend(bytes),
                Typed::Line(text) => lines.push(text),
                Typed::Interrupt(text) => lines.push(format!("^C{text}")),
                Typed::End => lines.push("^D".to_owned()),
            }
        }
        (echoed, lines)
    }

    #[test]
    fn lines_are_edited() {
        for (keys, lines) in [
            (&b"id\r\nls\n"[..], &["id", "ls"][..]),
            (b"ix\x7fd\r", &["id"]),
            (b"\x7f\x7fid\r", &["id"]),
            ("aé\x7fb\r".as_bytes(), &["ab"]),
            (b"rm\x15id\r", &["id"]),
            (b"\x1b[A\x1b[1;5Cid\x1bOP\r", &["id"]),
            (b"rm\x03\x04", &["^Crm", "^D"]),
        ] {
            assert_eq!(typed(keys).1, lines);
        }
        assert_eq!(typed(b"ab\x7f\r").0, b"ab\x08 \x08");
    }

    proptest! {
        #[test]
        fn any_keys_are_taken(keys in prop::collection::vec(any::<u8>(), 0..200)) {
            typed(&keys);
        }
    }
}
