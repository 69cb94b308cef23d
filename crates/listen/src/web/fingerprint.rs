//! A fingerprint of the program that sent a request: what stays the same between its requests
//! whatever it asks for. Ours; it follows no published scheme.

use sha2::{Digest as _, Sha256};

use crate::web::head::Version;

/// Fields that come and go with what is asked, or that a proxy on the way adds.
const LEFT_OUT: &[&str] = &[
    "authorization",
    "content-encoding",
    "content-length",
    "content-md5",
    "content-type",
    "cookie",
    "expect",
    "forwarded",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "origin",
    "proxy-authorization",
    "range",
    "referer",
    "transfer-encoding",
    "via",
];

/// Families of such fields.
const LEFT_OUT_FAMILIES: &[&str] = &["x-amz-", "x-forwarded-", "x-real-", "cf-"];

/// Fields whose value counts beside their name.
const VALUES: &[&str] = &[
    "user-agent",
    "accept",
    "accept-encoding",
    "accept-language",
    "connection",
];

/// Bytes of a value that count.
const VALUE_BYTES: usize = 512;

/// The first 32 hex digits of SHA-256 over the protocol, what an HTTP/2 connection began with
/// (`prelude`), and the header names in order and case.
pub(crate) fn fingerprint(
    version: Version,
    headers: &[(String, Vec<u8>)],
    prelude: &str,
) -> String {
    let mut hash = Sha256::new();
    hash.update(version.name());
    hash.update(b"\n");
    hash.update(prelude);
    for (name, value) in headers {
        let is = |known: &&str| name.eq_ignore_ascii_case(known);
        let family = |prefix: &&str| {
            let start = name.as_bytes().get(..prefix.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
        };
        if LEFT_OUT.iter().any(is) || LEFT_OUT_FAMILIES.iter().any(family) {
            continue;
        }
        hash.update(b"\n");
        hash.update(name);
        if VALUES.iter().any(is) {
            hash.update(b":");
            hash.update(&value[..value.len().min(VALUE_BYTES)]);
        }
    }
    let digest = hash.finalize();
    data_encoding::HEXLOWER.encode(&digest[..16])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::head::lenient;

    fn of(bytes: &[u8]) -> String {
        let (head, _) = lenient(bytes);
        fingerprint(head.version, &head.headers, "")
    }

    #[test]
    fn same_program_same_fingerprint() {
        let base = of(b"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: x/1\r\nAccept: */*\r\n\r\n");
        assert_eq!(base.len(), 32);
        let other = b"POST /b HTTP/1.1\r\nHost: b\r\nAuthorization: Basic YQ==\r\nUser-Agent: x/1\r\nAccept: */*\r\nContent-Length: 1\r\nX-Amz-Date: 1\r\n\r\n";
        assert_eq!(of(other), base);
        for differs in [
            &b"GET / HTTP/1.0\r\nHost: a\r\nUser-Agent: x/1\r\nAccept: */*\r\n\r\n"[..],
            b"GET / HTTP/1.1\r\nhost: a\r\nUser-Agent: x/1\r\nAccept: */*\r\n\r\n",
            b"GET / HTTP/1.1\r\nUser-Agent: x/1\r\nHost: a\r\nAccept: */*\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: x/2\r\nAccept: */*\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: x/1\r\nAccept: */*\r\nX: 1\r\n\r\n",
        ] {
            assert_ne!(of(differs), base, "{}", differs.escape_ascii());
        }
    }
}
