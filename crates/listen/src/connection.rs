//! A connection before it is known what it speaks: its PROXY header, if one may come, and TLS, if its
//! first bytes ask for it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use lapwing_core::Carrier;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use crate::gate::{Bell, Gate, Pass};
use crate::notice;
use crate::protocol::{Protocol, Serve};
use crate::proxy::{self, Announced};
use crate::station::Station;
use crate::stream::{More, Replay, Stream, read_more};
use crate::syn;
use crate::tls::{self, ClientCertificate, Handshake, Purpose};
use crate::visit::{self, Act, Visit};
use crate::web;

/// Names looked up of one host, at most.
const LABELS: usize = 12;

/// Where a connection comes from, and what it may use.
pub(crate) struct Place {
    pub(crate) station: Arc<Station>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) bell: Arc<Bell>,
    /// Name of the protocol.
    pub(crate) listener: &'static str,
    pub(crate) peer: SocketAddr,
    pub(crate) forwarded: Option<SocketAddr>,
    pub(crate) local: SocketAddr,
    /// What the connection's first bytes tell of the client.
    pub(crate) signals: BTreeMap<String, String>,
    /// Its ClientHello as sent.
    pub(crate) hello: Option<Arc<[u8]>>,
    /// The certificate that the client showed within TLS.
    pub(crate) certificate: Option<Arc<ClientCertificate>>,
    /// What of the ClientHello stays the same between connections of one program; empty without TLS.
    pub(crate) lasting: String,
}

/// A connection as it was accepted.
pub(crate) struct Accepted {
    pub(crate) socket: TcpStream,
    pub(crate) peer: SocketAddr,
    pub(crate) protocol: &'static Protocol,
    /// Whether TLS comes first.
    pub(crate) tls: bool,
    pub(crate) pass: Pass,
}

/// How long a connection whose place is needed may take to end.
const GRACE: Duration = Duration::from_secs(2);

/// Serves a connection from its first byte to its end; for a little while longer only, once its place is
/// needed.
pub(crate) async fn serve(accepted: Accepted, station: Arc<Station>) {
    let bell = Arc::clone(&accepted.pass.bell);
    let late = async {
        bell.leave().await;
        // Not a part of every connection's task.
        Box::pin(sleep(GRACE)).await;
    };
    tokio::select! {
        biased;
        () = talk(accepted, station) => {}
        () = late => {}
    }
}

async fn talk(accepted: Accepted, station: Arc<Station>) {
    let Accepted {
        socket,
        peer,
        protocol,
        tls,
        pass,
    } = accepted;
    let Ok(local) = socket.local_addr() else {
        return;
    };
    let mut place = Place {
        gate: Arc::clone(&station.gate),
        station,
        bell: Arc::clone(&pass.bell),
        listener: protocol.name,
        peer,
        forwarded: None,
        local,
        signals: BTreeMap::new(),
        hello: None,
        certificate: None,
        lasting: String::new(),
    };
    let mut replay = Replay {
        bytes: Vec::new(),
        socket,
        packets: None,
    };
    let proxied = proxy::trusted(&place.station.proxies, peer.ip());
    // A proxy's own packet says nothing of its clients.
    if !proxied
        && !place.station.forwarders.has(peer.ip())
        && let Some(signature) = syn::signature(&replay.socket)
    {
        place.signals.insert("syn".to_owned(), signature);
    }
    if proxied {
        let Some(client) = read_proxy(&mut replay, &place).await else {
            return;
        };
        pass.name(client.unwrap_or(peer).ip());
        place.forwarded = client;
    }
    let client_first = match protocol.serve {
        Serve::Web => true,
        Serve::Stream { client_first, .. } => client_first,
        // No length in front of a message of DNS looks like TLS' first bytes: no query is that long.
        Serve::Datagrams { .. } => false,
    };
    let secure =
        tls || client_first && place.station.tls.is_set() && wants_tls(&mut replay, &place).await;
    let stream = if secure {
        let web = matches!(protocol.serve, Serve::Web);
        match place.secure(replay, web).await {
            Some(stream) => stream,
            None => return,
        }
    } else {
        Stream::Plain(replay)
    };
    match protocol.serve {
        Serve::Web => web::serve(stream, Arc::new(place)).await,
        Serve::Stream { talk, .. }
        | Serve::Datagrams {
            talk: Some(talk), ..
        } => Visit::new(stream, place).run(talk).await,
        // Nothing listens for connections then.
        Serve::Datagrams { talk: None, .. } => {}
    }
}

impl Place {
    /// Takes a connection into TLS, and keeps its ClientHello.
    pub(crate) async fn secure(&mut self, replay: Replay, web: bool) -> Option<Stream> {
        let packed = replay.packets.is_some();
        let station = Arc::clone(&self.station);
        let deadline = Instant::now() + station.limits.header_deadline;
        let local = self.local.ip();
        let asks = |name: Option<&[u8]>| station.asks_for_certificate(name, local);
        let purpose = match (web, packed) {
            (true, _) => Purpose::Web(&asks),
            (false, true) => Purpose::Packed,
            (false, false) => Purpose::Other,
        };
        let Handshake {
            hello,
            signals,
            lasting,
            certificate,
            host,
            stream,
        } = tls::accept(&station.tls, purpose, replay, deadline, self).await;
        self.certificate = certificate;
        self.hello = (!hello.is_empty()).then(|| hello.into());
        self.signals.extend(signals);
        self.lasting = lasting;
        if stream.is_some() {
            self.bell.hear();
        } else if let Some(host) = host {
            self.given_up(host).await;
        }
        stream
    }

    /// A client that gives up within TLS, for a certificate it does not trust or none it understands, has said
    /// all the same which host it wants.
    async fn given_up(&self, host: String) {
        let names = std::iter::once(host.as_str()).chain(host.split('.'));
        let parts: Vec<(Carrier, &[u8])> = names
            .take(LABELS)
            .map(|name| (Carrier::Host, name.as_bytes()))
            .collect();
        let found = self.station.recognise(&parts);
        let hello = self.hello.as_deref().unwrap_or_default();
        let act = Act {
            protocol: "tls".to_owned(),
            method: "HELLO".to_owned(),
            host,
            traits: self.lasting.clone(),
            ..Act::default()
        };
        let seen = visit::seen_by(self, act, hello.to_vec(), hello.len() as u64, None);
        notice::notice(&self.station, found, seen).await;
    }
}

/// Takes the PROXY header off. A configured proxy that sends none speaks for itself. `None` if
/// nothing came.
async fn read_proxy(replay: &mut Replay, place: &Place) -> Option<Option<SocketAddr>> {
    let deadline = Instant::now() + place.station.limits.header_deadline;
    let Replay { bytes, socket, .. } = replay;
    loop {
        if !bytes.is_empty() {
            match proxy::read(bytes) {
                Announced::Partial => {}
                Announced::None => return Some(None),
                Announced::Header(length, client) => {
                    bytes.drain(..length.min(bytes.len()));
                    return Some(client);
                }
            }
        }
        if read_more(socket, bytes, deadline, &place.bell).await == More::End {
            return None;
        }
    }
}

/// Whether the first bytes ask for TLS. Waits for them, and leaves them to be read again.
async fn wants_tls(replay: &mut Replay, place: &Place) -> bool {
    let deadline = Instant::now() + place.station.limits.idle;
    let Replay { bytes, socket, .. } = replay;
    loop {
        match tls::begins(bytes) {
            Some(begins) => return begins,
            None if read_more(socket, bytes, deadline, &place.bell).await == More::End => {
                return false;
            }
            None => {}
        }
    }
}
