//! A message to several numbers is several messages: each has an id of its own, is found again by it,
//! and stands in the list.

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::BASE64;
use serde_json::Value;

use crate::stage::Stage;

/// The numbers, as gateways write them back.
const NUMBERS: [&str; 3] = ["15005550006", "15005550007", "15005550009"];

/// How one gateway is asked.
struct Gateway {
    kind: &'static str,
    /// Arguments of curl that show the credential, with `{field}` for the canary's own.
    login: &'static [&'static str],
    /// Path, content type and body of a message to the three numbers.
    send: (&'static str, &'static str, &'static str),
    /// Where the answer says the ids: list, and member of each of its items.
    ids: (&'static str, &'static str),
    /// Where one message is asked for, with `{id}`, and where its answer says the number, if it does.
    one: (&'static str, &'static str),
    /// Where the list is, and in which member of the answer. Empty where there is none.
    list: (&'static str, &'static str),
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

const GATEWAYS: &[Gateway] = &[
    Gateway {
        kind: "plivo-auth",
        login: &["--user", "{auth_id}:{auth_token}"],
        send: (
            "/v1/Account/{auth_id}/Message/",
            JSON,
            r#"{"src":"15005550001","dst":"15005550006<15005550007<15005550009","text":"Hi"}"#,
        ),
        ids: ("/message_uuid", ""),
        one: ("/v1/Account/{auth_id}/Message/{id}/", "/to_number"),
        list: ("/v1/Account/{auth_id}/Message/", "/objects"),
    },
    Gateway {
        kind: "clicksend",
        login: &["--user", "{username}:{api_key}"],
        send: (
            "/v3/sms/send",
            JSON,
            r#"{"messages":[{"to":"15005550006","body":"a"},{"to":"15005550007","body":"b"},{"to":"15005550009","body":"c"}]}"#,
        ),
        ids: ("/data/messages", "/message_id"),
        one: ("/v3/sms/receipts/{id}", ""),
        list: ("/v3/sms/history", "/data/data"),
    },
    Gateway {
        kind: "clickatell",
        login: &["--header", "Authorization: {api_key}"],
        send: (
            "/messages",
            JSON,
            r#"{"content":"Hi","to":["15005550006","15005550007","15005550009"]}"#,
        ),
        ids: ("/messages", "/apiMessageId"),
        one: ("/public-client/message/status?messageId={id}", ""),
        list: ("", ""),
    },
    Gateway {
        kind: "clickatell",
        login: &["--header", "Authorization: {api_key}"],
        send: (
            "/v1/message",
            JSON,
            r#"{"messages":[{"channel":"sms","to":"15005550006","content":"a"},{"channel":"sms","to":"15005550007","content":"b"},{"channel":"sms","to":"15005550009","content":"c"}]}"#,
        ),
        ids: ("/messages", "/apiMessageId"),
        one: ("/v1/message/{id}", ""),
        list: ("", ""),
    },
    Gateway {
        kind: "infobip",
        login: &["--header", "Authorization: App {api_key}"],
        send: (
            "/sms/3/messages",
            JSON,
            r#"{"messages":[{"sender":"A","destinations":[{"to":"15005550006"},{"to":"15005550007"}],"content":{"text":"a"}},{"sender":"B","destinations":[{"to":"15005550009"}],"content":{"text":"b"}}]}"#,
        ),
        ids: ("/messages", "/messageId"),
        one: ("/sms/3/logs?messageId={id}", "/results/0/destination"),
        list: ("/sms/3/reports", "/results"),
    },
];

#[test]
fn each_number_has_a_message_of_its_own() {
    let mut kinds: Vec<&'static str> = GATEWAYS.iter().map(|gateway| gateway.kind).collect();
    kinds.dedup();
    let mut stage = Stage::new(104, &kinds);
    for gateway in GATEWAYS {
        each_is_found(&mut stage, gateway);
    }
}

/// The gateway that answers a form with the first id alone: those of a message follow one another.
#[test]
fn numbers_that_follow_one_another_are_found_too() {
    let mut stage = Stage::new(105, &["textmagic"]);
    let fields = stage.mint("good", "textmagic").fields;
    let login = [
        "--header",
        "X-TM-Username: {username}",
        "--header",
        "X-TM-Key: {api_key}",
    ];
    let phones = NUMBERS.join(",");
    let sent = ask(
        &stage,
        "textmagic",
        &fields,
        &login,
        "/api/v2/messages",
        Some((FORM, &format!("text=Hi&phones={phones}"))),
    );
    let first = sent["id"].as_u64().expect("an id");
    for (id, number) in (first..).zip(NUMBERS) {
        let path = format!("/api/v2/messages/{id}");
        let one = ask(&stage, "textmagic", &fields, &login, &path, None);
        assert_eq!((&one["id"], &one["receiver"]), (&id.into(), &number.into()));
    }
    let list = ask(
        &stage,
        "textmagic",
        &fields,
        &login,
        "/api/v2/messages",
        None,
    );
    assert_eq!(list["resources"].as_array().map(Vec::len), Some(3));
}

/// RingCentral's batches: one request makes a batch and the messages in it.
#[test]
fn a_batch_and_each_of_its_messages_are_found() {
    let mut stage = Stage::new(106, &["ringcentral"]);
    let fields = stage.mint("good", "ringcentral").fields;
    let asked = |login: &str, path: &str, body| {
        let login = ["--header", login];
        ask(&stage, "ringcentral", &fields, &login, path, body)
    };
    let client = format!("{}:{}", fields["client_id"], fields["client_secret"]);
    let client = format!("Authorization: Basic {}", BASE64.encode(client.as_bytes()));
    let grant = format!(
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={}",
        fields["jwt_assertion"]
    );
    let token = asked(&client, "/restapi/oauth/token", Some((FORM, &grant)));
    let login = format!("Authorization: Bearer {}", text(token.get("access_token")));
    let batch = r#"{"from":"15005550001","text":"Hi","messages":[{"to":["15005550006"]},{"to":["15005550007"],"text":"Ho"},{"to":["15005550009"]}]}"#;
    let base = "/restapi/v1.0/account/~/a2p-sms";
    let batches = format!("{base}/batches");
    let sent = asked(&login, &batches, Some((JSON, batch)));
    let id = text(sent.get("id"));
    let found = asked(&login, &format!("{batches}/{id}"), None);
    assert_eq!(
        (text(found.get("id")), &found["batchSize"]),
        (id.clone(), &3.into())
    );
    let messages = format!("{base}/messages");
    let all = asked(&login, &messages, None);
    let all = listed(&all, "/records");
    assert_eq!(all.len(), NUMBERS.len(), "{all:?}");
    for ((message, number), said) in all.iter().zip(NUMBERS).zip(["Hi", "Ho", "Hi"]) {
        let one = asked(
            &login,
            &format!("{messages}/{}", text(message.get("id"))),
            None,
        );
        let shown = ["/to/0", "/text", "/batchId"].map(|member| text(one.pointer(member)));
        assert_eq!(shown, [number, said, &id], "{one}");
    }
}

fn each_is_found(stage: &mut Stage, gateway: &Gateway) {
    let kind = gateway.kind;
    let fields = stage.mint("good", kind).fields;
    let (path, content_type, body) = gateway.send;
    let asked = |path: &str, body| ask(stage, kind, &fields, gateway.login, path, body);
    let sent = asked(path, Some((content_type, body)));
    let (list, member) = gateway.ids;
    let ids: Vec<String> = listed(&sent, list)
        .iter()
        .map(|one| text(one.pointer(member)))
        .collect();
    assert_eq!(ids.len(), NUMBERS.len(), "{kind}: {sent}");
    assert_eq!(
        ids.iter().collect::<BTreeSet<_>>().len(),
        3,
        "{kind}: {sent}"
    );
    let (path, member) = gateway.one;
    for (id, number) in ids.iter().zip(NUMBERS) {
        let one = asked(&path.replace("{id}", id), None);
        if member.is_empty() {
            assert!(one.to_string().len() > 20, "{kind} {id}: {one}");
        } else {
            assert_eq!(text(one.pointer(member)), number, "{kind} {id}: {one}");
        }
    }
    let (path, list) = gateway.list;
    if !path.is_empty() {
        let all = asked(path, None);
        assert_eq!(listed(&all, list).len(), NUMBERS.len(), "{kind}: {all}");
        for id in &ids {
            assert!(all.to_string().contains(id.as_str()), "{kind} {id}: {all}");
        }
    }
}

/// Asks a gateway as curl does, and gives the JSON of an answer that is no error.
fn ask(
    stage: &Stage,
    kind: &str,
    fields: &BTreeMap<String, String>,
    login: &[&str],
    path: &str,
    body: Option<(&str, &str)>,
) -> Value {
    let filled = |text: &str| {
        fields.iter().fold(text.to_owned(), |text, (name, value)| {
            text.replace(&format!("{{{name}}}"), value)
        })
    };
    let mut args: Vec<String> = login.iter().map(|text| filled(text)).collect();
    if let Some((content_type, body)) = body {
        args.extend([
            "--header".to_owned(),
            format!("Content-Type: {content_type}"),
        ]);
        args.extend(["--data-raw".to_owned(), body.to_owned()]);
    }
    args.push(format!("http://{}{}", stage.address(kind), filled(path)));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let answer = stage.curl(&args);
    let (body, status) = answer.rsplit_once('\n').expect("a status");
    assert!(status.contains(" 20"), "{kind} {path}: {answer}");
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{kind} {path}: {error}: {body}"))
}

fn listed<'v>(answer: &'v Value, list: &str) -> &'v [Value] {
    let list = answer.pointer(list).and_then(Value::as_array);
    list.map(Vec::as_slice).unwrap_or_default()
}

fn text(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}
