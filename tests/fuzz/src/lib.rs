//! What every fuzz target does: a station that listens for one protocol on loopback, and a client that sends
//! whatever it is given, stops sending, and reads to the end. Where datagrams alone are spoken, the input is one.
//!
//! The station knows one account, [`USER`] with [`PASSWORD`], and one client of a tunnel, so that what comes behind a
//! login is reached too.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use data_encoding::BASE64;
use futures_util::future::BoxFuture;
use lapwing_catalog::{Candidate, Catalog};
use lapwing_core::{Canary, CanaryId, SystemClock, Timestamp};
use lapwing_listen::{
    Certificate, Door, Forwarders, Gate, Limits, Listener, Mark, Persona, Recognised, Recogniser,
    Sighting, Station, System, Tls, TripSink, ZoneSettings, Zones, protocol,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, UdpSocket};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::timeout;

/// The account that is known, at every protocol.
pub const USER: &str = "kestrel";
/// Its password.
pub const PASSWORD: &str = "Tern-4711";
/// Private keys of the two ends of the tunnel that is known.
pub const SERVER_KEY: [u8; 32] = [3; 32];
/// That of the client.
pub const CLIENT_KEY: [u8; 32] = [4; 32];
/// The client's public key, as `wg pubkey` writes it.
const CLIENT: &str = "rAGyIJ6GNU+4UyN7XeD0+rE8f8v0M6YcAZNpYX/s8Qs=";

/// No connection whose client has stopped sending lasts longer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of answers that are read: whoever asks again and again gets as much as they like.
const ANSWERS: u64 = 4 << 20;
/// How long a datagram that gets no answer is seen to.
pub const SILENCE: Duration = Duration::from_millis(1);

/// A station that listens for one protocol.
pub struct Target {
    runtime: Runtime,
    address: SocketAddr,
    /// By connections; otherwise by datagrams.
    connects: bool,
    /// The address the next client comes from: with one address the ports would be used up.
    client: AtomicU32,
    _stop: watch::Sender<bool>,
}

impl Target {
    /// Listens for a protocol by its name; with a certificate, and inside TLS from the first byte, if `tls`.
    ///
    /// # Panics
    /// If there is no such protocol, or the system refuses.
    #[must_use]
    pub fn new(name: &str, tls: bool) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let protocol = protocol(name).expect("a protocol");
        let door = Door {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            tls,
        };
        let (stop, stopped) = watch::channel(false);
        let address = runtime.block_on(async {
            let listener = Listener::bind(protocol, door).expect("a port");
            let address = listener.door().expect("an address").address;
            tokio::spawn(listener.serve(Arc::new(station(name, tls)), stopped));
            address
        });
        Self {
            runtime,
            address,
            connects: protocol.carried(tls).connections,
            client: AtomicU32::new(u32::from(Ipv4Addr::new(127, 1, 0, 0))),
            _stop: stop,
        }
    }

    /// Sends all of it and reads to the end.
    ///
    /// # Panics
    /// If the connection does not end.
    pub fn run(&self, bytes: &[u8]) {
        if self.connects {
            self.connect(bytes);
        } else {
            self.during(async |address| {
                let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
                socket.send_to(bytes, address).await?;
                let _ = timeout(SILENCE, socket.recv(&mut [0; 2048])).await;
                Ok(())
            });
        }
    }

    /// Has the station serve while something is done with its address.
    ///
    /// # Panics
    /// If that fails.
    pub fn during<T>(&self, what: impl AsyncFnOnce(SocketAddr) -> io::Result<T>) -> T {
        let done = self.runtime.block_on(what(self.address));
        done.expect("a connection, or a datagram")
    }

    fn connect(&self, bytes: &[u8]) {
        let client = self.client.fetch_add(1, Ordering::Relaxed);
        let client = Ipv4Addr::from(0x7f00_0000 | (client & 0x00ff_ffff));
        let talk = async {
            let socket = TcpSocket::new_v4()?;
            socket.bind(SocketAddr::from((client, 0)))?;
            let mut stream = socket.connect(self.address).await?;
            let (read, mut write) = stream.split();
            let sending = async {
                write.write_all(bytes).await?;
                write.shutdown().await
            };
            let mut read = read.take(ANSWERS);
            let reading = async {
                let mut piece = [0; 16 << 10];
                while read.read(&mut piece).await? > 0 {}
                io::Result::Ok(())
            };
            // A station may hang up before it has read all.
            let (_, _) = tokio::join!(sending, reading);
            io::Result::Ok(())
        };
        let ended = self
            .runtime
            .block_on(async { timeout(PATIENCE, talk).await });
        ended.expect("the connection ends").expect("a connection");
    }
}

fn station(name: &str, tls: bool) -> Station {
    let catalog = Catalog::builtin().expect("the built-in kinds");
    let account = Account::at(&catalog, name);
    let limits = Limits {
        pause: Duration::ZERO,
        ..Limits::default()
    };
    let system = System::from_seed(&[1; 32]);
    let zones = ZoneSettings {
        zones: vec!["api.example".to_owned()],
        addresses: vec!["192.0.2.1".parse().expect("an address")],
        mail_domain: "mail.example".to_owned(),
        ..ZoneSettings::default()
    };
    Station {
        catalog: Arc::new(catalog),
        recogniser: Arc::new(account),
        sink: Arc::new(Nowhere),
        clock: Arc::new(SystemClock),
        seed: [1; 32],
        gate: Gate::of(&limits),
        limits,
        proxies: Vec::new(),
        forwarders: Forwarders {
            networks: vec!["127.0.0.0/8".parse().expect("a network")],
            header: "forwarded".to_owned(),
        },
        persona: Persona::of(&system),
        zones: Zones::new(&zones, &system, Timestamp::from_micros(0)),
        system,
        hostname: "srv1.example".to_owned(),
        mail_domain: "mail.example".to_owned(),
        tls: if tls { certified() } else { Tls::default() },
    }
}

/// With a certificate of its own.
fn certified() -> Tls {
    let key = rcgen::KeyPair::generate().expect("a key");
    let names = vec!["srv1.example".to_owned()];
    let params = rcgen::CertificateParams::new(names).expect("names");
    let chain = params.self_signed(&key).expect("a certificate").pem();
    let certificate = Certificate::from_pem(chain.as_bytes(), key.serialize_pem().as_bytes());
    let tls = Tls::default();
    tls.show(&[certificate.expect("a certificate")]);
    tls
}

/// Knows the one account.
struct Account {
    canary: Arc<Canary>,
    /// Values, and the fields they are of.
    known: Vec<(String, String)>,
}

impl Account {
    /// Of a kind that logs in at this protocol, if there is one.
    fn at(catalog: &Catalog, name: &str) -> Self {
        let here = |kind: &&lapwing_catalog::Kind| {
            let login = kind.login.as_ref();
            login.is_some_and(|login| login.protocols.iter().any(|it| it == name))
        };
        let kind = catalog.kinds().find(here);
        let login = kind.and_then(|kind| kind.login.clone()).unwrap_or_default();
        let known = [
            (USER.to_owned(), login.user, "user"),
            (PASSWORD.to_owned(), login.password, "password"),
            (CLIENT.to_owned(), login.key, "key"),
        ];
        let known = known
            .into_iter()
            .map(|(value, field, usual)| (value, field.unwrap_or_else(|| usual.to_owned())));
        let known: Vec<_> = known.collect();
        let unseen = [
            ("orders".to_owned(), login.database),
            (BASE64.encode(&SERVER_KEY), login.server_key),
        ];
        let unseen = unseen
            .into_iter()
            .filter_map(|(value, field)| Some((field?, value)));
        let seen = known
            .iter()
            .map(|(value, field)| (field.clone(), value.clone()));
        let canary = Canary {
            id: CanaryId::from_bytes([7; 16]),
            kind: kind.map_or("url", |kind| kind.id.as_str()).to_owned(),
            memo: String::new(),
            labels: Default::default(),
            fields: seen.chain(unseen).collect(),
            minted: Timestamp::from_micros(0),
            retired: None,
        };
        Self {
            canary: Arc::new(canary),
            known,
        }
    }
}

impl Recogniser for Account {
    fn recognise(&self, candidates: &[Candidate<'_>]) -> Vec<Recognised> {
        let found = |candidate: &Candidate<'_>| {
            let known = |it: &&(String, String)| it.0.as_bytes() == &*candidate.value;
            let (_, field) = self.known.iter().find(known)?;
            Some(Recognised {
                canary: Arc::clone(&self.canary),
                field: field.clone(),
                carrier: candidate.carrier,
            })
        };
        candidates.iter().filter_map(found).collect()
    }

    fn stand_in(&self) -> Option<Recognised> {
        None
    }

    fn browse(&self, mark: Mark, see: &mut dyn FnMut(&Canary)) -> Mark {
        if mark.whole.is_none() {
            see(&self.canary);
        }
        Mark {
            whole: Some(1),
            ..mark
        }
    }

    fn bound(&self, host: &str) -> Arc<[String]> {
        host.strip_suffix(".api.example").map_or_else(
            || Arc::new([]) as Arc<[String]>,
            |kind| Arc::new([kind.to_owned()]),
        )
    }
}

/// Keeps nothing.
struct Nowhere;

impl TripSink for Nowhere {
    fn record(&self, sightings: Vec<Sighting>) -> BoxFuture<'static, ()> {
        assert!(!sightings.is_empty(), "nothing to record");
        Box::pin(std::future::ready(()))
    }

    fn unmatched(
        &self,
        _via: &str,
        _size: usize,
        _like: Option<Sighting>,
    ) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// A fuzz target of a protocol.
#[macro_export]
macro_rules! door {
    ($protocol:literal, $tls:literal) => {
        static TARGET: std::sync::LazyLock<$crate::Target> =
            std::sync::LazyLock::new(|| $crate::Target::new($protocol, $tls));

        libfuzzer_sys::fuzz_target!(|bytes: &[u8]| TARGET.run(bytes));
    };
}
