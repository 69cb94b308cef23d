//! Reading incidents, actors and canaries' statistics.

use lapwing_core::{Actor, ActorId, CanaryId, Incident, IncidentId, StationId, Timestamp};

use super::batch::{load_actor, load_canary_stats, load_incident, load_signal};
use super::filter::At;
use super::rows::{name_columns, read_actor, read_incident, state_number};
use super::trips::{merged, stations};
use super::{ActorFilter, CanaryStats, Cursor, IncidentFilter, Index, Page, Seen};
use crate::StoreError;
use crate::db::{Session, args, int};

/// Rows fetched at once.
const FETCH: i64 = 256;

impl Index {
    /// The incident with this name.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn incident(&self, id: IncidentId) -> Result<Option<Incident>, StoreError> {
        self.db.read(|session| load_incident(session, id))
    }

    /// The actor with this name.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn actor(&self, id: ActorId) -> Result<Option<Actor>, StoreError> {
        self.db.read(|session| load_actor(session, id))
    }

    /// What happened to this canary; `None` if nothing.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn canary_stats(&self, id: CanaryId) -> Result<Option<CanaryStats>, StoreError> {
        self.db.read(|session| load_canary_stats(session, id))
    }

    /// Where this signal was last seen, in what is committed.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn signal(&self, signal: &str, value: &str) -> Result<Option<Seen>, StoreError> {
        self.db.read(|session| load_signal(session, signal, value))
    }

    /// Incidents, opened last first.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn incidents(&self, filter: &IncidentFilter) -> Result<Page<Incident>, StoreError> {
        self.db.read(|session| {
            merged(
                bounds(session, filter.before.as_ref())?,
                filter.limit,
                |station, below| fetch_incidents(session, filter, station, below),
                |incident| (incident.first, incident.id.0),
            )
        })
    }

    /// Actors, first seen last first.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn actors(&self, filter: &ActorFilter) -> Result<Page<Actor>, StoreError> {
        self.db.read(|session| {
            merged(
                bounds(session, filter.before.as_ref())?,
                filter.limit,
                |station, below| {
                    session.all(
                        "SELECT actor FROM actors
                         WHERE station = ?1 AND sequence < ?2 AND last_time >= ?3
                         ORDER BY sequence DESC LIMIT ?4",
                        args![
                            i64::from(station.number()),
                            int(below),
                            filter.since.map_or(i64::MIN, Timestamp::micros),
                            FETCH
                        ],
                        |row| read_actor(row, 0),
                    )
                },
                |actor| (actor.first, actor.id.0),
            )
        })
    }
}

/// A chain's cursor is none of ours: it begins nowhere.
fn bounds(
    session: &Session<'_>,
    before: Option<&Cursor>,
) -> Result<Vec<(StationId, u64)>, StoreError> {
    match before {
        None => stations(session),
        Some(Cursor(At::Below(bounds))) => Ok(bounds.clone()),
        Some(Cursor(At::Trip(_))) => Ok(Vec::new()),
    }
}

fn fetch_incidents(
    session: &Session<'_>,
    filter: &IncidentFilter,
    station: StationId,
    below: u64,
) -> Result<Vec<Incident>, StoreError> {
    let canary = filter.canary.map(CanaryId::bytes);
    let canary = canary.as_ref().map_or(&[][..], |bytes| &bytes[..]);
    let actor = filter.actor.map_or((-1, -1), |actor| name_columns(actor.0));
    session.all(
        "SELECT station, sequence, canary, actor_station, actor_sequence, verdict, first_time,
             last_time, uses, latest_station, latest_sequence, state, untold
         FROM incidents
         WHERE station = ?1 AND sequence < ?2 AND last_time >= ?3 AND (?4 = -1 OR state = ?4)
             AND (?5 = -1 OR (actor_station = ?5 AND actor_sequence = ?6))
             AND (LENGTH(?7) = 0 OR canary = ?7)
         ORDER BY sequence DESC LIMIT ?8",
        args![
            i64::from(station.number()),
            int(below),
            filter.since.map_or(i64::MIN, Timestamp::micros),
            filter.state.map_or(-1, state_number),
            actor.0,
            actor.1,
            canary,
            FETCH
        ],
        read_incident,
    )
}
