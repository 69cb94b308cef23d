//! Deliveries: alerts on their way out. Messages name places, so they are sealed.

use std::collections::BTreeMap;

use lapwing_core::{Delivery, DeliveryState, Timestamp};

use super::Ledger;
use crate::StoreError;
use crate::db::{Row, args, int};

/// No pause between attempts is nearly so long, in seconds: what is due later than this was queued before the
/// clock was set back, and is due now.
const LATEST: i64 = 6 * 3600;

impl Ledger {
    /// Queues deliveries; those whose key was ever queued before are left as they are. On disk when
    /// this returns. Returns how many were new.
    ///
    /// # Errors
    /// As for any write.
    pub fn enqueue(&self, deliveries: &[Delivery]) -> Result<usize, StoreError> {
        if deliveries.is_empty() {
            return Ok(0);
        }
        let mut sealed = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            sealed.push(self.seal("delivery", delivery.key.as_bytes(), delivery)?);
        }
        self.db.write(|session| {
            let mut new = 0;
            for (delivery, sealed) in deliveries.iter().zip(&sealed) {
                let changed = session.execute(
                    "INSERT INTO deliveries (key, state, queued, due, sealed)
                     VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (key) DO NOTHING",
                    args![
                        delivery.key.as_str(),
                        state_number(delivery.state),
                        delivery.queued.micros(),
                        delivery.due.micros(),
                        sealed.as_slice()
                    ],
                )?;
                new += usize::from(changed > 0);
            }
            Ok(new)
        })
    }

    /// Pending deliveries that are due, longest due first, at most `limit`.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Delivery>, StoreError> {
        self.db.read(|session| {
            session.all(
                "SELECT key, sealed FROM deliveries
                 WHERE state = ?1 AND (due <= ?2 OR due > ?4)
                 ORDER BY due LIMIT ?3",
                args![
                    state_number(DeliveryState::Pending),
                    now.micros(),
                    int(limit as u64),
                    now.plus_seconds(LATEST).micros(),
                ],
                |row| self.read_delivery(row),
            )
        })
    }

    /// Replaces a delivery by what it has become. On disk when this returns.
    ///
    /// # Errors
    /// [`StoreError::Missing`] if there is none with this key; otherwise as for any write.
    pub fn update_delivery(&self, delivery: &Delivery) -> Result<(), StoreError> {
        self.update_deliveries(std::slice::from_ref(delivery))
    }

    /// Replaces deliveries by what they have become, all or none. On disk when this returns.
    ///
    /// # Errors
    /// [`StoreError::Missing`] if there is none with one of the keys; otherwise as for any write.
    pub fn update_deliveries(&self, deliveries: &[Delivery]) -> Result<(), StoreError> {
        let mut sealed = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            sealed.push(self.seal("delivery", delivery.key.as_bytes(), delivery)?);
        }
        self.db.write(|session| {
            for (delivery, sealed) in deliveries.iter().zip(&sealed) {
                let changed = session.execute(
                    "UPDATE deliveries SET state = ?2, queued = ?3, due = ?4, sealed = ?5
                     WHERE key = ?1",
                    args![
                        delivery.key.as_str(),
                        state_number(delivery.state),
                        delivery.queued.micros(),
                        delivery.due.micros(),
                        sealed.as_slice()
                    ],
                )?;
                if changed == 0 {
                    return Err(StoreError::Missing {
                        path: self.db.path().to_owned(),
                        what: format!("delivery {}", delivery.key),
                    });
                }
            }
            Ok(())
        })
    }

    /// Deliveries in whatever state, newest first, at most `limit`.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn deliveries(&self, limit: usize) -> Result<Vec<Delivery>, StoreError> {
        self.db.read(|session| {
            session.all(
                "SELECT key, sealed FROM deliveries ORDER BY queued DESC, key DESC LIMIT ?1",
                args![int(limit as u64)],
                |row| self.read_delivery(row),
            )
        })
    }

    /// Deliveries whose keys begin with `stem`, an incident's name with a slash behind it, in the order in
    /// which they were queued.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn deliveries_of(&self, stem: &str) -> Result<Vec<Delivery>, StoreError> {
        let end = format!("{stem}\u{10ffff}");
        self.db.read(|session| {
            session.all(
                "SELECT key, sealed FROM deliveries WHERE key >= ?1 AND key < ?2 ORDER BY queued, key",
                args![stem, end.as_str()],
                |row| self.read_delivery(row),
            )
        })
    }

    /// The delivery with this key.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn delivery(&self, key: &str) -> Result<Option<Delivery>, StoreError> {
        self.db.read(|session| {
            session.one(
                "SELECT key, sealed FROM deliveries WHERE key = ?1",
                args![key],
                |row| self.read_delivery(row),
            )
        })
    }

    /// How many deliveries are pending, due or not.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn pending_count(&self) -> Result<u64, StoreError> {
        let count = self.db.read(|session| {
            session.one(
                "SELECT COUNT(*) FROM deliveries WHERE state = ?1",
                args![state_number(DeliveryState::Pending)],
                |row| row.count(0),
            )
        })?;
        Ok(count.unwrap_or(0))
    }

    /// How many deliveries are pending for each channel, due or not.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn pending_by_channel(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        let mut counts = BTreeMap::new();
        self.db.read(|session| {
            session.all(
                "SELECT key FROM deliveries WHERE state = ?1",
                args![state_number(DeliveryState::Pending)],
                |row| {
                    // `<what>@<channel>`, and no `@` in front of that one.
                    let key = row.text(0)?;
                    let channel = key.split_once('@').map_or("", |(_, channel)| channel);
                    *counts.entry(channel.to_owned()).or_insert(0) += 1;
                    Ok(())
                },
            )
        })?;
        Ok(counts)
    }

    fn read_delivery(&self, row: &Row<'_>) -> Result<Delivery, StoreError> {
        self.unseal("delivery", row.text(0)?.as_bytes(), row, 1)
    }
}

fn state_number(state: DeliveryState) -> i64 {
    match state {
        DeliveryState::Pending => 0,
        DeliveryState::Delivered => 1,
        DeliveryState::Dead => 2,
    }
}
