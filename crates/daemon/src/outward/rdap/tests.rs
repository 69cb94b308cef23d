//! Records as registries write them, lists of servers, and JSON of any sort.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn record() -> Value {
    json!({
        "objectClassName": "ip network", "handle": "192.0.2.0 - 192.0.2.255", "name": "EXAMPLE-NET",
        "startAddress": "192.0.2.0", "endAddress": "192.0.2.255", "ipVersion": "v4", "country": "nl",
        "type": "ASSIGNED PA",
        "events": [
            {"eventAction": "registration", "eventDate": "2001-01-01T00:00:00Z"},
            {"eventAction": "last changed", "eventDate": "2026-01-02T03:04:05Z"},
        ],
        "entities": [
            {"objectClassName": "entity", "roles": ["registrant"], "vcardArray": ["vcard", [
                ["version", {}, "text", "4.0"], ["fn", {}, "text", "Example\u{1b} B.V."], ["kind", {}, "text", "org"],
            ]], "entities": [
                {"roles": ["abuse"], "vcardArray": ["vcard", [
                    ["fn", {}, "text", "Abuse desk"], ["kind", {}, "text", "group"],
                    ["email", {"type": "abuse"}, "text", "abuse@example.net"],
                    ["email", {}, "text", "x@example.net\r\nBcc: y@example.net"],
                ]]},
            ]},
            {"roles": ["registrant", "administrative"], "vcardArray": ["vcard", [
                ["fn", {}, "text", "Jane Person"], ["kind", {}, "text", "individual"],
            ]]},
            {"roles": ["registrant"], "vcardArray": ["vcard", [["fn", {}, "text", "May Be Aperson"]]]},
        ],
    })
}

#[test]
fn organisations_and_abuse_mailboxes_are_kept_and_people_are_not() {
    let read = registration(record().to_string().as_bytes()).unwrap();
    let expected = Registration {
        handle: Some("192.0.2.0 - 192.0.2.255".to_owned()),
        name: Some("EXAMPLE-NET".to_owned()),
        range: Some(("192.0.2.0".parse().unwrap(), "192.0.2.255".parse().unwrap())),
        country: Some("NL".to_owned()),
        sort: Some("ASSIGNED PA".to_owned()),
        organisations: vec!["Example\\x1b B.V.".to_owned()],
        abuse: vec!["abuse@example.net".to_owned()],
        changed: Some("2026-01-02T03:04:05Z".to_owned()),
    };
    assert_eq!(read, expected);
    let mut other = record();
    other["objectClassName"] = json!("domain");
    assert_eq!(registration(other.to_string().as_bytes()), None);
    assert_eq!(registration(b"<html>"), None);
}

#[test]
fn the_narrowest_network_says_whom_to_ask() {
    let list = json!({"version": "1.0", "services": [
        [["192.0.0.0/8"], ["http://plain.example/", "https://wide.example/rdap/"]],
        [["192.0.2.0/24", "198.51.100.0/24"], ["https://narrow.example/"]],
        [["2001:db8::/32"], ["https://six.example/"]],
    ]});
    let list = list.to_string();
    let of = |address: &str| {
        let found = server(list.as_bytes(), address.parse().unwrap()).unwrap();
        found.map(|url| url.to_string())
    };
    assert_eq!(of("192.0.2.1").as_deref(), Some("https://narrow.example/"));
    assert_eq!(
        of("192.1.2.1").as_deref(),
        Some("https://wide.example/rdap/")
    );
    assert_eq!(of("2001:db8::1").as_deref(), Some("https://six.example/"));
    assert_eq!(of("203.0.113.1"), None);
    assert!(server(b"{}", "192.0.2.1".parse().unwrap()).is_none());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "(ip network|abuse|registrant|fn|email|.{0,8})".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(
                "(entities|roles|vcardArray|events|country|startAddress)",
                inner,
                0..6
            )
            .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_record_is_survived(mut value in any_json(), entities in any_json()) {
        if let Some(map) = value.as_object_mut() {
            map.insert("objectClassName".to_owned(), json!("ip network"));
            map.insert("entities".to_owned(), entities);
        }
        let text = value.to_string();
        let _ = registration(text.as_bytes());
        let _ = server(text.as_bytes(), "192.0.2.1".parse().unwrap());
    }
}
