//! Measures the ledger: `ledger_rate [CANARIES]`. Prints the rate of bulk adding, how long the
//! filter of known digests takes to build, look-ups per second, and memory.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement, run by hand"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use lapwing_core::{Canary, CanaryId, Clock, Digest, Keyring, MasterKey, SystemClock, bounded};
use lapwing_store::{Known, Ledger, StoreError};

fn main() {
    let count: u64 = std::env::args()
        .nth(1)
        .map_or(1_000_000, |text| text.parse().unwrap());
    let directory = tempfile::tempdir_in(".").unwrap();
    let keys = Keyring::new(&MasterKey::generate(), 1);
    let ledger = Ledger::open(directory.path(), keys.clone()).unwrap();
    add(&ledger, count);
    drop(ledger);
    let begun = Instant::now();
    let ledger = Arc::new(Ledger::open(directory.path(), keys.clone()).unwrap());
    let known = Known::new(Arc::clone(&ledger));
    println!("open in {:?}", begun.elapsed());
    while !known.ready() {
        std::thread::yield_now();
    }
    println!("filter built in {:?}; {} MB", begun.elapsed(), memory());
    let digests: Vec<Digest> = (0..100_000)
        .map(|_| rand::random_range(0..count))
        .map(|number| keys.digest(format!("secret-{number}").as_bytes()))
        .collect();
    let begun = Instant::now();
    for digest in &digests {
        assert!(known.possibly(digest));
        assert_eq!(ledger.find(digest).unwrap().len(), 1);
    }
    let rate = 100_000.0 / begun.elapsed().as_secs_f64();
    println!("{rate:.0} hits/s on one thread; {} MB", memory());
    let begun = Instant::now();
    let wrong = (0..1_000_000)
        .filter(|_| {
            known.catch_up().unwrap();
            known.possibly(&Digest(rand::random()))
        })
        .count();
    let rate = 1_000_000.0 / begun.elapsed().as_secs_f64();
    println!(
        "{rate:.0} misses/s, {:.2} % of them asked of the ledger",
        wrong as f64 / 1e4
    );
    let begun = Instant::now();
    ledger.backup(&directory.path().join("backup.db")).unwrap();
    println!("backup in {:?}; {} MB", begun.elapsed(), memory());
}

fn add(ledger: &Ledger, count: u64) {
    let begun = Instant::now();
    let mut number = 0;
    let mut next = || {
        if number == count {
            return Ok(None);
        }
        number += 1;
        Ok(Some(canary(number - 1)))
    };
    let mut last = Instant::now();
    let mut longest = last.elapsed();
    ledger
        .add_many::<StoreError>(&mut next, &mut |_| {
            longest = longest.max(last.elapsed());
            last = Instant::now();
        })
        .unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    let rate = count as f64 / seconds;
    println!(
        "{count} added in {seconds:.1} s: {rate:.0} a second; longest step {longest:?}; {} MB",
        memory()
    );
}

fn canary(number: u64) -> (Canary, Vec<(String, String)>) {
    let handles = vec![
        ("account".to_owned(), format!("account-{number}")),
        ("secret".to_owned(), format!("secret-{number}")),
    ];
    let mut fields: BTreeMap<String, String> = handles.iter().cloned().collect();
    fields.insert(
        "beacon.url".to_owned(),
        format!("https://relay.example/{number:032x}"),
    );
    let canary = Canary {
        id: CanaryId::fresh(),
        kind: "twilio".to_owned(),
        memo: String::new(),
        labels: BTreeMap::new(),
        fields,
        minted: SystemClock.now(),
        retired: None,
    };
    (canary, handles)
}

/// Resident memory now and at its highest, in MB.
fn memory() -> String {
    let status = bounded::read_text(Path::new("/proc/self/status"), 1 << 16).unwrap();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kib / 1024
    };
    format!("{} (at most {})", field("VmRSS:"), field("VmHWM:"))
}
