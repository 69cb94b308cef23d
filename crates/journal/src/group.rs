//! Waiting for a group: everything that arrives while one sync runs shares the next.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use lapwing_core::StationId;

use crate::error::JournalError;

/// Names a record that is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Whose journal.
    pub station: StationId,
    /// Which record of it, counted from 0.
    pub sequence: u64,
}

/// What became of a group.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome {
    /// On disk; its entries have the sequences from this one on.
    Durable(u64),
    NotDurable,
    /// The writer ended before writing it.
    Closed,
}

#[derive(Default)]
struct State {
    outcome: Option<Outcome>,
    wakers: Vec<Waker>,
}

/// Those who wait for one sync. Cheaper than a channel for each: one allocation and one lock.
#[derive(Default)]
pub(crate) struct Group(Mutex<State>);

impl Group {
    /// Tells all who wait, once.
    pub(crate) fn finish(&self, outcome: Outcome) {
        let wakers = {
            let mut state = self.lock();
            state.outcome.get_or_insert(outcome);
            std::mem::take(&mut state.wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    fn poll(&self, slot: &mut Option<usize>, context: &Context<'_>) -> Poll<Outcome> {
        let mut state = self.lock();
        if let Some(outcome) = state.outcome {
            return Poll::Ready(outcome);
        }
        match *slot {
            Some(slot) => state.wakers[slot].clone_from(context.waker()),
            None => {
                *slot = Some(state.wakers.len());
                state.wakers.push(context.waker().clone());
            }
        }
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in a group, or why there is none.
enum Waiting {
    Group(Arc<Group>, Option<usize>),
    Refused(Option<JournalError>),
}

impl Waiting {
    fn poll(&mut self, context: &Context<'_>) -> Poll<Result<u64, JournalError>> {
        match self {
            Self::Group(group, slot) => group.poll(slot, context).map(|outcome| match outcome {
                Outcome::Durable(first) => Ok(first),
                Outcome::NotDurable => Err(JournalError::NotDurable),
                Outcome::Closed => Err(JournalError::Closed),
            }),
            Self::Refused(error) => Poll::Ready(Err(error.take().unwrap_or(JournalError::Closed))),
        }
    }
}

/// Resolves to the [`Receipt`] once the record is on disk. The record is on its way as soon as
/// this exists; dropping it does not call it back.
#[must_use = "a record is safe only once this has resolved"]
pub struct Appending {
    waiting: Waiting,
    station: StationId,
    index: u64,
}

impl Appending {
    pub(crate) fn new(group: Arc<Group>, station: StationId, index: u64) -> Self {
        Self {
            waiting: Waiting::Group(group, None),
            station,
            index,
        }
    }

    pub(crate) fn refused(station: StationId, error: JournalError) -> Self {
        Self {
            waiting: Waiting::Refused(Some(error)),
            station,
            index: 0,
        }
    }
}

impl Future for Appending {
    type Output = Result<Receipt, JournalError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let (station, index) = (self.station, self.index);
        self.waiting.poll(context).map(|first| {
            first.map(|first| Receipt {
                station,
                sequence: first + index,
            })
        })
    }
}

/// Resolves with the group's sync, as [`Appending`] does; says whether that worked.
#[must_use = "the answer to an unmatched request waits for this"]
pub struct Passing(Waiting);

impl Passing {
    pub(crate) fn new(group: Arc<Group>) -> Self {
        Self(Waiting::Group(group, None))
    }

    pub(crate) fn refused(error: JournalError) -> Self {
        Self(Waiting::Refused(Some(error)))
    }
}

impl Future for Passing {
    type Output = Result<(), JournalError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(context).map(|first| first.map(|_| ()))
    }
}
