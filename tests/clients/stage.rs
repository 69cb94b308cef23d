//! What each test of a client stands on: a station behind wires, canaries with names, the client's
//! results, and the trips as lines to be compared.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::Duration;

use lapwing_core::text::escape_lines;
use lapwing_tests::{Home, Minted, Ran, Station, finish_within, repository, trips, venv};
use serde_json::{Value, json};

use crate::wire::{Wire, streams_of};

/// Longest run of a client.
const PATIENCE: Duration = Duration::from_secs(180);

/// A station, with a wire for each kind that was asked for.
pub(crate) struct Stage {
    pub(crate) home: Home,
    station: Station,
    wires: BTreeMap<&'static str, Wire>,
    /// What canaries are called here, by their ids.
    names: BTreeMap<String, &'static str>,
}

impl Stage {
    /// Sets up a station whose kinds have an address each; `net` keeps those of tests apart.
    pub(crate) fn new(net: u8, kinds: &[&'static str]) -> Self {
        let home = Home::new();
        let hosts = (1..).map(|last| Ipv4Addr::new(127, 77, net, last));
        let wires: BTreeMap<_, _> = kinds
            .iter()
            .zip(hosts)
            .map(|(kind, host)| (*kind, Wire::lay(host)))
            .collect();
        let addresses: Vec<String> = wires
            .values()
            .map(|wire| format!("http://{}", wire.address()))
            .collect();
        let mut init = vec!["init"];
        for address in &addresses {
            init.extend(["--address", address]);
        }
        home.ok(&init);
        let station = home.listen(&[]);
        for wire in wires.values() {
            wire.connect(station.address());
        }
        Self {
            home,
            station,
            wires,
            names: BTreeMap::new(),
        }
    }

    /// Where clients reach a kind: the address its canaries carry.
    pub(crate) fn address(&self, kind: &str) -> SocketAddr {
        self.wires[kind].address()
    }

    /// Mints a canary that is called `name` in lines.
    pub(crate) fn mint(&mut self, name: &'static str, kind: &str) -> Minted {
        let address = format!("http://{}", self.address(kind));
        let minted = self.home.mint(kind, &["--address", &address]);
        self.call(&minted.id, name);
        minted
    }

    /// Gives a canary a name in lines.
    pub(crate) fn call(&mut self, id: &str, name: &'static str) {
        self.names.insert(id.to_owned(), name);
    }

    /// Mints a canary and retires it at once.
    pub(crate) fn retired(&mut self, kind: &str) -> Minted {
        let minted = self.mint("retired", kind);
        self.home.ok(&["retire", &minted.id]);
        minted
    }

    /// A canary of another installation that carries this station's address: keys of the right shape
    /// that are nobody's here.
    pub(crate) fn stranger(&self, kind: &str) -> Minted {
        let elsewhere = Home::new();
        elsewhere.ok(&[
            "init",
            "--address",
            &format!("http://{}", self.address(kind)),
        ]);
        elsewhere.mint(kind, &[])
    }

    /// Runs a script of this directory with the Python of the tests; gives its results. What it
    /// prints to standard error is a warning of the client, and an error.
    pub(crate) fn python(&self, script: &str, scenario: &Value) -> Value {
        let told = self.home.path().join("scenario.json");
        fs::write(&told, scenario.to_string()).expect("a scenario is written");
        let mut python = Command::new(venv().join("bin/python"));
        self.home.scrub(&mut python);
        // Compiled files would be left in the repository.
        python
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("AWS_EC2_METADATA_DISABLED", "true");
        python
            .arg(repository().join("tests/clients").join(script))
            .arg(told);
        let Ran {
            code,
            stdout,
            stderr,
        } = finish_within(PATIENCE, &mut python);
        assert!(
            code == 0 && stderr.is_empty(),
            "{script} ended with {code}:\n{stderr}\n{stdout}"
        );
        serde_json::from_str(&stdout)
            .unwrap_or_else(|error| panic!("{script} printed no JSON ({error}): {stdout}"))
    }

    /// Runs any other program in this home.
    pub(crate) fn run(&self, program: &str, args: &[&str]) -> Ran {
        let mut command = Command::new(program);
        self.home.scrub(&mut command);
        finish_within(PATIENCE, command.args(args))
    }

    /// Runs curl quietly; gives the body and, behind a line end, the protocol and the status.
    pub(crate) fn curl(&self, args: &[&str]) -> String {
        let quiet = ["--silent", "--show-error", "--max-time", "20"];
        let told = ["--write-out", "\n%{http_version} %{http_code}"];
        let Ran {
            code,
            stdout,
            stderr,
        } = self.run("curl", &[&quiet[..], &told, args].concat());
        assert!(code == 0, "curl {args:?} ended with {code}: {stderr}");
        stdout
    }

    /// The trips so far, oldest first, as soon as there are `n`; there must not be more.
    pub(crate) fn trips(&self, n: usize) -> Vec<Value> {
        let mut rows = trips(&self.home, n);
        rows.reverse();
        let trips: Vec<Value> = rows.into_iter().map(|row| row["trip"].clone()).collect();
        let lines: Vec<String> = trips.iter().map(|trip| self.line(trip)).collect();
        assert_eq!(
            trips.len(),
            n,
            "other trips than expected:\n{}",
            lines.join("\n")
        );
        trips
    }

    /// Compares the trips so far with these lines, and their raw bytes with what was sent.
    pub(crate) fn assert_trips(&self, expected: &[&str]) {
        let trips = self.trips(expected.len());
        let lines: Vec<String> = trips.iter().map(|trip| self.line(trip)).collect();
        for (at, (line, expected)) in lines.iter().zip(expected).enumerate() {
            assert_eq!(
                line, expected,
                "trip {at}: left as recorded, right as expected"
            );
        }
        self.assert_raw(&trips);
        assert_eq!(
            self.station.stderr().matches("ERROR").count(),
            0,
            "{}",
            self.station.stderr()
        );
    }

    /// One trip as a line: who, which fields and where, what answered and how, what was captured.
    fn line(&self, trip: &Value) -> String {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let id = text(&trip["canary"]);
        let name = self.names.get(&id).copied().unwrap_or("?");
        let fields: Vec<String> = trip["fields"]
            .as_array()
            .expect("fields")
            .iter()
            .map(|found| format!("{}:{}", text(&found["carrier"]), text(&found["field"])))
            .collect();
        let decoy = &trip["decoy"];
        let parts = [
            name.to_owned(),
            fields.join("+"),
            text(&trip["observed"]["protocol"]),
            text(&decoy["kind"]),
            format!("[{}]", text(&decoy["rule"])),
            text(&decoy["outcome"]),
            decoy["status"].to_string(),
            trip["claims"]["captured"].to_string(),
        ];
        parts.join(" ").trim_end_matches(" {}").to_owned()
    }

    /// What was sent on all wires, by connection.
    fn sent(&self) -> BTreeMap<SocketAddr, Vec<u8>> {
        self.wires.values().flat_map(Wire::sent).collect()
    }

    /// Where every request was a trip, what was recorded of the HTTP/1 connections is all that was sent.
    pub(crate) fn assert_nothing_missing(&self, trips: &[Value]) {
        let sent = self.sent();
        let size = |bytes: &Vec<u8>| {
            if bytes.starts_with(b"PRI ") {
                0
            } else {
                bytes.len() as u64
            }
        };
        let recorded = trips.iter().map(|trip| &trip["observed"]);
        let recorded = recorded.filter(|observed| observed["protocol"] != "http/2");
        let recorded: u64 = recorded
            .filter_map(|observed| observed["size"].as_u64())
            .sum();
        assert_eq!(recorded, sent.values().map(size).sum::<u64>());
    }

    /// Holds what was recorded as sent against what was sent: in order, on its connection; for HTTP/2
    /// the frames of a stream, each stream once.
    fn assert_raw(&self, trips: &[Value]) {
        let sent = self.sent();
        let mut streams = BTreeMap::<SocketAddr, Vec<String>>::new();
        let mut places = BTreeMap::<SocketAddr, usize>::new();
        for trip in trips {
            let id = trip["id"].as_str().expect("an id");
            let shown = self.home.json(&["trip", id]);
            let raw = shown["raw"]
                .as_str()
                .unwrap_or_else(|| panic!("no raw bytes of {id}"));
            let peer = trip["observed"]["peer"].as_str().expect("a peer");
            let peer: SocketAddr = peer.parse().expect("an address");
            let sent = sent
                .get(&peer)
                .unwrap_or_else(|| panic!("{peer} is no wire's"));
            if trip["observed"]["protocol"] == "http/2" {
                let escaped = || {
                    streams_of(sent)
                        .values()
                        .map(|bytes| escape_lines(bytes))
                        .collect()
                };
                let left: &mut Vec<String> = streams.entry(peer).or_insert_with(escaped);
                let at = left.iter().position(|stream| stream == raw);
                let at = at.unwrap_or_else(|| panic!("not as sent:\n{raw}\nsent:\n{left:#?}"));
                left.remove(at);
            } else {
                let all = escape_lines(sent);
                let place = places.entry(peer).or_insert(0);
                let at = all[*place..].find(raw);
                let at = at.unwrap_or_else(|| panic!("not as sent:\n{raw}\nsent:\n{all}"));
                *place += at + raw.len();
            }
        }
    }
}

/// The fields of a canary as a script is told them.
pub(crate) fn keys(minted: &Minted) -> Value {
    json!(minted.fields)
}
