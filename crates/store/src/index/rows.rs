//! Rows of the index as types, and the numbers that stand for words in them.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use lapwing_core::{
    Actor, ActorId, CanaryId, Conclusion, Evidence, Incident, IncidentId, IncidentState, Judgement,
    MuteId, NetworkFacts, StationId, Timestamp, TripId, Untold, Verdict,
};
use serde::{Deserialize, Serialize};

use crate::StoreError;
use crate::db::{Row, int};

/// A trip in query form: what lists, filters and links need. The evidence itself stays in the
/// journal, at `segment` and `offset`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TripRow {
    /// Which canary was used.
    pub canary: CanaryId,
    /// When the first byte of the request was there.
    pub time: Timestamp,
    /// Where it came from: the address a configured proxy vouches for, else the socket's.
    pub source: SocketAddr,
    /// How many uses the record stands for.
    pub count: u64,
    /// Segment of the journal that holds the record.
    pub segment: u64,
    /// Offset in the segment, in bytes.
    pub offset: u64,
    /// What was concluded; also names the trip.
    pub conclusion: Conclusion,
}

impl TripRow {
    /// The trip's name.
    #[must_use]
    pub const fn id(&self) -> TripId {
        self.conclusion.trip
    }
}

/// How far a journal was followed: the last record taken in, and where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Followed {
    /// Whose journal.
    pub station: StationId,
    /// Sequence of the last record taken in.
    pub sequence: u64,
    /// Its segment.
    pub segment: u64,
    /// Its offset in the segment, in bytes.
    pub offset: u64,
}

/// Where a signal was last seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The actor it was linked to.
    pub actor: ActorId,
    /// The trip it was seen in.
    pub trip: TripId,
    /// When.
    pub time: Timestamp,
}

/// A signal with the session that it was last seen in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signal {
    /// Its name.
    pub signal: String,
    /// Its value.
    pub value: String,
    /// The session, by its first trip.
    pub session: TripId,
}

/// What happened to one canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanaryStats {
    /// Time of the earliest trip.
    pub first: Timestamp,
    /// Time of the latest trip.
    pub last: Timestamp,
    /// How many trips and uses.
    pub tally: Tally,
    /// The trip indexed last.
    pub latest: TripId,
}

/// How many trips, and how many uses they stand for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Trip records.
    pub trips: u64,
    /// Uses: a summary of a flood stands for many.
    pub uses: u64,
}

/// The trip before this one, of the same canary, incident and actor.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Before {
    pub(super) canary: Option<TripId>,
    pub(super) incident: Option<TripId>,
    pub(super) actor: Option<TripId>,
}

/// The JSON column of a trip.
#[derive(Serialize, Deserialize)]
pub(super) struct Conclusions<'a> {
    network: Cow<'a, NetworkFacts>,
    judgement: Cow<'a, Judgement>,
    evidence: Cow<'a, [Evidence]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session: Option<TripId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mute: Option<MuteId>,
}

impl<'a> Conclusions<'a> {
    pub(super) fn of(conclusion: &'a Conclusion) -> Self {
        Self {
            network: Cow::Borrowed(&conclusion.network),
            judgement: Cow::Borrowed(&conclusion.judgement),
            evidence: Cow::Borrowed(&conclusion.evidence),
            session: conclusion.session,
            mute: conclusion.mute,
        }
    }
}

/// Reads the columns that `trip_columns` in `trips.rs` names.
pub(super) fn read_trip(row: &Row<'_>) -> Result<(TripRow, Before), StoreError> {
    let conclusions: Conclusions<'_> = serde_json::from_str(row.text(14)?)
        .map_err(|error| row.damaged(format!("a conclusion: {error}")))?;
    let port = u16::try_from(row.int(5)?).map_err(|_| row.damaged("a port"))?;
    let trip = TripRow {
        time: Timestamp::from_micros(row.int(2)?),
        canary: CanaryId::from_bytes(row.array(3)?),
        source: SocketAddr::new(read_address(row, 4)?, port),
        count: row.count(10)?,
        segment: row.count(11)?,
        offset: row.count(12)?,
        conclusion: Conclusion {
            trip: read_name(row, 0)?,
            incident: IncidentId(read_name(row, 6)?),
            actor: ActorId(read_name(row, 8)?),
            network: conclusions.network.into_owned(),
            judgement: conclusions.judgement.into_owned(),
            evidence: conclusions.evidence.into_owned(),
            session: conclusions.session,
            mute: conclusions.mute,
        },
    };
    // Column 13 is the verdict, repeated in the judgement.
    let before = Before {
        canary: read_optional_name(row, 15)?,
        incident: read_optional_name(row, 17)?,
        actor: read_optional_name(row, 19)?,
    };
    Ok((trip, before))
}

/// Reads the columns station to untold of `incidents`.
pub(super) fn read_incident(row: &Row<'_>) -> Result<Incident, StoreError> {
    Ok(Incident {
        id: IncidentId(read_name(row, 0)?),
        canary: CanaryId::from_bytes(row.array(2)?),
        actor: ActorId(read_name(row, 3)?),
        verdict: read_verdict(row, 5)?,
        first: Timestamp::from_micros(row.int(6)?),
        last: Timestamp::from_micros(row.int(7)?),
        count: row.count(8)?,
        latest: read_name(row, 9)?,
        state: match row.int(11)? {
            0 => IncidentState::Open,
            1 => IncidentState::Acknowledged,
            2 => IncidentState::Closed,
            _ => return Err(row.damaged("an unknown state")),
        },
        untold: match row.int(12)? {
            0 => Untold::Nothing,
            1 => Untold::All,
            2 => Untold::More,
            _ => return Err(row.damaged("an unknown kind of silence")),
        },
    })
}

pub(super) fn state_number(state: IncidentState) -> i64 {
    match state {
        IncidentState::Open => 0,
        IncidentState::Acknowledged => 1,
        IncidentState::Closed => 2,
    }
}

pub(super) fn untold_number(untold: Untold) -> i64 {
    match untold {
        Untold::Nothing => 0,
        Untold::All => 1,
        Untold::More => 2,
    }
}

/// Reads an actor from its JSON column.
pub(super) fn read_actor(row: &Row<'_>, column: usize) -> Result<Actor, StoreError> {
    serde_json::from_str(row.text(column)?)
        .map_err(|error| row.damaged(format!("an actor: {error}")))
}

pub(super) fn read_followed(row: &Row<'_>) -> Result<Followed, StoreError> {
    Ok(Followed {
        station: read_station(row, 0)?,
        sequence: row.count(1)?,
        segment: row.count(2)?,
        offset: row.count(3)?,
    })
}

pub(super) fn read_tally(row: &Row<'_>, first: usize) -> Result<Tally, StoreError> {
    Ok(Tally {
        trips: row.count(first)?,
        uses: row.count(first + 1)?,
    })
}

/// Reads a name from two columns: station and sequence.
pub(super) fn read_name(row: &Row<'_>, first: usize) -> Result<TripId, StoreError> {
    Ok(TripId {
        station: read_station(row, first)?,
        sequence: row.count(first + 1)?,
    })
}

pub(super) fn read_station(row: &Row<'_>, column: usize) -> Result<StationId, StoreError> {
    u32::try_from(row.int(column)?)
        .map(StationId::new)
        .map_err(|_| row.damaged("a station"))
}

fn read_optional_name(row: &Row<'_>, first: usize) -> Result<Option<TripId>, StoreError> {
    match row.optional_int(first)? {
        Some(_) => read_name(row, first).map(Some),
        None => Ok(None),
    }
}

fn read_verdict(row: &Row<'_>, column: usize) -> Result<Verdict, StoreError> {
    let number = row.int(column)?;
    Verdict::ALL
        .into_iter()
        .find(|verdict| verdict_number(*verdict) == number)
        .ok_or_else(|| row.damaged("an unknown verdict"))
}

fn read_address(row: &Row<'_>, column: usize) -> Result<IpAddr, StoreError> {
    let bytes = row.bytes(column)?;
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Ok(IpAddr::from(four));
    }
    row.array::<16>(column).map(IpAddr::from)
}

/// The number that stands for a verdict in the tables.
pub(super) const fn verdict_number(verdict: Verdict) -> i64 {
    match verdict {
        Verdict::Intruder => 0,
        Verdict::Automated => 1,
        Verdict::Preview => 2,
        Verdict::Echo => 3,
        Verdict::Own => 4,
        Verdict::Drill => 5,
    }
}

/// An address as the tables hold it: 4 or 16 bytes.
pub(super) fn address_bytes(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// A name as two columns.
pub(super) fn name_columns(name: TripId) -> (i64, i64) {
    (i64::from(name.station.number()), int(name.sequence))
}
