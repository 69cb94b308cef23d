//! Answers: JSON that says what is wrong and what to do, or that all is well.

use std::borrow::Cow;

use bytes::Bytes;
use http::{Response, StatusCode, header};
use http_body_util::Full;
use serde_json::json;

pub(crate) type Answer = Response<Full<Bytes>>;

/// Why a request is not served.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    what: String,
    hint: Cow<'static, str>,
    /// In how many seconds to try again.
    after: Option<u64>,
}

impl Refusal {
    pub(crate) fn new(
        status: StatusCode,
        what: impl Into<String>,
        hint: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status,
            what: what.into(),
            hint: hint.into(),
            after: None,
        }
    }

    /// Says in how many seconds to try again.
    pub(crate) const fn after(mut self, seconds: u64) -> Self {
        self.after = Some(seconds);
        self
    }

    /// The ledger failed: the asker is to go on without an answer.
    pub(crate) fn failed(error: &impl std::fmt::Display) -> Self {
        tracing::error!(%error, "the desk cannot answer");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the station cannot answer now",
            "go on as if the value were no bait, or try again; the station's log says what is wrong",
        )
    }

    pub(crate) fn answer(self) -> Answer {
        let body = json!({"error": self.what, "hint": self.hint}).to_string();
        let mut answer = json_answer(self.status, body);
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = header::HeaderValue::from_static("Bearer");
            answer
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, scheme);
        }
        if let Some(seconds) = self.after {
            let seconds = header::HeaderValue::from(seconds);
            answer.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        answer
    }
}

/// An answer in JSON.
pub(crate) fn json_answer(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    let mut answer = bare(status);
    let kind = header::HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    *answer.body_mut() = Full::new(body.into());
    answer
}

/// An answer without a body, that nobody may keep.
pub(crate) fn bare(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    let never = header::HeaderValue::from_static("no-store");
    answer.headers_mut().insert(header::CACHE_CONTROL, never);
    answer
}
