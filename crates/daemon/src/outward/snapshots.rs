//! Where look-ups about addresses are kept: a file each in `lookups/` of the data directory, named by look-up, address
//! and time, never replaced. What was said then stays what was said then, until it is erased.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use lapwing_core::{Snapshot, Timestamp, bounded};

use crate::DaemonError;
use crate::directory::{make_private_directory, write_private};

/// What the directory is called in the data directory.
pub const DIRECTORY: &str = "lookups";
/// Largest snapshot that is read, in bytes.
const LARGEST: u64 = 1 << 20;
/// Snapshots of one address that are read, the newest.
const MOST: usize = 100;
/// What snapshots are named by: the words of [`lapwing_core::Found`].
const WORDS: [&str; 2] = ["rdns", "rdap"];

/// Makes the directory, if it is not there.
///
/// # Errors
/// It cannot be made.
pub fn prepare(root: &Path) -> Result<PathBuf, DaemonError> {
    let directory = root.join(DIRECTORY);
    make_private_directory(&directory)?;
    Ok(directory)
}

/// Keeps a snapshot; says in which file.
///
/// # Errors
/// It cannot be written.
pub fn keep(root: &Path, snapshot: &Snapshot) -> Result<PathBuf, DaemonError> {
    let directory = prepare(root)?;
    let micros = snapshot.taken.micros();
    let name = format!(
        "{}{micros}.json",
        prefix(snapshot.address, snapshot.found.word())
    );
    let path = directory.join(name);
    let text = serde_json::to_vec_pretty(snapshot).expect("plain data");
    write_private(&path, &text).map_err(|source| DaemonError::Directory {
        path: path.clone(),
        what: format!("cannot write: {source}"),
        source: Some(source),
    })?;
    Ok(path)
}

/// What was looked up about an address, oldest first; nothing if nothing was. Damaged files are passed over.
///
/// # Errors
/// The directory is there and cannot be read.
pub fn of(root: &Path, address: IpAddr) -> io::Result<Vec<Snapshot>> {
    let entries = match std::fs::read_dir(root.join(DIRECTORY)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let address = address.to_canonical();
    let prefixes = WORDS.map(|word| prefix(address, word));
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if prefixes.iter().any(|prefix| name.starts_with(prefix)) {
            let text = bounded::read_file(&entry.path(), LARGEST).unwrap_or_default();
            found.extend(serde_json::from_slice::<Snapshot>(&text).ok());
        }
    }
    found.retain(|snapshot| snapshot.address == address);
    found.sort_by_key(|snapshot| snapshot.taken);
    Ok(found.split_off(found.len().saturating_sub(MOST)))
}

/// A snapshot by what its name says: the content may be damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The file.
    pub path: PathBuf,
    /// About which address.
    pub address: IpAddr,
    /// When it was taken.
    pub taken: Timestamp,
}

/// All snapshots that are kept, in no order.
///
/// # Errors
/// The directory is there and cannot be read.
pub fn all(root: &Path) -> io::Result<Vec<Kept>> {
    let entries = match std::fs::read_dir(root.join(DIRECTORY)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if let Some((address, taken)) = name.and_then(told) {
            found.push(Kept {
                path,
                address,
                taken,
            });
        }
    }
    Ok(found)
}

/// What a name tells; `None`: it is no snapshot's.
fn told(name: &str) -> Option<(IpAddr, Timestamp)> {
    let stem = name.strip_suffix(".json")?;
    let stem = WORDS
        .iter()
        .find_map(|word| stem.strip_prefix(word)?.strip_prefix('-'))?;
    let (address, micros) = stem.rsplit_once('-')?;
    let address = address.replace('_', ":").parse().ok()?;
    Some((address, Timestamp::from_micros(micros.parse().ok()?)))
}

/// Erases snapshots, for good once this returns. Those that are gone already are no failure.
///
/// # Errors
/// One of them cannot be removed.
pub fn remove(root: &Path, paths: &[PathBuf]) -> io::Result<()> {
    for path in paths {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    match paths {
        [] => Ok(()),
        _ => std::fs::File::open(root.join(DIRECTORY))?.sync_all(),
    }
}

/// `rdap-192.0.2.1-`; colons of IPv6 are no part of a name everywhere.
fn prefix(address: IpAddr, word: &str) -> String {
    let address = address.to_canonical().to_string().replace(':', "_");
    format!("{word}-{address}-")
}

#[cfg(test)]
mod tests {
    use lapwing_core::{Found, ReverseName, Timestamp};

    use super::*;

    #[test]
    fn snapshots_are_kept_side_by_side() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let snapshot = |address: &str, at: i64| Snapshot {
            address: address.parse().unwrap(),
            taken: Timestamp::from_micros(at),
            asked: vec!["the resolver 192.0.2.53:53".to_owned()],
            found: Found::Rdns {
                names: vec![ReverseName {
                    name: "host.example".to_owned(),
                    confirmed: true,
                }],
            },
        };
        assert_eq!(of(home.path(), "192.0.2.1".parse().unwrap()).unwrap(), []);
        let all = [
            snapshot("192.0.2.1", 5),
            snapshot("192.0.2.1", 40),
            snapshot("192.0.2.10", 7),
        ];
        for one in all.iter().rev() {
            let path = keep(home.path(), one).unwrap();
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        keep(home.path(), &snapshot("2001:db8::1", 9)).unwrap();
        std::fs::write(home.path().join("lookups/rdap-192.0.2.1-6.json"), "{").unwrap();
        assert_eq!(
            of(home.path(), "192.0.2.1".parse().unwrap()).unwrap(),
            all[..2]
        );
        assert_eq!(
            of(home.path(), "::ffff:192.0.2.1".parse().unwrap()).unwrap(),
            all[..2]
        );
        assert_eq!(
            of(home.path(), "2001:db8::1".parse().unwrap())
                .unwrap()
                .len(),
            1
        );
        assert!(keep(home.path(), &all[0]).is_err(), "never replaced");
    }

    #[test]
    fn all_are_found_by_their_names_and_removed() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(all(home.path()).unwrap(), []);
        let directory = prepare(home.path()).unwrap();
        for name in [
            "rdap-192.0.2.1-5.json",
            "rdns-2001_db8__1-9.json",
            "rdap-servers-ipv4.json",
            "rdap-servers-ipv4.source",
            "notes",
        ] {
            std::fs::write(directory.join(name), "{").unwrap();
        }
        let mut found = all(home.path()).unwrap();
        found.sort_by_key(|kept| kept.taken);
        let told: Vec<(String, i64)> = { found.iter() }
            .map(|kept| (kept.address.to_string(), kept.taken.micros()))
            .collect();
        assert_eq!(
            told,
            [("192.0.2.1".to_owned(), 5), ("2001:db8::1".to_owned(), 9)]
        );
        let paths = vec![
            found[0].path.clone(),
            directory.join("rdap-192.0.2.1-4.json"),
        ];
        remove(home.path(), &paths).unwrap();
        assert_eq!(all(home.path()).unwrap(), found[1..]);
    }
}
