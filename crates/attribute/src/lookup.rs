//! Look-ups of a canary's name, which a resolver makes on behalf of somebody who is not seen: what they have
//! to do with the uses around them, and which of them are echoes.
//!
//! Resolvers and security vendors repeat what they have seen, hours or days later: from another network, the
//! same name, and nobody uses the bait then. A resolver that asked for somebody before may ask for somebody again.

use lapwing_core::{Timestamp, Trip};
use sha2::{Digest as _, Sha256};

use crate::facts::TripFacts;
use crate::link::{Seen, Signals, address};

/// Signal of a canary whose name was looked up, by the canary.
pub(crate) const LOOKUP: &str = "lookup";
/// Signal of a canary that was used in another way, once its name had been looked up.
const USE: &str = "use";
/// Signal of a name, with what its labels carry; and of one together with the network that asked.
const NAME: &str = "name";
const ASKED: &str = "asked";

/// The signals whose values may hold a digest of what a name's labels carry.
pub const NAMED: [&str; 2] = [NAME, ASKED];

/// How far apart a look-up and another use of the same canary are one use, in seconds.
const TOGETHER: i64 = 300;
/// After so many seconds a look-up of the same name from elsewhere is an echo.
const ECHO_AFTER: i64 = 3600;

/// What is known of earlier look-ups and uses of a trip's canary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Earlier {
    /// The newest look-up of a name of the canary, echoes apart.
    pub(crate) lookup: Option<Seen>,
    /// The newest use in another way, if its name had been looked up before.
    pub(crate) used: Option<Seen>,
    /// The newest look-up of the very same name.
    pub(crate) name: Option<Seen>,
    /// The newest look-up of it from the same network.
    pub(crate) asked: Option<Seen>,
}

impl Earlier {
    /// Of a trip.
    #[must_use]
    pub fn of(trip: &Trip, known: &dyn Signals) -> Self {
        let canary = trip.canary.to_string();
        let mut earlier = Self {
            lookup: known.get(LOOKUP, &canary),
            ..Self::default()
        };
        if !trip.observed.is_relayed() || earlier.lookup.is_none() {
            return earlier;
        }
        earlier.used = known.get(USE, &canary);
        let (name, asked) = names(trip);
        earlier.name = known.get(NAME, &name);
        earlier.asked = known.get(ASKED, &asked);
        earlier
    }
}

/// When the name was looked up before, if this look-up is an echo of that.
pub(crate) fn echo_of(facts: &TripFacts<'_>) -> Option<Timestamp> {
    let now = facts.trip.observed.time;
    let Earlier {
        used, name, asked, ..
    } = facts.earlier;
    let name = name.filter(|_| facts.trip.observed.is_relayed())?;
    let late = now.seconds_since(name.time) >= ECHO_AFTER;
    let in_use = used.is_some_and(|used| together(used.time, now));
    (late && asked.is_none() && !in_use).then_some(name.time)
}

/// The earlier trip that is the same use, if one is: a look-up and what follows it.
pub(crate) fn same_use(facts: &TripFacts<'_>) -> Option<Seen> {
    let now = facts.trip.observed.time;
    let Earlier { lookup, used, .. } = facts.earlier;
    let used = used.filter(|_| facts.trip.observed.is_relayed());
    let near = |seen: &Seen| together(seen.time, now);
    used.filter(near).or(lookup.filter(near))
}

/// What is to be remembered of a trip, as signals.
pub(crate) fn learned(facts: &TripFacts<'_>) -> Vec<(String, String)> {
    let trip = facts.trip;
    let canary = trip.canary.to_string();
    let signal = |name: &str, value: String| (name.to_owned(), value);
    if !trip.observed.is_relayed() {
        // Most canaries are never looked up: of those nothing is remembered.
        let after = facts.earlier.lookup.map(|_| signal(USE, canary));
        return after.into_iter().collect();
    }
    let (name, asked) = names(trip);
    vec![
        signal(LOOKUP, canary),
        signal(NAME, name),
        signal(ASKED, asked),
    ]
}

/// The values of [`NAMED`] by which a look-up is remembered; none if it is no look-up.
#[must_use]
pub fn named(trip: &Trip) -> Vec<(String, String)> {
    if !trip.observed.is_relayed() {
        return Vec::new();
    }
    let (name, asked) = names(trip);
    vec![(NAME.to_owned(), name), (ASKED.to_owned(), asked)]
}

fn together(one: Timestamp, other: Timestamp) -> bool {
    other.seconds_since(one).abs() <= TOGETHER
}

/// What a name is remembered by, alone and with the network that asked. Never the name itself.
fn names(trip: &Trip) -> (String, String) {
    let claims = trip.claims.as_ref();
    let data = claims.and_then(|claims| claims.captured.get("dns.data"));
    let mut name = trip.canary.to_string();
    if let Some(data) = data {
        let mut hash = Sha256::new();
        for text in data.open("digested, to be compared with itself") {
            hash.update(text);
            hash.update(b"\n");
        }
        let digest: [u8; 32] = hash.finalize().into();
        let digest = u64::from_be_bytes(digest[..8].try_into().expect("eight bytes"));
        name += &format!("/{digest:016x}");
    }
    let asked = format!("{name}@{}", address(trip.observed.source().ip()));
    (name, asked)
}
