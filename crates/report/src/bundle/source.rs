//! A bundle as it is found: a directory, or the tar file of one.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::{BundleError, PARTS, SUMS, tape};

/// Deepest directory that is looked into.
const DEPTH: usize = 8;

/// What lies under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Plain,
    /// A directory, a link, a device.
    Other,
}

/// Files by their names.
pub(super) struct Found {
    pub(super) names: BTreeMap<String, Sort>,
    /// What is wrong with the tar file, if it is one.
    pub(super) problems: Vec<String>,
    place: Place,
}

enum Place {
    Directory(PathBuf),
    Tape(File, BTreeMap<String, (u64, u64)>),
}

impl Found {
    /// Looks what is there.
    pub(super) fn look(path: &Path) -> Result<Self, BundleError> {
        let failed = || BundleError::io("read", path);
        let metadata = std::fs::metadata(path).map_err(failed())?;
        let found = if metadata.is_dir() {
            let mut names = BTreeMap::new();
            list(path, "", 0, &mut names).map_err(failed())?;
            Self {
                names,
                problems: Vec::new(),
                place: Place::Directory(path.to_owned()),
            }
        } else {
            let file = File::open(path).map_err(failed())?;
            let tape::Contents { files, problems } = tape::contents(&file).map_err(failed())?;
            Self {
                names: files
                    .keys()
                    .map(|name| (name.clone(), Sort::Plain))
                    .collect(),
                problems,
                place: Place::Tape(file, files),
            }
        };
        // A tar file that is damaged at its front has no files left.
        if found.problems.is_empty() && !found.names.contains_key(SUMS) {
            return Err(BundleError::NoBundle {
                path: path.to_owned(),
                what: "it holds no SHA256SUMS",
            });
        }
        Ok(found)
    }

    pub(super) fn is_plain(&self, name: &str) -> bool {
        self.names.get(name) == Some(&Sort::Plain)
    }

    /// Opens a file; one that is not there is empty.
    pub(super) fn open(&self, name: &str) -> Result<Box<dyn Read + '_>, BundleError> {
        if !self.is_plain(name) {
            return Ok(Box::new(io::empty()));
        }
        match &self.place {
            Place::Directory(directory) => {
                let path = directory.join(name);
                let file = File::open(&path).map_err(BundleError::io("read", &path))?;
                Ok(Box::new(file))
            }
            Place::Tape(file, files) => {
                let (at, size) = files.get(name).copied().unwrap_or_default();
                Ok(Box::new(Piece {
                    file,
                    at,
                    left: size,
                }))
            }
        }
    }
}

/// A file within a tar file.
struct Piece<'a> {
    file: &'a File,
    at: u64,
    left: u64,
}

impl Read for Piece<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let read = self.file.read_at(&mut buffer[..most], self.at)?;
        self.at += read as u64;
        self.left -= read as u64;
        Ok(read)
    }
}

/// All that is below a directory, but for the directory of parts itself.
fn list(
    directory: &Path,
    above: &str,
    depth: usize,
    names: &mut BTreeMap<String, Sort>,
) -> io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let name = format!("{above}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            if depth < DEPTH {
                list(&entry.path(), &format!("{name}/"), depth + 1, names)?;
            }
            if name == PARTS {
                continue;
            }
        }
        let sort = if kind.is_file() {
            Sort::Plain
        } else {
            Sort::Other
        };
        names.insert(name, sort);
    }
    Ok(())
}
