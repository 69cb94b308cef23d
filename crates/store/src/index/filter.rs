//! What may be asked of the index, and how an answer is cut into pages.

use std::fmt;
use std::str::FromStr;

use lapwing_core::{
    ActorId, CanaryId, IdError, IncidentId, IncidentState, StationId, Timestamp, TripId, Verdict,
};

/// Which trips. What is `None` does not matter.
#[derive(Clone, Debug, Default)]
pub struct TripFilter {
    /// Not before this time.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// Of this canary.
    pub canary: Option<CanaryId>,
    /// Of this actor.
    pub actor: Option<ActorId>,
    /// Of this incident.
    pub incident: Option<IncidentId>,
    /// With this verdict.
    pub verdict: Option<Verdict>,
    /// At most so many.
    pub limit: usize,
    /// After this page.
    pub before: Option<Cursor>,
}

/// Which incidents. What is `None` does not matter.
#[derive(Clone, Debug, Default)]
pub struct IncidentFilter {
    /// With a trip at or after this time.
    pub since: Option<Timestamp>,
    /// Of this canary.
    pub canary: Option<CanaryId>,
    /// Of this actor.
    pub actor: Option<ActorId>,
    /// In this state.
    pub state: Option<IncidentState>,
    /// At most so many.
    pub limit: usize,
    /// After this page.
    pub before: Option<Cursor>,
}

/// Which actors. What is `None` does not matter.
#[derive(Clone, Debug, Default)]
pub struct ActorFilter {
    /// With a trip at or after this time.
    pub since: Option<Timestamp>,
    /// At most so many.
    pub limit: usize,
    /// After this page.
    pub before: Option<Cursor>,
}

/// Part of an answer, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Where the next page begins; `None` if there is none.
    pub next: Option<Cursor>,
}

/// Where a page ends. Printed and parsed as text without blanks; good for the same filter only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(pub(super) At);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// In a chain, after this trip.
    Trip(TripId),
    /// In the order of the journals, below this sequence of each station.
    Below(Vec<(StationId, u64)>),
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            At::Trip(trip) => write!(f, "after-{trip}"),
            At::Below(bounds) => {
                for (place, (station, sequence)) in bounds.iter().enumerate() {
                    let comma = if place == 0 { "" } else { "," };
                    write!(f, "{comma}{station}-{sequence}")?;
                }
                Ok(())
            }
        }
    }
}

impl FromStr for Cursor {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if let Some(trip) = text.strip_prefix("after-") {
            return trip.parse().map(|trip| Self(At::Trip(trip)));
        }
        let bounds: Result<_, IdError> = text
            .split(',')
            .map(|bound| {
                let bound: TripId = bound.parse()?;
                Ok((bound.station, bound.sequence))
            })
            .collect();
        bounds.map(|bounds| Self(At::Below(bounds)))
    }
}
