//! A mail server that speaks enough SMTP to be believed.

use std::sync::{Arc, Mutex};

use data_encoding::BASE64;
use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{self, pki_types::PrivateKeyDer};

use super::{STATION, TIME, build, incident, refusal};
use lapwing_alert::Message;

#[derive(Clone, Copy, PartialEq)]
enum Security {
    None,
    Starttls,
    Tls,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Mail {
    secure: bool,
    auth: String,
    to: Vec<String>,
    data: String,
}

struct Server {
    port: u16,
    /// The certificate, PEM.
    certificate: tempfile::NamedTempFile,
    mails: Arc<Mutex<Vec<Mail>>>,
}

impl Server {
    async fn start(security: Security) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let certificate = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(certificate.path(), made.cert.pem()).unwrap();
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mails = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&mails);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, kept) = (acceptor.clone(), Arc::clone(&kept));
                tokio::spawn(async move {
                    if security == Security::Tls {
                        if let Ok(stream) = acceptor.accept(stream).await {
                            talk(stream, false, true, true, &kept).await;
                        }
                        return;
                    }
                    let offer = security == Security::Starttls;
                    if let Some(stream) = talk(stream, offer, false, true, &kept).await
                        && let Ok(stream) = acceptor.accept(stream).await
                    {
                        talk(stream, false, true, false, &kept).await;
                    }
                });
            }
        });
        Self {
            port,
            certificate,
            mails,
        }
    }

    fn config(&self, security: &str) -> Value {
        json!({
            "kind": "email", "host": "localhost", "port": self.port, "security": security,
            "ca_file": self.certificate.path(), "username": "station", "password": "open sesame",
            "from": "Station <station@example.org>",
            "to": ["admin@example.org", "Deputy <deputy@example.org>"], "timeout_seconds": 5,
        })
    }

    fn mails(&self) -> Vec<Mail> {
        self.mails.lock().unwrap().clone()
    }
}

/// One conversation. Gives the stream back when it is to be encrypted.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    offer_tls: bool,
    secure: bool,
    greet: bool,
    kept: &Mutex<Vec<Mail>>,
) -> Option<S> {
    let mut stream = BufReader::new(stream);
    let mut mail = Mail {
        secure,
        ..Mail::default()
    };
    if greet {
        stream.write_all(b"220 mail.example.org\r\n").await.ok()?;
    }
    loop {
        let mut line = Vec::new();
        (&mut stream)
            .take(4096)
            .read_until(b'\n', &mut line)
            .await
            .ok()?;
        let line = String::from_utf8(line).unwrap();
        let line = line.trim_end();
        let verb: String = line.chars().take(4).collect();
        let reply = match verb.to_uppercase().as_str() {
            "EHLO" if offer_tls => "250-mail\r\n250-STARTTLS\r\n250 AUTH PLAIN".to_owned(),
            "EHLO" => "250-mail\r\n250 AUTH PLAIN".to_owned(),
            "STAR" => {
                stream.write_all(b"220 go\r\n").await.ok()?;
                return Some(stream.into_inner());
            }
            "AUTH" => {
                let said = BASE64.decode(&line.as_bytes()[11..]).unwrap();
                mail.auth = String::from_utf8(said).unwrap().replace('\0', "|");
                if mail.auth.contains("wrong") {
                    "535 5.7.8 no".to_owned()
                } else {
                    "235 ok".to_owned()
                }
            }
            "RCPT" if line.contains("gone@") => "550 5.1.1 no\x1b such user".to_owned(),
            "RCPT" if line.contains("later@") => "451 come back".to_owned(),
            "RCPT" => {
                mail.to.push(line[8..].trim_matches(['<', '>']).to_owned());
                "250 ok".to_owned()
            }
            "DATA" => {
                stream.write_all(b"354 go\r\n").await.ok()?;
                let mut data = Vec::new();
                while !data.ends_with(b"\r\n.\r\n") {
                    (&mut stream)
                        .take(1 << 20)
                        .read_until(b'\n', &mut data)
                        .await
                        .ok()?;
                }
                mail.data = String::from_utf8(data).unwrap();
                kept.lock().unwrap().push(mail.clone());
                "250 queued".to_owned()
            }
            "MAIL" | "RSET" | "NOOP" => "250 ok".to_owned(),
            _ => return None,
        };
        stream
            .write_all(format!("{reply}\r\n").as_bytes())
            .await
            .ok()?;
    }
}

fn header<'a>(data: &'a str, name: &str) -> Vec<&'a str> {
    let head = data.split("\r\n\r\n").next().unwrap();
    head.split("\r\n")
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        .collect()
}

#[tokio::test]
async fn arrives_by_every_way() {
    for (security, name) in [
        (Security::None, "none"),
        (Security::Starttls, "starttls"),
        (Security::Tls, "tls"),
    ] {
        let server = Server::start(security).await;
        let mail = build("email", &server.config(name)).unwrap();
        mail.send(&incident("opened", 1), "i0a1b2c3d-17/opened/1@c")
            .await
            .unwrap();
        let mails = server.mails();
        assert_eq!(mails.len(), 1);
        assert_eq!(mails[0].secure, security != Security::None, "{name}");
        assert_eq!(mails[0].auth, "|station|open sesame");
        assert_eq!(mails[0].to, ["admin@example.org", "deputy@example.org"]);
    }
}

#[tokio::test]
async fn headers_hold_and_are_stable() {
    let server = Server::start(Security::None).await;
    let mail = build("email", &server.config("none")).unwrap();
    let mut message = incident("opened", 1);
    message.subject = "Bait used: x\r\nBcc: victim@example.org\r\n\r\n日本".to_owned();
    mail.send(&message, "i0a1b2c3d-17/opened/1@c")
        .await
        .unwrap();
    mail.send(&message, "i0a1b2c3d-17/opened/1@c")
        .await
        .unwrap();
    mail.send(&incident("continued", 1), "i0a1b2c3d-17/continued/10@c")
        .await
        .unwrap();
    let mails = server.mails();
    let data: Vec<&str> = mails.iter().map(|mail| mail.data.as_str()).collect();
    for data in &data {
        assert!(header(data, "Bcc").is_empty(), "{data}");
        assert_eq!(header(data, "Auto-Submitted"), ["auto-generated"]);
        assert_eq!(header(data, "Date"), ["Mon, 23 Nov 2026 02:39:00 +0000"]);
        assert!(data.contains("multipart/alternative"));
        assert!(data.contains("text/plain") && data.contains("text/html"));
    }
    let ids: Vec<_> = data.iter().map(|data| header(data, "Message-ID")).collect();
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[0], ids[2]);
    assert!(ids[0][0].ends_with("@example.org>"), "{ids:?}");
    assert_eq!(header(data[0], "References"), header(data[2], "References"));
}

#[tokio::test]
async fn certificates_are_checked() {
    let server = Server::start(Security::Starttls).await;
    let mut config = server.config("starttls");
    config.as_object_mut().unwrap().remove("ca_file");
    let mail = build("email", &config).unwrap();
    let error = mail.send(&incident("opened", 1), "k").await.unwrap_err();
    assert!(
        !error.is_permanent() && error.hint().contains("ca_file"),
        "{error}: {}",
        error.hint()
    );
    let mut config = server.config("starttls");
    config["host"] = "127.0.0.1".into();
    let mail = build("email", &config).unwrap();
    mail.send(&incident("opened", 1), "k").await.unwrap_err();
    let plain = Server::start(Security::None).await;
    let mut config = server.config("starttls");
    config["port"] = plain.port.into();
    let mail = build("email", &config).unwrap();
    mail.send(&incident("opened", 1), "k").await.unwrap_err();
    assert!(server.mails().is_empty() && plain.mails().is_empty());
}

#[tokio::test]
async fn refusals_are_judged() {
    let server = Server::start(Security::None).await;
    for (change, permanent, said) in [
        (json!({"password": "wrong"}), false, "535"),
        (json!({"to": "gone@example.org"}), true, "550"),
        (
            json!({"to": ["gone@example.org", "gone@example.com"]}),
            true,
            "550",
        ),
        (json!({"to": "later@example.org"}), false, "451"),
    ] {
        let mut config = server.config("none");
        for (key, value) in change.as_object().unwrap() {
            config[key] = value.clone();
        }
        let mail = build("email", &config).unwrap();
        let error = mail.send(&incident("opened", 1), "k").await.unwrap_err();
        assert_eq!(error.is_permanent(), permanent, "{error}");
        assert!(error.to_string().contains(said), "{error}");
        assert!(!error.to_string().chars().any(char::is_control) && !error.hint().is_empty());
    }
    assert!(server.mails().is_empty());
}

#[tokio::test]
async fn one_refused_recipient_costs_the_others_nothing() {
    let server = Server::start(Security::None).await;
    let mut config = server.config("none");
    config["to"] = json!([
        "gone@example.org",
        "admin@example.org",
        "deputy@example.org"
    ]);
    let mail = build("email", &config).unwrap();
    mail.send(&Message::test(STATION, TIME, ""), "k")
        .await
        .unwrap();
    let reached: Vec<String> = server
        .mails()
        .into_iter()
        .flat_map(|mail| mail.to)
        .collect();
    assert_eq!(reached, ["admin@example.org", "deputy@example.org"]);
}

#[tokio::test]
async fn a_server_that_says_nothing_is_left() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = json!({
        "host": "127.0.0.1", "port": listener.local_addr().unwrap().port(), "security": "none",
        "from": "a@example.org", "to": "b@example.org", "timeout_seconds": 1, "heartbeat": true,
    });
    let mail = build("email", &config).unwrap();
    assert!(mail.heartbeat());
    let error = mail.send(&incident("opened", 1), "k").await.unwrap_err();
    assert!(!error.is_permanent(), "{error}");
}

#[test]
fn configurations_that_cannot_work_say_why() {
    let good =
        json!({"host": "mail.example.org", "from": "a@example.org", "to": ["b@example.org"]});
    assert!(build("email", &good).is_ok());
    for (change, said) in [
        (json!({"host": 5}), "`host` is not a text"),
        (
            json!({"from": "nobody"}),
            "`from`: \"nobody\" is not a mail address",
        ),
        (json!({"to": []}), "`to` is missing"),
        (
            json!({"to": ["x\r\nBcc: y@example.org"]}),
            "is not a mail address",
        ),
        (
            json!({"security": "ssl"}),
            "\"starttls\", \"tls\" or \"none\"",
        ),
        (json!({"port": 70_000}), "from 1 to 65535"),
        (json!({"username": "u"}), "`username` without a password"),
        (json!({"password": "p"}), "a password without `username`"),
        (
            json!({"username": "u", "password": "p", "security": "none"}),
            "unencrypted",
        ),
        (json!({"ca_file": "/dev/null"}), "no certificate in it"),
        (json!({"recipient": "x"}), "the keys there are: host,"),
    ] {
        let mut config = good.clone();
        for (key, value) in change.as_object().unwrap() {
            config[key] = value.clone();
        }
        let refused = refusal("email", &config);
        assert!(refused.contains(said), "{refused}");
    }
    let mut config = good;
    for (key, value) in [("username", "u"), ("password", "p"), ("security", "none")] {
        config[key] = value.into();
    }
    config["danger_plain_auth"] = true.into();
    assert!(build("email", &config).is_ok());
    config["danger_plain_auth"] = false.into();
    config["host"] = "localhost".into();
    assert!(build("email", &config).is_ok());
}
