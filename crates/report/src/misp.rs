//! A MISP event (core format): sources as `ip-port` objects, with what is known of their networks and
//! handshakes, and an annotation that says what it is and is not.
//!
//! Objects follow the templates of misp-objects, by name, UUID and version. Only a whole address of no
//! exercise that no list calls shared is marked `to_ids`: a prefix, a VPN exit or a JA4 would point at
//! everybody else behind it. Whoever imports the event decides on its distribution; it leaves here
//! unpublished.

use serde_json::{Map, Value, json};

use crate::findings::{Findings, IndicatorFinding};
use crate::{Format, Profile, Report, ReportError, ids};

/// The format.
pub(crate) const FORMAT: Format = Format {
    name: "misp",
    summary: "a MISP event: source addresses, networks, JA4",
    extension: "misp.json",
    render,
};

/// An object template: its name, UUID, version and meta-category.
struct Template {
    name: &'static str,
    uuid: &'static str,
    version: &'static str,
    category: &'static str,
}

const IP_PORT: Template = Template {
    name: "ip-port",
    uuid: "9f8cea74-16fe-4968-a2b4-026676949ac6",
    version: "10",
    category: "network",
};
const ASN: Template = Template {
    name: "asn",
    uuid: "4ec55cc6-9e49-4c64-b794-03c25c1a6587",
    version: "6",
    category: "network",
};
const JA4: Template = Template {
    name: "ja4-plus",
    uuid: "2c15c75e-e7db-4b62-8d17-633e7571818f",
    version: "2",
    category: "network",
};
const GEOLOCATION: Template = Template {
    name: "geolocation",
    uuid: "cd6f2238-ba55-4888-82c4-104e6e1acf21",
    version: "8",
    category: "misc",
};
const ANNOTATION: Template = Template {
    name: "annotation",
    uuid: "5d8dc046-15a1-4ca3-a09f-ed4ede7c4487",
    version: "3",
    category: "misc",
};

/// Ports of one source that are listed; times tell more than a long list.
const PORTS: usize = 100;

fn render(report: &Report, profile: Profile) -> Result<Vec<u8>, ReportError> {
    let findings = Findings::for_programs(report, profile);
    let time = report.generated.seconds().to_string();
    let event = Event {
        findings: &findings,
        time: &time,
    };
    let mut out = serde_json::to_vec_pretty(&json!({ "Event": event.value() }))?;
    out.push(b'\n');
    Ok(out)
}

struct Event<'a> {
    findings: &'a Findings,
    /// When the report was made, in seconds.
    time: &'a str,
}

impl Event<'_> {
    fn value(&self) -> Value {
        let findings = self.findings;
        let first = findings
            .indicators
            .first()
            .map_or(&findings.generated, |one| &one.first);
        let staged = if findings.exercise { "EXERCISE: " } else { "" };
        let mut objects = vec![self.annotation()];
        for one in &findings.indicators {
            objects.extend(self.source(one));
        }
        json!({
            "uuid": self.id(&["event", &findings.generated]),
            "info": format!("{staged}Use of bait, report of {}", findings.generated),
            "date": first.get(..10),
            "timestamp": self.time,
            "published": false,
            "analysis": "2",
            // Undefined: how bad it is, whoever reads it knows.
            "threat_level_id": "4",
            "distribution": "0",
            "Orgc": { "uuid": self.id(&["organisation"]), "name": self.organisation() },
            "Tag": self.tags(),
            "Attribute": [],
            "Object": objects,
        })
    }

    fn organisation(&self) -> String {
        match self.findings.operator.as_str() {
            "" => format!("station {}", self.findings.station),
            name => name.to_owned(),
        }
    }

    fn tags(&self) -> Value {
        let mut tags = vec![
            json!({ "name": self.findings.tlp.to_lowercase() }),
            json!({ "name": "estimative-language:confidence-in-analytic-judgment=\"low\"" }),
        ];
        if self.findings.exercise {
            tags.push(json!({ "name": "exercise" }));
        }
        Value::Array(tags)
    }

    /// What the event is, its caution, and what it leaves out.
    fn annotation(&self) -> Value {
        let findings = self.findings;
        let mut text = vec![
            "Sources from which bait was used: made-up credentials and records that nobody has a reason to use.".to_owned(),
            findings.caution.to_owned(),
        ];
        text.extend(findings.summary.iter().cloned());
        let left = findings.withheld.iter();
        text.extend(left.map(|one| format!("Left out: {} (uses: {}).", one.text, one.count)));
        let attributes = vec![
            Attribute::new("type", "text", "Other", "Disclaimer"),
            Attribute::new("format", "text", "Other", "text"),
            Attribute::new("text", "text", "Other", text.join("\n")),
        ];
        self.object(&ANNOTATION, &["annotation"], findings.caution, attributes)
    }

    fn source(&self, one: &IndicatorFinding) -> Vec<Value> {
        let mut objects = vec![self.ip_port(one)];
        if let Some(asn) = one.asn {
            let mut attributes = vec![Attribute::new(
                "asn",
                "AS",
                "Network activity",
                format!("AS{asn}"),
            )];
            let name = one.as_name.iter();
            attributes
                .extend(name.map(|name| Attribute::new("description", "text", "Other", name)));
            objects.push(self.object(&ASN, &[&one.source], "", attributes));
        }
        if let Some(country) = &one.country {
            let attributes = vec![
                Attribute::new("countrycode", "text", "Other", country),
                Attribute::new("text", "text", "Other", one.caution),
            ];
            objects.push(self.object(&GEOLOCATION, &[&one.source], one.caution, attributes));
        }
        for ja4 in &one.handshakes {
            let attributes = vec![
                Attribute::new("ja4-fingerprint", "text", "Other", ja4),
                Attribute::new("ja4-type", "text", "Other", "JA4"),
                Attribute::new("ip-src", "ip-src", "Network activity", &one.source),
            ];
            let comment = "A program's handshake, shared by everyone who uses that program.";
            objects.push(self.object(&JA4, &[&one.source, ja4], comment, attributes));
        }
        objects
    }

    fn ip_port(&self, one: &IndicatorFinding) -> Value {
        let ids = !one.exercise && !one.prefix && one.listed.is_empty();
        let network = "Network activity";
        let mut attributes = vec![
            Attribute::new("ip-src", "ip-src", network, &one.source).marked(ids),
            Attribute::new("first-seen", "datetime", "Other", &one.first),
            Attribute::new("last-seen", "datetime", "Other", &one.last),
            Attribute::new("text", "text", "Other", self.words(one)),
        ];
        let trips = one
            .members
            .iter()
            .map(|position| &self.findings.trips[*position]);
        let fulls: Vec<_> = trips
            .clone()
            .filter_map(|trip| trip.full.as_ref())
            .collect();
        let port = |name: &'static str, ports: Vec<u16>| {
            let ports = ports.into_iter().filter(|port| *port != 0).take(PORTS);
            ports.map(move |port| Attribute::new(name, "port", network, port.to_string()))
        };
        attributes.extend(port(
            "src-port",
            numbers(fulls.iter().map(|full| full.source_port)),
        ));
        attributes.extend(port(
            "dst-port",
            numbers(fulls.iter().map(|full| full.socket.port())),
        ));
        if let Some(trip) = trips.clone().next() {
            attributes.push(Attribute::new("protocol", "text", "Other", trip.transport));
        }
        if let Some(asn) = one.asn {
            attributes.push(Attribute::new("AS", "AS", network, format!("AS{asn}")));
        }
        let country = one.country.iter();
        attributes
            .extend(country.map(|code| Attribute::new("country-code", "text", "Other", code)));
        self.object(&IP_PORT, &[&one.source], one.caution, attributes)
    }

    fn words(&self, one: &IndicatorFinding) -> String {
        let staged = if one.exercise { "EXERCISE. " } else { "" };
        let mut text = format!(
            "{staged}{} uses by {} (a pattern of use, not a person), kinds of bait: {}. Not to be relied on after {}.",
            one.uses,
            one.actors.join(", "),
            one.kinds.join(", "),
            one.until
        );
        if one.prefix {
            text.push_str(" A whole network: most of its addresses have nothing to do with it.");
        }
        if !one.listed.is_empty() {
            text.push_str(&format!(" Many may share it: {}.", one.listed.join(", ")));
        }
        text
    }

    /// `parts` tell it from others of its template.
    fn object(
        &self,
        template: &Template,
        parts: &[&str],
        comment: &str,
        attributes: Vec<Attribute>,
    ) -> Value {
        let parts: Vec<&str> = [template.name].iter().chain(parts).copied().collect();
        let attributes: Vec<Value> = attributes
            .into_iter()
            .map(|attribute| attribute.value(self, &parts))
            .collect();
        json!({
            "uuid": self.id(&parts),
            "name": template.name,
            "meta-category": template.category,
            "description": template.name,
            "template_uuid": template.uuid,
            "template_version": template.version,
            "timestamp": self.time,
            "distribution": "5",
            "comment": comment,
            "Attribute": attributes,
        })
    }

    fn id(&self, parts: &[&str]) -> String {
        let parts: Vec<&str> = ["misp", self.findings.tlp]
            .iter()
            .chain(parts)
            .copied()
            .collect();
        ids::derived(self.findings, &parts).to_string()
    }
}

/// One attribute of an object.
struct Attribute {
    relation: &'static str,
    kind: &'static str,
    category: &'static str,
    value: String,
    to_ids: bool,
}

impl Attribute {
    fn new(
        relation: &'static str,
        kind: &'static str,
        category: &'static str,
        value: impl Into<String>,
    ) -> Self {
        Self {
            relation,
            kind,
            category,
            value: value.into(),
            to_ids: false,
        }
    }

    fn marked(mut self, to_ids: bool) -> Self {
        self.to_ids = to_ids;
        self
    }

    fn value(self, event: &Event<'_>, object: &[&str]) -> Value {
        let parts = [object, &[self.relation, &self.value]].concat();
        let mut members = Map::new();
        members.insert("uuid".to_owned(), json!(event.id(&parts)));
        members.insert("object_relation".to_owned(), json!(self.relation));
        members.insert("type".to_owned(), json!(self.kind));
        members.insert("category".to_owned(), json!(self.category));
        members.insert("value".to_owned(), json!(self.value));
        members.insert("to_ids".to_owned(), json!(self.to_ids));
        members.insert(
            "disable_correlation".to_owned(),
            json!(self.kind != "ip-src"),
        );
        members.insert("distribution".to_owned(), json!("5"));
        members.insert("timestamp".to_owned(), json!(event.time));
        Value::Object(members)
    }
}

/// Each number once, in order.
fn numbers(all: impl Iterator<Item = u16>) -> Vec<u16> {
    let all: std::collections::BTreeSet<u16> = all.collect();
    all.into_iter().collect()
}
