//! Every kind of damage: changed, removed, inserted and reordered bytes and lines, torn tails.

use super::*;
use crate::JournalError;

/// Four records in two segments, closed.
async fn small() -> Bench {
    let mut bench = Bench::new();
    bench.settings.segment_bytes = 1500;
    let (journal, _) = bench.open();
    for number in 0..4 {
        journal.append(entry(number)).await.unwrap();
    }
    journal.close().await;
    assert_eq!(bench.verify().unwrap().segments, 2);
    bench
}

/// Which record each byte of a segment belongs to.
fn owners(bytes: &[u8], first: u64) -> Vec<u64> {
    let mut owners = Vec::new();
    let mut record = first;
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        if line.starts_with(b"{\"body\"") && !owners.is_empty() {
            record += 1;
        }
        owners.resize(owners.len() + line.len(), record);
    }
    owners
}

/// What [`crate::verify`] does but for the checkpoints, whose signatures take long in a debug
/// build: who is named, or nobody.
fn chain_breaks_at(directory: &Path) -> Option<Option<u64>> {
    let list = crate::segment::segments(directory).unwrap();
    let start = crate::state::Start::default();
    match crate::walk::walk(directory, &list, start, None, &mut |_| Ok(())) {
        Ok(end) if end.start.frontier.size() == 4 => None,
        Ok(end) => Some(Some(end.start.frontier.size())),
        Err(JournalError::Broken(broken)) => Some(broken.sequence),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn every_changed_byte_is_noticed_and_its_record_named() {
    let bench = small().await;
    let key = seed().public_key();
    let directory = bench.directory();
    for first in crate::segment::segments(directory).unwrap() {
        let file = crate::segment::segment_path(directory, first);
        let bytes = read(&file);
        let owners = owners(&bytes, first);
        for at in 0..bytes.len() {
            for new in [bytes[at] ^ 1, bytes[at] ^ 0x20, b'\n', b' '] {
                let mut other = bytes.clone();
                other[at] = new;
                if new == bytes[at] {
                    continue;
                }
                std::fs::write(&file, &other).unwrap();
                assert_eq!(chain_breaks_at(directory), Some(Some(owners[at])), "{at}");
                if at % 64 == 0 {
                    let broken = crate::verify(directory, &key, None, &mut |_| {}).unwrap_err();
                    assert_eq!(broken.sequence, Some(owners[at]), "{at}: {broken}");
                }
            }
        }
        std::fs::write(&file, &bytes).unwrap();
    }
    let file = directory.join("checkpoints");
    let bytes = read(&file);
    for at in (0..bytes.len()).step_by(5).chain([bytes.len() - 1]) {
        let mut other = bytes.clone();
        other[at] ^= 1;
        std::fs::write(&file, &other).unwrap();
        let broken = crate::verify(directory, &key, None, &mut |_| {}).unwrap_err();
        assert!(broken.sequence.is_some(), "{broken}");
    }
    std::fs::write(&file, &bytes).unwrap();
    bench.verify().unwrap();
}

#[tokio::test]
async fn every_removed_or_inserted_byte_is_noticed() {
    let bench = small().await;
    let key = seed().public_key();
    for file in &files(bench.directory()) {
        let checkpoints = file.ends_with("checkpoints");
        let bytes = read(file);
        for at in 0..bytes.len() {
            let mut fewer = bytes.clone();
            fewer.remove(at);
            let mut more = bytes.clone();
            more.insert(at, b'0');
            for other in [fewer, more] {
                std::fs::write(file, other).unwrap();
                if !checkpoints {
                    assert!(chain_breaks_at(bench.directory()).is_some());
                }
                if at % 50 == 0 || (checkpoints && at % 9 == 0) {
                    crate::verify(bench.directory(), &key, None, &mut |_| {}).unwrap_err();
                }
            }
        }
        std::fs::write(file, &bytes).unwrap();
    }
}

#[tokio::test]
async fn every_removed_repeated_or_swapped_line_is_noticed() {
    let bench = small().await;
    let files = files(bench.directory());
    for file in &files {
        let bytes = read(file);
        let lines: Vec<&[u8]> = bytes.split_inclusive(|b| *b == b'\n').collect();
        for at in 0..lines.len() {
            let mut removed = lines.clone();
            removed.remove(at);
            let mut repeated = lines.clone();
            repeated.insert(at, lines[at]);
            let mut swapped = lines.clone();
            swapped.swap(at, (at + 1) % lines.len());
            for other in [removed, repeated, swapped] {
                std::fs::write(file, other.concat()).unwrap();
                let broken = bench.verify().unwrap_err();
                assert!(broken.sequence.is_some(), "line {at}: {broken}");
            }
        }
        std::fs::write(file, &bytes).unwrap();
    }
    for file in &files {
        let bytes = read(file);
        std::fs::remove_file(file).unwrap();
        bench.verify().unwrap_err();
        std::fs::write(file, &bytes).unwrap();
    }
    bench.verify().unwrap();
}

#[tokio::test]
async fn complete_lines_are_never_cut() {
    let bench = small().await;
    let last = &files(bench.directory())[1];
    let bytes = read(last);
    let end = bytes.len();
    for change in [end - 2, end / 2] {
        let mut other = bytes.clone();
        other[change] ^= 1;
        std::fs::write(last, &other).unwrap();
        std::fs::remove_file(bench.directory().join("frontier")).ok();
        let opened = bench.open_in(bench.directory().to_owned());
        assert!(matches!(opened, Err(JournalError::Broken(_))));
        assert_eq!(read(last), other);
    }
}

#[tokio::test]
async fn a_checkpointed_tail_may_not_be_missing() {
    let bench = small().await;
    let last = &files(bench.directory())[1];
    let bytes = read(last);
    for length in [0, 10, bytes.len() - 1] {
        std::fs::write(last, &bytes[..length]).unwrap();
        let opened = bench.open_in(bench.directory().to_owned());
        assert!(matches!(opened, Err(JournalError::Broken(_))));
        bench.verify().unwrap_err();
    }
}

#[tokio::test]
async fn a_tail_torn_at_any_byte_is_cut_to_whole_records() {
    let bench = Bench::new();
    let (journal, _) = bench.open();
    journal.append(entry(0)).await.unwrap();
    let crashed = bench.copy("crashed");
    for number in 1..3 {
        journal.append(entry(number)).await.unwrap();
    }
    journal.close().await;
    let segment = crate::segment::segment_name(0);
    let whole = read(&bench.directory().join(&segment));
    let synced = read(&crashed.join(&segment)).len();
    let owners = owners(&whole, 0);
    let state: Vec<(PathBuf, Vec<u8>)> = std::fs::read_dir(&crashed)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), read(&path)))
        .collect();
    let ends: Vec<usize> = (1..whole.len())
        .filter(|at| whole[at - 1] == b'\n')
        .collect();
    for length in synced..=whole.len() {
        if length % 17 > 0 && !ends.iter().any(|end| end.abs_diff(length) < 3) {
            continue;
        }
        for (path, bytes) in &state {
            std::fs::write(path, bytes).unwrap();
        }
        std::fs::write(crashed.join(&segment), &whole[..length]).unwrap();
        let (journal, recovery) = bench.open_in(crashed.clone()).unwrap();
        let kept = owners.get(length).copied().unwrap_or(3);
        assert_eq!(recovery.last, Some(kept - 1), "cut at {length}");
        let begin = owners.iter().position(|owner| *owner == kept);
        let torn = length - begin.unwrap_or(whole.len());
        assert_eq!(recovery.torn_bytes, torn as u64);
        if length % 3 == 0 {
            assert_eq!(journal.append(entry(9)).await.unwrap().sequence, kept);
            journal.close().await;
            assert_eq!(bench.verify_in(&crashed).unwrap().records, kept + 1);
        } else {
            drop(journal);
        }
        assert_eq!(
            read(&crashed.join(&segment))[..length - torn],
            whole[..length - torn]
        );
    }
}

#[tokio::test]
async fn records_gone_after_a_lying_disk_leave_a_gap_record() {
    let bench = Bench::new();
    let (journal, _) = bench.open();
    for number in 0..3 {
        journal.append(entry(number)).await.unwrap();
    }
    let crashed = bench.copy("crashed");
    let segment = crashed.join(crate::segment::segment_name(0));
    let bytes = read(&segment);
    std::fs::write(&segment, &bytes[..bytes.len() / 2]).unwrap();
    let (journal, recovery) = bench.open_in(crashed.clone()).unwrap();
    assert!(recovery.gap && recovery.torn_bytes > 0);
    assert_eq!(recovery.last, Some(0));
    journal.close().await;
    let mut reader = Reader::open(&crashed, &bench.keys, Some(0)).unwrap();
    let gap = reader.next().unwrap().unwrap();
    assert_eq!(
        (&gap.body["type"], &gap.body["lost"]),
        (&json!("gap"), &json!(2))
    );
    assert_eq!(bench.verify_in(&crashed).unwrap().records, 2);
}

#[tokio::test]
async fn a_torn_checkpoint_is_cut_and_written_again() {
    let bench = Bench::new();
    let (journal, _) = bench.open();
    journal.append(entry(0)).await.unwrap();
    journal.close().await;
    let path = bench.directory().join("checkpoints");
    let bytes = read(&path);
    let first = bytes.len() / 2 + 20;
    for length in [first, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..length]).unwrap();
        std::fs::remove_file(bench.directory().join("frontier")).unwrap();
        assert!(bench.verify().is_err());
        let (journal, _) = bench.open();
        journal.close().await;
        assert_eq!(bench.verify().unwrap().size, 1);
    }
}

#[test]
fn hostile_lines_do_not_panic() {
    let deep = format!("{{\"body\":{}", "[".repeat(100_000));
    for line in [
        "",
        "{",
        "null",
        "{}",
        "\u{0}",
        deep.as_str(),
        r#"{"body":{},"digest":"","parts":{},"previous":"","sequence":0,"station":"","time":0,"version":1}"#,
        r#"{"body":1e999,"digest":"\u0000","parts":{"":{}},"previous":"","sequence":-1}"#,
    ] {
        assert!(crate::line::Envelope::parse(line.as_bytes()).is_err());
    }
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(crate::segment::segment_name(0));
    for bytes in [vec![b'x'; 17 << 20], vec![0xff, b'\n'], vec![b'\n'; 5]] {
        std::fs::write(&path, bytes).unwrap();
        let keys = Keyring::new(&MasterKey::generate(), 1);
        assert!(
            Reader::open(home.path(), &keys, None)
                .unwrap()
                .next()
                .is_err()
        );
        crate::verify(home.path(), &[0; 32], None, &mut |_| {}).unwrap_err();
    }
}
