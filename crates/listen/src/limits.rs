//! How much a peer may ask of us, in bytes, connections and time.

use std::time::Duration;

/// Most header fields of one request. hyper keeps the same number on its stack.
pub(crate) const HEADER_COUNT: usize = 100;

/// The caps and deadlines of one listener. Reaching one ends the request or the connection as a
/// common server would end it; it never drops what was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request line and header together.
    pub header_bytes: usize,
    /// Bytes of one request body; more is answered 413.
    pub body_bytes: usize,
    /// Bytes of request bodies held at once by all connections together; more is answered 413.
    pub body_bytes_total: usize,
    /// Bytes of a request as sent that are kept as evidence.
    pub raw_bytes: usize,
    /// From the first byte of a request to the end of its header.
    pub header_deadline: Duration,
    /// From the end of the header to the end of the body.
    pub body_deadline: Duration,
    /// Longest silence within a body.
    pub body_progress: Duration,
    /// Longest silence before a request's first byte.
    pub idle: Duration,
    /// Longest time without a byte of an answer being taken.
    pub write_deadline: Duration,
    /// After this a connection takes no further request.
    pub lifetime: Duration,
    /// How long requests in flight may take once the station stops.
    pub drain: Duration,
    /// Longest time for which an answer is held back as the server we look like does, after a wrong login say.
    pub pause: Duration,
    /// Connections at once.
    pub connections: usize,
    /// Connections at once from one IPv4 address or one IPv6 /64.
    pub connections_per_address: usize,
    /// HTTP/2 streams at once on one connection.
    pub streams: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_bytes: 32 << 10,
            body_bytes: 1 << 20,
            body_bytes_total: 64 << 20,
            raw_bytes: 64 << 10,
            header_deadline: Duration::from_secs(20),
            body_deadline: Duration::from_secs(60),
            body_progress: Duration::from_millis(2500),
            idle: Duration::from_secs(75),
            write_deadline: Duration::from_secs(30),
            lifetime: Duration::from_secs(3600),
            drain: Duration::from_secs(10),
            pause: Duration::from_secs(10),
            connections: 4096,
            connections_per_address: 512,
            streams: 128,
        }
    }
}
