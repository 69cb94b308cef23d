//! A station that fares badly, what is asked of it meanwhile, and what must be true in the end.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use lapwing_tests::{Beacon, Home, Minted, Station, WebhookCatcher, get, trips, within};
use serde_json::Value;

/// The header that makes each request unlike any other.
const MARK: &str = "X-Mark";
/// Longest wait for what a station does by itself.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) struct Scene {
    pub(crate) home: Home,
    pub(crate) hooks: WebhookCatcher,
    /// Used before, during and after.
    pub(crate) first: Beacon,
    /// Used during only.
    pub(crate) second: Beacon,
    redis: Minted,
    /// Marks of requests that were answered.
    answered: Vec<String>,
}

impl Scene {
    /// `prepare` is given the home before anything is in it.
    pub(crate) fn new<T>(prepare: impl FnOnce(&Home) -> T) -> (Self, T) {
        let home = Home::new();
        let prepared = prepare(&home);
        home.ok(&["init", "--address", "http://*.example.org"]);
        let hooks = WebhookCatcher::start();
        let toml = "addresses = [\"http://*.example.org\"]\n";
        home.settings(&format!("{toml}{}", hooks.channel("hook")));
        let scene = Self {
            first: Beacon::of(&home.mint("url", &[])),
            second: Beacon::of(&home.mint("url", &[])),
            redis: home.mint("redis-uri", &[]),
            home,
            hooks,
            answered: Vec::new(),
        };
        (scene, prepared)
    }

    pub(crate) fn command(&self) -> Command {
        self.home.command(&[
            "listen",
            "--json",
            "--http",
            "127.0.0.1:0",
            "--on",
            "redis=127.0.0.1:0",
        ])
    }

    pub(crate) fn start(&self) -> Station {
        Station::start(&mut self.command())
    }

    /// Uses a canary over HTTP; it is answered as ever.
    pub(crate) fn use_beacon(&mut self, at: SocketAddr, of: Which, mark: &str) {
        let beacon = match of {
            Which::First => &self.first,
            Which::Second => &self.second,
        };
        let answer = get(at, &beacon.host, &beacon.target, &[(MARK, mark)]);
        assert_eq!(answer.status, 403, "{mark}: {}", answer.head);
        self.answered.push(mark.to_owned());
    }

    /// A request that matches nothing; it is answered as ever.
    pub(crate) fn miss(&self, at: SocketAddr) {
        let answer = get(at, &self.first.host, "/nothing/here", &[]);
        assert_eq!(answer.status, 403, "{}", answer.head);
    }

    /// Logs in at the Redis port; gives what it says.
    pub(crate) fn log_in(&self, station: &Station) -> String {
        let mut socket = TcpStream::connect(station.on("redis")).expect("it listens");
        let patience = Some(Duration::from_secs(20));
        socket.set_read_timeout(patience).expect("a timeout");
        let password = self.redis.field("password");
        write!(socket, "AUTH {password}\r\n").expect("the connection holds");
        let mut answer = [0; 256];
        let length = socket.read(&mut answer).expect("an answer in time");
        String::from_utf8_lossy(&answer[..length]).into_owned()
    }

    /// Waits until the operator is told this, by a channel.
    pub(crate) fn told(&self, text: &str) {
        within(PATIENCE, text, || {
            let hooks = self.hooks.hooks();
            let told = |hook: &lapwing_tests::Hook| hook.body.to_string().contains(text);
            hooks.iter().any(told).then_some(())
        });
    }

    /// What `lapwing status` says.
    pub(crate) fn status(&self) -> (i32, Value) {
        let ran = self.home.run(&["status", "--json"]);
        let said = serde_json::from_str(&ran.stdout).expect("JSON");
        (ran.code, said)
    }

    /// The station says by every means that it does not record.
    pub(crate) fn assert_loud(&self, station: &Station) {
        self.told("cannot be recorded");
        let stderr = station.stderr();
        assert!(stderr.contains("cannot be recorded"), "{stderr}");
        within(PATIENCE, "the mark", || {
            let (code, said) = self.status();
            let loud = code == 3 && said["running"] == true && said["recording"] == false;
            loud.then_some(())
        });
    }

    /// It has recovered, and says so.
    pub(crate) fn assert_recovered(&self) {
        self.told("takes records again");
        within(PATIENCE, "the mark", || {
            (self.status().0 == 0).then_some(())
        });
    }

    /// Everything that was answered is on record, once, under its mark; the log is whole.
    pub(crate) fn assert_recorded(&self) {
        self.assert_verified();
        let mut expected = self.answered.clone();
        expected.sort();
        assert_eq!(self.marks(), expected);
    }

    pub(crate) fn assert_verified(&self) {
        let ran = self.home.run(&["evidence", "verify"]);
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    }

    /// Marks of what is on record.
    pub(crate) fn marks(&self) -> Vec<String> {
        let rows = trips(&self.home, 1);
        let mut marks: Vec<_> = rows.iter().filter_map(|row| mark(&row["trip"])).collect();
        marks.sort();
        marks
    }

    /// How many trips of the Redis login there are.
    pub(crate) fn logins(&self) -> usize {
        let rows = trips(&self.home, 1);
        let ours = |row: &&Value| row["trip"]["canary"] == *self.redis.id;
        rows.iter().filter(ours).count()
    }

    /// The bodies of all records of a type.
    pub(crate) fn bodies(&self, kind: &str) -> Vec<Value> {
        let mut bodies = Vec::new();
        let journal = self.home.data().join("journal");
        for entry in std::fs::read_dir(journal).expect("a journal") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|it| it == "jsonl") {
                let text = lapwing_core::bounded::read_text(&path, 1 << 30).expect("text");
                let lines = text.lines().filter(|line| line.starts_with("{\"body\":"));
                let read = |line| serde_json::from_str::<Value>(line).expect("JSON");
                bodies.extend(lines.map(read).map(|record| record["body"].clone()));
            }
        }
        bodies.retain(|body| body["type"] == kind);
        bodies
    }

    /// Adds up what gap records say of a listener.
    pub(crate) fn gaps(&self, listener: &str, count: &str) -> u64 {
        let gaps = self.bodies("gap");
        assert!(!gaps.is_empty(), "the outage itself is on record");
        for gap in &gaps {
            assert!(gap["began"].as_i64() <= gap["ended"].as_i64(), "{gap}");
        }
        let of = |gap: &Value| gap["listeners"][listener][count].as_u64();
        gaps.iter().filter_map(of).sum()
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Which {
    First,
    Second,
}

fn mark(trip: &Value) -> Option<String> {
    let headers = trip["claims"]["headers"].as_array()?;
    let named = headers.iter().find_map(|pair| {
        let name = pair[0].as_str()?;
        name.eq_ignore_ascii_case(MARK).then(|| pair[1].clone())
    })?;
    named.as_str().map(str::to_owned)
}
