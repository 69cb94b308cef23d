//! What each test stands on: a station on loopback, documents in a directory, and the programs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use lapwing_tests::{Home, Minted, Ran, Station, finish_within, repository, trips, venv};

/// Longest run of one program.
const PATIENCE: Duration = Duration::from_secs(150);

/// A station, and a directory for documents that lead to it.
pub(crate) struct Desk {
    pub(crate) home: Home,
    _station: Station,
}

/// A minted file.
pub(crate) struct Document {
    pub(crate) minted: Minted,
    pub(crate) path: PathBuf,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let home = Home::new();
        let station = home.listen(&[]);
        let address = format!("http://{}", station.address());
        let mail = ["--mail-domain", "mail.example.net"];
        home.ok(&[&["init", "--address", &address], &mail[..]].concat());
        Self {
            home,
            _station: station,
        }
    }

    /// A directory of this home.
    pub(crate) fn directory(&self, name: &str) -> PathBuf {
        let path = self.home.path().join(name);
        fs::create_dir_all(&path).unwrap();
        path
    }

    /// Mints one file of this kind.
    pub(crate) fn mint(&self, kind: &str, more: &[&str]) -> Document {
        let args = [&["mint", kind, "--out", "json"], more].concat();
        let printed = self.home.ok(&args);
        let told: serde_json::Value = serde_json::from_str(&printed).unwrap();
        Document {
            minted: Minted::parse(&printed),
            path: self.home.path().join(told["file"].as_str().unwrap()),
        }
    }

    /// LibreOffice opens documents and writes them in another form; all of them must open.
    pub(crate) fn office(&self, form: &str, into: &Path, documents: &[PathBuf], limit: Duration) {
        let profile = format!(
            "-env:UserInstallation=file://{}/office",
            self.home.path().display()
        );
        let mut office = Command::new("soffice");
        self.home.scrub(&mut office);
        office
            .args([
                &profile,
                "--headless",
                "--norestore",
                "--convert-to",
                form,
                "--outdir",
            ])
            .arg(into)
            .args(documents);
        let Ran { stdout, stderr, .. } = finish_within(limit, &mut office);
        for document in documents {
            let name = document.file_stem().unwrap().to_string_lossy();
            let extension = form.split(':').next().unwrap();
            let made = into.join(format!("{name}.{extension}"));
            assert!(
                made.exists(),
                "{} did not open:\n{stdout}{stderr}",
                document.display()
            );
        }
    }

    /// Chromium shows a page, scripts included.
    pub(crate) fn browser(&self, address: &str) {
        let profile = tempfile::tempdir().unwrap();
        let mut chromium = Command::new("chromium");
        self.home.scrub(&mut chromium);
        chromium
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
            ])
            .args([
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ])
            .args(["--virtual-time-budget=4000", "--dump-dom"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(address);
        let ran = finish_within(PATIENCE, &mut chromium);
        assert!(
            ran.code == 0,
            "chromium {address} ended with {}: {}",
            ran.code,
            ran.stderr
        );
    }

    /// Runs a script of this directory; gives what it printed.
    pub(crate) fn python(&self, script: &str, args: &[PathBuf]) -> String {
        let mut python = Command::new(venv().join("bin/python"));
        self.home.scrub(&mut python);
        python
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .arg(repository().join("tests/documents").join(script))
            .args(args);
        let Ran {
            code,
            stdout,
            stderr,
        } = finish_within(PATIENCE, &mut python);
        assert!(code == 0, "{script} ended with {code}:\n{stderr}\n{stdout}");
        stdout
    }

    /// Waits until each of these canaries has tripped; no other may have.
    pub(crate) fn assert_tripped(&self, documents: &[&Document]) {
        let ids: Vec<&str> = documents
            .iter()
            .map(|document| document.minted.id.as_str())
            .collect();
        lapwing_tests::eventually("every document trips", || {
            let seen = self.tripped();
            ids.iter()
                .all(|id| seen.iter().any(|seen| seen == id))
                .then_some(())
        });
        for id in self.tripped() {
            assert!(ids.contains(&id.as_str()), "{id} tripped too");
        }
    }

    /// The canaries that have tripped so far.
    pub(crate) fn tripped(&self) -> Vec<String> {
        let rows = trips(&self.home, 0);
        let canary = |row: &serde_json::Value| row["trip"]["canary"].as_str().unwrap().to_owned();
        rows.iter().map(canary).collect()
    }
}
