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

/// Fields that clients send of themselves, whatever is asked.
const COMMON: &[&str] = &[
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "amz-sdk-invocation-id",
    "amz-sdk-request",
    "cache-control",
    "connection",
    "date",
    "dnt",
    "host",
    "http2-settings",
    "keep-alive",
    "pragma",
    "priority",
    "sec-ch-ua",
    "sec-ch-ua-mobile",
    "sec-ch-ua-platform",
    "sec-fetch-dest",
    "sec-fetch-mode",
    "sec-fetch-site",
    "sec-fetch-user",
    "sec-gpc",
    "te",
    "traceparent",
    "tracestate",
    "translate",
    "upgrade",
    "upgrade-insecure-requests",
    "user-agent",
    "x-requested-with",
];

/// Names of one request that are kept.
const NAMES: usize = 32;

/// Bytes of a value that count.
const VALUE_BYTES: usize = 512;

/// The first 32 hex digits of SHA-256 over the protocol, what an HTTP/2 connection began with
/// (`prelude`), what its ClientHello has in common with others of the program (`handshake`, empty
/// without TLS), and the header names in order and case.
pub(crate) fn fingerprint(
    version: Version,
    headers: &[(String, Vec<u8>)],
    prelude: &str,
    handshake: &str,
) -> String {
    let mut hash = Sha256::new();
    hash.update(version.name());
    hash.update(b"\n");
    hash.update(prelude);
    if !handshake.is_empty() {
        hash.update(b"\n");
        hash.update(handshake);
    }
    for (name, value) in headers {
        let is = |known: &&str| name.eq_ignore_ascii_case(known);
        if is_passing(name) {
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

/// Whether a field comes and goes with what is asked.
fn is_passing(name: &str) -> bool {
    let is = |known: &&str| name.eq_ignore_ascii_case(known);
    let family = |prefix: &&str| {
        let start = name.as_bytes().get(..prefix.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
    };
    LEFT_OUT.iter().any(is) || LEFT_OUT_FAMILIES.iter().any(family)
}

/// The signal `h1`: names of header fields in their order and case, those left out that come and go. A
/// name that is no common one may be anything, bait too: it is `*`.
pub(crate) fn order(headers: &[(String, Vec<u8>)]) -> String {
    let lasting = headers.iter().filter(|(name, _)| !is_passing(name));
    let shown = |name: &'_ str| {
        let is = |known: &&str| name.eq_ignore_ascii_case(known);
        COMMON.iter().any(is)
    };
    let names: Vec<&str> = lasting
        .map(|(name, _)| if shown(name) { name } else { "*" })
        .take(NAMES)
        .collect();
    names.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::head::lenient;

    fn of(bytes: &[u8]) -> String {
        let (head, _) = lenient(bytes);
        fingerprint(head.version, &head.headers, "", "")
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

    #[test]
    fn names_that_may_be_bait_are_not_kept() {
        let sent = b"GET / HTTP/1.1\r\nHost: a\r\nX-s3cr3t: 1\r\nUser-agent: x\r\nCookie: a\r\nACCEPT: */*\r\n\r\n";
        let (head, _) = lenient(sent);
        assert_eq!(order(&head.headers), "Host,*,User-agent,ACCEPT");
        assert_eq!(order(&vec![head.headers[0].clone(); 99]).len(), 5 * 32 - 1);
    }

    #[test]
    fn the_handshake_counts() {
        let of = |handshake| fingerprint(Version::Http11, &[], "", handshake);
        assert_ne!(of(""), of("t13i"));
        assert_ne!(of("t12i"), of("t13i"));
    }
}
