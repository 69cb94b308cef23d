//! The outbox that crate `alert` delivers from, kept in the ledger.

use std::sync::Arc;

use lapwing_alert::Outbox;
use lapwing_core::{Delivery, Timestamp};
use lapwing_store::Ledger;

/// Deliveries in the ledger.
pub(crate) struct LedgerOutbox(pub(crate) Arc<Ledger>);

impl Outbox for LedgerOutbox {
    fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Delivery>, String> {
        self.0.due(now, limit).map_err(|error| error.to_string())
    }

    fn update(&self, deliveries: &[Delivery]) -> Result<(), String> {
        self.0
            .update_deliveries(deliveries)
            .map_err(|error| error.to_string())
    }

    fn enqueue(&self, deliveries: &[Delivery]) -> Result<(), String> {
        self.0
            .enqueue(deliveries)
            .map(drop)
            .map_err(|error| error.to_string())
    }
}
