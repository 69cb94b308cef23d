//! One request after another on one connection, timed.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// A keep-alive connection on which one request follows another.
#[derive(Debug)]
pub struct Line {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Line {
    /// Connects.
    ///
    /// # Panics
    /// If nothing listens there.
    #[must_use]
    pub fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the station listens");
        stream.set_nodelay(true).expect("a socket option");
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .expect("a timeout can be set");
        Self {
            stream,
            buffer: vec![0; 64 << 10],
        }
    }

    /// Sends a request and reads its answer, which must have a length. Gives the time from before
    /// the request to the answer's last byte.
    ///
    /// # Panics
    /// If the connection ends or no answer comes.
    pub fn ask(&mut self, request: &[u8]) -> Duration {
        let begun = Instant::now();
        self.send(request);
        self.receive();
        begun.elapsed()
    }

    /// Sends a request.
    ///
    /// # Panics
    /// If the connection has ended.
    pub fn send(&mut self, request: &[u8]) {
        self.stream
            .write_all(request)
            .expect("the connection holds");
    }

    /// Reads an answer, which must have a length.
    ///
    /// # Panics
    /// If the connection ends or no answer comes.
    pub fn receive(&mut self) {
        let mut have = 0;
        while !whole(&self.buffer[..have]) {
            let read = self
                .stream
                .read(&mut self.buffer[have..])
                .expect("an answer in time");
            assert!(read > 0, "the connection ended");
            have += read;
        }
    }
}

/// Whether this is an answer with all of its body.
fn whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else {
        return false;
    };
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let length = head
        .split("content-length: ")
        .nth(1)
        .and_then(|rest| rest.lines().next());
    let length: usize = length
        .and_then(|digits| digits.parse().ok())
        .expect("a length");
    answer.len() >= end + 4 + length
}
