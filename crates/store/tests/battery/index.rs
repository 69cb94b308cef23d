//! What the index takes in and gives back.

use std::net::SocketAddr;

use lapwing_core::{
    Actor, ActorId, CanaryId, Conclusion, Decision, Evidence, Grade, Incident, IncidentId,
    IncidentState, Judgement, NetworkFacts, StationId, Timestamp, TripId, Untold, Verb, Verdict,
};
use lapwing_store::{
    ActorFilter, Cursor, Followed, IncidentFilter, Index, Page, Seen, Tally, TripFilter, TripRow,
};

use crate::{Home, at};

pub(crate) const STATION: StationId = StationId::new(0x0a1b_2c3d);

pub(crate) fn id(station: u32, sequence: u64) -> TripId {
    TripId {
        station: StationId::new(station),
        sequence,
    }
}

fn number(of: u8) -> CanaryId {
    CanaryId::from_bytes([of; 16])
}

/// A trip; the incident and actor are named by sequence numbers of the same station.
fn trip(name: TripId, canary: u8, incident: u64, actor: u64) -> TripRow {
    let first = |sequence| TripId {
        station: name.station,
        sequence,
    };
    let even = name.sequence.is_multiple_of(2);
    TripRow {
        canary: number(canary),
        time: at(i64::try_from(name.sequence).unwrap()),
        source: if even {
            "192.0.2.7:4711"
        } else {
            "[2001:db8::7]:9"
        }
        .parse::<SocketAddr>()
        .unwrap(),
        count: 1 + name.sequence % 3,
        segment: 2,
        offset: name.sequence * 700,
        conclusion: Conclusion {
            trip: name,
            network: NetworkFacts {
                country: even.then(|| "NL".to_owned()),
                asn: even.then_some(64_496),
                ..NetworkFacts::default()
            },
            judgement: Judgement {
                verdict: if even {
                    Verdict::Intruder
                } else {
                    Verdict::Automated
                },
                reasons: vec!["It is so.".to_owned()],
                rules: 1,
            },
            incident: IncidentId(first(incident)),
            actor: ActorId(first(actor)),
            evidence: vec![Evidence {
                signal: "address".to_owned(),
                detail: "the same".to_owned(),
                to: Some(first(actor)),
                grade: Grade::A1,
                group: None,
                centibits: 0,
            }],
            mute: None,
            session: None,
        },
    }
}

pub(crate) fn followed(station: StationId, sequence: u64) -> Followed {
    Followed {
        station,
        sequence,
        segment: 2,
        offset: sequence * 700,
    }
}

/// Trips 1..=count, of canary sequence % 3, incident sequence % 5, actor sequence % 2, in batches of 7.
pub(crate) fn fill(index: &Index, station: u32, count: u64) -> Vec<TripRow> {
    let trips: Vec<TripRow> = (1..=count)
        .map(|sequence| {
            let canary = u8::try_from(sequence % 3).unwrap();
            trip(id(station, sequence), canary, sequence % 5, sequence % 2)
        })
        .collect();
    for chunk in trips.chunks(7) {
        let batch = index.batch().unwrap();
        chunk.iter().for_each(|trip| batch.add_trip(trip).unwrap());
        let last = chunk.last().unwrap().id();
        batch.commit(followed(last.station, last.sequence)).unwrap();
    }
    trips
}

/// All pages together; the cursor goes through text, as it does on a command line.
fn pages<T>(mut page: impl FnMut(Option<Cursor>) -> Page<T>) -> Vec<T> {
    let mut all = Vec::new();
    let mut cursor: Option<Cursor> = None;
    loop {
        let Page { rows, next } = page(cursor);
        assert!(
            !rows.is_empty() || next.is_none(),
            "an empty page that is not the last"
        );
        all.extend(rows);
        match next {
            Some(next) => cursor = Some(next.to_string().parse().unwrap()),
            None => return all,
        }
    }
}

fn check(index: &Index, trips: &[TripRow], filter: &TripFilter, wanted: impl Fn(&TripRow) -> bool) {
    let mut expected: Vec<&TripRow> = trips.iter().filter(|trip| wanted(trip)).collect();
    expected.sort_by_key(|trip| std::cmp::Reverse((trip.time, trip.id())));
    let found = pages(|before| {
        index
            .trips(&TripFilter {
                before,
                limit: 10,
                ..filter.clone()
            })
            .unwrap()
    });
    assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{filter:?}");
}

#[test]
fn an_index_made_anew_takes_the_place_of_the_old_one_only_when_it_is_whole() {
    let home = Home::new();
    let old = fill(&home.index(), 1, 20);
    let anew = Index::anew(home.path()).unwrap();
    let new = fill(&anew, 1, 50);
    check(&home.index(), &old, &TripFilter::default(), |_| true);
    check(&anew, &new, &TripFilter::default(), |_| true);
    drop(anew);
    // somebody reads the old one meanwhile
    let reading = home.index();
    check(&reading, &old, &TripFilter::default(), |_| true);
    Index::put_in_place(home.path()).unwrap();
    check(&home.index(), &new, &TripFilter::default(), |_| true);
    check(&reading, &old, &TripFilter::default(), |_| true);
    drop(reading);
    check(&home.index(), &new, &TripFilter::default(), |_| true);
    // one that was killed leaves the old one, and no room taken
    fill(&Index::anew(home.path()).unwrap(), 1, 5);
    check(&home.index(), &new, &TripFilter::default(), |_| true);
    Index::remove_unfinished(home.path()).unwrap();
    Index::remove_unfinished(home.path()).unwrap();
    check(&home.index(), &new, &TripFilter::default(), |_| true);
    let left = std::fs::read_dir(home.path()).unwrap().flatten();
    assert!(
        left.into_iter()
            .all(|entry| entry.file_type().unwrap().is_file())
    );
}

#[test]
fn trips_are_found_by_every_filter() {
    let home = Home::new();
    let index = home.index();
    let trips = fill(&index, 1, 100);
    let all = TripFilter::default;
    check(&index, &trips, &all(), |_| true);
    let canary = Some(number(2));
    check(&index, &trips, &TripFilter { canary, ..all() }, |trip| {
        Some(trip.canary) == canary
    });
    let incident = Some(IncidentId(id(1, 4)));
    check(&index, &trips, &TripFilter { incident, ..all() }, |trip| {
        Some(trip.conclusion.incident) == incident
    });
    let actor = Some(ActorId(id(1, 1)));
    check(&index, &trips, &TripFilter { actor, ..all() }, |trip| {
        Some(trip.conclusion.actor) == actor
    });
    check(
        &index,
        &trips,
        &TripFilter {
            actor,
            canary,
            incident,
            ..all()
        },
        |trip| {
            Some(trip.conclusion.actor) == actor
                && Some(trip.canary) == canary
                && Some(trip.conclusion.incident) == incident
        },
    );
    let verdict = Some(Verdict::Automated);
    check(
        &index,
        &trips,
        &TripFilter {
            verdict,
            canary,
            ..all()
        },
        |trip| trip.id().sequence % 2 == 1 && Some(trip.canary) == canary,
    );
    check(&index, &trips, &TripFilter { verdict, ..all() }, |trip| {
        trip.id().sequence % 2 == 1
    });
    let (since, until) = (Some(at(20)), Some(at(60)));
    let during = |trip: &TripRow| trip.time >= at(20) && trip.time < at(60);
    check(
        &index,
        &trips,
        &TripFilter {
            since,
            until,
            ..all()
        },
        during,
    );
    check(
        &index,
        &trips,
        &TripFilter {
            since,
            until,
            canary,
            ..all()
        },
        |trip| during(trip) && Some(trip.canary) == canary,
    );
    check(
        &index,
        &trips,
        &TripFilter {
            canary: Some(number(9)),
            ..all()
        },
        |_| false,
    );
    assert_eq!(index.trip(id(1, 17)).unwrap().as_ref(), Some(&trips[16]));
    assert_eq!(index.trip(id(1, 101)).unwrap(), None);
}

#[test]
fn times_out_of_order_are_found_all_the_same() {
    let home = Home::new();
    let index = home.index();
    let batch = index.batch().unwrap();
    // Far apart in sequence, so in different spans; the clock jumps back and forth.
    let trips: Vec<TripRow> = [
        (1, 500),
        (2, 10),
        (9_000, 400),
        (9_001, 20),
        (30_000, 600),
        (30_001, 15),
    ]
    .map(|(sequence, seconds)| TripRow {
        time: at(seconds),
        ..trip(id(1, sequence), 1, 1, 1)
    })
    .to_vec();
    trips.iter().for_each(|trip| batch.add_trip(trip).unwrap());
    batch.commit(followed(StationId::new(1), 30_001)).unwrap();
    let found = |filter: TripFilter| -> Vec<u64> {
        let rows = index
            .trips(&TripFilter {
                limit: 99,
                ..filter
            })
            .unwrap()
            .rows;
        rows.iter().map(|trip| trip.id().sequence).collect()
    };
    assert_eq!(
        found(TripFilter {
            since: Some(at(450)),
            ..TripFilter::default()
        }),
        [30_000, 1]
    );
    assert_eq!(
        found(TripFilter {
            until: Some(at(16)),
            ..TripFilter::default()
        }),
        [30_001, 2]
    );
    let canary = Some(number(1));
    assert_eq!(
        found(TripFilter {
            since: Some(at(450)),
            canary,
            ..TripFilter::default()
        }),
        [30_000, 1]
    );
}

#[test]
fn stations_are_merged_by_time() {
    let home = Home::new();
    let index = home.index();
    let mut trips = fill(&index, 1, 40);
    trips.extend(fill(&index, 2, 25));
    check(&index, &trips, &TripFilter::default(), |_| true);
    let positions = index.positions().unwrap();
    assert_eq!(
        positions,
        [
            followed(StationId::new(1), 40),
            followed(StationId::new(2), 25)
        ]
    );
    assert_eq!(
        index.position(StationId::new(2)).unwrap(),
        Some(positions[1])
    );
    assert_eq!(index.position(STATION).unwrap(), None);
}

#[test]
fn what_is_counted_adds_up() {
    let home = Home::new();
    let index = home.index();
    let trips = fill(&index, 1, 50);
    let tally = |wanted: &dyn Fn(&TripRow) -> bool| {
        let counts = trips
            .iter()
            .filter(|trip| wanted(trip))
            .map(|trip| trip.count);
        Tally {
            trips: counts.clone().count() as u64,
            uses: counts.sum(),
        }
    };
    for (verdict, counted) in index.counts().unwrap() {
        assert_eq!(
            counted,
            tally(&|trip| trip.conclusion.judgement.verdict == verdict)
        );
    }
    let stats = index.canary_stats(number(1)).unwrap().unwrap();
    assert_eq!(stats.tally, tally(&|trip| trip.canary == number(1)));
    assert_eq!(
        (stats.first, stats.last, stats.latest),
        (at(1), at(49), id(1, 49))
    );
    assert_eq!(index.canary_stats(number(7)).unwrap(), None);
}

fn incident(name: u64, canary: u8, actor: u64) -> Incident {
    Incident {
        id: IncidentId(id(1, name)),
        canary: number(canary),
        actor: ActorId(id(1, actor)),
        verdict: Verdict::Intruder,
        first: at(i64::try_from(name).unwrap()),
        last: at(i64::try_from(name).unwrap() + 5),
        count: 3,
        latest: id(1, name + 5),
        state: IncidentState::Open,
        untold: Untold::More,
    }
}

fn actor(name: u64) -> Actor {
    Actor {
        id: ActorId(id(1, name)),
        first: at(1),
        last: at(i64::try_from(name).unwrap()),
        count: name,
        addresses: vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()],
        fingerprints: vec!["f00d".to_owned()],
        canaries: vec![number(1)],
        latest: id(1, name),
    }
}

#[test]
fn a_batch_sees_what_was_put_before_and_in_it() {
    let home = Home::new();
    let index = home.index();
    let seen = Seen {
        actor: ActorId(id(1, 1)),
        trip: id(1, 3),
        time: at(3),
    };
    for round in 0..2 {
        let batch = index.batch().unwrap();
        let before = if round == 0 {
            None
        } else {
            Some(incident(8, 1, 1))
        };
        assert_eq!(
            batch.newest_incident(number(1), ActorId(id(1, 1))).unwrap(),
            before
        );
        assert_eq!(
            batch.signal("address", "192.0.2.1").unwrap(),
            (round > 0).then_some(seen)
        );
        assert_eq!(
            batch.actor(ActorId(id(1, 1))).unwrap(),
            (round > 0).then(|| actor(1))
        );
        batch.put_incident(&incident(3, 1, 1)).unwrap();
        batch.put_incident(&incident(8, 1, 1)).unwrap();
        // An older one that changes does not become the newest.
        let mut closed = incident(3, 1, 1);
        closed.state = IncidentState::Closed;
        batch.put_incident(&closed).unwrap();
        assert_eq!(
            batch.newest_incident(number(1), ActorId(id(1, 1))).unwrap(),
            Some(incident(8, 1, 1))
        );
        assert_eq!(batch.incident(closed.id).unwrap(), Some(closed));
        batch.put_actor(&actor(1));
        assert_eq!(batch.actor(ActorId(id(1, 1))).unwrap(), Some(actor(1)));
        batch.learn("address", "192.0.2.1", seen);
        assert_eq!(batch.signal("address", "192.0.2.1").unwrap(), Some(seen));
        assert_eq!(batch.signal("fingerprint", "192.0.2.1").unwrap(), None);
        batch.put_fact("rules", "7");
        batch.put_note("v/address/192.0.2.1", "{}");
        batch.put_note("v/address/192.0.2.1", "{\"hands\":2}");
        let kept = batch.note("v/address/192.0.2.1").unwrap();
        assert_eq!(kept.as_deref(), Some("{\"hands\":2}"));
        assert_eq!(batch.note("v/address").unwrap(), None);
        batch.commit(followed(StationId::new(1), 8)).unwrap();
    }
    assert_eq!(index.actor(ActorId(id(1, 1))).unwrap(), Some(actor(1)));
    assert_eq!(
        index.incident(IncidentId(id(1, 8))).unwrap(),
        Some(incident(8, 1, 1))
    );
    assert_eq!(index.fact("rules").unwrap().as_deref(), Some("7"));
    let kept = index.note("v/address/192.0.2.1").unwrap();
    assert_eq!(kept.as_deref(), Some("{\"hands\":2}"));
    index.wipe().unwrap();
    assert_eq!(index.note("v/address/192.0.2.1").unwrap(), None);
}

/// Sixty trips of five actors, 1 to 5, of which evidence joins the last to the first.
fn joined(index: &Index) -> Vec<TripRow> {
    let batch = index.batch().unwrap();
    let mut rows = Vec::new();
    for name in 1..=60 {
        let of = 1 + name % 5;
        let mut row = trip(id(1, name), 7, name, of);
        let block = name / 20 * 20;
        let first = (block.max(1)..=name).find(|other| 1 + other % 5 == of);
        row.conclusion.session = first.map(|first| id(1, first));
        batch.add_trip(&row).unwrap();
        let mut actor = batch
            .actor(ActorId(id(1, of)))
            .unwrap()
            .unwrap_or_else(|| actor(of));
        (actor.count, actor.latest) = (actor.count + row.count, row.id());
        batch.put_actor(&actor);
        rows.push(row);
    }
    batch.put_join(ActorId(id(1, 5)), ActorId(id(1, 1)));
    batch.put_join(ActorId(id(1, 5)), ActorId(id(1, 1)));
    batch.commit(followed(StationId::new(1), 60)).unwrap();
    rows
}

#[test]
fn actors_that_turned_out_to_be_one_are_read_as_one() {
    let home = Home::new();
    let index = home.index();
    let rows = joined(&index);
    let one = ActorId(id(1, 1));
    assert_eq!(index.joins().unwrap(), [(ActorId(id(1, 5)), one)]);
    let hands = index.hands(&[]).unwrap();
    for name in [1, 5] {
        let filter = TripFilter {
            actor: Some(ActorId(id(1, name))),
            limit: 1000,
            ..TripFilter::default()
        };
        let read = index.trips_as(&filter, &hands).unwrap().rows;
        let expected: Vec<TripId> = { rows.iter().rev() }
            .filter(|row| [1, 5].contains(&row.conclusion.actor.0.sequence))
            .map(TripRow::id)
            .collect();
        assert_eq!(read.iter().map(TripRow::id).collect::<Vec<_>>(), expected);
        assert!(read.iter().all(|row| row.conclusion.actor == one));
        let short = TripFilter { limit: 3, ..filter };
        assert_eq!(index.trips_as(&short, &hands).unwrap().rows.len(), 3);
    }
    let page = index
        .actors_as(
            &ActorFilter {
                limit: 10,
                ..ActorFilter::default()
            },
            &hands,
        )
        .unwrap();
    assert_eq!(page.rows.len(), 4);
    let whole = index.actor_as(ActorId(id(1, 5)), &hands).unwrap().unwrap();
    let part = |name| index.actor(ActorId(id(1, name))).unwrap().unwrap();
    assert_eq!(
        (whole.id, whole.count),
        (one, part(1).count + part(5).count)
    );
}

#[test]
fn sessions_that_the_operator_moved_are_read_where_they_are_now() {
    let home = Home::new();
    let index = home.index();
    let rows = joined(&index);
    let session = id(1, 20);
    let split = Decision {
        time: Timestamp::from_micros(0),
        verb: Verb::Split {
            actor: ActorId(id(1, 1)),
            sessions: vec![session],
            reason: "a test".to_owned(),
            by: "admin".to_owned(),
        },
    };
    let hands = index.hands(&[split]).unwrap();
    let of = |name: TripId| {
        let filter = TripFilter {
            actor: Some(ActorId(name)),
            limit: 1000,
            ..TripFilter::default()
        };
        let page = index.trips_as(&filter, &hands).unwrap();
        page.rows.iter().map(TripRow::id).collect::<Vec<_>>()
    };
    let is_moved = |row: &&TripRow| row.conclusion.session == Some(session);
    let moved: Vec<TripId> = { rows.iter().rev() }
        .filter(is_moved)
        .map(TripRow::id)
        .collect();
    assert_eq!(of(session), moved);
    let page = index
        .actors_as(
            &ActorFilter {
                limit: 10,
                ..ActorFilter::default()
            },
            &hands,
        )
        .unwrap();
    let counted: u64 = page.rows.iter().map(|actor| actor.count).sum();
    assert!(page.rows.iter().any(|actor| actor.id == ActorId(session)));
    assert!(counted > 0 && !of(id(1, 1)).iter().any(|trip| moved.contains(trip)));
}

#[test]
fn incidents_and_actors_are_listed() {
    let home = Home::new();
    let index = home.index();
    fill(&index, 1, 60);
    let batch = index.batch().unwrap();
    for name in 1..=30 {
        let canary = u8::try_from(name % 3).unwrap();
        let mut one = incident(name, canary, name % 4);
        if name % 2 == 0 {
            one.state = IncidentState::Closed;
        }
        batch.put_incident(&one).unwrap();
        batch.put_actor(&actor(name));
    }
    batch.commit(followed(StationId::new(1), 60)).unwrap();
    let names = |filter: IncidentFilter| -> Vec<u64> {
        let all = pages(|before| {
            index
                .incidents(&IncidentFilter {
                    before,
                    limit: 4,
                    ..filter.clone()
                })
                .unwrap()
        });
        all.iter().map(|incident| incident.id.0.sequence).collect()
    };
    let expect = |wanted: &dyn Fn(u64) -> bool| {
        (1..=30)
            .rev()
            .filter(|name| wanted(*name))
            .collect::<Vec<u64>>()
    };
    let all = IncidentFilter::default;
    assert_eq!(names(all()), expect(&|_| true));
    assert_eq!(
        names(IncidentFilter {
            canary: Some(number(2)),
            ..all()
        }),
        expect(&|name| name % 3 == 2)
    );
    assert_eq!(
        names(IncidentFilter {
            actor: Some(ActorId(id(1, 3))),
            ..all()
        }),
        expect(&|name| name % 4 == 3)
    );
    assert_eq!(
        names(IncidentFilter {
            state: Some(IncidentState::Open),
            ..all()
        }),
        expect(&|name| name % 2 == 1)
    );
    assert_eq!(
        names(IncidentFilter {
            since: Some(at(30)),
            ..all()
        }),
        expect(&|name| name >= 25)
    );
    // All actors were first seen at the same time; the names decide.
    let actors = pages(|before| {
        index
            .actors(&ActorFilter {
                before,
                limit: 4,
                since: Some(at(11)),
            })
            .unwrap()
    });
    let actors: Vec<u64> = actors.iter().map(|actor| actor.id.0.sequence).collect();
    assert_eq!(actors, expect(&|name| name >= 11));
}

#[test]
fn an_abandoned_batch_leaves_no_trace() {
    let home = Home::new();
    let index = home.index();
    let trips = fill(&index, 1, 10);
    let batch = index.batch().unwrap();
    batch.add_trip(&trip(id(1, 11), 1, 1, 1)).unwrap();
    batch.put_actor(&actor(1));
    drop(batch);
    check(&index, &trips, &TripFilter::default(), |_| true);
    assert_eq!(
        index.position(StationId::new(1)).unwrap(),
        Some(followed(StationId::new(1), 10))
    );
    let batch = index.batch().unwrap();
    assert_eq!(
        batch.position(StationId::new(1)).unwrap().unwrap().sequence,
        10
    );
    // The same trip twice is a mistake of the caller, and found.
    assert!(batch.add_trip(&trips[3]).is_err());
}

#[test]
fn wiped_or_destroyed_it_starts_over() {
    let home = Home::new();
    let index = home.index();
    fill(&index, 1, 30);
    index.wipe().unwrap();
    assert_eq!(index.positions().unwrap(), []);
    assert_eq!(
        index
            .counts()
            .unwrap()
            .iter()
            .map(|(_, tally)| tally.trips)
            .sum::<u64>(),
        0
    );
    let trips = fill(&index, 1, 20);
    check(
        &index,
        &trips,
        &TripFilter {
            canary: Some(number(1)),
            ..TripFilter::default()
        },
        |trip| trip.canary == number(1),
    );
    drop(index);
    Index::destroy(home.path()).unwrap();
    Index::destroy(home.path()).unwrap();
    let index = home.index();
    check(&index, &[], &TripFilter::default(), |_| true);
}

#[test]
fn readers_see_committed_batches_of_another_handle() {
    let home = Home::new();
    let (station, desk) = (home.index(), home.index());
    let trips = fill(&station, 1, 10);
    let batch = station.batch().unwrap();
    batch.add_trip(&trip(id(1, 11), 1, 1, 1)).unwrap();
    check(&desk, &trips, &TripFilter::default(), |_| true);
    batch.commit(followed(StationId::new(1), 11)).unwrap();
    assert!(desk.trip(id(1, 11)).unwrap().is_some());
}

#[test]
fn cursors_are_text() {
    for text in [
        "after-0a1b2c3d-17",
        "0a1b2c3d-17",
        "0a1b2c3d-17,0a1b2c3e-18446744073709551615",
    ] {
        let cursor: Cursor = text.parse().unwrap();
        assert_eq!(cursor.to_string(), text);
    }
    for bad in [
        "",
        "after-",
        "x",
        "0a1b2c3d-17,",
        "after-0a1b2c3d-17,0a1b2c3d-17",
    ] {
        assert!(bad.parse::<Cursor>().is_err(), "{bad}");
    }
}
