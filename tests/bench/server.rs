//! Servers under measurement: started as processes of their own, watched through /proc.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// How a server's syncs behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Syncs {
    /// As the disk does.
    Real,
    /// Each takes 4 ms, and nothing else, on whatever disk.
    FourMilliseconds,
}

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    said: serde_json::Value,
    /// From its start to its ready line.
    pub(crate) ready: Duration,
}

impl Server {
    /// Starts `command` and waits for its ready line, a JSON object with a member `http`.
    pub(crate) fn start(mut command: Command, sync: Syncs) -> Self {
        if sync == Syncs::FourMilliseconds {
            command
                .env("LD_PRELOAD", shim())
                .env("SYNC_SHIM_SLEEP_US", "4000");
            command.env("SYNC_SHIM_ONLY_SLEEP", "1");
        }
        let begun = Instant::now();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let ready = begun.elapsed();
        let said: serde_json::Value = serde_json::from_str(&line).expect("a ready line");
        let address = said["http"][0]
            .as_str()
            .expect("an address")
            .parse()
            .unwrap();
        Self {
            child,
            address,
            said,
            ready,
        }
    }

    /// Where a station listens for a protocol.
    pub(crate) fn on(&self, protocol: &str) -> SocketAddr {
        let door = self.said["protocols"][protocol][0].as_str();
        door.expect("it listens for it").parse().unwrap()
    }

    /// Processor seconds it has taken so far.
    pub(crate) fn cpu(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let rest = stat.rsplit_once(')').unwrap().1;
        let ticks = |place| {
            rest.split_whitespace()
                .nth(place)
                .unwrap()
                .parse::<f64>()
                .unwrap()
        };
        // A tick is 1/100 s on every Linux.
        (ticks(11) + ticks(12)) / 100.0
    }

    /// Resident memory, in MB.
    pub(crate) fn resident(&self) -> f64 {
        status(self.child.id(), "VmRSS:")
    }

    /// Waits until it has nothing more to do (a station still indexes after its last answer).
    pub(crate) fn settle(&self) {
        let end = Instant::now() + Duration::from_secs(600);
        let mut before = self.cpu();
        loop {
            std::thread::sleep(Duration::from_millis(300));
            let now = self.cpu();
            if now - before <= 0.011 {
                return;
            }
            assert!(Instant::now() < end, "a server never comes to rest");
            before = now;
        }
    }

    /// Resident memory once it idles, in MB: what the work before took is given back for some seconds after it, so
    /// the figure counts that has stood for two.
    pub(crate) fn idle(&self) -> f64 {
        self.settle();
        let (mut last, mut since) = (self.resident(), Instant::now());
        let end = since + Duration::from_secs(60);
        while since.elapsed() < Duration::from_secs(2) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(100));
            let now = self.resident();
            if (now - last).abs() > 0.2 {
                (last, since) = (now, Instant::now());
            }
        }
        last
    }

    /// Kills it, as `kill -9` does.
    pub(crate) fn kill(self) {
        drop(self);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A figure of a process's memory, in MB (10^6 bytes).
pub(crate) fn status(pid: u32, name: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .unwrap_or("0");
    let kib: f64 = line
        .split_whitespace()
        .next()
        .unwrap_or("0")
        .parse()
        .unwrap_or(0.0);
    kib * 1024.0 / 1e6
}

/// Builds the release binary; `LAPWING_TEST_BINARY` names another.
pub(crate) fn build() -> PathBuf {
    if let Some(binary) = std::env::var_os("LAPWING_TEST_BINARY") {
        return binary.into();
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let built = Command::new(cargo)
        .args(["build", "--release", "--quiet", "-p", "lapwing"])
        .current_dir(root)
        .status()
        .unwrap();
    assert!(built.success(), "the binary does not build");
    // This program is target/release/deps/NAME.
    let here = std::env::current_exe().unwrap();
    here.ancestors().nth(2).unwrap().join("lapwing")
}

/// The library that makes each sync take 4 ms, compiled once.
fn shim() -> &'static Path {
    static SHIM: OnceLock<PathBuf> = OnceLock::new();
    SHIM.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("shim/sync.c");
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-sync.so");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O2", "-o"])
            .args([&library, &source])
            .status()
            .expect("cc is there; tests/run installs it");
        assert!(compiled.success(), "the shim does not compile");
        library
    })
}
