//! A station under siege, one protocol after another: how much memory it takes, and how long a trip in the midst of
//! the noise takes until it is answered and until its alert is there. `LAPWING_SIEGE=dns,smpp` leaves the others out.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};
use std::time::{Duration, Instant};

use lapwing_tests::siege::{
    Memory, Sources, connects, datagrams, garbage, opening, raise_descriptors, say,
    say_in_datagrams, slow,
};
use lapwing_tests::{Beacon, Home, Minted, Station, WebhookCatcher, get};
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use crate::Plan;
use crate::figures::{Bar, bar};

/// Longest wait for an alert.
const PATIENCE: Duration = Duration::from_secs(30);
/// Sorts of noise.
const SORTS: usize = 5;
/// Connections that the system holds for the bare loop: as many as for a station.
const BACKLOG: i32 = 4096;

/// How much of everything.
struct Size {
    slow: u32,
    hold: Duration,
    flood: Duration,
    garbage: u64,
}

/// A station that listens for everything, and where its alerts arrive.
struct Besieged {
    station: Station,
    hooks: WebhookCatcher,
    bait: Vec<Beacon>,
    // Last: it is removed when it is dropped.
    _home: Home,
}

/// How a station fared.
#[derive(Default)]
struct Fared {
    memory: f64,
    answer: f64,
    alert: f64,
    missing: usize,
}

pub(crate) fn run(plan: &Plan) {
    raise_descriptors();
    let size = if plan.quick {
        Size {
            slow: 1000,
            hold: Duration::from_secs(2),
            flood: Duration::from_secs(1),
            garbage: 32 << 20,
        }
    } else {
        Size {
            slow: 10_000,
            hold: Duration::from_secs(10),
            flood: Duration::from_secs(5),
            garbage: 1 << 30,
        }
    };
    println!(
        "a bare accept loop takes {:.0} connections/s",
        bare(size.flood)
    );
    let (mut besieged, doors) = Besieged::start();
    let mut all = Fared::default();
    let only = std::env::var("LAPWING_SIEGE").unwrap_or_default();
    let chosen = |name: &str| only.is_empty() || only.split(',').any(|one| one == name);
    for (protocol, at) in doors.iter().filter(|(name, _)| chosen(name)) {
        besiege(&mut besieged, protocol, *at, &size, &mut all);
    }
    bar("memory, at the most", all.memory, &Bar::Below(200.0), " MB");
    bar(
        "answer to a trip in the midst, at the latest",
        all.answer,
        &Bar::Below(2.0),
        " s",
    );
    bar(
        "alert of a trip in the midst, at the latest",
        all.alert,
        &Bar::Below(2.0),
        " s",
    );
    bar(
        "trips that were lost",
        all.missing as f64,
        &Bar::Below(1.0),
        "",
    );
    assert_eq!(besieged.station.stop().code, 0);
}

fn besiege(besieged: &mut Besieged, protocol: &str, at: SocketAddr, size: &Size, all: &mut Fared) {
    let opening = opening(protocol);
    let carried = lapwing_listen::protocol(protocol)
        .expect("a protocol")
        .carried(false);
    if carried.datagrams {
        let say = |value: &str| say_in_datagrams(at, value);
        besieged.watch((protocol, "datagrams"), all, say, |midst| {
            let count = datagrams(at, opening, size.garbage, midst);
            format!("{} MB in {count} datagrams", size.garbage >> 20)
        });
    }
    if !carried.connections {
        return;
    }
    let say = |value: &str| say(protocol, at, value);
    for (name, sources) in [("slow", Sources::Many), ("slow, one address", Sources::One)] {
        besieged.watch((protocol, name), all, say, |midst| {
            let again = slow(at, opening, (size.slow, sources), size.hold, midst);
            format!("{} connections, {again} opened again", size.slow)
        });
    }
    besieged.watch((protocol, "connects"), all, say, |midst| {
        let rate = connects(at, Sources::Many, size.flood, midst);
        format!("{rate:.0} connections/s")
    });
    besieged.watch((protocol, "garbage"), all, say, |midst| {
        let (sent, connections) = garbage(at, opening, size.garbage, midst);
        format!("{} MB on {connections} connections", sent >> 20)
    });
}

impl Besieged {
    fn start() -> (Self, Vec<(String, SocketAddr)>) {
        let home = Home::new();
        home.ok(&["init", "--address", "http://*.example.org"]);
        let hooks = WebhookCatcher::start();
        let toml = "addresses = [\"http://*.example.org\"]\n";
        home.settings(&format!("{toml}{}", hooks.channel("hook")));
        let protocols = home.json(&["protocols"]);
        let protocols = protocols.as_array().expect("a list").iter();
        let names: Vec<String> = protocols
            .map(|it| it["name"].as_str().expect("a name").to_owned())
            .collect();
        let count = (names.len() * SORTS * 2).to_string();
        let minted = home.ok(&["mint", "url", "--count", &count, "--out", "json"]);
        let bait = minted.lines().map(|line| Beacon::of(&Minted::parse(line)));
        let others = names.iter().filter(|name| *name != "http");
        let on = others.flat_map(|name| ["--on".to_owned(), format!("{name}=127.0.0.1:0")]);
        let on: Vec<String> = on.collect();
        let on: Vec<&str> = on.iter().map(String::as_str).collect();
        let bait = bait.collect();
        let station = home.listen(&on);
        let door = |name: String| match name.as_str() {
            "http" => (name, station.address()),
            _ => {
                let at = station.on(&name);
                (name, at)
            }
        };
        let doors = names.into_iter().map(door).collect();
        let besieged = Self {
            station,
            hooks,
            bait,
            _home: home,
        };
        (besieged, doors)
    }

    /// Makes noise, and looks how a trip over HTTP and one over the protocol itself, which `say` makes, fare in
    /// its midst.
    fn watch(
        &mut self,
        (protocol, name): (&str, &str),
        all: &mut Fared,
        say: impl Fn(&str) -> io::Result<()> + Sync,
        noise: impl FnOnce(&mut dyn FnMut()) -> String,
    ) {
        let memory = Memory::watch(self.station.pid());
        let (web, own) = (self.bait.pop(), self.bait.pop());
        let (web, own) = (web.expect("bait"), own.expect("bait"));
        let (mut answer, mut alerts) = (0.0, [None, None]);
        let what = {
            let (hooks, http) = (&self.hooks, self.station.address());
            let mut midst = || {
                let begun = Instant::now();
                let answered = get(http, &web.host, &web.target, &[]).status != 0;
                answer = if answered {
                    begun.elapsed().as_secs_f64()
                } else {
                    99.0
                };
                alerts[0] = alert(hooks, &web.id, begun);
                let begun = Instant::now();
                // A client of datagrams goes on asking meanwhile.
                std::thread::scope(|scope| {
                    scope.spawn(|| {
                        if say(&own.segment).is_err() {
                            println!("  {protocol}: {name}: the connection broke");
                        }
                    });
                    alerts[1] = alert(hooks, &own.id, begun);
                });
            };
            noise(&mut midst)
        };
        let peak = memory.peak();
        let shown = alerts.map(|alert| alert.map_or("none".to_owned(), |it| format!("{it:.2} s")));
        println!(
            "{protocol:<11}{name:<18} {peak:>5.0} MB   answer {answer:.2} s   alerts {} and {}   {what}",
            shown[0], shown[1]
        );
        all.memory = all.memory.max(peak);
        all.answer = all.answer.max(answer);
        all.missing += alerts.iter().filter(|alert| alert.is_none()).count();
        all.alert = alerts
            .iter()
            .flatten()
            .fold(all.alert, |most, it| most.max(*it));
    }
}

/// The seconds until the first alert about this canary.
fn alert(hooks: &WebhookCatcher, canary: &str, begun: Instant) -> Option<f64> {
    while begun.elapsed() < PATIENCE {
        let about = |hook: &lapwing_tests::Hook| hook.body.to_string().contains(canary);
        if hooks.hooks().iter().any(about) {
            return Some(begun.elapsed().as_secs_f64());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    None
}

/// Connections a second that a loop takes which does nothing else.
fn bare(length: Duration) -> f64 {
    let flags = SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None);
    let socket = socket.expect("a socket");
    rustix::net::bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).expect("a port");
    rustix::net::listen(&socket, BACKLOG).expect("a port");
    let listener = TcpListener::from(socket);
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            drop(socket)
        }
    });
    connects(at, Sources::Many, length, || ())
}
