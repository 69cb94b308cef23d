//! Where queued messages wait.

use lapwing_core::{Delivery, Occasion, Timestamp};

/// Where queued messages wait. Kept in the ledger by the station; calls may block.
///
/// Errors are texts: the dispatcher logs them and tries again, it cannot do more about them.
pub trait Outbox: Send + Sync + 'static {
    /// Pending deliveries whose time has come, of all channels, at most `limit`.
    ///
    /// # Errors
    /// The outbox cannot be read.
    fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Delivery>, String>;

    /// Writes back what became of deliveries, each found by its key.
    ///
    /// # Errors
    /// The outbox cannot be written.
    fn update(&self, deliveries: &[Delivery]) -> Result<(), String>;

    /// Queues deliveries; those whose key is there already, in whatever state, are ignored.
    ///
    /// # Errors
    /// The outbox cannot be written.
    fn enqueue(&self, deliveries: &[Delivery]) -> Result<(), String>;

    /// Pending deliveries of one channel whose time has come, at most `limit`, the most urgent
    /// occasions first. What is given looks through [`Outbox::due`]; an outbox that can ask for one
    /// channel does better, because there another channel's backlog costs nothing.
    ///
    /// # Errors
    /// The outbox cannot be read.
    fn due_for(
        &self,
        channel: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Delivery>, String> {
        let mut page = limit.max(1);
        loop {
            let all = self.due(now, page)?;
            let exhausted = all.len() < page;
            let mut own: Vec<Delivery> = all
                .into_iter()
                .filter(|delivery| delivery.channel == channel)
                .collect();
            if exhausted || own.len() >= limit || page >= PAGE_MAX {
                own.sort_by_key(|delivery| (urgency(delivery.occasion), delivery.queued));
                own.truncate(limit);
                return Ok(own);
            }
            page = page.saturating_mul(4);
        }
    }
}

/// Most deliveries looked through for one channel's: bounds memory, not delivery, since what lies
/// behind moves up as the rest is sent.
const PAGE_MAX: usize = 16_384;

/// What goes first: a lower number.
pub(crate) const fn urgency(occasion: Occasion) -> u8 {
    match occasion {
        Occasion::Opened => 0,
        Occasion::Alarm => 1,
        Occasion::Drill | Occasion::Test => 2,
        Occasion::Continued => 3,
        Occasion::Heartbeat => 4,
    }
}
