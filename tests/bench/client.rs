//! The load: one thread, one epoll, keep-alive connections with one request under way each.
//!
//! Requests are made beforehand, so that the client takes as little of the machine as it can from the
//! server it measures.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, EventData, EventFlags};

use crate::server::Server;

/// How answers to what was sent by the end are waited for.
const GRACE: Duration = Duration::from_secs(10);

/// What is sent, and how.
pub(crate) struct Load<'a> {
    /// Taken in turns by whichever connection is free.
    pub(crate) requests: &'a [Vec<u8>],
    pub(crate) connections: usize,
    /// Requests a second; `None` for as many as go.
    pub(crate) rate: Option<f64>,
    /// So many addresses are announced by the PROXY protocol, one a connection in turns; 0 for no
    /// such header.
    pub(crate) addresses: usize,
}

/// What came back.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) answered: u64,
    pub(crate) seconds: f64,
    /// Processor seconds the server took meanwhile.
    pub(crate) cpu: f64,
}

impl Tally {
    pub(crate) fn rate(&self) -> f64 {
        self.answered as f64 / self.seconds
    }

    /// Processor time of the server for one answer, in microseconds.
    pub(crate) fn cost(&self) -> f64 {
        self.cpu / self.answered as f64 * 1e6
    }
}

struct Connection {
    stream: TcpStream,
    /// What came of an answer that is not whole yet.
    partial: Vec<u8>,
    busy: bool,
}

/// Connections to one server.
pub(crate) struct Client<'a> {
    load: &'a Load<'a>,
    epoll: rustix::fd::OwnedFd,
    connections: Vec<Connection>,
    next: usize,
    sent: u64,
    answered: u64,
    buffer: Vec<u8>,
    events: Vec<epoll::Event>,
    started: Instant,
}

impl<'a> Client<'a> {
    pub(crate) fn new(address: SocketAddr, load: &'a Load<'a>) -> Self {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
        let connections = (0..load.connections)
            .map(|number| connect(address, number.checked_rem(load.addresses)))
            .collect::<Vec<_>>();
        for (number, connection) in connections.iter().enumerate() {
            let data = EventData::new_u64(number as u64);
            epoll::add(&epoll, &connection.stream, data, EventFlags::IN).unwrap();
        }
        Self {
            load,
            epoll,
            connections,
            next: 0,
            sent: 0,
            answered: 0,
            buffer: vec![0; 64 << 10],
            events: Vec::with_capacity(load.connections),
            started: Instant::now(),
        }
    }

    /// Goes on for so long; `each` is called now and then.
    pub(crate) fn run(&mut self, seconds: f64, mut each: impl FnMut()) {
        let end = Instant::now() + Duration::from_secs_f64(seconds);
        self.started = Instant::now();
        self.sent = 0;
        loop {
            let now = Instant::now();
            if now >= end {
                break;
            }
            self.start_requests(now);
            self.take_answers(true);
            each();
        }
    }

    /// Waits for what is under way.
    pub(crate) fn finish(&mut self) {
        let end = Instant::now() + GRACE;
        while self.connections.iter().any(|connection| connection.busy) {
            assert!(Instant::now() < end, "answers are missing");
            self.take_answers(false);
        }
    }

    pub(crate) fn answered(&self) -> u64 {
        self.answered
    }

    /// Sends on idle connections, as many as are due.
    fn start_requests(&mut self, now: Instant) {
        let due = match self.load.rate {
            Some(rate) => (now - self.started).as_secs_f64() * rate - self.sent as f64,
            None => f64::INFINITY,
        };
        if due < 1.0 {
            return;
        }
        let mut due = due;
        for number in 0..self.connections.len() {
            if due >= 1.0 && !self.connections[number].busy {
                self.send(number);
                due -= 1.0;
            }
        }
    }

    fn send(&mut self, number: usize) {
        let request = &self.load.requests[self.next];
        self.next = (self.next + 1) % self.load.requests.len();
        self.sent += 1;
        let connection = &mut self.connections[number];
        connection.busy = true;
        // A request fits the socket's buffer, as nothing else is under way.
        let count = connection.stream.write(request).unwrap();
        assert_eq!(count, request.len());
    }

    fn take_answers(&mut self, again: bool) {
        let mut events = std::mem::take(&mut self.events);
        let wait = rustix::event::Timespec {
            tv_sec: 0,
            tv_nsec: 1_000_000,
        };
        epoll::wait(
            &self.epoll,
            rustix::buffer::spare_capacity(&mut events),
            Some(&wait),
        )
        .unwrap();
        for event in events.drain(..) {
            let number = usize::try_from(event.data.u64()).unwrap();
            if self.read(number) {
                self.answered += 1;
                self.connections[number].busy = false;
                if again && self.load.rate.is_none() {
                    self.send(number);
                }
            }
        }
        self.events = events;
    }

    /// Whether an answer is whole now.
    fn read(&mut self, number: usize) -> bool {
        let connection = &mut self.connections[number];
        let count = match connection.stream.read(&mut self.buffer) {
            Ok(0) => panic!("the server closed a connection"),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(error) => panic!("{error}"),
        };
        if connection.partial.is_empty() && whole(&self.buffer[..count]) {
            return true;
        }
        connection.partial.extend_from_slice(&self.buffer[..count]);
        let whole = whole(&connection.partial);
        if whole {
            connection.partial.clear();
        }
        whole
    }
}

fn connect(address: SocketAddr, announced: Option<usize>) -> Connection {
    let mut stream = TcpStream::connect(address).unwrap();
    if let Some(number) = announced {
        let from = format!("198.18.{}.{}", number / 250, number % 250 + 1);
        write!(
            stream,
            "PROXY TCP4 {from} 192.0.2.1 {} 80\r\n",
            40_000 + number
        )
        .unwrap();
    }
    stream.set_nodelay(true).unwrap();
    stream.set_nonblocking(true).unwrap();
    Connection {
        stream,
        partial: Vec::new(),
        busy: false,
    }
}

/// Whether `bytes` are an answer, by its Content-Length.
fn whole(bytes: &[u8]) -> bool {
    body_start(bytes).is_some_and(|(start, length)| {
        assert!(bytes.len() <= start + length, "more than one answer");
        bytes.len() == start + length
    })
}

/// Where the body starts and how long it is.
fn body_start(bytes: &[u8]) -> Option<(usize, usize)> {
    assert!(
        bytes.len() < 12 || !bytes.starts_with(b"HTTP/1.1 5"),
        "a server error"
    );
    let mut at = 0;
    let mut length = None;
    loop {
        let end = at + bytes[at..].iter().position(|byte| *byte == b'\n')?;
        let line = bytes[at..end].trim_ascii_end();
        at = end + 1;
        if line.is_empty() {
            return Some((at, length.expect("an answer has a Content-Length")));
        }
        const NAME: &[u8] = b"content-length:";
        if line.len() > NAME.len() && line[..NAME.len()].eq_ignore_ascii_case(NAME) {
            let digits = line[NAME.len()..].trim_ascii();
            length = std::str::from_utf8(digits)
                .ok()
                .and_then(|digits| digits.parse().ok());
        }
    }
}

/// One turn: warms up, measures for `seconds`, waits for the last answers.
pub(crate) fn turn(server: &Server, load: &Load<'_>, seconds: f64) -> Tally {
    let mut client = Client::new(server.address, load);
    client.run((seconds / 4.0).min(0.5), || ());
    let (answered, cpu, begun) = (client.answered, server.cpu(), Instant::now());
    client.run(seconds, || ());
    let tally = Tally {
        answered: client.answered - answered,
        seconds: begun.elapsed().as_secs_f64(),
        cpu: server.cpu() - cpu,
    };
    client.finish();
    tally
}

/// One request on a connection of its own; gives the whole answer.
pub(crate) fn ask(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut connection = connect(address, None);
    connection.stream.set_nonblocking(false).unwrap();
    connection.stream.write_all(request).unwrap();
    let (mut bytes, mut space) = (Vec::new(), [0; 4096]);
    while !whole(&bytes) {
        let count = connection.stream.read(&mut space).unwrap();
        assert!(count > 0, "the server closed a connection");
        bytes.extend_from_slice(&space[..count]);
    }
    bytes
}
