//! What callers hand to the writer thread, and what the writer tells them.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lapwing_core::{Clock, Keyring, StationId, Timestamp};
use tokio::sync::watch;

use crate::error::JournalError;
use crate::group::{Group, Outcome};
use crate::line::{Prepared, Shape};

/// How often the writer looks whether more arrive.
const STEP: Duration = Duration::from_micros(200);

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
    /// Set while the disk fails: nothing is taken.
    failing: bool,
    waiting: bool,
    lost: Lost,
}

/// Entries that never reached the disk.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lost {
    pub(crate) count: u64,
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
}

impl Lost {
    fn add(&mut self, time: Timestamp) {
        self.count += 1;
        self.from = Some(self.from.map_or(time, |from| from.min(time)));
        self.to = Some(self.to.map_or(time, |to| to.max(time)));
    }
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
            lost: Lost {
                count: lost,
                ..Lost::default()
            },
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
            queue.lost.add(entry.time);
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
        loop {
            if !queue.entries.is_empty() || !queue.passes.is_empty() {
                queue.take(batch);
                return Woken::Work;
            }
            if queue.closing {
                return Woken::Closing;
            }
            let wanted = self.checkpoint_wanted() && !queue.failing;
            let now = Instant::now();
            if wanted || until.is_some_and(|until| until <= now) {
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
        let mut late = Batch::default();
        {
            let mut queue = self.lock();
            queue.failing = true;
            queue.take(&mut late);
            for entry in batch.entries.iter().chain(&late.entries) {
                queue.lost.add(entry.time);
            }
        }
        batch.group.finish(Outcome::NotDurable);
        late.group.finish(Outcome::NotDurable);
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

    /// What was lost and is not in a gap record yet.
    pub(crate) fn lost(&self) -> Lost {
        self.lock().lost
    }

    /// A gap record for this much is on disk.
    pub(crate) fn reported(&self, lost: &Lost) {
        let mut queue = self.lock();
        queue.lost.count -= lost.count;
        queue.lost.from = lost.to;
        if queue.lost.count == 0 {
            queue.lost = Lost::default();
        }
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
