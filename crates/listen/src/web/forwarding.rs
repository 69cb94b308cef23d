//! The address of a client behind reverse proxies, as their header has it: believed from configured networks
//! only, and read from the right, since everything left of what our own proxies added is the client's word.
//! (RFC 7239; for `X-Forwarded-For` the common practice.)

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use crate::proxy;

/// Most entries of a chain that are read.
const MOST: usize = 64;

/// Whom to believe, and which header. Only one: proxies set one and pass the others on as they came.
#[derive(Clone, Debug, Default)]
pub struct Forwarders {
    /// Networks of the operator's reverse proxies.
    pub networks: Vec<IpNet>,
    /// The header they set, lower case: `x-forwarded-for`, `forwarded`, `x-real-ip`, ...
    pub header: String,
}

impl Forwarders {
    /// Whether a peer is one of them.
    pub(crate) fn has(&self, peer: IpAddr) -> bool {
        proxy::trusted(&self.networks, peer)
    }

    /// The client that `peer` forwards for: the first address from the right that is none of ours. `None` if
    /// the peer is nobody to believe, or does not say. Port 0: not told.
    pub(crate) fn client(&self, peer: IpAddr, headers: &[(String, Vec<u8>)]) -> Option<SocketAddr> {
        if !self.has(peer) {
            return None;
        }
        let lines = headers.iter().rev();
        let lines = lines.filter(|(name, _)| name.eq_ignore_ascii_case(&self.header));
        let entries = lines.flat_map(|(_, line)| line.rsplit(|byte| *byte == b','));
        for entry in entries.take(MOST) {
            // What cannot be read hides everything left of it.
            let address = self.entry(std::str::from_utf8(entry).ok()?)?;
            if !self.has(address.ip()) {
                return Some(address);
            }
        }
        None
    }

    fn entry(&self, entry: &str) -> Option<SocketAddr> {
        if self.header != "forwarded" {
            return node(entry);
        }
        let is_for = |pair: &&str| {
            let name = pair.trim_start().get(..4);
            name.is_some_and(|name| name.eq_ignore_ascii_case("for="))
        };
        let pair = entry.split(';').find(is_for)?;
        node(&pair.trim_start()[4..])
    }
}

/// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `"[2001:db8::1]:4711"`.
fn node(text: &str) -> Option<SocketAddr> {
    let text = text.trim().trim_matches('"');
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(address);
    }
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let ip: IpAddr = bare.unwrap_or(text).parse().ok()?;
    Some(SocketAddr::new(ip, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(header: &str, peer: &str, lines: &[&str]) -> Option<String> {
        let forwarders = Forwarders {
            networks: vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()],
            header: header.to_owned(),
        };
        let headers: Vec<_> = lines
            .iter()
            .map(|line| (header.to_ascii_uppercase(), line.as_bytes().to_vec()))
            .collect();
        let found = forwarders.client(peer.parse().unwrap(), &headers);
        found.map(|address| address.to_string())
    }

    #[test]
    fn the_first_stranger_from_the_right_is_the_client() {
        let xff = "x-forwarded-for";
        for (header, peer, lines, expect) in [
            (xff, "10.0.0.1", &["203.0.113.7"][..], Some("203.0.113.7:0")),
            (
                xff,
                "::ffff:10.0.0.1",
                &["203.0.113.7"],
                Some("203.0.113.7:0"),
            ),
            // What the client made up stands on the left.
            (
                xff,
                "10.0.0.1",
                &["198.51.100.1, 203.0.113.7"],
                Some("203.0.113.7:0"),
            ),
            (
                xff,
                "10.0.0.1",
                &["198.51.100.1", "203.0.113.7:4711, 10.0.0.2"],
                Some("203.0.113.7:4711"),
            ),
            (xff, "10.0.0.1", &["2001:db8::1"], Some("[2001:db8::1]:0")),
            (xff, "203.0.113.9", &["198.51.100.1"], None),
            (xff, "10.0.0.1", &["198.51.100.1, unknown"], None),
            (xff, "10.0.0.1", &[], None),
            (xff, "10.0.0.1", &["10.0.0.3, 10.0.0.2"], None),
            (
                "forwarded",
                "10.0.0.1",
                &["for=198.51.100.1, For=\"[2001:db8::7]:47\";proto=https"],
                Some("[2001:db8::7]:47"),
            ),
            ("forwarded", "10.0.0.1", &["for=_hidden"], None),
            (
                "forwarded",
                "fd00::1",
                &["by=10.0.0.1;for=203.0.113.7"],
                Some("203.0.113.7:0"),
            ),
        ] {
            let found = client(header, peer, lines);
            assert_eq!(found.as_deref(), expect, "{header} {peer} {lines:?}");
        }
    }
}
