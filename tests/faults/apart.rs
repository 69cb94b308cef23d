//! A test in a process and a mount namespace of its own: what it mounts nobody else sees, and it is gone with it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use lapwing_tests::{binary, finish, finish_within};

/// Set inside.
const INSIDE: &str = "LAPWING_TEST_APART";
/// Longest run of one test.
const LIMIT: Duration = Duration::from_secs(600);

/// Runs `test`, which is the test of this name, apart. Needs root, or sudo without a password: so does whatever
/// breaks a file system.
pub(crate) fn apart(name: &str, test: fn()) {
    if std::env::var_os(INSIDE).is_some() {
        return test();
    }
    let mut command = as_root("unshare");
    command
        .args(["--mount", "--propagation", "private", "env"])
        .arg(format!("{INSIDE}=1"))
        .arg(format!("LAPWING_TEST_BINARY={}", binary().display()))
        .arg(std::env::current_exe().expect("a program knows its path"))
        .args(["--exact", name, "--nocapture", "--test-threads", "1"]);
    let ran = finish_within(LIMIT, &mut command);
    assert!(
        ran.code == 0 && ran.stdout.contains("1 passed"),
        "{name} ended with {} (it needs root, or sudo without a password):\n{}\n{}",
        ran.code,
        ran.stdout,
        ran.stderr
    );
    super::note(ran.stderr.trim());
}

fn as_root(program: &str) -> Command {
    if rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.args(["--non-interactive", program]);
    command
}

/// Runs a program that must succeed; gives its output.
pub(crate) fn must(program: &str, arguments: &[&str]) -> String {
    let ran = finish(Command::new(program).args(arguments));
    assert!(ran.code == 0, "{program} {arguments:?}: {ran:?}");
    ran.stdout
}

/// A file system that is mounted for one test.
pub(crate) struct Mounted {
    at: PathBuf,
    image: Option<PathBuf>,
    frozen: bool,
}

impl Mounted {
    /// A small one in memory.
    pub(crate) fn memory(at: &Path, size: &str) -> Self {
        std::fs::create_dir_all(at).expect("a directory");
        let options = format!("size={size},mode=700");
        must("mount", &["-t", "tmpfs", "-o", &options, "none", text(at)]);
        Self {
            at: at.to_owned(),
            image: None,
            frozen: false,
        }
    }

    /// A small one of ext4, on a device made of a file `image`.
    pub(crate) fn ext4(at: &Path, image: &Path) -> Self {
        std::fs::create_dir_all(at).expect("a directory");
        must("truncate", &["--size", "96M", text(image)]);
        must("mkfs.ext4", &["-q", "-F", text(image)]);
        let mounted = Self {
            at: at.to_owned(),
            image: Some(image.to_owned()),
            frozen: false,
        };
        mounted.mount();
        mounted
    }

    /// Mounts it (again).
    pub(crate) fn mount(&self) {
        let image = self.image.as_deref().expect("it is made of a file");
        let options = "loop,errors=remount-ro";
        must("mount", &["-o", options, text(image), text(&self.at)]);
        must("chmod", &["700", text(&self.at)]);
    }

    pub(crate) fn unmount(&self) {
        must("umount", &[text(&self.at)]);
    }

    /// Has it checked and repaired, while it is not mounted.
    pub(crate) fn mend(&self) {
        let image = self.image.as_deref().expect("it is made of a file");
        let ran = finish(Command::new("e2fsck").args(["-p", "-f", text(image)]));
        // 1: something was repaired.
        assert!(ran.code <= 1, "{ran:?}");
    }

    /// Nothing is written from now on: who tries waits.
    pub(crate) fn freeze(&mut self) {
        must("fsfreeze", &["--freeze", text(&self.at)]);
        self.frozen = true;
    }

    pub(crate) fn thaw(&mut self) {
        self.frozen = false;
        must("fsfreeze", &["--unfreeze", text(&self.at)]);
    }

    /// The file system finds itself broken, and takes nothing more.
    pub(crate) fn break_down(&self) {
        let device = must("findmnt", &["-no", "SOURCE", text(&self.at)]);
        let device = device.trim().trim_start_matches("/dev/");
        let trigger = format!("/sys/fs/ext4/{device}/trigger_fs_error");
        std::fs::write(&trigger, "1").expect("ext4 has this switch");
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let at = text(&self.at);
        // A test that failed must not leave anybody waiting.
        if self.frozen {
            let _ = finish(Command::new("fsfreeze").args(["--unfreeze", at]));
        }
        let _ = finish(Command::new("umount").args(["--lazy", at]));
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of tests is text")
}
