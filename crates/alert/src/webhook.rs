//! Webhooks, signed after Standard Webhooks (`webhook-id`, `webhook-timestamp`,
//! `webhook-signature: v1,` + base64 of HMAC-SHA-256 over `id.timestamp.body`).
//!
//! No redirect is followed, nothing private is connected to unless allowed, and what the other side
//! answers is read up to a limit and shown only escaped.

use std::error::Error as StdError;
use std::time::Duration;

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use lapwing_core::{Clock as _, SystemClock, text};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Response, StatusCode, redirect};
use sha2::Sha256;
use url::{Host, Url};

use crate::channel::{Channel, ChannelKind, Sending, stable_id};
use crate::guard::{Guard, Refused};
use crate::settings::Settings;
use crate::{AlertError, ChannelError, Message, tls};

/// The kind.
pub(crate) const WEBHOOK: ChannelKind = ChannelKind {
    name: "webhook",
    summary: "HTTPS POST of the message as JSON, signed after Standard Webhooks",
    example: r#"[alert.channels.hook]
kind = "webhook"
url = "https://alerts.example.org/lapwing"
secret_file = "/etc/lapwing/hook.secret"  # or secret = "whsec_...": "whsec_" and 24 to 64 bytes in base64
# headers = { "authorization" = "Bearer ..." }
# ca_file = "/etc/lapwing/ca.pem"         # trust this certificate authority as well
# allow_private = true                    # loopback and private networks, and plain http:
# timeout_seconds = 15
# heartbeat = true                        # send signs of life here
"#,
    build,
};

/// Most bytes of a body sent (Standard Webhooks asks for 20 kB).
const BODY_LIMIT: usize = 20_000;
/// Most bytes of an answer read.
const ANSWER_LIMIT: usize = 64 * 1024;
/// Names that are ours to set.
const OURS: &[&str] = &[
    "host",
    "content-length",
    "content-type",
    "transfer-encoding",
    "connection",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
];

struct Webhook {
    name: String,
    url: Url,
    key: Hmac<Sha256>,
    client: Client,
    timeout: Duration,
    heartbeat: bool,
}

fn build(name: &str, config: &serde_json::Value) -> Result<Box<dyn Channel>, AlertError> {
    tls::install_provider();
    let mut settings = Settings::new(name, config)?;
    let allow_private = settings.flag("allow_private")?;
    let guard = Guard { allow_private };
    let url = read_url(&mut settings, guard)?;
    let key = read_secret(&mut settings)?;
    let headers = read_headers(&mut settings)?;
    let roots = settings.file("ca_file")?;
    let timeout = settings.number("timeout_seconds", 1..=300)?.unwrap_or(15);
    let timeout = Duration::from_secs(timeout);
    let heartbeat = settings.flag("heartbeat")?;
    let tls = tls::client(roots.as_deref()).map_err(|error| {
        settings.error(
            format!("`ca_file`: {error}"),
            "it must hold PEM certificates",
        )
    })?;
    let client = Client::builder()
        .tls_backend_preconfigured(tls)
        .http1_only()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .dns_resolver(guard)
        // Every message resolves the name anew, and none waits on a connection gone stale.
        .pool_max_idle_per_host(0)
        .connect_timeout(timeout)
        .timeout(timeout)
        .user_agent("webhook/1")
        .default_headers(headers)
        .build()
        .map_err(|error| settings.error(chain(&error), "report this"))?;
    settings.finish()?;
    Ok(Box::new(Webhook {
        name: name.to_owned(),
        url,
        key,
        client,
        timeout,
        heartbeat,
    }))
}

fn read_url(settings: &mut Settings, guard: Guard) -> Result<Url, AlertError> {
    let said = settings.required("url", "\"https://...\"")?;
    let url = Url::parse(&said)
        .map_err(|error| settings.error(format!("`url`: {error}"), "write it with https://"))?;
    let allowed_scheme = match url.scheme() {
        "https" => true,
        "http" => guard.allow_private,
        _ => false,
    };
    if !allowed_scheme {
        return Err(settings.error(
            format!("`url`: {}: is not encrypted", url.scheme()),
            "use https:, or set allow_private = true for a receiver in your own network",
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(settings.error(
            "`url` holds a user name or password",
            "put credentials into `headers`",
        ));
    }
    // A name is checked when it is resolved; an address never is.
    let address = match url.host() {
        Some(Host::Ipv4(v4)) => Some(v4.into()),
        Some(Host::Ipv6(v6)) => Some(v6.into()),
        _ => None,
    };
    match address {
        Some(address) if !guard.allows(address) => {
            Err(settings.error(format!("`url` {}", Refused(address)), ALLOW_PRIVATE))
        }
        _ => Ok(url),
    }
}

const ALLOW_PRIVATE: &str = "if the receiver is yours, set allow_private = true";

fn read_secret(settings: &mut Settings) -> Result<Hmac<Sha256>, AlertError> {
    const HINT: &str = "make one: printf 'whsec_%s\\n' \"$(openssl rand -base64 32)\"";
    let secret = settings
        .secret("secret", "secret_file")?
        .ok_or_else(|| settings.error("`secret` or `secret_file` is missing", HINT))?;
    let key = secret
        .strip_prefix("whsec_")
        .and_then(|encoded| BASE64.decode(encoded.as_bytes()).ok())
        .filter(|key| (24..=64).contains(&key.len()))
        .ok_or_else(|| {
            let what = "`secret` is not \"whsec_\" and 24 to 64 bytes in base64";
            settings.error(what, HINT)
        })?;
    Ok(Hmac::new_from_slice(&key).expect("HMAC takes keys of any length"))
}

fn read_headers(settings: &mut Settings) -> Result<HeaderMap, AlertError> {
    let mut headers = HeaderMap::new();
    for (name, value) in settings.table("headers")? {
        let parsed = HeaderName::from_bytes(name.as_bytes()).ok();
        let Some(parsed) = parsed.filter(|parsed| !OURS.contains(&parsed.as_str())) else {
            return Err(settings.error(
                format!("`headers`: {name:?} cannot be set"),
                "use another header",
            ));
        };
        let Ok(mut value) = HeaderValue::from_str(&value) else {
            return Err(settings.error(
                format!("`headers`: the value of {name:?} cannot be sent"),
                "use visible ASCII characters",
            ));
        };
        value.set_sensitive(true);
        headers.insert(parsed, value);
    }
    Ok(headers)
}

impl Channel for Webhook {
    fn name(&self) -> &str {
        &self.name
    }

    fn heartbeat(&self) -> bool {
        self.heartbeat
    }

    fn send<'a>(&'a self, message: &'a Message, key: &'a str) -> Sending<'a> {
        Box::pin(async move {
            tokio::time::timeout(self.timeout, self.post(message, key))
                .await
                .unwrap_or_else(|_| {
                    Err(ChannelError::temporary(
                        format!("no answer within {} s", self.timeout.as_secs()),
                        "check that the receiver is up, or raise timeout_seconds",
                    ))
                })
        })
    }
}

impl Webhook {
    async fn post(&self, message: &Message, key: &str) -> Result<(), ChannelError> {
        let body = body(message)?;
        let id = format!("msg_{}", stable_id(message, key));
        let timestamp = SystemClock.now().seconds();
        let signature = self.sign(&id, timestamp, &body);
        let request = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .body(body);
        let answer = request.send().await.map_err(failure)?;
        judge(answer).await
    }

    fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        let mut mac = self.key.clone();
        mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
        format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes()))
    }
}

fn body(message: &Message) -> Result<String, ChannelError> {
    let whole = message.to_json().to_string();
    if whole.len() <= BODY_LIMIT {
        return Ok(whole);
    }
    let short = message.shortened().to_json().to_string();
    if short.len() <= BODY_LIMIT {
        return Ok(short);
    }
    Err(ChannelError::permanent(
        format!(
            "the message has {} bytes, more than {BODY_LIMIT}",
            short.len()
        ),
        "",
    ))
}

/// What the other side made of it.
async fn judge(answer: Response) -> Result<(), ChannelError> {
    let status = answer.status();
    let said = read(answer).await;
    if status.is_success() {
        return Ok(());
    }
    let said = text::escape_short(&said, 200);
    let what = if said.is_empty() {
        format!("the receiver answered {status}")
    } else {
        format!("the receiver answered {status}: {said}")
    };
    Err(match status {
        StatusCode::GONE => {
            ChannelError::permanent(what, "the receiver wants no more: remove this channel")
        }
        _ if status.is_redirection() => ChannelError::temporary(
            what,
            "redirects are not followed: set the final address as url",
        ),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ChannelError::temporary(
            what,
            "check that both sides have the same secret and headers",
        ),
        _ => ChannelError::temporary(what, "look into the receiver's log"),
    })
}

/// The beginning of an answer; one that cannot be read to its end is as good as a short one.
async fn read(mut answer: Response) -> Vec<u8> {
    let mut said = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        let room = ANSWER_LIMIT - said.len();
        said.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if said.len() == ANSWER_LIMIT {
            break;
        }
    }
    said
}

/// An attempt that got no answer. The URL stays out of it: it may hold a secret.
fn failure(error: reqwest::Error) -> ChannelError {
    let error = error.without_url();
    let mut cause: Option<&(dyn StdError + 'static)> = Some(&error);
    while let Some(current) = cause {
        if let Some(refused) = current.downcast_ref::<Refused>() {
            return ChannelError::temporary(format!("the name {refused}"), ALLOW_PRIVATE);
        }
        cause = current.source();
    }
    let hint = if error.is_connect() {
        "check the address, and that the receiver is up and its certificate valid (`ca_file`)"
    } else {
        "check that the receiver is up"
    };
    ChannelError::temporary(text::escape_short(chain(&error).as_bytes(), 300), hint)
}

/// An error with its causes.
fn chain(error: &dyn StdError) -> String {
    let mut out = error.to_string();
    let mut cause = error.source();
    while let Some(current) = cause {
        let more = current.to_string();
        if !out.ends_with(&more) {
            out.push_str(": ");
            out.push_str(&more);
        }
        cause = current.source();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    /// The example of the Standard Webhooks libraries.
    #[test]
    fn signs_as_others_do() {
        let mut settings = Settings::new(
            "hook",
            &serde_json::json!({"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}),
        )
        .unwrap();
        let hook = Webhook {
            name: String::new(),
            url: Url::parse("https://example.org").unwrap(),
            key: read_secret(&mut settings).unwrap(),
            client: {
                tls::install_provider();
                Client::builder()
                    .tls_backend_preconfigured(tls::client(None).unwrap())
                    .build()
                    .unwrap()
            },
            timeout: Duration::ZERO,
            heartbeat: false,
        };
        assert_eq!(
            hook.sign(
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                r#"{"test": 2432232314}"#
            ),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
    }

    #[test]
    fn the_largest_message_fits() {
        let place = "\u{1F426}\"\\".repeat(400);
        let message = samples::message_as(
            lapwing_core::Occasion::Opened,
            lapwing_core::Verdict::Intruder,
            Some(&place),
            |trip, canary, _| {
                canary.memo = "\u{1F426}\\".repeat(500);
                for n in 0..20 {
                    canary
                        .labels
                        .insert(format!("{n}"), "\u{1F426}".repeat(200));
                    trip.fields.push(lapwing_core::MatchedField {
                        field: format!("{n}{}", "\u{1F426}".repeat(100)),
                        carrier: lapwing_core::Carrier::Json,
                    });
                }
                trip.claims.as_mut().unwrap().agent =
                    lapwing_core::Claimed::new("\u{1F426}\"".repeat(500));
            },
        );
        assert!(body(&message).unwrap().len() <= BODY_LIMIT);
    }
}
