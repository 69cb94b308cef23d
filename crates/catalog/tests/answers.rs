//! Decoy answers, one test an outcome, as a client of the vendor would see them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use lapwing_catalog::{Address, Answer, Asked, Catalog, Matched, MintOrder, Request};
use lapwing_core::{Canary, CanaryId, DecoyOutcome, Timestamp};
use sha2::{Digest, Sha256};

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| Catalog::builtin().expect("compiles"));

struct Stage {
    catalog: &'static Catalog,
    canary: Canary,
    now: Timestamp,
}

impl Stage {
    fn new(kind: &str) -> Self {
        let catalog = &*CATALOG;
        let now = Timestamp::parse("2026-06-01T12:00:00Z").expect("RFC 3339");
        let address = Address::parse("https://trap.example.org").expect("parses");
        let mut rng = rand::rng();
        let mut order = MintOrder {
            rng: &mut rng,
            address: Some(&address),
            mail_domain: None,
            set: &BTreeMap::new(),
            now,
            scene: lapwing_catalog::Scene::default(),
        };
        let fields = catalog
            .require(kind)
            .expect("known")
            .mint(&mut order)
            .expect("mints");
        let canary = Canary {
            id: CanaryId::fresh(),
            kind: kind.to_owned(),
            memo: String::new(),
            labels: BTreeMap::new(),
            fields,
            minted: now,
            retired: None,
        };
        Self {
            catalog,
            canary,
            now,
        }
    }

    fn field(&self, name: &str) -> &str {
        &self.canary.fields[name]
    }

    /// As the station does: look every candidate up, then ask for an answer.
    fn ask(&self, request: &Request) -> Option<Answer> {
        self.ask_bound(request, std::slice::from_ref(&self.canary.kind))
    }

    fn ask_bound(&self, request: &Request, kinds: &[String]) -> Option<Answer> {
        let kind = self.catalog.require(&self.canary.kind).expect("known");
        let handles = kind.handles(&self.canary.fields);
        let matched: Vec<Matched<'_>> = request
            .candidates()
            .iter()
            .filter_map(|candidate| {
                let (field, _) = handles
                    .iter()
                    .find(|(_, value)| value.as_bytes() == &*candidate.value)?;
                Some(Matched {
                    canary: &self.canary,
                    field: (*field).to_owned(),
                    carrier: candidate.carrier,
                })
            })
            .collect();
        self.catalog.answer(&Asked {
            request,
            kinds,
            matched: &matched,
            now: self.now,
            seed: &[9; 32],
        })
    }

    fn expect(&self, request: &Request, outcome: DecoyOutcome, status: u16) -> Answer {
        let answer = self.ask(request).expect("an API answers everything");
        assert_eq!(
            (answer.outcome, answer.status),
            (outcome, status),
            "{} {}\n{}",
            request.method,
            request.target,
            body(&answer)
        );
        answer
    }
}

fn request(method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Request {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
        .collect();
    Request::new(
        method.to_owned(),
        target.to_owned(),
        "trap.example.org".to_owned(),
        headers,
        body.as_bytes().to_vec(),
    )
}

fn basic(user: &str, password: &str) -> String {
    format!(
        "Basic {}",
        BASE64.encode(format!("{user}:{password}").as_bytes())
    )
}

fn body(answer: &Answer) -> String {
    String::from_utf8(answer.body.clone()).expect("UTF-8")
}

fn json(answer: &Answer) -> serde_json::Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{error}: {}", body(answer)))
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer
        .headers
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map_or("", |(_, value)| value)
}

#[test]
fn twilio_queues_a_message_and_tells_whom_it_was_for() {
    let stage = Stage::new("twilio");
    let (sid, token) = (stage.field("account_sid"), stage.field("auth_token"));
    let auth = basic(sid, token);
    let path = format!("/2010-04-01/Accounts/{sid}/Messages.json");
    let post = |form: &str| request("POST", &path, &[("Authorization", &auth), FORM], form);
    let answer = stage.expect(
        &post("To=%2B12025550142&From=ACME&Body=Say+%22hi%22%0A%3Cb%3E&StatusCallback=http%3A%2F%2F192.0.2.1%2Fx"),
        DecoyOutcome::Accepted,
        201,
    );
    let message = json(&answer);
    assert_eq!(message["to"], "+12025550142");
    assert_eq!(message["body"], "Say \"hi\"\n<b>");
    assert_eq!(message["account_sid"], *sid);
    assert_eq!(message["status"], "queued");
    assert!(
        message["sid"]
            .as_str()
            .is_some_and(|sid| sid.len() == 34 && sid.starts_with("SM"))
    );
    assert_eq!(message["messaging_service_sid"], serde_json::Value::Null);
    assert_eq!(answer.captured["sms.to"], ["+12025550142"]);
    assert_eq!(answer.captured["sms.from"], ["ACME"]);
    assert_eq!(answer.captured["sms.body"], ["Say \"hi\"\n<b>"]);
    assert_eq!(answer.captured["sms.callback"], ["http://192.0.2.1/x"]);
    assert!(
        !body(&answer).contains(": "),
        "compact JSON: {}",
        body(&answer)
    );
    assert!(header(&answer, "Twilio-Request-Id").starts_with("RQ"));
    for (form, code) in [
        ("From=a&Body=b", 21604),
        ("To=%2B1&Body=b", 21603),
        ("To=%2B1&From=a", 21602),
    ] {
        assert_eq!(
            json(&stage.expect(&post(form), DecoyOutcome::Accepted, 400))["code"],
            code,
            "{form}"
        );
    }
}

#[test]
fn twilio_shows_the_account_under_its_own_name_only() {
    let stage = Stage::new("twilio");
    let (sid, token) = (stage.field("account_sid"), stage.field("auth_token"));
    let auth = basic(sid, token);
    let get = |path: &str| request("GET", path, &[("Authorization", &auth)], "");
    let accounts = json(&stage.expect(
        &get("/2010-04-01/Accounts.json"),
        DecoyOutcome::Accepted,
        200,
    ));
    assert_eq!(accounts["accounts"][0]["sid"], *sid);
    let account = json(&stage.expect(
        &get(&format!("/2010-04-01/Accounts/{sid}.json")),
        DecoyOutcome::Accepted,
        200,
    ));
    assert_eq!(
        account, accounts["accounts"][0],
        "the same wherever it is shown"
    );
    for list in [
        "Messages",
        "IncomingPhoneNumbers",
        "OutgoingCallerIds",
        "Balance",
    ] {
        json(&stage.expect(
            &get(&format!("/2010-04-01/Accounts/{sid}/{list}.json")),
            DecoyOutcome::Accepted,
            200,
        ));
    }
    let other = format!("/2010-04-01/Accounts/AC{}.json", "0".repeat(32));
    assert_eq!(
        json(&stage.expect(&get(&other), DecoyOutcome::Accepted, 404))["code"],
        20404
    );
}

#[test]
fn twilio_refuses_what_is_not_ours_as_the_vendor_does() {
    let mut stage = Stage::new("twilio");
    let (sid, token) = (
        stage.field("account_sid").to_owned(),
        stage.field("auth_token").to_owned(),
    );
    let path = format!("/2010-04-01/Accounts/{sid}/Messages.json");
    let with = |auth: &str| {
        request(
            "POST",
            &path,
            &[("Authorization", auth), FORM],
            "To=%2B1&Body=b&From=c",
        )
    };
    let refused = stage.expect(&with(&basic(&sid, "wrong")), DecoyOutcome::Refused, 401);
    assert_eq!(
        refused.captured["sms.to"],
        ["+1"],
        "what was tried counts, whatever was answered"
    );
    assert_eq!(
        body(&refused),
        r#"{"code":20003,"message":"Authenticate","more_info":"https://www.twilio.com/docs/errors/20003","status":401}"#
    );
    assert_eq!(
        header(&refused, "WWW-Authenticate"),
        r#"Basic realm="Twilio API""#
    );
    let stranger = request(
        "GET",
        "/2010-04-01/Accounts.json",
        &[("Authorization", &basic("AC1", "x"))],
        "",
    );
    let unknown = stage.expect(&stranger, DecoyOutcome::Unknown, 401);
    assert_eq!(
        json(&unknown)["message"],
        "Authentication Error - invalid username"
    );
    stage.canary.retired = Some(stage.now);
    let revoked = stage.expect(&with(&basic(&sid, &token)), DecoyOutcome::Revoked, 401);
    assert_eq!(revoked.body, refused.body);
}

#[test]
fn jasmin_sends_by_get_and_post() {
    let stage = Stage::new("jasmin-http");
    let login = format!(
        "username={}&password={}",
        stage.field("username"),
        stage.field("password")
    );
    let rest = "&to=06222172&content=hello+you&from=ACME&dlr-url=http://192.0.2.1/";
    for request in [
        request("GET", &format!("/send?{login}{rest}"), &[], ""),
        request("POST", "/send", &[FORM], &format!("{login}{rest}")),
    ] {
        let answer = stage.expect(&request, DecoyOutcome::Accepted, 200);
        assert!(
            body(&answer).starts_with("Success \"") && answer.body.len() == 46,
            "{}",
            body(&answer)
        );
        assert_eq!(answer.captured["sms.body"], ["hello you"]);
        assert_eq!(answer.captured["sms.callback"], ["http://192.0.2.1/"]);
    }
    let balance = json(&stage.expect(
        &request("GET", &format!("/balance?{login}"), &[], ""),
        DecoyOutcome::Accepted,
        200,
    ));
    assert_eq!(balance["sms_count"], "ND");
    assert!(balance["balance"].is_f64());
    let rate = json(&stage.expect(
        &request("GET", &format!("/rate?{login}&to=1"), &[], ""),
        DecoyOutcome::Accepted,
        200,
    ));
    assert_eq!(rate["submit_sm_count"], 1);
    let ping = stage.expect(
        &request("GET", "/ping", &[], ""),
        DecoyOutcome::Unknown,
        200,
    );
    assert_eq!(body(&ping), "Jasmin/PONG");
    let wrong = stage.expect(
        &request(
            "GET",
            &format!(
                "/send?username={}&password=x&to=1&content=a",
                stage.field("username")
            ),
            &[],
            "",
        ),
        DecoyOutcome::Refused,
        403,
    );
    assert_eq!(
        body(&wrong),
        format!(
            "Error \"Authentication failure for username:{}\"",
            stage.field("username")
        )
    );
    stage.expect(
        &request(
            "GET",
            "/send?username=admin&password=x&to=1&content=a",
            &[],
            "",
        ),
        DecoyOutcome::Unknown,
        403,
    );
    stage.expect(
        &request("GET", "/metricsx", &[], ""),
        DecoyOutcome::Unknown,
        404,
    );
}

#[test]
fn github_knows_its_token_in_every_scheme() {
    let stage = Stage::new("github-pat");
    let token = stage.field("token");
    for auth in [
        format!("token {token}"),
        format!("Bearer {token}"),
        basic("x-access-token", token),
        basic(token, "x-oauth-basic"),
    ] {
        let answer = stage.expect(
            &request(
                "GET",
                "/api/v3/user",
                &[("Authorization", &auth), ("Host", "trap.example.org")],
                "",
            ),
            DecoyOutcome::Accepted,
            200,
        );
        let user = json(&answer);
        assert_eq!(user["login"], *stage.field("login"));
        assert_eq!(user["id"].to_string(), *stage.field("user_id"));
        assert!(body(&answer).contains(r#""login":""#));
        assert_eq!(header(&answer, "X-OAuth-Scopes"), "repo, workflow");
    }
    let auth = format!("Bearer {token}");
    let get = |path: &str| request("GET", path, &[("Authorization", &auth)], "");
    for path in [
        "/user",
        "/user/repos",
        "/api/v3/user/repos",
        "/api/v3/rate_limit",
        "/api/v3/user/orgs",
    ] {
        json(&stage.expect(&get(path), DecoyOutcome::Accepted, 200));
    }
    assert_eq!(
        json(&stage.expect(&get("/api/v3/nothing"), DecoyOutcome::Accepted, 404))["message"],
        "Not Found"
    );
    let unknown = stage.expect(
        &request(
            "GET",
            "/api/v3/user",
            &[("Authorization", "token ghp_x")],
            "",
        ),
        DecoyOutcome::Unknown,
        401,
    );
    assert_eq!(json(&unknown)["message"], "Bad credentials");
    assert_eq!(header(&unknown, "X-RateLimit-Limit"), "");
    let git = stage.expect(
        &request("GET", "/a/b.git/info/refs?service=git-upload-pack", &[], ""),
        DecoyOutcome::Unknown,
        401,
    );
    assert!(header(&git, "WWW-Authenticate").starts_with("Basic"));
}

#[test]
fn openai_lists_models_chats_and_has_no_quota_for_more() {
    let stage = Stage::new("openai");
    let auth = format!("Bearer {}", stage.field("api_key"));
    for path in ["/v1/models", "/models"] {
        let models = json(&stage.expect(
            &request("GET", path, &[("Authorization", &auth)], ""),
            DecoyOutcome::Accepted,
            200,
        ));
        assert_eq!(models["object"], "list");
    }
    json(&stage.expect(
        &request("GET", "/v1/me", &[("Authorization", &auth)], ""),
        DecoyOutcome::Accepted,
        200,
    ));
    let asked = r#"{"model":"gpt-4o","messages":[{"role":"user","content":"x"}]}"#;
    let answer = stage.expect(
        &request(
            "POST",
            "/v1/chat/completions",
            &[
                ("Authorization", &auth),
                ("Content-Type", "application/json"),
            ],
            asked,
        ),
        DecoyOutcome::Accepted,
        200,
    );
    assert_eq!(json(&answer)["choices"][0]["finish_reason"], "stop");
    assert_eq!(answer.captured["llm.model"], ["gpt-4o"]);
    let spent = stage.expect(
        &request(
            "POST",
            "/v1/embeddings",
            &[
                ("Authorization", &auth),
                ("Content-Type", "application/json"),
            ],
            asked,
        ),
        DecoyOutcome::Accepted,
        429,
    );
    assert_eq!(json(&spent)["error"]["code"], "insufficient_quota");
    let wrong = stage.expect(
        &request(
            "GET",
            "/v1/models",
            &[("Authorization", "Bearer sk-proj-abcdefgh\"wxyz")],
            "",
        ),
        DecoyOutcome::Unknown,
        401,
    );
    assert!(
        json(&wrong)["error"]["message"]
            .as_str()
            .is_some_and(|text| text.contains("sk-proj-****")),
        "{}",
        body(&wrong)
    );
    let none = stage.expect(
        &request("GET", "/v1/models", &[], ""),
        DecoyOutcome::Unknown,
        401,
    );
    assert_eq!(json(&none)["error"]["code"], serde_json::Value::Null);
}

#[test]
fn a_refusal_tells_a_key_in_the_header_from_a_bearer() {
    let stage = Stage::new("anthropic");
    for (shown, told) in [
        (("x-api-key", "sk-ant-api03-x"), "API key is invalid."),
        (("Authorization", "bearer x"), "Invalid bearer token"),
    ] {
        let asked = request("GET", "/v1/models", &[shown], "");
        let unknown = stage.expect(&asked, DecoyOutcome::Unknown, 401);
        assert_eq!(json(&unknown)["error"]["message"], told);
    }
}

#[test]
fn elastic_names_the_key_it_did_not_find() {
    let stage = Stage::new("elastic");
    let shown = |key: &str| {
        let auth = format!("ApiKey {key}");
        let asked = request("GET", "/", &[("Authorization", &auth)], "");
        json(&stage.expect(&asked, DecoyOutcome::Unknown, 401))
    };
    let told = "additional_unsuccessful_credentials";
    let named = shown(&BASE64.encode(b"a\"b:secret"));
    let found = "API key: unable to find apikey with id a\"b";
    assert_eq!(named["error"][told], found);
    assert_eq!(named["error"]["root_cause"][0][told], found);
    for odd in ["%%%", "/w==", ""] {
        assert_eq!(shown(odd)["error"][told], serde_json::Value::Null, "{odd}");
    }
}

/// Signs as a client of AWS does, written from the documentation and apart from the crate's own code.
struct Signer<'a> {
    id: &'a str,
    secret: &'a str,
    service: &'a str,
    amz_date: &'a str,
}

fn hmac(key: &[u8], message: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn sha(text: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(text.as_bytes()))
}

impl Signer<'_> {
    /// `path` and `query` in canonical form already.
    fn signature(
        &self,
        method: &str,
        path: &str,
        query: &str,
        headers: &[(&str, &str)],
        payload: &str,
    ) -> String {
        let mut canonical = format!("{method}\n{path}\n{query}\n");
        for (name, value) in headers {
            let _ = writeln!(canonical, "{name}:{value}");
        }
        let _ = write!(canonical, "\n{}\n{payload}", Self::names(headers));
        let date = &self.amz_date[..8];
        let scope = format!("{date}/us-east-1/{}/aws4_request", self.service);
        let text = format!(
            "AWS4-HMAC-SHA256\n{}\n{scope}\n{}",
            self.amz_date,
            sha(&canonical)
        );
        let key = [date, "us-east-1", self.service, "aws4_request"]
            .iter()
            .fold(format!("AWS4{}", self.secret).into_bytes(), |key, part| {
                hmac(&key, part)
            });
        HEXLOWER.encode(&hmac(&key, &text))
    }

    fn names(headers: &[(&str, &str)]) -> String {
        headers
            .iter()
            .map(|(name, _)| *name)
            .collect::<Vec<_>>()
            .join(";")
    }

    fn request(
        &self,
        method: &str,
        path: &str,
        payload: &str,
        body: &str,
        more: &[(&str, &str)],
    ) -> Request {
        let mut headers = vec![
            ("host", "trap.example.org"),
            ("x-amz-content-sha256", payload),
            ("x-amz-date", self.amz_date),
        ];
        headers.extend(more);
        headers.sort_unstable();
        let signature = self.signature(method, path, "", &headers, payload);
        let scope = format!(
            "{}/{}/us-east-1/{}/aws4_request",
            self.id,
            &self.amz_date[..8],
            self.service
        );
        let names = Self::names(&headers);
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={names}, Signature={signature}"
        );
        headers.push(("Authorization", &authorization));
        if body.contains("Action=") {
            headers.push(FORM);
        }
        request(method, path, &headers, body)
    }
}

const IDENTITY: &str = "Action=GetCallerIdentity&Version=2011-06-15";

#[test]
fn aws_tells_a_signer_who_it_is() {
    let stage = Stage::new("aws-access-key");
    let signer = Signer {
        id: stage.field("access_key_id"),
        secret: stage.field("secret_access_key"),
        service: "sts",
        amz_date: "20260601T120000Z",
    };
    let answer = stage.expect(
        &signer.request("POST", "/", &sha(IDENTITY), IDENTITY, &[]),
        DecoyOutcome::Accepted,
        200,
    );
    let text = body(&answer);
    let account = stage.field("account");
    assert!(
        text.contains(&format!("<Account>{account}</Account>"))
            && text.contains(&format!("<Arn>arn:aws:iam::{account}:user/")),
        "{text}"
    );
    assert_eq!(answer.captured["aws.action"], ["GetCallerIdentity"]);
    assert_eq!(header(&answer, "Content-Type"), "text/xml");
}

#[test]
fn aws_really_verifies() {
    let mut stage = Stage::new("aws-access-key");
    let (id, secret) = (
        stage.field("access_key_id").to_owned(),
        stage.field("secret_access_key").to_owned(),
    );
    let at = |secret, amz_date| Signer {
        id: &id,
        secret,
        service: "sts",
        amz_date,
    };
    let ask = |signer: Signer<'_>| signer.request("POST", "/", &sha(IDENTITY), IDENTITY, &[]);
    let wrong = stage.expect(
        &ask(at("x", "20260601T120000Z")),
        DecoyOutcome::BadSignature,
        403,
    );
    assert!(body(&wrong).contains("<Code>SignatureDoesNotMatch</Code>"));
    let late = stage.expect(
        &ask(at(&secret, "20260601T114000Z")),
        DecoyOutcome::BadSignature,
        403,
    );
    assert!(
        body(&late).contains("Signature expired: 20260601T114000Z"),
        "{}",
        body(&late)
    );
    let mut changed = ask(at(&secret, "20260601T120000Z"));
    changed.body.extend_from_slice(b"&X=1");
    stage.expect(&changed, DecoyOutcome::BadSignature, 403);
    let stranger = Signer {
        id: "AKIAOTHER",
        secret: &secret,
        service: "sts",
        amz_date: "20260601T120000Z",
    };
    let unknown = stage.expect(&ask(stranger), DecoyOutcome::Unknown, 403);
    assert!(body(&unknown).contains("<Code>InvalidClientTokenId</Code>"));
    let retired = ask(at(&secret, "20260601T120000Z"));
    stage.canary.retired = Some(stage.now);
    let revoked = stage.expect(&retired, DecoyOutcome::Revoked, 403);
    assert!(body(&revoked).contains("<Code>InvalidClientTokenId</Code>"));
}

#[test]
fn aws_refuses_session_tokens_it_never_gave_out() {
    let stage = Stage::new("aws-access-key");
    let at = |service| Signer {
        id: stage.field("access_key_id"),
        secret: stage.field("secret_access_key"),
        service,
        amz_date: "20260601T120000Z",
    };
    let token = [("x-amz-security-token", "invented<>")];
    let identity = at("sts").request("POST", "/", &sha(IDENTITY), IDENTITY, &token);
    let refused = stage.expect(&identity, DecoyOutcome::BadSignature, 403);
    assert!(body(&refused).contains("<Code>InvalidClientTokenId</Code>"));
    let buckets = at("s3").request("GET", "/", "UNSIGNED-PAYLOAD", "", &token);
    let refused = stage.expect(&buckets, DecoyOutcome::BadSignature, 400);
    assert!(body(&refused).contains("<Code>InvalidToken</Code>"));
    assert!(body(&refused).contains("<Token-0>invented&lt;&gt;</Token-0>"));
}

#[test]
fn s3_takes_the_older_signature_too() {
    let stage = Stage::new("aws-access-key");
    let ask = |secret: &str| {
        let date = "Mon, 01 Jun 2026 12:00:00 +0000";
        let key =
            ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
        let signature = ring::hmac::sign(&key, format!("GET\n\n\n{date}\n/").as_bytes());
        let signature = BASE64.encode(signature.as_ref());
        let authorization = format!("AWS {}:{signature}", stage.field("access_key_id"));
        request(
            "GET",
            "/",
            &[("Date", date), ("Authorization", &authorization)],
            "",
        )
    };
    let secret = stage.field("secret_access_key");
    let buckets = stage.expect(&ask(secret), DecoyOutcome::Accepted, 200);
    assert!(body(&buckets).contains("<ListAllMyBucketsResult"));
    assert_eq!(buckets.captured["aws.action"], ["ListAllMyBuckets"]);
    let wrong = stage.expect(&ask("other"), DecoyOutcome::BadSignature, 403);
    assert!(body(&wrong).contains("<Code>SignatureDoesNotMatch</Code>"));
}

#[test]
fn twilio_finds_what_was_queued_and_created() {
    let mut stage = Stage::new("twilio");
    let (sid, token) = (
        stage.field("account_sid").to_owned(),
        stage.field("auth_token").to_owned(),
    );
    let auth = basic(&sid, &token);
    let messages = format!("/2010-04-01/Accounts/{sid}/Messages.json");
    let ask = |stage: &Stage, method: &str, path: &str, form: &str, status| {
        let asked = request(method, path, &[("Authorization", &auth), FORM], form);
        stage.expect(&asked, DecoyOutcome::Accepted, status)
    };
    let text = "To=%2B12025550142&From=ACME&Body=hello";
    let made = json(&ask(&stage, "POST", &messages, text, 201));
    assert_eq!(made["num_segments"], "1");
    let one = made["uri"].as_str().expect("a path").to_owned();
    let now = json(&ask(&stage, "GET", &one, "", 200));
    assert_eq!(
        (&now["status"], &now["sid"]),
        (&"queued".into(), &made["sid"])
    );
    stage.now = stage.now.plus_seconds(60);
    let later = json(&ask(&stage, "GET", &one, "", 200));
    assert_eq!(later["status"], "undelivered");
    assert_eq!(later["error_code"], 30008);
    assert_eq!(later["date_created"], made["date_created"]);
    let list = json(&ask(&stage, "GET", &messages, "", 200));
    assert_eq!(list["messages"][0], later);
    ask(&stage, "DELETE", &one, "", 204);
    ask(&stage, "GET", &one, "", 404);
    let list = json(&ask(&stage, "GET", &messages, "", 200));
    assert_eq!(list["messages"], serde_json::json!([]));

    let accounts = "/2010-04-01/Accounts.json";
    let sub = json(&ask(&stage, "POST", accounts, "FriendlyName=Bulk", 201));
    assert_eq!(
        (&sub["friendly_name"], &sub["status"]),
        (&"Bulk".into(), &"active".into())
    );
    assert_eq!(sub["owner_account_sid"], *sid);
    let path = sub["uri"].as_str().expect("a path");
    assert_eq!(json(&ask(&stage, "GET", path, "", 200)), sub);
    let list = json(&ask(&stage, "GET", accounts, "", 200));
    assert_eq!(list["accounts"][0], sub);
    assert_eq!(list["accounts"][1]["sid"], *sid);
    let closed = json(&ask(&stage, "POST", path, "Status=closed", 200));
    assert_eq!(closed["status"], "closed");
}

#[test]
fn jasmin_takes_logins_in_every_form_it_reads() {
    let stage = Stage::new("jasmin-http");
    let (user, password) = (stage.field("username"), stage.field("password"));
    let multipart = format!(
        "--b\r\nContent-Disposition: form-data; name=\"username\"\r\n\r\n{user}\r\n--b\r\n\
         Content-Disposition: form-data; name=\"password\"\r\n\r\n{password}\r\n--b\r\n\
         Content-Disposition: form-data; name=\"to\"\r\n\r\n12025550142\r\n--b\r\n\
         Content-Disposition: form-data; name=\"content\"\r\n\r\nhi\r\n--b--\r\n"
    );
    let kind = ("Content-Type", "multipart/form-data; boundary=b");
    let sent = stage.expect(
        &request("POST", "/send", &[kind], &multipart),
        DecoyOutcome::Accepted,
        200,
    );
    assert!(body(&sent).starts_with("Success \""));
    assert_eq!(sent.captured["sms.to"], ["12025550142"]);
    let rest = |auth: &str| {
        let headers = [
            ("Authorization", auth),
            ("Content-Type", "application/json"),
        ];
        let text = r#"{"to":"12025550142","from":"ACME","content":"hi"}"#;
        request("POST", "/secure/send", &headers, text)
    };
    let sent = stage.expect(&rest(&basic(user, password)), DecoyOutcome::Accepted, 200);
    assert!(
        json(&sent)["data"]
            .as_str()
            .is_some_and(|said| said.starts_with("Success"))
    );
    assert_eq!(sent.captured["sms.from"], ["ACME"]);
    stage.expect(&rest(&basic(user, "wrong")), DecoyOutcome::Refused, 403);
    // The older API does not look for a login there, but it was one of ours.
    let auth = basic(user, password);
    let balance = request("GET", "/balance", &[("Authorization", &auth)], "");
    stage.expect(&balance, DecoyOutcome::Refused, 400);
}

#[test]
fn aws_denies_each_service_in_its_own_words() {
    let stage = Stage::new("aws-access-key");
    let at = |service| Signer {
        id: stage.field("access_key_id"),
        secret: stage.field("secret_access_key"),
        service,
        amz_date: "20260601T120000Z",
    };
    let buckets = stage.expect(
        &at("s3").request("GET", "/", "UNSIGNED-PAYLOAD", "", &[]),
        DecoyOutcome::Accepted,
        200,
    );
    assert!(body(&buckets).contains("<ListAllMyBucketsResult"));
    let denied = stage.expect(
        &at("s3").request("GET", "/a-bucket/key%20one", "UNSIGNED-PAYLOAD", "", &[]),
        DecoyOutcome::Accepted,
        403,
    );
    assert!(
        body(&denied).contains("<Code>AccessDenied</Code>")
            && body(&denied).contains("s3:GetObject"),
        "{}",
        body(&denied)
    );
    let users = "Action=ListUsers&Version=2010-05-08";
    let denied = stage.expect(
        &at("iam").request("POST", "/", &sha(users), users, &[]),
        DecoyOutcome::Accepted,
        403,
    );
    assert!(
        body(&denied).contains("not authorized to perform: iam:ListUsers"),
        "{}",
        body(&denied)
    );
    let tables = at("dynamodb").request(
        "POST",
        "/",
        &sha("{}"),
        "{}",
        &[("x-amz-target", "DynamoDB_20120810.ListTables")],
    );
    let denied = json(&stage.expect(&tables, DecoyOutcome::Accepted, 400));
    assert!(
        denied["Message"]
            .as_str()
            .is_some_and(|text| text.contains("dynamodb:ListTables")),
        "{denied}"
    );
    let text = "Action=Publish&PhoneNumber=%2B12025550142&Message=hi";
    let publish = stage.expect(
        &at("sns").request("POST", "/", &sha(text), text, &[]),
        DecoyOutcome::Accepted,
        200,
    );
    assert_eq!(publish.captured["sms.to"], ["+12025550142"]);
    let list = stage.expect(
        &at("lambda").request("GET", "/2015-03-31/functions/", &sha(""), "", &[]),
        DecoyOutcome::Accepted,
        403,
    );
    json(&list);
    stage.expect(&request("GET", "/", &[], ""), DecoyOutcome::Unknown, 403);
}

#[test]
fn s3_operations_are_named_by_their_parameter_and_ids_agree() {
    let stage = Stage::new("aws-access-key");
    let signer = Signer {
        id: stage.field("access_key_id"),
        secret: stage.field("secret_access_key"),
        service: "s3",
        amz_date: "20260601T120000Z",
    };
    for (method, parameter, action) in [
        ("POST", "delete", "s3:DeleteObject"),
        ("GET", "location", "s3:GetBucketLocation"),
        ("PUT", "policy", "s3:PutBucketPolicy"),
        ("GET", "prefix", "s3:ListBucket"),
    ] {
        let (payload, host) = ("UNSIGNED-PAYLOAD", "trap.example.org");
        let signed = [
            ("host", host),
            ("x-amz-content-sha256", payload),
            ("x-amz-date", signer.amz_date),
        ];
        let query = format!("{parameter}=");
        let signature = signer.signature(method, "/bucket", &query, &signed, payload);
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/20260601/us-east-1/s3/aws4_request, \
             SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature={signature}",
            signer.id
        );
        let mut headers = signed.to_vec();
        headers.push(("Authorization", &authorization));
        let target = format!("/bucket?{parameter}");
        let asked = request(method, &target, &headers, "");
        let answer = stage.expect(&asked, DecoyOutcome::Accepted, 403);
        let text = body(&answer);
        assert!(text.contains(action), "{text}");
        for (name, element) in [("x-amz-request-id", "RequestId"), ("x-amz-id-2", "HostId")] {
            let element = format!("<{element}>{}</{element}>", header(&answer, name));
            assert!(text.contains(&element), "{element} in {text}");
        }
    }
}

#[test]
fn aws_verifies_presigned_addresses() {
    let stage = Stage::new("aws-access-key");
    let signer = Signer {
        id: stage.field("access_key_id"),
        secret: stage.field("secret_access_key"),
        service: "s3",
        amz_date: "20260601T115900Z",
    };
    let query = format!(
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={}%2F20260601%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20260601T115900Z&X-Amz-Expires=600&X-Amz-SignedHeaders=host",
        signer.id
    );
    let signature = signer.signature(
        "GET",
        "/b/k",
        &query,
        &[("host", "trap.example.org")],
        "UNSIGNED-PAYLOAD",
    );
    let ask = |signature: &str| {
        request(
            "GET",
            &format!("/b/k?{query}&X-Amz-Signature={signature}"),
            &[("Host", "trap.example.org")],
            "",
        )
    };
    stage.expect(&ask(&signature), DecoyOutcome::Accepted, 403);
    let wrong = stage.expect(&ask(&"0".repeat(64)), DecoyOutcome::BadSignature, 403);
    assert!(body(&wrong).contains("SignatureDoesNotMatch"));
}

#[test]
fn beacons_answer_ours_and_others_alike() {
    for kind in ["url", "image", "redirect", "person", "api-client"] {
        for _ in 0..40 {
            let mut stage = Stage::new(kind);
            let url = stage.field("beacon.url").to_owned();
            let path = url
                .strip_prefix("https://trap.example.org")
                .expect("our address");
            let segment = stage.field("beacon.segment").to_owned();
            let ours = request("GET", path, &[], "");
            let theirs = request("GET", &path.replace(&segment, "something-else-1"), &[], "");
            let found = stage.ask(&ours).unwrap_or_else(|| panic!("{kind} {path}"));
            assert_eq!(found.outcome, DecoyOutcome::Accepted, "{kind} {path}");
            let other = stage.ask(&theirs).expect("the same rule");
            assert_eq!(other.outcome, DecoyOutcome::Unknown);
            let shown = |answer: &Answer| {
                (
                    answer.rule.clone(),
                    answer.status,
                    answer.headers.clone(),
                    answer.body.clone(),
                )
            };
            assert_eq!(shown(&found), shown(&other), "{kind} {path}");
            stage.canary.retired = Some(stage.now);
            assert_eq!(
                shown(&found),
                shown(&stage.ask(&ours).expect("the same rule"))
            );
        }
    }
}

#[test]
fn a_host_answers_only_as_what_is_bound_to_it() {
    let stage = Stage::new("twilio");
    let sid = stage.field("account_sid");
    let ours = request("GET", &format!("/2010-04-01/Accounts/{sid}.json"), &[], "");
    assert_eq!(stage.ask_bound(&ours, &[]), None);
    assert_eq!(stage.ask_bound(&ours, &["nothing".to_owned()]), None);
    let as_link = stage
        .ask_bound(&ours, &["url".to_owned()])
        .expect("answers any path");
    assert_eq!(as_link.kind, "url");
    assert_eq!(
        stage.ask_bound(&request("GET", "/", &[], ""), &["url".to_owned()]),
        None,
        "the front page is the persona's"
    );
    let both = stage
        .ask_bound(&ours, &["url".to_owned(), "twilio".to_owned()])
        .expect("answers");
    assert_eq!(both.kind, "twilio", "APIs come first");
}

#[test]
fn an_address_with_a_prefix_is_understood() {
    let mut stage = Stage::new("twilio");
    stage.canary.fields.insert(
        "beacon.url".to_owned(),
        "https://trap.example.org/relay/sms".to_owned(),
    );
    let (sid, token) = (stage.field("account_sid"), stage.field("auth_token"));
    let auth = basic(sid, token);
    let get = |path: String| request("GET", &path, &[("Authorization", &auth)], "");
    stage.expect(
        &get(format!("/relay/sms/2010-04-01/Accounts/{sid}.json")),
        DecoyOutcome::Accepted,
        200,
    );
    stage.expect(
        &get(format!("/other/sms/2010-04-01/Accounts/{sid}.json")),
        DecoyOutcome::Accepted,
        404,
    );
}

/// The headers of an answer whose values name the server: those that are the same when the same is asked again.
fn lasting(stage: &Stage, path: &str) -> BTreeMap<String, String> {
    let again: Vec<BTreeMap<_, _>> = (0..3)
        .filter_map(|_| stage.ask(&request("GET", path, &[], "")))
        .map(|answer| answer.headers.into_iter().collect())
        .collect();
    let mut first = again.first().cloned().unwrap_or_default();
    first.retain(|name, value| {
        again.iter().all(|one| one.get(name) == Some(value)) && !value.contains(path)
    });
    first
}

#[test]
fn a_server_is_the_same_on_every_path() {
    let mut others = Vec::new();
    for kind in CATALOG.kinds().filter(|kind| kind.is_api()) {
        let stage = Stage::new(&kind.id);
        let (one, other) = (lasting(&stage, "/qx/one"), lasting(&stage, "/qx/other"));
        for (name, value) in one {
            // Discord counts each path apart.
            if name != "x-ratelimit-bucket" && other.get(&name).is_some_and(|there| *there != value)
            {
                others.push(format!("{}: {name}: {value}", kind.id));
            }
        }
    }
    assert!(others.is_empty(), "{others:#?}");
}

#[test]
fn a_server_is_the_same_whoever_asks() {
    let stage = Stage::new("jenkins");
    let authorization = basic(stage.field("username"), stage.field("token"));
    let known = [("Authorization", authorization.as_str())];
    let inside = stage.expect(
        &request("GET", "/api/json", &known, ""),
        DecoyOutcome::Accepted,
        200,
    );
    let outside = stage
        .ask(&request("GET", "/whoAmI/api/json", &[], ""))
        .expect("an answer");
    for name in ["Server", "X-Jenkins", "X-Jenkins-Session"] {
        assert_eq!(header(&inside, name), header(&outside, name), "{name}");
    }
    let stage = Stage::new("sonarqube");
    let version = |path| {
        stage
            .ask(&request("GET", path, &[], ""))
            .expect("an answer")
    };
    let status = json(&version("/api/system/status"));
    assert_eq!(status["version"], body(&version("/api/server/version")));
}

#[test]
fn a_model_that_there_is_not_is_refused() {
    for (kind, path, status) in [
        ("mistral", "/v1/chat/completions", 400),
        ("groq", "/openai/v1/chat/completions", 404),
        ("deepseek", "/chat/completions", 400),
        ("openrouter", "/api/v1/chat/completions", 400),
    ] {
        let stage = Stage::new(kind);
        let bearer = format!("Bearer {}", stage.field("api_key"));
        let headers = [
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/json"),
        ];
        let models = match kind {
            "groq" => "/openai/v1/models",
            "deepseek" => "/models",
            "openrouter" => "/api/v1/models",
            _ => "/v1/models",
        };
        let listed = stage.expect(
            &request("GET", models, &headers, ""),
            DecoyOutcome::Accepted,
            200,
        );
        for model in json(&listed)["data"].as_array().expect("a list") {
            let Some(model) = model["id"].as_str().filter(|id| {
                !id.contains("whisper") && !id.contains("embed") && !id.contains("tts")
            }) else {
                continue;
            };
            let asked =
                format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"hi"}}]}}"#);
            stage.expect(
                &request("POST", path, &headers, &asked),
                DecoyOutcome::Accepted,
                200,
            );
        }
        let asked = r#"{"model":"nope","messages":[{"role":"user","content":"hi"}]}"#;
        let answer = stage
            .ask(&request("POST", path, &headers, asked))
            .expect("an answer");
        assert_eq!(answer.status, status, "{kind}");
    }
}

impl Stage {
    /// The JSON that a call is let in to; `shown` are headers, in which `{field}` stands for the canary's.
    fn let_in(&self, path: &str, shown: &[(&str, &str)]) -> serde_json::Value {
        let fill = |text: &str| {
            let fields = self.canary.fields.iter();
            fields.fold(text.to_owned(), |text, (name, value)| {
                text.replace(&format!("{{{name}}}"), value)
            })
        };
        let filled: Vec<(&str, String)> = { shown.iter() }
            .map(|(name, text)| match text.split_once("Basic ") {
                Some((_, login)) => (
                    *name,
                    format!("Basic {}", BASE64.encode(fill(login).as_bytes())),
                ),
                None => (*name, fill(text)),
            })
            .collect();
        let headers: Vec<(&str, &str)> = filled
            .iter()
            .map(|(name, text)| (*name, text.as_str()))
            .collect();
        json(&self.expect(
            &request("GET", path, &headers, ""),
            DecoyOutcome::Accepted,
            200,
        ))
    }
}

const BEARER: (&str, &str) = ("Authorization", "Bearer {token}");

/// What vendors' packages read of their first answers, whether they use it or not.
#[test]
fn first_answers_have_what_clients_read() {
    let basic = ("Authorization", "Basic {email}:{token}");
    for (kind, shown, path, read) in [
        (
            "discord-bot",
            ("Authorization", "Bot {token}"),
            "/api/v10/oauth2/applications/@me",
            "/owner/id",
        ),
        ("atlassian", basic, "/rest/api/2/field", "/0/clauseNames/0"),
        (
            "atlassian",
            basic,
            "/rest/api/3/search/jql?jql=x",
            "/issues",
        ),
        (
            "snyk",
            ("Authorization", "token {token}"),
            "/v1/orgs",
            "/orgs/0/id",
        ),
        (
            "pinecone",
            ("Api-Key", "{api_key}"),
            "/indexes",
            "/indexes/0/host",
        ),
        ("sonarqube", BEARER, "/api/issues/search", "/issues"),
        (
            "langsmith",
            ("X-Api-Key", "{api_key}"),
            "/api/v1/sessions?name=default",
            "/0/id",
        ),
    ] {
        let answer = Stage::new(kind).let_in(path, &[shown]);
        assert!(answer.pointer(read).is_some(), "{kind}: {answer}");
    }
}

#[test]
fn a_token_glued_to_its_scheme_is_found() {
    let stage = Stage::new("okta");
    let glued = format!("SSWS{}", stage.field("token"));
    let asked = request("GET", "/api/v1/users/me", &[("Authorization", &glued)], "");
    stage.expect(&asked, DecoyOutcome::Accepted, 200);
}

/// Clients ask on until a page is empty.
#[test]
fn lists_have_an_end() {
    let global = [("X-Auth-Email", "{email}"), ("X-Auth-Key", "{api_key}")];
    let basic = [("Authorization", "Basic api:{api_key}")];
    let (zones, domains) = ("/client/v4/zones?page=", "/v3/domains?skip=");
    for (kind, shown, path, [first, last], list) in [
        (
            "cloudflare-user",
            &[BEARER][..],
            zones,
            ["1", "2"],
            "/result",
        ),
        ("cloudflare-global", &global, zones, ["1", "2"], "/result"),
        ("mailgun-new", &basic, domains, ["0", "100"], "/items"),
        (
            "databricks",
            &[BEARER],
            "/api/2.0/workspace/list?path=/",
            ["", "Users"],
            "/objects",
        ),
    ] {
        let stage = Stage::new(kind);
        let count = |page: &str| {
            let answer = stage.let_in(&format!("{path}{page}"), shown);
            let list = answer.pointer(list).and_then(|list| list.as_array());
            list.map_or(0, Vec::len)
        };
        assert!(count(first) > 0 && count(last) == 0, "{kind}");
    }
}
