//! PostgreSQL and MariaDB as Debian installs them, each in a directory of its own and reached by a socket
//! in it only; stopped by the id of its process.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lapwing_tests::{Ran, finish, within};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// The account that servers run under where the tests have all rights: they refuse those.
const NOBODY: u32 = 65_534;
/// How long a server may take to get ready.
const READY: Duration = Duration::from_secs(60);

/// A running server and its directory.
pub(crate) struct Server {
    process: Child,
    root: TempDir,
    client: &'static [&'static str],
    dump: &'static [&'static str],
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(process) = Pid::from_raw(self.process.id().cast_signed()) {
            let _ = kill_process(process, Signal::TERM);
        }
        for _ in 0..100 {
            if matches!(self.process.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    /// PostgreSQL with an empty database `app`.
    pub(crate) fn postgresql() -> Self {
        let root = directory();
        let bin = newest(Path::new("/usr/lib/postgresql")).join("bin");
        let data = root.path().join("data");
        done(
            unprivileged(&bin.join("initdb"))
                .arg("-D")
                .arg(&data)
                .args([
                    "-U",
                    "postgres",
                    "-A",
                    "trust",
                    "-E",
                    "UTF8",
                    "--locale=C.UTF-8",
                    "-N",
                ]),
        );
        let log = fs::File::create(root.path().join("log")).expect("a log");
        let process = unprivileged(&bin.join("postgres"))
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(root.path())
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-F"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("PostgreSQL starts");
        let server = Self {
            process,
            root,
            client: &[
                "psql",
                "-X",
                "-q",
                "-A",
                "-t",
                "-v",
                "ON_ERROR_STOP=1",
                "-U",
                "postgres",
                "-h",
            ],
            dump: &["pg_dump", "-U", "postgres", "-h"],
        };
        server.ready("postgres");
        server.ask("postgres", "CREATE DATABASE app");
        server
    }

    /// MariaDB with an empty database `app`.
    pub(crate) fn mariadb() -> Self {
        let root = directory();
        let data = root.path().join("data");
        done(
            unprivileged(Path::new("mariadb-install-db"))
                .arg("--no-defaults")
                .arg(format!("--datadir={}", data.display()))
                .args(["--auth-root-authentication-method=normal", "--skip-test-db"]),
        );
        let process = unprivileged(Path::new("mariadbd"))
            .arg("--no-defaults")
            .arg(format!("--datadir={}", data.display()))
            .arg(format!("--socket={}", root.path().join("socket").display()))
            .args(["--skip-networking", "--innodb-buffer-pool-size=32M"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("MariaDB starts");
        let server = Self {
            process,
            root,
            client: &["mariadb", "--no-defaults", "-N", "-B", "-u", "root", "-S"],
            dump: &["mariadb-dump", "--no-defaults", "-u", "root", "-S"],
        };
        server.ready("mysql");
        server.ask("mysql", "CREATE DATABASE app CHARACTER SET utf8mb4");
        server
    }

    fn command(&self, words: &[&str], database: &str) -> Command {
        let mut command = Command::new(words[0]);
        let socket = if words[0].starts_with("mariadb") {
            self.root.path().join("socket")
        } else {
            self.root.path().to_owned()
        };
        command.args(&words[1..]).arg(socket).arg(database);
        command
    }

    fn ready(&self, database: &str) {
        within(READY, "the server answers", || {
            let mut command = self.command(self.client, database);
            let ask = if self.client[0] == "psql" { "-c" } else { "-e" };
            (finish(command.args([ask, "SELECT 1"])).code == 0).then_some(())
        });
    }

    /// The answer to a question, without heads.
    pub(crate) fn ask(&self, database: &str, sql: &str) -> String {
        let mut command = self.command(self.client, database);
        let ask = if self.client[0] == "psql" { "-c" } else { "-e" };
        done(command.args([ask, sql])).trim().to_owned()
    }

    /// As [`Server::ask`], by another account than the first.
    pub(crate) fn ask_as(&self, account: &str, sql: &str) -> String {
        let first = |word: &&'static str| ["postgres", "root"].contains(word);
        let words: Vec<&str> = self
            .client
            .iter()
            .map(|word| if first(word) { account } else { word })
            .collect();
        let ask = if words[0] == "psql" { "-c" } else { "-e" };
        done(self.command(&words, "app").args([ask, sql]))
            .trim()
            .to_owned()
    }

    /// What the server has written to its log.
    pub(crate) fn log(&self) -> PathBuf {
        self.root.path().join("log")
    }

    /// What the server's own program says of its accounts.
    pub(crate) fn accounts(&self) -> String {
        let mut command = if self.client[0] == "psql" {
            let mut command = Command::new("pg_dumpall");
            command.args(["-g", "-U", "postgres", "-h"]);
            command.arg(self.root.path());
            command
        } else {
            let mut command = Command::new("mariadb-dump");
            command.args(["--no-defaults", "--system=users", "-u", "root", "-S"]);
            command.arg(self.root.path().join("socket"));
            command
        };
        lasting(&done(&mut command))
    }

    /// Loads a script into the database `app`; any error fails.
    pub(crate) fn load(&self, script: &str) {
        let file = self.root.path().join("script.sql");
        let mut out = fs::File::create(&file).expect("a file");
        out.write_all(script.as_bytes()).expect("written");
        let client = self.command(self.client, "app");
        let mut shell = Command::new("sh");
        shell.args(["-c", "script=$1; shift; exec \"$@\" < \"$script\"", "sh"]);
        shell
            .arg(&file)
            .arg(client.get_program())
            .args(client.get_args());
        done(&mut shell);
    }

    /// What the database's own program says of `app`.
    pub(crate) fn dump(&self) -> String {
        done(&mut self.command(self.dump, "app"))
    }

    /// As [`Server::dump`], without what it says anew every time.
    pub(crate) fn lasting_dump(&self) -> String {
        lasting(&self.dump())
    }

    /// A table of `app` as `lapwing plant` takes it.
    pub(crate) fn target(&self, table: &str) -> String {
        let root = self.root.path().display();
        if self.client[0] == "psql" {
            format!("postgres://postgres@localhost/app?host={root}&table={table}")
        } else {
            format!("mariadb://root@localhost/app?socket={root}/socket&table={table}")
        }
    }
}

/// A dump without what it says anew every time.
fn lasting(dump: &str) -> String {
    let lasting =
        |line: &&str| !line.contains("restrict ") && !line.starts_with("-- Dump completed on");
    let lines: Vec<&str> = dump.lines().filter(lasting).collect();
    lines.join("\n")
}

/// A directory that the account of the servers may use.
fn directory() -> TempDir {
    let root = tempfile::Builder::new()
        .prefix("db-")
        .tempdir()
        .expect("a directory");
    if is_root() {
        chown(root.path(), Some(NOBODY), Some(NOBODY)).expect("given away");
    }
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o700)).expect("private");
    root
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A program under an account without rights.
fn unprivileged(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    let account = NOBODY.to_string();
    command.args(["--reuid", &account, "--regid", &account, "--clear-groups"]);
    command.arg(program).current_dir("/");
    command
}

fn newest(directory: &Path) -> PathBuf {
    let mut versions: Vec<PathBuf> = fs::read_dir(directory)
        .expect("PostgreSQL is installed: tests/run installs it")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    versions.sort();
    versions.pop().expect("a version")
}

fn done(command: &mut Command) -> String {
    let Ran {
        code,
        stdout,
        stderr,
    } = finish(command);
    assert!(
        code == 0,
        "{command:?} ended with {code}: {stderr}\n{stdout}"
    );
    stdout
}
