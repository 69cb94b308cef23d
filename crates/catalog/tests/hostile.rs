//! Hostile input: nothing panics, bounds hold, and what a peer sends stays a value in what is answered.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use lapwing_catalog::{Address, Asked, Catalog, Matched, MintOrder, Request};
use lapwing_core::{Canary, CanaryId, Carrier, Timestamp};
use proptest::prelude::*;

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| Catalog::builtin().expect("compiles"));

fn canary(kind: &str) -> Canary {
    let now = Timestamp::parse("2026-06-01").expect("a date");
    let address = Address::parse("https://*.example.org").expect("parses");
    let mut rng = rand::rng();
    let mut order = MintOrder {
        rng: &mut rng,
        address: Some(&address),
        mail_domain: Some("example.org"),
        set: &BTreeMap::new(),
        now,
        scene: lapwing_catalog::Scene::default(),
    };
    Canary {
        id: CanaryId::fresh(),
        kind: kind.to_owned(),
        memo: String::new(),
        labels: BTreeMap::new(),
        fields: CATALOG
            .require(kind)
            .expect("known")
            .mint(&mut order)
            .expect("mints"),
        minted: now,
        retired: None,
    }
}

fn bounded(request: &Request) {
    let found = request.candidates();
    assert!(found.len() <= 256);
    let mut seen = std::collections::BTreeSet::new();
    for candidate in &found {
        assert!((4..=1024).contains(&candidate.value.len()));
        assert!(
            seen.insert(candidate.value.to_vec()),
            "twice: {:?}",
            candidate.value
        );
    }
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..400),
        "[ -~]{0,400}".prop_map(String::into_bytes),
        "([a-zA-Z0-9%+/=&;:.{}\"\\[\\]-]{0,40}[&=/;, \n]){0,60}".prop_map(String::into_bytes),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn candidates_are_bounded_for_any_request(
        method in "[A-Z]{0,8}",
        target in bytes(),
        host in "[ -~]{0,80}",
        names in proptest::collection::vec(prop_oneof![Just("Authorization"), Just("Cookie"), Just("Content-Type"), Just("X-Any")], 0..6),
        values in proptest::collection::vec(bytes(), 6),
        body in bytes(),
    ) {
        let headers = names.into_iter().map(str::to_owned).zip(values).collect();
        let request = Request::new(method, String::from_utf8_lossy(&target).into_owned(), host, headers, body);
        bounded(&request);
        let _ = (request.path(), request.query(), request.basic(), request.form(), request.json());
        for kind in CATALOG.kinds() {
            let asked = Asked { request: &request, kinds: std::slice::from_ref(&kind.id), matched: &[], now: Timestamp::from_micros(0), seed: &[0; 32] };
            if let Some(answer) = CATALOG.answer(&asked) {
                prop_assert!(answer.body.len() <= 64 << 10);
                prop_assert!(answer.headers.iter().all(|(_, value)| !value.contains(['\r', '\n', '\0'])));
            }
        }
    }

    #[test]
    fn hostile_values_stay_values_in_json(text in any::<String>(), from in "\\PC{0,40}|[\"\\\\{}%\\x00-\\x1f]{0,20}") {
        let canary = canary("twilio");
        let (sid, token) = (&canary.fields["account_sid"], &canary.fields["auth_token"]);
        let auth = format!("Basic {}", data_encoding::BASE64.encode(format!("{sid}:{token}").as_bytes()));
        let form: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("To", "+1").append_pair("From", &format!("a{from}")).append_pair("Body", &format!("b{text}")).finish();
        let headers = vec![("Authorization".to_owned(), auth.into_bytes()), ("Content-Type".to_owned(), b"application/x-www-form-urlencoded".to_vec())];
        let request = Request::new("POST".to_owned(), format!("/2010-04-01/Accounts/{sid}/Messages.json"), String::new(), headers, form.into_bytes());
        let matched = [Matched { canary: &canary, field: "account_sid".to_owned(), carrier: Carrier::Basic }];
        let asked = Asked { request: &request, kinds: &["twilio".to_owned()], matched: &matched, now: Timestamp::from_micros(0), seed: &[0; 32] };
        let answer = CATALOG.answer(&asked).expect("an API");
        prop_assert_eq!(answer.status, 201);
        let message: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON whatever was sent");
        let body = format!("b{text}");
        prop_assert_eq!(message["body"].as_str(), Some(&body[..body.floor_char_boundary(2048)]));
        prop_assert_eq!(message["from"].as_str(), Some(&*format!("a{from}")));
    }

    #[test]
    fn hostile_values_stay_values_in_markup_and_headers(id in "[ -~]{1,60}", action in any::<String>()) {
        let form: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("Action", &action).append_pair("Version", &id).finish();
        let authorization = format!("AWS4-HMAC-SHA256 Credential={}/20260601/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00", id.replace(['/', ','], ""));
        let headers = vec![("Authorization".to_owned(), authorization.into_bytes()), ("Content-Type".to_owned(), b"application/x-www-form-urlencoded".to_vec())];
        let request = Request::new("POST".to_owned(), "/x".to_owned(), String::new(), headers, form.into_bytes());
        let asked = Asked { request: &request, kinds: &["aws-access-key".to_owned()], matched: &[], now: Timestamp::from_micros(0), seed: &[0; 32] };
        let answer = CATALOG.answer(&asked).expect("an API");
        let text = String::from_utf8(answer.body).expect("UTF-8");
        let inside = text.split_once("<AWSAccessKeyId>").and_then(|(_, rest)| rest.split_once("</AWSAccessKeyId>")).map(|(inside, _)| inside);
        prop_assert!(inside.is_some_and(|inside| !inside.contains(['<', '>', '"'])), "{}", text);
    }
}

/// Canaries of each kind that are looked for; of one that holds a private key, which takes long to draw.
const HIDDEN: usize = 20;
const HIDDEN_COSTLY: usize = 2;

#[test]
fn handles_are_found_wherever_they_usually_hide() {
    for kind in CATALOG.kinds() {
        let mut left = HIDDEN;
        while left > 0 {
            let canary = canary(&kind.id);
            let costly = (canary.fields.values()).any(|value| value.contains("PRIVATE KEY"));
            left = if costly {
                left.min(HIDDEN_COSTLY)
            } else {
                left
            } - 1;
            for (field, value) in kind.handles(&canary.fields) {
                for place in 0..PLACES {
                    assert_found(&kind.id, field, &value, place);
                }
            }
        }
    }
}

fn assert_found(kind: &str, field: &str, value: &str, place: usize) {
    // Among other words, a value that holds separators itself has no edges.
    let edges = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./+@~%".contains(&byte);
    if place == PLACES - 1 && !value.bytes().all(edges) {
        return;
    }
    let request = hide(value, place);
    let found = request.candidates();
    assert!(
        (found.iter()).any(|candidate| *candidate.value == *value.as_bytes()),
        "{kind} {field} in place {place}: {} {:?} {:?}",
        request.target,
        request.headers,
        String::from_utf8_lossy(&request.body)
    );
}

/// How many usual places there are.
const PLACES: usize = 14;

/// A request with a value in one of the usual places.
fn hide(value: &str, place: usize) -> Request {
    let encoded: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
    let base64 = data_encoding::BASE64.encode(value.as_bytes());
    let mut target = "/".to_owned();
    let mut headers: Vec<(String, Vec<u8>)> = vec![(
        "User-Agent".to_owned(),
        b"Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0".to_vec(),
    )];
    let mut body = Vec::new();
    let mut header =
        |name: &str, value: String| headers.push((name.to_owned(), value.into_bytes()));
    match place {
        0 => target = format!("/a/{encoded}"),
        1 => target = format!("/a/{encoded}.png"),
        2 => target = format!("/a?b={encoded}&c=d"),
        3 => {
            target = format!(
                "/a?b={}",
                url::form_urlencoded::byte_serialize(base64.as_bytes()).collect::<String>()
            )
        }
        4 => header("Authorization", format!("Bearer {value}")),
        5 => header(
            "Authorization",
            format!(
                "Basic {}",
                data_encoding::BASE64.encode(format!("user:{value}").as_bytes())
            ),
        ),
        6 => header("X-Api-Key", value.to_owned()),
        7 => header("Cookie", format!("a=b; session={value}; c=d")),
        8 => header("X-Data", base64),
        9 | 10 => {
            header(
                "Content-Type",
                "application/x-www-form-urlencoded".to_owned(),
            );
            body = format!("a=b&key={encoded}").into_bytes();
        }
        11 => {
            body = serde_json::json!({"a": {"b": [1, {"c": value}]}})
                .to_string()
                .into_bytes()
        }
        12 => {
            header("Content-Type", "multipart/form-data; boundary=x".to_owned());
            body = format!(
                "--x\r\nContent-Disposition: form-data; name=\"k\"\r\n\r\n{value}\r\n--x--\r\n"
            )
            .into_bytes();
        }
        _ => header(
            "Referer",
            format!("https://trap.example.org/p/{encoded}?q=1"),
        ),
    }
    Request::new(
        "POST".to_owned(),
        target,
        "trap.example.org".to_owned(),
        headers,
        body,
    )
}

#[test]
fn junk_in_one_part_does_not_crowd_out_a_handle_in_another() {
    let canary = canary("github-pat");
    let token = &canary.fields["token"];
    let junk: String = (0..5000)
        .map(|number| format!("k{number}=junkjunk{number}&"))
        .collect();
    let headers = vec![
        ("Cookie".to_owned(), junk.replace('&', ";").into_bytes()),
        (
            "Authorization".to_owned(),
            format!("token {token}").into_bytes(),
        ),
        (
            "Content-Type".to_owned(),
            b"application/x-www-form-urlencoded".to_vec(),
        ),
    ];
    let request = Request::new(
        "POST".to_owned(),
        format!("/{}?{junk}", "segment/".repeat(300)),
        "a.example.org".to_owned(),
        headers,
        junk.clone().into_bytes(),
    );
    bounded(&request);
    assert!(
        request
            .candidates()
            .iter()
            .any(|candidate| *candidate.value == *token.as_bytes())
    );
}

#[test]
fn deep_json_is_no_harm() {
    let body = format!("{}\"x\"{}", "[".repeat(100_000), "]".repeat(100_000));
    bounded(&Request::new(
        "POST".to_owned(),
        "/".to_owned(),
        String::new(),
        Vec::new(),
        body.into_bytes(),
    ));
}
