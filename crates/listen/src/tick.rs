//! When answers leave: at ticks about three milliseconds apart, all that are ready together.
//!
//! What little longer or shorter the work for a match took is lost in the wait for the next tick. The
//! ticks come at irregular intervals, so that a peer who sends right after an answer does not keep
//! step with them; and only while somebody waits, so that an idle station sleeps.
//!
//! What an answer waits for does not wake its task: it has its place in the next tick then, and the
//! task is woken once, by the tick. The tick itself wakes only the first: that one, running where tasks
//! run, wakes the others, which is several times cheaper there than from a thread outside.
//!
//! In a crowd ticks come closer together. What a match costs is lost then among what all the others cost, and the wait
//! would be most of what an answer takes.
//!
//! The runtime's own timers will not do: they count from when a thread went to sleep, which is when
//! the work was done.

use std::future::Future;
use std::mem;
use std::ops::Range;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;
use rand::seq::SliceRandom as _;

/// Shortest and longest time between two ticks, in microseconds. A fuzzer has no time to wait.
const INTERVAL: Range<u64> = if cfg!(fuzzing) { 1..2 } else { 1500..4500 };
/// The same in a crowd.
const CROWDED: Range<u64> = if cfg!(fuzzing) { 1..2 } else { 200..600 };
/// So many answers within [`COUNTED`] are a crowd.
const CROWD: usize = 128;
const COUNTED: Duration = Duration::from_millis(10);

static TICKS: LazyLock<Arc<Ticks>> = LazyLock::new(Ticks::start);

#[derive(Default)]
struct Ticks {
    /// Who is ready for the next tick.
    ready: Mutex<Vec<Arc<Turn>>>,
    asked: Condvar,
}

/// Resolves at the first tick after `work` has.
pub(crate) fn after<F: Future<Output = ()> + Unpin>(work: F) -> After<F> {
    let turn = Arc::new(Turn::default());
    After {
        work: Some(work),
        waker: Waker::from(Arc::clone(&turn)),
        turn,
    }
}

/// Waits for the next tick.
pub async fn next() {
    after(std::future::ready(())).await;
}

/// Somebody's place in a tick.
#[derive(Default)]
struct Turn {
    task: AtomicWaker,
    /// A tick has come since the task was last polled.
    come: AtomicBool,
    /// Whom this one is to wake, of the same tick.
    others: Mutex<Others>,
}

#[derive(Default)]
struct Others {
    turns: Vec<Arc<Turn>>,
    /// Nobody waits for this turn any more: it can wake nobody.
    gone: bool,
}

impl Turn {
    /// Wakes this one, who is to wake `others`; gives them back if it cannot.
    fn lead(&self, others: Vec<Arc<Self>>) -> Result<(), Vec<Arc<Self>>> {
        {
            let mut own = self.others();
            if own.gone {
                return Err(others);
            }
            own.turns.extend(others);
        }
        self.task.wake();
        Ok(())
    }

    /// Passes the tick on.
    fn wake_others(&self) {
        let others = mem::take(&mut self.others().turns);
        for other in others {
            other.task.wake();
        }
    }

    fn others(&self) -> MutexGuard<'_, Others> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Turn {
    /// There is something to do for the task: at the next tick.
    fn wake(self: Arc<Self>) {
        TICKS.next(self);
    }
}

/// See [`after`].
pub(crate) struct After<F> {
    work: Option<F>,
    turn: Arc<Turn>,
    waker: Waker,
}

impl<F: Future<Output = ()> + Unpin> Future for After<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.turn.task.register(cx.waker());
        let come = this.turn.come.swap(false, Ordering::AcqRel);
        this.turn.wake_others();
        if let Some(work) = &mut this.work {
            let mut late = Context::from_waker(&this.waker);
            if Pin::new(work).poll(&mut late).is_pending() {
                return Poll::Pending;
            }
            this.work = None;
            if !come {
                // It did not have to wait, or the task was polled for another reason.
                TICKS.next(Arc::clone(&this.turn));
            }
        }
        if come { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl<F> Drop for After<F> {
    /// The peer may have gone since the tick came; the others wait all the same.
    fn drop(&mut self) {
        self.turn.others().gone = true;
        self.turn.wake_others();
    }
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

    fn next(&self, turn: Arc<Turn>) {
        let mut ready = self.lock();
        ready.push(turn);
        let first = ready.len() == 1;
        drop(ready);
        if first {
            self.asked.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Turn>>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut planned = Instant::now();
        let mut crowd = Crowd::new(planned);
        loop {
            drop(self.asked.wait_while(self.lock(), |ready| ready.is_empty()));
            let now = Instant::now();
            while planned <= now {
                // After a rest the next tick is as far off as it would be without one.
                let behind = now.duration_since(planned);
                if behind > Duration::from_secs(1) {
                    planned = now;
                }
                let interval = if crowd.is { CROWDED } else { INTERVAL };
                planned += Duration::from_micros(rand::random_range(interval));
            }
            std::thread::sleep(planned.saturating_duration_since(now));
            let mut turns = mem::take(&mut *self.lock());
            crowd.count(turns.len(), Instant::now());
            // Who was ready last must not be known by who is answered first.
            turns.shuffle(&mut rand::rng());
            for turn in &turns {
                turn.come.store(true, Ordering::Release);
            }
            while let Some(first) = turns.pop() {
                match first.lead(turns) {
                    Ok(()) => break,
                    Err(others) => turns = others,
                }
            }
        }
    }
}

/// How many were answered of late.
struct Crowd {
    since: Instant,
    answers: usize,
    is: bool,
}

impl Crowd {
    fn new(now: Instant) -> Self {
        Self {
            since: now,
            answers: 0,
            is: false,
        }
    }

    fn count(&mut self, answers: usize, now: Instant) {
        self.answers += answers;
        let lapse = now.duration_since(self.since);
        if lapse >= COUNTED {
            // A pause ends it, however many come after.
            self.is = self.answers >= CROWD && lapse < 2 * COUNTED;
            self.since = now;
            self.answers = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::{BoxFuture, join_all};
    use tokio::sync::oneshot;

    use super::*;

    #[test]
    fn a_crowd_is_many_within_a_while() {
        let begun = Instant::now();
        let mut crowd = Crowd::new(begun);
        let mut after = |millis: u64, answers| {
            crowd.count(answers, begun + Duration::from_millis(millis));
            crowd.is
        };
        assert!(!after(3, 60) && !after(6, 60), "it is not over yet");
        assert!(
            after(12, 60) && after(15, 10),
            "as long as the next has not ended"
        );
        assert!(!after(23, 10));
        assert!(!after(60, 500), "there was a pause");
    }

    #[tokio::test]
    async fn nobody_waits_long() {
        for _ in 0..50 {
            let begun = Instant::now();
            let ready = || after(std::future::ready(()));
            futures_util::future::join(ready(), ready()).await;
            assert!(begun.elapsed() < Duration::from_secs(10));
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn nothing_resolves_before_its_work_or_gets_lost() {
        let mut tasks = Vec::new();
        for number in 0..500_u64 {
            let (done, waited) = oneshot::channel::<()>();
            let (more, further) = oneshot::channel::<()>();
            let finished = Arc::new(AtomicBool::new(false));
            let tells = Arc::clone(&finished);
            let work: BoxFuture<'static, ()> = Box::pin(async move {
                // Woken twice, as by several records of one request.
                let _ = waited.await;
                let _ = further.await;
                tells.store(true, Ordering::Release);
            });
            tasks.push(tokio::spawn(async move {
                after(work).await;
                assert!(finished.load(Ordering::Acquire));
            }));
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_micros(number * 20));
                let _ = done.send(());
                let _ = more.send(());
            });
        }
        for ended in join_all(tasks).await {
            ended.unwrap();
        }
    }
}
