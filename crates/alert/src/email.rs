//! E-mail over SMTP (RFC 5321): STARTTLS, implicit TLS, or a plain relay.
//!
//! Each message gets a fresh connection: pooled ones go stale in the long pauses between alerts,
//! and then cost the alert that matters its time.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use lapwing_core::{Timestamp, text};
use lettre::address::Envelope;
use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::{self, AsyncSmtpTransport};
use lettre::{AsyncTransport as _, Tokio1Executor};

use crate::channel::{Channel, ChannelKind, Sending, stable_id};
use crate::settings::Settings;
use crate::{AlertError, ChannelError, Message, tls};

/// The kind.
pub(crate) const EMAIL: ChannelKind = ChannelKind {
    name: "email",
    summary: "e-mail through an SMTP server, as text and HTML",
    example: r#"[alert.channels.mail]
kind = "email"
host = "mail.example.org"
from = "Station <station@example.org>"
to = ["admin@example.org"]
# security = "starttls"                   # or "tls", or "none" for a plain relay
# port = 587                              # the default for starttls; 465 for tls, 25 for none
# username = "station"
# password_file = "/etc/lapwing/mail.password"  # or password = "..."
# ca_file = "/etc/lapwing/ca.pem"         # trust this certificate authority as well
# danger_plain_auth = true                # send the password unencrypted to another machine
# timeout_seconds = 30
# heartbeat = true                        # send signs of life here
"#,
    build,
};

struct Email {
    name: String,
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
    timeout: Duration,
    heartbeat: bool,
}

fn build(name: &str, config: &serde_json::Value) -> Result<Box<dyn Channel>, AlertError> {
    tls::install_provider();
    let mut settings = Settings::new(name, config)?;
    let host = settings.required("host", "\"mail.example.org\"")?;
    let (tls, default_port) = read_security(&mut settings, &host)?;
    let port = settings.number("port", 1..=65_535)?.unwrap_or(default_port);
    let port = u16::try_from(port).expect("checked to be at most 65535");
    let credentials = read_credentials(&mut settings, &host, &tls)?;
    let from = settings.required("from", "\"station@example.org\"")?;
    let from = mailbox(&settings, "from", &from)?;
    let to = settings.texts("to", "\"admin@example.org\"")?;
    let to: Vec<Mailbox> = to
        .iter()
        .map(|address| mailbox(&settings, "to", address))
        .collect::<Result<_, _>>()?;
    let timeout = settings.number("timeout_seconds", 1..=300)?.unwrap_or(30);
    let timeout = Duration::from_secs(timeout);
    let heartbeat = settings.flag("heartbeat")?;
    settings.finish()?;
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
        .port(port)
        .tls(tls)
        .timeout(Some(timeout));
    if let Some(credentials) = credentials {
        builder = builder.credentials(credentials);
    }
    Ok(Box::new(Email {
        name: name.to_owned(),
        transport: builder.build(),
        from,
        to,
        timeout,
        heartbeat,
    }))
}

/// How the connection is protected, and the port that goes with it.
fn read_security(settings: &mut Settings, host: &str) -> Result<(Tls, u64), AlertError> {
    let security = settings.text("security")?;
    let roots = settings.file("ca_file")?;
    let parameters = |settings: &Settings| {
        let mut builder = TlsParameters::builder(host.to_owned());
        if let Some(pem) = &roots {
            let wrong = |error: String| {
                settings.error(
                    format!("`ca_file`: {error}"),
                    "it must hold PEM certificates",
                )
            };
            // lettre takes a file without any certificate for one.
            tls::client(Some(pem)).map_err(wrong)?;
            let roots = Certificate::from_pem(pem).map_err(|error| wrong(error.to_string()))?;
            builder = builder.add_root_certificate(roots);
        }
        builder
            .build()
            .map_err(|error| settings.error(error.to_string(), "check `host` and `ca_file`"))
    };
    match security.as_deref() {
        None | Some("starttls") => Ok((Tls::Required(parameters(settings)?), 587)),
        Some("tls") => Ok((Tls::Wrapper(parameters(settings)?), 465)),
        Some("none") => Ok((Tls::None, 25)),
        Some(_) => Err(settings.error(
            "`security` is unknown",
            "write \"starttls\", \"tls\" or \"none\"",
        )),
    }
}

fn read_credentials(
    settings: &mut Settings,
    host: &str,
    tls: &Tls,
) -> Result<Option<Credentials>, AlertError> {
    let username = settings.text("username")?;
    let password = settings.secret("password", "password_file")?;
    let allowed = settings.flag("danger_plain_auth")?;
    match (username, password) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) if matches!(tls, Tls::None) && !allowed && !is_loopback(host) => {
            Err(settings.error(
                "the password would go to another machine unencrypted",
                "set security = \"starttls\" or \"tls\" (or danger_plain_auth = true)",
            ))
        }
        (Some(username), Some(password)) => Ok(Some(Credentials::new(username, password))),
        (Some(_), None) => {
            Err(settings.error("`username` without a password", "add password_file"))
        }
        (None, Some(_)) => Err(settings.error("a password without `username`", "add username")),
    }
}

fn is_loopback(host: &str) -> bool {
    let address: Option<IpAddr> = host.parse().ok();
    host.eq_ignore_ascii_case("localhost") || address.is_some_and(|address| address.is_loopback())
}

fn mailbox(settings: &Settings, key: &str, address: &str) -> Result<Mailbox, AlertError> {
    address.parse().map_err(|_| {
        settings.error(
            format!("`{key}`: {address:?} is not a mail address"),
            "write \"admin@example.org\" or \"Name <admin@example.org>\"",
        )
    })
}

impl Channel for Email {
    fn name(&self) -> &str {
        &self.name
    }

    fn heartbeat(&self) -> bool {
        self.heartbeat
    }

    fn send<'a>(&'a self, message: &'a Message, key: &'a str) -> Sending<'a> {
        Box::pin(async move {
            let bytes = self.compose(message, key)?;
            match self.submit(&self.to, &bytes).await {
                Err(error) if error.is_permanent() && self.to.len() > 1 => {
                    self.submit_to_each(&bytes, error).await
                }
                result => result,
            }
        })
    }
}

impl Email {
    /// The message as bytes. Subject and names are encoded by lettre: no line end gets out.
    fn compose(&self, message: &Message, key: &str) -> Result<Vec<u8>, ChannelError> {
        let domain = self.from.email.domain();
        let id = |thing: &str| format!("<{}@{domain}>", stable_id(message, thing));
        let mut builder = lettre::Message::builder()
            .from(self.from.clone())
            .subject(message.subject())
            .message_id(Some(id(key)))
            .date(date(message))
            .header(AutoSubmitted);
        for to in &self.to {
            builder = builder.to(to.clone());
        }
        if let Some(incident) = &message.incident {
            // All messages of one incident name the same ancestor: programs show them together.
            builder = builder.references(id(&incident.id.to_string()));
        }
        let body = MultiPart::alternative_plain_html(message.to_text(), message.to_html());
        builder
            .multipart(body)
            .map(|mail| mail.formatted())
            .map_err(|error| ChannelError::permanent(format!("cannot be composed: {error}"), ""))
    }

    async fn submit(&self, to: &[Mailbox], bytes: &[u8]) -> Result<(), ChannelError> {
        let to = to.iter().map(|mailbox| mailbox.email.clone()).collect();
        let envelope = Envelope::new(Some(self.from.email.clone()), to)
            .expect("a list of recipients is never empty");
        // lettre's own timeout covers the connect only.
        match tokio::time::timeout(self.timeout, self.transport.send_raw(&envelope, bytes)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(failure(&error)),
            Err(_) => Err(ChannelError::temporary(
                format!(
                    "the mail server did not finish within {} s",
                    self.timeout.as_secs()
                ),
                "check that host, port and security fit together",
            )),
        }
    }

    /// One refused recipient must not cost the others their alert. Taken by one is taken: repeating
    /// it would reach that one again.
    async fn submit_to_each(&self, bytes: &[u8], first: ChannelError) -> Result<(), ChannelError> {
        let mut result = Err(first);
        for to in &self.to {
            match self.submit(std::slice::from_ref(to), bytes).await {
                Ok(()) => result = Ok(()),
                Err(error) => tracing::error!(
                    channel = self.name,
                    recipient = %to.email,
                    %error,
                    "this recipient gets no alerts: correct `to`"
                ),
            }
        }
        result
    }
}

/// When it happened: RFC 5322 asks for the time the message was complete, not sent.
fn date(message: &Message) -> SystemTime {
    let seconds = Timestamp::parse(&message.timestamp).map(Timestamp::seconds);
    let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
    seconds.map_or_else(SystemTime::now, |seconds| {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    })
}

/// `Auto-Submitted` (RFC 3834): no answers from holidays.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// Whether the handshake failed: lettre files that under connection errors.
fn is_certificate(error: &smtp::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(current) = cause {
        let inner = current
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        if inner.is_some_and(|inner| inner.is::<rustls::Error>()) {
            return true;
        }
        cause = current.source();
    }
    false
}

fn failure(error: &smtp::Error) -> ChannelError {
    let what = text::escape_short(error.to_string().as_bytes(), 300);
    match error.status().map(u16::from) {
        // RFC 4954: authentication. The operator can mend it, so the alert waits.
        Some(530 | 534 | 535 | 538) => {
            ChannelError::temporary(what, "check username and password (and security)")
        }
        Some(code) if code >= 500 => ChannelError::permanent(
            what,
            "the mail server refuses this for good: check from and to",
        ),
        Some(_) => ChannelError::temporary(what, "the mail server asks to come back later"),
        None if error.is_tls() || is_certificate(error) => ChannelError::temporary(
            what,
            "check that `host` is the name in the server's certificate; a private authority goes \
             into ca_file",
        ),
        None => ChannelError::temporary(
            what,
            "check that host, port and security fit together and the server is up",
        ),
    }
}
