//! What the ledger keeps and how it is found again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use lapwing_core::{
    Asked, CanaryId, Decision, Declared, Delivery, DeliveryState, IncidentId, Occasion, Placement,
    PlacementId, PlacementState, StationId, TripId, Verb,
};
use lapwing_store::{Intent, Ledger, StoreError};

use crate::{Home, at, canary};

#[test]
fn a_canary_is_found_by_each_handle() {
    let home = Home::new();
    let ledger = home.ledger();
    let (one, handles) = canary("one");
    ledger.add(&one, &handles).unwrap();
    for (field, value) in &handles {
        let found = ledger.find(&home.digest(value)).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((&found[0].canary, &found[0].field), (&one, field));
    }
    assert!(ledger.find(&home.digest("note-one")).unwrap().is_empty());
    assert_eq!(ledger.canary(one.id).unwrap(), Some(one.clone()));
    assert_eq!(ledger.canary(CanaryId::fresh()).unwrap(), None);
    assert_eq!(ledger.canary_count().unwrap(), 1);
    let again = ledger.add(&one, &handles).unwrap_err();
    assert!(matches!(again, StoreError::Exists { .. }), "{again}");
    assert_eq!(ledger.canary_count().unwrap(), 1);
}

#[test]
fn one_value_may_be_several_handles() {
    let home = Home::new();
    let ledger = home.ledger();
    let (one, _) = canary("one");
    let (two, _) = canary("two");
    let twice = |a: &str, b: &str| {
        vec![
            (a.to_owned(), "v".to_owned()),
            (b.to_owned(), "v".to_owned()),
        ]
    };
    ledger.add(&one, &twice("account", "secret")).unwrap();
    ledger.add(&two, &twice("elsewhere", "account")).unwrap();
    let found = ledger.find(&home.digest("v")).unwrap();
    let fields: Vec<_> = found
        .iter()
        .map(|found| (found.canary.id, found.field.as_str()))
        .collect();
    assert_eq!(fields, [(one.id, "account"), (two.id, "elsewhere")]);
}

#[test]
fn retired_is_seen_at_once_and_stays_found() {
    let home = Home::new();
    let (station, other) = (home.ledger(), home.ledger());
    let (one, handles) = canary("one");
    other.add(&one, &handles).unwrap();
    let digest = home.digest(&handles[0].1);
    assert_eq!(station.find(&digest).unwrap()[0].canary.retired, None);
    assert!(other.retire(one.id, at(5)).unwrap());
    assert_eq!(
        station.find(&digest).unwrap()[0].canary.retired,
        Some(at(5))
    );
    assert!(!other.retire(one.id, at(6)).unwrap());
    assert_eq!(
        station.canary(one.id).unwrap().unwrap().retired,
        Some(at(5))
    );
    let nobody = other.retire(CanaryId::fresh(), at(7)).unwrap_err();
    assert!(matches!(nobody, StoreError::NoCanary { .. }));
}

#[test]
fn ids_resolve_by_their_beginning() {
    let home = Home::new();
    let ledger = home.ledger();
    let ids: Vec<CanaryId> = [
        "01a2b3c4-d5e6-7f80-9a0b-1c2d3e4f5a6b",
        "01a2b3c4-d5e6-7f80-9a0b-1c2d3e4f5a6c",
        "0fff0000-d5e6-7f80-9a0b-1c2d3e4f5a6c",
    ]
    .map(|id| id.parse().unwrap())
    .to_vec();
    for id in &ids {
        let (mut one, handles) = canary(&id.to_string());
        one.id = *id;
        ledger.add(&one, &handles).unwrap();
    }
    assert_eq!(ledger.resolve("0fff").unwrap(), ids[2]);
    assert_eq!(ledger.resolve("0FFF0000-D5").unwrap(), ids[2]);
    assert_eq!(ledger.resolve(&ids[1].to_string()).unwrap(), ids[1]);
    let check = |text: &str, says: &str| {
        let error = ledger.resolve(text).unwrap_err().to_string();
        assert!(error.contains(says), "{text}: {error}");
    };
    check("01a2", "give more characters");
    check("01a2b3c4-d5e6-7f80-9a0b-1c2d3e4f5a6", &ids[0].to_string());
    check("0fffe", "no canary");
    check("0ff", "at least the first 4");
    check("not an id", "is not a canary");
    check("'; DROP TABLE canaries", "is not a canary");
}

#[test]
fn canaries_are_listed_in_pages() {
    let home = Home::new();
    let ledger = home.ledger();
    let mut ids = Vec::new();
    for number in 0..25 {
        let (one, handles) = canary(&number.to_string());
        ledger.add(&one, &handles).unwrap();
        ids.push(one.id);
    }
    let mut seen = Vec::new();
    loop {
        let page = ledger.canaries(seen.last().copied(), 10).unwrap();
        if page.is_empty() {
            break;
        }
        seen.extend(page.into_iter().map(|canary| canary.id));
    }
    assert_eq!(seen, ids);
}

#[test]
fn bulk_comes_out_as_it_went_in_whatever_its_order() {
    let home = Home::new();
    let ledger = home.ledger();
    let mut canaries: Vec<_> = (0..3000)
        .map(|number| canary(&number.to_string()))
        .collect();
    canaries.reverse();
    let mut told = Vec::new();
    let mut next = canaries.iter().cloned();
    let before = ledger.generation();
    let total = ledger
        .add_many::<StoreError>(&mut || Ok(next.next()), &mut |count| told.push(count))
        .unwrap();
    assert_eq!((total, told.last()), (3000, Some(&3000)));
    assert_ne!(ledger.generation(), before);
    assert_eq!(ledger.canary_count().unwrap(), 3000);
    // A long log would make the next start slow.
    let log = std::fs::metadata(home.path().join("ledger.db-wal")).unwrap();
    assert_eq!(log.len(), 0);
    for (one, handles) in canaries.iter().step_by(97) {
        for (field, value) in handles {
            let found = ledger.find(&home.digest(value)).unwrap();
            assert_eq!((&found[0].canary, &found[0].field), (one, field));
        }
    }
    let listed = ledger.canaries(None, 5000).unwrap();
    assert!(listed.is_sorted_by_key(|canary| canary.id));
    assert_eq!(listed.len(), 3000);
}

#[test]
fn bulk_that_fails_adds_nothing_it_did_not_tell_of() {
    #[derive(Debug)]
    enum Failure {
        Store,
        Mine,
    }
    impl From<StoreError> for Failure {
        fn from(_: StoreError) -> Self {
            Self::Store
        }
    }
    let home = Home::new();
    let ledger = home.ledger();
    let mut left = 100;
    let mut told = 0;
    let mut give = || {
        left -= 1;
        if left == 0 {
            Err(Failure::Mine)
        } else {
            Ok(Some(canary(&left.to_string())))
        }
    };
    let result = ledger.add_many(&mut give, &mut |count| told = count);
    assert!(matches!(result, Err(Failure::Mine)));
    assert_eq!(ledger.canary_count().unwrap(), told);
    let (one, handles) = canary("one");
    let mut twice = [(one.clone(), handles.clone()), (one, handles)].into_iter();
    let result = ledger.add_many(&mut || Ok(twice.next()), &mut |count| told = count);
    assert!(matches!(result, Err(Failure::Store)));
    assert_eq!(ledger.canary_count().unwrap(), told);
    let mut none = || Ok::<_, Failure>(None);
    assert_eq!(ledger.add_many(&mut none, &mut |_| ()).unwrap(), 0);
    ledger.add(&canary("after").0, &[]).unwrap();
}

#[test]
fn every_change_is_seen_by_other_processes() {
    let home = Home::new();
    let (station, other) = (home.ledger(), home.ledger());
    let mut before = station.generation();
    let mut changed = |what: &str| {
        let now = station.generation();
        assert_ne!(now, before, "{what}");
        before = now;
    };
    let (one, handles) = canary("one");
    other.add(&one, &handles).unwrap();
    changed("add");
    let mut many = [canary("two")].into_iter();
    other
        .add_many::<StoreError>(&mut || Ok(many.next()), &mut |_| ())
        .unwrap();
    changed("add_many");
    other.retire(one.id, at(1)).unwrap();
    changed("retire");
    other.bind("a.example", "twilio").unwrap();
    changed("bind");
    other
        .decide(&Decision {
            time: at(2),
            verb: Verb::Acknowledge {
                incident: "i00000001-1".parse().unwrap(),
                by: String::new(),
            },
        })
        .unwrap();
    changed("decide");
    let still = station.generation();
    assert_eq!((station.generation(), other.generation()), (still, still));
}

#[test]
fn many_writers_lose_nothing() {
    let home = Home::new();
    home.ledger();
    let before = home.ledger().generation();
    thread::scope(|scope| {
        for writer in 0..4 {
            let home = &home;
            scope.spawn(move || {
                let ledger = home.ledger();
                for number in 0..20 {
                    let (one, handles) = canary(&format!("{writer}-{number}"));
                    ledger.add(&one, &handles).unwrap();
                    assert_eq!(ledger.find(&home.digest(&handles[1].1)).unwrap().len(), 1);
                }
            });
        }
    });
    let ledger = home.ledger();
    assert_eq!(ledger.canary_count().unwrap(), 80);
    assert_eq!(ledger.generation() - before, 80);
}

#[test]
fn many_readers_share_a_few_connections() {
    let home = Home::new();
    let ledger = home.ledger();
    let (one, handles) = canary("one");
    ledger.add(&one, &handles).unwrap();
    let digest = home.digest(&handles[0].1);
    let found = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let hits = ledger.find(&digest).unwrap().len() as u64;
                    found.fetch_add(hits, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(found.into_inner(), 800);
}

pub(crate) fn placement(canary: CanaryId, mark: &str) -> Placement {
    Placement {
        id: PlacementId::fresh(),
        canary,
        target: format!("/srv/{mark}/.env"),
        target_kind: format!("env-{mark}"),
        detail: serde_json::json!({ "ours": mark }),
        before: format!("before-{mark}"),
        after: format!("after-{mark}"),
        state: PlacementState::Intended,
        intended: at(0),
        planted: None,
        checked: None,
        accepted: Vec::new(),
        uprooted: None,
        asked: Asked {
            role: Some(format!("role-{mark}")),
            ..Asked::default()
        },
        declared: Some(Declared {
            deception: format!("deception-{mark}"),
            bait: "bait".to_owned(),
            file: "/srv/deception.yaml".to_owned(),
        }),
        replaces: None,
        supersedes: false,
    }
}

#[test]
fn placements_keep_their_latest_state() {
    let home = Home::new();
    let ledger = home.ledger();
    let ((one, of_one), (two, of_two)) = (canary("one"), canary("two"));
    let mut first = placement(one.id, "first");
    let second = placement(two.id, "second");
    let intent = |canary, handles: &[(String, String)], placement| Intent {
        canary,
        handles: handles.to_vec(),
        placement,
    };
    let before = ledger.generation();
    ledger
        .intend(&[
            intent(&one, &of_one, &first),
            intent(&two, &of_two, &second),
        ])
        .unwrap();
    assert_ne!(ledger.generation(), before);
    assert_eq!(ledger.find(&home.digest(&of_two[0].1)).unwrap().len(), 1);
    first.state = PlacementState::Planted;
    first.planted = Some(at(3));
    ledger.place_update(&first).unwrap();
    assert_eq!(
        ledger.placements().unwrap(),
        [first.clone(), second.clone()]
    );
    assert_eq!(
        ledger.placements_of(one.id).unwrap(),
        std::slice::from_ref(&first)
    );
    let missing = ledger.place_update(&placement(one.id, "third"));
    assert!(matches!(missing, Err(StoreError::Missing { .. })));
}

#[test]
fn a_canary_is_intended_for_one_place_and_all_or_nothing() {
    let home = Home::new();
    let ledger = home.ledger();
    let ((one, of_one), (two, of_two)) = (canary("one"), canary("two"));
    let intent = |canary, handles: &[(String, String)], placement| Intent {
        canary,
        handles: handles.to_vec(),
        placement,
    };
    let (here, there) = (placement(one.id, "here"), placement(one.id, "there"));
    let other = placement(two.id, "other");
    ledger.intend(&[intent(&one, &of_one, &here)]).unwrap();
    let again = ledger.intend(&[intent(&two, &of_two, &other), intent(&one, &of_one, &there)]);
    assert!(matches!(again, Err(StoreError::Exists { .. })));
    assert_eq!(ledger.placements().unwrap(), std::slice::from_ref(&here));
    assert_eq!(ledger.canary(two.id).unwrap(), None);
    let gone = Placement {
        state: PlacementState::Uprooted,
        ..here.clone()
    };
    ledger
        .settle(std::slice::from_ref(&gone), &[one.id], at(5))
        .unwrap();
    assert_eq!(ledger.placements().unwrap(), [gone]);
    let retired = ledger.canary(one.id).unwrap().unwrap().retired;
    assert_eq!(retired, Some(at(5)));
    assert_eq!(ledger.find(&home.digest(&of_one[0].1)).unwrap().len(), 1);
}

#[test]
fn a_canary_can_be_described_anew() {
    let home = Home::new();
    let ledger = home.ledger();
    let (one, handles) = canary("one");
    ledger.add(&one, &handles).unwrap();
    let labels = [("table".to_owned(), "users".to_owned())].into();
    ledger.describe(one.id, "other words", &labels).unwrap();
    let expected = lapwing_core::Canary {
        memo: "other words".to_owned(),
        labels,
        ..one
    };
    assert_eq!(ledger.canary(expected.id).unwrap(), Some(expected.clone()));
    let found = ledger.find(&home.digest(&handles[1].1)).unwrap();
    assert_eq!(
        (&found[0].canary, &found[0].field),
        (&expected, &handles[1].0)
    );
    let unknown = ledger.describe(CanaryId::fresh(), "", &Default::default());
    assert!(matches!(unknown, Err(StoreError::NoCanary { .. })));
}

pub(crate) fn delivery(key: &str, due: i64) -> Delivery {
    Delivery {
        key: key.to_owned(),
        channel: "mail".to_owned(),
        occasion: Occasion::Opened,
        message: serde_json::json!({ "place": "a place" }),
        queued: at(due),
        attempts: 0,
        due: at(due),
        state: DeliveryState::Pending,
        folded: None,
        delivered: None,
        error: String::new(),
    }
}

#[test]
fn pending_deliveries_are_counted_by_channel() {
    let home = Home::new();
    let ledger = home.ledger();
    let keys = ["i1/opened/1@mail", "i1/opened/1@hook", "i2/opened/1@hook"];
    let queued = keys.map(|key| delivery(key, 1));
    ledger.enqueue(&queued).unwrap();
    let counts = |ledger: &lapwing_store::Ledger| -> Vec<(String, u64)> {
        ledger.pending_by_channel().unwrap().into_iter().collect()
    };
    let count = |channel: &str, count| (channel.to_owned(), count);
    assert_eq!(counts(&ledger), [count("hook", 2), count("mail", 1)]);
    let mut dead = queued[1].clone();
    dead.state = DeliveryState::Dead;
    ledger.update_delivery(&dead).unwrap();
    assert_eq!(counts(&ledger), [count("hook", 1), count("mail", 1)]);
}

#[test]
fn deliveries_are_queued_once_and_come_due() {
    let home = Home::new();
    let ledger = home.ledger();
    let (mut a, b, c) = (delivery("a", 1), delivery("b", 2), delivery("c", 9));
    assert_eq!(ledger.enqueue(&[a.clone(), b.clone()]).unwrap(), 2);
    assert_eq!(
        ledger.enqueue(&[b.clone(), c.clone(), c.clone()]).unwrap(),
        1
    );
    assert_eq!(ledger.due(at(5), 10).unwrap(), [a.clone(), b.clone()]);
    assert_eq!(ledger.due(at(5), 1).unwrap(), std::slice::from_ref(&a));
    assert_eq!(ledger.pending_count().unwrap(), 3);
    a.state = DeliveryState::Delivered;
    a.delivered = Some(at(6));
    ledger.update_delivery(&a).unwrap();
    assert_eq!(ledger.due(at(9), 10).unwrap(), [b.clone(), c.clone()]);
    // What was delivered is not queued again.
    assert_eq!(ledger.enqueue(&[delivery("a", 20)]).unwrap(), 0);
    assert_eq!(ledger.deliveries(2).unwrap(), [c, b]);
    assert_eq!(ledger.delivery("a").unwrap(), Some(a));
    assert_eq!(ledger.delivery("z").unwrap(), None);
    let missing = ledger.update_delivery(&delivery("z", 1));
    assert!(matches!(missing, Err(StoreError::Missing { .. })));
}

#[test]
fn decisions_come_back_in_order() {
    let home = Home::new();
    let trip = TripId {
        station: StationId::new(1),
        sequence: 2,
    };
    let decisions = [
        Decision {
            time: at(9),
            verb: Verb::Acknowledge {
                incident: IncidentId(trip),
                by: "ana".to_owned(),
            },
        },
        Decision {
            time: at(3),
            verb: Verb::Close {
                incident: IncidentId(trip),
                reason: "done".to_owned(),
                by: String::new(),
            },
        },
        Decision {
            time: at(9),
            verb: Verb::Drill {
                canary: CanaryId::fresh(),
                nonce: "00".repeat(16),
                until: at(99),
            },
        },
    ];
    for decision in &decisions {
        home.ledger().decide(decision).unwrap();
    }
    assert_eq!(home.ledger().decisions().unwrap(), decisions);
}

#[test]
fn bindings_are_a_set() {
    let home = Home::new();
    let ledger = home.ledger();
    for (host, kind) in [
        ("b.example", "url"),
        ("a.example", "twilio"),
        ("b.example", "image"),
        ("b.example", "url"),
    ] {
        ledger.bind(host, kind).unwrap();
    }
    let pairs = ledger.bindings().unwrap();
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(host, kind)| (host.as_str(), kind.as_str()))
        .collect();
    assert_eq!(
        pairs,
        [
            ("a.example", "twilio"),
            ("b.example", "image"),
            ("b.example", "url")
        ]
    );
}

#[test]
fn backup_is_a_ledger_of_its_own() {
    let home = Home::new();
    let ledger = home.ledger();
    let (one, handles) = canary("one");
    ledger.add(&one, &handles).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let to = elsewhere.path().join("ledger.db");
    ledger.backup(&to).unwrap();
    ledger.add(&canary("two").0, &[]).unwrap();
    let copy = Ledger::open(elsewhere.path(), home.keys.clone()).unwrap();
    assert_eq!(copy.canaries(None, 9).unwrap(), [one]);
    let taken = ledger.backup(&to).unwrap_err().to_string();
    assert!(taken.contains("ledger.db"), "{taken}");
}
