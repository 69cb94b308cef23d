//! Waiting for what another process does: polls with a generous deadline, and says what was missing.

use std::time::{Duration, Instant};

/// Looks until there is something, at most 30 s.
///
/// # Panics
/// If nothing comes.
pub fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(Duration::from_secs(30), what, look)
}

/// Looks until there is something, at most so long.
///
/// # Panics
/// If nothing comes.
pub fn within<T>(limit: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    let mut pause = Duration::from_millis(5);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            begun.elapsed() < limit,
            "not within {} s: {what}",
            limit.as_secs()
        );
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(100));
    }
}
