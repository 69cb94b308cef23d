//! Full TLS handshakes a second, over those of bare rustls: the same certificate, tokio, and nothing else.
//!
//! No session is resumed and nothing is asked for after the handshake: what a station does more is to read the
//! ClientHello a second time, to take two fingerprints of it, and to keep it.

use std::net::{SocketAddr, TcpStream};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::Plan;
use crate::data::{Data, scratch};
use crate::figures::{Bar, bar, load, median, spread};
use crate::server::{Server, Syncs};

/// First argument of a process that is bare rustls.
pub(crate) const ROLE: &str = "--bare-tls";

/// Clients at once.
const CLIENTS: usize = 16;

const HOST: &str = "www.example.org";

pub(crate) fn run(plan: &Plan) {
    let directory = scratch();
    let data = Data {
        path: directory.path().to_owned(),
        urls: Vec::new(),
    };
    let command = |arguments: &[&str]| {
        let mut command = data.command(plan, arguments);
        command.stderr(Stdio::null()).output().unwrap().stdout
    };
    command(&["init", "--address", "https://*.example.org"]);
    let ca = command(&["tls", "ca"]);
    command(&["tls", "issue", HOST]);
    let certificate = data.path.join(format!("tls/issued/{HOST}.pem"));
    let client = Arc::new(client(&ca));
    let station = data.listen(plan, Syncs::Real, &[]);
    let mut bare = std::process::Command::new(std::env::current_exe().unwrap());
    bare.arg(ROLE).arg(certificate);
    let bare = Server::start(bare, Syncs::Real);
    let (mut ratios, mut rates, mut costs) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        let [own, other] = [&station, &bare].map(|server| turn(server, &client, plan.seconds));
        ratios.push(own.0 / other.0);
        rates.push((own.0, other.0));
        costs.push((own.1, other.1));
    }
    let of = |pick: fn(&(f64, f64)) -> f64, pairs: &[(f64, f64)]| {
        median(&pairs.iter().map(pick).collect::<Vec<_>>())
    };
    println!(
        "full handshakes: {:.0}/s at {:.0} us of processor each, bare rustls {:.0}/s at {:.0} us; ratio {}   \
         (load {})",
        of(|it| it.0, &rates),
        of(|it| it.0, &costs),
        of(|it| it.1, &rates),
        of(|it| it.1, &costs),
        spread(&ratios),
        load()
    );
    bar("handshakes", median(&ratios), &Bar::AtLeast(0.85), "");
}

/// Handshakes a second, and processor time of the server for each, in microseconds.
fn turn(server: &Server, client: &Arc<ClientConfig>, seconds: f64) -> (f64, f64) {
    let stop = AtomicBool::new(false);
    let done = AtomicU64::new(0);
    let (begun, before) = (Instant::now(), server.cpu());
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    shake(server.address, client);
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        std::thread::sleep(Duration::from_secs_f64(seconds));
        stop.store(true, Ordering::Relaxed);
    });
    let count = done.load(Ordering::Relaxed) as f64;
    let rate = count / begun.elapsed().as_secs_f64();
    (rate, (server.cpu() - before) / count * 1e6)
}

fn shake(address: SocketAddr, client: &Arc<ClientConfig>) {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_nodelay(true).unwrap();
    let name = ServerName::try_from(HOST).unwrap();
    let mut connection = ClientConnection::new(Arc::clone(client), name).unwrap();
    while connection.is_handshaking() {
        connection.complete_io(&mut socket).unwrap();
    }
    connection.send_close_notify();
    let _ = connection.write_tls(&mut socket);
}

fn client(ca: &[u8]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(ca).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config
}

/// Serves until it is killed: the file of certificate and key.
pub(crate) fn serve(arguments: &[String]) {
    let pem = std::fs::read(&arguments[0]).unwrap();
    let chain = CertificateDer::pem_slice_iter(&pem);
    let chain = chain.collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(&pem).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        println!("{{\"http\":[\"{}\"]}}", listener.local_addr().unwrap());
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            socket.set_nodelay(true).unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(mut stream) = acceptor.accept(socket).await {
                    let _ = stream.read(&mut [0; 512]).await;
                }
            });
        }
    });
}
