//! The battery every engine of the store runs through, by its public interface only.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod files;
mod forgetting;
mod index;
mod known;
mod ledger;

use std::collections::BTreeMap;
use std::path::Path;

use lapwing_core::{Canary, CanaryId, Digest, Keyring, MasterKey, Timestamp};
use lapwing_store::{Index, Ledger};

/// A data directory of its own.
pub(crate) struct Home {
    directory: tempfile::TempDir,
    pub(crate) keys: Keyring,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            keys: Keyring::new(&MasterKey::generate(), 1),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn ledger(&self) -> Ledger {
        Ledger::open(self.path(), self.keys.clone()).unwrap()
    }

    pub(crate) fn index(&self) -> Index {
        Index::open(self.path()).unwrap()
    }

    pub(crate) fn digest(&self, value: &str) -> Digest {
        self.keys.digest(value.as_bytes())
    }
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_795_000_000_000_000).plus_seconds(seconds)
}

/// A canary whose values hold `mark`, and its two handles.
pub(crate) fn canary(mark: &str) -> (Canary, Vec<(String, String)>) {
    let pair = |name: &str, value: String| (name.to_owned(), value);
    let handles = vec![
        pair("account", format!("account-{mark}")),
        pair("secret", format!("secret-{mark}")),
    ];
    let mut fields: BTreeMap<String, String> = handles.iter().cloned().collect();
    fields.insert("note".to_owned(), format!("note-{mark}"));
    let canary = Canary {
        id: CanaryId::fresh(),
        kind: format!("kind-{mark}"),
        memo: format!("memo-{mark}"),
        labels: BTreeMap::from([pair("label", format!("label-{mark}"))]),
        fields,
        minted: at(0),
        retired: None,
    };
    (canary, handles)
}
