//! What each test stands on: a station that listens for one protocol on loopback, canaries, and the trips as
//! lines to be compared.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use lapwing_core::text::escape_lines;
use lapwing_tests::{Home, Minted, Ran, Station, binary, eventually, finish_within, trips};
use serde_json::Value;

/// Longest run of a client.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Stage {
    pub(crate) home: Home,
    pub(crate) station: Station,
    protocol: &'static str,
}

impl Stage {
    /// A station that listens for one protocol more than HTTP.
    pub(crate) fn new(protocol: &'static str) -> Self {
        Self::with(protocol, &[&format!("{protocol}=127.0.0.1:0")], &[])
    }

    /// A station as [`Stage::new`] makes it, from a home that was prepared.
    pub(crate) fn prepared(protocol: &'static str, prepare: impl FnOnce(&Home)) -> Self {
        let door = format!("{protocol}=127.0.0.1:0");
        Self::made(protocol, &[&door], &[], prepare)
    }

    /// A station with these doors and further arguments of `listen`.
    pub(crate) fn with(protocol: &'static str, doors: &[&str], arguments: &[&str]) -> Self {
        Self::made(protocol, doors, arguments, |_| ())
    }

    fn made(
        protocol: &'static str,
        doors: &[&str],
        arguments: &[&str],
        prepare: impl FnOnce(&Home),
    ) -> Self {
        let home = Home::new();
        home.ok(&[
            "init",
            "--address",
            "http://*.bait.example",
            "--setting",
            "mail_domain=bait.example",
        ]);
        prepare(&home);
        let doors = doors.iter().flat_map(|door| ["--on", door]);
        let arguments: Vec<&str> = doors.chain(arguments.iter().copied()).collect();
        let station = home.listen(&arguments);
        Self {
            home,
            station,
            protocol,
        }
    }

    /// A station with an address, in a network of its own: ports there are free, and a client may have a tunnel.
    pub(crate) fn apart(
        protocol: &'static str,
        addresses: &[&str],
        prepare: impl FnOnce(&Home),
        arguments: &[&str],
    ) -> Self {
        let home = Home::new();
        let addresses = addresses.iter().flat_map(|address| ["--address", address]);
        home.ok(&["init"].into_iter().chain(addresses).collect::<Vec<_>>());
        prepare(&home);
        let mut command = Command::new("unshare");
        home.scrub(&mut command);
        let script = r#"ip link set lo up && exec "$0" "$@""#;
        command
            .args(["--net", "--map-root-user", "sh", "-c", script])
            .arg(binary())
            .args(["listen", "--json"])
            .args(arguments);
        let station = Station::start(&mut command);
        Self {
            home,
            station,
            protocol,
        }
    }

    /// Runs a program in the network of [`Stage::apart`].
    pub(crate) fn inside(&self, variables: &[(&str, &str)], program: &[&str]) -> Ran {
        let mut command = Command::new("nsenter");
        self.home.scrub(&mut command);
        command
            .envs(variables.iter().copied())
            .args(["--target", &self.station.pid().to_string()])
            .args(["--user", "--net", "--preserve-credentials"])
            .args(program);
        finish_within(PATIENCE, &mut command)
    }

    /// Where the protocol is spoken.
    pub(crate) fn address(&self) -> SocketAddr {
        self.station.on(self.protocol)
    }

    /// Where it is spoken, as a port in decimal.
    pub(crate) fn port(&self) -> String {
        self.address().port().to_string()
    }

    pub(crate) fn mint(&self, kind: &str) -> Minted {
        self.home.mint(kind, &[])
    }

    /// Runs a program with this home and nothing else of the environment.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> Ran {
        let mut command = Command::new(program);
        self.home.scrub(&mut command);
        command.args(arguments);
        finish_within(PATIENCE, &mut command)
    }

    /// The trips there are, oldest first, as soon as there are at least so many.
    pub(crate) fn trips(&self, count: usize) -> Vec<Value> {
        let mut trips = trips(&self.home, count);
        trips.reverse();
        trips
    }

    /// The trips as lines, as soon as they say this: of all that a client did, what came last.
    pub(crate) fn told(&self, last: &str) -> String {
        eventually(last, || {
            let lines = self.lines(1);
            lines.contains(last).then_some(lines)
        })
    }

    /// The trips as lines, oldest first: method, what answered and how, and what was captured.
    pub(crate) fn lines(&self, count: usize) -> String {
        let trips = self.trips(count);
        let line = |listed: &Value| {
            let trip = &listed["trip"];
            let claims = &trip["claims"];
            let captured = claims["captured"].as_object().into_iter().flatten();
            let captured: String = captured
                .map(|(name, values)| {
                    let values: Vec<_> = values.as_array().unwrap().iter().collect();
                    let values: Vec<_> = values.iter().filter_map(|it| it.as_str()).collect();
                    format!(" {name}={}", escape_lines(values.join("|").as_bytes()))
                })
                .collect();
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            format!(
                "{} {} {}{captured}\n",
                text(&claims["method"]),
                text(&trip["decoy"]["kind"]),
                text(&trip["decoy"]["outcome"]),
            )
        };
        trips.iter().map(line).collect()
    }
}
