//! DNS: whatever comes, an answer that another implementation reads, and none that is longer than asked for.

use std::sync::LazyLock;

use hickory_proto::op::{Message as Parsed, ResponseCode};
use hickory_proto::serialize::binary::BinDecodable as _;
use proptest::prelude::*;

use super::*;
use crate::datagram::{Considered, Message};
use crate::{ZoneSettings, Zones, dns};

static STATION: LazyLock<Station> = LazyLock::new(|| {
    let (mut station, _) = station(Limits::default(), &[]);
    let settings = ZoneSettings {
        zones: vec!["api.example".to_owned()],
        addresses: vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()],
        mail_domain: "api.example".to_owned(),
        ..ZoneSettings::default()
    };
    station.zones = Zones::new(&settings, &station.system, Timestamp::from_micros(0));
    station
});

fn consider(bytes: &[u8], way: &'static str) -> Considered {
    let message = Message {
        bytes,
        peer: "198.51.100.7:4711".parse().unwrap(),
        way,
    };
    dns::consider(&STATION, &message)
}

fn query(labels: &[&[u8]], kind: u16, class: u16, rest: &[u8], additional: u16) -> Vec<u8> {
    let mut bytes = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0];
    bytes.extend(additional.to_be_bytes());
    for label in labels {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend_from_slice(label);
    }
    bytes.push(0);
    bytes.extend(kind.to_be_bytes());
    bytes.extend(class.to_be_bytes());
    bytes.extend_from_slice(rest);
    bytes
}

fn parsed(answer: &[u8]) -> Parsed {
    Parsed::from_bytes(answer).expect("another implementation reads it")
}

#[test]
fn a_handle_is_found_in_any_label_in_any_case() {
    let data = b"726f6f7440776562";
    let bytes = query(
        &[data, b"K3yOfTheCanary", b"dns", b"aPi", b"example"],
        16,
        1,
        b"",
        0,
    );
    let Considered {
        found, act, answer, ..
    } = consider(&bytes, "udp");
    assert_eq!(found.len(), 1);
    assert_eq!(act.method, "TXT");
    assert_eq!(act.host, "726f6f7440776562.k3yofthecanary.dns.api.example");
    let answer = parsed(&answer.unwrap());
    assert_eq!(answer.metadata.response_code, ResponseCode::NoError);
    assert_eq!(
        answer.queries[0].name().to_ascii(),
        "726f6f7440776562.K3yOfTheCanary.dns.aPi.example."
    );
}

#[test]
fn a_dot_within_a_label_parts_nothing() {
    let bytes = query(&[b"a.", b".b c", b"api", b"example"], 1, 1, b"", 0);
    let answer = parsed(&consider(&bytes, "udp").answer.unwrap());
    assert_eq!(answer.answers[0].name, *answer.queries[0].name());
}

#[test]
fn an_answer_is_no_question() {
    let mut bytes = query(&[b"api", b"example"], 1, 1, b"", 0);
    bytes[2] |= 0x80;
    assert!(consider(&bytes, "udp").answer.is_none());
}

proptest! {
    #[test]
    fn any_bytes_are_considered(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Some(answer) = consider(&bytes, "udp").answer {
            prop_assert!(answer.len() <= 512.max(bytes.len()) || answer.len() <= 1232);
        }
    }

    #[test]
    fn any_question_has_an_answer_that_others_read(
        labels in prop::collection::vec("[a-zA-Z0-9_ .-]{1,20}", 0..4),
        ours in any::<bool>(),
        kind in prop_oneof![0u16..70, 248u16..260, any::<u16>()],
        class in prop_oneof![Just(1u16), Just(3), Just(255), any::<u16>()],
        size in prop::option::of(any::<u16>()),
        way in prop_oneof![Just("udp"), Just("tcp")],
    ) {
        let mut labels: Vec<&[u8]> = labels.iter().map(|label| label.as_bytes()).collect();
        if ours {
            labels.extend([&b"api"[..], b"example"]);
        }
        let mut edns = b"\0\0\x29\0\0\0\0\x80\0\0\0".to_vec();
        edns[3..5].copy_from_slice(&size.unwrap_or_default().to_be_bytes());
        let (rest, additional) = match size {
            Some(_) => (&edns[..], 1),
            None => (&[][..], 0),
        };
        let bytes = query(&labels, kind, class, rest, additional);
        let answer = consider(&bytes, way).answer.expect("it is a question");
        let limit = if way == "udp" { usize::from(size.unwrap_or(0).clamp(512, 1232)) } else { 65_535 };
        prop_assert!(answer.len() <= limit);
        let answer = parsed(&answer);
        prop_assert_eq!(answer.queries.len(), 1);
        prop_assert_eq!(answer.edns.is_some(), size.is_some());
    }
}
