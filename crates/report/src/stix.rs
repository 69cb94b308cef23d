//! A STIX 2.1 bundle: what was seen (observed data over addresses, traffic and autonomous systems),
//! what may be searched for (indicators, with their sightings), what the uses have in common
//! (intrusion sets named `Actor A`, with low confidence), and a report with a note that says what none
//! of it shows.
//!
//! An actor is an intrusion set, a pattern of use, and not a threat actor, which would be somebody. A
//! country is where a network endpoint (infrastructure) is located, never where an actor comes from, and
//! never a point. In the
//! masked profile an address is a prefix, which `ipv4-addr` and `ipv6-addr` take (sections 6.9 and
//! 6.10). An exercise has observed data, labelled, and no indicators.

mod bundle;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::findings::{ActorFinding, Findings, IndicatorFinding, TripFinding};
use crate::{Format, Profile, Report, ReportError};
use bundle::{Bundle, millis};

/// The format.
pub(crate) const FORMAT: Format = Format {
    name: "stix",
    summary: "a STIX 2.1 bundle: indicators, observed data, sightings, actors",
    extension: "stix.json",
    render,
};

/// `Low` on STIX's scale (appendix A): shared by all that is concluded rather than seen.
const LOW: u8 = 15;
/// How an actor belongs to what it is said to have used.
const LINKED: &str = "Linked by what the uses have in common; other hands remain possible.";
/// What an indicator or sighting may count to.
const MOST: u64 = 999_999_999;

fn render(report: &Report, profile: Profile) -> Result<Vec<u8>, ReportError> {
    let findings = Findings::for_programs(report, profile);
    let mut bundle = Bundle::new(&findings);
    let mut actors = BTreeMap::new();
    let used: BTreeSet<&str> = findings
        .indicators
        .iter()
        .flat_map(|one| one.actors.iter().map(String::as_str))
        .collect();
    for actor in &findings.actors {
        if used.contains(actor.name.as_str()) {
            actors.insert(actor.name.as_str(), intrusion_set(&mut bundle, actor));
        }
    }
    for one in &findings.indicators {
        source(&mut bundle, &findings, one, &actors);
    }
    closing(&mut bundle, &findings);
    let mut out = serde_json::to_vec_pretty(&bundle.value())?;
    out.push(b'\n');
    Ok(out)
}

/// An actor: what its uses have in common.
fn intrusion_set(bundle: &mut Bundle<'_>, actor: &ActorFinding) -> String {
    let mut text = format!(
        "A pattern of use, not a person or organisation. {}",
        actor.basis
    );
    for (what, list) in [("Programs", &actor.tools), ("JA4", &actor.handshakes)] {
        if !list.is_empty() {
            text.push_str(&format!(" {what}: {}.", list.join(", ")));
        }
    }
    bundle.domain(
        "intrusion-set",
        &[&actor.id],
        &actor.first,
        json!({
            "name": actor.name,
            "description": text.trim(),
            "first_seen": actor.first,
            "last_seen": later(&actor.first, &actor.last),
            "confidence": LOW,
        }),
    )
}

/// Everything about one source.
fn source(
    bundle: &mut Bundle<'_>,
    findings: &Findings,
    one: &IndicatorFinding,
    actors: &BTreeMap<&str, String>,
) {
    let address = address(bundle, one);
    let endpoint = endpoint(bundle, one, &address);
    let actors = one
        .actors
        .iter()
        .filter_map(|name| actors.get(name.as_str()));
    let actors: Vec<&String> = actors.collect();
    for actor in &actors {
        relationship(bundle, &one.first, (actor, "uses", &endpoint), LINKED);
    }
    let observed = observed(bundle, findings, one, &address);
    if one.exercise {
        return;
    }
    let indicator = indicator(bundle, one);
    let sighting = json!({
        "sighting_of_ref": indicator,
        "observed_data_refs": observed,
        "where_sighted_refs": [bundle.identity()],
        "first_seen": one.first,
        "last_seen": later(&one.first, &one.last),
        "count": one.uses.min(MOST),
    });
    bundle.domain("sighting", &[&one.source], &one.first, sighting);
    for actor in &actors {
        relationship(bundle, &one.first, (&indicator, "indicates", actor), LINKED);
    }
}

/// The machine or network behind an address, which is what has a place: not the address, and not whoever uses it.
fn endpoint(bundle: &mut Bundle<'_>, one: &IndicatorFinding, address: &str) -> String {
    let body = json!({
        "name": format!("Network endpoint {}", one.source),
        "description": one.caution,
        "infrastructure_types": ["unknown"],
        "first_seen": one.first,
        "last_seen": later(&one.first, &one.last),
        "confidence": LOW,
    });
    let endpoint = bundle.domain("infrastructure", &[&one.source], &one.first, body);
    let consists = "The address that was seen.";
    relationship(
        bundle,
        &one.first,
        (&endpoint, "consists-of", address),
        consists,
    );
    if let Some(country) = &one.country {
        let name = one.country_name.as_deref().unwrap_or(country);
        let body = json!({ "name": name, "country": country, "description": one.caution });
        let location = bundle.constant("location", &[country], body);
        relationship(
            bundle,
            &one.first,
            (&endpoint, "located-at", &location),
            one.caution,
        );
    }
    endpoint
}

fn address(bundle: &mut Bundle<'_>, one: &IndicatorFinding) -> String {
    let network = one.asn.map(|asn| {
        let mut body = json!({ "number": asn });
        if let Some(name) = &one.as_name {
            body["name"] = json!(name);
        }
        bundle.observable("autonomous-system", &["number"], body)
    });
    let mut body = json!({ "value": one.source });
    if let Some(network) = network {
        body["belongs_to_refs"] = json!([network]);
    }
    bundle.observable(kind_of(one.family), &["value"], body)
}

/// `ipv4-addr` or `ipv6-addr`.
fn kind_of(family: &str) -> &'static str {
    if family == "ipv6" {
        "ipv6-addr"
    } else {
        "ipv4-addr"
    }
}

/// What was seen from there: each trip with its ports in full, else all of an actor's as one.
fn observed(
    bundle: &mut Bundle<'_>,
    findings: &Findings,
    one: &IndicatorFinding,
    address: &str,
) -> Vec<String> {
    let mut groups: Vec<(&str, Vec<&TripFinding>)> = Vec::new();
    let mut order: BTreeMap<&str, usize> = BTreeMap::new();
    for position in &one.members {
        let trip = &findings.trips[*position];
        let key = if trip.full.is_some() {
            &trip.id
        } else {
            &trip.actor
        };
        let index = *order.entry(key).or_insert_with(|| {
            groups.push((key, Vec::new()));
            groups.len() - 1
        });
        groups[index].1.push(trip);
    }
    let mut out = Vec::new();
    for (key, trips) in groups {
        let mut seen = vec![address.to_owned()];
        seen.extend(
            trips
                .iter()
                .filter_map(|trip| traffic(bundle, trip, address)),
        );
        let first = &trips[0].time;
        let last = trips.iter().map(|trip| trip.last.as_str()).max();
        let uses: u64 = trips.iter().map(|trip| trip.uses).sum();
        out.push(bundle.domain(
            "observed-data",
            &[&one.source, key],
            first,
            json!({
                "first_observed": first,
                "last_observed": last.map_or(first.as_str(), |last| later(first, last)),
                "number_observed": uses.clamp(1, MOST),
                "object_refs": seen,
            }),
        ));
    }
    out
}

/// The connection of a trip; only the full profile knows its ports. Not what was asked for over it: that holds third
/// parties' numbers and texts, and is in reports for authorities.
fn traffic(bundle: &mut Bundle<'_>, trip: &TripFinding, address: &str) -> Option<String> {
    let full = trip.full.as_ref()?;
    let here = full.socket.ip().to_canonical();
    let family = if here.is_ipv4() { "ipv4" } else { "ipv6" };
    let here = bundle.observable(
        kind_of(family),
        &["value"],
        json!({ "value": here.to_string() }),
    );
    let mut protocols = vec![trip.family, trip.transport];
    protocols.extend(registered(&trip.listener));
    let start = bundle::shortest(&full.time_precise);
    let mut body = json!({
        "start": start,
        "src_ref": address,
        "dst_ref": here,
        "dst_port": full.socket.port(),
        "protocols": protocols,
    });
    if full.source_port != 0 {
        body["src_port"] = json!(full.source_port);
    }
    let contributing = [
        "start",
        "src_ref",
        "dst_ref",
        "src_port",
        "dst_port",
        "protocols",
    ];
    Some(bundle.observable("network-traffic", &contributing, body))
}

/// The name under which IANA has a listener's protocol.
fn registered(listener: &str) -> Option<&'static str> {
    Some(match listener {
        "http" | "http-proxy" => "http",
        "mssql" => "ms-sql-s",
        "mysql" => "mysql",
        "postgres" => "postgresql",
        "redis" => "redis",
        "mongodb" => "mongodb",
        "ssh" => "ssh",
        "ftp" => "ftp",
        "ldap" => "ldap",
        "amqp" => "amqp",
        "smtp" => "smtp",
        "dns" => "domain",
        _ => return None,
    })
}

fn indicator(bundle: &mut Bundle<'_>, one: &IndicatorFinding) -> String {
    let (kind, test) = if one.prefix {
        ("anomalous-activity", "ISSUBSET")
    } else {
        ("malicious-activity", "=")
    };
    let mut kinds = vec![kind];
    let mut text = format!(
        "Bait was used from here ({} uses; kinds: {}). {}",
        one.uses,
        one.kinds.join(", "),
        one.caution
    );
    if one.prefix {
        text.push_str(" A whole network: most of its addresses have nothing to do with it.");
    }
    if !one.listed.is_empty() {
        kinds.push("anonymization");
        text.push_str(&format!(" Many may share it: {}.", one.listed.join(", ")));
    }
    if !one.handshakes.is_empty() {
        text.push_str(&format!(" JA4: {}.", one.handshakes.join(", ")));
    }
    bundle.domain(
        "indicator",
        &[&one.source],
        &one.first,
        json!({
            "name": format!("Use of bait from {}", one.source),
            "description": text,
            "indicator_types": kinds,
            "pattern": format!("[{}:value {test} '{}']", kind_of(one.family), one.source),
            "pattern_type": "stix",
            "pattern_version": "2.1",
            "valid_from": one.first,
            "valid_until": one.until,
            "confidence": LOW,
        }),
    )
}

/// One thing to another: source, what it is to it, target; and how that is meant.
fn relationship(bundle: &mut Bundle<'_>, first: &str, link: (&str, &str, &str), meant: &str) {
    let (source, word, target) = link;
    let body = json!({
        "relationship_type": word,
        "source_ref": source,
        "target_ref": target,
        "description": meant,
        "confidence": LOW,
    });
    bundle.domain("relationship", &[source, word, target], first, body);
}

/// The report over everything, and the note on what it does not show.
fn closing(bundle: &mut Bundle<'_>, findings: &Findings) {
    let staged = if findings.exercise { "EXERCISE: " } else { "" };
    let text = format!("{} {}", findings.caution, findings.summary.join(" "));
    let everything = bundle.everything();
    let mut kinds = vec!["observed-data"];
    if findings.indicators.iter().any(|one| !one.exercise) {
        kinds.push("indicator");
    }
    let report = bundle.domain(
        "report",
        &[&findings.generated],
        &findings.generated,
        json!({
            "name": format!("{staged}Use of bait, report of {}", findings.generated),
            "description": text.trim(),
            "published": millis(&findings.generated),
            "report_types": kinds,
            "object_refs": everything,
        }),
    );
    let mut content = vec![
        findings.caution.to_owned(),
        "An intrusion set stands for what uses have in common. Who was behind them is not known from this evidence, and this bundle does not say.".to_owned(),
        findings.integrity.statement.clone(),
        findings.integrity.limits.to_owned(),
    ];
    let left = findings.withheld.iter();
    content.extend(left.map(|one| format!("Left out: {} (uses: {}).", one.text, one.count)));
    content.extend(findings.attribution.iter().cloned());
    bundle.domain(
        "note",
        &[&findings.generated],
        &findings.generated,
        json!({
            "abstract": "What this does not show",
            "content": content.join("\n"),
            "object_refs": [report],
        }),
    );
}

/// The end of a stretch of time; no stretch ends before it begins.
fn later<'a>(first: &'a str, last: &'a str) -> &'a str {
    if last < first { first } else { last }
}
