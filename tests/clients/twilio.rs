//! Twilio's own package.

use serde_json::{Value, json};

use crate::stage::{Stage, keys};

const TO: &str = "+15005550006";
const FROM: &str = "+15005550001";
const BODY: &str = "Hallo \"Wörld\" \u{1f600} & <b>\\n 100 %+";
const CALLBACK: &str = "http://192.0.2.7/cb?x=1&y=2";

#[test]
fn the_package_takes_the_answers_for_twilios() {
    let mut stage = Stage::new(1, &["twilio"]);
    let good = stage.mint("good", "twilio");
    let retired = stage.retired("twilio");
    let stranger = stage.stranger("twilio");
    let mut said = stage.python(
        "call_twilio.py",
        &json!({
            "good": keys(&good), "retired": keys(&retired), "stranger": keys(&stranger),
            "to": TO, "from": FROM, "body": BODY, "callback": CALLBACK,
        }),
    );
    let sids: Vec<String> = ["text", "service"]
        .map(|name| take_sid(&mut said[name]))
        .to_vec();
    assert_ne!(sids[0], sids[1]);
    assert_eq!(said, expected(good.field("account_sid")));
    stage.assert_trips(TRIPS);
}

#[test]
fn a_path_that_names_no_format_answers_in_xml() {
    let mut stage = Stage::new(106, &["twilio"]);
    let good = stage.mint("good", "twilio");
    let ask = |token: &str, more: &[&str], path: &str| {
        let sid = good.field("account_sid");
        let (user, host) = (format!("{sid}:{token}"), stage.address("twilio"));
        let to = format!("http://{host}/2010-04-01/Accounts/{sid}{path}");
        let answer = stage.curl(&[&["--user", &user], more, &[&to]].concat());
        let (body, status) = answer.rsplit_once('\n').expect("a status");
        let body = body.strip_prefix("<?xml version='1.0' encoding='UTF-8'?>\n");
        let status = status.rsplit(' ').next().expect("a status").to_owned();
        (body.expect("XML").to_owned(), status)
    };
    let token = good.field("auth_token");
    let text = [
        "--data",
        "To=%2B15005550006&From=%2B15005550001&Body=a%26%3Cb",
    ];
    let (queued, status) = ask(token, &text, "/Messages");
    assert_eq!(status, "201");
    let sid = queued
        .strip_prefix("<TwilioResponse><Message><Sid>")
        .and_then(|rest| rest.split_once('<'));
    let sid = sid.expect("an id").0;
    for path in [format!("/Messages/{sid}"), format!("/Messages/{sid}.xml")] {
        let (again, status) = ask(token, &[], &path);
        assert_eq!(status, "200");
        assert!(again.contains("<To>+15005550006</To>"), "{again}");
        assert!(again.contains("<Body>a&amp;&lt;b</Body>"), "{again}");
    }
    let (list, _) = ask(token, &[], "/Messages");
    assert!(list.contains(sid), "{list}");
    let (account, _) = ask(token, &[], "");
    assert!(account.contains("<Status>active</Status>"), "{account}");
    let (refused, status) = ask(&"0".repeat(32), &[], "/Messages");
    assert_eq!(status, "401");
    assert!(refused.contains("<Code>20003</Code>"), "{refused}");
}

/// A message's own id, taken out of what is compared.
fn take_sid(message: &mut Value) -> String {
    let sid = message["sid"].take().as_str().expect("an id").to_owned();
    let hex = sid.strip_prefix("SM").expect("a message's id");
    assert!(
        hex.len() == 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{sid}"
    );
    sid
}

fn expected(sid: &str) -> Value {
    let refused = json!({ "error": "TwilioRestException", "status": 401, "code": 20003 });
    let failed = |status: u16, code: u32| json!({ "error": "TwilioRestException", "status": status, "code": code });
    let message = |from: Value, body: &str, status: &str| {
        json!({
            "sid": null, "status": status, "to": TO, "from": from, "body": body, "error": null,
            "direction": "outbound-api", "same uri": true, "just now": true,
        })
    };
    json!({
        "stranger": refused,
        "account": { "sid": sid, "status": "active", "type": "Full", "in order": true },
        "accounts": [sid],
        "balance": { "sid": sid, "currency": "USD", "funds": true },
        "numbers": [],
        "messages": [],
        "text": message(json!(FROM), BODY, "queued"),
        "service": message(Value::Null, "x", "accepted"),
        "no body": failed(400, 21602),
        "call": failed(400, 21210),
        "elsewhere": failed(404, 20404),
        "wrong token": refused,
        "retired": refused,
    })
}

const TRIPS: &[&str] = &[
    "good basic:account_sid+basic:auth_token http/1.1 twilio [GET /2010-04-01/Accounts/{account_sid}.json] accepted 200",
    "good basic:account_sid+basic:auth_token http/1.1 twilio [GET /2010-04-01/Accounts.json] accepted 200",
    "good basic:account_sid+basic:auth_token http/1.1 twilio [GET /2010-04-01/Accounts/{account_sid}/Balance.json] accepted 200",
    "good basic:account_sid+basic:auth_token http/1.1 twilio [GET /2010-04-01/Accounts/{account_sid}/IncomingPhoneNumbers.json] accepted 200",
    r#"good basic:account_sid+basic:auth_token http/1.1 twilio [GET /2010-04-01/Accounts/{account_sid}/Messages.json] accepted 200 {"sms.to":["+15005550006"]}"#,
    "good basic:account_sid+basic:auth_token http/1.1 twilio [POST /2010-04-01/Accounts/{account_sid}/Messages.json] accepted 201 \
     {\"sms.body\":[\"Hallo \\\"Wörld\\\" \u{1f600} & <b>\\\\n 100 %+\"],\"sms.callback\":[\"http://192.0.2.7/cb?x=1&y=2\"],\"sms.from\":[\"+15005550001\"],\"sms.to\":[\"+15005550006\"]}",
    r#"good basic:account_sid+basic:auth_token http/1.1 twilio [POST /2010-04-01/Accounts/{account_sid}/Messages.json] accepted 201 {"sms.body":["x"],"sms.service":["MG00000000000000000000000000000000"],"sms.to":["+15005550006"]}"#,
    r#"good basic:account_sid+basic:auth_token http/1.1 twilio [POST /2010-04-01/Accounts/{account_sid}/Messages.json] accepted 400 {"sms.from":["+15005550001"],"sms.to":["+15005550006"]}"#,
    r#"good basic:account_sid+basic:auth_token http/1.1 twilio [POST /2010-04-01/Accounts/{account_sid}/Calls.json] accepted 400 {"call.from":["+15005550001"],"call.to":["+15005550006"],"call.url":["http://192.0.2.7/cb?x=1&y=2"]}"#,
    "good basic:account_sid+basic:auth_token http/1.1 twilio [] accepted 404",
    "good basic:account_sid http/1.1 twilio [GET /2010-04-01/Accounts/{account_sid}.json] refused 401",
    "retired basic:account_sid+basic:auth_token http/1.1 twilio [GET /2010-04-01/Accounts/{account_sid}.json] revoked 401",
];
