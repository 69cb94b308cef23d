//! How the indexer keeps out of the way of a flood: while more is recorded than it could follow anyhow,
//! recording gets the processors, and the index catches up behind the flood.

use std::time::{Duration, Instant};

/// Records a second from which on it is a flood. Below it the index follows within a moment.
const FLOOD: f64 = 6_000.0;
/// In a flood the indexer rests so many times as long as it works.
const REST: u32 = 19;
/// Longest rest.
const LONGEST: Duration = Duration::from_secs(2);
/// It rests in naps of this: the end of a flood is to be noticed.
const NAP: Duration = Duration::from_millis(100);

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

    /// Rests after a batch that took so long, as long as the flood is on that `recorded` tells of and
    /// `running` says yes; says whether there was one.
    pub(crate) fn rest(
        &mut self,
        took: Duration,
        running: &dyn Fn() -> bool,
        recorded: &dyn Fn() -> u64,
    ) -> bool {
        let (mut left, mut rested) = ((took * REST).min(LONGEST), false);
        while self.is_high(Instant::now(), recorded()) && !left.is_zero() && running() {
            let nap = left.min(NAP);
            std::thread::sleep(nap);
            left -= nap;
            rested = true;
        }
        rested
    }

    /// Whether a flood has been on since this was last asked.
    fn is_high(&mut self, now: Instant, recorded: u64) -> bool {
        let seconds = now.duration_since(self.at).as_secs_f64();
        let come = recorded.saturating_sub(self.recorded);
        *self = Self::new(now, recorded);
        come as f64 > seconds * FLOOD
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_flood_is_told_from_what_can_be_followed() {
        let begun = Instant::now();
        let mut tide = Tide::new(begun, 100);
        let at = |seconds: u64| begun + Duration::from_secs(seconds);
        assert!(!tide.is_high(at(1), 5_100));
        assert!(tide.is_high(at(2), 25_100));
        assert!(tide.is_high(at(3), 45_100));
        assert!(!tide.is_high(at(4), 45_100));
        assert!(!tide.is_high(at(4), 45_100), "no time passed");
    }

    #[test]
    fn it_rests_no_longer_than_the_flood_lasts_and_the_station_runs() {
        let mut tide = Tide::new(Instant::now(), 0);
        let asked = Cell::new(0);
        let recorded = || {
            asked.set(asked.get() + 1);
            // A million more each time it is asked, three times.
            1_000_000 * asked.get().min(3)
        };
        let took = Duration::from_secs(1);
        assert!(tide.rest(took, &|| true, &recorded));
        assert_eq!(asked.get(), 4);
        asked.set(0);
        tide = Tide::new(Instant::now(), 0);
        assert!(!tide.rest(took, &|| false, &recorded));
        assert_eq!(asked.get(), 1);
        tide = Tide::new(Instant::now(), 0);
        assert!(!tide.rest(took, &|| true, &|| 0), "no flood");
    }
}
