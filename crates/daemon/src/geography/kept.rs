//! What was fetched, in `geo/` of the data directory: for each source the file in use, the one before it (`.old`), and
//! beside each where it came from. Files are put in place all at once.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use lapwing_core::{Timestamp, bounded};
use serde::{Deserialize, Serialize};

use crate::directory::replace_private;
use crate::settings::{GeoKind, GeoSource};

/// What the directory is called in the data directory.
pub const DIRECTORY: &str = "geo";
/// Longest name of a source.
const LONGEST: usize = 32;

/// Where a file came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The URL or file it was fetched from.
    pub from: String,
    /// When, in microseconds since 1970.
    pub fetched: i64,
    /// SHA-256 of what was fetched, packed as it was.
    pub sha256: String,
    /// Bytes of that.
    pub bytes: u64,
    /// `ETag` of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// `Last-Modified` of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<String>,
    /// The day the data is of.
    pub date: String,
}

impl Provenance {
    /// When it was fetched.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        Timestamp::from_micros(self.fetched)
    }
}

/// The files of one source.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The one in use.
    pub path: PathBuf,
}

impl Kept {
    /// Where a source's file is, or would be.
    #[must_use]
    pub fn of(directory: &Path, source: &GeoSource) -> Self {
        let end = match source.kind {
            GeoKind::Mmdb => "mmdb",
            GeoKind::Location => "db",
            GeoKind::TorExits => "exits",
        };
        Self {
            path: directory.join(format!("{}.{end}", source.name)),
        }
    }

    /// Whether there is one in use.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.path.exists()
    }

    /// The one before it.
    #[must_use]
    pub fn old(&self) -> PathBuf {
        beside(&self.path, "old")
    }

    /// A name for something under way, that no other process has.
    pub(super) fn temporary(&self, what: &str) -> PathBuf {
        beside(&self.path, &format!("{what}-{}", std::process::id()))
    }

    /// Where the one in use came from; `None` if that is not known.
    #[must_use]
    pub fn provenance(&self) -> Option<Provenance> {
        let text = bounded::read_file(&note(&self.path), 1 << 16).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Puts a new file in the place of the one in use, which becomes the old one.
    pub(super) fn replace(&self, new: &Path, provenance: &Provenance) -> io::Result<()> {
        File::open(new)?.sync_all()?;
        if self.exists() {
            // Both names lead to it for a moment, so that there is always one in use.
            let spare = self.temporary("spare");
            fs::hard_link(&self.path, &spare)?;
            fs::rename(&spare, self.old())?;
            match fs::rename(note(&self.path), note(&self.old())) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(new, &self.path)?;
        let text = serde_json::to_vec_pretty(provenance).expect("plain data");
        replace_private(&note(&self.path), &text)
    }

    /// Exchanges the one in use and the one before it.
    ///
    /// # Errors
    /// There is none before it, or they cannot be renamed.
    pub fn restore(&self) -> io::Result<()> {
        let spare = self.temporary("spare");
        fs::hard_link(self.old(), &spare)?;
        let spare_note = beside(&spare, "json");
        exchange(&self.path, &self.old(), &spare)?;
        if note(&self.old()).exists() || note(&self.path).exists() {
            let _ = fs::rename(note(&self.old()), &spare_note);
            let _ = fs::rename(note(&self.path), note(&self.old()));
            let _ = fs::rename(&spare_note, note(&self.path));
        }
        match self.path.parent() {
            Some(parent) => File::open(parent)?.sync_all(),
            None => Ok(()),
        }
    }
}

/// The file in use becomes the old one, and `spare`, which is the old one too, the one in use.
fn exchange(path: &Path, old: &Path, spare: &Path) -> io::Result<()> {
    if path.exists() {
        let second = beside(spare, "2");
        fs::hard_link(path, &second)?;
        fs::rename(&second, old)?;
    } else {
        fs::remove_file(old)?;
    }
    fs::rename(spare, path)
}

/// Where it is written down whence a file came.
fn note(path: &Path) -> PathBuf {
    beside(path, "json")
}

/// The same name with more at its end.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(end);
    path.with_file_name(name)
}

/// Whether a source may be called so: its name becomes that of a file.
pub(super) fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=LONGEST).contains(&name.len()) && name.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_one_stays_and_comes_back() {
        let home = tempfile::tempdir().unwrap();
        let source = GeoSource {
            name: "ipfire".to_owned(),
            kind: GeoKind::Location,
            ..GeoSource::default()
        };
        let kept = Kept::of(home.path(), &source);
        assert!(kept.path.ends_with("ipfire.db") && kept.restore().is_err());
        for number in ["one", "two", "three"] {
            let new = kept.temporary("new");
            fs::write(&new, number).unwrap();
            let provenance = Provenance {
                from: number.to_owned(),
                ..Provenance::default()
            };
            kept.replace(&new, &provenance).unwrap();
            assert_eq!(read(&kept.path), number);
            assert_eq!(kept.provenance().unwrap().from, number);
        }
        assert_eq!(read(&kept.old()), "two");
        kept.restore().unwrap();
        assert_eq!(
            (read(&kept.path), read(&kept.old())),
            ("two".to_owned(), "three".to_owned())
        );
        assert_eq!(kept.provenance().unwrap().from, "two");
        kept.restore().unwrap();
        assert_eq!(
            (read(&kept.path), read(&kept.old())),
            ("three".to_owned(), "two".to_owned())
        );
        assert_eq!(kept.provenance().unwrap().from, "three");
        let files = fs::read_dir(home.path()).unwrap().count();
        assert_eq!(files, 4, "nothing is left lying about");
        fs::remove_file(&kept.path).unwrap();
        kept.restore().unwrap();
        assert_eq!(read(&kept.path), "two");
    }

    fn read(path: &Path) -> String {
        bounded::read_text(path, 100).unwrap()
    }

    #[test]
    fn names_are_no_paths() {
        for (name, fine) in [
            ("ipfire", true),
            ("dbip-city-2", true),
            ("", false),
            ("..", false),
            ("a/b", false),
            ("A", false),
            ("a.b", false),
            (&"x".repeat(33), false),
        ] {
            assert_eq!(is_name(name), fine, "{name}");
        }
    }
}
