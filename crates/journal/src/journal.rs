//! The journal as its callers see it, and its start.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use lapwing_core::{Clock, Keyring, StationId};

use crate::checkpoints::{Notary, Tail};
use crate::disk::{Disk, FileSystem, Output, private, private_directory};
use crate::erase::{self, StandingPart};
use crate::error::{Broken, JournalError};
use crate::group::{Appending, Passing, Receipt};
use crate::line::{Entry, Prepared};
use crate::note::{NoteSigner, SigningSeed};
use crate::queue::Shared;
use crate::segment::{segment_name, segment_path, segments};
use crate::state::{Durable, DurableFile, Start};
use crate::walk::{End, walk};
use crate::writer::{Pace, Writer};

/// Most bytes written again when a station starts; more than any group.
const MAX_REWRITE: u64 = 256 << 20;

/// Where and how a journal is kept.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its directory, made 0700 if missing; used by nothing else.
    pub directory: PathBuf,
    /// The station that writes it.
    pub station: StationId,
    /// First line of its checkpoints, and the name of their key: printable ASCII without blanks or
    /// `+`, such as `station-0a1b2c3d`.
    pub origin: String,
    /// A segment that is longer is followed by a new one, in bytes.
    pub segment_bytes: u64,
    /// Sign a checkpoint after so many new records.
    pub checkpoint_records: u64,
    /// Sign a checkpoint of new records after so many seconds.
    pub checkpoint_seconds: u64,
}

/// What was found when a journal was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Bytes of an unfinished, never acknowledged last record that were cut.
    pub torn_bytes: u64,
    /// The last record; `None` if there is none.
    pub last: Option<u64>,
    /// Records that were once on disk are missing at the end; a gap record says so.
    pub gap: bool,
}

/// An open journal. Clones are handles to the same one; when the last is dropped the journal is
/// closed as by [`Journal::close`], waiting for it.
#[derive(Clone)]
pub struct Journal(Arc<Handle>);

impl Journal {
    /// Opens the journal of a directory for writing, making it if there is none. Reads only what
    /// came after the newest checkpoint, unless its `frontier` file is lost.
    ///
    /// # Errors
    /// I/O errors; [`JournalError::Locked`] if another process has it open;
    /// [`JournalError::Broken`] if what is read is not what was written.
    pub fn open(
        settings: Settings,
        signing: SigningSeed,
        keys: Keyring,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, Recovery), JournalError> {
        Self::open_on(Arc::new(FileSystem), settings, &signing, keys, clock)
    }

    pub(crate) fn open_on(
        disk: Arc<dyn Disk>,
        settings: Settings,
        signing: &SigningSeed,
        keys: Keyring,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, Recovery), JournalError> {
        let Settings {
            directory,
            station,
            origin,
            segment_bytes,
            checkpoint_records,
            checkpoint_seconds,
        } = settings;
        let signer = NoteSigner::new(&origin, signing)?;
        private_directory(&directory).map_err(JournalError::io("make", &directory))?;
        let lock = lock(&directory)?;
        erase::sweep(&directory)?;
        let found = Found::look(&directory, station, &signer.public_key())?;
        let recovery = found.recovery();
        let lost = found.lost;
        let size = found.tail.newest().map(|note| note.size);
        let newest = found
            .tail
            .newest()
            .map_or_else(String::new, |n| n.text.clone());
        let newest = Arc::new(Mutex::new(newest));
        let mut notary = Notary {
            disk: Arc::clone(&disk),
            directory: directory.clone(),
            signer,
            length: found.tail.length,
            size,
            newest: Arc::clone(&newest),
        };
        if size.is_none() {
            notary.sign(&Start::default())?;
        }
        let state = found.end.start;
        let output = settle(&*disk, &directory, &state, found.end.torn, found.durable)?;
        let durable_file = publish(&directory, &state)?;
        let shared = Arc::new(Shared::new(
            directory,
            station,
            keys,
            clock,
            newest,
            state.frontier.size(),
            lost,
        ));
        let (checkpoints, states) = mpsc::channel();
        let writer = Writer {
            shared: Arc::clone(&shared),
            disk,
            pace: Pace {
                segment_bytes,
                checkpoint_records: checkpoint_records.max(1),
                checkpoint_every: Duration::from_secs(checkpoint_seconds.max(1)),
            },
            new_records: state.frontier.size() - size.unwrap_or(0),
            state,
            output,
            durable_file,
            scratch: None,
            checkpoints: Some(checkpoints),
            notary: Some(spawn("checkpoints", move || notary.run(&states))?),
            lock: Some(lock),
            unmatched: 0,
            last_checkpoint: Instant::now(),
            failing: None,
            buffer: Vec::new(),
            leaves: Vec::new(),
        };
        let thread = spawn("journal", move || writer.run())?;
        let handle = Handle {
            shared,
            thread: Mutex::new(Some(thread)),
            erasing: tokio::sync::Mutex::new(()),
        };
        Ok((Self(Arc::new(handle)), recovery))
    }

    /// Appends a record. Resolves after the sync of its group; the record's time is now, and
    /// records have the order in which this was called.
    ///
    /// # Errors
    /// When awaited: [`JournalError::Entry`] if it cannot be written as canonical JSON,
    /// [`JournalError::NotDurable`] if the disk failed, [`JournalError::Closed`].
    pub fn append(&self, entry: Entry) -> Appending {
        let shared = &self.0.shared;
        let prepared = Prepared::entry(entry, &shared.keys, shared.buffer());
        self.push(prepared, false)
    }

    fn push(&self, prepared: Result<Prepared, JournalError>, rotate: bool) -> Appending {
        let shared = &self.0.shared;
        let queued = prepared.and_then(|prepared| {
            *shared.shape.lock().unwrap_or_else(PoisonError::into_inner) = prepared.shape();
            shared.push(prepared, rotate)
        });
        match queued {
            Ok((group, index)) => Appending::new(group, shared.station, index),
            Err(error) => Appending::refused(shared.station, error),
        }
    }

    /// Counts an unmatched request and waits as [`Journal::append`] does. `size` is how many bytes
    /// of parts its record would have had, all parts together, `via` is as in [`Entry`]; the same sealing, hashing, writing
    /// and syncing is done on dummy bytes, with a body as long as the latest record's, so that the
    /// time taken tells nothing.
    ///
    /// # Errors
    /// When awaited, as [`Journal::append`].
    pub fn pass(&self, size: usize, via: &str) -> Passing {
        let shared = &self.0.shared;
        let shape = *shared.shape.lock().unwrap_or_else(PoisonError::into_inner);
        let queued = Prepared::dummy(shape, size.min(8 << 20), &shared.keys, shared.buffer())
            .and_then(|mut dummy| {
                via.clone_into(&mut dummy.via);
                shared.push_pass(dummy)
            });
        match queued {
            Ok(group) => Passing::new(group),
            Err(error) => Passing::refused(error),
        }
    }

    /// To be called when somebody has waited for a sync as long as may be and is answered without it: it
    /// is counted for the record of the gap, and if the disk does not answer at all, nothing more is
    /// taken until it does. What was waited for may still come to be on disk.
    pub fn answered_early(&self, via: &str) {
        self.0.shared.answered_early(via);
    }

    /// As [`Journal::pass`], for a request whose record would have been `entry`. Nothing of it is
    /// kept.
    ///
    /// # Errors
    /// When awaited, as [`Journal::append`].
    pub fn pass_like(&self, entry: Entry) -> Passing {
        let shared = &self.0.shared;
        let queued = Prepared::entry(entry, &shared.keys, shared.buffer())
            .and_then(|like| shared.push_pass(like));
        match queued {
            Ok(group) => Passing::new(group),
            Err(error) => Passing::refused(error),
        }
    }

    /// Does the work that [`Journal::append`] does before it queues an entry, and forgets it.
    pub fn rehearse(&self, entry: Entry) {
        let shared = &self.0.shared;
        let prepared = Prepared::entry(entry, &shared.keys, shared.buffer());
        let buffer = std::hint::black_box(prepared).map(Prepared::into_buffer);
        shared.give_back(buffer.into_iter());
    }

    /// The newest signed checkpoint, a C2SP signed note of five lines.
    #[must_use]
    pub fn checkpoint(&self) -> String {
        let newest = self.0.shared.newest.lock();
        newest.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The newest signed checkpoint; if it is not over record `sequence` yet, one is asked for and
    /// waited for, at most `patience`. Blocks.
    #[must_use]
    pub fn checkpoint_over(&self, sequence: u64, patience: Duration) -> String {
        let deadline = Instant::now() + patience;
        loop {
            let newest = self.checkpoint();
            // Second line of a checkpoint: how many records it is over.
            let size = newest
                .lines()
                .nth(1)
                .and_then(|size| size.parse::<u64>().ok());
            let over = size.is_some_and(|size| size > sequence);
            if over || !self.healthy() || Instant::now() >= deadline {
                return newest;
            }
            self.0.shared.want_checkpoint();
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The sequence after the last record on disk.
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        self.0.shared.next.load(Ordering::Acquire)
    }

    /// False from a failed write or sync until a record of the gap is on disk, and while the disk does
    /// not answer.
    #[must_use]
    pub fn healthy(&self) -> bool {
        self.0.shared.healthy.load(Ordering::Acquire)
    }

    /// How often the disk has failed since it was opened. Each time leaves a record of a gap.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.0.shared.failures.load(Ordering::Relaxed)
    }

    /// Takes no more entries, writes those that wait, signs a last checkpoint and gives the lock
    /// back. Later appends resolve to [`JournalError::Closed`].
    pub async fn close(&self) {
        let mut finished = self.0.shared.finished.subscribe();
        self.0.shared.close();
        // Fails only if the sender is gone, and `self` holds it.
        let _ = finished.wait_for(|finished| *finished).await;
    }

    /// Erases one part of a record, as [`Journal::erase_parts`] does.
    ///
    /// # Errors
    /// [`JournalError::NoRecord`], [`JournalError::NoPart`] (also if erased before), and as there.
    pub async fn erase(
        &self,
        sequence: u64,
        part: &str,
        cause: &str,
    ) -> Result<Receipt, JournalError> {
        let (directory, name) = (self.0.shared.directory.clone(), part.to_owned());
        let found = blocking(move || erase::standing(&directory, sequence, &name)).await;
        let (segment, part) = found?;
        self.erase_parts(segment, vec![part], cause).await
    }

    /// Erases parts of one segment, all together, in the order in which [`Survey`](crate::Survey) gave them: records of
    /// the erasure are appended first, then the segment is written anew without the parts and their
    /// salts. The records themselves, their digests and all other lines stay as they are. `cause` is a
    /// word for the record, such as `retention`. If interrupted, to be called again. Gives the first
    /// record of the erasure.
    ///
    /// # Errors
    /// As [`Journal::append`]; I/O; [`JournalError::Broken`] if a part is not where it was.
    pub async fn erase_parts(
        &self,
        segment: u64,
        parts: Vec<StandingPart>,
        cause: &str,
    ) -> Result<Receipt, JournalError> {
        let _one_at_a_time = self.0.erasing.lock().await;
        let shared = &self.0.shared;
        let directory = shared.directory.clone();
        // The segment to rewrite must be closed: if it is not, the record of the erasure starts a new one.
        let mut rotate = blocking(move || erase::is_last(&directory, segment)).await?;
        let mut first = None;
        for together in parts.chunks(erase::TOGETHER) {
            let body = erase::body(cause, together);
            let prepared = Prepared::new(&body.into(), &[], &shared.keys, Vec::new());
            let receipt = self.push(prepared, std::mem::take(&mut rotate)).await?;
            first.get_or_insert(receipt);
        }
        let first = first.ok_or_else(|| JournalError::Entry("no part to erase".to_owned()))?;
        let directory = shared.directory.clone();
        blocking(move || erase::rewrite(&directory, segment, &parts)).await?;
        Ok(first)
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, JournalError> + Send + 'static,
) -> Result<T, JournalError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or(Err(JournalError::Closed))
}

/// Owned by all clones together.
struct Handle {
    shared: Arc<Shared>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
    erasing: tokio::sync::Mutex<()>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.close();
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

fn spawn(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> Result<std::thread::JoinHandle<()>, JournalError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map_err(JournalError::io("start a thread for", Path::new(name)))
}

/// Takes the journal for this process alone, as a running station does; given back on drop.
///
/// # Errors
/// [`JournalError::Locked`] if another process has it.
pub fn lock(directory: &Path) -> Result<File, JournalError> {
    let path = directory.join("lock");
    let file =
        private(OpenOptions::new().write(true), &path).map_err(JournalError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(JournalError::Locked(directory.to_owned())),
        Err(TryLockError::Error(source)) => Err(JournalError::io("lock", &path)(source)),
    }
}

/// How many records are known to be on disk, by the note their writer leaves; `None` if there is no
/// journal, or a copied one. Costs one small read.
#[must_use]
pub fn durable_records(directory: &Path) -> Option<u64> {
    let durable = DurableFile::open(directory)?.read()?;
    Some(durable.next)
}

/// What is in the directory when a station starts.
struct Found {
    tail: Tail,
    end: End,
    /// Records that `durable` counts but that are gone.
    lost: u64,
    durable: Option<Durable>,
}

impl Found {
    fn look(
        directory: &Path,
        station: StationId,
        public_key: &[u8; 32],
    ) -> Result<Self, JournalError> {
        let tail = Tail::read(directory, Some(public_key))?;
        let list = segments(directory)?;
        if tail.newest().is_none() && !list.is_empty() {
            return Err(Broken {
                segment: crate::checkpoints::FILE.to_owned(),
                line: 0,
                sequence: Some(0),
                what: "there are records but no checkpoint".to_owned(),
            }
            .into());
        }
        let start = saved_frontier(directory, &tail).unwrap_or_default();
        let mut notes = tail.notes.iter().peekable();
        while notes
            .next_if(|note| note.size <= start.frontier.size())
            .is_some()
        {}
        let end = walk(directory, &list, start, Some(station), &mut |step| {
            let frontier = &step.after.frontier;
            match notes.next_if(|note| note.size == frontier.size()) {
                Some(note) if note.root != frontier.root() => {
                    Err(step.broken("the checkpoint up to here is of other records"))
                }
                _ => Ok(()),
            }
        })?;
        let next = end.start.frontier.size();
        let covered = tail.newest().map_or(0, |note| note.size);
        if covered > next {
            return Err(Broken {
                segment: segment_name(end.start.segment),
                line: 0,
                sequence: Some(next),
                what: format!("missing, though a checkpoint covers {covered} records"),
            }
            .into());
        }
        let durable = DurableFile::open(directory).and_then(|file| file.read());
        let lost = durable.map_or(0, |durable| durable.next.saturating_sub(next));
        Ok(Self {
            tail,
            end,
            lost,
            durable,
        })
    }

    fn recovery(&self) -> Recovery {
        Recovery {
            torn_bytes: self.end.torn,
            last: self.end.start.frontier.size().checked_sub(1),
            gap: self.lost > 0,
        }
    }
}

/// The saved frontier, if a checkpoint vouches for it and the segment is there.
pub(crate) fn saved_frontier(directory: &Path, tail: &Tail) -> Option<Start> {
    let bytes = lapwing_core::bounded::read_file(&directory.join("frontier"), 16 << 10).ok()?;
    let start = Start::decode(&bytes)?;
    let size = start.frontier.size();
    let note = tail.notes.iter().find(|note| note.size == size)?;
    let segment = std::fs::metadata(segment_path(directory, start.segment));
    let reaches = size == 0 || segment.is_ok_and(|segment| segment.len() >= start.offset);
    (note.root == start.frontier.root() && reaches).then_some(start)
}

/// Cuts the torn tail and makes all that was found durable before anything builds on it.
fn settle(
    disk: &dyn Disk,
    directory: &Path,
    state: &Start,
    torn: u64,
    synced: Option<Durable>,
) -> Result<Option<Box<dyn Output>>, JournalError> {
    let path = segment_path(directory, state.segment);
    let mut output = None;
    if path.exists() {
        let mut file = disk.open(&path).map_err(JournalError::io("open", &path))?;
        rewrite_tail(disk, &path, state, synced).map_err(JournalError::io("write", &path))?;
        if torn > 0 {
            file.cut(state.offset)
                .map_err(JournalError::io("cut", &path))?;
        }
        file.sync_all().map_err(JournalError::io("sync", &path))?;
        output = Some(file);
    }
    disk.sync_directory(directory)
        .map_err(JournalError::io("sync", directory))?;
    Ok(output)
}

/// Writes again what is not known to be synced: after a failed sync the system may hold pages for
/// clean that never reached the disk, and a sync alone would say yes.
fn rewrite_tail(
    disk: &dyn Disk,
    path: &Path,
    state: &Start,
    synced: Option<Durable>,
) -> io::Result<()> {
    let from = match synced {
        Some(durable) if durable.segment == state.segment => durable.offset,
        Some(durable) if durable.segment < state.segment => 0,
        _ => state.offset,
    };
    let unsure = state.offset.saturating_sub(from);
    if unsure == 0 || unsure > MAX_REWRITE {
        return Ok(());
    }
    let mut source = File::open(path)?;
    source.seek(SeekFrom::Start(from))?;
    let bytes = lapwing_core::bounded::read(source.take(unsure), unsure)?;
    disk.rewrite(path, from, &bytes)
}

/// Tells readers what was found.
fn publish(directory: &Path, state: &Start) -> Result<DurableFile, JournalError> {
    let durable = Durable {
        next: state.frontier.size(),
        segment: state.segment,
        offset: state.offset,
    };
    DurableFile::create(directory)
        .and_then(|file| file.write(&durable).map(|()| file))
        .map_err(JournalError::io("write", &directory.join("durable")))
}
