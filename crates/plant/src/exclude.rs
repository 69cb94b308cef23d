//! What is planted in databases, as predicates and views that leave it out, from the records alone.

use std::collections::BTreeMap;

use lapwing_core::Placement;

use crate::error::PlantError;
use crate::table::exclude::{Exclusion, Ours};
use crate::table::life;
use crate::{canonical_target, target};

/// How the owner's own jobs leave out what these placements hold: one entry a table, all placements in it
/// counted. `within` keeps only the tables of one target, or of one database (a target without a table).
///
/// # Errors
/// A placement's record cannot be understood.
pub fn exclusions(
    placements: &[Placement],
    within: Option<&str>,
) -> Result<Vec<Exclusion>, PlantError> {
    let asked = within.map(Asked::read);
    let mut databases: BTreeMap<&str, Database> = BTreeMap::new();
    // Of one that another host is to plant nothing is known before it reports.
    let known = |placement: &&Placement| !placement.target_kind.is_empty();
    for placement in placements.iter().filter(known) {
        let Some(dialect) = target::named(placement)?.dialect() else {
            continue;
        };
        if !placement.target.contains(['?', '&']) || !placement.target.contains("table=") {
            continue;
        }
        let database = databases.entry(database(&placement.target)).or_default();
        life::name_rows(placement, &mut database.tables)?;
        let mut own = BTreeMap::new();
        if asked.as_ref().is_none_or(|asked| asked.includes(placement)) {
            life::name_rows(placement, &mut own)?;
        }
        database.wanted.extend(own.into_keys());
        database.dialect = Some(dialect);
    }
    let mut out = Vec::new();
    for (name, database) in databases {
        let Some(dialect) = database.dialect else {
            continue;
        };
        for (table, ours) in database.tables {
            if database.wanted.contains(&table) {
                out.extend(ours.exclusion(dialect, name, &table));
            }
        }
    }
    Ok(out)
}

/// Everything planted in one database.
#[derive(Default)]
struct Database {
    dialect: Option<crate::table::dialect::Dialect>,
    tables: BTreeMap<String, Ours>,
    wanted: std::collections::BTreeSet<String>,
}

/// A recorded target without its table.
fn database(target: &str) -> &str {
    let end = target.rfind("table=").unwrap_or(target.len());
    target[..end].trim_end_matches(['?', '&'])
}

/// What the operator named.
enum Asked {
    Target(String),
    Database(String),
}

impl Asked {
    fn read(text: &str) -> Self {
        if let Ok(target) = canonical_target(text).as_deref()
            && target.contains("table=")
        {
            return Self::Target(target.to_owned());
        }
        let joint = if text.contains('?') { '&' } else { '?' };
        let whole = canonical_target(&format!("{text}{joint}table=t"));
        Self::Database(whole.map_or_else(|_| text.to_owned(), |whole| database(&whole).to_owned()))
    }

    fn includes(&self, placement: &Placement) -> bool {
        match self {
            Self::Target(target) => placement.target == *target,
            Self::Database(name) => database(&placement.target) == name,
        }
    }
}
