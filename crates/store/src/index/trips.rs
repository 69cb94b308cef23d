//! Reading trips, newest first: along a chain if one canary, incident or actor is asked for, else
//! down the journals, skipping the spans of other times.

use std::collections::VecDeque;

use lapwing_core::{StationId, Timestamp, TripId};

use super::batch::{BLOCK, Chain, load_canary_stats, load_chain};
use super::filter::At;
use super::rows::{Before, name_columns, read_station, read_trip, verdict_number};
use super::{Cursor, Index, Page, TripFilter, TripRow};
use crate::StoreError;
use crate::db::{Session, args, int};

/// Rows fetched at once when going down a journal.
const FETCH: i64 = 256;

/// The columns that [`read_trip`] reads.
macro_rules! trip_columns {
    () => {
        "station, sequence, time, canary, address, port, incident_station, incident_sequence,
         actor_station, actor_sequence, uses, segment, place, verdict, conclusions,
         canary_before_station, canary_before_sequence, incident_before_station,
         incident_before_sequence, actor_before_station, actor_before_sequence"
    };
}

/// Which pointer to follow.
#[derive(Clone, Copy)]
enum Along {
    Canary,
    Incident,
    Actor,
}

impl Index {
    /// The trip with this name.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn trip(&self, id: TripId) -> Result<Option<TripRow>, StoreError> {
        self.db
            .read(|session| load_trip(session, id))
            .map(|found| found.map(|(trip, _)| trip))
    }

    /// Trips of one journal in its order, from this one on, at most so many.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn trips_from(&self, from: TripId, limit: usize) -> Result<Vec<TripRow>, StoreError> {
        let (station, sequence) = name_columns(from);
        self.db.read(|session| {
            session.all(
                concat!(
                    "SELECT ",
                    trip_columns!(),
                    " FROM trips WHERE station = ?1 AND sequence >= ?2 ORDER BY sequence LIMIT ?3"
                ),
                args![station, sequence, int(limit as u64)],
                |row| read_trip(row).map(|(trip, _)| trip),
            )
        })
    }

    /// Trips, newest first: in the order they were indexed for one canary, incident or actor, else
    /// in the order of each journal, journals merged by time.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn trips(&self, filter: &TripFilter) -> Result<Page<TripRow>, StoreError> {
        self.db.read(|session| match way(session, filter)? {
            Way::Nowhere => Ok(Page {
                rows: Vec::new(),
                next: None,
            }),
            Way::Chain(along, start) => follow(session, filter, along, start),
            Way::Journals(bounds) => merged(
                bounds,
                filter.limit,
                |station, below| fetch(session, filter, station, below),
                |trip| (trip.time, trip.id()),
            ),
        })
    }
}

/// How to get at the trips asked for.
enum Way {
    Nowhere,
    Chain(Along, Option<TripId>),
    Journals(Vec<(StationId, u64)>),
}

fn way(session: &Session<'_>, filter: &TripFilter) -> Result<Way, StoreError> {
    let along = if filter.incident.is_some() {
        Some(Along::Incident)
    } else if filter.canary.is_some() {
        Some(Along::Canary)
    } else {
        filter.actor.map(|_| Along::Actor)
    };
    match (&filter.before, along) {
        (Some(Cursor(At::Below(bounds))), _) => Ok(Way::Journals(bounds.clone())),
        (Some(Cursor(At::Trip(last))), Some(along)) => {
            let before = load_trip(session, *last)?.and_then(|(_, before)| before.along(along));
            Ok(Way::Chain(along, before))
        }
        (Some(Cursor(At::Trip(_))), None) => Ok(Way::Nowhere),
        (None, None) => stations(session).map(Way::Journals),
        (None, Some(along)) => {
            let Some((trips, latest)) = head(session, filter, along)? else {
                return Ok(Way::Nowhere);
            };
            // A long chain and a short time: going down the journals is shorter.
            if trips > trips_between(session, filter)? {
                return stations(session).map(Way::Journals);
            }
            Ok(Way::Chain(along, Some(latest)))
        }
    }
}

/// Length and newest trip of the chain asked for.
fn head(
    session: &Session<'_>,
    filter: &TripFilter,
    along: Along,
) -> Result<Option<(u64, TripId)>, StoreError> {
    match along {
        Along::Canary => match filter.canary {
            Some(canary) => load_canary_stats(session, canary)
                .map(|stats| stats.map(|stats| (stats.tally.trips, stats.latest))),
            None => Ok(None),
        },
        Along::Incident => match filter.incident {
            Some(incident) => load_chain(session, Chain::Incident, incident.0),
            None => Ok(None),
        },
        Along::Actor => match filter.actor {
            Some(actor) => load_chain(session, Chain::Actor, actor.0),
            None => Ok(None),
        },
    }
}

/// How many trips there are in spans that touch the times asked for.
fn trips_between(session: &Session<'_>, filter: &TripFilter) -> Result<u64, StoreError> {
    if filter.since.is_none() && filter.until.is_none() {
        return Ok(u64::MAX);
    }
    let (since, until) = times(filter);
    let mut trips = 0;
    session.query(
        "SELECT trips FROM spans WHERE last_time >= ?1 AND first_time < ?2",
        args![since, until],
        |row| {
            trips += row.count(0)?;
            Ok(())
        },
    )?;
    Ok(trips)
}

/// Follows a chain from `start` on.
fn follow(
    session: &Session<'_>,
    filter: &TripFilter,
    along: Along,
    start: Option<TripId>,
) -> Result<Page<TripRow>, StoreError> {
    let mut rows = Vec::new();
    let mut here = start;
    while let Some(id) = here {
        if rows.len() >= filter.limit {
            let next = rows
                .last()
                .map(|last: &TripRow| Cursor(At::Trip(last.id())));
            return Ok(Page { rows, next });
        }
        let (trip, before) =
            load_trip(session, id)?.ok_or_else(|| session.damaged(format!("no trip {id}")))?;
        here = before.along(along);
        // Chains lead back in the order of indexing; anything else would lead round in circles.
        if here.is_some_and(|next| next.station == id.station && next.sequence >= id.sequence) {
            return Err(session.damaged(format!("trip {id} points ahead")));
        }
        if matches(filter, &trip) {
            rows.push(trip);
        }
    }
    Ok(Page { rows, next: None })
}

/// The next rows below a sequence of a station that pass the filter; empty if there are none.
fn fetch(
    session: &Session<'_>,
    filter: &TripFilter,
    station: StationId,
    mut below: u64,
) -> Result<Vec<TripRow>, StoreError> {
    let (since, until) = times(filter);
    let verdict = filter.verdict.map_or(-1, verdict_number);
    while below > 0 {
        let block = session.one(
            "SELECT block FROM spans
             WHERE station = ?1 AND block <= ?2 AND last_time >= ?3 AND first_time < ?4
             ORDER BY block DESC LIMIT 1",
            args![
                i64::from(station.number()),
                int((below - 1) / BLOCK),
                since,
                until
            ],
            |row| row.count(0),
        )?;
        let Some(block) = block else { break };
        let floor = block * BLOCK;
        below = below.min(floor + BLOCK);
        loop {
            let rows = session.all(
                concat!(
                    "SELECT ",
                    trip_columns!(),
                    " FROM trips WHERE station = ?1 AND sequence < ?2 AND sequence >= ?3
                      AND time >= ?4 AND time < ?5 AND (?6 = -1 OR verdict = ?6)
                      ORDER BY sequence DESC LIMIT ?7"
                ),
                args![
                    i64::from(station.number()),
                    int(below),
                    int(floor),
                    since,
                    until,
                    verdict,
                    FETCH
                ],
                |row| read_trip(row).map(|(trip, _)| trip),
            )?;
            let Some(last) = rows.last() else { break };
            below = last.id().sequence;
            let rows: Vec<TripRow> = rows
                .into_iter()
                .filter(|trip| matches(filter, trip))
                .collect();
            if !rows.is_empty() {
                return Ok(rows);
            }
        }
        below = floor;
    }
    Ok(Vec::new())
}

/// Merges one stream a station by time, newest first. `fetch` gives the next rows of a station below
/// a sequence, in falling order, and none at the end.
pub(super) fn merged<T>(
    bounds: Vec<(StationId, u64)>,
    limit: usize,
    mut fetch: impl FnMut(StationId, u64) -> Result<Vec<T>, StoreError>,
    key: impl Fn(&T) -> (Timestamp, TripId),
) -> Result<Page<T>, StoreError> {
    let mut streams: Vec<Stream<T>> = bounds.into_iter().map(Stream::new).collect();
    let mut rows = Vec::new();
    loop {
        for stream in &mut streams {
            if stream.rows.is_empty() && !stream.ended {
                stream.rows = fetch(stream.station, stream.below)?.into();
                stream.ended = stream.rows.is_empty();
            }
        }
        let newest = streams
            .iter_mut()
            .filter(|stream| !stream.rows.is_empty())
            .max_by_key(|stream| stream.rows.front().map(&key));
        let Some(stream) = newest else {
            return Ok(Page { rows, next: None });
        };
        if rows.len() >= limit {
            let bounds = streams.iter().map(|stream| (stream.station, stream.below));
            let next = Some(Cursor(At::Below(bounds.collect())));
            return Ok(Page { rows, next });
        }
        if let Some(row) = stream.rows.pop_front() {
            stream.below = key(&row).1.sequence;
            rows.push(row);
        }
    }
}

/// Rows of one station on their way into a page.
struct Stream<T> {
    station: StationId,
    /// Everything from this sequence on has been given out.
    below: u64,
    rows: VecDeque<T>,
    ended: bool,
}

impl<T> Stream<T> {
    fn new((station, below): (StationId, u64)) -> Self {
        Self {
            station,
            below,
            rows: VecDeque::new(),
            ended: false,
        }
    }
}

impl Before {
    fn along(self, along: Along) -> Option<TripId> {
        match along {
            Along::Canary => self.canary,
            Along::Incident => self.incident,
            Along::Actor => self.actor,
        }
    }
}

/// All stations with trips, from their ends on.
pub(super) fn stations(session: &Session<'_>) -> Result<Vec<(StationId, u64)>, StoreError> {
    session.all(
        "SELECT DISTINCT station FROM spans ORDER BY station",
        &[],
        |row| Ok((read_station(row, 0)?, u64::MAX)),
    )
}

fn load_trip(session: &Session<'_>, id: TripId) -> Result<Option<(TripRow, Before)>, StoreError> {
    let (station, sequence) = name_columns(id);
    session.one(
        concat!(
            "SELECT ",
            trip_columns!(),
            " FROM trips WHERE station = ?1 AND sequence = ?2"
        ),
        args![station, sequence],
        read_trip,
    )
}

fn matches(filter: &TripFilter, trip: &TripRow) -> bool {
    let TripFilter {
        since,
        until,
        canary,
        actor,
        incident,
        verdict,
        limit: _,
        before: _,
    } = filter;
    since.is_none_or(|since| trip.time >= since)
        && until.is_none_or(|until| trip.time < until)
        && canary.is_none_or(|canary| trip.canary == canary)
        && actor.is_none_or(|actor| trip.conclusion.actor == actor)
        && incident.is_none_or(|incident| trip.conclusion.incident == incident)
        && verdict.is_none_or(|verdict| trip.conclusion.judgement.verdict == verdict)
}

/// The times asked for, as the tables hold them.
fn times(filter: &TripFilter) -> (i64, i64) {
    (
        filter.since.map_or(i64::MIN, Timestamp::micros),
        filter.until.map_or(i64::MAX, Timestamp::micros),
    )
}
