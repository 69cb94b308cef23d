//! Sessions: what came through a tunnel after its handshake. (<https://www.wireguard.com/papers/wireguard.pdf> sections
//! 5.4.6, 6.1 and 6.5)

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::inner::Flow;
use super::noise::{self, Keys};
use crate::station::Recognised;

/// Sessions at once; the oldest goes first.
const MOST: usize = 4096;
/// Sessions of one server at once: the one in use, the one before and the one to come.
pub(super) const MOST_OF_SERVER: usize = 3;
/// `Reject-After-Time`.
const LIFETIME: Duration = Duration::from_secs(180);
/// `Reject-After-Messages`.
const LAST_COUNTER: u64 = u64::MAX - (1 << 13);
/// Destinations of one session that are recorded as soon as they are seen.
const FLOWS: usize = 32;
/// Of those that come after, so many are told with the next summary.
const MORE_FLOWS: usize = 32;
/// Words of the window that tells what was received before.
const WINDOW: usize = 32;

/// Sessions by our name for them.
#[derive(Default)]
pub(super) struct Sessions {
    all: HashMap<u32, Box<Session>>,
    /// In the order they were made; those that are gone among them.
    order: VecDeque<u32>,
}

/// A session.
pub(super) struct Session {
    keys: Keys,
    born: Instant,
    counter: u64,
    window: Window,
    /// Where the last message came from.
    pub(super) peer: SocketAddr,
    /// Whose it is.
    pub(super) found: Vec<Recognised>,
    pub(super) kind: String,
    /// Whether anything was received: then the client has its key and its address.
    pub(super) confirmed: bool,
    flows: Vec<Flow>,
    pub(super) tally: Tally,
    /// Whether an empty message will be sent that says that data came, and whether another one after it.
    pub(super) due: bool,
    pub(super) another: bool,
}

/// What came since the last record.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) packets: u64,
    pub(super) bytes: u64,
    pub(super) flows: Vec<Flow>,
}

impl Sessions {
    /// Keeps a session under a name that is free.
    pub(super) fn put(&mut self, name: u32, session: Session) {
        self.all.insert(name, Box::new(session));
        self.order.push_back(name);
        while self.order.len() > MOST {
            if let Some(oldest) = self.order.pop_front() {
                self.all.remove(&oldest);
            }
        }
    }

    pub(super) fn drop(&mut self, name: u32) {
        self.all.remove(&name);
    }

    pub(super) fn has(&self, name: u32) -> bool {
        self.all.contains_key(&name)
    }

    /// The session of this name, unless its time is over.
    pub(super) fn get(&mut self, name: u32, now: Instant) -> Option<&mut Session> {
        let session = self.all.get_mut(&name)?;
        (now.saturating_duration_since(session.born) < LIFETIME).then_some(session)
    }
}

impl Session {
    pub(super) fn new(
        keys: Keys,
        found: Vec<Recognised>,
        kind: String,
        peer: SocketAddr,
        now: Instant,
    ) -> Self {
        Self {
            keys,
            born: now,
            counter: 0,
            window: Window::default(),
            peer,
            found,
            kind,
            confirmed: false,
            flows: Vec::new(),
            tally: Tally::default(),
            due: false,
            another: false,
        }
    }

    /// Opens a message. `None`: it is not the client's, or came before.
    pub(super) fn open(
        &mut self,
        counter: u64,
        sealed: &[u8],
        peer: SocketAddr,
    ) -> Option<Vec<u8>> {
        let plain = noise::open(&self.keys.receive, counter, &[], sealed)?;
        if !self.window.take(counter) {
            return None;
        }
        self.peer = peer;
        self.tally.packets += 1;
        self.tally.bytes += plain.len() as u64;
        Some(plain)
    }

    /// A message without data.
    pub(super) fn keep_alive(&mut self) -> Vec<u8> {
        let sealed = noise::seal(&self.keys.send, self.counter, &[], &[]);
        let mut message = Vec::with_capacity(32);
        message.extend([4, 0, 0, 0]);
        message.extend(self.keys.theirs);
        message.extend(self.counter.to_le_bytes());
        message.extend(sealed);
        self.counter += 1;
        message
    }

    /// Notes where a packet was to go; whether that is to be recorded at once.
    pub(super) fn is_news(&mut self, flow: Flow) -> bool {
        if self.flows.contains(&flow) {
            return false;
        }
        if self.flows.len() < FLOWS {
            self.flows.push(flow);
            return true;
        }
        if self.tally.flows.len() < MORE_FLOWS && !self.tally.flows.contains(&flow) {
            self.tally.flows.push(flow);
        }
        false
    }
}

/// Which messages were received (RFC 6479).
#[derive(Default)]
struct Window {
    /// One more than the highest.
    end: u64,
    bits: [u64; WINDOW],
}

impl Window {
    /// Counts a message; `false` if it was counted before, is too old to tell, or past the last.
    fn take(&mut self, counter: u64) -> bool {
        // One word is always being cleared.
        let reach = (WINDOW as u64 - 1) * 64;
        if counter >= LAST_COUNTER || counter.saturating_add(reach) < self.end {
            return false;
        }
        let word = counter / 64;
        let place = |word: u64| (word % WINDOW as u64) as usize;
        if counter >= self.end {
            let last = self.end.checked_sub(1).map_or(0, |last| last / 64);
            for stale in (last + 1..=word).take(WINDOW) {
                self.bits[place(stale)] = 0;
            }
            self.end = counter + 1;
        }
        let (bit, bits) = (1 << (counter % 64), &mut self.bits[place(word)]);
        let fresh = *bits & bit == 0;
        *bits |= bit;
        fresh
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Nothing is taken twice; within reach, everything is taken once.
        #[test]
        fn the_window_takes_each_message_once(steps in prop::collection::vec(-2500_i64..2500, 1..300)) {
            let (mut window, mut taken) = (Window::default(), HashSet::new());
            let (mut at, mut end) = (0_i64, 0_i64);
            for step in steps {
                at = (at + step).max(0);
                let counter = u64::try_from(at).unwrap();
                let reach = end - at <= 31 * 64;
                prop_assert_eq!(window.take(counter), reach && taken.insert(counter));
                if reach {
                    end = end.max(at + 1);
                }
            }
        }
    }

    #[test]
    fn the_window_ends() {
        let mut window = Window::default();
        assert!(window.take(0) && !window.take(0));
        assert!(window.take(LAST_COUNTER - 1) && !window.take(LAST_COUNTER));
        assert!(!window.take(0));
    }
}
