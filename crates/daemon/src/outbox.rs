//! The outbox that crate `alert` delivers from, kept in the ledger.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lapwing_alert::Outbox;
use lapwing_console::{Family, Kind};
use lapwing_core::{Delivery, DeliveryState, Timestamp};
use lapwing_store::Ledger;

/// Deliveries in the ledger, and a count of what became of them.
pub(crate) struct LedgerOutbox {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) sent: Arc<Sent>,
}

/// What became of deliveries since the start, by channel.
#[derive(Debug, Default)]
pub(crate) struct Sent(BTreeMap<String, Counts>);

#[derive(Debug, Default)]
struct Counts {
    delivered: AtomicU64,
    failed: AtomicU64,
    dead: AtomicU64,
}

impl Sent {
    /// Of these channels.
    pub(crate) fn of(channels: &[String]) -> Self {
        Self(
            channels
                .iter()
                .map(|name| (name.clone(), Counts::default()))
                .collect(),
        )
    }

    /// The names of the channels.
    pub(crate) fn channels(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    fn count(&self, delivery: &Delivery) {
        let Some(counts) = self.0.get(&delivery.channel) else {
            return;
        };
        let counter = match delivery.state {
            DeliveryState::Delivered => &counts.delivered,
            DeliveryState::Pending if delivery.error.is_empty() => return,
            DeliveryState::Pending => &counts.failed,
            DeliveryState::Dead => &counts.dead,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Delivered, failed and to be tried again, given up.
    pub(crate) fn families(&self) -> [Family; 3] {
        let family = |name, help, count: fn(&Counts) -> &AtomicU64| {
            self.0.iter().fold(
                Family::new(name, help, Kind::Counter),
                |family, (channel, counts)| {
                    family.with(
                        &[("channel", channel)],
                        count(counts).load(Ordering::Relaxed) as f64,
                    )
                },
            )
        };
        [
            family("lapwing_deliveries_total", "Alerts a channel took.", |it| {
                &it.delivered
            }),
            family(
                "lapwing_delivery_failures_total",
                "Attempts a channel did not take; each is tried again.",
                |it| &it.failed,
            ),
            family(
                "lapwing_deliveries_dead_total",
                "Alerts given up after the last attempt.",
                |it| &it.dead,
            ),
        ]
    }
}

impl Outbox for LedgerOutbox {
    fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Delivery>, String> {
        self.ledger
            .due(now, limit)
            .map_err(|error| error.to_string())
    }

    fn update(&self, deliveries: &[Delivery]) -> Result<(), String> {
        let updated = self.ledger.update_deliveries(deliveries);
        updated.map_err(|error| error.to_string())?;
        deliveries
            .iter()
            .for_each(|delivery| self.sent.count(delivery));
        Ok(())
    }

    fn enqueue(&self, deliveries: &[Delivery]) -> Result<(), String> {
        self.ledger
            .enqueue(deliveries)
            .map(drop)
            .map_err(|error| error.to_string())
    }
}
