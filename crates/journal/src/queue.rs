//! What callers hand to the writer thread, and what the writer tells them.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lapwing_core::{Clock, Keyring, StationId};
use tokio::sync::watch;

use crate::error::JournalError;
use crate::gap::Gap;
use crate::group::{Group, Outcome};
use crate::line::{Prepared, Shape};

/// How often the writer looks whether more arrive.
const STEP: Duration = Duration::from_micros(200);

/// The writer is taken for stuck when it has been at one group for so long.
const STUCK: Duration = Duration::from_millis(1500);

/// Buffers kept for further entries, and how large one may be to be kept.
const SPARE: usize = 512;
const SPARE_BYTES: usize = 16 << 10;

/// Between callers and writer.
pub(crate) struct Shared {
    queue: Mutex<Queue>,
    arrived: Condvar,
    /// Buffers of entries that are written.
    spare: Mutex<Vec<Vec<u8>>>,
    pub(crate) directory: PathBuf,
    pub(crate) station: StationId,
    pub(crate) keys: Keyring,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) next: AtomicU64,
    pub(crate) healthy: AtomicBool,
    /// How often it stopped being so.
    pub(crate) failures: AtomicU64,
    /// Somebody waits for a checkpoint.
    wanted: AtomicBool,
    pub(crate) newest: Arc<Mutex<String>>,
    /// Of the latest record: what an unmatched request imitates.
    pub(crate) shape: Mutex<Shape>,
    /// True once the writer is gone and the lock is given back.
    pub(crate) finished: watch::Sender<bool>,
}

/// What waits for the writer.
#[derive(Default)]
struct Queue {
    entries: Vec<Prepared>,
    passes: Vec<Prepared>,
    group: Arc<Group>,
    rotate: bool,
    closing: bool,
    /// Set while the disk fails or does not answer: nothing is taken.
    failing: bool,
    /// Set while the writer waits for a disk that does not answer.
    stuck: bool,
    /// When the writer took what it is at.
    busy: Option<Instant>,
    waiting: bool,
    gap: Gap,
}

/// One group's work, taken by the writer. The vectors are reused.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) entries: Vec<Prepared>,
    pub(crate) passes: Vec<Prepared>,
    pub(crate) group: Arc<Group>,
    pub(crate) rotate: bool,
}

impl Drop for Batch {
    /// Nobody is left waiting, not even if the writer panics. Does nothing to a finished group.
    fn drop(&mut self) {
        self.group.finish(Outcome::Closed);
    }
}

/// Why the writer was woken.
pub(crate) enum Woken {
    Work,
    Timeout,
    Closing,
}

impl Shared {
    pub(crate) fn new(
        directory: PathBuf,
        station: StationId,
        keys: Keyring,
        clock: Arc<dyn Clock>,
        newest: Arc<Mutex<String>>,
        next: u64,
        lost: u64,
    ) -> Self {
        let queue = Queue {
            gap: Gap::found(lost),
            ..Queue::default()
        };
        Self {
            queue: Mutex::new(queue),
            arrived: Condvar::new(),
            spare: Mutex::default(),
            directory,
            station,
            keys,
            clock,
            next: AtomicU64::new(next),
            healthy: AtomicBool::new(true),
            failures: AtomicU64::new(0),
            wanted: AtomicBool::new(false),
            newest,
            shape: Mutex::new(Shape {
                body: 1024,
                parts: 2,
            }),
            finished: watch::Sender::new(false),
        }
    }

    /// An empty buffer to prepare an entry in.
    pub(crate) fn buffer(&self) -> Vec<u8> {
        self.spare().pop().unwrap_or_default()
    }

    /// Takes back the buffers of entries that are written.
    pub(crate) fn give_back(&self, buffers: impl Iterator<Item = Vec<u8>>) {
        let mut spare = self.spare();
        for mut buffer in buffers {
            if spare.len() < SPARE && buffer.capacity() <= SPARE_BYTES {
                buffer.clear();
                spare.push(buffer);
            }
        }
    }

    fn spare(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues an entry; gives its group and its place in it.
    pub(crate) fn push(
        &self,
        mut entry: Prepared,
        rotate: bool,
    ) -> Result<(Arc<Group>, u64), JournalError> {
        let mut queue = self.lock();
        entry.time = self.clock.now();
        if queue.closing {
            return Err(JournalError::Closed);
        }
        if queue.failing {
            queue.gap.lose(&entry.via, entry.time);
            return Err(JournalError::NotDurable);
        }
        queue.rotate |= rotate;
        let index = queue.entries.len() as u64;
        queue.entries.push(entry);
        Ok((self.joined(queue), index))
    }

    /// Queues an unmatched request.
    pub(crate) fn push_pass(&self, mut dummy: Prepared) -> Result<Arc<Group>, JournalError> {
        let mut queue = self.lock();
        dummy.time = self.clock.now();
        if queue.closing {
            return Err(JournalError::Closed);
        }
        if queue.failing {
            queue.gap.pass(&dummy.via);
            return Err(JournalError::NotDurable);
        }
        queue.passes.push(dummy);
        Ok(self.joined(queue))
    }

    fn joined(&self, queue: MutexGuard<'_, Queue>) -> Arc<Group> {
        let group = Arc::clone(&queue.group);
        let waiting = queue.waiting;
        drop(queue);
        if waiting {
            self.arrived.notify_one();
        }
        group
    }

    /// No more entries; the writer drains and ends.
    pub(crate) fn close(&self) {
        self.lock().closing = true;
        self.arrived.notify_one();
    }

    /// Waits until there is work, `until` has come, or the journal closes, and takes the work.
    pub(crate) fn take(&self, until: Option<Instant>, batch: &mut Batch) -> Woken {
        let mut queue = self.lock();
        queue.busy = None;
        loop {
            if !queue.entries.is_empty() || !queue.passes.is_empty() {
                queue.take(batch);
                queue.busy = Some(Instant::now());
                return Woken::Work;
            }
            if queue.closing {
                return Woken::Closing;
            }
            let wanted = self.checkpoint_wanted() && !queue.failing;
            let now = Instant::now();
            if wanted || until.is_some_and(|until| until <= now) {
                queue.busy = Some(now);
                return Woken::Timeout;
            }
            queue.waiting = true;
            queue = match until {
                None => self
                    .arrived
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    self.arrived
                        .wait_timeout(queue, until - now)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
            queue.waiting = false;
        }
    }

    /// Asks for a checkpoint as soon as may be.
    pub(crate) fn want_checkpoint(&self) {
        let _queue = self.lock();
        self.wanted.store(true, Ordering::Release);
        self.arrived.notify_one();
    }

    pub(crate) fn checkpoint_wanted(&self) -> bool {
        self.wanted.load(Ordering::Acquire)
    }

    /// It is being signed.
    pub(crate) fn checkpoint_given(&self) {
        self.wanted.store(false, Ordering::Release);
    }

    /// Lets more entries arrive, as long as some do and not beyond `until`.
    pub(crate) fn gather(&self, until: Instant) {
        let arrived = || {
            let queue = self.lock();
            queue.entries.len() + queue.passes.len()
        };
        let mut before = arrived();
        while Instant::now() + STEP <= until {
            std::thread::sleep(STEP);
            let now = arrived();
            if now == before {
                return;
            }
            before = now;
        }
    }

    /// The disk fails: counts what is lost with `batch` and with what gathered meanwhile, tells
    /// both, and takes nothing more until [`Shared::recovered`].
    pub(crate) fn failed(&self, batch: &Batch) {
        self.healthy.store(false, Ordering::Release);
        self.failures.fetch_add(1, Ordering::Relaxed);
        let mut late = Batch::default();
        {
            let mut queue = self.lock();
            queue.failing = true;
            queue.stuck = false;
            queue.gap.begin(self.clock.now());
            queue.take(&mut late);
            queue.gap.lose_all(batch);
            queue.gap.lose_all(&late);
        }
        batch.group.finish(Outcome::NotDurable);
        late.group.finish(Outcome::NotDurable);
    }

    /// Somebody is answered though the sync waited for has not come. If the writer is stuck, nothing
    /// more is taken until it comes back: what waits behind it is told so.
    pub(crate) fn answered_early(&self, via: &str) {
        let mut late = Batch::default();
        {
            let mut queue = self.lock();
            let now = self.clock.now();
            queue.gap.early(via, now);
            let stuck = queue.busy.is_some_and(|since| since.elapsed() >= STUCK);
            if !stuck || queue.failing {
                return;
            }
            queue.failing = true;
            queue.stuck = true;
            self.healthy.store(false, Ordering::Release);
            queue.take(&mut late);
            queue.gap.lose_all(&late);
        }
        tracing::error!("the journal's disk does not answer: nothing is recorded until it does");
        late.group.finish(Outcome::NotDurable);
    }

    /// A group is on disk. If it was waited for too long, it is over.
    pub(crate) fn unstick(&self) {
        let mut queue = self.lock();
        if std::mem::take(&mut queue.stuck) {
            queue.failing = false;
            self.healthy.store(true, Ordering::Release);
            tracing::info!("the journal's disk answers again");
        }
    }

    /// The writer is gone, orderly or not.
    pub(crate) fn abandon(&self) {
        let mut late = Batch::default();
        {
            let mut queue = self.lock();
            queue.closing = true;
            queue.take(&mut late);
        }
        self.finished.send_replace(true);
    }

    /// The disk works again.
    pub(crate) fn recovered(&self) {
        self.lock().failing = false;
        self.healthy.store(true, Ordering::Release);
    }

    /// Whether anything is in no gap record yet.
    pub(crate) fn has_gap(&self) -> bool {
        !self.lock().gap.is_none()
    }

    /// Takes what is in no gap record yet, to write one.
    pub(crate) fn take_gap(&self) -> Gap {
        std::mem::take(&mut self.lock().gap)
    }

    /// It could not be written.
    pub(crate) fn keep_gap(&self, gap: Gap) {
        let mut queue = self.lock();
        let later = std::mem::replace(&mut queue.gap, gap);
        queue.gap.join(later);
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn take(&mut self, batch: &mut Batch) {
        std::mem::swap(&mut self.entries, &mut batch.entries);
        std::mem::swap(&mut self.passes, &mut batch.passes);
        batch.group = std::mem::take(&mut self.group);
        batch.rotate = std::mem::take(&mut self.rotate);
    }
}
