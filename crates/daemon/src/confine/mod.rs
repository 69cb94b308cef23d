//! What a station gives up once its ports are bound: the right to be anybody else ([`user`]), files that are none
//! of its business (`files`), and calls to the system that a listener never makes (`calls`). Whoever takes it over
//! by what it reads from strangers then has what it has, and no way to more.
//!
//! All of it holds for the thread that asks and for those it starts: it is done while there is one. Kernels differ
//! in what they have; what holds in the end is said ([`Standing`]), at the start and at the desk.

mod calls;
mod files;
pub mod user;

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{DaemonError, Settings};
use user::User;

/// How often, a millisecond apart, is looked whether a thread that ends has gone.
const LOOKS: u32 = 100;

/// Whether the sandbox is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sandbox {
    /// As far as the kernel has one.
    #[default]
    On,
    /// Not at all.
    Off,
}

/// Something that is given up, and whether it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Held {
    /// `user`, `files` or `calls`.
    pub name: &'static str,
    /// Whether it is.
    pub held: bool,
    /// How far, or why not.
    pub what: String,
}

/// What holds, in the order it was done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Standing(pub Vec<Held>);

/// Becomes the user of the settings, if they name one; gives up capabilities and the way to new ones. The data
/// directory is made for that user, or has to be theirs. To be called when the ports are bound.
///
/// # Errors
/// No such user; not allowed to become it; the data directory is somebody else's; some right could not be given
/// up.
pub fn drop_privileges(root: &Path, settings: &Settings) -> Result<Held, DaemonError> {
    let wanted = &settings.listen.user;
    let is = rustix::process::geteuid();
    let what = if wanted.is_empty() {
        user::renounce(is.is_root())?;
        format!("runs as user {}", user::name(is.as_raw()))
    } else {
        let user = User::find(wanted)?;
        if is.is_root() {
            user::hand_over(root, &user)?;
        }
        user.take_over()?;
        user::reach(root, &user)?;
        format!("runs as user {} ({})", user.name, user.uid)
    };
    Ok(Held {
        name: "user",
        held: !rustix::process::geteuid().is_root(),
        what,
    })
}

/// Locks the process in, as far as the kernel lets it, if the settings want that. To be called when the data
/// directory is there, and before there is a second thread.
#[must_use]
pub fn lock_in(root: &Path, settings: &Settings) -> Vec<Held> {
    let on = settings.listen.sandbox == Sandbox::On;
    let lock = |name, locked: &dyn Fn() -> Result<String, String>| {
        let locked = match threads() {
            _ if !on => Err("off by listen.sandbox".to_owned()),
            1 => locked(),
            0 => Err("how many threads there are cannot be told without /proc".to_owned()),
            many => Err(format!("there are {many} threads already")),
        };
        Held {
            name,
            held: locked.is_ok(),
            what: locked.unwrap_or_else(|why| format!("not restricted: {why}")),
        }
    };
    vec![
        lock("files", &|| files::restrict(root, settings)),
        lock("calls", &calls::restrict),
    ]
}

/// How many threads this process has. One that has ended is still listed for an instant.
fn threads() -> usize {
    let count = || std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
    let mut counts = (0..LOOKS).map(|_| {
        std::thread::sleep(Duration::from_millis(1));
        count()
    });
    match count() {
        many @ 2.. => counts.find(|many| *many == 1).unwrap_or(many),
        few => few,
    }
}
