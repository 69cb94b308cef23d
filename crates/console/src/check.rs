//! Questions of applications: `POST /v1/check` about values, `/v1/auth` about a whole request.
//!
//! The answers to bait and to anything else differ in nothing but what they say: same headers, same
//! length, and as long to come.

use std::net::SocketAddr;
use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use lapwing_core::{Credential, May};
use serde::Deserialize;

use crate::answer::{Answer, Refusal, bare, json_answer};
use crate::auth::{CREDENTIAL, admit};
use crate::{Context, Desk, Question, Shown, VALUES_LIMIT};

/// Where a question came from.
#[derive(Clone, Copy)]
pub(crate) struct Socket {
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
}

/// The body of `POST /v1/check`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    value: Values,
    #[serde(default)]
    context: Context,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Values {
    One(String),
    Many(Vec<String>),
}

const SHAPE: &str = "send {\"value\": \"...\"} or {\"value\": [\"...\", ...]}, and what is known of the \
                     use as \"context\": client, agent, method, path, host, user, request";

/// `POST /v1/check`: is any of these values bait?
pub(crate) async fn values(
    desk: &Desk,
    head: Parts,
    body: Vec<u8>,
    socket: Socket,
) -> Result<Answer, Refusal> {
    let credential = admit(desk, &head.headers, May::Check).await?;
    let bad = |what: String| Refusal::new(StatusCode::BAD_REQUEST, what, SHAPE);
    let Body { value, context } =
        serde_json::from_slice(&body).map_err(|error| bad(format!("the body: {error}")))?;
    let values = match value {
        Values::One(value) => vec![value],
        Values::Many(values) => values,
    };
    if values.is_empty() || values.len() > VALUES_LIMIT {
        return Err(bad(format!(
            "1 to {VALUES_LIMIT} values can be asked about"
        )));
    }
    let question = Question {
        shown: Shown::Values(values),
        context,
        raw: body,
        ..question(desk, credential, socket, "POST /v1/check")
    };
    // One blank more or less: both answers have the same length.
    let body = if ask(desk, question).await {
        "{\"canary\": true}"
    } else {
        "{\"canary\":false}"
    };
    Ok(json_answer(StatusCode::OK, body))
}

/// `/v1/auth`: may this request through? 200 if so, 403 if it shows bait. For nginx's `auth_request`,
/// Envoy's `ext_authz` over HTTP, and the like: `path` is what the visitor asked for, as far as it is
/// part of the question's own path.
pub(crate) async fn request(
    desk: &Desk,
    mut head: Parts,
    body: Vec<u8>,
    socket: Socket,
    path: &str,
) -> Result<Answer, Refusal> {
    let credential = admit(desk, &head.headers, May::Check).await?;
    if head.headers.remove(CREDENTIAL).is_none() {
        head.headers.remove(header::AUTHORIZATION);
    }
    let text = |names: &[&str]| first(&head.headers, names);
    let told = text(&["x-original-uri", "x-forwarded-uri"]);
    let target = if told.is_empty() { path } else { &told };
    // Of a list, the last address is the one that the proxy in front of us has seen for itself.
    let listed = text(&["x-forwarded-for"]);
    let listed = listed.rsplit(',').next().unwrap_or_default();
    let real = text(&["x-real-ip"]);
    let method = text(&["x-original-method", "x-forwarded-method"]);
    let host = text(&["x-original-host", "x-forwarded-host", "host"]);
    let context = Context {
        client: if real.is_empty() {
            listed.trim().to_owned()
        } else {
            real
        },
        agent: text(&["user-agent"]),
        method: if method.is_empty() {
            head.method.to_string()
        } else {
            method
        },
        path: target.to_owned(),
        host,
        user: String::new(),
        request: text(&["x-request-id"]),
    };
    if let Ok(uri) = target.parse() {
        head.uri = uri;
    }
    let question = Question {
        raw: raw(&context, &head.headers, &body),
        shown: Shown::Request(Box::new(head), body),
        context,
        ..question(desk, credential, socket, "/v1/auth")
    };
    Ok(bare(if ask(desk, question).await {
        StatusCode::FORBIDDEN
    } else {
        StatusCode::OK
    }))
}

fn question(
    desk: &Desk,
    credential: Credential,
    socket: Socket,
    endpoint: &'static str,
) -> Question {
    Question {
        observer: credential.name,
        shown: Shown::Values(Vec::new()),
        context: Context::default(),
        raw: Vec::new(),
        peer: socket.peer,
        local: socket.local,
        time: desk.clock.now(),
        endpoint,
    }
}

/// Asks in a task of its own: an application that hangs up must not undo the recording.
async fn ask(desk: &Desk, question: Question) -> bool {
    let examiner = Arc::clone(&desk.examiner);
    let asked = tokio::spawn(async move { examiner.examine(question).await });
    // Err: it panicked, or the station stops.
    asked.await.unwrap_or(false)
}

/// The first of these headers that says something.
fn first(headers: &HeaderMap, names: &[&str]) -> String {
    let said = names.iter().filter_map(|name| headers.get(*name));
    said.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .find(|value| !value.is_empty())
        .unwrap_or_default()
}

/// The visitor's request as the proxy tells of it: what is kept as evidence.
fn raw(context: &Context, headers: &HeaderMap, body: &[u8]) -> Vec<u8> {
    let mut raw = format!("{} {}\r\n", context.method, context.path).into_bytes();
    for (name, value) in headers {
        raw.extend_from_slice(name.as_str().as_bytes());
        raw.extend_from_slice(b": ");
        raw.extend_from_slice(value.as_bytes());
        raw.extend_from_slice(b"\r\n");
    }
    raw.extend_from_slice(b"\r\n");
    raw.extend_from_slice(body);
    raw
}
