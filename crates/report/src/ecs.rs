//! Elastic Common Schema 9.4: one document per trip and line, for log stores that speak it.
//!
//! `source.ip` takes whole addresses only; in the masked profile the network stands in
//! `source.address`. What ECS has no field for (canary, actor, JA4, marks) is in `labels`, which holds
//! texts.

use lapwing_core::{DecoyOutcome, Verdict};
use serde_json::{Map, Value, json};

use crate::findings::{CanaryFinding, Findings, TripFinding};
use crate::{Format, Profile, Report, ReportError};

/// The format.
pub(crate) const FORMAT: Format = Format {
    name: "ecs",
    summary: "one document per trip and line in Elastic Common Schema 9.4",
    extension: "ecs.ndjson",
    render,
};

/// The version whose fields these are.
const VERSION: &str = "9.4.0";

fn render(report: &Report, profile: Profile) -> Result<Vec<u8>, ReportError> {
    let findings = Findings::for_programs(report, profile);
    let canaries = findings.canaries_by_id();
    let mut out = Vec::new();
    for trip in &findings.trips {
        let canary = canaries.get(trip.canary.as_str()).copied();
        let document = without_empty(document(&findings, trip, canary));
        serde_json::to_writer(&mut out, &document)?;
        out.push(b'\n');
    }
    Ok(out)
}

fn document(findings: &Findings, trip: &TripFinding, canary: Option<&CanaryFinding>) -> Value {
    let time = trip
        .full
        .as_ref()
        .map_or(&trip.time, |full| &full.time_precise);
    let mut tags = vec!["honeytoken", trip.verdict.word()];
    if findings.exercise {
        tags.push("exercise");
    }
    json!({
        "@timestamp": time,
        "ecs": { "version": VERSION },
        "message": format!("Bait was used ({}): {}. {}", trip.verdict.word(), trip.call, trip.caution),
        "tags": tags,
        "labels": labels(findings, trip),
        "event": event(findings, trip, time),
        "source": source(trip),
        "destination": destination(trip),
        "network": {
            "transport": trip.transport,
            "type": trip.family,
            "protocol": trip.protocol.split('/').next(),
        },
        "observer": {
            "name": findings.station,
            "type": "honeypot",
            "product": "lapwing",
            "version": env!("CARGO_PKG_VERSION"),
        },
        "rule": {
            "id": trip.kind,
            "name": canary.map(|one| &one.kind_name),
            "category": "honeytoken",
        },
        "threat": threat(canary),
        "tls": { "client": { "ja3": trip.ja3() } },
        "user_agent": { "original": trip.program },
        "http": http(trip),
        "url": url(trip),
        "organization": { "name": findings.operator },
    })
}

/// `labels` holds texts, by names without dots.
fn labels(findings: &Findings, trip: &TripFinding) -> Value {
    let tool = trip.tool.as_ref();
    json!({
        "verdict": trip.verdict.word(),
        "canary": trip.canary,
        "canary_title": trip.title,
        "presented": trip.presented.join("; "),
        "actor": trip.actor_name,
        "incident": trip.incident,
        "ja4": trip.ja4(),
        "tool": tool.and_then(|tool| tool.name.as_deref()),
        "network_lists": trip.listed.join("; "),
        "network_special": trip.special,
        "geography_data": trip.data.join("; "),
        "uses": trip.uses.to_string(),
        "tlp": findings.tlp,
        "exercise": findings.exercise.to_string(),
        "caution": trip.caution,
        "request_sha256": trip.full.as_ref().and_then(|full| full.raw_sha256.as_ref()),
    })
}

fn event(findings: &Findings, trip: &TripFinding, time: &str) -> Value {
    let alert = !findings.exercise && matches!(trip.verdict, Verdict::Intruder | Verdict::Own);
    let severity = match trip.verdict {
        _ if findings.exercise => 0,
        Verdict::Intruder => 90,
        Verdict::Own => 70,
        Verdict::Automated => 40,
        Verdict::Preview | Verdict::Echo => 20,
        Verdict::Drill => 0,
    };
    json!({
        "kind": if alert { "alert" } else { "event" },
        "category": ["intrusion_detection"],
        "type": ["info"],
        "outcome": match trip.outcome {
            DecoyOutcome::Accepted => "success",
            DecoyOutcome::Refused | DecoyOutcome::Revoked | DecoyOutcome::BadSignature => "failure",
            DecoyOutcome::Unknown | DecoyOutcome::Persona | DecoyOutcome::Told => "unknown",
        },
        "id": trip.id,
        "module": "lapwing",
        "dataset": "lapwing.trip",
        "provider": trip.listener,
        "action": trip.call,
        "reason": trip.reasons.join("; "),
        "severity": severity,
        "start": time,
        "end": trip.last,
    })
}

/// The country as the data has it; never a point.
fn source(trip: &TripFinding) -> Value {
    let full = trip.full.as_ref();
    json!({
        "address": trip.source,
        "ip": full.map(|_| &trip.source),
        "port": full.map(|full| full.source_port).filter(|port| *port != 0),
        "as": { "number": trip.asn, "organization": { "name": trip.as_name } },
        "geo": { "country_iso_code": trip.country, "country_name": trip.country_name },
    })
}

fn destination(trip: &TripFinding) -> Value {
    let Some(full) = &trip.full else {
        return Value::Null;
    };
    let ip = full.socket.ip().to_canonical().to_string();
    json!({ "address": ip, "ip": ip, "port": full.socket.port() })
}

fn threat(canary: Option<&CanaryFinding>) -> Value {
    let attack: Vec<&str> = canary
        .iter()
        .flat_map(|one| one.attack.iter().map(String::as_str))
        .collect();
    if attack.is_empty() {
        return Value::Null;
    }
    let (parts, wholes): (Vec<&str>, Vec<&str>) = attack.iter().partition(|id| id.contains('.'));
    let whole = |id: &&str| id.split('.').next().unwrap_or(id).to_owned();
    let mut techniques: Vec<String> = wholes.iter().chain(&parts).map(whole).collect();
    techniques.sort();
    techniques.dedup();
    json!({
        "framework": "MITRE ATT&CK",
        "technique": { "id": techniques, "subtechnique": { "id": parts } },
    })
}

fn http(trip: &TripFinding) -> Value {
    if trip.listener != "http" {
        return Value::Null;
    }
    let version = trip.protocol.strip_prefix("http/");
    json!({
        "version": version,
        "request": { "method": trip.full.as_ref().and_then(|full| full.method.as_ref()) },
        "response": { "status_code": (trip.status != 0).then_some(trip.status) },
    })
}

fn url(trip: &TripFinding) -> Value {
    match &trip.full {
        Some(full) if trip.listener == "http" => {
            json!({ "original": full.target, "domain": full.host })
        }
        _ => Value::Null,
    }
}

/// Takes out what is not known: a field of ECS is there with a value or not at all.
fn without_empty(value: Value) -> Value {
    let Value::Object(members) = value else {
        return value;
    };
    let kept: Map<String, Value> = members
        .into_iter()
        .map(|(name, value)| (name, without_empty(value)))
        .filter(|(_, value)| match value {
            Value::Null => false,
            Value::String(text) => !text.is_empty(),
            Value::Array(items) => !items.is_empty(),
            Value::Object(members) => !members.is_empty(),
            Value::Bool(_) | Value::Number(_) => true,
        })
        .collect();
    Value::Object(kept)
}
