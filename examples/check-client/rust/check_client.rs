//! Asks the desk on this host whether a value is bait. Fails open: whatever goes wrong, within a second,
//! the answer is no. Needs nothing but the standard library: `rustc -O check_client.rs`.

use std::fmt::Write as _;
use std::io::{self, BufRead, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The desk, by its address.
pub struct Desk {
    address: SocketAddr,
    secret: String,
    timeout: Duration,
}

impl Desk {
    /// The desk at an address such as `127.0.0.1:8090`.
    pub fn new(address: SocketAddr, secret: &str) -> Self {
        Self {
            address,
            secret: secret.to_owned(),
            timeout: Duration::from_secs(1),
        }
    }

    /// Whether a value is bait. Context: client, agent, method, path, host, user, request.
    pub fn is_canary(&self, value: &str, context: &[(&str, &str)]) -> bool {
        self.ask(value, context).unwrap_or(false)
    }

    fn ask(&self, value: &str, context: &[(&str, &str)]) -> io::Result<bool> {
        let context: Vec<String> = context
            .iter()
            .map(|(name, value)| format!("{}:{}", json(name), json(value)))
            .collect();
        let body = format!("{{\"value\":{},\"context\":{{{}}}}}", json(value), context.join(","));
        let request = format!(
            "POST /v1/check HTTP/1.1\r\nHost: desk\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.secret,
            body.len()
        );
        let mut socket = TcpStream::connect_timeout(&self.address, self.timeout)?;
        socket.set_read_timeout(Some(self.timeout))?;
        socket.set_write_timeout(Some(self.timeout))?;
        socket.write_all(request.as_bytes())?;
        let mut answer = String::new();
        socket.take(16 << 10).read_to_string(&mut answer)?;
        Ok(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("{\"canary\": true}"))
    }
}

/// A text as JSON.
fn json(text: &str) -> String {
    let mut out = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            character if character < ' ' => {
                let _ = write!(out, "\\u{:04x}", character as u32);
            }
            character => out.push(character),
        }
    }
    out.push('"');
    out
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), Some(secret)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: check_client ADDRESS:PORT SECRET");
        std::process::exit(2);
    };
    let address = address.parse().expect("an address and a port");
    let desk = Desk::new(address, &secret);
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        let found = desk.is_canary(&line, &[]);
        println!("{}", if found { "canary" } else { "-" });
    }
}
