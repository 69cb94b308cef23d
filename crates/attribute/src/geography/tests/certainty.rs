//! How sure a place is: sources that agree or not, lines, users that are elsewhere, exits at their time.

use lapwing_core::Confidence;

use super::*;
use crate::exits::ExitList;

#[test]
fn sources_agree_or_not_and_the_confidence_says_so() {
    let country = |code: &str| {
        let record = json!({"country": {"iso_code": code}});
        database(
            "GeoLite2-Country",
            IpVersion::V6,
            &[("193.0.6.0/24", record)],
        )
    };
    let facts = lookup(&Geography::embedded().unwrap(), "193.0.6.1");
    let agreement = facts.agreement.clone().unwrap();
    assert_eq!((agreement.agree, agreement.of), (1, 1), "{facts:?}");
    assert_eq!(facts.confidence(), Confidence::Moderate);
    let facts = lookup(&with_files(&[country("NL")]), "193.0.6.1");
    assert_eq!(
        facts.agreement.as_ref().unwrap().words(),
        "2 of 2 sources agree"
    );
    assert_eq!(facts.confidence(), Confidence::High);
    let facts = lookup(&with_files(&[country("NL"), country("PL")]), "193.0.6.1");
    let agreement = facts.agreement.clone().unwrap();
    assert_eq!(facts.country.as_deref(), Some("PL"));
    assert_eq!(agreement.words(), "1 of 3 sources agree; others say NL");
    assert!(
        agreement
            .others
            .iter()
            .any(|other| other.source == "GeoLite2-Country (0.mmdb) 2026-03-04")
    );
    assert_eq!(facts.confidence(), Confidence::Low);
    let nowhere = lookup(&Geography::embedded().unwrap(), "10.0.0.1");
    assert_eq!(
        (nowhere.confidence(), nowhere.agreement),
        (Confidence::None, None)
    );
}

#[test]
fn the_radius_is_by_the_line() {
    let geography = enterprise();
    for (address, km) in [
        ("193.0.6.1", 50),
        ("193.0.6.17", 200),
        ("193.0.6.33", 50),
        ("193.0.6.49", 200),
        ("193.0.6.65", 500),
        ("193.0.6.161", 200),
    ] {
        let facts = lookup(&geography, address);
        assert_eq!(facts.radius_km, Some(km), "{address}");
        assert_eq!(facts.city.as_deref(), Some("Berlin"));
        assert_eq!(facts.unplaced_because, None);
    }
}

#[test]
fn users_that_are_elsewhere_have_no_place() {
    let geography = enterprise();
    for (address, class) in [
        ("193.0.6.81", NetworkClass::Anycast),
        ("193.0.6.97", NetworkClass::Tor),
        ("193.0.6.113", NetworkClass::Cloud),
        ("193.0.6.129", NetworkClass::Satellite),
        ("193.0.6.145", NetworkClass::Vpn),
        ("193.0.6.145", NetworkClass::Proxy),
    ] {
        let facts = lookup(&geography, address);
        assert!(facts.is_listed(class), "{address}: {facts:?}");
        assert_eq!(
            (facts.city, facts.coordinates, facts.radius_km),
            (None, None, None)
        );
        assert!(facts.unplaced_because.is_some());
        assert_eq!(
            facts.country.as_deref(),
            Some("DE"),
            "where the machine is said to be stays"
        );
    }
    // A published list does the same as a flag: this one is a cloud's.
    let cloud = lookup(
        &with_files(&[nested_city_of("35.190.0.0/17")]),
        "35.190.0.1",
    );
    assert_eq!(cloud.city, None, "{cloud:?}");
    assert!(cloud.unplaced_because.is_some());
}

/// Berlin, in a network.
fn nested_city_of(network: &str) -> Vec<u8> {
    let record = json!({
        "city": {"names": {"en": "Berlin"}}, "country": {"iso_code": "DE"},
        "location": {"latitude": 52.5196, "longitude": 13.4069},
    });
    database("DBIP-City-Lite", IpVersion::V4, &[(network, record)])
}

#[test]
fn an_exit_is_one_at_its_time() {
    let mut geography = with_files(&[nested_city()]);
    let exit: IpAddr = "193.0.6.1".parse().unwrap();
    let at = |text: &str| Timestamp::parse(text).unwrap();
    assert_eq!(
        geography.lookup_at(exit, at("2026-11-10")).tor_exit,
        None,
        "no lists"
    );
    let list = ExitList {
        time: at("2026-11-10T12:00:00Z"),
        addresses: [exit].into(),
    };
    geography.add_exits(Exits::default().with(vec![list]));
    let then = geography.lookup_at(exit, at("2026-11-10T15:00:00Z"));
    assert_eq!(then.tor_exit.unwrap().was, WasExit::Yes);
    assert_eq!(then.lists[0].class, NetworkClass::Tor);
    assert_eq!((then.city.as_deref(), then.radius_km), (None, None));
    assert!(then.unplaced_because.unwrap().contains("Tor"));
    assert_eq!(
        then.sources.last().unwrap(),
        "Tor exit list 2026-11-10T12:00:00Z"
    );
    let later = geography.lookup_at(exit, at("2026-11-20"));
    assert_eq!(later.tor_exit.unwrap().was, WasExit::Unknown);
    assert_eq!(later.city.as_deref(), Some("Berlin"));
    let other = geography.lookup_at("193.0.6.2".parse().unwrap(), at("2026-11-10T15:00:00Z"));
    assert_eq!(other.tor_exit.unwrap().was, WasExit::No);
    let private = geography.lookup_at("10.0.0.1".parse().unwrap(), at("2026-11-10T15:00:00Z"));
    assert_eq!(private.tor_exit, None);
}

#[test]
fn agreement_is_measured_by_address() {
    let country = |networks: &[(&str, &str)]| {
        let records: Vec<_> = networks
            .iter()
            .map(|(network, code)| (*network, json!({"country": {"iso_code": code}})))
            .collect();
        database("GeoLite2-Country", IpVersion::V4, &records)
    };
    let geography = with_files(&[
        country(&[("193.0.6.0/24", "NL"), ("193.0.7.0/24", "PL")]),
        country(&[("193.0.6.0/24", "NL")]),
    ]);
    let addresses = ["193.0.6.1", "193.0.6.2", "193.0.7.1", "10.0.0.1"];
    let made = compare(&geography, addresses.map(|it| it.parse().unwrap()));
    assert_eq!(
        (made.addresses, made.comparable, made.unanimous),
        (3, 3, 2),
        "{made:?}"
    );
    let counts: Vec<_> = made
        .pairs
        .iter()
        .map(|pair| (pair.both, pair.same))
        .collect();
    assert_eq!(counts, [(3, 2), (2, 2), (2, 2)]);
    let known: Vec<_> = made
        .sources
        .iter()
        .map(|it| (it.known, it.judged, it.with_most))
        .collect();
    assert_eq!(known, [(3, 3, 2), (3, 3, 2), (2, 2, 2)]);
    assert!(made.systems.is_empty(), "one source of numbers");
}

/// Networks of every sort in one database.
fn enterprise() -> Geography {
    let record = |more: Value| {
        let mut record = json!({
            "city": {"names": {"en": "Berlin"}}, "country": {"iso_code": "DE"},
            "location": {"latitude": 52.5, "longitude": 13.4},
        });
        record
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        record
    };
    let radius = |km: u32, traits: Value| {
        let mut record = record(json!({"traits": traits}));
        record["location"]["accuracy_radius"] = json!(km);
        record
    };
    with_files(&[database(
        "GeoIP2-Enterprise",
        IpVersion::V4,
        &[
            (
                "193.0.6.0/28",
                record(json!({"traits": {"user_type": "residential"}})),
            ),
            (
                "193.0.6.16/28",
                record(json!({"traits": {"connection_type": "Cellular"}})),
            ),
            (
                "193.0.6.32/28",
                radius(5, json!({"connection_type": "Cable/DSL"})),
            ),
            ("193.0.6.48/28", radius(5, json!({"user_type": "cellular"}))),
            (
                "193.0.6.64/28",
                radius(500, json!({"user_type": "business"})),
            ),
            (
                "193.0.6.80/28",
                record(json!({"traits": {"is_anycast": true}})),
            ),
            ("193.0.6.96/28", record(json!({"is_tor_exit_node": true}))),
            (
                "193.0.6.112/28",
                record(json!({"traits": {"user_type": "hosting"}})),
            ),
            (
                "193.0.6.128/28",
                record(json!({"traits": {"is_satellite_provider": true}})),
            ),
            (
                "193.0.6.144/28",
                record(json!({"is_anonymous_vpn": true, "is_residential_proxy": true})),
            ),
            (
                "193.0.6.160/28",
                record(json!({"traits": {"is_anycast": false}})),
            ),
        ],
    )])
}
