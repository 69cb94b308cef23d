//! A counter in a file of 8 bytes (little endian), by which processes tell each other that the
//! ledger has changed. Reading it costs one system call; it is raised under a lock of the file.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::StoreError;

/// Set in the numbers given while the file cannot be read: they differ from all others.
const UNREADABLE: u64 = 1 << 63;

#[derive(Debug)]
pub(super) struct Generation {
    file: File,
    path: PathBuf,
    failures: AtomicU64,
}

impl Generation {
    /// Opens the file, made if missing.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(StoreError::io(path, "open"))?;
        let generation = Self {
            file,
            path: path.to_owned(),
            failures: AtomicU64::new(0),
        };
        if generation.read().is_err() {
            // New, or cut short: any number will do as long as it is there.
            generation.bump()?;
        }
        Ok(generation)
    }

    /// The number now. While the file cannot be read every call gives a new one, so that callers
    /// look into the ledger itself.
    pub(super) fn current(&self) -> u64 {
        self.read()
            .unwrap_or_else(|_| UNREADABLE | self.failures.fetch_add(1, Ordering::Relaxed))
    }

    /// Raises the number.
    pub(super) fn bump(&self) -> Result<(), StoreError> {
        let raised = || -> io::Result<()> {
            // A lock belongs to an open file, so a second handle is needed to keep threads apart.
            let handle = OpenOptions::new().read(true).write(true).open(&self.path)?;
            handle.lock()?;
            let next = self.read().unwrap_or(0).wrapping_add(1) & !UNREADABLE;
            handle.write_all_at(&next.to_le_bytes(), 0)
        };
        raised().map_err(StoreError::io(&self.path, "raise the counter in"))
    }

    fn read(&self) -> io::Result<u64> {
        let mut bytes = [0; 8];
        self.file.read_exact_at(&mut bytes, 0)?;
        Ok(u64::from_le_bytes(bytes))
    }
}
