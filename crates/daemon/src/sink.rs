//! Record, then answer: takes sightings from the listeners into the journal.
//!
//! Each sighting is its own record until its canary and address are past the quota; from then on
//! what arrives while a summary is being synced shares the next one. If the disk fails, the peer is
//! still answered: the sighting waits in bounded memory, the operator is told by every means, and it
//! is written late once the journal has recovered.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::{BoxFuture, join_all};
use lapwing_core::{CanaryId, Timestamp, TripId};
use lapwing_journal::{Journal, JournalError, Receipt};
use lapwing_listen::{Sighting, TripSink};
use tokio::sync::{Notify, oneshot};

use crate::ahead::Ahead;
use crate::record::{Repeat, Written, parts_entry, summary_entry, trip_entry, trip_of};
use crate::settings::Quota;

/// Sightings kept in memory while the disk fails.
const SHELF: usize = 4096;
/// (canary, address) pairs whose quota is followed at once.
const FOLLOWED: usize = 100_000;

type Source = (CanaryId, IpAddr);

/// Writes sightings to the journal.
#[derive(Clone)]
pub struct Recorder(Arc<Inner>);

struct Inner {
    journal: Journal,
    ahead: Ahead,
    epoch: u32,
    quota: Quota,
    used: Mutex<HashMap<Source, Used>>,
    floods: Mutex<HashMap<Source, Vec<Waiting>>>,
    shelf: Mutex<VecDeque<Sighting>>,
    unrecorded: AtomicU64,
    dropped: AtomicU64,
    trouble: Notify,
}

#[derive(Clone, Copy)]
struct Used {
    since: Timestamp,
    trips: u32,
}

/// A use that waits for the summary now being synced, to share the next one.
struct Waiting {
    sighting: Sighting,
    done: oneshot::Sender<()>,
}

impl Recorder {
    /// Records into `journal`; `ahead` hears of it, `epoch` is that of the digest key.
    #[must_use]
    pub(crate) fn new(journal: Journal, ahead: Ahead, epoch: u32, quota: Quota) -> Self {
        Self(Arc::new(Inner {
            journal,
            ahead,
            epoch,
            quota,
            used: Mutex::default(),
            floods: Mutex::default(),
            shelf: Mutex::default(),
            unrecorded: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            trouble: Notify::new(),
        }))
    }

    /// Resolves when a sighting could not be written.
    pub async fn trouble(&self) {
        self.0.trouble.notified().await;
    }

    /// How many sightings could not be written in time so far, and how many of those were lost
    /// because memory for them is bounded.
    #[must_use]
    pub fn unrecorded(&self) -> (u64, u64) {
        (
            self.0.unrecorded.load(Ordering::Relaxed),
            self.0.dropped.load(Ordering::Relaxed),
        )
    }

    /// How many sightings wait in memory.
    #[must_use]
    pub fn waiting(&self) -> usize {
        lock(&self.0.shelf).len()
    }

    /// Writes what waited in memory, if the journal is healthy again. Returns how many it wrote.
    pub async fn catch_up(&self) -> usize {
        let mut written = 0;
        while self.0.journal.healthy() {
            let Some(sighting) = lock(&self.0.shelf).pop_front() else {
                break;
            };
            if let Err((sighting, _)) = self.write(sighting, Written::Late).await {
                lock(&self.0.shelf).push_front(sighting);
                break;
            }
            written += 1;
        }
        written
    }

    async fn record_one(&self, sighting: Sighting) {
        if self.within_quota(&sighting) {
            if let Err((sighting, error)) = self.write(sighting, Written::InTime).await {
                self.shelve(sighting, &error);
            }
        } else {
            // With the summary as much work as a full record, so that the time taken does not tell of
            // the quota.
            self.0.journal.rehearse(parts_entry(&sighting));
            self.summarise(sighting).await;
        }
    }

    /// Writes a full record. A sighting that could not be written is given back.
    async fn write(
        &self,
        sighting: Sighting,
        written: Written,
    ) -> Result<(), (Sighting, JournalError)> {
        let Inner { journal, ahead, .. } = &*self.0;
        let canary = sighting.canary.id;
        let entry = trip_entry(&sighting, self.0.epoch, written);
        let rank = ahead.writing(canary);
        match journal.append(entry).await {
            Ok(Receipt { station, sequence }) => {
                let id = TripId { station, sequence };
                ahead.written(canary, rank, sequence, || trip_of(sighting, id));
                Ok(())
            }
            Err(error) => {
                ahead.failed(canary, rank);
                Err((sighting, error))
            }
        }
    }

    /// Does what [`Recorder::write`] does, before the sync and after it, and keeps nothing.
    async fn pass_like(&self, like: Sighting) {
        let Inner { journal, ahead, .. } = &*self.0;
        let entry = trip_entry(&like, self.0.epoch, Written::InTime);
        ahead.glance(like.canary.id);
        let _ = journal.pass_like(entry).await;
        ahead.glance(like.canary.id);
        drop(like);
    }

    fn within_quota(&self, sighting: &Sighting) -> bool {
        let Quota { trips, seconds } = self.0.quota;
        let now = sighting.observed.time;
        let mut used = lock(&self.0.used);
        if used.len() >= FOLLOWED {
            used.retain(|_, used| now.seconds_since(used.since) < i64::from(seconds));
            if used.len() >= FOLLOWED {
                used.clear();
            }
        }
        let used = used.entry(source(sighting)).or_insert(Used {
            since: now,
            trips: 0,
        });
        if now.seconds_since(used.since) >= i64::from(seconds) {
            *used = Used {
                since: now,
                trips: 0,
            };
        }
        used.trips = used.trips.saturating_add(1);
        used.trips <= trips
    }

    async fn summarise(&self, sighting: Sighting) {
        let source = source(&sighting);
        let waiting = {
            let mut floods = lock(&self.0.floods);
            match floods.get_mut(&source) {
                Some(queue) => {
                    let (done, waiting) = oneshot::channel();
                    queue.push(Waiting {
                        sighting: sighting.clone(),
                        done,
                    });
                    Some(waiting)
                }
                None => {
                    floods.insert(source, Vec::new());
                    None
                }
            }
        };
        match waiting {
            // The sender is dropped only with the process.
            Some(waiting) => drop(waiting.await),
            None => {
                // If this future is dropped half-way, the guard still sees to those who wait.
                let _next = Next {
                    recorder: self,
                    source,
                };
                self.append_summary(vec![sighting]).await;
            }
        }
    }

    async fn append_summary(&self, sightings: Vec<Sighting>) {
        let repeats: Vec<Repeat> = sightings.iter().map(Repeat::of).collect();
        let Some(first) = sightings.first() else {
            return;
        };
        let entry = summary_entry(first, self.0.epoch, &repeats);
        if let Err(error) = self.0.journal.append(entry).await {
            for sighting in sightings {
                self.shelve(sighting, &error);
            }
        }
    }

    /// Writes summaries of what has been waiting until nothing is.
    async fn drain_flood(self, source: Source) {
        loop {
            let queue = {
                let mut floods = lock(&self.0.floods);
                match floods.get_mut(&source) {
                    Some(queue) if !queue.is_empty() => std::mem::take(queue),
                    _ => {
                        floods.remove(&source);
                        return;
                    }
                }
            };
            let (sightings, done): (Vec<_>, Vec<_>) = queue
                .into_iter()
                .map(|waiting| (waiting.sighting, waiting.done))
                .unzip();
            self.append_summary(sightings).await;
            for done in done {
                let _ = done.send(());
            }
        }
    }

    fn shelve(&self, sighting: Sighting, error: &JournalError) {
        tracing::error!(
            %error,
            canary = %sighting.canary.id,
            source = %sighting.observed.source(),
            "a trip could not be recorded; kept in memory"
        );
        self.0.unrecorded.fetch_add(1, Ordering::Relaxed);
        let mut shelf = lock(&self.0.shelf);
        if shelf.len() < SHELF {
            shelf.push_back(sighting);
        } else {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
        }
        self.0.trouble.notify_one();
    }
}

/// Ends a leading summary: whoever waited meanwhile is next.
struct Next<'a> {
    recorder: &'a Recorder,
    source: Source,
}

impl Drop for Next<'_> {
    fn drop(&mut self) {
        let mut floods = lock(&self.recorder.0.floods);
        if floods.get(&self.source).is_none_or(Vec::is_empty) {
            floods.remove(&self.source);
        } else {
            tokio::spawn(self.recorder.clone().drain_flood(self.source));
        }
    }
}

impl TripSink for Recorder {
    fn record(&self, mut sightings: Vec<Sighting>) -> BoxFuture<'static, ()> {
        let recorder = self.clone();
        Box::pin(async move {
            match sightings.pop() {
                Some(only) if sightings.is_empty() => recorder.record_one(only).await,
                Some(last) => {
                    sightings.push(last);
                    join_all(sightings.into_iter().map(|one| recorder.record_one(one))).await;
                }
                None => {}
            }
        })
    }

    fn unmatched(&self, size: usize, like: Option<Sighting>) -> BoxFuture<'static, ()> {
        let Some(like) = like else {
            let passing = self.0.journal.pass(size);
            return Box::pin(async move {
                // A failed sync is reported by the trips of the group, if it had any.
                let _ = passing.await;
            });
        };
        let recorder = self.clone();
        Box::pin(async move { recorder.pass_like(like).await })
    }
}

fn source(sighting: &Sighting) -> Source {
    (sighting.canary.id, sighting.observed.source().ip())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
