//! An answer before it is on the wire: status, header fields in their exact case and order, body.

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH};
use http::{HeaderName, HeaderValue, StatusCode};
use http_body_util::Full;
use hyper::ext::ReasonPhrase;
use std::borrow::Cow;

/// An answer as hyper takes it.
pub(crate) type Response = http::Response<Full<Bytes>>;

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// The words beside the status, where the imitated server has its own.
    pub(crate) reason: Option<&'static str>,
    pub(crate) headers: Vec<(Cow<'static, str>, String)>,
    pub(crate) body: Bytes,
    /// Whether the connection ends with it.
    pub(crate) close: bool,
}

impl Reply {
    pub(crate) fn has(&self, name: &str) -> bool {
        self.headers
            .iter()
            .any(|(known, _)| known.eq_ignore_ascii_case(name))
    }

    /// Whether this status may have a body and a length (RFC 9110, 8.6).
    pub(crate) fn has_body(&self) -> bool {
        !matches!(self.status, 100..=199 | 204 | 304)
    }

    /// Adds what HTTP asks of every answer and the answer does not have yet.
    pub(crate) fn complete(mut self, date: &str) -> Self {
        if !self.has("date") {
            self.headers.insert(0, ("Date".into(), date.to_owned()));
        }
        if self.has_body() && !self.has("content-length") {
            let length = self.body.len().to_string();
            self.headers.push(("Content-Length".into(), length));
        }
        self
    }

    /// Says that the connection ends, if it does.
    pub(crate) fn closed(mut self) -> Self {
        if self.close {
            match self.position("connection") {
                Some(at) => "close".clone_into(&mut self.headers[at].1),
                None => self.headers.push(("Connection".into(), "close".into())),
            }
        }
        self
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.headers
            .iter()
            .position(|(known, _)| known.eq_ignore_ascii_case(name))
    }

    /// The answer as HTTP/1.1 bytes, for a peer whose request never was one.
    pub(crate) fn to_wire(&self) -> Vec<u8> {
        let mut out = format!("HTTP/1.1 {} {}\r\n", self.status, self.words()).into_bytes();
        for (name, value) in &self.headers {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
        if self.has_body() {
            out.extend_from_slice(&self.body);
        }
        out
    }

    fn words(&self) -> &str {
        self.reason.unwrap_or_else(|| {
            StatusCode::from_u16(self.status)
                .ok()
                .and_then(|status| status.canonical_reason())
                .unwrap_or("Unknown")
        })
    }

    /// The answer for hyper over HTTP/1, which leaves the body off for HEAD.
    pub(crate) fn into_http1(self) -> Response {
        let body = if self.has_body() {
            self.body.clone()
        } else {
            Bytes::new()
        };
        let mut response = self.response(body, |_| true);
        if let Some(reason) = self.reason {
            response
                .extensions_mut()
                .insert(ReasonPhrase::from_static(reason.as_bytes()));
        }
        response
    }

    /// The answer for hyper over HTTP/2: no connection fields, no body for HEAD.
    pub(crate) fn into_http2(self, head_only: bool) -> Response {
        let body = if head_only || !self.has_body() {
            Bytes::new()
        } else {
            self.body.clone()
        };
        self.response(body, |name| *name != CONNECTION && name != "keep-alive")
    }

    fn response(&self, body: Bytes, keep: impl Fn(&HeaderName) -> bool) -> Response {
        let length = self.body.len();
        let mut response = Response::new(Full::new(body));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.reserve(self.headers.len());
        for (name, value) in &self.headers {
            // A decoy's template may put text of the peer into a value: what cannot stand in a
            // header is left out, never sent.
            let (Ok(name), Ok(mut value)) = (
                HeaderName::from_bytes(name.as_bytes()),
                HeaderValue::from_str(value),
            ) else {
                continue;
            };
            if name == CONTENT_LENGTH {
                if !self.has_body() {
                    continue;
                }
                value = HeaderValue::from(length);
            }
            if keep(&name) && name != http::header::TRANSFER_ENCODING {
                headers.append(name, value);
            }
        }
        response
    }
}
