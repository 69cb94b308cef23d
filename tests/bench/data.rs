//! Data directories with canaries, and the requests that use them.

use std::fs;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::Plan;
use crate::server::{Server, Syncs, status};

/// URLs kept of a large mint, evenly taken over all of it.
const KEPT: u64 = 250_000;

/// A directory below the target directory, so that it is on a disk.
pub(crate) fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// A station's data directory with canaries of kind `url`.
pub(crate) struct Data {
    pub(crate) path: PathBuf,
    /// Of the canaries, shuffled.
    pub(crate) urls: Vec<String>,
}

/// What a mint took.
pub(crate) struct Minted {
    pub(crate) seconds: f64,
    /// Largest resident memory, in MB.
    pub(crate) resident: f64,
}

impl Data {
    /// Mints `count` canaries in the new directory `path`.
    pub(crate) fn mint(plan: &Plan, path: &Path, count: u64) -> (Self, Minted) {
        let data = Self {
            path: path.to_owned(),
            urls: Vec::new(),
        };
        let init = data.command(plan, &["init", "--address", "http://*.example.org"]);
        let init = { init }
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(init.success());
        let begun = Instant::now();
        let mut mint = data.command(plan, &["mint", "url", "--count", &count.to_string()]);
        let mut mint = mint
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let every = count.div_ceil(KEPT);
        let mut urls = Vec::new();
        let mut resident: f64 = 0.0;
        let lines = BufReader::with_capacity(1 << 20, mint.stdout.take().unwrap()).lines();
        for (number, line) in (0..).zip(lines.skip(1)) {
            let line = line.unwrap();
            if number % every == 0 {
                urls.push(line.rsplit_once(',').unwrap().1.to_owned());
            }
            if number % 4096 == 0 {
                resident = resident.max(status(mint.id(), "VmHWM:"));
            }
        }
        assert!(mint.wait().unwrap().success());
        let minted = Minted {
            seconds: begun.elapsed().as_secs_f64(),
            resident,
        };
        rand::seq::SliceRandom::shuffle(&mut urls[..], &mut rand::rng());
        (Self { urls, ..data }, minted)
    }

    /// As [`Data::mint`], but kept below the target directory for the next time: ten million
    /// canaries take minutes and 4 GB.
    pub(crate) fn kept(plan: &Plan, count: u64) -> (Self, Option<Minted>) {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-canaries-{count}"));
        let list = path.join("urls.txt");
        if let Ok(file) = fs::File::open(&list) {
            let urls = BufReader::new(file).lines().map(Result::unwrap).collect();
            let data = Self { path, urls };
            data.forget_trips();
            return (data, None);
        }
        // What an earlier run left unfinished.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        let (data, minted) = Self::mint(plan, &path, count);
        let mut file = BufWriter::new(fs::File::create(&list).unwrap());
        for url in &data.urls {
            writeln!(file, "{url}").unwrap();
        }
        file.flush().unwrap();
        (data, Some(minted))
    }

    /// Removes journal and index; the ledger stays.
    pub(crate) fn forget_trips(&self) {
        let _ = fs::remove_dir_all(self.path.join("journal"));
        self.forget_index();
    }

    /// Removes the index.
    pub(crate) fn forget_index(&self) {
        for name in ["index.db", "index.db-wal", "index.db-shm"] {
            let _ = fs::remove_file(self.path.join(name));
        }
    }

    /// `lapwing` with this data directory and no other settings.
    pub(crate) fn command(&self, plan: &Plan, arguments: &[&str]) -> Command {
        let mut command = Command::new(&plan.binary);
        command
            .env_clear()
            .args(arguments)
            .arg("--data-dir")
            .arg(&self.path);
        command
    }

    /// Starts a station.
    pub(crate) fn listen(&self, plan: &Plan, sync: Syncs, more: &[&str]) -> Server {
        let mut command = self.command(plan, &["listen", "--json", "--http", "127.0.0.1:0"]);
        command.args(more);
        Server::start(command, sync)
    }

    /// A use of each canary.
    pub(crate) fn hits(&self) -> Vec<Vec<u8>> {
        self.urls.iter().map(|url| request(url)).collect()
    }

    /// Requests of the same shape that use none.
    pub(crate) fn misses(&self) -> Vec<Vec<u8>> {
        let turned = |url: &String| {
            let (front, path) = url.split_at(url.find(".org").unwrap() + 4);
            let path: String = path
                .chars()
                .map(|c| match c {
                    'a'..='z' => char::from(b'a' + rand::random_range(0..26)),
                    '0'..='9' => char::from(b'0' + rand::random_range(0..10)),
                    other => other,
                })
                .collect();
            request(&format!("{front}{path}"))
        };
        self.urls.iter().map(turned).collect()
    }

    /// Bytes of the journal's segments.
    pub(crate) fn journal_bytes(&self) -> u64 {
        let Ok(entries) = fs::read_dir(self.path.join("journal")) else {
            return 0;
        };
        entries
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().ends_with(".jsonl"))
            .map(|entry| entry.metadata().unwrap().len())
            .sum()
    }
}

/// Setting under which every trip is a record of its own.
pub(crate) const FULL: &[&str] = &["--setting", "quota.trips=4000000000"];

/// What a browser sends for `url`.
fn request(url: &str) -> Vec<u8> {
    let rest = url.strip_prefix("http://").expect("a plain address");
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\n\
         User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
         Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
         Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate\r\n\
         Connection: keep-alive\r\n\r\n"
    )
    .into_bytes()
}
