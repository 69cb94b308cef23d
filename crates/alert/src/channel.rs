//! The plug point: kinds of channel, and the channels made of them.

use std::future::Future;
use std::pin::Pin;

use lapwing_core::{Delivery, DeliveryState, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::email::EMAIL;
use crate::webhook::WEBHOOK;
use crate::{AlertError, ChannelError, Message};

/// A message on its way: resolves when the other side took it, or did not.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<(), ChannelError>> + Send + 'a>>;

/// Somewhere messages go.
pub trait Channel: Send + Sync {
    /// The configured name.
    fn name(&self) -> &str;

    /// Sends one message. `key` is the delivery's: the same key makes the same message id, so that
    /// the other side can tell a message that arrives twice.
    fn send<'a>(&'a self, message: &'a Message, key: &'a str) -> Sending<'a>;

    /// Whether signs of life are wanted here.
    fn heartbeat(&self) -> bool {
        false
    }
}

/// Makes a channel: its configured name, and its table of keys.
pub type Build = fn(&str, &serde_json::Value) -> Result<Box<dyn Channel>, AlertError>;

/// A kind of channel.
#[derive(Clone, Copy, Debug)]
pub struct ChannelKind {
    /// What `kind = "..."` says.
    pub name: &'static str,
    /// In a line.
    pub summary: &'static str,
    /// A piece of `lapwing.toml` with every key.
    pub example: &'static str,
    /// Makes a channel called as the first argument says, from its table of keys (`kind` and
    /// `name` in it are skipped, unknown keys are errors). Reads the files it names; connects to
    /// nothing.
    pub build: Build,
}

/// Every kind of channel.
pub const CHANNELS: &[ChannelKind] = &[EMAIL, WEBHOOK];

/// A delivery of `message` to `channel`, due at once. `stem` names the alert, for an incident
/// `<incident>/<occasion>/<number>`: the same stem and channel are never queued twice.
#[must_use]
pub fn delivery(stem: &str, channel: &str, message: &Message, now: Timestamp) -> Delivery {
    Delivery {
        key: format!("{stem}@{channel}"),
        channel: channel.to_owned(),
        occasion: message.occasion,
        message: message.to_json(),
        queued: now,
        attempts: 0,
        due: now,
        state: DeliveryState::Pending,
        folded: None,
        delivered: None,
        error: String::new(),
    }
}

/// 32 hex digits that are always the same for the same thing of the same station, and tell nothing.
pub(crate) fn stable_id(message: &Message, thing: &str) -> String {
    let digest = Sha256::digest(format!("{} {thing}", message.station));
    data_encoding::HEXLOWER.encode(&digest[..16])
}
