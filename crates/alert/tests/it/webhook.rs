//! A webhook receiver that checks what it gets.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::{STATION, TIME, build, incident, refusal};
use lapwing_alert::Message;

const KEY: &[u8] = b"0123456789abcdef01234567";

fn secret() -> String {
    format!("whsec_{}", BASE64.encode(KEY))
}

/// A server that gives one answer to every request, and keeps the requests.
struct Receiver {
    port: u16,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Receiver {
    async fn start(answer: impl Into<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (kept, answer) = (Arc::clone(&requests), answer.into());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut bytes = Vec::new();
                while !complete(&bytes) && stream.read_buf(&mut bytes).await.unwrap() > 0 {}
                kept.lock().unwrap().push(String::from_utf8(bytes).unwrap());
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self { port, requests }
    }

    fn config(&self, host: &str) -> Value {
        json!({
            "kind": "webhook", "url": format!("http://{host}:{}/in?key=QuerySecret", self.port),
            "secret": secret(), "allow_private": true, "timeout_seconds": 20,
            "headers": {"authorization": "Bearer x"},
        })
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn complete(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = header(head, "content-length").parse::<usize>().unwrap();
    body.len() >= length
}

fn header<'a>(request: &'a str, name: &str) -> &'a str {
    let line = request.lines().find_map(|line| {
        let (found, value) = line.split_once(": ")?;
        found.eq_ignore_ascii_case(name).then_some(value)
    });
    line.unwrap_or("")
}

fn answer(status: &str, more: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\n{more}\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn a_message_arrives_signed_and_the_same_twice() {
    let receiver = Receiver::start(answer("204 No Content", "", "")).await;
    let hook = build("webhook", &receiver.config("127.0.0.1")).unwrap();
    let message = incident("opened", 1);
    hook.send(&message, "i0a1b2c3d-17/opened/1@c")
        .await
        .unwrap();
    hook.send(&message, "i0a1b2c3d-17/opened/1@c")
        .await
        .unwrap();
    hook.send(&message, "i0a1b2c3d-17/continued/10@c")
        .await
        .unwrap();
    let requests = receiver.requests();
    let ids: Vec<&str> = requests.iter().map(|r| header(r, "webhook-id")).collect();
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[0], ids[2]);
    for request in &requests {
        assert!(request.starts_with("POST /in?key=QuerySecret HTTP/1.1\r\n"));
        assert!(!request.to_lowercase().contains("user-agent: lapwing"));
        assert_eq!(header(request, "content-type"), "application/json");
        assert_eq!(header(request, "authorization"), "Bearer x");
        let (id, time) = (
            header(request, "webhook-id"),
            header(request, "webhook-timestamp"),
        );
        assert!(!id.contains('.') && time.parse::<i64>().unwrap() > 1_700_000_000);
        let (_, body) = request.split_once("\r\n\r\n").unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(KEY).unwrap();
        mac.update(format!("{id}.{time}.{body}").as_bytes());
        let expected = format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes()));
        assert_eq!(header(request, "webhook-signature"), expected);
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!(Message::from_json(&body).unwrap(), message);
    }
}

#[tokio::test]
async fn what_the_receiver_says_is_judged() {
    for (reply, permanent, said) in [
        (
            answer("410 Gone", "", "no\x1b[31m"),
            true,
            "410 Gone: no\\x1b[31m",
        ),
        (answer("500 Internal Server Error", "", ""), false, "500"),
        (answer("401 Unauthorized", "", ""), false, "401"),
        (
            answer("404 Not Found", "", &"x".repeat(300_000)),
            false,
            "xx…",
        ),
        ("nonsense\r\n\r\n".to_owned(), false, ""),
    ] {
        let receiver = Receiver::start(reply).await;
        let hook = build("webhook", &receiver.config("127.0.0.1")).unwrap();
        let error = hook.send(&incident("opened", 1), "k").await.unwrap_err();
        assert_eq!(error.is_permanent(), permanent, "{error}");
        assert!(error.to_string().contains(said), "{error}");
        assert!(error.to_string().len() < 600 && !error.hint().is_empty());
        assert!(!error.to_string().contains("QuerySecret"), "{error}");
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let target = Receiver::start(answer("200 OK", "", "")).await;
    let location = format!("location: http://127.0.0.1:{}/\r\n", target.port);
    let receiver = Receiver::start(answer("307 Temporary Redirect", &location, "")).await;
    let hook = build("webhook", &receiver.config("127.0.0.1")).unwrap();
    let error = hook.send(&incident("opened", 1), "k").await.unwrap_err();
    assert!(error.hint().contains("redirect"), "{error}");
    assert!(target.requests().is_empty());
}

#[tokio::test]
async fn private_addresses_are_refused_unless_allowed() {
    let receiver = Receiver::start(answer("200 OK", "", "")).await;
    let mut config = receiver.config("localhost");
    let hook = build("webhook", &config).unwrap();
    hook.send(&incident("opened", 1), "k").await.unwrap();
    config["allow_private"] = false.into();
    for host in [
        "127.0.0.1",
        "0x7f.1",
        "2130706433",
        "[::1]",
        "169.254.169.254",
        "[::ffff:10.0.0.1]",
    ] {
        config["url"] = format!("https://{host}:{}/", receiver.port).into();
        let said = refusal("webhook", &config);
        assert!(
            said.contains("not a public address") && said.contains("allow_private"),
            "{said}"
        );
    }
    config["url"] = format!("https://localhost:{}/", receiver.port).into();
    let hook = build("webhook", &config).unwrap();
    let error = hook.send(&incident("opened", 1), "k").await.unwrap_err();
    assert!(
        error.to_string().contains("not a public address"),
        "{error}"
    );
    assert!(error.hint().contains("allow_private"));
    assert_eq!(receiver.requests().len(), 1);
}

#[tokio::test]
async fn silence_is_a_failure_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let receiver = Receiver {
        port: listener.local_addr().unwrap().port(),
        requests: Arc::default(),
    };
    let mut config = receiver.config("127.0.0.1");
    config["timeout_seconds"] = 1.into();
    let hook = build("webhook", &config).unwrap();
    let message = incident("opened", 1);
    let sent = hook.send(&message, "k");
    let error = tokio::time::timeout(Duration::from_secs(5), sent)
        .await
        .unwrap();
    assert!(!error.unwrap_err().is_permanent());
    drop(listener);
    let error = hook.send(&message, "k").await.unwrap_err();
    assert!(
        error.to_string().to_lowercase().contains("refused"),
        "{error}"
    );
}

#[test]
fn configurations_that_cannot_work_say_why() {
    let good = json!({"url": "https://example.org/", "secret": secret()});
    assert!(build("webhook", &good).is_ok());
    for (key, value, said) in [
        ("url", json!(null), "`url` is not a text"),
        ("url", json!("example.org"), "write it with https://"),
        ("url", json!("http://example.org/"), "allow_private = true"),
        ("url", json!("ftp://example.org/"), "use https:"),
        (
            "url",
            json!("https://u:p@example.org/"),
            "put credentials into `headers`",
        ),
        ("secret", json!("hunter2"), "openssl rand"),
        ("secret", json!("whsec_c2hvcnQ="), "24 to 64 bytes"),
        ("headers", json!({"webhook-id": "x"}), "cannot be set"),
        ("headers", json!({"x": "a\nb"}), "cannot be sent"),
        ("headers", json!([1]), "`headers` is no table"),
        ("timeout_seconds", json!("15"), "from 1 to 300"),
        ("heartbeat", json!("yes"), "without quotes"),
        (
            "ca_file",
            json!("/nonexistent/ca.pem"),
            "cannot read /nonexistent",
        ),
        ("hots", json!(1), "`hots` is no key"),
    ] {
        let mut config = good.clone();
        config[key] = value;
        let refused = refusal("webhook", &config);
        assert!(refused.contains(said), "{refused}");
        assert!(!refused.contains("hunter2"), "{refused}");
    }
    let refused = refusal("webhook", &json!({"url": "https://example.org/"}));
    assert!(
        refused.contains("`secret` or `secret_file` is missing"),
        "{refused}"
    );
    assert!(refusal("webhook", &json!("https://example.org/")).contains("not a table"));
}

#[tokio::test]
async fn a_secret_can_come_from_a_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{}\n", secret())).unwrap();
    let receiver = Receiver::start(answer("200 OK", "", "{}")).await;
    let mut config = receiver.config("127.0.0.1");
    config["secret_file"] = file.path().to_str().unwrap().into();
    assert!(refusal("webhook", &config).contains("both `secret` and `secret_file`"));
    config.as_object_mut().unwrap().remove("secret");
    let hook = build("webhook", &config).unwrap();
    let test = Message::test(STATION, TIME, "");
    hook.send(&test, "k").await.unwrap();
    assert!(!hook.heartbeat());
}
