//! What is sent. A [`Message`] is made once, when something happens, and rendered by the channels
//! as plain text, HTML or JSON.
//!
//! It holds no bait value, no live beacon, and of what the peer said only the method (if it is a
//! known one) and the program's name for itself, masked and escaped.
//!
//! # The JSON form
//!
//! The serialised [`Message`] is what the outbox stores and what a webhook posts. All times are RFC
//! 3339 in UTC with microseconds. Keys that have nothing to say are left out. A reader must ignore
//! keys it does not know; a change that is not merely a new key raises `version`.
//!
//! ```json
//! {
//!   "version": 1,
//!   "type": "opened",                 // opened, continued, test, drill, alarm, heartbeat
//!   "timestamp": "2026-11-23T02:39:00.000000Z",
//!   "station": "0a1b2c3d",
//!   "exercise": false,                // true: made-up addresses of a demonstration
//!   "subject": "Bait used: Twilio account in /srv/sms/.env",
//!   "text": "Bait in /srv/sms/.env (Twilio account) was used from ...",
//!   "incident": {                     // opened, continued and drill only
//!     "id": "i0a1b2c3d-17", "actor": "a0a1b2c3d-17", "verdict": "intruder",
//!     "reasons": ["..."], "rules": 1, "first": "...", "last": "...", "uses": 1,
//!     "bait": { "canary": "<uuid>", "kind": "twilio", "kind_name": "Twilio account",
//!               "memo": "...", "labels": { "team": "sms" }, "place": "/srv/sms/.env" },
//!     "trip": { "id": "0a1b2c3d-17", "time": "...", "uses": 1, "protocol": "http/1.1",
//!               "method": "POST", "agent": "curl/8.5", "found": ["account_sid (basic)"],
//!               "rule": "POST /2010-04-01/...", "outcome": "accepted", "status": 201 },
//!     "network": { "address": "198.51.100.7", "via": "10.0.0.1", "country": "NL",
//!                  "city": "...", "radius_km": 50, "asn": 64500, "as_name": "...",
//!                  "special": "documentation", "listed": ["scanner (Censys)"], "sources": ["..."], "exercise": false }
//!   },
//!   "trips": ["0a1b2c3d-17"],         // drills that this one message stands for; no incident then
//!   "notes": ["..."],                 // further sentences
//!   "next": ["..."],                  // what to do
//!   "caution": "...",                 // the fixed one, where there is an address
//!   "checkpoint": "..."               // newest signed checkpoint of the journal, to be kept
//! }
//! ```

use lapwing_core::{
    Canary, Incident, Judgement, NetworkFacts, Occasion, StationId, Timestamp, Trip, TripId, text,
};
use serde::{Deserialize, Serialize};

pub use crate::parts::{BaitPart, IncidentPart, NetworkPart, TripPart};
use crate::{AlertError, html, words};

/// Version of the JSON form.
pub const SCHEMA_VERSION: u32 = 1;

/// Most drills that go in one message: so many trips fit into what receivers of webhooks take.
pub(crate) const FOLDED: usize = 500;

/// Longest checkpoint carried, in characters; real ones have a few hundred.
const CHECKPOINT_LIMIT: usize = 4096;

/// A message to somebody. See the [module](self) for its JSON form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// [`SCHEMA_VERSION`].
    pub version: u32,
    /// Why it is sent.
    #[serde(rename = "type")]
    pub occasion: Occasion,
    /// Time of the trip, or when the message was made. RFC 3339, UTC.
    pub timestamp: String,
    /// Who sends it.
    pub station: StationId,
    /// Whether addresses in it are made up for a demonstration.
    #[serde(default)]
    pub exercise: bool,
    /// One line without control characters.
    pub subject: String,
    /// What happened, in a sentence.
    pub text: String,
    /// The incident it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<IncidentPart>,
    /// The trips of the drills it stands for, where it stands for several; at most 500.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trips: Vec<TripId>,
    /// Further sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What to do, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub next: Vec<String>,
    /// What an address does not say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub caution: String,
    /// Newest signed checkpoint of the journal: held elsewhere, it shows a journal that was
    /// rewritten.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub checkpoint: String,
}

/// Everything a message about an incident is made from.
#[derive(Clone, Copy, Debug)]
pub struct IncidentFacts<'a> {
    /// Why it is sent.
    pub occasion: Occasion,
    /// The incident, with the trip in it.
    pub incident: &'a Incident,
    /// The canary that was used.
    pub canary: &'a Canary,
    /// The name of its kind.
    pub kind_name: &'a str,
    /// Where it stands.
    pub place: Option<&'a str>,
    /// The newest trip.
    pub trip: &'a Trip,
    /// Its network.
    pub network: &'a NetworkFacts,
    /// What it probably is.
    pub judgement: &'a Judgement,
    /// Who sends.
    pub station: StationId,
    /// Newest signed checkpoint of the journal.
    pub checkpoint: &'a str,
    /// Whether the station runs a demonstration.
    pub exercise: bool,
}

impl Message {
    /// About an incident.
    #[must_use]
    pub fn incident(facts: &IncidentFacts<'_>) -> Self {
        let exercise = facts.exercise || facts.network.exercise;
        let part = IncidentPart::new(facts);
        let mut message = Self::bare(
            facts.occasion,
            facts.station,
            facts.trip.observed.time,
            facts.checkpoint,
        );
        message.exercise = exercise;
        message.subject = words::subject(facts.occasion, &part, exercise);
        message.text = words::sentence(facts.occasion, &part);
        message.next = words::incident_next(facts.occasion, &part, !message.checkpoint.is_empty());
        message.caution = words::CAUTION.to_owned();
        message.incident = Some(part);
        message
    }

    /// The end of a drill's way: as [`Message::incident`], whatever the occasion in `facts`.
    #[must_use]
    pub fn drill(facts: &IncidentFacts<'_>) -> Self {
        Self::incident(&IncidentFacts {
            occasion: Occasion::Drill,
            ..*facts
        })
    }

    /// One message for drills that arrived together; `None` if these are not messages of drills.
    #[must_use]
    pub(crate) fn folded(drills: &[Self]) -> Option<Self> {
        let newest = drills.iter().max_by(|a, b| a.timestamp.cmp(&b.timestamp))?;
        let parts: Vec<&IncidentPart> = drills
            .iter()
            .filter_map(|it| it.incident.as_ref())
            .collect();
        let mut message = Self {
            occasion: Occasion::Drill,
            incident: None,
            trips: parts.iter().map(|part| part.trip.id).collect(),
            exercise: drills.iter().any(|drill| drill.exercise),
            caution: String::new(),
            ..newest.clone()
        };
        message.subject = words::folded_subject(&parts, message.exercise);
        message.text = words::folded_sentence(&parts);
        message.notes = vec![words::folded_kinds(&parts)];
        message.next = words::folded_next(!message.checkpoint.is_empty());
        (parts.len() == drills.len()).then_some(message)
    }

    /// The operator asked whether a channel works.
    #[must_use]
    pub fn test(station: StationId, now: Timestamp, checkpoint: &str) -> Self {
        let mut message = Self::bare(Occasion::Test, station, now, checkpoint);
        message.subject = format!("Test from station {station}");
        message.text = format!(
            "This is a test of this channel, asked for at station {station}. Nothing happened."
        );
        message.next = vec!["Nothing: alerts can reach you here.".to_owned()];
        message
    }

    /// Something is wrong with the station itself: `what` happened, `next` is what to do.
    #[must_use]
    pub fn alarm(
        station: StationId,
        now: Timestamp,
        what: &str,
        next: &[&str],
        checkpoint: &str,
    ) -> Self {
        let mut message = Self::bare(Occasion::Alarm, station, now, checkpoint);
        message.subject = format!(
            "ALARM from station {station}: {}",
            text::escape_short(what.as_bytes(), 100)
        );
        message.text = text::escape_short(what.as_bytes(), 1000);
        message.next = next
            .iter()
            .take(10)
            .map(|line| text::escape_short(line.as_bytes(), 300))
            .collect();
        message
    }

    /// All is well. `every_seconds` is when the next one is to be expected.
    #[must_use]
    pub fn heartbeat(
        station: StationId,
        now: Timestamp,
        every_seconds: u64,
        checkpoint: &str,
    ) -> Self {
        let mut message = Self::bare(Occasion::Heartbeat, station, now, checkpoint);
        message.subject = format!("Station {station} is watching");
        message.text = format!("Station {station} is running, and this channel works.");
        message.notes = vec![format!(
            "Such a message comes every {}. If one stays away, nothing may be watching.",
            words::duration(every_seconds)
        )];
        message
    }

    /// One line for a subject.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// As plain text, lines ended by `\n`.
    #[must_use]
    pub fn to_text(&self) -> String {
        words::plain(self)
    }

    /// As one HTML document for mail programs: no outside loads, no script, light and dark.
    #[must_use]
    pub fn to_html(&self) -> String {
        html::page(self)
    }

    /// As JSON; see the [module](self).
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("all keys are strings and no part can fail")
    }

    /// Reads back what [`Message::to_json`] made.
    ///
    /// # Errors
    /// Not a message, or of another version.
    pub fn from_json(value: &serde_json::Value) -> Result<Self, AlertError> {
        let message = Self::deserialize(value).map_err(AlertError::Message)?;
        if message.version != SCHEMA_VERSION {
            let error = serde::de::Error::custom(format!("version is {}", message.version));
            return Err(AlertError::Message(error));
        }
        Ok(message)
    }

    /// The same with less around it, for channels that bound the size.
    pub(crate) fn shortened(&self) -> Self {
        let mut short = self.clone();
        if let Some(part) = &mut short.incident {
            part.reasons.clear();
            part.bait.labels.clear();
            part.bait.memo.clear();
            part.network.sources.clear();
            part.trip.found.truncate(3);
        }
        short
    }

    fn bare(occasion: Occasion, station: StationId, time: Timestamp, checkpoint: &str) -> Self {
        let whole = checkpoint.chars().nth(CHECKPOINT_LIMIT).is_none();
        Self {
            version: SCHEMA_VERSION,
            occasion,
            timestamp: time.to_string(),
            station,
            exercise: false,
            subject: String::new(),
            text: String::new(),
            incident: None,
            trips: Vec::new(),
            notes: Vec::new(),
            next: Vec::new(),
            caution: String::new(),
            // A part of a checkpoint proves nothing.
            checkpoint: if whole {
                checkpoint.to_owned()
            } else {
                String::new()
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lapwing_core::Verdict;

    use crate::samples::{self, MARKER};

    fn everywhere(message: &Message) -> [String; 4] {
        [
            message.subject().to_owned(),
            message.to_text(),
            message.to_html(),
            message.to_json().to_string(),
        ]
    }

    #[test]
    fn no_bait_leaves_in_any_form() {
        let place = format!("/srv/tok{MARKER}/.env");
        let message = samples::message_as(
            Occasion::Continued,
            Verdict::Intruder,
            Some(&place),
            |trip, canary, incident| {
                let claims = trip.claims.as_mut().unwrap();
                claims.method = lapwing_core::Claimed::new(format!("AC{MARKER}"));
                canary.memo = format!("memo AC{MARKER} https://x7k2live9q.example.org");
                canary.labels.insert("l".to_owned(), format!("AC{MARKER}"));
                incident.count = 12_345;
            },
        );
        for form in everywhere(&message) {
            assert!(!form.contains(MARKER), "{form}");
            assert!(!form.contains("x7k2live9q"), "{form}");
            assert!(!form.contains("z9y8x7w6v5u4"), "{form}");
        }
        assert!(message.to_text().contains("12,345"));
    }

    #[test]
    fn hostile_text_has_no_effect() {
        let message = samples::message();
        let html = message.to_html();
        assert!(!html.contains("<script"), "{html}");
        assert!(html.contains("&lt;script&gt;"), "{html}");
        assert!(html.contains("gateway &lt;key&gt;"), "{html}");
        assert!(html.contains("AAAA&lt;b&gt;"), "{html}");
        assert!(!message.subject().chars().any(char::is_control));
        for line in message.to_text().lines() {
            assert!(!line.starts_with("Bcc:"), "{line}");
        }
        assert!(message.to_text().contains("curl/8.5\\r\\nBcc"));
    }

    #[test]
    fn says_what_happened_first() {
        let message = samples::message();
        assert_eq!(
            message.subject(),
            "Bait used: Twilio account in /srv/sms/.env"
        );
        let text = message.to_text();
        assert!(
            text.starts_with(
                "Bait in /srv/sms/.env (Twilio account) was used from 198.51.100.7 \
                 (AS64500 Example, NL) at 2026-11-23T02:39:00Z: "
            ),
            "{text}"
        );
        for needed in [
            words::CAUTION,
            "lapwing trip 0a1b2c3d-17",
            "lapwing report --canary 07070707-0707-0707-0707-070707070707",
            "qINS1GRFhWFOzDbgxkM2NGBA0cQ0zXpDgQg=",
            "station-0a1b2c3d\n42\n",
            "minted for one place",
            "DB-IP country lite 2026-06-01",
        ] {
            assert!(text.contains(needed), "{needed:?} in {text}");
        }
        assert!(message.to_html().contains("lapwing trip 0a1b2c3d-17"));
    }

    #[test]
    fn every_occasion_and_verdict_has_words() {
        for occasion in [Occasion::Opened, Occasion::Continued, Occasion::Drill] {
            for verdict in Verdict::ALL {
                for place in [None, Some("sqlite:/srv/db?table=users")] {
                    let message = samples::message_as(occasion, verdict, place, |_, _, _| {});
                    assert!(message.text.ends_with('.'), "{}", message.text);
                    assert!(!message.next.is_empty());
                    let back = Message::from_json(&message.to_json()).unwrap();
                    assert_eq!(back, message);
                }
            }
        }
        for message in [
            Message::test(samples::STATION, samples::TIME, samples::CHECKPOINT),
            Message::alarm(samples::STATION, samples::TIME, "a\nb", &["do"], ""),
            Message::heartbeat(samples::STATION, samples::TIME, 86_400, samples::CHECKPOINT),
        ] {
            assert!(!message.subject().contains('\n'));
            assert!(message.to_text().contains("0a1b2c3d"));
            assert_eq!(Message::from_json(&message.to_json()).unwrap(), message);
        }
    }

    #[test]
    fn an_exercise_is_marked_everywhere() {
        let facts = NetworkFacts {
            exercise: true,
            ..samples::network()
        };
        let (trip, canary) = (samples::trip(17), samples::canary());
        let incident = samples::incident(Verdict::Intruder);
        let judgement = samples::judgement(Verdict::Intruder);
        let message = Message::drill(&IncidentFacts {
            occasion: Occasion::Opened,
            incident: &incident,
            canary: &canary,
            kind_name: "Twilio account",
            place: None,
            trip: &trip,
            network: &facts,
            judgement: &judgement,
            station: samples::STATION,
            checkpoint: "",
            exercise: false,
        });
        assert_eq!(message.occasion, Occasion::Drill);
        for form in everywhere(&message) {
            assert!(form.to_lowercase().contains("exercise"), "{form}");
        }
        assert_eq!(message.to_json()["exercise"], true);
    }

    #[test]
    fn other_versions_are_refused() {
        let mut value = samples::message().to_json();
        value["version"] = 2.into();
        assert!(Message::from_json(&value).is_err());
        assert!(Message::from_json(&serde_json::json!({"text": "hi"})).is_err());
        value["version"] = 1.into();
        value["new_key"] = 1.into();
        assert!(Message::from_json(&value).is_ok());
    }

    #[test]
    fn a_checkpoint_is_carried_whole_or_not_at_all() {
        let long = "x".repeat(CHECKPOINT_LIMIT + 1);
        assert_eq!(
            Message::test(samples::STATION, samples::TIME, &long).checkpoint,
            ""
        );
    }
}
