//! A disk that fails: nothing is taken for recorded that is not, and the gap is told.

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::*;
use crate::JournalError;
use crate::disk::{Disk, FileSystem, Output};

/// What is to go wrong from now on, and what was done.
#[derive(Default)]
struct Faults {
    sync: AtomicBool,
    append: AtomicBool,
    create: AtomicBool,
    cut: AtomicBool,
    /// A sync does not come back.
    stall: AtomicBool,
    syncs: AtomicU64,
    trace: Mutex<Vec<&'static str>>,
}

impl Faults {
    fn check(&self, what: &'static str, fault: &AtomicBool) -> io::Result<()> {
        self.trace.lock().unwrap().push(what);
        if fault.load(Ordering::SeqCst) {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        Ok(())
    }
}

struct FaultyDisk(Arc<Faults>);

struct FaultyOutput(Arc<Faults>, Box<dyn Output>);

impl FaultyDisk {
    fn wrap(&self, output: Box<dyn Output>) -> Box<dyn Output> {
        Box::new(FaultyOutput(Arc::clone(&self.0), output))
    }
}

impl Disk for FaultyDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn Output>> {
        self.0.check("create", &self.0.create)?;
        FileSystem.create(path).map(|output| self.wrap(output))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Output>> {
        FileSystem.open(path).map(|output| self.wrap(output))
    }

    fn rewrite(&self, path: &Path, from: u64, bytes: &[u8]) -> io::Result<()> {
        let full = self.0.check("rewrite", &self.0.append);
        let taken = bytes.len() / if full.is_err() { 2 } else { 1 };
        FileSystem.rewrite(path, from, &bytes[..taken])?;
        full
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        FileSystem.remove(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.0.trace.lock().unwrap().push("directory");
        FileSystem.sync_directory(path)
    }
}

impl Output for FaultyOutput {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let full = self.0.check("append", &self.0.append);
        // A full disk takes a part of it.
        let taken = if full.is_err() {
            bytes.len() / 2
        } else {
            bytes.len()
        };
        self.1.append(&bytes[..taken])?;
        full
    }

    fn sync(&mut self) -> io::Result<()> {
        while self.0.stall.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.0.check("sync", &self.0.sync)?;
        self.0.syncs.fetch_add(1, Ordering::SeqCst);
        self.1.sync()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.0.check("cut", &self.0.cut)?;
        self.1.cut(length)
    }

    fn sync_all(&mut self) -> io::Result<()> {
        self.1.sync_all()
    }
}

fn open(bench: &Bench) -> (Journal, Arc<Faults>) {
    let faults = Arc::new(Faults::default());
    let (journal, _) = Journal::open_on(
        Arc::new(FaultyDisk(Arc::clone(&faults))),
        bench.settings.clone(),
        &seed(),
        bench.keys.clone(),
        Arc::new(SystemClock),
    )
    .unwrap();
    (journal, faults)
}

async fn healed(journal: &Journal) {
    for _ in 0..2000 {
        if journal.healthy() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never healthy again");
}

/// One failure after `before` records, by each kind of fault.
async fn fails(before: u64, fault: fn(&Faults) -> &AtomicBool) {
    let bench = Bench::new();
    let (journal, faults) = open(&bench);
    for number in 0..before {
        journal.append(entry(number)).await.unwrap();
    }
    fault(&faults).store(true, Ordering::SeqCst);
    let group = [journal.append(entry(100)), journal.append(entry(101))];
    for append in group {
        assert!(matches!(append.await, Err(JournalError::NotDurable)));
    }
    assert!(!journal.healthy());
    assert!(matches!(
        journal.append(entry(102)).await,
        Err(JournalError::NotDurable)
    ));
    assert!(matches!(
        journal.pass(10, "http").await,
        Err(JournalError::NotDurable)
    ));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!journal.healthy());
    assert_eq!(journal.next_sequence(), before);
    assert_eq!(bench.records().len() as u64, before);
    fault(&faults).store(false, Ordering::SeqCst);
    healed(&journal).await;
    let receipt = journal.append(entry(103)).await.unwrap();
    assert_eq!(receipt.sequence, before + 1);
    journal.close().await;
    let records = bench.records();
    assert_eq!(records.len() as u64, before + 2);
    let gap = &records[usize::try_from(before).unwrap()];
    assert_eq!(
        (&gap.body["type"], &gap.body["lost"]),
        (&json!("gap"), &json!(3))
    );
    assert!(gap.body["from"].as_i64() <= gap.body["to"].as_i64());
    assert!(gap.body["began"].as_i64() <= gap.body["ended"].as_i64());
    assert_eq!(
        gap.body["listeners"],
        json!({"http": {"early": 0, "lost": 3, "unmatched": 1}})
    );
    let verified = bench.verify().unwrap();
    assert_eq!((verified.size, verified.torn_bytes), (before + 2, 0));
    let (journal, recovery) = bench.open();
    assert_eq!(recovery.last, Some(before + 1));
    drop(journal);
}

#[tokio::test]
async fn a_failed_sync_is_a_gap() {
    fails(2, |faults| &faults.sync).await;
    fails(0, |faults| &faults.sync).await;
}

#[tokio::test]
async fn a_full_disk_is_a_gap() {
    fails(2, |faults| &faults.append).await;
    fails(0, |faults| &faults.append).await;
    fails(0, |faults| &faults.create).await;
}

#[tokio::test]
async fn a_disk_that_does_not_answer_is_a_gap() {
    let bench = Bench::new();
    let (journal, faults) = open(&bench);
    journal.append(entry(0)).await.unwrap();
    faults.stall.store(true, Ordering::SeqCst);
    let held = journal.append(entry(1));
    tokio::time::sleep(Duration::from_millis(300)).await;
    // Neither is on disk; the first may come to be.
    let behind = journal.append(entry(2));
    journal.answered_early("http");
    assert!(journal.healthy(), "a slow sync is no stall");
    tokio::time::sleep(Duration::from_millis(3000)).await;
    journal.answered_early("http");
    assert!(!journal.healthy());
    assert!(matches!(behind.await, Err(JournalError::NotDurable)));
    assert!(matches!(
        journal.append(entry(3)).await,
        Err(JournalError::NotDurable)
    ));
    journal.pass(10, "redis").await.unwrap_err();
    faults.stall.store(false, Ordering::SeqCst);
    assert_eq!(held.await.unwrap().sequence, 1);
    healed(&journal).await;
    journal.append(entry(4)).await.unwrap();
    journal.close().await;
    let records = bench.records();
    let gap = records.iter().find(|record| record.body["type"] == "gap");
    let gap = &gap.unwrap().body;
    assert_eq!(gap["lost"], 2);
    assert_eq!(
        gap["listeners"],
        json!({
            "http": {"early": 2, "lost": 2, "unmatched": 0},
            "redis": {"early": 0, "lost": 0, "unmatched": 1},
        })
    );
    let numbers: Vec<_> = records
        .iter()
        .map(|it| it.body["number"].as_u64())
        .collect();
    let numbers: Vec<_> = numbers.into_iter().flatten().collect();
    assert_eq!(numbers, [0, 1, 4]);
    bench.verify().unwrap();
}

#[tokio::test]
async fn a_stall_that_ends_in_a_failure_is_one_gap() {
    let bench = Bench::new();
    let (journal, faults) = open(&bench);
    journal.append(entry(0)).await.unwrap();
    faults.stall.store(true, Ordering::SeqCst);
    let held = journal.append(entry(1));
    tokio::time::sleep(Duration::from_millis(1700)).await;
    journal.answered_early("http");
    faults.sync.store(true, Ordering::SeqCst);
    faults.stall.store(false, Ordering::SeqCst);
    assert!(matches!(held.await, Err(JournalError::NotDurable)));
    assert!(!journal.healthy());
    faults.sync.store(false, Ordering::SeqCst);
    healed(&journal).await;
    journal.close().await;
    let records = bench.records();
    assert_eq!(records.len(), 2);
    assert_eq!(
        records[1].body["listeners"]["http"],
        json!({"early": 1, "lost": 1, "unmatched": 0})
    );
    bench.verify().unwrap();
}

#[tokio::test]
async fn nothing_goes_on_before_the_failed_tail_is_cut() {
    let bench = Bench::new();
    let (journal, faults) = open(&bench);
    journal.append(entry(0)).await.unwrap();
    faults.cut.store(true, Ordering::SeqCst);
    faults.sync.store(true, Ordering::SeqCst);
    journal.append(entry(1)).await.unwrap_err();
    faults.sync.store(false, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!journal.healthy());
    assert_eq!(
        crate::segment::segments(bench.directory()).unwrap().len(),
        1
    );
    faults.cut.store(false, Ordering::SeqCst);
    healed(&journal).await;
    journal.close().await;
    assert_eq!(bench.verify().unwrap().segments, 2);
}

#[tokio::test]
async fn closing_while_the_disk_fails_ends() {
    let bench = Bench::new();
    let (journal, faults) = open(&bench);
    journal.append(entry(0)).await.unwrap();
    faults.sync.store(true, Ordering::SeqCst);
    journal.append(entry(1)).await.unwrap_err();
    tokio::time::timeout(Duration::from_secs(5), journal.close())
        .await
        .unwrap();
    // The last attempt's record of the gap was written, though not synced: it may stay.
    let (journal, recovery) = bench.open();
    assert_eq!(recovery.last, Some(1));
    drop(journal);
    assert_eq!(bench.records()[1].body["type"], "gap");
    bench.verify().unwrap();
}

#[tokio::test]
async fn one_sync_serves_a_group_and_comes_before_the_answer() {
    let bench = Bench::new();
    let (journal, faults) = open(&bench);
    journal.append(entry(0)).await.unwrap();
    let trace = faults.trace.lock().unwrap().clone();
    // Before the first answer: the new segment's name, the record, its sync, in this order.
    let order: Vec<_> = trace.iter().rev().take(4).rev().copied().collect();
    assert_eq!(order, ["create", "directory", "append", "sync"]);
    let before = faults.syncs.load(Ordering::SeqCst);
    faults.stall.store(true, Ordering::SeqCst);
    let many: Vec<_> = (0..200)
        .map(|number| journal.append(entry(number)))
        .collect();
    let passes: Vec<_> = (0..50).map(|_| journal.pass(50, "http")).collect();
    faults.stall.store(false, Ordering::SeqCst);
    for append in many {
        append.await.unwrap();
    }
    for pass in passes {
        pass.await.unwrap();
    }
    // One for what the writer took before the rest was there, one for the rest.
    let syncs = faults.syncs.load(Ordering::SeqCst) - before;
    assert!(syncs <= 2, "{syncs} syncs for 250 requests");
}

#[tokio::test]
async fn a_start_that_fails_half_way_loses_nothing() {
    let bench = Bench::new();
    let durable = bench.directory().join("durable");
    let (journal, _) = bench.open();
    journal.append(entry(0)).await.unwrap();
    let early = lapwing_core::bounded::read_file(&durable, 1 << 10).unwrap();
    for number in 1..50 {
        journal.append(entry(number)).await.unwrap();
    }
    let crashed = bench.copy("crashed");
    // As if the station had died before it could say how far the disk had come.
    std::fs::write(crashed.join("durable"), early).unwrap();
    let mut settings = bench.settings.clone();
    settings.directory.clone_from(&crashed);
    let faults = Arc::new(Faults::default());
    let start = || {
        Journal::open_on(
            Arc::new(FaultyDisk(Arc::clone(&faults))),
            settings.clone(),
            &seed(),
            bench.keys.clone(),
            Arc::new(SystemClock),
        )
    };
    faults.append.store(true, Ordering::SeqCst);
    assert!(start().is_err());
    assert!(faults.trace.lock().unwrap().contains(&"rewrite"));
    faults.append.store(false, Ordering::SeqCst);
    let (journal, recovery) = start().unwrap();
    assert_eq!((recovery.last, recovery.torn_bytes), (Some(49), 0));
    journal.close().await;
}
