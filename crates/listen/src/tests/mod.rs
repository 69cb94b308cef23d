//! The listener as a peer meets it: real sockets on loopback, a recogniser that knows one handle, a
//! sink that keeps what it is given.

mod dns;
mod http1;
mod http2;
mod limits;
mod property;
mod wireguard;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use ipnet::IpNet;
use lapwing_catalog::{Candidate, Catalog};
use lapwing_core::{Canary, CanaryId, SystemClock, Timestamp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::{
    Forwarders, Gate, Limits, Listener, Mark, Persona, Recognised, Recogniser, Sighting, Station,
    System, Tls, TripSink, protocol,
};

/// The one handle that is known.
const HANDLE: &str = "k3yofthecanary";

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(10);

/// All canaries of a ledger that has one.
fn browse_one(canary: &Canary, mark: Mark, see: &mut dyn FnMut(&Canary)) -> Mark {
    if mark.serial == 0 {
        see(canary);
    }
    Mark {
        serial: 1,
        whole: Some(0),
    }
}

struct OneHandle(Arc<Canary>);

impl Recogniser for OneHandle {
    fn recognise(&self, candidates: &[Candidate<'_>]) -> Vec<Recognised> {
        candidates
            .iter()
            .filter(|candidate| &*candidate.value == HANDLE.as_bytes())
            .map(|candidate| Recognised {
                canary: Arc::clone(&self.0),
                field: "key".to_owned(),
                carrier: candidate.carrier,
            })
            .collect()
    }

    fn stand_in(&self) -> Option<Recognised> {
        None
    }

    fn browse(&self, mark: Mark, see: &mut dyn FnMut(&Canary)) -> Mark {
        browse_one(&self.0, mark, see)
    }

    /// A host's first label is the kind bound to it.
    fn bound(&self, host: &str) -> Arc<[String]> {
        match host.strip_suffix(".api.example") {
            Some(kind) => Arc::new([kind.to_owned()]),
            None => Arc::new([]),
        }
    }
}

#[derive(Default)]
struct Kept {
    sightings: Mutex<Vec<Sighting>>,
    unmatched: AtomicUsize,
    delay: AtomicU64,
}

struct Sink(Arc<Kept>);

impl TripSink for Sink {
    fn record(&self, sightings: Vec<Sighting>) -> BoxFuture<'static, ()> {
        let kept = Arc::clone(&self.0);
        Box::pin(async move {
            sleep(Duration::from_millis(kept.delay.load(Ordering::Relaxed))).await;
            kept.sightings.lock().unwrap().extend(sightings);
        })
    }

    fn unmatched(
        &self,
        _listener: &str,
        _size: usize,
        _like: Option<Sighting>,
    ) -> BoxFuture<'static, ()> {
        let kept = Arc::clone(&self.0);
        Box::pin(async move {
            sleep(Duration::from_millis(kept.delay.load(Ordering::Relaxed))).await;
            kept.unmatched.fetch_add(1, Ordering::Relaxed);
        })
    }
}

/// A running listener.
struct Running {
    address: SocketAddr,
    kept: Arc<Kept>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

fn start(limits: Limits, proxies: &[&str]) -> Running {
    let door = "127.0.0.1:0".parse().unwrap();
    let listener = Listener::bind(protocol("http").unwrap(), door).unwrap();
    let address = listener.door().unwrap().address;
    let (station, kept) = station(limits, proxies);
    let (stop, stopped) = watch::channel(false);
    let task = tokio::spawn(listener.serve(Arc::new(station), stopped));
    Running {
        address,
        kept,
        stop,
        task,
    }
}

/// A station that knows one handle, and what it keeps.
fn station(limits: Limits, proxies: &[&str]) -> (Station, Arc<Kept>) {
    let kept = Arc::new(Kept::default());
    let canary = Canary {
        id: CanaryId::from_bytes([7; 16]),
        kind: "url".to_owned(),
        memo: String::new(),
        labels: Default::default(),
        fields: Default::default(),
        minted: Timestamp::from_micros(0),
        retired: None,
    };
    let station = Station {
        catalog: Arc::new(Catalog::builtin().unwrap()),
        recogniser: Arc::new(OneHandle(Arc::new(canary))),
        sink: Arc::new(Sink(Arc::clone(&kept))),
        clock: Arc::new(SystemClock),
        seed: [1; 32],
        gate: Gate::of(&limits),
        limits,
        proxies: proxies
            .iter()
            .map(|it| it.parse::<IpNet>().unwrap())
            .collect(),
        forwarders: Forwarders {
            networks: vec!["127.0.0.9/32".parse().unwrap()],
            header: "x-forwarded-for".to_owned(),
        },
        persona: Persona::of(&System::from_seed(&[1; 32])),
        system: System::from_seed(&[1; 32]),
        hostname: "srv1.example".to_owned(),
        mail_domain: "mail.example".to_owned(),
        zones: crate::Zones::default(),
        tls: Tls::default(),
    };
    (station, kept)
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends all at once and reads to the end.
    async fn talk(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        read_all(&mut stream).await
    }

    fn sightings(&self) -> Vec<Sighting> {
        self.kept.sightings.lock().unwrap().clone()
    }

    /// Waits until so many sightings are recorded.
    async fn recorded(&self, count: usize) -> Vec<Sighting> {
        let wait = async {
            while self.kept.sightings.lock().unwrap().len() < count {
                sleep(Duration::from_millis(2)).await;
            }
        };
        timeout(PATIENCE, wait).await.expect("recorded in time");
        self.sightings()
    }
}

async fn read_all(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut limited = stream.take(1 << 22);
    #[expect(clippy::disallowed_methods, reason = "it is limited")]
    let read = timeout(PATIENCE, limited.read_to_end(&mut bytes)).await;
    let _ = read.expect("the connection ends in time");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert!(!text.to_lowercase().contains("lapwing"), "{text}");
    text
}

/// Reads one answer with a Content-Length.
async fn read_answer(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let count = timeout(PATIENCE, stream.read_buf(&mut bytes)).await;
        assert_ne!(count.expect("in time").unwrap(), 0, "answer cut off");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "))
            .map_or(0, |length| length.parse().unwrap());
        if body.len() >= length {
            return text;
        }
    }
}

fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or(answer)
}
