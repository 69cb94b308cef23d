//! Started by systemd's own `systemd-socket-activate`, over sockets that it opened; and what a supervisor hears.

use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use lapwing_tests::{Home, Ran, Station, binary, eventually, finish_within, free, trips};
use rustix::process::{Pid, Signal, kill_process};

/// Longest run of a client, which waits for the station to be started by it.
const PATIENCE: Duration = Duration::from_secs(120);

fn home() -> Home {
    let home = Home::new();
    home.ok(&[
        "init",
        "--address",
        "http://*.bait.example",
        "--mail-domain",
        "bait.example",
    ]);
    home
}

/// The station behind sockets of systemd's, which is started by the first who comes.
fn activated(home: &Home, activate: &[&str], listen: &[&str]) -> Command {
    let mut command = Command::new("systemd-socket-activate");
    home.scrub(&mut command);
    for variable in ["HOME", "PATH", "LANG", "LAPWING_DATA_DIR"] {
        command.args(["-E", variable]);
    }
    command
        .args(activate)
        .arg(binary())
        .args(["listen", "--json"])
        .args(listen);
    command
}

/// Runs a client until it has what it came for: nobody listens before systemd does.
fn client(home: &Home, command: &[String], says: &'static str) -> JoinHandle<Ran> {
    let mut program = Command::new(&command[0]);
    home.scrub(&mut program);
    program.args(&command[1..]);
    std::thread::spawn(move || {
        lapwing_tests::within(PATIENCE, "the client is served", || {
            let ran = finish_within(PATIENCE, &mut program);
            ran.stdout.contains(says).then_some(ran)
        })
    })
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

#[test]
fn a_passed_socket_is_served_by_its_name() {
    let home = home();
    let redis = home.mint("redis-uri", &[]);
    let address = free();
    let password = redis.field("password");
    let ask = format!(
        "redis-cli -p {} -a {password} --no-auth-warning ping",
        address.port()
    );
    let asking = client(&home, &words(&ask), "PONG");
    let listen = ["-l", &address.to_string(), "--fdname=redis"];
    let station = Station::start(&mut activated(&home, &listen, &["--http", "127.0.0.1:0"]));
    assert_eq!(station.on("redis"), address);
    asking.join().unwrap();
    let trip = &trips(&home, 1)[0];
    assert_eq!(trip["trip"]["observed"]["listener"], "redis");
    assert_eq!(trip["trip"]["canary"], redis.id.as_str());
    assert_eq!(station.stop().code, 0);
}

#[test]
fn a_passed_socket_is_served_by_its_address_where_it_has_no_name() {
    let home = home();
    let canary = home.mint("url", &[]);
    let address = free();
    let url = canary
        .field("beacon.url")
        .strip_prefix("http://")
        .unwrap()
        .to_owned();
    let (host, path) = url.split_once('/').unwrap();
    let ask = format!("curl -s -m 20 -i --connect-to {host}:80:{address} http://{host}/{path}");
    let asking = client(&home, &words(&ask), "HTTP/1.1 ");
    // The other door of the settings nobody passes: it is bound beside.
    let door = address.to_string();
    let listen = ["--http", &door, "--http", "127.0.0.1:0"];
    let station = Station::start(&mut activated(&home, &["-l", &door], &listen));
    assert_eq!(station.addresses().len(), 2);
    assert_eq!(station.addresses()[0], address);
    asking.join().unwrap();
    assert_eq!(
        trips(&home, 1)[0]["trip"]["observed"]["local"],
        door.as_str()
    );
    assert_eq!(station.stop().code, 0);
}

#[test]
fn a_passed_socket_for_datagrams_is_served() {
    let home = home();
    let canary = home.mint("dns", &[]);
    let address = free();
    let name = canary.field("beacon.name");
    let ask = format!(
        "dig @127.0.0.1 -p {} +tries=30 +time=1 {name} A",
        address.port()
    );
    let asking = client(&home, &words(&ask), "status: NOERROR");
    let listen = ["--datagram", "-l", &address.to_string(), "--fdname=dns"];
    let more = [
        "--http",
        "127.0.0.1:0",
        "--setting",
        "dns.addresses=[\"192.0.2.1\"]",
    ];
    let station = Station::start(&mut activated(&home, &listen, &more));
    assert_eq!(station.on("dns"), address);
    let answer = asking.join().unwrap();
    assert!(answer.stdout.contains("192.0.2.1"), "{}", answer.stdout);
    let trip = &trips(&home, 1)[0];
    assert_eq!(trip["trip"]["observed"]["listener"], "dns");
    // The same port over connections, which nobody passed, was bound beside.
    let mut tcp = Command::new("dig");
    home.scrub(&mut tcp);
    tcp.args(words(&format!(
        "@127.0.0.1 -p {} +tcp bait.example SOA",
        address.port()
    )));
    let ran = finish_within(PATIENCE, &mut tcp);
    assert!(ran.stdout.contains("status: NOERROR"), "{}", ran.stdout);
    assert_eq!(station.stop().code, 0);
}

#[test]
fn a_socket_for_nothing_is_refused_with_what_to_do() {
    let home = home();
    let address = free();
    let poke = std::thread::spawn(move || {
        eventually("systemd listens", || {
            std::net::TcpStream::connect(address).ok()
        })
    });
    let listen = ["-l", &address.to_string(), "--fdname=telnet"];
    let mut command = activated(&home, &listen, &["--http", "127.0.0.1:0"]);
    let ran = finish_within(PATIENCE, &mut command);
    poke.join().unwrap();
    assert_eq!(ran.code, 1, "{}", ran.stdout);
    assert!(
        ran.stderr.contains("\"telnet\"") && ran.stderr.contains("FileDescriptorName="),
        "{}",
        ran.stderr
    );
}

/// What the station says to who started it, until `last` is said.
fn heard(socket: &UnixDatagram, last: &str) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let mut bytes = [0; 4096];
        let length = socket
            .recv(&mut bytes)
            .unwrap_or_else(|error| panic!("{error}: {last} after {all:?}"));
        let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
        let is_last = text.lines().any(|line| line == last);
        all.push(text);
        if is_last {
            return all;
        }
    }
}

#[test]
fn the_supervisor_hears_of_start_reload_and_stop_and_that_it_lives() {
    let home = home();
    let path = home.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let mut command = home.command(&["listen", "--json", "--http", "127.0.0.1:0"]);
    command
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "400000")
        .stdin(Stdio::null());
    let station = Station::start(&mut command);
    let ready = heard(&socket, "READY=1");
    assert!(
        ready
            .last()
            .unwrap()
            .contains("STATUS=listening at 1 doors"),
        "{ready:?}"
    );
    for _ in 0..3 {
        heard(&socket, "WATCHDOG=1");
    }
    let pid = Pid::from_raw(i32::try_from(station.pid()).unwrap()).unwrap();
    kill_process(pid, Signal::HUP).unwrap();
    let reloading = heard(&socket, "RELOADING=1").pop().unwrap();
    let stamp = reloading
        .lines()
        .find_map(|line| line.strip_prefix("MONOTONIC_USEC="));
    assert!(stamp.unwrap().parse::<u64>().unwrap() > 0);
    heard(&socket, "READY=1");
    let stopped = station.stop();
    heard(&socket, "STOPPING=1");
    assert_eq!(stopped.code, 0, "{}", stopped.stderr);
}
