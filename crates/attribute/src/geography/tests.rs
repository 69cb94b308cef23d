//! The embedded data, files of every layout, files that mislead or are damaged, and exercises.

use std::time::{Duration, UNIX_EPOCH};

use ipnet::IpNet;
use mmdb_writer::{IpVersion, Writer};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

mod certainty;

/// 2026-03-04
const BUILT: u64 = 1_772_582_400;

fn database(kind: &str, version: IpVersion, records: &[(&str, Value)]) -> Vec<u8> {
    let mut writer = Writer::builder(kind)
        .ip_version(version)
        .description(&[("en", "made up for a test")])
        .build_epoch(UNIX_EPOCH + Duration::from_secs(BUILT))
        .build();
    for (network, record) in records {
        let network: IpNet = network.parse().unwrap();
        writer.insert(network, record).unwrap();
    }
    writer.to_bytes().unwrap()
}

/// The embedded data with files over it.
fn with_files(files: &[Vec<u8>]) -> Geography {
    let directory = tempfile::tempdir().unwrap();
    let mut geography = Geography::embedded().unwrap();
    for (number, bytes) in files.iter().enumerate() {
        let path = directory.path().join(format!("{number}.mmdb"));
        std::fs::write(&path, bytes).unwrap();
        geography.add_file(&path).unwrap();
    }
    geography
}

fn lookup(geography: &Geography, address: &str) -> NetworkFacts {
    let mut facts = geography.lookup(address.parse().unwrap());
    // Lists are no places.
    facts.sources.retain(|source| !source.starts_with("MISP"));
    facts
}

fn nested_city() -> Vec<u8> {
    let berlin = json!({
        "city": {"geoname_id": 1, "names": {"de": "Berlin", "en": "Berlin"}},
        "continent": {"code": "EU", "names": {"en": "Europe"}},
        "country": {"iso_code": "DE", "names": {"de": "Deutschland", "en": "Germany"}},
        "location": {"latitude": 52.5196, "longitude": 13.4069, "time_zone": "Europe/Berlin"},
        "subdivisions": [{"iso_code": "BE", "names": {"en": "Land Berlin"}}],
    });
    let mut exact = berlin.clone();
    exact["location"]["accuracy_radius"] = json!(5);
    let country_only = json!({
        "country": {"iso_code": "DE"}, "location": {"latitude": 51.2993, "longitude": 9.491},
    });
    database(
        "DBIP-City-Lite",
        IpVersion::V6,
        &[
            ("193.0.6.0/25", berlin.clone()),
            ("193.0.6.128/25", exact),
            ("193.0.7.0/24", country_only),
            ("2a02:2e0::/32", berlin),
        ],
    )
}

fn flat_city() -> Vec<u8> {
    let record = json!({
        "city": "Wien", "country_code": "AT", "latitude": 48.2, "longitude": 16.4,
        "postcode": "", "state1": "", "state2": "", "timezone": "",
    });
    database("city ipv4", IpVersion::V4, &[("193.0.6.0/24", record)])
}

#[test]
fn the_embedded_data_knows_the_public_internet() {
    let geography = Geography::embedded().unwrap();
    let google = lookup(&geography, "8.8.8.8");
    assert_eq!(google.country.as_deref(), Some("US"));
    assert_eq!(google.asn, Some(15169));
    assert!(google.as_name.unwrap().to_lowercase().contains("google"));
    assert_eq!(
        (google.city, google.coordinates, google.radius_km),
        (None, None, None)
    );
    for (address, asn) in [
        ("1.1.1.1", 13335),
        ("2606:4700:4700::1111", 13335),
        ("2001:4860:4860::8888", 15169),
        ("::ffff:8.8.8.8", 15169),
        ("64:ff9b::808:808", 15169),
    ] {
        let facts = lookup(&geography, address);
        assert_eq!(facts.asn, Some(asn), "{address}");
        assert!(facts.country.is_some(), "{address}");
        let dates: Vec<&str> = geography
            .sources()
            .iter()
            .map(|one| one.date.as_str())
            .collect();
        assert_eq!(facts.sources.len(), dates.len());
        for (source, date) in facts.sources.iter().zip(dates) {
            assert!(source.ends_with(date), "{source}");
        }
    }
}

#[test]
fn embedded_sources_give_their_licence() {
    let geography = Geography::embedded().unwrap();
    let licence = include_str!("../../data/LICENSE.md");
    for source in geography.sources() {
        assert_eq!(source.licence, "CC BY 4.0");
        assert!(licence.contains(&source.date) && licence.contains(&source.attribution));
        assert_eq!(source.kind, "lapwing-networks");
        assert_eq!(source.file, None);
    }
}

#[test]
fn special_addresses_have_no_place() {
    let geography = with_files(&[nested_city()]);
    for (address, word) in [
        ("127.0.0.1", "loopback"),
        ("192.0.2.1", "documentation"),
        ("2001:db8::1", "documentation"),
        ("10.0.0.1", "private"),
    ] {
        let facts = lookup(&geography, address);
        let expected = NetworkFacts {
            special: Some(word.to_owned()),
            ..NetworkFacts::default()
        };
        assert_eq!(facts, expected);
    }
}

#[test]
fn the_nested_layout_reads() {
    let geography = with_files(&[nested_city()]);
    let facts = lookup(&geography, "193.0.6.8");
    assert_eq!(facts.country.as_deref(), Some("DE"));
    assert_eq!(facts.city.as_deref(), Some("Berlin"));
    assert_eq!(facts.coordinates, Some((52_519_600, 13_406_900)));
    assert_eq!(
        facts.radius_km,
        Some(200),
        "a city without a radius gets that of a line of which nothing is known"
    );
    assert_eq!(
        facts.asn,
        Some(3333),
        "the file does not say, the embedded data does"
    );
    assert_eq!(facts.sources.len(), 2);
    assert_eq!(facts.sources[0], "DBIP-City-Lite (0.mmdb) 2026-03-04");
    assert_eq!(
        lookup(&geography, "193.0.6.200").radius_km,
        Some(50),
        "no source knows a city's streets"
    );
    let country = lookup(&geography, "193.0.7.1");
    assert_eq!(country.country.as_deref(), Some("DE"));
    assert_eq!(
        (country.coordinates, country.radius_km),
        (None, None),
        "never the middle of a country"
    );
    assert_eq!(
        lookup(&geography, "2a02:2e0::1").city.as_deref(),
        Some("Berlin")
    );
    let source = &geography.sources()[2];
    assert_eq!(source.families, ["IPv4", "IPv6"]);
    assert_eq!(
        source.fields,
        ["city", "coordinates", "country", "radius_km"]
    );
}

#[test]
fn the_flat_layout_is_not_read_as_nothing() {
    let geography = with_files(&[flat_city()]);
    let facts = lookup(&geography, "193.0.6.8");
    assert_eq!(facts.country.as_deref(), Some("AT"));
    assert_eq!(facts.city.as_deref(), Some("Wien"));
    assert_eq!(geography.sources()[2].families, ["IPv4"]);
    let six = lookup(&geography, "2001:67c:2e8::2");
    assert_eq!(
        six.asn,
        Some(3333),
        "an IPv4-only file leaves IPv6 to the others"
    );
    // the trap itself: MaxMind's own structs read such a record as an empty one, without an error
    let record = json!({"country_code": "FR"});
    let bytes = database("country ipvAll", IpVersion::V6, &[("193.0.6.0/24", record)]);
    let reader = maxminddb::Reader::from_source(bytes.clone()).unwrap();
    let found = reader.lookup("193.0.6.8".parse().unwrap()).unwrap();
    let trap: maxminddb::geoip2::Country<'_> = found.decode().unwrap().unwrap();
    assert_eq!(trap.country.iso_code, None);
    let facts = lookup(&with_files(&[bytes]), "193.0.6.8");
    assert_eq!(facts.country.as_deref(), Some("FR"));
}

#[test]
fn split_files_complete_each_other() {
    let record = |asn: u32, name: &str| json!({"autonomous_system_number": asn, "autonomous_system_organization": name});
    let four = database(
        "asn ipv4",
        IpVersion::V4,
        &[("193.0.6.0/24", record(64496, "Four"))],
    );
    let six = database(
        "asn ipv6",
        IpVersion::V6,
        &[("2a02:2e0::/32", record(64497, "Six"))],
    );
    let geography = with_files(&[four, six]);
    assert_eq!(geography.sources()[2].families, ["IPv4"]);
    assert_eq!(geography.sources()[3].families, ["IPv6"]);
    assert_eq!(geography.sources()[3].fields, ["as_name", "asn"]);
    assert_eq!(
        lookup(&geography, "193.0.6.8").as_name.as_deref(),
        Some("Four")
    );
    assert_eq!(
        lookup(&geography, "2a02:2e0::1").as_name.as_deref(),
        Some("Six")
    );
    assert_eq!(lookup(&geography, "2a02:2e0::1").asn, Some(64497));
}

#[test]
fn the_last_file_wins_and_no_place_is_mixed() {
    let country = |code: &str| {
        let record = json!({"country": {"iso_code": code}});
        database(
            "GeoLite2-Country",
            IpVersion::V6,
            &[("193.0.6.0/24", record)],
        )
    };
    // a later file says another country: the city of the earlier one is not put into it
    let facts = lookup(&with_files(&[nested_city(), country("PL")]), "193.0.6.8");
    assert_eq!(facts.country.as_deref(), Some("PL"));
    assert_eq!(
        (facts.city, facts.coordinates, facts.radius_km),
        (None, None, None)
    );
    // the same country: the city stays
    let facts = lookup(&with_files(&[nested_city(), country("DE")]), "193.0.6.8");
    assert_eq!(facts.city.as_deref(), Some("Berlin"));
    assert_eq!(facts.sources.len(), 3);
    // and the other way round
    let facts = lookup(&with_files(&[country("PL"), nested_city()]), "193.0.6.8");
    assert_eq!(facts.country.as_deref(), Some("DE"));
    assert_eq!(
        facts.sources.len(),
        2,
        "the country of the earlier file was not used"
    );
    // a number without a name does not take the name of another number
    let number = database(
        "x-asn",
        IpVersion::V4,
        &[("193.0.6.0/24", json!({"asn": "AS64500"}))],
    );
    let facts = lookup(&with_files(&[number]), "193.0.6.8");
    assert_eq!((facts.asn, facts.as_name), (Some(64500), None));
}

fn refused(bytes: &[u8]) -> GeographyError {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.mmdb");
    std::fs::write(&path, bytes).unwrap();
    let mut geography = Geography::embedded().unwrap();
    let error = geography.add_file(&path).unwrap_err();
    assert_eq!(geography.sources().len(), 2, "nothing was added");
    error
}

#[test]
fn useless_files_are_refused_loudly() {
    let record = json!({"is_legitimate": true, "is_friendly": true});
    let error = refused(&database(
        "GeoIP2-Friendly-IP",
        IpVersion::V6,
        &[("193.0.6.0/24", record)],
    ));
    let text = error.to_string();
    assert!(text.contains("GeoIP2-Friendly-IP"), "{text}");
    assert!(
        text.contains("the fields is_friendly, is_legitimate"),
        "{text}"
    );
    let hostile = json!({"\u{1b}[31m": 1});
    let text = refused(&database(
        "\u{202e}x",
        IpVersion::V4,
        &[("193.0.6.0/24", hostile)],
    ))
    .to_string();
    assert!(
        !text.contains('\u{1b}') && !text.contains('\u{202e}'),
        "{text}"
    );
    assert!(
        refused(&database("empty", IpVersion::V6, &[]))
            .to_string()
            .contains("no records")
    );
    let list = database("list", IpVersion::V4, &[("193.0.6.0/24", json!(["US"]))]);
    assert!(
        refused(&list)
            .to_string()
            .contains("records without named fields")
    );
    assert!(matches!(
        refused(b"not a database"),
        GeographyError::Format { .. }
    ));
    assert!(matches!(refused(b""), GeographyError::Format { .. }));
    let mut geography = Geography::embedded().unwrap();
    let missing = geography.add_file(Path::new("/nonexistent/x.mmdb"));
    assert!(matches!(missing, Err(GeographyError::Read { .. })));
}

#[test]
fn nonsense_values_are_left_out() {
    let record = json!({
        "country_code": "Atlantis", "city": "", "latitude": 91.0, "longitude": 1.0,
        "asn": 99_999_999_999_u64, "as_name": "N\u{1b}ame ".to_owned() + &"x".repeat(200),
    });
    let facts = lookup(
        &with_files(&[database("odd", IpVersion::V4, &[("193.0.6.0/24", record)])]),
        "193.0.6.8",
    );
    assert_eq!(facts.country.as_deref(), Some("NL"));
    assert_eq!((facts.city, facts.coordinates), (None, None));
    assert_eq!(facts.asn, Some(3333));
    let name = facts.as_name.unwrap();
    assert!(
        !name.contains('\u{1b}') && name.chars().count() <= 81,
        "{name}"
    );
}

#[test]
fn an_exercise_covers_special_networks_only_and_says_so() {
    let mut geography = with_files(&[nested_city()]);
    let made_up = |country: &str| NetworkFacts {
        country: Some(country.to_owned()),
        ..NetworkFacts::default()
    };
    let network = |text: &str| text.parse::<IpNet>().unwrap();
    geography
        .add_exercise(vec![
            (network("203.0.113.0/25"), made_up("XK")),
            (network("203.0.113.0/24"), made_up("XA")),
            (network("2001:db8::/32"), made_up("XB")),
        ])
        .unwrap();
    let facts = lookup(&geography, "203.0.113.5");
    assert_eq!(
        facts.country.as_deref(),
        Some("XK"),
        "the most specific counts"
    );
    assert!(facts.exercise);
    assert_eq!(facts.special, None);
    assert_eq!(facts.sources, ["made-up data of an exercise"]);
    assert_eq!(
        lookup(&geography, "203.0.113.200").country.as_deref(),
        Some("XA")
    );
    assert_eq!(
        lookup(&geography, "::ffff:203.0.113.200")
            .country
            .as_deref(),
        Some("XA")
    );
    assert_eq!(
        lookup(&geography, "2001:db8::1").country.as_deref(),
        Some("XB")
    );
    assert!(!lookup(&geography, "193.0.6.8").exercise);
    assert_eq!(
        lookup(&geography, "192.0.2.1").special.as_deref(),
        Some("documentation")
    );
    for real in ["193.0.6.0/24", "0.0.0.0/0", "::/0", "203.0.112.0/23"] {
        let error = geography.add_exercise(vec![
            (network("192.0.2.0/24"), made_up("XC")),
            (network(real), made_up("XC")),
        ]);
        assert!(
            matches!(error, Err(GeographyError::RealNetwork(_))),
            "{real}"
        );
    }
    assert_eq!(
        lookup(&geography, "192.0.2.1").country,
        None,
        "all or nothing"
    );
}

/// Opens damaged content and asks it about many addresses; only a panic or a hang is a failure.
fn survive(bytes: Vec<u8>) {
    if let Ok((file, _)) = file::from_bytes(bytes, Path::new("damaged.mmdb")) {
        for address in [
            "193.0.6.8",
            "0.0.0.1",
            "255.255.255.255",
            "2a02:2e0::1",
            "::2",
            "ffff::",
        ] {
            let _ = file.lookup(address.parse().unwrap());
        }
    }
}

#[test]
fn every_truncation_is_survived() {
    for whole in [nested_city(), flat_city()] {
        for length in (0..whole.len()).step_by(7) {
            survive(whole[..length].to_vec());
            survive(whole[length..].to_vec());
        }
    }
}

#[test]
fn a_tree_that_never_ends_is_survived() {
    // node n leads to node n + 1 on both sides, 120 times over, and then nowhere
    let mut bytes = Vec::new();
    for node in 0..120_u32 {
        let next = (node + 1).to_be_bytes();
        bytes.extend_from_slice(&[&next[1..], &next[1..]].concat());
    }
    bytes.extend_from_slice(&[0; 16]);
    let donor = database("x", IpVersion::V6, &[("193.0.6.0/24", json!({"asn": 1}))]);
    let marker = b"\xab\xcd\xefMaxMind.com";
    let start = donor
        .windows(marker.len())
        .rposition(|part| part == marker)
        .unwrap();
    let mut metadata = donor[start..].to_vec();
    let key = b"node_count";
    let at = metadata
        .windows(key.len())
        .position(|part| part == key)
        .unwrap()
        + key.len();
    // whatever the length of the count there, write one of one byte
    let length = usize::from(metadata[at] & 0x1f);
    metadata.splice(at..at + 1 + length, [0xc1, 120]);
    bytes.extend_from_slice(&metadata);
    assert!(matches!(
        file::from_bytes(bytes.clone(), Path::new("x")),
        Err(GeographyError::NothingKnown { .. })
    ));
    // and with a loop back to the start
    bytes[..3].copy_from_slice(&[0, 0, 0]);
    assert!(file::from_bytes(bytes, Path::new("x")).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn damage_anywhere_is_survived(
        flat in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..24),
    ) {
        let mut bytes = if flat { flat_city() } else { nested_city() };
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        survive(bytes);
    }

    #[test]
    fn damage_in_the_records_is_survived(
        changes in prop::collection::vec((0_usize..700, any::<u8>()), 1..12),
    ) {
        let mut bytes = nested_city();
        let end = bytes.len();
        for (back, byte) in changes {
            bytes[end - 1 - back.min(end - 1)] = byte;
        }
        survive(bytes);
    }

    #[test]
    fn any_address_is_answered(bits in any::<u128>(), four in any::<u32>()) {
        let geography = Geography::embedded().unwrap();
        for address in [
            IpAddr::from(std::net::Ipv6Addr::from_bits(bits)),
            IpAddr::from(std::net::Ipv6Addr::from_bits((1 << 125) | (bits >> 3))),
            IpAddr::from(std::net::Ipv4Addr::from_bits(four)),
        ] {
            let facts = geography.lookup(address);
            prop_assert!(facts.special.is_none() || facts.country.is_none());
            prop_assert_eq!(facts.sources.is_empty(), facts.country.is_none() && facts.asn.is_none());
        }
    }
}
