//! What the operator should know of a kind before its canaries are used.

use std::collections::BTreeMap;

use lapwing_catalog::{Catalog, Field, Kind};
use lapwing_core::Trigger;

use crate::output;

/// Says what this kind will not do for the operator, and what is made up that need not be.
pub(crate) fn warn(catalog: &Catalog, kind: &Kind, set: &BTreeMap<String, String>) {
    if kind.trigger == Trigger::Provider {
        output::say(&format!(
            "warning: only the vendor would see a use of {}; nothing would be reported here",
            kind.id
        ));
        let companion = kind.companion.as_deref().and_then(|id| catalog.kind(id));
        if let Some(companion) = companion {
            output::say(&format!(
                "  hint: plant {} with it or in its place: {}",
                companion.id, companion.summary
            ));
        }
    }
    // A record is made up from end to end.
    let record = kind.class == "record";
    let made_up = |field: &&Field| field.settable && !record && !set.contains_key(&field.name);
    for field in kind.fields.iter().filter(made_up) {
        output::say(&format!(
            "note: {} is made up; --set {}=.. makes it your own",
            field.name, field.name
        ));
    }
}
