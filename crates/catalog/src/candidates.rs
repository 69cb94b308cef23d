//! Splits a request into values a handle may be found in. Cost follows the request's size, not the
//! number of canaries; each part of a request has its own share of the bound, so that junk in one
//! cannot crowd out a handle in another.

#![expect(
    clippy::ptr_arg,
    reason = "`&[u8]` would lose the lifetime of what is borrowed"
)]

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hasher};

use lapwing_core::Carrier;
use serde_json::Value;

use crate::ntlm;
use crate::request::{
    BodyType, MOST_PAIRS, Request, decode_base64, decode_form, percent_decode, raw_pairs,
};

/// Most candidates of one request.
pub(crate) const MOST: usize = 256;
/// Shortest candidate, in bytes.
pub(crate) const SHORTEST: usize = 4;
/// Longest candidate, in bytes.
pub(crate) const LONGEST: usize = 1024;

/// Shortest piece split out of a longer text: shorter ones are words of the language.
const SHORTEST_PIECE: usize = 6;
/// Names of schemes that a token may be glued to.
const SCHEMES: [&[u8]; 7] = [
    b"bearer",
    b"token",
    b"ssws",
    b"bot",
    b"apikey",
    b"key",
    b"geniekey",
];
/// How much of a text body is split into pieces.
const TEXT_LIMIT: usize = 64 << 10;

/// A value of a request that may be a handle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// The bytes to look up, 4 to 1024 of them.
    pub value: Cow<'a, [u8]>,
    /// The part of the request they were in.
    pub carrier: Carrier,
}

impl Request {
    /// Values to look up: at most 256, each of 4 to 1024 bytes, none twice. Bounded and free of
    /// panics for any bytes.
    #[must_use]
    pub fn candidates(&self) -> Vec<Candidate<'_>> {
        let mut found = Collector {
            out: Vec::with_capacity(32),
            seen: Vec::with_capacity(32),
            left: 0,
        };
        found.share(2, |found| certificate(self, found));
        found.share(38, |found| authorization(self, found));
        found.share(12, |found| host(&self.host, found));
        found.share(40, |found| path(self.path().as_bytes(), found));
        found.share(44, |found| query(self.raw_query().as_bytes(), found));
        found.share(20, |found| cookies(self, found));
        found.share(60, |found| body(self, found));
        found.share(40, |found| headers(self, found));
        found.out
    }
}

fn certificate<'a>(request: &'a Request, found: &mut Collector<'a>) {
    for value in request
        .certificate
        .iter()
        .flat_map(|it| [&it.sha256, &it.key_sha256])
    {
        found.push(Cow::Borrowed(value.as_bytes()), Carrier::Certificate);
    }
}

/// Values to look up in what came over another protocol than HTTP: a login's parts, a name, a
/// statement. Bounded as those of a request are, with a share for each part.
#[must_use]
pub fn candidates<'a>(parts: &[(Carrier, Cow<'a, [u8]>)]) -> Vec<Candidate<'a>> {
    let mut found = Collector {
        out: Vec::with_capacity(8),
        seen: Vec::with_capacity(8),
        left: 0,
    };
    let share = MOST / parts.len().max(1);
    for (carrier, value) in parts {
        found.share(share.max(2), |found| match carrier {
            Carrier::Message => text(value, Carrier::Message, found),
            // Names are asked for in any case (0x20).
            Carrier::Name | Carrier::Mailbox => {
                let lower = Cow::Owned(value.to_ascii_lowercase());
                found.value(value, *carrier, 0);
                found.value(&lower, *carrier, 0);
            }
            _ => found.value(value, *carrier, 0),
        });
    }
    found.out
}

/// Values travel as `&Cow`: pieces of a borrowed one are borrowed from the request itself.
struct Collector<'a> {
    out: Vec<Candidate<'a>>,
    seen: Vec<u64>,
    left: usize,
}

impl<'a> Collector<'a> {
    fn share(&mut self, left: usize, fill: impl FnOnce(&mut Self)) {
        self.left = left;
        fill(self);
    }

    fn full(&self) -> bool {
        self.left == 0
    }

    fn push(&mut self, value: Cow<'a, [u8]>, carrier: Carrier) {
        if self.left == 0 || !(SHORTEST..=LONGEST).contains(&value.len()) || self.out.len() >= MOST
        {
            return;
        }
        let mut hasher = DefaultHasher::new();
        hasher.write(&value);
        let hash = hasher.finish();
        let known = self
            .seen
            .iter()
            .zip(&self.out)
            .any(|(seen, candidate)| *seen == hash && candidate.value == value);
        if known {
            return;
        }
        self.left -= 1;
        self.seen.push(hash);
        self.out.push(Candidate { value, carrier });
    }

    /// A value, what escapes and base 64 hide in it, and its pieces.
    fn value(&mut self, value: &Cow<'a, [u8]>, carrier: Carrier, depth: u8) {
        if value.len() < SHORTEST || self.full() {
            return;
        }
        self.push(value.clone(), carrier);
        if depth < 2 {
            if value.contains(&b'%') {
                let plain = percent_decode(value);
                if plain != *value {
                    self.value(&Cow::Owned(plain.into_owned()), carrier, depth + 1);
                }
            }
            self.unwrap_base64(value, carrier, depth);
        }
        self.pieces(value, carrier, depth);
    }

    fn unwrap_base64(&mut self, value: &[u8], carrier: Carrier, depth: u8) {
        if (8..=2 * LONGEST).contains(&value.len())
            && value.iter().all(is_base64)
            && let Some(plain) = decode_base64(value)
            && plain.len() >= SHORTEST
        {
            let odd = |c: char| c.is_control() && !c.is_whitespace();
            if std::str::from_utf8(&plain).is_ok_and(|text| !text.contains(odd)) {
                self.value(&Cow::Owned(plain), carrier, depth + 1);
            } else if let Some(text) = ntlm::latin(&plain) {
                // Bytes of chance make other scripts: they are not to use up the share.
                self.value(&Cow::Owned(text.into_bytes()), carrier, depth + 1);
            }
        }
    }

    /// The pieces between characters that no key holds, then between slashes, then between dots.
    fn pieces(&mut self, value: &Cow<'a, [u8]>, carrier: Carrier, depth: u8) {
        let mut parts = Splits::new();
        while let Some((start, end)) = parts.next(value, is_separator) {
            if self.full() {
                return;
            }
            self.piece(value, start, end, carrier);
            let part = &value[start..end];
            if depth < 2 && part.len() >= 12 && part.len() < value.len() {
                self.unwrap_base64(part, carrier, depth);
            }
            if !part.iter().any(|byte| matches!(byte, b'/' | b'.')) {
                continue;
            }
            let mut inners = Splits::new();
            while let Some((low, high)) = inners.next(part, |byte| byte == b'/') {
                self.piece(value, start + low, start + high, carrier);
                let inner = &part[low..high];
                if !inner.contains(&b'.') {
                    continue;
                }
                let mut words = Splits::new();
                while let Some((from, to)) = words.next(inner, |byte| byte == b'.') {
                    self.piece(value, start + low + from, start + low + to, carrier);
                    if depth < 2 && to - from >= 12 {
                        self.unwrap_base64(&inner[from..to], carrier, depth);
                    }
                }
            }
        }
    }

    fn piece(&mut self, value: &Cow<'a, [u8]>, start: usize, end: usize, carrier: Carrier) {
        let part = &value[start..end];
        if part.len() < SHORTEST_PIECE {
            return;
        }
        if part.len() < value.len() {
            self.push(slice(value, start, end), carrier);
        }
        if part.contains(&b'%') {
            self.push(Cow::Owned(percent_decode(part).into_owned()), carrier);
        }
    }
}

/// A stretch of a value, borrowed if the value is.
fn slice<'a>(value: &Cow<'a, [u8]>, start: usize, end: usize) -> Cow<'a, [u8]> {
    match value {
        Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[start..end]),
        Cow::Owned(bytes) => Cow::Owned(bytes[start..end].to_vec()),
    }
}

/// Most stretches of one text that are looked at.
const MOST_SPLITS: usize = 64;

/// Start and end of each stretch between separators that is long enough to look at. Gives positions
/// and holds none of the bytes, so that the value can be borrowed again meanwhile.
struct Splits {
    at: usize,
    left: usize,
}

impl Splits {
    fn new() -> Self {
        Self {
            at: 0,
            left: MOST_SPLITS,
        }
    }

    /// The next stretch of `bytes`, which are the same each time.
    fn next(&mut self, bytes: &[u8], is_separator: impl Fn(u8) -> bool) -> Option<(usize, usize)> {
        while self.left > 0 && self.at < bytes.len() {
            let start = self.at;
            let rest = &bytes[start..];
            let length = rest.iter().position(|byte| is_separator(*byte));
            let end = start + length.unwrap_or(rest.len());
            self.at = end + 1;
            if end - start >= SHORTEST {
                self.left -= 1;
                return Some((start, end));
            }
        }
        None
    }
}

fn is_base64(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=')
}

fn is_separator(byte: u8) -> bool {
    const TABLE: [bool; 256] = {
        let mut table = [false; 256];
        let mut byte = 0;
        while byte < 0x80 {
            #[expect(clippy::cast_possible_truncation, reason = "below 128")]
            let letter = byte as u8;
            table[byte] = !(letter.is_ascii_alphanumeric()
                || matches!(
                    letter,
                    b'-' | b'_' | b'.' | b'/' | b'+' | b'@' | b'~' | b'%'
                ));
            byte += 1;
        }
        table
    };
    TABLE[usize::from(byte)]
}

fn authorization<'a>(request: &'a Request, found: &mut Collector<'a>) {
    for (name, value) in &request.headers {
        if !name.eq_ignore_ascii_case("authorization")
            && !name.eq_ignore_ascii_case("proxy-authorization")
        {
            continue;
        }
        let value = value.trim_ascii();
        let Some(blank) = value.iter().position(|byte| *byte == b' ') else {
            found.value(&Cow::Borrowed(value), Carrier::Header, 0);
            if let Some(rest) = behind_scheme(value) {
                found.push(Cow::Borrowed(rest), Carrier::Bearer);
            }
            continue;
        };
        let (scheme, rest) = (&value[..blank], value[blank..].trim_ascii());
        if scheme.eq_ignore_ascii_case(b"basic") {
            basic(rest, found);
        } else if scheme.starts_with(b"AWS") {
            if let Some(id) = credential_key(rest) {
                found.push(Cow::Borrowed(id), Carrier::Sigv4);
            }
            found.pieces(&Cow::Borrowed(rest), Carrier::Sigv4, 2);
        } else if scheme.eq_ignore_ascii_case(b"ntlm") || scheme.eq_ignore_ascii_case(b"negotiate")
        {
            windows(rest, found);
        } else {
            found.value(&Cow::Borrowed(rest), Carrier::Bearer, 0);
        }
    }
    for (name, value) in raw_pairs(request.raw_query().as_bytes()).take(MOST_PAIRS) {
        if name.eq_ignore_ascii_case(b"x-amz-credential")
            || name.eq_ignore_ascii_case(b"awsaccesskeyid")
        {
            let plain = percent_decode(value);
            let end = plain
                .iter()
                .position(|byte| *byte == b'/')
                .unwrap_or(plain.len());
            found.push(slice(&plain, 0, end), Carrier::Sigv4);
        }
    }
}

/// What stands right behind the name of a scheme: Okta's own package leaves the blank out.
fn behind_scheme(value: &[u8]) -> Option<&[u8]> {
    SCHEMES.iter().find_map(|scheme| {
        let (start, rest) = value.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    })
}

fn basic<'a>(encoded: &'a [u8], found: &mut Collector<'a>) {
    let Some(plain) = decode_base64(encoded) else {
        found.value(&Cow::Borrowed(encoded), Carrier::Basic, 2);
        return;
    };
    let at = plain
        .iter()
        .position(|byte| *byte == b':')
        .unwrap_or(plain.len());
    let (user, password) = (&plain[..at], plain.get(at + 1..).unwrap_or_default());
    found.value(&Cow::Owned(user.to_vec()), Carrier::Basic, 0);
    found.value(&Cow::Owned(password.to_vec()), Carrier::Basic, 0);
}

/// The names in an NTLM login; what is none is a value like any other.
fn windows<'a>(encoded: &'a [u8], found: &mut Collector<'a>) {
    let names = decode_base64(encoded).map(|plain| ntlm::names(&plain));
    for name in names.iter().flatten() {
        found.value(&Cow::Owned(name.clone().into_bytes()), Carrier::Header, 2);
    }
    if names.is_none_or(|names| names.is_empty()) {
        found.value(&Cow::Borrowed(encoded), Carrier::Header, 0);
    }
}

/// The key id in `Credential=ID/date/region/service/aws4_request` or `ID:signature`.
fn credential_key(rest: &[u8]) -> Option<&[u8]> {
    const NAME: &[u8] = b"Credential=";
    let start = match rest.windows(NAME.len()).position(|window| window == NAME) {
        Some(at) => at + NAME.len(),
        None => 0,
    };
    let value = &rest[start..];
    let end = value
        .iter()
        .position(|byte| matches!(byte, b'/' | b':' | b',' | b' '))?;
    Some(&value[..end])
}

fn host<'a>(host: &'a str, found: &mut Collector<'a>) {
    let lower: Cow<'a, [u8]> = if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase().into_bytes())
    } else {
        Cow::Borrowed(host.as_bytes())
    };
    found.push(lower.clone(), Carrier::Host);
    let mut labels = Splits::new();
    while let Some((start, end)) = labels.next(&lower, |byte| byte == b'.') {
        found.push(slice(&lower, start, end), Carrier::Host);
    }
}

fn path<'a>(path: &'a [u8], found: &mut Collector<'a>) {
    for segment in path
        .split(|byte| *byte == b'/')
        .filter(|segment| segment.len() >= SHORTEST)
    {
        if found.full() {
            return;
        }
        let raw = Cow::Borrowed(segment);
        segment_stems(&raw, found);
        let plain = percent_decode(segment);
        if let Cow::Owned(plain) = plain {
            segment_stems(&Cow::Owned(plain), found);
        }
        if segment.contains(&b'+') {
            segment_stems(&decode_form(segment), found);
        }
        found.value(&raw, Carrier::Path, 0);
    }
}

/// A segment whole, without its last extension, and up to its first dot.
fn segment_stems<'a>(segment: &Cow<'a, [u8]>, found: &mut Collector<'a>) {
    found.push(segment.clone(), Carrier::Path);
    if let Some(last) = segment.iter().rposition(|byte| *byte == b'.') {
        found.push(slice(segment, 0, last), Carrier::Path);
        let first = segment
            .iter()
            .position(|byte| *byte == b'.')
            .unwrap_or(last);
        found.push(slice(segment, 0, first), Carrier::Path);
    }
}

fn query<'a>(query: &'a [u8], found: &mut Collector<'a>) {
    pairs(query, Carrier::Query, found);
}

fn pairs<'a>(bytes: &'a [u8], carrier: Carrier, found: &mut Collector<'a>) {
    for (name, value) in raw_pairs(bytes).take(MOST_PAIRS) {
        if found.full() {
            return;
        }
        // A bare `?handle` is a name without a value.
        if value.is_empty() || name.len() >= 16 {
            found.value(&decode_form(name), carrier, 1);
        }
        // As sent first: a `+` may be part of a key.
        found.value(&percent_decode(value), carrier, 0);
        if value.contains(&b'+') {
            found.value(&decode_form(value), carrier, 1);
        }
        if value.contains(&b'%') {
            found.push(Cow::Borrowed(value), carrier);
        }
    }
}

fn cookies<'a>(request: &'a Request, found: &mut Collector<'a>) {
    for (name, value) in &request.headers {
        if !name.eq_ignore_ascii_case("cookie") {
            continue;
        }
        for pair in value.split(|byte| *byte == b';') {
            let pair = pair.trim_ascii();
            let at = pair
                .iter()
                .position(|byte| *byte == b'=')
                .map_or(0, |at| at + 1);
            let value = pair[at..].trim_ascii();
            let value = value
                .strip_prefix(b"\"")
                .and_then(|value| value.strip_suffix(b"\""))
                .unwrap_or(value);
            found.value(&Cow::Borrowed(value), Carrier::Cookie, 0);
        }
    }
}

fn headers<'a>(request: &'a Request, found: &mut Collector<'a>) {
    for (name, value) in &request.headers {
        let done = [
            "authorization",
            "proxy-authorization",
            "cookie",
            "host",
            "content-length",
            "accept",
            "accept-encoding",
            "connection",
        ]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known));
        let value = Cow::Borrowed(value.trim_ascii());
        if done {
            // Looked at elsewhere, or too dull to split; a handle alone in one is still found.
            if value.len() >= 16 {
                found.push(value, Carrier::Header);
            }
            continue;
        }
        found.value(&value, Carrier::Header, 0);
    }
}

fn body<'a>(request: &'a Request, found: &mut Collector<'a>) {
    match request.body_type() {
        BodyType::Empty => {}
        BodyType::Form => pairs(request.plain_body(), Carrier::Form, found),
        BodyType::Multipart => {
            for (_, value) in request.form() {
                if found.full() {
                    return;
                }
                found.value(&Cow::Borrowed(value.as_bytes()), Carrier::Form, 0);
            }
            text(&Cow::Borrowed(request.plain_body()), Carrier::Body, found);
        }
        BodyType::Json => match request.json() {
            Some(value) => json(value, found),
            None => text(&Cow::Borrowed(request.plain_body()), Carrier::Body, found),
        },
        BodyType::Text => text(&Cow::Borrowed(request.plain_body()), Carrier::Body, found),
    }
}

/// Strings and numbers of a document, at most `MOST_PAIRS` nodes of it. (The parser bounds depth.)
fn json<'a>(root: &'a Value, found: &mut Collector<'a>) {
    let mut open = vec![root];
    let mut visited = 0;
    while let Some(value) = open.pop() {
        visited += 1;
        if visited > MOST_PAIRS || found.full() {
            return;
        }
        match value {
            Value::String(text) => found.value(&Cow::Borrowed(text.as_bytes()), Carrier::Json, 0),
            Value::Array(items) => open.extend(items.iter().rev().take(MOST_PAIRS)),
            Value::Object(members) => open.extend(members.values().take(MOST_PAIRS)),
            Value::Number(number) => {
                found.push(Cow::Owned(number.to_string().into_bytes()), Carrier::Json)
            }
            Value::Null | Value::Bool(_) => {}
        }
    }
}

fn text<'a>(value: &Cow<'a, [u8]>, carrier: Carrier, found: &mut Collector<'a>) {
    let end = value.len().min(TEXT_LIMIT);
    if end <= LONGEST {
        let from = value[..end].len() - value[..end].trim_ascii_start().len();
        let to = from + value[from..end].trim_ascii_end().len();
        found.push(slice(value, from, to), carrier);
    }
    let mut start = 0;
    while start < end && !found.full() {
        let rest = &value[start..end];
        let length = rest.iter().position(u8::is_ascii_whitespace);
        let length = length.unwrap_or(rest.len());
        if length >= 8 {
            found.value(&slice(value, start, start + length), carrier, 1);
        }
        start += length + 1;
    }
}
