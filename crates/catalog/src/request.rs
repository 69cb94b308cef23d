//! One HTTP-shaped request as a listener parsed it. Everything in it is the peer's word; each part
//! is decoded at most once, on demand, and never fails: what cannot be decoded is empty.

use std::borrow::Cow;
use std::sync::OnceLock;

use data_encoding::{BASE64, BASE64_NOPAD};
use serde_json::Value;

use crate::xml::Document;

/// Most query, form and cookie pairs looked at.
pub(crate) const MOST_PAIRS: usize = 1000;

/// What a client's certificate is known by: SHA-256 in lower hex.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShownCertificate {
    /// Of the certificate, in DER.
    pub sha256: String,
    /// Of its public key (`subjectPublicKeyInfo`), in DER; empty if that cannot be read.
    pub key_sha256: String,
}

/// A request. Built by [`Request::new`]; parts decode on demand.
pub struct Request {
    /// The method as sent, `POST`.
    pub method: String,
    /// The request target as sent, `/a?b=c`.
    pub target: String,
    /// The host asked for, lower case, without port.
    pub host: String,
    /// Headers as sent, in order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, transfer coding removed.
    pub body: Vec<u8>,
    /// `http` or `https`: what answers that name the host itself are to say; the listener sets it.
    pub scheme: &'static str,
    /// The certificate that the client showed within TLS, and has the key to; the listener sets it.
    pub certificate: Option<ShownCertificate>,
    plain: OnceLock<Option<Vec<u8>>>,
    query: OnceLock<Vec<(String, String)>>,
    form: OnceLock<Vec<(String, String)>>,
    json: OnceLock<Option<Value>>,
    xml: OnceLock<Option<Document>>,
}

impl Request {
    /// A request of its parts.
    #[must_use]
    pub fn new(
        method: String,
        target: String,
        host: String,
        headers: Vec<(String, Vec<u8>)>,
        body: Vec<u8>,
    ) -> Self {
        Self {
            method,
            target,
            host,
            headers,
            body,
            scheme: "https",
            certificate: None,
            plain: OnceLock::new(),
            query: OnceLock::new(),
            form: OnceLock::new(),
            json: OnceLock::new(),
            xml: OnceLock::new(),
        }
    }

    /// The path as sent: not decoded, without query, without scheme and authority.
    #[must_use]
    pub fn path(&self) -> &str {
        let path = self.after_authority();
        let end = path.find(['?', '#']).unwrap_or(path.len());
        &path[..end]
    }

    /// The query as sent, without the question mark; empty if there is none.
    #[must_use]
    pub fn raw_query(&self) -> &str {
        let target = self.after_authority();
        let query = target.split_once('?').map_or("", |(_, query)| query);
        query.split_once('#').map_or(query, |(query, _)| query)
    }

    /// Query parameters, decoded, in order.
    #[must_use]
    pub fn query(&self) -> &[(String, String)] {
        self.query
            .get_or_init(|| decoded_pairs(self.raw_query().as_bytes()))
    }

    /// The first query parameter of this name.
    #[must_use]
    pub fn query_value(&self, name: &str) -> Option<&str> {
        first(self.query(), name)
    }

    /// The first header of this name (any case), if it is UTF-8.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self
            .headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok().map(str::trim)
    }

    /// User and password of `Authorization: Basic`.
    #[must_use]
    pub fn basic(&self) -> Option<(String, String)> {
        let (scheme, rest) = self.authorization()?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let text = String::from_utf8(decode_base64(rest.as_bytes())?).ok()?;
        let (user, password) = text.split_once(':')?;
        Some((user.to_owned(), password.to_owned()))
    }

    /// Scheme and rest of the `Authorization` header.
    #[must_use]
    pub fn authorization(&self) -> Option<(&str, &str)> {
        let value = self.header("authorization")?;
        value
            .split_once(' ')
            .map(|(scheme, rest)| (scheme, rest.trim()))
    }

    /// Pairs of a form body (`application/x-www-form-urlencoded` or `multipart/form-data`), decoded, in
    /// order.
    #[must_use]
    pub fn form(&self) -> &[(String, String)] {
        self.form.get_or_init(|| match self.body_type() {
            BodyType::Form => decoded_pairs(self.plain_body()),
            BodyType::Multipart => {
                let declared = self.header("content-type").unwrap_or_default();
                crate::multipart::pairs(declared, self.plain_body())
            }
            _ => Vec::new(),
        })
    }

    /// The first form value of this name.
    #[must_use]
    pub fn form_value(&self, name: &str) -> Option<&str> {
        first(self.form(), name)
    }

    /// The body as JSON, if it is.
    #[must_use]
    pub fn json(&self) -> Option<&Value> {
        self.json
            .get_or_init(|| match self.body_type() {
                BodyType::Json => serde_json::from_slice(self.plain_body()).ok(),
                _ => None,
            })
            .as_ref()
    }

    /// The body as XML, if it is.
    pub(crate) fn xml(&self) -> Option<&Document> {
        let read = || crate::xml::read(self.plain_body());
        self.xml.get_or_init(read).as_ref()
    }

    /// The body without its content coding (`gzip`, `deflate`), up to a bound; as sent if it has none.
    #[must_use]
    pub fn plain_body(&self) -> &[u8] {
        let plain = self.plain.get_or_init(|| {
            let coding = self.header("content-encoding")?;
            crate::unpack::unpacked(coding, &self.body)
        });
        plain.as_deref().unwrap_or(&self.body)
    }

    pub(crate) fn body_type(&self) -> BodyType {
        let body = self.plain_body();
        if body.is_empty() {
            return BodyType::Empty;
        }
        let declared = self.header("content-type").unwrap_or_default();
        let declared = declared.split(';').next().unwrap_or_default().trim();
        let start = body.iter().find(|byte| !byte.is_ascii_whitespace());
        if matches!(start, Some(b'{' | b'[')) && !declared.starts_with("multipart/") {
            return BodyType::Json;
        }
        if declared.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return BodyType::Form;
        }
        if declared.eq_ignore_ascii_case("multipart/form-data") {
            return BodyType::Multipart;
        }
        if declared.is_empty() && looks_like_form(body) {
            return BodyType::Form;
        }
        BodyType::Text
    }

    /// The target without `http://host` in front.
    fn after_authority(&self) -> &str {
        if self.target.starts_with('/') {
            return &self.target;
        }
        match self.target.split_once("://") {
            Some((_, rest)) => &rest[rest.find(['/', '?']).unwrap_or(rest.len())..],
            None => &self.target,
        }
    }
}

/// What a body is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyType {
    Empty,
    Form,
    Multipart,
    Json,
    Text,
}

fn looks_like_form(body: &[u8]) -> bool {
    let head = &body[..body.len().min(256)];
    head.contains(&b'=') && head.iter().all(|byte| byte.is_ascii_graphic())
}

fn first<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.as_str())
}

fn decoded_pairs(bytes: &[u8]) -> Vec<(String, String)> {
    raw_pairs(bytes)
        .take(MOST_PAIRS)
        .map(|(name, value)| (text(&decode_form(name)), text(&decode_form(value))))
        .collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `a=b&c` as `(a, b), (c, )`, not decoded.
pub(crate) fn raw_pairs(bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    bytes
        .split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| match pair.iter().position(|byte| *byte == b'=') {
            Some(at) => (&pair[..at], &pair[at + 1..]),
            None => (pair, &pair[pair.len()..]),
        })
}

/// Percent-decoding; what is no escape stays as it is.
pub(crate) fn percent_decode(bytes: &[u8]) -> Cow<'_, [u8]> {
    if !bytes.contains(&b'%') {
        return Cow::Borrowed(bytes);
    }
    let digit = |at: usize| {
        bytes
            .get(at)
            .and_then(|byte| char::from(*byte).to_digit(16))
    };
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or_default());
                at += 3;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    Cow::Owned(out)
}

/// As [`percent_decode`], and `+` is a blank.
pub(crate) fn decode_form(bytes: &[u8]) -> Cow<'_, [u8]> {
    if !bytes.contains(&b'+') {
        return percent_decode(bytes);
    }
    let blanks: Vec<u8> = bytes
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    Cow::Owned(percent_decode(&blanks).into_owned())
}

/// Base 64 in either alphabet, padded or not.
pub(crate) fn decode_base64(bytes: &[u8]) -> Option<Vec<u8>> {
    // An attempt costs memory: not for what cannot be padded as it should.
    if bytes.len().is_multiple_of(4)
        && let Ok(plain) = BASE64.decode(bytes)
    {
        return Some(plain);
    }
    let end = bytes
        .iter()
        .rposition(|byte| *byte != b'=')
        .map_or(0, |at| at + 1);
    // No text has a length one past a multiple of four.
    if end % 4 == 1 {
        return None;
    }
    let standard: Vec<u8> = bytes[..end]
        .iter()
        .map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            byte => *byte,
        })
        .collect();
    // Loose trailing bits are a sender's sloppiness, not ours: cut to what decodes.
    BASE64_NOPAD.decode(&standard).ok()
}
