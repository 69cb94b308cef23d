//! Whether two kinds would take one value for theirs.

use std::collections::BTreeMap;

use super::Findings;
use crate::fit::Fit;
use crate::format::Format;
use crate::kind::{Field, Kind};

/// How many values of each field are tried.
const TRIED: usize = 10;

/// A handle whose shape alone says what it is must not have the shape of another kind's handle. Kinds of
/// one vendor share the shapes of their ids; only their secrets have to differ.
pub(super) fn claims(samples: &[(&Kind, Vec<BTreeMap<String, String>>)], findings: &mut Findings) {
    let handles: Vec<(&Kind, &Field)> = samples
        .iter()
        .flat_map(|(kind, _)| kind.fields.iter().map(|field| (*kind, field)))
        .filter(|(_, field)| field.handle)
        .collect();
    for (kind, minted) in samples {
        let distinctive =
            |field: &&Field| field.handle && field.shapes.iter().all(Format::is_distinctive);
        for field in kind.fields.iter().filter(distinctive) {
            let values: Vec<&str> = minted
                .iter()
                .take(TRIED)
                .filter_map(|fields| fields.get(&field.name).map(String::as_str))
                .collect();
            for (other, theirs) in &handles {
                let related = vendor(kind) == vendor(other) && !(field.secret && theirs.secret);
                if other.id != kind.id && !related && is_claimed(theirs, &values) {
                    findings.add(
                        kind,
                        format!(
                            "{} is also claimed by {} of {}",
                            field.name, theirs.name, other.id
                        ),
                        "make one of the formats tighter",
                    );
                }
            }
        }
    }
}

/// The first word of its name.
fn vendor(kind: &Kind) -> &str {
    kind.name.split(' ').next().unwrap_or_default()
}

fn is_claimed(field: &Field, values: &[&str]) -> bool {
    let shapes = field.shapes.iter().filter(|shape| shape.is_distinctive());
    shapes
        .into_iter()
        .any(|shape| values.iter().any(|value| shape.fit(value) == Fit::Full))
}
