//! A write-back cache for the rows a batch touches. A flood touches the same few rows thousands of
//! times; each is read once and written once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

use crate::StoreError;

/// Rows by key. `None` stands for a row that is not there.
pub(super) struct WriteBack<K, V> {
    slots: HashMap<K, Slot<V>>,
}

struct Slot<V> {
    value: Option<V>,
    changed: bool,
}

impl<K: Hash + Eq + Ord, V> WriteBack<K, V> {
    pub(super) fn new() -> Self {
        Self {
            slots: HashMap::new(),
        }
    }

    /// The row, loaded if it was not touched before.
    pub(super) fn get(
        &mut self,
        key: K,
        load: impl FnOnce(&K) -> Result<Option<V>, StoreError>,
    ) -> Result<Option<&V>, StoreError> {
        let slot = match self.slots.entry(key) {
            Entry::Occupied(slot) => slot.into_mut(),
            Entry::Vacant(vacant) => {
                let value = load(vacant.key())?;
                vacant.insert(Slot {
                    value,
                    changed: false,
                })
            }
        };
        Ok(slot.value.as_ref())
    }

    /// Sets the row, to be written at the end.
    pub(super) fn put(&mut self, key: K, value: V) {
        let slot = Slot {
            value: Some(value),
            changed: true,
        };
        self.slots.insert(key, slot);
    }

    /// The changed rows in the order of their keys, which is the order of their table.
    pub(super) fn into_changed(self) -> Vec<(K, V)> {
        let mut changed: Vec<(K, V)> = self
            .slots
            .into_iter()
            .filter(|(_, slot)| slot.changed)
            .filter_map(|(key, slot)| Some((key, slot.value?)))
            .collect();
        changed.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        changed
    }
}
