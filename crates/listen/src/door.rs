//! Where a protocol is listened for.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An address, written `0.0.0.0:25`, or `tls://0.0.0.0:465` where TLS comes before anything else. A
/// protocol in which the client speaks first takes both at a plain address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Door {
    /// Where.
    pub address: SocketAddr,
    /// Whether TLS comes first.
    pub tls: bool,
}

impl From<SocketAddr> for Door {
    fn from(address: SocketAddr) -> Self {
        Self {
            address,
            tls: false,
        }
    }
}

impl FromStr for Door {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (tls, address) = match text.strip_prefix("tls://") {
            Some(address) => (true, address),
            None => (false, text),
        };
        let address = address.parse().map_err(|_| {
            format!("{text:?} is no address to listen on; write `0.0.0.0:25` or `tls://[::]:465`")
        })?;
        Ok(Self { address, tls })
    }
}

impl TryFrom<String> for Door {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Door> for String {
    fn from(door: Door) -> Self {
        door.to_string()
    }
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "tls://" } else { "" };
        write!(f, "{scheme}{}", self.address)
    }
}
