//! How fast and how often the dispatcher tries.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How fast and how often the dispatcher tries. Unknown keys are errors; missing ones have the
/// value of [`Pace::default`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pace {
    /// Pause before the second attempt, in seconds; it doubles with each further one.
    pub retry_seconds: u64,
    /// Longest pause between two attempts, in seconds.
    pub retry_max_seconds: u64,
    /// After so many attempts a delivery is a dead letter.
    pub attempts: u32,
    /// After so many failures in a row the other channels are told.
    pub alarm_after: u32,
    /// Messages on their way at the same time, for each channel; one of them is kept free for
    /// first alerts.
    pub parallel: usize,
    /// A message that takes longer than this has failed, in seconds.
    pub send_seconds: u64,
    /// Drills are no emergency: a channel gets one message of them in so many seconds at most, and what
    /// arrived meanwhile goes together.
    pub drill_seconds: u64,
    /// How often the outbox is looked into without being woken, in seconds.
    pub poll_seconds: u64,
    /// How long messages on their way may still take when the station stops, in seconds.
    pub drain_seconds: u64,
    /// Every so many seconds a sign of life goes to the channels that ask for it; 0 for never.
    pub heartbeat_seconds: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            retry_seconds: 5,
            retry_max_seconds: 3600,
            attempts: 12,
            alarm_after: 3,
            parallel: 4,
            send_seconds: 60,
            drill_seconds: 5,
            poll_seconds: 5,
            drain_seconds: 10,
            heartbeat_seconds: 86_400,
        }
    }
}

impl Pace {
    /// The pause after the `attempts`-th attempt failed (1 for the first): doubling, capped, and up
    /// to a fifth longer at random so that what failed together is not tried together.
    pub(crate) fn pause(&self, attempts: u32) -> Duration {
        let doubled = self.retry_seconds.saturating_mul(
            1u64.checked_shl(attempts.saturating_sub(1))
                .unwrap_or(u64::MAX),
        );
        let millis = doubled
            .min(self.retry_max_seconds)
            .saturating_mul(1000)
            .max(1);
        Duration::from_millis(millis.saturating_add(rand::random_range(0..=millis / 5)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_cap() {
        let pace = Pace::default();
        for (attempts, seconds) in [
            (1, 5),
            (2, 10),
            (3, 20),
            (10, 2560),
            (11, 3600),
            (200, 3600),
        ] {
            let pause = pace.pause(attempts).as_millis() as u64;
            assert!(
                (seconds * 1000..=seconds * 1200).contains(&pause),
                "attempt {attempts}: {pause} ms"
            );
        }
    }
}
