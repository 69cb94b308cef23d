//! Puts canaries into files and databases, checks them, takes them out.
//!
//! Rules this crate keeps:
//! - [`plan`] reads and edits in memory only; [`Plan::apply`] writes, in one step a file.
//! - What is added to a file is one run of bytes, or a few. Each is proven, by a parser that did not
//!   make the edit, to be the only difference in meaning; taking them out gives the old bytes back.
//! - Nothing that exists is touched; no name is a default or mentioned by the tree around.
//! - No copy of the owner's content is kept: a placement holds our bytes and digests.

mod audit;
mod bait;
mod diff;
mod disk;
mod error;
mod exclude;
mod login;
mod mask;
mod names;
mod table;
mod target;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use lapwing_catalog::Kind;
use lapwing_core::{Canary, Placement, PlacementState, Site, Timestamp};
use serde::{Deserialize, Serialize};

pub use crate::audit::{Auditor, Remark, Subject};
pub use crate::bait::Wish;
pub use crate::diff::{Diff, Line, Sign};
pub use crate::error::{PlantError, Problem};
pub use crate::exclude::exclusions;
pub use crate::names::Surroundings;
pub use crate::table::exclude::Exclusion;
pub use crate::target::{TARGETS, Target};

/// What is to be planted: a canary and the kind that knows its shapes.
#[derive(Clone, Copy)]
pub struct Bait<'a> {
    /// The kind.
    pub kind: &'a Kind,
    /// The canary, minted for this one place.
    pub canary: &'a Canary,
}

/// The operator's wishes for one planting.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Options {
    /// The sort of the target (a name in [`TARGETS`]), where neither name nor content tells it.
    pub format: Option<String>,
    /// Where in the target: for YAML and JSON the path of a mapping, or of the new key in one
    /// (`services.sms`); for INI the section's name; for env files the role.
    pub key: Option<String>,
    /// The role that goes into names (`legacy`); drawn from the kind's own if `None`.
    pub role: Option<String>,
    /// Allows names that programs read by default or that the tree refers to, and rows in tables
    /// whose triggers would run.
    pub danger_default: bool,
    /// Shows the owner's values in the diff.
    pub show: bool,
    /// The operator's domain for made-up e-mail addresses.
    pub mail_domain: Option<String>,
    /// Fields of the canary that the operator has set: they stay as they are, whatever neighbours have.
    pub kept: BTreeSet<String>,
    /// Triggers of a table that may run, by name.
    pub danger_triggers: BTreeSet<String>,
    /// A placement at the same target whose place the new one takes. In a file that is one step, and
    /// the names stay ([`Placement::supersedes`]); elsewhere both stand until the old one is uprooted.
    pub replaces: Option<Placement>,
    /// What files around mention, for many plantings in one run; `None` reads them each time.
    #[serde(skip)]
    pub surroundings: Option<Surroundings>,
}

/// What stands at a placement's target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    /// Ours is there and the target is as we left it.
    Present,
    /// Ours is there; the owner has changed something else.
    Moved,
    /// Ours has been altered.
    Changed,
    /// Nothing of ours is there.
    Missing,
    /// Ours is there in part, or wholly although the planting was never confirmed.
    HalfPlanted,
}

impl Condition {
    /// The word for it: `present`, `moved`, `changed`, `missing`, `half-planted`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Moved => "moved",
            Self::Changed => "changed",
            Self::Missing => "missing",
            Self::HalfPlanted => "half-planted",
        }
    }
}

impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// An edit that has been worked out and proven, and not yet made.
pub struct Plan {
    placement: Placement,
    diff: Diff,
    notes: Vec<String>,
    refined: BTreeMap<String, String>,
    files: Vec<PathBuf>,
    work: Box<dyn Work>,
}

/// Whether something is done, or only worked out and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Run {
    Rehearse,
    Write,
}

/// The part of a plan that only its target understands.
pub(crate) trait Work {
    /// Writes. May complete the placement's detail (a row's key).
    fn write(&self, placement: &mut Placement) -> Result<(), PlantError>;
}

impl Plan {
    /// The placement to record before [`Plan::apply`]: state `Intended`, target and detail filled.
    #[must_use]
    pub const fn placement(&self) -> &Placement {
        &self.placement
    }

    /// What would change, the owner's values masked unless asked for.
    #[must_use]
    pub const fn diff(&self) -> &Diff {
        &self.diff
    }

    /// What the operator should know of it, a sentence each (a reserved telephone number, a file
    /// that comes into being); often none.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Fields of the canary whose values were fitted to the neighbours of a row: the canary must be
    /// recorded with these.
    #[must_use]
    pub const fn refined(&self) -> &BTreeMap<String, String> {
        &self.refined
    }

    /// The placement, for what only the caller knows of it: what was asked for, why.
    pub const fn placement_mut(&mut self) -> &mut Placement {
        &mut self.placement
    }

    /// The files it writes; none where it writes to a database.
    #[must_use]
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Writes it, if the target is still as it was read, and reads it back.
    ///
    /// # Errors
    /// The target was changed meanwhile, or the system or database refused. Then nothing is written.
    pub fn apply(self, now: Timestamp) -> Result<Placement, PlantError> {
        let mut placement = self.placement;
        self.work.write(&mut placement)?;
        placement.state = PlacementState::Planted;
        placement.planted = Some(now);
        Ok(placement)
    }
}

/// What an uprooting has done.
#[derive(Clone, Debug)]
pub struct Uprooted {
    /// The placement, state `Uprooted`.
    pub placement: Placement,
    /// What went, the owner's values masked.
    pub diff: Diff,
}

/// Works out how to plant `bait` in `target` (a path, or `sqlite:PATH?table=NAME`). Touches nothing.
///
/// # Errors
/// The target is of no known sort, cannot be read, has no place for this kind, or would be harmed;
/// the name exists, or is a default.
pub fn plan(target: &str, bait: &Bait<'_>, options: &Options) -> Result<Plan, PlantError> {
    plan_wish(target, &Wish::of(bait).keeping(&options.kept), options)
}

/// As [`plan`], from the values and their shapes alone.
///
/// # Errors
/// As [`plan`].
pub fn plan_wish(target: &str, wish: &Wish, options: &Options) -> Result<Plan, PlantError> {
    let canonical = canonical_target(target)?;
    if let Some(role) = &options.role {
        check_role(&canonical, role)?;
    }
    let sort = target::choose(&canonical, options.format.as_deref())?;
    // A password in an address, and what is to be made there, are part of what was typed only.
    let target = if canonical.contains("://") || sort.dialect().is_some() {
        target
    } else {
        &canonical
    };
    sort.plan(target, wish, options)
}

/// Refuses a role that cannot be part of a name.
fn check_role(place: &str, role: &str) -> Result<(), PlantError> {
    if names::is_role(role) {
        return Ok(());
    }
    let what = format!("{role:?} cannot be part of a name");
    let hint = "a role is a word of letters and digits, or several with - or _ between them: \
                `legacy`, `backup_2`";
    Err(PlantError::Refused(Problem::new(place, what).hint(hint)))
}

/// Says what stands at a placement's target now. Changes nothing.
///
/// # Errors
/// The target cannot be read (missing is not an error), or the record cannot be understood.
pub fn check(placement: &Placement) -> Result<Condition, PlantError> {
    here(placement)?;
    target::named(placement)?.check(placement)
}

/// The files of this host that hold a placement, or held it; the database's own file for a row in SQLite,
/// none for a row in a server.
#[must_use]
pub fn files(placement: &Placement) -> Vec<std::path::PathBuf> {
    if here(placement).is_err() {
        return Vec::new();
    }
    if let Some(rest) = placement.target.strip_prefix("sqlite:") {
        let path = rest.rsplit_once('?').map_or(rest, |(path, _)| path);
        return vec![path.into()];
    }
    text::files(placement)
}

/// Remarks on files of a placement that more people may read or write than when it was planted.
#[must_use]
pub fn exposed(placement: &Placement) -> Vec<Remark> {
    if here(placement).is_err() {
        return Vec::new();
    }
    text::exposed(placement)
}

/// Takes a placement out: exactly what was put in, and only if it is still ours. `force` also takes
/// out what has been altered, as far as it can be told from what is the owner's.
///
/// # Errors
/// Nothing of ours is there, it has been altered and `force` is not set, or it cannot be told apart.
/// Then nothing is written.
pub fn uproot(placement: &Placement, force: bool, now: Timestamp) -> Result<Uprooted, PlantError> {
    here(placement)?;
    let diff = target::named(placement)?.uproot(placement, force, Run::Write)?;
    let mut placement = placement.clone();
    placement.state = PlacementState::Uprooted;
    placement.uprooted = Some(now);
    Ok(Uprooted { placement, diff })
}

/// Refuses a placement of another host.
fn here(placement: &Placement) -> Result<(), PlantError> {
    match Site::of(&placement.target) {
        None => Ok(()),
        Some((site, _)) => {
            let what = format!("stands on another host, {site}");
            Err(PlantError::Target(Problem::new(&placement.target, what)))
        }
    }
}

/// A table of a database, as far as choosing one needs.
#[derive(Clone, Debug)]
pub struct Listed {
    /// As [`plan`] takes it: with the password, if the address had one.
    pub target: String,
    /// Its name, with its schema where it has one.
    pub name: String,
    /// The names of the columns that can be written.
    pub columns: Vec<String>,
}

/// Lists the tables of a database: `sqlite:PATH`, or a server's address without a table. Reads only.
///
/// # Errors
/// It is no database, or cannot be read.
pub fn tables(database: &str) -> Result<Vec<Listed>, PlantError> {
    target::tables(database)
}

/// What [`uproot`] would take out. Changes nothing.
///
/// # Errors
/// As for [`uproot`].
pub fn rehearse_uproot(placement: &Placement, force: bool) -> Result<Diff, PlantError> {
    here(placement)?;
    target::named(placement)?.uproot(placement, force, Run::Rehearse)
}

/// Removes what a process that was killed in the moment of writing this placement left beside its
/// files; nothing of the files themselves.
///
/// # Errors
/// It cannot be removed, or the record cannot be understood.
pub fn sweep(placement: &Placement) -> Result<(), PlantError> {
    here(placement)?;
    target::named(placement)?.sweep(placement)
}

/// The one way a target is written in a placement: its absolute path with all links followed, or
/// `sqlite:/path?table=name`.
///
/// # Errors
/// It is no path, its directory does not exist, or it leads through a link others could have laid.
pub fn canonical_target(target: &str) -> Result<String, PlantError> {
    target::canonical(target)
}

#[cfg(test)]
mod tests;
