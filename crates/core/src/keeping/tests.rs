//! Decisions on keeping, replayed.

use super::*;
use crate::id::StationId;

fn trip(sequence: u64) -> TripId {
    TripId {
        station: StationId::new(1),
        sequence,
    }
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_micros(0).plus_seconds(seconds)
}

fn at(seconds: i64, verb: Verb) -> Decision {
    Decision {
        time: time(seconds),
        verb,
    }
}

fn hold(number: u32, on: HoldOn, until: Option<i64>) -> Verb {
    Verb::Hold(Hold {
        hold: HoldId::new(number),
        on,
        by: "ana".to_owned(),
        reason: "the court asks".to_owned(),
        until: until.map(time),
    })
}

fn erase(number: u32, what: What) -> Verb {
    Verb::Erase(Erase {
        erase: EraseId::new(number),
        what,
        reason: format!("reason {number}"),
        by: "ana".to_owned(),
    })
}

const CANARY: CanaryId = CanaryId::from_bytes([1; 16]);
const OTHER: CanaryId = CanaryId::from_bytes([2; 16]);

#[test]
fn every_decision_is_read_back() {
    let older = What::Older(Ages {
        raw: Some(time(5)),
        ..Ages::default()
    });
    let parts = vec![Part::Raw, Part::Captured("sms.to".to_owned())];
    let one = What::Trip {
        trip: trip(7),
        parts,
    };
    let done = Verb::Erased(Erased {
        erase: EraseId::new(3),
        parts: 1,
        bytes: 2,
        held: 0,
        snapshots: 0,
        lines: 0,
        failed: None,
    });
    let unhold = Verb::Unhold {
        hold: HoldId::new(1),
        by: "bo".to_owned(),
    };
    let verbs = [
        hold(1, HoldOn::All, None),
        hold(2, HoldOn::Incident(IncidentId(trip(1))), Some(9)),
        hold(3, HoldOn::Trip(trip(2)), None),
        unhold,
        erase(1, older),
        erase(2, one),
        done,
    ];
    for verb in verbs {
        let decision = at(1, verb);
        let text = serde_json::to_string(&decision).expect("it is written");
        let read: Decision = serde_json::from_str(&text).expect("it is read");
        assert_eq!(read, decision, "{text}");
    }
}

#[test]
fn a_hold_covers_what_it_names_while_it_holds() {
    let incident = IncidentId(trip(1));
    let actor = ActorId(trip(1));
    let concluded = Some((incident, &[actor][..]));
    for (on, covered, other) in [
        (HoldOn::All, true, true),
        (HoldOn::Canary(CANARY), true, false),
        (HoldOn::Trip(trip(2)), true, false),
        (HoldOn::Incident(incident), true, true),
        (HoldOn::Actor(actor), true, true),
    ] {
        let decisions = [at(0, hold(1, on, Some(10)))];
        let now = Holds::at(&decisions, time(9));
        let held = |cover| cover == Cover::Held(HoldId::new(1));
        assert_eq!(held(now.cover(trip(2), CANARY, concluded)), covered, "{on}");
        assert_eq!(held(now.cover(trip(3), OTHER, concluded)), other, "{on}");
        let lapsed = Holds::at(&decisions, time(10));
        assert_eq!(lapsed.cover(trip(2), CANARY, concluded), Cover::Free);
    }
}

#[test]
fn without_conclusions_it_is_not_known_whether_an_incident_is_held() {
    let on = HoldOn::Incident(IncidentId(trip(1)));
    let holds = Holds::at(&[at(0, hold(1, on, None))], time(1));
    assert!(holds.ask_conclusions());
    assert_eq!(holds.cover(trip(2), CANARY, None), Cover::Unknown);
    let other = Some((IncidentId(trip(5)), &[][..]));
    assert_eq!(holds.cover(trip(2), CANARY, other), Cover::Free);
}

#[test]
fn a_hold_that_was_ended_holds_nothing() {
    let unhold = Verb::Unhold {
        hold: HoldId::new(1),
        by: "ana".to_owned(),
    };
    let decisions = [
        at(0, hold(1, HoldOn::All, None)),
        at(0, hold(2, HoldOn::Trip(trip(2)), None)),
        at(5, unhold),
    ];
    let holds = Holds::at(&decisions, time(6));
    assert_eq!(holds.cover(trip(9), CANARY, None), Cover::Free);
    assert_eq!(
        holds.cover(trip(2), CANARY, None),
        Cover::Held(HoldId::new(2))
    );
    assert_eq!(super::holds(&decisions)[0].1.until, Some(time(5)));
}

#[test]
fn what_was_carried_out_is_not_pending() {
    let all = || What::Older(Ages::default());
    let done = Verb::Erased(Erased {
        erase: EraseId::new(1),
        parts: 0,
        bytes: 0,
        held: 0,
        snapshots: 0,
        lines: 0,
        failed: None,
    });
    let decisions = [at(0, erase(1, all())), at(1, erase(2, all())), at(2, done)];
    let open: Vec<EraseId> = pending(&decisions).iter().map(|it| it.erase).collect();
    assert_eq!(open, [EraseId::new(2)]);
}

#[test]
fn the_reason_is_that_of_the_trip_before_that_of_its_age() {
    let older = What::Older(Ages {
        claims: Some(time(100)),
        ..Ages::default()
    });
    let one = What::Trip {
        trip: trip(7),
        parts: vec![Part::Claims],
    };
    let decisions = [at(200, erase(1, older)), at(300, erase(2, one))];
    let source = "192.0.2.1".parse().unwrap();
    let why = |sequence, seconds| {
        let why = why_erased(&decisions, trip(sequence), time(seconds), source);
        why.map(|why| why.reason)
    };
    assert_eq!(why(7, 50).as_deref(), Some("reason 2"));
    assert_eq!(why(8, 50).as_deref(), Some("reason 1"));
    assert_eq!(why(8, 100), None);
}

#[test]
fn ages_name_the_classes_that_go() {
    let ages = Ages {
        raw: Some(time(10)),
        claims: None,
        captures: Some(time(20)),
        lookups: Some(time(30)),
    };
    let classes = |seconds| ages.classes(time(seconds)).collect::<Vec<_>>();
    assert_eq!(classes(5), [Part::Raw, Part::Captures]);
    assert_eq!(classes(10), [Part::Captures]);
    assert_eq!(classes(20), []);
    assert_eq!(
        (ages.oldest(), ages.newest()),
        (Some(time(10)), Some(time(20)))
    );
    assert!("captured:".parse::<Part>().is_err());
}

#[test]
fn erasures_are_told_with_what_came_of_them() {
    let ages = Ages {
        lookups: Some(time(4)),
        ..Ages::default()
    };
    assert!(!ages.is_empty() && ages.newest().is_none());
    let address = "192.0.2.7".parse().unwrap();
    let from_there = What::Address {
        address,
        parts: vec![Part::Raw],
    };
    let done = Erased {
        erase: EraseId::new(1),
        parts: 0,
        bytes: 0,
        held: 1,
        snapshots: 2,
        lines: 3,
        failed: None,
    };
    let decisions = [
        at(10, erase(1, What::Older(ages))),
        at(11, erase(2, from_there)),
        at(12, Verb::Erased(done.clone())),
    ];
    let told = erasures(&decisions);
    let came: Vec<_> = { told.iter() }
        .map(|one| (one.asked, one.done.as_ref().map(|done| done.time)))
        .collect();
    assert_eq!(came, [(time(10), Some(time(12))), (time(11), None)]);
    assert_eq!(told[0].done.as_ref().unwrap().erased, done);
    let why = |source: &str| why_erased(&decisions, trip(7), time(1), source.parse().unwrap());
    assert_eq!(why("192.0.2.7").unwrap().reason, "reason 2");
    assert_eq!(why("192.0.2.8"), None, "an age of look-ups takes no parts");
}
