//! Waits for the reports of other hosts, and says when one stays away, and when it is back.
//!
//! Alerts are queued under keys made of the host and its last report, before the ledger notes them: after a
//! crash in between they are queued again and are the same. Each silence is announced once.

use std::sync::Arc;
use std::time::Duration;

use lapwing_alert::{Message, delivery};
use lapwing_core::{Clock, Delivery, Host, StationId};
use lapwing_journal::Journal;
use lapwing_store::{Ledger, StoreError};

/// How often it is looked at who is overdue.
const LOOK: Duration = Duration::from_secs(1);

/// Watches over the hosts.
pub(crate) struct Hosts {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) channels: Vec<String>,
    pub(crate) station: StationId,
    pub(crate) journal: Journal,
    pub(crate) wake: Box<dyn Fn() + Send + Sync>,
}

impl Hosts {
    /// Watches until it is dropped.
    pub(crate) async fn watch(self) {
        let own = Arc::new(self);
        loop {
            tokio::time::sleep(LOOK).await;
            let own = Arc::clone(&own);
            match tokio::task::spawn_blocking(move || own.look()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "cannot look which hosts are silent"),
                Err(error) => tracing::error!(%error, "cannot look which hosts are silent"),
            }
        }
    }

    fn look(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut told = false;
        for host in self.ledger.hosts()? {
            let (word, after, note, text) = match host.silent {
                None if host.is_overdue(now) => {
                    ("silent", host.heard, Some(host.heard), silent(&host))
                }
                Some(since) if host.heard > since => ("back", since, None, back(&host)),
                _ => continue,
            };
            let stem = format!("host/{}/{word}/{}", host.name, after.micros());
            self.ledger.enqueue(&self.alerts(&stem, &text, word))?;
            self.ledger.host_silent(&host.name, note)?;
            told = true;
        }
        if told {
            (self.wake)();
        }
        Ok(())
    }

    fn alerts(&self, stem: &str, text: &str, word: &str) -> Vec<Delivery> {
        let next: &[&str] = if word == "silent" {
            &[
                "Look whether the host runs, reaches the desk, and still has its timer.",
                "`lapwing hosts` lists hosts; `lapwing hosts --forget NAME` ends the wait for one.",
            ]
        } else {
            &["Look at what happened to the host meanwhile: `lapwing hosts`."]
        };
        let now = self.clock.now();
        let checkpoint = self.journal.checkpoint();
        let message = Message::alarm(self.station, now, text, next, &checkpoint);
        self.channels
            .iter()
            .map(|channel| delivery(stem, channel, &message, now))
            .collect()
    }
}

fn silent(host: &Host) -> String {
    format!(
        "The host {} is silent: it reports every {} s, and was last heard at {}. Whether its bait still \
         stands is not known.",
        host.name,
        host.every,
        host.heard.to_seconds_string()
    )
}

fn back(host: &Host) -> String {
    format!(
        "The host {} reports again, since {}.",
        host.name,
        host.heard.to_seconds_string()
    )
}
