//! The few file operations the writers need, behind a trait so that tests can make them fail.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Makes, opens and removes files.
pub(crate) trait Disk: Send + Sync {
    /// Makes a new file, 0600; an error if it exists.
    fn create(&self, path: &Path) -> io::Result<Box<dyn Output>>;
    /// Opens a file to append to, made if missing, 0600.
    fn open(&self, path: &Path) -> io::Result<Box<dyn Output>>;
    /// Writes bytes that are in a file already over themselves, so that a sync writes them again.
    /// Wherever this stops, the file holds what it held.
    fn rewrite(&self, path: &Path, from: u64, bytes: &[u8]) -> io::Result<()>;
    /// Removes a file; fine if it is not there.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;
}

/// A file that is appended to.
pub(crate) trait Output: Send {
    /// Writes all of `bytes` at the end.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes what was appended durable (fdatasync).
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the file to `length` bytes, without a sync.
    fn cut(&mut self, length: u64) -> io::Result<()>;
    /// Makes content and length durable (fsync).
    fn sync_all(&mut self) -> io::Result<()>;
}

/// The file system.
pub(crate) struct FileSystem;

impl Disk for FileSystem {
    fn create(&self, path: &Path) -> io::Result<Box<dyn Output>> {
        let mut options = OpenOptions::new();
        let file = options
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        Ok(Box::new(file))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Output>> {
        Ok(Box::new(private(OpenOptions::new().append(true), path)?))
    }

    fn rewrite(&self, path: &Path, from: u64, bytes: &[u8]) -> io::Result<()> {
        // Not the handle that appends: it would write at the end whatever the place.
        let file = OpenOptions::new().write(true).open(path)?;
        file.write_all_at(bytes, from)?;
        file.sync_all()
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }
}

impl Output for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync_all(&mut self) -> io::Result<()> {
        File::sync_all(self)
    }
}

/// Opens a file that only the owner may read, making it if missing.
pub(crate) fn private(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    options.create(true).mode(0o600).open(path)
}

/// Makes a directory (and those above) that only the owner may enter.
pub(crate) fn private_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}
