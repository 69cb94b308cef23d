//! How much an address stands for one hand, and for how long: by what its network is used for.

use std::net::IpAddr;

use ipnet::{Ipv4Net, Ipv6Net};
use lapwing_core::NetworkClass;
use lapwing_core::phrase::link as say;

use crate::facts::TripFacts;
use crate::special::plain;
use crate::verdict::is_delivered;

const HOUR: f64 = 3600.0;
const DAY: f64 = 24.0 * HOUR;

/// A sort of network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sort {
    /// After so many seconds an address is as likely to be somebody else's.
    pub(super) half_life: f64,
    /// How many hands share any one address.
    pub(super) shared: f64,
    /// Whether coming from elsewhere the next time says nothing.
    pub(super) hops: bool,
    /// What is said of the doubt; empty if there is none beyond the usual.
    pub(super) doubt: &'static str,
}

/// How every doubt begins.
pub(super) const WEAK: &str = "weak: ";

const FIXED: Sort = Sort {
    half_life: 3.0 * DAY,
    shared: 0.0001,
    hops: false,
    doubt: "",
};

/// Rented machines stay with who rents them, and are one of several as a rule.
const RENTED: Sort = Sort {
    half_life: 14.0 * DAY,
    shared: 0.0003,
    hops: true,
    doubt: "",
};

const HIDDEN: Sort = Sort {
    half_life: 0.5 * HOUR,
    shared: 0.04,
    hops: true,
    doubt: say::HIDDEN.en,
};

const COMPANY: Sort = Sort {
    half_life: 12.0 * HOUR,
    shared: 0.02,
    hops: false,
    doubt: say::COMPANY.en,
};

const TRANSLATED: Sort = Sort {
    half_life: HOUR,
    shared: 0.04,
    hops: true,
    doubt: say::TRANSLATED.en,
};

/// Everything behind a proxy that is not configured as one comes from here.
const INSIDE: Sort = Sort {
    half_life: DAY,
    shared: 0.06,
    hops: false,
    doubt: say::INSIDE.en,
};

/// The sort of a source. `classes` are those of the lists it is in.
pub(super) fn sort(address: &str, classes: &[NetworkClass]) -> Sort {
    let special = { address.split('/').next() }
        .and_then(|text| text.parse().ok())
        .and_then(crate::special);
    match special {
        Some("loopback" | "private" | "link-local") => return INSIDE,
        Some("shared") => return TRANSLATED,
        _ => {}
    }
    let is = |class: &NetworkClass| classes.contains(class);
    let hide = [
        NetworkClass::Vpn,
        NetworkClass::Relay,
        NetworkClass::Tor,
        NetworkClass::Proxy,
    ];
    if hide.iter().any(is) {
        HIDDEN
    } else if is(&NetworkClass::Gateway) || is(&NetworkClass::Mail) || is(&NetworkClass::Resolver) {
        COMPANY
    } else if is(&NetworkClass::Cloud) || is(&NetworkClass::Content) {
        RENTED
    } else {
        FIXED
    }
}

/// The classes of the lists that a trip's source is in, each once.
pub(super) fn classes(facts: &TripFacts<'_>) -> Vec<NetworkClass> {
    let mut classes: Vec<_> = facts.network.lists.iter().map(|one| one.class).collect();
    if is_delivered(facts) {
        // A server that delivers mail, perhaps for many.
        classes.push(NetworkClass::Mail);
    }
    classes.sort_unstable();
    classes.dedup();
    classes
}

/// An IPv4 address, or the /64 network of an IPv6 one.
pub(crate) fn address(address: IpAddr) -> String {
    match plain(address) {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            let network = Ipv6Net::new(ip, 64).expect("64 is at most 128");
            network.trunc().to_string()
        }
    }
}

/// The /24 of an IPv4 address, the /48 of an IPv6 one.
pub(super) fn block(address: IpAddr) -> String {
    match plain(address) {
        IpAddr::V4(ip) => {
            let network = Ipv4Net::new(ip, 24).expect("24 is at most 32");
            network.trunc().to_string()
        }
        IpAddr::V6(ip) => {
            let network = Ipv6Net::new(ip, 48).expect("48 is at most 128");
            network.trunc().to_string()
        }
    }
}
