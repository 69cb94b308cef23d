//! Bodies that were packed for the way (`Content-Encoding`: gzip, deflate), unpacked up to a bound.

use std::io::Read;

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

/// Most bytes a body is unpacked to; what is behind them is not looked at.
const LARGEST: usize = 1 << 20;

/// The body without its coding; `None` if it has none that is known, or nothing comes out.
pub(crate) fn unpacked(coding: &str, body: &[u8]) -> Option<Vec<u8>> {
    let coding = coding.trim();
    let out = if coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip") {
        read(MultiGzDecoder::new(body))
    } else if coding.eq_ignore_ascii_case("deflate") {
        // RFC 9110 means zlib by it, and many senders do not.
        let out = read(ZlibDecoder::new(body));
        if out.is_empty() {
            read(DeflateDecoder::new(body))
        } else {
            out
        }
    } else {
        return None;
    };
    (!out.is_empty()).then_some(out)
}

/// What comes out before the end, the bound or a mistake.
fn read(mut packed: impl Read) -> Vec<u8> {
    let mut out = Vec::new();
    let mut part = [0; 8 << 10];
    while out.len() < LARGEST {
        match packed.read(&mut part) {
            Ok(0) | Err(_) => break,
            Ok(count) => out.extend_from_slice(&part[..count.min(LARGEST - out.len())]),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    #[test]
    fn unpacks_what_clients_pack() {
        let text = b"to=%2B12025550142&text=hello";
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(text).expect("to memory");
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(text).expect("to memory");
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::fast());
        raw.write_all(text).expect("to memory");
        for (coding, body) in [
            ("gzip", gzip.finish().expect("to memory")),
            ("Deflate", zlib.finish().expect("to memory")),
            ("deflate", raw.finish().expect("to memory")),
        ] {
            assert_eq!(
                unpacked(coding, &body).as_deref(),
                Some(&text[..]),
                "{coding}"
            );
        }
        assert_eq!(unpacked("br", text), None);
        assert_eq!(unpacked("gzip", text), None);
    }

    #[test]
    fn a_bomb_is_cut() {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        let block = vec![0; 1 << 20];
        for _ in 0..32 {
            gzip.write_all(&block).expect("to memory");
        }
        let bomb = gzip.finish().expect("to memory");
        assert!(bomb.len() < 64 << 10);
        assert_eq!(unpacked("gzip", &bomb).map(|out| out.len()), Some(LARGEST));
    }
}
