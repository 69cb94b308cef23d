//! Ids that formats want, derived instead of drawn: the same report gives the same bytes, and what
//! two reports of one station have in common has one id in both.
//!
//! STIX 2.1 section 2.9 gives observables a UUIDv5 over their canonical JSON (RFC 8785). For all else
//! its validator, MISP and XARF expect the form of a UUIDv4: 122 bits of a SHA-256 in that form.

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use uuid::{Builder, Uuid};

use crate::findings::Findings;

/// The namespace of STIX observables (STIX 2.1 section 2.9).
const OBSERVABLES: Uuid = Uuid::from_u128(0x00ab_edb4_aa42_466c_9c01_fed2_3315_a9b7);

/// The id of a thing that a station's report speaks of: `parts` say which, the first what sort.
/// Stations differ by their public keys.
pub(crate) fn derived(findings: &Findings, parts: &[&str]) -> Uuid {
    let mut digest = Sha256::new();
    let station = [&findings.station, &findings.integrity.public_key];
    for part in station
        .into_iter()
        .map(String::as_str)
        .chain(parts.iter().copied())
    {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.finalize()[..16]);
    Builder::from_random_bytes(bytes).into_uuid()
}

/// The id of a STIX observable by those of its properties that make it what it is.
pub(crate) fn observable(kind: &str, contributing: &Value) -> String {
    let name = canonical(contributing);
    format!("{kind}--{}", Uuid::new_v5(&OBSERVABLES, name.as_bytes()))
}

/// JSON as RFC 8785 has it, for values without fractions.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
            let members = members.into_iter().map(|(name, value)| {
                format!("{}:{}", Value::from(name.as_str()), canonical(value))
            });
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        plain => plain.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The example of STIX 2.1 section 2.9, and what the reference library gives.
    #[test]
    fn observables_have_the_ids_that_others_give_them() {
        assert_eq!(
            observable("ipv4-addr", &json!({"value": "198.51.100.3"})),
            "ipv4-addr--28bb3599-77cd-5a82-a950-b5bc3caf07c4"
        );
    }

    #[test]
    fn members_are_in_order() {
        let value = json!({"b": [1, {"z": null, "a": "\u{7}é\""}], "a": true});
        assert_eq!(
            canonical(&value),
            "{\"a\":true,\"b\":[1,{\"a\":\"\\u0007é\\\"\",\"z\":null}]}"
        );
    }
}
