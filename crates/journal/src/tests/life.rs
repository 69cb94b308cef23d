//! A journal's ordinary life: appending, following, rotating, proving, erasing.

use std::time::Duration;

use data_encoding::{BASE64, HEXLOWER};
use sha2::{Digest, Sha256};

use super::*;
use crate::{JournalError, prove, read_at, read_sequence};

#[tokio::test]
async fn what_is_appended_is_read_back() {
    let bench = Bench::new();
    let (journal, recovery) = bench.open();
    assert_eq!(
        (recovery.last, recovery.gap, recovery.torn_bytes),
        (None, false, 0)
    );
    assert_eq!(journal.next_sequence(), 0);
    for number in 0..5 {
        let receipt = journal.append(entry(number)).await.unwrap();
        assert_eq!(receipt.sequence, number);
        assert_eq!(journal.next_sequence(), number + 1);
    }
    let records = bench.records();
    assert_eq!(records.len(), 5);
    for (number, record) in (0..).zip(&records) {
        let parts = entry(number).parts;
        assert_eq!((record.sequence, &record.body), (number, &body(number)));
        assert_eq!(record.parts["raw"], parts[0].1);
        assert_eq!(record.parts["claims"], parts[1].1);
        let directory = bench.directory();
        assert_eq!(
            &read_at(directory, &bench.keys, record.position, number).unwrap(),
            record
        );
        let again = read_sequence(directory, &bench.keys, number).unwrap();
        assert_eq!(again.as_ref(), Some(record));
    }
    let error = read_at(bench.directory(), &bench.keys, records[2].position, 3).unwrap_err();
    let offset = records[2].position.offset;
    assert_eq!(
        error.to_string(),
        format!("record 3 (00000000000000000000.jsonl): holds sequence 2 (at byte {offset})")
    );
    assert_eq!(
        read_sequence(bench.directory(), &bench.keys, 5).unwrap(),
        None
    );
    journal.close().await;
    assert!(matches!(
        journal.append(entry(9)).await,
        Err(JournalError::Closed)
    ));
    assert!(matches!(
        journal.pass(9, "http").await,
        Err(JournalError::Closed)
    ));
    let verified = bench.verify().unwrap();
    assert_eq!(
        (verified.records, verified.size, verified.parts_checked),
        (5, 5, 10)
    );
    assert_eq!(verified.checkpoint, journal.checkpoint());
}

#[tokio::test]
async fn the_documented_recipe_verifies_a_line() {
    let bench = Bench::new();
    let (journal, _) = bench.open();
    journal.append(entry(0)).await.unwrap();
    journal.append(entry(1)).await.unwrap();
    journal.close().await;
    let text = String::from_utf8(read(&files(bench.directory())[0])).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 6);
    let member = lines[0].find("\"digest\":\"").unwrap();
    let digest = &lines[0][member + 10..member + 74];
    let rest = format!("{}{}", &lines[0][..member], &lines[0][member + 76..]);
    assert_eq!(HEXLOWER.encode(&Sha256::digest(&rest)), digest);
    assert!(lines[3].contains(&format!("\"previous\":\"{digest}\"")));
    // Parts stand in the order of their names.
    for line in [lines[1], lines[2]] {
        let hash = HEXLOWER.encode(&Sha256::digest(line));
        assert!(lines[0].contains(&format!("\"line\":\"{hash}\"")));
    }
    let leaf = |line: &str| {
        Sha256::new()
            .chain_update([0])
            .chain_update(line)
            .finalize()
    };
    let root = Sha256::new()
        .chain_update([1])
        .chain_update(leaf(lines[0]))
        .chain_update(leaf(lines[3]))
        .finalize();
    let note = journal.checkpoint();
    let note: Vec<&str> = note.lines().collect();
    assert_eq!(note[..3], ["station-0a1b2c3d", "2", &BASE64.encode(&root)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_reader_follows_many_appenders_across_segments() {
    let mut bench = Bench::new();
    bench.settings.segment_bytes = 20_000;
    bench.settings.checkpoint_records = 100;
    let (journal, _) = bench.open();
    let (directory, keys) = (bench.directory().to_owned(), bench.keys.clone());
    let follower = std::thread::spawn(move || {
        let mut reader = Reader::open(&directory, &keys, Some(9)).unwrap();
        let mut next = 10;
        while next < 800 {
            match reader.next().unwrap() {
                Some(record) => {
                    assert_eq!(record.sequence, next);
                    next += 1;
                }
                None => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    });
    let mut tasks = Vec::new();
    for task in 0..8 {
        let journal = journal.clone();
        tasks.push(tokio::spawn(async move {
            let mut mine = Vec::new();
            for number in 0..100 {
                let receipt = journal.append(entry(task * 100 + number)).await.unwrap();
                mine.push((receipt.sequence, task * 100 + number));
            }
            mine
        }));
    }
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.unwrap());
    }
    follower.join().unwrap();
    all.sort_unstable();
    let records = bench.records();
    assert_eq!(records.len(), 800);
    for ((sequence, number), record) in all.into_iter().zip(&records) {
        assert_eq!(record.sequence, sequence);
        assert_eq!(record.body["number"], number);
    }
    assert!(bench.verify().unwrap().segments > 5);
    journal.close().await;
    let verified = bench.verify().unwrap();
    assert_eq!((verified.records, verified.size), (800, 800));
    for sequence in [0, 1, 399, 798, 799] {
        let proof = prove(bench.directory(), sequence).unwrap();
        assert!(proof.holds(&seed().public_key()));
        let mut other = proof.clone();
        other.line[20] ^= 1;
        assert!(!other.holds(&seed().public_key()));
        let mut other = proof;
        other.sequence ^= 1;
        assert!(!other.holds(&seed().public_key()));
    }
    assert!(matches!(
        prove(bench.directory(), 800),
        Err(JournalError::NotCovered { size: 800, .. })
    ));
}

#[tokio::test]
async fn unmatched_requests_are_counted_at_checkpoints_only() {
    let bench = Bench::new();
    let (journal, _) = bench.open();
    for _ in 0..7 {
        journal.pass(300, "http").await.unwrap();
    }
    assert_eq!(journal.next_sequence(), 0);
    journal.append(entry(0)).await.unwrap();
    journal.pass(300, "http").await.unwrap();
    assert_eq!(journal.next_sequence(), 1);
    journal.close().await;
    let records = bench.records();
    assert_eq!(records.len(), 2);
    assert_eq!(records[1].body, json!({"type": "unmatched", "count": 8}));
    assert_eq!(bench.verify().unwrap().size, 2);
}

#[tokio::test]
async fn the_scratch_file_stays_small() {
    let mut bench = Bench::new();
    bench.settings.segment_bytes = 1 << 20;
    let (journal, _) = bench.open();
    for _ in 0..40 {
        journal.pass(100_000, "http").await.unwrap();
    }
    journal.close().await;
    let scratch = std::fs::metadata(bench.directory().join("scratch")).unwrap();
    assert!(scratch.len() < 1_400_000, "{}", scratch.len());
}

#[tokio::test]
async fn an_unmatched_request_writes_as_much_as_a_record() {
    let bench = Bench::new();
    let (journal, _) = bench.open();
    journal.append(entry(0)).await.unwrap();
    let size = entry(0).parts.iter().map(|part| part.1.len()).sum();
    journal.pass(size, "http").await.unwrap();
    let length = |name: &str| {
        std::fs::metadata(bench.directory().join(name))
            .unwrap()
            .len()
    };
    let segment = length(&crate::segment::segment_name(0));
    assert!(segment.abs_diff(length("scratch")) < 10);
}

#[tokio::test]
async fn unmatched_requests_write_as_much_beside_a_record() {
    let bench = Bench::new();
    let (journal, _) = bench.open();
    const ROUNDS: u64 = 50;
    for _ in 0..ROUNDS {
        // Most of them come to be one group.
        let (one, record) = (journal.pass(1000, "http"), journal.append(entry(0)));
        one.await.unwrap();
        record.await.unwrap();
    }
    let scratch = std::fs::metadata(bench.directory().join("scratch")).unwrap();
    assert!(scratch.len() >= ROUNDS * 1000, "{}", scratch.len());
}

#[tokio::test]
async fn checkpoints_come_by_count_and_by_time() {
    let mut bench = Bench::new();
    bench.settings.checkpoint_records = 3;
    bench.settings.checkpoint_seconds = 1;
    let (journal, _) = bench.open();
    assert_eq!(journal.checkpoint().lines().nth(1), Some("0"));
    for number in 0..4 {
        journal.append(entry(number)).await.unwrap();
    }
    let reached = async |size: &str| {
        while journal.checkpoint().lines().nth(1) != Some(size) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), reached("4"))
        .await
        .unwrap();
    journal.pass(1, "http").await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), reached("5"))
        .await
        .unwrap();
    drop(journal);
    let verified = bench.verify().unwrap();
    assert_eq!((verified.records, verified.size), (5, 5));
}

#[tokio::test]
async fn a_checkpoint_over_a_record_can_be_had_at_once() {
    let bench = Bench::new();
    let (journal, _) = bench.open();
    for number in 0..3 {
        let receipt = journal.append(entry(number)).await.unwrap();
        let over = journal.checkpoint_over(receipt.sequence, Duration::from_secs(30));
        let size: u64 = over.lines().nth(1).unwrap().parse().unwrap();
        assert_eq!(size, number + 1, "{over}");
    }
    // Of a record that is not there yet: the newest, after the patience.
    let newest = journal.checkpoint_over(9, Duration::from_millis(20));
    assert_eq!(newest, journal.checkpoint());
    journal.close().await;
}

#[tokio::test]
async fn a_checkpoint_kept_elsewhere_catches_a_journal_written_anew() {
    let bench = Bench::new();
    let (journal, _) = bench.open();
    journal.append(entry(0)).await.unwrap();
    journal.close().await;
    let kept = journal.checkpoint();
    let key = seed().public_key();
    let against = |kept: &str| crate::verify_against(bench.directory(), &key, kept);
    assert_eq!(against(&kept).unwrap(), 1);
    let newest = crate::newest_checkpoint(bench.directory()).unwrap();
    assert_eq!(newest.as_deref(), Some(kept.as_str()));
    std::fs::remove_dir_all(bench.directory()).unwrap();
    let (journal, _) = bench.open();
    against(&kept).unwrap_err();
    journal.append(entry(1)).await.unwrap();
    journal.close().await;
    bench.verify().unwrap();
    against(&kept).unwrap_err();
    against("nonsense").unwrap_err();
}

#[tokio::test]
async fn only_one_station_writes() {
    let bench = Bench::new();
    let (journal, _) = bench.open();
    let second = bench.open_in(bench.directory().to_owned());
    assert!(matches!(second, Err(JournalError::Locked(_))));
    journal.close().await;
    let (again, recovery) = bench.open();
    assert_eq!(recovery.last, None);
    drop(again);
}

#[tokio::test]
async fn a_start_reads_only_the_tail() {
    let mut bench = Bench::new();
    bench.settings.segment_bytes = 1;
    let (journal, _) = bench.open();
    for number in 0..4 {
        journal.append(entry(number)).await.unwrap();
    }
    journal.close().await;
    let first = &files(bench.directory())[0];
    let mut bytes = read(first);
    bytes[40] ^= 1;
    std::fs::write(first, bytes).unwrap();
    let (journal, recovery) = bench.open();
    assert_eq!(recovery.last, Some(3));
    assert_eq!(journal.append(entry(4)).await.unwrap().sequence, 4);
    journal.close().await;
    std::fs::remove_file(bench.directory().join("frontier")).unwrap();
    let Err(JournalError::Broken(broken)) = bench.open_in(bench.directory().to_owned()) else {
        panic!("opened over a changed record");
    };
    assert_eq!(broken.sequence, Some(0));
    assert_eq!(bench.verify().unwrap_err().sequence, Some(0));
}

#[tokio::test]
async fn an_erased_part_is_gone_and_all_else_stands() {
    let bench = Bench::new();
    let (journal, _) = bench.open();
    for number in 0..4 {
        journal.append(entry(number)).await.unwrap();
    }
    let before = bench.records();
    let receipt = journal.erase(1, "raw", "test").await.unwrap();
    assert_eq!(receipt.sequence, 4);
    assert!(matches!(
        journal.erase(1, "raw", "test").await,
        Err(JournalError::NoPart { .. })
    ));
    assert!(matches!(
        journal.erase(1, "other", "test").await,
        Err(JournalError::NoPart { .. })
    ));
    assert!(matches!(
        journal.erase(77, "raw", "test").await,
        Err(JournalError::NoRecord(77))
    ));
    journal.append(entry(5)).await.unwrap();
    let after = bench.records();
    assert_eq!(after[1].parts.keys().collect::<Vec<_>>(), ["claims"]);
    assert_eq!(after[0], before[0]);
    assert_eq!(after[2..4], before[2..4]);
    assert_eq!(after[1].body, before[1].body);
    journal.close().await;
    let verified = bench.verify().unwrap();
    assert_eq!((verified.parts_erased, verified.parts_checked), (1, 9));
    assert_eq!(verified.erased[&("test".to_owned(), "raw".to_owned())], 1);
    let (journal, _) = bench.open();
    journal.close().await;

    // The blank is fixed, too.
    let first = &files(bench.directory())[0];
    let bytes = read(first);
    let at = bytes.windows(6).position(|six| six == b"000000").unwrap();
    let erased = bytes
        .windows(8)
        .position(|eight| eight == b"\"erased\"")
        .unwrap();
    for place in [erased + 3, erased + 40, at.max(erased + 41)] {
        let mut other = bytes.clone();
        other[place] ^= 1;
        std::fs::write(first, other).unwrap();
        assert_eq!(bench.verify().unwrap_err().sequence, Some(1));
    }
    let mut longer = bytes.clone();
    longer.insert(erased + 40, b'0');
    std::fs::write(first, longer).unwrap();
    assert_eq!(bench.verify().unwrap_err().sequence, Some(1));
}

#[tokio::test]
async fn a_part_blanked_without_a_record_is_noticed() {
    let bench = Bench::new();
    let (journal, _) = bench.open();
    journal.append(entry(0)).await.unwrap();
    journal.close().await;
    let (segment, part) = crate::erase::standing(bench.directory(), 0, "raw").unwrap();
    crate::erase::rewrite(bench.directory(), segment, &[part]).unwrap();
    let broken = bench.verify().unwrap_err();
    assert_eq!((broken.sequence, broken.line), (Some(0), 3));
}

#[tokio::test]
async fn a_thief_without_the_key_finds_no_plaintext() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new();
    let (journal, _) = bench.open();
    journal.append(entry(0)).await.unwrap();
    journal.pass(10, "http").await.unwrap();
    journal.close().await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(bench.directory()), 0o700);
    for file in std::fs::read_dir(bench.directory()).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        let bytes = read(&path);
        assert!(!bytes.windows(6).any(|six| six == b"secret"));
        let encoded = BASE64.encode(b"GET /secret-0");
        assert!(
            !bytes
                .windows(12)
                .any(|part| part == &encoded.as_bytes()[..12])
        );
    }
    let other = Keyring::new(&MasterKey::generate(), 1);
    let read = read_sequence(bench.directory(), &other, 0);
    assert!(matches!(read, Err(JournalError::Broken(_))));
    let key = seed().public_key();
    assert!(crate::verify(bench.directory(), &key, Some(&other), &mut |_| {}).is_err());
}

#[tokio::test]
async fn entries_that_cannot_be_written_are_refused() {
    let bench = Bench::new();
    let (journal, _) = bench.open();
    let with = |body: serde_json::Value, parts| {
        let body = body.into();
        journal.append(Entry {
            body,
            parts,
            via: String::new(),
        })
    };
    let twice = vec![("a", Vec::new()), ("a", Vec::new())];
    for refused in [
        with(json!({}), Vec::new()),
        with(json!([1]), Vec::new()),
        with(json!({"type": "gap"}), Vec::new()),
        with(json!({"type": "trip", "x": 0.5}), Vec::new()),
        with(json!({"type": "trip"}), twice),
        with(json!({"type": "trip"}), vec![("A b", Vec::new())]),
        with(json!({"type": "trip"}), vec![("a", vec![0; 13 << 20])]),
    ] {
        assert!(matches!(refused.await, Err(JournalError::Entry(_))));
    }
    let fine = with(json!({"type": "trip"}), vec![("a", vec![7; 11 << 20])]).await;
    assert_eq!(fine.unwrap().sequence, 0);
    assert_eq!(bench.records()[0].parts["a"].len(), 11 << 20);
}

#[tokio::test]
async fn a_record_is_read_only_once_it_is_synced() {
    let bench = Bench::new();
    let (journal, _) = bench.open();
    journal.append(entry(0)).await.unwrap();
    let copy = bench.copy("copy");
    journal.append(entry(1)).await.unwrap();
    // As if the second record were written but not synced yet.
    let segment = crate::segment::segment_name(0);
    std::fs::copy(bench.directory().join(&segment), copy.join(&segment)).unwrap();
    let mut reader = Reader::open(&copy, &bench.keys, None).unwrap();
    assert_eq!(
        reader.next().unwrap().map(|record| record.sequence),
        Some(0)
    );
    assert_eq!(reader.next().unwrap(), None);
    std::fs::copy(bench.directory().join("durable"), copy.join("durable")).unwrap();
    assert_eq!(
        reader.next().unwrap().map(|record| record.sequence),
        Some(1)
    );
}

#[tokio::test]
async fn records_are_proven_by_a_tree_that_nobody_need_believe() {
    let mut bench = Bench::new();
    (
        bench.settings.segment_bytes,
        bench.settings.checkpoint_records,
    ) = (4096, 10);
    let (journal, _) = bench.open();
    for number in 0..25 {
        journal.append(entry(number)).await.unwrap();
    }
    journal.close().await;
    let path = bench.home.path().join("tree");
    let mut reader = Reader::open(bench.directory(), &bench.keys, None).unwrap();
    let mut leaves = std::collections::BTreeMap::new();
    while let Some(record) = reader.next().unwrap() {
        let mut tree = crate::Tree::open(bench.directory(), &path).unwrap();
        let records = record.sequence + 1;
        tree.follow(records, reader.end().unwrap()).unwrap();
        assert_eq!(tree.records(), records);
        leaves.insert(record.sequence, record.leaf);
    }
    let key = seed().public_key();
    let proven = |leaves: &_| crate::prove_records(bench.directory(), &key, &path, leaves).unwrap();
    assert_eq!(proven(&leaves).unwrap().records, 25);
    let mut other = leaves.clone();
    other.get_mut(&7).unwrap()[0] ^= 1;
    assert_eq!(proven(&other), None);
    let mut bytes = read(&path);
    bytes[0] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(proven(&leaves), None);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(proven(&leaves), None);
}
