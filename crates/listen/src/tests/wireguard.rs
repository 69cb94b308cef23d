//! WireGuard: a right first message is answered once, what comes through the tunnel is told, and nothing else is answered.

use std::net::SocketAddr;
use std::sync::LazyLock;

use curve25519_dalek::MontgomeryPoint;
use data_encoding::BASE64;
use lapwing_core::DecoyOutcome;
use proptest::prelude::*;

use super::*;
use crate::Mark;
use crate::datagram::{Considered, Considers, Message};
use crate::wireguard::{self, client, datagram};

/// A canary with a configuration, and whoever knows it by its keys.
struct Configuration(Arc<Canary>);

impl Recogniser for Configuration {
    fn recognise(&self, candidates: &[Candidate<'_>]) -> Vec<Recognised> {
        let fields = ["public_key", "peer_key"];
        let found = candidates.iter().flat_map(|candidate| {
            let own = fields
                .iter()
                .filter(|field| self.0.fields[**field].as_bytes() == &*candidate.value);
            own.map(|field| Recognised {
                canary: Arc::clone(&self.0),
                field: (*field).to_owned(),
                carrier: candidate.carrier,
            })
        });
        found.collect()
    }

    fn stand_in(&self) -> Option<Recognised> {
        None
    }

    fn browse(&self, mark: Mark, see: &mut dyn FnMut(&Canary)) -> Mark {
        browse_one(&self.0, mark, see)
    }

    fn bound(&self, _host: &str) -> Arc<[String]> {
        Arc::new([])
    }
}

/// A server of one canary, with the keys of its configuration.
struct Tunnel {
    station: Arc<Station>,
    server: Arc<dyn Considers>,
    private: [u8; 32],
    peer: [u8; 32],
}

const PEER: &str = "198.51.100.7:4711";

impl Tunnel {
    fn new(retired: bool) -> Self {
        let public = |private: [u8; 32]| MontgomeryPoint::mul_base_clamped(private).to_bytes();
        let (private, server): ([u8; 32], [u8; 32]) = (rand::random(), rand::random());
        let fields = [
            ("private_key", private),
            ("public_key", public(private)),
            ("peer_private", server),
            ("peer_key", public(server)),
        ];
        let (mut station, _) = station(Limits::default(), &[]);
        station.recogniser = Arc::new(Configuration(Arc::new(Canary {
            id: CanaryId::from_bytes([7; 16]),
            kind: "wireguard".to_owned(),
            memo: String::new(),
            labels: Default::default(),
            fields: fields
                .map(|(name, key)| (name.to_owned(), BASE64.encode(&key)))
                .into(),
            minted: Timestamp::from_micros(0),
            retired: retired.then(|| Timestamp::from_micros(1)),
        })));
        let station = Arc::new(station);
        Self {
            server: wireguard::open(&station, "wireguard"),
            station,
            private,
            peer: public(server),
        }
    }

    fn send(&self, bytes: &[u8]) -> Considered {
        let peer: SocketAddr = PEER.parse().unwrap();
        let message = Message {
            bytes,
            peer,
            way: "udp",
        };
        Arc::clone(&self.server).consider(&self.station, &message)
    }

    fn begin(&self, second: u8) -> client::Begun {
        let stamp = [0x40, 0, 0, 0, 0, 0, 0, second, 0, 0, 0, 0];
        client::begin(self.private, &self.peer, 7, stamp)
    }
}

fn told(considered: &Considered) -> (&str, Option<DecoyOutcome>, Option<&str>) {
    let act = &considered.act;
    let outcome = act.decoy.as_ref().map(|decoy| decoy.outcome);
    let to = act.captured.get("tunnel.to").map(|to| to[0].as_str());
    (&act.method, outcome, to)
}

#[test]
fn a_tunnel_opens_and_says_where_it_was_to_lead() {
    let tunnel = Tunnel::new(false);
    let begun = tunnel.begin(1);
    let first = tunnel.send(&begun.message);
    assert_eq!(
        told(&first),
        ("HANDSHAKE", Some(DecoyOutcome::Accepted), None)
    );
    let fields: Vec<_> = first.found.iter().map(|it| it.field.as_str()).collect();
    assert_eq!(fields, ["public_key", "peer_key"]);

    // The same once more: whoever sends it has seen it, and no more.
    let again = tunnel.send(&begun.message);
    assert_eq!(
        told(&again),
        ("HANDSHAKE", Some(DecoyOutcome::Refused), None)
    );
    assert!(again.answer.is_none() && !again.found.is_empty());

    let keys = begun.finish(&first.answer.expect("an answer"));
    let empty = tunnel.send(&client::data(&keys, 0, &[]));
    assert_eq!(
        told(&empty),
        ("SESSION", Some(DecoyOutcome::Accepted), None)
    );
    assert!(empty.answer.is_none() && empty.later.is_none());
    let ssh = client::data(&keys, 1, &datagram(6, [10, 1, 2, 1], 22, &[]));
    let news = tunnel.send(&ssh);
    let expect = (
        "PACKET",
        Some(DecoyOutcome::Accepted),
        Some("tcp 10.1.2.1:22"),
    );
    assert_eq!(told(&news), expect);
    assert!(tunnel.send(&ssh).found.is_empty(), "it came before");
    let more = client::data(&keys, 2, &datagram(6, [10, 1, 2, 1], 22, b"more"));
    let more = tunnel.send(&more);
    assert!(more.told && more.answer.is_none() && more.later.is_none());

    let (peer, later) = (news.later.expect("something to say").then)().expect("still there");
    assert_eq!(peer.to_string(), PEER);
    assert_eq!(later.act.captured["tunnel.packets"], ["3"]);
    assert_eq!(
        client::opened(&keys, &later.answer.unwrap()),
        Some(Vec::new())
    );
    assert!(later.later.is_some(), "more came meanwhile");
}

#[test]
fn nobody_else_is_answered() {
    let retired = Tunnel::new(true);
    let gone = retired.send(&retired.begin(1).message);
    assert_eq!(
        told(&gone),
        ("HANDSHAKE", Some(DecoyOutcome::Revoked), None)
    );
    assert!(gone.answer.is_none());

    let tunnel = Tunnel::new(false);
    let stranger = client::begin(rand::random(), &tunnel.peer, 7, [0x40; 12]);
    let stranger = tunnel.send(&stranger.message);
    assert_eq!(
        told(&stranger),
        ("HANDSHAKE", Some(DecoyOutcome::Refused), None)
    );
    assert!(stranger.answer.is_none());
    assert_eq!(stranger.found.len(), 1);
    assert!(stranger.act.captured.contains_key("wireguard.key"));
    let other = client::begin(tunnel.private, &[9; 32], 7, [0x40; 12]);
    let other = tunnel.send(&other.message);
    assert!(other.found.is_empty() && other.answer.is_none());
}

/// A tunnel that is open, and how many messages came through it.
static OPEN: LazyLock<(Tunnel, client::Keys, AtomicU64)> = LazyLock::new(|| {
    let tunnel = Tunnel::new(false);
    let begun = tunnel.begin(1);
    let answer = tunnel.send(&begun.message).answer.unwrap();
    let keys = begun.finish(&answer);
    (tunnel, keys, AtomicU64::new(0))
});

proptest! {
    #[test]
    fn whatever_comes_nothing_fails(
        kind in 0_u8..6,
        rest in prop::collection::vec(any::<u8>(), 0..200),
        broken in 0_usize..132,
        packet in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let (tunnel, keys, count) = &*OPEN;
        let bytes = [&[kind, 0, 0, 0][..], &rest].concat();
        prop_assert!(tunnel.send(&bytes).answer.is_none());
        let mut message = tunnel.begin(2).message;
        message[broken] ^= 1;
        prop_assert!(tunnel.send(&message).answer.is_none());
        let count = count.fetch_add(1, Ordering::Relaxed);
        let passed = tunnel.send(&client::data(keys, count, &packet));
        prop_assert!(passed.told || !passed.found.is_empty());
    }
}
