//! The filter never says no to what is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lapwing_core::Digest;
use lapwing_store::{Known, StoreError};

use crate::{Home, canary};

fn wait_until_ready(known: &Known) {
    let begun = Instant::now();
    while !known.ready() {
        assert!(begun.elapsed() < Duration::from_secs(10), "never ready");
        thread::sleep(Duration::from_millis(1));
    }
}

fn unknown_answers(known: &Known) -> usize {
    (0..2000)
        .filter(|_| known.possibly(&Digest(rand::random())))
        .count()
}

#[test]
fn everything_there_is_possible_and_little_else() {
    let home = Home::new();
    let ledger = Arc::new(home.ledger());
    let mut canaries = (0..2000).map(|number| canary(&number.to_string()));
    ledger
        .add_many::<StoreError>(&mut || Ok(canaries.next()), &mut |_| ())
        .unwrap();
    let known = Known::new(Arc::clone(&ledger));
    let is_known = |number: u32| {
        let account = known.possibly(&home.digest(&format!("account-{number}")));
        account && known.possibly(&home.digest(&format!("secret-{number}")))
    };
    assert!((0..2000).all(is_known), "while it is built");
    wait_until_ready(&known);
    assert!((0..2000).all(is_known), "when it is built");
    assert!(unknown_answers(&known) < 100);
    let (one, handles) = canary("2000");
    home.ledger().add(&one, &handles).unwrap();
    known.refresh().unwrap();
    assert!(is_known(2000), "after a refresh");
}

#[test]
fn it_grows_past_its_first_size() {
    let home = Home::new();
    let ledger = Arc::new(home.ledger());
    let known = Known::new(Arc::clone(&ledger));
    wait_until_ready(&known);
    // Made-up handles keep this quick: 10 canaries with 9,000 each.
    for number in 0..10 {
        let (one, _) = canary(&number.to_string());
        let handles: Vec<_> = (0..9_000)
            .map(|handle| ("account".to_owned(), format!("{number}-{handle}")))
            .collect();
        let mut once = Some((one, handles));
        ledger
            .add_many::<StoreError>(&mut || Ok(once.take()), &mut |_| ())
            .unwrap();
        known.refresh().unwrap();
    }
    for number in 0..10 {
        for handle in (0..9_000).step_by(7) {
            assert!(known.possibly(&home.digest(&format!("{number}-{handle}"))));
        }
    }
    assert!(unknown_answers(&known) < 150);
}

/// Writers add while readers catch up: whatever was added before a reader looks, it must find.
#[test]
fn no_false_no_while_others_add() {
    let home = Home::new();
    let ledger = Arc::new(home.ledger());
    let mut canaries = (0..500).map(|number| canary(&format!("old-{number}")));
    ledger
        .add_many::<StoreError>(&mut || Ok(canaries.next()), &mut |_| ())
        .unwrap();
    for round in 0..4 {
        let known = Known::new(Arc::clone(&ledger));
        let stop = AtomicBool::new(false);
        let added = std::sync::Mutex::new(Vec::new());
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let mut last = false;
                    while !last {
                        last = stop.load(Ordering::SeqCst);
                        let there: Vec<Digest> = added.lock().unwrap().clone();
                        known.catch_up().unwrap();
                        assert!(there.iter().all(|digest| known.possibly(digest)));
                    }
                });
            }
            let other = home.ledger();
            for number in 0..30 {
                let (one, handles) = canary(&format!("{round}-{number}"));
                other.add(&one, &handles).unwrap();
                let digests = handles.iter().map(|(_, value)| home.digest(value));
                added.lock().unwrap().extend(digests);
            }
            stop.store(true, Ordering::SeqCst);
        });
    }
}
