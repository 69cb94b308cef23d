//! What is taken out of the index leaves no row and no bytes.

use lapwing_core::ActorId;
use lapwing_store::{Forgotten, Seen, Signal};

use crate::index::{STATION, fill, followed, id};
use crate::{Home, at};

#[test]
fn what_is_forgotten_leaves_no_bytes_and_the_rest_stays() {
    let home = Home::new();
    let index = home.index();
    let batch = index.batch().unwrap();
    // Enough for pages to be split, and rows to be moved.
    let value = |number: u64| format!("v/agent/secret-{number:04}");
    let long = |number: u64| format!("secret-{number:04}").repeat(1 + number as usize % 40);
    for number in 0..1000 {
        batch.put_note(&value(number * 7 % 1000), &long(number * 7 % 1000));
        let seen = Seen {
            actor: ActorId(id(1, number)),
            trip: id(1, number % 2),
            time: at(1),
        };
        batch.learn("name", &format!("hidden-{number:04}"), seen);
    }
    batch.put_note("s/1-1", "stays");
    batch.commit(followed(STATION, 1)).unwrap();

    let seen = index.seen_in("name", &[id(1, 1)].into()).unwrap();
    assert_eq!(seen.len(), 500);
    let elsewhere = Signal {
        session: id(1, 9),
        ..seen[0].clone()
    };
    let mut pages = Vec::new();
    while let page = index.notes(
        "v/",
        pages.last().map_or("", |(name, _): &(String, _)| name),
        99,
    ) && !page.as_ref().unwrap().is_empty()
    {
        pages.extend(page.unwrap());
    }
    let names: Vec<String> = pages.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(names, (0..1000).map(value).collect::<Vec<_>>());
    for _ in 0..2 {
        let forget = index.forget(|note| {
            assert_eq!(note("s/1-1")?.as_deref(), Some("stays"));
            let gone = names.iter().skip(1).map(|name| (name.clone(), None));
            let changed = (names[0].clone(), Some("changed".to_owned()));
            Ok(Forgotten {
                notes: gone.chain([changed]).collect(),
                signals: seen
                    .iter()
                    .skip(1)
                    .cloned()
                    .chain([elsewhere.clone()])
                    .collect(),
            })
        });
        forget.unwrap();
    }
    assert!(index.fold_log().unwrap());
    assert_eq!(
        index.notes("", "", 10).unwrap(),
        [
            ("s/1-1".to_owned(), "stays".to_owned()),
            (names[0].clone(), "changed".to_owned())
        ]
    );
    assert_eq!(
        index.seen_in("name", &[id(1, 1)].into()).unwrap(),
        seen[..1]
    );
    assert_eq!(
        index.seen_in("name", &[id(1, 0)].into()).unwrap().len(),
        500
    );
    let mut bytes = Vec::new();
    for name in ["index.db", "index.db-wal"] {
        let file = home.path().join(name);
        bytes.extend(lapwing_core::bounded::read_file(&file, 1 << 30).unwrap_or_default());
    }
    let text = String::from_utf8_lossy(&bytes);
    assert!((1..1000).all(|number| !text.contains(&format!("secret-{number:04}"))));
    assert!(text.contains("secret-0000") && text.contains("hidden-0000"));
    assert!(seen[1..].iter().all(|signal| !text.contains(&signal.value)));
}

#[test]
fn trips_are_read_on_from_one() {
    let home = Home::new();
    let index = home.index();
    let trips = fill(&index, 1, 9);
    fill(&index, 2, 3);
    let from = index.trips_from(trips[4].id(), 3).unwrap();
    assert_eq!(from, trips[4..7]);
    assert_eq!(index.trips_from(id(1, 1000), 3).unwrap(), []);
}
