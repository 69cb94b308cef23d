//! TLS: the ClientHello is read and kept as sent, then rustls has it.

use std::sync::{Arc, PoisonError, RwLock};

use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use crate::gate::Bell;
use crate::stream::{More, Replay, Stream, read_more};

/// Longest ClientHello taken, with its record headers.
const LONGEST: usize = 24 << 10;

/// What the station shows where TLS is asked for. Certificates can change while it runs.
#[derive(Default)]
pub struct Tls(RwLock<Option<Configs>>);

/// With the names of HTTP's versions to agree on one, and without.
struct Configs {
    web: Arc<ServerConfig>,
    other: Arc<ServerConfig>,
}

impl Tls {
    /// Serves this from the next connection on; `None`: no TLS.
    pub fn set(&self, config: Option<ServerConfig>) {
        let configs = config.map(|other| {
            let mut web = other.clone();
            web.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
            Configs {
                web: Arc::new(web),
                other: Arc::new(other),
            }
        });
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = configs;
    }

    /// Whether there is a certificate to show.
    #[must_use]
    pub fn is_set(&self) -> bool {
        let configs = self.0.read().unwrap_or_else(PoisonError::into_inner);
        configs.is_some()
    }

    fn config(&self, web: bool) -> Option<Arc<ServerConfig>> {
        let configs = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let configs = configs.as_ref()?;
        Some(Arc::clone(if web { &configs.web } else { &configs.other }))
    }
}

/// Whether these first bytes are the start of a TLS handshake: `None` if more are needed.
pub(crate) fn begins(bytes: &[u8]) -> Option<bool> {
    match bytes {
        [] | [0x16] => None,
        [0x16, major, ..] => Some(*major == 3),
        _ => Some(false),
    }
}

/// Takes a connection into TLS. Gives the ClientHello as sent, with its record headers, beside the
/// stream; the stream is none if the handshake came to nothing.
pub(crate) async fn accept(
    tls: &Tls,
    web: bool,
    mut replay: Replay,
    deadline: Instant,
    bell: &Bell,
) -> (Vec<u8>, Option<Stream>) {
    let Some(config) = tls.config(web) else {
        return (Vec::new(), None);
    };
    let mut read = std::mem::take(&mut replay.bytes);
    let length = loop {
        match hello_length(&read) {
            Length::Whole(length) => break length,
            Length::Partial if read.len() < LONGEST => {}
            Length::Partial | Length::None => {
                // rustls says what is wrong with it, as servers do.
                break read.len();
            }
        }
        if read_more(&mut replay.socket, &mut read, deadline, bell).await == More::End {
            return (read, None);
        }
    };
    let hello = read[..length].to_vec();
    replay.bytes = read;
    let accepting = TlsAcceptor::from(config).accept(replay);
    let stream = match timeout_at(deadline, accepting).await {
        Ok(Ok(stream)) => Some(Stream::Secure(Box::new(stream))),
        Ok(Err(error)) => {
            tracing::debug!(%error, "no TLS came of it");
            None
        }
        Err(_) => None,
    };
    (hello, stream)
}

enum Length {
    /// The first handshake message ends after so many bytes of records.
    Whole(usize),
    Partial,
    /// It is none.
    None,
}

/// Where the first handshake message ends, which may lie in several records (RFC 8446, 5.1).
fn hello_length(bytes: &[u8]) -> Length {
    let (mut at, mut handshake) = (0, Vec::new());
    loop {
        let Some(header) = bytes.get(at..at + 5) else {
            return Length::Partial;
        };
        if header[0] != 0x16 {
            return Length::None;
        }
        let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
        let Some(part) = bytes.get(at + 5..at + 5 + length) else {
            return Length::Partial;
        };
        handshake.extend_from_slice(part);
        at += 5 + length;
        if let [kind, high, middle, low, ..] = handshake[..] {
            let length = u32::from_be_bytes([0, high, middle, low]) as usize;
            if kind != 1 || length > LONGEST {
                return Length::None;
            }
            if handshake.len() >= 4 + length {
                return Length::Whole(at);
            }
        } else if length == 0 {
            return Length::None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hello_may_come_in_several_records() {
        let whole = [
            &[0x16, 3, 1, 0, 3, 1, 0, 0][..],
            &[0x16, 3, 1, 0, 4, 3, 9, 9, 9],
        ]
        .concat();
        for end in 0..whole.len() {
            assert!(
                matches!(hello_length(&whole[..end]), Length::Partial),
                "{end}"
            );
        }
        let more = [&whole[..], b"more"].concat();
        assert!(matches!(hello_length(&more), Length::Whole(17)));
        assert!(matches!(hello_length(b"GET / HTTP/1.1"), Length::None));
        assert!(matches!(hello_length(&[0x16, 3, 1, 0, 0]), Length::None));
    }
}
