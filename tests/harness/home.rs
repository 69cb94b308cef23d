//! A home for `lapwing`: a temporary directory with a data directory and a scrubbed environment.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::{Ran, Station, binary, eventually, finish};

/// A temporary directory in which `lapwing` lives; removed when dropped.
#[derive(Debug)]
pub struct Home {
    root: TempDir,
}

/// What `mint` printed.
#[derive(Clone, Debug)]
pub struct Minted {
    /// The canary's id.
    pub id: String,
    /// Its values by the names of their fields.
    pub fields: BTreeMap<String, String>,
}

impl Minted {
    /// The value of a field.
    ///
    /// # Panics
    /// If there is no such field.
    #[must_use]
    pub fn field(&self, name: &str) -> &str {
        self.fields
            .get(name)
            .unwrap_or_else(|| panic!("no field {name}: {:?}", self.fields))
    }

    /// What `mint --out json` or `--json` printed on one line.
    ///
    /// # Panics
    /// If that is not a canary.
    #[must_use]
    pub fn parse(line: &str) -> Self {
        let value: Value = serde_json::from_str(line)
            .unwrap_or_else(|error| panic!("mint printed no JSON ({error}): {line}"));
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let fields = value["fields"].as_object().expect("fields");
        let fields = fields
            .iter()
            .map(|(name, value)| (name.clone(), text(value)))
            .collect();
        Self {
            id: text(&value["id"]),
            fields,
        }
    }
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

impl Home {
    /// An empty home; its data directory is not set up yet.
    ///
    /// # Panics
    /// If there is no room for one.
    #[must_use]
    pub fn new() -> Self {
        let root = tempfile::Builder::new()
            .prefix("home-")
            .tempdir()
            .expect("a directory");
        Self { root }
    }

    /// The home directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.root.path()
    }

    /// The data directory.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// Writes the settings file, readable by its owner only.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn settings(&self, toml: &str) {
        let mut directory = fs::DirBuilder::new();
        directory
            .recursive(true)
            .mode(0o700)
            .create(self.data())
            .expect("a data directory");
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = file
            .open(self.data().join("lapwing.toml"))
            .expect("a settings file");
        file.write_all(toml.as_bytes())
            .expect("settings are written");
    }

    /// `lapwing` with these arguments, in this home, with nothing else of the environment than
    /// `HOME`, `PATH`, `LANG` and `LAPWING_DATA_DIR`.
    #[must_use]
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(binary());
        self.scrub(&mut command);
        command.args(args);
        command
    }

    /// Gives any program this home and a scrubbed environment.
    pub fn scrub(&self, command: &mut Command) {
        command
            .env_clear()
            .env("HOME", self.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LANG", "C.UTF-8")
            .env("LAPWING_DATA_DIR", self.data())
            .current_dir(self.path());
    }

    /// Runs a command to its end.
    pub fn run(&self, args: &[&str]) -> Ran {
        finish(&mut self.command(args))
    }

    /// Runs a command that must succeed, and gives what it printed.
    ///
    /// # Panics
    /// If it does not.
    pub fn ok(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        let Ran {
            code,
            stdout,
            stderr,
        } = ran;
        assert!(
            code == 0,
            "lapwing {args:?} ended with {code}:\n{stderr}\n{stdout}"
        );
        stdout
    }

    /// Runs a command with `--json` that must succeed.
    ///
    /// # Panics
    /// If it does not, or prints something else.
    pub fn json(&self, args: &[&str]) -> Value {
        let printed = self.ok(&[args, &["--json"]].concat());
        serde_json::from_str(&printed)
            .unwrap_or_else(|error| panic!("lapwing {args:?} printed no JSON ({error}): {printed}"))
    }

    /// Mints one canary.
    ///
    /// # Panics
    /// If that fails.
    pub fn mint(&self, kind: &str, more: &[&str]) -> Minted {
        Minted::parse(&self.ok(&[&["mint", kind], more, &["--out", "json"]].concat()))
    }

    /// Starts a station on a free port of loopback and waits until it is ready.
    ///
    /// # Panics
    /// If it does not get ready.
    #[must_use]
    pub fn listen(&self, args: &[&str]) -> Station {
        let first = ["listen", "--json", "--http", "127.0.0.1:0"];
        Station::start(&mut self.command(&[&first, args].concat()))
    }
}

/// The trips, newest first, as soon as there are at least `n`.
///
/// # Panics
/// If there are fewer for too long.
pub fn trips(home: &Home, n: usize) -> Vec<Value> {
    eventually(&format!("{n} trips"), || {
        let listed = home.json(&["trips", "--limit", "1000000"]);
        let rows = listed.as_array().expect("a list").clone();
        (rows.len() >= n).then_some(rows)
    })
}
