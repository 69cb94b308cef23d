//! What is planted in databases, as predicates and views that leave it out, from the records alone.

use std::collections::{BTreeMap, BTreeSet};

use lapwing_core::Placement;

use crate::error::PlantError;
use crate::table::exclude::{Exclusion, Ours};
use crate::table::life;
use crate::target::PassedOver;
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
    let mut groups: BTreeMap<(String, String), Keys> = BTreeMap::new();
    // Of one that another host is to plant nothing is known before it reports.
    let known = |placement: &&Placement| !placement.target_kind.is_empty();
    for placement in placements.iter().filter(known) {
        let sort = target::named(placement)?;
        if let Some(passed_over) = sort.passed_over(placement) {
            let PassedOver {
                database,
                group,
                key,
            } = passed_over?;
            let place = database.clone();
            let keys = groups.entry((database, group)).or_default();
            keys.wanted |= asked
                .as_ref()
                .is_none_or(|asked| asked.includes(placement, &place));
            keys.names.insert(key);
        }
        let Some(dialect) = sort.dialect() else {
            continue;
        };
        if !placement.target.contains(['?', '&']) || !placement.target.contains("table=") {
            continue;
        }
        let database = databases.entry(database(&placement.target)).or_default();
        life::name_rows(placement, &mut database.tables)?;
        let mut own = BTreeMap::new();
        let place = self::database(&placement.target);
        if asked
            .as_ref()
            .is_none_or(|asked| asked.includes(placement, place))
        {
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
    let wanted = groups.into_iter().filter(|(_, keys)| keys.wanted);
    out.extend(wanted.map(|((database, table), keys)| keys.exclusion(database, table)));
    Ok(out)
}

/// Everything planted in one database.
#[derive(Default)]
struct Database {
    dialect: Option<crate::table::dialect::Dialect>,
    tables: BTreeMap<String, Ours>,
    wanted: BTreeSet<String>,
}

/// Keys of ours in one group.
#[derive(Default)]
struct Keys {
    names: BTreeSet<String>,
    wanted: bool,
}

impl Keys {
    fn exclusion(self, database: String, table: String) -> Exclusion {
        let names: Vec<String> = self.names.iter().map(|name| format!("{name:?}")).collect();
        Exclusion {
            database,
            table,
            rows: names.len(),
            predicate: format!("key not in [{}]", names.join(", ")),
            view: None,
        }
    }
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
        let target = canonical_target(text).unwrap_or_default();
        let keys = target.starts_with("redis:");
        if target.contains("table=") || (keys && target.contains("key=")) {
            return Self::Target(target);
        }
        if keys {
            return Self::Database(target);
        }
        let joint = if text.contains('?') { '&' } else { '?' };
        let whole = canonical_target(&format!("{text}{joint}table=t"));
        Self::Database(whole.map_or_else(|_| text.to_owned(), |whole| database(&whole).to_owned()))
    }

    /// Whether a placement in this database is asked for.
    fn includes(&self, placement: &Placement, database: &str) -> bool {
        match self {
            Self::Target(target) => placement.target == *target,
            Self::Database(name) => database == name,
        }
    }
}
