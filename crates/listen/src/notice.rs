//! What every listener does with what it has seen: record it, or count it, and wait until that is durable
//! and the next tick has come.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use lapwing_core::{Claims, DecoyRecord, Observed};

use crate::station::{Recognised, Sighting, Station, by_canary};
use crate::tick;

/// What was seen, before it is known whether it matches.
pub(crate) struct Seen {
    pub(crate) observed: Observed,
    pub(crate) claims: Claims,
    pub(crate) raw: Vec<u8>,
    pub(crate) hello: Option<Arc<[u8]>>,
    pub(crate) decoy: DecoyRecord,
}

/// Records it, for each canary that was found in it, or counts it. No byte of an answer may leave before.
pub(crate) async fn notice(station: &Station, found: Vec<Recognised>, seen: Seen) {
    tick::after(recording(station, found, seen)).await;
}

/// As [`notice`], to be awaited together with others: resolves when it is durable, before any tick.
pub(crate) fn recording(station: &Station, found: Vec<Recognised>, seen: Seen) -> Unbreakable {
    let pending = if found.is_empty() {
        let (size, listener) = (seen.raw.len(), seen.observed.listener.clone());
        let like = station.recogniser.stand_in();
        let like = like.and_then(|like| seen.sightings(vec![like]).pop());
        station.sink.unmatched(&listener, size, like)
    } else {
        station.sink.record(seen.sightings(found))
    };
    Unbreakable(Some(pending))
}

impl Seen {
    /// One sighting for each canary, in the order they were found.
    fn sightings(self, found: Vec<Recognised>) -> Vec<Sighting> {
        let canaries = by_canary(found);
        let all = canaries.len();
        let Self {
            observed,
            claims,
            raw,
            hello,
            decoy,
        } = self;
        canaries
            .into_iter()
            .zip(std::iter::repeat_n((observed, claims, raw, decoy), all))
            .map(
                |((canary, fields), (observed, claims, raw, decoy))| Sighting {
                    canary,
                    fields,
                    observed,
                    claims,
                    raw,
                    hello: hello.clone(),
                    decoy,
                },
            )
            .collect()
    }
}

/// A recording that goes on although nobody waits for it any more: a peer that resets its stream, or
/// a station that stops, must not undo it.
pub(crate) struct Unbreakable(Option<BoxFuture<'static, ()>>);

impl Future for Unbreakable {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(pending) = &mut self.0 else {
            return Poll::Ready(());
        };
        let polled = pending.as_mut().poll(cx);
        if polled.is_ready() {
            self.0 = None;
        }
        polled
    }
}

impl Drop for Unbreakable {
    fn drop(&mut self) {
        if let Some(pending) = self.0.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(pending);
        }
    }
}
