//! A large bundle is made in memory for one record. Alone in its process, whose memory it measures.

#![expect(
    clippy::unwrap_used,
    reason = "these are tests: what is not there fails them"
)]

use std::path::Path;
use std::sync::Arc;

use lapwing_core::{Keyring, MasterKey, StationId, SystemClock, Timestamp, bounded};
use lapwing_journal::{Choice, Entry, Journal, Settings, SigningSeed, sshsig};
use lapwing_report::bundle::{About, Order, Raw, Told, check, export};
use serde_json::json;

const RECORDS: u64 = 20_000;
/// Most memory that making it may take on top, in KiB: a twentieth of what is in it. A hundred thousand records take no more.
const MOST: u64 = 4 << 10;

/// A figure of this process in KiB.
fn memory(name: &str) -> u64 {
    let status = bounded::read_text(Path::new("/proc/self/status"), 1 << 16).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .unwrap();
    line.trim_matches([':', ' ', '\t', 'k', 'B'])
        .parse()
        .unwrap()
}

async fn write(directory: &Path, seed: &SigningSeed, keys: &Keyring) {
    let settings = Settings {
        directory: directory.to_owned(),
        station: StationId::new(7),
        origin: "station-00000007".to_owned(),
        segment_bytes: 64 << 20,
        checkpoint_records: 10_000,
        checkpoint_seconds: 3600,
    };
    let (seed, keys) = (seed.clone(), keys.clone());
    let (journal, _) = Journal::open(settings, seed, keys, Arc::new(SystemClock)).unwrap();
    let mut last = None;
    for record in 0..RECORDS {
        let entry = Entry {
            body: json!({"type": "trip", "kind": "url"}).into(),
            parts: vec![
                ("raw", format!("{record} {}", "x".repeat(1500)).into_bytes()),
                ("claims", record.to_string().into_bytes()),
            ],
            via: "http".to_owned(),
        };
        let appending = journal.append(entry);
        if record % 1000 == 999 {
            appending.await.unwrap();
        } else {
            last = Some(appending);
        }
    }
    last.unwrap().await.unwrap();
    journal.close().await;
}

#[tokio::test]
async fn a_large_bundle_takes_little_memory() {
    let home = tempfile::tempdir().unwrap();
    let (journal, out) = (home.path().join("journal"), home.path().join("bundle.tar"));
    let seed = SigningSeed::from([7; 32]);
    let keys = Keyring::new(&MasterKey::generate(), 1);
    write(&journal, &seed, &keys).await;
    let about = About {
        station: StationId::new(7),
        made: Timestamp::from_micros(1_795_401_540_000_000),
        number: 1,
        tool: "lapwing".to_owned(),
        executable: String::new(),
        settings: String::new(),
        by: "anna".to_owned(),
        to: String::new(),
        what: "all".to_owned(),
        earlier: Vec::new(),
    };
    let order = Order {
        journal: &journal,
        keys: &keys,
        seed: &seed,
        checkpoint: None,
        timestamp: None,
        choice: &Choice::Times(None, None),
        raw: Raw::Opened,
        about: &about,
    };
    // The peak begins anew.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = memory("VmRSS");
    let exported = export(&out, &order, &mut |_, _| {}).unwrap();
    let grown = memory("VmHWM").saturating_sub(before);
    assert!(grown < MOST, "{grown} KiB more");
    assert_eq!((exported.records, exported.parts), (RECORDS, 2 * RECORDS));
    let bundle = exported.staged.publish().unwrap();
    let told = Told {
        fingerprint: sshsig::fingerprint(&seed.public_key()),
        manifest: None,
        witnesses: Vec::new(),
        authorities: None,
    };
    let checked = check(&bundle, &told, &mut |_| {}).unwrap();
    assert!(checked.problems.is_empty(), "{:?}", checked.problems);
    assert_eq!(checked.records, RECORDS);
}
