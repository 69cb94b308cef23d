//! Which digests may be ours, in memory: a miss costs no look-up in the ledger.
//!
//! Rule: never a false "no". Until the filter is built, and for whatever it cannot tell, the answer
//! is "maybe" and the ledger has the last word. The filter is built by a thread of its own, so that a
//! station is ready at once however many canaries there are.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use lapwing_core::Digest;

use crate::bloom::Bloom;
use crate::{Ledger, StoreError};

/// The filter grows by adding layers, each half the size of all before it; these suffice for more
/// digests than can be.
const LAYERS: usize = 40;
/// Digests the smallest layer has room for (96 KiB).
const SMALLEST: u64 = 1 << 16;
/// Canaries read at once, so that a reading connection is never kept for long.
const STRIDE: u64 = 4096;
/// After a failure to read the ledger, the builder tries again so much later.
const RETRY: Duration = Duration::from_millis(500);

/// Which digests may be known to the ledger.
pub struct Known {
    filter: Arc<Filter>,
    builder: Option<JoinHandle<()>>,
}

struct Filter {
    ledger: Arc<Ledger>,
    layers: [OnceLock<Bloom>; LAYERS],
    ready: AtomicBool,
    stop: AtomicBool,
    /// Generation of the ledger that is in the filter for certain; 0 before the first.
    generation: AtomicU64,
    /// Where filling stands. Whoever fills holds it.
    filling: Mutex<Filling>,
}

/// How far the filter is filled.
#[derive(Clone, Copy, Default)]
struct Filling {
    serial: i64,
    /// Layers in use, and digests in all and in the last of them, which has room for so many.
    layers: usize,
    digests: u64,
    in_last: u64,
    room: u64,
}

impl Known {
    /// Starts building and returns at once.
    #[must_use]
    pub fn new(ledger: Arc<Ledger>) -> Self {
        let filter = Arc::new(Filter {
            ledger,
            layers: [const { OnceLock::new() }; LAYERS],
            ready: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            generation: AtomicU64::new(0),
            filling: Mutex::default(),
        });
        let builds = Arc::clone(&filter);
        let builder = std::thread::Builder::new()
            .name("known".to_owned())
            .spawn(move || builds.build());
        if let Err(error) = &builder {
            // Slower, but right: everything is asked of the ledger.
            tracing::error!(%error, "no thread for the filter of known digests");
        }
        Self {
            filter,
            builder: builder.ok(),
        }
    }

    /// False only if no canary that was in the ledger at the last [`Known::refresh`] has this
    /// digest. True for everything until [`Known::ready`].
    #[must_use]
    pub fn possibly(&self, digest: &Digest) -> bool {
        !self.ready() || self.filter.may_contain(digest)
    }

    /// Takes in what was added since. When it returns, everything that was committed before the
    /// call is in. Cheap if nothing is new.
    ///
    /// # Errors
    /// If the ledger cannot be read; then something new may be missing.
    pub fn refresh(&self) -> Result<(), StoreError> {
        self.filter.refresh()
    }

    /// As [`Known::refresh`], but only if the ledger's generation has changed; otherwise it costs
    /// one read of 8 bytes. Meant to be called before every look-up.
    ///
    /// # Errors
    /// As [`Known::refresh`].
    pub fn catch_up(&self) -> Result<(), StoreError> {
        let generation = self.filter.ledger.generation();
        if self.filter.generation.load(Ordering::Acquire) == generation {
            return Ok(());
        }
        self.filter.refresh()
    }

    /// Whether the filter is built.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.filter.ready.load(Ordering::Acquire)
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Known(ready: {})", self.ready())
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        self.filter.stop.store(true, Ordering::Relaxed);
        if let Some(builder) = self.builder.take() {
            builder.thread().unpark();
            // It has nothing to tell, and a panic in it was already printed.
            let _ = builder.join();
        }
    }
}

impl Filter {
    fn may_contain(&self, digest: &Digest) -> bool {
        self.layers
            .iter()
            .map_while(OnceLock::get)
            .any(|layer| layer.may_contain(digest))
    }

    /// Reads the whole ledger without keeping others waiting, then the rest while they do.
    fn build(&self) {
        let mut filling = Filling::default();
        while !self.stop.load(Ordering::Relaxed) {
            let done = self
                .fill(&mut filling)
                .and_then(|()| self.finish(&mut filling));
            match done {
                Ok(()) => {
                    // The pages read here will not be asked for again.
                    self.ledger.shrink();
                    return;
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot build the filter of known digests yet");
                    std::thread::park_timeout(RETRY);
                }
            }
        }
    }

    /// A refresh that comes before this holds the lock is covered by this reading; one that comes
    /// later reads for itself.
    fn finish(&self, filling: &mut Filling) -> Result<(), StoreError> {
        let mut shared = self.filling.lock().unwrap_or_else(PoisonError::into_inner);
        let generation = self.ledger.generation();
        self.fill(filling)?;
        if self.stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        *shared = *filling;
        self.generation.store(generation, Ordering::Release);
        self.ready.store(true, Ordering::Release);
        Ok(())
    }

    fn refresh(&self) -> Result<(), StoreError> {
        let mut filling = self.filling.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.ready.load(Ordering::Acquire) {
            return Ok(());
        }
        // Read before the rows: a change that comes in between is then read again, not missed.
        let generation = self.ledger.generation();
        self.fill(&mut filling)?;
        self.generation.store(generation, Ordering::Release);
        Ok(())
    }

    /// Takes in all rows after the last.
    fn fill(&self, filling: &mut Filling) -> Result<(), StoreError> {
        if filling.layers == 0 {
            let there = self.ledger.handle_count()?;
            self.add_layer(filling, there + there / 16);
        }
        while !self.stop.load(Ordering::Relaxed) {
            let before = filling.serial;
            filling.serial = self.ledger.digests_after(before, STRIDE, |digest| {
                self.insert(filling, &digest);
            })?;
            if filling.serial == before {
                break;
            }
        }
        Ok(())
    }

    fn insert(&self, filling: &mut Filling, digest: &Digest) {
        if filling.in_last >= filling.room {
            self.add_layer(filling, filling.digests / 2);
        }
        if let Some(last) = self.layers[filling.layers - 1].get() {
            last.insert(digest);
        }
        filling.digests += 1;
        filling.in_last += 1;
    }

    /// Past the last possible layer, that one takes the rest: it then says "maybe" more often.
    fn add_layer(&self, filling: &mut Filling, room: u64) {
        if filling.layers == LAYERS {
            return;
        }
        filling.room = room.max(SMALLEST);
        self.layers[filling.layers].get_or_init(|| Bloom::for_digests(filling.room));
        filling.layers += 1;
        filling.in_last = 0;
    }
}
