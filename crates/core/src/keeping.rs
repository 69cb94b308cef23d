//! Keeping and forgetting: what the operator wants erased, what may not be, and what was.
//!
//! Of journal records nothing but parts is ever erased: raw bytes, claims, and what decoys captured. The
//! record with its salted digests stays, and so does everything concluded from it. What was looked up outward
//! about an address is no record, and goes as a whole.

mod past;

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::decision::{Decision, Verb};
use crate::id::{ActorId, CanaryId, EraseId, HoldId, IdError, IncidentId, TripId};
use crate::time::Timestamp;

pub use past::{Erasure, erasures};

/// What of a trip is erased.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The bytes as sent, the ClientHello among them.
    Raw,
    /// All that the peer said, what was captured included.
    Claims,
    /// What decoys captured (telephone numbers, message texts, mail addresses), and whatever else of
    /// the trip quotes it: the raw bytes always do.
    Captures,
    /// The same for one of them, by its name: `sms.to`.
    Captured(String),
}

/// In front of the name of one capture.
const CAPTURED: &str = "captured:";

impl Part {
    /// The parts that have an age of their own.
    pub const CLASSES: [Self; 3] = [Self::Raw, Self::Claims, Self::Captures];

    /// What it is, for people.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Raw => "the request as sent".to_owned(),
            Self::Claims => "what the peer said".to_owned(),
            Self::Captures => "what decoys captured".to_owned(),
            Self::Captured(name) => format!("the captured {name}"),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Raw => f.write_str("raw"),
            Self::Claims => f.write_str("claims"),
            Self::Captures => f.write_str("captures"),
            Self::Captured(name) => write!(f, "{CAPTURED}{name}"),
        }
    }
}

impl FromStr for Part {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        match text {
            "raw" => Ok(Self::Raw),
            "claims" => Ok(Self::Claims),
            "captures" => Ok(Self::Captures),
            _ => match text.strip_prefix(CAPTURED) {
                Some(name) if !name.is_empty() => Ok(Self::Captured(name.to_owned())),
                _ => Err(IdError::new(text, "raw, claims, captures or captured:NAME")),
            },
        }
    }
}

impl Serialize for Part {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Everything of a class that was recorded before its time goes; `None`: nothing of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ages {
    /// See [`Part::Raw`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Timestamp>,
    /// See [`Part::Claims`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims: Option<Timestamp>,
    /// See [`Part::Captures`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub captures: Option<Timestamp>,
    /// What was looked up outward about addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lookups: Option<Timestamp>,
}

impl Ages {
    /// Whether nothing goes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.newest().is_none() && self.lookups.is_none()
    }

    /// Records from then on keep everything.
    #[must_use]
    pub fn newest(&self) -> Option<Timestamp> {
        self.raw.max(self.claims).max(self.captures)
    }

    /// Of records from before that everything goes that ever does.
    #[must_use]
    pub fn oldest(&self) -> Option<Timestamp> {
        let ages = [self.raw, self.claims, self.captures];
        ages.into_iter().flatten().min()
    }

    /// Which classes of a record from this time go.
    pub fn classes(&self, time: Timestamp) -> impl Iterator<Item = Part> + use<> {
        let before = [self.raw, self.claims, self.captures];
        Part::CLASSES
            .into_iter()
            .zip(before)
            .filter_map(move |(part, before)| before.is_some_and(|it| time < it).then_some(part))
    }
}

/// What is to be erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// Of all trips what is so old.
    Older(Ages),
    /// Parts of one trip.
    Trip {
        /// Which.
        trip: TripId,
        /// What of it.
        parts: Vec<Part>,
    },
    /// Parts of all trips from an address, and what was looked up about it.
    Address {
        /// Which.
        address: IpAddr,
        /// What of the trips.
        parts: Vec<Part>,
    },
}

/// An erasure that was asked for. Whoever writes the journal carries it out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erase {
    /// Its name.
    pub erase: EraseId,
    /// What goes.
    pub what: What,
    /// Why.
    pub reason: String,
    /// Who asked; a station by itself: `retention`.
    pub by: String,
}

/// An erasure that was carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// Which.
    pub erase: EraseId,
    /// So many parts are gone, ...
    pub parts: u64,
    /// ... with so many bytes of the journal's lines.
    pub bytes: u64,
    /// So many stayed because of a hold.
    pub held: u64,
    /// So many answers to look-ups are gone, ...
    #[serde(default, skip_serializing_if = "is_zero")]
    pub snapshots: u64,
    /// ... and so many lines of the list of what went outward.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lines: u64,
    /// Why it came to nothing, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// The erasures that were asked for and not carried out, in their order.
#[must_use]
pub fn pending(decisions: &[Decision]) -> Vec<Erase> {
    let mut open: Vec<Erase> = Vec::new();
    for decision in decisions {
        match &decision.verb {
            Verb::Erase(erase) => open.push(erase.clone()),
            Verb::Erased(done) => open.retain(|erase| erase.erase != done.erase),
            _ => {}
        }
    }
    open
}

/// Why a part is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// When that was asked for.
    pub time: Timestamp,
    /// The operator's reason.
    pub reason: String,
    /// Who asked.
    pub by: String,
}

/// Why parts of a trip that was recorded at `time` and came from `source` are gone: a decision on this very trip or
/// its address before one on all that are so old. `None`: no decision that is known here says so.
#[must_use]
pub fn why_erased(
    decisions: &[Decision],
    trip: TripId,
    time: Timestamp,
    source: IpAddr,
) -> Option<Why> {
    let why = |decision: &Decision, erase: &Erase| Why {
        time: decision.time,
        reason: erase.reason.clone(),
        by: erase.by.clone(),
    };
    let mut by_age = None;
    for decision in decisions {
        let Verb::Erase(erase) = &decision.verb else {
            continue;
        };
        match &erase.what {
            What::Trip { trip: one, .. } if *one == trip => return Some(why(decision, erase)),
            What::Address { address, .. } if *address == source.to_canonical() => {
                return Some(why(decision, erase));
            }
            What::Older(ages) if ages.classes(time).next().is_some() && by_age.is_none() => {
                by_age = Some(why(decision, erase));
            }
            What::Older(_) | What::Trip { .. } | What::Address { .. } => {}
        }
    }
    by_age
}

/// What a hold covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HoldOn {
    /// Everything.
    All,
    /// The trips of an incident.
    Incident(IncidentId),
    /// The trips of an actor.
    Actor(ActorId),
    /// The trips of a canary.
    Canary(CanaryId),
    /// One trip.
    Trip(TripId),
}

impl fmt::Display for HoldOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("everything"),
            Self::Incident(id) => write!(f, "incident {id}"),
            Self::Actor(id) => write!(f, "actor {id}"),
            Self::Canary(id) => write!(f, "canary {id}"),
            Self::Trip(id) => write!(f, "trip {id}"),
        }
    }
}

/// A legal hold: what it covers is not erased, neither by age nor on request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Its name.
    pub hold: HoldId,
    /// What it covers.
    pub on: HoldOn,
    /// Who answers for it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When it lapses; `None`: when somebody ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// Every hold in the order they were set up, since when, and until when it holds or held.
#[must_use]
pub fn holds(decisions: &[Decision]) -> Vec<(Timestamp, Hold)> {
    let mut holds: Vec<(Timestamp, Hold)> = Vec::new();
    for decision in decisions {
        match &decision.verb {
            Verb::Hold(hold) => holds.push((decision.time, hold.clone())),
            Verb::Unhold { hold: ended, .. } => {
                for (_, hold) in holds.iter_mut().filter(|(_, hold)| hold.hold == *ended) {
                    let until = hold.until.unwrap_or(decision.time);
                    hold.until = Some(until.min(decision.time));
                }
            }
            _ => {}
        }
    }
    holds
}

/// Whether a trip is under a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cover {
    /// It is under none.
    Free,
    /// It is under this one.
    Held(HoldId),
    /// That cannot be told before the trip is indexed.
    Unknown,
}

/// The holds that hold at a moment.
#[derive(Clone, Debug, Default)]
pub struct Holds(Vec<Hold>);

impl Holds {
    /// Those of them that hold at `now`.
    #[must_use]
    pub fn at(decisions: &[Decision], now: Timestamp) -> Self {
        let holds = holds(decisions).into_iter().map(|(_, hold)| hold);
        Self(
            holds
                .filter(|hold| hold.until.is_none_or(|until| now < until))
                .collect(),
        )
    }

    /// Whether what was concluded from a trip matters.
    #[must_use]
    pub fn ask_conclusions(&self) -> bool {
        let asks = |hold: &Hold| matches!(hold.on, HoldOn::Incident(_) | HoldOn::Actor(_));
        self.0.iter().any(asks)
    }

    /// The hold on everything, if there is one.
    #[must_use]
    pub fn on_everything(&self) -> Option<HoldId> {
        let mut all = self.0.iter().filter(|hold| hold.on == HoldOn::All);
        all.next().map(|hold| hold.hold)
    }

    /// Looks whether a trip of this canary is covered; `concluded` is its incident and the actors it may
    /// be taken for, `None` as long as nothing is concluded from it.
    #[must_use]
    pub fn cover(
        &self,
        trip: TripId,
        canary: CanaryId,
        concluded: Option<(IncidentId, &[ActorId])>,
    ) -> Cover {
        let mut unknown = false;
        for hold in &self.0 {
            let covered = match (hold.on, concluded) {
                (HoldOn::All, _) => true,
                (HoldOn::Trip(id), _) => id == trip,
                (HoldOn::Canary(id), _) => id == canary,
                (HoldOn::Incident(id), Some((incident, _))) => id == incident,
                (HoldOn::Actor(id), Some((_, actors))) => actors.contains(&id),
                (HoldOn::Incident(_) | HoldOn::Actor(_), None) => {
                    unknown = true;
                    false
                }
            };
            if covered {
                return Cover::Held(hold.hold);
            }
        }
        if unknown { Cover::Unknown } else { Cover::Free }
    }

    /// The hold with this name.
    #[must_use]
    pub fn get(&self, id: HoldId) -> Option<&Hold> {
        self.0.iter().find(|hold| hold.hold == id)
    }
}

#[cfg(test)]
mod tests;
