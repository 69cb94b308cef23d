//! Who is connected: bounds in all and per address, and the bell that tells a connection that the station stops
//! or that its place is needed. Locked when a connection comes, is named by a proxy, or goes; never per request.
//!
//! Nobody is refused: a newcomer takes the place of whoever has said nothing for longest, first among those from
//! its own address. Those who never said anything go before those who did, and those who were let in go last;
//! what a peer cannot tell from its answers makes no difference. What was read of a connection is searched and
//! recorded before it ends. Where memory for what peers send runs out, whoever holds most of it leaves.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;
use tokio::sync::Notify;

use crate::limits::Limits;

/// So many of those shown out may still be leaving before newcomers wait for them: one of this many that
/// are connected, and a few.
const LEAVING: usize = 16;
const LEAVING_LEAST: usize = 64;
/// For want of descriptors one of so many connections is shown out, and a few at the least.
const STARVED: usize = 16;
const STARVED_LEAST: usize = 8;
/// So long after the last want of descriptors one more of `STARVED` may be connected.
const WIDEN: Duration = Duration::from_secs(5);

/// The gate of a station, for all of its listeners.
pub struct Gate {
    state: Mutex<State>,
    connections: usize,
    per_address: usize,
    bodies: AtomicUsize,
    bodies_limit: usize,
    /// When it was last looked who holds most, in milliseconds since `born`.
    squeezed: AtomicU64,
    born: Instant,
    /// Somebody who was shown out has left.
    left: Notify,
    shown_out: AtomicU64,
    starved: AtomicU64,
}

#[derive(Default)]
struct State {
    next: u64,
    guests: HashMap<u64, Guest>,
    /// All who may be shown out, the first of them first.
    order: BTreeSet<Seat>,
    addresses: HashMap<IpAddr, Neighbours>,
    leaving: usize,
    /// How many may be connected for want of descriptors, and since when.
    narrow: Option<(usize, Instant)>,
    stopping: bool,
}

/// Those from one address.
#[derive(Default)]
struct Neighbours {
    order: BTreeSet<Seat>,
}

struct Guest {
    bell: Arc<Bell>,
    address: Option<IpAddr>,
    /// `None` once it is shown out.
    seat: Option<Seat>,
}

/// A place in the order in which guests are shown out. It may be out of date, but only to the guest's
/// disadvantage: it is looked at again before that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Seat {
    standing: Standing,
    /// When it was last heard, in milliseconds since the gate was made.
    heard: u64,
    key: u64,
}

/// What a guest has shown of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    /// It has sent nothing whole.
    Silent,
    Heard,
    /// It was let in, and knows.
    Admitted,
}

/// Tells one connection that it is to end, and is told by it what its peer does.
pub(crate) struct Bell {
    call: AtomicU8,
    standing: AtomicU8,
    heard: AtomicU64,
    /// Bytes that it holds of what all may hold.
    held: AtomicUsize,
    born: Instant,
    waker: AtomicWaker,
}

/// Calls of a bell.
const QUIET: u8 = 0;
const STOP: u8 = 1;
const LEAVE: u8 = 2;

impl Default for Bell {
    fn default() -> Self {
        Self::new(Instant::now())
    }
}

impl Bell {
    fn new(born: Instant) -> Self {
        Self {
            call: AtomicU8::new(QUIET),
            standing: AtomicU8::new(0),
            heard: AtomicU64::new(millis(born)),
            held: AtomicUsize::new(0),
            born,
            waker: AtomicWaker::new(),
        }
    }

    /// Whether the connection is to end; if not, the task is woken when it is.
    pub(crate) fn poll(&self, waker: &Waker) -> bool {
        self.waker.register(waker);
        self.rung()
    }

    /// Whether the connection is to end.
    pub(crate) fn rung(&self) -> bool {
        self.call.load(Ordering::Acquire) != QUIET
    }

    /// Whether it is to end at once: its place is another's.
    pub(crate) fn shown_out(&self) -> bool {
        self.call.load(Ordering::Acquire) == LEAVE
    }

    /// Resolves when its place is another's.
    pub(crate) async fn leave(&self) {
        std::future::poll_fn(|cx| {
            self.waker.register(cx.waker());
            if self.shown_out() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    /// Its peer has said something whole.
    pub(crate) fn hear(&self) {
        self.heard.store(millis(self.born), Ordering::Relaxed);
        self.standing.fetch_max(1, Ordering::Relaxed);
    }

    /// Its peer was let in, and can tell.
    pub(crate) fn admit(&self) {
        self.hear();
        self.standing.store(2, Ordering::Relaxed);
    }

    fn ring(&self, call: u8) {
        self.call.fetch_max(call, Ordering::AcqRel);
        self.waker.wake();
    }

    fn seat(&self, key: u64) -> Seat {
        let standing = match self.standing.load(Ordering::Relaxed) {
            0 => Standing::Silent,
            1 => Standing::Heard,
            _ => Standing::Admitted,
        };
        Seat {
            standing,
            heard: self.heard.load(Ordering::Relaxed),
            key,
        }
    }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// A place in the gate; given back when dropped.
pub(crate) struct Pass {
    gate: Arc<Gate>,
    key: u64,
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
            connections: connections.max(1),
            per_address: per_address.max(1),
            bodies: AtomicUsize::new(0),
            bodies_limit,
            squeezed: AtomicU64::new(0),
            born: Instant::now(),
            left: Notify::new(),
            shown_out: AtomicU64::new(0),
            starved: AtomicU64::new(0),
        })
    }

    /// How many are connected.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().guests.len()
    }

    /// How many may be.
    #[must_use]
    pub const fn most(&self) -> usize {
        self.connections
    }

    /// How many had to leave for others since the start.
    #[must_use]
    pub fn shown_out(&self) -> u64 {
        self.shown_out.load(Ordering::Relaxed)
    }

    /// How often descriptors ran out since the start.
    #[must_use]
    pub fn starved(&self) -> u64 {
        self.starved.load(Ordering::Relaxed)
    }

    /// Bytes of requests that are held now.
    #[must_use]
    pub fn held(&self) -> usize {
        self.bodies.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a connection in; who has to leave for it is told. A proxy's connections count by the address it
    /// names, later ([`Pass::name`]).
    pub(crate) fn enter(self: &Arc<Self>, peer: Option<IpAddr>) -> Pass {
        let mut state = self.lock();
        let key = state.next;
        state.next += 1;
        let bell = Arc::new(Bell::new(self.born));
        if state.stopping {
            bell.ring(STOP);
        }
        let guest = Guest {
            bell: Arc::clone(&bell),
            address: peer.map(network),
            seat: None,
        };
        if let Some(peer) = peer {
            self.room_among(&mut state, network(peer));
        }
        let most = self.most_now(&mut state);
        // Those who are leaving have no place any more.
        while state.guests.len() - state.leaving >= most {
            if !self.show_out(&mut state, None) {
                break;
            }
        }
        state.guests.insert(key, guest);
        state.sit(key);
        drop(state);
        Pass {
            gate: Arc::clone(self),
            key,
            bell,
        }
    }

    /// If there are too many from one address, one of them leaves.
    fn room_among(&self, state: &mut State, address: IpAddr) {
        let many = |state: &State| {
            let there = state.addresses.get(&address);
            there.is_some_and(|there| there.order.len() >= self.per_address)
        };
        while many(state) && self.show_out(state, Some(address)) {}
    }

    /// Shows out who is first in the order, of all or of those from one address.
    fn show_out(&self, state: &mut State, address: Option<IpAddr>) -> bool {
        loop {
            let first = match address {
                None => state.order.first(),
                Some(address) => {
                    let there = state.addresses.get(&address);
                    there.and_then(|there| there.order.first())
                }
            };
            let Some(seat) = first.copied() else {
                return false;
            };
            let Some(guest) = state.guests.get(&seat.key) else {
                return false;
            };
            if guest.bell.seat(seat.key) > seat {
                // It was heard meanwhile.
                state.stand(seat.key);
                state.sit(seat.key);
                continue;
            }
            self.dismiss(state, seat.key);
            return true;
        }
    }

    fn dismiss(&self, state: &mut State, key: u64) {
        state.stand(key);
        if let Some(guest) = state.guests.get(&key) {
            guest.bell.ring(LEAVE);
            state.leaving += 1;
            self.shown_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Descriptors have run out: shows some out, and lets fewer in for a while.
    pub(crate) fn starve(&self) {
        self.starved.fetch_add(1, Ordering::Relaxed);
        let mut state = self.lock();
        let here = state.guests.len() - state.leaving;
        let fewer = (here / STARVED).max(STARVED_LEAST);
        for _ in 0..fewer {
            if !self.show_out(&mut state, None) {
                break;
            }
        }
        state.narrow = Some((here.saturating_sub(fewer).max(1), Instant::now()));
    }

    /// How many may be connected now.
    fn most_now(&self, state: &mut State) -> usize {
        let Some((most, since)) = &mut state.narrow else {
            return self.connections;
        };
        if since.elapsed() >= WIDEN {
            *most += (*most / STARVED).max(STARVED_LEAST);
            *since = Instant::now();
        }
        let most = *most;
        if most >= self.connections {
            state.narrow = None;
        }
        most.min(self.connections)
    }

    /// Waits while too many of those shown out have not left yet.
    pub(crate) async fn relieved(&self) {
        loop {
            let left = self.left.notified();
            let mut left = std::pin::pin!(left);
            left.as_mut().enable();
            {
                let state = self.lock();
                if state.leaving <= LEAVING_LEAST.max(state.guests.len() / LEAVING) {
                    return;
                }
            }
            left.await;
        }
    }

    /// Tells every connection, and those still to come, that the station stops.
    pub(crate) fn ring(&self) {
        let bells: Vec<_> = {
            let mut state = self.lock();
            state.stopping = true;
            let guests = state.guests.values();
            guests.map(|guest| Arc::clone(&guest.bell)).collect()
        };
        for bell in bells {
            bell.ring(STOP);
        }
    }

    /// Room for what a connection holds, to be given back when dropped.
    pub(crate) fn hold(self: &Arc<Self>, bell: &Arc<Bell>) -> Hold {
        Hold {
            gate: Arc::clone(self),
            bell: Arc::clone(bell),
            size: 0,
        }
    }

    /// Takes room for `size` bytes more of what a guest has sent; `false` if there is none.
    pub(crate) fn take(&self, bell: &Bell, size: usize) -> bool {
        let held = self.bodies.fetch_add(size, Ordering::Relaxed);
        bell.held.fetch_add(size, Ordering::Relaxed);
        let held = held.saturating_add(size);
        if held <= self.bodies_limit || self.squeeze(bell, held) {
            return true;
        }
        self.give(bell, size);
        false
    }

    /// There is no more room: whoever holds most has to leave, unless that is who asks. As it leaves only
    /// soon, a little more than there is may be taken meanwhile.
    fn squeeze(&self, bell: &Bell, held: usize) -> bool {
        if held > self.bodies_limit + self.bodies_limit / 4 {
            return false;
        }
        let now = millis(self.born);
        if self.squeezed.swap(now, Ordering::Relaxed) == now {
            // All of them are looked at: not more often than every millisecond.
            return held <= self.bodies_limit + self.bodies_limit / 8;
        }
        let own = bell.held.load(Ordering::Relaxed);
        let mut state = self.lock();
        let seated = state
            .guests
            .iter()
            .filter(|(_, guest)| guest.seat.is_some());
        let most = seated
            .map(|(key, guest)| {
                let seat = guest.bell.seat(*key);
                let stranger = seat.standing < Standing::Admitted;
                (stranger, guest.bell.held.load(Ordering::Relaxed), *key)
            })
            .max();
        match most {
            Some((_, most, key)) if most > own => {
                self.dismiss(&mut state, key);
                true
            }
            _ => false,
        }
    }

    /// Gives room back.
    pub(crate) fn give(&self, bell: &Bell, size: usize) {
        self.bodies.fetch_sub(size, Ordering::Relaxed);
        bell.held.fetch_sub(size, Ordering::Relaxed);
    }
}

/// Room for bytes that are held.
pub(crate) struct Hold {
    gate: Arc<Gate>,
    bell: Arc<Bell>,
    size: usize,
}

impl Hold {
    /// From now on it is for so many bytes; `false`, and as before, if there is no room for more.
    pub(crate) fn of(&mut self, size: usize) -> bool {
        if size > self.size && !self.gate.take(&self.bell, size - self.size) {
            return false;
        }
        self.gate.give(&self.bell, self.size.saturating_sub(size));
        self.size = size;
        true
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.gate.give(&self.bell, self.size);
    }
}

impl State {
    /// Gives a guest its place in the order.
    fn sit(&mut self, key: u64) {
        let Some(guest) = self.guests.get_mut(&key) else {
            return;
        };
        let seat = guest.bell.seat(key);
        guest.seat = Some(seat);
        self.order.insert(seat);
        if let Some(address) = guest.address {
            self.addresses
                .entry(address)
                .or_default()
                .order
                .insert(seat);
        }
    }

    /// Takes a guest out of the order.
    fn stand(&mut self, key: u64) {
        let Some(guest) = self.guests.get_mut(&key) else {
            return;
        };
        let Some(seat) = guest.seat.take() else {
            return;
        };
        self.order.remove(&seat);
        let Some(address) = guest.address else {
            return;
        };
        if let Some(there) = self.addresses.get_mut(&address) {
            there.order.remove(&seat);
            if there.order.is_empty() {
                self.addresses.remove(&address);
            }
        }
    }
}

impl Pass {
    /// Counts the connection under the address a proxy vouches for.
    pub(crate) fn name(&self, address: IpAddr) {
        let mut state = self.gate.lock();
        let seated = state.guests.get(&self.key);
        if !seated.is_some_and(|guest| guest.seat.is_some() && guest.address.is_none()) {
            return;
        }
        state.stand(self.key);
        let address = network(address);
        self.gate.room_among(&mut state, address);
        if let Some(guest) = state.guests.get_mut(&self.key) {
            guest.address = Some(address);
        }
        state.sit(self.key);
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut state = self.gate.lock();
        state.stand(self.key);
        let gone = state.guests.remove(&self.key);
        if gone.is_some() && self.bell.shown_out() {
            state.leaving = state.leaving.saturating_sub(1);
            drop(state);
            self.gate.left.notify_waiters();
        }
    }
}

/// What counts as one address: an IPv4 address, or the /64 an IPv6 customer has at the least.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
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

    fn out(passes: &[&Pass]) -> Vec<bool> {
        passes.iter().map(|pass| pass.bell.shown_out()).collect()
    }

    #[test]
    fn a_newcomer_takes_the_place_of_its_own_first() {
        let gate = Gate::new(3, 2, 10);
        let one: IpAddr = "192.0.2.1".parse().unwrap();
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        let other = gate.enter(Some("192.0.2.9".parse().unwrap()));
        let first = gate.enter(Some(one));
        let second = gate.enter(Some(mapped));
        assert_eq!(out(&[&other, &first, &second]), [false; 3]);
        let third = gate.enter(Some(one));
        assert_eq!(
            out(&[&other, &first, &second, &third]),
            [false, true, false, false]
        );
        drop((other, first));
        assert_eq!((gate.count(), gate.shown_out()), (2, 1));
        let proxied = gate.enter(None);
        proxied.name(one);
        assert_eq!(out(&[&second, &third, &proxied]), [true, false, false]);
        drop(second);
        let far = gate.enter(Some("2001:db8::1".parse().unwrap()));
        assert_eq!(out(&[&third, &proxied, &far]), [false; 3]);
    }

    #[test]
    fn the_silent_go_first_and_those_let_in_last() {
        let gate = Gate::new(3, 9, 10);
        let [admitted, heard, silent] = [1, 2, 3].map(|_| gate.enter(None));
        admitted.bell.admit();
        heard.bell.hear();
        let fresh = gate.enter(None);
        assert_eq!(
            out(&[&admitted, &heard, &silent, &fresh]),
            [false, false, true, false]
        );
        fresh.bell.hear();
        let more = gate.enter(None);
        more.bell.hear();
        assert!(heard.bell.shown_out());
        let last = gate.enter(None);
        last.bell.hear();
        assert_eq!(
            out(&[&admitted, &fresh, &more, &last]),
            [false, true, false, false]
        );
        // Whoever is first, somebody always is.
        more.bell.admit();
        last.bell.admit();
        let one_more = gate.enter(None);
        assert_eq!(
            out(&[&admitted, &more, &last, &one_more]),
            [true, false, false, false]
        );
    }

    #[tokio::test]
    async fn newcomers_wait_for_those_who_leave() {
        let gate = Gate::new(10, 1000, 10);
        let mut all: Vec<_> = (0..10 + LEAVING_LEAST).map(|_| gate.enter(None)).collect();
        gate.relieved().await;
        all.push(gate.enter(None));
        let waits = tokio::time::timeout(Duration::from_millis(20), gate.relieved());
        assert!(waits.await.is_err());
        all.retain(|pass| !pass.bell.shown_out());
        gate.relieved().await;
        assert_eq!(all.len(), 10);
    }

    #[test]
    fn want_of_descriptors_lets_fewer_in() {
        let gate = Gate::new(100, 1000, 10);
        let mut all: Vec<_> = (0..40).map(|_| gate.enter(None)).collect();
        gate.starve();
        all.retain(|pass| !pass.bell.shown_out());
        assert_eq!((all.len(), gate.starved()), (32, 1));
        all.push(gate.enter(None));
        all.retain(|pass| !pass.bell.shown_out());
        assert_eq!(all.len(), 32);
    }

    #[test]
    fn bodies_are_counted() {
        let (gate, bell) = (Gate::new(1, 1, 10), Arc::<Bell>::default());
        assert!(gate.take(&bell, 10));
        // More than may be taken over the bound while somebody leaves.
        assert!(!gate.take(&bell, 2));
        gate.give(&bell, 10);
        let mut hold = gate.hold(&bell);
        assert!(hold.of(8) && hold.of(2) && gate.take(&bell, 8));
        assert!(!hold.of(4) && hold.of(1) && hold.of(2));
        drop(hold);
        assert_eq!(gate.held(), 8);
    }

    #[test]
    fn whoever_holds_most_makes_room() {
        let gate = Gate::new(9, 9, 100);
        let [large, larger, small] = [1, 2, 3].map(|_| gate.enter(None));
        assert!(gate.take(&large.bell, 40) && gate.take(&larger.bell, 55));
        // Not in the millisecond in which the gate was made.
        std::thread::sleep(Duration::from_millis(2));
        assert!(!gate.take(&larger.bell, 10));
        std::thread::sleep(Duration::from_millis(2));
        assert!(gate.take(&small.bell, 10));
        assert_eq!(out(&[&large, &larger, &small]), [false, true, false]);
        assert_eq!(gate.held(), 105);
    }
}
