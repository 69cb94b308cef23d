//! What stands in the index for words that are erased: keyed digests by which trips are compared. A session loses
//! those that none of its trips shows any more, and what was last seen in it as well.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use lapwing_attribute::{Forgetting, NAMED, SESSIONS, Scored, is_said, named, session_name};
use lapwing_core::{Session, Timestamp, Trip, TripId};
use lapwing_journal::{Position, read_at};
use lapwing_store::{Forgotten, Index, Signal, StoreError};

use super::Ground;
use crate::{DaemonError, assess, record};

/// Trips and notes read at once.
const FETCH: usize = 1000;
/// A session goes on no longer than this after a trip of it, in seconds: as the linker has it.
const SESSION: i64 = 1800;
/// How often it is tried to fold the log of the index in, and the pause in between.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(100);

/// A session some of whose trips lost words.
#[derive(Default)]
struct Suspect {
    /// What stands for words in it, as far as no trip that is left shows it.
    said: BTreeSet<(String, String)>,
    /// The same of names that were looked up.
    named: BTreeSet<(String, String)>,
    /// A trip of it.
    trip: Option<Trip>,
}

impl Ground {
    /// Takes out of the index what stands for words that these sessions have no more.
    ///
    /// # Errors
    /// Journal, ledger or index fail.
    pub(super) fn forget_digests(&self, sessions: &BTreeSet<TripId>) -> Result<(), DaemonError> {
        if sessions.is_empty() {
            return Ok(());
        }
        let mut suspects = self.suspects(sessions)?;
        self.see_what_is_left(&mut suspects)?;
        let mut forgetting = Forgetting::new();
        let mut signals = Vec::new();
        for (session, suspect) in suspects {
            signals.extend(suspect.named.into_iter().map(|(signal, value)| Signal {
                signal,
                value,
                session,
            }));
            if let (false, Some(trip)) = (suspect.said.is_empty(), &suspect.trip) {
                forgetting.take_out(session, suspect.said, trip);
            }
        }
        if !forgetting.is_empty() {
            each_note(&self.index, SESSIONS, |note| forgetting.see(note))?;
        }
        if forgetting.is_empty() && signals.is_empty() {
            return Ok(());
        }
        let hands = self.index.hands(&self.ledger.decisions()?)?;
        self.index.forget(|note| {
            Ok::<_, StoreError>(Forgotten {
                notes: forgetting.notes(&hands, note)?,
                signals,
            })
        })?;
        fold(&self.index)
    }

    /// The sessions in which something stands for words at all.
    fn suspects(
        &self,
        sessions: &BTreeSet<TripId>,
    ) -> Result<BTreeMap<TripId, Suspect>, DaemonError> {
        let mut suspects: BTreeMap<TripId, Suspect> = BTreeMap::new();
        for id in sessions {
            let note = self.index.note(&session_name(*id))?;
            let session = note.and_then(|note| serde_json::from_str::<Session>(&note).ok());
            let traits = session.map(|session| session.traits).unwrap_or_default();
            let said: BTreeSet<_> = { traits.into_iter() }
                .filter(|(signal, _)| is_said(signal))
                .collect();
            if !said.is_empty() {
                suspects.entry(*id).or_default().said = said;
            }
        }
        for signal in NAMED {
            for seen in self.index.seen_in(signal, sessions)? {
                let suspect = suspects.entry(seen.session).or_default();
                suspect.named.insert((seen.signal, seen.value));
            }
        }
        Ok(suspects)
    }

    /// Goes through the trips of these sessions, and takes off what one of them still shows.
    fn see_what_is_left(
        &self,
        suspects: &mut BTreeMap<TripId, Suspect>,
    ) -> Result<(), DaemonError> {
        let (Some(first), Some(last)) = (
            suspects.keys().next().copied(),
            suspects.keys().next_back().copied(),
        ) else {
            return Ok(());
        };
        let linker = assess::linker(self.keys.clone());
        let mut from = first;
        let mut newest: Option<Timestamp> = None;
        loop {
            let rows = self.index.trips_from(from, FETCH)?;
            for row in &rows {
                let over = newest.is_some_and(|newest| row.time.seconds_since(newest) > SESSION);
                if over && row.id() > last {
                    return Ok(());
                }
                let session = row.conclusion.session;
                let Some(suspect) = session.and_then(|session| suspects.get_mut(&session)) else {
                    continue;
                };
                newest = newest.max(Some(row.time));
                if suspect.is_open() {
                    let position = Position {
                        segment: row.segment,
                        offset: row.offset,
                    };
                    let record = read_at(&self.journal, &self.keys, position, row.id().sequence)?;
                    if let Some(trip) = record::trip(&record) {
                        suspect.see(trip, &linker);
                    }
                }
            }
            match rows.last() {
                Some(row) if rows.len() == FETCH => from = next(row.id()),
                _ => return Ok(()),
            }
        }
    }
}

impl Suspect {
    /// Whether another trip could take something off.
    fn is_open(&self) -> bool {
        self.trip.is_none() || !self.said.is_empty() || !self.named.is_empty()
    }

    fn see(&mut self, trip: Trip, linker: &Scored) {
        for pair in linker.said(&trip) {
            self.said.remove(&pair);
        }
        for pair in named(&trip) {
            self.named.remove(&pair);
        }
        self.trip = Some(trip);
    }
}

/// The trip after this one, whether there is one or not.
fn next(trip: TripId) -> TripId {
    TripId {
        sequence: trip.sequence + 1,
        ..trip
    }
}

fn each_note(index: &Index, prefix: &str, mut see: impl FnMut(&str)) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let notes = index.notes(prefix, &after, FETCH)?;
        notes.iter().for_each(|(_, note)| see(note));
        match notes.into_iter().next_back() {
            Some((name, _)) => after = name,
            None => return Ok(()),
        }
    }
}

/// Folds the log of the index in, so that no older state of it is left beside the file.
fn fold(index: &Index) -> Result<(), DaemonError> {
    for _ in 0..TRIES {
        if index.fold_log()? {
            return Ok(());
        }
        std::thread::sleep(PAUSE);
    }
    tracing::warn!(
        "the log of the index still holds digests of what is erased: somebody reads it; it is overwritten as the \
         index grows"
    );
    Ok(())
}
