//! The list of whatever went outward: `outward.jsonl` in the data directory, a line each, oldest first. Lines are
//! added by whoever asks, and taken off by who erases; how many were stands in a line of its own.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use lapwing_core::Timestamp;
use serde::{Deserialize, Serialize};

use crate::directory::write_private;

/// What the list is called in the data directory.
const FILE: &str = "outward.jsonl";
/// What it is called while it is written anew.
const NEW: &str = "outward.jsonl.new";
/// Longest line of it, in bytes.
const LONGEST: u64 = 4096;

/// Something that was asked of somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// When.
    pub time: Timestamp,
    /// Why: `geo update ipfire`, `rdns`, `rdap`.
    pub purpose: String,
    /// Whom: a URL without what it asks by secret, or a resolver's address.
    pub to: String,
    /// The address it was about, if about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<IpAddr>,
}

/// That lines were taken off the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// How many so far.
    pub removed: u64,
    /// When the last of them.
    pub time: Timestamp,
}

/// What is on the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List {
    /// What was taken off it.
    pub removed: Option<Removed>,
    /// What is on it, oldest first.
    pub asked: Vec<Asked>,
}

/// The list of what went outward.
#[derive(Clone, Debug)]
pub struct Outward {
    path: PathBuf,
}

/// The list cannot be written, so nothing is asked.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the list of outward look-ups, {}, and without it nothing is asked: {source}", path.display())]
pub struct Unlisted {
    path: PathBuf,
    source: io::Error,
}

impl Outward {
    /// The list of a data directory.
    #[must_use]
    pub fn of(root: &Path) -> Self {
        Self {
            path: root.join(FILE),
        }
    }

    /// Puts something on it, durably. To be called before anything is asked.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn add(&self, asked: &Asked) -> Result<(), Unlisted> {
        let write = || {
            let mut file = self.lock(OpenOptions::new().create(true).append(true).mode(0o600))?;
            file.write_all(&line(asked)?)?;
            file.sync_data()
        };
        write().map_err(|source| Unlisted {
            path: self.path.clone(),
            source,
        })
    }

    /// All that is on it. Lines that are damaged are passed over.
    ///
    /// # Errors
    /// It is there and cannot be read.
    pub fn list(&self) -> io::Result<List> {
        match File::open(&self.path) {
            Ok(file) => read(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(List::default()),
            Err(error) => Err(error),
        }
    }

    /// Takes off those of [`List::asked`] that `goes` says, by their number, and what cannot be read; notes how
    /// many. The list is replaced as a whole.
    ///
    /// # Errors
    /// It cannot be read or written; then it is as it was.
    pub(crate) fn remove(&self, goes: &dyn Fn(usize) -> bool, now: Timestamp) -> io::Result<()> {
        // Held until the new one stands in its place: whoever adds meanwhile waits, and adds to that.
        let old = self.lock(OpenOptions::new().read(true).append(true))?;
        let List { removed, asked } = read(&old)?;
        let mut text = Vec::new();
        let before = asked.len();
        let stays: Vec<&Asked> = { asked.iter().enumerate() }
            .filter(|(at, _)| !goes(*at))
            .map(|(_, asked)| asked)
            .collect();
        let earlier = removed.map_or(0, |removed| removed.removed);
        text.extend(line(&Removed {
            removed: earlier + (before - stays.len()) as u64,
            time: now,
        })?);
        for asked in stays {
            text.extend(line(asked)?);
        }
        let new = self.path.with_file_name(NEW);
        // A process that died in between leaves one.
        match std::fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        write_private(&new, &text)?;
        std::fs::rename(&new, &self.path)?;
        match self.path.parent() {
            Some(parent) => File::open(parent)?.sync_all(),
            None => Ok(()),
        }
    }

    /// Opens the file that has the name once its lock is had. The lock goes with the file.
    fn lock(&self, options: &OpenOptions) -> io::Result<File> {
        loop {
            let file = options.open(&self.path)?;
            file.lock()?;
            let is_it = match std::fs::metadata(&self.path) {
                Ok(now) => {
                    let had = file.metadata()?;
                    (now.dev(), now.ino()) == (had.dev(), had.ino())
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => false,
                Err(error) => return Err(error),
            };
            if is_it {
                return Ok(file);
            }
        }
    }
}

fn line<T: Serialize>(what: &T) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(what).map_err(io::Error::other)?;
    line.push(b'\n');
    Ok(line)
}

fn read(file: impl io::Read) -> io::Result<List> {
    let mut reader = BufReader::new(file);
    let (mut list, mut line) = (List::default(), Vec::new());
    loop {
        line.clear();
        let mut bounded = reader.by_ref().take(LONGEST);
        if bounded.read_until(b'\n', &mut line)? == 0 {
            return Ok(list);
        }
        match serde_json::from_slice::<Asked>(&line) {
            Ok(asked) => list.asked.push(asked),
            Err(_) => list.removed = serde_json::from_slice(&line).ok().or(list.removed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(to: &str) -> Asked {
        Asked {
            time: Timestamp::from_micros(7),
            purpose: "rdap".to_owned(),
            to: to.to_owned(),
            about: Some(IpAddr::from([192, 0, 2, 1])),
        }
    }

    fn mode(path: &Path) -> u32 {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_asked_is_listed_and_private() {
        let home = tempfile::tempdir().unwrap();
        let outward = Outward::of(home.path());
        assert_eq!(outward.list().unwrap(), List::default());
        outward.add(&asked("https://a.example/")).unwrap();
        OpenOptions::new()
            .append(true)
            .open(home.path().join(FILE))
            .unwrap()
            .write_all(b"{damaged\n")
            .unwrap();
        outward.add(&asked("https://b.example/")).unwrap();
        let found = outward.list().unwrap();
        let both = [asked("https://a.example/"), asked("https://b.example/")];
        assert_eq!((found.removed, found.asked), (None, both.to_vec()));
        assert_eq!(mode(&home.path().join(FILE)), 0o600);
        let nowhere = Outward::of(Path::new("/nonexistent"));
        assert!(nowhere.add(&asked("x")).is_err());
    }

    #[test]
    fn what_is_taken_off_is_counted_and_leaves_nothing() {
        let home = tempfile::tempdir().unwrap();
        let outward = Outward::of(home.path());
        for to in ["a", "b", "c", "d"] {
            outward.add(&asked(to)).unwrap();
        }
        std::fs::write(home.path().join(NEW), "left by one that died").unwrap();
        let time = Timestamp::from_micros(9);
        outward.remove(&|at| at == 0 || at == 2, time).unwrap();
        let list = outward.list().unwrap();
        assert_eq!(list.asked, [asked("b"), asked("d")]);
        assert_eq!(list.removed, Some(Removed { removed: 2, time }));
        outward.add(&asked("e")).unwrap();
        let time = Timestamp::from_micros(11);
        outward.remove(&|at| at == 0, time).unwrap();
        let list = outward.list().unwrap();
        assert_eq!(list.asked, [asked("d"), asked("e")]);
        assert_eq!(list.removed, Some(Removed { removed: 3, time }));
        let text = lapwing_core::bounded::read_text(&home.path().join(FILE), LONGEST).unwrap();
        assert!(!text.contains("\"b\"") && !home.path().join(NEW).exists());
        assert_eq!(mode(&home.path().join(FILE)), 0o600);
    }

    #[test]
    fn what_is_added_meanwhile_is_not_lost() {
        let home = tempfile::tempdir().unwrap();
        let outward = Outward::of(home.path());
        outward.add(&asked("gone")).unwrap();
        let adding = outward.clone();
        let adder = std::thread::spawn(move || {
            for _ in 0..200 {
                adding.add(&asked("stays")).unwrap();
            }
        });
        let time = Timestamp::from_micros(9);
        for _ in 0..50 {
            let list = outward.list().unwrap().asked;
            let gone = list.iter().position(|asked| asked.to == "gone");
            outward.remove(&|at| Some(at) == gone, time).unwrap();
        }
        adder.join().unwrap();
        assert_eq!(outward.list().unwrap().asked.len(), 200);
    }
}
