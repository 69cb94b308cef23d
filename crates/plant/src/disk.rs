//! Files: finding them without following strangers' links, reading them once, and replacing them in
//! one step with everything about them kept (mode, owner, extended attributes, a time among the
//! neighbours'). No second copy of a file outlives a call.

use std::ffi::OsString;
use std::fs::{self, File, FileTimes, Metadata, OpenOptions};
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use lapwing_core::bounded::{self, MAX_FILE};
use rand::RngExt as _;
use rustix::fs::{CWD, Mode, OFlags};
use sha2::{Digest as _, Sha256};

use crate::error::{PlantError, Problem};

/// A file as it was read.
pub(crate) struct Seen {
    pub path: PathBuf,
    pub bytes: Vec<u8>,
    metadata: Metadata,
}

impl Seen {
    /// Who may do what with it, as `chmod` counts.
    pub(crate) fn mode(&self) -> u32 {
        self.metadata.mode() & 0o7777
    }
}

/// SHA-256 in lower hex.
pub(crate) fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes)
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

/// The absolute path with every link in its directories followed, except links somebody else could
/// have laid. The last component is never followed and need not exist.
pub(crate) fn resolve(path: &Path) -> Result<PathBuf, PlantError> {
    let absolute = std::path::absolute(path).map_err(|e| PlantError::io(path, "find", e))?;
    let Some(name) = absolute.file_name().map(OsString::from) else {
        return Err(PlantError::Target(Problem::at(path, "is not a file")));
    };
    if path.as_os_str().as_encoded_bytes().ends_with(b"/") {
        return Err(PlantError::Target(Problem::at(path, "is not a file")));
    }
    let parent = absolute.parent().unwrap_or(Path::new("/"));
    let mut resolved = PathBuf::from("/");
    let mut rest: Vec<OsString> = components(parent);
    let mut links = 0;
    while let Some(component) = rest.pop() {
        if component == ".." {
            resolved.pop();
            continue;
        }
        let next = resolved.join(&component);
        let metadata = fs::symlink_metadata(&next).map_err(|e| PlantError::io(&next, "find", e))?;
        if !metadata.is_symlink() {
            resolved = next;
            continue;
        }
        links += 1;
        trusted_link(&resolved, &next, &metadata, links)?;
        let to = fs::read_link(&next).map_err(|e| PlantError::io(&next, "follow", e))?;
        if to.is_absolute() {
            resolved = PathBuf::from("/");
        }
        rest.extend(components(&to));
    }
    Ok(resolved.join(name))
}

/// Path components, last first, `..` included.
fn components(path: &Path) -> Vec<OsString> {
    path.components()
        .rev()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            _ => None,
        })
        .collect()
}

fn trusted_link(
    directory: &Path,
    link: &Path,
    metadata: &Metadata,
    links: u32,
) -> Result<(), PlantError> {
    let holder = fs::metadata(directory).map_err(|e| PlantError::io(directory, "look at", e))?;
    let us = rustix::process::geteuid().as_raw();
    let strangers = metadata.uid() != us && metadata.uid() != 0;
    if links > 40 || strangers || holder.mode() & 0o002 != 0 {
        return Err(PlantError::Refused(
            Problem::at(link, "is a symbolic link that others could have laid")
                .hint("name the file by its real path"),
        ));
    }
    Ok(())
}

/// Opens and reads a regular file that is not a link; `None` if there is no such file.
pub(crate) fn read(path: &Path) -> Result<Option<Seen>, PlantError> {
    let Some(file) = open(path)? else {
        return Ok(None);
    };
    let metadata = file
        .metadata()
        .map_err(|e| PlantError::io(path, "look at", e))?;
    let bytes = bounded::read(&file, MAX_FILE).map_err(|e| PlantError::io(path, "read", e))?;
    Ok(Some(Seen {
        path: path.to_owned(),
        bytes,
        metadata,
    }))
}

fn open(path: &Path) -> Result<Option<File>, PlantError> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_symlink() => {
            return Err(PlantError::Refused(
                Problem::at(path, "is a symbolic link")
                    .hint("name the file it points to, if that is where the bait should stand"),
            ));
        }
        Ok(metadata) if metadata.is_dir() => {
            return Err(PlantError::Target(
                Problem::at(path, "is a directory").hint("name a file in it"),
            ));
        }
        Ok(metadata) if !metadata.is_file() => {
            return Err(PlantError::Target(Problem::at(
                path,
                "is not a regular file",
            )));
        }
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(PlantError::io(path, "find", error)),
    }
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    OpenOptions::new()
        .read(true)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
        .open(path)
        .map(Some)
        .map_err(|e| PlantError::io(path, "open", e))
}

impl Seen {
    /// When it was last written.
    pub(crate) fn modified(&self) -> Option<SystemTime> {
        self.metadata.modified().ok()
    }

    /// Whether it can be replaced without harm.
    pub(crate) fn replaceable(&self) -> Result<(), PlantError> {
        if self.metadata.nlink() > 1 {
            return Err(PlantError::Refused(
                Problem::at(&self.path, "has more than one name (hard links)").hint(
                    "writing it would part it from its other names; copy it to a file of its own first",
                ),
            ));
        }
        Ok(())
    }

    /// Puts `bytes` in its place in one step, if it is still as it was read.
    pub(crate) fn replace(&self, bytes: &[u8], time: Option<SystemTime>) -> Result<(), PlantError> {
        self.replaceable()?;
        let lock = self.lock()?;
        let temporary = Temporary::beside(&self.path, bytes, &self.metadata)?;
        copy_attributes(&lock, &temporary.file, &self.path)?;
        let time = time.or_else(|| self.modified());
        temporary.set_time(time)?;
        self.unchanged()?;
        temporary.rename_to(&self.path)?;
        drop(lock);
        Ok(())
    }

    /// Removes the file, if it is still as it was read.
    pub(crate) fn remove(&self) -> Result<(), PlantError> {
        self.unchanged()?;
        fs::remove_file(&self.path).map_err(|e| PlantError::io(&self.path, "remove", e))?;
        sync_directory(&self.path)
    }

    /// Keeps programs that lock the file from writing to it meanwhile.
    fn lock(&self) -> Result<File, PlantError> {
        let file = open(&self.path)?.ok_or_else(|| self.raced())?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(fs::TryLockError::WouldBlock) => Err(PlantError::Raced(
                Problem::at(&self.path, "is locked by another program").hint("try again later"),
            )),
            // Some network file systems have no locks; the digest is compared in any case.
            Err(fs::TryLockError::Error(_)) => Ok(file),
        }
    }

    fn unchanged(&self) -> Result<(), PlantError> {
        let now = read(&self.path)?.ok_or_else(|| self.raced())?;
        let same_file =
            now.metadata.ino() == self.metadata.ino() && now.metadata.dev() == self.metadata.dev();
        if same_file && now.bytes == self.bytes {
            return Ok(());
        }
        Err(self.raced())
    }

    fn raced(&self) -> PlantError {
        PlantError::Raced(
            Problem::at(
                &self.path,
                "was changed by another program meanwhile; nothing was written",
            )
            .hint("try again"),
        )
    }
}

/// Writes a file that did not exist, as private as a neighbour.
pub(crate) fn create(path: &Path, bytes: &[u8], like: &Path) -> Result<(), PlantError> {
    let metadata = fs::metadata(like).map_err(|e| PlantError::io(like, "look at", e))?;
    let temporary = Temporary::beside(path, bytes, &metadata)?;
    temporary.set_time(metadata.modified().ok())?;
    // A link instead of a rename fails if the name has come into use meanwhile.
    temporary
        .link_to(path)
        .map_err(|e| PlantError::io(path, "create", e))?;
    drop(temporary);
    sync_directory(path)
}

/// A temporary file that is gone when dropped. Where the system can, it has no name before it is
/// whole: a process that is killed while writing leaves nothing behind.
struct Temporary {
    path: PathBuf,
    file: File,
    named: bool,
}

impl Temporary {
    fn beside(target: &Path, bytes: &[u8], like: &Metadata) -> Result<Self, PlantError> {
        let path = temporary_name(target);
        let (file, named) = match nameless(target) {
            Some(file) => (file, false),
            None => {
                let mut options = OpenOptions::new();
                let file = options.write(true).create_new(true).mode(0o600).open(&path);
                let file = file.map_err(|e| PlantError::io(target, "write beside", e))?;
                (file, true)
            }
        };
        let mut temporary = Self { path, file, named };
        temporary.fill(target, bytes, like)?;
        Ok(temporary)
    }

    /// Gives it a name that must be free.
    fn link_to(&self, name: &Path) -> std::io::Result<()> {
        if self.named {
            return fs::hard_link(&self.path, name);
        }
        let own = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        let follow = rustix::fs::AtFlags::SYMLINK_FOLLOW;
        Ok(rustix::fs::linkat(CWD, own, CWD, name, follow)?)
    }

    fn fill(&mut self, target: &Path, bytes: &[u8], like: &Metadata) -> Result<(), PlantError> {
        let own = self
            .file
            .metadata()
            .map_err(|e| PlantError::io(target, "look at the copy of", e))?;
        if (own.uid(), own.gid()) != (like.uid(), like.gid()) {
            fchown(&self.file, Some(like.uid()), Some(like.gid())).map_err(|_| {
                PlantError::Refused(
                    Problem::at(
                        target,
                        "belongs to another user or group, which could not be kept",
                    )
                    .hint("run as its owner or as root"),
                )
            })?;
        }
        self.file
            .set_permissions(fs::Permissions::from_mode(like.mode() & 0o7777))
            .map_err(|e| PlantError::io(target, "keep the mode of", e))?;
        self.file
            .write_all(bytes)
            .map_err(|e| PlantError::io(target, "write", e))
    }

    fn set_time(&self, time: Option<SystemTime>) -> Result<(), PlantError> {
        if let Some(time) = time {
            self.file
                .set_times(FileTimes::new().set_modified(time))
                .map_err(|e| PlantError::io(&self.path, "set the time of", e))?;
        }
        self.file
            .sync_all()
            .map_err(|e| PlantError::io(&self.path, "sync", e))
    }

    fn rename_to(mut self, target: &Path) -> Result<(), PlantError> {
        if !self.named {
            self.link_to(&self.path)
                .map_err(|e| PlantError::io(target, "write beside", e))?;
            self.named = true;
        }
        fs::rename(&self.path, target).map_err(|e| PlantError::io(target, "replace", e))?;
        self.named = false;
        sync_directory(target)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if self.named {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// An open file without a name in the directory of `target`; `None` where the system has none.
fn nameless(target: &Path) -> Option<File> {
    let directory = target.parent()?;
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let file = rustix::fs::openat(CWD, directory, flags, Mode::RUSR | Mode::WUSR).ok()?;
    // Its name comes by this way later.
    Path::new("/proc/self/fd").exists().then(|| file.into())
}

/// Files beside `target` with such a name as [`temporary_name`] gives: a process that is killed in
/// the moment of writing leaves one behind.
pub(crate) fn leftovers(target: &Path) -> Vec<PathBuf> {
    let (Some(directory), Some(name)) = (target.parent(), target.file_name()) else {
        return Vec::new();
    };
    let start = format!(".{}.", name.to_string_lossy());
    let is_ours = |entry: &fs::DirEntry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        name.strip_prefix(&start).is_some_and(|tail| {
            tail.len() == TAIL && tail.bytes().all(|byte| byte.is_ascii_alphanumeric())
        }) && entry.file_type().is_ok_and(|kind| kind.is_file())
    };
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter(is_ours).map(|entry| entry.path()).collect()
}

/// Length of the random end of a temporary name.
const TAIL: usize = 6;

/// A name such as many programs use for the moment of writing.
fn temporary_name(target: &Path) -> PathBuf {
    const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let mut random = rand::rng();
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(".");
    let tail: String = (0..TAIL)
        .map(|_| char::from(LETTERS[random.random_range(0..LETTERS.len())]))
        .collect();
    name.push(tail);
    target.with_file_name(name)
}

fn sync_directory(path: &Path) -> Result<(), PlantError> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(|e| PlantError::io(directory, "sync", e))
}

/// Extended attributes carry access lists, security labels and capabilities.
fn copy_attributes(from: &File, to: &File, path: &Path) -> Result<(), PlantError> {
    let mut names = vec![0_u8; 64 << 10];
    let Ok(length) = rustix::fs::flistxattr(from, &mut names[..]) else {
        return Ok(()); // the file system has none
    };
    for name in names[..length]
        .split(|byte| *byte == 0)
        .filter(|n| !n.is_empty())
    {
        let mut value = vec![0_u8; 64 << 10];
        let mut current = vec![0_u8; 64 << 10];
        let Ok(length) = rustix::fs::fgetxattr(from, name, &mut value[..]) else {
            continue;
        };
        let has = rustix::fs::fgetxattr(to, name, &mut current[..]);
        if has.is_ok_and(|has| current[..has] == value[..length]) {
            continue;
        }
        rustix::fs::fsetxattr(to, name, &value[..length], rustix::fs::XattrFlags::empty())
            .map_err(|error| {
                PlantError::Refused(
                    Problem::at(
                        path,
                        format!(
                            "carries the attribute {}, which could not be kept ({error})",
                            lapwing_core::text::escape(name)
                        ),
                    )
                    .hint("run as root"),
                )
            })?;
    }
    Ok(())
}

/// A time for the file after the edit: not before its own, not after its youngest neighbour's.
pub(crate) fn plausible_time(seen: &Seen) -> Option<SystemTime> {
    let own = seen.modified()?;
    let youngest = fs::read_dir(seen.path.parent()?)
        .ok()?
        .take(2_000)
        .filter_map(|entry| entry.ok()?.metadata().ok())
        .filter(Metadata::is_file)
        .filter_map(|metadata| metadata.modified().ok())
        .max()?;
    let spread = youngest.duration_since(own).unwrap_or_default();
    if spread < Duration::from_millis(2) {
        return Some(own);
    }
    let share = rand::rng().random_range(0.0..1.0);
    Some(own + spread.mul_f64(share))
}

/// Refuses a database file that is a link, has several names, or is no SQLite database.
pub(crate) fn database(path: &Path) -> Result<(), PlantError> {
    let file = open(path)?.ok_or_else(|| {
        PlantError::Target(Problem::at(path, "does not exist").hint("name an existing database"))
    })?;
    let metadata = file
        .metadata()
        .map_err(|e| PlantError::io(path, "look at", e))?;
    if metadata.nlink() > 1 {
        // SQLite names its journal after the database; by another name it would not be found.
        return Err(PlantError::Refused(
            Problem::at(path, "has more than one name (hard links)")
                .hint("a database under two names can be damaged; remove one of them first"),
        ));
    }
    let mut head = [0; 16];
    let length =
        std::io::Read::read(&mut &file, &mut head).map_err(|e| PlantError::io(path, "read", e))?;
    if head[..length] == *b"SQLite format 3\0" {
        return Ok(());
    }
    Err(PlantError::Target(Problem::at(
        path,
        "is no SQLite database (or an encrypted one)",
    )))
}
