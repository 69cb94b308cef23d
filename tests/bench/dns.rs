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
use tokio::net::UdpSocket;

use crate::Plan;
use crate::figures::{self, Bar};
use crate::server::{Server, Syncs};

/// First argument of a process in this role.
pub(crate) const ROLE: &str = "--bare-dns";

/// Questions under way at once.
const WINDOW: usize = 400;

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

/// Keeps so many questions under way, each for a name of its own, from one socket.
fn load(server: &Server, seconds: f64) -> Tally {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server.address).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    let (mut sent, mut answered, mut lost) = (0_u64, 0_u64, 0_u64);
    let mut buffer = [0; 1500];
    let (cpu, begun) = (server.cpu(), Instant::now());
    let end = begun + Duration::from_secs_f64(seconds);
    while Instant::now() < end {
        while sent - answered - lost < WINDOW as u64 {
            socket.send(&question(sent)).unwrap();
            sent += 1;
        }
        match socket.recv(&mut buffer) {
            Ok(_) => answered += 1,
            // What has not come by now does not come any more.
            Err(_) => lost = sent - answered,
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    Tally {
        rate: answered as f64 / seconds,
        cost: (server.cpu() - cpu) / answered as f64 * 1e6,
        lost,
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
