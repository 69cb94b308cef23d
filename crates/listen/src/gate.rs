//! Who is connected: counts in all and per address, and the bell that tells every connection that
//! the station stops. Locked when a connection comes, is named by a proxy, or goes; never per request.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::task::AtomicWaker;

use crate::limits::Limits;

/// The gate of a station, for all of its listeners.
pub struct Gate {
    state: Mutex<State>,
    connections: usize,
    per_address: usize,
    bodies: AtomicUsize,
    bodies_limit: usize,
}

#[derive(Default)]
struct State {
    next: u64,
    bells: HashMap<u64, Arc<Bell>>,
    addresses: HashMap<IpAddr, usize>,
    stopping: bool,
}

/// Tells one connection that the station stops.
#[derive(Default)]
pub(crate) struct Bell {
    rung: AtomicBool,
    waker: AtomicWaker,
}

impl Bell {
    /// Whether the station stops; if not, the task is woken when it does.
    pub(crate) fn poll(&self, waker: &std::task::Waker) -> bool {
        self.waker.register(waker);
        self.rung.load(Ordering::Acquire)
    }

    /// Whether the station stops.
    pub(crate) fn rung(&self) -> bool {
        self.rung.load(Ordering::Acquire)
    }

    fn ring(&self) {
        self.rung.store(true, Ordering::Release);
        self.waker.wake();
    }
}

/// A place in the gate; given back when dropped.
pub(crate) struct Pass {
    gate: Arc<Gate>,
    key: u64,
    address: Option<IpAddr>,
    pub(crate) bell: Arc<Bell>,
}

impl Gate {
    /// A gate with these limits.
    #[must_use]
    pub fn of(limits: &Limits) -> Arc<Self> {
        Self::new(
            limits.connections,
            limits.connections_per_address,
            limits.body_bytes_total,
        )
    }

    pub(crate) fn new(connections: usize, per_address: usize, bodies_limit: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            connections,
            per_address,
            bodies: AtomicUsize::new(0),
            bodies_limit,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a connection in, unless there are too many. A proxy's connections count by the address
    /// it names, later ([`Pass::name`]).
    pub(crate) fn enter(self: &Arc<Self>, peer: Option<IpAddr>) -> Option<Pass> {
        let mut state = self.lock();
        if state.bells.len() >= self.connections {
            return None;
        }
        if let Some(peer) = peer {
            self.count(&mut state, peer)?;
        }
        let key = state.next;
        state.next += 1;
        let bell = Arc::new(Bell::default());
        if state.stopping {
            bell.ring();
        }
        state.bells.insert(key, Arc::clone(&bell));
        Some(Pass {
            gate: Arc::clone(self),
            key,
            address: peer,
            bell,
        })
    }

    fn count(&self, state: &mut State, address: IpAddr) -> Option<()> {
        let count = state.addresses.entry(network(address)).or_insert(0);
        if *count >= self.per_address {
            return None;
        }
        *count += 1;
        Some(())
    }

    /// Tells every connection, and those still to come, that the station stops.
    pub(crate) fn ring(&self) {
        let bells: Vec<_> = {
            let mut state = self.lock();
            state.stopping = true;
            state.bells.values().cloned().collect()
        };
        for bell in bells {
            bell.ring();
        }
    }

    /// Takes room for `size` bytes of a body; `false` if there is none.
    pub(crate) fn take(&self, size: usize) -> bool {
        let before = self.bodies.fetch_add(size, Ordering::Relaxed);
        if before.saturating_add(size) <= self.bodies_limit {
            return true;
        }
        self.give(size);
        false
    }

    /// Gives room for a body back.
    pub(crate) fn give(&self, size: usize) {
        self.bodies.fetch_sub(size, Ordering::Relaxed);
    }
}

impl Pass {
    /// Counts the connection under the address a proxy vouches for; `false` if that has too many.
    pub(crate) fn name(&mut self, address: IpAddr) -> bool {
        if self.address.is_some() {
            return true;
        }
        let mut state = self.gate.lock();
        if self.gate.count(&mut state, address).is_none() {
            return false;
        }
        drop(state);
        self.address = Some(address);
        true
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut state = self.gate.lock();
        state.bells.remove(&self.key);
        if let Some(address) = self.address.map(network)
            && let Some(count) = state.addresses.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                state.addresses.remove(&address);
            }
        }
    }
}

/// What counts as one address: an IPv4 address, or the /64 an IPv6 customer has at the least.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let bits = u128::from(address) >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from(bits))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_per_address_and_in_all() {
        let gate = Gate::new(3, 2, 10);
        let one: IpAddr = "192.0.2.1".parse().unwrap();
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        let first = gate.enter(Some(one)).unwrap();
        let _second = gate.enter(Some(mapped)).unwrap();
        assert!(gate.enter(Some(one)).is_none());
        drop(first);
        let _again = gate.enter(Some(one)).unwrap();
        let mut proxied = gate.enter(None).unwrap();
        assert!(gate.enter(None).is_none());
        assert!(!proxied.name(one));
        assert!(proxied.name("2001:db8::1".parse().unwrap()));
        assert!(gate.take(10));
        assert!(!gate.take(1));
        gate.give(10);
        assert!(gate.take(1));
    }
}
