//! Finding canaries in what a request carries.
//!
//! Each candidate's keyed digest is looked up, so cost follows the request's size and not the number
//! of canaries. Canaries minted by another process are seen at once: a mint bumps the ledger's
//! generation before it returns, and every request looks at it first.
//!
//! What was found is remembered for a while, for hits and for what misses look up in their stead alike.

use std::collections::HashMap;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use lapwing_catalog::Candidate;
use lapwing_core::{Canary, Carrier, Digest, Keyring};
use lapwing_listen::{Recognised, Recogniser};
use lapwing_store::{Known, Ledger};

use crate::DaemonError;

/// Look-ups that are remembered, at the least; twice as many at the most.
const REMEMBERED: usize = 2048;

/// What a look-up finds: canaries, and which field of each it was.
type Finding = Arc<[(Arc<Canary>, String)]>;

/// Look-ups of late in one generation of the ledger. The elder half is dropped when the younger is full.
#[derive(Default)]
struct Memo {
    generation: u64,
    young: HashMap<Digest, Finding>,
    old: HashMap<Digest, Finding>,
}

impl Memo {
    fn get(&mut self, generation: u64, digest: &Digest) -> Option<Finding> {
        if self.generation != generation {
            *self = Self {
                generation,
                ..Self::default()
            };
        }
        if let Some(found) = self.young.get(digest) {
            return Some(Arc::clone(found));
        }
        let found = self.old.remove(digest)?;
        self.put(generation, *digest, Arc::clone(&found));
        Some(found)
    }

    /// Keeps what was found, unless the ledger has changed since.
    fn put(&mut self, generation: u64, digest: Digest, found: Finding) {
        if self.generation != generation {
            return;
        }
        if self.young.len() >= REMEMBERED {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(digest, found);
    }
}

/// Recognises canaries by the ledger.
pub struct LedgerRecogniser {
    ledger: Arc<Ledger>,
    known: Known,
    keys: Keyring,
    generation: AtomicU64,
    refreshing: Mutex<()>,
    bindings: RwLock<HashMap<String, Arc<[String]>>>,
    unbound: Arc<[String]>,
    /// Some canary's handle. A request that matches nothing looks this one up all the same, so that
    /// it takes as long as one that matches.
    stand_in: RwLock<Option<Digest>>,
    memo: Mutex<Memo>,
}

impl LedgerRecogniser {
    /// Starts following `ledger`.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn new(ledger: Arc<Ledger>, keys: Keyring) -> Result<Self, DaemonError> {
        let recogniser = Self {
            known: Known::new(Arc::clone(&ledger)),
            generation: AtomicU64::new(ledger.generation()),
            ledger,
            keys,
            refreshing: Mutex::new(()),
            bindings: RwLock::new(HashMap::new()),
            unbound: Arc::new([]),
            stand_in: RwLock::new(None),
            memo: Mutex::default(),
        };
        recogniser.reload()?;
        Ok(recogniser)
    }

    /// Takes in what other processes changed, if they did. Gives the ledger's generation.
    fn follow(&self) -> u64 {
        let seen = self.ledger.generation();
        if seen == self.generation.load(Ordering::Acquire) {
            return seen;
        }
        let _one_at_a_time = self
            .refreshing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // Read before loading: a change made meanwhile is then loaded by the next request.
        let generation = self.ledger.generation();
        if generation == self.generation.load(Ordering::Acquire) {
            return generation;
        }
        let loaded = self
            .known
            .refresh()
            .map_err(DaemonError::from)
            .and_then(|()| self.reload());
        match loaded {
            Ok(()) => self.generation.store(generation, Ordering::Release),
            Err(error) => tracing::error!(%error, "cannot take in newly minted canaries"),
        }
        generation
    }

    /// Takes in changes that were not announced, because who made them died before it could.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn look_again(&self) -> Result<(), DaemonError> {
        self.ledger.rest();
        if !self.ledger.changed()? {
            return Ok(());
        }
        *self.memo() = Memo::default();
        self.known.refresh()?;
        self.reload()
    }

    fn reload(&self) -> Result<(), DaemonError> {
        let mut hosts: HashMap<String, Vec<String>> = HashMap::new();
        for (host, kind) in self.ledger.bindings()? {
            hosts.entry(host).or_default().push(kind);
        }
        *self
            .bindings
            .write()
            .unwrap_or_else(PoisonError::into_inner) = hosts
            .into_iter()
            .map(|(host, kinds)| (host, kinds.into()))
            .collect();
        let mut stand_in = self
            .stand_in
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if stand_in.is_none() {
            *stand_in = self.any_handle()?;
        }
        Ok(())
    }

    /// Some handle that the ledger finds.
    fn any_handle(&self) -> Result<Option<Digest>, DaemonError> {
        let Some(canary) = self.ledger.canaries(None, 1)?.pop() else {
            return Ok(None);
        };
        for value in canary.fields.values() {
            let digest = self.keys.digest(value.as_bytes());
            if !self.ledger.find(&digest)?.is_empty() {
                return Ok(Some(digest));
            }
        }
        Ok(None)
    }

    fn memo(&self) -> MutexGuard<'_, Memo> {
        self.memo.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks a digest up as of a `generation` that was asked for since the request came.
    fn find(&self, digest: &Digest, generation: u64) -> Finding {
        if let Some(found) = self.memo().get(generation, digest) {
            return found;
        }
        match self.ledger.find(digest) {
            Ok(found) => {
                let found = found.into_iter();
                let found: Finding = found.map(|it| (Arc::new(it.canary), it.field)).collect();
                self.memo().put(generation, *digest, Arc::clone(&found));
                found
            }
            Err(error) => {
                tracing::error!(%error, "cannot look up a canary");
                Arc::new([])
            }
        }
    }
}

impl Recogniser for LedgerRecogniser {
    fn recognise(&self, candidates: &[Candidate<'_>]) -> Vec<Recognised> {
        let generation = self.follow();
        let mut recognised = Vec::new();
        for candidate in candidates {
            let digest = self.keys.digest(&candidate.value);
            if !self.known.possibly(&digest) {
                continue;
            }
            let found = self.find(&digest, generation);
            recognised.extend(found.iter().map(|(canary, field)| Recognised {
                canary: Arc::clone(canary),
                field: field.clone(),
                carrier: candidate.carrier,
            }));
        }
        recognised
    }

    fn stand_in(&self) -> Option<Recognised> {
        let digest = *self.stand_in.read().unwrap_or_else(PoisonError::into_inner);
        let found = self.find(&digest?, self.generation.load(Ordering::Acquire));
        let (canary, field) = found.last()?;
        Some(Recognised {
            canary: Arc::clone(canary),
            field: field.clone(),
            carrier: Carrier::Path,
        })
    }

    fn bound(&self, host: &str) -> Arc<[String]> {
        let bindings = self.bindings.read().unwrap_or_else(PoisonError::into_inner);
        bindings.get(host).unwrap_or(&self.unbound).clone()
    }
}
