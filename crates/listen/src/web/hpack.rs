//! Reading HTTP/2 header blocks (HPACK, RFC 7541) a second time, beside hyper: the order of fields
//! and pseudo-fields is evidence that hyper does not keep, and what hyper refuses is searched too.

use std::collections::VecDeque;

use crate::web::huffman;

/// The table size every connection starts with, and the most it may ask for (4.2; we announce none).
const TABLE: usize = 4096;

/// A field: name and value.
pub(crate) type Field = (Vec<u8>, Vec<u8>);

/// RFC 7541, appendix A.
const STATIC: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

/// The decoder of one connection. Once a block was bad the table is not known any more.
#[derive(Debug)]
pub(crate) struct Decoder {
    table: VecDeque<Field>,
    size: usize,
    limit: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            table: VecDeque::new(),
            size: 0,
            limit: TABLE,
        }
    }
}

impl Decoder {
    /// Decodes a block into `fields`, at most `budget` bytes of them: the rest only keeps the table
    /// in step. `None` if the block is bad; what came before stays.
    pub(crate) fn decode(
        &mut self,
        mut block: &[u8],
        budget: usize,
        fields: &mut Vec<Field>,
    ) -> Option<()> {
        let mut left = budget;
        while let Some(first) = block.first().copied() {
            let rest = &mut block;
            let field = match first {
                0x80.. => self.indexed(integer(rest, 7)?)?,
                0x40.. => {
                    let field = self.literal(rest, 6)?;
                    self.insert(field.clone());
                    field
                }
                0x20.. => {
                    self.limit = integer(rest, 5).filter(|limit| *limit <= TABLE)?;
                    self.evict();
                    continue;
                }
                _ => self.literal(rest, 4)?,
            };
            // 32 a field as in 4.1, so that empty ones count too.
            let cost = field.0.len() + field.1.len() + 32;
            if cost <= left {
                left -= cost;
                fields.push(field);
            } else {
                left = 0;
            }
        }
        Some(())
    }

    fn indexed(&self, index: usize) -> Option<Field> {
        let index = index.checked_sub(1)?;
        if let Some((name, value)) = STATIC.get(index) {
            return Some((name.as_bytes().to_vec(), value.as_bytes().to_vec()));
        }
        self.table.get(index - STATIC.len()).cloned()
    }

    fn literal(&self, block: &mut &[u8], prefix: u8) -> Option<Field> {
        let name = match integer(block, prefix)? {
            0 => string(block)?,
            index => self.indexed(index)?.0,
        };
        Some((name, string(block)?))
    }

    fn insert(&mut self, field: Field) {
        self.size += cost(&field);
        self.table.push_front(field);
        self.evict();
    }

    fn evict(&mut self) {
        while self.size > self.limit {
            let Some(field) = self.table.pop_back() else {
                return;
            };
            self.size -= cost(&field);
        }
    }
}

/// What an entry counts for (4.1).
fn cost(field: &Field) -> usize {
    field.0.len() + field.1.len() + 32
}

/// An integer with so many bits of prefix (5.1).
fn integer(block: &mut &[u8], prefix: u8) -> Option<usize> {
    let (first, mut rest) = block.split_first()?;
    let mask = (1_u8 << prefix) - 1;
    let mut value = usize::from(first & mask);
    if first & mask == mask {
        let mut shift = 0;
        loop {
            let (byte, after) = rest.split_first()?;
            rest = after;
            value += usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
            if shift > 21 {
                return None;
            }
        }
    }
    *block = rest;
    Some(value)
}

/// A string (5.2).
fn string(block: &mut &[u8]) -> Option<Vec<u8>> {
    let coded = block.first()? & 0x80 != 0;
    let length = integer(block, 7)?;
    let bytes = block.get(..length)?;
    *block = &block[length..];
    if coded {
        huffman::decode(bytes)
    } else {
        Some(bytes.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(decoder: &mut Decoder, hex: &str) -> Option<String> {
        let block = data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap();
        let mut fields = Vec::new();
        decoder.decode(&block, 1 << 16, &mut fields)?;
        let lines: Vec<_> = fields
            .iter()
            .map(|(name, value)| format!("{}={}", name.escape_ascii(), value.escape_ascii()))
            .collect();
        Some(lines.join(" "))
    }

    #[test]
    fn decodes_the_examples_of_the_rfc() {
        // RFC 7541, C.4: three requests on one connection.
        let mut decoder = Decoder::default();
        let base = ":method=GET :scheme=http :path=/ :authority=www.example.com";
        assert_eq!(
            decode(&mut decoder, "828684418cf1e3c2e5f23a6ba0ab90f4ff").as_deref(),
            Some(base)
        );
        assert_eq!(
            decode(&mut decoder, "828684be5886a8eb10649cbf"),
            Some(format!("{base} cache-control=no-cache"))
        );
        assert_eq!(
            decode(
                &mut decoder,
                "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf"
            ),
            Some(
                ":method=GET :scheme=https :path=/index.html :authority=www.example.com \
                 custom-key=custom-value"
                    .to_owned()
            )
        );
        assert_eq!(decoder.size, 164);
    }

    #[test]
    fn bad_blocks_are_bad_and_bombs_stay_small() {
        for hex in ["80", "ff", "ffffffffffff0f", "40", "4085", "be", "3fffff7f"] {
            assert_eq!(decode(&mut Decoder::default(), hex), None, "{hex}");
        }
        let mut decoder = Decoder::default();
        let mut bomb = b"\x40\x01a\x7f\xa1\x1e".to_vec();
        bomb.extend_from_slice(&[b'x'; 4000]);
        bomb.extend_from_slice(&[0xbe; 4096]);
        let mut fields = Vec::new();
        let decoded = decoder.decode(&bomb, 1 << 16, &mut fields);
        assert_eq!(decoded, Some(()));
        assert!(fields.len() < 20, "{}", fields.len());
    }
}
