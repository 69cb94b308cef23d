//! Makes alerts of what was concluded. Each is queued under a key derived from its trip, so that
//! whoever comes to the same conclusion again queues nothing twice.

use std::sync::Arc;

use lapwing_alert::{Folded, IncidentFacts, Message, delivery};
use lapwing_catalog::Catalog;
use lapwing_core::{
    CanaryId, Clock, Delivery, IncidentId, Judgement, NetworkFacts, Occasion, PlacementState,
    StationId, Trip, TripId, Verdict,
};
use lapwing_store::Ledger;

use crate::DaemonError;

/// Where alerts go, and what they say beside the conclusions.
pub struct Announcer {
    /// Names of the configured channels.
    pub channels: Vec<String>,
    /// The newest signed checkpoint, over this record if that can be had soon.
    pub checkpoint: Box<dyn Fn(u64) -> String + Send + Sync>,
    /// Called after alerts were queued.
    pub wake: Box<dyn Fn() + Send + Sync>,
    /// For when they were queued.
    pub clock: Arc<dyn Clock>,
    /// Names of kinds.
    pub catalog: Arc<Catalog>,
    /// Canaries and where they stand.
    pub ledger: Arc<Ledger>,
    /// Who announces.
    pub station: StationId,
    /// Whether it is a demonstration.
    pub exercise: bool,
}

impl Announcer {
    /// The alerts that a trip is worth. `last` is the newest of the records dealt with at once: one
    /// checkpoint serves all their alerts.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub(crate) fn alerts(
        &self,
        trip: &Trip,
        folded: &Folded,
        network: &NetworkFacts,
        judgement: &Judgement,
        last: u64,
    ) -> Result<Vec<Delivery>, DaemonError> {
        if self.channels.is_empty() {
            return Ok(Vec::new());
        }
        let incident = &folded.incident;
        let (occasion, stem) = match (folded.opened, folded.announce) {
            // Told of by itself, whatever it is folded into: the alert is what a drill is about.
            _ if judgement.verdict == Verdict::Drill => (Occasion::Drill, drill_stem(trip.id)),
            (true, _) => (
                Occasion::Opened,
                alert_stem(incident.id, Occasion::Opened, 1),
            ),
            (false, Some(number)) => (
                Occasion::Continued,
                alert_stem(incident.id, Occasion::Continued, number),
            ),
            (false, None) => return Ok(Vec::new()),
        };
        let Some(canary) = self.ledger.canary(trip.canary)? else {
            tracing::error!(canary = %trip.canary, "a trip names a canary the ledger does not have");
            return Ok(Vec::new());
        };
        let place = self.place(trip.canary)?;
        let message = Message::incident(&IncidentFacts {
            occasion,
            incident,
            canary: &canary,
            kind_name: self
                .catalog
                .kind(&canary.kind)
                .map_or(&canary.kind, |kind| &kind.name),
            place: place.as_deref(),
            trip,
            network,
            judgement,
            station: self.station,
            checkpoint: &(self.checkpoint)(last),
            exercise: self.exercise,
        });
        let now = self.clock.now();
        Ok(self
            .channels
            .iter()
            .map(|channel| delivery(&stem, channel, &message, now))
            .collect())
    }

    /// Where a canary stands, or stood last.
    fn place(&self, canary: CanaryId) -> Result<Option<String>, DaemonError> {
        let placements = self.ledger.placements_of(canary)?;
        Ok(placements
            .into_iter()
            .rfind(|placement| placement.state != PlacementState::Abandoned)
            .map(|placement| placement.target))
    }
}

/// What an alert is queued under, before its channel: the same whenever the trip is looked at again.
fn alert_stem(incident: IncidentId, occasion: Occasion, number: u64) -> String {
    format!("{incident}/{occasion}/{number}")
}

/// A drill's alert is named after its own trip: its incident may be open already, and drilled before.
fn drill_stem(trip: TripId) -> String {
    alert_stem(IncidentId(trip), Occasion::Drill, 1)
}

/// The key of the delivery that tells `channel` of the arrival of a drill's trip.
#[must_use]
pub fn drill_key(trip: TripId, channel: &str) -> String {
    format!("{}@{channel}", drill_stem(trip))
}
