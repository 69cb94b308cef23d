//! `lapwing audit`: would anybody who looks for bait find ours? Looks at what is planted under a path,
//! and at any file, by published detectors' rules. Nothing is looked up, tried or changed.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::UNIX_EPOCH;

use anstyle::AnsiColor;
use lapwing_catalog::Catalog;
use lapwing_core::bounded::{MAX_FILE, read_file};
use lapwing_core::text::escape;
use lapwing_core::{CanaryId, Placement, PlacementState};
use lapwing_plant::{Auditor, Remark, Subject};
use lapwing_store::Ledger;
use serde_json::json;

use crate::args::{Audit, Global};
use crate::context::Context;
use crate::failure::{Advice, Exit};
use crate::output::{self, colour};

/// Most files beside one whose times are compared.
const MOST_NEIGHBOURS: usize = 1000;
/// Shortest planted value that is looked at.
const SHORTEST_VALUE: usize = 6;

pub(crate) fn run(global: &Global, args: &Audit) -> anyhow::Result<Exit> {
    let Audit { paths } = args;
    let context = Context::open(global)?;
    let catalog = context.catalog()?;
    let ledger = context.ledger()?;
    let planted = Planted::read(&ledger, &catalog)?;
    let auditor = Auditor::new(&catalog);
    let (mut findings, mut targets) = (Vec::new(), 0);
    for path in paths {
        for (target, whole) in planted.targets(path)? {
            targets += 1;
            let remarks = planted.audit(&auditor, &target, whole)?;
            findings.extend(remarks.into_iter().map(|remark| (target.clone(), remark)));
        }
    }
    print(global.json, &findings)?;
    let count = |number: usize, word: &str| match number {
        1 => format!("1 {word}"),
        number => format!("{number} {word}s"),
    };
    output::say(&format!(
        "{} looked at, {}; no host was looked up and no key was tried",
        count(targets, "target"),
        count(findings.len(), "finding")
    ));
    Ok(if findings.is_empty() {
        Exit::Fine
    } else {
        Exit::Found
    })
}

/// What stands where, by the ledger.
pub(super) struct Planted {
    /// Standing placements with the values that were planted and are keys or handles.
    standing: Vec<(Placement, Vec<String>)>,
    /// All values of each canary that are long enough to tell its lines by.
    values: HashMap<CanaryId, Vec<String>>,
    /// Targets of each canary.
    places: HashMap<CanaryId, Vec<String>>,
}

impl Planted {
    pub(super) fn read(ledger: &Ledger, catalog: &Catalog) -> anyhow::Result<Self> {
        let (mut standing, mut places) = (Vec::new(), HashMap::<_, Vec<String>>::new());
        let mut all = HashMap::new();
        for placement in ledger.placements()? {
            if !matches!(
                placement.state,
                PlacementState::Planted | PlacementState::Intended
            ) {
                continue;
            }
            let canary = ledger.canary(placement.canary)?;
            let values = canary.map_or_else(Vec::new, |canary| {
                let long = canary
                    .fields
                    .values()
                    .filter(|it| it.len() >= SHORTEST_VALUE);
                all.insert(canary.id, long.cloned().collect());
                let kind = catalog.kind(&canary.kind);
                let tells = |name: &str| {
                    !name.starts_with("beacon.")
                        && kind
                            .and_then(|kind| kind.field(name))
                            .is_some_and(|field| field.handle || field.secret)
                };
                let fields = canary.fields.into_iter();
                fields
                    .filter(|(name, value)| tells(name) && value.len() >= SHORTEST_VALUE)
                    .map(|(_, value)| value)
                    .collect()
            });
            let at = places.entry(placement.canary).or_default();
            at.push(placement.target.clone());
            standing.push((placement, values));
        }
        Ok(Self {
            standing,
            values: all,
            places,
        })
    }

    /// What a path names: itself, wholly, if it is a file; what is planted below it if it is a
    /// directory; a target of the ledger.
    fn targets(&self, path: &str) -> anyhow::Result<Vec<(String, bool)>> {
        let known = lapwing_plant::canonical_target(path).unwrap_or_else(|_| path.to_owned());
        let about = fs::metadata(path);
        if about.as_ref().is_ok_and(fs::Metadata::is_file) {
            return Ok(vec![(known, true)]);
        }
        let below = Path::new(&known);
        let mut targets: Vec<(String, bool)> = self
            .standing
            .iter()
            .map(|(placement, _)| placement.target.as_str())
            .filter(|target| *target == known || file_of(target).starts_with(below))
            .map(|target| (target.to_owned(), false))
            .collect();
        targets.sort();
        targets.dedup();
        if targets.is_empty() && about.is_err() {
            return Err(Advice::error(
                format!("{path:?} is no file or directory, and nothing is planted there"),
                "`lapwing places` lists what is planted where",
            ));
        }
        Ok(targets)
    }

    fn audit(
        &self,
        auditor: &Auditor<'_>,
        target: &str,
        whole: bool,
    ) -> anyhow::Result<Vec<Remark>> {
        let here: Vec<_> = self
            .standing
            .iter()
            .filter(|(placement, _)| placement.target == target)
            .collect();
        let values: Vec<String> = here.iter().flat_map(|(_, values)| values.clone()).collect();
        let path = file_of(target);
        let is_database = is_database(target);
        let bytes = if is_database {
            Vec::new()
        } else {
            read_file(path, MAX_FILE).map_err(|error| {
                Advice::error(
                    format!("cannot read {}: {error}", path.display()),
                    "`lapwing check` says what became of what was planted",
                )
            })?
        };
        let modified = if is_database { None } else { time_of(path) };
        let mut remarks = auditor.audit(&Subject {
            name: target,
            bytes: &bytes,
            planted: &values,
            whole,
            modified,
            neighbours: &neighbours(path),
        });
        for (placement, _) in here {
            remarks.extend(self.twice(auditor, placement));
        }
        Ok(remarks)
    }

    fn twice(&self, auditor: &Auditor<'_>, placement: &Placement) -> Vec<Remark> {
        let places = self.places.get(&placement.canary).into_iter().flatten();
        let others = places.filter(|place| **place != placement.target);
        others.map(|other| auditor.twice(other)).collect()
    }

    /// What has turned around one placement: its neighbours, modes, and times if the file is
    /// `unchanged` (the owner's own edits are no riddle). What cannot be read is nothing to remark on.
    pub(super) fn beside(
        &self,
        auditor: &Auditor<'_>,
        placement: &Placement,
        unchanged: bool,
    ) -> Vec<Remark> {
        let mut remarks = lapwing_plant::exposed(placement);
        remarks.extend(self.twice(auditor, placement));
        let known = self.values.get(&placement.canary);
        let path = file_of(&placement.target);
        if let (Some(values), false) = (known, is_database(&placement.target))
            && let Ok(bytes) = read_file(path, MAX_FILE)
        {
            remarks.extend(auditor.surroundings(&Subject {
                name: &placement.target,
                bytes: &bytes,
                planted: values,
                whole: false,
                modified: time_of(path).filter(|_| unchanged),
                neighbours: &neighbours(path),
            }));
        }
        remarks.sort();
        remarks.dedup();
        remarks
    }
}

/// Whether a target is a table and no file of text.
fn is_database(target: &str) -> bool {
    target.starts_with("sqlite:") || target.contains("://")
}

/// The file of a target.
fn file_of(target: &str) -> &Path {
    let path = target.strip_prefix("sqlite:").unwrap_or(target);
    Path::new(
        path.split('?')
            .next()
            .filter(|_| path.len() < target.len())
            .unwrap_or(path),
    )
}

/// Times of the other files in the directory.
fn neighbours(path: &Path) -> Vec<i64> {
    let Some(entries) = path.parent().and_then(|parent| fs::read_dir(parent).ok()) else {
        return Vec::new();
    };
    let others = entries.flatten().map(|entry| entry.path());
    others
        .filter(|other| other != path && other.is_file())
        .take(MOST_NEIGHBOURS)
        .filter_map(|other| time_of(&other))
        .collect()
}

fn time_of(path: &Path) -> Option<i64> {
    let modified = fs::metadata(path).ok()?.modified().ok()?;
    let since = modified.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok()
}

fn print(as_json: bool, findings: &[(String, Remark)]) -> anyhow::Result<()> {
    if as_json {
        let rows: Vec<_> = findings
            .iter()
            .map(|(target, remark)| {
                json!({
                    "target": target, "line": (remark.line > 0).then_some(remark.line),
                    "rule": remark.rule, "what": remark.what, "source": remark.source,
                    "advice": remark.advice,
                })
            })
            .collect();
        return output::json(&rows);
    }
    let head = colour(AnsiColor::Yellow);
    for (target, remark) in findings {
        let place = match remark.line {
            0 => escape(target.as_bytes()),
            line => format!("{}:{line}", escape(target.as_bytes())),
        };
        // What was seen may be the words of whoever wrote the file.
        let what = escape(remark.what.as_bytes());
        output::line(&format!("{place}: {head}{}{head:#}: {what}", remark.rule))?;
        output::line(&format!("  who looks: {}", remark.source))?;
        output::line(&format!("  what to do: {}", remark.advice))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_names_its_file() {
        let check = |target: &str, file: &str| assert_eq!(file_of(target), Path::new(file));
        check("/srv/app/.env", "/srv/app/.env");
        check("/srv/what?/.env", "/srv/what?/.env");
        check("sqlite:/srv/a.db?table=users", "/srv/a.db");
    }
}
