//! Draws a world of a scenario: trips as a station would have recorded them, and whose each truly is. Knows nothing of
//! how trips are linked.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use lapwing_core::{
    CanaryId, Carrier, Claimed, Claims, DecoyOutcome, DecoyRecord, Listed, MatchedField,
    NetworkClass, NetworkFacts, Observed, StationId, Timestamp, Trip, TripId,
};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};

use crate::scenario::{Bait, Forged, Hands, Network, Program, Scenario};

/// A trip, what is known beside it, and whose it is.
pub(crate) struct Event {
    pub(crate) trip: Trip,
    pub(crate) network: NetworkFacts,
    pub(crate) place: String,
    pub(crate) hand: u32,
}

/// 2026-01-01.
const BEGIN: i64 = 1_767_225_600;
const DAY: f64 = 86_400.0;

/// Draws one world, in order of time.
pub(crate) fn world(scenario: &Scenario, seed: u64) -> Vec<Event> {
    let mut world = World::new(scenario, seed);
    let mut events = Vec::new();
    let mut hand = 0;
    for hands in &scenario.hands {
        for _ in 0..world.between(hands.count) {
            world.hand(hands, hand, &mut events);
            hand += 1;
        }
    }
    events.sort_by_key(|event| event.trip.observed.time);
    for (number, event) in events.iter_mut().enumerate() {
        event.trip.id.sequence = number as u64 + 1;
    }
    events
}

struct World<'a> {
    scenario: &'a Scenario,
    chance: StdRng,
    pools: BTreeMap<String, Vec<(IpAddr, NetworkFacts)>>,
    shared: Client,
    systems: Vec<u32>,
    salt: u64,
}

/// A client program in one version.
#[derive(Clone, Debug, Default)]
struct Client {
    agent: String,
    ja4: String,
    h1: String,
    version: u32,
}

impl<'a> World<'a> {
    fn new(scenario: &'a Scenario, seed: u64) -> Self {
        let mut chance = StdRng::seed_from_u64(seed);
        let systems = (0..400)
            .map(|_| chance.random_range(1_000..60_000))
            .collect();
        let mut world = Self {
            scenario,
            chance,
            pools: BTreeMap::new(),
            shared: Client::default(),
            systems,
            salt: seed,
        };
        world.shared = world.own_client();
        world
    }

    fn between(&mut self, (from, to): (u32, u32)) -> u32 {
        self.chance.random_range(from..=to.max(from))
    }

    fn is(&mut self, likely: f64) -> bool {
        self.chance.random_bool(likely.clamp(0.0, 1.0))
    }

    /// Draws a hand and all its visits.
    fn hand(&mut self, hands: &Hands, number: u32, events: &mut Vec<Event>) {
        let mut addresses = self.addresses(hands);
        let mut clients: Vec<Client> = hands.programs.iter().map(|it| self.client(*it)).collect();
        let canaries = self.canaries(hands, number);
        let (key, machine, sent) = (self.word(), self.word(), self.word());
        let language = [
            "en-US,en;q=0.5",
            "es-ES,es;q=0.9",
            "ru",
            "de-DE,de",
            "en-US,en;q=0.9",
        ]
        .choose(&mut self.chance)
        .copied()
        .unwrap_or_default();
        for time in self.times(hands) {
            if hands.addresses == 0 && hands.pool.is_none() {
                addresses = vec![self.address(hands.network)];
            }
            let source = addresses.choose(&mut self.chance).cloned();
            let (address, network) = source.expect("a hand has an address");
            let place = self.chance.random_range(0..clients.len());
            if self.is(hands.upgrade) {
                clients[place] = clients[place].newer();
            }
            let mut client = clients[place].clone();
            if self.is(hands.resumption) {
                client = client.resumed();
            }
            let (canary, stands) = canaries.choose(&mut self.chance).copied().unwrap_or((0, 0));
            let mut visit = Visit {
                hand: number,
                address,
                network,
                client,
                canary,
                place: stands,
                claims: Claims::default(),
            };
            self.say(hands, &mut visit, (&key, &machine, &sent, language));
            self.trips(hands, time, &visit, events);
        }
    }

    /// When it comes, in seconds since the world began.
    fn times(&mut self, hands: &Hands) -> Vec<f64> {
        let count = self.between(hands.sessions);
        let span = self.chance.random_range(hands.days.0..=hands.days.1) * DAY;
        let room = (self.scenario.days * DAY - span - hands.pause * DAY).max(1.0);
        let begin = self.chance.random_range(0.0..room);
        let mut times: Vec<f64> = (0..count)
            .map(|_| self.chance.random_range(0.0..=span))
            .map(|at| {
                let late = if at > span / 2.0 {
                    hands.pause * DAY
                } else {
                    0.0
                };
                begin + at + late
            })
            .collect();
        times.sort_by(f64::total_cmp);
        times
    }

    fn say(&mut self, hands: &Hands, visit: &mut Visit, own: (&str, &str, &str, &str)) {
        let (key, machine, sent, language) = own;
        let claims = &mut visit.claims;
        claims.agent = Claimed::new(visit.client.agent.clone());
        let mut capture = |name: &str, value: String| {
            let value = Claimed::new(vec![value]);
            claims.captured.insert(name.to_owned(), value);
        };
        if self.is(hands.key) {
            capture("login.key", format!("ssh-ed25519 SHA256:{key}"));
        }
        if self.is(hands.payload) {
            capture("sms.to", format!("+1555{sent}"));
        } else if self.is(hands.common_payload) {
            let common = ["SELECT version()", "ListBuckets", "GetCallerIdentity"];
            let one = common.choose(&mut self.chance).copied().unwrap_or_default();
            capture("sql.statement", one.to_owned());
        }
        let mut header = |name: &str, value: &str| {
            let value = Claimed::new(value.to_owned());
            claims.headers.push((name.to_owned(), value));
        };
        if self.is(hands.machine) {
            header("workstation", machine);
        }
        if self.is(hands.language) {
            header("Accept-Language", language);
        }
        let forwarded = match hands.forged {
            Forged::Nothing => return,
            Forged::Random => self.address(Network::Fixed).0.to_string(),
            Forged::True => format!("10.1.{}.7", visit.hand % 250),
            Forged::Framing => "198.51.100.77".to_owned(),
        };
        let name = "X-Forwarded-For".to_owned();
        visit
            .claims
            .forwarding
            .push((name, Claimed::new(forwarded)));
    }

    fn trips(&mut self, hands: &Hands, begin: f64, visit: &Visit, events: &mut Vec<Event>) {
        let mut at = begin;
        for _ in 0..self.between(hands.trips) {
            let port = self.chance.random_range(1024..=u16::MAX);
            events.push(Event {
                trip: visit.trip(self.salt, at, port),
                network: visit.network.clone(),
                place: format!("file {}", visit.place),
                hand: visit.hand,
            });
            at += self.chance.random_range(0.2..90.0);
        }
    }

    /// The canaries whose values a hand has, each with its place.
    fn canaries(&mut self, hands: &Hands, number: u32) -> Vec<(u32, u32)> {
        let (all, places) = (self.scenario.canaries, self.scenario.places.max(1));
        match hands.bait {
            Bait::Leaked => vec![(0, 0)],
            // Its own place has a number that no other has, and its own canaries.
            Bait::Own => (0..self.between(hands.canaries))
                .map(|one| (10_000 + number * 100 + one, 10_000 + number))
                .collect(),
            Bait::Any => (0..self.between(hands.canaries))
                .map(|_| self.chance.random_range(0..all.max(1)))
                .map(|canary| (canary, canary % places))
                .collect(),
        }
    }

    fn addresses(&mut self, hands: &Hands) -> Vec<(IpAddr, NetworkFacts)> {
        let Some(pool) = &hands.pool else {
            return (0..hands.addresses.max(1))
                .map(|_| self.address(hands.network))
                .collect();
        };
        if !self.pools.contains_key(&pool.name) {
            let drawn = (0..pool.size)
                .map(|_| self.address(hands.network))
                .collect();
            self.pools.insert(pool.name.clone(), drawn);
        }
        let pool = &self.pools[&pool.name];
        let many = if hands.addresses == 0 {
            pool.len()
        } else {
            hands.addresses as usize
        };
        pool.sample(&mut self.chance, many).cloned().collect()
    }

    fn address(&mut self, network: Network) -> (IpAddr, NetworkFacts) {
        let host = |chance: &mut StdRng| chance.random_range(0..=255_u8);
        let (first, second, third, fourth) = (
            self.chance.random_range(11..=99_u8),
            host(&mut self.chance),
            host(&mut self.chance),
            host(&mut self.chance),
        );
        let class = match network {
            Network::Cloud => Some((NetworkClass::Cloud, "Some cloud")),
            Network::Vpn => Some((NetworkClass::Vpn, "VPN or hosting")),
            Network::Relay => Some((NetworkClass::Relay, "Some relay")),
            Network::Company => Some((NetworkClass::Gateway, "Some gateway")),
            Network::Scanner => Some((NetworkClass::Scanner, "Some scanner")),
            Network::Fixed | Network::Carrier => None,
        };
        let address = match network {
            Network::Carrier => Ipv4Addr::new(100, 64 + second % 64, third, fourth),
            Network::Scanner => Ipv4Addr::new(162, 142, 120 + third % 8, fourth),
            _ => Ipv4Addr::new(if first == 10 { 11 } else { first }, second, third, fourth),
        };
        // Most addresses are in few large networks.
        let place = self.chance.random_range(0.0_f64..1.0).powi(3) * 400.0;
        let system = self.systems[(place as usize).min(399)];
        let facts = NetworkFacts {
            country: Some("NL".to_owned()),
            asn: Some(match network {
                Network::Scanner => 398_324,
                // Large clouds and VPN services are few.
                Network::Cloud | Network::Vpn | Network::Relay => {
                    self.systems[(place as usize) % 12]
                }
                _ => system,
            }),
            lists: class
                .map(|(class, name)| Listed {
                    class,
                    name: name.to_owned(),
                })
                .into_iter()
                .collect(),
            special: (network == Network::Carrier).then(|| "shared".to_owned()),
            ..NetworkFacts::default()
        };
        (address.into(), facts)
    }

    fn client(&mut self, program: Program) -> Client {
        let stock = |agent: &str, ja4: &str, h1: &str| Client {
            agent: agent.to_owned(),
            ja4: ja4.to_owned(),
            h1: h1.to_owned(),
            version: 0,
        };
        match program {
            Program::Curl => {
                let version = ["7.88.1", "8.5.0", "8.9.1", "7.81.0"];
                let version = version
                    .choose(&mut self.chance)
                    .copied()
                    .unwrap_or_default();
                stock(
                    &format!("curl/{version}"),
                    "t13d3112h2_e8f1e7e78f70_b26ce05bbdd6",
                    "Host,User-Agent,Accept",
                )
            }
            Program::Requests => {
                let version = ["2.31.0", "2.32.3", "2.28.1"];
                let version = version
                    .choose(&mut self.chance)
                    .copied()
                    .unwrap_or_default();
                stock(
                    &format!("python-requests/{version}"),
                    "t13d1812h1_85036bcba153_b26ce05bbdd6",
                    "Host,User-Agent,Accept-Encoding,Accept,Connection",
                )
            }
            Program::Go => stock(
                "Go-http-client/1.1",
                "t13d1312h2_f57a46bbacb6_ab7e3b40a677",
                "Host,User-Agent,Accept-Encoding",
            ),
            Program::Boto3 => {
                let kernel = self.chance.random_range(0..40);
                stock(
                    &format!(
                        "Boto3/1.34.{kernel} md/Botocore#1.34.{kernel} ua/2.0 os/linux#5.15.0-{} md/arch#x86_64 lang/python#3.11.{}",
                        kernel * 3,
                        kernel % 9
                    ),
                    "t13d1812h1_85036bcba153_b26ce05bbdd6",
                    "Host,Accept-Encoding,User-Agent,Connection",
                )
            }
            Program::Browser => {
                let version = self.chance.random_range(118..=131);
                stock(
                    &format!(
                        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.0.0 Safari/537.36"
                    ),
                    "t13d1516h2_8daaf6152771_02713d6af862",
                    "Host,Connection,User-Agent,Accept,Accept-Encoding,Accept-Language",
                )
            }
            Program::Stock => {
                let all = [
                    Program::Curl,
                    Program::Curl,
                    Program::Requests,
                    Program::Requests,
                    Program::Go,
                    Program::Boto3,
                    Program::Browser,
                ];
                let one = all.choose(&mut self.chance).copied();
                self.client(one.unwrap_or(Program::Curl))
            }
            Program::Own => self.own_client(),
            Program::Shared => self.shared.clone(),
        }
    }

    /// A script: its name and its headers are its own, its TLS is a library's.
    fn own_client(&mut self) -> Client {
        let libraries = [
            "t13d1812h1_85036bcba153_b26ce05bbdd6",
            "t13d1312h2_f57a46bbacb6_ab7e3b40a677",
            "t13d3112h2_e8f1e7e78f70_b26ce05bbdd6",
        ];
        let mut headers = [
            "User-Agent",
            "Accept",
            "Connection",
            "X-Client",
            "Accept-Encoding",
        ];
        for place in (1..headers.len()).rev() {
            let other = self.chance.random_range(0..=place);
            headers.swap(place, other);
        }
        Client {
            agent: format!("{}/0.1", self.name()),
            ja4: libraries
                .choose(&mut self.chance)
                .copied()
                .unwrap_or_default()
                .to_owned(),
            h1: format!("Host,{}", headers.join(",")),
            version: 1,
        }
    }

    fn name(&mut self) -> String {
        (0..7)
            .map(|_| self.chance.random_range('a'..='z'))
            .collect()
    }

    fn word(&mut self) -> String {
        format!("{:08}", self.chance.random_range(0..100_000_000_u32))
    }
}

impl Client {
    fn newer(&self) -> Self {
        let mut next = self.clone();
        next.version += 1;
        let (name, _) = self.agent.rsplit_once('.').unwrap_or((&self.agent, ""));
        next.agent = format!("{name}.{}", 40 + next.version);
        next
    }

    /// TLS 1.3 with a session to resume has one more extension.
    fn resumed(&self) -> Self {
        let mut other = self.clone();
        let parts: Vec<&str> = self.ja4.split('_').collect();
        if let [head, ciphers, extensions] = parts[..] {
            let digest = hex(&[extensions, "resumed"]);
            other.ja4 = format!("{head}_{ciphers}_{}", &digest[..12]);
        }
        other
    }

    fn fingerprint(&self) -> String {
        let ciphers = self.ja4.split('_').nth(1).unwrap_or_default();
        hex(&[&self.agent, &self.h1, ciphers])[..32].to_owned()
    }
}

fn hex(parts: &[&str]) -> String {
    let digest = Sha256::digest(parts.join("\n"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// First packets, and how many of a hundred machines send such; the last is of a program that makes its own.
const SYSTEMS: [(u8, &str); 6] = [
    (60, "1460:64240,7:mss,sok,ts,nop,ws:df,id+:0"),
    (15, "1460:64240,10:mss,sok,ts,nop,ws:df,id+:0"),
    (15, "1460:64240,8:mss,nop,ws,nop,nop,sok:df,id+:0"),
    (6, "1460:65535,6:mss,nop,ws,nop,nop,ts,sok,eol+1:df:0"),
    (3, "1380:65535,6:mss,nop,ws,sok,ts:df,id+:0"),
    (1, "1460:1024,0:mss::0"),
];

/// One visit.
struct Visit {
    hand: u32,
    address: IpAddr,
    network: NetworkFacts,
    client: Client,
    canary: u32,
    place: u32,
    claims: Claims,
}

impl Visit {
    fn trip(&self, salt: u64, at: f64, port: u16) -> Trip {
        let mut canary = [0_u8; 16];
        canary[..4].copy_from_slice(&self.canary.to_be_bytes());
        canary[4..12].copy_from_slice(&salt.to_be_bytes());
        let micros = (BEGIN as f64 + at) * 1e6;
        let client = &self.client;
        let signals = [
            ("ja4", client.ja4.clone()),
            ("h1", client.h1.clone()),
            ("syn", self.first_packet(salt)),
        ];
        Trip {
            id: TripId {
                station: StationId::new(1),
                sequence: 0,
            },
            canary: CanaryId::from_bytes(canary),
            kind: "simulated".to_owned(),
            fields: vec![MatchedField {
                carrier: Carrier::Basic,
                field: "key".to_owned(),
            }],
            observed: Observed {
                fingerprint: self.client.fingerprint(),
                forwarded: None,
                listener: "http".to_owned(),
                local: SocketAddr::from(([192, 0, 2, 1], 443)),
                observer: None,
                peer: SocketAddr::new(self.address, port),
                protocol: "http/1.1".to_owned(),
                signals: { signals.into_iter() }
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect(),
                size: 300,
                time: Timestamp::from_micros(micros as i64),
                truncated: false,
            },
            claims: Some(self.claims.clone()),
            decoy: DecoyRecord {
                kind: "simulated".to_owned(),
                outcome: DecoyOutcome::Accepted,
                rule: "GET /".to_owned(),
                status: 200,
            },
            count: 1,
            times: Vec::new(),
        }
    }

    /// A hand runs a program on one machine, whatever its address; the way there is another from each.
    fn first_packet(&self, salt: u64) -> String {
        let drawn = |parts: &[&str]| {
            let digest = Sha256::digest(parts.join("\n"));
            u8::try_from(u16::from(digest[0]) * 100 / 256).unwrap_or_default()
        };
        let (salt, hand) = (salt.to_string(), self.hand.to_string());
        // Not its version: a machine stays when a program is brought up to date.
        let program = &self.client.h1;
        let mut left = drawn(&[&salt, &hand, program]);
        let system = SYSTEMS.iter().find(|(share, _)| {
            let is = left < *share;
            left = left.saturating_sub(*share);
            is
        });
        let (_, system) = system.unwrap_or(&SYSTEMS[0]);
        let first = if system.contains(",nop,nop,sok:") {
            128
        } else {
            64
        };
        let hops = drawn(&[&salt, &self.address.to_string()]) % 25;
        format!("4:{}+{hops}:0:{system}", first - hops)
    }
}
