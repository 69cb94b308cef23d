//! Whom a station runs as. Becoming somebody is done through the C library, which does it for all threads.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, chown};
use std::path::{Path, PathBuf};

use nix::unistd::{
    Gid, Uid, getgrouplist, getgroups, getresgid, getresuid, setgroups, setresgid, setresuid,
};
use rustix::thread::{CapabilitySet, CapabilitySets};

use crate::DaemonError;

/// Entries of the data directory whose owner is looked at. Beyond lie segments of the journal only.
const LOOKED_AT: usize = 10_000;

/// A user of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// As it is known, or as it was written.
    pub name: String,
    /// Its number.
    pub uid: u32,
    /// The number of its group.
    pub gid: u32,
    /// All groups it is in.
    groups: Vec<u32>,
}

impl User {
    /// A user by name, or `UID:GID` for one that no database has.
    ///
    /// # Errors
    /// There is none.
    pub fn find(text: &str) -> Result<Self, DaemonError> {
        let numbers = text
            .split_once(':')
            .map(|(uid, gid)| (uid.parse(), gid.parse()));
        if let Some((Ok(uid), Ok(gid))) = numbers {
            let groups = vec![gid];
            let name = text.to_owned();
            return Ok(Self {
                name,
                uid,
                gid,
                groups,
            });
        }
        let found = match text.parse() {
            Ok(uid) => nix::unistd::User::from_uid(Uid::from_raw(uid)),
            Err(_) => nix::unistd::User::from_name(text),
        };
        let found =
            found.map_err(|error| wrong(&format!("cannot look up the user {text:?}: {error}")))?;
        let Some(found) = found else {
            return Err(wrong(&format!(
                "there is no user {text:?} on this host; `useradd --system --home-dir /var/lib/lapwing \
                 --shell /usr/sbin/nologin NAME` makes one; UID:GID does without a name"
            )));
        };
        let name =
            CString::new(found.name.as_str()).map_err(|_| wrong("a name with a zero in it"))?;
        let groups = getgrouplist(&name, found.gid).map_err(|error| {
            wrong(&format!(
                "cannot look up the groups of {}: {error}",
                found.name
            ))
        })?;
        Ok(Self {
            name: found.name,
            uid: found.uid.as_raw(),
            gid: found.gid.as_raw(),
            groups: groups.into_iter().map(Gid::as_raw).collect(),
        })
    }

    /// Becomes this user, for good: groups, group, user, capabilities, and no program that is started gets more.
    ///
    /// # Errors
    /// Not allowed to, or it can be undone.
    pub fn take_over(&self) -> Result<(), DaemonError> {
        let failed = |what: &str, error: nix::errno::Errno| {
            wrong(&format!(
                "cannot {what} of {} ({}): {error}",
                self.name, self.uid
            ))
        };
        let is = Uid::effective();
        if !is.is_root() {
            if is.as_raw() != self.uid {
                return Err(wrong(&format!(
                    "started as user {}, it cannot become {}: start it as root, or as that user, or leave the \
                     setting out",
                    name(is.as_raw()),
                    self.name
                )));
            }
            return renounce(false);
        }
        drop_bounding_set()?;
        let groups: Vec<Gid> = self.groups.iter().copied().map(Gid::from_raw).collect();
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        setgroups(&groups).map_err(|error| failed("take the groups", error))?;
        setresgid(gid, gid, gid).map_err(|error| failed("take the group", error))?;
        setresuid(uid, uid, uid).map_err(|error| failed("take the number", error))?;
        renounce(false)?;
        self.verify(&groups)
    }

    /// Looks whether it is really so, and tries to undo it.
    fn verify(&self, groups: &[Gid]) -> Result<(), DaemonError> {
        let users = getresuid().map(|it| [it.real, it.effective, it.saved]);
        let own = users.is_ok_and(|users| users.iter().all(|uid| uid.as_raw() == self.uid));
        let of = getresgid().map(|it| [it.real, it.effective, it.saved]);
        let own_group = of.is_ok_and(|of| of.iter().all(|gid| gid.as_raw() == self.gid));
        let mut is_in = getgroups().unwrap_or_default();
        let mut wanted = groups.to_vec();
        is_in.sort_by_key(|gid| gid.as_raw());
        wanted.sort_by_key(|gid| gid.as_raw());
        let root = Uid::from_raw(0);
        let way_back = self.uid != 0 && setresuid(root, root, root).is_ok();
        if own && own_group && is_in == wanted && !way_back {
            return Ok(());
        }
        Err(wrong(&format!(
            "becoming {} did not hold; this is a fault of the system or of this program, and it does not run on",
            self.name
        )))
    }
}

/// Gives up capabilities, unless it is root that nobody told to become somebody else, and the way to new ones.
///
/// # Errors
/// The kernel refuses.
pub(super) fn renounce(root: bool) -> Result<(), DaemonError> {
    let failed = |error| wrong(&format!("cannot give capabilities up: {error}"));
    rustix::thread::set_no_new_privs(true).map_err(failed)?;
    if root {
        return Ok(());
    }
    let none = CapabilitySet::empty();
    let sets = CapabilitySets {
        effective: none,
        permitted: none,
        inheritable: none,
    };
    // Who has none may not even be allowed to say so.
    if rustix::thread::capabilities(None).map_err(failed)? == sets {
        return Ok(());
    }
    rustix::thread::clear_ambient_capability_set().map_err(failed)?;
    rustix::thread::set_capabilities(None, sets).map_err(failed)
}

/// No program that is started could get them back either.
fn drop_bounding_set() -> Result<(), DaemonError> {
    for capability in CapabilitySet::all().iter() {
        match rustix::thread::remove_capability_from_bounding_set(capability) {
            // This kernel has no such capability; or, in a container, may we not touch what we lack anyway.
            Ok(()) | Err(rustix::io::Errno::INVAL | rustix::io::Errno::PERM) => {}
            Err(error) => return Err(wrong(&format!("cannot give capabilities up: {error}"))),
        }
    }
    Ok(())
}

/// Makes the data directory for a user, or looks whether all that is in it is theirs.
pub(super) fn hand_over(root: &Path, user: &User) -> Result<(), DaemonError> {
    let failed = |path: &Path, error: io::Error| DaemonError::Directory {
        path: path.to_owned(),
        what: format!("cannot be made for the user {}: {error}", user.name),
        source: Some(error),
    };
    if !root.exists() {
        let mut made = fs::DirBuilder::new();
        let made = made.recursive(true).mode(0o700).create(root);
        made.and_then(|()| chown(root, Some(user.uid), Some(user.gid)))
            .map_err(|error| failed(root, error))?;
    }
    let Some((path, owner)) = foreign(root, user.uid) else {
        return Ok(());
    };
    Err(DaemonError::Directory {
        what: format!(
            "belongs to {}, and the station is to run as {} (listen.user): `chown -R {}:{} {}`",
            name(owner),
            user.name,
            user.uid,
            user.gid,
            root.display()
        ),
        path,
        source: None,
    })
}

/// The first file in a directory that is somebody else's.
fn foreign(root: &Path, uid: u32) -> Option<(PathBuf, u32)> {
    let mut waiting = vec![root.to_owned()];
    let mut looked = 0;
    while let Some(path) = waiting.pop() {
        let Ok(about) = fs::symlink_metadata(&path) else {
            continue;
        };
        if about.uid() != uid {
            return Some((path, about.uid()));
        }
        looked += 1;
        if about.is_dir() && looked < LOOKED_AT {
            let entries = fs::read_dir(&path).into_iter().flatten().flatten();
            waiting.extend(entries.map(|entry| entry.path()));
        }
    }
    None
}

/// Whether the user gets to the data directory at all.
pub(super) fn reach(root: &Path, user: &User) -> Result<(), DaemonError> {
    match fs::read_dir(root) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Err(DaemonError::Directory {
                path: root.to_owned(),
                what: format!(
                    "the user {} does not get there: a directory above it is closed to them (`namei -l {}` shows \
                     which); put the data directory elsewhere, --data-dir /var/lib/lapwing",
                    user.name,
                    root.display()
                ),
                source: Some(error),
            })
        }
        _ => Ok(()),
    }
}

/// The name of a user, or the number where there is none.
pub(super) fn name(uid: u32) -> String {
    let found = nix::unistd::User::from_uid(Uid::from_raw(uid))
        .ok()
        .flatten();
    found.map_or_else(|| uid.to_string(), |user| user.name)
}

fn wrong(what: &str) -> DaemonError {
    DaemonError::Setting {
        key: "listen.user".to_owned(),
        what: what.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_name_and_by_number() {
        let root = User::find("root").unwrap();
        assert_eq!((root.uid, root.gid), (0, 0));
        assert_eq!(User::find("0").unwrap().name, "root");
        let nameless = User::find("47110:47111").unwrap();
        assert_eq!((nameless.uid, nameless.groups), (47110, vec![47111]));
        let said = User::find("no-such-user").unwrap_err().to_string();
        assert!(said.contains("useradd"), "{said}");
    }

    #[test]
    fn a_file_of_somebody_else_is_found() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("journal")).unwrap();
        fs::write(directory.path().join("journal/0.log"), "x").unwrap();
        let own = fs::metadata(directory.path()).unwrap().uid();
        assert_eq!(foreign(directory.path(), own), None);
        let (path, owner) = foreign(directory.path(), own + 1).unwrap();
        assert_eq!((path.as_path(), owner), (directory.path(), own));
    }
}
