//! What is counted while a station runs. Counting is a handful of atomic additions, the same for what matched and
//! what did not.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use lapwing_core::Timestamp;
use lapwing_listen::PROTOCOLS;

/// Upper bounds of how long an append may have taken, in seconds. A sync takes a tenth of a millisecond on the best
/// disks, and seconds on those that fail.
const BOUNDS: [f64; 12] = [
    0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.125, 0.5, 2.0, 10.0,
];

/// Where trips come from that an application of the operator's reports.
const DESK: &str = "desk";

/// Counters of a station.
#[derive(Debug)]
pub(crate) struct Measures {
    /// By protocol, in the order of the protocols; the desk's last.
    trips: Vec<(&'static str, AtomicU64)>,
    unmatched: AtomicU64,
    appends: [AtomicU64; BOUNDS.len() + 1],
    append_nanos: AtomicU64,
    /// In microseconds since 1970; 0 before the first.
    last_sync: AtomicI64,
}

impl Default for Measures {
    fn default() -> Self {
        let names = PROTOCOLS.iter().map(|protocol| protocol.name).chain([DESK]);
        Self {
            trips: names.map(|name| (name, AtomicU64::new(0))).collect(),
            unmatched: AtomicU64::new(0),
            appends: Default::default(),
            append_nanos: AtomicU64::new(0),
            last_sync: AtomicI64::new(0),
        }
    }
}

impl Measures {
    /// A trip was seen: at a listener, or by an application that asked at the desk.
    pub(crate) fn trip(&self, listener: &str, reported: bool) {
        let name = if reported { DESK } else { listener };
        if let Some((_, count)) = self.trips.iter().find(|(known, _)| *known == name) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Something came that matched nothing.
    pub(crate) fn unmatched(&self) {
        self.unmatched.fetch_add(1, Ordering::Relaxed);
    }

    /// Something was given to the journal, and this is how long it took until that was on disk, if it got there.
    pub(crate) fn appended(&self, took: Duration, durable: bool, now: Timestamp) {
        if !durable {
            return;
        }
        let seconds = took.as_secs_f64();
        let bucket = BOUNDS.partition_point(|bound| *bound < seconds);
        self.appends[bucket].fetch_add(1, Ordering::Relaxed);
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.append_nanos.fetch_add(nanos, Ordering::Relaxed);
        self.last_sync.fetch_max(now.micros(), Ordering::Relaxed);
    }

    /// Trips by where they came from.
    pub(crate) fn trips(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.trips
            .iter()
            .map(|(name, count)| (*name, count.load(Ordering::Relaxed)))
    }

    /// How much came that matched nothing.
    pub(crate) fn unmatched_count(&self) -> u64 {
        self.unmatched.load(Ordering::Relaxed)
    }

    /// How many appends took at most each bound and longer than the one before, how many took longer than all, and
    /// how long all of them took, in seconds.
    pub(crate) fn appends(&self) -> (Vec<(f64, u64)>, u64, f64) {
        let counts = self
            .appends
            .each_ref()
            .map(|count| count.load(Ordering::Relaxed));
        let buckets = BOUNDS.iter().copied().zip(counts).collect();
        let sum = self.append_nanos.load(Ordering::Relaxed) as f64 / 1e9;
        (buckets, counts[BOUNDS.len()], sum)
    }

    /// When something last got to the disk, in seconds since 1970.
    pub(crate) fn last_sync(&self) -> Option<f64> {
        let micros = self.last_sync.load(Ordering::Relaxed);
        (micros > 0).then(|| micros as f64 / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appends_fall_into_their_buckets() {
        let measures = Measures::default();
        let now = Timestamp::from_micros(2_500_000);
        for (millis, durable) in [(1, true), (3, true), (20_000, true), (1, false)] {
            measures.appended(Duration::from_millis(millis), durable, now);
        }
        let (buckets, beyond, sum) = measures.appends();
        let filled: Vec<_> = buckets.iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(filled, [&(0.001, 1), &(0.004, 1)]);
        assert_eq!((beyond, measures.last_sync()), (1, Some(2.5)));
        assert!((sum - 20.004).abs() < 1e-9);
    }

    #[test]
    fn trips_count_where_they_were_seen() {
        let measures = Measures::default();
        measures.trip("ssh", false);
        measures.trip("desk", true);
        measures.trip("a protocol there is not", false);
        let counted: Vec<_> = measures.trips().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counted, [("ssh", 1), ("desk", 1)]);
    }
}
