//! Reports: what is known of who used the bait, as far as the evidence goes and no further.
//!
//! A [`Report`] is what the caller knows: canaries, trips with their conclusions, integrity. From it
//! one findings model is derived, already masked and escaped for the chosen [`Profile`]; every
//! [`Format`] only lays that model out, so no two formats can disagree and none can show what the
//! model does not hold. A new format is a new file and one line in [`FORMATS`].

use std::collections::BTreeMap;

use lapwing_core::{
    Actor, CanaryId, Case, Conclusion, Handling, Incident, IncidentId, ReportId, StationId,
    Timestamp, Tool, Trip, TripId, Why,
};
use serde::{Deserialize, Serialize};

pub mod bundle;
mod cef;
mod csv;
mod ecs;
mod findings;
mod html;
mod ids;
mod ioc;
mod json;
mod letter;
mod md;
mod misp;
mod ndjson;
mod ocsf;
mod outline;
mod pdf;
mod route;
mod stix;
mod text;
mod timeline;
mod withdrawal;
mod words;
mod world;
mod xarf;

pub use lapwing_core::Language;
pub use letter::{Letter, letters};
pub use withdrawal::{Withdrawal, withdrawal};

/// Everything a report is made from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// When it is made.
    pub generated: Timestamp,
    /// Whose journal it rests on.
    pub station: StationId,
    /// Which stretch of time was asked for: from, until; `None` is open.
    pub range: (Option<Timestamp>, Option<Timestamp>),
    /// Whether addresses and places are made up, for a demonstration. Marked on every page.
    pub exercise: bool,
    /// Who publishes it, in the operator's words; may be empty.
    pub operator: String,
    /// Mail address at which the operator answers questions about it; may be empty.
    #[serde(default)]
    pub contact: String,
    /// The canaries the report is about, used or not.
    pub canaries: Vec<ReportCanary>,
    /// The trips, in any order.
    pub trips: Vec<ReportTrip>,
    /// The incidents they were folded into.
    pub incidents: Vec<Incident>,
    /// What the operator made of them. Their words are shown in the full profile alone.
    #[serde(default)]
    pub handling: BTreeMap<IncidentId, Handling>,
    /// Of which trips parts were erased, and why, as far as that is known.
    #[serde(default)]
    pub erased: BTreeMap<TripId, Erased>,
    /// The actors they were linked to.
    pub actors: Vec<Actor>,
    /// What each of them rests on.
    #[serde(default)]
    pub cases: Vec<Case>,
    /// What is known of the journal's integrity.
    pub integrity: Integrity,
    /// Attribution texts of the geography sources, as their licences ask for.
    pub sources: Vec<String>,
    /// The language of its fixed texts.
    #[serde(default)]
    pub language: Language,
    /// The name under which it is published and could be withdrawn, if it is.
    #[serde(default)]
    pub correction: Option<ReportId>,
}

/// What of a trip was erased.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Erased {
    /// The names of the parts.
    pub parts: Vec<String>,
    /// Why, if the ledger says so.
    pub why: Option<Why>,
}

/// A canary as a report knows it: never one of its values.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReportCanary {
    /// Its name.
    pub canary_id: CanaryId,
    /// Its kind (`twilio`).
    pub kind: String,
    /// The kind in words (`Twilio account`).
    pub kind_name: String,
    /// The same in other languages.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kind_names: BTreeMap<Language, String>,
    /// What the operator calls it.
    pub title: String,
    /// The operator's labels.
    pub labels: BTreeMap<String, String>,
    /// Where it stands, if it was planted.
    pub place: Option<String>,
    /// When it was put there.
    pub planted: Option<Timestamp>,
    /// When it was last seen there unchanged.
    pub last_checked: Option<Timestamp>,
    /// When it was taken out again.
    #[serde(default)]
    pub uprooted: Option<Timestamp>,
    /// When it was minted.
    pub minted: Timestamp,
    /// Since when it is retired.
    pub retired: Option<Timestamp>,
    /// First use ever (drills apart), where that is known to be before the trips of this report.
    #[serde(default)]
    pub first_used: Option<Timestamp>,
    /// ATT&CK techniques a use is evidence of.
    pub attack: Vec<String>,
}

impl ReportCanary {
    fn kind_name_in(&self, language: Language) -> &str {
        self.kind_names.get(&language).unwrap_or(&self.kind_name)
    }
}

/// A trip and what was concluded from it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReportTrip {
    /// The evidence.
    pub trip: Trip,
    /// The conclusions.
    pub conclusion: Conclusion,
    /// Which program it was probably made with.
    #[serde(default)]
    pub tool: Option<Tool>,
    /// The request as it was sent, if kept and asked for.
    pub raw: Option<Vec<u8>>,
}

/// What is known of the integrity of the journal behind a report.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Integrity {
    /// Whether what the report rests on was verified when it was made.
    pub verified: bool,
    /// If that was not the whole journal: how many records were, each proven to stand in its place under the
    /// signed checkpoint.
    #[serde(default)]
    pub proven: Option<u64>,
    /// How many records it holds.
    pub records: u64,
    /// Its newest signed checkpoint.
    pub checkpoint: String,
    /// The station's public key, as `lapwing evidence verify` shows it.
    pub public_key: String,
    /// What verification said: the first bad record, or why it was not done. May be empty.
    pub message: String,
}

/// How much a report shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Fit to publish: third parties, message texts, full addresses, ports, raw requests and
    /// everything that could hold a value of the bait are left out or masked.
    Masked,
    /// For authorities and network operators: everything, with live links taken apart.
    Full,
}

/// One way to write a report.
pub struct Format {
    /// Its name on the command line.
    pub name: &'static str,
    /// One line for the help.
    pub summary: &'static str,
    /// The file name's extension, without the dot.
    pub extension: &'static str,
    /// Writes it.
    pub render: fn(&Report, Profile) -> Result<Vec<u8>, ReportError>,
}

/// All formats, in the order they are shown.
pub const FORMATS: &[Format] = &[
    html::FORMAT,
    md::FORMAT,
    pdf::FORMAT,
    letter::FORMAT,
    route::SVG,
    route::DOT,
    json::FORMAT,
    ndjson::FORMAT,
    csv::FORMAT,
    stix::FORMAT,
    misp::FORMAT,
    xarf::FORMAT,
    ocsf::FORMAT,
    ecs::FORMAT,
    cef::FORMAT,
    ioc::DEFANGED,
    ioc::PLAIN,
];

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The HTML template failed.
    #[error("the HTML page could not be written")]
    Html(#[from] askama::Error),
    /// PDF could not be written.
    #[error("the PDF could not be written")]
    Pdf(#[from] std::io::Error),
    /// A letter names the address and port that a network's owner needs: not in the masked profile.
    #[error("a letter to a network names whole addresses and ports, which this profile leaves out")]
    LetterMasked,
    /// Addresses of an exercise are made up, or nobody's business.
    #[error("this is an exercise: nobody is written to about it")]
    LetterExercise,
    /// Drills, the operator's own use, crawlers and repetitions concern no network's owner.
    #[error(
        "no use in this report was judged an intruder's and came from a public address: there is nobody to write to"
    )]
    LetterNobody,
    /// An abuse report names the address and port that a network's abuse desk needs: not in the masked profile.
    #[error(
        "an abuse report (XARF) names whole addresses and ports, which this profile leaves out"
    )]
    XarfMasked,
    /// An abuse report needs a mail address to answer to.
    #[error(
        "an abuse report (XARF) needs a mail address to answer to, and the operator's contact is {contact:?}"
    )]
    Contact {
        /// What was given as one, printable.
        contact: String,
    },
    /// JSON could not be written.
    #[error("the JSON report could not be written")]
    Json(#[from] serde_json::Error),
    /// CSV could not be written.
    #[error("the CSV table could not be written")]
    Csv(#[from] ::csv::Error),
}
