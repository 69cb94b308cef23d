//! Where the body of an HTTP/1 request ends (RFC 9112, 6 and 7.1), counted over the bytes as sent.
//! hyper decodes the same bytes again for the handler; this only cuts.

/// Most bytes of chunk extensions and trailer fields in one body.
const OVERHEAD: usize = 16 << 10;

/// What is left of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// So many bytes.
    Length(u64),
    /// Chunks.
    Chunked { state: Chunk, overhead: usize },
}

/// Where in the chunked coding the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chunk {
    /// In the size; `digits` of it seen.
    Size { value: u64, digits: u8 },
    /// Behind the size: white space up to an extension.
    Space { value: u64 },
    /// In an extension.
    Extension { value: u64 },
    /// Before the LF that ends the size line.
    SizeEnd { value: u64 },
    /// In the data.
    Data { left: u64 },
    /// Before the CR behind the data.
    DataReturn,
    /// Before the LF behind the data.
    DataEnd,
    /// At the start of a trailer line.
    Trailer,
    /// In a trailer line.
    TrailerLine,
    /// Before the LF that ends a trailer line.
    TrailerEnd,
    /// Before the very last LF.
    End,
    /// Behind it.
    Done,
}

/// Bytes that no chunked body has.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadChunk;

impl Framing {
    pub(crate) const fn chunked() -> Self {
        Self::Chunked {
            state: Chunk::Size {
                value: 0,
                digits: 0,
            },
            overhead: 0,
        }
    }

    /// Whether nothing is left.
    pub(crate) fn done(&self) -> bool {
        matches!(
            self,
            Self::Length(0)
                | Self::Chunked {
                    state: Chunk::Done,
                    ..
                }
        )
    }

    /// The length the head announced, if it did.
    pub(crate) const fn announced(&self) -> Option<u64> {
        match self {
            Self::Length(length) => Some(*length),
            Self::Chunked { .. } => None,
        }
    }

    /// How many of the bytes belong to the body; the rest is the next request's.
    pub(crate) fn advance(&mut self, bytes: &[u8]) -> Result<usize, BadChunk> {
        match self {
            Self::Length(left) => {
                let taken =
                    usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                *left -= taken as u64;
                Ok(taken)
            }
            Self::Chunked { state, overhead } => {
                let mut at = 0;
                while at < bytes.len() && *state != Chunk::Done {
                    if let Chunk::Data { left } = *state {
                        let rest = bytes.len() - at;
                        let taken = usize::try_from(left).map_or(rest, |left| left.min(rest));
                        at += taken;
                        let left = left - taken as u64;
                        *state = match left {
                            0 => Chunk::DataReturn,
                            left => Chunk::Data { left },
                        };
                        continue;
                    }
                    *state = step(*state, bytes[at], overhead)?;
                    at += 1;
                }
                Ok(at)
            }
        }
    }
}

/// One byte outside the data.
fn step(state: Chunk, byte: u8, overhead: &mut usize) -> Result<Chunk, BadChunk> {
    if let Chunk::Extension { .. } | Chunk::Trailer | Chunk::TrailerLine | Chunk::Space { .. } =
        state
    {
        *overhead += 1;
        if *overhead > OVERHEAD {
            return Err(BadChunk);
        }
    }
    Ok(match (state, byte) {
        (Chunk::Size { value, digits }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') if digits < 15 => {
            let digit = (byte as char).to_digit(16).unwrap_or(0);
            Chunk::Size {
                value: value << 4 | u64::from(digit),
                digits: digits + 1,
            }
        }
        (Chunk::Size { digits: 0, .. }, _) => return Err(BadChunk),
        (Chunk::Size { value, .. } | Chunk::Space { value }, b' ' | b'\t') => {
            Chunk::Space { value }
        }
        (Chunk::Size { value, .. } | Chunk::Space { value }, b';') => Chunk::Extension { value },
        (
            Chunk::Size { value, .. } | Chunk::Space { value } | Chunk::Extension { value },
            b'\r',
        ) => Chunk::SizeEnd { value },
        (Chunk::Extension { .. }, b'\n') => return Err(BadChunk),
        (Chunk::Extension { value }, _) => Chunk::Extension { value },
        (Chunk::SizeEnd { value: 0 }, b'\n') => Chunk::Trailer,
        (Chunk::SizeEnd { value }, b'\n') => Chunk::Data { left: value },
        (Chunk::DataReturn, b'\r') => Chunk::DataEnd,
        (Chunk::DataEnd, b'\n') => Chunk::Size {
            value: 0,
            digits: 0,
        },
        (Chunk::Trailer, b'\r') => Chunk::End,
        (Chunk::TrailerLine, b'\r') => Chunk::TrailerEnd,
        (Chunk::Trailer | Chunk::TrailerLine, _) => Chunk::TrailerLine,
        (Chunk::TrailerEnd, b'\n') => Chunk::Trailer,
        (Chunk::End, b'\n') => Chunk::Done,
        _ => return Err(BadChunk),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8]) -> Result<Option<usize>, BadChunk> {
        let mut framing = Framing::chunked();
        let taken = framing.advance(bytes)?;
        Ok(framing.done().then_some(taken))
    }

    #[test]
    fn chunks_end_where_they_end() {
        let body = b"3;x=y\r\nabc\r\n0a \r\n0123456789\r\n0\r\nT: v\r\n\r\n";
        let mut more = body.to_vec();
        more.extend_from_slice(b"GET /");
        assert_eq!(check(&more), Ok(Some(body.len())));
        for end in 0..body.len() {
            assert_eq!(check(&body[..end]), Ok(None), "{end}");
        }
        let mut framing = Framing::chunked();
        let whole: usize = body
            .iter()
            .map(|byte| framing.advance(&[*byte]).unwrap())
            .sum();
        assert_eq!((whole, framing.done()), (body.len(), true));
    }

    #[test]
    fn bad_chunks_are_bad() {
        for body in [
            &b"\r\n"[..],
            b"x\r\n",
            b"3\nabc",
            b"3\r\nabcd\r\n",
            b"-1\r\n",
            b"1000000000000000\r\n",
            b"3;a\nabc",
        ] {
            assert_eq!(check(body), Err(BadChunk), "{}", body.escape_ascii());
        }
    }
}
