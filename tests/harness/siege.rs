//! Noise of several sorts against a station, and how it fares meanwhile: slow connections, connections as fast as
//! they are taken, garbage. From many loopback addresses, or from one.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Threads that send.
const THREADS: u32 = 4;
/// How often one of the slow sends its next byte.
const BYTE: Duration = Duration::from_secs(2);
/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(10);
/// Longest time for which garbage is sent: a server that holds its answers back takes little of it.
const LIMIT: Duration = Duration::from_secs(60);
/// Bytes of garbage on one connection, at most.
const ONE: u64 = 8 << 20;
/// Longest datagram of garbage.
const LONGEST: usize = 1400;
/// Datagrams of garbage from one address.
const FROM_ONE: u32 = 64;
/// How often a datagram is sent that is to arrive.
const TIMES: usize = 20;
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// Where noise comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sources {
    /// Each connection from another address.
    Many,
    /// All from one.
    One,
}

impl Sources {
    fn number(self, number: u32) -> Ipv4Addr {
        match self {
            Self::One => Ipv4Addr::new(127, 9, 9, 9),
            // Not the network's own first and last address.
            Self::Many => Ipv4Addr::from_bits(0x7f10_0001 + number % 0x00e0_0000),
        }
    }
}

/// What a client of a protocol may begin with, so that a server reads on.
#[must_use]
pub fn opening(protocol: &str) -> &'static [u8] {
    match protocol {
        "http" => b"POST /upload HTTP/1.1\r\nHost: a.example\r\nContent-Length: 900000\r\n\r\n",
        "mongodb" => b"\xff\xff\x0f\0\x01\0\0\0\0\0\0\0\xdd\x07\0\0\0\0\0\0\0",
        "mssql" => b"\x12\x01\x7f\xff\0\0\0\0",
        "mysql" => b"\xff\xff\xff\x01\x85\xa6\xff\x01",
        "postgres" => b"\0\0\x27\x10\0\x03\0\0user\0",
        "redis" => b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$500000000\r\n",
        "http-proxy" => b"GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\nX-A: ",
        "ssh" => b"SSH-2.0-OpenSSH_9.6\r\n\0\0\x80\0\x0a\x14",
        "ftp" => b"USER anonymous\r\nPASS ",
        "ldap" => b"\x30\x84\0\x01\xff\xf0\x02\x01\x01\x60\x84\0\x01\xff\xe0\x02\x01\x03\x04\x84\0\x01\xff\0",
        "amqp" => b"AMQP\0\0\x09\x01\x01\0\0\0\x01\xff\xf0",
        "smpp" => b"\0\0\xff\xf0\0\0\0\x09\0\0\0\0\0\0\0\x01",
        "smtp" => b"EHLO a.example\r\nMAIL FROM:<a@a.example>\r\n",
        "dns" => b"\xff\xf0\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x3f",
        "wireguard" => b"\x01\0\0\0",
        _ => b"\x16\x03\x01\x40\0\x01\0\x3f\xfc\x03\x03",
    }
}

/// Lets this process open as many files as it may.
pub fn raise_descriptors() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, raised).expect("the soft limit can be raised");
}

/// The most memory a process had resident, in MB (10^6 bytes).
#[derive(Debug)]
pub struct Memory {
    stop: Arc<AtomicBool>,
    watching: JoinHandle<f64>,
}

impl Memory {
    /// Watches from now on.
    #[must_use]
    pub fn watch(pid: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let watching = std::thread::spawn(move || {
            let mut peak = 0.0_f64;
            loop {
                peak = peak.max(resident(pid));
                if stopped.load(Ordering::Relaxed) {
                    return peak;
                }
                std::thread::sleep(LOOK);
            }
        });
        Self { stop, watching }
    }

    /// The most there was.
    ///
    /// # Panics
    /// If the watch failed.
    #[must_use]
    pub fn peak(self) -> f64 {
        self.stop.store(true, Ordering::Relaxed);
        self.watching.join().expect("the watch ends")
    }
}

/// Resident memory of a process, in MB (10^6 bytes); 0 if it is gone.
#[must_use]
pub fn resident(pid: u32) -> f64 {
    let path = format!("/proc/{pid}/status");
    let status = lapwing_core::bounded::read_text(path.as_ref(), 64 << 10).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(0.0) * 1024.0 / 1e6
}

/// Opens `count` connections and keeps them, each of which sends a byte of `bytes` now and then; calls `midst`
/// once all were opened, and lets `hold` pass around it. One that is closed is opened again. Says how often that
/// was.
///
/// # Panics
/// If nothing listens there.
pub fn slow(
    at: SocketAddr,
    bytes: &[u8],
    (count, sources): (u32, Sources),
    hold: Duration,
    midst: impl FnOnce(),
) -> u64 {
    let (stop, opened, again) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (stop, opened, again) = (&stop, &opened, &again);
            scope.spawn(move || {
                let own = (thread..count).step_by(THREADS as usize);
                let open = |number| connect(sources.number(number), at).ok();
                let mut all: Vec<_> = own
                    .map(|number| {
                        let socket = open(number);
                        opened.fetch_add(1, Ordering::Relaxed);
                        (number, socket, 0)
                    })
                    .collect();
                while !stop.load(Ordering::Relaxed) {
                    let begun = Instant::now();
                    for (number, socket, sent) in &mut all {
                        if stop.load(Ordering::Relaxed) {
                            return;
                        }
                        let byte = bytes.get(*sent..=*sent).unwrap_or(b"a");
                        let alive = socket.as_mut().is_some_and(|socket| lives(socket, byte));
                        *sent += 1;
                        if !alive {
                            again.fetch_add(1, Ordering::Relaxed);
                            (*socket, *sent) = (open(*number), 0);
                        }
                    }
                    std::thread::sleep(BYTE.saturating_sub(begun.elapsed()).min(BYTE));
                }
            });
        }
        let all = u64::from(count);
        let _end = End(&stop);
        while opened.load(Ordering::Relaxed) < all {
            std::thread::sleep(LOOK);
        }
        std::thread::sleep(hold / 2);
        midst();
        std::thread::sleep(hold / 2);
    });
    again.load(Ordering::Relaxed)
}

/// Sends a byte; whether the other side still takes it.
fn lives(socket: &mut TcpStream, byte: &[u8]) -> bool {
    let mut heard = [0; 4096];
    if socket.set_nonblocking(true).is_err() {
        return false;
    }
    match socket.read(&mut heard) {
        Ok(0) => return false,
        Err(error) if error.kind() != ErrorKind::WouldBlock => return false,
        _ => {}
    }
    socket.write_all(byte).is_ok()
}

/// Opens connections and drops them, as fast as they are taken, for so long; calls `midst` in the middle of it.
/// Says how many a second.
pub fn connects(at: SocketAddr, sources: Sources, length: Duration, midst: impl FnOnce()) -> f64 {
    let (stop, count) = (AtomicBool::new(false), AtomicU64::new(0));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (stop, count) = (&stop, &count);
            scope.spawn(move || {
                let mut number = thread;
                while !stop.load(Ordering::Relaxed) {
                    if connect(sources.number(number), at).is_ok() {
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                    number = number.wrapping_add(THREADS);
                }
            });
        }
        let _end = End(&stop);
        std::thread::sleep(length / 2);
        midst();
        std::thread::sleep((length / 2).saturating_sub(begun.elapsed().saturating_sub(length / 2)));
    });
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let count = count.load(Ordering::Relaxed) as f64;
    count / begun.elapsed().as_secs_f64()
}

/// Sends so many bytes of garbage, or as many as are taken in a minute: random ones on every other connection, on the
/// others behind `opening`. Calls `midst` once half of them are sent. Says how many were sent, and on how many
/// connections.
pub fn garbage(at: SocketAddr, opening: &[u8], bytes: u64, midst: impl FnOnce()) -> (u64, u64) {
    let (stop, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    let connections = AtomicU64::new(0);
    let over = || stop.load(Ordering::Relaxed) || sent.load(Ordering::Relaxed) >= bytes;
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            let (sent, connections, over) = (&sent, &connections, &over);
            scope.spawn(move || {
                let mut noise = vec![0; 1 << 20];
                rand::fill(&mut noise[..]);
                while !over() {
                    let number = connections.fetch_add(1, Ordering::Relaxed);
                    let source = Sources::Many.number(rand::random());
                    let Ok(mut socket) = connect(source, at) else {
                        continue;
                    };
                    let first: &[u8] = if number.is_multiple_of(2) {
                        &[]
                    } else {
                        opening
                    };
                    if socket.write_all(first).is_err() {
                        continue;
                    }
                    let mut own = 0;
                    while own < ONE && !over() {
                        let from = rand::random_range(0..noise.len() / 2);
                        let Ok(count) = socket.write(&noise[from..][..64 << 10]) else {
                            break;
                        };
                        own += count as u64;
                        sent.fetch_add(count as u64, Ordering::Relaxed);
                    }
                }
            });
        }
        let _end = End(&stop);
        let begun = Instant::now();
        let wait = |share: u64, limit: Duration| {
            while sent.load(Ordering::Relaxed) < share && begun.elapsed() < limit {
                std::thread::sleep(LOOK);
            }
        };
        wait(bytes / 2, LIMIT / 2);
        midst();
        wait(bytes, LIMIT);
    });
    let [sent, connections] = [sent, connections].map(AtomicU64::into_inner);
    (sent, connections)
}

/// Sends so many bytes of garbage in datagrams: random ones, every other behind `opening`. Calls `midst` once half
/// of them are sent. Says how many there were.
pub fn datagrams(at: SocketAddr, opening: &[u8], bytes: u64, midst: impl FnOnce()) -> u64 {
    let (sent, count) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut noise = [0; LONGEST];
                while sent.load(Ordering::Relaxed) < bytes {
                    let source = Sources::Many.number(rand::random());
                    let Ok(socket) = UdpSocket::bind((source, 0)) else {
                        continue;
                    };
                    for number in 0..FROM_ONE {
                        rand::fill(&mut noise[..]);
                        if number % 2 == 0 {
                            noise[..opening.len()].copy_from_slice(opening);
                        }
                        // Every fourth as long as a WireGuard handshake.
                        let length = match number % 4 {
                            0 => 148,
                            _ => rand::random_range(1..=LONGEST),
                        };
                        if socket.send_to(&noise[..length], at).is_ok() {
                            sent.fetch_add(length as u64, Ordering::Relaxed);
                            count.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
        while sent.load(Ordering::Relaxed) < bytes / 2 {
            std::thread::sleep(LOOK);
        }
        midst();
    });
    count.load(Ordering::Relaxed)
}

/// Says a value to whoever takes datagrams there, again and again for two seconds, as clients do that get no answer: in
/// a flood most get lost before anybody sees them.
///
/// # Errors
/// The system refuses.
pub fn say_in_datagrams(at: SocketAddr, value: &str) -> io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    for _ in 0..TIMES {
        socket.send_to(format!("HELP {value}\r\n\r\n").as_bytes(), at)?;
        std::thread::sleep(ASK_AGAIN);
    }
    Ok(())
}

/// Says a value to a server of this protocol, whichever it is, and hangs up: whoever searches what it was sent
/// finds it.
///
/// # Errors
/// The connection does not come about, or breaks.
pub fn say(protocol: &str, at: SocketAddr, value: &str) -> io::Result<()> {
    let mut socket = TcpStream::connect(at)?;
    socket.set_read_timeout(Some(Duration::from_secs(10)))?;
    // In one piece: after the first a server may have heard enough.
    let said = match protocol {
        "http" => format!("GET /{value} HTTP/1.0\r\n\r\n"),
        _ => format!("HELP {value}\r\n\r\n"),
    };
    socket.write_all(said.as_bytes())?;
    socket.shutdown(Shutdown::Write)?;
    let mut heard = [0; 4096];
    // To the end: what is said is of no interest.
    while matches!(socket.read(&mut heard), Ok(1..)) {}
    Ok(())
}

/// Ends the noise, also when what is looked at in its midst fails.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Connects from one of our addresses. When it is dropped, the other side sees a reset: no port of ours stays
/// taken.
fn connect(from: Ipv4Addr, to: SocketAddr) -> io::Result<TcpStream> {
    let flags = SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    sockopt::set_socket_linger(&socket, Some(Duration::ZERO))?;
    rustix::net::bind(&socket, &SocketAddrV4::new(from, 0))?;
    rustix::net::connect(&socket, &to)?;
    let socket = TcpStream::from(socket);
    socket.set_write_timeout(Some(Duration::from_secs(5)))?;
    Ok(socket)
}
