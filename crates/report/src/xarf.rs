//! XARF 4.2.0: one abuse report per source address and line, for the network's own abuse desk.
//!
//! A report in the sense of the standard is one JSON object about one `source_identifier`; its parsers
//! take one at a time and it has no container. So each line is a whole report, to be sent by itself,
//! and of a single source the whole file is one. The desk has to find a customer by address, port and
//! time: there is no masked XARF.
//!
//! What was presented is a credential: `login_attack`. That type requires a source port. Where none is
//! known, or an address was opened that only a copy of the bait could give, it is `reconnaissance`.
//!
//! `confidence` is left out: the schema has 0 to 1, the standard's own library reads whole numbers only,
//! and gives no report where it finds a fraction.
//!
//! Evidence is a table of times, ports and digests, and then each request as it was sent, as far as the schema has
//! room: 50 pieces of at most 5 MiB. One that is kept whole or not at all has the digest that the table says.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use data_encoding::{BASE64, HEXLOWER};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::findings::{Findings, FullTrip, IndicatorFinding, TripFinding};
use crate::{Format, Profile, Report, ReportError, ids};

/// The format.
pub(crate) const FORMAT: Format = Format {
    name: "xarf",
    summary: "XARF 4.2.0 abuse reports, one per source address and line; only in full",
    extension: "xarf.ndjson",
    render,
};

const VERSION: &str = "4.2.0";
/// Rows of a table of evidence: 5 MiB are allowed, a row has less than 300 bytes.
const ROWS: usize = 15_000;
/// Pieces of evidence, and bytes of one, that the schema allows.
const PIECES: usize = 50;
const PIECE: usize = 5_242_880;
/// Bytes of all requests in a report: mail takes little more.
const PIECES_BYTES: usize = 2 * PIECE;
/// Longest organisation, in characters.
const LONG_NAME: usize = 200;

fn render(report: &Report, profile: Profile) -> Result<Vec<u8>, ReportError> {
    if profile == Profile::Masked {
        return Err(ReportError::XarfMasked);
    }
    let findings = Findings::for_programs(report, profile);
    let reporter = reporter(&findings).ok_or_else(|| ReportError::Contact {
        contact: findings.contact.clone(),
    })?;
    let raws: Raws<'_> = report
        .trips
        .iter()
        .filter_map(|one| Some((one.trip.id.to_string(), one.raw.as_deref()?)))
        .collect();
    let mut out = Vec::new();
    for one in &findings.indicators {
        serde_json::to_writer(&mut out, &abuse(&findings, one, &reporter, &raws))?;
        out.push(b'\n');
    }
    Ok(out)
}

/// Who complains, and sends it. `None` if there is no usable address to answer to.
fn reporter(findings: &Findings) -> Option<Value> {
    let contact = findings.contact.trim();
    let (local, domain) = contact.rsplit_once('@')?;
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && (label.bytes()).all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".!#$%&'*+-/=?^_`{|}~".contains(&byte);
    let dots = !local.starts_with('.') && !local.ends_with('.') && !local.contains("..");
    let usable = (1..=64).contains(&local.len())
        && local.bytes().all(plain)
        && dots
        && domain.len() <= 253
        && domain.contains('.')
        && domain.split('.').all(label);
    let name = match findings.operator.trim() {
        "" => domain,
        name => name,
    };
    let name: String = name.chars().take(LONG_NAME).collect();
    usable.then(|| json!({ "org": name, "contact": contact, "domain": domain }))
}

/// A trip with what only the full profile has.
type Use<'a> = (&'a TripFinding, &'a FullTrip);

/// Requests as they were sent, by the trip's id.
type Raws<'a> = BTreeMap<String, &'a [u8]>;

fn abuse(findings: &Findings, one: &IndicatorFinding, reporter: &Value, raws: &Raws<'_>) -> Value {
    let trips = one
        .members
        .iter()
        .map(|position| &findings.trips[*position]);
    let uses: Vec<Use<'_>> = trips
        .filter_map(|trip| Some((trip, trip.full.as_ref()?)))
        .collect();
    // The report is about one moment, which port and time must agree on: the first with a port.
    let chosen = uses.iter().find(|(_, full)| full.source_port != 0);
    let (trip, full) = *chosen
        .or(uses.first())
        .expect("an indicator is made from trips, which are shown in full here");
    let id = ids::derived(
        findings,
        &[
            "xarf",
            &one.source,
            &one.first,
            &one.last,
            &one.uses.to_string(),
        ],
    );
    let mut report = json!({
        "xarf_version": VERSION,
        "report_id": id,
        "timestamp": full.time_precise,
        "reporter": reporter,
        "sender": reporter,
        "source_identifier": one.source,
        "category": "connection",
        "type": "reconnaissance",
        "evidence_source": "honeypot",
        "protocol": trip.transport,
        "first_seen": one.first,
        "last_seen": one.last,
        "description": description(one, trip),
        "tags": tags(one),
        "evidence": evidence(&uses, trip, raws),
    });
    if full.source_port != 0 {
        report["source_port"] = json!(full.source_port);
    }
    let here = full.socket;
    if is_public(here.ip().to_canonical()) {
        report["destination_ip"] = json!(here.ip().to_canonical().to_string());
        report["destination_port"] = json!(here.port());
    }
    if full.source_port != 0 && uses.iter().any(|(trip, _)| trip.credential) {
        report["type"] = json!("login_attack");
    } else {
        reconnaissance(&mut report, &uses);
    }
    report
}

fn reconnaissance(report: &mut Value, uses: &[Use<'_>]) {
    let mut calls: Vec<&str> = uses.iter().map(|(trip, _)| trip.call.as_str()).collect();
    calls.sort_unstable();
    calls.dedup();
    calls.truncate(100);
    report["probed_resources"] = json!(calls);
    report["resource_categories"] = json!(["credential_files"]);
    let total: u64 = uses.iter().map(|(trip, _)| trip.uses).sum();
    report["total_probes"] = json!(total);
}

fn tags(one: &IndicatorFinding) -> Vec<&'static str> {
    let mut tags = vec!["source:honeytoken", "tlp:amber"];
    if one.exercise {
        tags.push("lifecycle:test");
    }
    tags
}

/// At most 1,000 characters.
fn description(one: &IndicatorFinding, trip: &TripFinding) -> String {
    let mut text = String::new();
    if one.exercise {
        text.push_str("EXERCISE: staged, addresses are made up; nobody need act. ");
    }
    let uses = match one.uses {
        1 => "once".to_owned(),
        uses => format!("{uses} times"),
    };
    let _ = write!(
        text,
        "Credentials or records that were planted as bait, and that nobody has a reason to use, were used from this address {uses} between {} and {}. Whoever did so has read or received a copy of what was broken into. The host may itself be broken into, or an exit that many share: please look at the attached times and ports. {}",
        one.first, one.last, one.caution
    );
    if trip.transport == "udp" {
        text.push_str(" A datagram's sender can be forged.");
    }
    if !one.listed.is_empty() {
        let _ = write!(
            text,
            " Published lists have the address as: {}.",
            one.listed.join(", ")
        );
    }
    text.chars().take(1_000).collect()
}

/// The table of all uses, then requests as sent: that of the report's own moment first, each once.
fn evidence(uses: &[Use<'_>], moment: &TripFinding, raws: &Raws<'_>) -> Vec<Value> {
    let mut out = vec![table(uses)];
    let (mut seen, mut room) = (BTreeSet::new(), PIECES_BYTES);
    let (first, others): (Vec<&Use<'_>>, Vec<_>) =
        uses.iter().partition(|(trip, _)| trip.id == moment.id);
    for (trip, full) in first.into_iter().chain(others) {
        let Some(raw) = raws.get(&trip.id) else {
            continue;
        };
        let fits = raw.len() <= PIECE.min(room) && out.len() < PIECES;
        if !fits || !seen.insert(full.raw_sha256.as_deref()) {
            continue;
        }
        room -= raw.len();
        let says = format!(
            "Request as sent at {}, source port {} (0: not told)",
            full.time_precise, full.source_port
        );
        // RFC 9112, section 10.1; frames of HTTP/2 and whatever else are bytes.
        let sort = if trip.protocol.starts_with("http/1") {
            "message/http"
        } else {
            "application/octet-stream"
        };
        out.push(piece(sort, &says, raw));
    }
    out
}

/// Times, ports and digests of every use.
fn table(uses: &[Use<'_>]) -> Value {
    let mut table =
        "time_utc,last_utc,uses,source_port,protocol,transport,destination_port,request_sha256\r\n"
            .to_owned();
    for (trip, full) in uses.iter().take(ROWS) {
        let digest = full.raw_sha256.as_deref().unwrap_or_default();
        let _ = write!(
            table,
            "{},{},{},{},{},{},{},{digest}\r\n",
            full.time_precise,
            trip.last,
            trip.uses,
            full.source_port,
            word(&trip.protocol),
            trip.transport,
            full.socket.port(),
        );
    }
    let left = uses.len().saturating_sub(ROWS);
    let mut says =
        "Every use: time, source port (0: not told), SHA-256 of the request as kept".to_owned();
    if left > 0 {
        let _ = write!(says, "; {left} further rows left out");
    }
    piece("text/csv", &says, table.as_bytes())
}

fn piece(sort: &str, says: &str, content: &[u8]) -> Value {
    json!({
        "content_type": sort,
        "description": says,
        "payload": BASE64.encode(content),
        "hash": format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(content))),
        "size": content.len(),
    })
}

/// A protocol's name as a cell that needs no quoting.
fn word(text: &str) -> String {
    let plain = |c: &char| c.is_ascii_alphanumeric() || "/.-_".contains(*c);
    let text = text.trim_start_matches('-');
    text.chars().filter(plain).take(40).collect()
}

/// Whether others reach an address of ours: behind a proxy the station's own says nothing to them.
fn is_public(address: std::net::IpAddr) -> bool {
    match address {
        std::net::IpAddr::V4(v4) => {
            !(v4.is_private() || v4.is_loopback() || v4.is_unspecified() || v4.is_link_local())
        }
        std::net::IpAddr::V6(v6) => {
            let local = v6.is_unique_local() || v6.is_unicast_link_local();
            !(local || v6.is_loopback() || v6.is_unspecified())
        }
    }
}
