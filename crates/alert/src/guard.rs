//! Keeping webhooks out of private networks. A URL is checked where it matters: on the addresses
//! its name resolves to, which are the ones then connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// A name that leads only to addresses that are not to be connected to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("leads to {0}, which is not a public address")]
pub(crate) struct Refused(pub(crate) IpAddr);

/// Resolves names, to public addresses only unless others are allowed.
#[derive(Clone, Copy, Debug)]
pub struct Guard {
    /// Whether others are.
    pub allow_private: bool,
}

impl Guard {
    /// Whether this address may be connected to.
    #[must_use]
    pub fn allows(self, address: IpAddr) -> bool {
        self.allow_private || is_public(address)
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = *self;
        Box::pin(async move {
            let mut allowed = Vec::new();
            let mut refused = None;
            for address in tokio::net::lookup_host((name.as_str(), 0)).await? {
                if guard.allows(address.ip()) {
                    allowed.push(address);
                } else {
                    refused = Some(Refused(address.ip()));
                }
            }
            match refused {
                Some(refused) if allowed.is_empty() => Err(refused.into()),
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

/// Whether an address is globally reachable unicast, after the IANA special-purpose registries
/// (RFC 6890 and its updates).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !matches!(
        (a, b, c),
        (0 | 10 | 127 | 224..=255, _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (192, 168, _)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    )
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(v4) = address.to_ipv4_mapped() {
        return is_public_v4(v4);
    }
    let segments = address.segments();
    if let [0x64, 0xff9b, 0, 0, 0, 0, high, low] = segments {
        // NAT64 (RFC 6052): an IPv4 address behind a translator.
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        return is_public_v4(Ipv4Addr::new(a, b, c, d));
    }
    let special = matches!(
        (segments[0], segments[1]),
        (0x2001, 0..=0x01ff | 0xdb8) | (0x2002, _) | (0x3fff, 0..=0x0fff)
    );
    segments[0] & 0xe000 == 0x2000 && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_pass() {
        for (address, public) in [
            ("8.8.8.8", true),
            ("127.0.0.1", false),
            ("0.0.0.0", false),
            ("10.1.2.3", false),
            ("100.64.0.1", false),
            ("100.128.0.1", true),
            ("169.254.169.254", false),
            ("172.31.0.1", false),
            ("172.32.0.1", true),
            ("192.168.1.1", false),
            ("198.51.100.7", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("::1", false),
            ("::", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:8.8.8.8", true),
            ("64:ff9b::7f00:1", false),
            ("64:ff9b::808:808", true),
            ("fe80::1", false),
            ("fc00::1", false),
            ("fd00:ec2::254", false),
            ("ff02::1", false),
            ("2001:db8::1", false),
            ("2002:7f00:1::", false),
            ("2001::1", false),
            ("2606:4700::1111", true),
        ] {
            let parsed: IpAddr = address.parse().unwrap();
            let guard = Guard {
                allow_private: false,
            };
            assert_eq!(guard.allows(parsed), public, "{address}");
            assert!(
                Guard {
                    allow_private: true
                }
                .allows(parsed)
            );
        }
    }
}
