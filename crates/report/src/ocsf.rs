//! OCSF 1.8.0: one Detection Finding (class 2004) per trip and line.
//!
//! A finding and not an HTTP Activity (4002), because trips come over many protocols and are
//! conclusions, with a verdict. What was seen stands in `evidences`, JA4 in `ja4_fingerprint_list`.
//! `src_endpoint.ip` takes whole addresses only; in the masked profile the network is the endpoint's
//! name and an observable of type Subnet.

use std::collections::BTreeMap;

use lapwing_core::{IncidentState, Verdict};
use serde_json::{Map, Value, json};

use crate::findings::{CanaryFinding, Findings, TripFinding};
use crate::{Format, Profile, Report, ReportError};

/// The format.
pub(crate) const FORMAT: Format = Format {
    name: "ocsf",
    summary: "one OCSF 1.8.0 Detection Finding per trip and line",
    extension: "ocsf.ndjson",
    render,
};

const VERSION: &str = "1.8.0";
const CATEGORY: u32 = 2;
const CLASS: u32 = 2004;
/// Activity `Create`: a finding is made once and not changed.
const CREATE: u32 = 1;

fn render(report: &Report, profile: Profile) -> Result<Vec<u8>, ReportError> {
    let findings = Findings::for_programs(report, profile);
    let canaries = findings.canaries_by_id();
    let incidents = findings.incidents.iter().map(|one| (&one.id, one.state));
    let incidents: BTreeMap<_, _> = incidents.collect();
    let mut out = Vec::new();
    for trip in &findings.trips {
        let canary = canaries.get(trip.canary.as_str()).copied();
        let incident = incidents.get(&trip.incident).copied();
        serde_json::to_writer(&mut out, &finding(&findings, trip, canary, incident))?;
        out.push(b'\n');
    }
    Ok(out)
}

fn finding(
    findings: &Findings,
    trip: &TripFinding,
    canary: Option<&CanaryFinding>,
    incident: Option<IncidentState>,
) -> Value {
    let (severity, severity_id) = severity(findings, trip);
    let (status, status_id) = status(trip, incident);
    known([
        ("category_uid", json!(CATEGORY)),
        ("category_name", json!("Findings")),
        ("class_uid", json!(CLASS)),
        ("class_name", json!("Detection Finding")),
        ("activity_id", json!(CREATE)),
        ("activity_name", json!("Create")),
        ("type_uid", json!(CLASS * 100 + CREATE)),
        ("type_name", json!("Detection Finding: Create")),
        ("severity_id", json!(severity_id)),
        ("severity", json!(severity)),
        ("status_id", json!(status_id)),
        ("status", json!(status)),
        ("is_alert", json!(severity_id >= 3)),
        ("time", json!(trip.millis.0)),
        ("start_time", json!(trip.millis.0)),
        ("end_time", json!(trip.millis.1)),
        ("count", json!(trip.uses)),
        (
            "message",
            json!(format!("{}. {}", title(trip), trip.caution)),
        ),
        ("metadata", metadata(findings, trip)),
        ("finding_info", finding_info(trip, canary)),
        ("evidences", json!([evidence(findings, trip)])),
        ("observables", json!([observable(trip)])),
        ("resources", json!([resource(trip, canary)])),
        ("unmapped", unmapped(findings, trip)),
    ])
}

fn title(trip: &TripFinding) -> String {
    format!("Bait was used ({}): {}", trip.verdict.word(), trip.call)
}

/// What was staged or announced asks nobody to act.
fn severity(findings: &Findings, trip: &TripFinding) -> (&'static str, u32) {
    match trip.verdict {
        _ if findings.exercise => ("Informational", 1),
        Verdict::Intruder => ("High", 4),
        Verdict::Own => ("Medium", 3),
        Verdict::Automated => ("Low", 2),
        Verdict::Preview | Verdict::Echo | Verdict::Drill => ("Informational", 1),
    }
}

/// As its incident stands.
fn status(trip: &TripFinding, incident: Option<IncidentState>) -> (&'static str, u32) {
    match incident {
        _ if trip.verdict == Verdict::Drill => ("Suppressed", 3),
        Some(IncidentState::Acknowledged) => ("In Progress", 2),
        Some(IncidentState::Closed) => ("Resolved", 4),
        Some(IncidentState::Open) | None => ("New", 1),
    }
}

fn metadata(findings: &Findings, trip: &TripFinding) -> Value {
    let mut labels = vec![findings.tlp.to_owned(), trip.verdict.word().to_owned()];
    if findings.exercise {
        labels.push("exercise".to_owned());
    }
    json!({
        "version": VERSION,
        "uid": trip.id,
        "log_provider": "lapwing",
        "log_name": findings.station,
        "labels": labels,
        "product": {
            "name": "lapwing",
            "vendor_name": "lapwing",
            "version": env!("CARGO_PKG_VERSION"),
        },
    })
}

fn finding_info(trip: &TripFinding, canary: Option<&CanaryFinding>) -> Value {
    let attacks = canary.map(|one| attacks(&one.attack)).unwrap_or_default();
    known([
        ("uid", json!(trip.id)),
        ("title", json!(title(trip))),
        ("desc", json!(trip.reasons.join("; "))),
        ("types", json!(["honeytoken", trip.verdict.word()])),
        ("data_sources", json!([trip.listener])),
        ("first_seen_time", json!(trip.millis.0)),
        ("last_seen_time", json!(trip.millis.1)),
        ("attacks", json!(attacks)),
        (
            "analytic",
            json!({ "type_id": 9, "type": "Exact Data Match", "name": "canary", "uid": trip.canary }),
        ),
    ])
}

fn attacks(ids: &[String]) -> Vec<Value> {
    ids.iter()
        .map(|id| match id.split_once('.') {
            Some((whole, _)) => {
                json!({ "technique": { "uid": whole }, "sub_technique": { "uid": id } })
            }
            None => json!({ "technique": { "uid": id } }),
        })
        .collect()
}

fn evidence(findings: &Findings, trip: &TripFinding) -> Value {
    let (verdict, verdict_id) = match trip.verdict {
        _ if findings.exercise => ("Test", 6),
        Verdict::Intruder => ("True Positive", 2),
        Verdict::Own | Verdict::Automated => ("Suspicious", 4),
        Verdict::Preview => ("Benign", 5),
        Verdict::Echo => ("Duplicate", 10),
        Verdict::Drill => ("Test", 6),
    };
    let full = trip.full.as_ref();
    let ja4 = trip
        .ja4()
        .map(|value| json!([{ "type_id": 1, "type": "JA4", "value": value }]));
    known([
        ("verdict", json!(verdict)),
        ("verdict_id", json!(verdict_id)),
        ("src_endpoint", source(trip)),
        (
            "dst_endpoint",
            json!(full.map(|full| json!({
                "ip": full.socket.ip().to_canonical().to_string(),
                "port": full.socket.port(),
            }))),
        ),
        (
            "connection_info",
            json!({
                "direction_id": 1,
                "direction": "Inbound",
                "protocol_name": trip.transport,
                "protocol_num": if trip.transport == "udp" { 17 } else { 6 },
                "protocol_ver_id": if trip.family == "ipv6" { 6 } else { 4 },
            }),
        ),
        ("ja4_fingerprint_list", json!(ja4)),
        ("http_request", request(trip)),
        ("http_response", response(trip)),
    ])
}

/// The country as the data has it; never a point.
fn source(trip: &TripFinding) -> Value {
    let full = trip.full.as_ref();
    let network = known([("number", json!(trip.asn)), ("name", json!(trip.as_name))]);
    let place = trip
        .country
        .as_ref()
        .map(|country| json!({ "country": country, "desc": trip.caution }));
    known([
        ("ip", json!(full.map(|_| &trip.source))),
        ("name", json!(trip.source)),
        (
            "port",
            json!(full.map(|full| full.source_port).filter(|port| *port != 0)),
        ),
        ("autonomous_system", network),
        ("location", json!(place)),
    ])
}

/// Of the program's name and the request only what the profile shows.
fn request(trip: &TripFinding) -> Value {
    const METHODS: [&str; 9] = [
        "OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "CONNECT", "PATCH",
    ];
    if trip.listener != "http" {
        return Value::Null;
    }
    let full = trip.full.as_ref();
    let method = full.and_then(|full| full.method.as_deref());
    let url = full.map(|full| {
        known([
            ("url_string", json!(full.target)),
            ("hostname", json!(full.host)),
        ])
    });
    let url = url.filter(|url| url.get("url_string").is_some());
    known([
        (
            "http_method",
            json!(method.filter(|method| METHODS.contains(method))),
        ),
        ("user_agent", json!(trip.program)),
        ("version", json!(trip.protocol.strip_prefix("http/"))),
        ("length", json!(trip.size)),
        ("url", json!(url)),
    ])
}

fn response(trip: &TripFinding) -> Value {
    if trip.listener == "http" && trip.status != 0 {
        json!({ "code": trip.status })
    } else {
        Value::Null
    }
}

fn observable(trip: &TripFinding) -> Value {
    let (kind, kind_id, name) = if trip.full.is_some() {
        ("IP Address", 2, "evidences[0].src_endpoint.ip")
    } else {
        ("Subnet", 12, "evidences[0].src_endpoint.name")
    };
    json!({ "type_id": kind_id, "type": kind, "name": name, "value": trip.source })
}

/// The canary that was used.
fn resource(trip: &TripFinding, canary: Option<&CanaryFinding>) -> Value {
    known([
        ("uid", json!(trip.canary)),
        ("name", json!(trip.title)),
        (
            "type",
            json!(canary.map_or(&trip.kind, |one| &one.kind_name)),
        ),
        ("labels", json!(["honeytoken"])),
    ])
}

/// What the schema has no attribute for.
fn unmapped(findings: &Findings, trip: &TripFinding) -> Value {
    known([
        ("actor", json!(trip.actor_name)),
        ("incident", json!(trip.incident)),
        ("presented", json!(trip.presented)),
        ("network_lists", json!(trip.listed)),
        ("network_special", json!(trip.special)),
        ("geography_data", json!(trip.data)),
        ("tool", json!(trip.tool)),
        ("ja3", json!(trip.ja3())),
        ("exercise", json!(findings.exercise)),
        (
            "request_sha256",
            json!(trip.full.as_ref().and_then(|full| full.raw_sha256.as_ref())),
        ),
    ])
}

/// An object of what is known: an attribute of OCSF is there with a value or not at all.
fn known<const N: usize>(members: [(&str, Value); N]) -> Value {
    let kept: Map<String, Value> = members
        .into_iter()
        .filter(|(_, value)| match value {
            Value::Null => false,
            Value::String(text) => !text.is_empty(),
            Value::Array(items) => !items.is_empty(),
            Value::Object(members) => !members.is_empty(),
            Value::Bool(_) | Value::Number(_) => true,
        })
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    if kept.is_empty() {
        return Value::Null;
    }
    Value::Object(kept)
}
