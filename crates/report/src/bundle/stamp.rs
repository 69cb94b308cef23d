//! RFC 3161 time stamps: the question for an authority (section 2.4.1), and its answer (section 2.4.2): what was
//! stamped and when. Whether the authority signed it is for `authority.rs`; nothing is sent from here.

use super::der::{Der, FIRST, INTEGER, OCTETS, OID, SECOND, SEQUENCE, SET, TIME};

/// `2.16.840.1.101.3.4.2.1`, SHA-256, with the tag and length of an OID.
pub(super) const SHA256: &[u8] = b"\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01";
/// `1.2.840.113549.1.7.2`, signedData.
const SIGNED_DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";
/// `1.2.840.113549.1.9.16.1.4`, id-ct-TSTInfo.
pub(super) const TST_INFO: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x04";

/// The question: DER of a `TimeStampReq` for a SHA-256, asking for the authority's certificate too.
/// `nonce` comes back in the answer.
#[must_use]
pub fn request(digest: &[u8; 32], nonce: u64) -> Vec<u8> {
    let algorithm = tagged(SEQUENCE, &[SHA256, b"\x05\x00"].concat());
    let imprint = tagged(
        SEQUENCE,
        &[&algorithm[..], &tagged(OCTETS, digest)].concat(),
    );
    // A leading zero keeps it positive.
    let nonce = [&[0][..], &(nonce | 1 << 63).to_be_bytes()].concat();
    let request = [
        &tagged(INTEGER, &[1])[..],
        &imprint,
        &tagged(INTEGER, &nonce),
        b"\x01\x01\xff",
    ];
    tagged(SEQUENCE, &request.concat())
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).expect("a request is short");
    debug_assert!(length < 128, "one byte of length");
    [&[tag, length][..], content].concat()
}

/// What an authority stamped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// SHA-256 of it.
    pub digest: [u8; 32],
    /// When, by the authority's clock: `20261129001500Z`.
    pub time: String,
}

/// Reads an answer: DER of a `TimeStampResp` that grants a stamp of a SHA-256.
///
/// # Errors
/// What is wrong with it, in words.
pub fn stamp(answer: &[u8]) -> Result<Stamp, &'static str> {
    token(answer)?.stamp()
}

/// What an authority signed, and how (RFC 5652, section 5.1).
#[derive(Clone, Copy)]
pub(super) struct Token<'a> {
    /// DER of a `TSTInfo`.
    pub(super) content: &'a [u8],
    /// Certificates that came along.
    pub(super) certificates: Der<'a>,
    /// Who signed, each a `SignerInfo`.
    pub(super) signers: Der<'a>,
}

const NONE: &str = "not an answer of a time stamp authority (DER of RFC 3161)";

/// Reads the token of an answer that grants one.
pub(super) fn token(answer: &[u8]) -> Result<Token<'_>, &'static str> {
    let mut outer = Der(answer);
    let mut response = outer
        .inside(SEQUENCE)
        .filter(|_| outer.0.is_empty())
        .ok_or(NONE)?;
    let status = response
        .inside(SEQUENCE)
        .and_then(|mut status| status.take(INTEGER));
    match status.ok_or(NONE)? {
        [0 | 1] => {}
        _ => return Err("the authority refused to stamp it"),
    }
    signed(response).ok_or(NONE)
}

fn signed(mut response: Der<'_>) -> Option<Token<'_>> {
    let mut token = response.inside(SEQUENCE)?;
    (token.take(OID)? == SIGNED_DATA).then_some(())?;
    let mut signed = token.inside(FIRST)?.inside(SEQUENCE)?;
    signed.take(INTEGER)?;
    signed.take(SET)?;
    let mut content = signed.inside(SEQUENCE)?;
    (content.take(OID)? == TST_INFO).then_some(())?;
    let octets = content.inside(FIRST)?.take(OCTETS)?;
    let certificates = signed.inside(FIRST).unwrap_or(Der(&[]));
    // Lists of what was revoked.
    signed.take(SECOND);
    Some(Token {
        content: octets,
        certificates,
        signers: signed.inside(SET)?,
    })
}

impl Token<'_> {
    pub(super) fn stamp(&self) -> Result<Stamp, &'static str> {
        self.info()
            .ok_or(NONE)?
            .ok_or("the stamp is not of a SHA-256")
    }

    /// The `TSTInfo`; `None` if it cannot be read, `Some(None)` if it is of another hash.
    fn info(&self) -> Option<Option<Stamp>> {
        let mut info = Der(self.content).inside(SEQUENCE)?;
        info.take(INTEGER)?;
        info.take(OID)?;
        let mut imprint = info.inside(SEQUENCE)?;
        let algorithm = imprint.take(SEQUENCE)?;
        let digest = imprint.take(OCTETS)?;
        info.take(INTEGER)?;
        let time = info.take(TIME)?;
        let time = str::from_utf8(time)
            .ok()
            .filter(|it| it.bytes().all(|b| b.is_ascii_graphic()))?;
        if !algorithm.starts_with(SHA256) {
            return Some(None);
        }
        Some(digest.try_into().ok().map(|digest| Stamp {
            digest,
            time: time.to_owned(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_as_openssl_writes_it() {
        let request = request(&[0xab; 32], 0x0102_0304_0506_0708);
        let mut der = Der(&request);
        let mut inside = der.inside(SEQUENCE).unwrap();
        assert!(der.0.is_empty());
        assert_eq!(inside.take(INTEGER), Some(&[1][..]));
        let mut imprint = inside.inside(SEQUENCE).unwrap();
        assert_eq!(
            imprint.take(SEQUENCE),
            Some(&[SHA256, b"\x05\x00"].concat()[..])
        );
        assert_eq!(imprint.take(OCTETS), Some(&[0xab; 32][..]));
        let nonce = inside.take(INTEGER).unwrap();
        assert_eq!(nonce, [0, 0x81, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(inside.0, b"\x01\x01\xff");
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for bytes in [
            &b""[..],
            b"\x30\x00",
            b"\x30\x03\x02\x01\x00",
            b"\x30\x84\xff\xff\xff\xff",
            &[0x30; 99],
        ] {
            assert!(stamp(bytes).is_err(), "{bytes:?}");
        }
        let refused = b"\x30\x05\x30\x03\x02\x01\x02";
        assert_eq!(stamp(refused), Err("the authority refused to stamp it"));
    }
}
