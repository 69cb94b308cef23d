//! Finding canaries in what a request carries.
//!
//! Each candidate's keyed digest is looked up, so cost follows the request's size and not the number
//! of canaries. Canaries minted by another process are seen at once: a mint bumps the ledger's
//! generation before it returns, and every request looks at it first.
//!
//! What was found is remembered for a while, for hits and for what misses look up in their stead alike.
//!
//! If the ledger does not answer, or cannot, what may be a handle is a doubt: it goes the way of what was
//! recognised, as a canary of no kind, and is looked up again later. Nothing answers to it meanwhile.

use std::collections::HashMap;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use lapwing_catalog::Candidate;
use lapwing_core::{Canary, CanaryId, Carrier, Digest, Keyring, Timestamp};
use lapwing_listen::{Mark, Recognised, Recogniser};
use lapwing_store::{Known, Ledger};

use crate::DaemonError;
use crate::lookup::Lookups;

/// Doubts of one request that are kept, at most.
const DOUBTS: usize = 8;

/// Look-ups that are remembered, at the least; twice as many at the most.
const REMEMBERED: usize = 2048;

/// Canaries that are browsed at once.
const BROWSED: u64 = 1024;

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
    lookups: Lookups,
    held: Arc<Held>,
    keys: Keyring,
    unbound: Arc<[String]>,
    memo: Mutex<Memo>,
    /// How often changes were found that were not announced.
    looked: AtomicU64,
}

/// What is held in memory of the ledger.
struct Held {
    ledger: Arc<Ledger>,
    keys: Keyring,
    known: Known,
    generation: AtomicU64,
    refreshing: Mutex<()>,
    bindings: RwLock<HashMap<String, Arc<[String]>>>,
    /// Some canary's handle. A request that matches nothing looks this one up all the same, so that
    /// it takes as long as one that matches.
    stand_in: RwLock<Option<Digest>>,
}

impl LedgerRecogniser {
    /// Starts following `ledger`.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn new(ledger: Arc<Ledger>, keys: Keyring) -> Result<Self, DaemonError> {
        let held = Held {
            known: Known::new(Arc::clone(&ledger)),
            generation: AtomicU64::new(ledger.generation()),
            ledger: Arc::clone(&ledger),
            keys: keys.clone(),
            refreshing: Mutex::new(()),
            bindings: RwLock::new(HashMap::new()),
            stand_in: RwLock::new(None),
        };
        held.reload()?;
        Ok(Self {
            ledger,
            lookups: Lookups::start()?,
            held: Arc::new(held),
            keys,
            unbound: Arc::new([]),
            memo: Mutex::default(),
            looked: AtomicU64::new(0),
        })
    }

    /// Takes in what other processes changed, if they did. Gives the ledger's generation.
    fn follow(&self) -> u64 {
        let seen = self.ledger.generation();
        if seen == self.held.generation.load(Ordering::Acquire) {
            return seen;
        }
        let held = Arc::clone(&self.held);
        self.lookups.within(move || held.follow()).unwrap_or(seen)
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
        self.looked.fetch_add(1, Ordering::AcqRel);
        self.held.known.refresh()?;
        self.held.reload()
    }

    /// Whose handle a doubt was, if it was one; `None` while the ledger does not say.
    pub(crate) fn resolve(&self, doubt: CanaryId) -> Option<Vec<(Arc<Canary>, String)>> {
        let digest = Digest(doubt.bytes());
        let found = self.find(&[digest], self.ledger.generation()).pop()??;
        Some(found.iter().cloned().collect())
    }

    fn memo(&self) -> MutexGuard<'_, Memo> {
        self.memo.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks digests up as of a `generation` that was asked for since the request came; `None` for what
    /// the ledger does not say.
    fn find(&self, digests: &[Digest], generation: u64) -> Vec<Option<Finding>> {
        let mut found: Vec<_> = {
            let mut memo = self.memo();
            (digests.iter())
                .map(|digest| memo.get(generation, digest))
                .collect()
        };
        let missing: Vec<usize> = (0..found.len()).filter(|at| found[*at].is_none()).collect();
        if missing.is_empty() {
            return found;
        }
        let asked: Vec<Digest> = missing.iter().map(|at| digests[*at]).collect();
        let ledger = Arc::clone(&self.ledger);
        let answers = self.lookups.within(move || {
            let ask = |digest: &Digest| ledger.find(digest);
            asked.iter().map(ask).collect::<Vec<_>>()
        });
        for (at, answer) in missing.into_iter().zip(answers.into_iter().flatten()) {
            match answer {
                Ok(answer) => {
                    let answer = answer.into_iter();
                    let finding: Finding =
                        answer.map(|it| (Arc::new(it.canary), it.field)).collect();
                    self.memo()
                        .put(generation, digests[at], Arc::clone(&finding));
                    found[at] = Some(finding);
                }
                Err(error) => tracing::error!(%error, "cannot look up a canary"),
            }
        }
        found
    }
}

/// What may be a handle, while the ledger does not say: a canary of no kind, named after its digest.
fn doubt(digest: &Digest) -> Arc<Canary> {
    Arc::new(Canary {
        id: CanaryId::from_bytes(digest.0),
        kind: String::new(),
        memo: String::new(),
        labels: [].into(),
        fields: [].into(),
        minted: Timestamp::from_micros(0),
        retired: None,
    })
}

/// Whether this stands for what may be a canary's.
pub(crate) fn is_doubt(canary: &Canary) -> bool {
    canary.kind.is_empty()
}

impl Held {
    fn follow(&self) -> u64 {
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
        let stand_in = || self.stand_in.read().unwrap_or_else(PoisonError::into_inner);
        if stand_in().is_none() {
            // Not under the lock: the ledger may be slow.
            let handle = self.any_handle()?;
            let mut stand_in = self
                .stand_in
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            *stand_in = handle;
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
}

impl Recogniser for LedgerRecogniser {
    fn recognise(&self, candidates: &[Candidate<'_>]) -> Vec<Recognised> {
        let generation = self.follow();
        let (digests, carriers): (Vec<Digest>, Vec<Carrier>) = (candidates.iter())
            .map(|candidate| (self.keys.digest(&candidate.value), candidate.carrier))
            .filter(|(digest, _)| self.held.known.possibly(digest))
            .unzip();
        if digests.is_empty() {
            return Vec::new();
        }
        let (mut recognised, mut doubts) = (Vec::new(), 0);
        let found = self.find(&digests, generation);
        for ((digest, carrier), found) in digests.iter().zip(carriers).zip(found) {
            let recognise = |canary: &Arc<Canary>, field: &str| Recognised {
                canary: Arc::clone(canary),
                field: field.to_owned(),
                carrier,
            };
            match found {
                Some(found) => {
                    let found = found.iter();
                    recognised.extend(found.map(|(canary, field)| recognise(canary, field)));
                }
                None if doubts < DOUBTS => {
                    doubts += 1;
                    recognised.push(recognise(&doubt(digest), ""));
                }
                None => {}
            }
        }
        recognised
    }

    fn stand_in(&self) -> Option<Recognised> {
        let digest = *self
            .held
            .stand_in
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let generation = self.held.generation.load(Ordering::Acquire);
        let found = self.find(&[digest?], generation).pop()??;
        let (canary, field) = found.last()?;
        Some(Recognised {
            canary: Arc::clone(canary),
            field: field.clone(),
            carrier: Carrier::Path,
        })
    }

    fn browse(&self, mark: Mark, see: &mut dyn FnMut(&Canary)) -> Mark {
        // Read before the rows: what comes in between is then asked for again.
        let state = (self.ledger.generation()).wrapping_add(self.looked.load(Ordering::Acquire));
        if mark.whole == Some(state) {
            return mark;
        }
        let ledger = Arc::clone(&self.ledger);
        let read = self.lookups.within(move || {
            let mut read = Vec::new();
            let last = ledger.canaries_after(mark.serial, BROWSED, |canary| read.push(canary));
            last.map(|last| (last, read))
        });
        match read {
            Some(Ok((serial, read))) => {
                read.iter().for_each(see);
                Mark {
                    serial,
                    whole: (serial == mark.serial).then_some(state),
                }
            }
            Some(Err(error)) => {
                tracing::error!(%error, "cannot read canaries");
                mark
            }
            None => mark,
        }
    }

    fn bound(&self, host: &str) -> Arc<[String]> {
        // Within TLS it is asked before anything was looked up.
        self.follow();
        let bindings = self
            .held
            .bindings
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        bindings.get(host).unwrap_or(&self.unbound).clone()
    }
}
