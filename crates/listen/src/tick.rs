//! When answers leave: at ticks about three milliseconds apart, all that are ready together.
//!
//! What little longer or shorter the work for a match took is lost in the wait for the next tick. The
//! ticks come at irregular intervals, so that a peer who sends right after an answer does not keep
//! step with them; and only while somebody waits, so that an idle station sleeps.
//!
//! The runtime's own timers will not do: they count from when a thread went to sleep, which is when
//! the work was done.

use std::sync::{Arc, Condvar, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// Shortest and longest time between two ticks, in microseconds.
const INTERVAL: std::ops::Range<u64> = 1500..4500;

static TICKS: LazyLock<Arc<Ticks>> = LazyLock::new(Ticks::start);

#[derive(Default)]
struct Ticks {
    tick: Notify,
    /// Whether anybody waits for the next tick.
    wanted: Mutex<bool>,
    asked: Condvar,
}

/// Waits for the next tick.
pub async fn next() {
    let ticks = &*TICKS;
    let mut tick = std::pin::pin!(ticks.tick.notified());
    // From here on a tick is not missed.
    tick.as_mut().enable();
    ticks.ask();
    tick.await;
}

impl Ticks {
    fn start() -> Arc<Self> {
        let ticks = Arc::new(Self::default());
        let own = Arc::clone(&ticks);
        std::thread::Builder::new()
            .name("ticks".to_owned())
            .spawn(move || own.run())
            .expect("a thread can be started");
        ticks
    }

    fn ask(&self) {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        if !*wanted {
            *wanted = true;
            self.asked.notify_one();
        }
    }

    fn run(&self) {
        let mut planned = Instant::now();
        loop {
            {
                let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
                drop(self.asked.wait_while(wanted, |wanted| !*wanted));
            }
            let now = Instant::now();
            while planned <= now {
                // After a rest the next tick is as far off as it would be without one.
                let behind = now.duration_since(planned);
                if behind > Duration::from_secs(1) {
                    planned = now;
                }
                planned += Duration::from_micros(rand::random_range(INTERVAL));
            }
            std::thread::sleep(planned.saturating_duration_since(now));
            *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) = false;
            self.tick.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_waits_long() {
        for _ in 0..50 {
            let begun = Instant::now();
            let (one, two) = (next(), next());
            futures_util::future::join(one, two).await;
            assert!(begun.elapsed() < Duration::from_secs(1));
        }
    }
}
