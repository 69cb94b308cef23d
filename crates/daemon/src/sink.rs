//! Record, then answer: takes sightings from the listeners into the journal.
//!
//! Each sighting is its own record until its canary and address are past the quota; from then on
//! what arrives while a summary is being synced shares the next one. If the disk fails, or does not
//! answer for as long as an answer may wait, the peer is still answered: the sighting waits in bounded
//! memory, the operator is told by every means, and it is written late once the journal has recovered.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::{BoxFuture, join_all};
use lapwing_core::{CanaryId, Clock as _, SystemClock, Timestamp, TripId};
use lapwing_journal::{Journal, JournalError, Receipt};
use lapwing_listen::{Sighting, TripSink, network};
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;

use crate::ahead::Ahead;
use crate::monitor::Measures;
use crate::recognise::{LedgerRecogniser, is_doubt};
use crate::record::{Repeat, Written, parts_entry, summary_entry, trip_entry, trip_of};
use crate::settings::Quota;
use crate::shelf::{Kept, Shelf};

/// (canary, address) pairs whose quota is followed at once.
const FOLLOWED: usize = 100_000;
/// A canary's quota over all addresses is so many times that of one. Past it, of a further address
/// only the first use is recorded in full.
const CROWD: u32 = 10;
/// Longest wait of an answer for a sync.
const PATIENCE: Duration = Duration::from_secs(2);
/// Canaries that the operator is told of by name while nothing is recorded.
const NAMED: usize = 64;

/// Who uses what.
pub(crate) type Source = (CanaryId, IpAddr);

/// Writes sightings to the journal.
#[derive(Clone)]
pub struct Recorder(Arc<Inner>);

struct Inner {
    journal: Journal,
    ahead: Ahead,
    epoch: u32,
    quota: Quota,
    used: Mutex<Usage>,
    floods: Mutex<HashMap<Source, Vec<Waiting>>>,
    shelf: Mutex<Shelf>,
    news: Mutex<News>,
    unrecorded: AtomicU64,
    early: AtomicU64,
    dropped: AtomicU64,
    trouble: Notify,
    measures: Measures,
}

/// How much of the quotas is used.
#[derive(Default)]
struct Usage {
    sources: HashMap<Source, Used>,
    canaries: HashMap<CanaryId, Used>,
}

/// Uses that the operator has not been told of in person, one a canary, and whom they were about.
#[derive(Default)]
struct News {
    known: Vec<CanaryId>,
    lines: Vec<String>,
}

/// What was not recorded in time since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unrecorded {
    /// Uses that were refused by the journal, and waited in memory.
    pub shelved: u64,
    /// Answers that did not wait for a sync any longer; most of those are on record.
    pub early: u64,
    /// Uses for which there was no room in memory: lost.
    pub lost: u64,
    /// Uses that wait in memory now.
    pub waiting: u64,
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
            news: Mutex::default(),
            unrecorded: AtomicU64::new(0),
            early: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            trouble: Notify::new(),
            measures: Measures::default(),
        }))
    }

    /// What was counted.
    pub(crate) fn measures(&self) -> &Measures {
        &self.0.measures
    }

    /// Resolves when a sighting could not be written.
    pub async fn trouble(&self) {
        self.0.trouble.notified().await;
    }

    /// What could not be written in time so far.
    #[must_use]
    pub fn unrecorded(&self) -> Unrecorded {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Unrecorded {
            shelved: count(&self.0.unrecorded),
            early: count(&self.0.early),
            lost: count(&self.0.dropped),
            waiting: lock(&self.0.shelf).len() as u64,
        }
    }

    /// The first uses of canaries that could not be written, each in a line of text, since this was last
    /// asked.
    pub(crate) fn news(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.0.news).lines)
    }

    /// From now on every use that cannot be written is news.
    pub(crate) fn forget_news(&self) {
        lock(&self.0.news).known.clear();
    }

    /// Writes what waited in memory, if the journal is healthy again. Returns how many it wrote.
    pub(crate) async fn catch_up(&self, recogniser: &Arc<LedgerRecogniser>) -> usize {
        let mut written = 0;
        while self.0.journal.healthy() {
            let Some(kept) = lock(&self.0.shelf).take() else {
                break;
            };
            let Some(kept) = self.certain(kept, recogniser).await else {
                break;
            };
            for kept in kept {
                if let Err(kept) = self.write_late(kept).await {
                    lock(&self.0.shelf).put_back(kept);
                } else {
                    written += 1;
                }
            }
        }
        written
    }

    /// What was taken off the shelf, with doubts about whose it is resolved; `None`, and all is back on the
    /// shelf, while they cannot be.
    async fn certain(&self, kept: Kept, recogniser: &Arc<LedgerRecogniser>) -> Option<Vec<Kept>> {
        let (Kept::Whole(first) | Kept::Repeats(first, _)) = &kept;
        if !is_doubt(&first.canary) {
            return Some(vec![kept]);
        }
        let (recogniser, doubt) = (Arc::clone(recogniser), first.canary.id);
        let found = tokio::task::spawn_blocking(move || recogniser.resolve(doubt)).await;
        let Some(found) = found.ok().flatten() else {
            lock(&self.0.shelf).put_back(kept);
            return None;
        };
        let all = found.into_iter().map(|(canary, field)| {
            let name = |mut sighting: Box<Sighting>| {
                sighting.canary = Arc::clone(&canary);
                for matched in &mut sighting.fields {
                    matched.field.clone_from(&field);
                }
                sighting
            };
            match &kept {
                Kept::Whole(first) => Kept::Whole(name(first.clone())),
                Kept::Repeats(first, repeats) => {
                    Kept::Repeats(name(first.clone()), repeats.clone())
                }
            }
        });
        Some(all.collect())
    }

    async fn write_late(&self, kept: Kept) -> Result<(), Kept> {
        match kept {
            Kept::Whole(sighting) => {
                let written = self.write(*sighting, Written::Late).await;
                written.map_err(|(sighting, _)| Kept::Whole(Box::new(sighting)))
            }
            Kept::Repeats(first, repeats) => {
                let entry = summary_entry(&first, self.0.epoch, &repeats, Written::Late);
                let written = self.0.journal.append(entry).await;
                written.map(drop).map_err(|_| Kept::Repeats(first, repeats))
            }
        }
    }

    /// Lets an answer wait for a recording as long as may be. What is not done then goes on without it.
    async fn patiently(self, via: String, mut recording: BoxFuture<'static, ()>) {
        if timeout(PATIENCE, &mut recording).await.is_ok() {
            return;
        }
        self.0.early.fetch_add(1, Ordering::Relaxed);
        self.0.journal.answered_early(&via);
        self.0.trouble.notify_one();
        tokio::spawn(recording);
    }

    async fn record_one(&self, sighting: Sighting) {
        let observed = &sighting.observed;
        let measures = &self.0.measures;
        measures.trip(&observed.listener, observed.observer.is_some());
        if is_doubt(&sighting.canary) {
            self.shelve(sighting, "the ledger does not say whether it is a canary's");
        } else if self.within_quota(&sighting) {
            if let Err((sighting, error)) = self.write(sighting, Written::InTime).await {
                self.shelve(sighting, &error.to_string());
            }
        } else if !self.0.journal.healthy() {
            self.append_summary(vec![sighting]).await;
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
        match self.measured(journal.append(entry)).await {
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
        let _ = self.measured(journal.pass_like(entry)).await;
        ahead.glance(like.canary.id);
        drop(like);
    }

    /// Waits for the journal, and measures that: the same for what matched and what did not.
    async fn measured<T>(
        &self,
        pending: impl Future<Output = Result<T, JournalError>>,
    ) -> Result<T, JournalError> {
        let begun = Instant::now();
        let done = pending.await;
        let measures = &self.0.measures;
        measures.appended(begun.elapsed(), done.is_ok(), SystemClock.now());
        done
    }

    fn within_quota(&self, sighting: &Sighting) -> bool {
        let Quota { trips, seconds } = self.0.quota;
        let now = sighting.observed.time;
        let window = i64::from(seconds);
        let mut usage = lock(&self.0.used);
        let Usage { sources, canaries } = &mut *usage;
        let (canary, address) = source(sighting);
        let own = used(sources, (canary, network(address)), now, window);
        let all = used(canaries, canary, now, window);
        own <= trips && (own == 1 || all <= trips.saturating_mul(CROWD))
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
        let entry = summary_entry(first, self.0.epoch, &repeats, Written::InTime);
        if let Err(error) = self.measured(self.0.journal.append(entry)).await {
            let why = error.to_string();
            for sighting in sightings {
                self.shelve(sighting, &why);
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

    fn shelve(&self, sighting: Sighting, why: &str) {
        self.0.unrecorded.fetch_add(1, Ordering::Relaxed);
        self.tell(&sighting, why);
        if !lock(&self.0.shelf).put(sighting) {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
        }
        self.0.trouble.notify_one();
    }

    /// Says which use could not be written; once a canary, or a flood would fill the log as well.
    fn tell(&self, sighting: &Sighting, why: &str) {
        let Sighting {
            canary, observed, ..
        } = sighting;
        let mut news = lock(&self.0.news);
        if news.known.contains(&canary.id) || news.known.len() >= NAMED {
            return;
        }
        news.known.push(canary.id);
        let (source, listener) = (observed.source(), &observed.listener);
        tracing::error!(
            why,
            canary = %canary.id,
            %source,
            listener,
            "a trip could not be recorded; kept in memory"
        );
        let of = if is_doubt(canary) {
            "what may be a canary".to_owned()
        } else {
            format!("canary {} ({})", canary.id, canary.kind)
        };
        let time = observed.time;
        news.lines
            .push(format!("{of}, from {source} at {time} over {listener}"));
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
        let via = sightings.first().map(|it| it.observed.listener.clone());
        let recording = Box::pin(async move {
            match sightings.pop() {
                Some(only) if sightings.is_empty() => recorder.record_one(only).await,
                Some(last) => {
                    sightings.push(last);
                    join_all(sightings.into_iter().map(|one| recorder.record_one(one))).await;
                }
                None => {}
            }
        });
        Box::pin(self.clone().patiently(via.unwrap_or_default(), recording))
    }

    fn unmatched(
        &self,
        listener: &str,
        size: usize,
        like: Option<Sighting>,
    ) -> BoxFuture<'static, ()> {
        self.0.measures.unmatched();
        let recorder = self.clone();
        let recording: BoxFuture<'static, ()> = match like {
            Some(mut like) => {
                listener.clone_into(&mut like.observed.listener);
                Box::pin(async move { recorder.pass_like(like).await })
            }
            None => {
                let passing = self.0.journal.pass(size, listener);
                Box::pin(async move {
                    // A failed sync is counted by the journal.
                    let _ = recorder.measured(passing).await;
                })
            }
        };
        Box::pin(self.clone().patiently(listener.to_owned(), recording))
    }
}

/// One more use by `key`: how many there were within the window.
fn used<K: std::hash::Hash + Eq>(
    used: &mut HashMap<K, Used>,
    key: K,
    now: Timestamp,
    window: i64,
) -> u32 {
    // A clock that was set back ends a window too, or it would last until the clock has caught up.
    let over = |used: &Used| !(0..window).contains(&now.seconds_since(used.since));
    if used.len() >= FOLLOWED {
        used.retain(|_, used| !over(used));
        if used.len() >= FOLLOWED {
            used.clear();
        }
    }
    let fresh = Used {
        since: now,
        trips: 0,
    };
    let used = used.entry(key).or_insert(fresh);
    if over(used) {
        *used = fresh;
    }
    used.trips = used.trips.saturating_add(1);
    used.trips
}

pub(crate) fn source(sighting: &Sighting) -> Source {
    (sighting.canary.id, sighting.observed.source().ip())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
