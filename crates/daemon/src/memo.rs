//! What was lately found in requests: one that comes again, value for value, is not looked up again.
//!
//! A request that matched nothing is remembered like one that matched, and either is only if all of its
//! values are the same: so it tells nothing, in whatever way a peer varies its requests.

use std::collections::HashMap;
use std::sync::Arc;

use lapwing_core::Digest;
use lapwing_listen::{Recognised, Recognition};

/// Bytes remembered in each of two halves, about. A full half pushes the older one out.
const HALF: usize = 2 << 20;
/// What an entry takes beside its canaries' text.
const ENTRY: usize = 512;

/// Findings by the digest of all values of a request.
#[derive(Default)]
pub(crate) struct Memo {
    /// Of the ledger they are from.
    generation: u64,
    young: HashMap<Digest, Arc<Recognition>>,
    old: HashMap<Digest, Arc<Recognition>>,
    taken: usize,
}

impl Memo {
    /// What was found, if the ledger is still at that generation.
    pub(crate) fn get(&mut self, generation: u64, key: &Digest) -> Option<Arc<Recognition>> {
        if generation != self.generation {
            self.clear(generation);
            return None;
        }
        if let Some(found) = self.young.get(key) {
            return Some(Arc::clone(found));
        }
        let found = self.old.remove(key)?;
        self.keep(*key, &found);
        Some(found)
    }

    /// Remembers what was found at a generation.
    pub(crate) fn put(&mut self, generation: u64, key: Digest, found: &Arc<Recognition>) {
        if generation == self.generation {
            self.keep(key, found);
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self, generation: u64) {
        *self = Self {
            generation,
            ..Self::default()
        };
    }

    fn keep(&mut self, key: Digest, found: &Arc<Recognition>) {
        let Recognition {
            found: all,
            stand_in,
        } = &**found;
        let text: usize = all.iter().chain(stand_in).map(text).sum();
        self.taken += ENTRY + text;
        if self.taken > HALF {
            self.old = std::mem::take(&mut self.young);
            self.taken = ENTRY + text;
        }
        self.young.insert(key, Arc::clone(found));
    }
}

/// Bytes of a canary's values.
fn text(of: &Recognised) -> usize {
    let fields = of.canary.fields.iter();
    fields.map(|(name, value)| name.len() + value.len()).sum()
}
