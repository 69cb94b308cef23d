//! Clients of other makes on one decoy: what is recorded as sent is what was sent, header by header, on
//! connections that are kept and on streams of HTTP/2.

use serde_json::json;

use crate::stage::{Stage, keys};

#[test]
fn bytes_are_recorded_as_each_client_sent_them() {
    let mut stage = Stage::new(6, &["openai"]);
    let good = stage.mint("good", "openai");
    let said = stage.python("call_others.py", &json!({ "good": keys(&good) }));
    assert_eq!(
        said,
        json!({
            "urllib": [200, 200],
            "requests": [200, 200],
            "chunks": [200, 200],
            "httpx": ["HTTP/1.1 200", "HTTP/1.1 200"],
            "httpx 2": ["HTTP/2 200", "HTTP/2 200"],
            "at once": ["HTTP/2 200", "HTTP/2 200"],
            "aiohttp": [200, 200],
        })
    );
    let models = |version: &str| {
        format!("good bearer:api_key http/{version} openai [GET /v1/models] accepted 200")
    };
    let chat = |version: &str| {
        let content = "ü ".repeat(3000);
        // A captured value is cut.
        let message = format!("{{\"content\":\"{content}\",\"role\":\"user\"}}");
        let cut = message[..message.floor_char_boundary(4096)].replace('"', "\\\"");
        format!(
            "good bearer:api_key http/{version} openai [POST /v1/chat/completions] accepted 200 \
             {{\"llm.messages\":[\"{cut}\"],\"llm.model\":[\"gpt-4o\"]}}"
        )
    };
    let mut expected = vec![models("1.1"); 2];
    expected.extend(vec![chat("1.1"); 6]);
    expected.extend(vec![chat("2"); 2]);
    expected.push(models("2"));
    expected.extend(vec![chat("2"); 2]);
    expected.extend(vec![chat("1.1"); 2]);
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    stage.assert_trips(&expected);
    let trips = stage.trips(expected.len());
    stage.assert_nothing_missing(&trips);
    let odd: Vec<String> = trips
        .iter()
        .flat_map(|trip| {
            trip["claims"]["headers"]
                .as_array()
                .expect("headers")
                .clone()
        })
        .filter(|header| header[1] == "Kept  As Sent")
        .map(|header| header[0].as_str().expect("a name").to_owned())
        .collect();
    // urllib and HTTP/2 write names in their own way; the others leave them as they are.
    let names = ["X-Odd-Case"; 2]
        .iter()
        .chain(&["X-Odd-CASE"; 6])
        .chain(&["x-odd-case"; 5])
        .chain(&["X-Odd-CASE"; 2]);
    assert_eq!(odd, names.copied().collect::<Vec<_>>());
    let fingerprint = |at: usize| {
        trips[at]["observed"]["fingerprint"]
            .as_str()
            .expect("one")
            .to_owned()
    };
    assert_eq!(fingerprint(2), fingerprint(3), "one client is one program");
    assert_ne!(fingerprint(2), fingerprint(6), "requests is not httpx");
    assert_ne!(fingerprint(6), fingerprint(8), "HTTP/2 shows more");
}
