//! Lists of both forms, histories of them, and answers for times.

use proptest::prelude::*;

use super::*;

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn list(at: &str, addresses: &[&str]) -> ExitList {
    ExitList {
        time: time(at),
        addresses: addresses.iter().map(|it| it.parse().unwrap()).collect(),
    }
}

const COLLECTOR: &str = "@type tordnsel 1.0
Downloaded 2026-11-27 12:02:00
ExitNode 63BA28370F543D175173E414D5450590D73E22DC
Published 2026-11-27 10:12:00
LastStatus 2026-11-27 11:00:00
ExitAddress 192.0.2.1 2026-11-27 11:06:49
ExitAddress 192.0.2.2 2026-11-27 11:07:49
@type tordnsel 1.0
Downloaded 2026-11-28 12:02:00
ExitNode 63BA28370F543D175173E414D5450590D73E22DC
Published 2026-11-28 10:12:00
LastStatus 2026-11-28 11:00:00
ExitAddress 192.0.2.2 2026-11-28 11:06:49
";

#[test]
fn both_forms_are_read() {
    let made = time("2026-11-28T13:00:00Z");
    let bulk = parse_lists("# comment\n192.0.2.1\r\n\n2001:db8::1\n192.0.2.1\n", made).unwrap();
    assert_eq!(
        bulk,
        [list("2026-11-28T13:00:00Z", &["192.0.2.1", "2001:db8::1"])]
    );
    let dated = parse_lists(COLLECTOR, made).unwrap();
    assert_eq!(
        dated,
        [
            list("2026-11-27T12:02:00Z", &["192.0.2.1", "192.0.2.2"]),
            list("2026-11-28T12:02:00Z", &["192.0.2.2"]),
        ]
    );
    // Without `Downloaded`, as it is served now: the newest time in it.
    let now: String = COLLECTOR
        .lines()
        .skip(2)
        .take(5)
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(
        parse_lists(&now, made).unwrap()[0].time,
        time("2026-11-27T11:07:49Z")
    );
}

#[test]
fn what_is_no_list_is_refused_with_the_line() {
    let made = time("2026-11-28");
    for (text, said) in [
        ("", "no address"),
        ("# nothing\n", "no address"),
        ("192.0.2.1\n<html>\n", "line 2"),
        ("ExitAddress 192.0.2.1\n", "line 1"),
        ("ExitAddress x 2026-11-28 11:06:49\n", "line 1"),
        ("Downloaded yesterday\n", "line 1"),
    ] {
        let error = parse_lists(text, made).unwrap_err();
        assert!(error.contains(said), "{text:?}: {error}");
    }
}

#[test]
fn an_address_was_an_exit_or_not_or_nobody_knows() {
    let exits = Exits::default().with(vec![
        list("2026-11-10T12:00:00Z", &["192.0.2.1", "192.0.2.2"]),
        list("2026-11-11T12:00:00Z", &["192.0.2.2"]),
        list("2026-11-20T12:00:00Z", &["192.0.2.1"]),
    ]);
    for (address, at, was, by) in [
        (
            "192.0.2.1",
            "2026-11-10T12:00:00Z",
            WasExit::Yes,
            Some("2026-11-10T12:00:00Z"),
        ),
        // On one side only: it may have left at any time between.
        (
            "192.0.2.1",
            "2026-11-11T11:00:00Z",
            WasExit::Yes,
            Some("2026-11-10T12:00:00Z"),
        ),
        (
            "192.0.2.1",
            "2026-11-11T13:00:00Z",
            WasExit::No,
            Some("2026-11-11T12:00:00Z"),
        ),
        (
            "192.0.2.2",
            "2026-11-11T13:00:00Z",
            WasExit::Yes,
            Some("2026-11-11T12:00:00Z"),
        ),
        (
            "::ffff:192.0.2.2",
            "2026-11-11T13:00:00Z",
            WasExit::Yes,
            Some("2026-11-11T12:00:00Z"),
        ),
        (
            "192.0.2.9",
            "2026-11-10T13:00:00Z",
            WasExit::No,
            Some("2026-11-10T12:00:00Z"),
        ),
        // A day before the first list, and a gap.
        (
            "192.0.2.1",
            "2026-11-09T12:00:00Z",
            WasExit::Yes,
            Some("2026-11-10T12:00:00Z"),
        ),
        ("192.0.2.1", "2026-11-09T11:59:59Z", WasExit::Unknown, None),
        ("192.0.2.1", "2026-11-15T12:00:00Z", WasExit::Unknown, None),
        (
            "192.0.2.1",
            "2026-11-21T12:00:00Z",
            WasExit::Yes,
            Some("2026-11-20T12:00:00Z"),
        ),
        ("192.0.2.1", "2026-11-21T12:00:01Z", WasExit::Unknown, None),
    ] {
        let expected = TorExit {
            was,
            list: by.map(time),
        };
        assert_eq!(
            exits.at(address.parse().unwrap(), time(at)),
            expected,
            "{address} {at}"
        );
    }
    let nobody = Exits::default().at("192.0.2.1".parse().unwrap(), time("2026-11-10"));
    assert_eq!(
        nobody,
        TorExit {
            was: WasExit::Unknown,
            list: None
        }
    );
}

#[test]
fn a_history_grows_and_what_was_known_stays() {
    let first = Exits::default().with(vec![list("2026-11-10", &["192.0.2.1"])]);
    // An older list, a newer one, and another of a time that is there.
    let grown = first.with(vec![
        list("2026-11-12", &["192.0.2.1", "192.0.2.3"]),
        list("2026-11-08", &["192.0.2.2"]),
        list("2026-11-10", &["192.0.2.9"]),
    ]);
    assert_eq!(grown.count(), 3);
    assert_eq!(grown.span(), Some((time("2026-11-08"), time("2026-11-12"))));
    assert_eq!(grown.newest_size(), 2);
    let was = |address: &str, at: &str| grown.at(address.parse().unwrap(), time(at)).was;
    assert_eq!(was("192.0.2.9", "2026-11-10"), WasExit::No);
    assert_eq!(was("192.0.2.1", "2026-11-10"), WasExit::Yes);
    assert_eq!(was("192.0.2.2", "2026-11-08"), WasExit::Yes);
    assert_eq!(
        grown.to_text(),
        "lapwing-exits 1\n= 2026-11-08T00:00:00Z\n+ 192.0.2.2\n= 2026-11-10T00:00:00Z\n+ 192.0.2.1\n- 192.0.2.2\n\
         = 2026-11-12T00:00:00Z\n+ 192.0.2.3\n"
    );
    assert_eq!(Exits::parse(&grown.to_text()).unwrap(), grown);
}

#[test]
fn damaged_histories_are_refused() {
    for text in [
        "",
        "192.0.2.1\n",
        "lapwing-exits 1\n+ 192.0.2.1\n",
        "lapwing-exits 1\n= 2026-11-08\n- 192.0.2.1\n",
        "lapwing-exits 1\n= 2026-11-08\n= 2026-11-08\n",
        "lapwing-exits 1\n= 2026-11-08\n* 192.0.2.1\n",
        "lapwing-exits 1\n= 2026-11-08\n+ x\n",
        "lapwing-exits 1\n=\n",
    ] {
        assert!(Exits::parse(text).is_err(), "{text:?}");
    }
}

fn lists() -> impl Strategy<Value = Vec<ExitList>> {
    let address = (0u8..12).prop_map(|last| IpAddr::from([192, 0, 2, last]));
    let one =
        (0i64..40, prop::collection::btree_set(address, 0..8)).prop_map(|(hours, addresses)| {
            ExitList {
                time: time("2026-11-01").plus_seconds(hours * 3600 * 7),
                addresses,
            }
        });
    prop::collection::vec(one, 0..12)
}

proptest! {
    /// Whatever the lists: what is written is read again, and answers are those of a plain search.
    #[test]
    fn a_history_says_what_its_lists_say(lists in lists(), last in 0u8..12, hours in -40i64..400) {
        let exits = Exits::default().with(lists.clone());
        prop_assert_eq!(&Exits::parse(&exits.to_text()).unwrap(), &exits);
        let mut plain: BTreeMap<i64, BTreeSet<IpAddr>> = BTreeMap::new();
        for list in lists {
            plain.entry(list.time.seconds()).or_insert(list.addresses);
        }
        let address = IpAddr::from([192, 0, 2, last]);
        let at = time("2026-11-01").plus_seconds(hours * 3600);
        let before = plain.range(..=at.seconds()).next_back();
        let after = plain.range(at.seconds() + 1..).next();
        let near: Vec<_> = [before, after].into_iter().flatten()
            .filter(|(list, _)| list.abs_diff(at.seconds()) <= 86_400).collect();
        let expected = if near.is_empty() {
            WasExit::Unknown
        } else if near.iter().any(|(_, addresses)| addresses.contains(&address)) {
            WasExit::Yes
        } else {
            WasExit::No
        };
        prop_assert_eq!(exits.at(address, at).was, expected);
    }

    #[test]
    fn any_text_is_survived(text in "(ExitAddress |Downloaded |= |\\+ |- |lapwing-exits 1\n|192.0.2.1|2026-11-08| 12:00:00|\n|.){0,60}") {
        let _ = parse_lists(&text, time("2026-11-28"));
        let _ = Exits::parse(&text);
        let _ = Exits::parse(&format!("lapwing-exits 1\n{text}"));
    }
}
