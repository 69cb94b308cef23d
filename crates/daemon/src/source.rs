//! Where the indexer has its records from, a batch at a time: the journal as it grows, or all of it as fast as it can be
//! read.

use std::io;
use std::sync::mpsc::{Receiver, sync_channel};

use lapwing_core::Trip;
use lapwing_journal::{Position, Reader};
use lapwing_store::Followed;

use crate::DaemonError;
use crate::growing::Growing;
use crate::record;

/// Records indexed in one transaction at most, so that nobody waits long for what is in them.
pub(crate) const BATCH: usize = 2_000;
/// The same where nobody waits: what many of them share is read and written once.
const LARGE: usize = 10_000;
/// Records that the journal's tree takes with one batch at most, where it is behind.
pub(crate) const CAUGHT_UP: u64 = 50_000;

/// Records of a journal.
pub(crate) enum Source {
    /// Read when asked for.
    Following(Box<Reader>),
    /// Read on a thread of its own while those before are indexed.
    Ahead(Receiver<Result<Records, DaemonError>>),
}

/// A batch of records: of each no more than what is concluded from, for bodies and parts are large.
#[derive(Default)]
pub(crate) struct Records {
    pub(crate) count: usize,
    /// The last one.
    pub(crate) last: Option<Followed>,
    pub(crate) trips: Vec<(Position, Trip)>,
    /// Sequence of the first that lost something which is concluded from.
    pub(crate) erased: Option<u64>,
    /// Behind the last one.
    pub(crate) end: Option<Position>,
}

impl Source {
    /// Starts to read everything that there is now, and to make the journal's tree of it.
    ///
    /// # Errors
    /// No thread can be had.
    pub(crate) fn ahead(mut reader: Reader, mut tree: Growing) -> Result<Self, DaemonError> {
        let (batches, received) = sync_channel(1);
        let read = move || {
            loop {
                let batch = take(&mut reader, LARGE);
                if let Ok(batch) = &batch
                    && let Some(last) = batch.last
                {
                    tree.grow(last.sequence + 1, batch.end, CAUGHT_UP);
                }
                let goes_on = batch.as_ref().is_ok_and(|batch| batch.count > 0);
                if batches.send(batch).is_err() || !goes_on {
                    return;
                }
            }
        };
        std::thread::Builder::new()
            .name("reader".to_owned())
            .spawn(read)
            .map_err(DaemonError::Thread)?;
        Ok(Self::Ahead(received))
    }

    /// The next records, none if there is none now.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub(crate) fn take(&mut self) -> Result<Records, DaemonError> {
        match self {
            Self::Following(reader) => take(reader, BATCH),
            Self::Ahead(received) => received.recv().unwrap_or_else(|_| {
                // It tells of the end before it ends.
                let what = "the thread that reads the journal ended before the journal did";
                Err(DaemonError::Thread(io::Error::other(what)))
            }),
        }
    }
}

fn take(reader: &mut Reader, most: usize) -> Result<Records, DaemonError> {
    let mut records = Records::default();
    while records.count < most {
        let Some(record) = reader.next()? else {
            break;
        };
        records.count += 1;
        let at = record.position;
        let mut erased = record.erased.iter();
        if erased.any(|part| record::is_concluded_from(part)) {
            records.erased.get_or_insert(record.sequence);
        }
        records.last = Some(Followed {
            station: record.station,
            sequence: record.sequence,
            segment: at.segment,
            offset: at.offset,
        });
        records
            .trips
            .extend(record::trip(&record).map(|trip| (at, trip)));
    }
    records.end = reader.end();
    Ok(records)
}
