//! Answers with a state, further ways to show a credential, and repositories, on kinds written for the
//! purpose: one test an ability, as a client would see it.

use std::collections::BTreeMap;
use std::io::Write as _;

use data_encoding::{BASE64, BASE64URL_NOPAD};
use flate2::Compression;
use flate2::write::GzEncoder;
use hmac::{Hmac, KeyInit, Mac};
use lapwing_catalog::{Answer, Asked, Catalog, Matched, Request};
use lapwing_core::{Canary, CanaryId, Carrier, DecoyOutcome, Timestamp};
use sha2::Sha256;

const JSON: (&str, &str) = ("Content-Type", "application/json");
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

/// What every kind here begins with.
const HEAD: &str = r#"
id = "sample"
name = "Sample"
summary = "Sample"
trigger = "endpoint"
fires = "Someone calls."
blind_spots = ["None."]
lives = [".env"]
[address]
labels = ["sample"]
[[field]]
name = "user"
format = "us{alnum:12}"
handle = true
[[field]]
name = "token"
format = "{base62:40}"
handle = true
secret = true
[[field]]
name = "beacon.url"
format = "{url}"
[style.default]
content_type = "application/json"
unknown = { status = 401, body = '{"error":"unknown"}' }
missing = { status = 401, body = '{"error":"missing"}' }
revoked = { status = 401, body = '{"error":"revoked"}' }
bad_signature = { status = 403, body = '{"error":"signature"}' }
not_found = { status = 404, body = '{"error":"not found"}' }
"#;

struct Stage {
    catalog: Catalog,
    canary: Canary,
    now: Timestamp,
    /// Whether requests hold a handle of the canary.
    found: bool,
}

impl Stage {
    fn new(rest: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let class = dir.path().join("credential");
        std::fs::create_dir(&class).expect("made");
        std::fs::write(class.join("sample.toml"), format!("{HEAD}{rest}")).expect("written");
        let catalog = Catalog::load(Some(dir.path())).unwrap_or_else(|error| panic!("{error}"));
        let fields = [
            ("user", "us0a1b2c3d4e5f".to_owned()),
            ("token", "t0K3n".repeat(8)),
            ("beacon.url", "https://trap.example.org".to_owned()),
        ];
        Self {
            catalog,
            canary: canary(fields),
            now: Timestamp::parse("2026-06-01T12:00:00Z").expect("RFC 3339"),
            found: true,
        }
    }

    fn field(&self, name: &str) -> &str {
        &self.canary.fields[name]
    }

    fn ask(&self, request: &Request) -> Answer {
        let matched = Matched {
            canary: &self.canary,
            field: "user".to_owned(),
            carrier: Carrier::Header,
        };
        let answer = self.catalog.answer(&Asked {
            request,
            kinds: std::slice::from_ref(&self.canary.kind),
            matched: if self.found {
                std::slice::from_ref(&matched)
            } else {
                &[]
            },
            now: self.now,
            seed: &[9; 32],
        });
        answer.expect("an API answers everything")
    }

    fn expect(&self, request: &Request, outcome: DecoyOutcome, status: u16) -> Answer {
        let answer = self.ask(request);
        assert_eq!(
            (answer.outcome, answer.status),
            (outcome, status),
            "{} {}\n{}",
            request.method,
            request.target,
            text(&answer)
        );
        answer
    }

    fn bearer(&self, method: &str, target: &str, body: &str) -> Answer {
        let authorization = format!("Bearer {}", self.field("token"));
        let headers = [("Authorization", authorization.as_str()), JSON];
        self.ask(&request(method, target, &headers, body))
    }
}

fn canary<const N: usize>(fields: [(&str, String); N]) -> Canary {
    Canary {
        id: CanaryId::fresh(),
        kind: "sample".to_owned(),
        memo: String::new(),
        labels: BTreeMap::new(),
        fields: fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        minted: Timestamp::parse("2026-05-01").expect("a date"),
        retired: None,
    }
}

fn request(method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Request {
    on("trap.example.org", method, target, headers, body.as_bytes())
}

fn on(host: &str, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Request {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
        .collect();
    Request::new(
        method.to_owned(),
        target.to_owned(),
        host.to_owned(),
        headers,
        body.to_vec(),
    )
}

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

fn json(answer: &Answer) -> serde_json::Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{error}: {}", text(answer)))
}

const QUEUE: &str = r#"
[api]
auth = "bearer"
password = "token"
[[decoy]]
match = { method = "POST", path = "/messages" }
remember = { list = "messages", id = "SM{{ hex(8) }}", keep = { to = "{{ json.to }}", parts = 1, sent = false } }
status = 201
body = '{"id":"{{ item.id }}","to":"{{ item.to }}","parts":{{ item.parts }},"sent":{{ item.sent }},"time":{{ item.time }}}'
[[decoy]]
match = { method = "GET", path = "/messages" }
status = 200
body = '{"total":{{ count("messages") }},"messages":[{% for item in items("messages") %}{"id":"{{ item.id }}","to":"{{ item.to }}","at":"{{ item.time | date("%H:%M:%S") }}"}{{ "," if not loop.last }}{% endfor %}]}'
[[decoy]]
match = { method = "GET", path = "/messages/{sid}", known = { messages = "path.sid" } }
status = 200
body = '{"id":"{{ item.id }}","status":"{{ "undelivered" if item.age > 20 else "queued" }}","note":{{ item.note | json }}}'
[[decoy]]
match = { method = "POST", path = "/messages/{sid}", known = { messages = "path.sid" } }
remember = { list = "messages", id = "{{ path.sid }}", keep = { note = "{{ json.note }}" } }
status = 200
body = '{"id":"{{ item.id }}","to":"{{ item.to }}","note":"{{ item.note }}"}'
[[decoy]]
match = { method = "DELETE", path = "/messages/{sid}", known = { messages = "path.sid" } }
forget = { messages = "path.sid" }
status = 204
"#;

#[test]
fn what_was_made_is_found_again_and_grows_old() {
    let mut stage = Stage::new(QUEUE);
    let made = json(&stage.bearer("POST", "/messages", r#"{"to":"+1\"2"}"#));
    assert_eq!(made["to"], "+1\"2");
    assert_eq!(made["parts"], 1);
    assert_eq!(made["sent"], false);
    assert_eq!(made["time"], stage.now.seconds());
    let id = made["id"].as_str().expect("an id").to_owned();
    stage.bearer("POST", "/messages", r#"{"to":"other"}"#);
    let list = json(&stage.bearer("GET", "/messages", ""));
    assert_eq!(list["total"], 2);
    assert_eq!(list["messages"][0]["to"], "other", "the newest first");
    assert_eq!(list["messages"][1]["id"], *id);
    assert_eq!(list["messages"][1]["at"], "12:00:00");
    let path = format!("/messages/{id}");
    let one = json(&stage.bearer("GET", &path, ""));
    assert_eq!(one["status"], "queued");
    assert_eq!(one["note"], serde_json::Value::Null);
    stage.now = stage.now.plus_seconds(21);
    assert_eq!(
        json(&stage.bearer("GET", &path, ""))["status"],
        "undelivered"
    );
    let changed = json(&stage.bearer("POST", &path, r#"{"note":"n"}"#));
    assert_eq!(
        (&changed["to"], &changed["note"]),
        (&"+1\"2".into(), &"n".into())
    );
    assert_eq!(json(&stage.bearer("GET", &path, ""))["note"], "n");
    assert_eq!(stage.bearer("DELETE", &path, "").status, 204);
    assert_eq!(stage.bearer("GET", &path, "").status, 404);
    assert_eq!(json(&stage.bearer("GET", "/messages", ""))["total"], 1);
}

#[test]
fn nothing_of_one_canary_is_shown_to_another_or_to_a_stranger() {
    let mut stage = Stage::new(QUEUE);
    let id = json(&stage.bearer("POST", "/messages", "{}"))["id"].clone();
    let path = format!("/messages/{}", id.as_str().expect("an id"));
    let wrong = request("GET", &path, &[("Authorization", "Bearer wrong")], "");
    stage.expect(&wrong, DecoyOutcome::Refused, 401);
    stage.found = false;
    stage.expect(&wrong, DecoyOutcome::Unknown, 401);
    stage.found = true;
    stage.canary = canary([("token", "0ther".repeat(8)), ("user", "us9".to_owned())]);
    assert_eq!(stage.bearer("GET", &path, "").status, 404);
    assert_eq!(json(&stage.bearer("GET", "/messages", ""))["total"], 0);
}

#[test]
fn an_answer_with_the_fullest_list_stays_within_its_size() {
    let stage = Stage::new(QUEUE);
    let to = "\\u0001".repeat(3000);
    for _ in 0..150 {
        let answer = stage.bearer("POST", "/messages", &format!(r#"{{"to":"{to}"}}"#));
        assert_eq!(answer.status, 201);
    }
    let list = stage.bearer("GET", "/messages", "");
    assert_eq!(list.status, 200);
    assert!(list.body.len() < 64 << 10, "{}", list.body.len());
    assert_eq!(json(&list)["total"], 100);
}

#[test]
fn members_of_a_body_and_hosts_are_conditions() {
    let stage = Stage::new(
        r#"
[api]
auth = "none"
[[decoy]]
match = { path = "/rpc", json = { method = "tools/list", "params.deep" = true, id = 7 } }
status = 201
[[decoy]]
match = { path = "/rpc", json = { method = "tools/*" } }
status = 202
[[decoy]]
match = { path = "/rpc", host = "up|verify*" }
status = 203
"#,
    );
    let ask = |host: &str, body: &str| {
        let request = on(host, "POST", "/rpc", &[JSON], body.as_bytes());
        stage.ask(&request).status
    };
    let deep = r#"{"method":"tools/list","id":7,"params":{"deep":true}}"#;
    assert_eq!(ask("trap.example.org", deep), 201);
    assert_eq!(ask("trap.example.org", &deep.replace("true", "false")), 202);
    assert_eq!(ask("trap.example.org", r#"{"method":"ping"}"#), 404);
    assert_eq!(ask("verify-eu.example.org", ""), 203);
    assert_eq!(ask("up.example.org", "[1]"), 203);
}

#[test]
fn callers_past_a_limit_are_told_so() {
    let mut stage = Stage::new(
        r#"
limit = { requests = 2, seconds = 60 }
limited = { status = 429, headers = { Retry-After = "{{ limit.wait }}" }, body = '{"error":"slow down"}' }
headers = { X-Remaining = "{{ limit.remaining }}" }
[api]
auth = "bearer"
password = "token"
[[decoy]]
match = { path = "/" }
status = 200
"#,
    );
    let header = |answer: &Answer, name: &str| {
        let mut headers = answer.headers.iter();
        headers
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
            .unwrap_or_default()
    };
    assert_eq!(header(&stage.bearer("GET", "/", ""), "X-Remaining"), "1");
    stage.now = stage.now.plus_seconds(20);
    assert_eq!(header(&stage.bearer("GET", "/", ""), "X-Remaining"), "0");
    let third = stage.bearer("GET", "/", "");
    assert_eq!((third.status, third.outcome), (429, DecoyOutcome::Accepted));
    assert_eq!(header(&third, "Retry-After"), "40");
    let stranger = request("GET", "/", &[("Authorization", "Bearer x")], "");
    assert_eq!(stage.ask(&stranger).status, 401);
    stage.now = stage.now.plus_seconds(40);
    assert_eq!(stage.bearer("GET", "/", "").status, 200);
}

#[test]
fn credentials_are_found_wherever_the_kind_says() {
    let stage = Stage::new(
        r#"
[api]
auth = [
    { by = "header", header = ["X-Api-Key", "Api-Key"] },
    { by = "header", scheme = "AccessKey|App" },
    { by = "header", header = "X-Key", user_source = "header.X-User" },
    "query", "json", "basic", "path",
    { by = "form", password_source = "form.client_secret", user_source = "form.client_id" },
]
user = "user"
password = "token"
[[decoy]]
match = { path = "/**" }
status = 200
body = '{"user":"{{ auth.user }}"}'
"#,
    );
    let (user, token) = (
        stage.field("user").to_owned(),
        stage.field("token").to_owned(),
    );
    let get = |headers: &[(&str, &str)]| request("GET", "/", headers, "");
    let word = format!("App {token}");
    let basic = format!(
        "Basic {}",
        BASE64.encode(format!("{user}:{token}").as_bytes())
    );
    let post = |kind: (&str, &str), body: &str| request("POST", "/", &[kind], body);
    let multipart = format!(
        "--b\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\n{user}\r\n--b\r\n\
         Content-Disposition: form-data; name=\"token\"\r\n\r\n{token}\r\n--b--\r\n"
    );
    let right = [
        get(&[("x-api-key", &token)]),
        get(&[("Api-Key", &token)]),
        get(&[("Authorization", &word)]),
        get(&[("X-User", &user), ("X-Key", &token)]),
        get(&[("Authorization", &basic)]),
        request("GET", &format!("/?user={user}&token={token}"), &[], ""),
        request("GET", &format!("/hook{token}/send"), &[], ""),
        post(JSON, &format!(r#"{{"user":"{user}","token":"{token}"}}"#)),
        post(FORM, &format!("client_id={user}&client_secret={token}")),
        post(
            ("Content-Type", "multipart/form-data; boundary=b"),
            &multipart,
        ),
    ];
    for request in &right {
        stage.expect(request, DecoyOutcome::Accepted, 200);
    }
    let wrong = [
        get(&[("Authorization", &format!("Other {token}"))]),
        get(&[("X-User", &user), ("X-Key", "wrong")]),
        post(FORM, &format!("client_id={user}&client_secret=wrong")),
        request("GET", &format!("/?user={user}&token=wrong"), &[], ""),
    ];
    for request in &wrong {
        stage.expect(request, DecoyOutcome::Refused, 401);
    }
}

#[test]
fn packed_bodies_are_read() {
    let stage = Stage::new(
        r#"
[api]
auth = "json"
password = "token"
[[decoy]]
match = { path = "/", json = { to = "*" } }
capture = { "sms.to" = "json.to" }
status = 200
"#,
    );
    let body = format!(
        r#"{{"to":"+12025550142","token":"{}"}}"#,
        stage.field("token")
    );
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(body.as_bytes()).expect("to memory");
    let packed = packed.finish().expect("to memory");
    let headers = [JSON, ("Content-Encoding", "gzip")];
    let request = on("trap.example.org", "POST", "/", &headers, &packed);
    let answer = stage.expect(&request, DecoyOutcome::Accepted, 200);
    assert_eq!(answer.captured["sms.to"], ["+12025550142"]);
    let token = stage.field("token").as_bytes();
    let candidates = request.candidates();
    assert!(
        candidates
            .iter()
            .any(|candidate| *candidate.value == *token)
    );
}

/// A web token signed apart from the crate's own code.
fn web_token(secret: &str, claims: &str) -> String {
    let part = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
    let signed = format!(
        "{}.{}",
        part(r#"{"alg":"HS256","typ":"JWT"}"#),
        part(claims)
    );
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
    mac.update(signed.as_bytes());
    format!(
        "{signed}.{}",
        BASE64URL_NOPAD.encode(&mac.finalize().into_bytes())
    )
}

#[test]
fn web_tokens_are_really_verified() {
    let mut stage = Stage::new(
        r#"
[api]
auth = { by = "jwt", password_source = "form.assertion" }
user = "user"
password = "token"
[[decoy]]
match = { path = "/" }
capture = { "token.subject" = "auth.claims.sub" }
status = 200
body = '{"sub":"{{ auth.claims.sub }}"}'
"#,
    );
    let claims = r#"{"iss":"us0a1b2c3d4e5f","sub":"a\"b","exp":1780318800}"#;
    let ask = |secret: &str| {
        let bearer = format!("Bearer {}", web_token(secret, claims));
        request("GET", "/", &[("Authorization", &bearer)], "")
    };
    let ours = ask(stage.field("token"));
    let answer = stage.expect(&ours, DecoyOutcome::Accepted, 200);
    assert_eq!(json(&answer)["sub"], "a\"b");
    assert_eq!(answer.captured["token.subject"], ["a\"b"]);
    let found = ours.candidates();
    let user = stage.field("user").as_bytes();
    assert!(found.iter().any(|candidate| *candidate.value == *user));
    let form = format!("assertion={}", web_token(stage.field("token"), claims));
    stage.expect(
        &request("POST", "/", &[FORM], &form),
        DecoyOutcome::Accepted,
        200,
    );
    stage.expect(&ask("other"), DecoyOutcome::BadSignature, 403);
    let none = format!(
        "Bearer {}.{}.",
        BASE64URL_NOPAD.encode(br#"{"alg":"none"}"#),
        BASE64URL_NOPAD.encode(claims.as_bytes())
    );
    let none = request("GET", "/", &[("Authorization", &none)], "");
    stage.expect(&none, DecoyOutcome::BadSignature, 403);
    stage.expect(&request("GET", "/", &[], ""), DecoyOutcome::Refused, 401);
    stage.now = stage.now.plus_seconds(86_400);
    stage.expect(&ours, DecoyOutcome::BadSignature, 403);
    stage.now = stage.now.plus_seconds(-86_400);
    stage.canary.retired = Some(stage.now);
    stage.expect(&ours, DecoyOutcome::Revoked, 401);
    stage.found = false;
    stage.expect(&ours, DecoyOutcome::Unknown, 401);
}
