//! NDJSON, for programs that read line by line: the findings of the JSON report, one to a line, under
//! the schema `schema/report-lines-1.json`. Each line is an object with one member that says what it
//! is: first the `report` itself without its lists, then a line for each of their entries, trips last.

use serde::Serialize;
use serde_json::Value;

use crate::findings::{Findings, TripFinding};
use crate::{Format, Profile, Report, ReportError};

/// The format.
pub(crate) const FORMAT: Format = Format {
    name: "ndjson",
    summary: "everything, one finding to a line (schema lapwing-report-lines/1)",
    extension: "ndjson",
    render,
};

/// The lists that are taken apart, and what one of their entries is.
const LISTS: [(&str, &str); 6] = [
    ("canaries", "canary"),
    ("timeline", "episode"),
    ("actors", "actor"),
    ("networks", "network"),
    ("indicators", "indicator"),
    ("incidents", "incident"),
];

#[derive(Serialize)]
struct TripLine<'a> {
    trip: &'a TripFinding,
}

fn render(report: &Report, profile: Profile) -> Result<Vec<u8>, ReportError> {
    let mut findings = Findings::derive(report, profile);
    // By far the most; they need not stand in memory twice.
    let trips = std::mem::take(&mut findings.trips);
    let mut head = serde_json::to_value(&findings)?;
    let members = head.as_object_mut().expect("findings are an object");
    members.remove("trips");
    let mut out = Vec::new();
    let mut lists = Vec::new();
    for (list, one) in LISTS {
        if let Some(Value::Array(entries)) = members.remove(list) {
            lists.extend(entries.into_iter().map(|entry| (one, entry)));
        }
    }
    line(&mut out, &serde_json::json!({ "report": head }))?;
    for (one, entry) in lists {
        line(&mut out, &serde_json::json!({ one: entry }))?;
    }
    for trip in &trips {
        line(&mut out, &TripLine { trip })?;
    }
    Ok(out)
}

fn line(out: &mut Vec<u8>, value: &impl Serialize) -> Result<(), ReportError> {
    serde_json::to_writer(&mut *out, value)?;
    out.push(b'\n');
    Ok(())
}
