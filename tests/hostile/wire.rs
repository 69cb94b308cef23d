//! Raw bytes to and from a station, from any address of loopback, broken off at any point.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpStream};
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketType, bind, connect, socket};

/// Longest answer kept, in bytes.
const ANSWER: usize = 4 << 20;

/// What came back.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) bytes: Vec<u8>,
    /// Whether the station ended the connection; else patience did.
    pub(crate) ended: bool,
}

impl Said {
    /// The status of the first answer; 0 if there was none.
    pub(crate) fn status(&self) -> u16 {
        let text = self.text();
        let words = text.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5));
        words.and_then(|digits| digits.parse().ok()).unwrap_or(0)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// A connection from this address of loopback.
pub(crate) fn connect_from(from: Ipv4Addr, to: SocketAddr) -> TcpStream {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    bind(&socket, &SocketAddrV4::new(from, 0)).expect("an address of loopback");
    connect(&socket, &to).expect("the station listens");
    TcpStream::from(socket)
}

/// Sends bytes, says that no more come, and reads until the other side ends.
pub(crate) fn send(address: SocketAddr, bytes: &[u8], patience: Duration) -> Said {
    let mut stream = TcpStream::connect(address).expect("the station listens");
    let mut writer = stream.try_clone().expect("a socket can be cloned");
    std::thread::scope(|scope| {
        // Beside the reading: a server may stop reading before it has it all.
        scope.spawn(move || {
            let _ = writer.write_all(bytes);
            let _ = writer.shutdown(Shutdown::Write);
        });
        let said = read_to_end(&mut stream, patience);
        let _ = stream.shutdown(Shutdown::Both);
        said
    })
}

/// Reads until the other side ends, but no longer than patience lasts.
pub(crate) fn read_to_end(stream: &mut TcpStream, patience: Duration) -> Said {
    let until = Instant::now() + patience;
    let mut said = Said {
        bytes: Vec::new(),
        ended: false,
    };
    let mut buffer = [0; 16 << 10];
    while said.bytes.len() < ANSWER {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return said;
        }
        stream
            .set_read_timeout(Some(left))
            .expect("a timeout can be set");
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => said.bytes.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return said;
            }
            // A reset is an end, too.
            Err(_) => break,
        }
    }
    said.ended = true;
    said
}
