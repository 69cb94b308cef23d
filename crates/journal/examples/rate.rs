//! Durable records a second at 64 and 256 concurrent tasks, beside a bare group-committing
//! appender that writes the same number of bytes and syncs them the same way.
//!
//! `cargo run --release -p lapwing-journal --example rate [seconds]`
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use lapwing_core::{Keyring, MasterKey, StationId, SystemClock};
use lapwing_journal::{Entry, Journal, Settings, SigningSeed};
use serde_json::json;
use tokio::sync::oneshot;

/// A group-committing appender with nothing else to it.
#[derive(Default)]
struct Bare {
    queue: Mutex<Vec<(Vec<u8>, oneshot::Sender<()>)>>,
    arrived: Condvar,
}

impl Bare {
    fn start(path: &Path) -> Arc<Self> {
        let bare = Arc::new(Self::default());
        let writer = Arc::clone(&bare);
        let mut options = OpenOptions::new();
        let mut file = options.create(true).append(true).open(path).unwrap();
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            loop {
                let mut queue = writer.queue.lock().unwrap();
                while queue.is_empty() {
                    queue = writer.arrived.wait(queue).unwrap();
                }
                let group = std::mem::take(&mut *queue);
                drop(queue);
                bytes.clear();
                group.iter().for_each(|one| bytes.extend_from_slice(&one.0));
                file.write_all(&bytes).unwrap();
                file.sync_data().unwrap();
                for (_, done) in group {
                    let _ = done.send(());
                }
            }
        });
        bare
    }

    async fn append(&self, line: Vec<u8>) {
        let (done, wait) = oneshot::channel();
        self.queue.lock().unwrap().push((line, done));
        self.arrived.notify_one();
        wait.await.unwrap();
    }
}

fn entry() -> Entry {
    Entry {
        body: json!({
            "type": "trip", "canary": "01a2b3c4-d5e6-7f80-9a0b-1c2d3e4f5a6b", "epoch": 1,
            "fields": [{"field": "account_sid", "carrier": "path"}],
            "observed": {"peer": "192.0.2.7:40312", "local": "198.51.100.3:80", "protocol": "http/1.1"},
            "decoy": {"kind": "twilio", "rule": "messages", "status": 201},
        })
        .into(),
        parts: vec![("raw", vec![b'x'; 500]), ("claims", vec![b'y'; 300])],
        via: String::new(),
    }
}

async fn measure<F: Future<Output = ()> + Send>(
    tasks: usize,
    length: Duration,
    work: impl Fn() -> F + Clone + Send + 'static,
) -> f64 {
    let count = Arc::new(AtomicU64::new(0));
    let begin = Instant::now();
    let all: Vec<_> = (0..tasks)
        .map(|_| {
            let (work, count) = (work.clone(), Arc::clone(&count));
            let task = async move {
                while begin.elapsed() < length {
                    work().await;
                    count.fetch_add(1, Ordering::Relaxed);
                }
            };
            tokio::spawn(task)
        })
        .collect();
    for one in all {
        one.await.unwrap();
    }
    count.load(Ordering::Relaxed) as f64 / begin.elapsed().as_secs_f64()
}

#[tokio::main]
async fn main() {
    let seconds = std::env::args()
        .nth(1)
        .map_or(3, |text| text.parse().unwrap());
    let length = Duration::from_secs(seconds);
    let home = tempfile::tempdir_in(".").unwrap();
    let settings = Settings {
        directory: home.path().join("journal"),
        station: StationId::new(1),
        origin: "rate".to_owned(),
        segment_bytes: 64 << 20,
        checkpoint_records: 10_000,
        checkpoint_seconds: 60,
    };
    let keys = Keyring::new(&MasterKey::generate(), 1);
    let seed = SigningSeed::from([1; 32]);
    let (journal, _) = Journal::open(settings.clone(), seed, keys, Arc::new(SystemClock)).unwrap();
    journal.append(entry()).await.unwrap();
    let first = settings.directory.join(format!("{:020}.jsonl", 0));
    let size = usize::try_from(std::fs::metadata(first).unwrap().len()).unwrap();
    println!("a record with its parts takes {size} bytes");
    let bare = Bare::start(&home.path().join("bare"));
    for tasks in [1, 64, 256] {
        let (bare, ours) = (Arc::clone(&bare), journal.clone());
        let plain = measure(tasks, length, move || {
            let bare = Arc::clone(&bare);
            async move { bare.append(vec![b'x'; size]).await }
        });
        let plain = plain.await;
        let full = measure(tasks, length, move || {
            let ours = ours.clone();
            async move { ours.append(entry()).await.map(|_| ()).unwrap() }
        });
        let full = full.await;
        println!(
            "{tasks:4} tasks: bare {plain:9.0}/s  journal {full:9.0}/s  {:.2}",
            full / plain
        );
    }
    journal.close().await;
}
