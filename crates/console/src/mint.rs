//! Fresh bait for who asks for it: `POST /v1/mint`.
//!
//! A credential that may mint gets the values of what was minted for it, once, and learns nothing of any
//! other bait: what else there is shows in no answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, StatusCode};
use lapwing_core::{Credential, May, text};
use serde::Deserialize;
use serde_json::json;

use crate::answer::{Answer, Refusal, json_answer};
use crate::auth::admit;
use crate::{Desk, NotMinted, Wanted};

/// The label that says for whom it was minted.
pub const MINTED_BY: &str = "minted-by";

/// Longest memo, label and fixed value, in characters.
const LONGEST: usize = 500;
/// Most labels, and most fixed values. With [`MINTED_BY`] an alert shows all of the former.
const MOST: usize = 8;
/// Longest `Idempotency-Key`, in bytes.
const KEY: usize = 255;

/// The body.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    kind: String,
    #[serde(default)]
    memo: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    set: BTreeMap<String, String>,
}

const SHAPE: &str = "send {\"kind\": \"github-pat\"}, and if you like \"memo\", \"labels\": {\"host\": \
                     \"runner-7\"} and \"set\": {\"FIELD\": \"VALUE\"}";

/// Mints one canary, and answers with its values once it is on disk and recognised.
pub(crate) async fn mint(desk: &Desk, head: &Parts, body: &[u8]) -> Result<Answer, Refusal> {
    let credential = admit(desk, &head.headers, May::Mint).await?;
    let wanted = wanted(credential, &head.headers, body)?;
    let minter = Arc::clone(&desk.minter);
    // In a task of its own: who hangs up finds what was minted under its key.
    let minted = tokio::spawn(async move { minter.mint(wanted).await }).await;
    let minted = minted.unwrap_or_else(|error| Err(NotMinted::Failed(error.to_string())));
    let minted = minted.map_err(refusal)?;
    let body = json!({"id": minted.id, "fields": minted.fields}).to_string();
    Ok(json_answer(StatusCode::CREATED, body))
}

fn wanted(credential: Credential, headers: &HeaderMap, body: &[u8]) -> Result<Wanted, Refusal> {
    let bad = |what: String| Refusal::new(StatusCode::BAD_REQUEST, what, SHAPE);
    let Body {
        kind,
        memo,
        labels,
        set,
    } = serde_json::from_slice(body).map_err(|error| bad(format!("the body: {error}")))?;
    if labels.contains_key(MINTED_BY) {
        return Err(bad(format!(
            "the label {MINTED_BY} is the station's: it holds this credential's name"
        )));
    }
    if labels.len() > MOST || set.len() > MOST {
        return Err(bad(format!(
            "at most {MOST} labels and {MOST} fixed fields"
        )));
    }
    let mut pairs = labels.iter().chain(&set);
    let odd =
        |text: &String| text.chars().count() > LONGEST || text.chars().any(text::is_unprintable);
    if odd(&memo) || pairs.any(|(key, value)| odd(key) || odd(value)) {
        return Err(bad(format!(
            "memo, labels and fixed fields are one printable line of at most {LONGEST} characters each"
        )));
    }
    if !credential.kinds.is_empty() && !credential.kinds.contains(&kind) {
        let kinds = credential.kinds.join(", ");
        return Err(Refusal::new(
            StatusCode::FORBIDDEN,
            format!("this credential may have {kinds} minted, and nothing else"),
            "ask for one of these, or have a credential made for that kind",
        ));
    }
    Ok(Wanted {
        credential: credential.name,
        kind,
        memo,
        labels,
        set,
        key: key(headers)?,
    })
}

/// What tells a request that is repeated from a new one.
fn key(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let fits = |key: &&str| (1..=KEY).contains(&key.len());
    let key = value.to_str().ok().filter(fits).ok_or_else(|| {
        Refusal::new(
            StatusCode::BAD_REQUEST,
            format!("Idempotency-Key has 1 to {KEY} printable characters"),
            "send a random one, a UUID for example, and the same with each repetition",
        )
    })?;
    Ok(Some(key.to_owned()))
}

fn refusal(error: NotMinted) -> Refusal {
    match error {
        NotMinted::Refused { what, hint } => Refusal::new(StatusCode::BAD_REQUEST, what, hint),
        NotMinted::KeyReused => Refusal::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "this Idempotency-Key came with another request before",
            "use a key for one request and its repetitions only",
        ),
        NotMinted::TooMany { limit, wait } => Refusal::new(
            StatusCode::TOO_MANY_REQUESTS,
            format!("this credential has had {limit} minted within an hour"),
            "wait; the setting desk.mints_per_hour says how many are allowed",
        )
        .after(wait),
        NotMinted::Failed(error) => Refusal::failed(&error),
    }
}
