//! How a station is, for the desk's `/readyz` and `/metrics`: what keeps it from doing its work, and its figures.
//!
//! Labels are names of protocols, and names the operator gave (channels, certificates, files): nothing that a
//! stranger sent.

mod lag;
mod measures;
mod process;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use lapwing_console::{Family, Kind, Monitor, Reason};
use lapwing_journal::Journal;
use lapwing_store::Ledger;
use serde_json::{Value, json};

use crate::ahead::Ahead;
use crate::confine::Standing;
use crate::outbox::Sent;
use crate::sink::{Recorder, Unrecorded};
use crate::tls::{End, Ends};
use lag::Lag;

pub(crate) use measures::Measures;

/// How often it is looked how far the index is.
const LOOK: Duration = Duration::from_secs(1);
/// A record that waits longer to be indexed makes the station not ready: alerts come with the index.
const BEHIND: Duration = Duration::from_secs(120);
/// Less room than this on the data directory's disk makes it not ready, in bytes: soon nothing is recorded.
const ROOM: u64 = 64 << 20;

/// What the figures are read from.
pub(crate) struct Watch {
    pub(crate) root: PathBuf,
    pub(crate) journal: Journal,
    pub(crate) recorder: Recorder,
    pub(crate) ahead: Ahead,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) front: Arc<lapwing_listen::Station>,
    pub(crate) sent: Arc<Sent>,
    pub(crate) ends: Ends,
    /// Names of what conclusions rest on, `lists` or a geography file, with its day in seconds since 1970.
    pub(crate) dates: Vec<(String, i64)>,
    pub(crate) standing: Standing,
    pub(crate) state: State,
}

/// What is noted while the station runs.
#[derive(Debug, Default)]
pub(crate) struct State {
    serving: AtomicBool,
    lag: Mutex<Lag>,
}

/// The station's [`Monitor`]. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Watcher(pub(crate) Arc<Watch>);

impl Watcher {
    /// All doors are served.
    pub(crate) fn serving(&self, serving: bool) {
        self.0.state.serving.store(serving, Ordering::Release);
    }

    /// Looks how far the index is until it is dropped.
    pub(crate) async fn stand(self) {
        loop {
            drop(self.0.look());
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Watch {
    fn look(&self) -> MutexGuard<'_, Lag> {
        // Asked in this order it is never ahead of the journal.
        let indexed = self.ahead.indexed_records();
        let recorded = self.journal.next_sequence();
        let mut lag = self
            .state
            .lag
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        lag.note(Instant::now(), recorded, indexed);
        lag
    }

    /// Records that wait to be indexed, and for how long the first has.
    fn behind(&self) -> (u64, Duration) {
        let lag = self.look();
        (lag.records(), lag.age(Instant::now()))
    }

    /// Bytes that are free where the data directory lies.
    fn room(&self) -> Option<u64> {
        let about = rustix::fs::statvfs(&self.root).ok()?;
        Some(about.f_bavail.saturating_mul(about.f_frsize))
    }

    fn reasons(&self) -> Vec<Reason> {
        let mut reasons = Vec::new();
        let mut say = |code, detail: String| reasons.push(Reason { code, detail });
        if !self.state.serving.load(Ordering::Acquire) {
            let detail = "It is starting, or finishes what is under way.";
            say("not-serving", detail.to_owned());
        }
        let waiting = self.recorder.unrecorded().waiting;
        if !self.journal.healthy() || waiting > 0 {
            let detail = format!(
                "The evidence log cannot be written; {waiting} trips wait in memory. Look at the disk of {}: space, \
                 mount, health.",
                self.root.display()
            );
            say("journal", detail);
        }
        match self.room() {
            Some(room) if room < ROOM => {
                let detail = format!(
                    "{room} bytes are free where {} lies: soon nothing can be recorded. Make room.",
                    self.root.display()
                );
                say("disk", detail);
            }
            _ => {}
        }
        let (records, age) = self.behind();
        if age > BEHIND {
            let detail = format!(
                "{records} records wait to be indexed, the first for {} s: alerts are late. The log says whether it \
                 fails; in a flood it catches up by itself.",
                age.as_secs()
            );
            say("index", detail);
        }
        if let Err(error) = self.ledger.pending_count() {
            let detail =
                format!("The ledger cannot be read: {error}. Nothing is recognised or delivered.");
            say("ledger", detail);
        }
        reasons
    }

    fn families(&self) -> Vec<Family> {
        let mut families = vec![
            Family::new("lapwing_build_info", "The program that runs.", Kind::Gauge)
                .with(&[("version", env!("CARGO_PKG_VERSION"))], 1.0),
            Family::gauge(
                "lapwing_ready",
                "Whether /readyz says yes.",
                f64::from(u8::from(self.reasons().is_empty())),
            ),
        ];
        families.extend(self.of_listeners());
        families.extend(self.of_journal());
        families.extend(self.of_channels());
        families.extend(self.of_data());
        families.extend(process::families());
        families
    }

    fn of_listeners(&self) -> Vec<Family> {
        let measures = self.recorder.measures();
        let mut trips = Family::new(
            "lapwing_trips_total",
            "Uses of canaries, by the listener that saw them; desk: reported by an application.",
            Kind::Counter,
        );
        for (listener, count) in measures.trips() {
            trips = trips.with(&[("listener", listener)], count as f64);
        }
        let gate = &self.front.gate;
        vec![
            trips,
            Family::counter(
                "lapwing_unmatched_total",
                "Requests, messages and connections that showed no canary.",
                measures.unmatched_count(),
            ),
            Family::gauge(
                "lapwing_connections_open",
                "Connections to listeners.",
                gate.count() as f64,
            ),
            Family::gauge(
                "lapwing_connections_limit",
                "How many there may be.",
                gate.most() as f64,
            ),
            Family::counter(
                "lapwing_connections_displaced_total",
                "Connections that had to leave for newer ones.",
                gate.shown_out(),
            ),
            Family::counter(
                "lapwing_descriptors_exhausted_total",
                "Times a connection could not be accepted for want of descriptors.",
                gate.starved(),
            ),
            Family::gauge(
                "lapwing_held_bytes",
                "Bytes of unfinished bodies and messages held in memory.",
                gate.held() as f64,
            ),
        ]
    }

    fn of_journal(&self) -> Vec<Family> {
        let measures = self.recorder.measures();
        let (buckets, beyond, sum) = measures.appends();
        let Unrecorded {
            shelved,
            early,
            lost,
            waiting,
        } = self.recorder.unrecorded();
        let (records, age) = self.behind();
        let mut families = vec![
            Family::histogram(
                "lapwing_journal_append_seconds",
                "From giving something to the journal until it is on disk, matched or not.",
                &buckets,
                beyond,
                sum,
            ),
            Family::counter(
                "lapwing_journal_gaps_total",
                "Times the disk of the evidence log failed; each leaves a record of the gap.",
                self.journal.failures(),
            ),
            Family::counter(
                "lapwing_trips_late_total",
                "Trips that could not be written at once and waited in memory.",
                shelved,
            ),
            Family::gauge(
                "lapwing_trips_waiting",
                "Trips that wait in memory for the disk.",
                waiting as f64,
            ),
            Family::counter(
                "lapwing_answers_early_total",
                "Answers that did not wait for the disk any longer.",
                early,
            ),
            Family::counter(
                "lapwing_trips_lost_total",
                "Trips there was no memory left for.",
                lost,
            ),
            Family::counter(
                "lapwing_journal_records_total",
                "Records in the evidence log, also from before this start.",
                self.journal.next_sequence(),
            ),
            Family::gauge(
                "lapwing_index_lag_records",
                "Records that wait to be indexed.",
                records as f64,
            ),
            Family::gauge(
                "lapwing_index_lag_seconds",
                "For how long the first of them has waited.",
                age.as_secs_f64(),
            ),
        ];
        families.extend(measures.last_sync().map(|at| {
            Family::gauge(
                "lapwing_journal_last_sync_timestamp_seconds",
                "When something last got to the disk, since 1970.",
                at,
            )
        }));
        families.extend(self.room().map(|room| {
            Family::gauge(
                "lapwing_data_directory_free_bytes",
                "Bytes free where the data directory lies.",
                room as f64,
            )
        }));
        families
    }

    fn of_channels(&self) -> Vec<Family> {
        // Without an answer there is no figure: better than a wrong one.
        let pending = self.ledger.pending_by_channel();
        let mut families = Vec::new();
        if let Ok(pending) = pending {
            let mut depth = Family::new(
                "lapwing_outbox_pending",
                "Alerts on their way, by channel.",
                Kind::Gauge,
            );
            let none: BTreeMap<String, u64> = self
                .sent
                .channels()
                .map(|name| (name.to_owned(), 0))
                .collect();
            for (channel, count) in none.into_iter().chain(pending).collect::<BTreeMap<_, _>>() {
                depth = depth.with(&[("channel", &channel)], count as f64);
            }
            families.push(depth);
        }
        let [delivered, failed, dead] = self.sent.families();
        families.extend([delivered, failed, dead]);
        // A family without a figure says nothing.
        families.retain(|family| !family.samples.is_empty());
        families
    }

    fn of_data(&self) -> Vec<Family> {
        let mut ends = Family::new(
            "lapwing_certificate_not_after_timestamp_seconds",
            "When a certificate that listeners show ends, since 1970.",
            Kind::Gauge,
        );
        for End { file, name, end } in self.ends.all() {
            ends = ends.with(&[("name", &name), ("file", &file)], end as f64);
        }
        let mut dates = Family::new(
            "lapwing_data_timestamp_seconds",
            "The day of the lists of networks and of geography, since 1970.",
            Kind::Gauge,
        );
        for (name, day) in &self.dates {
            dates = dates.with(&[("source", name)], *day as f64);
        }
        let mut held = Family::new(
            "lapwing_confined",
            "Whether the station gave this up: user (root), files, calls.",
            Kind::Gauge,
        );
        for it in &self.standing.0 {
            held = held.with(&[("what", it.name)], f64::from(u8::from(it.held)));
        }
        [ends, dates, held]
            .into_iter()
            .filter(|family| !family.samples.is_empty())
            .collect()
    }
}

impl Monitor for Watcher {
    fn unready(&self) -> BoxFuture<'static, Vec<Reason>> {
        let unknown = |what: String| {
            let detail = format!("It cannot be told: {what}.");
            vec![Reason {
                code: "unknown",
                detail,
            }]
        };
        blocking(Arc::clone(&self.0), Watch::reasons, unknown)
    }

    fn about(&self) -> Value {
        let confined = &self.0.standing.0;
        json!({"version": env!("CARGO_PKG_VERSION"), "confined": confined})
    }

    fn families(&self) -> BoxFuture<'static, Vec<Family>> {
        blocking(Arc::clone(&self.0), Watch::families, |_| Vec::new())
    }
}

/// Asks where asking may block.
fn blocking<T: Send + 'static>(
    watch: Arc<Watch>,
    ask: impl FnOnce(&Watch) -> T + Send + 'static,
    otherwise: impl FnOnce(String) -> T + Send + 'static,
) -> BoxFuture<'static, T> {
    Box::pin(async move {
        let asked = tokio::task::spawn_blocking(move || ask(&watch)).await;
        asked.unwrap_or_else(|error| {
            tracing::error!(%error, "cannot say how the station is");
            otherwise(error.to_string())
        })
    })
}
