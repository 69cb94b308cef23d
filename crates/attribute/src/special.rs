//! Addresses that have no place on earth: the special-purpose registries of IANA (RFC 6890 and its
//! updates), with a word for each.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Network, prefix length, word. The first that covers an address counts.
const V4: &[(Ipv4Addr, u32, &str)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8, "reserved"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "private"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "shared"), // carrier-grade NAT, RFC 6598
    (Ipv4Addr::new(127, 0, 0, 0), 8, "loopback"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "private"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "reserved"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "documentation"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "tunnel"), // 6to4 relays, RFC 7526
    (Ipv4Addr::new(192, 168, 0, 0), 16, "private"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "benchmark"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved"),
];

/// As [`V4`]. What is outside 2000::/3 and not named here is reserved.
const V6: &[(Ipv6Addr, u32, &str)] = &[
    (Ipv6Addr::LOCALHOST, 128, "loopback"),
    (v6(0x64, 0xff9b, 1), 48, "private"), // local-use translation, RFC 8215
    (v6(0x2001, 0, 0), 32, "tunnel"),     // Teredo: the network is the relay's
    (v6(0x2001, 2, 0), 48, "benchmark"),
    (v6(0x2001, 0x10, 0), 28, "reserved"), // ORCHID
    (v6(0x2001, 0x20, 0), 28, "reserved"),
    (v6(0x2001, 0xdb8, 0), 32, "documentation"),
    (v6(0x2002, 0, 0), 16, "tunnel"), // 6to4: the network is the relay's
    (v6(0x3fff, 0, 0), 20, "documentation"),
    (v6(0xfc00, 0, 0), 7, "private"),
    (v6(0xfe80, 0, 0), 10, "link-local"),
    (v6(0xfec0, 0, 0), 10, "private"),
    (v6(0xff00, 0, 0), 8, "multicast"),
];

const fn v6(a: u16, b: u16, c: u16) -> Ipv6Addr {
    Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)
}

/// Why an address has no place: `loopback`, `private`, `link-local`, `shared` (carrier NAT),
/// `documentation`, `benchmark`, `tunnel`, `multicast`, `reserved`. `None` for a public address.
#[must_use]
pub fn special(address: IpAddr) -> Option<&'static str> {
    range(plain(address)).map(|(_, word)| word)
}

/// Whether a network lies wholly inside one special range.
pub(crate) fn is_special(network: &IpNet) -> bool {
    range(network.network()).is_some_and(|(length, _)| u32::from(network.prefix_len()) >= length)
}

/// The range that covers an address: its prefix length and its word.
fn range(address: IpAddr) -> Option<(u32, &'static str)> {
    match address {
        IpAddr::V4(ip) => V4
            .iter()
            .find(|range| (ip.to_bits() ^ range.0.to_bits()).leading_zeros() >= range.1)
            .map(|range| (range.1, range.2)),
        IpAddr::V6(ip) => V6
            .iter()
            .find(|range| (ip.to_bits() ^ range.0.to_bits()).leading_zeros() >= range.1)
            .map(|range| (range.1, range.2))
            .or_else(|| (ip.segments()[0] >> 13 != 1).then_some((3, "reserved"))),
    }
}

/// The IPv4 address inside an IPv4-mapped one (`::ffff:192.0.2.1`) or one that a stateless
/// translator in front of the station made of it (64:ff9b::/96, RFC 6052); else the address itself.
pub(crate) fn plain(address: IpAddr) -> IpAddr {
    let IpAddr::V6(ip) = address.to_canonical() else {
        return address.to_canonical();
    };
    match ip.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => Ipv4Addr::from_bits(ip.to_bits() as u32).into(),
        _ => ip.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_special_range_has_its_word() {
        for (address, word) in [
            ("0.1.2.3", "reserved"),
            ("10.255.0.1", "private"),
            ("100.64.0.1", "shared"),
            ("100.127.255.255", "shared"),
            ("127.0.0.1", "loopback"),
            ("::1", "loopback"),
            ("::ffff:127.0.0.1", "loopback"),
            ("64:ff9b::10.0.0.1", "private"),
            ("169.254.169.254", "link-local"),
            ("172.31.255.255", "private"),
            ("192.0.2.1", "documentation"),
            ("198.51.100.1", "documentation"),
            ("203.0.113.255", "documentation"),
            ("2001:db8:ffff::1", "documentation"),
            ("3fff:fff::1", "documentation"),
            ("198.19.0.1", "benchmark"),
            ("2001:2:0:1::", "benchmark"),
            ("2002:c000:201::", "tunnel"),
            ("2001:0:1::", "tunnel"),
            ("224.0.0.1", "multicast"),
            ("255.255.255.255", "reserved"),
            ("ff02::1", "multicast"),
            ("fe80::1", "link-local"),
            ("fd00::1", "private"),
            ("::", "reserved"),
            ("100::1", "reserved"),
            ("5f00::1", "reserved"),
        ] {
            assert_eq!(special(address.parse().unwrap()), Some(word), "{address}");
        }
        for address in [
            "8.8.8.8",
            "100.128.0.1",
            "172.32.0.1",
            "192.0.3.1",
            "198.20.0.1",
            "2001:200::1",
            "2606:4700:4700::1111",
            "3fff:1000::1",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
        ] {
            assert_eq!(special(address.parse().unwrap()), None, "{address}");
        }
    }

    #[test]
    fn a_network_is_special_only_as_a_whole() {
        for (network, expected) in [
            ("192.0.2.0/24", true),
            ("192.0.2.128/25", true),
            ("192.0.2.0/23", false),
            ("0.0.0.0/0", false),
            ("10.0.0.0/7", false),
            ("2001:db8::/32", true),
            ("2001:db8::/31", false),
            ("::/1", false),
            ("::/0", false),
            ("8.8.8.0/24", false),
        ] {
            assert_eq!(is_special(&network.parse().unwrap()), expected, "{network}");
        }
    }
}
