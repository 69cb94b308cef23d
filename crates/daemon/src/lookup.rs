//! Look-ups in the ledger, on threads of their own: if its disk does not answer, those who ask go on without
//! an answer instead of waiting with it.

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::DaemonError;

/// Longest wait for an answer. It keeps a thread that others need, and happens once: while an answer is
/// overdue nobody waits for another.
const PATIENCE: Duration = Duration::from_secs(1);
/// Threads: as many look-ups go on at once.
const THREADS: usize = 2;

const WAITING: u8 = 0;
const DONE: u8 = 1;
const GIVEN_UP: u8 = 2;

type Job = Box<dyn FnOnce() + Send>;

/// The threads.
pub(crate) struct Lookups {
    jobs: Sender<Job>,
    overdue: Arc<AtomicUsize>,
}

impl Lookups {
    /// Starts them. They end when this is dropped.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn start() -> Result<Self, DaemonError> {
        let (jobs, taken) = mpsc::channel();
        let taken = Arc::new(Mutex::new(taken));
        for _ in 0..THREADS {
            let taken = Arc::clone(&taken);
            std::thread::Builder::new()
                .name("lookup".to_owned())
                .spawn(move || work(&taken))
                .map_err(DaemonError::Thread)?;
        }
        Ok(Self {
            jobs,
            overdue: Arc::default(),
        })
    }

    /// Has `ask` done; `None` if that takes too long, or something else still does.
    pub(crate) fn within<T: Send + 'static>(
        &self,
        ask: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        if self.overdue.load(Ordering::Acquire) > 0 {
            return None;
        }
        let (answer, answered) = mpsc::sync_channel(1);
        let state = Arc::new(AtomicU8::new(WAITING));
        let (tells, overdue) = (Arc::clone(&state), Arc::clone(&self.overdue));
        let job = move || {
            // Nobody may be left to hear it.
            let _ = answer.send(ask());
            if tells.swap(DONE, Ordering::AcqRel) == GIVEN_UP {
                overdue.fetch_sub(1, Ordering::AcqRel);
                tracing::info!("the ledger answers again");
            }
        };
        self.jobs.send(Box::new(job)).ok()?;
        if let Ok(answer) = answered.recv_timeout(PATIENCE) {
            return Some(answer);
        }
        self.overdue.fetch_add(1, Ordering::AcqRel);
        if state.swap(GIVEN_UP, Ordering::AcqRel) == DONE {
            self.overdue.fetch_sub(1, Ordering::AcqRel);
            return answered.try_recv().ok();
        }
        tracing::error!("the ledger does not answer: its disk is stuck");
        None
    }
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            Ok(job) => job(),
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_for_what_is_stuck_and_all_ask_again_afterwards() {
        let lookups = Lookups::start().unwrap();
        let first = (0..30).find_map(|_| lookups.within(|| 7));
        assert_eq!(first, Some(7));
        let (go, went) = mpsc::channel::<()>();
        let stuck = lookups.within(move || went.recv().is_ok());
        assert_eq!(stuck, None);
        // There is a free thread, but the same disk.
        assert_eq!(lookups.within(|| 8), None);
        go.send(()).unwrap();
        let again = (0..500).find_map(|_| {
            std::thread::sleep(Duration::from_millis(5));
            lookups.within(|| 9)
        });
        assert_eq!(again, Some(9));
    }
}
