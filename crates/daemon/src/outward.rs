//! What goes outward because the operator asked for it: fetching geography, and look-ups about an address. Nothing here
//! is done by a running station, and nothing is asked that no setting or command names.
//!
//! Rule: whatever is contacted is on the list (`outward.jsonl` in the data directory) before it is contacted, and no
//! connection is ever made to the address that a look-up is about.

pub mod client;
pub mod dns;
pub mod rdap;
pub mod snapshots;

use std::fs::OpenOptions;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use lapwing_core::Timestamp;
use serde::{Deserialize, Serialize};

/// What the list is called in the data directory.
const FILE: &str = "outward.jsonl";
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
            let mut file = OpenOptions::new()
                .create(true)
                .append(true)
                .mode(0o600)
                .open(&self.path)?;
            let mut line = serde_json::to_string(asked).map_err(io::Error::other)?;
            line.push('\n');
            file.write_all(line.as_bytes())?;
            file.sync_data()
        };
        write().map_err(|source| Unlisted {
            path: self.path.clone(),
            source,
        })
    }

    /// All that is on it, oldest first. Lines that are damaged are passed over.
    ///
    /// # Errors
    /// It is there and cannot be read.
    pub fn list(&self) -> io::Result<Vec<Asked>> {
        let file = match std::fs::File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut reader = BufReader::new(file);
        let (mut found, mut line) = (Vec::new(), Vec::new());
        loop {
            line.clear();
            let mut bounded = reader.by_ref().take(LONGEST);
            if bounded.read_until(b'\n', &mut line)? == 0 {
                return Ok(found);
            }
            found.extend(serde_json::from_slice::<Asked>(&line).ok());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_listed_and_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let outward = Outward::of(home.path());
        assert_eq!(outward.list().unwrap(), []);
        let asked = |to: &str| Asked {
            time: Timestamp::from_micros(7),
            purpose: "rdap".to_owned(),
            to: to.to_owned(),
            about: Some(IpAddr::from([192, 0, 2, 1])),
        };
        outward.add(&asked("https://a.example/")).unwrap();
        std::fs::OpenOptions::new()
            .append(true)
            .open(home.path().join(FILE))
            .unwrap()
            .write_all(b"{damaged\n")
            .unwrap();
        outward.add(&asked("https://b.example/")).unwrap();
        let found = outward.list().unwrap();
        assert_eq!(
            found,
            [asked("https://a.example/"), asked("https://b.example/")]
        );
        let mode = std::fs::metadata(home.path().join(FILE))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        let nowhere = Outward::of(Path::new("/nonexistent"));
        assert!(nowhere.add(&asked("x")).is_err());
    }
}
