//! Another host, played by this one: an sshd of its own, directories of its own, and a program without
//! debugging information, so that it is quick to send.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use lapwing_core::bounded;
use lapwing_tests::{Ran, binary, finish, free, within};
use tempfile::TempDir;

/// The program that is sent to other hosts.
pub(crate) fn program() -> &'static Path {
    static PROGRAM: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = PROGRAM.get_or_init(|| {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("lapwing");
        done(Command::new("strip").arg("-o").arg(&path).arg(binary()));
        (directory, path)
    });
    path
}

/// The setting that names it.
pub(crate) fn hosts(ssh: &Path) -> String {
    format!(
        "[hosts]\nssh = [\"ssh\", \"-F\", \"{}\"]\nbinary = \"{}\"\n",
        ssh.display(),
        program().display()
    )
}

pub(crate) fn done(command: &mut Command) -> Ran {
    let ran = finish(command);
    assert_eq!(ran.code, 0, "{command:?}: {}{}", ran.stdout, ran.stderr);
    ran
}

pub(crate) fn text_of(path: &Path) -> String {
    bounded::read_text(path, bounded::MAX_FILE).unwrap()
}

/// A directory of the other host, with one for what it keeps for a moment.
pub(crate) struct Files(TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        let root = TempDir::new().unwrap();
        fs::create_dir(root.path().join("tmp")).unwrap();
        fs::create_dir(root.path().join("srv")).unwrap();
        Self(root)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = fs::canonicalize(self.0.path().join("srv"))
            .unwrap()
            .join(name);
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn temporary(&self) -> PathBuf {
        self.0.path().join("tmp")
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Whether nothing is left of what ran here.
    pub(crate) fn is_clean(&self) -> bool {
        fs::read_dir(self.temporary()).unwrap().next().is_none()
    }

    /// Runs a bundle here, as on a host that knows nothing of us.
    pub(crate) fn run(&self, bundle: &Path, args: &[&str]) -> Ran {
        let mut shell = Command::new("sh");
        shell.arg(bundle).args(args).env_clear();
        shell.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        shell.env("TMPDIR", self.temporary()).current_dir("/");
        finish(&mut shell)
    }
}

/// An sshd for the account that runs the tests; stopped when dropped.
pub(crate) struct Sshd {
    process: Child,
    root: TempDir,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        // Its connections are over by then. Err: it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Sshd {
    pub(crate) fn start(files: &Files) -> Self {
        let root = TempDir::new().unwrap();
        let at = |name: &str| root.path().join(name).display().to_string();
        for key in ["host_key", "user_key"] {
            let mut keygen = Command::new("ssh-keygen");
            done(keygen.args(["-q", "-t", "ed25519", "-N", "", "-f", &at(key)]));
        }
        fs::copy(at("user_key.pub"), at("authorized")).unwrap();
        let (address, user) = (free(), done(Command::new("id").arg("-un")).stdout);
        if user.trim() == "root" {
            // Where it locks itself in while a peer is a stranger; the package makes it at boot.
            fs::create_dir_all("/run/sshd").unwrap();
        }
        let server = format!(
            "ListenAddress {address}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\n\
             StrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n\
             SetEnv TMPDIR={}\n",
            at("host_key"),
            at("authorized"),
            files.temporary().display()
        );
        fs::write(at("sshd_config"), server).unwrap();
        let client = format!(
            "Host other\n HostName 127.0.0.1\n Port {}\n User {}\n IdentityFile {}\n\
             IdentitiesOnly yes\n UserKnownHostsFile {}\n StrictHostKeyChecking accept-new\n\
             BatchMode yes\n LogLevel ERROR\nHost nobody\n HostName 127.0.0.1\n Port 9\n",
            address.port(),
            user.trim(),
            at("user_key"),
            at("known_hosts"),
        );
        fs::write(at("ssh_config"), client).unwrap();
        let process = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f", &at("sshd_config")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sshd starts; tests/run installs it");
        within(Duration::from_secs(30), "sshd listens", || {
            TcpStream::connect(address).ok()
        });
        Self { process, root }
    }

    pub(crate) fn client(&self) -> PathBuf {
        self.root.path().join("ssh_config")
    }
}
