//! IPv6 networks that databases hold, to draw addresses from: of all addresses of IPv6 next to none is in use, so an
//! address drawn evenly says nothing. Every network is as likely as any other, however large.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::LazyLock;

use ipnet::Ipv6Net;

use super::{Database, Geography};

/// Where public addresses are handed out, without protocols' own networks (2001::/23) and those below which files
/// repeat the tree of IPv4 (Teredo among the former, and 6to4, 2002::/16).
pub(super) const PUBLIC: &[&str] = &[
    "2001:200::/23",
    "2001:400::/22",
    "2001:800::/21",
    "2001:1000::/20",
    "2001:2000::/19",
    "2001:4000::/18",
    "2001:8000::/17",
    "2003::/16",
    "2004::/14",
    "2008::/13",
    "2010::/12",
    "2020::/11",
    "2040::/10",
    "2080::/9",
    "2100::/8",
    "2200::/7",
    "2400::/6",
    "2800::/5",
    "3000::/4",
];
/// Branches of a tree that are walked at most: a damaged one can have more than anybody could.
pub(super) const MOST: usize = 4_000_000;
/// Networks drawn for one that is announced, at most.
const SPARE: usize = 4;

/// Addresses drawn from networks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Announced {
    /// An address in each network that was drawn.
    pub addresses: Vec<IpAddr>,
    /// How many networks they were drawn from.
    pub networks: u64,
    /// The databases that hold these, by name and date.
    pub databases: Vec<String>,
}

impl Geography {
    /// So many addresses at most, each once, in networks of IPv6 of which a source knows the AS number: from each
    /// database that gives such numbers equally many. `draw` gives random bits.
    #[must_use]
    pub fn announced(&self, count: usize, draw: &mut dyn FnMut() -> u64) -> Announced {
        let mut found = Announced::default();
        let mut drawn: BTreeSet<IpAddr> = BTreeSet::new();
        let databases = self.numbering();
        let share = count.div_ceil(databases.len().max(1));
        for (label, database) in databases {
            let mut sample = Sample::new(SPARE * share);
            match database {
                None => self.embedded.networks(&mut |it| sample.add(it, draw)),
                Some(file) => file.networks(&mut |it| sample.add(it, draw)),
            }
            found.networks += sample.seen;
            let addresses = sample.shuffled(draw).into_iter().map(|it| within(it, draw));
            let announced = addresses.filter(|address| self.lookup(*address).asn.is_some());
            drawn.extend(announced.take(share));
            found.databases.push(label);
        }
        found.addresses = drawn.into_iter().take(count).collect();
        found
    }

    /// The databases that give AS numbers for IPv6, each once; `None`: the embedded one.
    fn numbering(&self) -> Vec<(String, Option<&Database>)> {
        let first_file = self.sources.len() - self.files.len();
        let (embedded, files) = self.sources.split_at(first_file);
        let has = |list: &[String], word: &str| list.iter().any(|it| it == word);
        let embedded = embedded.iter().find(|source| has(&source.fields, "asn"));
        let embedded = embedded.map(|source| (source.label(), None));
        let files = { files.iter().zip(&self.files) }
            .filter(|(source, _)| has(&source.fields, "asn") && has(&source.families, "IPv6"))
            .map(|(source, file)| (source.label(), Some(file)));
        embedded.into_iter().chain(files).collect()
    }
}

/// So many of all that come, each as likely as any other (Vitter's algorithm R).
struct Sample {
    most: usize,
    seen: u64,
    kept: Vec<Ipv6Net>,
}

impl Sample {
    const fn new(most: usize) -> Self {
        Self {
            most,
            seen: 0,
            kept: Vec::new(),
        }
    }

    fn add(&mut self, network: Ipv6Net, draw: &mut dyn FnMut() -> u64) {
        self.seen += 1;
        if self.kept.len() < self.most {
            self.kept.push(network);
            return;
        }
        let at = below(self.seen, draw);
        if let Some(place) = { usize::try_from(at).ok() }.and_then(|at| self.kept.get_mut(at)) {
            *place = network;
        }
    }

    fn shuffled(mut self, draw: &mut dyn FnMut() -> u64) -> Vec<Ipv6Net> {
        for at in (1..self.kept.len()).rev() {
            let other = below(at as u64 + 1, draw) as usize;
            self.kept.swap(at, other);
        }
        self.kept
    }
}

/// A number below `end`, all but evenly.
fn below(end: u64, draw: &mut dyn FnMut() -> u64) -> u64 {
    ((u128::from(draw()) * u128::from(end)) >> 64) as u64
}

/// An address in a network.
fn within(network: Ipv6Net, draw: &mut dyn FnMut() -> u64) -> IpAddr {
    let random = (u128::from(draw()) << 64) | u128::from(draw());
    let host = network.hostmask().to_bits();
    Ipv6Addr::from_bits(network.network().to_bits() | (random & host)).into()
}

/// Whether a network lies in what is public.
pub(super) fn is_public(network: Ipv6Net) -> bool {
    public().any(|public| public.contains(&network))
}

/// Whether something public may lie below a network.
pub(super) fn leads_to_public(network: Ipv6Net) -> bool {
    public().any(|public| public.contains(&network) || network.contains(&public))
}

fn public() -> impl Iterator<Item = Ipv6Net> {
    static NETWORKS: LazyLock<Vec<Ipv6Net>> = LazyLock::new(|| {
        let networks = PUBLIC.iter().map(|text| text.parse());
        networks.map(|net| net.expect("a network")).collect()
    });
    NETWORKS.iter().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Random bits that are the same each time.
    fn bits(mut seed: u64) -> impl FnMut() -> u64 {
        move || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            seed ^ (seed >> 29)
        }
    }

    #[test]
    fn public_networks_are_all_but_those_of_protocols() {
        let covers = |text: &str| is_public(text.parse().unwrap());
        for text in [
            "2001:200::/32",
            "2003::/18",
            "2606:4700::/32",
            "2a00::/12",
            "3fff:fff0::/28",
        ] {
            assert!(covers(text), "{text}");
        }
        for text in [
            "2001::/32",
            "2001:1::/48",
            "2002:102::/32",
            "fc00::/7",
            "::/8",
            "2000::/3",
        ] {
            assert!(!covers(text), "{text}");
        }
        assert!(leads_to_public("2000::/3".parse().unwrap()));
        assert!(!leads_to_public("2002::/16".parse().unwrap()));
        let all: u128 = public().map(|it| 1_u128 << (125 - it.prefix_len())).sum();
        // 2000::/3 without 2000::/16, 2001::/23 and 2002::/16
        assert_eq!(all, (1 << 122) - (2 << 109) - (1 << 102));
    }

    #[test]
    fn what_is_drawn_is_announced_and_the_same_for_the_same_seed() {
        let geography = Geography::embedded().unwrap();
        let drawn = geography.announced(60, &mut bits(7));
        assert_eq!(drawn, geography.announced(60, &mut bits(7)));
        let other = geography.announced(60, &mut bits(8));
        assert_ne!(drawn.addresses, other.addresses);
        assert_eq!(drawn.addresses.len(), 60);
        assert!(drawn.networks > 10_000, "{}", drawn.networks);
        assert_eq!(drawn.databases.len(), 1);
        for address in drawn.addresses {
            assert!(address.is_ipv6() && geography.lookup(address).asn.is_some());
        }
    }

    #[test]
    fn every_network_is_as_likely() {
        let mut draw = bits(3);
        let mut count = [0_u32; 50];
        for _ in 0..2000 {
            let mut sample = Sample::new(5);
            for number in 0..50_u128 {
                let address = Ipv6Addr::from_bits(number << 64);
                sample.add(Ipv6Net::new(address, 64).unwrap(), &mut draw);
            }
            for network in sample.shuffled(&mut draw).iter().take(2) {
                count[(network.network().to_bits() >> 64) as usize] += 1;
            }
        }
        // 80 each
        assert!(
            count.iter().all(|count| (40..130).contains(count)),
            "{count:?}"
        );
    }
}
