//! The one thread that writes records: takes all that waits, chains it, writes and syncs it once,
//! then wakes those who wait. A failed write or sync is never taken for done.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::disk::{Disk, Output};
use crate::gap::Gap;
use crate::group::Outcome;
use crate::line::{Head, Prepared};
use crate::merkle::Hash;
use crate::queue::{Batch, Shared, Woken};
use crate::segment::segment_path;
use crate::state::{Durable, DurableFile, Start};

/// First and longest pause before the disk is tried again after a failure.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Where many arrive, a group begins no sooner than this after the one before: a sync costs the
/// processors much the same for one record and for a hundred.
const PERIOD: Duration = Duration::from_millis(1);

/// When records, checkpoints and segments are due.
pub(crate) struct Pace {
    pub(crate) segment_bytes: u64,
    pub(crate) checkpoint_records: u64,
    pub(crate) checkpoint_every: Duration,
}

pub(crate) struct Writer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) pace: Pace,
    /// The chain and tree after the last durable record, and where it ends.
    pub(crate) state: Start,
    /// The segment being written; `None` while a new one is needed.
    pub(crate) output: Option<Box<dyn Output>>,
    pub(crate) durable_file: DurableFile,
    pub(crate) scratch: Option<(Box<dyn Output>, u64)>,
    pub(crate) checkpoints: Option<Sender<Start>>,
    pub(crate) notary: Option<JoinHandle<()>>,
    /// Held as long as this thread lives.
    pub(crate) lock: Option<File>,
    pub(crate) unmatched: u64,
    pub(crate) new_records: u64,
    pub(crate) last_checkpoint: Instant,
    pub(crate) failing: Option<Failing>,
    pub(crate) buffer: Vec<u8>,
    pub(crate) leaves: Vec<Hash>,
}

/// While the disk fails.
pub(crate) struct Failing {
    retry: Instant,
    pause: Duration,
}

/// Records of the journal's own that go ahead of a batch.
#[derive(Default)]
struct Own {
    prepared: Vec<Prepared>,
    gap: Option<Gap>,
    unmatched: u64,
}

impl Writer {
    pub(crate) fn run(mut self) {
        let mut batch = Batch::default();
        loop {
            match self.shared.take(self.until(), &mut batch) {
                Woken::Work => {
                    let begun = Instant::now();
                    let crowd = batch.entries.len() + batch.passes.len() > 1;
                    self.group(&mut batch);
                    if crowd {
                        self.shared.gather(begun + PERIOD);
                    }
                }
                Woken::Timeout if self.failing.is_some() => self.recover(),
                Woken::Timeout => self.group(&mut Batch::default()),
                Woken::Closing => break,
            }
        }
        self.finish();
    }

    /// When to act though nothing arrives.
    fn until(&self) -> Option<Instant> {
        if let Some(failing) = &self.failing {
            return Some(failing.retry);
        }
        if self.checkpoint_due() || self.shared.has_gap() {
            return Some(Instant::now());
        }
        (self.new_records > 0 || self.unmatched > 0)
            .then(|| self.last_checkpoint + self.pace.checkpoint_every)
    }

    fn checkpoint_due(&self) -> bool {
        self.shared.checkpoint_wanted()
            || self.new_records >= self.pace.checkpoint_records
            || ((self.new_records > 0 || self.unmatched > 0)
                && self.last_checkpoint.elapsed() >= self.pace.checkpoint_every)
    }

    /// One group, and the checkpoint if one is due.
    fn group(&mut self, batch: &mut Batch) {
        if self.failing.is_some() {
            // Only what was queued in the instant of failing; counted there.
            batch.group.finish(Outcome::NotDurable);
            batch.entries.clear();
            batch.passes.clear();
            return;
        }
        let due = self.checkpoint_due();
        let mut own = self.own_records(due);
        let passes = batch.passes.len() as u64;
        let written = if batch.entries.is_empty() && own.prepared.is_empty() {
            self.write_scratch(batch)
                .map(|()| self.state.frontier.size())
        } else {
            self.write_records(batch, &own)
        };
        match written {
            Ok(first) => {
                batch.group.finish(Outcome::Durable(first));
                self.unmatched += passes;
                self.unmatched -= own.unmatched;
                self.shared.unstick();
            }
            Err(error) => {
                self.keep(&mut own);
                self.fail(batch, &error);
            }
        }
        // After the wake-up: this is no part of anybody's wait.
        self.grow_tree();
        let done = batch.entries.drain(..).chain(batch.passes.drain(..));
        self.shared.give_back(done.map(Prepared::into_buffer));
        self.trim_scratch();
        if due && self.failing.is_none() {
            self.checkpoint();
        }
    }

    fn own_records(&self, due: bool) -> Own {
        let mut own = Own::default();
        if self.shared.has_gap() {
            self.tell_gap(&mut own);
        }
        if due && self.unmatched > 0 {
            own.unmatched = self.unmatched;
            own.prepared
                .push(self.own(json!({"type": "unmatched", "count": self.unmatched})));
        }
        own
    }

    fn tell_gap(&self, own: &mut Own) {
        let gap = self.shared.take_gap();
        own.prepared
            .push(self.own(gap.body(self.shared.clock.now())));
        own.gap = Some(gap);
    }

    /// The gap is to be told again.
    fn keep(&self, own: &mut Own) {
        if let Some(gap) = own.gap.take() {
            self.shared.keep_gap(gap);
        }
    }

    fn own(&self, body: Value) -> Prepared {
        let mut prepared = Prepared::new(&body.into(), &[], &self.shared.keys, Vec::new())
            .expect("the journal's own records are small, of ASCII keys and integers");
        prepared.time = self.shared.clock.now();
        prepared
    }

    /// Chains, writes and syncs; gives the sequence of the batch's first entry.
    fn write_records(&mut self, batch: &Batch, own: &Own) -> io::Result<u64> {
        if !batch.passes.is_empty() && self.append_scratch(&batch.passes).is_err() {
            // Their part of the work, or who matches among many that do not is answered sooner. The records
            // do not depend on it.
            self.scratch = None;
        }
        let full = self.state.offset >= self.pace.segment_bytes || batch.rotate;
        if self.output.is_none() || (full && self.state.offset > 0) {
            self.next_segment()?;
        }
        let mut head = self.head();
        let first = head.next + own.prepared.len() as u64;
        self.buffer.clear();
        for prepared in own.prepared.iter().chain(&batch.entries) {
            let leaf = head.chain(prepared, &mut self.buffer);
            self.leaves.push(leaf);
        }
        let output = self.output.as_mut().expect("opened above");
        let written = output.append(&self.buffer).and_then(|()| output.sync());
        if let Err(error) = written {
            self.leaves.clear();
            return Err(error);
        }
        self.state.offset += self.buffer.len() as u64;
        self.state.previous = head.previous;
        let written = own.prepared.iter().chain(&batch.entries);
        self.state.lines += written.map(Prepared::lines).sum::<u64>();
        self.new_records += self.leaves.len() as u64;
        self.publish(head.next);
        Ok(first)
    }

    fn head(&self) -> Head {
        Head {
            station: self.shared.station,
            next: self.state.frontier.size(),
            previous: self.state.previous,
        }
    }

    fn grow_tree(&mut self) {
        for leaf in self.leaves.drain(..) {
            self.state.frontier.push(leaf);
        }
    }

    /// Lets readers see up to `next`.
    fn publish(&mut self, next: u64) {
        let durable = Durable {
            next,
            segment: self.state.segment,
            offset: self.state.offset,
        };
        if let Err(error) = self.durable_file.write(&durable) {
            tracing::warn!(%error, "readers may lag: cannot say how far the journal is on disk");
        }
        self.shared.next.store(next, Ordering::Release);
    }

    /// A group of unmatched requests only: the same work on the same number of bytes, appended to
    /// a file and synced, so that a group takes as long as one with records.
    fn write_scratch(&mut self, batch: &Batch) -> io::Result<()> {
        if batch.passes.is_empty() {
            return Ok(());
        }
        self.append_scratch(&batch.passes)?.sync()?;
        self.publish(self.state.frontier.size());
        Ok(())
    }

    fn append_scratch(&mut self, passes: &[Prepared]) -> io::Result<&mut Box<dyn Output>> {
        let mut head = self.head();
        self.buffer.clear();
        for dummy in passes {
            head.chain(dummy, &mut self.buffer);
        }
        if self.scratch.is_none() {
            let mut output = self.disk.open(&self.scratch_path())?;
            output.cut(0)?;
            self.scratch = Some((output, 0));
        }
        let (output, length) = self.scratch.as_mut().expect("opened above");
        *length += self.buffer.len() as u64;
        // What matched nothing is counted, not kept: only its length goes to the disk.
        self.buffer.fill(0);
        output.append(&self.buffer)?;
        Ok(output)
    }

    fn scratch_path(&self) -> PathBuf {
        self.shared.directory.join("scratch")
    }

    /// Empties the scratch file when a segment would end, between groups. Much sooner, and the file
    /// system treats it as a small file: its syncs are then measurably shorter than a segment's.
    fn trim_scratch(&mut self) {
        if let Some((output, length)) = &mut self.scratch
            && *length >= self.pace.segment_bytes
        {
            match output.cut(0) {
                Ok(()) => *length = 0,
                Err(_) => self.scratch = None,
            }
        }
    }

    fn next_segment(&mut self) -> io::Result<()> {
        let first = self.state.frontier.size();
        let output = self
            .disk
            .create(&segment_path(&self.shared.directory, first))?;
        self.output = Some(output);
        self.state.segment = first;
        self.state.offset = 0;
        self.state.lines = 0;
        self.disk.sync_directory(&self.shared.directory)
    }

    /// Tells the group, and all that gathered meanwhile, that nothing of it counts.
    fn fail(&mut self, batch: &Batch, error: &io::Error) {
        tracing::error!(%error, "the journal cannot be written");
        self.shared.failed(batch);
        self.scratch = None;
        self.failing = Some(Failing {
            retry: Instant::now() + FIRST_PAUSE,
            pause: FIRST_PAUSE,
        });
    }

    /// Cuts what is not known to be on disk, and starts a new segment with a record of the gap.
    fn recover(&mut self) {
        match self.start_over() {
            Ok(()) => {
                self.failing = None;
                self.shared.recovered();
                tracing::info!("the journal can be written again");
            }
            Err(error) => {
                tracing::error!(%error, "the journal still cannot be written");
                if let Some(failing) = &mut self.failing {
                    failing.pause = (failing.pause * 2).min(LONGEST_PAUSE);
                    failing.retry = Instant::now() + failing.pause;
                }
            }
        }
    }

    fn start_over(&mut self) -> io::Result<()> {
        self.output = None;
        let path = segment_path(&self.shared.directory, self.state.segment);
        if self.state.offset == 0 {
            // Its name may be needed again, but not this file: its pages are not to be trusted.
            self.disk.remove(&path)?;
            self.disk.sync_directory(&self.shared.directory)?;
        } else {
            let mut failed = self.disk.open(&path)?;
            failed.cut(self.state.offset)?;
            failed.sync_all()?;
        }
        self.next_segment()?;
        let mut own = Own::default();
        self.tell_gap(&mut own);
        let written = self.write_records(&Batch::default(), &own);
        if written.is_err() {
            self.keep(&mut own);
        }
        written?;
        self.grow_tree();
        Ok(())
    }

    /// Hands the present state to the notary.
    fn checkpoint(&mut self) {
        self.shared.checkpoint_given();
        self.new_records = 0;
        self.last_checkpoint = Instant::now();
        if let Some(checkpoints) = &self.checkpoints {
            // Fails only when the notary is gone, which ends with this thread.
            let _ = checkpoints.send(self.state.clone());
        }
    }

    fn finish(mut self) {
        if self.failing.is_some() {
            self.recover();
        }
        if self.failing.is_none() {
            let own = self.own_records(true);
            if !own.prepared.is_empty() {
                if let Err(error) = self.write_records(&Batch::default(), &own) {
                    self.fail(&Batch::default(), &error);
                }
                self.grow_tree();
            }
            self.checkpoint();
        }
        self.checkpoints = None;
        if let Some(notary) = self.notary.take() {
            let _ = notary.join();
        }
        // `Drop` gives the lock back, then says so.
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.lock = None;
        self.shared.abandon();
    }
}
