//! `dns`: look-ups of unknown names a second, beside a bare authority (hickory-server with a zone in memory) under
//! the same load.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hickory_proto::rr::rdata::{A, NS, SOA};
use hickory_proto::rr::{LowerName, Name, RData, Record};
use hickory_server::Server as Authority;
use hickory_server::net::runtime::TokioRuntimeProvider;
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, ZoneType};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::net::UdpSocket;

use crate::Plan;
use crate::figures::{self, Bar};
use crate::server::{Server, Syncs};

/// First argument of a process in this role.
pub(crate) const ROLE: &str = "--bare-dns";

/// Clients, and questions under way at once of each: as many as a socket's buffer holds.
const ASKERS: u8 = 8;
const WINDOW: usize = 64;

/// When a question is taken for lost.
const LOST: Duration = Duration::from_millis(200);

pub(crate) fn run(plan: &Plan) {
    let home = tempfile::tempdir().unwrap();
    let station = station(plan, home.path());
    let bare = {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg(ROLE);
        Server::start(command, Syncs::Real)
    };
    let (mut ratios, mut rates) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        let yard = load(&bare, plan.seconds);
        let own = load(&station, plan.seconds);
        println!(
            "  bare {:>7.0}/s {:>5.1} us each   station {:>7.0}/s {:>5.1} us each   lost {} and {}",
            yard.rate, yard.cost, own.rate, own.cost, yard.lost, own.lost
        );
        ratios.push(own.rate / yard.rate);
        rates.push(own.rate);
    }
    println!(
        "  ratio {}   rate {}",
        figures::spread(&ratios),
        figures::spread(&rates)
    );
    figures::bar(
        "unknown names / bare hickory-server",
        figures::median(&ratios),
        &Bar::AtLeast(0.6),
        "",
    );
}

/// A station with a canary whose host takes names, and its DNS port in place of its HTTP port.
fn station(plan: &Plan, home: &std::path::Path) -> Server {
    let data = home.join("data");
    let lapwing = |arguments: &[&str]| {
        let mut command = Command::new(&plan.binary);
        command
            .env_clear()
            .env("LAPWING_DATA_DIR", &data)
            .args(arguments);
        command
    };
    let done = |arguments: &[&str]| {
        let ran = lapwing(arguments).output().unwrap();
        assert!(ran.status.success(), "{arguments:?}: {ran:?}");
    };
    done(&["init", "--address", "http://*.bait.example"]);
    done(&["mint", "dns", "--setting", "mail_domain=bait.example"]);
    let mut server = Server::start(
        lapwing(&[
            "listen",
            "--json",
            "--http",
            "127.0.0.1:0",
            "--on",
            "dns=127.0.0.1:0",
        ]),
        Syncs::Real,
    );
    server.address = server.on("dns");
    server
}

#[derive(Clone, Copy, Default)]
struct Tally {
    rate: f64,
    cost: f64,
    lost: u64,
}

/// A client at an address of its own.
struct Asker {
    socket: std::net::UdpSocket,
    under_way: usize,
    heard: Instant,
}

/// Keeps so many questions under way, each for a name of its own, from several addresses.
fn load(server: &Server, seconds: f64) -> Tally {
    let ask = |number: u8| {
        let socket = std::net::UdpSocket::bind((Ipv4Addr::new(127, 0, 1, number), 0)).unwrap();
        socket.connect(server.address).unwrap();
        socket.set_nonblocking(true).unwrap();
        Asker {
            socket,
            under_way: 0,
            heard: Instant::now(),
        }
    };
    let mut askers: Vec<Asker> = (1..=ASKERS).map(ask).collect();
    let (mut sent, mut tally) = (0_u64, Tally::default());
    let (cpu, begun) = (server.cpu(), Instant::now());
    let end = begun + Duration::from_secs_f64(seconds);
    let mut answered = 0_u64;
    while Instant::now() < end {
        let mut heard = 0;
        for asker in &mut askers {
            heard += asker.turn(&mut sent, &mut tally.lost);
        }
        answered += heard;
        if heard == 0 {
            let mut wanted: Vec<_> = (askers.iter())
                .map(|asker| PollFd::new(&asker.socket, PollFlags::IN))
                .collect();
            let patience = Timespec {
                tv_sec: 0,
                tv_nsec: 20_000_000,
            };
            poll(&mut wanted, Some(&patience)).unwrap();
        }
    }
    tally.rate = answered as f64 / begun.elapsed().as_secs_f64();
    tally.cost = (server.cpu() - cpu) / answered as f64 * 1e6;
    tally
}

impl Asker {
    /// Takes what has come and asks as much again.
    fn turn(&mut self, sent: &mut u64, lost: &mut u64) -> u64 {
        let (mut buffer, mut heard) = ([0; 1500], 0);
        while self.socket.recv(&mut buffer).is_ok() {
            heard += 1;
            self.under_way = self.under_way.saturating_sub(1);
            self.heard = Instant::now();
        }
        if self.under_way > 0 && self.heard.elapsed() > LOST {
            // What has not come by now does not come any more.
            *lost += self.under_way as u64;
            self.under_way = 0;
            self.heard = Instant::now();
        }
        while self.under_way < WINDOW && self.socket.send(&question(*sent)).is_ok() {
            *sent += 1;
            self.under_way += 1;
        }
        heard
    }
}

/// A question of a resolver: EDNS, no recursion.
fn question(number: u64) -> Vec<u8> {
    let mut bytes = vec![
        (number >> 8) as u8,
        number as u8,
        0,
        0,
        0,
        1,
        0,
        0,
        0,
        0,
        0,
        1,
    ];
    for label in [format!("host-{number:08x}").as_str(), "bait", "example"] {
        bytes.push(label.len() as u8);
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.extend_from_slice(b"\0\0\x01\0\x01\0\0\x29\x04\xd0\0\0\0\0\0\0");
    bytes
}

/// Serves until it is killed.
pub(crate) fn serve() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let socket = UdpSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .unwrap();
        println!("{{\"http\":[\"{}\"]}}", socket.local_addr().unwrap());
        let origin = Name::from_ascii("bait.example.").unwrap();
        let mut authority = Authority::new(catalog(&origin));
        authority.register_socket(socket);
        authority.block_until_done().await.unwrap();
    });
}

fn catalog(origin: &Name) -> Catalog {
    let within = |label: &str| {
        Name::from_ascii(label)
            .unwrap()
            .append_domain(origin)
            .unwrap()
    };
    let soa = SOA::new(
        within("ns1"),
        within("hostmaster"),
        1,
        7200,
        900,
        1_209_600,
        3600,
    );
    let address = RData::A(A(Ipv4Addr::LOCALHOST));
    let mut zone = InMemoryZoneHandler::<TokioRuntimeProvider>::empty(
        origin.clone(),
        ZoneType::Primary,
        AxfrPolicy::Deny,
    );
    for (name, data) in [
        (origin.clone(), RData::SOA(soa)),
        (origin.clone(), RData::NS(NS(within("ns1")))),
        (within("ns1"), address.clone()),
        (within("www"), address),
    ] {
        zone.upsert_mut(Record::from_rdata(name, 3600, data), 1);
    }
    let mut catalog = Catalog::new();
    catalog.upsert(LowerName::from(origin), vec![Arc::new(zone)]);
    catalog
}
