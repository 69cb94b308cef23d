//! Batteries over whole journals.

mod damage;
mod erasing;
mod failing;
mod life;
mod tree;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lapwing_core::{Keyring, MasterKey, StationId, SystemClock};
use serde_json::json;
use tempfile::TempDir;

use crate::{Entry, Journal, Reader, Record, Recovery, Settings, SigningSeed};

/// A directory with all that opens a journal in it again.
struct Bench {
    home: TempDir,
    keys: Keyring,
    settings: Settings,
}

impl Bench {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let settings = Settings {
            directory: home.path().join("journal"),
            station: StationId::new(0x0a1b_2c3d),
            origin: "station-0a1b2c3d".to_owned(),
            segment_bytes: 64 << 20,
            checkpoint_records: 1000,
            checkpoint_seconds: 3600,
        };
        let keys = Keyring::new(&MasterKey::generate(), 1);
        Self {
            home,
            keys,
            settings,
        }
    }

    fn directory(&self) -> &Path {
        &self.settings.directory
    }

    fn open(&self) -> (Journal, Recovery) {
        self.open_in(self.directory().to_owned()).unwrap()
    }

    fn open_in(&self, directory: PathBuf) -> Result<(Journal, Recovery), crate::JournalError> {
        let mut settings = self.settings.clone();
        settings.directory = directory;
        Journal::open(settings, seed(), self.keys.clone(), Arc::new(SystemClock))
    }

    /// What a crash at this moment leaves behind.
    fn copy(&self, name: &str) -> PathBuf {
        let to = self.home.path().join(name);
        std::fs::create_dir(&to).unwrap();
        for entry in std::fs::read_dir(self.directory()).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
        to
    }

    fn verify(&self) -> Result<crate::Verified, crate::Broken> {
        self.verify_in(self.directory())
    }

    fn verify_in(&self, directory: &Path) -> Result<crate::Verified, crate::Broken> {
        let with = crate::verify(
            directory,
            &seed().public_key(),
            Some(&self.keys),
            &mut |_| {},
        )?;
        let without = crate::verify(directory, &seed().public_key(), None, &mut |_| {})?;
        assert_eq!(with, without);
        Ok(with)
    }

    fn records(&self) -> Vec<Record> {
        let mut reader = Reader::open(self.directory(), &self.keys, None).unwrap();
        std::iter::from_fn(|| reader.next().unwrap()).collect()
    }
}

fn seed() -> SigningSeed {
    SigningSeed::from([5; 32])
}

fn body(number: u64) -> serde_json::Value {
    json!({"type": "trip", "number": number, "text": "quote \" and \u{20ac}"})
}

fn entry(number: u64) -> Entry {
    Entry {
        body: body(number).into(),
        parts: vec![
            ("raw", format!("GET /secret-{number}").into_bytes()),
            ("claims", b"{}".to_vec()),
        ],
        via: "http".to_owned(),
    }
}

/// Segment files in order, then `checkpoints`.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = crate::segment::segments(directory)
        .unwrap()
        .into_iter()
        .map(|first| crate::segment::segment_path(directory, first))
        .collect();
    files.push(directory.join("checkpoints"));
    files
}

fn read(path: &Path) -> Vec<u8> {
    lapwing_core::bounded::read_file(path, 1 << 30).unwrap()
}
