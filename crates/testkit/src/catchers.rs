//! A mail server and a webhook receiver on loopback that keep what arrives.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;

/// Longest message taken, in bytes.
const LIMIT: u64 = 8 << 20;
/// Longest silence of a client.
const IDLE: Duration = Duration::from_secs(60);

/// A mail as it came.
#[derive(Clone, Debug)]
pub struct Mail {
    /// When its last line came.
    pub arrived: Instant,
    /// The message with its headers, lines ended by `\n`.
    pub raw: String,
}

/// A webhook as it came.
#[derive(Clone, Debug)]
pub struct Hook {
    /// When its last byte came.
    pub arrived: Instant,
    /// Its headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// Its body.
    pub body: Value,
    /// Whether its Standard Webhooks signature is right.
    pub signed: bool,
}

#[derive(Debug)]
struct Kept<T> {
    all: Mutex<Vec<T>>,
    failing: AtomicBool,
    refused: AtomicUsize,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self {
            all: Mutex::default(),
            failing: AtomicBool::default(),
            refused: AtomicUsize::default(),
        }
    }
}

impl<T: Clone> Kept<T> {
    fn all(&self) -> MutexGuard<'_, Vec<T>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether to answer with a failure this time; counts it.
    fn refuses(&self) -> bool {
        let failing = self.failing.load(Ordering::SeqCst);
        if failing {
            self.refused.fetch_add(1, Ordering::SeqCst);
        }
        failing
    }
}

fn serve<T: Send + 'static>(
    kept: &Arc<Kept<T>>,
    take: impl Fn(TcpStream, &Kept<T>) -> io::Result<()> + Clone + Send + 'static,
) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let kept = Arc::downgrade(kept);
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let (Ok(socket), Some(kept)) = (socket, kept.upgrade()) else {
                return;
            };
            let take = take.clone();
            // An error is a client that went away.
            std::thread::spawn(move || {
                let _ = socket
                    .set_read_timeout(Some(IDLE))
                    .and_then(|()| take(socket, &kept));
            });
        }
    });
    port
}

/// A mail server that takes everything (plain SMTP, no authentication).
#[derive(Debug)]
pub struct MailCatcher {
    port: u16,
    kept: Arc<Kept<Mail>>,
}

impl MailCatcher {
    /// Starts one on a free port.
    #[must_use]
    pub fn start() -> Self {
        let kept = Arc::default();
        let port = serve(&kept, take_mail);
        Self { port, kept }
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The mails so far.
    #[must_use]
    pub fn mails(&self) -> Vec<Mail> {
        self.kept.all().clone()
    }

    /// Whether to answer every mail with a temporary failure.
    pub fn fail(&self, failing: bool) {
        self.kept.failing.store(failing, Ordering::SeqCst);
    }

    /// How many mails were refused.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.kept.refused.load(Ordering::SeqCst)
    }

    /// The settings of a channel that leads here.
    #[must_use]
    pub fn channel(&self, name: &str) -> String {
        let port = self.port;
        format!(
            "[alert.channels.{name}]\nkind = \"email\"\nhost = \"127.0.0.1\"\nport = {port}\n\
             security = \"none\"\nfrom = \"station@example.org\"\nto = [\"admin@example.org\"]\n"
        )
    }
}

/// As much SMTP (RFC 5321) as one honest client needs.
fn take_mail(socket: TcpStream, kept: &Kept<Mail>) -> io::Result<()> {
    let mut write = socket.try_clone()?;
    let mut reader = BufReader::new(socket.take(LIMIT));
    write.write_all(b"220 catcher ESMTP\r\n")?;
    while let Some(line) = line(&mut reader)? {
        let verb = line
            .split([' ', ':'])
            .next()
            .unwrap_or_default()
            .to_ascii_uppercase();
        let answer: &[u8] = match verb.as_str() {
            "EHLO" | "HELO" => b"250 catcher\r\n",
            "DATA" => {
                write.write_all(b"354 go on\r\n")?;
                let mut raw = String::new();
                while let Some(text) = self::line(&mut reader)?.filter(|text| text != ".") {
                    raw.push_str(text.strip_prefix('.').unwrap_or(&text));
                    raw.push('\n');
                }
                if kept.refuses() {
                    b"451 not now\r\n"
                } else {
                    kept.all().push(Mail {
                        arrived: Instant::now(),
                        raw,
                    });
                    b"250 taken\r\n"
                }
            }
            "QUIT" => return write.write_all(b"221 bye\r\n"),
            _ => b"250 fine\r\n",
        };
        write.write_all(answer)?;
    }
    Ok(())
}

/// One line without its end; none at the end of the stream.
fn line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    if reader.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&line);
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// A receiver of webhooks that checks their signature.
#[derive(Debug)]
pub struct WebhookCatcher {
    port: u16,
    key: [u8; 24],
    kept: Arc<Kept<Hook>>,
}

impl WebhookCatcher {
    /// Starts one on a free port.
    #[must_use]
    pub fn start() -> Self {
        let kept = Arc::default();
        let key: [u8; 24] = rand::random();
        let port = serve(&kept, move |socket, kept| take_hook(socket, &key, kept));
        Self { port, key, kept }
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    /// The secret both sides sign with, `whsec_...`.
    #[must_use]
    pub fn secret(&self) -> String {
        format!("whsec_{}", BASE64.encode(&self.key))
    }

    /// The webhooks taken so far.
    #[must_use]
    pub fn hooks(&self) -> Vec<Hook> {
        self.kept.all().clone()
    }

    /// Whether to answer everything with 500.
    pub fn fail(&self, failing: bool) {
        self.kept.failing.store(failing, Ordering::SeqCst);
    }

    /// How many were answered with 500.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.kept.refused.load(Ordering::SeqCst)
    }

    /// The settings of a channel that leads here.
    #[must_use]
    pub fn channel(&self, name: &str) -> String {
        let (url, secret) = (self.url(), self.secret());
        format!(
            "[alert.channels.{name}]\nkind = \"webhook\"\nurl = \"{url}\"\nsecret = \"{secret}\"\n\
             allow_private = true\n"
        )
    }
}

/// One webhook; its Standard Webhooks signature is checked as a receiver should.
fn take_hook(socket: TcpStream, key: &[u8], kept: &Kept<Hook>) -> io::Result<()> {
    let mut write = socket.try_clone()?;
    let mut reader = BufReader::new(socket.take(LIMIT));
    let mut headers = BTreeMap::new();
    while let Some(text) = line(&mut reader)?.filter(|text| !text.is_empty()) {
        if let Some((name, value)) = text.split_once(": ") {
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
    }
    let header = |name: &str| headers.get(name).cloned().unwrap_or_default();
    let length: u64 = header("content-length").parse().unwrap_or(0);
    let mut body = vec![0; usize::try_from(length.min(LIMIT)).unwrap_or(0)];
    reader.read_exact(&mut body)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(format!("{}.{}.", header("webhook-id"), header("webhook-timestamp")).as_bytes());
    mac.update(&body);
    let expected = format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes()));
    let signed = header("webhook-signature")
        .split(' ')
        .any(|signature| signature == expected);
    if kept.refuses() {
        return write.write_all(
            b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        );
    }
    let body = serde_json::from_slice(&body).unwrap_or_default();
    kept.all().push(Hook {
        arrived: Instant::now(),
        headers,
        body,
        signed,
    });
    write.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
}
