//! A resolver on loopback that answers as told, and messages of any sort.

use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::*;

fn labels(name: &str) -> Labels {
    name.split('.')
        .map(|label| label.as_bytes().to_vec())
        .collect()
}

/// A message that answers a question with records of its own kind.
fn answer(question: &[u8], records: &[Vec<u8>]) -> Vec<u8> {
    let mut message = question.to_vec();
    message[2] = 0x81;
    message[3] = 0x80;
    message[7] = u8::try_from(records.len()).unwrap();
    let kind = question[question.len() - 4..question.len() - 2].to_vec();
    for record in records {
        // The owner is the name asked for, by a pointer to it.
        message.extend([0xc0, 12]);
        message.extend(&kind);
        message.extend([0, 1, 0, 0, 0, 60]);
        message.extend(u16::try_from(record.len()).unwrap().to_be_bytes());
        message.extend(record);
    }
    message
}

fn wire(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.') {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

/// Answers what `say` has for the name asked for; keeps the names.
async fn resolver(say: fn(&str, u16) -> Vec<Vec<u8>>) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let at = socket.local_addr().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&asked);
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        loop {
            let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
            let question = &buffer[..length];
            let (name, end) = take_name(question, 12).unwrap();
            let kind = u16::from_be_bytes([question[end], question[end + 1]]);
            let name = String::from_utf8(name.join(&b'.')).unwrap();
            kept.lock().unwrap().push(format!("{name} {kind}"));
            // A forged answer first, which is to be passed over.
            let mut forged = answer(question, &[wire("forged.example")]);
            forged[0] ^= 0xff;
            socket.send_to(&forged, from).await.unwrap();
            socket
                .send_to(&answer(question, &say(&name, kind)), from)
                .await
                .unwrap();
        }
    });
    (at, asked)
}

#[tokio::test]
async fn names_are_led_back() {
    let home = tempfile::tempdir().unwrap();
    let outward = Outward::of(home.path());
    let (at, asked) = resolver(|name, kind| match (name, kind) {
        ("7.2.0.192.in-addr.arpa", PTR) => {
            vec![
                wire("host.example"),
                wire("liar.example"),
                wire("a\u{1b}[31m.example"),
            ]
        }
        ("host.example", A) => vec![vec![192, 0, 2, 9], vec![192, 0, 2, 7]],
        ("liar.example", A) => vec![vec![192, 0, 2, 8]],
        _ => vec![],
    })
    .await;
    let snapshot = reverse("192.0.2.7".parse().unwrap(), &[at], &outward)
        .await
        .unwrap();
    let Found::Rdns { names } = &snapshot.found else {
        panic!("{snapshot:?}")
    };
    let said: Vec<_> = names
        .iter()
        .map(|name| (name.name.as_str(), name.confirmed))
        .collect();
    assert_eq!(
        said,
        [
            ("host.example", true),
            ("liar.example", false),
            ("a\\x1b[31m.example", false)
        ]
    );
    assert_eq!(snapshot.asked, [format!("the resolver {at}")]);
    let listed = outward.list().unwrap().asked;
    assert_eq!(listed.len(), asked.lock().unwrap().len());
    assert!(
        listed
            .iter()
            .all(|it| it.purpose == "rdns" && it.about == Some(snapshot.address))
    );
}

#[tokio::test]
async fn the_address_itself_is_never_asked() {
    let home = tempfile::tempdir().unwrap();
    let outward = Outward::of(home.path());
    let (at, asked) = resolver(|_, _| vec![]).await;
    let error = reverse(at.ip(), &[at], &outward).await.unwrap_err();
    assert!(matches!(error, DnsError::NoResolver));
    assert!(asked.lock().unwrap().is_empty() && outward.list().unwrap().asked.is_empty());
}

#[test]
fn names_of_addresses_are_reversed() {
    let text = |address: &str| {
        String::from_utf8(reverse_name(address.parse().unwrap()).join(&b'.')).unwrap()
    };
    assert_eq!(text("192.0.2.1"), "1.2.0.192.in-addr.arpa");
    assert_eq!(
        text("2001:db8::567:89ab"),
        "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
    );
}

#[test]
fn the_systems_resolvers_are_read() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("resolv.conf");
    std::fs::write(
        &file,
        "# x\nsearch example\nnameserver 192.0.2.53\nnameserver 2001:db8::53\nnameserver x\n",
    )
    .unwrap();
    let found = system_resolvers(&file);
    assert_eq!(
        found,
        [
            "192.0.2.53:53".parse().unwrap(),
            "[2001:db8::53]:53".parse().unwrap()
        ]
    );
    assert!(system_resolvers(&home.path().join("none")).is_empty());
}

#[test]
fn pointers_that_lead_on_or_in_circles_are_refused() {
    let name = labels("7.2.0.192.in-addr.arpa");
    let asked = question(1, &name, PTR).unwrap();
    let fine = answer(&asked, &[wire("host.example")]);
    assert_eq!(
        read(&fine, 1, &name, PTR),
        Some(Read::Answer(vec![Data::Name(labels("host.example"))]))
    );
    for pointer in [
        [0xc0, u8::try_from(asked.len()).unwrap() + 12],
        [0xff, 0xff],
    ] {
        let message = answer(&asked, &[pointer.to_vec()]);
        assert_eq!(read(&message, 1, &name, PTR), Some(Read::Answer(vec![])));
    }
    let mut cut = fine.clone();
    cut[2] |= 2;
    assert_eq!(read(&cut, 1, &name, PTR), Some(Read::Cut));
    let mut failed = fine.clone();
    failed[3] |= 2;
    assert_eq!(read(&failed, 1, &name, PTR), Some(Read::Failed(2)));
    assert_eq!(read(&fine, 2, &name, PTR), None);
    assert_eq!(read(&fine, 1, &labels("other.example"), PTR), None);
    assert_eq!(read(&fine, 1, &name, A), None);
}

proptest! {
    #[test]
    fn any_message_is_survived(
        tail in prop::collection::vec(any::<u8>(), 0..200),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
    ) {
        let name = labels("7.2.0.192.in-addr.arpa");
        let mut message = answer(&question(1, &name, PTR).unwrap(), &[wire("host.example"), tail.clone()]);
        for (place, byte) in changes {
            let place = place.index(message.len());
            message[place] = byte;
        }
        let _ = read(&message, 1, &name, PTR);
        let _ = read(&tail, 1, &name, PTR);
    }
}
