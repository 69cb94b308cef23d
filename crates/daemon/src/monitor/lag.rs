//! How far the index is behind the journal, in records and in time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Moments that are remembered. Past that every second one is forgotten.
const REMEMBERED: usize = 4096;

/// Remembers when how much was recorded.
#[derive(Debug, Default)]
pub(crate) struct Lag {
    /// Moments, and how many records there were; the oldest first, all of them ahead of the index.
    moments: VecDeque<(Instant, u64)>,
    recorded: u64,
    indexed: u64,
}

impl Lag {
    /// So much is recorded, and so much of it indexed. To be called now and then.
    pub(super) fn note(&mut self, now: Instant, recorded: u64, indexed: u64) {
        if recorded > self.recorded.max(indexed) {
            self.moments.push_back((now, recorded));
        }
        (self.recorded, self.indexed) = (recorded, indexed);
        while self
            .moments
            .front()
            .is_some_and(|(_, there)| *there <= indexed)
        {
            self.moments.pop_front();
        }
        if self.moments.len() > REMEMBERED {
            let mut number = 0;
            self.moments.retain(|_| {
                number += 1;
                number % 2 == 1
            });
        }
    }

    /// Records that wait.
    pub(super) fn records(&self) -> u64 {
        self.recorded.saturating_sub(self.indexed)
    }

    /// For how long what waits longest has been noted.
    pub(super) fn age(&self, now: Instant) -> Duration {
        let oldest = self.moments.front();
        oldest.map_or(Duration::ZERO, |(then, _)| {
            now.saturating_duration_since(*then)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_is_that_of_what_waits_longest() {
        let begun = Instant::now();
        let at = |seconds: u64| begun + Duration::from_secs(seconds);
        let mut lag = Lag::default();
        lag.note(at(0), 10, 10);
        assert_eq!((lag.records(), lag.age(at(5))), (0, Duration::ZERO));
        lag.note(at(10), 30, 10);
        lag.note(at(11), 50, 20);
        assert_eq!(
            (lag.records(), lag.age(at(15))),
            (30, Duration::from_secs(5))
        );
        // What came first is indexed, what came at second 11 is not.
        lag.note(at(20), 50, 40);
        assert_eq!(
            (lag.records(), lag.age(at(21))),
            (10, Duration::from_secs(10))
        );
        lag.note(at(22), 50, 50);
        assert_eq!((lag.records(), lag.age(at(30))), (0, Duration::ZERO));
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_moment_kept() {
        let begun = Instant::now();
        let mut lag = Lag::default();
        for second in 1..=10_000 {
            lag.note(begun + Duration::from_secs(second), second, 0);
        }
        assert!(lag.moments.len() <= REMEMBERED);
        assert_eq!(
            lag.age(begun + Duration::from_secs(10_001)).as_secs(),
            10_000
        );
    }
}
