//! A batch: trips and conclusions going into the index under one transaction, together with how far
//! the journal was followed. So each record is taken in exactly once, whenever the power fails.

use std::cell::RefCell;

use lapwing_core::{
    Actor, ActorId, CanaryId, Incident, IncidentId, StationId, Timestamp, TripId, Verdict,
};

use super::cache::WriteBack;
use super::flush::{flush, insert_trip};
use super::rows::{
    Before, name_columns, read_actor, read_incident, read_name, read_tally, verdict_number,
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

pub(super) struct Caches {
    pub(super) incidents: WriteBack<IncidentId, Incident>,
    pub(super) newest: WriteBack<(CanaryId, ActorId), IncidentId>,
    pub(super) actors: WriteBack<ActorId, Actor>,
    pub(super) signals: WriteBack<(String, String), Seen>,
    pub(super) canaries: WriteBack<CanaryId, CanaryStats>,
    pub(super) chains: WriteBack<(Chain, TripId), Link>,
    pub(super) spans: WriteBack<(StationId, u64), Span>,
    pub(super) verdicts: WriteBack<Verdict, Tally>,
    pub(super) facts: WriteBack<String, String>,
    pub(super) notes: WriteBack<String, String>,
    pub(super) joins: Vec<(ActorId, ActorId)>,
}

/// The newest trip of a chain, and its length.
#[derive(Clone, Copy)]
pub(super) struct Link {
    pub(super) trips: u64,
    pub(super) latest: TripId,
}

/// The times that a stretch of sequences covers.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) trips: u64,
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
                notes: WriteBack::new(),
                joins: Vec::new(),
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
        let seen = caches
            .signals
            .get(key, |(signal, value)| load_signal(&session, signal, value))?;
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

    /// The note of this name.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn note(&self, name: &str) -> Result<Option<String>, StoreError> {
        let session = self.writing.session();
        let mut caches = self.caches.borrow_mut();
        let note = caches
            .notes
            .get(name.to_owned(), |name| load_note(&session, name))?;
        Ok(note.cloned())
    }

    /// Keeps a note, in place of the one of this name.
    pub fn put_note(&self, name: &str, note: &str) {
        let mut caches = self.caches.borrow_mut();
        caches.notes.put(name.to_owned(), note.to_owned());
    }

    /// Notes that two actors are one.
    pub fn put_join(&self, one: ActorId, other: ActorId) {
        self.caches.borrow_mut().joins.push((one, other));
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
             last_time, uses, latest_station, latest_sequence, state, untold
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

pub(super) fn load_signal(
    session: &Session<'_>,
    signal: &str,
    value: &str,
) -> Result<Option<Seen>, StoreError> {
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
}

pub(super) fn load_note(session: &Session<'_>, name: &str) -> Result<Option<String>, StoreError> {
    session.one(
        "SELECT note FROM notes WHERE name = ?1",
        args![name],
        |row| row.text(0).map(ToOwned::to_owned),
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
