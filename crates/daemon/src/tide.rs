//! How the indexer keeps out of the way of a flood: while more is recorded than it could follow anyhow,
//! recording gets the processors, and the index catches up behind the flood.

use std::time::{Duration, Instant};

/// Records a second from which on it is a flood. Below it the index follows within a moment.
const FLOOD: f64 = 8_000.0;
/// In a flood the indexer rests so many times as long as it works.
const REST: u32 = 9;
/// Longest rest: the end of a flood is to be noticed.
const LONGEST: Duration = Duration::from_millis(500);

/// The rate at which records come.
pub(crate) struct Tide {
    at: Instant,
    recorded: u64,
}

impl Tide {
    /// `recorded` records are there at `now`.
    pub(crate) fn new(now: Instant, recorded: u64) -> Self {
        Self { at: now, recorded }
    }

    /// How long to rest after a batch that took so long: not at all unless a flood is on since the last
    /// call.
    pub(crate) fn rest(&mut self, now: Instant, recorded: u64, took: Duration) -> Duration {
        let seconds = now.duration_since(self.at).as_secs_f64();
        let come = recorded.saturating_sub(self.recorded);
        *self = Self::new(now, recorded);
        if come as f64 > seconds * FLOOD {
            (took * REST).min(LONGEST)
        } else {
            Duration::ZERO
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_flood_makes_it_rest() {
        let begun = Instant::now();
        let mut tide = Tide::new(begun, 100);
        let at = |seconds: u64| begun + Duration::from_secs(seconds);
        let took = Duration::from_millis(50);
        assert_eq!(tide.rest(at(1), 5_100, took), Duration::ZERO);
        assert_eq!(tide.rest(at(2), 25_100, took), took * REST);
        assert_eq!(tide.rest(at(3), 45_100, Duration::from_secs(2)), LONGEST);
        assert_eq!(tide.rest(at(4), 45_100, took), Duration::ZERO);
        assert_eq!(
            tide.rest(at(4), 45_100, took),
            Duration::ZERO,
            "no time passed"
        );
    }
}
