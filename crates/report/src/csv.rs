//! CSV, for spreadsheets: one row per trip (RFC 4180). A cell that a spreadsheet would take for a
//! formula gets a leading apostrophe.

use crate::findings::{Findings, TripFinding};
use crate::{Format, Profile, Report, ReportError};

/// The format.
pub(crate) const FORMAT: Format = Format {
    name: "csv",
    summary: "one row per trip, for spreadsheets",
    extension: "csv",
    render,
};

/// Name of a column and what stands in it.
type Column = (&'static str, fn(&Findings, &TripFinding) -> String);

/// All columns. Those that only the full profile knows are empty in the masked one.
const COLUMNS: &[Column] = &[
    ("trip", |_, trip| trip.id.clone()),
    ("exercise", |all, _| all.exercise.to_string()),
    ("time", |_, trip| trip.time.clone()),
    ("last", |_, trip| trip.last.clone()),
    ("uses", |_, trip| trip.uses.to_string()),
    ("canary", |_, trip| trip.canary.clone()),
    ("kind", |_, trip| trip.kind.clone()),
    ("title", |_, trip| trip.title.clone()),
    ("place", |_, trip| trip.place.clone().unwrap_or_default()),
    ("presented", |_, trip| trip.presented.join("; ")),
    ("verdict", |_, trip| trip.verdict.word().to_owned()),
    ("reasons", |_, trip| trip.reasons.join("; ")),
    ("actor", |_, trip| trip.actor.clone()),
    ("actor_name", |_, trip| trip.actor_name.clone()),
    ("incident", |_, trip| trip.incident.clone()),
    ("source", |_, trip| trip.source.clone()),
    ("country", |_, trip| {
        trip.country.clone().unwrap_or_default()
    }),
    ("country_name", |_, trip| {
        trip.country_name.clone().unwrap_or_default()
    }),
    ("asn", |_, trip| {
        trip.asn.map(|asn| asn.to_string()).unwrap_or_default()
    }),
    ("as_name", |_, trip| {
        trip.as_name.clone().unwrap_or_default()
    }),
    ("special", |_, trip| {
        trip.special.clone().unwrap_or_default()
    }),
    ("data", |_, trip| trip.data.join("; ")),
    ("caution", |_, trip| trip.caution.to_owned()),
    ("protocol", |_, trip| trip.protocol.clone()),
    ("call", |_, trip| trip.call.clone()),
    ("outcome", |_, trip| outcome(trip)),
    ("status", |_, trip| trip.status.to_string()),
    ("size", |_, trip| trip.size.to_string()),
    ("fingerprint", |_, trip| trip.fingerprint.clone()),
    ("program", |_, trip| {
        trip.program.clone().unwrap_or_default()
    }),
    ("tool", |_, trip| {
        (trip.tool.as_ref())
            .and_then(|tool| tool.name.clone())
            .unwrap_or_default()
    }),
    ("tool_contradicts", |_, trip| {
        let tool = trip.tool.as_ref();
        tool.map(|tool| tool.contradicts.to_string())
            .unwrap_or_default()
    }),
    ("ja3", |_, trip| signal(trip, "ja3")),
    ("ja4", |_, trip| signal(trip, "ja4")),
    ("h2", |_, trip| signal(trip, "h2")),
    ("h1", |_, trip| signal(trip, "h1")),
    ("time_precise", |_, trip| {
        full(trip, |full| Some(full.time_precise.clone()))
    }),
    ("source_port", |_, trip| {
        full(trip, |full| Some(full.source_port.to_string()))
    }),
    ("proxy", |_, trip| full(trip, |full| full.proxy.clone())),
    ("method", |_, trip| full(trip, |full| full.method.clone())),
    ("host", |_, trip| full(trip, |full| full.host.clone())),
    ("target", |_, trip| full(trip, |full| full.target.clone())),
    ("forwarding", |_, trip| {
        full(trip, |full| Some(full.forwarding.join("; ")))
    }),
    ("captured", |_, trip| full(trip, captured)),
    ("raw_sha256", |_, trip| {
        full(trip, |full| full.raw_sha256.clone())
    }),
];

fn render(report: &Report, profile: Profile) -> Result<Vec<u8>, ReportError> {
    let findings = Findings::derive(report, profile);
    let mut out = ::csv::WriterBuilder::new()
        .terminator(::csv::Terminator::CRLF)
        .from_writer(Vec::new());
    out.write_record(COLUMNS.iter().map(|(name, _)| name))?;
    for trip in &findings.trips {
        out.write_record(COLUMNS.iter().map(|(_, cell)| guard(cell(&findings, trip))))?;
    }
    out.into_inner()
        .map_err(|error| ReportError::Csv(error.into_error().into()))
}

fn full(trip: &TripFinding, pick: fn(&crate::findings::FullTrip) -> Option<String>) -> String {
    trip.full.as_ref().and_then(pick).unwrap_or_default()
}

fn captured(full: &crate::findings::FullTrip) -> Option<String> {
    let parts = full
        .captured
        .iter()
        .map(|(name, values)| format!("{name}={}", values.join(", ")));
    Some(parts.collect::<Vec<_>>().join("; "))
}

fn signal(trip: &TripFinding, name: &str) -> String {
    trip.signals.get(name).cloned().unwrap_or_default()
}

fn outcome(trip: &TripFinding) -> String {
    crate::findings::outcome_word(trip.outcome).to_owned()
}

/// Keeps a spreadsheet from computing a cell: OWASP's list of first characters.
fn guard(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']) {
        format!("'{cell}")
    } else {
        cell
    }
}
