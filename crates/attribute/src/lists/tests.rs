//! Lists are built, searched and refused; those that come with the program are whole.

use std::collections::BTreeMap;

use ipnet::IpNet;
use proptest::prelude::*;

use super::*;

fn source() -> ListSource {
    source_of_misp("2026-01-01")
}

fn list(class: NetworkClass, name: &str, networks: &[&str]) -> NewList {
    NewList {
        class,
        name: name.to_owned(),
        origin: name.to_lowercase(),
        networks: networks.iter().map(|it| it.parse().unwrap()).collect(),
    }
}

fn names(lists: &Lists, address: &str) -> Vec<String> {
    let found = lists.lookup(address.parse().unwrap());
    found.into_iter().map(|listed| listed.name).collect()
}

#[test]
fn the_narrowest_network_comes_first() {
    let bytes = build(
        source(),
        &[
            list(
                NetworkClass::Cloud,
                "A cloud",
                &["198.51.0.0/16", "2001:db8::/32"],
            ),
            list(
                NetworkClass::Scanner,
                "A scanner",
                &["198.51.100.0/24", "198.51.100.7/32"],
            ),
        ],
    );
    let lists = Lists::parse(Cow::Owned(bytes), Path::new("test")).unwrap();
    assert_eq!(names(&lists, "198.51.100.7"), ["A scanner", "A cloud"]);
    assert_eq!(names(&lists, "::ffff:198.51.99.1"), ["A cloud"]);
    assert_eq!(names(&lists, "2001:db8:1::1"), ["A cloud"]);
    assert_eq!(names(&lists, "203.0.113.1"), [""; 0]);
}

#[test]
fn the_embedded_lists_are_whole_and_hold_what_everybody_knows() {
    let lists = Lists::embedded().unwrap();
    let mut classes: BTreeMap<&str, u32> = BTreeMap::new();
    for list in lists.lists() {
        assert!(list.count > 0, "{list:?}");
        *classes.entry(list.class.word()).or_default() += list.count;
    }
    // Those that no such list is published for: exits come with times, the others as flags of databases.
    let flags = ["tor", "proxy", "anycast", "satellite", "drop"];
    for class in NetworkClass::ALL.map(NetworkClass::word) {
        assert_eq!(
            classes.contains_key(class),
            !flags.contains(&class),
            "{class}: {classes:?}"
        );
    }
    assert_eq!(names(&lists, "66.249.66.1")[0], "Googlebot");
    assert!(names(&lists, "1.1.1.1").contains(&"a public resolver".to_owned()));
    assert_eq!(names(&lists, "192.0.2.1"), [""; 0]);
}

#[test]
fn damaged_files_are_refused() {
    let whole = build(source(), &[list(NetworkClass::Vpn, "v", &["192.0.2.0/24"])]);
    for end in 0..whole.len() {
        let cut = Cow::Owned(whole[..end].to_vec());
        assert!(Lists::parse(cut, Path::new("test")).is_err(), "{end}");
    }
}

fn networks() -> impl Strategy<Value = Vec<IpNet>> {
    let v4 = (any::<[u8; 4]>(), 0u8..=32)
        .prop_map(|(start, length)| IpNet::new(start.into(), length).unwrap());
    let v6 = (any::<[u8; 16]>(), 0u8..=128)
        .prop_map(|(start, length)| IpNet::new(start.into(), length).unwrap());
    prop::collection::vec(prop_oneof![v4, v6], 1..40)
}

proptest! {
    /// Whatever the networks: an address is in exactly those that contain it.
    #[test]
    fn finds_what_a_plain_search_finds(all in prop::collection::vec(networks(), 1..6), at in any::<prop::sample::Index>()) {
        let lists: Vec<NewList> = (0..).zip(&all).map(|(number, networks)| NewList {
            class: NetworkClass::Cloud,
            name: format!("list {number}"),
            origin: String::new(),
            networks: networks.clone(),
        }).collect();
        let built = Lists::parse(Cow::Owned(build(source(), &lists)), Path::new("test")).unwrap();
        let address = at.get(&all[0]).addr();
        let mut found: Vec<String> = built.lookup(address).into_iter().map(|it| it.name).collect();
        found.sort();
        let plain = plain(address);
        let mut expect: Vec<String> = lists.iter()
            .filter(|list| list.networks.iter().any(|network| network.contains(&plain)))
            .map(|list| list.name.clone())
            .collect();
        expect.sort();
        prop_assert_eq!(found, expect);
    }

    /// A file may have been cut, or altered, anywhere.
    #[test]
    fn damage_anywhere_is_survived(
        networks in networks(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in any::<prop::sample::Index>(),
    ) {
        let lists = [NewList {
            class: NetworkClass::Cloud,
            name: "list".to_owned(),
            origin: String::new(),
            networks: networks.clone(),
        }];
        let mut bytes = build(source(), &lists);
        for (at, byte) in &changes {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        for length in [bytes.len(), cut.index(bytes.len())] {
            if let Ok(lists) = Lists::read(bytes[..length].to_vec(), Path::new("test")) {
                networks.iter().for_each(|network| drop(lists.lookup(network.addr())));
            }
        }
    }

    #[test]
    fn any_warning_list_is_survived(
        lines in prop::collection::vec("[0-9a-f:./ ]{0,24}|.{0,8}", 0..8),
        version in any::<u64>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let text = serde_json::json!({ "list": lines, "version": version }).to_string();
        let (networks, read) = read_list(text.as_bytes()).unwrap();
        prop_assert!(networks.len() <= lines.len() && read == version);
        let _ = read_list(&text.as_bytes()[..cut.index(text.len())]);
    }
}

/// What fuzzing was given, and found worth keeping (`tests/fuzz`).
#[test]
fn nothing_that_was_found_once_is_a_panic() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus");
    let files = |name: &str| {
        let files = std::fs::read_dir(corpus.join(name)).unwrap();
        files.map(|file| bounded::read_file(&file.unwrap().path(), 1 << 20).unwrap())
    };
    let time = lapwing_core::Timestamp::from_micros(1_795_000_000_000_000);
    for bytes in files("lists") {
        let (_, bytes) = bytes.split_first().unwrap();
        let text = String::from_utf8_lossy(bytes);
        let _ = (
            crate::exits::parse_lists(&text, time),
            crate::Exits::parse(&text),
        );
        let _ = read_list(bytes);
        if let Ok(lists) = Lists::read(bytes.to_vec(), Path::new("test")) {
            let _ = lists.lookup("192.0.2.1".parse().unwrap());
        }
    }
    let mut geography = crate::Geography::embedded().unwrap();
    for bytes in files("location") {
        if geography.add_read(bytes, Path::new("test")).is_ok() {
            for address in ["193.0.6.139", "2001:67c:2e8::1"] {
                let _ = geography.lookup(address.parse().unwrap());
            }
        }
        geography.drop_files();
    }
}
