//! The data directory: what lies where, who may read it, and the master key.
//!
//! ```text
//! lapwing.toml    settings (the operator's to edit)
//! station.json    the station's name
//! key             the master key, unless it comes from outside
//! ledger.db       canaries, placements, deliveries, decisions: sealed
//! generation      counts changes of the ledger
//! planting.lock   held by commands that change many placements
//! index.db        can be deleted: `lapwing reindex` brings it back
//! journal/        the evidence
//! erasing.json    how far erasing is, and what it came to the last time; a hint
//! erasing.lock    held while something is erased, and by who must not be disturbed by that
//! running         there while a station runs; left behind by one that did not end in order
//! canaries/       the operator's own kinds
//! tls/            certificates that were issued here or by a public authority, with their keys
//! ```
//!
//! Directories are 0700, files 0600. The key is taken from the systemd credential `lapwing-key`, the
//! configured `key_file`, or the file `key`, in that order.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lapwing_core::{Keyring, MasterKey, StationId, bounded};
use lapwing_store::Ledger;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::DaemonError;

/// Name of the systemd credential that holds the key.
pub const CREDENTIAL: &str = "lapwing-key";

/// Where the master key came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A systemd credential.
    Credential(PathBuf),
    /// The configured file.
    File(PathBuf),
    /// The data directory itself: a thief of the directory has it too.
    DataDirectory(PathBuf),
}

impl KeySource {
    /// The file it was read from.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Credential(path) | Self::File(path) | Self::DataDirectory(path) => path,
        }
    }
}

/// The master key as it was found, which may be where only root reads.
#[derive(Debug)]
pub struct Key {
    source: KeySource,
    master: Option<MasterKey>,
}

impl Key {
    /// Looks for the key of a data directory. That there is none yet is no error.
    ///
    /// # Errors
    /// It cannot be read, or is none.
    pub fn find(root: &Path, key_file: Option<&Path>) -> Result<Self, DaemonError> {
        let credential = std::env::var_os("CREDENTIALS_DIRECTORY")
            .map(|directory| PathBuf::from(directory).join(CREDENTIAL))
            .filter(|path| path.exists());
        let source = match (credential, key_file) {
            (Some(path), _) => KeySource::Credential(path),
            (None, Some(path)) => KeySource::File(path.to_owned()),
            (None, None) => KeySource::DataDirectory(root.join("key")),
        };
        let path = source.path();
        if !path.exists() {
            return Ok(Self {
                source,
                master: None,
            });
        }
        let text = bounded::read_text(path, 4096)
            .map(Zeroizing::new)
            .map_err(|source| failed(path, "cannot read the master key", source))?;
        let master = MasterKey::from_hex(&text).ok_or_else(|| DaemonError::Directory {
            path: path.to_owned(),
            what: "not a master key, which is 64 hex digits; put back the file as it was, or name \
                   another with key_file"
                .to_owned(),
            source: None,
        })?;
        Ok(Self {
            source,
            master: Some(master),
        })
    }

    /// The key, made if there is none and the data directory is new.
    fn take(self, fresh: bool) -> Result<(MasterKey, KeySource), DaemonError> {
        let Self { source, master } = self;
        if let Some(master) = master {
            return Ok((master, source));
        }
        let path = source.path();
        if !fresh {
            return Err(DaemonError::Directory {
                path: path.to_owned(),
                what: "the master key is not there; without it nothing in this data directory can \
                       be opened. Put it back, or name its file with key_file"
                    .to_owned(),
                source: None,
            });
        }
        let master = MasterKey::generate();
        write_private(path, format!("{}\n", *master.to_hex()).as_bytes())
            .map_err(|source| failed(path, "cannot write the new master key", source))?;
        Ok((master, source))
    }
}

/// An opened data directory.
#[derive(Debug)]
pub struct Directory {
    root: PathBuf,
    station: StationId,
    master: MasterKey,
    key_source: KeySource,
    fresh: bool,
}

#[derive(Serialize, Deserialize)]
struct StationFile {
    layout: u32,
    station: StationId,
}

const LAYOUT: u32 = 1;

impl Directory {
    /// Opens the data directory at `root`, setting it up if it is not there yet.
    ///
    /// # Errors
    /// Not writable, not private and not ours to change, no or a bad key, another layout.
    pub fn open_or_create(root: &Path, key_file: Option<&Path>) -> Result<Self, DaemonError> {
        Self::open_with(root, Key::find(root, key_file)?)
    }

    /// As [`Directory::open_or_create`], with a key that was looked for before.
    ///
    /// # Errors
    /// As there.
    pub fn open_with(root: &Path, key: Key) -> Result<Self, DaemonError> {
        let fresh = !root.join("station.json").exists();
        make_private_directory(root)?;
        for part in ["journal", "canaries"] {
            make_private_directory(&root.join(part))?;
        }
        let (master, key_source) = key.take(fresh)?;
        let station = if fresh {
            let station = StationId::new(rand::random());
            write_station(root, station)?;
            station
        } else {
            read_station(root)?
        };
        Ok(Self {
            root: root.to_owned(),
            station,
            master,
            key_source,
            fresh,
        })
    }

    /// Opens a data directory that was set up before.
    ///
    /// # Errors
    /// As [`Directory::open_or_create`], and if there is none.
    pub fn open(root: &Path, key_file: Option<&Path>) -> Result<Self, DaemonError> {
        if !root.join("station.json").exists() {
            return Err(DaemonError::Directory {
                path: root.to_owned(),
                what: "not a data directory yet; `lapwing init` sets one up".to_owned(),
                source: None,
            });
        }
        Self::open_or_create(root, key_file)
    }

    /// Whether this call set it up.
    #[must_use]
    pub fn fresh(&self) -> bool {
        self.fresh
    }

    /// Where it is.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The station's name.
    #[must_use]
    pub fn station(&self) -> StationId {
        self.station
    }

    /// Where the key came from.
    #[must_use]
    pub fn key_source(&self) -> &KeySource {
        &self.key_source
    }

    /// The directory of the journal.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.root.join("journal")
    }

    /// The file of the journal's tree, made as records are indexed.
    #[must_use]
    pub fn tree(&self) -> PathBuf {
        lapwing_journal::tree_beside(&self.journal())
    }

    /// The operator's own kinds.
    #[must_use]
    pub fn canaries(&self) -> PathBuf {
        self.root.join("canaries")
    }

    /// The settings file.
    #[must_use]
    pub fn settings_file(&self) -> PathBuf {
        self.root.join("lapwing.toml")
    }

    /// Keys for digests and sealing.
    #[must_use]
    pub fn keyring(&self) -> Keyring {
        Keyring::new(&self.master, 1)
    }

    /// Seed of the journal's signing key.
    #[must_use]
    pub fn signing_seed(&self) -> Zeroizing<[u8; 32]> {
        self.master.derive("journal signing")
    }

    /// Seed of everything the station makes up and keeps consistent (persona, decoy ids).
    #[must_use]
    pub fn persona_seed(&self) -> [u8; 32] {
        *self.master.derive("persona")
    }

    /// Opens the ledger.
    ///
    /// # Errors
    /// See [`Ledger::open`].
    pub fn ledger(&self) -> Result<Arc<Ledger>, DaemonError> {
        Ok(Arc::new(Ledger::open(&self.root, self.keyring())?))
    }
}

fn failed(path: &Path, what: &str, source: io::Error) -> DaemonError {
    DaemonError::Directory {
        path: path.to_owned(),
        what: format!("{what}: {source}"),
        source: Some(source),
    }
}

pub(crate) fn make_private_directory(path: &Path) -> Result<(), DaemonError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| failed(path, "cannot create the directory", source))?;
    let mode = fs::metadata(path)
        .map_err(|source| failed(path, "cannot look at the directory", source))?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(|source| {
            failed(
                path,
                "others can read this directory and it cannot be made private",
                source,
            )
        })?;
    }
    Ok(())
}

/// Writes a new private file and syncs it and its directory.
///
/// # Errors
/// Any I/O error; the file must not exist yet.
pub fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(content)?;
    file.sync_all()?;
    match path.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// Writes a private file in the place of what is there, all at once, and syncs it.
///
/// # Errors
/// Any I/O error.
pub fn replace_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".new-{}", std::process::id()));
    let new = path.with_file_name(name);
    write_private(&new, content)?;
    fs::rename(&new, path).inspect_err(|_| {
        let _ = fs::remove_file(&new);
    })?;
    match path.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

fn write_station(root: &Path, station: StationId) -> Result<(), DaemonError> {
    let path = root.join("station.json");
    let mut text = serde_json::to_string(&StationFile {
        layout: LAYOUT,
        station,
    })
    .expect("a plain struct serialises");
    text.push('\n');
    write_private(&path, text.as_bytes()).map_err(|source| failed(&path, "cannot write", source))
}

fn read_station(root: &Path) -> Result<StationId, DaemonError> {
    let path = root.join("station.json");
    let text = bounded::read_text(&path, 4096)
        .map_err(|source| failed(&path, "cannot read the station's name", source))?;
    let file: StationFile =
        serde_json::from_str(&text).map_err(|error| DaemonError::Directory {
            path: path.clone(),
            what: format!("not a station file ({error}); restore it from a backup"),
            source: None,
        })?;
    if file.layout != LAYOUT {
        return Err(DaemonError::Directory {
            path,
            what: format!(
                "written in layout {}, this program knows {LAYOUT}; use a newer lapwing",
                file.layout
            ),
            source: None,
        });
    }
    Ok(file.station)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_up_once_and_finds_itself_again() {
        let temporary = tempfile::tempdir().expect("temporary directory");
        let root = temporary.path().join("data");
        let first = Directory::open_or_create(&root, None).expect("sets up");
        let again = Directory::open(&root, None).expect("opens");
        assert!(first.fresh() && !again.fresh());
        assert_eq!(first.station(), again.station());
        assert_eq!(first.persona_seed(), again.persona_seed());
        let mode = fs::metadata(root.join("key"))
            .expect("key")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn says_when_the_key_is_gone() {
        let temporary = tempfile::tempdir().expect("temporary directory");
        Directory::open_or_create(temporary.path(), None).expect("sets up");
        fs::remove_file(temporary.path().join("key")).expect("removes");
        let error = Directory::open(temporary.path(), None).expect_err("no key");
        assert!(
            error.to_string().contains("master key is not there"),
            "{error}"
        );
    }

    #[test]
    fn takes_the_key_from_outside() {
        let temporary = tempfile::tempdir().expect("temporary directory");
        let key = temporary.path().join("elsewhere");
        let root = temporary.path().join("data");
        Directory::open_or_create(&root, Some(&key)).expect("sets up");
        assert!(key.exists() && !root.join("key").exists());
    }
}
