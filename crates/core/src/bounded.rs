//! Reading files with a size limit. The unbounded calls of `std` are banned by clippy.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Largest configuration-like file that is read whole, in bytes (64 MiB).
pub const MAX_FILE: u64 = 64 << 20;

/// Reads a whole file of at most `limit` bytes.
///
/// # Errors
/// Any I/O error; `FileTooLarge` if the file is longer than `limit`.
pub fn read_file(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    read(File::open(path)?, limit)
}

/// Reads a reader to its end, at most `limit` bytes.
///
/// # Errors
/// Any I/O error; `FileTooLarge` if there is more than `limit`.
pub fn read(reader: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut bounded = reader.take(limit.saturating_add(1));
    #[expect(clippy::disallowed_methods, reason = "this is the bounded wrapper")]
    bounded.read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("more than {limit} bytes"),
        ));
    }
    Ok(bytes)
}

/// Reads a whole UTF-8 file of at most `limit` bytes.
///
/// # Errors
/// As [`read_file`], and `InvalidData` if it is not UTF-8.
pub fn read_text(path: &Path, limit: u64) -> io::Result<String> {
    String::from_utf8(read_file(path, limit)?)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}
