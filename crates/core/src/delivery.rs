//! Alerts on their way out. The outbox lives in the ledger: what was promised to a channel is
//! delivered, or ends as a dead letter that the other channels shout about.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// Why something is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Occasion {
    /// The first trip of an incident.
    Opened,
    /// More trips of a known incident, counted.
    Continued,
    /// The operator asked (`lapwing alert test`).
    Test,
    /// The end of a drill's way.
    Drill,
    /// A channel keeps failing, trips cannot be recorded, ...
    Alarm,
    /// All is well.
    Heartbeat,
}

impl Occasion {
    const ALL: [Self; 6] = [
        Self::Opened,
        Self::Continued,
        Self::Test,
        Self::Drill,
        Self::Alarm,
        Self::Heartbeat,
    ];

    /// The word for it, as serialised.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Continued => "continued",
            Self::Test => "test",
            Self::Drill => "drill",
            Self::Alarm => "alarm",
            Self::Heartbeat => "heartbeat",
        }
    }
}

impl fmt::Display for Occasion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Occasion {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL
            .into_iter()
            .find(|occasion| occasion.word() == text)
            .ok_or(())
    }
}

/// How far a delivery has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// To be sent, or sent again.
    Pending,
    /// The channel took it.
    Delivered,
    /// Given up after the last attempt.
    Dead,
}

/// One alert to one channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Unique: the same alert is never queued twice, whatever is indexed again. For an incident
    /// `<incident>/<occasion>/<number>`, with `@<channel>` behind it.
    pub key: String,
    /// The configured name of the channel.
    pub channel: String,
    /// Why.
    pub occasion: Occasion,
    /// What is sent, as crate `alert` made it. Holds no bait value.
    pub message: serde_json::Value,
    /// When it was queued.
    pub queued: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried (again).
    pub due: Timestamp,
    /// How far it has come.
    pub state: DeliveryState,
    /// The delivery in whose message it went, if it went together with others (drills of many canaries).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folded: Option<String>,
    /// When the channel took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered: Option<Timestamp>,
    /// What the last attempt failed with.
    #[serde(default)]
    pub error: String,
}
