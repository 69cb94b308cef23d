//! Stands by for the day the disk fails.
//!
//! When trips cannot be recorded the peers are still answered (silence would tell them), so the
//! operator has to hear of it by every means: the log, and every channel directly, since the outbox
//! lies on the same disk. Once the journal has recovered, what waited in memory is written late.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use lapwing_alert::{Dispatcher, Message};
use lapwing_core::{Clock, StationId};
use lapwing_journal::{Body, Entry, Journal};
use lapwing_listen::Gate;
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use crate::mark::Mark;
use crate::recognise::LedgerRecogniser;
use crate::sink::{Recorder, Unrecorded};

/// How often it is looked whether all is well.
const LOOK: Duration = Duration::from_millis(250);
/// How often it is tried whether the journal takes records again.
const PAUSE: Duration = Duration::from_secs(1);
/// How long first uses gather before the operator hears of them.
const GATHER: Duration = Duration::from_millis(200);
/// How often the operator hears of further canaries while the same outage lasts.
const AGAIN: Duration = Duration::from_secs(2);
/// A failure so soon after the last is the same trouble: of it only further canaries are told.
const SAME: Duration = Duration::from_secs(60);
/// The clock was set if it went this much otherwise than time did.
const JUMP: i64 = 2_000_000;
/// Canaries named in one alarm.
const NAMED: usize = 8;

pub(crate) struct Guard {
    pub(crate) recorder: Recorder,
    pub(crate) recogniser: Arc<LedgerRecogniser>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) siren: Siren,
    pub(crate) mark: Mark,
}

/// Tells the operator by every means that something is wrong with the station itself: the log, and every
/// channel directly.
#[derive(Clone)]
pub(crate) struct Siren {
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) channels: Vec<String>,
    pub(crate) station: StationId,
    pub(crate) journal: Journal,
}

impl Guard {
    pub(crate) async fn stand(mut self) {
        let mut ticking = Ticking::new(&self.siren);
        let mut before: Option<Instant> = None;
        let mut starved = 0;
        loop {
            // Whatever ends the wait, what is looked at is the state.
            let _ = timeout(LOOK, self.recorder.trouble()).await;
            self.watch_clock(&mut ticking).await;
            self.watch_descriptors(&mut starved);
            let Unrecorded { early, waiting, .. } = self.recorder.unrecorded();
            if self.is_well() && waiting == 0 {
                self.mark.recording(true);
                if let Some(say) = self.mark.alive(self.siren.clock.now()) {
                    tokio::task::spawn_blocking(say);
                }
                continue;
            }
            self.mark.recording(self.is_well());
            let same = before.is_some_and(|before| before.elapsed() < SAME);
            self.outage(same, early).await;
            self.mark.recording(self.is_well());
            before = Some(Instant::now());
        }
    }

    fn is_well(&self) -> bool {
        self.siren.journal.healthy()
    }

    /// From the failure until what waited is written.
    async fn outage(&self, same: bool, early: u64) {
        let began = self.recorder.unrecorded();
        sleep(GATHER).await;
        let mut told = Instant::now();
        let mut quiet = same;
        if !quiet {
            self.tell(
                "Trips cannot be recorded: the disk of the evidence log fails or does not answer. Peers are \
                 still answered, trips wait in memory.",
            );
        }
        while !self.is_well() || self.recorder.unrecorded().waiting > 0 {
            let _ = timeout(PAUSE, self.recorder.trouble()).await;
            sleep(LOOK).await;
            self.recorder.catch_up(&self.recogniser).await;
            if told.elapsed() >= AGAIN && self.tell_news() {
                (told, quiet) = (Instant::now(), false);
            }
        }
        quiet &= !self.tell_news();
        self.recorder.forget_news();
        let now = self.recorder.unrecorded();
        let (late, lost) = (now.shelved - began.shelved, now.lost - began.lost);
        tracing::error!(late, lost, early, "the evidence log takes records again");
        if !quiet {
            let text = format!(
                "The evidence log takes records again. Since start {} trips came during an \
                 outage; {} of them were lost.",
                now.shelved, now.lost
            );
            self.sound(text, &["Run `lapwing evidence verify`."]);
        }
    }

    /// Tells what is wrong, and of which canaries' uses.
    fn tell(&self, text: &str) {
        let named = named(&self.recorder.news());
        let next = &["Look at the disk of the data directory: space, mount, health."];
        self.sound(format!("{text}{named}"), next);
    }

    /// Tells of canaries whose use could not be recorded either; whether there were any.
    fn tell_news(&self) -> bool {
        let news = self.recorder.news();
        if !news.is_empty() {
            let next = &["Look at the disk of the data directory: space, mount, health."];
            let text = format!("Further trips were not recorded in time.{}", named(&news));
            self.sound(text, next);
        }
        !news.is_empty()
    }

    /// Not waited for: a channel may be slow, and the journal may be well again meanwhile.
    fn sound(&self, text: String, next: &'static [&'static str]) {
        let siren = self.siren.clone();
        tokio::spawn(async move { siren.sound(&text, next).await });
    }

    /// Notes in the evidence when the clock was set: times before and after are not to be compared.
    async fn watch_clock(&self, ticking: &mut Ticking) {
        let Some(by) = ticking.jump(&self.siren) else {
            return;
        };
        #[expect(clippy::cast_precision_loss, reason = "for people to read")]
        let seconds = by as f64 / 1e6;
        tracing::warn!("the clock was set by {seconds:+.1} s: records say so");
        let entry = Entry {
            body: Body::from(json!({"type": "clock", "by": by})),
            parts: Vec::new(),
            via: "clock".to_owned(),
        };
        // A journal that does not answer is not waited for.
        let _ = timeout(PAUSE, self.siren.journal.append(entry)).await;
    }

    fn watch_descriptors(&self, starved: &mut u64) {
        let now = self.gate.starved();
        if now > *starved {
            tracing::error!(
                connections = self.gate.count(),
                "descriptors ran out {} times since the start: idle strangers were shown out; raise the limit \
                 (LimitNOFILE=) or lower listen.connections",
                now
            );
            *starved = now;
        }
    }
}

fn named(news: &[String]) -> String {
    let mut text = String::new();
    for line in news.iter().take(NAMED) {
        text.push_str(" Not recorded yet: ");
        text.push_str(line);
        text.push('.');
    }
    if news.len() > NAMED {
        text.push_str(&format!(" And {} others.", news.len() - NAMED));
    }
    text
}

/// The wall clock beside one that nobody sets.
struct Ticking {
    wall: i64,
    steady: std::time::Instant,
}

impl Ticking {
    fn new(siren: &Siren) -> Self {
        Self {
            wall: siren.clock.now().micros(),
            steady: std::time::Instant::now(),
        }
    }

    /// By how many microseconds the wall clock was set since this was last asked, if it was.
    fn jump(&mut self, siren: &Siren) -> Option<i64> {
        let now = Self::new(siren);
        let passed = now.steady.duration_since(self.steady).as_micros();
        let passed = i64::try_from(passed).unwrap_or(i64::MAX);
        let by = (now.wall - self.wall).saturating_sub(passed);
        *self = now;
        (by.abs() >= JUMP).then_some(by)
    }
}

impl Siren {
    pub(crate) async fn sound(&self, text: &str, next: &[&str]) {
        tracing::error!("{text}");
        let message = Message::alarm(
            self.station,
            self.clock.now(),
            text,
            next,
            &self.journal.checkpoint(),
        );
        let sending = self.channels.iter().map(|channel| {
            let message = &message;
            async move {
                if let Err(error) = self.dispatcher.send_now(channel, message).await {
                    tracing::error!(channel, %error, "the alarm could not be sent");
                }
            }
        });
        join_all(sending).await;
    }
}
