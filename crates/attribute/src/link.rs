//! Which trips look like one hand.
//!
//! A [`Linker`] is given a trip and what is known of earlier ones by their signals, and nothing else;
//! it answers with an actor, the evidence for it, and the signals to remember. So a better rule can
//! replace the first one without anything around it changing.

use std::net::IpAddr;

use ipnet::Ipv6Net;
use lapwing_core::{ActorId, Evidence, Grade, Timestamp, TripId};

use crate::facts::TripFacts;
use crate::lookup::{self, LOOKUP};
use crate::programs::Sort;
use crate::special::plain;
use crate::verdict::is_delivered;

/// Signal of a source address: an IPv4 address, or the /64 network of an IPv6 one.
const ADDRESS: &str = "address";
/// Signal of a client program: the fingerprint that the listener took.
const FINGERPRINT: &str = "fingerprint";

/// The newest trip with a certain signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The actor that trip was linked to.
    pub actor: ActorId,
    /// Which trip.
    pub trip: TripId,
    /// When it happened.
    pub time: Timestamp,
}

/// What is remembered of earlier trips. The caller stores, after each trip, every pair in
/// [`Linked::learn`] with that trip, its actor and its time.
pub trait Signals {
    /// The newest trip that taught this value of this signal.
    fn get(&self, signal: &str, value: &str) -> Option<Seen>;
}

/// What a linker makes of a trip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linked {
    /// Whose it is; named by this very trip if nobody's yet.
    pub actor: ActorId,
    /// Why, the strongest first; never empty.
    pub evidence: Vec<Evidence>,
    /// Signals (name, value) to remember of it.
    pub learn: Vec<(String, String)>,
}

/// A rule by which trips are linked into actors. Gives the same answer for the same trip and the
/// same memory.
pub trait Linker: Send + Sync {
    /// Links one trip. Trips come in the order of their journals.
    fn link(&self, facts: &TripFacts<'_>, known: &dyn Signals) -> Linked;
}

/// Links a trip to the newest one, within a window of time, from the same address or else by the
/// same program. Drills stay apart: each is an actor of its own, and teaches nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SameAddressOrProgram {
    /// How far apart two trips may be, in seconds.
    pub window_seconds: i64,
}

impl Default for SameAddressOrProgram {
    /// A day.
    fn default() -> Self {
        Self {
            window_seconds: 24 * 60 * 60,
        }
    }
}

impl Linker for SameAddressOrProgram {
    fn link(&self, facts: &TripFacts<'_>, known: &dyn Signals) -> Linked {
        if facts.drill {
            return alone(
                facts,
                "an announced drill, kept apart from all others",
                vec![],
            );
        }
        if lookup::echo_of(facts).is_some() {
            return alone(facts, "an echo of an earlier look-up, kept apart", vec![]);
        }
        let mut learn = Vec::new();
        if facts.trip.observed.knows_source() {
            learn.push((ADDRESS.to_owned(), address_value(facts)));
        }
        let fingerprint = &facts.trip.observed.fingerprint;
        if !fingerprint.is_empty() {
            learn.push((FINGERPRINT.to_owned(), fingerprint.clone()));
        }
        let mut matches = learn.iter().filter_map(|(signal, value)| {
            let seen = self.within(known.get(signal, value)?, facts)?;
            Some((signal.as_str(), value.as_str(), seen))
        });
        let mut matches = matches.by_ref().peekable();
        let address = matches.next_if(|(signal, ..)| *signal == ADDRESS);
        let use_of = lookup::same_use(facts).map(|seen| (LOOKUP, "", seen));
        let mut matches = address.into_iter().chain(use_of).chain(matches);
        let Some(first) = matches.next() else {
            let learn = [learn, lookup::learned(facts)].concat();
            return alone(facts, "no earlier trip from this address or program", learn);
        };
        let actor = first.2.actor;
        let evidence = std::iter::once(first)
            .chain(matches.filter(|(_, _, seen)| seen.actor == actor))
            .map(|(signal, value, seen)| match signal {
                ADDRESS => same_address(facts, value, seen),
                LOOKUP => same_use(facts, seen),
                _ => same_program(facts, seen),
            })
            .collect();
        learn.extend(lookup::learned(facts));
        Linked {
            actor,
            evidence,
            learn,
        }
    }
}

impl SameAddressOrProgram {
    fn within(&self, seen: Seen, facts: &TripFacts<'_>) -> Option<Seen> {
        // of several stations, one may be read ahead of another
        let apart = facts
            .trip
            .observed
            .time
            .micros()
            .abs_diff(seen.time.micros());
        let window = u64::try_from(self.window_seconds).ok()?;
        (apart <= window.saturating_mul(1_000_000)).then_some(seen)
    }
}

/// An actor of its own.
fn alone(facts: &TripFacts<'_>, detail: &str, learn: Vec<(String, String)>) -> Linked {
    Linked {
        actor: ActorId(facts.trip.id),
        evidence: vec![Evidence {
            signal: "first".to_owned(),
            detail: detail.to_owned(),
            to: None,
            grade: Grade::A1,
        }],
        learn,
    }
}

/// What addresses are compared by.
fn address_value(facts: &TripFacts<'_>) -> String {
    network(facts.trip.observed.source().ip())
}

/// An IPv4 address, or the /64 network of an IPv6 one.
pub(crate) fn network(address: IpAddr) -> String {
    match plain(address) {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => Ipv6Net::new(ip, 64)
            .expect("64 is at most 128")
            .trunc()
            .to_string(),
    }
}

fn same_address(facts: &TripFacts<'_>, value: &str, seen: Seen) -> Evidence {
    let what = if value.contains('/') {
        format!("same IPv6 network {value}, which is commonly one site")
    } else {
        format!("same address {value}")
    };
    let observed = &facts.trip.observed;
    let vouched = match (&observed.observer, observed.forwarded) {
        (Some(_), _) => ", as the operator's own application reports it",
        (None, Some(_)) => ", as the operator's own proxy reports it",
        (None, None) => "",
    };
    let (doubt, grade) = match facts.network.special.as_deref() {
        Some("loopback" | "private" | "link-local") => (
            "; weak: everything behind a proxy that is not configured as one comes from it",
            Grade::B3,
        ),
        Some("shared") => (
            "; weak: a carrier's address translation, which many share",
            Grade::B3,
        ),
        _ if is_delivered(facts) => (
            "; weak: a server that delivers mail, perhaps for many",
            Grade::B3,
        ),
        _ => ("", Grade::A1),
    };
    Evidence {
        signal: ADDRESS.to_owned(),
        detail: format!("{what}{vouched}, {}{doubt}", apart(facts, seen)),
        to: Some(seen.trip),
        grade,
    }
}

fn same_use(facts: &TripFacts<'_>, seen: Seen) -> Evidence {
    let what = if facts.trip.observed.is_relayed() {
        "a resolver looked the bait's name up"
    } else {
        "the bait was used whose name a resolver looked up"
    };
    Evidence {
        signal: LOOKUP.to_owned(),
        detail: format!("{what}, {}", apart(facts, seen)),
        to: Some(seen.trip),
        grade: Grade::B3,
    }
}

fn same_program(facts: &TripFacts<'_>, seen: Seen) -> Evidence {
    let (doubt, grade) = match facts.program() {
        Some(program) if program.sort == Sort::Client => (
            format!(
                "; weak: it calls itself {}, which many people use as it comes",
                program.name
            ),
            Grade::E4,
        ),
        Some(program) => (
            format!(
                "; weak: it calls itself {}, which is the same for everybody",
                program.name
            ),
            Grade::E4,
        ),
        None => (
            "; others may use the same program, and a program's habits can be copied".to_owned(),
            Grade::B3,
        ),
    };
    Evidence {
        signal: FINGERPRINT.to_owned(),
        detail: format!(
            "same habits of the client program, {}{doubt}",
            apart(facts, seen)
        ),
        to: Some(seen.trip),
        grade,
    }
}

/// How far apart in time, in words.
fn apart(facts: &TripFacts<'_>, seen: Seen) -> String {
    let seconds = facts.trip.observed.time.seconds_since(seen.time);
    let direction = if seconds < 0 { "before" } else { "after" };
    let count = seconds.unsigned_abs();
    let unit = if count == 1 { "second" } else { "seconds" };
    format!("{count} {unit} {direction} trip {}", seen.trip)
}

#[cfg(test)]
mod tests;
