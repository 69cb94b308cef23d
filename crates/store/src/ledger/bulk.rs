//! Adding very many canaries, in bounded memory.
//!
//! Digests are random, and random keys make a tree dirty a page each: twelve times slower than
//! ordered ones. So many canaries go into one transaction, and their handles are sorted first, which
//! turns the tree's upkeep into one sweep. Sealing runs on the caller's thread, writing on another.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use lapwing_core::{Canary, Digest};

use super::canaries::{Prepared, write_canary, write_handle};
use super::{Ledger, take_numbers};
use crate::StoreError;
use crate::db::{Session, Writing};

/// A canary and its handles: field, value as it will be looked up.
pub type Minted = (Canary, Vec<(String, String)>);

/// Sealed canaries handed to the writing thread at once, in bytes. Three such parcels are in memory.
const PARCEL: usize = 4 << 20;
/// Handles in one transaction: a share of those already there, within these bounds. The larger the
/// tree, the more a sweep through it has to bring in; the smaller, the shorter others can wait.
const HANDLES: std::ops::RangeInclusive<usize> = 250_000..=1_000_000;
/// A transaction is closed after so long even if the canaries come slowly: others wait for it.
const OPEN: Duration = Duration::from_secs(2);

/// One entry of the tree of handles. 28 bytes, so that a million take 28 MB.
struct Entry {
    digest: Digest,
    serial: [u8; 8],
    field: u16,
}

impl Ledger {
    /// Adds as many canaries (each with its handles: field, value) as `next` gives, until it gives
    /// `None`. They are written in transactions of bounded size, each on disk before `progress` is
    /// told the number of canaries so far. Returns how many were added. Takes at most about 60 MB.
    ///
    /// # Errors
    /// What `next` fails with, or any [`StoreError`]; what `progress` was told of stays, what came
    /// after it is not added.
    pub fn add_many<E: From<StoreError>>(
        &self,
        next: &mut dyn FnMut() -> Result<Option<Minted>, E>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<u64, E> {
        let _bulk = self.db.bulk();
        std::thread::scope(|scope| {
            let (parcels, incoming) = sync_channel(1);
            let (outgoing, written) = sync_channel(1 << 10);
            let writer = scope.spawn(move || self.write_parcels(&incoming, &outgoing));
            let sent = self.send_parcels(next, &parcels, &mut || {
                written.try_iter().for_each(&mut *progress);
            });
            drop(parcels);
            let total = match writer.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            };
            written.try_iter().for_each(&mut *progress);
            sent?;
            Ok(total?)
        })
    }

    /// Prepares canaries and sends them off in parcels. The last one is an end mark, sent only if
    /// all went well. A writer that has gone away has its own error to tell.
    fn send_parcels<E: From<StoreError>>(
        &self,
        next: &mut dyn FnMut() -> Result<Option<Minted>, E>,
        parcels: &SyncSender<Parcel>,
        tell: &mut dyn FnMut(),
    ) -> Result<(), E> {
        let mut canaries = Vec::new();
        let mut size = 0;
        loop {
            let Some((canary, handles)) = next()? else {
                let _ = parcels.send(Parcel::Last(canaries));
                return Ok(());
            };
            let prepared = self.prepare(&canary, &handles)?;
            size += prepared.size();
            canaries.push(prepared);
            if size >= PARCEL {
                size = 0;
                if parcels
                    .send(Parcel::More(std::mem::take(&mut canaries)))
                    .is_err()
                {
                    return Ok(());
                }
                tell();
            }
        }
    }

    /// Writes parcels until the last one. Without an end mark the open transaction is rolled back.
    fn write_parcels(
        &self,
        parcels: &Receiver<Parcel>,
        written: &SyncSender<u64>,
    ) -> Result<u64, StoreError> {
        let mut total = 0;
        let mut open: Option<Chunk<'_>> = None;
        for parcel in parcels {
            let (canaries, last) = match parcel {
                Parcel::More(canaries) => (canaries, false),
                Parcel::Last(canaries) => (canaries, true),
            };
            let mut chunk = match open.take() {
                Some(chunk) => chunk,
                None => Chunk::begin(self)?,
            };
            chunk.add(&canaries)?;
            drop(canaries);
            if last || chunk.is_full() {
                total += chunk.commit()?;
                self.generation.bump()?;
                // A full queue only means that nobody looks at the progress.
                let _ = written.try_send(total);
            } else {
                open = Some(chunk);
            }
        }
        Ok(total)
    }
}

enum Parcel {
    More(Vec<Prepared>),
    Last(Vec<Prepared>),
}

/// One open transaction.
struct Chunk<'a> {
    writing: Writing<'a>,
    handles: Vec<Entry>,
    full: usize,
    canaries: u64,
    begun: Instant,
}

impl<'a> Chunk<'a> {
    fn begin(ledger: &'a Ledger) -> Result<Self, StoreError> {
        let there = usize::try_from(ledger.handle_count()?).unwrap_or(usize::MAX);
        Ok(Self {
            writing: ledger.db.begin()?,
            handles: Vec::new(),
            full: (there / 10).clamp(*HANDLES.start(), *HANDLES.end()),
            canaries: 0,
            begun: Instant::now(),
        })
    }

    fn add(&mut self, canaries: &[Prepared]) -> Result<(), StoreError> {
        let session = self.writing.session();
        let first = take_numbers(&session, "canaries", canaries.len() as u64)?;
        for (serial, canary) in (first..).zip(canaries) {
            write_canary(&session, serial, canary)?;
            let entries = canary.handles.iter().map(|(digest, field)| Entry {
                digest: *digest,
                serial: serial.to_ne_bytes(),
                field: *field,
            });
            self.handles.extend(entries);
        }
        self.canaries += canaries.len() as u64;
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.handles.len() >= self.full || self.begun.elapsed() >= OPEN
    }

    fn commit(mut self) -> Result<u64, StoreError> {
        self.handles.sort_unstable_by_key(|entry| entry.digest);
        let session: Session<'_> = self.writing.session();
        take_numbers(&session, "handles", self.handles.len() as u64)?;
        for entry in &self.handles {
            let serial = i64::from_ne_bytes(entry.serial);
            write_handle(&session, &entry.digest, serial, entry.field)?;
        }
        self.writing.commit()?;
        Ok(self.canaries)
    }
}
