//! Requests as raw bytes, and answers as they came.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Longest exchange.
const DEADLINE: Duration = Duration::from_secs(10);

/// An answer.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Status code; 0 if none came.
    pub status: u16,
    /// Status line and headers, without the empty line.
    pub head: String,
    /// The body, chunks put together.
    pub body: Vec<u8>,
    /// Everything that came.
    pub raw: Vec<u8>,
}

impl Answer {
    /// The body as text, for messages and searches.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The first header of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }
}

/// Sends raw bytes on a fresh connection and reads until the other side closes it, or 10 s are over.
/// The request must say `Connection: close` to get an answer at once.
///
/// # Panics
/// If nothing listens there.
pub fn exchange(address: SocketAddr, raw: &[u8]) -> Answer {
    let mut socket = TcpStream::connect_timeout(&address, DEADLINE)
        .unwrap_or_else(|error| panic!("cannot connect to {address}: {error}"));
    let mut writer = socket.try_clone().expect("a socket can be cloned");
    let mut received = Vec::new();
    std::thread::scope(|scope| {
        // Beside the reading: a server may answer, and stop reading, before it has read it all.
        scope.spawn(move || {
            let _ = writer.write_all(raw);
        });
        read(&mut socket, &mut received);
        // Err: the other side closed it.
        let _ = socket.shutdown(Shutdown::Both);
    });
    parse(received)
}

/// A GET request.
pub fn get(address: SocketAddr, host: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
    exchange(address, head("GET", host, target, headers, "").as_bytes())
}

/// A POST request; its content type is one of the headers given.
pub fn post(
    address: SocketAddr,
    host: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let length = format!("Content-Length: {}\r\n", body.len());
    let mut raw = head("POST", host, target, headers, &length).into_bytes();
    raw.extend_from_slice(body);
    exchange(address, &raw)
}

fn head(method: &str, host: &str, target: &str, headers: &[(&str, &str)], more: &str) -> String {
    let headers: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    format!(
        "{method} {target} HTTP/1.1\r\nHost: {host}\r\n{headers}{more}Connection: close\r\n\r\n"
    )
}

fn read(socket: &mut TcpStream, received: &mut Vec<u8>) {
    let end = Instant::now() + DEADLINE;
    let mut buffer = [0; 16 << 10];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        socket
            .set_read_timeout(Some(left))
            .expect("a timeout can be set");
        match socket.read(&mut buffer) {
            Ok(0) => return,
            Ok(read) => received.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Reset or too late: what came before is the answer.
            Err(_) => return,
        }
    }
}

fn parse(raw: Vec<u8>) -> Answer {
    let mut rest = raw.as_slice();
    loop {
        let Some(end) = rest.windows(4).position(|window| window == b"\r\n\r\n") else {
            return Answer {
                raw,
                ..Answer::default()
            };
        };
        let head = String::from_utf8_lossy(&rest[..end]).into_owned();
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|word| word.parse().ok())
            .unwrap_or(0);
        rest = &rest[end + 4..];
        if (100..200).contains(&status) {
            continue;
        }
        let chunked = header(&head, "transfer-encoding").is_some_and(|value| value == "chunked");
        let body = if chunked {
            dechunk(rest)
        } else {
            rest.to_vec()
        };
        return Answer {
            status,
            head,
            body,
            raw,
        };
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    lines
        .into_iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

fn dechunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|window| window == b"\r\n") {
        let size = String::from_utf8_lossy(&rest[..end]).into_owned();
        let Ok(size) = usize::from_str_radix(size.trim(), 16) else {
            break;
        };
        let data = &rest[end + 2..];
        if size == 0 || data.len() < size + 2 {
            break;
        }
        body.extend_from_slice(&data[..size]);
        rest = &data[size + 2..];
    }
    body
}
