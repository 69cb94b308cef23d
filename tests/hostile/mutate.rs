//! Requests broken at random, the same ones for the same seed.

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use lapwing_tests::Beacon;

/// Bytes that parsers of HTTP look at.
const INTERESTING: &[u8] = b"\0\t\n\r \"%&+,-./0:;=?@[\\]{}\x7f\x80\xc3\xff";
/// Pieces that change what a request is.
const PIECES: &[&[u8]] = &[
    b"\r\n\r\n",
    b"\r\n",
    b"HTTP/1.1",
    b"HTTP/1.0",
    b"Transfer-Encoding: chunked\r\n",
    b"Content-Length: 7\r\n",
    b"Content-Length: 0\r\n",
    b"Connection: close\r\n",
    b"Connection: Upgrade\r\nUpgrade: h2c\r\n",
    b"Expect: 100-continue\r\n",
    b"Authorization: Basic ====\r\n",
    b"PROXY TCP4 203.0.113.1 203.0.113.2 1 2\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
    b"%00%ff%2f%2e%2e",
    b"{\"a\":[[[[[[[[[[[[[[[[",
];

/// The station's requests, as its honest and dishonest clients send them.
fn originals(beacon: &Beacon) -> Vec<Vec<u8>> {
    let Beacon {
        host,
        target,
        segment,
        ..
    } = beacon;
    let json = format!("{{\"key\": [\"{segment}\", {{\"a\": 1.5e300, \"b\": null}}]}}");
    let form = format!("a={segment}&b=%41%42+c&b=2&=&&");
    let body = |content: &str, body: &str| {
        format!(
            "POST {target} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {content}\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
    };
    let sigv4 = format!(
        "AWS4-HMAC-SHA256 Credential={segment}/20261123/us-east-1/sts/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature=00"
    );
    let mut all: Vec<Vec<u8>> = [
        format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: a\r\nAccept: */*\r\n\r\n"),
        format!("GET /other/{segment}x?a=b&c=%zz HTTP/1.0\r\nHost: {host}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: {host}\r\nCookie: a=b; c=\"{segment}\"; d\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: {host}\r\nAuthorization: Basic dXNlcjpwYXNz\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: {host}\r\nAuthorization: {sigv4}\r\n\r\n"),
        body("application/json", &json),
        body("application/x-www-form-urlencoded", &form),
        format!(
            "POST {target} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n\
             5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nX-Trailer: 1\r\n\r\n"
        ),
    ]
    .into_iter()
    .map(String::into_bytes)
    .collect();
    // HTTP/2: preface, SETTINGS, and a HEADERS frame for `GET /` (HPACK's static table).
    let frames = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x03\x01\x05\0\0\0\x01\x82\x84\x86";
    all.push(frames.to_vec());
    all
}

/// `count` of them.
pub(crate) fn requests(beacon: &Beacon, seed: u64, count: usize) -> Vec<Vec<u8>> {
    let mut rng = StdRng::seed_from_u64(seed);
    let originals = originals(beacon);
    (0..count)
        .map(|_| {
            let mut bytes = originals[rng.random_range(0..originals.len())].clone();
            for _ in 0..rng.random_range(1..6) {
                mutate(&mut bytes, &mut rng);
            }
            bytes
        })
        .collect()
}

fn mutate(bytes: &mut Vec<u8>, rng: &mut StdRng) {
    let at = rng.random_range(0..=bytes.len());
    let to = rng.random_range(at..=bytes.len().min(at + 64));
    match rng.random_range(0..7) {
        0 if at < bytes.len() => bytes[at] = rng.random(),
        1 if at < bytes.len() => bytes[at] = INTERESTING[rng.random_range(0..INTERESTING.len())],
        2 => drop(bytes.drain(at..to)),
        3 => {
            let piece = PIECES[rng.random_range(0..PIECES.len())];
            bytes.splice(at..at, piece.iter().copied());
        }
        4 => {
            let copy = bytes[at..to].repeat(rng.random_range(1..200));
            bytes.splice(at..at, copy);
        }
        5 => bytes.truncate(at),
        _ => {
            let noise: Vec<u8> = (0..rng.random_range(1..64)).map(|_| rng.random()).collect();
            bytes.splice(at..at, noise);
        }
    }
}
