//! What a gap record says: since when and until when records did not reach the disk in time, and how many
//! of whose.

use std::collections::BTreeMap;

use lapwing_core::Timestamp;
use serde_json::{Value, json};

use crate::queue::Batch;

/// What is in no gap record yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gap {
    /// When it began; `None` for what a start found missing.
    began: Option<Timestamp>,
    /// Entries that were refused: they have no sequence.
    lost: u64,
    /// Times of the first and of the last of those.
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    /// By who brought it.
    listeners: BTreeMap<String, Counts>,
}

/// Of one listener.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    /// Entries that were refused.
    lost: u64,
    /// Answered before their sync had come. If it came they are on record.
    early: u64,
    /// What matched nothing, answered without a sync.
    unmatched: u64,
}

impl Gap {
    /// What a start found missing.
    pub(crate) fn found(lost: u64) -> Self {
        Self {
            lost,
            ..Self::default()
        }
    }

    pub(crate) fn is_none(&self) -> bool {
        self.lost == 0 && self.began.is_none() && self.listeners.is_empty()
    }

    pub(crate) fn begin(&mut self, now: Timestamp) {
        self.began.get_or_insert(now);
    }

    pub(crate) fn lose(&mut self, via: &str, time: Timestamp) {
        self.lost += 1;
        self.from = Some(self.from.map_or(time, |from| from.min(time)));
        self.to = Some(self.to.map_or(time, |to| to.max(time)));
        self.of(via).lost += 1;
    }

    pub(crate) fn pass(&mut self, via: &str) {
        self.of(via).unmatched += 1;
    }

    /// What was answered is not known to be on disk: it may come to be.
    pub(crate) fn early(&mut self, via: &str, now: Timestamp) {
        self.begin(now);
        self.of(via).early += 1;
    }

    pub(crate) fn lose_all(&mut self, batch: &Batch) {
        for entry in &batch.entries {
            self.lose(&entry.via, entry.time);
        }
        for pass in &batch.passes {
            self.pass(&pass.via);
        }
    }

    /// Adds what came later.
    pub(crate) fn join(&mut self, later: Self) {
        let earliest =
            |one: Option<Timestamp>, two: Option<Timestamp>| one.into_iter().chain(two).min();
        self.began = earliest(self.began, later.began);
        self.lost += later.lost;
        self.from = earliest(self.from, later.from);
        self.to = self.to.max(later.to);
        for (via, more) in later.listeners {
            let counts = self.listeners.entry(via).or_default();
            counts.lost += more.lost;
            counts.early += more.early;
            counts.unmatched += more.unmatched;
        }
    }

    /// The record's body, if the gap ends at `now`.
    pub(crate) fn body(&self, now: Timestamp) -> Value {
        let micros = |time: Option<Timestamp>| time.map(Timestamp::micros);
        let listeners: BTreeMap<&str, Value> = (self.listeners.iter())
            .map(|(via, counts)| {
                let Counts {
                    lost,
                    early,
                    unmatched,
                } = counts;
                let counts = json!({"early": early, "lost": lost, "unmatched": unmatched});
                (via.as_str(), counts)
            })
            .collect();
        json!({
            "type": "gap",
            "began": micros(self.began.or(self.from)),
            "ended": now.micros(),
            "from": micros(self.from),
            "listeners": listeners,
            "lost": self.lost,
            "to": micros(self.to),
        })
    }

    fn of(&mut self, via: &str) -> &mut Counts {
        if !self.listeners.contains_key(via) {
            self.listeners.insert(via.to_owned(), Counts::default());
        }
        self.listeners.get_mut(via).expect("it was put there")
    }
}
