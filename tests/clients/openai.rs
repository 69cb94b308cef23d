//! OpenAI's own package.

use serde_json::json;

use crate::stage::{Stage, keys};

#[test]
fn the_package_takes_the_answers_for_openais() {
    let mut stage = Stage::new(2, &["openai"]);
    let good = stage.mint("good", "openai");
    let retired = stage.retired("openai");
    let stranger = stage.stranger("openai");
    let said = stage.python(
        "call_openai.py",
        &json!({
            "good": keys(&good), "retired": keys(&retired), "stranger": keys(&stranger),
            "prompt": "Schreib \"ö\" \u{1f600}\n",
        }),
    );
    let refused = json!({
        "error": "AuthenticationError", "status": 401, "code": "invalid_api_key",
        "type": "invalid_request_error", "request id": true,
    });
    let spent = json!({
        "error": "RateLimitError", "status": 429, "code": "insufficient_quota",
        "type": "insufficient_quota", "request id": true,
    });
    let absent = json!({
        "error": "NotFoundError", "status": 404, "code": null,
        "type": "invalid_request_error", "request id": true,
    });
    let models = [
        "gpt-4.1",
        "gpt-4o",
        "gpt-4o-mini",
        "o4-mini",
        "text-embedding-3-small",
        "whisper-1",
    ];
    assert_eq!(
        said,
        json!({
            "stranger": refused, "models": models,
            "chat": { "text": true, "end": "stop", "model": "gpt-4o", "adds up": true },
            "stream": { "ids": 1, "text": true, "end": "stop" }, "later": spent, "embed": spent, "nothing there": absent, "retired": refused,
        })
    );
    let asked = r#"{"llm.messages":["{\"content\":\"Schreib \\\"ö\\\" 😀\\n\",\"role\":\"user\"}"],"llm.model":["gpt-4o"]}"#;
    let chat = format!(
        "good bearer:api_key http/1.1 openai [POST /v1/chat/completions] accepted 200 {asked}"
    );
    stage.assert_trips(&[
        "good bearer:api_key http/1.1 openai [GET /v1/models] accepted 200",
        &chat,
        &chat,
        r#"good bearer:api_key http/1.1 openai [POST /v1/responses] accepted 429 {"llm.input":["Schreib \"ö\" 😀\n"],"llm.model":["gpt-4.1"]}"#,
        r#"good bearer:api_key http/1.1 openai [POST /v1/responses] accepted 429 {"llm.input":["Schreib \"ö\" 😀\n"],"llm.model":["text-embedding-3-small"]}"#,
        "good bearer:api_key http/1.1 openai [] accepted 404",
        "retired bearer:api_key http/1.1 openai [GET /v1/models] revoked 401",
    ]);
}
