//! How the station is: `GET /healthz` for who restarts it, `GET /readyz` for who sends it traffic, `GET /metrics`
//! for who keeps figures.
//!
//! The first two answer everybody who reaches the desk, and say nothing that a stranger could use; details and
//! figures take a credential, also from this host: a proxy in front of the desk speaks for everybody.

use http::{HeaderMap, StatusCode, header};
use lapwing_core::May;
use serde_json::{Value, json};

use crate::Desk;
use crate::answer::{Answer, Refusal, json_answer};
use crate::auth::{self, admit};
use crate::metrics::{CONTENT_TYPE, Family, text};
use futures_util::future::BoxFuture;

/// Says how the station is.
pub trait Monitor: Send + Sync + 'static {
    /// Why it is not ready; nothing if it is.
    fn unready(&self) -> BoxFuture<'static, Vec<Reason>>;

    /// What else is worth knowing of how it stands, for its operator.
    fn about(&self) -> Value;

    /// Every figure there is.
    fn families(&self) -> BoxFuture<'static, Vec<Family>>;
}

/// Why a station is not ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// A word for it.
    pub code: &'static str,
    /// What is wrong, and what to do, for the operator alone.
    pub detail: String,
}

/// The process lives.
pub(crate) fn health() -> Answer {
    plain(
        StatusCode::OK,
        "ok\n".to_owned(),
        "text/plain; charset=utf-8",
    )
}

/// Whether trips are recorded, and what stands in the way.
pub(crate) async fn readiness(desk: &Desk, headers: &HeaderMap) -> Result<Answer, Refusal> {
    let trusted = match auth::secret(headers) {
        Some(_) => admit(desk, headers, May::Monitor).await.map(|_| true)?,
        None => false,
    };
    let reasons = desk.monitor.unready().await;
    let codes: Vec<_> = reasons.iter().map(|reason| reason.code).collect();
    let mut body = json!({"ready": reasons.is_empty(), "reasons": codes});
    if trusted {
        let details: serde_json::Map<_, _> = reasons
            .iter()
            .map(|reason| (reason.code.to_owned(), reason.detail.as_str().into()))
            .collect();
        body["details"] = details.into();
        body["about"] = desk.monitor.about();
    }
    let status = if reasons.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    Ok(json_answer(status, body.to_string()))
}

/// Every figure.
pub(crate) async fn figures(desk: &Desk, headers: &HeaderMap) -> Result<Answer, Refusal> {
    admit(desk, headers, May::Monitor).await?;
    let families = desk.monitor.families().await;
    Ok(plain(StatusCode::OK, text(&families), CONTENT_TYPE))
}

fn plain(status: StatusCode, body: String, kind: &'static str) -> Answer {
    let mut answer = json_answer(status, body);
    let kind = header::HeaderValue::from_static(kind);
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}
