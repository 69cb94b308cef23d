//! Reports of other hosts: what was planted there, and whether it still stands.
//!
//! A credential that may plant names one host, and can only say how placements fared that the operator
//! announced for that host. It cannot add one, touch another host's, or read any.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::StatusCode;
use http::request::Parts;
use lapwing_core::{
    Credential, May, Placement, PlacementId, PlacementState, Site, Timestamp, text,
};
use lapwing_store::{Ledger, StoreError};
use serde::{Deserialize, Serialize};

use crate::Desk;
use crate::answer::{Answer, Refusal, json_answer};
use crate::auth::admit;

/// Most placements in one report.
const PLACEMENTS: usize = 1000;

/// What a host says: the body of `POST /v1/report`, and what `lapwing placements import` reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Report {
    /// In how many seconds the next report is to be expected; 0: not known.
    pub every: u32,
    /// Placements that have changed, targets written as on that host.
    pub placements: Vec<Placement>,
    /// How each placement was found: `unchanged`, `present`, `changed`, `missing`, ...
    pub conditions: BTreeMap<PlacementId, String>,
    /// No other report will come under this credential, which is revoked.
    pub last: bool,
}

/// Why a report is not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// It speaks of what its credential does not cover, or of too much.
    #[error("{0}")]
    Refused(String),
    /// The ledger.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Takes a report in, under the credential it came with. Returns how many placements it changed.
///
/// # Errors
/// [`ReportError::Refused`]; then nothing of it was taken in. Or the ledger fails.
pub fn take(
    ledger: &Ledger,
    credential: &Credential,
    report: &Report,
    now: Timestamp,
) -> Result<usize, ReportError> {
    use PlacementState::{Abandoned, Uprooted};
    let refused = |what: &str| Err(ReportError::Refused(what.to_owned()));
    let Some(host) = &credential.host else {
        return refused("the credential names no host");
    };
    if report.placements.len() > PLACEMENTS || report.conditions.len() > PLACEMENTS {
        return refused("too many placements");
    }
    let site = Site::Host(host.clone());
    let mut changed = Vec::new();
    for said in &report.placements {
        let known = here(ledger, said.id, &site)?;
        if known.canary != said.canary {
            return refused("a placement of another canary");
        }
        if said.target.len() > 4096 || said.target.chars().any(text::is_unprintable) {
            return refused("a place whose name cannot be printed");
        }
        if !follows(known.state, said.state) {
            continue;
        }
        // Only what happened there is taken from the host; what it is for, the operator has said.
        let said = said.clone();
        changed.push(Placement {
            target: site.target(&said.target),
            target_kind: said.target_kind,
            detail: said.detail,
            before: said.before,
            after: said.after,
            state: said.state,
            planted: said.planted,
            uprooted: said.uprooted,
            ..known
        });
    }
    for (id, word) in &report.conditions {
        here(ledger, *id, &site)?;
        if !CONDITIONS.contains(&word.as_str()) {
            return refused("a condition that is none");
        }
    }
    for placement in &changed {
        ledger.place_update(placement)?;
    }
    if report.last && report.every == 0 {
        ledger.credential_revoke(&credential.name, now)?;
    }
    let gone: Vec<PlacementId> = changed
        .iter()
        .filter(|placement| matches!(placement.state, Uprooted | Abandoned))
        .map(|placement| placement.id)
        .collect();
    ledger.host_heard(host, report.every, &report.conditions, &gone, now)?;
    Ok(changed.len())
}

/// What a placement may be found as.
const CONDITIONS: [&str; 6] = [
    "unchanged",
    "present",
    "changed",
    "missing",
    "half-planted",
    "unreadable",
];

/// A placement that was announced for this host.
fn here(ledger: &Ledger, id: PlacementId, site: &Site) -> Result<Placement, ReportError> {
    let known = ledger.placement(id)?;
    known
        .filter(|known| Site::of(&known.target).is_some_and(|(its, _)| its == *site))
        .ok_or_else(|| ReportError::Refused("a placement that is not this host's".to_owned()))
}

/// Whether one state may come after another: a report that comes late changes nothing back.
fn follows(known: PlacementState, said: PlacementState) -> bool {
    use PlacementState::{Abandoned, Intended, Planted, Uprooted};
    match known {
        Intended => said != Intended,
        Planted => matches!(said, Planted | Uprooted | Abandoned),
        Uprooted | Abandoned => false,
    }
}

/// `POST /v1/report`.
pub(crate) async fn report(desk: &Desk, head: &Parts, body: &[u8]) -> Result<Answer, Refusal> {
    let hint = "the bundle makes such reports; see docs/FLEETS.md";
    let credential = admit(desk, &head.headers, May::Plant).await?;
    let report: Report = serde_json::from_slice(body).map_err(|error| {
        Refusal::new(StatusCode::BAD_REQUEST, format!("the body: {error}"), hint)
    })?;
    let (ledger, now) = (Arc::clone(&desk.ledger), desk.clock.now());
    let taken = tokio::task::spawn_blocking(move || take(&ledger, &credential, &report, now)).await;
    match taken {
        Ok(Ok(_)) => Ok(json_answer(StatusCode::OK, "{\"taken\":true}")),
        Ok(Err(ReportError::Refused(what))) => Err(Refusal::new(StatusCode::FORBIDDEN, what, hint)),
        Ok(Err(ReportError::Store(error))) => Err(Refusal::failed(&error)),
        Err(error) => Err(Refusal::failed(&error)),
    }
}
