//! A bounded walk: which files below a directory intruders sweep, and what these hold already. Follows no
//! links, and goes where version control does not: secrets are in ignored files.

use std::fs;
use std::path::{Path, PathBuf};

use lapwing_core::bounded;

use super::sweeps::{PLACES, Place};

/// How many directories deep, how many entries, and how many bytes of files in all.
const DEPTH: usize = 8;
const ENTRIES: usize = 100_000;
const BYTES: u64 = 64 << 20;
/// Larger files are places still, but are not read here.
const FILE: u64 = 1 << 20;
/// What a database of SQLite begins with.
const SQLITE: &[u8] = b"SQLite format 3\0";

/// Directories that others fill, and nobody sweeps for keys.
const SKIPPED: [&str; 16] = [
    "node_modules",
    "target",
    ".git",
    ".hg",
    ".svn",
    "vendor",
    "__pycache__",
    ".venv",
    "venv",
    ".tox",
    ".cache",
    ".cargo",
    ".rustup",
    "dist",
    ".next",
    "site-packages",
];

/// A file that a sweep finds.
pub(super) struct Found {
    pub path: PathBuf,
    pub place: &'static Place,
    /// The directory below the start in which it lies; empty for the start itself.
    pub part: String,
    /// Its text in small letters, to choose what fits.
    pub text: String,
}

/// What a walk came upon.
#[derive(Default)]
pub(super) struct Walk {
    pub found: Vec<Found>,
    /// Databases of SQLite.
    pub databases: Vec<PathBuf>,
    /// Whether a limit ended it early.
    pub cut: bool,
    own: PathBuf,
    entries: usize,
    bytes: u64,
}

impl Walk {
    /// Walks below a directory, past our own data directory.
    ///
    /// # Errors
    /// The directory itself cannot be read; what cannot be read below it is passed over.
    pub(super) fn below(root: &Path, own: &Path) -> std::io::Result<Self> {
        let mut walk = Self {
            own: own.canonicalize().unwrap_or_else(|_| own.to_owned()),
            ..Self::default()
        };
        fs::read_dir(root)?;
        walk.directory(root, root, 0);
        Ok(walk)
    }

    fn directory(&mut self, root: &Path, directory: &Path, depth: usize) {
        if directory.canonicalize().is_ok_and(|path| path == self.own) {
            return;
        }
        let Ok(entries) = fs::read_dir(directory) else {
            return;
        };
        let mut entries: Vec<fs::DirEntry> = entries.flatten().take(ENTRIES).collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            self.entries += 1;
            if self.entries > ENTRIES || self.bytes > BYTES {
                self.cut = true;
                return;
            }
            // The type of the entry itself: links are neither files nor directories.
            let Ok(sort) = entry.file_type() else {
                continue;
            };
            let name = entry.file_name().to_string_lossy().into_owned();
            if sort.is_dir() && !SKIPPED.contains(&name.as_str()) {
                if depth + 1 < DEPTH {
                    self.directory(root, &entry.path(), depth + 1);
                } else {
                    self.cut = true;
                }
            } else if sort.is_file() {
                self.file(root, &entry, &name);
            }
        }
    }

    fn file(&mut self, root: &Path, entry: &fs::DirEntry, name: &str) {
        let path = entry.path();
        let Some(shown) = path.to_str() else { return };
        let shown = shown.to_lowercase();
        let endings = [".db", ".sqlite", ".sqlite3"];
        if endings.iter().any(|ending| name.ends_with(ending)) {
            let head = fs::File::open(&path).and_then(|file| {
                bounded::read(
                    std::io::Read::take(file, SQLITE.len() as u64),
                    SQLITE.len() as u64,
                )
            });
            if head.is_ok_and(|head| head == SQLITE) {
                self.databases.push(path);
            }
            return;
        }
        let Some(place) = PLACES.iter().find(|place| place.is(&shown)) else {
            return;
        };
        let size = entry.metadata().map_or(u64::MAX, |about| about.len());
        let mut text = String::new();
        if size <= FILE {
            self.bytes += size;
            let read = bounded::read_file(&path, FILE).unwrap_or_default();
            text = String::from_utf8_lossy(&read).to_lowercase();
        }
        let inner = path.strip_prefix(root).unwrap_or(&path);
        let part = inner.parent().and_then(|parent| parent.iter().next());
        let part = part.map_or_else(String::new, |part| part.to_string_lossy().into_owned());
        self.found.push(Found {
            path,
            place,
            part,
            text,
        });
    }
}
