//! A packet inside the tunnel: where it was to go, and no more. (RFC 791, RFC 8200)

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::dns;

/// What a packet is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flow {
    /// Number of the protocol above IP.
    pub(super) protocol: u8,
    pub(super) to: IpAddr,
    /// Of TCP, UDP and SCTP, unless the packet is a later fragment.
    pub(super) port: Option<u16>,
}

/// A packet as far as it is looked at.
#[derive(Debug)]
pub(super) struct Packet<'a> {
    pub(super) flow: Flow,
    pub(super) from: IpAddr,
    /// What comes after the header of IP.
    rest: &'a [u8],
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.protocol {
            1 => f.write_str("icmp ")?,
            6 => f.write_str("tcp ")?,
            17 => f.write_str("udp ")?,
            58 => f.write_str("icmp6 ")?,
            132 => f.write_str("sctp ")?,
            other => write!(f, "ip/{other} ")?,
        }
        match (self.to, self.port) {
            (to, None) => write!(f, "{to}"),
            (IpAddr::V4(to), Some(port)) => write!(f, "{to}:{port}"),
            (IpAddr::V6(to), Some(port)) => write!(f, "[{to}]:{port}"),
        }
    }
}

impl Packet<'_> {
    /// The name that is asked for, if it is a question to a name server.
    pub(super) fn name(&self) -> Option<String> {
        let to_server = self.flow.protocol == 17 && self.flow.port == Some(53);
        let question = to_server.then(|| self.rest.get(8..)).flatten()?;
        dns::asked_for(question)
    }

    /// What it carries, behind the header of IP.
    pub(super) fn rest(&self) -> &[u8] {
        self.rest
    }
}

/// Reads a packet; `None` if it is none.
pub(super) fn read(bytes: &[u8]) -> Option<Packet<'_>> {
    match bytes.first()? >> 4 {
        4 => version4(bytes),
        6 => version6(bytes),
        _ => None,
    }
}

fn version4(bytes: &[u8]) -> Option<Packet<'_>> {
    let header = bytes.first_chunk::<20>()?;
    let length = usize::from(header[0] & 15) * 4;
    let whole = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let rest = bytes.get(length.max(20)..whole.min(bytes.len()))?;
    let address = |at: usize| {
        let [a, b, c, d] = [header[at], header[at + 1], header[at + 2], header[at + 3]];
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    let first = u16::from_be_bytes([header[6], header[7]]) & 0x1fff == 0;
    Some(packet(header[9], address(12), address(16), rest, first))
}

fn version6(bytes: &[u8]) -> Option<Packet<'_>> {
    let header = bytes.first_chunk::<40>()?;
    let address = |at: usize| {
        let bytes: [u8; 16] = header[at..at + 16].try_into().ok()?;
        Some(IpAddr::V6(Ipv6Addr::from(bytes)))
    };
    let whole = 40 + usize::from(u16::from_be_bytes([header[4], header[5]]));
    let rest = bytes.get(40..whole.min(bytes.len()))?;
    // Headers in between are left alone: what follows them is then told as theirs.
    Some(packet(header[6], address(8)?, address(24)?, rest, true))
}

fn packet(protocol: u8, from: IpAddr, to: IpAddr, rest: &[u8], first: bool) -> Packet<'_> {
    let port = match rest {
        [_, _, high, low, ..] if first && matches!(protocol, 6 | 17 | 132) => {
            Some(u16::from_be_bytes([*high, *low]))
        }
        _ => None,
    };
    let flow = Flow { protocol, to, port };
    Packet { flow, from, rest }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A packet of IPv4 to a port, with this behind the ports.
    pub(crate) fn datagram(protocol: u8, to: [u8; 4], port: u16, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(24 + rest.len()).unwrap();
        let mut bytes = vec![0x45, 0];
        bytes.extend(length.to_be_bytes());
        bytes.extend([0, 0, 0, 0, 64, protocol, 0, 0, 10, 1, 2, 3]);
        bytes.extend(to);
        bytes.extend([0x30, 0x39]);
        bytes.extend(port.to_be_bytes());
        bytes.extend_from_slice(rest);
        bytes
    }

    #[test]
    fn packets_say_where_they_were_to_go() {
        let shown = |bytes: &[u8]| read(bytes).map(|packet| packet.flow.to_string());
        let tcp = datagram(6, [10, 1, 2, 1], 22, &[]);
        assert_eq!(shown(&tcp).as_deref(), Some("tcp 10.1.2.1:22"));
        assert_eq!(read(&tcp).unwrap().from.to_string(), "10.1.2.3");
        let mut later = tcp.clone();
        later[7] = 1;
        assert_eq!(shown(&later).as_deref(), Some("tcp 10.1.2.1"));
        let ping = datagram(1, [10, 1, 2, 1], 0, &[]);
        assert_eq!(shown(&ping).as_deref(), Some("icmp 10.1.2.1"));
        let mut six = vec![0x60, 0, 0, 0, 0, 4, 17, 64];
        six.extend(Ipv6Addr::LOCALHOST.octets());
        six.extend(Ipv6Addr::LOCALHOST.octets());
        six.extend([0, 1, 0, 53]);
        assert_eq!(shown(&six).as_deref(), Some("udp [::1]:53"));
        assert_eq!(shown(&tcp[..19]), None);
        assert_eq!(shown(&[]), None);
    }

    #[test]
    fn a_question_to_a_name_server_is_read() {
        let mut question = vec![0, 9, 0, 0];
        question.extend([0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        question.extend(b"\x05vault\x04corp\0\0\x01\0\x01");
        let bytes = datagram(17, [10, 1, 2, 1], 53, &question);
        assert_eq!(read(&bytes).unwrap().name().as_deref(), Some("vault.corp"));
        let other = datagram(17, [10, 1, 2, 1], 5353, &question);
        assert_eq!(read(&other).unwrap().name(), None);
    }
}
