//! First uses go ahead of the indexer's backlog: in a flood the index lags, and with it the alerts that
//! come of it, but the first use of another canary is announced at once.
//!
//! A use is a first one if no other of its canary waits to be indexed, and the index knows of none so
//! recent that this one would join its incident. Then its incident is certain: it is named after this
//! trip, whatever else the backlog holds. The indexer comes to the same alert later and finds it queued.
//! Only the actor may turn out to be another: the alert names the one known when it was made.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lapwing_alert::fold;
use lapwing_catalog::Catalog;
use lapwing_core::{CanaryId, Delivery, Keyring, Trip};
use lapwing_store::{Index, Ledger};

use crate::announcer::Announcer;
use crate::assess::{Assessed, Assessor, Known};
use crate::decided::Decided;
use crate::drills::NONCE;
use crate::hands::Joined;
use crate::places::Places;
use crate::{DaemonError, Settings};

/// How long a first use is left to the indexer, which knows more.
const PATIENCE: Duration = Duration::from_millis(100);
/// While no more records than this wait to be indexed, the indexer is soon there itself, and nothing is
/// followed: that would only make hits slower than misses.
const NEAR: u64 = 200;
/// Canaries followed at once. When there are more, nothing goes ahead until the index has caught up.
const FOLLOWED: usize = 200_000;
/// First uses that wait to be looked at. Past that they take their turn in the backlog.
const WAITING: usize = 1024;

/// What is recorded and not indexed yet, as far as it matters for first uses. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Ahead(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Default)]
struct State {
    used: HashMap<CanaryId, Use>,
    /// First uses, on disk, and below which record everything has to be indexed before that is certain.
    first: Vec<(Trip, u64)>,
    /// Records below this one are on disk.
    recorded: u64,
    /// Records below this one are indexed.
    indexed: u64,
    /// Of records below this one, and of so many that are being written, it is not known whose they are.
    unknown: u64,
    untracked: usize,
    closed: bool,
}

/// Uses of one canary since what is indexed.
#[derive(Default)]
struct Use {
    /// The latest record that is on disk.
    last: Option<u64>,
    /// Candidates that are being written.
    candidates: usize,
    /// The earliest candidate that is on disk.
    first: Option<Box<Trip>>,
}

/// What a use that is being written may turn out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rank {
    /// The first one: none was on disk when it was given to the journal.
    Candidate,
    Later,
    Untracked,
}

impl Ahead {
    /// `recorded` is the sequence after the last record on disk: whose uses those are is not known.
    pub(crate) fn new(recorded: u64) -> Self {
        let state = State {
            recorded,
            unknown: recorded,
            ..State::default()
        };
        Self(Arc::new(Shared {
            state: Mutex::new(state),
            arrived: Condvar::new(),
        }))
    }

    /// A use of a canary is about to be given to the journal.
    pub(crate) fn writing(&self, canary: CanaryId) -> Rank {
        let mut state = self.lock();
        let near = state.recorded.saturating_sub(state.indexed) <= NEAR;
        let full = state.used.len() >= FOLLOWED;
        if (near || full) && !state.used.contains_key(&canary) {
            state.untracked += 1;
            return Rank::Untracked;
        }
        let known = state.used.entry(canary).or_default();
        if known.last.is_some() {
            return Rank::Later;
        }
        known.candidates += 1;
        Rank::Candidate
    }

    /// It is on disk; `trip` makes the trip of it.
    pub(crate) fn written(
        &self,
        canary: CanaryId,
        rank: Rank,
        sequence: u64,
        trip: impl FnOnce() -> Trip,
    ) {
        let mut state = self.lock();
        state.recorded = state.recorded.max(sequence + 1);
        if let Some(known) = state.used.get_mut(&canary) {
            known.last = known.last.max(Some(sequence));
            let earlier = |first: &Trip| first.id.sequence < sequence;
            if rank == Rank::Candidate && !known.first.as_deref().is_some_and(earlier) {
                known.first = Some(Box::new(trip()));
            }
        }
        if rank == Rank::Untracked {
            state.unknown = state.unknown.max(sequence + 1);
        }
        self.settle(&mut state, canary, rank);
    }

    /// Looks at a canary's uses as [`Ahead::writing`] and [`Ahead::written`] do, for a request that is
    /// to take as long.
    pub(crate) fn glance(&self, canary: CanaryId) {
        std::hint::black_box(self.lock().used.get(&canary));
    }

    /// It could not be written.
    pub(crate) fn failed(&self, canary: CanaryId, rank: Rank) {
        self.settle(&mut self.lock(), canary, rank);
    }

    /// One less is being written. Behind the last candidate it is known which one is the first use.
    fn settle(&self, state: &mut State, canary: CanaryId, rank: Rank) {
        match rank {
            Rank::Later => return,
            Rank::Untracked => {
                state.untracked -= 1;
                return;
            }
            Rank::Candidate => {}
        }
        let Some(known) = state.used.get_mut(&canary) else {
            return;
        };
        known.candidates -= 1;
        if known.candidates > 0 {
            return;
        }
        let first = known.first.take();
        if known.last.is_none() {
            state.used.remove(&canary);
        }
        // What is still being written may be an earlier use: then nobody can say when it is certain.
        let sure = state.untracked == 0 && state.first.len() < WAITING;
        if let Some(first) = first.filter(|_| sure) {
            state.first.push((*first, state.unknown));
            self.0.arrived.notify_one();
        }
    }

    /// Everything up to record `last` is indexed.
    pub(crate) fn indexed(&self, last: u64) {
        let mut state = self.lock();
        state.indexed = last + 1;
        state
            .used
            .retain(|_, known| known.candidates > 0 || known.last.is_some_and(|use_| use_ > last));
    }

    /// How many records are indexed.
    pub(crate) fn indexed_records(&self) -> u64 {
        self.lock().indexed
    }

    /// Ends [`Herald::run`].
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.0.arrived.notify_one();
    }

    /// Waits for first uses, gives the indexer its time, and takes those it did not come to; `None`
    /// at the end.
    fn take(&self) -> Option<Vec<Trip>> {
        let waiting = |state: &mut State| state.first.is_empty() && !state.closed;
        let state = self.0.arrived.wait_while(self.lock(), waiting);
        drop(state.unwrap_or_else(PoisonError::into_inner));
        std::thread::sleep(PATIENCE);
        let mut state = self.lock();
        if state.closed {
            return None;
        }
        Some(state.certain())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes the first uses that are certain now; forgets those the indexer has come to.
    fn certain(&mut self) -> Vec<Trip> {
        let indexed = self.indexed;
        let (certain, other): (Vec<_>, Vec<_>) = std::mem::take(&mut self.first)
            .into_iter()
            .filter(|(trip, _)| trip.id.sequence >= indexed)
            .partition(|(_, known_from)| *known_from <= indexed);
        self.first = other;
        certain.into_iter().map(|(trip, _)| trip).collect()
    }
}

/// Announces what goes ahead.
pub(crate) struct Herald {
    ahead: Ahead,
    index: Arc<Index>,
    ledger: Arc<Ledger>,
    assessor: Assessor,
    announcer: Arc<Announcer>,
    decided: Decided,
    joined: Joined,
    places: Places,
    incident_seconds: i64,
}

impl Herald {
    /// # Errors
    /// Geography that cannot be used.
    pub(crate) fn new(
        ahead: Ahead,
        index: Arc<Index>,
        settings: &Settings,
        catalog: Arc<Catalog>,
        announcer: Arc<Announcer>,
        keys: Keyring,
    ) -> Result<Self, DaemonError> {
        Ok(Self {
            ahead,
            index,
            ledger: Arc::clone(&announcer.ledger),
            assessor: Assessor::new(settings, catalog, keys)?,
            announcer,
            decided: Decided::default(),
            joined: Joined::default(),
            places: Places::default(),
            incident_seconds: settings.fold.incident_seconds,
        })
    }

    /// Announces first uses until [`Ahead::close`].
    pub(crate) fn run(mut self) {
        while let Some(first) = self.ahead.take() {
            if let Err(error) = self.announce(&first) {
                tracing::error!(%error, "cannot announce ahead of the index; the alert comes with it");
            }
        }
    }

    fn announce(&mut self, first: &[Trip]) -> Result<(), DaemonError> {
        let Some(last) = first.iter().map(|trip| trip.id.sequence).max() else {
            return Ok(());
        };
        if self.decided.follow(&self.ledger)? {
            self.places = Places::default();
        }
        self.joined = Joined::read(&self.index, &self.ledger)?;
        let mut alerts = Vec::new();
        for trip in first {
            alerts.extend(self.alerts(trip, last)?);
        }
        if !alerts.is_empty() {
            self.ledger.enqueue(&alerts)?;
            (self.announcer.wake)();
        }
        Ok(())
    }

    fn alerts(&mut self, trip: &Trip, last: u64) -> Result<Vec<Delivery>, DaemonError> {
        let before = self.index.canary_stats(trip.canary)?;
        let joins = before.is_some_and(|before| {
            trip.observed.time.seconds_since(before.last) <= self.incident_seconds
        });
        if joins {
            return Ok(Vec::new());
        }
        let nonce = self
            .decided
            .drills
            .nonce(trip, |nonce| self.index.signal(NONCE, nonce))?;
        let place = self.places.of(&self.ledger, trip.canary)?;
        let known = Known {
            signal: &|signal, value| self.index.signal(signal, value),
            note: &|name| self.index.note(name),
            hands: self.joined.at(trip.observed.time),
        };
        let Assessed {
            network,
            judgement,
            linked,
        } = (self.assessor).assess(trip, nonce.is_some(), place, &known);
        let muted = self.decided.mute(trip, judgement.verdict).is_some();
        let folded = fold(
            trip,
            &judgement,
            linked.actor,
            None,
            muted,
            self.incident_seconds,
        );
        self.announcer
            .alerts(trip, &folded, &network, &judgement, last)
    }
}

#[cfg(test)]
mod tests {
    use lapwing_core::{DecoyOutcome, DecoyRecord, Observed, Timestamp, TripId};

    use super::*;

    fn canary(number: u8) -> CanaryId {
        CanaryId::from_bytes([number; 16])
    }

    fn trip(canary: CanaryId, sequence: u64) -> Trip {
        Trip {
            id: TripId {
                station: "0a1b2c3d".parse().unwrap(),
                sequence,
            },
            canary,
            kind: "url".to_owned(),
            fields: Vec::new(),
            observed: Observed {
                signals: [].into(),
                fingerprint: String::new(),
                forwarded: None,
                listener: "http".to_owned(),
                observer: None,
                local: "192.0.2.1:80".parse().unwrap(),
                peer: "198.51.100.7:4711".parse().unwrap(),
                protocol: "http/1.1".to_owned(),
                size: 7,
                time: Timestamp::from_micros(0),
                truncated: false,
            },
            claims: None,
            decoy: DecoyRecord {
                kind: String::new(),
                outcome: DecoyOutcome::Persona,
                rule: String::new(),
                status: 200,
            },
            count: 1,
            times: Vec::new(),
        }
    }

    /// With a backlog; whose the uses below `unknown` are is not known.
    fn behind(unknown: u64) -> Ahead {
        let ahead = Ahead::new(unknown);
        ahead.lock().recorded = 10 * NEAR;
        ahead
    }

    /// One use, written as `sequence` (or not).
    fn use_of(ahead: &Ahead, number: u8, sequence: Option<u64>) {
        let rank = ahead.writing(canary(number));
        end(ahead, number, rank, sequence);
    }

    fn end(ahead: &Ahead, number: u8, rank: Rank, sequence: Option<u64>) {
        let id = canary(number);
        match sequence {
            Some(sequence) => ahead.written(id, rank, sequence, || trip(id, sequence)),
            None => ahead.failed(id, rank),
        }
    }

    /// What waits to go ahead.
    fn first(ahead: &Ahead) -> Vec<u64> {
        let first = ahead.lock().certain();
        first.iter().map(|trip| trip.id.sequence).collect()
    }

    #[test]
    fn the_first_use_of_each_canary_goes_ahead_until_it_is_indexed() {
        let ahead = behind(0);
        use_of(&ahead, 1, Some(0));
        use_of(&ahead, 1, Some(1));
        use_of(&ahead, 2, Some(2));
        assert_eq!(first(&ahead), [0, 2]);
        ahead.indexed(1);
        use_of(&ahead, 1, Some(3));
        use_of(&ahead, 2, Some(4));
        assert_eq!(first(&ahead), [3]);
    }

    #[test]
    fn of_uses_written_together_the_earliest_is_the_first() {
        let ahead = behind(0);
        let ranks = [(); 3].map(|()| ahead.writing(canary(1)));
        assert_eq!(ranks, [Rank::Candidate; 3]);
        end(&ahead, 1, ranks[2], Some(8));
        let later = ahead.writing(canary(1));
        assert_eq!(later, Rank::Later);
        end(&ahead, 1, later, Some(9));
        end(&ahead, 1, ranks[0], None);
        assert!(first(&ahead).is_empty());
        end(&ahead, 1, ranks[1], Some(7));
        assert_eq!(first(&ahead), [7]);
        ahead.indexed(8);
        assert_eq!(ahead.writing(canary(1)), Rank::Later, "9 is not indexed");
    }

    #[test]
    fn what_could_not_be_written_is_no_use() {
        let ahead = behind(0);
        use_of(&ahead, 1, None);
        use_of(&ahead, 1, Some(0));
        assert_eq!(first(&ahead), [0]);
    }

    #[test]
    fn nothing_goes_ahead_of_records_nobody_knows_about() {
        let ahead = behind(10);
        ahead.indexed(4);
        use_of(&ahead, 1, Some(10));
        assert!(first(&ahead).is_empty());
        ahead.indexed(10);
        use_of(&ahead, 1, Some(11));
        assert_eq!(first(&ahead), [11]);
    }

    #[test]
    fn more_canaries_than_can_be_followed_take_their_turn() {
        let ahead = behind(0);
        for number in 0..FOLLOWED {
            let mut bytes = [0xff; 16];
            bytes[..8].copy_from_slice(&number.to_le_bytes());
            ahead
                .lock()
                .used
                .entry(CanaryId::from_bytes(bytes))
                .or_default()
                .last = Some(1);
        }
        let rank = ahead.writing(canary(1));
        assert_eq!(rank, Rank::Untracked);
        ahead.indexed(1);
        use_of(&ahead, 2, Some(2));
        end(&ahead, 1, rank, Some(3));
        use_of(&ahead, 3, Some(4));
        assert!(first(&ahead).is_empty(), "3 is one of them");
        ahead.indexed(3);
        assert_eq!(first(&ahead), [4], "none of those before");
        use_of(&ahead, 4, Some(5));
        assert_eq!(first(&ahead), [5]);
    }

    #[test]
    fn where_there_is_no_backlog_nothing_is_followed() {
        let ahead = Ahead::new(0);
        for sequence in 0..=NEAR {
            assert_eq!(ahead.writing(canary(1)), Rank::Untracked);
            end(&ahead, 1, Rank::Untracked, Some(sequence));
        }
        use_of(&ahead, 2, Some(NEAR + 1));
        assert!(first(&ahead).is_empty(), "2 may be among those before");
        ahead.indexed(NEAR);
        assert_eq!(
            ahead.writing(canary(3)),
            Rank::Untracked,
            "it is near again"
        );
    }
}
