//! Stands by for the day the disk fails.
//!
//! When trips cannot be recorded the peers are still answered (silence would tell them), so the
//! operator has to hear of it by every means: the log, and every channel directly, since the outbox
//! lies on the same disk. Once the journal has recovered, what waited in memory is written late.

use std::sync::Arc;
use std::time::Duration;

use lapwing_alert::{Dispatcher, Message};
use lapwing_core::{Clock, StationId};
use lapwing_journal::Journal;

use crate::sink::Recorder;

/// How often it is tried whether the journal takes records again.
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) struct Guard {
    pub(crate) recorder: Recorder,
    pub(crate) siren: Siren,
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
    pub(crate) async fn stand(self) {
        loop {
            self.recorder.trouble().await;
            self.siren
                .sound(
                    "Trips cannot be recorded: the disk of the evidence log fails. Peers are still \
                 answered, trips wait in memory.",
                    &["Look at the disk of the data directory: space, mount, health."],
                )
                .await;
            while self.recorder.waiting() > 0 {
                tokio::time::sleep(PAUSE).await;
                self.recorder.catch_up().await;
            }
            let (late, lost) = self.recorder.unrecorded();
            tracing::error!(late, lost, "the evidence log takes records again");
            let text = format!(
                "The evidence log takes records again. Since start {late} trips came during an \
                 outage; {lost} of them were lost."
            );
            self.siren
                .sound(&text, &["Run `lapwing evidence verify`."])
                .await;
        }
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
        for channel in &self.channels {
            if let Err(error) = self.dispatcher.send_now(channel, &message).await {
                tracing::error!(channel, %error, "the alarm could not be sent");
            }
        }
    }
}
