//! A batch: trips and conclusions going into the index under one transaction, together with how far
//! the journal was followed. So each record is taken in exactly once, whenever the power fails.

use std::cell::RefCell;

use lapwing_core::{
    Actor, ActorId, CanaryId, Incident, IncidentId, StationId, Timestamp, TripId, Verdict,
};

use super::cache::WriteBack;
use super::rows::{
    Before, Conclusions, address_bytes, name_columns, read_actor, read_incident, read_name,
    read_tally, state_number, verdict_number,
};
use super::{CanaryStats, Followed, Seen, Tally, TripRow};
use crate::StoreError;
use crate::db::{Session, Writing, args, int};

/// Sequences in one span.
pub(super) const BLOCK: u64 = 4096;

/// Chains of trips other than a canary's, by the number that stands for them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Chain {
    Incident = 1,
    Actor = 2,
}

/// A write transaction on the index. Dropped without [`Batch::commit`] it leaves no trace.
///
/// What is put can be got back from the same batch at once; others see it after the commit. Not
/// `Send`: it is used and committed on one thread.
pub struct Batch<'a> {
    writing: Writing<'a>,
    caches: RefCell<Caches>,
}

struct Caches {
    incidents: WriteBack<IncidentId, Incident>,
    newest: WriteBack<(CanaryId, ActorId), IncidentId>,
    actors: WriteBack<ActorId, Actor>,
    signals: WriteBack<(String, String), Seen>,
    canaries: WriteBack<CanaryId, CanaryStats>,
    chains: WriteBack<(Chain, TripId), Link>,
    spans: WriteBack<(StationId, u64), Span>,
    verdicts: WriteBack<Verdict, Tally>,
    facts: WriteBack<String, String>,
}

/// The newest trip of a chain, and its length.
#[derive(Clone, Copy)]
struct Link {
    trips: u64,
    latest: TripId,
}

/// The times that a stretch of sequences covers.
#[derive(Clone, Copy)]
struct Span {
    first: Timestamp,
    last: Timestamp,
    trips: u64,
}

impl<'a> Batch<'a> {
    pub(super) fn new(writing: Writing<'a>) -> Self {
        Self {
            writing,
            caches: RefCell::new(Caches {
                incidents: WriteBack::new(),
                newest: WriteBack::new(),
                actors: WriteBack::new(),
                signals: WriteBack::new(),
                canaries: WriteBack::new(),
                chains: WriteBack::new(),
                spans: WriteBack::new(),
                verdicts: WriteBack::new(),
                facts: WriteBack::new(),
            }),
        }
    }

    /// How far this station's journal was indexed when the batch began. Nobody can change it before
    /// the batch ends.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn position(&self, station: StationId) -> Result<Option<Followed>, StoreError> {
        super::position(&self.writing.session(), station)
    }

    /// Where this signal was last seen.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn signal(&self, signal: &str, value: &str) -> Result<Option<Seen>, StoreError> {
        let key = (signal.to_owned(), value.to_owned());
        let session = self.writing.session();
        let mut caches = self.caches.borrow_mut();
        let seen = caches.signals.get(key, |_| {
            session.one(
                "SELECT actor_station, actor_sequence, trip_station, trip_sequence, time
                 FROM signals WHERE signal = ?1 AND value = ?2",
                args![signal, value],
                |row| {
                    Ok(Seen {
                        actor: ActorId(read_name(row, 0)?),
                        trip: read_name(row, 2)?,
                        time: Timestamp::from_micros(row.int(4)?),
                    })
                },
            )
        })?;
        Ok(seen.copied())
    }

    /// Notes that this signal was seen now; replaces what was noted before.
    pub fn learn(&self, signal: &str, value: &str, seen: Seen) {
        let key = (signal.to_owned(), value.to_owned());
        self.caches.borrow_mut().signals.put(key, seen);
    }

    /// The incident of this canary and actor that was opened last, whatever its state.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn newest_incident(
        &self,
        canary: CanaryId,
        actor: ActorId,
    ) -> Result<Option<Incident>, StoreError> {
        match self.newest(canary, actor)? {
            Some(id) => self.incident(id),
            None => Ok(None),
        }
    }

    /// The incident with this name.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn incident(&self, id: IncidentId) -> Result<Option<Incident>, StoreError> {
        let session = self.writing.session();
        let mut caches = self.caches.borrow_mut();
        let incident = caches
            .incidents
            .get(id, |id| load_incident(&session, *id))?;
        Ok(incident.cloned())
    }

    /// Adds or replaces an incident.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn put_incident(&self, incident: &Incident) -> Result<(), StoreError> {
        let newest = self.newest_incident(incident.canary, incident.actor)?;
        let mut caches = self.caches.borrow_mut();
        let is_newest =
            newest.is_none_or(|newest| (newest.first, newest.id) < (incident.first, incident.id));
        if is_newest {
            let key = (incident.canary, incident.actor);
            caches.newest.put(key, incident.id);
        }
        caches.incidents.put(incident.id, incident.clone());
        Ok(())
    }

    /// The actor with this name.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn actor(&self, id: ActorId) -> Result<Option<Actor>, StoreError> {
        let session = self.writing.session();
        let mut caches = self.caches.borrow_mut();
        let actor = caches.actors.get(id, |id| load_actor(&session, *id))?;
        Ok(actor.cloned())
    }

    /// Adds or replaces an actor.
    pub fn put_actor(&self, actor: &Actor) {
        let mut caches = self.caches.borrow_mut();
        caches.actors.put(actor.id, actor.clone());
    }

    /// Notes a fact about the index itself.
    pub fn put_fact(&self, name: &str, value: &str) {
        let mut caches = self.caches.borrow_mut();
        caches.facts.put(name.to_owned(), value.to_owned());
    }

    /// Adds a trip, ties it to the trips before it, and counts it.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if it is there already; otherwise if the index cannot be written.
    pub fn add_trip(&self, trip: &TripRow) -> Result<(), StoreError> {
        let session = self.writing.session();
        let mut caches = self.caches.borrow_mut();
        let before = Before {
            canary: caches.count_canary(&session, trip)?,
            incident: caches.chain(&session, Chain::Incident, trip.conclusion.incident.0, trip)?,
            actor: caches.chain(&session, Chain::Actor, trip.conclusion.actor.0, trip)?,
        };
        caches.widen_span(&session, trip)?;
        caches.count_verdict(&session, trip)?;
        insert_trip(&session, trip, before)
    }

    /// Writes everything and ends the batch; `followed` is the last record taken in.
    ///
    /// # Errors
    /// As for any write; then nothing of the batch is in the index.
    pub fn commit(self, followed: Followed) -> Result<(), StoreError> {
        let Self { writing, caches } = self;
        flush(&writing.session(), caches.into_inner(), followed)?;
        writing.commit()
    }

    fn newest(&self, canary: CanaryId, actor: ActorId) -> Result<Option<IncidentId>, StoreError> {
        let session = self.writing.session();
        let mut caches = self.caches.borrow_mut();
        let newest = caches.newest.get((canary, actor), |_| {
            let (station, sequence) = name_columns(actor.0);
            session.one(
                "SELECT incident_station, incident_sequence FROM newest_incidents
                 WHERE canary = ?1 AND actor_station = ?2 AND actor_sequence = ?3",
                args![&canary.bytes(), station, sequence],
                |row| read_name(row, 0).map(IncidentId),
            )
        })?;
        Ok(newest.copied())
    }
}

impl Caches {
    /// Counts the trip for its canary. Returns the canary's trip before it.
    fn count_canary(
        &mut self,
        session: &Session<'_>,
        trip: &TripRow,
    ) -> Result<Option<TripId>, StoreError> {
        let load = |canary: &CanaryId| load_canary_stats(session, *canary);
        let before = self.canaries.get(trip.canary, load)?.copied();
        let mut stats = before.unwrap_or(CanaryStats {
            first: trip.time,
            last: trip.time,
            tally: Tally::default(),
            latest: trip.id(),
        });
        stats.first = stats.first.min(trip.time);
        stats.last = stats.last.max(trip.time);
        stats.tally.add(trip);
        stats.latest = trip.id();
        self.canaries.put(trip.canary, stats);
        Ok(before.map(|before| before.latest))
    }

    /// Puts the trip at the head of a chain. Returns the head before it.
    fn chain(
        &mut self,
        session: &Session<'_>,
        chain: Chain,
        name: TripId,
        trip: &TripRow,
    ) -> Result<Option<TripId>, StoreError> {
        let load = |_: &(Chain, TripId)| load_link(session, chain, name);
        let before = self.chains.get((chain, name), load)?.copied();
        let link = Link {
            trips: before.map_or(0, |before| before.trips) + 1,
            latest: trip.id(),
        };
        self.chains.put((chain, name), link);
        Ok(before.map(|before| before.latest))
    }

    fn widen_span(&mut self, session: &Session<'_>, trip: &TripRow) -> Result<(), StoreError> {
        let id = trip.id();
        let key = (id.station, id.sequence / BLOCK);
        let before = self.spans.get(key, |(station, block)| {
            session.one(
                "SELECT first_time, last_time, trips FROM spans WHERE station = ?1 AND block = ?2",
                args![i64::from(station.number()), int(*block)],
                |row| {
                    Ok(Span {
                        first: Timestamp::from_micros(row.int(0)?),
                        last: Timestamp::from_micros(row.int(1)?),
                        trips: row.count(2)?,
                    })
                },
            )
        })?;
        let span = match before {
            Some(before) => Span {
                first: before.first.min(trip.time),
                last: before.last.max(trip.time),
                trips: before.trips + 1,
            },
            None => Span {
                first: trip.time,
                last: trip.time,
                trips: 1,
            },
        };
        self.spans.put(key, span);
        Ok(())
    }

    fn count_verdict(&mut self, session: &Session<'_>, trip: &TripRow) -> Result<(), StoreError> {
        let verdict = trip.conclusion.judgement.verdict;
        let before = self.verdicts.get(verdict, |verdict| {
            session.one(
                "SELECT trips, uses FROM verdicts WHERE verdict = ?1",
                args![verdict_number(*verdict)],
                |row| read_tally(row, 0),
            )
        })?;
        let mut tally = before.copied().unwrap_or_default();
        tally.add(trip);
        self.verdicts.put(verdict, tally);
        Ok(())
    }
}

impl Tally {
    fn add(&mut self, trip: &TripRow) {
        self.trips += 1;
        self.uses += trip.count;
    }
}

pub(super) fn load_incident(
    session: &Session<'_>,
    id: IncidentId,
) -> Result<Option<Incident>, StoreError> {
    let (station, sequence) = name_columns(id.0);
    session.one(
        "SELECT station, sequence, canary, actor_station, actor_sequence, verdict, first_time,
             last_time, uses, latest_station, latest_sequence, state
         FROM incidents WHERE station = ?1 AND sequence = ?2",
        args![station, sequence],
        read_incident,
    )
}

pub(super) fn load_actor(session: &Session<'_>, id: ActorId) -> Result<Option<Actor>, StoreError> {
    let (station, sequence) = name_columns(id.0);
    session.one(
        "SELECT actor FROM actors WHERE station = ?1 AND sequence = ?2",
        args![station, sequence],
        |row| read_actor(row, 0),
    )
}

pub(super) fn load_canary_stats(
    session: &Session<'_>,
    canary: CanaryId,
) -> Result<Option<CanaryStats>, StoreError> {
    session.one(
        "SELECT first_time, last_time, trips, uses, latest_station, latest_sequence
         FROM canary_stats WHERE canary = ?1",
        args![&canary.bytes()],
        |row| {
            Ok(CanaryStats {
                first: Timestamp::from_micros(row.int(0)?),
                last: Timestamp::from_micros(row.int(1)?),
                tally: read_tally(row, 2)?,
                latest: read_name(row, 4)?,
            })
        },
    )
}

/// Length and newest trip of a chain.
pub(super) fn load_chain(
    session: &Session<'_>,
    chain: Chain,
    name: TripId,
) -> Result<Option<(u64, TripId)>, StoreError> {
    load_link(session, chain, name).map(|link| link.map(|link| (link.trips, link.latest)))
}

fn load_link(
    session: &Session<'_>,
    chain: Chain,
    name: TripId,
) -> Result<Option<Link>, StoreError> {
    let (station, sequence) = name_columns(name);
    session.one(
        "SELECT trips, latest_station, latest_sequence FROM chains
         WHERE chain = ?1 AND station = ?2 AND sequence = ?3",
        args![chain as i64, station, sequence],
        |row| {
            Ok(Link {
                trips: row.count(0)?,
                latest: read_name(row, 1)?,
            })
        },
    )
}

fn insert_trip(session: &Session<'_>, trip: &TripRow, before: Before) -> Result<(), StoreError> {
    let conclusion = &trip.conclusion;
    let (station, sequence) = name_columns(conclusion.trip);
    let incident = name_columns(conclusion.incident.0);
    let actor = name_columns(conclusion.actor.0);
    let canary_before = before.canary.map(name_columns).unzip();
    let incident_before = before.incident.map(name_columns).unzip();
    let actor_before = before.actor.map(name_columns).unzip();
    let json = serde_json::to_string(&Conclusions::of(conclusion))
        .map_err(StoreError::encode("a conclusion"))?;
    let country = conclusion.network.country.as_deref();
    session.execute(
        "INSERT INTO trips (station, sequence, time, canary, verdict, address, port, country, asn,
             incident_station, incident_sequence, actor_station, actor_sequence, uses, segment,
             place, canary_before_station, canary_before_sequence, incident_before_station,
             incident_before_sequence, actor_before_station, actor_before_sequence, conclusions)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
             ?19, ?20, ?21, ?22, ?23)",
        args![
            station,
            sequence,
            trip.time.micros(),
            &trip.canary.bytes(),
            verdict_number(conclusion.judgement.verdict),
            address_bytes(trip.source.ip()).as_slice(),
            i64::from(trip.source.port()),
            country,
            conclusion.network.asn.map(i64::from),
            incident.0,
            incident.1,
            actor.0,
            actor.1,
            int(trip.count),
            int(trip.segment),
            int(trip.offset),
            canary_before.0,
            canary_before.1,
            incident_before.0,
            incident_before.1,
            actor_before.0,
            actor_before.1,
            json.as_str()
        ],
    )?;
    Ok(())
}

/// Writes the changed rows, table by table, each in the order of its key.
fn flush(session: &Session<'_>, caches: Caches, followed: Followed) -> Result<(), StoreError> {
    let Caches {
        incidents,
        newest,
        actors,
        signals,
        canaries,
        chains,
        spans,
        verdicts,
        facts,
    } = caches;
    for (_, incident) in incidents.into_changed() {
        flush_incident(session, &incident)?;
    }
    for ((canary, actor), incident) in newest.into_changed() {
        flush_newest(session, canary, actor, incident)?;
    }
    for (_, actor) in actors.into_changed() {
        flush_actor(session, &actor)?;
    }
    for ((signal, value), seen) in signals.into_changed() {
        flush_signal(session, &signal, &value, &seen)?;
    }
    for (canary, stats) in canaries.into_changed() {
        flush_canary(session, canary, &stats)?;
    }
    for ((chain, name), link) in chains.into_changed() {
        flush_chain(session, chain, name, link)?;
    }
    for ((station, block), span) in spans.into_changed() {
        flush_span(session, station, block, span)?;
    }
    for (verdict, tally) in verdicts.into_changed() {
        flush_verdict(session, verdict, tally)?;
    }
    for (name, value) in facts.into_changed() {
        session.execute(
            "INSERT INTO facts (name, value) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            args![name.as_str(), value.as_str()],
        )?;
    }
    flush_position(session, followed)
}

fn flush_incident(session: &Session<'_>, incident: &Incident) -> Result<(), StoreError> {
    let (station, sequence) = name_columns(incident.id.0);
    let actor = name_columns(incident.actor.0);
    let latest = name_columns(incident.latest);
    session.execute(
        "INSERT INTO incidents (station, sequence, canary, actor_station, actor_sequence, verdict,
             first_time, last_time, uses, latest_station, latest_sequence, state)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
         ON CONFLICT (station, sequence) DO UPDATE SET canary = excluded.canary,
             actor_station = excluded.actor_station, actor_sequence = excluded.actor_sequence,
             verdict = excluded.verdict, first_time = excluded.first_time,
             last_time = excluded.last_time, uses = excluded.uses,
             latest_station = excluded.latest_station,
             latest_sequence = excluded.latest_sequence, state = excluded.state",
        args![
            station,
            sequence,
            &incident.canary.bytes(),
            actor.0,
            actor.1,
            verdict_number(incident.verdict),
            incident.first.micros(),
            incident.last.micros(),
            int(incident.count),
            latest.0,
            latest.1,
            state_number(incident.state)
        ],
    )?;
    Ok(())
}

fn flush_newest(
    session: &Session<'_>,
    canary: CanaryId,
    actor: ActorId,
    incident: IncidentId,
) -> Result<(), StoreError> {
    let actor = name_columns(actor.0);
    let incident = name_columns(incident.0);
    session.execute(
        "INSERT INTO newest_incidents (canary, actor_station, actor_sequence, incident_station,
             incident_sequence)
         VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (canary, actor_station, actor_sequence) DO UPDATE SET
             incident_station = excluded.incident_station,
             incident_sequence = excluded.incident_sequence",
        args![&canary.bytes(), actor.0, actor.1, incident.0, incident.1],
    )?;
    Ok(())
}

fn flush_actor(session: &Session<'_>, actor: &Actor) -> Result<(), StoreError> {
    let (station, sequence) = name_columns(actor.id.0);
    let json = serde_json::to_string(actor).map_err(StoreError::encode("an actor"))?;
    session.execute(
        "INSERT INTO actors (station, sequence, first_time, last_time, uses, actor)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (station, sequence) DO UPDATE SET first_time = excluded.first_time,
             last_time = excluded.last_time, uses = excluded.uses, actor = excluded.actor",
        args![
            station,
            sequence,
            actor.first.micros(),
            actor.last.micros(),
            int(actor.count),
            json.as_str()
        ],
    )?;
    Ok(())
}

fn flush_signal(
    session: &Session<'_>,
    signal: &str,
    value: &str,
    seen: &Seen,
) -> Result<(), StoreError> {
    let actor = name_columns(seen.actor.0);
    let trip = name_columns(seen.trip);
    session.execute(
        "INSERT INTO signals (signal, value, actor_station, actor_sequence, trip_station,
             trip_sequence, time)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (signal, value) DO UPDATE SET actor_station = excluded.actor_station,
             actor_sequence = excluded.actor_sequence, trip_station = excluded.trip_station,
             trip_sequence = excluded.trip_sequence, time = excluded.time",
        args![
            signal,
            value,
            actor.0,
            actor.1,
            trip.0,
            trip.1,
            seen.time.micros()
        ],
    )?;
    Ok(())
}

fn flush_canary(
    session: &Session<'_>,
    canary: CanaryId,
    stats: &CanaryStats,
) -> Result<(), StoreError> {
    let latest = name_columns(stats.latest);
    session.execute(
        "INSERT INTO canary_stats (canary, first_time, last_time, trips, uses, latest_station,
             latest_sequence)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (canary) DO UPDATE SET first_time = excluded.first_time,
             last_time = excluded.last_time, trips = excluded.trips, uses = excluded.uses,
             latest_station = excluded.latest_station,
             latest_sequence = excluded.latest_sequence",
        args![
            &canary.bytes(),
            stats.first.micros(),
            stats.last.micros(),
            int(stats.tally.trips),
            int(stats.tally.uses),
            latest.0,
            latest.1
        ],
    )?;
    Ok(())
}

fn flush_chain(
    session: &Session<'_>,
    chain: Chain,
    name: TripId,
    link: Link,
) -> Result<(), StoreError> {
    let (station, sequence) = name_columns(name);
    let latest = name_columns(link.latest);
    session.execute(
        "INSERT INTO chains (chain, station, sequence, trips, latest_station, latest_sequence)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (chain, station, sequence) DO UPDATE SET trips = excluded.trips,
             latest_station = excluded.latest_station,
             latest_sequence = excluded.latest_sequence",
        args![
            chain as i64,
            station,
            sequence,
            int(link.trips),
            latest.0,
            latest.1
        ],
    )?;
    Ok(())
}

fn flush_span(
    session: &Session<'_>,
    station: StationId,
    block: u64,
    span: Span,
) -> Result<(), StoreError> {
    session.execute(
        "INSERT INTO spans (station, block, first_time, last_time, trips)
         VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (station, block) DO UPDATE SET first_time = excluded.first_time,
             last_time = excluded.last_time, trips = excluded.trips",
        args![
            i64::from(station.number()),
            int(block),
            span.first.micros(),
            span.last.micros(),
            int(span.trips)
        ],
    )?;
    Ok(())
}

fn flush_verdict(session: &Session<'_>, verdict: Verdict, tally: Tally) -> Result<(), StoreError> {
    session.execute(
        "INSERT INTO verdicts (verdict, trips, uses) VALUES (?1, ?2, ?3)
         ON CONFLICT (verdict) DO UPDATE SET trips = excluded.trips, uses = excluded.uses",
        args![verdict_number(verdict), int(tally.trips), int(tally.uses)],
    )?;
    Ok(())
}

fn flush_position(session: &Session<'_>, followed: Followed) -> Result<(), StoreError> {
    session.execute(
        "INSERT INTO positions (station, sequence, segment, place) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (station) DO UPDATE SET sequence = excluded.sequence,
             segment = excluded.segment, place = excluded.place",
        args![
            i64::from(followed.station.number()),
            int(followed.sequence),
            int(followed.segment),
            int(followed.offset)
        ],
    )?;
    Ok(())
}
