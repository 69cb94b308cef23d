//! While somebody holds still, nothing is erased: a hold that is set up meanwhile counts, and a copy of the
//! journal that is made meanwhile is whole. A lock on a file of the data directory, which the system gives
//! back when a process dies.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use crate::DaemonError;

/// The file.
const FILE: &str = "erasing.lock";
/// How often it is tried.
const AGAIN: Duration = Duration::from_millis(20);

/// As long as this lives nothing is erased.
#[derive(Debug)]
pub struct Still(#[expect(dead_code, reason = "held, never read")] File);

impl Still {
    /// Waits until nothing is being erased: some seconds at most, unless somebody copies the journal.
    ///
    /// # Errors
    /// The file cannot be made or locked.
    pub fn hold(root: &Path) -> Result<Self, DaemonError> {
        let still = Self::hold_while(root, &|| true)?;
        Ok(still.expect("it is waited for without an end"))
    }

    /// The same as long as `going` says so; `None` once it does not.
    ///
    /// # Errors
    /// The same.
    pub(super) fn hold_while(
        root: &Path,
        going: &dyn Fn() -> bool,
    ) -> Result<Option<Self>, DaemonError> {
        let path = root.join(FILE);
        let failed = |source| DaemonError::Directory {
            path: path.clone(),
            what: format!("cannot take the lock on erasing: {source}"),
            source: Some(source),
        };
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(&path).map_err(failed)?;
        while going() {
            match file.try_lock() {
                Ok(()) => return Ok(Some(Self(file))),
                Err(TryLockError::WouldBlock) => std::thread::sleep(AGAIN),
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time() {
        let home = tempfile::tempdir().unwrap();
        let held = Still::hold(home.path()).unwrap();
        let tries = std::cell::Cell::new(0);
        let going = || {
            tries.set(tries.get() + 1);
            tries.get() < 3
        };
        assert!(Still::hold_while(home.path(), &going).unwrap().is_none());
        drop(held);
        assert!(Still::hold_while(home.path(), &|| true).unwrap().is_some());
    }
}
