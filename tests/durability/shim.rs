//! The library that stands between the station and the disk (`tests/shim/sync.c`), and its log.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use lapwing_core::bounded;
use lapwing_tests::{finish, repository};

/// Longest log read, in bytes.
const LOG: u64 = 1 << 30;

/// The compiled library.
pub(crate) fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
        fs::create_dir_all(directory).expect("a directory for what tests build");
        let fresh = directory.join(format!("sync-{}.so", std::process::id()));
        let mut compiler = Command::new("cc");
        compiler
            .args([
                "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-O2", "-o",
            ])
            .arg(&fresh)
            .arg(repository().join("tests/shim/sync.c"));
        let ran = finish(&mut compiler);
        assert!(ran.code == 0, "cc cannot compile sync.c:\n{}", ran.stderr);
        // Whoever has the old one loaded keeps it.
        let library = directory.join("sync.so");
        fs::rename(&fresh, &library).expect("a file can be renamed");
        library
    })
}

/// Puts the library between `command` and the disk.
pub(crate) fn preload(command: &mut Command, variables: &[(&str, &Path)]) {
    command.env("LD_PRELOAD", library());
    // What stands in the process writes its log where the station itself may not.
    command.env("LAPWING_LISTEN__SANDBOX", "off");
    for (name, value) in variables {
        command.env(name, value);
    }
}

/// How many bytes of `file` are sure to be on disk, after the log of its syncs.
pub(crate) fn synced(log: &Path, file: &Path) -> u64 {
    let about = fs::metadata(file).expect("the file is there");
    let (device, inode) = (about.dev().to_string(), about.ino().to_string());
    let text = bounded::read_text(log, LOG).expect("the log of syncs");
    // The last one: a file that was cut meanwhile has fewer bytes than once were synced.
    let size = text.lines().rev().find_map(|line| {
        let mut words = line.split(' ');
        let ours = words.next() == Some(&device) && words.next() == Some(&inode);
        ours.then(|| words.next()?.parse().ok()).flatten()
    });
    size.unwrap_or(0)
}
