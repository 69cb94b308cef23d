//! Datagrams: protocols in which a message stands for itself. As many as have come are taken at once, recorded
//! together, and answered at one tick once that is durable.
//!
//! A flood cannot take more memory than so many messages in flight: then the socket is not read, and the
//! system drops what it has no room for. What one address has in flight is bounded as well; past that it gets
//! no answer, and only what matched is recorded.

use std::collections::HashMap;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::gate::network;
use crate::notice::{self, Seen};
use crate::station::{Recognised, Station};
use crate::tick;
use crate::visit::{self, Act};

/// Longest datagram there is.
const LONGEST: usize = 64 << 10;

/// What the system is asked to keep until we read it.
const BACKLOG: usize = 4 << 20;

/// Pause after the system could give none.
const PAUSE: Duration = Duration::from_millis(1);

/// A message that stands for itself.
pub(crate) struct Message<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) peer: SocketAddr,
    /// `udp`, `tcp` or `tls`.
    pub(crate) way: &'static str,
}

/// What serves the messages of one socket.
pub(crate) trait Considers: Send + Sync {
    /// Finds what is in one message and makes the answer to it. It is sent once that is recorded.
    fn consider(self: Arc<Self>, station: &Station, message: &Message<'_>) -> Considered;
}

/// A server that remembers nothing of one message for the next.
pub(crate) type Consider = fn(&Station, &Message<'_>) -> Considered;

impl Considers for Consider {
    fn consider(self: Arc<Self>, station: &Station, message: &Message<'_>) -> Considered {
        self(station, message)
    }
}

/// What a server makes of a message.
pub(crate) struct Considered {
    pub(crate) found: Vec<Recognised>,
    pub(crate) act: Act,
    /// What is said to it, if anything.
    pub(crate) answer: Option<Vec<u8>>,
    /// Whether it is part of something that was recorded: then it is neither recorded nor counted, nor answered.
    pub(crate) told: bool,
    /// What the server says of its own accord, later.
    pub(crate) later: Option<Later>,
}

/// What a server will have to say, and to whom, if by then it still has. It is recorded and sent as an answer is.
pub(crate) struct Later {
    pub(crate) after: Duration,
    pub(crate) then: Box<dyn FnOnce() -> Option<(SocketAddr, Considered)> + Send>,
}

impl Considered {
    /// To which nothing is said.
    pub(crate) fn silent(found: Vec<Recognised>, act: Act) -> Self {
        Self {
            found,
            act,
            answer: None,
            told: false,
            later: None,
        }
    }
}

/// A bound socket.
#[derive(Debug)]
pub(crate) struct Datagrams {
    socket: UdpSocket,
    state: UdpSocketState,
}

/// A protocol at a socket.
struct Post {
    station: Arc<Station>,
    socket: Datagrams,
    listener: &'static str,
    server: Arc<dyn Considers>,
    room: Arc<Semaphore>,
    flights: Mutex<HashMap<IpAddr, usize>>,
}

/// A message that waits to be durable.
struct Parcel {
    found: Vec<Recognised>,
    /// None if it was told before.
    seen: Option<Seen>,
    answer: Option<Vec<u8>>,
    later: Option<Later>,
    peer: SocketAddr,
    /// Our address that it came to.
    local: Option<IpAddr>,
}

impl Datagrams {
    /// Takes a bound socket. Must be called inside a tokio runtime.
    pub(crate) fn new(socket: std::net::UdpSocket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let socket = UdpSocket::from_std(socket)?;
        let state = UdpSocketState::new((&socket).into())?;
        // As much as the system lets us have.
        let _ = state.set_recv_buffer_size((&socket).into(), BACKLOG);
        Ok(Self { socket, state })
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Serves until `stop` turns true; returns when what came before is answered, at the latest after
    /// `Limits::drain`.
    pub(crate) async fn serve(
        self,
        listener: &'static str,
        server: Arc<dyn Considers>,
        station: Arc<Station>,
        mut stop: watch::Receiver<bool>,
    ) {
        let all = station.limits.connections;
        let post = Arc::new(Post {
            station,
            socket: self,
            listener,
            server,
            room: Arc::new(Semaphore::new(all)),
            flights: Mutex::default(),
        });
        {
            let mut stopped = std::pin::pin!(async { drop(stop.wait_for(|stop| *stop).await) });
            let mut boxes = vec![0; LONGEST * BATCH_SIZE];
            loop {
                tokio::select! {
                    _ = &mut stopped => break,
                    taken = post.take(&mut boxes) => if let Err(error) = taken {
                        // An answer of earlier that could not be delivered, mostly.
                        tracing::debug!(%error, "cannot receive datagrams");
                        sleep(PAUSE).await;
                    },
                }
            }
        }
        let deadline = Instant::now() + post.station.limits.drain;
        let all = u32::try_from(all).unwrap_or(u32::MAX);
        let _ = timeout_at(deadline, post.room.acquire_many(all)).await;
    }
}

impl Post {
    /// Takes what has come, and sees to it in a task of its own.
    async fn take(self: &Arc<Self>, boxes: &mut [u8]) -> io::Result<()> {
        let Datagrams { socket, state } = &self.socket;
        socket.readable().await?;
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        let received = {
            let mut slices = boxes.chunks_exact_mut(LONGEST).map(IoSliceMut::new);
            let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
                std::array::from_fn(|_| slices.next().unwrap_or_else(|| IoSliceMut::new(&mut [])));
            let receive = || state.recv(socket.into(), &mut slices, &mut metas);
            match socket.try_io(Interest::READABLE, receive) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                received => received?,
            }
        };
        let mut parcels = Vec::with_capacity(received);
        for (bytes, meta) in boxes.chunks_exact(LONGEST).zip(&metas).take(received) {
            // The system may put several of one sender together.
            for bytes in bytes[..meta.len.min(LONGEST)].chunks(meta.stride.max(1)) {
                parcels.push(self.parcel(bytes, meta)?);
            }
        }
        self.send_off(parcels).await;
        Ok(())
    }

    fn parcel(&self, bytes: &[u8], meta: &RecvMeta) -> io::Result<Parcel> {
        let message = Message {
            bytes,
            peer: meta.addr,
            way: "udp",
        };
        let considered = Arc::clone(&self.server).consider(&self.station, &message);
        self.wrap(considered, message, meta.dst_ip)
    }

    /// `local`: our address that the message came to.
    fn wrap(
        &self,
        considered: Considered,
        message: Message<'_>,
        local: Option<IpAddr>,
    ) -> io::Result<Parcel> {
        let Considered {
            found,
            act,
            answer,
            told,
            later,
        } = considered;
        let peer = message.peer;
        let mut own = self.socket.address()?;
        if let Some(local) = local {
            own.set_ip(local);
        }
        let seen = || visit::seen_datagram(&self.station, self.listener, message, own, act);
        Ok(Parcel {
            found,
            seen: (!told).then(seen),
            answer: answer.filter(|_| !told),
            later,
            peer,
            local,
        })
    }

    /// Waits for room, then records and answers.
    async fn send_off(self: &Arc<Self>, mut parcels: Vec<Parcel>) {
        let mut counted = Vec::with_capacity(parcels.len());
        parcels.retain_mut(|parcel| {
            let address = network(parcel.peer.ip());
            if self.count(address) {
                counted.push(address);
                return true;
            }
            // Whether it matched is not to be told by an answer.
            parcel.answer = None;
            !parcel.found.is_empty() || parcel.later.is_some()
        });
        let flight = Flight {
            post: Arc::clone(self),
            counted,
            _room: match self.room(parcels.len()).await {
                Some(room) => room,
                None => return,
            },
        };
        tokio::spawn(async move { flight.post.deliver(parcels).await });
    }

    async fn room(&self, count: usize) -> Option<OwnedSemaphorePermit> {
        let all = self.station.limits.connections;
        let count = u32::try_from(count.min(all)).ok()?;
        Arc::clone(&self.room).acquire_many_owned(count).await.ok()
    }

    async fn deliver(self: &Arc<Self>, parcels: Vec<Parcel>) {
        let (mut pending, mut answers) = (Vec::new(), Vec::new());
        for parcel in parcels {
            let Parcel {
                found,
                seen,
                answer,
                later,
                peer,
                local,
            } = parcel;
            pending.extend(seen.map(|seen| notice::recording(&self.station, found, seen)));
            answers.extend(answer.map(|answer| (answer, peer, local)));
            if let Some(later) = later {
                self.put_off(later, local);
            }
        }
        tick::after(Box::pin(async { drop(join_all(pending).await) })).await;
        for (answer, peer, local) in answers {
            self.send(&answer, peer, local).await;
        }
    }

    /// Lets the server speak of its own accord when it is time.
    fn put_off(self: &Arc<Self>, later: Later, local: Option<IpAddr>) {
        let post = Arc::clone(self);
        tokio::spawn(async move {
            sleep(later.after).await;
            let Some((peer, considered)) = (later.then)() else {
                return;
            };
            let message = Message {
                bytes: &[],
                peer,
                way: "udp",
            };
            if let Ok(parcel) = post.wrap(considered, message, local) {
                post.deliver(vec![parcel]).await;
            }
        });
    }

    async fn send(&self, answer: &[u8], peer: SocketAddr, local: Option<IpAddr>) {
        let Datagrams { socket, state } = &self.socket;
        let transmit = Transmit {
            destination: peer,
            ecn: None,
            contents: answer,
            segment_size: None,
            // A host with several addresses answers from the one that was asked.
            src_ip: local,
        };
        let send = || state.try_send(socket.into(), &transmit);
        loop {
            match socket.try_io(Interest::WRITABLE, send) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return tracing::debug!(%error, "cannot send a datagram"),
                Ok(()) => return,
            }
            let patience = self.station.limits.write_deadline;
            if !matches!(timeout(patience, socket.writable()).await, Ok(Ok(()))) {
                return;
            }
        }
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one message more of an address; `false` if it has too many in flight.
    fn count(&self, address: IpAddr) -> bool {
        let mut flights = self.flights();
        let count = flights.entry(address).or_insert(0);
        let room = *count < self.station.limits.connections_per_address;
        *count += usize::from(room);
        room
    }
}

/// Messages in flight; they count until they are answered.
struct Flight {
    post: Arc<Post>,
    counted: Vec<IpAddr>,
    _room: OwnedSemaphorePermit,
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mut flights = self.post.flights();
        for address in &self.counted {
            if let Some(count) = flights.get_mut(address) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    flights.remove(address);
                }
            }
        }
    }
}
