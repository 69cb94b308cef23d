//! Clients that use canaries until the station dies, and what must be found afterwards.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use data_encoding::HEXLOWER;
use lapwing_core::bounded;
use lapwing_tests::{Beacon, Home, Minted};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The header that makes each request unlike any other.
pub(crate) const MARK: &str = "X-Mark";
/// Clients at once, each with a canary of its own.
pub(crate) const CLIENTS: usize = 8;
/// Answers to all of them together, after which some client is past a quota of five.
const ENOUGH: usize = CLIENTS * 6;
/// Longest answer taken, and longest segment read, in bytes.
const ANSWER: usize = 64 << 10;
const SEGMENT: u64 = 1 << 30;

/// What one client did.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) canary: String,
    /// The round it took part in, for messages.
    round: usize,
    /// Digests of its requests by their marks, in order.
    sent: Vec<(String, String)>,
    /// So many of them, from the first on, were answered.
    pub(crate) answered: usize,
}

/// Mints a canary for each client, lets them loose, and returns once there were [`ENOUGH`] answers. They
/// end when the station does.
pub(crate) fn start(home: &Home, address: SocketAddr, round: usize) -> Vec<JoinHandle<Tally>> {
    let count = CLIENTS.to_string();
    let minted = home.ok(&["mint", "url", "--count", &count, "--out", "json"]);
    let canaries: Vec<Minted> = minted.lines().map(Minted::parse).collect();
    assert_eq!(canaries.len(), CLIENTS);
    let (one_more, answered) = mpsc::channel();
    let clients = canaries.into_iter().enumerate();
    let clients = clients
        .map(|(client, canary)| {
            let one_more = one_more.clone();
            std::thread::spawn(move || use_up(address, &canary, round, client, one_more))
        })
        .collect();
    let patience = Duration::from_secs(30);
    for _ in 0..ENOUGH {
        answered.recv_timeout(patience).expect("an answer");
    }
    clients
}

/// Uses one canary again and again on one connection, until that breaks.
fn use_up(
    address: SocketAddr,
    canary: &Minted,
    round: usize,
    client: usize,
    one_more: mpsc::Sender<()>,
) -> Tally {
    let Beacon { host, target, .. } = Beacon::of(canary);
    let mut tally = Tally {
        canary: canary.id.clone(),
        round,
        sent: Vec::new(),
        answered: 0,
    };
    let Ok(mut socket) = TcpStream::connect(address) else {
        return tally;
    };
    let patience = Some(Duration::from_secs(20));
    socket
        .set_read_timeout(patience)
        .expect("a timeout can be set");
    socket.set_nodelay(true).expect("a socket option");
    for number in 0.. {
        let mark = format!("{round}-{client}-{number}");
        let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{MARK}: {mark}\r\n\r\n");
        tally.sent.push((mark, digest(request.as_bytes())));
        if socket.write_all(request.as_bytes()).is_err() || !answered(&mut socket) {
            break;
        }
        tally.answered += 1;
        // Only the first of all are waited for.
        let _ = one_more.send(());
    }
    tally
}

/// How a summary names a request: the first 16 hex digits of its SHA-256.
fn digest(request: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(request)[..8])
}

/// Reads one answer to its end; false if the connection broke before that.
fn answered(socket: &mut TcpStream) -> bool {
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while answer.len() < ANSWER {
        match socket.read(&mut buffer) {
            Ok(read) if read > 0 => answer.extend_from_slice(&buffer[..read]),
            _ => return false,
        }
        let text = String::from_utf8_lossy(&answer);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let head = head.to_ascii_lowercase();
        let length = head
            .split("content-length: ")
            .nth(1)
            .and_then(|rest| rest.lines().next());
        let length: usize = length
            .and_then(|digits| digits.parse().ok())
            .expect("a length");
        if body.len() >= length {
            return true;
        }
    }
    false
}

/// The evidence of one canary.
#[derive(Default)]
struct Found {
    /// Uses after the index.
    counted: u64,
    /// Digests of the requests that are recorded: in full, by the marks in the index's trips, and in
    /// summaries of the journal.
    requests: Vec<String>,
}

/// Holds what is recorded against what the clients know, and lists everything that does not fit: an
/// answered request that is lost or there twice, one that was never sent, counts of the index that
/// are not those of the evidence.
pub(crate) fn faults(home: &Home, tallies: &[Tally]) -> Vec<String> {
    let mut found: BTreeMap<String, Found> = BTreeMap::new();
    let digests: HashMap<&str, &str> = tallies
        .iter()
        .flat_map(|tally| &tally.sent)
        .map(|(mark, digest)| (mark.as_str(), digest.as_str()))
        .collect();
    let mut faults = Vec::new();
    let trips = home.json(&["trips", "--limit", "1000000"]);
    for trip in trips
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| &row["trip"])
    {
        let canary = found.entry(text(&trip["canary"])).or_default();
        canary.counted += trip["count"].as_u64().expect("a count");
        if let Some(mark) = mark(trip) {
            match digests.get(mark.as_str()) {
                Some(digest) => canary.requests.push((*digest).to_owned()),
                None => faults.push(format!("{mark} is recorded and was never sent")),
            }
        }
    }
    for body in bodies(home).iter().filter(|body| body["type"] == "summary") {
        let canary = found.entry(text(&body["canary"])).or_default();
        let requests = body["requests"].as_array().expect("requests");
        canary.requests.extend(requests.iter().map(text));
    }
    for tally in tallies {
        let nothing = Found::default();
        compare(
            tally,
            found.get(&tally.canary).unwrap_or(&nothing),
            &mut faults,
        );
    }
    faults
}

fn compare(tally: &Tally, found: &Found, faults: &mut Vec<String>) {
    let Tally {
        canary,
        round,
        sent,
        answered,
    } = tally;
    let distinct: BTreeSet<&str> = found.requests.iter().map(String::as_str).collect();
    if distinct.len() != found.requests.len() {
        faults.push(format!("round {round}: {canary} has a request twice"));
    }
    if found.counted != found.requests.len() as u64 {
        let (index, evidence) = (found.counted, found.requests.len());
        faults.push(format!(
            "round {round}: {canary}: index {index}, evidence {evidence}"
        ));
    }
    for (mark, digest) in &sent[..*answered] {
        if !distinct.contains(digest.as_str()) {
            faults.push(format!(
                "round {round}: {mark} was answered and is not recorded"
            ));
        }
    }
    let known: BTreeSet<&str> = sent.iter().map(|(_, digest)| digest.as_str()).collect();
    if !distinct.is_subset(&known) {
        faults.push(format!(
            "round {round}: {canary} has a request that was never sent"
        ));
    }
}

/// The mark of a trip recorded in full.
pub(crate) fn mark(trip: &Value) -> Option<String> {
    let headers = trip["claims"]["headers"].as_array()?;
    let header = headers.iter().find(|header| header[0] == MARK)?;
    Some(text(&header[1]))
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// The segments of the journal, first to last.
pub(crate) fn segments(home: &Home) -> Vec<PathBuf> {
    let listed = fs::read_dir(home.data().join("journal")).expect("a journal");
    let mut segments: Vec<PathBuf> = listed.flatten().map(|entry| entry.path()).collect();
    segments.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "jsonl")
    });
    segments.sort();
    segments
}

/// The bodies of all records, in order.
pub(crate) fn bodies(home: &Home) -> Vec<Value> {
    let mut bodies = Vec::new();
    for segment in segments(home) {
        let text = bounded::read_text(&segment, SEGMENT).expect("a segment is text");
        for line in text.lines().filter(|line| line.starts_with("{\"body\":")) {
            let mut record: Value = serde_json::from_str(line).expect("a record is JSON");
            bodies.push(record["body"].take());
        }
    }
    bodies
}
