//! The built binary, and running it (or any other program) to its end.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use lapwing_core::bounded;

/// Longest run of a command that ends by itself.
const PATIENCE: Duration = Duration::from_secs(240);
/// Most output kept, in bytes.
const OUTPUT: u64 = 1 << 30;

/// How a program ended and what it printed.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Exit code; 128 and the signal's number if a signal ended it.
    pub code: i32,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// The root of this repository.
#[must_use]
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests lie in the repository")
}

/// The `lapwing` of this workspace, built in the profile of the tests (once per process), or what
/// `LAPWING_TEST_BINARY` names.
///
/// # Panics
/// If it cannot be built.
pub fn binary() -> PathBuf {
    static BINARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match BINARY.get_or_init(build) {
        Ok(path) => path.clone(),
        Err(said) => panic!("cannot build lapwing:\n{said}"),
    }
}

fn build() -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os("LAPWING_TEST_BINARY") {
        return Ok(PathBuf::from(path));
    }
    // target/<profile>/deps/<this test>
    let this = std::env::current_exe().expect("a program knows its path");
    let directory = this
        .ancestors()
        .nth(2)
        .expect("tests lie in target/<profile>/deps");
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["build", "--quiet", "--package", "lapwing"])
        .current_dir(repository());
    if directory.ends_with("release") {
        cargo.arg("--release");
    }
    let ran = finish_within(Duration::from_secs(1800), &mut cargo);
    if ran.code == 0 {
        Ok(directory.join("lapwing"))
    } else {
        Err(ran.stderr)
    }
}

/// The directory of the Python packages that tests need: `LAPWING_TEST_VENV` or `target/venv`.
///
/// # Panics
/// If it is not there.
pub fn venv() -> PathBuf {
    let venv = std::env::var_os("LAPWING_TEST_VENV")
        .map_or_else(|| repository().join("target/venv"), PathBuf::from);
    let python = venv.join("bin/python");
    assert!(
        python.exists(),
        "{} is not there: tests/run installs it",
        python.display()
    );
    venv
}

/// Runs a program to its end, with nothing on its standard input unless that was set.
///
/// # Panics
/// If it cannot be started or does not end in time.
pub fn finish(command: &mut Command) -> Ran {
    finish_within(PATIENCE, command)
}

/// As [`finish`], with a limit of one's own.
///
/// # Panics
/// If it cannot be started or does not end in time.
pub fn finish_within(limit: Duration, command: &mut Command) -> Ran {
    let shown = format!("{command:?}");
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.unwrap_or_else(|error| {
        panic!("cannot start {shown}: {error}; tests/run installs what tests need")
    });
    let stdout = drain(child.stdout.take().expect("it is piped"));
    let stderr = drain(child.stderr.take().expect("it is piped"));
    let code = wait(&mut child, limit);
    if code.is_none() {
        // It was not to be waited for: whether it can be killed changes nothing.
        let _ = child.kill();
        let _ = child.wait();
    }
    let [stdout, stderr] = [stdout, stderr].map(|thread| thread.join().expect("a reader ends"));
    let Some(code) = code else {
        panic!(
            "not ended within {} s: {shown}\n{stdout}\n{stderr}",
            limit.as_secs()
        );
    };
    Ran {
        code,
        stdout,
        stderr,
    }
}

/// The exit code, if it ends in time.
pub(crate) fn wait(child: &mut Child, limit: Duration) -> Option<i32> {
    use std::os::unix::process::ExitStatusExt as _;
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            let signal = status.signal().map(|signal| 128 + signal);
            return Some(
                status
                    .code()
                    .or(signal)
                    .expect("it ended by itself or by a signal"),
            );
        }
        if begun.elapsed() >= limit {
            return None;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn drain(from: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let bytes = bounded::read(from, OUTPUT).expect("a pipe can be read");
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
