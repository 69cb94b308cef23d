//! A bundle as it grows: objects in the order they are made, each once, all with the same marking.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::findings::Findings;
use crate::ids;

/// TLP 2.0 as a marking (OASIS extension definition of the Traffic Light Protocol).
const TLP: &str = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d";
const CLEAR: &str = "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487";
const AMBER: &str = "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421";
/// What has no time of its own is the same thing in every report, and so has one time in all of them.
const ALWAYS: &str = "2026-01-01T00:00:00Z";

pub(super) struct Bundle<'a> {
    findings: &'a Findings,
    marking: &'static str,
    identity: String,
    objects: Vec<Value>,
    seen: BTreeSet<String>,
}

impl<'a> Bundle<'a> {
    /// A bundle with its marking and the operator's identity.
    pub(super) fn new(findings: &'a Findings) -> Self {
        let (marking, colour) = match findings.tlp {
            "TLP:CLEAR" => (CLEAR, "clear"),
            _ => (AMBER, "amber"),
        };
        let mut bundle = Self {
            findings,
            marking,
            identity: String::new(),
            objects: vec![json!({
                "type": "marking-definition",
                "spec_version": "2.1",
                "id": marking,
                "created": "2022-10-01T00:00:00.000Z",
                "name": findings.tlp,
                "extensions": { TLP: { "extension_type": "property-extension", "tlp_2_0": colour } },
            })],
            seen: BTreeSet::new(),
        };
        let name = match findings.operator.as_str() {
            "" => format!("Operator of station {}", findings.station),
            name => name.to_owned(),
        };
        let mut body = json!({ "name": name, "identity_class": "organization" });
        if !findings.contact.is_empty() {
            body["contact_information"] = json!(findings.contact);
        }
        let parts = [name.as_str(), &findings.contact];
        bundle.identity = bundle.id("identity", &parts, ALWAYS);
        bundle.constant("identity", &parts, body);
        bundle
    }

    /// Who says all this.
    pub(super) fn identity(&self) -> String {
        self.identity.clone()
    }

    /// The ids of all objects but the marking.
    pub(super) fn everything(&self) -> Vec<Value> {
        let objects = self.objects[1..].iter();
        objects.map(|object| object["id"].clone()).collect()
    }

    /// Adds a domain object or relationship. `parts` tell it from others of its kind, `created` is the time (RFC
    /// 3339, seconds) that goes with it: as long as neither changes it is the same object, as of this report.
    pub(super) fn domain(
        &mut self,
        kind: &str,
        parts: &[&str],
        created: &str,
        body: Value,
    ) -> String {
        let modified = self.findings.generated.clone();
        let modified = if modified.as_str() < created {
            created
        } else {
            &modified
        };
        self.add_domain(kind, parts, (created, modified), body)
    }

    /// Adds a domain object that is the same in every report.
    pub(super) fn constant(&mut self, kind: &str, parts: &[&str], body: Value) -> String {
        self.add_domain(kind, parts, (ALWAYS, ALWAYS), body)
    }

    fn add_domain(
        &mut self,
        kind: &str,
        parts: &[&str],
        times: (&str, &str),
        body: Value,
    ) -> String {
        let id = self.id(kind, parts, times.0);
        let mut object = json!({
            "type": kind,
            "spec_version": "2.1",
            "id": id,
            "created": millis(times.0),
            "modified": millis(times.1),
            "created_by_ref": self.identity,
            "object_marking_refs": [self.marking],
        });
        // What is always the same is not itself part of an exercise.
        if self.findings.exercise && times.0 != ALWAYS {
            object["labels"] = json!(["exercise"]);
        }
        self.add(id, object, body)
    }

    /// Adds an observable, whose id follows from the properties named.
    pub(super) fn observable(&mut self, kind: &str, contributing: &[&str], body: Value) -> String {
        let mut name = json!({});
        for property in contributing {
            if let Some(value) = body.get(property) {
                name[*property] = value.clone();
            }
        }
        let id = ids::observable(kind, &name);
        let object = json!({
            "type": kind,
            "spec_version": "2.1",
            "id": id,
            "object_marking_refs": [self.marking],
        });
        self.add(id, object, body)
    }

    fn add(&mut self, id: String, mut object: Value, body: Value) -> String {
        if self.seen.insert(id.clone())
            && let Value::Object(members) = body
        {
            for (name, value) in members {
                object[name] = value;
            }
            self.objects.push(object);
        }
        id
    }

    fn id(&self, kind: &str, parts: &[&str], created: &str) -> String {
        let mut all = vec!["stix", kind, self.findings.tlp, created];
        all.extend(parts);
        format!("{kind}--{}", ids::derived(self.findings, &all))
    }

    /// The bundle.
    pub(super) fn value(self) -> Value {
        let id = self.id("bundle", &[], &self.findings.generated);
        json!({ "type": "bundle", "id": id, "objects": self.objects })
    }
}

/// A time with milliseconds, as `created`, `modified` and `published` have to have them.
pub(super) fn millis(time: &str) -> String {
    format!("{}.000Z", time.trim_end_matches('Z'))
}

/// A time without the zeros at the end of its fraction: so libraries write it before they derive an id.
pub(super) fn shortest(time: &str) -> String {
    let plain = time.trim_end_matches('Z');
    let plain = if plain.contains('.') {
        plain.trim_end_matches('0').trim_end_matches('.')
    } else {
        plain
    };
    format!("{plain}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_length_they_have_to_have() {
        assert_eq!(millis("2026-11-20T22:41:13Z"), "2026-11-20T22:41:13.000Z");
        for (time, expect) in [
            ("2026-11-20T22:41:13.120000Z", "2026-11-20T22:41:13.12Z"),
            ("2026-11-20T22:41:10.000000Z", "2026-11-20T22:41:10Z"),
            ("2026-11-20T22:41:13.000001Z", "2026-11-20T22:41:13.000001Z"),
        ] {
            assert_eq!(shortest(time), expect);
        }
    }
}
