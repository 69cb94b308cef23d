//! Servers that keep what arrives, for tests and for the demonstration: a mail server and a webhook
//! receiver on loopback, on ports of their own.

mod catchers;

pub use catchers::{Hook, Mail, MailCatcher, WebhookCatcher};
