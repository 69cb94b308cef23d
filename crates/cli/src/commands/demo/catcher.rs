//! A mail server and a webhook receiver on loopback that keep what arrives.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Longest message kept, in bytes.
const LIMIT: u64 = 1 << 20;

pub(super) struct Catchers {
    pub(super) mail_port: u16,
    pub(super) hook_port: u16,
    /// Secret of the webhook, `whsec_...`.
    pub(super) secret: String,
    mails: Kept<Mail>,
    hooks: Kept<Hook>,
}

type Kept<T> = Arc<Mutex<Vec<T>>>;

#[derive(Clone)]
pub(super) struct Mail {
    pub(super) arrived: Instant,
    pub(super) subject: String,
    pub(super) text: String,
}

#[derive(Clone)]
pub(super) struct Hook {
    pub(super) arrived: Instant,
    pub(super) subject: String,
    pub(super) signed: bool,
}

impl Catchers {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let mail = TcpListener::bind("127.0.0.1:0").await?;
        let hook = TcpListener::bind("127.0.0.1:0").await?;
        let key: [u8; 24] = rand::random();
        let catchers = Self {
            mail_port: mail.local_addr()?.port(),
            hook_port: hook.local_addr()?.port(),
            secret: format!("whsec_{}", BASE64.encode(&key)),
            mails: Kept::default(),
            hooks: Kept::default(),
        };
        let mails = Arc::clone(&catchers.mails);
        tokio::spawn(async move {
            while let Ok((socket, _)) = mail.accept().await {
                let mails = Arc::clone(&mails);
                tokio::spawn(async move { take_mail(socket, &mails).await });
            }
        });
        let hooks = Arc::clone(&catchers.hooks);
        tokio::spawn(async move {
            while let Ok((socket, _)) = hook.accept().await {
                let hooks = Arc::clone(&hooks);
                tokio::spawn(async move { take_hook(socket, key, &hooks).await });
            }
        });
        Ok(catchers)
    }

    pub(super) async fn mails(&self, wanted: usize, patience: Duration) -> Vec<Mail> {
        settled(&self.mails, wanted, patience).await
    }

    pub(super) async fn hooks(&self, wanted: usize, patience: Duration) -> Vec<Hook> {
        settled(&self.hooks, wanted, patience).await
    }
}

/// What has arrived once there is enough and nothing came for a moment.
async fn settled<T: Clone>(kept: &Kept<T>, wanted: usize, patience: Duration) -> Vec<T> {
    let deadline = Instant::now() + patience;
    let mut last = usize::MAX;
    loop {
        tokio::time::sleep(Duration::from_millis(600)).await;
        let now = lock(kept).clone();
        if now.len() >= wanted && now.len() == last || Instant::now() >= deadline {
            return now;
        }
        last = now.len();
    }
}

fn lock<T>(kept: &Kept<T>) -> std::sync::MutexGuard<'_, Vec<T>> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As much SMTP (RFC 5321) as one honest client needs.
async fn take_mail(socket: TcpStream, mails: &Kept<Mail>) -> std::io::Result<()> {
    let (read, mut write) = socket.into_split();
    let mut lines = BufReader::new(read.take(LIMIT)).lines();
    write.write_all(b"220 catcher ESMTP\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let verb = line
            .split([' ', ':'])
            .next()
            .unwrap_or_default()
            .to_ascii_uppercase();
        let answer = match verb.as_str() {
            "EHLO" | "HELO" => "250 catcher",
            "DATA" => {
                write.write_all(b"354 go on\r\n").await?;
                let mut message = Vec::new();
                while let Some(line) = lines.next_line().await? {
                    if line == "." {
                        break;
                    }
                    message.push(line);
                }
                lock(mails).push(parse_mail(&message));
                "250 taken"
            }
            "QUIT" => {
                write.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => "250 fine",
        };
        write.write_all(answer.as_bytes()).await?;
        write.write_all(b"\r\n").await?;
    }
    Ok(())
}

fn parse_mail(lines: &[String]) -> Mail {
    let head = lines.iter().take_while(|line| !line.is_empty());
    let unfolded = head.fold(String::new(), |all, line| {
        if line.starts_with([' ', '\t']) {
            all + line
        } else {
            all + "\n" + line
        }
    });
    let subject = unfolded
        .lines()
        .find_map(|line| line.strip_prefix("Subject: "));
    let subject = decode_words(subject.unwrap_or_default());
    // The first part is the plain text.
    let body = lines
        .iter()
        .skip_while(|line| !line.starts_with("Content-Type: text/plain"))
        .skip_while(|line| !line.is_empty())
        .skip(1)
        .take_while(|line| !line.starts_with("--"));
    let text = decode_quoted(&body.fold(String::new(), |all, line| all + line + "\n"));
    Mail {
        arrived: Instant::now(),
        subject,
        text: text.trim().to_owned(),
    }
}

/// Quoted-printable (RFC 2045).
fn decode_quoted(text: &str) -> String {
    let text = text.replace("=\n", "");
    let mut parts = text.split('=');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part
            .split_at_checked(2)
            .map(|(hex, rest)| (u8::from_str_radix(hex, 16), rest))
        {
            Some((Ok(byte), rest)) => {
                bytes.push(byte);
                bytes.extend_from_slice(rest.as_bytes());
            }
            _ => bytes.extend_from_slice(format!("={part}").as_bytes()),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Encoded words (RFC 2047), of the base64 sort that this program's mails use.
fn decode_words(text: &str) -> String {
    let mut decoded = String::new();
    let mut rest = text;
    while let Some((before, word)) = rest.split_once("=?utf-8?b?") {
        // Blanks between two encoded words are not part of the text.
        if decoded.is_empty() || !before.trim().is_empty() {
            decoded.push_str(before);
        }
        let Some((word, after)) = word.split_once("?=") else {
            break;
        };
        let bytes = BASE64.decode(word.as_bytes()).unwrap_or_default();
        decoded.push_str(&String::from_utf8_lossy(&bytes));
        rest = after;
    }
    decoded + rest
}

/// One webhook request; its Standard Webhooks signature is checked as a receiver should.
async fn take_hook(socket: TcpStream, key: [u8; 24], hooks: &Kept<Hook>) -> std::io::Result<()> {
    let (read, mut write) = socket.into_split();
    let mut reader = BufReader::new(read.take(LIMIT));
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if reader.read_until(b'\n', &mut head).await? == 0 {
            return Ok(());
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let header = |name: &str| {
        head.lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.to_owned())
            .unwrap_or_default()
    };
    let length: usize = header("content-length").parse().unwrap_or(0);
    let mut body = vec![0; length.min(64 << 10)];
    reader.read_exact(&mut body).await?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
    mac.update(format!("{}.{}.", header("webhook-id"), header("webhook-timestamp")).as_bytes());
    mac.update(&body);
    let expected = format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes()));
    let signed = header("webhook-signature")
        .split(' ')
        .any(|signature| signature == expected);
    let message: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let subject = message["subject"].as_str().unwrap_or_default().to_owned();
    lock(hooks).push(Hook {
        arrived: Instant::now(),
        subject,
        signed,
    });
    write
        .write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        .await
}
