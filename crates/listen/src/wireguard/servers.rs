//! Whose server a message is for. A configuration has a server key of its own, and a message does not say which it
//! means: each must be tried, at the price of a hash. What that may cost is bounded, for one address and for all.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use data_encoding::BASE64;
use lapwing_catalog::Catalog;
use tokio::time::Instant;

use super::noise::Server;
use crate::station::{Mark, Recogniser};

/// Servers that were asked lately are tried first, whatever else there is to try.
const LATELY: usize = 32;
/// Hashes for all addresses together in a second, and at once.
const HASHES: Rate = Rate {
    a_second: 400_000,
    at_once: 800_000,
};
/// Messages of one address in a second, and at once.
const MESSAGES: Rate = Rate {
    a_second: 20,
    at_once: 60,
};
/// Addresses that are counted.
const ADDRESSES: usize = 8192;

/// The servers that canaries bring.
pub(super) struct Servers {
    /// Kinds, and which of their fields the private key of the server is.
    kinds: Vec<(String, String)>,
    all: Vec<Entry>,
    /// How far the canaries are read.
    mark: Mark,
    lately: VecDeque<usize>,
    /// Where the next search begins that cannot try all.
    next: usize,
    hashes: Bucket,
    addresses: HashMap<IpAddr, Bucket>,
}

/// A server, and what it remembers of its client.
pub(super) struct Entry {
    pub(super) server: Server,
    /// The time that the client gave last, and when that came.
    pub(super) stamp: [u8; 12],
    pub(super) last: Option<Instant>,
    /// Our names for its sessions, oldest first.
    pub(super) sessions: VecDeque<u32>,
}

impl Servers {
    pub(super) fn new(catalog: &Catalog, protocol: &str) -> Self {
        let kinds = catalog.kinds().filter_map(|kind| {
            let login = kind.login.as_ref()?;
            let here = login.protocols.iter().any(|name| name == protocol);
            Some((kind.id.clone(), login.server_key.clone().filter(|_| here)?))
        });
        let now = Instant::now();
        Self {
            kinds: kinds.collect(),
            all: Vec::new(),
            mark: Mark::default(),
            lately: VecDeque::new(),
            next: 0,
            hashes: Bucket::new(HASHES, now),
            addresses: HashMap::new(),
        }
    }

    /// Takes in what was minted since, a bounded part of it; whether there may be more.
    pub(super) fn follow(&mut self, recogniser: &dyn Recogniser) -> bool {
        let Self {
            kinds, all, mark, ..
        } = self;
        let before = *mark;
        *mark = recogniser.browse(before, &mut |canary| {
            let field = kinds.iter().find(|(kind, _)| *kind == canary.kind);
            let private = field.and_then(|(_, field)| canary.fields.get(field));
            let private = private.and_then(|it| BASE64.decode(it.as_bytes()).ok());
            let Some(private) = private.and_then(|it| it.try_into().ok()) else {
                return;
            };
            all.push(Entry {
                server: Server::new(private),
                stamp: [0; 12],
                last: None,
                sessions: VecDeque::new(),
            });
        });
        *mark != before
    }

    pub(super) fn get(&mut self, at: usize) -> &mut Entry {
        &mut self.all[at]
    }

    /// The server that a message is for, if it can be told at what may be spent on it.
    pub(super) fn find(&mut self, message: &[u8], from: IpAddr, now: Instant) -> Option<usize> {
        let asked = |all: &[Entry], at: usize| all[at].server.is_asked(message);
        let lately = self.lately.iter().copied();
        if let Some(at) = lately.clone().find(|at| asked(&self.all, *at)) {
            self.remember(at);
            return Some(at);
        }
        if !self.admits(from, now) {
            return None;
        }
        let all = self.all.len();
        let count = self.hashes.take_some(all as u64, HASHES, now);
        let count = usize::try_from(count).unwrap_or(all);
        let start = if count < all { self.next } else { 0 };
        for step in 0..count {
            let at = (start + step) % all;
            if asked(&self.all, at) {
                self.hashes.give((count - step - 1) as u64, HASHES);
                self.remember(at);
                return Some(at);
            }
        }
        self.next = (start + count).checked_rem(all).unwrap_or(0);
        None
    }

    fn remember(&mut self, at: usize) {
        self.lately.retain(|known| *known != at);
        self.lately.push_front(at);
        self.lately.truncate(LATELY);
    }

    /// Counts a message of an address; `false` if it has sent too many.
    fn admits(&mut self, from: IpAddr, now: Instant) -> bool {
        if self.addresses.len() >= ADDRESSES && !self.addresses.contains_key(&from) {
            self.addresses
                .retain(|_, bucket| !bucket.is_full(MESSAGES, now));
            if self.addresses.len() >= ADDRESSES {
                // What all together may cost still holds.
                self.addresses.clear();
            }
        }
        let bucket = self.addresses.entry(from);
        let bucket = bucket.or_insert_with(|| Bucket::new(MESSAGES, now));
        bucket.take_some(1, MESSAGES, now) == 1
    }
}

/// How often something may happen.
#[derive(Clone, Copy)]
struct Rate {
    a_second: u64,
    at_once: u64,
}

/// What is left of a rate.
struct Bucket {
    left: u64,
    filled: Instant,
}

impl Bucket {
    fn new(rate: Rate, now: Instant) -> Self {
        Self {
            left: rate.at_once,
            filled: now,
        }
    }

    fn fill(&mut self, rate: Rate, now: Instant) {
        let passed = now.saturating_duration_since(self.filled).as_micros();
        let passed = u64::try_from(passed).unwrap_or(u64::MAX);
        let more = passed.saturating_mul(rate.a_second) / 1_000_000;
        if more > 0 {
            self.filled = now;
            self.give(more, rate);
        }
    }

    fn give(&mut self, count: u64, rate: Rate) {
        self.left = self.left.saturating_add(count).min(rate.at_once);
    }

    /// Takes as many as there are, at most `count`.
    fn take_some(&mut self, count: u64, rate: Rate, now: Instant) -> u64 {
        self.fill(rate, now);
        let taken = self.left.min(count);
        self.left -= taken;
        taken
    }

    fn is_full(&mut self, rate: Rate, now: Instant) -> bool {
        self.fill(rate, now);
        self.left == rate.at_once
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use super::super::noise::{Key, client};
    use super::*;

    fn servers(count: usize) -> Servers {
        let mut servers = Servers::new(&Catalog::builtin().unwrap(), "wireguard");
        servers.all.extend((0..count).map(|_| Entry {
            server: Server::new(rand::random()),
            stamp: [0; 12],
            last: None,
            sessions: VecDeque::new(),
        }));
        servers
    }

    fn message(servers: &Servers, at: usize) -> Vec<u8> {
        let public = servers.all[at].server.public;
        let message = client::begin(rand::random(), &public, 1, [1; 12]).message;
        message.to_vec()
    }

    #[test]
    fn an_address_is_searched_for_so_often_and_what_is_known_is_found_all_the_same() {
        let mut servers = servers(40);
        let (from, now) = (IpAddr::V4(Ipv4Addr::LOCALHOST), Instant::now());
        let (first, last) = (message(&servers, 0), message(&servers, 39));
        assert_eq!(servers.find(&last, from, now), Some(39));
        for _ in 0..MESSAGES.at_once {
            servers.find(&[0; 148], from, now);
        }
        assert_eq!(servers.find(&first, from, now), None);
        assert_eq!(servers.find(&last, from, now), Some(39));
        let other = IpAddr::V4(Ipv4Addr::BROADCAST);
        assert_eq!(servers.find(&first, other, now), Some(0));
        let later = now + Duration::from_secs(1);
        assert_eq!(servers.find(&message(&servers, 1), from, later), Some(1));
    }

    /// With less to spend than there are servers, a search goes on where the last one ended.
    #[test]
    fn a_client_that_tries_again_is_found_whatever_else_comes() {
        let mut servers = servers(50);
        let now = Instant::now();
        let wanted = message(&servers, 45);
        let mut tries = 0..10_u8;
        let found = tries.find(|number| {
            servers.hashes = Bucket {
                left: 10,
                filled: now,
            };
            let from = IpAddr::V4(Ipv4Addr::new(192, 0, 2, *number));
            servers.find(&wanted, from, now) == Some(45)
        });
        assert_eq!(found, Some(4));
    }

    #[test]
    fn keys_are_read_from_canaries_as_they_come() {
        let kinds = servers(0).kinds;
        let wireguard = ("wireguard".to_owned(), "peer_private".to_owned());
        assert!(kinds.contains(&wireguard), "{kinds:?}");
        let private: Key = rand::random();
        assert!(Server::new(private).has(&private));
    }
}
