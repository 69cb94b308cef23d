//! The allocator's thread, which gives pages back. What is given up is given up for one thread and those it starts:
//! while that happens there is no other.

use tikv_jemalloc_ctl::background_thread;

/// Does something while the allocator has no thread; one that it starts afterwards has given up the same.
pub(crate) fn without_threads<T>(work: impl FnOnce() -> T) -> T {
    let had = background_thread::read().unwrap_or(false);
    set(false);
    let done = work();
    set(had);
    done
}

fn set(wanted: bool) {
    if let Err(error) = background_thread::write(wanted) {
        tracing::warn!(%error, wanted, "the allocator's thread is not as it should be");
    }
}
