//! What can go wrong, in words for the operator: what, where, and what next.

/// A failure of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AlertError {
    /// The configuration of a channel cannot be used.
    #[error("channel `{channel}`: {what}")]
    Config {
        /// The configured name of the channel.
        channel: String,
        /// Which key, and what is wrong with it. Never holds a secret.
        what: String,
        /// What to do about it.
        hint: String,
    },
    /// No channel has this name.
    #[error("no channel is called `{name}`")]
    UnknownChannel {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// A channel did not take a message.
    #[error("channel `{channel}`: {source}")]
    Send {
        /// The configured name of the channel.
        channel: String,
        /// Why.
        source: ChannelError,
    },
    /// What an outbox holds is not a message.
    #[error("the outbox holds what is not a message: {0}")]
    Message(#[source] serde_json::Error),
}

impl AlertError {
    /// What to do about it, a sentence or none.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Config { hint, .. } => hint.clone(),
            Self::UnknownChannel { known, .. } if known.is_empty() => {
                "add a channel below [alert.channels] in lapwing.toml".to_owned()
            }
            Self::UnknownChannel { known, .. } => {
                format!("the channels there are: {}", known.join(", "))
            }
            Self::Send { source, .. } => source.hint().to_owned(),
            Self::Message(_) => String::new(),
        }
    }
}

/// Why a channel did not take a message. The text is escaped, and holds neither secrets nor bait.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// May work later: worth another attempt.
    #[error("{what}")]
    Temporary {
        /// What happened.
        what: String,
        /// What the operator can do.
        hint: String,
    },
    /// Will not work however often it is tried.
    #[error("{what}")]
    Permanent {
        /// What happened.
        what: String,
        /// What the operator can do.
        hint: String,
    },
}

impl ChannelError {
    /// A failure worth another attempt.
    #[must_use]
    pub fn temporary(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Temporary {
            what: what.into(),
            hint: hint.into(),
        }
    }

    /// A failure for good.
    #[must_use]
    pub fn permanent(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Permanent {
            what: what.into(),
            hint: hint.into(),
        }
    }

    /// Whether another attempt is useless.
    #[must_use]
    pub const fn is_permanent(&self) -> bool {
        matches!(self, Self::Permanent { .. })
    }

    /// What the operator can do.
    #[must_use]
    pub fn hint(&self) -> &str {
        match self {
            Self::Temporary { hint, .. } | Self::Permanent { hint, .. } => hint,
        }
    }
}
