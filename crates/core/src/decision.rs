//! What the operator decided. Decisions are the operator's alone: they live in the ledger, bind to
//! trips, and are replayed on top of whatever is concluded again.

use data_encoding::HEXLOWER;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::conclusion::Verdict;
use crate::custody::Handout;
use crate::id::{ActorId, CanaryId, HoldId, IncidentId, MuteId, ReportId, TripId};
use crate::keeping::{Erase, Erased, Hold};
use crate::time::Timestamp;
use crate::trip::Trip;

/// The one-time nonce, 32 lower hex digits, that the drill of this canary carries under a seed. Whoever
/// sees one cannot tell those of other canaries from it.
#[must_use]
pub fn drill_nonce(seed: &str, canary: CanaryId) -> String {
    let digest = Sha256::digest(format!("drill\n{seed}\n{canary}"));
    HEXLOWER.encode(&digest[..16])
}

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "lowercase")]
pub enum Verb {
    /// Trips of this canary from now until `until` that carry the nonce are a drill.
    Drill {
        /// The canary that will be tripped.
        canary: CanaryId,
        /// One-time nonce, 32 lower hex digits, sent along with the drill's request.
        nonce: String,
        /// When the announcement lapses.
        until: Timestamp,
    },
    /// Trips from now until `until` that carry the [`drill_nonce`] of their canary under this seed are
    /// a drill: one announcement for as many canaries as the operator likes.
    Drills {
        /// Random, 32 lower hex digits. Never sent.
        seed: String,
        /// When the announcement lapses.
        until: Timestamp,
    },
    /// The operator has seen this incident.
    Acknowledge {
        /// Which.
        incident: IncidentId,
        /// Who; empty in decisions that do not say.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        by: String,
    },
    /// The operator is done with this incident.
    Close {
        /// Which.
        incident: IncidentId,
        /// Why.
        reason: String,
        /// Who; empty in decisions that do not say.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        by: String,
    },
    /// The incident wants somebody again.
    Reopen {
        /// Which.
        incident: IncidentId,
        /// Why.
        reason: String,
        /// Who; empty where nobody said.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        by: String,
    },
    /// Somebody looks after this incident, or nobody any more.
    Assign {
        /// Which.
        incident: IncidentId,
        /// Who does; `None`: nobody.
        to: Option<String>,
        /// Who said so; empty where nobody did.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        by: String,
    },
    /// What somebody found out or did about this incident.
    Note {
        /// Which.
        incident: IncidentId,
        /// Their words.
        text: String,
        /// Whose; empty where nobody said.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        by: String,
    },
    /// These actors are one hand, whatever the evidence.
    Merge {
        /// Two or more.
        actors: Vec<ActorId>,
        /// Why.
        reason: String,
        /// Who says so.
        by: String,
    },
    /// These sessions are another hand than the rest of the actor, whatever the evidence.
    Split {
        /// Out of which actor.
        actor: ActorId,
        /// By their first trips.
        sessions: Vec<TripId>,
        /// Why.
        reason: String,
        /// Who says so.
        by: String,
    },
    /// Nobody is told of trips that this covers.
    Mute(Mute),
    /// A mute ends before its time.
    Unmute {
        /// Which.
        mute: MuteId,
    },
    /// What this covers is not erased, however old.
    Hold(Hold),
    /// A hold ends.
    Unhold {
        /// Which.
        hold: HoldId,
        /// Who says so.
        by: String,
    },
    /// Parts of records are to be erased.
    Erase(Erase),
    /// That was done.
    Erased(Erased),
    /// Evidence was handed out in a bundle.
    Handout(Handout),
    /// A report was published.
    Publish(Publication),
    /// A published report no longer holds.
    Withdraw {
        /// Which.
        report: ReportId,
        /// Why, as the correction says it.
        reason: String,
    },
}

/// Which trips nobody is told of, and who answers for that. They are recorded, judged, folded into
/// incidents, shown and reported as all others are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mute {
    /// Its name.
    pub mute: MuteId,
    /// Only those from these addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<IpNet>,
    /// Only those of this canary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<CanaryId>,
    /// Only those with this verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// When it ends.
    pub until: Timestamp,
}

impl Mute {
    /// Whether it covers a trip with this verdict, as far as it holds at the trip's time. A drill is never
    /// muted: its alert is what it is about.
    #[must_use]
    pub fn covers(&self, trip: &Trip, verdict: Verdict) -> bool {
        let source = trip.observed.source().ip();
        trip.observed.time < self.until
            && verdict != Verdict::Drill
            && self.network.is_none_or(|network| network.contains(&source))
            && self.canary.is_none_or(|canary| canary == trip.canary)
            && self.verdict.is_none_or(|only| only == verdict)
    }
}

/// Every mute in the order they were set up, since when, and until when it holds or held.
#[must_use]
pub fn mutes(decisions: &[Decision]) -> Vec<(Timestamp, Mute)> {
    let mut mutes: Vec<(Timestamp, Mute)> = Vec::new();
    for decision in decisions {
        match &decision.verb {
            Verb::Mute(mute) => mutes.push((decision.time, mute.clone())),
            Verb::Unmute { mute: ended } => {
                for (_, mute) in mutes.iter_mut().filter(|(_, mute)| mute.mute == *ended) {
                    mute.until = mute.until.min(decision.time);
                }
            }
            _ => {}
        }
    }
    mutes
}

/// A report as it was published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publication {
    /// Its name, printed in it.
    pub report: ReportId,
    /// SHA-256 of the file, 64 lower hex digits.
    pub digest: String,
    /// Its format (`html`).
    pub format: String,
    /// Its language (`en`).
    pub language: String,
    /// What it was narrowed to, as it was asked for: `since=2026-11-01`. Empty: nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filter: Vec<String>,
    /// How many trips it rests on.
    pub trips: u64,
}

/// A published report and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Published {
    /// When it was published.
    pub time: Timestamp,
    /// What.
    #[serde(flatten)]
    pub publication: Publication,
    /// When and why it was withdrawn, if it was.
    pub withdrawn: Option<(Timestamp, String)>,
}

/// Every published report, oldest first. A second withdrawal changes nothing.
#[must_use]
pub fn published(decisions: &[Decision]) -> Vec<Published> {
    let mut all: Vec<Published> = Vec::new();
    for decision in decisions {
        match &decision.verb {
            Verb::Publish(publication) => all.push(Published {
                time: decision.time,
                publication: publication.clone(),
                withdrawn: None,
            }),
            Verb::Withdraw { report, reason } => {
                for one in all
                    .iter_mut()
                    .filter(|one| one.publication.report == *report)
                {
                    let withdrawn = || (decision.time, reason.clone());
                    one.withdrawn.get_or_insert_with(withdrawn);
                }
            }
            _ => {}
        }
    }
    all
}

/// A decision and when it was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// When.
    pub time: Timestamp,
    /// What.
    #[serde(flatten)]
    pub verb: Verb,
}
