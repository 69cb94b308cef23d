//! Fuzzes the kept tree of a journal: damaged in any way it is mended to what it was, or thrown away, and proves nothing
//! that is not so. The input is the damage: where, and which byte; at the end perhaps a length.

#![no_main]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use lapwing_core::{Keyring, MasterKey, StationId, SystemClock};
use lapwing_journal::{
    Entry, Journal, Mended, Reader, Settings, SigningSeed, Tree, mend, prove_records, tree_beside,
};

/// Records of the journal.
const RECORDS: u64 = 40;

/// A journal that stays as it is, with its tree.
struct Ground {
    directory: PathBuf,
    tree: PathBuf,
    whole: Vec<u8>,
    leaves: BTreeMap<u64, [u8; 32]>,
    public_key: [u8; 32],
}

static GROUND: LazyLock<Ground> = LazyLock::new(ground);

fn ground() -> Ground {
    let home = std::env::temp_dir().join(format!("lapwing-fuzz-tree-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&home);
    let directory = home.join("journal");
    std::fs::create_dir_all(&home).expect("a directory");
    let settings = Settings {
        directory: directory.clone(),
        station: StationId::new(1),
        origin: "station-00000001".to_owned(),
        segment_bytes: 4096,
        checkpoint_records: 10,
        checkpoint_seconds: 3600,
    };
    let keys = Keyring::new(&MasterKey::generate(), 1);
    let seed = || SigningSeed::from([5; 32]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let opened = Journal::open(settings, seed(), keys.clone(), Arc::new(SystemClock));
        let (journal, _) = opened.expect("it opens");
        for number in 0..RECORDS {
            let entry = Entry {
                body: serde_json::json!({ "number": number, "type": "trip" }).into(),
                parts: Vec::new(),
                via: "http".to_owned(),
            };
            journal.append(entry).await.expect("it is appended");
        }
        journal.close().await;
    });
    let tree = tree_beside(&directory);
    let mut reader = Reader::open(&directory, &keys, None).expect("it is read");
    let mut leaves = BTreeMap::new();
    while let Some(record) = reader.next().expect("a record") {
        leaves.insert(record.sequence, record.leaf);
    }
    let mut grown = Tree::open(&directory, &tree).expect("it opens");
    let end = reader.end().expect("records were read");
    grown.follow(RECORDS, end).expect("it grows");
    let whole = std::fs::read(&tree).expect("it is there");
    let public_key = seed().public_key();
    Ground {
        directory,
        tree,
        whole,
        leaves,
        public_key,
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let ground = &*GROUND;
    let mut damaged = ground.whole.clone();
    let edits = bytes.chunks_exact(3);
    if let [high, low] = edits.remainder() {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        damaged.resize(length % (2 * ground.whole.len()), 0);
    }
    for edit in edits {
        let at = usize::from(u16::from_be_bytes([edit[0], edit[1]]));
        if let Some(byte) = damaged.get_mut(at) {
            *byte = edit[2];
        }
    }
    std::fs::write(&ground.tree, &damaged).expect("it is written");
    let mut others = ground.leaves.clone();
    others.get_mut(&3).expect("a leaf")[0] ^= 1;
    let proven = prove_records(&ground.directory, &ground.public_key, &ground.tree, &others);
    assert_eq!(
        proven.expect("checkpoints are good"),
        None,
        "another record"
    );
    match mend(&ground.directory, &ground.tree).expect("it is read") {
        Mended::Whole(_) => {
            let mended = std::fs::read(&ground.tree).expect("it is there");
            let is_what_it_was = ground.whole.starts_with(&mended);
            assert!(is_what_it_was, "damage that was not noticed");
        }
        Mended::Removed => assert!(!ground.tree.exists()),
        Mended::Missing => panic!("it was there"),
    }
});
