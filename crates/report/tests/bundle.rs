//! Bundles out of a journal that a test wrote: whole ones pass, any other does not, and what is wrong is named.

#![expect(
    clippy::unwrap_used,
    reason = "these are tests: what is not there fails them"
)]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use lapwing_core::{Handout, Keyring, MasterKey, StationId, SystemClock, Timestamp, bounded};
use lapwing_journal::{Choice, Entry, Journal, JournalError, Settings, SigningSeed, sshsig};
use lapwing_report::bundle::{
    About, BundleError, Checked, Exported, Order, Raw, SCRIPT, Told, Vouched, check, export,
};
use serde_json::{Value, json};

const RECORDS: u64 = 40;
const STATION: u32 = 0x0a1b_2c3d;

/// A closed journal with records of two parts each, some erased.
struct Station {
    home: tempfile::TempDir,
    keys: Keyring,
    seed: SigningSeed,
}

impl Station {
    async fn new(number: u8) -> Self {
        let station = Self {
            home: tempfile::tempdir().unwrap(),
            keys: Keyring::new(&MasterKey::generate(), 1),
            seed: SigningSeed::from([number; 32]),
        };
        let settings = Settings {
            directory: station.journal(),
            station: StationId::new(STATION),
            origin: format!("station-{STATION:08x}"),
            segment_bytes: 4000,
            checkpoint_records: 10,
            checkpoint_seconds: 3600,
        };
        let (seed, keys) = (station.seed.clone(), station.keys.clone());
        let (journal, _) = Journal::open(settings, seed, keys, Arc::new(SystemClock)).unwrap();
        for record in 0..RECORDS {
            journal.append(entry(record)).await.unwrap();
        }
        journal.erase(3, "raw", "retention").await.unwrap();
        journal.close().await;
        station
    }

    fn journal(&self) -> PathBuf {
        self.home.path().join("journal")
    }

    fn out(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn told(&self) -> Told {
        Told {
            fingerprint: sshsig::fingerprint(&self.seed.public_key()),
            manifest: None,
            witnesses: Vec::new(),
            authorities: None,
        }
    }

    fn make(
        &self,
        name: &str,
        choice: &Choice,
        checkpoint: Option<&str>,
        raw: Raw,
    ) -> Result<Exported, BundleError> {
        let about = about();
        let order = Order {
            journal: &self.journal(),
            keys: &self.keys,
            seed: &self.seed,
            checkpoint,
            timestamp: None,
            choice,
            raw,
            about: &about,
        };
        export(&self.out(name), &order, &mut |_, _| {})
    }

    fn publish(&self, name: &str, choice: &Choice) -> PathBuf {
        let exported = self.make(name, choice, None, Raw::Opened).unwrap();
        exported.staged.publish().unwrap()
    }

    fn check(&self, bundle: &Path) -> Checked {
        check(bundle, &self.told(), &mut |_| {}).unwrap()
    }
}

fn entry(record: u64) -> Entry {
    let body = json!({
        "type": "trip", "canary": format!("01a2b3c4-d5e6-7f80-9a0b-{record:012}"), "kind": "twilio",
    });
    Entry {
        body: body.into(),
        parts: vec![
            (
                "raw",
                format!("GET /{record} HTTP/1.1\r\n\r\n").into_bytes(),
            ),
            (
                "claims",
                json!({"path": format!("/{record}")})
                    .to_string()
                    .into_bytes(),
            ),
        ],
        via: "http".to_owned(),
    }
}

fn about() -> About {
    About {
        station: StationId::new(STATION),
        made: Timestamp::from_micros(1_795_401_540_000_000),
        number: 2,
        tool: "lapwing 0.1.0".to_owned(),
        executable: "ab".repeat(32),
        settings: "cd".repeat(32),
        by: "anna | <b>".to_owned(),
        to: "police".to_owned(),
        what: "all".to_owned(),
        earlier: vec![(
            Timestamp::from_micros(1_795_000_000_000_000),
            Handout {
                by: "anna".to_owned(),
                to: String::new(),
                what: "all".to_owned(),
                records: 3,
                size: 7,
                manifest: "ef".repeat(32),
            },
        )],
    }
}

fn some() -> Choice {
    Choice::Records(BTreeSet::from([0, 3, 4, 17, 39]))
}

fn all() -> Choice {
    Choice::Times(None, None)
}

fn read(path: &Path) -> Vec<u8> {
    bounded::read_file(path, 1 << 26).unwrap()
}

/// The names of all files of a bundle, in order.
fn files(bundle: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for (directory, above) in [(bundle.to_owned(), ""), (bundle.join("parts"), "parts/")] {
        for entry in fs::read_dir(directory).unwrap().flatten() {
            if entry.file_type().unwrap().is_file() {
                names.push(format!("{above}{}", entry.file_name().to_string_lossy()));
            }
        }
    }
    names.sort();
    names
}

/// What a bundle's own script says of it, if it says that it is whole.
fn by_script(station: &Station, bundle: &Path) -> String {
    let mut python = Command::new("python3");
    let script = bundle.join("verify.py");
    let ran = python
        .arg(script)
        .arg(station.told().fingerprint)
        .output()
        .unwrap();
    assert!(ran.status.success(), "{ran:?}");
    String::from_utf8(ran.stdout).unwrap()
}

#[tokio::test]
async fn a_bundle_is_whole_and_private_and_says_what_it_holds() {
    let station = Station::new(7).await;
    let bundle = station.publish("bundle", &some());
    let checked = station.check(&bundle);
    assert_eq!(checked.problems, Vec::<String>::new());
    // What says that a part was erased came along.
    assert_eq!((checked.records, checked.parts), (6, 9));
    assert_eq!(checked.size, RECORDS + 1);
    assert_eq!(checked.notes, ["record 3: part raw is not here: erased"]);
    let script = by_script(&station, &bundle);
    let first = "note: record 3: part raw is not here: erased\n\
        timestamp: none in this bundle\nwitness: none in this bundle\nverified: ";
    assert_eq!(
        (checked.timestamp, checked.witness),
        (Vouched::Nobody, Vouched::Nobody)
    );
    assert_eq!(SCRIPT.lines().count(), 80, "short enough to be read");
    assert!(script.starts_with(first), "{script}");
    for name in files(&bundle) {
        let mode = fs::metadata(bundle.join(&name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    for directory in [bundle.clone(), bundle.join("parts")] {
        let mode = fs::metadata(directory).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
    let raw = read(&bundle.join("parts/00000000000000000017.raw"));
    assert_eq!(&raw[16..], b"GET /17 HTTP/1.1\r\n\r\n");
    let index = String::from_utf8(read(&bundle.join("index.tsv"))).unwrap();
    let rows: Vec<Vec<&str>> = index
        .lines()
        .map(|line| line.split('\t').collect())
        .collect();
    assert_eq!(rows.len(), 7);
    assert_eq!(rows[2][0], "3");
    assert_eq!(rows[2][3], "0a1b2c3d-3");
    assert_eq!(rows[2][5..], ["twilio", "claims", "raw=erased"]);
    assert_eq!(rows[6][2..4], ["erasure", "-"]);
    let about: Value = serde_json::from_slice(&read(&bundle.join("about.json"))).unwrap();
    assert_eq!(
        about["parts"],
        json!({"erased": 1, "here": 9, "withheld": 0})
    );
    let custody = String::from_utf8(read(&bundle.join("custody.md"))).unwrap();
    assert!(
        custody.contains(&"ef".repeat(32)) && custody.contains("anna \\| \\<b\\>"),
        "{custody}"
    );
    for name in ["certification.md", "VERIFY.md"] {
        let page = String::from_utf8(read(&bundle.join(name))).unwrap();
        assert!(page.contains(&station.told().fingerprint), "{name}");
        assert!(!page.contains("{{") && !page.contains("{%"), "{name}");
    }
    // Nothing that it took to make it is left beside it.
    let mut beside: Vec<_> = fs::read_dir(station.home.path())
        .unwrap()
        .flatten()
        .collect();
    beside.retain(|entry| entry.file_name().to_string_lossy().contains("bundle."));
    assert!(beside.is_empty(), "{beside:?}");
}

#[tokio::test]
async fn a_tar_file_holds_the_same_and_comes_out_the_same() {
    let station = Station::new(7).await;
    let directory = station.publish("bundle", &all());
    let exported = station.make("a.tar", &all(), None, Raw::Opened).unwrap();
    let told = exported.staged.archive.clone().unwrap();
    let (manifest, a) = (
        exported.staged.manifest.clone(),
        exported.staged.publish().unwrap(),
    );
    let b = station.publish("b.tar", &all());
    assert_eq!(read(&a), read(&b));
    assert_eq!(sha256(&read(&a)), told);
    assert_eq!(sha256(&read(&directory.join("SHA256SUMS"))), manifest);
    assert_eq!(station.check(&a), station.check(&directory));
    assert!(station.check(&a).problems.is_empty());
    let whole = read(&a);
    for cut in [1, 512, 1024, 5000, whole.len() / 2] {
        fs::write(&b, &whole[..whole.len() - cut]).unwrap();
        assert!(!station.check(&b).problems.is_empty(), "less {cut}");
    }
    for _ in 0..1000 {
        let mut damaged = whole.clone();
        let at = rand::random_range(0..whole.len());
        damaged[at] ^= 1 << rand::random_range(0..8);
        fs::write(&b, &damaged).unwrap();
        assert!(!station.check(&b).problems.is_empty(), "byte {at}");
    }
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    data_encoding::HEXLOWER.encode(&sha2::Sha256::digest(bytes))
}

#[tokio::test]
async fn a_byte_changed_anywhere_is_found_and_named() {
    let station = Station::new(7).await;
    let bundle = station.publish("bundle", &all());
    let names = files(&bundle);
    assert!(names.len() > 80);
    for round in 0..2000 {
        let name = &names[round % names.len()];
        let path = bundle.join(name);
        let whole = read(&path);
        let mut damaged = whole.clone();
        let at = rand::random_range(0..whole.len());
        damaged[at] ^= 1 << rand::random_range(0..8);
        fs::write(&path, &damaged).unwrap();
        let problems = station.check(&bundle).problems;
        let file = name.trim_end_matches(".sig");
        let named = problems.iter().any(|problem| problem.starts_with(file));
        assert!(named, "{name}, byte {at}: {problems:?}");
        if name == "records.jsonl" && whole[at] != b'\n' && damaged[at] != b'\n' {
            let line = whole[..at].iter().filter(|byte| **byte == b'\n').count();
            let record = format!("record {line}: missing or changed");
            let others = problems
                .iter()
                .filter(|problem| problem.starts_with("record "));
            assert_eq!(others.collect::<Vec<_>>(), [&record], "byte {at}");
        }
        fs::write(&path, &whole).unwrap();
    }
    assert!(station.check(&bundle).problems.is_empty());
}

#[tokio::test]
async fn what_is_cut_removed_added_or_moved_is_found_and_named() {
    let station = Station::new(7).await;
    let bundle = station.publish("bundle", &all());
    let problems = || station.check(&bundle).problems;
    for name in files(&bundle)
        .into_iter()
        .filter(|name| name != "SHA256SUMS")
    {
        let path = bundle.join(&name);
        let whole = read(&path);
        let file = name.trim_end_matches(".sig").to_owned();
        let named = |what: &str| {
            let problems = problems();
            let named = problems.iter().any(|problem| problem.starts_with(&file));
            assert!(named, "{name} {what}: {problems:?}");
        };
        for cut in [1, whole.len() / 2, whole.len()] {
            fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            named("cut");
        }
        fs::write(&path, [&whole[..], b"\n"].concat()).unwrap();
        named("longer");
        fs::remove_file(&path).unwrap();
        named("removed");
        fs::write(&path, &whole).unwrap();
    }
    for added in ["note", "parts/00000000000000000099.raw"] {
        fs::write(bundle.join(added), "x").unwrap();
        assert_eq!(problems(), [format!("{added}: not in SHA256SUMS")]);
        fs::remove_file(bundle.join(added)).unwrap();
    }
    std::os::unix::fs::symlink("VERIFY.md", bundle.join("link")).unwrap();
    assert_eq!(problems(), ["link: not in SHA256SUMS"]);
    fs::remove_file(bundle.join("link")).unwrap();
    let [first, second] = [
        "parts/00000000000000000005.raw",
        "parts/00000000000000000006.raw",
    ];
    let swap = || {
        let (a, b) = (read(&bundle.join(first)), read(&bundle.join(second)));
        fs::write(bundle.join(first), b).unwrap();
        fs::write(bundle.join(second), a).unwrap();
    };
    swap();
    assert_eq!(
        problems(),
        [format!("{first}: changed"), format!("{second}: changed")]
    );
    swap();
    let records = bundle.join("records.jsonl");
    let whole = String::from_utf8(read(&records)).unwrap();
    let mut lines: Vec<&str> = whole.lines().collect();
    lines.swap(5, 6);
    fs::write(&records, lines.join("\n") + "\n").unwrap();
    assert_eq!(problems(), ["records.jsonl: changed"], "records moved");
    lines.remove(9);
    fs::write(&records, lines.join("\n") + "\n").unwrap();
    assert_eq!(problems()[1..], ["record 9: missing or changed"]);
    fs::write(&records, whole).unwrap();
    assert!(problems().is_empty());
}

#[tokio::test]
async fn a_bundle_of_another_station_does_not_pass_for_ours() {
    let (ours, other) = (Station::new(7).await, Station::new(8).await);
    let bundle = ours.publish("bundle", &all());
    let foreign = other.publish("bundle", &all());
    assert!(other.check(&foreign).problems.is_empty());
    let problems = ours.check(&foreign).problems;
    assert!(
        problems[0].starts_with("allowed_signers: SHA256:"),
        "{problems:?}"
    );
    // Theirs under our list, one file after the other.
    for name in files(&bundle) {
        let whole = read(&bundle.join(&name));
        let same = read(&foreign.join(&name)) == whole;
        fs::copy(foreign.join(&name), bundle.join(&name)).unwrap();
        assert_eq!(ours.check(&bundle).problems.is_empty(), same, "{name}");
        fs::write(bundle.join(&name), &whole).unwrap();
    }
    let mut told = ours.told();
    told.manifest = Some(sha256(&read(&bundle.join("SHA256SUMS"))));
    assert!(
        check(&bundle, &told, &mut |_| {})
            .unwrap()
            .problems
            .is_empty()
    );
    told.manifest = Some("0".repeat(64));
    let problems = check(&bundle, &told, &mut |_| {}).unwrap().problems;
    assert_eq!(problems, ["SHA256SUMS: not as told"]);
}

#[tokio::test]
async fn captures_can_be_left_out_and_their_digests_stay() {
    let station = Station::new(7).await;
    let exported = station.make("bundle", &all(), None, Raw::Withheld).unwrap();
    assert_eq!((exported.erased, exported.withheld), (1, RECORDS - 1));
    let bundle = exported.staged.publish().unwrap();
    assert!(!files(&bundle).iter().any(|name| name.ends_with(".raw")));
    let checked = station.check(&bundle);
    assert!(checked.problems.is_empty(), "{:?}", checked.problems);
    by_script(&station, &bundle);
    assert_eq!(checked.withheld, RECORDS - 1);
    assert_eq!(checked.notes, ["record 3: part raw is not here: erased"]);
}

#[tokio::test]
async fn an_older_checkpoint_holds_for_what_it_is_over() {
    let station = Station::new(7).await;
    let notes = String::from_utf8(read(&station.journal().join("checkpoints"))).unwrap();
    let lines: Vec<&str> = notes.lines().collect();
    let old = lines.chunks(5).map(|note| note.join("\n")).find(|note| {
        let size: u64 = note.lines().nth(1).unwrap().parse().unwrap();
        size > 17 && size < 40
    });
    let old = old.expect("a checkpoint every ten records");
    let exported = station.make(
        "old",
        &Choice::Records(BTreeSet::from([17])),
        Some(&old),
        Raw::Opened,
    );
    let bundle = exported.unwrap().staged.publish().unwrap();
    assert!(station.check(&bundle).problems.is_empty());
    let kept = String::from_utf8(read(&bundle.join("checkpoint"))).unwrap();
    assert_eq!(kept.trim_end(), old);
    let uncovered = station.make("new", &some(), Some(&old), Raw::Opened);
    let Err(BundleError::Journal(JournalError::NotCovered { sequence: 39, .. })) = uncovered else {
        panic!("record 39 is newer")
    };
    let forged = old.replace("\n2", "\n3");
    let forged = station.make("new", &all(), Some(&forged), Raw::Opened);
    assert!(matches!(
        forged,
        Err(BundleError::Journal(JournalError::Checkpoint(_)))
    ));
    let nothing = station.make(
        "new",
        &Choice::Times(None, Some(Timestamp::from_micros(1))),
        None,
        Raw::Opened,
    );
    assert!(matches!(nothing, Err(BundleError::Nothing)));
    assert!(!station.out("new").exists());
    let again = station.make("old", &all(), None, Raw::Opened);
    assert!(
        matches!(again, Err(BundleError::Exists(_))),
        "never over something"
    );
}

#[tokio::test]
async fn a_damaged_journal_gives_no_bundle_and_leaves_nothing() {
    let station = Station::new(7).await;
    let before = fs::read_dir(station.home.path()).unwrap().count();
    let segment = fs::read_dir(station.journal())
        .unwrap()
        .flatten()
        .map(|entry| entry.path());
    let mut segments: Vec<PathBuf> = segment.filter(|path| path.extension().is_some()).collect();
    segments.sort();
    let whole = read(&segments[1]);
    let mut damaged = whole.clone();
    damaged[40] ^= 1;
    fs::write(&segments[1], &damaged).unwrap();
    let failed = station.make("bundle", &all(), None, Raw::Opened);
    assert!(matches!(
        failed,
        Err(BundleError::Journal(JournalError::Broken(_)))
    ));
    assert_eq!(fs::read_dir(station.home.path()).unwrap().count(), before);
    fs::write(&segments[1], &whole).unwrap();
    drop(station.make("bundle", &all(), None, Raw::Opened).unwrap());
    assert_eq!(
        fs::read_dir(station.home.path()).unwrap().count(),
        before,
        "not published"
    );
}
